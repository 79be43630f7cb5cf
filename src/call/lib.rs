//! What a customer's call is: legs, their pairing, hold, transfer, announcements, dial plan.
//!
//! Knows no SIP: a leg is events. Knows no queue: the ACD decides, this room carries out.

mod boundary;
mod plan;

pub use boundary::{
    AcdEvent, AcdTell, Arrived, CallEffect, CallEvent, Code, Customer, DialTo, Elsewhere, From, LegCommand, LegEvent,
    Sound, Transfer,
};
pub use plan::{CallConfig, ClassOfService, Codes, Extension, Plan, Route, SystemPrompts};
