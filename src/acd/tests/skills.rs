//! Skills that change while people work, and certificates that segments demand and that expire.

use expect_test::expect;
use turno_base::Now;

use super::script::{Run, agent, item, run};
use crate::Bounds;

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
