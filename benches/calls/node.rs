//! The engine as a process of its own, and what the kernel says it used.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::sipp::CALLER;

/// Where the engine listens. A network of its own within loopback: other programs' 127.0.0.1 is left alone.
pub(crate) const ENGINE: &str = "127.0.7.1:5060";
/// The trunk's address.
pub(crate) const CARRIER: &str = "127.0.7.2:5060";
/// Where every agent's phone is.
pub(crate) const PHONES: &str = "127.0.7.4:5060";
const HTTP: &str = "127.0.7.1:8480";
/// Free at the start: those of the configuration and the first that the engine asks for.
const PORTS: u64 = 256;
/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);
/// The kernel's unit of CPU time towards programs (USER_HZ).
const TICK: Duration = Duration::from_millis(10);

/// What a measurement needs of the engine.
pub(crate) struct Wanted {
    /// Agents with a phone at [`PHONES`], all of whom serve the one queue.
    pub(crate) agents: usize,
    /// Whether they log in.
    pub(crate) logged_in: bool,
    /// Whether those who wait hear music.
    pub(crate) music: bool,
    /// Customers in the store, two numbers each; the first of them are the callers.
    pub(crate) customers: u64,
}

/// A running engine; dropping it ends it.
pub(crate) struct Node {
    child: Child,
    dir: PathBuf,
}

impl Node {
    pub(crate) fn start(wanted: &Wanted) -> Node {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench-calls");
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("a folder for the engine");
        let file = dir.join("turno.toml");
        fs::write(&file, config(wanted, &dir)).expect("the configuration is written");
        if wanted.customers > 0 {
            import(wanted.customers, &dir);
        }
        // As a service runs: a session, and with it the scheduler's group, of its own. Nothing is forked: the child is it.
        let mut command = Command::new("setsid");
        command.arg(program()).arg("serve").arg("--config").arg(&file);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("setsid starts");
        let node = Node { child, dir };
        node.until_ready();
        if wanted.logged_in {
            (0..wanted.agents).for_each(|n| node.log_in(n));
        }
        // Ports are bound in the background.
        node.until("ports", |node| node.size("ports_free") >= PORTS);
        node
    }

    /// Waits until no call is left and no record is on its way to the disk. False: some are, as after a run that failed.
    pub(crate) fn becomes_idle(&self) -> bool {
        self.comes(|node| node.size("calls") == 0 && node.size("records_pending") == 0)
    }

    /// Waits for something that comes soon.
    pub(crate) fn until(&self, what: &str, seen: impl Fn(&Node) -> bool) {
        assert!(self.comes(seen), "{what}: not within {PATIENCE:?}");
    }

    fn comes(&self, seen: impl Fn(&Node) -> bool) -> bool {
        let began = Instant::now();
        while !seen(self) {
            if began.elapsed() > PATIENCE {
                return false;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        true
    }

    /// How many of something the engine has now.
    pub(crate) fn size(&self, of: &str) -> u64 {
        let page = get("/metrics");
        let name = format!("turno_size{{of=\"{of}\"}} ");
        let line = page.lines().find_map(|line| line.strip_prefix(name.as_str()));
        line.unwrap_or_else(|| panic!("no size of {of}")).trim().parse().expect("a count")
    }

    /// From INVITE to card of the calls that ended last, and the name that the card shows.
    pub(crate) fn cards(&self) -> Vec<(Duration, String)> {
        let records = json("/api/v1/records?limit=1000");
        let records = records["records"].as_array().expect("records");
        let card = |record: &Value| {
            let arrived: jiff::Timestamp =
                record["arrived"].as_str().and_then(|at| at.parse().ok()).expect("an instant");
            let card = json(&format!("/api/v1/calls/{}/card", record["call"].as_str().expect("an id")));
            let shown = card["card"]["at_us"].as_i64().expect("an instant");
            let took = u64::try_from(shown - arrived.as_microsecond()).expect("the card comes after the call");
            (Duration::from_micros(took), card["card"]["name"].as_str().unwrap_or_default().to_owned())
        };
        records.iter().map(card).collect()
    }

    fn until_ready(&self) {
        let began = Instant::now();
        while !self.turno(&["queue", "show"]) {
            assert!(began.elapsed() < Duration::from_secs(20), "the engine does not answer");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn log_in(&self, agent: usize) {
        assert!(self.turno(&["agent", "login", &format!("a{agent}")]), "agent a{agent} cannot log in");
    }

    fn turno(&self, arguments: &[&str]) -> bool {
        let socket = self.dir.join("turno.sock");
        let mut command = Command::new(program());
        command.arg("--socket").arg(socket).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// CPU time since the start, all threads, user and system.
    pub(crate) fn cpu(&self) -> Duration {
        let text = self.proc("stat");
        // After the name, which may hold blanks: state is field 3, utime and stime are 14 and 15 (proc(5)).
        let after = text.rsplit_once(')').expect("a name in parentheses").1;
        let ticks: u64 =
            after.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a count")).sum();
        TICK * u32::try_from(ticks).expect("less than a year")
    }

    /// CPU time since the start by name of thread, from the scheduler's account.
    pub(crate) fn cpu_by_thread(&self) -> BTreeMap<String, Duration> {
        let mut found = BTreeMap::new();
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("threads").flatten() {
            let read = |name: &str| fs::read_to_string(task.path().join(name)).unwrap_or_default();
            let ns: u64 = read("schedstat").split_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0);
            *found.entry(read("comm").trim().to_owned()).or_default() += Duration::from_nanos(ns);
        }
        found
    }

    /// How often threads have gone to sleep since the start. Unlike CPU time it is nearly the same on a busy machine.
    pub(crate) fn sleeps(&self) -> u64 {
        let mut sum = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("threads").flatten() {
            let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            sum += line.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or(0);
        }
        sum
    }

    /// Resident memory, bytes.
    pub(crate) fn memory(&self) -> u64 {
        let text = self.proc("status");
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a size") * 1024
    }

    fn proc(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).expect("the engine is alive")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// The program: this build, or the one that `TURNO_BIN` names, to compare two.
fn program() -> PathBuf {
    std::env::var_os("TURNO_BIN").map_or_else(|| env!("CARGO_BIN_EXE_turno").into(), PathBuf::from)
}

fn get(path: &str) -> String {
    let mut page = String::new();
    let mut stream = TcpStream::connect(HTTP).expect("the engine's HTTP");
    write!(stream, "GET {path} HTTP/1.0\r\nHost: bench\r\n\r\n").expect("a request");
    stream.read_to_string(&mut page).expect("a page");
    page
}

fn json(path: &str) -> Value {
    let page = get(path);
    let body = page.split_once("\r\n\r\n").expect("head and body").1;
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{path}: {error}: {page}"))
}

/// Brings customers into the store and says how long that took.
fn import(customers: u64, dir: &Path) {
    let mut rows = String::from("external_id,name,phone,phone\n");
    for n in 1..=customers {
        let _ = writeln!(rows, "C-{n},Customer {n},{CALLER}{n},+346{n:08}");
    }
    let file = dir.join("customers.csv");
    fs::write(&file, rows).expect("the customers are written");
    let began = Instant::now();
    let mut command = Command::new(program());
    command.args(["customers", "import"]).arg(&file).arg("--records").arg(dir.join("records")).stdout(Stdio::null());
    assert!(command.status().is_ok_and(|status| status.success()), "the import failed");
    println!("card   {customers} customers imported in {:.1} s", began.elapsed().as_secs_f64());
}

fn config(wanted: &Wanted, dir: &Path) -> String {
    let prompts = concat!(env!("CARGO_MANIFEST_DIR"), "/config/prompts");
    let music = if wanted.music { "music = \"music\"" } else { "" };
    let mut text = format!(
        r#"
[node]
data_dir = "{dir}"
[log]
level = "warn"
[http]
listen = "{HTTP}"
[journal]
enabled = true
[sip]
domains = ["127.0.7.1"]
local_networks = ["127.0.0.0/8"]
[[sip.listeners]]
transport = "udp"
address = "{ENGINE}"
[trunks.carrier]
networks = ["127.0.7.2/32"]
hosts = ["{CARRIER}"]
transport = "udp"
codecs = ["pcma"]
trusted = true
[media]
ports = "10000-60000"
local_networks = ["127.0.0.0/8"]
codecs = ["pcma"]
silence_limit = "1h"
quarantine = "1s"
[prompts]
dir = "{prompts}"
music = "music.wav"
[[routes]]
dnis = "*"
to = "queue:sales"
[queues.sales]
length_max = 100000
ring_limit = "30s"
wait_limit = "0s"
wrap_up = "0s"
{music}
[segments.standard]
value = 1
wait_target = "60s"
wait_max = "4m"
[customers]
country = "34"
segment_default = "standard"
"#,
        dir = dir.display()
    );
    for n in 0..wanted.agents {
        let _ = write!(
            text,
            "[accounts.{user}]\nstation = \"s{n}\"\n[accounts.{user}.fixed]\nuri = \"sip:{user}@{PHONES}\"\n\
             [agents.a{n}]\nshown = \"Agent {n}\"\nqueues = [\"sales\"]\ncode = \"{user}\"\nstation = \"s{n}\"\n\
             no_answer_max = 0\n",
            user = 1000 + n
        );
    }
    text
}
