//! Overload and strangers: what is refused, decided before a transaction exists (docs/reliability.md O1-O3).
//!
//! [`Door`] keeps out by class what would have to wait too long, before the engine hears of it. [`Shedder`] refuses by class
//! what there is no room for: smoothly, so that half the want sheds half the calls, and by the hash of the request, so that
//! a retransmission gets what its original got. [`Strangers`] bounds what those cost us who never showed a secret. Not
//! here: the capacity of a trunk ([`crate::trunk`]).

mod door;
#[cfg(test)]
mod door_tests;
mod rate;
mod room;
mod stranger;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use crate::message::{Header, Message, Writer};

pub use door::{
    BURST_TIMES, Backlog, CALM_BELOW, DECISIONS_KEPT, Door, Lane, STALL_MAX, STANDING_AFTER, Verdict, wait_max,
};
pub use rate::{Meter, Meters, Pace, source_of};
pub use room::{
    Class, EMERGENCY_NUMBERS, EMERGENCY_RESERVE, RETRY_AFTER_MAX_S, RETRY_AFTER_MIN_S, Room, Shedder, is_emergency,
};
pub use stranger::{
    FRIEND_FOR, FRIENDS_MAX, FRIENDS_PER_SECOND, STRANGERS_MAX, STRANGERS_PER_SECOND, STRANGERS_TOTAL_PER_SECOND,
    Strangers, Welcome,
};

/// 503 with Retry-After, for a request that leaves no transaction behind (RFC 3261 §21.5.4).
pub fn shed_response(request: &Message, source: SocketAddr, retry_after_s: u32, to_tag: &str) -> Vec<u8> {
    let mut writer = Writer::response(request, Some(source), 503, to_tag);
    writer.header_fmt(Header::RetryAfter, format_args!("{retry_after_s}"));
    writer.finish()
}
