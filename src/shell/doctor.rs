//! What on this machine and in this configuration would keep calls from going through.
//!
//! Each check says what it looked at and, if it found something, what to do. While an engine runs, the addresses that it holds
//! are not tried again: that it answers is the proof.

mod certificate;

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs, UdpSocket};
use std::path::Path;
use std::process::Command as Program;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit};
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use turno_sip::flow::Transport;

use crate::shell::clock::wall;
use crate::shell::config::{Problem, Settings};
use crate::shell::ping;

/// How long a packet may take from the range to the range.
const ANSWER_WAIT: Duration = Duration::from_secs(2);
/// Free room under which the disk of the records is called full, percent.
const FREE_PCT_MIN: u64 = 20;
/// File descriptors beside those of media ports: streams, HTTP, files.
const DESCRIPTORS_SPARE: u64 = 1024;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing to do.
    #[serde(rename = "ok")]
    Fine,
    /// Calls go through; something else will not.
    Warning,
    /// Calls do not go through, or no client is let in where it should be.
    Failed,
}

impl Verdict {
    /// As it is printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Fine => "ok",
            Verdict::Warning => "warning",
            Verdict::Failed => "FAILED",
        }
    }
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was looked at.
    pub about: String,
    /// How it came out.
    pub verdict: Verdict,
    /// What was found and, unless it is fine, what to do.
    pub sentence: String,
}

impl Finding {
    /// One check.
    pub fn new(about: impl Into<String>, verdict: Verdict, sentence: impl Into<String>) -> Finding {
        Finding { about: about.into(), verdict, sentence: sentence.into() }
    }
}

/// What is wrong with a configuration, as findings.
pub fn of_problems(problems: &[Problem]) -> Vec<Finding> {
    let verdict = |problem: &Problem| if problem.warning { Verdict::Warning } else { Verdict::Failed };
    problems.iter().map(|problem| Finding::new("configuration", verdict(problem), problem.to_string())).collect()
}

/// Whether calls would go through.
pub fn is_well(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.verdict != Verdict::Failed)
}

/// Checks everything but the engine itself; `runs`: one does, with this configuration. Takes some seconds where peers do not
/// answer.
pub fn examine(settings: &Settings, runs: bool) -> Vec<Finding> {
    let mut doctor = Doctor { settings, findings: Vec::new() };
    if !runs {
        doctor.listeners();
        doctor.media_loop();
    }
    doctor.addresses();
    doctor.descriptors();
    doctor.clock();
    doctor.certificates();
    doctor.store();
    doctor.trunks();
    doctor.findings
}

struct Doctor<'a> {
    settings: &'a Settings,
    findings: Vec<Finding>,
}

impl Doctor<'_> {
    fn say(&mut self, about: impl Into<String>, verdict: Verdict, sentence: impl Into<String>) {
        self.findings.push(Finding::new(about, verdict, sentence));
    }

    fn fine(&mut self, about: impl Into<String>, sentence: impl Into<String>) {
        self.say(about, Verdict::Fine, sentence);
    }

    fn listeners(&mut self) {
        let mut wanted: Vec<(&str, SocketAddr, bool)> = Vec::new();
        for listener in &self.settings.engine.sip.listeners {
            wanted.push((listener.transport.via(), listener.local, listener.transport == Transport::Udp));
        }
        if let Some(http) = self.settings.http.listen {
            wanted.push(("HTTP", http, false));
        }
        let ami = &self.settings.ami;
        wanted.extend(ami.listen.map(|address| ("AMI", address, false)));
        wanted.extend(ami.tls_listen.map(|address| ("AMI by TLS", address, false)));
        for (what, address, is_udp) in wanted {
            let bound = if is_udp { UdpSocket::bind(address).map(drop) } else { TcpListener::bind(address).map(drop) };
            let about = format!("{what} {address}");
            match bound {
                Ok(()) => self.fine(about, "is free"),
                Err(error) => self.say(about, Verdict::Failed, unbound(&error)),
            }
        }
    }

    /// A packet from one media port to another, over the address that peers are told.
    fn media_loop(&mut self) {
        let media = &self.settings.media;
        let mut addresses = media.addresses.clone();
        if addresses.is_empty() {
            addresses = self.settings.engine.sip.listeners.iter().map(|listener| listener.local.ip()).collect();
        }
        addresses.sort_unstable();
        addresses.dedup();
        for address in addresses {
            let about = format!("RTP {address}");
            match there_and_back(address, media.ports) {
                Ok((from, to)) => self.fine(about, format!("a packet came from port {from} to port {to}")),
                Err(error) => self.say(
                    about,
                    Verdict::Failed,
                    format!(
                        "{error}; media.ports is {}-{}: open it in this machine's firewall, stop what else uses it",
                        media.ports.0, media.ports.1
                    ),
                ),
            }
        }
    }

    /// A private address that strangers would be told.
    fn addresses(&mut self) {
        let hosts = self.settings.engine.sip.trunks.iter().flat_map(|trunk| trunk.hosts.iter());
        let is_far = hosts.filter_map(|host| host.host.parse::<IpAddr>().ok()).any(|ip| !is_private(ip));
        for listener in &self.settings.engine.sip.listeners {
            if is_far && is_private(listener.local.ip()) && listener.external.is_none() {
                self.say(
                    format!("{} {}", listener.transport.via(), listener.local),
                    Verdict::Warning,
                    "is private, and a trunk is in the open Internet: behind NAT set external here and media.external, or audio goes one way",
                );
            }
        }
    }

    fn descriptors(&mut self) {
        let (first, last) = self.settings.media.ports;
        let wanted = u64::from(last.saturating_sub(first)) + 1 + DESCRIPTORS_SPARE;
        match getrlimit(Resource::RLIMIT_NOFILE) {
            // The engine raises the soft limit itself.
            Ok((_, hard)) if hard >= wanted => self.fine("open files", format!("up to {hard}, at most {wanted} are needed")),
            Ok((_, hard)) => self.say(
                "open files",
                Verdict::Warning,
                format!("at most {hard}, and a full range of media ports needs {wanted}: LimitNOFILE in the unit, or fewer media.ports"),
            ),
            Err(error) => self.say("open files", Verdict::Warning, error.to_string()),
        }
    }

    /// Durations do not depend on it, the hours of records do.
    fn clock(&mut self) {
        let asked = Program::new("timedatectl").args(["show", "--property=NTPSynchronized", "--value"]).output();
        match asked {
            Ok(out) if out.stdout.starts_with(b"yes") => self.fine("clock", "is synchronised"),
            Ok(out) if out.stdout.starts_with(b"no") => self.say(
                "clock",
                Verdict::Warning,
                "is not synchronised: records and tariffs by the hour would be wrong; install chrony or systemd-timesyncd",
            ),
            Ok(_) | Err(_) => self.say("clock", Verdict::Warning, "timedatectl does not say whether it is synchronised"),
        }
    }

    fn certificates(&mut self) {
        let now_secs = u64::try_from(wall().as_secs()).unwrap_or_default();
        self.findings.extend(certificate::findings(self.settings, now_secs));
    }

    fn store(&mut self) {
        for dir in [&self.settings.node.data_dir, &self.settings.store.dir] {
            let about = format!("folder {}", dir.display());
            // What does not exist yet is made at the start, below what does.
            let Some(there) = above(dir).find(|path| path.exists()) else {
                self.say(about, Verdict::Failed, "is not there, nor is any folder above it");
                continue;
            };
            let probe = there.join(format!(".turno-doctor-{}", std::process::id()));
            match fs::write(&probe, b"").and_then(|()| fs::remove_file(&probe)) {
                Ok(()) => {}
                Err(error) => {
                    self.say(
                        about,
                        Verdict::Failed,
                        format!("{}: {error}; give it to the engine's user", there.display()),
                    );
                    continue;
                }
            }
            match nix::sys::statvfs::statvfs(there) {
                Ok(space) => {
                    let free_pct = space.blocks_available() * 100 / space.blocks().max(1);
                    let verdict = if free_pct < FREE_PCT_MIN { Verdict::Warning } else { Verdict::Fine };
                    let more = if verdict == Verdict::Fine { "" } else { "; when it is full, new calls are refused" };
                    self.say(about, verdict, format!("can be written, {free_pct} % of its disk is free{more}"));
                }
                Err(error) => self.say(about, Verdict::Warning, error.to_string()),
            }
        }
        for name in ["records.sqlite", "customers.sqlite"] {
            let path = self.settings.store.dir.join(name);
            if path.exists() {
                match is_sound(&path) {
                    Ok(true) => self.fine(name, "is sound"),
                    Ok(false) => self.say(
                        name,
                        Verdict::Failed,
                        "is damaged: restore it from a backup; records are made again from their log",
                    ),
                    Err(error) => self.say(name, Verdict::Failed, error.to_string()),
                }
            }
        }
    }

    fn trunks(&mut self) {
        let trunks = self.settings.engine.sip.trunks.iter();
        let hosts = trunks.flat_map(|trunk| trunk.hosts.iter().map(|host| (trunk.id, host.host.clone(), host.port)));
        let found = ping::each(&hosts.collect::<Vec<_>>(), |(trunk, host, port)| {
            let about = format!("trunk {trunk} {host}");
            let found = (host.as_str(), port.unwrap_or(5060)).to_socket_addrs().map(|mut all| all.next());
            match found {
                Ok(Some(address)) => match ping::asked(address, Transport::Udp) {
                    Ok(status) => Finding::new(about, Verdict::Fine, format!("answers OPTIONS with {status}")),
                    Err(error) => Finding::new(
                        about,
                        Verdict::Warning,
                        format!(
                            "{address} does not answer OPTIONS over UDP ({error}): is it up, does it know this address, is the firewall open?"
                        ),
                    ),
                },
                Ok(None) => Finding::new(about, Verdict::Failed, "has no address"),
                Err(error) => Finding::new(about, Verdict::Failed, format!("{error}: look at the name and at DNS")),
            }
        });
        self.findings.extend(found);
    }
}

/// The folder and those above it; what is above a relative one ends in the folder that this runs in.
fn above(dir: &Path) -> impl Iterator<Item = &Path> {
    dir.ancestors().map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path })
}

fn unbound(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "is in use by another program; stop it or choose another port".to_owned(),
        io::ErrorKind::AddrNotAvailable => "is no address of this machine".to_owned(),
        io::ErrorKind::PermissionDenied => format!("{error}; ports below 1024 need CAP_NET_BIND_SERVICE"),
        _ => error.to_string(),
    }
}

/// Sends one packet from the range to the range.
fn there_and_back(address: IpAddr, (first, last): (u16, u16)) -> io::Result<(u16, u16)> {
    let mut bound = Vec::new();
    for port in first..=last {
        if let Ok(socket) = UdpSocket::bind((address, port)) {
            bound.push(socket);
        }
        if let [from, to] = bound.as_slice() {
            to.set_read_timeout(Some(ANSWER_WAIT))?;
            from.send_to(b"turno", to.local_addr()?)?;
            let mut buffer = [0; 16];
            to.recv(&mut buffer)?;
            return Ok((from.local_addr()?.port(), to.local_addr()?.port()));
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "no two ports of the range are free"))
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

fn is_sound(path: &Path) -> rusqlite::Result<bool> {
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    database.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)).map(|said| said == "ok")
}
