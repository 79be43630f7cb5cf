//! Who gets whom, over loopback, and why: each choice of the ACD with the explanation that an operator is given for it.

use std::io::Read;
use std::net::TcpListener;
use std::time::Duration;

use serde_json::Value;
use turno_base::Wall;

use crate::calls::{ms, offers, text};
use crate::doors::{call, explained, first, of, until_waiting};
use crate::house::{AVERIAS, House, Plan};
use crate::sipp::{phone, seat};

const INSTANT: Duration = Duration::ZERO;
const MD5: &str = "digests = [\"md5\", \"sha-256\"]";

/// A platinum customer; two whom boris looks after; one who may be kept waiting.
const PEOPLE: &str = "P-1,Paz Prieto,612345690,platinum,10,\nO-1,Olga Ochoa,612345691,standard,1,boris\n\
                      O-2,Oscar Oliva,612345692,standard,1,boris\nB-1,Bea Blanco,612345693,basic,0.5,\n";
const SEGMENTS: &str =
    "[segments.platinum]\nvalue = 10\nwait_target = \"20s\"\n[segments.basic]\nvalue = 0.5\nwait_target = \"16s\"\n";

/// A house that knows [`PEOPLE`], with its agents logged in, in the order of the plan: the first is the longest idle.
pub(crate) fn staffed(agents: &[(&str, u8)], queue: &str, more: &str, customers: &str) -> House {
    let more = format!("{SEGMENTS}{more}");
    let house = House::open_to(&Plan { agents, sip: MD5, queue, more: &more }, PEOPLE, customers);
    for (at, (agent, _)) in agents.iter().enumerate() {
        seat(&house, at, agent);
    }
    house
}

/// The explanation of the offer of the call that an agent has.
fn why_talking(house: &House, agent: &str) -> (String, Value) {
    house.until_agent(agent, "talking");
    let answer = house.ask(&["agent", "show", agent]);
    let (words, explained) = explained(house, text(&answer, "/agents/0/call"));
    assert_eq!(text(&explained, "/offer/agent"), agent, "{explained:#}");
    (words, explained["offer"]["why"].clone())
}

/// Instants of a record.
fn at_us(value: &Value, path: &str) -> i64 {
    let at: jiff::Timestamp = text(value, path).parse().unwrap();
    at.as_microsecond()
}

#[test]
fn platinum_passes_ahead_of_those_who_came_before() {
    let house = staffed(&[("anna", 5)], "", "", "");
    house.ask(&["agent", "pause", "anna", "pausa"]);
    let anna = phone(&house, 0, "agent_answers", INSTANT, 3);
    let one = call(&house, "612345611", AVERIAS);
    until_waiting(&house, "averias", 1);
    let two = call(&house, "612345612", AVERIAS);
    until_waiting(&house, "averias", 2);
    let paz = call(&house, "612345690", AVERIAS);
    assert_eq!(until_waiting(&house, "averias", 3), ["612345690", "612345611", "612345612"]);
    let queue = house.ask(&["queue", "show", "averias"]);
    let (words, why) = explained(&house, text(&queue, "/queues/0/waiting/1/call"));
    assert!(words.contains("; 1 platinum ahead"), "{words}");
    assert_eq!(why["waiting"]["position"], 2);

    house.ask(&["agent", "ready", "anna"]);
    let (words, why) = why_talking(&house, "anna");
    let next = &why["runner_up"]["Item"]["terms"];
    assert!(why["item"]["score"].as_i64() > next["score"].as_i64(), "{why:#}");
    assert!(why["item"]["weight_micro"].as_i64() > next["weight_micro"].as_i64(), "by the customer's value: {why:#}");
    assert!(why["item"]["waited_ms"].as_i64() < next["waited_ms"].as_i64(), "not by age: {why:#}");
    assert!(words.contains("was offered to anna: score ") && words.contains("; next "), "{words}");
    for caller in [paz, one, two] {
        house.until_agent("anna", "talking");
        caller.hang_up();
    }
    anna.done();
    let mut records = house.records(3);
    records.sort_by_key(|record| text(record, "/offers/0/at").to_owned());
    let served: Vec<&str> = records.iter().map(|record| text(record, "/from/e164")).collect();
    assert_eq!(served, ["+34612345690", "+34612345611", "+34612345612"]);
    assert_eq!((ms(&records[0]["stays"][0], "position"), text(&records[0], "/customer")), (1, "P-1"));
    house.is_clean();
}

#[test]
fn the_second_ring_begins_when_the_first_has_nobody_free() {
    let rings = "[[queues.averias.rings]]\nlevel = 5\nfor = \"8s\"\nskip_if_none_logged_in = true";
    let house = staffed(&[("anna", 5), ("boris", 3)], rings, "", "");
    house.ask(&["agent", "pause", "anna", "pausa"]);
    let boris = phone(&house, 1, "agent_answers", INSTANT, 1);
    let caller = call(&house, "612345611", AVERIAS);
    until_waiting(&house, "averias", 1);
    let (words, why) = explained(&house, &first(&house, "averias"));
    assert!(words.contains("; 1 of 1 agents who may take it logged in, 0 ready; widens in "), "{words}");
    assert_eq!(why["waiting"]["able"]["ready"], 1, "boris could, and the ring asks for others: {why:#}");
    let idle = house.ask(&["agent", "explain", "boris"]);
    assert!(text(&idle, "/explained/words/0").contains("its ring asks for others at first"), "{idle:#}");

    let (_, why) = why_talking(&house, "boris");
    assert_eq!(why["trigger"], "Deadline", "the ring's time was up: {why:#}");
    caller.hang_up();
    boris.done();
    let record = &house.records(1)[0];
    assert_eq!(offers(record), "boris accepted");
    assert!(at_us(record, "/offers/0/at") - at_us(record, "/stays/0/entered") >= 8_000_000, "{record:#}");

    // With nobody of the first ring logged in it is passed at once.
    house.ask(&["agent", "logout", "anna"]);
    let boris = phone(&house, 1, "agent_answers", INSTANT, 1);
    let caller = call(&house, "612345612", AVERIAS);
    let (_, why) = why_talking(&house, "boris");
    assert_eq!(why["trigger"], "Item", "{why:#}");
    caller.hang_up();
    boris.done();
    house.is_clean();
}

#[test]
fn who_is_busy_in_the_first_ring_does_not_keep_the_second_from_it() {
    let rings = "[[queues.averias.rings]]\nlevel = 5\nfor = \"2s\"";
    let house = staffed(&[("anna", 5), ("boris", 3)], rings, "", "");
    let anna = phone(&house, 0, "agent_busy", INSTANT, 1);
    let boris = phone(&house, 1, "agent_answers", INSTANT, 1);
    let caller = call(&house, "612345611", AVERIAS);
    let (_, why) = why_talking(&house, "boris");
    assert_eq!(why["trigger"], "Deadline", "{why:#}");
    caller.hang_up();
    anna.done();
    boris.done();
    let record = &house.records(1)[0];
    assert_eq!(offers(record), "anna busy, boris accepted");
    assert!(at_us(record, "/offers/1/at") - at_us(record, "/stays/0/entered") >= 2_000_000, "{record:#}");
    house.is_clean();
}

#[test]
fn his_own_agent_comes_first_and_then_the_others() {
    let house = staffed(&[("anna", 5), ("boris", 5)], "", "[acd.rule]\nowner_waits = \"8s\"\n", "");
    let anna = phone(&house, 0, "agent_answers", INSTANT, 1);
    let boris = phone(&house, 1, "agent_answers", INSTANT, 1);
    let olga = call(&house, "612345691", AVERIAS);
    let (words, why) = why_talking(&house, "boris");
    assert!(why["agent"]["bonus_ms"].as_i64() > Some(0), "anna has been idle for longer: {why:#}");
    assert!(words.contains(" + own 600"), "{words}");

    let oscar = call(&house, "612345692", AVERIAS);
    until_waiting(&house, "averias", 1);
    let (words, _) = explained(&house, &first(&house, "averias"));
    assert!(words.contains("; waits for boris for "), "{words}");
    let idle = house.ask(&["agent", "explain", "anna"]);
    assert!(text(&idle, "/explained/words/0").contains("waits for boris, its customer's own agent"), "{idle:#}");
    let (_, why) = why_talking(&house, "anna");
    assert_eq!((why["agent"]["bonus_ms"].as_i64(), text(&why, "/trigger")), (Some(0), "Deadline"));
    olga.hang_up();
    oscar.hang_up();
    anna.done();
    boris.done();
    let records = house.records(2);
    let (olga, oscar) = (of(&records, "691")[0], of(&records, "692")[0]);
    assert_eq!((offers(olga), offers(oscar)), ("boris accepted".to_owned(), "anna accepted".to_owned()));
    assert!(at_us(oscar, "/offers/0/at") - at_us(oscar, "/stays/0/entered") >= 8_000_000, "{oscar:#}");
    house.is_clean();
}

#[test]
fn a_reserve_holds_until_half_the_target_or_the_highest_value() {
    let house = staffed(&[("anna", 5)], "", "[skills.averias]\nreserve = 1\n", "");
    let anna = phone(&house, 0, "agent_answers", INSTANT, 2);
    let bea = call(&house, "612345693", AVERIAS);
    until_waiting(&house, "averias", 1);
    let (words, why) = explained(&house, &first(&house, "averias"));
    assert!(words.contains("; anna is kept from it: kept in reserve for averias"), "{words}");
    assert_eq!(why["waiting"]["able"]["ready"], 1, "she is ready, and waits: {why:#}");
    let idle = house.ask(&["agent", "explain", "anna"]);
    assert!(text(&idle, "/explained/words/0").contains("; kept in reserve for averias"), "{idle:#}");
    let (_, why) = why_talking(&house, "anna");
    assert_eq!(why["trigger"], "Deadline", "{why:#}");
    bea.hang_up();
    house.until_agent("anna", "ready");

    let paz = call(&house, "612345690", AVERIAS);
    let (_, why) = why_talking(&house, "anna");
    assert_eq!(why["trigger"], "Item", "for the highest value it is open at once: {why:#}");
    paz.hang_up();
    anna.done();
    let records = house.records(2);
    let bea = of(&records, "693")[0];
    assert!(at_us(bea, "/offers/0/at") - at_us(bea, "/stays/0/entered") >= 8_000_000, "half of 16 s: {bea:#}");
    house.is_clean();
}

#[test]
fn all_phones_ring_and_those_who_were_slower_miss_nothing() {
    let house =
        staffed(&[("anna", 5), ("boris", 5), ("carla", 5)], "strategy = \"ring_all\"\nring_limit = \"1m\"", "", "");
    let anna = phone(&house, 0, "agent_never_answers", INSTANT, 1);
    let mut boris = phone(&house, 1, "agent_answers_told", INSTANT, 1);
    let carla = phone(&house, 2, "agent_never_answers", INSTANT, 1);
    let caller = call(&house, "612345611", AVERIAS);
    for agent in ["anna", "boris", "carla"] {
        house.until_agent(agent, "ringing");
    }
    let queue = house.ask(&["queue", "show", "averias"]);
    let rung = queue["queues"][0]["waiting"][0]["offered_to"].as_array().map(Vec::len);
    assert_eq!(rung, Some(3), "{queue:#}");
    boris.cue(0);
    let (words, why) = why_talking(&house, "boris");
    assert!(words.contains("; agent by ring_all, rank 0"), "{words}");
    assert_eq!(why["strategy"], "ring_all", "{why:#}");
    for slower in [&anna, &carla] {
        house.until("the slower are told", || {
            let messages = slower.messages();
            let cancel = messages.split("CANCEL sip:").nth(1)?;
            cancel.contains("Reason: SIP;cause=200;text=\"Call completed elsewhere\"").then_some(())
        });
    }
    caller.hang_up();
    for peer in [anna, carla, boris] {
        peer.done();
    }
    let record = &house.records(1)[0];
    let mut ends: Vec<String> = offers(record).split(", ").map(str::to_owned).collect();
    ends.sort();
    assert_eq!(ends, ["anna lost_race", "boris accepted", "carla lost_race"]);
    for agent in ["anna", "boris", "carla"] {
        house.until_agent(agent, "ready");
    }
    house.is_clean();
}

/// A CRM that takes the question and says nothing. How many asked.
fn hung_crm() -> (u16, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (asked, asks) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for mut stream in listener.incoming().flatten() {
            let mut bytes = [0; 4096];
            let read = stream.read(&mut bytes).unwrap_or(0);
            if asked.send(String::from_utf8_lossy(&bytes[..read]).into_owned()).is_err() {
                return;
            }
            kept.push(stream);
        }
    });
    (port, asks)
}

/// INVITE, card, offer: in this order, and the card does not wait for a CRM that hangs; the offer does, as long as was set.
#[test]
fn the_card_is_there_before_the_offer_and_a_hung_crm_delays_neither_beyond_its_deadline() {
    let (port, asks) = hung_crm();
    let crm =
        format!("[customers.crm]\nurl = \"http://127.0.0.1:{port}/who\"\ndeadline = \"350ms\"\nallow_local = true");
    let house = staffed(&[("anna", 5)], "", "", &crm);
    let anna = phone(&house, 0, "agent_answers", INSTANT, 1);
    let paz = call(&house, "612345690", AVERIAS);
    house.until_agent("anna", "talking");
    let answer = house.ask(&["agent", "show", "anna"]);
    let page = house.get(&format!("/api/v1/calls/{}/card", text(&answer, "/agents/0/call"))).unwrap();
    let card: Value = serde_json::from_str(&page[page.find("\r\n\r\n").unwrap()..]).unwrap();
    paz.hang_up();
    anna.done();
    assert!(asks.try_recv().is_ok_and(|asked| asked.contains("+34612345690")), "the CRM was asked");
    assert_eq!((text(&card, "/card/name"), &card["card"]["crm"]), ("Paz Prieto", &Value::Null), "{card:#}");
    let record = &house.records(1)[0];
    assert_eq!((text(record, "/segment"), offers(record).as_str()), ("platinum", "anna accepted"));
    let shown = card["card"]["at_us"].as_i64().unwrap();
    let (arrived, offered) = (at_us(record, "/arrived"), at_us(record, "/offers/0/at"));
    // Had the card waited as well, it would have come with the offer and not before it.
    assert!(arrived <= shown && shown < offered, "{} {shown} {record:#}", Wall(arrived));
    assert!(offered - arrived >= 350_000, "by the store's word when the deadline had passed: {record:#}");
    house.is_clean();
}
