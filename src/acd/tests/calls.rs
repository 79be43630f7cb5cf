//! What a caller lives through.

use expect_test::expect;

use super::script::check;

#[test]
fn a_call_waits_for_an_agent_is_answered_and_ends() {
    check(
        "queue ventas
         agent anna ventas
            0 call  c1 ventas
         1000 in    anna
         3000 ring  anna
         5000 accept anna
        65000 release anna
        70000 end",
        expect![[r#"
            0 c1 enters ventas at 1
            1000 anna ready
            1000 offer c1 to anna
            1000 anna offered c1
            3000 anna ringing c1
            5000 connect c1 with anna
            5000 offer of c1 to anna ended: accepted after 4000
            5000 c1 leaves ventas: answered at 1 after 5000
            5000 anna talking c1
            65000 anna ready
        "#]],
    );
}

#[test]
fn an_unanswered_offer_goes_to_the_next_agent_with_its_place_kept() {
    check(
        "queue ventas ring=20
         agent anna ventas misses=1
         agent boris ventas
            0 in anna
          100 call c1 ventas
          200 call c2 ventas
        25000 in boris
        30000 end",
        expect![[r#"
            0 anna ready
            100 c1 enters ventas at 1
            100 offer c1 to anna
            100 anna offered c1
            200 c2 enters ventas at 2
            20100 withdraw c1 from anna: ring_no_answer
            20100 offer of c1 to anna ended: ring_no_answer after 20000
            20100 anna paused no-answer
            25000 boris ready
            25000 offer c1 to boris
            25000 boris offered c1
        "#]],
    );
}

#[test]
fn an_agent_who_misses_below_his_limit_gets_the_next_call_at_once_and_the_missed_one_later() {
    check(
        "queue ventas ring=10
         agent anna ventas misses=3
            0 in anna
          100 call c1 ventas
          200 call c2 ventas
        12000 accept anna
        13000 release anna
        29000 end
        31000 end",
        expect![[r#"
            0 anna ready
            100 c1 enters ventas at 1
            100 offer c1 to anna
            100 anna offered c1
            200 c2 enters ventas at 2
            10100 withdraw c1 from anna: ring_no_answer
            10100 offer of c1 to anna ended: ring_no_answer after 10000
            10100 anna ready
            10100 offer c2 to anna
            10100 anna offered c2
            12000 connect c2 with anna
            12000 offer of c2 to anna ended: accepted after 1900
            12000 c2 leaves ventas: answered at 2 after 11800
            12000 anna talking c2
            13000 anna ready
            30100 offer c1 to anna
            30100 anna offered c1
        "#]],
    );
}

#[test]
fn a_missed_call_returns_to_the_same_agent_when_another_was_tried() {
    check(
        "queue ventas ring=10
         agent anna ventas
         agent boris ventas
            0 in anna
            1 in boris
          100 call c1 ventas
        22000 end",
        expect![[r#"
            0 anna ready
            1 boris ready
            100 c1 enters ventas at 1
            100 offer c1 to anna
            100 anna offered c1
            10100 withdraw c1 from anna: ring_no_answer
            10100 offer of c1 to anna ended: ring_no_answer after 10000
            10100 anna ready
            10100 offer c1 to boris
            10100 boris offered c1
            20100 withdraw c1 from boris: ring_no_answer
            20100 offer of c1 to boris ended: ring_no_answer after 10000
            20100 boris ready
            20100 offer c1 to anna
            20100 anna offered c1
        "#]],
    );
}

#[test]
fn a_caller_who_hangs_up_while_ringing_frees_the_agent_at_once_and_it_is_no_miss() {
    check(
        "queue ventas
         agent anna ventas misses=1
            0 in anna
          100 call c1 ventas
          200 call c2 ventas
         5000 ring anna
         6000 gone c1 abandoned
         7000 accept anna
         8000 end",
        expect![[r#"
            0 anna ready
            100 c1 enters ventas at 1
            100 offer c1 to anna
            100 anna offered c1
            200 c2 enters ventas at 2
            5000 anna ringing c1
            6000 withdraw c1 from anna: caller_left
            6000 offer of c1 to anna ended: caller_left after 5900
            6000 c1 leaves ventas: abandoned at 1 after 5900
            6000 anna ready
            6000 offer c2 to anna
            6000 anna offered c2
            7000 connect c2 with anna
            7000 offer of c2 to anna ended: accepted after 1000
            7000 c2 leaves ventas: answered at 1 after 6800
            7000 anna talking c2
        "#]],
    );
}

#[test]
fn an_answer_after_the_caller_left_is_told_to_stop() {
    check(
        "queue ventas
         agent anna ventas
            0 in anna
          100 call c1 ventas
         6000 gone c1 abandoned
         6001 accept anna
         6002 accept anna",
        expect![[r#"
            0 anna ready
            100 c1 enters ventas at 1
            100 offer c1 to anna
            100 anna offered c1
            6000 withdraw c1 from anna: caller_left
            6000 offer of c1 to anna ended: caller_left after 5900
            6000 c1 leaves ventas: abandoned at 1 after 5900
            6000 anna ready
            6001 withdraw c1 from anna: caller_left
            6002 withdraw c1 from anna: caller_left
        "#]],
    );
}

#[test]
fn an_answer_after_the_ring_limit_loses_to_the_agent_who_rings_now() {
    check(
        "queue ventas ring=10
         agent anna ventas
         agent boris ventas
            0 in anna
            1 in boris
          100 call c1 ventas
        10101 accept anna
        11000 accept boris
        11001 accept boris",
        expect![[r#"
            0 anna ready
            1 boris ready
            100 c1 enters ventas at 1
            100 offer c1 to anna
            100 anna offered c1
            10100 withdraw c1 from anna: ring_no_answer
            10100 offer of c1 to anna ended: ring_no_answer after 10000
            10100 anna ready
            10100 offer c1 to boris
            10100 boris offered c1
            10101 withdraw c1 from anna: lost_race
            11000 connect c1 with boris
            11000 offer of c1 to boris ended: accepted after 900
            11000 c1 leaves ventas: answered at 1 after 10900
            11000 boris talking c1
        "#]],
    );
}

#[test]
fn an_agent_declines_is_left_in_peace_for_a_moment_and_the_call_goes_elsewhere() {
    check(
        "queue ventas
         agent anna ventas
         agent boris ventas
            0 in anna
            1 in boris
          100 call c1 ventas
         2000 decline anna
         2100 call c2 ventas
         8000 end",
        expect![[r#"
            0 anna ready
            1 boris ready
            100 c1 enters ventas at 1
            100 offer c1 to anna
            100 anna offered c1
            2000 offer of c1 to anna ended: declined after 1900
            2000 anna paused declined
            2000 offer c1 to boris
            2000 boris offered c1
            2100 c2 enters ventas at 2
            7000 anna ready
            7000 offer c2 to anna
            7000 anna offered c2
        "#]],
    );
}

#[test]
fn a_busy_line_and_an_unreachable_station_rest_by_cause_and_the_item_comes_back_later() {
    check(
        "queue ventas
         agent anna ventas
            0 in anna
          100 call c1 ventas
          200 busy anna
        10300 unreachable anna
        20500 noanswer anna
        50000 end",
        expect![[r#"
            0 anna ready
            100 c1 enters ventas at 1
            100 offer c1 to anna
            100 anna offered c1
            200 offer of c1 to anna ended: busy after 100
            200 anna paused line-busy
            10200 anna ready
            10200 offer c1 to anna
            10200 anna offered c1
            10300 offer of c1 to anna ended: unreachable after 100
            10300 anna paused unreachable
            20300 anna ready
            20300 offer c1 to anna
            20300 anna offered c1
            20500 offer of c1 to anna ended: ring_no_answer after 200
            20500 anna ready
            40500 offer c1 to anna
            40500 anna offered c1
        "#]],
    );
}

#[test]
fn short_abandons_and_abandons_are_told_apart() {
    check(
        "queue ventas short=5
            0 call c1 ventas
            0 call c2 ventas
         5000 gone c1 abandoned
         5001 gone c2 abandoned
         5002 gone c2 abandoned",
        expect![[r#"
            0 c1 enters ventas at 1
            0 c2 enters ventas at 2
            5000 c1 leaves ventas: short_abandoned at 1 after 5000
            5001 c2 leaves ventas: abandoned at 1 after 5001
        "#]],
    );
}

#[test]
fn the_place_is_said_at_a_pace_and_not_over_itself() {
    check(
        "queue ventas every=10
         agent anna ventas
            0 call c1 ventas
         1000 call c2 ventas
        12000 said c1
        15000 gone c1 abandoned
        16000 said c2
        27000 in anna
        30000 end",
        expect![[r#"
            0 c1 enters ventas at 1
            1000 c2 enters ventas at 2
            10000 c1 hears place 1
            11000 c2 hears place 2
            15000 c1 leaves ventas: abandoned at 1 after 15000
            26000 c2 hears place 1
            27000 anna ready
            27000 offer c2 to anna
            27000 anna offered c2
        "#]],
    );
}

#[test]
fn an_attended_transfer_moves_the_conversation_and_each_has_his_wrap_up() {
    check(
        "queue ventas wrap=atmost:10
         agent anna ventas
         agent boris ventas
         reason lunch 0
            0 in anna
            1 in boris
            2 pause boris lunch
          100 call c1 ventas
          200 accept anna
          300 consult anna
          400 join boris c1
          401 release anna
          402 release anna
         5000 hold boris
         6000 talk boris
         9000 release boris
        30000 end",
        expect![[r#"
            0 anna ready
            1 boris ready
            2 boris paused lunch
            100 c1 enters ventas at 1
            100 offer c1 to anna
            100 anna offered c1
            200 connect c1 with anna
            200 offer of c1 to anna ended: accepted after 100
            200 c1 leaves ventas: answered at 1 after 100
            200 anna talking c1
            300 anna consulting c1
            400 boris talking c1
            401 anna wrap-up c1
            5000 boris holding c1
            6000 boris talking c1
            9000 boris wrap-up c1
            10401 anna ready
            19000 boris paused lunch
        "#]],
    );
}

#[test]
fn who_joins_a_waiting_call_takes_it_out_of_the_queue() {
    check(
        "queue ventas
         agent anna ventas
         agent boris ventas
            0 in anna
            1 in boris
          100 call c1 ventas
          101 call c2 ventas
          102 call c3 ventas
          200 join boris c1
          300 join anna c3
          400 gone c1 withdrawn",
        expect![[r#"
            0 anna ready
            1 boris ready
            100 c1 enters ventas at 1
            100 offer c1 to anna
            100 anna offered c1
            101 c2 enters ventas at 2
            101 offer c2 to boris
            101 boris offered c2
            102 c3 enters ventas at 3
            200 withdraw c2 from boris: lost_race
            200 offer of c2 to boris ended: lost_race after 99
            200 boris talking c1
            200 withdraw c1 from anna: lost_race
            200 offer of c1 to anna ended: lost_race after 100
            200 c1 leaves ventas: withdrawn at 1 after 100
            200 anna ready
            200 offer c2 to anna
            200 anna offered c2
            300 withdraw c2 from anna: lost_race
            300 offer of c2 to anna ended: lost_race after 100
            300 anna talking c3
            300 c3 leaves ventas: withdrawn at 2 after 198
            400 boris ready
            400 offer c2 to boris
            400 boris offered c2
        "#]],
    );
}

#[test]
fn a_call_that_enters_twice_waits_once() {
    check(
        "queue ventas
            0 call c1 ventas
            1 call c1 ventas
            2 gone c1 withdrawn",
        expect![[r#"
            0 c1 enters ventas at 1
            2 c1 leaves ventas: withdrawn at 1 after 2
        "#]],
    );
}

#[test]
fn an_offer_that_nobody_failed_goes_elsewhere_and_costs_the_agent_nothing() {
    check(
        "queue ventas
         agent anna ventas misses=1
         agent boris ventas
         agent clara ventas
            0 in anna
           10 in boris
          100 call c1 ventas
          150 in clara
          200 lost anna
          300 call c2 ventas",
        expect![[r#"
            0 anna ready
            10 boris ready
            100 c1 enters ventas at 1
            100 offer c1 to anna
            100 anna offered c1
            150 clara ready
            200 offer of c1 to anna ended: lost_race after 100
            200 anna ready
            200 offer c1 to boris
            200 boris offered c1
            300 c2 enters ventas at 2
            300 offer c2 to anna
            300 anna offered c2
        "#]],
    );
}
