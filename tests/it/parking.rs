//! Parking over loopback: an agent puts a caller aside, a colleague takes him, and the record tells it.

use std::time::Duration;

use crate::caller::Caller;
use crate::calls::{is_sound, kinds, ms, offers, text};
use crate::doors::{call, explained, first, until_waiting};
use crate::house::{AVERIAS, House, Plan};
use crate::sipp::{phone, phone_to, seat};

const TWO: Plan<'static> = Plan {
    agents: &[("anna", 5), ("boris", 5)],
    sip: "digests = [\"md5\", \"sha-256\"]",
    queue: "",
    more: "[calls]\npark_limit = \"2s\"\n",
};

#[test]
fn parked_by_refer_and_taken_by_a_colleagues_phone() {
    let house = House::open(&Plan { more: "", ..TWO });
    seat(&house, 0, "anna");
    let mut anna = phone_to(&house, 0, "agent_blind_transfer", Duration::ZERO, 1, "*68");
    let mut caller = call(&house, "612345631", AVERIAS);
    caller.until_up();
    anna.cue(1);
    house.until("he is parked", || (house.ask(&["call", "show"])["calls"][0]["stage"] == "parked").then_some(()));
    house.until_agent("anna", "ready");
    let calls = house.ask(&["call", "show"]);
    let row = &calls["calls"][0];
    assert_eq!((text(row, "/stage"), &row["slot"]), ("parked", &1.into()), "{row:#}");
    let (words, _) = explained(&house, text(row, "/call"));
    assert!(words.starts_with("parked in slot 1 for ") && words.contains("; back to averias in 1"), "{words}");

    // Boris is at his phone and takes him.
    let mut boris = Caller::phone(&house, 1, 440);
    boris.until("boris is registered", |_| house.is_registered("1002"));
    house.ask(&["agent", "login", "boris"]);
    let leg = boris.call("*69");
    house.until_agent("boris", "talking");
    caller.hang_up();
    boris.until("the caller hangs up", |boris| boris.has_ended(leg));
    anna.done();
    let records = house.records(2);
    let customers = records.iter().find(|record| record["trunk"] == "pstn").unwrap();
    is_sound(customers);
    assert_eq!((text(customers, "/outcome"), text(customers, "/agent")), ("answered", "boris"));
    assert_eq!(offers(customers), "anna accepted", "nobody else was rung for him");
    assert!(kinds(&customers["legs"][0]).ends_with("talk parked talk"), "{}", kinds(&customers["legs"][0]));
    assert!(ms(customers, "hold_ms") > 0, "being parked is being held: {customers:#}");
    house.until_agent("boris", "ready");
    house.is_clean();
}

#[test]
fn parked_by_command_he_goes_back_to_the_agent_who_parked_him_and_a_supervisor_takes_who_waits() {
    let house = House::open(&TWO);
    seat(&house, 0, "anna");
    seat(&house, 1, "boris");
    let mut anna = phone(&house, 0, "agent_answers", Duration::ZERO, 2);
    let caller = call(&house, "612345632", AVERIAS);
    house.until_agent("anna", "talking");
    let calls = house.ask(&["call", "show"]);
    house.ask(&["call", "park", text(&calls, "/calls/0/call"), "--slot", "7"]);
    // The two seconds of `park_limit`, then she is asked before boris, who has been idle for longer.
    anna.until_acked(2);
    house.until_agent("anna", "talking");
    caller.hang_up();
    anna.done();
    let record = &house.records(1)[0];
    assert_eq!(offers(record), "anna accepted, anna accepted");
    let legs = kinds(&record["legs"][0]);
    assert!(legs.contains("talk parked queue talk"), "{legs}");

    for agent in ["anna", "boris"] {
        house.until_agent(agent, "ready");
        house.ask(&["agent", "pause", agent, "pausa"]);
    }
    let boris = phone(&house, 1, "agent_answers", Duration::ZERO, 1);
    let caller = call(&house, "612345633", AVERIAS);
    until_waiting(&house, "averias", 1);
    house.ask(&["call", "pull", &first(&house, "averias"), "boris"]);
    house.until_agent("boris", "talking");
    caller.hang_up();
    boris.done();
    house.until_agent("boris", "paused pausa");
    let records = house.records(2);
    let pulled = records.iter().find(|record| text(record, "/from/e164").ends_with("633")).unwrap();
    assert_eq!((text(pulled, "/agent"), text(pulled, "/stays/0/left")), ("boris", "withdrawn"));
    house.is_clean();
}
