//! The parts of the value-rate rule, one by one, as callers and agents see them.

use expect_test::expect;

use super::script::{Run, agent, check, item};
use crate::{Bounds, Credit, Decision, Why};
use turno_base::{Now, QueueId};

/// A machine after its script.
pub(super) fn played(script: &str) -> Run {
    let mut run = Run::new(script, Bounds::default());
    run.play();
    run
}

/// Why the offers of one line were made.
pub(super) fn whys(run: &mut Run, at: u64, line: &str) -> Vec<Why> {
    run.until(at);
    let decisions = run.tell(at, line).into_iter();
    let why = |decision| match decision {
        Decision::Offer { why, .. } => Some(*why),
        _ => None,
    };
    decisions.filter_map(why).collect()
}

#[test]
fn the_agent_who_is_needed_elsewhere_is_spared() {
    // Both fit as well and boris is idle for longer, but he alone speaks Catalan, and Catalan is asked for.
    check(
        "queue ventas need=ventas
         queue lengua need=catalan
         rule every=1
         agent anna ventas skills=ventas:2
         agent boris ventas,lengua skills=ventas:2,catalan:2
            0 in boris
         1001 call c1 lengua
         1500 accept boris
         1600 release boris
         2000 in anna
         3000 call c2 ventas
         3001 end",
        expect![[r#"
            0 boris ready
            1001 c1 enters lengua at 1
            1001 offer c1 to boris
            1001 boris offered c1
            1500 connect c1 with boris
            1500 offer of c1 to boris ended: accepted after 499
            1500 c1 leaves lengua: answered at 1 after 499
            1500 boris talking c1
            1600 boris ready
            2000 anna ready
            3000 c2 enters ventas at 1
            3000 offer c2 to anna
            3000 anna offered c2
        "#]],
    );
}

#[test]
fn an_owner_is_waited_for_while_he_is_there_and_then_anybody_helps() {
    check(
        "queue ventas
         rule owner=5 absent=30
         agent anna ventas
         agent boris ventas
            0 in anna
            0 in boris
            1 call c1 ventas
            2 accept anna
            3 call c2 ventas owner=anna
         1000 release anna
         1001 accept anna
         2000 call c3 ventas owner=anna
         7000 accept boris
         8000 call c4 ventas
         9000 call c5 ventas owner=nobody
        10000 release boris
        10001 end",
        expect![[r#"
            0 anna ready
            0 boris ready
            1 c1 enters ventas at 1
            1 offer c1 to anna
            1 anna offered c1
            2 connect c1 with anna
            2 offer of c1 to anna ended: accepted after 1
            2 c1 leaves ventas: answered at 1 after 1
            2 anna talking c1
            3 c2 enters ventas at 1
            1000 anna ready
            1000 offer c2 to anna
            1000 anna offered c2
            1001 connect c2 with anna
            1001 offer of c2 to anna ended: accepted after 1
            1001 c2 leaves ventas: answered at 1 after 998
            1001 anna talking c2
            2000 c3 enters ventas at 1
            7000 offer c3 to boris
            7000 boris offered c3
            7000 connect c3 with boris
            7000 offer of c3 to boris ended: accepted after 0
            7000 c3 leaves ventas: answered at 1 after 5000
            7000 boris talking c3
            8000 c4 enters ventas at 1
            9000 c5 enters ventas at 1
            10000 boris ready
            10000 offer c5 to boris
            10000 boris offered c5
        "#]],
    );
}

#[test]
fn those_who_wait_for_an_agent_are_for_anybody_when_he_goes() {
    check(
        "queue ventas
         rule owner=60
         agent anna ventas
         agent boris ventas
            0 in anna
            1 call c1 ventas
            2 accept anna
            3 in boris
            4 call c2 ventas owner=anna
          100 out anna
          200 release anna
          201 end",
        expect![[r#"
            0 anna ready
            1 c1 enters ventas at 1
            1 offer c1 to anna
            1 anna offered c1
            2 connect c1 with anna
            2 offer of c1 to anna ended: accepted after 1
            2 c1 leaves ventas: answered at 1 after 1
            2 anna talking c1
            3 boris ready
            4 c2 enters ventas at 1
            200 anna logged-out
            200 offer c2 to boris
            200 boris offered c2
        "#]],
    );
}

#[test]
fn who_talked_to_a_caller_last_is_preferred_and_waited_for() {
    check(
        "queue ventas
         rule last=5 kept=600
         agent anna ventas
         agent boris ventas
            0 in boris
            1 in anna
            2 call c1 ventas who=600
            3 accept boris
         1000 release boris
         2000 call c2 ventas who=600
         2001 accept boris
         2002 call c3 ventas who=600
         8000 end",
        expect![[r#"
            0 boris ready
            1 anna ready
            2 c1 enters ventas at 1
            2 offer c1 to boris
            2 boris offered c1
            3 connect c1 with boris
            3 offer of c1 to boris ended: accepted after 1
            3 c1 leaves ventas: answered at 1 after 1
            3 boris talking c1
            1000 boris ready
            2000 c2 enters ventas at 1
            2000 offer c2 to boris
            2000 boris offered c2
            2001 connect c2 with boris
            2001 offer of c2 to boris ended: accepted after 1
            2001 c2 leaves ventas: answered at 1 after 1
            2001 boris talking c2
            2002 c3 enters ventas at 1
            7002 offer c3 to anna
            7002 anna offered c3
        "#]],
    );
}

#[test]
fn an_owner_who_lets_it_ring_is_waited_for_no_longer() {
    check(
        "queue ventas ring=3
         rule owner=60
         agent anna ventas
         agent boris ventas
            0 in anna
            1 in boris
            2 call c1 ventas owner=boris
         3002 end",
        expect![[r#"
            0 anna ready
            1 boris ready
            2 c1 enters ventas at 1
            2 offer c1 to boris
            2 boris offered c1
            3002 withdraw c1 from boris: ring_no_answer
            3002 offer of c1 to boris ended: ring_no_answer after 3000
            3002 boris ready
            3002 offer c1 to anna
            3002 anna offered c1
        "#]],
    );
}

#[test]
fn a_reserve_is_kept_for_those_who_have_waited_half_their_target() {
    check(
        "queue ventas
         segment platinum 10000 10 240
         segment plain 1000 20 240
         skill catalan reserve=1
         agent anna ventas skills=catalan:1
         agent boris ventas skills=catalan:1
         agent clara ventas skills=catalan:1
            0 in anna
            1 in boris
            2 call c1 ventas
            3 call c2 ventas
         1000 call c3 ventas platinum
         1500 in clara
        10003 end",
        expect![[r#"
            0 anna ready
            1 boris ready
            2 c1 enters ventas at 1
            2 offer c1 to anna
            2 anna offered c1
            3 c2 enters ventas at 2
            1000 c3 enters ventas at 1
            1000 offer c3 to boris
            1000 boris offered c3
            1500 clara ready
            10003 offer c2 to clara
            10003 clara offered c2
        "#]],
    );
}

#[test]
fn a_second_idle_agent_opens_the_reserve() {
    check(
        "queue ventas
         segment platinum 10000 10 240
         skill catalan reserve=1
         agent anna ventas skills=catalan:1
         agent boris ventas skills=catalan:1
            0 in anna
            1 call c1 ventas
         2000 in boris
         2001 end",
        expect![[r#"
            0 anna ready
            1 c1 enters ventas at 1
            2000 boris ready
            2000 offer c1 to anna
            2000 anna offered c1
        "#]],
    );
}

#[test]
fn who_has_worked_more_of_his_shift_rests_before_the_others() {
    // Boris has been idle for longer when c2 comes, but he has worked for most of his shift.
    let script = |occupancy: &str| {
        format!(
            "queue ventas
             rule occupancy={occupancy}
             agent anna ventas
             agent boris ventas
                0 in boris
                1 call c1 ventas
                2 accept boris
            80000 release boris
            82000 in anna
           100000 call c2 ventas
           100001 end"
        )
    };
    let offered =
        |occupancy| played(&script(occupancy)).acd.item(item("c2"), Now::from_ms(100_001)).unwrap().offered_to;
    assert_eq!((offered("0"), offered("30")), (vec![agent("boris")], vec![agent("anna")]));
}

#[test]
fn every_credit_is_kept_with_its_reason() {
    let mut run = played(
        "queue ventas ring=3 wait=60 onwait=queue:general
         queue general
         rule absent=7
         redial 60
         agent anna ventas
            0 call c1 ventas who=600 credit=2000
         1000 gone c1 abandoned
         4000 call c2 ventas who=600 owner=boris
         5000 in anna
         8000 end",
    );
    let credits = |run: &Run, at| run.acd.explain_item(item("c2"), Now::from_ms(at)).unwrap().credits;
    // The place that was kept (virtually there since -2000) is later than what the absent owner gives: the older counts.
    assert_eq!(credits(&run, 8000), [(Credit::Rings, 3000), (Credit::OwnerAbsent, 7000)]);
    run.until(64_000);
    run.tell(64_000, "queue ventas ring=5");
    run.tell(64_001, "save");
    // Anna let it ring three times by now.
    assert_eq!(
        credits(&run, 64_001),
        [(Credit::Rings, 9000), (Credit::OwnerAbsent, 7000)],
        "moved, reloaded, restarted"
    );
    assert_eq!(run.acd.item(item("c2"), Now::from_ms(64_001)).unwrap().queue, QueueId::new("general").unwrap());
}

#[test]
fn a_waiting_item_an_offer_and_an_idle_agent_are_explained() {
    let mut run = played(
        "queue ventas need=ventas
         segment platinum 10000 10 240
         segment gold 4000 20 240
         segment plain 1000 30 240
         ring ventas level=2 for=4 of=plain skip=no
         skill ventas reserve=1
         agent anna ventas skills=ventas:1
         agent boris ventas skills=ventas:3
         agent clara ventas skills=ventas:2
         agent dora ventas
            0 in anna
            1 in dora
         1000 call c1 ventas
         2000 call c2 ventas
         2500 call c3 ventas gold",
    );
    let said = |run: &Run, name: &str, at| run.acd.explain_item(item(name), Now::from_ms(at)).unwrap().to_string();
    let agent_said =
        |run: &Run, name: &str, at| run.acd.explain_agent(agent(name), Now::from_ms(at)).unwrap().to_string();
    let mut text = String::new();
    for name in ["c1", "c2", "c3"] {
        text += &format!("{name}: {}\n", said(&run, name, 3000));
    }
    for name in ["anna", "boris", "dora"] {
        text += &format!("{}\n", agent_said(&run, name, 3000));
    }
    run.until(9000);
    run.tell(9000, "in boris");
    run.tell(9000, "call c4 ventas owner=boris");
    text += &format!("c1: {}\nc4: {}\n", said(&run, "c1", 9001), said(&run, "c4", 9001));
    expect![[r#"
        c1: 1st of 2 in its class; 1 gold ahead; 0 of 2 agents who may take it logged in, 0 ready; widens in 2 s
        c2: 2nd of 2 in its class; 1 gold ahead; 1 plain ahead; 0 of 2 agents who may take it logged in, 0 ready; widens in 3 s
        c3: 1st of 1 in its class; 1 of 3 agents who may take it logged in, 1 ready; anna is kept from it: kept in reserve for ventas
        anna is ready for 3 s; kept in reserve for ventas; ventas: 3 wait, 2 ready, 0 for longer; 00000000000000000000000000000001: its ring asks for others at first; 00000000000000000000000000000002: its ring asks for others at first; 00000000000000000000000000000003: kept in reserve for ventas
        boris is logged-out
        dora is ready for 2 s; ventas: needs skills that he does not have; 00000000000000000000000000000001: needs skills that he does not have; 00000000000000000000000000000002: needs skills that he does not have; 00000000000000000000000000000003: needs skills that he does not have
        c1: 1st of 2 in its class; 1 gold ahead; 2 of 3 agents who may take it logged in, 1 ready; anna is kept from it: kept in reserve for ventas
        c4: 1st of 1 in its class; 1 gold ahead; 2 plain ahead; 2 of 3 agents who may take it logged in, 1 ready; waits for boris for 20 s more
    "#]].assert_eq(&text);
    let (offered, why) = run.acd.explain_offer(agent("boris")).unwrap();
    assert_eq!((offered, why.at.as_ms()), (item("c3"), 9000));
    assert!(run.acd.explain_item(item("c9"), Now::from_ms(0)).is_none());
    assert!(run.acd.explain_agent(agent("zoe"), Now::from_ms(0)).is_none());
    assert!(run.acd.explain_offer(agent("clara")).is_none(), "never rung");
}

#[test]
fn bounds_of_the_rule_hold() {
    let mut script = String::from("queue ventas need=ventas\nagent anna ventas skills=ventas:1\n");
    (0..40).for_each(|_| script += "ring ventas level=3 for=10 skip=no\n");
    script += "0 in anna\n1 call c1 ventas\n159999 end\n";
    let mut run = played(&script);
    assert!(run.acd.item(item("c1"), Now::from_ms(159_999)).unwrap().offered_to.is_empty());
    run.until(160_001);
    let row = run.acd.item(item("c1"), Now::from_ms(160_001)).unwrap();
    assert_eq!(row.offered_to, [agent("anna")], "sixteen rings count, whatever is configured");

    let mut script =
        String::from("queue ventas\nskill x reserve=100\nsegment plain 1000 20 0\nsegment gold 2000 20 0\n");
    (0..20).for_each(|n| script += &format!("agent a{n} ventas skills=x:1\n0 in a{n}\n"));
    script += "agent z ventas\n1 in z\n";
    let mut run = played(&script);
    let why = whys(&mut run, 2, "call c1 ventas");
    assert_eq!((why[0].blocked.len(), why[0].agents_eligible), (crate::limits::BLOCKED_MAX, 20));

    let bounds = Bounds { recipes_max: 3, redials_max: 2, ..Bounds::default() };
    let mut run = Run::new(
        "queue ventas need=ventas
         rule kept=60
         agent anna ventas skills=ventas:1
         agent boris ventas skills=ventas:2
         agent clara ventas skills=ventas:3
            0 in clara
            1 call c1 ventas who=1
            1 accept clara
            1 release clara
            2 call c2 ventas who=2
            2 accept clara
            2 release clara
            3 call c3 ventas who=3
            3 accept clara",
        bounds,
    );
    run.play();
    let sizes = run.acd.sizes();
    assert_eq!((sizes.recipes, sizes.last_agents), (3, 2));
    assert_eq!(run.acd.explain_offer(agent("clara")).unwrap().1.item.handle_pm, 1000, "an average one");
}
