//! Doors of a queue (R26-R28): who may come in, who must go, and where to.
//!
//! A door refuses, in this order: when the queue is closing, in an emergency, outside its hours, when it is full, when nobody
//! is there, when the expected wait is too long, when its recent service level is too low. Each has its own target, and a
//! target that is a queue has its own door. The first three, and an empty queue if its rules say so, also send away who waits.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::fact::{AgentState, QueueLeft};
use turno_base::{Mono, Name, QueueId, Wall};

use crate::acd::Acd;
use crate::boundary::{Decision, Overflow};
use crate::calendar::Hours;
use crate::limits::REASON_UNREACHABLE;
use crate::queue::Queue;
use crate::refusal::Refusal;
use crate::slab::QueueIx;
use crate::timers::Due;

/// The recent service level is that of this long.
pub const LEVEL_OVER: Duration = Duration::from_secs(15 * 60);
/// With fewer answered and abandoned in that time there is no recent service level.
pub const LEVEL_AFTER: u32 = 10;
/// A wall clock that moves by more between two turns was set; by less it only keeps time.
const CLOCK_STEP_US: u64 = 1_000_000;
/// Parts that time is counted in.
const LEVEL_PARTS: usize = 5;

/// What an agent who is logged in may be doing, as doors see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// Free.
    Ready,
    /// Being rung.
    Ringing,
    /// In conversation, holding or consulting.
    InCall,
    /// After-call work.
    WrapUp,
    /// Not ready.
    Paused,
    /// His station cannot be reached.
    Unreachable,
    /// On a call that no queue gave him.
    PrivateCall,
}

impl Presence {
    /// All there are.
    pub const ALL: [Presence; 7] = [
        Presence::Ready,
        Presence::Ringing,
        Presence::InCall,
        Presence::WrapUp,
        Presence::Paused,
        Presence::Unreachable,
        Presence::PrivateCall,
    ];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Presence::Ready => "ready",
            Presence::Ringing => "ringing",
            Presence::InCall => "in-call",
            Presence::WrapUp => "wrap-up",
            Presence::Paused => "paused",
            Presence::Unreachable => "unreachable",
            Presence::PrivateCall => "private-call",
        }
    }

    /// None: not logged in.
    pub(crate) fn of(state: AgentState) -> Option<Presence> {
        Some(match state {
            AgentState::LoggedOut => return None,
            // A call interrupts a task.
            AgentState::Ready | AgentState::Task => Presence::Ready,
            AgentState::Offered | AgentState::Ringing => Presence::Ringing,
            AgentState::Talking | AgentState::Holding | AgentState::Consulting => Presence::InCall,
            AgentState::WrapUp => Presence::WrapUp,
            AgentState::Paused(reason) if reason.as_str() == REASON_UNREACHABLE => Presence::Unreachable,
            AgentState::Paused(_) => Presence::Paused,
            AgentState::Outbound => Presence::PrivateCall,
        })
    }
}

/// Presences that do not count as being there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignored {
    set: [bool; 7],
}

impl Ignored {
    /// These do not count.
    pub fn these(list: impl IntoIterator<Item = Presence>) -> Ignored {
        let mut ignored = Ignored::default();
        list.into_iter().for_each(|presence| ignored.set[presence as usize] = true);
        ignored
    }

    fn is_none(self) -> bool {
        self == Ignored::default()
    }
}

/// Doors of one queue, beyond its length, wait limit and what happens when it is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoorRules {
    /// At the door, agents in these presences do not count as being there.
    pub join_ignores: Ignored,
    /// While waiting, agents in these presences do not count as being there. Never `Ringing`: who is rung may answer.
    pub leave_ignores: Ignored,
    /// Nobody enters who is expected to wait longer; zero: no limit. Nothing happens while nobody is sure.
    pub expected_limit: Duration,
    /// Where those go.
    pub on_expected: Overflow,
    /// Nobody enters while the recent service level is lower, percent; 0: no limit.
    pub level_min_pct: u8,
    /// Where those go.
    pub on_level: Overflow,
    /// Open at its hours; none: always.
    pub calendar: Option<Name>,
    /// Who waits at closing time must go.
    pub leave_when_closed: bool,
    /// Where those go who come outside the hours, or must go.
    pub on_closed: Overflow,
    /// Where everybody goes in an emergency.
    pub on_emergency: Overflow,
}

/// Always open, to whoever finds room.
impl Default for DoorRules {
    fn default() -> DoorRules {
        DoorRules {
            join_ignores: Ignored::default(),
            leave_ignores: Ignored::default(),
            expected_limit: Duration::ZERO,
            on_expected: Overflow::HangUp,
            level_min_pct: 0,
            on_level: Overflow::HangUp,
            calendar: None,
            leave_when_closed: false,
            on_closed: Overflow::HangUp,
            on_emergency: Overflow::HangUp,
        }
    }
}

/// What doors must know of a queue's present.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Doors {
    /// Agents who serve it and are logged in, by presence.
    there: [u32; 7],
    recent: Recent,
    /// Somebody pressed the switch, for this queue or for all.
    pub(crate) is_emergency: bool,
    /// It has sent away who waited at closing time, and still does.
    is_shut: bool,
    /// When the hours are looked at next.
    hours_at: Option<Mono>,
}

/// The service level of the last [`LEVEL_OVER`]: in time, and all, by part of that time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Recent {
    parts: [(u32, u32); LEVEL_PARTS],
    /// Number of the newest part since the origin of time.
    newest: u64,
}

impl Recent {
    fn part_of(now: Mono) -> u64 {
        now.0 / (u64::try_from(LEVEL_OVER.as_micros()).unwrap_or(u64::MAX) / LEVEL_PARTS as u64)
    }

    fn add(&mut self, in_time: bool, now: Mono) {
        let part = Recent::part_of(now);
        for gone in (self.newest + 1..=part).take(LEVEL_PARTS) {
            self.parts[(gone % LEVEL_PARTS as u64) as usize] = (0, 0);
        }
        self.newest = part;
        let (good, all) = &mut self.parts[(part % LEVEL_PARTS as u64) as usize];
        *good += u32::from(in_time);
        *all += 1;
    }

    /// Percent, rounded down; none: too few.
    fn level_pct(&self, now: Mono) -> Option<u32> {
        let part = Recent::part_of(now);
        let fresh = (0..LEVEL_PARTS as u64).filter(|back| self.newest.checked_sub(*back).is_some());
        let fresh = fresh.map(|back| self.newest - back).filter(|at| at + LEVEL_PARTS as u64 > part);
        let sums = fresh.map(|at| self.parts[(at % LEVEL_PARTS as u64) as usize]);
        let (good, all) = sums.fold((0u32, 0u32), |(g, a), (good, all)| (g + good, a + all));
        (all >= LEVEL_AFTER).then(|| good * 100 / all)
    }
}

impl Doors {
    pub(crate) fn nobody_counts(&mut self) {
        self.there = [0; 7];
    }

    pub(crate) fn count(&mut self, before: Option<Presence>, after: Option<Presence>) {
        if let Some(before) = before {
            self.there[before as usize] = self.there[before as usize].saturating_sub(1);
        }
        if let Some(after) = after {
            self.there[after as usize] += 1;
        }
    }
}

impl Queue {
    fn is_nobody_there(&self, ignored: Ignored) -> bool {
        self.doors.there.iter().zip(ignored.set).all(|(there, ignored)| ignored || *there == 0)
    }

    /// Those who wait in it have nobody to wait for, or may not.
    pub(crate) fn keeps_nobody(&self) -> bool {
        self.is_closing
            || self.doors.is_emergency
            || self.doors.is_shut
            || self.rules.leave_when_empty && self.is_nobody_there(self.rules.doors.leave_ignores)
    }

    /// Where those go whom it does not keep.
    pub(crate) fn way_out(&self) -> &Overflow {
        if self.is_closing {
            &self.rules.on_empty
        } else if self.doors.is_emergency {
            &self.rules.doors.on_emergency
        } else if self.doors.is_shut {
            &self.rules.doors.on_closed
        } else {
            &self.rules.on_empty
        }
    }

    /// An item left: what that says about the service level.
    pub(crate) fn note_service(&mut self, how: QueueLeft, wait_ms: u64, now: Mono) {
        let in_time = u128::from(wait_ms) <= self.rules.service_level.as_millis();
        match how {
            QueueLeft::Answered(_) => self.doors.recent.add(in_time, now),
            QueueLeft::Abandoned => self.doors.recent.add(false, now),
            QueueLeft::ShortAbandoned
            | QueueLeft::Overflowed
            | QueueLeft::TimedOut
            | QueueLeft::Empty
            | QueueLeft::CallbackTaken
            | QueueLeft::ExitKey
            | QueueLeft::Withdrawn
            | QueueLeft::Failed => {}
        }
    }
}

impl Acd {
    /// Remembers how far the wall clock is ahead, for the calendars.
    pub(crate) fn see_wall(&mut self, now: turno_base::Now) {
        let ahead = now.wall.0.saturating_sub(i64::try_from(now.mono.0).unwrap_or(i64::MAX));
        let step = std::mem::replace(&mut self.wall_ahead, ahead).abs_diff(ahead);
        if step > CLOCK_STEP_US {
            self.time_skills(now.mono);
        }
    }

    /// The wall clock at `now`.
    pub(crate) fn wall(&self, now: Mono) -> Wall {
        Wall(i64::try_from(now.0).unwrap_or(i64::MAX).saturating_add(self.wall_ahead))
    }

    /// Where the door of a queue sends who comes; none: it lets him in.
    pub(crate) fn refused_at(&self, at: QueueIx, now: Mono) -> Option<&Overflow> {
        let queue = &self.queues[at];
        let (rules, doors) = (&queue.rules, &queue.rules.doors);
        let nobody = || {
            let ignored = doors.join_ignores;
            !rules.join_when_empty && queue.is_nobody_there(ignored)
        };
        let is_too_long = || {
            let expected = self.expected_wait_of_next(queue.id);
            !doors.expected_limit.is_zero() && expected.is_some_and(|wait| wait > doors.expected_limit)
        };
        let is_level_low = || {
            let level = queue.doors.recent.level_pct(now);
            doors.level_min_pct > 0 && level.is_some_and(|pct| pct < u32::from(doors.level_min_pct))
        };
        if queue.is_closing || queue.doors.is_emergency {
            Some(queue.way_out())
        } else if !self.is_open(queue, now) {
            Some(&doors.on_closed)
        } else if queue.waiting - queue.callbacks >= rules.length_max {
            Some(&rules.on_full)
        } else if nobody() || queue.keeps_nobody() {
            Some(&rules.on_empty)
        } else if is_too_long() {
            Some(&doors.on_expected)
        } else if is_level_low() {
            Some(&doors.on_level)
        } else {
            None
        }
    }

    /// A queue without a calendar, or with one that is no more, is always open.
    fn is_open(&self, queue: &Queue, now: Mono) -> bool {
        let calendar = queue.rules.doors.calendar.and_then(|name| self.config.calendars.get(&name));
        calendar.is_none_or(|calendar| calendar.is_open(self.wall(now)))
    }

    /// What a calendar says of an instant; none: there is no such calendar.
    pub fn hours(&self, calendar: Name, at: Wall) -> Option<Hours> {
        Some(self.config.calendars.get(&calendar)?.hours(at))
    }

    /// The agent's presence has changed: who waits where nobody is there any more may have to go.
    pub(crate) fn count_presence(&mut self, agent: crate::slab::AgentIx, was: AgentState, is: AgentState, now: Mono) {
        let (before, after) = (Presence::of(was), Presence::of(is));
        if before == after {
            return;
        }
        let profile = &self.profiles[self.agents[agent].profile];
        for &at in &profile.key.queues {
            let queue = &mut self.queues[at];
            queue.doors.count(before, after);
            // Who logs out is looked after by `send_away`, in the same turn.
            let may_empty = !queue.rules.doors.leave_ignores.is_none() && queue.waiting > 0;
            if may_empty && queue.drains_at.is_none() && queue.keeps_nobody() {
                queue.drains_at = Some(now);
                self.timers.arm(now, Due::Drain(at));
            }
        }
    }

    /// Looks at the hours of a queue, now and when they change next.
    pub(crate) fn look_at_hours(&mut self, at: QueueIx, now: Mono, out: &mut Vec<Decision>) {
        if let Some(armed) = self.queues[at].doors.hours_at.take() {
            self.timers.disarm(armed, Due::Hours(at));
        }
        let queue = &self.queues[at];
        let doors = &queue.rules.doors;
        let minds = doors.leave_when_closed && !queue.is_closing;
        let calendar = doors.calendar.filter(|_| minds).and_then(|name| self.config.calendars.get(&name));
        let next = calendar.and_then(|calendar| calendar.changes(self.wall(now)));
        // A clock that was set back may have brought the instant near: it is looked at again then.
        let next = next.map(|wall| u64::try_from(wall.0.saturating_sub(self.wall(now).0)).unwrap_or(0).max(1));
        let next = next.map(|us| now + Duration::from_micros(us));
        let is_shut = calendar.is_some() && !self.is_open(queue, now);
        let doors = &mut self.queues[at].doors;
        doors.is_shut = is_shut;
        doors.hours_at = next;
        if let Some(next) = next {
            self.timers.arm(next, Due::Hours(at));
        }
        if is_shut && self.queues[at].waiting > 0 {
            self.drain(at, now, out);
        }
    }

    /// The emergency switch of a queue, or of all: from now on everybody goes where its rules say, or no longer.
    pub(crate) fn emergency(
        &mut self,
        queue: Option<QueueId>,
        on: bool,
        now: Mono,
        out: &mut Vec<Decision>,
    ) -> Result<(), Refusal> {
        match queue {
            Some(id) if !self.config.queues.contains_key(&id) => return Err(Refusal::NoSuchQueue(id)),
            Some(id) if on => drop(self.emergencies.insert(id)),
            Some(id) => drop(self.emergencies.remove(&id)),
            None if on => self.is_emergency = true,
            None => {
                // All clear means all.
                self.is_emergency = false;
                self.emergencies.clear();
            }
        }
        out.push(Decision::Emergency { queue, on });
        self.set_emergencies();
        let emptied: Vec<QueueIx> =
            self.queues.iter().filter(|(_, q)| q.doors.is_emergency && q.waiting > 0).map(|(at, _)| at).collect();
        for at in emptied {
            self.drain(at, now, out);
        }
        Ok(())
    }

    pub(crate) fn set_emergencies(&mut self) {
        for (_, queue) in self.queues.iter_mut() {
            queue.doors.is_emergency = self.is_emergency || self.emergencies.contains(&queue.id);
        }
    }

    /// Share of the last quarter of an hour that was answered in time, percent; none: too few were.
    pub fn recent_level_pct(&self, queue: QueueId, now: Mono) -> Option<u32> {
        self.queues[*self.queue_of.get(&queue)?].doors.recent.level_pct(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recent_level_forgets() {
        let mut recent = Recent::default();
        let at = |s: u64| Mono::from_ms(s * 1000);
        for n in 0..9 {
            recent.add(n % 3 != 0, at(1000 + n));
        }
        assert_eq!(recent.level_pct(at(1010)), None, "too few");
        recent.add(true, at(1010));
        assert_eq!(recent.level_pct(at(1010)), Some(70));
        for n in 0..10 {
            recent.add(false, at(1400 + n));
        }
        assert_eq!(recent.level_pct(at(1410)), Some(35));
        assert_eq!(recent.level_pct(at(1900)), Some(0), "the first ten are older than a quarter of an hour");
        assert_eq!(recent.level_pct(at(2400)), None);
        recent.add(true, at(100_000));
        assert_eq!(recent.parts.iter().map(|(_, all)| all).sum::<u32>(), 1);
    }
}
