//! Callbacks through the whole engine: the key, the dialling, the records; and many of them, with restarts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use expect_test::expect;
use turno_acd::{CallbackRules, Overflow};
use turno_base::fact::{CallbackAsked, CallbackEnd, OfferEnd, Party, QueueLeft, What};
use turno_base::{AgentId, CallId, E164, LegId, Mono, Number, Outcome, Seeded};
use turno_call::ClassOfService;
use turno_media::MediaEvent;
use turno_sip::ua::Load;
use turno_tariff::cdr::Purpose;

use super::world::{Act, Habit, Weather, World, config, name};
use crate::{Answer, CallbackView, Command, EngineConfig, Input, WaitingView};

pub(super) fn callbacks(phones: usize, rules: CallbackRules) -> EngineConfig {
    let mut config = config(phones);
    let class = ClassOfService { allow: vec![("+34".into(), vec![name("pstn")])], calls_max: 1 };
    config.call.outside.insert(name("back"), class);
    config.call.callback_class = Some(name("back"));
    config.call.callback_shows = Number { raw: "+34910000001".into(), ..Number::default() };
    config.acd.callbacks.insert(name("faults"), CallbackRules { key: Some('1'), ..rules });
    let faults = config.acd.queues.get_mut(&name("faults")).unwrap();
    (faults.wait_limit, faults.on_wait) = (Duration::ZERO, Overflow::HangUp);
    config
}

fn open(phones: usize, rules: CallbackRules, seed: u64) -> World {
    let mut world = World::open_with(callbacks(phones, rules), phones, Habit::Answers(1000), Weather::default(), seed);
    world.parties[0].habit = Habit::Answers(4000);
    world
}

pub(super) fn press(world: &mut World, leg: LegId, key: char) {
    world.input(Input::Media { leg, event: MediaEvent::Key { key, ms: 100 } });
}

/// What somebody at the first phone talks about.
pub(super) fn hang_up_agent(world: &mut World) {
    let leg = *world.parties[1].legs.first_key_value().unwrap().0;
    world.hang_up(1, leg);
}

#[test]
fn a_caller_presses_the_key_hangs_up_and_is_called_back_when_an_agent_is_there() {
    let mut world = open(1, CallbackRules { agent_first: true, ..CallbackRules::default() }, 1);
    world.call("+34612045118");
    world.run(3000);
    world.call("+34612045119");
    world.run(5000);
    world.said.clear();
    press(&mut world, LegId::arrived(1), '1');
    world.run(1000);
    hang_up_agent(&mut world);
    world.run(30_000);
    hang_up_agent(&mut world);
    world.run(60_000);
    expect![[r#"
        11100 c2 presses 1 to leave faults
        11100 c2 leaves faults: callback_taken
        11100 c2 will be called back for faults: key
        11100 faults has 1 to call back
        11101 c2 ends: callback by Us
        12100 agent0 is wrap-up
        12101 c1 ends: answered by Agent
        17100 agent0 is ready
        17100 c3 arrives from +34910000001
        17100 c3 calls back of c2, attempt 1
        17100 c3 enters faults at 1
        17100 c3 offered to agent0
        17100 agent0 is offered
        17100 c3 b3 Ring(agent0)
        17100 agent0 is ringing
        18100 c3 at agent0: accepted
        18100 agent0 is talking
        18100 c3 b2 Ivr(None)
        22101 c3 b3 Talk(agent0)
        22101 c3 b2 Talk(agent0)
        22101 c3 leaves faults: answered
        22101 a callback of faults is over: served after 1
        22101 faults has 0 to call back
        42100 agent0 is wrap-up
        42101 c3 ends: answered by Agent
        47100 agent0 is ready
    "#]]
    .assert_eq(&world.said);
    let [asked, _, back] = &world.records[..] else { panic!("{:#?}", world.records) };
    assert_eq!((asked.outcome, asked.callback_asked), (Outcome::Callback, Some(CallbackAsked::Key)));
    assert_eq!((back.purpose, back.outcome), (Purpose::Callback, Outcome::Answered));
    assert_eq!(back.calling_back.map(|c| (c.first, c.attempt)), Some((Some(asked.call), 1)));
    assert_eq!((back.ani.raw.as_str(), back.dnis.raw.as_str()), ("+34910000001", "+34612045119"));
    let parties: Vec<bool> = back.legs.iter().map(|leg| matches!(leg.party, Party::Outside(_))).collect();
    assert_eq!(parties, [false, true], "the agent was rung first");
    assert!(back.talk_ms() > 15_000 && back.agent() == Some(name("agent0")), "{back:#?}");
    world.assert_drained();
}

#[test]
fn with_the_customer_first_he_is_dialled_when_the_agent_comes_free() {
    let mut world = open(1, CallbackRules::default(), 1);
    world.call("+34612045118");
    world.run(3000);
    world.call("+34612045119");
    world.run(5000);
    world.said.clear();
    press(&mut world, LegId::arrived(1), '1');
    world.run(1000);
    hang_up_agent(&mut world);
    world.run(30_000);
    hang_up_agent(&mut world);
    world.run(60_000);
    expect![[r#"
        11100 c2 presses 1 to leave faults
        11100 c2 leaves faults: callback_taken
        11100 c2 will be called back for faults: key
        11100 faults has 1 to call back
        11101 c2 ends: callback by Us
        12100 agent0 is wrap-up
        12101 c1 ends: answered by Agent
        17100 agent0 is ready
        18100 c3 arrives from +34910000001
        18100 c3 calls back of c2, attempt 1
        18100 c3 b2 Ivr(None)
        22100 c3 enters faults at 1
        22100 c3 offered to agent0
        22100 agent0 is offered
        22100 faults has 0 to call back
        22100 c3 b2 Queue(faults)
        22100 c3 b3 Ring(agent0)
        22100 agent0 is ringing
        23100 c3 at agent0: accepted
        23100 c3 leaves faults: answered
        23100 a callback of faults is over: served after 1
        23100 agent0 is talking
        23100 c3 b2 Talk(agent0)
        23100 c3 b3 Talk(agent0)
        42100 agent0 is wrap-up
        42101 c3 ends: answered by Agent
        47100 agent0 is ready
    "#]]
    .assert_eq(&world.said);
    assert_eq!(world.records.len(), 3);
    world.assert_drained();
}

#[test]
fn nobody_is_called_whose_number_the_class_does_not_carry_or_who_hides_it() {
    for ani in ["+442071234567", ""] {
        let mut world = open(1, CallbackRules::default(), 1);
        world.call("+34612045118");
        world.run(3000);
        world.call(ani);
        world.run(3000);
        press(&mut world, LegId::arrived(1), '1');
        world.run(1000);
        assert!(!world.said.contains("called back"), "{}", world.said);
        assert_eq!(world.parties[0].legs.len(), 2, "he waits on");
    }
    let mut world = open(1, CallbackRules::default(), 1);
    let abroad: E164 = "+442071234567".parse().unwrap();
    assert_eq!(world.ask(Command::CallbackAdd { number: abroad, queue: name("faults"), at: None }), None);
}

#[test]
fn a_callback_in_line_is_explained_as_a_call_that_waits_is() {
    let mut world = open(1, CallbackRules::default(), 1);
    world.call("+34612045118");
    world.run(3000);
    world.call("+34612045119");
    world.run(5000);
    press(&mut world, LegId::arrived(1), '1');
    world.run(1000);
    let waiting = Watch::waiting(&mut world);
    let [row] = &waiting[..] else { panic!("{waiting:?}") };
    assert_eq!(row.kind, "callback");
    let Some(Answer::Explained(why)) = world.ask(Command::CallExplain(row.call)) else { panic!("explained") };
    expect!["1st in faults; 1 of 1 agents who may take it logged in, 0 ready; counts as 4 s older: callback"]
        .assert_eq(&why.words.join("\n"));
}

#[test]
fn a_callback_outlives_a_restart_while_it_waits_and_while_it_is_dialled() {
    for ms_after in [1000, 7000, 9000, 12_000] {
        let mut world = open(1, CallbackRules { agent_first: true, ..CallbackRules::default() }, 1);
        world.call("+34612045118");
        world.run(3000);
        world.call("+34612045119");
        world.run(5000);
        press(&mut world, LegId::arrived(1), '1');
        world.run(1000);
        hang_up_agent(&mut world);
        world.run(ms_after);
        world.restart(1500);
        world.run(60_000);
        let reached = world.parties[0].ever_up;
        assert!(reached >= 2, "after {ms_after} ms the customer is not called: {}", world.said);
        world.hang_up_all();
        world.run(100_000);
        world.assert_drained();
    }
}

#[test]
fn nobody_is_called_back_while_the_process_drains() {
    for agent_first in [true, false] {
        let mut world = open(1, CallbackRules { agent_first, ..CallbackRules::default() }, 1);
        world.ask(Command::AgentPause(name("agent0"), name("lunch")));
        world.call("+34612045119");
        world.run(5000);
        press(&mut world, LegId::arrived(0), '1');
        world.run(1000);
        world.input(Input::Load(Load { draining: true, ..Load::default() }));
        world.ask(Command::AgentReady(name("agent0")));
        world.run(30_000);
        assert!(!world.said.contains("calls back"), "{}", world.said);
        world.input(Input::Load(Load::default()));
        world.run(30_000);
        assert!(world.said.contains("is over: served"), "{}", world.said);
    }
}

/// Follows what is said of callbacks, and panics at the first that must not be.
#[derive(Default)]
struct Watch {
    /// Callers by call, and who asked.
    numbers: BTreeMap<CallId, String>,
    /// Since when a number has wanted an agent, and how long agents were rung in vain for it meanwhile, ms.
    wants: BTreeMap<String, (Mono, u64)>,
    /// Callers on the line.
    live: BTreeSet<CallId>,
    /// Callbacks that are not over, by number.
    open: BTreeMap<String, CallId>,
    /// Attempts under way, by call.
    attempts: BTreeMap<CallId, String>,
    /// Pairs that an offer failed for, and until when they may be kept apart.
    apart: BTreeMap<(CallId, AgentId), Mono>,
    /// Agents are rung before customers.
    is_agent_first: bool,
    /// Callbacks in line, and since when we have seen them there.
    lined: BTreeMap<CallId, Mono>,
    /// The attempt that began last, if with the agent: it is offered in the same instant.
    begins: Option<CallId>,
    /// Who is in line.
    entered: BTreeSet<CallId>,
    /// Callers who wait, with the engine's leg.
    fresh: Vec<LegId>,
    taken: u64,
    joined: u64,
    begun: u64,
    ends: BTreeMap<&'static str, u64>,
    seen: usize,
}

impl Watch {
    fn see(&mut self, world: &mut World) {
        while let Some(fact) = world.facts.get(self.seen).cloned() {
            self.seen += 1;
            match fact.what {
                What::CallArrived { call, ani, dnis, trunk } => {
                    let number = if trunk.is_some() { ani.raw } else { dnis.raw };
                    self.wants.entry(number.clone()).or_insert((fact.at.mono, 0));
                    if trunk.is_some() {
                        self.live.insert(call);
                    }
                    self.numbers.insert(call, number);
                }
                What::LegBegan { leg, party: Party::Caller(Some(_)), .. } => self.fresh.push(leg),
                What::CallbackTaken { call, .. } => {
                    self.taken += 1;
                    let first = self.open.insert(self.numbers[&call].clone(), call);
                    self.joined += u64::from(first.is_some());
                    if let Some(first) = first {
                        self.open.insert(self.numbers[&call].clone(), first);
                    }
                }
                What::CallingBack { call, first, .. } => {
                    self.begun += 1;
                    self.begins = self.is_agent_first.then_some(call);
                    let number = self.numbers[&call].clone();
                    assert_eq!(self.open.get(&number).copied(), first, "{number} is called without having asked");
                    let doubled = self.attempts.values().any(|dialled| *dialled == number);
                    assert!(!doubled, "{number} is called twice at once");
                    self.attempts.insert(call, number);
                }
                What::CallbackEnded { first, end, .. } => {
                    *self.ends.entry(end.as_str()).or_default() += 1;
                    let number = &self.numbers[&first.unwrap()];
                    assert_eq!(self.open.remove(number), first, "a callback of {number} is over twice");
                    if end == CallbackEnd::Served {
                        self.wants_no_more(&number.clone());
                    }
                }
                What::CallEnded { call, .. } => {
                    self.attempts.remove(&call);
                    self.live.remove(&call);
                }
                What::QueueEntered { call, .. } => {
                    self.entered.insert(call);
                }
                What::QueueLeft { call, left, .. } => {
                    self.entered.remove(&call);
                    if let QueueLeft::Answered(_) = left {
                        self.live.remove(&call);
                        self.wants_no_more(&self.numbers[&call].clone());
                    }
                }
                What::OfferEnded { call, agent, end, ring_ms, .. } if end != OfferEnd::Accepted => {
                    if let Some((_, rings_ms)) = self.wants.get_mut(&self.numbers[&call]) {
                        *rings_ms += ring_ms;
                    }
                    self.apart.insert((call, agent), fact.at.mono + Duration::from_secs(30));
                }
                What::Offered { call, agent, .. } => {
                    self.is_in_order(world, call, agent);
                    self.begins = None;
                }
                _ => {}
            }
        }
        let waiting = Self::waiting(world);
        let now = world.now.mono;
        let lined = waiting.iter().filter(|row| row.kind == "callback");
        self.lined = lined.map(|row| (row.call, self.lined.get(&row.call).copied().unwrap_or(now))).collect();
    }

    fn waiting(world: &mut World) -> Vec<WaitingView> {
        match world.ask(Command::QueueShow(Some(name("faults")))) {
            Some(Answer::Queues(mut queues)) if queues.len() == 1 => queues.remove(0).waiting,
            other => panic!("{other:?}"),
        }
    }

    /// A caller was answered: unless another of his number waits, or a callback, the next begins afresh.
    fn wants_no_more(&mut self, number: &str) {
        let is_left = self.live.iter().any(|call| self.numbers[call] == number) || self.open.contains_key(number);
        if !is_left {
            self.wants.remove(number);
        }
    }

    /// Nobody stands before the one who is offered, of his class and queue, that this agent could have had: no caller, and no
    /// callback whose agent comes first.
    fn is_in_order(&self, world: &mut World, call: CallId, agent: AgentId) {
        let now = world.now.mono;
        let waiting = Self::waiting(world);
        // By the time we look, its offer may be over.
        let Some(offered) = waiting.iter().find(|row| row.call == call) else { return };
        // It counts as having waited no longer than its caller has, whatever happened in between.
        if let Some((since, rings_ms)) = self.wants.get(&self.numbers[&call]) {
            let most_ms = now.as_ms() - since.as_ms() + rings_ms + 1;
            assert!(offered.waited_ms <= most_ms, "{offered:?} has waited {most_ms} ms at most");
        }
        // Those that no attempt was made for yet are let go from the front of the line, at the latest a second after they have
        // joined it: none passes another, while callers may, as only so many are under way at once.
        let begins = self.begins == Some(call);
        let is_before = |row: &WaitingView| {
            begins && self.lined.get(&row.call).is_some_and(|since| now.since(*since) >= Duration::from_secs(2))
        };
        let passed = waiting.iter().find(|row| {
            let is_apart = self.apart.get(&(row.call, agent)).is_some_and(|until| *until > now);
            // A callback has entered once its attempt has begun with the agent; then it stands like any call.
            let was_there = self.entered.contains(&row.call) || is_before(row);
            was_there && row.offered_to.is_empty() && row.waited_ms > offered.waited_ms && !is_apart
        });
        assert_eq!(passed, None, "{offered:?} passes a caller\n{}", tail(&world.said));
    }

    fn shown(world: &mut World) -> Vec<CallbackView> {
        match world.ask(Command::CallbackShow(None)) {
            Some(Answer::Callbacks(rows)) => rows,
            other => panic!("{other:?}"),
        }
    }
}

fn tail(said: &str) -> &str {
    said.get(said.len().saturating_sub(4000)..).unwrap_or(said)
}

/// How many callbacks the simulated days hold together; the figure of docs/reliability.md was made with 10,000.
#[expect(clippy::disallowed_methods, reason = "the number of callbacks is for who runs the tests to say")]
fn size() -> u64 {
    std::env::var("TURNO_CALLBACKS").ok().and_then(|n| n.parse().ok()).unwrap_or(150)
}

/// A day with so many callbacks: too many callers for a few agents, most of whom take the key; with restarts.
fn day(seed: u64, wanted: u64) -> Watch {
    let mut dice = Seeded::new(seed);
    let agents = 3 + dice.below(4) as usize;
    let minutes = |n: u64| Duration::from_secs(60 * n);
    let rules = CallbackRules {
        agent_first: seed.is_multiple_of(2),
        dials_max: 1 + dice.below(6) as u32,
        kept_max: 10_000,
        after_busy: minutes(1),
        after_no_answer: minutes(2),
        after_failed: minutes(1),
        after_unsure: minutes(1),
        ..CallbackRules::default()
    };
    let mut watch = Watch { is_agent_first: rules.agent_first, ..Watch::default() };
    let mut world = open(agents, rules, seed);
    world.parties[0].habit = Habit::Customer;
    let mut keys: BTreeMap<(Mono, LegId), ()> = BTreeMap::new();
    let (mut callers, mut steps) = (0, 0);
    while watch.taken < wanted || !watch.open.is_empty() {
        steps += 1;
        assert!(steps < 200_000, "the day does not end: {:?} {:?}", watch.ends, Watch::shown(&mut world));
        // More than the agents can serve, with breaks in which they catch up.
        let is_busy = watch.taken < wanted && watch.open.len() < 40;
        if is_busy && dice.below(4) == 0 {
            callers += 1;
            // Some call again, from a number that may have a callback.
            let number = if dice.below(10) == 0 { dice.below(callers) } else { callers };
            let leg = world.call(&format!("+346{number:08}"));
            world.do_later(0, 20_000 + dice.below(90_000), leg, Act::End(200));
        }
        world.run(500);
        watch.see(&mut world);
        for leg in std::mem::take(&mut watch.fresh) {
            if dice.below(4) > 0 {
                keys.insert((world.now.mono + Duration::from_millis(1000 + dice.below(12_000)), leg), ());
            }
        }
        while let Some(entry) = keys.first_entry().filter(|entry| entry.key().0 <= world.now.mono) {
            let ((_, leg), ()) = entry.remove_entry();
            press(&mut world, leg, '1');
            watch.see(&mut world);
        }
        if dice.below(700) == 0 {
            let before: BTreeSet<String> = Watch::shown(&mut world).into_iter().map(|row| row.number).collect();
            world.restart(200 + dice.below(1500));
            watch.see(&mut world);
            let after: BTreeSet<String> = Watch::shown(&mut world).into_iter().map(|row| row.number).collect();
            let lost: Vec<_> = before.difference(&after).filter(|number| watch.open.contains_key(*number)).collect();
            assert!(lost.is_empty(), "lost over a restart: {lost:?}");
        }
        world.said.drain(..world.said.len().saturating_sub(20_000));
    }
    assert_eq!(Watch::shown(&mut world), []);
    world.hang_up_all();
    world.run(300_000);
    watch.see(&mut world);
    assert_eq!(watch.taken - watch.joined, watch.ends.values().sum::<u64>(), "every callback is over once");
    world.assert_drained();
    watch
}

#[test]
fn callbacks_keep_their_places_are_never_doubled_and_outlive_restarts() {
    let (mut taken, mut begun, mut ends) = (0, 0, BTreeMap::<&str, u64>::new());
    for seed in 1.. {
        let watch = day(seed, (size() - taken).min(500).min(size() / 2));
        taken += watch.taken;
        begun += watch.begun;
        watch.ends.into_iter().for_each(|(end, count)| *ends.entry(end).or_default() += count);
        if taken >= size() {
            break;
        }
    }
    println!("{taken} callbacks, {begun} attempts: {ends:?}");
    let served = ends.get("served").copied().unwrap_or(0);
    assert!(served * 2 > taken && begun > served, "{ends:?}");
}
