//! `;name=value` lists after addresses, Via, media types and many others (RFC 3261 §25.1, generic-param).

use super::scan::{TOKEN, VALUE, quoted_length, skip_blanks, span, trim};

/// A list of parameters, read as asked for. Names compare without case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params<'a>(&'a str);

/// One parameter.
pub(crate) struct Param<'a> {
    pub(crate) name: &'a str,
    /// Without quotes.
    pub(crate) value: Option<&'a str>,
    /// Name and value as written.
    pub(crate) raw: &'a str,
}

impl<'a> Params<'a> {
    /// Reads what follows a value: nothing, or `;` and parameters. An empty parameter (`;;`) is malformed.
    pub(crate) fn parse(text: &'a str) -> Option<Params<'a>> {
        let text = trim(text);
        if text.is_empty() {
            return Some(Params(""));
        }
        let params = Params(text.strip_prefix(';')?);
        let mut rest = Some(params.0);
        while let Some(text) = rest {
            (_, rest) = next(text)?;
        }
        Some(params)
    }

    /// The value of the first parameter of that name: quotes taken off, escapes kept; empty if it has no value.
    pub fn get(self, name: &str) -> Option<&'a str> {
        self.raw().find(|param| param.name.eq_ignore_ascii_case(name)).map(|param| param.value.unwrap_or(""))
    }

    /// Whether a parameter of that name is there, with or without value.
    pub fn has(self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All parameters in order: name, and value without quotes.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
        self.raw().map(|param| (param.name, param.value))
    }

    pub(crate) fn raw(self) -> impl Iterator<Item = Param<'a>> {
        let mut rest = if self.0.is_empty() { None } else { Some(self.0) };
        std::iter::from_fn(move || {
            let (param, behind) = next(rest.take()?)?;
            rest = behind;
            Some(param)
        })
    }

    /// As written, without the first `;`.
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// Reads one parameter, and what stands behind the `;` after it: a name, and possibly a value that is a quoted string or
/// has no white space in it.
fn next(text: &str) -> Option<(Param<'_>, Option<&str>)> {
    let bytes = text.as_bytes();
    let name_at = skip_blanks(bytes, 0);
    let name_end = span(bytes, name_at, TOKEN);
    if name_end == name_at {
        return None;
    }
    let mut at = skip_blanks(bytes, name_end);
    let (mut value, mut end) = (None, name_end);
    if bytes.get(at) == Some(&b'=') {
        let value_at = skip_blanks(bytes, at.saturating_add(1));
        if bytes.get(value_at) == Some(&b'"') {
            end = value_at.saturating_add(quoted_length(bytes.get(value_at..)?)?);
            value = Some(text.get(value_at.saturating_add(1)..end.saturating_sub(1))?);
        } else {
            end = span(bytes, value_at, VALUE);
            value = Some(text.get(value_at..end)?);
        }
        at = skip_blanks(bytes, end);
    }
    let rest = match bytes.get(at) {
        None => None,
        Some(b';') => Some(text.get(at.saturating_add(1)..)?),
        Some(_) => return None,
    };
    Some((Param { name: text.get(name_at..name_end)?, value, raw: text.get(name_at..end)? }, rest))
}
