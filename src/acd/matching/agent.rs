//! Which agent takes an item: the one with most points, counted in µs of idle time; then the longest idle, then by name.
//!
//! `F = fit x sqrt(value) - opportunity + min(idle, counted) + bonus`: the least valuable elsewhere, then the best trained for
//! this value, then the longest idle; the customer's own agent before them. Agents of one profile differ in idle time
//! and bonus only, so the longest idle of a profile is its best agent but for the customer's own.

use std::cmp::Reverse;
use std::time::Duration;

use turno_base::{AgentId, Mono};

/// Orders agents for one item at one instant: the least takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Preference {
    points: Reverse<i64>,
    idle_since: Mono,
    agent: AgentId,
}

impl Preference {
    /// µs of idle time.
    pub(crate) fn points(&self) -> i64 {
        self.points.0
    }
}

/// What speaks for an agent besides his idle time, µs of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Appeal {
    /// Fit, times the root of the item's value.
    pub(crate) fit: i64,
    /// What he is worth elsewhere.
    pub(crate) opportunity: i64,
    /// The customer's own.
    pub(crate) bonus: i64,
}

/// Where an idle agent stands at `now`.
pub(crate) fn preference(
    appeal: Appeal,
    idle_since: Mono,
    agent: AgentId,
    now: Mono,
    idle_counted: Duration,
) -> Preference {
    let idle = now.since(idle_since).min(idle_counted);
    let idle = i64::try_from(idle.as_micros()).unwrap_or(i64::MAX);
    let points = appeal.fit.saturating_sub(appeal.opportunity).saturating_add(idle).saturating_add(appeal.bonus);
    Preference { points: Reverse(points), idle_since, agent }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fit_opportunity_idle_time_and_bonus_add_up() {
        let now = Mono::from_ms(1_000_000);
        // fit, opportunity and bonus s, idle s and name of the one who is preferred, then of the other
        for ((a, idle_a, name_a), (b, idle_b, name_b)) in [
            ((0, 0, 0), 20, "z"),  // longest idle
            ((40, 0, 0), 1, "z"),  // one level is worth 40 s
            ((0, 0, 0), 50, "z"),  // and no more
            ((0, 0, 0), 900, "z"), // both past the cap: longest idle
            ((40, 0, 0), 0, "z"),
            ((0, 10, 0), 40, "z"),   // needed elsewhere, but idle for longer
            ((0, 0, 0), 5, "z"),     // less needed elsewhere
            ((0, 300, 600), 0, "z"), // his own agent
            ((0, 0, 0), 10, "a"),    // name
        ]
        .into_iter()
        .zip([
            ((0, 0, 0), 10, "a"),
            ((0, 0, 0), 30, "a"),
            ((40, 0, 0), 1, "a"),
            ((0, 0, 0), 700, "a"),
            ((0, 0, 0), 10, "a"),
            ((0, 0, 0), 20, "a"),
            ((0, 300, 0), 200, "a"),
            ((120, 0, 0), 100, "a"),
            ((0, 0, 0), 10, "b"),
        ]) {
            let of = |(fit, opportunity, bonus): (i64, i64, i64), idle_s: u64, name| {
                let micro = |s: i64| s * 1_000_000;
                let appeal = Appeal { fit: micro(fit), opportunity: micro(opportunity), bonus: micro(bonus) };
                let since = Mono::from_ms(1_000_000 - idle_s * 1000);
                preference(appeal, since, AgentId::new(name).unwrap(), now, Duration::from_secs(600))
            };
            assert!(of(a, idle_a, name_a) < of(b, idle_b, name_b), "{a:?} {b:?}");
        }
    }
}
