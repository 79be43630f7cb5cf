//! Callbacks at their bounds: how many, for how long, over a restart, and of whom.

use expect_test::expect;

use super::callbacks::busy;
use super::script::run;

#[test]
fn outside_its_hours_nobody_is_called_and_the_place_stays() {
    // The third minute of the day.
    expect![[r#"
        9000 c2 presses 1 to leave ventas
        9000 c2 leaves ventas: callback_taken at 1 after 6000
        9000 c2 will be called back for ventas: key
        9000 ventas has 1 to call back
        10000 c3 leaves ventas: short_abandoned at 1 after 5000
        20000 anna ready
        120000 call back +34600000002 as b1, agent first, attempt 1
        120000 b1 enters ventas at 1
        120000 offer b1 to anna
        120000 anna offered b1
        121000 connect b1 with anna
        121000 offer of b1 to anna ended: accepted after 1000
        121000 anna talking b1
        122000 b1 leaves ventas: withdrawn at 1 after 2000
        122000 anna ready
    "#]]
    .assert_eq(&busy(
        "key=1 first=agent hours=2-3",
        "9000 key c2 1
         10000 gone c3 abandoned
         20000 release anna
         121000 accept anna
         122000 failed b1 busy
         300000 end",
    ));
}

#[test]
fn at_its_bound_a_queue_drops_the_oldest_callback() {
    expect![[r#"
        1000 ventas has 1 to call back
        2000 ventas has 2 to call back
        3000 a callback of ventas is over: dropped after 0
    "#]]
    .assert_eq(&run("
        queue ventas
        agent anna ventas
        callback ventas kept=2
        1000 back +34600000001 ventas
        2000 back +34600000002 ventas
        3000 back +34600000003 ventas
        4000 end"));
}

#[test]
fn no_more_than_allowed_are_under_way_and_the_older_goes_first() {
    expect![[r#"
        1000 c1 enters ventas at 1
        2000 c2 enters ventas at 2
        3000 c2 presses 1 to leave ventas
        3000 c2 leaves ventas: callback_taken at 2 after 1000
        3000 c2 will be called back for ventas: key
        3000 ventas has 1 to call back
        4000 c1 presses 1 to leave ventas
        4000 c1 leaves ventas: callback_taken at 1 after 3000
        4000 c1 will be called back for ventas: key
        4000 ventas has 2 to call back
        10000 anna ready
        10000 boris ready
        10000 carla ready
        11000 call back +34600000001 as b1, customer first, attempt 1
        21000 call back +34600000002 as b2, customer first, attempt 1
        25000 b2 enters ventas at 1
        25000 offer b2 to anna
        25000 anna offered b2
        25000 ventas has 1 to call back
    "#]]
    .assert_eq(&run("
        segment plain 1000 20 0
        queue ventas
        agent anna ventas
        agent boris ventas
        agent carla ventas
        callback ventas key=1 first=customer dials=1
        1000 call c1 ventas to=+34600000001
        2000 call c2 ventas to=+34600000002
        3000 key c2 1
        4000 key c1 1
        10000 in anna
        10000 in boris
        10000 in carla
        20000 failed b1 busy
        25000 answered b2
        30000 end"));
}

#[test]
fn a_restart_keeps_every_callback_and_begins_its_attempt_anew() {
    expect![[r#"
        9000 c2 presses 1 to leave ventas
        9000 c2 leaves ventas: callback_taken at 1 after 6000
        9000 c2 will be called back for ventas: key
        9000 ventas has 1 to call back
        9500 c3 presses 1 to leave ventas
        9500 c3 leaves ventas: callback_taken at 2 after 4500
        9500 c3 will be called back for ventas: key
        9500 ventas has 2 to call back
        20000 anna ready
        20500 call back +34600000002 as b1, customer first, attempt 1
        25000 ventas has 2 to call back
        26000 call back +34600000002 as b2, customer first, attempt 1
        40000 b2 enters ventas at 1
        40000 offer b2 to anna
        40000 anna offered b2
        40000 ventas has 1 to call back
        41000 connect b2 with anna
        41000 offer of b2 to anna ended: accepted after 1000
        41000 b2 leaves ventas: answered at 1 after 1000
        41000 a callback of ventas is over: served after 1
        41000 anna talking b2
    "#]]
    .assert_eq(&busy(
        "key=1 first=customer",
        "9000 key c2 1
         9500 key c3 1
         20000 release anna
         25000 save
         25000 cut
         25000 failed b1 nothing
         40000 answered b2
         41000 accept anna
         42000 end",
    ));
}

#[test]
fn a_callback_is_forgotten_when_its_time_or_its_queue_is_over() {
    expect![[r#"
        1000 ventas has 1 to call back
        2000 otra has 1 to call back
        61000 a callback of ventas is over: expired after 0
        61000 ventas has 0 to call back
        70000 a callback of otra is over: queue_gone after 0
        70000 otra has 0 to call back
    "#]]
    .assert_eq(&run("
        queue ventas
        queue otra
        agent anna ventas,otra
        callback ventas for=60
        callback otra first=agent
        1000 back +34600000001 ventas
        2000 back +34600000002 otra
        70000 drop queue otra
        71000 end"));
}

#[test]
fn a_caller_whose_number_cannot_be_called_is_refused_and_waits_on() {
    expect![[r#"
        1000 c1 enters ventas at 1
        2000 c1 cannot be called back
        3000 anna ready
        3000 offer c1 to anna
        3000 anna offered c1
    "#]]
    .assert_eq(&run("
        queue ventas
        agent anna ventas
        callback ventas key=1
        1000 call c1 ventas
        2000 key c1 1
        3000 in anna
        4000 end"));
}

#[test]
fn whoever_is_offered_a_callback_meanwhile_puts_off_nobody_who_waits_to_be_dialled() {
    // The queue is full, so that somebody is offered a callback each 900 ms, which is sooner than the pace.
    let offered: Vec<String> = (4..12).map(|n| format!("{} call c{n} a to=+3460000000{n}", 9200 + 900 * n)).collect();
    let got = run(&format!(
        "segment plain 1000 20 0
         queue a len=1 onfull=callback:-
         callback a key=1 first=customer
         agent anna a
         0 in anna
         1000 call c1 a
         2000 accept anna
         3000 call c2 a to=+34600000002
         9000 key c2 1
         10000 call c3 a need=x
         12500 release anna
         {}
         19500 end",
        offered.join("\n")
    ));
    let dialled = got.lines().find(|line| line.contains("call back +34600000002"));
    let at: u64 = dialled.and_then(|line| line.split(' ').next()?.parse().ok()).expect(&got);
    assert!((12_500..=13_500).contains(&at), "{got}");
}
