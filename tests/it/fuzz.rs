//! Reliability P3, P4 and O4 with the real program: bent messages from many peers over UDP and TCP while somebody asks
//! OPTIONS all the time, and thousands of streams that say almost nothing.
//!
//! What the targets of `fuzz/` keep as seeds is read here by the ordinary build. The sizes fit a test run;
//! `fuzz/README.md` names the variables for the full ones and the figures they gave.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use turno_base::Seeded;

#[path = "../../fuzz/src/said.rs"]
#[expect(unreachable_pub, reason = "a module of the fuzz targets' library, read here as it is there")]
mod said;

mod peer;

use peer::{Peer, Tally};

use crate::goal::goal;

/// Bounds a failure, never orders anything.
const PATIENCE: Duration = Duration::from_secs(120);
/// P3: an OPTIONS that takes longer was not answered.
const OPTIONS_GOAL: Duration = Duration::from_secs(1);
const OPTIONS_EVERY: Duration = Duration::from_millis(100);
/// Messages sent before the engine must have shown that it keeps up.
const BURST: u64 = 64;
/// Times that a pressed engine is asked, between two bursts, whether it is calm again.
const CALM_TRIES: u32 = 50;
/// Memory that the run may add in all, and per 100,000 messages (P3).
const GROWTH_KB_MAX: u64 = 64 * 1024;
const GROWTH_KB_PER_100K_MAX: u64 = 16 * 1024;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

/// Media ports of an engine under test.
const MEDIA_PORTS: u16 = 1000;

/// How long an OPTIONS is waited for: the goal in a whole run, which has the machine to itself.
fn options_limit() -> Duration {
    goal("FUZZ_MESSAGES", OPTIONS_GOAL)
}

/// A running engine in a folder of its own.
struct Node {
    child: Child,
    dir: PathBuf,
    udp: SocketAddr,
    tcp: SocketAddr,
    http: SocketAddr,
    /// Lines of the log that say something about panics.
    panicked: Arc<AtomicBool>,
}

impl Node {
    /// `ports` is the first of its media ports; below 32768, from where the kernel draws ports for everybody else.
    fn start(name: &str, ports: u16, more: &str) -> Node {
        let dir = std::env::temp_dir().join(format!("turno-it-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        let text = format!(
            r#"
            [node]
            data_dir = "data"
            [http]
            listen = "127.0.0.1:0"
            [journal]
            size = "200MB"
            [[sip.listeners]]
            transport = "udp"
            address = "127.0.0.1:0"
            [[sip.listeners]]
            transport = "tcp"
            address = "127.0.0.1:0"
            [media]
            ports = "{ports}-{}"
            silence_limit = "5s"
            [reasons.lunch]
            [segments.standard]
            [customers]
            segment_default = "standard"
            {more}
            "#,
            ports + MEDIA_PORTS - 1
        );
        std::fs::write(dir.join("turno.toml"), text).unwrap();
        let mut child = Command::new(crate::rig::program())
            .args(["serve", "--config"])
            .arg(dir.join("turno.toml"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let serving = loop {
            let line = lines.next().expect("it ended before it served").unwrap();
            let Ok(line) = serde_json::from_str::<Value>(&line) else { panic!("{line}") };
            if line["message"] == "serving" {
                break line;
            }
        };
        let panicked = Arc::new(AtomicBool::new(false));
        let seen = panicked.clone();
        // Nobody may block on a full pipe.
        std::thread::spawn(move || {
            for line in
                lines.map_while(Result::ok).filter(|line| line.contains("panic") || line.contains("a fault of ours"))
            {
                eprintln!("{line}");
                seen.store(true, Ordering::Relaxed);
            }
        });
        let listeners = serving["listeners"].as_str().unwrap();
        let address =
            |via: &str| listeners.split(", ").find_map(|l| l.strip_prefix(via)).unwrap().trim().parse().unwrap();
        let http = serving["http"].as_str().unwrap().parse().unwrap();
        Node { udp: address("UDP"), tcp: address("TCP"), http, child, dir, panicked }
    }

    fn turno(&self, args: &[&str]) {
        let socket = self.dir.join("data/turno.sock");
        let out = Command::new(crate::rig::program()).arg("--socket").arg(socket).args(args).output().unwrap();
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    }

    /// Value of a metric with its labels as printed.
    fn metric(&self, name: &str) -> u64 {
        let mut stream = TcpStream::connect(self.http).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.trim().parse().unwrap())
    }

    fn size(&self, of: &str) -> u64 {
        self.metric(&format!("turno_size{{of=\"{of}\"}}"))
    }

    fn rss_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// Waits until what `seen` gives is at most `bound`.
    fn settles(&self, what: &str, bound: u64, seen: impl Fn(&Node) -> u64) {
        let begun = Instant::now();
        while seen(self) > bound {
            assert!(begun.elapsed() < PATIENCE * 2, "{what} stays at {}", seen(self));
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Somebody who asks OPTIONS; every answer counts, a late one or none fails the run.
struct Prober {
    socket: UdpSocket,
    to: SocketAddr,
    asked: u32,
    took: Vec<Duration>,
}

impl Prober {
    fn new(from: &str, to: SocketAddr) -> Prober {
        let socket = UdpSocket::bind(from).unwrap();
        socket.set_read_timeout(Some(options_limit())).unwrap();
        Prober { socket, to, asked: 0, took: Vec::new() }
    }

    /// Whether it was refused for load.
    fn ask(&mut self) -> bool {
        self.asked += 1;
        let (n, local) = (self.asked, self.socket.local_addr().unwrap());
        let text = format!(
            "OPTIONS sip:turno SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKp{n};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:probe@{local}>;tag={n}\r\nTo: <sip:turno@127.0.0.1>\r\nCall-ID: probe-{n}@{local}\r\n\
             CSeq: {n} OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        let begun = Instant::now();
        self.socket.send_to(text.as_bytes(), self.to).unwrap();
        let mut buffer = [0; 4096];
        let answer = self.socket.recv(&mut buffer);
        let took = begun.elapsed();
        assert!(answer.is_ok() && took < options_limit(), "OPTIONS {n} was not answered within {took:?}: {answer:?}");
        self.took.push(took);
        buffer.starts_with(b"SIP/2.0 503 ")
    }

    fn at(&self, percent: usize) -> Duration {
        let mut took = self.took.clone();
        took.sort_unstable();
        took.get((took.len() * percent / 100).min(took.len() - 1)).copied().unwrap_or_default()
    }

    /// Asks until told otherwise.
    fn begin(mut self, ended: Arc<AtomicBool>) -> std::thread::JoinHandle<Prober> {
        std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                self.ask();
                std::thread::sleep(OPTIONS_EVERY);
            }
            self
        })
    }
}

fn torture() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture");
    let folders = ["rfc4475", "rfc5118"].map(|folder| std::fs::read_dir(root.join(folder)).unwrap());
    let mut files: Vec<PathBuf> = folders.into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Forty phones, four servers of a trunk and eight phones on streams.
fn peers(node: &Node) -> Vec<Peer> {
    let mut peers = Vec::new();
    let users = ["1001", "1002", "1003", "1004"];
    for n in 0..40 {
        peers.push(Peer::udp(&format!("127.8.0.{}:0", n + 1), node.udp, Some(users[n % 4])));
    }
    for n in 0..4 {
        peers.push(Peer::udp(&format!("127.7.0.{}:0", n + 1), node.udp, None));
    }
    for n in 0..8 {
        peers.push(Peer::tcp(&format!("127.8.1.{}:0", n + 1), node.tcp, Some(users[n % 4])));
    }
    peers
}

const CALL_CENTRE: &str = r#"
    [sip.rules]
    t1 = "50ms"
    t2 = "200ms"
    t4 = "200ms"
    expires_min = "1s"
    expires_max = "60s"
    [trunks.carrier]
    networks = ["127.7.0.0/16"]
    hosts = ["127.7.0.1:9"]
    transport = "udp"
    [accounts.1001]
    password = "secret"
    [accounts.1002]
    password = "secret"
    [accounts.1003]
    password = "secret"
    [accounts.1004]
    password = "secret"
    [queues.ventas]
    ring_limit = "2s"
    wait_limit = "3s"
    wrap_up = "1s"
    on_wait = "hangup"
    [agents.anna]
    queues = ["ventas"]
    station = "1001"
    no_answer_max = 0
    [agents.boris]
    queues = ["ventas"]
    station = "1002"
    no_answer_max = 0
    [calls]
    ring_limit = "2s"
    duration_limit = "60s"
    [extensions]
    600 = "queue:ventas"
    1002 = "station:1002"
    [[routes]]
    dnis = "*"
    to = "queue:ventas"
"#;

#[test]
fn bent_messages_end_nothing_and_hold_nobody_up() {
    let (messages, rate) = (setting("FUZZ_MESSAGES", 20_000), setting("FUZZ_RATE", 2500));
    let node = Node::start("bent", 31_700, CALL_CENTRE);
    node.turno(&["agent", "login", "anna"]);
    node.turno(&["agent", "login", "boris"]);
    let (torture, mut peers, mut dice) = (torture(), peers(&node), Seeded::new(setting("FUZZ_SEED", 1)));
    let ended = Arc::new(AtomicBool::new(false));
    let prober = Prober::new("127.9.0.1:0", node.udp).begin(ended.clone());
    let mut pilot = Prober::new("127.9.0.2:0", node.udp);
    let (rss_before, descriptors_before) = (node.rss_kb(), node.descriptors());
    let mut rss_at_100k = vec![rss_before];
    let mut tally = Tally::default();
    let begun = Instant::now();
    while tally.sent < messages {
        assert!(!prober.is_finished(), "an OPTIONS was not answered");
        for _ in 0..BURST {
            let nth = dice.below(peers.len() as u64) as usize;
            peers[nth].ask(&torture, &mut dice, &mut tally);
        }
        for peer in &mut peers {
            peer.react(&mut dice, &mut tally);
        }
        // An engine that is pressed refuses most before it looks into it: what comes when it is not goes deeper.
        for _ in 0..CALM_TRIES {
            if !pilot.ask() {
                break;
            }
            std::thread::sleep(OPTIONS_EVERY / 10);
        }
        let due = Duration::from_secs_f64(tally.sent as f64 / rate as f64);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
        if tally.sent / 100_000 >= rss_at_100k.len() as u64 {
            rss_at_100k.push(node.rss_kb());
        }
    }
    let took = begun.elapsed();
    ended.store(true, Ordering::Relaxed);
    let prober = prober.join().unwrap();
    let rss_after = node.rss_kb();
    println!(
        "{} messages in {took:.1?}, {} with credentials, {} requests of the engine, answers {:?}",
        tally.sent, tally.with_credentials, tally.requests, tally.answers
    );
    println!(
        "OPTIONS: {} asked, p50 {:?}, p99 {:?}, worst {:?}; beside each burst: {} asked, p99 {:?}, worst {:?}",
        prober.asked,
        prober.at(50),
        prober.at(99),
        prober.at(100),
        pilot.asked,
        pilot.at(99),
        pilot.at(100)
    );
    let sizes = ["calls", "legs", "dialogs", "transactions", "timers", "bindings"].map(|of| (of, node.size(of)));
    let calls = node.metric("turno_calls_arrived_total");
    println!("{calls} calls; memory {rss_before} -> {rss_after} kB, per 100,000: {rss_at_100k:?}; {sizes:?}");

    // The peers are gone; what they began must go too.
    drop(peers);
    for of in ["calls", "legs", "dialogs", "transactions", "records_pending"] {
        node.settles(of, 0, |node| node.size(of));
    }
    node.settles("media sessions", 0, |node| node.metric("turno_media_sessions"));
    node.settles("streams", 0, |node| node.metric("turno_sip_streams"));
    // A media port that was bound for a call stays bound for the next.
    let spare = 16 + u64::from(MEDIA_PORTS);
    node.settles("descriptors", descriptors_before as u64 + spare, |node| node.descriptors() as u64);
    println!("afterwards: memory {} kB, descriptors {descriptors_before} -> {}", node.rss_kb(), node.descriptors());

    assert_eq!((node.metric("turno_panics_total"), node.panicked.load(Ordering::Relaxed)), (0, false));
    assert_eq!(node.metric("turno_media_packets_total{what=\"fault\"}"), 0);
    assert!(tally.with_credentials * 100 >= tally.sent * 40, "too few with credentials");
    for status in [180, 200, 400, 401, 405, 481] {
        assert!(tally.answers.contains_key(&status), "no {status}: the run does not reach what it should");
    }
    assert!(tally.requests > 0 && calls > 0);
    assert!(rss_after < rss_before + GROWTH_KB_MAX, "{rss_before} -> {rss_after} kB");
    let steps = rss_at_100k.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
    assert!(steps.into_iter().all(|step| step <= GROWTH_KB_PER_100K_MAX), "{rss_at_100k:?}");
    node.turno(&["queue", "show"]);
}

#[test]
fn slow_streams_cost_little_and_are_cut() {
    let streams = setting("FUZZ_STREAMS", 1000);
    let node = Node::start(
        "slow",
        26_000,
        &CALL_CENTRE.replace("[sip.rules]", "[sip.streams]\nmessage_limit = \"4s\"\n[sip.rules]"),
    );
    let ended = Arc::new(AtomicBool::new(false));
    let prober = Prober::new("127.9.0.1:0", node.udp).begin(ended.clone());
    let before = node.rss_kb();
    let connect = |from: String| {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&from.parse::<SocketAddr>().unwrap().into()).unwrap();
        socket.connect_timeout(&node.tcp.into(), PATIENCE).unwrap();
        TcpStream::from(socket)
    };
    let begun = Instant::now();
    let mut open: Vec<TcpStream> = (0..streams).map(|n| connect(format!("127.10.{}.1:0", n / 100))).collect();
    let half =
        b"INVITE sip:900@turno SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKslow\r\nContent-Length: 9999\r\n";
    for stream in &mut open {
        // One that was cut meanwhile takes no more.
        let _ = stream.write_all(half);
    }
    let held = node.metric("turno_sip_streams");
    let each_kb = node.rss_kb().saturating_sub(before) / streams;
    // A byte now and then buys no more time.
    while node.metric("turno_sip_streams") > 0 {
        assert!(begun.elapsed() < PATIENCE, "{} streams stay", node.metric("turno_sip_streams"));
        for stream in &mut open {
            let _ = stream.write_all(b"x");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let took = begun.elapsed();

    // More than the bound of one address: the others are closed at once.
    let crowd: Vec<TcpStream> = (0..220).map(|_| connect("127.11.0.1:0".into())).collect();
    node.settles("streams still to be refused", 0, |node| {
        20_u64.saturating_sub(node.metric("turno_sip_streams_refused_total"))
    });
    node.settles("streams of one address", 200, |node| node.metric("turno_sip_streams"));
    let refused = node.metric("turno_sip_streams_refused_total");
    drop(crowd);

    ended.store(true, Ordering::Relaxed);
    let prober = prober.join().unwrap();
    println!(
        "{streams} slow streams: {held} held, {each_kb} kB each, all cut after {took:.1?}; {refused} of 220 from one \
         address refused; {} OPTIONS, p99 {:?}, worst {:?}",
        prober.asked,
        prober.at(99),
        prober.at(100)
    );
    assert!(each_kb <= 40, "{each_kb} kB a stream");
    assert!(refused >= 20, "{refused}");
    assert_eq!(node.metric("turno_sip_streams_cut_total"), streams);
    assert_eq!(node.metric("turno_panics_total"), 0);
}
