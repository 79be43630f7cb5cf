//! What a record holds. Instants are wall-clock and for people; durations come from the monotonic clock and are what is
//! billed, so they need not agree over a step of the wall clock.

use serde::{Deserialize, Serialize};
use turno_base::fact::{CallbackAsked, OfferEnd, Party, QueueLeft, Segment};
use turno_base::{
    AgentId, CallId, Cause, EndedBy, LegId, Money, Name, Number, Outcome, Quality, QueueId, SegmentId, TrunkId, Wall,
};

use crate::deck::Payer;
use crate::kind::NumberType;
use crate::rating::{Rated, Status};

/// Which way a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// By a trunk, to us.
    Inbound,
    /// From a station, by a trunk.
    Outbound,
    /// Between stations.
    Internal,
}

impl Direction {
    /// The word in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
            Direction::Internal => "internal",
        }
    }
}

/// What the call was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// It entered a queue.
    Queue,
    /// It called a customer back.
    Callback,
    /// It went straight to a party, a prompt or nowhere.
    Direct,
    /// One station called another.
    Internal,
}

impl Purpose {
    /// The word in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Purpose::Queue => "queue",
            Purpose::Callback => "callback",
            Purpose::Direct => "direct",
            Purpose::Internal => "internal",
        }
    }
}

/// One call, closed and priced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Key.
    pub call: CallId,
    /// Which way.
    pub direction: Direction,
    /// What for.
    pub purpose: Purpose,
    /// Who called.
    pub ani: Number,
    /// What they dialled.
    pub dnis: Number,
    /// What kind of number that is; none: no plan that comes along has it.
    pub dnis_type: Option<NumberType>,
    /// By which trunk it arrived.
    pub trunk: Option<TrunkId>,
    /// External id as of the call.
    pub customer: Option<String>,
    /// Segment as of the call.
    pub segment: Option<SegmentId>,
    /// Value as of the call, per mille.
    pub value_pm: Option<u32>,
    /// The caller left to be called back, by this.
    pub callback_asked: Option<CallbackAsked>,
    /// It is an attempt to call a customer back.
    pub calling_back: Option<CallingBack>,
    /// Revision of the configuration in force when it arrived; 0: it had no number.
    pub config_revision: u64,
    /// First INVITE.
    pub arrived: Wall,
    /// End.
    pub ended: Wall,
    /// First INVITE to end.
    pub total_ms: u64,
    /// Result; exactly one.
    pub outcome: Outcome,
    /// What the agent said came of it, his last word. The tables take it up also when it is said after the call.
    pub disposition: Option<Name>,
    /// By whom it ended.
    pub by: EndedBy,
    /// Why the caller's leg ended.
    pub cause: Option<Cause>,
    /// Closed after a crash.
    pub recovered: bool,
    /// The end is the last proof of life, not a seen end.
    pub estimated: bool,
    /// In the order in which they began.
    pub legs: Vec<Leg>,
    /// Stays in queues, in order.
    pub stays: Vec<Stay>,
    /// Offers to agents, in order.
    pub offers: Vec<Offer>,
    /// Wrap-up of its agents, in order. It comes after the call: only the tables know of it.
    pub wraps: Vec<Wrap>,
    /// By payer and currency: the sum of the legs' stored amounts.
    pub costs: Vec<Cost>,
    /// Legs, stays and offers beyond the bounds of a record, counted but not kept.
    pub left_out: u32,
}

/// Which attempt a call was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallingBack {
    /// The call that asked for it; none: a person did.
    pub first: Option<CallId>,
    /// 1 for the first.
    pub attempt: u32,
}

/// One leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// Key within the life of the engine.
    pub leg: LegId,
    /// SIP Call-ID of its dialog: of the phone that answered, else of the refusal that counts. A dialled leg that rang a second
    /// phone or was tried at a further address has `-2`, `-3` behind it in those messages.
    pub sip_call_id: String,
    /// Our tag in it: of From in what we dialled, of To in what arrived; empty: no INVITE was sent, or a build before this had no
    /// tags.
    pub local_tag: String,
    /// The peer's tag in it; empty: also if the peer never named one.
    pub remote_tag: String,
    /// Whom it connected.
    pub party: Party,
    /// Calling number.
    pub a: Number,
    /// Called number.
    pub b: Number,
    /// INVITE.
    pub began: Wall,
    /// First 180.
    pub rang: Option<Wall>,
    /// 200 OK.
    pub answered: Option<Wall>,
    /// End.
    pub ended: Wall,
    /// Began → answered, or ended.
    pub ring_ms: u64,
    /// Answered → ended.
    pub talk_ms: u64,
    /// Began → ended.
    pub total_ms: u64,
    /// Why it ended.
    pub cause: Cause,
    /// By whom.
    pub by: EndedBy,
    /// Media figures.
    pub quality: Option<Quality>,
    /// Without gap or overlap from began to ended.
    pub stages: Vec<Stage>,
    /// One per payer; none for legs inside the house.
    pub charges: Vec<Charge>,
}

/// A segment of a leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// What the leg was.
    pub segment: Segment,
    /// From when on.
    pub at: Wall,
    /// How long.
    pub ms: u64,
    /// Its share of each of the leg's charges, in the units and order of those; by time after the answer.
    pub shares: Vec<i64>,
}

/// What a leg costs one payer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// Who.
    pub payer: Payer,
    /// How much, and why.
    pub rated: Rated,
}

/// What a call costs one payer in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Who.
    pub payer: Payer,
    /// Sum of the rated legs' net amounts; none if no leg was rated.
    pub net: Option<Money>,
    /// Legs without an amount.
    pub unrated: u32,
}

/// A stay in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stay {
    /// Where.
    pub queue: QueueId,
    /// From when on.
    pub entered: Wall,
    /// Place on entering, 1-based.
    pub position: u32,
    /// How it ended.
    pub left: QueueLeft,
    /// Place on leaving.
    pub left_position: u32,
    /// How long.
    pub wait_ms: u64,
}

/// An offer to an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// From which queue.
    pub queue: QueueId,
    /// To whom.
    pub agent: AgentId,
    /// The reservation's epoch.
    pub epoch: u64,
    /// When.
    pub at: Wall,
    /// How it ended; none if the call ended first.
    pub end: Option<OfferEnd>,
    /// How long it rang.
    pub ring_ms: u64,
    /// Revision of the configuration by which it was decided; 0: it had no number.
    pub config_revision: u64,
}

/// What an agent had to do after the call, because of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrap {
    /// Who.
    pub agent: AgentId,
    /// From when on.
    pub at: Wall,
    /// How long; none: still.
    pub ms: Option<u64>,
}

impl Record {
    /// The customer's leg: the caller's, or the last by which he was called back.
    pub fn caller(&self) -> Option<&Leg> {
        customer(&self.legs, self.calling_back.is_some())
    }

    /// Time in queues, ms.
    pub fn wait_ms(&self) -> u64 {
        self.stays.iter().map(|stay| stay.wait_ms).sum()
    }

    /// Time in which the caller talked, ms.
    pub fn talk_ms(&self) -> u64 {
        self.caller_ms(|segment| matches!(segment, Segment::Talk(_) | Segment::TalkOutside))
    }

    /// Time in which the caller was held, ms.
    pub fn hold_ms(&self) -> u64 {
        self.caller_ms(|segment| matches!(segment, Segment::Hold(_) | Segment::Consult(_) | Segment::Parked))
    }

    /// Time that agents had to do after it, ms.
    pub fn wrap_ms(&self) -> u64 {
        self.wraps.iter().filter_map(|wrap| wrap.ms).sum()
    }

    /// The last agent who talked with the caller.
    pub fn agent(&self) -> Option<AgentId> {
        let stages = self.caller().map_or(&[][..], |leg| &leg.stages);
        stages.iter().rev().find_map(|stage| match stage.segment {
            Segment::Talk(agent) | Segment::Hold(agent) | Segment::Consult(agent) => Some(agent),
            Segment::Ivr(_)
            | Segment::Queue(_)
            | Segment::Ring(_)
            | Segment::TalkOutside
            | Segment::Parked
            | Segment::Voicemail => None,
        })
    }

    /// The last queue.
    pub fn queue(&self) -> Option<QueueId> {
        self.stays.last().map(|stay| stay.queue)
    }

    fn caller_ms(&self, counts: impl Fn(Segment) -> bool) -> u64 {
        let stages = self.caller().map_or(&[][..], |leg| &leg.stages);
        stages.iter().filter(|stage| counts(stage.segment)).map(|stage| stage.ms).sum()
    }

    /// Sums of the legs' charges, by payer and currency in order of first appearance. Amounts of two currencies or scales are
    /// two costs; what has no amount is counted with the payer's first.
    pub fn costs_of(legs: &[Leg]) -> Vec<Cost> {
        let mut costs: Vec<Cost> = Vec::new();
        for charge in legs.iter().flat_map(|leg| &leg.charges) {
            let kind = |money: Money| (money.currency, money.scale);
            let net = charge.rated.net;
            let fits = |cost: &&mut Cost| {
                let same = cost.net.is_none() || net.is_none() || cost.net.map(kind) == net.map(kind);
                cost.payer == charge.payer && same
            };
            let unrated = u32::from(net.is_none() && charge.rated.status == Status::Unrated);
            let Some(cost) = costs.iter_mut().find(fits) else {
                costs.push(Cost { payer: charge.payer, net, unrated });
                continue;
            };
            cost.unrated += unrated;
            cost.net = match (net, cost.net) {
                (Some(net), Some(sum)) => Some(Money { units: sum.units.saturating_add(net.units), ..sum }),
                (net, sum) => sum.or(net),
            };
        }
        costs
    }
}

/// The leg of the customer whom the call is about.
pub(crate) fn customer(legs: &[Leg], is_callback: bool) -> Option<&Leg> {
    let caller = legs.iter().find(|leg| matches!(leg.party, Party::Caller(_)));
    let called = || legs.iter().rev().find(|leg| is_callback && matches!(leg.party, Party::Outside(_)));
    caller.or_else(called)
}
