//! Not-ready reasons and their limits, pauses after offers that came to nothing, by cause.

use expect_test::expect;

use super::script::run;

/// What happens to anna, as changes of hers and warnings.
fn annas(script: &str) -> String {
    let got = run(script);
    let mine = got.lines().filter(|line| line.split(' ').nth(1) == Some("anna"));
    mine.map(|line| format!("{line}\n")).collect()
}

#[test]
fn who_is_not_ready_for_too_long_is_told_of_once_and_becomes_what_the_reason_says() {
    for (then, what) in [
        ("", "11000 anna too long in lunch\n"),
        ("ready", "11000 anna too long in lunch\n11000 anna ready\n"),
        ("logout", "11000 anna too long in lunch\n11000 anna logged-out\n"),
    ] {
        let got = annas(&format!(
            "queue a
             agent anna a
             reason lunch 10 {then}
             0 in anna
             1000 pause anna lunch
             5000 save
             60000 end"
        ));
        assert_eq!(got, format!("0 anna ready\n1000 anna paused lunch\n{what}"));
    }
}

#[test]
fn time_of_a_reason_that_is_not_paid_says_so_where_it_begins() {
    let got = annas(
        "queue a
         agent anna a
         reason lunch 0 unpaid
         reason meeting 0
         0 in anna
         1000 pause anna lunch
         2000 pause anna meeting
         3000 station anna down
         4000 ready anna
         5000 out anna",
    );
    assert_eq!(
        got,
        "0 anna ready\n1000 anna paused lunch, unpaid\n2000 anna paused meeting\n4000 anna paused unreachable\n\
         5000 anna logged-out\n"
    );
}

#[test]
fn who_comes_back_in_time_is_told_of_by_nobody() {
    let got = annas(
        "queue a
         agent anna a
         reason lunch 10
         0 in anna
         1000 pause anna lunch
         10000 ready anna
         60000 end",
    );
    assert_eq!(got, "0 anna ready\n1000 anna paused lunch\n10000 anna ready\n");
}

#[test]
fn a_pause_asked_for_during_a_call_counts_from_its_end_and_a_call_that_waits_is_taken_after_it() {
    expect![[r#"
        0 anna ready
        1 c1 enters a at 1
        1 offer c1 to anna
        1 anna offered c1
        2 connect c1 with anna
        2 offer of c1 to anna ended: accepted after 1
        2 c1 leaves a: answered at 1 after 1
        2 anna talking c1
        20000 anna paused lunch
        21000 c2 enters a at 1
        30000 anna too long in lunch
        30000 anna ready
        30000 offer c2 to anna
        30000 anna offered c2
    "#]]
    .assert_eq(&run("queue a
         agent anna a
         reason lunch 10 ready
         0 in anna
         1 call c1 a
         2 accept anna
         3 pause anna lunch
         20000 release anna
         21000 call c2 a
         31000 end"));
}

#[test]
fn a_shift_begins_not_ready_if_the_house_says_so() {
    let got = annas(
        "queue a
         agent anna a
         reason setup 30
         begins setup
         0 call c1 a
         1000 in anna
         2000 in anna desk2
         3000 ready anna",
    );
    assert_eq!(got, "1000 anna paused setup\n2000 anna paused setup\n3000 anna ready\n3000 anna offered c1\n");
}

#[test]
fn too_many_in_a_row_by_cause_make_not_ready_until_ready_and_an_answer_forgives() {
    // rules of anna, what her station says to each offer, and how she stands after the last
    for (rules, says, stands) in [
        ("misses=2", ["noanswer", "noanswer"], "paused no-answer"),
        ("misses=2", ["noanswer", "decline"], "paused declined"), // rests for the one, has not missed too many
        ("declines=2", ["decline", "decline"], "paused declined"),
        ("unreached=2", ["unreachable", "unreachable"], "paused unreachable"),
        ("misses=1", ["decline", "busy"], "paused line-busy"),
    ] {
        let [first, second] = says;
        let script = |answer: &str| {
            format!(
                "queue a
                 agent anna a {rules}
                 0 in anna
                 1 call c1 a
                 2 {first} anna
                 {answer}
                 50001 call c2 a
                 50002 {second} anna
                 50003 gone c1 withdrawn
                 50004 gone c2 withdrawn
                 90000 end"
            )
        };
        let got = annas(&script("3 gone c1 withdrawn"));
        assert!(got.contains(&format!("50002 anna {stands}\n")), "{rules} {says:?}: {got}");
        let (_, after) = got.split_once("50002 ").unwrap_or_default();
        let stays = !after.contains("ready");
        let is_limit = rules.ends_with("=2") && first == second;
        assert_eq!(stays, is_limit, "{rules} {says:?}: {got}");
        // One answer between them, and nothing is in a row.
        let got = annas(&script("3 gone c1 withdrawn\n20000 call c3 a\n20001 accept anna\n20002 release anna"));
        let back = got.lines().last().unwrap_or("");
        assert!(back.ends_with("ready"), "{rules} {says:?}: {got}");
    }
}

#[test]
fn pauses_by_cause_are_the_houses_to_say() {
    for (cause, says, apart, rest) in [
        ("no-answer", "noanswer", 20, 0),
        ("declined", "decline", 30, 5),
        ("busy", "busy", 10, 10),
        ("unreachable", "unreachable", 10, 10),
    ] {
        // As it is unless said; then 3 s for the pair and 2 s of rest; then none, which is 1 s for the pair.
        for (pair_s, rest_s, again_at) in [
            (None, None, apart.max(rest)),
            (Some(3), Some(2), 3),
            (Some(2), Some(7), if rest == 0 { 2 } else { 7 }),
            (Some(0), Some(0), 1),
        ] {
            let rest_line =
                rest_s.filter(|_| rest > 0).map(|s| format!("backoff rest-{cause} {s}")).unwrap_or_default();
            let pair_line = pair_s.map(|s| format!("backoff apart-{cause} {s}")).unwrap_or_default();
            let got = run(&format!(
                "queue a
                 agent anna a
                 {pair_line}
                 {rest_line}
                 0 in anna
                 1000 call c1 a
                 2000 {says} anna
                 49000 end"
            ));
            let again = got.lines().filter(|line| line.ends_with("offer c1 to anna")).nth(1).unwrap_or_default();
            assert_eq!(again, format!("{} offer c1 to anna", 2000 + again_at * 1000), "{cause} {pair_s:?} {rest_s:?}");
        }
    }
}
