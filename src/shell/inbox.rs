//! The engine's inbox: two bounded channels, so that a flood on the wire never keeps media, store and operators waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, TrySendError, bounded};
use turno_base::Mono;
use turno_engine::Input;

use crate::shell::clock::Clock;
use crate::shell::line::Sleeper;

/// Most messages from the wire that wait for the engine; more are dropped and counted, as a full socket buffer would.
pub const WIRE_INPUTS_MAX: usize = 16_384;
/// Most other inputs that wait; their producers wait then.
pub const HOUSE_INPUTS_MAX: usize = 65_536;

/// How long a media or store thread waits for room.
const PATIENCE: Duration = Duration::from_millis(100);

/// An input and when it arrived, by which the loop measures its own delay.
#[derive(Debug)]
pub struct Arrival {
    /// When the socket thread or task had it.
    pub at: Mono,
    /// What.
    pub input: Input,
}

/// Where socket tasks, media, store and operators bring their inputs.
#[derive(Clone, Debug)]
pub struct Inbox {
    wire: Sender<Arrival>,
    house: Sender<Arrival>,
    engine: Sleeper,
    clock: Clock,
    dropped: Arc<AtomicU64>,
}

/// The loop's end of the [`Inbox`].
#[derive(Debug)]
pub struct Outlet {
    /// From the wire.
    pub wire: Receiver<Arrival>,
    /// From media, store, DNS and operators.
    pub house: Receiver<Arrival>,
    engine: Sleeper,
}

impl Outlet {
    /// Sleeps until there may be something, at most `patience`.
    pub fn wait(&self, patience: Duration) {
        let is_ready = || !self.house.is_empty() || !self.wire.is_empty();
        if !is_ready() {
            self.engine.sleep(Some(Instant::now() + patience), is_ready);
        }
    }
}

/// A new inbox and its other end.
pub fn inbox(clock: Clock) -> (Inbox, Outlet) {
    let (wire, wire_out) = bounded(WIRE_INPUTS_MAX);
    let (house, house_out) = bounded(HOUSE_INPUTS_MAX);
    let engine = Sleeper::default();
    let outlet = Outlet { wire: wire_out, house: house_out, engine: engine.clone() };
    (Inbox { wire, house, engine, clock, dropped: Arc::default() }, outlet)
}

impl Inbox {
    /// The clock that arrivals are stamped by.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// A datagram's content; dropped and counted if the engine is that far behind.
    pub fn datagram(&self, at: Mono, input: Input) {
        let sent = self.wire.try_send(Arrival { at, input });
        self.engine.wake();
        if let Err(TrySendError::Full(_)) = sent {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A stream's content; gives it back if the engine is that far behind, for the stream to wait.
    pub fn stream(&self, input: Input) -> Result<(), Box<Input>> {
        let sent = self.wire.try_send(Arrival { at: self.clock.mono(), input });
        self.engine.wake();
        match sent {
            Ok(()) | Err(TrySendError::Disconnected(_)) => Ok(()),
            Err(TrySendError::Full(back)) => Err(Box::new(back.input)),
        }
    }

    /// From media, store or DNS threads: waits while the engine is far behind.
    pub fn house(&self, input: Input) {
        // The loop has ended: nobody is left whom it would matter to.
        let _ = self.house.send(Arrival { at: self.clock.mono(), input });
        self.engine.wake();
    }

    /// From a media or store thread, which the loop may be waiting for: waits a little, then drops it, which is said.
    pub fn patiently(&self, input: Input) {
        let sent = self.house.send_timeout(Arrival { at: self.clock.mono(), input }, PATIENCE);
        self.engine.wake();
        if let Err(SendTimeoutError::Timeout(lost)) = sent {
            tracing::error!(input = ?lost.input, "the engine takes no inputs; one from another thread was lost");
        }
    }

    /// From an async task, which must not wait: gives it back if the engine is far behind.
    pub fn house_now(&self, input: Input) -> Result<(), Box<Input>> {
        let sent = self.house.try_send(Arrival { at: self.clock.mono(), input });
        self.engine.wake();
        match sent {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(back) | TrySendError::Disconnected(back)) => Err(Box::new(back.input)),
        }
    }

    /// Datagrams dropped because the engine was behind, since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Inputs that wait.
    pub fn waiting(&self) -> usize {
        self.wire.len() + self.house.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_dropped_and_counted_at_the_bound_and_the_house_still_gets_in() {
        let (inbox, outlet) = inbox(Clock::begin());
        for _ in 0..WIRE_INPUTS_MAX + 3 {
            inbox.datagram(Mono(0), Input::Deadline);
        }
        assert_eq!((inbox.dropped(), outlet.wire.len()), (3, WIRE_INPUTS_MAX));
        let fault = Input::Fault { message: None };
        assert_eq!(inbox.stream(fault.clone()), Err(Box::new(fault)));
        inbox.house(Input::Restarted);
        assert_eq!(outlet.house.len(), 1);
    }
}
