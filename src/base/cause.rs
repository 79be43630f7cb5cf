//! How and by whom a leg or call ended.

use serde::{Deserialize, Serialize};

/// Technical result of a leg or call: our reduction of [`Cause`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A conversation took place.
    Answered,
    /// 486, 600.
    Busy,
    /// Rang and nobody took it.
    NoAnswer,
    /// 603, 403 and the like.
    Rejected,
    /// We withdrew it.
    Cancelled,
    /// Could not be set up or broke.
    Failed,
    /// The caller left before acceptance.
    Abandoned,
    /// The caller left and is called back.
    Callback,
}

impl Outcome {
    /// The word in records and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Answered => "answered",
            Outcome::Busy => "busy",
            Outcome::NoAnswer => "no-answer",
            Outcome::Rejected => "rejected",
            Outcome::Cancelled => "cancelled",
            Outcome::Failed => "failed",
            Outcome::Abandoned => "abandoned",
            Outcome::Callback => "callback",
        }
    }
}

/// Who ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndedBy {
    /// The customer.
    Caller,
    /// The agent or the other party that we dialled.
    Agent,
    /// Turno: a limit, an overflow, a failure, an operator.
    Us,
}

/// Why we ended or saw end, beyond what SIP says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The peer hung up or answered as its SIP status says.
    Peer,
    /// We hung up in the ordinary course.
    Normal,
    /// Another agent took the call.
    CompletedElsewhere,
    /// The ring limit passed.
    RingLimit,
    /// No RTP and no RTCP for the media limit.
    MediaSilent,
    /// The session timer ran out (RFC 4028).
    SessionExpired,
    /// The longest call allowed.
    DurationLimit,
    /// No transport reached the peer, or no reply came (408).
    Unreachable,
    /// The engine started again and the call had been up before.
    Restart,
    /// A fault of ours, contained to this call.
    Fault,
    /// An operator's command.
    Operator,
    /// Refused under load.
    Overload,
    /// Handed on by a transfer.
    Transferred,
    /// Left its queue by rule.
    Overflow,
    /// Nothing in common: codec, extension, form.
    NotAcceptable,
    /// The dial plan, a class of service or a missing credential forbids it.
    Forbidden,
    /// The dial plan knows no such number.
    NotFound,
}

impl Reason {
    /// The word in records, logs and the text of SIP Reason headers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::Peer => "peer",
            Reason::Normal => "normal",
            Reason::CompletedElsewhere => "completed-elsewhere",
            Reason::RingLimit => "ring-limit",
            Reason::MediaSilent => "media-silent",
            Reason::SessionExpired => "session-expired",
            Reason::DurationLimit => "duration-limit",
            Reason::Unreachable => "unreachable",
            Reason::Restart => "restart",
            Reason::Fault => "fault",
            Reason::Operator => "operator",
            Reason::Overload => "overload",
            Reason::Transferred => "transferred",
            Reason::Overflow => "overflow",
            Reason::NotAcceptable => "not-acceptable",
            Reason::Forbidden => "forbidden",
            Reason::NotFound => "not-found",
        }
    }
}

/// SIP status and Q.850 cause as seen or sent, with our own reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// SIP status, 100..=699; 200 for a BYE after a conversation.
    pub sip: u16,
    /// Q.850 cause, 1..=127; 0 if unknown.
    pub q850: u8,
    /// Ours.
    pub reason: Reason,
}

impl Cause {
    /// An ordinary hang-up of an answered leg (Q.850 16, normal clearing).
    pub const NORMAL: Cause = Cause { sip: 200, q850: 16, reason: Reason::Normal };

    /// With `reason`, and the SIP status and Q.850 cause given.
    pub const fn new(sip: u16, q850: u8, reason: Reason) -> Cause {
        Cause { sip, q850, reason }
    }
}
