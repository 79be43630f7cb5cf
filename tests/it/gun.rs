//! Calls from the carrier's address as fast as asked, by datagrams of few words: for overload and endurance, where a user
//! agent for each caller would be the first to tire. A call is INVITE, ACK, BYE; no audio flows.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// Like a user agent's T1; it repeats so often.
const AGAIN: Duration = Duration::from_millis(500);
/// By then nobody answers: the 64·T1 of a user agent.
const TRIES_MAX: u32 = 64;

/// What became of the calls.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) fired: u64,
    /// From INVITE to 200.
    pub(crate) answered: Vec<Duration>,
    /// From INVITE to 503.
    pub(crate) shed: Vec<Duration>,
    /// Of them, those that were given by the engine itself, not by the door before it.
    pub(crate) shed_inside: Vec<Duration>,
    /// Of them, those whose INVITE had been repeated.
    pub(crate) shed_late: u64,
    /// 503s without a Retry-After.
    pub(crate) shed_bare: u64,
    /// Other final answers, by status.
    pub(crate) refused: BTreeMap<u16, u64>,
    /// BYEs that got anything but 200.
    pub(crate) byes_refused: u64,
    /// Requests that nobody answered.
    pub(crate) unheard: u64,
    /// Calls that the engine ended.
    pub(crate) ended: u64,
}

struct Shot {
    sent: Instant,
    again: Instant,
    tries: u32,
    bytes: Vec<u8>,
    stage: Stage,
    /// To value of a dialog.
    to: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Asking,
    Up,
    Leaving,
}

/// Who calls.
pub(crate) struct Gun {
    socket: UdpSocket,
    at: SocketAddr,
    to: SocketAddr,
    shots: BTreeMap<u64, Shot>,
    due: BTreeSet<(Instant, u64)>,
    next: u64,
    /// From 200 to BYE.
    pub(crate) lasts: Duration,
    /// How often a request is repeated at most.
    pub(crate) tries_max: u32,
    pub(crate) tally: Tally,
}

impl Gun {
    pub(crate) fn new(from: IpAddr, to: SocketAddr) -> Gun {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
        // What waits in our own buffer is no delay of the engine's.
        let _ = socket.set_recv_buffer_size(8 << 20);
        // On loopback what the peer has not read yet counts as ours: with the usual room a hundred datagrams that wait there would have us
        // drop the next, and half a second of our own timer would pass for the engine's.
        let _ = socket.set_send_buffer_size(8 << 20);
        socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
        let socket: UdpSocket = socket.into();
        socket.set_nonblocking(true).unwrap();
        let at = socket.local_addr().unwrap();
        Gun {
            socket,
            at,
            to,
            shots: BTreeMap::new(),
            due: BTreeSet::new(),
            next: 0,
            lasts: Duration::ZERO,
            tries_max: TRIES_MAX,
            tally: Tally::default(),
        }
    }

    /// Calls that are not over.
    pub(crate) fn open(&self) -> usize {
        self.shots.len()
    }

    /// A new call.
    pub(crate) fn fire(&mut self) {
        let (n, at, to) = (self.next, self.at, self.to);
        self.next += 1;
        self.tally.fired += 1;
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 30000 RTP/AVP 8\r\n",
            ip = at.ip()
        );
        let bytes = format!(
            "INVITE sip:+34900100101@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bKi{n};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:+3461{n:07}@{at}>;tag=g{n}\r\nTo: <sip:+34900100101@{to}>\r\nCall-ID: g{n}@{at}\r\n\
             CSeq: 1 INVITE\r\nContact: <sip:g@{at}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            sdp.len()
        );
        let now = Instant::now();
        let shot = Shot {
            sent: now,
            again: now + AGAIN,
            tries: 0,
            bytes: bytes.into_bytes(),
            stage: Stage::Asking,
            to: format!("<sip:+34900100101@{to}>"),
        };
        self.send(&shot.bytes);
        self.due.insert((shot.again, n));
        self.shots.insert(n, shot);
    }

    fn send(&self, bytes: &[u8]) {
        // A full buffer loses it, as networks do.
        let _ = self.socket.send_to(bytes, self.to);
    }

    /// Takes what came and does what is due.
    pub(crate) fn pump(&mut self) {
        let mut buffer = [0; 4096];
        while let Ok((length, _)) = self.socket.recv_from(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            match text.strip_prefix("SIP/2.0 ") {
                Some(rest) => self.on_answer(rest.get(..3).and_then(|s| s.parse().ok()).unwrap_or(0), &text),
                None => self.on_request(&text),
            }
        }
        let now = Instant::now();
        while let Some(&(at, n)) = self.due.first() {
            if at > now {
                break;
            }
            self.due.remove(&(at, n));
            self.on_due(n, now);
        }
    }

    fn on_due(&mut self, n: u64, now: Instant) {
        let Some(mut shot) = self.shots.remove(&n) else { return };
        if shot.stage == Stage::Up {
            shot.stage = Stage::Leaving;
            shot.tries = 0;
            shot.bytes = self.inside("BYE", 2, n, &shot.to);
        } else {
            shot.tries += 1;
            if shot.tries > self.tries_max {
                self.tally.unheard += 1;
                return;
            }
        }
        self.send(&shot.bytes);
        shot.again = now + AGAIN;
        self.due.insert((shot.again, n));
        self.shots.insert(n, shot);
    }

    fn inside(&self, method: &str, seq: u32, n: u64, to: &str) -> Vec<u8> {
        let (at, engine) = (self.at, self.to);
        format!(
            "{method} sip:{engine} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{method}{n};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:+3461{n:07}@{at}>;tag=g{n}\r\nTo: {to}\r\nCall-ID: g{n}@{at}\r\nCSeq: {seq} {method}\r\n\
             Content-Length: 0\r\n\r\n"
        )
        .into_bytes()
    }

    fn on_answer(&mut self, status: u16, text: &str) {
        let header = |name: &str| {
            let line = text.lines().find(|line| line.len() > name.len() && line.starts_with(name))?;
            Some(line[name.len()..].trim_start_matches(':').trim())
        };
        let number = header("Call-ID").and_then(|id| id.strip_prefix('g')?.split('@').next()?.parse::<u64>().ok());
        let (Some(n), Some(method)) = (number, header("CSeq").and_then(|seq| seq.split(' ').nth(1))) else { return };
        let now = Instant::now();
        if status < 200 {
            return;
        }
        if method == "INVITE" && status >= 300 {
            // The ACK of a refusal has the INVITE's branch.
            let to = header("To").unwrap_or("").to_owned();
            let ack = String::from_utf8_lossy(&self.inside("ACK", 1, n, &to)).replace("z9hG4bKACK", "z9hG4bKi");
            self.send(ack.as_bytes());
        }
        let Some(shot) = self.shots.get_mut(&n) else { return };
        match (method, shot.stage, status) {
            ("INVITE", Stage::Asking, 200) => {
                self.tally.answered.push(now - shot.sent);
                self.due.remove(&(shot.again, n));
                header("To").unwrap_or("").clone_into(&mut shot.to);
                (shot.stage, shot.again) = (Stage::Up, now + self.lasts);
                self.due.insert((shot.again, n));
                let to = shot.to.clone();
                self.send(&self.inside("ACK", 1, n, &to));
            }
            // A repeated 200: our ACK was lost.
            ("INVITE", Stage::Up | Stage::Leaving, 200) => {
                let to = shot.to.clone();
                self.send(&self.inside("ACK", 1, n, &to));
            }
            ("INVITE", Stage::Asking, status) => {
                let (took, is_late) = (now - shot.sent, shot.tries > 0);
                self.forget(n);
                if status == 503 {
                    self.tally.shed.push(took);
                    self.tally.shed_late += u64::from(is_late);
                    if !header("To").is_some_and(|to| to.contains(";tag=door")) {
                        self.tally.shed_inside.push(took);
                    }
                    self.tally.shed_bare += u64::from(header("Retry-After").is_none());
                } else {
                    *self.tally.refused.entry(status).or_default() += 1;
                }
            }
            ("BYE", Stage::Leaving, status) => {
                self.tally.byes_refused += u64::from(status != 200);
                self.forget(n);
            }
            _ => {}
        }
    }

    fn forget(&mut self, n: u64) {
        if let Some(shot) = self.shots.remove(&n) {
            self.due.remove(&(shot.again, n));
        }
    }

    fn on_request(&mut self, text: &str) {
        let method = text.split(' ').next().unwrap_or("");
        if method == "ACK" {
            return;
        }
        let kept = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
        let lines: String = text
            .lines()
            .filter(|line| kept.iter().any(|name| line.starts_with(name)))
            .map(|line| format!("{line}\r\n"))
            .collect();
        let status = if matches!(method, "BYE" | "OPTIONS") { "200 OK" } else { "488 Not Acceptable Here" };
        self.send(format!("SIP/2.0 {status}\r\n{lines}Content-Length: 0\r\n\r\n").as_bytes());
        let id = text.lines().find_map(|line| line.strip_prefix("Call-ID: g")?.split('@').next()?.parse::<u64>().ok());
        if let (Some(n), "BYE") = (id, method)
            && self.shots.contains_key(&n)
        {
            self.tally.ended += 1;
            self.forget(n);
        }
    }
}

/// The value below which so many per cent are.
pub(crate) fn percentile(of: &[Duration], percent: usize) -> Duration {
    let mut sorted = of.to_vec();
    sorted.sort_unstable();
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}
