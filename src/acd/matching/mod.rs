//! The rule: which item goes first, and which agent takes it. Two pure functions over plain data; all else in this room
//! only brings them their candidates. A new rule (tables, rings) changes these two; the
//! classic strategies stand beside them.

mod agent;
mod item;
mod strategy;

pub(crate) use agent::preference;
pub(crate) use item::{Precedence, Urgency, precedence, waited_us};
pub(crate) use strategy::{Bench, Pick, Ready, Seats, choose, everybody};
pub use strategy::{NoStrategy, Strategy};
