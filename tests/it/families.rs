//! IPv4 and IPv6 in one house: who calls by one is heard by who answers by the other.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use turno::demo::party::PartyEvent;

use crate::caller::{Caller, PEAK};
use crate::house::{AVERIAS, House, Plan, free_port};
use crate::tone::is_tone;

const CALLER_HZ: u32 = 700;
const PHONE_HZ: u32 = 1004;
const HERE: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

#[test]
fn a_caller_by_ipv4_and_a_phone_by_ipv6_hear_each_other() {
    let engine = SocketAddr::new(HERE, free_port());
    // The plan's own listeners, by IPv4, come after it.
    let also = format!("[[sip.listeners]]\ntransport = \"udp\"\naddress = \"{engine}\"");
    let house = House::open(&Plan { agents: &[("anna", 5)], sip: &also, queue: "ring_limit = \"10s\"", more: "" });
    let mut phone = Caller::phone_from(SocketAddr::new(HERE, 0), engine, 0, PHONE_HZ);
    phone.until("the phone is registered", |phone| {
        phone.events.iter().any(|event| matches!(event, PartyEvent::Registered))
    });
    house.log_in("anna");
    let mut carrier = Caller::at_carrier(&house, CALLER_HZ);
    let leg = carrier.call(AVERIAS);
    let mut called = None;
    phone.until("the phone is called", |phone| {
        carrier.look();
        called = phone.events.iter().find_map(|event| match event {
            PartyEvent::Called(called, _) => Some(*called),
            _ => None,
        });
        called.is_some()
    });
    let called = called.unwrap();
    phone.party.answer(called).unwrap();
    house.until_agent("anna", "talking");
    let enough = |caller: &Caller, leg| caller.party.packets(leg) > 100;
    carrier.until("both have heard two seconds", |carrier| {
        phone.look();
        enough(carrier, leg) && enough(&phone, called)
    });
    // A busy machine may tear a second of it.
    carrier.until("each hears the other whole", |carrier| {
        phone.look();
        is_tone(&carrier.party.heard(leg), f64::from(PHONE_HZ), PEAK).is_ok()
            && is_tone(&phone.party.heard(called), f64::from(CALLER_HZ), PEAK).is_ok()
    });
    carrier.hang_up(leg);
    phone.until("the phone hears of it", |phone| phone.has_ended(called));
    let record = &house.records(1)[0];
    assert_eq!((record["outcome"].as_str(), record["agent"].as_str()), (Some("answered"), Some("anna")));
    house.until_agent("anna", "ready");
    house.is_clean();
}
