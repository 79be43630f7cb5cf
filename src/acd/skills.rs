//! What an agent may be asked for: the skills that he is configured with, those changed while he works (S14), and certificates
//! that segments demand and that expire (S18).
//!
//! For the items of a segment that demands a certificate in a skill, whoever holds none that is valid and high enough counts
//! as not having that skill. A certificate never widens: who does not meet a need by what he knows does not meet it at all.
//!
//! What has changed, by command or because its time is up, holds at once: nobody loses his place.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use turno_base::{AgentId, Mono, SegmentId, SkillId, Wall};

use crate::acd::Acd;
use crate::boundary::Decision;
use crate::config::{AcdConfig, RingNeed, RingRules};
use crate::limits::SKILLS_LIVE_MAX;
use crate::need::{self, Judge, LEVEL_MAX};
use crate::queue::ProfileKey;
use crate::refusal::Refusal;
use crate::slab::AgentIx;
use crate::timers::Due;

/// What an agent is certified for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Up to this level, 1..=10.
    pub level: u8,
    /// Valid before this instant; none: for good.
    pub until: Option<Wall>,
}

impl Certificate {
    pub(crate) fn is_valid(&self, at: Wall) -> bool {
        self.until.is_none_or(|until| at < until)
    }
}

/// What becomes of one skill of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SkillChange {
    /// He has it at this level.
    Set {
        /// 1..=10.
        level: u8,
        /// Before this instant; none: until told otherwise.
        until: Option<Wall>,
    },
    /// He does not have it.
    Unset {
        /// Before this instant; none: until told otherwise.
        until: Option<Wall>,
    },
    /// As he is configured.
    AsConfigured,
}

/// A skill that was changed while its agent works; it outlives his shift and changes of configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LiveSkill {
    /// 0: he does not have it.
    pub(crate) level: u8,
    pub(crate) until: Option<Wall>,
}

/// Skills that were changed live, and when something about skills changes by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LiveSkills {
    of: BTreeMap<AgentId, BTreeMap<SkillId, LiveSkill>>,
    /// When certificates and changes of whom expire; the next is looked at by a deadline.
    ends: BTreeSet<(Wall, AgentId)>,
    /// That deadline.
    at: Option<Mono>,
}

/// Certificates that a segment demands, as numbers of skills with their least levels.
pub(crate) type Demands = Vec<(u32, u8)>;

/// One skill of an agent, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillRow {
    /// Which.
    pub skill: SkillId,
    /// 0: he has it not, be it that it was taken from him or that only a certificate is left.
    pub level: u8,
    /// It was changed live; none: as configured. Then until when, if it ends by itself.
    pub live: Option<Option<Wall>>,
    /// His certificate, valid or not.
    pub certificate: Option<Certificate>,
}

/// A certificate that an agent lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uncertified {
    /// In which skill.
    pub skill: SkillId,
    /// Of which level at least, 1..=10.
    pub least: u8,
    /// How he lacks it.
    pub why: NoCertificate,
}

/// How an agent lacks a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoCertificate {
    /// He has none.
    None,
    /// His is for a lower level, this one.
    UpTo(u8),
    /// His expired then.
    Expired(Wall),
}

impl fmt::Display for Uncertified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Uncertified { skill, least, why } = self;
        match why {
            NoCertificate::None => write!(f, "no certificate for {skill} level {least}"),
            NoCertificate::UpTo(level) => {
                write!(f, "certificate for {skill} is of level {level}, level {least} is demanded")
            }
            NoCertificate::Expired(until) => write!(f, "certificate for {skill} expired on {}", Minute(*until)),
        }
    }
}

/// `2026-03-10T11:00Z`.
struct Minute(Wall);

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0.to_string();
        let (to_the_minute, _) = whole.rsplit_once(':').unwrap_or((&whole, ""));
        write!(f, "{to_the_minute}Z")
    }
}

impl Acd {
    /// Changes a skill of an agent, logged in or not. Who waits is matched by it in this turn.
    pub(crate) fn change_skill(
        &mut self,
        agent: AgentId,
        skill: SkillId,
        change: SkillChange,
        now: Mono,
        out: &mut Vec<Decision>,
    ) -> Result<(), Refusal> {
        if !self.config.agents.contains_key(&agent) {
            return Err(Refusal::NoSuchAgent(agent));
        }
        if !self.is_named(skill) {
            return Err(Refusal::NoSuchSkill(skill));
        }
        let live = match change {
            SkillChange::Set { level, .. } if level == 0 || level > LEVEL_MAX => return Err(Refusal::LevelOut(level)),
            SkillChange::Set { level, until } => Some(LiveSkill { level, until }),
            SkillChange::Unset { until } => Some(LiveSkill { level: 0, until }),
            SkillChange::AsConfigured => None,
        };
        let wall = self.wall(now);
        if let Some(until) = live.and_then(|live| live.until).filter(|until| *until <= wall) {
            return Err(Refusal::UntilPast(until));
        }
        let held = self.live_skills.of.get(&agent);
        let is_full = held.is_some_and(|held| !held.contains_key(&skill) && held.len() >= SKILLS_LIVE_MAX);
        if live.is_some() && is_full {
            return Err(Refusal::TooManySkills { agent });
        }
        for end in self.skill_ends(agent) {
            self.live_skills.ends.remove(&(end, agent));
        }
        let held = self.live_skills.of.entry(agent).or_default();
        match live {
            Some(live) => drop(held.insert(skill, live)),
            None => drop(held.remove(&skill)),
        }
        if held.is_empty() {
            self.live_skills.of.remove(&agent);
        }
        self.note_skill_ends(agent, wall);
        self.time_skills(now);
        if let Some(&at) = self.agent_of.get(&agent) {
            self.relearn(&[at], now, out);
        }
        Ok(())
    }

    /// When something that an agent knows or is certified for expires, past or to come.
    fn skill_ends(&self, agent: AgentId) -> Vec<Wall> {
        let rules = self.config.agents.get(&agent);
        let certificates = rules.into_iter().flat_map(|rules| rules.certificates.values().filter_map(|c| c.until));
        let changes = self.live_skills.of.get(&agent).into_iter().flat_map(BTreeMap::values);
        certificates.chain(changes.filter_map(|live| live.until)).collect()
    }

    fn note_skill_ends(&mut self, agent: AgentId, wall: Wall) {
        let ends = self.skill_ends(agent).into_iter().filter(|until| *until > wall);
        self.live_skills.ends.extend(ends.map(|until| (until, agent)));
    }

    /// Something of the configuration names the skill.
    fn is_named(&self, skill: SkillId) -> bool {
        let AcdConfig { queues, agents, skills, rings, certified, .. } = &self.config;
        let by_ring = |ring: &RingRules| matches!(&ring.need, RingNeed::Need(need) if need::names(need, skill));
        skills.contains_key(&skill)
            || agents.values().any(|a| a.skills.contains_key(&skill) || a.certificates.contains_key(&skill))
            || certified.values().any(|demanded| demanded.contains_key(&skill))
            || queues.values().any(|queue| need::names(&queue.need, skill) || queue.rings.iter().any(by_ring))
            || rings.iter().any(by_ring)
    }

    /// The skills of an agent at an instant, as he is configured and as they were changed.
    pub(crate) fn skills_of(&self, agent: AgentId, at: Wall) -> BTreeMap<SkillId, u8> {
        let mut skills = self.config.agents.get(&agent).map(|rules| rules.skills.clone()).unwrap_or_default();
        for (skill, live) in self.live_skills.of.get(&agent).into_iter().flatten() {
            if live.until.is_some_and(|until| until <= at) {
                continue;
            }
            match live.level {
                0 => drop(skills.remove(skill)),
                level => drop(skills.insert(*skill, level)),
            }
        }
        skills
    }

    /// What he is certified for at an instant.
    pub(crate) fn certified(&self, agent: AgentId, at: Wall) -> BTreeMap<SkillId, u8> {
        let held = self.config.agents.get(&agent).into_iter().flat_map(|rules| &rules.certificates);
        held.filter(|(_, certificate)| certificate.is_valid(at)).map(|(skill, c)| (*skill, c.level)).collect()
    }

    /// Numbers what segments demand; 0 is nothing. Returns the number by segment.
    pub(crate) fn set_demands(&mut self) {
        self.demands = vec![Demands::new()];
        self.demands_of = vec![0; self.urgencies.len()];
        for (segment, demanded) in &self.config.certified {
            let Some(&line) = self.segment_of.get(segment) else { continue };
            let mut demands: Demands =
                demanded.iter().filter_map(|(skill, level)| Some((self.skills.number(*skill)?, *level))).collect();
            demands.sort_unstable();
            let known = self.demands.iter().position(|other| *other == demands);
            let number = known.unwrap_or_else(|| {
                self.demands.push(demands);
                self.demands.len() - 1
            });
            self.demands_of[usize::from(line)] = u16::try_from(number).unwrap_or(0);
        }
    }

    /// What the items of a line demand.
    pub(crate) fn demands_on(&self, line: u16) -> u16 {
        self.demands_of.get(usize::from(line)).copied().unwrap_or(0)
    }

    /// The levels that count of a profile where these certificates are demanded.
    pub(crate) fn counted_levels(&self, key: &ProfileKey, demands: u16) -> Vec<u8> {
        let mut levels = key.levels.clone();
        for &(skill, least) in self.demands.get(usize::from(demands)).into_iter().flatten() {
            let skill = skill as usize;
            let certified = key.certified.get(skill).copied().unwrap_or(0);
            if let Some(level) = levels.get_mut(skill).filter(|_| certified < least) {
                *level = 0;
            }
        }
        levels
    }

    /// Whether a profile meets needs where these certificates are demanded.
    pub(crate) fn meets(&self, key: &ProfileKey, demands: u16, needs: [&Judge; 2]) -> bool {
        needs.iter().all(|need| need.is_met(&key.levels))
            && (demands == 0 || {
                let counted = self.counted_levels(key, demands);
                needs.iter().all(|need| need.is_met(&counted))
            })
    }

    /// The certificate that keeps an agent from needs that he knows enough for: the first that he lacks.
    pub(crate) fn uncertified(
        &self,
        agent: AgentIx,
        demands: u16,
        needs: [&Judge; 2],
        now: Mono,
    ) -> Option<Uncertified> {
        let me = &self.agents[agent];
        let key = &self.profiles[me.profile].key;
        if self.meets(key, demands, needs) || !self.meets(key, 0, needs) {
            return None;
        }
        let demanded = self.demands.get(usize::from(demands)).into_iter().flatten().copied();
        let level_of = |levels: &[u8], skill: u32| levels.get(skill as usize).copied().unwrap_or(0);
        let mut lacking = demanded
            .filter(|&(skill, least)| level_of(&key.levels, skill) > 0 && level_of(&key.certified, skill) < least);
        let (number, least) = lacking.next()?;
        let skill = self.skills.name(number)?;
        let held = self.config.agents.get(&me.id).and_then(|rules| rules.certificates.get(&skill));
        let why = match held {
            None => NoCertificate::None,
            Some(Certificate { until: Some(until), .. }) if *until <= self.wall(now) => NoCertificate::Expired(*until),
            Some(Certificate { level, .. }) => NoCertificate::UpTo(*level),
        };
        Some(Uncertified { skill, least, why })
    }

    /// Lists when certificates and live changes expire, and forgets the changes that have. Those of agents who are not
    /// configured go as well.
    pub(crate) fn arm_skills(&mut self, now: Mono) {
        let wall = self.wall(now);
        let agents = &self.config.agents;
        self.live_skills.of.retain(|agent, skills| {
            skills.retain(|_, live| live.until.is_none_or(|until| until > wall));
            !skills.is_empty() && agents.contains_key(agent)
        });
        self.live_skills.ends.clear();
        for agent in self.config.agents.keys().copied().collect::<Vec<_>>() {
            self.note_skill_ends(agent, wall);
        }
        self.time_skills(now);
    }

    /// Sets the deadline by the clock as it goes now.
    pub(crate) fn time_skills(&mut self, now: Mono) {
        let wall = self.wall(now);
        let left =
            self.live_skills.ends.first().map(|(next, _)| u64::try_from(next.0.saturating_sub(wall.0)).unwrap_or(0));
        let at = left.map(|us| Mono(now.0.saturating_add(us)));
        if let Some(old) = std::mem::replace(&mut self.live_skills.at, at) {
            self.timers.disarm(old, Due::Skills);
        }
        if let Some(at) = at {
            self.timers.arm(at, Due::Skills);
        }
    }

    /// Something about skills has expired, if the clock has really come so far.
    pub(crate) fn skills_due(&mut self, now: Mono, out: &mut Vec<Decision>) {
        self.live_skills.at = None;
        match self.skills_overdue(now) {
            true => self.expire_skills(now, out),
            false => self.time_skills(now),
        }
    }

    /// Whoever has lost or regained something by now is sorted anew.
    pub(crate) fn expire_skills(&mut self, now: Mono, out: &mut Vec<Decision>) {
        let wall = self.wall(now);
        let mut whose = BTreeSet::new();
        while let Some(&(end, agent)) = self.live_skills.ends.first()
            && end <= wall
        {
            self.live_skills.ends.pop_first();
            whose.insert(agent);
        }
        for agent in &whose {
            if let Some(skills) = self.live_skills.of.get_mut(agent) {
                skills.retain(|_, live| live.until.is_none_or(|until| until > wall));
                if skills.is_empty() {
                    self.live_skills.of.remove(agent);
                }
            }
        }
        self.time_skills(now);
        let agents: Vec<AgentIx> = whose.iter().filter_map(|agent| self.agent_of.get(agent).copied()).collect();
        self.relearn(&agents, now, out);
    }

    /// The wall clock may have been set forward past an expiry.
    pub(crate) fn skills_overdue(&self, now: Mono) -> bool {
        self.live_skills.ends.first().is_some_and(|(next, _)| *next <= self.wall(now))
    }

    /// The skills of an agent, for people: those he has, those taken from him, those he is only certified for.
    pub(crate) fn skill_rows(&self, agent: AgentId, now: Mono) -> Vec<SkillRow> {
        let has = self.skills_of(agent, self.wall(now));
        let live = self.live_skills.of.get(&agent);
        let certificates = self.config.agents.get(&agent).map(|rules| &rules.certificates);
        let named = has.keys().chain(live.into_iter().flat_map(BTreeMap::keys));
        let all: BTreeSet<SkillId> = named.chain(certificates.into_iter().flat_map(BTreeMap::keys)).copied().collect();
        let row = |skill: SkillId| SkillRow {
            skill,
            level: has.get(&skill).copied().unwrap_or(0),
            live: live.and_then(|live| live.get(&skill)).map(|live| live.until),
            certificate: certificates.and_then(|held| held.get(&skill)).copied(),
        };
        all.into_iter().map(row).collect()
    }

    /// The level of certificate that a segment demands in a skill; none: none.
    pub fn certificate_demanded(&self, segment: SegmentId, skill: SkillId) -> Option<u8> {
        self.config.certified.get(&segment)?.get(&skill).copied()
    }
}
