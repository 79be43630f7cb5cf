//! `name-addr` and `addr-spec` with parameters: From, To, Contact, Route and their like (RFC 3261 §20.10, §25.1).

use std::borrow::Cow;

use super::params::Params;
use super::scan::{find_byte, number, quoted, split_at_byte, trim, unescaped};
use super::uri::Uri;

/// An address: display name, URI, parameters of the header.
#[derive(Clone, Copy, Debug)]
pub struct NameAddr<'a> {
    display: Display<'a>,
    /// The URI.
    pub uri: Uri<'a>,
    /// Parameters of the header, not of the URI.
    pub params: Params<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Display<'a> {
    Plain(&'a str),
    Quoted(&'a str),
}

impl<'a> NameAddr<'a> {
    /// Reads one value.
    pub fn parse(text: &'a str) -> Option<NameAddr<'a>> {
        let text = trim(text);
        if text.starts_with('"') {
            let (inside, rest) = quoted(text)?;
            return bracketed(Display::Quoted(inside), trim(rest));
        }
        // A quote before the bracket can only stand in a parameter: the URI has none around it.
        match text.bytes().position(|b| matches!(b, b'<' | b'"' | b';' | b'=')) {
            Some(at) if text.as_bytes().get(at) == Some(&b'<') => {
                let (display, rest) = text.split_at_checked(at)?;
                let display = trim(display);
                // Names that should be quoted and are not (`Bell, Alexander <…>`) are plain enough to read (RFC 4475 §3.1.2.15); with a
                // colon it would be a second URI.
                if display.contains(':') { None } else { bracketed(Display::Plain(display), rest) }
            }
            Some(_) | None => bare(text),
        }
    }

    /// Display name, quotes and escapes taken off; empty if there is none. Data, never markup.
    pub fn display(&self) -> Cow<'a, str> {
        match self.display {
            Display::Plain(text) => Cow::Borrowed(text),
            Display::Quoted(inside) => unescaped(inside),
        }
    }

    /// The dialog tag; empty counts as absent.
    pub fn tag(&self) -> Option<&'a str> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }

    /// Preference of a Contact in thousandths, 0..=1000; absent or unreadable: 1000 (RFC 3261 §10.2.1.2).
    pub fn q(&self) -> u16 {
        self.params.get("q").and_then(thousandths).unwrap_or(1000)
    }

    /// The `expires` parameter of a Contact in seconds. Unreadable counts as 3600 (RFC 3261 §10.2.1.1).
    pub fn expires(&self) -> Option<u32> {
        self.params.get("expires").map(|text| number(text).unwrap_or(3600))
    }

    /// The instance URN of a Contact with its angle brackets taken off (RFC 5626 §4.1).
    pub fn instance(&self) -> Option<&'a str> {
        let text = self.params.get("+sip.instance")?;
        Some(text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text))
    }

    /// The flow number of a Contact (RFC 5626 §4.2).
    pub fn reg_id(&self) -> Option<u32> {
        self.params.get("reg-id").and_then(number)
    }

    /// A Route whose proxy wants the Request-URI untouched (RFC 3261 §16.12).
    pub fn is_loose_route(&self) -> bool {
        self.uri.param("lr").is_some()
    }
}

fn bracketed<'a>(display: Display<'a>, text: &'a str) -> Option<NameAddr<'a>> {
    let inside = text.strip_prefix('<')?;
    let (uri, rest) = split_at_byte(inside, b'>')?;
    Some(NameAddr { display, uri: Uri::parse(uri)?, params: Params::parse(rest)? })
}

/// Without brackets every `;` begins a parameter of the header, and a `?` or `,` may not stand (RFC 3261 §20.10).
fn bare(text: &str) -> Option<NameAddr<'_>> {
    let (uri, params) = text.split_at_checked(find_byte(text, b';').unwrap_or(text.len()))?;
    if uri.contains(['?', ',']) {
        return None;
    }
    Some(NameAddr { display: Display::Plain(""), uri: Uri::parse(trim(uri))?, params: Params::parse(params)? })
}

/// `0`, `0.5`, `1.000` (RFC 3261 §25.1, qvalue).
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: u16 = number(whole)?;
    let fraction: u16 = match fraction.len() {
        0 => 0,
        1 => number::<u16>(fraction)? * 100,
        2 => number::<u16>(fraction)? * 10,
        3 => number(fraction)?,
        _ => return None,
    };
    match (whole, fraction) {
        (0, _) => Some(fraction),
        (1, 0) => Some(1000),
        _ => None,
    }
}

/// One value of a Contact header.
#[derive(Clone, Copy, Debug)]
pub enum Contact<'a> {
    /// `*`: all bindings, in a REGISTER with `Expires: 0` (RFC 3261 §10.2.2).
    Star,
    /// An address.
    Address(NameAddr<'a>),
}

impl<'a> Contact<'a> {
    /// Reads one value.
    pub fn parse(text: &'a str) -> Option<Contact<'a>> {
        if text == "*" { Some(Contact::Star) } else { NameAddr::parse(text).map(Contact::Address) }
    }
}
