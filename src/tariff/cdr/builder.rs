//! Facts in, rows out: drafts of the calls in progress.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::fact::{CallbackAsked, Fact, OfferEnd, Party, QueueLeft, Segment, What};
use turno_base::{
    CallId, Cause, EndedBy, LegId, Mono, Name, Now, Number, Outcome, QueueId, Reason, SegmentId, TrunkId,
};

use super::leg::DraftLeg;
use super::record::{CallingBack, Direction, Leg, Offer, Purpose, Record, Stay, customer};
use super::{Kind, Row};
use crate::deck::Deck;
use crate::kind::kind_of;

/// A call in progress proves that it is alive at least this often.
pub const INTERIM_EVERY: Duration = Duration::from_secs(30);
/// Legs of one record; later ones are counted.
pub const LEGS_MAX: usize = 1000;
/// Segments of one leg; at the bound the last one grows on.
pub const STAGES_MAX: usize = 1000;
/// Stays in queues of one record; later ones are counted.
pub const STAYS_MAX: usize = 1000;
/// Offers of one record; later ones are counted.
pub const OFFERS_MAX: usize = 1000;
/// Facts of one row, and facts that wait for the next; at the bound a row is written at once.
pub const PENDING_MAX: usize = 64;

/// Drafts of all calls in progress.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Builder {
    drafts: BTreeMap<CallId, Draft>,
    /// When to look at a draft again: at or before its next proof of life, exactly one entry per draft.
    due: BTreeSet<(Mono, CallId)>,
    /// Facts about calls that are over or never arrived.
    stale: u64,
    /// Of the configuration in force.
    revision: u64,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// Calls in progress.
    pub calls: usize,
    /// Legs of those, ended ones too.
    pub legs: usize,
    /// Facts that waited for the next row.
    pub pending: usize,
    /// Facts about calls that are over or never arrived, since the beginning.
    pub stale: u64,
}

impl Builder {
    /// Takes one fact and appends the rows that it asks for; facts of one instant share the row of their call that `out`
    /// ends with, so that a turn of the engine makes one row and not one for each of its steps. The deck prices the call
    /// when it ends.
    pub fn on_fact(&mut self, fact: &Fact, deck: &Deck, out: &mut Vec<Row>) {
        let Some(call) = fact.what.call() else {
            if let What::Configured { revision } = fact.what {
                self.revision = revision;
            }
            return;
        };
        if let What::CallArrived { ani, dnis, trunk, .. } = &fact.what {
            if self.drafts.contains_key(&call) {
                self.stale += 1;
                return;
            }
            let mut draft = Draft::new(fact.at, ani.clone(), dnis.clone(), *trunk);
            // Recovery reads it from the call's own rows.
            let under = (self.revision > 0).then(|| draft.is_under(self.revision, fact.at));
            out.push(draft.row(call, fact.at, Kind::Open([fact.clone()].into_iter().chain(under).collect())));
            self.due.insert((fact.at.mono + INTERIM_EVERY, call));
            self.drafts.insert(call, draft);
            return;
        }
        if let What::CallEnded { outcome, by, .. } = fact.what {
            let Some(mut draft) = self.drafts.remove(&call) else {
                self.stale += 1;
                return;
            };
            self.due.remove(&(draft.due, call));
            let record = draft.record(call, &End { at: fact.at, outcome, by, cause: None }, deck);
            // The record holds all that the row before it would say.
            if out.pop_if(|row| row.is_of(call, fact.at) && matches!(row.kind, Kind::Interim(_))).is_some() {
                draft.seq -= 1;
            }
            out.push(draft.row(call, fact.at, Kind::Close(Box::new(record))));
            return;
        }
        let Some(draft) = self.drafts.get_mut(&call) else {
            // What came of a call is mostly said after it: the tables add it to the record.
            self.stale += u64::from(!matches!(fact.what, What::Disposed { .. }));
            return;
        };
        if draft.revision != self.revision && matches!(fact.what, What::Offered { .. }) {
            let under = draft.is_under(self.revision, fact.at);
            draft.pending.push(under);
        }
        draft.fold(fact);
        draft.pending.push(fact.clone());
        if !is_milestone(&fact.what) && draft.pending.len() < PENDING_MAX {
            return;
        }
        match out.last_mut().filter(|row| row.is_of(call, fact.at)).map(|row| &mut row.kind) {
            Some(Kind::Open(facts) | Kind::Interim(facts)) if facts.len() + draft.pending.len() <= PENDING_MAX => {
                facts.append(&mut draft.pending);
            }
            Some(Kind::Open(_) | Kind::Interim(_) | Kind::Close(_)) | None => out.push(draft.interim(call, fact.at)),
        }
    }

    /// Writes the proofs of life that are due; early calls do nothing.
    pub fn on_deadline(&mut self, now: Now, out: &mut Vec<Row>) {
        while let Some(&(at, call)) = self.due.first().filter(|(at, _)| *at <= now.mono) {
            self.due.remove(&(at, call));
            let Some(draft) = self.drafts.get_mut(&call) else { continue };
            if draft.proof.mono + INTERIM_EVERY <= now.mono {
                out.push(draft.interim(call, now));
            }
            draft.due = draft.proof.mono + INTERIM_EVERY;
            self.due.insert((draft.due, call));
        }
    }

    /// When [`Builder::on_deadline`] wants to be called.
    pub fn deadline(&self) -> Option<Mono> {
        self.due.first().map(|&(at, _)| at)
    }

    /// When a call that is not closed yet arrived.
    pub fn arrived(&self, call: CallId) -> Option<Now> {
        self.drafts.get(&call).map(|draft| draft.arrived)
    }

    /// Legs of a call that is not closed yet, with the Call-IDs of their dialogs, in the order in which they began.
    pub fn legs(&self, call: CallId) -> impl Iterator<Item = (LegId, &str)> {
        let draft = self.drafts.get(&call);
        draft.into_iter().flat_map(|draft| draft.legs.iter().map(|leg| (leg.leg, leg.sip_call_id.as_str())))
    }

    /// How much there is; walks all calls.
    pub fn sizes(&self) -> Sizes {
        Sizes {
            calls: self.drafts.len(),
            legs: self.drafts.values().map(|draft| draft.legs.len()).sum(),
            pending: self.drafts.values().map(|draft| draft.pending.len()).sum(),
            stale: self.stale,
        }
    }
}

/// Facts after which a crash must not lose what went before: they make a row at once.
fn is_milestone(what: &What) -> bool {
    matches!(
        what,
        What::SegmentBegan { .. } | What::LegAnswered { .. } | What::LegEnded { .. } | What::QueueLeft { .. }
    )
}

/// A call in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Draft {
    arrived: Now,
    ani: Number,
    dnis: Number,
    trunk: Option<TrunkId>,
    customer: Option<String>,
    segment: Option<SegmentId>,
    value_pm: Option<u32>,
    disposition: Option<Name>,
    callback_asked: Option<CallbackAsked>,
    calling_back: Option<CallingBack>,
    legs: Vec<DraftLeg>,
    stays: Vec<DraftStay>,
    offers: Vec<Offer>,
    /// When a queue had to do with it last.
    queued: Now,
    left_out: u32,
    /// Of the configuration when it arrived, and as of its last offer.
    arrived_under: u64,
    revision: u64,
    pending: Vec<Fact>,
    /// The last row: the last proof of life.
    pub(super) proof: Now,
    pub(super) seq: u32,
    due: Mono,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct DraftStay {
    queue: QueueId,
    entered: Now,
    position: u32,
    left: Option<(QueueLeft, u32, u64)>,
}

/// How a call ended.
#[derive(Clone, Copy)]
pub(super) struct End {
    pub(super) at: Now,
    pub(super) outcome: Outcome,
    pub(super) by: EndedBy,
    /// For legs that are still up; none: an ordinary hang-up.
    pub(super) cause: Option<Cause>,
}

impl Draft {
    pub(super) fn new(at: Now, ani: Number, dnis: Number, trunk: Option<TrunkId>) -> Draft {
        Draft {
            arrived: at,
            ani,
            dnis,
            trunk,
            customer: None,
            segment: None,
            value_pm: None,
            disposition: None,
            callback_asked: None,
            calling_back: None,
            legs: Vec::new(),
            stays: Vec::new(),
            offers: Vec::new(),
            queued: at,
            left_out: 0,
            arrived_under: 0,
            revision: 0,
            pending: Vec::new(),
            proof: at,
            seq: 0,
            due: at.mono + INTERIM_EVERY,
        }
    }

    /// What is decided about it from now on is decided by this revision.
    fn is_under(&mut self, revision: u64, at: Now) -> Fact {
        let fact = Fact { at, what: What::Configured { revision } };
        self.fold(&fact);
        fact
    }

    fn row(&mut self, call: CallId, at: Now, kind: Kind) -> Row {
        let seq = self.seq;
        self.seq += 1;
        self.proof = at;
        Row { call, seq, at, kind }
    }

    fn interim(&mut self, call: CallId, at: Now) -> Row {
        let facts = std::mem::take(&mut self.pending);
        self.row(call, at, Kind::Interim(facts))
    }

    /// What the caller did with somebody, if it was anything.
    pub(super) fn had_conversation(&self) -> bool {
        let talked = |segment: &Segment| matches!(segment, Segment::Talk(_) | Segment::TalkOutside);
        self.legs.iter().flat_map(|leg| &leg.stages).any(|(segment, _)| talked(segment))
    }

    /// Takes one fact about this call. Facts about legs and offers that it does not know are dropped.
    pub(super) fn fold(&mut self, fact: &Fact) {
        let at = fact.at;
        if is_of_queue(&fact.what) {
            self.queued = at;
        }
        match &fact.what {
            What::CustomerKnown { customer, segment, value_pm, .. } => {
                self.customer.clone_from(customer);
                self.segment = Some(*segment);
                self.value_pm = Some(*value_pm);
            }
            What::LegBegan { leg, sip_call_id, a, b, party, .. } => {
                if self.legs.len() >= LEGS_MAX {
                    self.left_out += 1;
                    return;
                }
                self.legs.push(DraftLeg::new(*leg, sip_call_id, a, b, *party, at));
            }
            What::LegRinging { leg, .. } => self.on_leg(*leg, |leg| {
                leg.rang.get_or_insert(at);
            }),
            What::LegAnswered { leg, .. } => self.on_leg(*leg, |leg| {
                leg.answered.get_or_insert(at);
            }),
            What::SegmentBegan { leg, segment, .. } => self.on_leg(*leg, |leg| leg.enter(*segment, at)),
            What::LegQuality { leg, quality, .. } => self.on_leg(*leg, |leg| leg.quality = Some(*quality)),
            What::LegDialog { leg, dialog, .. } => self.on_leg(*leg, |leg| leg.dialog = Some(dialog.clone())),
            What::LegSilent { leg, heard, .. } => self.on_leg(*leg, |leg| {
                leg.heard.get_or_insert(*heard);
            }),
            What::LegEnded { leg, cause, by, .. } => self.on_leg(*leg, |leg| {
                leg.ended.get_or_insert((at, *cause, *by));
            }),
            What::QueueEntered { queue, position, .. } => {
                if self.stays.len() >= STAYS_MAX {
                    self.left_out += 1;
                    return;
                }
                self.stays.push(DraftStay { queue: *queue, entered: at, position: *position, left: None });
            }
            What::QueueLeft { queue, left, position, wait_ms, .. } => {
                let open = self.stays.iter_mut().rev().find(|stay| stay.queue == *queue && stay.left.is_none());
                if let Some(stay) = open {
                    stay.left = Some((*left, *position, *wait_ms));
                }
            }
            What::Offered { queue, agent, epoch, .. } => {
                if self.offers.len() >= OFFERS_MAX {
                    self.left_out += 1;
                    return;
                }
                let (queue, agent, epoch) = (*queue, *agent, *epoch);
                let config_revision = self.revision;
                self.offers.push(Offer { queue, agent, epoch, at: at.wall, end: None, ring_ms: 0, config_revision });
            }
            What::OfferEnded { agent, epoch, end, ring_ms, .. } => self.on_offer_ended(*agent, *epoch, *end, *ring_ms),
            What::Disposed { disposition, .. } => self.disposition = Some(*disposition),
            What::Configured { revision } => {
                // With the row that opens it, before anything else is known of it.
                if self.legs.is_empty() && self.arrived_under == 0 && at == self.arrived {
                    self.arrived_under = *revision;
                }
                self.revision = *revision;
            }
            What::CallbackTaken { how, .. } => self.callback_asked = Some(*how),
            What::CallingBack { first, attempt, .. } => {
                self.calling_back = Some(CallingBack { first: *first, attempt: *attempt });
            }
            What::CallArrived { .. }
            | What::WaitingChanged { .. }
            | What::LeavingByKey { .. }
            | What::QueueNoted { .. }
            | What::Emergency { .. }
            | What::CallEnded { .. }
            | What::AgentChanged { .. }
            | What::AgentServes { .. }
            | What::PauseTooLong { .. }
            | What::Task { .. }
            | What::CallbackEnded { .. }
            | What::CallbacksDue { .. } => {}
        }
    }

    fn on_leg(&mut self, id: LegId, change: impl FnOnce(&mut DraftLeg)) {
        // The legs that something happens to are the youngest.
        if let Some(leg) = self.legs.iter_mut().rev().find(|leg| leg.leg == id) {
            change(leg);
        }
    }

    fn on_offer_ended(&mut self, agent: turno_base::AgentId, epoch: u64, end: OfferEnd, ring_ms: u64) {
        let open = |offer: &&mut Offer| offer.agent == agent && offer.epoch == epoch && offer.end.is_none();
        if let Some(offer) = self.offers.iter_mut().rev().find(open) {
            offer.end = Some(end);
            offer.ring_ms = ring_ms;
        }
    }

    /// When it ended: if nothing was heard of a leg any more, with the last of its legs and queues, not when that was seen and
    /// everybody had been told.
    fn ended(&self, end: &End) -> Now {
        if self.legs.iter().all(|leg| leg.heard.is_none()) {
            return end.at;
        }
        let legs = self.legs.iter().map(|leg| leg.ended(end).0);
        earlier(legs.fold(self.queued, later), end.at)
    }

    /// Of an agent's phone alone nothing was heard any more: he had the caller until then, as his figures and `queue_log` say.
    fn leave_alone(&mut self, end: &End) {
        let silent = self.legs.iter().filter_map(|leg| match (leg.party, leg.heard) {
            (Party::Agent(agent, _), Some(_)) => {
                let given_up = leg.ended.map_or(end.at, |(at, ..)| at);
                Some((agent, leg.ended(end).0, given_up))
            }
            (Party::Agent(..) | Party::Caller(_) | Party::Outside(_) | Party::Station(_), _) => None,
        });
        for (agent, heard, given_up) in silent.collect::<Vec<_>>() {
            self.legs.iter_mut().filter(|leg| leg.heard.is_none()).for_each(|leg| leg.is_alone(agent, heard, given_up));
        }
    }

    /// The record of the call, ended so.
    pub(super) fn record(&mut self, call: CallId, end: &End, deck: &Deck) -> Record {
        let end = &End { at: self.ended(end), ..*end };
        self.leave_alone(end);
        let legs: Vec<Leg> = std::mem::take(&mut self.legs).into_iter().map(|leg| leg.close(end, deck)).collect();
        let stays = self.stays.iter().map(|stay| stay.close(end)).collect();
        let caller = customer(&legs, self.calling_back.is_some());
        let outside = self.calling_back.is_some() || legs.iter().any(|leg| matches!(leg.party, Party::Outside(_)));
        let direction = match (self.trunk, outside) {
            (Some(_), _) => Direction::Inbound,
            (None, true) => Direction::Outbound,
            (None, false) => Direction::Internal,
        };
        let by_restart = legs.iter().any(|leg| leg.by == EndedBy::Us && leg.cause.reason == Reason::Restart);
        Record {
            call,
            direction,
            purpose: match (self.calling_back, self.stays.is_empty(), direction) {
                (Some(_), ..) => Purpose::Callback,
                (None, false, _) => Purpose::Queue,
                (None, true, Direction::Internal) => Purpose::Internal,
                (None, true, Direction::Inbound | Direction::Outbound) => Purpose::Direct,
            },
            ani: std::mem::take(&mut self.ani),
            dnis_type: kind_of(self.dnis.e164.into()),
            dnis: std::mem::take(&mut self.dnis),
            trunk: self.trunk,
            customer: self.customer.take(),
            segment: self.segment,
            value_pm: self.value_pm,
            callback_asked: self.callback_asked,
            calling_back: self.calling_back,
            config_revision: self.arrived_under,
            arrived: self.arrived.wall,
            ended: end.at.wall,
            total_ms: ms_between(self.arrived, end.at),
            outcome: end.outcome,
            disposition: self.disposition,
            by: end.by,
            cause: caller.map(|leg| leg.cause),
            recovered: by_restart,
            estimated: by_restart,
            costs: Record::costs_of(&legs),
            legs,
            stays,
            offers: std::mem::take(&mut self.offers),
            wraps: Vec::new(),
            left_out: self.left_out,
        }
    }
}

impl DraftStay {
    fn close(&self, end: &End) -> Stay {
        let unfinished = (QueueLeft::Failed, self.position, ms_between(self.entered, end.at));
        let (left, left_position, wait_ms) = self.left.unwrap_or(unfinished);
        let (queue, entered, position) = (self.queue, self.entered.wall, self.position);
        Stay { queue, entered, position, left, left_position, wait_ms }
    }
}

/// Facts by which a queue has to do with a call.
fn is_of_queue(what: &What) -> bool {
    matches!(what, What::QueueEntered { .. } | What::QueueLeft { .. } | What::Offered { .. } | What::OfferEnded { .. })
}

pub(super) fn later(one: Now, other: Now) -> Now {
    if other.mono > one.mono { other } else { one }
}

pub(super) fn earlier(one: Now, other: Now) -> Now {
    if other.mono < one.mono { other } else { one }
}

pub(super) fn ms_between(from: Now, to: Now) -> u64 {
    to.mono.0.saturating_sub(from.mono.0) / 1000
}

/// Why a leg ended that was up when the process died.
pub(super) const RESTART: Cause = Cause::new(500, 41, Reason::Restart);
