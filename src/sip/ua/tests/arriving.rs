//! Calls that arrive: answered, withdrawn, refused, and whatever crosses on the way.

use expect_test::expect;

use super::script::run;

#[test]
fn a_call_is_answered_and_the_caller_hangs_up() {
    expect![[r#"
        0      -> carrier c1 100 INVITE
        0      a0 arrives from carrier "" for 900 by Trunk(carrier)
        10     -> carrier c1 180 INVITE
        2000   a0 agreed SendRecv 198.51.100.1:6000
        2000   -> carrier c1 200 INVITE sdp sendrecv
        2030   a0 confirmed
        2040   1 dialogs, 1 transactions, 2 timers, 0 bindings
        9000   -> carrier c1 200 BYE
        9000   a0 ended by peer: 200 q850=31 peer
        99000  0 dialogs, 0 transactions, 0 timers, 0 bindings
    "#]]
    .assert_eq(&run("0 carrier INVITE c1 sdp
        10 turno ring a0
        2000 turno answer a0
        2030 carrier ACK c1
        2040 turno sizes
        9000 carrier BYE c1 | Reason: Q.850;cause=31
        99000 turno sizes"));
}

#[test]
fn a_2xx_is_repeated_until_its_ack_and_given_up_after_64_t1() {
    expect![[r#"
        0      -> carrier c1 100 INVITE
        0      a0 arrives from carrier "" for 900 by Trunk(carrier)
        0      a0 agreed SendRecv 198.51.100.1:6000
        0      -> carrier c1 200 INVITE sdp sendrecv
        500    -> carrier c1 200 INVITE sdp sendrecv
        600    (Retransmission)
        1500   -> carrier c1 200 INVITE sdp sendrecv
        3500   -> carrier c1 200 INVITE sdp sendrecv
        7500   -> carrier c1 200 INVITE sdp sendrecv
        11500  -> carrier c1 200 INVITE sdp sendrecv
        15500  -> carrier c1 200 INVITE sdp sendrecv
        19500  -> carrier c1 200 INVITE sdp sendrecv
        23500  -> carrier c1 200 INVITE sdp sendrecv
        27500  -> carrier c1 200 INVITE sdp sendrecv
        31500  -> carrier c1 200 INVITE sdp sendrecv
        32000  -> carrier c1 BYE sip:carrier@198.51.100.1:5060
        32000  a0 ended by us: 408 q850=102 unreachable
        32500  -> carrier c1 BYE sip:carrier@198.51.100.1:5060
        33500  -> carrier c1 BYE sip:carrier@198.51.100.1:5060
        35500  -> carrier c1 BYE sip:carrier@198.51.100.1:5060
        39500  -> carrier c1 BYE sip:carrier@198.51.100.1:5060
        99000  0 dialogs, 0 transactions, 0 timers, 0 bindings
    "#]]
    .assert_eq(&run("0 carrier INVITE c1 sdp
        0 turno answer a0
        600 carrier again c1
        40000 carrier 200 BYE
        99000 turno sizes"));
}

#[test]
fn hanging_up_before_the_ack_waits_for_it() {
    expect![[r#"
        0      -> carrier c1 100 INVITE
        0      a0 arrives from carrier "" for 900 by Trunk(carrier)
        0      a0 agreed SendRecv 198.51.100.1:6000
        0      -> carrier c1 200 INVITE sdp sendrecv
        100    a0 ended by us: 200 q850=16 normal
        200    -> carrier c1 481 INVITE
        300    -> carrier c1 BYE sip:carrier@198.51.100.1:5060 | Reason: Q.850;cause=16;text="normal"
        99000  0 dialogs, 0 transactions, 0 timers, 0 bindings
    "#]]
    .assert_eq(&run("show Reason
        0 carrier INVITE c1 sdp
        0 turno answer a0
        100 turno end a0 normal
        200 carrier INVITE c1 sdp
        300 carrier ACK c1 | CSeq: 1 ACK
        350 carrier 200 BYE
        99000 turno sizes"));
}

#[test]
fn a_cancel_ends_a_ringing_call() {
    expect![[r#"
        0      -> carrier c1 100 INVITE
        0      a0 arrives from carrier "" for 900 by Trunk(carrier)
        10     -> carrier c1 180 INVITE
        500    -> carrier c1 200 CANCEL
        500    -> carrier c1 487 INVITE
        500    a0 ended by peer: 487 q850=16 completed-elsewhere
        510    (Retransmission)
        510    -> carrier c1 200 CANCEL
        99000  0 dialogs, 0 transactions, 0 timers, 0 bindings
    "#]]
    .assert_eq(&run("0 carrier INVITE c1 sdp
        10 turno ring a0
        500 carrier CANCEL c1 | Reason: SIP;cause=200;text=\"Call completed elsewhere\"
        510 carrier again c1
        520 turno answer a0
        600 carrier ACK c1
        99000 turno sizes"));
}

#[test]
fn a_cancel_that_crosses_our_2xx_changes_nothing() {
    expect![[r#"
        0      -> carrier c1 100 INVITE
        0      a0 arrives from carrier "" for 900 by Trunk(carrier)
        10     a0 agreed SendRecv 198.51.100.1:6000
        10     -> carrier c1 200 INVITE sdp sendrecv
        20     -> carrier c1 200 CANCEL
        30     a0 confirmed
        40     -> carrier c1 200 BYE
        40     a0 ended by peer: 200 q850=16 peer
        50     -> carrier c9 481 CANCEL
        99000  0 dialogs, 0 transactions, 0 timers, 0 bindings
    "#]]
    .assert_eq(&run("0 carrier INVITE c1 sdp
        10 turno answer a0
        20 carrier CANCEL c1
        30 carrier ACK c1
        40 carrier BYE c1
        50 carrier CANCEL c9
        99000 turno sizes"));
}

#[test]
fn a_refusal_is_repeated_until_its_ack() {
    expect![[r#"
        0      -> carrier c1 100 INVITE
        0      a0 arrives from carrier "" for 900 by Trunk(carrier)
        10     -> carrier c1 486 INVITE | Reason: Q.850;cause=17;text="normal"
        10     a0 ended by us: 486 q850=17 normal
        510    -> carrier c1 486 INVITE | Reason: Q.850;cause=17;text="normal"
        600    (Retransmission)
        600    -> carrier c1 486 INVITE | Reason: Q.850;cause=17;text="normal"
        99000  0 dialogs, 0 transactions, 0 timers, 0 bindings
    "#]]
    .assert_eq(&run("show Reason
        0 carrier INVITE c1 sdp
        10 turno end a0 busy
        600 carrier again c1
        700 carrier ACK c1
        5800 carrier again c1
        99000 turno sizes"));
}

#[test]
fn copies_of_one_call_are_one_call() {
    expect![[r#"
        0      -> carrier c1 100 INVITE
        0      a0 arrives from carrier "" for 900 by Trunk(carrier)
        10     (Retransmission)
        10     -> carrier c1 100 INVITE
        20     (Merged)
        20     -> carrier2 c1 482 INVITE
        30     a0 agreed SendRecv 198.51.100.1:6000
        30     -> carrier c1 200 INVITE sdp sendrecv
        40     a0 confirmed
        50     -> carrier c1 200 BYE
        50     a0 ended by peer: 200 q850=16 peer
    "#]]
    .assert_eq(&run("0 carrier INVITE c1 sdp
        10 carrier again c1
        20 carrier2 INVITE c1b sdp | Call-ID: c1 | From: <sip:carrier@carrier.example>;tag=t-c1 | CSeq: 1 INVITE
        30 turno answer a0
        40 carrier ACK c1
        50 carrier BYE c1"));
}

#[test]
fn a_phone_that_asks_for_no_less_than_90_s_is_served_and_cleared_when_dead() {
    expect![[r#"
        0      -> carrier c1 422 INVITE | Min-SE: 90
        10     -> carrier c1 100 INVITE
        10     a0 arrives from carrier "" for 900 by Trunk(carrier)
        20     a0 agreed SendRecv 198.51.100.1:6000
        20     -> carrier c1 200 INVITE sdp sendrecv | Session-Expires: 90;refresher=uac | Require: timer
        30     a0 confirmed
        50000  -> carrier c1 200 UPDATE | Session-Expires: 90;refresher=uac | Require: timer
        110000 -> carrier c1 BYE sip:carrier@198.51.100.1:5060 | Reason: Q.850;cause=102;text="session-expired"
        110000 a0 ended by us: 408 q850=102 session-expired
    "#]]
    .assert_eq(&run("show Min-SE, Session-Expires, Require, Reason
        0 carrier INVITE c1 sdp | Session-Expires: 60 | Supported: timer
        5 carrier ACK c1
        10 carrier INVITE c1 sdp | Session-Expires: 90;refresher=uac | Supported: timer | Min-SE: 90
        20 turno answer a0
        30 carrier ACK c1
        50000 carrier UPDATE c1 | Session-Expires: 90;refresher=uac | Supported: timer
        110001 turno wait
        110100 carrier 200 BYE"));
}

#[test]
fn a_station_takes_a_call_over_by_replaces() {
    expect![[r#"
        0      -> carrier c1 100 INVITE
        0      a0 arrives from carrier "" for 900 by Trunk(carrier)
        10     a0 agreed SendRecv 198.51.100.1:6000
        10     -> carrier c1 200 INVITE sdp sendrecv
        20     a0 confirmed
        30     (Challenged)
        30     -> anna c2 401 INVITE
        40     -> anna c2 100 INVITE
        40     a1 arrives from anna "" for 900 by Station(anna) replaces a0
        50     (Challenged)
        50     -> anna c3 401 INVITE
        60     -> anna c3 481 INVITE
    "#]]
    .assert_eq(&run("0 carrier INVITE c1 sdp
        10 turno answer a0
        20 carrier ACK c1
        30 anna INVITE c2 sdp
        40 anna INVITE c2 sdp auth | Replaces: c1;to-tag=OUR-c1;from-tag=t-c1
        50 anna INVITE c3 sdp
        60 anna INVITE c3 sdp auth | Replaces: c1;to-tag=nobody;from-tag=t-c1"));
}

#[test]
fn nothing_is_repeated_on_a_stream_but_what_waits_for_an_ack() {
    expect![[r#"
        0      (Challenged)
        0      -> anna-tcp c1 401 INVITE
        1      -> anna-tcp c1 100 INVITE
        1      a0 arrives from anna "" for 900 by Station(anna)
        10     a0 agreed SendRecv 203.0.113.7:6000
        10     -> anna-tcp c1 200 INVITE sdp sendrecv
        510    -> anna-tcp c1 200 INVITE sdp sendrecv
        600    a0 confirmed
        700    -> anna-tcp c1 BYE sip:anna-tcp@203.0.113.7:41000
        700    a0 ended by us: 200 q850=16 normal
        5001   0 dialogs, 1 transactions, 1 timers, 0 bindings
        5002   (Challenged)
        5002   -> anna-tcp c2 401 INVITE
        5003   -> anna-tcp c2 100 INVITE
        5003   a1 arrives from anna "" for 900 by Station(anna)
        5010   -> anna-tcp c2 486 INVITE
        5010   a1 ended by us: 486 q850=17 normal
        6000   0 dialogs, 1 transactions, 1 timers, 0 bindings
    "#]]
    .assert_eq(&run("0 anna-tcp INVITE c1 sdp | From: <sip:anna@turno.example>;tag=t-c1
        1 anna-tcp INVITE c1 sdp auth | From: <sip:anna@turno.example>;tag=t-c1
        10 turno answer a0
        600 anna-tcp ACK c1
        700 turno end a0 normal
        5000 anna-tcp 200 BYE
        5001 turno sizes
        5002 anna-tcp INVITE c2 sdp | From: <sip:anna@turno.example>;tag=t-c2
        5003 anna-tcp INVITE c2 sdp auth | From: <sip:anna@turno.example>;tag=t-c2
        5010 turno end a1 busy
        5011 turno unsent anna-tcp
        6000 turno sizes"));
}

#[test]
fn a_caller_whose_stream_breaks_before_the_answer_is_gone() {
    expect![[r#"
        0      (Challenged)
        0      -> anna-tcp c1 401 INVITE
        1      -> anna-tcp c1 100 INVITE
        1      a0 arrives from anna "" for 900 by Station(anna)
        10     -> anna-tcp c1 180 INVITE
        20     a0 ended by us: 503 q850=41 unreachable
        30     0 dialogs, 0 transactions, 0 timers, 0 bindings
    "#]]
    .assert_eq(&run("0 anna-tcp INVITE c1 sdp | From: <sip:anna@turno.example>;tag=t-c1
        1 anna-tcp INVITE c1 sdp auth | From: <sip:anna@turno.example>;tag=t-c1
        10 turno ring a0
        20 turno lose anna-tcp
        30 turno sizes"));
}

#[test]
fn a_trunk_behind_nat_is_hung_up_on_where_it_was_seen() {
    expect![[r#"
        0      -> carrier c1 100 INVITE
        0      a0 arrives from carrier "" for 900 by Trunk(carrier)
        10     a0 agreed SendRecv 198.51.100.1:6000
        10     -> carrier c1 200 INVITE sdp sendrecv
        20     a0 confirmed
        30     -> carrier c1 BYE sip:a@192.168.1.5:5080
        30     a0 ended by us: 200 q850=16 normal
        40     -> carrier c2 100 INVITE
        40     a1 arrives from carrier "" for 900 by Trunk(carrier)
        50     a1 agreed SendRecv 198.51.100.1:6000
        50     -> carrier c2 200 INVITE sdp sendrecv
        60     a1 confirmed
        70     -> carrier2 c2 BYE sip:a@198.51.100.2:5060
        70     a1 ended by us: 200 q850=16 normal
        80     -> carrier c3 100 INVITE
        80     a2 arrives from carrier "" for 900 by Trunk(carrier)
        90     a2 agreed SendRecv 198.51.100.1:6000
        90     -> carrier c3 200 INVITE sdp sendrecv
        100    a2 confirmed
        110    -> carrier c3 BYE sip:a@pbx.invalid
        110    a2 ended by us: 200 q850=16 normal
    "#]]
    .assert_eq(&run("0 carrier INVITE c1 sdp | Contact: <sip:a@192.168.1.5:5080>
        10 turno answer a0
        20 carrier ACK c1
        30 turno end a0 normal
        40 carrier INVITE c2 sdp | Contact: <sip:a@198.51.100.2:5060>
        50 turno answer a1
        60 carrier ACK c2
        70 turno end a1 normal
        80 carrier INVITE c3 sdp | Contact: <sip:a@pbx.invalid>
        90 turno answer a2
        100 carrier ACK c3
        110 turno end a2 normal"));
}
