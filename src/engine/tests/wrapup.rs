//! What an agent says about his work after a call.

use std::time::Duration;

use turno_acd::{DispositionRules, WrapUp};

use super::world::{Habit, Weather, World, config, name};
use crate::{Command, Effect, Input};

#[test]
fn an_agent_extends_his_wrap_up_and_ends_it_by_the_result_of_the_call() {
    let mut config = config(1);
    for queue in config.acd.queues.values_mut() {
        queue.wrap_up = WrapUp::UntilSaved(Duration::from_secs(20));
    }
    config.acd.dispositions.insert(name("sale"), DispositionRules::default());
    config.acd.wrap_up_extension = Duration::from_secs(30);
    config.acd.wrap_up_extensions_max = 1;
    let mut world = World::open_with(config, 1, Habit::Answers(1000), Weather::default(), 1);
    let caller = world.call("+34612045118");
    world.run(5000);
    world.hang_up(0, caller);
    world.run(10_000);
    let agent = name("agent0");
    world.input(Input::Command { id: 1, command: Command::AgentExtend(agent) });
    world.run(20_000);
    world.input(Input::Command { id: 2, command: Command::AgentDisposition(agent, name("sale")) });
    world.run(60_000);
    let after = world.said.lines().skip_while(|line| !line.contains("wrap-up"));
    let after: Vec<&str> = after.collect();
    assert_eq!(
        after,
        [
            "8100 agent0 is wrap-up",
            "8101 c1 ends: answered by Caller",
            "38100 c1 was sale, says agent0",
            "38100 agent0 is ready"
        ]
    );
    let saved = Input::Command { id: 3, command: Command::AgentSaved(agent) };
    let mut out = Vec::new();
    world.engine.handle(&saved, world.now, &mut out);
    let refused = out
        .iter()
        .any(|e| matches!(e, Effect::Reply { answer: Err(r), .. } if r.to_string().contains("in no wrap-up")));
    assert!(refused, "{out:?}");
}
