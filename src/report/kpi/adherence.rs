//! Adherence to a schedule: how much of the time that an agent was to be at work he was, and how much he was otherwise.

use std::ops::Range;

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

/// From, up to, µs.
type Span = (i64, i64);

fn overlap_us(one: Span, other: Span) -> i64 {
    (one.1.min(other.1) - one.0.max(other.0)).max(0)
}

/// The spans of a schedule without what lies in two of them.
fn spans(of: &[Due]) -> Vec<Span> {
    let mut sorted: Vec<Span> =
        of.iter().map(|due| (due.from.0, due.until.0)).filter(|(from, until)| from < until).collect();
    sorted.sort_unstable();
    let mut spans: Vec<Span> = Vec::new();
    for (from, until) in sorted {
        match spans.last_mut().filter(|last| from <= last.1) {
            Some(last) => last.1 = last.1.max(until),
            None => spans.push((from, until)),
        }
    }
    spans
}

/// Of one agent on one day: `due` is what he was scheduled for from that day on, also where it goes on after midnight; `planned` all
/// of his schedule that touches the day, and `periods` what he did in the day and in those spans.
pub fn adherence(day: Range<Wall>, due: &[Due], planned: &[Due], periods: &[Period]) -> Adherence {
    let (due, planned) = (spans(due), spans(planned));
    let (mut kept, mut available, mut beyond) = (0, 0, 0);
    for period in periods.iter().filter(|period| period.state != AgentState::LoggedOut) {
        let did = (period.from.0, period.from.0.saturating_add(i64::try_from(period.us).unwrap_or(i64::MAX)));
        let inside: i64 = due.iter().map(|span| overlap_us(*span, did)).sum();
        kept += inside;
        available += if matches!(period.state, AgentState::Paused(_)) { 0 } else { inside };
        let today = (did.0.max(day.start.0), did.1.min(day.end.0));
        // What lies in the schedule of the day before is that day's.
        let scheduled: i64 = planned.iter().map(|span| overlap_us(*span, today)).sum();
        beyond += (today.1 - today.0).max(0) - scheduled;
    }
    let due = due.iter().map(|(from, until)| until - from).sum();
    let secs = |us: i64| u64::try_from(us / 1_000_000).unwrap_or(0);
    Adherence { due_s: secs(due), kept_s: secs(kept), available_s: secs(available), beyond_s: secs(beyond) }
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
        let schedule = [due(540, 600), due(630, 660)];
        let got = adherence(
            at(0)..at(1440),
            &schedule,
            &schedule,
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
    #[test]
    fn a_night_shift_is_kept_after_midnight_too_and_is_nothing_beyond_the_next_day() {
        let agent = AgentId::new("anna").unwrap();
        let at = |minutes: i64| Wall::from_secs(minutes * 60);
        let due = |from, until| Due { agent, from: at(from), until: at(until) };
        let did = |from, minutes: u64, state| Period { agent, from: at(from), us: minutes * 60_000_000, state };
        // From 22:00 to 6:00, said twice for an hour of it; he works on to 6:30 and changes state each half hour.
        let schedule = [due(1320, 1500), due(1440, 1800)];
        let periods: Vec<Period> = (44..61).map(|n| did(n * 30, 30, AgentState::Talking)).collect();
        let minutes = |m: u64| m * 60;
        let first = adherence(at(0)..at(1440), &schedule, &schedule, &periods);
        assert_eq!(
            first,
            Adherence { due_s: minutes(480), kept_s: minutes(480), available_s: minutes(480), beyond_s: 0 }
        );
        let second = adherence(at(1440)..at(2880), &[], &schedule, &periods);
        assert_eq!(second, Adherence { beyond_s: minutes(30), ..Adherence::default() });
    }
}
