//! Rating: what a leg costs one payer, by which rule, to the last decimal (spec/tariff.md, S5, S7, S8).

use serde::{Deserialize, Serialize};
use turno_base::{Money, Name, Wall};

use crate::amount::Exact;
use crate::deck::{Deck, DurationMode, Payer, Rate};
use crate::prefix::Key;

/// Longest call that is rated as it was; what is longer counts as this long (366 days). It keeps every sum inside 128 bits.
pub const CALL_MS_MAX: u64 = 366 * 86_400_000;

/// What rating needs to know of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Calling number; empty if hidden or unparseable.
    pub a: Key,
    /// Called number.
    pub b: Key,
    /// When it was answered.
    pub answer: Wall,
    /// Answer to end, ms, from the monotonic clock.
    pub duration_ms: u64,
    /// It was answered.
    pub answered: bool,
}

/// Whether there is an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// There is; it may be 0.
    Rated,
    /// Not answered, or no time passed.
    NotChargeable,
    /// No version or no rule; re-rating picks it up.
    Unrated,
}

impl Status {
    /// The word in records and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Rated => "rated",
            Status::NotChargeable => "not_chargeable",
            Status::Unrated => "unrated",
        }
    }
}

/// Increments of one slot, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Where the slot begins, ms after the answer.
    pub slot_at_ms: u64,
    /// How many.
    pub increments: u64,
}

/// What a leg costs one payer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rated {
    /// Whether there is an amount.
    pub status: Status,
    /// Without tax; none if unrated.
    pub net: Option<Money>,
    /// Tax on it.
    pub tax: Option<Money>,
    /// With tax.
    pub gross: Option<Money>,
    /// The price line.
    pub rate: Option<Name>,
    /// Date and revision of the version.
    pub version: Option<(Wall, u32)>,
    /// Time after increments, ms.
    pub billed_ms: u64,
    /// How the time was billed.
    pub breakdown: Vec<Run>,
}

/// What `call` costs `payer`. The deck's prices are without tax.
pub fn rate(deck: &Deck, call: &Call, payer: Payer) -> Rated {
    let raw_ms = call.duration_ms.min(CALL_MS_MAX);
    let chargeable = call.answered && raw_ms > 0;
    let Some(terms) = deck.terms else {
        return Rated::without_rule(if chargeable { Status::Unrated } else { Status::NotChargeable });
    };
    let store = |exact: Exact| exact.stored(terms.scale, terms.rounding, terms.currency);
    if !chargeable {
        let zero = store(Exact::default());
        return Rated { net: zero, tax: zero, gross: zero, ..Rated::without_rule(Status::NotChargeable) };
    }
    let found = deck.version(call.answer).and_then(|v| Some((v, v.rule(payer, call.a, call.b)?)));
    let Some((version, rule)) = found else { return Rated::without_rule(Status::Unrated) };
    let (total, billed_ms, breakdown) = walk(&rule.default, counted_ms(raw_ms, terms.duration));
    let least = rule.charge_min.map_or(total, |least| total.max(Exact::fee(least)));
    let exact = rule.charge_max.map_or(least, |most| least.min(Exact::fee(most)));
    let (Some(net), Some(gross)) =
        (store(exact), exact.stored_with(terms.tax, terms.scale, terms.rounding, terms.currency))
    else {
        return Rated::without_rule(Status::Unrated);
    };
    Rated {
        status: Status::Rated,
        net: Some(net),
        tax: Some(Money { units: gross.units - net.units, ..net }),
        gross: Some(gross),
        rate: Some(rule.id),
        version: Some((version.valid_from, version.revision)),
        billed_ms,
        breakdown,
    }
}

impl Rated {
    fn without_rule(status: Status) -> Rated {
        Rated {
            status,
            net: None,
            tax: None,
            gross: None,
            rate: None,
            version: None,
            billed_ms: 0,
            breakdown: Vec::new(),
        }
    }
}

fn counted_ms(raw_ms: u64, mode: DurationMode) -> u64 {
    match mode {
        DurationMode::Exact => raw_ms,
        DurationMode::Floor => raw_ms / 1000 * 1000,
        DurationMode::HalfUp => (raw_ms + 500) / 1000 * 1000,
    }
}

/// Setup and all increments that begin before `d_ms`: per slot one multiplication, however many increments (S5). Slots are
/// aligned (S10), so an increment never crosses into the next slot and each slot is entered exactly at its beginning.
fn walk(rate: &Rate, d_ms: u64) -> (Exact, u64, Vec<Run>) {
    let mut total = Exact::fee(rate.setup);
    let mut billed_ms = 0;
    let mut runs = Vec::with_capacity(rate.slots.len());
    for (at, slot) in rate.slots.iter().enumerate() {
        if slot.at_ms >= d_ms {
            break;
        }
        let wanted = (d_ms - slot.at_ms).div_ceil(slot.inc_ms);
        let room = rate.slots.get(at + 1).map_or(u64::MAX, |next| (next.at_ms - slot.at_ms) / slot.inc_ms);
        let increments = wanted.min(room);
        total.add_time(slot.price, slot.per_ms, increments * slot.inc_ms);
        billed_ms = slot.at_ms + increments * slot.inc_ms;
        runs.push(Run { slot_at_ms: slot.at_ms, increments });
    }
    (total, billed_ms, runs)
}

#[cfg(test)]
mod tests;
