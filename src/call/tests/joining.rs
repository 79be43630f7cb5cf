//! A fault of ours while one call goes on in another.

use expect_test::expect;

use super::script::{Run, config};
use super::transfer::consults;

/// What a fault leaves that strikes between the two halves of an attended transfer: both calls named, neither taken out.
fn struck(script: &str) -> Run {
    let mut run = Run::new(config());
    run.script(&consults());
    let (asked, other) = (run.call("c1"), run.call("c2"));
    run.calls.house.joining = Some((asked, other));
    run.printed.clear();
    run.script(script);
    run
}

#[test]
fn a_fault_in_an_attended_transfer_ends_both_calls_with_a_record_each() {
    let mut run = struck("30000 fault c1");
    expect![[r#"
        30000  c1 acd: anna released
               a1 end 200/41 fault
               b1 end 200/41 fault
               a2 end 200/41 fault
               b2 end 200/41 fault
    "#]]
    .assert_eq(&run.printed);
    let live = run.audit.live();
    for leg in live {
        run.script(&format!("30001 {leg} ended\n30002 {leg} figures"));
    }
    run.audit.assert_over();
    assert!(run.calls.house.is_idle());
}

#[test]
fn a_fault_of_another_call_leaves_those_two_alone() {
    let run = struck("30000 trunk a3 900\n30000 fault c3");
    assert_eq!(run.calls.sizes().calls, 3, "{}", run.printed);
    assert!(!run.printed.contains("c1") && !run.printed.contains("c2"), "{}", run.printed);
}
