//! The one pass over the bytes (RFC 3261 §7, §18.3).

use turno_base::limits::{SIP_HEADER_LINES_MAX, SIP_MESSAGE_BYTES_MAX};

use super::header::{Header, Method};
use super::rejected::{Field, Limit, Rejected};
use super::scan::{is_blank, is_token, is_token_bytes, number};
use super::stored::Stored;
use super::{Line, Message, Span, Start};

impl Message {
    /// Reads one whole message that came in a datagram. Blank lines before it are skipped (§7.5); a body longer than
    /// its Content-Length is cut (§18.3).
    ///
    /// An error means that nothing in the bytes can be answered. What is wrong but answerable is the message's
    /// [`Message::defect`].
    pub fn parse(bytes: Vec<u8>) -> Result<Message, Rejected> {
        let mut message = Message::index(bytes)?;
        let have = message.body().len();
        match message.content_length() {
            Ok(None) => {}
            Ok(Some(length)) if length == have => {}
            Ok(Some(length)) if length < have => {
                let mut bytes = message.bytes.into_bytes();
                bytes.truncate(usize::from(message.body_at).saturating_add(length));
                message.bytes = Stored::new(bytes);
            }
            Ok(Some(_)) => {
                let short = message.malformed(Header::ContentLength);
                message.defect.get_or_insert(short);
            }
            Err(rejected) => {
                message.defect.get_or_insert(rejected);
            }
        }
        Ok(message)
    }

    /// Reads as much as there is of a message that was rejected otherwise (a stream's framing, a bound), to answer it:
    /// [`Message::check`] will say `rejected`.
    pub fn parse_rejected(bytes: Vec<u8>, rejected: Rejected) -> Option<Message> {
        let mut message = Message::index(bytes).ok()?;
        message.defect = Some(rejected);
        Some(message)
    }

    /// Content-Length, if there is one.
    pub fn content_length(&self) -> Result<Option<usize>, Rejected> {
        let mut lines = self.lines(Header::ContentLength);
        let Some(text) = lines.next() else { return Ok(None) };
        if lines.next().is_some() {
            return Err(Rejected::Repeated(Header::ContentLength));
        }
        number(text).map(Some).ok_or_else(|| self.malformed(Header::ContentLength))
    }

    /// Indexes the head; whatever follows it is the body.
    pub(crate) fn index(mut bytes: Vec<u8>) -> Result<Message, Rejected> {
        let blank = bytes.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(bytes.len());
        if blank > 0 {
            bytes.drain(..blank);
        }
        if bytes.len() > SIP_MESSAGE_BYTES_MAX {
            return Err(too_large(Limit::MessageBytes, bytes.len()));
        }
        let mut reader = Reader { bytes, at: 0, lines: Vec::with_capacity(LINES_TYPICAL), defect: None };
        let start = reader.start_line()?;
        let body_at = reader.head();
        let Reader { bytes, lines, defect, .. } = reader;
        let mut stored = Stored::new(bytes);
        if let Stored::Binary(bytes) = &mut stored
            && let Some(head) = bytes.get_mut(..body_at)
        {
            clean(head);
            stored = Stored::new(stored.into_bytes());
        }
        Ok(Message { bytes: stored, start, lines, body_at: offset(body_at), defect })
    }

    /// Puts a body behind an indexed head. The caller keeps the whole below the bound of a message.
    pub(crate) fn with_body(mut self, body: &[u8]) -> Message {
        let mut bytes = self.bytes.into_bytes();
        bytes.extend_from_slice(body);
        self.bytes = Stored::new(bytes);
        self
    }
}

/// Header lines of an ordinary INVITE, with room: more grow the index once.
const LINES_TYPICAL: usize = 24;

pub(crate) fn too_large(limit: Limit, got: usize) -> Rejected {
    Rejected::TooLarge { limit, got: u32::try_from(got).unwrap_or(u32::MAX) }
}

/// Every offset fits: the message was measured first.
fn offset(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}

struct Reader {
    bytes: Vec<u8>,
    at: usize,
    lines: Vec<Line>,
    defect: Option<Rejected>,
}

impl Reader {
    fn start_line(&mut self) -> Result<Start, Rejected> {
        let line = self.next_line();
        let folded = self.is_folded();
        let malformed = Rejected::Malformed { field: Field::StartLine, at: 0 };
        let (start, defect) = read_start(self.slice(line)).ok_or(malformed)?;
        self.defect = if folded { Some(malformed) } else { defect };
        Ok(start)
    }

    /// Reads header lines up to the blank line; gives where the body begins.
    fn head(&mut self) -> usize {
        loop {
            let mut line = self.next_line();
            if line.is_empty() {
                let blank_line = self.at > line.start;
                if !blank_line {
                    self.found(Field::Body, line.start);
                }
                return self.at;
            }
            while self.is_folded() {
                blank(&mut self.bytes, line.end, self.at);
                line.end = self.next_line().end;
            }
            if self.lines.len() >= SIP_HEADER_LINES_MAX {
                self.defect = self.defect.or(Some(too_large(Limit::HeaderLines, self.lines.len() + 1)));
                self.at = self.bytes.len();
                return self.at;
            }
            self.header_line(line);
        }
    }

    fn header_line(&mut self, line: std::ops::Range<usize>) {
        let bytes = self.slice(line.clone());
        let colon = bytes.iter().position(|b| *b == b':').unwrap_or(bytes.len());
        let (mut name, value) = bytes.split_at_checked(colon).unwrap_or((bytes, &[]));
        while let [shorter @ .., b' ' | b'\t'] = name {
            name = shorter;
        }
        let name_len = name.len();
        let header = Header::named_bytes(name);
        // A known name needs no second look.
        if value.is_empty() || header == Header::Unknown && !is_token_bytes(name) {
            self.found(Field::HeaderLine, line.start);
            return;
        }
        let mut value = value.get(1..).unwrap_or(&[]);
        while let [b' ' | b'\t', shorter @ ..] = value {
            value = shorter;
        }
        let value_from = line.end.saturating_sub(value.len());
        while let [shorter @ .., b' ' | b'\t'] = value {
            value = shorter;
        }
        let value_to = value_from.saturating_add(value.len());
        let name_end = line.start.saturating_add(name_len);
        self.lines.push(Line {
            header,
            name: Span { from: offset(line.start), to: offset(name_end) },
            value: Span { from: offset(value_from), to: offset(value_to) },
        });
    }

    /// The next line without its break; afterwards `at` is behind the break. A CR without LF becomes `?`.
    fn next_line(&mut self) -> std::ops::Range<usize> {
        let start = self.at;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or(&[]);
            let Some(length) = memchr::memchr2(b'\r', b'\n', rest) else {
                self.at = self.bytes.len();
                return start..self.bytes.len();
            };
            let end = self.at.saturating_add(length);
            let behind = end.saturating_add(1);
            match self.bytes.get(end..).unwrap_or(&[]) {
                [b'\r', b'\n', ..] => {
                    self.at = behind.saturating_add(1);
                    return start..end;
                }
                [b'\n', ..] => {
                    self.at = behind;
                    return start..end;
                }
                [..] => {
                    if let Some(byte) = self.bytes.get_mut(end) {
                        *byte = b'?';
                    }
                    self.at = behind;
                }
            }
        }
    }

    /// The line that begins at `at` continues the one before.
    fn is_folded(&self) -> bool {
        self.bytes.get(self.at).is_some_and(|b| is_blank(*b))
    }

    fn slice(&self, range: std::ops::Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or(&[])
    }

    fn found(&mut self, field: Field, at: usize) {
        self.defect = self.defect.or(Some(Rejected::Malformed { field, at: u32::from(offset(at)) }));
    }
}

fn blank(bytes: &mut [u8], from: usize, to: usize) {
    if let Some(range) = bytes.get_mut(from..to) {
        range.fill(b' ');
    }
}

/// Each byte that is not UTF-8 becomes a `?`, so that values are text.
fn clean(mut head: &mut [u8]) {
    while let Err(error) = std::str::from_utf8(head) {
        let bad = error.error_len().unwrap_or(usize::MAX);
        let Some(rest) = head.get_mut(error.valid_up_to()..) else { return };
        let (wrong, rest) = rest.split_at_mut(bad.min(rest.len()));
        wrong.fill(b'?');
        head = rest;
    }
}

/// A request line or a status line; the second part is what is wrong with it though it can be read.
fn read_start(line: &[u8]) -> Option<(Start, Option<Rejected>)> {
    if line.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/")) {
        return read_status(line).map(|start| (start, None));
    }
    let name_len = line.iter().position(|b| is_blank(*b))?;
    let name = line.get(..name_len)?;
    let name = std::str::from_utf8(name).ok().filter(|name| is_token(name))?;
    // The version is the last word, whatever stands between.
    let trimmed = line.len().saturating_sub(line.iter().rev().position(|b| !is_blank(*b))?);
    let version_at = trimmed.saturating_sub(line.get(..trimmed)?.iter().rev().position(|b| is_blank(*b))?);
    let version = line.get(version_at..trimmed)?;
    if !version.get(..4)?.eq_ignore_ascii_case(b"SIP/") || version_at <= name_len {
        return None;
    }
    let between = line.get(name_len..version_at)?;
    let lead = between.iter().position(|b| !is_blank(*b))?;
    let tail = between.iter().rev().position(|b| !is_blank(*b))?;
    let uri = Span { from: offset(name_len.saturating_add(lead)), to: offset(version_at.saturating_sub(tail)) };
    let start = Start::Request { method: Method::named(name), name: Span { from: 0, to: offset(name_len) }, uri };
    // One space each and none at the end (RFC 3261 §7.1; RFC 4475 §3.1.2.8-9 would have it refused).
    let strict = lead == 1 && tail == 1 && trimmed == line.len() && line.get(name_len) == Some(&b' ');
    let malformed = Rejected::Malformed { field: Field::StartLine, at: u32::from(offset(name_len)) };
    let defect = if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        Some(Rejected::Version)
    } else {
        (!strict).then_some(malformed)
    };
    Some((start, defect))
}

fn read_status(line: &[u8]) -> Option<Start> {
    let rest = line.get(8..).filter(|_| line.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/2.0 ")))?;
    let (code, after) = (rest.get(..3)?, rest.get(3..)?);
    let code: u16 = number(std::str::from_utf8(code).ok()?)?;
    let reason_from = if after.is_empty() { line.len() } else { 12 };
    let spaced = after.first().is_none_or(|b| *b == b' ');
    let known = (100..=699).contains(&code) && spaced;
    known.then_some(Start::Status { code, reason: Span { from: offset(reason_from), to: offset(line.len()) } })
}
