//! Destinations, rates, rating; the call record and its builder. Integers only (spec/tariff.md, spec/cdr.md).

pub mod cdr;

use serde::{Deserialize, Serialize};

/// A loaded and checked price book.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deck {}
