//! `;name=value` lists after addresses, Via, media types and many others (RFC 3261 §25.1, generic-param).

use super::scan::{Parts, around, find_outside, is_token, quoted, trim};

/// A list of parameters, read as asked for. Names compare without case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params<'a>(&'a str);

impl<'a> Params<'a> {
    /// Reads what follows a value: nothing, or `;` and parameters. An empty parameter (`;;`) is malformed.
    pub(crate) fn parse(text: &'a str) -> Option<Params<'a>> {
        let text = trim(text);
        if text.is_empty() {
            return Some(Params(""));
        }
        let params = Params(text.strip_prefix(';')?);
        params.parts().all(is_param).then_some(params)
    }

    pub(crate) fn parts(self) -> Parts<'a> {
        Parts::new(self.0, Some(b';'))
    }

    /// The value of the first parameter of that name: quotes taken off, escapes kept; empty if it has no value.
    pub fn get(self, name: &str) -> Option<&'a str> {
        self.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.unwrap_or(""))
    }

    /// Whether a parameter of that name is there, with or without value.
    pub fn has(self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All parameters in order: name, and value without quotes.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
        let parts = if self.0.is_empty() { None } else { Some(self.parts()) };
        parts.into_iter().flatten().map(|part| match find_outside(part, b'=') {
            Some(at) => {
                let (name, value) = around(part, at);
                let value = trim(value);
                (trim(name), Some(quoted(value).map_or(value, |(inside, _)| inside)))
            }
            None => (part, None),
        })
    }

    /// As written, without the first `;`.
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// A name, and possibly a value that is a quoted string or has no white space in it.
fn is_param(part: &str) -> bool {
    let Some(at) = find_outside(part, b'=') else { return is_token(part) };
    let (name, value) = around(part, at);
    let value = trim(value);
    let value_ok = match quoted(value) {
        Some((_, rest)) => rest.is_empty(),
        None => !value.bytes().any(|b| matches!(b, b' ' | b'\t' | b'"' | b',' | b'<' | b'>')),
    };
    is_token(trim(name)) && value_ok
}
