//! What is measured: how much of each skill is asked for, how long it takes at each level, how many have it; and the tables
//! made of that for the rule (docs/decisions/0010).
//!
//! The measures are tallies of this room's own events, the tables are made anew by a deadline: a replay sees the same
//! tables at the same decisions. A queue whose items need no skill at all counts as a skill of its own, so that queues alone
//! are weighed like skills.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::{Mono, QueueId, SkillId};

use crate::acd::Acd;
use crate::agent::Doing;
use crate::config::{AcdConfig, Rule};
use crate::limits::{ARRIVALS_KEPT, ARRIVALS_SEEN_LEAST, HANDLE_COUNTED_MAX, HANDLED_COUNTED_MAX, HANDLED_EXPECTED};
use crate::matching::{self, NEUTRAL};
use crate::need::LEVEL_MAX;
use crate::slab::AgentIx;
use crate::timers::Due;

const MICRO: u128 = 1_000_000;
/// Levels 0 (a queue as a skill) to the highest.
const LEVELS: usize = LEVEL_MAX as usize + 1;
/// M, per mille.
const HANDLE_FACTOR_PM: (u64, u64) = (700, 1400);
/// K, per mille.
const PRESSURE_FACTOR_PM: (u64, u64) = (500, 2000);
/// Erlangs per agent beyond this count as this, micro-units: keeps sums within 64 bits.
const PRESSURE_MAX: u64 = 1_000 * 1_000_000;

/// What can be scarce, and take long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Topic {
    /// A skill.
    Skill(SkillId),
    /// A queue whose items need no skill.
    Queue(QueueId),
}

/// A topic and the level at which an agent has it.
pub(crate) type Part = (u32, u8);

/// Measures and tables. Topics and recipes are known by number until the next change of configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tables {
    rule: Rule,
    /// Most recipes.
    most: u32,
    /// Counts how often they were made.
    pub(crate) version: u64,
    /// When they were made.
    made: Mono,
    /// When they are made anew; none: nothing happens.
    at: Option<Mono>,
    /// How long arrivals were watched, µs, the past fading.
    watched_us: u64,
    topics: Vec<Tally>,
    /// The first is of those who need nothing that is measured.
    pub(crate) recipes: Vec<Recipe>,
    recipe_of: BTreeMap<Vec<Part>, u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Tally {
    topic: Topic,
    /// Arrivals, millionths, the past fading.
    arrived: u64,
    /// Since the tables were made.
    fresh: u64,
    /// Conversations by level.
    handled: [Handled; LEVELS],
    /// Until then.
    expected_ms: u64,
    /// Table: mean handle time by level.
    handle_ms: [u64; LEVELS],
    /// Table: offered Erlangs, millionths.
    erlangs: u64,
    /// Table: agents logged in who have it.
    agents: u32,
    /// Table: Erlangs per agent, millionths.
    pressure: u64,
    /// Table: K, per mille.
    weight_pm: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Handled {
    count: u64,
    sum_ms: u64,
}

/// What an agent of a profile brings to an item of a group: the topics that count, and what the tables make of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recipe {
    parts: Vec<Part>,
    /// M, per mille.
    pub(crate) handle_pm: u64,
    /// K, per mille.
    pub(crate) pressure_pm: u64,
    /// M x K, micro-units.
    pub(crate) factor: u64,
    /// Opportunity that the item itself needs, µs: no cost to it.
    pub(crate) needed: i64,
}

/// One row of the tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicRow {
    /// What.
    pub topic: Topic,
    /// Offered Erlangs, thousandths.
    pub erlangs_milli: u64,
    /// Agents logged in who have it.
    pub agents: u32,
    /// Erlangs per agent, micro-units.
    pub pressure_micro: u64,
    /// Its weight K in a score, per mille.
    pub weight_pm: u64,
    /// By level (0: of a queue): conversations counted, mean handle time in ms, which is the expected one at first.
    pub handle: Vec<(u8, u64, u64)>,
}

/// The tables that the rule goes by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRows {
    /// Counts how often they were made.
    pub version: u64,
    /// When.
    pub made: Mono,
    /// By topic.
    pub topics: Vec<TopicRow>,
}

/// A conversation that is being measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Handling {
    pub(crate) since: Mono,
    pub(crate) parts: Vec<(Topic, u8)>,
}

impl Tally {
    fn new(topic: Topic) -> Tally {
        Tally {
            topic,
            arrived: 0,
            fresh: 0,
            handled: [Handled::default(); LEVELS],
            expected_ms: 0,
            handle_ms: [0; LEVELS],
            erlangs: 0,
            agents: 0,
            pressure: 0,
            weight_pm: 1000,
        }
    }

    /// Measured handle times, leaning on what is expected until there are enough: a level on the topic's mean, that on the
    /// configuration.
    fn weigh_handle(&mut self) -> u64 {
        let lean = |count: u64, sum_ms: u64, on: u64| (sum_ms + HANDLED_EXPECTED * on) / (count + HANDLED_EXPECTED);
        let (count, sum) = self.handled.iter().fold((0, 0), |(n, s), h| (n + h.count, s + h.sum_ms));
        let mean = lean(count, sum, self.expected_ms);
        for (table, handled) in self.handle_ms.iter_mut().zip(&self.handled) {
            *table = lean(handled.count, handled.sum_ms, mean);
        }
        mean
    }
}

impl Tables {
    /// Takes the topics of a new configuration; what was measured stays. Recipes are to be asked for anew.
    pub(crate) fn set_topics(&mut self, topics: impl Iterator<Item = Topic>, config: &AcdConfig, most: u32) {
        self.rule = config.rule;
        self.most = most.max(1);
        let mut old: BTreeMap<Topic, Tally> =
            std::mem::take(&mut self.topics).into_iter().map(|tally| (tally.topic, tally)).collect();
        self.topics = topics.map(|topic| old.remove(&topic).unwrap_or_else(|| Tally::new(topic))).collect();
        for tally in &mut self.topics {
            let told = match tally.topic {
                Topic::Skill(skill) => config.skills.get(&skill).and_then(|rules| rules.handle),
                Topic::Queue(_) => None,
            };
            tally.expected_ms = millis(told.unwrap_or(config.rule.handle_reference));
        }
        self.recipe_of.clear();
        self.recipes.clear();
        self.recipe(Vec::new());
    }

    /// The recipe of these parts, in order. At the bound further ones count as needing nothing measured.
    pub(crate) fn recipe(&mut self, parts: Vec<Part>) -> u32 {
        if let Some(&known) = self.recipe_of.get(&parts) {
            return known;
        }
        if self.recipes.len() >= self.most as usize {
            return 0;
        }
        let number = u32::try_from(self.recipes.len()).unwrap_or(0);
        let mut recipe =
            Recipe { parts: parts.clone(), handle_pm: 1000, pressure_pm: 1000, factor: NEUTRAL, needed: 0 };
        recipe.weigh(&self.topics, &self.rule);
        self.recipes.push(recipe);
        self.recipe_of.insert(parts, number);
        number
    }

    pub(crate) fn topic(&self, number: u32) -> Option<Topic> {
        self.topics.get(number as usize).map(|tally| tally.topic)
    }

    /// The topics of a recipe by name.
    pub(crate) fn named(&self, recipe: u32) -> Vec<(Topic, u8)> {
        let parts = self.recipes.get(recipe as usize).map_or(&[][..], |recipe| &recipe.parts);
        parts.iter().filter_map(|&(topic, level)| Some((self.topic(topic)?, level))).collect()
    }

    /// Somebody asks for a share (millionths) of this topic.
    pub(crate) fn arrived(&mut self, topic: u32, share: u64) {
        if let Some(tally) = self.topics.get_mut(topic as usize) {
            tally.fresh = tally.fresh.saturating_add(share);
        }
    }

    /// A conversation with its wrap-up is over.
    pub(crate) fn handled(&mut self, handling: &Handling, now: Mono) {
        let took = now.since(handling.since).min(HANDLE_COUNTED_MAX);
        for (topic, level) in &handling.parts {
            // Few topics; this happens once in a conversation.
            let Some(tally) = self.topics.iter_mut().find(|tally| tally.topic == *topic) else { continue };
            let handled = &mut tally.handled[usize::from(*level).min(LEVELS - 1)];
            handled.count += 1;
            handled.sum_ms += millis(took);
            if handled.count >= HANDLED_COUNTED_MAX {
                handled.count /= 2;
                handled.sum_ms /= 2;
            }
        }
    }

    /// Lets the past fade and takes in what came since the tables were made.
    fn watch(&mut self, now: Mono) {
        let passed = micros(now.since(self.made));
        let kept = micros(ARRIVALS_KEPT);
        let fade = |was: u64| {
            let left = u128::from(was) * u128::from(kept) / (u128::from(kept) + u128::from(passed));
            u64::try_from(left).unwrap_or(u64::MAX)
        };
        self.watched_us = fade(self.watched_us).saturating_add(passed);
        for tally in &mut self.topics {
            tally.arrived = fade(tally.arrived).saturating_add(std::mem::take(&mut tally.fresh));
        }
    }

    /// Makes the tables: `agents` logged in by topic.
    fn make(&mut self, agents: &[u32], now: Mono) {
        self.watch(now);
        self.made = now;
        self.version += 1;
        let watched = self.watched_us.max(micros(ARRIVALS_SEEN_LEAST));
        for (tally, &agents) in self.topics.iter_mut().zip(agents) {
            let handle_ms = tally.weigh_handle();
            let erlangs = u128::from(tally.arrived) * u128::from(handle_ms) * 1000 / u128::from(watched);
            tally.erlangs = u64::try_from(erlangs).unwrap_or(u64::MAX);
            tally.agents = agents;
            tally.pressure = (tally.erlangs / u64::from(agents.max(1))).min(PRESSURE_MAX);
        }
        let asked = self.topics.iter().filter(|tally| tally.erlangs > 0);
        let (count, sum) = asked.fold((0u64, 0u64), |(n, sum), tally| (n + 1, sum + tally.pressure));
        let mean = sum.checked_div(count).unwrap_or(0);
        for tally in &mut self.topics {
            let share_pm = (tally.pressure * 1000).checked_div(mean).unwrap_or(1000);
            let weight = match self.rule.pressure_exponent_pm {
                1000 => share_pm,
                exponent => matching::power(share_pm, exponent) / 1000,
            };
            tally.weight_pm = weight.clamp(PRESSURE_FACTOR_PM.0, PRESSURE_FACTOR_PM.1);
        }
        for recipe in &mut self.recipes {
            recipe.weigh(&self.topics, &self.rule);
        }
    }

    /// What agents who have these topics are worth elsewhere, µs of idle time.
    pub(crate) fn worth(&self, topics: &[u32]) -> i64 {
        let pressures = topics.iter().filter_map(|&topic| self.topics.get(topic as usize)).map(|tally| tally.pressure);
        opportunity(pressures.sum(), &self.rule)
    }

    pub(crate) fn rows(&self) -> TableRows {
        let row = |tally: &Tally| TopicRow {
            topic: tally.topic,
            erlangs_milli: tally.erlangs / 1000,
            agents: tally.agents,
            pressure_micro: tally.pressure,
            weight_pm: tally.weight_pm,
            handle: (0..=LEVEL_MAX)
                .map(|level| (level, tally.handled[usize::from(level)].count, tally.handle_ms[usize::from(level)]))
                .collect(),
        };
        TableRows { version: self.version, made: self.made, topics: self.topics.iter().map(row).collect() }
    }
}

impl Recipe {
    /// Several topics: the scarcest counts, and the slowest.
    fn weigh(&mut self, topics: &[Tally], rule: &Rule) {
        let reference_ms = millis(rule.handle_reference);
        let tallies = || self.parts.iter().filter_map(|&(topic, level)| Some((topics.get(topic as usize)?, level)));
        let slowest = tallies().map(|(tally, level)| tally.handle_ms[usize::from(level).min(LEVELS - 1)]).max();
        let handle_pm = slowest.map_or(1000, |ms| reference_ms * 1000 / ms.max(1));
        let pressure_pm = tallies().map(|(tally, _)| tally.weight_pm).max().unwrap_or(1000);
        let needed = opportunity(tallies().map(|(tally, _)| tally.pressure).sum(), rule);
        self.handle_pm = handle_pm.clamp(HANDLE_FACTOR_PM.0, HANDLE_FACTOR_PM.1);
        self.pressure_pm = pressure_pm;
        self.factor = self.handle_pm * self.pressure_pm;
        self.needed = needed;
    }
}

/// A sum of pressures as idle time.
fn opportunity(pressure: u64, rule: &Rule) -> i64 {
    let us = rule.opportunity.as_micros() * u128::from(pressure) / MICRO;
    i64::try_from(us).unwrap_or(i64::MAX)
}

fn micros(length: Duration) -> u64 {
    u64::try_from(length.as_micros()).unwrap_or(u64::MAX)
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

impl Acd {
    /// The tables go on while anything waits or is served.
    pub(crate) fn arm_tables(&mut self, now: Mono) {
        if self.tables.at.is_none() && (self.items.len() > 0 || !self.served.is_empty()) {
            let at = now + self.config.rule.tables_every.max(Duration::from_millis(100));
            self.tables.at = Some(at);
            self.timers.arm(at, Due::Tables);
        }
    }

    /// Their time has come.
    pub(crate) fn tables_due(&mut self, now: Mono) {
        self.tables.at = None;
        self.make_tables(now);
    }

    /// Makes the tables anew: from now on the rule goes by them.
    pub(crate) fn make_tables(&mut self, now: Mono) {
        let mut agents = vec![0; self.tables.topics.len()];
        for (_, profile) in self.profiles.iter() {
            for &topic in &profile.topics {
                if let Some(agents) = agents.get_mut(topic as usize) {
                    *agents += profile.logged_in;
                }
            }
        }
        self.tables.make(&agents, now);
        for (_, profile) in self.profiles.iter_mut() {
            profile.worth = self.tables.worth(&profile.topics);
        }
    }

    /// What an agent does has changed: his occupancy is measured, and when a conversation and its wrap-up are over, their time.
    pub(crate) fn measure(&mut self, agent: AgentIx, is_new: bool, now: Mono) {
        let is_over = match self.agents[agent].doing {
            Doing::Serving { .. } | Doing::WrapUp { .. } => false,
            Doing::LoggedOut
            | Doing::Idle { .. }
            | Doing::Resting { .. }
            | Doing::Paused { .. }
            | Doing::Reserved { .. } => true,
        };
        let a = &mut self.agents[agent];
        if is_new {
            (a.began, a.busy_us, a.busy_since) = (now, 0, None);
        }
        match a.busy_since {
            Some(since) if is_over => {
                a.busy_us += now.0.saturating_sub(since.0);
                a.busy_since = None;
            }
            None if !is_over => a.busy_since = Some(now),
            Some(_) | None => {}
        }
        if is_over && let Some(handling) = self.agents[agent].handling.take() {
            self.tables.handled(&handling, now);
        }
    }

    /// The tables that the rule goes by now.
    pub fn tables(&self) -> TableRows {
        self.tables.rows()
    }
}
