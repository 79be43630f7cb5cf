//! Calls that arrive: answered, withdrawn, refused, and whatever crosses on the way.

use expect_test::expect;

use super::script::{Script, config, run, run_with};
use crate::config::Cidr;
use crate::message::{Field, Limit, Message, Rejected};

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
fn a_caller_without_an_offer_gets_ours_and_answers_it_in_the_ack() {
    expect![[r#"
        0      -> carrier c1 100 INVITE
        0      a0 arrives from carrier "" for 900 by Trunk(carrier)
        10     -> carrier c1 183 INVITE
        20     -> carrier c1 200 INVITE sdp sendrecv
        30     a0 agreed SendRecv 198.51.100.1:6000
        30     a0 confirmed
        40     -> carrier c1 200 BYE
        40     a0 ended by peer: 200 q850=16 peer
        100    -> carrier c2 100 INVITE
        100    a1 arrives from carrier "" for 900 by Trunk(carrier)
        110    -> carrier c2 200 INVITE sdp sendrecv
        120    -> carrier c2 BYE sip:carrier@198.51.100.1:5060
        120    a1 ended by us: 488 q850=88 not-acceptable
    "#]]
    .assert_eq(&run("0 carrier INVITE c1
        10 turno progress a0
        20 turno answer a0
        30 carrier ACK c1 sdp
        40 carrier BYE c1
        100 carrier INVITE c2
        110 turno answer a1
        120 carrier ACK c2
        130 carrier 200 BYE"));
}

#[test]
fn early_media_are_acknowledged_where_the_caller_can_and_the_answer_waits() {
    expect![[r#"
        0      -> carrier c1 100 INVITE
        0      a0 arrives from carrier "" for 900 by Trunk(carrier)
        10     -> carrier c1 180 INVITE
        20     a0 agreed SendRecv 198.51.100.1:6000
        20     -> carrier c1 183 INVITE sdp sendrecv | RSeq: 49998 | Require: 100rel
        520    -> carrier c1 183 INVITE sdp sendrecv | RSeq: 49998 | Require: 100rel
        560    -> carrier c1 481 PRACK
        570    -> carrier c1 200 PRACK
        570    -> carrier c1 200 INVITE
        580    (Retransmission)
        580    -> carrier c1 200 PRACK
        600    a0 confirmed
        700    -> carrier c1 200 BYE
        700    a0 ended by peer: 200 q850=16 peer
        99000  0 dialogs, 0 transactions, 0 timers, 0 bindings
    "#]]
    .assert_eq(&run("show RSeq, Require
        0 carrier INVITE c1 sdp | Supported: 100rel
        10 turno ring a0
        20 turno progress a0
        30 turno answer a0
        560 carrier PRACK c1 | RAck: 1 1 INVITE
        570 carrier PRACK c1
        580 carrier again c1
        600 carrier ACK c1
        700 carrier BYE c1
        99000 turno sizes"));
}

#[test]
fn a_caller_that_requires_100rel_gets_every_provisional_so_and_is_refused_without_prack() {
    expect![[r#"
        0      -> carrier c1 100 INVITE
        0      a0 arrives from carrier "" for 900 by Trunk(carrier)
        10     -> carrier c1 180 INVITE | RSeq: 49998 | Require: 100rel
        30     -> carrier c1 200 PRACK
        30     a0 agreed SendRecv 198.51.100.1:6000
        30     -> carrier c1 183 INVITE sdp sendrecv | RSeq: 49999 | Require: 100rel
        530    -> carrier c1 183 INVITE sdp sendrecv | RSeq: 49999 | Require: 100rel
        1530   -> carrier c1 183 INVITE sdp sendrecv | RSeq: 49999 | Require: 100rel
        3530   -> carrier c1 183 INVITE sdp sendrecv | RSeq: 49999 | Require: 100rel
        7530   -> carrier c1 183 INVITE sdp sendrecv | RSeq: 49999 | Require: 100rel
        15530  -> carrier c1 183 INVITE sdp sendrecv | RSeq: 49999 | Require: 100rel
        31530  -> carrier c1 183 INVITE sdp sendrecv | RSeq: 49999 | Require: 100rel
        32030  -> carrier c1 504 INVITE
        32030  a0 ended by us: 504 q850=102 unreachable
        32530  -> carrier c1 504 INVITE
        33530  -> carrier c1 504 INVITE
        35530  -> carrier c1 504 INVITE
        39530  -> carrier c1 504 INVITE
        43530  -> carrier c1 504 INVITE
        47530  -> carrier c1 504 INVITE
        51530  -> carrier c1 504 INVITE
        55530  -> carrier c1 504 INVITE
        59530  -> carrier c1 504 INVITE
        63530  -> carrier c1 504 INVITE
        99000  0 dialogs, 0 transactions, 0 timers, 0 bindings
    "#]]
    .assert_eq(&run("show RSeq, Require
        0 carrier INVITE c1 sdp | Require: 100rel
        10 turno ring a0
        20 turno progress a0
        30 carrier PRACK c1
        99000 turno sizes"));
}

#[test]
fn an_offer_in_a_reliable_183_is_answered_in_the_prack() {
    expect![[r#"
        0      -> carrier c1 100 INVITE
        0      a0 arrives from carrier "" for 900 by Trunk(carrier)
        10     -> carrier c1 183 INVITE sdp sendrecv
        20     a0 agreed SendRecv 198.51.100.1:6000
        20     -> carrier c1 200 PRACK
        30     a0 agreed RecvOnly 198.51.100.1:6000
        30     -> carrier c1 200 UPDATE sdp recvonly
        40     -> carrier c1 200 INVITE
        50     a0 confirmed
        60     -> carrier c1 200 BYE
        60     a0 ended by peer: 200 q850=16 peer
    "#]]
    .assert_eq(&run("0 carrier INVITE c1 | Supported: 100rel
        10 turno progress a0
        20 carrier PRACK c1 sdp
        30 carrier UPDATE c1 sdp=sendonly
        40 turno answer a0
        50 carrier ACK c1
        60 carrier BYE c1"));
}

#[test]
fn an_update_before_the_answer_waits_for_the_first_exchange() {
    expect![[r#"
        0      -> carrier c1 100 INVITE
        0      a0 arrives from carrier "" for 900 by Trunk(carrier)
        10     -> carrier c1 180 INVITE
        20     -> carrier c1 500 UPDATE | Retry-After: 8
        30     -> carrier c1 200 UPDATE
        40     -> carrier c1 200 BYE
        40     -> carrier c1 487 INVITE
        40     a0 ended by peer: 487 q850=16 peer
    "#]]
    .assert_eq(&run("show Retry-After
        0 carrier INVITE c1 sdp
        10 turno ring a0
        20 carrier UPDATE c1 sdp
        30 carrier UPDATE c1
        40 carrier BYE c1
        50 carrier ACK c1"));
}

#[test]
fn a_station_is_challenged_before_anything_is_remembered_of_it() {
    expect![[r#"
        0      (Challenged)
        0      -> anna c1 401 INVITE
        1      0 dialogs, 0 transactions, 0 timers, 0 bindings
        20     -> anna c1 100 INVITE
        20     a0 arrives from anna "" for 900 by Station(anna)
        30     a0 agreed SendRecv 203.0.113.7:6000
        30     -> anna c1 200 INVITE sdp sendrecv
        40     a0 confirmed
        50     -> anna c1 200 BYE
        50     a0 ended by peer: 200 q850=16 peer
        60     (Challenged)
        60     -> anna c2 401 INVITE
        61     -> anna 100 INVITE
        61     a1 arrives from anna "" for 900 by Station(anna)
    "#]].assert_eq(&run("0 anna INVITE c1 sdp
        1 turno sizes
        10 anna ACK c1
        20 anna INVITE c1 sdp auth
        30 turno answer a0
        40 anna ACK c1
        50 anna BYE c1
        60 anna INVITE c2 sdp
        61 anna INVITE c2 sdp auth | Call-ID: c2b | From: <sip:boris@turno.example>;tag=t-c2 | P-Asserted-Identity: <sip:+34900000000@x>"));
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
fn a_call_of_ours_that_comes_back_is_a_loop() {
    expect![[r#"
        0      -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        20     -> carrier c1 482 INVITE
    "#]]
    .assert_eq(&run("0 turno dial b1 carrier 612
        10 carrier 100 INVITE
        20 carrier INVITE c1 sdp | From: <sip:us@turno.example>;tag=OUR-x1"));
}

#[test]
fn what_cannot_be_served_is_refused_by_its_name() {
    expect![[r#"
        0      -> carrier c1 420 INVITE | Unsupported: gruu, foo
        0      -> carrier c2 416 INVITE
        0      -> carrier c3 415 INVITE | Accept: application/sdp
        0      -> carrier c4 488 INVITE
        0      -> carrier c5 483 INVITE
        0      -> carrier c6 481 BYE
        0      -> carrier c7 405 MESSAGE | Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY, SUBSCRIBE, REGISTER
        0      -> carrier c8 501 DANCE | Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY, SUBSCRIBE, REGISTER
        0      -> carrier c9 400 INVITE
        0      -> carrier c10 481 INVITE
        0      -> carrier c11 415 INVITE | Accept: application/sdp
        0      -> carrier c12 403 REFER
        0      (Malformed)
        0      -> carrier c13 400 INVITE
        0      -> carrier c14 422 INVITE
        0      0 dialogs, 0 transactions, 0 timers, 0 bindings
    "#]].assert_eq(&run("show Unsupported, Accept, Allow, Retry-After
        0 carrier INVITE c1 sdp | Require: 100rel, gruu, foo
        0 carrier INVITE c2 sdp | Uri: http://x.example
        0 carrier INVITE c3 text
        0 carrier INVITE c4 sdp=opus
        0 carrier INVITE c5 sdp | Max-Forwards: 0
        0 carrier BYE c6
        0 carrier MESSAGE c7 text
        0 carrier DANCE c8
        0 carrier INVITE c9 sdp | Contact: -
        0 carrier INVITE c10 sdp | Replaces: x;to-tag=1;from-tag=2
        0 carrier INVITE c11 sdp | Content-Encoding: gzip
        0 carrier REFER c12 | Refer-To: <sip:1@x>
        0 carrier INVITE c13 sdp | From: nonsense
        0 carrier INVITE c14 sdp | Session-Expires: 60 | Supported: timer
        0 turno sizes"));
}

#[test]
fn anyone_may_ask_what_we_can_do_but_not_while_we_drain() {
    expect![[r#"
        0      -> stranger c1 200 OPTIONS | Accept: application/sdp, application/dtmf-relay, application/dtmf | Supported: 100rel, timer, replaces, norefersub, path, outbound
        0      -> stranger c1 200 OPTIONS | Accept: application/sdp, application/dtmf-relay, application/dtmf | Supported: 100rel, timer, replaces, norefersub, path, outbound
        0      -> carrier c3 100 INVITE
        0      a0 arrives from carrier "" for 900 by Trunk(carrier)
        5      a0 agreed SendRecv 198.51.100.1:6000
        5      -> carrier c3 200 INVITE sdp sendrecv | Supported: 100rel, timer, replaces, norefersub, path, outbound
        6      a0 confirmed
        20     (Shed)
        20     -> stranger c2 503 OPTIONS
        30     (Shed)
        30     -> carrier c4 503 INVITE
        40     -> carrier c3 200 OPTIONS | Accept: application/sdp, application/dtmf-relay, application/dtmf | Supported: 100rel, timer, replaces, norefersub, path, outbound
        50     a0 agreed RecvOnly 198.51.100.1:6000
        50     -> carrier c3 200 INVITE sdp recvonly | Supported: 100rel, timer, replaces, norefersub, path, outbound
    "#]].assert_eq(&run("show Accept, Supported
        0 stranger OPTIONS c1
        0 stranger OPTIONS c1 | Max-Forwards: 0
        0 carrier INVITE c3 sdp
        5 turno answer a0
        6 carrier ACK c3
        10 turno drain
        20 stranger OPTIONS c2
        30 carrier INVITE c4 sdp
        40 carrier OPTIONS c3
        50 carrier INVITE c3 sdp=sendonly
        60 carrier ACK c3"));
}

/// Challenge and refusal are both given without a transaction, so a repetition is judged as it comes (RFC 3261 §8.2.7).
#[test]
fn a_challenged_call_that_comes_again_while_draining_is_refused_and_leaves_nothing() {
    expect![[r#"
        0      (Challenged)
        0      -> stranger c1 401 INVITE
        10     (Challenged)
        10     -> stranger c1 401 INVITE
        30     (Shed)
        30     -> stranger c1 503 INVITE
        50     0 dialogs, 0 transactions, 0 timers, 0 bindings
    "#]]
    .assert_eq(&run("0 stranger INVITE c1 sdp
        10 stranger again c1
        20 turno drain
        30 stranger again c1
        40 stranger ACK c1
        50 turno sizes"));
}

#[test]
fn a_trunk_takes_no_more_calls_than_it_may() {
    expect![[r#"
        0      -> carrier c1 100 INVITE
        0      a0 arrives from carrier "" for 900 by Trunk(carrier)
        0      -> carrier c2 100 INVITE
        0      a1 arrives from carrier "" for 900 by Trunk(carrier)
        0      -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        0      (Shed)
        0      -> carrier c3 503 INVITE | Retry-After: 5
        0      b2 ended by us: 503 q850=34 overload
        10     -> carrier c1 200 CANCEL
        10     -> carrier c1 487 INVITE
        10     a0 ended by peer: 487 q850=16 peer
        20     -> carrier c4 100 INVITE
        20     a2 arrives from carrier "" for 900 by Trunk(carrier)
    "#]]
    .assert_eq(&run("show Retry-After
        0 carrier INVITE c1 sdp
        0 carrier INVITE c2 sdp
        0 turno dial b1 carrier 612
        0 carrier INVITE c3 sdp
        0 turno dial b2 carrier 612
        10 carrier CANCEL c1
        20 carrier INVITE c4 sdp"));
}

#[test]
fn who_calls_is_read_from_what_the_trunk_asserts() {
    expect![[r#"
        0      -> carrier c1 100 INVITE
        0      a0 arrives from +34612345678 "Ana" for 900 by Trunk(carrier) diverted by 901, 900
        0      -> carrier c2 100 INVITE
        0      a1 arrives from withheld "" for 900 by Trunk(carrier)
        0      -> carrier c3 100 INVITE
        0      a2 arrives from withheld "" for +34900111222 by Trunk(carrier) diverted by 701, 700
    "#]].assert_eq(&run("0 carrier INVITE c1 sdp | P-Asserted-Identity: \"Ana\" <sip:+34612345678@x> | Diversion: <sip:901@x>;reason=no-answer, <sip:900@x>
        0 carrier INVITE c2 sdp | P-Asserted-Identity: <tel:+34-612-345678> | Privacy: id
        0 carrier INVITE c3 sdp | From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1 | History-Info: <sip:700@x>;index=1, <sip:701@x>;index=1.1, <sip:900@x>;index=1.2 | Uri: tel:+34900111222"));
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
fn a_flood_of_strangers_is_challenged_so_often_and_then_ignored() {
    let flood: String = (0..40).map(|n| format!("{n} stranger INVITE s{n} sdp\n")).collect();
    let got = run(&flood);
    assert_eq!(got.matches("401 INVITE").count(), 20, "{got}");
}

#[test]
fn a_caller_who_waits_hears_from_us_each_minute() {
    expect![[r#"
        0      -> carrier c1 100 INVITE
        0      a0 arrives from carrier "" for 900 by Trunk(carrier)
        10     -> carrier c1 180 INVITE
        60010  -> carrier c1 180 INVITE
        70000  a0 agreed SendRecv 198.51.100.1:6000
        70000  -> carrier c1 183 INVITE sdp sendrecv
        130000 -> carrier c1 183 INVITE sdp sendrecv
        190000 -> carrier c1 183 INVITE sdp sendrecv
        190100 -> carrier c1 200 CANCEL
        190100 -> carrier c1 487 INVITE
        190100 a0 ended by peer: 487 q850=16 peer
    "#]]
    .assert_eq(&run("0 carrier INVITE c1 sdp
        10 turno ring a0
        70000 turno progress a0
        190100 carrier CANCEL c1
        190110 carrier ACK c1"));
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
fn an_extension_calls_from_its_fixed_address_and_nobody_else_does() {
    expect![[r#"
        0      -> pbx c1 100 INVITE
        0      a0 arrives from 204 "" for 900 by Station(204)
        10     (Challenged)
        10     -> pbx c2 401 INVITE
        20     (Challenged)
        20     -> stranger c3 401 INVITE
    "#]]
    .assert_eq(&run("0 pbx INVITE c1 sdp | From: <sip:204@10.0.0.5>;tag=t-c1
        10 pbx INVITE c2 sdp | From: <sip:anna@10.0.0.5>;tag=t-c2
        20 stranger INVITE c3 sdp | From: <sip:204@10.0.0.5>;tag=t-c3"));
}

#[test]
fn a_trunk_with_a_digest_user_must_prove_it() {
    let mut config = config();
    config.trunks[0].digest_user = Some("anna".to_owned());
    expect![[r#"
        0      (Challenged)
        0      -> carrier c1 401 INVITE
        10     -> carrier c1 100 INVITE
        10     a0 arrives from carrier "" for 900 by Trunk(carrier)
    "#]]
    .assert_eq(&run_with(
        config.clone(),
        "0 carrier INVITE c1 sdp
        10 carrier INVITE c1 sdp auth",
    ));
    config.trunks[0].digest_user = Some("boris".to_owned());
    expect![[r#"
        0      (Challenged)
        0      -> carrier c1 401 INVITE
        10     -> carrier c1 403 INVITE
    "#]]
    .assert_eq(&run_with(
        config,
        "0 carrier INVITE c1 sdp
        10 carrier INVITE c1 sdp auth",
    ));
}

#[test]
fn at_the_most_dialogs_new_calls_are_refused_and_emergencies_are_not() {
    let mut config = config();
    config.rules.dialogs_max = 1;
    expect![[r#"
        0      -> carrier c1 100 INVITE
        0      a0 arrives from carrier "" for 900 by Trunk(carrier)
        10     (Shed)
        10     -> carrier c2 503 INVITE | Retry-After: 5
        20     -> carrier c3 100 INVITE
        20     a1 arrives from carrier "" for 112 by Trunk(carrier)
    "#]]
    .assert_eq(&run_with(
        config,
        "show Retry-After
        0 carrier INVITE c1 sdp
        10 carrier INVITE c2 sdp
        20 carrier INVITE c3 sdp | Uri: sip:112@turno.example",
    ));
}

#[test]
fn a_second_invite_of_an_early_dialog_is_refused_for_a_moment() {
    expect![[r#"
        0      -> carrier c1 100 INVITE
        0      a0 arrives from carrier "" for 900 by Trunk(carrier)
        10     -> carrier c1 180 INVITE
        20     -> carrier c1 500 INVITE
        30     a0 agreed SendRecv 198.51.100.1:6000
        30     -> carrier c1 200 INVITE sdp sendrecv
        40     a0 confirmed
    "#]]
    .assert_eq(&run("0 carrier INVITE c1 sdp
        10 turno ring a0
        20 carrier INVITE c1 sdp
        30 turno answer a0
        40 carrier ACK c1 | CSeq: 1 ACK"));
}

#[test]
fn damaged_messages_are_answered_where_there_is_a_way_back() {
    let mut script = Script::new(config());
    let flow = script.flow("stranger");
    let head = "Via: SIP/2.0/UDP 203.0.113.99:5060;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\n\
        Call-ID: x\r\nCSeq: 1 OPTIONS\r\n";
    let too_large = Rejected::TooLarge { limit: Limit::MessageBytes, got: 70_000 };
    for (text, rejected) in [
        (format!("OPTIONS sip:x SIP/2.0\r\n{head}Content-Length: 70000\r\n\r\n"), too_large),
        (format!("ACK sip:x SIP/2.0\r\n{head}\r\n"), too_large),
        ("OPTIONS sip:x SIP/2.0\r\nVia: nonsense\r\n\r\n".to_owned(), too_large),
        ("hello".to_owned(), Rejected::Malformed { field: Field::StartLine, at: 0 }),
    ] {
        script.act(|ua, now, out| ua.on_unreadable(flow, text.as_bytes(), rejected, now, out));
    }
    for text in [
        format!("OPTIONS sip:x SIP/3.0\r\n{head}\r\n"),
        format!("INVITE sip:x SIP/2.0\r\n{head}\r\n"),
        format!("OPTIONS sip:x SIP/2.0\r\n{head}Content-Length: -1\r\n\r\n"),
        format!("SIP/2.0 200 OK\r\n{head}\r\n"),
    ] {
        let message = Message::parse(text.into_bytes()).unwrap();
        script.act(|ua, now, out| ua.on_message(flow, &message, now, out));
    }
    expect![[r#"
        0      (Malformed)
        0      -> stranger 513 OPTIONS
        0      (Malformed)
        0      (Malformed)
        0      (Malformed)
        0      (Malformed)
        0      -> stranger 505 OPTIONS
        0      (Malformed)
        0      -> stranger 400 OPTIONS
        0      (Malformed)
        0      -> stranger 400 OPTIONS
        0      (Stray)
    "#]]
    .assert_eq(&script.text);
}

#[test]
fn what_waits_for_a_prack_is_bounded_and_the_answer_is_not_lost() {
    let rings = "20 turno ring a0\n".repeat(9);
    let got = run(&format!(
        "0 carrier INVITE c1 sdp | Require: 100rel
        10 turno ring a0
        {rings}
        30 turno answer a0
        40 carrier PRACK c1
        50 carrier PRACK c1
        60 carrier PRACK c1
        70 carrier PRACK c1
        80 carrier PRACK c1
        90 carrier ACK c1"
    ));
    assert_eq!((got.matches("180 INVITE").count(), got.matches("a0 confirmed").count()), (5, 1), "{got}");
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

/// A 200 to it would be a call in which nobody hears anything.
#[test]
fn audio_of_another_family_than_the_callers_is_refused_before_the_call_begins() {
    let mut config = config();
    config.trunks[0].networks.push(Cidr { address: "2001:db8::".parse().unwrap(), prefix: 32 });
    expect![[r#"
        0      -> carrier6 c1 100 INVITE
        0      a0 arrives from carrier6 "" for 900 by Trunk(carrier)
        0      -> carrier c2 488 INVITE
    "#]]
    .assert_eq(&run_with(
        config,
        "0 carrier6 INVITE c1 sdp
        0 carrier INVITE c2 sdp=v6",
    ));
}
