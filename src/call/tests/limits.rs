//! Bounds, operators, faults and restarts.

use expect_test::expect;
use turno_base::Mono;
use turno_base::limits::LEGS_PER_CALL_MAX;

use super::queue::WAITS;
use super::script::{Run, after, config, run};
use super::talk::talks;
use crate::{CALLS_MAX, CallEffect, Calls, DEADLINES_PER_TURN_MAX, LegCommand};

#[test]
fn the_longest_call_allowed_ends_both_legs() {
    expect![[r#"
        7200000 a1 end 200/31 duration-limit
               b1 end 200/31 duration-limit
        7200010 * c1 a1 ended 200/16 normal by Us
        7200020 c1 acd: anna released
               * c1 a1 figures
        7200030 * c1 b1 ended 200/16 normal by Us
        7202030 * c1 ended answered by Us
    "#]]
    .assert_eq(&after(&talks(), "7200000 pass\n7200010 a1 ended\n7200020 a1 figures\n7200030 b1 ended\n7203000 pass"));
}

/// Nothing was heard of him for the last minute: both his and the agent's leg ended then.
#[test]
fn the_longest_call_of_somebody_who_is_no_longer_there_ended_when_he_was_heard_last() {
    expect![[r#"
        7200000 a1 end 200/31 duration-limit
               b1 end 200/31 duration-limit
        7200010 * c1 a1 ended 200/16 normal by Us
        7200020 * c1 a1 heard until 7140000
               * c1 b1 heard until 7140000
               c1 acd: anna released
               * c1 a1 figures
        7200030 * c1 b1 ended 200/16 normal by Us
        7202030 * c1 ended answered by Us
    "#]]
    .assert_eq(&after(
        &talks(),
        "7200000 pass\n7200010 a1 ended\n7200020 a1 figures 7140000\n7200030 b1 ended\n7203000 pass",
    ));
    // He hangs up, or the agent does, before media has said it.
    expect![[r#"
        7200000 a1 end 200/31 duration-limit
               b1 end 200/31 duration-limit
        7200001 * c1 b1 ended 200/16 peer by Us
        7200020 * c1 a1 heard until 7140000
               * c1 b1 heard until 7140000
               c1 acd: anna released
               * c1 a1 figures
    "#]]
    .assert_eq(&after(&talks(), "7200000 pass\n7200001 b1 bye\n7200020 a1 figures 7140000\n7203000 pass"));
    // Media says nothing.
    expect![[r#"
        7200000 a1 end 200/31 duration-limit
               b1 end 200/31 duration-limit
        7200010 * c1 a1 ended 200/16 normal by Us
        7202000 * c1 a1 heard until 7200000
               * c1 b1 heard until 7200000
               c1 acd: anna released
        7202010 * c1 b1 ended 200/16 normal by Us
        7204010 * c1 ended answered by Us
    "#]]
    .assert_eq(&after(&talks(), "7200000 pass\n7200010 a1 ended\n7202000 pass\n7202010 b1 ended\n7205000 pass"));
    // Nor will it: the process is new, or the call failed. Nobody stays with a call that is gone.
    for gone in ["restarted", "fault c1"] {
        let got =
            after(&talks(), &format!("7200000 pass\n7200010 {gone}\n7200020 a1 ended\n7200020 b1 ended\n7203000 pass"));
        assert_eq!(got.matches("c1 acd: anna released").count(), 1, "{gone}: {got}");
        assert!(
            got.contains("7200010 c1 acd: anna released") && got.contains("c1 ended answered by Us"),
            "{gone}: {got}"
        );
    }
}

#[test]
fn a_session_that_nobody_refreshes_ended_when_something_was_heard_last() {
    expect![[r#"
        60010  * c1 a1 heard until 20000
               * c1 b1 heard until 20000
               * c1 a1 ended 408/102 session-expired by Us
               c1 acd: anna released
               b1 end 200/102 session-expired
               * c1 a1 figures
        60020  * c1 b1 ended 200/16 normal by Us
        60030  * c1 b1 figures
               * c1 ended answered by Us
    "#]]
    .assert_eq(&after(
        &talks(),
        "60000 a1 expired\n60010 a1 figures 20000\n60020 b1 ended\n60030 b1 figures\n63000 pass",
    ));
    // Of the agent's phone: the caller goes on.
    expect![[r#"
        60010  * c1 b1 heard until 20000
               * c1 b1 ended 408/102 session-expired by Us
               c1 acd: anna released
               c1 acd: enter sales Anyone gold 4000 tel:+34600111222 credit 60010, rescued, may be called back
               * c1 b1 figures
               * c1 a1 in ivr
               a1 hears nobody
               a1 hears salsa looped
               * c1 a1 in queue sales
               a1 hears cut-off, then salsa looped
    "#]]
    .assert_eq(&after(&talks(), "60000 b1 expired\n60010 b1 figures 20000\n60010 acd c1 entered 1"));
}

#[test]
fn an_operator_ends_a_call_in_any_stage() {
    expect![[r#"
        60000  c1 acd: anna released
               a1 end 200/31 operator
               b1 end 200/31 operator
    "#]]
    .assert_eq(&after(&talks(), "60000 hang-up c1\n60001 hang-up c1"));
    expect![[r#"
        60000  c1 acd: leave withdrawn
               a1 end 200/31 operator
    "#]]
    .assert_eq(&after(WAITS, "60000 hang-up c1"));
    expect![[r#"
        1000   a1 end 480/31 operator
               b1 end 487/31 operator
    "#]]
    .assert_eq(&after("0 station a1 s1 1003", "1000 hang-up c1"));
}

#[test]
fn after_a_restart_every_leg_is_ended_and_every_call_closes_once() {
    expect![[r#"
        20000  c1 acd: anna released
               a1 end 200/41 restart
               b1 end 200/41 restart
               c2 acd: leave failed
               a2 end 200/41 restart
        20010  * c1 a1 ended 200/16 normal by Us
               * c1 b1 ended 200/16 normal by Us
               * c1 ended answered by Us
               * c2 a2 ended 200/16 normal by Us
               * c2 ended failed by Us
    "#]]
    .assert_eq(&after(
        &format!("{}\n10000 trunk a2 900\n10000 known c2\n10000 acd c2 entered 1\n10001 recorded c2", talks()),
        "20000 restarted
         20010 a1 ended
         20010 b1 ended
         20010 a2 ended
         20020 b1 figures",
    ));
}

#[test]
fn a_leg_that_signalling_lost_with_the_restart_is_closed_in_the_end() {
    expect![[r#"
        20000  c1 acd: leave failed
               a1 end 200/41 restart
        84000  * c1 a1 ended 408/102 unreachable by Us
               * c1 ended failed by Us
    "#]]
    .assert_eq(&after(WAITS, "20000 restarted\n84000 pass\n85000 a1 ended"));
}

#[test]
fn a_fault_ends_its_call_and_no_other() {
    expect![[r#"
        7000   c2 acd: leave failed
               a2 end 500/41 fault
        7001   * c2 a2 ended 200/16 normal by Us
               * c2 ended failed by Us
    "#]]
    .assert_eq(&after(
        &format!("{WAITS}\n6500 trunk a2 900\n6500 known c2"),
        "7000 fault c2
         7000 fault c9
         7001 a2 ended",
    ));
}

#[test]
fn a_prompt_whose_end_is_never_told_ends_by_itself() {
    expect![[r#"
        9000   * c1 a1 in ivr sorry
               a1 hears sorry
        309000 a1 end 200/31 overflow
    "#]]
    .assert_eq(&after(WAITS, "9000 acd c1 overflow prompt sorry\n309000 pass"));
}

#[test]
fn a_caller_whom_nobody_looked_up_is_refused() {
    expect![[r#"
        4000   a1 end 503/41 overload
        4001   * c1 a1 ended 200/16 normal by Us
               * c1 ended failed by Us
    "#]]
    .assert_eq(&after("0 trunk a1 900\n1 recorded c1", "4000 pass\n4001 a1 ended"));
}

#[test]
fn a_call_has_so_many_legs_and_no_more() {
    let mut run = Run::new(config());
    run.script(WAITS);
    for n in 1..=LEGS_PER_CALL_MAX {
        run.script(&format!("7000 acd c1 offer anna s1 {n}"));
    }
    assert_eq!(run.calls.sizes().legs, LEGS_PER_CALL_MAX as u64);
    assert!(
        run.printed.ends_with(&format!("c1 acd: anna/{LEGS_PER_CALL_MAX} failed unreachable\n")),
        "{}",
        run.printed
    );
}

#[test]
fn so_many_calls_and_no_more() {
    let mut calls = Calls::new(config(), 1);
    let run = Run::new(config());
    let mut out = Vec::new();
    for n in 0..=CALLS_MAX {
        out.clear();
        calls.on_event(run.event(&format!("trunk a{n} 900")), run.now, &mut out);
    }
    assert!(matches!(*out, [CallEffect::Leg { command: LegCommand::End(cause), .. }] if cause.sip == 503), "{out:?}");
    assert_eq!(calls.sizes().calls, CALLS_MAX as u64);
    // All their look-ups are late at once: so many are served in a turn.
    let mut now = run.now;
    now.mono = Mono::from_ms(4000);
    out.clear();
    calls.on_deadline(now, &mut out);
    let ends = out.iter().filter(|effect| matches!(effect, CallEffect::Leg { command: LegCommand::End(_), .. }));
    assert_eq!(ends.count(), DEADLINES_PER_TURN_MAX);
    assert_eq!(calls.deadline(), Some(Mono::from_ms(4000)));
}

#[test]
fn live_calls_are_shown_with_their_stage() {
    let mut run = Run::new(config());
    let mut stages = Vec::new();
    for step in [
        "0 trunk a1 900",
        "0 known c1\n0 acd c1 entered 1",
        "3 recorded c1\n9 acd c1 offer anna s1 5",
        "10 b1 answered\n10 acd c1 connect anna 5",
        "11 b1 transfer 1003",
        "20 a1 bye",
    ] {
        run.script(step);
        let row = run.calls.rows(run.now).next().unwrap();
        let agent = row.agent.map_or("-".into(), |agent| agent.to_string());
        let queue = row.queue.map_or("-".into(), |queue| queue.to_string());
        stages.push(format!("{} {queue} {agent} {}", row.stage, row.legs));
        assert_eq!(Some(row.call), run.calls.call_of(super::script::leg_id("a1")));
        assert_eq!(run.calls.row(row.call, run.now), Some(row));
    }
    assert_eq!(
        stages,
        [
            "arriving - - 1",
            "waiting sales - 1",
            "offered sales - 2",
            "talking sales anna 2",
            "transferring sales anna 3",
            "ending sales - 2"
        ]
    );
}

#[test]
fn a_new_plan_holds_for_calls_to_come_and_leaves_those_that_are_up() {
    let mut run = Run::new(config());
    run.script(&talks());
    let mut other = config();
    other.routes.clear();
    run.calls.configure(other);
    run.printed.clear();
    run.script("10000 b1 held\n10001 b1 agreed\n10002 trunk a2 900");
    assert!(run.printed.contains("a1 hears b1") && run.printed.contains("a2 end 404/1"), "{}", run.printed);
    assert!(!run.printed.contains("a1 end"), "{}", run.printed);
}

#[test]
fn a_retransmitted_arrival_is_no_second_call() {
    assert_eq!(run("0 trunk a1 900\n--\n1 trunk a1 900"), "");
}
