//! Legs that we dial: addresses, second tries, what comes before the answer.

use expect_test::expect;

use super::script::run;

/// Anna's phone has registered over datagrams and over a stream.
pub(super) const ANNA: &str = "0 anna REGISTER r1 | To: <sip:anna@turno.example> | Uri: sip:turno.example
    0 anna REGISTER r1 auth | To: <sip:anna@turno.example> | Uri: sip:turno.example | Allow: INVITE
    0 anna-tcp REGISTER r2 | To: <sip:anna@turno.example> | Uri: sip:turno.example
    0 anna-tcp REGISTER r2 auth | To: <sip:anna@turno.example> | Uri: sip:turno.example | Allow: INVITE | Contact: <sip:anna@x.invalid;transport=tcp>;reg-id=1;+sip.instance=\"<urn:uuid:1>\"\n";

/// What a script does after the phones have registered.
pub(super) fn run_registered(script: &str) -> String {
    let whole = run(&format!("{ANNA}{script}"));
    let first = run(ANNA);
    whole.strip_prefix(&first).expect("the same beginning").to_owned()
}

#[test]
fn a_station_without_a_phone_is_unreachable() {
    expect![[r#"
        0      b1 ended by us: 480 q850=20 unreachable
        0      b2 ended by us: 480 q850=20 unreachable
        0      0 dialogs, 0 transactions, 0 timers, 0 bindings
    "#]]
    .assert_eq(&run("0 turno dial b1 anna\n 0 turno dial b2 nobody\n 0 turno sizes"));
}

#[test]
fn phones_register_and_unregister() {
    expect![[r#"
        0      (Challenged)
        0      -> anna r1 401 REGISTER
        0      -> anna r1 200 REGISTER | Contact: <sip:anna@203.0.113.7:40000>;expires=3600
        0      anna reachable: true
        0      (Challenged)
        0      -> anna-tcp r2 401 REGISTER
        0      -> anna-tcp r2 200 REGISTER | Contact: <sip:anna@203.0.113.7:40000>;expires=3600 | Contact: <sip:anna@x.invalid;transport=tcp>;expires=3600;+sip.instance="<urn:uuid:1>";reg-id=1
        100    (Retransmission)
        100    -> anna r1 200 REGISTER | Contact: <sip:anna@203.0.113.7:40000>;expires=3600
        300    (Challenged)
        300    -> anna r1 401 REGISTER
        310    -> anna r1 200 REGISTER
        310    anna reachable: false
        320    0 dialogs, 2 transactions, 2 timers, 0 bindings
    "#]].assert_eq(&run(&format!(
        "show Contact, Expires
        {ANNA}
        100 anna again r1
        200 turno lose anna-tcp
        300 anna REGISTER r1 | To: <sip:anna@turno.example> | Uri: sip:turno.example | Contact: * | Expires: 0
        310 anna REGISTER r1 auth | To: <sip:anna@turno.example> | Uri: sip:turno.example | Contact: * | Expires: 0
        320 turno sizes"
    )));
}

#[test]
fn a_call_goes_back_on_the_flow_of_a_phone_with_an_invalid_host_and_fails_with_it() {
    expect![[r#"
        10     -> anna-tcp x1 INVITE sip:anna@x.invalid;transport=tcp sdp sendrecv
        10     -> anna x2 INVITE sip:anna@203.0.113.7:40000 sdp sendrecv
        30     -> anna x2 ACK sip:anna@203.0.113.7:40000
        30     b1 ended by peer: 408 q850=102 unreachable
    "#]]
    .assert_eq(&run_registered(
        "10 turno dial b1 anna
        20 turno lose anna-tcp
        30 anna 408 INVITE",
    ));
}

#[test]
fn a_cancel_waits_for_the_first_response_and_a_2xx_that_crossed_it_is_ended() {
    expect![[r#"
        0      -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        10     b1 ended by us: 200 q850=26 completed-elsewhere
        20     -> carrier x1 CANCEL sip:612@198.51.100.1:5060 | Reason: SIP;cause=200;text="Call completed elsewhere"
        40     -> carrier x1 ACK sip:carrier@198.51.100.1:5060
        40     (LostRace)
        40     -> carrier x1 BYE sip:carrier@198.51.100.1:5060 | Reason: SIP;cause=200;text="Call completed elsewhere"
        50     -> carrier x1 ACK sip:carrier@198.51.100.1:5060
        50     (Retransmission)
        99000  0 dialogs, 0 transactions, 0 timers, 0 bindings
    "#]]
    .assert_eq(&run("show Reason
        0 turno dial b1 carrier 612
        10 turno end b1 elsewhere
        20 carrier 100 INVITE
        30 carrier 200 CANCEL
        40 carrier 200 INVITE sdp
        50 carrier 200 INVITE sdp
        60 carrier 200 BYE
        99000 turno sizes"));
}

#[test]
fn a_withdrawn_call_is_refused_487_and_forgotten() {
    expect![[r#"
        0      -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        10     b1 progress 180
        20     -> carrier x1 CANCEL sip:612@198.51.100.1:5060
        20     b1 ended by us: 200 q850=16 normal
        40     -> carrier x1 ACK sip:612@198.51.100.1:5060
        50     -> carrier x1 ACK sip:612@198.51.100.1:5060
        50     (Retransmission)
        99000  0 dialogs, 0 transactions, 0 timers, 0 bindings
    "#]]
    .assert_eq(&run("0 turno dial b1 carrier 612
        10 carrier 180 INVITE
        20 turno end b1 normal
        30 carrier 200 CANCEL
        40 carrier 487 INVITE
        50 carrier 487 INVITE
        99000 turno sizes"));
}

#[test]
fn the_next_address_is_tried_after_silence_or_503_and_not_after_a_refusal() {
    expect![[r#"
        0      -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        500    -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        1500   -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        3500   -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        4000   -> carrier2 x2 INVITE sip:612@198.51.100.2:5060 sdp sendrecv
        4100   b1 progress 180
        4200   -> carrier2 x2 ACK sip:carrier2@198.51.100.2:5060
        4200   b1 agreed SendRecv 198.51.100.2:6000
        4200   b1 answered
        4300   -> carrier x1 ACK sip:carrier@198.51.100.1:5060
        4300   (LostRace)
        4300   -> carrier x1 BYE sip:carrier@198.51.100.1:5060
        4500   -> carrier2 x2 200 BYE
        4500   b1 ended by peer: 200 q850=16 peer
    "#]]
    .assert_eq(&run("0 turno dial b1 carrier 612
        4100 carrier2 180 INVITE
        4200 carrier2 200 INVITE sdp
        4300 carrier 200 INVITE sdp
        4400 carrier 200 BYE
        4500 carrier2 BYE x2"));
    expect![[r#"
        0      -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        10     -> carrier x1 ACK sip:612@198.51.100.1:5060
        10     -> carrier2 x2 INVITE sip:612@198.51.100.2:5060 sdp sendrecv
        20     -> carrier2 x2 ACK sip:612@198.51.100.2:5060
        20     b1 ended by peer: 486 q850=17 peer
    "#]]
    .assert_eq(&run("0 turno dial b1 carrier 612
        10 carrier 503 INVITE
        20 carrier2 486 INVITE"));
    expect![[r#"
        0      -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        10     -> carrier x1 ACK sip:612@198.51.100.1:5060
        10     b1 ended by peer: 404 q850=1 peer
    "#]]
    .assert_eq(&run("0 turno dial b1 carrier 612
        10 carrier 404 INVITE"));
}

#[test]
fn a_trunk_that_is_silent_everywhere_is_unreachable() {
    expect![[r#"
        0      -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        500    -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        1500   -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        3500   -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        4000   -> carrier2 x2 INVITE sip:612@198.51.100.2:5060 sdp sendrecv
        4500   -> carrier2 x2 INVITE sip:612@198.51.100.2:5060 sdp sendrecv
        5500   -> carrier2 x2 INVITE sip:612@198.51.100.2:5060 sdp sendrecv
        7500   -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        7500   -> carrier2 x2 INVITE sip:612@198.51.100.2:5060 sdp sendrecv
        11500  -> carrier2 x2 INVITE sip:612@198.51.100.2:5060 sdp sendrecv
        15500  -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        19500  -> carrier2 x2 INVITE sip:612@198.51.100.2:5060 sdp sendrecv
        31500  -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        35500  -> carrier2 x2 INVITE sip:612@198.51.100.2:5060 sdp sendrecv
        36000  b1 ended by us: 408 q850=102 unreachable
        99000  0 dialogs, 0 transactions, 0 timers, 0 bindings
    "#]]
    .assert_eq(&run("0 turno dial b1 carrier 612\n 99000 turno sizes"));
}

#[test]
fn the_trunks_challenge_is_answered_in_its_realm_and_from_its_address_only() {
    let challenge = |realm| format!("Digest realm=\"{realm}\", nonce=\"n1\", qop=\"auth\"");
    let ours = challenge("carrier");
    expect![[r#"
        0      -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        10     -> carrier x1 ACK sip:612@198.51.100.1:5060
        10     -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        20     b1 progress 180
        30     -> carrier x1 ACK sip:carrier@198.51.100.1:5060
        30     b1 agreed SendRecv 198.51.100.1:6000
        30     b1 answered
        40     -> carrier x1 BYE sip:carrier@198.51.100.1:5060
        40     b1 ended by us: 200 q850=16 normal
        50     -> carrier x1 BYE sip:carrier@198.51.100.1:5060
        70     -> carrier x2 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        80     -> carrier x2 ACK sip:612@198.51.100.1:5060
        80     -> carrier x2 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        90     -> carrier x2 ACK sip:612@198.51.100.1:5060
        90     b2 ended by peer: 407 q850=21 peer
    "#]]
    .assert_eq(&run(&format!(
        "0 turno dial b1 carrier 612
        10 carrier 407 INVITE | Proxy-Authenticate: {ours}
        20 carrier 180 INVITE
        30 carrier 200 INVITE sdp
        40 turno end b1 normal
        50 carrier 407 BYE | Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"n2\", qop=\"auth\", stale=true
        60 carrier 200 BYE
        70 turno dial b2 carrier 612
        80 carrier 407 INVITE | Proxy-Authenticate: {ours}
        90 carrier 407 INVITE | Proxy-Authenticate: {ours}"
    )));
    expect![[r#"
        0      -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        10     -> carrier x1 ACK sip:612@198.51.100.1:5060
        10     b1 ended by peer: 401 q850=21 peer
    "#]]
    .assert_eq(&run(&format!(
        "0 turno dial b1 carrier 612
        10 carrier 401 INVITE | WWW-Authenticate: {}",
        challenge("evil")
    )));
}

#[test]
fn a_longer_session_interval_is_granted_when_asked() {
    expect![[r#"
        0      -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv | Session-Expires: 1800 | Min-SE: 90
        10     -> carrier x1 ACK sip:612@198.51.100.1:5060
        10     -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv | Session-Expires: 3600 | Min-SE: 3600
        20     -> carrier x1 ACK sip:612@198.51.100.1:5060
        20     b1 ended by peer: 422 q850=0 peer
    "#]]
    .assert_eq(&run("show Session-Expires, Min-SE
        0 turno dial b1 carrier 612
        10 carrier 422 INVITE | Min-SE: 3600
        20 carrier 422 INVITE | Min-SE: 3600"));
}

#[test]
fn reliable_provisionals_are_acknowledged_in_order() {
    expect![[r#"
        0      -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        10     -> carrier x1 PRACK sip:carrier@198.51.100.1:5060 | RAck: 50 1 INVITE
        10     b1 agreed SendRecv 198.51.100.1:6000
        10     b1 progress 183
        40     -> carrier x1 PRACK sip:carrier@198.51.100.1:5060 | RAck: 51 1 INVITE
        40     b1 progress 180
        50     b1 agreed RecvOnly 198.51.100.1:6000
        50     -> carrier x1 200 UPDATE sdp recvonly
        60     -> carrier x1 ACK sip:carrier@198.51.100.1:5060
        60     b1 answered
        70     -> carrier x1 200 BYE
        70     b1 ended by peer: 200 q850=16 peer
    "#]]
    .assert_eq(&run("show RAck
        0 turno dial b1 carrier 612
        10 carrier 183 INVITE sdp | Require: 100rel | RSeq: 50
        20 carrier 183 INVITE sdp | Require: 100rel | RSeq: 50
        30 carrier 180 INVITE | Require: 100rel | RSeq: 52
        40 carrier 180 INVITE | Require: 100rel | RSeq: 51
        50 carrier UPDATE x1 sdp=sendonly
        60 carrier 200 INVITE
        70 carrier BYE x1"));
}

#[test]
fn an_answer_that_cannot_be_agreed_to_ends_the_call() {
    expect![[r#"
        0      -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        10     -> carrier x1 ACK sip:carrier@198.51.100.1:5060
        10     -> carrier x1 BYE sip:carrier@198.51.100.1:5060 | Reason: Q.850;cause=88;text="not-acceptable"
        10     b1 ended by us: 488 q850=88 not-acceptable
        30     -> carrier x2 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        40     -> carrier x2 ACK sip:carrier@198.51.100.1:5060
        40     -> carrier x2 BYE sip:carrier@198.51.100.1:5060 | Reason: Q.850;cause=88;text="not-acceptable"
        40     b2 ended by us: 488 q850=88 not-acceptable
        60     -> carrier x3 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        70     -> carrier x3 ACK sip:612@198.51.100.1:5060
        70     b3 ended by peer: 302 q850=0 peer
    "#]]
    .assert_eq(&run("show Reason
        0 turno dial b1 carrier 612
        10 carrier 200 INVITE
        20 carrier 200 BYE
        30 turno dial b2 carrier 612
        40 carrier 200 INVITE sdp=opus
        50 carrier 302 BYE
        60 turno dial b3 carrier 612
        70 carrier 302 INVITE | Contact: <sip:+1900@premium>"));
}

#[test]
fn a_trusted_trunk_is_told_who_calls_and_a_withheld_number_stays_withheld() {
    expect![[r#"
        0      -> carrier x1 INVITE sip:+34600@198.51.100.1:5060 sdp sendrecv | From: "Ana" <sip:+34912345678@turno.example>;tag=awakbi89mivgn | P-Asserted-Identity: "Ana" <sip:+34912345678@turno.example> | Alert-Info: <urn:x> | Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK1-85e7bb0f12278575;rport | Contact: <sip:turno@192.0.2.10:5060>
        0      -> carrier x2 INVITE sip:6%2312@198.51.100.1:5060 sdp sendrecv | From: "Anonymous" <sip:anonymous@anonymous.invalid>;tag=b5vnxa6q6q7qg | P-Asserted-Identity: <sip:+34912345678@turno.example> | Privacy: id | Alert-Info: <urn:x> | Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK3-7476cf8a4baa5dc0;rport | Contact: <sip:turno@192.0.2.10:5060>
    "#]].assert_eq(&run("show From, P-Asserted-Identity, Privacy, Alert-Info, Via, Contact
        0 turno dial b1 carrier +34600 
        0 turno dial b2 carrier 6#12 withheld"));
}

#[test]
fn an_extension_of_the_pbx_is_called_where_it_is_configured() {
    expect![[r#"
        0      -> pbx x1 INVITE sip:204@10.0.0.5 sdp sendrecv
        10     b1 progress 180
        20     -> pbx x1 ACK sip:pbx@10.0.0.5:5060
        20     b1 agreed SendRecv 10.0.0.5:6000
        20     b1 answered
        30     -> pbx x1 200 BYE
        30     b1 ended by peer: 200 q850=16 peer
    "#]]
    .assert_eq(&run("0 turno dial b1 204
        10 pbx 180 INVITE
        20 pbx 200 INVITE sdp
        30 pbx BYE x1"));
}

#[test]
fn a_wish_before_the_answer_is_negotiated_after_it() {
    expect![[r#"
        0      -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        10     b1 progress 180
        30     -> carrier x1 ACK sip:carrier@198.51.100.1:5060
        30     b1 agreed SendRecv 198.51.100.1:6000
        30     b1 answered
        30     -> carrier x1 INVITE sip:carrier@198.51.100.1:5060 sdp sendonly
        40     -> carrier x1 ACK sip:carrier@198.51.100.1:5060
        40     b1 agreed SendOnly 198.51.100.1:6000
    "#]]
    .assert_eq(&run("0 turno dial b1 carrier 612
        10 carrier 180 INVITE
        20 turno hold b1
        30 carrier 200 INVITE sdp
        40 carrier 200 INVITE sdp=recvonly"));
}

#[test]
fn a_call_through_a_proxy_follows_its_record_route() {
    expect![[r#"
        0      -> carrier c1 100 INVITE
        0      a0 arrives from carrier "" for 900 by Trunk(carrier)
        10     a0 agreed SendRecv 198.51.100.1:6000
        10     -> carrier c1 200 INVITE sdp sendrecv
        20     a0 confirmed
        30     -> carrier2 c1 BYE sip:carrier@198.51.100.1:5060 | Route: <sip:198.51.100.2;lr> | Route: <sip:198.51.100.1:5060;lr>
        30     a0 ended by us: 200 q850=16 normal
        100    -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        110    -> 198.51.100.2:5062 x1 ACK sip:carrier@198.51.100.1:5060 | Route: <sip:198.51.100.2:5062;lr> | Route: <sip:far.example;lr>
        110    b1 agreed SendRecv 198.51.100.1:6000
        110    b1 answered
        120    -> 198.51.100.2:5062 x1 BYE sip:carrier@198.51.100.1:5060 | Route: <sip:198.51.100.2:5062;lr> | Route: <sip:far.example;lr>
        120    b1 ended by us: 200 q850=16 normal
    "#]].assert_eq(&run("show Route
        0 carrier INVITE c1 sdp | Record-Route: <sip:198.51.100.2;lr>, <sip:198.51.100.1:5060;lr>
        10 turno answer a0
        20 carrier ACK c1
        30 turno end a0 normal
        100 turno dial b1 carrier 612
        110 carrier 200 INVITE sdp | Record-Route: <sip:far.example;lr>, <sip:198.51.100.2:5062;lr>
        120 turno end b1 normal"));
}

#[test]
fn a_restart_fails_what_waited_on_streams() {
    expect![[r#"
        10     -> anna-tcp x1 INVITE sip:anna@x.invalid;transport=tcp sdp sendrecv
        10     -> anna x2 INVITE sip:anna@203.0.113.7:40000 sdp sendrecv
        20     carrier up: true
        30     -> anna x2 ACK sip:anna@203.0.113.7:40000
        30     b1 ended by peer: 486 q850=17 peer
        40     0 dialogs, 2 transactions, 2 timers, 1 bindings
    "#]]
    .assert_eq(&run_registered(
        "10 turno dial b1 anna
        20 turno restart
        30 anna 486 INVITE
        40 turno sizes",
    ));
}

#[test]
fn an_invite_that_does_not_leave_goes_to_the_next_address() {
    expect![[r#"
        0      -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        10     -> carrier2 x2 INVITE sip:612@198.51.100.2:5060 sdp sendrecv
        20     b1 ended by us: 503 q850=41 unreachable
        30     0 dialogs, 0 transactions, 0 timers, 0 bindings
    "#]]
    .assert_eq(&run("0 turno dial b1 carrier 612
        10 turno unsent carrier
        20 turno unsent carrier2
        30 turno sizes"));
}

#[test]
fn a_contact_with_a_host_name_is_resolved_first() {
    expect![[r#"
        0      resolve pbx.example #1
        10     -> pbx x1 INVITE sip:205@pbx.example sdp sendrecv
        20     -> pbx x1 ACK sip:205@pbx.example
        20     b1 ended by peer: 486 q850=17 peer
        30     resolve pbx.example #2
        40     b2 ended by us: 480 q850=20 unreachable
        50     resolve pbx.example #3
        60     b3 ended by us: 200 q850=16 normal
    "#]]
    .assert_eq(&run("0 turno dial b1 205
        10 turno resolved 1 pbx
        20 pbx 486 INVITE
        30 turno dial b2 205
        40 turno resolved 2
        50 turno dial b3 205
        60 turno end b3 normal
        70 turno resolved 3 pbx"));
}

#[test]
fn silence_after_a_provisional_response_is_ringing_and_not_silence() {
    expect![[r#"
        0      -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        100000 -> carrier x1 CANCEL sip:612@198.51.100.1:5060
        100000 b1 ended by us: 200 q850=16 normal
        100500 -> carrier x1 CANCEL sip:612@198.51.100.1:5060
        101500 -> carrier x1 CANCEL sip:612@198.51.100.1:5060
        103500 -> carrier x1 CANCEL sip:612@198.51.100.1:5060
        107500 -> carrier x1 CANCEL sip:612@198.51.100.1:5060
        111500 -> carrier x1 CANCEL sip:612@198.51.100.1:5060
        115500 -> carrier x1 CANCEL sip:612@198.51.100.1:5060
        119500 -> carrier x1 CANCEL sip:612@198.51.100.1:5060
        123500 -> carrier x1 CANCEL sip:612@198.51.100.1:5060
        127500 -> carrier x1 CANCEL sip:612@198.51.100.1:5060
        131500 -> carrier x1 CANCEL sip:612@198.51.100.1:5060
        200000 0 dialogs, 0 transactions, 0 timers, 0 bindings
    "#]]
    .assert_eq(&run("0 turno dial b1 carrier 612
        10 carrier 100 INVITE
        100000 turno end b1 normal
        132000 turno wait
        200000 turno sizes"));
}

#[test]
fn a_restart_ends_what_waited_for_a_name() {
    expect![[r#"
        0      resolve pbx.example #1
        10     carrier up: true
        10     b1 ended by us: 480 q850=20 unreachable
        20     0 dialogs, 0 transactions, 0 timers, 0 bindings
    "#]]
    .assert_eq(&run("0 turno dial b1 205
        10 turno restart
        20 turno sizes"));
}

/// Some gateways give the answer in a 183 only.
#[test]
fn an_answer_that_came_early_need_not_come_again() {
    expect![[r#"
        0      -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        10     b1 agreed SendRecv 198.51.100.1:6000
        10     b1 progress 183
        20     -> carrier x1 ACK sip:carrier@198.51.100.1:5060
        20     b1 answered
        30     -> carrier x1 200 BYE
        30     b1 ended by peer: 200 q850=16 peer
    "#]]
    .assert_eq(&run("0 turno dial b1 carrier 612
        10 carrier 183 INVITE sdp
        20 carrier 200 INVITE
        30 carrier BYE x1"));
}

/// Left without an ACK the peer would repeat its answer and hold a call that nobody has.
#[test]
fn an_answer_without_contact_is_acknowledged_where_the_invite_went() {
    expect![[r#"
        0      -> carrier x1 INVITE sip:612@198.51.100.1:5060 sdp sendrecv
        10     b1 progress 180
        20     -> carrier x1 ACK sip:612@198.51.100.1:5060
        20     b1 agreed SendRecv 198.51.100.1:6000
        20     b1 answered
        30     -> carrier x1 ACK sip:612@198.51.100.1:5060
        30     (LostRace)
        30     -> carrier x1 BYE sip:612@198.51.100.1:5060
        40     -> carrier x1 BYE sip:612@198.51.100.1:5060
        40     b1 ended by us: 200 q850=16 normal
    "#]]
    .assert_eq(&run("0 turno dial b1 carrier 612
        10 carrier 180 INVITE | Contact: -
        20 carrier 200 INVITE sdp | Contact: -
        30 carrier 200 INVITE sdp tag=late | Contact: -
        40 turno end b1 normal"));
}
