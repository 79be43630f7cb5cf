//! The one loop: wait for inputs or the deadline, stamp [`Now`], handle, journal, perform effects in order, repeat.
//!
//! Whoever runs it owns the engine; nobody else touches it. A turn takes at most [`TURN_INPUTS_MAX`] inputs and looks at
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
/// How often the load is measured.
const LOAD_EVERY: Duration = Duration::from_millis(100);
/// After a load every measurement is told for so long, because the pressure that it made falls from one to the next.
const UNREST: Duration = Duration::from_secs(3);

/// Fewer messages in an interval are no overload, however late they were.
const STANDING_INPUTS_MIN: u32 = 16;

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
    house_next: bool,
    load: LoadMeter,
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
        let load = LoadMeter::new(clock.mono());
        Loop { machine, world, outlet, clock, gate, metrics, effects: Vec::new(), house_next: true, load }
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

    /// Runs until the gate stops it; gives back what it owned.
    pub fn run(mut self) -> (M, W) {
        while !self.gate.is_stopped() {
            self.wait();
            self.turn();
        }
        self.world.end_turn();
        (self.machine, self.world)
    }

    /// One turn: what is there now, at most [`TURN_INPUTS_MAX`] inputs.
    pub fn turn(&mut self) {
        for _ in 0..TURN_INPUTS_MAX {
            self.deadline_if_due();
            let Some((arrival, from_wire)) = self.next() else { break };
            let delay = self.clock.mono().since(arrival.at);
            if from_wire {
                self.load.see(delay);
            }
            self.metrics.loop_delay.observe(delay.as_secs_f64());
            self.step(&arrival.input);
        }
        self.load_if_due();
        self.world.end_turn();
        match self.world.wish() {
            None => {}
            Some(Wish::Next) => self.world.segment(self.clock.now(), None),
            Some(Wish::Whole) => self.world.segment(self.clock.now(), Some(self.machine.snapshot())),
        }
    }

    /// Until there is an input, the deadline has come, or the load is to be measured.
    fn wait(&self) {
        let until = self.machine.deadline().map_or(self.load.due, |at| at.min(self.load.due));
        self.outlet.wait(until.since(self.clock.mono()));
    }

    /// From the wire and the house in turn, so that neither waits for the other's flood; and whether from the wire.
    fn next(&mut self) -> Option<(Arrival, bool)> {
        self.house_next = !self.house_next;
        let house = || self.outlet.house.try_recv().ok().map(|arrival| (arrival, false));
        let wire = || self.outlet.wire.try_recv().ok().map(|arrival| (arrival, true));
        if self.house_next { house().or_else(wire) } else { wire().or_else(house) }
    }

    fn deadline_if_due(&mut self) {
        if self.machine.deadline().is_some_and(|at| at <= self.clock.mono()) {
            self.step(&Input::Deadline);
        }
    }

    fn load_if_due(&mut self) {
        let now = self.clock.mono();
        if now >= self.load.due {
            self.world.tick();
        }
        let waiting = self.outlet.house.len() + self.outlet.wire.len();
        self.metrics.inputs_waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        let (draining, store_full) = (self.gate.is_draining(), self.world.store_full());
        if let Some(load) = self.load.measure(now, waiting, draining, store_full) {
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
            self.world.perform(effect);
        }
        handled
    }
}

/// Measures the load and says when a change is worth an input.
///
/// The delay that counts is the least of an interval: that much stands in the queue whatever is taken out of it. One late
/// wake-up of the process delays a few inputs and is no overload.
#[derive(Debug)]
struct LoadMeter {
    least: Duration,
    seen: u32,
    due: Mono,
    /// Until then every measurement is told.
    calm_from: Mono,
    told: Load,
}

impl LoadMeter {
    fn new(now: Mono) -> LoadMeter {
        LoadMeter { least: Duration::MAX, seen: 0, due: now, calm_from: now, told: Load::default() }
    }

    fn see(&mut self, delay: Duration) {
        self.least = self.least.min(delay);
        self.seen += 1;
    }

    fn measure(&mut self, now: Mono, waiting: usize, draining: bool, store_full: bool) -> Option<Load> {
        let urgent = draining != self.told.draining || store_full != self.told.store_full;
        if now < self.due && !urgent {
            return None;
        }
        self.due = now + LOAD_EVERY;
        let inputs_waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        let loop_delay = if self.seen >= STANDING_INPUTS_MIN { self.least } else { Duration::ZERO };
        (self.least, self.seen) = (Duration::MAX, 0);
        let load = Load { loop_delay, inputs_waiting, draining, store_full };
        let steps =
            |load: &Load| (step_of(load.loop_delay.as_millis() / 4), step_of(u128::from(load.inputs_waiting / 32)));
        if steps(&load) != (0, 0) {
            self.calm_from = now + UNREST;
        }
        let changed = steps(&load) != steps(&self.told) || now < self.calm_from;
        if !changed && !urgent {
            return None;
        }
        self.told = load;
        Some(load)
    }
}

/// Powers of two: a change within one is not worth journalling.
fn step_of(value: u128) -> u32 {
    u128::BITS - value.leading_zeros()
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
        Input::Restarted => "restarted",
        Input::Fault { .. } => "fault",
        Input::Deadline => "deadline",
    }
}

#[cfg(test)]
mod tests;
