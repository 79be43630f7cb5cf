//! Our reading against rsip's, on every message that rsip can read.

use rsip::headers::ToTypedHeader;
use rsip::headers::UntypedHeader;
use rsip::message::{HasHeaders, HeadersExt};
use rsip::typed::{Contact as RsipContact, From as RsipFrom, To as RsipTo};

use super::torture::MESSAGES;
use super::*;

/// Ordinary messages, as rsip likes them.
const ORDINARY: &[&str] = &[
    "REGISTER sip:turno.example SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bKa1;rport\r\nMax-Forwards: 70\r\n\
     From: \"Anna\" <sip:1004@turno.example>;tag=a\r\nTo: <sip:1004@turno.example>\r\nCall-ID: r1\r\nCSeq: 3 REGISTER\r\n\
     Contact: <sip:1004@10.0.0.1:5062>;expires=600\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n",
    "SIP/2.0 183 Session Progress\r\nVia: SIP/2.0/TCP 10.0.0.1;branch=z9hG4bKb2;received=192.0.2.1\r\n\
     From: <sip:1004@turno.example>;tag=a\r\nTo: <sip:900@turno.example>;tag=b\r\nCall-ID: c2\r\nCSeq: 1 INVITE\r\n\
     Contact: <sip:900@10.0.0.2:5060;transport=tcp>\r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n",
    "BYE sip:1004@10.0.0.1:5062 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKc3\r\nMax-Forwards: 69\r\n\
     From: <sip:900@turno.example>;tag=b\r\nTo: <sip:1004@turno.example>;tag=a\r\nCall-ID: c2\r\nCSeq: 2 BYE\r\n\
     X-Cause: 16\r\nContent-Length: 0\r\n\r\n",
];

/// What both read, in words: only what rsip's typed headers reach.
fn by_rsip(message: &rsip::SipMessage) -> Result<String, rsip::Error> {
    let start = match message {
        rsip::SipMessage::Request(request) => format!("{} {}", request.method, request.uri),
        rsip::SipMessage::Response(response) => response.status_code.code().to_string(),
    };
    let from: RsipFrom = message.from_header()?.typed()?;
    let to: RsipTo = message.to_header()?.typed()?;
    let cseq = message.cseq_header()?.typed()?;
    let via = message.via_header()?.typed()?;
    let contact: Option<RsipContact> = message.contact_header().ok().and_then(|contact| contact.typed().ok());
    Ok(format!(
        "{start}|{} {}|{} {}|{}|{} {}|{}|{}",
        from.uri,
        from.tag().map_or(String::new(), |tag| tag.to_string()),
        to.uri,
        to.tag().map_or(String::new(), |tag| tag.to_string()),
        message.call_id_header()?.value(),
        cseq.seq,
        cseq.method,
        via.branch().map_or(String::new(), |branch| branch.to_string()),
        contact.map_or(String::new(), |contact| contact.uri.to_string()),
    ))
}

fn by_us(message: &Message) -> Result<String, Rejected> {
    let start = match message.kind() {
        Kind::Request(_) => format!("{} {}", message.method_text(), message.request_uri()),
        Kind::Response(status) => status.to_string(),
    };
    let (from, to, (seq, method)) = (message.from()?, message.to()?, message.cseq_text()?);
    Ok(format!(
        "{start}|{} {}|{} {}|{}|{seq} {method}|{}|{}",
        from.uri,
        from.tag().unwrap_or(""),
        to.uri,
        to.tag().unwrap_or(""),
        message.call_id()?,
        message.top_via()?.branch().unwrap_or(""),
        message.contact()?.map_or(String::new(), |contact| contact.uri.to_string()),
    ))
}

#[test]
fn what_rsip_reads_we_read_alike() {
    let torture = MESSAGES.iter().map(|(name, bytes)| (*name, *bytes));
    let ordinary = ORDINARY.iter().map(|text| ("ordinary", text.as_bytes()));
    let mut alike = Vec::new();
    for (name, bytes) in torture.chain(ordinary) {
        let Ok(theirs) = rsip::SipMessage::try_from(bytes) else { continue };
        let Ok(theirs) = by_rsip(&theirs) else { continue };
        let ours = Message::parse(bytes.to_vec()).expect("rsip reads it");
        // What we refuse on purpose is in the torture table.
        if ours.check().is_err() {
            continue;
        }
        let ours = by_us(&ours).expect("checked");
        // It does not know the compact `m`, nor every Contact that it finds; and it writes transports large.
        let (ours, theirs) = (ours.to_ascii_lowercase(), theirs.to_ascii_lowercase());
        let same = if theirs.ends_with('|') { ours.starts_with(&theirs) } else { ours == theirs };
        assert!(same, "{name}: {ours} is {theirs} for rsip");
        alike.push(name);
    }
    expect_test::expect!["escnull lwsdisp transports mpart01 unreason noreason baddate baddn badbranch novelsc bext01 invut regaut01 bcast zeromf cparam01 cparam02 regescrt sdp01 inv2543 ordinary ordinary ordinary"].assert_eq(&alike.join(" "));
}

#[test]
fn what_goes_to_rsip_and_back_is_the_same_message() {
    let mut crossed = Vec::new();
    let torture = MESSAGES.iter().map(|(name, bytes)| (*name, *bytes));
    for (name, bytes) in torture.chain(ORDINARY.iter().map(|text| ("ordinary", text.as_bytes()))) {
        let Ok(message) = Message::parse(bytes.to_vec()) else { continue };
        let Ok(theirs) = rsip::SipMessage::try_from(&message) else { continue };
        assert_eq!(theirs.body(), message.body(), "{name}");
        let Ok(again) = Message::try_from(theirs) else { continue };
        assert_eq!((again.kind(), again.body()), (message.kind(), message.body()), "{name}");
        assert_eq!(again.check().is_ok(), message.check().is_ok(), "{name}");
        if message.check().is_ok() {
            assert_eq!(by_us(&again), by_us(&message), "{name}");
        }
        crossed.push(name);
    }
    expect_test::expect!["wsinv esc01 escnull lwsdisp longreq dblreq transports mpart01 unreason noreason badinv01 scalar02 scalarlg quotbal ltgtruri baddate regbadct badaspec baddn mismatch01 badbranch insuf novelsc unksm2 bext01 invut regaut01 multi01 bcast zeromf cparam01 cparam02 regescrt sdp01 inv2543 mult-ip-in-header ipv4-mapped-ipv6 ordinary ordinary ordinary"].assert_eq(&crossed.join(" "));
}

#[test]
fn a_header_from_rsip_cannot_bring_a_second_line() {
    let mut theirs = rsip::SipMessage::try_from(ORDINARY[2]).expect("ordinary");
    theirs.headers_mut().push(rsip::Header::Other("X-Note".into(), "a\r\nRoute: <sip:elsewhere>".into()));
    assert_eq!(Message::try_from(theirs), Err(Rejected::Malformed { field: Field::HeaderLine, at: 0 }));
}
