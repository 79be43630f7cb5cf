//! The names of dialogs, for records.

use super::script::after;
use super::talk::talks;

/// Lines of a run in which a dialog is named.
fn named(got: &str) -> Vec<&str> {
    got.lines()
        .filter(|line| line.contains(" between "))
        .map(|line| line.trim_start_matches([' ', '*']).trim())
        .collect()
}

/// Boris answers at his second phone, and the customer goes on with him: in her call his leg has the names that it has.
#[test]
fn a_leg_that_goes_on_in_another_call_is_named_there_too() {
    let consults = format!(
        "0 seat boris s2\n{}\n20000 b1 held\n20100 station a2 s1 1002\n20101 recorded c2\n20200 b2 ringing",
        talks()
    );
    let got = after(
        &consults,
        "20900 b2 named his\n21000 b2 answered\n22000 b1 transfer 1002 replaces a2\n22010 b2 named other",
    );
    let [first, again, changed] = named(&got)[..] else { panic!("{got}") };
    assert!(first.ends_with("c2 b2 is elsewhere-2 between ours and his"), "{got}");
    assert!(again.ends_with("c1 b2 is elsewhere-2 between ours and his"), "{got}");
    assert!(changed.ends_with("c1 b2 is elsewhere-2 between ours and other"), "{got}");
}

#[test]
fn a_leg_that_is_no_more_is_not_named() {
    assert_eq!(named(&after(&talks(), "60000 a1 bye\n60010 b1 ended\n60020 b1 named late")), [""; 0]);
}
