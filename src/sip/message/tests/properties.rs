//! Properties: whatever comes, nothing panics and nothing is read twice in two ways.

use proptest::prelude::*;

use super::torture::MESSAGES;
use super::*;
use crate::stream::{Frame, Framer};

/// One damage to a message.
#[derive(Clone, Debug)]
enum Damage {
    Flip(usize, u8),
    Cut(usize, usize),
    Insert(usize, &'static [u8]),
    Double(usize, usize),
}

const INSERTED: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n ",
    b"\0",
    b"\"",
    b"\\",
    b"<",
    b">",
    b";",
    b",",
    b"=",
    b":",
    b"@",
    b"%",
    b"[",
    b"]",
    b"\xff",
    b"\xc3",
    b"SIP/2.0",
    b"\r\nVia: ",
    b"Content-Length: 99999999999999999999\r\n",
    b";tag=",
    b"\r\n\r\n",
    b"l: 1\r\n",
    b"Contact: *\r\n",
    b"Authorization: Digest a=\"\\",
];

fn damage() -> impl Strategy<Value = Damage> {
    let inserted = proptest::sample::select(INSERTED);
    (0..4_u8, 0..4000_usize, 1..40_usize, any::<u8>(), inserted).prop_map(|(kind, at, length, byte, inserted)| {
        match kind {
            0 => Damage::Flip(at, byte),
            1 => Damage::Cut(at, length),
            2 => Damage::Insert(at, inserted),
            _ => Damage::Double(at, length),
        }
    })
}

fn damaged(message: &[u8], damages: &[Damage]) -> Vec<u8> {
    let mut bytes = message.to_vec();
    for damage in damages {
        let place = |at: usize| at % (bytes.len() + 1);
        match *damage {
            Damage::Flip(at, byte) => {
                let at = place(at);
                if let Some(old) = bytes.get_mut(at) {
                    *old = byte;
                }
            }
            Damage::Cut(at, length) => {
                let at = place(at);
                bytes.drain(at..(at + length).min(bytes.len()));
            }
            Damage::Insert(at, inserted) => {
                let at = place(at);
                bytes.splice(at..at, inserted.iter().copied());
            }
            Damage::Double(at, length) => {
                let at = place(at);
                let copy = bytes[at..(at + length).min(bytes.len())].to_vec();
                bytes.splice(at..at, copy);
            }
        }
    }
    bytes
}

/// Reads everything there is to read.
fn read_all(message: &Message) {
    let _ = (message.check(), message.known_method(), message.target().map(|uri| uri.is_same(&uri)));
    for header in [Header::From, Header::To, Header::Contact, Header::Route, Header::ReferTo, Header::Via] {
        for address in message.addresses(header).flatten() {
            let _ = (address.display(), address.tag(), address.q(), address.expires(), address.instance());
            let _ = (address.uri.user_decoded(), address.uri.header_decoded("Replaces"), address.uri.without_headers());
            assert!(address.uri.is_same(&address.uri), "{}", address.uri);
        }
    }
    for via in message.vias().flatten() {
        let _ = (via.received(), via.rport(), via.maddr(), via.cookie_branch());
    }
    let _ = (message.call_id(), message.cseq(), message.max_forwards(), message.expires(), message.session_expires());
    let _ = (message.min_se(), message.rseq(), message.rack(), message.replaces(), message.content_type());
    let _ = (message.event(), message.subscription_state(), message.retry_after(), message.contact());
    let _ =
        (message.reasons().count(), message.privacy().count(), message.require().count(), message.all_lines().count());
    for header in [Header::Authorization, Header::ProxyAuthenticate] {
        for digest in message.digests(header).flatten() {
            let _ = (digest.nonce_count(), digest.offers_qop("auth"), digest.iter().count());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn damaged_messages_are_read_without_panic_and_alike_again(
        n in 0..MESSAGES.len(),
        damages in proptest::collection::vec(damage(), 0..6),
    ) {
        let bytes = damaged(MESSAGES[n].1, &damages);
        let Ok(message) = Message::parse(bytes) else { return Ok(()) };
        read_all(&message);
        let again = Message::parse(message.bytes().to_vec()).expect("it was read before");
        prop_assert_eq!(again.bytes(), message.bytes());
        prop_assert_eq!(again.check(), message.check());
        prop_assert!(again.all_lines().eq(message.all_lines()));
        let source = "192.0.2.9:1024".parse().expect("address");
        let response = Writer::response(&message, Some(source), 400, "t").finish();
        let response = Message::parse(response).expect("a response of ours");
        if message.is_request() && message.check().is_ok() {
            prop_assert_eq!(response.check(), Ok(()));
            prop_assert_eq!(response.call_id(), message.call_id());
            prop_assert_eq!(response.cseq_text(), message.cseq_text());
            prop_assert_eq!(response.from().map(|from| from.tag().map(str::to_owned)),
                message.from().map(|from| from.tag().map(str::to_owned)));
            let own = message.lines(Header::Via).count();
            prop_assert_eq!(response.lines(Header::Via).count(), own);
        }
    }

    #[test]
    fn what_is_written_is_what_is_read(
        display in "[^\\x00\r\n]{0,20}",
        user in "[a-z0-9+*]{1,12}",
        subject in "[^\\x00\r\n\t ]{0,10}",
        tag in "[a-z0-9]{1,8}",
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let uri = format!("sip:{user}@turno.example;transport=tcp");
        let mut writer = Writer::request(Method::Invite, &uri);
        writer.header(Header::Via, "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1").address(Header::From, &display, &uri, &tag);
        writer.address(Header::To, "", &uri, "").header(Header::CallId, "c").header(Header::CSeq, "1 INVITE");
        writer.header(Header::Subject, &subject);
        prop_assert_eq!(writer.refused(), None);
        let message = Message::parse(writer.finish_with("application/sdp", &body)).expect("a message of ours");
        prop_assert_eq!(message.check(), Ok(()));
        let from = message.from().expect("from");
        prop_assert_eq!(from.display(), display.as_str());
        prop_assert_eq!((from.uri.text, from.tag()), (uri.as_str(), Some(tag.as_str())));
        prop_assert_eq!(message.header(Header::Subject), Some(subject.as_str()));
        prop_assert_eq!(message.body(), body.as_slice());
    }

    #[test]
    fn however_a_stream_is_cut_the_messages_are_the_same(
        picks in proptest::collection::vec(0..MESSAGES.len(), 1..6),
        cuts in proptest::collection::vec(1..200_usize, 1..60),
    ) {
        let whole: Vec<Message> = picks.iter().filter_map(|n| Message::parse(MESSAGES[*n].1.to_vec()).ok())
            .filter(|message| message.defect().is_none() && message.content_length().is_ok_and(|length| length.is_some()))
            .collect();
        let bytes: Vec<u8> = whole.iter().flat_map(|message| message.bytes()).copied().collect();
        let (mut framer, mut got, mut rest) = (Framer::new(), Vec::new(), bytes.as_slice());
        for cut in cuts.into_iter().chain(std::iter::once(usize::MAX)) {
            let (chunk, behind) = rest.split_at(cut.min(rest.len()));
            rest = behind;
            framer.push(chunk);
            while let Some(frame) = framer.next_frame() {
                match frame {
                    Frame::Message(message) => got.push(message),
                    Frame::Ping => {}
                    Frame::Broken { rejected, .. } => prop_assert!(false, "{rejected}"),
                }
            }
        }
        prop_assert_eq!(got, whole);
        prop_assert!(!framer.is_inside());
    }

    #[test]
    fn damaged_streams_are_cut_without_panic_and_alike_in_any_pieces(
        n in 0..MESSAGES.len(),
        m in 0..MESSAGES.len(),
        damages in proptest::collection::vec(damage(), 0..6),
        piece in 1..300_usize,
    ) {
        let bytes = damaged(&[MESSAGES[n].1, MESSAGES[m].1].concat(), &damages);
        let frames = |piece: usize| {
            let (mut framer, mut frames) = (Framer::new(), Vec::new());
            for chunk in bytes.chunks(piece) {
                framer.push(chunk);
                // How many keep-alives are one depends on how they arrive.
                frames.extend(std::iter::from_fn(|| framer.next_frame()).filter(|frame| *frame != Frame::Ping));
            }
            frames
        };
        prop_assert_eq!(frames(piece), frames(usize::MAX));
    }
}
