//! The loop, driven by a machine that can be made to fail.

use super::*;
use crate::shell::inbox::{Inbox, inbox};
use turno_base::fact::What;
use turno_base::{AgentId, Fact};
use turno_engine::Command;

/// Echoes inputs as facts; panics on `Stored(13)` after having decided something.
#[derive(Default)]
struct Fragile {
    deadline: Option<Mono>,
}

impl Machine for Fragile {
    fn handle(&mut self, input: &Input, now: Now, out: &mut Vec<Effect>) {
        match input {
            Input::Stored(13) => {
                out.push(Effect::WantPorts(13));
                panic!("thirteen");
            }
            Input::Stored(n) => out.push(Effect::WantPorts(u32::try_from(*n).unwrap())),
            Input::Deadline => self.deadline = None,
            Input::Command { command: Command::AgentReady(agent), .. } => {
                let state = turno_base::fact::AgentState::Ready;
                out.push(Effect::Fact(Fact {
                    at: now,
                    what: What::AgentChanged { agent: *agent, station: None, state, call: None },
                }));
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Mono> {
        self.deadline
    }

    fn snapshot(&self) -> Vec<u8> {
        b"state".to_vec()
    }
}

/// Writes down what it is told.
#[derive(Default)]
struct Paper {
    lines: Vec<String>,
    full: bool,
    wants: bool,
}

impl World for Paper {
    fn journal(&mut self, _: Now, input: &Input, effects: &[Effect]) {
        // A slow machine has a load to tell at any time.
        if !matches!(input, Input::Load(load) if !load.draining) {
            self.lines.push(format!("journal {} {}", kind(input), effects.len()));
        }
    }

    fn perform(&mut self, effect: Effect) {
        if let Effect::WantPorts(n) = effect {
            self.lines.push(format!("ports {n}"));
        }
    }

    fn end_turn(&mut self) {
        self.lines.push("end".into());
    }

    fn wants_snapshot(&self) -> bool {
        self.wants
    }

    fn snapshot(&mut self, _: Now, state: Vec<u8>) {
        self.wants = false;
        self.lines.push(format!("snapshot {}", state.len()));
    }

    fn tick(&mut self) {}

    fn store_full(&self) -> bool {
        self.full
    }
}

fn small() -> (Loop<Fragile, Paper>, Inbox, Arc<Metrics>, Arc<Gate>) {
    let clock = Clock::begin();
    let (inbox, outlet) = inbox(clock);
    let (metrics, gate) = (Arc::new(Metrics::new()), Arc::new(Gate::default()));
    let l = Loop::new(Fragile::default(), Paper::default(), outlet, clock, gate.clone(), metrics.clone());
    (l, inbox, metrics, gate)
}

#[test]
fn a_panic_costs_one_fault_and_what_was_decided_before_it_is_done() {
    let (mut l, inbox, metrics, _) = small();
    for n in [1, 13, 2] {
        inbox.house(Input::Stored(n));
    }
    l.turn();
    assert_eq!(
        l.world.lines,
        [
            "journal stored 1",
            "ports 1",
            "journal stored 1",
            "ports 13",
            "journal fault 0",
            "journal stored 1",
            "ports 2",
            "end"
        ]
    );
    assert_eq!(metrics.panics.get(), 1);
}

#[test]
fn a_flood_ends_its_turn_and_lets_the_deadline_and_the_house_in() {
    let (mut l, inbox, ..) = small();
    for _ in 0..1000 {
        inbox.datagram(Mono(0), Input::Restarted);
    }
    inbox.house(Input::Stored(7));
    l.machine.deadline = Some(Mono(0));
    l.turn();
    let lines = &l.world.lines;
    assert_eq!(lines[0], "journal deadline 0");
    assert!(lines[..4].contains(&"ports 7".to_owned()), "{lines:?}");
    assert_eq!(lines.iter().filter(|l| *l == "journal restarted 0").count(), TURN_INPUTS_MAX - 1);
}

#[test]
fn draining_and_a_full_store_reach_the_machine_once_and_at_once() {
    let (mut l, _, _, gate) = small();
    l.turn();
    gate.drain();
    l.turn();
    l.turn();
    l.world.full = true;
    l.turn();
    assert_eq!(l.world.lines.iter().filter(|l| *l == "journal load 0").count(), 2);
    assert!(l.load.told.draining && l.load.told.store_full);
}

#[test]
fn the_journal_gets_its_segment_and_the_loop_ends_when_asked() {
    let (mut l, inbox, _, gate) = small();
    l.world.wants = true;
    l.begin(vec![Input::Restarted]);
    inbox.house(Input::Command { id: 1, command: Command::AgentReady(AgentId::new("anna").unwrap()) });
    gate.stop();
    let (_, paper) = l.run();
    assert_eq!(paper.lines, ["snapshot 5", "journal restarted 0", "end", "end"]);
}

#[test]
fn only_a_change_of_load_worth_telling_is_told() {
    let mut meter = LoadMeter::new(Mono(0));
    let mut after = |at_ms, delays_ms: &[u64], waiting, draining| {
        delays_ms.iter().for_each(|ms| meter.see(Duration::from_millis(*ms)));
        meter
            .measure(Mono::from_ms(at_ms), waiting, draining, false)
            .map(|l| (l.loop_delay.as_millis(), l.inputs_waiting))
    };
    assert_eq!(after(0, &[], 3, false), None);
    assert_eq!(after(50, &[9; 20], 3, false), None); // not due
    assert_eq!(after(100, &[], 3, false), Some((9, 3)));
    assert_eq!(after(200, &[13; 20], 3, false), Some((13, 3))); // pressure rises from one telling to the next
    assert_eq!(after(300, &[900, 900, 900, 1], 3, false), Some((0, 3))); // a late wake-up, no standing queue
    assert_eq!(after(400, &[&[900; 20][..], &[1]].concat(), 3, false), Some((1, 3))); // one got through at once
    assert_eq!(after(500, &[900; 20], 3, false), Some((900, 3)));
    assert_eq!(after(600, &[900; 20], 5000, false), Some((900, 5000)));
    assert_eq!(after(601, &[900; 20], 5000, true), Some((900, 5000))); // draining is told at once
    // Pressure falls from one telling to the next as well: it is told until nothing of it can be left.
    let calm: Vec<u64> = (8..60).map(|n| n * 100).filter(|at| after(*at, &[], 0, true).is_some()).collect();
    assert_eq!((calm.first(), calm.last()), (Some(&800), Some(&3600))); // 3 s after 601
}

#[test]
fn a_call_id_is_found_in_odd_messages() {
    for (bytes, found) in [
        (&b"INVITE sip:a SIP/2.0\r\nCall-ID : x@y\r\n\r\n"[..], "x@y"),
        (b"INVITE sip:a SIP/2.0\ni:z\n\nCall-ID: body", "z"),
        (b"INVITE\r\n\r\nCall-ID: body\r\n", ""),
        (b"", ""),
        (b"\xff\xfe:\n:\n", ""),
    ] {
        assert_eq!(header_of(bytes, &["call-id", "i"]), found);
    }
}
