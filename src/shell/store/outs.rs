//! Consumers that take records and facts out of the house: files, web hooks, PostgreSQL (`[[store.out]]` of the configuration).

mod aside;
mod file;
mod hook;
mod parquet;
mod postgres;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::consumer::Consumer;
use crate::shell::config::Settings;

pub use aside::{Fate, Refused, decide, forget, refused};
pub use file::House;
pub use hook::HookOut;
pub use postgres::PostgresOut;

/// One of `[[store.out]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutSettings {
    /// Names it in metrics and files; unique.
    pub name: String,
    /// Where to.
    pub to: To,
}

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// A file that grows.
    File(FileOut),
    /// Parquet files, each readable when it is whole.
    Parquet(SheetOut),
    /// Whoever listens at an address.
    Hook(HookOut),
    /// A database that others read.
    Postgres(PostgresOut),
}

/// A file that grows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOut {
    /// What its lines are.
    pub lines: Lines,
    /// The file; with `rotate` the date stands before its ending.
    pub path: PathBuf,
    /// When a new one begins.
    pub rotate: Rotate,
    /// Whose dates and hours those are, and those of Master.csv.
    pub zone: TimeZone,
}

/// Parquet files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SheetOut {
    /// The files; the date stands before the ending.
    pub path: PathBuf,
    /// When a file is closed and the next begins; never would be a file that nobody can read.
    pub rotate: Rotate,
    /// Whose dates and hours those are.
    pub zone: TimeZone,
}

/// What the lines of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// One line a call, with a header.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// Asterisk's Master.csv.
    MasterCsv,
    /// Asterisk's queue_log.
    QueueLog,
}

/// When a new file begins. By the instants of what is written, so that the same lines are in the same file whenever they are
/// written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotate {
    /// Never, or by whoever moves the file away.
    Never,
    /// Each day.
    Day,
    /// Each hour.
    Hour,
}

/// Longest wait between two tries of a file.
const FILE_RETRY_MAX: Duration = Duration::from_secs(5);

/// What the configuration asks for. `dir`: of the store; places and what was set aside lie below its `out`.
pub fn consumers(settings: &Settings, house: &Arc<House>) -> Vec<(String, Box<dyn Consumer>)> {
    let dir = settings.store.dir.join("out");
    settings.store.outs.iter().map(|out| (out.name.clone(), consumer(out, &dir, house))).collect()
}

pub(super) fn consumer(out: &OutSettings, dir: &Path, house: &Arc<House>) -> Box<dyn Consumer> {
    match &out.to {
        To::File(file) => Box::new(file::Lined::new(&out.name, file.clone(), dir, house.clone())),
        To::Parquet(sheets) => Box::new(parquet::Sheets::new(&out.name, sheets.clone(), dir)),
        To::Hook(hook) => Box::new(hook::Hook::new(&out.name, hook.clone(), dir)),
        To::Postgres(settings) => Box::new(postgres::Postgres::new(&out.name, settings.clone(), dir)),
    }
}
