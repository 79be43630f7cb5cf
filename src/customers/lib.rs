//! Who calls: the portfolio, look-up by number, import from CSV.
//!
//! The portfolio is read-only and packed: texts in one arena, numbers sorted in one array, so that a million customers with
//! two million numbers take tens of megabytes and a look-up is one binary search. Search, duplicates and consent are not
//! here yet.

mod import;
mod portfolio;

pub use import::{Code, RowError};
pub use portfolio::{Customer, Known, Packer, Portfolio, Unpackable};
