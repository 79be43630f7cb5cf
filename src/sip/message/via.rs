//! Via: the way back (RFC 3261 §20.42, §18.2; RFC 3581; IPv6 forms of RFC 5118).

use std::net::{IpAddr, SocketAddr};

use super::params::Params;
use super::scan::{around, is_blank, is_token, number, split_at_byte, trim, trim_start};
use super::uri::Host;

/// One Via value.
#[derive(Clone, Copy, Debug)]
pub struct Via<'a> {
    /// As written: `UDP`, `TCP`, `TLS`, or anything a newer peer invents.
    pub transport: &'a str,
    /// Host the sender calls itself.
    pub host: Host<'a>,
    /// Port the sender listens on, if written.
    pub port: Option<u16>,
    /// Parameters.
    pub params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Reads one value. White space may stand around every slash and colon.
    pub fn parse(text: &'a str) -> Option<Via<'a>> {
        let (protocol, rest) = split_at_byte(text, b'/')?;
        let (version, rest) = split_at_byte(rest, b'/')?;
        if !trim(protocol).eq_ignore_ascii_case("SIP") || trim(version) != "2.0" {
            return None;
        }
        let rest = trim_start(rest);
        let (transport, sent_by) = around(rest, rest.bytes().position(is_blank)?);
        let (host, port, params) = Host::parse_with_port(trim_start(sent_by))?;
        is_token(transport).then_some(Via { transport, host, port, params: Params::parse(params)? })
    }

    /// The transaction's name; empty counts as absent.
    pub fn branch(&self) -> Option<&'a str> {
        self.params.get("branch").filter(|branch| !branch.is_empty())
    }

    /// The branch, if it names a transaction by RFC 3261 §8.1.1.7: the cookie and something after it. Without it the
    /// older matching rules hold (§17.2.3).
    pub fn cookie_branch(&self) -> Option<&'a str> {
        let branch = self.branch()?;
        let (cookie, rest) = branch.split_at_checked(COOKIE.len())?;
        (cookie.eq_ignore_ascii_case(COOKIE) && !rest.is_empty()).then_some(branch)
    }

    /// The address the request was seen from; with or without brackets (RFC 5118 §4.5).
    pub fn received(&self) -> Option<IpAddr> {
        address(self.params.get("received")?)
    }

    /// `Some(None)`: the sender asks for its port (RFC 3581 §3); `Some(Some(port))`: it was told.
    pub fn rport(&self) -> Option<Option<u16>> {
        self.params.get("rport").map(number)
    }

    /// Multicast or explicit target for responses.
    pub fn maddr(&self) -> Option<Host<'a>> {
        let text = self.params.get("maddr")?;
        match address(text) {
            Some(IpAddr::V4(address)) => Some(Host::V4(address)),
            Some(IpAddr::V6(address)) => Some(Host::V6(address)),
            None => Some(Host::Name(text)),
        }
    }

    /// Where a response goes over a datagram transport when the request came from `source` (RFC 3261 §18.2.2,
    /// RFC 3581 §4): its port if it asked for that, else the port that it wrote. `maddr` is not obeyed: it would
    /// let anyone aim our responses at others.
    pub fn reply_to(&self, source: SocketAddr) -> SocketAddr {
        match self.rport() {
            Some(_) => source,
            None => SocketAddr::new(source.ip(), self.port.unwrap_or(5060)),
        }
    }

    /// The request came from elsewhere than the Via says (RFC 3261 §18.2.1).
    pub(crate) fn needs_received(&self, source: SocketAddr) -> bool {
        self.params.has("rport") || self.host.address().map(|ip| ip.to_canonical()) != Some(source.ip().to_canonical())
    }
}

/// Begins every branch of RFC 3261.
pub const COOKIE: &str = "z9hG4bK";

fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok()
}
