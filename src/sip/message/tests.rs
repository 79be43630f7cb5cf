//! The message layer through its front door.

mod torture;

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
