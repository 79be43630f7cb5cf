//! Transfers that are asked for a moment before the conversation has begun.

use expect_test::expect;

use super::briefing::{BRIEFED, thrifty};
use super::script::{Run, after};

/// A caller whose record is not durable yet, and a phone that has answered by itself.
const UNRECORDED: &str = "
    0 seat boris s2
    0 trunk a1 900
    0 known c1
    0 acd c1 entered 1
    0 acd c1 offer anna s1 5
    1 b1 answered
    1 acd c1 left answered anna
    1 acd c1 connect anna 5";

#[test]
fn a_phone_that_transfers_before_the_caller_is_answered_is_obeyed_once_he_is() {
    expect![[r#"
        3      b1 transfer failed 481
        5      a1 answer
               * c1 a1 answered
               * c1 a1 in talk anna
               * c1 b1 in talk anna
               a1 hears b1 and is heard
               * c1 b2 began 600111222 to s2 Agent(boris, s2)
               s2 has 1
               b2 dial s2 from 600111222 like a1
               * c1 a1 in ivr
               * c1 b1 in hold anna
               * c1 b2 in ring boris
               a1 hears nobody
               a1 hears ringback
        90     * c1 b2 answered
               b1 transfer done
               b1 end 200/16 transferred
               c1 acd: boris joined
               c1 acd: anna released
               s2 has 0
               * c1 a1 in talk boris
               * c1 b2 in talk boris
               a1 hears b2 and is heard
    "#]]
    .assert_eq(&after(
        UNRECORDED,
        "2 b1 transfer 1002
         3 b1 transfer 1003
         5 recorded c1
         6 b1 transfer 1003
         90 b2 answered",
    ));
}

#[test]
fn it_is_kept_between_the_answer_and_the_queues_word_too() {
    expect![[r#"
        7001   * c1 b1 answered
               c1 acd: anna/5 accepts
               * c1 a1 in talk anna
               * c1 b1 in talk anna
               a1 hears b1 and is heard
               * c1 b2 began 600111222 to s2 Station(s2)
               s2 has 1
               b2 dial s2 from 600111222 like a1
               * c1 a1 in ivr
               * c1 b1 in hold anna
               * c1 b2 in ivr
               a1 hears nobody
               a1 hears ringback
    "#]]
    .assert_eq(&after(
        "0 trunk a1 900\n0 known c1\n0 acd c1 entered 1\n3 recorded c1\n7000 acd c1 offer anna s1 5",
        "7001 b1 answered
         7001 b1 transfer 1002
         7001 acd c1 left answered anna
         7001 acd c1 connect anna 5",
    ));
}

#[test]
fn a_transfer_to_who_was_consulted_is_kept_as_well() {
    let consults = format!("{UNRECORDED}\n2 station a2 s1 1002\n2 recorded c2\n2 b2 ringing");
    expect![[r#"
        5      a1 answer
               * c1 a1 answered
               * c1 a1 in talk anna
               * c1 b1 in talk anna
               a1 hears b1 and is heard
               b1 transfer done
               b1 end 200/16 transferred
               * c2 b2 ended 200/16 transferred by Agent
               * c1 b2 began s1 to s2 Agent(boris, s2)
               * c1 b2 rings
               c1 acd: anna released
               a2 end 480/16 transferred
               * c1 a1 in ivr
               * c1 b2 in ring boris
               a1 hears nobody
               a1 hears ringback
        6      * c1 b1 ended 200/16 normal by Agent
    "#]]
    .assert_eq(&after(&consults, "3 b1 transfer 1002 replaces a2\n5 recorded c1\n6 b1 ended"));
}

#[test]
fn a_transfer_whose_conversation_never_begins_is_refused() {
    // The caller is gone before: the phone's leg ends, and nobody is left to be told.
    expect![[r#"
        3      * c1 a1 ended 200/16 peer by Caller
               c1 acd: anna released
               b1 end 200/16 normal
        4      * c1 b1 ended 200/16 normal by Caller
    "#]]
    .assert_eq(&after(UNRECORDED, "2 b1 transfer 1002\n3 a1 bye\n4 b1 ended"));
}

#[test]
fn a_transfer_waits_four_seconds_for_its_conversation() {
    // The agent still hears who comes, and a caller who pays from the answer is not answered before that.
    let mut config = thrifty();
    config.answers.limit = crate::EARLY_LIMIT_MAX;
    let mut run = Run::new(config);
    run.script(&format!("{BRIEFED}\n--\n7200 b1 transfer 1002\n11199 a1 agreed"));
    assert_eq!(run.printed, "");
    run.script("11201 a1 agreed");
    expect![[r#"
        11200  b1 transfer failed 481
    "#]]
    .assert_eq(&run.printed);
}
