//! The language of the scripts, and how decisions are written down.
//!
//! Lines without a time in front are the configuration that the day begins with; with a time they change it. Times are ms.
//!
//! ```text
//! queue ventas ring=20 wrap=atmost:10 wait=60 onwait=queue:general len=3 onfull=number:900 every=15 short=5 need=a>=2
//! queue linea by=linear order=boris,anna
//! agent anna ventas,general skills=a:3,b:1 misses=2 code=77 at=desk1 ranks=general:1
//! segment gold 4000 20 240          value per mille, target s, guard s
//! reason lunch 1800 ready           s, and what then; also logout; `unpaid` at the end
//! backoff rest-declined 5           s
//! begins lunch                      who logs in
//! redial 60                         s
//! disposition sale saved:60         the rule is optional
//! extension 30 2                    s, times
//! skill catalan reserve=1 handle=240
//! certified gold a:3,b:1            and of the agent: certs=a:3:3600 (level, s by the wall clock)
//! 900 skill anna set a 3 until=3600 changed while she works; also unset a, reset a
//! ring ventas for=2 level=3 of=gold need=a>=2 skip=no    `ring *` for all queues
//! rule opportunity=500 fit=40       and more, s
//! calendar day 540 1080             open each day from minute to minute of UTC; the script begins at midnight
//! 100 in anna                       logs in at station anna; `in anna desk1` elsewhere; also out, pause, ready, saved, extend
//! 100 result anna sale
//! 100 call c1 ventas gold need=b value=500 who=600 credit=5000 owner=anna last=boris
//! 200 ring anna                     about the last offer to anna; also accept, decline, busy, unreachable, noanswer, lost
//! 200 accept anna stale             with the epoch before
//! 900 release anna                  about the item he serves; also hold, talk, consult
//! 900 gone c1 abandoned             also withdrawn, failed
//! 900 join boris c1
//! 900 station anna down             also up
//! 900 private anna 1
//! 900 said c1
//! 900 emergency on ventas           of all queues without a name; also off
//! 900 bump c1 30                    s older; also move c1 ventas, needs c1 b>=2
//! 900 cut                           everybody who waits is cut off by us
//! 900 dial anna shift 77            a feature code from that station; also pause
//! 900 save                          the machine goes through bytes
//! 900 drop queue ventas             also agent
//! callback ventas key=1 first=agent dials=2 kept=9 attempts=3 busy=60 noanswer=60 failed=60 unsure=60 hours=540-1200
//! 100 call c1 ventas to=+34600000001   may be called back there
//! 200 key c1 1
//! 900 answered b1                   the customer whom the attempt b1 dialled; attempts are b1, b2 … in order
//! 900 failed b1 busy                also noanswer, failed, unsure, nothing
//! 900 back +34600000001 ventas      a person wants it; `at=SECONDS` by the wall clock; also unback, appoint NUMBER SECONDS
//! agent anna ventas tasks=2 room=email:1
//! 900 task email ventas urgent gold due=3600 need=a value=5 owner=anna   tasks are t1, t2 … in order; also low
//! 900 done t1 sale                  the result is optional; also pass t1 general
//! 900 end
//! ```

mod told;
mod words;

use std::collections::BTreeMap;
use std::fmt::Write;

use expect_test::Expect;
use turno_base::fact::{AgentState, CallbackResult, OfferEnd, QueueLeft, TaskChange};
use turno_base::{AgentId, CallId, ItemId, Name, Now, QueueId, SegmentId, SkillId, StationId};

use crate::calendar::{Calendar, Span};
use crate::{
    Acd, AcdConfig, Bounds, Command, Decision, DispositionRules, Event, ReasonRules, SegmentRules, SkillRules, TooLong,
};
pub(crate) use told::state;
use told::{short, told};
use words::{agent_rules, callback_rules, command, entry, queue_rules, ring_rules, secs, task, wrap_up};

/// The transcript of a script, on a machine with ordinary bounds. Every run must end healthy.
pub(crate) fn run(script: &str) -> String {
    let mut run = Run::new(script, Bounds::default());
    run.play();
    assert_eq!(run.acd.counts().healed, 0, "a healthy run heals nothing:\n{}", run.text);
    run.text
}

/// Compares the transcript of a script.
pub(super) fn check(script: &str, transcript: Expect) {
    transcript.assert_eq(&run(script));
}

/// A machine with its script.
pub(crate) struct Run {
    pub(crate) acd: Acd,
    pub(crate) config: AcdConfig,
    pub(crate) text: String,
    lines: Vec<(u64, String)>,
    /// Last offer to each agent: item, epoch, and the epoch of the one before.
    offers: BTreeMap<AgentId, (ItemId, u64, u64)>,
    /// Attempts to call back, in order.
    backs: Vec<ItemId>,
    /// Tasks, in order.
    pub(crate) tasks: Vec<ItemId>,
}

pub(crate) fn agent(text: &str) -> AgentId {
    AgentId::new(text).expect(text)
}

pub(crate) fn item(text: &str) -> ItemId {
    ItemId(CallId(text.strip_prefix('c').and_then(|n| n.parse().ok()).expect(text)))
}

impl Run {
    pub(crate) fn new(script: &str, bounds: Bounds) -> Run {
        let mut run = Run {
            acd: Acd::new(AcdConfig::default(), 0),
            config: AcdConfig::default(),
            text: String::new(),
            lines: Vec::new(),
            offers: BTreeMap::new(),
            backs: Vec::new(),
            tasks: Vec::new(),
        };
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match line.split_once(' ').and_then(|(at, rest)| Some((at.parse().ok()?, rest.to_owned()))) {
                Some(timed) => run.lines.push(timed),
                None => {
                    let words: Vec<&str> = line.split_whitespace().collect();
                    assert!(run.set(&words), "{line}");
                }
            }
        }
        run.acd = Acd::with_bounds(run.config.clone(), 7, bounds);
        run
    }

    /// Plays all lines, and between them whatever is due.
    pub(crate) fn play(&mut self) {
        for (at, line) in std::mem::take(&mut self.lines) {
            self.until(at);
            self.line(at, &line);
        }
    }

    /// Lets time pass up to an instant.
    pub(crate) fn until(&mut self, ms: u64) {
        while let Some(due) = self.acd.deadline().filter(|due| due.as_ms() <= ms) {
            let now = Now::from_ms(due.as_ms());
            assert_eq!(now.mono, due, "scripts live in whole milliseconds");
            let mut out = Vec::new();
            self.acd.on_deadline(now, &mut out);
            self.remember(&out);
            self.note(due.as_ms(), &out);
        }
    }

    /// A line about the configuration; false if it is none.
    pub(crate) fn set(&mut self, words: &[&str]) -> bool {
        match words {
            ["queue", name, rest @ ..] => {
                self.config.queues.insert(QueueId::new(name).expect(name), queue_rules(rest));
            }
            ["agent", name, queues, rest @ ..] => {
                self.config.agents.insert(agent(name), agent_rules(name, queues, rest));
            }
            ["segment", name, value, target, max] => {
                let rules = SegmentRules {
                    value_pm: value.parse().expect(value),
                    wait_target: secs(target),
                    wait_max: secs(max),
                };
                self.config.segments.insert(SegmentId::new(name).expect(name), rules);
            }
            ["reason", name, longest, then @ ..] => {
                let paid = !then.contains(&"unpaid");
                let then = match then {
                    ["ready", ..] => TooLong::Ready,
                    ["logout", ..] => TooLong::Logout,
                    _ => TooLong::Warn,
                };
                let rules = ReasonRules { paid, longest: secs(longest), then };
                self.config.reasons.insert(Name::new(name).expect(name), rules);
            }
            ["disposition", name, rule @ ..] => {
                let rules =
                    DispositionRules { wrap_up: rule.first().map(|rule| wrap_up(rule)), ..DispositionRules::default() };
                self.config.dispositions.insert(Name::new(name).expect(name), rules);
            }
            ["extension", length, most] => {
                self.config.wrap_up_extension = secs(length);
                self.config.wrap_up_extensions_max = most.parse().expect(most);
            }
            ["backoff", cause, length] => {
                let back_off = &mut self.config.back_off;
                let at = match *cause {
                    "apart-no-answer" => &mut back_off.apart_no_answer,
                    "apart-ring-all" => &mut back_off.apart_ring_all,
                    "apart-declined" => &mut back_off.apart_declined,
                    "apart-busy" => &mut back_off.apart_busy,
                    "apart-unreachable" => &mut back_off.apart_unreachable,
                    "rest-declined" => &mut back_off.rest_declined,
                    "rest-busy" => &mut back_off.rest_busy,
                    "rest-unreachable" => &mut back_off.rest_unreachable,
                    _ => panic!("{cause}"),
                };
                *at = secs(length);
            }
            ["begins", reason] => self.config.login_reason = Name::new(reason).ok(),
            ["callback", queue, rest @ ..] => {
                self.config.callbacks.insert(QueueId::new(queue).expect(queue), callback_rules(rest));
            }
            ["rule", rest @ ..] => self.rule(rest),
            ["skill", name, rest @ ..] if rest.iter().all(|word| word.contains('=')) => {
                let mut rules = SkillRules::default();
                for word in rest {
                    match word.split_once('=').expect(word) {
                        ("reserve", keeps) => rules.reserve = keeps.parse().expect(keeps),
                        (_, handle) => rules.handle = Some(secs(handle)),
                    }
                }
                self.config.skills.insert(SkillId::new(name).expect(name), rules);
            }
            ["ring", queue, rest @ ..] => {
                let ring = ring_rules(rest);
                match *queue {
                    "*" => self.config.rings.push(ring),
                    _ => self.config.queues.get_mut(&QueueId::new(queue).expect(queue)).expect(queue).rings.push(ring),
                }
            }
            ["calendar", name, from_minute, to_minute] => {
                let span =
                    Span { from: from_minute.parse().expect("a minute"), to: to_minute.parse().expect("a minute") };
                let calendar = Calendar { week: std::array::from_fn(|_| vec![span]), ..Calendar::default() };
                self.config.calendars.insert(Name::new(name).expect(name), calendar);
            }
            ["certified", segment, list] => {
                let demanded = list.split(',').map(|one| {
                    let (skill, level) = one.split_once(':').expect(one);
                    (SkillId::new(skill).expect(skill), level.parse().expect(level))
                });
                self.config.certified.insert(SegmentId::new(segment).expect(segment), demanded.collect());
            }
            ["redial", window] => self.config.redial_keeps_place = secs(window),
            ["drop", "queue", name] => {
                self.config.queues.remove(&QueueId::new(name).expect(name));
            }
            ["drop", "agent", name] => {
                self.config.agents.remove(&agent(name));
            }
            _ => return false,
        }
        true
    }

    fn rule(&mut self, words: &[&str]) {
        let rule = &mut self.config.rule;
        for word in words {
            let (key, value) = word.split_once('=').expect(word);
            match key {
                "exponent" => rule.value_exponent_pm = value.parse().expect(value),
                "pressure" => rule.pressure_exponent_pm = value.parse().expect(value),
                "fit" => rule.fit_per_level = secs(value),
                "opportunity" => rule.opportunity = secs(value),
                "counted" => rule.idle_counted = secs(value),
                "reference" => rule.handle_reference = secs(value),
                "occupancy" => rule.occupancy = secs(value),
                "every" => rule.tables_every = secs(value),
                "bonus" => rule.owner_bonus = secs(value),
                "owner" => rule.owner_waits = secs(value),
                "absent" => rule.owner_absent_credit = secs(value),
                "last" => rule.last_agent_waits = secs(value),
                "kept" => rule.last_agent_kept = secs(value),
                _ => panic!("rule {word}"),
            }
        }
    }

    pub(crate) fn line(&mut self, at: u64, line: &str) {
        let out = self.tell(at, line);
        self.note(at, &out);
    }

    /// Does one line, and returns what was decided.
    pub(crate) fn tell(&mut self, at: u64, line: &str) -> Vec<Decision> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let now = Now::from_ms(at);
        let mut out = Vec::new();
        if let Some(event) = self.event(&words) {
            self.acd.on_event(event, now, &mut out);
        } else if let Some(command) = self.about_task(&words).or_else(|| command(&words)) {
            if let Err(refusal) = self.acd.on_command(command, now, &mut out) {
                assert!(out.is_empty(), "a refused command changes nothing");
                let _ = writeln!(self.text, "{at} refused: {refusal}");
            }
        } else if let ["dial", station, code, digits @ ..] = words.as_slice() {
            let station = StationId::new(station).expect(station);
            let digits = digits.first().copied().unwrap_or("");
            let done = match *code {
                "shift" => self.acd.toggle_shift(station, digits, now, &mut out),
                _ => self.acd.toggle_pause(station, digits, now, &mut out),
            };
            if let Err(refusal) = done {
                assert!(out.is_empty(), "a refused command changes nothing");
                let _ = writeln!(self.text, "{at} refused: {refusal}");
            }
        } else if self.set(&words) {
            self.acd.configure(self.config.clone(), now, &mut out);
        } else {
            match words.as_slice() {
                ["cut"] => self.acd.cut_waiting(now, &mut out),
                ["save"] => {
                    let bytes = postcard::to_stdvec(&self.acd).expect("the state serialises");
                    self.acd = postcard::from_bytes(&bytes).expect("and comes back");
                }
                ["end"] => {}
                _ => panic!("what is {line:?}?"),
            }
        }
        self.remember(&out);
        out
    }

    fn event(&self, words: &[&str]) -> Option<Event> {
        Some(match words {
            ["call", id, queue, rest @ ..] => Event::Enter(entry(id, queue, rest)),
            ["gone", id, how] => Event::Leave {
                item: self.named(id),
                how: match *how {
                    "abandoned" => QueueLeft::Abandoned,
                    "failed" => QueueLeft::Failed,
                    _ => QueueLeft::Withdrawn,
                },
            },
            ["ring" | "accept" | "decline" | "busy" | "unreachable" | "noanswer" | "lost", who, rest @ ..] => {
                let agent = agent(who);
                let (item, last, before) = self.offers.get(&agent).copied().unwrap_or((item("c0"), 0, 0));
                let epoch = if rest.is_empty() { last } else { before };
                let failed = |end| Event::OfferFailed { item, agent, epoch, end };
                match words[0] {
                    "ring" => Event::Ringing { item, agent, epoch },
                    "accept" => Event::Accept { item, agent, epoch },
                    "decline" => failed(OfferEnd::Declined),
                    "busy" => failed(OfferEnd::Busy),
                    "unreachable" => failed(OfferEnd::Unreachable),
                    "lost" => failed(OfferEnd::LostRace),
                    _ => failed(OfferEnd::RingNoAnswer),
                }
            }
            ["release", who] => Event::Released { item: self.item_of(who), agent: agent(who) },
            [verb @ ("hold" | "talk" | "consult"), who] => Event::Phase {
                item: self.item_of(who),
                agent: agent(who),
                state: match *verb {
                    "hold" => AgentState::Holding,
                    "talk" => AgentState::Talking,
                    _ => AgentState::Consulting,
                },
            },
            ["join", who, id] => Event::Joined { item: item(id), agent: agent(who) },
            ["station", name, state] => {
                Event::Station { station: StationId::new(name).expect(name), reachable: *state == "up" }
            }
            ["private", name, calls] => {
                Event::StationCalls { station: StationId::new(name).expect(name), calls: calls.parse().expect(calls) }
            }
            ["key", id, key] => Event::Key { item: self.named(id), key: key.chars().next().expect(key) },
            ["answered", id] => Event::CallbackAnswered { item: self.named(id) },
            ["failed", id, how] => Event::CallbackFailed {
                item: self.named(id),
                result: match *how {
                    "busy" => Some(CallbackResult::Busy),
                    "noanswer" => Some(CallbackResult::NoAnswer),
                    "failed" => Some(CallbackResult::Failed),
                    "unsure" => Some(CallbackResult::Unsure),
                    _ => None,
                },
            },
            ["said", id] => Event::Announced { item: item(id) },
            _ => return None,
        })
    }

    fn about_task(&self, words: &[&str]) -> Option<Command> {
        let named = |id: &str| {
            let number = id.strip_prefix('t').and_then(|n| n.parse::<usize>().ok());
            number.and_then(|n| self.tasks.get(n - 1).copied()).unwrap_or(item("c0"))
        };
        Some(match words {
            ["task", kind, queue, rest @ ..] => Command::TaskAdd(Box::new(task(kind, queue, rest))),
            ["done", id, rest @ ..] => Command::TaskDone {
                task: named(id),
                disposition: rest.first().map(|said| Name::new(said).expect(said)),
            },
            ["pass", id, queue] => Command::TaskMove { task: named(id), queue: QueueId::new(queue).expect(queue) },
            _ => return None,
        })
    }

    /// The item the agent's state is about.
    fn item_of(&self, who: &str) -> ItemId {
        let row = self.acd.agent(agent(who), Now::default());
        row.and_then(|row| row.item).unwrap_or(item("c0"))
    }

    fn note(&mut self, at: u64, out: &[Decision]) {
        for decision in out {
            let mut line = told(decision);
            for (at, back) in self.backs.iter().enumerate() {
                line = line.replace(&short(back), &format!("b{}", at + 1));
            }
            for (at, task) in self.tasks.iter().enumerate() {
                line = line.replace(&short(task), &format!("t{}", at + 1));
            }
            let _ = writeln!(self.text, "{at} {line}");
        }
    }

    /// `c1`, or `b1` for the first attempt to call back.
    fn named(&self, id: &str) -> ItemId {
        match id.strip_prefix('b').and_then(|n| n.parse::<usize>().ok()) {
            Some(n) => self.backs.get(n - 1).copied().unwrap_or_else(|| panic!("{id} has not begun:\n{}", self.text)),
            None => item(id),
        }
    }

    fn remember(&mut self, out: &[Decision]) {
        for decision in out {
            if let Decision::CallBack { item, .. } = decision {
                self.backs.push(*item);
            }
            if let Decision::Task { item, change: TaskChange::Added { .. }, .. } = decision {
                self.tasks.push(*item);
            }
            if let Decision::Offer { item, agent, epoch, .. } = decision {
                let before = self.offers.get(agent).map_or(0, |&(_, epoch, _)| epoch);
                self.offers.insert(*agent, (*item, *epoch, before));
            }
        }
    }
}
