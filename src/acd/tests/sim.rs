//! Days of a call centre in virtual time: callers arrive, lose patience and redial; agents talk, wrap up, miss calls, decline,
//! pause and go home; stations come and go; answers cross with hang-ups; places become callbacks, which people enter, move and take out
//! as well; rules change; the process starts again. After every event the
//! [`Witness`] compares what was decided with the rule and balances the books.
//!
//! A seed names a day. `TURNO_SIM_SEEDS` says how many are played, or `695-695` which: 20 unless told, 200 in release.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::RangeInclusive;

use turno_base::fact::{AgentState, CallbackResult, OfferEnd, QueueLeft};
use turno_base::{AgentId, CallId, E164, ItemId, Mono, Name, Now, QueueId, Seeded, SegmentId, StationId, Wall};

use super::naive::Witness;
use super::script::Run;
use crate::{Acd, Bounds, Command, Credit, Credits, Decision, Entry, Event, Kind, Overflow, need};

const HOUSE: &str = "
    queue ventas ring=12 wrap=atmost:20 wait=120 onwait=queue:general every=30 short=5
    queue averias ring=15 wrap=fixed:15 need=tech wait=180 onwait=number:900 len=40 onfull=queue:general
    queue vip ring=8 leave=yes onempty=queue:ventas need=sales>=2 wait=60 onwait=queue:ventas
    queue general ring=20 wrap=atmost:10 len=60 onfull=prompt:busy by=round_robin order=ivan,anna
    queue pedidos ring=15 by=fewest_calls wait=90 onwait=queue:linea
    queue linea ring=6 by=linear order=joan,gus,anna wait=120 onwait=queue:azar
    queue azar ring=9 by=weighted_random need=sales wait=100 onwait=queue:corto
    queue corto ring=9 by=least_talk wait=100 onwait=queue:largo
    queue largo ring=9 by=longest_idle wait=60 onwait=queue:todos
    queue todos ring=12 by=ring_all wrap=saved:45
    queue recados ring=10 wrap=atmost:20 wait=45 onwait=callback:- len=4 onfull=callback:-
    queue caja ring=10 need=sales wait=60 onwait=callback:-
    callback ventas key=1 first=agent dials=2 kept=4 attempts=2 busy=30 noanswer=60 failed=20 unsure=40 ring=20 for=300
    callback averias key=2 first=customer dials=2 attempts=3 busy=20 noanswer=45 failed=15 unsure=30 ring=25 for=400 hours=15-80
    callback recados key=3 first=customer dials=3 kept=6 attempts=2 busy=25 noanswer=50 ring=60 for=240
    callback caja first=agent dials=1 kept=3 attempts=2 busy=30 noanswer=40 unsure=20 for=300 hours=10-100
    disposition sale
    disposition bad-line fixed:20
    extension 20 2
    ring ventas level=3 for=2 of=platinum
    ring ventas level=2 for=3 of=platinum
    ring ventas level=2 for=4 of=gold
    ring averias need=tech>=3_or_catalan for=6 of=platinum,gold skip=no
    ring averias need=tech>=2 for=12 of=standard,basic over=20
    ring vip need=sales>=3 for=10 over=6
    rule owner=15 absent=10 last=8 kept=3600
    segment platinum 10000 10 240
    segment gold 4000 20 240
    segment standard 1000 30 240
    segment basic 400 60 240
    reason lunch 900 ready
    backoff apart-busy 7
    backoff apart-ring-all 8
    redial 60
    agent anna ventas,general,linea,azar,caja skills=sales:3 misses=1 ranks=azar:1
    agent boris ventas,vip,general,pedidos,corto,recados skills=sales:2,catalan:2 misses=2
    agent clara ventas,vip,caja,recados skills=sales:3,catalan:1 misses=1
    agent dora averias,general,todos skills=tech:3 misses=3
    agent emil averias skills=tech:1,catalan:3 declines=2 unreached=3
    agent fay averias,ventas,general,todos skills=tech:2,sales:1 misses=1
    agent gus general,pedidos,linea,corto,largo,todos,recados misses=1 ranks=todos:1
    agent hana general,ventas,azar,largo skills=sales:1 misses=2
    agent ivan averias,general,todos skills=tech:1 misses=1
    agent joan ventas,vip,averias,general,pedidos,linea,azar,corto,largo,todos,caja,recados ranks=pedidos:1,general:1 skills=tech:3,sales:3,catalan:3 misses=2
";

const QUEUES: [&str; 12] =
    ["ventas", "averias", "vip", "general", "pedidos", "linea", "azar", "corto", "largo", "todos", "recados", "caja"];
/// Those whose places become callbacks.
const CALLS_BACK: [&str; 4] = ["ventas", "averias", "recados", "caja"];
const SEGMENTS: [&str; 4] = ["platinum", "gold", "standard", "basic"];
const NEEDS: [&str; 6] = ["", "", "", "", "catalan", "catalan>=2 or not tech"];
/// A working day of this world, ms.
const DAY: u64 = 2 * 3_600_000;

/// What the world has in store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Comes {
    Call,
    Impatience(ItemId),
    Rings(ItemId, AgentId, u64),
    Answers(ItemId, AgentId, u64),
    Fails(ItemId, AgentId, u64, OfferEnd),
    Ends(ItemId, AgentId),
    Presses(ItemId, char),
    /// What comes of dialling a customer.
    Dialled(ItemId),
    /// Somebody of the house looks after callbacks.
    Clerk,
    Said(ItemId),
    Saves(AgentId),
    Shift(AgentId),
    Whim(AgentId),
    Restart,
    /// One of [`CHANGES`].
    Change(usize),
}

/// What operators do during the day.
const CHANGES: [&str; 5] = [
    "drop queue vip",
    "queue vip ring=8 leave=yes onempty=queue:ventas need=sales>=2 wait=60 onwait=queue:ventas",
    "agent hana general,ventas,averias skills=sales:2,tech:1 misses=2",
    "drop agent emil",
    "agent emil averias skills=tech:2,catalan:3",
];

struct Day {
    run: Run,
    acd: Acd,
    witness: Witness,
    dice: Seeded,
    now: Now,
    /// By time, then in the order in which they were thought of.
    comes: BinaryHeap<Reverse<(u64, u64, Comes)>>,
    thought_of: u64,
    callers: u128,
    callers_of: BTreeMap<ItemId, (String, QueueId)>,
    /// Attempts to call back, and who has the customer's line to himself meanwhile.
    attempts: BTreeMap<ItemId, Option<AgentId>>,
    served: u64,
    events: u64,
}

impl Day {
    fn new(seed: u64) -> Day {
        // Every fifth day keeps reserves.
        let reserves = if seed % 5 == 2 { "skill catalan reserve=1\nskill tech reserve=2" } else { "" };
        let run = Run::new(&format!("{HOUSE}{reserves}"), Bounds::default());
        let mut witness = Witness::default();
        witness.configure(&run.config, Mono(0));
        let mut day = Day {
            acd: run.acd.clone(),
            run,
            witness,
            dice: Seeded::new(seed),
            now: Now::from_ms(0),
            comes: BinaryHeap::new(),
            thought_of: 0,
            callers: 0,
            callers_of: BTreeMap::new(),
            attempts: BTreeMap::new(),
            served: 0,
            events: 0,
        };
        for agent in day.run.config.agents.keys().copied().collect::<Vec<_>>() {
            let begins = day.dice.below(600_000);
            day.at(begins, Comes::Shift(agent));
            let whim = begins + day.dice.below(1_200_000);
            day.at(whim, Comes::Whim(agent));
        }
        day.at(1000, Comes::Call);
        day.at(90_000, Comes::Clerk);
        if seed.is_multiple_of(3) {
            let when = day.dice.below(DAY);
            day.at(when, Comes::Restart);
        }
        if seed % 4 == 1 {
            for change in 0..CHANGES.len() {
                let when = day.dice.below(DAY);
                day.at(when, Comes::Change(change));
            }
        }
        day
    }

    fn at(&mut self, ms: u64, comes: Comes) {
        self.thought_of += 1;
        self.comes.push(Reverse((ms, self.thought_of, comes)));
    }

    fn later(&mut self, most_ms: u64, comes: Comes) {
        let ms = self.now.mono.as_ms() + self.dice.below(most_ms);
        self.at(ms, comes);
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.dice.below(100) < percent
    }

    /// Plays the day and the evening after it, until nobody is left and nothing is due.
    fn play(mut self) -> Day {
        loop {
            let next = self.comes.peek().map(|Reverse((at, ..))| Mono::from_ms(*at));
            if let Some(due) = self.acd.deadline().filter(|due| next.is_none_or(|next| *due <= next)) {
                self.now = Now { mono: due, wall: Wall(due.0 as i64) };
                let mut out = Vec::new();
                self.acd.on_deadline(self.now, &mut out);
                self.seen(out);
            } else if let Some(Reverse((at, _, comes))) = self.comes.pop() {
                self.now = Now::from_ms(at);
                self.meet(comes);
            } else {
                return self;
            }
        }
    }

    fn tell(&mut self, event: Event) {
        self.witness.before(&event, self.now.mono);
        let mut out = Vec::new();
        self.acd.on_event(event, self.now, &mut out);
        self.seen(out);
    }

    fn ask(&mut self, command: Command) {
        let mut out = Vec::new();
        match self.acd.on_command(command.clone(), self.now, &mut out) {
            Ok(()) => self.witness.obeyed(&command, self.now.mono),
            Err(_) => assert!(out.is_empty()),
        }
        self.seen(out);
    }

    fn seen(&mut self, out: Vec<Decision>) {
        self.events += 1;
        self.witness.after(&out, self.now.mono, &self.acd);
        for decision in out {
            match decision {
                Decision::Offer { item, agent, epoch, .. } => self.phone_rings(item, agent, epoch),
                Decision::Connect { item, agent, .. } => match self.attempts.get_mut(&item) {
                    Some(connects @ None) if self.witness.is_connecting(item) => {
                        *connects = Some(agent);
                        self.later(20_000, Comes::Dialled(item));
                    }
                    Some(_) | None => {
                        self.served += 1;
                        self.later(300_000, Comes::Ends(item, agent));
                    }
                },
                Decision::CallBack { item, back } => {
                    self.attempts.insert(item, None);
                    if !back.agent_first {
                        self.later(20_000, Comes::Dialled(item));
                    }
                }
                Decision::Overflow { item, to: Overflow::Callback } => {
                    let says_yes = self.chance(60);
                    self.later(130_000, if says_yes { Comes::Presses(item, '3') } else { Comes::Impatience(item) });
                }
                Decision::Announce { item, .. } => self.later(6000, Comes::Said(item)),
                Decision::Entered { item, queue, .. } => {
                    let key = self.run.config.callbacks.get(&queue).and_then(|rules| rules.key);
                    if let Some(key) = key.filter(|_| self.chance(25)) {
                        self.later(60_000, Comes::Presses(item, key));
                    }
                    self.later(240_000, Comes::Impatience(item));
                }
                Decision::Left { item, how: QueueLeft::Abandoned | QueueLeft::Failed, .. } => {
                    // Some redial, and are known again by their number.
                    if self.chance(40)
                        && let Some((caller, queue)) = self.callers_of.get(&item).cloned()
                    {
                        self.enter(caller, queue);
                    }
                }
                Decision::Withdraw { .. }
                | Decision::OfferEnded { .. }
                | Decision::Left { .. }
                | Decision::Overflow { .. }
                | Decision::Agent { .. }
                | Decision::Disposed { .. }
                | Decision::PauseTooLong { .. }
                | Decision::Serves { .. }
                | Decision::Foreseen { .. }
                | Decision::Emergency { .. }
                | Decision::Changed { .. }
                | Decision::Healed { .. } => {}
                Decision::LeavingByKey { .. }
                | Decision::CallbackTaken { .. }
                | Decision::CallbackRefused { .. }
                | Decision::CallbackStop { .. }
                | Decision::CallbackEnded { .. }
                | Decision::CallbacksDue { .. } => {}
                Decision::Task { .. } => panic!("nobody enters a task here"),
            }
        }
    }

    /// What the agent's phone will say: mostly an answer, which may well come too late.
    fn phone_rings(&mut self, item: ItemId, agent: AgentId, epoch: u64) {
        self.later(400, Comes::Rings(item, agent, epoch));
        match self.dice.below(100) {
            0..=9 => {} // nobody there
            10..=13 => self.later(5000, Comes::Fails(item, agent, epoch, OfferEnd::Declined)),
            14..=15 => self.later(500, Comes::Fails(item, agent, epoch, OfferEnd::Busy)),
            16..=17 => self.later(4000, Comes::Fails(item, agent, epoch, OfferEnd::Unreachable)),
            18..=20 => self.later(30_000, Comes::Answers(item, agent, epoch)),
            21..=22 => {
                // The answer is told twice.
                self.later(3000, Comes::Answers(item, agent, epoch));
                self.later(9000, Comes::Answers(item, agent, epoch));
            }
            _ => self.later(6000, Comes::Answers(item, agent, epoch)),
        }
    }

    fn enter(&mut self, caller: String, queue: QueueId) {
        self.callers += 1;
        let item = ItemId(CallId(self.callers));
        self.callers_of.insert(item, (caller.clone(), queue));
        let need = NEEDS[self.dice.below(6) as usize];
        let segment = SEGMENTS[[0, 1, 1, 2, 2, 2, 2, 3][self.dice.below(8) as usize]];
        let callback_to = E164::new(&caller).ok().filter(|_| self.chance(85));
        let entry = Entry {
            item,
            kind: Kind::Call,
            queue,
            need: need::parse(need).unwrap(),
            segment: SegmentId::new(segment).unwrap(),
            value_pm: self.dice.below(1000) as u32,
            caller: Some(caller),
            credits: Credits::of(Credit::WaitedElsewhere, if self.chance(5) { self.dice.below(60_000) } else { 0 }),
            owner: self.chance(10).then(|| self.somebody()),
            last_agent: None,
            callback_to,
        };
        self.tell(Event::Enter(entry));
    }

    fn meet(&mut self, comes: Comes) {
        match comes {
            Comes::Call => {
                let which = [0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 10, 10, 11][self.dice.below(16) as usize];
                let queue = QueueId::new(QUEUES[which]).unwrap();
                let caller = self.someone();
                self.enter(caller, queue);
                if self.now.mono.as_ms() < DAY {
                    // Two peaks.
                    let rush = if (self.now.mono.as_ms() / 1_200_000) % 3 == 1 { 9000 } else { 30_000 };
                    self.later(rush, Comes::Call);
                }
            }
            Comes::Impatience(item) => self.tell(Event::Leave { item, how: QueueLeft::Abandoned }),
            Comes::Rings(item, agent, epoch) => self.tell(Event::Ringing { item, agent, epoch }),
            Comes::Answers(item, agent, epoch) => self.tell(Event::Accept { item, agent, epoch }),
            Comes::Fails(item, agent, epoch, end) => self.tell(Event::OfferFailed { item, agent, epoch, end }),
            Comes::Ends(item, agent) => {
                if self.chance(20) {
                    self.tell(Event::Phase { item, agent, state: AgentState::Holding });
                }
                if self.chance(4) {
                    // An attended transfer to whoever is logged in.
                    let colleague = self.somebody();
                    self.tell(Event::Joined { item, agent: colleague });
                    self.later(120_000, Comes::Ends(item, colleague));
                }
                self.tell(Event::Released { item, agent });
                self.later(40_000, Comes::Saves(agent));
            }
            Comes::Saves(agent) => {
                let disposition = |name| Command::Dispose { agent, disposition: Name::new(name).unwrap() };
                let does = match self.dice.below(5) {
                    0 => Command::Saved { agent },
                    1 => Command::Extend { agent },
                    2 => disposition("sale"),
                    3 => disposition("bad-line"),
                    _ => return,
                };
                self.ask(does);
            }
            Comes::Presses(item, key) => self.tell(Event::Key { item, key }),
            Comes::Dialled(item) => self.dialled(item),
            Comes::Clerk => self.clerk(),
            Comes::Said(item) => self.tell(Event::Announced { item }),
            Comes::Shift(agent) => {
                let station = StationId::new(agent.as_str()).unwrap();
                self.ask(Command::Login { agent, station });
            }
            Comes::Whim(agent) => self.whim(agent),
            Comes::Change(which) => {
                self.run.set(&CHANGES[which].split_whitespace().collect::<Vec<_>>());
                self.witness.configure(&self.run.config, self.now.mono);
                let mut out = Vec::new();
                self.acd.configure(self.run.config.clone(), self.now, &mut out);
                self.seen(out);
            }
            Comes::Restart => {
                let bytes = postcard::to_stdvec(&self.acd).unwrap();
                self.acd = postcard::from_bytes(&bytes).unwrap();
                let mut out = Vec::new();
                self.witness.cut();
                self.acd.cut_waiting(self.now, &mut out);
                self.seen(out);
            }
        }
    }

    /// A caller's number; some call often.
    fn someone(&mut self) -> String {
        let among = if self.chance(40) { 30 } else { 100_000 };
        format!("+34600{:06}", self.dice.below(among))
    }

    fn dialled(&mut self, item: ItemId) {
        let result = match self.dice.below(10) {
            0..=4 => {
                self.tell(Event::CallbackAnswered { item });
                if let Some(agent) = self.attempts.remove(&item).flatten() {
                    self.served += 1;
                    self.later(300_000, Comes::Ends(item, agent));
                }
                return;
            }
            5 => Some(CallbackResult::Busy),
            6 => Some(CallbackResult::NoAnswer),
            7 => Some(CallbackResult::Failed),
            8 => Some(CallbackResult::Unsure),
            _ => None,
        };
        self.attempts.remove(&item);
        self.tell(Event::CallbackFailed { item, result });
    }

    /// In the evening nobody enters or moves callbacks any more.
    fn clerk(&mut self) {
        if self.now.mono.as_ms() > DAY {
            return;
        }
        let known: Vec<E164> = self.acd.callbacks(self.now).into_iter().map(|row| row.number).collect();
        let number = match known.len() {
            0 => E164::new(&self.someone()).unwrap(),
            many => known[self.dice.below(many as u64) as usize],
        };
        let at = self.now.wall + std::time::Duration::from_secs(1 + self.dice.below(1200));
        let queue = QueueId::new(CALLS_BACK[self.dice.below(4) as usize]).unwrap();
        let segment = SegmentId::new(SEGMENTS[self.dice.below(4) as usize]).unwrap();
        let add = |number, at| Command::CallbackAdd { number, queue, segment, value_pm: 7, at };
        let does = match self.dice.below(8) {
            0 | 1 => add(E164::new(&self.someone()).unwrap(), None),
            2 => add(E164::new(&self.someone()).unwrap(), Some(at)),
            3 => add(number, None),
            4 => add(number, Some(at)),
            5 => Command::CallbackCancel { number },
            _ => Command::CallbackAppoint { number, at },
        };
        self.ask(does);
        self.later(240_000, Comes::Clerk);
    }

    fn somebody(&mut self) -> AgentId {
        let rows = self.acd.agents(self.now);
        rows[self.dice.below(rows.len() as u64) as usize].agent
    }

    /// What people and phones do besides calls. In the evening they go home.
    fn whim(&mut self, agent: AgentId) {
        let station = StationId::new(agent.as_str()).unwrap();
        if self.now.mono.as_ms() > DAY {
            self.tell(Event::Station { station, reachable: true });
            self.tell(Event::StationCalls { station, calls: 0 });
            if self.acd.agent(agent, self.now).is_some_and(|row| row.state != AgentState::LoggedOut) {
                // Only when no call could still want him: the last to go finds the queues empty or waits.
                let is_needed = self.now.mono.as_ms() < DAY + 1_800_000 && self.acd.sizes().waiting > 0;
                self.ask(if is_needed { Command::Ready { agent } } else { Command::Logout { agent } });
                self.later(120_000, Comes::Whim(agent));
            }
            return;
        }
        match self.dice.below(12) {
            0 => self.ask(Command::Logout { agent }),
            1 | 2 => self.ask(Command::Pause { agent, reason: Name::new("lunch").unwrap() }),
            3 => self.tell(Event::Station { station, reachable: false }),
            4 => self.tell(Event::StationCalls { station, calls: 1 }),
            5 => {
                let other = self.somebody();
                self.ask(Command::Login { agent, station: StationId::new(other.as_str()).unwrap() });
            }
            _ => {
                self.tell(Event::Station { station, reachable: true });
                self.tell(Event::StationCalls { station, calls: 0 });
                if self.acd.agent(agent, self.now).is_some_and(|row| row.state == AgentState::LoggedOut) {
                    self.ask(Command::Login { agent, station });
                }
                self.ask(Command::Ready { agent });
            }
        }
        self.later(500_000, Comes::Whim(agent));
    }
}

/// `1000` plays a thousand days, `695-695` one.
#[expect(clippy::disallowed_methods, reason = "the number of days is for who runs the tests to say")]
fn seeds() -> RangeInclusive<u64> {
    let told = std::env::var("TURNO_SIM_SEEDS").ok().map(|text| match text.split_once('-') {
        Some((first, last)) => (first.parse().unwrap(), last.parse().unwrap()),
        None => (1, text.parse().unwrap()),
    });
    told.map_or(1..=if cfg!(debug_assertions) { 20 } else { 200 }, |(first, last)| first..=last)
}

/// What becomes of callbacks in any ten days.
const CALLED_BACK: [&str; 13] = [
    "taken",
    "offered",
    "agent first",
    "customer first",
    "connects",
    "served",
    "abandoned",
    "gave_up",
    "cancelled",
    "called_again",
    "dropped",
    "expired",
    "moved_on",
];

#[test]
fn days_of_a_call_centre_follow_the_rule_and_leave_nothing_behind() {
    let (mut served, mut events, mut days, mut outlasted) = (0, 0, 0, 0);
    let mut called_back: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in seeds() {
        let day = Day::new(seed).play();
        let sizes = day.acd.sizes();
        assert_eq!((sizes.waiting, sizes.offered, sizes.served, sizes.timers), (0, 0, 0, 0), "seed {seed}: {sizes:?}");
        assert_eq!(day.acd.deadline(), None, "seed {seed}");
        assert_eq!(day.acd.callbacks(day.now), [], "seed {seed}");
        assert!(day.witness.items.is_empty() && day.witness.agents.values().all(|seat| seat.offer.is_none()));
        served += day.served;
        events += day.events;
        (days, outlasted) = (days + 1, outlasted + day.witness.outlasted.get());
        for (what, many) in &day.witness.backs.seen {
            *called_back.entry(what).or_default() += many;
        }
        assert!(day.served > 50, "seed {seed}: a day with {} conversations says little", day.served);
    }
    assert!(events > served * 5);
    for what in CALLED_BACK {
        assert!(days < 10 || called_back.contains_key(what), "no callback is {what}: {called_back:?}");
    }
    assert!(days < 10 || outlasted > days, "{outlasted} rings are passed for the expected wait in {days} days");
}

#[test]
fn a_day_is_the_same_day_each_time() {
    let (one, two) = (Day::new(6).play(), Day::new(6).play());
    assert!(one.acd == two.acd && one.events == two.events);
    assert!(Day::new(7).play().acd != one.acd);
}
