//! The ACD under a whole configuration, over calls that a journal tells of: each enters as it did, with its needs, its owner
//! and its age.
//!
//! What is not the matcher's to decide stays as it was in the journal: who left by a rule (a full queue, a wait limit, a key, an
//! operator), how long wrap-ups took, when agents were ready. So limits, ways out and callbacks of the configuration are not
//! played.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use turno_acd::{
    Acd, AcdConfig, BackOff, Command, Decision, DoorRules, Entry, Event, QueueRules, ReasonRules, Strategy, TooLong,
    WrapUp,
};
use turno_base::fact::QueueLeft;
use turno_base::{AgentId, Mono, Name, StationId};

use crate::day::{ATTEMPTS_MAX, Centre};
use crate::policy::turno::{act, id, now};
use crate::policy::{Act, Arrival, Policy};

/// Longest wrap-up: as good as none, it ends when the journal says.
const WRAP_UP_MAX: Duration = Duration::from_secs(86_400);
/// The reason of whoever is not ready.
const AWAY: &str = "away";

pub(crate) struct Live<'a> {
    acd: Acd,
    entries: &'a [Entry],
    /// By index of the caller: left by a rule.
    is_sent_on: Vec<bool>,
    names: Vec<AgentId>,
    index: BTreeMap<AgentId, usize>,
    /// By agent: whether the configuration has him, and whether he is logged in.
    is_known: Vec<bool>,
    is_in: Vec<bool>,
    wrap_ups: BTreeSet<(Mono, usize)>,
    decisions: Vec<Decision>,
}

/// The configuration without what a journal decides. Queues that ring all ring one: a caller is with one phone at a time here.
pub(crate) fn playable(config: &AcdConfig) -> AcdConfig {
    let queue = |rules: &QueueRules| QueueRules {
        need: rules.need.clone(),
        strategy: if rules.strategy == Strategy::RingAll { Strategy::LongestIdle } else { rules.strategy },
        order: rules.order.clone(),
        length_max: u32::MAX,
        ring_limit: rules.ring_limit,
        wait_limit: Duration::ZERO,
        wrap_up: WrapUp::UntilSaved(WRAP_UP_MAX),
        join_when_empty: true,
        leave_when_empty: false,
        doors: DoorRules::default(),
        announce_every: Duration::ZERO,
        rings: rules.rings.clone(),
        ..QueueRules::default()
    };
    let mut played = config.clone();
    for rules in played.queues.values_mut() {
        *rules = queue(rules);
    }
    for rules in played.agents.values_mut() {
        rules.wrap_up = None;
        rules.station = None;
        rules.code.clear();
    }
    played.reasons.insert(away(), ReasonRules { paid: false, longest: Duration::ZERO, then: TooLong::Warn });
    played.dispositions.clear();
    played.callbacks.clear();
    played.calendars.clear();
    played.login_reason = None;
    played.back_off = BackOff { rest_busy: Duration::ZERO, rest_unreachable: Duration::ZERO, ..played.back_off };
    played
}

fn away() -> Name {
    Name::new(AWAY).expect("a word in lower case")
}

impl<'a> Live<'a> {
    /// `config` is [`playable`]; entries and `is_sent_on` by index of the caller.
    pub(crate) fn new(
        config: &AcdConfig,
        centre: &Centre,
        entries: &'a [Entry],
        is_sent_on: Vec<bool>,
        seed: u64,
    ) -> Live<'a> {
        let names: Vec<AgentId> = centre.seats.iter().map(|seat| seat.name).collect();
        Live {
            acd: Acd::new(config.clone(), seed),
            entries,
            is_sent_on,
            index: names.iter().enumerate().map(|(at, &name)| (name, at)).collect(),
            is_known: names.iter().map(|name| config.agents.contains_key(name)).collect(),
            is_in: vec![false; names.len()],
            names,
            wrap_ups: BTreeSet::new(),
            decisions: Vec::new(),
        }
    }

    fn tell(&mut self, event: Event, at: Mono, out: &mut Vec<Act>) {
        self.acd.on_event(event, now(at), &mut self.decisions);
        self.done(out);
    }

    /// A refusal changes nothing: who is told to save what he has saved already.
    fn ask(&mut self, command: Command, at: Mono, out: &mut Vec<Act>) {
        let _ = self.acd.on_command(command, now(at), &mut self.decisions);
        self.done(out);
    }

    fn done(&mut self, out: &mut Vec<Act>) {
        out.extend(self.decisions.drain(..).filter_map(|decision| act(&decision, &self.index)));
    }
}

impl Policy for Live<'_> {
    fn enters(&mut self, call: Arrival, now: Mono, out: &mut Vec<Act>) {
        let told = &self.entries[(call.item / ATTEMPTS_MAX) as usize];
        self.tell(Event::Enter(Entry { item: id(call.item), ..told.clone() }), now, out);
    }

    fn gives_up(&mut self, item: u32, now: Mono, out: &mut Vec<Act>) {
        let is_sent_on = self.is_sent_on[(item / ATTEMPTS_MAX) as usize];
        let how = if is_sent_on { QueueLeft::Withdrawn } else { QueueLeft::Abandoned };
        self.tell(Event::Leave { item: id(item), how }, now, out);
    }

    fn accepts(&mut self, item: u32, agent: usize, token: u64, now: Mono, out: &mut Vec<Act>) {
        let agent = self.names[agent];
        self.tell(Event::Accept { item: id(item), agent, epoch: token }, now, out);
    }

    fn released(&mut self, item: u32, agent: usize, wrap_up: u64, now: Mono, out: &mut Vec<Act>) {
        let name = self.names[agent];
        self.tell(Event::Released { item: id(item), agent: name }, now, out);
        if wrap_up == 0 {
            return self.ask(Command::Saved { agent: name }, now, out);
        }
        self.wrap_ups.insert((Mono(now.0 + wrap_up), agent));
    }

    fn comes(&mut self, agent: usize, now: Mono, out: &mut Vec<Act>) {
        let name = self.names[agent];
        if !self.is_known[agent] {
            return;
        }
        let was_in = std::mem::replace(&mut self.is_in[agent], true);
        let login = Command::Login { agent: name, station: StationId(name.0) };
        self.ask(if was_in { Command::Ready { agent: name } } else { login }, now, out);
    }

    fn pauses(&mut self, agent: usize, now: Mono, out: &mut Vec<Act>) {
        if self.is_in[agent] {
            self.ask(Command::Pause { agent: self.names[agent], reason: away() }, now, out);
        }
    }

    fn goes(&mut self, agent: usize, now: Mono, out: &mut Vec<Act>) {
        if std::mem::take(&mut self.is_in[agent]) {
            self.ask(Command::Logout { agent: self.names[agent] }, now, out);
        }
    }

    fn is_back(&mut self, agent: usize, now: Mono, out: &mut Vec<Act>) {
        self.ask(Command::Ready { agent: self.names[agent] }, now, out);
    }

    fn deadline(&self) -> Option<Mono> {
        let wrap_up = self.wrap_ups.first().map(|&(at, _)| at);
        [self.acd.deadline(), wrap_up].into_iter().flatten().min()
    }

    fn on_deadline(&mut self, at: Mono, out: &mut Vec<Act>) {
        while let Some(&(_, agent)) = self.wrap_ups.first().filter(|(ends, _)| *ends <= at) {
            self.wrap_ups.pop_first();
            self.ask(Command::Saved { agent: self.names[agent] }, at, out);
        }
        self.acd.on_deadline(now(at), &mut self.decisions);
        self.done(out);
    }
}
