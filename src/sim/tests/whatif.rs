//! A journal played again: as it was, and as it would have been.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use turno_acd::{AcdConfig, AgentRules, Credits, Entry, Kind, QueueRules, SegmentRules, WrapUp, limits};
use turno_base::fact::{AgentState, OfferEnd, QueueLeft, What};
use turno_base::{AgentId, CallId, Fact, ItemId, Need, Now, QueueId, Wall};

use super::*;
use crate::day::ATTEMPTS_MAX;
use crate::policy::{Knobs, Policy};
use crate::scenario::Rings;
use crate::trace::{Recorder, Trace, TraceError};
use crate::whatif::{Under, WhatIf, play};

fn name<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

fn now(at_us: u64) -> Now {
    Now { mono: Mono(at_us), wall: Wall(i64::try_from(at_us).unwrap()) }
}

fn entry(call: u128, queue: &str, segment: &str) -> Entry {
    Entry {
        item: ItemId(CallId(call)),
        kind: Kind::Call,
        queue: name(queue),
        need: Need::Anyone,
        segment: name(segment),
        value_pm: 1000,
        caller: None,
        credits: Credits::default(),
        owner: None,
        last_agent: None,
        callback_to: None,
    }
}

/// One queue, two segments, agents anna and boris.
fn house() -> AcdConfig {
    let queue: QueueId = name("help");
    let segment = |value_pm| SegmentRules { value_pm, ..SegmentRules::default() };
    let agent = AgentRules { queues: vec![queue], ..AgentRules::default() };
    AcdConfig {
        queues: BTreeMap::from([(queue, QueueRules { wrap_up: WrapUp::None, ..QueueRules::default() })]),
        agents: BTreeMap::from([(name("anna"), agent.clone()), (name("boris"), agent)]),
        segments: BTreeMap::from([(name("gold"), segment(4000)), (name("plain"), segment(1000))]),
        ..AcdConfig::default()
    }
}

/// `S enters c1 SEGMENT`, `S left c1`, `S rings anna c1`, `S misses anna c1`, `S has anna c1`, `S STATE anna [c1]`,
/// `S sent-on c1`, `S back c1` (a call back), `S ends`.
fn told(script: &str) -> Result<Trace, TraceError> {
    let mut recorder = Recorder::default();
    recorder.begin(now(0), &[]);
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = now(words[0].parse::<u64>().unwrap() * 1_000_000);
        let call = |word: usize| CallId(words[word].trim_start_matches('c').parse().unwrap());
        let agent = |word: usize| name::<AgentId>(words[word]);
        let queue: QueueId = name("help");
        let left = |call, left| What::QueueLeft { call, queue, left, position: 1, wait_ms: 0 };
        let state = |agent, state, call| What::AgentChanged { agent, station: None, state, call, is_paid: true };
        let ended = |end| What::OfferEnded { call: call(3), agent: agent(2), epoch: 1, end, ring_ms: 0 };
        let of_call = || words.get(3).map(|_| call(3));
        let facts = match words[1] {
            "enters" => vec![What::QueueEntered { call: call(2), queue, position: 1 }],
            "left" => vec![left(call(2), QueueLeft::Abandoned)],
            "sent-on" => vec![left(call(2), QueueLeft::Overflowed)],
            "back" => vec![What::CallingBack { call: call(2), first: None, attempt: 1 }],
            "rings" => vec![What::Offered { call: call(3), queue, agent: agent(2), epoch: 1 }],
            "misses" => vec![ended(OfferEnd::RingNoAnswer)],
            "has" => vec![
                ended(OfferEnd::Accepted),
                left(call(3), QueueLeft::Answered(agent(2))),
                state(agent(2), AgentState::Talking, Some(call(3))),
            ],
            "ready" => vec![state(agent(2), AgentState::Ready, None)],
            "wraps" => vec![state(agent(2), AgentState::WrapUp, of_call())],
            "talks" => vec![state(agent(2), AgentState::Talking, of_call())],
            "lunch" => vec![state(agent(2), AgentState::Paused(name("lunch")), None)],
            "no-answer" => vec![state(agent(2), AgentState::Paused(name(limits::REASON_NO_ANSWER)), None)],
            "out" => vec![state(agent(2), AgentState::LoggedOut, None)],
            "ends" => Vec::new(),
            other => panic!("{other}"),
        };
        for what in facts {
            let segment = words.get(3).copied().unwrap_or("plain");
            recorder.on_fact(&Fact { at, what }, |call| Some(entry(call.0, "help", segment)));
        }
        recorder.until(at);
    }
    recorder.finish(&house())
}

/// Who answered whom when, under each policy.
fn answers(trace: &Trace, under: &Under) -> String {
    let books = match under {
        Under::Live => trace.under(trace.config(), 1, 0),
        Under::Config(config) => trace.under(config, 1, 0),
        Under::Named(policy) => trace.under_named(policy, 1, 0),
        Under::Plain => unreachable!("not asked here"),
    };
    let mut lines: Vec<(u32, String)> = Vec::new();
    for call in &books.calls {
        let how = match (call.answered_by, call.is_sent_on) {
            (Some(0), _) => "anna",
            (Some(_), _) => "boris",
            (None, false) => "gives up",
            (None, true) => "is sent on",
        };
        let seconds = call.wait as f64 / 1e6;
        lines.push((call.item, format!("c{} {how} after {seconds} s", call.item / ATTEMPTS_MAX + 1)));
    }
    lines.sort();
    lines.into_iter().map(|(_, line)| line + "\n").collect()
}

fn check(script: &str, under: &Under, want: Expect) {
    want.assert_eq(&answers(&told(script).unwrap(), under));
}

/// Anna has c1 until 60; plain c2 and gold c3 wait; the phone is picked up after 2 s.
const MORNING: &str = "
      0 ready anna
      0 enters c1 plain
      0 rings anna c1
      2 has anna c1
     10 enters c2 plain
     20 enters c3 gold
     60 ready anna
     60 rings anna c3
     62 has anna c3
    100 ready anna
    100 rings anna c2
    102 has anna c2
    130 wraps anna c2
    140 ready anna
    150 ends";

#[test]
fn the_configuration_in_force_does_it_again() {
    check(
        MORNING,
        &Under::Live,
        expect![[r#"
            c1 anna after 2 s
            c2 anna after 92 s
            c3 anna after 42 s
        "#]],
    );
}

#[test]
fn first_come_first_served_would_have_taken_the_older() {
    // c2 at 62 for its 28 s of talk and 10 s of wrap-up; c3 at 100 and 2 s of ringing.
    check(
        MORNING,
        &Under::Named(Named::FifoRoundRobin),
        expect![[r#"
            c1 anna after 2 s
            c2 anna after 52 s
            c3 anna after 82 s
        "#]],
    );
}

#[test]
fn another_configuration_has_its_own_order() {
    let mut flat = house();
    flat.rule.value_exponent_pm = 0;
    check(
        MORNING,
        &Under::Config(Box::new(flat)),
        expect![[r#"
            c1 anna after 2 s
            c2 anna after 52 s
            c3 anna after 82 s
        "#]],
    );
}

#[test]
fn what_agents_did_stays_as_it_was() {
    // Boris lets it ring at 10 and is away until 40; Anna is at lunch until 50, and talks with somebody else until 60.
    check(
        "    0 ready boris
             0 lunch anna
            10 enters c1 plain
            10 rings boris c1
            30 misses boris c1
            30 no-answer boris
            40 ready boris
            45 enters c2 gold
            45 rings boris c2
            46 has boris c2
            50 talks anna c9
            60 ready anna
            60 rings anna c1
            61 has anna c1
            90 ready anna
            95 ready boris
            95 out boris
           100 ends",
        &Under::Live,
        expect![[r#"
            c1 anna after 51 s
            c2 boris after 1 s
        "#]],
    );
}

#[test]
fn who_gave_up_gives_up_and_who_was_sent_on_is() {
    let morning = "
         0 ready anna
         0 enters c1 plain
         0 rings anna c1
         1 has anna c1
         5 enters c2 plain
         6 enters c3 plain
        50 left c2
        56 sent-on c3
       100 ready anna
       100 ends";
    check(
        morning,
        &Under::Live,
        expect![[r#"
            c1 anna after 1 s
            c2 gives up after 45 s
            c3 is sent on after 50 s
        "#]],
    );
}

#[test]
fn what_cannot_be_played_is_counted() {
    let trace = told(
        "   0 ready anna
            0 back c7
            0 enters c7 plain
            5 enters c1 plain
            6 enters c2 silver
            7 left c1
            8 left c2
            9 enters c3 plain
           20 ends",
    )
    .unwrap();
    let left = trace.left_out();
    assert_eq!((trace.calls(), left.callbacks, left.unknown, left.still_waiting), (2, 1, 1, 1));
    let really = trace.figures(&trace.really());
    assert_eq!((really.calls, really.short, really.sent_on), (0, 1, 1));
    assert_eq!(told("0 ready anna\n5 ends").err(), Some(TraceError::NoCalls));
    assert_eq!(told("0 enters c1 plain\n5 left c1\n5 ends").err(), Some(TraceError::NoAgents));
}

/// Listens to a policy and the world and writes the event line of it.
struct Taped<'a> {
    inner: Box<dyn Policy>,
    centre: &'a Centre,
    scenario: &'a Scenario,
    recorder: Recorder,
    calls: Vec<Entry>,
    /// Ends of wrap-ups.
    wraps: std::collections::BTreeSet<(u64, usize)>,
    goes: Vec<bool>,
    at_work: Vec<bool>,
}

impl Taped<'_> {
    fn agent(&mut self, at: u64, agent: usize, state: AgentState, call: Option<u32>) {
        let agent = self.centre.seats[agent].name;
        let call = call.map(|item| CallId(u128::from(item)));
        self.fact(at, What::AgentChanged { agent, station: None, state, call, is_paid: true });
    }

    fn fact(&mut self, at: u64, what: What) {
        let calls = &self.calls;
        let entry = |call: CallId| calls.iter().find(|entry| entry.item.0 == call).cloned();
        self.recorder.on_fact(&Fact { at: now(at), what }, entry);
    }

    fn wrapped(&mut self, at: u64) {
        while let Some(&(ends, agent)) = self.wraps.first().filter(|(ends, _)| *ends <= at) {
            self.wraps.pop_first();
            self.at_work[agent] = false;
            let state = if self.goes[agent] { AgentState::LoggedOut } else { AgentState::Ready };
            self.agent(ends, agent, state, None);
        }
    }

    fn acts(&mut self, at: u64, acts: &[Act]) {
        for &act in acts {
            match act {
                Act::Ring { item, agent, token } => {
                    let (call, agent) = (CallId(u128::from(item)), self.centre.seats[agent].name);
                    self.fact(at, What::Offered { call, queue: name("any"), agent, epoch: token });
                }
                Act::Stop { item, agent } => self.offer_ended(at, item, agent, OfferEnd::RingNoAnswer),
                Act::Connect { item, agent } => {
                    self.offer_ended(at, item, agent, OfferEnd::Accepted);
                    let left = QueueLeft::Answered(self.centre.seats[agent].name);
                    self.left(at, item, left);
                    self.at_work[agent] = true;
                    self.agent(at, agent, AgentState::Talking, Some(item));
                }
                Act::Away { agent } => {
                    self.agent(at, agent, AgentState::Paused(name(limits::REASON_NO_ANSWER)), None);
                }
            }
        }
    }

    fn offer_ended(&mut self, at: u64, item: u32, agent: usize, end: OfferEnd) {
        let (call, agent) = (CallId(u128::from(item)), self.centre.seats[agent].name);
        self.fact(at, What::OfferEnded { call, agent, epoch: 0, end, ring_ms: 0 });
    }

    fn left(&mut self, at: u64, item: u32, left: QueueLeft) {
        let call = CallId(u128::from(item));
        self.fact(at, What::QueueLeft { call, queue: name("any"), left, position: 1, wait_ms: 0 });
    }
}

impl Policy for Taped<'_> {
    fn enters(&mut self, call: Arrival, now: Mono, out: &mut Vec<Act>) {
        self.wrapped(now.0);
        let (queue, segment) = (&self.scenario.queues[call.queue], &self.scenario.segments[call.segment]);
        let caller = format!("+34{:09}", call.caller);
        let entered = entry(u128::from(call.item), queue.name.as_str(), segment.name.as_str());
        self.calls.push(Entry { caller: Some(caller), ..entered });
        let id = CallId(u128::from(call.item));
        self.fact(now.0, What::QueueEntered { call: id, queue: queue.name, position: 1 });
        self.inner.enters(call, now, out);
        self.acts(now.0, out);
    }
    fn gives_up(&mut self, item: u32, now: Mono, out: &mut Vec<Act>) {
        self.wrapped(now.0);
        self.left(now.0, item, QueueLeft::Abandoned);
        self.inner.gives_up(item, now, out);
        // Whoever was rung for him has missed nothing.
        for act in std::mem::take(out) {
            match act {
                Act::Stop { item, agent } => self.offer_ended(now.0, item, agent, OfferEnd::CallerLeft),
                Act::Ring { .. } | Act::Connect { .. } | Act::Away { .. } => self.acts(now.0, &[act]),
            }
            out.push(act);
        }
    }
    fn accepts(&mut self, item: u32, agent: usize, token: u64, now: Mono, out: &mut Vec<Act>) {
        self.wrapped(now.0);
        self.inner.accepts(item, agent, token, now, out);
        self.acts(now.0, out);
    }
    fn released(&mut self, item: u32, agent: usize, wrap_up: u64, now: Mono, out: &mut Vec<Act>) {
        self.wrapped(now.0);
        self.agent(now.0, agent, AgentState::WrapUp, Some(item));
        self.wraps.insert((now.0 + wrap_up, agent));
        self.inner.released(item, agent, wrap_up, now, out);
        self.acts(now.0, out);
    }
    fn comes(&mut self, agent: usize, now: Mono, out: &mut Vec<Act>) {
        self.wrapped(now.0);
        self.goes[agent] = false;
        if !self.at_work[agent] {
            self.agent(now.0, agent, AgentState::Ready, None);
        }
        self.inner.comes(agent, now, out);
        self.acts(now.0, out);
    }
    fn goes(&mut self, agent: usize, now: Mono, out: &mut Vec<Act>) {
        self.wrapped(now.0);
        self.goes[agent] = true;
        if !self.at_work[agent] {
            self.agent(now.0, agent, AgentState::LoggedOut, None);
        }
        self.inner.goes(agent, now, out);
        self.acts(now.0, out);
    }
    fn is_back(&mut self, agent: usize, now: Mono, out: &mut Vec<Act>) {
        self.wrapped(now.0);
        self.agent(now.0, agent, AgentState::Ready, None);
        self.inner.is_back(agent, now, out);
        self.acts(now.0, out);
    }
    fn deadline(&self) -> Option<Mono> {
        self.inner.deadline()
    }
    fn on_deadline(&mut self, now: Mono, out: &mut Vec<Act>) {
        self.wrapped(now.0);
        self.inner.on_deadline(now, out);
        self.acts(now.0, out);
    }
}

/// A day of a scenario, taped.
fn taped(scenario: &Scenario, seed: u64) -> Trace {
    let centre = Centre::new(scenario);
    let day = Day::draw(scenario, &centre, seed, 0);
    let seats = centre.seats.len();
    let mut policy = Taped {
        inner: Named::Turno(Knobs::default()).build(scenario, &centre, seed),
        centre: &centre,
        scenario,
        recorder: Recorder::default(),
        calls: Vec::new(),
        wraps: std::collections::BTreeSet::new(),
        goes: vec![false; seats],
        at_work: vec![false; seats],
    };
    policy.recorder.begin(now(0), &[]);
    crate::play(scenario, &centre, &day, &mut policy);
    // The evening, as the world gives it.
    let evening = centre.closes + 4 * 3_600_000_000;
    policy.wrapped(evening);
    policy.recorder.until(now(evening));
    policy.recorder.finish(&crate::policy::config(scenario, &centre, &Knobs::default())).unwrap()
}

/// Eight agents for four hours.
fn morning(ring: Rings) -> Scenario {
    Scenario { hours: 4.0, ring, turno: Knobs::default(), ..named("small") }
}

#[test]
fn a_day_played_again_as_it_was_is_the_same_day() {
    let rings = Rings { answer_min_s: 1.0, answer_max_s: 9.0, no_answer_pct: 10.0, ..Rings::default() };
    for ring in [Rings::default(), rings] {
        let trace = taped(&morning(ring.clone()), 5);
        assert!(trace.calls() > 100, "{}", trace.calls());
        let really = trace.figures(&trace.really());
        assert!(really.abandoned > 0 && really.delayed > 10, "{really:?}");
        for draw in 0..3 {
            let again = trace.under(trace.config(), 1, draw);
            let mut order = again.calls.clone();
            order.sort_by_key(|call| call.item);
            for (was, is) in trace.really().calls.iter().zip(&order) {
                assert_eq!(
                    (was.answered_by, was.wait),
                    (is.answered_by, is.wait),
                    "{ring:?}: call {} {was:?}",
                    is.item
                );
            }
        }
    }
}

#[test]
fn policies_stand_side_by_side_and_the_first_beside_what_was() {
    let trace = taped(&morning(Rings::default()), 5);
    let unders = [Under::Live, Under::Plain, Under::Named(Named::FifoRoundRobin)];
    let names = ["live", "turno", "fifo-rr"];
    let draws = |under: &Under| (0..4).map(|draw| play(&trace, under, 1, draw)).collect::<Vec<_>>();
    let played: Vec<_> = names.iter().zip(&unders).map(|(name, under)| ((*name).to_owned(), draws(under))).collect();
    let found = WhatIf::of(&[trace], 1, 4, "a morning".to_owned(), &played);
    assert_eq!(found.same_agent_pct, 100.0);
    for one in &found.calibration {
        if one.measure != crate::Measure::OccupancySpread && one.measure != crate::Measure::Occupancy {
            assert!((one.really - one.played.mid).abs() < 1e-9, "{one:?}");
        } else {
            assert!((one.really - one.played.mid).abs() < 1.0, "{one:?}");
        }
    }
    let wait = |n: usize| found.comparison.policies[n].measures[0].value.mid;
    assert!((wait(0) - wait(1)).abs() < 1e-9, "the live configuration is the plain one");
    assert!(wait(2) > wait(0) * 1.05, "{} {}", wait(2), wait(0));
    let table = found.table();
    assert!(table.starts_with("how well live is played") && table.contains("4 draws, seed 1"), "{table}");
}
