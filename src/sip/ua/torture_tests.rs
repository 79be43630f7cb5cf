//! The torture messages of RFC 4475 and RFC 5118 through the user agent (docs/reliability.md P1, P2): the status that
//! `tests/torture/table.tsv` allows, over UDP and TCP, from a trunk and from a stranger; never a 500; and an OPTIONS
//! afterwards is answered.

use std::collections::BTreeSet;

use turno_base::{Cause, Mono, Now, Reason, Seeded};

use super::security_tests::{House, STRANGER, TRUNK, tcp, udp};
use super::{SipEffect, SipEvent};
use crate::flow::Flow;
use crate::message::Message;
use crate::message::tests::torture::{MESSAGES, TABLE};
use crate::stream::{Frame, Framer};

/// Whether one message may be answered by these final statuses: `wire` is what stands in the table for the transport.
fn is_allowed(wire: &str, statuses: &[u16]) -> bool {
    let numbers = |text: &str| -> Vec<u16> {
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
    };
    if wire.starts_with("none") {
        return statuses.is_empty();
    }
    let [status] = *statuses else { return false };
    if wire.contains("final") {
        let among = wire.split_once("; ").filter(|(_, rest)| rest.contains("among them"));
        let extra = among.map(|(_, rest)| numbers(rest)).unwrap_or_default();
        return extra.contains(&status) || (status != 400 && !(500..600).contains(&status));
    }
    numbers(wire.split(';').next().unwrap_or("")).contains(&status)
}

/// What the wire column says for datagrams, and for streams.
fn by_transport<'t>(datagram: &'t str, stream: &str, wire: &'t str) -> (&'t str, &'t str) {
    let _ = datagram;
    let on_stream = match stream {
        "waits" => "none",
        "closed after 400" => "400",
        _ => wire,
    };
    (wire, on_stream)
}

/// Final statuses that go out for `bytes`, the calls they make ended with 480; the house lives on for a minute.
fn finals(house: &mut House, flow: Flow, bytes: &[u8]) -> Vec<u16> {
    let mut out = Vec::new();
    let now = Now::from_ms(1000);
    if flow.transport.is_reliable() {
        let mut framer = Framer::new();
        framer.push(bytes);
        while let Some(frame) = framer.next_frame() {
            match frame {
                Frame::Message(message) => house.ua.on_message(flow, &message, now, &mut out),
                Frame::Ping => {}
                Frame::Broken { bytes, rejected } => house.ua.on_unreadable(flow, &bytes, rejected, now, &mut out),
            }
            // The table speaks of the first message; what follows in the same bytes has its own line.
            if bytes.len() > 1 && !out.is_empty() {
                break;
            }
        }
    } else {
        match Message::parse(bytes.to_vec()) {
            Ok(message) => house.ua.on_message(flow, &message, now, &mut out),
            Err(rejected) => house.ua.on_unreadable(flow, bytes, rejected, now, &mut out),
        }
    }
    let calls: Vec<_> = out
        .iter()
        .filter_map(|effect| match effect {
            SipEffect::Event(SipEvent::Incoming(incoming)) => Some(incoming.leg),
            _ => None,
        })
        .collect();
    for leg in calls {
        house.ua.end(leg, Cause::new(480, 18, Reason::NotFound), now, &mut out);
    }
    let mut branches = BTreeSet::new();
    let mut statuses = Vec::new();
    for effect in &out {
        let SipEffect::Send { bytes: sent, .. } = effect else { continue };
        let message = Message::parse(sent.clone()).expect("what we send can be read");
        let Some(status) = message.status().filter(|status| *status >= 200) else { continue };
        if branches.insert((status, message.lines(crate::message::Header::Via).collect::<String>())) {
            statuses.push(status);
        }
        let most = bytes.len() * 3;
        assert!(sent.len() <= most, "{} bytes for {}", sent.len(), bytes.len());
    }
    while let Some(at) = house.ua.deadline().filter(|at| *at < Mono::from_ms(120_000)) {
        let now = Now { mono: at.max(Mono::from_ms(1000)), ..Now::from_ms(1000) };
        house.ua.on_deadline(now, &mut Vec::new());
    }
    statuses
}

#[test]
fn every_torture_message_gets_the_status_that_the_table_allows_and_options_afterwards() {
    let mut wrong = Vec::new();
    for (row, (name, bytes)) in TABLE.lines().skip(1).zip(MESSAGES) {
        let [file, _, datagram, stream, wire, _] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("{row}") };
        assert_eq!(file, *name);
        let (on_datagram, on_stream) = by_transport(datagram, stream, wire);
        for (peer, is_known) in [(TRUNK, true), (STRANGER, false)] {
            for (flow, wire) in [(udp(peer), on_datagram), (tcp(peer, 9), on_stream)] {
                let mut house = House::new();
                let got = finals(&mut house, flow, bytes);
                // A stranger who could be served otherwise is asked who he is.
                let challenged = !is_known && got == [401] && !wire.starts_with("none");
                if !is_allowed(wire, &got) && !challenged {
                    wrong.push(format!("{name} from {peer} by {}: {got:?}, not {wire}", flow.transport.via()));
                }
                assert!(house.options_is_answered(flow), "{name} from {peer}");
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn all_torture_messages_one_after_the_other_leave_one_house_standing() {
    let mut house = House::new();
    for round in 0..3 {
        for (name, bytes) in MESSAGES {
            for flow in [udp(TRUNK), tcp(TRUNK, 9), udp(STRANGER)] {
                finals(&mut house, flow, bytes);
                assert!(house.options_is_answered(flow), "{name} in round {round}");
            }
        }
    }
    house.run_until(3_600_000);
    let (dialogs, transactions, _, bindings) = house.ua.sizes();
    assert_eq!((dialogs, transactions, bindings), (0, 0, 0));
}

/// One to four small damages: bytes changed, cut out, doubled, swapped for what parsers trip over.
fn damaged(bytes: &[u8], seeded: &mut Seeded) -> Vec<u8> {
    const ODD: [&[u8]; 12] = [
        b"\r\n",
        b"\0",
        b"\"",
        b"<",
        b">",
        b";",
        b",",
        b"%",
        b":",
        b"\xff\xfe",
        b"4294967296",
        b"\r\nVia: SIP/2.0/UDP x\r\n",
    ];
    let mut bytes = bytes.to_vec();
    for _ in 0..=seeded.below(4) {
        let at = seeded.below(bytes.len() as u64) as usize;
        let end = (at + seeded.below(40) as usize).min(bytes.len());
        match seeded.below(4) {
            0 => bytes[at] = seeded.next_u64() as u8,
            1 if bytes.len() > 60 => drop(bytes.drain(at..end)),
            2 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let odd = ODD[seeded.below(ODD.len() as u64) as usize];
                bytes.splice(at..at, odd.iter().copied());
            }
        }
    }
    bytes
}

#[test]
fn damaged_messages_hurt_nobody() {
    let mut seeded = Seeded::new(0x5eed);
    let mut house = House::new();
    for n in 0..6000_usize {
        let (name, bytes) = MESSAGES[n % MESSAGES.len()];
        let bytes = damaged(bytes, &mut seeded);
        let flow = [udp(TRUNK), tcp(TRUNK, 9), udp(STRANGER)][n % 3];
        let statuses = finals(&mut house, flow, &bytes);
        assert!(!statuses.contains(&500), "{name} {n}: {}", String::from_utf8_lossy(&bytes));
        assert!(n % 50 != 0 || house.options_is_answered(flow), "{name} {n}");
    }
    house.run_until(3_600_000);
    let (dialogs, transactions, _, bindings) = house.ua.sizes();
    assert_eq!((dialogs, transactions, bindings), (0, 0, 0));
}
