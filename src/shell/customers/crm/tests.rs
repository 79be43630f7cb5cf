//! A real HTTP server on loopback that answers well, late, with nonsense, without end or not at all.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use turno_base::{Seeded, Wall};

use super::*;
use crate::shell::authorities::tests::{House, house};
use tokio_rustls::rustls;

/// Longest wait for something that must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server in whose place a closure answers each connection; what it was asked can be read.
fn server(answer: impl Fn(&mut std::net::TcpStream) + Send + Sync + 'static) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (asked, asks) = channel();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut stream), answer, asked) = (stream, answer.clone(), asked.clone()) else { return };
            std::thread::spawn(move || {
                let mut bytes = [0; 4096];
                let mut got = String::new();
                while !got.ends_with('}') {
                    match stream.read(&mut bytes) {
                        Ok(n) if n > 0 => got.push_str(&String::from_utf8_lossy(&bytes[..n])),
                        _ => return,
                    }
                }
                let _ = asked.send(got);
                answer(&mut stream);
            });
        }
    });
    (port, asks)
}

fn say(stream: &mut std::net::TcpStream, status: &str, body: &str) {
    let length = body.len();
    let _ =
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nlocation: http://127.0.0.1:1/\r\n\r\n{body}");
}

fn settings(port: u16) -> CrmSettings {
    CrmSettings {
        host: "127.0.0.1".into(),
        port,
        path: "/who?x=1".into(),
        secure: None,
        secret: Some("a secret of ours".into()),
        deadline: Duration::from_millis(350),
        late_limit: Duration::from_secs(5),
        failures_max: 3,
        pause: Duration::from_secs(60),
        questions_max: 4,
        allow_local: true,
    }
}

/// When and what was told first, how long that took, and where more may come.
type First = (When, Option<Told>, Duration, Receiver<(When, Option<Told>)>);

struct Asked {
    crm: Crm,
    runtime: tokio::runtime::Runtime,
}

impl Asked {
    fn new(settings: CrmSettings) -> Asked {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let crm = Crm::new(settings, Clock::begin(), runtime.handle().clone());
        Asked { crm, runtime }
    }

    /// None: nobody was asked.
    fn ask(&self) -> Option<First> {
        let (tell, told) = channel();
        let begun = Instant::now();
        let call = CallId::mint(Wall(0), &mut Seeded::new(1));
        let number = E164::new("+34612045118").unwrap();
        let told_in = move |when, answer| drop(tell.send((when, answer)));
        if !self.crm.ask(call, number, None, told_in) {
            return None;
        }
        let (when, answer) = told.recv_timeout(PATIENCE).unwrap();
        Some((when, answer, begun.elapsed(), told))
    }
}

#[test]
fn an_answer_in_time_is_taken_and_the_question_is_signed() {
    let body =
        r#"{"id":"C-7","name":"Ana","segment":"gold","value":2.5,"language":"catalan","owner":"anna","more":[1]}"#;
    let (port, asks) = server(move |stream| say(stream, "200 OK", body));
    let asked = Asked::new(CrmSettings { deadline: PATIENCE, ..settings(port) });
    let (when, told, ..) = asked.ask().unwrap();
    assert_eq!(when, When::InTime);
    let none = Customer {
        id: None,
        shown: String::new(),
        segment: SegmentId::new("standard").unwrap(),
        value_pm: 1000,
        language: None,
        owner: None,
    };
    let customer = told.unwrap().onto(None, none);
    assert_eq!((customer.id.as_deref(), customer.shown.as_str(), customer.value_pm), (Some("C-7"), "Ana", 2500));
    assert_eq!((customer.segment.as_str(), customer.owner), ("gold", AgentId::new("anna").ok()));
    let question = asks.recv_timeout(PATIENCE).unwrap();
    let (head, body) = question.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /who?x=1 HTTP/1.1\r\n"), "{head}");
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("").trim().to_owned();
    let at = header("x-turno-timestamp:");
    let code = hmac_sha256(b"a secret of ours", &[at.as_bytes(), b".", body.as_bytes()]);
    assert_eq!(header("x-turno-signature:"), format!("sha256={code}"));
    assert!(body.contains("\"number\":\"+34612045118\""), "{body}");
    drop(asked.runtime);
}

#[test]
fn what_is_no_good_answer_is_silence() {
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(ANSWER_BYTES_MAX));
    for (status, body) in [
        ("500 Oops", "{}"),
        ("503 Busy", ""),
        ("302 Found", "{}"),
        ("200 OK", "<html>"),
        ("200 OK", "[]"),
        ("200 OK", "{\"value\":-1}"),
        ("200 OK", "{\"segment\":\"No Such Name\"}"),
        ("200 OK", large.as_str()),
    ] {
        let (status, body) = (status.to_owned(), body.to_owned());
        let (port, _asks) = server(move |stream| say(stream, &status, &body));
        let asked = Asked::new(CrmSettings { failures_max: 1, deadline: PATIENCE, ..settings(port) });
        let (when, told, ..) = asked.ask().unwrap();
        assert_eq!((when, told, asked.crm.is_open()), (When::InTime, None, true));
    }
    let (port, _asks) = server(|stream| say(stream, "404 Not Found", ""));
    let asked = Asked::new(CrmSettings { failures_max: 1, ..settings(port) });
    assert_eq!((asked.ask().unwrap().1, asked.crm.is_open()), (None, false), "it knows nobody by this number");
}

#[test]
fn nobody_waits_for_one_that_hangs_and_the_breaker_opens() {
    let (port, _asks) = server(|stream| drop(stream.read(&mut [0])));
    let asked = Asked::new(CrmSettings { late_limit: Duration::from_millis(400), ..settings(port) });
    for n in 0..3 {
        let (when, told, took, _) = asked.ask().unwrap();
        assert_eq!((when, told), (When::AtDeadline, None), "question {n}");
        assert!(took >= Duration::from_millis(350) && took < Duration::from_secs(5), "{took:?}");
    }
    let until = Instant::now() + PATIENCE;
    while !asked.crm.is_open() && Instant::now() < until {
        std::thread::yield_now();
    }
    assert!(asked.ask().is_none(), "the breaker is open");
}

#[test]
fn one_that_drips_is_cut_at_the_deadline() {
    let (port, _asks) = server(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n");
        while stream.write_all(b" ").is_ok() {
            std::thread::park_timeout(Duration::from_millis(20));
        }
    });
    let asked = Asked::new(settings(port));
    let (when, _, took, _) = asked.ask().unwrap();
    assert!(when == When::AtDeadline && took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_late_answer_still_comes() {
    let (go, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let (port, _asks) = server(move |stream| {
        let _ = wait.lock().unwrap().recv();
        say(stream, "200 OK", "{\"name\":\"Late\"}");
    });
    let asked = Asked::new(CrmSettings { late_limit: PATIENCE, ..settings(port) });
    let (when, told, _, more) = asked.ask().unwrap();
    assert_eq!((when, told), (When::AtDeadline, None));
    go.send(()).unwrap();
    let (when, told) = more.recv_timeout(PATIENCE).unwrap();
    assert_eq!((when, told.and_then(|told| told.name).as_deref()), (When::Late, Some("Late")));
}

#[test]
fn this_machine_is_asked_only_where_that_is_meant() {
    let (port, asks) = server(|stream| say(stream, "200 OK", "{}"));
    let asked = Asked::new(CrmSettings { allow_local: false, deadline: PATIENCE, ..settings(port) });
    assert_eq!(asked.ask().unwrap().1, None);
    assert!(asks.try_recv().is_err(), "nothing arrived");
    for (address, want) in [
        ("127.8.8.8", true),
        ("169.254.169.254", true),
        ("0.0.0.0", true),
        ("::1", true),
        ("fe80::1", true),
        ("::ffff:127.0.0.1", true),
        ("10.0.0.1", false), // where a CRM of the house is
        ("203.0.113.7", false),
        ("2001:db8::1", false),
    ] {
        assert_eq!(is_local(address.parse().unwrap()), want, "{address}");
    }
}

#[test]
fn only_so_many_questions_are_out_at_once() {
    let (port, _asks) = server(|stream| drop(stream.read(&mut [0])));
    let asked = Asked::new(CrmSettings { failures_max: 10, ..settings(port) });
    let call = CallId::mint(Wall(0), &mut Seeded::new(1));
    let ask = || asked.crm.ask(call, E164::new("+34612045118").unwrap(), None, |_, _| ());
    let taken: Vec<bool> = (0..5).map(|_| ask()).collect();
    assert_eq!(taken, [true, true, true, true, false]);
}

/// A CRM by TLS that knows everybody as C-9.
fn secure_server(house: &House) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = house.config.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(stream), Ok(connection)) = (stream, rustls::ServerConnection::new(config.clone())) else { return };
            let mut stream = rustls::StreamOwned::new(connection, stream);
            let mut bytes = [0; 4096];
            let mut got = String::new();
            while !got.ends_with('}') {
                match stream.read(&mut bytes) {
                    Ok(n) if n > 0 => got.push_str(&String::from_utf8_lossy(&bytes[..n])),
                    _ => break,
                }
            }
            if got.ends_with('}') {
                let body = r#"{"id":"C-9"}"#;
                let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                let _ = stream.flush();
            }
        }
    });
    port
}

#[test]
fn a_crm_by_https_is_asked_only_if_its_certificate_is_in_order() {
    let (ours, theirs, other_name) = (house("127.0.0.1"), house("127.0.0.1"), house("crm.example"));
    for (server, trusts, want, why) in [
        (&ours, &ours.ca_pem, Some("C-9"), "by our own authority, for this address"),
        (&theirs, &ours.ca_pem, None, "by another authority"),
        (&other_name, &other_name.ca_pem, None, "for another name"),
    ] {
        let secure = Some(Authorities::parse(trusts.as_bytes()).unwrap());
        let settings = CrmSettings { secure, deadline: PATIENCE, failures_max: 1, ..settings(secure_server(server)) };
        let asked = Asked::new(settings);
        let (when, told, ..) = asked.ask().unwrap();
        assert_eq!((when, told.and_then(|told| told.id).as_deref()), (When::InTime, want), "{why}");
        assert_eq!(asked.crm.is_open(), want.is_none(), "{why}: it counts as a failure");
    }
    // Who speaks TLS to a server that does not is not answered either.
    let (port, _asks) = server(|stream| say(stream, "200 OK", r#"{"id":"C-8"}"#));
    let secure = Some(Authorities::parse(ours.ca_pem.as_bytes()).unwrap());
    let late_limit = Duration::from_millis(400);
    let asked = Asked::new(CrmSettings { secure, late_limit, ..settings(port) });
    assert_eq!(asked.ask().unwrap().1, None);
}
