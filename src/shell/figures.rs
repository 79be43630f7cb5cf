//! Figures at rest: `figures.sqlite` below the store's directory, filled from the event line, and read by reports and by the
//! self-audit. A file of its own, so that a long report never delays the records.
//!
//! The fold's state, its place in the log and what it changed are one transaction: after a crash it goes on where the tables
//! are. The file may be removed while nothing runs; it is then made again from as much of the log as is kept.

pub mod audit;
mod consumer;
pub mod nightly;
mod reader;
mod tables;

pub use consumer::{Figures, SharedTerms, charges, opens, terms};
pub use reader::{FigureReader, KnownContact};
pub use tables::{FigureTables, House, Kept, Mark};

use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use turno_report::kpi::Zone;

use crate::shell::config::zone_offsets;

/// The file in the store's directory.
pub fn path(dir: &Path) -> PathBuf {
    dir.join("figures.sqlite")
}

/// A time zone by its IANA name, from the machine's data.
pub fn zone(name: &str) -> Option<Zone> {
    let zone = TimeZone::get(name).ok()?;
    Some(Zone { name: name.to_owned(), offsets: zone_offsets(&zone) })
}

#[cfg(test)]
pub(crate) mod tests;
