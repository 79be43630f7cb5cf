//! Calls that are put aside, and calls that somebody takes.

use expect_test::expect;

use super::queue::WAITS;
use super::script::{Run, after, config, run};
use super::talk::talks;

/// Up to a caller whom anna has parked; boris sits at s2.
fn parked() -> String {
    format!("0 seat boris s2\n{}\n20000 b1 transfer *68\n20010 b1 ended\n20020 b1 figures", talks())
}

/// Boris has dialled the code at s2 and hears us.
fn dials(digits: &str) -> String {
    format!("30000 station a2 s2 *69{digits}\n30001 recorded c2\n30010 a2 agreed")
}

#[test]
fn an_agent_parks_his_caller_by_a_transfer_and_is_free() {
    expect![[r#"
        20000  b1 transfer done
               c1 acd: anna released
               b1 end 200/16 transferred
               * c1 a1 in parked
               a1 hears nobody
               a1 hears salsa looped
        20010  * c1 b1 ended 200/16 normal by Agent
        20020  * c1 b1 figures
    "#]]
    .assert_eq(&after(
        &format!("0 seat boris s2\n{}", talks()),
        "20000 b1 transfer *68
         20010 b1 ended
         20020 b1 figures",
    ));
}

#[test]
fn a_colleague_takes_it_by_the_code_and_its_record_goes_on() {
    expect![[r#"
        30020  * c2 a2 ended 200/16 transferred by Agent
               * c1 a2 began s2 to *69 Agent(boris, s2)
               * c1 a2 answered
               c1 acd: boris joined
               s2 has 0
               * c1 a1 in talk boris
               * c1 a2 in talk boris
               a1 hears a2 and is heard
               * c2 ended answered by Agent
        60000  * c1 a1 ended 200/16 peer by Caller
               c1 acd: boris released
               a2 end 200/16 normal
        60010  * c1 a2 ended 200/16 normal by Caller
    "#]]
    .assert_eq(&after(&format!("{}\n{}", parked(), dials("")), "30020 take a2 c1\n60000 a1 bye\n60010 a2 ended"));
}

#[test]
fn whom_nobody_takes_goes_back_to_his_queue_with_his_age_and_whoever_parked_him_is_asked_first() {
    let mut run = Run::new(config());
    run.script(&format!("{}\n139999 pass", parked()));
    assert_eq!(run.calls.rows(run.now).next().unwrap().stage, "parked");
    let row = run.calls.rows(run.now).next().unwrap();
    let parked = row.parked.unwrap();
    assert_eq!(
        (parked.0, parked.1.as_millis(), parked.2.as_millis()),
        (1, 119_999, 1),
        "two minutes, by configuration"
    );
    run.last.clear();
    run.script("140001 pass");
    assert_eq!(run.calls.rows(run.now).next().unwrap().stage, "waiting");
    let entered = run.last.iter().find_map(|effect| match effect {
        crate::CallEffect::Acd { tell: crate::AcdTell::Enter { owner, credit_ms, .. }, .. } => {
            Some((*owner, *credit_ms))
        }
        _ => None,
    });
    let (owner, credit_ms) = entered.expect("it enters again");
    assert_eq!((owner.map(|agent| agent.to_string()).as_deref(), credit_ms), (Some("anna"), 140_000));
    assert_eq!(run.calls.parked_in(None), None, "its slot is free");
}

#[test]
fn who_hangs_up_while_parked_was_answered_and_leaves_his_slot_free() {
    expect![[r#"
        25000  * c1 a1 ended 200/16 peer by Caller
        25010  * c1 a1 figures
               * c1 ended answered by Caller
    "#]]
    .assert_eq(&after(
        &parked(),
        "25000 a1 bye
         25010 a1 figures",
    ));
    let mut run = Run::new(config());
    run.script(&format!("{}\n25000 a1 bye", parked()));
    assert_eq!(run.calls.parked_in(Some(1)), None);
}

#[test]
fn a_call_that_waits_is_taken_out_of_its_queue_and_the_phone_being_rung_for_it_is_told() {
    let before = format!("0 seat boris s2\n{WAITS}\n7000 acd c1 offer anna s1 5\n7100 b1 ringing\n{}", dials("70"));
    expect![[r#"
        30020  b1 end 200/26 completed-elsewhere
               * c2 a2 ended 200/16 transferred by Agent
               * c1 a2 began s2 to *6970 Agent(boris, s2)
               * c1 a2 answered
               c1 acd: boris joined
               s2 has 0
               * c1 a1 in talk boris
               * c1 a2 in talk boris
               a1 hears a2 and is heard
               * c2 ended answered by Agent
    "#]]
    .assert_eq(&after(&before, "30020 take a2 c1"));
}

#[test]
fn a_station_without_an_agent_may_take_one_too_and_the_acd_only_loses_it() {
    let before = format!("{WAITS}\n30000 station a2 s3 *6970\n30001 recorded c2");
    expect![[r#"
        30020  c1 acd: leave withdrawn
               * c2 a2 ended 200/16 transferred by Agent
               * c1 a2 began s3 to *6970 Station(s3)
               * c1 a2 answered
               * c1 a1 in talk outside
               * c1 a2 in talk outside
               a1 hears a2 and is heard
               * c2 ended answered by Agent
    "#]]
    .assert_eq(&after(&before, "30020 take a2 c1"));
}

#[test]
fn what_is_gone_or_talks_is_not_taken() {
    for (before, wanted) in [(talks(), "c1"), (format!("{}\n25000 a1 bye\n25001 a1 figures", parked()), "c1")] {
        let got = after(&format!("{before}\n{}", dials("")), &format!("30020 take a2 {wanted}"));
        assert!(got.contains("a2 hears no\n") && !got.contains("c1"), "{got}");
    }
}

#[test]
fn pulled_by_command_the_agents_phone_rings_and_if_it_does_not_answer_all_is_as_before() {
    expect![[r#"
        30000  * c1 b2 began 600111222 to s2 Agent(boris, s2)
               s2 has 1
               b2 dial s2 from 600111222 like a1
               * c1 a1 in ivr
               * c1 b2 in ring boris
               a1 hears ringback
        30100  * c1 b2 rings
        32000  * c1 b2 answered
               c1 acd: boris joined
               s2 has 0
               * c1 a1 in talk boris
               * c1 b2 in talk boris
               a1 hears b2 and is heard
        40000  * c1 b2 ended 200/16 peer by Agent
               c1 acd: boris released
               a1 end 200/16 normal
    "#]]
    .assert_eq(&after(
        &parked(),
        "30000 pull c1 boris
         30100 b2 ringing
         32000 b2 answered
         40000 b2 bye",
    ));
    // From a queue's conversation it goes back to the queue, from any other into a slot.
    let got = after(&parked(), "30000 pull c1 boris\n30100 b2 refused 486");
    assert!(got.contains("c1 acd: enter sales"), "{got}");
    let private = "0 seat boris s2\n0 station a1 s3 1001\n1 recorded c1\n2 b1 answered\n100 park c1\n101 b1 ended\n102 b1 figures";
    let mut run = Run::new(config());
    run.script(&format!("{private}\n200 pull c1 boris"));
    assert_eq!(run.calls.parked_in(Some(1)), None);
    run.script("300 b2 refused 486");
    assert_eq!(run.calls.parked_in(Some(1)), Some(run.call("c1")));
    // Nobody takes that one either: it rings where it was parked.
    run.printed.clear();
    run.script("120300 pass");
    assert!(run.printed.contains("dial s1 from s3"), "{}", run.printed);
}

#[test]
fn slots_are_named_bounded_and_taken_once() {
    let mut config = config();
    config.park.slots = 2;
    let mut run = Run::new(config);
    // A call for each of three phones; each parks its caller.
    run.script(
        "0 station a1 s3 1001\n1 recorded c1\n2 b1 answered\n10 station a2 s3 1002\n11 recorded c2\n12 b2 answered",
    );
    run.script("20 station a3 s1 1003\n21 recorded c3\n22 b3 answered");
    run.printed.clear();
    run.script("100 b1 transfer *682\n110 b2 transfer *682\n120 b2 transfer *683\n130 b2 transfer *68x\n140 b2 transfer *68\n150 b3 transfer *68");
    let told: Vec<&str> =
        run.printed.lines().filter(|line| line.contains(" transfer ")).map(|l| l[7..].trim()).collect();
    assert_eq!(
        told,
        [
            "b1 transfer done",
            "b2 transfer failed 486", // taken
            "b2 transfer failed 404", // no such slot
            "b2 transfer failed 404",
            "b2 transfer done",       // the first that is free
            "b3 transfer failed 486", // none is
        ]
    );
    let call = |name: &str| run.call(name);
    assert_eq!([1, 2, 3].map(|slot| run.calls.parked_in(Some(slot))), [Some(call("c2")), Some(call("c1")), None]);
    assert_eq!(run.calls.parked_in(None), Some(call("c1")), "the first that was parked");
    assert_eq!(
        run.calls.may_park(call("c3"), None).unwrap_err().to_string(),
        "every slot is taken; calls.park_slots says how many there are"
    );
    assert_eq!(
        run.calls.may_park(call("c3"), Some(2)).unwrap_err().to_string(),
        "slot 2 is taken; name another, or none"
    );
    assert!(run.calls.may_park(call("c1"), None).is_err() && run.calls.may_park(call("c3"), Some(9)).is_err());
    let boris = turno_base::AgentId::new("boris").unwrap();
    assert!(run.calls.may_pull(call("c3"), boris).is_err() && run.calls.may_pull(call("c1"), boris).is_err());
}

#[test]
fn without_slots_or_a_code_nothing_is_parked() {
    let mut none = config();
    none.park.slots = 0;
    let mut run = Run::new(none);
    run.script(&format!("{}\n20000 b1 transfer *68", talks()));
    assert!(run.printed.contains("b1 transfer failed 486"), "{}", run.printed);
    let mut none = config();
    none.codes.park = String::new();
    let mut run = Run::new(none);
    run.script(&format!("{}\n20000 b1 transfer *68", talks()));
    assert!(run.printed.contains("b1 transfer failed 404"), "{}", run.printed);
}

#[test]
fn a_caller_who_is_parked_asks_for_no_transfer_and_his_keys_are_nobodys() {
    assert_eq!(run(&format!("{}\n--\n25000 a1 key 5", parked())), "");
    let got = after(&parked(), "25000 a1 transfer 70");
    assert!(got.contains("a1 transfer failed 403"), "{got}");
}
