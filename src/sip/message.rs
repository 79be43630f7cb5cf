//! SIP messages as a lazy index over their bytes (RFC 3261 §7, §25).
//!
//! [`Message::parse`] finds the lines in one pass; values are typed when asked for and borrow the bytes. Two things are
//! put right in the bytes themselves, without moving any: folded lines become one line (their breaks blanks, RFC 3261
//! §7.3.1), and in the head a lone CR and what is not UTF-8 become `?`. So every value is a `&str` without breaks, copying
//! one into another message cannot begin a new line there, and reading the bytes again gives the same message.
//!
//! A message that can be answered is a [`Message`] even if it is wrong; [`Message::check`] says what is. Deliberately not
//! here: transactions, dialogs, what a request may ask for, and any header's meaning beyond its grammar.

mod address;
mod check;
mod digest;
mod header;
mod params;
mod parse;
mod rejected;
#[cfg(any(feature = "rsip", test))]
mod rsip_types;
mod scan;
mod stored;
#[cfg(test)]
pub(crate) mod tests;
mod typed;
mod uri;
mod value;
mod via;
mod writer;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use address::{Contact, NameAddr};
pub use digest::{DIGEST_PARAMS_MAX, DigestParams};
pub use header::{Header, Method, reason_phrase};
pub use params::Params;
pub use rejected::{Field, Limit, Rejected};
pub use uri::{COMPARED_MAX, Host, Scheme, Uri};
pub use value::{MediaType, RAck, ReasonValue, Refresher, Replaces, SessionExpires, Token};
pub use via::{COOKIE, Via};
pub use writer::{Refused, Writer};

use scan::Parts;
use stored::Stored;

/// A parsed message: its bytes and where things are in them. Serialises as its bytes.
#[derive(Clone)]
pub struct Message {
    bytes: Stored,
    start: Start,
    lines: Vec<Line>,
    body_at: u16,
    defect: Option<Rejected>,
}

/// A range of the bytes; a message is shorter than 64 KiB ([`turno_base::limits::SIP_MESSAGE_BYTES_MAX`]).
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    from: u16,
    to: u16,
}

#[derive(Clone, Copy, Debug)]
enum Start {
    Request { method: Method, name: Span, uri: Span },
    Status { code: u16, reason: Span },
}

#[derive(Clone, Copy, Debug)]
struct Line {
    header: Header,
    name: Span,
    value: Span,
}

/// Request or response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request of this method.
    Request(Method),
    /// A response of this status.
    Response(u16),
}

impl Message {
    /// The message: as received but for what the module's head names; without bytes after its body.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_bytes()
    }

    /// The message's bytes, given away.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes.into_bytes()
    }

    /// Request or response, and which.
    pub fn kind(&self) -> Kind {
        match self.start {
            Start::Request { method, .. } => Kind::Request(method),
            Start::Status { code, .. } => Kind::Response(code),
        }
    }

    /// A request.
    pub fn is_request(&self) -> bool {
        matches!(self.start, Start::Request { .. })
    }

    /// Method of a request.
    pub fn method(&self) -> Option<Method> {
        match self.start {
            Start::Request { method, .. } => Some(method),
            Start::Status { .. } => None,
        }
    }

    /// Method of a request as written, also one that is not known; empty for a response.
    pub fn method_text(&self) -> &str {
        match self.start {
            Start::Request { name, .. } => self.text(name),
            Start::Status { .. } => "",
        }
    }

    /// Status of a response, 100..=699.
    pub fn status(&self) -> Option<u16> {
        match self.start {
            Start::Request { .. } => None,
            Start::Status { code, .. } => Some(code),
        }
    }

    /// Reason phrase of a response; data for people only.
    pub fn reason(&self) -> &str {
        match self.start {
            Start::Request { .. } => "",
            Start::Status { reason, .. } => self.text(reason),
        }
    }

    /// Request-URI as written; empty for a response.
    pub fn request_uri(&self) -> &str {
        match self.start {
            Start::Request { uri, .. } => self.text(uri),
            Start::Status { .. } => "",
        }
    }

    /// The first value of a header.
    pub fn header(&self, header: Header) -> Option<&str> {
        self.values(header).next()
    }

    /// All values of a header in order, over all its lines; lists are split at their commas.
    pub fn values(&self, header: Header) -> impl Iterator<Item = &str> {
        self.lines(header).flat_map(move |line| Parts::new(line, header.is_list().then_some(b',')))
    }

    /// Whole lines of a header, as they stand.
    pub fn lines(&self, header: Header) -> impl Iterator<Item = &str> {
        let wanted = self.lines.iter().filter(move |line| line.header == header);
        wanted.map(|line| self.text(line.value))
    }

    /// Whole lines by name without case, for headers that are not known.
    pub fn lines_named(&self, name: &str) -> impl Iterator<Item = &str> {
        self.all_lines().filter(move |(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Every header line in order: name as written, whole value.
    pub fn all_lines(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().map(|line| (self.text(line.name), self.text(line.value)))
    }

    /// The body, binary as it came.
    pub fn body(&self) -> &[u8] {
        self.bytes().get(usize::from(self.body_at)..).unwrap_or(&[])
    }

    /// What [`Message::parse`] found wrong and went on in spite of: the first.
    pub fn defect(&self) -> Option<Rejected> {
        self.defect
    }

    fn text(&self, span: Span) -> &str {
        self.bytes.text(span)
    }
}

impl PartialEq for Message {
    fn eq(&self, other: &Message) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Message {}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({:?})", String::from_utf8_lossy(self.bytes()))
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(self.bytes())
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Message, D::Error> {
        from.deserialize_byte_buf(MessageVisitor)
    }
}

struct MessageVisitor;

impl<'de> de::Visitor<'de> for MessageVisitor {
    type Value = Message;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of a SIP message")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Message, E> {
        self.visit_byte_buf(bytes.to_vec())
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Message, E> {
        Message::parse(bytes).map_err(E::custom)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Message, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = seq.next_element()? {
            bytes.push(byte);
        }
        self.visit_byte_buf(bytes)
    }
}
