//! A tap on SIP: while it is on, every message that was read or is about to be sent is shown to somebody who asked for it.
//!
//! Off, it costs a load of one flag for each message. On, messages are copied into a bounded line to a thread of its own, which
//! chooses, masks and writes them; what does not fit into the line is dropped and counted, and no call waits for it. It ends by
//! itself: by time, by size, when nobody reads, when it cannot write.

mod choose;
mod hep;
mod mask;
mod pcap;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::TryRecvError;
use turno_base::{CallId, Wall};
use turno_sip::flow::{Destination, Flow, Listener, ListenerId, Transport};

pub use choose::Chosen;

use crate::shell::board::Numbered;
use crate::shell::clock::wall;
use crate::shell::journal::{message_words, shorten_numbers};
use choose::Chooser;
use hep::Hep;
use pcap::Pcap;

/// Messages that wait for the tap's thread; more are dropped and counted.
pub const MESSAGES_MAX: usize = 4096;
/// Bytes of them; more are dropped and counted.
pub const WAITING_BYTES_MAX: u64 = 16 << 20;
/// Lines that wait for who reads them at a terminal; more are dropped and counted.
pub const LINES_MAX: usize = 1024;
/// Longest that it may be on.
pub const LASTS_MAX: Duration = Duration::from_secs(24 * 3600);
/// How long it is on if nothing else is said.
pub const LASTS_DEFAULT: Duration = Duration::from_secs(600);
/// Bytes of messages after which it ends if nothing else is said.
pub const BYTES_DEFAULT: u64 = 100 << 20;
/// How soon it notices that it is to end, and takes in what became of calls.
const POLL: Duration = Duration::from_millis(50);

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// Read.
    In,
    /// Sent.
    Out,
}

/// A message that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When.
    pub at: Wall,
    /// Which way.
    pub way: Way,
    /// By what.
    pub transport: Transport,
    /// Our end: the listener's address, also for connections that we opened from a port of their own.
    pub local: SocketAddr,
    /// The other end.
    pub peer: SocketAddr,
    /// Whole, as it was on the wire.
    pub bytes: Vec<u8>,
}

impl Seen {
    /// From and to.
    fn ends(&self) -> (SocketAddr, SocketAddr) {
        match self.way {
            Way::In => (self.peer, self.local),
            Way::Out => (self.local, self.peer),
        }
    }
}

/// Where the messages go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// To who asked, for as long as he listens.
    Terminal,
    /// Into a new file that tshark, Wireshark and sngrep read.
    File(PathBuf),
    /// To a Homer server, by HEP version 3 over UDP: `host:port`.
    Hep(String),
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::Terminal => f.write_str("terminal"),
            Target::File(path) => path.display().fmt(f),
            Target::Hep(address) => write!(f, "hep://{address}"),
        }
    }
}

/// What is asked of the tap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Where to.
    pub to: Target,
    /// Only these.
    pub chosen: Chosen,
    /// For so many seconds, at most [`LASTS_MAX`].
    pub lasts_s: u64,
    /// It ends after so many bytes of messages.
    pub bytes_max: u64,
    /// Digest responses and keys of media as they are.
    pub secrets: bool,
}

/// How it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// It runs now.
    pub on: bool,
    /// Where the messages go or went; none: it was not on yet.
    pub to: Option<Target>,
    /// Only these.
    pub chosen: Chosen,
    /// It ends by itself after so many seconds.
    pub left_s: u64,
    /// Messages written.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Messages that were dropped because they came too fast.
    pub dropped: u64,
    /// Why it ended.
    pub ended: Option<String>,
}

/// A message for a terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// When; RFC 3339, UTC.
    pub at: String,
    /// Which way.
    pub way: Way,
    /// By what.
    pub transport: Transport,
    /// From.
    pub from: SocketAddr,
    /// To.
    pub to: SocketAddr,
    /// The message; what is not UTF-8 is replaced.
    pub text: String,
}

/// Why a tap is not put on.
#[derive(Debug)]
pub enum NotOn {
    /// It is on already.
    Busy(Target),
    /// The target.
    Target(Target, io::Error),
}

impl std::fmt::Display for NotOn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NotOn::Busy(to) => write!(f, "a trace to {to} is on already; end it with `turno sip trace off`"),
            NotOn::Target(to, error) => {
                write!(f, "{to}: {error}; a file must not exist yet and lie where the engine may write")
            }
        }
    }
}

impl std::error::Error for NotOn {}

/// The tap itself, one for a process.
#[derive(Debug)]
pub struct Tap {
    on: AtomicBool,
    locals: Vec<SocketAddr>,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    order: Order,
    line: Sender<Seen>,
    told: Arc<Told>,
    ends: Instant,
}

/// What the thread has done, for who asks.
#[derive(Debug, Default)]
struct Told {
    waiting_bytes: AtomicU64,
    messages: AtomicU64,
    bytes: AtomicU64,
    dropped: AtomicU64,
    stop: AtomicBool,
    ended: Mutex<Option<String>>,
}

impl Tap {
    /// Off, on sockets with these listeners.
    pub fn new(listeners: &[Listener]) -> Arc<Tap> {
        let locals = listeners.iter().map(|listener| listener.local).collect();
        Arc::new(Tap { on: AtomicBool::new(false), locals, running: Mutex::default() })
    }

    /// A message was read.
    pub fn read(&self, flow: &Flow, bytes: &[u8]) {
        log("read", flow.peer, bytes);
        if self.on.load(Ordering::Relaxed) {
            self.take(Way::In, flow.transport, flow.listener, flow.peer, bytes);
        }
    }

    /// A message leaves.
    pub fn sends(&self, to: &Destination, bytes: &[u8]) {
        let (transport, listener, peer) = match to {
            Destination::Flow(flow) => (flow.transport, flow.listener, flow.peer),
            Destination::Address { transport, listener, peer } => (*transport, *listener, *peer),
        };
        log("sent", peer, bytes);
        if self.on.load(Ordering::Relaxed) {
            self.take(Way::Out, transport, listener, peer, bytes);
        }
    }

    fn take(&self, way: Way, transport: Transport, listener: ListenerId, peer: SocketAddr, bytes: &[u8]) {
        let Some(&local) = self.locals.get(usize::from(listener.0)) else { return };
        let running = self.running();
        let Some(Running { line, told, .. }) = running.as_ref() else { return };
        let size = bytes.len() as u64;
        if told.waiting_bytes.fetch_add(size, Ordering::Relaxed) + size > WAITING_BYTES_MAX {
            told.waiting_bytes.fetch_sub(size, Ordering::Relaxed);
            told.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let seen = Seen { at: wall(), way, transport, local, peer, bytes: bytes.to_vec() };
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = line.try_send(seen) {
            told.waiting_bytes.fetch_sub(size, Ordering::Relaxed);
            told.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Puts it on. `legs` are Call-IDs that belong to a chosen call already; `facts` tell of those that come. With
    /// [`Target::Terminal`] the messages come out of the receiver, which is `None` otherwise.
    ///
    /// # Errors
    /// If it is on already, or the file or address cannot be opened.
    pub fn start(
        self: &Arc<Self>,
        order: Order,
        legs: BTreeSet<String>,
        facts: broadcast::Receiver<Arc<Numbered>>,
    ) -> Result<Option<tokio::sync::mpsc::Receiver<Shown>>, NotOn> {
        let mut running = self.running();
        if let Some(now) = running.as_ref().filter(|_| self.on.load(Ordering::Relaxed)) {
            return Err(NotOn::Busy(now.order.to.clone()));
        }
        let failed = |error| NotOn::Target(order.to.clone(), error);
        let (sink, lines) = Sink::open(&order.to).map_err(failed)?;
        let (line, incoming) = bounded(MESSAGES_MAX);
        let told = Arc::new(Told::default());
        let ends = Instant::now() + Duration::from_secs(order.lasts_s).min(LASTS_MAX);
        let mut writer = Writer {
            chooser: Chooser::new(order.chosen.clone(), legs),
            sink,
            told: told.clone(),
            secrets: order.secrets,
            bytes_max: order.bytes_max,
            ends,
            facts,
        };
        let tap = self.clone();
        std::thread::Builder::new()
            .name("sip-trace".into())
            .spawn(move || {
                let why = writer.run(&incoming);
                tap.ended(&writer.told, why);
            })
            .map_err(failed)?;
        tracing::info!(to = %order.to, for_s = order.lasts_s, secrets = order.secrets, "SIP trace on");
        *running = Some(Running { order, line, told, ends });
        self.on.store(true, Ordering::Relaxed);
        Ok(lines)
    }

    /// Takes it off; false if it was off.
    pub fn stop(&self) -> bool {
        let running = self.running();
        let was_on = self.on.swap(false, Ordering::Relaxed);
        if let Some(running) = running.as_ref() {
            running.told.stop.store(true, Ordering::Relaxed);
        }
        was_on
    }

    /// How it stands, or stood when it was on last.
    pub fn standing(&self) -> Standing {
        let running = self.running();
        let on = self.on.load(Ordering::Relaxed);
        let count = |of: fn(&Told) -> &AtomicU64| running.as_ref().map_or(0, |r| of(&r.told).load(Ordering::Relaxed));
        let ends = running.as_ref().map(|r| r.ends.saturating_duration_since(Instant::now()).as_secs());
        Standing {
            on,
            to: running.as_ref().map(|r| r.order.to.clone()),
            chosen: running.as_ref().map(|r| r.order.chosen.clone()).unwrap_or_default(),
            left_s: ends.filter(|_| on).unwrap_or(0),
            messages: count(|told| &told.messages),
            bytes: count(|told| &told.bytes),
            dropped: count(|told| &told.dropped),
            ended: running.as_ref().and_then(|r| lock(&r.told.ended).clone()),
        }
    }

    /// The thread is done; a later one may be at work already.
    fn ended(&self, told: &Arc<Told>, why: String) {
        let running = self.running();
        let (messages, dropped) = (told.messages.load(Ordering::Relaxed), told.dropped.load(Ordering::Relaxed));
        tracing::info!(why, messages, dropped, "SIP trace off");
        *lock(&told.ended) = Some(why);
        if running.as_ref().is_some_and(|r| Arc::ptr_eq(&r.told, told)) {
            self.on.store(false, Ordering::Relaxed);
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        lock(&self.running)
    }
}

/// A line for `log level sip=debug`: what passes, without what is in it.
fn log(way: &'static str, peer: SocketAddr, bytes: &[u8]) {
    if tracing::enabled!(target: "turno::sip", tracing::Level::DEBUG) {
        let message = shorten_numbers(&message_words(bytes));
        tracing::debug!(target: "turno::sip", %peer, message, "{way}");
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

enum Sink {
    Terminal(tokio::sync::mpsc::Sender<Shown>),
    File(Pcap),
    Hep(Hep),
}

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
enum Written {
    Whole,
    /// Who reads is behind.
    Dropped,
    /// Who read is gone.
    Gone,
}

impl Sink {
    fn open(to: &Target) -> io::Result<(Sink, Option<tokio::sync::mpsc::Receiver<Shown>>)> {
        Ok(match to {
            Target::Terminal => {
                let (lines, reader) = tokio::sync::mpsc::channel(LINES_MAX);
                (Sink::Terminal(lines), Some(reader))
            }
            Target::File(path) => (Sink::File(Pcap::create(path)?), None),
            Target::Hep(address) => (Sink::Hep(Hep::open(address)?), None),
        })
    }

    fn write(&mut self, seen: &Seen) -> io::Result<Written> {
        match self {
            Sink::Terminal(lines) => {
                let (from, to) = seen.ends();
                let text = String::from_utf8_lossy(&seen.bytes).into_owned();
                let shown = Shown { at: seen.at.to_string(), way: seen.way, transport: seen.transport, from, to, text };
                Ok(match lines.try_send(shown) {
                    Ok(()) => Written::Whole,
                    Err(tokio::sync::mpsc::error::TrySendError::Full(_)) => Written::Dropped,
                    Err(tokio::sync::mpsc::error::TrySendError::Closed(_)) => Written::Gone,
                })
            }
            Sink::File(pcap) => pcap.write(seen).map(|()| Written::Whole),
            Sink::Hep(hep) => Ok(if hep.send(seen) { Written::Whole } else { Written::Dropped }),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::Terminal(_) | Sink::Hep(_) => Ok(()),
            Sink::File(pcap) => pcap.flush(),
        }
    }

    fn is_gone(&self) -> bool {
        match self {
            Sink::Terminal(lines) => lines.is_closed(),
            Sink::File(_) | Sink::Hep(_) => false,
        }
    }
}

/// The thread.
struct Writer {
    chooser: Chooser,
    sink: Sink,
    told: Arc<Told>,
    secrets: bool,
    bytes_max: u64,
    ends: Instant,
    facts: broadcast::Receiver<Arc<Numbered>>,
}

impl Writer {
    /// Until it is to end; why.
    fn run(&mut self, incoming: &Receiver<Seen>) -> String {
        let mut out = Vec::new();
        loop {
            let mut stopped = self.told.stop.load(Ordering::Relaxed);
            let late = Instant::now() >= self.ends;
            match incoming.recv_timeout(if stopped || late { Duration::ZERO } else { POLL }) {
                Ok(seen) => {
                    self.told.waiting_bytes.fetch_sub(seen.bytes.len() as u64, Ordering::Relaxed);
                    self.chooser.on_message(seen, &mut out);
                    // What waits is written before it ends; what comes after the end is not.
                    stopped = false;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => stopped = true,
            }
            self.take_facts(&mut out);
            match self.write(&mut out) {
                Ok(None) => {}
                Ok(Some(why)) => return why.to_owned(),
                Err(error) => return format!("it could not be written: {error}"),
            }
            let idle = incoming.is_empty();
            if idle && let Err(error) = self.sink.flush() {
                return format!("it could not be written: {error}");
            }
            match () {
                () if self.sink.is_gone() => return "nobody reads it".to_owned(),
                () if stopped => return "asked to".to_owned(),
                () if late && idle => return "its time is over".to_owned(),
                () => {}
            }
        }
    }

    fn take_facts(&mut self, out: &mut Vec<Seen>) {
        loop {
            match self.facts.try_recv() {
                Ok(numbered) => self.chooser.on_fact(&numbered.fact, out),
                // Who missed some knows fewer legs, which is better than none.
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    fn write(&mut self, out: &mut Vec<Seen>) -> io::Result<Option<&'static str>> {
        for mut seen in out.drain(..) {
            if !self.secrets {
                mask::mask(&mut seen.bytes);
            }
            match self.sink.write(&seen)? {
                Written::Whole => {}
                Written::Dropped => {
                    self.told.dropped.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                Written::Gone => return Ok(Some("nobody reads it")),
            }
            self.told.messages.fetch_add(1, Ordering::Relaxed);
            let bytes = self.told.bytes.fetch_add(seen.bytes.len() as u64, Ordering::Relaxed) + seen.bytes.len() as u64;
            if bytes >= self.bytes_max {
                return Ok(Some("its size is reached"));
            }
        }
        Ok(None)
    }
}

/// A call by our own id, or a dialog by its Call-ID.
pub(crate) fn chosen(call: Option<&str>, number: Option<String>) -> Chosen {
    Chosen {
        call: call.and_then(|text| text.parse::<CallId>().ok()),
        sip_call_id: call.filter(|text| text.parse::<CallId>().is_err()).map(str::to_owned),
        number,
    }
}
