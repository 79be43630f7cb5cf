//! Records as they were before their legs had tags: record log 5 to 7, record tables 5. They are read as they are.

use serde::Deserialize;
use turno_base::fact::{CallbackAsked, Party};
use turno_base::{CallId, Cause, EndedBy, LegId, Name, Number, Outcome, Quality, SegmentId, TrunkId, Wall};

use super::record::{self, CallingBack, Charge, Cost, Direction, Offer, Purpose, Stage, Stay, Wrap};
use crate::kind::NumberType;

/// [`record::Record`] of then, in the order of then.
#[derive(Debug, Deserialize)]
pub struct Record {
    call: CallId,
    direction: Direction,
    purpose: Purpose,
    ani: Number,
    dnis: Number,
    dnis_type: Option<NumberType>,
    trunk: Option<TrunkId>,
    customer: Option<String>,
    segment: Option<SegmentId>,
    value_pm: Option<u32>,
    callback_asked: Option<CallbackAsked>,
    calling_back: Option<CallingBack>,
    config_revision: u64,
    arrived: Wall,
    ended: Wall,
    total_ms: u64,
    outcome: Outcome,
    disposition: Option<Name>,
    by: EndedBy,
    cause: Option<Cause>,
    recovered: bool,
    estimated: bool,
    legs: Vec<Leg>,
    stays: Vec<Stay>,
    offers: Vec<Offer>,
    wraps: Vec<Wrap>,
    costs: Vec<Cost>,
    left_out: u32,
}

/// [`record::Leg`] of then, in the order of then.
#[derive(Debug, Deserialize)]
struct Leg {
    leg: LegId,
    sip_call_id: String,
    party: Party,
    a: Number,
    b: Number,
    began: Wall,
    rang: Option<Wall>,
    answered: Option<Wall>,
    ended: Wall,
    ring_ms: u64,
    talk_ms: u64,
    total_ms: u64,
    cause: Cause,
    by: EndedBy,
    quality: Option<Quality>,
    stages: Vec<Stage>,
    charges: Vec<Charge>,
}

impl Record {
    /// As it would be now: its legs have no tags.
    pub fn now(self) -> record::Record {
        record::Record {
            call: self.call,
            direction: self.direction,
            purpose: self.purpose,
            ani: self.ani,
            dnis: self.dnis,
            dnis_type: self.dnis_type,
            trunk: self.trunk,
            customer: self.customer,
            segment: self.segment,
            value_pm: self.value_pm,
            callback_asked: self.callback_asked,
            calling_back: self.calling_back,
            config_revision: self.config_revision,
            arrived: self.arrived,
            ended: self.ended,
            total_ms: self.total_ms,
            outcome: self.outcome,
            disposition: self.disposition,
            by: self.by,
            cause: self.cause,
            recovered: self.recovered,
            estimated: self.estimated,
            legs: self.legs.into_iter().map(Leg::now).collect(),
            stays: self.stays,
            offers: self.offers,
            wraps: self.wraps,
            costs: self.costs,
            left_out: self.left_out,
        }
    }
}

impl Leg {
    fn now(self) -> record::Leg {
        record::Leg {
            leg: self.leg,
            sip_call_id: self.sip_call_id,
            local_tag: String::new(),
            remote_tag: String::new(),
            party: self.party,
            a: self.a,
            b: self.b,
            began: self.began,
            rang: self.rang,
            answered: self.answered,
            ended: self.ended,
            ring_ms: self.ring_ms,
            talk_ms: self.talk_ms,
            total_ms: self.total_ms,
            cause: self.cause,
            by: self.by,
            quality: self.quality,
            stages: self.stages,
            charges: self.charges,
        }
    }
}
