//! The simulator: days of a call centre in virtual time, under this project's matcher and under those that shops run today
//! (docs/simulation.md).
//!
//! - [`Scenario`]: the centre as its operator describes it. [`Day`]: who calls on one day, drawn before anybody is served, so
//!   that every policy meets the same callers.
//! - [`play`]: runs a day under a [`Policy`]; [`Figures`]: what it came to. [`stats`]: differences and how sure they are.
//! - `policy`: [`Named::Turno`] drives the real ACD through its front door; the rest are the baselines.
//! - [`trace`] and [`whatif`]: a day that really was, from a journal, under other policies.
//! - [`picture`]: one drawing for each scenario. [`staff`]: how many agents an interval needs.
//!
//! Pure: no clock, file or thread. Floating point draws the world and adds up figures; no matcher uses it.

mod comparison;
mod day;
mod draw;
mod figures;
pub mod fit;
mod key;
pub mod picture;
pub mod policy;
mod scenario;
mod shipped;
pub mod staff;
pub mod stats;
pub mod trace;
pub mod tune;
pub mod whatif;
mod world;

#[cfg(test)]
mod tests;

pub use comparison::{Compared, Comparison, Row, SegmentRow};
pub use day::{Caller, Centre, Day, Seat};
pub use figures::{Figures, Measure, SegmentFigures};
pub use key::Key;
pub use policy::{Act, Arrival, Knobs, Named, Policy};
pub use scenario::{
    Absence, Group, Level, QueueMix, Redial, Rings, Scenario, ScenarioError, SegmentMix, Surge, Widening,
};
pub use shipped::{ReadError, SHIPPED, parse, shipped};
pub use world::play;
