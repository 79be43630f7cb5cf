//! The time walk in closed form: one step per stretch in which band and slot stay the same, however many increments it has
//! (docs/reference/rating.md, S5, S6).

use turno_base::Name;

use crate::amount::Exact;
use crate::deck::{BandPolicy, Slot};
use crate::rating::Ruled;

/// Increments of one slot of one band, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step<'d> {
    /// Place of the band in its rule; none: the default rate.
    pub(crate) band: Option<usize>,
    /// The band's name in records.
    pub(crate) name: Option<Name>,
    /// The band's name in its deck.
    pub(crate) label: &'d str,
    pub(crate) slot: &'d Slot,
    /// When the first of them begins, ms after the answer.
    pub(crate) from_ms: u64,
    /// At least 1.
    pub(crate) increments: u64,
}

/// Whether a walk goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Go {
    On,
    Stop,
}

impl Step<'_> {
    /// What they cost together.
    pub(crate) fn cost(&self) -> Exact {
        Exact::time(self.slot.price, self.slot.per_ms, self.slot.inc_ms * self.increments)
    }

    /// What one costs.
    pub(crate) fn cost_of_one(&self) -> Exact {
        Exact::time(self.slot.price, self.slot.per_ms, self.slot.inc_ms)
    }
}

impl<'d> Ruled<'d> {
    /// The fee of the rate in force at the answer.
    pub(crate) fn setup(&self) -> Exact {
        Exact::fee(self.rule.rate_of(self.first.0).setup)
    }

    /// The band in force so long after the answer, and until which ms after the answer that is sure.
    pub(crate) fn band_at(&self, e_ms: u64) -> (Option<usize>, u64) {
        let answer_us = self.answer.0;
        let at_us = match self.terms.policy {
            // A call lasts a year at most, so it fits.
            BandPolicy::Split => answer_us.saturating_add(e_ms as i64 * 1000),
            BandPolicy::Start => answer_us,
        };
        let (band, until_us) = self.rule.band_at(&self.terms.zone, &self.terms.holidays, at_us);
        let until_ms = match (self.terms.policy, until_us) {
            (BandPolicy::Start, _) | (BandPolicy::Split, i64::MAX) => u64::MAX,
            // Increments begin on whole ms, so the first that may see another band begins at or after the change.
            (BandPolicy::Split, until_us) => until_us.saturating_sub(answer_us).max(0).unsigned_abs().div_ceil(1000),
        };
        (band, until_ms)
    }

    /// Walks over all increments that begin before `d_ms`, or until `each` stops it; the end of the last one. Steps that follow
    /// one another differ in band or slot.
    pub(crate) fn walk(&self, d_ms: u64, mut each: impl FnMut(&Step<'d>) -> Go) -> u64 {
        let mut e_ms = 0;
        let mut held: Option<Step<'d>> = None;
        while e_ms < d_ms {
            let (band, sure_ms) = if e_ms == 0 { self.first } else { self.band_at(e_ms) };
            let sure_ms = sure_ms.max(e_ms + 1).min(d_ms);
            let rate = self.rule.rate_of(band);
            let mut after = rate.slots.partition_point(|slot| slot.at_ms <= e_ms);
            while e_ms < sure_ms {
                let Some(slot) = after.checked_sub(1).and_then(|at| rate.slots.get(at)) else { return e_ms };
                let stop_ms = rate.slots.get(after).map_or(sure_ms, |next| next.at_ms.min(sure_ms));
                let increments = (stop_ms - e_ms).div_ceil(slot.inc_ms);
                match &mut held {
                    Some(step) if step.band == band && step.slot.at_ms == slot.at_ms => step.increments += increments,
                    Some(_) | None => {
                        let name = band.and_then(|at| self.rule.bands.get(at)).map(|band| band.name);
                        let label = self.rule.label_of(band);
                        let next = Step { band, name, label, slot, from_ms: e_ms, increments };
                        if let Some(step) = held.replace(next)
                            && each(&step) == Go::Stop
                        {
                            return step.from_ms;
                        }
                    }
                }
                e_ms += increments * slot.inc_ms;
                // An increment may begin in one slot of a band and end behind several slots of another.
                after = rate.slots.partition_point(|slot| slot.at_ms <= e_ms);
            }
        }
        if let Some(step) = held {
            each(&step);
        }
        e_ms
    }
}
