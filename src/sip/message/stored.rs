//! The bytes of a message, known to be text where they are: so that reading a value does not validate it again.

use super::Span;

/// Most messages are text throughout; a binary body makes the whole binary, with a head that is text all the same.
#[derive(Clone)]
pub(super) enum Stored {
    Text(String),
    Binary(Vec<u8>),
}

impl Stored {
    pub(super) fn new(bytes: Vec<u8>) -> Stored {
        match String::from_utf8(bytes) {
            Ok(text) => Stored::Text(text),
            Err(error) => Stored::Binary(error.into_bytes()),
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Stored::Text(text) => text.as_bytes(),
            Stored::Binary(bytes) => bytes,
        }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        match self {
            Stored::Text(text) => text.into_bytes(),
            Stored::Binary(bytes) => bytes,
        }
    }

    /// A part of the head.
    pub(super) fn text(&self, span: Span) -> &str {
        let range = usize::from(span.from)..usize::from(span.to);
        match self {
            Stored::Text(text) => text.get(range).unwrap_or(""),
            Stored::Binary(bytes) => std::str::from_utf8(bytes.get(range).unwrap_or(&[])).unwrap_or(""),
        }
    }
}
