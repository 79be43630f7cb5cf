//! RTP and RTCP, codecs, telephone-event, prompts, relay, latching: pure protocol and sound.
//!
//! Sockets, threads and clocks are the shell's (`shell/media`). Knows no SIP. Opus and G.729 are relayed only: a leg
//! that takes nothing else hears silence where a prompt would play.

mod boundary;
mod ear;
pub mod g711;
mod g722;
mod inband;
mod key;
mod latch;
pub mod limits;
pub mod mos;
mod offerable;
mod outgoing;
mod play;
mod prompt;
pub mod reception;
mod reports;
pub mod rtcp;
pub mod rtp;
mod session;
mod shard;
pub mod sound;
mod tape;

pub use boundary::{MediaCommand, MediaEvent, Play, Port};
pub use latch::Network;
pub use offerable::offerable;
pub use prompt::{Library, Unplayable};
pub use session::Rules;
pub use shard::{Counts, Listening, Moving, Out, Shard, Slot};
pub use sound::Sound;
pub use tape::{PIECE_SAMPLES, TapeRules};

#[cfg(test)]
mod tests;
