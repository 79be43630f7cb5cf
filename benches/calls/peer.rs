//! A carrier and the agents' phones in one thread that notes when things happen: how long a freed agent waits for the
//! next call while callers queue.
//!
//! Phones answer at once and hang up after a while. Every instant is taken outside the engine: from the phone's BYE
//! leaving its socket to the next INVITE for that phone being read, so the kernel's way there and back is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use crate::node::{CARRIER, ENGINE, PHONES};

/// How long a phone talks.
const TALK: Duration = Duration::from_millis(250);
/// Longest silence before the run counts as over.
const PATIENCE: Duration = Duration::from_secs(5);

/// From an agent's BYE to the next INVITE for that agent.
pub(crate) struct Gaps {
    /// Sorted.
    pub(crate) gaps: Vec<Duration>,
    pub(crate) calls: usize,
}

impl Gaps {
    /// The gap that `percent` of all do not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let at = (self.gaps.len() * percent / 100).min(self.gaps.len().saturating_sub(1));
        self.gaps.get(at).copied().unwrap_or_default()
    }
}

struct Text<'a> {
    text: &'a str,
}

impl<'a> Text<'a> {
    fn header(&self, name: &str) -> &'a str {
        let line = self
            .text
            .lines()
            .find(|line| line.split_once(':').is_some_and(|(found, _)| found.trim().eq_ignore_ascii_case(name)));
        line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
    }

    fn all(&self, name: &str) -> String {
        let of_name =
            |line: &&str| line.split_once(':').is_some_and(|(found, _)| found.trim().eq_ignore_ascii_case(name));
        self.text.lines().filter(of_name).map(|line| format!("{line}\r\n")).collect()
    }

    /// The URI of Contact.
    fn contact(&self) -> &'a str {
        let value = self.header("Contact");
        value.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(value, |(uri, _)| uri)
    }

    /// A response to it; the To of one outside a dialog gets a tag.
    fn response(&self, status: &str, more: &str) -> String {
        let to = self.header("To");
        let tag = if to.contains(";tag=") { "" } else { ";tag=phone" };
        format!(
            "SIP/2.0 {status}\r\n{}From: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n{more}",
            self.all("Via"),
            self.header("From"),
            self.header("Call-ID"),
            self.header("CSeq"),
        )
    }
}

fn sdp(ip: &str, port: u16) -> String {
    let body = format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\na=sendrecv\r\n"
    );
    format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

const NOTHING: &str = "Content-Length: 0\r\n\r\n";

/// Keeps `backlog` callers waiting for `agents` agents until `calls` calls have been answered.
pub(crate) fn run(agents: usize, backlog: usize, calls: usize, sink: u16) -> Gaps {
    let mut peer = Peer {
        carrier: open(CARRIER),
        phones: open(PHONES),
        sink,
        called: 0,
        answered: 0,
        hang_ups: BTreeSet::new(),
        dialogs: BTreeMap::new(),
        freed: BTreeMap::new(),
        gaps: Vec::new(),
    };
    // Slowly, so that shedding does not turn callers away.
    for _ in 0..backlog + agents {
        peer.call();
        peer.turn(Duration::from_millis(2));
    }
    let mut heard = Instant::now();
    while peer.answered < calls && heard.elapsed() < PATIENCE {
        if peer.turn(Duration::from_millis(1)) {
            heard = Instant::now();
        }
        while peer.called < peer.answered + backlog {
            peer.call();
        }
    }
    let mut gaps = peer.gaps;
    gaps.sort_unstable();
    Gaps { gaps, calls: peer.answered }
}

fn open(local: &str) -> UdpSocket {
    let socket = UdpSocket::bind(local).expect("an address of the bench");
    socket.connect(ENGINE).expect("the engine's address");
    socket.set_nonblocking(true).expect("non-blocking");
    socket
}

struct Peer {
    carrier: UdpSocket,
    phones: UdpSocket,
    sink: u16,
    called: usize,
    answered: usize,
    /// When which agent's call is hung up, by its Call-ID.
    hang_ups: BTreeSet<(Instant, String)>,
    /// A phone's BYE by Call-ID, with the agent.
    dialogs: BTreeMap<String, (String, String)>,
    /// When an agent's BYE left.
    freed: BTreeMap<String, Instant>,
    gaps: Vec<Duration>,
}

impl Peer {
    fn call(&mut self) {
        let n = self.called;
        self.called += 1;
        let ip = CARRIER.split(':').next().unwrap_or("");
        let invite = format!(
            "INVITE sip:+34900100101@{ENGINE} SIP/2.0\r\nVia: SIP/2.0/UDP {CARRIER};branch=z9hG4bKbench{n}\r\n\
             From: <sip:+346{n:08}@{CARRIER}>;tag=c{n}\r\nTo: <sip:+34900100101@{ENGINE}>\r\nCall-ID: bench-{n}\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:c@{CARRIER}>\r\nMax-Forwards: 70\r\n{}",
            sdp(ip, self.sink)
        );
        let _ = self.carrier.send(invite.as_bytes());
    }

    /// Reads what is there, or waits up to `wait` for it; hangs up who has talked enough. False if there was nothing.
    fn turn(&mut self, wait: Duration) -> bool {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        use std::os::fd::AsFd;
        let mut watched = [&self.phones, &self.carrier].map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN));
        let wait = PollTimeout::try_from(wait).unwrap_or(PollTimeout::ZERO);
        let ready = poll(&mut watched, wait).unwrap_or(0) > 0;
        let mut buffer = [0; 8192];
        while let Ok(length) = self.phones.recv(&mut buffer) {
            let at = Instant::now();
            self.on_phone(at, std::str::from_utf8(&buffer[..length]).unwrap_or(""));
        }
        while let Ok(length) = self.carrier.recv(&mut buffer) {
            self.on_carrier(std::str::from_utf8(&buffer[..length]).unwrap_or(""));
        }
        let now = Instant::now();
        while self.hang_ups.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, call_id)) = self.hang_ups.pop_first() else { break };
            let Some((agent, bye)) = self.dialogs.remove(&call_id) else { continue };
            self.freed.insert(agent, Instant::now());
            let _ = self.phones.send(bye.as_bytes());
        }
        ready
    }

    fn on_phone(&mut self, at: Instant, text: &str) {
        let line = Text { text };
        let ip = PHONES.split(':').next().unwrap_or("");
        let call_id = line.header("Call-ID").to_owned();
        match text.split(' ').next() {
            Some("INVITE") => {
                let agent = text.split(['@', ':']).nth(1).unwrap_or("").to_owned();
                if let Some(freed) = self.freed.remove(&agent) {
                    self.gaps.push(at - freed);
                }
                let more = format!("Contact: <sip:{agent}@{PHONES}>\r\n{}", sdp(ip, self.sink));
                let _ = self.phones.send(line.response("200 OK", &more).as_bytes());
                let bye = format!(
                    "BYE {} SIP/2.0\r\nVia: SIP/2.0/UDP {PHONES};branch=z9hG4bKbye{call_id}\r\nFrom: {};tag=phone\r\n\
                     To: {}\r\nCall-ID: {call_id}\r\nCSeq: 1 BYE\r\nMax-Forwards: 70\r\n{NOTHING}",
                    line.contact(),
                    line.header("To"),
                    line.header("From"),
                );
                self.dialogs.insert(call_id.clone(), (agent, bye));
                self.hang_ups.insert((at + TALK, call_id));
            }
            Some("ACK") => self.answered += 1,
            Some("BYE") => {
                let _ = self.phones.send(line.response("200 OK", NOTHING).as_bytes());
            }
            _ => {}
        }
    }

    fn on_carrier(&mut self, text: &str) {
        let line = Text { text };
        if text.starts_with("BYE ") {
            let _ = self.carrier.send(line.response("200 OK", NOTHING).as_bytes());
        } else if text.starts_with("SIP/2.0 2") && line.header("CSeq").ends_with("INVITE") {
            let n = line.header("Call-ID");
            let ack = format!(
                "ACK {} SIP/2.0\r\nVia: SIP/2.0/UDP {CARRIER};branch=z9hG4bKack{n}\r\nFrom: {}\r\nTo: {}\r\n\
                 Call-ID: {n}\r\nCSeq: 1 ACK\r\nMax-Forwards: 70\r\n{NOTHING}",
                line.contact(),
                line.header("From"),
                line.header("To"),
            );
            let _ = self.carrier.send(ack.as_bytes());
        }
    }
}
