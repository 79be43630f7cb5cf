//! The user agent: what the rest of the engine sees of SIP.

mod boundary;
mod cause;
mod repeat;
mod session_timer;

pub use boundary::{Count, Dial, Incoming, Load, LocalMedia, Origin, SipEffect, SipEvent, Target, TransferProgress};
