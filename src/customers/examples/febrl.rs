//! Duplicates in the FEBRL data sets, whose answers are known: `febrl FILE.csv ...` prints precision, recall and F1 of each.
//! `scripts/febrl` gets the files and runs it.

#![expect(clippy::disallowed_methods, reason = "an example reads files")]

use std::collections::BTreeMap;
use std::process::ExitCode;

use turno_customers::customer::{Address, Day};
use turno_customers::duplicates::{Finder, Verdict};
use turno_customers::import::csv_rows;
use turno_customers::{Customer, IdKind, PersonalId};

/// What F1 must be, in hundred-thousandths.
const F1_MIN: u64 = 99_500;

fn main() -> ExitCode {
    let mut good = true;
    println!(
        "{:<16} {:>8} {:>9} {:>9} {:>7} {:>8} {:>10}",
        "data set", "records", "precision", "recall", "F1", "clerical", "compared"
    );
    for file in std::env::args().skip(1) {
        match std::fs::read_to_string(&file) {
            Ok(text) => good &= measure(&file, &text),
            Err(error) => {
                eprintln!("{file}: {error}");
                good = false;
            }
        }
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn measure(file: &str, text: &str) -> bool {
    let mut finder = Finder::default();
    let (mut header, mut owners) = (BTreeMap::new(), Vec::new());
    let read = csv_rows(text, b',', |_, cells| {
        if header.is_empty() {
            header = cells.iter().enumerate().map(|(at, name)| ((*name).to_owned(), at)).collect();
        } else {
            let cell = |name: &str| header.get(name).and_then(|at| cells.get(*at)).copied().unwrap_or("");
            // rec-223-org and rec-223-dup-0 are one person.
            owners.push(cell("rec_id").split('-').nth(1).unwrap_or("").to_owned());
            finder.push(&customer(&cell));
        }
        true
    });
    if let Err(error) = read {
        eprintln!("{file}: {error}");
        return false;
    }
    let found = finder.find(|_| ());
    let same = |a: u32, b: u32| owners.get(a as usize) == owners.get(b as usize);
    let (mut given, mut right) = (0_u64, 0_u64);
    for group in finder.groups(&found) {
        for (at, &a) in group.iter().enumerate() {
            for &b in group.iter().skip(at + 1) {
                given += 1;
                right += u64::from(same(a, b));
                if std::env::args().any(|arg| arg == "-v") && !same(a, b) {
                    println!("wrong {a} {b} {:?}", finder.explain(&finder.evidence(), a, b));
                }
            }
        }
    }
    let mut sizes: BTreeMap<&str, u64> = BTreeMap::new();
    owners.iter().for_each(|owner| *sizes.entry(owner).or_insert(0) += 1);
    let all: u64 = sizes.values().map(|size| size * (size - 1) / 2).sum();
    let f1 = 200_000 * right / (given + all).max(1);
    let maybe = found.pairs.iter().filter(|pair| pair.verdict == Verdict::Maybe).count();
    let shown = |of: u64| format!("0.{of:05}").replace("0.100000", "1.00000");
    let name = file.rsplit('/').next().unwrap_or(file);
    let precision = shown(right * 100_000 / given.max(1));
    let recall = shown(right * 100_000 / all.max(1));
    println!(
        "{name:<16} {:>8} {precision:>9} {recall:>9} {:>7} {maybe:>8} {:>10}",
        owners.len(),
        shown(f1),
        found.compared
    );
    f1 >= F1_MIN
}

fn customer<'a>(cell: &dyn Fn(&str) -> &'a str) -> Customer {
    let text = |name: &str| cell(name).to_owned();
    Customer {
        id: text("rec_id"),
        given: text("given_name"),
        surnames: text("surname"),
        born: Day::parse(cell("date_of_birth")),
        ids: PersonalId::new(IdKind::Other, cell("soc_sec_id")).into_iter().collect(),
        addresses: vec![Address {
            street: format!("{} {}", cell("street_number"), cell("address_1")),
            more: text("address_2"),
            postcode: text("postcode"),
            town: text("suburb"),
            region: text("state"),
        }],
        ..Customer::default()
    }
}
