//! Destinations, rates, rating; the call record and its builder. Integers only (spec/tariff.md, spec/cdr.md).
//!
//! A deck is refused or loaded as a whole. Bands by time of day and the operations derived from rating have their place in
//! [`deck`]'s shape (`rule { default rate, … }`) and are not here yet.

mod amount;
pub mod cdr;
mod deck;
mod prefix;
mod rating;
mod sheet;

pub use amount::{Price, Rounding, Share, allocate};
pub use deck::{Code, Deck, DeckError, DurationMode, Payer};
pub use prefix::{Key, PrefixMap};
pub use rating::{CALL_MS_MAX, Call, Rated, Run, Status, rate};
