//! What one part of the configuration says about another: names that must exist, and what can never happen.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use turno_acd::{Overflow, QueueRules, RingNeed, RingRules, Strategy, WrapUp};
use turno_base::{Name, Need, PromptId, QueueId, SkillId, StationId, TrunkId};
use turno_call::{Extension, Goal, Plan};

use crate::shell::config::Settings;
use crate::shell::config::problem::Problems;
use crate::shell::config::section::distance;

/// Checks every name that refers to something.
pub(super) fn check(settings: &Settings, problems: &Problems) {
    let checker = Checker::new(settings, problems);
    checker.routes();
    checker.dialling();
    checker.menus();
    checker.queues();
    checker.rings("acd.rings", &settings.engine.acd.rings);
    checker.skills();
    checker.certificates();
    checker.agents();
    checker.accounts();
    checker.segments();
    checker.heard();
    checker.settled();
}

struct Checker<'a> {
    settings: &'a Settings,
    problems: &'a Problems,
    stations: BTreeSet<StationId>,
    trunks: BTreeSet<TrunkId>,
}

impl<'a> Checker<'a> {
    fn new(settings: &'a Settings, problems: &'a Problems) -> Checker<'a> {
        let sip = &settings.engine.sip;
        let stations = sip.accounts.iter().map(|account| account.station).collect();
        let trunks = sip.trunks.iter().map(|trunk| trunk.id).collect();
        Checker { settings, problems, stations, trunks }
    }

    fn routes(&self) {
        let mut seen: BTreeMap<(&str, Option<TrunkId>), usize> = BTreeMap::new();
        for (at, route) in self.settings.engine.call.routes.iter().enumerate() {
            let key = |name: &str| format!("routes[{at}].{name}");
            if let Some(trunk) = route.trunk {
                self.trunk(&key("trunk"), trunk);
            }
            if let Some(first) = seen.insert((&route.dnis, route.trunk), at) {
                self.problems.error(&key("dnis"), format!("the same as routes[{first}]; remove one"));
            }
            match &route.plan {
                Plan::Queue { queue, need, prompts } => {
                    self.queue(&key("to"), *queue);
                    self.held(&key("need"), need);
                    for prompt in prompts {
                        self.prompt(&key("prompts"), *prompt);
                    }
                }
                Plan::Station(station) => self.station(&key("to"), *station),
                Plan::Agent(agent) => self.agent(&key("to"), agent.as_str()),
                Plan::Prompt(prompt) => self.prompt(&key("to"), *prompt),
                Plan::Menu(menu) => self.menu(&key("to"), *menu),
                Plan::Voicemail(mailbox) => self.mailbox(&key("to"), *mailbox),
                Plan::Refuse(_) => {}
            }
        }
    }

    fn dialling(&self) {
        let call = &self.settings.engine.call;
        for (number, to) in &call.extensions {
            let key = format!("extensions.{number}");
            match to {
                Extension::Queue(queue) => self.queue(&key, *queue),
                Extension::Station(station) => self.station(&key, *station),
                Extension::Agent(agent) => self.agent(&key, agent.as_str()),
            }
        }
        for (name, class) in &call.outside {
            for (prefix, trunks) in &class.allow {
                for trunk in trunks {
                    self.trunk(&format!("outside.{name}.allow.{prefix}"), *trunk);
                }
            }
        }
        for (station, class) in &call.station_class {
            self.station(&format!("stations.{station}"), *station);
            self.class(&format!("stations.{station}.class"), *class);
        }
        if let Some(class) = call.overflow_class {
            self.class("calls.overflow_class", class);
        }
        if let Some(class) = call.callback_class {
            self.class("calls.callback_class", class);
        }
        let prompts = &call.prompts;
        for (key, prompt) in [
            ("position_prompt", prompts.position),
            ("wait_prompt", prompts.wait),
            ("wait_minutes_prompt", prompts.wait_minutes),
            ("wait_minute_prompt", prompts.wait_minute),
            ("rescued_prompt", prompts.rescued),
            ("done_prompt", prompts.done),
            ("refused_prompt", prompts.refused),
            ("callback_offer_prompt", prompts.callback_offer),
            ("callback_taken_prompt", prompts.callback_taken),
            ("callback_refused_prompt", prompts.callback_refused),
            ("callback_hello_prompt", prompts.callback_hello),
            ("callback_whisper_prompt", prompts.callback_whisper),
            ("hold_music", prompts.hold_music),
        ] {
            if let Some(prompt) = prompt {
                self.prompt(&format!("calls.{key}"), prompt);
            }
        }
        for prompt in &prompts.digits {
            self.prompt("calls.digit_prompts", *prompt);
        }
    }

    fn heard(&self) {
        let briefing = &self.settings.engine.call.briefing;
        if let Some(tone) = briefing.tone {
            self.prompt("calls.auto_answer_tone", tone);
        }
        for (queue, words) in &briefing.words {
            words.iter().for_each(|prompt| self.prompt(&format!("queues.{queue}.whisper"), *prompt));
        }
        for (language, prompt) in &briefing.languages {
            self.prompt(&format!("calls.language_whispers.{language}"), *prompt);
        }
        for (segment, prompt) in &briefing.segments {
            self.prompt(&format!("segments.{segment}.whisper"), *prompt);
        }
        if briefing.hands_free.is_empty() {
            let queues = briefing.queues.iter().map(|queue| format!("queues.{queue}.auto_answer"));
            let agents = briefing.agents.iter().filter(|(_, wanted)| **wanted);
            let agents = agents.map(|(agent, _)| format!("agents.{agent}.auto_answer"));
            for key in queues.chain(agents) {
                self.problems.warn(&key, "does nothing: no account says by auto_answer how its phone is told");
            }
        }
    }

    fn queues(&self) {
        let call = &self.settings.engine.call;
        for (name, queue) in &self.settings.engine.acd.queues {
            let key = |what: &str| format!("queues.{name}.{what}");
            self.held(&key("need"), &queue.need);
            for agent in &queue.order {
                self.agent(&key("order"), agent.as_str());
                let rules = self.settings.engine.acd.agents.get(agent);
                if rules.is_some_and(|rules| !rules.queues.contains(name)) {
                    self.problems.warn(&key("order"), format!("{agent} does not serve it"));
                }
            }
            if !queue.order.is_empty() && !matches!(queue.strategy, Strategy::RoundRobin | Strategy::Linear) {
                self.problems.warn(&key("order"), format!("means nothing to strategy {}", queue.strategy));
            }
            for (what, prompt) in [("music", queue.music), ("greeting", queue.greeting)] {
                if let Some(prompt) = prompt {
                    self.prompt(&key(what), prompt);
                }
            }
            let doors = &queue.doors;
            if let Some(calendar) = doors.calendar.filter(|name| !self.settings.engine.acd.calendars.contains_key(name))
            {
                self.problems
                    .error(&key("calendar"), format!("there is no calendar {calendar:?}; add [calendars.{calendar}]"));
            }
            let of_callbacks = self.settings.engine.acd.callbacks.get(name).and_then(|rules| rules.calendar);
            if let Some(calendar) = of_callbacks.filter(|name| !self.settings.engine.acd.calendars.contains_key(name)) {
                let sentence = format!("there is no calendar {calendar:?}; add [calendars.{calendar}]");
                self.problems.error(&key("callback.calendar"), sentence);
            }
            for (what, to) in [
                ("on_full", &queue.on_full),
                ("on_wait", &queue.on_wait),
                ("on_empty", &queue.on_empty),
                ("on_expected", &doors.on_expected),
                ("on_level", &doors.on_level),
                ("on_closed", &doors.on_closed),
                ("on_emergency", &doors.on_emergency),
            ] {
                self.overflow(&key(what), *name, to);
            }
            for (pressed, to) in &queue.keys {
                self.overflow(&key(&format!("keys.{pressed}")), *name, to);
            }
            let callback = self.settings.engine.acd.callbacks.get(name).and_then(|rules| rules.key);
            if let Some(pressed) = callback.filter(|pressed| queue.keys.contains_key(pressed)) {
                self.problems.error(&key(&format!("keys.{pressed}")), "is the key of the callback already; remove one");
            }
            self.dispositions(&key, queue);
            self.rings(&key("rings"), &queue.rings);
            if self.settings.engine.acd.callbacks.contains_key(name) && call.callback_class.is_none() {
                let sentence = "calls nobody: calls.callback_class does not say who may be called; set it";
                self.problems.error(&key("callback"), sentence);
            }
            let prompts = &call.prompts;
            let says_something = [prompts.position, prompts.wait, prompts.wait_minute].iter().any(Option::is_some);
            if !queue.announce_every.is_zero() && !says_something {
                self.problems
                    .warn(&key("announce_every"), "says nothing without calls.position_prompt or calls.wait_prompt");
            }
            if !self.settings.engine.acd.agents.values().any(|agent| agent.queues.contains(name)) {
                self.problems.warn(&format!("queues.{name}"), "no agent serves it");
            }
        }
    }

    /// What agents of a queue may and must say came of a call.
    fn dispositions(&self, key: &dyn Fn(&str) -> String, queue: &QueueRules) {
        let known = &self.settings.engine.acd.dispositions;
        for named in &queue.dispositions {
            let alone = QueueRules { dispositions: vec![*named], ..QueueRules::default() };
            if !known.keys().any(|disposition| alone.admits(*disposition)) {
                let sentence =
                    format!("there is no disposition {named:?}, nor one below it; add [dispositions.{named}]");
                self.problems.error(&key("dispositions"), sentence);
            }
        }
        if !queue.disposition_required {
            return;
        }
        if queue.wrap_up == WrapUp::None {
            self.problems.error(&key("disposition_required"), "needs a wrap-up in which it is said; set wrap_up");
        }
        if known.is_empty() {
            self.problems.error(&key("disposition_required"), "there is nothing to say; add [dispositions.NAME]");
        }
    }

    /// By what an agent says that a matter is settled.
    fn settled(&self) {
        let known = &self.settings.engine.acd.dispositions;
        for named in &self.settings.figures.settled {
            let alone = QueueRules { dispositions: vec![*named], ..QueueRules::default() };
            if !known.keys().any(|disposition| alone.admits(*disposition)) {
                let sentence = format!("names {named}, which nobody can say; add [dispositions.{named}]");
                self.problems.warn("figures.settled", sentence);
            }
        }
    }

    /// Where those go whom a queue does not keep.
    fn overflow(&self, key: &str, from: QueueId, to: &Overflow) {
        match to {
            Overflow::Queue(to) if *to == from => self.problems.error(key, "a queue cannot overflow into itself"),
            Overflow::Queue(to) => self.queue(key, *to),
            Overflow::Prompt(prompt) => self.prompt(key, *prompt),
            Overflow::Menu(menu) => self.menu(key, *menu),
            Overflow::Voicemail(mailbox) => self.mailbox(key, *mailbox),
            Overflow::Callback => self.calls_back(key, from),
            Overflow::Number(_) => self.goes_outside(key),
            Overflow::HangUp => {}
        }
    }

    fn goes_outside(&self, key: &str) {
        if self.settings.engine.call.overflow_class.is_none() {
            self.problems.error(key, "goes outside, which calls.overflow_class does not allow; set it");
        }
    }

    fn menus(&self) {
        for (name, mailbox) in &self.settings.engine.call.mailboxes {
            for prompt in &mailbox.prompts {
                self.prompt(&format!("mailboxes.{name}.prompts"), *prompt);
            }
        }
        for (name, menu) in &self.settings.engine.call.menus {
            let key = |what: &str| format!("menus.{name}.{what}");
            for prompt in &menu.prompts {
                self.prompt(&key("prompts"), *prompt);
            }
            let goals = menu.keys.iter().map(|(pressed, goal)| (key(&format!("keys.{pressed}")), goal));
            for (key, goal) in goals.chain([(key("otherwise"), &menu.otherwise)]) {
                match goal {
                    Goal::Queue(queue) => self.queue(&key, *queue),
                    Goal::Menu(menu) => self.menu(&key, *menu),
                    Goal::Voicemail(mailbox) => self.mailbox(&key, *mailbox),
                    Goal::Prompt(prompt) => self.prompt(&key, *prompt),
                    Goal::Number(_) => self.goes_outside(&key),
                    Goal::HangUp => {}
                }
            }
        }
    }

    /// Rings name what exists, and leave a caller at least half his target for everybody else.
    fn rings(&self, key: &str, rings: &[RingRules]) {
        let acd = &self.settings.engine.acd;
        for (at, ring) in rings.iter().enumerate() {
            for segment in &ring.segments {
                let names = acd.segments.keys().map(|s| s.as_str().to_owned());
                self.known(&format!("{key}[{at}].segments"), "segment", segment.as_str(), names);
            }
            if let RingNeed::Need(need) = &ring.need {
                self.held(&format!("{key}[{at}].need"), need);
            }
        }
        for (segment, rules) in &acd.segments {
            let own = rings.iter().filter(|ring| ring.segments.is_empty() || ring.segments.contains(segment));
            let together: Duration = own.map(|ring| ring.length).sum();
            if together > rules.wait_target / 2 {
                self.problems.warn(
                    key,
                    format!(
                        "keep callers of {segment} from most agents for more than half their wait_target; shorten them"
                    ),
                );
            }
        }
    }

    fn skills(&self) {
        let acd = &self.settings.engine.acd;
        for (skill, rules) in &acd.skills {
            let holders = acd.agents.values().filter(|agent| agent.skills.contains_key(skill)).count();
            if holders == 0 {
                self.problems.warn(&format!("skills.{skill}"), "no agent has it");
            } else if rules.reserve as usize >= holders {
                let all = format!(
                    "keeps all {holders} agents who have it for the few; ordinary callers wait half their target"
                );
                self.problems.warn(&format!("skills.{skill}.reserve"), all);
            }
        }
    }

    /// What a segment demands, and whether anybody is certified for it.
    fn certificates(&self) {
        let acd = &self.settings.engine.acd;
        for (segment, demanded) in &acd.certified {
            for (skill, least) in demanded {
                let able = |agent: &turno_acd::AgentRules| {
                    agent.skills.contains_key(skill)
                        && agent.certificates.get(skill).is_some_and(|held| held.level >= *least)
                };
                if !acd.agents.values().any(able) {
                    let nobody =
                        format!("no agent has it with a certificate of level {least}; such calls are never answered");
                    self.problems.warn(&format!("segments.{segment}.certified.{skill}"), nobody);
                }
            }
        }
        for (name, agent) in &acd.agents {
            for skill in agent.certificates.keys().filter(|skill| !agent.skills.contains_key(skill)) {
                let key = format!("agents.{name}.certificates.{skill}");
                self.problems.warn(&key, "is for a skill that the agent does not have; add it to his skills");
            }
        }
    }

    fn agents(&self) {
        let acd = &self.settings.engine.acd;
        if let Some(reason) = acd.login_reason.filter(|reason| !acd.reasons.contains_key(reason)) {
            self.problems.error("acd.login_reason", format!("there is no reason {reason}; add [reasons.{reason}]"));
        }
        let mut codes: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, agent) in &self.settings.engine.acd.agents {
            let key = |what: &str| format!("agents.{name}.{what}");
            if let Some(station) = agent.station {
                self.station(&key("station"), station);
            }
            for queue in &agent.queues {
                self.queue(&key("queues"), *queue);
            }
            for queue in agent.ranks.keys().filter(|queue| !agent.queues.contains(queue)) {
                self.problems.error(&key("ranks"), format!("serves no queue {queue}; add it to queues"));
            }
            if agent.queues.is_empty() {
                self.problems.warn(&format!("agents.{name}"), "serves no queue");
            }
            if !agent.code.is_empty()
                && let Some(other) = codes.insert(&agent.code, name.as_str())
            {
                self.problems.error(&key("code"), format!("is also the code of {other}"));
            }
        }
    }

    fn accounts(&self) {
        let sip = &self.settings.engine.sip;
        let mut seen: BTreeMap<StationId, &str> = BTreeMap::new();
        for account in &sip.accounts {
            let key = format!("accounts.{}", account.user);
            if let Some(other) = seen.insert(account.station, &account.user) {
                self.problems.error(&key, format!("is the same station as account {other}"));
            }
            if let Some(trunk) = account.fixed.as_ref().and_then(|fixed| fixed.trunk) {
                self.trunk(&format!("{key}.fixed.trunk"), trunk);
            }
        }
        for trunk in &sip.trunks {
            if let Some(user) = &trunk.digest_user
                && !sip.accounts.iter().any(|account| account.user == *user)
            {
                self.problems
                    .error(&format!("trunks.{}.digest_user", trunk.id), format!("there is no account {user:?}"));
            }
        }
    }

    fn segments(&self) {
        let engine = &self.settings.engine;
        let names = || engine.acd.segments.keys().map(|s| s.as_str().to_owned());
        self.known("customers.segment_default", "segment", engine.segment_default.as_str(), names());
        let mut missing = BTreeSet::new();
        for segment in self.settings.portfolio.iter().filter_map(|customer| customer.segment) {
            if !engine.acd.segments.contains_key(&segment) && missing.insert(segment) {
                self.problems.warn(
                    "customers.file",
                    format!("names segment {segment}, which [segments] does not have; its customers count as segment_default"),
                );
            }
        }
    }

    /// An overflow to a callback needs rules for it, and words if there is a key to be pressed.
    fn calls_back(&self, key: &str, queue: QueueId) {
        let engine = &self.settings.engine;
        match engine.acd.callbacks.get(&queue) {
            None => self.problems.error(key, format!("calls nobody back; add [queues.{queue}.callback]")),
            Some(rules) if rules.key.is_some() && engine.call.prompts.callback_offer.is_none() => {
                self.problems.error(key, "asks for a key that nobody is told of; set calls.callback_offer_prompt");
            }
            Some(_) => {}
        }
    }

    /// A skill that nobody holds can never be found.
    fn held(&self, key: &str, need: &Need) {
        let best = |skill: SkillId| self.settings.engine.acd.agents.values().filter_map(|a| a.skills.get(&skill)).max();
        match need {
            Need::Anyone => {}
            Need::AtLeast { skill, level } => match best(*skill) {
                None => self.problems.warn(key, format!("no agent has skill {skill}")),
                Some(best) if best < level => {
                    self.problems
                        .warn(key, format!("no agent has skill {skill} at level {level}; the best has {best}"));
                }
                Some(_) => {}
            },
            Need::All(parts) | Need::Any(parts) => parts.iter().for_each(|part| self.held(key, part)),
            Need::Not(_) => {}
        }
    }

    fn queue(&self, key: &str, queue: QueueId) {
        let names = self.settings.engine.acd.queues.keys().map(|q| q.as_str().to_owned());
        self.known(key, "queue", queue.as_str(), names);
    }

    fn mailbox(&self, key: &str, mailbox: Name) {
        let names = self.settings.engine.call.mailboxes.keys().map(|m| m.as_str().to_owned());
        self.known(key, "mailbox", mailbox.as_str(), names);
    }

    fn menu(&self, key: &str, menu: Name) {
        let names = self.settings.engine.call.menus.keys().map(|m| m.as_str().to_owned());
        self.known(key, "menu", menu.as_str(), names);
    }

    fn prompt(&self, key: &str, prompt: PromptId) {
        let names = self.settings.prompts.keys().map(|p| p.as_str().to_owned());
        self.known(key, "prompt", prompt.as_str(), names);
    }

    fn station(&self, key: &str, station: StationId) {
        self.known(key, "station", station.as_str(), self.stations.iter().map(|s| s.as_str().to_owned()));
    }

    fn trunk(&self, key: &str, trunk: TrunkId) {
        self.known(key, "trunk", trunk.as_str(), self.trunks.iter().map(|t| t.as_str().to_owned()));
    }

    fn agent(&self, key: &str, agent: &str) {
        let names = self.settings.engine.acd.agents.keys().map(|a| a.as_str().to_owned());
        self.known(key, "agent", agent, names);
    }

    fn class(&self, key: &str, class: Name) {
        let names = self.settings.engine.call.outside.keys().map(|c| c.as_str().to_owned());
        self.known(key, "class in [outside]", class.as_str(), names);
    }

    fn known(&self, key: &str, what: &str, name: &str, names: impl Iterator<Item = String>) {
        let mut nearest: Option<(usize, String)> = None;
        for known in names {
            if known == name {
                return;
            }
            let apart = distance(&known, name);
            if nearest.as_ref().is_none_or(|(best, _)| apart < *best) {
                nearest = Some((apart, known));
            }
        }
        let hint = match nearest {
            Some((apart, nearest)) if apart <= nearest.len().max(2) / 2 => format!("; did you mean {nearest:?}?"),
            Some(_) | None => "; add it, or name one that exists".to_owned(),
        };
        self.problems.error(key, format!("there is no {what} {name:?}{hint}"));
    }
}
