//! `turno demo` and `turno call`: simulated agents and callers with real SIP and RTP on loopback.

pub mod cast;
pub mod party;
pub mod plot;
pub mod stage;
