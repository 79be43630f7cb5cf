//! Reserves: idle agents of a scarce skill who are kept for items that have waited half their target or are of the highest
//! value (R18, R19). Off unless configured; it is the one rule by which an agent is idle while somebody waits.

use serde::{Deserialize, Serialize};
use turno_base::{Mono, SkillId};

use crate::acd::Acd;
use crate::boundary::Decision;
use crate::item::Stands;
use crate::matching;
use crate::slab::{ItemIx, ProfileIx};
use crate::timers::Due;
use crate::why::Trigger;

/// One reserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reserve {
    pub(crate) skill: SkillId,
    /// So many idle agents are kept.
    pub(crate) keeps: u32,
    /// Idle agents who have the skill.
    pub(crate) ready: u32,
}

impl Acd {
    /// The skill for which idle agents of this profile are kept at present.
    pub(crate) fn reserved_for(&self, profile: ProfileIx) -> Option<SkillId> {
        let reserves = self.profiles[profile].reserves.iter();
        reserves.filter_map(|&at| self.reserves.get(at as usize)).find(|r| r.ready <= r.keeps).map(|r| r.skill)
    }

    /// Agents kept in reserve serve it too.
    pub(crate) fn passes_reserve(&self, item: ItemIx, now: Mono) -> bool {
        let waiting = &self.items[item];
        self.urgencies[usize::from(waiting.line)].passes_reserve(matching::waited_us(waiting.v, now.0))
    }

    /// An agent who has come or gone counts in his reserves.
    pub(crate) fn count_reserves(&mut self, profile: ProfileIx, is_ready: bool) {
        for &at in &self.profiles[profile].reserves {
            let Some(reserve) = self.reserves.get_mut(at as usize) else { continue };
            if is_ready {
                reserve.ready += 1;
                self.is_reserve_open |= reserve.ready == reserve.keeps + 1;
            } else {
                reserve.ready -= 1;
            }
        }
    }

    /// A reserve has more idle agents than it keeps: they are asked again, the longest idle first.
    pub(crate) fn open_reserves(&mut self, now: Mono, out: &mut Vec<Decision>) {
        if !std::mem::take(&mut self.is_reserve_open) {
            return;
        }
        let profiles = self.profiles.iter().filter(|(_, profile)| !profile.reserves.is_empty());
        let mut ready: Vec<_> = profiles.flat_map(|(_, profile)| profile.ready.iter().copied()).collect();
        ready.sort_unstable();
        for (_, _, agent) in ready {
            self.seek_item(agent, Trigger::Agent, now, out);
        }
        // Whom they were rung for may have been the last to open one.
        self.is_reserve_open = false;
    }

    /// An item that waits in line will pass reserves at its instant.
    pub(crate) fn arm_reserve(&mut self, item: ItemIx) {
        if self.reserves.is_empty() {
            return;
        }
        let waiting = &self.items[item];
        let urgency = &self.urgencies[usize::from(waiting.line)];
        let at = Mono(urgency.passes_reserve_at(waiting.v));
        if !urgency.is_top {
            self.items[item].reserve_at = Some(at);
            self.timers.arm(at, Due::Reserve(item));
        }
    }

    /// It no longer waits in line.
    pub(crate) fn disarm_reserve(&mut self, item: ItemIx) {
        if let Some(at) = self.items[item].reserve_at.take() {
            self.timers.disarm(at, Due::Reserve(item));
        }
    }

    /// It passes reserves from now on.
    pub(crate) fn reserve_passed(&mut self, item: ItemIx, now: Mono, out: &mut Vec<Decision>) {
        self.items[item].reserve_at = None;
        if self.items[item].stands == Stands::Free {
            self.seek_agent(item, Trigger::Deadline, now, out);
        }
    }
}
