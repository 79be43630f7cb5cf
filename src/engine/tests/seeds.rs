//! Days by seed. `TURNO_SIM_SEEDS=1000 cargo test --release -p turno-engine seeds` plays a thousand of them; a seed that
//! fails is kept below as a test of its own, named after what was seen.

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
    let asked = std::env::var("TURNO_SIM_SEEDS").ok().and_then(|text| text.parse().ok());
    let mut seen = std::collections::BTreeMap::new();
    let mut failed = Vec::new();
    for seed in 1..=asked.unwrap_or(SEEDS) {
        match catch_unwind(AssertUnwindSafe(|| day::play(seed))) {
            Ok(world) => world.audit.seen.into_iter().for_each(|(what, n)| *seen.entry(what).or_insert(0) += n),
            Err(_) => failed.push(seed),
        }
    }
    println!("{seen:#?}");
    assert!(failed.is_empty(), "days that went wrong: {failed:?}");
    for what in HAPPENS {
        assert!(seen.contains_key(what), "in no day: {what}");
    }
}

/// A caller who cancels in the instant in which he enters a queue leaves the queue before his call ends.
#[test]
fn days_on_which_somebody_cancels_before_he_is_answered() {
    day::play(158);
    day::play(396);
}
