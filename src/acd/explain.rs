//! Why: for somebody who waits, for an offer, and for an agent to whom nothing is offered. Made on demand from the state that
//! decides, so that what is explained is what happens.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::fact::AgentState;
use turno_base::{AgentId, ItemId, Mono, Now, QueueId, SegmentId, SkillId};

use crate::acd::Acd;
use crate::agent::{Agent, Doing};
use crate::credits::Credit;
use crate::item::Stands;
use crate::limits::BLOCKED_MAX;
use crate::matching::{self, Strategy};
use crate::skills::Uncertified;
use crate::slab::{AgentIx, ItemIx};
use crate::why::{Bar, Blocked, ItemTerms, RunnerUp, Why};

/// Why a waiting item waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemExplained {
    /// The item.
    pub item: ItemId,
    /// Its queue.
    pub queue: QueueId,
    /// Its segment.
    pub segment: SegmentId,
    /// 1-based place in the queue.
    pub position: u32,
    /// Its place among those who need the same and are of the same segment, and how many those are; none: an agent is being
    /// rung for it.
    pub in_class: Option<(u32, u32)>,
    /// Who is ahead of it in the queue, by segment; segments with nobody ahead are left out.
    pub ahead: Vec<(SegmentId, u32)>,
    /// The parts of its score, for an agent who does everything equally well.
    pub terms: ItemTerms,
    /// By which it counts as older than it is, ms.
    pub credits: Vec<(Credit, u64)>,
    /// Agents who could take it at all.
    pub able: Able,
    /// Of them those whom its ring asks for at present; none: it is in no ring.
    pub able_in_ring: Option<Able>,
    /// When the next ring begins, ms from now.
    pub widens_in_ms: Option<u64>,
    /// Whom it waits for alone, and how much longer, ms.
    pub waits_for: Option<(AgentId, u64)>,
    /// The agent being rung for it.
    pub offered_to: Option<AgentId>,
    /// Agents who are ready and whom a rule keeps from it, the first few.
    pub blocked: Vec<Blocked>,
    /// Agents logged in who know what is needed and lack a certificate that its segment demands, the first few.
    pub uncertified: Vec<(AgentId, Uncertified)>,
    /// How long it will still wait; none: not known, or not surely.
    pub expected: Option<Duration>,
}

/// How many agents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Able {
    /// Configured.
    pub known: u32,
    /// Logged in.
    pub logged_in: u32,
    /// Ready.
    pub ready: u32,
}

/// Why an agent gets what he gets, or nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentExplained {
    /// Who.
    pub agent: AgentId,
    /// What he does. Unless he is ready this is the answer.
    pub state: AgentState,
    /// Since when he is ready, ms.
    pub idle_ms: Option<u64>,
    /// The skill for which he is kept in reserve.
    pub reserved_for: Option<SkillId>,
    /// His queues, by name.
    pub queues: Vec<QueueForAgent>,
    /// Items that wait in his queues and are not for him now, the first few, with what keeps him from them.
    pub barred: Vec<(ItemId, Barred)>,
}

/// One queue of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueForAgent {
    /// Name.
    pub queue: QueueId,
    /// He meets what the queue needs.
    pub is_able: bool,
    /// Who waits there.
    pub waiting: u32,
    /// Agents who serve it and are ready, he among them.
    pub ready: u32,
    /// Of them those who have been ready for longer than he.
    pub ready_longer: u32,
}

/// What keeps an agent from an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Barred {
    /// He does not have what it needs.
    Skills,
    /// He lacks a certificate that its segment demands.
    Certificate(Uncertified),
    /// Its ring asks for others at first.
    Ring,
    /// It waits for its customer's own agent.
    OwnAgent(AgentId),
    /// Somebody is being rung for it.
    Offered(AgentId),
    /// Its customer is still to be called back.
    NotOnTheLine,
    /// A rule keeps the pair apart.
    Bar(Bar),
}

impl Acd {
    /// Why this item waits; none: it does not wait.
    pub fn explain_item(&self, item: ItemId, now: Now) -> Option<ItemExplained> {
        let at = *self.item_of.get(&item)?;
        let now = now.mono;
        let waiting = &self.items[at];
        let queue = &self.queues[waiting.queue];
        let group = &self.groups[waiting.group];
        let own = || self.skills.judge(&group.key.need);
        let ahead_of = matching::precedence(self.urgency_of(at), matching::NEUTRAL, &waiting.place(at), now.0);
        let ahead = (0..).zip(self.urgencies.iter().zip(&queue.lines)).filter_map(|(number, (urgency, line))| {
            let ahead =
                line.count_ahead(|place| matching::precedence(urgency, matching::NEUTRAL, place, now.0) < ahead_of);
            (ahead > 0).then(|| (self.segment_numbered(number), count(ahead)))
        });
        let line = &group.lines[usize::from(waiting.line)];
        let place = waiting.place(at);
        let in_class = (waiting.stands == Stands::Free)
            .then(|| (count(line.count_ahead(|other| *other < place)) + 1, count(line.iter().count())));
        let judge = own();
        let able = self.count_able(|agent| {
            let key = &self.profiles[self.agents[agent].profile].key;
            key.queues.contains(&waiting.queue) && self.meets(key, group.key.demands, [&queue.judge, &judge])
        });
        let there = self.agents.iter().filter(|(_, agent)| agent.station.is_some());
        let there = there.filter(|(_, agent)| self.profiles[agent.profile].key.queues.contains(&waiting.queue));
        let lacking = there.filter_map(|(at, agent)| {
            Some((agent.id, self.uncertified(at, group.key.demands, [&queue.judge, &judge], now)?))
        });
        let uncertified = lacking.take(BLOCKED_MAX).collect();
        let able_in_ring =
            group.key.ring.map(|_| self.count_able(|agent| group.fit(self.agents[agent].profile).is_some()));
        let left_ms = |until: Mono| until.0.saturating_sub(now.0) / 1000;
        let own_agent = waiting.own.and_then(|own| self.agents.get(own)).map(|agent| agent.id);
        Some(ItemExplained {
            item,
            queue: queue.id,
            segment: waiting.segment,
            position: self.position(at, now),
            in_class,
            ahead: ahead.collect(),
            terms: self.item_terms(at, u32::MAX, now),
            credits: waiting.credits.list().into_iter().map(|(credit, much)| (credit, millis(much))).collect(),
            able,
            able_in_ring,
            widens_in_ms: waiting.ring.and_then(|(_, until)| until).map(left_ms),
            waits_for: own_agent.zip(waiting.only_until.map(left_ms)),
            offered_to: self.offered_to(at),
            blocked: self.blocked_from(at, now),
            uncertified,
            expected: self.expected_wait(item),
        })
    }

    /// Why this agent gets nothing, or what he gets; none: there is no such agent.
    pub fn explain_agent(&self, agent: AgentId, now: Now) -> Option<AgentExplained> {
        let at = *self.agent_of.get(&agent)?;
        let now = now.mono;
        let me = &self.agents[at];
        let key = &self.profiles[me.profile].key;
        let queues = key.queues.iter().map(|&queue| {
            let ready = self.agents.iter().filter(|(_, a)| self.profiles[a.profile].key.queues.contains(&queue));
            let longer = ready.filter(|(_, a)| a.listed.zip(me.listed).is_some_and(|(his, mine)| his < mine));
            let ready_longer = count(longer.count());
            let queue = &self.queues[queue];
            QueueForAgent {
                queue: queue.id,
                is_able: queue.judge.is_met(&key.levels),
                waiting: queue.waiting,
                ready: queue.ready,
                ready_longer,
            }
        });
        let mut queues: Vec<QueueForAgent> = queues.collect();
        queues.sort_by_key(|row| row.queue);
        let mut barred = Vec::new();
        for (item, waiting) in self.items.iter().filter(|(_, waiting)| key.queues.contains(&waiting.queue)) {
            if barred.len() >= BLOCKED_MAX {
                break;
            }
            if let Some(why) = self.bar_of(at, item, now) {
                barred.push((waiting.id, why));
            }
        }
        Some(AgentExplained {
            agent,
            state: me.shown.state,
            idle_ms: me.listed.map(|since| now.0.saturating_sub(since.0) / 1000),
            reserved_for: me.listed.and_then(|_| self.reserved_for(me.profile)),
            queues,
            barred,
        })
    }

    /// The last offer to this agent and why it was made; none: there was none since he was configured.
    pub fn explain_offer(&self, agent: AgentId) -> Option<(ItemId, Why)> {
        let at = *self.agent_of.get(&agent)?;
        self.agents[at].last_offer.as_ref().map(|offer| (offer.0, offer.1.clone()))
    }

    /// The offer of this item to whoever has it, else the last one that is still known, waiting or not: to whom and why; an
    /// agent's next offer takes the place of the one before.
    pub fn explain_offer_of(&self, item: ItemId) -> Option<(AgentId, Why)> {
        let offers = self.agents.iter().filter_map(|(_, agent)| Some((agent, agent.last_offer.as_deref()?)));
        let of_item = offers.filter(|(_, (offered, _))| *offered == item);
        let has_it = |agent: &Agent| matches!(agent.doing, Doing::Serving { item: held, .. } if held == item);
        let best = of_item.max_by_key(|(agent, (_, why))| (has_it(agent), why.seq));
        best.map(|(agent, (_, why))| (agent.id, why.clone()))
    }

    pub(crate) fn urgency_of(&self, item: ItemIx) -> &matching::Urgency {
        &self.urgencies[usize::from(self.items[item].line)]
    }

    /// The name of a segment by its number; those that nobody configured have one number and no name.
    fn segment_numbered(&self, number: u16) -> SegmentId {
        let named = self.segment_of.iter().find(|(_, at)| **at == number).map(|(segment, _)| *segment);
        named.unwrap_or(SegmentId(crate::limits::reason("other")))
    }

    fn count_able(&self, is_able: impl Fn(AgentIx) -> bool) -> Able {
        let mut able = Able::default();
        for (at, agent) in self.agents.iter().filter(|&(at, _)| is_able(at)) {
            able.known += 1;
            able.logged_in += u32::from(self.agents[at].station.is_some());
            able.ready += u32::from(agent.listed.is_some());
        }
        able
    }

    /// Of those who are being rung for it the first.
    fn offered_to(&self, item: ItemIx) -> Option<AgentId> {
        let first = self.items[item].offers.first()?;
        self.agents.get(first.agent).map(|agent| agent.id)
    }

    /// Ready agents whom a rule keeps from an item that they could take.
    fn blocked_from(&self, item: ItemIx, now: Mono) -> Vec<Blocked> {
        let waiting = &self.items[item];
        let group = &self.groups[waiting.group];
        let ready = group.profiles.iter().flat_map(|fit| self.profiles[fit.profile].ready.iter());
        let bars = ready.filter_map(|&(_, agent, at)| match self.bar_of(at, item, now)? {
            Barred::Bar(by) => Some(Blocked { item: waiting.id, agent, by }),
            Barred::Skills
            | Barred::Certificate(_)
            | Barred::Ring
            | Barred::OwnAgent(_)
            | Barred::Offered(_)
            | Barred::NotOnTheLine => None,
        });
        bars.take(BLOCKED_MAX).collect()
    }

    /// What keeps this agent from an item of one of his queues.
    fn bar_of(&self, agent: AgentIx, item: ItemIx, now: Mono) -> Option<Barred> {
        let waiting = &self.items[item];
        let me = &self.agents[agent];
        let levels = &self.profiles[me.profile].key.levels;
        let group = &self.groups[waiting.group];
        if let Some(other) = self.offered_to(item) {
            let is_rung = waiting.offers.iter().any(|held| held.agent == agent);
            return (!is_rung).then_some(Barred::Offered(other));
        }
        if waiting.stands == Stands::Held {
            return Some(Barred::NotOnTheLine);
        }
        if !self.queues[waiting.queue].judge.is_met(levels) || !self.skills.judge(&group.key.need).is_met(levels) {
            return Some(Barred::Skills);
        }
        if group.key.demands > 0 {
            let own = self.skills.judge(&group.key.need);
            let needs = [&self.queues[waiting.queue].judge, &own];
            if let Some(lacking) = self.uncertified(agent, group.key.demands, needs, now) {
                return Some(Barred::Certificate(lacking));
            }
        }
        if let Some(only) = group.key.only
            && only != agent
        {
            return self.agents.get(only).map(|own| Barred::OwnAgent(own.id));
        }
        if group.fit(me.profile).is_none() {
            return Some(Barred::Ring);
        }
        if let Some(until) = waiting.apart_until(agent, now) {
            return Some(Barred::Bar(Bar::Apart { until }));
        }
        self.kept_from(item, me.profile, now).map(|skill| Barred::Bar(Bar::Reserve(skill)))
    }
}

impl fmt::Display for ItemExplained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.in_class, self.offered_to) {
            (Some((place, of)), _) => write!(f, "{} of {of} in its class", Nth(place))?,
            (None, Some(agent)) => write!(f, "{agent} is being rung for it")?,
            (None, None) => write!(f, "{} in {}", Nth(self.position), self.queue)?,
        }
        for (segment, many) in &self.ahead {
            write!(f, "; {many} {segment} ahead")?;
        }
        let Able { known, logged_in, ready } = self.able_in_ring.unwrap_or(self.able);
        write!(f, "; {logged_in} of {known} agents who may take it logged in, {ready} ready")?;
        if let Some((agent, left_ms)) = self.waits_for {
            write!(f, "; waits for {agent} for {} s more", left_ms.div_ceil(1000))?;
        }
        if let Some(ms) = self.widens_in_ms {
            write!(f, "; widens in {} s", ms.div_ceil(1000))?;
        }
        for (credit, ms) in &self.credits {
            write!(f, "; counts as {} s older: {}", ms / 1000, credit.as_str())?;
        }
        if self.terms.is_guarded {
            f.write_str("; past its longest wait: ahead of all others")?;
        }
        for blocked in &self.blocked {
            write!(f, "; {} is kept from it: {}", blocked.agent, blocked.by)?;
        }
        for (agent, lacking) in &self.uncertified {
            write!(f, "; {agent} may not take it: {lacking}")?;
        }
        match self.expected {
            Some(expected) => write!(f, "; about {} s more", expected.as_secs()),
            None => Ok(()),
        }
    }
}

/// A decision in words; who and what is for the reader to say.
impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ItemTerms { waited_ms, is_guarded, weight_micro, handle_pm, pressure_pm, urgency_micro, score } = self.item;
        match is_guarded {
            true => write!(f, "past its longest wait after {} s: ahead of all others", waited_ms / 1000)?,
            false => write!(
                f,
                "score {} = value {} x handle time {} x pressure {} x urgency {} after {} s",
                Thousandths(score / 1000),
                Thousandths(i64::try_from(weight_micro / 1000).unwrap_or(i64::MAX)),
                Thousandths(i64::try_from(handle_pm).unwrap_or(i64::MAX)),
                Thousandths(i64::try_from(pressure_pm).unwrap_or(i64::MAX)),
                Thousandths(i64::try_from(urgency_micro / 1000).unwrap_or(i64::MAX)),
                waited_ms / 1000,
            )?,
        }
        let agent = &self.agent;
        match self.strategy {
            Strategy::Value => {
                write!(f, "; agent {} s = fit {}", agent.points_ms / 1000, agent.fit_ms / 1000)?;
                write!(f, " - needed elsewhere {}", agent.opportunity_ms / 1000)?;
                write!(f, " + idle {} + own {}", agent.idle_ms / 1000, agent.bonus_ms / 1000)?;
            }
            classic => write!(f, "; agent by {classic}, rank {}", self.rank)?,
        }
        match &self.runner_up {
            Some(RunnerUp::Item { item, terms }) => {
                write!(f, "; next {item} with {}", Thousandths(terms.score / 1000))?
            }
            Some(RunnerUp::Agent { agent, terms }) => write!(f, "; next {agent} with {} s", terms.points_ms / 1000)?,
            None => {}
        }
        write!(f, "; of {} agents and {} calls", self.agents_eligible + 1, self.items_eligible + 1)?;
        for blocked in &self.blocked {
            write!(f, "; {} was kept from {}: {}", blocked.agent, blocked.item, blocked.by)?;
        }
        Ok(())
    }
}

/// `1.234`.
struct Thousandths(i64);

impl fmt::Display for Thousandths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, (self.0 % 1000).abs())
    }
}

impl fmt::Display for AgentExplained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(idle_ms) = self.idle_ms else { return write!(f, "{} is {}", self.agent, self.state.as_str()) };
        if self.state == AgentState::Task {
            write!(f, "{} works on a task, which a call interrupts", self.agent)?;
        } else {
            write!(f, "{} is ready for {} s", self.agent, idle_ms / 1000)?;
        }
        if let Some(skill) = self.reserved_for {
            write!(f, "; kept in reserve for {skill}")?;
        }
        for row in &self.queues {
            write!(f, "; {}: ", row.queue)?;
            if !row.is_able {
                f.write_str("needs skills that he does not have")?;
                continue;
            }
            write!(f, "{} wait, {} ready, {} for longer", row.waiting, row.ready, row.ready_longer)?;
        }
        for (item, barred) in &self.barred {
            write!(f, "; {item}: {barred}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Barred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Barred::Skills => f.write_str("needs skills that he does not have"),
            Barred::Certificate(lacking) => lacking.fmt(f),
            Barred::Ring => f.write_str("its ring asks for others at first"),
            Barred::OwnAgent(agent) => write!(f, "waits for {agent}, its customer's own agent"),
            Barred::Offered(agent) => write!(f, "{agent} is being rung for it"),
            Barred::NotOnTheLine => f.write_str("its customer is still to be called back"),
            Barred::Bar(bar) => bar.fmt(f),
        }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bar::Apart { .. } => f.write_str("did not take it a moment ago"),
            Bar::Reserve(skill) => write!(f, "kept in reserve for {skill}"),
        }
    }
}

/// 1st, 2nd, 3rd, 4th.
struct Nth(u32);

impl fmt::Display for Nth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ending = match (self.0 % 10, self.0 % 100) {
            (1, tens) if tens != 11 => "st",
            (2, tens) if tens != 12 => "nd",
            (3, tens) if tens != 13 => "rd",
            _ => "th",
        };
        write!(f, "{}{ending}", self.0)
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
