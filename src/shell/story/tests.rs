//! Stories of calls that an engine had, from a journal and from a log of facts.

use expect_test::expect;
use turno_base::fact::{AgentState, QueueLeft};
use turno_base::{Codec, EndedBy, Now, Number, Outcome, Quality};

use super::*;

fn fact(ms: u64, what: What) -> Fact {
    Fact { at: Now::from_ms(ms), what }
}

const CALL: CallId = CallId(7);

fn number(raw: &str) -> Number {
    Number { raw: raw.to_owned(), e164: raw.parse().ok(), withheld: false }
}

fn began(leg: u64, dialog: &str, party: Party) -> What {
    let (a, b) = (number("+34612045118"), number("+34900100101"));
    What::LegBegan { call: CALL, leg: LegId(leg), sip_call_id: dialog.to_owned(), a, b, party }
}

/// What a day's facts and messages say of a call.
fn told() -> Story {
    let mut teller = Teller::new(CALL);
    let anna = "anna".parse().unwrap();
    let invite = b"INVITE sip:900100101@x SIP/2.0\r\nCall-ID: a-leg\r\nCSeq: 1 INVITE\r\n\r\n";
    let other = b"INVITE sip:1@x SIP/2.0\r\nCall-ID: other\r\nCSeq: 1 INVITE\r\n\r\n";
    let message = |teller: &mut Teller, ms: i64, kind, bytes: &[u8]| {
        teller.on_message(Wall(ms * 1000), kind, "192.0.2.9:5060".to_owned(), bytes);
    };
    // What comes before the call is known is not lost, and what is another's is not told.
    message(&mut teller, 1, StepKind::Received, invite);
    message(&mut teller, 1, StepKind::Received, other);
    let quality = Quality {
        codec: Some(Codec::Pcma),
        received: 500,
        sent: 498,
        lost: 2,
        jitter_us: 1250,
        round_trip_us: 20_500,
        mos_x100: 441,
    };
    let arrived = What::CallArrived { call: CALL, ani: number("+34612045118"), dnis: number("900"), trunk: None };
    for what in [
        arrived,
        began(2, "a-leg", Party::Caller(None)),
        What::QueueEntered { call: CALL, queue: "averias".parse().unwrap(), position: 1 },
        What::QueueEntered { call: CallId(8), queue: "averias".parse().unwrap(), position: 2 },
        began(3, "b-leg", Party::Agent(anna, "1001".parse().unwrap())),
    ] {
        teller.on_fact(&fact(2, what));
    }
    message(&mut teller, 3, StepKind::Sent, b"INVITE sip:1001@y SIP/2.0\r\nCall-ID: b-leg\r\nCSeq: 1 INVITE\r\n\r\n");
    message(&mut teller, 4, StepKind::Received, b"SIP/2.0 180 Ringing\r\nCall-ID: b-leg\r\nCSeq: 1 INVITE\r\n\r\n");
    let queue = "averias".parse().unwrap();
    for what in [
        What::QueueLeft { call: CALL, queue, left: QueueLeft::Answered(anna), position: 1, wait_ms: 2600 },
        What::AgentChanged { agent: anna, station: None, state: AgentState::Talking, call: Some(CALL), is_paid: true },
        What::LegQuality { call: CALL, leg: LegId(3), quality },
        What::CallEnded { call: CALL, outcome: Outcome::Answered, by: EndedBy::Caller },
    ] {
        teller.on_fact(&fact(5, what));
    }
    message(&mut teller, 6, StepKind::Received, b"SIP/2.0 200 OK\r\nCall-ID: a-leg\r\nCSeq: 2 BYE\r\n\r\n");
    teller.story
}

#[test]
fn the_picture_has_a_lane_for_each_leg_and_hides_numbers_unless_asked() {
    let story = told();
    assert!(story.to_string().contains("+34612045118"));
    expect![[r#"
        call 00000000000000000000000000000007
          leg 1  caller  a-leg
          leg 2  agent anna 1001  b-leg
        1970-01-01
        00:00:00.001 1 --> INVITE (192.0.2.9:5060)
        00:00:00.002   * +…5118 calls "900"
        00:00:00.002 1     arrives: +…5118 to +…0101
        00:00:00.002   * enters averias at place 1
        00:00:00.002 2                                   begins: +…5118 to +…0101
        00:00:00.003 2                               <-- INVITE (192.0.2.9:5060)
        00:00:00.004 2                               --> 180 Ringing (192.0.2.9:5060)
        00:00:00.005   * leaves averias from place 1 after 2.6 s: answered
        00:00:00.005   * anna is talking
        00:00:00.005 2                                   media PCMA: 500 packets received, 2 lost, 498 sent, jitter 1.2 ms, MOS 4.41, round trip 20.5 ms
        00:00:00.005   * ends: answered, by the caller
        00:00:00.006 1 --> 200 OK (BYE) (192.0.2.9:5060)
    "#]].assert_eq(&story.without_numbers().to_string());
}

#[test]
fn steps_are_bounded_and_what_is_left_out_is_counted() {
    let mut teller = Teller::new(CALL);
    for _ in 0..STEPS_MAX + 3 {
        teller.on_fact(&fact(1, What::LegRinging { call: CALL, leg: LegId(2) }));
    }
    assert_eq!((teller.story.steps.len(), teller.story.left_out), (STEPS_MAX, 3));
    for n in 0..HELD_MAX + 3 {
        let bytes = format!("OPTIONS sip:x SIP/2.0\r\nCall-ID: {n}\r\n\r\n");
        teller.on_message(Wall(1), StepKind::Received, String::new(), bytes.as_bytes());
    }
    assert_eq!(teller.held.len(), HELD_MAX);
}

#[test]
fn a_call_that_nobody_knows_has_no_story() {
    let nowhere = std::env::temp_dir().join("turno-no-such-folder");
    assert_eq!(super::story(CALL, Some(&nowhere), &nowhere), None);
}
