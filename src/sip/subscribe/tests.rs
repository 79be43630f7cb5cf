//! SUBSCRIBE in, answers and NOTIFYs out.

use turno_base::{Mono, Now};

use super::*;
use crate::flow::{ListenerId, Transport};

const PHONE: &str = "192.0.2.7:5060";

fn udp() -> Flow {
    Flow { transport: Transport::Udp, listener: ListenerId(0), peer: PHONE.parse().unwrap(), connection: 0 }
}

fn subscribe(to_tag: &str, headers: &str) -> Message {
    let to_tag = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
    let text = format!(
        "SUBSCRIBE sip:anna@turno.example SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1\n\
         From: <sip:anna@turno.example>;tag=f\nTo: <sip:anna&co@turno.example>{to_tag}\nCall-ID: s1\n{headers}\n\n"
    );
    Message::parse(text.replace('\n', "\r\n").into_bytes()).unwrap()
}

const MWI: &str = "CSeq: 1 SUBSCRIBE\nContact: <sip:anna@192.0.2.7:5060>\nEvent: message-summary\nExpires: 600";

struct Desk {
    notifier: Notifier,
    rules: SipRules,
}

impl Desk {
    fn new() -> Desk {
        Desk { notifier: Notifier::new(1), rules: SipRules::default() }
    }

    fn subscribe(&mut self, message: &Message, flow: Flow, ms: u64) -> (Result<Accepted, Refusal>, Vec<Notify>) {
        let mut out = Vec::new();
        let result = self.notifier.subscribe(message, flow, &self.rules, Now::from_ms(ms), &mut out);
        (result, out)
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
}

fn written(notify: &Notify) -> String {
    text(notify_request(notify, "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKn", "sip:10.0.0.1:5060"))
}

#[test]
fn a_phone_is_told_that_no_messages_wait() {
    let mut desk = Desk::new();
    let message =
        subscribe("", &format!("Record-Route: <sip:p1;lr>, <sip:p2;lr>\n{}", MWI.replace("summary", "summary;id=7")));
    let (result, out) = desk.subscribe(&message, udp(), 0);
    let answer = subscribe_response(&result, &message, PHONE.parse().unwrap(), "sip:10.0.0.1:5060", "unused");
    expect_test::expect![[r#"
        SIP/2.0 200 OK
        Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1
        From: <sip:anna@turno.example>;tag=f
        To: <sip:anna&co@turno.example>;tag=bgzeseu7ptccj
        Call-ID: s1
        CSeq: 1 SUBSCRIBE
        Record-Route: <sip:p1;lr>, <sip:p2;lr>
        Expires: 600
        Contact: <sip:10.0.0.1:5060>
        Content-Length: 0

    "#]]
    .assert_eq(&text(answer));
    expect_test::expect![[r#"
        NOTIFY sip:anna@192.0.2.7:5060 SIP/2.0
        Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKn
        Max-Forwards: 70
        Route: <sip:p1;lr>
        Route: <sip:p2;lr>
        From: <sip:anna&co@turno.example>;tag=bgzeseu7ptccj
        To: <sip:anna@turno.example>;tag=f
        Call-ID: s1
        CSeq: 1 NOTIFY
        Contact: <sip:10.0.0.1:5060>
        Event: message-summary;id=7
        Subscription-State: active;expires=600
        Content-Type: application/simple-message-summary
        Content-Length: 92

        Messages-Waiting: no
        Message-Account: sip:anna&co@turno.example
        Voice-Message: 0/0 (0/0)
    "#]]
    .assert_eq(&written(&out[0]));
    assert_eq!(out.len(), 1);
}

#[test]
fn a_lamp_is_told_that_nobody_talks() {
    let mut desk = Desk::new();
    let (_, out) = desk.subscribe(&subscribe("", &MWI.replace("message-summary", "dialog")), udp(), 0);
    expect_test::expect![[r#"
        NOTIFY sip:anna@192.0.2.7:5060 SIP/2.0
        Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKn
        Max-Forwards: 70
        From: <sip:anna&co@turno.example>;tag=bgzeseu7ptccj
        To: <sip:anna@turno.example>;tag=f
        Call-ID: s1
        CSeq: 1 NOTIFY
        Contact: <sip:10.0.0.1:5060>
        Event: dialog
        Subscription-State: active;expires=600
        Content-Type: application/dialog-info+xml
        Content-Length: 176

        <?xml version="1.0" encoding="UTF-8"?>
        <dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" entity="sip:anna&amp;co@turno.example"></dialog-info>
    "#]].assert_eq(&written(&out[0]));
}

#[test]
fn a_subscription_is_refreshed_ended_and_runs_out() {
    let mut desk = Desk::new();
    let (result, _) = desk.subscribe(&subscribe("", MWI), udp(), 0);
    let tag = result.unwrap().tag;
    assert_eq!(desk.notifier.deadline(), Some(Mono::from_ms(600_000)));
    let (again, out) = desk.subscribe(&subscribe(&tag, &MWI.replace("CSeq: 1", "CSeq: 2")), udp(), 300_000);
    assert_eq!(again, Ok(Accepted { tag: tag.clone(), expires_s: 600 }));
    assert!(written(&out[0]).contains("CSeq: 2 NOTIFY\n"));
    assert_eq!(desk.notifier.deadline(), Some(Mono::from_ms(900_000)));
    let end = MWI.replace("CSeq: 1", "CSeq: 3").replace("Expires: 600", "Expires: 0");
    let (ended, out) = desk.subscribe(&subscribe(&tag, &end), udp(), 400_000);
    assert_eq!(ended, Ok(Accepted { tag: tag.clone(), expires_s: 0 }));
    assert!(written(&out[0]).contains("Subscription-State: terminated;reason=timeout\n"));
    assert_eq!((desk.notifier.len(), desk.notifier.deadline()), (0, None));

    let (_, _) = desk.subscribe(&subscribe("", MWI), udp(), 0);
    let mut out = Vec::new();
    desk.notifier.on_deadline(Now::from_ms(599_999), &mut out);
    assert!(out.is_empty());
    desk.notifier.on_deadline(Now::from_ms(600_000), &mut out);
    assert_eq!(out.iter().map(|notify| notify.state).collect::<Vec<_>>(), [SubscriptionState::Terminated]);
    assert!(desk.notifier.is_empty());
}

#[test]
fn a_fetch_is_told_once_and_leaves_nothing() {
    let mut desk = Desk::new();
    let (result, out) = desk.subscribe(&subscribe("", &MWI.replace("600", "0")), udp(), 0);
    assert_eq!(result.unwrap().expires_s, 0);
    assert_eq!(out.iter().map(|notify| notify.state).collect::<Vec<_>>(), [SubscriptionState::Terminated]);
    assert!(desk.notifier.is_empty());
}

#[test]
fn what_is_not_served_is_refused_with_what_would_be() {
    let mut desk = Desk::new();
    let (result, _) = desk.subscribe(&subscribe("", MWI), udp(), 0);
    let tag = result.unwrap().tag;
    let before = desk.notifier.clone();
    let long = "x".repeat(3000);
    let source = PHONE.parse().unwrap();
    for (what, to_tag, headers, status, says) in [
        ("presence", "", MWI.replace("message-summary", "presence"), 489, "Allow-Events: message-summary, dialog\n"),
        ("no event", "", MWI.replace("Event: message-summary\n", ""), 489, "Allow-Events"),
        ("too brief", "", MWI.replace("600", "10"), 423, "Min-Expires: 60\n"),
        ("another dialog", "nope", MWI.replace("CSeq: 1", "CSeq: 2"), 481, ""),
        ("another package", &tag, MWI.replace("CSeq: 1", "CSeq: 2").replace("message-summary", "dialog"), 481, ""),
        ("overtaken", &tag, MWI.to_owned(), 500, ""),
        ("no contact", "", MWI.replace("Contact: <sip:anna@192.0.2.7:5060>\n", ""), 400, ""),
        ("too large", "", MWI.replace("anna@192", &format!("{long}@192")), 413, ""),
    ] {
        let message = subscribe(to_tag, &headers);
        let (result, out) = desk.subscribe(&message, udp(), 1);
        assert_eq!(result.as_ref().map_err(|refusal| refusal.status()).err(), Some(status), "{what}");
        assert!(out.is_empty(), "{what}");
        assert!(text(subscribe_response(&result, &message, source, "sip:us", "t")).contains(says), "{what}");
    }
    assert_eq!(desk.notifier.len(), before.len());
    assert_eq!(desk.notifier.deadline(), before.deadline());
}

#[test]
fn a_source_that_floods_is_told_to_wait() {
    let mut desk = Desk::new();
    let mut admits = |source: &str, ms| desk.notifier.admits(source.parse().unwrap(), &desk.rules, Now::from_ms(ms));
    let taken = (0..600).filter(|n| admits("192.0.2.7", n * 100).is_ok()).count();
    assert!((55..=60).contains(&taken), "{taken}");
    assert_eq!((admits("192.0.2.7", 60_000), admits("192.0.2.7", 60_001)), (Ok(()), Err(Refusal::TooOften)));
    assert_eq!(admits("192.0.2.8", 60_000), Ok(()));
    let message = subscribe("", MWI);
    let refusal = subscribe_response(&Err(Refusal::TooOften), &message, PHONE.parse().unwrap(), "sip:us", "t");
    assert!(text(refusal).contains("503 Service Unavailable\n"));
}

#[test]
fn subscriptions_are_bounded_and_end_with_their_peer() {
    let mut desk = Desk::new();
    let message = subscribe("", MWI);
    for _ in 0..SUBSCRIPTIONS_MAX {
        assert!(desk.subscribe(&message, udp(), 0).0.is_ok());
    }
    assert_eq!(desk.subscribe(&message, udp(), 0).0, Err(Refusal::TooMany));
    for (n, (status, left)) in [(200, 0), (503, 0), (481, 1), (408, 1), (603, 1)].into_iter().enumerate() {
        let before = desk.notifier.len();
        desk.notifier.on_notify_answered(SubscriptionId(n as u64 + 1), status);
        assert_eq!(before - desk.notifier.len(), left, "{status}");
    }
    let mut turns = 0;
    while desk.notifier.deadline().is_some() {
        let mut out = Vec::new();
        desk.notifier.on_deadline(Now::from_ms(600_000), &mut out);
        assert!(out.len() <= PER_TURN_MAX);
        turns += 1;
    }
    assert!(turns >= SUBSCRIPTIONS_MAX / PER_TURN_MAX);
    let tcp = Flow { transport: Transport::Tcp, connection: 4, ..udp() };
    desk.subscribe(&message, tcp, 0).0.unwrap();
    desk.subscribe(&message, udp(), 0).0.unwrap();
    let bytes = postcard::to_stdvec(&desk.notifier).unwrap();
    desk.notifier = postcard::from_bytes(&bytes).unwrap();
    desk.notifier.on_flow_closed(tcp);
    assert_eq!(desk.notifier.len(), 1);
}
