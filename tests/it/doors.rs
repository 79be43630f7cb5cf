//! Doors and places over loopback: what waiting earned is not lost by overflow, by redial or by a supervisor's hand.

use std::time::Duration;

use serde_json::Value;

use crate::calls::{ms, offers, text};
use crate::house::{AVERIAS, House, Plan};
use crate::sipp::{Role, Sipp, carrier, phone, seat};

const GENERAL: &str = "+34900100105";
const MD5: &str = "digests = [\"md5\", \"sha-256\"]";

/// A house whose one agent is logged in, at his phone, and paused.
pub(crate) fn paused(plan: &Plan<'_>, calls: u32) -> (House, Sipp) {
    let house = House::open(plan);
    seat(&house, 0, "anna");
    let phone = phone(&house, 0, "agent_answers", Duration::ZERO, calls);
    house.ask(&["agent", "pause", "anna", "pausa"]);
    (house, phone)
}

/// A caller with a number of his own, who stays until he is told to hang up.
pub(crate) fn call(house: &House, number: &str, service: &str) -> Sipp {
    let last: u16 = number[number.len() - 2..].parse().unwrap();
    let role = carrier(house, "caller_till_told", service, Duration::ZERO);
    Role { port: 5100 + 4 * last, fields: &[number], ..role }.start(house)
}

/// Anna takes one caller after the other, each of whom hangs up when she has talked to him.
fn served_in_turn(house: &House, callers: [Sipp; 2]) {
    house.ask(&["agent", "ready", "anna"]);
    for caller in callers {
        house.until_agent("anna", "talking");
        caller.hang_up();
    }
}

/// Waits until so many calls wait in a queue; their numbers in order.
pub(crate) fn until_waiting(house: &House, queue: &str, count: usize) -> Vec<String> {
    house.until(&format!("{count} wait in {queue}"), || {
        let answer = house.ask(&["queue", "show", queue]);
        let rows = answer["queues"][0]["waiting"].as_array().unwrap();
        let numbers: Vec<String> = rows.iter().map(|row| text(row, "/ani").to_owned()).collect();
        (numbers.len() == count).then_some(numbers)
    })
}

/// Why a call waits, or was offered to whom it was: in words, and in parts.
pub(crate) fn explained(house: &House, call: &str) -> (String, Value) {
    let answer = house.ask(&["call", "explain", call]);
    let words = answer["explained"]["words"].as_array().unwrap().iter().map(|line| line.as_str().unwrap());
    (words.collect::<Vec<_>>().join("\n"), answer["explained"].clone())
}

/// By how much a waiting call counts as older than it is, for one reason, ms.
pub(crate) fn credit(explained: &Value, reason: &str) -> u64 {
    let credits =
        explained["waiting"]["credits"].as_array().unwrap_or_else(|| panic!("it does not wait: {explained:#}"));
    let found = credits.iter().find(|credit| credit[0] == reason);
    found.and_then(|credit| credit[1].as_u64()).unwrap_or_else(|| panic!("no {reason} in {explained:#}"))
}

/// The call that waits first in a queue.
pub(crate) fn first(house: &House, queue: &str) -> String {
    let answer = house.ask(&["queue", "show", queue]);
    text(&answer, "/queues/0/waiting/0/call").to_owned()
}

pub(crate) fn of<'a>(records: &'a [Value], number: &str) -> Vec<&'a Value> {
    let mut mine: Vec<&Value> = records.iter().filter(|record| text(record, "/from/e164").ends_with(number)).collect();
    mine.sort_by_key(|record| text(record, "/stays/0/entered").to_owned());
    mine
}

#[test]
fn who_overflows_into_another_queue_is_ahead_of_those_who_came_to_it_after_him() {
    let queue = "wait_limit = \"2s\"\non_wait = \"queue:general\"";
    let (house, anna) = paused(&Plan { agents: &[("anna", 5)], sip: MD5, queue, more: "" }, 2);
    let older = call(&house, "612345601", AVERIAS);
    until_waiting(&house, "averias", 1);
    let younger = call(&house, "612345602", GENERAL);
    assert_eq!(until_waiting(&house, "general", 2), ["612345601", "612345602"]);
    let (words, why) = explained(&house, &first(&house, "general"));
    assert!(words.starts_with("1st of 2 in its class; 1 of 1 agents who may take it logged in, 0 ready"), "{words}");
    assert!(why["waiting"]["terms"]["waited_ms"].as_u64().unwrap() >= 2000, "what it waited before counts: {why:#}");
    served_in_turn(&house, [older, younger]);
    anna.done();
    let records = house.records(2);
    let (older, younger) = (of(&records, "601")[0], of(&records, "602")[0]);
    let stays: Vec<_> = ["/stays/0", "/stays/1"].map(|at| older.pointer(at).unwrap()).into();
    assert_eq!((text(stays[0], "/queue"), text(stays[0], "/left")), ("averias", "overflowed"));
    assert!(ms(stays[0], "wait_ms") >= 2000, "{older:#}");
    assert_eq!(
        (text(stays[1], "/queue"), ms(stays[1], "position"), text(stays[1], "/left")),
        ("general", 1, "answered")
    );
    assert_eq!((offers(older), offers(younger)), ("anna accepted".to_owned(), "anna accepted".to_owned()));
    assert!(ms(&younger["stays"][0], "wait_ms") > ms(stays[1], "wait_ms"), "he came first, and was served second");
    house.is_clean();
}

#[test]
fn who_hangs_up_and_redials_finds_his_place_again_also_in_another_queue() {
    let (house, anna) = paused(&Plan { agents: &[("anna", 5)], sip: MD5, queue: "", more: "" }, 2);
    let gives_up = call(&house, "612345611", AVERIAS);
    until_waiting(&house, "averias", 1);
    let patient = call(&house, "612345612", GENERAL);
    until_waiting(&house, "general", 1);
    house.until("he has waited for a second", || {
        let (_, why) = explained(&house, &first(&house, "averias"));
        (why["waiting"]["terms"]["waited_ms"].as_u64()? >= 1000).then_some(())
    });
    gives_up.hang_up();
    let again = call(&house, "612345611", GENERAL);
    assert_eq!(until_waiting(&house, "general", 2), ["612345611", "612345612"]);
    let (words, why) = explained(&house, &first(&house, "general"));
    assert!(words.contains(" s older: redial"), "{words}");
    assert!(credit(&why, "redial") >= 1000, "as long as he waited before he hung up: {why:#}");
    served_in_turn(&house, [again, patient]);
    anna.done();
    let records = house.records(3);
    let (tries, patient) = (of(&records, "611"), of(&records, "612")[0]);
    assert_eq!(text(tries[0], "/outcome"), "abandoned");
    assert_eq!((text(tries[1], "/outcome"), ms(&tries[1]["stays"][0], "position")), ("answered", 1));
    assert!(text(patient, "/stays/0/entered") < text(tries[1], "/stays/0/entered"), "he entered before");
    assert_eq!(ms(&patient["stays"][0], "left_position"), 1, "and was served after him");
    house.is_clean();
}

#[test]
fn a_supervisor_changes_calls_that_wait_and_an_emergency_sends_them_away() {
    let queue = "on_emergency = \"queue:general\"";
    let (house, _anna) = paused(&Plan { agents: &[("anna", 5)], sip: MD5, queue, more: "" }, 1);
    let one = call(&house, "612345621", AVERIAS);
    until_waiting(&house, "averias", 1);
    let two = call(&house, "612345622", AVERIAS);
    assert_eq!(until_waiting(&house, "averias", 2), ["612345621", "612345622"]);
    let older = first(&house, "averias");
    let shown = house.ask(&["call", "show"]);
    let younger = shown["calls"].as_array().unwrap().iter().map(|row| text(row, "/call")).find(|call| *call != older);
    house.ask(&["call", "bump", younger.unwrap(), "--by-s", "60"]);
    assert_eq!(until_waiting(&house, "averias", 2), ["612345622", "612345621"]);
    house.ask(&["call", "needs", &older, "averias>=9"]);
    house.ask(&["call", "move", &older, "general"]);
    assert_eq!(until_waiting(&house, "general", 1), ["612345621"]);
    house.ask(&["emergency", "on", "averias"]);
    assert_eq!(until_waiting(&house, "general", 2), ["612345622", "612345621"]);
    let answer = house.ask(&["queue", "show", "averias"]);
    assert_eq!(answer["queues"][0]["is_emergency"], true);
    house.ask(&["emergency", "off"]);
    one.hang_up();
    two.hang_up();
    let records = house.records(2);
    let moved = of(&records, "621")[0];
    assert_eq!((text(moved, "/stays/0/left"), text(moved, "/stays/1/queue")), ("withdrawn", "general"));
    assert_eq!(text(of(&records, "622")[0], "/stays/0/left"), "overflowed");
    house.is_clean();
}
