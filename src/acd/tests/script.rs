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

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use turno_base::fact::{AgentState, CallbackResult, OfferEnd, QueueLeft, TaskChange, TaskKind, WaitingChange};
use turno_base::{AgentId, CallId, ItemId, Name, Need, Now, PromptId, QueueId, SegmentId, SkillId, StationId, Wall};

use crate::calendar::{Calendar, Span};
use crate::{
    Acd, AcdConfig, AgentRules, Bounds, CallbackRules, Certificate, Command, Credit, Credits, Decision,
    DispositionRules, Entry, Event, Hours, Ignored, Kind, NewTask, Overflow, Presence, Priority, QueueRules,
    ReasonRules, RingNeed, RingRules, SegmentRules, SkillChange, SkillRules, TooLong, WrapUp, need,
};

/// The transcript of a script, on a machine with ordinary bounds. Every run must end healthy.
pub(crate) fn run(script: &str) -> String {
    let mut run = Run::new(script, Bounds::default());
    run.play();
    assert_eq!(run.acd.counts().healed, 0, "a healthy run heals nothing:\n{}", run.text);
    run.text
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

fn secs(text: &str) -> Duration {
    Duration::from_secs(text.parse().expect(text))
}

fn overflow(text: &str) -> Overflow {
    match text.split_once(':') {
        None => Overflow::HangUp,
        Some(("queue", to)) => Overflow::Queue(QueueId::new(to).expect(to)),
        Some(("number", to)) => Overflow::Number(to.to_owned()),
        Some(("callback", _)) => Overflow::Callback,
        Some(("prompt", to)) => Overflow::Prompt(PromptId::new(to).expect(to)),
        Some(("menu", to)) => Overflow::Menu(Name::new(to).expect(to)),
        Some((word, _)) => panic!("overflow to {word}"),
    }
}

fn wrap_up(text: &str) -> WrapUp {
    match text.split_once(':') {
        Some(("fixed", length)) => WrapUp::Fixed(secs(length)),
        Some(("atmost", length)) => WrapUp::AtMost(secs(length)),
        Some(("saved", length)) => WrapUp::UntilSaved(secs(length)),
        Some(_) | None => WrapUp::None,
    }
}

fn ignored(list: &str) -> Ignored {
    let named = |name: &str| Presence::ALL.into_iter().find(|presence| presence.as_str() == name).expect(name);
    Ignored::these(list.split(',').map(named))
}

fn queue_rules(words: &[&str]) -> QueueRules {
    let mut rules = QueueRules::default();
    for word in words {
        let (key, value) = word.split_once('=').expect(word);
        match key {
            "need" => rules.need = need::parse(&value.replace('_', " ")).expect(value),
            "by" => rules.strategy = value.parse().expect(value),
            "order" => rules.order = value.split(',').map(agent).collect(),
            "len" => rules.length_max = value.parse().expect(value),
            "ring" => rules.ring_limit = secs(value),
            "wait" => rules.wait_limit = secs(value),
            "wrap" => rules.wrap_up = wrap_up(value),
            "join" => rules.join_when_empty = value == "yes",
            "leave" => rules.leave_when_empty = value == "yes",
            "onfull" => rules.on_full = overflow(value),
            "onwait" => rules.on_wait = overflow(value),
            "onempty" => rules.on_empty = overflow(value),
            "key" => {
                let (key, to) = value.split_once('>').expect(value);
                rules.keys.insert(key.chars().next().expect(key), overflow(to));
            }
            "short" => rules.short_abandon = secs(value),
            "every" => rules.announce_every = secs(value),
            "joinignores" => rules.doors.join_ignores = ignored(value),
            "leaveignores" => rules.doors.leave_ignores = ignored(value),
            "expect" => rules.doors.expected_limit = secs(value),
            "onexpect" => rules.doors.on_expected = overflow(value),
            "level" => rules.doors.level_min_pct = value.parse().expect(value),
            "onlevel" => rules.doors.on_level = overflow(value),
            "hours" => rules.doors.calendar = Some(Name::new(value).expect(value)),
            "shut" => rules.doors.leave_when_closed = value == "yes",
            "onclosed" => rules.doors.on_closed = overflow(value),
            "onemergency" => rules.doors.on_emergency = overflow(value),
            _ => panic!("queue {word}"),
        }
    }
    rules
}

fn ring_rules(words: &[&str]) -> RingRules {
    let mut ring = RingRules {
        segments: Vec::new(),
        need: RingNeed::Need(Need::Anyone),
        length: Duration::ZERO,
        skip_if_none_logged_in: true,
        widen_if_expected_over: None,
    };
    for word in words {
        match word.split_once('=').expect(word) {
            ("for", length) => ring.length = secs(length),
            ("level", level) => ring.need = RingNeed::Level(level.parse().expect(level)),
            ("need", text) => ring.need = RingNeed::Need(need::parse(&text.replace('_', " ")).expect(text)),
            ("of", list) => ring.segments = list.split(',').map(|s| SegmentId::new(s).expect(s)).collect(),
            ("over", length) => ring.widen_if_expected_over = Some(secs(length)),
            ("skip", skip) => ring.skip_if_none_logged_in = skip == "yes",
            _ => panic!("ring {word}"),
        }
    }
    ring
}

fn task_kind(text: &str) -> TaskKind {
    TaskKind::ALL.into_iter().find(|kind| kind.as_str() == text).expect(text)
}

fn task(kind: &str, queue: &str, words: &[&str]) -> NewTask {
    let mut new = NewTask {
        kind: task_kind(kind),
        queue: QueueId::new(queue).expect(queue),
        need: Need::Anyone,
        segment: SegmentId::new("plain").expect("plain"),
        value_pm: 0,
        due: None,
        priority: Priority::Medium,
        subject: String::new(),
        customer: None,
        owner: None,
    };
    for word in words {
        match word.split_once('=') {
            None if *word == "urgent" => new.priority = Priority::Urgent,
            None if *word == "low" => new.priority = Priority::Low,
            None => new.segment = SegmentId::new(word).expect(word),
            Some(("due", due)) => new.due = Some(wall(due)),
            Some(("need", need)) => new.need = need::parse(&need.replace('_', " ")).expect(need),
            Some(("value", value)) => new.value_pm = value.parse().expect(value),
            Some(("owner", who)) => new.owner = Some(agent(who)),
            Some(("subject", length)) => new.subject = "x".repeat(length.parse().expect(length)),
            Some((_, length)) => new.customer = Some("x".repeat(length.parse().expect(length))),
        }
    }
    new
}

fn agent_rules(name: &str, queues: &str, words: &[&str]) -> AgentRules {
    let mut rules = AgentRules {
        shown: name.to_owned(),
        queues: queues.split(',').map(|q| QueueId::new(q).expect(q)).collect(),
        ..AgentRules::default()
    };
    for word in words {
        match word.split_once('=').expect(word) {
            ("skills", list) => {
                for skill in list.split(',') {
                    let (name, level) = skill.split_once(':').expect(skill);
                    rules.skills.insert(SkillId::new(name).expect(name), level.parse().expect(level));
                }
            }
            ("ranks", list) => {
                for rank in list.split(',') {
                    let (name, rank) = rank.split_once(':').expect(rank);
                    rules.ranks.insert(QueueId::new(name).expect(name), rank.parse().expect(rank));
                }
            }
            ("certs", list) => {
                for held in list.split(',') {
                    let mut parts = held.split(':');
                    let mut part = || parts.next();
                    let skill = SkillId::new(part().expect(held)).expect(held);
                    let level = part().and_then(|level| level.parse().ok()).expect(held);
                    rules.certificates.insert(skill, Certificate { level, until: part().map(wall) });
                }
            }
            ("tasks", most) => rules.tasks_max = most.parse().expect(most),
            ("room", list) => {
                for room in list.split(',') {
                    let (name, most) = room.split_once(':').expect(room);
                    rules.tasks.insert(task_kind(name), most.parse().expect(most));
                }
            }
            ("wrap", rule) => rules.wrap_up = Some(wrap_up(rule)),
            ("declines", most) => rules.declined_max = most.parse().expect(most),
            ("unreached", most) => rules.unreachable_max = most.parse().expect(most),
            ("misses", most) => rules.no_answer_max = most.parse().expect(most),
            ("code", code) => rules.code = code.to_owned(),
            ("at", station) => rules.station = Some(StationId::new(station).expect(station)),
            _ => panic!("agent {word}"),
        }
    }
    rules
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

fn entry(id: &str, queue: &str, words: &[&str]) -> Entry {
    let mut entry = Entry {
        item: item(id),
        kind: Kind::Call,
        queue: QueueId::new(queue).expect(queue),
        need: Need::Anyone,
        segment: SegmentId::new("plain").expect("plain"),
        value_pm: 0,
        caller: None,
        credits: Credits::default(),
        owner: None,
        last_agent: None,
        callback_to: None,
    };
    for word in words {
        match word.split_once('=') {
            None => entry.segment = SegmentId::new(word).expect(word),
            Some(("need", need)) => entry.need = need::parse(&need.replace('_', " ")).expect(need),
            Some(("value", value)) => entry.value_pm = value.parse().expect(value),
            Some(("to", to)) => entry.callback_to = Some(to.parse().expect(to)),
            Some(("owner", who)) => entry.owner = Some(agent(who)),
            Some(("last", who)) => entry.last_agent = Some(agent(who)),
            Some(("who", who)) => entry.caller = Some(who.to_owned()),
            Some(("credit", credit)) => {
                entry.credits = Credits::of(Credit::WaitedElsewhere, credit.parse().expect(credit))
            }
            Some(_) => panic!("call {word}"),
        }
    }
    entry
}

fn wall(seconds: &str) -> Wall {
    Wall::from_secs(seconds.parse().expect(seconds))
}

fn callback_rules(words: &[&str]) -> CallbackRules {
    let mut rules = CallbackRules::default();
    for word in words {
        let (key, value) = word.split_once('=').expect(word);
        match key {
            "key" => rules.key = value.chars().next(),
            "first" => rules.agent_first = value == "agent",
            "dials" => rules.dials_max = value.parse().expect(value),
            "kept" => rules.kept_max = value.parse().expect(value),
            "attempts" => rules.attempts_max = value.parse().expect(value),
            "busy" => rules.after_busy = secs(value),
            "noanswer" => rules.after_no_answer = secs(value),
            "failed" => rules.after_failed = secs(value),
            "unsure" => rules.after_unsure = secs(value),
            "ring" => rules.ring_limit = secs(value),
            "for" => rules.keep_for = secs(value),
            "hours" => {
                let (from, to) = value.split_once('-').expect(value);
                rules.hours = Some(Hours { from_min: from.parse().expect(from), to_min: to.parse().expect(to) });
            }
            _ => panic!("callback {word}"),
        }
    }
    rules
}

fn command(words: &[&str]) -> Option<Command> {
    Some(match words {
        ["in", who] => Command::Login { agent: agent(who), station: StationId::new(who).expect(who) },
        ["in", who, at] => Command::Login { agent: agent(who), station: StationId::new(at).expect(at) },
        ["out", who] => Command::Logout { agent: agent(who) },
        ["pause", who, reason] => Command::Pause { agent: agent(who), reason: Name::new(reason).expect(reason) },
        ["saved", who] => Command::Saved { agent: agent(who) },
        ["extend", who] => Command::Extend { agent: agent(who) },
        ["result", who, what] => Command::Dispose { agent: agent(who), disposition: Name::new(what).expect(what) },
        ["ready", who] => Command::Ready { agent: agent(who) },
        ["back", number, queue, rest @ ..] => Command::CallbackAdd {
            number: number.parse().expect(number),
            queue: QueueId::new(queue).expect(queue),
            segment: SegmentId::new("plain").expect("plain"),
            value_pm: 0,
            at: rest.first().and_then(|at| at.strip_prefix("at=")).map(wall),
        },
        ["unback", number] => Command::CallbackCancel { number: number.parse().expect(number) },
        ["appoint", number, at] => Command::CallbackAppoint { number: number.parse().expect(number), at: wall(at) },
        ["emergency", state, rest @ ..] => Command::Emergency {
            queue: rest.first().map(|queue| QueueId::new(queue).expect(queue)),
            on: *state == "on",
        },
        ["skill", who, verb @ ("set" | "unset" | "reset"), name, rest @ ..] => {
            let until = rest.iter().find_map(|word| word.strip_prefix("until=")).map(wall);
            let change = match *verb {
                "set" => SkillChange::Set { level: rest[0].parse().expect("a level"), until },
                "unset" => SkillChange::Unset { until },
                _ => SkillChange::AsConfigured,
            };
            Command::Skill { agent: agent(who), skill: SkillId::new(name).expect(name), change }
        }
        ["serve", who, queue, rest @ ..] => {
            let of = |what: &str| rest.iter().find_map(|word| word.strip_prefix(what));
            Command::Serve {
                agent: agent(who),
                queue: QueueId::new(queue).expect(queue),
                rank: of("rank=").map_or(0, |rank| rank.parse().expect(rank)),
                at: of("at=").map(|at| StationId::new(at).expect(at)),
            }
        }
        ["leave", who, queue] => Command::LeaveQueue { agent: agent(who), queue: QueueId::new(queue).expect(queue) },
        ["rank", who, queue, rank] => Command::Rank {
            agent: agent(who),
            queue: QueueId::new(queue).expect(queue),
            rank: rank.parse().expect(rank),
        },
        ["bump", id, by] => Command::Bump { item: item(id), by: secs(by) },
        ["move", id, to] => Command::Move { item: item(id), queue: QueueId::new(to).expect(to) },
        ["needs", id, what] => {
            Command::Needs { item: item(id), need: need::parse(&what.replace('_', " ")).expect(what) }
        }
        _ => return None,
    })
}

/// A state as people say it.
pub(crate) fn state(state: AgentState) -> String {
    match state {
        AgentState::Paused(reason) => format!("paused {reason}"),
        other => other.as_str().to_owned(),
    }
}

fn short(item: &ItemId) -> String {
    format!("c{}", item.0.0)
}

/// A decision as one line.
pub(crate) fn told(decision: &Decision) -> String {
    match decision {
        Decision::Entered { item, queue, position } => format!("{} enters {queue} at {position}", short(item)),
        Decision::Offer { item, agent, station, .. } if station.as_str() == agent.as_str() => {
            format!("offer {} to {agent}", short(item))
        }
        Decision::Offer { item, agent, station, .. } => format!("offer {} to {agent} at {station}", short(item)),
        Decision::Withdraw { item, agent, end, .. } => {
            format!("withdraw {} from {agent}: {}", short(item), end.as_str())
        }
        Decision::Connect { item, agent, .. } => format!("connect {} with {agent}", short(item)),
        Decision::OfferEnded { item, agent, end, ring_ms, .. } => {
            format!("offer of {} to {agent} ended: {} after {ring_ms}", short(item), end.as_str())
        }
        Decision::Left { item, queue, how, position, wait_ms } => {
            format!("{} leaves {queue}: {} at {position} after {wait_ms}", short(item), how.as_str())
        }
        Decision::Overflow { item, to } => match to {
            Overflow::Queue(queue) => format!("{} goes on to {queue}", short(item)),
            Overflow::Number(number) => format!("{} goes on to number {number}", short(item)),
            Overflow::Prompt(prompt) => format!("{} goes on to prompt {prompt}", short(item)),
            Overflow::Callback => format!("{} is offered a callback", short(item)),
            Overflow::Voicemail(mailbox) => format!("{} goes on to voicemail {mailbox}", short(item)),
            Overflow::Menu(menu) => format!("{} goes on to menu {menu}", short(item)),
            Overflow::HangUp => format!("{} is told good-bye", short(item)),
        },
        Decision::Announce { item, position, expected_ms: None } => format!("{} hears place {position}", short(item)),
        Decision::Announce { item, position, expected_ms: Some(ms) } => {
            format!("{} hears place {position}, {} s", short(item), ms / 1000)
        }
        Decision::Foreseen { item, expected_ms, waited_ms, .. } => {
            format!("{} waited {waited_ms}, expected {expected_ms}", short(item))
        }
        Decision::CallbackTaken { item, queue, how } => {
            format!("{} will be called back for {queue}: {}", short(item), how.as_str())
        }
        Decision::CallbackRefused { item } => format!("{} cannot be called back", short(item)),
        Decision::CallBack { item, back } => {
            let first = if back.agent_first { "agent" } else { "customer" };
            format!("call back {} as {}, {first} first, attempt {}", back.number, short(item), back.attempt)
        }
        Decision::CallbackStop { item } => format!("stop {}", short(item)),
        Decision::CallbackEnded { queue, end, attempts, .. } => {
            format!("a callback of {queue} is over: {} after {attempts}", end.as_str())
        }
        Decision::CallbacksDue { queue, due } => format!("{queue} has {due} to call back"),
        Decision::Agent { agent, state: now, item, is_paid, .. } => match item {
            Some(item) => format!("{agent} {} {}", state(*now), short(item)),
            None if !is_paid && *now != AgentState::LoggedOut => format!("{agent} {}, unpaid", state(*now)),
            None => format!("{agent} {}", state(*now)),
        },
        Decision::Serves { agent, queue, rank: Some(rank) } => format!("{agent} serves {queue} at rank {rank}"),
        Decision::Serves { agent, queue, rank: None } => format!("{agent} leaves {queue}"),
        Decision::PauseTooLong { agent, reason } => format!("{agent} too long in {reason}"),
        Decision::Disposed { item, agent, disposition } => format!("{agent} says {disposition} of {}", short(item)),
        Decision::Emergency { queue, on } => {
            let of = queue.map_or_else(|| "all queues".to_owned(), |queue| queue.to_string());
            format!("emergency {} for {of}", if *on { "on" } else { "off" })
        }
        Decision::Changed { item, change } => match change {
            WaitingChange::Bumped(ms) => format!("{} counts {ms} older", short(item)),
            WaitingChange::Moved(from, to) => format!("{} is moved from {from} to {to}", short(item)),
            WaitingChange::Needs(need) => format!("{} needs {}", short(item), need::text(need)),
        },
        Decision::Task { item, queue, kind, change } => {
            let of = format!("{} ({} for {queue})", short(item), kind.as_str());
            match change {
                TaskChange::Added { due } => format!("{of} is entered, due {}", due.as_secs()),
                TaskChange::Given(agent) => format!("{of} is given to {agent}"),
                TaskChange::Begun(agent) => format!("{of} is worked on by {agent}"),
                TaskChange::Held(agent) => format!("{of} is held by {agent}"),
                TaskChange::Returned(agent) => format!("{of} is given back by {agent}"),
                TaskChange::Moved(from) => format!("{of} comes from {from}"),
                TaskChange::Done { agent, disposition, worked_ms, waited_ms, is_late } => {
                    let by = agent.map_or("nobody".to_owned(), |agent| agent.to_string());
                    let said = disposition.map_or(String::new(), |said| format!(", {said}"));
                    let late = if *is_late { ", late" } else { "" };
                    format!("{of} is done by {by}{said}: waited {waited_ms}, worked {worked_ms}{late}")
                }
            }
        }
        Decision::Healed { reason } => format!("HEALED {reason:?}"),
    }
}
