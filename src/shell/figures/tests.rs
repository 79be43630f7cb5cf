//! The tables give back what was counted, whatever was interrupted.

use std::path::PathBuf;

use turno_base::fact::{AgentState, Fact, QueueLeft, What};
use turno_base::{AgentId, CallId, E164, EndedBy, Mono, Name, Now, Number, Outcome, QueueId, TrunkId, Wall};
use turno_report::kpi::{By, Changes, Fold, KpiTerms, Quarter};

use super::*;

/// 2026-03-10T09:00:00Z.
const NINE_S: i64 = 1_773_133_200;

fn dir() -> tempdir::Dir {
    tempdir::Dir::new()
}

mod tempdir {
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU32, Ordering};

    static N: AtomicU32 = AtomicU32::new(0);

    pub(super) struct Dir(PathBuf);

    impl Dir {
        pub(super) fn new() -> Dir {
            let n = N.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("turno-figures-{}-{n}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Dir(path)
        }

        pub(super) fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// A call a minute, every third abandoned, by three customers.
fn facts(calls: u32) -> Vec<Fact> {
    let (queue, anna) = (QueueId::new("averias").unwrap(), AgentId::new("anna").unwrap());
    let mut facts = Vec::new();
    for n in 0..calls {
        let call = CallId(u128::from(n) + 1);
        let digits = format!("3460011122{}", n % 3);
        let ani = Number { raw: digits.clone(), e164: E164::from_digits(digits.as_bytes()).ok(), withheld: false };
        let mut at = |s: u64, what| {
            let s = u64::from(n) * 60 + s;
            let wall = Wall::from_secs(NINE_S + s as i64);
            facts.push(Fact { at: Now { mono: Mono::from_ms(s * 1000), wall }, what });
        };
        let trunk = TrunkId::new("carrier").ok();
        let left = |left, wait_ms| What::QueueLeft { call, queue, left, position: 1, wait_ms };
        let agent = |state, call| What::AgentChanged { agent: anna, station: None, state, call, is_paid: true };
        at(0, What::CallArrived { call, ani, dnis: Number::default(), trunk });
        at(1, What::QueueEntered { call, queue, position: 1 });
        if n % 3 == 0 {
            at(11, left(QueueLeft::Abandoned, 10_000));
        } else {
            at(6, left(QueueLeft::Answered(anna), 5000));
            at(6, agent(AgentState::Talking, Some(call)));
            at(26, agent(AgentState::WrapUp, Some(call)));
            at(28, What::Disposed { call, agent: anna, disposition: Name::new("billing").unwrap() });
            at(30, agent(AgentState::Ready, None));
        }
        at(31, What::CallEnded { call, outcome: Outcome::Answered, by: EndedBy::Caller });
    }
    facts
}

/// Takes the facts in batches, opening the tables anew before each.
fn stored(file: &PathBuf, facts: &[Fact], batch: usize) {
    let terms = KpiTerms::default();
    for facts in facts.chunks(batch) {
        let mut tables = FigureTables::open(file).unwrap();
        let Kept { mut mark, mut fold } = tables.kept().unwrap();
        let mut changes = Changes::default();
        for fact in facts {
            fold.on_fact(fact, &terms, &mut changes);
            mark = Mark { fact: mark.fact + 1, at_us: fact.at.wall.0, ..mark };
        }
        if let Some(last) = facts.last() {
            fold.on_time(last.at.mono, &terms, &mut changes);
        }
        tables.take(mark, &mut fold, &changes).unwrap();
    }
}

fn day() -> std::ops::Range<Quarter> {
    let first = Quarter::of(Wall::from_secs(NINE_S));
    first..Quarter(first.0 + 96)
}

#[test]
fn tables_that_are_opened_again_for_every_batch_hold_what_one_fold_counts() {
    let facts = facts(40);
    let (mut fold, mut whole) = (Fold::default(), Changes::default());
    facts.iter().for_each(|fact| fold.on_fact(fact, &KpiTerms::default(), &mut whole));
    fold.on_time(facts.last().unwrap().at.mono, &KpiTerms::default(), &mut whole);
    for batch in [1, 7, facts.len()] {
        let dir = dir();
        stored(&path(dir.path()), &facts, batch);
        let reader = FigureReader::open(dir.path()).unwrap();
        assert_eq!(reader.tallies(&day()).unwrap(), whole.tallies, "{batch}");
        let mut agents = std::collections::BTreeMap::new();
        reader.each_agent(&day(), |quarter, agent, tally| drop(agents.insert((quarter, agent), tally))).unwrap();
        assert_eq!(agents, whole.agents);
        let mut entries = Vec::new();
        reader.each_entry(&day(), None, |entry| entries.push(entry)).unwrap();
        assert_eq!(entries, whole.entries.values().cloned().collect::<Vec<_>>());
        assert_eq!(reader.as_of().unwrap(), Some(facts.last().unwrap().at.wall));
        assert_eq!(reader.periods(Wall(0), Wall(i64::MAX)).unwrap(), whole.periods);
        let mut kept = FigureTables::open(&path(dir.path())).unwrap().kept().unwrap();
        kept.fold.take_touched();
        fold.take_touched();
        assert_eq!(kept.fold, fold);
    }
}

#[test]
fn contacts_come_by_customer_and_name_nobody() {
    let dir = dir();
    stored(&path(dir.path()), &facts(9), 50);
    let reader = FigureReader::open(dir.path()).unwrap();
    let mut contacts = Vec::new();
    reader.each_contact(Wall(0), Wall(i64::MAX), |known| contacts.push(known)).unwrap();
    assert_eq!(contacts.len(), 9);
    assert!(contacts.is_sorted_by_key(|known| (known.contact.who.parse::<i64>().unwrap(), known.contact.at)));
    let who: std::collections::BTreeSet<&str> = contacts.iter().map(|known| known.contact.who.as_str()).collect();
    assert_eq!(who.len(), 3);
    assert!(who.iter().all(|who| !who.contains("3460011122")), "{who:?}");
}

#[test]
fn what_names_calls_is_forgotten_and_counts_remain() {
    let dir = dir();
    let file = path(dir.path());
    stored(&file, &facts(40), 50);
    let before = FigureReader::open(dir.path()).unwrap().tallies(&day()).unwrap();
    let mut tables = FigureTables::open(&file).unwrap();
    let gone = tables.forget(Quarter(day().start.0 + 1)).unwrap();
    assert!(gone > 15, "{gone}");
    let reader = FigureReader::open(dir.path()).unwrap();
    let mut entries = 0;
    reader.each_entry(&day(), None, |_| entries += 1).unwrap();
    assert_eq!(entries, 25, "15 began in the first quarter");
    assert_eq!(reader.tallies(&day()).unwrap(), before);
}

#[test]
fn tables_of_another_version_and_none_at_all_are_refused() {
    let dir = dir();
    assert!(matches!(FigureReader::open(dir.path()), Err(crate::shell::store::StoreError::Missing(_))));
    let file = path(dir.path());
    drop(FigureTables::open(&file).unwrap());
    let db = rusqlite::Connection::open(&file).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    for refused in [FigureTables::open(&file).err(), FigureReader::open(dir.path()).err()] {
        assert!(matches!(refused, Some(crate::shell::store::StoreError::DatabaseVersion { found: 99, .. })));
    }
}

#[test]
fn a_zone_of_the_machine_has_its_long_and_its_short_day() {
    let madrid = zone("Europe/Madrid").expect("the machine knows it");
    for (noon, name, quarters) in [(1_774_778_400, "2026-03-29", 92), (1_792_926_000, "2026-10-25", 100)] {
        let range = madrid.quarters(madrid.date(Wall::from_secs(noon)));
        assert_eq!((madrid.label(range.start, By::Day).as_str(), range.end.0 - range.start.0), (name, quarters));
    }
    assert!(zone("Europe/Nowhere").is_none());
}
