//! A fault of ours costs the call that the turn was about, and nobody else's (reliability P5).

use turno_base::fact::What;
use turno_base::{CallId, LegId, Reason};
use turno_media::MediaEvent;

use super::world::{Habit, Weather, World};
use crate::Input;

fn ended(world: &World) -> Vec<CallId> {
    let calls = world.facts.iter().filter_map(|fact| match &fact.what {
        What::CallEnded { call, .. } => Some(*call),
        _ => None,
    });
    calls.collect()
}

/// Causes of legs that ended.
fn causes(world: &World) -> Vec<Reason> {
    let legs = world.facts.iter().filter_map(|fact| match &fact.what {
        What::LegEnded { cause, .. } => Some(cause.reason),
        _ => None,
    });
    legs.collect()
}

#[test]
fn a_fault_ends_the_call_it_was_about_with_a_record_and_keeps_the_others() {
    let mut world = World::open(2, Habit::Answers(500), Weather::default(), 1);
    world.call("+34612045118");
    world.run(3000);
    let second = world.call("+34612045119");
    // Until the second call is with its agent: the last turn is about it.
    world.run(3000);
    let arrived: Vec<CallId> = world
        .facts
        .iter()
        .filter_map(|fact| match &fact.what {
            What::CallArrived { call, .. } => Some(*call),
            _ => None,
        })
        .collect();
    assert_eq!((arrived.len(), ended(&world).len()), (2, 0));

    let stored = world.engine.stored_to();
    let key = MediaEvent::Key { key: '5', ms: 100 };
    world.input(Input::Media { leg: LegId::arrived(1), event: key });
    world.input(Input::Fault);
    world.run(2000);
    assert_eq!(ended(&world), [arrived[1]]);
    assert_eq!(causes(&world), [Reason::Fault; 2], "both of its legs are ended, by us");
    assert!(!world.parties[0].legs.contains_key(&second), "its caller got a BYE");
    assert!(world.engine.stored_to() > stored, "it has its record");

    world.run(20_000);
    assert_eq!(ended(&world).len(), 1, "the other call talks on");
    world.hang_up_all();
    world.run(60_000);
    assert_eq!(ended(&world), [arrived[1], arrived[0]]);
}

#[test]
fn a_fault_that_was_about_no_call_ends_none() {
    let mut world = World::open(1, Habit::Answers(500), Weather::default(), 1);
    world.call("+34612045118");
    world.run(3000);
    world.input(Input::Stored(0));
    world.input(Input::Fault);
    world.input(Input::Fault);
    world.run(5000);
    assert!(ended(&world).is_empty());
}
