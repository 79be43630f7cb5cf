//! The rule: which item goes first, and which agent takes it. Pure functions over plain data; all else in this room
//! only brings them their candidates.

mod agent;
mod item;
mod power;

pub(crate) use agent::{Appeal, Preference, preference};
pub(crate) use item::{NEUTRAL, Precedence, Urgency, precedence, waited_us};
pub(crate) use power::power;
