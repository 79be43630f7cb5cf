//! Small scanners over header text: separators outside quotes and angle brackets, tokens, escapes (RFC 3261 §25.1).

use std::borrow::Cow;

/// Without the white space around; folding was blanked when the message was read.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// The text before and after the byte at `at`, which is ASCII.
pub(crate) fn around(text: &str, at: usize) -> (&str, &str) {
    (text.get(..at).unwrap_or(""), text.get(at.saturating_add(1)..).unwrap_or(""))
}

/// Where the ASCII byte `wanted` first stands outside quoted strings and angle brackets.
pub(crate) fn find_outside(text: &str, wanted: u8) -> Option<usize> {
    let mut quoted = false;
    let mut angled = false;
    let mut escaped = false;
    for (at, &byte) in text.as_bytes().iter().enumerate() {
        if quoted {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => quoted = false,
                _ => {}
            }
        } else if angled {
            angled = byte != b'>';
        } else if byte == wanted {
            return Some(at);
        } else if byte == b'"' {
            quoted = true;
        } else if byte == b'<' {
            angled = true;
        }
    }
    None
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

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut n = 0;
    while n < 256 {
        let byte = n as u8;
        table[n] = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
        n += 1;
    }
    table
};

pub(crate) fn is_token_byte(byte: u8) -> bool {
    TOKEN[usize::from(byte)]
}

/// One or more token characters (RFC 3261 §25.1).
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
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
    let mut escaped = false;
    for (at, &byte) in inside.as_bytes().iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(around(inside, at)),
            _ => {}
        }
    }
    None
}

/// The inside of a quoted string without its backslashes.
pub(crate) fn unescaped(inside: &str) -> Cow<'_, str> {
    if !inside.contains('\\') {
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
    if !text.contains('%') {
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

/// Every `%` begins an escape.
pub(crate) fn escapes_are_whole(text: &str) -> bool {
    if !text.contains('%') {
        return true;
    }
    let mut parts = text.split('%');
    parts.next();
    parts.all(|part| matches!(part.as_bytes(), [high, low, ..] if hex(*high).is_some() && hex(*low).is_some()))
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
