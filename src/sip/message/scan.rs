//! Small scanners over header text: separators outside quotes and angle brackets, tokens, escapes (RFC 3261 §25.1).

use std::borrow::Cow;

/// Where an ASCII byte first stands.
pub(crate) fn find_byte(text: &str, wanted: u8) -> Option<usize> {
    memchr::memchr(wanted, text.as_bytes())
}

/// The text up to an ASCII byte, and what is behind it.
pub(crate) fn split_at_byte(text: &str, separator: u8) -> Option<(&str, &str)> {
    find_byte(text, separator).map(|at| around(text, at))
}

/// Without the white space around; folding was blanked when the message was read.
pub(crate) fn trim(text: &str) -> &str {
    let text = trim_start(text);
    let mut bytes = text.as_bytes();
    while let [shorter @ .., b' ' | b'\t'] = bytes {
        bytes = shorter;
    }
    text.get(..bytes.len()).unwrap_or(text)
}

/// Without the white space before.
pub(crate) fn trim_start(text: &str) -> &str {
    text.get(skip_blanks(text.as_bytes(), 0)..).unwrap_or(text)
}

pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The text before and after the byte at `at`, which is ASCII.
pub(crate) fn around(text: &str, at: usize) -> (&str, &str) {
    (text.get(..at).unwrap_or(""), text.get(at.saturating_add(1)..).unwrap_or(""))
}

/// Where the ASCII byte `wanted` first stands outside quoted strings and angle brackets.
pub(crate) fn find_outside(text: &str, wanted: u8) -> Option<usize> {
    let bytes = text.as_bytes();
    // Most values hold no separator, or nothing before it that could hide one.
    let first = memchr::memchr(wanted, bytes)?;
    if memchr::memchr2(b'"', b'<', bytes.get(..first)?).is_none() {
        return Some(first);
    }
    let mut at = 0;
    loop {
        let rest = bytes.get(at..)?;
        let next = memchr::memchr3(wanted, b'"', b'<', rest)?;
        at = at.saturating_add(next);
        match rest.get(next)? {
            b'"' => at = at.saturating_add(quoted_length(bytes.get(at..)?)?),
            b'<' => at = at.saturating_add(memchr::memchr(b'>', bytes.get(at..)?)?).saturating_add(1),
            _ => return Some(at),
        }
    }
}

/// Length of the quoted string that `bytes` begin with, quotes counted; none: it does not end.
pub(crate) fn quoted_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        let rest = bytes.get(at..)?;
        let next = memchr::memchr2(b'"', b'\\', rest)?;
        match rest.get(next)? {
            b'"' => return Some(at.saturating_add(next).saturating_add(1)),
            _ => at = at.saturating_add(next).saturating_add(2),
        }
    }
}

/// Parts between separators that stand outside quotes and angle brackets, trimmed; empty ones too.
#[derive(Clone, Debug)]
pub(crate) struct Parts<'a> {
    rest: Option<&'a str>,
    separator: Option<u8>,
}

impl<'a> Parts<'a> {
    /// With no separator the whole text is the one part.
    pub(crate) fn new(text: &'a str, separator: Option<u8>) -> Parts<'a> {
        Parts { rest: Some(text), separator }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest.take()?;
        match self.separator.and_then(|separator| find_outside(text, separator)) {
            Some(at) => {
                let (part, rest) = around(text, at);
                self.rest = Some(rest);
                Some(trim(part))
            }
            None => Some(trim(text)),
        }
    }
}

/// Token characters (RFC 3261 §25.1).
pub(crate) const TOKEN: u8 = 1;
/// Letters, digits, `-` and `.` of a host (RFC 3261 §25.1), and the `_` of many real names.
pub(crate) const HOST: u8 = 2;
/// An unquoted value of a parameter, wider than the grammar, which has tokens and hosts only: `/` and the like are seen.
pub(crate) const VALUE: u8 = 4;
/// Nothing that could not stand in a URI, and none of its separators before the host.
pub(crate) const PLAIN_URI: u8 = 8;

const CLASSES: [u8; 256] = {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        let byte = n as u8;
        let alphanumeric = byte.is_ascii_alphanumeric();
        if alphanumeric || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~') {
            table[n] |= TOKEN;
        }
        if alphanumeric || matches!(byte, b'-' | b'.' | b'_') {
            table[n] |= HOST;
        }
        if !matches!(byte, b' ' | b'\t' | b'"' | b',' | b';' | b'<' | b'>') {
            table[n] |= VALUE;
        }
        if byte > b' ' && byte != 0x7f && !matches!(byte, b'<' | b'>' | b'"' | b'\\' | b':' | b'@' | b'%' | b'?') {
            table[n] |= PLAIN_URI;
        }
        n += 1;
    }
    table
};

/// Where the bytes of a class that begin at `from` end.
pub(crate) fn span(bytes: &[u8], from: usize, class: u8) -> usize {
    let in_class = |byte: u8| CLASSES[usize::from(byte)] & class;
    let mut at = from;
    // Four at a time: this loop is where reading a message spends its time.
    while let Some([a, b, c, d]) = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>())
        && in_class(*a) & in_class(*b) & in_class(*c) & in_class(*d) != 0
    {
        at += 4;
    }
    while let Some(byte) = bytes.get(at)
        && in_class(*byte) != 0
    {
        at += 1;
    }
    at
}

/// Behind the blanks that begin at `from`; there is rarely one.
pub(crate) fn skip_blanks(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(b' ' | b'\t') = bytes.get(at) {
        at += 1;
    }
    at
}

/// One or more token characters (RFC 3261 §25.1).
pub(crate) fn is_token(text: &str) -> bool {
    is_token_bytes(text.as_bytes())
}

pub(crate) fn is_token_bytes(bytes: &[u8]) -> bool {
    !bytes.is_empty() && span(bytes, 0, TOKEN) == bytes.len()
}

/// Decimal digits only: no sign, no space, no overflow.
pub(crate) fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// A quoted string at the start: what is between the quotes, escapes kept, and what follows.
pub(crate) fn quoted(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('"')?;
    let close = quoted_length(text.as_bytes())?.checked_sub(2)?;
    Some(around(inside, close))
}

/// The inside of a quoted string without its backslashes.
pub(crate) fn unescaped(inside: &str) -> Cow<'_, str> {
    if find_byte(inside, b'\\').is_none() {
        return Cow::Borrowed(inside);
    }
    let mut text = String::with_capacity(inside.len());
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.extend(chars.next()),
            _ => text.push(c),
        }
    }
    Cow::Owned(text)
}

/// Percent escapes resolved. What is no escape, or would not be UTF-8, stays as it is.
pub(crate) fn percent_decoded(text: &str) -> Cow<'_, str> {
    if find_byte(text, b'%').is_none() {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        match (byte, ahead.next().and_then(hex), ahead.next().and_then(hex)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(high << 4 | low);
                bytes = ahead;
            }
            _ => decoded.push(byte),
        }
    }
    String::from_utf8(decoded).map_or(Cow::Borrowed(text), Cow::Owned)
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
