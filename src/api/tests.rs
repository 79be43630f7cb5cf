//! The control socket and HTTP against something that answers commands like the engine, and keeps to its bounds.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use turno_base::{CallId, Now, QueueId};
use turno_engine::{Answer, Command, Effect, Engine, EngineConfig, Input, QueueView, Refusal, Sizes};

use super::*;
use crate::api::control::{Reply, Request, ask};
use crate::shell::board::{BoardSettings, FactLine};
use crate::shell::clock::Clock;
use crate::shell::config::{self, HttpSettings};
use crate::shell::entropy;
use crate::shell::inbox::{Outlet, inbox};
use crate::shell::signals::drain;

/// A node without an engine: a thread answers instead.
pub(super) struct Place {
    pub(super) state: AppState,
    pub(super) runtime: tokio::runtime::Runtime,
    pub(super) http: SocketAddr,
    pub(super) socket: PathBuf,
    /// The engine's end of the event line.
    pub(super) line: FactLine,
    /// What the wallboard shows.
    pub(super) shots: tokio::sync::watch::Sender<crate::api::wall::Shot>,
}

pub(super) fn place(token: Option<&str>) -> Place {
    place_with(HttpSettings { token: token.map(Into::into), ..HttpSettings::default() })
}

pub(super) fn place_with(http: HttpSettings) -> Place {
    place_kept(http, None)
}

/// With what is kept of those who ask in a folder.
pub(super) fn place_kept(http: HttpSettings, folder: Option<&Path>) -> Place {
    let (inbox, outlet) = inbox(Clock::begin());
    let metrics = Arc::new(Metrics::new());
    let kept = BoardSettings { dir: None, zone: jiff::tz::TimeZone::UTC, told_to: 0 };
    let (board, line) = Board::start(turno_report::Board::default(), kept, inbox.clock(), metrics.clone()).unwrap();
    let asker = Arc::new(Asker::new(inbox.clone()));
    let answering = asker.clone();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let records = std::env::temp_dir().join(format!("turno-none-{:x}", entropy::draw()));
    let data_dir = format!("data_dir = {:?}", records.join("data"));
    let text = std::fs::read_to_string(dir.join("turno.toml")).unwrap().replace("data_dir = \"turno-data\"", &data_dir);
    let settings = config::parse("turno.toml", &text, &dir, Some(BTreeMap::new())).settings.unwrap();
    let files = config::source::Sources::text("turno.toml", &text, &dir);
    let engine = settings.engine.clone();
    std::thread::spawn(move || answer_all(&outlet, &answering, engine));
    let customers = crate::shell::customers::Customers::new(&settings);
    let callers = crate::shell::customers::Callers::new(customers.clone(), None, inbox.clone());
    let shots = tokio::sync::watch::Sender::new(crate::api::wall::Shot::default());
    let state = AppState {
        audit: Audit::open(asker.clone(), &records, Duration::from_secs(86_400)),
        asker,
        shots: shots.subscribe(),
        board: board.clone(),
        metrics: metrics.clone(),
        gate: Arc::default(),
        tap: crate::shell::tap::Tap::new(&[]),
        holder: None,
        customers,
        callers,
        reloader: Arc::new(Reloader::fixed(settings, Some(files), inbox, metrics, board.clone())),
        voicemail: records.join("voicemail").into(),
        folders: Arc::new(Folders { data: records.clone(), journal: None, records: records.clone() }),
        reading: crate::api::toolbox::Reading::default(),
        records: records.into(),
        access: Arc::new(Access::new(&http, folder)),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let socket = std::env::temp_dir().join(format!("turno-{:x}.sock", entropy::draw()));
    control::start(runtime.handle(), &socket, state.clone()).unwrap();
    let http =
        http::start(runtime.handle(), http::bind("127.0.0.1:0".parse().unwrap()).unwrap(), state.clone()).unwrap();
    Place { state, runtime, http, socket, line, shots }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.socket);
        let _ = std::fs::remove_dir_all(&*self.state.records);
    }
}

fn answer_all(outlet: &Outlet, asker: &Asker, config: EngineConfig) {
    let mut calls = 2;
    let (mut engine, now) = (Engine::new(), Now::from_ms(1000));
    engine.handle(&Input::Configure(Box::new(config)), now, &mut Vec::new());
    let mut real = |command: Command| {
        let mut out = Vec::new();
        engine.handle(&Input::Command { id: 1, command }, now, &mut out);
        let mut replies = out.into_iter().filter_map(|effect| match effect {
            Effect::Reply { answer, .. } => Some(answer),
            _ => None,
        });
        replies.next_back().expect("a command is answered")
    };
    for arrival in &outlet.house {
        let Input::Command { id, command } = arrival.input else { continue };
        let queue = QueueId::new("averias").unwrap();
        asker.answer(
            id,
            match command {
                Command::QueueShow(None) => Ok(Answer::Queues(vec![QueueView {
                    queue,
                    waiting: Vec::new(),
                    callbacks: 3,
                    tasks: 4,
                    logged_in: 2,
                    ready: 1,
                    is_emergency: false,
                    expected_ms: Some(90_000),
                    forecast_error_ms: 12_000,
                    forecast_within_pm: Some(910),
                }])),
                Command::QueueShow(Some(other)) => {
                    Err(Refusal::Unknown { what: "queue".into(), name: other.to_string() })
                }
                Command::AgentLogin(_, None) => {
                    Err(Refusal::Conflict { sentence: "anna has no station; name one".into() })
                }
                Command::Sizes => {
                    calls -= 1;
                    Ok(Answer::Sizes(Sizes { calls: u64::try_from(calls).unwrap_or(0), ..Sizes::default() }))
                }
                Command::AgentShow(Some(agent)) => real(command).map(|answer| match answer {
                    Answer::Agents(mut agents) => {
                        let call = (agent.as_str() == "anna").then_some(CallId(0xff));
                        agents.iter_mut().for_each(|view| view.call = call);
                        Answer::Agents(agents)
                    }
                    other => other,
                }),
                Command::AgentExplain(_)
                | Command::CallExplain(_)
                | Command::AgentSkill(..)
                | Command::AgentServe(..)
                | Command::AgentLeave(..)
                | Command::AgentRank(..)
                | Command::RegShow
                | Command::RouteTest(_)
                | Command::TaskAdd(_)
                | Command::TaskShow(..)
                | Command::TaskDone(..)
                | Command::TaskMove(..) => real(command),
                _ => Ok(Answer::Done),
            },
        );
    }
}

impl Place {
    /// Nobody serves any more, and every connection ends.
    pub(super) fn fall_silent(&mut self) {
        let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
        std::mem::replace(&mut self.runtime, other).shutdown_timeout(Duration::from_secs(5));
    }

    /// Status line's code, head and body.
    pub(super) fn request(&self, text: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.http).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut all = Vec::new();
        // A reset after the answer (an unread body) is an end as well.
        let _ = stream.read_to_end(&mut all);
        let all = String::from_utf8_lossy(&all).into_owned();
        let (head, body) = all.split_once("\r\n\r\n").unwrap_or((&all, ""));
        (head.get(9..12).and_then(|c| c.parse().ok()).unwrap_or(0), head.to_owned(), body.to_owned())
    }

    pub(super) fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let length = body.len();
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        let (status, _, body) = self.request(&text);
        (status, body)
    }
}

#[test]
fn the_control_socket_is_its_owners_and_answers_line_by_line() {
    use std::os::unix::fs::PermissionsExt;
    let place = place(None);
    assert_eq!(std::fs::metadata(&place.socket).unwrap().permissions().mode() & 0o777, 0o600);
    let queue = QueueId::new("nope").unwrap();
    match ask(&place.socket, &Request::Command(Command::QueueShow(None))).unwrap() {
        Reply::Answer(Answer::Queues(queues)) => assert_eq!(queues.len(), 1),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        ask(&place.socket, &Request::Command(Command::QueueShow(Some(queue)))).unwrap(),
        Reply::Unknown("there is no queue \"nope\"".into())
    );
    assert_eq!(ask(&place.socket, &Request::Reload).unwrap(), Reply::Done(Vec::new()));

    let mut raw = std::os::unix::net::UnixStream::connect(&place.socket).unwrap();
    raw.write_all(b"not json\n{\"Command\":\"Sizes\"}\n").unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(raw));
    assert!(lines.next().unwrap().unwrap().contains("this is no request"));
    assert!(lines.next().unwrap().unwrap().starts_with("{\"Answer\":{\"Sizes\""));
}

#[test]
fn a_request_without_end_is_cut() {
    let place = place(None);
    let mut raw = std::os::unix::net::UnixStream::connect(&place.socket).unwrap();
    let more = control::REQUEST_BYTES_MAX / 4096 + 2;
    let sent = (0..more).try_for_each(|_| raw.write_all(&[b'x'; 4096]));
    let mut end = Vec::new();
    let read = raw.read_to_end(&mut end);
    assert!(sent.is_err() || read.is_err() || end.is_empty());
}

#[test]
fn http_shows_acts_and_refuses_in_words() {
    let place = place(None);
    assert_eq!(place.send("GET", "/healthz", "", ""), (200, "ok\n".into()));
    assert_eq!(place.send("GET", "/readyz", "", ""), (503, "starting\n".into()));
    place.state.gate.set_ready();
    assert_eq!(place.send("GET", "/readyz", "", "").0, 200);
    place.state.gate.drain();
    assert_eq!(place.send("GET", "/readyz", "", ""), (503, "draining\n".into()));

    let json_type = "Content-Type: application/json\r\n";
    let (status, body) = place.send("GET", "/api/v1/queues", "", "");
    let queues: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200);
    let averias = json!({
        "queue": "averias", "waiting": [], "callbacks": 3, "tasks": 4, "logged_in": 2, "ready": 1,
        "is_emergency": false, "expected_ms": 90_000, "forecast_error_ms": 12_000, "forecast_within_pm": 910,
    });
    assert_eq!(queues, json!({"queues": [averias]}));
    for (method, path, body, status, says) in [
        ("GET", "/api/v1/queues/nope", "", 404, "there is no queue"),
        ("GET", "/api/v1/queues/No%20pe", "", 404, "there is no queue"),
        ("GET", "/api/v1/calls/zz", "", 404, "there is no call"),
        ("GET", "/nowhere", "", 404, "nothing here"),
        ("POST", "/api/v1/agents/anna/login", "", 409, "anna has no station; name one"),
        ("POST", "/api/v1/agents/anna/login", "{\"station\": \"1001\"}", 200, "done"),
        ("POST", "/api/v1/agents/anna/login", "{\"stat\": \"1001\"}", 422, "stat"),
        ("POST", "/api/v1/agents/anna/pause", "{\"reason\": \"lunch\"}", 200, "done"),
        ("POST", "/api/v1/agents/anna/pause", "{\"reason\": \"Lunch!\"}", 422, "name"),
        ("POST", "/api/v1/agents/anna/ready", "", 200, "done"),
        ("POST", "/api/v1/agents/anna/saved", "", 200, "done"),
        ("POST", "/api/v1/agents/anna/extend", "", 200, "done"),
        ("POST", "/api/v1/agents/anna/disposition", "{\"disposition\": \"sale\"}", 200, "done"),
        ("POST", "/api/v1/agents/anna/disposition", "{\"result\": \"sale\"}", 422, "result"),
        ("POST", "/api/v1/agents/anna/logout", "", 200, "done"),
        ("DELETE", "/api/v1/calls/000000000000000000000000000000ff", "", 200, "done"),
        ("POST", "/api/v1/calls/000000000000000000000000000000ff/bump", "{\"by_s\": 60}", 200, "done"),
        ("POST", "/api/v1/calls/000000000000000000000000000000ff/bump", "{\"by_s\": -1}", 422, "by_s"),
        ("POST", "/api/v1/calls/000000000000000000000000000000ff/move", "{\"queue\": \"averias\"}", 200, "done"),
        ("POST", "/api/v1/calls/zz/move", "{\"queue\": \"averias\"}", 404, "there is no call"),
        ("POST", "/api/v1/calls/000000000000000000000000000000ff/needs", "{\"need\": \"a>=2\"}", 200, "done"),
        ("POST", "/api/v1/calls/000000000000000000000000000000ff/needs", "{\"need\": \"a>=\"}", 422, "level"),
        ("POST", "/api/v1/emergency", "{\"on\": true}", 200, "done"),
        ("POST", "/api/v1/emergency", "{\"queue\": \"averias\", \"on\": false}", 200, "done"),
        ("POST", "/api/v1/emergency", "{\"queue\": \"averias\"}", 422, "on"),
        ("GET", "/api/v1/calendars", "", 200, "done"),
        ("PUT", "/api/v1/agents", "", 405, ""),
    ] {
        let headers = if body.is_empty() { "" } else { json_type };
        let got = place.send(method, path, headers, body);
        assert!(got.0 == status && got.1.contains(says), "{method} {path} {body}: {got:?}");
    }
}

#[test]
fn with_a_token_only_health_and_metrics_are_open() {
    let place = place(Some("0123456789abcdef"));
    assert_eq!(place.send("GET", "/healthz", "", "").0, 200);
    assert_eq!(place.send("GET", "/metrics", "", "").0, 200);
    for headers in ["", "Authorization: Bearer 0123456789abcdeF\r\n", "Authorization: Basic 0123456789abcdef\r\n"] {
        assert_eq!(place.send("GET", "/api/v1/queues", headers, "").0, 401, "{headers}");
    }
    assert_eq!(place.send("GET", "/api/v1/queues", "Authorization: Bearer 0123456789abcdef\r\n", "").0, 200);
}

#[test]
fn the_wallboards_feed_needs_the_token_as_well() {
    let place = place(Some("0123456789abcdef"));
    for (query, status) in [("", 401), ("?token=wrong", 401), ("?token=0123456789abcdef", 101)] {
        let mut stream = TcpStream::connect(place.http).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
        let text = format!(
            "GET /wall/feed{query} HTTP/1.1\r\nHost: localhost:1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(text.as_bytes()).unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        assert_eq!(String::from_utf8_lossy(&head), format!("HTTP/1.1 {status}"), "{query}");
    }
}

#[test]
fn pages_of_other_sites_can_make_a_browser_do_nothing() {
    let place = place(None);
    for (origin, status) in [
        ("http://127.0.0.1", 200),
        ("https://127.0.0.1", 200),
        ("http://elsewhere.example", 403),
        ("null", 403),
        ("http://127.0.0.1:81", 403),
    ] {
        let headers = format!("Origin: {origin}\r\n");
        assert_eq!(place.send("POST", "/api/v1/agents/anna/logout", &headers, "").0, status, "{origin}");
    }
}

#[test]
fn large_heads_and_bodies_are_refused() {
    let place = place(None);
    let (status, ..) =
        place.request(&format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(1 << 20)));
    assert!(matches!(status, 431 | 0), "{status}");
    let body = format!("{{\"station\": \"{}\"}}", "y".repeat(1 << 20));
    let (status, _) = place.send("POST", "/api/v1/agents/anna/login", "Content-Type: application/json\r\n", &body);
    assert!(matches!(status, 413 | 0), "{status}");
    let claimed = "POST /api/v1/agents/anna/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
                   Content-Length: 2000000000\r\n\r\n{";
    let (status, ..) = place.request(claimed);
    assert!(matches!(status, 413 | 408), "{status}");
    assert_eq!(place.send("GET", "/healthz", "", "").0, 200);
}

#[test]
fn metrics_have_their_names() {
    let place = place(None);
    place.state.metrics.touch();
    crate::compat::ami::Counts::new(&place.state.metrics);
    let (status, page) = place.send("GET", "/metrics", "", "");
    assert_eq!(status, 200);
    let names: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    expect_test::expect_file!["../../tests/golden/metrics.txt"].assert_eq(&(names.join("\n") + "\n"));
    assert!(page.contains("turno_size{of=\"calls\"} 1"), "{page}");
}

#[test]
fn a_drain_ends_when_the_last_call_has_and_at_the_limit() {
    let place = place(None);
    let gate = place.state.gate.clone();
    gate.drain();
    let begun = Instant::now();
    // The first look sees one call, the second none.
    place.runtime.block_on(drain(gate.clone(), place.state.asker.clone(), Duration::from_secs(60)));
    assert!(gate.is_stopped() && begun.elapsed() < Duration::from_secs(30));

    let (inbox, _silent) = inbox(Clock::begin());
    let (gate, asker) = (Arc::new(Gate::default()), Arc::new(Asker::new(inbox)));
    place.runtime.block_on(drain(gate.clone(), asker, Duration::from_millis(50)));
    assert!(gate.is_stopped());
}

#[test]
fn customers_are_found_and_a_caller_has_a_card() {
    let place = place(None);
    let (status, body) = place.send("GET", "/api/v1/customers?search=ortega&limit=3", "", "");
    let found: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &found["customers"][0]["id"]), (200, &json!("C-1001")));
    assert_eq!(place.send("GET", "/api/v1/customers?find=x", "", "").0, 400);
    assert_eq!(place.send("GET", "/api/v1/customers/C-1001", "", "").0, 404, "of the file, not of the store");
    assert_eq!(place.send("GET", "/api/v1/customer-tasks", "", ""), (200, "{\"tasks\":[]}".to_owned()));
    let call = turno_base::CallId(7);
    place.state.callers.look_up(call, turno_base::E164::new("+34612045118").unwrap());
    let (status, body) = place.send("GET", &format!("/api/v1/calls/{call}/card"), "", "");
    let card: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &card["card"]["name"], &card["card"]["sharers"]),
        (200, &json!("Carmen Ortega"), &json!(["C-1001"]))
    );
    assert_eq!(place.send("GET", "/api/v1/calls/00000000000000000000000000000009/card", "", "").0, 404);
}

#[test]
fn customers_come_in_are_merged_parted_told_and_forgotten() {
    let place = place(Some("0123456789abcdef"));
    let post = |path: &str, more: &str, body: &str| {
        let headers = format!("Authorization: Bearer 0123456789abcdef\r\nContent-Type: application/json\r\n{more}");
        let (status, body) = place.send("POST", path, &headers, body);
        (status, serde_json::from_str::<Value>(&body).unwrap_or_default())
    };
    let file = "id;nombre;telefono\nX-1;Ana Roca;688111222\nX-2;Ana Roca Gil;688111222\nX-3;Iker;1\n";
    assert_eq!(place.send("POST", "/api/v1/customers/import", "", file).0, 401);
    let (status, tried) = post("/api/v1/customers/import?dry_run=true", "", file);
    assert_eq!((status, &tried["outcome"]["counts"]["added"]), (200, &json!(2)));
    assert_eq!(post("/api/v1/customers/X-1/merge", "", "{\"other\": \"X-2\"}").0, 404, "a dry run brings in nobody");
    let (status, done) = post("/api/v1/customers/import?name=monday", "", file);
    assert_eq!((status, &done["outcome"]["errors_count"]), (200, &json!(1)));
    let (status, refused) = post("/api/v1/customers/import", "", "name\nAna\n");
    assert_eq!(status, 422, "{refused}");
    let bytes = crate::api::customers::IMPORT_BYTES_MAX + 1;
    let large = format!(
        "POST /api/v1/customers/import HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
         Authorization: Bearer 0123456789abcdef\r\nContent-Length: {bytes}\r\n\r\n"
    );
    assert_eq!(place.request(&large).0, 413);

    let (status, merged) = post("/api/v1/customers/X-1/merge", "", "{\"other\": \"X-2\"}");
    assert_eq!((status, &merged["aliases"]), (200, &json!(["X-2"])));
    assert_eq!(post("/api/v1/customers/X-3/merge", "", "{\"other\": \"X-1\"}").0, 404);
    let (status, parted) = post("/api/v1/customers/X-1/unmerge", "", "");
    assert_eq!((status, &parted["parted"]["id"]), (200, &json!("X-2")));
    assert_eq!(post("/api/v1/customers/X-1/unmerge", "", "").0, 409);
    assert_eq!(post("/api/v1/customers/X-1/different", "", "{\"other\": \"X-2\"}").0, 200);

    let token = "Authorization: Bearer 0123456789abcdef\r\n";
    let (status, told) = place.send("GET", "/api/v1/customers/X-1/export", token, "");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((status, &told["customer"]["name"], &told["calls"]), (200, &json!("Ana Roca"), &json!([])));
    assert_eq!(post("/api/v1/customers/X-1/erase", "", "{\"yes\": false}").0, 422);
    let (status, gone) = post("/api/v1/customers/X-1/erase", "", "{\"yes\": true}");
    assert_eq!((status, &gone["calls"]), (200, &json!(0)));
    assert_eq!(place.send("GET", "/api/v1/customers/X-1/export", token, "").0, 404);
    assert_eq!(post("/api/v1/customers/X-1/erase", "", "{\"yes\": true}").0, 404);
    let _ = std::fs::remove_dir_all(&*place.state.records);
}

#[test]
fn without_a_token_a_name_that_has_come_to_mean_loopback_is_refused() {
    let (open, closed) = (place(None), place(Some("0123456789abcdef")));
    for (host, status) in [
        ("127.0.0.1", 200),
        ("127.0.0.1:8480", 200),
        ("[::1]:8480", 200),
        ("LocalHost:8480", 200),
        ("turno.example", 403),
        ("127.0.0.1.turno.example:8480", 403),
        ("localhost.turno.example", 403),
        ("[::1", 403),
        ("", 403),
    ] {
        let ask = |place: &Place, path: &str, more: &str| {
            place.request(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n")).0
        };
        assert_eq!(ask(&open, "/api/v1/queues", ""), status, "{host:?}");
        assert_eq!(ask(&open, "/healthz", ""), 200, "{host:?}");
        assert_eq!(ask(&closed, "/api/v1/queues", "Authorization: Bearer 0123456789abcdef\r\n"), 200, "{host:?}");
    }
    let page = "Origin: http://turno.example:8480\r\n";
    let rebound = format!("GET /api/v1/queues HTTP/1.1\r\nHost: turno.example:8480\r\n{page}Connection: close\r\n\r\n");
    assert_eq!(open.request(&rebound).0, 403, "to the browser it is a page of ours");
}

#[test]
fn why_an_agent_gets_nothing_is_told_over_rest_and_the_control_socket_alike() {
    let place = place(None);
    let path = "/api/v1/agents/anna/explain";
    let (status, body) = place.send("GET", path, "", "");
    let told: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &told["explained"]["words"]), (200, &json!(["anna is logged-out"])));
    assert_eq!(told["explained"]["agent"]["queues"][0]["queue"], json!("averias"));
    match ask(&place.socket, &Request::Command(Command::AgentExplain("anna".parse().unwrap()))).unwrap() {
        Reply::Answer(Answer::Explained(explained)) => assert_eq!(explained.words, ["anna is logged-out"]),
        other => panic!("{other:?}"),
    }
    for (path, sentence) in [
        ("/api/v1/agents/zoe/explain", "there is no agent \"zoe\""),
        (
            "/api/v1/calls/00000000000000000000000000000001/explain",
            "there is no call \"00000000000000000000000000000001\"",
        ),
    ] {
        let (status, body) = place.send("GET", path, "", "");
        assert_eq!(
            (status, serde_json::from_str::<Value>(&body).unwrap()),
            (404, json!({"error": sentence})),
            "{path}"
        );
    }
}

#[test]
fn skills_are_changed_over_rest_and_shown_with_certificates() {
    let place = place(None);
    let json = "Content-Type: application/json\r\n";
    let path = "/api/v1/agents/anna/skills/catalan";
    let put = |body: &str| place.send("PUT", path, json, body);
    assert_eq!(put(r#"{"level": 3, "until": "2036-01-01T00:00:00Z"}"#).0, 200);
    let shown = || -> Vec<Value> {
        let (_, body) = place.send("GET", "/api/v1/agents/anna", "", "");
        let told: Value = serde_json::from_str(&body).unwrap();
        told["agents"][0]["skills"].as_array().unwrap().clone()
    };
    let catalan = json!({"skill": "catalan", "level": 3, "is_live": true, "until": "2036-01-01T00:00:00.000000Z",
        "certified": null, "certified_until": null});
    assert!(shown().contains(&catalan), "{:?}", shown());
    let averias = shown().into_iter().find(|row| row["skill"] == "averias").unwrap();
    assert_eq!((&averias["level"], &averias["certified"]), (&json!(5), &json!(5)));
    assert_eq!(put(r#"{"level": 0}"#).0, 200);
    assert_eq!(shown().iter().find(|row| row["skill"] == "catalan").unwrap()["level"], json!(0));
    assert_eq!(place.send("DELETE", path, "", "").0, 200);
    assert_eq!(shown().iter().find(|row| row["skill"] == "catalan").unwrap()["level"], json!(8));
    for (body, status) in
        [(r#"{"level": 11}"#, 409), (r#"{"level": 1, "until": "soon"}"#, 422), (r#"{"stars": 5}"#, 422)]
    {
        assert_eq!(put(body).0, status, "{body}");
    }
    assert_eq!(place.send("PUT", "/api/v1/agents/anna/skills/klingon", json, r#"{"level": 1}"#).0, 409);
}

#[test]
fn tasks_are_entered_listed_moved_and_done_over_rest() {
    let place = place(None);
    let json = "Content-Type: application/json\r\n";
    let add = |body: &str| place.send("POST", "/api/v1/tasks", json, body);
    let (status, body) =
        add(r#"{"kind": "email", "queue": "averias", "subject": "a bill", "priority": "urgent", "owner": "anna"}"#);
    let told: Value = serde_json::from_str(&body).unwrap();
    let task = &told["tasks"][0];
    assert_eq!(
        (status, &task["state"], &task["position"], &task["due_in_s"]),
        (200, &json!("waiting"), &json!(1), &json!(14_400))
    );
    let id = task["task"].as_str().unwrap().to_owned();
    let path = |what: &str| format!("/api/v1/tasks/{id}/{what}");
    assert_eq!(place.send("POST", &path("move"), json, r#"{"queue": "ventas"}"#).0, 200);
    let listed = |of: &str| -> usize {
        let (_, body) = place.send("GET", &format!("/api/v1/tasks{of}"), "", "");
        serde_json::from_str::<Value>(&body).unwrap()["tasks"].as_array().map_or(0, Vec::len)
    };
    assert_eq!((listed(""), listed("?queue=ventas"), listed("?queue=averias"), listed("?agent=anna")), (1, 1, 0, 0));
    assert_eq!(place.send("POST", &path("done"), json, r#"{"disposition": "sale"}"#).0, 200);
    assert_eq!((listed(""), place.send("POST", &path("done"), json, "{}").0), (0, 404));
    for (body, status) in [
        (r#"{"kind": "email", "queue": "nowhere"}"#, 404),
        (r#"{"kind": "pigeon", "queue": "averias"}"#, 422),
        (r#"{"kind": "fax", "queue": "averias", "need": "a>="}"#, 422),
        (r#"{"kind": "fax", "queue": "averias", "due": "soon"}"#, 422),
    ] {
        assert_eq!(add(body).0, status, "{body}");
    }
}

#[test]
fn reports_answer_by_rest_and_refuse_in_sentences() {
    let place = place(None);
    let get = |path: &str| place.send("GET", path, "", "");
    for (path, status, words) in [
        ("/api/v1/reports/nothing", 404, "there are reports queues, agents, law"),
        ("/api/v1/reports/queues?from=yesterday", 400, "write a day such as 2026-03-10"),
        ("/api/v1/reports/queues?zone=Nowhere/Here", 400, "there is no time zone"),
        ("/api/v1/reports/queues?from=2026-03-10", 503, "figures cannot be read now"),
        ("/api/v1/figures/sl_std/calls?from=2026-03-10", 503, "figures cannot be read now"),
    ] {
        let (got, body) = get(path);
        assert!(got == status && body.contains(words), "{path}: {got} {body}");
    }
    let dir = place.state.records.clone();
    std::fs::create_dir_all(&dir).unwrap();
    crate::shell::figures::tests::stored(
        &crate::shell::figures::path(&dir),
        &crate::shell::figures::tests::facts(9),
        50,
    );
    let (status, body) = get("/api/v1/reports/queues?from=2026-03-10&by=month&figures=entered,sl_std");
    let json: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &json["rows"][0]),
        (
            200,
            &json!({
                "month": "2026-03", "queue": "averias", "entered": 9, "sl_std": {"percent": "66.7", "part": "6", "whole": "9"}
            })
        )
    );
    let (status, body) = get("/api/v1/figures/abandonment/calls?from=2026-03-10&format=csv");
    assert_eq!((status, body.matches(",yes").count()), (200, 3));
    assert_eq!(get("/api/v1/figures/nope/calls?from=2026-03-10").0, 400);
    std::fs::remove_dir_all(&dir).unwrap();
}
