//! Where a message ends on a stream: at the blank line and Content-Length after it (RFC 3261 §18.3).

use turno_base::limits::SIP_MESSAGE_BYTES_MAX;
use turno_sip::message::{Field, Rejected};

/// What a stream held next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// One whole message.
    Message(Vec<u8>),
    /// A double CRLF between messages (RFC 5626 §4.4.1).
    Ping,
}

/// Cuts a stream into messages.
#[derive(Debug, Default)]
pub(super) struct Framer {
    bytes: Vec<u8>,
    framed: bool,
}

/// The stream cannot be cut any more and must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

impl Framer {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// No half message waits.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// At least one message was whole.
    pub(super) fn has_framed(&self) -> bool {
        self.framed
    }

    pub(super) fn next(&mut self) -> Result<Option<Piece>, Broken> {
        if self.bytes.starts_with(b"\r\n\r\n") {
            self.bytes.drain(..4);
            return Ok(Some(Piece::Ping));
        }
        // A single CRLF before a message is allowed (RFC 3261 §7.5); half a ping is not yet one.
        if matches!(self.bytes.as_slice(), b"\r" | b"\r\n" | b"\r\n\r") {
            return Ok(None);
        }
        let blank = self.bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        self.bytes.drain(..blank);
        let Some(head) = self.bytes.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4) else {
            return if self.bytes.len() > SIP_MESSAGE_BYTES_MAX { Err(Broken) } else { Ok(None) };
        };
        let length = self.bytes.get(..head).and_then(content_length).ok_or(Broken)?;
        let total = head.checked_add(length).filter(|total| *total <= SIP_MESSAGE_BYTES_MAX).ok_or(Broken)?;
        if self.bytes.len() < total {
            return Ok(None);
        }
        let rest = self.bytes.split_off(total);
        self.framed = true;
        Ok(Some(Piece::Message(std::mem::replace(&mut self.bytes, rest))))
    }

    pub(super) fn give_up(self, _: Broken, kept_max: usize) -> (Vec<u8>, Rejected) {
        let mut bytes = self.bytes;
        bytes.truncate(kept_max);
        (bytes, Rejected::Malformed { field: Field::StartLine, at: 0 })
    }
}

/// 0 if there is none; none if it is no number.
fn content_length(head: &[u8]) -> Option<usize> {
    for line in head.split(|&b| b == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|&b| b == b':') else { continue };
        let (name, value) = line.split_at_checked(colon)?;
        let name = std::str::from_utf8(name).unwrap_or_default().trim();
        if name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("l") {
            let value = std::str::from_utf8(value).ok()?;
            return value.trim_start_matches(':').trim().parse().ok();
        }
    }
    Some(0)
}
