//! Whatever order things come in, late, twice or about what is no more, the audit holds; and every run can be ended.

use std::sync::LazyLock;

use proptest::prelude::*;
use turno_base::fact::What;
use turno_base::{LegId, Mono};

use super::briefing::{BRIEFED, thrifty};
use super::script::{Run, config};
use super::talk::talks;
use super::transfer::consults;
use crate::{AcdTell, CallEffect, CallEvent, Calls, Code, LegCommand, LegEvent, Sound, Tape};

/// One step: how long after the last, and which of what may follow.
type Step = (u16, u16, u8);

/// Noise: things that may come at any time, also about nobody.
const NOISE: &[&str] = &[
    "trunk new 900",
    "trunk new 900",
    "trunk new 902",
    "trunk new 903",
    "trunk new 904",
    "trunk new 905",
    "trunk new 906",
    "a{} key #",
    "a{} taped failed",
    "station new s1 70",
    "station new s1 600",
    "station new s1 1002",
    "station new s2 22",
    "station new s1 *45",
    "station new s2 *69",
    "station new s2 1001 replaces b{}",
    "station new s1 1001 replaces a{}",
    "seat boris s2",
    "seat anna s1",
    "a{} bye",
    "a{} lost",
    "a{} held",
    "a{} agreed",
    "a{} silent",
    "a{} failed",
    "a{} played",
    "a{} transfer 1003",
    "a{} transfer 70",
    "a{} transfer 1002 replaces a{}",
    "a{} transfer 1002 replaces b{}",
    "b{} bye",
    "b{} lost",
    "b{} held",
    "b{} agreed",
    "b{} silent",
    "b{} failed",
    "b{} answered",
    "b{} figures",
    "b{} refused 486",
    "b{} transfer 70",
    "b{} transfer 600",
    "b{} transfer 1002",
    "b{} transfer 1002 replaces a{}",
    "acd c{} connect anna 4",
    "acd c{} announce 1",
    "acd c{} announce 2",
    "acd c{} left timed-out",
    "acd c{} left overflowed",
    "acd c{} overflow number 911",
    "acd c{} overflow prompt sorry",
    "acd c{} overflow callback",
    "acd c{} overflow menu main",
    "acd c{} taken",
    "acd c{} refused",
    "a{} key 1",
    "a{} key 1",
    "a{} key 1",
    "back +34600111222 agent",
    "back +34600111222 customer",
    "back +44600111222 customer",
    "known c{}",
    "recorded c{}",
    "code a{} done",
    "park c{}",
    "pull c{} boris",
    "take a{} c{}",
    "b{} transfer *68",
    "hang-up c{}",
];

/// What the world outside remembers.
#[derive(Default)]
struct World {
    /// What may come next.
    next: Vec<String>,
    bridged: Vec<LegId>,
    epoch: u64,
    arrived: u64,
}

/// What a world would do next after these effects; taken in any order, and often twice.
fn follow(effects: &[CallEffect], run: &Run, world: &mut World) {
    for effect in effects {
        let say = |next: &mut Vec<String>, lines: &[&str]| next.extend(lines.iter().map(|&line| line.to_owned()));
        let next = &mut world.next;
        match effect {
            CallEffect::LookUp { call, .. } => next.push(format!("known {}", run.short(*call))),
            CallEffect::Record { call } => next.push(format!("recorded {}", run.short(*call))),
            CallEffect::Leg { leg, command } => match command {
                LegCommand::End(_) => next.push(format!("{leg} ended")),
                LegCommand::Answer => say(next, &[&format!("{leg} agreed"), &format!("{leg} confirmed")]),
                LegCommand::Dial { .. } => say(
                    next,
                    &[
                        &format!("{leg} ringing"),
                        &format!("{leg} answered"),
                        &format!("{leg} answered"),
                        &format!("{leg} refused 486"),
                        &format!("{leg} agreed"),
                    ],
                ),
                LegCommand::Ring | LegCommand::Progress | LegCommand::Hold(_) | LegCommand::TransferProgress(_) => {}
            },
            CallEffect::Sound { leg, sound: Sound::Once(_) | Sound::OnceThenLoop(..) } => {
                next.push(format!("{leg} played"))
            }
            CallEffect::Sound { leg, sound: Sound::Bridge(other) } => {
                for mine in [leg, other] {
                    say(next, &[&format!("{mine} bye"), &format!("{mine} held"), &format!("{mine} agreed")]);
                    next.push(format!("{mine} transfer 1002"));
                    next.push("station new s1 1002".to_owned());
                    next.extend(
                        world.bridged.iter().rev().take(4).map(|his| format!("{mine} transfer 22 replaces {his}")),
                    );
                }
                world.bridged.extend([*leg, *other]);
            }
            CallEffect::Acd { call, tell } => {
                let call = run.short(*call);
                match tell {
                    AcdTell::Enter { .. } => {
                        world.epoch += 2;
                        let (anna, boris) = (world.epoch, world.epoch + 1);
                        say(next, &[&format!("acd {call} entered 1"), &format!("acd {call} entered 1")]);
                        next.push(format!("acd {call} offer anna s1 {anna}"));
                        next.push(format!("acd {call} offer boris s2 {boris}"));
                        next.push(format!("acd {call} withdraw anna {anna} lost-race"));
                    }
                    AcdTell::Accept(agent, epoch) => {
                        say(next, &[format!("acd {call} connect {agent} {epoch}").as_str(); 3]);
                    }
                    AcdTell::CallbackAnswered => {
                        world.epoch += 2;
                        next.push(format!("acd {call} entered 1"));
                        next.push(format!("acd {call} offer anna s1 {}", world.epoch));
                    }
                    AcdTell::Key(_) => next.push(format!("acd {call} taken")),
                    AcdTell::CallbackFailed(_)
                    | AcdTell::Leave(_)
                    | AcdTell::Ringing(..)
                    | AcdTell::OfferFailed(..)
                    | AcdTell::Released(_)
                    | AcdTell::Phase(..)
                    | AcdTell::Joined(_)
                    | AcdTell::Announced => {}
                }
            }
            CallEffect::Code { leg, code: Code::Pull(_), .. } => {
                let calls = run.calls.rows(run.now).filter(|row| row.stage == "parked" || row.stage == "waiting");
                next.extend(calls.map(|row| format!("take {leg} {}", run.short(row.call))));
                next.push(format!("code {leg} no"));
            }
            CallEffect::Code { leg, .. } => next.push(format!("code {leg} done")),
            CallEffect::Tape { leg, tape: Tape::Begin(_), .. } => {
                say(next, &[&format!("{leg} taped silence"), &format!("{leg} taped closed"), &format!("{leg} bye")]);
            }
            CallEffect::Tape { .. } => {}
            CallEffect::Fact(What::CallingBack { call, .. }) => {
                let call = run.short(*call);
                world.epoch += 2;
                next.push(format!("acd {call} entered 1"));
                next.push(format!("acd {call} offer anna s1 {}", world.epoch));
            }
            CallEffect::Sound { .. } | CallEffect::StationCalls { .. } | CallEffect::Fact(_) => {}
        }
    }
}

fn noise(pick: u16) -> String {
    let at = usize::from(pick);
    let mut line = NOISE[at % NOISE.len()].to_owned();
    let mut left = at / NOISE.len();
    while let Some(hole) = line.find("{}") {
        line.replace_range(hole..hole + 2, &(left % 6 + 1).to_string());
        left /= 6;
    }
    line
}

/// Runs the steps; with a snapshot, the room is written and read back before that step.
fn play((start, steps): &(u8, Vec<Step>), snapshot: Option<usize>) -> Run {
    let mut run = Run::new(if *start == 3 { thrifty() } else { config() });
    let mut world = World { epoch: 10, arrived: 2, ..World::default() };
    run.script(match start {
        0 => "0 seat boris s2",
        1 => &TALKS,
        3 => BRIEFED,
        _ => &CONSULTS,
    });
    let effects = std::mem::take(&mut run.last);
    follow(&effects, &run, &mut world);
    for (at, &(after_ms, pick, kind)) in steps.iter().enumerate() {
        if snapshot == Some(at) {
            let bytes = postcard::to_stdvec(&run.calls).unwrap();
            let back: Calls = postcard::from_bytes(&bytes).unwrap();
            assert_eq!(back, run.calls);
            run.calls = back;
        }
        let ms = (run.now.mono.as_ms() + u64::from(after_ms)).max(1);
        let line = match kind {
            0..=2 => noise(pick),
            _ if world.next.is_empty() => "trunk new 900".to_owned(),
            // What came up lately, anything, or something that is left to come again.
            3..=7 => world.next.remove(world.next.len() - 1 - usize::from(pick) % world.next.len().min(10)),
            8..=10 => world.next.remove(usize::from(pick) % world.next.len()),
            _ => world.next[usize::from(pick) % world.next.len()].clone(),
        };
        let line = match line.contains(" new ") {
            true => {
                world.arrived += 1;
                line.replacen(" new ", &format!(" a{} ", world.arrived), 1)
            }
            false => line,
        };
        run.last.clear();
        run.script(&format!("{ms} {line}"));
        let effects = std::mem::take(&mut run.last);
        follow(&effects, &run, &mut world);
        run.seen.extend(run.calls.rows(run.now).map(|row| row.stage));
    }
    run
}

/// Ends everything as an operator and a network would.
fn wind_up(run: &mut Run) {
    for call in run.calls.rows(run.now).map(|row| row.call).collect::<Vec<_>>() {
        run.give(CallEvent::HangUp { call });
    }
    for leg in run.audit.live() {
        let event = LegEvent::Ended { cause: turno_base::Cause::NORMAL, by_peer: false };
        run.give(CallEvent::Leg { leg, event });
    }
    run.until(Mono(run.now.mono.0 + 100_000_000));
    run.audit.assert_over();
    let sizes = run.calls.sizes();
    assert_eq!((sizes.calls, sizes.legs, sizes.timers), (0, 0, 0));
    assert!(run.calls.house.is_idle(), "something is left in the house: {:?}", run.calls.house);
}

static TALKS: LazyLock<String> = LazyLock::new(talks);
static CONSULTS: LazyLock<String> = LazyLock::new(consults);

/// Where the run begins, and its steps.
fn steps() -> impl Strategy<Value = (u8, Vec<Step>)> {
    // Mostly at once or soon, so that events race; at times long enough for a limit to pass.
    let after = any::<u16>().prop_map(|n| match n % 13 {
        0..=5 => 0,
        6..=11 => 1 + n / 13 % 199,
        _ => 200 + n % 39_800,
    });
    (0..5_u8, prop::collection::vec((after, any::<u16>(), 0..14_u8), 1..120))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_every_leg_and_call_ends_once_and_nothing_is_left(steps in steps()) {
        wind_up(&mut play(&steps, None));
    }

    #[test]
    fn a_snapshot_goes_on_as_if_nothing_had_been(steps in steps(), at in 0..120_usize) {
        let (kept, read) = (play(&steps, None), play(&steps, Some(at.min(steps.1.len() - 1))));
        prop_assert_eq!(kept.printed, read.printed);
        prop_assert_eq!(kept.calls, read.calls);
    }

    #[test]
    fn a_restart_in_the_middle_ends_every_call(steps in steps()) {
        let mut run = play(&steps, None);
        run.give(CallEvent::Restarted);
        for row in run.calls.rows(run.now) {
            prop_assert_eq!(row.stage, "ending");
        }
        wind_up(&mut run);
    }
}

/// The steps reach what they are there to reach.
#[test]
fn random_runs_reach_every_stage() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..400 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        let run = play(&steps, None);
        for word in [
            "not reached: busy",
            "customer answered",
            "key 1",
            "joined",
            "consulting",
            "released",
            "transfer done",
            "transferred by Agent",
            "hears b",
            "failed busy",
            "hears zip",
            "leave timed_out",
        ] {
            if run.printed.contains(word) {
                seen.insert(word.to_owned());
            }
        }
        seen.extend(run.seen);
    }
    let all = [
        "announcement",
        "arriving",
        "calling-back",
        "consulting",
        "customer answered",
        "ending",
        "failed busy",
        "hears b",
        "hears zip",
        "joined",
        "key 1",
        "leave timed_out",
        "menu",
        "not reached: busy",
        "offered",
        "parked",
        "released",
        "ringing",
        "talking",
        "transfer done",
        "transferred by Agent",
        "transferring",
        "voicemail",
        "waiting",
    ];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), all);
}
