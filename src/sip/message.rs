//! SIP messages as a lazy index over their bytes (RFC 3261 §7, §25).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A parsed message: its bytes and where things are in them. Headers are typed when asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    bytes: Vec<u8>,
}

/// Why bytes are not a message, or a message not acceptable; the variant decides what is sent, counted and logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rejected {
    /// Cannot be read.
    Malformed {
        /// What could not be read.
        field: Field,
        /// Offset in the message.
        at: u32,
    },
}

/// The part of a message that a rejection is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Field {
    /// Request or status line.
    StartLine,
}

impl Message {
    /// Reads one whole message.
    pub fn parse(bytes: Vec<u8>) -> Result<Message, Rejected> {
        Ok(Message { bytes })
    }

    /// The message as received.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejected::Malformed { field, at } => write!(f, "malformed {field:?} at byte {at}"),
        }
    }
}

impl std::error::Error for Rejected {}
