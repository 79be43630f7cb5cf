//! Queues, agents, skills, segments: what the operator configured. Data only.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::fact::{OfferEnd, TaskKind};
use turno_base::{AgentId, Name, Need, PromptId, QueueId, SegmentId, SkillId, StationId};

use crate::agent::Rest;
use crate::boundary::Overflow;
use crate::calendar::Calendar;
use crate::callback::{CallbackRules, Zone};
use crate::doors::DoorRules;
use crate::limits::APART_LEAST;
use crate::matching::Strategy;
use crate::skills::Certificate;
use crate::tasks::TaskRules;

/// Everything the ACD needs to know from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcdConfig {
    /// Which configuration this is, as people know it; decisions name it. 0: nobody said.
    pub revision: u64,
    /// Queues.
    pub queues: BTreeMap<QueueId, QueueRules>,
    /// Agents.
    pub agents: BTreeMap<AgentId, AgentRules>,
    /// Segments.
    pub segments: BTreeMap<SegmentId, SegmentRules>,
    /// Not-ready reasons an agent may choose.
    pub reasons: BTreeMap<Name, ReasonRules>,
    /// Results an agent may say a call had.
    pub dispositions: BTreeMap<Name, DispositionRules>,
    /// An agent who needs longer gets this much more of a wrap-up each time.
    pub wrap_up_extension: Duration,
    /// So many times for one wrap-up; 0: never.
    pub wrap_up_extensions_max: u8,
    /// Pauses after offers that came to nothing, by cause.
    pub back_off: BackOff,
    /// Who logs in begins not ready with this reason; none: ready.
    pub login_reason: Option<Name>,
    /// Queues whose callers may be called back.
    pub callbacks: BTreeMap<QueueId, CallbackRules>,
    /// Local time, in which hours are meant.
    pub zone: Zone,
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
    /// When tasks are due that do not say so.
    pub tasks: TaskRules,
    /// Certificates that a segment demands of whoever serves its items with a skill: least levels, 1..=10 (S18).
    pub certified: BTreeMap<SegmentId, BTreeMap<SkillId, u8>>,
}

/// The knobs of the value-rate rule (config/turno.toml, `[acd.rule]`), each with the default that the rule was tried with.
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
    /// Where the keys lead that a waiting caller may press; that of the callback stands before them.
    pub keys: BTreeMap<char, Overflow>,
    /// What may be said to have come of its conversations: these results and those below them (`billing` is above `billing.paid`);
    /// empty: any.
    pub dispositions: Vec<Name>,
    /// An agent cannot leave the wrap-up of its conversations by himself before he has said what came of them.
    pub disposition_required: bool,
}

impl QueueRules {
    /// Whether this may be said to have come of its conversations.
    pub fn admits(&self, disposition: Name) -> bool {
        let below =
            |of: &Name| disposition.as_str().strip_prefix(of.as_str()).is_some_and(|rest| rest.starts_with('.'));
        self.dispositions.is_empty() || self.dispositions.iter().any(|of| *of == disposition || below(of))
    }
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
            keys: BTreeMap::new(),
            dispositions: Vec::new(),
            disposition_required: false,
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
    /// Until the agent has saved the call or said what came of it; at the latest after this long.
    UntilSaved(Duration),
}

impl WrapUp {
    /// How long without anybody's doing; none: there is no wrap-up.
    pub(crate) fn length(self) -> Option<Duration> {
        match self {
            WrapUp::None => None,
            WrapUp::Fixed(length) | WrapUp::AtMost(length) | WrapUp::UntilSaved(length) => {
                (!length.is_zero()).then_some(length)
            }
        }
    }
}

/// One result that an agent may say a call had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DispositionRules {
    /// Shown name; data, never markup.
    pub shown: String,
    /// Wrap-up after a call with this result; none: as the agent or the queue has it.
    pub wrap_up: Option<WrapUp>,
}

/// One agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRules {
    /// Shown name; data, never markup.
    pub shown: String,
    /// What he knows, 1..=10.
    pub skills: BTreeMap<SkillId, u8>,
    /// What he is certified for.
    pub certificates: BTreeMap<SkillId, Certificate>,
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
    /// Offers declined in a row before not-ready; 0: never.
    pub declined_max: u32,
    /// Offers in a row that did not reach his station before not-ready; 0: never.
    pub unreachable_max: u32,
    /// Wrap-up of this agent, whatever the queue; none: the queue's.
    pub wrap_up: Option<WrapUp>,
    /// Most tasks in hand at once, 0..=[`crate::limits::TASKS_IN_HAND_MAX`]; 0: he gets none.
    pub tasks_max: u8,
    /// Most of a kind; a kind that is not here has `tasks_max`.
    pub tasks: BTreeMap<TaskKind, u8>,
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
    /// What becomes of the agent then.
    pub then: TooLong,
}

/// What becomes of an agent who is not ready for longer than his reason allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TooLong {
    /// Nothing but the warning.
    #[default]
    Warn,
    /// He is ready.
    Ready,
    /// His shift ends.
    Logout,
}

/// Pauses after offers that came to nothing. The pair of an item and an agent stays apart, unless another agent is tried
/// before; the agent rests, unless he says ready before. Zero: no pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackOff {
    /// The pair, after no answer.
    pub apart_no_answer: Duration,
    /// The pair, after no answer in a queue that rings all.
    pub apart_ring_all: Duration,
    /// The pair, after a decline.
    pub apart_declined: Duration,
    /// The pair, after a busy line.
    pub apart_busy: Duration,
    /// The pair, after a station that could not be reached.
    pub apart_unreachable: Duration,
    /// The agent, after a decline.
    pub rest_declined: Duration,
    /// The agent, after a busy line; also until his station reports no calls.
    pub rest_busy: Duration,
    /// The agent, after a station that could not be reached; also until it is reachable.
    pub rest_unreachable: Duration,
}

impl Default for BackOff {
    fn default() -> BackOff {
        BackOff {
            apart_no_answer: Duration::from_secs(20),
            apart_ring_all: Duration::from_secs(5),
            apart_declined: Duration::from_secs(30),
            apart_busy: Duration::from_secs(10),
            apart_unreachable: Duration::from_secs(10),
            rest_declined: Duration::from_secs(5),
            rest_busy: Duration::from_secs(10),
            rest_unreachable: Duration::from_secs(10),
        }
    }
}

impl BackOff {
    /// How long the pair stays apart. Never zero: an offer that fails at once must not ring in circles within one turn.
    pub(crate) fn apart(&self, end: OfferEnd, rings_all: bool) -> Duration {
        let length = match end {
            OfferEnd::RingNoAnswer if rings_all => self.apart_ring_all,
            OfferEnd::RingNoAnswer => self.apart_no_answer,
            OfferEnd::Declined => self.apart_declined,
            OfferEnd::Busy => self.apart_busy,
            // The rest is not the agent's doing, but whatever it was must not ring him in circles.
            OfferEnd::Unreachable | OfferEnd::Accepted | OfferEnd::CallerLeft | OfferEnd::LostRace => {
                self.apart_unreachable
            }
        };
        length.max(APART_LEAST)
    }

    /// How long the agent rests.
    pub(crate) fn rest(&self, cause: Rest) -> Duration {
        match cause {
            Rest::Declined => self.rest_declined,
            Rest::LineBusy => self.rest_busy,
            Rest::Unreachable => self.rest_unreachable,
        }
    }
}
