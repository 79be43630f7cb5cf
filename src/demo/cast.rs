//! The simulated agents: when they answer, how they talk, when they rest. Pure: what happened in, what to do out.

use turno_base::{LegId, Seeded};

/// Password of every demo account.
pub const PASSWORD: &str = "demo";
/// The account left free for whoever runs the demo.
pub const FREE: &str = "1004";

/// First and last account of the demo's phones.
pub const ACCOUNTS: std::ops::RangeInclusive<u32> = 1001..=1024;

/// What an agent does next with his phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Let it ring.
    Ring(LegId),
    /// Take the call.
    Answer(LegId),
    /// Press reject.
    Decline(LegId),
    /// Put the customer on hold.
    Hold(LegId),
    /// Take him back.
    Resume(LegId),
    /// Hang up.
    HangUp(LegId),
    /// Dial the shift code: log in.
    ToggleShift,
    /// Dial the pause code: pause if ready, ready if paused.
    TogglePause,
}

/// One agent's habits and what he has in mind.
#[derive(Debug)]
pub struct Agent {
    seeded: Seeded,
    todo: Vec<(u64, Act)>,
    calls_to_rest: u64,
    seated: bool,
}

impl Agent {
    /// An agent with habits drawn from `seed`.
    pub fn new(seed: u64) -> Agent {
        let mut seeded = Seeded::new(seed);
        let calls_to_rest = 3 + seeded.below(8);
        Agent { seeded, todo: Vec::new(), calls_to_rest, seated: false }
    }

    /// His phone is registered: the first time, he logs in.
    pub fn registered(&mut self, now_ms: u64) {
        if !self.seated {
            self.seated = true;
            self.todo.push((now_ms + self.seeded.below(1500), Act::ToggleShift));
        }
    }

    /// His phone rings: mostly he answers within four seconds; one call in 25 he lets ring, one in 40 he rejects. Callers
    /// hang up first; those that the stage cannot tell apart (`withheld`) he lets go after a while.
    pub fn called(&mut self, leg: LegId, withheld: bool, now_ms: u64) {
        self.todo.push((now_ms, Act::Ring(leg)));
        match self.seeded.below(200) {
            0..8 => {}
            8..13 => self.todo.push((now_ms + 2500, Act::Decline(leg))),
            _ => {
                let answer = now_ms + 800 + self.seeded.below(3200);
                self.todo.push((answer, Act::Answer(leg)));
                if self.seeded.below(6) == 0 {
                    let hold = answer + 6000 + self.seeded.below(4000);
                    self.todo.push((hold, Act::Hold(leg)));
                    self.todo.push((hold + 3000 + self.seeded.below(6000), Act::Resume(leg)));
                }
                let talk = if withheld { 15_000 } else { 60_000 };
                self.todo.push((answer + talk + self.seeded.below(30_000), Act::HangUp(leg)));
            }
        }
    }

    /// A leg is gone; after some calls he rests for a while.
    pub fn ended(&mut self, leg: LegId, now_ms: u64) {
        self.todo.retain(|(_, act)| act.leg() != Some(leg));
        self.calls_to_rest = self.calls_to_rest.saturating_sub(1);
        if self.calls_to_rest == 0 {
            self.calls_to_rest = 5 + self.seeded.below(10);
            let begins = now_ms + 500;
            self.todo.push((begins, Act::TogglePause));
            self.todo.push((begins + 20_000 + self.seeded.below(40_000), Act::TogglePause));
        }
    }

    /// What is due by `now_ms`, in order.
    pub fn due(&mut self, now_ms: u64) -> Vec<Act> {
        let mut due: Vec<(u64, Act)> = self.todo.extract_if(.., |(at, _)| *at <= now_ms).collect();
        due.sort_by_key(|(at, _)| *at);
        due.into_iter().map(|(_, act)| act).collect()
    }
}

impl Act {
    fn leg(self) -> Option<LegId> {
        match self {
            Act::Ring(leg)
            | Act::Answer(leg)
            | Act::Decline(leg)
            | Act::Hold(leg)
            | Act::Resume(leg)
            | Act::HangUp(leg) => Some(leg),
            Act::ToggleShift | Act::TogglePause => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_calls_are_answered_within_four_seconds_and_some_never() {
        let mut agent = Agent::new(7);
        let (mut answered, mut never) = (0, 0);
        for n in 0..1000 {
            let leg = LegId::arrived(n);
            agent.called(leg, false, 0);
            let acts = agent.due(4000);
            answered += usize::from(acts.contains(&Act::Answer(leg)));
            never += usize::from(agent.due(600_000).is_empty() && acts == [Act::Ring(leg)]);
            agent.todo.clear();
        }
        assert!(answered > 900 && (10..80).contains(&never), "{answered} answered, {never} never");
    }

    #[test]
    fn what_he_had_in_mind_for_a_call_goes_with_it() {
        let mut agent = Agent::new(1);
        agent.calls_to_rest = 100;
        agent.called(LegId::arrived(1), false, 0);
        agent.ended(LegId::arrived(1), 10);
        assert_eq!(agent.due(u64::MAX), []);
    }
}
