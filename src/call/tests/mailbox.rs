//! Voicemail: said, spoken, ended by whatever, and written down once.

use expect_test::expect;

use super::queue::WAITS;
use super::script::{Run, after, config};

/// Up to a caller who hears what the mailbox says.
pub(crate) const CALLS: &str = "
    0 trunk a1 906
    0 known c1
    3 recorded c1
    10 a1 agreed";

/// Up to a caller who speaks.
fn speaks() -> String {
    format!("{CALLS}\n4000 a1 played")
}

#[test]
fn a_caller_whom_his_queue_does_not_keep_leaves_a_message() {
    expect![[r#"
        9999   * c1 a1 in voicemail
               a1 hears leave-a-message beep
        14000  c1 tape of a1 begins in box from 600111222 of queue sales
        30000  c1 tape of a1 is done
               * c1 a1 in ivr done
               a1 hears done
        31000  a1 end 200/31 overflow
        31010  * c1 a1 ended 200/16 normal by Us
        31020  * c1 a1 figures
               * c1 ended no-answer by Us
    "#]]
    .assert_eq(&after(
        WAITS,
        "9999 acd c1 left overflowed
         9999 acd c1 overflow voicemail box
         14000 a1 played
         30000 a1 taped silence
         31000 a1 played
         31010 a1 ended
         31020 a1 figures",
    ));
}

#[test]
fn who_hangs_up_while_he_speaks_has_left_what_he_said() {
    expect![[r#"
        20000  * c1 a1 ended 200/16 peer by Caller
        20001  c1 tape of a1 is done
        20002  * c1 a1 figures
               * c1 ended no-answer by Caller
    "#]]
    .assert_eq(&after(
        &speaks(),
        "20000 a1 bye
         20001 a1 taped closed
         20002 a1 figures",
    ));
}

#[test]
fn the_pound_key_ends_it_and_other_keys_are_part_of_it() {
    assert_eq!(after(&speaks(), "9000 a1 key 5"), "");
    expect![[r#"
        9000   c1 tape of a1 ends
        9001   c1 tape of a1 is done
               * c1 a1 in ivr done
               a1 hears done
    "#]]
    .assert_eq(&after(&speaks(), "9000 a1 key #\n9001 a1 taped told"));
    assert_eq!(after(CALLS, "2000 a1 key #"), "", "nothing is taken down yet");
}

#[test]
fn what_cannot_be_written_is_told_and_the_tape_stops() {
    expect![[r#"
        9000   c1 tape of a1 ends
               c1 tape of a1 is done
               * c1 a1 in ivr no
               a1 hears no
        9500   a1 end 200/31 overflow
    "#]]
    .assert_eq(&after(&speaks(), "9000 a1 taped failed\n9001 a1 taped told\n9500 a1 played"));
}

#[test]
fn a_message_is_whole_at_the_latest_when_its_call_is_over() {
    for end in [
        "a1 failed\n20001 a1 ended\n20002 a1 figures",
        "fault c1\n20001 a1 ended\n20002 a1 figures",
        "restarted\n20001 a1 ended",
    ] {
        let got = after(&speaks(), &format!("20000 {end}"));
        assert_eq!(got.matches("tape of a1 is done").count(), 1, "{end}: {got}");
    }
}

#[test]
fn a_mailbox_that_a_new_configuration_no_longer_has_says_good_bye() {
    let mut run = Run::new(config());
    run.script(CALLS);
    let mut without = config();
    without.mailboxes.clear();
    run.calls.configure(without.clone());
    run.printed.clear();
    run.script("4000 a1 played");
    assert!(run.printed.contains("a1 end 200/31 overflow"), "{}", run.printed);
    let mut run = Run::new(without);
    run.script(CALLS);
    assert!(run.printed.contains("a1 end 480/31 overflow"), "{}", run.printed);
}
