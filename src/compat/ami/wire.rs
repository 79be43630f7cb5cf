//! The text of the manager interface: blocks of `Name: value` lines, each block ended by an empty line.

use std::fmt::{Display, Write};

/// Longest line of a request; more ends the connection.
pub const LINE_BYTES_MAX: usize = 4096;
/// Most lines of a request; more ends the connection.
pub const LINES_MAX: usize = 128;

/// What a client asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    lines: Vec<(String, String)>,
}

/// A request does not fit its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooMuch {
    /// A line over [`LINE_BYTES_MAX`].
    Line,
    /// More lines than [`LINES_MAX`].
    Lines,
}

impl Request {
    /// The value of the first line of that name, in whatever case; empty: there is none.
    pub fn get(&self, name: &str) -> &str {
        let found = self.lines.iter().find(|(of, _)| of.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value.as_str())
    }

    /// There is a value.
    pub fn has(&self, name: &str) -> bool {
        !self.get(name).is_empty()
    }
}

/// Takes bytes as they come and makes requests of them.
#[derive(Debug, Default)]
pub struct Reader {
    bytes: Vec<u8>,
    /// Looked through already.
    seen: usize,
    request: Request,
}

impl Reader {
    /// Bytes that have come.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole request; none: more must come first. Empty lines before a request are nothing.
    pub fn next_request(&mut self) -> Result<Option<Request>, TooMuch> {
        while let Some(end) = self.bytes.iter().skip(self.seen).position(|&b| b == b'\n') {
            let end = self.seen + end;
            if end > LINE_BYTES_MAX {
                return Err(TooMuch::Line);
            }
            let line: Vec<u8> = self.bytes.drain(..=end).collect();
            self.seen = 0;
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            if !line.is_empty() {
                self.take(line)?;
            } else if !self.request.lines.is_empty() {
                return Ok(Some(std::mem::take(&mut self.request)));
            }
        }
        self.seen = self.bytes.len();
        if self.seen > LINE_BYTES_MAX { Err(TooMuch::Line) } else { Ok(None) }
    }

    fn take(&mut self, line: &str) -> Result<(), TooMuch> {
        if self.request.lines.len() >= LINES_MAX {
            return Err(TooMuch::Lines);
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        self.request.lines.push((name.trim().to_owned(), value.trim().to_owned()));
        Ok(())
    }
}

/// Lines of an answer or event. No value can end its line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block(String);

impl Block {
    /// An empty one.
    pub fn new() -> Block {
        Block::default()
    }

    /// The answer to a request: `Success`, `Error` or `Goodbye`, with its action id.
    pub fn answer(word: &str, request: &Request) -> Block {
        Block::new().with("Response", word).id(request)
    }

    /// The whole answer with a sentence.
    pub fn said(word: &str, request: &Request, sentence: impl Display) -> String {
        Block::answer(word, request).with("Message", sentence).end()
    }

    /// An item of a list.
    pub fn item(event: &str) -> Block {
        Block::new().with("Event", event)
    }

    /// One more line.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Display) -> Block {
        self.add("", name, value);
        self
    }

    /// One more line, its name behind `prefix`.
    pub fn add(&mut self, prefix: &str, name: &str, value: impl Display) {
        let begun = self.0.len();
        // Writing to a text does not fail.
        let _ = write!(self.0, "{prefix}{name}: {value}");
        if self.0.get(begun..).is_some_and(|line| line.contains(char::is_control)) {
            let clean: String = self.0.drain(begun..).filter(|c| !c.is_control()).collect();
            self.0.push_str(&clean);
        }
        self.0.push_str("\r\n");
    }

    /// The lines of another.
    #[must_use]
    pub fn and(mut self, other: &Block) -> Block {
        self.0.push_str(&other.0);
        self
    }

    /// The action id of a request, if it has one.
    #[must_use]
    pub fn id(self, request: &Request) -> Block {
        match request.get("ActionID") {
            "" => self,
            id => self.with("ActionID", id),
        }
    }

    /// The text, with the empty line that ends it.
    pub fn end(mut self) -> String {
        self.0.push_str("\r\n");
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], piece: usize) -> (Vec<String>, Result<(), TooMuch>) {
        let (mut reader, mut got) = (Reader::default(), Vec::new());
        for piece in bytes.chunks(piece) {
            reader.push(piece);
            loop {
                match reader.next_request() {
                    Ok(Some(request)) => got.push(format!("{}/{}", request.get("action"), request.get("actionid"))),
                    Ok(None) => break,
                    Err(error) => return (got, Err(error)),
                }
            }
        }
        (got, Ok(()))
    }

    #[test]
    fn requests_are_read_in_whatever_pieces_they_come() {
        let bytes = b"\r\nAction: Ping\r\nActionID:7\r\n\r\naction: Logoff\n\nAction: Pi";
        for piece in 1..=bytes.len() {
            assert_eq!(read(bytes, piece), (vec!["Ping/7".to_owned(), "Logoff/".to_owned()], Ok(())), "{piece}");
        }
    }

    #[test]
    fn a_line_and_a_request_have_bounds() {
        let long = vec![b'x'; LINE_BYTES_MAX + 1];
        assert_eq!(read(&long, 100).1, Err(TooMuch::Line));
        assert_eq!(read(&[&long[..], b"\n"].concat(), long.len() + 1).1, Err(TooMuch::Line));
        let fits = [&b"A: "[..], &long[..LINE_BYTES_MAX - 3], b"\n\n"].concat();
        assert_eq!(read(&fits, 1000).1, Ok(()));
        assert_eq!(read(&b"a: b\n".repeat(LINES_MAX + 1), 64).1, Err(TooMuch::Lines));
        assert_eq!(read(&b"a: b\n".repeat(LINES_MAX), 64).1, Ok(()));
    }

    #[test]
    fn no_bytes_make_it_panic() {
        for bytes in [&b"\xff\xfe: \x00\r\n\r\n"[..], b":\r\n\r\n", b"::::\n\n", b"\n\n\n\n", b"\r\r\r\n"] {
            let _ = read(bytes, 1);
        }
    }

    #[test]
    fn pieces_of_whatever_make_the_same_requests_as_the_whole() {
        const LETTERS: &[u8] = b"aA:: \r\n\n\n\xff\0Action";
        let mut dice = turno_base::Seeded::new(7);
        for _ in 0..2000 {
            let letter = |dice: &mut turno_base::Seeded| LETTERS[dice.next_u64() as usize % LETTERS.len()];
            let bytes: Vec<u8> = (0..dice.next_u64() % 200).map(|_| letter(&mut dice)).collect();
            let piece = 1 + dice.next_u64() as usize % 20;
            assert_eq!(read(&bytes, piece), read(&bytes, 1000), "{bytes:?} by {piece}");
        }
    }

    #[test]
    fn no_value_ends_its_line() {
        let block = Block::item("X").with("Name", "a\r\nEvent: Forged\r\n\r\n\u{1b}[31m");
        assert_eq!(block.end(), "Event: X\r\nName: aEvent: Forged[31m\r\n\r\n");
    }
}
