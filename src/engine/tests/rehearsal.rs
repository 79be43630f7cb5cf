//! A call that does not come: what is told is what would happen, and nothing does.

use expect_test::expect;
use turno_base::Wall;
use turno_call::Customer;

use super::world::{Habit, Weather, World, config};
use crate::{Answer, Command, EngineConfig, Input, Rehearsal, Rehearsed};

fn rehearse(world: &mut World, asked: Rehearsal) -> Rehearsed {
    match world.ask(Command::RouteTest(Box::new(asked))) {
        Some(Answer::Rehearsed(told)) => *told,
        other => panic!("{other:?}"),
    }
}

fn asked(from: &str) -> Rehearsal {
    Rehearsal { from: from.to_owned(), to: "900100101".to_owned(), trunk: None, at: None, customer: None }
}

fn state(world: &World) -> Vec<u8> {
    postcard::to_allocvec(&world.engine).unwrap()
}

#[test]
fn what_is_rehearsed_is_what_happens_and_the_rehearsal_changes_nothing() {
    let mut world = World::open(2, Habit::Answers(2000), Weather::default(), 1);
    let before = state(&world);
    let told = rehearse(&mut world, asked("+34612045118"));
    assert!(before == state(&world), "the state is what it was");
    world.call("+34612045118");
    world.run(1000);
    let Some(Answer::Calls(calls)) = world.ask(Command::CallShow(None)) else { panic!("shown") };
    let Some(Answer::Explained(real)) = world.ask(Command::CallExplain(calls[0].call)) else { panic!("shown") };
    let real = real.offer.expect("it is offered");
    let offer = &told.offers[0];
    assert_eq!(
        (offer.agent, offer.why.item.score, offer.why.agent.points_ms),
        (real.agent, real.why.item.score, real.why.agent.points_ms)
    );
    expect![[r#"
        2026-03-10T11:00:02.100000Z  +34612045118 calls +34900100101 by trunk pstn
        customer  unknown, segment standard, value 1.000
        plan      queue faults
        queue     faults, needs anyone beyond what the queue needs
        offered   to agent0 at desk0: score 0.250 = value 1.000 x handle time 1.000 x pressure 1.000 x urgency 0.250 after 0 s; agent 120 s = fit 120 - needed elsewhere 0 + idle 0 + own 0; of 2 agents and 1 calls
    "#]].assert_eq(&told.to_string());
}

#[test]
fn with_nobody_free_it_says_why_it_would_wait_and_a_known_customer_is_told() {
    let mut world = World::open(0, Habit::Answers(2000), Weather::default(), 1);
    world.call("+34612045119");
    world.run(3000);
    let customer = Customer {
        id: Some("C-7".to_owned()),
        shown: "María".to_owned(),
        segment: world.engine.config().unwrap().segment_default,
        value_pm: 2500,
        language: None,
        owner: None,
    };
    let told = rehearse(&mut world, Rehearsal { customer: Some(customer), ..asked("612045118") });
    expect![[r#"
        2026-03-10T11:00:05.100000Z  +34612045118 calls +34900100101 by trunk pstn
        customer  C-7, segment standard, value 2.500
        plan      queue faults
        queue     faults, needs anyone beyond what the queue needs
        waits     2nd of 2 in its class; 1 standard ahead; 0 of 0 agents who may take it logged in, 0 ready
    "#]]
    .assert_eq(&told.to_string());
    let none = Rehearsal { to: "123".to_owned(), ..asked("+34612045118") };
    expect!["queue faults"].assert_eq(&rehearse(&mut world, none).plan);
    let mut out = Vec::new();
    let elsewhere = Rehearsal { trunk: Some("nowhere".parse().unwrap()), ..asked("1") };
    let input = Input::Command { id: 1, command: Command::RouteTest(Box::new(elsewhere)) };
    world.engine.handle(&input, world.now, &mut out);
    assert!(format!("{out:?}").contains("nowhere"), "{out:?}");
}

#[test]
fn at_another_hour_the_doors_of_that_hour_count() {
    let mut world = World::open_with(closed_at_night(), 1, Habit::Answers(2000), Weather::default(), 1);
    // The world begins on 2026-03-10 at 11:00 UTC.
    let day = rehearse(&mut world, asked("+34612045118"));
    let night = Wall::from_secs(1_773_140_400 + 10 * 3600);
    let before = state(&world);
    let night = rehearse(&mut world, Rehearsal { at: Some(night), ..asked("+34612045118") });
    assert!(before == state(&world), "the state is what it was");
    assert_eq!((day.offers.len(), day.sent_on), (1, vec![]));
    assert_eq!((night.offers.len(), night.sent_on), (0, vec!["prompt closed, then good-bye".to_owned()]));
    assert_eq!(night.at, "2026-03-10T21:00:00.000000Z");
}

fn closed_at_night() -> EngineConfig {
    let mut config = config(1);
    let span = turno_acd::calendar::Span { from: 540, to: 840 };
    let week = std::array::from_fn(|_| vec![span]);
    let calendar = turno_acd::calendar::Calendar { week, ..turno_acd::calendar::Calendar::default() };
    let mornings: turno_base::Name = "mornings".parse().unwrap();
    config.acd.calendars.insert(mornings, calendar);
    let doors = &mut config.acd.queues.get_mut(&"faults".parse().unwrap()).unwrap().doors;
    doors.calendar = Some(mornings);
    doors.on_closed = turno_acd::Overflow::Prompt("closed".parse().unwrap());
    config
}
