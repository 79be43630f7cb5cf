//! The one loop: wait for inputs or the deadline, stamp [`Now`], handle, journal, perform effects in order, repeat.
//!
//! Whoever runs it has the engine to himself ([`super::turns`] says who and when); nobody else touches it. A turn takes at most [`TURN_INPUTS_MAX`] inputs and looks at
//! the deadline before each of them, so that a flood can neither starve deadlines nor hold back what was already decided.
//! A panic in the engine costs the call that it was about (reliability P5), never the process.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use turno_base::{Mono, Now};
use turno_engine::{Effect, Engine, Input};
use turno_sip::ua::Load;

use crate::shell::clock::Clock;
use crate::shell::inbox::{Arrival, Outlet};
use crate::shell::journal::Wish;
use crate::shell::metrics::Metrics;

/// Most inputs of one turn, after which what they caused leaves the process: in a burst the first waits for so many.
pub const TURN_INPUTS_MAX: usize = 16;
/// A turn with so many messages to send takes no further input: when twenty agents hang up at once, the first of them has his next caller
/// while the last one's BYE is being handled.
pub const TURN_SENDS_MAX: usize = 8;
/// How often the world is given time, and looked at; so long it may take until the loop sees that it is to end.
pub const TICK: Duration = Duration::from_millis(100);

/// What the loop drives. The engine, and in tests something that can be made to fail.
pub trait Machine {
    /// Takes one input and appends what should be done to `out`, in order.
    fn handle(&mut self, input: &Input, now: Now, out: &mut Vec<Effect>);
    /// When it wants [`Input::Deadline`] next.
    fn deadline(&self) -> Option<Mono>;
    /// Its state, from which a restart begins.
    fn snapshot(&self) -> Vec<u8>;
}

impl Machine for Engine {
    fn handle(&mut self, input: &Input, now: Now, out: &mut Vec<Effect>) {
        Engine::handle(self, input, now, out);
    }

    fn deadline(&self) -> Option<Mono> {
        Engine::deadline(self)
    }

    fn snapshot(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("plain data in memory always serialises")
    }
}

/// What the loop acts on.
pub trait World {
    /// Keeps the input and what came of it, before any of it can be seen outside.
    fn journal(&mut self, now: Now, input: &Input, effects: &[Effect]);
    /// Does one effect, or queues it for the end of the turn.
    fn perform(&mut self, effect: Effect);
    /// Lets everything queued in this turn leave.
    fn end_turn(&mut self);
    /// What the journal wants, once.
    fn wish(&mut self) -> Option<Wish>;
    /// Begins a new segment: with this state, or with the one that the segment before it leads to.
    fn segment(&mut self, now: Now, state: Option<Vec<u8>>);
    /// Time for what needs no input: about every 100 ms.
    fn tick(&mut self);
    /// The store cannot take new records.
    fn store_full(&self) -> bool;
}

/// How the process is asked to end.
#[derive(Debug, Default)]
pub struct Gate {
    draining: AtomicBool,
    stopped: AtomicBool,
    ready: AtomicBool,
}

impl Gate {
    /// No new calls from now on (C6).
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Ends the loop after the current turn.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Recovery is over and the sockets are open.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }

    /// Whether [`Gate::drain`] was asked for.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Whether [`Gate::stop`] was asked for.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// New calls are welcome.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed) && !self.is_draining() && !self.is_stopped()
    }
}

/// The loop and what it owns.
#[derive(Debug)]
pub struct Loop<M, W> {
    machine: M,
    world: W,
    outlet: Outlet,
    clock: Clock,
    gate: Arc<Gate>,
    metrics: Arc<Metrics>,
    effects: Vec<Effect>,
    /// Messages of this turn.
    sends: usize,
    picked: u32,
    tick_at: Mono,
    /// What the machine was told last.
    told: Load,
}

impl<M: Machine, W: World> Loop<M, W> {
    /// A loop that has done nothing yet.
    pub fn new(
        machine: M,
        world: W,
        outlet: Outlet,
        clock: Clock,
        gate: Arc<Gate>,
        metrics: Arc<Metrics>,
    ) -> Loop<M, W> {
        let tick_at = clock.mono();
        let told = Load::default();
        Loop { machine, world, outlet, clock, gate, metrics, effects: Vec::new(), sends: 0, picked: 0, tick_at, told }
    }

    /// Feeds what every life begins with, before anything else is taken.
    pub fn begin(&mut self, inputs: Vec<Input>) {
        let now = self.clock.now();
        self.world.segment(now, Some(self.machine.snapshot()));
        for input in inputs {
            self.step(&input);
        }
        self.world.end_turn();
    }

    /// After the last turn: gives back what it owned.
    pub fn end(mut self) -> (M, W) {
        self.world.end_turn();
        (self.machine, self.world)
    }

    /// One turn: what is there now, at most [`TURN_INPUTS_MAX`] inputs and, but for those of the last input, [`TURN_SENDS_MAX`] messages.
    /// Gives how many inputs it took.
    pub fn turn(&mut self) -> usize {
        let (began, mut inputs) = (self.clock.mono(), 0);
        self.sends = 0;
        while (inputs as usize) < TURN_INPUTS_MAX && self.sends < TURN_SENDS_MAX {
            self.deadline_if_due();
            let Some(arrival) = self.next() else { break };
            let now = self.clock.mono();
            self.outlet.taken(now);
            inputs += 1;
            self.metrics.loop_delay.observe(now.since(arrival.at).as_secs_f64());
            self.step(&arrival.input);
        }
        self.tick_if_due();
        self.world.end_turn();
        self.outlet.turned(inputs, self.clock.mono().since(began));
        match self.world.wish() {
            None => {}
            Some(Wish::Next) => self.world.segment(self.clock.now(), None),
            Some(Wish::Whole) => self.world.segment(self.clock.now(), Some(self.machine.snapshot())),
        }
        inputs as usize
    }

    /// When it needs a turn though nothing came: at the deadline, or for a tick.
    pub fn until(&self) -> Mono {
        self.machine.deadline().map_or(self.tick_at, |at| at.min(self.tick_at))
    }

    /// From each lane in its turn, so that none waits for another's flood: of four inputs two are of the house, one of a dialog,
    /// one of the rest, while there are such. Where a lane has none, what is under way goes before what begins.
    fn next(&mut self) -> Option<Box<Arrival>> {
        self.picked = self.picked.wrapping_add(1);
        let Outlet { house, inside, fresh, .. } = &self.outlet;
        let order = match self.picked % 4 {
            1 => [inside, house, fresh],
            3 => [fresh, inside, house],
            _ => [house, inside, fresh],
        };
        order.into_iter().find_map(|lane| lane.try_recv().ok())
    }

    fn deadline_if_due(&mut self) {
        if self.machine.deadline().is_some_and(|at| at <= self.clock.mono()) {
            self.step(&Input::Deadline);
        }
    }

    fn tick_if_due(&mut self) {
        let now = self.clock.mono();
        if now >= self.tick_at {
            self.tick_at = now + TICK;
            self.world.tick();
            self.metrics.inputs_waiting.set(i64::try_from(self.outlet.len()).unwrap_or(i64::MAX));
        }
        let load = Load { draining: self.gate.is_draining(), store_full: self.world.store_full() };
        if load != self.told {
            self.told = load;
            self.step(&Input::Load(load));
        }
    }

    fn step(&mut self, input: &Input) {
        if self.handle(input) {
            return;
        }
        self.metrics.panics.inc();
        tracing::error!(
            call_id = call_id_of(input),
            input = kind(input),
            "a fault of ours was contained; its call is ended"
        );
        let message =
            if let Input::Sip { flow, message } = input { Some(Box::new((*flow, message.clone()))) } else { None };
        if !self.handle(&Input::Fault { message }) {
            self.metrics.panics.inc();
            tracing::error!("ending the faulty call failed as well; its peers will end it by their timers");
        }
    }

    /// False if the machine panicked. What it had decided until then is done all the same: its state already counts on it.
    fn handle(&mut self, input: &Input) -> bool {
        let now = self.clock.now();
        let (machine, effects) = (&mut self.machine, &mut self.effects);
        let handled = catch_unwind(AssertUnwindSafe(|| machine.handle(input, now, effects))).is_ok();
        self.world.journal(now, input, &self.effects);
        for effect in self.effects.drain(..) {
            self.sends += usize::from(matches!(effect, Effect::Send { .. }));
            self.world.perform(effect);
        }
        handled
    }
}

/// SIP Call-ID of the input that failed, for the log line of the person who is woken.
fn call_id_of(input: &Input) -> String {
    match input {
        Input::Sip { message, .. } => header_of(message.bytes(), &["call-id", "i"]),
        Input::Media { leg, .. } => leg.to_string(),
        Input::Customer { call, .. } => call.to_string(),
        other => kind(other).to_owned(),
    }
}

/// Value of the first header line named one of `names`, however odd the message; empty if there is none.
pub fn header_of(bytes: &[u8], names: &[&str]) -> String {
    let line = bytes.split(|&b| b == b'\n').take_while(|line| line.len() > 1).find_map(|line| {
        let (name, value) = line.split_at(line.iter().position(|&b| b == b':')?);
        let name = std::str::from_utf8(name).ok()?.trim();
        names.iter().any(|n| name.eq_ignore_ascii_case(n)).then_some(value)
    });
    line.map(|value| String::from_utf8_lossy(value).trim_start_matches(':').trim().to_owned()).unwrap_or_default()
}

/// The input's kind in logs and metrics.
pub fn kind(input: &Input) -> &'static str {
    match input {
        Input::Configure(_) => "configure",
        Input::Sip { .. } => "sip",
        Input::Unreadable { .. } => "unreadable",
        Input::FlowClosed(_) => "flow-closed",
        Input::SendFailed(_) => "send-failed",
        Input::Resolved { .. } => "resolved",
        Input::Media { .. } => "media",
        Input::Customer { .. } => "customer",
        Input::Ports(_) => "ports",
        Input::Stored(_) => "stored",
        Input::Command { .. } => "command",
        Input::Load(_) => "load",
        Input::Restarted { .. } => "restarted",
        Input::Fault { .. } => "fault",
        Input::Deadline => "deadline",
    }
}

#[cfg(test)]
mod tests;
