//! `turno cdr verify|refused|retain|erase`: whether records are right, and how long they and the people in them are kept.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use jiff::tz::TimeZone;
use serde_json::json;
use turno_base::{CallId, E164, Redacted};
use turno_tariff::cdr::{Purpose, format};

use super::Failure;
use crate::cli::REFUSED;
use crate::cli::audited::{deed, note, with};
use crate::shell::clock::wall;
use crate::shell::customers::person::{EraseError, Forgotten, erase_calls};
use crate::shell::store::audit::{Report, audit, audit_file, audit_parquet};
use crate::shell::store::customers::Erased;
use crate::shell::store::outs::Fate;
use crate::shell::store::retention::{DAYS_MAX, Old, days_before, retain};
use crate::shell::store::{Reader, outs};

/// What else to compare the records with.
#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    /// A file of `to = "csv"`.
    #[arg(long, value_name = "FILE")]
    csv: Vec<PathBuf>,
    /// A file of `to = "jsonl"`.
    #[arg(long, value_name = "FILE")]
    jsonl: Vec<PathBuf>,
    /// A file of `to = "master-csv"`.
    #[arg(long, value_name = "FILE")]
    master_csv: Vec<PathBuf>,
    /// Files of `to = "parquet"`: all there are, for they are compared together.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    parquet: Vec<PathBuf>,
    /// Time zone of Master.csv.
    #[arg(long, default_value = "UTC")]
    zone: String,
}

pub(super) fn verify(dir: &Path, as_json: bool, args: &VerifyArgs) -> Result<u8, Failure> {
    let zone = TimeZone::get(&args.zone).map_err(|_| Failure::NoZone(args.zone.clone()))?;
    let mut report = audit(dir)?;
    for path in &args.csv {
        audit_file(dir, path, format::CSV_HEADER, format::csv, &mut report)?;
    }
    for path in &args.jsonl {
        audit_file(dir, path, "", |record| format::json(record) + "\n", &mut report)?;
    }
    for path in &args.master_csv {
        audit_file(dir, path, "", |record| format::master_csv(record, &zone), &mut report)?;
    }
    audit_parquet(dir, &args.parquet, &mut report)?;
    tell(&report, as_json);
    Ok(if report.wrong == 0 { 0 } else { REFUSED })
}

fn tell(report: &Report, as_json: bool) {
    let Report { records, logged, coming, refused, postings, lines, wrong, told, calls: _ } = report;
    if as_json {
        let report = json!({
            "records": records, "logged": logged, "coming": coming, "refused": refused, "postings": postings, "lines": lines, "wrong": wrong, "told": told,
        });
        println!("{report}");
        return;
    }
    for line in told {
        println!("{line}");
    }
    if *wrong > told.len() as u64 {
        println!("and {} more", wrong - told.len() as u64);
    }
    println!(
        "{records} records, {logged} of them in the log that is kept, {coming} on their way, {refused} set aside, {postings} postings, {lines} lines of \
         files: {}",
        if *wrong == 0 { "all is as it must be".to_owned() } else { format!("{wrong} differences") }
    );
}

/// What becomes of records that a consumer refused.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum FateCommand {
    /// Give them to it once more: the node does, or will when it starts.
    Retry(WhichRefused),
    /// Take them off the list: it never gets them.
    LetGo(WhichRefused),
}

/// Which of those that were refused.
#[derive(Debug, Args)]
pub(in crate::cli) struct WhichRefused {
    /// Name of one of `[[store.out]]`: a web hook or PostgreSQL.
    consumer: String,
    /// Only the record of this call.
    #[arg(long)]
    call: Option<CallId>,
}

pub(super) fn refused(dir: &Path, as_json: bool) -> Result<u8, Failure> {
    let ours = Reader::open(dir)?.refused()?.into_iter();
    let mut all: Vec<(String, Option<String>, String, bool)> =
        ours.map(|r| ("sqlite".to_owned(), r.call, r.reason, false)).collect();
    let others = outs::refused(dir).map_err(Failure::Io)?.into_iter();
    all.extend(others.map(|r| (r.consumer, r.call, r.reason, r.is_asked)));
    for (consumer, call, reason, is_asked) in &all {
        if as_json {
            println!("{}", json!({"consumer": consumer, "call": call, "reason": reason, "retry": is_asked}));
            continue;
        }
        let retry = if *is_asked { " (to be given to it once more)" } else { "" };
        println!("{consumer}  {}  {reason}{retry}", call.as_deref().unwrap_or("-"));
    }
    if all.is_empty() && !as_json {
        println!("no consumer has refused a record");
    }
    Ok(0)
}

pub(super) fn decide(dir: &Path, as_json: bool, command: &FateCommand) -> Result<u8, Failure> {
    let (word, fate, which) = match command {
        FateCommand::Retry(which) => ("retry", Fate::Again, which),
        FateCommand::LetGo(which) => ("let-go", Fate::Gone, which),
    };
    let records = outs::decide(dir, &which.consumer, which.call, fate).map_err(Failure::Io)?;
    if records == 0 {
        return Err(Failure::NotRefused(which.consumer.clone()));
    }
    let call = which.call.map(|call| format!("call {call}")).unwrap_or_default();
    note(dir, with(deed(&format!("cdr refused {word}"), which.consumer.clone(), call), json!({"records": records})));
    match (as_json, fate) {
        (true, _) => println!("{}", json!({"consumer": which.consumer, "records": records, "fate": word})),
        (false, Fate::Again) => println!(
            "{records} records are given to {} once more by the node, or when it starts; what it refuses again is on the list again",
            which.consumer
        ),
        (false, Fate::Gone) => println!("{records} records are off the list; {} never gets them", which.consumer),
    }
    Ok(0)
}

/// What calls were for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Those that entered a queue.
    Queue,
    /// Those that called a customer back.
    Callback,
    /// Those that went straight to somebody.
    Direct,
    /// Those between stations.
    Internal,
}

/// Which records are too old.
#[derive(Debug, Args)]
pub(in crate::cli) struct RetainArgs {
    /// Calls that arrived more than so many days ago.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=i64::from(DAYS_MAX)))]
    older_than: u32,
    /// Only those for this purpose.
    #[arg(long, value_enum)]
    purpose: Option<Kind>,
    /// Only count them.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn retain_records(dir: &Path, as_json: bool, args: &RetainArgs) -> Result<u8, Failure> {
    let before = days_before(wall(), args.older_than);
    let purpose = args.purpose.map(|kind| match kind {
        Kind::Queue => Purpose::Queue,
        Kind::Callback => Purpose::Callback,
        Kind::Direct => Purpose::Direct,
        Kind::Internal => Purpose::Internal,
    });
    let calls = retain(dir, Old { before, purpose }, args.dry_run)?;
    if !args.dry_run {
        let purpose = args.purpose.and_then(|kind| kind.to_possible_value());
        let purpose = purpose.map(|kind| format!(", purpose {}", kind.get_name())).unwrap_or_default();
        let more = format!("older than {} d{purpose}", args.older_than);
        note(dir, with(deed("cdr retain", "records", more), json!({"calls": calls, "before": before.to_string()})));
    }
    match (as_json, args.dry_run) {
        (true, _) => println!("{}", json!({"calls": calls, "before": before.to_string(), "dry_run": args.dry_run})),
        (false, true) => println!("{calls} calls arrived before {before}; nothing is changed"),
        (false, false) => println!("{calls} calls that arrived before {before} are gone"),
    }
    Ok(0)
}

/// Whose calls.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(in crate::cli) struct EraseArgs {
    /// External id of the customer.
    #[arg(long)]
    customer: Vec<String>,
    /// Telephone number with + and the country code.
    #[arg(long, value_parser = |text: &str| E164::new(text).map_err(|_| "write + and the country code first"))]
    number: Vec<E164>,
}

/// Somebody whom the customers do not know, or not any more, is forgotten in the records.
pub(super) fn erase(dir: &Path, as_json: bool, args: &EraseArgs) -> Result<u8, Failure> {
    let erased = Erased { ids: args.customer.clone(), numbers: args.number.clone() };
    let Forgotten { pseudonym: name, calls } = erase_calls(dir, &erased).map_err(|error| match error {
        EraseError::Store(error) => Failure::Store(error),
        EraseError::Entropy => Failure::Entropy,
    })?;
    // Who is to be forgotten is not remembered here by his whole number.
    let numbers = args.number.iter().map(|number| Redacted(number.to_string()).to_string());
    let whose: Vec<String> = args.customer.iter().cloned().chain(numbers).collect();
    note(dir, with(deed("cdr erase", "records", whose.join(" ")), json!({"calls": calls})));
    match as_json {
        true => println!("{}", json!({"pseudonym": name, "calls": calls})),
        false => println!("{calls} calls stay for the bill as {name}"),
    }
    Ok(0)
}
