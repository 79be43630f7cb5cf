//! Wrap-up by queue, agent and disposition, and what an agent says came of a call.

use expect_test::expect;

use super::script::{check, run};

/// What happens to anna after her call, from 1000 on, as changes of hers and refusals.
fn after_call(house: &str, then: &str) -> String {
    let got = run(&format!(
        "queue a wrap=atmost:30
         {house}
         reason lunch 0
         extension 10 2
         0 in anna
         1 call c1 a
         2 accept anna
         {then}
         200000 end"
    ));
    let mine = |line: &&str| line.contains(" anna ") && !line.contains("offer") && !line.starts_with("0 ");
    let mine = got.lines().filter(mine).filter(|line| !line.ends_with("talking c1"));
    mine.map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_rule_of_the_result_stands_above_the_agents_and_that_above_the_queues() {
    let plain = "agent anna a\ndisposition sale fixed:5\ndisposition none";
    let own = "agent anna a wrap=fixed:60\ndisposition sale fixed:5\ndisposition none";
    for (house, then, ends) in [
        (plain, "1000 release anna", "31000 anna ready\n"),
        (own, "1000 release anna", "61000 anna ready\n"),
        (plain, "900 result anna sale\n1000 release anna", "6000 anna ready\n"),
        (own, "900 result anna sale\n1000 release anna", "6000 anna ready\n"),
        (own, "900 result anna none\n1000 release anna", "61000 anna ready\n"),
        // Said during the wrap-up: counted from its beginning; the last word counts.
        (own, "1000 release anna\n2000 result anna sale", "6000 anna ready\n"),
        (own, "1000 release anna\n20000 result anna sale", "20000 anna ready\n"),
        (own, "900 result anna none\n1000 release anna\n2000 result anna sale", "6000 anna ready\n"),
    ] {
        let got = after_call(house, then);
        assert!(got.ends_with(ends), "{house} {then}: {got}");
    }
}

#[test]
fn a_wrap_up_until_saved_ends_when_saved_or_when_the_result_is_said_and_at_the_latest_by_its_limit() {
    let house = "agent anna a wrap=saved:60\ndisposition sale";
    for (then, ends) in [
        ("1000 release anna", "61000 anna ready\n"),
        ("1000 release anna\n5000 saved anna", "5000 anna ready\n"),
        ("1000 release anna\n5000 result anna sale", "5000 anna says sale of c1\n5000 anna ready\n"),
        ("900 result anna sale\n1000 release anna", "900 anna says sale of c1\n1000 anna ready\n"),
        // A pause asked for comes then.
        ("1000 release anna\n2000 pause anna lunch\n5000 saved anna", "5000 anna paused lunch\n"),
        // Ready alone would lose the result.
        ("1000 release anna\n5000 ready anna", "61000 anna ready\n"),
    ] {
        let got = after_call(house, then);
        assert!(got.ends_with(ends), "{then}: {got}");
    }
}

#[test]
fn a_wrap_up_is_extended_as_often_as_it_may_be() {
    check(
        "queue a wrap=fixed:10
         agent anna a
         extension 5 2
         0 in anna
         1 call c1 a
         2 accept anna
         3 extend anna
         1000 release anna
         2000 extend anna
         3000 extend anna
         4000 extend anna
         5000 saved anna
         5001 ready anna
         30000 saved anna
         30001 result anna sale",
        expect![[r#"
            0 anna ready
            1 c1 enters a at 1
            1 offer c1 to anna
            1 anna offered c1
            2 connect c1 with anna
            2 offer of c1 to anna ended: accepted after 1
            2 c1 leaves a: answered at 1 after 1
            2 anna talking c1
            3 refused: anna is in no wrap-up
            1000 anna wrap-up c1
            4000 refused: the wrap-up of anna has been extended 2 times, as often as it may be
            5000 refused: the wrap-up of anna has a fixed length and ends in 16 s
            5001 refused: the wrap-up of anna has a fixed length and ends in 16 s
            21000 anna ready
            30000 refused: anna is in no wrap-up
            30001 refused: there is no disposition sale
        "#]],
    );
}

#[test]
fn a_transfer_to_another_queue_leaves_each_agent_the_wrap_up_of_his_own() {
    check(
        "queue a wrap=fixed:10
         queue b wrap=fixed:40
         agent anna a
         agent boris b
         0 in anna
         0 in boris
         1 call c1 a
         2 accept anna
         1000 call c1 b credit=900
         1001 accept boris
         2000 release anna
         9000 release boris
         60000 end",
        expect![[r#"
            0 anna ready
            0 boris ready
            1 c1 enters a at 1
            1 offer c1 to anna
            1 anna offered c1
            2 connect c1 with anna
            2 offer of c1 to anna ended: accepted after 1
            2 c1 leaves a: answered at 1 after 1
            2 anna talking c1
            1000 c1 enters b at 1
            1000 offer c1 to boris
            1000 boris offered c1
            1001 connect c1 with boris
            1001 offer of c1 to boris ended: accepted after 1
            1001 c1 leaves b: answered at 1 after 1
            1001 boris talking c1
            2000 anna wrap-up c1
            9000 boris wrap-up c1
            12000 anna ready
            49000 boris ready
        "#]],
    );
}

#[test]
fn a_result_may_be_said_until_the_next_call_begins_and_of_nobody_elses() {
    check(
        "queue a
         agent anna a
         disposition sale
         0 in anna
         1 result anna sale
         2 call c1 a
         3 accept anna
         4 release anna
         5 result anna sale
         6 result anna swap
         7 call c2 a
         8 result anna sale
         9 accept anna
         10 result anna sale
         11 release anna
         12 out anna
         13 in anna
         14 result anna sale",
        expect![[r#"
            0 anna ready
            1 refused: anna has had no call since the login
            2 c1 enters a at 1
            2 offer c1 to anna
            2 anna offered c1
            3 connect c1 with anna
            3 offer of c1 to anna ended: accepted after 1
            3 c1 leaves a: answered at 1 after 1
            3 anna talking c1
            4 anna ready
            5 anna says sale of c1
            6 refused: there is no disposition swap
            7 c2 enters a at 1
            7 offer c2 to anna
            7 anna offered c2
            8 anna says sale of c1
            9 connect c2 with anna
            9 offer of c2 to anna ended: accepted after 2
            9 c2 leaves a: answered at 1 after 2
            9 anna talking c2
            10 anna says sale of c2
            11 anna ready
            12 anna logged-out
            13 anna ready
            14 refused: anna has had no call since the login
        "#]],
    );
}

#[test]
fn the_wrap_up_limit_changed_during_a_call_holds_from_the_next() {
    check(
        "queue a wrap=fixed:10
         agent anna a
         0 in anna
         1 call c1 a
         2 accept anna
         3 queue a wrap=fixed:60
         1000 release anna
         20000 call c2 a
         20001 accept anna
         21000 save
         21000 release anna
         90000 end",
        expect![[r#"
            0 anna ready
            1 c1 enters a at 1
            1 offer c1 to anna
            1 anna offered c1
            2 connect c1 with anna
            2 offer of c1 to anna ended: accepted after 1
            2 c1 leaves a: answered at 1 after 1
            2 anna talking c1
            1000 anna wrap-up c1
            11000 anna ready
            20000 c2 enters a at 1
            20000 offer c2 to anna
            20000 anna offered c2
            20001 connect c2 with anna
            20001 offer of c2 to anna ended: accepted after 1
            20001 c2 leaves a: answered at 1 after 1
            20001 anna talking c2
            21000 anna wrap-up c2
            81000 anna ready
        "#]],
    );
}

#[test]
fn a_queue_that_wants_to_know_is_told_before_its_wrap_up_is_left_or_its_limit_ends_it() {
    // Who has to say something is kept until he does, but no longer than the wrap-up lasts.
    let house = |queue: &str| format!("agent anna a\ndisposition sale\ndisposition fault.line\nqueue a {queue}");
    let due = "refused: anna has not said what came of the last call, and queue a wants to know; say its disposition\n";
    for (queue, then, want) in [
        ("wrap=atmost:30 mustsay=yes", "2000 ready anna", format!("2000 {due}31000 anna ready\n")),
        ("wrap=saved:30 mustsay=yes", "2000 saved anna", format!("2000 {due}31000 anna ready\n")),
        ("wrap=atmost:30 mustsay=yes", "2000 result anna sale\n3000 ready anna", "3000 anna ready\n".to_owned()),
        ("wrap=saved:30 mustsay=yes", "2000 result anna sale", "2000 anna ready\n".to_owned()),
        ("wrap=atmost:30", "2000 ready anna", "2000 anna ready\n".to_owned()),
        // A pause that she asks for comes after the wrap-up as ever.
        ("wrap=atmost:30 mustsay=yes", "2000 pause anna lunch", "31000 anna paused lunch\n".to_owned()),
    ] {
        let got = after_call(&house(queue), &format!("1000 release anna\n{then}"));
        assert!(got.ends_with(&want), "{queue}, {then}: {got}");
    }
    // Said while they talked.
    let said =
        after_call(&house("wrap=atmost:30 mustsay=yes"), "900 result anna sale\n1000 release anna\n2000 ready anna");
    assert!(said.ends_with("2000 anna ready\n"), "{said}");
}

#[test]
fn a_queue_that_names_its_results_takes_those_and_what_is_below_them() {
    let house = "queue a wrap=atmost:30 says=fault\nagent anna a\ndisposition fault\ndisposition fault.line\ndisposition faulty\ndisposition sale\n\
                 0 in anna\n1 call c1 a\n2 accept anna\n1000 release anna";
    for (said, want) in [
        ("fault", "2000 anna says fault of c1\n"),
        ("fault.line", "2000 anna says fault.line of c1\n"),
        ("faulty", "2000 refused: faulty is no disposition of queue a; queues.a.dispositions names those that are\n"),
        ("sale", "2000 refused: sale is no disposition of queue a; queues.a.dispositions names those that are\n"),
        ("nothing", "2000 refused: there is no disposition nothing\n"),
    ] {
        let got = run(&format!("{house}\n2000 result anna {said}"));
        assert!(got.contains(want), "{said}: {got}");
    }
}

#[test]
fn a_fixed_wrap_up_lasts_and_an_at_most_one_ends_by_ready() {
    check(
        "queue ventas wrap=fixed:10
         queue averias wrap=atmost:10
         agent anna ventas
         agent boris averias
         reason lunch 0
            0 in anna
            1 in boris
            2 call c1 ventas
            3 call c2 averias
            4 accept anna
            5 accept boris
         1000 release anna
         1000 release boris
         2500 ready anna
         3000 ready boris
         4000 pause anna lunch
         5000 ready anna
         5500 ready anna
        12000 end",
        expect![[r#"
            0 anna ready
            1 boris ready
            2 c1 enters ventas at 1
            2 offer c1 to anna
            2 anna offered c1
            3 c2 enters averias at 1
            3 offer c2 to boris
            3 boris offered c2
            4 connect c1 with anna
            4 offer of c1 to anna ended: accepted after 2
            4 c1 leaves ventas: answered at 1 after 2
            4 anna talking c1
            5 connect c2 with boris
            5 offer of c2 to boris ended: accepted after 2
            5 c2 leaves averias: answered at 1 after 2
            5 boris talking c2
            1000 anna wrap-up c1
            1000 boris wrap-up c2
            2500 refused: the wrap-up of anna has a fixed length and ends in 9 s
            3000 boris ready
            5500 refused: the wrap-up of anna has a fixed length and ends in 6 s
            11000 anna ready
        "#]],
    );
}

#[test]
fn a_wrap_up_belongs_to_the_agent_and_keeps_him_from_all_queues() {
    check(
        "queue ventas wrap=fixed:10
         queue averias
         agent anna ventas,averias
            0 in anna
            1 call c1 ventas
            2 accept anna
         1000 gone c1 abandoned
         1001 release anna
         2000 call c2 averias
        12000 end",
        expect![[r#"
            0 anna ready
            1 c1 enters ventas at 1
            1 offer c1 to anna
            1 anna offered c1
            2 connect c1 with anna
            2 offer of c1 to anna ended: accepted after 1
            2 c1 leaves ventas: answered at 1 after 1
            2 anna talking c1
            1000 anna wrap-up c1
            2000 c2 enters averias at 1
            11000 anna ready
            11000 offer c2 to anna
            11000 anna offered c2
        "#]],
    );
}
