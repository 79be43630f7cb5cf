//! The shape of a line: one struct for the input of every operation, so that a line is read once whatever order its keys have.

use serde::Deserialize;
use serde_json::value::RawValue;
use turno_base::Wall;

use super::Refused;
use crate::amount::Rounding;
use crate::civil::{date, instant};
use crate::decimal::{Decimal, Ratio};
use crate::json::Scalar;
use crate::prefix::Key;
use crate::rating::Call;

#[derive(Deserialize)]
pub(super) struct Line<'a> {
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
    pub(super) op: Option<Scalar<'a>>,
    pub(super) input: Option<Input<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Input<'a> {
    pub(super) tariff: Option<usize>,
    #[serde(borrow)]
    pub(super) call: Option<JsonCall<'a>>,
    pub(super) party: Option<Scalar<'a>>,
    pub(super) budget: Option<Scalar<'a>>,
    pub(super) cap_ms: Option<Scalar<'a>>,
    pub(super) cuts_ms: Option<Vec<Scalar<'a>>>,
    pub(super) increment_ms: Option<Scalar<'a>>,
    pub(super) increment_cost: Option<Scalar<'a>>,
    pub(super) answers_ms: Option<Vec<Scalar<'a>>>,
    pub(super) total: Option<Scalar<'a>>,
    pub(super) weights: Option<Vec<Scalar<'a>>>,
    pub(super) scale: Option<Scalar<'a>>,
    pub(super) routes: Option<Vec<Route<'a>>>,
    pub(super) expected_ms: Option<Scalar<'a>>,
    pub(super) events: Option<Vec<LedgerEvent<'a>>>,
    pub(super) nets: Option<Vec<Option<Scalar<'a>>>>,
    pub(super) tax: Option<Scalar<'a>>,
    pub(super) rounding: Option<Scalar<'a>>,
    pub(super) fx: Option<&'a RawValue>,
    pub(super) per_hour: Option<Scalar<'a>>,
    pub(super) ms: Option<Scalar<'a>>,
    pub(super) legs: Option<Vec<SumLeg<'a>>>,
    pub(super) agent: Option<AgentTime<'a>>,
    pub(super) raw: Option<Scalar<'a>>,
    pub(super) country: Option<Scalar<'a>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct JsonCall<'a> {
    #[serde(borrow)]
    pub(super) a: Option<Scalar<'a>>,
    pub(super) b: Option<Scalar<'a>>,
    pub(super) answer: Option<Scalar<'a>>,
    pub(super) end: Option<Scalar<'a>>,
    pub(super) duration_ms: Option<Scalar<'a>>,
    pub(super) answered: Option<Scalar<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Route<'a> {
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) prio: Option<Scalar<'a>>,
    pub(super) tariff: Option<usize>,
    pub(super) fx: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct LedgerEvent<'a> {
    #[serde(borrow)]
    pub(super) key: Option<Scalar<'a>>,
    pub(super) party: Option<Scalar<'a>>,
    pub(super) net: Option<Scalar<'a>>,
    pub(super) revision: Option<Scalar<'a>>,
}

#[derive(Deserialize)]
pub(super) struct SumLeg<'a> {
    pub(super) tariff: Option<usize>,
    #[serde(borrow)]
    pub(super) call: Option<JsonCall<'a>>,
    pub(super) party: Option<Scalar<'a>>,
}

#[derive(Deserialize)]
pub(super) struct AgentTime<'a> {
    #[serde(borrow)]
    pub(super) per_hour: Option<Scalar<'a>>,
    pub(super) ms: Option<Scalar<'a>>,
}

impl JsonCall<'_> {
    /// The call; one without an answer was not answered. `duration` none: it has an end or a duration.
    pub(super) fn call(&self, duration_ms: Option<u64>) -> Result<Call, Refused> {
        let answer = match &self.answer {
            None => None,
            Some(text) => Some(at(text).ok_or(Refused::Bad("answer"))?),
        };
        let said = self.answered.as_ref().map_or(Some(true), Scalar::flag).ok_or(Refused::Bad("answered"))?;
        let answered = said && answer.is_some();
        let lasted = match (duration_ms, &self.duration_ms) {
            (Some(ms), _) => Some(ms),
            (None, Some(text)) => Some(ms(text, "duration_ms")?),
            (None, None) => self.elapsed_ms(answer)?,
        };
        let duration_ms = match lasted {
            None if answered => return Err(Refused::Missing("end")),
            None => 0,
            Some(ms) => ms,
        };
        let number = |text: &Option<Scalar<'_>>| text.as_ref().map_or(Key::EMPTY, |text| key(&text.0));
        Ok(Call { a: number(&self.a), b: number(&self.b), answer: Wall(answer.unwrap_or(0)), duration_ms, answered })
    }

    /// How long it lasted, where it says so.
    pub(super) fn lasted_ms(&self) -> Result<Option<u64>, Refused> {
        match (&self.duration_ms, &self.answer) {
            (Some(text), _) => ms(text, "duration_ms").map(Some),
            (None, answer) => self.elapsed_ms(answer.as_ref().and_then(at)),
        }
    }

    /// Answer to end, whole ms; an end before the answer is no time.
    fn elapsed_ms(&self, answer_us: Option<i64>) -> Result<Option<u64>, Refused> {
        let Some(end) = &self.end else { return Ok(None) };
        let end_us = at(end).ok_or(Refused::Bad("end"))?;
        Ok(answer_us.map(|answer_us| end_us.saturating_sub(answer_us).max(0).unsigned_abs() / 1000))
    }
}

/// An instant as text, or as ms since 1970.
fn at(text: &Scalar<'_>) -> Option<i64> {
    instant(&text.0).or_else(|| text.whole()?.checked_mul(1000))
}

/// Digits as a key, cut at fifteen: no prefix is longer. What is no number is hidden (S2).
fn key(text: &str) -> Key {
    let digits = text.trim();
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    if let Some(key) = Key::new(digits) {
        return key;
    }
    let bare: String = digits.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
    if !bare.bytes().all(|b| b.is_ascii_digit()) {
        return Key::EMPTY;
    }
    Key::new(bare.get(..bare.len().min(15)).unwrap_or("")).unwrap_or(Key::EMPTY)
}

/// A whole number of ms, 0 or more; below 0 is 0.
pub(super) fn ms(text: &Scalar<'_>, part: &'static str) -> Result<u64, Refused> {
    text.whole().map(|ms| ms.max(0).unsigned_abs()).ok_or(Refused::Bad(part))
}

pub(super) fn decimal(text: Option<&Scalar<'_>>, part: &'static str) -> Result<Decimal, Refused> {
    text.ok_or(Refused::Missing(part))?.decimal().ok_or(Refused::Bad(part))
}

pub(super) fn ratio(text: Option<&Scalar<'_>>, part: &'static str) -> Result<Ratio, Refused> {
    decimal(text, part)?.ratio().ok_or(Refused::OutOfBounds)
}

impl Input<'_> {
    /// Decimals of the result, 0..=18.
    pub(super) fn scale(&self, absent: u8) -> Result<u8, Refused> {
        let Some(text) = &self.scale else { return Ok(absent) };
        let scale = text.whole().and_then(|scale| u8::try_from(scale).ok());
        scale.filter(|scale| *scale <= 18).ok_or(Refused::Bad("scale"))
    }

    pub(super) fn rounding(&self) -> Result<Rounding, Refused> {
        self.rounding
            .as_ref()
            .map_or(Some(Rounding::default()), |text| Rounding::new(&text.0))
            .ok_or(Refused::Bad("rounding"))
    }
}

#[derive(Deserialize)]
struct Dated<'a> {
    #[serde(borrow, alias = "date")]
    from: Scalar<'a>,
    rate: Scalar<'a>,
}

/// A currency's rate on a date (days since 1970): one number, a list of `{from, rate}`, or an object of rates by date.
pub(super) fn exchange(raw: &RawValue, day: i32) -> Result<Ratio, Refused> {
    const BAD: Refused = Refused::Bad("fx");
    let raw = raw.get();
    let of = |text: &Scalar<'_>| text.decimal().and_then(Decimal::ratio).ok_or(BAD);
    let mut latest: Option<(i32, Ratio)> = None;
    let mut note = |from: &str, rate: &Scalar<'_>| {
        let from = date(from).ok_or(BAD)?;
        if from <= day && latest.is_none_or(|(at, _)| at <= from) {
            latest = Some((from, of(rate)?));
        }
        Ok(())
    };
    match raw.as_bytes().first() {
        Some(b'[') => {
            let list: Vec<Dated<'_>> = serde_json::from_str(raw).map_err(|_| BAD)?;
            list.iter().try_for_each(|dated| note(&dated.from.0, &dated.rate))?;
        }
        Some(b'{') => {
            let list: std::collections::BTreeMap<String, Scalar<'_>> = serde_json::from_str(raw).map_err(|_| BAD)?;
            list.iter().try_for_each(|(from, rate)| note(from, rate))?;
        }
        Some(_) | None => return of(&serde_json::from_str(raw).map_err(|_| BAD)?),
    }
    latest.map(|(_, rate)| rate).ok_or(BAD)
}
