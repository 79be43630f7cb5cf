//! A customer's own agent: who looks after him, or else who talked to him last (R17). He is preferred, and waited for a while
//! if he is logged in but not free.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::{AgentId, Mono};

use crate::acd::Acd;
use crate::agent::Doing;
use crate::boundary::Decision;
use crate::credits::{Credit, Credits};
use crate::item::Stands;
use crate::slab::{AgentIx, GroupIx, ItemIx};
use crate::timers::Due;
use crate::why::Trigger;

/// Who talked to whom last, the first to be forgotten first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastAgents {
    kept: BTreeMap<Box<str>, (AgentId, Mono)>,
    expiring: BTreeSet<(Mono, Box<str>)>,
}

impl LastAgents {
    /// Remembers until `until`. What has expired at `now` goes; at `most` the one nearest its end goes.
    pub(crate) fn keep(&mut self, caller: Box<str>, agent: AgentId, until: Mono, now: Mono, most: u32) {
        if let Some((_, ends)) = self.kept.remove(&caller) {
            self.expiring.remove(&(ends, caller.clone()));
        }
        while let Some((ends, _)) = self.expiring.first()
            && (*ends < now || self.kept.len() >= most as usize)
            && let Some((_, caller)) = self.expiring.pop_first()
        {
            self.kept.remove(&caller);
        }
        if most > 0 {
            self.expiring.insert((until, caller.clone()));
            self.kept.insert(caller, (agent, until));
        }
    }

    pub(crate) fn of(&self, caller: &str, now: Mono) -> Option<AgentId> {
        self.kept.get(caller).filter(|(_, until)| *until >= now).map(|(agent, _)| *agent)
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }
}

/// A customer's own agent and how long he is waited for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Own {
    pub(crate) agent: Option<AgentIx>,
    pub(crate) waits: Duration,
}

impl Acd {
    /// The agent whom an item prefers: its customer's owner if he is logged in, else who talked to him last. An owner who is
    /// not there makes it older.
    pub(crate) fn own_agent(
        &self,
        owner: Option<AgentId>,
        last: Option<AgentId>,
        caller: Option<&str>,
        credits: &mut Credits,
        now: Mono,
    ) -> Own {
        let rule = &self.config.rule;
        let there = |agent: AgentId| {
            let at = *self.agent_of.get(&agent)?;
            (self.agents[at].doing != Doing::LoggedOut).then_some(at)
        };
        if let Some(owner) = owner {
            match there(owner) {
                Some(agent) => return Own { agent: Some(agent), waits: rule.owner_waits },
                None => credits.add(Credit::OwnerAbsent, rule.owner_absent_credit),
            }
        }
        let last = caller.and_then(|caller| self.last_agents.of(caller, now)).or(last);
        Own { agent: last.and_then(there), waits: rule.last_agent_waits }
    }

    /// The item waits for its own agent alone, if he may take it at all. It stands nowhere, in the group of its plain need.
    pub(crate) fn wait_for_own(&mut self, item: ItemIx, waits: Duration, now: Mono) {
        let waiting = &self.items[item];
        let Some(agent) = waiting.own else { return };
        if waits.is_zero() || !self.may_take(agent, waiting.group) {
            return;
        }
        let until = now + waits;
        self.items[item].only_until = Some(until);
        self.timers.arm(until, Due::Owner(item));
    }

    /// His profile meets the group's needs.
    pub(crate) fn may_take(&self, agent: AgentIx, group: GroupIx) -> bool {
        let Some(agent) = self.agents.get(agent) else { return false };
        self.groups[group].profiles.binary_search_by_key(&agent.profile, |fit| fit.profile).is_ok()
    }

    /// It waits for nobody in particular from now on.
    pub(crate) fn forget_own_wait(&mut self, item: ItemIx) {
        if let Some(until) = self.items[item].only_until.take() {
            self.timers.disarm(until, Due::Owner(item));
        }
    }

    /// The wait for its own agent is over: anybody may have it. While he is being rung that comes when he does not answer.
    pub(crate) fn own_wait_ended(&mut self, item: ItemIx, now: Mono, out: &mut Vec<Decision>) {
        self.items[item].only_until = None;
        if self.items[item].stands == Stands::Free {
            self.step_out(item);
            self.seek_agent(item, Trigger::Deadline, now, out);
        } else {
            self.widen_ringing(item, now, out);
        }
    }

    /// The agent has gone: those who waited for him alone are for anybody, the first first.
    pub(crate) fn release_own(&mut self, agent: AgentIx, now: Mono, out: &mut Vec<Decision>) {
        let valid = self.agents[agent].own.groups.iter().filter(|listed| self.valid(listed).is_some()).map(|l| l.group);
        let mut items: Vec<_> =
            valid.flat_map(|group| self.groups[group].lines.iter().flat_map(|line| line.iter().copied())).collect();
        items.sort_unstable();
        for place in items {
            self.forget_own_wait(place.item);
            self.step_out(place.item);
            self.seek_agent(place.item, Trigger::Deadline, now, out);
        }
    }

    /// Remembers who talked to this caller.
    pub(crate) fn keep_last_agent(&mut self, item: ItemIx, agent: AgentId, now: Mono) {
        let kept = self.config.rule.last_agent_kept;
        if !kept.is_zero()
            && let Some(caller) = self.items[item].caller.clone()
        {
            self.last_agents.keep(caller, agent, now + kept, now, self.bounds.redials_max);
        }
    }
}
