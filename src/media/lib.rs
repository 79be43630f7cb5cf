//! RTP and RTCP, codecs, telephone-event, prompts, relay, latching: pure protocol and sound.
//!
//! Sockets, threads and clocks are the shell's (`shell/media`). Knows no SIP.

mod boundary;

pub use boundary::{MediaCommand, MediaEvent, Play, Port};
