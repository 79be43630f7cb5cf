//! What people change about calls that wait, and what the event line and the callers hear of it.

use expect_test::expect;
use turno_acd::Overflow;
use turno_acd::calendar::{Calendar, Span};
use turno_base::fact::{Party, What};
use turno_base::{Name, Need, PromptId};
use turno_media::MediaEvent;

use super::world::{Habit, Weather, World, config};
use crate::{Answer, Command, EngineConfig, Input, Refusal};

fn name<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

fn refusal(world: &mut World, command: Command) -> Refusal {
    let mut out = Vec::new();
    world.engine.handle(&Input::Command { id: 9, command }, world.now, &mut out);
    out.into_iter()
        .find_map(|effect| match effect {
            crate::Effect::Reply { answer: Err(refusal), .. } => Some(refusal),
            _ => None,
        })
        .expect("refused")
}

#[test]
fn a_waiting_call_is_bumped_moved_and_given_other_needs_and_each_is_a_fact() {
    // Nobody is there, so all wait.
    let mut world = World::open(0, Habit::Answers(2000), Weather::default(), 1);
    let first = world.call("+34612045118");
    world.run(5000);
    world.call("+34612045119");
    world.run(5000);
    let Some(Answer::Queues(queues)) = world.ask(Command::QueueShow(Some(name("faults")))) else { panic!("shown") };
    let (older, younger) = (queues[0].waiting[0].call, queues[0].waiting[1].call);
    world.said.clear();
    assert_eq!(world.ask(Command::CallBump(younger, 60)), Some(Answer::Done));
    assert_eq!(world.ask(Command::CallMove(younger, name("general"))), Some(Answer::Done));
    assert_eq!(world.ask(Command::CallNeeds(younger, Need::Anyone)), Some(Answer::Done));
    assert_eq!(world.ask(Command::CallMove(older, name("general"))), Some(Answer::Done));
    let Some(Answer::Queues(queues)) = world.ask(Command::QueueShow(Some(name("general")))) else { panic!("shown") };
    let order: Vec<_> = queues[0].waiting.iter().map(|row| (row.call, row.waited_ms / 1000)).collect();
    assert!(matches!(order[..], [(a, 64..=66), (b, 9..=11)] if a == younger && b == older), "{order:?}");
    world.hang_up(0, first);
    world.run(10_000);
    assert_eq!(
        refusal(&mut world, Command::CallMove(younger, name("nowhere"))).to_string(),
        "there is no queue \"nowhere\""
    );
    let gone = refusal(&mut world, Command::CallBump(older, 60)).to_string();
    assert!(gone.starts_with("there is no live call"), "{gone}");
    expect![[r#"
        13100 c2 changed: Bumped(60000)
        13100 c2 changed: Moved(faults, general)
        13100 c2 leaves faults: withdrawn
        13100 c2 enters general at 1
        13100 c2 a1 Queue(general)
        13100 c2 changed: Needs(Anyone)
        13100 c1 changed: Moved(faults, general)
        13100 c1 leaves faults: withdrawn
        13100 c1 enters general at 2
        13100 c1 a0 Queue(general)
        13100 c1 leaves general: short_abandoned
        13101 c1 ends: abandoned by Caller
    "#]]
    .assert_eq(&world.said);
}

#[test]
fn a_call_with_an_agent_no_longer_waits_and_whoever_asks_is_told_so() {
    let mut world = World::open(1, Habit::Answers(2000), Weather::default(), 1);
    world.call("+34612045118");
    world.run(10_000);
    let Some(Answer::Calls(calls)) = world.ask(Command::CallShow(None)) else { panic!("shown") };
    let told = refusal(&mut world, Command::CallBump(calls[0].call, 60)).to_string();
    assert!(told.ends_with("no longer waits: an agent has it, or it is gone"), "{told}");
}

fn with_doors() -> EngineConfig {
    let mut config = config(1);
    let closed: PromptId = name("closed");
    let span = Span { from: 540, to: 840 };
    let calendar = Calendar { week: std::array::from_fn(|_| vec![span]), ..Calendar::default() };
    config.acd.calendars.insert(name::<Name>("mornings"), calendar);
    let doors = &mut config.acd.queues.get_mut(&name("faults")).expect("a queue of the world's").doors;
    doors.calendar = Some(name("mornings"));
    doors.on_closed = Overflow::Prompt(closed);
    doors.on_emergency = Overflow::Queue(name("general"));
    config
}

#[test]
fn a_calendar_says_when_it_opens_and_outside_its_hours_the_caller_hears_why() {
    // The world begins on 2026-03-10 at 11:00 UTC, a Tuesday.
    let mut world = World::open_with(with_doors(), 1, Habit::Answers(2000), Weather::default(), 1);
    let Some(Answer::Calendars(now)) = world.ask(Command::CalendarShow(None, None)) else { panic!("shown") };
    let afternoon = turno_base::Wall::from_secs(1_773_140_400 + 4 * 3600);
    let asked = Command::CalendarShow(Some(name("mornings")), Some(afternoon));
    let Some(Answer::Calendars(then)) = world.ask(asked) else { panic!("shown") };
    let hours = |row: &crate::CalendarView| (row.is_open, row.until.map(|until| (until - 1_773_140_400) / 3600));
    assert_eq!((hours(&now[0]), hours(&then[0])), ((true, Some(3)), (false, Some(22))));
    assert_eq!(now[0].queues, [name("faults")]);
    assert_eq!(
        refusal(&mut world, Command::CalendarShow(Some(name("x")), None)).to_string(),
        "there is no calendar \"x\""
    );
    world.run(4 * 3_600_000);
    world.said.clear();
    world.call("+34612045118");
    world.run(60_000);
    expect![[r#"
        14403100 c1 arrives from +34612045118
        14403100 c1 a0 Ivr(None)
        14403100 c1 a0 Ivr(Some(closed))
        14404602 c1 ends: no-answer by Us
    "#]]
    .assert_eq(&world.said);
}

#[test]
fn the_emergency_switch_sends_everybody_on_and_stays_on_over_a_restart() {
    let mut world = World::open_with(with_doors(), 0, Habit::Answers(2000), Weather::default(), 1);
    world.call("+34612045118");
    world.run(5000);
    world.said.clear();
    assert_eq!(world.ask(Command::Emergency(Some(name("faults")), true)), Some(Answer::Done));
    let bytes = postcard::to_stdvec(&world.engine).expect("the state serialises");
    world.engine = postcard::from_bytes(&bytes).expect("and comes back");
    world.call("+34612045119");
    world.run(5000);
    let Some(Answer::Queues(queues)) = world.ask(Command::QueueShow(None)) else { panic!("shown") };
    let rows: Vec<_> = queues.iter().map(|row| (row.queue, row.is_emergency, row.waiting.len())).collect();
    assert_eq!(rows, [(name("faults"), true, 0), (name("general"), false, 2)]);
    assert_eq!(
        refusal(&mut world, Command::Emergency(Some(name("nowhere")), true)).to_string(),
        "there is no queue \"nowhere\""
    );
    assert_eq!(world.ask(Command::Emergency(None, false)), Some(Answer::Done));
    expect![[r#"
        8100 emergency true Some(faults)
        8100 c1 leaves faults: overflowed
        8100 c1 enters general at 1
        8100 c1 a0 Queue(general)
        8100 c2 arrives from +34612045119
        8100 c2 a1 Ivr(None)
        8100 c2 enters general at 2
        8100 c2 a1 Queue(general)
        13100 emergency false None
    "#]]
    .assert_eq(&world.said);
}

#[test]
fn a_call_and_an_agent_are_explained() {
    let mut world = World::open(0, Habit::Answers(2000), Weather::default(), 1);
    world.call("+34612045118");
    world.run(5000);
    let Some(Answer::Calls(calls)) = world.ask(Command::CallShow(None)) else { panic!("shown") };
    let call = calls[0].call;
    let Some(Answer::Explained(why)) = world.ask(Command::CallExplain(call)) else { panic!("explained") };
    assert_eq!(why.words, ["1st of 1 in its class; 0 of 0 agents who may take it logged in, 0 ready"]);
    assert!(why.offer.is_none() && why.waiting.is_some_and(|waiting| waiting.position == 1));
    assert!(matches!(refusal(&mut world, Command::AgentExplain(name("nobody"))), Refusal::Unknown { .. }));

    let mut world = World::open(1, Habit::Answers(2000), Weather::default(), 1);
    world.run(1000);
    world.call("+34612045118");
    world.run(8000);
    let Some(Answer::Calls(calls)) = world.ask(Command::CallShow(None)) else { panic!("shown") };
    let Some(Answer::Explained(why)) = world.ask(Command::CallExplain(calls[0].call)) else { panic!("explained") };
    let offer = why.offer.clone().expect("it was offered");
    assert_eq!((offer.agent, why.waiting.is_none(), why.words.len()), (name("agent0"), true, 1), "{why:?}");
    assert!(why.words[0].contains("score 0.") && why.words[0].contains("of 1 agents and 1 calls"), "{why:?}");
    let Some(Answer::Explained(why)) = world.ask(Command::AgentExplain(name("agent0"))) else { panic!("explained") };
    assert_eq!(why.offer, Some(offer));
    assert_eq!(why.words[0], "agent0 is talking");
}

#[test]
fn a_caller_whose_agents_leg_dies_is_the_next_to_be_served_however_long_others_have_waited() {
    let mut world = World::open(1, Habit::Answers(2000), Weather::default(), 1);
    for ani in ["+34612045118", "+34612045119", "+34612045120"] {
        world.call(ani);
        world.run(1000);
    }
    world.run(300_000);
    let leg = world.facts.iter().find_map(|fact| match fact.what {
        What::LegBegan { leg, party: Party::Agent(..), .. } => Some(leg),
        _ => None,
    });
    world.said.clear();
    world.input(Input::Media { leg: leg.expect("the agent was rung"), event: MediaEvent::Failed });
    let Some(Answer::Queues(queues)) = world.ask(Command::QueueShow(Some(name("faults")))) else { panic!("shown") };
    let order: Vec<&str> = queues[0].waiting.iter().map(|row| row.ani.as_str()).collect();
    assert_eq!(order, ["+34612045118"], "the others have gone on to the queue of those who wait too long");
    // One of them even counts as 50 minutes older than he is; the rescued one as an hour.
    let Some(Answer::Queues(queues)) = world.ask(Command::QueueShow(Some(name("general")))) else { panic!("shown") };
    assert_eq!(world.ask(Command::CallBump(queues[0].waiting[0].call, 3000)), Some(Answer::Done));
    world.run(10_000);
    // The agent, who serves both queues, wraps up for 5 s: then it is his turn again, not that of the two who have waited for
    // five minutes.
    expect![[r#"
        306100 c1 a0 Ivr(None)
        306100 agent0 is wrap-up
        306100 c1 enters faults at 1
        306100 c1 a0 Queue(faults)
        306100 c2 changed: Bumped(3000000)
        311100 agent0 is ready
        311100 c1 offered to agent0
        311100 agent0 is offered
        311100 c1 b2 Ring(agent0)
        311100 agent0 is ringing
        313100 c1 at agent0: accepted
        313100 c1 leaves faults: answered
        313100 agent0 is talking
        313100 c1 a0 Talk(agent0)
        313100 c1 b2 Talk(agent0)
    "#]]
    .assert_eq(&world.said);
}

#[test]
fn the_emergency_code_switches_a_queue_or_all_of_them() {
    let mut config = with_doors();
    config.call.extensions.insert("600".to_owned(), turno_call::Extension::Queue(name("faults")));
    let mut world = World::open_with(config, 1, Habit::Answers(2000), Weather::default(), 1);
    // What is dialled at the phone, and the queues whose switch is on then.
    for (dialled, on) in [
        ("*471600", "faults"),
        ("*4719", "faults"),    // no such extension
        ("*4711001", "faults"), // a station
        ("*47", "faults"),
        ("*472", "faults"),
        ("*471", "faults general"),
        ("*470600", "faults general"), // all are still on
        ("*470", ""),
    ] {
        world.dial(1, dialled, "1001");
        world.run(20_000);
        let Some(Answer::Queues(queues)) = world.ask(Command::QueueShow(None)) else { panic!("shown") };
        let mut switched: Vec<&str> =
            queues.iter().filter(|row| row.is_emergency).map(|row| row.queue.as_str()).collect();
        switched.sort_unstable();
        assert_eq!(switched.join(" "), on, "after {dialled}");
    }
}
