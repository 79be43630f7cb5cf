//! `turno rate again`: a period's records priced by the book of today, differences posted to the ledger beside them.

use std::cell::Cell;
use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use turno_base::Wall;
use turno_report::kpi::KpiTerms;
use turno_tariff::Deck;
use turno_tariff::again::Again;

use crate::cli::audited::{deed, note, with};
use crate::cli::{RECORDS_DEFAULT, REFUSED};
use crate::shell::again::{Run, Wanted, records, run_as_counted};
use crate::shell::clock::wall;
use crate::shell::config::Settings;
use crate::shell::figures::terms;
use crate::shell::instant::wall_of;
use crate::shell::live;
use crate::shell::store::StoreError;

/// Which period, by which book.
#[derive(Debug, Args)]
pub(in crate::cli) struct AgainArgs {
    /// Arrived at or after, for example 2026-03-01.
    #[arg(long, value_parser = wall_of)]
    from: Wall,
    /// Arrived before.
    #[arg(long, value_parser = wall_of)]
    to: Wall,
    /// Say what would be posted, and post nothing.
    #[arg(long)]
    dry_run: bool,
    /// Price book: CSV or JSON.
    #[arg(long, value_name = "FILE", default_value = "tariff.csv")]
    deck: PathBuf,
    /// Configuration whose price books are taken instead, those of trunks by their direction included.
    #[arg(long, value_name = "FILE", conflicts_with = "deck")]
    config: Option<PathBuf>,
    /// Folder of the records; the ledger is beside them.
    #[arg(long, value_name = "DIR", env = "TURNO_RECORDS", default_value = RECORDS_DEFAULT)]
    records: PathBuf,
}

pub(super) fn again(args: &AgainArgs, as_json: bool) -> u8 {
    let deck = || super::load(&args.deck).map(|deck| (deck, None));
    let book =
        args.config.as_deref().map_or_else(deck, |config| books(config).map(|(deck, terms)| (deck, Some(terms))));
    let (deck, terms) = match book {
        Ok(book) => book,
        Err(error) => {
            eprintln!("{error}");
            return REFUSED;
        }
    };
    let wanted = Wanted { from: args.from, to: args.to, dry_run: args.dry_run, now: wall() };
    let shown = Shown::new(records(&args.records, args.from, args.to).unwrap_or(0));
    let done = run_as_counted(&args.records, &deck, terms.as_ref(), wanted, |again| shown.part(*again));
    let parts = shown.end();
    let again = done.as_ref().map_or(parts, |run| run.again);
    // Also a run that failed has posted its parts before.
    if !args.dry_run && (done.is_ok() || again.changed > 0) {
        let book = args.config.as_deref().unwrap_or(&args.deck).display();
        let told = deed("rate again", "ledger", format!("{} to {} by {book}", args.from, args.to));
        note(&args.records, with(told, json!({"records": again.records, "posted": again.changed})));
    }
    match done {
        Ok(run) if as_json => println!("{}", as_object(&run, args.dry_run)),
        Ok(run) => print(&run, args.dry_run),
        Err(error) => {
            eprintln!("{}", failed(&error, &again, args.dry_run));
            return REFUSED;
        }
    }
    0
}

/// What is said of a run that did not reach its end.
fn failed(error: &StoreError, again: &Again, dry_run: bool) -> String {
    if matches!(error, StoreError::Missing(_)) {
        return format!("{error}; name the folder of the records with --records");
    }
    if dry_run || again.records == 0 {
        return error.to_string();
    }
    let Again { records, changed, .. } = again;
    format!("{error}; {records} records are done and {changed} differences posted: the same command goes on from there")
}

/// How far it is, on a terminal as a bar, else as a line for each tenth of the records.
#[derive(Debug)]
struct Shown {
    bar: Option<ProgressBar>,
    total: u64,
    done: Cell<Again>,
}

impl Shown {
    fn new(total: u64) -> Shown {
        let style = "{bar:30} {percent}% {msg} ({eta} left)";
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(total);
            bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Shown { bar, total, done: Cell::new(Again::default()) }
    }

    fn part(&self, again: Again) {
        let before = self.done.replace(again);
        let line = format!("{} of {} records, {} differences", again.records, self.total, again.changed);
        match &self.bar {
            Some(bar) => {
                bar.set_position(again.records);
                bar.set_message(line);
            }
            None if is_told(before.records, again.records, self.total) => eprintln!("{line}"),
            None => {}
        }
    }

    /// What was done by then.
    fn end(self) -> Again {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        self.done.get()
    }
}

/// Another tenth was reached, and it is not the last: how it ended is said anyway.
fn is_told(before: u64, now: u64, total: u64) -> bool {
    let tenth = |records: u64| (records * 10).checked_div(total).unwrap_or(0);
    now < total && tenth(now) > tenth(before)
}

/// The price books of a configuration and how its figures count, or what is wrong with it, a line each.
fn books(config: &Path) -> Result<(Deck, KpiTerms), String> {
    let checked = live::load(config, None);
    let problems = || checked.problems.iter().map(|problem| problem.to_string()).collect::<Vec<_>>().join("\n");
    let of = |settings: Settings| {
        let terms = terms(&settings);
        (settings.engine.deck, terms)
    };
    checked.settings.map(of).ok_or_else(problems)
}

fn as_object(run: &Run, dry_run: bool) -> String {
    let sums: Vec<_> = run
        .sums()
        .map(|(payer, net, currency)| json!({"payer": payer.to_string(), "net": net, "currency": currency.as_str()}))
        .collect();
    json!({"dry_run": dry_run, "rated": run.again, "differences": sums}).to_string()
}

fn print(run: &Run, dry_run: bool) {
    let Again { records, same, changed, first, unrated, incomparable } = run.again;
    let verb = if dry_run { "would be posted" } else { "posted" };
    println!("{records} records: {changed} differences {verb} ({first} first amounts), {same} as they were");
    if unrated > 0 {
        println!("{unrated} amounts are unrated: no rule of the book is for them; what was posted stays");
    }
    if incomparable > 0 {
        println!(
            "{incomparable} amounts are of another currency or other decimals than before; nothing posted for them"
        );
    }
    for (payer, net, currency) in run.sums() {
        println!("{payer}: {net} {currency}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::store::tests::{Dir, fill, record};

    const CONFIG: &str = r#"
[[sip.listeners]]
address = "127.0.0.1:5060"
[trunks.carrier]
hosts = ["192.0.2.1"]
[queues.averias]
length_max = 5
[segments.standard]
[customers]
segment_default = "standard"
[[routes]]
dnis = "+34910000001"
to = "queue:averias"
[tariff]
file = "main.csv"
[tariff.trunks.carrier]
inbound = "carrier.csv"
"#;

    #[test]
    fn a_period_is_rated_again_by_the_books_of_a_configuration_those_of_trunks_included() {
        let dir = Dir::new("again-config");
        let book =
            |price: &str| format!("valid_from,payer,b,rate,per_minute\n2026-01-01,company,34900,freephone,{price}\n");
        for (name, text) in
            [("turno.toml", CONFIG.to_owned()), ("main.csv", book("0.60")), ("carrier.csv", book("0.90"))]
        {
            std::fs::write(dir.0.join(name), text).unwrap();
        }
        let (config, records) = (dir.0.join("turno.toml"), dir.0.join("records"));
        std::fs::create_dir_all(&records).unwrap();
        // Ten seconds each, arrived by the trunk.
        fill(&records, (0..3).map(record)).unwrap();
        let args = |dry_run| AgainArgs {
            from: Wall(0),
            to: Wall(i64::MAX),
            dry_run,
            deck: "nowhere.csv".into(),
            config: Some(config.clone()),
            records: records.clone(),
        };
        let left = |deck: &Deck| {
            let wanted = Wanted { from: Wall(0), to: Wall(i64::MAX), dry_run: true, now: wall() };
            let run = crate::shell::again::run(&records, deck, wanted, |_| {}).unwrap();
            let sums: Vec<String> = run.sums().map(|(_, net, _)| net).collect();
            (run.again.changed, sums.join(" "))
        };
        let (of_config, _) = books(&config).unwrap();
        // 0.15 each by the trunk's book, where the records have 0.027.
        let before = left(&of_config);
        assert_eq!(before.0, 3, "{before:?}");
        assert_eq!((again(&args(true), false), left(&of_config)), (0, before));
        assert_eq!((again(&args(false), true), left(&of_config)), (0, (0, String::new())));
        // By the book for all others each of them would be a third cheaper: the trunk's was taken.
        let (changed, sums) = left(&super::super::load(&dir.0.join("main.csv")).unwrap());
        assert_eq!((changed, sums.as_str()), (3, "-0.1600"));
        std::fs::write(dir.0.join("carrier.csv"), book("cheap")).unwrap();
        assert_eq!(again(&args(false), false), REFUSED);
        assert!(books(&config).unwrap_err().contains("row 2, column per_minute: bad_price"));
    }

    #[test]
    fn progress_is_told_by_the_tenth_and_a_run_that_fails_says_what_it_has_posted() {
        let parts: Vec<u64> = (0..=7).map(|n| n * 10_000).collect();
        let told = |total: u64| -> Vec<u64> {
            let pairs = parts.iter().zip(parts.iter().skip(1));
            pairs.filter(|(before, now)| is_told(**before, **now, total)).map(|(_, now)| *now).collect()
        };
        assert_eq!(told(70_000), [10_000, 20_000, 30_000, 40_000, 50_000, 60_000], "each part is more than a tenth");
        assert_eq!(told(700_000), [70_000]);
        assert_eq!(told(10_000), [0; 0], "the end is no progress");
        assert_eq!(told(0), [0; 0], "not even their number could be read");

        let again = Again { records: 20_000, changed: 300, ..Again::default() };
        let missing = StoreError::Missing("x".into());
        let posting = StoreError::Posting("x".into());
        for (error, again, dry_run, want) in [
            (
                &missing,
                Again::default(),
                false,
                "there are no records in x; name the folder of the records with --records",
            ),
            (&posting, Again::default(), false, "another run posts to the ledger in x: wait until it has ended"),
            (&posting, again, true, "another run posts to the ledger in x: wait until it has ended"),
            (
                &posting,
                again,
                false,
                "another run posts to the ledger in x: wait until it has ended; 20000 records are done and 300 differences posted: \
                 the same command goes on from there",
            ),
        ] {
            assert_eq!(failed(error, &again, dry_run), want);
        }
    }
}
