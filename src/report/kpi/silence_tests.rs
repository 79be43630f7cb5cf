//! Conversations of which nothing is heard any more: an agent talked until something was heard last, and is free when it is seen.

use std::collections::BTreeMap;

use turno_base::fact::{AgentState, Fact, QueueLeft, What};
use turno_base::{AgentId, CallId, LegId, Mono, Name, Now, Number, QueueId, Wall};

use super::*;

const CALL: CallId = CallId(9);

/// Half a minute before a quarter of an hour ends, and so much later.
fn at(s: u64) -> Now {
    Now { mono: Mono::from_ms(s * 1000), wall: Wall::from_secs(900 * 1_000_000 + 870 + s as i64) }
}

fn terms() -> KpiTerms {
    KpiTerms { rate: 3600, ..KpiTerms::default() }
}

/// Anna talks from 10 s on, holds from `holds` to `back`; nothing is heard since `heard`, which is seen at 70 s. Wrap-up until 80 s.
fn script(holds: Option<(u64, u64)>, heard: u64) -> Vec<Fact> {
    let (anna, averias): (AgentId, QueueId) = ("anna".parse().unwrap(), "averias".parse().unwrap());
    let state = |state, call| What::AgentChanged { agent: anna, station: None, state, call, is_paid: true };
    let silent = |leg| What::LegSilent { call: CALL, leg, heard: at(heard) };
    let mut script = vec![
        (0, state(AgentState::Ready, None)),
        (0, What::CallArrived { call: CALL, ani: Number::default(), dnis: Number::default(), trunk: None }),
        (0, What::QueueEntered { call: CALL, queue: averias, position: 1 }),
        (
            10,
            What::QueueLeft {
                call: CALL,
                queue: averias,
                left: QueueLeft::Answered(anna),
                position: 1,
                wait_ms: 10_000,
            },
        ),
        (10, state(AgentState::Talking, Some(CALL))),
        // Both legs of it.
        (70, silent(LegId(2))),
        (70, silent(LegId(4))),
        (70, state(AgentState::WrapUp, Some(CALL))),
        (80, state(AgentState::Ready, None)),
    ];
    if let Some((from, back)) = holds {
        script.push((from, state(AgentState::Holding, Some(CALL))));
        script.push((back, state(AgentState::Talking, Some(CALL))));
    }
    script.sort_by_key(|(s, _)| *s);
    script.into_iter().map(|(s, what)| Fact { at: at(s), what }).collect()
}

/// What comes of it when time is counted at these seconds too.
fn folded(facts: &[Fact], counted: &[u64]) -> Changes {
    let (mut fold, mut out) = (Fold::default(), Changes::default());
    for fact in facts {
        for &s in counted.iter().filter(|&&s| at(s).mono <= fact.at.mono) {
            fold.on_time(at(s).mono, &terms(), &mut out);
        }
        fold.on_fact(fact, &terms(), &mut out);
    }
    fold.on_time(at(100).mono, &terms(), &mut out);
    out
}

/// By quarter: talk, hold, wrap-up, not ready, ready, logged in, seconds.
fn times(out: &Changes) -> Vec<[u64; 6]> {
    let mut sums: BTreeMap<Quarter, AgentTally> = BTreeMap::new();
    out.agents.iter().for_each(|((quarter, _), tally)| sums.entry(*quarter).or_default().merge(tally));
    out.unheard.iter().for_each(|((quarter, _), unheard)| sums.entry(*quarter).or_default().unheard(unheard));
    let of = |AgentTally { times: t, .. }: &AgentTally| {
        [t.talk, t.hold, t.wrap_up, t.not_ready(), t.ready, t.logged_in()].map(|us| us / 1_000_000)
    };
    sums.values().map(of).collect()
}

#[test]
fn an_agent_talked_until_something_was_heard_last_and_wraps_up_when_he_is_free() {
    for (what, holds, heard, by_quarter, talk_s, hold_s) in [
        // The quarter ends at 30 s.
        ("in the first quarter", None, 25, [[15, 0, 0, 5, 10, 30], [0, 0, 10, 40, 20, 70]], 15, 0),
        ("in the second", None, 40, [[20, 0, 0, 0, 10, 30], [10, 0, 10, 30, 20, 70]], 30, 0),
        ("while he held", Some((40, 90)), 50, [[20, 0, 0, 0, 10, 30], [10, 10, 10, 20, 20, 70]], 30, 10),
        // What was agreed about the media is heard too: nobody was heard last before the state that he is in.
        ("before he held", Some((40, 90)), 20, [[20, 0, 0, 0, 10, 30], [10, 0, 10, 30, 20, 70]], 30, 0),
        ("never since he answered", None, 5, [[0, 0, 0, 20, 10, 30], [0, 0, 10, 40, 20, 70]], 0, 0),
        ("to the end", None, 70, [[20, 0, 0, 0, 10, 30], [40, 0, 10, 0, 20, 70]], 60, 0),
    ] {
        let facts: Vec<Fact> = script(holds, heard).into_iter().filter(|fact| fact.at.mono <= at(80).mono).collect();
        for counted in [&[][..], &[15], &[35, 69], &[11, 29, 31, 45, 55, 65, 75]] {
            let out = folded(&facts, counted);
            assert_eq!(times(&out), by_quarter, "{what}, counted at {counted:?}");
            let entry = &out.entries[&(CALL, 1)];
            assert_eq!(
                (entry.talk_ms, entry.hold_ms, entry.wrap_up_ms),
                (talk_s * 1000, hold_s * 1000, 10_000),
                "{what}"
            );
            // A unit a second: what handling the call cost, and what the agent cost.
            let of_call: u128 = out.tallies.values().map(|tally| tally.agent_cost).sum();
            let of_agent: u128 = out.agents.values().map(|tally| tally.cost).sum();
            let second = 3_600_000_000_u128;
            assert_eq!((of_call / second, of_agent / second), (u128::from(talk_s + hold_s) + 10, 100), "{what}");
        }
    }
}

#[test]
fn occupancy_knows_nothing_of_the_silence_and_it_is_not_ready_under_its_own_reason() {
    let out = folded(&script(None, 40), &[69]);
    let mut all = AgentTally::default();
    out.agents.values().for_each(|tally| all.merge(tally));
    out.unheard.values().for_each(|unheard| all.unheard(unheard));
    let figure = |name: &str| {
        let figure = AGENT_FIGURES.iter().find(|figure| figure.name == name).unwrap();
        (figure.of)(&all).to_string()
    };
    // (30 + 10) / (30 + 10 + 30 ready)
    assert_eq!(
        (figure("occupancy").as_str(), figure("talk").as_str(), figure("not_ready").as_str()),
        ("57.1 %", "30.0 s", "30.0 s")
    );
    assert_eq!(all.times.paused.keys().collect::<Vec<_>>(), [&Name::new(SILENT).unwrap()]);
    // He was there for his schedule all the time.
    let lasted: u64 =
        out.periods.iter().filter(|period| period.state == AgentState::Talking).map(|period| period.us).sum();
    assert_eq!(lasted, 60_000_000);
}

#[test]
fn changes_that_are_merged_are_those_of_both() {
    let facts = script(None, 40);
    let (mut fold, mut merged) = (Fold::default(), Changes::default());
    for fact in &facts {
        let mut out = Changes::default();
        fold.on_fact(fact, &terms(), &mut out);
        merged.merge(out);
    }
    let mut out = Changes::default();
    fold.on_time(at(100).mono, &terms(), &mut out);
    merged.merge(out);
    assert_eq!(merged, folded(&facts, &[]));
}
