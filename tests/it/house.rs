//! A call centre for one test: the real program on loopback addresses of its own, asked as an operator would ask it.
//!
//! Every house has a network 127.x.y.0/24 to itself: the engine at .1, the carrier whose calls it takes at .2, a proxy of
//! the carrier at .3, phones from .11 on. So tests run side by side, all on port 5060. At most [`HOUSES_MAX`] houses stand at once, so that a small
//! machine keeps up with the timers of the peers.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Houses that stand at once.
const HOUSES_MAX: u32 = 3;
/// How long anything may take that ought to happen at once; a bound of failures, never waited out by what works.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// How often a state is looked at while it is waited for.
const LOOK: Duration = Duration::from_millis(20);
/// Bytes printed of each log of a house in which a test failed.
const PRINTED_MAX: usize = 30_000;
/// Password of every account.
pub(crate) const PASSWORD: &str = "secreta";
/// The number that leads to the queue `averias`.
pub(crate) const AVERIAS: &str = "900100101";

static STANDING: Mutex<u32> = Mutex::new(0);
static ONE_FELL: Condvar = Condvar::new();
static BUILT: AtomicU32 = AtomicU32::new(0);

/// What differs from house to house.
pub(crate) struct Plan<'a> {
    /// Agents by name, each with station and account of the same name in digits; a level in `averias` for each.
    pub(crate) agents: &'a [(&'a str, u8)],
    /// Lines for `[sip]`. SIPp reads MD5 only, and only if it is offered first: `digests = ["md5"]`.
    pub(crate) sip: &'a str,
    /// Lines for `[queues.averias]`.
    pub(crate) queue: &'a str,
    /// Further sections.
    pub(crate) more: &'a str,
}

/// An agent's phone: its account.
pub(crate) fn account(at: usize) -> String {
    (1001 + at).to_string()
}

/// A running engine and its folder. Dropping it ends the one and removes the other.
pub(crate) struct House {
    pub(crate) dir: PathBuf,
    net: [u8; 3],
    engine: Option<Child>,
}

/// The right to let one more house stand.
fn take_place() {
    let mut standing = STANDING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    while *standing >= HOUSES_MAX {
        standing = ONE_FELL.wait(standing).unwrap_or_else(|poisoned| poisoned.into_inner());
    }
    *standing += 1;
}

fn give_place() {
    *STANDING.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) -= 1;
    ONE_FELL.notify_one();
}

/// A network that nobody uses: neither another house nor another run of the tests on this machine.
fn free_net() -> [u8; 3] {
    let process = std::process::id();
    loop {
        let nth = BUILT.fetch_add(1, Ordering::Relaxed);
        let second = 16 + u8::try_from(process % 200).unwrap();
        let third = u8::try_from((process / 200 * 7 + nth) % 250).unwrap() + 1;
        let engine = Ipv4Addr::new(127, second, third, 1);
        if UdpSocket::bind((engine, 5060)).is_ok() {
            return [127, second, third];
        }
    }
}

/// A port of 127.0.0.1 that was free a moment ago, for UDP and TCP.
pub(crate) fn free_port() -> u16 {
    // Below 32768: from there the kernel draws ports for everybody else, also between this look and the use. Nor is it among the media ports
    // of a node of these tests (`node`, `fuzz`).
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 27_000 + (std::process::id() % 2000) as u16;
    let is_free = |port: &u16| {
        UdpSocket::bind((Ipv4Addr::LOCALHOST, *port)).is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()
    };
    std::iter::repeat_with(|| first + NEXT.fetch_add(2, Ordering::Relaxed) % 2700).find(is_free).unwrap()
}

impl House {
    /// Builds and starts it; ready when this returns.
    pub(crate) fn open(plan: &Plan<'_>) -> House {
        House::open_to(plan, "", "")
    }

    /// The same for customers who are known: rows of their file, and further lines for `[customers]`.
    pub(crate) fn open_to(plan: &Plan<'_>, rows: &str, lines: &str) -> House {
        let mut house = House::plot();
        fs::write(house.dir.join("customers.csv"), format!("external_id,name,numbers,segment,value,owner\n{rows}"))
            .unwrap();
        let text = house.config(plan, lines);
        fs::write(house.dir.join("turno.toml"), text).unwrap();
        house.start();
        house
    }

    /// The same with a further file of configuration, for what the sections of a plan cannot say.
    pub(crate) fn open_beside(plan: &Plan<'_>, file: impl FnOnce(&House) -> String) -> House {
        let mut house = House::plot();
        fs::create_dir_all(house.dir.join("conf.d")).unwrap();
        fs::write(house.dir.join("conf.d/more.toml"), file(&house)).unwrap();
        fs::write(house.dir.join("customers.csv"), "external_id,name,numbers,segment,value,owner\n").unwrap();
        let text = house.config(plan, "");
        fs::write(house.dir.join("turno.toml"), text).unwrap();
        house.start();
        house
    }

    /// A folder and a network without an engine.
    pub(crate) fn plot() -> House {
        take_place();
        let net = free_net();
        let dir = std::env::temp_dir().join(format!("turno-it-{}-{}-{}", std::process::id(), net[1], net[2]));
        fs::create_dir_all(&dir).unwrap();
        House { dir, net, engine: None }
    }

    /// Starts the engine and waits until it takes calls.
    pub(crate) fn start(&mut self) {
        let log = File::create(self.dir.join("engine.log")).unwrap();
        let mut engine = Command::new(env!("CARGO_BIN_EXE_turno"))
            .args(["serve", "--config"])
            .arg(self.dir.join("turno.toml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.until("the engine is ready", || {
            assert!(engine.try_wait().unwrap().is_none(), "the engine ended");
            self.get("/readyz").is_some_and(|page| page.starts_with("HTTP/1.1 200")).then_some(())
        });
        self.engine = Some(engine);
    }

    /// kill -9.
    pub(crate) fn crash(&mut self) {
        let mut engine = self.engine.take().unwrap();
        engine.kill().unwrap();
        engine.wait().unwrap();
    }

    /// A signal to the engine, by its name without SIG.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.engine.as_ref().expect("it was started").id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// A port of 127.0.0.1, and the next forty, for a peer that can live nowhere else: this house's own, and none that the
    /// system gives away or that media has.
    pub(crate) fn low_port(&self) -> u16 {
        let [_, second, third] = self.net;
        10_000 + 44 * ((u16::from(second) * 250 + u16::from(third)) % 220)
    }

    /// Host `host` of this house's network.
    pub(crate) fn ip(&self, host: u8) -> IpAddr {
        let [a, b, c] = self.net;
        IpAddr::V4(Ipv4Addr::new(a, b, c, host))
    }

    /// The engine's SIP address.
    pub(crate) fn sip(&self) -> SocketAddr {
        SocketAddr::new(self.ip(1), 5060)
    }

    /// Where agent `at` has his phone.
    pub(crate) fn phone(&self, at: usize) -> IpAddr {
        self.ip(11 + u8::try_from(at).unwrap())
    }

    fn config(&self, plan: &Plan<'_>, customers: &str) -> String {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        let config = repository.join("config");
        let engine = self.ip(1);
        let extension = |at| format!("{0} = \"station:{0}\"", account(at));
        let extensions: Vec<String> = (0..plan.agents.len()).map(extension).collect();
        let mut text = format!(
            r#"
[node]
data_dir = "data"
[log]
level = "debug"
format = "text"
[http]
listen = "{engine}:8480"
[journal]
enabled = true
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
networks = ["{carrier}/32", "{edge}/32"]
hosts = ["{carrier}:5060"]
transport = "udp"
codecs = ["pcma", "pcmu"]
trusted = true
[media]
ports = "20000-20199"
local_networks = ["127.0.0.0/8"]
codecs = ["pcma", "pcmu"]
[prompts]
dir = "{prompts}"
music = "music.wav"
taken = "en/callback-taken.wav"
whisper = "en/callback-whisper.wav"
[[routes]]
dnis = "+34900100101"
to = "queue:averias"
[[routes]]
dnis = "+34900100105"
to = "queue:general"
[extensions]
600 = "queue:averias"
601 = "queue:general"
{extensions}
[queues.averias]
need = "averias>=1"
music = "music"
{queue}
[queues.general]
music = "music"
[customers]
country = "34"
segment_default = "standard"
file = "customers.csv"
{customers}
[segments.standard]
value = 1
[tariff]
file = "{tariff}"
[reasons.pausa]
{more}
"#,
            carrier = self.ip(2),
            edge = self.ip(3),
            prompts = config.join("prompts").display(),
            tariff = config.join("tariff.csv").display(),
            sip = plan.sip,
            extensions = extensions.join("\n"),
            queue = plan.queue,
            more = plan.more,
        );
        for (at, (agent, level)) in plan.agents.iter().enumerate() {
            let account = account(at);
            let _ = write!(
                text,
                "[agents.{agent}]\nskills = {{ averias = {level} }}\nqueues = [\"averias\", \"general\"]\n\
                 code = \"{account}\"\nstation = \"{account}\"\nno_answer_max = 2\n\
                 [accounts.{account}]\npassword = \"{PASSWORD}\"\nauto_answer = [\"call-info\"]\n"
            );
        }
        text
    }

    /// Waits until `look` finds something, at most [`SOON`].
    pub(crate) fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(began.elapsed() < SOON, "{what}: not within {SOON:?}");
            sleep(LOOK);
        }
    }

    /// A page of the engine's HTTP, head and body; none if nobody answers.
    pub(crate) fn get(&self, path: &str) -> Option<String> {
        http_get(SocketAddr::new(self.ip(1), 8480), path)
    }

    /// Sum of the samples of a metric whose line begins with `begins`.
    pub(crate) fn metric(&self, begins: &str) -> f64 {
        let page = self.get("/metrics").expect("the engine answers for its metrics");
        page.lines()
            .filter(|line| line.starts_with(begins))
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
            .sum()
    }

    /// What the operator's command answers.
    pub(crate) fn ask(&self, words: &[&str]) -> Value {
        self.try_ask(words).unwrap_or_else(|said| panic!("turno {words:?}: {said}"))
    }

    /// The same, or what it says instead.
    pub(crate) fn try_ask(&self, words: &[&str]) -> Result<Value, String> {
        let socket = self.dir.join("data/turno.sock");
        let output = Command::new(env!("CARGO_BIN_EXE_turno"))
            .args(words)
            .arg("--json")
            .arg("--socket")
            .arg(socket)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        match output.status.success() {
            true => Ok(serde_json::from_slice(&output.stdout).unwrap()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// Waits until the phone of agent `at` is registered.
    pub(crate) fn until_registered(&self, at: usize) {
        let account = account(at);
        self.until(&format!("{account} is registered"), || self.is_registered(&account).then_some(()));
    }

    /// Whether a station has a contact that it registered.
    pub(crate) fn is_registered(&self, station: &str) -> bool {
        let answer = self.ask(&["reg", "show"]);
        let stations = answer["stations"].as_array().unwrap();
        stations.iter().any(|view| view["station"] == station && view["reachable"] == true)
    }

    /// Agent `agent` sits down and is ready.
    pub(crate) fn log_in(&self, agent: &str) {
        self.ask(&["agent", "login", agent]);
        self.until_agent(agent, "ready");
    }

    /// State of an agent, with the reason of a pause: `paused no-answer`.
    pub(crate) fn agent(&self, agent: &str) -> String {
        let answer = self.ask(&["agent", "show", agent]);
        let view = &answer["agents"][0];
        match view["reason"].as_str() {
            Some(reason) => format!("{} {reason}", view["state"].as_str().unwrap()),
            None => view["state"].as_str().unwrap().to_owned(),
        }
    }

    /// Waits until an agent's state is `state`.
    pub(crate) fn until_agent(&self, agent: &str, state: &str) {
        let mut last = String::new();
        let began = Instant::now();
        while began.elapsed() < SOON {
            last = self.agent(agent);
            if last == state {
                return;
            }
            sleep(LOOK);
        }
        panic!("{agent} is {last}, not {state}");
    }

    /// The records of all calls, oldest first, as soon as there are `count`.
    pub(crate) fn records(&self, count: usize) -> Vec<Value> {
        let dir = self.dir.join("data/records");
        let mut found = Vec::new();
        self.until(&format!("{count} records are written"), || {
            let output = Command::new(env!("CARGO_BIN_EXE_turno"))
                .args(["cdr", "export", "--format", "jsonl", "--records"])
                .arg(&dir)
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            found = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>();
            (found.len() >= count).then_some(())
        });
        assert_eq!(found.len(), count, "records: {found:#?}");
        found
    }

    /// What holds when the work is done: no call and no leg is left, nothing had to be healed, nothing panicked.
    pub(crate) fn is_clean(&self) {
        self.until("every call is gone", || {
            let answer = self.ask(&["call", "show"]);
            answer["calls"].as_array()?.is_empty().then_some(())
        });
        assert!(self.metric("turno_heals_total") == 0.0, "the reconciler had to heal");
        assert!(self.metric("turno_panics_total") == 0.0, "something panicked");
        let log = self.log();
        assert!(!log.contains("panicked"), "something panicked");
    }

    /// The engine's log so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.join("engine.log")).unwrap_or_default()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
                let path = entry.path();
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.ends_with(".log") || name.ends_with(".err") || name.ends_with(".msg") {
                    let text = fs::read_to_string(&path).unwrap_or_default();
                    let start = text.len().saturating_sub(PRINTED_MAX);
                    let start = (start..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(0);
                    println!("==== {name} ====\n{}", &text[start..]);
                }
            }
        }
        if let Some(engine) = &mut self.engine {
            let _ = engine.kill();
            let _ = engine.wait();
        }
        if std::env::var_os("TURNO_IT_KEEP").is_none() {
            let _ = fs::remove_dir_all(&self.dir);
        }
        give_place();
    }
}

/// Head and body of a page; none if nobody answers.
pub(crate) fn http_get(server: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect_timeout(&server, SOON).ok()?;
    stream.set_read_timeout(Some(SOON)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n").ok()?;
    let mut page = Vec::new();
    stream.read_to_end(&mut page).ok()?;
    Some(String::from_utf8_lossy(&page).into_owned())
}
