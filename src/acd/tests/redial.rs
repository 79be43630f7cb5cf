//! Callers who were gone and come back: what they have waited counts.

use expect_test::expect;

use super::script::check;

#[test]
fn a_caller_who_redials_in_time_is_back_at_his_place() {
    check(
        "queue ventas
         agent anna ventas
         redial 60
            0 call c1 ventas who=600
         1000 call c2 ventas who=601
         9000 gone c1 abandoned
        20000 call c3 ventas who=600
        22000 gone c3 abandoned
        82001 call c4 ventas who=600
        90000 gone c2 abandoned
       100000 gone c4 abandoned
       150000 call c5 ventas who=601
       150001 call c6 ventas who=600",
        expect![[r#"
            0 c1 enters ventas at 1
            1000 c2 enters ventas at 2
            9000 c1 leaves ventas: abandoned at 1 after 9000
            20000 c3 enters ventas at 1
            22000 c3 leaves ventas: short_abandoned at 1 after 2000
            82001 c4 enters ventas at 2
            90000 c2 leaves ventas: abandoned at 1 after 89000
            100000 c4 leaves ventas: abandoned at 1 after 17999
            150000 c5 enters ventas at 1
            150001 c6 enters ventas at 2
        "#]],
    );
}

#[test]
fn who_asks_for_another_queue_when_he_redials_has_waited_all_the_same() {
    check(
        "queue ventas
         queue averias
         redial 60
            0 call c1 ventas who=600
         5000 call c2 averias who=601
         9000 gone c1 abandoned
        10000 call c3 averias who=600
        11000 gone c3 abandoned
        20000 call c4 ventas who=600
        30000 call c5 averias who=600",
        expect![[r#"
            0 c1 enters ventas at 1
            5000 c2 enters averias at 1
            9000 c1 leaves ventas: abandoned at 1 after 9000
            10000 c3 enters averias at 1
            11000 c3 leaves averias: short_abandoned at 1 after 1000
            20000 c4 enters ventas at 1
            30000 c5 enters averias at 2
        "#]],
    );
}

#[test]
fn callers_cut_off_by_a_restart_are_served_in_the_order_of_their_first_arrival() {
    check(
        "queue ventas
         agent anna ventas
         agent boris ventas
            0 in anna
            1 call c1 ventas who=601
            2 call c2 ventas who=602
            3 call c3 ventas who=603
            4 accept anna
         5000 in boris
         9000 save
         9000 cut
         9000 save
         9500 call c4 ventas who=604
         9600 accept boris
        20000 call c5 ventas who=603
        30000 call c6 ventas who=602
        31000 release boris
        32000 accept boris
        33000 release boris",
        expect![[r#"
            0 anna ready
            1 c1 enters ventas at 1
            1 offer c1 to anna
            1 anna offered c1
            2 c2 enters ventas at 2
            3 c3 enters ventas at 3
            4 connect c1 with anna
            4 offer of c1 to anna ended: accepted after 3
            4 c1 leaves ventas: answered at 1 after 3
            4 anna talking c1
            5000 boris ready
            5000 offer c2 to boris
            5000 boris offered c2
            9000 c3 leaves ventas: failed at 2 after 8997
            9000 withdraw c2 from boris: caller_left
            9000 offer of c2 to boris ended: caller_left after 4000
            9000 c2 leaves ventas: failed at 1 after 8998
            9000 boris ready
            9500 c4 enters ventas at 1
            9500 offer c4 to boris
            9500 boris offered c4
            9600 connect c4 with boris
            9600 offer of c4 to boris ended: accepted after 100
            9600 c4 leaves ventas: answered at 1 after 100
            9600 boris talking c4
            20000 c5 enters ventas at 1
            30000 c6 enters ventas at 1
            31000 boris ready
            31000 offer c6 to boris
            31000 boris offered c6
            32000 connect c6 with boris
            32000 offer of c6 to boris ended: accepted after 1000
            32000 c6 leaves ventas: answered at 1 after 2000
            32000 boris talking c6
            33000 boris ready
            33000 offer c5 to boris
            33000 boris offered c5
        "#]],
    );
}
