//! What rating again posts is seen wherever amounts are, once, and balances with the records.

use std::path::Path;

use turno_base::fact::{Fact, What};
use turno_base::{Currency, Wall};
use turno_report::kpi::{By, KpiTerms};
use turno_tariff::Deck;
use turno_tariff::cdr::{Builder, Record};

use super::super::{Split, Subject, day_of, report};
use super::*;
use crate::shell::again::{Wanted, run, run_as_counted};
use crate::shell::figures::audit::audit_day;
use crate::shell::figures::tests::{Dir, LONG, open_under};
use crate::shell::figures::zone;
use crate::shell::store::Reader;
use crate::shell::store::audit::audit;
use crate::shell::store::ledger;
use crate::shell::store::tests::{call, deck, facts};

fn book(per_minute: &str) -> Deck {
    Deck::parse_csv(&format!("valid_from,payer,b,rate,per_minute\n2026-01-01,company,34900,again,{per_minute}\n"))
        .unwrap()
}

/// Three freephone calls of ten seconds that are priced, 0 and 2 in one queue and 1 in the other, and a fourth that no rule priced.
fn house() -> Dir {
    house_under(KpiTerms::default(), |_| true)
}

/// The same, figures counting under these terms, and of the facts of the calls only some.
fn house_under(terms: KpiTerms, kept: impl Fn(&Fact) -> bool) -> Dir {
    let dir = Dir::new();
    let store = open_under(dir.path(), terms);
    let elsewhere = Deck::parse_csv("valid_from,payer,b,rate,per_minute\n2026-01-01,company,34800,other,1\n").unwrap();
    let usual = deck();
    let (mut builder, mut number, mut seq) = (Builder::default(), 0, 0);
    for n in 0..4 {
        for fact in facts(n).into_iter().filter(|fact| kept(fact)) {
            number += 1;
            assert!(store.append_facts(number, 1, postcard::to_allocvec(&fact).unwrap()));
            let mut rows = Vec::new();
            builder.on_fact(&fact, if n == 3 { &elsewhere } else { &usual }, &mut rows);
            for row in rows {
                seq += 1;
                store.append(seq, row).unwrap();
            }
        }
    }
    store.close(LONG);
    dir
}

fn rate_again(dir: &Path, deck: &Deck) -> u64 {
    let wanted = Wanted { from: Wall(0), to: Wall(i64::MAX), dry_run: false, now: Wall::from_secs(1_800_000_000) };
    run(dir, deck, wanted, |_| {}).unwrap().again.changed
}

fn rows(dir: &Path, subject: Subject) -> Vec<String> {
    rows_by(dir, subject, Split::Queue)
}

fn rows_by(dir: &Path, subject: Subject, split: Split) -> Vec<String> {
    let tenth = day_of("2026-03-10").unwrap();
    let ask = Ask {
        subject,
        from: tenth,
        to: tenth,
        by: By::Day,
        zone: zone("UTC").unwrap(),
        split,
        queue: None,
        segment: None,
        figures: Vec::new(),
        with_idle: false,
        agent: None,
        currency: Currency::EUR,
        windows: Default::default(),
        settled: Vec::new(),
    };
    let csv = report(&FigureReader::open(dir).unwrap(), &ask).unwrap().csv();
    csv.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// The amounts of the cost report: company, of it rated again, unrated.
fn costs(dir: &Path) -> Vec<String> {
    let rows = rows(dir, Subject::Cost);
    let names: Vec<&str> = rows[0].split(',').collect();
    let cells = |row: &String| {
        let cells: Vec<&str> = row.split(',').collect();
        let cell = |name: &str| cells[names.iter().position(|known| *known == name).unwrap()];
        format!("{}: {} {} {}", cell("queue"), cell("company"), cell("rated_again"), cell("unrated"))
    };
    rows[1..].iter().map(cells).collect()
}

#[test]
fn what_rating_again_posts_is_in_the_costs_once_and_listed() {
    let dir = house();
    let dir = dir.path();
    assert_eq!(
        costs(dir),
        ["averias: 0.0567 0.0000 0", "ventas: 0.0297 0.0000 1", "all: 0.0864 0.0000 1"],
        "as the calls were rated when they ended"
    );
    assert_eq!(rows(dir, Subject::Ledger).len(), 1, "a header alone");
    assert_eq!(rate_again(dir, &book("0.60")), 4);
    let dearer = ["averias: 0.2100 0.1533 0", "ventas: 0.2200 0.1903 0", "all: 0.4300 0.3436 0"];
    assert_eq!(costs(dir), dearer, "the fourth has its first amount");
    let listed = rows(dir, Subject::Ledger);
    assert_eq!(listed.len(), 5);
    assert_eq!(rate_again(dir, &book("0.60")), 0);
    assert_eq!((costs(dir).join(";"), rows(dir, Subject::Ledger)), (dearer.join(";"), listed), "a second run is none");
    // A later book goes on from there.
    assert_eq!(rate_again(dir, &book("0.06")), 4);
    assert_eq!(costs(dir), ["averias: 0.0210 -0.0357 0", "ventas: 0.0220 -0.0077 0", "all: 0.0430 -0.0434 0"]);
    let listed = rows(dir, Subject::Ledger);
    let of_first: Vec<&String> = listed.iter().filter(|row| row.starts_with(&call(0).to_string())).collect();
    assert!(of_first[0].contains(",averias,") && of_first[0].ends_with(",1,0.0730,0.1000,EUR"), "{of_first:?}");
    assert!(of_first[1].ends_with(",2,-0.0900,0.0100,EUR"), "{of_first:?}");
}

#[test]
fn a_record_is_shown_with_its_postings_and_stays_as_it_was() {
    let dir = house();
    let dir = dir.path();
    let record = || -> Record { Reader::open(dir).unwrap().show(call(0)).unwrap().unwrap() };
    let before = record();
    let entries = || Ledger::read(dir).unwrap().map_or_else(Vec::new, |ledger| ledger.of_record(&before).unwrap());
    assert!(ledger::json(&before, &entries()).ends_with(",\"rated_again\":[]}"));
    assert_eq!(ledger::shown(&entries()), "");
    rate_again(dir, &book("0.60"));
    assert_eq!(record(), before, "a difference is posted beside it");
    let object: serde_json::Value = serde_json::from_str(&ledger::json(&before, &entries())).unwrap();
    let row = &object["rated_again"][0];
    assert_eq!(
        (row["difference"].as_str(), row["net"].as_str(), row["revision"].as_u64()),
        (Some("0.0730"), Some("0.1000"), Some(1))
    );
    assert_eq!(object["call"], call(0).to_string());
    assert_eq!(
        ledger::shown(&entries()),
        "again     2027-01-15T08:00:00.000000Z: leg a0 +0.0730 = 0.1000 EUR company (posting 1)\n"
    );
}

#[test]
fn the_audit_balances_postings_with_records_and_names_the_call_of_one_that_does_not() {
    let dir = house();
    let dir = dir.path();
    rate_again(dir, &book("0.60"));
    rate_again(dir, &book("0.06"));
    let day = || {
        audit_day(dir, &zone("UTC").unwrap(), day_of("2026-03-10").unwrap(), Wall::from_secs(1_773_150_000)).unwrap()
    };
    let whole = || audit(dir).unwrap();
    assert_eq!((day().differences, whole().told, whole().postings), (vec![], vec![], 8));
    let db = rusqlite::Connection::open(dir.join("ledger.sqlite")).unwrap();
    let id = call(1).to_string();
    assert_eq!(
        db.execute("UPDATE postings SET difference = difference + 1 WHERE call = ? AND revision = 2", [&id]).unwrap(),
        1
    );
    let told = format!("{id}: leg a1: postings for company do not lead to its amount");
    assert_eq!((whole().told, whole().calls), (vec![told], vec![call(1)]));
    let found = day().differences;
    assert_eq!(
        (found.len(), found[0].identity.as_str(), &found[0].calls[..]),
        (1, "records_are_sound", &[call(1)][..])
    );
    // As if the ledger had another call of this name: its postings would be shown nowhere.
    let moved =
        "UPDATE postings SET difference = difference - (revision = 2), arrived_us = arrived_us + 1 WHERE call = ?";
    assert_eq!(db.execute(moved, [&id]).unwrap(), 2);
    let told = format!("{id}: its postings lie at 2026-03-10T11:00:00.001001Z, where nobody looks for them");
    assert_eq!(whole().told, [told]);
}

/// `figures.number_types` says what a number is: what is posted is counted where the calls are, whichever book and type their records have.
#[test]
fn what_is_posted_is_counted_under_the_type_of_number_that_figures_go_by() {
    let terms =
        || KpiTerms { number_types: [("34900".to_owned(), "ours".parse().unwrap())].into(), ..KpiTerms::default() };
    let queued = |fact: &Fact| fact.what.call() != Some(call(1)) || !matches!(fact.what, What::QueueEntered { .. });
    for (what, kept, by_config) in [("each in a queue", false, false), ("one in none", true, true)] {
        let dir = house_under(terms(), |fact| !kept || queued(fact));
        let dir = dir.path();
        let (book, now) = (book("0.60"), Wall::from_secs(1_800_000_000));
        let wanted = Wanted { from: Wall(0), to: Wall(i64::MAX), dry_run: false, now };
        let terms = terms();
        assert_eq!(run_as_counted(dir, &book, by_config.then_some(&terms), wanted, |_| {}).unwrap().again.changed, 4);
        let rows = rows_by(dir, Subject::Cost, Split::NumberType);
        assert_eq!(rows.len(), 2, "{what}: a header and a row: {rows:?}");
        assert!(rows[1].contains(",ours,") && rows[1].contains(",0.4300,"), "{what}: {rows:?}");
    }
}
