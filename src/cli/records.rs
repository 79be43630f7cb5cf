//! `turno cdr`: records straight from their tables, beside a running engine or without one.

mod keep;

use std::fs::File;
use std::io::{self, BufWriter, Write, stdout};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use parquet::errors::ParquetError;
use turno_base::{AgentId, CallId, QueueId, Wall};
use turno_tariff::cdr::Record;
use turno_tariff::cdr::format;

use crate::cli::{NOT_FOUND, REFUSED};
use crate::shell::instant::wall_of;
use crate::shell::store::ledger::{self, Ledger};
use crate::shell::store::parquet::Sheet;
use crate::shell::store::{Filter, Order, Reader, StoreError};

/// Records shown by a list that asks for no number of them.
const LIST_DEFAULT: u32 = 50;

/// What to do with records.
#[derive(Debug, Subcommand)]
pub(super) enum CdrCommand {
    /// The newest records, a line each.
    List {
        #[command(flatten)]
        which: Which,
    },
    /// Everything about one call.
    Show {
        /// Call.
        call: CallId,
    },
    /// Records in a format that other programs read, oldest first.
    Export {
        #[command(flatten)]
        which: Which,
        /// Format; absent: csv, or jsonl with --json.
        #[arg(long, value_enum)]
        format: Option<Format>,
        /// Time zone of the Asterisk format, such as Europe/Madrid.
        #[arg(long, default_value = "UTC")]
        zone: String,
        /// File; standard output if absent.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Whether every record is sound and the log, the tables and files say the same; exit status 1 if not.
    Verify(keep::VerifyArgs),
    /// Records that consumers refused, with the reasons, and what becomes of them.
    Refused {
        /// Absent: show them.
        #[command(subcommand)]
        fate: Option<keep::FateCommand>,
    },
    /// Take old records out of the tables.
    Retain(keep::RetainArgs),
    /// Put a pseudonym in the place of a person; the bill stays.
    Erase(keep::EraseArgs),
}

/// Which records.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Arrived at or after, for example 2026-03-10 or 2026-03-10T11:00:00Z.
    #[arg(long, value_parser = wall_of)]
    since: Option<Wall>,
    /// Arrived before.
    #[arg(long, value_parser = wall_of)]
    until: Option<Wall>,
    /// Entered this queue.
    #[arg(long)]
    queue: Option<QueueId>,
    /// Talked with this agent.
    #[arg(long)]
    agent: Option<AgentId>,
    /// From or to this number.
    #[arg(long)]
    number: Option<String>,
    /// At most so many.
    #[arg(long)]
    limit: Option<u32>,
}

/// Formats of an export.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Format {
    /// One line a call, with a header; cells are safe in spreadsheets.
    Csv,
    /// One JSON object a line, with legs, segments, offers and costs.
    Jsonl,
    /// Asterisk's Master.csv.
    Asterisk,
    /// The columns of the CSV with types, and the whole record as JSON.
    Parquet,
}

impl Which {
    fn filter(&self) -> Filter {
        Filter {
            since: self.since,
            until: self.until,
            queue: self.queue,
            agent: self.agent,
            number: self.number.clone(),
            limit: self.limit,
        }
    }
}

/// Runs a `cdr` command on the records in `dir`.
pub(super) fn cdr(dir: &Path, as_json: bool, command: &CdrCommand) -> u8 {
    let read = |run: &dyn Fn(&Reader) -> Result<(), Failure>| {
        let reader = Reader::open(dir)?;
        run(&reader).map(|()| 0)
    };
    let done = match command {
        CdrCommand::List { which } => read(&|reader| list(reader, as_json, which)),
        CdrCommand::Show { call } => read(&|reader| show(reader, dir, as_json, *call)),
        CdrCommand::Export { which, format, zone, out } => {
            let usual = if as_json { Format::Jsonl } else { Format::Csv };
            read(&|reader| export(reader, which, format.unwrap_or(usual), zone, out.as_deref()))
        }
        CdrCommand::Verify(args) => keep::verify(dir, as_json, args),
        CdrCommand::Refused { fate: None } => keep::refused(dir, as_json),
        CdrCommand::Refused { fate: Some(fate) } => keep::decide(dir, as_json, fate),
        CdrCommand::Retain(args) => keep::retain_records(dir, as_json, args),
        CdrCommand::Erase(args) => keep::erase(dir, as_json, args),
    };
    match done {
        Ok(status) => status,
        // A reader that went away (`| head`) has seen what it wanted.
        Err(Failure::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(failure) => {
            eprintln!("{failure}");
            if matches!(failure, Failure::NoCall(_) | Failure::NotRefused(_)) { NOT_FOUND } else { REFUSED }
        }
    }
}

/// Why a command on records fails.
#[derive(Debug)]
enum Failure {
    Store(StoreError),
    Io(io::Error),
    NoCall(CallId),
    NoZone(String),
    NotRefused(String),
    Entropy,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::Store(error)
    }
}

/// What goes wrong on the way out is the file's.
impl From<ParquetError> for Failure {
    fn from(error: ParquetError) -> Failure {
        match error {
            ParquetError::External(error) => match error.downcast::<io::Error>() {
                Ok(error) => Failure::Io(*error),
                Err(error) => Failure::Io(io::Error::other(error)),
            },
            error => Failure::Io(io::Error::other(error)),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Store(error) => write!(f, "{error}; name the folder of the records with --records"),
            Failure::Io(error) => error.fmt(f),
            Failure::NoCall(call) => write!(f, "there is no record of call {call}; a call has one when it has ended"),
            Failure::NotRefused(consumer) => {
                write!(
                    f,
                    "{consumer} has refused no such record; turno cdr refused shows which, those of the tables are in their log"
                )
            }
            Failure::Entropy => f.write_str("the system gives no random numbers"),
            Failure::NoZone(zone) => write!(f, "there is no time zone {zone:?}; for example Europe/Madrid"),
        }
    }
}

fn list(reader: &Reader, as_json: bool, which: &Which) -> Result<(), Failure> {
    let filter = Filter { limit: which.limit.or(Some(LIST_DEFAULT)), ..which.filter() };
    let records = reader.list(&filter, Order::NewestFirst).map_err(Failure::Store)?;
    let mut out = BufWriter::new(stdout().lock());
    let mut print = || {
        if as_json {
            let records: Vec<String> = records.iter().map(format::json).collect();
            return writeln!(out, "{{\"records\":[{}]}}", records.join(",")).and_then(|()| out.flush());
        }
        writeln!(out, "{}", format::LIST_HEADER)?;
        for record in &records {
            writeln!(out, "{}", format::listed(record))?;
        }
        out.flush()
    };
    print().map_err(Failure::Io)
}

fn show(reader: &Reader, dir: &Path, as_json: bool, call: CallId) -> Result<(), Failure> {
    let record = reader.show(call).map_err(Failure::Store)?.ok_or(Failure::NoCall(call))?;
    let again = Ledger::read(dir)?.map_or_else(|| Ok(Vec::new()), |ledger| ledger.of_record(&record))?;
    match as_json {
        true => println!("{}", ledger::json(&record, &again)),
        false => print!("{}{}", format::shown(&record), ledger::shown(&again)),
    }
    Ok(())
}

fn export(reader: &Reader, which: &Which, kind: Format, zone: &str, to: Option<&Path>) -> Result<(), Failure> {
    let zone = jiff::tz::TimeZone::get(zone).map_err(|_| Failure::NoZone(zone.to_owned()))?;
    let mut out: Box<dyn Write + Send> = match to {
        Some(path) => Box::new(BufWriter::new(File::create(path).map_err(Failure::Io)?)),
        None => Box::new(BufWriter::new(stdout())),
    };
    let (header, line): (&str, &dyn Fn(&Record) -> String) = match kind {
        Format::Csv => (format::CSV_HEADER, &format::csv),
        Format::Jsonl => ("", &|record| format::json(record) + "\n"),
        Format::Asterisk => ("", &|record| format::master_csv(record, &zone)),
        Format::Parquet => return export_sheet(reader, which, out),
    };
    let mut written = out.write_all(header.as_bytes());
    let each = |record: &Record| {
        if written.is_ok() {
            written = out.write_all(line(record).as_bytes());
        }
    };
    reader.each(&which.filter(), Order::OldestFirst, each).map_err(Failure::Store)?;
    written.and_then(|()| out.flush()).map_err(Failure::Io)
}

fn export_sheet(reader: &Reader, which: &Which, out: Box<dyn Write + Send>) -> Result<(), Failure> {
    let mut sheet = Sheet::begin(out)?;
    let mut written = Ok(());
    let each = |record: &Record| {
        if written.is_ok() {
            written = sheet.push(record.clone());
        }
    };
    reader.each(&which.filter(), Order::OldestFirst, each).map_err(Failure::Store)?;
    written?;
    sheet.close()?.flush().map_err(Failure::Io)
}
