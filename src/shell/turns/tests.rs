//! Whoever takes a turn, each input is handled once, and the engine's thread is woken where it must be.

use std::sync::mpsc;
use std::time::Duration;

use turno_base::Now;
use turno_engine::{Effect, Input};
use turno_sip::flow::{Destination, ListenerId, Transport};
use turno_sip::shed::Lane;

use super::*;
use crate::shell::inbox::{Inbox, inbox};
use crate::shell::journal::Wish;
use crate::shell::metrics::Metrics;
use crate::shell::run::TURN_SENDS_MAX;

/// Notes the numbers that it is told were stored; `Stored(99)` sets a deadline in 1 ms, `Stored(77)` sends as much as ends a turn.
#[derive(Default)]
struct Notes {
    heard: Vec<u64>,
    deadline: Option<Mono>,
}

impl Machine for Notes {
    fn handle(&mut self, input: &Input, now: Now, out: &mut Vec<Effect>) {
        match input {
            Input::Stored(77) => {
                self.heard.push(77);
                let peer = "192.0.2.1:5060".parse().unwrap();
                let to = Destination::Address { transport: Transport::Udp, listener: ListenerId(0), peer };
                out.extend((0..TURN_SENDS_MAX).map(|_| Effect::Send { to, bytes: Vec::new(), token: 0 }));
            }
            Input::Stored(n) => {
                self.heard.push(*n);
                if *n == 99 {
                    self.deadline = Some(now.mono + Duration::from_millis(1));
                }
            }
            Input::Deadline => {
                self.heard.push(1000);
                self.deadline = None;
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Mono> {
        self.deadline
    }

    fn snapshot(&self) -> Vec<u8> {
        Vec::new()
    }
}

/// Stands still in the journal of `Stored(13)` until it is let go on.
struct Gap(Option<(mpsc::Sender<()>, mpsc::Receiver<()>)>);

impl World for Gap {
    fn journal(&mut self, _: Now, input: &Input, _: &[Effect]) {
        if let (Input::Stored(13), Some((there, go))) = (input, &self.0) {
            there.send(()).unwrap();
            go.recv().unwrap();
        }
    }

    fn perform(&mut self, _: Effect) {}

    fn end_turn(&mut self) {}

    fn wish(&mut self) -> Option<Wish> {
        None
    }

    fn segment(&mut self, _: Now, _: Option<Vec<u8>>) {}

    fn tick(&mut self) {}

    fn store_full(&self) -> bool {
        false
    }
}

fn turns(gap: Gap) -> (Arc<Turns<Notes, Gap>>, Inbox, Arc<Gate>) {
    let clock = Clock::begin();
    let (inbox, outlet) = inbox(clock);
    let gate = Arc::new(Gate::default());
    let held = Loop::new(Notes::default(), gap, outlet.clone(), clock, gate.clone(), Arc::new(Metrics::new()));
    let turns = Turns::new(held, outlet, clock, gate.clone(), inbox.hands());
    (turns, inbox, gate)
}

fn bring(inbox: &Inbox, numbers: std::ops::Range<u64>) {
    numbers.for_each(|n| inbox.datagram(Lane::Inside, inbox.clock().mono(), Input::Stored(n)));
}

fn heard(turns: &Turns<Notes, Gap>) -> Vec<u64> {
    let mut held = turns.held.lock().unwrap();
    held.take().unwrap().end().0.heard
}

#[test]
fn who_reads_a_little_sees_to_it_and_more_is_left_to_the_engines_thread() {
    let (turns, inbox, _) = turns(Gap(None));
    bring(&inbox, 0..LENT_INPUTS_MAX as u64);
    assert!(inbox.hands().lend());
    bring(&inbox, 0..LENT_INPUTS_MAX as u64 + 1);
    assert!(!inbox.hands().lend(), "it would be long before the socket is read again");
    assert_eq!(turns.outlet.len(), LENT_INPUTS_MAX + 1);
    assert_eq!(heard(&turns), (0..LENT_INPUTS_MAX as u64).collect::<Vec<_>>());
}

#[test]
fn who_has_begun_sees_to_what_a_short_turn_has_left() {
    let (turns, inbox, _) = turns(Gap(None));
    (0..LENT_INPUTS_MAX).for_each(|_| bring(&inbox, 77..78));
    assert!(inbox.hands().lend(), "the engine's thread need not be woken");
    assert_eq!(heard(&turns), [77; LENT_INPUTS_MAX]);
}

#[test]
fn a_deadline_that_is_sooner_than_the_engines_thread_wakes_has_it_woken() {
    let (turns, inbox, _) = turns(Gap(None));
    turns.wakes_at.store(inbox.clock().mono().0 + 50_000, Ordering::Relaxed);
    bring(&inbox, 98..99);
    assert!(inbox.hands().lend());
    bring(&inbox, 99..100);
    assert!(!inbox.hands().lend());
    assert!(turns.outlet.is_empty(), "the turn was taken all the same");
}

#[test]
fn while_the_engines_thread_is_in_a_turn_nobody_else_is_and_nothing_that_comes_then_is_left_lying() {
    let ((there, is_there), (go, may_go)) = (mpsc::channel(), mpsc::channel());
    let (turns, inbox, gate) = turns(Gap(Some((there, may_go))));
    let engine = std::thread::spawn({
        let turns = turns.clone();
        move || turns.run().unwrap().0.heard
    });
    inbox.house(Input::Stored(13));
    is_there.recv().unwrap();
    bring(&inbox, 1..2);
    assert!(!inbox.hands().lend());
    inbox.batch_is_in();
    go.send(()).unwrap();
    while !turns.outlet.is_empty() {
        std::thread::yield_now();
    }
    gate.stop();
    inbox.batch_is_in();
    let heard = engine.join().unwrap();
    assert_eq!(heard, [13, 1]);
    assert!(inbox.hands().0.get().is_some() && !inbox.hands().lend(), "after the end nobody takes a turn");
}

#[test]
fn whoever_takes_a_turn_each_input_is_handled_once_and_in_order() {
    let (turns, inbox, gate) = turns(Gap(None));
    let engine = std::thread::spawn({
        let turns = turns.clone();
        move || turns.run().unwrap().0.heard
    });
    let reader = std::thread::spawn({
        let inbox = inbox.clone();
        move || {
            let mut next = 200;
            for round in 0..3000_u64 {
                bring(&inbox, next..next + round % 12);
                next += round % 12;
                inbox.batch_is_in();
                // Nothing is dropped: the line has room for so many.
                while inbox.waiting() > 4096 {
                    std::thread::yield_now();
                }
            }
            next
        }
    });
    let last = reader.join().unwrap();
    while !turns.outlet.is_empty() {
        std::thread::yield_now();
    }
    gate.stop();
    inbox.batch_is_in();
    assert_eq!(engine.join().unwrap(), (200..last).collect::<Vec<_>>());
}
