//! Tasks beside calls: who gets them, what interrupts them, and what is left in whose hands.

use expect_test::expect;
use turno_base::Now;

use super::script::{Run, run};
use crate::{Bounds, TaskState};

#[test]
fn a_call_interrupts_a_task_which_goes_on_after_the_wrap_up() {
    expect![[r#"
        0 anna ready
        1000 t1 (email for a) is entered, due 100
        1000 t1 (email for a) is given to anna
        1000 anna task t1
        1000 t1 (email for a) is worked on by anna
        5000 c1 enters a at 1
        5000 offer c1 to anna
        5000 anna offered c1
        5000 t1 (email for a) is held by anna
        6000 connect c1 with anna
        6000 offer of c1 to anna ended: accepted after 1000
        6000 c1 leaves a: answered at 1 after 1000
        6000 anna talking c1
        16000 anna wrap-up c1
        26000 anna task t1
        26000 t1 (email for a) is worked on by anna
        30000 t1 (email for a) is done by anna, sale: waited 0, worked 8000
        30000 anna ready
    "#]]
    .assert_eq(&run("queue a wrap=fixed:10
                     agent anna a tasks=1
                     disposition sale
                     0 in anna
                     1000 task email a due=100
                     5000 call c1 a
                     6000 accept anna
                     7000 save
                     16000 release anna
                     30000 done t1 sale"));
}

#[test]
fn calls_go_first_then_what_is_due_first_then_what_is_worth_most() {
    expect![[r#"
        0 anna ready
        0 anna paused lunch
        10 t1 (admin for a) is entered, due 300
        20 t2 (email for a) is entered, due 200
        30 t3 (fax for a) is entered, due 300
        40 c1 enters a at 1
        50 anna ready
        50 offer c1 to anna
        50 anna offered c1
        60 connect c1 with anna
        60 offer of c1 to anna ended: accepted after 10
        60 c1 leaves a: answered at 1 after 20
        60 anna talking c1
        70 anna ready
        70 t2 (email for a) is given to anna
        70 anna task t2
        70 t2 (email for a) is worked on by anna
        80 t2 (email for a) is done by anna: waited 50, worked 10
        80 anna ready
        80 t3 (fax for a) is given to anna
        80 anna task t3
        80 t3 (fax for a) is worked on by anna
        90 t3 (fax for a) is done by anna: waited 50, worked 10
        90 anna ready
        90 t1 (admin for a) is given to anna
        90 anna task t1
        90 t1 (admin for a) is worked on by anna
    "#]]
    .assert_eq(&run("queue a
                     agent anna a tasks=1
                     0 in anna
                     0 pause anna lunch
                     reason lunch 0
                     10 task admin a due=300
                     20 task email a due=200
                     30 task fax a due=300 value=7
                     40 call c1 a
                     50 ready anna
                     60 accept anna
                     70 release anna
                     80 done t2
                     90 done t3"));
}

#[test]
fn room_is_by_kind_and_in_all_and_what_is_due_earlier_is_worked_on_first() {
    expect![[r#"
        0 anna ready
        10 t1 (email for a) is entered, due 300
        10 t1 (email for a) is given to anna
        10 anna task t1
        10 t1 (email for a) is worked on by anna
        20 t2 (email for a) is entered, due 200
        30 t3 (fax for a) is entered, due 100
        40 t4 (admin for a) is entered, due 50
        40 t4 (admin for a) is given to anna
        40 anna task t4
        40 t1 (email for a) is held by anna
        40 t4 (admin for a) is worked on by anna
        50 t5 (admin for a) is entered, due 40
        60 t4 (admin for a) is done by anna: waited 0, worked 20
        60 anna task t1
        60 t1 (email for a) is worked on by anna
        60 t5 (admin for a) is given to anna
        60 anna task t5
        60 t1 (email for a) is held by anna
        60 t5 (admin for a) is worked on by anna
    "#]]
    .assert_eq(&run("queue a
                     agent anna a tasks=2 room=email:1,fax:0
                     0 in anna
                     10 task email a due=300
                     20 task email a due=200
                     30 task fax a due=100
                     40 task admin a due=50
                     50 task admin a due=40
                     60 done t4"));
}

#[test]
fn a_task_finds_the_owner_then_the_longest_idle_and_the_trained_and_nobody_without_the_certificate() {
    let given = |script: &str| -> Vec<String> {
        let told = run(&format!(
            "queue a
             queue b need=x
             segment gold 4000 10 0
             certified gold x:2
             agent anna a,b tasks=1 skills=x:1
             agent boris a,b tasks=1 skills=x:3 certs=x:2
             agent clara a tasks=1
             0 in anna
             1 in boris
             2 in clara
             {script}"
        ));
        told.lines().filter(|line| line.contains("is given to")).map(str::to_owned).collect()
    };
    assert_eq!(given("10 task admin a"), ["10 t1 (admin for a) is given to anna"]);
    assert_eq!(given("10 task admin a owner=clara"), ["10 t1 (admin for a) is given to clara"]);
    assert_eq!(given("10 task admin b"), ["10 t1 (admin for b) is given to boris"], "two levels are worth 80 s");
    let golden = given("10 task admin b gold\n20 task admin b gold\n30 task admin a\n40 task admin a\n50 task admin a");
    assert_eq!(
        golden,
        [
            "10 t1 (admin for b) is given to boris",
            "30 t3 (admin for a) is given to anna",
            "40 t4 (admin for a) is given to clara"
        ]
    );
}

#[test]
fn who_is_idle_is_rung_before_who_works_on_a_task() {
    let got = run("queue a by=longest_idle
                   agent anna a tasks=1
                   agent boris a
                   agent clara a tasks=1
                   0 in anna
                   1 in clara
                   2 task admin a
                   3 task admin a
                   9000 in boris
                   10000 call c1 a
                   10001 call c2 a
                   10002 call c3 a");
    let offers: Vec<&str> = got.lines().filter(|line| line.contains(" offer c")).collect();
    assert_eq!(offers, ["10000 offer c1 to boris", "10001 offer c2 to anna", "10002 offer c3 to clara"]);
}

#[test]
fn a_pause_holds_a_task_and_the_end_of_the_shift_gives_it_to_somebody_else_in_its_old_place() {
    expect![[r#"
        0 anna ready
        10 t1 (admin for a) is entered, due 500
        10 t1 (admin for a) is given to anna
        10 anna task t1
        10 t1 (admin for a) is worked on by anna
        20 t2 (admin for a) is entered, due 400
        20 t2 (admin for a) is given to anna
        20 anna task t2
        20 t1 (admin for a) is held by anna
        20 t2 (admin for a) is worked on by anna
        1000 anna paused lunch
        1000 t2 (admin for a) is held by anna
        2000 boris ready
        3000 t2 (admin for a) is given back by anna
        3000 t1 (admin for a) is given back by anna
        3000 anna logged-out
        3000 t2 (admin for a) is given to boris
        3000 boris task t2
        3000 t2 (admin for a) is worked on by boris
        9000 t2 (admin for a) is done by boris: waited 0, worked 6980
        9000 boris ready
        9000 t1 (admin for a) is given to boris
        9000 boris task t1
        9000 t1 (admin for a) is worked on by boris
    "#]]
    .assert_eq(&run("queue a
                     agent anna a tasks=2
                     agent boris a tasks=1
                     reason lunch 0
                     0 in anna
                     10 task admin a due=500
                     20 task admin a due=400
                     1000 pause anna lunch
                     2000 in boris
                     3000 out anna
                     9000 done t2"));
}

#[test]
fn who_passes_on_what_he_works_on_is_told_so_before_his_next_task_begins() {
    expect![[r#"
        0 anna ready
        10 t1 (email for a) is entered, due 100
        10 t1 (email for a) is given to anna
        10 anna task t1
        10 t1 (email for a) is worked on by anna
        20 t2 (email for a) is entered, due 200
        20 t2 (email for a) is given to anna
        30 t1 (email for b) comes from a
        30 anna task t2
        30 t2 (email for a) is worked on by anna
    "#]]
    .assert_eq(&run("queue a
                     queue b
                     agent anna a tasks=2
                     0 in anna
                     10 task email a due=100
                     20 task email a due=200
                     30 pass t1 b"));
}

#[test]
fn tasks_pass_to_another_queue_and_wait_where_nobody_serves_through_a_reload_and_a_restart() {
    expect![[r#"
        0 anna ready
        10 t1 (complaint for a) is entered, due 14400
        10 t1 (complaint for a) is given to anna
        10 anna task t1
        10 t1 (complaint for a) is worked on by anna
        20 t1 (complaint for b) comes from a
        20 anna ready
        40 t1 (complaint for b) is given to anna
        40 anna task t1
        40 t1 (complaint for b) is worked on by anna
        50 t1 (complaint for a) comes from b
        50 anna ready
        50 t1 (complaint for a) is given to anna
        50 anna task t1
        50 t1 (complaint for a) is worked on by anna
        70 t1 (complaint for a) is given back by anna
        70 anna logged-out
    "#]]
    .assert_eq(&run("queue a
                     queue b
                     agent anna a tasks=1
                     0 in anna
                     10 task complaint a urgent
                     20 pass t1 b
                     30 save
                     40 agent anna a,b tasks=1
                     50 pass t1 a
                     60 drop queue b
                     70 drop agent anna"));
}

#[test]
fn what_cannot_be_is_refused() {
    let mut run = Run::new(
        "queue a
         agent anna a
         10 task admin b
         20 task admin a subject=201
         30 task admin a customer=65
         40 task admin a
         50 task admin a
         60 task admin a
         70 done t9
         80 done t1 sale
         90 pass t1 b
         95 pass t1 a
         99 pass t9 a",
        Bounds { tasks_max: 2, ..Bounds::default() },
    );
    run.play();
    expect![[r#"
        10 refused: there is no queue b
        20 refused: a text of the task is longer than 200 bytes
        30 refused: a text of the task is longer than 64 bytes
        40 t1 (admin for a) is entered, due 86400
        50 t2 (admin for a) is entered, due 86400
        60 refused: 2 tasks wait to be done; no more are kept
        70 refused: there is no task 00000000000000000000000000000000; it may be done
        80 refused: there is no disposition sale
        90 refused: there is no queue b
        95 refused: it waits in a already
        99 refused: there is no task 00000000000000000000000000000000; it may be done
    "#]]
    .assert_eq(&run.text);
}

#[test]
fn rows_say_where_each_task_stands_and_how_long_it_was_worked_on() {
    let mut run = Run::new(
        "queue a
         agent anna a tasks=2
         0 in anna
         1000 task admin a due=50
         2000 task email a due=100
         3000 task fax a due=200
         4000 task fax a due=150",
        Bounds::default(),
    );
    run.play();
    let rows = run.acd.tasks(None, None, Now::from_ms(61_000));
    let told: Vec<_> = rows.iter().map(|row| (row.kind.as_str(), row.state, row.is_late, row.worked_ms)).collect();
    assert_eq!(
        told,
        [
            ("admin", TaskState::WorkedOn, true, 60_000),
            ("email", TaskState::Held, false, 0),
            ("fax", TaskState::Waiting(1), false, 0),
            ("fax", TaskState::Waiting(2), false, 0),
        ]
    );
    assert_eq!(
        (rows[2].due.as_secs(), run.acd.queues(Now::from_ms(61_000))[0].tasks, run.acd.sizes().tasks),
        (150, 2, 4)
    );
    assert_eq!(run.acd.tasks(None, Some(super::script::agent("anna")), Now::from_ms(61_000)).len(), 2);
}
