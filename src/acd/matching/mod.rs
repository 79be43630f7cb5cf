//! The rule: which item goes first, and which agent takes it. Two pure functions over plain data; all else in this room
//! only brings them their candidates. A new rule (tables, rings, a classic strategy) changes these two.

mod agent;
mod item;

pub(crate) use agent::{Preference, preference};
pub(crate) use item::{Precedence, Urgency, precedence, waited_us};
