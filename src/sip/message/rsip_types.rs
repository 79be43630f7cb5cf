//! rsip's types at the boundary, for those who embed the message layer (feature `rsip`).
//!
//! rsip 0.4 is handed long header names, one line a header and nothing folded, whatever the peer wrote; what it still cannot
//! read (unknown methods, tel URIs) is its error.

use std::fmt::Write as _;

use rsip::message::HasHeaders;

use super::header::Header;
use super::rejected::{Field, Rejected};
use super::{Message, Start};

impl TryFrom<&Message> for rsip::SipMessage {
    type Error = rsip::Error;

    /// Refuses a message with a [`Message::defect`]: rsip would not see it.
    fn try_from(message: &Message) -> Result<rsip::SipMessage, rsip::Error> {
        if let Some(defect) = message.defect {
            return Err(rsip::Error::Unexpected(defect.to_string()));
        }
        let mut converted = rsip::SipMessage::try_from(plain_head(message))?;
        // rsip ignores Content-Length; the body is what we cut out.
        *converted.body_mut() = message.body().to_vec();
        Ok(converted)
    }
}

fn plain_head(message: &Message) -> String {
    let mut head = match message.start {
        Start::Request { .. } => format!("{} {} SIP/2.0\r\n", message.method_text(), message.request_uri()),
        Start::Status { code, .. } => format!("SIP/2.0 {code} {}\r\n", message.reason()),
    };
    for line in &message.lines {
        let name = if line.header == Header::Unknown { message.text(line.name) } else { line.header.as_str() };
        write!(head, "{name}: {}\r\n", message.text(line.value)).expect("a String takes whatever is written");
    }
    head.push_str("\r\n");
    head
}

impl TryFrom<rsip::SipMessage> for Message {
    type Error = Rejected;

    /// Refuses values that would break out of their line, and a Content-Length that is not that of the body.
    fn try_from(mut from: rsip::SipMessage) -> Result<Message, Rejected> {
        let body = std::mem::take(from.body_mut());
        let lines = from.headers().iter().count();
        let mut bytes = from.to_string().into_bytes();
        bytes.extend_from_slice(&body);
        let message = Message::parse(bytes)?;
        match message.defect {
            Some(defect) => Err(defect),
            None if message.lines.len() != lines => Err(Rejected::Malformed { field: Field::HeaderLine, at: 0 }),
            None if message.body() != body => Err(Rejected::Malformed { field: Field::Body, at: 0 }),
            None => Ok(message),
        }
    }
}
