//! Every bound that more than one room or the shell must know, with its unit in the name. A room's own bounds live
//! in the room.

/// Largest SIP message on a stream, bytes; more is 513 and the connection closes (RFC 3261 §18.3, §21.5.7).
pub const SIP_MESSAGE_BYTES_MAX: usize = 65_535;
/// Most header lines in one SIP message; more is 400 (a flood of `Via` lines costs quadratic work elsewhere).
pub const SIP_HEADER_LINES_MAX: usize = 256;
/// Legs of one call that may exist at once: caller, offers of a ring-all, consultation; more is refused.
pub const LEGS_PER_CALL_MAX: usize = 32;
/// Longest ring of an offer an operator may set, seconds.
pub const RING_LIMIT_MAX_S: u32 = 180;
