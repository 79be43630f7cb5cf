//! Who enters at which wait, as tables, and an engine behind the door in invented time.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use turno_base::{Mono, Seeded};

use super::*;
use crate::config::{Cidr, SipConfig, SipRules, Trunk};

const TRUNK: &str = "203.0.113.5";
const PHONE: &str = "10.1.0.7";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn door() -> Door {
    let mut door = Door::new(7);
    let networks = vec![Cidr { address: ip("203.0.113.0"), prefix: 24 }];
    let trunk = Trunk { networks, ..crate::trunk::tests::trunk("carrier") };
    door.configure(&SipConfig {
        listeners: vec![],
        local_networks: vec![],
        domains: vec![],
        nonce_key: [0; 32],
        accounts: vec![],
        trunks: vec![trunk],
        rules: SipRules::default(),
    });
    door
}

fn message(method: &str, user: &str, to_tag: &str, call: &str) -> Message {
    let text = format!(
        "{method} sip:{user}@x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{call}\r\n\
         From: <sip:a@x>;tag=1\r\nTo: <sip:{user}@x>{to_tag}\r\nMax-Forwards: 70\r\nCall-ID: {call}\r\nCSeq: 1 {method}\r\n\r\n"
    );
    Message::parse(text.into_bytes()).unwrap()
}

/// A backlog that nothing but the input in hand makes.
fn stuck(ms: u64) -> Backlog {
    Backlog { waiting: 0, stalled: STALL_MAX + Duration::from_millis(ms) }
}

/// The wait has stood for a second.
const LATER: Mono = Mono(1_000_000);

#[test]
fn what_serves_no_call_goes_first_emergency_calls_last_and_what_is_under_way_never() {
    // (method, user, To tag, from), and the shortest wait in ms at which it is refused, standing and in a burst.
    let table = [
        (("OPTIONS", "x", "", TRUNK), Some((4, 31))),
        (("SUBSCRIBE", "x", "", PHONE), Some((4, 31))),
        (("PUBLISH", "x", "", PHONE), Some((4, 31))),
        (("BYE", "x", "", TRUNK), Some((4, 31))), // outside of dialogs it ends nothing
        (("INVITE", "900", "", PHONE), Some((6, 51))),
        (("INVITE", "900", "", TRUNK), Some((9, 81))),
        (("REGISTER", "x", "", PHONE), Some((17, 161))),
        (("INVITE", "112", "", PHONE), None),
        (("INVITE", "%31%31%32", "", PHONE), None),
        (("CANCEL", "900", "", TRUNK), None),
        (("ACK", "900", "", TRUNK), None),
        (("BYE", "900", ";tag=t", PHONE), None),
        (("INVITE", "900", ";tag=t", PHONE), None),
        (("OPTIONS", "900", ";tag=t", PHONE), None),
    ];
    for ((method, user, tag, from), expected) in table {
        let refused = |at: Mono, calm: bool| {
            let mut door = door();
            door.look(if calm { Duration::ZERO } else { Duration::from_secs(1) }, at);
            (0..200).chain([10_000]).find(|ms| {
                let message = message(method, user, tag, &format!("{ms}"));
                // Only what stands is judged: a short wait would be calm again.
                *ms > 2 && matches!(door.judge(&message, ip(from), stuck(*ms), at), Verdict::Refuse { .. })
            })
        };
        assert_eq!(refused(LATER, false).zip(refused(LATER, true)), expected, "{method} {user} {tag} {from}");
    }
}

#[test]
fn responses_and_what_is_inside_a_dialog_wait_in_a_line_of_their_own_and_cancel_behind_its_invite() {
    let mut door = door();
    for (method, tag, lane) in [
        ("INVITE", "", Lane::Fresh),
        ("CANCEL", "", Lane::Fresh),
        ("REGISTER", "", Lane::Fresh),
        ("INVITE", ";tag=t", Lane::Inside),
        ("ACK", ";tag=t", Lane::Inside),
        ("BYE", ";tag=t", Lane::Inside),
    ] {
        let verdict = door.judge(&message(method, "900", tag, method), ip(TRUNK), Backlog::default(), LATER);
        assert_eq!(verdict, Verdict::Enter(lane), "{method} {tag}");
    }
    let response = Message::parse(b"SIP/2.0 200 OK\r\nTo: <sip:a@x>\r\n\r\n".to_vec()).unwrap();
    assert_eq!(door.judge(&response, ip(PHONE), stuck(9999), LATER), Verdict::Enter(Lane::Inside));
}

#[test]
fn a_repetition_gets_what_its_original_got_and_a_new_try_another_chance() {
    let mut door = door();
    let (calm, pressed) = (Backlog::default(), stuck(1000));
    let entered = message("INVITE", "900", "", "entered");
    assert_eq!(door.judge(&entered, ip(TRUNK), calm, LATER), Verdict::Enter(Lane::Fresh));
    assert_eq!(door.judge(&entered, ip(TRUNK), pressed, LATER), Verdict::Enter(Lane::Fresh), "it is being served");
    let refused = message("INVITE", "900", "", "refused");
    let first = door.judge(&refused, ip(TRUNK), pressed, LATER);
    assert!(matches!(first, Verdict::Refuse { .. }), "{first:?}");
    assert_eq!(door.judge(&refused, ip(TRUNK), calm, LATER), first, "its caller has given it up");
    let text = String::from_utf8(refused.bytes().to_vec()).unwrap().replace("CSeq: 1", "CSeq: 2");
    let again = Message::parse(text.into_bytes()).unwrap();
    assert_eq!(door.judge(&again, ip(TRUNK), calm, LATER), Verdict::Enter(Lane::Fresh));
}

#[test]
fn the_ack_of_a_refusal_ends_at_the_door_and_no_other_does() {
    let mut door = door();
    let tag = door.tag(&message("INVITE", "900", "", "c1"));
    let ack = |tag: &str, call| message("ACK", "900", &format!(";tag={tag}"), call);
    assert_eq!(door.judge(&ack(&tag, "c1"), ip(TRUNK), Backlog::default(), LATER), Verdict::Ignore);
    for other in [ack(&tag, "c2"), ack("abc", "c1")] {
        assert_eq!(door.judge(&other, ip(TRUNK), Backlog::default(), LATER), Verdict::Enter(Lane::Inside));
    }
    let bye = message("BYE", "900", &format!(";tag={tag}"), "c1");
    assert_eq!(door.judge(&bye, ip(TRUNK), Backlog::default(), LATER), Verdict::Enter(Lane::Inside), "it is answered");
}

#[test]
fn what_cannot_be_answered_is_not_refused_but_dropped_and_only_while_there_is_too_much() {
    let torn = || Message::parse(b"INVITE sip:900@x SIP/2.0\r\nCall-ID: c\r\n\r\n".to_vec()).unwrap();
    assert_eq!(door().judge(&torn(), ip(TRUNK), Backlog::default(), LATER), Verdict::Enter(Lane::Fresh));
    assert_eq!(door().judge(&torn(), ip(TRUNK), stuck(1000), LATER), Verdict::Ignore);
}

#[test]
fn retry_after_is_spread() {
    let mut door = door();
    let seconds = |n: u32| match door.judge(&message("INVITE", "900", "", &n.to_string()), ip(TRUNK), stuck(900), LATER)
    {
        Verdict::Refuse { retry_after_s } => Some(retry_after_s),
        Verdict::Enter(_) | Verdict::Ignore => None,
    };
    let seen: BTreeSet<u32> = (0..1000).filter_map(seconds).collect();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), (RETRY_AFTER_MIN_S..=RETRY_AFTER_MAX_S).collect::<Vec<_>>());
}

#[test]
fn decisions_fill_no_memory() {
    let mut door = door();
    for print in 0..3 * DECISIONS_KEPT as u64 {
        door.decide(Class::TrunkCall, print, Duration::ZERO, LATER);
    }
    // The newest of each place are remembered, the others are judged anew.
    let late = Duration::from_secs(1);
    let last = 3 * DECISIONS_KEPT as u64 - 1;
    assert_eq!(door.decide(Class::TrunkCall, last, late, LATER), Verdict::Enter(Lane::Fresh));
    assert!(matches!(door.decide(Class::TrunkCall, 5, late, LATER), Verdict::Refuse { .. }));
}

#[test]
fn one_input_that_stood_still_says_little_of_the_next() {
    let mut door = door();
    let four = Backlog { waiting: 4, stalled: Duration::ZERO };
    (0..100).for_each(|_| door.on_turn(16, Duration::from_micros(16 * 100)));
    let usual = door.wait(four);
    assert!((350..=450).contains(&usual.as_micros()), "{usual:?}");
    door.on_turn(1, Duration::from_secs(3));
    assert!(door.wait(four) < usual * 2, "{:?}", door.wait(four));
    door.on_turn(0, Duration::from_secs(3));
    // When inputs cost more from now on, that is known within some tens of them.
    (0..40).for_each(|_| door.on_turn(4, Duration::from_millis(4 * 2)));
    assert!(door.wait(four) > Duration::from_millis(6), "{:?}", door.wait(four));
}

/// What an INVITE, the ACK and the BYE cost the engine, µs: 2,000 calls are a second's work.
const COSTS: [u64; 3] = [300, 80, 120];
const CAPACITY: u64 = 2000;

/// An engine behind the door, and callers who hang up after 200 ms.
struct Plant {
    door: Door,
    dice: Seeded,
    clock: u64,
    turn: (u64, u32),
    picked: u32,
    fresh: VecDeque<u64>,
    inside: VecDeque<usize>,
    /// ACKs and BYEs on their way: when they come, and which.
    coming: BTreeSet<(u64, u64, usize)>,
    seen: Seen,
}

#[derive(Default)]
struct Seen {
    /// Calls set up in each tenth of a second.
    served: Vec<u64>,
    refused: u64,
    waits: Vec<u64>,
    /// Of those that were entered since the last second.
    refused_late: u64,
}

impl Plant {
    fn new() -> Plant {
        Plant {
            door: Door::new(1),
            dice: Seeded::new(11),
            clock: 0,
            turn: (0, 0),
            picked: 0,
            fresh: VecDeque::new(),
            inside: VecDeque::new(),
            coming: BTreeSet::new(),
            seen: Seen { served: vec![0; 100], ..Seen::default() },
        }
    }

    /// Works until `until`; costs vary from nothing to twice the mean.
    fn work(&mut self, until: u64) {
        loop {
            while let Some(&(at, n, kind)) = self.coming.first().filter(|(at, ..)| *at <= self.clock) {
                self.coming.remove(&(at, n, kind));
                self.inside.push_back(kind);
            }
            if self.clock >= until {
                return;
            }
            if self.turn.1 == 16 || self.fresh.is_empty() && self.inside.is_empty() {
                self.door.on_turn(self.turn.1, Duration::from_micros(self.clock - self.turn.0));
                let next = self.coming.first().map_or(until, |(at, ..)| (*at).min(until));
                self.clock =
                    if self.fresh.is_empty() && self.inside.is_empty() { self.clock.max(next) } else { self.clock };
                self.turn = (self.clock, 0);
                continue;
            }
            self.picked += 1;
            let fresh_first = self.picked.is_multiple_of(4) || self.inside.is_empty();
            self.turn.1 += 1;
            let spread = |dice: &mut Seeded, mean: u64| dice.below(2 * mean + 1);
            match if fresh_first { self.fresh.pop_front() } else { None } {
                Some(arrived) => {
                    self.seen.waits.push(self.clock - arrived);
                    self.clock += spread(&mut self.dice, COSTS[0]);
                    let n = self.dice.next_u64();
                    self.coming.insert((self.clock + 5_000, n, 1));
                    self.coming.insert((self.clock + 200_000, n, 2));
                    if let Some(tenth) = self.seen.served.get_mut((self.clock / 100_000) as usize) {
                        *tenth += 1;
                    }
                }
                None => {
                    let Some(kind) = self.inside.pop_front() else { continue };
                    self.clock += spread(&mut self.dice, COSTS[kind]);
                }
            }
        }
    }

    /// A call from a trunk comes.
    fn call(&mut self, at: u64) {
        self.work(at);
        // The input in hand may end after this instant.
        let waiting = (self.fresh.len() + self.inside.len()) as u32;
        let wait = self.door.wait(Backlog { waiting, stalled: Duration::ZERO });
        self.door.look(wait, Mono(at));
        let print = self.dice.next_u64();
        match self.door.decide(Class::TrunkCall, print, wait, Mono(at)) {
            Verdict::Enter(_) => self.fresh.push_back(at),
            Verdict::Refuse { .. } | Verdict::Ignore => {
                self.seen.refused += 1;
                self.seen.refused_late += u64::from(at >= 4_000_000);
            }
        }
    }
}

#[test]
fn at_any_load_as_much_is_served_as_can_be_and_what_enters_is_served_soon() {
    // Offered, in tenths of what can be served.
    for tenths in [5, 8, 11, 20, 50, 100, 200] {
        let mut plant = Plant::new();
        let mean_gap_ns = 10_000_000_000 / (CAPACITY * tenths);
        // Three seconds of it, then half of what can be served.
        let mut at_ns = 0;
        while at_ns < 3_000_000_000 {
            at_ns += plant.dice.below(2 * mean_gap_ns + 1);
            plant.call(at_ns / 1000);
        }
        while at_ns < 5_000_000_000 {
            at_ns += plant.dice.below(2_000_001);
            plant.call(at_ns / 1000);
        }
        let seen = &mut plant.seen;
        let steady: Vec<u64> = seen.served.iter().copied().take(30).skip(5).collect();
        let mean = steady.iter().sum::<u64>() * 10 / 25;
        let (least, most) = (steady.iter().min().unwrap() * 10, steady.iter().max().unwrap() * 10);
        seen.waits.sort_unstable();
        let p99 = seen.waits[seen.waits.len() * 99 / 100];
        let worst = seen.waits[seen.waits.len() - 1];
        println!(
            "{}.{}x: {mean}/s ({least} to {most} in a tenth), {} refused, waits p99 {p99} µs, worst {worst}",
            tenths / 10,
            tenths % 10,
            seen.refused
        );
        let due = (CAPACITY * tenths / 10).min(CAPACITY);
        assert!(mean * 100 >= due * 97, "{tenths}: {mean}/s of {due}");
        if tenths < 10 {
            assert_eq!(seen.refused, 0, "{tenths}");
            continue;
        }
        assert!(least * 100 >= due * 80 && most * 100 <= due * 120, "{tenths}: {least} to {most} swings");
        assert!(p99 <= 240_000 && worst <= 260_000, "{tenths}: {p99} and {worst} µs");
        assert_eq!(seen.refused_late, 0, "{tenths}: refused a second after the load");
    }
}
