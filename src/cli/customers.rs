//! `turno customers`: the store's customers, beside a running engine or without one. A running engine knows of a change within
//! seconds.

mod cases;
mod entered;
mod person;
mod twice;
mod worth;

use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use serde_json::json;
use turno_customers::customer::Customer;
use turno_customers::encoding::Encoding;
use turno_customers::entered::Unfit;
use turno_customers::hygiene::TaskKind;
use turno_customers::import::{Field, Mapping};
use turno_customers::personal::Retention;
use turno_customers::{HITS_MAX, Portfolio};

use crate::cli::audited::{deed, note, with};
use crate::cli::table::Table;
use crate::cli::{NOT_FOUND, REFUSED};
use crate::shell::clock::wall;
use crate::shell::customers::file::{FileError, Outcome, Reading, import};
use crate::shell::customers::{HitView, search};
use crate::shell::store::StoreError;
use crate::shell::store::customers::{CaseError, Customers, EntryError, MergeError};

/// Row errors that are printed; the rest is counted.
const ERRORS_SHOWN: usize = 20;

/// What to do with customers.
#[derive(Debug, Subcommand)]
pub(super) enum CustomersCommand {
    /// Bring in a file: CSV of any delimiter and encoding, XLSX, XLS, ODS. The same file twice changes nothing.
    Import(ImportArgs),
    /// Imports, newest first.
    Imports,
    /// Take an import back, the last one if none is named.
    Undo {
        /// Its number.
        import: Option<i64>,
    },
    /// Find by name (beginnings, sound, any order), part of a number, id, e-mail.
    Search {
        /// What to look for.
        #[arg(required = true)]
        question: Vec<String>,
        /// At most so many.
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Everything about one customer.
    Show {
        /// External id.
        id: String,
    },
    /// Everything kept about a person, the calls included, as JSON.
    Export {
        /// External id.
        id: String,
    },
    /// Forget a customer for good. Records of calls stay for the bill, under a pseudonym and without the last digits.
    Erase {
        /// External id.
        id: String,
        /// Yes, for good.
        #[arg(long)]
        yes: bool,
    },
    /// Take out what is older than it may be kept.
    Retain {
        /// Longest age of contacts, days.
        #[arg(long)]
        contacts_days: Option<u32>,
        /// Longest age of notes, days.
        #[arg(long)]
        notes_days: Option<u32>,
        /// Longest age of consents that ended, days.
        #[arg(long)]
        consents_days: Option<u32>,
        /// Only say how many customers have such.
        #[arg(long)]
        dry_run: bool,
    },
    /// Who is there twice: groups that are one customer, and pairs for people to decide.
    Duplicates {
        /// Merge every group into its first customer; `unmerge` takes it back.
        #[arg(long)]
        merge: bool,
    },
    /// Make one customer of two.
    Merge {
        /// External id that stays.
        kept: String,
        /// External id that becomes another one of the same.
        gone: String,
    },
    /// Take back the last merge into a customer.
    Unmerge {
        /// External id that stayed.
        kept: String,
    },
    /// These two are two: `duplicates` names them no more.
    Different {
        /// External id.
        a: String,
        /// External id.
        b: String,
    },
    /// Renew values and segments: by how lately, how often and for how much each customer calls, and by rules.
    Value {
        /// TOML with `[[rules]]`: name, and any of kind, flag, segment_now, disposition (of his last call), open_cases (at least), recency, frequency, money (1 to 5, at least), value, segment.
        #[arg(long, value_name = "FILE")]
        rules: Option<PathBuf>,
        /// Only say how many would change.
        #[arg(long)]
        dry_run: bool,
    },
    /// What a customer waits for: open or close a case.
    #[command(subcommand)]
    Case(cases::CaseCommand),
    /// What a customer agrees to, with what shows it and until when.
    #[command(subcommand)]
    Consent(entered::ConsentCommand),
    /// Notes about a customer; agents see them on his card.
    #[command(subcommand)]
    Note(entered::NoteCommand),
    /// What calls have shown to be wrong, for people to put right.
    Tasks {
        /// This one is done.
        #[arg(long, value_name = "TASK")]
        done: Option<i64>,
    },
}

/// What to bring in, and how.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// File.
    file: PathBuf,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Country code that completes national numbers.
    #[arg(long, default_value = "34")]
    country: String,
    /// What a column is, by its header: `--map "Ref.=external_id"`, `--map "Plan=custom:plan"`.
    #[arg(long = "map", value_name = "HEADER=FIELD", value_parser = mapped)]
    map: Vec<(String, Field)>,
    /// Keep columns that nothing maps as custom fields.
    #[arg(long)]
    keep_others: bool,
    /// Between cells, one character or `tab`; found out if absent.
    #[arg(long, value_parser = delimiter_of)]
    delimiter: Option<u8>,
    /// utf-8, utf-16le, utf-16be or latin1; found out if absent.
    #[arg(long, value_parser = encoding_of)]
    encoding: Option<Encoding>,
    /// Sheet of a workbook; the first if absent.
    #[arg(long)]
    sheet: Option<String>,
}

fn mapped(text: &str) -> Result<(String, Field), String> {
    let (header, field) = text.rsplit_once('=').ok_or("write HEADER=FIELD")?;
    let field = Field::named(field).ok_or_else(|| {
        format!(
            "{field:?} is no field; name external_id, name, numbers, email, tax_id, segment, value, custom:NAME, ..."
        )
    })?;
    Ok((header.to_owned(), field))
}

fn delimiter_of(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [one] => Ok(*one),
        b"tab" | b"\\t" => Ok(b'\t'),
        _ => Err("write one character, or tab".to_owned()),
    }
}

fn encoding_of(text: &str) -> Result<Encoding, String> {
    Encoding::named(text).ok_or_else(|| "write utf-8, utf-16le, utf-16be or latin1".to_owned())
}

/// Runs a `customers` command on the store in `dir`.
pub(super) fn customers(dir: &Path, as_json: bool, command: &CustomersCommand) -> u8 {
    let done = match command {
        CustomersCommand::Import(args) => bring_in(dir, as_json, args),
        CustomersCommand::Imports => imports(dir, as_json),
        CustomersCommand::Undo { import } => undo(dir, as_json, *import),
        CustomersCommand::Search { question, limit } => find(dir, as_json, &question.join(" "), *limit),
        CustomersCommand::Show { id } => show(dir, as_json, id),
        CustomersCommand::Export { id } => person::export(dir, id),
        CustomersCommand::Erase { id, yes } => person::erase(dir, as_json, id, *yes),
        CustomersCommand::Retain { contacts_days, notes_days, consents_days, dry_run } => {
            let (contacts_days, notes_days, consents_days) = (*contacts_days, *notes_days, *consents_days);
            person::retain(dir, as_json, &Retention { contacts_days, notes_days, consents_days }, *dry_run)
        }
        CustomersCommand::Duplicates { merge } => twice::duplicates(dir, as_json, *merge),
        CustomersCommand::Merge { kept, gone } => twice::merge(dir, as_json, kept, gone),
        CustomersCommand::Unmerge { kept } => twice::unmerge(dir, as_json, kept),
        CustomersCommand::Different { a, b } => twice::different(dir, as_json, a, b),
        CustomersCommand::Value { rules, dry_run } => worth::renew(dir, as_json, rules.as_deref(), *dry_run),
        CustomersCommand::Case(command) => cases::run(dir, as_json, command),
        CustomersCommand::Consent(command) => entered::consent(dir, as_json, command),
        CustomersCommand::Note(command) => entered::note(dir, as_json, command),
        CustomersCommand::Tasks { done } => tasks(dir, as_json, *done),
    };
    match done {
        Ok(()) => 0,
        Err(failure) => {
            eprintln!("{failure}");
            if failure.is_about_nobody() { NOT_FOUND } else { REFUSED }
        }
    }
}

impl Failure {
    /// What was named does not exist.
    fn is_about_nobody(&self) -> bool {
        match self {
            Failure::NoCustomer(_) | Failure::NoTask(_) | Failure::NothingToUndo => true,
            Failure::Merge(error) => matches!(error, MergeError::NoCustomer(_) | MergeError::NotMerged(_)),
            Failure::Case(error) => matches!(error, CaseError::NoCustomer(_) | CaseError::NotOpen(_)),
            Failure::Entry(error) => {
                matches!(error, EntryError::NoCustomer(_) | EntryError::Unfit(Unfit::NoConsent(_) | Unfit::NoNote))
            }
            Failure::Store(_) | Failure::File(_) | Failure::NotSure(_) | Failure::Rules(..) | Failure::Entropy => false,
        }
    }
}

/// Why a command on customers fails.
#[derive(Debug)]
enum Failure {
    Store(StoreError),
    File(FileError),
    Merge(MergeError),
    Case(CaseError),
    Entry(EntryError),
    NoCustomer(String),
    NoTask(i64),
    NothingToUndo,
    NotSure(String),
    Rules(PathBuf, String),
    Entropy,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::Store(error)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Store(error) => write!(f, "{error}; name the folder of the records with --records"),
            Failure::File(error) => error.fmt(f),
            Failure::NoCustomer(id) => {
                write!(f, "there is no customer {id:?}; look for one with `turno customers search`")
            }
            Failure::Merge(error) => error.fmt(f),
            Failure::Case(error) => error.fmt(f),
            Failure::Entry(error) => error.fmt(f),
            Failure::NoTask(task) => write!(f, "there is no task {task}, or it was done; see `turno customers tasks`"),
            Failure::NotSure(id) => write!(f, "this cannot be taken back; say `turno customers erase {id} --yes`"),
            Failure::Rules(path, why) => write!(f, "{}: {why}", path.display()),
            Failure::Entropy => f.write_str("the system gives no random numbers for a pseudonym; nothing was erased"),
            Failure::NothingToUndo => {
                f.write_str("there is no such import, or it was taken back; see `turno customers imports`")
            }
        }
    }
}

fn bring_in(dir: &Path, as_json: bool, args: &ImportArgs) -> Result<(), Failure> {
    let mapping = Mapping { country: args.country.clone(), columns: args.map.clone(), keep_others: args.keep_others };
    let reading = Reading { mapping, delimiter: args.delimiter, encoding: args.encoding, sheet: args.sheet.clone() };
    let mut store = Customers::open(dir)?;
    let bar = if stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
    let progress = |rows| bar.set_message(format!("{rows} rows"));
    let outcome = import(&mut store, &args.file, &reading, wall(), args.dry_run, progress).map_err(Failure::File)?;
    bar.finish_and_clear();
    if !args.dry_run {
        let file = args.file.display().to_string();
        let came = json!({"counts": outcome.counts, "left_out": outcome.errors_count});
        note(dir, with(deed("customers import", "customers", file), came));
    }
    match as_json {
        true => println!("{}", json!({"dry_run": args.dry_run, "outcome": outcome})),
        false => print_outcome(&outcome, args.dry_run),
    }
    Ok(())
}

fn print_outcome(outcome: &Outcome, dry_run: bool) {
    let mut table = Table::new(&["column", "taken for"]);
    for (header, field) in &outcome.columns {
        table.row([header.clone(), field.clone().unwrap_or_else(|| "- (left aside)".to_owned())]);
    }
    table.print();
    for error in outcome.errors.iter().take(ERRORS_SHOWN) {
        println!("{error}");
    }
    if outcome.errors_count > ERRORS_SHOWN as u64 {
        println!(
            "{} more rows were left out; --json names the first thousand",
            outcome.errors_count - ERRORS_SHOWN as u64
        );
    }
    let counts = outcome.counts;
    println!(
        "{}{} added, {} changed, {} as they were, {} merged into others, {} rows left out",
        if dry_run { "nothing is changed; it would be: " } else { "" },
        counts.added,
        counts.changed,
        counts.same,
        counts.merged,
        outcome.errors_count
    );
}

fn imports(dir: &Path, as_json: bool) -> Result<(), Failure> {
    let past = Customers::open_existing(dir)?.imports()?;
    if as_json {
        println!("{}", json!({"imports": past}));
        return Ok(());
    }
    let mut table = Table::new(&["import", "at", "file", "added", "changed", "same", "left out", "taken back"]);
    for one in past {
        table.row([
            one.import.to_string(),
            turno_base::Wall(one.at_us).to_string(),
            one.file,
            one.counts.added.to_string(),
            one.counts.changed.to_string(),
            one.counts.same.to_string(),
            one.errors.to_string(),
            if one.undone { "yes" } else { "" }.to_owned(),
        ]);
    }
    table.print();
    Ok(())
}

fn undo(dir: &Path, as_json: bool, import: Option<i64>) -> Result<(), Failure> {
    let undone = Customers::open_existing(dir)?.undo(import, wall())?.ok_or(Failure::NothingToUndo)?;
    let about = format!("import {}", undone.import);
    note(dir, with(deed("customers undo", "customers", about), json!({"restored": undone.restored})));
    if as_json {
        println!("{}", json!({"undone": undone}));
        return Ok(());
    }
    println!("import {} is taken back: {} customers are as before", undone.import, undone.restored);
    for id in &undone.kept {
        println!("{id} was changed since and stays as it is");
    }
    Ok(())
}

fn find(dir: &Path, as_json: bool, question: &str, limit: usize) -> Result<(), Failure> {
    let (portfolio, _) = Customers::open_existing(dir)?.load(&Portfolio::default())?;
    print_hits(&search(&portfolio, question, limit.min(HITS_MAX)), as_json);
    Ok(())
}

fn print_hits(hits: &[HitView], as_json: bool) {
    if as_json {
        println!("{}", json!({"customers": hits}));
        return;
    }
    let mut table = Table::new(&["id", "name", "number", "segment", "value"]);
    for hit in hits {
        table.row([
            hit.id.clone(),
            hit.name.clone(),
            hit.number.map(|number| number.to_string()).unwrap_or_default(),
            hit.segment.map(|segment| segment.to_string()).unwrap_or_default(),
            hit.value_pm.map(thousandths).unwrap_or_default(),
        ]);
    }
    table.print();
}

/// 2500 as `2.5`.
fn thousandths(pm: u32) -> String {
    let text = format!("{}.{:03}", pm / 1000, pm % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn show(dir: &Path, as_json: bool, id: &str) -> Result<(), Failure> {
    let store = Customers::open_existing(dir)?;
    let customer = store.get(id)?.ok_or_else(|| Failure::NoCustomer(id.to_owned()))?;
    match as_json {
        true => println!("{}", json!(customer)),
        false => print_customer(&customer),
    }
    Ok(())
}

fn tasks(dir: &Path, as_json: bool, done: Option<i64>) -> Result<(), Failure> {
    let mut store = Customers::open_existing(dir)?;
    if let Some(task) = done {
        return match store.finish_task(task, wall())? {
            true => {
                note(dir, deed("customers tasks --done", format!("customer-task/{task}"), ""));
                Ok(())
            }
            false => Err(Failure::NoTask(task)),
        };
    }
    let tasks = store.tasks()?;
    if as_json {
        println!("{}", json!({"tasks": tasks}));
        return Ok(());
    }
    let mut table = Table::new(&["task", "since", "customer", "number", "what"]);
    for task in tasks {
        let what =
            [TaskKind::InactiveNumber, TaskKind::WrongNumber].into_iter().find(|kind| kind.as_str() == task.kind);
        table.row([
            task.task.to_string(),
            turno_base::Wall(task.at_us).to_string(),
            task.customer,
            task.number,
            what.map_or(task.kind, |kind| kind.sentence().to_owned()),
        ]);
    }
    table.print();
    Ok(())
}

fn print_customer(of: &Customer) {
    let mut table = Table::new(&["field", "value"]);
    let mut row = |field: &str, value: String| {
        if !value.is_empty() {
            table.row([field.to_owned(), value]);
        }
    };
    let optional = |of: Option<String>| of.unwrap_or_default();
    row("id", of.id.clone());
    row("earlier ids", of.aliases.join(" "));
    row("name", of.name.clone());
    row("born", optional(of.born.map(|day| day.to_string())));
    for line in &of.lines {
        row("number", format!("{} {:?} {:?}", line.number, line.kind, line.validity).to_lowercase());
    }
    row("e-mail", of.emails.join(" "));
    for id in &of.ids {
        row(id.kind().as_str(), id.to_string());
    }
    for a in &of.addresses {
        let parts = [&a.street, &a.more, &a.postcode, &a.town, &a.region];
        let parts: Vec<&str> = parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
        row("address", parts.join(", "));
    }
    row("segment", optional(of.segment.map(|segment| segment.to_string())));
    let value = |value: &turno_customers::customer::Value| {
        format!("{} ({:?}, {})", thousandths(value.pm), value.source, value.at)
    };
    row("value", optional(of.value.as_ref().map(value)));
    row("language", optional(of.language.map(|language| language.to_string())));
    row("owner", optional(of.owner.map(|owner| owner.to_string())));
    row("flags", of.flags.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
    for consent in &of.consents {
        row("consent", entered::words(consent));
    }
    for contact in &of.contacts {
        row("contact", format!("{} {}", contact.at, contact.about));
    }
    for case in &of.cases {
        row("open case", format!("{} {} {}", case.reference, case.opened, case.title));
    }
    for note in &of.notes {
        row("note", format!("{} {}: {}", note.at, note.by, note.text));
    }
    for (field, text) in &of.custom {
        row(field, text.clone());
    }
    table.print();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_mapped_by_its_header() {
        for (text, want) in [
            ("Ref.=external_id", Some(("Ref.", Field::ExternalId))),
            ("a=b=name", Some(("a=b", Field::Name))),
            ("Plan=custom:plan", Some(("Plan", Field::Custom("plan".into())))),
            ("Plan=plan", None),
            ("Plan", None),
        ] {
            let want = want.map(|(header, field)| (header.to_owned(), field));
            assert_eq!(mapped(text).ok(), want, "{text}");
        }
    }

    #[test]
    fn a_value_prints_as_it_is_written() {
        for (pm, want) in [(0, "0"), (1000, "1"), (2500, "2.5"), (12_345, "12.345"), (10_000, "10")] {
            assert_eq!(thousandths(pm), want);
        }
    }
}
