//! The door: which new requests get as far as the engine while there is more to do than can be done (O2, O3).
//!
//! It stands where bytes are read, before a request costs anything but its parse, and goes by one figure: how long what
//! waits already will take (what enters waits about three times as long, because calls that were let in go on meanwhile). Each class has a limit of it. While the wait is below, the class enters; above, it is refused at
//! once. So the engine is never idle while somebody asks, what enters is served soon, and at twenty times the load nearly as
//! much is served as at once: there is no rate to find, hence nothing to swing. A wait that was gone within the last
//! [`STANDING_AFTER`] is a burst that will pass and gets more room than one that stands (the distinction of RFC 8289).
//!
//! What was decided on a request holds for its repetitions. ACKs of the door's own refusals end here. Not here: what only
//! the engine knows, such as dialogs left, draining and room for records ([`super::Shedder`]).

use std::net::IpAddr;
use std::time::Duration;

use turno_base::Mono;

use super::room::{Class, RETRY_AFTER_MAX_S, RETRY_AFTER_MIN_S, is_emergency};
use crate::config::{Cidr, SipConfig};
use crate::message::{Kind, Message, Method};

/// A wait below it is none.
pub const CALM_BELOW: Duration = Duration::from_millis(2);
/// A wait that was never below [`CALM_BELOW`] for so long stands: it will not pass by itself.
pub const STANDING_AFTER: Duration = Duration::from_millis(100);
/// So many times its limit is what a class may wait in a burst.
pub const BURST_TIMES: u32 = 10;
/// An input may be in hand for so long before new requests are told: a thread that was not given its processor for a
/// moment is no overload.
pub const STALL_MAX: Duration = Duration::from_millis(250);
/// Decisions of each kind that are remembered for repetitions of the request; a newer one may take an older one's place.
pub const DECISIONS_KEPT: usize = 1 << 16;
/// What an input costs before any was measured.
const SERVICE_AT_FIRST: Duration = Duration::from_micros(200);
/// Of so many inputs the mean cost is taken.
const SERVICE_OF: u64 = 64;

/// How much work a request of this class may find waiting while waiting stands; none: it always enters.
pub const fn wait_max(class: Class) -> Option<Duration> {
    match class {
        Class::Side => Some(Duration::from_millis(3)),
        Class::StationCall => Some(Duration::from_millis(5)),
        Class::TrunkCall => Some(Duration::from_millis(8)),
        Class::Refresh => Some(Duration::from_millis(16)),
        Class::Emergency | Class::InDialog => None,
    }
}

/// In which line a message waits for the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Responses and requests inside dialogs.
    Inside,
    /// What begins something, and CANCEL, which must not overtake its INVITE.
    Fresh,
}

/// What is done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It enters.
    Enter(Lane),
    /// 503 with Retry-After, in seconds.
    Refuse {
        /// Seconds.
        retry_after_s: u32,
    },
    /// The ACK of a refusal, or what would be refused if it could be answered: nothing.
    Ignore,
}

/// What the engine has before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Inputs of all kinds that wait.
    pub waiting: u32,
    /// How long it has been at the input in its hands; zero while it sleeps.
    pub stalled: Duration,
}

/// Decides who enters.
#[derive(Debug)]
pub struct Door {
    key: u64,
    /// Networks of trunks: what comes from there is no station's.
    trunks: Vec<Cidr>,
    /// What an input costs the engine at present, ns.
    service_ns: u64,
    /// When nobody had to wait last.
    calm_at: Mono,
    entered: Decisions,
    refused: Decisions,
}

impl Door {
    /// A door in front of an engine that has done nothing yet. The key must not be known outside: by it nobody can make
    /// a request that passes for the repetition of another.
    pub fn new(key: u64) -> Door {
        let service_ns = nanos(SERVICE_AT_FIRST);
        let kept = Decisions::default();
        Door { key, trunks: Vec::new(), service_ns, calm_at: Mono(0), entered: kept.clone(), refused: kept }
    }

    /// Takes the trunks of a new configuration.
    pub fn configure(&mut self, config: &SipConfig) {
        self.trunks = config.trunks.iter().flat_map(|trunk| trunk.networks.iter().copied()).collect();
    }

    /// The engine took so many inputs one after the other, and so long for them.
    pub fn on_turn(&mut self, inputs: u32, took: Duration) {
        if inputs == 0 {
            return;
        }
        // One input that stood still, for the disk or for another process, says little of the next.
        let most = self.service_ns.saturating_mul(4).saturating_add(50_000);
        let each = (nanos(took) / u64::from(inputs)).min(most);
        let weight = u64::from(inputs).min(SERVICE_OF / 4);
        self.service_ns = (self.service_ns * (SERVICE_OF - weight) + each * weight) / SERVICE_OF;
    }

    /// How long what waits will take.
    pub fn wait(&self, backlog: Backlog) -> Duration {
        let ahead = Duration::from_nanos(self.service_ns.saturating_mul(u64::from(backlog.waiting)));
        ahead.saturating_add(backlog.stalled.saturating_sub(STALL_MAX))
    }

    /// Asked for every message, in the order of arrival.
    pub fn judge(&mut self, message: &Message, source: IpAddr, backlog: Backlog, now: Mono) -> Verdict {
        let wait = self.wait(backlog);
        self.look(wait, now);
        let Kind::Request(method) = message.kind() else { return Verdict::Enter(Lane::Inside) };
        let is_ack = method == Method::Ack;
        if let Some(tag) = message.to().ok().and_then(|to| to.tag()) {
            let is_ours = is_ack && tag == self.tag(message);
            return if is_ours { Verdict::Ignore } else { Verdict::Enter(Lane::Inside) };
        }
        // Neither is ever answered 503: one has no answer, the other undoes what has entered.
        if is_ack || method == Method::Cancel {
            return Verdict::Enter(Lane::Fresh);
        }
        match self.decide(self.class(message, method, source), self.print(message), wait, now) {
            // Who says not even how to answer him gets no answer.
            Verdict::Refuse { .. } if message.check().is_err() => Verdict::Ignore,
            verdict => verdict,
        }
    }

    /// Remembers when there was no wait.
    pub(super) fn look(&mut self, wait: Duration, now: Mono) {
        if wait < CALM_BELOW {
            self.calm_at = now;
        }
    }

    /// On a request that begins something, known by its print, which would wait so long.
    pub(super) fn decide(&mut self, class: Class, print: u64, wait: Duration, now: Mono) -> Verdict {
        let Some(most) = wait_max(class) else { return Verdict::Enter(Lane::Fresh) };
        let most = if now.since(self.calm_at) < STANDING_AFTER { most * BURST_TIMES } else { most };
        if self.entered.has(print) {
            return Verdict::Enter(Lane::Fresh);
        }
        if wait <= most && !self.refused.has(print) {
            self.entered.keep(print);
            return Verdict::Enter(Lane::Fresh);
        }
        self.refused.keep(print);
        let spread = u64::from(RETRY_AFTER_MAX_S - RETRY_AFTER_MIN_S + 1);
        Verdict::Refuse { retry_after_s: RETRY_AFTER_MIN_S + (print % spread) as u32 }
    }

    /// The To tag of a refusal, by which its ACK is known again.
    pub fn tag(&self, message: &Message) -> String {
        format!("door{:016x}", self.hash(&[message.call_id().unwrap_or("")]))
    }

    fn class(&self, message: &Message, method: Method, source: IpAddr) -> Class {
        match method {
            Method::Invite if message.target().is_ok_and(|uri| is_emergency(&uri.user_decoded())) => Class::Emergency,
            // Phones in a trunk's network are taken for the trunk here: whose flow it is, only the engine knows.
            Method::Invite if self.trunks.iter().any(|network| network.contains(source)) => Class::TrunkCall,
            Method::Invite => Class::StationCall,
            Method::Register => Class::Refresh,
            Method::Ack
            | Method::Bye
            | Method::Cancel
            | Method::Info
            | Method::Message
            | Method::Notify
            | Method::Options
            | Method::Prack
            | Method::Publish
            | Method::Refer
            | Method::Subscribe
            | Method::Unknown
            | Method::Update => Class::Side,
        }
    }

    /// Equal for a request and its repetitions only.
    fn print(&self, message: &Message) -> u64 {
        let branch = message.top_via().ok().and_then(|via| via.cookie_branch()).unwrap_or("");
        let (seq, method) = message.cseq_text().unwrap_or((0, ""));
        self.hash(&[message.call_id().unwrap_or(""), branch, method, &seq.to_string()])
    }

    fn hash(&self, parts: &[&str]) -> u64 {
        let bytes = parts.iter().flat_map(|part| part.bytes().chain([b'\n']));
        let fnv = bytes.fold(0xcbf2_9ce4_8422_2325 ^ self.key, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        turno_base::Seeded::new(fnv ^ self.key.rotate_left(32)).next_u64()
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Prints of requests, each in the one place that is its own.
#[derive(Clone, Debug)]
struct Decisions(Vec<u64>);

impl Default for Decisions {
    fn default() -> Decisions {
        Decisions(vec![0; DECISIONS_KEPT])
    }
}

impl Decisions {
    fn place(print: u64) -> usize {
        print as usize % DECISIONS_KEPT
    }

    fn has(&self, print: u64) -> bool {
        self.0.get(Decisions::place(print)) == Some(&print)
    }

    fn keep(&mut self, print: u64) {
        if let Some(place) = self.0.get_mut(Decisions::place(print)) {
            *place = print;
        }
    }
}
