//! Conversations: hang-ups, hold, rescue, silence.

use expect_test::expect;

use super::queue::WAITS;
use super::script::after;

/// Up to a caller who talks with anna at s1.
pub(crate) fn talks() -> String {
    format!(
        "{WAITS}
        7000 acd c1 offer anna s1 5
        7100 b1 ringing
        9000 b1 answered
        9000 acd c1 left answered anna
        9000 acd c1 connect anna 5
        9010 b1 agreed"
    )
}

#[test]
fn the_callers_bye_releases_the_agent_and_ends_his_leg() {
    expect![[r#"
        60000  * c1 a1 ended 200/16 peer by Caller
               c1 acd: anna released
               b1 end 200/16 normal
        60010  * c1 b1 ended 200/16 normal by Caller
        60020  * c1 a1 figures
               * c1 b1 figures
               * c1 ended answered by Caller
    "#]]
    .assert_eq(&after(
        &talks(),
        "60000 a1 bye
         60010 b1 ended
         60020 a1 figures
         60020 b1 figures",
    ));
}

#[test]
fn both_hang_up_at_once_and_the_first_is_named() {
    expect![[r#"
        60000  * c1 b1 ended 200/16 peer by Agent
               c1 acd: anna released
               a1 end 200/16 normal
        60001  * c1 a1 ended 200/16 peer by Agent
        60020  * c1 a1 figures
               * c1 b1 figures
               * c1 ended answered by Agent
    "#]]
    .assert_eq(&after(
        &talks(),
        "60000 b1 bye
         60001 a1 bye
         60020 a1 figures
         60020 b1 figures",
    ));
}

#[test]
fn held_by_his_agent_the_caller_hears_the_queues_music_until_resumed() {
    expect![[r#"
        20000  c1 acd: anna holding
               * c1 a1 in hold anna
               * c1 b1 in hold anna
               a1 hears nobody
               a1 hears salsa looped
        30000  c1 acd: anna talking
               * c1 a1 in talk anna
               * c1 b1 in talk anna
               a1 hears b1 and is heard
    "#]]
    .assert_eq(&after(
        &talks(),
        "20000 b1 held
         20500 b1 held inactive
         30000 b1 agreed",
    ));
}

#[test]
fn held_by_the_caller_the_agent_hears_nothing_and_goes_on_talking_in_the_books() {
    expect![[r#"
        20000  a1 hears nobody
        30000  a1 hears b1 and is heard
    "#]]
    .assert_eq(&after(&talks(), "20000 a1 held\n30000 a1 agreed"));
}

#[test]
fn both_hold_and_nobody_hears_anything() {
    expect![[r#"
        20000  c1 acd: anna holding
               * c1 a1 in hold anna
               * c1 b1 in hold anna
               a1 hears nobody
               a1 hears salsa looped
        21000  a1 hears nothing
        22000  c1 acd: anna talking
               * c1 a1 in talk anna
               * c1 b1 in talk anna
        23000  a1 hears b1 and is heard
    "#]]
    .assert_eq(&after(&talks(), "20000 b1 held\n21000 a1 held\n22000 b1 agreed\n23000 a1 agreed"));
}

#[test]
fn a_caller_who_hangs_up_on_hold_was_answered() {
    expect![[r#"
        20000  c1 acd: anna holding
               * c1 a1 in hold anna
               * c1 b1 in hold anna
               a1 hears nobody
               a1 hears salsa looped
        30000  * c1 a1 ended 200/16 peer by Caller
               c1 acd: anna released
               b1 end 200/16 normal
        30010  * c1 b1 ended 200/16 normal by Caller
        32010  * c1 ended answered by Caller
    "#]]
    .assert_eq(&after(&talks(), "20000 b1 held\n30000 a1 bye\n30010 b1 ended\n34000 pass"));
}

#[test]
fn when_the_agents_leg_dies_the_caller_is_rescued_with_his_age_and_told() {
    for dies in ["expired", "lost", "failed"] {
        let got = after(&talks(), &format!("60000 b1 {dies}\n60000 b1 figures"));
        assert!(got.contains("c1 acd: anna released\n"), "{dies}: {got}");
        assert!(
            got.contains("c1 acd: enter sales Anyone gold 4000 tel:+34600111222 credit 60000, rescued, may"),
            "{dies}: {got}"
        );
        assert!(!got.contains("a1 end"), "{dies}: {got}");
    }
    expect![[r#"
        62000  * c1 b1 heard until 60000
               * c1 b1 ended 408/102 session-expired by Us
               c1 acd: anna released
               c1 acd: enter sales Anyone gold 4000 tel:+34600111222 credit 62000, rescued, may be called back
               * c1 a1 in ivr
               a1 hears nobody
               a1 hears salsa looped
        70001  * c1 a1 ended 200/16 normal by Us
               c1 acd: leave failed
        72001  * c1 ended answered by Us
    "#]]
    .assert_eq(&after(
        &talks(),
        "60000 b1 expired
         60000 acd c1 entered 1
         61000 acd c1 offer boris s2 6
         62000 b2 answered
         62000 acd c1 connect boris 6
         70000 b2 bye
         70001 a1 ended
         80000 pass",
    ));
}

#[test]
fn a_caller_who_gives_up_after_the_rescue_was_answered_once() {
    expect![[r#"
        60000  * c1 b1 ended 408/102 unreachable by Us
               c1 acd: anna released
               c1 acd: enter sales Anyone gold 4000 tel:+34600111222 credit 60000, rescued, may be called back
               * c1 b1 figures
               * c1 a1 in ivr
               a1 hears nobody
               a1 hears salsa looped
               * c1 a1 in queue sales
               a1 hears cut-off, then salsa looped
        65000  * c1 a1 ended 200/16 peer by Caller
               c1 acd: leave abandoned
        67000  * c1 ended answered by Caller
    "#]]
    .assert_eq(&after(&talks(), "60000 b1 lost\n60000 b1 figures\n60000 acd c1 entered 1\n65000 a1 bye\n68000 pass"));
}

#[test]
fn silence_on_both_sides_ends_both_and_on_the_agents_side_alone_rescues() {
    expect![[r#"
        60500  * c1 a1 heard until 8000
               * c1 b1 heard until 8000
               c1 acd: anna released
               a1 end 200/41 media-silent
               b1 end 200/41 media-silent
    "#]]
    .assert_eq(&after(&talks(), "60000 b1 silent\n60500 a1 silent"));
    expect![[r#"
        60000  * c1 a1 heard until 8000
               * c1 b1 heard until 8000
               c1 acd: anna released
               a1 end 200/41 media-silent
               b1 end 200/41 media-silent
    "#]]
    .assert_eq(&after(&talks(), "60000 a1 silent\n60500 b1 silent"));
    expect![[r#"
        62000  * c1 b1 heard until 8000
               b1 end 200/41 media-silent
               c1 acd: anna released
               c1 acd: enter sales Anyone gold 4000 tel:+34600111222 credit 62000, rescued, may be called back
               * c1 a1 in ivr
               a1 hears nobody
               a1 hears salsa looped
        62100  * c1 b1 ended 200/16 normal by Us
    "#]]
    .assert_eq(&after(&talks(), "60000 b1 silent\n62000 pass\n62100 b1 ended"));
}

#[test]
fn silence_or_failed_media_of_a_waiting_caller_is_no_abandon() {
    expect![[r#"
        60000  * c1 a1 heard until 8000
               c1 acd: leave failed
               a1 end 200/41 media-silent
    "#]]
    .assert_eq(&after(WAITS, "60000 a1 silent"));
    expect![[r#"
        60000  c1 acd: leave failed
               a1 end 200/41 fault
    "#]]
    .assert_eq(&after(WAITS, "60000 a1 failed"));
}

#[test]
fn keys_in_a_conversation_are_nobodys() {
    assert_eq!(after(&talks(), "60000 a1 key 1\n61000 b1 key 1"), "");
}

#[test]
fn figures_are_told_once_whether_they_come_before_or_after_the_end() {
    expect![[r#"
        60000  * c1 b1 figures
        60001  * c1 b1 ended 200/16 peer by Agent
               c1 acd: anna released
               a1 end 200/16 normal
        60010  * c1 a1 ended 200/16 normal by Agent
        60011  * c1 a1 figures
               * c1 ended answered by Agent
    "#]]
    .assert_eq(&after(
        &talks(),
        "60000 b1 figures
         60001 b1 bye
         60002 b1 figures
         60010 a1 ended
         60011 a1 figures",
    ));
}
