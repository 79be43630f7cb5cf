//! What a supervisor changes about agents while they work, and tasks beside calls, with phones that ring.

use expect_test::expect;
use turno_acd::{Priority, SkillChange};
use turno_base::fact::TaskKind;

use super::world::{Habit, Weather, World, config, name};
use crate::{Answer, Command, TaskEntry, TaskView};

fn entry(kind: TaskKind) -> TaskEntry {
    TaskEntry {
        kind,
        queue: name("general"),
        need: None,
        due: None,
        priority: Priority::Medium,
        subject: "answer the mail of 3 March".into(),
        customer: Some("C-7".into()),
        segment: None,
        owner: None,
    }
}

fn tasks(answer: Option<Answer>) -> Vec<TaskView> {
    match answer {
        Some(Answer::Tasks(tasks)) => tasks,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_skill_set_live_gives_a_waiting_call_to_the_agent_at_once_and_holds_after_a_restart() {
    let mut config = config(1);
    let agent = config.acd.agents.get_mut(&name("agent0")).expect("configured");
    agent.skills.clear();
    let need = config.acd.queues.get(&name("faults")).expect("configured").need.clone();
    assert_eq!(turno_acd::need::text(&need), "faults>=1", "the queue asks for what he does not have");
    let mut world = World::open_with(config, 1, Habit::Answers(1000), Weather::default(), 1);
    let caller = world.call("+34612045118");
    world.run(5000);
    world.said.clear();
    let skill = Command::AgentSkill(name("agent0"), name("faults"), SkillChange::Set { level: 2, until: None });
    assert_eq!(world.ask(skill), Some(Answer::Done));
    assert!(world.said.contains("c1 offered to agent0"), "in the same turn: {}", world.said);
    world.run(2000);
    world.hang_up(0, caller);
    world.run(60_000);
    world.restart(1500);
    world.said.clear();
    world.call("+34612045119");
    world.run(1000);
    assert!(world.said.contains("offered to agent0"), "{}", world.said);
    let Some(Answer::Agents(agents)) = world.ask(Command::AgentShow(None)) else { panic!("shown") };
    let skills: Vec<_> = agents[0].skills.iter().map(|s| (s.skill.to_string(), s.level, s.is_live)).collect();
    assert_eq!(skills, [("faults".to_owned(), 2, true)]);
}

#[test]
fn a_call_interrupts_a_task_and_the_task_is_there_after_it_and_after_a_restart() {
    let mut config = config(1);
    config.acd.agents.get_mut(&name("agent0")).expect("configured").tasks_max = 1;
    let mut world = World::open_with(config, 1, Habit::Answers(1000), Weather::default(), 1);
    world.said.clear();
    let task = tasks(world.ask(Command::TaskAdd(Box::new(entry(TaskKind::Email)))));
    assert_eq!((task[0].state.as_str(), task[0].agent, task[0].due_in_s), ("worked-on", Some(name("agent0")), 86_400));
    let caller = world.call("+34612045118");
    world.run(5000);
    world.hang_up(0, caller);
    world.run(10_000);
    world.restart(1500);
    let shown = tasks(world.ask(Command::TaskShow(None, Some(name("agent0")))));
    assert_eq!(
        (shown.len(), shown[0].state.as_str(), shown[0].subject.as_str()),
        (1, "worked-on", "answer the mail of 3 March")
    );
    assert_eq!(world.ask(Command::TaskMove(task[0].task, name("faults"))), Some(Answer::Done));
    assert_eq!(world.ask(Command::TaskDone(task[0].task, None)), Some(Answer::Done));
    assert_eq!(tasks(world.ask(Command::TaskShow(None, None))), []);
    expect![[r#"
        3100 c1 (email for general) added
        3100 c1 (email for general) given
        3100 agent0 is task
        3100 c1 (email for general) begun
        3100 c2 arrives from +34612045118
        3100 c2 a0 Ivr(None)
        3100 c2 enters faults at 1
        3100 c2 offered to agent0
        3100 agent0 is offered
        3100 c1 (email for general) held
        3100 c2 a0 Queue(faults)
        3100 c2 b1 Ring(agent0)
        3100 agent0 is ringing
        4100 c2 at agent0: accepted
        4100 c2 leaves faults: answered
        4100 agent0 is talking
        4100 c2 a0 Talk(agent0)
        4100 c2 b1 Talk(agent0)
        8100 agent0 is wrap-up
        8101 c2 ends: answered by Caller
        13100 agent0 is task
        13100 c1 (email for general) begun
        19600 c1 (email for faults) moved
        19600 agent0 is ready
        19600 c1 (email for faults) given
        19600 agent0 is task
        19600 c1 (email for faults) begun
        19600 c1 (email for faults) done
        19600 agent0 is ready
    "#]]
    .assert_eq(&world.said);
}
