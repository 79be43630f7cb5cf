//! A call centre under load for the tests of reliability: the real program on a loopback network of its own, played
//! against by one thread of simulated phones and callers, so that it can be killed at any instant and nobody notices but by SIP.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use turno::api::control::{self, Reply, Request};
use turno::demo::party::{Party, PartyEvent, Voice, wait};
use turno::shell::store::{Filter, Order, Reader};
use turno_base::{Cause, LegId, Seeded, Wall};
use turno_engine::{Answer, Command as Ask, Sizes};
use turno_tariff::cdr::Record;

/// Longest that anything may take that should happen at once; a bound of failures, never waited out by what works.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// How long a caller waits for an answer at least.
const PATIENCE: Duration = Duration::from_secs(15);
/// Password of every account.
pub(crate) const PASSWORD: &str = "secreta";

/// One rig at a time: each of them loads the machine.
static STANDING: Mutex<()> = Mutex::new(());
static BUILT: AtomicU8 = AtomicU8::new(0);

/// What differs from rig to rig.
pub(crate) struct Plan<'a> {
    pub(crate) phones: usize,
    /// Accounts beside those of the agents, for a [`super::crowd::Crowd`].
    pub(crate) accounts: usize,
    /// Range of media ports.
    pub(crate) ports: &'a str,
    /// Lines for the queue.
    pub(crate) queue: &'a str,
    /// Further tables.
    pub(crate) more: &'a str,
    /// Lines for `[journal]`.
    pub(crate) journal: &'a str,
    /// Lines for `[sip]`.
    pub(crate) sip: &'a str,
    /// Further lines for `[media]`.
    pub(crate) media: &'a str,
    /// Host of the address at which the carrier is for the engine; 2 is its own.
    pub(crate) carrier_seen_at: u8,
    /// Host of the address at which the engine is for the carrier; 1 is its own.
    pub(crate) engine_seen_at: u8,
    pub(crate) caller_voice: Voice,
    pub(crate) agent_voice: Voice,
}

impl Default for Plan<'_> {
    fn default() -> Self {
        Plan {
            phones: 4,
            accounts: 0,
            ports: "20000-20999",
            queue: "",
            more: "",
            journal: "",
            sip: "",
            media: "",
            carrier_seen_at: 2,
            engine_seen_at: 1,
            caller_voice: Voice::Silent,
            agent_voice: Voice::Silent,
        }
    }
}

/// Most that something may take: `most` where a whole row of docs/reliability.md is run, on a machine of its own, for which `row`
/// is set (`scripts/full`); beside other tests only what a hang exceeds.
pub(crate) fn goal(row: &str, most: Duration) -> Duration {
    if std::env::var_os(row).is_some() { most } else { SOON }
}

/// What became of a caller.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) number: String,
    pub(crate) dialled: Instant,
    pub(crate) answered: Option<Instant>,
    pub(crate) ended: Option<(Instant, Cause)>,
    talks: Duration,
    leaves: Instant,
    hung_up: bool,
}

impl Caller {
    /// Whether he is gone by then of his own accord.
    pub(crate) fn leaves_before(&self, then: Instant) -> bool {
        self.leaves <= then
    }
}

enum Act {
    Answer,
    HangUp,
}

struct Phone {
    party: Party,
    registrations: u32,
    todo: Vec<(Instant, LegId, Act)>,
    /// Calls it has taken.
    taken: u32,
    up: Vec<LegId>,
}

/// A running engine, its folder, and who plays against it.
pub(crate) struct Rig {
    pub(crate) dir: PathBuf,
    net: [u8; 3],
    engine: Option<Child>,
    pub(crate) carrier: Party,
    phones: Vec<Phone>,
    pub(crate) callers: BTreeMap<LegId, Caller>,
    dice: Seeded,
    called: u32,
    /// New calls a second while it plays.
    pub(crate) rate: f64,
    /// How long a call lasts at most, from its answer.
    pub(crate) lasts: Duration,
    next_call: Instant,
    _alone: MutexGuard<'static, ()>,
}

impl Rig {
    /// Builds and starts it; agents have logged in and phones are registered when this returns.
    pub(crate) fn open(plan: Plan<'_>) -> Rig {
        let mut rig = Rig::build(&plan);
        rig.start();
        rig.seat();
        rig
    }

    /// Its folder and who plays against it; [`Rig::start`] and [`Rig::seat`] make it an open one.
    pub(crate) fn build(plan: &Plan<'_>) -> Rig {
        let alone = STANDING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let net = free_net();
        let ip = |host: u8| IpAddr::V4(Ipv4Addr::new(net[0], net[1], net[2], host));
        let dir = std::env::temp_dir().join(format!("turno-rig-{}-{}-{}", std::process::id(), net[1], net[2]));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("turno.toml"), config(plan, net)).unwrap();
        let engine = SocketAddr::new(ip(1), 5060);
        let seen = SocketAddr::new(ip(plan.engine_seen_at), 5060);
        let carrier = Party::open(SocketAddr::new(ip(2), 5060), seen, None, 1, plan.caller_voice.clone()).unwrap();
        let phone = |n: usize| {
            let account = format!("{}", 1001 + n);
            let local = SocketAddr::new(ip(11 + u8::try_from(n).unwrap()), 5060);
            let secret = Some((account.as_str(), PASSWORD));
            let party = Party::open(local, engine, secret, 100 + n as u64, plan.agent_voice.clone()).unwrap();
            Phone { party, registrations: 0, todo: Vec::new(), taken: 0, up: Vec::new() }
        };
        Rig {
            dir,
            net,
            engine: None,
            carrier,
            phones: (0..plan.phones).map(phone).collect(),
            callers: BTreeMap::new(),
            dice: Seeded::new(7),
            called: 0,
            rate: 0.0,
            lasts: Duration::from_secs(4),
            next_call: Instant::now(),
            _alone: alone,
        }
    }

    pub(crate) fn ip(&self, host: u8) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(self.net[0], self.net[1], self.net[2], host))
    }

    pub(crate) fn sip(&self) -> SocketAddr {
        SocketAddr::new(self.ip(1), 5060)
    }

    /// Starts the engine and plays on until it answers OPTIONS; how long that took.
    pub(crate) fn start(&mut self) -> Duration {
        let began = Instant::now();
        let log = File::options().create(true).append(true).open(self.dir.join("engine.log")).unwrap();
        let mut serve = Command::new(program());
        // What is asked of the tests by environment would be a configuration key to the program.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TURNO_")) {
            serve.env_remove(name);
        }
        let engine = serve
            .args(["serve", "--config"])
            .arg(self.dir.join("turno.toml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.engine = Some(engine);
        // One socket: an answer that comes late is one.
        let socket = UdpSocket::bind((self.ip(200), 0)).unwrap();
        self.until("the engine answers OPTIONS", |rig| {
            options_from(&socket, rig.sip(), Duration::from_millis(100)) == Some(200)
        });
        began.elapsed()
    }

    /// Waits for the phones and logs the agents in.
    pub(crate) fn seat(&mut self) {
        self.until("the phones are registered", |rig| rig.phones.iter().all(|p| p.registrations > 0));
        for n in 0..self.phones.len() {
            let agent = format!("agent{n}").parse().unwrap();
            self.ask(Ask::AgentLogin(agent, None));
        }
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        let mut engine = self.engine.take().unwrap();
        engine.kill().unwrap();
        engine.wait().unwrap();
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Any signal, by its name without SIG.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// Whether the process has ended, and well.
    pub(crate) fn has_ended(&mut self) -> bool {
        match self.engine.as_mut().map(|engine| engine.try_wait().unwrap()) {
            Some(Some(status)) => {
                assert!(status.success(), "it ended with {status}");
                true
            }
            Some(None) => false,
            None => true,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.engine.as_ref().unwrap().id()
    }

    /// Resident memory of the process.
    pub(crate) fn memory_kb(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap()
    }

    /// Time of the processor that the process has taken so far, ms.
    pub(crate) fn cpu_ms(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        // Behind the name, which may hold anything: fields 14 and 15, in hundredths of a second.
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10
    }

    /// Threads of the process.
    pub(crate) fn threads(&self) -> usize {
        fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap().count()
    }

    /// Status of the answer to an OPTIONS from a stranger, if one comes in time.
    pub(crate) fn options(&self, patience: Duration) -> Option<u16> {
        let socket = UdpSocket::bind((self.ip(200), 0)).unwrap();
        options_from(&socket, self.sip(), patience)
    }

    pub(crate) fn http(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect((self.ip(1), 8480)).ok()?;
        stream.set_read_timeout(Some(SOON)).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: rig\r\nConnection: close\r\n\r\n").ok()?;
        let mut page = String::new();
        stream.read_to_string(&mut page).ok()?;
        Some(page)
    }

    pub(crate) fn ask(&self, command: Ask) -> Answer {
        let socket = self.dir.join("data/turno.sock");
        match control::ask(&socket, &Request::Command(command)).unwrap() {
            Reply::Answer(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn sizes(&self) -> Sizes {
        match self.ask(Ask::Sizes) {
            Answer::Sizes(sizes) => sizes,
            other => panic!("{other:?}"),
        }
    }

    /// Closed records by the number that called.
    pub(crate) fn records(&self) -> BTreeMap<String, Vec<Record>> {
        self.records_since(None)
    }

    /// Those of calls that arrived since.
    pub(crate) fn records_since(&self, since: Option<Wall>) -> BTreeMap<String, Vec<Record>> {
        let mut found = BTreeMap::<String, Vec<Record>>::new();
        let Ok(reader) = Reader::open(&self.dir.join("data/records")) else { return found };
        for record in reader.list(&Filter { since, ..Filter::default() }, Order::OldestFirst).unwrap() {
            found.entry(record.ani.raw.clone()).or_default().push(record);
        }
        found
    }

    /// A caller dials now.
    pub(crate) fn call(&mut self, lasts: Duration) -> LegId {
        self.called += 1;
        let number = format!("+34612{:06}", self.called);
        self.call_as(&number, lasts)
    }

    pub(crate) fn call_as(&mut self, number: &str, lasts: Duration) -> LegId {
        self.call_to("900100101", number, lasts)
    }

    pub(crate) fn call_to(&mut self, dialled: &str, number: &str, lasts: Duration) -> LegId {
        let leg = self.carrier.dial(dialled, number, "").unwrap();
        let now = Instant::now();
        let caller = Caller {
            number: number.to_owned(),
            dialled: now,
            answered: None,
            ended: None,
            talks: lasts,
            leaves: now + lasts.max(PATIENCE),
            hung_up: false,
        };
        self.callers.insert(leg, caller);
        leg
    }

    pub(crate) fn hang_up(&mut self, leg: LegId) {
        self.callers.get_mut(&leg).unwrap().leaves = Instant::now();
    }

    /// Plays for so long.
    pub(crate) fn play(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.turn(end.saturating_duration_since(Instant::now()));
        }
    }

    /// Plays until `done`, at most [`SOON`].
    pub(crate) fn until(&mut self, what: &str, done: impl FnMut(&mut Rig) -> bool) -> Duration {
        self.until_in(SOON, what, done)
    }

    /// Plays until `done`, at most so long.
    pub(crate) fn until_in(&mut self, most: Duration, what: &str, mut done: impl FnMut(&mut Rig) -> bool) -> Duration {
        let began = Instant::now();
        loop {
            if done(self) {
                return began.elapsed();
            }
            assert!(began.elapsed() < most, "{what}: not within {most:?}\n{}", self.tail());
            self.turn(Duration::from_millis(20));
        }
    }

    /// How many calls the phones have taken.
    pub(crate) fn taken(&self) -> u32 {
        self.phones.iter().map(|phone| phone.taken).sum()
    }

    /// How often the phones have registered.
    pub(crate) fn registrations(&self) -> u32 {
        self.phones.iter().map(|phone| phone.registrations).sum()
    }

    /// Whether anybody still has a call.
    pub(crate) fn is_quiet(&self) -> bool {
        self.callers.values().all(|c| c.ended.is_some()) && self.phones.iter().all(|p| p.up.is_empty())
    }

    /// A phone that talks, and its leg.
    pub(crate) fn talking(&self) -> Option<(&Party, LegId)> {
        self.phones.iter().find_map(|p| Some((&p.party, *p.up.first()?)))
    }

    fn turn(&mut self, longest: Duration) {
        let now = Instant::now();
        if self.rate > 0.0 && now >= self.next_call {
            self.next_call = now.max(self.next_call + Duration::from_secs_f64(1.0 / self.rate));
            let lasts = self.lasts.mul_f64(0.2 + self.dice.below(80) as f64 / 100.0);
            self.call(lasts);
        }
        self.play_carrier(now);
        for n in 0..self.phones.len() {
            self.play_phone(n, now);
        }
        let parties = std::iter::once(&self.carrier).chain(self.phones.iter().map(|p| &p.party));
        wait(parties, longest.min(Duration::from_millis(10))).unwrap();
    }

    fn play_carrier(&mut self, now: Instant) {
        let events: Vec<PartyEvent> = self.carrier.pump().collect();
        for event in events {
            match event {
                PartyEvent::Answered(leg) => {
                    let caller = self.callers.get_mut(&leg).unwrap();
                    caller.answered = Some(now);
                    caller.leaves = now + caller.talks;
                }
                PartyEvent::Ended(leg, cause) => self.callers.get_mut(&leg).unwrap().ended = Some((now, cause)),
                _ => {}
            }
        }
        for (leg, caller) in &mut self.callers {
            if caller.leaves <= now && caller.ended.is_none() && !caller.hung_up {
                caller.hung_up = true;
                self.carrier.end(*leg, Cause::NORMAL);
            }
        }
    }

    fn play_phone(&mut self, n: usize, now: Instant) {
        let phone = &mut self.phones[n];
        let events: Vec<PartyEvent> = phone.party.pump().collect();
        for event in events {
            match event {
                PartyEvent::Called(leg, _) => {
                    phone.party.ring(leg);
                    let answer = now + Duration::from_millis(50 + self.dice.below(250));
                    phone.todo.push((answer, leg, Act::Answer));
                    // Nobody talks for ever.
                    phone.todo.push((answer + Duration::from_secs(60), leg, Act::HangUp));
                    phone.up.push(leg);
                }
                PartyEvent::Ended(leg, _) => {
                    phone.up.retain(|up| *up != leg);
                    phone.todo.retain(|(_, about, _)| *about != leg);
                }
                PartyEvent::Registered => phone.registrations += 1,
                _ => {}
            }
        }
        let due: Vec<_> = phone.todo.extract_if(.., |(at, ..)| *at <= now).collect();
        for (_, leg, act) in due {
            match act {
                Act::Answer => {
                    phone.taken += 1;
                    phone.party.answer(leg).unwrap();
                }
                Act::HangUp => phone.party.end(leg, Cause::NORMAL),
            }
        }
    }

    /// The end of the engine's log.
    pub(crate) fn tail(&self) -> String {
        let text = fs::read_to_string(self.dir.join("engine.log")).unwrap_or_default();
        let from = text.char_indices().rev().nth(4000).map_or(0, |(at, _)| at);
        text[from..].to_owned()
    }

    /// What `turno replay` says of a journal.
    pub(crate) fn replay(&self, journal: &Path) -> (bool, String) {
        self.say(&["replay".as_ref(), journal.as_os_str(), "--quiet".as_ref()])
    }

    /// What the program says to these words: its answer, or why there is none.
    pub(crate) fn say(&self, words: &[&OsStr]) -> (bool, String) {
        let output = Command::new(program()).args(words).stdin(Stdio::null()).output().unwrap();
        let said = if output.stdout.is_empty() { &output.stderr } else { &output.stdout };
        (output.status.success(), String::from_utf8_lossy(said).into_owned())
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(mut engine) = self.engine.take() {
            // It may have ended by itself.
            let _ = engine.kill();
            let _ = engine.wait();
        }
        if std::thread::panicking() {
            eprintln!("{}\n(the rig is kept in {})", self.tail(), self.dir.display());
        } else {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// The program: this build, or the one that `TURNO_BIN` names.
pub(crate) fn program() -> PathBuf {
    std::env::var_os("TURNO_BIN").map_or_else(|| env!("CARGO_BIN_EXE_turno").into(), PathBuf::from)
}

/// OPTIONS from `socket`; the status of what comes back.
pub(crate) fn options_from(socket: &UdpSocket, to: SocketAddr, patience: Duration) -> Option<u16> {
    static ASKED: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let n = ASKED.fetch_add(1, Ordering::Relaxed);
    let from = socket.local_addr().unwrap();
    let text = format!(
        "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKask{n};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:ask@{from}>;tag=t{n}\r\nTo: <sip:{to}>\r\nCall-ID: ask{n}@{from}\r\nCSeq: 1 OPTIONS\r\n\
         Content-Length: 0\r\n\r\n"
    );
    socket.set_read_timeout(Some(patience)).unwrap();
    // While nobody listens the kernel may say so; that is no answer either.
    let _ = socket.send_to(text.as_bytes(), to);
    let mut bytes = [0; 4096];
    let (len, _) = socket.recv_from(&mut bytes).ok()?;
    let line = std::str::from_utf8(&bytes[..len]).ok()?.lines().next()?.to_owned();
    line.split(' ').nth(1)?.parse().ok()
}

/// A network that nobody uses.
fn free_net() -> [u8; 3] {
    let process = std::process::id();
    loop {
        let nth = BUILT.fetch_add(1, Ordering::Relaxed);
        let second = 220 + u8::try_from(process % 30).unwrap();
        let third = u8::try_from((process / 30 + u32::from(nth)) % 250).unwrap() + 1;
        if UdpSocket::bind((Ipv4Addr::new(127, second, third, 1), 5060)).is_ok() {
            return [127, second, third];
        }
    }
}

fn config(plan: &Plan<'_>, net: [u8; 3]) -> String {
    let [a, b, c] = net;
    let (engine, carrier) = (format!("{a}.{b}.{c}.1"), format!("{a}.{b}.{c}.{}", plan.carrier_seen_at));
    let mut text = format!(
        r#"
[node]
data_dir = "data"
drain_limit = "60s"
[log]
level = "info"
format = "text"
[http]
listen = "{engine}:8480"
[journal]
enabled = true
{journal}
[sip]
domains = ["{engine}"]
local_networks = ["127.0.0.0/8"]
{sip}
[[sip.listeners]]
transport = "udp"
address = "{engine}:5060"
[[sip.listeners]]
transport = "tcp"
address = "{engine}:5060"
[trunks.pstn]
networks = ["{carrier}/32"]
hosts = ["{carrier}:5060"]
transport = "udp"
codecs = ["pcma"]
trusted = true
[media]
ports = "{ports}"
local_networks = ["127.0.0.0/8"]
codecs = ["pcma"]
{media}
[[routes]]
dnis = "+34900100101"
to = "queue:averias"
[acd]
redial_keeps_place = "60s"
[queues.averias]
need = "averias>=1"
wrap_up = "0s"
{queue}
{more}
[customers]
country = "34"
segment_default = "standard"
[segments.standard]
value = 1
"#,
        sip = plan.sip,
        journal = plan.journal,
        ports = plan.ports,
        queue = plan.queue,
        more = plan.more,
        media = plan.media,
    );
    for n in 0..plan.phones {
        let account = 1001 + n;
        let _ = write!(
            text,
            "[agents.agent{n}]\nskills = {{ averias = 3 }}\nqueues = [\"averias\"]\ncode = \"{account}\"\n\
             station = \"{account}\"\n[accounts.{account}]\npassword = \"{PASSWORD}\"\n"
        );
    }
    for n in 0..plan.accounts {
        let _ = write!(text, "[accounts.{}]\npassword = \"{PASSWORD}\"\n", super::crowd::account(n));
    }
    text
}
