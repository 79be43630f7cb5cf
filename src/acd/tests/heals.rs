//! The reconciler, on states that no run should reach: each is made by hand.

use expect_test::{Expect, expect};

use super::script::{Run, agent, item};
use crate::Bounds;
use crate::agent::{Doing, Phase};
use crate::item::Held;
use crate::timers::Due;

/// Plays the script, breaks the machine, and returns what follows in the seconds after.
fn check(script: &str, broken: impl FnOnce(&mut Run), heals: u64, transcript: Expect) {
    let mut run = Run::new(script, Bounds::default());
    run.play();
    assert_eq!(run.acd.counts().healed, 0);
    run.text.clear();
    broken(&mut run);
    run.until(100_000);
    transcript.assert_eq(&run.text);
    assert_eq!(run.acd.counts().healed, heals);
}

#[test]
fn an_agent_in_a_conversation_that_is_no_more_is_freed() {
    check(
        "queue ventas
         agent anna ventas
            0 in anna
            1 call c1 ventas
            2 accept anna
            3 call c2 ventas",
        |run| {
            run.acd.served.clear();
        },
        1,
        expect![[r#"
            1001 HEALED AgentStuck
            1001 anna ready
            1001 offer c2 to anna
            1001 anna offered c2
            21001 withdraw c2 from anna: ring_no_answer
            21001 offer of c2 to anna ended: ring_no_answer after 20000
            21001 anna ready
            41001 offer c2 to anna
            41001 anna offered c2
            61001 withdraw c2 from anna: ring_no_answer
            61001 offer of c2 to anna ended: ring_no_answer after 20000
            61001 anna ready
            81001 offer c2 to anna
            81001 anna offered c2
        "#]],
    );
}

#[test]
fn an_agent_in_a_wrap_up_without_end_is_freed() {
    check(
        "queue ventas wrap=fixed:30
         agent anna ventas
            0 in anna
            1 call c1 ventas
            2 accept anna
            3 release anna
            4 call c2 ventas",
        |run| {
            let anna = run.acd.agent_of[&agent("anna")];
            let at = run.acd.agents[anna].doing.deadline().unwrap();
            run.acd.timers.disarm(at, Due::Agent(anna));
        },
        1,
        expect![[r#"
            1001 HEALED AgentStuck
            1001 anna ready
            1001 offer c2 to anna
            1001 anna offered c2
            21001 withdraw c2 from anna: ring_no_answer
            21001 offer of c2 to anna ended: ring_no_answer after 20000
            21001 anna ready
            41001 offer c2 to anna
            41001 anna offered c2
            61001 withdraw c2 from anna: ring_no_answer
            61001 offer of c2 to anna ended: ring_no_answer after 20000
            61001 anna ready
            81001 offer c2 to anna
            81001 anna offered c2
        "#]],
    );
}

#[test]
fn a_reservation_past_its_lease_ends_as_no_answer() {
    check(
        "queue ventas ring=20
         agent anna ventas
            0 in anna
            1 call c1 ventas
         1000 end",
        |run| {
            let anna = run.acd.agent_of[&agent("anna")];
            let at = run.acd.agents[anna].doing.deadline().unwrap();
            run.acd.timers.disarm(at, Due::Agent(anna));
        },
        1,
        expect![[r#"
            26001 HEALED LeaseExpired
            26001 withdraw c1 from anna: ring_no_answer
            26001 offer of c1 to anna ended: ring_no_answer after 26000
            26001 anna ready
            46001 offer c1 to anna
            46001 anna offered c1
            66001 withdraw c1 from anna: ring_no_answer
            66001 offer of c1 to anna ended: ring_no_answer after 20000
            66001 anna ready
            86001 offer c1 to anna
            86001 anna offered c1
        "#]],
    );
}

#[test]
fn an_item_in_no_line_is_found_again() {
    check(
        "queue ventas
         agent anna ventas
            0 call c1 ventas
            1 call c2 ventas",
        |run| {
            let c1 = run.acd.item_of[&item("c1")];
            run.acd.step_out(c1);
        },
        1,
        expect![[r#"
            1000 HEALED ItemLost
        "#]],
    );
}

#[test]
fn an_item_whose_agent_knows_nothing_of_it_is_offered_again() {
    check(
        "queue ventas
         agent anna ventas
            0 in anna
            1 call c1 ventas
            2 decline anna
            3 call c2 ventas",
        |run| {
            let anna = run.acd.agent_of[&agent("anna")];
            let c1 = run.acd.item_of[&item("c1")];
            run.acd.stand_offered(c1);
            run.acd.items[c1].offers.push(Held { agent: anna, epoch: 1 });
        },
        1,
        expect![[r#"
            1001 HEALED ItemLost
            5002 anna ready
            5002 offer c2 to anna
            5002 anna offered c2
            25002 withdraw c2 from anna: ring_no_answer
            25002 offer of c2 to anna ended: ring_no_answer after 20000
            25002 anna ready
            30002 offer c1 to anna
            30002 anna offered c1
            50002 withdraw c1 from anna: ring_no_answer
            50002 offer of c1 to anna ended: ring_no_answer after 20000
            50002 anna ready
            50002 offer c2 to anna
            50002 anna offered c2
            70002 withdraw c2 from anna: ring_no_answer
            70002 offer of c2 to anna ended: ring_no_answer after 20000
            70002 anna ready
            70002 offer c1 to anna
            70002 anna offered c1
            90002 withdraw c1 from anna: ring_no_answer
            90002 offer of c1 to anna ended: ring_no_answer after 20000
            90002 anna ready
            90002 offer c2 to anna
            90002 anna offered c2
        "#]],
    );
}

#[test]
fn an_agent_who_talks_at_no_station_is_logged_out() {
    check(
        "queue ventas
         agent anna ventas
            0 in anna
            1 call c1 ventas
            2 accept anna",
        |run| {
            let anna = run.acd.agent_of[&agent("anna")];
            run.acd.agents[anna].station = None;
            run.acd.agents[anna].doing = Doing::Serving {
                item: item("c9"),
                epoch: None,
                phase: Phase::Talking,
                since: turno_base::Mono(0),
                queue: None,
                wrap_up: crate::WrapUp::None,
            };
        },
        1,
        expect![[r#"
            1001 HEALED AgentStuck
            1001 anna logged-out
        "#]],
    );
}
