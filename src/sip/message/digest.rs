//! Credentials and challenges as name-value lists (RFC 3261 §20.7, §20.44, §25.1; RFC 7616 §3.3, §3.4). What they
//! are worth is judged elsewhere.

use std::borrow::Cow;

use super::scan::{Parts, around, find_outside, is_token, quoted, trim, unescaped};

/// Most parameters in one header; more is malformed.
pub const DIGEST_PARAMS_MAX: usize = 32;

/// One Authorization, Proxy-Authorization, WWW-Authenticate or Proxy-Authenticate value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestParams<'a> {
    /// `Digest`, in any case, or a scheme that we do not speak; its parameters are then not read.
    pub scheme: &'a str,
    params: Vec<(&'a str, Cow<'a, str>)>,
}

impl<'a> DigestParams<'a> {
    /// Reads one value. Parameters may come in any order; one that stands twice is malformed.
    pub fn parse(text: &'a str) -> Option<DigestParams<'a>> {
        let text = trim(text);
        let (scheme, rest) = text.split_at_checked(text.find([' ', '\t']).unwrap_or(text.len()))?;
        if !is_token(scheme) {
            return None;
        }
        let mut digest = DigestParams { scheme, params: Vec::new() };
        if !digest.is_digest() {
            return Some(digest);
        }
        digest.params.reserve(12);
        for part in Parts::new(trim(rest), Some(b',')) {
            // A list may have empty elements (RFC 7616 takes the list rule of HTTP); some phones end theirs by a comma.
            if part.is_empty() {
                continue;
            }
            let (name, value) = around(part, find_outside(part, b'=')?);
            let name = trim(name);
            if !is_token(name) || digest.get(name).is_some() || digest.params.len() >= DIGEST_PARAMS_MAX {
                return None;
            }
            digest.params.push((name, value_of(trim(value))?));
        }
        (!digest.params.is_empty()).then_some(digest)
    }

    /// The scheme is Digest.
    pub fn is_digest(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("Digest")
    }

    /// A parameter by name, quotes and escapes taken off.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_ref())
    }

    /// All parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.params.iter().map(|(name, value)| (*name, value.as_ref()))
    }

    /// `username`.
    pub fn username(&self) -> Option<&str> {
        self.get("username")
    }

    /// `realm`.
    pub fn realm(&self) -> Option<&str> {
        self.get("realm")
    }

    /// `nonce`.
    pub fn nonce(&self) -> Option<&str> {
        self.get("nonce")
    }

    /// `uri`, as the client hashed it.
    pub fn uri(&self) -> Option<&str> {
        self.get("uri")
    }

    /// `response`.
    pub fn response(&self) -> Option<&str> {
        self.get("response")
    }

    /// `algorithm`; absent means MD5.
    pub fn algorithm(&self) -> Option<&str> {
        self.get("algorithm")
    }

    /// `cnonce`.
    pub fn cnonce(&self) -> Option<&str> {
        self.get("cnonce")
    }

    /// `opaque`.
    pub fn opaque(&self) -> Option<&str> {
        self.get("opaque")
    }

    /// `qop`: the one used in credentials, a list in a challenge.
    pub fn qop(&self) -> Option<&str> {
        self.get("qop")
    }

    /// A challenge's `qop` list names this one.
    pub fn offers_qop(&self, qop: &str) -> bool {
        self.qop().is_some_and(|list| list.split(',').any(|offered| trim(offered).eq_ignore_ascii_case(qop)))
    }

    /// `nc` as written: the hash is over its text.
    pub fn nc(&self) -> Option<&str> {
        self.get("nc")
    }

    /// `nc` as a number: exactly eight hexadecimal digits.
    pub fn nonce_count(&self) -> Option<u32> {
        let text = self.nc()?;
        let digits = text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
        if digits { u32::from_str_radix(text, 16).ok() } else { None }
    }

    /// `stale=true`.
    pub fn is_stale(&self) -> bool {
        self.get("stale").is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }
}

fn value_of(text: &str) -> Option<Cow<'_, str>> {
    if text.starts_with('"') {
        let (inside, rest) = quoted(text)?;
        return rest.is_empty().then(|| unescaped(inside));
    }
    let bare = !text.is_empty() && !text.bytes().any(|b| matches!(b, b' ' | b'\t' | b'"'));
    bare.then_some(Cow::Borrowed(text))
}
