//! Seeded days: callers, agents, phones and the network do what they do, by dice; nothing may be lost or left.

use std::collections::BTreeMap;
use std::time::Duration;

use turno_acd::Strategy;
use turno_base::{Mono, Seeded};
use turno_sip::ua::Load;

use super::world::{Act, Habit, Weather, World, config, name};
use crate::{Answer, Command, Input};

/// Something that happens at a day's instant.
enum Event {
    Call,
    Agent,
    Phone,
    Operator,
    Snapshot,
    Restart,
}

const PHONES_MAX: u64 = 5;
/// Length of a day in which calls arrive, ms.
const DAY_MS: u64 = 300_000;

/// Plays the day named `seed` and gives back the world after it, empty.
pub(super) fn play(seed: u64) -> World {
    let mut dice = Seeded::new(seed);
    let phones = 1 + dice.below(PHONES_MAX) as usize;
    let mut config = config(phones);
    config.seed = seed;
    if seed % 3 == 1 {
        for queue in config.acd.queues.values_mut() {
            queue.strategy = Strategy::RingAll;
        }
    }
    let by_session_timer = dice.below(3) == 0;
    if by_session_timer {
        config.sip.rules.session_expires = Duration::from_secs(90);
    }
    let weather = match dice.below(5) {
        0 => Weather::default(),
        1 => Weather { lost: 0, doubled: 300, late_ms: 700 },
        _ => Weather { lost: 200, doubled: 100, late_ms: 300 },
    };
    let mut world = World::open_with(config, phones, Habit::Person, weather, seed);
    world.hears_silence = !by_session_timer;
    let mut plan = BTreeMap::new();
    let mut at = |event: Event, dice: &mut Seeded, n: u64| {
        plan.insert((world.now.mono + Duration::from_millis(dice.below(DAY_MS)), n), event);
    };
    for n in 0..30 + dice.below(30) {
        at(Event::Call, &mut dice, n);
    }
    for n in 0..12 {
        at(Event::Agent, &mut dice, 100 + n);
    }
    for n in 0..6 {
        at(Event::Phone, &mut dice, 200 + n);
    }
    for n in 0..3 {
        at(Event::Operator, &mut dice, 300 + n);
        at(Event::Snapshot, &mut dice, 400 + n);
    }
    if seed.is_multiple_of(4) {
        at(Event::Restart, &mut dice, 500);
    }
    for ((when, _), event) in plan {
        run_to(&mut world, when);
        happen(&mut world, event, &mut dice);
    }
    end(&mut world);
    world
}

fn run_to(world: &mut World, when: Mono) {
    world.run(when.since(world.now.mono).as_millis() as u64);
}

fn happen(world: &mut World, event: Event, dice: &mut Seeded) {
    match event {
        Event::Call => call(world, dice),
        Event::Agent => agent(world, dice),
        Event::Phone => phone(world, dice),
        Event::Operator => operator(world, dice),
        Event::Snapshot => world.shadow(40),
        Event::Restart => {
            world.restart(200 + dice.below(1500));
        }
    }
}

/// A caller, who may give up, hold, come back, talk for long.
fn call(world: &mut World, dice: &mut Seeded) {
    let ani = ["", "+34612045118", "+34612045119", "+34911234567"][dice.below(4) as usize];
    let leg = world.call(ani);
    let stays = match dice.below(10) {
        0 => dice.below(300), // leaves while the answer is on its way
        1 | 2 => dice.below(8000),
        3 => 120_000 + dice.below(60_000),
        _ => 5000 + dice.below(60_000),
    };
    world.do_later(0, stays, leg, Act::End(200));
    if dice.below(4) == 0 {
        let hold = dice.below(stays + 1);
        world.do_later(0, hold, leg, Act::Hold(true));
        world.do_later(0, hold + dice.below(10_000), leg, Act::Hold(false));
    }
}

/// An agent comes, goes, rests, or works with his own phone.
fn agent(world: &mut World, dice: &mut Seeded) {
    let n = dice.below(world.parties.len() as u64 - 1) as usize;
    let agent = name(&format!("agent{n}"));
    let party = n + 1;
    let command = match dice.below(8) {
        0 => Command::AgentLogout(agent),
        1 | 2 => Command::AgentLogin(agent, None),
        3 | 4 => Command::AgentReady(agent),
        5 => {
            let leg = world.dial(party, ["*45", "*46"][dice.below(2) as usize], "");
            return world.do_later(party, 8000, leg, Act::End(200));
        }
        6 => {
            let leg = world.dial(party, ["1001", "1002", "1003", "1004", "700", "404"][dice.below(6) as usize], "");
            return world.do_later(party, 1000 + dice.below(30_000), leg, Act::End(200));
        }
        _ => Command::AgentPause(agent, name("lunch")),
    };
    world.ask(command);
}

/// A phone loses its network or its power.
fn phone(world: &mut World, dice: &mut Seeded) {
    let party = 1 + dice.below(world.parties.len() as u64 - 1) as usize;
    match dice.below(3) {
        0 => world.reboot(party, 500 + dice.below(20_000)),
        1 => world.darken(party, 1000 + dice.below(60_000)),
        _ => world.darken(party, dice.below(3000)),
    }
}

/// Somebody looks, changes or ends something.
fn operator(world: &mut World, dice: &mut Seeded) {
    match dice.below(4) {
        0 => {
            let Some(Answer::Calls(calls)) = world.ask(Command::CallShow(None)) else { panic!("calls are shown") };
            if let Some(call) = calls.get(dice.below(calls.len().max(1) as u64) as usize) {
                world.ask(Command::CallHangUp(call.call));
            }
        }
        1 => {
            let config = world.engine.config().cloned().expect("the engine is configured");
            world.input(Input::Configure(Box::new(config)));
        }
        2 => world.input(Input::Load(Load { draining: true, ..Load::default() })),
        _ => world.input(Input::Load(Load::default())),
    }
}

/// The day is over: everybody hangs up, agents go home, and what the network still holds arrives or not.
fn end(world: &mut World) {
    world.run(200_000);
    world.hang_up_all();
    world.run(100_000);
    for n in 0..world.parties.len() - 1 {
        world.ask(Command::AgentLogout(name(&format!("agent{n}"))));
    }
    world.run(200_000);
    world.assert_drained();
}
