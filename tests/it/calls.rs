//! Calls over loopback: callers and agents are SIPp, the engine is the real program.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;
use turno::demo::party::PartyEvent;
use turno_base::Cause;

use crate::caller::Caller;
use crate::doors::{call, until_waiting};
use crate::house::{AVERIAS, House, Plan, account};
use crate::sipp::{Role, Sipp, caller, carrier, credentials, phone, phone_to, seat, taker};

const SECOND: Duration = Duration::from_secs(1);
const INSTANT: Duration = Duration::ZERO;

/// What SIPp can answer.
const MD5: &str = "digests = [\"md5\", \"sha-256\"]";
/// Who is to answer has the time for it, and who leaves soon has left soon, on any machine.
const PATIENT: &str = "ring_limit = \"1m\"\nshort_abandon = \"1m\"";
pub(crate) const ONE: Plan<'static> = Plan { agents: &[("anna", 5)], sip: MD5, queue: PATIENT, more: "" };
const TWO: Plan<'static> = Plan { agents: &[("anna", 5), ("boris", 5)], sip: MD5, queue: PATIENT, more: "" };
/// Where the first never answers.
const HASTY: Plan<'static> = Plan { queue: "ring_limit = \"4s\"", ..TWO };

/// A house with its agents registered and logged in, in the order of the plan: the first is the longest idle.
pub(crate) fn staffed(plan: &Plan<'_>) -> House {
    let house = House::open(plan);
    for (at, (agent, _)) in plan.agents.iter().enumerate() {
        seat(&house, at, agent);
    }
    house
}

pub(crate) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("no {path} in {value:#}"))
}

pub(crate) fn ms(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_else(|| panic!("no {key} in {value:#}"))
}

/// Offers as `anna accepted, boris declined`.
pub(crate) fn offers(record: &Value) -> String {
    let one = |offer: &Value| format!("{} {}", text(offer, "/agent"), text(offer, "/end"));
    let offers: Vec<String> = record["offers"].as_array().unwrap().iter().map(one).collect();
    offers.join(", ")
}

/// Kinds of the segments of a leg, in order.
pub(crate) fn kinds(leg: &Value) -> String {
    let kinds: Vec<&str> = leg["segments"].as_array().unwrap().iter().map(|s| text(s, "/kind")).collect();
    kinds.join(" ")
}

/// How a call went: `answered by caller: peer`, who ended it after the outcome, then why.
pub(crate) fn how(record: &Value) -> String {
    let cause = text(record, "/cause/reason");
    format!("{} by {}: {cause}", text(record, "/outcome"), text(record, "/ended_by"))
}

/// What happened on the legs of agents, in the order in which they were rung: `1001: ring | 1002: ring talk`.
pub(crate) fn rung(record: &Value) -> String {
    let legs = record["legs"].as_array().unwrap().iter().skip(1);
    let one = |leg: &Value| format!("{}: {}", text(leg, "/station"), kinds(leg));
    legs.map(one).collect::<Vec<_>>().join(" | ")
}

/// What every record must hold: segments of each leg join without gap, totals add up, and a leg that pays is priced.
pub(crate) fn is_sound(record: &Value) {
    for leg in record["legs"].as_array().unwrap() {
        let sum: u64 = leg["segments"].as_array().unwrap().iter().map(|s| ms(s, "ms")).sum();
        assert_eq!(sum, ms(leg, "total_ms"), "segments leave a gap: {leg:#}");
    }
    let caller = &record["legs"][0];
    assert_eq!(text(caller, "/party"), "caller", "{record:#}");
    assert_eq!(text(caller, "/trunk"), "pstn");
}

/// The price for us of an answered call from a mobile to our freephone number: 0.162 a minute, by the second, half up.
fn price(record: &Value) -> String {
    let talk_ms = ms(&record["legs"][0], "talk_ms");
    let seconds = talk_ms.div_ceil(1000);
    let ten_thousandths = (seconds * 1620 + 30) / 60;
    format!("{}.{:04}", ten_thousandths / 10_000, ten_thousandths % 10_000)
}

fn company_cost(record: &Value) -> String {
    let costs = record["costs"].as_array().unwrap();
    let company = costs.iter().find(|cost| cost["payer"] == "company").unwrap_or_else(|| panic!("{record:#}"));
    text(company, "/net").to_owned()
}

/// A caller who stays until he is told to hang up.
pub(crate) fn stays(house: &House) -> Sipp {
    caller(house, "caller_till_told", AVERIAS, INSTANT)
}

#[test]
fn callers_of_a_trunk_are_queued_and_answered() {
    let house = staffed(&TWO);
    let anna = phone(&house, 0, "agent_answers", INSTANT, 3);
    let boris = phone(&house, 1, "agent_answers", INSTANT, 3);
    let mut callers = VecDeque::new();
    for n in 1..=6_usize {
        callers.push_back(call(&house, &format!("61234567{n}"), AVERIAS));
        // Two talk, the others wait.
        until_waiting(&house, "averias", n.saturating_sub(2));
        ["anna", "boris"].iter().take(n).for_each(|agent| house.until_agent(agent, "talking"));
    }
    while let Some(first) = callers.pop_front() {
        first.hang_up();
        until_waiting(&house, "averias", callers.len().saturating_sub(2));
        if callers.len() >= 2 {
            ["anna", "boris"].iter().for_each(|agent| house.until_agent(agent, "talking"));
        }
    }
    anna.done();
    boris.done();
    let mut records = house.records(6);
    records.sort_by_key(|record| text(record, "/arrived").to_owned());
    for (record, n) in records.iter().zip(1..) {
        is_sound(record);
        assert_eq!(how(record), "answered by caller: peer");
        assert_eq!(text(record, "/queue"), "averias");
        assert_eq!(text(record, "/from/e164"), format!("+3461234567{n}"));
        assert_eq!(text(record, "/to/e164"), "+34900100101");
        assert_eq!(company_cost(record), price(record));
        assert_eq!(record["legs"].as_array().unwrap().len(), 2, "{record:#}");
        assert!(kinds(&record["legs"][0]).ends_with("talk"), "{record:#}");
        assert_eq!(kinds(&record["legs"][1]), "ring talk");
    }
    let by_anna = records.iter().filter(|record| record["agent"] == "anna").count();
    assert_eq!(by_anna, 3, "longest idle shares the work");
    house.until_agent("anna", "ready");
    house.until_agent("boris", "ready");
    assert_eq!(house.metric("turno_queue_entered_total{queue=\"averias\"}"), 6.0);
    assert_eq!(house.metric("turno_calls_ended_total{outcome=\"answered\"}"), 6.0);
    house.is_clean();
}

#[test]
fn an_agent_may_hang_up_first() {
    let house = staffed(&ONE);
    let anna = phone(&house, 0, "agent_till_told", INSTANT, 1);
    let mut caller = caller(&house, "caller_waits", AVERIAS, INSTANT);
    caller.until_up();
    anna.hang_up();
    caller.done();
    let record = &house.records(1)[0];
    is_sound(record);
    assert_eq!(how(record), "answered by agent: normal");
    assert_eq!(rung(record), "1001: ring talk");
    house.until_agent("anna", "ready");
    house.is_clean();
}

#[test]
fn a_caller_who_leaves_the_queue_is_an_abandon() {
    let house = House::open(&ONE);
    stays(&house).hang_up();
    let record = &house.records(1)[0];
    is_sound(record);
    assert_eq!(how(record), "abandoned by caller: peer");
    assert_eq!((offers(record).as_str(), rung(record).as_str()), ("", ""));
    assert!(kinds(&record["legs"][0]).ends_with("queue"), "{record:#}");
    assert_eq!(text(record, "/stays/0/left"), "short_abandoned");
    assert_eq!(company_cost(record), price(record));
    house.is_clean();
}

#[test]
fn a_caller_who_leaves_while_it_rings_is_withdrawn_from_the_phone() {
    let house = staffed(&ONE);
    let anna = phone(&house, 0, "agent_never_answers", INSTANT, 1);
    let caller = stays(&house);
    house.until_agent("anna", "ringing");
    caller.hang_up();
    anna.done();
    let record = &house.records(1)[0];
    is_sound(record);
    assert_eq!(how(record), "abandoned by caller: peer");
    assert_eq!((offers(record).as_str(), rung(record).as_str()), ("anna caller_left", "1001: ring"));
    house.until_agent("anna", "ready");
    house.is_clean();
}

/// A call that boris takes and whose caller then hangs up.
fn taken_by_boris(house: &House) {
    let caller = stays(house);
    house.until_agent("boris", "talking");
    caller.hang_up();
}

#[test]
fn whom_one_agent_rejects_the_next_one_takes() {
    let house = staffed(&TWO);
    let anna = phone(&house, 0, "agent_declines", INSTANT, 1);
    let boris = phone(&house, 1, "agent_answers", INSTANT, 1);
    taken_by_boris(&house);
    anna.done();
    boris.done();
    let record = &house.records(1)[0];
    is_sound(record);
    assert_eq!(offers(record), "anna declined, boris accepted");
    assert_eq!((how(record).as_str(), text(record, "/agent")), ("answered by caller: peer", "boris"));
    assert_eq!(rung(record), "1001: ring | 1002: ring talk");
    assert_eq!(record["stays"].as_array().unwrap().len(), 1, "the place is kept: {record:#}");
    house.is_clean();
}

/// Where a phone is forwarded to is not ours to pay for.
#[test]
fn who_is_redirected_calls_nobody() {
    let house = staffed(&TWO);
    let anna = phone(&house, 0, "agent_redirects", INSTANT, 1);
    let boris = phone(&house, 1, "agent_answers", INSTANT, 1);
    taken_by_boris(&house);
    anna.done();
    boris.done();
    let record = &house.records(1)[0];
    is_sound(record);
    assert_eq!(
        (how(record).as_str(), offers(record).as_str()),
        ("answered by caller: peer", "anna declined, boris accepted")
    );
    assert_eq!(rung(record), "1001: ring | 1002: ring talk");
    house.is_clean();
}

#[test]
fn a_busy_phone_is_passed_over() {
    let house = staffed(&TWO);
    let anna = phone(&house, 0, "agent_busy", INSTANT, 1);
    let boris = phone(&house, 1, "agent_answers", INSTANT, 1);
    taken_by_boris(&house);
    anna.done();
    boris.done();
    let record = &house.records(1)[0];
    is_sound(record);
    assert_eq!(offers(record), "anna busy, boris accepted");
    assert_eq!((how(record).as_str(), text(record, "/agent")), ("answered by caller: peer", "boris"));
    assert_eq!(rung(record), "1001: ring | 1002: ring talk");
    assert_eq!(record["stays"].as_array().unwrap().len(), 1, "the place is kept: {record:#}");
    house.is_clean();
}

#[test]
fn who_never_answers_is_passed_over_and_in_the_end_paused() {
    let house = staffed(&HASTY);
    let anna = phone(&house, 0, "agent_never_answers", INSTANT, 2);
    let boris = phone(&house, 1, "agent_answers", INSTANT, 2);
    taken_by_boris(&house);
    house.until_agent("anna", "ready");
    house.until_agent("boris", "ready");
    taken_by_boris(&house);
    anna.done();
    boris.done();
    let records = house.records(2);
    records.iter().for_each(is_sound);
    for record in &records {
        assert_eq!(offers(record), "anna ring_no_answer, boris accepted");
        assert_eq!(how(record), "answered by caller: peer");
        assert_eq!(rung(record), "1001: ring | 1002: ring talk");
    }
    house.until_agent("anna", "paused no-answer");
    house.until_agent("boris", "ready");
    house.is_clean();
}

#[test]
fn an_answer_at_the_moment_of_the_hang_up_comes_too_late_and_is_ended() {
    let house = staffed(&ONE);
    let anna = phone(&house, 0, "agent_answers_cancelled", INSTANT, 1);
    let caller = stays(&house);
    house.until_agent("anna", "ringing");
    caller.hang_up();
    anna.done();
    let record = &house.records(1)[0];
    is_sound(record);
    assert_eq!((how(record).as_str(), offers(record).as_str()), ("abandoned by caller: peer", "anna caller_left"));
    assert_eq!(rung(record), "1001: ring");
    house.until_agent("anna", "ready");
    house.is_clean();
}

/// The caller's BYE and the agent's 200 are sent in the same instant, in either order: exactly one of them counts.
#[test]
fn a_hang_up_and_an_answer_in_the_same_instant_are_one_or_the_other() {
    let house = House::open(&ONE);
    let mut anna = Caller::phone(&house, 0, 440);
    anna.until("anna is registered", |anna| anna.events.iter().any(|e| matches!(e, PartyEvent::Registered)));
    house.log_in("anna");
    let mut carrier = Caller::at_carrier(&house, 440);
    for turn in 0..6 {
        let leg = carrier.call(AVERIAS);
        anna.until("anna is called", |anna| anna.events.iter().any(|e| matches!(e, PartyEvent::Called(..))));
        let called = anna.events.drain(..).find_map(|event| match event {
            PartyEvent::Called(called, _) => Some(called),
            _ => None,
        });
        let called = called.unwrap();
        anna.party.ring(called);
        house.until_agent("anna", "ringing");
        if turn % 2 == 0 {
            anna.party.answer(called).unwrap();
        }
        carrier.party.end(leg, Cause::NORMAL);
        if turn % 2 == 1 {
            anna.party.answer(called).unwrap();
        }
        carrier.until("the caller is gone", |carrier| {
            anna.look();
            carrier.has_ended(leg) && anna.has_ended(called)
        });
        house.until("anna is ready", || {
            carrier.look();
            anna.look();
            (house.agent("anna") == "ready").then_some(())
        });
    }
    for record in &house.records(6) {
        is_sound(record);
        let ends = (text(record, "/outcome"), text(record, "/offers/0/end"), text(record, "/stays/0/left"));
        let known = [("answered", "accepted", "answered"), ("abandoned", "caller_left", "short_abandoned")];
        assert!(known.contains(&ends), "{ends:?}");
    }
    house.is_clean();
}

#[test]
fn a_200_that_crosses_the_cancel_is_acknowledged_and_ended() {
    let house = staffed(&HASTY);
    let anna = phone(&house, 0, "agent_answers_cancelled", INSTANT, 1);
    let boris = phone(&house, 1, "agent_answers", INSTANT, 1);
    taken_by_boris(&house);
    anna.done();
    boris.done();
    let record = &house.records(1)[0];
    is_sound(record);
    assert_eq!(offers(record), "anna ring_no_answer, boris accepted");
    assert_eq!((how(record).as_str(), text(record, "/agent")), ("answered by caller: peer", "boris"));
    assert_eq!(rung(record), "1001: ring | 1002: ring talk");
    assert_eq!(house.metric("turno_sip_events_total{event=\"lost_race\"}"), 1.0);
    house.is_clean();
}

#[test]
fn a_caller_may_hold_and_come_back() {
    let house = staffed(&ONE);
    let anna = phone(&house, 0, "agent_answers", INSTANT, 1);
    let caller = caller(&house, "caller_hold", AVERIAS, INSTANT);
    house.until_agent("anna", "talking");
    caller.hang_up();
    anna.done();
    let record = &house.records(1)[0];
    is_sound(record);
    assert_eq!((how(record).as_str(), rung(record).as_str()), ("answered by caller: peer", "1001: ring talk"));
    house.is_clean();
}

#[test]
fn a_caller_may_ask_for_our_offer() {
    let house = staffed(&ONE);
    let anna = phone(&house, 0, "agent_answers", INSTANT, 1);
    let caller = caller(&house, "caller_late_offer", AVERIAS, INSTANT);
    house.until_agent("anna", "talking");
    caller.hang_up();
    anna.done();
    let record = &house.records(1)[0];
    is_sound(record);
    assert_eq!((how(record).as_str(), rung(record).as_str()), ("answered by caller: peer", "1001: ring talk"));
    house.is_clean();
}

#[test]
fn an_agent_may_hold_the_caller() {
    let house = staffed(&ONE);
    let mut anna = phone(&house, 0, "agent_hold", INSTANT, 1);
    let mut caller = stays(&house);
    caller.until_up();
    house.until_agent("anna", "talking");
    anna.cue(1);
    house.until_agent("anna", "holding");
    anna.cue(2);
    house.until_agent("anna", "talking");
    caller.hang_up();
    anna.done();
    let record = &house.records(1)[0];
    is_sound(record);
    assert_eq!(how(record), "answered by caller: peer");
    assert!(kinds(&record["legs"][0]).ends_with("talk hold talk"), "{record:#}");
    assert_eq!(kinds(&record["legs"][1]), "ring talk hold talk");
    let held = record["legs"][0]["segments"].as_array().unwrap().iter().find(|part| part["kind"] == "hold");
    assert_eq!(Some(ms(record, "hold_ms")), held.map(|part| ms(part, "ms")), "{record:#}");
    house.is_clean();
}

#[test]
fn an_agent_sends_the_caller_to_another_queue() {
    let house = staffed(&TWO);
    let mut anna = phone_to(&house, 0, "agent_blind_transfer", INSTANT, 1, "601");
    let boris = phone(&house, 1, "agent_answers", INSTANT, 1);
    let mut caller = stays(&house);
    caller.until_up();
    anna.cue(1);
    house.until_agent("boris", "talking");
    caller.hang_up();
    anna.done();
    boris.done();
    let record = &house.records(1)[0];
    is_sound(record);
    assert_eq!((text(record, "/stays/0/queue"), text(record, "/stays/1/queue")), ("averias", "general"));
    assert_eq!(offers(record), "anna accepted, boris accepted");
    assert_eq!(how(record), "answered by caller: peer");
    assert_eq!(rung(record), "1001: ring talk | 1002: ring talk");
    assert!(kinds(&record["legs"][0]).ends_with("talk queue talk"), "{}", kinds(&record["legs"][0]));
    house.is_clean();
}

/// Value of a header in the first message that begins with `begins`; none: it is not written yet.
fn header(messages: &str, begins: &str, name: &str) -> Option<String> {
    let message = &messages[messages.find(begins)?..];
    let (head, _) = message.split_once("\r\n\r\n").or_else(|| message.split_once("\n\n"))?;
    let line = head.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().to_owned())
}

/// Where an agent's second call is referred to, so that it joins the first one, which `phone` has taken. The dialog is named as the
/// engine does: to-tag is the engine's own (RFC 3891 §3).
pub(crate) fn joining(house: &House, phone: &Sipp) -> String {
    let tag = |value: &str| value.split_once(";tag=").unwrap().1.to_owned();
    let (call_id, from, to) = house.until("SIPp has written its 200", || {
        let messages = phone.messages();
        let of_200 = |name| header(&messages, "SIP/2.0 200", name);
        Some((header(&messages, "INVITE sip:", "Call-ID:")?, of_200("From:")?, of_200("To:")?))
    });
    let (ours, theirs) = (tag(&from), tag(&to));
    format!("sip:600@{}?Replaces={call_id}%3Bto-tag%3D{ours}%3Bfrom-tag%3D{theirs}", house.sip())
}

/// The agent holds the customer, asks a colleague in a second call, and joins the two by REFER with Replaces.
#[test]
fn an_agent_joins_the_caller_with_a_colleague() {
    let house = staffed(&TWO);
    let mut anna = phone(&house, 0, "agent_holds_on", INSTANT, 1);
    let boris = phone(&house, 1, "agent_answers", INSTANT, 1);
    let mut caller = stays(&house);
    caller.until_up();
    anna.cue(1);
    house.until_agent("anna", "holding");
    let user = account(0);
    let fields = format!("{user};{};{}", credentials(&user), joining(&house, &anna));
    // SIPp computes its digest over the URI of this argument.
    let asked = format!("1002@{}", house.sip());
    let role = Role {
        local: house.phone(0),
        port: 5062,
        fields: &[&fields],
        more: &["-mp", "7000", "-auth_uri", &asked],
        ..carrier(&house, "agent_consults", "1002", INSTANT)
    };
    let mut consults = role.start(&house);
    house.until_agent("anna", "consulting");
    // After that of the challenge and that of the answer.
    consults.cue(2);
    consults.done();
    anna.done();
    house.until_agent("anna", "ready");
    house.until_agent("boris", "talking");
    caller.hang_up();
    boris.done();
    let records = house.records(2);
    let customers = records.iter().find(|record| record["trunk"] == "pstn").unwrap();
    is_sound(customers);
    assert_eq!((how(customers).as_str(), text(customers, "/agent")), ("answered by caller: peer", "boris"));
    let joined = kinds(&customers["legs"][0]);
    assert!(joined.ends_with("talk hold talk") || joined.ends_with("talk hold consult talk"), "{joined}");
    house.until_agent("boris", "ready");
    house.is_clean();
}

#[test]
fn a_session_interval_that_is_too_small_is_refused_with_ours() {
    let house = staffed(&ONE);
    let anna = phone(&house, 0, "agent_answers", INSTANT, 1);
    let mut caller = caller(&house, "caller_timer_small", AVERIAS, INSTANT);
    house.until_agent("anna", "talking");
    // After that of the refusal and that of the answer.
    caller.cue(2);
    caller.done();
    anna.done();
    let record = &house.records(1)[0];
    is_sound(record);
    assert_eq!((how(record).as_str(), rung(record).as_str()), ("answered by caller: peer", "1001: ring talk"));
    house.is_clean();
}

/// The shortest interval that there is (RFC 4028 §4): a minute is waited out, as by a caller whose network is gone.
#[test]
fn a_caller_who_does_not_refresh_his_session_is_hung_up_on() {
    // Nobody speaks here, and that must not be what ends it.
    let house = House::open_beside(&ONE, |_| "[media]\nsilence_limit = \"10m\"\n".to_owned());
    seat(&house, 0, "anna");
    let anna = Role { waits: SECOND * 90, ..taker(&house, 0, "agent_answers") }.start(&house);
    let caller = Role { waits: SECOND * 90, ..carrier(&house, "caller_timer_expires", AVERIAS, INSTANT) };
    caller.start(&house).done();
    anna.done();
    let record = &house.records(1)[0];
    is_sound(record);
    assert_eq!((how(record).as_str(), rung(record).as_str()), ("answered by us: session-expired", "1001: ring talk"));
    // A third before the interval ends (RFC 4028 §10).
    let lasted = ms(record, "total_ms");
    assert!((60_000..90_000).contains(&lasted), "{record:#}");
    house.until_agent("anna", "ready");
    house.is_clean();
}

/// A phone that tells of its keys by INFO; the caller's side only knows of keys in its stream.
#[test]
fn keys_that_an_agent_presses_by_info_are_heard_by_the_caller() {
    let house = staffed(&ONE);
    let mut anna = phone(&house, 0, "agent_info", INSTANT, 1);
    let mut carrier = Caller::at_carrier(&house, 440);
    let leg = carrier.call(AVERIAS);
    anna.cue(1);
    carrier.until("both keys are heard", |carrier| carrier.party.keys(leg) == "7#");
    carrier.hang_up(leg);
    anna.done();
    let record = &house.records(1)[0];
    is_sound(record);
    assert_eq!((how(record).as_str(), rung(record).as_str()), ("answered by caller: peer", "1001: ring talk"));
    house.is_clean();
}

#[test]
fn the_log_in_json_names_a_call_as_its_record_does_and_shows_no_number_whole() {
    let house = House::open_beside(&ONE, |_| "[log]\nlevel = \"info\"\nformat = \"json\"\n".to_owned());
    stays(&house).hang_up();
    let record = &house.records(1)[0];
    house.is_clean();
    let log = house.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let of_call: Vec<&str> =
        lines.iter().filter(|line| line["call"] == record["call"]).map(|line| text(line, "/message")).collect();
    assert!(of_call.starts_with(&["call arrived", "call waits"]) && of_call.ends_with(&["call ended"]), "{of_call:?}");
    assert!(!log.contains("612345678"), "{log}");
}
