//! Who calls: customers, the packed portfolio with look-up by number and search, import, duplicates.
//!
//! A [`Customer`] is whole and lives in the store; a [`Portfolio`] is packed from all of them and read-only: texts in one
//! arena, numbers sorted in one array, words in one vocabulary, so that a million customers with two million numbers fit into
//! a few hundred megabytes, a look-up is one binary search and a search a few milliseconds. Nothing here reads files or clocks.

pub mod breaker;
pub mod customer;
pub mod duplicates;
pub mod encoding;
pub mod entered;
pub mod hygiene;
pub mod identity;
pub mod import;
pub mod limits;
pub mod personal;
mod portfolio;
mod search;
pub mod text;
pub mod value;

pub use customer::Customer;
pub use identity::{IdKind, PersonalId};
pub use import::{Code, RowError};
pub use portfolio::{Entry, Known, Packer, Portfolio, Unpackable};
pub use search::{HITS_MAX, Hit, QUESTION_BYTES_MAX, WORDS_MAX};
