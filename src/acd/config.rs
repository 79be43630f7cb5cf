//! Queues, agents, skills, segments: what the operator configured. Data only.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::{AgentId, Name, Need, PromptId, QueueId, SegmentId, SkillId, StationId};

use crate::boundary::Overflow;
use crate::matching::Strategy;

/// Everything the ACD needs to know from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcdConfig {
    /// Queues.
    pub queues: BTreeMap<QueueId, QueueRules>,
    /// Agents.
    pub agents: BTreeMap<AgentId, AgentRules>,
    /// Segments.
    pub segments: BTreeMap<SegmentId, SegmentRules>,
    /// Not-ready reasons an agent may choose.
    pub reasons: BTreeMap<Name, ReasonRules>,
    /// A caller who hung up keeps his place this long for a redial (C4); zero: never.
    pub redial_keeps_place: Duration,
}

/// One queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueRules {
    /// What every item in it needs.
    pub need: Need,
    /// How the agent for an item is chosen.
    pub strategy: Strategy,
    /// The order of agents for strategies that have one; who is not in it comes after, by name.
    pub order: Vec<AgentId>,
    /// Most items waiting; more overflow on size.
    pub length_max: u32,
    /// Longest ring of an offer, 1..=180 s.
    pub ring_limit: Duration,
    /// Longest wait; then overflow on wait. Zero: no limit.
    pub wait_limit: Duration,
    /// Wrap-up after a conversation.
    pub wrap_up: WrapUp,
    /// Agents logged in for the queue at all, else `on_empty`; judged at the door and while waiting if `leave_when_empty`.
    pub join_when_empty: bool,
    /// Those who wait leave by `on_empty` when the last agent has gone.
    pub leave_when_empty: bool,
    /// Where what is too much goes.
    pub on_full: Overflow,
    /// Where what waits too long goes.
    pub on_wait: Overflow,
    /// Where what nobody is there for goes.
    pub on_empty: Overflow,
    /// Abandoned within this is a short abandon; default 5 s.
    pub short_abandon: Duration,
    /// Announce the place this often; zero: never.
    pub announce_every: Duration,
    /// Service-level threshold, for figures.
    pub service_level: Duration,
    /// Service-level target, percent, for figures.
    pub service_level_target_pct: u8,
    /// Looped while waiting.
    pub music: Option<PromptId>,
    /// Played once on entering.
    pub greeting: Option<PromptId>,
}

/// A queue that anybody serves, without limits but on ring and length.
impl Default for QueueRules {
    fn default() -> QueueRules {
        QueueRules {
            need: Need::Anyone,
            strategy: Strategy::Value,
            order: Vec::new(),
            length_max: 1000,
            ring_limit: Duration::from_secs(20),
            wait_limit: Duration::ZERO,
            wrap_up: WrapUp::None,
            join_when_empty: true,
            leave_when_empty: false,
            on_full: Overflow::HangUp,
            on_wait: Overflow::HangUp,
            on_empty: Overflow::HangUp,
            short_abandon: Duration::from_secs(5),
            announce_every: Duration::ZERO,
            service_level: Duration::from_secs(20),
            service_level_target_pct: 80,
            music: None,
            greeting: None,
        }
    }
}

/// After-call work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WrapUp {
    /// None.
    None,
    /// Exactly this long; `ready` cannot shorten it.
    Fixed(Duration),
    /// This long unless the agent says ready before.
    AtMost(Duration),
}

/// One agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRules {
    /// Shown name; data, never markup.
    pub shown: String,
    /// What he knows, 1..=10.
    pub skills: BTreeMap<SkillId, u8>,
    /// Queues he serves.
    pub queues: Vec<QueueId>,
    /// His rank in queues where it is not 0; nobody of a higher rank is rung while one of a lower may be.
    pub ranks: BTreeMap<QueueId, u8>,
    /// Code for feature-code login, digits.
    pub code: String,
    /// The station he is logged in at without saying so when its phone dials the login code.
    pub station: Option<StationId>,
    /// Offers missed in a row before not-ready; 0: never.
    pub no_answer_max: u32,
}

/// One class of customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRules {
    /// Customer value of the segment, per mille (1000 = 1).
    pub value_pm: u32,
    /// Wait target.
    pub wait_target: Duration,
    /// Guard: past it ahead of everything else. Zero: no guard.
    pub wait_max: Duration,
}

/// A plain customer: value 1, served within 20 s, never forgotten for more than 4 minutes.
impl Default for SegmentRules {
    fn default() -> SegmentRules {
        SegmentRules { value_pm: 1000, wait_target: Duration::from_secs(20), wait_max: Duration::from_secs(240) }
    }
}

/// One not-ready reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonRules {
    /// Counts as paid time.
    pub paid: bool,
    /// Longest; past it the supervisor sees a warning. Zero: no bound.
    pub longest: Duration,
}
