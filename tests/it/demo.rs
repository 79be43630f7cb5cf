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
const PATIENCE: Duration = Duration::from_secs(60);

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
        Demo::open_with("", 60)
    }

    /// The same with lines of configuration of its own, and so many calls a minute.
    pub(crate) fn open_with(lines: &str, per_minute: u32) -> Demo {
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
            .args(["--per-minute", &per_minute.to_string(), "--seconds", "150"])
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
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        sleep(Duration::from_millis(100));
    }
}
