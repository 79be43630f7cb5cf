//! The tables give back what was counted, whatever was interrupted.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use turno_base::fact::{AgentState, Fact, QueueLeft, What};
use turno_base::{
    AgentId, CallId, Currency, E164, EndedBy, Money, Mono, Name, Now, Number, Outcome, QueueId, TrunkId, Wall,
};
use turno_report::kpi::{By, Changes, Fold, Identity, KpiTerms, Quarter};
use turno_tariff::Deck;
use turno_tariff::cdr::{Builder, Cost, Kind, Record};

use super::audit::audit_day;
use super::*;
use crate::shell::entropy;
use crate::shell::report::day_of;
use crate::shell::store::consumer::Consumer;
use crate::shell::store::{Options, Store};

/// A test that waits longer for a thread has failed.
pub(crate) const LONG: Duration = Duration::from_secs(30);
/// 2026-03-10T09:00:00Z.
pub(crate) const NINE_S: i64 = 1_773_133_200;
const TEN: Wall = Wall::from_secs(NINE_S + 3600);

/// A folder that goes with the test.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Dir {
        let path = std::env::temp_dir().join(format!("turno-figures-{:x}", entropy::draw()));
        fs::create_dir_all(&path).unwrap();
        Dir(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A call a minute, every third abandoned, by three customers.
pub(crate) fn facts(calls: u32) -> Vec<Fact> {
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
pub(crate) fn stored(file: &Path, facts: &[Fact], batch: usize) {
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

pub(crate) fn day() -> std::ops::Range<Quarter> {
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
        let dir = Dir::new();
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
    let dir = Dir::new();
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
    let dir = Dir::new();
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
    let dir = Dir::new();
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
fn figures_of_each_version_before_are_made_again_from_the_log() {
    let facts = facts(40);
    for before in 1..tables::VERSION {
        let dir = Dir::new();
        let (mut builder, mut seq) = (Builder::default(), 0);
        let store = open(dir.path());
        append(&store, &facts, 1, &mut builder, &mut seq);
        store.close(LONG);
        let counted = FigureReader::open(dir.path()).unwrap().tallies(&day()).unwrap();
        assert!(!counted.is_empty());
        let db = rusqlite::Connection::open(path(dir.path())).unwrap();
        db.execute_batch("DROP TABLE tallies").unwrap();
        db.pragma_update(None, "user_version", before).unwrap();
        drop(db);
        let store = open(dir.path());
        assert!(store.flush(LONG));
        store.close(LONG);
        assert_eq!(FigureReader::open(dir.path()).unwrap().tallies(&day()).unwrap(), counted, "of version {before}");
        assert!(path(dir.path()).with_extension(format!("v{before}.sqlite")).exists());
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

pub(crate) fn open(dir: &Path) -> Store {
    open_under(dir, KpiTerms::default())
}

/// The same; figures count under these terms.
pub(crate) fn open_under(dir: &Path, terms: KpiTerms) -> Store {
    let figures = Figures::new(dir, Arc::new(Mutex::new(terms)), Duration::from_secs(400 * 86_400));
    let consumers: Vec<(String, Box<dyn Consumer>)> = vec![("figures".to_owned(), Box::new(figures))];
    Store::open(dir, Options::default(), consumers, |_| {}).unwrap().0
}

/// Appends facts, the first of them with this number, and the rows that they make.
pub(crate) fn append(store: &Store, facts: &[Fact], first: u64, builder: &mut Builder, seq: &mut u64) {
    append_changed(store, facts, first, (builder, seq), |_| {});
}

/// The same, with something else in the records.
fn append_changed(
    store: &Store,
    facts: &[Fact],
    first: u64,
    (builder, seq): (&mut Builder, &mut u64),
    change: impl Fn(&mut Record),
) {
    let deck = Deck::default();
    for (n, fact) in (first..).zip(facts) {
        assert!(store.append_facts(n, 1, postcard::to_allocvec(fact).unwrap()));
        let mut rows = Vec::new();
        builder.on_fact(fact, &deck, &mut rows);
        for mut row in rows {
            if let Kind::Close(record) = &mut row.kind {
                change(record);
            }
            *seq += 1;
            store.append(*seq, row).unwrap();
        }
    }
}

#[test]
fn the_event_line_reaches_the_tables_once_over_restarts_and_repetitions() {
    let dir = Dir::new();
    let facts = facts(40);
    let (mut builder, mut seq) = (Builder::default(), 0);
    let half = facts.len() / 2;
    let store = open(dir.path());
    append(&store, &facts[..half], 1, &mut builder, &mut seq);
    store.close(LONG);
    let store = open(dir.path());
    // The replay after a crash says again what the log has.
    for (n, fact) in (1_u64..).zip(&facts).take(half).skip(half - 20) {
        assert!(store.append_facts(n, 1, postcard::to_allocvec(fact).unwrap()));
    }
    append(&store, &facts[half..], half as u64 + 1, &mut builder, &mut seq);
    store.close(LONG);

    let (mut fold, mut whole) = (Fold::default(), Changes::default());
    facts.iter().for_each(|fact| fold.on_fact(fact, &KpiTerms::default(), &mut whole));
    let reader = FigureReader::open(dir.path()).unwrap();
    assert_eq!(reader.tallies(&day()).unwrap(), whole.tallies);

    let tenth = day_of("2026-03-10").unwrap();
    let audit = audit_day(dir.path(), &zone("UTC").unwrap(), tenth, TEN).unwrap();
    // The first quarter may lack calls from before the figures began, and the last minute is not settled.
    assert_eq!((audit.calls, audit.entries, &audit.differences[..]), (23, 40, &[][..]));

    let db = rusqlite::Connection::open(path(dir.path())).unwrap();
    let gone =
        db.execute("DELETE FROM entries WHERE quarter = ? AND call = ?", (day().start.0 + 1, 21_u128.to_be_bytes()));
    assert_eq!(gone.unwrap(), 1);
    let found = audit_day(dir.path(), &zone("UTC").unwrap(), tenth, TEN).unwrap().differences;
    let named: Vec<(&str, &[CallId])> = found.iter().map(|one| (one.identity.as_str(), &one.calls[..])).collect();
    assert_eq!(named.last(), Some(&("answered_is_recorded", &[CallId(21)][..])), "{found:?}");
    assert!(named.iter().any(|(identity, _)| *identity == "counts_are_entries"), "{found:?}");
}

/// The book of a trunk may be in another currency: what one payer pays then are two costs, neither of which is the sum of both.
#[test]
fn a_payer_who_pays_in_two_currencies_is_audited_in_each() {
    let in_two = |record: &mut Record, off: i64| {
        let mut arrived = crate::shell::store::tests::record(0).legs.remove(0);
        arrived.charges.truncate(1);
        let (payer, euros) = (arrived.charges[0].payer, arrived.charges[0].rated.net.unwrap());
        let pounds = Money { units: 350, scale: 4, currency: Currency::new("GBP").unwrap() };
        let mut abroad = arrived.clone();
        abroad.charges[0].rated.net = Some(pounds);
        record.legs = vec![arrived, abroad];
        record.costs = [euros, Money { units: pounds.units + off, ..pounds }]
            .map(|net| Cost { payer, net: Some(net), unrated: 0 })
            .into();
    };
    for (off, want) in [(0, &[][..]), (1, &[("costs_are_legs", vec![CallId(21)])])] {
        let dir = Dir::new();
        let store = open(dir.path());
        let into = (&mut Builder::default(), &mut 0);
        append_changed(&store, &facts(40), 1, into, |record| {
            if record.call == CallId(21) {
                in_two(record, off);
            }
        });
        store.close(LONG);
        let tenth = day_of("2026-03-10").unwrap();
        let found = audit_day(dir.path(), &zone("UTC").unwrap(), tenth, TEN).unwrap().differences;
        // The legs are made up, and not sound in themselves.
        let of_costs = found.iter().filter(|one| one.identity != Identity::RecordsAreSound);
        let named: Vec<(&str, Vec<CallId>)> = of_costs.map(|one| (one.identity.as_str(), one.calls.clone())).collect();
        assert_eq!(named, want, "{off}: {found:?}");
    }
}

#[test]
fn a_call_that_waited_and_has_no_record_is_named_unless_its_record_may_be_elsewhere() {
    let tenth = day_of("2026-03-10").unwrap();
    let later = Wall::from_secs(NINE_S + 2 * 86_400);
    for (what, gone, now, want) in [
        ("nothing is gone", 0..0, TEN, &[][..]),
        ("one is gone", 21..22, TEN, &[("entries_have_records", vec![CallId(21)])]),
        ("it may have been too old to be kept", 21..22, later, &[]),
        ("it ended a moment ago, and an agent may be at work", 36..37, TEN, &[]),
        ("the tables are behind", 20..41, TEN, &[]),
    ] {
        let dir = Dir::new();
        let store = open(dir.path());
        append(&store, &facts(40), 1, &mut Builder::default(), &mut 0);
        store.close(LONG);
        let db = rusqlite::Connection::open(dir.path().join("records.sqlite")).unwrap();
        for call in gone {
            assert_eq!(db.execute("DELETE FROM calls WHERE call = ?", [CallId(call).to_string()]).unwrap(), 1);
        }
        let found = audit_day(dir.path(), &zone("UTC").unwrap(), tenth, now).unwrap().differences;
        let named: Vec<(&str, Vec<CallId>)> =
            found.iter().map(|one| (one.identity.as_str(), one.calls.clone())).collect();
        assert_eq!(named, want, "{what}: {found:?}");
    }
}

#[test]
fn a_life_that_began_afresh_counts_on_and_knows_no_call_of_the_one_before() {
    let dir = Dir::new();
    let facts = facts(4);
    let (mut builder, mut seq) = (Builder::default(), 0);
    let store = open(dir.path());
    // The first life ends while its first call waits.
    append(&store, &facts[..2], 1, &mut builder, &mut seq);
    store.close(LONG);
    let store = open(dir.path());
    append(&store, &facts, 1, &mut Builder::default(), &mut seq);
    store.close(LONG);
    let kept = FigureTables::open(&path(dir.path())).unwrap().kept().unwrap();
    // Of the four calls of this life the first ended more than a minute ago, and no agent had had it.
    assert_eq!((kept.mark.fact, kept.fold.sizes().calls), (facts.len() as u64, 3));
    let entered: u64 = FigureReader::open(dir.path())
        .unwrap()
        .tallies(&day())
        .unwrap()
        .values()
        .map(|tally| tally.counts.entered)
        .sum();
    assert_eq!(entered, 5, "what was counted stays counted");
}

#[test]
fn a_nightly_report_is_written_once_and_whole() {
    let dir = Dir::new();
    stored(&path(dir.path()), &facts(9), 50);
    let text = "[[sip.listeners]]\ntransport = \"udp\"\naddress = \"127.0.0.1:0\"\n[customers]\nsegment_default = \"standard\"\n\
                [segments.standard]\n[[figures.exports]]\nreport = \"queues\"\nformat = \"csv\"\ndir = \"out\"\nat = \"06:15\"";
    let settings = crate::shell::config::parse("x.toml", text, dir.path(), Some(Default::default())).settings.unwrap();
    let export = &settings.figures.exports[0];
    assert_eq!((export.at, export.dir.as_path()), (6 * 60 + 15, dir.path().join("out").as_path()));
    let tenth = day_of("2026-03-10").unwrap();
    let ask = crate::shell::report::Ask {
        subject: export.subject.clone(),
        from: tenth,
        to: tenth,
        by: export.by,
        zone: zone("UTC").unwrap(),
        split: export.split,
        queue: None,
        segment: None,
        figures: vec!["all".to_owned()],
        with_idle: false,
        agent: None,
        currency: settings.figures.currency,
        windows: settings.figures.windows,
        settled: Vec::new(),
    };
    nightly::export_days(dir.path(), export, ask.clone()).unwrap();
    let file = dir.path().join("out/queues-2026-03-10.csv");
    let first = fs::read_to_string(&file).unwrap();
    assert!(first.contains("2026-03-10,averias,9,6,3,"), "{first}");
    fs::write(&file, "as somebody left it").unwrap();
    nightly::export_days(dir.path(), export, ask).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "as somebody left it");
    assert_eq!(fs::read_dir(dir.path().join("out")).unwrap().count(), 1);
}

#[test]
fn what_reports_must_know_of_the_house_lies_beside_its_counts() {
    let dir = Dir::new();
    let pounds = Currency::new("GBP").unwrap();
    let house = || FigureReader::open(dir.path()).unwrap().house().unwrap();
    let mut terms = KpiTerms::default();
    drop(FigureTables::open(&path(dir.path())).unwrap());
    assert_eq!((house().currency, house().resolved_s), (Currency::EUR, 7 * 86_400), "nothing is counted yet");
    (terms.currency, terms.windows.resolved_s) = (pounds, 86_400);
    let settled: Vec<Name> = ["sale", "billing.ok"].map(|name| Name::new(name).unwrap()).into();
    (terms.settled, terms.zone) = (settled.clone(), "America/Lima".to_owned());
    let shared = Arc::new(Mutex::new(terms));
    let figures = Figures::new(dir.path(), shared.clone(), Duration::from_secs(400 * 86_400));
    let consumers: Vec<(String, Box<dyn Consumer>)> = vec![("figures".to_owned(), Box::new(figures))];
    let store = Store::open(dir.path(), Options::default(), consumers, |_| {}).unwrap().0;
    append(&store, &facts(1), 1, &mut Builder::default(), &mut 0);
    store.close(LONG);
    assert_eq!((house().currency, house().resolved_s), (pounds, 86_400), "as configured when it counted");
    assert_eq!((house().settled, house().zone.as_str()), (settled, "America/Lima"));
}

#[test]
fn a_night_names_the_calls_whose_records_are_not_what_they_were() {
    let tenth = day_of("2026-03-10").unwrap();
    let call = CallId(21);
    for (what, sql, told) in [
        (
            "a stay of another length",
            "UPDATE queue_entries SET wait_ms = wait_ms + 1 WHERE call = ?",
            "is that of its stays",
        ),
        (
            "the record of another call",
            "UPDATE calls SET record = (SELECT record FROM calls WHERE call <> ?1 LIMIT 1) WHERE call = ?1",
            "the tables say something else than the log",
        ),
    ] {
        let dir = Dir::new();
        let store = open(dir.path());
        append(&store, &facts(40), 1, &mut Builder::default(), &mut 0);
        store.close(LONG);
        let db = rusqlite::Connection::open(dir.path().join("records.sqlite")).unwrap();
        assert_eq!(db.execute(sql, [call.to_string()]).unwrap(), 1, "{what}");
        let found = audit_day(dir.path(), &zone("UTC").unwrap(), tenth, TEN).unwrap().differences;
        let unsound = found.iter().find(|one| one.identity == Identity::RecordsAreSound).expect(what);
        assert!(unsound.what.contains(told) && unsound.calls == [call], "{what}: {unsound:?}");
    }
}
