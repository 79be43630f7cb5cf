//! What the rule measures by itself: handle times and the pressure on skills.

use turno_base::{QueueId, SkillId};

use super::rule::{played, whys};
use super::script::item;
use crate::{RunnerUp, Topic};

#[test]
fn handle_times_are_measured_by_skill_and_level() {
    let mut run = played(
        "queue ventas need=ventas wrap=fixed:10
         rule every=1 reference=100
         agent anna ventas skills=ventas:3
         agent boris ventas skills=ventas:1
            0 in anna
            1 call c1 ventas
            1 accept anna
        40001 release anna
        50001 call c2 ventas
        50001 accept anna
        90001 release anna
       100001 out anna
       100002 in boris
       100002 call c3 ventas
       100002 accept boris
       300002 release boris
       310002 call c4 ventas
       311500 end",
    );
    let tables = run.acd.tables();
    let row = tables.topics.iter().find(|row| row.topic == Topic::Skill(SkillId::new("ventas").unwrap())).unwrap();
    // Ten expected conversations of 100 s and three measured: 50, 50 and 210 s.
    let mean = (1000 + 50 + 50 + 210) * 1000 / 13;
    assert_eq!(row.handle[3], (3, 2, (100_000 + 10 * mean) / 12));
    assert_eq!(row.handle[1], (1, 1, (210_000 + 10 * mean) / 11));
    assert_eq!(row.handle[2], (2, 0, mean), "a level nobody has worked at is taken to be as the others");
    assert_eq!((row.agents, row.weight_pm), (1, 1000), "the only skill has the mean pressure");
    run.tell(311_501, "gone c4 withdrawn");
    let why = whys(&mut run, 311_502, "call c5 ventas");
    assert_eq!(why[0].item.handle_pm, 100 * 1_000_000 / ((210_000 + 10 * mean) / 11), "M of a beginner");
}

#[test]
fn pressure_is_load_over_agents_and_the_scarcer_skill_goes_first() {
    let mut script = String::from(
        "queue ventas need=ventas
         queue lengua need=catalan
         rule every=1 reference=100
         agent anna ventas,lengua skills=ventas:1,catalan:1
         agent boris ventas skills=ventas:1
         agent clara ventas skills=ventas:1
            0 in anna
            1 in boris
            2 in clara
            3 call c1 ventas
            4 call c2 ventas
            5 call c3 ventas
            6 accept anna
            7 accept boris
            8 accept clara
    ",
    );
    script.push_str("10 call c4 ventas\n 20 call c5 ventas\n 30 call c6 lengua\n 40 call c7 lengua\n 2000 end\n");
    let mut run = played(&script);
    let tables = run.acd.tables();
    let row = |skill: &str| {
        tables.topics.iter().find(|row| row.topic == Topic::Skill(SkillId::new(skill).unwrap())).unwrap().clone()
    };
    let (ventas, lengua) = (row("ventas"), row("catalan"));
    // As if watched for five minutes at least: 5 and 2 calls of 100 s, the first second having faded by 1 in 900.
    assert!((1660..=1667).contains(&ventas.erlangs_milli), "{ventas:?}");
    assert!((660..=667).contains(&lengua.erlangs_milli), "{lengua:?}");
    assert_eq!((ventas.agents, lengua.agents), (3, 1));
    assert!(lengua.weight_pm > 1000 && ventas.weight_pm < 1000, "{lengua:?} {ventas:?}");
    assert_eq!(ventas.weight_pm + lengua.weight_pm, 2000 - 1, "shares of the mean, rounded down");
    // c4 is older than c6, but Catalan is scarcer.
    let why = whys(&mut run, 3000, "release anna");
    assert_eq!(why[0].item.pressure_pm, lengua.weight_pm);
    let Some(RunnerUp::Item { item: next, terms }) = &why[0].runner_up else { panic!("{why:?}") };
    assert_eq!((*next, terms.pressure_pm), (item("c7"), lengua.weight_pm));
    assert_eq!((why[0].items_eligible, why[0].tables), (3, run.acd.tables().version));
}

#[test]
fn queues_without_skills_are_weighed_like_skills() {
    let run = played(
        "queue ventas
         queue averias
         rule every=1
         agent anna ventas,averias
         agent boris ventas
            0 in anna
            1 in boris
            2 call c1 averias
         1003 end",
    );
    let tables = run.acd.tables();
    let row = |queue: &str| {
        tables.topics.iter().find(|row| row.topic == Topic::Queue(QueueId::new(queue).unwrap())).unwrap().clone()
    };
    assert_eq!((row("averias").agents, row("ventas").agents), (1, 2));
    assert!(row("averias").erlangs_milli > 0 && row("ventas").erlangs_milli == 0);
}

#[test]
fn tables_rest_when_nothing_happens_and_go_on_after_it() {
    let mut run = played(
        "queue ventas\nrule every=5\nagent anna ventas\n0 in anna\n1 call c1 ventas\n2 gone c1 abandoned\n90000 end",
    );
    let rested = run.acd.tables().version;
    assert_eq!(run.acd.deadline(), None);
    run.tell(100_000, "call c2 ventas");
    run.until(105_000);
    assert_eq!(run.acd.tables().version, rested + 1);
}

#[test]
fn what_was_measured_survives_a_change_of_rules_and_a_restart() {
    let script = |change: &str| {
        format!(
            "queue ventas need=ventas
             rule every=1
             agent anna ventas skills=ventas:3
                0 in anna
                1 call c1 ventas
                2 accept anna
             5000 {change}
            50002 release anna
            51000 call c2 ventas
            53000 end"
        )
    };
    let handle = |change: &str| {
        let run = played(&script(change));
        let tables = run.acd.tables();
        tables.topics.iter().find(|row| row.topic == Topic::Skill(SkillId::new("ventas").unwrap())).unwrap().handle[3]
    };
    let plain = handle("end");
    assert_eq!(plain.1, 1);
    assert_eq!(handle("agent boris ventas skills=aaa:1"), plain, "skills are numbered anew");
    assert_eq!(handle("save"), plain);
}
