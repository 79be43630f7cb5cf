//! Messages out of a byte stream (RFC 3261 §18.3, §20.14; keep-alive of RFC 5626 §3.5.1).
//!
//! Every byte is looked at once for the end of a head and once more by the parser, however it trickles in. Where a message ends is
//! said by the same reading of Content-Length that the message gives later, so the two can never differ. Once the
//! boundary is lost the stream is over: nothing after it is read.

use crate::message::{Header, Limit, Message, Rejected};
use turno_base::limits::SIP_MESSAGE_BYTES_MAX;

/// Most bytes before the body; more is 513, and the connection closes.
pub const HEAD_BYTES_MAX: usize = 16_384;
/// The answer to a keep-alive.
pub const PONG: &[u8] = b"\r\n";
/// Unused room that is kept for the next message; what a large one took beyond is given back.
const KEPT_BYTES: usize = 4_096;

/// What a stream held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A whole message.
    Message(Message),
    /// A keep-alive: answer [`PONG`]. Several in a row that were read at once are one.
    Ping,
    /// The boundary is lost: answer what can be answered ([`Message::parse_rejected`]), then close. The last frame.
    Broken {
        /// The head as far as it came.
        bytes: Vec<u8>,
        /// Why.
        rejected: Rejected,
    },
}

/// Cuts a stream into frames. Push what was read, then take frames until there are none: so it holds at most one
/// unfinished message beside what was pushed last.
#[derive(Clone, Debug)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Bytes of the buffer that are used up.
    at: usize,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// Blank lines before a message, counted.
    Between {
        blanks: u8,
    },
    /// No end of the head before this offset from `at`.
    Head {
        searched: usize,
    },
    /// A whole head, and the length of the body that is to come.
    Body {
        head: Box<Message>,
        length: usize,
    },
    Broken,
}

impl Default for Framer {
    fn default() -> Framer {
        Framer::new()
    }
}

impl Framer {
    /// A framer at the beginning of a stream. It allocates nothing before bytes come.
    pub const fn new() -> Framer {
        Framer { buffer: Vec::new(), at: 0, state: State::Between { blanks: 0 } }
    }

    /// Takes what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        if !matches!(self.state, State::Broken) {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next frame, if it is whole.
    pub fn next_frame(&mut self) -> Option<Frame> {
        loop {
            let frame = match &mut self.state {
                State::Between { .. } => self.skip_blanks()?,
                State::Head { .. } => self.read_head()?,
                State::Body { .. } => self.read_body()?,
                State::Broken => return None,
            };
            if frame.is_some() {
                return frame;
            }
        }
    }

    /// A message has begun and not ended: the connection's idle bound is that of a slow sender.
    pub fn is_inside(&self) -> bool {
        match self.state {
            State::Between { .. } | State::Broken => false,
            State::Head { .. } | State::Body { .. } => true,
        }
    }

    /// Bytes held.
    pub fn held(&self) -> usize {
        let body = match &self.state {
            State::Body { head, .. } => head.bytes().len(),
            State::Between { .. } | State::Head { .. } | State::Broken => 0,
        };
        self.rest().len().saturating_add(body)
    }

    /// Outer none: more bytes are needed; inner none: go on in the next state.
    fn skip_blanks(&mut self) -> Option<Option<Frame>> {
        let State::Between { mut blanks } = self.state else { return None };
        loop {
            match self.rest() {
                [b'\r', b'\n', ..] => {
                    self.at = self.at.saturating_add(2);
                    blanks = blanks.saturating_add(1);
                }
                [b'\r'] | [] => break,
                [b'\r' | b'\n', ..] => self.at = self.at.saturating_add(1),
                [..] => {
                    self.state = State::Head { searched: 0 };
                    return Some((blanks >= 2).then_some(Frame::Ping));
                }
            }
        }
        self.compact();
        let ping = blanks >= 2;
        self.state = State::Between { blanks: if ping { 0 } else { blanks } };
        if ping { Some(Some(Frame::Ping)) } else { None }
    }

    fn read_head(&mut self) -> Option<Option<Frame>> {
        let State::Head { searched } = self.state else { return None };
        let rest = self.rest();
        let Some(end) = head_end(rest, searched) else {
            if rest.len() > HEAD_BYTES_MAX {
                return Some(Some(self.broken(HEAD_BYTES_MAX, head_too_large(rest.len()))));
            }
            // The longest end is CRLFCRLF: three bytes of it may be here already.
            self.state = State::Head { searched: rest.len().saturating_sub(3) };
            self.compact();
            return None;
        };
        if end > HEAD_BYTES_MAX {
            return Some(Some(self.broken(HEAD_BYTES_MAX, head_too_large(end))));
        }
        let head = rest.get(..end).unwrap_or(&[]);
        let message = match Message::index(head.to_vec()) {
            Ok(message) => message,
            Err(rejected) => return Some(Some(self.broken(end, rejected))),
        };
        let rejected = match message.content_length() {
            Ok(Some(length)) if length.saturating_add(end) <= SIP_MESSAGE_BYTES_MAX => {
                self.at = self.at.saturating_add(end);
                self.state = State::Body { head: Box::new(message), length };
                return Some(None);
            }
            Ok(Some(length)) => too_large(Limit::MessageBytes, length.saturating_add(end)),
            Ok(None) => message.defect().unwrap_or(Rejected::Missing(Header::ContentLength)),
            Err(rejected) => rejected,
        };
        Some(Some(self.broken(end, rejected)))
    }

    fn read_body(&mut self) -> Option<Option<Frame>> {
        let State::Body { length, .. } = self.state else { return None };
        if self.rest().len() < length {
            self.compact();
            return None;
        }
        let State::Body { head, length } = std::mem::replace(&mut self.state, State::Between { blanks: 0 }) else {
            return None;
        };
        let message = head.with_body(self.rest().get(..length).unwrap_or(&[]));
        self.at = self.at.saturating_add(length);
        Some(Some(Frame::Message(message)))
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.at..).unwrap_or(&[])
    }

    fn broken(&mut self, length: usize, rejected: Rejected) -> Frame {
        let bytes = self.rest().get(..length).unwrap_or(&[]).to_vec();
        *self = Framer { state: State::Broken, ..Framer::new() };
        Frame::Broken { bytes, rejected }
    }

    /// Forgets what is used up. Called when more bytes are needed: once per read, not once per message.
    fn compact(&mut self) {
        self.buffer.drain(..self.at.min(self.buffer.len()));
        self.at = 0;
        if self.buffer.capacity() > KEPT_BYTES && self.buffer.len() < KEPT_BYTES {
            self.buffer.shrink_to(KEPT_BYTES);
        }
    }
}

fn head_too_large(got: usize) -> Rejected {
    too_large(Limit::HeadBytes, got)
}

fn too_large(limit: Limit, got: usize) -> Rejected {
    Rejected::TooLarge { limit, got: u32::try_from(got).unwrap_or(u32::MAX) }
}

/// Behind the blank line that ends a head, if it is there; a line may end by LF alone, as in [`Message::parse`].
fn head_end(bytes: &[u8], searched: usize) -> Option<usize> {
    let mut from = searched;
    loop {
        let rest = bytes.get(from..)?;
        let after = from.saturating_add(memchr::memchr(b'\n', rest)?).saturating_add(1);
        match bytes.get(after..)? {
            [b'\n', ..] => return Some(after.saturating_add(1)),
            [b'\r', b'\n', ..] => return Some(after.saturating_add(2)),
            [..] => from = after,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYE: &str = "BYE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n";

    fn script(chunks: &[&str]) -> String {
        let mut framer = Framer::new();
        let mut seen = Vec::new();
        for chunk in chunks {
            framer.push(chunk.as_bytes());
            while let Some(frame) = framer.next_frame() {
                seen.push(match frame {
                    Frame::Message(message) => {
                        format!("{} {:?}", message.method_text(), String::from_utf8_lossy(message.body()))
                    }
                    Frame::Ping => "ping".to_owned(),
                    Frame::Broken { bytes, rejected } => {
                        let first = Message::parse_rejected(bytes, rejected);
                        let answerable = first.is_some_and(|message| message.top_via().is_ok());
                        format!("{}: {rejected}, answerable: {answerable}", rejected.status())
                    }
                });
            }
        }
        seen.join("; ")
    }

    #[test]
    fn a_stream_is_cut_where_content_length_says() {
        let whole = format!("{BYE}Content-Length: 3\r\n\r\nabc");
        let head_only = format!("{BYE}l: 0\r\n\r\n");
        let folded = format!("{BYE}l:\r\n  3\r\n\r\n");
        let line_feeds = whole.replace("\r\n", "\n");
        let (none, twice) = (format!("{BYE}\r\nabc"), format!("{BYE}l: 1\r\nContent-Length: 1\r\n\r\nabc"));
        let (minus, huge) = (format!("{BYE}l: -1\r\n\r\n"), format!("{BYE}l: 99999999999\r\n\r\n"));
        let (large, long) = (format!("{BYE}l: 65536\r\n\r\n"), format!("{BYE}Subject: {}", "x".repeat(HEAD_BYTES_MAX)));
        let lines = format!("{BYE}{}l: 0\r\n\r\n", "X: y\r\n".repeat(300));
        let pipelined = format!("{whole}\r\n{head_only}\r\n\r\n{whole}");
        for (chunks, seen) in [
            (vec![whole.as_str()], "BYE \"abc\""),
            (vec![head_only.as_str()], "BYE \"\""),
            (vec![folded.as_str(), "ab", "cd"], "BYE \"abc\""),
            (vec![line_feeds.as_str()], "BYE \"abc\""),
            (vec![pipelined.as_str()], "BYE \"abc\"; BYE \"\"; ping; BYE \"abc\""),
            (vec!["\r\n\r", "\n", "\r\n", "\r\n"], "ping; ping"),
            (vec!["\r\n", whole.as_str()], "BYE \"abc\""),
            // Without a length the end is unknown, and so is everything behind it.
            (vec![none.as_str(), whole.as_str()], "400: no Content-Length, answerable: true"),
            (vec![twice.as_str()], "400: more than one Content-Length, answerable: true"),
            (vec![minus.as_str()], "400: malformed Content-Length at byte 60, answerable: true"),
            (vec![huge.as_str()], "513: 4294967295 is past the limit of bytes in a message, answerable: true"),
            (vec![large.as_str()], "513: 65605 is past the limit of bytes in a message, answerable: true"),
            (vec![long.as_str()], "513: 16450 is past the limit of bytes before the body, answerable: true"),
            (vec![lines.as_str()], "400: 257 is past the limit of header lines, answerable: true"),
            (vec!["GET / HTTP/1.1\r\nHost: x\r\n\r\n"], "400: malformed start line at byte 0, answerable: false"),
        ] {
            assert_eq!(script(&chunks), seen, "{chunks:?}");
        }
    }

    #[test]
    fn a_dripping_sender_costs_one_look_a_byte_and_no_more_room_than_it_sent() {
        let mut framer = Framer::new();
        for byte in BYE.bytes().chain("X: y\r\n".bytes().cycle().take(12_000)) {
            framer.push(&[byte]);
            assert_eq!(framer.next_frame(), None);
            if let State::Head { searched } = framer.state {
                assert!(framer.held() - searched <= 3, "searched again from {searched} of {}", framer.held());
            }
        }
        assert!(framer.is_inside() && framer.buffer.capacity() <= 32_768);
        framer.push(b"l: 2\r\n\r\nok");
        assert!(matches!(framer.next_frame(), Some(Frame::Broken { .. })), "more header lines than allowed");
        framer.push(&[b'x'; 100_000]);
        assert_eq!((framer.next_frame(), framer.held()), (None, 0));
    }
}
