//! A web hook: each record, or the events that it asks for, as JSON to an address, signed, until it is taken.
//!
//! The peer may be down, slow or wrong, and only this consumer waits for it. What it refuses, or answers with an error of its
//! own again and again, is set aside. A record may come twice when an answer was lost: `Idempotency-Key` says that it is the
//! same. Addresses of this machine are refused unless the operator allows them, redirects are not followed
//! (docs/reliability.md, S2).

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_rustls::rustls::{self, ClientConfig, ClientConnection};
use turno_tariff::cdr::format;

use super::aside::Shelf;
use crate::shell::authorities::{self, Authorities};
use crate::shell::clock::wall;
use crate::shell::customers::crm::is_local;
use crate::shell::customers::signature::hmac_sha256;
use crate::shell::event::{Filter, event, id};
use crate::shell::store::consumer::{Consumer, Trouble};
use crate::shell::store::feed::{Content, Item, Wants};
use crate::shell::store::log::Place;

/// Largest answer, bytes: only its first line matters.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Longest wait between two tries.
const RETRY_MAX: Duration = Duration::from_secs(300);

/// Where records are posted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookOut {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path and query.
    pub path: String,
    /// It speaks TLS, with a certificate that these or, if none, the system's authorities vouch for; none: plain HTTP.
    pub secure: Option<Authorities>,
    /// Signs each record; none: unsigned.
    pub secret: Option<String>,
    /// From the first byte sent to the answer.
    pub deadline: Duration,
    /// Answers of an error, or none in time, after which a record is set aside. A peer that cannot be reached is waited for.
    pub tries_max: u32,
    /// Addresses of this machine and link-local ones may be posted to.
    pub allow_local: bool,
    /// Events that pass are posted instead of records; none: records.
    pub events: Option<Filter>,
}

/// Why a record was not taken.
#[derive(Debug)]
enum Miss {
    /// No name, no connection.
    Unreachable(io::Error),
    /// Every address is this machine's or link-local.
    Local(IpAddr),
    /// Connected, and then no TLS with a certificate that is in order: nothing was said.
    Untrusted(io::Error),
    /// Connected, and then no answer in time or none at all.
    Silent(io::Error),
    /// No line of HTTP.
    Nonsense,
    /// A status that time may heal: 408, 425, 429, 5xx.
    Busy(u16),
    /// Any other that is not 2xx.
    Status(u16),
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Miss::Unreachable(error) => write!(f, "it cannot be reached: {error}"),
            Miss::Local(address) => {
                write!(f, "{address} is this machine or link-local; set allow_local if that is meant")
            }
            Miss::Untrusted(error) => write!(f, "there is no secure connection to it: {error}"),
            Miss::Silent(error) => write!(f, "it does not answer: {error}"),
            Miss::Nonsense => f.write_str("its answer is no HTTP"),
            Miss::Busy(status) | Miss::Status(status) => write!(f, "it answers {status}"),
        }
    }
}

impl std::error::Error for Miss {}

/// What is kept between lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    segment: u64,
    offset: u64,
}

/// A web hook.
#[derive(Debug)]
pub(super) struct Hook {
    settings: HookOut,
    /// None: plain HTTP.
    tls: Option<Arc<ClientConfig>>,
    shelf: Shelf,
    kept: Option<Place>,
    /// Answers of an error to the record behind the place.
    tries: u32,
    /// It was refused so, and is not posted again to hear the same.
    verdict: Option<(Place, String)>,
}

impl Hook {
    pub(super) fn new(name: &str, settings: HookOut, dir: &Path) -> Hook {
        let tls = settings.secure.as_ref().map(authorities::config);
        Hook { settings, tls, shelf: Shelf::new(dir, name), kept: None, tries: 0, verdict: None }
    }

    /// What is posted for an item, and the key that says it is the same; none: nothing.
    fn letter(&self, content: &Content) -> Option<(String, String)> {
        match (content, &self.settings.events) {
            (Content::Record { seq, record }, None) => Some((format!("{}-{seq}", record.call), format::json(record))),
            (Content::Facts { first, facts }, Some(filter)) => {
                let told = facts.iter().map(|fact| (event(fact), fact));
                let wanted: Vec<_> = (*first..).zip(told).filter(|(_, (event, _))| filter.wants(event)).collect();
                let key = wanted.first().map(|(seq, (_, fact))| id(*seq, fact))?;
                let events: Vec<_> = wanted.into_iter().map(|(seq, (event, fact))| event.json(seq, fact)).collect();
                Some((key, json!({"events": events}).to_string()))
            }
            (Content::Record { .. }, Some(_))
            | (Content::Facts { .. }, None)
            | (Content::Beat(_) | Content::Unreadable(_), _) => None,
        }
    }

    fn keep(&mut self, at: Place) -> Result<(), Trouble> {
        self.shelf.keep(&Kept { segment: at.segment, offset: at.offset }).map_err(Trouble::passing)?;
        (self.kept, self.tries) = (Some(at), 0);
        Ok(())
    }

    fn judge(&mut self, miss: Miss) -> Trouble {
        match miss {
            Miss::Unreachable(_) | Miss::Local(_) | Miss::Untrusted(_) => Trouble::passing(miss),
            Miss::Status(_) => Trouble::Refused(miss.into()),
            Miss::Silent(_) | Miss::Nonsense | Miss::Busy(_) => {
                self.tries += 1;
                if self.tries < self.settings.tries_max {
                    Trouble::passing(miss)
                } else {
                    Trouble::Refused(miss.into())
                }
            }
        }
    }

    fn post(&self, key: &str, body: &str) -> Result<(), Miss> {
        let until = Instant::now() + self.settings.deadline;
        let mut stream = Punctual { stream: self.connect(until)?, until };
        let request = self.request(key, body);
        let Some(tls) = &self.tls else { return exchange(&mut stream, request.as_bytes()) };
        let untrusted = |error: rustls::Error| Miss::Untrusted(io::Error::new(io::ErrorKind::InvalidData, error));
        let name = authorities::name_of(&self.settings.host).map_err(Miss::Untrusted)?;
        let mut session = ClientConnection::new(tls.clone(), name).map_err(untrusted)?;
        while session.is_handshaking() {
            session.complete_io(&mut stream).map_err(Miss::Untrusted)?;
        }
        exchange(&mut rustls::Stream::new(&mut session, &mut stream), request.as_bytes())
    }

    fn request(&self, key: &str, body: &str) -> String {
        let HookOut { host, port, path, secret, .. } = &self.settings;
        let at = wall().as_secs().to_string();
        let signature = secret.as_ref().map(|secret| {
            let code = hmac_sha256(secret.as_bytes(), &[at.as_bytes(), b".", body.as_bytes()]);
            format!("x-turno-signature: sha256={code}\r\n")
        });
        let (signature, length) = (signature.unwrap_or_default(), body.len());
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        format!(
            "POST {path} HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
             connection: close\r\nidempotency-key: {key}\r\nx-turno-timestamp: {at}\r\n{signature}\r\n{body}"
        )
    }

    fn connect(&self, until: Instant) -> Result<TcpStream, Miss> {
        let HookOut { host, port, allow_local, .. } = &self.settings;
        let mut miss = Miss::Unreachable(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        for address in (host.as_str(), *port).to_socket_addrs().map_err(Miss::Unreachable)? {
            if !allow_local && is_ours(address.ip()) {
                miss = Miss::Local(address.ip());
                continue;
            }
            match self.open(address, until) {
                Ok(stream) => return Ok(stream),
                Err(error) => miss = Miss::Unreachable(error),
            }
        }
        Err(miss)
    }

    fn open(&self, address: SocketAddr, until: Instant) -> io::Result<TcpStream> {
        let patience = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Consumer for Hook {
    fn wants(&self) -> Wants {
        Wants { records: self.settings.events.is_none(), facts: self.settings.events.is_some(), beats: false }
    }

    fn place(&mut self) -> Result<Place, Trouble> {
        if self.kept.is_none() {
            let kept: Kept = self.shelf.read().map_err(Trouble::passing)?.unwrap_or_default();
            self.kept = Some(Place { segment: kept.segment, offset: kept.offset });
        }
        Ok(self.kept.unwrap_or_default())
    }

    fn take(&mut self, items: &[Item]) -> Result<(), Trouble> {
        for item in items {
            let Some((key, body)) = self.letter(&item.content) else { continue };
            // One by one: those before the one that was refused have been taken.
            if self.kept.is_some_and(|kept| item.at <= kept) {
                continue;
            }
            if let Some((_, reason)) = self.verdict.as_ref().filter(|(at, _)| *at == item.at) {
                return Err(Trouble::Refused(reason.as_str().into()));
            }
            if let Err(miss) = self.post(&key, &body) {
                let trouble = self.judge(miss);
                if let Trouble::Refused(reason) = &trouble {
                    self.verdict = Some((item.at, reason.to_string()));
                }
                return Err(trouble);
            }
            self.keep(item.at)?;
        }
        Ok(())
    }

    fn set_aside(&mut self, item: &Item, reason: &str) -> Result<(), Trouble> {
        self.shelf.set_aside(item, reason)?;
        self.keep(item.at)
    }

    fn pass(&mut self, to: Place) -> Result<(), Trouble> {
        self.keep(to)
    }

    /// Each is posted once: whoever refuses it again can be asked again.
    fn again(&mut self, log: &Path) -> Result<bool, Trouble> {
        let post = |item: &Item| {
            let Some((key, body)) = self.letter(&item.content) else { return Ok(()) };
            self.post(&key, &body).map_err(|miss| match miss {
                Miss::Unreachable(_) | Miss::Local(_) | Miss::Untrusted(_) => Trouble::passing(miss),
                Miss::Silent(_) | Miss::Nonsense | Miss::Busy(_) | Miss::Status(_) => Trouble::Refused(miss.into()),
            })
        };
        self.shelf.again(log, post)
    }

    fn retry_max(&self) -> Duration {
        RETRY_MAX
    }
}

/// A connection that is over at an instant, however slowly the other side speaks.
#[derive(Debug)]
struct Punctual {
    stream: TcpStream,
    until: Instant,
}

impl Punctual {
    fn left(&self) -> io::Result<Duration> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Punctual {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(bytes)
    }
}

impl Write for Punctual {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Asks, and takes the first line of what comes. A redirect is a refusal like any other.
fn exchange(stream: &mut (impl Read + Write), request: &[u8]) -> Result<(), Miss> {
    stream.write_all(request).and_then(|()| stream.flush()).map_err(Miss::Silent)?;
    let mut answer = Vec::new();
    let mut bytes = [0; 2048];
    while !answer.contains(&b'\n') && answer.len() < ANSWER_BYTES_MAX {
        match stream.read(&mut bytes) {
            Ok(0) => break,
            Ok(n) => answer.extend_from_slice(bytes.get(..n).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // It said what it had to say and was gone without a word of parting.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(Miss::Silent(error)),
        }
    }
    match status_of(&answer) {
        None if answer.is_empty() => Err(Miss::Silent(io::ErrorKind::UnexpectedEof.into())),
        None => Err(Miss::Nonsense),
        Some(200..=299) => Ok(()),
        Some(status @ (408 | 425 | 429 | 500..=599)) => Err(Miss::Busy(status)),
        Some(status) => Err(Miss::Status(status)),
    }
}

fn status_of(answer: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(answer.split(|&b| b == b'\n').next()?).ok()?;
    let mut words = line.split(' ');
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    words.next()?.trim().parse().ok()
}

/// Loopback, link-local, or any address that this machine has: its own HTTP port is behind each.
fn is_ours(address: IpAddr) -> bool {
    is_local(address) || UdpSocket::bind((address, 0)).is_ok()
}
