//! Queues with a classic strategy, as their users know them from elsewhere.

use expect_test::expect;

use turno_base::Now;

use super::rule::played;
use super::script::{Run, item, run};
use crate::Bounds;

/// Who was offered what, in order.
fn offers(script: &str) -> String {
    let told = run(script);
    let offers = told.lines().filter_map(|line| line.split_once(" offer c"));
    offers.map(|(at, what)| format!("{at} c{what}\n")).collect()
}

#[test]
fn linear_rings_the_first_in_order_and_goes_down_the_list_for_a_caller_whom_nobody_answers() {
    let got = offers(
        "queue a by=linear order=clara,anna ring=10
         agent anna a
         agent boris a
         agent clara a
         0 in anna
         1 in boris
         2 in clara
         100 call c1 a
         40000 end",
    );
    // Named first clara and anna, then boris, who is in no list; round again to clara, 20 s after she let it ring.
    assert_eq!(got, "100 c1 to clara\n10100 c1 to anna\n20100 c1 to boris\n30100 c1 to clara\n");
}

#[test]
fn linear_begins_at_the_top_for_each_caller() {
    let got = offers(
        "queue a by=linear order=clara,anna ring=10
         agent anna a
         agent clara a
         0 in anna
         0 in clara
         100 call c1 a
         200 accept clara
         300 call c2 a
         400 accept anna
         500 release clara
         600 release anna
         700 call c3 a",
    );
    assert_eq!(got, "100 c1 to clara\n300 c2 to anna\n700 c3 to clara\n");
}

#[test]
fn round_robin_goes_on_after_the_one_who_was_rung_last() {
    let got = offers(
        "queue a by=round_robin order=boris,anna,clara ring=10
         agent anna a
         agent boris a
         agent clara a
         0 in anna
         0 in boris
         0 in clara
         100 call c1 a
         200 accept boris
         300 release boris
         400 call c2 a
         500 decline anna
         600 accept clara
         700 release clara
         800 save
         900 call c3 a
         910 accept boris
         920 call c4 a",
    );
    // c2: anna declines and rests, so it goes on to clara. The memory survives a restart; anna still rests when c4 comes.
    assert_eq!(got, "100 c1 to boris\n400 c2 to anna\n500 c2 to clara\n900 c3 to boris\n920 c4 to clara\n");
}

#[test]
fn round_robin_does_not_stop_where_an_agent_has_left_the_queue() {
    let got = offers(
        "queue a by=round_robin ring=10
         agent anna a
         agent boris a
         agent clara a
         0 in anna
         0 in boris
         0 in clara
         100 call c1 a
         200 accept anna
         300 call c2 a
         400 accept boris
         500 release boris
         600 drop agent boris
         700 release anna
         800 call c3 a",
    );
    assert_eq!(got, "100 c1 to anna\n300 c2 to boris\n800 c3 to anna\n");
}

#[test]
fn longest_idle_goes_by_readiness_alone_however_well_trained() {
    let got = offers(
        "queue a by=longest_idle need=x
         agent anna a skills=x:9
         agent boris a skills=x:1
         0 in boris
         1 in anna
         100 call c1 a
         200 accept boris
         300 release boris
         400 call c2 a",
    );
    assert_eq!(got, "100 c1 to boris\n400 c2 to anna\n");
}

#[test]
fn fewest_calls_counts_the_answered_calls_of_this_queue_during_the_shift() {
    let got = offers(
        "queue a by=fewest_calls
         queue b by=fewest_calls
         agent anna a,b
         agent boris a
         0 in anna
         0 in boris
         100 call c1 b
         110 accept anna
         120 release anna
         200 call c2 a
         210 accept boris
         220 release boris
         300 call c3 a
         310 accept anna
         320 release anna
         400 call c4 a
         410 accept boris
         420 release boris
         500 call c5 a
         510 accept anna
         520 release anna
         600 out boris
         610 in boris
         700 call c6 a",
    );
    // Calls of b count for nothing in a; of equals the longest ready; a new shift begins with none.
    assert_eq!(
        got,
        "100 c1 to anna\n200 c2 to boris\n300 c3 to anna\n400 c4 to boris\n500 c5 to anna\n700 c6 to boris\n"
    );
}

#[test]
fn least_talk_counts_time_in_conversation() {
    let got = offers(
        "queue a by=least_talk
         agent anna a
         agent boris a
         0 in anna
         0 in boris
         100 call c1 a
         200 accept anna
         5200 release anna
         5300 call c2 a
         5310 accept boris
         6310 release boris
         7000 call c3 a
         7010 accept boris
         8010 release boris
         9000 call c4 a",
    );
    // boris has two calls but 2 s of talk against 5.
    assert_eq!(got, "100 c1 to anna\n5300 c2 to boris\n7000 c3 to boris\n9000 c4 to boris\n");
}

#[test]
fn a_higher_rank_is_rung_only_when_nobody_of_a_lower_is_ready() {
    for strategy in
        ["value", "longest_idle", "round_robin", "fewest_calls", "least_talk", "linear", "random", "ring_all"]
    {
        let got = offers(&format!(
            "queue a by={strategy} ring=10
             agent anna a ranks=a:1
             agent boris a
             0 in anna
             1 in boris
             100 call c1 a
             200 accept boris
             300 call c2 a
             310 decline anna
             400 release boris"
        ));
        assert_eq!(got, "100 c1 to boris\n300 c2 to anna\n400 c2 to boris\n", "{strategy}");
    }
}

#[test]
fn a_rank_counts_in_its_queue_only() {
    let got = offers(
        "queue a by=linear
         queue b by=linear
         agent anna a,b ranks=a:2
         agent boris a,b
         0 in anna
         0 in boris
         100 call c1 b
         110 gone c1 abandoned
         200 call c2 a",
    );
    assert_eq!(got, "100 c1 to anna\n200 c2 to boris\n");
}

#[test]
fn random_queues_draw_the_same_in_each_replay_and_reach_everybody() {
    for strategy in ["random", "weighted_random"] {
        let day: String = (1..60).map(|n| format!("{n}00 call c{n} a\n{n}50 gone c{n} abandoned\n")).collect();
        let script = format!(
            "queue a by={strategy}
             agent anna a ranks=a:0
             agent boris a
             agent clara a skills=x:1
             0 in anna
             0 in boris
             0 in clara
             {day}"
        );
        let (one, two) = (offers(&script), offers(&script.replace("3000 call", "2999 save\n3000 call")));
        assert_eq!(one, two, "the dice are part of the state");
        for who in ["anna", "boris", "clara"] {
            let times = one.lines().filter(|line| line.ends_with(who)).count();
            assert!((8..35).contains(&times), "{who} of 59: {times}");
        }
    }
}

#[test]
fn a_need_narrows_whom_a_strategy_may_choose() {
    let got = offers(
        "queue a by=linear
         agent anna a
         agent boris a skills=x:1
         0 in anna
         0 in boris
         100 call c1 a need=x",
    );
    assert_eq!(got, "100 c1 to boris\n");
}

#[test]
fn a_strategy_changed_while_people_wait_holds_from_the_next_choice() {
    let got = offers(
        "queue a by=linear order=boris,anna
         agent anna a
         agent boris a
         0 in anna
         1 in boris
         100 call c1 a
         110 gone c1 abandoned
         200 queue a by=longest_idle
         300 call c2 a
         310 gone c2 abandoned
         400 queue a by=linear order=boris
         500 call c3 a",
    );
    assert_eq!(got, "100 c1 to boris\n300 c2 to anna\n500 c3 to boris\n");
}

#[test]
fn ring_all_rings_everybody_and_the_first_answer_takes_the_call() {
    expect![[r#"
        0 anna ready
        0 boris ready
        0 clara ready
        100 c1 enters a at 1
        100 offer c1 to anna
        100 anna offered c1
        100 offer c1 to boris
        100 boris offered c1
        100 offer c1 to clara
        100 clara offered c1
        200 anna ringing c1
        210 boris ringing c1
        3000 connect c1 with boris
        3000 offer of c1 to boris ended: accepted after 2900
        3000 withdraw c1 from anna: lost_race
        3000 offer of c1 to anna ended: lost_race after 2900
        3000 withdraw c1 from clara: lost_race
        3000 offer of c1 to clara ended: lost_race after 2900
        3000 c1 leaves a: answered at 1 after 2900
        3000 boris talking c1
        3000 anna ready
        3000 clara ready
        3001 withdraw c1 from anna: lost_race
        9000 boris ready
    "#]]
    .assert_eq(&run("queue a by=ring_all
         agent anna a
         agent boris a
         agent clara a
         0 in anna
         0 in boris
         0 in clara
         100 call c1 a
         200 ring anna
         210 ring boris
         3000 accept boris
         3001 accept anna
         9000 release boris"));
}

#[test]
fn of_all_offers_of_a_call_that_of_whoever_has_it_is_explained() {
    let rung = "queue a by=ring_all
         agent anna a
         agent boris a
         agent clara a
         0 in anna
         0 in boris
         0 in clara
         100 call c1 a";
    let offered = |run: &Run| run.acd.explain_offer_of(item("c1")).map(|(agent, _)| agent.to_string());
    assert_eq!(offered(&played(rung)).as_deref(), Some("clara"), "the last of three");
    let taken = played(&format!("{rung}\n3000 accept anna"));
    assert_eq!(offered(&taken).as_deref(), Some("anna"), "the phones of the others rang in vain");
}

#[test]
fn ring_all_stops_all_phones_when_the_caller_hangs_up() {
    expect![[r#"
        0 anna ready
        5 boris ready
        100 c1 enters a at 1
        100 offer c1 to anna
        100 anna offered c1
        100 offer c1 to boris
        100 boris offered c1
        9000 withdraw c1 from anna: caller_left
        9000 offer of c1 to anna ended: caller_left after 8900
        9000 withdraw c1 from boris: caller_left
        9000 offer of c1 to boris ended: caller_left after 8900
        9000 c1 leaves a: abandoned at 1 after 8900
        9000 anna ready
        9000 boris ready
        9001 withdraw c1 from anna: caller_left
    "#]]
    .assert_eq(&run("queue a by=ring_all
         agent anna a
         agent boris a
         0 in anna
         5 in boris
         100 call c1 a
         9000 gone c1 abandoned
         9001 accept anna"));
}

#[test]
fn ring_all_rings_again_after_a_pause_and_the_caller_is_credited_the_ring_once() {
    let script = "queue a by=ring_all ring=10
         agent anna a
         agent boris a
         0 in anna
         0 in boris
         100 call c1 a
         20000 end";
    assert_eq!(offers(script), "100 c1 to anna\n100 c1 to boris\n15100 c1 to anna\n15100 c1 to boris\n");
    let mut played = Run::new(script, Bounds::default());
    played.play();
    // 19.9 s since it came, and 10 s of ringing in vain at two phones together.
    assert_eq!(played.acd.item(item("c1"), Now::from_ms(20_000)).unwrap().waited_ms, 29_900);
}

#[test]
fn ring_all_who_comes_free_while_it_rings_joins_unless_somebody_waits_for_him_alone() {
    let got = offers(
        "queue a by=ring_all
         agent anna a
         agent boris a
         agent clara a
         0 in anna
         100 call c1 a
         200 in boris
         300 call c2 a
         400 in clara
         500 accept anna
         600 save
         700 decline boris",
    );
    // boris joins; clara is needed by c2; boris, who lost c1, joins her; then he declines and c2 keeps ringing at clara.
    assert_eq!(got, "100 c1 to anna\n200 c1 to boris\n400 c2 to clara\n500 c2 to boris\n");
}

#[test]
fn ring_all_rings_the_best_rank_that_is_there() {
    let got = offers(
        "queue a by=ring_all ring=10
         agent anna a ranks=a:1
         agent boris a
         agent clara a
         agent dora a ranks=a:2
         0 in anna
         0 in dora
         100 call c1 a
         200 in boris
         300 in clara
         400 accept anna
         500 release anna
         600 call c2 a
         700 busy boris
         800 decline clara",
    );
    // anna alone at first; boris and clara, of a better rank, join her; c2 rings at both, and when both fail at anna, not at dora.
    assert_eq!(
        got,
        "100 c1 to anna\n200 c1 to boris\n300 c1 to clara\n600 c2 to boris\n600 c2 to clara\n800 c2 to anna\n"
    );
}

#[test]
fn ring_all_rings_no_more_stations_than_a_call_has_legs_for() {
    let house: String = (0..30).map(|n| format!("agent a{n:02} a\n{n} in a{n:02}\n")).collect();
    let got =
        offers(&format!("queue a by=ring_all\n{house}100 call c1 a\n200 busy a03\n210 accept a07\n220 call c2 a"));
    let of = |at: &str| got.lines().filter(|line| line.starts_with(at)).count();
    assert_eq!((of("100 c1"), of("200 c1"), of("220 c2")), (24, 1, 24), "{got}");
}

#[test]
fn a_queue_that_no_longer_rings_all_lets_those_ring_who_do() {
    let got = offers(
        "queue a by=ring_all ring=10
         agent anna a
         agent boris a
         agent clara a ranks=a:1
         0 in anna
         0 in boris
         0 in clara
         100 call c1 a
         200 queue a ring=10
         300 decline anna
         400 busy boris
         500 gone c1 abandoned",
    );
    // While boris still rings, anna's no costs clara nothing; when he is gone too she is the one to ring.
    assert_eq!(got, "100 c1 to anna\n100 c1 to boris\n400 c1 to clara\n");
}
