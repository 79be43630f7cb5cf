//! What rating again needs of a record, read from the record's own bytes: texts and segments are passed over, not copied. A period has
//! millions of records, and most of a record is neither a price nor what decides one.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use turno_base::fact::{CallbackAsked, Party, Segment};
use turno_base::{
    CallId, Cause, E164, EndedBy, LegId, Money, Name, Number, Outcome, Quality, SegmentId, TrunkId, Wall,
};

use super::record::{CallingBack, Charge, Direction, Leg, Purpose, Record, Stay};
use crate::deck::Payer;
use crate::kind::NumberType;
use crate::rating::{Run, Status};

/// A record as far as rating again and the place of what it posts go. It is read from a serialised [`Record`] by a format that names no
/// fields, and leaves what comes after the stays unread.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Layout")]
pub struct Brief {
    /// Key.
    pub call: CallId,
    /// First INVITE.
    pub arrived: Wall,
    /// What was dialled, where it has a canonical form.
    pub dnis: Option<E164>,
    /// What kind of number that is, as of the call.
    pub dnis_type: Option<NumberType>,
    /// Segment as of the call.
    pub segment: Option<SegmentId>,
    /// The last stay in a queue.
    pub stay: Option<Stay>,
    /// In the order in which they began.
    pub(crate) legs: Vec<BriefLeg>,
}

/// A leg as far as that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BriefLeg {
    pub(crate) leg: LegId,
    pub(crate) party: Party,
    pub(crate) a: Shown,
    pub(crate) b: Shown,
    pub(crate) answered: Option<Wall>,
    pub(crate) talk_ms: u64,
    pub(crate) charges: Vec<BriefCharge>,
}

/// A number as far as that goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) e164: Option<E164>,
    pub(crate) withheld: bool,
}

/// What a leg was said to cost one payer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BriefCharge {
    pub(crate) payer: Payer,
    pub(crate) status: Status,
    pub(crate) net: Option<Money>,
}

impl From<&Record> for Brief {
    fn from(record: &Record) -> Brief {
        Brief {
            call: record.call,
            arrived: record.arrived,
            dnis: record.dnis.e164,
            dnis_type: record.dnis_type,
            segment: record.segment,
            stay: record.stays.last().copied(),
            legs: record.legs.iter().map(BriefLeg::from).collect(),
        }
    }
}

impl From<&Leg> for BriefLeg {
    fn from(leg: &Leg) -> BriefLeg {
        BriefLeg {
            leg: leg.leg,
            party: leg.party,
            a: Shown::from(&leg.a),
            b: Shown::from(&leg.b),
            answered: leg.answered,
            talk_ms: leg.talk_ms,
            charges: leg.charges.iter().map(BriefCharge::from).collect(),
        }
    }
}

impl From<&Number> for Shown {
    fn from(number: &Number) -> Shown {
        Shown { e164: number.e164, withheld: number.withheld }
    }
}

impl From<&Charge> for BriefCharge {
    fn from(charge: &Charge) -> BriefCharge {
        BriefCharge { payer: charge.payer, status: charge.rated.status, net: charge.rated.net }
    }
}

/// [`Record`] up to its stays, field by field in its order.
#[derive(Deserialize)]
struct Layout {
    call: CallId,
    _direction: Direction,
    _purpose: Purpose,
    _ani: NumberLayout,
    dnis: NumberLayout,
    dnis_type: Option<NumberType>,
    _trunk: Option<TrunkId>,
    _customer: Option<Text>,
    segment: Option<SegmentId>,
    _value_pm: Option<u32>,
    _callback_asked: Option<CallbackAsked>,
    _calling_back: Option<CallingBack>,
    _config_revision: u64,
    arrived: Wall,
    _ended: Wall,
    _total_ms: u64,
    _outcome: Outcome,
    _disposition: Option<Name>,
    _by: EndedBy,
    _cause: Option<Cause>,
    _recovered: bool,
    _estimated: bool,
    legs: Vec<LegLayout>,
    stays: Last<Stay>,
}

/// [`Leg`], field by field in its order.
#[derive(Deserialize)]
struct LegLayout {
    leg: LegId,
    _sip_call_id: Text,
    _local_tag: Text,
    _remote_tag: Text,
    party: Party,
    a: NumberLayout,
    b: NumberLayout,
    _began: Wall,
    _rang: Option<Wall>,
    answered: Option<Wall>,
    _ended: Wall,
    _ring_ms: u64,
    talk_ms: u64,
    _total_ms: u64,
    _cause: Cause,
    _by: EndedBy,
    _quality: Option<Quality>,
    _stages: Last<StageLayout>,
    charges: Vec<ChargeLayout>,
}

/// A stage, field by field in its order.
#[derive(Deserialize)]
struct StageLayout {
    _segment: Segment,
    _at: Wall,
    _ms: u64,
    _shares: Last<i64>,
}

/// A number, field by field in its order.
#[derive(Deserialize)]
struct NumberLayout {
    _raw: Text,
    e164: Option<E164>,
    withheld: bool,
}

/// A charge and what is in it, field by field in its order.
#[derive(Deserialize)]
struct ChargeLayout {
    payer: Payer,
    status: Status,
    net: Option<Money>,
    _tax: Option<Money>,
    _gross: Option<Money>,
    _rate: Option<Name>,
    _version: Option<(Wall, u32)>,
    _billed_ms: u64,
    _breakdown: Last<Run>,
}

impl From<Layout> for Brief {
    fn from(layout: Layout) -> Brief {
        Brief {
            call: layout.call,
            arrived: layout.arrived,
            dnis: layout.dnis.e164,
            dnis_type: layout.dnis_type,
            segment: layout.segment,
            stay: layout.stays.0,
            legs: layout.legs.into_iter().map(BriefLeg::from).collect(),
        }
    }
}

impl From<LegLayout> for BriefLeg {
    fn from(layout: LegLayout) -> BriefLeg {
        let shown = |number: NumberLayout| Shown { e164: number.e164, withheld: number.withheld };
        BriefLeg {
            leg: layout.leg,
            party: layout.party,
            a: shown(layout.a),
            b: shown(layout.b),
            answered: layout.answered,
            talk_ms: layout.talk_ms,
            charges: layout.charges.into_iter().map(BriefCharge::from).collect(),
        }
    }
}

impl From<ChargeLayout> for BriefCharge {
    fn from(ChargeLayout { payer, status, net, .. }: ChargeLayout) -> BriefCharge {
        BriefCharge { payer, status, net }
    }
}

/// A text that is passed over.
struct Text;

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Text, D::Error> {
        struct Passing;
        impl Visitor<'_> for Passing {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Text, E> {
                Ok(Text)
            }
        }
        from.deserialize_str(Passing)
    }
}

/// The last element of a list; those before it are passed over.
struct Last<T>(Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Last<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Last<T>, D::Error> {
        struct Passing<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Passing<T> {
            type Value = Last<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Last<T>, A::Error> {
                let mut last = None;
                while let Some(element) = list.next_element()? {
                    last = Some(element);
                }
                Ok(Last(last))
            }
        }
        from.deserialize_seq(Passing(PhantomData))
    }
}
