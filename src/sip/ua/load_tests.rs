//! Floods, overload, draining and restart through the user agent (docs/reliability.md O1-O3, C3, C6).

use std::net::Ipv4Addr;

use turno_base::{Cause, LegId, Mono, Now, Reason, StationId};

use super::security_tests::{
    CARRIER, House, PHONE, TRUNK, answer, dial, digest, incoming, media, request, sent, statuses, udp,
};
use super::{Load, SipEffect, SipEvent, Target, Ua};
use crate::flow::Destination;
use crate::message::Message;

const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 203.0.113.5\r\ns=-\r\nc=IN IP4 203.0.113.5\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";

/// An INVITE with an offer.
fn invite(user: &str, call: &str, headers: &str) -> String {
    let body = SDP.replace("\r\n", "\n");
    let head =
        request("INVITE", user, call, &format!("Contact: <sip:a@{TRUNK}>\nContent-Type: application/sdp\n{headers}"));
    let head = head.replace("Content-Length: 0\n\n", &format!("Content-Length: {}\n\n", SDP.len()));
    format!("{head}{body}")
}

impl House {
    /// A whole call from the trunk: arrives, is answered, confirmed and hung up by the caller. The statuses it got.
    fn call(&mut self, call: &str, ms: u64) -> Vec<u16> {
        let mut out = self.hear(TRUNK, &invite("900", call, ""), ms);
        let Some(leg) = incoming(&out).map(|incoming| incoming.leg) else { return statuses(&out) };
        self.ua.answer(leg, media(), Now::from_ms(ms), &mut out);
        let ok = sent(&out).into_iter().find(|message| message.status() == Some(200)).expect("answered");
        let tag = ok.to().unwrap().tag().unwrap().to_owned();
        let inside = |method: &str, seq: u32| {
            request(method, "900", call, "")
                .replace("To: <sip:900@turno.example>", &format!("To: <sip:900@turno.example>;tag={tag}"))
                .replace(&format!("CSeq: 1 {method}"), &format!("CSeq: {seq} {method}"))
                .replace(&format!("z9hG4bK{call}"), &format!("z9hG4bK{call}{method}"))
        };
        out.extend(self.hear(TRUNK, &inside("ACK", 1), ms + 1));
        out.extend(self.hear(TRUNK, &inside("BYE", 2), ms + 2));
        assert!(
            out.iter().any(|effect| matches!(effect, SipEffect::Event(SipEvent::Ended { leg: it, .. }) if *it == leg))
        );
        statuses(&out)
    }
}

#[test]
fn a_flood_of_strangers_costs_nobody_his_call() {
    for (what, headers) in [
        ("plain", String::new()),
        ("with made-up nonces", format!("Authorization: {}\n", digest("INVITE", "anna", "x", &"A".repeat(32), 1))),
    ] {
        let mut house = House::new();
        house.register(PHONE, "anna", "anna-pass", 0);
        let before = house.ua.sizes();
        let (mut challenged, mut called) = (0, 0);
        // 6,000 a second from 200 addresses.
        for n in 0..6_000_u64 {
            let ms = 1000 + n / 6;
            let peer = format!("{}:5060", Ipv4Addr::from_bits(0x0a09_0000 + (n % 200) as u32));
            let out = house.hear(&peer, &request("INVITE", "900", &format!("x{n}"), &headers), ms);
            challenged += statuses(&out).len();
            if n % 60 == 0 {
                assert_eq!(house.call(&format!("c{n}"), ms), [100, 200, 200], "{what}");
                called += 1;
            }
        }
        assert_eq!(called, 100);
        // 20 at once and 10 a second for each.
        assert!(challenged <= 200 * 31, "{what}: {challenged}");
        assert_eq!(statuses(&house.register(PHONE, "anna", "anna-pass", 3000)), [200], "{what}");
        house.run_until(60_000);
        let (dialogs, transactions, _, bindings) = house.ua.sizes();
        assert_eq!((dialogs, bindings), (before.0, before.3), "{what}");
        assert!(transactions <= 3, "{what}: no more than the probes of one phone, not {transactions}");
    }
}

#[test]
fn a_refusal_for_want_of_room_says_when_to_come_again_and_leaves_nothing() {
    let mut house = House::new();
    house.register(PHONE, "anna", "anna-pass", 0);
    house.ua.on_load(Load { store_full: true, ..Load::default() });
    let before = house.ua.sizes();
    for n in 0..1000 {
        let out = house.hear(CARRIER, &invite("900", &format!("c{n}"), ""), 60_000);
        let refusal = sent(&out).remove(0);
        assert_eq!(refusal.status(), Some(503));
        assert!((5..=15).contains(&refusal.retry_after().unwrap()));
    }
    assert_eq!(house.ua.sizes(), before);
    assert_eq!(statuses(&house.hear(CARRIER, &invite("112", "e", ""), 60_000)), [100], "emergency calls go on");
}

#[test]
fn while_draining_nothing_new_begins_and_nothing_ends() {
    let mut house = House::new();
    let mut out = house.hear(TRUNK, &invite("900", "up", ""), 0);
    let leg = incoming(&out).unwrap().leg;
    house.ua.answer(leg, media(), Now::from_ms(1), &mut out);
    house.ua.on_load(Load { draining: true, ..Load::default() });
    let mut first = |peer: &str, text: &str| statuses(&house.hear(peer, text, 3))[0];
    assert_eq!(first(TRUNK, &invite("900", "new", "")), 503);
    assert_eq!(first(TRUNK, &request("OPTIONS", "turno", "o", "")), 503);
    assert_eq!(first(PHONE, &request("REGISTER", "anna", "r", "")), 401, "phones stay registered");
    let ok = sent(&out).into_iter().find(|message| message.status() == Some(200)).unwrap();
    let tag = ok.to().unwrap().tag().unwrap().to_owned();
    let info = request("INFO", "900", "up", "Content-Type: application/dtmf-relay\n")
        .replace("To: <sip:900@turno.example>", &format!("To: <sip:900@turno.example>;tag={tag}"))
        .replace("CSeq: 1", "CSeq: 2")
        .replace("z9hG4bKup", "z9hG4bKup2");
    assert_eq!(first(TRUNK, &info), 200);
}

#[test]
fn after_a_restart_the_first_call_reaches_a_phone_that_did_not_register_again() {
    let mut house = House::new();
    house.register(PHONE, "anna", "anna-pass", 0);
    let bytes = postcard::to_stdvec(&house.ua).unwrap();
    let mut ua: Ua = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(ua, house.ua);
    let mut out = Vec::new();
    let now = Now { mono: Mono::from_ms(5000), ..Now::from_ms(0) };
    ua.on_restart(now, &mut out);
    let anna = StationId::new("anna").unwrap();
    ua.dial(super::Dial { leg: LegId::dialled(7), ..dial(Target::Station(anna)) }, now, &mut out);
    let invites = out.iter().filter_map(|effect| match effect {
        SipEffect::Send { to: Destination::Flow(flow), bytes, .. } => {
            Some((*flow, Message::parse(bytes.clone()).unwrap()))
        }
        _ => None,
    });
    let (flow, invite) = invites.into_iter().find(|(_, message)| message.method_text() == "INVITE").expect("rings");
    assert_eq!(flow, udp(PHONE));
    let mut out = Vec::new();
    let ringing = Message::parse(answer(&invite, 180, "").replace('\n', "\r\n").into_bytes()).unwrap();
    ua.on_message(udp(PHONE), &ringing, now, &mut out);
    assert!(out.contains(&SipEffect::Event(SipEvent::Progress { leg: LegId::dialled(7), status: 180 })));
}

#[test]
fn a_phone_whose_answer_died_with_the_process_that_took_it_is_hung_up() {
    let mut house = House::new();
    house.register(PHONE, "anna", "anna-pass", 0);
    let (anna, leg, mut out) = (StationId::new("anna").unwrap(), LegId::dialled(7), Vec::new());
    house.ua.dial(super::Dial { leg, ..dial(Target::Station(anna)) }, Now::from_ms(1000), &mut out);
    let invite = sent(&out).remove(0);
    let contact = format!("Contact: <sip:anna@{PHONE}>\n");
    house.hear(PHONE, &answer(&invite, 180, &contact), 1100);
    let before = postcard::to_stdvec(&house.ua).unwrap();
    let out = house.hear(PHONE, &answer(&invite, 200, &contact), 1200);
    assert!(sent(&out).iter().any(|message| message.method_text() == "ACK"), "the phone believes in its call");

    let mut ua: Ua = postcard::from_bytes(&before).unwrap();
    let mut out = Vec::new();
    ua.on_restart(Now::from_ms(5000), &mut out);
    ua.end(leg, Cause::new(503, 41, Reason::Restart), Now::from_ms(5000), &mut out);
    let said = sent(&out);
    let methods: Vec<&str> = said.iter().map(Message::method_text).collect();
    assert_eq!(methods, ["CANCEL", "BYE"]);
    let bye = &said[1];
    assert_eq!((bye.to().unwrap().tag(), bye.call_id()), (Some("them"), invite.call_id()));
    assert!(bye.cseq().unwrap().0 > invite.cseq().unwrap().0);
}
