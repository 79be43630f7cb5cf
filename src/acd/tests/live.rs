//! Changes of configuration while people wait, bounds, views.

use expect_test::expect;

use super::script::{Run, agent, check, item};
use crate::{Bounds, Next, Refusal};
use turno_base::fact::AgentState;
use turno_base::{Now, QueueId, StationId};

#[test]
fn a_change_of_rules_costs_nobody_his_place() {
    check(
        "queue ventas
         queue averias
         agent anna ventas
         agent boris averias
            0 in anna
            1 in boris
            2 call c1 ventas
            3 call c2 ventas
            4 call c3 ventas
            5 pause boris lunch
         1000 reason lunch 0
         2000 agent boris ventas,averias
         3000 queue ventas wait=4 onwait=number:900
         9000 end",
        expect![[r#"
            0 anna ready
            1 boris ready
            2 c1 enters ventas at 1
            2 offer c1 to anna
            2 anna offered c1
            3 c2 enters ventas at 2
            4 c3 enters ventas at 3
            5 refused: there is no not-ready reason lunch
            2000 offer c2 to boris
            2000 boris offered c2
            4004 c3 leaves ventas: overflowed at 3 after 4000
            4004 c3 goes on to number 900
        "#]],
    );
}

#[test]
fn a_skill_given_live_serves_who_waits_for_it() {
    check(
        "queue ventas
         agent anna ventas
            0 in anna
            1 call c1 ventas need=catalan
         1000 agent anna ventas skills=catalan:1
         2000 agent anna ventas
         2001 decline anna
        60000 end",
        expect![[r#"
            0 anna ready
            1 c1 enters ventas at 1
            1000 offer c1 to anna
            1000 anna offered c1
            2001 offer of c1 to anna ended: declined after 1001
            2001 anna paused declined
            7001 anna ready
        "#]],
    );
}

#[test]
fn a_removed_agent_finishes_his_call_and_a_removed_queue_sends_its_callers_on() {
    check(
        "queue ventas wrap=fixed:5 onempty=queue:general
         queue general
         agent anna ventas,general
         agent boris ventas
         agent clara ventas
         reason lunch 0
            0 in anna
            1 in boris
            2 in clara
            3 pause clara lunch
            4 call c1 ventas
            5 accept anna
            6 call c2 ventas
            7 call c3 ventas
         1000 drop agent anna
         1001 ready anna
         1002 drop agent clara
         2000 drop queue ventas
         2001 call c4 ventas
         3000 release anna
        20000 end",
        expect![[r#"
            0 anna ready
            1 boris ready
            2 clara ready
            3 clara paused lunch
            4 c1 enters ventas at 1
            4 offer c1 to anna
            4 anna offered c1
            5 connect c1 with anna
            5 offer of c1 to anna ended: accepted after 1
            5 c1 leaves ventas: answered at 1 after 1
            5 anna talking c1
            6 c2 enters ventas at 1
            6 offer c2 to boris
            6 boris offered c2
            7 c3 enters ventas at 2
            1001 refused: there is no agent anna
            1002 clara logged-out
            2000 withdraw c2 from boris: lost_race
            2000 offer of c2 to boris ended: lost_race after 1994
            2000 c2 leaves ventas: overflowed at 1 after 1994
            2000 c2 goes on to general
            2000 c2 enters general at 1
            2000 c3 leaves ventas: overflowed at 1 after 1993
            2000 c3 goes on to general
            2000 c3 enters general at 2
            2000 boris ready
            2001 c4 is told good-bye
            3000 anna wrap-up c1
            8000 anna logged-out
        "#]],
    );
}

#[test]
fn a_queue_that_returns_is_the_same_queue() {
    check(
        "queue ventas onempty=queue:ventas
         agent anna ventas
            0 in anna
            1 call c1 ventas
            2 drop queue ventas
            3 call c2 ventas
            4 queue ventas
            5 call c3 ventas",
        expect![[r#"
            0 anna ready
            1 c1 enters ventas at 1
            1 offer c1 to anna
            1 anna offered c1
            2 withdraw c1 from anna: lost_race
            2 offer of c1 to anna ended: lost_race after 1
            2 c1 leaves ventas: empty at 1 after 1
            2 c1 is told good-bye
            2 anna ready
            3 c2 is told good-bye
            5 c3 enters ventas at 1
            5 offer c3 to anna
            5 anna offered c3
        "#]],
    );
}

#[test]
fn announcements_begin_and_end_with_the_rule() {
    check(
        "queue ventas
            0 call c1 ventas
         1000 queue ventas every=10
        12000 said c1
        13000 queue ventas every=10
        23000 said c1
        24000 queue ventas
        60000 end",
        expect![[r#"
            0 c1 enters ventas at 1
            11000 c1 hears place 1
            22000 c1 hears place 1
        "#]],
    );
}

#[test]
fn a_queue_that_empties_with_many_waiting_sends_them_away_in_turns() {
    let mut script =
        String::from("queue ventas leave=yes onempty=number:900\nagent anna ventas\n0 in anna\n1 private anna 1\n");
    for n in 1..=600 {
        script.push_str(&format!("{} call c{n} ventas\n", 1 + n));
    }
    let mut run = Run::new(&script, Bounds::default());
    run.play();
    let first = run.tell(1000, "out anna");
    let left = |out: &[crate::Decision]| out.iter().filter(|d| matches!(d, crate::Decision::Left { .. })).count();
    assert_eq!(left(&first), crate::limits::DRAIN_PER_TURN);
    assert_eq!(run.acd.deadline(), Some(Now::from_ms(1000).mono), "the rest is due at once");
    let mut out = Vec::new();
    run.acd.on_deadline(Now::from_ms(1000), &mut out);
    assert_eq!(left(&out), 600 - crate::limits::DRAIN_PER_TURN, "in the turn's further steps");
    assert_eq!(run.acd.sizes().waiting, 0);
}

#[test]
fn at_the_bounds_something_defined_happens() {
    let bounds = Bounds {
        items_max: 2,
        redials_max: 2,
        stations_max: 2,
        groups_idle_max: 1,
        classes_max: 1,
        recipes_max: 2,
        ..Bounds::default()
    };
    let mut run = Run::new(
        "queue ventas
         redial 60
         agent anna ventas
         agent boris ventas
         agent clara ventas
            0 call c1 ventas who=1
            1 call c2 ventas who=2
            2 call c3 ventas who=3
            3 gone c1 abandoned
            4 call c4 ventas who=4
            5 gone c4 abandoned
            6 call c5 ventas who=5
            7 gone c5 abandoned
            8 gone c2 withdrawn
            9 call c6 ventas who=1
           10 call c7 ventas who=5
           11 in anna
           12 in boris
           13 in clara
           14 station desk9 down",
        bounds,
    );
    run.play();
    expect![[r#"
        0 c1 enters ventas at 1
        1 c2 enters ventas at 2
        2 c3 is told good-bye
        3 c1 leaves ventas: short_abandoned at 1 after 3
        4 c4 enters ventas at 2
        5 c4 leaves ventas: short_abandoned at 2 after 1
        6 c5 enters ventas at 2
        7 c5 leaves ventas: short_abandoned at 2 after 1
        8 c2 leaves ventas: withdrawn at 1 after 7
        9 c6 enters ventas at 1
        10 c7 enters ventas at 1
        11 anna ready
        11 offer c7 to anna
        11 anna offered c7
        12 boris ready
        12 offer c6 to boris
        12 boris offered c6
        13 refused: the engine knows as many stations as it can
    "#]]
    .assert_eq(&run.text);
    assert_eq!(run.acd.counts().dropped, 2, "one call and one station");
    assert_eq!(run.acd.sizes().redials, 1, "who returned keeps none; the oldest was forgotten");
    for n in 0..50 {
        run.tell(100 + n, &format!("call c{} ventas need=s{n}", 100 + n));
        run.tell(100 + n, &format!("gone c{} withdrawn", 100 + n));
    }
    assert!(run.acd.sizes().groups <= 3, "{:?}", run.acd.sizes());
}

#[test]
fn many_deadlines_at_once_are_spread_over_turns() {
    let mut script = String::from("queue ventas wait=10\n");
    for n in 1..=300 {
        script.push_str(&format!("0 call c{n} ventas\n"));
    }
    let mut run = Run::new(&script, Bounds::default());
    run.play();
    run.until(9000);
    let mut out = Vec::new();
    run.acd.on_deadline(Now::from_ms(10_000), &mut out);
    assert_eq!(run.acd.sizes().waiting, 300 - 255, "so many in one turn, the tables among them");
    assert_eq!(run.acd.deadline(), Some(Now::from_ms(10_000).mono));
}

#[test]
fn views_show_who_waits_in_the_order_of_service_and_what_agents_do() {
    let mut run = Run::new(
        "queue ventas
         segment gold 4000 20 240
         agent anna ventas
         agent boris ventas
         reason lunch 60
            0 in anna desk1
            0 pause anna lunch
            0 call c1 ventas
            1 call c2 ventas gold
            2 call c3 ventas
        60000 in boris
        61000 pause boris lunch",
        Bounds::default(),
    );
    run.play();
    let now = Now::from_ms(70_000);
    let ventas = QueueId::new("ventas").unwrap();
    let order: Vec<_> = run.acd.waiting(ventas, 10, now).into_iter().map(|row| (row.item, row.position)).collect();
    // At 70 s all are past their targets: gold 4 × (5/4 + 50/80) against 1 × the same.
    assert_eq!(order, [(item("c2"), 1), (item("c1"), 2), (item("c3"), 3)]);
    assert_eq!(run.acd.waiting(ventas, 2, now).len(), 2);
    for row in run.acd.waiting(ventas, 10, now) {
        assert_eq!(run.acd.item(row.item, now), Some(row), "one row alone says the same");
    }
    let queue = run.acd.queue(ventas, now).unwrap();
    assert_eq!((queue.waiting, queue.logged_in, queue.ready, queue.waited_max_ms), (3, 2, 0, 70_000));
    let anna = run.acd.agent(agent("anna"), now).unwrap();
    assert!(anna.is_overdue, "lunch is a minute");
    assert_eq!(anna.station, Some(StationId::new("desk1").unwrap()));
    let boris = run.acd.agent(agent("boris"), now).unwrap();
    assert_eq!((boris.state, boris.next.map(|n| matches!(n, Next::Pause(_)))), (AgentState::Offered, Some(true)));
    assert_eq!(run.acd.waiting(ventas, 10, now)[0].offered_to, [agent("boris")]);
    assert_eq!(run.acd.agent_at(StationId::new("desk1").unwrap()), Some(agent("anna")));
    assert_eq!(run.acd.agents(now).len(), 2);
    assert_eq!(run.acd.queues(now), [queue]);
    let sizes = run.acd.sizes();
    assert_eq!((sizes.waiting, sizes.offered, sizes.served, sizes.stations), (3, 1, 0, 2));
}

#[test]
fn refusals_are_values_too() {
    let mut run = Run::new("agent anna none", Bounds::default());
    let command = crate::Command::Ready { agent: agent("anna") };
    let refused = run.acd.on_command(command, Now::from_ms(0), &mut Vec::new());
    assert_eq!(refused, Err(Refusal::NotLoggedIn(agent("anna"))));
}
