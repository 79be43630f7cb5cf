//! The layer through its front door: messages in, what is sent and told out.

use std::time::Duration;

use turno_base::Mono;

use super::key::Branch;
use super::*;
use crate::config::SipRules;
use crate::flow::{Destination, Flow, ListenerId, Transport};
use crate::message::Message;
use crate::ua::{SipEffect, SipEvent};

fn flow(transport: Transport) -> Flow {
    let connection = u64::from(transport.is_reliable());
    Flow { transport, listener: ListenerId(0), peer: "192.0.2.1:5060".parse().unwrap(), connection }
}

fn timing() -> Timing {
    let SipRules { t1, t2, t4, .. } = SipRules::default();
    Timing { t1, t2, t4, reliable: false }
}

fn layer() -> Layer<&'static str> {
    Layer::new(timing(), 4)
}

fn read(text: &str) -> Message {
    Message::parse(text.replace('\n', "\r\n").into_bytes()).unwrap()
}

fn request(method: &str, via: &str) -> Message {
    request_as(method, method, via)
}

fn request_as(method: &str, cseq: &str, via: &str) -> Message {
    read(&format!(
        "{method} sip:900@turno SIP/2.0\nVia: SIP/2.0/UDP {via}\nFrom: <sip:a@b>;tag=f\nTo: <sip:900@turno>\n\
         Call-ID: c\nCSeq: 1 {cseq}\nContent-Length: 0\n\n"
    ))
}

fn response(status: u16, branch: &str, method: &str, to_tag: &str) -> Message {
    read(&format!(
        "SIP/2.0 {status} X\nVia: SIP/2.0/UDP us;branch={branch}\nFrom: <sip:a@b>;tag=f\nTo: <sip:900@turno>;tag={to_tag}\n\
         Call-ID: c\nCSeq: 1 {method}\nContent-Length: 0\n\n"
    ))
}

fn invite(branch: Branch) -> Vec<u8> {
    format!(
        "INVITE sip:900@turno SIP/2.0\r\nVia: SIP/2.0/UDP us;branch={branch}\r\nRoute: <sip:p;lr>\r\nMax-Forwards: 70\r\n\
         From: <sip:a@b>;tag=f\r\nTo: <sip:900@turno>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContact: <sip:us>\r\n\
         Content-Type: application/sdp\r\nContent-Length: 4\r\n\r\nv=0\n"
    )
    .into_bytes()
}

fn outgoing<O>(branch: Branch, to: Destination, owner: O) -> Outgoing<O> {
    Outgoing { branch, kind: Kind::Invite, bytes: invite(branch), to, owner }
}

/// Start lines sent and events told, one a word.
fn told(out: &mut Vec<SipEffect>) -> String {
    let words = out.drain(..).map(|effect| match effect {
        SipEffect::Send { bytes, .. } => {
            let text = String::from_utf8(bytes).unwrap();
            let line = text.lines().next().unwrap().to_owned();
            line.strip_prefix("SIP/2.0 ").unwrap_or(&line).split(' ').next().unwrap().to_owned()
        }
        SipEffect::Event(SipEvent::Counted(count)) => format!("({count:?})"),
        other => format!("{other:?}"),
    });
    words.collect::<Vec<_>>().join(" ")
}

const T0: Mono = Mono::from_ms(0);

#[test]
fn a_refused_invite_is_acknowledged_as_often_as_it_is_refused() {
    let (mut layer, mut out) = (layer(), Vec::new());
    let branch = layer.branch(7);
    let to = Destination::Flow(flow(Transport::Udp));
    layer.start(outgoing(branch, to, "leg"), T0, &mut out);
    assert_eq!(told(&mut out), "INVITE");
    let busy = response(486, &branch.to_string(), "INVITE", "t");
    assert!(layer.on_response(&busy, T0, &mut out).is_some());
    let SipEffect::Send { bytes, .. } = &out[0] else { panic!("{out:?}") };
    let expected = "ACK sip:900@turno SIP/2.0\nVia: SIP/2.0/UDP us;branch=BRANCH\nRoute: <sip:p;lr>\nMax-Forwards: 70\n\
        From: <sip:a@b>;tag=f\nTo: <sip:900@turno>;tag=t\nCall-ID: c\nCSeq: 1 ACK\nContent-Length: 0\n\n";
    let ack = String::from_utf8(bytes.clone()).unwrap().replace("\r\n", "\n");
    assert_eq!(ack, expected.replace("BRANCH", &branch.to_string()));
    out.clear();
    assert!(layer.on_response(&busy, T0, &mut out).is_none());
    assert_eq!(told(&mut out), "ACK (Retransmission)");
    layer.on_deadline(T0 + Duration::from_secs(32), &mut out, &mut Vec::new());
    assert!(layer.is_empty() && layer.deadline().is_none());
    assert!(layer.on_response(&busy, T0, &mut out).is_none());
    assert_eq!(told(&mut out), "(Stray)");
}

#[test]
fn a_refusal_and_an_answer_of_one_invite_are_each_acknowledged_as_often_as_they_come() {
    let (mut layer, mut out) = (layer(), Vec::new());
    let branch = layer.branch(7);
    let to = Destination::Flow(flow(Transport::Udp));
    let id = layer.start(outgoing(branch, to, "leg"), T0, &mut out);
    out.clear();
    let refusal = response(487, &branch.to_string(), "INVITE", "t");
    let answer = response(200, &branch.to_string(), "INVITE", "u");
    assert_eq!(layer.on_response(&refusal, T0, &mut out), Some((id, "leg")));
    let ack_of_refusal = out.remove(0);
    assert_eq!(layer.on_response(&answer, T0, &mut out), Some((id, "leg")));
    layer.ack(id, "u", to, b"ACK u\r\n\r\n".to_vec(), &mut out);
    assert_eq!(told(&mut out), "ACK");
    assert_eq!(layer.on_response(&refusal, T0, &mut out), None);
    assert_eq!(out.remove(0), ack_of_refusal);
    assert_eq!(told(&mut out), "(Retransmission)");
    assert_eq!(layer.on_response(&answer, T0, &mut out), None);
    assert_eq!(told(&mut out), "ACK (Retransmission)");
}

#[test]
fn a_cancel_waits_for_the_first_provisional_response() {
    let (mut layer, mut out) = (layer(), Vec::new());
    let branch = layer.branch(7);
    let to = Destination::Flow(flow(Transport::Udp));
    let id = layer.start(outgoing(branch, to, "leg"), T0, &mut out);
    out.clear();
    layer.cancel(id, "Reason: SIP;cause=200\r\n", T0, &mut out);
    assert_eq!(told(&mut out), "");
    layer.on_response(&response(100, &branch.to_string(), "INVITE", ""), T0, &mut out);
    let SipEffect::Send { bytes, .. } = &out[0] else { panic!("{out:?}") };
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.starts_with("CANCEL sip:900@turno SIP/2.0\r\n") && text.contains("\r\nCSeq: 1 CANCEL\r\n"), "{text}");
    assert!(text.contains("\r\nReason: SIP;cause=200\r\n") && text.contains("\r\nTo: <sip:900@turno>\r\n"), "{text}");
    out.clear();
    // Its own response is nobody's business; the 2xx that crossed it is the user's.
    assert_eq!(layer.on_response(&response(200, &branch.to_string(), "CANCEL", "t"), T0, &mut out), None);
    let answer = response(200, &branch.to_string(), "INVITE", "t");
    assert_eq!(layer.on_response(&answer, T0, &mut out), Some((id, "leg")));
    layer.ack(id, "t", to, b"ACK x\r\n\r\n".to_vec(), &mut out);
    assert_eq!(told(&mut out), "ACK");
    assert_eq!(layer.on_response(&answer, T0, &mut out), None);
    assert_eq!(told(&mut out), "ACK (Retransmission)");
    // Another fork's 2xx is new.
    assert_eq!(layer.on_response(&response(200, &branch.to_string(), "INVITE", "u"), T0, &mut out), Some((id, "leg")));
}

#[test]
fn a_guessed_branch_reaches_no_transaction() {
    let (mut layer, mut out) = (layer(), Vec::new());
    let branch = layer.branch(7);
    layer.start(outgoing(branch, Destination::Flow(flow(Transport::Udp)), "leg"), T0, &mut out);
    out.clear();
    for guess in ["z9hG4bK1-0000000000000008", "z9hG4bK1", "z9hG4bKx-y", "1"] {
        assert_eq!(layer.on_response(&response(200, guess, "INVITE", "t"), T0, &mut out), None, "{guess}");
        assert_eq!(told(&mut out), "(Stray)");
    }
    assert_eq!(layer.on_response(&response(200, &branch.to_string(), "BYE", "t"), T0, &mut out), None);
    assert_eq!(told(&mut out), "(Stray)");
}

#[test]
fn a_repeated_request_gets_the_stored_response() {
    for via in ["192.0.2.1;branch=z9hG4bKx", "192.0.2.1;branch=1", "192.0.2.1"] {
        let (mut layer, mut out) = (layer(), Vec::new());
        let invite = request("INVITE", via);
        let to = Destination::Flow(flow(Transport::Udp));
        assert_eq!(layer.on_request(&invite, &mut out), Received::New);
        let id = layer.open(&invite, Some(b"SIP/2.0 100 X\r\n".to_vec()), to, "leg", &mut out).unwrap();
        assert_eq!(layer.on_request(&invite, &mut out), Received::Absorbed);
        assert_eq!(told(&mut out), "100 (Retransmission) 100", "{via}");
        layer.respond(id, 486, b"SIP/2.0 486 X\r\n".to_vec(), T0, &mut out);
        assert_eq!(layer.on_request(&invite, &mut out), Received::Absorbed);
        assert_eq!(told(&mut out), "486 (Retransmission) 486", "{via}");
        layer.on_deadline(T0 + Duration::from_millis(500), &mut out, &mut Vec::new());
        assert_eq!(told(&mut out), "486", "{via}");
        assert_eq!(layer.on_ack(&request("ACK", via), T0), Received::Absorbed);
        layer.on_deadline(T0 + Duration::from_millis(1500), &mut out, &mut Vec::new());
        assert_eq!(told(&mut out), "", "{via}");
        layer.on_deadline(T0 + Duration::from_secs(6), &mut out, &mut Vec::new());
        assert!(layer.is_empty() && layer.timers() == 0, "{via}");
    }
}

#[test]
fn a_cancel_finds_its_invite_and_a_merged_request_is_seen() {
    let (mut layer, mut out) = (layer(), Vec::new());
    let via = "192.0.2.1;branch=z9hG4bKx";
    let to = Destination::Flow(flow(Transport::Udp));
    let id = layer.open(&request("INVITE", via), Some(b"SIP/2.0 100 X\r\n".to_vec()), to, "leg", &mut out).unwrap();
    assert_eq!(layer.cancelled_by(&request_as("CANCEL", "CANCEL", via)), Some((id, "leg")));
    assert_eq!(layer.cancelled_by(&request_as("CANCEL", "CANCEL", "192.0.2.2;branch=z9hG4bKx")), None);
    assert!(layer.is_merged(&request("INVITE", "192.0.2.1;branch=z9hG4bKy")));
    layer.respond(id, 200, b"SIP/2.0 200 X\r\n".to_vec(), T0, &mut out);
    assert!(!layer.is_merged(&request("INVITE", "192.0.2.1;branch=z9hG4bKy")));
    assert_eq!(layer.respond(id, 487, b"SIP/2.0 487 X\r\n".to_vec(), T0, &mut out), Replied::TooLate);
}

#[test]
fn a_closed_stream_fails_what_waits_on_it_and_a_failed_send_what_was_sent() {
    let (mut layer, mut out) = (layer(), Vec::new());
    let tcp = flow(Transport::Tcp);
    let (first, second) = (layer.branch(1), layer.branch(2));
    let a = layer.start(outgoing(first, Destination::Flow(tcp), "a"), T0, &mut out);
    let b = layer.start(outgoing(second, Destination::Flow(tcp), "b"), T0, &mut out);
    layer.on_response(&response(180, &second.to_string(), "INVITE", "t"), T0, &mut out);
    assert_eq!(layer.on_flow_closed(&flow(Transport::Udp)), []);
    assert_eq!(layer.on_flow_closed(&tcp), [Up::Failed(a, "a")]);
    assert_eq!(layer.on_failed(b), Some(Up::Failed(b, "b")));
    assert_eq!(layer.on_failed(b), None);
    assert!(layer.is_empty());
}

#[test]
fn nobody_answering_is_told_after_64_t1_and_at_most_so_many_transactions_exist() {
    let (mut layer, mut out, mut ups) = (layer(), Vec::new(), Vec::new());
    let branch = layer.branch(1);
    let to = Destination::Flow(flow(Transport::Udp));
    let id = layer.start(outgoing(branch, to, "leg"), T0, &mut out);
    let mut sent_at = vec![0];
    while let Some(at) = layer.deadline() {
        out.clear();
        layer.on_deadline(at, &mut out, &mut ups);
        if !out.is_empty() {
            sent_at.push(at.as_ms());
        }
    }
    assert_eq!(sent_at, [0, 500, 1500, 3500, 7500, 15_500, 31_500]);
    assert_eq!(ups, [Up::TimedOut(id, "leg")]);
    for n in 0..4 {
        let opened = layer.open(&request("BYE", &format!("192.0.2.1;branch=z9hG4bK{n}")), None, to, "x", &mut out);
        assert!(opened.is_some());
    }
    assert!(layer.is_full());
    assert!(layer.open(&request("BYE", "192.0.2.1;branch=z9hG4bKz"), None, to, "x", &mut out).is_none());
}

#[test]
fn transactions_survive_the_snapshot() {
    let (mut layer, mut out) = (Layer::<u8>::new(timing(), 9), Vec::new());
    let branch = layer.branch(1);
    let to = Destination::Flow(flow(Transport::Udp));
    layer.start(outgoing(branch, to, 1), T0, &mut out);
    let via = "192.0.2.1;branch=z9hG4bKx";
    layer.open(&request("INVITE", via), Some(b"SIP/2.0 100 X\r\n".to_vec()), to, 2, &mut out);
    let bytes = postcard::to_stdvec(&layer).unwrap();
    assert_eq!(postcard::from_bytes::<Layer<u8>>(&bytes).unwrap(), layer);
}
