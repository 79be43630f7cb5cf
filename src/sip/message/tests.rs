//! The message layer through its front door.

mod differential;
mod properties;
pub(crate) mod torture;

use std::net::SocketAddr;

use super::*;

const INVITE: &str = "INVITE sip:900@turno.example;user=phone SIP/2.0\r\n\
    v: SIP/2.0/UDP pbx.example:5062;rport;branch=z9hG4bK1\r\n\
    Via: SIP/2.0/TCP 10.0.0.9;branch=z9hG4bK0, SIP/2.0/UDP [2001:db8::1]:5070;branch=x;received=2001:db8::2\r\n\
    Max-Forwards: 70\r\n\
    f: \"Ana \\\"la jefa\\\" Gil\" <sip:+34600@pbx.example>;tag=f1\r\n\
    To: <sip:900@turno.example>\r\n\
    i: abc@10.0.0.9\r\n\
    CSeq: 7 INVITE\r\n\
    Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\n\
    m: <sip:ana@10.0.0.9:5062;transport=tcp>;q=0.5;\r\n\
    \t+sip.instance=\"<urn:uuid:1>\";reg-id=2\r\n\
    X-Thing: a, b\r\n\
    Authorization: Digest username=\"a,\\\"b\", realm=\"r\", nc=0000000a,\r\n \
    qop=auth, other=\"x=y\"\r\n\
    Content-Length: 4\r\n\r\nbodysurplus";

fn read(text: &str) -> Message {
    Message::parse(text.as_bytes().to_vec()).expect("a message")
}

#[test]
fn an_invite_gives_its_parts() {
    let message = read(INVITE);
    assert_eq!(message.check(), Ok(()));
    assert_eq!(message.kind(), Kind::Request(Method::Invite));
    assert_eq!(message.target().expect("uri").param("user"), Some("phone"));
    assert_eq!(message.body(), b"body");
    assert_eq!(message.cseq(), Ok((7, Method::Invite)));
    let from = message.from().expect("from");
    assert_eq!(
        (from.display().as_ref(), from.uri.user, from.tag()),
        ("Ana \"la jefa\" Gil", Some("+34600"), Some("f1"))
    );
    let vias: Vec<_> = message.vias().map(|via| via.expect("via")).collect();
    assert_eq!(vias.len(), 3);
    assert_eq!((vias[0].port, vias[0].rport(), vias[0].cookie_branch()), (Some(5062), Some(None), Some("z9hG4bK1")));
    assert_eq!(vias[2].received().map(|ip| ip.to_string()), Some("2001:db8::2".to_owned()));
    let contact = message.contact().expect("readable").expect("there");
    assert_eq!((contact.q(), contact.instance(), contact.reg_id()), (500, Some("urn:uuid:1"), Some(2)));
    let digest = message.authorization().next().expect("there").expect("readable");
    assert_eq!((digest.username(), digest.nonce_count(), digest.get("other")), (Some("a,\"b"), Some(10), Some("x=y")));
    assert_eq!(message.lines_named("x-thing").collect::<Vec<_>>(), ["a, b"]);
}

#[test]
fn a_response_tells_the_sender_where_it_was_seen() {
    let source: SocketAddr = "192.0.2.7:40000".parse().expect("address");
    let mut writer = Writer::response(&read(INVITE), Some(source), 180, "t1");
    writer.header(Header::Contact, "<sip:us>").header(Header::Subject, "a\r\nX: y");
    assert_eq!(writer.refused(), Some(Refused::Value(Header::Subject)));
    let bytes = writer.finish();
    expect_test::expect![[r#"
        SIP/2.0 180 Ringing
        Via: SIP/2.0/UDP pbx.example:5062;rport=40000;branch=z9hG4bK1;received=192.0.2.7
        Via: SIP/2.0/TCP 10.0.0.9;branch=z9hG4bK0, SIP/2.0/UDP [2001:db8::1]:5070;branch=x;received=2001:db8::2
        From: "Ana \"la jefa\" Gil" <sip:+34600@pbx.example>;tag=f1
        To: <sip:900@turno.example>;tag=t1
        Call-ID: abc@10.0.0.9
        CSeq: 7 INVITE
        Record-Route: <sip:p1;lr>, <sip:p2;lr>
        Contact: <sip:us>
        Content-Length: 0

    "#]]
    .assert_eq(&String::from_utf8(bytes).expect("text").replace("\r\n", "\n"));
}

#[test]
fn a_message_survives_the_snapshot() {
    let message = read(INVITE);
    let bytes = postcard::to_stdvec(&message).expect("serialises");
    let again: Message = postcard::from_bytes(&bytes).expect("deserialises");
    assert_eq!((again.check(), &again), (Ok(()), &message));
}

#[test]
fn uris_compare_by_the_rules_of_the_rfc() {
    for (a, b, same) in [
        // The examples of RFC 3261 §19.1.4.
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on", true),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
            true,
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
            true,
        ),
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false),
        ("sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::1]", true),
        ("sip:a@b", "sips:a@b", false),
        ("sip:a:secret@b", "sip:a@b", false),
        ("tel:+34600", "TEL:+34600", true),
    ] {
        let (a, b) = (Uri::parse(a).expect(a), Uri::parse(b).expect(b));
        assert_eq!((a.is_same(&b), b.is_same(&a)), (same, same), "{a} {b}");
    }
    let many = format!("sip:a@b{}", ";p=1".repeat(COMPARED_MAX + 1));
    let (many, one) = (Uri::parse(&many).expect("uri"), Uri::parse("sip:a@b").expect("uri"));
    assert!(many.is_same(&many) && !many.is_same(&one));
}

#[test]
fn uris_are_read_by_table() {
    let read = |text: &str| {
        let uri = Uri::parse(text)?;
        let host = uri.host.map_or(String::new(), |host| host.to_string());
        Some(format!("{:?} {} {host} {}", uri.scheme, uri.user_decoded(), uri.port_or_default()))
    };
    for (text, parts) in [
        ("sip:204@pbx", Some("Sip 204 pbx 5060")),
        ("sips:204:pw@[::1]:7000;a=b", Some("Sips 204 [::1] 7000")),
        ("sips:host", Some("Sips  host 5061")),
        ("sip:*45@10.0.0.1", Some("Sip *45 10.0.0.1 5060")),
        ("sip:#45@10.0.0.1", Some("Sip #45 10.0.0.1 5060")),
        ("tel:+34-600;phone-context=x", Some("Tel +34-600  5060")),
        ("urn:service:sos", Some("Other service:sos  5060")),
        ("sip:%41%c3@h", Some("Sip %41%c3 h 5060")), // not UTF-8: left alone
        ("sip:a%4@h", None),
        ("sip:@h", None),
        ("sip:", None),
        ("sip:h:0", None),
        ("sip:h:65536", None),
        ("sip:h:", None),
        ("sip:a b@h", None),
        ("sip:h/x", None),
        ("1x:y", None),
        ("nothing", None),
        ("", None),
    ] {
        assert_eq!(read(text).as_deref(), parts, "{text}");
    }
}

#[test]
fn addresses_are_read_by_table() {
    let read = |text: &str| {
        let address = NameAddr::parse(text)?;
        Some(format!("{}|{}|{}", address.display(), address.uri, address.params.as_str()))
    };
    for (text, parts) in [
        ("sip:a@b;tag=1", Some("|sip:a@b|tag=1")),
        ("<sip:a@b;p>;tag=1", Some("|sip:a@b;p|tag=1")),
        ("Anna Gil<sip:a@b>", Some("Anna Gil|sip:a@b|")),
        ("\"a <b> \\\"c\\\\\" <sip:a@b> ; tag = 1", Some("a <b> \"c\\|sip:a@b| tag = 1")),
        ("Gil, Anna (2) <sip:a@b>", Some("Gil, Anna (2)|sip:a@b|")),
        ("Señora <sip:a@b>", Some("Señora|sip:a@b|")),
        ("sip:a@b;x=\"<;,\";tag=2", Some("|sip:a@b|x=\"<;,\";tag=2")),
        ("<tel:+34600>", Some("|tel:+34600|")),
        ("\"open <sip:a@b>", None),
        ("<sip:a@b", None),
        ("< sip:a@b >", None),
        ("sip:x <sip:a@b>", None),
        ("sip:a@b?h=1", None),
        ("<sip:a@b>;;", None),
        ("<sip:a@b>;tag=1;", None),
        ("<sip:a@b>tag=1", None),
        ("<sip:a@b>;tag=\"1", None),
        ("", None),
    ] {
        assert_eq!(read(text).as_deref(), parts, "{text}");
    }
}

#[test]
fn smaller_values_are_read_by_table() {
    let with = |lines: &str| read(&format!("INVITE sip:a@b SIP/2.0\r\n{lines}\r\n\r\n"));
    let message = with(
        "x: 1800;refresher=UAS\r\nMin-SE: 90;x=y\r\nRSeq: 7\r\nRAck: 7  1 INVITE\r\nReplaces: c@h;to-tag=t;from-tag=f;early-only\r\n\
         Reason: Q.850;cause=16;text=\"a, b\", SIP;cause=480\r\nPrivacy: id;header, none\r\nRetry-After: 30 (busy);duration=9\r\n\
         c: multipart/MIXED;boundary=\"x;y\"\r\no: Dialog;id=1\r\nk: 100rel, , timer\r\nRequire: replaces\r\nAllow: INVITE,ACK\r\n\
         Allow: BYE\r\nDiversion: <sip:1@x>;reason=unconditional,<sip:2@x>\r\nSubscription-State: active;expires=60",
    );
    assert_eq!(message.session_expires(), Ok(Some(SessionExpires { seconds: 1800, refresher: Some(Refresher::Uas) })));
    assert_eq!((message.min_se(), message.rseq(), message.retry_after()), (Ok(Some(90)), Ok(Some(7)), Some(30)));
    assert_eq!(message.rack(), Ok(Some(RAck { rseq: 7, cseq: 1, method: Method::Invite })));
    let replaces = Replaces { call_id: "c@h", to_tag: "t", from_tag: "f", early_only: true };
    assert_eq!(message.replaces(), Ok(Some(replaces)));
    let reasons: Vec<_> = message.reasons().map(|reason| (reason.protocol, reason.cause, reason.text)).collect();
    assert_eq!(reasons, [("Q.850", Some(16), Some("a, b")), ("SIP", Some(480), None)]);
    assert_eq!(message.privacy().collect::<Vec<_>>(), ["id", "header", "none"]);
    let kind = message.content_type().expect("readable").expect("there");
    assert!(kind.is("multipart", "mixed") && kind.params.get("boundary") == Some("x;y"));
    assert!(message.supports("Timer") && message.supports("replaces") && !message.supports("path"));
    assert!(message.allows(Method::Bye) && !message.allows(Method::Refer) && with("X: y").allows(Method::Refer));
    assert_eq!(message.event().map(|event| event.map(|event| event.token)), Ok(Some("Dialog")));
    assert_eq!(message.diversion().flatten().filter_map(|address| address.uri.user).collect::<Vec<_>>(), ["1", "2"]);
    for (lines, rejected) in [
        ("RSeq: x", "malformed RSeq at byte 30"),
        ("RSeq: 4294967296", "malformed RSeq at byte 30"),
        ("RSeq: 1\r\nRSeq: 2", "more than one RSeq"),
        ("RSeq:", "malformed RSeq at byte 29"),
    ] {
        assert_eq!(with(lines).rseq().map_err(|rejected| rejected.to_string()), Err(rejected.to_owned()), "{lines}");
    }
}

#[test]
fn digests_are_read_by_table() {
    let read = |text: &str| {
        let digest = DigestParams::parse(text)?;
        Some(digest.iter().map(|(name, value)| format!("{name}:{value}")).collect::<Vec<_>>().join(" "))
    };
    let many = format!("Digest {}", (0..=DIGEST_PARAMS_MAX).map(|n| format!("p{n}=1,")).collect::<String>());
    for (text, params) in [
        ("Digest realm=\"a\\\"b\",nonce=\"n\"", Some("realm:a\"b nonce:n")),
        ("DIGEST  nc=00000001 , qop = auth ,,x=\"a,b=c\",", Some("nc:00000001 qop:auth x:a,b=c")),
        ("Basic YWJj", Some("")),
        ("Digest", None),
        ("Digest realm", None),
        ("Digest realm=", None),
        ("Digest realm=\"a\" x", None),
        ("Digest realm=\"a", None),
        ("Digest realm=\"a\", Realm=\"b\"", None),
        (many.as_str(), None),
        ("", None),
    ] {
        assert_eq!(read(text).as_deref(), params, "{text}");
    }
    let digest = DigestParams::parse("Digest nc=0000000A, qop=\"auth-int, auth\", stale=TRUE").expect("digest");
    assert_eq!((digest.nonce_count(), digest.offers_qop("auth"), digest.is_stale()), (Some(10), true, true));
    assert_eq!(DigestParams::parse("Digest nc=a").expect("digest").nonce_count(), None);
}

#[test]
fn past_its_bounds_a_message_is_refused() {
    let lines = |n: usize| format!("OPTIONS sip:a SIP/2.0\r\n{}\r\n", "X: y\r\n".repeat(n));
    assert_eq!(read(&lines(256)).defect(), None);
    let too_many = Rejected::TooLarge { limit: Limit::HeaderLines, got: 257 };
    assert_eq!((read(&lines(257)).defect(), too_many.status()), (Some(too_many), 400));
    let large = format!("OPTIONS sip:a SIP/2.0\r\n\r\n{}", "x".repeat(65_535));
    let too_large = Message::parse(large.into_bytes()).expect_err("too large");
    assert_eq!((too_large, too_large.status()), (Rejected::TooLarge { limit: Limit::MessageBytes, got: 65_560 }, 513));
}

#[test]
fn what_would_break_a_line_is_put_right_or_refused() {
    let message =
        Message::parse(b"OPTIONS sip:a SIP/2.0\r\nSubject: a\rb\xe9c\xc3\xb1\r\n\tmore\r\n \r\nTo: x\r\n\r\n".to_vec());
    let message = message.expect("a message");
    assert_eq!(message.header(Header::Subject), Some("a?b?c\u{f1}  \tmore"));
    assert_eq!(message.header(Header::To), Some("x"));
    for (name, value, refused) in [
        ("X-Note", "fine", None),
        ("X-Note", "a\nb", Some(Refused::Value(Header::Unknown))),
        ("X-Note", "a\0b", Some(Refused::Value(Header::Unknown))),
        ("X Note", "fine", Some(Refused::Name)),
        ("", "fine", Some(Refused::Name)),
    ] {
        let mut writer = Writer::request(Method::Options, "sip:a");
        writer.header_named(name, value);
        assert_eq!(writer.refused(), refused, "{name}: {value}");
        assert_eq!(
            Message::parse(writer.finish()).expect("a message").all_lines().count(),
            if refused.is_some() { 1 } else { 2 }
        );
    }
    let mut writer = Writer::request(Method::Options, "sip:a");
    writer.header_fmt(Header::Subject, format_args!("{}\r\n", 1)).address(Header::To, "a", "sip:a>;tag=1", "");
    assert_eq!(writer.refused(), Some(Refused::Value(Header::Subject)));
    assert_eq!(Message::parse(writer.finish()).expect("a message").all_lines().count(), 1);
    assert!(Writer::request(Method::Options, "sip:a SIP/2.0\r\nX: y").refused().is_some());
}

#[test]
fn responses_go_where_the_request_came_from() {
    let source: SocketAddr = "192.0.2.7:40000".parse().expect("address");
    for (via, reply, written) in [
        ("192.0.2.7:5062;branch=b", "192.0.2.7:5062", "192.0.2.7:5062;branch=b"),
        ("192.0.2.7;branch=b", "192.0.2.7:5060", "192.0.2.7;branch=b"),
        ("10.0.0.1:5062;branch=b", "192.0.2.7:5062", "10.0.0.1:5062;branch=b;received=192.0.2.7"),
        ("pbx:5062;RPORT;branch=b", "192.0.2.7:40000", "pbx:5062;rport=40000;branch=b;received=192.0.2.7"),
        // Nobody aims our responses at others.
        (
            "192.0.2.7;received=203.0.113.1;rport=9;maddr=203.0.113.1",
            "192.0.2.7:40000",
            "192.0.2.7;rport=40000;maddr=203.0.113.1;received=192.0.2.7",
        ),
    ] {
        let request = read(&format!("OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP {via}\r\n\r\n"));
        assert_eq!(request.top_via().expect("via").reply_to(source).to_string(), reply, "{via}");
        let response = Message::parse(Writer::response(&request, Some(source), 200, "").finish()).expect("a message");
        assert_eq!(response.header(Header::Via), Some(format!("SIP/2.0/UDP {written}").as_str()), "{via}");
    }
}
