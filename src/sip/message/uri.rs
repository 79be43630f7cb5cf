//! Addresses: sip, sips and tel URIs, others kept raw (RFC 3261 §19.1, §25.1; RFC 3966).

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::scan::{HOST, PLAIN_URI, around, number, percent_decoded, span, split_at_byte, trim_start};

/// A URI in parts that borrow its text.
#[derive(Clone, Copy, Debug)]
pub struct Uri<'a> {
    /// As written.
    pub text: &'a str,
    /// Before the colon.
    pub scheme: Scheme,
    /// User part with its escapes; the number of a tel URI; everything after the scheme of any other.
    pub user: Option<&'a str>,
    /// Password with its escapes.
    pub password: Option<&'a str>,
    /// Host of a sip or sips URI; none for tel and others.
    pub host: Option<Host<'a>>,
    /// Port if written.
    pub port: Option<u16>,
    /// Parameters as written, without the first `;`.
    params: &'a str,
    /// Headers as written, without the `?`.
    headers: &'a str,
}

/// Most parameters, and most headers, that are compared each with each.
pub const COMPARED_MAX: usize = 32;

/// Scheme of a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `sip`.
    Sip,
    /// `sips`.
    Sips,
    /// `tel`.
    Tel,
    /// Any other, kept raw.
    Other,
}

/// Host of a URI or of a Via.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host<'a> {
    /// A name; compare without case.
    Name(&'a str),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, written in brackets.
    V6(Ipv6Addr),
}

impl<'a> Host<'a> {
    /// Reads a host at the start of `text`, and `:port` after it; gives what follows.
    pub(crate) fn parse_with_port(text: &'a str) -> Option<(Host<'a>, Option<u16>, &'a str)> {
        let (host, rest) = match text.strip_prefix('[') {
            Some(inside) => {
                let (address, rest) = split_at_byte(inside, b']')?;
                // A reader of the grammar in RFC 3261 may write three colons; they mean two (RFC 5118 §4.10).
                let address = address.parse().or_else(|_| address.replacen(":::", "::", 1).parse());
                (Host::V6(address.ok()?), rest)
            }
            None => {
                let end = span(text.as_bytes(), 0, HOST);
                let (name, rest) = (text.get(..end)?, text.get(end..)?);
                let digit = name.as_bytes().first()?.is_ascii_digit();
                let address = if digit { name.parse().ok() } else { None };
                let host = address.map_or(Host::Name(name), Host::V4);
                (host, rest)
            }
        };
        if rest.is_empty() {
            return Some((host, None, rest));
        }
        let after = trim_start(rest);
        let Some(port) = after.strip_prefix(':') else { return Some((host, None, rest)) };
        let port = trim_start(port);
        let end = port.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(port.len());
        let value: u16 = number(port.get(..end)?)?;
        (value != 0).then_some((host, Some(value), port.get(end..)?))
    }

    /// The address, unless it is a name.
    pub fn address(self) -> Option<IpAddr> {
        match self {
            Host::Name(_) => None,
            Host::V4(address) => Some(IpAddr::V4(address)),
            Host::V6(address) => Some(IpAddr::V6(address)),
        }
    }

    /// Equal, names without case.
    pub fn is_same(self, other: Host<'_>) -> bool {
        match (self, other) {
            (Host::Name(a), Host::Name(b)) => a.eq_ignore_ascii_case(b),
            (Host::V4(a), Host::V4(b)) => a == b,
            (Host::V6(a), Host::V6(b)) => a == b,
            (Host::Name(_) | Host::V4(_) | Host::V6(_), _) => false,
        }
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::V4(address) => address.fmt(f),
            Host::V6(address) => write!(f, "[{address}]"),
        }
    }
}

/// Where the parts of a URI may divide, found in one pass.
#[derive(Default)]
struct Marks {
    colon: Option<usize>,
    at: Option<usize>,
}

/// None: a byte that no URI holds, or a `%` that begins no escape.
fn marks(bytes: &[u8]) -> Option<Marks> {
    let mut marks = Marks::default();
    let mut at = 0;
    loop {
        at = span(bytes, at, PLAIN_URI);
        let Some(byte) = bytes.get(at) else { return Some(marks) };
        match byte {
            b':' => marks.colon = marks.colon.or(Some(at)),
            b'@' => marks.at = marks.at.or(Some(at)),
            b'?' => {}
            b'%' if is_escape(bytes.get(at..)?) => {}
            _ => return None,
        }
        at += 1;
    }
}

fn is_escape(bytes: &[u8]) -> bool {
    matches!(bytes, [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

impl<'a> Uri<'a> {
    /// Reads a whole URI.
    pub fn parse(text: &'a str) -> Option<Uri<'a>> {
        let marks = marks(text.as_bytes())?;
        let (name, rest) = around(text, marks.colon?);
        let scheme = scheme(name)?;
        let (user, params) = match scheme {
            Scheme::Sip | Scheme::Sips => return sip(text, scheme, rest, marks.at),
            Scheme::Tel => split_at_byte(rest, b';').unwrap_or((rest, "")),
            Scheme::Other => (rest, ""),
        };
        if user.is_empty() {
            return None;
        }
        Some(Uri { text, scheme, user: Some(user), password: None, host: None, port: None, params, headers: "" })
    }

    /// User part with its escapes resolved; empty if there is none.
    pub fn user_decoded(&self) -> Cow<'a, str> {
        percent_decoded(self.user.unwrap_or(""))
    }

    /// The value of a parameter, escapes kept; empty if it has no value.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.params().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Parameters in order: name and value, escapes kept.
    pub fn params(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.params.split(';').filter(|part| !part.is_empty()).map(|part| part.split_once('=').unwrap_or((part, "")))
    }

    /// The value of a header of the URI (`?Replaces=…`), escapes kept; decode with [`Uri::header_decoded`].
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The value of a header of the URI with its escapes resolved.
    pub fn header_decoded(&self, name: &str) -> Option<Cow<'a, str>> {
        self.header(name).map(percent_decoded)
    }

    /// Headers of the URI in order: name and value, escapes kept.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.headers.split('&').filter(|part| !part.is_empty()).map(|part| part.split_once('=').unwrap_or((part, "")))
    }

    /// The text without its headers: what may stand in a request line or a Contact.
    pub fn without_headers(&self) -> &'a str {
        match self.scheme {
            Scheme::Sip | Scheme::Sips if !self.headers.is_empty() => {
                let end = self.text.len().saturating_sub(self.headers.len()).saturating_sub(1);
                self.text.get(..end).unwrap_or(self.text)
            }
            Scheme::Sip | Scheme::Sips | Scheme::Tel | Scheme::Other => self.text,
        }
    }

    /// The port to use: as written, or the default of the scheme.
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(if self.scheme == Scheme::Sips { 5061 } else { 5060 })
    }

    /// Names the same resource (RFC 3261 §19.1.4; tel and others compare as text without case). URIs with more
    /// than [`COMPARED_MAX`] parameters or headers are the same only as text.
    pub fn is_same(&self, other: &Uri<'_>) -> bool {
        if self.text == other.text {
            return true;
        }
        if self.scheme != other.scheme || !self.is_comparable() || !other.is_comparable() {
            return false;
        }
        let (Some(host), Some(other_host)) = (self.host, other.host) else {
            return self.text.eq_ignore_ascii_case(other.text);
        };
        same_escaped(self.user, other.user)
            && same_escaped(self.password, other.password)
            && host.is_same(other_host)
            && self.port == other.port
            && same_params(self, other)
            && same_params(other, self)
            && same_headers(self, other)
            && same_headers(other, self)
    }
}

impl Uri<'_> {
    fn is_comparable(&self) -> bool {
        self.params().take(COMPARED_MAX + 1).count() <= COMPARED_MAX
            && self.headers().take(COMPARED_MAX + 1).count() <= COMPARED_MAX
    }
}

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

fn scheme(name: &str) -> Option<Scheme> {
    if name.eq_ignore_ascii_case("sip") {
        return Some(Scheme::Sip);
    }
    if name.eq_ignore_ascii_case("sips") {
        return Some(Scheme::Sips);
    }
    if name.eq_ignore_ascii_case("tel") {
        return Some(Scheme::Tel);
    }
    let well_formed = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    well_formed.then_some(Scheme::Other)
}

fn sip<'a>(text: &'a str, scheme: Scheme, rest: &'a str, at: Option<usize>) -> Option<Uri<'a>> {
    let (mut user, mut password, mut behind) = (None, None, rest);
    if let Some(at) = at {
        let userinfo = text.get(text.len().saturating_sub(rest.len())..at)?;
        let (name, secret) =
            split_at_byte(userinfo, b':').map_or((userinfo, None), |(name, secret)| (name, Some(secret)));
        if name.is_empty() {
            return None;
        }
        (user, password, behind) = (Some(name), secret, text.get(at.saturating_add(1)..)?);
    }
    let (host, port, behind) = Host::parse_with_port(behind)?;
    let (params, headers) = match behind.as_bytes().first() {
        None => ("", ""),
        Some(b';') => {
            let behind = behind.get(1..)?;
            split_at_byte(behind, b'?').unwrap_or((behind, ""))
        }
        Some(b'?') => ("", behind.get(1..)?),
        Some(_) => return None,
    };
    Some(Uri { text, scheme, user, password, host: Some(host), port, params, headers })
}

/// Equal, with escapes resolved; the user part has case.
fn same_escaped(a: Option<&str>, b: Option<&str>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a == b || percent_decoded(a) == percent_decoded(b),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Every parameter of `a` that `b` has too is equal, and those that must stand in both or neither do.
fn same_params(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    a.params().all(|(name, value)| match b.params().find(|(other, _)| same_folded(name, other)) {
        Some((_, other)) => same_folded(value, other),
        None => !["user", "ttl", "method", "maddr", "transport"].iter().any(|known| same_folded(name, known)),
    })
}

/// Headers are never ignored.
fn same_headers(a: &Uri<'_>, b: &Uri<'_>) -> bool {
    a.headers().all(|(name, value)| {
        b.headers().any(|(other, other_value)| same_folded(name, other) && same_folded(value, other_value))
    })
}

/// Equal, with escapes resolved and without case.
fn same_folded(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || percent_decoded(a).eq_ignore_ascii_case(&percent_decoded(b))
}
