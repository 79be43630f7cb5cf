//! Calls from phones: feature codes, colleagues, queues, numbers outside.

use expect_test::expect;

use super::script::run;

#[test]
fn a_feature_code_is_answered_carried_out_and_told() {
    expect![[r#"
        0      * c1 arrived s1 to *454711
               * c1 a1 began s1 to *454711 Agent(anna, s1)
               s1 has 1
               c1 record
               * c1 a1 in ivr
        3      a1 answer
               * c1 a1 answered
               a1 code at s1: in-out "4711"
        4      * c1 a1 in ivr done
               a1 hears done
        2000   a1 end 200/16 normal
        2001   * c1 a1 ended 200/16 normal by Us
               s1 has 0
        2002   * c1 a1 figures
               * c1 ended answered by Us
    "#]]
    .assert_eq(&run("0 station a1 s1 *454711
         3 recorded c1
         4 code a1 done
         2000 a1 played
         2001 a1 ended
         2002 a1 figures"));
}

#[test]
fn a_refused_feature_code_says_so() {
    expect![[r#"
        4      * c1 a1 in ivr no
               a1 hears no
        1000   * c1 a1 ended 200/16 peer by Caller
               s3 has 0
        1001   * c1 a1 figures
               * c1 ended rejected by Caller
    "#]]
    .assert_eq(&run("0 station a1 s3 *46
         3 recorded c1
         --
         4 code a1 refused
         5 code a1 done
         1000 a1 bye
         1001 a1 figures"));
}

#[test]
fn a_colleague_is_called_and_both_stations_are_busy() {
    expect![[r#"
        0      * c1 arrived s1 to 1002
               * c1 a1 began s1 to 1002 Agent(anna, s1)
               s1 has 1
               c1 record
               * c1 b1 began s1 to s2 Agent(boris, s2)
               s2 has 1
               b1 dial s2 from s1 like a1
               * c1 a1 in ivr
               * c1 b1 in ring boris
        100    * c1 b1 rings
               a1 ring
        2000   * c1 b1 answered
               a1 answer
               * c1 a1 answered
               * c1 a1 in talk boris
               * c1 b1 in talk boris
               a1 hears b1 and is heard
        9000   * c1 a1 ended 200/16 peer by Caller
               s1 has 0
               b1 end 200/16 normal
        9001   * c1 b1 ended 200/16 normal by Caller
               s2 has 0
        9002   * c1 a1 figures
               * c1 b1 figures
               * c1 ended answered by Caller
    "#]]
    .assert_eq(&run("0 seat boris s2
         0 station a1 s1 1002
         3 recorded c1
         100 b1 ringing
         150 b1 ringing
         2000 b1 answered
         9000 a1 bye
         9001 b1 ended
         9002 a1 figures
         9002 b1 figures"));
}

#[test]
fn a_call_to_an_agent_rings_where_he_sits() {
    let dialled = |script: &str| run(script).lines().filter(|line| line.contains("b1 dial")).count();
    assert_eq!(dialled("0 seat boris s3\n0 seat boris s2\n0 station a1 s1 22"), 1);
    assert!(run("0 seat boris s3\n0 seat boris s2\n0 station a1 s1 22").contains("b1 dial s2 "));
    for gone in ["0 seat boris -", "0 seat anna s2", "0 seat boris s2\n0 seat carla s2"] {
        let got = run(&format!("{gone}\n0 station a1 s1 22"));
        assert!(got.contains("a1 end 480/20 unreachable"), "{gone}: {got}");
    }
}

#[test]
fn a_busy_colleague_is_told_as_busy() {
    expect![[r#"
        100    * c1 b1 ended 486/0 peer by Agent
               s3 has 0
               a1 end 486/0 peer
        101    * c1 a1 ended 200/16 normal by Agent
               s1 has 0
        102    * c1 b1 figures
               * c1 ended busy by Agent
    "#]]
    .assert_eq(&run("0 station a1 s1 1003
         3 recorded c1
         --
         100 b1 refused 486
         101 a1 ended
         102 b1 figures"));
}

#[test]
fn a_colleague_who_does_not_answer_is_given_up_at_the_ring_limit() {
    expect![[r#"
        30000  b1 end 487/19 ring-limit
               a1 end 480/19 ring-limit
        30001  * c1 b1 answered
        30002  * c1 b1 ended 200/16 normal by Us
               s3 has 0
        30003  * c1 a1 ended 200/16 normal by Us
               s1 has 0
        32002  * c1 ended no-answer by Us
    "#]]
    .assert_eq(&run("0 station a1 s1 1003
         3 recorded c1
         100 b1 ringing
         --
         30000 pass
         30001 b1 answered
         30002 b1 ended
         30003 a1 ended
         34000 pass"));
}

#[test]
fn a_caller_who_gives_up_before_the_answer_takes_the_ringing_with_him() {
    expect![[r#"
        5000   * c1 a1 ended 200/16 peer by Caller
               s1 has 0
               b1 end 487/16 normal
        5001   * c1 b1 ended 200/16 normal by Caller
               s3 has 0
        5002   * c1 b1 figures
               * c1 ended abandoned by Caller
    "#]]
    .assert_eq(&run("0 station a1 s1 1003
         3 recorded c1
         100 b1 ringing
         --
         5000 a1 bye
         5001 b1 ended
         5002 b1 figures"));
}

#[test]
fn a_phone_may_call_a_queue() {
    expect![[r#"
        0      * c1 arrived s3 to 70
               * c1 a1 began s3 to 70 Station(s3)
               s3 has 1
               c1 record
               c1 look up s3
               * c1 a1 in ivr
               * c1 known gold
               c1 acd: enter sales Anyone gold 4000 unknown credit 0
               * c1 a1 in queue sales
        3      a1 answer
               * c1 a1 answered
               a1 hears hello, then salsa looped
    "#]]
    .assert_eq(&run("0 station a1 s3 70
         0 known c1
         0 acd c1 entered 1
         3 recorded c1"));
}

#[test]
fn outside_only_by_class_of_service_and_only_so_many_at_once() {
    expect![[r#"
        0      * c1 arrived s1 to 600
               * c1 a1 began s1 to 600 Agent(anna, s1)
               s1 has 1
               c1 record
               * c1 b1 began s1 to 600 Outside(t1)
               b1 dial 600 by t1 from s1 like a1
               * c1 a1 in ivr
               * c1 b1 in ivr
        100    a1 progress
               a1 hears b1 and is heard
        2000   * c1 b1 answered
               a1 answer
               * c1 a1 answered
               * c1 a1 in talk anna
               * c1 b1 in talk anna
        9000   * c1 b1 ended 200/16 peer by Agent
               a1 end 200/16 normal
        9001   * c1 a1 ended 200/16 normal by Agent
               s1 has 0
        9002   * c1 a1 figures
               * c1 b1 figures
               * c1 ended answered by Agent
    "#]]
    .assert_eq(&run("0 station a1 s1 600
         1 recorded c1
         100 b1 agreed
         2000 b1 answered
         9000 b1 bye
         9001 a1 ended
         9002 a1 figures
         9002 b1 figures"));
    for (script, told) in [
        ("0 station a1 s1 601\n1 station a2 s1 602", "a2 end 403/21 forbidden"), // one at once
        ("0 station a1 s1 911", "a1 end 403/21 forbidden"),                      // another class may
        ("0 station a1 s2 600", "a1 end 403/21 forbidden"),                      // no class
        ("0 station a1 s2 555", "a1 end 404/1 not-found"),
        ("0 station a1 s2 ñ", "a1 end 404/1 not-found"),
    ] {
        let got = run(script);
        assert!(got.contains(told), "{script}: {got}");
    }
    // The first is over: another may follow.
    let got = run("0 station a1 s1 601\n1 recorded c1\n2 a1 bye\n3 b1 ended\n4 station a2 s1 602");
    assert!(got.contains("b2 dial 602 by t1"), "{got}");
}

#[test]
fn a_trunk_that_fails_is_followed_by_the_next_but_a_busy_number_is_not() {
    expect![[r#"
        100    * c1 b1 ended 503/0 peer by Agent
               * c1 b2 began s1 to 600 Outside(t2)
               b2 dial 600 by t2 from s1 like a1
               * c1 b2 in ivr
        200    * c1 b2 rings
               a1 ring
        300    * c1 b2 ended 408/102 unreachable by Us
               a1 end 408/102 unreachable
        301    * c1 a1 ended 200/16 normal by Us
               s1 has 0
        2300   * c1 ended failed by Us
    "#]]
    .assert_eq(&run("0 station a1 s1 600
         1 recorded c1
         --
         100 b1 refused 503
         200 b2 ringing
         300 b2 lost
         301 a1 ended
         3000 pass"));
    let got = run("0 station a1 s1 600\n1 recorded c1\n--\n100 b1 refused 486");
    assert!(got.contains("a1 end 486/0 peer") && !got.contains("b2"), "{got}");
}

#[test]
fn early_media_of_a_trunk_that_then_fails_gives_way_to_ringback() {
    expect![[r#"
        200    * c1 b1 ended 500/0 peer by Agent
               * c1 b2 began s1 to 600 Outside(t2)
               b2 dial 600 by t2 from s1 like a1
               * c1 b2 in ivr
               a1 hears nobody
               a1 hears ringback
        300    * c1 b2 rings
               a1 ring
        400    a1 hears b2 and is heard
        900    * c1 b2 answered
               a1 answer
               * c1 a1 answered
               * c1 a1 in talk anna
               * c1 b2 in talk anna
    "#]]
    .assert_eq(&run("0 station a1 s1 600
         1 recorded c1
         100 b1 agreed
         --
         200 b1 refused 500
         300 b2 ringing
         400 b2 agreed
         900 b2 answered"));
}

#[test]
fn a_call_that_gets_no_media_before_the_answer_goes_on_to_the_next_trunk() {
    let got = run("0 station a1 s1 600\n1 recorded c1\n--\n100 b1 failed");
    assert!(got.contains("b1 end 487/41 fault") && got.contains("b2 dial 600 by t2"), "{got}");
}

#[test]
fn a_phone_that_calls_before_its_record_is_durable_is_not_answered() {
    expect![[r#"
        100    * c1 b1 answered
        4000   a1 end 503/41 overload
               b1 end 200/41 overload
        4001   * c1 b1 ended 200/16 normal by Us
               s3 has 0
               * c1 a1 ended 200/16 normal by Us
               s1 has 0
        6001   * c1 ended failed by Us
    "#]]
    .assert_eq(&run("0 station a1 s1 1003
         --
         100 b1 answered
         4000 pass
         4001 b1 ended
         4001 a1 ended
         9000 pass"));
}
