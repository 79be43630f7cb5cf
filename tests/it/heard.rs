//! What is heard around the answer, over loopback: phones that answer by themselves, what agents hear first, and callers who
//! are answered when their agent is.

use std::time::Duration;

use serde_json::Value;

use crate::calls::{offers, text};
use crate::chosen::staffed;
use crate::doors::call;
use crate::house::AVERIAS;
use crate::sipp::phone;

const SECOND: Duration = Duration::from_secs(1);
const INSTANT: Duration = Duration::ZERO;

/// Instants of a record.
fn at_ms(value: &Value, path: &str) -> i64 {
    let at: jiff::Timestamp = text(value, path).parse().unwrap();
    at.as_millisecond()
}

#[test]
fn a_phone_that_is_told_to_answers_by_itself_and_its_agent_hears_who_comes_before_the_caller() {
    let queue = "auto_answer = true\nwhisper = [\"whisper\"]";
    let house = staffed(&[("anna", 5)], queue, "[calls]\nauto_answer_tone = \"taken\"\n", "");
    let anna = phone(&house, 0, "agent_by_itself", INSTANT, 1);
    let caller = call(&house, "612345611", AVERIAS);
    house.until_agent("anna", "talking");
    let shown = house.ask(&["call", "show"]);
    house.until("they hear each other", || {
        // The journal is a moment behind the call.
        let story = house.try_ask(&["call", "trace", text(&shown, "/calls/0/call")]).ok()?;
        story.to_string().contains("is in talk anna").then_some(())
    });
    caller.hang_up();
    anna.done();
    let record = &house.records(1)[0];
    assert_eq!(offers(record), "anna accepted");
    let answered = at_ms(record, "/legs/1/answered");
    let segments = record["legs"][1]["segments"].as_array().expect("its segments").clone();
    let talk = segments.iter().find(|segment| text(segment, "/kind") == "talk").expect("they talked");
    // Two prompts of more than a second each.
    assert!(at_ms(talk, "/at") - answered > 2000, "{record:#}");
    house.is_clean();
}

#[test]
fn a_caller_who_pays_from_the_answer_is_answered_with_his_agent_and_hears_music_before() {
    let answer = "[calls.answer]\nfreephone = \"by_agent\"\n";
    let house = staffed(&[("anna", 5)], "", answer, "");
    let anna = phone(&house, 0, "agent_answers", SECOND * 2, 1);
    let caller = call(&house, "612345611", AVERIAS);
    house.until_agent("anna", "talking");
    let heard = caller.hang_up();
    anna.done();
    let (early, answered) = (heard.find("SIP/2.0 183"), heard.find("SIP/2.0 200"));
    assert!(
        early.is_some() && early < answered && heard[early.unwrap()..answered.unwrap()].contains("m=audio"),
        "{heard}"
    );
    let record = &house.records(1)[0];
    let (began, his, agents) =
        (at_ms(record, "/legs/0/began"), at_ms(record, "/legs/0/answered"), at_ms(record, "/legs/1/answered"));
    assert!(his - began >= 2000 && his >= agents, "{record:#}");
    house.is_clean();
}
