//! A fault of ours costs the call that the turn was about, and nobody else's (reliability P5).

use std::time::Duration;

use turno_acd::Overflow;
use turno_base::fact::What;
use turno_base::{CallId, LegId, Reason};
use turno_media::MediaEvent;
use turno_sip::config::SipRules;

use super::world::{Habit, Weather, World, config, name};
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
    let arrived = arrived(&world);
    assert_eq!((arrived.len(), ended(&world).len()), (2, 0));

    let stored = world.engine.stored_to();
    let key = MediaEvent::Key { key: '5', ms: 100 };
    world.input(Input::Media { leg: LegId::arrived(1), event: key });
    world.input(Input::Fault { message: None });
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
    world.input(Input::Fault { message: None });
    world.input(Input::Fault { message: None });
    world.run(5000);
    assert!(ended(&world).is_empty());
}

/// The engine as no path of it can become: every response that it repeats itself overflows the clock. What panics is the
/// user agent, with a leg in its hands.
fn poison(world: &mut World) {
    let (sane, ill) = (SipRules::default(), SipRules { t1: Duration::MAX, ..SipRules::default() });
    let [state, sane, ill] = [
        postcard::to_allocvec(&world.engine).unwrap(),
        postcard::to_allocvec(&sane).unwrap(),
        postcard::to_allocvec(&ill).unwrap(),
    ];
    let (mut poisoned, mut at) = (Vec::new(), 0);
    while let Some(&byte) = state.get(at) {
        if state[at..].starts_with(&sane) {
            poisoned.extend(&ill);
            at += sane.len();
        } else {
            poisoned.push(byte);
            at += 1;
        }
    }
    assert_ne!(poisoned, state);
    world.engine = postcard::from_bytes(&poisoned).unwrap();
}

fn arrived(world: &World) -> Vec<CallId> {
    let calls = world.facts.iter().filter_map(|fact| match &fact.what {
        What::CallArrived { call, .. } => Some(*call),
        _ => None,
    });
    calls.collect()
}

#[test]
fn a_panic_in_signalling_with_a_talking_leg_in_its_hands_sends_both_ends_of_that_call_a_bye() {
    let mut world = World::open(2, Habit::Answers(500), Weather::default(), 1);
    let first = world.call("+34612045118");
    world.run(3000);
    let second = world.call("+34612045119");
    world.run(3000);
    poison(&mut world);
    world.faults_allowed = 1;
    // Our 200 to its re-INVITE is one that we repeat.
    world.hold(0, first, true);
    world.run(2000);
    assert_eq!(world.faults_allowed, 0, "it panicked");
    assert_eq!(ended(&world), arrived(&world)[..1]);
    assert_eq!(causes(&world), [Reason::Fault; 2]);
    assert_eq!(world.parties[0].legs.keys().collect::<Vec<_>>(), [&second], "the caller got a BYE");
    assert_eq!(world.parties[1..].iter().map(|p| p.legs.len()).sum::<usize>(), 1, "and so did the agent");
    assert_eq!(world.records.len(), 1);

    world.run(20_000);
    assert_eq!(ended(&world).len(), 1, "the other call talks on");
    world.hang_up_all();
    world.run(60_000);
    world.assert_drained();
}

#[test]
fn a_panic_while_a_call_is_answered_refuses_it() {
    let mut world = World::open(1, Habit::Answers(500), Weather::default(), 1);
    poison(&mut world);
    world.faults_allowed = 1;
    world.call("+34612045118");
    world.run(2000);
    assert_eq!(world.faults_allowed, 0, "it panicked");
    assert!(world.parties[0].legs.is_empty(), "the caller got a 500");
    assert_eq!(world.records.len(), 1);
    world.run(60_000);
    world.assert_drained();
}

#[test]
fn a_panic_at_a_message_before_anything_is_made_of_it_answers_500_and_keeps_its_call_or_ends_it() {
    let mut world = World::open(1, Habit::Answers(500), Weather::default(), 1);
    world.faults_allowed = 1;
    world.fault_instead = true;
    world.call("+34612045118");
    world.run(2000);
    assert!(world.parties[0].legs.is_empty(), "500 to an INVITE of which nothing is known");
    assert!(arrived(&world).is_empty() && world.records.is_empty());

    let caller = world.call("+34612045118");
    world.run(3000);
    world.faults_allowed = 1;
    world.fault_instead = true;
    world.hold(0, caller, true);
    world.run(2000);
    assert_eq!(world.faults_allowed, 0);
    assert_eq!(
        (causes(&world), world.records.len()),
        (vec![Reason::Fault; 2], 1),
        "a message of a call costs that call"
    );
    world.run(60_000);
    world.assert_drained();
}

#[test]
fn the_end_of_a_sound_that_was_replaced_is_not_the_end_of_what_plays_now() {
    let mut config = config(0);
    let queue = config.acd.queues.get_mut(&name("faults")).unwrap();
    queue.greeting = Some(name("welcome"));
    queue.wait_limit = Duration::from_secs(2);
    queue.on_wait = Overflow::Prompt(name("sorry"));
    let mut world = World::open_with(config, 0, Habit::Answers(500), Weather::default(), 1);
    world.call("+34612045118");
    world.run(2500);
    assert_eq!(world.played, 2, "the greeting, and now the prompt after which he is hung up on");
    world.input(Input::Media { leg: LegId::arrived(0), event: MediaEvent::PlayEnded(1) });
    world.run(10);
    assert!(ended(&world).is_empty(), "he hears it to its end");
    world.run(3000);
    assert_eq!(ended(&world).len(), 1);
}
