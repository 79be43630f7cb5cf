//! Nothing that comes by the network panics, and nothing that is remembered of it stays.

use proptest::prelude::*;
use turno_base::{Cause, LegId, Mono, Now};

use super::script::{Script, config};
use crate::message::Message;
use crate::ua::SipEffect;

/// What a phone and a trunk say in a call, to be bent.
const SAID: [&str; 9] = [
    "INVITE sip:900@turno.example SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.1:5060;rport;branch=z9hG4bK1\nMax-Forwards: 70\n\
     From: <sip:a@x>;tag=f\nTo: <sip:900@turno.example>\nCall-ID: c\nCSeq: 1 INVITE\nContact: <sip:a@198.51.100.1>\n\
     Supported: 100rel, timer\nSession-Expires: 1800\nContent-Type: application/sdp\nContent-Length: 107\n\n\
     v=0\no=- 1 1 IN IP4 198.51.100.1\ns=-\nc=IN IP4 198.51.100.1\nt=0 0\nm=audio 6000 RTP/AVP 8\na=sendrecv\n",
    "ACK sip:900@turno.example SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK2\nFrom: <sip:a@x>;tag=f\n\
     To: <sip:900@turno.example>;tag=TAG\nCall-ID: c\nCSeq: 1 ACK\n\n",
    "CANCEL sip:900@turno.example SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.1:5060;rport;branch=z9hG4bK1\n\
     From: <sip:a@x>;tag=f\nTo: <sip:900@turno.example>\nCall-ID: c\nCSeq: 1 CANCEL\n\n",
    "BYE sip:900@turno.example SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK3\nFrom: <sip:a@x>;tag=f\n\
     To: <sip:900@turno.example>;tag=TAG\nCall-ID: c\nCSeq: 9 BYE\n\n",
    "PRACK sip:900@turno.example SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK4\nFrom: <sip:a@x>;tag=f\n\
     To: <sip:900@turno.example>;tag=TAG\nCall-ID: c\nCSeq: 2 PRACK\nRAck: 1 1 INVITE\n\n",
    "REFER sip:900@turno.example SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK5\nFrom: <sip:a@x>;tag=f\n\
     To: <sip:900@turno.example>;tag=TAG\nCall-ID: c\nCSeq: 3 REFER\nRefer-To: <sip:1@x?Replaces=c%3Bto-tag%3Da>\n\n",
    "INFO sip:900@turno.example SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK6\nFrom: <sip:a@x>;tag=f\n\
     To: <sip:900@turno.example>;tag=TAG\nCall-ID: c\nCSeq: 4 INFO\nContent-Type: application/dtmf-relay\n\
     Content-Length: 9\n\nSignal=1\n",
    "UPDATE sip:900@turno.example SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK7\nFrom: <sip:a@x>;tag=f\n\
     To: <sip:900@turno.example>;tag=TAG\nCall-ID: c\nCSeq: 5 UPDATE\nSession-Expires: 90;refresher=uac\n\n",
    "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=BRANCH;rport\nFrom: <sip:a@x>;tag=TAG\n\
     To: <sip:900@turno.example>;tag=p\nCall-ID: c\nCSeq: 1 INVITE\nContact: <sip:a@198.51.100.1>\n\
     Record-Route: <sip:198.51.100.2;lr>\nContent-Length: 0\n\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Messages of a call in any order, some of them bent, between what the engine does with its legs.
    #[test]
    fn bent_messages_in_any_order_panic_nothing_and_leave_nothing(
        steps in proptest::collection::vec((0..14_usize, any::<u16>(), any::<u8>(), 0..3_u8, 0..5000_u64), 1..40)
    ) {
        let mut script = Script::new(config());
        let flow = script.flow("carrier");
        let (mut ours, mut tag, mut branch) = (Vec::new(), "x".to_owned(), "x".to_owned());
        let mut at = Mono::from_ms(0);
        for (what, place, byte, bend, wait) in steps {
            at = at + std::time::Duration::from_millis(wait);
            script.pass(at);
            script.act(|ua, now, out| {
                let media = crate::ua::LocalMedia {
                    rtp: "192.0.2.10:4000".parse().unwrap(),
                    rtcp: "192.0.2.10:4001".parse().unwrap(),
                    codecs: vec![turno_base::Codec::Pcma],
                    direction: turno_base::Direction::SendRecv,
                };
                match what {
                    9 => ua.ring(LegId::arrived(0), now, out),
                    10 => ua.progress(LegId::arrived(0), media, now, out),
                    11 => ua.answer(LegId::arrived(0), media, now, out),
                    12 => ua.reoffer(LegId::arrived(0), media, now, out),
                    13 => ua.end(LegId::arrived(0), Cause::NORMAL, now, out),
                    _ => {
                        let text = SAID[what].replace('\n', "\r\n").replace("TAG", &tag).replace("BRANCH", &branch);
                        let mut bytes = text.into_bytes();
                        let len = bytes.len();
                        match bend {
                            1 => bytes[usize::from(place) % len] = byte,
                            2 => drop(bytes.drain(usize::from(place) % len..(usize::from(place) + 3).min(len))),
                            _ => {}
                        }
                        if let Ok(message) = Message::parse(bytes) {
                            ua.on_message(flow, &message, now, out);
                        }
                    }
                }
                ours.extend(out.iter().filter_map(|effect| match effect {
                    SipEffect::Send { bytes, .. } => Message::parse(bytes.clone()).ok(),
                    SipEffect::Event(_) | SipEffect::Close(_) | SipEffect::Resolve { .. } => None,
                }));
                out.clear();
            });
            for message in ours.drain(..) {
                let side = if message.is_request() { message.from() } else { message.to() };
                if let Ok(Some(found)) = side.map(|a| a.tag().map(str::to_owned)) {
                    tag = found;
                }
                if let (true, Ok(via)) = (message.is_request(), message.top_via()) {
                    branch = via.branch().unwrap_or("x").to_owned();
                }
            }
        }
        for leg in 0..40 {
            script.act(|ua, now, out| {
                ua.end(LegId::arrived(leg), Cause::NORMAL, now, out);
                out.clear();
            });
        }
        let end = at + std::time::Duration::from_secs(200);
        while let Some(due) = script.ua.deadline().filter(|due| *due <= end) {
            let now = Now { mono: due, ..Now::default() };
            script.ua.on_deadline(now, &mut Vec::new());
        }
        prop_assert_eq!(script.ua.sizes(), (0, 0, 0, 0));
    }
}
