//! `turno demo` as a process of its own: its folder, its ports, and what it says.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::house::{free_port, http_get};

/// Longest wait for anything; the play's first call comes within seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running demo and its folder.
pub(crate) struct Demo {
    child: Child,
    pub(crate) dir: PathBuf,
    pub(crate) sip: u16,
    pub(crate) http: u16,
}

impl Demo {
    /// Begins the play and waits until it takes calls.
    pub(crate) fn open() -> Demo {
        Demo::open_for("", &["--per-minute", "60"], 600)
    }

    /// The same with lines of configuration of its own, further words on its command line, for so many seconds.
    pub(crate) fn open_for(lines: &str, words: &[&str], seconds: u64) -> Demo {
        static OPENED: AtomicU32 = AtomicU32::new(0);
        let nth = OPENED.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("turno-it-demo-{}-{nth}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let more = dir.join("data/config/conf.d");
        std::fs::create_dir_all(&more).unwrap();
        std::fs::write(more.join("more.toml"), lines).unwrap();
        let (sip, http) = (free_port(), free_port());
        let log = File::create(dir.join("demo.log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_turno"))
            .arg("demo")
            .arg("--dir")
            .arg(dir.join("data"))
            .args(["--sip-port", &sip.to_string(), "--http-port", &http.to_string()])
            .args(["--seconds", &seconds.to_string()])
            .args(words)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let demo = Demo { child, dir, sip, http };
        until("the demo is ready", || demo.get("/readyz")?.starts_with("HTTP/1.1 200").then_some(()));
        demo
    }

    /// Its SIP address.
    pub(crate) fn engine(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.sip).into()
    }

    /// A page of it, head and body.
    pub(crate) fn get(&self, path: &str) -> Option<String> {
        http_get((Ipv4Addr::LOCALHOST, self.http).into(), path)
    }

    /// The program, beside it.
    pub(crate) fn turno(&self, words: &[&str]) -> Output {
        let socket = self.dir.join("data/data/turno.sock");
        let mut command = Command::new(env!("CARGO_BIN_EXE_turno"));
        command.args(words).env("TURNO_SOCKET", socket).stdin(Stdio::null()).output().unwrap()
    }

    /// Everybody's name.
    pub(crate) fn agents(&self) -> Vec<String> {
        let output = self.turno(&["agent", "show", "--json"]);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let agents = answer["agents"].as_array().unwrap().iter();
        agents.map(|agent| agent["agent"].as_str().unwrap().to_owned()).collect()
    }

    /// State of an agent.
    pub(crate) fn agent(&self, agent: &str) -> String {
        let output = self.turno(&["agent", "show", agent, "--json"]);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        answer["agents"][0]["state"].as_str().unwrap().to_owned()
    }

    /// A phone of that name can be reached.
    pub(crate) fn has_registered(&self, station: &str) -> bool {
        let output = self.turno(&["reg", "show"]);
        String::from_utf8(output.stdout).unwrap().lines().any(|line| line.split_whitespace().next() == Some(station))
    }

    /// Ctrl-C; how long it takes to end, and whether it ended well.
    pub(crate) fn interrupt(&mut self) -> (Duration, bool) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let began = Instant::now();
        let ended = until("the demo ends", || self.child.try_wait().unwrap());
        (began.elapsed(), ended.success())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", std::fs::read_to_string(self.dir.join("demo.log")).unwrap_or_default());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Waits until `look` finds something.
pub(crate) fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    until_for(what, PATIENCE, look)
}

/// The same, at most so long.
fn until_for<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < patience, "{what}: not within {patience:?}");
        sleep(Duration::from_millis(100));
    }
}

/// A customer's stay in a queue: from, to, and how it ended, ms.
struct Stay<'a> {
    record: &'a Value,
    queue: &'a str,
    left: &'a str,
    entered_ms: i64,
    left_ms: i64,
}

/// All stays, in the order in which they began.
fn stays(records: &[Value]) -> Vec<Stay<'_>> {
    let ms = |value: &Value| {
        let at = turno::shell::instant::wall_of(value.as_str().unwrap()).unwrap();
        at.0 / 1000
    };
    let mut all = Vec::new();
    for record in records {
        for stay in record["stays"].as_array().unwrap() {
            let entered_ms = ms(&stay["entered"]);
            let left_ms = entered_ms + stay["wait_ms"].as_i64().unwrap();
            let word = |key: &str| stay[key].as_str().unwrap();
            all.push(Stay { record, queue: word("queue"), left: word("left"), entered_ms, left_ms });
        }
    }
    all.sort_by_key(|stay| stay.entered_ms);
    all
}

/// The plot as its records tell it: in the storm the skill runs short, a Platinum customer passes ahead of those who came before him, and who
/// waits too long is answered from the queue that everybody serves.
#[test]
fn the_plot_of_the_demo_happens() {
    let mut demo = Demo::open_for("", &["--at", "78", "--per-minute", "45"], 140);
    let ended = until_for("the play is over", PATIENCE * 4, || demo.child.try_wait().unwrap());
    assert!(ended.success());
    let dir = demo.dir.join("data/data/records").display().to_string();
    let output = demo.turno(&["cdr", "--records", &dir, "export", "--format", "jsonl"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let stays = stays(&records);
    let faults: Vec<&Stay<'_>> = stays.iter().filter(|stay| stay.queue == "averias").collect();

    // The skill runs short: more wait for it than all who have it could ever be offered.
    let waiting = |at: i64| faults.iter().filter(|stay| stay.entered_ms <= at && at < stay.left_ms).count();
    let short = faults.iter().map(|stay| waiting(stay.entered_ms)).max().unwrap();

    // Platinum: of those who entered before him and waited still, some were answered after him.
    let platinum: Vec<&&Stay<'_>> =
        faults.iter().filter(|stay| stay.record["segment"] == "platinum" && stay.left == "answered").collect();
    let passed = |stay: &Stay<'_>| {
        let before = faults.iter().filter(|other| other.record["segment"] != "platinum");
        before.filter(|other| other.entered_ms < stay.entered_ms && other.left_ms > stay.left_ms).count()
    };
    let ahead = platinum.iter().map(|stay| passed(stay)).max().expect("a Platinum customer was answered");

    // Overflow rescues: out of the queue by its wait limit, and answered from the other one.
    let rescued = records.iter().filter(|record| {
        let ways: Vec<(&str, &str)> = record["stays"]
            .as_array()
            .unwrap()
            .iter()
            .map(|stay| (stay["queue"].as_str().unwrap(), stay["left"].as_str().unwrap()))
            .collect();
        ways == [("averias", "overflowed"), ("general", "answered")]
    });
    let rescued = rescued.count();
    println!("{short} waited at once; a Platinum customer passed {ahead}; {rescued} were rescued");
    assert!(short >= 12 && ahead >= 3 && rescued >= 3);
}
