//! Bounded channels for one receiving thread, which sleeps as soon as there is nothing.
//!
//! The receivers of `crossbeam_channel` give the processor away some ten times before they sleep. Threads of ours sleep and
//! wake several times a call, so that this was a fourth of a call's cost; here a sender wakes the sleeper and that is all.
//!
//! A line's places are pointers: they are all written at the start, and used round and round, so that what passes would
//! else lie in tens of megabytes that are never warm.

use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, SendError, Sender, TryRecvError, TrySendError, bounded};

/// A thread that may sleep, known once it has.
#[derive(Clone, Debug, Default)]
pub struct Sleeper(Arc<OnceLock<Thread>>);

impl Sleeper {
    /// Wakes it, or keeps it from falling asleep. Call it after what it is to see is there to be seen.
    pub fn wake(&self) {
        if let Some(thread) = self.0.get() {
            return thread.unpark();
        }
        // It may be about to introduce itself: either it sees what was sent, or we see it.
        fence(Ordering::SeqCst);
        if let Some(thread) = self.0.get() {
            thread.unpark();
        }
    }

    /// Sleeps until woken, or `until`, unless `is_ready`. May wake early.
    pub fn sleep(&self, until: Option<Instant>, is_ready: impl FnOnce() -> bool) {
        let me = std::thread::current();
        if self.0.get_or_init(|| me.clone()).id() != me.id() {
            // Two threads take turns, as in tests: neither is woken, so neither sleeps for long.
            return std::thread::park_timeout(Duration::from_millis(1));
        }
        fence(Ordering::SeqCst);
        if is_ready() {
            return;
        }
        match until {
            None => std::thread::park(),
            Some(until) => std::thread::park_timeout(until.saturating_duration_since(Instant::now())),
        }
    }
}

/// A line of `room` places.
pub fn line<T>(room: usize) -> (LineIn<T>, LineOut<T>) {
    let (sender, receiver) = bounded(room);
    let sleeper = Sleeper::default();
    (LineIn { sender: Some(sender), sleeper: sleeper.clone() }, LineOut { receiver, sleeper })
}

/// The sending end.
#[derive(Debug)]
pub struct LineIn<T> {
    /// None only while being dropped.
    sender: Option<Sender<Box<T>>>,
    sleeper: Sleeper,
}

impl<T> LineIn<T> {
    fn sender(&self) -> &Sender<Box<T>> {
        self.sender.as_ref().expect("taken only when dropped")
    }

    /// Waits for room; gives it back if the receiver is gone.
    pub fn send(&self, thing: T) -> Result<(), SendError<T>> {
        let sent = self.sender().send(Box::new(thing));
        self.sleeper.wake();
        sent.map_err(|SendError(back)| SendError(*back))
    }

    /// Gives it back if there is no room or the receiver is gone.
    pub fn try_send(&self, thing: T) -> Result<(), TrySendError<T>> {
        let sent = self.sender().try_send(Box::new(thing));
        self.sleeper.wake();
        sent.map_err(|refused| match refused {
            TrySendError::Full(back) => TrySendError::Full(*back),
            TrySendError::Disconnected(back) => TrySendError::Disconnected(*back),
        })
    }

    /// Waits for room until `until`.
    pub fn send_deadline(&self, thing: T, until: Instant) -> bool {
        let sent = self.sender().send_deadline(Box::new(thing), until);
        self.sleeper.wake();
        sent.is_ok()
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.sender().len()
    }

    /// None waits.
    pub fn is_empty(&self) -> bool {
        self.sender().is_empty()
    }
}

impl<T> Clone for LineIn<T> {
    fn clone(&self) -> LineIn<T> {
        LineIn { sender: self.sender.clone(), sleeper: self.sleeper.clone() }
    }
}

impl<T> Drop for LineIn<T> {
    fn drop(&mut self) {
        // The last one's end is something to wake up for.
        self.sender = None;
        self.sleeper.wake();
    }
}

/// The receiving end, for one thread.
#[derive(Debug)]
pub struct LineOut<T> {
    receiver: Receiver<Box<T>>,
    sleeper: Sleeper,
}

impl<T> LineOut<T> {
    /// What is there now.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.receiver.try_recv().map(|thing| *thing)
    }

    /// The next; none once all senders are gone and all was taken.
    pub fn recv(&self) -> Option<T> {
        loop {
            match self.next_or_sleep(None) {
                Ok(thing) => return Some(thing),
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {}
            }
        }
    }

    /// The next, if it comes within `patience`.
    pub fn recv_timeout(&self, patience: Duration) -> Result<T, RecvTimeoutError> {
        let until = Instant::now() + patience;
        loop {
            match self.next_or_sleep(Some(until)) {
                Ok(thing) => return Ok(thing),
                Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
                Err(TryRecvError::Empty) if Instant::now() >= until => return Err(RecvTimeoutError::Timeout),
                Err(TryRecvError::Empty) => {}
            }
        }
    }

    /// Looks, sleeps if there is nothing, and looks once more where the sleeper has introduced itself: the last sender may
    /// have gone before it did, and wakes nobody a second time.
    fn next_or_sleep(&self, until: Option<Instant>) -> Result<T, TryRecvError> {
        let mut next = self.try_recv();
        if matches!(next, Err(TryRecvError::Empty)) {
            self.sleeper.sleep(until, || {
                next = self.try_recv();
                !matches!(next, Err(TryRecvError::Empty))
            });
        }
        next
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.receiver.len()
    }

    /// None waits.
    pub fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_arrives_in_order_though_the_receiver_falls_asleep_all_the_time() {
        let (line_in, line_out) = line(4);
        let sender = std::thread::spawn(move || (0..20_000).for_each(|n| line_in.send(n).unwrap()));
        let mut got = 0;
        while let Some(n) = line_out.recv() {
            assert_eq!(n, got);
            got += 1;
        }
        sender.join().unwrap();
        assert_eq!(got, 20_000);
    }

    #[test]
    fn the_end_of_the_last_sender_wakes_a_sleeper() {
        let (line_in, line_out) = line::<()>(1);
        let other = line_in.clone();
        let sleeper = std::thread::spawn(move || line_out.recv());
        drop(line_in);
        drop(other);
        assert_eq!(sleeper.join().unwrap(), None);
    }

    #[test]
    fn the_end_of_the_last_sender_is_noticed_at_whatever_moment_of_the_first_sleep() {
        for n in 0..20_000_u32 {
            let (line_in, line_out) = line::<()>(1);
            let (up, is_up) = bounded(0);
            let sleeper = std::thread::spawn(move || {
                let _ = up.send(());
                line_out.recv()
            });
            is_up.recv().unwrap();
            (0..n % 512).for_each(|_| std::hint::spin_loop());
            drop(line_in);
            assert_eq!(sleeper.join().unwrap(), None);
        }
    }

    #[test]
    fn silence_ends_in_time_and_a_full_line_gives_back() {
        let (line_in, line_out) = line(1);
        assert_eq!(line_out.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
        assert_eq!(line_in.try_send(1), Ok(()));
        assert_eq!(line_in.try_send(2), Err(TrySendError::Full(2)));
        assert_eq!(line_out.recv_timeout(Duration::ZERO), Ok(1));
    }
}
