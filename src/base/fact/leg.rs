//! Whom a leg connects, what it is at any instant, and how its media was.

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, PromptId, QueueId, StationId, TrunkId};
use crate::stream::Codec;

/// Whom a leg connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Party {
    /// The customer, by this trunk (none: by a station).
    Caller(Option<TrunkId>),
    /// An agent at a station.
    Agent(AgentId, StationId),
    /// Somebody outside, by this trunk.
    Outside(TrunkId),
    /// A station without an agent logged in.
    Station(StationId),
}

/// The names of a leg's SIP dialog (RFC 3261 §12), by which its messages are found in a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialogId {
    /// Call-ID.
    pub call_id: String,
    /// Our tag: of From in what we dialled, of To in what arrived.
    pub local_tag: String,
    /// The peer's tag; empty: it never named one.
    pub remote_tag: String,
}

/// An ordered, gap-free partition of each leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Segment {
    /// Before anything else, and between stages: routing, announcements outside a queue.
    Ivr(Option<PromptId>),
    /// Waiting.
    Queue(QueueId),
    /// An agent's station rings (on the agent's leg).
    Ring(AgentId),
    /// In conversation with this agent.
    Talk(AgentId),
    /// In conversation with somebody who is no agent.
    TalkOutside,
    /// Held by this agent.
    Hold(AgentId),
    /// The agent asks a colleague.
    Consult(AgentId),
    /// Put aside by an agent, for whoever takes it.
    Parked,
    /// Leaving a message.
    Voicemail,
}

/// Media figures of one leg, both directions as we saw them (RFC 3550 §6.4, §A.8; ITU-T G.107).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// What the peer sent.
    pub codec: Option<Codec>,
    /// Packets that arrived.
    pub received: u64,
    /// Packets that we sent.
    pub sent: u64,
    /// Packets missing by sequence number.
    pub lost: u64,
    /// Interarrival jitter, µs.
    pub jitter_us: u32,
    /// Round trip from RTCP, µs; 0 if unknown.
    pub round_trip_us: u32,
    /// Mean opinion score estimate × 100, 100..=450; 0 if nothing arrived.
    pub mos_x100: u16,
}
