//! Callbacks: the key, the offer, and calls that call a customer back.

use expect_test::expect;
use turno_base::{Number, SegmentId};

use super::queue::WAITS;
use super::script::{after, run};
use crate::Customer;

/// Up to a customer who rings while anna hears it.
pub(crate) fn calls_back() -> String {
    "0 back +34600111222 agent
     0 acd c1 entered 1
     0 acd c1 offer anna s1 5
     3 recorded c1
     100 b2 ringing
     2000 b2 answered
     2000 acd c1 connect anna 5
     2010 b2 agreed
     4000 b2 played"
        .to_owned()
}

#[test]
fn a_key_asks_for_a_callback_and_the_caller_hears_that_he_may_hang_up() {
    expect![[r#"
        7000   c1 acd: key 1
               * c1 a1 in ivr we-call
               a1 hears we-call
        9000   * c1 a1 ended 200/16 peer by Caller
        9010   * c1 a1 figures
               * c1 ended callback by Caller
    "#]]
    .assert_eq(&after(
        WAITS,
        "7000 a1 key 1
         7000 acd c1 left callback
         7000 acd c1 taken
         9000 a1 bye
         9010 a1 figures",
    ));
}

#[test]
fn who_does_not_hang_up_is_hung_up_on_and_who_cannot_be_called_waits_on() {
    expect![[r#"
        7000   c1 acd: key 1
               a1 hears no, then salsa looped
        9000   c1 acd: key 1
               * c1 a1 in ivr we-call
               a1 hears we-call
        12000  a1 end 200/16 normal
        12010  * c1 a1 ended 200/16 normal by Us
        12020  * c1 a1 figures
               * c1 ended callback by Us
    "#]]
    .assert_eq(&after(
        WAITS,
        "7000 a1 key 1
         7000 acd c1 refused
         8000 a1 played
         9000 a1 key 1
         9000 acd c1 left callback
         9000 acd c1 taken
         12000 a1 played
         12010 a1 ended
         12020 a1 figures",
    ));
}

#[test]
fn an_overflow_offers_it_and_the_key_is_pressed_while_that_is_said() {
    expect![[r#"
        7000   * c1 a1 in ivr press-1
               a1 hears press-1 press-1
        8000   c1 acd: key 1
               * c1 a1 in ivr we-call
               a1 hears we-call
        9000   * c1 a1 ended 200/16 peer by Caller
        9010   * c1 a1 figures
               * c1 ended callback by Caller
    "#]]
    .assert_eq(&after(
        WAITS,
        "7000 acd c1 left overflowed
         7000 acd c1 overflow callback
         8000 a1 key 1
         8000 acd c1 taken
         9000 a1 bye
         9010 a1 figures",
    ));
}

#[test]
fn who_does_not_want_it_is_told_good_bye() {
    expect![[r#"
        7000   * c1 a1 in ivr press-1
               a1 hears press-1 press-1
        15000  c1 acd: leave failed
               a1 end 200/31 overflow
        15010  * c1 a1 ended 200/16 normal by Us
        15020  * c1 a1 figures
               * c1 ended no-answer by Us
    "#]]
    .assert_eq(&after(
        WAITS,
        "7000 acd c1 left overflowed
         7000 acd c1 overflow callback
         15000 a1 played
         15010 a1 ended
         15020 a1 figures",
    ));
}

#[test]
fn agent_first_he_hears_the_customer_being_dialled_and_then_talks_with_him() {
    expect![[r#"
        0      * c1 arrived 900 to +34600111222
               * c1 calls back, attempt 1
               * c1 known gold
               c1 record
               * c1 b2 began +34600111222 to s1 Agent(anna, s1)
               b2 dial s1 from +34600111222 like none
               * c1 b2 in ring anna
        100    * c1 b2 rings
               c1 acd: anna/5 rings
        2000   * c1 b2 answered
               c1 acd: anna/5 accepts
               * c1 b1 began 900 to +34600111222 Outside(t1)
               b1 dial +34600111222 by t1 from 900 like b2
               * c1 b1 in ivr
               b2 hears callback
        4000   b2 hears ringback
        5000   * c1 b1 rings
        8000   * c1 b1 answered
               c1 acd: customer answered
               * c1 b2 in talk anna
               * c1 b1 in talk anna
               b2 hears b1 and is heard
        60000  * c1 b1 ended 200/16 peer by Caller
               c1 acd: anna released
               b2 end 200/16 normal
        60010  * c1 b2 ended 200/16 normal by Caller
        60020  * c1 b1 figures
               * c1 b2 figures
               * c1 ended answered by Caller
    "#]]
    .assert_eq(&run(&format!(
        "{}
         5000 b1 ringing
         8000 b1 answered
         8010 b1 agreed
         60000 b1 bye
         60010 b2 ended
         60020 b1 figures
         60020 b2 figures",
        calls_back()
    )));
}

#[test]
fn customer_first_his_answer_makes_it_a_waiting_call() {
    expect![[r#"
        0      * c1 arrived 900 to +34600111222
               * c1 calls back, attempt 1
               * c1 known gold
               c1 record
               * c1 b1 began 900 to +34600111222 Outside(t1)
               b1 dial +34600111222 by t1 from 900 like none
               * c1 b1 in ivr
        100    * c1 b1 rings
        5000   * c1 b1 answered
               c1 acd: customer answered
               b1 hears hold looped
               * c1 b1 in queue sales
               b1 hears as-asked, then salsa looped
        9000   * c1 b2 began +34600111222 to s1 Agent(anna, s1)
               b2 dial s1 from +34600111222 like b1
               * c1 b2 in ring anna
        9100   * c1 b2 rings
               c1 acd: anna/5 rings
        11000  * c1 b2 answered
               c1 acd: anna/5 accepts
               * c1 b1 in talk anna
               * c1 b2 in talk anna
               b1 hears b2 and is heard
        60000  * c1 b2 ended 200/16 peer by Agent
               c1 acd: anna released
               b1 end 200/16 normal
        60010  * c1 b1 ended 200/16 normal by Agent
        60020  * c1 b1 figures
               * c1 b2 figures
               * c1 ended answered by Agent
    "#]]
    .assert_eq(&run("0 back +34600111222 customer
         3 recorded c1
         100 b1 ringing
         5000 b1 answered
         5000 acd c1 entered 1
         5010 b1 agreed
         8000 b1 played
         9000 acd c1 offer anna s1 5
         9100 b2 ringing
         11000 b2 answered
         11000 acd c1 left answered anna
         11000 acd c1 connect anna 5
         11010 b2 agreed
         60000 b2 bye
         60010 b1 ended
         60020 b1 figures
         60020 b2 figures"));
}

#[test]
fn a_busy_customer_ends_the_attempt_and_frees_the_agent() {
    expect![[r#"
        5000   * c1 b1 ended 486/0 peer by Caller
               c1 acd: not reached: busy
               b2 end 200/0 peer
        5010   * c1 b2 ended 200/16 normal by Caller
        5020   * c1 b1 figures
               * c1 b2 figures
               * c1 ended busy by Caller
    "#]]
    .assert_eq(&after(
        &calls_back(),
        "5000 b1 refused 486
         5010 b2 ended
         5020 b1 figures
         5020 b2 figures",
    ));
}

#[test]
fn no_answer_within_the_ring_limit_ends_it_and_a_dead_trunk_only_moves_it() {
    expect![[r#"
        0      * c1 arrived 900 to +34600111222
               * c1 calls back, attempt 1
               * c1 known gold
               c1 record
               * c1 b1 began 900 to +34600111222 Outside(t1)
               b1 dial +34600111222 by t1 from 900 like none
               * c1 b1 in ivr
        100    * c1 b1 ended 408/102 unreachable by Us
               * c1 b2 began 900 to +34600111222 Outside(t2)
               b2 dial +34600111222 by t2 from 900 like none
               * c1 b2 in ivr
        200    * c1 b2 rings
        25000  b2 end 487/19 ring-limit
               c1 acd: not reached: no-answer
        25010  * c1 b2 ended 200/16 normal by Us
        25020  * c1 b2 figures
               * c1 ended no-answer by Us
    "#]]
    .assert_eq(&run("0 back +34600111222 customer
         3 recorded c1
         100 b1 lost
         200 b2 ringing
         25000 pass
         25010 b2 ended
         25020 b1 figures
         25020 b2 figures"));
}

#[test]
fn an_agent_who_hangs_up_while_it_rings_costs_the_customer_no_attempt() {
    expect![[r#"
        5000   * c1 b2 ended 200/16 peer by Agent
               c1 acd: not reached: -
               b1 end 487/16 peer
        5010   * c1 b1 ended 200/16 normal by Agent
        5020   * c1 b1 figures
               * c1 b2 figures
               * c1 ended cancelled by Agent
    "#]]
    .assert_eq(&after(
        &calls_back(),
        "5000 b2 bye
         5010 b1 ended
         5020 b1 figures
         5020 b2 figures",
    ));
}

#[test]
fn only_numbers_that_the_class_of_callbacks_carries_are_dialled() {
    expect![[r#"
        0      * c1 arrived 900 to +44600111222
               * c1 calls back, attempt 1
               * c1 known gold
               c1 record
               c1 acd: not reached: failed
               * c1 ended rejected by Caller
    "#]]
    .assert_eq(&run("0 back +44600111222 customer"));
}

/// An operator may use telephone numbers as ids.
#[test]
fn who_is_called_back_is_the_customer_that_he_was_and_whom_nobody_knew_is_nobody_still() {
    let number = Number { raw: "600111222".into(), e164: Some("+34600111222".parse().unwrap()), withheld: false };
    let hidden = Number { withheld: true, ..number.clone() };
    for (id, ani, caller) in [
        (Some("k-7"), &number, Some("k-7")),
        (Some("+34600111222"), &number, Some("+34600111222")),
        (Some("k-7"), &hidden, Some("k-7")),
        (None, &number, Some("tel:+34600111222")),
        (None, &hidden, None),
    ] {
        let segment = SegmentId::new("gold").unwrap();
        let known = Customer { id: id.map(str::to_owned), ..Customer::called_back(None, segment, 1500) };
        assert_eq!(known.caller(ani).as_deref(), caller, "{id:?}");
        assert_eq!(Customer::called_back(known.caller(ani), segment, 1500), known, "{id:?}");
    }
}
