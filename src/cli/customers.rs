//! `turno customers`: the store's customers, beside a running engine or without one. A running engine knows of a change within
//! seconds.

use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use serde_json::json;
use turno_customers::customer::Customer;
use turno_customers::encoding::Encoding;
use turno_customers::import::{Field, Mapping};
use turno_customers::{HITS_MAX, Portfolio};

use crate::cli::REFUSED;
use crate::cli::table::Table;
use crate::shell::clock::wall;
use crate::shell::customers::file::{FileError, Outcome, Reading, import};
use crate::shell::customers::{HitView, search};
use crate::shell::store::StoreError;
use crate::shell::store::customers::Customers;

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
    };
    match done {
        Ok(()) => 0,
        Err(failure) => {
            eprintln!("{failure}");
            REFUSED
        }
    }
}

/// Why a command on customers fails.
#[derive(Debug)]
enum Failure {
    Store(StoreError),
    File(FileError),
    NoCustomer(String),
    NothingToUndo,
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
        let word = if consent.granted { "given" } else { "withdrawn" };
        row("consent", format!("{} {word} {} {}", consent.purpose, consent.at, consent.proof));
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
