//! Agents who are put into queues and taken out of them during a shift.

use super::script::run;

const HOUSE: &str = "
    queue ventas ring=20
    queue averias ring=20
    queue turnos by=linear order=clara,anna ring=20
    agent anna ventas
    agent boris averias,ventas ranks=ventas:1
    agent clara turnos
";

fn day(script: &str) -> String {
    run(&format!("{HOUSE}{script}"))
}

#[test]
fn who_is_put_into_a_queue_gets_its_caller_at_once() {
    let got = day("0 in anna
                   100 call c1 averias
                   200 serve anna averias");
    assert_eq!(
        got,
        "0 anna ready\n\
         100 c1 enters averias at 1\n\
         200 anna serves averias at rank 0\n\
         200 offer c1 to anna\n\
         200 anna offered c1\n"
    );
}

#[test]
fn who_is_taken_out_of_a_queue_gets_no_more_of_it_and_finishes_what_he_has() {
    let got = day("0 in boris
                   100 call c1 averias
                   200 leave boris averias
                   300 ring boris
                   400 accept boris
                   500 call c2 averias
                   900 release boris");
    assert!(got.contains("200 boris leaves averias\n300 boris ringing c1\n"), "{got}");
    assert!(got.contains("connect c1"), "{got}");
    assert!(!got.contains("offer c2"), "{got}");
}

#[test]
fn a_login_through_a_queue_is_for_that_queue_alone_and_the_next_shift_is_as_configured() {
    let got = day("0 call c1 averias
                   0 call c2 ventas
                   100 serve boris ventas at=boris
                   200 gone c2 abandoned
                   300 out boris
                   400 in boris");
    assert_eq!(
        got,
        "0 c1 enters averias at 1\n\
         0 c2 enters ventas at 1\n\
         100 boris leaves averias\n\
         100 boris serves ventas at rank 0\n\
         100 boris ready\n\
         100 offer c2 to boris\n\
         100 boris offered c2\n\
         200 withdraw c2 from boris: caller_left\n\
         200 offer of c2 to boris ended: caller_left after 100\n\
         200 c2 leaves ventas: short_abandoned at 1 after 200\n\
         200 boris ready\n\
         300 boris logged-out\n\
         400 boris ready\n\
         400 offer c1 to boris\n\
         400 boris offered c1\n"
    );
}

#[test]
fn with_his_last_queue_the_shift_ends_after_his_call() {
    let got = day("0 in anna
                   0 leave anna ventas
                   100 in anna
                   100 call c1 ventas
                   200 accept anna
                   300 leave anna ventas
                   900 release anna");
    assert!(got.contains("0 anna leaves ventas\n0 anna logged-out\n"), "{got}");
    assert!(got.contains("300 anna leaves ventas\n"), "{got}");
    assert!(got.ends_with("900 anna logged-out\n"), "{got}");
}

#[test]
fn a_rank_that_was_changed_counts_from_the_next_offer_on() {
    let got = day("0 in anna
                   100 in boris
                   200 rank anna ventas 5
                   300 call c1 ventas");
    assert!(got.contains("300 offer c1 to boris\n"), "anna is of rank 5, boris of rank 1: {got}");
}

#[test]
fn a_queue_that_goes_by_order_takes_newcomers_in_their_order() {
    let got = day("0 in anna
                   0 in clara
                   0 in boris
                   100 serve boris turnos
                   200 serve anna turnos
                   300 call c1 turnos
                   400 decline clara
                   500 decline anna");
    let offers: Vec<&str> = got.lines().filter(|line| line.contains("offer c1 to")).collect();
    assert_eq!(offers, ["300 offer c1 to clara", "400 offer c1 to anna", "500 offer c1 to boris"]);
}

#[test]
fn what_was_changed_outlives_a_change_of_configuration_and_the_way_through_bytes() {
    let got = day("0 in anna
                   100 serve anna averias rank=2
                   200 queue ventas ring=30
                   250 save
                   300 call c1 averias
                   400 gone c1 abandoned
                   500 drop queue averias
                   600 queue averias ring=20
                   700 call c2 averias");
    assert!(got.contains("300 offer c1 to anna\n"), "{got}");
    assert!(!got.contains("offer c2"), "the queue that comes back is another one: {got}");
}

#[test]
fn what_makes_no_sense_is_refused_with_a_sentence() {
    let got = day("0 serve anna averias
                   0 leave anna ventas
                   0 in anna
                   100 serve anna ventas
                   100 serve anna nowhere
                   100 serve anna averias rank=101
                   100 leave anna averias
                   100 rank anna averias 1
                   100 rank anna ventas 101");
    let refused: Vec<&str> = got.lines().filter(|line| line.contains("refused")).collect();
    assert_eq!(
        refused,
        [
            "0 refused: anna is not logged in",
            "0 refused: anna is not logged in",
            "100 refused: anna serves ventas already",
            "100 refused: there is no queue nowhere",
            "100 refused: 101 is no rank; write 0 to 100",
            "100 refused: anna does not serve averias",
            "100 refused: anna does not serve averias",
            "100 refused: 101 is no rank; write 0 to 100",
        ]
    );
}
