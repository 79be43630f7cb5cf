//! Calls that a queue does not take or does not keep: full, empty, or waited for too long.

use expect_test::expect;

use super::script::check;

#[test]
fn a_full_queue_sends_on_at_the_door() {
    check(
        "queue ventas len=1 onfull=queue:general
         queue general len=1 onfull=number:900100200
         queue cerrada len=0 onfull=prompt:later
         queue sinnada len=0
            0 call c1 ventas
            1 call c2 ventas
            2 call c3 ventas
            3 call c4 cerrada
            4 call c5 sinnada
            5 call c6 nowhere",
        expect![[r#"
            0 c1 enters ventas at 1
            1 c2 goes on to general
            1 c2 enters general at 1
            2 c3 goes on to number 900100200
            3 c4 goes on to prompt later
            4 c5 is told good-bye
            5 c6 is told good-bye
        "#]],
    );
}

#[test]
fn who_waits_too_long_overflows_with_his_age() {
    check(
        "queue ventas wait=30 onwait=queue:general
         queue general
         agent gus general
            0 call c1 ventas
        10000 call c2 general
        40000 in gus
        41000 accept gus",
        expect![[r#"
            0 c1 enters ventas at 1
            10000 c2 enters general at 1
            30000 c1 leaves ventas: overflowed at 1 after 30000
            30000 c1 goes on to general
            30000 c1 enters general at 1
            40000 gus ready
            40000 offer c1 to gus
            40000 gus offered c1
            41000 connect c1 with gus
            41000 offer of c1 to gus ended: accepted after 1000
            41000 c1 leaves general: answered at 1 after 11000
            41000 gus talking c1
        "#]],
    );
}

#[test]
fn the_wait_limit_lets_a_ringing_agent_answer_and_bites_when_he_does_not() {
    check(
        "queue ventas wait=30 ring=20 onwait=number:900
         agent anna ventas misses=1
         agent boris ventas misses=1
            0 call c1 ventas
         1000 call c2 ventas
        20000 in anna
        25000 in boris
        35000 accept anna
        60000 end",
        expect![[r#"
            0 c1 enters ventas at 1
            1000 c2 enters ventas at 2
            20000 anna ready
            20000 offer c1 to anna
            20000 anna offered c1
            25000 boris ready
            25000 offer c2 to boris
            25000 boris offered c2
            35000 connect c1 with anna
            35000 offer of c1 to anna ended: accepted after 15000
            35000 c1 leaves ventas: answered at 1 after 35000
            35000 anna talking c1
            45000 withdraw c2 from boris: ring_no_answer
            45000 offer of c2 to boris ended: ring_no_answer after 20000
            45000 boris paused no-answer
            45000 c2 leaves ventas: overflowed at 1 after 44000
            45000 c2 goes on to number 900
        "#]],
    );
}

#[test]
fn a_wait_limit_with_nothing_configured_is_a_time_out() {
    check(
        "queue ventas wait=30
            0 call c1 ventas
        31000 end",
        expect![[r#"
            0 c1 enters ventas at 1
            30000 c1 leaves ventas: timed_out at 1 after 30000
            30000 c1 is told good-bye
        "#]],
    );
}

#[test]
fn overflows_that_run_in_circles_end() {
    check(
        "queue a len=0 onfull=queue:b
         queue b len=0 onfull=queue:a
         queue c wait=10 onwait=queue:d
         queue d wait=10 onwait=queue:c
         queue e wait=10 onwait=queue:e
         queue f wait=10 onwait=queue:a
            0 call c1 a
            1 call c2 c
            2 call c3 e
            3 call c4 f
       200000 end",
        expect![[r#"
            0 c1 is told good-bye
            1 c2 enters c at 1
            2 c3 enters e at 1
            3 c4 enters f at 1
            10001 c2 leaves c: overflowed at 1 after 10000
            10001 c2 goes on to d
            10001 c2 enters d at 1
            20001 c2 leaves d: overflowed at 1 after 10000
            20001 c2 goes on to c
            20001 c2 enters c at 1
            30001 c2 leaves c: overflowed at 1 after 10000
            30001 c2 goes on to d
            30001 c2 enters d at 1
            40001 c2 leaves d: overflowed at 1 after 10000
            40001 c2 goes on to c
            40001 c2 enters c at 1
            50001 c2 leaves c: overflowed at 1 after 10000
            50001 c2 goes on to d
            50001 c2 enters d at 1
        "#]],
    );
}

#[test]
fn an_empty_queue_lets_nobody_in_if_it_says_so() {
    check(
        "queue ventas join=no onempty=prompt:closed
         agent anna ventas
         reason lunch 0
            0 call c1 ventas
            1 in anna
            2 pause anna lunch
            3 call c2 ventas
            4 out anna
            5 call c3 ventas",
        expect![[r#"
            0 c1 goes on to prompt closed
            1 anna ready
            2 anna paused lunch
            3 c2 enters ventas at 1
            4 anna logged-out
            5 c3 goes on to prompt closed
        "#]],
    );
}

#[test]
fn those_who_wait_leave_with_the_last_agent_if_the_queue_says_so() {
    check(
        "queue ventas leave=yes onempty=queue:general
         queue general
         agent anna ventas
         agent gus general
            0 in anna
            1 in gus
            2 call c1 ventas
            3 accept anna
            4 call c2 ventas
            5 call c3 ventas
            6 out anna
            7 release anna
            8 call c4 ventas",
        expect![[r#"
            0 anna ready
            1 gus ready
            2 c1 enters ventas at 1
            2 offer c1 to anna
            2 anna offered c1
            3 connect c1 with anna
            3 offer of c1 to anna ended: accepted after 1
            3 c1 leaves ventas: answered at 1 after 1
            3 anna talking c1
            4 c2 enters ventas at 1
            5 c3 enters ventas at 2
            7 anna logged-out
            7 c2 leaves ventas: overflowed at 1 after 3
            7 c2 goes on to general
            7 c2 enters general at 1
            7 offer c2 to gus
            7 gus offered c2
            7 c3 leaves ventas: overflowed at 1 after 2
            7 c3 goes on to general
            7 c3 enters general at 2
            8 c4 goes on to general
            8 c4 enters general at 3
        "#]],
    );
}
