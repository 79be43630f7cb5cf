//! Every bound of the media room, with its unit in the name.

use std::time::Duration;

/// Packets of one peer that are taken in a second: ten times what a codec sends in frames of 20 ms, and more than one with the shortest
/// frames in use does (Opus, 2.5 ms). Two peers who name each other's ports here as their own address send everything back and forth
/// through us: what circulates so never becomes more than this.
pub const PACKETS_A_SECOND_MAX: u32 = 500;
/// Largest datagram that is looked at, bytes; more is malformed. An Ethernet frame's worth of UDP over IPv4.
pub const PACKET_BYTES_MAX: usize = 1472;
/// Most payload types of one agreement that are kept; further ones are not accepted.
pub const CODECS_MAX: usize = 16;
/// Most payload types of keys of one agreement that are kept; keys by further ones are not heard.
pub const KEY_TYPES_MAX: usize = 4;
/// Most keys waiting to be sent on one leg; further ones are dropped.
pub const KEYS_MAX: usize = 32;
/// Most prompts of one `Play`; further ones are not said.
pub const PLAY_MAX: usize = 64;
/// Longest prompt, seconds; a longer one is refused when it is loaded.
pub const PROMPT_S_MAX: usize = 3600;
/// Packets that a source behind NAT must send before it is believed (reliability.md M1: at most 5 while learning).
pub const LEARN_PACKETS: u8 = 5;
/// A candidate that says nothing for this long gives way to another source.
pub const CANDIDATE_SILENCE: Duration = Duration::from_millis(200);
/// A locked peer behind NAT that says nothing for this long may come back from another port of its host.
pub const RELATCH_SILENCE: Duration = Duration::from_secs(2);
/// A key whose end packets are lost ends this long after its last packet.
pub const KEY_SILENCE: Duration = Duration::from_millis(200);
/// Pause between two keys that we send.
pub const KEY_GAP: Duration = Duration::from_millis(60);
/// Packets that playing sends at once after a stall; the rest of what was missed is skipped.
pub const CATCH_UP_PACKETS: u64 = 3;
/// Mean interval of RTCP reports (RFC 3550 §6.2: the fixed minimum).
pub const REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// Packets played between two readings of what a listener sends.
pub const UNHURRIED_PACKETS: u64 = 5;
/// Grid on which playing is scheduled, µs. Divides every packet time in use, so it costs no regularity.
pub const GRID_US: u64 = 5_000;
