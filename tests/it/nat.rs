//! An engine behind NAT: who is outside is told the address that the outside knows, who is inside the one that there is.

use std::net::SocketAddr;
use std::time::Duration;

use crate::house::{AVERIAS, House, Plan};
use crate::sipp::{Role, carrier, phone, seat_by};

const ONE: Plan<'static> =
    Plan { agents: &[("anna", 5)], sip: "digests = [\"md5\"]", queue: "ring_limit = \"10s\"", more: "" };
/// Nobody sends there: SIPp answers where it was called from.
const OUTSIDE: &str = "203.0.113.7";

/// Where the engine listens for both.
fn door(house: &House) -> SocketAddr {
    SocketAddr::new(house.sip().ip(), 5070)
}

/// The carrier is outside, the phone inside.
fn behind_nat(house: &House) -> String {
    let (door, inside) = (door(house), house.phone(0));
    format!(
        "[sip]\nlocal_networks = [\"{inside}/32\"]\n[[sip.listeners]]\ntransport = \"udp\"\naddress = \"{door}\"\n\
         external = \"{OUTSIDE}:5099\"\n[media]\nlocal_networks = [\"{inside}/32\"]\nexternal = \"{OUTSIDE}\"\n"
    )
}

#[test]
fn who_is_outside_is_told_the_external_address_and_who_is_inside_the_own() {
    let house = House::open_beside(&ONE, behind_nat);
    let engine = door(&house);
    seat_by(&house, 0, "anna", engine);
    let anna = phone(&house, 0, "agent_answers", Duration::ZERO, 1);
    let caller = Role { peer: engine, ..carrier(&house, "caller_till_told", AVERIAS, Duration::ZERO) }.start(&house);
    house.until_agent("anna", "talking");
    let (outside, inside) = (caller.hang_up(), anna.done_telling());
    for (who, messages, sip, rtp, other) in [
        ("the carrier", outside, format!("{OUTSIDE}:5099"), OUTSIDE.to_owned(), engine.ip().to_string()),
        ("the phone", inside, engine.to_string(), engine.ip().to_string(), OUTSIDE.to_owned()),
    ] {
        assert!(messages.contains(&format!("Contact: <sip:turno@{sip}>")), "{who}: {messages}");
        assert!(messages.contains(&format!("c=IN IP4 {rtp}\r\n")), "{who}: {messages}");
        assert!(!messages.contains(&format!("c=IN IP4 {other}\r\n")), "{who}: {messages}");
    }
    assert_eq!(house.records(1)[0]["outcome"], "answered");
    house.is_clean();
}
