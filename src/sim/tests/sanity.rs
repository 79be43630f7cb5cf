//! Runs against theory: Erlang C and A, first come first served.

use turno_report::erlang::{Load, erlang_a, erlang_c};

use super::{days, named, plain};
use crate::day::{ATTEMPTS_MAX, Centre, Day};
use crate::figures::Figures;
use crate::policy::Named;
use crate::stats::{Interval, mean};
use crate::world::ledger;

const LOAD: Load = Load { rate: 10.0 / 180.0, handle_s: 180.0 };

/// Ten Erlang, days of fifty hours after a warm-up of four; the full size is a command (docs/simulation.md).
fn erlang_days(agents: u32, patience: &str, policy: &Named) -> Vec<Figures> {
    let more = "warm_up_s = 14400\nshort_abandon_s = 0";
    days(&plain(agents, 200.0, 54.0, more, "", patience), policy, 11, 12)
}

fn over(days: &[Figures], of: impl Fn(&Figures) -> f64) -> Interval {
    mean(&days.iter().map(of).collect::<Vec<f64>>())
}

fn meets(what: &str, found: Interval, theory: f64) {
    // Three half-widths: a dozen intervals of 95 % would miss by chance once in two runs.
    assert!((found.mid - theory).abs() < 3.0 * found.half / 2.0, "{what}: {found:?}, theory {theory}");
    assert!(found.half < theory * 0.35 + 0.01, "{what}: too wide to prove anything: {found:?}");
}

#[test]
fn endless_patience_meets_erlang_c() {
    for (agents, policy) in [(12, Named::FifoRoundRobin), (14, Named::Turno(crate::Knobs::default()))] {
        let theory = erlang_c(agents, LOAD);
        let days = erlang_days(agents, "patience_s = 0", &policy);
        meets("waits", over(&days, |day| day.delayed as f64 / day.calls as f64), theory.waits);
        let within = over(&days, |day| day.answered_within as f64 / day.calls as f64);
        meets("within 20 s", within, theory.answered_within(20.0));
        meets("asa", over(&days, |day| day.wait_answered_s / day.calls as f64), theory.asa_s);
    }
}

#[test]
fn impatient_callers_meet_erlang_a() {
    for agents in [10, 12] {
        let theory = erlang_a(agents, LOAD, 180.0);
        let days = erlang_days(agents, "patience_s = 180", &Named::Turno(crate::Knobs::default()));
        meets("waits", over(&days, |day| day.delayed as f64 / day.calls as f64), theory.waits);
        meets("abandons", over(&days, |day| day.abandoned as f64 / day.calls as f64), theory.abandons);
        meets("wait", over(&days, |day| day.value_wait_s / day.calls as f64), theory.wait_s);
    }
}

#[test]
fn one_class_is_first_come_first_served() {
    let one = plain(6, 130.0, 10.0, "", "wrap_up_s = 20\nhandle_cv = 0.8", "patience_s = 120");
    let centre = Centre::new(&one);
    for seed in 1..=3 {
        let day = Day::draw(&one, &centre, seed, 0);
        let served = |policy: &Named| ledger(&one, &centre, &day, policy.build(&one, &centre, seed).as_mut());
        let turno = served(&Named::Turno(crate::Knobs::default()));
        let fifo = served(&Named::FifoLongestIdle);
        assert_eq!(turno, fifo, "seed {seed}: the same agents for the same calls at the same instants");
        let answered: Vec<u64> =
            turno.calls.iter().filter(|call| call.answered_by.is_some()).map(|call| call.arrived).collect();
        assert!(answered.len() > 500 && answered.is_sorted());
        assert!(turno.calls.iter().any(|call| call.answered_by.is_none()));
    }
}

#[test]
fn every_policy_meets_the_same_callers() {
    let mut mid = named("mid");
    mid.redial.pct = 50.0;
    mid.ring.no_answer_pct = 10.0;
    mid.ring.answer_max_s = 4.0;
    let centre = Centre::new(&mid);
    let day = Day::draw(&mid, &centre, 5, 3);
    assert_eq!(day, Day::draw(&mid, &centre, 5, 3));
    assert_ne!(day, Day::draw(&mid, &centre, 5, 4));
    let expected = mid.calls_expected();
    assert!((day.callers.len() as f64 - expected).abs() < 4.0 * expected.sqrt(), "{}", day.callers.len());
    let firsts = |policy: &Named| {
        let books = ledger(&mid, &centre, &day, policy.build(&mid, &centre, 5).as_mut());
        let mut firsts: Vec<(u32, usize, usize, u64)> = (books.calls.iter())
            .filter(|call| call.item % ATTEMPTS_MAX == 0)
            .map(|call| (call.item, call.queue, call.segment, call.arrived))
            .collect();
        firsts.sort_unstable();
        // Redials are not the same: who is answered does not redial.
        assert!(books.calls.len() > firsts.len());
        firsts
    };
    let all = Named::all();
    let first = firsts(&all[0]);
    assert_eq!(first.len(), day.callers.len());
    for policy in &all[1..] {
        assert_eq!(firsts(policy), first, "{}", policy.as_str());
    }
    // What a call has in it does not depend on when it is looked at.
    let caller = &day.callers[17];
    let (late, early) = (caller.attempt(&mid, 1), caller.attempt(&mid, 0));
    assert_eq!((caller.attempt(&mid, 0), caller.attempt(&mid, 1)), (early, late));
    assert_ne!(early, late);
}

#[test]
fn a_day_is_its_seed() {
    let mid = named("mid");
    for policy in Named::all() {
        assert_eq!(days(&mid, &policy, 3, 1), days(&mid, &policy, 3, 1), "{}", policy.as_str());
    }
}
