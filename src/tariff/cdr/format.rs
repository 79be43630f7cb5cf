//! Records in the formats that others read. Pure text; where it goes is the shell's.
//!
//! JSON and CSV are promises: their golden samples are `tests/golden/cdr-*`.

mod asterisk;
mod json;
mod queue_log;
mod sheet;
mod table;

pub use asterisk::{asterisk_id, master_csv};
pub use json::json;
pub use queue_log::{
    Line as QueueLogLine, NOTE_FIELD_BYTES_MAX, NoteRefusal, QueueLog, Serving, config_reload, may_note, queue_start,
};
pub use sheet::{COLUMNS, CSV_HEADER, Column, cell, csv};
pub use table::{LIST_HEADER, listed, shown};

use turno_base::fact::{Party, Segment};
use turno_base::{AgentId, Number, PromptId, QueueId, StationId, TrunkId};

/// The canonical form, else what was received.
pub fn number(of: &Number) -> String {
    of.e164.map_or_else(|| of.raw.clone(), |e164| e164.to_string())
}

/// A party taken apart for columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartyParts {
    /// `caller`, `agent`, `outside` or `station`.
    pub kind: &'static str,
    /// Who.
    pub agent: Option<AgentId>,
    /// Where.
    pub station: Option<StationId>,
    /// By which trunk.
    pub trunk: Option<TrunkId>,
}

/// The word for a party, and what it is about.
pub fn party_parts(party: Party) -> PartyParts {
    let (kind, agent, station, trunk) = match party {
        Party::Caller(trunk) => ("caller", None, None, trunk),
        Party::Agent(agent, station) => ("agent", Some(agent), Some(station), None),
        Party::Outside(trunk) => ("outside", None, None, Some(trunk)),
        Party::Station(station) => ("station", None, Some(station), None),
    };
    PartyParts { kind, agent, station, trunk }
}

/// A segment taken apart for columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentParts {
    /// `ivr`, `queue`, `ring`, `talk`, `talk-outside`, `hold` or `consult`.
    pub kind: &'static str,
    /// In which queue.
    pub queue: Option<QueueId>,
    /// With whom.
    pub agent: Option<AgentId>,
    /// What was played.
    pub prompt: Option<PromptId>,
}

/// The word for a segment, and what it is about.
pub fn segment_parts(segment: Segment) -> SegmentParts {
    let (kind, queue, agent, prompt) = match segment {
        Segment::Ivr(prompt) => ("ivr", None, None, prompt),
        Segment::Queue(queue) => ("queue", Some(queue), None, None),
        Segment::Ring(agent) => ("ring", None, Some(agent), None),
        Segment::Talk(agent) => ("talk", None, Some(agent), None),
        Segment::TalkOutside => ("talk-outside", None, None, None),
        Segment::Hold(agent) => ("hold", None, Some(agent), None),
        Segment::Consult(agent) => ("consult", None, Some(agent), None),
        Segment::Parked => ("parked", None, None, None),
        Segment::Voicemail => ("voicemail", None, None, None),
    };
    SegmentParts { kind, queue, agent, prompt }
}

/// The word for who ended something.
pub fn by(by: turno_base::EndedBy) -> &'static str {
    match by {
        turno_base::EndedBy::Caller => "caller",
        turno_base::EndedBy::Agent => "agent",
        turno_base::EndedBy::Us => "us",
    }
}

#[cfg(test)]
mod tests;
