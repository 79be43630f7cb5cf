//! Callbacks: a caller hangs up, his place stays.

use expect_test::expect;

use super::script::run;

/// A queue of one agent who is busy with c1, and c2 who waits behind him.
const BUSY: &str = "
    segment plain 1000 20 0
    queue ventas
    agent anna ventas
    0 in anna
    1000 call c1 ventas
    2000 accept anna
    3000 call c2 ventas to=+34600000002
    5000 call c3 ventas to=+34600000003
";

pub(super) fn busy(rules: &str, then: &str) -> String {
    let whole = run(&format!("callback ventas {rules}\n{BUSY}\n{then}"));
    // What every script begins with is shown once.
    let begins = whole.find("5000 c3 enters").unwrap();
    whole[begins..].lines().skip(1).map(|line| format!("{line}\n")).collect()
}

#[test]
fn with_the_agent_first_the_caller_who_hung_up_is_offered_at_his_place() {
    expect![[r#"
        9000 c2 presses 1 to leave ventas
        9000 c2 leaves ventas: callback_taken at 1 after 6000
        9000 c2 will be called back for ventas: key
        9000 ventas has 1 to call back
        20000 anna ready
        20000 call back +34600000002 as b1, agent first, attempt 1
        20000 b1 enters ventas at 1
        20000 offer b1 to anna
        20000 anna offered b1
        21000 anna ringing b1
        22000 connect b1 with anna
        22000 offer of b1 to anna ended: accepted after 2000
        22000 anna talking b1
        30000 b1 leaves ventas: answered at 1 after 10000
        30000 a callback of ventas is over: served after 1
        30000 ventas has 0 to call back
        60000 anna ready
        60000 offer c3 to anna
        60000 anna offered c3
        61000 connect c3 with anna
        61000 offer of c3 to anna ended: accepted after 1000
        61000 c3 leaves ventas: answered at 1 after 56000
        61000 anna talking c3
    "#]]
    .assert_eq(&busy(
        "key=1 first=agent",
        "8000 key c2 2
         9000 key c2 1
         20000 release anna
         21000 ring anna
         22000 accept anna
         30000 answered b1
         60000 release anna
         61000 accept anna
         62000 end",
    ));
}

#[test]
fn with_the_customer_first_he_is_dialled_when_an_agent_is_free_and_waits_at_his_place() {
    expect![[r#"
        9000 c2 presses 1 to leave ventas
        9000 c2 leaves ventas: callback_taken at 1 after 6000
        9000 c2 will be called back for ventas: key
        9000 ventas has 1 to call back
        12000 c3 leaves ventas: abandoned at 2 after 7000
        20000 anna ready
        21000 call back +34600000002 as b1, customer first, attempt 1
        29000 b1 enters ventas at 1
        29000 offer b1 to anna
        29000 anna offered b1
        29000 ventas has 0 to call back
        30000 connect b1 with anna
        30000 offer of b1 to anna ended: accepted after 1000
        30000 b1 leaves ventas: answered at 1 after 1000
        30000 a callback of ventas is over: served after 1
        30000 anna talking b1
    "#]]
    .assert_eq(&busy(
        "key=1 first=customer",
        "9000 key c2 1
         12000 gone c3 abandoned
         20000 release anna
         29000 answered b1
         30000 accept anna
         31000 end",
    ));
}

#[test]
fn a_callback_that_fails_comes_back_by_its_result_and_is_given_up_after_its_attempts() {
    expect![[r#"
        9000 c2 presses 1 to leave ventas
        9000 c2 leaves ventas: callback_taken at 1 after 6000
        9000 c2 will be called back for ventas: key
        9000 ventas has 1 to call back
        10000 c3 leaves ventas: short_abandoned at 2 after 5000
        20000 anna ready
        20000 call back +34600000002 as b1, agent first, attempt 1
        20000 b1 enters ventas at 1
        20000 offer b1 to anna
        20000 anna offered b1
        21000 connect b1 with anna
        21000 offer of b1 to anna ended: accepted after 1000
        21000 anna talking b1
        25000 b1 leaves ventas: withdrawn at 1 after 5000
        25000 anna ready
        85000 call back +34600000002 as b2, agent first, attempt 2
        85000 b2 enters ventas at 1
        85000 offer b2 to anna
        85000 anna offered b2
        86000 connect b2 with anna
        86000 offer of b2 to anna ended: accepted after 1000
        86000 anna talking b2
        90000 b2 leaves ventas: withdrawn at 1 after 5000
        90000 anna ready
        190000 call back +34600000002 as b3, agent first, attempt 3
        190000 b3 enters ventas at 1
        190000 offer b3 to anna
        190000 anna offered b3
        191000 connect b3 with anna
        191000 offer of b3 to anna ended: accepted after 1000
        191000 anna talking b3
        192000 b3 leaves ventas: withdrawn at 1 after 2000
        192000 anna ready
        202000 call back +34600000002 as b4, agent first, attempt 3
        202000 b4 enters ventas at 1
        202000 offer b4 to anna
        202000 anna offered b4
        203000 connect b4 with anna
        203000 offer of b4 to anna ended: accepted after 1000
        203000 anna talking b4
        204000 b4 leaves ventas: withdrawn at 1 after 2000
        204000 anna ready
        204000 a callback of ventas is over: gave_up after 3
        204000 ventas has 0 to call back
    "#]]
    .assert_eq(&busy(
        "key=1 first=agent attempts=3 busy=60 noanswer=100",
        "9000 key c2 1
         10000 gone c3 abandoned
         20000 release anna
         21000 accept anna
         25000 failed b1 busy
         86000 accept anna
         90000 failed b2 noanswer
         191000 accept anna
         192000 failed b3 nothing
         203000 accept anna
         204000 failed b4 failed
         300000 end",
    ));
}

#[test]
fn who_calls_in_again_has_his_place_back_and_is_not_called() {
    expect![[r#"
        9000 c2 presses 1 to leave ventas
        9000 c2 leaves ventas: callback_taken at 1 after 6000
        9000 c2 will be called back for ventas: key
        9000 ventas has 1 to call back
        15000 a callback of ventas is over: called_again after 0
        15000 c4 enters ventas at 1
        15000 ventas has 0 to call back
        20000 anna ready
        20000 offer c4 to anna
        20000 anna offered c4
        21000 connect c4 with anna
        21000 offer of c4 to anna ended: accepted after 1000
        21000 c4 leaves ventas: answered at 1 after 6000
        21000 anna talking c4
    "#]]
    .assert_eq(&busy(
        "key=1 first=agent",
        "9000 key c2 1
         15000 call c4 ventas to=+34600000002
         20000 release anna
         21000 accept anna
         22000 end",
    ));
}

#[test]
fn who_calls_in_while_he_is_being_dialled_stops_the_attempt() {
    expect![[r#"
        9000 c2 presses 1 to leave ventas
        9000 c2 leaves ventas: callback_taken at 1 after 6000
        9000 c2 will be called back for ventas: key
        9000 ventas has 1 to call back
        10000 c3 leaves ventas: short_abandoned at 2 after 5000
        20000 anna ready
        21000 call back +34600000002 as b1, customer first, attempt 1
        25000 stop b1
        25000 a callback of ventas is over: called_again after 1
        25000 c4 enters ventas at 1
        25000 offer c4 to anna
        25000 anna offered c4
        25000 ventas has 0 to call back
        27000 connect c4 with anna
        27000 offer of c4 to anna ended: accepted after 2000
        27000 c4 leaves ventas: answered at 1 after 2000
        27000 anna talking c4
    "#]]
    .assert_eq(&busy(
        "key=1 first=customer",
        "9000 key c2 1
         10000 gone c3 abandoned
         20000 release anna
         25000 call c4 ventas to=+34600000002
         26000 failed b1 busy
         27000 accept anna
         28000 end",
    ));
}

#[test]
fn an_agent_who_does_not_answer_leaves_the_attempt_to_another() {
    expect![[r#"
        9000 c2 presses 1 to leave ventas
        9000 c2 leaves ventas: callback_taken at 1 after 6000
        9000 c2 will be called back for ventas: key
        9000 ventas has 1 to call back
        10000 c3 leaves ventas: short_abandoned at 2 after 5000
        20000 anna ready
        20000 call back +34600000002 as b1, agent first, attempt 1
        20000 b1 enters ventas at 1
        20000 offer b1 to anna
        20000 anna offered b1
        40000 withdraw b1 from anna: ring_no_answer
        40000 offer of b1 to anna ended: ring_no_answer after 20000
        40000 anna ready
        41000 boris ready
        41000 offer b1 to boris
        41000 boris offered b1
        42000 connect b1 with boris
        42000 offer of b1 to boris ended: accepted after 1000
        42000 boris talking b1
        43000 b1 leaves ventas: answered at 1 after 23000
        43000 a callback of ventas is over: served after 1
        43000 ventas has 0 to call back
    "#]]
    .assert_eq(&busy(
        "key=1 first=agent",
        "agent boris ventas
         9000 key c2 1
         10000 gone c3 abandoned
         20000 release anna
         41000 in boris
         42000 accept boris
         43000 answered b1
         44000 end",
    ));
}

#[test]
fn a_second_request_of_a_number_joins_the_first_and_keeps_the_older_place() {
    expect![[r#"
        9000 c3 presses 1 to leave ventas
        9000 c3 leaves ventas: callback_taken at 2 after 4000
        9000 c3 will be called back for ventas: key
        9000 ventas has 1 to call back
        11000 ventas has 2 to call back
        12000 refused: there is no callback for +34600000009
        13000 a callback of ventas is over: cancelled after 0
        13000 ventas has 1 to call back
        14000 refused: 1970-01-01T00:00:09.000000Z is past, or more than 31 days ahead
        15000 ventas has 2 to call back
        16000 c2 leaves ventas: abandoned at 1 after 13000
    "#]]
    .assert_eq(&busy(
        "key=1 first=agent",
        "9000 key c3 1
         10000 back +34600000003 ventas
         11000 back +34600000002 ventas
         12000 unback +34600000009
         13000 unback +34600000002
         14000 back +34600000002 ventas at=9
         15000 back +34600000002 ventas at=100
         16000 gone c2 abandoned
         101500 end",
    ));
}

#[test]
fn an_appointment_enters_the_order_at_its_time_with_the_wait_before_it() {
    expect![[r#"
        9000 c3 presses 1 to leave ventas
        9000 c3 leaves ventas: callback_taken at 2 after 4000
        9000 c3 will be called back for ventas: key
        9000 ventas has 1 to call back
        20000 c2 leaves ventas: abandoned at 1 after 17000
        97000 c7 enters ventas at 1
        101000 anna ready
        101000 call back +34600000003 as b1, agent first, attempt 1
        101000 b1 enters ventas at 1
        101000 offer b1 to anna
        101000 anna offered b1
        101500 connect b1 with anna
        101500 offer of b1 to anna ended: accepted after 500
        101500 anna talking b1
        101600 anna ready
        101600 offer c7 to anna
        101600 anna offered c7
    "#]]
    .assert_eq(&busy(
        "key=1 first=agent",
        "9000 key c3 1
         10000 appoint +34600000003 100
         20000 gone c2 abandoned
         97000 call c7 ventas
         95000 end
         101000 release anna
         101500 accept anna
         101600 release anna
         102000 end",
    ));
}

#[test]
fn an_overflow_offers_a_callback_and_the_key_takes_it() {
    expect![[r#"
        0 anna ready
        1000 c1 enters ventas at 1
        1000 offer c1 to anna
        1000 anna offered c1
        2000 connect c1 with anna
        2000 offer of c1 to anna ended: accepted after 1000
        2000 c1 leaves ventas: answered at 1 after 1000
        2000 anna talking c1
        3000 c2 enters ventas at 1
        4000 c3 is offered a callback
        5000 c3 will be called back for ventas: overflow
        5000 ventas has 1 to call back
        6000 c4 is offered a callback
        8000 c5 is told good-bye
        33000 c2 leaves ventas: overflowed at 1 after 30000
        33000 c2 is offered a callback
        33000 c2 will be called back for ventas: overflow
        33000 ventas has 2 to call back
        40000 anna ready
        40000 call back +34600000002 as b1, agent first, attempt 1
        40000 b1 enters ventas at 1
        40000 offer b1 to anna
        40000 anna offered b1
        41000 connect b1 with anna
        41000 offer of b1 to anna ended: accepted after 1000
        41000 anna talking b1
    "#]]
    .assert_eq(&run("
        segment plain 1000 20 0
        queue ventas len=1 onfull=callback: wait=30 onwait=callback:
        agent anna ventas
        callback ventas key=1 first=agent
        0 in anna
        1000 call c1 ventas
        2000 accept anna
        3000 call c2 ventas to=+34600000002
        4000 call c3 ventas to=+34600000003
        5000 key c3 1
        6000 call c4 ventas to=+34600000004
        7000 gone c4 abandoned
        8000 call c5 ventas
        33000 key c2 1
        40000 release anna
        41000 accept anna
        42000 end"));
}

#[test]
fn without_a_key_an_overflow_is_a_callback_at_once() {
    expect![[r#"
        3000 c2 enters ventas at 1
        4000 c3 enters ventas at 2
        33000 c2 leaves ventas: callback_taken at 1 after 30000
        33000 c2 will be called back for ventas: overflow
        33000 ventas has 1 to call back
        40000 anna ready
        40000 call back +34600000002 as b1, agent first, attempt 1
        40000 b1 enters ventas at 1
        40000 offer b1 to anna
        40000 anna offered b1
    "#]]
    .assert_eq(&run("
        queue ventas wait=30 onwait=callback:
        agent anna ventas
        callback ventas first=agent
        3000 call c2 ventas to=+34600000002
        4000 call c3 ventas
        40000 in anna
        41000 end"));
}

#[test]
fn a_customer_called_back_who_hangs_up_at_once_is_tried_again_and_later_is_not() {
    expect![[r#"
        1000 ventas has 1 to call back
        2000 anna ready
        3000 call back +34600000001 as b1, customer first, attempt 1
        10000 b1 enters ventas at 1
        10000 offer b1 to anna
        10000 anna offered b1
        10000 ventas has 0 to call back
        12000 withdraw b1 from anna: caller_left
        12000 offer of b1 to anna ended: caller_left after 2000
        12000 b1 leaves ventas: short_abandoned at 1 after 2000
        12000 anna ready
        12000 ventas has 1 to call back
        72000 call back +34600000001 as b2, customer first, attempt 2
        75000 b2 enters ventas at 1
        75000 offer b2 to anna
        75000 anna offered b2
        75000 ventas has 0 to call back
        85000 withdraw b2 from anna: caller_left
        85000 offer of b2 to anna ended: caller_left after 10000
        85000 b2 leaves ventas: abandoned at 1 after 10000
        85000 a callback of ventas is over: abandoned after 2
        85000 anna ready
    "#]]
    .assert_eq(&run("
        queue ventas short=5
        agent anna ventas
        callback ventas key=1 first=customer unsure=60
        1000 back +34600000001 ventas
        2000 in anna
        3000 end
        10000 answered b1
        12000 gone b1 abandoned
        75000 answered b2
        85000 gone b2 abandoned
        86000 end"));
}
