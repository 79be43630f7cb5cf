//! `turno rate again`: a period's records priced by the book of today, differences posted to the ledger beside them.

use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::ProgressBar;
use serde_json::json;
use turno_base::Wall;
use turno_tariff::Deck;
use turno_tariff::again::Again;

use crate::cli::audited::{deed, note, with};
use crate::cli::{RECORDS_DEFAULT, REFUSED};
use crate::shell::again::{Run, Wanted, run};
use crate::shell::clock::wall;
use crate::shell::instant::wall_of;
use crate::shell::live;

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
    let book = args.config.as_deref().map_or_else(|| super::load(&args.deck), books);
    let deck = match book {
        Ok(deck) => deck,
        Err(error) => {
            eprintln!("{error}");
            return REFUSED;
        }
    };
    let bar = if stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    let progress = |records: u64| bar.set_message(format!("{records} records"));
    let wanted = Wanted { from: args.from, to: args.to, dry_run: args.dry_run, now: wall() };
    let done = run(&args.records, &deck, wanted, progress);
    bar.finish_and_clear();
    if let (Ok(run), false) = (&done, args.dry_run) {
        let book = args.config.as_deref().unwrap_or(&args.deck).display();
        let told = deed("rate again", "ledger", format!("{} to {} by {book}", args.from, args.to));
        note(&args.records, with(told, json!({"records": run.again.records, "posted": run.again.changed})));
    }
    match done {
        Ok(run) if as_json => println!("{}", as_object(&run, args.dry_run)),
        Ok(run) => print(&run, args.dry_run),
        Err(error) => {
            eprintln!("{error}; name the folder of the records with --records");
            return REFUSED;
        }
    }
    0
}

/// The price books of a configuration, or what is wrong with it, a line each.
fn books(config: &Path) -> Result<Deck, String> {
    let checked = live::load(config, None);
    let problems = || checked.problems.iter().map(|problem| problem.to_string()).collect::<Vec<_>>().join("\n");
    checked.settings.map(|settings| settings.engine.deck).ok_or_else(problems)
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
            let run = run(&records, deck, wanted, |_| {}).unwrap();
            let sums: Vec<String> = run.sums().map(|(_, net, _)| net).collect();
            (run.again.changed, sums.join(" "))
        };
        let of_config = books(&config).unwrap();
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
}
