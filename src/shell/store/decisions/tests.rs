//! Decisions on their way to the disk, and back.

use turno_acd::{AgentTerms, Bar, Blocked, ItemTerms, Strategy, Trigger};
use turno_base::{ItemId, Mono};

use super::*;
use crate::shell::store::retention::{Old, retain};
use crate::shell::store::tests::{Dir, fill, record};

/// A decision's reasons.
pub(in crate::shell) fn why(seq: u64) -> Why {
    Why {
        seq,
        at: Mono(seq),
        trigger: Trigger::Agent,
        strategy: Strategy::Value,
        rank: 0,
        item: ItemTerms {
            waited_ms: 12_000,
            is_guarded: false,
            weight_micro: 5_623_413,
            handle_pm: 1000,
            pressure_pm: 1000,
            urgency_micro: 1_250_000,
            score: 7_029_266,
        },
        agent: AgentTerms { fit_ms: 80_000, opportunity_ms: 5000, idle_ms: 3000, bonus_ms: 0, points_ms: 78_000 },
        runner_up: None,
        agents_eligible: 2,
        items_eligible: 4,
        blocked: Vec::new(),
        tables: 1,
        config: 1,
        revision: 9,
    }
}

fn anna() -> AgentId {
    "anna".parse().unwrap()
}

/// Hands these in, one at each second, and ends.
fn keep(dir: &Path, from: Wall, calls: &[(u64, u64)]) {
    let (decisions, thread) = Decisions::start(dir, None, from).unwrap();
    for (n, (call, epoch)) in calls.iter().enumerate() {
        let at = Wall(from.0 + 1_000_000 * n as i64);
        decisions.keep(at, CallId(u128::from(*call)), anna(), *epoch, why(*epoch));
    }
    drop(decisions);
    thread.join().unwrap();
}

fn mark(dir: &Path) -> (i64, bool) {
    let db = Connection::open(file(dir)).unwrap();
    db.query_row("SELECT at_us, is_whole FROM mark", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
}

#[test]
fn what_is_handed_in_is_there_once_in_words_after_any_number_of_starts() {
    let dir = Dir::new("decisions");
    assert_eq!(of_call(&dir.0, CallId(7)).unwrap(), [], "nothing is kept yet");
    keep(&dir.0, Wall(5_000_000), &[(7, 40), (8, 41), (7, 42)]);
    keep(&dir.0, Wall(9_000_000), &[(7, 40), (7, 43)]);
    let kept = of_call(&dir.0, CallId(7)).unwrap();
    assert_eq!(
        kept.iter().map(|one| (one.epoch, one.at.0 / 1_000_000)).collect::<Vec<_>>(),
        [(40, 5), (42, 7), (43, 10)]
    );
    let one = &kept[0];
    assert_eq!(one.agent, "anna");
    let offer = OfferExplained { call: CallId(7), agent: anna(), why: why(40) };
    assert_eq!(one.words, offer.words(), "as the journal tells it");
    assert!((100..400).contains(&one.words.len()), "{}", one.words);
    assert_eq!(of_call(&dir.0, CallId(9)).unwrap(), []);
}

#[test]
fn a_sentence_is_cut_at_its_bound() {
    let by = Bar::Reserve("a-skill-of-24-letters-xx".parse().unwrap());
    let blocked = Blocked { item: ItemId(CallId(u128::MAX)), agent: anna(), by };
    let offer = OfferExplained { call: CallId(7), agent: anna(), why: Why { blocked: vec![blocked; 40], ..why(1) } };
    assert!(offer.words().len() > WORDS_BYTES_MAX);
    let made = Made { at: Wall(1), epoch: 1, offer };
    assert_eq!(made.words().len(), WORDS_BYTES_MAX);
}

#[test]
fn an_end_in_good_order_leaves_nothing_to_make_good_and_any_other_says_from_where_on() {
    let dir = Dir::new("decisions");
    keep(&dir.0, Wall(5_000_000), &[(7, 40), (7, 41)]);
    assert_eq!(mark(&dir.0), (6_000_000, true));
    let (decisions, thread) = Decisions::start(&dir.0, None, Wall(60_000_000)).unwrap();
    assert_eq!(mark(&dir.0), (60_000_000, false), "from now on, if it dies");
    decisions.missed.store(true, Ordering::Relaxed);
    decisions.keep(Wall(70_000_000), CallId(8), anna(), 50, why(50));
    drop(decisions);
    thread.join().unwrap();
    assert_eq!(mark(&dir.0), (60_000_000, false), "one was left out before it");
    assert_eq!(of_call(&dir.0, CallId(8)).unwrap().len(), 1, "those after it are taken all the same");
    keep(&dir.0, Wall(80_000_000), &[]);
    assert_eq!(mark(&dir.0), (60_000_000, true), "there is no journal to read it from");
}

#[test]
fn a_line_that_is_full_takes_no_more_and_remembers_that() {
    let dir = Dir::new("decisions");
    let (into, from) = line(1);
    let decisions = Decisions { line: into, missed: Arc::default(), dir: dir.0.clone() };
    decisions.keep(Wall(1), CallId(7), anna(), 1, why(1));
    assert!(!decisions.missed.load(Ordering::Relaxed));
    decisions.keep(Wall(2), CallId(7), anna(), 2, why(2));
    assert!(decisions.missed.load(Ordering::Relaxed));
    assert_eq!(from.try_recv().unwrap().epoch, 1);
}

#[test]
fn decisions_go_with_their_records() {
    let dir = Dir::new("decisions");
    let records = [record(3), record(4)];
    fill(&dir.0, records.clone().into_iter()).unwrap();
    let (decisions, thread) = Decisions::start(&dir.0, None, Wall(1)).unwrap();
    for record in &records {
        decisions.keep(record.arrived, record.call, anna(), 1, why(1));
    }
    drop(decisions);
    thread.join().unwrap();
    let old = Old { before: Wall(records[0].arrived.0.min(records[1].arrived.0) + 1), purpose: None };
    let gone = retain(&dir.0, old, true).unwrap();
    assert_eq!(
        records.iter().filter(|record| of_call(&dir.0, record.call).unwrap().is_empty()).count(),
        0,
        "a dry run"
    );
    assert_eq!(retain(&dir.0, old, false).unwrap(), gone);
    assert!(gone > 0);
    let left = records.iter().filter(|record| of_call(&dir.0, record.call).unwrap().len() == 1).count();
    assert_eq!(left as u64, 2 - gone);
}

#[test]
fn tables_of_a_later_build_are_refused() {
    let dir = Dir::new("decisions");
    keep(&dir.0, Wall(1), &[]);
    Connection::open(file(&dir.0)).unwrap().pragma_update(None, "user_version", VERSION + 1).unwrap();
    let refused = Decisions::start(&dir.0, None, Wall(2));
    assert!(matches!(refused, Err(StoreError::DatabaseVersion { found, .. }) if found == VERSION + 1));
}
