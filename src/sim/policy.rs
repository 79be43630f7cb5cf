//! Who serves whom: the ACD itself and the rules that shops run today, behind one door.

mod app_queue;
mod callcenter;
mod floor;
mod live;
mod plain;
mod turno;

use std::fmt;
use std::str::FromStr;

use turno_base::Mono;

use crate::day::Centre;
use crate::scenario::Scenario;

pub(crate) use live::{Live, playable};
pub use turno::Knobs;
#[cfg(test)]
pub(crate) use turno::config;

/// A call that enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Names the call for the rest of the day.
    pub item: u32,
    /// Index of the queue.
    pub queue: usize,
    /// Index of the segment.
    pub segment: usize,
    /// Names the caller: his redials have the same.
    pub caller: u32,
}

/// What a policy wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Ring this agent for this call.
    Ring {
        /// Call.
        item: u32,
        /// Index of the agent.
        agent: usize,
        /// Names the offer.
        token: u64,
    },
    /// Stop ringing.
    Stop {
        /// Call.
        item: u32,
        /// Agent.
        agent: usize,
    },
    /// They talk.
    Connect {
        /// Call.
        item: u32,
        /// Agent.
        agent: usize,
    },
    /// The agent missed too many calls and gets no more until he says that he is back.
    Away {
        /// Agent.
        agent: usize,
    },
}

/// Decides. Is told what happens in order of time; [`Policy::deadline`] is asked for after every call.
pub trait Policy {
    /// A call enters.
    fn enters(&mut self, call: Arrival, now: Mono, out: &mut Vec<Act>);
    /// The caller hung up before an agent answered.
    fn gives_up(&mut self, item: u32, now: Mono, out: &mut Vec<Act>);
    /// The agent picked up.
    fn accepts(&mut self, item: u32, agent: usize, token: u64, now: Mono, out: &mut Vec<Act>);
    /// The conversation is over; wrap-up begins and takes the agent so many µs.
    fn released(&mut self, item: u32, agent: usize, wrap_up: u64, now: Mono, out: &mut Vec<Act>);
    /// The agent's shift begins.
    fn comes(&mut self, agent: usize, now: Mono, out: &mut Vec<Act>);
    /// The agent's shift ends, after his call if he has one.
    fn goes(&mut self, agent: usize, now: Mono, out: &mut Vec<Act>);
    /// The agent is not ready from now on, after his call if he has one, until he comes or goes.
    fn pauses(&mut self, agent: usize, now: Mono, out: &mut Vec<Act>) {
        self.goes(agent, now, out);
    }
    /// The agent is back after [`Act::Away`].
    fn is_back(&mut self, agent: usize, now: Mono, out: &mut Vec<Act>);
    /// When it wants to be called.
    fn deadline(&self) -> Option<Mono>;
    /// Does what is due.
    fn on_deadline(&mut self, now: Mono, out: &mut Vec<Act>);
}

/// Policies by name.
#[derive(Clone, Debug, PartialEq)]
pub enum Named {
    /// The ACD of this project, by its front door.
    Turno(Knobs),
    /// Oldest call first; agents in turn, each queue remembering where it was.
    FifoRoundRobin,
    /// Oldest call first; the agent who has been idle longest.
    FifoLongestIdle,
    /// The most valuable segment first, then the oldest; the best skilled agent.
    PriorityBestSkill,
    /// The call that has waited most of its target; the agent who has been idle longest.
    WaitTarget,
    /// As Asterisk's `app_queue`: round robin with memory, skill levels as penalties, queue weights.
    AppQueue,
    /// The same, with the caller's priority set by his segment.
    AppQueuePriority,
    /// As FreeSWITCH's `mod_callcenter`: base score and age, skill levels as tiers, the longest idle.
    CallCenter,
}

/// No policy has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchPolicy(pub String);

impl fmt::Display for NoSuchPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Named::all().iter().map(Named::as_str).collect();
        write!(f, "there is no policy {:?}; there are {}", self.0, names.join(", "))
    }
}

impl std::error::Error for NoSuchPolicy {}

impl Named {
    /// All of them, the ACD with the scenario's own settings.
    pub fn all() -> [Named; 8] {
        [
            Named::Turno(Knobs::default()),
            Named::FifoRoundRobin,
            Named::FifoLongestIdle,
            Named::PriorityBestSkill,
            Named::WaitTarget,
            Named::AppQueue,
            Named::AppQueuePriority,
            Named::CallCenter,
        ]
    }

    /// Its name on the command line, in tables and pictures.
    pub fn as_str(&self) -> &'static str {
        match self {
            Named::Turno(_) => "turno",
            Named::FifoRoundRobin => "fifo-rr",
            Named::FifoLongestIdle => "fifo-idle",
            Named::PriorityBestSkill => "priority",
            Named::WaitTarget => "wait-target",
            Named::AppQueue => "app-queue",
            Named::AppQueuePriority => "app-queue-prio",
            Named::CallCenter => "callcenter",
        }
    }

    /// The policy at the beginning of a day of this scenario.
    pub fn build(&self, scenario: &Scenario, centre: &Centre, seed: u64) -> Box<dyn Policy> {
        match self {
            Named::Turno(knobs) => Box::new(turno::Turno::new(scenario, centre, knobs, seed)),
            Named::FifoRoundRobin => plain(scenario, centre, plain::Order::Age, plain::Choice::InTurn),
            Named::FifoLongestIdle => plain(scenario, centre, plain::Order::Age, plain::Choice::LongestIdle),
            Named::PriorityBestSkill => plain(scenario, centre, plain::Order::ValueThenAge, plain::Choice::BestSkill),
            Named::WaitTarget => plain(scenario, centre, plain::Order::WaitOverTarget, plain::Choice::LongestIdle),
            Named::AppQueue => Box::new(app_queue::AppQueue::new(scenario, centre, false)),
            Named::AppQueuePriority => Box::new(app_queue::AppQueue::new(scenario, centre, true)),
            Named::CallCenter => Box::new(callcenter::CallCenter::new(scenario, centre)),
        }
    }
}

fn plain(scenario: &Scenario, centre: &Centre, order: plain::Order, choice: plain::Choice) -> Box<dyn Policy> {
    Box::new(plain::Plain::new(scenario, centre, order, choice))
}

impl FromStr for Named {
    type Err = NoSuchPolicy;
    fn from_str(text: &str) -> Result<Named, NoSuchPolicy> {
        let all = Named::all();
        all.into_iter().find(|named| named.as_str() == text).ok_or_else(|| NoSuchPolicy(text.to_owned()))
    }
}

/// A segment's number by value, the most valuable first; equal values share a number.
fn value_order(scenario: &Scenario) -> Vec<u32> {
    let above = |value: f64| scenario.segments.iter().filter(|other| other.value > value).count();
    scenario.segments.iter().map(|segment| u32::try_from(above(segment.value)).unwrap_or(u32::MAX)).collect()
}
