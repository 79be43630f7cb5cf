//! Skills that change while people work, and certificates that segments demand and that expire.

use std::collections::{BTreeMap, BTreeSet};

use expect_test::expect;
use turno_base::{Now, SkillId};

use super::script::{Run, agent, item, run};
use crate::item::Stands;
use crate::{Acd, Bounds, Command, Decision, SkillChange};

/// After the script, what is told about an item and an agent.
fn words(script: &str, of_item: &str, of_agent: &str) -> String {
    let mut run = Run::new(script, Bounds::default());
    run.play();
    let now = Now::from_ms(script.lines().filter_map(|l| l.trim().split(' ').next()?.parse().ok()).max().unwrap_or(0));
    let item = run.acd.explain_item(item(of_item), now).map(|told| told.to_string()).unwrap_or_default();
    let agent = run.acd.explain_agent(agent(of_agent), now).map(|told| told.to_string()).unwrap_or_default();
    format!("{item}\n{agent}\n")
}

#[test]
fn an_agent_who_is_taught_a_skill_takes_who_waits_for_it_in_the_same_turn_and_keeps_it_through_a_restart_and_a_reload()
{
    expect![[r#"
        0 anna ready
        100 c1 enters a at 1
        900 offer c1 to anna
        900 anna offered c1
        1000 connect c1 with anna
        1000 offer of c1 to anna ended: accepted after 100
        1000 c1 leaves a: answered at 1 after 900
        1000 anna talking c1
        1200 anna ready
        1400 c2 enters a at 1
        1400 offer c2 to anna
        1400 anna offered c2
    "#]]
    .assert_eq(&run("queue a need=x>=2
                     agent anna a skills=x:1
                     0 in anna
                     100 call c1 a
                     900 skill anna set x 2
                     1000 accept anna
                     1100 save
                     1200 release anna
                     1300 queue b
                     1400 call c2 a"));
}

#[test]
fn a_skill_taken_away_keeps_what_rings_and_comes_back_when_its_time_is_up_or_it_is_reset() {
    expect![[r#"
        0 anna ready
        100 c1 enters a at 1
        100 offer c1 to anna
        100 anna offered c1
        300 connect c1 with anna
        300 offer of c1 to anna ended: accepted after 200
        300 c1 leaves a: answered at 1 after 200
        300 anna talking c1
        400 anna ready
        500 c2 enters a at 1
        60000 offer c2 to anna
        60000 anna offered c2
        60100 connect c2 with anna
        60100 offer of c2 to anna ended: accepted after 100
        60100 c2 leaves a: answered at 1 after 59600
        60100 anna talking c2
        60300 anna ready
        60400 c3 enters a at 1
        60500 offer c3 to anna
        60500 anna offered c3
    "#]]
    .assert_eq(&run("queue a need=x
                     agent anna a skills=x:1
                     0 in anna
                     100 call c1 a
                     200 skill anna unset x until=60
                     300 accept anna
                     400 release anna
                     500 call c2 a
                     60100 accept anna
                     60200 skill anna unset x
                     60300 release anna
                     60400 call c3 a
                     60500 skill anna reset x"));
}

/// Four hundred wait in a with needs of four kinds, which nobody who is logged in may take.
fn crowd() -> Run {
    let needs = ["x>=3", "y", "x>=3 and y", "not z"];
    let calls: String = (1..=400)
        .map(|n| {
            format!("{} call c{n} a {} need={}\n", 1000 + n, ["gold", "plain"][n % 2], needs[n % 4].replace(' ', "_"))
        })
        .collect();
    let mut run = Run::new(
        &format!(
            "queue a need=w
             queue b need=y
             segment gold 4000 10 0
             segment plain 1000 20 0
             ring a level=2 for=600 of=gold
             agent anna a,b skills=w:1,x:1,z:1
             agent boris a skills=x:9,y:9
             agent clara a skills=w:2,x:2,z:2
             agent dora b skills=y:3
             1 in anna
             2 in boris
             3 in clara
             {calls}"
        ),
        Bounds::default(),
    );
    run.play();
    run
}

/// Teaches in the crowd; says who is rung for whom, and whether anything else was looked at.
fn teach(run: &mut Run, who: &str, skill: &str, change: SkillChange) -> (Vec<String>, bool) {
    let before = run.acd.clone();
    let mut out = Vec::new();
    let command = Command::Skill { agent: agent(who), skill: SkillId::new(skill).unwrap(), change };
    run.acd.on_command(command, Now::from_ms(5000), &mut out).unwrap();
    let offers = out.iter().filter_map(|decision| match decision {
        Decision::Offer { item, agent, .. } => Some(format!("{} {agent}", item.0.0)),
        _ => None,
    });
    let offers: Vec<String> = offers.collect();
    // Groups that are made anew count; all that is kept of those who wait and of the others is compared whole.
    let others = |acd: &Acd| {
        let agents: Vec<_> = acd.agents.iter().filter(|(_, a)| a.id != agent(who)).map(|(_, a)| a.clone()).collect();
        let rung = |item: &crate::item::Item| item.stands == Stands::Offered;
        let items: Vec<_> = acd.items.iter().filter(|(_, item)| !rung(item)).map(|(_, item)| item.clone()).collect();
        (acd.made, agents, items)
    };
    let rung = run.acd.items.iter().filter(|(_, item)| item.stands == Stands::Offered).map(|(at, _)| at);
    let rung: Vec<_> = rung.collect();
    let mut unchanged = before;
    rung.iter().for_each(|at| drop(unchanged.items.remove(*at)));
    (offers, others(&unchanged) == others(&run.acd))
}

#[test]
fn teaching_one_agent_looks_at_nobody_else_whoever_waits() {
    let set = |level| SkillChange::Set { level, until: None };
    let mut run = crowd();
    // Nobody is like him then: who waits is judged by kind, and he is rung for the first.
    let profiles = run.acd.profiles.len();
    assert_eq!(teach(&mut run, "boris", "w", set(2)), (vec!["2 boris".to_owned()], true));
    assert_eq!(run.acd.profiles.len(), profiles);
    // Alike with clara: a profile less, and still nothing for either of them.
    assert_eq!(teach(&mut run, "anna", "x", set(2)), (vec![], true));
    assert_eq!(teach(&mut run, "anna", "w", set(2)), (vec![], true));
    assert_eq!(teach(&mut run, "anna", "z", set(2)), (vec![], true));
    // Both are free for who may have nobody who knows z, once they do not.
    assert_eq!(teach(&mut run, "clara", "z", SkillChange::Unset { until: None }), (vec!["3 clara".to_owned()], true));
    assert_eq!(teach(&mut run, "anna", "z", SkillChange::AsConfigured), (vec![], true));
    // A skill that nobody ever had has no place in what is judged: everything is numbered anew.
    run.set(&["skill", "v"]);
    run.acd.configure(run.config.clone(), Now::from_ms(5000), &mut Vec::new());
    let (offers, is_unchanged) = teach(&mut run, "dora", "v", set(1));
    assert_eq!((offers, is_unchanged), (vec![], false));
}

#[test]
fn what_is_found_after_teaching_is_what_a_reload_would_find() {
    let mut run = crowd();
    let changes = [("boris", "w", 2), ("anna", "y", 9), ("clara", "x", 3), ("dora", "w", 1), ("anna", "w", 2)];
    for (who, skill, level) in changes {
        teach(&mut run, who, skill, SkillChange::Set { level, until: None });
        let fits = |acd: &Acd| -> BTreeMap<_, Vec<_>> {
            let groups = acd.groups.iter().filter(|(_, group)| group.free + group.offered + group.held > 0);
            let able = |group: &crate::queue::Group| {
                // By name: a reload numbers skills anew.
                let known = |key: &crate::queue::ProfileKey| {
                    let held = (0u32..).zip(&key.levels).filter(|(_, level)| **level > 0);
                    held.map(|(skill, level)| (acd.skills.name(skill), *level)).collect::<BTreeSet<_>>()
                };
                let fits = group.profiles.iter().map(|fit| (&acd.profiles[fit.profile].key, fit.fit));
                fits.map(|(key, fit)| (known(key), key.queues.clone(), fit)).collect::<BTreeSet<_>>()
            };
            let kept = |group: &crate::queue::Group| able(group).into_iter().collect::<Vec<_>>();
            groups.map(|(_, group)| (group.key.clone(), kept(group))).collect()
        };
        let mut reloaded = run.acd.clone();
        reloaded.configure(run.config.clone(), Now::from_ms(5000), &mut Vec::new());
        assert_eq!(fits(&run.acd), fits(&reloaded), "{who} {skill}");
        assert_eq!(run.acd.profiles.len(), reloaded.profiles.len(), "{who} {skill}");
    }
}

#[test]
fn who_waits_for_his_own_agent_is_for_all_once_that_one_may_not_take_him() {
    expect![[r#"
        0 anna ready
        1 boris ready
        2 anna paused lunch
        100 c1 enters a at 1
        200 offer c1 to boris
        200 boris offered c1
    "#]]
    .assert_eq(&run("queue a need=x
                     rule owner=60
                     reason lunch 0
                     agent anna a skills=x:2
                     agent boris a skills=x:1
                     0 in anna
                     1 in boris
                     2 pause anna lunch
                     100 call c1 a owner=anna
                     200 skill anna unset x"));
}

#[test]
fn what_cannot_be_taught_is_refused_with_the_reason() {
    let many: String = (0..33).map(|n| format!("skill s{n} reserve=0\n")).collect();
    let taught: String = (0..33).map(|n| format!("{} skill anna set s{n} 1\n", 200 + n)).collect();
    expect![[r#"
        100 refused: there is no agent boris
        101 refused: no agent, queue or ring names a skill averia; add [skills.averia] to have it
        102 refused: 11 is no level of a skill; write 1 to 10
        103 refused: 0 is no level of a skill; write 1 to 10
        104 refused: 1970-01-01T00:00:00.000000Z is past
        232 refused: 32 skills of anna are changed already; reset some, or configure them
    "#]]
    .assert_eq(&run(&format!(
        "queue a need=averias
         agent anna a
         {many}
         100 skill boris set averias 1
         101 skill anna set averia 1
         102 skill anna set averias 11
         103 skill anna set averias 0
         104 skill anna set averias 1 until=0
         {taught}"
    )));
}

/// Gold demands a certificate in x of level 3; anna's expires after a minute, boris holds a low one, clara none.
const CERTIFIED: &str = "
    queue a need=x
    segment gold 4000 10 0
    certified gold x:3
    agent anna a skills=x:1 certs=x:3:60
    agent boris a skills=x:9 certs=x:2
    agent clara a skills=x:9
    0 in boris
    1 in clara
";

#[test]
fn who_lacks_the_certificate_of_a_segment_serves_others_only_and_is_told_why() {
    expect![[r#"
        1st of 1 in its class; 0 of 1 agents who may take it logged in, 0 ready; boris may not take it: certificate for x is of level 2, level 3 is demanded; clara may not take it: no certificate for x level 3
        clara is ready for 0 s; a: 1 wait, 2 ready, 1 for longer; 00000000000000000000000000000001: no certificate for x level 3
    "#]]
    .assert_eq(&words(&format!("{CERTIFIED}\n100 call c1 a gold"), "c1", "clara"));
    let got = run(&format!("{CERTIFIED}\n100 call c1 a gold\n200 call c2 a plain\n300 in anna"));
    let offers: Vec<&str> = got.lines().filter(|line| line.contains(" offer c")).collect();
    assert_eq!(offers, ["200 offer c2 to boris", "300 offer c1 to anna"]);
}

#[test]
fn a_certificate_that_expires_ends_at_its_instant_and_says_since_when() {
    let script = format!("{CERTIFIED}\n2 in anna\n59999 call c1 a gold\n60000 call c2 a gold\n60001 ready boris");
    let got = run(&script);
    let offers: Vec<&str> = got.lines().filter(|line| line.contains(" offer c")).collect();
    assert_eq!(offers, ["59999 offer c1 to anna"]);
    expect![[r#"
        1st of 1 in its class; 1 gold ahead; 0 of 0 agents who may take it logged in, 0 ready; anna may not take it: certificate for x expired on 1970-01-01T00:01Z; boris may not take it: certificate for x is of level 2, level 3 is demanded; clara may not take it: no certificate for x level 3
        anna is offered
    "#]]
    .assert_eq(&words(&script, "c2", "anna"));
}

#[test]
fn a_clock_that_is_set_forward_past_an_expiry_ends_it_with_the_next_turn() {
    let mut run = Run::new(&format!("{CERTIFIED}\n2 in anna\n100 call c1 a gold\n200 release anna"), Bounds::default());
    run.play();
    let mut out = Vec::new();
    let later = Now { wall: turno_base::Wall::from_secs(3600), ..Now::from_ms(300) };
    run.acd.on_event(
        crate::Event::Station { station: turno_base::StationId::new("desk").unwrap(), reachable: true },
        later,
        &mut out,
    );
    assert!(run.acd.agent(agent("anna"), later).is_some_and(|row| row.skills[0].certificate.is_some()));
    assert_eq!(run.acd.deadline().map(|at| at > later.mono), Some(true), "nothing is left undone");
    let told = run.acd.explain_item(item("c1"), later).expect("waits").to_string();
    assert!(told.contains("certificate for x expired"), "{told}");
}
