//! Blind and attended transfers, and who may ask for them.

use expect_test::expect;

use super::queue::WAITS;
use super::script::{after, run};
use super::talk::talks;

/// Up to anna, whose caller is held, talking with boris at s2 from a second call of her phone.
pub(crate) fn consults() -> String {
    format!(
        "0 seat boris s2
        {}
        20000 b1 held
        20100 station a2 s1 1002
        20101 recorded c2
        20200 b2 ringing
        22000 b2 answered",
        talks()
    )
}

#[test]
fn a_consultation_shows_the_agent_consulting_and_ends_without_a_trace_on_the_caller() {
    expect![[r#"
        20100  * c2 arrived s1 to 1002
               * c2 a2 began s1 to 1002 Agent(anna, s1)
               s1 has 1
               c2 record
               * c2 b2 began s1 to s2 Agent(boris, s2)
               s2 has 1
               b2 dial s2 from s1 like a2
               * c2 a2 in ivr
               * c2 b2 in ring boris
               c1 acd: anna consulting
               * c1 b1 in consult anna
        20200  * c2 b2 rings
               a2 ring
        22000  * c2 b2 answered
               a2 answer
               * c2 a2 answered
               * c2 a2 in consult anna
               * c2 b2 in consult anna
               a2 hears b2 and is heard
        30000  * c2 b2 ended 200/16 peer by Agent
               s2 has 0
               a2 end 200/16 normal
        30001  * c2 a2 ended 200/16 normal by Agent
               s1 has 0
               c1 acd: anna holding
               * c1 b1 in hold anna
        31000  c1 acd: anna talking
               * c1 a1 in talk anna
               * c1 b1 in talk anna
               a1 hears b1 and is heard
    "#]]
    .assert_eq(&after(
        &format!("0 seat boris s2\n{}\n20000 b1 held", talks()),
        "20100 station a2 s1 1002
         20101 recorded c2
         20200 b2 ringing
         22000 b2 answered
         30000 b2 bye
         30001 a2 ended
         31000 b1 agreed",
    ));
}

#[test]
fn an_attended_transfer_joins_the_customer_and_the_colleague_in_the_customers_call() {
    expect![[r#"
        30000  b1 transfer done
               b1 end 200/16 transferred
               * c2 b2 ended 200/16 transferred by Agent
               * c1 b2 began s1 to s2 Agent(boris, s2)
               * c1 b2 answered
               c1 acd: boris joined
               c1 acd: anna released
               s2 has 0
               a2 end 200/16 transferred
               * c1 a1 in talk boris
               * c1 b2 in talk boris
               b2 hears nobody
               a1 hears b2 and is heard
        30010  * c1 b1 ended 200/16 normal by Agent
               * c2 a2 ended 200/16 normal by Agent
               s1 has 0
        30020  * c1 b1 figures
               * c2 a2 figures
               * c2 ended answered by Agent
        60000  * c1 b2 ended 200/16 peer by Agent
               c1 acd: boris released
               a1 end 200/16 normal
        60001  * c1 a1 ended 200/16 normal by Agent
        60002  * c1 b2 figures
               * c1 a1 figures
               * c1 ended answered by Agent
    "#]]
    .assert_eq(&after(
        &consults(),
        "30000 b1 transfer 1002 replaces a2
         30010 b1 ended
         30010 a2 ended
         30020 b1 figures
         30020 a2 figures
         60000 b2 bye
         60001 a1 ended
         60002 b2 figures
         60002 a1 figures",
    ));
}

#[test]
fn it_is_the_same_whichever_of_its_calls_the_phone_asks_in() {
    let got = after(
        &consults(),
        "30000 a2 transfer 900 replaces b1\n30010 b1 ended\n30010 a2 ended\n30020 b1 figures\n30020 a2 figures",
    );
    assert!(got.contains("a2 transfer done"), "{got}");
    assert!(got.contains("c1 acd: boris joined") && got.contains("c1 acd: anna released"), "{got}");
    assert!(got.contains("a1 hears b2 and is heard") && got.contains("* c2 ended answered by Agent"), "{got}");
    assert!(got.contains("* c1 b2 began"), "the colleague's leg goes on in the customer's call: {got}");
}

#[test]
fn a_transfer_to_a_colleague_who_still_rings_goes_on_ringing_for_the_customer() {
    expect![[r#"
        21000  b1 transfer done
               b1 end 200/16 transferred
               * c2 b2 ended 200/16 transferred by Agent
               * c1 b2 began s1 to s2 Agent(boris, s2)
               * c1 b2 rings
               c1 acd: anna released
               a2 end 480/16 transferred
               * c1 a1 in ivr
               * c1 b2 in ring boris
               a1 hears ringback
        21010  * c1 b1 ended 200/16 normal by Agent
               * c2 a2 ended 200/16 normal by Agent
               s1 has 0
               * c2 ended cancelled by Agent
        25000  * c1 b2 answered
               c1 acd: boris joined
               s2 has 0
               * c1 a1 in talk boris
               * c1 b2 in talk boris
               a1 hears b2 and is heard
    "#]]
    .assert_eq(&after(
        &format!(
            "0 seat boris s2\n{}\n20000 b1 held\n20100 station a2 s1 1002\n20101 recorded c2\n20200 b2 ringing",
            talks()
        ),
        "21000 b1 transfer 1002 replaces a2
         21010 b1 ended
         21010 a2 ended
         25000 b2 answered",
    ));
}

#[test]
fn if_that_colleague_does_not_answer_the_customer_waits_again() {
    expect![[r#"
        25000  * c1 b2 ended 486/0 peer by Agent
               s2 has 0
               c1 acd: enter sales Anyone gold 4000 tel:+34600111222 credit 25000, may be called back
               a1 hears salsa looped
    "#]]
    .assert_eq(&after(
        &format!(
            "0 seat boris s2\n{}\n20000 b1 held\n20100 station a2 s1 1002\n20101 recorded c2\n20200 b2 ringing
             21000 b1 transfer 1002 replaces a2\n21010 b1 ended\n21010 a2 ended",
            talks()
        ),
        "25000 b2 refused 486",
    ));
}

#[test]
fn a_consultation_that_waits_in_a_queue_gives_its_place_to_the_customer() {
    expect![[r#"
        21000  b1 transfer done
               c2 acd: leave withdrawn
               a2 end 200/16 transferred
               c1 acd: anna released
               b1 end 200/16 transferred
               c1 acd: enter sales Anyone gold 4000 tel:+34600111222 credit 21000, may be called back
               * c1 a1 in ivr
               * c1 a1 in queue sales
               a1 hears hello, then salsa looped
        21010  * c1 b1 ended 200/16 normal by Agent
               * c2 a2 ended 200/16 normal by Agent
               s1 has 0
    "#]]
    .assert_eq(&after(
        &format!(
            "{}\n20000 b1 held\n20100 station a2 s1 70\n20100 known c2\n20100 acd c2 entered 1\n20101 recorded c2",
            talks()
        ),
        "21000 b1 transfer 70 replaces a2
         21000 acd c1 entered 1
         21010 b1 ended
         21010 a2 ended",
    ));
}

#[test]
fn a_colleague_found_by_a_queue_takes_the_customer_over() {
    expect![[r#"
        30000  b1 transfer done
               b1 end 200/16 transferred
               * c2 b2 ended 200/16 transferred by Agent
               * c1 b2 began s1 to s2 Agent(boris, s2)
               * c1 b2 answered
               c1 acd: boris joined
               c1 acd: anna released
               c2 acd: boris released
               a2 end 200/16 transferred
               * c1 a1 in talk boris
               * c1 b2 in talk boris
               b2 hears nobody
               a1 hears b2 and is heard
    "#]]
    .assert_eq(&after(
        &format!(
            "{}\n20000 b1 held\n20100 station a2 s1 70\n20100 known c2\n20100 acd c2 entered 1\n20101 recorded c2
             21000 acd c2 offer boris s2 9\n21100 b2 answered\n21100 acd c2 connect boris 9",
            talks()
        ),
        "30000 b1 transfer 70 replaces a2",
    ));
}

#[test]
fn an_invite_with_replaces_takes_the_place_of_a_leg() {
    expect![[r#"
        30000  * c1 a2 began s2 to 1001 Agent(boris, s2)
               s2 has 1
               b1 end 200/16 transferred
               c1 acd: boris joined
               c1 acd: anna released
               s2 has 0
               a2 answer
               * c1 a2 answered
               * c1 a1 in talk boris
               * c1 a2 in talk boris
               a1 hears nobody
               a1 hears a2 and is heard
        30010  * c1 b1 ended 200/16 normal by Agent
        30020  * c1 b1 figures
    "#]]
    .assert_eq(&after(&talks(), "30000 station a2 s2 1001 replaces b1\n30010 b1 ended\n30020 b1 figures"));
}

#[test]
fn an_invite_that_replaces_nothing_is_refused() {
    for script in [
        "30000 station a2 s2 1001 replaces b7",
        "30000 trunk a2 900 replaces b1", // a trunk takes nobody's place
    ] {
        let got = after(&talks(), script);
        assert!(got.contains("a2 end 481/1 not-found") && !got.contains("b1 "), "{script}: {got}");
    }
    let got = after(WAITS, "7000 acd c1 offer anna s1 5\n7100 station a2 s2 1001 replaces b1");
    assert!(got.contains("a2 end 481/1 not-found"), "an offer is its agent's: {got}");
}

#[test]
fn a_blind_transfer_to_a_queue_keeps_the_callers_age() {
    expect![[r#"
        30000  b1 transfer done
               c1 acd: anna released
               b1 end 200/16 transferred
               c1 acd: enter sales Anyone gold 4000 tel:+34600111222 credit 30000, may be called back
               * c1 a1 in ivr
               a1 hears nobody
               a1 hears salsa looped
               * c1 a1 in queue sales
               a1 hears hello, then salsa looped
        30010  * c1 b1 ended 200/16 normal by Agent
        30020  * c1 b1 figures
    "#]]
    .assert_eq(&after(
        &talks(),
        "30000 b1 transfer 70
         30000 acd c1 entered 1
         30010 b1 ended
         30020 b1 figures",
    ));
}

#[test]
fn a_blind_transfer_to_a_colleague() {
    expect![[r#"
        30000  * c1 b2 began 600111222 to s2 Agent(boris, s2)
               s2 has 1
               b2 dial s2 from 600111222 like a1
               * c1 a1 in ivr
               * c1 b1 in hold anna
               * c1 b2 in ring boris
               a1 hears nobody
               a1 hears ringback
        30100  * c1 b2 rings
               b1 transfer rings
        33000  * c1 b2 answered
               b1 transfer done
               b1 end 200/16 transferred
               c1 acd: boris joined
               c1 acd: anna released
               s2 has 0
               * c1 a1 in talk boris
               * c1 b2 in talk boris
               a1 hears b2 and is heard
        33010  * c1 b1 ended 200/16 normal by Agent
        33020  * c1 b1 figures
    "#]]
    .assert_eq(&after(
        &format!("0 seat boris s2\n{}", talks()),
        "30000 b1 transfer 22
         30100 b2 ringing
         33000 b2 answered
         33010 b1 ended
         33020 b1 figures",
    ));
}

#[test]
fn a_blind_transfer_that_fails_gives_the_transferor_his_caller_back() {
    expect![[r#"
        30000  * c1 b2 began 600111222 to s3 Station(s3)
               s3 has 1
               b2 dial s3 from 600111222 like a1
               * c1 a1 in ivr
               * c1 b1 in hold anna
               * c1 b2 in ivr
               a1 hears nobody
               a1 hears ringback
        33000  * c1 b2 ended 486/0 peer by Agent
               s3 has 0
               b1 transfer failed 486
               * c1 a1 in talk anna
               * c1 b1 in talk anna
               a1 hears b1 and is heard
        33010  * c1 b2 figures
    "#]]
    .assert_eq(&after(&talks(), "30000 b1 transfer 1003\n33000 b2 refused 486\n33010 b2 figures"));
}

#[test]
fn a_blind_transfer_that_fails_when_the_transferor_has_gone_sends_the_caller_back_to_the_queue() {
    expect![[r#"
        30000  * c1 b2 began 600111222 to s3 Station(s3)
               s3 has 1
               b2 dial s3 from 600111222 like a1
               * c1 a1 in ivr
               * c1 b1 in hold anna
               * c1 b2 in ivr
               a1 hears nobody
               a1 hears ringback
        30100  * c1 b1 ended 200/16 peer by Agent
               c1 acd: anna released
        60000  b2 end 487/19 ring-limit
               c1 acd: enter sales Anyone gold 4000 tel:+34600111222 credit 60000, may be called back
               a1 hears salsa looped
    "#]]
    .assert_eq(&after(
        &talks(),
        "30000 b1 transfer 1003
         30100 b1 bye
         60000 pass",
    ));
}

#[test]
fn a_caller_who_hangs_up_during_a_transfer_ends_all_of_it() {
    expect![[r#"
        30000  * c1 b2 began 600111222 to s3 Station(s3)
               s3 has 1
               b2 dial s3 from 600111222 like a1
               * c1 a1 in ivr
               * c1 b1 in hold anna
               * c1 b2 in ivr
               a1 hears nobody
               a1 hears ringback
        31000  * c1 a1 ended 200/16 peer by Caller
               c1 acd: anna released
               b1 end 200/16 normal
               b2 end 487/16 normal
        31001  * c1 b1 ended 200/16 normal by Caller
               * c1 b2 ended 200/16 normal by Caller
               s3 has 0
    "#]]
    .assert_eq(&after(&talks(), "30000 b1 transfer 1003\n31000 a1 bye\n31001 b1 ended\n31001 b2 ended"));
}

#[test]
fn a_transfer_outside_goes_by_the_transferors_class_of_service() {
    expect![[r#"
        30000  * c1 b2 began 600111222 to 655 Outside(t1)
               b2 dial 655 by t1 from 600111222 like a1
               * c1 a1 in ivr
               * c1 b1 in hold anna
               * c1 b2 in ivr
               a1 hears nobody
               a1 hears ringback
        30100  * c1 b2 ended 503/0 peer by Agent
               * c1 b3 began 600111222 to 655 Outside(t2)
               b3 dial 655 by t2 from 600111222 like a1
               * c1 b3 in ivr
        30200  * c1 b3 rings
               b1 transfer rings
        33000  * c1 b3 answered
               b1 transfer done
               b1 end 200/16 transferred
               c1 acd: anna released
               * c1 a1 in talk outside
               * c1 b3 in talk outside
               a1 hears b3 and is heard
    "#]]
    .assert_eq(&after(
        &talks(),
        "30000 b1 transfer 655
         30100 b2 refused 503
         30200 b3 ringing
         33000 b3 answered",
    ));
    for (to, told) in [("911", "403"), ("555", "404"), ("22", "480")] {
        let got = after(&talks(), &format!("30000 b1 transfer {to}"));
        assert_eq!(got, format!("30000  b1 transfer failed {told}\n"), "{to}");
    }
    // His one outside call is in use.
    let got = after(&talks(), "29000 station a2 s1 601\n--\n30000 b1 transfer 655");
    assert_eq!(got, "30000  b1 transfer failed 403\n");
}

#[test]
fn nobody_else_transfers() {
    for (script, told) in [
        ("30000 a1 transfer 600", "30000  a1 transfer failed 403\n"), // a trunk (S1)
        ("30000 a1 transfer 600 replaces b1", "30000  a1 transfer failed 481\n"),
        ("30000 b1 transfer 600 replaces b1", "30000  b1 transfer failed 481\n"), // its own
        ("30000 b1 transfer 600 replaces a9", "30000  b1 transfer failed 481\n"),
    ] {
        assert_eq!(after(&talks(), script), told, "{script}");
    }
    // Somebody else's conversation.
    let other = "25000 station a2 s2 1003\n25001 recorded c2\n25100 b2 answered\n--\n";
    assert_eq!(after(&talks(), &format!("{other}30000 b1 transfer 22 replaces a2")), "30000  b1 transfer failed 403\n");
    // Before there is anybody to transfer.
    let got = run("0 station a1 s1 1003\n1 recorded c1\n--\n2 a1 transfer 22");
    assert_eq!(got, "2      a1 transfer failed 481\n");
}

#[test]
fn an_agent_may_transfer_a_call_that_he_made() {
    expect![[r#"
        5000   * c1 b2 began s1 to s2 Agent(boris, s2)
               s2 has 1
               b2 dial s2 from s1 like b1
               * c1 a1 in hold anna
               * c1 b1 in ivr
               * c1 b2 in ring boris
               a1 hears nobody
               b1 hears ringback
        7000   * c1 b2 answered
               a1 transfer done
               a1 end 200/16 transferred
               * c1 b1 in talk boris
               * c1 b2 in talk boris
               b1 hears b2 and is heard
        7001   * c1 a1 ended 200/16 normal by Agent
               s1 has 0
        9000   * c1 b1 ended 200/16 peer by Caller
               b2 end 200/16 normal
        9001   * c1 b2 ended 200/16 normal by Caller
               s2 has 0
    "#]]
    .assert_eq(&run("0 seat boris s2
         0 station a1 s1 600
         1 recorded c1
         100 b1 answered
         --
         5000 a1 transfer 22
         7000 b2 answered
         7001 a1 ended
         9000 b1 bye
         9001 b2 ended"));
}

#[test]
fn an_internal_call_transferred_to_a_queue_asks_first_who_it_is() {
    expect![[r#"
        5000   a1 transfer done
               a1 end 200/16 transferred
               c1 look up 600
               * c1 b1 in ivr
               b1 hears nobody
               b1 hears hold looped
               * c1 known gold
               c1 acd: enter sales Anyone gold 4000 unknown credit 0
               * c1 b1 in queue sales
               b1 hears hello, then salsa looped
        5001   * c1 a1 ended 200/16 normal by Agent
               s1 has 0
    "#]]
    .assert_eq(&run("0 station a1 s1 600
         1 recorded c1
         100 b1 answered
         --
         5000 a1 transfer 70
         5000 known c1
         5000 acd c1 entered 1
         5001 a1 ended"));
}

#[test]
fn a_second_wish_while_a_transfer_is_under_way_changes_nothing() {
    for again in ["b1 transfer 70", "b1 transfer 22 replaces a2", "b1 transfer 22 replaces a9"] {
        let script = format!("25000 station a2 s1 1002\n30000 b1 transfer 1003\n--\n31000 {again}");
        assert_eq!(after(&talks(), &script), "", "{again}");
    }
}

#[test]
fn a_customer_who_hangs_up_during_a_consultation_leaves_the_colleagues_talking() {
    expect![[r#"
        30000  * c1 a1 ended 200/16 peer by Caller
               c1 acd: anna released
               b1 end 200/16 normal
        30010  * c1 b1 ended 200/16 normal by Caller
        32010  * c1 ended answered by Caller
        40000  * c2 a2 ended 200/16 peer by Caller
               s1 has 0
               b2 end 200/16 normal
        40001  * c2 b2 ended 200/16 normal by Caller
               s2 has 0
    "#]]
    .assert_eq(&after(&consults(), "30000 a1 bye\n30010 b1 ended\n40000 a2 bye\n40001 b2 ended"));
}

#[test]
fn a_number_that_was_consulted_and_takes_the_customer_stays_on_the_stations_account() {
    let held = format!("{}\n20000 b1 held\n20100 station a2 s1 600\n20101 recorded c2\n22000 b2 answered", talks());
    expect![[r#"
        30000  b1 transfer done
               b1 end 200/16 transferred
               * c2 b2 ended 200/16 transferred by Agent
               * c1 b2 began s1 to 600 Outside(t1)
               * c1 b2 answered
               c1 acd: anna released
               a2 end 200/16 transferred
               * c1 a1 in talk outside
               * c1 b2 in talk outside
               b2 hears nobody
               a1 hears b2 and is heard
        30010  * c1 b1 ended 200/16 normal by Agent
               * c2 a2 ended 200/16 normal by Agent
               s1 has 0
        31000  * c3 arrived s1 to 601
               * c3 a3 began s1 to 601 Agent(anna, s1)
               s1 has 1
               a3 end 403/21 forbidden
               * c3 a3 in ivr
        32010  * c2 ended answered by Agent
        40000  * c1 b2 ended 200/16 peer by Agent
               a1 end 200/16 normal
        41000  * c4 arrived s1 to 601
               * c4 a4 began s1 to 601 Agent(anna, s1)
               s1 has 2
               c4 record
               * c4 b3 began s1 to 601 Outside(t1)
               b3 dial 601 by t1 from s1 like a4
               * c4 a4 in ivr
               * c4 b3 in ivr
    "#]]
    .assert_eq(&after(
        &held,
        "30000 b1 transfer 600 replaces a2
         30010 b1 ended
         30010 a2 ended
         31000 station a3 s1 601
         40000 b2 bye
         41000 station a4 s1 601",
    ));
}
