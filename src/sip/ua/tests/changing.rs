//! Established calls: hold and resume by either side, glare, session timers, keys, transfers.

use expect_test::expect;

use super::script::run;

/// A call from the trunk that is up, as `c1` and `a0`.
const UP: &str = "0 carrier INVITE c1 sdp | Allow: INVITE, ACK, BYE, CANCEL, UPDATE
    0 turno answer a0
    0 carrier ACK c1\n";
/// A call from Anna's phone that is up.
const ANNA_UP: &str = "0 anna INVITE c1 sdp
    0 anna INVITE c1 sdp auth
    0 turno answer a0
    0 anna ACK c1\n";

/// What a script does after the call is up.
fn run_up(before: &str, script: &str) -> String {
    let whole = run(&format!("{before}{script}"));
    let first = run(before);
    whole.strip_prefix(&first).expect("the same beginning").to_owned()
}

#[test]
fn every_form_of_hold_is_answered_mirrored() {
    expect![[r#"
        10     a0 agreed RecvOnly 198.51.100.1:6000
        10     -> carrier c1 200 INVITE sdp recvonly
        30     a0 agreed Inactive 198.51.100.1:6000
        30     -> carrier c1 200 INVITE sdp inactive
        50     a0 agreed RecvOnly 0.0.0.0:6000
        50     -> carrier c1 200 INVITE sdp recvonly
        70     a0 agreed SendRecv 198.51.100.1:6000
        70     -> carrier c1 200 INVITE sdp sendrecv
        90     a0 agreed RecvOnly 198.51.100.1:6000
        90     -> carrier c1 200 UPDATE sdp recvonly
        100    -> carrier c1 200 INVITE sdp sendrecv
        110    a0 agreed SendRecv 198.51.100.1:6000
        120    -> carrier c1 488 INVITE
        130    (Retransmission)
        140    -> carrier c1 200 BYE
        140    a0 ended by peer: 200 q850=16 peer
    "#]]
    .assert_eq(&run_up(
        UP,
        "10 carrier INVITE c1 sdp=sendonly
        20 carrier ACK c1
        30 carrier INVITE c1 sdp=inactive
        40 carrier ACK c1
        50 carrier INVITE c1 sdp=zero
        60 carrier ACK c1
        70 carrier INVITE c1 sdp
        80 carrier ACK c1
        90 carrier UPDATE c1 sdp=sendonly
        100 carrier INVITE c1
        110 carrier ACK c1 sdp
        120 carrier INVITE c1 sdp=opus
        130 carrier ACK c1
        140 carrier BYE c1",
    ));
}

#[test]
fn we_hold_and_resume() {
    expect![[r#"
        10     -> carrier c1 INVITE sip:carrier@198.51.100.1:5060 sdp sendonly
        30     -> carrier c1 ACK sip:carrier@198.51.100.1:5060
        30     a0 agreed SendOnly 198.51.100.1:6000
        30     -> carrier c1 INVITE sip:carrier@198.51.100.1:5060 sdp sendrecv
        40     -> carrier c1 ACK sip:carrier@198.51.100.1:5060
        40     a0 agreed SendRecv 198.51.100.1:6000
        50     -> carrier c1 ACK sip:carrier@198.51.100.1:5060
        50     (Retransmission)
        60     -> carrier c1 INVITE sip:carrier@198.51.100.1:5060 sdp sendonly
        70     -> carrier c1 ACK sip:carrier@198.51.100.1:5060
        80     -> carrier c1 BYE sip:carrier@198.51.100.1:5060
        80     a0 ended by us: 200 q850=16 normal
    "#]]
    .assert_eq(&run_up(
        UP,
        "10 turno hold a0
        15 turno talk a0
        20 carrier 100 INVITE
        30 carrier 200 INVITE sdp=recvonly
        40 carrier 200 INVITE sdp
        50 carrier 200 INVITE#1 sdp=recvonly
        60 turno hold a0
        70 carrier 488 INVITE
        80 turno end a0 normal
        90 carrier 200 BYE",
    ));
}

#[test]
fn changes_from_both_sides_at_once_are_refused_and_ours_comes_again() {
    expect![[r#"
        10     -> carrier c1 INVITE sip:carrier@198.51.100.1:5060 sdp sendonly
        20     -> carrier c1 491 INVITE
        25     (Retransmission)
        30     -> carrier c1 ACK sip:carrier@198.51.100.1:5060
        40     a0 agreed Inactive 198.51.100.1:6000
        40     -> carrier c1 200 INVITE sdp inactive
        1080   -> carrier c1 INVITE sip:carrier@198.51.100.1:5060 sdp sendonly
        1580   -> carrier c1 INVITE sip:carrier@198.51.100.1:5060 sdp sendonly
        2100   -> carrier c1 ACK sip:carrier@198.51.100.1:5060
    "#]]
    .assert_eq(&run_up(
        UP,
        "10 turno hold a0
        20 carrier INVITE c1 sdp=sendonly
        25 carrier ACK c1
        30 carrier 491 INVITE
        40 carrier INVITE c1 sdp=sendonly
        45 carrier ACK c1
        2100 carrier 200 INVITE sdp=inactive",
    ));
}

#[test]
fn a_second_change_before_the_first_is_acknowledged_is_refused_for_a_moment() {
    expect![[r#"
        10     -> carrier c1 200 INVITE sdp sendrecv
        20     -> carrier c1 500 INVITE | Retry-After: 8
        40     -> carrier c1 INVITE sip:carrier@198.51.100.1:5060 sdp sendonly
        50     -> carrier c1 ACK sip:carrier@198.51.100.1:5060
        50     a0 agreed SendOnly 198.51.100.1:6000
    "#]]
    .assert_eq(&run_up(
        UP,
        "show Retry-After
        10 carrier INVITE c1 sdp
        20 carrier INVITE c1 sdp=sendonly
        30 turno hold a0
        40 carrier ACK c1 | CSeq: 2 ACK
        50 carrier 200 INVITE sdp=recvonly",
    ));
}

#[test]
fn requests_out_of_order_are_refused_and_gaps_are_not() {
    expect![[r#"
        10     -> carrier c1 200 INFO
        20     -> carrier c1 500 INFO
        30     -> carrier c1 481 INFO
        40     -> carrier c1 420 INFO
        50     -> carrier c1 481 NOTIFY
        60     -> carrier c1 481 PRACK
        70     -> carrier c1 200 BYE
        70     a0 ended by peer: 200 q850=16 peer
        80     -> carrier c1 481 BYE
    "#]]
    .assert_eq(&run_up(
        UP,
        "10 carrier INFO c1 | CSeq: 40 INFO
        20 carrier INFO c1 | CSeq: 39 INFO
        30 carrier INFO c1 | CSeq: 41 INFO | From: <sip:x@y>;tag=other
        40 carrier INFO c1 | CSeq: 41 INFO | Require: foo
        50 carrier NOTIFY c1 | CSeq: 42 NOTIFY
        60 carrier PRACK c1 | CSeq: 43 PRACK
        70 carrier BYE c1 | CSeq: 44 BYE
        80 carrier BYE c1 | CSeq: 45 BYE",
    ));
}

#[test]
fn we_refresh_and_a_dead_peer_is_cleared() {
    expect![[r#"
        900000 -> carrier c1 UPDATE sip:carrier@198.51.100.1:5060 | Session-Expires: 1800;refresher=uac
        1800000 -> carrier c1 UPDATE sip:carrier@198.51.100.1:5060 | Session-Expires: 1800;refresher=uac
        2700100 -> carrier c1 UPDATE sip:carrier@198.51.100.1:5060 | Session-Expires: 1800;refresher=uac
        2700600 -> carrier c1 UPDATE sip:carrier@198.51.100.1:5060 | Session-Expires: 1800;refresher=uac
        2701600 -> carrier c1 UPDATE sip:carrier@198.51.100.1:5060 | Session-Expires: 1800;refresher=uac
        2703600 -> carrier c1 UPDATE sip:carrier@198.51.100.1:5060 | Session-Expires: 1800;refresher=uac
        2707600 -> carrier c1 UPDATE sip:carrier@198.51.100.1:5060 | Session-Expires: 1800;refresher=uac
        2711600 -> carrier c1 UPDATE sip:carrier@198.51.100.1:5060 | Session-Expires: 1800;refresher=uac
        2715600 -> carrier c1 UPDATE sip:carrier@198.51.100.1:5060 | Session-Expires: 1800;refresher=uac
        2719600 -> carrier c1 UPDATE sip:carrier@198.51.100.1:5060 | Session-Expires: 1800;refresher=uac
        2723600 -> carrier c1 UPDATE sip:carrier@198.51.100.1:5060 | Session-Expires: 1800;refresher=uac
        2727600 -> carrier c1 UPDATE sip:carrier@198.51.100.1:5060 | Session-Expires: 1800;refresher=uac
        2731600 -> carrier c1 UPDATE sip:carrier@198.51.100.1:5060 | Session-Expires: 1800;refresher=uac
        2732100 -> carrier c1 BYE sip:carrier@198.51.100.1:5060 | Reason: Q.850;cause=102;text="unreachable"
        2732100 a0 ended by us: 408 q850=102 unreachable
        2732600 -> carrier c1 BYE sip:carrier@198.51.100.1:5060 | Reason: Q.850;cause=102;text="unreachable"
        2733600 -> carrier c1 BYE sip:carrier@198.51.100.1:5060 | Reason: Q.850;cause=102;text="unreachable"
        2735600 -> carrier c1 BYE sip:carrier@198.51.100.1:5060 | Reason: Q.850;cause=102;text="unreachable"
        2739600 -> carrier c1 BYE sip:carrier@198.51.100.1:5060 | Reason: Q.850;cause=102;text="unreachable"
        2743600 -> carrier c1 BYE sip:carrier@198.51.100.1:5060 | Reason: Q.850;cause=102;text="unreachable"
        2747600 -> carrier c1 BYE sip:carrier@198.51.100.1:5060 | Reason: Q.850;cause=102;text="unreachable"
        2751600 -> carrier c1 BYE sip:carrier@198.51.100.1:5060 | Reason: Q.850;cause=102;text="unreachable"
        2755600 -> carrier c1 BYE sip:carrier@198.51.100.1:5060 | Reason: Q.850;cause=102;text="unreachable"
        2759600 -> carrier c1 BYE sip:carrier@198.51.100.1:5060 | Reason: Q.850;cause=102;text="unreachable"
        2763600 -> carrier c1 BYE sip:carrier@198.51.100.1:5060 | Reason: Q.850;cause=102;text="unreachable"
        2790000 0 dialogs, 0 transactions, 0 timers, 0 bindings
    "#]]
    .assert_eq(&run_up(
        UP,
        "show Session-Expires, Reason
        900000 carrier 200 UPDATE | Session-Expires: 1800;refresher=uac
        1800100 carrier 501 UPDATE
        2700300 turno wait
        2790000 turno sizes",
    ));
}

#[test]
fn a_dead_dialog_at_the_peer_ends_the_leg() {
    expect![[r#"
        10     -> carrier c1 INVITE sip:carrier@198.51.100.1:5060 sdp sendonly
        20     -> carrier c1 ACK sip:carrier@198.51.100.1:5060
        20     a0 ended by peer: 481 q850=41 peer
    "#]]
    .assert_eq(&run_up(
        UP,
        "10 turno hold a0
        20 carrier 481 INVITE
        30 turno talk a0",
    ));
}

#[test]
fn who_asks_for_an_offer_within_the_call_and_does_not_answer_it_leaves_things_as_they_were() {
    expect![[r#"
        10     -> carrier c1 200 INVITE sdp sendrecv
        30     a0 agreed RecvOnly 198.51.100.1:6000
        30     -> carrier c1 200 INVITE sdp recvonly
        50     -> carrier c1 200 BYE
        50     a0 ended by peer: 200 q850=16 peer
    "#]]
    .assert_eq(&run_up(
        UP,
        "10 carrier INVITE c1
        20 carrier ACK c1
        30 carrier INVITE c1 sdp=sendonly
        40 carrier ACK c1
        50 carrier BYE c1",
    ));
}

#[test]
fn keys_come_by_info_in_both_forms() {
    expect![[r#"
        10     a0 key 5 250 ms
        10     -> carrier c1 200 INFO
        20     a0 key # 250 ms
        20     -> carrier c1 200 INFO
        30     a0 key # 160 ms
        30     -> carrier c1 200 INFO
        40     -> carrier c1 200 INFO
        50     -> carrier c1 415 INFO | Accept: application/dtmf-relay, application/dtmf
        60     -> carrier c1 200 INFO
        70     a0 key D 250 ms
        70     -> carrier c1 200 INFO
        80     -> carrier c1 200 INFO
    "#]]
    .assert_eq(&run_up(
        UP,
        "show Accept
        10 carrier INFO c1 relay=5
        20 carrier INFO c1 relay=11
        30 carrier INFO c1 key=#
        40 carrier INFO c1 relay=Z
        50 carrier INFO c1 text
        60 carrier INFO c1
        70 carrier INFO c1 relay=15
        80 carrier INFO c1 relay=16",
    ));
}

#[test]
fn a_station_transfers_blindly_and_hears_how_it_goes() {
    expect![[r#"
        10     -> anna c1 202 REFER
        10     -> anna c1 NOTIFY sip:anna@203.0.113.7:40000 "SIP/2.0 100 Trying" | Event: refer;id=3 | Subscription-State: active;expires=180
        10     a0 asks for transfer to 2001
        25     -> anna c1 491 REFER
        30     -> anna c1 NOTIFY sip:anna@203.0.113.7:40000 "SIP/2.0 180 Ringing" | Event: refer;id=3 | Subscription-State: active;expires=180
        40     -> anna c1 NOTIFY sip:anna@203.0.113.7:40000 "SIP/2.0 200 OK" | Event: refer;id=3 | Subscription-State: terminated;reason=noresource
        60     -> anna c1 202 REFER
        60     a0 asks for transfer to 2003
        80     -> anna c1 400 REFER
        90     -> anna c1 400 REFER
    "#]].assert_eq(&run_up(
        ANNA_UP,
        "show Event, Subscription-State
        10 anna REFER c1 | Refer-To: <sip:2001@turno.example>
        20 anna 200 NOTIFY
        25 anna REFER c1 | Refer-To: <sip:2002@turno.example>
        30 turno transfer a0 ringing
        40 turno transfer a0 done
        50 turno transfer a0 done
        60 anna REFER c1 | Refer-To: <sip:2003@turno.example> | Refer-Sub: false
        70 turno transfer a0 failed
        80 anna REFER c1 | Refer-To: <mailto:x@y>
        90 anna REFER c1 | Refer-To: -",
    ));
}

#[test]
fn a_station_transfers_by_connecting_its_two_calls() {
    expect![[r#"
        5      -> carrier c2 100 INVITE
        5      a1 arrives from carrier "" for 900 by Trunk(carrier)
        6      a1 agreed SendRecv 198.51.100.1:6000
        6      -> carrier c2 200 INVITE sdp sendrecv
        7      a1 confirmed
        10     -> anna c1 202 REFER
        10     -> anna c1 NOTIFY sip:anna@203.0.113.7:40000 "SIP/2.0 100 Trying"
        10     a0 asks for transfer to 2001 replacing a1
        20     -> anna c1 NOTIFY sip:anna@203.0.113.7:40000 "SIP/2.0 200 OK"
    "#]]
    .assert_eq(&run_up(
        ANNA_UP,
        "5 carrier INVITE c2 sdp
        6 turno answer a1
        7 carrier ACK c2
        10 anna REFER c1 | Refer-To: <sip:2001@turno.example?Replaces=c2%3Bto-tag%3DOUR-c2%3Bfrom-tag%3Dt-c2>
        20 turno transfer a0 done",
    ));
}

#[test]
fn a_transfer_to_a_call_that_has_ended_fails_and_leaves_the_party_where_it_is() {
    expect![[r#"
        10     -> anna c1 202 REFER
        10     -> anna c1 NOTIFY sip:anna@203.0.113.7:40000 "SIP/2.0 100 Trying"
        10     -> anna c1 NOTIFY sip:anna@203.0.113.7:40000 "SIP/2.0 481 Call/Transaction Does Not Exist"
        20     -> anna c1 202 REFER
        20     -> anna c1 NOTIFY sip:anna@203.0.113.7:40000 "SIP/2.0 100 Trying"
        20     a0 asks for transfer to 2001
    "#]]
    .assert_eq(&run_up(
        ANNA_UP,
        "10 anna REFER c1 | Refer-To: <sip:2001@turno.example?Replaces=c2%3Bto-tag%3Da%3Bfrom-tag%3Db>
        20 anna REFER c1 | Refer-To: <sip:2001@turno.example>",
    ));
}

#[test]
fn a_trunk_may_not_transfer() {
    expect![[r#"
        10     -> carrier c1 403 REFER
    "#]]
    .assert_eq(&run_up(UP, "10 carrier REFER c1 | Refer-To: <sip:2001@turno.example>"));
}

#[test]
fn a_call_survives_the_snapshot_at_any_point() {
    let lines = [
        "0 carrier INVITE c1 sdp | Supported: 100rel, timer",
        "10 turno progress a0",
        "20 carrier PRACK c1",
        "30 turno answer a0",
        "40 carrier ACK c1",
        "50 turno hold a0",
        "60 carrier 491 INVITE",
        "3000 carrier 200 INVITE sdp=recvonly",
        "3010 turno dial b1 carrier 612",
        "3020 carrier 183 INVITE sdp | Require: 100rel | RSeq: 7",
        "3030 carrier 200 INVITE sdp",
        "3040 turno end a0 normal",
        "99000 turno sizes",
    ];
    let plain = run(&lines.join("\n"));
    for at in 1..lines.len() {
        let mut with = lines.to_vec();
        let when = lines[at - 1].split(' ').next().unwrap_or("0");
        let snapshot = format!("{when} turno snapshot");
        with.insert(at, &snapshot);
        assert_eq!(run(&with.join("\n")), plain, "after {}", lines[at - 1]);
    }
}

#[test]
fn a_hold_that_the_peer_never_decides_is_forgotten_with_its_call() {
    for end in ["50 carrier BYE c1", "50 turno end a0 normal"] {
        let said = run(&format!("{UP}10 turno hold a0\n20 carrier 100 INVITE\n{end}\n99000 turno sizes"));
        assert!(said.contains("CANCEL"), "{said}");
        assert!(said.ends_with("0 dialogs, 0 transactions, 0 timers, 0 bindings\n"), "{said}");
    }
}

#[test]
fn a_reinvite_that_the_peer_never_decides_is_withdrawn_and_the_call_goes_on() {
    expect![[r#"
        10     -> carrier c1 INVITE sip:carrier@198.51.100.1:5060 sdp sendonly
        32010  -> carrier c1 CANCEL sip:carrier@198.51.100.1:5060
        32510  -> carrier c1 CANCEL sip:carrier@198.51.100.1:5060
        33510  -> carrier c1 CANCEL sip:carrier@198.51.100.1:5060
        35510  -> carrier c1 CANCEL sip:carrier@198.51.100.1:5060
        39510  -> carrier c1 CANCEL sip:carrier@198.51.100.1:5060
        40010  -> carrier c1 ACK sip:carrier@198.51.100.1:5060
        41000  -> carrier c1 INVITE sip:carrier@198.51.100.1:5060 sdp sendrecv
        73000  -> carrier c1 CANCEL sip:carrier@198.51.100.1:5060
        73500  -> carrier c1 CANCEL sip:carrier@198.51.100.1:5060
        74500  -> carrier c1 CANCEL sip:carrier@198.51.100.1:5060
        76500  -> carrier c1 CANCEL sip:carrier@198.51.100.1:5060
        80500  -> carrier c1 CANCEL sip:carrier@198.51.100.1:5060
        84500  -> carrier c1 CANCEL sip:carrier@198.51.100.1:5060
        88500  -> carrier c1 CANCEL sip:carrier@198.51.100.1:5060
        92500  -> carrier c1 CANCEL sip:carrier@198.51.100.1:5060
        96500  -> carrier c1 CANCEL sip:carrier@198.51.100.1:5060
        100500 -> carrier c1 CANCEL sip:carrier@198.51.100.1:5060
        104500 -> carrier c1 CANCEL sip:carrier@198.51.100.1:5060
        105000 -> carrier c1 BYE sip:carrier@198.51.100.1:5060
        105000 a0 ended by us: 408 q850=102 unreachable
        105500 -> carrier c1 BYE sip:carrier@198.51.100.1:5060
        106500 -> carrier c1 BYE sip:carrier@198.51.100.1:5060
        108500 -> carrier c1 BYE sip:carrier@198.51.100.1:5060
        112500 -> carrier c1 BYE sip:carrier@198.51.100.1:5060
        116500 -> carrier c1 BYE sip:carrier@198.51.100.1:5060
        120500 -> carrier c1 BYE sip:carrier@198.51.100.1:5060
        124500 -> carrier c1 BYE sip:carrier@198.51.100.1:5060
        128500 -> carrier c1 BYE sip:carrier@198.51.100.1:5060
        132500 -> carrier c1 BYE sip:carrier@198.51.100.1:5060
        136500 -> carrier c1 BYE sip:carrier@198.51.100.1:5060
        199000 0 dialogs, 0 transactions, 0 timers, 0 bindings
    "#]]
    .assert_eq(&run_up(
        UP,
        "10 turno hold a0
        20 carrier 100 INVITE
        40000 carrier 200 CANCEL
        40010 carrier 487 INVITE
        41000 turno talk a0
        41100 carrier 100 INVITE
        199000 turno sizes",
    ));
}
