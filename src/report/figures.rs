//! Counts of one queue, segment or interval: they merge, so the figures of a day are the sum of its parts.

use serde::{Deserialize, Serialize};
use turno_base::fact::{OfferEnd, QueueLeft};

use crate::histogram::{Histogram, Scale};

/// What is counted (docs/figures.md). An entry belongs to where and when it entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Entries.
    pub entered: u64,
    /// A.
    pub answered: u64,
    /// A_T: answered within the threshold.
    pub answered_in_time: u64,
    /// B: left later than the short-abandon threshold.
    pub abandoned: u64,
    /// B_T: of those, within the threshold.
    pub abandoned_in_time: u64,
    /// S.
    pub short_abandoned: u64,
    /// F, by cause.
    pub overflowed: u64,
    /// F: the wait limit passed.
    pub timed_out: u64,
    /// F: nobody was there.
    pub empty: u64,
    /// F: the caller hung up and is called back.
    pub callback_taken: u64,
    /// F: taken out.
    pub withdrawn: u64,
    /// F: failures of ours.
    pub failed: u64,
    /// By a key that leads elsewhere.
    pub exit_key: u64,
    /// F_T: all of those within the threshold.
    pub flowed_in_time: u64,
    /// Offers to agents.
    pub offered: u64,
    /// Offers taken.
    pub accepted: u64,
    /// Offers not taken because of the agent: declined, rang out, busy.
    pub missed: u64,
    /// Offers that failed for another reason: unreachable, the caller left, another was faster.
    pub lost: u64,
    /// Waits of answered entries.
    pub wait_answered: Histogram,
    /// Waits of abandoned entries, short ones too.
    pub wait_abandoned: Histogram,
    /// Talk per conversation.
    pub talk: Histogram,
    /// Hold and consultation per conversation that had any.
    pub hold: Histogram,
    /// Wrap-up per conversation that had any.
    pub wrap_up: Histogram,
}

impl Default for Figures {
    fn default() -> Figures {
        let (wait, work) = (Histogram::new(Scale::Wait), Histogram::new(Scale::Work));
        Figures {
            entered: 0,
            answered: 0,
            answered_in_time: 0,
            abandoned: 0,
            abandoned_in_time: 0,
            short_abandoned: 0,
            overflowed: 0,
            timed_out: 0,
            empty: 0,
            callback_taken: 0,
            withdrawn: 0,
            failed: 0,
            exit_key: 0,
            flowed_in_time: 0,
            offered: 0,
            accepted: 0,
            missed: 0,
            lost: 0,
            wait_answered: wait.clone(),
            wait_abandoned: wait,
            talk: work.clone(),
            hold: work.clone(),
            wrap_up: work,
        }
    }
}

impl Figures {
    /// An entry ended.
    pub fn left(&mut self, how: QueueLeft, wait_ms: u64, threshold_ms: u64) {
        let in_time = u64::from(wait_ms <= threshold_ms);
        let flow = match how {
            QueueLeft::Answered(_) => {
                self.answered += 1;
                self.answered_in_time += in_time;
                self.wait_answered.add(wait_ms);
                return;
            }
            QueueLeft::Abandoned => {
                self.abandoned += 1;
                self.abandoned_in_time += in_time;
                self.wait_abandoned.add(wait_ms);
                return;
            }
            QueueLeft::ShortAbandoned => {
                self.short_abandoned += 1;
                self.wait_abandoned.add(wait_ms);
                return;
            }
            QueueLeft::Overflowed => &mut self.overflowed,
            QueueLeft::TimedOut => &mut self.timed_out,
            QueueLeft::Empty => &mut self.empty,
            QueueLeft::CallbackTaken => &mut self.callback_taken,
            QueueLeft::Withdrawn => &mut self.withdrawn,
            QueueLeft::Failed => &mut self.failed,
            QueueLeft::ExitKey => &mut self.exit_key,
        };
        *flow += 1;
        self.flowed_in_time += in_time;
    }

    /// An offer ended.
    pub fn offer_ended(&mut self, end: OfferEnd) {
        let count = match end {
            OfferEnd::Accepted => &mut self.accepted,
            OfferEnd::Declined | OfferEnd::RingNoAnswer | OfferEnd::Busy => &mut self.missed,
            OfferEnd::Unreachable | OfferEnd::CallerLeft | OfferEnd::LostRace => &mut self.lost,
        };
        *count += 1;
    }

    /// Entries that ended.
    pub fn ended(&self) -> u64 {
        self.answered + self.abandoned + self.short_abandoned + self.flowed()
    }

    /// F: entries that ended neither answered nor abandoned.
    pub fn flowed(&self) -> u64 {
        self.overflowed
            + self.timed_out
            + self.empty
            + self.callback_taken
            + self.withdrawn
            + self.failed
            + self.exit_key
    }

    /// `sl_std` as numerator and denominator: A_T of N − S. What still waits is not in N yet: it counts when it ends.
    pub fn service_level(&self) -> (u64, u64) {
        (self.answered_in_time, self.ended() - self.short_abandoned)
    }

    /// Abandonment as numerator and denominator: B of N − S.
    pub fn abandonment(&self) -> (u64, u64) {
        (self.abandoned, self.ended() - self.short_abandoned)
    }

    /// Mean of talk, hold and wrap-up per conversation, ms; none without one.
    pub fn handle_mean_ms(&self) -> Option<u64> {
        let count = self.talk.count();
        let sum = self.talk.sum_ms() + self.hold.sum_ms() + self.wrap_up.sum_ms();
        (count > 0).then(|| (sum + count / 2) / count)
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &Figures) {
        let Figures {
            entered,
            answered,
            answered_in_time,
            abandoned,
            abandoned_in_time,
            short_abandoned,
            overflowed,
            timed_out,
            empty,
            callback_taken,
            withdrawn,
            failed,
            exit_key,
            flowed_in_time,
            offered,
            accepted,
            missed,
            lost,
            wait_answered,
            wait_abandoned,
            talk,
            hold,
            wrap_up,
        } = other;
        for (sum, more) in [
            (&mut self.entered, entered),
            (&mut self.answered, answered),
            (&mut self.answered_in_time, answered_in_time),
            (&mut self.abandoned, abandoned),
            (&mut self.abandoned_in_time, abandoned_in_time),
            (&mut self.short_abandoned, short_abandoned),
            (&mut self.overflowed, overflowed),
            (&mut self.timed_out, timed_out),
            (&mut self.empty, empty),
            (&mut self.callback_taken, callback_taken),
            (&mut self.withdrawn, withdrawn),
            (&mut self.failed, failed),
            (&mut self.exit_key, exit_key),
            (&mut self.flowed_in_time, flowed_in_time),
            (&mut self.offered, offered),
            (&mut self.accepted, accepted),
            (&mut self.missed, missed),
            (&mut self.lost, lost),
        ] {
            *sum += more;
        }
        self.wait_answered.merge(wait_answered);
        self.wait_abandoned.merge(wait_abandoned);
        self.talk.merge(talk);
        self.hold.merge(hold);
        self.wrap_up.merge(wrap_up);
    }
}

/// `part` of `whole` in per mille, the middle up; none if there is no whole.
pub fn per_mille((part, whole): (u64, u64)) -> Option<u32> {
    let rounded = (u128::from(part) * 1000 + u128::from(whole / 2)).checked_div(u128::from(whole))?;
    u32::try_from(rounded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use turno_base::AgentId;

    fn any_end() -> impl Strategy<Value = (QueueLeft, u64)> {
        let anna = AgentId::new("anna").unwrap();
        let how = prop::sample::select(vec![
            QueueLeft::Answered(anna),
            QueueLeft::Abandoned,
            QueueLeft::ShortAbandoned,
            QueueLeft::Overflowed,
            QueueLeft::TimedOut,
            QueueLeft::Empty,
            QueueLeft::CallbackTaken,
            QueueLeft::Withdrawn,
            QueueLeft::Failed,
            QueueLeft::ExitKey,
        ]);
        (how, 0..3_000_000_u64)
    }

    fn of(ends: &[(QueueLeft, u64)]) -> Figures {
        let mut figures = Figures::default();
        for &(how, wait_ms) in ends {
            figures.entered += 1;
            figures.left(how, wait_ms, 20_000);
            figures.talk.add(wait_ms / 2);
            figures.offer_ended(OfferEnd::Declined);
        }
        figures
    }

    proptest! {
        #[test]
        fn merging_parts_is_counting_the_whole(
            ends in prop::collection::vec(any_end(), 0..80),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        ) {
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(ends.len() + 1)).collect();
            places.extend([0, ends.len()]);
            places.sort_unstable();
            let mut merged = Figures::default();
            for pair in places.windows(2) {
                merged.merge(&of(&ends[pair[0]..pair[1]]));
            }
            let whole = of(&ends);
            prop_assert_eq!(&merged, &whole);
            prop_assert_eq!(whole.ended(), whole.entered);
            let (part, all) = whole.service_level();
            prop_assert!(part <= all);
        }
    }

    #[test]
    fn the_worked_example() {
        let anna = AgentId::new("anna").unwrap();
        let mut figures = Figures::default();
        (0..70).for_each(|_| figures.left(QueueLeft::Answered(anna), 20_000, 20_000));
        (0..20).for_each(|_| figures.left(QueueLeft::Answered(anna), 20_001, 20_000));
        (0..10).for_each(|_| figures.left(QueueLeft::Abandoned, 9_000, 20_000));
        (0..7).for_each(|_| figures.left(QueueLeft::ShortAbandoned, 2_000, 20_000));
        assert_eq!(per_mille(figures.service_level()), Some(700));
        assert_eq!(per_mille(figures.abandonment()), Some(100));
        assert_eq!((figures.abandoned_in_time, figures.ended()), (10, 107));
        assert_eq!(per_mille((0, 0)), None);
    }
}
