//! What is wrong with bytes that want to be a message, and the status that says so to their sender.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::header::Header;

/// Why bytes are not a message, or a message not acceptable; the variant decides what is sent, counted and logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rejected {
    /// Cannot be read: 400.
    Malformed {
        /// What could not be read.
        field: Field,
        /// Offset in the message.
        at: u32,
    },
    /// A mandatory header is absent (RFC 3261 §8.1.1): 400.
    Missing(Header),
    /// A header that may stand once stands twice: 400.
    Repeated(Header),
    /// The CSeq names another method than the request line (RFC 3261 §8.1.1.5): 400.
    MethodMismatch,
    /// `SIP/` something else than 2.0: 505.
    Version,
    /// A Request-URI that is neither sip, sips nor tel: 416.
    Scheme,
    /// A method that nobody here knows: 501.
    UnknownMethod,
    /// Past a bound: 400, 413 or 513 by the bound.
    TooLarge {
        /// The bound.
        limit: Limit,
        /// What came.
        got: u32,
    },
}

/// The part of a message that a rejection is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Field {
    /// Request or status line.
    StartLine,
    /// The URI in the request line.
    RequestUri,
    /// A line that is no header.
    HeaderLine,
    /// The value of a header.
    Value(Header),
    /// The blank line or what should follow it.
    Body,
}

/// A bound of the message layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Limit {
    /// [`turno_base::limits::SIP_MESSAGE_BYTES_MAX`]: 513.
    MessageBytes,
    /// [`turno_base::limits::SIP_HEADER_LINES_MAX`]: 400.
    HeaderLines,
    /// [`crate::stream::HEAD_BYTES_MAX`]: 513.
    HeadBytes,
}

impl Rejected {
    /// The status to answer a request with. A response that is rejected is dropped, an ACK never answered.
    pub const fn status(self) -> u16 {
        match self {
            Rejected::Malformed { .. }
            | Rejected::Missing(_)
            | Rejected::Repeated(_)
            | Rejected::MethodMismatch
            | Rejected::TooLarge { limit: Limit::HeaderLines, .. } => 400,
            Rejected::Scheme => 416,
            Rejected::UnknownMethod => 501,
            Rejected::Version => 505,
            Rejected::TooLarge { limit: Limit::MessageBytes | Limit::HeadBytes, .. } => 513,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::StartLine => "start line",
            Field::RequestUri => "request uri",
            Field::HeaderLine => "header line",
            Field::Value(header) => header.as_str(),
            Field::Body => "body",
        })
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejected::Malformed { field, at } => write!(f, "malformed {field} at byte {at}"),
            Rejected::Missing(header) => write!(f, "no {}", header.as_str()),
            Rejected::Repeated(header) => write!(f, "more than one {}", header.as_str()),
            Rejected::MethodMismatch => f.write_str("method differs from that of the CSeq"),
            Rejected::Version => f.write_str("sip version is not 2.0"),
            Rejected::Scheme => f.write_str("scheme of the request uri is not served"),
            Rejected::UnknownMethod => f.write_str("method is not known"),
            Rejected::TooLarge { limit, got } => write!(f, "{got} is past the limit of {limit}"),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limit::MessageBytes => "bytes in a message",
            Limit::HeaderLines => "header lines",
            Limit::HeadBytes => "bytes before the body",
        })
    }
}

impl std::error::Error for Rejected {}
