//! Who may ask for what, seen from outside: every route by every scope, sign-in, limits, origins, and commands sent twice.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use turno_base::Wall;

use super::*;
use crate::api::events::tests::Reader;
use crate::api::routes::ROUTES;
use crate::api::tests::{Place, place_kept, place_with};
use crate::shell::config::{PersonSettings, TokenSettings};

const JSON: &str = "Content-Type: application/json\r\n";
const CALL: &str = "000000000000000000000000000000ff";

fn token(name: &str, scope: Scope, agent: Option<&str>) -> TokenSettings {
    let agent = agent.map(|agent| agent.parse().unwrap());
    TokenSettings { name: name.to_owned(), hash: digest(name), rights: Rights { scope, agent }, expires: None }
}

/// A token of each scope; its secret is its name.
pub(in crate::api) fn settings() -> HttpSettings {
    let mut tokens: Vec<TokenSettings> = Scope::ALL
        .into_iter()
        .filter(|scope| *scope != Scope::Agent)
        .map(|scope| token(&format!("the-{}", scope.as_str()), scope, None))
        .collect();
    tokens.push(token("the-agent", Scope::Agent, Some("anna")));
    tokens.push(token("another-agent", Scope::Agent, Some("boris")));
    tokens.push(TokenSettings { expires: Some(Wall(1)), ..token("the-old", Scope::Admin, None) });
    HttpSettings { tokens, rate: 0, source_rate: 0, ..HttpSettings::default() }
}

pub(in crate::api) fn bearer(token: &str) -> String {
    if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") }
}

fn filled(path: &str) -> String {
    [
        ("{call}", CALL),
        ("{task}", CALL),
        ("{agent}", "anna"),
        ("{skill}", "averias"),
        ("{queue}", "averias"),
        ("{number}", "+34612045118"),
        ("{subject}", "queues"),
        ("{figure}", "entered"),
        ("{id}", "C-1"),
        ("{kind}", "queues"),
        ("{name}", "averias"),
        ("{revision}", "1"),
        ("{trunk}", "nowhere"),
    ]
    .iter()
    .fold(path.to_owned(), |path, (name, value)| path.replace(name, value))
}

#[test]
fn every_route_by_every_scope() {
    let place = place_with(settings());
    let who = [
        "",
        "wrong",
        "the-old",
        "the-admin",
        "the-supervisor",
        "the-planner",
        "the-agent",
        "another-agent",
        "the-board",
    ];
    let mut table =
        String::from("method path | nobody wrong expired | admin supervisor planner agent(his) agent(other's) board\n");
    for route in ROUTES {
        let _ = write!(table, "{} {} |", route.method, route.path);
        for (at, token) in who.into_iter().enumerate() {
            let path = filled(route.path);
            let path = if route.whose == Whose::OfTheAgentAsked { format!("{path}?agent=anna") } else { path };
            let status = match route.answer {
                "websocket" => Reader::open(place.http, &path, &bearer(token)).err().unwrap_or(101),
                _ => place.send(route.method, &path, &bearer(token), "").0,
            };
            let said = match status {
                401 | 403 => status.to_string(),
                // Refused for another reason, which is about the request.
                _ => "may".to_owned(),
            };
            assert_ne!(status, 405, "{} {path}", route.method);
            let _ = write!(table, "{} {said}", if at == 3 { " |" } else { "" });
        }
        table.push('\n');
    }
    expect_test::expect_file!["../../../tests/golden/http-scopes.txt"].assert_eq(&table);
}

/// What `.route(` of a router's source is followed by: path and methods.
fn registered(text: &str) -> Option<(String, Vec<String>)> {
    let (path, rest) = text.trim_start().strip_prefix('"')?.split_once("\",")?;
    let mut depth = 1;
    let end = rest.find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0
    });
    let handlers = rest[..end?].trim_start();
    let methods = ["get(", "post(", "put(", "patch(", "delete("].into_iter().filter(|method| {
        let before = |at: usize| handlers[..at].chars().next_back();
        handlers.match_indices(method).any(|(at, _)| before(at).is_none_or(|c| c == '.'))
    });
    Some((path.to_owned(), methods.map(|method| method.trim_end_matches('(').to_uppercase()).collect()))
}

#[test]
fn every_route_of_the_routers_has_a_row_and_every_row_a_route() {
    fn read(dir: &Path, found: &mut String) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, found);
            } else if !path.ends_with("tests.rs") {
                found.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut text = String::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api"), &mut text);
    let open = ["/healthz", "/readyz", "/metrics", "/wall", "/wall/", "/wall/{name}", "/feed"];
    let mut routed = BTreeSet::new();
    for (path, methods) in
        text.split(".route(").skip(1).filter_map(registered).filter(|(path, _)| !open.contains(&path.as_str()))
    {
        let path =
            if path.starts_with("/wall/") || path.starts_with("/api/") { path } else { format!("/api/v1{path}") };
        routed.extend(methods.into_iter().map(|method| format!("{method} {path}")));
    }
    let rows: BTreeSet<String> = ROUTES.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    assert_eq!(rows.len(), ROUTES.len(), "a row is there twice");
    let missing: Vec<_> = routed.difference(&rows).collect();
    assert!(missing.is_empty(), "served to nobody, because src/api/routes.rs does not say to whom: {missing:?}");
    let idle: Vec<_> = rows.difference(&routed).collect();
    assert!(idle.is_empty(), "rows without a route: {idle:?}");
}

#[test]
fn the_description_is_what_it_was() {
    let text = serde_json::to_string_pretty(&crate::api::openapi::document()).unwrap() + "\n";
    expect_test::expect_file!["../../../tests/golden/openapi.json"].assert_eq(&text);
    let place = place_with(settings());
    let (status, body) = place.send("GET", "/api/v1/openapi.json", "", "");
    assert_eq!((status, serde_json::from_str::<Value>(&body).unwrap()), (200, serde_json::from_str(&text).unwrap()));
}

/// A body of the fields that are needed, and one with a field more.
fn bodies(route: &Route) -> (Value, Value) {
    use crate::api::routes::Kind;
    let value = |kind: Kind| match kind {
        Kind::Text => json!("averias>=2"),
        Kind::Named => json!("averias"),
        Kind::Number => json!("+34612045118"),
        Kind::Instant => json!("2036-01-01T00:00:00Z"),
        Kind::Count(most) => json!(most.min(5)),
        Kind::Flag => json!(true),
        Kind::OneOf(words) => json!(words[0]),
        Kind::Names => json!(["press"]),
        Kind::Texts => json!({"plan": "fibra", "tariff": null}),
    };
    let body: Value = route.body.iter().map(|field| (field.name.to_owned(), value(field.kind))).collect();
    let mut more = body.clone();
    more["zzz"] = json!(1);
    (body, more)
}

#[test]
fn handlers_take_the_bodies_that_are_described_and_no_others() {
    let place = place_with(settings());
    let headers = format!("{}{JSON}", bearer("the-admin"));
    for route in ROUTES.iter().filter(|route| !route.body.is_empty() && !route.is_open) {
        let path = filled(route.path);
        let (body, more) = bodies(route);
        let (status, said) = place.send(route.method, &path, &headers, &body.to_string());
        assert!(
            !said.contains("unknown field") && !said.contains("Failed to deserialize"),
            "{path} {body}: {status} {said}"
        );
        let (status, said) = place.send(route.method, &path, &headers, &more.to_string());
        let takes_any = route.body.iter().all(|field| !field.is_needed);
        assert!(status == 422 || takes_any && status < 500, "{path} {more}: {status} {said}");
    }
}

#[test]
fn a_restart_forgets_neither_who_has_signed_in_nor_what_was_done() {
    let dir = std::env::temp_dir().join(format!("turno-access-{:x}", crate::shell::entropy::draw()));
    std::fs::create_dir_all(&dir).unwrap();
    let (headers, gone, key) = {
        let place = place_kept(people(), Some(&dir));
        let token = |place: &Place| sign_in(place, "carmen", "caracola marina").1["token"].as_str().unwrap().to_owned();
        let (stays, goes) = (token(&place), token(&place));
        let (headers, gone) = (bearer(&stays), bearer(&goes));
        assert_eq!(place.send("DELETE", "/api/v1/session", &gone, "").0, 200);
        let key = format!("{headers}{JSON}Idempotency-Key: a-key-of-mine\r\n");
        assert_eq!(place.send("POST", "/api/v1/agents/anna/pause", &key, r#"{"reason": "lunch"}"#).0, 200);
        let all = std::fs::read(dir.join("access.sqlite")).unwrap();
        let log = std::fs::read(dir.join("access.sqlite-wal")).unwrap_or_default();
        for secret in [stays.trim_start_matches("tn_"), "a-key-of-mine"] {
            let is_in = |bytes: &[u8]| bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!is_in(&all) && !is_in(&log), "a secret or a key is kept in clear");
        }
        (headers, gone, key)
    };
    let place = place_kept(people(), Some(&dir));
    assert_eq!(place.send("GET", "/api/v1/agents", &headers, "").0, 200, "still signed in");
    assert_eq!(place.send("GET", "/api/v1/agents", &gone, "").0, 401, "signed out before");
    let body = r#"{"reason": "lunch"}"#;
    let text = format!(
        "POST /api/v1/agents/anna/pause HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{key}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let (status, head, _) = place.request(&text);
    assert!(status == 200 && head.to_ascii_lowercase().contains("idempotency-replayed: true"), "{head}");
    let other = place.send("POST", "/api/v1/agents/anna/pause", &key, r#"{"reason": "break"}"#);
    assert_eq!(other.0, 422, "{}", other.1);
    drop(place);
    // Who is not configured any more is out, and stays so.
    drop(place_kept(settings(), Some(&dir)));
    let place = place_kept(people(), Some(&dir));
    assert_eq!(place.send("GET", "/api/v1/agents", &headers, "").0, 401);
    drop(place);
    std::fs::remove_dir_all(dir).unwrap();
}

fn people() -> HttpSettings {
    let password = password_hash("caracola marina").unwrap();
    let rights = Rights { scope: Scope::Supervisor, agent: None };
    HttpSettings { people: vec![PersonSettings { name: "carmen".into(), password, rights }], ..settings() }
}

fn sign_in(place: &Place, name: &str, password: &str) -> (u16, Value) {
    let body = json!({"name": name, "password": password}).to_string();
    let (status, body) = place.send("POST", "/api/v1/session", JSON, &body);
    (status, serde_json::from_str(&body).unwrap_or_default())
}

#[test]
fn who_signs_in_gets_a_token_of_his_scope_until_he_signs_out_or_is_taken_out() {
    let place = place_with(people());
    let (status, told) = sign_in(&place, "carmen", "caracola marina");
    assert_eq!((status, &told["scope"], &told["name"]), (200, &json!("supervisor"), &json!("carmen")));
    let headers = bearer(told["token"].as_str().unwrap());
    assert_eq!(place.send("GET", "/api/v1/agents", &headers, "").0, 200);
    assert_eq!(place.send("POST", "/api/v1/customers/C-1/unmerge", &headers, "").0, 403);
    let (_, whose) = place.send("GET", "/api/v1/session", &headers, "");
    assert_eq!(serde_json::from_str::<Value>(&whose).unwrap()["name"], json!("carmen"));
    assert_eq!(place.send("DELETE", "/api/v1/session", &headers, "").0, 200);
    assert_eq!(place.send("GET", "/api/v1/agents", &headers, "").0, 401);

    let (_, told) = sign_in(&place, "carmen", "caracola marina");
    let headers = bearer(told["token"].as_str().unwrap());
    assert_eq!(place.send("GET", "/api/v1/agents", &headers, "").0, 200);
    place.state.access.set(&settings());
    assert_eq!(place.send("GET", "/api/v1/agents", &headers, "").0, 401, "the configuration has no carmen any more");
}

#[test]
fn a_wrong_name_and_a_wrong_password_are_answered_alike_and_slowed_down() {
    let place = place_with(people());
    let wrong =
        [sign_in(&place, "carmen", "x"), sign_in(&place, "nobody", "x"), sign_in(&place, "", "caracola marina")];
    for answer in &wrong {
        assert_eq!(answer, &(401, json!({"error": "name or password is wrong"})));
    }
    let tried: Vec<u16> = (0..8).map(|_| sign_in(&place, "carmen", "x").0).collect();
    assert!(tried.starts_with(&[401]) && tried.ends_with(&[429, 429]), "{tried:?}");
    assert_eq!(
        sign_in(&place, "carmen", "caracola marina").0,
        429,
        "being right does not help who has guessed so often"
    );
}

#[tokio::test]
async fn a_name_that_nobody_has_takes_the_same_work() {
    let passwords = Passwords::new();
    let kept = password_hash("caracola marina").unwrap();
    assert!(passwords.check(Some(kept.clone()), "caracola marina").await);
    assert!(!passwords.check(Some(kept.clone()), "caracola").await);
    assert!(!passwords.check(None, "nobody's").await, "nobody's password opens nothing");
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for _ in 0..7 {
        let begun = std::time::Instant::now();
        passwords.check(Some(kept.clone()), "wrong").await;
        known.push(begun.elapsed());
        let begun = std::time::Instant::now();
        passwords.check(None, "wrong").await;
        unknown.push(begun.elapsed());
    }
    known.sort();
    unknown.sort();
    let (known, unknown) = (known[3].as_micros(), unknown[3].as_micros());
    // Without the work it would be thousands of times less.
    assert!(unknown * 3 > known && known * 3 > unknown, "{known} {unknown}");
}

#[test]
fn who_asks_too_often_is_told_when_to_come_again_and_holds_nobody_else_up() {
    let place = place_with(HttpSettings { rate: 5, ..settings() });
    let ask = |token: &str| {
        let text = format!("GET /api/v1/agents HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}\r\n", bearer(token));
        let (status, head, _) = place.request(&text);
        (status, head.to_ascii_lowercase().contains("retry-after: "))
    };
    let got: Vec<_> = (0..40).map(|_| ask("the-planner")).collect();
    assert_eq!(got[0], (200, false));
    assert!(got.contains(&(429, true)) && !got.contains(&(429, false)), "{got:?}");
    assert_eq!(ask("the-supervisor").0, 200);

    let place = place_with(HttpSettings { source_rate: 5, ..settings() });
    let got: Vec<u16> = (0..40).map(|_| place.send("GET", "/api/v1/agents", "", "").0).collect();
    assert!(got.contains(&401) && got.ends_with(&[429]), "{got:?}");
    assert_eq!(place.send("GET", "/wall/", "", "").0, 429);
    assert_eq!(place.send("GET", "/healthz", "", "").0, 200, "a balancer asks as often as it likes");
}

#[test]
fn pages_of_listed_origins_may_ask_and_others_may_not() {
    let place = place_with(HttpSettings { origins: vec!["https://crm.example".to_owned()], ..settings() });
    let ask = |method: &str, origin: &str, more: &str| {
        let (status, head, _) = place.request(&format!(
            "{method} /api/v1/agents HTTP/1.1\r\nHost: turno.example\r\nConnection: close\r\nOrigin: {origin}\r\n{more}\r\n"
        ));
        (status, head.to_ascii_lowercase())
    };
    let preflight = "Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: authorization\r\n";
    let (status, head) = ask("OPTIONS", "https://crm.example", preflight);
    assert!(status == 204 && head.contains("access-control-allow-headers: authorization"), "{status} {head}");
    let (status, head) = ask("GET", "https://crm.example", &bearer("the-planner"));
    assert!(status == 200 && head.contains("access-control-allow-origin: https://crm.example"), "{status} {head}");
    for origin in ["https://elsewhere.example", "http://crm.example", "https://crm.example.org", "null"] {
        let (status, head) = ask("OPTIONS", origin, preflight);
        assert!(status != 204 && !head.contains("access-control"), "{origin}: {status} {head}");
        let (status, head) = ask("GET", origin, &bearer("the-planner"));
        assert!(status == 403 && !head.contains("access-control"), "{origin}: {status} {head}");
    }
}

#[test]
fn every_answer_has_the_headers_that_keep_browsers_safe() {
    let place = place_with(settings());
    for path in
        ["/wall/", "/wall/wall.js", "/api/v1/agents", "/api/v1/openapi.json", "/nowhere", "/healthz", "/metrics"]
    {
        let (_, head, _) = place.request(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        let head = head.to_ascii_lowercase();
        for wanted in ["x-content-type-options: nosniff", "referrer-policy: no-referrer", "frame-ancestors 'none'"] {
            assert!(head.contains(wanted), "{path}: {wanted}\n{head}");
        }
        assert!(!head.contains("unsafe-inline") && !head.contains("strict-transport-security"), "{path}\n{head}");
    }
}

#[test]
fn a_command_that_is_sent_twice_is_done_once() {
    let place = place_with(settings());
    let add = |key: &str, token: &str, body: &str| {
        let headers = format!("{}{JSON}Idempotency-Key: {key}\r\n", bearer(token));
        let (status, body) = place.send("POST", "/api/v1/tasks", &headers, body);
        (status, serde_json::from_str::<Value>(&body).unwrap_or_default())
    };
    let fax = r#"{"kind": "fax", "queue": "averias"}"#;
    let first = add("k-1", "the-supervisor", fax);
    assert_eq!(first.0, 200);
    assert_eq!(add("k-1", "the-supervisor", fax), first, "the same task");
    assert_ne!(add("k-2", "the-supervisor", fax), first);
    assert_ne!(add("k-1", "the-admin", fax), first, "keys are of who asks");
    assert_eq!(add("k-1", "the-supervisor", r#"{"kind": "email", "queue": "averias"}"#).0, 422);
    assert_eq!(add(&"k".repeat(129), "the-supervisor", fax).0, 400);
    let refused = r#"{"kind": "fax", "queue": "nowhere"}"#;
    assert_eq!(add("k-3", "the-supervisor", refused), add("k-3", "the-supervisor", refused));
    let (_, all) = place.send("GET", "/api/v1/tasks", &bearer("the-supervisor"), "");
    assert_eq!(serde_json::from_str::<Value>(&all).unwrap()["tasks"].as_array().unwrap().len(), 3);
}

#[test]
fn an_agent_asks_about_his_own_call_and_tasks_and_no_others() {
    let place = place_with(settings());
    let ask = |token: &str, path: &str| place.send("GET", path, &bearer(token), "").0;
    let other = CALL.replace("ff", "fe");
    for (token, path, status) in [
        ("the-agent", format!("/api/v1/calls/{CALL}"), 200),
        ("the-agent", format!("/api/v1/calls/{other}"), 403),
        ("another-agent", format!("/api/v1/calls/{CALL}"), 403),
        ("the-agent", "/api/v1/tasks?agent=anna".to_owned(), 200),
        ("the-agent", "/api/v1/tasks".to_owned(), 403),
        ("the-agent", "/api/v1/tasks?agent=boris".to_owned(), 403),
        ("the-agent", "/api/v1/tasks?agent=anna&agent=boris".to_owned(), 403),
        ("the-agent", "/api/v1/tasks?queue=averias&agent=anna".to_owned(), 200),
        ("the-agent", "/api/v1/agents/%61nna".to_owned(), 403),
        ("the-agent", "/api/v1/agents/anna/".to_owned(), 404),
    ] {
        assert_eq!(ask(token, &path), status, "{token} {path}");
    }
}
