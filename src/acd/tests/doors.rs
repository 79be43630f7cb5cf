//! Doors: who is let in, who must go, where to, and what stays with him.

use expect_test::expect;
use turno_base::QueueId;

use super::script::{Run, run};
use crate::{Bounds, LEVEL_AFTER};

/// Lines of a transcript about calls, without those about agents.
fn about_calls(script: &str) -> String {
    run(script).lines().filter(|line| line.contains(" c")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn at_the_door_only_agents_in_presences_that_count_are_there() {
    // What anna does before a call comes; what does not count; whether the call is let in.
    for (does, ignored, enters) in [
        ("", "ready", true), // nobody logged in, and the queue lets callers wait for that: see the last
        ("1 in anna\n2 pause anna lunch", "paused", false),
        ("1 in anna\n2 pause anna lunch", "wrap-up", true),
        ("1 in anna\n2 station anna down", "unreachable", false),
        ("1 in anna\n2 station anna down", "paused", true),
        ("1 in anna\n2 private anna 1", "private-call", false),
        ("1 in anna\n2 call c1 ventas\n3 ring anna", "ringing", false),
        ("1 in anna\n2 call c1 ventas\n3 accept anna", "in-call", false),
        ("1 in anna\n2 call c1 ventas\n3 accept anna", "ringing,paused", true),
        ("1 in anna\n2 call c1 ventas\n3 accept anna\n4 release anna", "wrap-up", false),
        ("1 in anna", "paused,in-call", true),
    ] {
        let join = if does.is_empty() { "yes" } else { "no" };
        let got = about_calls(&format!(
            "queue ventas wrap=fixed:60 join={join} joinignores={ignored} onempty=prompt:closed
             agent anna ventas
             reason lunch 0
             {does}
             10 call c9 ventas
             11 end"
        ));
        assert_eq!(got.contains("10 c9 enters ventas"), enters, "{does:?} ignoring {ignored}: {got}");
        assert_eq!(got.contains("10 c9 goes on to prompt closed"), !enters, "{does:?} ignoring {ignored}: {got}");
    }
}

#[test]
fn who_waits_leaves_when_nobody_counts_any_more_but_not_while_somebody_is_rung() {
    let got = about_calls(
        "queue ventas leave=yes leaveignores=paused,in-call onempty=queue:general
         queue general
         agent anna ventas
         agent boris ventas
         reason lunch 0
            0 in anna
            0 in boris
           10 call c1 ventas
           11 call c2 ventas
           20 call c3 ventas
           30 accept anna
           40 accept boris
           50 end",
    );
    expect![[r#"
        10 c1 enters ventas at 1
        10 offer c1 to anna
        10 anna offered c1
        11 c2 enters ventas at 2
        11 offer c2 to boris
        11 boris offered c2
        20 c3 enters ventas at 3
        30 connect c1 with anna
        30 offer of c1 to anna ended: accepted after 20
        30 c1 leaves ventas: answered at 1 after 20
        30 anna talking c1
        40 connect c2 with boris
        40 offer of c2 to boris ended: accepted after 29
        40 c2 leaves ventas: answered at 1 after 29
        40 boris talking c2
        40 c3 leaves ventas: overflowed at 1 after 20
        40 c3 goes on to general
        40 c3 enters general at 1
    "#]]
    .assert_eq(&got);
}

#[test]
fn outside_its_hours_a_queue_sends_on_and_at_closing_time_only_if_it_says_so() {
    for (shut, kept) in [("no", true), ("yes", false)] {
        let got = about_calls(&format!(
            "calendar day 540 1080
             queue ventas hours=day onclosed=prompt:closed shut={shut}
             agent anna ventas
             32399999 call c1 ventas
             32400000 call c2 ventas
             64799999 call c3 ventas
             64800000 call c4 ventas
             64800001 end"
        ));
        assert!(got.contains("32399999 c1 goes on to prompt closed"), "{got}");
        assert!(got.contains("32400000 c2 enters ventas at 1"), "{got}");
        assert!(got.contains("64800000 c4 goes on to prompt closed"), "{got}");
        assert_eq!(!got.contains("64800000 c2 leaves ventas"), kept, "{got}");
        assert_eq!(got.matches("64800000 c3 goes on to prompt closed").count(), usize::from(!kept), "{got}");
    }
}

#[test]
fn a_queue_of_which_the_hours_are_taken_away_is_open() {
    let got = about_calls(
        "calendar day 540 1080
         queue ventas hours=day onclosed=prompt:closed shut=yes
         10 call c1 ventas
         20 queue ventas
         30 call c2 ventas
         40 queue ventas hours=unheard-of
         50 call c3 ventas
         60 queue ventas hours=day onclosed=prompt:closed shut=yes",
    );
    expect![[r#"
        10 c1 goes on to prompt closed
        30 c2 enters ventas at 1
        50 c3 enters ventas at 2
        60 c2 leaves ventas: overflowed at 1 after 30
        60 c2 goes on to prompt closed
        60 c3 leaves ventas: overflowed at 1 after 10
        60 c3 goes on to prompt closed
    "#]]
    .assert_eq(&got);
}

#[test]
fn in_an_emergency_everybody_goes_until_the_switch_is_back_also_over_a_restart() {
    let got = about_calls(
        "queue ventas onemergency=queue:averias
         queue averias onemergency=prompt:evacuated
         agent anna ventas
           0 in anna
           1 call c1 ventas
          10 call c2 ventas
          20 emergency on ventas
          30 save
          30 call c3 ventas
          40 emergency on
          50 call c4 averias
          50 queue nueva
          50 call c5 nueva
          60 emergency off averias
          60 call c6 averias
          70 emergency off
          80 call c7 ventas
          90 emergency on unheard-of",
    );
    expect![[r#"
        1 c1 enters ventas at 1
        1 offer c1 to anna
        1 anna offered c1
        10 c2 enters ventas at 2
        20 withdraw c1 from anna: lost_race
        20 offer of c1 to anna ended: lost_race after 19
        20 c1 leaves ventas: overflowed at 1 after 19
        20 c1 goes on to averias
        20 c1 enters averias at 1
        20 c2 leaves ventas: overflowed at 1 after 10
        20 c2 goes on to averias
        20 c2 enters averias at 2
        30 c3 goes on to averias
        30 c3 enters averias at 3
        40 c1 leaves averias: overflowed at 1 after 20
        40 c1 goes on to prompt evacuated
        40 c2 leaves averias: overflowed at 1 after 20
        40 c2 goes on to prompt evacuated
        40 c3 leaves averias: overflowed at 1 after 10
        40 c3 goes on to prompt evacuated
        50 c4 goes on to prompt evacuated
        50 c5 is told good-bye
        60 c6 goes on to prompt evacuated
        80 c7 enters ventas at 1
        80 offer c7 to anna
        80 anna offered c7
    "#]]
    .assert_eq(&got);
    assert!(run("queue q\n1 emergency on z").contains("refused: there is no queue z"));
}

#[test]
fn while_the_recent_service_level_is_low_callers_are_sent_elsewhere_until_it_is_forgotten() {
    let mut script =
        String::from("queue ventas level=50 onlevel=queue:general short=1\nqueue general\nagent anna ventas\n");
    for n in 1..=LEVEL_AFTER {
        // Nobody is there: each gives up after half a minute.
        script.push_str(&format!("{} call c{n} ventas\n{} gone c{n} abandoned\n", n * 60_000, n * 60_000 + 30_000));
    }
    script.push_str("640000 call c90 ventas\n640001 gone c90 abandoned\n2400000 call c91 ventas");
    let mut day = Run::new(&script, Bounds::default());
    day.play();
    let got: String = day.text.lines().filter(|line| line.contains("c9")).map(|line| format!("{line}\n")).collect();
    expect![[r#"
        60000 c1 enters ventas at 1
    "#]]
    .assert_eq(&day.text.lines().take(1).map(|line| format!("{line}\n")).collect::<String>());
    expect![[r#"
        540000 c9 enters ventas at 1
        570000 c9 leaves ventas: abandoned at 1 after 30000
        640000 c90 goes on to general
        640000 c90 enters general at 1
        640001 c90 leaves general: short_abandoned at 1 after 1
        2400000 c91 enters ventas at 1
    "#]]
    .assert_eq(&got);
    let queue = QueueId::new("ventas").unwrap();
    assert_eq!(day.acd.recent_level_pct(queue, turno_base::Mono::from_ms(640_000)), Some(0));
}

#[test]
fn who_would_wait_too_long_goes_elsewhere_at_once() {
    let mut script =
        String::from("queue q expect=90 onexpect=number:900\nagent anna q\n0 in anna\n0 call c900 q\n0 accept anna\n");
    let mut at = 1000;
    for n in 1..=40 {
        script.push_str(&format!("{at} call c{n} q\n"));
        at += 60_000;
        script.push_str(&format!("{at} release anna\n{at} accept anna\n"));
        at += 1000;
    }
    // A place costs a minute: the first waits one, the second would wait two.
    script.push_str(&format!("{at} call c201 q\n{at} call c202 q\n{at} end"));
    let got = run(&script);
    assert!(got.contains("c201 enters q at 1") && got.contains("c202 goes on to number 900"), "{got}");
    assert_eq!(got.matches("goes on").count(), 1, "{got}");
}

#[test]
fn doors_that_lead_in_circles_end_with_good_bye_and_age_goes_along() {
    let got = about_calls(
        "calendar never 0 0
         queue a hours=never onclosed=queue:b
         queue b hours=never onclosed=queue:a
         queue c wait=30 onwait=queue:d
         queue d
         segment plain 1000 20 240
         agent anna d
             0 call c1 a
             0 call c2 c
         20000 call c3 d
         30000 end
         31000 in anna",
    );
    expect![[r#"
        0 c1 is told good-bye
        0 c2 enters c at 1
        20000 c3 enters d at 1
        30000 c2 leaves c: overflowed at 1 after 30000
        30000 c2 goes on to d
        30000 c2 enters d at 1
        31000 offer c2 to anna
        31000 anna offered c2
    "#]]
    .assert_eq(&got);
}

#[test]
fn a_supervisor_bumps_moves_and_changes_needs_of_who_waits_and_age_stays() {
    let got = about_calls(
        "queue ventas
         queue averias
         segment plain 1000 20 0
         agent anna ventas skills=b:2
         agent boris averias
            0 call c1 ventas
           10 call c2 ventas
           20 call c3 ventas
           30 bump c3 60
           40 move c2 averias
           50 move c1 averias
           60 move c1 averias
           61 move c1 nowhere
           70 needs c3 b>=3
          100 in anna
          200 needs c3 b>=2
          210 bump c3 5
          220 needs c3 b>=3
          300 in boris
          400 accept boris
          410 bump c1 5
          420 move c3 averias
          430 needs c2 b",
    );
    expect![[r#"
        0 c1 enters ventas at 1
        10 c2 enters ventas at 2
        20 c3 enters ventas at 3
        30 c3 counts 60000 older
        40 c2 is moved from ventas to averias
        40 c2 leaves ventas: withdrawn at 3 after 30
        40 c2 goes on to averias
        40 c2 enters averias at 1
        50 c1 is moved from ventas to averias
        50 c1 leaves ventas: withdrawn at 2 after 50
        50 c1 goes on to averias
        50 c1 enters averias at 1
        70 c3 needs b>=3
        200 c3 needs b>=2
        200 offer c3 to anna
        200 anna offered c3
        210 c3 counts 5000 older
        220 c3 needs b>=3
        220 withdraw c3 from anna: lost_race
        220 offer of c3 to anna ended: lost_race after 20
        300 offer c1 to boris
        300 boris offered c1
        400 connect c1 with boris
        400 offer of c1 to boris ended: accepted after 100
        400 c1 leaves averias: answered at 1 after 350
        400 boris talking c1
        410 refused: call 00000000000000000000000000000001 no longer waits: an agent has it, or it is gone
        420 c3 is moved from ventas to averias
        420 c3 leaves ventas: withdrawn at 1 after 400
        420 c3 goes on to averias
        420 c3 enters averias at 1
        430 c2 needs b>=1
    "#]]
    .assert_eq(&got);
    let refused =
        run("queue q\nagent anna q\n0 in anna\n1 call c1 q\n2 accept anna\n3 bump c1 5\n4 move c9 q\n5 needs c1 x");
    assert_eq!(refused.matches("no longer waits: an agent has it, or it is gone").count(), 3, "{refused}");
}

#[test]
fn keys_lead_out_of_a_queue_and_whoever_was_rung_is_free() {
    let got = run("queue ventas key=1>queue:general key=2>menu:main key=3>hangup key=4>queue:ventas
         queue general
         agent anna ventas
         segment plain 1000 20 0
            0 in anna
           10 call c1 ventas
           20 call c2 ventas
           30 call c3 ventas
           40 key c2 9
           41 key c2 4
           50 key c1 1
           60 key c2 2
           70 key c3 3
           80 end");
    let calls: String = got.lines().filter(|line| !line.contains("hears")).map(|line| format!("{line}\n")).collect();
    expect![[r#"
        0 anna ready
        10 c1 enters ventas at 1
        10 offer c1 to anna
        10 anna offered c1
        20 c2 enters ventas at 2
        30 c3 enters ventas at 3
        50 c1 presses 1 to leave ventas
        50 withdraw c1 from anna: caller_left
        50 offer of c1 to anna ended: caller_left after 40
        50 c1 leaves ventas: exit_key at 1 after 40
        50 c1 goes on to general
        50 c1 enters general at 1
        50 anna ready
        50 offer c2 to anna
        50 anna offered c2
        60 c2 presses 2 to leave ventas
        60 withdraw c2 from anna: caller_left
        60 offer of c2 to anna ended: caller_left after 10
        60 c2 leaves ventas: exit_key at 1 after 40
        60 anna ready
        60 offer c3 to anna
        60 anna offered c3
        60 c2 goes on to menu main
        70 c3 presses 3 to leave ventas
        70 withdraw c3 from anna: caller_left
        70 offer of c3 to anna ended: caller_left after 10
        70 c3 leaves ventas: exit_key at 1 after 40
        70 anna ready
        70 c3 is told good-bye
    "#]]
    .assert_eq(&calls);
}

#[test]
fn by_a_key_into_another_queue_his_age_goes_with_him() {
    let got = about_calls(
        "queue ventas key=1>queue:general
         queue general
         agent anna general
           10 call c1 ventas
         5000 call c2 general
        20000 key c1 1
        21000 in anna
        22000 end",
    );
    assert!(got.contains("20000 c1 leaves ventas: exit_key at 1 after 19990"), "{got}");
    assert!(got.contains("21000 offer c1 to anna"), "he came before c2: {got}");
}

#[test]
fn a_key_that_leads_to_a_queue_whose_door_is_shut_follows_its_way_out_or_keeps_him() {
    let script = |onfull: &str| {
        format!(
            "queue ventas key=1>queue:general
             queue general len=0 onfull={onfull}
               10 call c1 ventas
               20 key c1 1
               30 end"
        )
    };
    let got = about_calls(&script("prompt:sorry"));
    assert!(got.contains("20 c1 goes on to prompt sorry"), "{got}");
    let got = about_calls(&script("queue:ventas"));
    assert!(!got.contains("leaves"), "that is where he is: {got}");
}
