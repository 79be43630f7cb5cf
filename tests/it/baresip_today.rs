//! The softphone of `baresip` as it is today, by SHA-256 where nothing else is taken.
//!
//! Debian has none that knows it, in any of its releases: `scripts/peers` installs the stack as it is published for Python,
//! and `peers/baresip/phone.py` is the phone on it. Where none is to be had the tests say so and try nothing.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use serde_json::Value;

use crate::baresip::{Phone, both_hear_each_other, of_kind, samples, write_tone};
use crate::house::{House, PASSWORD, Plan, account, free_port};

const SHA: &str = "digests = [\"sha-256\"]";
const ONE: Plan<'static> = Plan { agents: &[("anna", 5)], sip: SHA, queue: "ring_limit = \"10s\"", more: "" };

/// The Python that has it, or why none has.
fn installed() -> Result<PathBuf, String> {
    let below = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/baresip");
    if below.join("installed.txt").exists() {
        return Ok(below.join("venv/bin/python"));
    }
    Err(fs::read_to_string(below.join("absent")).expect("scripts/peers (make tools) installs it"))
}

/// A phone that runs.
struct Today {
    child: Child,
    dir: PathBuf,
    log: PathBuf,
    from: Receiver<Value>,
    events: Vec<Value>,
}

impl Today {
    /// The phone of agent `at`, over `transport`; it answers by itself.
    fn open(python: &Path, house: &House, at: usize, transport: &str) -> Today {
        let user = account(at);
        let dir = house.dir.join(format!("baresip-{user}"));
        fs::create_dir_all(&dir).unwrap();
        write_tone(&dir);
        let log = house.dir.join(format!("baresip-{user}.log"));
        let rtp = free_port() & !1;
        let mut child = Command::new(python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/peers/baresip/phone.py"))
            .args([&user, PASSWORD, &house.sip().to_string(), transport])
            // An address of loopback that is no interface's is none to it.
            .args([format!("127.0.0.1:{}", house.low_port()), format!("{rtp}-{}", rtp.saturating_add(20))])
            .current_dir(&dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start ({error}); scripts/peers", python.display()));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (to, from) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = to.send(serde_json::from_str(&line).unwrap());
            }
        });
        Today { child, dir, log, from, events: Vec::new() }
    }
}

impl Phone for Today {
    const LOOKS: usize = 20;

    fn told(&mut self, kind: &str) -> Vec<String> {
        self.events.extend(self.from.try_iter());
        of_kind(&self.events, kind)
    }

    fn press(&mut self, key: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{key}").unwrap();
    }

    fn heard(&self) -> Vec<i16> {
        samples(&fs::read(self.dir.join("heard.raw")).unwrap_or_default())
    }
}

impl Drop for Today {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("baresip told: {:#?}", self.events);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn by_sha_256(transport: &str) {
    let python = match installed() {
        Ok(python) => python,
        Err(why) => return println!("a baresip of today was not tried, there is none here: {why}"),
    };
    let house = House::open(&ONE);
    let mut phone = Today::open(&python, &house, 0, transport);
    both_hear_each_other(&house, &mut phone, transport);
    assert!(house.metric("turno_sip_events_total{event=\"challenged\"}") > 0.0, "it was challenged");
    assert_eq!(house.metric("turno_sip_events_total{event=\"auth_failed\"}"), 0.0);
    let said = String::from_utf8_lossy(&fs::read(&phone.log).unwrap()).into_owned();
    let answer =
        said.lines().find(|line| line.starts_with("Authorization: Digest")).expect("it answered the challenge");
    assert!(answer.contains("algorithm=SHA-256"), "{answer}");
}

#[test]
fn baresip_of_today_by_sha_256_over_udp_and_a_caller_hear_each_other() {
    by_sha_256("udp");
}

#[test]
fn baresip_of_today_by_sha_256_over_tcp_and_a_caller_hear_each_other() {
    by_sha_256("tcp");
}
