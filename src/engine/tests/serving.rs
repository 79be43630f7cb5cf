//! Agents who are put into queues and taken out of them during a shift, with phones that ring, as `queue_log` tells it.

use turno_tariff::cdr::format::{QueueLog, Serving};

use super::world::{Habit, Weather, World, name};
use crate::{Answer, Command, ServedView};

fn serves(world: &mut World) -> Vec<ServedView> {
    match world.ask(Command::AgentShow(Some(name("agent0")))) {
        Some(Answer::Agents(mut agents)) => agents.remove(0).serves,
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_was_taken_out_of_a_queue_stays_out_over_a_restart_until_he_is_put_back() {
    let mut world = World::open(1, Habit::Answers(1000), Weather::default(), 1);
    let configured = serves(&mut world);
    assert!(configured.iter().any(|served| served.queue == name("faults") && !served.is_live), "{configured:?}");
    assert_eq!(world.ask(Command::AgentLeave(name("agent0"), name("faults"))), Some(Answer::Done));
    world.call("+34612045118");
    world.run(3000);
    assert!(!world.said.contains("offered to agent0"), "{}", world.said);
    world.restart(1500);
    world.call("+34612045119");
    world.run(3000);
    assert!(!world.said.contains("offered to agent0"), "{}", world.said);
    assert_eq!(world.ask(Command::AgentServe(name("agent0"), name("faults"), 3, None)), Some(Answer::Done));
    assert!(world.said.contains("offered to agent0"), "in the same turn: {}", world.said);
    let back = ServedView { queue: name("faults"), rank: 3, is_live: true };
    assert!(serves(&mut world).contains(&back));
    assert_eq!(world.ask(Command::AgentRank(name("agent0"), name("faults"), 4)), Some(Answer::Done));
    let (mut fold, mut log) = (QueueLog::default(), String::new());
    let serving = Serving::from([(name("agent0"), configured.iter().map(|served| served.queue).collect())]);
    world.facts.iter().for_each(|fact| fold.on_fact(fact, &serving, &mut log));
    let of_him = |line: &&str| line.contains("|faults|agent0|") && line.contains("|NONE|");
    let events: Vec<&str> = log.lines().filter(of_him).filter_map(|line| line.split("|agent0|").nth(1)).collect();
    assert_eq!(events, ["ADDMEMBER|", "REMOVEMEMBER|", "ADDMEMBER|", "PENALTY|4"], "{log}");
}
