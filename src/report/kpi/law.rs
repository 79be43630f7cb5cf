//! 95 in 180: which share of the calls a person answered within three minutes (Spain, Law 10/2025), by both clocks.

use super::tally::Tally;

/// Calls are to be answered by a person within, ms.
pub const LAW_WITHIN_MS: u64 = 180_000;
/// The share that is to be, per mille.
pub const LAW_PER_MILLE: u64 = 950;

/// What the law asks of a month or a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Law {
    /// Calls that entered a queue.
    pub calls: u64,
    /// Answered by a person within the limit of first entering a queue.
    pub from_queue: u64,
    /// Answered by a person within the limit of the first INVITE.
    pub from_arrival: u64,
}

impl Law {
    /// Whether the share is reached by the clock that begins at the queue; none without calls.
    pub fn is_kept_from_queue(&self) -> Option<bool> {
        self.reaches(self.from_queue)
    }

    /// Whether the share is reached by the clock that begins at the first INVITE; none without calls.
    pub fn is_kept_from_arrival(&self) -> Option<bool> {
        self.reaches(self.from_arrival)
    }

    /// Calls that would have had to be answered in time as well; zero if the share is reached.
    pub fn missing(&self, answered: u64) -> u64 {
        (self.calls * LAW_PER_MILLE).div_ceil(1000).saturating_sub(answered)
    }

    fn reaches(&self, answered: u64) -> Option<bool> {
        (self.calls > 0).then(|| answered * 1000 >= self.calls * LAW_PER_MILLE)
    }
}

/// Of a tally of queues.
pub fn law(of: &Tally) -> Law {
    let c = &of.counts;
    Law { calls: c.calls_queued, from_queue: c.law_from_queue, from_arrival: c.law_from_arrival }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ninety_five_of_a_hundred_is_enough_and_one_less_is_not() {
        let of = |calls, from_queue, from_arrival| Law { calls, from_queue, from_arrival };
        for (law, kept, missing) in [
            (of(100, 95, 94), (Some(true), Some(false)), (0, 1)),
            (of(101, 96, 95), (Some(true), Some(false)), (0, 1)), // 95.95 is not reached by 95
            (of(0, 0, 0), (None, None), (0, 0)),
        ] {
            assert_eq!((law.is_kept_from_queue(), law.is_kept_from_arrival()), kept, "{law:?}");
            assert_eq!((law.missing(law.from_queue), law.missing(law.from_arrival)), missing, "{law:?}");
        }
    }
}
