//! Days by seed. `TURNO_SIM_SEEDS=1000 cargo test --release -p turno-engine seeds` plays a thousand of them,
//! `TURNO_SIM_SEEDS=695-695` one; a seed that fails is kept below as a test of its own, named after what was seen.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::day;

/// Days played unless `TURNO_SIM_SEEDS` says how many.
const SEEDS: u64 = 30;

/// What must be among the things that happened, or the days are too quiet to show anything.
const HAPPENS: [&str; 20] = [
    "agent consulting",
    "agent holding",
    "agent outbound",
    "agent paused",
    "call abandoned",
    "call answered",
    "call failed",
    "leg media-silent",
    "leg operator",
    "leg restart",
    "leg session-expired",
    "leg transferred",
    "offer busy",
    "offer caller_left",
    "offer declined",
    "offer lost_race",
    "offer ring_no_answer",
    "offer unreachable",
    "queue overflowed",
    "queue short_abandoned",
];

#[test]
fn seeded_days_leave_nothing_behind() {
    #[expect(clippy::disallowed_methods, reason = "how many days is asked of the test, not of the engine")]
    let asked = std::env::var("TURNO_SIM_SEEDS").ok().map(|text| match text.split_once('-') {
        Some((first, last)) => (first.parse().unwrap(), last.parse().unwrap()),
        None => (1, text.parse().unwrap()),
    });
    let mut seen = std::collections::BTreeMap::new();
    let mut failed = Vec::new();
    for seed in asked.map_or(1..=SEEDS, |(first, last)| first..=last) {
        match catch_unwind(AssertUnwindSafe(|| day::play(seed))) {
            Ok(world) => world.audit.seen.into_iter().for_each(|(what, n)| *seen.entry(what).or_insert(0) += n),
            Err(_) => {
                println!("that was day {seed}");
                failed.push(seed);
            }
        }
    }
    println!("{seen:#?}");
    assert!(failed.is_empty(), "days that went wrong: {failed:?}");
    let are_many = asked.is_none_or(|(first, last)| last - first >= SEEDS);
    for what in HAPPENS.iter().filter(|_| are_many) {
        assert!(seen.contains_key(*what), "in no day: {what}");
    }
}

/// A caller who cancels in the instant in which he enters a queue leaves the queue before his call ends.
#[test]
fn days_on_which_somebody_cancels_before_he_is_answered() {
    day::play(158);
    day::play(396);
}

/// A phone's INVITE is challenged, and refused for draining where the network repeats it: neither leaves anything behind.
#[test]
fn a_day_on_which_a_challenged_invite_comes_again_under_another_load() {
    day::play(695);
}

/// A phone's 487 arrives before the 200 that it had sent, and then again.
#[test]
fn days_on_which_a_refusal_and_an_answer_of_one_invite_arrive() {
    day::play(1658);
    day::play(3549);
}

/// A phone answers, loses its power, and rings again when the INVITE is repeated.
#[test]
fn a_day_on_which_a_phone_forgets_that_it_answered() {
    day::play(6235);
}
