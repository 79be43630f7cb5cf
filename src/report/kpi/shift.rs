//! What is counted of one agent in one quarter of an hour: his time by state, split where quarters meet, and his offers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use turno_base::Name;
use turno_base::fact::AgentState;

use super::formula::Value;
use super::offered::Offered;

/// Time by state, µs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// Free to take an offer.
    pub ready: u64,
    /// Reserved or ringing.
    pub ring: u64,
    /// In conversation.
    pub talk: u64,
    /// The customer is on hold, or a colleague is asked.
    pub hold: u64,
    /// After-call work.
    pub wrap_up: u64,
    /// On a call that the queue did not give.
    pub outbound: u64,
    /// On a task beside calls: an e-mail, a complaint.
    pub task: u64,
    /// Not ready, by reason.
    pub paused: BTreeMap<Name, u64>,
    /// Of all of that, not paid.
    pub unpaid: u64,
}

impl Times {
    /// So much more of this state.
    pub(super) fn add(&mut self, state: AgentState, is_paid: bool, us: u64) {
        let sum = match state {
            AgentState::LoggedOut => return,
            AgentState::Ready => &mut self.ready,
            AgentState::Offered | AgentState::Ringing => &mut self.ring,
            AgentState::Talking => &mut self.talk,
            AgentState::Holding | AgentState::Consulting => &mut self.hold,
            AgentState::WrapUp => &mut self.wrap_up,
            AgentState::Outbound => &mut self.outbound,
            AgentState::Task => &mut self.task,
            AgentState::Paused(reason) => self.paused.entry(reason).or_default(),
        };
        *sum += us;
        self.unpaid += if is_paid { 0 } else { us };
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &Times) {
        let Times { ready, ring, talk, hold, wrap_up, outbound, task, paused, unpaid } = other;
        self.ready += ready;
        self.ring += ring;
        self.talk += talk;
        self.hold += hold;
        self.wrap_up += wrap_up;
        self.outbound += outbound;
        self.task += task;
        self.unpaid += unpaid;
        for (reason, us) in paused {
            *self.paused.entry(*reason).or_default() += us;
        }
    }

    /// Busy with a call or a task, µs.
    pub fn handling(&self) -> u64 {
        self.ring + self.talk + self.hold + self.wrap_up + self.outbound + self.task
    }

    /// Not ready for any reason, µs.
    pub fn not_ready(&self) -> u64 {
        self.paused.values().sum()
    }

    /// From login to logout, µs.
    pub fn logged_in(&self) -> u64 {
        self.ready + self.handling() + self.not_ready()
    }

    /// Logged in but for the reasons that are not paid, µs.
    pub fn paid(&self) -> u64 {
        self.logged_in() - self.unpaid
    }
}

/// The reason under which an agent's time is counted in which nothing was heard of his conversation any more: not ready.
pub const SILENT: &str = "media-silent";

/// Time of conversations in which nothing was heard any more, µs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unheard {
    /// Counted as talk.
    pub talk: u64,
    /// Counted as hold.
    pub hold: u64,
}

impl Unheard {
    /// Adds all of another.
    pub fn merge(&mut self, other: &Unheard) {
        self.talk += other.talk;
        self.hold += other.hold;
    }
}

/// What is counted of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentTally {
    /// His time.
    pub times: Times,
    /// Conversations that began.
    pub handled: u64,
    /// Offers to him.
    pub offered: Offered,
    /// Cost of the time logged in: units an hour · µs.
    pub cost: u128,
    /// Of that, of the time ready.
    pub cost_ready: u128,
}

impl AgentTally {
    /// Moves what turned out to be no conversation to where it is counted: it costs what it did, and is paid as it was.
    pub fn unheard(&mut self, of: &Unheard) {
        let Unheard { talk, hold } = *of;
        self.times.talk = self.times.talk.saturating_sub(talk);
        self.times.hold = self.times.hold.saturating_sub(hold);
        if let Ok(reason) = Name::new(SILENT) {
            *self.times.paused.entry(reason).or_default() += talk + hold;
        }
    }

    /// Adds all of another.
    pub fn merge(&mut self, other: &AgentTally) {
        let AgentTally { times, handled, offered, cost, cost_ready } = other;
        self.times.merge(times);
        self.handled += handled;
        self.offered.merge(offered);
        self.cost += cost;
        self.cost_ready += cost_ready;
    }
}

/// A formula over an agent's counts.
#[derive(Clone, Copy)]
pub struct AgentFigure {
    /// Its name in reports and answers.
    pub name: &'static str,
    /// The formula.
    pub formula: &'static str,
    /// It.
    pub of: fn(&AgentTally) -> Value,
}

impl std::fmt::Debug for AgentFigure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} = {}", self.name, self.formula)
    }
}

fn share(part: u64, whole: u64) -> Value {
    Value::Share(part.into(), whole.into())
}

/// A time as a mean over one: it prints in seconds.
fn time(us: u64) -> Value {
    Value::Mean(u128::from(us) / 1000, 1)
}

fn each(us: u64, count: u64) -> Value {
    Value::Mean(u128::from(us) / 1000, count.into())
}

macro_rules! figures {
    ($($name:ident: $formula:literal = $of:expr;)*) => {
        /// Every figure of agents, in the order in which reports print them.
        pub const AGENT_FIGURES: &[AgentFigure] =
            &[$(AgentFigure { name: stringify!($name), formula: $formula, of: $of }),*];
    };
}

figures! {
    logged_in: "login to logout" = |a| time(a.times.logged_in());
    ready: "free" = |a| time(a.times.ready);
    paid: "logged in but for unpaid reasons" = |a| time(a.times.paid());
    not_ready: "not ready, all reasons" = |a| time(a.times.not_ready());
    ring: "reserved or ringing" = |a| time(a.times.ring);
    talk: "in conversation" = |a| time(a.times.talk);
    hold: "customer on hold, or a colleague asked" = |a| time(a.times.hold);
    wrap_up: "after-call work" = |a| time(a.times.wrap_up);
    outbound: "calls that no queue gave" = |a| time(a.times.outbound);
    task: "tasks beside calls" = |a| time(a.times.task);
    handled: "conversations that began" = |a| Value::Count(a.handled);
    aht: "(talk + hold + wrap-up) / handled" = |a| each(a.times.talk + a.times.hold + a.times.wrap_up, a.handled);
    tmo_sin_acw: "(talk + hold) / handled" = |a| each(a.times.talk + a.times.hold, a.handled);
    talk_mean: "talk / handled" = |a| each(a.times.talk, a.handled);
    occupancy: "(ring + talk + hold + wrap-up + outbound + task) / (that + ready)" =
        |a| share(a.times.handling(), a.times.handling() + a.times.ready);
    occupancy_unrung: "(talk + hold + wrap-up + outbound + task) / (that + ready)" = |a| {
        let busy = a.times.handling() - a.times.ring;
        share(busy, busy + a.times.ready)
    };
    utilisation: "(ring + talk + hold + wrap-up + outbound + task) / logged in" =
        |a| share(a.times.handling(), a.times.logged_in());
    availability: "(ready + ring + talk + hold + wrap-up + outbound + task) / logged in" =
        |a| share(a.times.ready + a.times.handling(), a.times.logged_in());
    offers: "offers" = |a| Value::Count(a.offered.offers);
    no_answer: "offers that were not taken / offers that ended" = |a| a.offered.share(a.offered.not_taken());
    no_answer_agent: "declined, rung out or busy / offers that ended" =
        |a| a.offered.share(a.offered.not_taken_by_agent());
}
