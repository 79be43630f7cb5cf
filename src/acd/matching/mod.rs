//! The rule: which item goes first, and which agent takes it. Pure functions over plain data; all else in this room
//! only brings them their candidates. The classic strategies stand beside it.

mod agent;
mod item;
mod power;
mod strategy;

pub(crate) use agent::{Appeal, Preference, preference};
pub(crate) use item::{NEUTRAL, Precedence, Urgency, precedence, waited_us};
pub(crate) use power::power;
pub(crate) use strategy::{Bench, Pick, Ready, Seats, choose, everybody};
pub use strategy::{NoStrategy, Strategy};
