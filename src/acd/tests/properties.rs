//! The invariants of routing under random sequences of events, late, doubled and stale ones among them. A
//! [`Witness`] compares each decision with the rule; failures shrink to a short list of steps.

#![expect(clippy::disallowed_types, reason = "proptest's unions share their parts")]

use proptest::prelude::*;
use turno_base::fact::{AgentState, OfferEnd, QueueLeft, TaskKind};
use turno_base::{AgentId, CallId, ItemId, Mono, Name, Need, Now, QueueId, SegmentId, SkillId, StationId, Wall};

use super::naive::Witness;
use super::script::Run;
use crate::{
    Acd, AcdConfig, Bounds, Command, Credit, Credits, Decision, Entry, Event, Kind, NewTask, Priority, SkillChange,
    need,
};

/// One step: what, two choices, and how much time passes before it, ms.
type Step = (u8, u8, u8, u16);

const AGENTS: [&str; 6] = ["anna", "boris", "clara", "dora", "emil", "fay"];
const QUEUES: [&str; 17] = ["a", "b", "c", "gone", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "j", "k"];
const SEGMENTS: [&str; 4] = ["gold", "plain", "basic", "unheard-of"];
const NEEDS: [&str; 5] = ["", "x", "x>=3", "not y", "x or y>=2"];

const HOUSE: &str = "
    queue a ring=8 wrap=atmost:6 wait=25 onwait=queue:b len=12 onfull=queue:c every=9 onemergency=queue:b
    queue b ring=15 wrap=fixed:4 leave=yes onempty=queue:c need=x leaveignores=paused,in-call onemergency=prompt:sorry
    queue c join=no joinignores=paused,unreachable onempty=prompt:closed wait=40 len=6 onfull=number:900 by=fewest_calls
    queue d by=round_robin order=fay,anna ring=7
    queue e by=linear order=emil ring=7
    queue f by=least_talk ring=7
    queue g by=longest_idle ring=7
    queue h by=random ring=7
    queue i by=weighted_random ring=7
    queue j by=ring_all ring=6 wrap=saved:20
    disposition sale
    disposition bad-line fixed:5
    extension 5 2
    queue k by=ring_all ring=9 wait=30 onwait=queue:j
    ring a level=3 for=2 of=gold skip=no
    ring a level=2 for=3 of=gold,plain
    ring b need=y for=3
    ring * level=2 for=1 of=gold
    rule owner=6 absent=3 last=4 kept=90 opportunity=50 every=7 occupancy=20
    segment gold 4000 10 60
    segment plain 1000 20 60
    segment basic 300 60 0
    certified gold x:2
    certified plain y:3
    reason lunch 0
    redial 20
    agent anna a,b,d,e,f,g,h,i,j,k skills=x:3 certs=x:3:90 tasks=2 room=fax:1,email:2 misses=1
    agent boris a,b,d,e,f,j ranks=d:1,e:2,j:1 skills=x:1,y:4 certs=y:4:200,x:1 tasks=1 misses=2
    agent clara a,b,c,h,i,j,k skills=x:3 certs=x:2 tasks=3 room=admin:0 ranks=a:1,i:3
    agent dora a,c,f,g,k
    agent emil b,c,d,e,f,g,h,i,j,k skills=x:9,y:1 misses=1
    agent fay a,c,d,e,f,g,h,i,j,k tasks=1 ranks=c:1,k:1
";

/// Changes of configuration that the steps may make.
const CHANGES: [&str; 18] = [
    "queue j by=fewest_calls ring=6",
    "queue j by=ring_all ring=6",
    "skill x reserve=2",
    "skill y reserve=1 handle=30",
    "skill x",
    "ring a need=not_x for=4",
    "queue d by=linear ring=7",
    "queue d by=round_robin order=emil,fay,anna ring=7",
    "agent dora a,b,c skills=x:2 certs=x:9:300 tasks=2",
    "certified gold x:3,y:1",
    "certified plain x:1",
    "drop agent clara",
    "agent clara a,b,c skills=x:3",
    "drop queue b",
    "queue b ring=15 wrap=fixed:4 leave=yes onempty=queue:c need=x",
    "segment plain 2000 20 30",
    "queue a ring=8 wait=25 onwait=queue:b need=y_or_x len=12 onfull=queue:c",
    "queue a ring=8 wrap=atmost:6 wait=25 onwait=queue:b len=12 onfull=queue:c every=9",
];

/// A machine, its witness, and what was decided.
struct World {
    run: Run,
    witness: Witness,
    now: Now,
    decisions: Vec<Decision>,
    /// Every offer ever made.
    offers: Vec<(ItemId, AgentId, u64)>,
    items: u128,
    saves: bool,
}

fn pick<T: Copy>(list: &[T], at: u8) -> T {
    list[usize::from(at) % list.len()]
}

fn agent(at: u8) -> AgentId {
    AgentId::new(pick(&AGENTS, at)).unwrap()
}

impl World {
    fn new(saves: bool) -> World {
        let run = Run::new(HOUSE, Bounds::default());
        let mut witness = Witness::default();
        witness.configure(&run.config, Mono(0));
        World { run, witness, now: Now::from_ms(0), decisions: Vec::new(), offers: Vec::new(), items: 0, saves }
    }

    fn acd(&mut self) -> &mut Acd {
        &mut self.run.acd
    }

    fn seen(&mut self, out: Vec<Decision>) {
        self.witness.after(&out, self.now.mono, &self.run.acd);
        for decision in &out {
            if let Decision::Offer { item, agent, epoch, .. } = decision {
                self.offers.push((*item, *agent, *epoch));
            }
        }
        self.decisions.extend(out);
    }

    fn pass(&mut self, ms: u64) {
        let until = Now::from_ms(self.now.mono.as_ms() + ms);
        while let Some(due) = self.run.acd.deadline().filter(|due| *due <= until.mono) {
            // What was put off may be long due, and no clock goes back for it.
            let at = due.max(self.now.mono);
            self.now = Now::from_ms(at.as_ms());
            let mut out = Vec::new();
            self.acd().on_deadline(Now { mono: at, wall: Wall(at.0 as i64) }, &mut out);
            self.seen(out);
        }
        self.now = until;
    }

    /// An item that was seen, mostly a recent one.
    fn item(&self, at: u8) -> ItemId {
        ItemId(CallId(self.items.saturating_sub(u128::from(at % 16))))
    }

    /// An offer that was made: the newest, or for large choices any.
    fn offer(&self, at: u8, which: u8) -> (ItemId, AgentId, u64) {
        let back = if which < 200 { usize::from(at % 4) } else { usize::from(at) };
        let made = self.offers.iter().rev().nth(back.min(self.offers.len().saturating_sub(1)));
        made.copied().unwrap_or((ItemId(CallId(0)), agent(at), 0))
    }

    fn step(&mut self, (what, a, b, ms): Step) {
        self.pass(u64::from(ms));
        let mut out = Vec::new();
        let (item, who, epoch) = self.offer(a, b);
        let event = match what {
            0..=24 => {
                let again = what == 0;
                if !again {
                    self.items += 1;
                }
                Event::Enter(Entry {
                    item: if again { self.item(a) } else { ItemId(CallId(self.items)) },
                    kind: Kind::Call,
                    queue: QueueId::new(pick(&QUEUES, a)).unwrap(),
                    need: need::parse(pick(&NEEDS, b)).unwrap(),
                    segment: SegmentId::new(pick(&SEGMENTS, b / 8)).unwrap(),
                    value_pm: u32::from(b % 3),
                    caller: (a > 60).then(|| format!("+3460{}", b % 7)),
                    credits: Credits::of(Credit::WaitedElsewhere, if a % 11 == 0 { u64::from(b) * 100 } else { 0 }),
                    owner: (b > 190).then(|| agent(a ^ b)),
                    last_agent: (b > 120 && b < 160).then(|| agent(a / 2)),
                    callback_to: None,
                })
            }
            25..=33 => {
                let how =
                    pick(&[QueueLeft::Abandoned, QueueLeft::Abandoned, QueueLeft::Withdrawn, QueueLeft::Failed], b);
                Event::Leave { item: self.item(a), how }
            }
            34..=39 => Event::Ringing { item, agent: who, epoch },
            40..=52 => Event::Accept { item, agent: who, epoch },
            53..=58 => {
                let end =
                    pick(&[OfferEnd::Declined, OfferEnd::Busy, OfferEnd::Unreachable, OfferEnd::RingNoAnswer], a ^ b);
                Event::OfferFailed { item, agent: who, epoch, end }
            }
            59..=70 => {
                // Mostly somebody's conversation, sometimes one that is long over.
                let talks = self.witness.agents.keys().find_map(|agent| {
                    let row = self.run.acd.agent(*agent, self.now)?;
                    let is_talking =
                        matches!(row.state, AgentState::Talking | AgentState::Holding | AgentState::Consulting);
                    row.item.filter(|_| is_talking).map(|item| (item, *agent))
                });
                let (item, agent) = talks.filter(|_| b > 20).unwrap_or((item, who));
                Event::Released { item, agent }
            }
            71..=74 => {
                let state =
                    pick(&[AgentState::Talking, AgentState::Holding, AgentState::Consulting, AgentState::Ready], b);
                Event::Phase { item, agent: who, state }
            }
            75..=77 => Event::Joined { item: self.item(b), agent: agent(a) },
            78..=81 => Event::Station { station: StationId::new(pick(&AGENTS, a)).unwrap(), reachable: b % 4 != 0 },
            82..=84 => {
                Event::StationCalls { station: StationId::new(pick(&AGENTS, a)).unwrap(), calls: u32::from(b % 5 == 0) }
            }
            85..=87 => Event::Announced { item: self.item(a) },
            88..=118 => return self.command(what, a, b),
            119..=120 => {
                let words = pick(&CHANGES, a);
                self.run.set(&words.split_whitespace().collect::<Vec<_>>());
                let config: AcdConfig = self.run.config.clone();
                self.witness.configure(&config, self.now.mono);
                self.run.acd.configure(config, self.now, &mut out);
                return self.seen(out);
            }
            121 => {
                self.run.acd.cut_waiting(self.now, &mut out);
                return self.seen(out);
            }
            124.. => return self.change(what, a, b),
            _ => {
                if self.saves {
                    let bytes = postcard::to_stdvec(&self.run.acd).unwrap();
                    let back: Acd = postcard::from_bytes(&bytes).unwrap();
                    assert_eq!(back, self.run.acd);
                    self.run.acd = back;
                }
                return;
            }
        };
        self.witness.before(&event, self.now.mono);
        let now = self.now;
        self.acd().on_event(event, now, &mut out);
        self.seen(out);
    }

    fn command(&mut self, what: u8, a: u8, b: u8) {
        let agent = agent(a);
        let command = match what {
            88..=104 => {
                let station = if b < 200 { pick(&AGENTS, a) } else { pick(&AGENTS, b) };
                Command::Login { agent, station: StationId::new(station).unwrap() }
            }
            105 => match b % 5 {
                0 => Command::Saved { agent },
                1 => Command::Extend { agent },
                2 => Command::Dispose { agent, disposition: Name::new("sale").unwrap() },
                3 => Command::Dispose { agent, disposition: Name::new("bad-line").unwrap() },
                _ => Command::Logout { agent },
            },
            106..=107 => Command::Logout { agent },
            108..=110 => Command::Pause { agent, reason: Name::new(pick(&["lunch", "lunch", "siesta"], b)).unwrap() },
            _ => Command::Ready { agent },
        };
        self.ask(command);
    }

    /// What supervisors do.
    fn change(&mut self, what: u8, a: u8, b: u8) {
        let item = self.item(a);
        let queue = QueueId::new(pick(&QUEUES, b)).unwrap();
        self.ask(match what {
            124..=126 => Command::Bump { item, by: std::time::Duration::from_millis(u64::from(b) * 100) },
            127..=129 => Command::Move { item, queue },
            130..=132 => Command::Needs { item, need: need::parse(pick(&NEEDS, b)).unwrap() },
            136..=139 => return self.teach(a, b),
            140..=147 => return self.desk(what, a, b),
            148.. => return self.post(what, a, b),
            133 => Command::Emergency { queue: Some(queue), on: a.is_multiple_of(3) },
            _ => Command::Emergency { queue: None, on: a.is_multiple_of(16) },
        });
    }

    /// Skills change while people work, some of them for a while.
    fn teach(&mut self, a: u8, b: u8) {
        let until = (b > 127).then(|| self.now.wall + std::time::Duration::from_secs(u64::from(b)));
        let change = match b % 4 {
            0 | 1 => SkillChange::Set { level: 1 + a % 4, until },
            2 => SkillChange::Unset { until },
            _ => SkillChange::AsConfigured,
        };
        let skill = SkillId::new(pick(&["x", "y"], a / 16)).unwrap();
        self.ask(Command::Skill { agent: agent(a), skill, change });
    }

    /// Agents are put into queues and taken out while they work, and log in that way.
    fn post(&mut self, what: u8, a: u8, b: u8) {
        let (agent, queue) = (agent(a), QueueId::new(pick(&QUEUES, b)).unwrap());
        self.ask(match what {
            148..=150 => {
                let at = (a < 200).then(|| StationId::new(pick(&AGENTS, a)).unwrap());
                Command::Serve { agent, queue, rank: a % 3, at }
            }
            151..=152 => Command::LeaveQueue { agent, queue },
            _ => Command::Rank { agent, queue, rank: b % 3 },
        });
    }

    /// Tasks come, are done and passed on.
    fn desk(&mut self, what: u8, a: u8, b: u8) {
        let known: Vec<ItemId> = self.witness.tasks.keys().copied().collect();
        let task = known.get(usize::from(a) % known.len().max(1)).copied().unwrap_or(ItemId(CallId(0)));
        let queue = QueueId::new(pick(&QUEUES, b)).unwrap();
        self.ask(match what {
            140..=143 => Command::TaskAdd(Box::new(NewTask {
                kind: TaskKind::ALL[usize::from(a) % 4],
                queue,
                need: need::parse(pick(&NEEDS, a / 4)).unwrap(),
                segment: SegmentId::new(pick(&SEGMENTS, b / 8)).unwrap(),
                value_pm: u32::from(b % 3),
                due: (b < 200).then(|| Wall::from_secs(i64::from(a) * 4)),
                priority: Priority::Urgent,
                subject: String::new(),
                customer: None,
                owner: (a > 200).then(|| agent(b)),
            })),
            144..=146 => {
                Command::TaskDone { task, disposition: b.is_multiple_of(2).then(|| Name::new("sale").unwrap()) }
            }
            _ => Command::TaskMove { task, queue },
        });
    }

    fn ask(&mut self, command: Command) {
        let mut out = Vec::new();
        let now = self.now;
        match self.acd().on_command(command.clone(), now, &mut out) {
            Ok(()) => self.witness.obeyed(&command, now.mono),
            Err(_) => assert!(out.is_empty(), "a refused command changes nothing"),
        }
        self.seen(out);
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(
        (0u8..154, any::<u8>(), any::<u8>(), prop_oneof![Just(0u16), 0u16..300, 0u16..9000]),
        1..250,
    )
}

/// Where the whole day went: plays the steps and lets four minutes pass after them.
fn day(steps: &[Step], saves: bool) -> World {
    let mut world = World::new(saves);
    for step in steps {
        world.step(*step);
    }
    world.pass(240_000);
    world
}

/// Enough to find what a change breaks; the machine that checks in release looks longer.
const CASES: u32 = if cfg!(debug_assertions) { 40 } else { 2000 };

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_decision_is_the_one_of_the_rule_and_the_books_balance(steps in steps()) {
        day(&steps, false);
    }

    #[test]
    fn the_same_events_give_the_same_decisions_also_through_a_restart(steps in steps()) {
        let (first, again, saved) = (day(&steps, false), day(&steps, false), day(&steps, true));
        prop_assert_eq!(&first.decisions, &again.decisions);
        prop_assert_eq!(&first.decisions, &saved.decisions);
        prop_assert!(first.run.acd == saved.run.acd);
    }

    #[test]
    fn with_one_class_and_one_skill_the_order_is_first_in_first_out(waits in proptest::collection::vec((0u16..2000, 0u16..3000), 1..80)) {
        let mut acd = Run::new("queue a need=x\nagent anna a skills=x:1\n0 in anna", Bounds::default());
        acd.play();
        let mut acd = acd.acd;
        let (mut now, mut served, mut talking) = (Now::from_ms(0), Vec::new(), None);
        let mut out = Vec::new();
        let mut told = 0;
        for n in 0..waits.len() * 2 {
            let (gap, talk) = waits[n % waits.len()];
            now = Now::from_ms(now.mono.as_ms() + u64::from(if n < waits.len() { gap } else { talk }));
            if n < waits.len() {
                acd.on_event(Event::Enter(Entry {
                    item: ItemId(CallId(n as u128)), queue: QueueId::new("a").unwrap(), need: Need::Anyone,
kind: Kind::Call,
                    segment: SegmentId::new("plain").unwrap(), value_pm: 0, caller: None, credits: Credits::default(),
 owner: None,
 last_agent: None,
            callback_to: None,
                }), now, &mut out);
            } else if let Some((item, agent)) = talking.take() {
                acd.on_event(Event::Released { item, agent }, now, &mut out);
            }
            while told < out.len() {
                if let Decision::Offer { item, agent, epoch, .. } = out[told] {
                    served.push(item);
                    talking = Some((item, agent));
                    acd.on_event(Event::Accept { item, agent, epoch }, now, &mut out);
                }
                told += 1;
            }
        }
        prop_assert!(served.is_sorted(), "{served:?}");
        prop_assert_eq!(served.len(), waits.len());
    }
}

#[test]
fn stale_events_are_counted() {
    let mut run = Run::new(
        "queue a
         agent anna a
         0 in anna
         1 call c1 a
         2 accept anna
         3 accept anna
         4 ring anna stale
         5 decline anna
         6 call c1 a
         7 call c1 a",
        Bounds::default(),
    );
    run.play();
    assert_eq!(run.acd.counts().stale, 4, "a second accept, an old ring, a late decline, a second entering");
}

#[test]
fn rings_whose_last_agents_go_are_passed_as_the_witness_says() {
    let mut world = World::new(false);
    world.run.set(&["ring", "d", "need=x", "for=60"]);
    let (config, mut out) = (world.run.config.clone(), Vec::new());
    world.witness.configure(&config, world.now.mono);
    world.run.acd.configure(config, world.now, &mut out);
    world.seen(out);
    let named = |name: &str| AgentId::new(name).unwrap();
    for name in ["anna", "boris", "fay"] {
        world.ask(Command::Login { agent: named(name), station: StationId::new(name).unwrap() });
    }
    for name in ["anna", "boris"] {
        world.ask(Command::Pause { agent: named(name), reason: Name::new("lunch").unwrap() });
    }
    // A call for queue d of a basic customer: fay is ready and not asked for at first.
    world.step((1, 7, 80, 1000));
    assert!(world.offers.is_empty());
    world.ask(Command::Logout { agent: named("anna") });
    assert!(world.offers.is_empty(), "boris is still there");
    world.pass(1000);
    world.ask(Command::LeaveQueue { agent: named("boris"), queue: QueueId::new("d").unwrap() });
    assert!(world.offers.iter().any(|(_, agent, _)| *agent == named("fay")));
}

#[test]
fn nothing_is_left_when_all_have_gone() {
    let mut seeded = turno_base::Seeded::new(1);
    let steps: Vec<Step> = (0..2000)
        .map(|_| {
            ((seeded.below(119)) as u8, seeded.below(256) as u8, seeded.below(256) as u8, seeded.below(3000) as u16)
        })
        .collect();
    let mut world = day(&steps, false);
    let mut out = Vec::new();
    for n in 0..=world.items {
        for how in [QueueLeft::Withdrawn, QueueLeft::Withdrawn] {
            let now = world.now;
            world.acd().on_event(Event::Leave { item: ItemId(CallId(n)), how }, now, &mut out);
        }
    }
    world.pass(0);
    let out = std::mem::take(&mut out);
    world.seen(out);
    world.pass(60_000);
    for name in AGENTS {
        let now = world.now;
        let mut out = Vec::new();
        let _ = world.acd().on_command(Command::Logout { agent: AgentId::new(name).unwrap() }, now, &mut out);
        world.acd().on_event(Event::Station { station: StationId::new(name).unwrap(), reachable: true }, now, &mut out);
        world.acd().on_event(Event::StationCalls { station: StationId::new(name).unwrap(), calls: 0 }, now, &mut out);
        world.seen(out);
    }
    world.pass(60_000);
    let sizes = world.run.acd.sizes();
    assert_eq!((sizes.waiting, sizes.offered, sizes.served, sizes.stations, sizes.timers), (0, 0, 0, 0, 0));
    assert_eq!(world.run.acd.deadline(), None);
    assert!(world.offers.len() > 100, "the day was worth looking at: {}", world.offers.len());
}
