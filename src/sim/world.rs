//! A day as it happens: callers arrive, lose patience and try again; phones ring; agents talk, wrap up, come and go. What is
//! impossible (an agent rung twice, a call offered to two, to somebody who cannot serve it) stops the run: a policy that does
//! it is broken.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use turno_base::Mono;

use crate::day::{ATTEMPTS_MAX, Attempt, Centre, Day, Move, Rung, Story};
use crate::draw::us;
use crate::figures::Figures;
use crate::policy::{Act, Arrival, Policy};
use crate::scenario::Scenario;

/// Who still waits so long after the doors closed is sent home, µs.
const EVENING_US: u64 = 4 * 3_600_000_000;

/// What is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Comes {
    In(usize),
    Ends { item: u32, agent: usize },
    Answers { item: u32, agent: usize, token: u64 },
    GivesUp(u32),
    Call(u32),
    Back(usize),
    Pauses(usize),
    Out(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    Waiting,
    Rung { agent: usize, token: u64 },
    Talks,
    Gone,
}

#[derive(Clone, Copy, Debug)]
struct Live {
    attempt: Attempt,
    arrived: u64,
    offers: u32,
    stands: Stands,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Nothing,
    Rings(u32),
    Talks(u32),
}

#[derive(Clone, Copy, Debug)]
struct Staff {
    does: Does,
    /// Wrap-up lasts until then.
    busy_until: u64,
    is_in: bool,
    is_away: bool,
    came: u64,
    /// Worked and logged in so far, µs, between the opening and the closing of the doors.
    worked: u64,
    logged: u64,
}

/// What became of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Caller and number of his call.
    pub(crate) item: u32,
    pub(crate) queue: usize,
    pub(crate) segment: usize,
    pub(crate) arrived: u64,
    /// Until the answer, or until he gave up.
    pub(crate) wait: u64,
    pub(crate) answered_by: Option<usize>,
    /// He did not give up: a rule or a person took him out.
    pub(crate) is_sent_on: bool,
}

/// A day's books.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ledger {
    /// In order of what became of them.
    pub(crate) calls: Vec<Outcome>,
    /// Worked and logged in, µs, by agent.
    pub(crate) agents: Vec<(u64, u64)>,
}

struct World<'a> {
    scenario: &'a Scenario,
    centre: &'a Centre,
    day: &'a Day,
    policy: &'a mut dyn Policy,
    now: u64,
    comes: BinaryHeap<Reverse<(u64, Comes)>>,
    live: Vec<Option<Live>>,
    staff: Vec<Staff>,
    books: Ledger,
}

/// Plays a day under a policy that has not seen anything yet.
pub fn play(scenario: &Scenario, centre: &Centre, day: &Day, policy: &mut dyn Policy) -> Figures {
    let books = ledger(scenario, centre, day, policy);
    Figures::of(scenario, centre, &books)
}

/// The same, with every call.
pub(crate) fn ledger(scenario: &Scenario, centre: &Centre, day: &Day, policy: &mut dyn Policy) -> Ledger {
    let out = Staff { does: Does::Nothing, busy_until: 0, is_in: false, is_away: false, came: 0, worked: 0, logged: 0 };
    let mut world = World {
        scenario,
        centre,
        day,
        policy,
        now: 0,
        comes: BinaryHeap::new(),
        live: vec![None; day.callers.len() * ATTEMPTS_MAX as usize],
        staff: vec![out; centre.seats.len()],
        books: Ledger::default(),
    };
    world.plan();
    world.run();
    world.close()
}

impl World<'_> {
    fn plan(&mut self) {
        for (agent, seat) in self.centre.seats.iter().enumerate().filter(|(_, seat)| seat.shift.0 < seat.shift.1) {
            self.comes.push(Reverse((seat.shift.0, Comes::In(agent))));
            if seat.shift.1 < self.centre.closes {
                self.comes.push(Reverse((seat.shift.1, Comes::Out(agent))));
            }
        }
        for &(agent, at, back) in &self.day.absent {
            self.comes.push(Reverse((at, Comes::Out(agent))));
            if let Some(back) = back {
                self.comes.push(Reverse((back, Comes::In(agent))));
            }
        }
        for &(at, agent, how) in &self.day.moves {
            let comes = match how {
                Move::In => Comes::In(agent),
                Move::Paused => Comes::Pauses(agent),
                Move::Out => Comes::Out(agent),
            };
            self.comes.push(Reverse((at, comes)));
        }
        for (caller, of) in self.day.callers.iter().enumerate() {
            self.comes.push(Reverse((of.at, Comes::Call(caller as u32 * ATTEMPTS_MAX))));
        }
    }

    fn run(&mut self) {
        let ends = self.centre.closes + EVENING_US;
        let mut acts = Vec::new();
        loop {
            let next = self.comes.peek().map(|Reverse((at, _))| *at);
            let due = self.policy.deadline().map(|at| at.0);
            let is_live = next.is_some() || self.live.iter().flatten().any(|live| live.stands != Stands::Gone);
            match (due, next) {
                (Some(due), _) if due <= next.unwrap_or(u64::MAX) && is_live && due <= ends => {
                    self.now = self.now.max(due);
                    self.policy.on_deadline(Mono(self.now), &mut acts);
                }
                (_, Some(next)) if next <= ends => {
                    let Some(Reverse((at, comes))) = self.comes.pop() else { return };
                    self.now = at;
                    self.meet(comes, &mut acts);
                }
                (Some(_) | None, Some(_) | None) => return,
            }
            for act in acts.drain(..) {
                self.apply(act);
            }
        }
    }

    fn meet(&mut self, comes: Comes, out: &mut Vec<Act>) {
        let now = Mono(self.now);
        match comes {
            Comes::Call(item) => self.call(item, out),
            Comes::GivesUp(item) => self.gives_up(item, out),
            Comes::Answers { item, agent, token } => {
                if self.stands(item) == (Stands::Rung { agent, token }) {
                    self.policy.accepts(item, agent, token, now, out);
                }
            }
            Comes::Ends { item, agent } => {
                assert_eq!(self.staff[agent].does, Does::Talks(item), "who talks is left to talk");
                let wrap_up = self.live[item as usize].map_or(0, |live| live.attempt.wrap_up);
                let worked = self.within(self.now, self.now + wrap_up);
                let staff = &mut self.staff[agent];
                staff.does = Does::Nothing;
                staff.busy_until = self.now + wrap_up;
                staff.worked += worked;
                self.set(item, Stands::Gone);
                if !self.staff[agent].is_in {
                    // His shift ended during the call.
                    self.staff[agent].logged += worked;
                }
                self.policy.released(item, agent, wrap_up, now, out);
            }
            Comes::In(agent) => {
                let staff = &mut self.staff[agent];
                if !std::mem::replace(&mut staff.is_in, true) {
                    staff.came = self.now;
                    self.policy.comes(agent, now, out);
                }
            }
            Comes::Pauses(agent) => {
                if self.is_gone(agent) {
                    self.policy.pauses(agent, now, out);
                }
            }
            Comes::Out(agent) => {
                // Who pauses before he goes home is at work for nobody, and is sent home all the same.
                if self.is_gone(agent) || !self.day.moves.is_empty() {
                    self.policy.goes(agent, now, out);
                }
            }
            Comes::Back(agent) => {
                if std::mem::take(&mut self.staff[agent].is_away) {
                    self.policy.is_back(agent, now, out);
                }
            }
        }
    }

    /// He is in no more; false if he was not.
    fn is_gone(&mut self, agent: usize) -> bool {
        let was_in = std::mem::take(&mut self.staff[agent].is_in);
        if was_in {
            self.staff[agent].logged += self.within(self.staff[agent].came, self.now);
            self.staff[agent].is_away = false;
        }
        was_in
    }

    fn call(&mut self, item: u32, out: &mut Vec<Act>) {
        let caller = &self.day.callers[(item / ATTEMPTS_MAX) as usize];
        let attempt = caller.attempt(self.scenario, item % ATTEMPTS_MAX);
        self.live[item as usize] = Some(Live { attempt, arrived: self.now, offers: 0, stands: Stands::Waiting });
        if let Some(patience) = attempt.patience {
            self.comes.push(Reverse((self.now + patience, Comes::GivesUp(item))));
        }
        let call = Arrival { item, queue: caller.queue, segment: caller.segment, caller: item / ATTEMPTS_MAX };
        self.policy.enters(call, Mono(self.now), out);
    }

    fn gives_up(&mut self, item: u32, out: &mut Vec<Act>) {
        match self.stands(item) {
            Stands::Talks | Stands::Gone => return,
            Stands::Waiting => {}
            Stands::Rung { agent, .. } => self.staff[agent].does = Does::Nothing,
        }
        self.set(item, Stands::Gone);
        self.book(item, None);
        if let Some(Live { attempt: Attempt { redials_after: Some(after), .. }, .. }) = self.live[item as usize] {
            self.comes.push(Reverse((self.now + after, Comes::Call(item + 1))));
        }
        self.policy.gives_up(item, Mono(self.now), out);
    }

    fn apply(&mut self, act: Act) {
        match act {
            Act::Ring { item, agent, token } => self.ring(item, agent, token),
            Act::Stop { item, agent } => {
                if matches!(self.stands(item), Stands::Rung { agent: rung, .. } if rung == agent) {
                    self.set(item, Stands::Waiting);
                    self.staff[agent].does = Does::Nothing;
                }
            }
            Act::Connect { item, agent } => self.connect(item, agent),
            Act::Away { agent } => {
                if self.staff[agent].is_in && !std::mem::replace(&mut self.staff[agent].is_away, true) {
                    let back = self.now + us(self.scenario.ring.back_after_s);
                    self.comes.push(Reverse((back, Comes::Back(agent))));
                }
            }
        }
    }

    fn ring(&mut self, item: u32, agent: usize, token: u64) {
        let staff = &self.staff[agent];
        assert_eq!(self.stands(item), Stands::Waiting, "a call is offered once");
        assert_eq!(staff.does, Does::Nothing, "an agent holds one offer");
        assert!(staff.is_in && !staff.is_away && staff.busy_until <= self.now, "who is rung is there and ready");
        assert!(self.centre.seats[agent].levels[self.queue(item)] > 0, "who is rung can serve it");
        self.staff[agent].does = Does::Rings(item);
        self.set(item, Stands::Rung { agent, token });
        let Some(live) = &mut self.live[item as usize] else { return };
        let offer = live.offers;
        live.offers += 1;
        let caller = &self.day.callers[(item / ATTEMPTS_MAX) as usize];
        if self.day.is_deaf(agent, self.now) {
            return;
        }
        if let Rung::Answers(after) = caller.rung(self.scenario, item % ATTEMPTS_MAX, offer) {
            self.comes.push(Reverse((self.now + after, Comes::Answers { item, agent, token })));
        }
    }

    fn connect(&mut self, item: u32, agent: usize) {
        assert!(matches!(self.stands(item), Stands::Rung { agent: rung, .. } if rung == agent), "connected as rung");
        self.set(item, Stands::Talks);
        self.book(item, Some(agent));
        let queue = self.queue(item);
        let level = self.centre.seats[agent].levels[queue];
        let handle = self.live[item as usize].map_or(1.0, |live| live.attempt.handle);
        let talk = us(self.scenario.queues[queue].handle_s * self.scenario.handle_factor(level) * handle);
        let worked = self.within(self.now, self.now + talk);
        let staff = &mut self.staff[agent];
        staff.does = Does::Talks(item);
        staff.worked += worked;
        if !staff.is_in {
            staff.logged += worked;
        }
        self.comes.push(Reverse((self.now + talk, Comes::Ends { item, agent })));
    }

    fn book(&mut self, item: u32, answered_by: Option<usize>) {
        let Some(live) = &self.live[item as usize] else { return };
        let caller = &self.day.callers[(item / ATTEMPTS_MAX) as usize];
        self.books.calls.push(Outcome {
            item,
            queue: caller.queue,
            segment: caller.segment,
            arrived: live.arrived,
            wait: self.now - live.arrived,
            answered_by,
            is_sent_on: answered_by.is_none() && matches!(caller.story, Story::Told(told) if told.is_sent_on),
        });
    }

    fn queue(&self, item: u32) -> usize {
        self.day.callers[(item / ATTEMPTS_MAX) as usize].queue
    }

    fn stands(&self, item: u32) -> Stands {
        self.live[item as usize].map_or(Stands::Gone, |live| live.stands)
    }

    fn set(&mut self, item: u32, stands: Stands) {
        if let Some(live) = &mut self.live[item as usize] {
            live.stands = stands;
        }
    }

    /// The part of a span that lies in the day.
    fn within(&self, from: u64, to: u64) -> u64 {
        to.min(self.centre.closes).saturating_sub(from.min(self.centre.closes))
    }

    /// The evening: who still waits has not been served.
    fn close(mut self) -> Ledger {
        for item in 0..self.live.len() as u32 {
            if matches!(self.stands(item), Stands::Waiting | Stands::Rung { .. }) {
                self.book(item, None);
            }
        }
        let closes = self.centre.closes;
        for staff in &mut self.staff {
            if staff.is_in {
                staff.logged += closes.saturating_sub(staff.came);
            }
        }
        self.books.agents = self.staff.iter().map(|staff| (staff.worked, staff.logged)).collect();
        self.books
    }
}
