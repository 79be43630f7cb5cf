//! The user agent: what the rest of the engine sees of SIP. Legs over dialogs, composed of the room's machines.
//!
//! Messages, instants and wishes in; bytes to send and [`SipEvent`]s out. RFC 3261 §8-§15 as both sides of INVITE, with
//! 3262 (reliable provisionals), 3311 (UPDATE), 3326 (Reason), 3515 and 3891 (transfer), 3581 (rport), 4028 (session
//! timers), 5626 (flows), 6026. Nothing is forwarded: every leg is a dialog of its own, and who is coupled with whom is
//! decided above. Registrar, trunks' states, subscriptions, digest and shedding are machines of their own beside it.

mod ahead;
mod answering;
mod arriving;
mod boundary;
mod cause;
mod changing;
mod dialling;
mod edge;
mod ending;
mod fault;
mod forking;
mod gate;
mod identity;
mod inside;
mod leg;
mod naming;
mod repeat;
mod session_timer;
mod terms;
mod transfer;
mod views;
mod write;

#[cfg(test)]
mod load_tests;
#[cfg(test)]
mod security_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod torture_tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use turno_base::{Cause, LegId, Mono, Now, Reason, Seeded, StationId, TrunkId};

pub use boundary::{Count, Dial, Incoming, Load, LocalMedia, Origin, SipEffect, SipEvent, Target, TransferProgress};
pub use views::StationView;

use crate::auth::{Accounts, Authenticator, Tries, TrunkDigest};
use crate::config::{Resolved, SipConfig, SipRules};
use crate::dialog::Dialog;
use crate::flow::{Destination, Flow};
use crate::message::{Host, Kind, Message, Method, Rejected, Uri};
use crate::registrar::{BindingId, Registrar};
use crate::shed::{Shedder, Strangers};
use crate::subscribe::{Notifier, SubscriptionId};
use crate::transaction::{Layer, Received, Timing, TxId, Up};
use crate::trunk::Trunks;
use answering::REMIND_AFTER;
use edge::{Errand, Series};
use fault::Kept;
use leg::{Leg, Stage};
use repeat::Patience;

/// Transactions at once; more new requests are answered 503 without one. At 1,500 calls a second each leaves four
/// behind for 32 s.
pub const TRANSACTIONS_MAX: usize = 400_000;

/// What a transaction is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Owner {
    /// Nobody waits for the outcome.
    Nobody,
    /// INVITE of a dialled leg.
    Dialled {
        leg: LegId,
        branch: u16,
        party: Origin,
        /// CSeq number of the last request in its dialogs: PRACKs come before a 2xx that may find no leg.
        seq: u32,
        /// What the BYE says if it is answered when its leg is gone.
        farewell: Cause,
    },
    /// re-INVITE or UPDATE of ours.
    Change { leg: LegId, party: Origin },
    /// BYE of ours: the last of its dialog, kept until a challenge to it has been answered.
    Farewell(Box<Farewell>),
    /// INVITE that arrived.
    Arrived { leg: LegId },
    /// OPTIONS to a phone.
    ProbeBinding(BindingId),
    /// NOTIFY of a subscription.
    Notify(SubscriptionId),
    /// REGISTER or OPTIONS at a trunk.
    Errand(Box<Errand>),
}

/// Who asked the resolver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Asker {
    Leg(LegId),
    Trunk { trunk: TrunkId, host: u16 },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Farewell {
    dialog: Dialog,
    hop: Destination,
    trunk: Option<TrunkId>,
    cause: Cause,
    tries: Tries,
}

/// The user agent with all its state; serialised, it is its part of the snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ua {
    config: SipConfig,
    seeded: Seeded,
    layer: Layer<Owner>,
    legs: BTreeMap<LegId, Leg>,
    /// Of legs that are out of the table: one, or two where one replaces another.
    kept: Vec<Kept>,
    /// Our tags, one or more a leg.
    tags: BTreeMap<String, LegId>,
    deadlines: BTreeSet<(Mono, LegId)>,
    arrived: u64,
    shedder: Shedder,
    strangers: Strangers,
    notifier: Notifier,
    accounts: Accounts,
    authenticator: Authenticator,
    digest: TrunkDigest,
    registrar: Registrar,
    trunks: Trunks,
    /// Index of each station's account.
    stations: BTreeMap<StationId, usize>,
    /// Indices of the accounts with a fixed contact at an address.
    fixed: BTreeMap<IpAddr, Vec<usize>>,
    series: BTreeMap<TrunkId, Series>,
    queries: BTreeMap<u64, Asker>,
    asked: u64,
}

fn timing(rules: &SipRules) -> Timing {
    Timing { t1: rules.t1, t2: rules.t2, t4: rules.t4, reliable: false }
}

impl Ua {
    /// A user agent without legs; [`Ua::configure`] must follow. `seed` names all its tags, branches and tie-breaks.
    pub fn new(config: SipConfig, seed: u64) -> Ua {
        let mut seeded = Seeded::new(seed);
        Ua {
            layer: Layer::new(timing(&config.rules), TRANSACTIONS_MAX),
            accounts: Accounts::of(&config),
            config,
            legs: BTreeMap::new(),
            kept: Vec::new(),
            tags: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            arrived: 0,
            shedder: Shedder::new(seeded.next_u64()),
            strangers: Strangers::default(),
            notifier: Notifier::new(seeded.next_u64()),
            authenticator: Authenticator::default(),
            digest: TrunkDigest::default(),
            registrar: Registrar::default(),
            trunks: Trunks::new(seeded.next_u64()),
            seeded,
            stations: BTreeMap::new(),
            fixed: BTreeMap::new(),
            series: BTreeMap::new(),
            queries: BTreeMap::new(),
            asked: 0,
        }
    }

    /// Takes a new configuration; dialogs and transactions stay, and the bindings of stations that do.
    pub fn configure(&mut self, config: SipConfig, now: Now, out: &mut Vec<SipEffect>) {
        self.layer.configure(timing(&config.rules));
        self.accounts = Accounts::of(&config);
        self.stations = config.accounts.iter().enumerate().map(|(n, account)| (account.station, n)).collect();
        self.fixed.clear();
        for (n, account) in config.accounts.iter().enumerate() {
            let host = account.fixed.as_ref().and_then(|fixed| Uri::parse(&fixed.uri)).and_then(|uri| uri.host);
            if let Some(address) = host.and_then(Host::address) {
                self.fixed.entry(address).or_default().push(n);
            }
        }
        self.config = config;
        let mut effects = Vec::new();
        self.registrar.keep(|station| self.stations.contains_key(&station), &mut effects);
        self.on_registrar(effects, now, out);
        let mut effects = Vec::new();
        self.trunks.configure(&self.config, now, &mut effects);
        self.on_trunks(effects, now, out);
    }

    /// What keeps the process from taking new calls.
    pub fn on_load(&mut self, load: Load) {
        self.shedder.on_load(load);
    }

    /// A message came.
    pub fn on_message(&mut self, flow: Flow, message: &Message, now: Now, out: &mut Vec<SipEffect>) {
        if let Err(rejected) = message.check() {
            out.push(SipEffect::Event(SipEvent::Counted(Count::Malformed)));
            let is_answered = message.is_request() && message.method() != Some(Method::Ack);
            if is_answered {
                self.reply(flow, message, rejected.status(), out);
            }
            return;
        }
        match message.kind() {
            Kind::Response(_) => self.on_response(flow, message, now, out),
            Kind::Request(Method::Ack) => {
                if self.layer.on_ack(message, now.mono) == Received::New {
                    self.on_ack(flow, message, now, out);
                }
            }
            Kind::Request(Method::Cancel) => self.on_cancel(flow, message, now, out),
            Kind::Request(_) => {
                if self.layer.on_request(message, out) == Received::Absorbed {
                    return;
                }
                match message.to().ok().and_then(|to| to.tag()) {
                    Some(tag) => self.on_inside(flow, message, tag, now, out),
                    None => self.on_outside(flow, message, now, out),
                }
            }
        }
    }

    /// Bytes came that are no message; what can be made out of their head is answered.
    pub fn on_unreadable(&mut self, flow: Flow, bytes: &[u8], rejected: Rejected, _now: Now, out: &mut Vec<SipEffect>) {
        out.push(SipEffect::Event(SipEvent::Counted(Count::Malformed)));
        let Ok(message) = Message::parse(bytes.to_vec()) else { return };
        let is_answered = message.is_request() && message.method() != Some(Method::Ack);
        let has_way_back = message.top_via().is_ok() && message.call_id().is_ok() && message.from().is_ok();
        if is_answered && has_way_back {
            self.reply(flow, &message, rejected.status(), out);
        }
    }

    /// A stream connection is gone.
    pub fn on_flow_closed(&mut self, flow: Flow, now: Now, out: &mut Vec<SipEffect>) {
        let mut effects = Vec::new();
        self.registrar.on_flow_closed(flow, &mut effects);
        self.notifier.on_flow_closed(flow);
        self.on_registrar(effects, now, out);
        let ups = self.layer.on_flow_closed(&flow);
        self.on_ups(ups, now, out);
    }

    /// What was sent with this token did not leave.
    pub fn on_send_failed(&mut self, token: u64, now: Now, out: &mut Vec<SipEffect>) {
        let ups = self.layer.on_failed(TxId(token)).into_iter().collect();
        self.on_ups(ups, now, out);
    }

    /// Answer to [`SipEffect::Resolve`]; empty: the name does not resolve.
    pub fn on_resolved(&mut self, query: u64, addresses: &[Resolved], now: Now, out: &mut Vec<SipEffect>) {
        match self.queries.remove(&query) {
            Some(Asker::Leg(leg)) => self.on_place_resolved(leg, query, addresses, now, out),
            Some(Asker::Trunk { trunk, host }) => {
                let mut effects = Vec::new();
                self.trunks.on_resolved(trunk, host, addresses, now, &mut effects);
                self.on_trunks(effects, now, out);
            }
            None => {}
        }
    }

    /// The process started again with this state: stream connections are gone, so what waited on them fails.
    pub fn on_restart(&mut self, now: Now, out: &mut Vec<SipEffect>) {
        // What filled or drained the process before says nothing about this one.
        self.shedder.on_restart();
        let mut effects = Vec::new();
        self.registrar.on_restart(&mut effects);
        self.on_registrar(effects, now, out);
        let mut effects = Vec::new();
        self.trunks.on_restart(now, &mut effects);
        self.on_trunks(effects, now, out);
        for flow in self.layer.streams() {
            self.on_flow_closed(flow, now, out);
        }
        // Nobody will answer what the process before asked; trunks ask again by themselves.
        for (query, asker) in std::mem::take(&mut self.queries) {
            match asker {
                Asker::Leg(leg) => self.on_place_resolved(leg, query, &[], now, out),
                Asker::Trunk { .. } => {}
            }
        }
    }

    /// Dialogs, transactions, timers and bindings that exist.
    pub fn sizes(&self) -> (usize, usize, usize, usize) {
        (
            self.tags.len() + self.notifier.len(),
            self.layer.len(),
            self.layer.timers() + self.deadlines.len(),
            self.registrar.len(),
        )
    }

    /// When to call [`Ua::on_deadline`].
    pub fn deadline(&self) -> Option<Mono> {
        let legs = self.deadlines.first().map(|(at, _)| *at);
        let all =
            [self.layer.deadline(), legs, self.registrar.deadline(), self.trunks.deadline(), self.notifier.deadline()];
        all.into_iter().flatten().min()
    }

    /// Time passed.
    pub fn on_deadline(&mut self, now: Now, out: &mut Vec<SipEffect>) {
        let mut ups = Vec::new();
        self.layer.on_deadline(now.mono, out, &mut ups);
        self.on_ups(ups, now, out);
        while let Some(&(at, id)) = self.deadlines.first() {
            if at > now.mono {
                break;
            }
            self.deadlines.remove(&(at, id));
            let Some(mut leg) = self.take(id) else { continue };
            leg.armed = None;
            self.on_leg_deadline(leg, now, out);
        }
        let mut effects = Vec::new();
        self.registrar.on_deadline(now, &mut effects);
        self.on_registrar(effects, now, out);
        let mut effects = Vec::new();
        self.trunks.on_deadline(now, &mut effects);
        self.on_trunks(effects, now, out);
        let mut notifies = Vec::new();
        self.notifier.on_deadline(now, &mut notifies);
        self.on_notifies(notifies, now, out);
    }

    fn on_leg_deadline(&mut self, mut leg: Leg, now: Now, out: &mut Vec<SipEffect>) {
        let rules = &self.config.rules;
        match &mut leg.stage {
            Stage::Arriving(arriving) => {
                let patience = arriving.unacked.as_mut().map(|u| {
                    u.repeated.on_deadline(rules.t1 * 64, now.mono, out) // RFC 3262 §3: doubled without T2
                });
                if patience == Some(Patience::Gone) {
                    return self.refuse_unpracked(leg, now, out);
                }
                if arriving.remind_at.is_some_and(|at| now.mono >= at) {
                    arriving.remind_at = Some(now.mono + REMIND_AFTER);
                    self.layer.repeat(arriving.tx, out);
                }
                self.put(leg);
            }
            Stage::Dialling(dialling) => {
                let late = dialling.ahead.take_if(|ahead| now.mono >= ahead.give_up_at);
                self.refuse_ahead(late, out);
                self.fail_over(leg, now, out);
            }
            Stage::Up(_) => self.on_up_deadline(leg, now, out),
        }
    }

    fn on_ups(&mut self, ups: Vec<Up<Owner>>, now: Now, out: &mut Vec<SipEffect>) {
        for up in ups {
            match up {
                Up::TimedOut(tx, owner) => self.on_no_response(tx, owner, 408, now, out),
                Up::Failed(tx, owner) => self.on_no_response(tx, owner, 503, now, out),
                Up::AckMissing(..) => {}
            }
        }
    }

    /// A transaction ended without a response that came; `status` says as if which had (RFC 3261 §8.1.3.1).
    fn on_no_response(&mut self, tx: TxId, owner: Owner, status: u16, now: Now, out: &mut Vec<SipEffect>) {
        match owner {
            Owner::Nobody | Owner::Farewell(_) => {}
            Owner::ProbeBinding(id) if status == 503 => self.on_probe_lost(id, now, out),
            // The registrar counts silence itself.
            Owner::ProbeBinding(_) => {}
            Owner::Notify(id) => self.notifier.on_notify_answered(id, 408),
            Owner::Errand(errand) => self.on_errand_lost(*errand, status, now, out),
            Owner::Dialled { leg, branch, .. } => {
                let Some(leg) = self.take(leg) else { return };
                let cause = Cause::new(status, cause::q850_of(status), Reason::Unreachable);
                self.branch_failed(leg, branch, cause, (false, None), now, out);
            }
            Owner::Change { leg, .. } => {
                let Some(leg) = self.take(leg) else { return };
                self.change_failed(leg, tx, status, now, out);
            }
            Owner::Arrived { leg } => {
                let Some(leg) = self.take(leg) else { return };
                match leg.stage {
                    Stage::Arriving(_) => {
                        let cause = Cause::new(status, cause::q850_of(status), Reason::Unreachable);
                        self.ended(leg, cause, false, out);
                    }
                    Stage::Dialling(_) | Stage::Up(_) => self.put(leg),
                }
            }
        }
    }

    fn on_response(&mut self, flow: Flow, response: &Message, now: Now, out: &mut Vec<SipEffect>) {
        let Some((tx, owner)) = self.layer.on_response(response, now.mono, out) else { return };
        let status = response.status().unwrap_or(0);
        match owner {
            Owner::Nobody | Owner::Arrived { .. } => {}
            Owner::ProbeBinding(id) => {
                let mut effects = Vec::new();
                self.registrar.on_probe_answered(id, now, &mut effects);
                self.on_registrar(effects, now, out);
            }
            Owner::Notify(id) if status >= 200 => self.notifier.on_notify_answered(id, status),
            Owner::Notify(_) => {}
            Owner::Errand(errand) => self.on_errand_response(*errand, flow, response, now, out),
            Owner::Dialled { leg, branch, party, seq, farewell } => match self.take(leg) {
                Some(leg) => self.on_dial_response(leg, (tx, branch, seq), flow, response, now, out),
                None if status / 100 == 2 => {
                    self.lost_race((tx, seq, farewell), party, flow, response, now, out);
                }
                None => {}
            },
            Owner::Change { leg, party } => match self.take(leg) {
                Some(leg) => self.on_change_response(leg, tx, flow, response, now, out),
                None if status / 100 == 2 => drop(self.acknowledge_stray(tx, party, flow, response, out)),
                None => {}
            },
            Owner::Farewell(farewell) => self.on_farewell_response(*farewell, flow, response, now, out),
        }
    }

    /// Takes a leg out to work on it; [`Ua::put`] or [`Ua::ended`] must follow.
    fn take(&mut self, id: LegId) -> Option<Leg> {
        let leg = self.legs.remove(&id)?;
        self.keep(&leg);
        Some(leg)
    }

    fn put(&mut self, mut leg: Leg) {
        self.keep_no_more(leg.id);
        let deadline = leg.deadline();
        if leg.armed != deadline {
            if let Some(at) = leg.armed {
                self.deadlines.remove(&(at, leg.id));
            }
            self.deadlines.extend(deadline.map(|at| (at, leg.id)));
            leg.armed = deadline;
        }
        self.legs.insert(leg.id, leg);
    }

    /// Forgets a leg that was taken out.
    fn forget(&mut self, leg: &Leg) {
        self.keep_no_more(leg.id);
        if let Some(at) = leg.armed {
            self.deadlines.remove(&(at, leg.id));
        }
        for tag in leg.local_tags() {
            self.tags.remove(&tag);
        }
        self.release(leg.party);
    }

    /// A call with this party is over.
    fn release(&mut self, party: Origin) {
        match party {
            Origin::Trunk(trunk) => self.trunks.release(trunk),
            Origin::Station(_) => {}
        }
    }

    /// Forgets a leg that was taken out and says so, once and last.
    fn ended(&mut self, mut leg: Leg, cause: Cause, by_peer: bool, out: &mut Vec<SipEffect>) {
        self.forget(&leg);
        self.refuse_ahead(leg.take_ahead(), out);
        let is_told = matches!(&leg.stage, Stage::Up(up) if up.farewell.is_some());
        if !is_told {
            out.push(SipEffect::Event(SipEvent::Ended { leg: leg.id, cause, by_peer }));
        }
    }

    /// Seconds for a Retry-After that spreads those who come back.
    fn retry_after(&mut self) -> u64 {
        1 + self.seeded.below(9)
    }
}
