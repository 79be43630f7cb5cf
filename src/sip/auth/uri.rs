//! Whether the `uri` of an answer is the Request-URI (RFC 3261 §22.4, RFC 7616 §3.4.6), as strictly as phones allow.
//!
//! Phones leave out URI parameters, write the default port or not, and keep the domain where the Request-URI has our
//! address (a proxy in front changes it, too). What must agree is the scheme, the user and that the host is the same
//! one or both are ours: then an answer made for one callee or one server does not serve for another.

use std::net::IpAddr;

use crate::config::SipConfig;

/// Host names and addresses we answer for.
pub(super) fn is_ours(host: &str, config: &SipConfig) -> bool {
    if config.domains.iter().any(|domain| domain.eq_ignore_ascii_case(host)) {
        return true;
    }
    let Ok(address) = unbracketed(host).parse::<IpAddr>() else { return false };
    config.listeners.iter().any(|listener| {
        let local = listener.local.ip();
        local.is_unspecified() || local == address || listener.external.is_some_and(|at| at.ip() == address)
    })
}

/// Whether the two name the same target.
pub(super) fn agree(presented: &str, requested: &str, config: &SipConfig) -> bool {
    if presented == requested {
        return true;
    }
    let (Some(a), Some(b)) = (Parts::of(presented), Parts::of(requested)) else { return false };
    let same_host = unbracketed(a.host).eq_ignore_ascii_case(unbracketed(b.host)) && a.port == b.port;
    a.scheme.eq_ignore_ascii_case(b.scheme)
        && same_user(a.user, b.user)
        && (same_host || is_ours(a.host, config) && is_ours(b.host, config))
}

struct Parts<'a> {
    scheme: &'a str,
    user: &'a str,
    host: &'a str,
    port: u16,
}

impl<'a> Parts<'a> {
    /// Of a `sip:` or `sips:` URI; other schemes must agree to the letter.
    fn of(uri: &'a str) -> Option<Parts<'a>> {
        let (scheme, rest) = uri.split_once(':')?;
        let default_port = match scheme {
            s if s.eq_ignore_ascii_case("sip") => 5060,
            s if s.eq_ignore_ascii_case("sips") => 5061,
            _ => return None,
        };
        // A password may hold no '@' and a parameter none unescaped, so the last one ends the user part.
        let (user, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
        let user = user.split([':', ';']).next()?;
        let host_port = rest.split([';', '?']).next()?;
        let (host, port) = match host_port.rfind(']') {
            Some(end) => host_port.split_at_checked(end + 1)?,
            None => host_port.split_at_checked(host_port.find(':').unwrap_or(host_port.len()))?,
        };
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().ok()?,
            None if port.is_empty() => default_port,
            None => return None,
        };
        Some(Parts { scheme, user, host, port })
    }
}

fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// Equal after `%xx` is taken out: escaping does not change a user part (RFC 3261 §19.1.4).
fn same_user(a: &str, b: &str) -> bool {
    a == b || unescaped(a.as_bytes()).eq(unescaped(b.as_bytes()))
}

fn unescaped(text: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let mut rest = text.iter().copied();
    std::iter::from_fn(move || {
        let byte = rest.next()?;
        let mut ahead = rest.clone();
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        if byte == b'%'
            && let (Some(high), Some(low)) = (digit(ahead.next()), digit(ahead.next()))
        {
            rest = ahead;
            return Some((high * 16 + low) as u8);
        }
        Some(byte)
    })
}
