//! What must hold of any day: parts merge to the whole, a kept state goes on, time is neither lost nor doubled.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use turno_base::fact::{AgentState, Fact, QueueLeft, What};
use turno_base::{AgentId, CallId, EndedBy, Mono, Now, Number, Outcome, QueueId, Wall};

use super::fold::ENTRIES_MAX;
use super::golden_tests::{day, folded, terms};
use super::*;

fn anna() -> AgentId {
    AgentId::new("anna").unwrap()
}

fn averias() -> QueueId {
    QueueId::new("averias").unwrap()
}

/// Keeps beside the head what changed.
fn keep(fold: &mut Fold, calls: &mut BTreeMap<CallId, Vec<u8>>) {
    for (id, call) in fold.take_touched() {
        match call {
            Some(call) => drop(calls.insert(id, postcard::to_allocvec(call).unwrap())),
            None => drop(calls.remove(&id)),
        }
    }
}

/// A day in which calls sleep after each fact of `naps` is the same day; gives how many slept.
fn napping(facts: &[Fact], naps: &[usize]) -> Result<usize, TestCaseError> {
    let (mut fold, mut out, mut slept) = (Fold::default(), Changes::default(), 0);
    let mut calls: BTreeMap<CallId, Vec<u8>> = BTreeMap::new();
    for (n, fact) in facts.iter().enumerate() {
        if let Some(id) = fold.sleeper_of(&fact.what) {
            fold.wake(id, postcard::from_bytes(&calls[&id]).unwrap());
        }
        fold.on_fact(fact, &terms(), &mut out);
        if naps.contains(&n) {
            keep(&mut fold, &mut calls);
            let before = fold.awake();
            // All that ended, as if KEPT_ALONE had passed.
            fold.sleep(fact.at.mono + KEPT_ALONE);
            slept += before - fold.awake();
            prop_assert_eq!(fold.sizes().calls, calls.len());
        }
    }
    fold.on_time(facts.last().unwrap().at.mono, &terms(), &mut out);
    let (mut whole_fold, whole) = folded(facts);
    prop_assert_eq!(&out, &whole);
    prop_assert_eq!(fold.sizes(), whole_fold.sizes());
    keep(&mut fold, &mut calls);
    whole_fold.take_touched();
    let calls = calls.iter().map(|(id, call)| (*id, postcard::from_bytes(call).unwrap()));
    prop_assert_eq!(Fold::whole(fold.head(), calls), whole_fold);
    Ok(slept)
}

#[test]
fn calls_sleep_whenever_they_may_and_the_day_is_the_same() {
    let facts = day();
    let slept = napping(&facts, &(0..facts.len()).collect::<Vec<_>>()).unwrap();
    assert!(slept > 10, "{slept} slept");
}

proptest! {
    // A case folds a whole day, or some hundred quarters of an hour.
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Wherever the day is cut, with a restart from the kept state at each cut and the time counted there.
    #[test]
    fn parts_of_the_day_merge_to_the_whole(cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let facts = day();
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(facts.len() + 1)).collect();
        places.extend([0, facts.len()]);
        places.sort_unstable();
        let (mut fold, mut merged) = (Fold::default(), Changes::default());
        let mut calls: BTreeMap<CallId, Vec<u8>> = BTreeMap::new();
        for pair in places.windows(2) {
            let mut part = Changes::default();
            let stretch = &facts[pair[0]..pair[1]];
            stretch.iter().for_each(|fact| fold.on_fact(fact, &terms(), &mut part));
            if let Some(last) = stretch.last() {
                fold.on_time(last.at.mono, &terms(), &mut part);
            }
            keep(&mut fold, &mut calls);
            let head = postcard::to_allocvec(&fold.head()).unwrap();
            let calls = calls.iter().map(|(id, call)| (*id, postcard::from_bytes(call).unwrap()));
            fold = Fold::whole(postcard::from_bytes(&head).unwrap(), calls);
            part = postcard::from_bytes(&postcard::to_allocvec(&part).unwrap()).unwrap();
            merged.merge(part);
        }
        let (mut whole_fold, whole) = folded(&facts);
        whole_fold.take_touched();
        prop_assert_eq!(&merged, &whole);
        prop_assert_eq!(&fold, &whole_fold);
    }

    /// Whenever calls sleep, and for however long: what is said of one afterwards counts as if it had stayed awake.
    #[test]
    fn a_day_with_calls_that_sleep_is_the_same_day(naps in prop::collection::vec(any::<prop::sample::Index>(), 1..40)) {
        let facts = day();
        napping(&facts, &naps.iter().map(|nap| nap.index(facts.len())).collect::<Vec<_>>())?;
    }

    /// Whatever the states of an agent and wherever they change, his quarters add up to his shift.
    #[test]
    fn an_agents_quarters_add_up_to_his_shift(
        steps in prop::collection::vec((0_u64..5_000_000_000, 0_u8..6), 1..40),
        wall_steps in prop::collection::vec(-7_200_000_000_i64..7_200_000_000, 40),
    ) {
        let (mut fold, mut out) = (Fold::default(), Changes::default());
        let (mut mono, mut wall) = (0_u64, 1_773_133_200_000_000_i64);
        let start = mono;
        for (&(us, kind), step) in steps.iter().zip(&wall_steps) {
            let state = match kind {
                0 => AgentState::Ready,
                1 => AgentState::Ringing,
                2 => AgentState::Talking,
                3 => AgentState::Holding,
                4 => AgentState::WrapUp,
                _ => AgentState::Outbound,
            };
            let what = What::AgentChanged { agent: anna(), station: None, state, call: None, is_paid: true };
            fold.on_fact(&Fact { at: Now { mono: Mono(mono), wall: Wall(wall) }, what }, &terms(), &mut out);
            mono += us;
            // Somebody sets the clock while he works.
            wall += us as i64 + step;
        }
        fold.on_time(Mono(mono), &terms(), &mut out);
        let sum: u64 = out.agents.values().map(|tally| tally.times.logged_in()).sum();
        prop_assert_eq!(sum, mono - start);
        for tally in out.agents.values() {
            prop_assert!(tally.times.logged_in() <= 900_000_000 * steps.len() as u64);
        }
    }
}

#[test]
fn a_wait_belongs_to_the_quarter_in_which_it_began() {
    let at = |s: i64| Now { mono: Mono::from_ms(s as u64 * 1000), wall: Wall::from_secs(900 * 1_000_000 + s) };
    let call = CallId(1);
    let script = [
        (890, What::CallArrived { call, ani: Number::default(), dnis: Number::default(), trunk: None }),
        (899, What::QueueEntered { call, queue: averias(), position: 1 }),
        (
            910,
            What::QueueLeft { call, queue: averias(), left: QueueLeft::Answered(anna()), position: 1, wait_ms: 11_000 },
        ),
    ];
    let facts: Vec<Fact> = script.into_iter().map(|(s, what)| Fact { at: at(s), what }).collect();
    let (_, out) = folded(&facts);
    let quarters: Vec<(i64, u64, u64)> =
        out.tallies.iter().map(|(key, tally)| (key.quarter.0, tally.counts.entered, tally.counts.answered)).collect();
    assert_eq!(quarters, [(1_000_000, 1, 1)]);
}

#[test]
fn one_call_in_each_quarter_of_a_long_and_a_short_day_is_100_and_92_calls() {
    let offsets = vec![(0, 3600), (1_774_746_000, 7200), (1_792_890_000, 3600)];
    let zone = Zone { name: "Europe/Madrid".to_owned(), offsets };
    for (day, calls) in [("2026-03-29", 92), ("2026-10-25", 100)] {
        let noon = if day == "2026-03-29" { 1_774_778_400 } else { 1_792_926_000 };
        let range = zone.quarters(zone.date(Wall::from_secs(noon)));
        let (mut fold, mut out) = (Fold::default(), Changes::default());
        // From the day before to the day after, so that a wrong border shows.
        for q in range.start.0 - 4..range.end.0 + 4 {
            let call = CallId(q as u128);
            let at = Now { mono: Mono::from_ms(q as u64), wall: Wall::from_secs(q * QUARTER_S + 899) };
            let arrived = What::CallArrived { call, ani: Number::default(), dnis: Number::default(), trunk: None };
            for what in [arrived, What::QueueEntered { call, queue: averias(), position: 1 }] {
                fold.on_fact(&Fact { at, what }, &terms(), &mut out);
            }
        }
        let mut of_day = Tally::default();
        let inside = out.tallies.iter().filter(|(key, _)| zone.label(key.quarter, By::Day) == day);
        inside.for_each(|(_, tally)| of_day.merge(tally));
        assert_eq!(of_day.counts.entered, calls, "{day}");
    }
}

/// What is said of a call so long after its end: of one that an agent had, and of one that nobody had.
#[test]
fn a_call_is_known_until_its_time_has_passed_and_no_longer() {
    let (call, before) = (CallId(1), Duration::from_millis(1));
    let at = |after: Duration| Now::from_ms(1000).after(after);
    let table = [
        (true, Duration::ZERO, 0),
        (true, KEPT - before, 0),
        (true, KEPT, 1),
        (false, Duration::ZERO, 0),
        (false, KEPT_ALONE - before, 0),
        (false, KEPT_ALONE, 1),
    ];
    for (had_agent, late, expected) in table {
        let fact = |after: Duration, what| Fact { at: at(after), what };
        let arrived = What::CallArrived { call, ani: Number::default(), dnis: Number::default(), trunk: None };
        let (agent, state) = (anna(), AgentState::Talking);
        let talking = What::AgentChanged { agent, station: None, state, call: Some(call), is_paid: true };
        let ended = What::CallEnded { call, outcome: Outcome::Answered, by: EndedBy::Caller };
        let disposed = What::Disposed { call, agent: anna(), disposition: turno_base::Name::new("sale").unwrap() };
        let mut facts = vec![fact(Duration::ZERO, arrived)];
        facts.extend(had_agent.then(|| fact(Duration::ZERO, talking)));
        facts.extend([fact(Duration::ZERO, ended), fact(late, disposed)]);
        let (fold, out) = folded(&facts);
        assert_eq!(fold.sizes().late, expected, "{had_agent} {late:?}");
        let disposed: u64 = out.tallies.values().map(|tally| tally.counts.disposed).sum();
        assert_eq!(disposed, 1 - expected);
    }
}

/// A hundred calls a second, of which one in ten reaches an agent, for an hour: what is kept does not grow with the hour, nor is
/// more room taken than what is kept needs; and afterwards nothing is left.
#[test]
fn what_is_kept_of_calls_is_bounded_by_how_many_come_and_not_by_how_long_they_come() {
    let (mut fold, mut out) = (Fold::default(), Changes::default());
    let rate = 100_u64;
    let (mut most, mut touched) = (0, 0);
    for n in 0..rate * 3600 {
        let (call, at) = (CallId(u128::from(n)), Now::from_ms(n * 1000 / rate));
        let left = if n % 10 == 0 { QueueLeft::Answered(anna()) } else { QueueLeft::Abandoned };
        let facts = [
            What::CallArrived { call, ani: Number::default(), dnis: Number::default(), trunk: None },
            What::QueueEntered { call, queue: averias(), position: 1 },
            What::QueueLeft { call, queue: averias(), left, position: 1, wait_ms: 0 },
            What::CallEnded { call, outcome: Outcome::Answered, by: EndedBy::Caller },
        ];
        facts.into_iter().for_each(|what| fold.on_fact(&Fact { at, what }, &terms(), &mut out));
        most = most.max(fold.sizes().calls);
        if n % 1000 == 0 {
            out = Changes::default();
            touched += fold.take_touched().len();
        }
    }
    let kept = rate / 10 * KEPT.as_secs() + rate * 9 / 10 * KEPT_ALONE.as_secs();
    assert!((kept..kept + rate).contains(&(most as u64)), "{most} of {kept}");
    assert!(touched > 0 && fold.room() < most * 2, "room for {} stays and {most} calls", fold.room());
    let later = Now::from_ms(3_600_000).after(KEPT);
    fold.on_fact(&Fact { at: later, what: What::Emergency { queue: None, on: true } }, &terms(), &mut out);
    fold.take_touched();
    assert_eq!(fold, Fold::whole(fold.head(), []), "something is left");
}

#[test]
fn bounds_hold_and_what_is_beyond_them_is_counted() {
    let (mut fold, mut out) = (Fold::default(), Changes::default());
    let arrived = |n: u128| {
        let call = CallId(n);
        Fact {
            at: Now::from_ms(1),
            what: What::CallArrived { call, ani: Number::default(), dnis: Number::default(), trunk: None },
        }
    };
    for n in 0..=CALLS_MAX as u128 {
        fold.on_fact(&arrived(n), &terms(), &mut out);
    }
    assert_eq!(fold.sizes().calls, CALLS_MAX);
    let enter = |n: u128| Fact {
        at: Now::from_ms(2),
        what: What::QueueEntered { call: CallId(n), queue: averias(), position: 1 },
    };
    fold.on_fact(&enter(0), &terms(), &mut out);
    assert_eq!(fold.sizes().late, 1, "the oldest was forgotten");
    for _ in 0..ENTRIES_MAX + 5 {
        fold.on_fact(&enter(7), &terms(), &mut out);
    }
    assert_eq!(out.entries.len(), ENTRIES_MAX + 5, "every stay has its row");
    let kept = postcard::to_allocvec(&fold).unwrap().len();
    assert!(kept < 40 * CALLS_MAX, "{kept} bytes");
}

/// Anna has a call of `averias`, says `first` in its conversation and hands it to `ventas`, where Boris takes it and says `second`;
/// then Anna, who still works it up, says `last`.
fn handed_on(said: [Option<&str>; 3]) -> Changes {
    let (call, ventas, boris) = (CallId(1), QueueId::new("ventas").unwrap(), AgentId::new("boris").unwrap());
    let state = |agent, state, call| What::AgentChanged { agent, station: None, state, call, is_paid: true };
    let says = |agent, word: Option<&str>| {
        word.map(|word| What::Disposed { call, agent, disposition: turno_base::Name::new(word).unwrap() })
    };
    let enters = |queue| What::QueueEntered { call, queue, position: 1 };
    let answers =
        |queue, agent| What::QueueLeft { call, queue, left: QueueLeft::Answered(agent), position: 1, wait_ms: 1000 };
    let script = [
        Some(What::CallArrived { call, ani: Number::default(), dnis: Number::default(), trunk: None }),
        Some(enters(averias())),
        Some(answers(averias(), anna())),
        Some(state(anna(), AgentState::Talking, Some(call))),
        says(anna(), said[0]),
        Some(enters(ventas)),
        Some(state(anna(), AgentState::WrapUp, Some(call))),
        Some(answers(ventas, boris)),
        Some(state(boris, AgentState::Talking, Some(call))),
        says(boris, said[1]),
        says(anna(), said[2]),
    ];
    let terms = KpiTerms { needs_disposition: [averias(), ventas].into(), ..KpiTerms::default() };
    let (mut fold, mut out) = (Fold::default(), Changes::default());
    for (s, what) in (0..).zip(script.into_iter().flatten()) {
        let at = Now { mono: Mono::from_ms(s * 1000), wall: Wall::from_secs(1_773_133_200 + s as i64) };
        fold.on_fact(&Fact { at, what }, &terms, &mut out);
    }
    out
}

#[test]
fn the_last_word_on_a_call_is_counted_where_the_agent_who_said_it_had_it() {
    for (said, want) in [
        ([Some("fault"), None, None], "averias: fault, 0 of 1 missing; ventas: -, 1 of 1 missing"),
        ([Some("fault"), Some("sale"), None], "averias: -, 0 of 1 missing; ventas: sale, 0 of 1 missing"),
        ([None, Some("sale"), None], "averias: -, 1 of 1 missing; ventas: sale, 0 of 1 missing"),
        // Anna's word about what she did is hers, though the call is in another queue by now.
        ([None, None, Some("fault")], "averias: fault, 0 of 1 missing; ventas: -, 1 of 1 missing"),
        ([Some("fault"), Some("sale"), Some("fault")], "averias: fault, 0 of 1 missing; ventas: -, 0 of 1 missing"),
    ] {
        let out = handed_on(said);
        let of = |name: &str| {
            let mut tally = Tally::default();
            let here = |key: &&Key| key.queue == QueueId::new(name).ok();
            out.tallies.iter().filter(|(key, _)| here(key)).for_each(|(_, of)| tally.merge(of));
            let words: Vec<String> =
                tally.dispositions.iter().map(|(name, n)| format!("{name}{}", "!".repeat(*n as usize - 1))).collect();
            let (due, said) = (tally.counts.disposition_due, tally.counts.disposition_said);
            let word = if words.is_empty() { "-".to_owned() } else { words.join(" ") };
            format!("{name}: {word}, {} of {due} missing", due - said)
        };
        assert_eq!(format!("{}; {}", of("averias"), of("ventas")), want, "{said:?}");
        // A call with a word is one, in the queue that it entered first; its stays say the same as the counts.
        let disposed: Vec<u64> = out.tallies.values().map(|tally| tally.counts.disposed).collect();
        assert_eq!(disposed, [1, 0], "{said:?}");
        let of_stays = out.entries.values().filter(|entry| entry.disposition.is_some()).count();
        assert_eq!(of_stays, 1, "{said:?}");
    }
}

#[test]
fn a_call_that_left_soon_after_it_had_waited_elsewhere_was_not_short() {
    let (call, ventas) = (CallId(1), QueueId::new("ventas").unwrap());
    let left = |queue, left, wait_ms| What::QueueLeft { call, queue, left, position: 1, wait_ms };
    let enters = |queue| What::QueueEntered { call, queue, position: 1 };
    let script = [
        What::CallArrived { call, ani: Number::default(), dnis: Number::default(), trunk: None },
        enters(averias()),
        left(averias(), QueueLeft::Overflowed, 60_000),
        enters(ventas),
        left(ventas, QueueLeft::ShortAbandoned, 2000),
        What::CallEnded { call, outcome: Outcome::Abandoned, by: EndedBy::Caller },
    ];
    let facts: Vec<Fact> = script.into_iter().map(|what| Fact { at: Now::from_ms(1000), what }).collect();
    let (_, out) = folded(&facts);
    let mut all = Tally::default();
    out.tallies.values().for_each(|tally| all.merge(tally));
    assert_eq!((all.counts.calls, all.counts.calls_short, all.counts.short_abandoned), (1, 0, 1));
}
