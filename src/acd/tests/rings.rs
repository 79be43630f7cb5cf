//! Rings: who may take a call at first, and when a ring is passed.

use expect_test::expect;
use turno_base::{Now, QueueId};

use super::rule::played;
use super::script::{Run, check, item};

#[test]
fn rings_widen_one_by_one_and_the_place_is_kept() {
    check(
        "queue ventas need=ventas
         segment platinum 10000 10 240
         ring ventas level=3 for=2 of=platinum
         ring ventas level=2 for=3 of=platinum
         agent anna ventas skills=ventas:1
         agent boris ventas skills=ventas:2
         agent clara ventas skills=ventas:3
         reason lunch 0
            0 in anna
            0 in boris
            0 in clara
            1 call c1 ventas platinum
            2 accept clara
            3 pause boris lunch
          100 call c2 ventas platinum
         2500 ready boris
         3000 call c3 ventas platinum
         9000 end",
        expect![[r#"
            0 anna ready
            0 boris ready
            0 clara ready
            1 c1 enters ventas at 1
            1 offer c1 to clara
            1 clara offered c1
            2 connect c1 with clara
            2 offer of c1 to clara ended: accepted after 1
            2 c1 leaves ventas: answered at 1 after 1
            2 clara talking c1
            3 boris paused lunch
            100 c2 enters ventas at 1
            2500 boris ready
            2500 offer c2 to boris
            2500 boris offered c2
            3000 c3 enters ventas at 2
            8000 offer c3 to anna
            8000 anna offered c3
        "#]],
    );
}

#[test]
fn a_ring_that_asks_for_nobody_who_is_logged_in_is_passed_at_once() {
    check(
        "queue ventas need=ventas
         ring ventas level=3 for=20
         ring ventas level=2 for=20 skip=no
         agent anna ventas skills=ventas:1
         agent clara ventas skills=ventas:3
            0 in anna
            1 call c1 ventas
        20001 end",
        expect![[r#"
            0 anna ready
            1 c1 enters ventas at 1
            20001 offer c1 to anna
            20001 anna offered c1
        "#]],
    );
}

#[test]
fn a_ring_is_passed_at_once_when_the_last_whom_it_asks_for_goes() {
    // Clara is not the last; with Dora the ring of all who wait in it ends, the most urgent first, and the next is theirs at once.
    check(
        "queue ventas need=ventas
         segment plain 1000 20 240
         segment platinum 10000 10 240
         ring ventas level=3 for=200
         ring ventas level=2 for=20 skip=no
         agent anna ventas skills=ventas:2
         agent boris ventas skills=ventas:2
         agent clara ventas skills=ventas:3
         agent dora ventas skills=ventas:3
         reason lunch 0
            0 in anna
            0 in clara
            0 in dora
            0 pause clara lunch
            0 pause dora lunch
         1000 call c1 ventas plain
         2000 call c2 ventas platinum
         3000 call c3 ventas plain
         4000 out clara
         5000 out dora
         6000 in boris
         9000 end",
        expect![[r#"
            0 anna ready
            0 clara ready
            0 dora ready
            0 clara paused lunch
            0 dora paused lunch
            1000 c1 enters ventas at 1
            2000 c2 enters ventas at 1
            3000 c3 enters ventas at 3
            4000 clara logged-out
            5000 dora logged-out
            5000 offer c2 to anna
            5000 anna offered c2
            6000 boris ready
            6000 offer c1 to boris
            6000 boris offered c1
        "#]],
    );
}

#[test]
fn a_ring_is_passed_at_once_when_the_last_whom_it_asks_for_goes_after_his_call() {
    check(
        "queue ventas need=ventas wrap=none
         ring ventas level=3 for=200
         agent anna ventas skills=ventas:1
         agent clara ventas skills=ventas:3
            0 in anna
            0 in clara
         1000 call c1 ventas
         2000 accept clara
         3000 call c2 ventas
         4000 out clara
         5000 release clara
         9000 end",
        expect![[r#"
            0 anna ready
            0 clara ready
            1000 c1 enters ventas at 1
            1000 offer c1 to clara
            1000 clara offered c1
            2000 connect c1 with clara
            2000 offer of c1 to clara ended: accepted after 1000
            2000 c1 leaves ventas: answered at 1 after 1000
            2000 clara talking c1
            3000 c2 enters ventas at 1
            5000 clara logged-out
            5000 offer c2 to anna
            5000 anna offered c2
        "#]],
    );
}

#[test]
fn a_ring_is_passed_at_once_when_the_last_whom_it_asks_for_loses_the_skill_or_the_queue() {
    let script = |loses: &str| {
        format!(
            "queue ventas need=ventas
             queue general
             ring ventas level=3 for=200
             agent anna ventas skills=ventas:1
             agent clara ventas,general skills=ventas:3
             reason lunch 0
                0 in anna
                0 in clara
                0 pause clara lunch
             1000 call c1 ventas
             2000 {loses}
             2001 end"
        )
    };
    let goes_on = |loses: &str| {
        let said = played(&script(loses)).text;
        assert!(said.contains("2000 offer c1 to anna"), "{loses}: {said}");
    };
    goes_on("skill clara set ventas 2");
    goes_on("skill clara unset ventas");
    goes_on("leave clara ventas");
    assert!(
        !played(&script("rank clara ventas 1")).text.contains("offer"),
        "she is another kind of agent, and still there"
    );
}

#[test]
fn a_ring_is_passed_at_once_when_the_line_is_too_long_for_it() {
    // Anna answers a caller every four seconds until the queue's forecasts are known to be right; then a hundred come at once.
    let mut script = String::from(
        "queue ventas need=ventas
         ring ventas level=3 for=30 over=60
         agent anna ventas skills=ventas:3
         agent boris ventas skills=ventas:1
            0 in anna
            1 call c1 ventas
            2 accept anna\n",
    );
    for n in 2..60 {
        let at = n * 4000;
        script += &format!("{} call c{n} ventas\n{at} release anna\n{at} accept anna\n", at - 3000);
    }
    let mut run = played(&script);
    let accuracy = run.acd.forecast_accuracy(QueueId::new("ventas").unwrap());
    assert!(accuracy.judged > 20 && accuracy.within_pm > 900, "{accuracy:?}");
    let in_ring = |run: &mut Run, n: u64| {
        run.tell(240_000, &format!("call c{n} ventas"));
        run.acd.explain_item(item(&format!("c{n}")), Now::from_ms(240_000)).unwrap().able_in_ring.is_some()
    };
    assert!(in_ring(&mut run, 100), "a short line");
    (101..150).for_each(|n| {
        in_ring(&mut run, n);
    });
    assert!(!in_ring(&mut run, 150), "a line of more than a minute");
}
