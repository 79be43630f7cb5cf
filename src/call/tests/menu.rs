//! Menus: said, heard, chosen from, and left alone.

use expect_test::expect;

use super::queue::WAITS;
use super::script::{Run, after, config};
use crate::MENU_HOPS_MAX;

/// Up to a caller who hears the main menu.
pub(crate) const CHOOSES: &str = "
    0 trunk a1 905
    0 known c1
    3 recorded c1
    10 a1 agreed";

#[test]
fn a_caller_hears_the_menu_presses_a_key_and_waits_in_the_queue_that_it_leads_to() {
    expect![[r#"
        0      * c1 arrived 600111222 to 905
               * c1 a1 began 600111222 to 905 Caller(Some(t1))
               c1 look up 600111222
               c1 record
               * c1 a1 in ivr
               * c1 known gold
               * c1 a1 in ivr welcome
        3      a1 answer
               * c1 a1 answered
               a1 hears welcome main
        2000   c1 acd: enter sales Anyone gold 4000 tel:+34600111222 credit 0, may be called back
               * c1 a1 in ivr
               a1 hears hold looped
               * c1 a1 in queue sales
               a1 hears hello, then salsa looped
    "#]]
    .assert_eq(&after("", &format!("{CHOOSES}\n2000 a1 key 1\n2000 acd c1 entered 1")));
}

#[test]
fn who_presses_nothing_hears_it_twice_and_goes_on() {
    expect![[r#"
        9000   a1 hears welcome main
        18000  c1 acd: enter sales Anyone gold 4000 tel:+34600111222 credit 0, may be called back
               * c1 a1 in ivr
               a1 hears hold looped
    "#]]
    .assert_eq(&after(CHOOSES, "4000 a1 played\n13000 a1 played\n18001 pass"));
}

#[test]
fn every_key_leads_where_it_says_and_others_nowhere() {
    for (key, leads) in [
        ("1", "c1 acd: enter sales"),
        ("2", "a1 hears more"),
        ("3", "b1 dial 911 by t1"),
        ("4", "a1 hears closed"),
        ("5", "a1 end 200/31 overflow"),
    ] {
        let got = after(CHOOSES, &format!("2000 a1 key {key}"));
        assert!(got.contains(leads), "{key}: {got}");
        let late = after(CHOOSES, &format!("2000 a1 played\n6900 a1 key {key}"));
        assert!(late.contains(leads), "{key}, after the menu was said: {late}");
    }
    assert_eq!(after(CHOOSES, "2000 a1 key 9\n2001 a1 key #"), "");
}

#[test]
fn an_overflow_leads_to_a_menu_and_back_into_the_queue_with_the_age() {
    let got = after(WAITS, "9999 acd c1 left overflowed\n9999 acd c1 overflow menu main\n20000 a1 key 1");
    assert!(got.contains("a1 hears welcome main"), "{got}");
    assert!(got.contains("c1 acd: enter sales Anyone gold 4000 tel:+34600111222 credit 20000"), "{got}");
}

#[test]
fn two_menus_that_lead_to_each_other_end() {
    let mut run = Run::new(config());
    run.script(CHOOSES);
    for n in 1..u64::from(MENU_HOPS_MAX) {
        let key = if n % 2 == 1 { '2' } else { '0' };
        run.script(&format!("{} a1 key {key}", 1000 + n));
        assert_eq!(run.calls.rows(run.now).next().unwrap().stage, "menu", "{n}");
    }
    run.script("9000 a1 key 0");
    assert_eq!(run.calls.rows(run.now).next().unwrap().stage, "ending");
}

#[test]
fn a_menu_that_a_new_configuration_no_longer_has_leads_out() {
    let mut run = Run::new(config());
    run.script(CHOOSES);
    let mut without = config();
    without.menus.clear();
    run.calls.configure(without);
    run.printed.clear();
    run.script("4000 a1 played\n4001 pass");
    assert!(run.printed.contains("a1 end 200/31 overflow"), "{}", run.printed);
}
