//! Who runs the loop's turns: one thread at a time.
//!
//! The engine's thread does, and whoever has just read datagrams while that one sleeps: to wake another thread and to fall
//! asleep costs as much as what most messages cause, and the message waits for it. A reader lends a hand only for as little as
//! leaves its socket soon ([`LENT_INPUTS_MAX`]); with more to do the engine's thread works beside it. For deadlines, ticks and
//! what comes from within the house it is always the engine's thread that wakes up.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, TryLockError};

use turno_base::Mono;

use crate::shell::clock::Clock;
use crate::shell::inbox::Outlet;
use crate::shell::run::{Gate, Loop, Machine, TURN_INPUTS_MAX, World};

/// A reader takes a turn while no more inputs than this wait.
pub const LENT_INPUTS_MAX: usize = 8;

thread_local! {
    /// This thread is in a turn.
    static TURNING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is in a turn: what it brings meanwhile it finds itself.
pub fn is_turning() -> bool {
    TURNING.get()
}

/// What a reader knows of the loop: how to have it take a turn.
#[derive(Clone, Default)]
pub struct Hands(Arc<OnceLock<Box<dyn Fn() -> bool + Send + Sync>>>);

impl std::fmt::Debug for Hands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Hands").field(&self.0.get().is_some()).finish()
    }
}

impl Hands {
    /// Takes a turn in the name of the engine's thread. False: that one must be woken.
    pub fn lend(&self) -> bool {
        self.0.get().is_some_and(|turn| turn())
    }
}

/// The loop, and the threads that may run it.
#[derive(Debug)]
pub struct Turns<M, W> {
    /// None once the loop has ended.
    held: Mutex<Option<Loop<M, W>>>,
    outlet: Outlet,
    clock: Clock,
    gate: Arc<Gate>,
    /// When the engine's thread wakes up by itself, µs of the clock.
    wakes_at: AtomicU64,
}

impl<M: Machine + Send + 'static, W: World + Send + 'static> Turns<M, W> {
    /// Around a loop that has begun; `hands` can be lent from now on.
    pub fn new(held: Loop<M, W>, outlet: Outlet, clock: Clock, gate: Arc<Gate>, hands: &Hands) -> Arc<Turns<M, W>> {
        let turns = Arc::new(Turns { held: Mutex::new(Some(held)), outlet, clock, gate, wakes_at: AtomicU64::new(0) });
        // The loop, which may hold hands itself, is given back at its end: nothing keeps itself alive after that.
        let lent = turns.clone();
        let _ = hands.0.set(Box::new(move || lent.lend()));
        turns
    }

    /// The engine's thread: runs until the gate stops it, and gives back what the loop owned; none if a turn was not survived.
    pub fn run(&self) -> Option<(M, W)> {
        loop {
            {
                let mut held = self.held.lock().ok()?;
                if self.gate.is_stopped() {
                    return held.take().map(Loop::end);
                }
                let turning = held.as_mut()?;
                take(turning);
                self.wakes_at.store(turning.until().0, Ordering::Relaxed);
            }
            let until = Mono(self.wakes_at.load(Ordering::Relaxed));
            self.outlet.wait(until.since(self.clock.mono()));
        }
    }

    /// A reader's turn. False: the engine's thread must be woken instead.
    fn lend(&self) -> bool {
        if self.outlet.len() > LENT_INPUTS_MAX || self.gate.is_stopped() {
            return false;
        }
        let mut held = match self.held.try_lock() {
            Ok(held) => held,
            // The engine's thread is at it: woken, it looks once more before it sleeps.
            Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => return false,
        };
        let Some(turning) = held.as_mut() else { return true };
        let mut taken = 0;
        // A turn may end before its inputs do; who has begun sees to them.
        let is_done = loop {
            let inputs = take(turning);
            taken += inputs;
            let is_empty = self.outlet.is_empty();
            if is_empty || inputs == 0 || taken >= TURN_INPUTS_MAX {
                break is_empty;
            }
        };
        let until = turning.until();
        if is_done {
            self.outlet.asleep();
        }
        drop(held);
        // It sleeps until an instant that it chose before this turn.
        is_done && until.0 >= self.wakes_at.load(Ordering::Relaxed)
    }
}

fn take<M: Machine, W: World>(turning: &mut Loop<M, W>) -> usize {
    TURNING.set(true);
    let inputs = turning.turn();
    TURNING.set(false);
    inputs
}

#[cfg(test)]
mod tests;
