//! Somebody who means harm, at the HTTP door of the real program: without a token, with the wrong one, with paths that climb,
//! bodies without end, sentences for the database, and slowly.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::house::{House, Plan};
use crate::rig::goal;

const BODY_BYTES: usize = 100 << 20;
/// Who says nothing for thirty seconds is gone; and a machine that has other work takes its time.
const GONE_MAX: Duration = Duration::from_secs(90);
/// What climbs out of a folder where somebody forgot to look.
const CLIMBING: [&str; 9] = [
    "../../../../../../etc/passwd",
    "..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "....//....//....//etc/passwd",
    "%2fetc%2fpasswd",
    "..%5c..%5cetc%5cpasswd",
    "..%00/etc/passwd",
    "%252e%252e%252fetc%252fpasswd",
    "..%c0%af..%c0%afetc%c0%afpasswd",
];
/// What a database does where somebody wrote a text into a sentence.
pub(crate) const SENTENCES: [&str; 5] = [
    "' OR '1'='1",
    "x'; DROP TABLE calls; --",
    "\" UNION SELECT sql FROM sqlite_master --",
    "1); DELETE FROM customers; --",
    "%' AND randomblob(1000000000) AND '%'='",
];

/// A token as an operator makes it: the secret, and the lines for the configuration.
pub(crate) fn token(scope: &str) -> (String, String) {
    let made = Command::new(env!("CARGO_BIN_EXE_turno"))
        .args(["token", "new", "--name", scope, "--scope", scope])
        .output()
        .unwrap();
    let text = String::from_utf8(made.stdout).unwrap();
    let (secret, lines) = text.split_once("\n\n").unwrap();
    (secret.to_owned(), lines.to_owned())
}

/// A house with a token of each of two scopes, and somebody who signs in.
struct Fortress {
    house: House,
    admin: String,
    board: String,
}

impl Fortress {
    fn build() -> Fortress {
        let ((admin, lines), (board, more)) = (token("admin"), token("board"));
        let more = format!("{lines}\n{more}\n");
        let plan = Plan { agents: &[("anna", 5)], sip: "", queue: "", more: &more };
        let rows = "C-1,Ana Roca,+34688111222,standard,1,\n";
        Fortress { house: House::open_to(&plan, rows, ""), admin, board }
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::new(self.house.ip(1), 8480)
    }

    fn ask(&self, method: &str, path: &str, token: &str, body: &str) -> (u16, String) {
        let bearer = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: turno.example\r\nConnection: close\r\n{bearer}Content-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        // What the pace of one address lets through comes in time.
        loop {
            let (status, said) = exchange(self.address(), text.as_bytes());
            if status != 429 {
                return (status, said);
            }
        }
    }

    fn description(&self) -> Value {
        serde_json::from_str(&self.ask("GET", "/api/v1/openapi.json", "", "").1).unwrap()
    }

    /// Nothing of ours broke.
    fn is_whole(&self) {
        let page = self.house.get("/metrics").unwrap();
        let panics = page.lines().filter(|line| line.starts_with("turno_panics_total") && !line.ends_with(" 0"));
        assert_eq!(panics.count(), 0, "{page}");
        assert_eq!(self.ask("GET", "/api/v1/records", &self.admin, ""), (200, "{\"records\":[]}".to_owned()));
        let (status, found) = self.ask("GET", "/api/v1/customers?search=roca", &self.admin, "");
        assert!(status == 200 && found.contains("C-1"), "{status} {found}");
    }
}

pub(crate) fn exchange(address: SocketAddr, text: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
    let _ = stream.write_all(text);
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    let all = String::from_utf8_lossy(&all).into_owned();
    let (head, body) = all.split_once("\r\n\r\n").unwrap_or((&all, ""));
    (head.get(9..12).and_then(|code| code.parse().ok()).unwrap_or(0), body.to_owned())
}

/// Method and path of every operation, with what is described of it.
fn operations(description: &Value) -> Vec<(String, String, &Value)> {
    let paths = description["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().iter();
            methods.map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation))
        })
        .collect()
}

/// The path with something in each of its places.
fn filled(path: &str, with: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { with } else { part }).collect::<Vec<_>>().join("/")
}

pub(crate) fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn nothing_gets_through_by_http() {
    let fortress = Fortress::build();
    let description = fortress.description();
    let all = operations(&description);
    assert!(all.len() > 50, "{}", all.len());
    for (method, path, operation) in &all {
        let filled = filled(path, "anna");
        if operation["security"] == json!([]) {
            continue;
        }
        for wrong in ["", "wrong", &fortress.admin[..fortress.admin.len() - 1]] {
            assert_eq!(fortress.ask(method, &filled, wrong, "").0, 401, "{method} {path} {wrong:?}");
        }
        let may = operation["x-scopes"].as_array().unwrap().contains(&json!("board"));
        let status = fortress.ask(method, &filled, &fortress.board, "").0;
        assert_eq!(status == 403, !may, "{method} {path}: {status}");
    }

    let placed = all.iter().filter(|(method, path, _)| method == "GET" && path.contains('{'));
    let routes: Vec<String> = placed.map(|(_, path, _)| path.clone()).chain(["/wall/{name}".to_owned()]).collect();
    for path in &routes {
        for climb in CLIMBING {
            let (status, said) = fortress.ask("GET", &filled(path, climb), &fortress.admin, "");
            assert!((400..500).contains(&status), "{path} {climb}: {status} {said}");
            assert!(!said.contains("root:") && !said.contains("data_dir"), "{path} {climb}: {said}");
        }
    }

    for (method, path, operation) in &all {
        for sentence in SENTENCES {
            let in_path = filled(path, &encoded(sentence));
            let query: Vec<String> = operation["parameters"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|parameter| parameter["in"] == "query" && parameter["schema"]["type"] == "string")
                .map(|parameter| format!("{}={}", parameter["name"].as_str().unwrap(), encoded(sentence)))
                .collect();
            let properties = &operation["requestBody"]["content"]["application/json"]["schema"]["properties"];
            let texts = properties.as_object().into_iter().flatten().filter(|(_, schema)| schema["type"] == "string");
            let body: serde_json::Map<String, Value> = texts.map(|(name, _)| (name.clone(), json!(sentence))).collect();
            let (status, said) = fortress.ask(
                method,
                &format!("{in_path}?{}", query.join("&")),
                &fortress.admin,
                &json!(body).to_string(),
            );
            assert!(status < 500, "{method} {in_path}: {status} {said}");
            assert!(!said.contains("CREATE TABLE") && !said.contains("syntax error"), "{method} {path}: {said}");
        }
    }
    fortress.is_whole();
}

#[test]
fn a_body_of_a_hundred_megabytes_is_refused_before_it_is_read() {
    let fortress = Fortress::build();
    for path in ["/api/v1/emergency", "/api/v1/customers/import", "/api/v1/session"] {
        for how in [format!("Content-Length: {BODY_BYTES}\r\n"), "Transfer-Encoding: chunked\r\n".to_owned()] {
            let mut stream = TcpStream::connect(fortress.address()).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: turno.example\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n{how}\r\n",
                fortress.admin
            );
            stream.write_all(head.as_bytes()).unwrap();
            let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
            let sent = (0..BODY_BYTES / chunk.len()).take_while(|_| stream.write_all(chunk.as_bytes()).is_ok()).count();
            let mut answer = [0; 12];
            let status =
                stream.read_exact(&mut answer).ok().map(|()| String::from_utf8_lossy(&answer[9..]).into_owned());
            assert!(matches!(status.as_deref(), None | Some("413")), "{path} {how}: {status:?}");
            // What the kernel holds and the import takes, and no more.
            assert!(sent * chunk.len() < BODY_BYTES * 9 / 10, "{path} {how}: {sent} chunks were taken");
        }
    }
    fortress.is_whole();
}

/// Row O5 of docs/reliability.md: 300 as CI has it and as the goal says; more by `TURNO_SLOW_HTTP`.
#[test]
fn slow_and_endless_requests_are_cut_and_hold_nobody_up() {
    let many = std::env::var("TURNO_SLOW_HTTP").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    let fortress = Fortress::build();
    let begun = Instant::now();
    let slow: Vec<TcpStream> = (0..many)
        .map(|n| {
            let mut stream = TcpStream::connect(fortress.address()).unwrap();
            let admin = &fortress.admin;
            let start = match n % 3 {
                0 => "GET /api/v1/queues HTTP/1.1\r\nHost: x\r\n".to_owned(),
                1 => format!(
                    "POST /api/v1/emergency HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin}\r\n\
                     Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n{{"
                ),
                _ => format!(
                    "POST /api/v1/customers/merge HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin}\r\n\
                     Content-Length: 2000000000\r\n\r\n"
                ),
            };
            stream.write_all(start.as_bytes()).unwrap();
            stream.set_nonblocking(true).unwrap();
            stream
        })
        .collect();
    let mut open: Vec<TcpStream> = slow;
    let mut took = Vec::new();
    while !open.is_empty() {
        assert!(begun.elapsed() < GONE_MAX, "{} of {many} are still there", open.len());
        for _ in 0..10 {
            let asked = Instant::now();
            assert_eq!(fortress.ask("GET", "/api/v1/queues", &fortress.admin, "").0, 200);
            took.push(asked.elapsed());
        }
        let drip = if took.len().is_multiple_of(20) { "X-a: b\r\n" } else { "" };
        open.retain_mut(|stream| {
            let _ = stream.write_all(drip.as_bytes());
            let mut bytes = [0; 512];
            loop {
                match stream.read(&mut bytes) {
                    Ok(0) => return false,
                    Ok(_) => {}
                    Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
                }
            }
        });
    }
    took.sort();
    let p99 = took[took.len() * 99 / 100];
    println!("{many} slow ones gone after {:?}; of {} others p99 {p99:?}", begun.elapsed(), took.len());
    assert!(p99 < goal("TURNO_SLOW_HTTP", Duration::from_secs(1)), "{p99:?}");
    let long = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(1 << 20));
    assert!(matches!(exchange(fortress.address(), long.as_bytes()).0, 431 | 0));
    fortress.is_whole();
}

#[test]
fn no_request_that_the_description_allows_or_forbids_is_answered_by_an_error_of_ours() {
    let fortress = Fortress::build();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/schemathesis/bin/schemathesis");
    let url = format!("http://{}/api/v1/openapi.json", fortress.address());
    let examples = std::env::var("TURNO_SCHEMA_EXAMPLES").unwrap_or_else(|_| "12".to_owned());
    let said = Command::new(&program)
        .args(["run", &url, "--checks", "not_a_server_error", "--seed", "1", "--max-examples", &examples])
        .args(["--header", &format!("Authorization: Bearer {}", fortress.admin)])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--mode",
            "all",
            "--max-time",
            "600",
            "--rate-limit",
            "150/s",
            "--request-timeout",
            "60",
        ])
        .args(["--suppress-health-check", "all", "--no-color", "--generation-database", "none"])
        .current_dir(&fortress.house.dir)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{} does not start ({error}); scripts/tools installs it", program.display()));
    let text = format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    println!("{}", text.lines().rev().take(25).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n"));
    assert!(said.status.success(), "{text}");
    // All but the description itself, which it has read.
    reached_all(&text, operations(&fortress.description()).len() - 1);
    let page = fortress.house.get("/metrics").unwrap();
    assert!(!page.lines().any(|line| line.starts_with("turno_panics_total") && !line.ends_with(" 0")), "{page}");
}

/// What was described was asked for, all of it: a run that ends before its time has shown nothing of the rest.
fn reached_all(said: &str, operations: usize) {
    let count = |begins: &str| said.lines().find_map(|line| line.trim().strip_prefix(begins)).map(str::trim);
    assert_eq!(count("Selected:"), Some(&*format!("{operations}/{operations}")), "{said}");
    assert_eq!(count("Tested:"), Some(&*operations.to_string()), "{said}");
}
