//! Each baseline behaves as its users know it: scripts in, transcripts out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::*;

/// Two queues, three segments, agents by the line: `name queue:level,...`.
fn house(agents: &str, more: &str) -> Scenario {
    let mut text = format!(
        "name = 'house'\ntitle = 'a small house'\nhours = 1\ndays = 1\nseed = 1\ncalls_per_day = 10\n\
         {more}\n\
         [[queue]]\nname = 'sales'\nshare = 1\nhandle_s = 60\nwrap_up_s = 10\n\
         [[queue]]\nname = 'vip'\nshare = 0\nhandle_s = 60\nweight = 5\nwrap_up_s = 10\n\
         [[segment]]\nname = 'gold'\nshare = 1\nvalue = 4\ntarget_s = 10\nbase_score_s = 30\n\
         [[segment]]\nname = 'plain'\nshare = 1\nvalue = 1\ntarget_s = 40\n"
    );
    for line in agents.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, skills) = line.split_once(' ').unwrap();
        let skills: Vec<String> = skills.split(',').map(|s| s.replace(':', " = [") + "]").collect();
        writeln!(text, "[[group]]\nname = '{name}'\nagents = 1\nskills = {{ {} }}", skills.join(", ")).unwrap();
    }
    scenario(&text)
}

/// `MS call c1 sales gold`, `MS hangup c1`, `MS answer c1`, `MS done c1`, `MS go anna`, `MS come anna`.
fn run(scenario: &Scenario, policy: &Named, script: &str) -> String {
    let centre = Centre::new(scenario);
    let mut policy = policy.build(scenario, &centre, 1);
    let agents: Vec<String> =
        centre.seats.iter().map(|seat| seat.name.as_str().trim_end_matches("-1").to_owned()).collect();
    let (mut out, mut said) = (Vec::new(), String::new());
    let mut rung: BTreeMap<u32, (usize, u64)> = BTreeMap::new();
    let mut tell = |now: Mono, out: &mut Vec<Act>, rung: &mut BTreeMap<u32, (usize, u64)>| {
        for act in out.drain(..) {
            let at = now.as_ms();
            match act {
                Act::Ring { item, agent, token } => {
                    rung.insert(item, (agent, token));
                    writeln!(said, "{at} ring {} for c{item}", agents[agent]).unwrap();
                }
                Act::Stop { item, agent } => writeln!(said, "{at} stop {} for c{item}", agents[agent]).unwrap(),
                Act::Connect { item, agent } => writeln!(said, "{at} {} has c{item}", agents[agent]).unwrap(),
                Act::Away { agent } => writeln!(said, "{at} away {}", agents[agent]).unwrap(),
            }
        }
    };
    for agent in 0..centre.seats.len() {
        policy.comes(agent, Mono(0), &mut out);
    }
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = Mono::from_ms(words[0].parse().unwrap());
        while let Some(due) = policy.deadline().filter(|due| *due <= at) {
            policy.on_deadline(due, &mut out);
            tell(due, &mut out, &mut rung);
        }
        let item = || words[2].trim_start_matches('c').parse().unwrap();
        let agent = || agents.iter().position(|name| name == words[2]).unwrap();
        match words[1] {
            "call" => {
                let queue = scenario.queues.iter().position(|q| q.name.as_str() == words[3]).unwrap();
                let segment = scenario.segments.iter().position(|s| s.name.as_str() == words[4]).unwrap();
                policy.enters(Arrival { item: item(), queue, segment, caller: item() }, at, &mut out);
            }
            "hangup" => policy.gives_up(item(), at, &mut out),
            "answer" => policy.accepts(item(), rung[&item()].0, rung[&item()].1, at, &mut out),
            "done" => policy.released(item(), rung[&item()].0, 10_000_000, at, &mut out),
            "go" => policy.goes(agent(), at, &mut out),
            "come" => policy.comes(agent(), at, &mut out),
            "wait" => {}
            other => panic!("{other}"),
        }
        tell(at, &mut out, &mut rung);
    }
    said
}

fn check(scenario: &Scenario, policy: &Named, script: &str, want: Expect) {
    want.assert_eq(&run(scenario, policy, script));
}

#[test]
fn app_queue_sees_a_free_agent_when_the_caller_asks_again() {
    let house = house("anna sales:1", "");
    // He asks each second from his arrival on; the wrap-up ends in between.
    let script = "0 call c1 sales plain
                  0 answer c1
                  700 call c2 sales plain
                  5000 done c1
                  20000 wait";
    check(
        &house,
        &Named::AppQueue,
        script,
        expect![[r#"
        0 ring anna for c1
        0 anna has c1
        15700 ring anna for c2
    "#]],
    );
    check(
        &house,
        &Named::FifoRoundRobin,
        script,
        expect![[r#"
        0 ring anna for c1
        0 anna has c1
        15000 ring anna for c2
    "#]],
    );
    check(
        &house,
        &Named::CallCenter,
        script.replace("0 answer", "100 answer").as_str(),
        expect![[r#"
        100 ring anna for c1
        100 anna has c1
        15100 ring anna for c2
    "#]],
    );
}

#[test]
fn app_queue_takes_turns_with_a_memory_and_penalties_first() {
    let house = house("anna sales:3\nboris sales:3\nclara sales:1", "");
    let script = "0 call c1 sales plain
                  0 answer c1
                  1000 done c1
                  60000 call c2 sales plain
                  60000 answer c2
                  61000 call c3 sales plain
                  61000 answer c3
                  62000 call c4 sales plain";
    check(
        &house,
        &Named::AppQueue,
        script,
        expect![[r#"
        0 ring anna for c1
        0 anna has c1
        60000 ring boris for c2
        60000 boris has c2
        61000 ring anna for c3
        61000 anna has c3
        62000 ring clara for c4
    "#]],
    );
}

#[test]
fn app_queue_lets_a_heavier_queue_keep_agents_it_cannot_use_yet() {
    let house = house("anna sales:1,vip:1\nboris sales:1,vip:1", "");
    // c1's phone rings at anna for the heavy queue, so that queue has a caller and one free agent: it keeps boris, and
    // the caller of the light queue pauses for the retry time beside an idle agent.
    let script = "0 call c1 vip plain
                  100 call c2 sales plain
                  3000 answer c1
                  9000 wait";
    check(
        &house,
        &Named::AppQueue,
        script,
        expect![[r#"
        0 ring anna for c1
        3000 anna has c1
        5100 ring boris for c2
    "#]],
    );
    check(
        &house,
        &Named::FifoLongestIdle,
        script,
        expect![[r#"
        0 ring anna for c1
        100 ring boris for c2
        3000 anna has c1
    "#]],
    );
}

#[test]
fn app_queue_keeps_the_head_of_the_line() {
    let house = house("anna sales:1,vip:1\nboris sales:1", "");
    // Two callers wait and one agent gets free: only the first may ask for him.
    let script = "0 call c1 sales plain
                  0 answer c1
                  0 call c2 sales plain
                  0 answer c2
                  100 call c3 sales plain
                  900 call c4 sales gold
                  2000 done c1
                  15000 wait";
    check(
        &house,
        &Named::AppQueue,
        script,
        expect![[r#"
        0 ring anna for c1
        0 anna has c1
        0 ring boris for c2
        0 boris has c2
        12100 ring anna for c3
    "#]],
    );
    check(
        &house,
        &Named::AppQueuePriority,
        script,
        expect![[r#"
        0 ring anna for c1
        0 anna has c1
        0 ring boris for c2
        0 boris has c2
        12900 ring anna for c4
    "#]],
    );
}

#[test]
fn an_unanswered_phone_costs_app_queue_the_retry_time_too() {
    let house = house("anna sales:1\nboris sales:1", "ring = { limit_s = 15, misses_max = 2 }");
    let script = "0 call c1 sales plain
                  40000 wait";
    check(
        &house,
        &Named::AppQueue,
        script,
        expect![[r#"
        0 ring anna for c1
        15000 stop anna for c1
        20000 ring boris for c1
        35000 stop boris for c1
        40000 ring anna for c1
    "#]],
    );
    check(
        &house,
        &Named::FifoRoundRobin,
        script,
        expect![[r#"
        0 ring anna for c1
        15000 stop anna for c1
        15000 ring boris for c1
        30000 stop boris for c1
        30000 ring anna for c1
    "#]],
    );
    check(
        &house,
        &Named::CallCenter,
        script,
        expect![[r#"
            100 ring anna for c1
            15100 stop anna for c1
            15200 ring boris for c1
            30200 stop boris for c1
            30300 ring anna for c1
        "#]],
    );
}

#[test]
fn callcenter_orders_by_base_score_and_age_and_agents_by_tier() {
    let house = house("anna sales:1\nboris sales:3", "");
    let script = "0 call c1 sales plain
                  100 answer c1
                  1000 call c2 sales plain
                  1100 answer c2
                  2000 call c3 sales plain
                  20000 call c4 sales gold
                  45000 call c5 sales gold
                  50000 done c1
                  60100 answer c4
                  61000 done c2
                  72000 wait";
    check(
        &house,
        &Named::CallCenter,
        script,
        expect![[r#"
        100 ring boris for c1
        100 boris has c1
        1100 ring anna for c2
        1100 anna has c2
        60100 ring boris for c4
        60100 boris has c4
        71100 ring anna for c3
    "#]],
    );
}

#[test]
fn priority_takes_value_first_and_the_best_skilled() {
    let house = house("anna sales:1\nboris sales:3", "");
    let script = "0 call c1 sales plain
                  0 answer c1
                  1000 call c2 sales plain
                  1000 answer c2
                  2000 call c3 sales plain
                  20000 call c4 sales gold
                  50000 done c1
                  60000 wait";
    check(
        &house,
        &Named::PriorityBestSkill,
        script,
        expect![[r#"
        0 ring boris for c1
        0 boris has c1
        1000 ring anna for c2
        1000 anna has c2
        60000 ring boris for c4
    "#]],
    );
    check(
        &house,
        &Named::WaitTarget,
        script,
        expect![[r#"
        0 ring anna for c1
        0 anna has c1
        1000 ring boris for c2
        1000 boris has c2
        60000 ring anna for c4
    "#]],
    );
    check(
        &house,
        &Named::FifoLongestIdle,
        script,
        expect![[r#"
        0 ring anna for c1
        0 anna has c1
        1000 ring boris for c2
        1000 boris has c2
        60000 ring anna for c3
    "#]],
    );
}

#[test]
fn no_call_waits_behind_one_that_the_free_agent_cannot_take() {
    let house = house("anna sales:1\nboris vip:1", "");
    let script = "0 go anna
                  100 call c1 sales plain
                  200 call c2 vip plain
                  300 hangup c2
                  400 come anna
                  500 answer c1
                  600 hangup c1";
    for policy in [Named::FifoRoundRobin, Named::FifoLongestIdle, Named::PriorityBestSkill, Named::WaitTarget] {
        let want = "200 ring boris for c2\n300 stop boris for c2\n400 ring anna for c1\n500 anna has c1\n";
        assert_eq!(run(&house, &policy, script), want, "{}", policy.as_str());
    }
}
