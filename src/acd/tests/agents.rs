//! What an agent lives through: shifts, pauses, wrap-up, stations.

use expect_test::expect;

use super::script::check;

#[test]
fn who_sits_down_at_an_idle_colleagues_station_takes_the_place() {
    check(
        "queue ventas
         agent anna ventas
         agent boris ventas
         agent clara ventas
         reason lunch 0
            0 in anna desk1
            1 in boris desk1
            2 pause boris lunch
            3 in anna desk1
            4 call c1 ventas
            5 in clara desk1
            6 accept anna
            7 in clara desk1
            8 in anna desk2
            9 in anna desk1
           10 release anna
           11 in clara desk1
           12 in dora desk1",
        expect![[r#"
            0 anna ready
            1 anna logged-out
            1 boris ready
            2 boris paused lunch
            3 boris logged-out
            3 anna ready
            4 c1 enters ventas at 1
            4 offer c1 to anna at desk1
            4 anna offered c1
            5 refused: anna is at work at station desk1
            6 connect c1 with anna
            6 offer of c1 to anna ended: accepted after 2
            6 c1 leaves ventas: answered at 1 after 2
            6 anna talking c1
            7 refused: anna is at work at station desk1
            8 refused: anna is at work at station desk1; log in elsewhere when it is over
            10 anna ready
            11 anna logged-out
            11 clara ready
            12 refused: there is no agent dora
        "#]],
    );
}

#[test]
fn an_idle_agent_moves_with_his_pause_and_his_idle_time() {
    check(
        "queue ventas
         agent anna ventas
         agent boris ventas
         reason lunch 0
            0 in anna desk1
            1 in boris desk2
         1000 in anna desk3
         2000 call c1 ventas
         3000 gone c1 abandoned
         4000 pause anna lunch
         5000 in anna desk4
         6000 ready anna",
        expect![[r#"
            0 anna ready
            1 boris ready
            1000 anna ready
            2000 c1 enters ventas at 1
            2000 offer c1 to anna at desk3
            2000 anna offered c1
            3000 withdraw c1 from anna: caller_left
            3000 offer of c1 to anna ended: caller_left after 1000
            3000 c1 leaves ventas: short_abandoned at 1 after 1000
            3000 anna ready
            4000 anna paused lunch
            5000 anna paused lunch
            6000 anna ready
        "#]],
    );
}

#[test]
fn what_was_asked_for_during_a_call_comes_after_it() {
    check(
        "queue ventas wrap=atmost:10
         agent anna ventas
         agent boris ventas
         agent clara ventas
         reason lunch 0
            0 in anna
            1 in boris
            2 in clara
            3 call c1 ventas
            4 call c2 ventas
            5 call c3 ventas
            6 pause anna lunch
            7 accept anna
            8 accept boris
            9 accept clara
           10 out boris
           11 release anna
           12 release boris
           13 out clara
           14 ready clara
           15 release clara
           16 pause clara lunch
           17 ready anna
        30000 end",
        expect![[r#"
            0 anna ready
            1 boris ready
            2 clara ready
            3 c1 enters ventas at 1
            3 offer c1 to anna
            3 anna offered c1
            4 c2 enters ventas at 2
            4 offer c2 to boris
            4 boris offered c2
            5 c3 enters ventas at 3
            5 offer c3 to clara
            5 clara offered c3
            7 connect c1 with anna
            7 offer of c1 to anna ended: accepted after 4
            7 c1 leaves ventas: answered at 1 after 4
            7 anna talking c1
            8 connect c2 with boris
            8 offer of c2 to boris ended: accepted after 4
            8 c2 leaves ventas: answered at 1 after 4
            8 boris talking c2
            9 connect c3 with clara
            9 offer of c3 to clara ended: accepted after 4
            9 c3 leaves ventas: answered at 1 after 4
            9 clara talking c3
            11 anna wrap-up c1
            12 boris wrap-up c2
            15 clara wrap-up c3
            17 anna ready
            10012 boris logged-out
            10015 clara paused lunch
        "#]],
    );
}

#[test]
fn commands_that_cannot_be_done_are_refused_with_a_sentence() {
    check(
        "queue ventas wrap=fixed:10
         agent anna ventas
         reason lunch 0
            0 out anna
            1 ready anna
            2 pause anna lunch
            3 in dora
            4 in anna
            5 pause anna siesta
            6 ready anna
            7 call c1 ventas
            8 in anna desk2
            9 accept anna
           10 release anna
           11 ready anna",
        expect![[r#"
            0 refused: anna is not logged in
            1 refused: anna is not logged in
            2 refused: anna is not logged in
            3 refused: there is no agent dora
            4 anna ready
            5 refused: there is no not-ready reason siesta
            7 c1 enters ventas at 1
            7 offer c1 to anna
            7 anna offered c1
            8 refused: anna is at work at station anna; log in elsewhere when it is over
            9 connect c1 with anna
            9 offer of c1 to anna ended: accepted after 2
            9 c1 leaves ventas: answered at 1 after 2
            9 anna talking c1
            10 anna wrap-up c1
            11 refused: the wrap-up of anna has a fixed length and ends in 10 s
        "#]],
    );
}

#[test]
fn an_unreachable_station_gets_no_offer_and_loses_the_one_it_has() {
    check(
        "queue ventas
         agent anna ventas
         agent boris ventas
            0 station anna down
            1 in anna
            2 call c1 ventas
         1000 station anna up
         2000 in boris
         3000 station anna down
         3001 unreachable anna
         4000 accept boris
         5000 station boris down
         6000 call c2 ventas
         7000 release boris
         8000 station boris up",
        expect![[r#"
            1 anna paused unreachable
            2 c1 enters ventas at 1
            1000 anna ready
            1000 offer c1 to anna
            1000 anna offered c1
            2000 boris ready
            3000 withdraw c1 from anna: unreachable
            3000 offer of c1 to anna ended: unreachable after 2000
            3000 anna paused unreachable
            3000 offer c1 to boris
            3000 boris offered c1
            4000 connect c1 with boris
            4000 offer of c1 to boris ended: accepted after 1000
            4000 c1 leaves ventas: answered at 1 after 3998
            4000 boris talking c1
            6000 c2 enters ventas at 1
            7000 boris paused unreachable
            8000 boris ready
            8000 offer c2 to boris
            8000 boris offered c2
        "#]],
    );
}

#[test]
fn who_was_unreachable_on_the_wire_is_back_when_his_station_registers_again() {
    check(
        "queue ventas
         agent anna ventas
            0 in anna
            1 call c1 ventas
            2 unreachable anna
            3 call c2 ventas
         1000 station anna down
         2000 station anna up",
        expect![[r#"
            0 anna ready
            1 c1 enters ventas at 1
            1 offer c1 to anna
            1 anna offered c1
            2 offer of c1 to anna ended: unreachable after 1
            2 anna paused unreachable
            3 c2 enters ventas at 2
            2000 anna ready
            2000 offer c2 to anna
            2000 anna offered c2
        "#]],
    );
}

#[test]
fn a_private_call_keeps_offers_away_and_shows_as_outbound() {
    check(
        "queue ventas
         agent anna ventas
         reason lunch 0
            0 in anna
          100 private anna 1
          200 call c1 ventas
          300 private anna 2
          400 private anna 1
          500 pause anna lunch
          600 ready anna
          700 private anna 0
          800 private anna 1
          900 busy anna
         1000 call c2 ventas
         1100 private anna 0",
        expect![[r#"
            0 anna ready
            100 anna outbound
            200 c1 enters ventas at 1
            500 anna paused lunch
            600 anna outbound
            700 anna ready
            700 offer c1 to anna
            700 anna offered c1
            900 offer of c1 to anna ended: busy after 200
            900 anna paused line-busy
            1000 c2 enters ventas at 2
            1100 anna ready
            1100 offer c2 to anna
            1100 anna offered c2
        "#]],
    );
}

#[test]
fn misses_in_a_row_end_in_not_ready_and_an_answer_begins_the_count_anew() {
    check(
        "queue ventas ring=5
         agent anna ventas misses=2
            0 in anna
            1 call c1 ventas
         6000 call c2 ventas
         7000 accept anna
         8000 release anna
        25001 end
        30001 end
        30002 call c3 ventas
        60000 ready anna
        66000 end",
        expect![[r#"
            0 anna ready
            1 c1 enters ventas at 1
            1 offer c1 to anna
            1 anna offered c1
            5001 withdraw c1 from anna: ring_no_answer
            5001 offer of c1 to anna ended: ring_no_answer after 5000
            5001 anna ready
            6000 c2 enters ventas at 2
            6000 offer c2 to anna
            6000 anna offered c2
            7000 connect c2 with anna
            7000 offer of c2 to anna ended: accepted after 1000
            7000 c2 leaves ventas: answered at 2 after 1000
            7000 anna talking c2
            8000 anna ready
            25001 offer c1 to anna
            25001 anna offered c1
            30001 withdraw c1 from anna: ring_no_answer
            30001 offer of c1 to anna ended: ring_no_answer after 5000
            30001 anna ready
            30002 c3 enters ventas at 2
            30002 offer c3 to anna
            30002 anna offered c3
            35002 withdraw c3 from anna: ring_no_answer
            35002 offer of c3 to anna ended: ring_no_answer after 5000
            35002 anna paused no-answer
            60000 anna ready
            60000 offer c1 to anna
            60000 anna offered c1
            65000 withdraw c1 from anna: ring_no_answer
            65000 offer of c1 to anna ended: ring_no_answer after 5000
            65000 anna ready
            65000 offer c3 to anna
            65000 anna offered c3
        "#]],
    );
}

#[test]
fn what_was_asked_for_while_ringing_comes_when_the_offer_fails() {
    check(
        "queue ventas ring=5
         agent anna ventas
         agent boris ventas
         reason lunch 0
            0 in anna
            1 in boris
            2 call c1 ventas
            3 pause anna lunch
            4 call c2 ventas
            5 out boris
            6 decline boris
         9000 end",
        expect![[r#"
            0 anna ready
            1 boris ready
            2 c1 enters ventas at 1
            2 offer c1 to anna
            2 anna offered c1
            4 c2 enters ventas at 2
            4 offer c2 to boris
            4 boris offered c2
            6 offer of c2 to boris ended: declined after 2
            6 boris logged-out
            5002 withdraw c1 from anna: ring_no_answer
            5002 offer of c1 to anna ended: ring_no_answer after 5000
            5002 anna paused lunch
        "#]],
    );
}

#[test]
fn states_places_and_timers_survive_a_restart() {
    check(
        "queue ventas ring=10 wrap=fixed:10 every=7
         agent anna ventas
         agent boris ventas
         agent clara ventas
         reason lunch 0
            0 in anna
            1 in boris
            2 in clara
            3 call c1 ventas
            4 call c2 ventas
            5 pause clara lunch
            6 call c3 ventas
            7 accept boris
         1000 save
         1001 accept boris
         2000 release boris
         3000 save
        12100 save
        30000 end",
        expect![[r#"
            0 anna ready
            1 boris ready
            2 clara ready
            3 c1 enters ventas at 1
            3 offer c1 to anna
            3 anna offered c1
            4 c2 enters ventas at 2
            4 offer c2 to boris
            4 boris offered c2
            5 clara paused lunch
            6 c3 enters ventas at 3
            7 connect c2 with boris
            7 offer of c2 to boris ended: accepted after 3
            7 c2 leaves ventas: answered at 2 after 3
            7 boris talking c2
            2000 boris wrap-up c2
            7006 c3 hears place 2
            10003 withdraw c1 from anna: ring_no_answer
            10003 offer of c1 to anna ended: ring_no_answer after 10000
            10003 anna ready
            10003 offer c3 to anna
            10003 anna offered c3
            12000 boris ready
            12000 offer c1 to boris
            12000 boris offered c1
            20003 withdraw c3 from anna: ring_no_answer
            20003 offer of c3 to anna ended: ring_no_answer after 10000
            20003 anna ready
            22000 withdraw c1 from boris: ring_no_answer
            22000 offer of c1 to boris ended: ring_no_answer after 10000
            22000 boris ready
            22000 offer c1 to anna
            22000 anna offered c1
            22000 offer c3 to boris
            22000 boris offered c3
        "#]],
    );
}

#[test]
fn a_late_event_from_before_is_dropped() {
    check(
        "queue ventas ring=5
         agent anna ventas
         agent boris ventas
            0 in anna
            1 call c1 ventas
            2 gone c1 abandoned
            3 call c2 ventas
            4 ring anna stale
            5 decline anna stale
            6 accept anna stale
            7 accept anna
            8 decline anna
            9 release anna
           10 hold anna",
        expect![[r#"
            0 anna ready
            1 c1 enters ventas at 1
            1 offer c1 to anna
            1 anna offered c1
            2 withdraw c1 from anna: caller_left
            2 offer of c1 to anna ended: caller_left after 1
            2 c1 leaves ventas: short_abandoned at 1 after 1
            2 anna ready
            3 c2 enters ventas at 1
            3 offer c2 to anna
            3 anna offered c2
            6 withdraw c2 from anna: lost_race
            7 connect c2 with anna
            7 offer of c2 to anna ended: accepted after 4
            7 c2 leaves ventas: answered at 1 after 4
            7 anna talking c2
            9 anna ready
        "#]],
    );
}

#[test]
fn feature_codes_from_a_phone_name_the_agent_and_the_reason() {
    check(
        "queue ventas
         agent anna ventas code=77 at=desk1
         agent boris ventas code=78
         reason lunch 0
         reason meeting 0
            0 dial desk1 pause
            1 dial desk1 shift
            2 dial desk1 pause 2
            3 dial desk1 pause
            4 dial desk1 pause 3
            5 dial desk1 shift
            6 dial desk1 shift 78
            7 dial desk2 shift
            8 dial desk2 shift 99
            9 call c1 ventas
           10 accept boris
           11 dial desk1 pause
           12 dial desk1 pause
           13 release boris
           14 dial desk1 shift 78",
        expect![[r#"
            0 refused: the code dialled at station desk1 names no agent
            1 anna ready
            2 anna paused meeting
            3 anna ready
            4 refused: the code dialled at station desk1 names no not-ready reason
            5 anna logged-out
            6 boris ready
            7 refused: the code dialled at station desk2 names no agent
            8 refused: the code dialled at station desk2 names no agent
            9 c1 enters ventas at 1
            9 offer c1 to boris at desk1
            9 boris offered c1
            10 connect c1 with boris
            10 offer of c1 to boris ended: accepted after 1
            10 c1 leaves ventas: answered at 1 after 1
            10 boris talking c1
            13 boris ready
            14 boris logged-out
        "#]],
    );
}
