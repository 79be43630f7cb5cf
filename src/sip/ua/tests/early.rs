//! Calls that arrive, before the answer: offers and answers, early media, provisionals that must arrive.

use expect_test::expect;

use super::script::run;

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
