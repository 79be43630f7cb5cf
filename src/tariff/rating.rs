//! Rating: what a leg costs one payer, by which rule, to the last decimal (docs/reference/rating.md, S5, S7, S8).

use serde::{Deserialize, Serialize};
use turno_base::{Money, Name, Wall};

use crate::amount::{Exact, Taxed, money};
use crate::decimal::Ratio;
use crate::deck::{Deck, DurationMode, Payer, Rule, Terms, Version};
use crate::prefix::Key;
use crate::walk::{Go, Step};
use crate::week::Spot;

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

/// Increments of one slot of one band, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The band; none: the rule's default rate.
    pub band: Option<Name>,
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

/// A call with the rule that prices it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ruled<'d> {
    pub(crate) terms: &'d Terms,
    pub(crate) version: &'d Version,
    pub(crate) rule: &'d Rule,
    pub(crate) taxed: Taxed,
    pub(crate) answer: Wall,
    /// The band in force at the answer.
    pub(crate) first: Spot,
}

/// A priced call before anything is rounded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Priced<'d> {
    pub(crate) by: Ruled<'d>,
    /// After minimum and maximum; net or gross as the deck's prices are.
    pub(crate) amount: Exact,
    pub(crate) billed_ms: u64,
}

/// What pricing comes to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Quote<'d> {
    Unrated,
    NotChargeable,
    Priced(Priced<'d>),
}

/// The rule for a call answered then (S3, S4).
pub(crate) fn ruled<'d>(deck: &'d Deck, a: Key, b: Key, answer: Wall, payer: Payer) -> Option<Ruled<'d>> {
    let terms = deck.terms.as_ref()?;
    let version = deck.version(answer)?;
    let rule = version.rule(payer, a, b)?;
    let by = Ruled { terms, version, rule, taxed: terms.taxed(answer), answer, first: Spot::default() };
    Some(Ruled { first: by.spot_at(0), ..by })
}

/// Prices a call and hands each run of increments to `each`.
pub(crate) fn quote<'d>(deck: &'d Deck, call: &Call, payer: Payer, mut each: impl FnMut(&Step<'_>)) -> Quote<'d> {
    let raw_ms = call.duration_ms.min(CALL_MS_MAX);
    if !call.answered || raw_ms == 0 {
        return Quote::NotChargeable;
    }
    let Some(by) = ruled(deck, call.a, call.b, call.answer, payer) else { return Quote::Unrated };
    if raw_ms < by.rule.free_under_ms {
        return Quote::Priced(Priced { by, amount: Exact::default(), billed_ms: 0 });
    }
    let d_ms = counted_ms(raw_ms, by.terms.duration).max(by.rule.duration_min_ms);
    let mut total = by.setup();
    let billed_ms = by.walk(d_ms, |step| {
        total.add(step.cost());
        each(step);
        Go::On
    });
    Quote::Priced(Priced { by, amount: by.rule.clamped(total), billed_ms })
}

impl Priced<'_> {
    /// Net and gross units as stored, each rounded once; none if one does not fit 64 bits, which no call of a sane deck reaches.
    pub(crate) fn stored(&self) -> Option<(i64, i64)> {
        let Terms { scale, rounding, .. } = *self.by.terms;
        let taxed = self.by.taxed;
        Some((self.amount.net(taxed, scale, rounding)?, self.amount.gross(taxed, scale, rounding)?))
    }

    /// The net amount without rounding.
    pub(crate) fn net(&self) -> Option<Ratio> {
        self.amount.net_ratio(self.by.taxed)
    }
}

/// Room for the runs of a call of this length: day and night by turns, and its first slots.
fn runs_likely(duration_ms: u64) -> usize {
    const MOST: u64 = 64;
    (3 + duration_ms / (12 * 3_600_000)).min(MOST) as usize
}

/// What `call` costs `payer`.
pub fn rate(deck: &Deck, call: &Call, payer: Payer) -> Rated {
    let mut breakdown = Vec::with_capacity(runs_likely(call.duration_ms));
    let priced = match quote(deck, call, payer, |step| {
        let band = step.title().map(|title| title.name);
        breakdown.push(Run { band, slot_at_ms: step.slot.at_ms, increments: step.increments });
    }) {
        Quote::Unrated => return Rated::without_rule(Status::Unrated),
        Quote::NotChargeable => {
            let zero = deck.terms.as_ref().map(|terms| money(0, terms.scale, terms.currency));
            return Rated { net: zero, tax: zero, gross: zero, ..Rated::without_rule(Status::NotChargeable) };
        }
        Quote::Priced(priced) => priced,
    };
    let Some((net, gross)) = priced.stored() else { return Rated::without_rule(Status::Unrated) };
    let Ruled { terms, version, rule, .. } = priced.by;
    let amount = |units: i64| Some(money(units, terms.scale, terms.currency));
    Rated {
        status: Status::Rated,
        net: amount(net),
        tax: amount(gross.saturating_sub(net)),
        gross: amount(gross),
        rate: Some(rule.id),
        version: Some((version.valid_from, version.revision)),
        billed_ms: priced.billed_ms,
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

/// Elapsed time as the deck counts it (S7).
pub(crate) fn counted_ms(raw_ms: u64, mode: DurationMode) -> u64 {
    match mode {
        DurationMode::Exact => raw_ms,
        DurationMode::Floor => raw_ms / 1000 * 1000,
        DurationMode::HalfUp => (raw_ms + 500) / 1000 * 1000,
    }
}

#[cfg(test)]
mod tests;
