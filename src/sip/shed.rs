//! Overload and strangers: what is refused, decided before a transaction exists (spec/reliability.md O1-O3).

mod rate;

pub use rate::{Meter, Meters, Pace, source_of};
