//! The user agent: what the rest of the engine sees of SIP.

mod boundary;

pub use boundary::{Count, Dial, Incoming, Load, LocalMedia, Origin, SipEffect, SipEvent, Target, TransferProgress};
