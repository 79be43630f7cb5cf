//! What a customer's call is: legs, their pairing, hold, transfer, announcements, dial plan.
//!
//! Knows no SIP: a leg is events. Knows no queue: the ACD decides, this room carries out.

mod ahead;
mod arrive;
mod boundary;
mod briefing;
mod call;
mod callback;
mod calls;
mod dial;
mod dialplan;
mod early;
mod leg;
mod lost;
mod mailbox;
mod menu;
mod park;
mod place;
mod plan;
mod settle;
mod talk;
#[cfg(test)]
mod tests;
mod transfer;
mod turn;
mod view;
mod wait;

pub use boundary::{
    AcdEvent, AcdTell, Arrived, CallEffect, CallEvent, CallingBack, Code, Customer, DialTo, Elsewhere, From,
    LegCommand, LegEvent, Message, Placed, Pulled, Sound, Tape, Transfer,
};
pub use briefing::Briefing;
pub use call::{ENDED_WAIT, FIGURES_WAIT, KNOWN_WAIT, RECORD_WAIT, RESCUE_GRACE, SPEECH_MAX};
pub use calls::{CALLS_MAX, Calls, DEADLINES_PER_TURN_MAX};
pub use early::{Answering, Answers, EARLY_LIMIT_MAX, EARLY_LIMIT_MIN, EarlyEnd};
pub use lost::HEARD_LATELY;
pub use menu::MENU_HOPS_MAX;
pub use park::{PARK_SLOTS_MAX, ParkRefusal};
pub use place::{PLACE_NUMBER_CHARS_MAX, PlaceRefusal};
pub use plan::{
    CallConfig, ClassOfService, Codes, Extension, Goal, Mailbox, Menu, ParkRules, Plan, Route, SystemPrompts,
};
pub use view::{CallRow, CallSizes};
