//! The program as an operator runs it: a process, its signals, its sockets, and what survives when it is killed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Bounds a failure, never orders anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many there have been.
static PLACES: AtomicU16 = AtomicU16::new(0);

/// A folder with a configuration, removed when the test ends.
struct Place {
    dir: PathBuf,
}

impl Place {
    /// With one queue, one agent at a fixed contact, one trunk, and `more`.
    fn new(name: &str, more: &str) -> Place {
        let dir = std::env::temp_dir().join(format!("turno-it-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        // Its own, and none that the system gives away: a node holds as many in reserve as two others would leave of a thousand.
        // From 26,000 on others of these tests are at home.
        let ports = 20_000 + 1000 * (PLACES.fetch_add(1, Ordering::Relaxed) % 6);
        let text = format!(
            r#"
            [node]
            data_dir = "data"
            [http]
            listen = "127.0.0.1:0"
            [[sip.listeners]]
            transport = "udp"
            address = "127.0.0.1:0"
            [[sip.listeners]]
            transport = "tcp"
            address = "127.0.0.1:0"
            [media]
            ports = "{ports}-{}"
            [accounts.1001.fixed]
            uri = "sip:1001@127.0.0.1:9"
            [accounts.1002.fixed]
            uri = "sip:1002@127.0.0.1:9"
            [queues.ventas]
            [agents.anna]
            queues = ["ventas"]
            station = "1001"
            [reasons.lunch]
            [segments.standard]
            [customers]
            segment_default = "standard"
            [[routes]]
            dnis = "*"
            to = "queue:ventas"
            {more}
            "#,
            ports + 999
        );
        std::fs::write(dir.join("turno.toml"), text).unwrap();
        Place { dir }
    }

    fn config(&self) -> PathBuf {
        self.dir.join("turno.toml")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// A running `turno serve`.
struct Running {
    child: Child,
    socket: PathBuf,
    udp: SocketAddr,
    tcp: SocketAddr,
    http: SocketAddr,
    ami: Option<SocketAddr>,
    /// What it logged before it was ready.
    log: Vec<Value>,
}

impl Running {
    fn start(place: &Place) -> Running {
        Running::start_with(place, &[])
    }

    /// With variables in its environment.
    fn start_with(place: &Place, variables: &[(&str, &str)]) -> Running {
        let mut child = Command::new(env!("CARGO_BIN_EXE_turno"))
            .args(["serve", "--config"])
            .arg(place.config())
            .envs(variables.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut log = Vec::new();
        let serving = loop {
            let line = lines.next().expect("it ended before it served").unwrap();
            let Ok(line) = serde_json::from_str::<Value>(&line) else { panic!("{line}") };
            if line["message"] == "serving" {
                break line;
            }
            log.push(line);
        };
        // Nobody may block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let listeners = serving["listeners"].as_str().unwrap();
        let address =
            |via: &str| listeners.split(", ").find_map(|l| l.strip_prefix(via)).unwrap().trim().parse().unwrap();
        Running {
            udp: address("UDP"),
            tcp: address("TCP"),
            http: serving["http"].as_str().unwrap().parse().unwrap(),
            ami: serving["ami"].as_str().unwrap().parse().ok(),
            socket: place.dir.join("data/turno.sock"),
            child,
            log,
        }
    }

    /// Runs `turno` against this engine.
    fn turno(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_turno")).arg("--socket").arg(&self.socket).args(args).output().unwrap()
    }

    /// What `turno --json` says.
    fn json(&self, args: &[&str]) -> Value {
        let out = self.turno(&[args, &["--json"]].concat());
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        serde_json::from_slice(&out.stdout).unwrap()
    }

    fn agent(&self) -> Value {
        self.json(&["agent", "show", "anna"])["agents"][0].clone()
    }

    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.http).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").unwrap();
        let mut all = String::new();
        stream.read_to_string(&mut all).unwrap();
        let (head, body) = all.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for the end; says how long it took and whether it was a success.
    fn ended(mut self) -> (Duration, bool) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (begun.elapsed(), status.success());
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn options(via: &str, port: u16, n: u32) -> String {
    format!(
        "OPTIONS sip:turno SIP/2.0\r\nVia: SIP/2.0/{via} 127.0.0.1:{port};branch=z9hG4bKit{n};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:probe@127.0.0.1>;tag={n}\r\nTo: <sip:turno@127.0.0.1>\r\nCall-ID: probe-{n}@127.0.0.1\r\n\
         CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
}

fn options_udp(to: SocketAddr, n: u32) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send_to(options("UDP", socket.local_addr().unwrap().port(), n).as_bytes(), to).unwrap();
    let mut buffer = [0; 4096];
    let got = socket.recv(&mut buffer).unwrap();
    status(&buffer[..got])
}

fn options_tcp(to: SocketAddr, n: u32) -> u16 {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let port = stream.local_addr().unwrap().port();
    stream.write_all(options("TCP", port, n).as_bytes()).unwrap();
    let mut buffer = [0; 4096];
    let got = stream.read(&mut buffer).unwrap();
    status(&buffer[..got])
}

fn status(reply: &[u8]) -> u16 {
    String::from_utf8_lossy(reply).split(' ').nth(1).unwrap().parse().unwrap()
}

fn replay(journal: &Path) -> (bool, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_turno")).args(["replay", "--quiet"]).arg(journal).output().unwrap();
    (out.status.success(), String::from_utf8(out.stdout).unwrap())
}

#[test]
fn an_operator_starts_asks_steers_and_ends_it() {
    let place = Place::new("steer", "");
    let node = Running::start(&place);
    assert_eq!((options_udp(node.udp, 1), options_tcp(node.tcp, 2)), (200, 200));
    assert_eq!(node.get("/readyz"), (200, "ready\n".into()));
    assert_eq!(node.agent()["state"], "logged-out");
    assert!(node.turno(&["agent", "login", "anna"]).status.success());
    let refused = node.turno(&["agent", "pause", "anna", "holiday"]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&refused.stderr).lines().count(), 1, "one sentence");
    for asked in ["show", "login", "logout", "ready"] {
        let refused = node.turno(&["agent", asked, "nobody"]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!((refused.status.code(), said.as_str()), (Some(3), "there is no agent \"nobody\"\n"), "{asked}");
    }
    assert_eq!(node.json(&["queue", "show"])["queues"][0]["ready"], 1);
    let kept = std::fs::metadata(place.dir.join("data")).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&kept) & 0o777, 0o700, "nobody else reads numbers and secrets");
    let (_, page) = node.get("/metrics");
    assert!(page.contains("turno_agents{state=\"ready\"} 1"), "{page}");
    let (_, calls) = node.get("/api/v1/calls");
    assert_eq!(calls, "{\"calls\":[]}");
    let (status, records) = node.get("/api/v1/records");
    assert_eq!((status, records.as_str()), (200, "{\"records\":[]}"));

    node.signal("INT");
    let (took, success) = node.ended();
    assert!(success && took < PATIENCE / 2, "{took:?}");
    let gone = Command::new(env!("CARGO_BIN_EXE_turno"))
        .args(["queue", "show", "--socket"])
        .arg(place.dir.join("data/turno.sock"))
        .output()
        .unwrap();
    assert_eq!(gone.status.code(), Some(4));
    let (equal, said) = replay(&place.dir.join("data/journal"));
    assert!(equal && said.trim_end().ends_with("equal"), "{said}");
}

#[test]
fn what_was_true_before_a_kill_is_true_after_it() {
    let place = Place::new("kill", "");
    let node = Running::start(&place);
    assert!(node.turno(&["agent", "login", "anna", "1002"]).status.success());
    assert!(node.turno(&["agent", "pause", "anna", "lunch"]).status.success());
    node.signal("KILL");
    node.ended();

    let node = Running::start(&place);
    assert!(node.log.iter().any(|line| line["message"] == "recovered the state of the last process"), "{:?}", node.log);
    let agent = node.agent();
    assert_eq!(
        (&agent["state"], &agent["reason"], &agent["station"]),
        (&"paused".into(), &"lunch".into(), &"1002".into())
    );
    let (_, board) = node.get("/api/v1/board");
    let board: Value = serde_json::from_str(&board).unwrap();
    assert_eq!(board["board"]["agents"][0]["state"], "paused");
    assert_eq!(options_udp(node.udp, 3), 200);
    node.signal("KILL");
    node.ended();
    let (equal, said) = replay(&place.dir.join("data/journal"));
    assert!(equal, "{said}");
}

#[test]
fn a_drain_refuses_new_work_and_ends_when_nothing_is_left() {
    let place = Place::new("drain", "");
    let node = Running::start(&place);
    assert!(node.turno(&["drain"]).status.success());
    // The loop looks every 100 ms.
    let begun = Instant::now();
    let mut n = 10;
    while options_udp(node.udp, n) != 503 {
        n += 1;
        assert!(begun.elapsed() < PATIENCE);
    }
    assert_eq!(node.get("/readyz"), (503, "draining\n".into()));
    node.signal("TERM");
    assert!(node.ended().1);
}

#[test]
fn a_changed_configuration_is_taken_whole_or_not_at_all() {
    let place = Place::new("reload", "");
    let node = Running::start(&place);
    let text = std::fs::read_to_string(place.config()).unwrap();
    std::fs::write(place.config(), format!("{text}\n[queues.averias]\n[agents.boris]\nqueues = [\"averia\"]\n"))
        .unwrap();
    let refused = node.turno(&["reload"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("did you mean \"averias\"?"));
    assert_eq!(node.json(&["queue", "show"])["queues"].as_array().unwrap().len(), 1);

    std::fs::write(place.config(), format!("{text}\n[queues.averias]\n[agents.boris]\nqueues = [\"averias\"]\n"))
        .unwrap();
    assert!(node.turno(&["agent", "login", "anna"]).status.success());
    assert!(node.turno(&["reload"]).status.success());
    assert_eq!(node.json(&["queue", "show"])["queues"].as_array().unwrap().len(), 2);
    assert_eq!(node.agent()["state"], "ready", "nobody loses his seat");

    std::fs::write(place.config(), text.replace("999\"", "998\"")).unwrap();
    let done = node.turno(&["reload"]);
    assert!(done.status.success());
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(said.contains("media or prompts: takes effect at the next start"), "{said}");
}

/// Says `words` there, and reads until one of `answers` comes; which.
fn said<'a>(to: SocketAddr, words: &str, answers: &[&'a str]) -> &'a str {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(words.as_bytes()).unwrap();
    let (begun, mut heard, mut part) = (Instant::now(), Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&heard);
        if let Some(answer) = answers.iter().find(|answer| text.contains(**answer)) {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "none of {answers:?} in {text:?}");
        match stream.read(&mut part).unwrap() {
            0 => panic!("closed without any of {answers:?}: {text:?}"),
            read => heard.extend(&part[..read]),
        }
    }
}

#[test]
fn a_changed_configuration_reaches_every_door() {
    let doors =
        "[wall]\ntitle = \"Hall one\"\n[ami]\nlisten = \"127.0.0.1:0\"\n[ami.logins.board]\nsecret = \"number-one\"\n";
    let place = Place::new("doors", doors);
    let text = std::fs::read_to_string(place.config()).unwrap();
    let text = text.replace("[http]\n", "[http]\ntoken = \"bearer-number-one\"\n");
    std::fs::write(place.config(), &text).unwrap();
    let node = Running::start(&place);
    let (http, ami) = (node.http, node.ami.unwrap());
    let asked = |which: &str| {
        let head = format!("Host: 127.0.0.1\r\nAuthorization: Bearer bearer-number-{which}\r\n");
        let status = said(http, &format!("GET /api/v1/queues HTTP/1.1\r\n{head}\r\n"), &[" 200 ", " 401 "]);
        let login = format!("Action: Login\r\nUsername: board\r\nSecret: number-{which}\r\n\r\n");
        (status, said(ami, &login, &["accepted", "failed"]))
    };
    let shows = |title: &str, which: &str| {
        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let feed = format!("GET /wall/feed?token=bearer-number-{which} HTTP/1.1\r\nHost: 127.0.0.1\r\n{upgrade}\r\n");
        said(http, &feed, &[title]);
    };
    assert_eq!((asked("one"), asked("two")), ((" 200 ", "accepted"), (" 401 ", "failed")));
    shows("Hall one", "one");
    std::fs::write(place.config(), text.replace("number-one", "number-two").replace("Hall one", "Hall two")).unwrap();
    assert!(node.turno(&["reload"]).status.success());
    assert_eq!((asked("one"), asked("two")), ((" 401 ", "failed"), (" 200 ", "accepted")));
    shows("Hall two", "two");
}

#[test]
fn two_processes_never_share_a_folder_and_a_busy_port_is_named() {
    let place = Place::new("twice", "");
    let node = Running::start(&place);
    let second =
        Command::new(env!("CARGO_BIN_EXE_turno")).args(["serve", "--config"]).arg(place.config()).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("in use by another turno"), "{said}");

    let other = Place::new("busy", "");
    let text = std::fs::read_to_string(other.config()).unwrap();
    let busy = text.replacen("address = \"127.0.0.1:0\"", &format!("address = \"{}\"", node.udp), 1);
    std::fs::write(other.config(), busy).unwrap();
    let second =
        Command::new(env!("CARGO_BIN_EXE_turno")).args(["serve", "--config"]).arg(other.config()).output().unwrap();
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(second.status.code() == Some(1) && said.contains("is in use by another program"), "{said}");
}

#[test]
fn prices_and_records_are_asked_without_an_engine() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let deck = root.join("config/tariff.csv");
    let turno = |args: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_turno")).args(args).current_dir(std::env::temp_dir()).output().unwrap()
    };
    let deck = deck.to_str().unwrap();
    let out = turno(&["rate", "+34600111222", "--from", "+34910000001", "--seconds", "61", "--deck", deck]);
    assert!(out.status.success());
    let out = turno(&["rate", "+34600111222", "--from", "+34910000001", "--deck", deck, "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&out.stdout).unwrap()["net"]["currency"], "EUR");
    let asked = ["rate", "--to", "600111222", "--at", "2026-03-10T11:00:00Z", "--seconds", "61", "--deck", deck];
    let said = turno(&asked);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("rate mobile") && said.contains("x 6 s from 30 s on"), "{said}");
    let mut batch = Command::new(env!("CARGO_BIN_EXE_turno"))
        .args(["rate", "--batch"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = "{\"id\":1,\"op\":\"normalize\",\"input\":{\"raw\":\"112\",\"country\":\"34\"}}\nnonsense\n";
    batch.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let out = batch.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    let answers = "{\"id\":1,\"key\":\"34112\"}\n{\"id\":null,\"error\":\"malformed\"}\n";
    assert_eq!(String::from_utf8_lossy(&out.stdout), answers);
    let out = turno(&["rate", "hello", "--deck", deck]);
    assert_eq!(out.status.code(), Some(1));
    let out = turno(&["cdr", "list", "--records", "nowhere"]);
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stderr).contains("--records"));
}

/// sd_notify(3): what a unit of Type=notify with WatchdogSec waits for, on the socket that it gives.
#[test]
fn the_service_manager_is_told_of_start_life_reload_and_end() {
    let place = Place::new("systemd", "");
    let manager = place.dir.join("notify");
    let heard = std::os::unix::net::UnixDatagram::bind(&manager).unwrap();
    heard.set_read_timeout(Some(PATIENCE)).unwrap();
    let node =
        Running::start_with(&place, &[("NOTIFY_SOCKET", manager.to_str().unwrap()), ("WATCHDOG_USEC", "400000")]);
    // What comes next but for signs of life.
    let said = || loop {
        let mut buffer = [0; 4096];
        let length = heard.recv(&mut buffer).unwrap();
        let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
        if text.trim_end() != "WATCHDOG=1" {
            break text.lines().map(|line| line.split('=').next().unwrap().to_owned()).collect::<Vec<_>>();
        }
    };
    assert_eq!(said(), ["READY"]);
    let mut buffer = [0; 64];
    for _ in 0..3 {
        let length = heard.recv(&mut buffer).unwrap();
        assert_eq!(std::str::from_utf8(&buffer[..length]).unwrap().trim_end(), "WATCHDOG=1");
    }
    node.signal("HUP");
    assert_eq!(said(), ["RELOADING", "MONOTONIC_USEC"]);
    assert_eq!(said(), ["READY"]);
    // Whoever waits for the manager finds it in the audit log already: what changed, and what was refused.
    let config = std::fs::read_to_string(place.config()).unwrap();
    for text in [config.replace("[reasons.lunch]", "[reasons.tea]"), config.replace("queue:ventas", "queue:nowhere")] {
        std::fs::write(place.config(), text).unwrap();
        node.signal("HUP");
        assert_eq!(said(), ["RELOADING", "MONOTONIC_USEC"]);
        assert_eq!(said(), ["READY"]);
    }
    let entries = node.json(&["audit", "list"])["audit"].clone();
    let told = |nth: usize| {
        let entry = &entries[nth];
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let by = ["who", "door", "what", "about"].map(text).join(" ");
        (by, text("more"), entry["before"].clone(), entry["after"].clone(), text("refused"))
    };
    let by = || "SIGHUP signal reload config".to_owned();
    let revision = |n: u64| serde_json::json!({"revision": n});
    let (who, more, before, after, refused) = told(0);
    assert_eq!((who, more, before, after), (by(), String::new(), Value::Null, Value::Null));
    assert!(refused.contains("nowhere"), "{refused}");
    assert_eq!(told(1), (by(), "reasons.lunch, reasons.tea".to_owned(), revision(1), revision(2), String::new()));
    assert_eq!(told(2), (by(), String::new(), revision(1), revision(1), String::new()));
    node.signal("TERM");
    assert_eq!(said(), ["STOPPING", "STATUS", "EXTEND_TIMEOUT_USEC"]);
    assert!(node.ended().1);
}
