//! `turno rate --batch`: one JSON object a line in, one a line out (docs/tariffs.md, "Asking").
//!
//! Cases tend to name the same tariffs again and again. A tariff whose text was seen before is not read again: its place among the
//! known ones stands for it in the line that is parsed.

mod input;
mod ops;
mod quick;

use serde_json::value::RawValue;

use crate::code::DeckError;
use crate::deck::Deck;
use input::Line;
use quick::Quick;

/// Longest line, bytes; a longer one is an error of its own.
pub const LINE_BYTES_MAX: usize = 64 << 20;
/// Tariffs kept between lines.
const KNOWN_MAX: usize = 256;
/// Bytes of their texts.
const KNOWN_BYTES_MAX: usize = 64 << 20;
/// Tariffs of one line.
const TARIFFS_MAX: usize = 10_000;

/// What is known from the lines before.
#[derive(Debug, Default)]
pub struct Batch {
    known: Vec<Known>,
    /// The one used last: the likeliest.
    last: usize,
    bytes: usize,
    /// The line with each tariff's place instead of its text.
    short: String,
}

#[derive(Debug)]
struct Known {
    text: String,
    deck: Result<Deck, DeckError>,
}

/// Why a line has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    /// Not a JSON object of the known shape.
    Malformed,
    /// No such operation.
    UnknownOp,
    /// A part that the operation needs.
    Missing(&'static str),
    /// A part that says nothing.
    Bad(&'static str),
    /// The tariff is refused.
    Tariff(crate::code::Code),
    /// Beyond what is computed.
    OutOfBounds,
}

impl Batch {
    /// Takes one line and appends its answer and LF; false if the line was refused.
    pub fn line(&mut self, line: &str, out: &mut String) -> bool {
        self.line_by(line, out, quick::rate)
    }

    fn line_by<'l>(
        &mut self,
        line: &'l str,
        out: &mut String,
        quick: impl FnOnce(&'l str, &[Known], usize) -> Option<Quick<'l>>,
    ) -> bool {
        let from = out.len();
        if self.known.len() > KNOWN_MAX || self.bytes > KNOWN_BYTES_MAX {
            (self.known, self.last, self.bytes) = (Vec::new(), 0, 0);
        }
        let done = match quick(line, &self.known, self.last) {
            Some(quick) => self.answer_quick(&quick, out),
            None => self.thorough(line, out),
        };
        let Err((id, refused)) = done else { return true };
        out.truncate(from);
        out.push_str("{\"id\":");
        out.push_str(id.or_else(|| id_of(line)).as_deref().unwrap_or("null"));
        out.push_str(",\"error\":\"");
        match refused {
            Refused::Malformed => out.push_str("malformed"),
            Refused::UnknownOp => out.push_str("unknown_op"),
            Refused::Missing(part) => out.extend(["missing_", part]),
            Refused::Bad(part) => out.extend(["bad_", part]),
            Refused::Tariff(code) => out.push_str(code.as_str()),
            Refused::OutOfBounds => out.push_str("out_of_bounds"),
        }
        out.push_str("\"}\n");
        false
    }

    fn answer_quick(&self, quick: &Quick<'_>, out: &mut String) -> Result<(), (Option<String>, Refused)> {
        out.push_str("{\"id\":");
        out.push_str(quick.id);
        let done = ops::rate(&self.known, Some(quick.tariff), &quick.call, quick.party.as_ref(), out);
        done.map_err(|refused| (Some(quick.id.to_owned()), refused))?;
        out.push_str("}\n");
        Ok(())
    }

    fn thorough(&mut self, line: &str, out: &mut String) -> Result<(), (Option<String>, Refused)> {
        // A list in the order of an object's parts would be taken for one.
        if !line.trim_ascii_start().starts_with('{') {
            return Err((None, Refused::Malformed));
        }
        self.shorten(line).map_err(|refused| (None, refused))?;
        self.answer(out)
    }

    fn answer(&self, out: &mut String) -> Result<(), (Option<String>, Refused)> {
        let line: Line<'_> = serde_json::from_str(&self.short).map_err(|_| (None, Refused::Malformed))?;
        let id = line.id.map_or("null", RawValue::get);
        let refused = |refused: Refused| (Some(id.to_owned()), refused);
        out.push_str("{\"id\":");
        out.push_str(id);
        let op = line.op.as_ref().ok_or_else(|| refused(Refused::Missing("op")))?;
        let input = line.input.as_ref().ok_or_else(|| refused(Refused::Missing("input")))?;
        ops::answer(&self.known, &op.0, input, out).map_err(refused)?;
        out.push_str("}\n");
        Ok(())
    }

    /// Copies the line, with a place instead of each tariff.
    fn shorten(&mut self, line: &str) -> Result<(), Refused> {
        const KEY: &str = "\"tariff\"";
        self.short.clear();
        let (mut rest, mut count) = (line, 0);
        while let Some(at) = rest.find(KEY) {
            let (before, after) = (rest.get(..at).unwrap_or(""), rest.get(at + KEY.len()..).unwrap_or(""));
            self.short.push_str(before);
            self.short.push_str(KEY);
            rest = after;
            let value = after.trim_start().strip_prefix(':').map(str::trim_start);
            // A quote behind a backslash is a text that looks like a key.
            let Some(value) = value.filter(|_| !before.ends_with('\\')) else { continue };
            if value.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
                return Err(Refused::Malformed);
            }
            if !value.starts_with('{') {
                continue;
            }
            count += 1;
            if count > TARIFFS_MAX {
                return Err(Refused::OutOfBounds);
            }
            let (place, length) = self.place(value).ok_or(Refused::Malformed)?;
            self.short.push(':');
            crate::decimal::push(&mut self.short, place as i128, 0);
            rest = value.get(length..).unwrap_or("");
        }
        self.short.push_str(rest);
        Ok(())
    }

    /// The place of the tariff that `text` begins with, and how long that is. A JSON object ends where its brace does, so what
    /// begins with the text of a known one is that one.
    fn place(&mut self, text: &str) -> Option<(usize, usize)> {
        let same = |known: &Known| text.starts_with(&known.text);
        let found = match self.known.get(self.last).filter(|known| same(known)) {
            Some(_) => Some(self.last),
            None => self.known.iter().position(same),
        };
        if let Some(at) = found {
            self.last = at;
            return self.known.get(at).map(|known| (at, known.text.len()));
        }
        let text = text.get(..object_len(text)?)?;
        let deck = Deck::parse_json(text);
        self.bytes += text.len();
        self.known.push(Known { text: text.to_owned(), deck });
        self.last = self.known.len() - 1;
        Some((self.last, text.len()))
    }
}

/// Bytes of the JSON object that `text` begins with.
fn object_len(text: &str) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match (quoted, byte) {
            _ if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => quoted = !quoted,
            (false, b'{' | b'[') => depth += 1,
            (false, b'}' | b']') => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            (true | false, _) => {}
        }
    }
    None
}

/// The id of a line that is JSON but not as it should be.
fn id_of(line: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Id<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
    }
    serde_json::from_str::<Id<'_>>(line).ok()?.id.map(|id| id.get().to_owned())
}

#[cfg(test)]
mod awkward;
#[cfg(test)]
mod tests;
