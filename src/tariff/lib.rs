//! Destinations, rates, rating; the call record and its builder. Integers only (docs/reference/rating.md, records.md).
//!
//! A deck is refused or loaded as a whole. Rating is a closed form over bands and slots; what is derived from it (budgets, interim
//! debits, routes by cost, …) has one file each. Time-zone data is part of the program, never the machine's.

pub mod again;
mod amount;
mod band;
pub mod batch;
pub mod cdr;
mod civil;
mod code;
mod credit;
mod decimal;
mod deck;
pub mod guard;
mod json;
mod kind;
mod number;
mod prefix;
mod rates;
mod rating;
mod sheet;
mod versions;
mod walk;
mod week;
mod words;

pub use amount::{Price, Rounding, Share, allocate};
pub use band::BANDS_MAX;
pub use code::{Code, DeckError};
pub use credit::{concurrent, max_duration_ms};
pub use decimal::Decimal;
pub use deck::{AtMaximum, BandPolicy, Deck, DurationMode, Payer, Way};
pub use kind::{NumberType, Numbering, number_type};
pub use number::key_of;
pub use prefix::{Key, PrefixMap};
pub use rating::{CALL_MS_MAX, Call, Rated, Run, Status, rate};
pub use versions::{Differs, VersionSummary};
pub use words::explain;

#[cfg(test)]
mod rules;
#[cfg(test)]
mod witness;
