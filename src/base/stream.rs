//! What signalling and media agree on: codecs and one audio stream's terms.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Audio codecs that Turno relays. G.711 is also transcoded between its two laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// G.711 µ-law, static payload type 0.
    Pcmu,
    /// G.711 A-law, static payload type 8.
    Pcma,
    /// G.722, static payload type 9; its RTP clock runs at 8000 although it samples at 16000 (RFC 3551 §4.5.2).
    G722,
    /// Opus, dynamic payload type, clock 48000 (RFC 7587).
    Opus,
    /// G.729, static payload type 18; relayed only.
    G729,
}

impl Codec {
    /// RTP clock in Hz.
    pub const fn clock_hz(self) -> u32 {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::G729 => 8000,
            Codec::Opus => 48_000,
        }
    }

    /// Payload type of RFC 3551; for Opus the dynamic one that we offer.
    pub const fn payload_type(self) -> u8 {
        match self {
            Codec::Pcmu => 0,
            Codec::Pcma => 8,
            Codec::G722 => 9,
            Codec::G729 => 18,
            Codec::Opus => 111,
        }
    }

    /// Encoding name in SDP.
    pub const fn as_str(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
            Codec::G722 => "G722",
            Codec::G729 => "G729",
            Codec::Opus => "opus",
        }
    }
}

/// Who may send on a stream, from our side (RFC 3264 §5.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Both.
    #[default]
    SendRecv,
    /// Only we send: the peer holds us in the usual form, or we hold it.
    SendOnly,
    /// Only the peer sends.
    RecvOnly,
    /// Nobody sends.
    Inactive,
}

impl Direction {
    /// We may send.
    pub const fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// The peer may send.
    pub const fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    /// The same stream from the peer's side.
    pub const fn mirrored(self) -> Direction {
        match self {
            Direction::SendRecv => Direction::SendRecv,
            Direction::SendOnly => Direction::RecvOnly,
            Direction::RecvOnly => Direction::SendOnly,
            Direction::Inactive => Direction::Inactive,
        }
    }
}

/// The terms of one audio stream after an SDP offer and answer met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamAgreement {
    /// Where the peer said it receives RTP. Behind NAT the packets' source overrides it (latching).
    pub remote: SocketAddr,
    /// Where the peer receives RTCP (RFC 3605, RFC 5761); equal to `remote` when multiplexed.
    pub remote_rtcp: SocketAddr,
    /// What we send, and its payload type.
    pub send: (Codec, u8),
    /// All that the peer may send, by payload type.
    pub receive: Vec<(Codec, u8)>,
    /// Payload type by which we send keys (telephone-event, RFC 4733), if agreed.
    pub dtmf: Option<u8>,
    /// Payload types by which the peer may send keys: our number, its own, or both if they differ.
    pub dtmf_receive: Vec<u8>,
    /// From our side.
    pub direction: Direction,
    /// Packet time we send with, in ms, 10..=60.
    pub ptime_ms: u8,
}
