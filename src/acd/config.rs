//! Queues, agents, skills, segments: what the operator configured. Data only.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::{AgentId, Name, Need, PromptId, QueueId, SegmentId, SkillId, StationId};

use crate::boundary::Overflow;
use crate::calendar::Calendar;
use crate::doors::DoorRules;
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
    /// Opening hours, by name.
    pub calendars: BTreeMap<Name, Calendar>,
    /// A caller who hung up keeps his place this long for a redial (C4); zero: never.
    pub redial_keeps_place: Duration,
    /// A caller whose agent's leg died counts as this much older, which brings him to the front (E10).
    pub rescue_credit: Duration,
    /// The knobs of the value-rate rule.
    pub rule: Rule,
    /// What is known of skills beyond their names; a skill that is not here has [`SkillRules::default`].
    pub skills: BTreeMap<SkillId, SkillRules>,
    /// Rings of all queues that have none of their own.
    pub rings: Vec<RingRules>,
}

/// The knobs of the value-rate rule (spec/routing.md), each with the default that the rule was tried with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Weight of a customer: value to this power, per mille, 0..=2000.
    pub value_exponent_pm: u32,
    /// Weight of a skill: its share of the mean pressure to this power, per mille, 0..=2000.
    pub pressure_exponent_pm: u32,
    /// One level of a needed skill is worth this much idle time, for an item of value 1.
    pub fit_per_level: Duration,
    /// What an agent is worth elsewhere: this much idle time for each Erlang per agent of the skills that he has and the item
    /// does not need.
    pub opportunity: Duration,
    /// Idle time counts in the choice of an agent up to this.
    pub idle_counted: Duration,
    /// An agent who has worked all the time is listed as this much less idle than one who has worked none; zero: idle time
    /// alone keeps occupancy fair.
    pub occupancy: Duration,
    /// Handle time (talk, hold and wrap-up) that counts as 1; also what a skill is taken to need until it has been measured.
    pub handle_reference: Duration,
    /// The tables of handle times and pressures are made anew this often.
    pub tables_every: Duration,
    /// Idle time that the owner of a customer, or his last agent, has ahead of others.
    pub owner_bonus: Duration,
    /// Longest wait for an owner who is logged in but not free; zero: never.
    pub owner_waits: Duration,
    /// A customer whose owner is not logged in counts as this much older.
    pub owner_absent_credit: Duration,
    /// Longest wait for the agent whom the customer talked to last; zero: never.
    pub last_agent_waits: Duration,
    /// Who was a customer's last agent is remembered this long; zero: never.
    pub last_agent_kept: Duration,
}

impl Default for Rule {
    fn default() -> Rule {
        Rule {
            value_exponent_pm: 750,
            pressure_exponent_pm: 1000,
            fit_per_level: Duration::from_secs(40),
            opportunity: Duration::from_secs(500),
            idle_counted: Duration::from_secs(600),
            occupancy: Duration::ZERO,
            handle_reference: Duration::from_secs(330),
            tables_every: Duration::from_secs(5),
            owner_bonus: Duration::from_secs(600),
            owner_waits: Duration::from_secs(20),
            owner_absent_credit: Duration::ZERO,
            last_agent_waits: Duration::ZERO,
            last_agent_kept: Duration::ZERO,
        }
    }
}

/// One skill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillRules {
    /// So many idle agents who have it are kept for items that have waited half their target or are of the highest value
    /// configured (R18, R19); 0: none.
    pub reserve: u32,
    /// Handle time to expect until it has been measured; none: the rule's reference.
    pub handle: Option<Duration>,
}

/// One ring of a queue: who alone may take an item at first (R7, R8). After its rings an item needs what the queue and it need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingRules {
    /// Items of these segments; empty: of all.
    pub segments: Vec<SegmentId>,
    /// Whom the ring asks for.
    pub need: RingNeed,
    /// How long.
    pub length: Duration,
    /// Passed at once while nobody whom it asks for is logged in.
    pub skip_if_none_logged_in: bool,
    /// Passed at once if the item is surely expected to wait longer than this; none: never for that.
    pub widen_if_expected_over: Option<Duration>,
}

/// Whom a ring asks for, beyond what the queue and the item need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RingNeed {
    /// Those who meet this.
    Need(Need),
    /// Those who have each skill that counts for the item at this level, 1..=10.
    Level(u8),
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
    /// Who may come in and who must go, by hours, presence, expected wait and service level.
    pub doors: DoorRules,
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
    /// Rings, in order; empty: those of all queues.
    pub rings: Vec<RingRules>,
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
            doors: DoorRules::default(),
            announce_every: Duration::ZERO,
            service_level: Duration::from_secs(20),
            service_level_target_pct: 80,
            music: None,
            greeting: None,
            rings: Vec::new(),
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
