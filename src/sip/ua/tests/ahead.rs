//! REFERs that overtake the 2xx of their call.

use expect_test::expect;

use super::dialling::run_registered;

/// Anna's phone is called and rings.
const RINGS: &str = "10 turno dial b1 anna
    11 anna-tcp 486 INVITE
    12 anna 180 INVITE\n";

fn rings(then: &str) -> String {
    let (whole, first) = (run_registered(&format!("{RINGS}{then}")), run_registered(RINGS));
    whole.strip_prefix(&first).expect("the same beginning").to_owned()
}

#[test]
fn a_refer_before_the_answer_waits_for_it() {
    expect![[r#"
        22     (Retransmission)
        25     -> anna x2 ACK sip:anna@203.0.113.7:40000
        25     b1 agreed SendRecv 203.0.113.7:6000
        25     b1 answered
        25     -> anna x2 202 REFER
        25     -> anna x2 NOTIFY sip:anna@203.0.113.7:40000 "SIP/2.0 100 Trying"
        25     b1 asks for transfer to 2001
        26     (Retransmission)
        26     -> anna x2 202 REFER
    "#]]
    .assert_eq(&rings(
        "20 anna REFER x2 | Refer-To: <sip:2001@turno.example>
        21 turno snapshot
        22 anna again x2
        25 anna 200 INVITE sdp
        26 anna again x2",
    ));
}

#[test]
fn a_refer_right_behind_the_answer_is_taken_at_once() {
    expect![[r#"
        20     -> anna x2 ACK sip:anna@203.0.113.7:40000
        20     b1 agreed SendRecv 203.0.113.7:6000
        20     b1 answered
        20     -> anna x2 202 REFER
        20     -> anna x2 NOTIFY sip:anna@203.0.113.7:40000 "SIP/2.0 100 Trying"
        20     b1 asks for transfer to 2001
    "#]]
    .assert_eq(&rings(
        "20 anna 200 INVITE sdp
        20 anna REFER x2 | Refer-To: <sip:2001@turno.example>",
    ));
}

#[test]
fn a_refer_of_a_phone_that_has_our_answer_and_has_not_acknowledged_it_is_taken() {
    expect![[r#"
        0      (Challenged)
        0      -> anna c1 401 INVITE
        0      -> anna c1 100 INVITE
        0      a0 arrives from anna "" for 900 by Station(anna)
        10     a0 agreed SendRecv 203.0.113.7:6000
        10     -> anna c1 200 INVITE sdp sendrecv
        11     -> anna c1 202 REFER
        11     -> anna c1 NOTIFY sip:anna@203.0.113.7:40000 "SIP/2.0 100 Trying"
        11     a0 asks for transfer to 2001
        12     -> anna c1 NOTIFY sip:anna@203.0.113.7:40000 "SIP/2.0 200 OK"
        13     a0 ended by us: 200 q850=16 normal
        14     -> anna c1 BYE sip:anna@203.0.113.7:40000
    "#]]
    .assert_eq(&super::script::run(
        "0 anna INVITE c1 sdp
        0 anna INVITE c1 sdp auth
        10 turno answer a0
        11 anna REFER c1 | Refer-To: <sip:2001@turno.example>
        12 turno transfer a0 done
        13 turno end a0 normal
        14 anna ACK c1",
    ));
}

#[test]
fn a_refer_whose_call_is_not_answered_is_refused() {
    // The phone rejects the call after all; we withdraw it; neither happens for four seconds.
    let ends = ["25 anna 486 INVITE", "25 turno end b1 elsewhere", "4019 turno wait\n4020 turno wait"];
    let got = ends.map(|end| rings(&format!("20 anna REFER x2 | Refer-To: <sip:2001@turno.example>\n{end}")));
    expect![[r#"
        25     -> anna x2 ACK sip:anna@203.0.113.7:40000
        25     -> anna x2 481 REFER
        25     b1 ended by peer: 486 q850=17 peer

        25     -> anna x2 CANCEL sip:anna@203.0.113.7:40000
        25     -> anna x2 481 REFER
        25     b1 ended by us: 200 q850=26 completed-elsewhere

        4020   -> anna x2 481 REFER
    "#]]
    .assert_eq(&got.join("\n"));
}

#[test]
fn one_refer_waits_and_only_in_a_dialog_of_ours() {
    expect![[r#"
        21     -> anna x2 491 REFER
        22     -> anna 481 REFER
        23     1 dialogs, 2 transactions, 2 timers, 2 bindings
    "#]]
    .assert_eq(&rings(
        "20 anna REFER x2 | Refer-To: <sip:2001@turno.example>
        21 anna REFER x2 | Refer-To: <sip:2002@turno.example>
        22 anna REFER x2 | Refer-To: <sip:2001@turno.example> | Call-ID: other
        23 turno sizes",
    ));
}
