//! A call centre as its operator describes it: the scenario file (`config/sim/*.toml`, docs/simulation.md).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use turno_base::{Name, QueueId, SegmentId};

use crate::key::Key;
use crate::policy::Knobs;

/// Most agents of a scenario.
pub(crate) const AGENTS_MAX: u32 = 5000;
/// Most calls that a day of a scenario may expect.
pub(crate) const CALLS_MAX: f64 = 1_000_000.0;
/// Longest day, hours.
pub(crate) const HOURS_MAX: f64 = 240.0;

/// One centre. Shares and profile are weights: they need not add up to anything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Names it in tables and pictures.
    pub name: Name,
    /// One line for people.
    pub title: String,
    /// When the doors open, `HH:MM`.
    #[serde(default = "defaults::opens")]
    pub opens: String,
    /// How long they stay open, hours and fractions of them.
    pub hours: f64,
    /// Days that are played unless told otherwise.
    pub days: u32,
    /// Names those days.
    pub seed: u64,
    /// Calls of the first so many seconds are served but not counted.
    #[serde(default)]
    pub warm_up_s: f64,
    /// Offered work ÷ agents, over the whole day. This or `calls_per_day`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// Expected calls. This or `load`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_day: Option<f64>,
    /// Calls by equal parts of the day.
    #[serde(default = "defaults::flat")]
    pub profile: Vec<f64>,
    /// Who hangs up within this does not count.
    #[serde(default = "defaults::short_abandon_s")]
    pub short_abandon_s: f64,
    /// The threshold of "answered within".
    #[serde(default = "defaults::answered_within_s")]
    pub answered_within_s: f64,
    /// Ringing.
    #[serde(default)]
    pub ring: Rings,
    /// Redialling.
    #[serde(default)]
    pub redial: Redial,
    /// What this centre sets otherwise than the ACD comes (policy `turno`).
    #[serde(default)]
    pub turno: Knobs,
    /// What a level does to handle time; levels that are not listed do nothing.
    #[serde(default, rename = "level")]
    pub levels: Vec<Level>,
    /// Queues; each needs the skill of its own name.
    #[serde(rename = "queue")]
    pub queues: Vec<QueueMix>,
    /// Segments.
    #[serde(rename = "segment")]
    pub segments: Vec<SegmentMix>,
    /// Agents.
    #[serde(rename = "group")]
    pub groups: Vec<Group>,
    /// Agents who go home early.
    #[serde(default, rename = "absence")]
    pub absences: Vec<Absence>,
    /// Hours with more calls of a kind.
    #[serde(default, rename = "surge")]
    pub surges: Vec<Surge>,
}

/// How phones ring and agents answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rings {
    /// Soonest answer, seconds.
    pub answer_min_s: f64,
    /// Latest answer, seconds; uniform between.
    pub answer_max_s: f64,
    /// Longest ring, seconds.
    pub limit_s: f64,
    /// Offers that nobody answers, percent.
    pub no_answer_pct: f64,
    /// Offers missed in a row before not ready; 0: never.
    pub misses_max: u32,
    /// Who became not ready is back after, seconds.
    pub back_after_s: f64,
}

impl Default for Rings {
    /// Auto-answer: the agent is there when the call is.
    fn default() -> Rings {
        Rings {
            answer_min_s: 0.0,
            answer_max_s: 0.0,
            limit_s: 15.0,
            no_answer_pct: 0.0,
            misses_max: 2,
            back_after_s: 120.0,
        }
    }
}

/// What callers do after they hung up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Redial {
    /// Abandoned calls that are tried again, percent.
    pub pct: f64,
    /// Mean time until then, seconds; exponential.
    pub after_s: f64,
    /// A place is kept for a redial this long, seconds (policy `turno`).
    pub keeps_place_s: f64,
}

impl Default for Redial {
    fn default() -> Redial {
        Redial { pct: 0.0, after_s: 60.0, keeps_place_s: 300.0 }
    }
}

/// A level of a skill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// 1..=10.
    pub level: u8,
    /// Talk time of agents at this level ÷ the queue's.
    pub handle_factor: f64,
}

/// A queue and its calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueMix {
    /// Queue, and the skill that it needs.
    pub name: QueueId,
    /// Part of all calls.
    pub share: f64,
    /// Mean talk time, seconds.
    pub handle_s: f64,
    /// Its coefficient of variation, lognormal; none: exponential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle_cv: Option<f64>,
    /// Wrap-up, seconds.
    #[serde(default)]
    pub wrap_up_s: f64,
    /// Weight of the queue (policy `app-queue`).
    #[serde(default)]
    pub weight: u32,
}

/// A segment of customers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentMix {
    /// Segment.
    pub name: SegmentId,
    /// Part of all calls.
    pub share: f64,
    /// Customer value.
    pub value: f64,
    /// Wait target, seconds.
    pub target_s: f64,
    /// Guard, seconds; 0: none.
    #[serde(default = "defaults::guard_s")]
    pub guard_s: f64,
    /// Mean patience, seconds, exponential; 0: endless.
    #[serde(default)]
    pub patience_s: f64,
    /// Head start, seconds (`base_score` of policy `callcenter`).
    #[serde(default)]
    pub base_score_s: f64,
    /// Who may serve it at first; anybody after the last ring.
    #[serde(default, rename = "ring")]
    pub rings: Vec<Widening>,
}

/// One ring of a segment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Widening {
    /// Least level of the queue's skill.
    pub level: u8,
    /// For so many seconds.
    pub for_s: f64,
}

/// Agents with the same skills.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Agents are called by it, with a number.
    pub name: Name,
    /// How many.
    pub agents: u32,
    /// Queues they serve, and at what level; with several levels the agents take turns through them.
    pub skills: BTreeMap<QueueId, Vec<u8>>,
    /// Shift, `HH:MM`; the whole day if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// Part of the agents log out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absence {
    /// When, `HH:MM`.
    pub at: String,
    /// How many of all, percent; drawn for each day.
    pub pct: f64,
    /// For so many seconds; 0: for the rest of the day.
    #[serde(default)]
    pub for_s: f64,
}

/// More, or fewer, calls of a kind for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surge {
    /// From, `HH:MM`.
    pub from: String,
    /// To.
    pub to: String,
    /// Only of this queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueId>,
    /// Only of this segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<SegmentId>,
    /// So many times as many.
    pub factor: f64,
}

mod defaults {
    pub(super) fn opens() -> String {
        "08:00".to_owned()
    }
    pub(super) fn flat() -> Vec<f64> {
        vec![1.0]
    }
    pub(super) fn short_abandon_s() -> f64 {
        5.0
    }
    pub(super) fn answered_within_s() -> f64 {
        20.0
    }
    pub(super) fn guard_s() -> f64 {
        240.0
    }
}

/// Why a scenario cannot be played.
#[derive(Clone, Debug, PartialEq)]
pub enum ScenarioError {
    /// A number outside its range.
    OutOfRange {
        /// Which.
        key: Key,
        /// What it should be.
        want: &'static str,
    },
    /// Nothing of this kind.
    Missing(&'static str),
    /// A queue or segment that the scenario does not have.
    Unknown {
        /// Which key names it.
        key: Key,
        /// The name.
        name: String,
    },
    /// Neither or both of `load` and `calls_per_day`.
    Volume,
    /// Calls of this queue arrive and nobody serves it.
    NobodyServes(QueueId),
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScenarioError::OutOfRange { key, want } => write!(f, "{key} must be {want}"),
            ScenarioError::Missing(what) => write!(f, "the scenario has no [[{what}]]"),
            ScenarioError::Unknown { key, name } => write!(f, "{key} names {name:?}, which the scenario does not have"),
            ScenarioError::Volume => f.write_str("give either load or calls_per_day"),
            ScenarioError::NobodyServes(queue) => write!(f, "no group has the skill of queue {queue}"),
        }
    }
}

impl std::error::Error for ScenarioError {}

impl ScenarioError {
    /// The key at fault; none: there is none.
    pub fn key(&self) -> Option<&Key> {
        match self {
            ScenarioError::OutOfRange { key, .. } | ScenarioError::Unknown { key, .. } => Some(key),
            ScenarioError::Missing(_) | ScenarioError::Volume | ScenarioError::NobodyServes(_) => None,
        }
    }
}

/// Seconds since midnight of `HH:MM`.
pub(crate) fn clock(key: impl Into<Key>, text: &str) -> Result<f64, ScenarioError> {
    let time = text.split_once(':').and_then(|(hours, minutes)| {
        let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
        (hours <= 24 && minutes <= 59).then(|| f64::from(hours * 3600 + minutes * 60))
    });
    time.ok_or_else(|| ScenarioError::OutOfRange { key: key.into(), want: "a time such as 08:30" })
}

fn within(key: impl Into<Key>, value: f64, from: f64, to: f64, want: &'static str) -> Result<(), ScenarioError> {
    if value.is_finite() && value >= from && value <= to {
        Ok(())
    } else {
        Err(ScenarioError::OutOfRange { key: key.into(), want })
    }
}

impl Scenario {
    /// Whether it can be played; the first problem.
    pub fn check(&self) -> Result<(), ScenarioError> {
        within("hours", self.hours, 0.1, HOURS_MAX, "0.1 to 240")?;
        within("days", f64::from(self.days), 1.0, 100_000.0, "1 to 100000")?;
        within("warm_up_s", self.warm_up_s, 0.0, self.hours * 3600.0, "within the day")?;
        let volume = match (self.load, self.calls_per_day) {
            (Some(load), None) => within("load", load, 0.001, 10.0, "0.001 to 10"),
            (None, Some(calls)) => within("calls_per_day", calls, 1.0, CALLS_MAX, "1 to 1000000"),
            (None, None) | (Some(_), Some(_)) => Err(ScenarioError::Volume),
        };
        volume?;
        for (kind, is_empty) in [
            ("queue", self.queues.is_empty()),
            ("segment", self.segments.is_empty()),
            ("group", self.groups.is_empty()),
            ("profile", self.profile.iter().sum::<f64>() <= 0.0),
        ] {
            if is_empty {
                return Err(ScenarioError::Missing(kind));
            }
        }
        self.check_ring()?;
        self.check_mix()?;
        self.check_agents()?;
        let calls = self.calls_expected();
        within("load", calls, 0.0, CALLS_MAX, "at most 1000000 calls a day")
    }

    fn check_ring(&self) -> Result<(), ScenarioError> {
        let ring = &self.ring;
        within("ring.answer_min_s", ring.answer_min_s, 0.0, ring.answer_max_s, "0 to answer_max_s")?;
        within("ring.limit_s", ring.limit_s, 1.0, 180.0, "1 to 180")?;
        within("ring.answer_max_s", ring.answer_max_s, 0.0, ring.limit_s, "0 to limit_s")?;
        within("ring.no_answer_pct", ring.no_answer_pct, 0.0, 90.0, "0 to 90")?;
        within("ring.back_after_s", ring.back_after_s, 1.0, 86_400.0, "1 to 86400")?;
        within("redial.pct", self.redial.pct, 0.0, 100.0, "0 to 100")?;
        within("redial.after_s", self.redial.after_s, 0.0, 86_400.0, "0 to 86400")?;
        within("redial.keeps_place_s", self.redial.keeps_place_s, 0.0, 86_400.0, "0 to 86400")?;
        let knobs = &self.turno;
        for (key, given, most, want) in [
            ("turno.value_exponent", knobs.value_exponent, 2.0, "0 to 2"),
            ("turno.pressure_exponent", knobs.pressure_exponent, 2.0, "0 to 2"),
            ("turno.opportunity_s", knobs.opportunity_s, 86_400.0, "0 to 86400"),
            ("turno.fit_per_level_s", knobs.fit_per_level_s, 86_400.0, "0 to 86400"),
            ("turno.ring_scale", knobs.ring_scale, 100.0, "0 to 100"),
            ("turno.guard_s", knobs.guard_s, 86_400.0, "0 to 86400"),
        ] {
            within(key, given.unwrap_or(0.0), 0.0, most, want)?;
        }
        Ok(())
    }

    fn check_mix(&self) -> Result<(), ScenarioError> {
        for part in &self.profile {
            within("profile", *part, 0.0, 1e9, "not negative")?;
        }
        for (n, queue) in self.queues.iter().enumerate() {
            let key = |of: &str| Key::nth("queue", n, Some(queue.name.as_str()), of);
            within(key("share"), queue.share, 0.0, 1e9, "not negative")?;
            within(key("handle_s"), queue.handle_s, 1.0, 86_400.0, "1 to 86400")?;
            within(key("handle_cv"), queue.handle_cv.unwrap_or(1.0), 0.0, 10.0, "0 to 10")?;
            within(key("wrap_up_s"), queue.wrap_up_s, 0.0, 3600.0, "0 to 3600")?;
        }
        for (n, segment) in self.segments.iter().enumerate() {
            let key = |of: &str| Key::nth("segment", n, Some(segment.name.as_str()), of);
            within(key("share"), segment.share, 0.0, 1e9, "not negative")?;
            within(key("value"), segment.value, 0.001, 1e6, "0.001 to 1000000")?;
            within(key("target_s"), segment.target_s, 1.0, 86_400.0, "1 to 86400")?;
            within(key("guard_s"), segment.guard_s, 0.0, 86_400.0, "0 to 86400")?;
            within(key("patience_s"), segment.patience_s, 0.0, 864_000.0, "0 to 864000")?;
            for (at, ring) in segment.rings.iter().enumerate() {
                within(key("ring.level").at(at), f64::from(ring.level), 1.0, 10.0, "1 to 10")?;
                within(key("ring.for_s").at(at), ring.for_s, 0.0, 3600.0, "0 to 3600")?;
            }
        }
        for (n, surge) in self.surges.iter().enumerate() {
            let key = |of: &str| Key::nth("surge", n, None, of);
            clock(key("from"), &surge.from)?;
            clock(key("to"), &surge.to)?;
            within(key("factor"), surge.factor, 0.0, 1000.0, "0 to 1000")?;
            let known = surge.queue.is_none_or(|q| self.queues.iter().any(|known| known.name == q));
            if let (false, Some(name)) = (known, surge.queue) {
                return Err(ScenarioError::Unknown { key: key("queue"), name: name.to_string() });
            }
            let known = surge.segment.is_none_or(|s| self.segments.iter().any(|known| known.name == s));
            if let (false, Some(name)) = (known, surge.segment) {
                return Err(ScenarioError::Unknown { key: key("segment"), name: name.to_string() });
            }
        }
        Ok(())
    }

    fn check_agents(&self) -> Result<(), ScenarioError> {
        clock("opens", &self.opens)?;
        for (n, level) in self.levels.iter().enumerate() {
            within(Key::nth("level", n, None, "handle_factor"), level.handle_factor, 0.1, 10.0, "0.1 to 10")?;
        }
        let mut agents = 0;
        for (n, group) in self.groups.iter().enumerate() {
            agents += group.agents.min(AGENTS_MAX + 1);
            for (queue, levels) in &group.skills {
                let key = Key::nth("group", n, Some(group.name.as_str()), queue.as_str());
                let key = key.through(&["skills", queue.as_str()]);
                if !self.queues.iter().any(|known| known.name == *queue) {
                    return Err(ScenarioError::Unknown { key, name: queue.to_string() });
                }
                if levels.is_empty() || levels.iter().any(|level| !(1..=10).contains(level)) {
                    return Err(ScenarioError::OutOfRange { key, want: "levels of 1 to 10" });
                }
            }
            for (of, time) in [("from", &group.from), ("to", &group.to)] {
                if let Some(time) = time {
                    clock(Key::nth("group", n, Some(group.name.as_str()), of), time)?;
                }
            }
        }
        let most = self.groups.iter().enumerate().max_by_key(|(_, group)| group.agents).map_or(0, |(n, _)| n);
        let key = Key::nth("group", most, None, "agents");
        within(key, f64::from(agents), 1.0, f64::from(AGENTS_MAX), "1 to 5000 in all")?;
        for (n, absence) in self.absences.iter().enumerate() {
            let key = |of: &str| Key::nth("absence", n, None, of);
            clock(key("at"), &absence.at)?;
            within(key("pct"), absence.pct, 0.0, 100.0, "0 to 100")?;
        }
        let served = |queue: &QueueId| self.groups.iter().any(|g| g.agents > 0 && g.skills.contains_key(queue));
        match self.queues.iter().find(|queue| queue.share > 0.0 && !served(&queue.name)) {
            Some(queue) => Err(ScenarioError::NobodyServes(queue.name)),
            None => Ok(()),
        }
    }

    /// All agents.
    pub fn agents(&self) -> u32 {
        self.groups.iter().map(|group| group.agents).sum()
    }

    /// Calls of an average day, surges not counted.
    pub fn calls_expected(&self) -> f64 {
        if let Some(calls) = self.calls_per_day {
            return calls;
        }
        let shares: f64 = self.queues.iter().map(|queue| queue.share).sum();
        let work: f64 = self.queues.iter().map(|queue| queue.share * (queue.handle_s + queue.wrap_up_s)).sum();
        let agents = f64::from(self.agents());
        self.load.unwrap_or(0.0) * agents * self.hours * 3600.0 * shares / work.max(f64::MIN_POSITIVE)
    }

    /// What an agent's level does to talk time.
    pub(crate) fn handle_factor(&self, level: u8) -> f64 {
        self.levels.iter().find(|known| known.level == level).map_or(1.0, |known| known.handle_factor)
    }

    /// The segment of least value: whom a rule by value could let wait for ever.
    pub fn lowest_segment(&self) -> usize {
        let values = self.segments.iter().map(|segment| segment.value).enumerate();
        values.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(at, _)| at)
    }
}
