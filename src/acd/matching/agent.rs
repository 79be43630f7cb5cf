//! Which agent takes an item: the largest sum of fit and idle time, then the longest idle, then by name.
//!
//! A level in a needed skill is worth [`crate::limits::FIT_PER_LEVEL`] of idle time, and idle time counts up to
//! [`crate::limits::IDLE_COUNTED_MAX`]: the better trained first, but the others are not forgotten. Agents of one profile fit
//! equally, so the longest idle of a profile is its best agent.

use std::cmp::Reverse;

use turno_base::{AgentId, Mono};

use crate::limits::IDLE_COUNTED_MAX;

/// Orders agents for one item at one instant: the least takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Preference {
    points: Reverse<i64>,
    idle_since: Mono,
    agent: AgentId,
}

/// Where an idle agent of this fit (µs of idle time) stands at `now`.
pub(crate) fn preference(fit: i64, idle_since: Mono, agent: AgentId, now: Mono) -> Preference {
    let idle = now.since(idle_since).min(IDLE_COUNTED_MAX);
    let idle = i64::try_from(idle.as_micros()).unwrap_or(i64::MAX);
    Preference { points: Reverse(fit.saturating_add(idle)), idle_since, agent }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fit_and_idle_time_add_up() {
        let now = Mono::from_ms(1_000_000);
        // fit s, idle s and name of the one who is preferred, then of the other
        for ((fit_a, idle_a, a), (fit_b, idle_b, b)) in [
            ((0, 20, "z"), (0, 10, "a")),   // longest idle
            ((40, 1, "z"), (0, 30, "a")),   // one level is worth 40 s
            ((0, 50, "z"), (40, 1, "a")),   // and no more
            ((0, 900, "z"), (0, 700, "a")), // both past the cap: longest idle
            ((40, 0, "z"), (0, 10, "a")),
            ((0, 10, "a"), (0, 10, "b")), // name
        ] {
            let of = |fit: i64, idle_s: u64, name| {
                let since = Mono::from_ms(1_000_000 - idle_s * 1000);
                preference(fit * 1_000_000, since, AgentId::new(name).unwrap(), now)
            };
            assert!(of(fit_a, idle_a, a) < of(fit_b, idle_b, b), "{a} {b}");
        }
    }
}
