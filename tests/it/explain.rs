//! What a person and a program are told who ask why: over REST and the control socket the same, for a call that waits, for an offer
//! that rings, and for an agent who is idle while somebody waits. Shape and words are a golden file.

use std::time::Duration;

use expect_test::expect_file;
use serde_json::Value;

use crate::chosen::staffed;
use crate::doors::{call, first, until_waiting};
use crate::house::{AVERIAS, House};
use crate::sipp::phone;

/// The answer over REST and over the socket, each without what differs by the instant.
fn told(house: &House, what: &str, name: &str) -> String {
    let page = house.get(&format!("/api/v1/{what}s/{name}/explain")).unwrap();
    let (head, body) = page.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let rest = shape(&serde_json::from_str(body).unwrap());
    let socket = shape(&house.ask(&[what, "explain", name]));
    assert_eq!(rest, socket, "both doors say the same");
    rest
}

/// One line for each value: where it is and what it is. Figures that the clock decides are `#`, ids of calls `CALL`.
fn shape(answer: &Value) -> String {
    let mut lines = Vec::new();
    walk("", answer, &mut lines);
    lines.join("\n")
}

fn walk(path: &str, value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().for_each(|(name, value)| walk(&format!("{path}/{name}"), value, lines));
        }
        Value::Array(values) if !values.is_empty() => {
            values.iter().enumerate().for_each(|(at, value)| walk(&format!("{path}/{at}"), value, lines));
        }
        Value::Number(_) if is_of_the_clock(path) => lines.push(format!("{path} = #")),
        Value::String(text) => lines.push(format!("{path} = {}", still(text))),
        Value::Number(_) | Value::Object(_) | Value::Array(_) | Value::Bool(_) | Value::Null => {
            lines.push(format!("{path} = {value}"));
        }
    }
}

fn is_of_the_clock(path: &str) -> bool {
    let name = path.rsplit('/').find(|part| part.parse::<u32>().is_err()).unwrap_or("");
    ["_ms", "_micro", "_pm"].iter().any(|unit| name.ends_with(unit))
        || ["at", "seq", "score", "tables", "waits_for", "credits"].contains(&name)
}

/// A sentence in which figures that follow the clock are `#`, so are scores; ids of calls are `CALL`.
fn still(text: &str) -> String {
    let is_id = |word: &str| word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let words = text.split(' ').map(|word| {
        let bare = word.trim_end_matches([':', ';', ',', ')']);
        let rest = &word[bare.len()..];
        if is_id(bare) {
            return format!("CALL{rest}");
        }
        let figure = bare.trim_start_matches(['-', '+', '(']);
        let is_figure = figure.contains('.') && figure.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if is_figure { word.replace(figure, "#") } else { word.to_owned() }
    });
    // Whole seconds, which are told with their unit.
    let words: Vec<String> = words.collect();
    let mut still = words.clone();
    for at in 1..words.len() {
        let is_seconds = words[at].trim_end_matches([';', ',', ')']) == "s";
        if is_seconds && words[at - 1].bytes().all(|byte| byte.is_ascii_digit()) {
            still[at - 1] = "#".to_owned();
        }
    }
    still.join(" ")
}

#[test]
fn why_is_told_over_rest_and_the_socket_alike() {
    let rings = "ring_limit = \"2m\"\n[[queues.averias.rings]]\nlevel = 5\nfor = \"2m\"";
    let house = staffed(&[("anna", 5), ("boris", 3)], rings, "", "");
    house.ask(&["agent", "pause", "anna", "pausa"]);
    let anna = phone(&house, 0, "agent_never_answers", Duration::ZERO, 1);
    let caller = call(&house, "612345611", AVERIAS);
    until_waiting(&house, "averias", 1);
    let waiting = first(&house, "averias");
    let mut all = format!("a call that waits\n{}\n", told(&house, "call", &waiting));
    all += &format!("\nan agent who is idle\n{}\n", told(&house, "agent", "boris"));
    house.ask(&["agent", "ready", "anna"]);
    house.until_agent("anna", "ringing");
    all += &format!("\na call that is offered\n{}\n", told(&house, "call", &waiting));
    all += &format!("\nan agent who is rung\n{}\n", told(&house, "agent", "anna"));
    expect_file!["../golden/explain.txt"].assert_eq(&all);
    house.ask(&["call", "hangup", &waiting]);
    drop((caller, anna));
}
