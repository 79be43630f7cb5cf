//! One datagram: every reading of it, a response to it, and its bytes read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use turno_sip::message::{Header, Message, Writer};

fuzz_target!(|data: &[u8]| {
    let Ok(message) = Message::parse(data.to_vec()) else { return };
    let again = Message::parse(message.bytes().to_vec()).expect("it was read before");
    assert_eq!((again.bytes(), again.check()), (message.bytes(), message.check()));
    assert!(again.all_lines().eq(message.all_lines()));

    for header in [Header::From, Header::To, Header::Contact, Header::Route, Header::ReferTo, Header::HistoryInfo] {
        for address in message.addresses(header).flatten() {
            let _ = (address.display(), address.tag(), address.q(), address.instance(), address.uri.user_decoded());
        }
    }
    for via in message.vias().flatten() {
        let _ = (via.received(), via.rport(), via.maddr(), via.cookie_branch());
    }
    let _ = (message.target(), message.known_method(), message.replaces(), message.rack(), message.session_expires());
    let _ = (message.reasons().count(), message.privacy().count(), message.content_type(), message.event());
    let _ = (message.authorization().count(), message.proxy_authenticate().count(), message.retry_after());

    let source = "192.0.2.9:1024".parse().expect("address");
    let response = Message::parse(Writer::response(&message, Some(source), 180, "t").finish()).expect("ours");
    if message.is_request() && message.check().is_ok() {
        assert_eq!(response.check(), Ok(()));
        assert_eq!((response.call_id(), response.cseq_text()), (message.call_id(), message.cseq_text()));
    }
});
