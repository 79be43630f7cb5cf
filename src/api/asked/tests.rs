//! Who did what, as it is told by the socket and by REST.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Request;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};

use crate::api::access::Peer;
use crate::api::access::tests::{bearer, settings};
use crate::api::control::{self, Reply, ask};
use crate::api::http;
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
    match ask(&place.socket, &control::Request::Tool(Tool::Audit(wanted))).unwrap() {
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
        control::Request::Live(Box::new(LiveRequest::Change { wanted, why: "calmer".into(), dry_run, expect: None }))
    };
    let missing = Edit { kind: "queue".into(), name: "nowhere".into(), act: Act::Remove };
    let removal = change::Wanted::Edit(missing);
    let removal = control::Request::Live(Box::new(LiveRequest::Change {
        wanted: removal,
        why: String::new(),
        dry_run: false,
        expect: None,
    }));
    for request in [
        control::Request::Command(pause),
        change(true),
        change(false),
        removal,
        control::Request::Reload,
        control::Request::Tool(Tool::TraceOff),
        control::Request::Tool(Tool::LogShow),
        control::Request::Drain,
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

/// Whoever asks and goes away at once leaves no change behind that nobody made.
#[test]
fn a_change_by_somebody_who_went_away_is_done_and_has_its_author() {
    let place = place_with(settings());
    let rows = "external_id,name,numbers\nC-1,Ana Roca,+34688111222\n";
    assert_eq!(send(&place, "the-admin", "POST", "customers/import", rows).0, 200);
    let token = bearer("the-admin");
    let mut request = Request::builder()
        .method("PATCH")
        .uri("/api/v1/customers/C-1")
        .header("host", "127.0.0.1")
        .header("authorization", token.trim_start_matches("Authorization: ").trim())
        .header("content-type", "application/json")
        .body(Body::from(r#"{"name": "Ana R."}"#))
        .unwrap();
    request.extensions_mut().insert(Peer { address: Ipv4Addr::LOCALHOST.into(), is_secure: false });
    let routes = TowerToHyperService::new(http::router(place.state.clone()));
    {
        let _inside = place.runtime.enter();
        let mut asked = Box::pin(routes.call(request));
        // It has begun, and nobody waits for its answer any more.
        assert!(asked.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    let began = Instant::now();
    let told = loop {
        if let Some(entry) = audited(&place).into_iter().find(|entry| entry.what == "PATCH") {
            break entry;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "the change has no author");
    };
    assert_eq!((told.who.as_str(), told.after), ("the-admin", Some(json!({"name": "Ana R."}))));
}

#[test]
fn what_changed_of_a_customer_is_told_until_he_is_forgotten() {
    let place = place_with(settings());
    let customers = |method: &str, path: &str, body: Value| {
        let (status, told) = send(&place, "the-admin", method, &format!("customers/{path}"), &body.to_string());
        assert_eq!(status, 200, "{method} {path}: {told}");
    };
    let rows = "external_id,name,numbers\nC-1,Ana Roca,+34688111222\nC-2,Anna Roca,+34688111222\n";
    assert_eq!(send(&place, "the-admin", "POST", "customers/import", rows).0, 200);
    customers("PATCH", "C-1", json!({"name": "Xanthippe", "custom": {"plan": "fibra"}}));
    customers("POST", "C-1/notes", json!({"text": "asks for Alcibiades"}));
    customers("POST", "C-1/notes/undo", json!({}));
    customers("POST", "C-1/consents", json!({"purpose": "survey", "granted": true, "proof": "form 9"}));
    customers("POST", "C-1/consents/undo", json!({"purpose": "survey"}));
    customers("POST", "C-2/merge", json!({"other": "C-1"}));
    customers("POST", "C-2/unmerge", json!({}));
    let told = || {
        let of = |entry: Entry| {
            let keys = |value: &Option<Value>| {
                value.as_ref().map_or_else(
                    || "-".to_owned(),
                    |value| {
                        value
                            .as_object()
                            .map_or_else(String::new, |of| of.keys().cloned().collect::<Vec<_>>().join("+"))
                    },
                )
            };
            let about = entry.about.trim_start_matches("/api/v1/customers/").to_owned();
            format!("{} {about} ({}) {} => {}", entry.what, entry.more, keys(&entry.before), keys(&entry.after))
        };
        audited(&place).into_iter().rev().skip(1).map(of).collect::<Vec<_>>()
    };
    let before = told();
    assert_eq!(
        before,
        [
            "PATCH C-1 (name custom.plan) custom+name => custom+name",
            "POST C-1/notes () notes => notes",
            "POST C-1/notes/undo () notes => notes",
            "POST C-1/consents (survey given) consents => consents",
            "POST C-1/consents/undo (survey) consents => consents",
            "POST C-2/merge (C-1) aliases+custom => aliases+custom",
            "POST C-2/unmerge () aliases+custom => aliases+custom",
        ]
    );
    let first = audited(&place).into_iter().rev().nth(1).unwrap();
    assert_eq!(first.before, Some(json!({"custom": {}, "name": "Ana Roca"})));
    assert_eq!(first.after, Some(json!({"custom": {"plan": "fibra"}, "name": "Xanthippe"})));
    customers("POST", "C-1/erase", json!({"yes": true}));
    let after = told();
    assert_eq!(after.len(), before.len() + 1);
    for (line, was) in after.iter().zip(&before) {
        assert!(line.ends_with(") - => -") && line.split(") ").next() == was.split(") ").next(), "{line}");
    }
    for entry in std::fs::read_dir(&*place.state.records).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        for word in ["Xanthippe", "Alcibiades", "fibra"] {
            assert!(!bytes.windows(word.len()).any(|at| at == word.as_bytes()), "{word} in {}", path.display());
        }
    }
}
