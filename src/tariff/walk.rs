//! The time walk in closed form: one step per stretch in which band and slot stay the same, however many increments it has
//! (docs/reference/rating.md, S5, S6).

use crate::amount::Exact;
use crate::band::Title;
use crate::deck::{Rule, Version};
use crate::rates::{Rate, Slot};
use crate::rating::Ruled;

/// Increments of one slot of one band, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step<'d> {
    version: &'d Version,
    rule: &'d Rule,
    /// Place of the band in its rule; none: the default rate.
    pub(crate) band: Option<u8>,
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

impl<'d> Step<'d> {
    /// What they cost together.
    pub(crate) fn cost(&self) -> Exact {
        Exact::time(self.slot.price, self.slot.per_ms, self.slot.inc_ms * self.increments)
    }

    /// What one costs.
    pub(crate) fn cost_of_one(&self) -> Exact {
        Exact::time(self.slot.price, self.slot.per_ms, self.slot.inc_ms)
    }

    /// What the band is called; none: the default rate.
    pub(crate) fn title(&self) -> Option<&'d Title> {
        self.version.title_of(self.rule, self.band)
    }

    /// The band as its deck writes it.
    pub(crate) fn label(&self) -> &'d str {
        self.title().map_or("default", |title| &title.label)
    }
}

impl<'d> Ruled<'d> {
    /// The fee of the rate in force at the answer.
    pub(crate) fn setup(&self) -> Exact {
        self.rate_of(self.first.band).map_or(Exact::default(), |rate| Exact::fee(rate.setup))
    }

    fn rate_of(&self, band: Option<u8>) -> Option<&'d Rate> {
        self.version.rate_of(self.rule, band)
    }

    /// Walks over all increments that begin before `d_ms`, or until `each` stops it; the end of the last one. Steps that follow
    /// one another differ in band or slot.
    pub(crate) fn walk(&self, d_ms: u64, mut each: impl FnMut(&Step<'d>) -> Go) -> u64 {
        let (mut e_ms, mut spot) = (0, self.first);
        let mut held: Option<Step<'d>> = None;
        while e_ms < d_ms {
            if e_ms >= spot.until_ms {
                spot = self.spot_after(spot, e_ms);
            }
            let slot = self.rate_of(spot.band).and_then(|rate| slot_at(&rate.slots, e_ms));
            let Some((slot, slot_ms)) = slot else { return e_ms };
            // Until then band and slot stay as they are.
            let stop_ms = slot_ms.min(spot.until_ms).min(d_ms);
            let increments = (stop_ms - e_ms).div_ceil(slot.inc_ms);
            match &mut held {
                Some(step) if step.band == spot.band && step.slot.at_ms == slot.at_ms => step.increments += increments,
                Some(_) | None => {
                    let next = Step {
                        version: self.version,
                        rule: self.rule,
                        band: spot.band,
                        slot,
                        from_ms: e_ms,
                        increments,
                    };
                    if let Some(step) = held.replace(next)
                        && each(&step) == Go::Stop
                    {
                        return step.from_ms;
                    }
                }
            }
            e_ms += increments * slot.inc_ms;
        }
        if let Some(step) = held {
            each(&step);
        }
        e_ms
    }
}

/// The slot in force so long after the answer, and where the next one begins, ms after the answer.
fn slot_at(slots: &[Slot], e_ms: u64) -> Option<(&Slot, u64)> {
    match slots.last() {
        // Where nearly all of a long call lies.
        Some(last) if last.at_ms <= e_ms => Some((last, u64::MAX)),
        Some(_) | None => {
            let after = slots.partition_point(|slot| slot.at_ms <= e_ms);
            let slot = slots.get(after.checked_sub(1)?)?;
            Some((slot, slots.get(after).map_or(u64::MAX, |next| next.at_ms)))
        }
    }
}
