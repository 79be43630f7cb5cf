//! Addresses and Via values.
#![no_main]

use libfuzzer_sys::fuzz_target;
use turno_sip::message::{Contact, Header, Message, NameAddr, Replaces, Via, Writer};

fuzz_target!(|data: &str| {
    let _ = (Contact::parse(data), Replaces::parse(data));
    if let Some(via) = Via::parse(data) {
        let _ = (via.branch(), via.received(), via.rport(), via.maddr(), via.params.iter().count());
    }
    let Some(address) = NameAddr::parse(data) else { return };
    let _ = (address.q(), address.expires(), address.instance(), address.reg_id(), address.params.iter().count());
    let (display, tag) = (address.display(), address.tag().unwrap_or(""));
    let mut writer = Writer::request("OPTIONS", "sip:a");
    writer.address(Header::From, &display, address.uri.text, tag);
    if writer.refused().is_some() {
        return;
    }
    let message = Message::parse(writer.finish()).expect("ours");
    let again = message.from().expect("an address of ours");
    assert_eq!((again.display().trim(), again.uri.text), (display.trim(), address.uri.text));
});
