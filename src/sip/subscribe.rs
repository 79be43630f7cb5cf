//! Subscriptions of phones: message-summary (RFC 3842) and dialog (RFC 4235), answered as RFC 6665 wants, because some
//! phones flood when they are not: 200 with Expires, and a NOTIFY at once, at each refresh and at the end.
//!
//! What is told is true and small: no messages wait, no dialogs are shown. Other packages get 489. A subscription makes
//! a dialog of its own kind, kept here; NOTIFYs go back on the flow that the SUBSCRIBE came by.

mod notify;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::{Mono, Now, Seeded};

use crate::config::SipRules;
use crate::flow::Flow;
use crate::message::{Header, Message, Rejected};
use crate::shed::{Meters, Pace, source_of};

pub use notify::{ALLOW_EVENTS, Notify, Package, SubscriptionState, notify_request, subscribe_response};

/// Subscriptions at once; more are refused.
pub const SUBSCRIPTIONS_MAX: usize = 20_000;
/// Bytes of addresses, tags and routes that a subscription may keep; more are refused.
pub const RECORD_BYTES_MAX: usize = 2048;
/// Sources metered at once.
pub const SOURCES_MAX: u32 = 16_384;
/// Expiries handled in one turn; what is left is due at once.
pub const PER_TURN_MAX: usize = 256;
/// Retry-After of a refusal for rate or number.
pub const RETRY_AFTER_S: u32 = 30;

/// Names a subscription, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SubscriptionId(pub u64);

/// A SUBSCRIBE that was taken: answer it 200 by [`subscribe_response`], then send the NOTIFYs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Our tag.
    pub tag: String,
    /// Granted, seconds; 0: it has ended.
    pub expires_s: u32,
}

/// Why a SUBSCRIBE was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// A header cannot be read: 400.
    Unreadable(Rejected),
    /// No Event, or a package that is not served: 489 with Allow-Events.
    Event,
    /// Shorter than we grant: 423 with Min-Expires.
    TooBrief {
        /// The least.
        least: Duration,
    },
    /// Inside a dialog that is not here: 481.
    NoDialog,
    /// Overtaken by a later one: 500 (RFC 3261 §12.2.2).
    OutOfOrder,
    /// Too often from one address: 503 with Retry-After.
    TooOften,
    /// [`SUBSCRIPTIONS_MAX`] reached: 503 with Retry-After.
    TooMany,
    /// Past [`RECORD_BYTES_MAX`]: 413.
    TooLarge,
}

impl Refusal {
    /// The status that says so.
    pub const fn status(self) -> u16 {
        match self {
            Refusal::Unreadable(rejected) => rejected.status(),
            Refusal::Event => 489,
            Refusal::TooBrief { .. } => 423,
            Refusal::NoDialog => 481,
            Refusal::OutOfOrder => 500,
            Refusal::TooOften | Refusal::TooMany => 503,
            Refusal::TooLarge => 413,
        }
    }
}

/// One subscription: a dialog, from our side, with its package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Subscription {
    package: Package,
    event_id: Option<String>,
    call_id: String,
    // To and From of the SUBSCRIBE, as URIs.
    local_uri: String,
    remote_uri: String,
    local_tag: String,
    remote_tag: String,
    target: String,
    route: Vec<String>,
    flow: Flow,
    local_cseq: u32,
    remote_cseq: u32,
    version: u32,
    expires_at: Mono,
}

/// All subscriptions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notifier {
    subscriptions: BTreeMap<SubscriptionId, Subscription>,
    by_tag: BTreeMap<String, SubscriptionId>,
    by_stream: BTreeSet<(Flow, SubscriptionId)>,
    expiries: BTreeSet<(Mono, SubscriptionId)>,
    rates: Meters<IpAddr>,
    minted: u64,
    seeded: Seeded,
}

impl Notifier {
    /// No subscriptions yet. The seed makes our tags.
    pub const fn new(seed: u64) -> Notifier {
        Notifier {
            subscriptions: BTreeMap::new(),
            by_tag: BTreeMap::new(),
            by_stream: BTreeSet::new(),
            expiries: BTreeSet::new(),
            rates: Meters::new(SOURCES_MAX),
            minted: 0,
            seeded: Seeded::new(seed),
        }
    }

    /// Whether one more SUBSCRIBE from this source is looked at; asked first, before its sender is.
    pub fn admits(&mut self, source: IpAddr, rules: &SipRules, now: Now) -> Result<(), Refusal> {
        let pace = Pace::most_per_minute(rules.subscribes_per_minute);
        if self.rates.take(source_of(source), pace, now.mono) { Ok(()) } else { Err(Refusal::TooOften) }
    }

    /// Carries out a SUBSCRIBE whose sender is known.
    pub fn subscribe(
        &mut self,
        message: &Message,
        flow: Flow,
        rules: &SipRules,
        now: Now,
        out: &mut Vec<Notify>,
    ) -> Result<Accepted, Refusal> {
        let event = message.event().map_err(Refusal::Unreadable)?.ok_or(Refusal::Event)?;
        let package = Package::named(event.token).ok_or(Refusal::Event)?;
        let granted = granted(message.expires().unwrap_or(None), rules)?;
        let to = message.to().map_err(Refusal::Unreadable)?;
        let id = match to.tag() {
            Some(tag) => self.again(message, tag, package, flow)?,
            None => self.begin(message, package, event.params.get("id"), flow)?,
        };
        let Some(subscription) = self.subscriptions.get_mut(&id) else { return Err(Refusal::NoDialog) };
        self.expiries.remove(&(subscription.expires_at, id));
        subscription.expires_at = now.mono + granted;
        self.expiries.insert((subscription.expires_at, id));
        let tag = subscription.local_tag.clone();
        let expires_s = granted.as_secs() as u32;
        if expires_s == 0 {
            // A fetch or an end: told once more, and over (RFC 6665 §4.4.3, §4.2.1.4).
            self.end(id, out);
        } else {
            out.push(subscription.notify(id, SubscriptionState::Active { expires_s }));
        }
        Ok(Accepted { tag, expires_s })
    }

    /// A NOTIFY was answered with this final status (408: not at all). Without the dialog at the other end, or without an
    /// answer, the subscription is over (RFC 6665 §4.2.2).
    pub fn on_notify_answered(&mut self, id: SubscriptionId, status: u16) {
        // 401 and 407 too: we hold no secret of phones. 5xx may pass.
        if (400..500).contains(&status) || status >= 600 {
            self.remove(id);
        }
    }

    /// A stream has ended: what was subscribed over it can no longer be told.
    pub fn on_flow_closed(&mut self, flow: Flow) {
        let range = (flow, SubscriptionId(0))..=(flow, SubscriptionId(u64::MAX));
        let gone: Vec<SubscriptionId> = self.by_stream.range(range).map(|(_, id)| *id).collect();
        gone.into_iter().for_each(|id| self.remove(id));
    }

    /// When to call [`Notifier::on_deadline`].
    pub fn deadline(&self) -> Option<Mono> {
        self.expiries.first().map(|(at, _)| *at)
    }

    /// Ends what has expired.
    pub fn on_deadline(&mut self, now: Now, out: &mut Vec<Notify>) {
        for _ in 0..PER_TURN_MAX {
            let Some((at, id)) = self.expiries.first().copied() else { return };
            if at > now.mono {
                return;
            }
            self.end(id, out);
        }
    }

    /// Subscriptions in all.
    pub fn len(&self) -> usize {
        self.subscriptions.len()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.subscriptions.is_empty()
    }

    fn begin(
        &mut self,
        message: &Message,
        package: Package,
        event_id: Option<&str>,
        flow: Flow,
    ) -> Result<SubscriptionId, Refusal> {
        if self.subscriptions.len() >= SUBSCRIPTIONS_MAX {
            return Err(Refusal::TooMany);
        }
        let unreadable = Refusal::Unreadable;
        let (from, to) = (message.from().map_err(unreadable)?, message.to().map_err(unreadable)?);
        let missing = Refusal::Unreadable(Rejected::Missing(Header::Contact));
        let contact = message.contact().map_err(unreadable)?.ok_or(missing)?;
        let (cseq, _) = message.cseq().map_err(unreadable)?;
        let subscription = Subscription {
            package,
            event_id: event_id.map(str::to_owned),
            call_id: message.call_id().map_err(unreadable)?.to_owned(),
            local_uri: to.uri.text.to_owned(),
            remote_uri: from.uri.text.to_owned(),
            local_tag: self.seeded.token(),
            remote_tag: from.tag().unwrap_or("").to_owned(),
            target: contact.uri.without_headers().to_owned(),
            route: message.values(Header::RecordRoute).map(str::to_owned).collect(),
            flow,
            local_cseq: 0,
            remote_cseq: cseq,
            version: 0,
            expires_at: Mono(0),
        };
        if subscription.bytes() > RECORD_BYTES_MAX {
            return Err(Refusal::TooLarge);
        }
        self.minted += 1;
        let id = SubscriptionId(self.minted);
        self.by_tag.insert(subscription.local_tag.clone(), id);
        if flow.transport.is_reliable() {
            self.by_stream.insert((flow, id));
        }
        self.subscriptions.insert(id, subscription);
        Ok(id)
    }

    fn again(&mut self, message: &Message, tag: &str, package: Package, flow: Flow) -> Result<SubscriptionId, Refusal> {
        let id = self.by_tag.get(tag).copied().ok_or(Refusal::NoDialog)?;
        let subscription = self.subscriptions.get_mut(&id).ok_or(Refusal::NoDialog)?;
        let from = message.from().map_err(Refusal::Unreadable)?;
        let is_its = message.call_id() == Ok(subscription.call_id.as_str())
            && from.tag().unwrap_or("") == subscription.remote_tag
            && package == subscription.package;
        if !is_its {
            return Err(Refusal::NoDialog);
        }
        let (cseq, _) = message.cseq().map_err(Refusal::Unreadable)?;
        if cseq <= subscription.remote_cseq {
            return Err(Refusal::OutOfOrder);
        }
        subscription.remote_cseq = cseq;
        self.by_stream.remove(&(subscription.flow, id));
        if flow.transport.is_reliable() {
            self.by_stream.insert((flow, id));
        }
        subscription.flow = flow;
        // A target refresh (RFC 6665 §4.1.2.1 by RFC 3261 §12.2.2).
        if let Ok(Some(contact)) = message.contact()
            && contact.uri.text.len() <= RECORD_BYTES_MAX
        {
            contact.uri.without_headers().clone_into(&mut subscription.target);
        }
        Ok(id)
    }

    fn end(&mut self, id: SubscriptionId, out: &mut Vec<Notify>) {
        if let Some(subscription) = self.subscriptions.get_mut(&id) {
            out.push(subscription.notify(id, SubscriptionState::Terminated));
        }
        self.remove(id);
    }

    fn remove(&mut self, id: SubscriptionId) {
        if let Some(subscription) = self.subscriptions.remove(&id) {
            self.by_tag.remove(&subscription.local_tag);
            self.by_stream.remove(&(subscription.flow, id));
            self.expiries.remove(&(subscription.expires_at, id));
        }
    }
}

/// For how long a SUBSCRIBE is granted; zero: it ends.
fn granted(asked_s: Option<u32>, rules: &SipRules) -> Result<Duration, Refusal> {
    let asked = asked_s.map_or(rules.expires_max, |seconds| Duration::from_secs(u64::from(seconds)));
    if !asked.is_zero() && asked < rules.expires_min {
        return Err(Refusal::TooBrief { least: rules.expires_min });
    }
    Ok(asked.min(rules.expires_max))
}
