//! Adherence to a schedule: how much of the time that an agent was to be at work he was, and how much he was otherwise.

use serde::{Deserialize, Serialize};
use turno_base::fact::AgentState;
use turno_base::{AgentId, Wall};

use super::fold::Period;

/// An agent is to be at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Due {
    /// Who.
    pub agent: AgentId,
    /// From.
    pub from: Wall,
    /// Up to.
    pub until: Wall,
}

/// How well he kept it, s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adherence {
    /// To be at work.
    pub due_s: u64,
    /// Of it, logged in.
    pub kept_s: u64,
    /// Of it, at calls or free for them.
    pub available_s: u64,
    /// Logged in outside the schedule.
    pub beyond_s: u64,
}

impl Adherence {
    /// Logged in of the time due.
    pub fn share(&self) -> (u64, u64) {
        (self.kept_s, self.due_s)
    }
}

fn overlap_us(from: i64, until: i64, period: &Period) -> i64 {
    let ends = period.from.0.saturating_add(i64::try_from(period.us).unwrap_or(i64::MAX));
    (until.min(ends) - from.max(period.from.0)).max(0)
}

/// Of one agent: his schedule, whose spans do not overlap, and what he did.
pub fn adherence(schedule: &[Due], periods: &[Period]) -> Adherence {
    let (mut due, mut kept, mut available, mut logged_in) = (0, 0, 0, 0);
    for span in schedule {
        due += (span.until.0 - span.from.0).max(0);
    }
    for period in periods.iter().filter(|period| period.state != AgentState::LoggedOut) {
        logged_in += i64::try_from(period.us).unwrap_or(i64::MAX);
        let inside: i64 = schedule.iter().map(|span| overlap_us(span.from.0, span.until.0, period)).sum();
        kept += inside;
        available += if matches!(period.state, AgentState::Paused(_)) { 0 } else { inside };
    }
    let secs = |us: i64| u64::try_from(us / 1_000_000).unwrap_or(0);
    Adherence { due_s: secs(due), kept_s: secs(kept), available_s: secs(available), beyond_s: secs(logged_in - kept) }
}

#[cfg(test)]
mod tests {
    use turno_base::Name;

    use super::*;

    #[test]
    fn late_early_and_paused_time_is_told_apart() {
        let agent = AgentId::new("anna").unwrap();
        let at = |minutes: i64| Wall::from_secs(minutes * 60);
        let due = |from, until| Due { agent, from: at(from), until: at(until) };
        let did = |from, minutes: u64, state| Period { agent, from: at(from), us: minutes * 60_000_000, state };
        let lunch = AgentState::Paused(Name::new("lunch").unwrap());
        // To work 9:00 to 10:00 and 10:30 to 11:00; ten minutes late, five in a pause, five beyond, an hour early the next day.
        let got = adherence(
            &[due(540, 600), due(630, 660)],
            &[
                did(550, 20, AgentState::Ready),
                did(570, 5, lunch),
                did(575, 60, AgentState::Talking), // over the break
                did(635, 30, AgentState::Ready),
                did(665, 60, AgentState::LoggedOut),
            ],
        );
        let minutes = |m: u64| m * 60;
        assert_eq!(
            got,
            Adherence { due_s: minutes(90), kept_s: minutes(80), available_s: minutes(75), beyond_s: minutes(35) }
        );
    }
}
