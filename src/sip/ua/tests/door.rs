//! Who is let in: strangers, stations and trunks that must prove who they are, bounds, and what is refused by its name.

use expect_test::expect;

use super::script::{Script, config, run, run_with};
use crate::message::{Field, Limit, Message, Rejected};

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
fn a_flood_of_strangers_is_challenged_so_often_and_then_ignored() {
    let flood: String = (0..40).map(|n| format!("{n} stranger INVITE s{n} sdp\n")).collect();
    let got = run(&flood);
    assert_eq!(got.matches("401 INVITE").count(), 20, "{got}");
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
