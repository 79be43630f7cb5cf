//! Who goes first, and to whom.

use expect_test::expect;

use super::script::check;

#[test]
fn a_call_that_a_free_agent_cannot_take_delays_none_that_he_can() {
    check(
        "queue averias need=averias
         queue ventas
         agent anna averias,ventas skills=ventas:5
         agent boris averias,ventas skills=averias:1
            0 call c1 averias
            1 call c2 averias need=catalan
            2 call c3 ventas
          100 in anna
          200 in boris
          300 accept boris
          400 release boris",
        expect![[r#"
            0 c1 enters averias at 1
            1 c2 enters averias at 2
            2 c3 enters ventas at 1
            100 anna ready
            100 offer c3 to anna
            100 anna offered c3
            200 boris ready
            200 offer c1 to boris
            200 boris offered c1
            300 connect c1 with boris
            300 offer of c1 to boris ended: accepted after 100
            300 c1 leaves averias: answered at 1 after 300
            300 boris talking c1
            400 boris ready
        "#]],
    );
}

#[test]
fn one_order_across_queues_for_a_shared_agent() {
    check(
        "queue ventas
         queue averias
         agent anna ventas,averias
            0 call c1 averias
            1 call c2 ventas
            2 call c3 averias
          100 in anna
          200 gone c1 withdrawn
          300 gone c2 withdrawn",
        expect![[r#"
            0 c1 enters averias at 1
            1 c2 enters ventas at 1
            2 c3 enters averias at 2
            100 anna ready
            100 offer c1 to anna
            100 anna offered c1
            200 withdraw c1 from anna: lost_race
            200 offer of c1 to anna ended: lost_race after 100
            200 c1 leaves averias: withdrawn at 1 after 200
            200 anna ready
            200 offer c2 to anna
            200 anna offered c2
            300 withdraw c2 from anna: lost_race
            300 offer of c2 to anna ended: lost_race after 100
            300 c2 leaves ventas: withdrawn at 1 after 299
            300 anna ready
            300 offer c3 to anna
            300 anna offered c3
        "#]],
    );
}

#[test]
fn a_platinum_caller_passes_ahead_and_age_makes_up_for_it() {
    check(
        "queue ventas
         segment platinum 10000 10 240
         segment basic 400 60 240
         agent anna ventas
            0 call c1 ventas basic
        30000 call c2 ventas platinum
        31000 call c3 ventas basic
        32000 in anna
        33000 gone c2 abandoned
        34000 gone c1 abandoned
        35000 gone c3 abandoned",
        expect![[r#"
            0 c1 enters ventas at 1
            30000 c2 enters ventas at 1
            31000 c3 enters ventas at 3
            32000 anna ready
            32000 offer c2 to anna
            32000 anna offered c2
            33000 withdraw c2 from anna: caller_left
            33000 offer of c2 to anna ended: caller_left after 1000
            33000 c2 leaves ventas: short_abandoned at 1 after 3000
            33000 anna ready
            33000 offer c1 to anna
            33000 anna offered c1
            34000 withdraw c1 from anna: caller_left
            34000 offer of c1 to anna ended: caller_left after 1000
            34000 c1 leaves ventas: abandoned at 1 after 34000
            34000 anna ready
            34000 offer c3 to anna
            34000 anna offered c3
            35000 withdraw c3 from anna: caller_left
            35000 offer of c3 to anna ended: caller_left after 1000
            35000 c3 leaves ventas: short_abandoned at 1 after 4000
            35000 anna ready
        "#]],
    );
}

#[test]
fn past_the_guard_the_oldest_goes_before_the_dearest() {
    check(
        "queue ventas
         segment platinum 10000 10 240
         segment basic 400 60 240
         agent anna ventas
            0 call c1 ventas basic
        20000 call c2 ventas basic
       200000 call c3 ventas platinum
       240001 in anna
       240002 gone c1 abandoned
       240003 gone c3 abandoned",
        expect![[r#"
            0 c1 enters ventas at 1
            20000 c2 enters ventas at 2
            200000 c3 enters ventas at 1
            240001 anna ready
            240001 offer c1 to anna
            240001 anna offered c1
            240002 withdraw c1 from anna: caller_left
            240002 offer of c1 to anna ended: caller_left after 1
            240002 c1 leaves ventas: abandoned at 1 after 240002
            240002 anna ready
            240002 offer c3 to anna
            240002 anna offered c3
            240003 withdraw c3 from anna: caller_left
            240003 offer of c3 to anna ended: caller_left after 1
            240003 c3 leaves ventas: abandoned at 1 after 40003
            240003 anna ready
            240003 offer c2 to anna
            240003 anna offered c2
        "#]],
    );
}

#[test]
fn equally_old_callers_go_by_value() {
    check(
        "queue ventas
         agent anna ventas
            0 call c1 ventas value=100
            0 call c2 ventas value=900
            0 call c3 ventas value=100
          100 in anna
          200 gone c2 abandoned
          300 gone c1 abandoned",
        expect![[r#"
            0 c1 enters ventas at 1
            0 c2 enters ventas at 1
            0 c3 enters ventas at 3
            100 anna ready
            100 offer c2 to anna
            100 anna offered c2
            200 withdraw c2 from anna: caller_left
            200 offer of c2 to anna ended: caller_left after 100
            200 c2 leaves ventas: short_abandoned at 1 after 200
            200 anna ready
            200 offer c1 to anna
            200 anna offered c1
            300 withdraw c1 from anna: caller_left
            300 offer of c1 to anna ended: caller_left after 100
            300 c1 leaves ventas: short_abandoned at 1 after 300
            300 anna ready
            300 offer c3 to anna
            300 anna offered c3
        "#]],
    );
}

#[test]
fn the_better_trained_goes_first_unless_others_wait_much_longer() {
    check(
        "queue ventas need=ventas
         agent anna ventas skills=ventas:2
         agent boris ventas skills=ventas:3
            0 in anna
        30000 in boris
        31000 call c1 ventas
        32000 gone c1 abandoned
        80000 out boris
        80001 in boris
       121000 call c2 ventas",
        expect![[r#"
            0 anna ready
            30000 boris ready
            31000 c1 enters ventas at 1
            31000 offer c1 to boris
            31000 boris offered c1
            32000 withdraw c1 from boris: caller_left
            32000 offer of c1 to boris ended: caller_left after 1000
            32000 c1 leaves ventas: short_abandoned at 1 after 1000
            32000 boris ready
            80000 boris logged-out
            80001 boris ready
            121000 c2 enters ventas at 1
            121000 offer c2 to anna
            121000 anna offered c2
        "#]],
    );
}

#[test]
fn equals_go_by_idle_time_and_then_by_name() {
    check(
        "queue ventas
         agent boris ventas
         agent anna ventas
         agent clara ventas
            0 in clara
           10 in boris
           10 in anna
          100 call c1 ventas
          101 call c2 ventas
          102 call c3 ventas",
        expect![[r#"
            0 clara ready
            10 boris ready
            10 anna ready
            100 c1 enters ventas at 1
            100 offer c1 to clara
            100 clara offered c1
            101 c2 enters ventas at 2
            101 offer c2 to anna
            101 anna offered c2
            102 c3 enters ventas at 3
            102 offer c3 to boris
            102 boris offered c3
        "#]],
    );
}

#[test]
fn places_count_across_classes_as_they_will_be_served() {
    check(
        "queue ventas
         segment gold 4000 20 240
         segment plain 1000 30 240
            0 call c1 ventas plain
            1 call c2 ventas plain
            2 call c3 ventas gold
            3 call c4 ventas plain need=catalan
            4 call c5 ventas gold credit=5000
            5 gone c3 withdrawn
            6 gone c4 withdrawn
            7 gone c2 withdrawn
            8 gone c5 withdrawn",
        expect![[r#"
            0 c1 enters ventas at 1
            1 c2 enters ventas at 2
            2 c3 enters ventas at 1
            3 c4 enters ventas at 4
            4 c5 enters ventas at 1
            5 c3 leaves ventas: withdrawn at 2 after 3
            6 c4 leaves ventas: withdrawn at 4 after 3
            7 c2 leaves ventas: withdrawn at 3 after 6
            8 c5 leaves ventas: withdrawn at 1 after 4
        "#]],
    );
}

#[test]
fn a_credit_counts_as_age() {
    check(
        "queue ventas
         agent anna ventas
        10000 call c1 ventas
        10001 call c2 ventas credit=2
        10002 in anna",
        expect![[r#"
            10000 c1 enters ventas at 1
            10001 c2 enters ventas at 1
            10002 anna ready
            10002 offer c2 to anna
            10002 anna offered c2
        "#]],
    );
}

#[test]
fn why_a_pair_was_chosen_is_told_in_numbers() {
    use super::script::{Run, agent};
    use crate::{Bounds, Decision, Trigger};
    let mut run = Run::new(
        "queue ventas need=ventas
         segment gold 4000 20 240
         agent anna ventas skills=ventas:2
         agent boris ventas skills=ventas:3
         agent clara ventas skills=ventas:3
            0 in anna
         1000 in boris
         2000 in clara",
        Bounds::default(),
    );
    run.play();
    let mut whys = Vec::new();
    let mut feed = |run: &mut Run, at: u64, line: &str| {
        for decision in run.tell(at, line) {
            if let Decision::Offer { agent, why, .. } = decision {
                whys.push((agent, why));
            }
        }
    };
    feed(&mut run, 3000, "call c1 ventas gold credit=10000");
    feed(&mut run, 4000, "call c2 ventas");
    feed(&mut run, 4500, "call c3 ventas");
    feed(&mut run, 5000, "call c4 ventas");
    feed(&mut run, 6000, "call c5 ventas gold");
    feed(&mut run, 7000, "accept boris");
    feed(&mut run, 9000, "release boris");
    let (first, last) = (&whys[0], &whys[3]);
    assert_eq!(first.0, agent("boris"));
    assert_eq!(first.1.trigger, Trigger::Item);
    let (item, who) = (first.1.item, first.1.agent);
    assert_eq!((item.weight_micro, item.urgency_micro, item.waited_ms), (2_828_427, 750_000, 10_000), "value 4, half");
    assert_eq!((item.handle_pm, item.pressure_pm, item.score), (1000, 1000, 2_121_320));
    assert_eq!((who.fit_ms, who.idle_ms, who.opportunity_ms, who.points_ms), (240_000, 2000, 0, 242_000), "3 levels");
    assert_eq!((first.1.agents_eligible, first.1.items_eligible), (2, 0));
    assert_eq!(last.0, agent("boris"));
    assert_eq!((last.1.trigger, last.1.agent.idle_ms, last.1.item.waited_ms), (Trigger::Agent, 0, 3000));
    assert_eq!((last.1.agents_eligible, last.1.items_eligible), (0, 1));
}
