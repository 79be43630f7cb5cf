//! Who did what, as it is told by the socket and by REST.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::api::access::tests::{bearer, settings};
use crate::api::control::{Reply, Request, ask};
use crate::api::live::LiveRequest;
use crate::api::tests::{Place, place_with};
use crate::api::tools::{Tool, ToolReply};
use crate::shell::audit::{Entry, Wanted};
use crate::shell::live::edit::{Act, Edit};
use crate::shell::reload::change;

fn send(place: &Place, token: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
    let headers = format!("{}Content-Type: application/json\r\nIdempotency-Key: {method}{path}\r\n", bearer(token));
    let (status, said) = place.send(method, &format!("/api/v1/{path}"), &headers, body);
    (status, serde_json::from_str(&said).unwrap_or_default())
}

fn audited(place: &Place) -> Vec<Entry> {
    let wanted = Wanted { last: 100, ..Wanted::default() };
    match ask(&place.socket, &Request::Tool(Tool::Audit(wanted))).unwrap() {
        Reply::Tool(reply) => match *reply {
            ToolReply::Audit(entries) => entries,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_change_has_an_author_whichever_way_it_came() {
    let place = place_with(settings());
    let queues = "agents/anna/queues/averias";
    for (token, method, path, body, status) in [
        ("the-supervisor", "PUT", "agents/anna/skills/spanish", json!({"level": 3}), 200),
        ("the-supervisor", "PUT", queues, json!({"rank": 2, "station": "1001"}), 200),
        ("the-supervisor", "PATCH", queues, json!({"rank": 5}), 200),
        ("the-supervisor", "DELETE", queues, Value::Null, 200),
        ("the-supervisor", "DELETE", queues, Value::Null, 409),
        ("the-supervisor", "PUT", "agents/anna/queues/nowhere", json!({}), 404),
        ("the-supervisor", "PUT", queues, json!({"rank": 101}), 409),
        ("the-agent", "PUT", queues, json!({}), 403),
        ("the-agent", "POST", "agents/anna/ready", Value::Null, 200),
        // The same again is answered from memory, and was not done again.
        ("the-agent", "POST", "agents/anna/ready", Value::Null, 200),
        ("the-admin", "PATCH", "config/queues/averias", json!({"wrap_up": "7s"}), 200),
        ("the-admin", "PATCH", "config/queues/averias?dry_run=true", json!({"wrap_up": "9s"}), 200),
        ("the-admin", "PATCH", "config/queues/averias", json!({"wrap": "7s"}), 422),
        ("the-admin", "GET", "agents", Value::Null, 200),
    ] {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let got = send(&place, token, method, path, &body);
        assert_eq!(got.0, status, "{method} {path} {body}: {}", got.1);
    }
    let pause = turno_engine::Command::AgentPause("anna".parse().unwrap(), "lunch".parse().unwrap());
    let set = Act::Set { set: vec![("wrap_up".into(), "8s".into())], unset: Vec::new() };
    let edit = Edit { kind: "queue".into(), name: "averias".into(), act: set };
    let wanted = change::Wanted::Edit(edit);
    let change = |dry_run| {
        let wanted = wanted.clone();
        Request::Live(Box::new(LiveRequest::Change { wanted, why: "calmer".into(), dry_run, expect: None }))
    };
    let missing = Edit { kind: "queue".into(), name: "nowhere".into(), act: Act::Remove };
    let removal = change::Wanted::Edit(missing);
    let removal = Request::Live(Box::new(LiveRequest::Change {
        wanted: removal,
        why: String::new(),
        dry_run: false,
        expect: None,
    }));
    for request in [
        Request::Command(pause),
        change(true),
        change(false),
        removal,
        Request::Reload,
        Request::Tool(Tool::TraceOff),
        Request::Tool(Tool::LogShow),
        Request::Drain,
    ] {
        ask(&place.socket, &request).unwrap();
    }
    let account = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().expect("we have a name").name;
    let mut told = String::new();
    for entry in audited(&place).into_iter().rev() {
        let who = entry.who.replace(&account, "(us)");
        let value = |value: &Option<Value>| value.as_ref().map_or_else(|| "-".to_owned(), Value::to_string);
        let (door, what, about, more) = (entry.door.as_str(), entry.what, entry.about, entry.more);
        let (before, after) = (value(&entry.before), value(&entry.after));
        let refused = entry.refused.map(|why| format!("  refused: {why}")).unwrap_or_default();
        let _ = writeln!(told, "{who} by {door}: {what} {about} ({more}) {before} => {after}{refused}");
    }
    expect_test::expect_file!["../../../tests/golden/audit-doors.txt"].assert_eq(&told);
}

#[test]
fn only_an_admin_reads_who_did_what_and_asks_for_a_part_of_it() {
    let place = place_with(settings());
    for token in ["the-supervisor", "the-planner", "the-agent", "the-board"] {
        assert_eq!(send(&place, token, "GET", "audit", "").0, 403, "{token}");
    }
    send(&place, "the-agent", "POST", "agents/anna/ready", "");
    send(&place, "the-supervisor", "PUT", "agents/boris/skills/spanish", r#"{"level": 3}"#);
    let who = |path: &str| {
        let (status, told) = send(&place, "the-admin", "GET", path, "");
        assert_eq!(status, 200, "{path}: {told}");
        let of = |entry: &Value| entry["who"].as_str().unwrap_or_default().to_owned();
        told["audit"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(who("audit"), ["the-supervisor", "the-agent"]);
    assert_eq!(who("audit?last=1"), ["the-supervisor"]);
    assert_eq!(who("audit?who=the-agent"), ["the-agent"]);
    assert_eq!(who("audit?about=agent/anna"), ["the-agent"]);
    assert_eq!(send(&place, "the-admin", "GET", "audit?by=x", "").0, 400);
}
