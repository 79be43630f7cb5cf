//! Writing messages into one buffer: requests, and responses derived from their request (RFC 3261 §8.2.6, §18.2.1,
//! §12.1.1; RFC 3581 §4). Values that would break out of their line are refused.

use std::fmt;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

use super::Message;
use super::header::{Header, Method, reason_phrase};
use super::params::Params;
use super::scan::{find_outside, is_token};
use super::via::Via;

/// A message being written. Headers stand in the order in which they are given; Content-Length and the body end it.
#[derive(Clone, Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    refused: Option<Refused>,
}

/// A header that was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The name is no token.
    Name,
    /// The value has a CR, LF or NUL.
    Value(Header),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Name => f.write_str("a header name is not a token"),
            Refused::Value(header) => write!(f, "the value of {} has a line break or a NUL", header.as_str()),
        }
    }
}

impl std::error::Error for Refused {}

/// Room for a typical message with SDP: grown only by unusual ones.
const TYPICAL_BYTES: usize = 1024;

impl Writer {
    /// Begins a request. `method` is a [`Method`] or a text.
    pub fn request(method: impl AsRef<str>, uri: &str) -> Writer {
        let mut writer = Writer { bytes: Vec::with_capacity(TYPICAL_BYTES), refused: None };
        if is_clean(uri) && !uri.contains(' ') && is_token(method.as_ref()) {
            writer.push(&[method.as_ref(), " ", uri, " SIP/2.0\r\n"]);
        } else {
            writer.push(&["OPTIONS sip:invalid.invalid SIP/2.0\r\n"]);
            writer.refused = Some(Refused::Name);
        }
        writer
    }

    /// Begins a response: all Via in order, the first told where `source` is (none: not told, for responses to
    /// ourselves), From, To with `to_tag` unless it has one already or `to_tag` is empty, Call-ID, CSeq; Timestamp in a 100;
    /// Record-Route where the response makes a dialog.
    pub fn response(request: &Message, source: Option<SocketAddr>, status: u16, to_tag: &str) -> Writer {
        Writer::response_with_reason(request, source, status, reason_phrase(status), to_tag)
    }

    /// As [`Writer::response`], with a phrase of one's own.
    pub fn response_with_reason(
        request: &Message,
        source: Option<SocketAddr>,
        status: u16,
        reason: &str,
        to_tag: &str,
    ) -> Writer {
        let mut writer = Writer { bytes: Vec::with_capacity(TYPICAL_BYTES), refused: None };
        let reason = if is_clean(reason) { reason } else { "" };
        writer.push(&["SIP/2.0 "]);
        writer.number(status.clamp(100, 699));
        writer.push(&[" ", reason, "\r\n"]);
        for (n, value) in request.lines(Header::Via).enumerate() {
            match source {
                Some(source) if n == 0 => writer.top_via(value, source),
                Some(_) | None => writer.line(Header::Via, value),
            }
        }
        for value in request.lines(Header::From) {
            writer.line(Header::From, value);
        }
        for value in request.lines(Header::To) {
            writer.push(&["To: ", value]);
            if !to_tag.is_empty() && is_token(to_tag) && !has_tag(value) {
                writer.push(&[";tag=", to_tag]);
            }
            writer.push(&["\r\n"]);
        }
        writer.copy(request, Header::CallId);
        writer.copy(request, Header::CSeq);
        if status == 100 {
            writer.copy(request, Header::Timestamp);
        } else if status < 300 && makes_dialogs(request.method()) {
            writer.copy(request, Header::RecordRoute);
        }
        writer
    }

    /// Adds a header.
    pub fn header(&mut self, header: Header, value: &str) -> &mut Writer {
        if is_clean(value) {
            self.line(header, value);
        } else {
            self.refuse(Refused::Value(header));
        }
        self
    }

    /// Adds a header whose value is formatted in place: `writer.header_fmt(Header::CSeq, format_args!("{n} BYE"))`.
    pub fn header_fmt(&mut self, header: Header, value: fmt::Arguments<'_>) -> &mut Writer {
        let line_at = self.bytes.len();
        self.push(&[header.as_str(), ": "]);
        let value_at = self.bytes.len();
        self.push_fmt(value);
        let written = self.bytes.get(value_at..).unwrap_or(&[]);
        if memchr::memchr3(b'\r', b'\n', 0, written).is_some() {
            self.bytes.truncate(line_at);
            self.refuse(Refused::Value(header));
        } else {
            self.push(&["\r\n"]);
        }
        self
    }

    /// Adds a header by name.
    pub fn header_named(&mut self, name: &str, value: &str) -> &mut Writer {
        if !is_token(name) {
            self.refuse(Refused::Name);
        } else if !is_clean(value) {
            self.refuse(Refused::Value(Header::named(name)));
        } else {
            self.push(&[name, ": ", value, "\r\n"]);
        }
        self
    }

    /// Adds a header with an address: `"display" <uri>;tag=tag`; display and tag are left out when empty. The display
    /// name is quoted and escaped, whatever it holds.
    pub fn address(&mut self, header: Header, display: &str, uri: &str, tag: &str) -> &mut Writer {
        if !is_clean(display) || !is_clean(uri) || uri.contains(['<', '>']) || !is_clean(tag) {
            self.refuse(Refused::Value(header));
            return self;
        }
        self.push(&[header.as_str(), ": "]);
        if !display.is_empty() {
            self.quoted(display);
            self.push(&[" "]);
        }
        self.push(&["<", uri, ">"]);
        if !tag.is_empty() {
            self.push(&[";tag=", tag]);
        }
        self.push(&["\r\n"]);
        self
    }

    /// Adds all lines of a header of another message as they stand there.
    pub fn copy(&mut self, from: &Message, header: Header) -> &mut Writer {
        for value in from.lines(header) {
            self.line(header, value);
        }
        self
    }

    /// What was left out, if anything was: the first.
    pub fn refused(&self) -> Option<Refused> {
        self.refused
    }

    /// The message without a body.
    pub fn finish(mut self) -> Vec<u8> {
        self.push(&["Content-Length: 0\r\n\r\n"]);
        self.bytes
    }

    /// The message with a body.
    pub fn finish_with(mut self, content_type: &str, body: &[u8]) -> Vec<u8> {
        self.header(Header::ContentType, content_type);
        self.push_fmt(format_args!("Content-Length: {}\r\n\r\n", body.len()));
        self.bytes.extend_from_slice(body);
        self.bytes
    }

    fn line(&mut self, header: Header, value: &str) {
        self.push(&[header.as_str(), ": ", value, "\r\n"]);
    }

    /// The first Via line may hold several values; the first of them gets `received` and `rport`. What the peer wrote
    /// there itself is dropped, so that nobody aims our responses by it.
    fn top_via(&mut self, value: &str, source: SocketAddr) {
        let end = find_outside(value, b',').unwrap_or(value.len());
        let Some((first, others)) = value.split_at_checked(end) else { return };
        let Some(via) = Via::parse(first) else {
            self.line(Header::Via, value);
            return;
        };
        let head = first.find(';').and_then(|at| first.get(..at)).unwrap_or(first);
        self.push(&["Via: ", head.trim_end_matches([' ', '\t'])]);
        for param in via.params.raw() {
            if param.name.eq_ignore_ascii_case("rport") {
                self.push(&[";rport="]);
                self.number(source.port());
            } else if !param.name.eq_ignore_ascii_case("received") {
                self.push(&[";", param.raw]);
            }
        }
        if via.needs_received(source) {
            match source.ip().to_canonical() {
                IpAddr::V4(address) => self.push_fmt(format_args!(";received={address}")),
                IpAddr::V6(address) => self.push_fmt(format_args!(";received={address}")),
            }
        }
        self.push(&[others, "\r\n"]);
    }

    fn quoted(&mut self, text: &str) {
        self.bytes.push(b'"');
        for &byte in text.as_bytes() {
            if matches!(byte, b'"' | b'\\') {
                self.bytes.push(b'\\');
            }
            self.bytes.push(byte);
        }
        self.bytes.push(b'"');
    }

    fn number(&mut self, number: u16) {
        let mut digits = [b'0'; 5];
        let (mut rest, mut first) = (number, digits.len());
        for (n, digit) in digits.iter_mut().enumerate().rev() {
            if rest > 0 || number == 0 && first == 5 {
                *digit = b'0' + (rest % 10) as u8;
                first = n;
            }
            rest /= 10;
        }
        self.bytes.extend_from_slice(digits.get(first..).unwrap_or(&[]));
    }

    fn refuse(&mut self, refused: Refused) {
        self.refused.get_or_insert(refused);
    }

    fn push(&mut self, parts: &[&str]) {
        for part in parts {
            self.bytes.extend_from_slice(part.as_bytes());
        }
    }

    fn push_fmt(&mut self, text: fmt::Arguments<'_>) {
        self.bytes.write_fmt(text).expect("a Vec takes whatever is written");
    }
}

fn is_clean(text: &str) -> bool {
    memchr::memchr3(b'\r', b'\n', 0, text.as_bytes()).is_none()
}

/// Whether an address has a tag; its URI is not looked at. Also for one that cannot be read: a second tag would make it
/// worse.
fn has_tag(value: &str) -> bool {
    let behind_uri = find_outside(value, b';').and_then(|at| value.get(at..));
    match behind_uri.map(Params::parse) {
        Some(Some(params)) => params.has("tag"),
        Some(None) => value.to_ascii_lowercase().contains("tag="),
        None => false,
    }
}

/// Requests whose response may make a dialog (RFC 3261 §12.1, RFC 6665, RFC 3515).
fn makes_dialogs(method: Option<Method>) -> bool {
    matches!(method, Some(Method::Invite | Method::Subscribe | Method::Refer | Method::Notify))
}
