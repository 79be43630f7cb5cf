//! Legs that we dial and that several answer: phones of one station, forks behind a trunk.

use expect_test::expect;

use super::dialling::run_registered;
use super::script::run;

#[test]
fn all_phones_ring_and_the_first_answer_wins() {
    expect![[r#"
        10     -> anna-tcp x1 INVITE sip:anna@x.invalid;transport=tcp sdp sendrecv
        10     -> anna x2 INVITE sip:anna@203.0.113.7:40000 sdp sendrecv
        20     b1 progress 180
        40     -> anna-tcp x1 ACK sip:anna-tcp@203.0.113.7:41000
        40     -> anna x2 CANCEL sip:anna@203.0.113.7:40000 | Reason: SIP;cause=200;text="Call completed elsewhere"
        40     b1 agreed SendRecv 203.0.113.7:6000
        40     b1 answered
        50     -> anna x2 ACK sip:anna@203.0.113.7:40000
        50     (LostRace)
        50     -> anna x2 BYE sip:anna@203.0.113.7:40000 | Reason: SIP;cause=200;text="Call completed elsewhere"
        70     -> anna x2 ACK sip:anna@203.0.113.7:40000
        70     (Retransmission)
        90     -> anna-tcp x1 200 BYE
        90     b1 ended by peer: 200 q850=16 peer
        99000  0 dialogs, 0 transactions, 0 timers, 2 bindings
    "#]]
    .assert_eq(&run_registered(
        "show Reason
        10 turno dial b1 anna
        20 anna 180 INVITE
        30 anna-tcp 180 INVITE
        40 anna-tcp 200 INVITE sdp
        50 anna 200 INVITE sdp tag=late
        60 anna 200 CANCEL
        70 anna 200 INVITE sdp tag=late
        80 anna 200 BYE
        90 anna-tcp BYE x1
        99000 turno sizes",
    ));
}

#[test]
fn a_decline_on_one_phone_leaves_the_other_ringing_and_a_global_one_does_not() {
    expect![[r#"
        10     -> anna-tcp x1 INVITE sip:anna@x.invalid;transport=tcp sdp sendrecv
        10     -> anna x2 INVITE sip:anna@203.0.113.7:40000 sdp sendrecv
        20     b1 progress 180
        30     -> anna x2 ACK sip:anna@203.0.113.7:40000
        40     -> anna-tcp x1 ACK sip:anna@x.invalid;transport=tcp
        40     b1 ended by peer: 486 q850=17 peer
        100    -> anna-tcp x3 INVITE sip:anna@x.invalid;transport=tcp sdp sendrecv
        100    -> anna x4 INVITE sip:anna@203.0.113.7:40000 sdp sendrecv
        110    b2 progress 180
        120    -> anna-tcp x3 ACK sip:anna@x.invalid;transport=tcp
        120    -> anna x4 CANCEL sip:anna@203.0.113.7:40000
        120    b2 ended by peer: 603 q850=21 peer
        130    -> anna x4 ACK sip:anna@203.0.113.7:40000
    "#]]
    .assert_eq(&run_registered(
        "10 turno dial b1 anna
        20 anna 180 INVITE
        30 anna 486 INVITE
        40 anna-tcp 480 INVITE
        100 turno dial b2 anna
        110 anna 180 INVITE
        120 anna-tcp 603 INVITE
        130 anna 487 INVITE",
    ));
}

#[test]
fn forks_behind_the_trunk_have_early_dialogs_each_and_the_first_2xx_wins() {
    expect![[r#"
        0      -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        10     b1 agreed SendRecv 198.51.100.1:6000
        10     b1 progress 183
        20     b1 progress 180
        30     b1 progress 183
        40     -> carrier x1 ACK sip:carrier@198.51.100.1:5060
        40     b1 answered
        50     -> carrier x1 ACK sip:carrier@198.51.100.1:5060
        50     (LostRace)
        50     -> carrier x1 BYE sip:carrier@198.51.100.1:5060
        60     -> carrier x1 ACK sip:carrier@198.51.100.1:5060
        60     (Retransmission)
        80     -> carrier x1 200 BYE
        80     b1 ended by peer: 200 q850=16 peer
        99000  0 dialogs, 0 transactions, 0 timers, 0 bindings
    "#]]
    .assert_eq(&run("0 turno dial b1 carrier 612
        10 carrier 183 INVITE sdp tag=u
        20 carrier 180 INVITE tag=v
        30 carrier 183 INVITE sdp tag=v
        40 carrier 200 INVITE sdp tag=v
        50 carrier 200 INVITE sdp tag=u
        60 carrier 200 INVITE sdp tag=v
        70 carrier 200 BYE
        80 carrier BYE x1
        99000 turno sizes"));
}

#[test]
fn forks_past_the_most_early_dialogs_are_not_listened_to_until_one_answers() {
    let early: String =
        (0..12).map(|n| format!("{} carrier 183 INVITE sdp tag=f{n} | Require: 100rel | RSeq: 1\n", 10 + n)).collect();
    let got = run(&format!("0 turno dial b1 carrier 612\n{early}100 carrier 200 INVITE sdp tag=f11"));
    assert_eq!((got.matches("PRACK").count(), got.matches("b1 answered").count()), (8, 1), "{got}");
}

#[test]
fn a_peer_that_invents_forks_is_acknowledged_so_often() {
    let answers: String = (0..30).map(|n| format!("{} carrier 200 INVITE sdp tag=f{n}\n", 10 + n)).collect();
    let got = run(&format!("0 turno dial b1 carrier 612\n{answers}"));
    assert_eq!((got.matches("ACK sip").count(), got.matches("BYE sip").count()), (16, 15), "{got}");
}
