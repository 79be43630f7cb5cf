//! Arrival, the queue, offers and their races, overflow.

use expect_test::expect;

use super::script::{after, run};

/// Up to a caller who hears music.
pub(crate) const WAITS: &str = "
    0 trunk a1 900
    0 known c1
    0 acd c1 entered 1
    3 recorded c1
    10 a1 agreed
    20 a1 confirmed
    6000 a1 played";

#[test]
fn a_caller_is_known_queued_recorded_and_answered_in_this_order() {
    expect![[r#"
        0      * c1 arrived 600111222 to 900
               * c1 a1 began 600111222 to 900 Caller(Some(t1))
               c1 look up 600111222
               c1 record
               * c1 a1 in ivr
               * c1 known gold
               c1 acd: enter sales Anyone gold 4000 tel:+34600111222 credit 0, may be called back
               * c1 a1 in queue sales
        3      a1 answer
               * c1 a1 answered
               a1 hears welcome hello, then salsa looped
    "#]]
    .assert_eq(&run(WAITS));
}

#[test]
fn an_offer_rings_is_answered_and_ends_with_the_agents_bye() {
    expect![[r#"
        7000   * c1 b1 began 600111222 to s1 Agent(anna, s1)
               b1 dial s1 from 600111222 like a1
               * c1 b1 in ring anna
        7100   * c1 b1 rings
               c1 acd: anna/5 rings
        9000   * c1 b1 answered
               c1 acd: anna/5 accepts
               * c1 a1 in talk anna
               * c1 b1 in talk anna
               a1 hears b1 and is heard
        60000  * c1 b1 ended 200/16 peer by Agent
               c1 acd: anna released
               a1 end 200/16 normal
        60010  * c1 a1 ended 200/16 normal by Agent
        60020  * c1 b1 figures
               * c1 a1 figures
               * c1 ended answered by Agent
    "#]]
    .assert_eq(&after(
        WAITS,
        "7000 acd c1 offer anna s1 5
         7100 b1 ringing
         9000 b1 answered
         9000 acd c1 left answered anna
         9000 acd c1 connect anna 5
         9010 b1 agreed
         60000 b1 bye
         60010 a1 ended
         60020 b1 figures
         60020 a1 figures",
    ));
}

#[test]
fn a_caller_who_hangs_up_while_it_rings_takes_every_offer_with_him_in_the_same_turn() {
    expect![[r#"
        7000   * c1 b1 began 600111222 to s1 Agent(anna, s1)
               b1 dial s1 from 600111222 like a1
               * c1 b1 in ring anna
               * c1 b2 began 600111222 to s2 Agent(boris, s2)
               b2 dial s2 from 600111222 like a1
               * c1 b2 in ring boris
        7100   * c1 b1 rings
               c1 acd: anna/5 rings
        8000   * c1 a1 ended 200/16 peer by Caller
               c1 acd: leave abandoned
               b1 end 487/16 normal
               b2 end 487/16 normal
        8050   * c1 b1 ended 200/16 normal by Caller
               * c1 b2 ended 200/16 normal by Caller
        8060   * c1 a1 figures
               * c1 b1 figures
               * c1 b2 figures
               * c1 ended abandoned by Caller
    "#]]
    .assert_eq(&after(
        WAITS,
        "7000 acd c1 offer anna s1 5
         7000 acd c1 offer boris s2 6
         7100 b1 ringing
         8000 a1 bye
         8000 acd c1 withdraw anna 5 caller-left
         8000 acd c1 withdraw boris 6 caller-left
         8000 acd c1 left overflowed
         8050 b1 ended
         8050 b2 ended
         8060 a1 figures
         8060 b1 figures
         8060 b2 figures",
    ));
}

#[test]
fn an_agents_answer_that_crosses_the_callers_hang_up_counts_for_nobody() {
    expect![[r#"
        7000   * c1 b1 began 600111222 to s1 Agent(anna, s1)
               b1 dial s1 from 600111222 like a1
               * c1 b1 in ring anna
        7100   * c1 b1 rings
               c1 acd: anna/5 rings
        8000   * c1 a1 ended 200/16 peer by Caller
               c1 acd: leave abandoned
               b1 end 487/16 normal
        8001   * c1 b1 answered
        8050   * c1 b1 ended 200/16 peer by Caller
        8060   * c1 a1 figures
               * c1 b1 figures
               * c1 ended abandoned by Caller
    "#]]
    .assert_eq(&after(
        WAITS,
        "7000 acd c1 offer anna s1 5
         7100 b1 ringing
         8000 a1 bye
         8001 b1 answered
         8001 acd c1 connect anna 5
         8050 b1 bye
         8060 a1 figures
         8060 b1 figures",
    ));
}

#[test]
fn the_first_of_two_agents_has_the_call_and_the_other_is_told_completed_elsewhere() {
    expect![[r#"
        7000   * c1 b1 began 600111222 to s1 Agent(anna, s1)
               b1 dial s1 from 600111222 like a1
               * c1 b1 in ring anna
               * c1 b2 began 600111222 to s2 Agent(boris, s2)
               b2 dial s2 from 600111222 like a1
               * c1 b2 in ring boris
        7100   * c1 b1 rings
               c1 acd: anna/5 rings
               * c1 b2 rings
               c1 acd: boris/6 rings
        8000   * c1 b2 answered
               c1 acd: boris/6 accepts
               b1 end 200/26 completed-elsewhere
               * c1 a1 in talk boris
               * c1 b2 in talk boris
               a1 hears b2 and is heard
        8001   * c1 b1 answered
        8050   * c1 b1 ended 200/16 normal by Us
    "#]]
    .assert_eq(&after(
        WAITS,
        "7000 acd c1 offer anna s1 5
         7000 acd c1 offer boris s2 6
         7100 b1 ringing
         7100 b2 ringing
         8000 b2 answered
         8000 acd c1 withdraw anna 5 lost-race
         8000 acd c1 connect boris 6
         8001 b1 answered
         8050 b1 ended",
    ));
}

#[test]
fn an_unanswered_offer_is_withdrawn_and_the_caller_keeps_waiting() {
    expect![[r#"
        7000   * c1 b1 began 600111222 to s1 Agent(anna, s1)
               b1 dial s1 from 600111222 like a1
               * c1 b1 in ring anna
        7100   * c1 b1 rings
               c1 acd: anna/5 rings
        27000  b1 end 487/19 ring-limit
        27050  * c1 b1 ended 200/16 normal by Us
        27060  * c1 b1 figures
        28000  * c1 b2 began 600111222 to s2 Agent(boris, s2)
               b2 dial s2 from 600111222 like a1
               * c1 b2 in ring boris
    "#]]
    .assert_eq(&after(
        WAITS,
        "7000 acd c1 offer anna s1 5
         7100 b1 ringing
         27000 acd c1 withdraw anna 5 no-answer
         27050 b1 ended
         27060 b1 figures
         28000 acd c1 offer boris s2 6",
    ));
}

#[test]
fn a_phone_that_refuses_says_why_the_offer_failed() {
    for (refused, told) in [
        ("refused 486", "busy"),
        ("refused 600", "busy"),
        ("refused 603", "declined"),
        ("refused 403", "declined"),
        ("refused 480", "ring_no_answer"),
        ("refused 408", "ring_no_answer"), // the phone's own
        ("lost", "unreachable"),           // ours: no reply
        ("refused 404", "unreachable"),
        ("refused 503", "unreachable"),
        ("failed", "unreachable"), // no media for it
    ] {
        let got = after(WAITS, &format!("7000 acd c1 offer anna s1 5\n7100 b1 ringing\n--\n8000 b1 {refused}"));
        assert!(got.contains(&format!("c1 acd: anna/5 failed {told}\n")), "{refused}: {got}");
        assert!(!got.contains("a1 "), "the caller notices nothing: {got}");
    }
}

#[test]
fn a_stale_offer_or_connection_does_nothing() {
    let talk = "7000 acd c1 offer anna s1 5\n8000 b1 answered\n8000 acd c1 connect anna 5\n--\n";
    for late in [
        "9000 acd c1 connect anna 4",
        "9000 acd c1 connect anna 5",
        "9000 acd c1 offer anna s1 5",
        "9000 acd c1 withdraw anna 5 lost-race",
        "9000 acd c1 announce 1",
        "9000 acd c1 entered 1",
        "9000 acd c1 overflow hang-up",
        "9000 acd c9 connect anna 5",
        "9000 known c1",
        "9000 recorded c1",
        "9000 recorded c9",
        "9000 b9 answered",
        "9000 a9 bye",
        "9000 code a1 done",
        "9000 b1 ringing",
        "9000 b1 answered",
        "9000 a1 key 5",
        "9000 a1 played",
    ] {
        assert_eq!(after(WAITS, &format!("{talk}{late}")), "", "{late}");
    }
    // Connected without having accepted.
    assert_eq!(after(WAITS, "7000 acd c1 offer anna s1 5\n--\n8000 acd c1 connect anna 5"), "");
}

#[test]
fn an_agent_who_answers_before_the_record_is_durable_waits_for_it() {
    expect![[r#"
        5      a1 answer
               * c1 a1 answered
               * c1 a1 in talk anna
               * c1 b1 in talk anna
               a1 hears b1 and is heard
    "#]]
    .assert_eq(&run("0 trunk a1 900
         0 known c1
         0 acd c1 entered 1
         0 acd c1 offer anna s1 5
         1 b1 ringing
         2 b1 answered
         2 acd c1 connect anna 5
         --
         5 recorded c1
         6 a1 agreed"));
}

#[test]
fn without_a_durable_record_the_call_is_refused_and_its_offer_withdrawn() {
    expect![[r#"
        4000   c1 acd: leave failed
               a1 end 503/41 overload
               b1 end 487/41 overload
        4010   * c1 a1 ended 200/16 normal by Us
               * c1 b1 ended 200/16 normal by Us
        6010   * c1 ended failed by Us
    "#]]
    .assert_eq(&run("0 trunk a1 900
         0 known c1
         0 acd c1 entered 1
         0 acd c1 offer anna s1 5
         --
         4000 pass
         4010 a1 ended
         4010 b1 ended
         4020 recorded c1
         7000 pass"));
}

#[test]
fn an_ack_that_never_comes_ends_the_call_as_a_failure() {
    expect![[r#"
        32001  * c1 a1 ended 408/102 unreachable by Us
               c1 acd: leave failed
               * c1 a1 figures
               * c1 ended failed by Us
    "#]]
    .assert_eq(&run("0 trunk a1 900
         0 known c1
         0 acd c1 entered 1
         3 recorded c1
         --
         32000 a1 lost
         32001 a1 figures"));
}

#[test]
fn a_caller_refused_at_the_door_is_never_answered() {
    expect![[r#"
        0      a1 end 480/31 overflow
        4      * c1 a1 ended 200/16 normal by Us
               * c1 ended no-answer by Us
    "#]]
    .assert_eq(&run("0 trunk a1 900
         0 known c1
         --
         0 acd c1 overflow hang-up
         3 recorded c1
         4 a1 ended
         4 a1 figures"));
}

#[test]
fn overflow_to_a_number_goes_by_the_class_of_overflows() {
    expect![[r#"
        9000   * c1 b1 began 600111222 to 911 Outside(t1)
               b1 dial 911 by t1 from 600111222 like a1
               * c1 a1 in ivr
               * c1 b1 in ivr
               a1 hears ringback
        9100   * c1 b1 rings
        9500   * c1 b1 answered
               * c1 a1 in talk outside
               * c1 b1 in talk outside
               a1 hears b1 and is heard
        20000  * c1 b1 ended 200/16 peer by Agent
               a1 end 200/16 normal
        20001  * c1 a1 ended 200/16 normal by Agent
    "#]]
    .assert_eq(&after(
        WAITS,
        "9000 acd c1 left overflowed
         9000 acd c1 overflow number 911
         9100 b1 ringing
         9500 b1 answered
         20000 b1 bye
         20001 a1 ended",
    ));
}

#[test]
fn overflow_to_a_number_that_no_class_allows_ends_the_call() {
    expect![[r#"
        9000   a1 end 200/21 forbidden
    "#]]
    .assert_eq(&after(WAITS, "9000 acd c1 left overflowed\n9000 acd c1 overflow number 600"));
}

#[test]
fn overflow_to_a_prompt_says_it_and_hangs_up() {
    expect![[r#"
        9000   * c1 a1 in ivr sorry
               a1 hears sorry
        12000  a1 end 200/31 overflow
        12001  * c1 a1 ended 200/16 normal by Us
               * c1 a1 figures
               * c1 ended no-answer by Us
    "#]]
    .assert_eq(&after(
        WAITS,
        "9000 acd c1 left overflowed
         9000 acd c1 overflow prompt sorry
         12000 a1 played
         12001 a1 ended
         12001 a1 figures",
    ));
}

#[test]
fn a_call_that_its_queue_lets_go_with_nowhere_to_go_ends() {
    expect![[r#"
        9000   a1 end 200/31 overflow
    "#]]
    .assert_eq(&after(WAITS, "9000 acd c1 left timed-out\n9001 pass"));
}

#[test]
fn a_call_that_overflows_to_another_queue_stays_one_call() {
    expect![[r#"
        9000   * c1 a1 in queue support
               a1 hears hold looped
    "#]]
    .assert_eq(&after(WAITS, "9000 acd c1 left overflowed\n9000 acd c1 entered-quiet support"));
}

#[test]
fn the_place_is_said_after_the_greeting_and_told_when_said() {
    expect![[r#"
        6000   a1 hears you-are two, then salsa looped
        8000   c1 acd: announced
        30000  c1 acd: announced
    "#]]
    .assert_eq(&run("0 trunk a1 900
         0 known c1
         0 acd c1 entered 2
         3 recorded c1
         --
         1000 acd c1 announce 2
         1500 acd c1 announce 1
         6000 a1 played
         8000 a1 played
         30000 acd c1 announce 9"));
}

#[test]
fn the_wait_is_said_to_the_minute_as_far_as_there_are_words_for_it() {
    let heard = |announce: &str| after(WAITS, &format!("40000 acd c1 announce {announce}"));
    for (announce, says) in [
        ("2", "you-are two"),
        ("2 89999", "you-are two wait-is-a-minute"),
        ("2 90000", "you-are two wait-is two minutes"),
        ("1 0", "you-are one wait-is-a-minute"),
        ("1 150000", "you-are one"), // no word for three
        ("7 120000", "wait-is two minutes"),
    ] {
        assert!(
            heard(announce).contains(&format!("a1 hears {says}, then salsa looped")),
            "{announce}: {}",
            heard(announce)
        );
    }
    assert_eq!(heard("7"), "40000  c1 acd: announced\n");
}

#[test]
fn an_offer_during_the_greeting_cuts_it_short_only_when_answered() {
    expect![[r#"
        1000   * c1 b1 began 600111222 to s1 Agent(anna, s1)
               b1 dial s1 from 600111222 like a1
               * c1 b1 in ring anna
        1100   * c1 b1 rings
               c1 acd: anna/5 rings
        2000   * c1 b1 answered
               c1 acd: anna/5 accepts
               * c1 a1 in talk anna
               * c1 b1 in talk anna
               a1 hears b1 and is heard
    "#]]
    .assert_eq(&run("0 trunk a1 900
         0 known c1
         0 acd c1 entered 2
         3 recorded c1
         --
         1000 acd c1 offer anna s1 5
         1100 b1 ringing
         2000 b1 answered
         2000 acd c1 connect anna 5"));
}

#[test]
fn plans_without_a_queue() {
    expect![[r#"
        0      * c1 arrived 600111222 to 904
               * c1 a1 began 600111222 to 904 Caller(Some(t1))
               a1 end 410/21 forbidden
               * c1 a1 in ivr
        1      * c1 a1 ended 200/16 normal by Us
               * c1 ended rejected by Us
    "#]]
    .assert_eq(&run("0 trunk a1 904\n1 a1 ended\n1 a1 figures"));
    expect![[r#"
        0      * c1 arrived 600111222 to 5
               * c1 a1 began 600111222 to 5 Caller(Some(t1))
               a1 end 404/1 not-found
               * c1 a1 in ivr
        1      * c1 a1 ended 200/16 normal by Us
               * c1 ended rejected by Us
    "#]]
    .assert_eq(&run("0 trunk a1 5\n1 a1 ended\n1 a1 figures"));
    expect![[r#"
        0      * c1 arrived 600111222 to 903
               * c1 a1 began 600111222 to 903 Caller(Some(t1))
               c1 look up 600111222
               c1 record
               * c1 a1 in ivr
               * c1 known gold
               * c1 a1 in ivr closed
        3      a1 answer
               * c1 a1 answered
               a1 hears closed
        4000   a1 end 200/16 normal
    "#]]
    .assert_eq(&run("0 trunk a1 903\n0 known c1\n3 recorded c1\n4000 a1 played"));
    expect![[r#"
        0      * c1 arrived 600111222 to 901
               * c1 a1 began 600111222 to 901 Caller(Some(t1))
               c1 look up 600111222
               c1 record
               * c1 a1 in ivr
               * c1 known gold
               a1 end 480/20 unreachable
    "#]]
    .assert_eq(&run("0 trunk a1 901\n0 known c1"));
    expect![[r#"
        0      * c1 arrived 600111222 to 901
               * c1 a1 began 600111222 to 901 Caller(Some(t1))
               c1 look up 600111222
               c1 record
               * c1 a1 in ivr
               * c1 known gold
               * c1 b1 began 600111222 to s2 Agent(boris, s2)
               s2 has 1
               b1 dial s2 from 600111222 like a1
               * c1 b1 in ring boris
        50     * c1 b1 rings
               a1 ring
        900    * c1 b1 answered
               a1 answer
               * c1 a1 answered
               * c1 a1 in talk boris
               * c1 b1 in talk boris
               a1 hears b1 and is heard
    "#]]
    .assert_eq(&run("0 seat boris s2
         0 trunk a1 901
         0 known c1
         3 recorded c1
         50 b1 ringing
         900 b1 answered"));
}

#[test]
fn a_language_adds_to_what_the_call_needs() {
    let got = run("0 trunk a1 900\n0 known c1 catalan");
    assert!(got.contains("acd: enter sales AtLeast { skill: catalan, level: 1 } gold"), "{got}");
}
