//! A decision's record: what spoke for the pair that was chosen, who would have been next, and whom a rule kept apart.

use serde::{Deserialize, Serialize};
use turno_base::{AgentId, ItemId, Mono, SkillId};

use crate::matching::Strategy;

/// Why this pair: the decision's record, for people and for replay. Integers only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The reservation's epoch: decisions in order.
    pub seq: u64,
    /// When.
    pub at: Mono,
    /// What made the matcher look.
    pub trigger: Trigger,
    /// How the queue chooses; the agent's terms below are those of [`Strategy::Value`], and told for all.
    pub strategy: Strategy,
    /// The agent's rank in the queue.
    pub rank: u8,
    /// The item's score for this agent.
    pub item: ItemTerms,
    /// What spoke for the agent.
    pub agent: AgentTerms,
    /// Who would have been next, by that rule.
    pub runner_up: Option<RunnerUp>,
    /// How many other agents could have taken it.
    pub agents_eligible: u32,
    /// How many other items the agent could have taken.
    pub items_eligible: u32,
    /// Pairs that a rule kept apart, the first few ([`crate::limits::BLOCKED_MAX`]).
    pub blocked: Vec<Blocked>,
    /// Version of the tables ([`crate::Acd::tables`]).
    pub tables: u64,
    /// How many configurations there had been.
    pub config: u64,
    /// The revision of the configuration that decided it ([`crate::AcdConfig::revision`]).
    pub revision: u64,
}

/// The parts of a score `W x M x K x g`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemTerms {
    /// How long it had waited, credits included, ms.
    pub waited_ms: u64,
    /// Past its guard: ahead of all scores.
    pub is_guarded: bool,
    /// W, by the segment's value, micro-units.
    pub weight_micro: u64,
    /// M, by how long agents of this level take, per mille.
    pub handle_pm: u64,
    /// K, by how scarce its skills are, per mille.
    pub pressure_pm: u64,
    /// g, by its wait against the segment's target, micro-units.
    pub urgency_micro: u64,
    /// The product, micro-units.
    pub score: i64,
}

/// The parts of an agent's points `fit - opportunity + idle + bonus`, ms of idle time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentTerms {
    /// His level, times the root of the customer's value.
    pub fit_ms: i64,
    /// What he is worth to others with the skills that this item does not need.
    pub opportunity_ms: i64,
    /// How long he was idle, less what his occupancy takes off; it counts up to a limit.
    pub idle_ms: u64,
    /// For the customer's own agent.
    pub bonus_ms: i64,
    /// The sum.
    pub points_ms: i64,
}

/// Who would have been chosen next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunnerUp {
    /// An agent came free: another item.
    Item {
        /// Which.
        item: ItemId,
        /// Its score.
        terms: ItemTerms,
    },
    /// An item came: another agent.
    Agent {
        /// Who.
        agent: AgentId,
        /// What spoke for him.
        terms: AgentTerms,
    },
}

/// A pair that suits and that a rule keeps apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// The item.
    pub item: ItemId,
    /// The agent.
    pub agent: AgentId,
    /// Which rule.
    pub by: Bar,
}

/// What keeps a pair apart that would suit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Bar {
    /// He has just let it ring, declined it or could not be reached.
    Apart {
        /// Until then, or until another agent was tried.
        until: Mono,
    },
    /// He is kept in reserve for callers who need this skill more.
    Reserve(SkillId),
}

/// What made the matcher look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trigger {
    /// An item arrived or came back.
    Item,
    /// An agent became free.
    Agent,
    /// A back-off, ring or wait passed.
    Deadline,
}
