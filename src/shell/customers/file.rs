//! Files of customers, as cells: CSV of any delimiter and encoding, and sheets of spreadsheet programs.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use calamine::{Data, Reader, open_workbook_auto};
use serde::Serialize;
use turno_base::Wall;
use turno_customers::encoding::Encoding;
use turno_customers::import::{Importer, Mapping, csv_rows, delimiter};
use turno_customers::{Code, RowError};

use crate::shell::store::StoreError;
use crate::shell::store::customers::{Customers, Imported};

/// Largest file, bytes.
const FILE_BYTES_MAX: u64 = 2 << 30;
/// Row errors that are kept; the rest is counted.
pub const ERRORS_KEPT_MAX: usize = 1000;

/// How a file is to be read; what is not said is found out.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Headers and country.
    pub mapping: Mapping,
    /// Between cells.
    pub delimiter: Option<u8>,
    /// Of the text.
    pub encoding: Option<Encoding>,
    /// Which sheet; the first if absent.
    pub sheet: Option<String>,
}

/// What came of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Customers.
    pub counts: Imported,
    /// What each column was taken for; none: left aside.
    pub columns: Vec<(String, Option<String>)>,
    /// Rows left out, the first [`ERRORS_KEPT_MAX`] of them.
    pub errors: Vec<RowError>,
    /// All rows left out.
    pub errors_count: u64,
}

/// Why a file is not read at all.
#[derive(Debug)]
pub enum FileError {
    /// It cannot be read.
    Io(PathBuf, io::Error),
    /// It is too large.
    TooLarge(PathBuf),
    /// It is no spreadsheet, or a broken one.
    Sheet(PathBuf, calamine::Error),
    /// It has no such sheet.
    NoSheet(String, Vec<String>),
    /// Its header will not do.
    Header(RowError),
    /// The store.
    Store(StoreError),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileError::Io(path, error) => write!(f, "{}: {error}", path.display()),
            FileError::TooLarge(path) => {
                write!(f, "{} is larger than {} GiB; split it", path.display(), FILE_BYTES_MAX >> 30)
            }
            FileError::Sheet(path, error) => {
                write!(f, "{} is no spreadsheet that can be read ({error}); save it as CSV", path.display())
            }
            FileError::NoSheet(name, has) => write!(f, "there is no sheet {name:?}; there are {}", has.join(", ")),
            FileError::Header(error) => error.fmt(f),
            FileError::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FileError {}

/// Brings a file into the store, all of its good rows or, in a dry run, none. `on_progress` hears the rows done so far.
pub fn import(
    store: &mut Customers,
    path: &Path,
    reading: &Reading,
    at: Wall,
    dry_run: bool,
    on_progress: impl Fn(u64),
) -> Result<Outcome, FileError> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    bring(store, &name, reading, at, dry_run, on_progress, |on| read(path, reading, on))
}

/// The same with CSV that is in memory; `name` is what the import is called.
pub fn import_text(
    store: &mut Customers,
    name: &str,
    bytes: &[u8],
    reading: &Reading,
    at: Wall,
    dry_run: bool,
) -> Result<Outcome, FileError> {
    bring(store, name, reading, at, dry_run, |_| (), |on| Ok(text(bytes, reading, on)))
}

/// Hears the line and cells of each row; false: it has heard enough.
type OnRow<'a> = &'a mut dyn FnMut(u64, &[&str]) -> bool;

fn bring(
    store: &mut Customers,
    name: &str,
    reading: &Reading,
    at: Wall,
    dry_run: bool,
    on_progress: impl Fn(u64),
    read: impl FnOnce(OnRow<'_>) -> Result<Option<RowError>, FileError>,
) -> Result<Outcome, FileError> {
    let mut import = store.begin_import(name, at).map_err(FileError::Store)?;
    let mut outcome = Outcome::default();
    let mut importer: Option<Importer> = None;
    let mut failed = None;
    let mut rows = 0;
    let mut on = |line: u64, cells: &[&str]| {
        let Some(importer) = importer.as_mut() else {
            match Importer::new(reading.mapping.clone(), cells) {
                Ok(made) => {
                    let columns = cells.iter().zip(made.columns());
                    let shown = columns.map(|(cell, field)| ((*cell).to_owned(), field.map(|f| f.as_str().to_owned())));
                    outcome.columns = shown.collect();
                    importer = Some(made);
                }
                Err(error) => failed = Some(FileError::Header(error)),
            }
            return failed.is_none();
        };
        match importer.on_row(line, cells, at) {
            Ok(None) => {}
            Ok(Some(row)) => failed = import.row(row).err().map(FileError::Store),
            Err(error) => outcome.keep(error),
        }
        rows += 1;
        if rows % 10_000 == 0 {
            on_progress(rows);
        }
        failed.is_none()
    };
    let broken = read(&mut on)?;
    if let Some(failed) = failed {
        return Err(failed);
    }
    broken.into_iter().for_each(|error| outcome.keep(error));
    if importer.is_none() {
        let code = Code::ColumnMissing;
        return Err(FileError::Header(RowError { line: 1, column: "external_id".to_owned(), code }));
    }
    outcome.counts = import.finish(outcome.errors_count, dry_run).map_err(FileError::Store)?;
    Ok(outcome)
}

impl Outcome {
    fn keep(&mut self, error: RowError) {
        self.errors_count += 1;
        if self.errors.len() < ERRORS_KEPT_MAX {
            self.errors.push(error);
        }
    }
}

/// Calls `on` with the line and cells of each row. Some: where the text stops being CSV.
fn read(path: &Path, reading: &Reading, on: OnRow<'_>) -> Result<Option<RowError>, FileError> {
    let about = |error| FileError::Io(path.to_owned(), error);
    if fs::metadata(path).map_err(about)?.len() > FILE_BYTES_MAX {
        return Err(FileError::TooLarge(path.to_owned()));
    }
    let ending = path.extension().map(|ending| ending.to_ascii_lowercase().to_string_lossy().into_owned());
    if matches!(ending.as_deref(), Some("xlsx" | "xlsm" | "xlsb" | "xls" | "ods")) {
        return sheet(path, reading, on).map(|()| None);
    }
    let bytes = fs::read(path).map_err(about)?;
    Ok(text(&bytes, reading, on))
}

fn text(bytes: &[u8], reading: &Reading, on: OnRow<'_>) -> Option<RowError> {
    let text = reading.encoding.unwrap_or_else(|| Encoding::detect(bytes)).text(bytes);
    let between = reading.delimiter.unwrap_or_else(|| delimiter(&text));
    csv_rows(&text, between, on).err()
}

fn sheet(path: &Path, reading: &Reading, on: OnRow<'_>) -> Result<(), FileError> {
    let broken = |error| FileError::Sheet(path.to_owned(), error);
    let mut book = open_workbook_auto(path).map_err(broken)?;
    let names = book.sheet_names();
    let name = match &reading.sheet {
        Some(name) => names.iter().find(|known| *known == name).cloned(),
        None => names.first().cloned(),
    };
    let Some(name) = name else { return Err(FileError::NoSheet(reading.sheet.clone().unwrap_or_default(), names)) };
    let range = book.worksheet_range(&name).map_err(broken)?;
    let first = range.start().map_or(0, |(row, _)| u64::from(row));
    for (line, row) in (first + 1..).zip(range.rows()) {
        let cells: Vec<String> = row.iter().map(cell).collect();
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        if !on(line, &cells) {
            break;
        }
    }
    Ok(())
}

/// A cell as it would be typed: a telephone number that the program took for a number has no decimals and no exponent, and
/// a day is a day.
fn cell(of: &Data) -> String {
    match of {
        Data::Float(number) if number.fract() == 0.0 && number.abs() < 1e18 => format!("{number:.0}"),
        Data::DateTime(at) => {
            let (year, month, day, ..) = at.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02}")
        }
        Data::DateTimeIso(text) => text.split('T').next().unwrap_or("").to_owned(),
        Data::Empty | Data::Error(_) => String::new(),
        Data::Int(_) | Data::Float(_) | Data::String(_) | Data::Bool(_) | Data::DurationIso(_) => {
            of.to_string().trim().to_owned()
        }
    }
}
