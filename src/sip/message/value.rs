//! Values of the smaller headers, each with the RFC that defines it.

use super::header::Method;
use super::params::Params;
use super::scan::{find_byte, is_token, number, trim};

/// RSeq, CSeq number and method that a PRACK acknowledges (RFC 3262 §7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RAck {
    /// RSeq of the provisional.
    pub rseq: u32,
    /// CSeq of the request.
    pub cseq: u32,
    /// Method of the request.
    pub method: Method,
}

impl RAck {
    pub(crate) fn parse(text: &str) -> Option<RAck> {
        let mut words = text.split_ascii_whitespace();
        let (rseq, cseq, method) = (words.next()?, words.next()?, words.next()?);
        let rack = RAck { rseq: number(rseq)?, cseq: number(cseq)?, method: Method::named(method) };
        words.next().is_none().then_some(rack)
    }
}

/// Who refreshes a session (RFC 4028 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Refresher {
    /// The sender of the request.
    Uac,
    /// The receiver of the request.
    Uas,
}

/// Session-Expires (RFC 4028 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// Interval in seconds.
    pub seconds: u32,
    /// Who refreshes, if said.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    pub(crate) fn parse(text: &str) -> Option<SessionExpires> {
        let (seconds, params) = with_params(text)?;
        let refresher = match params.get("refresher") {
            Some(who) if who.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(who) if who.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            Some(_) | None => None,
        };
        Some(SessionExpires { seconds: number(seconds)?, refresher })
    }
}

/// The dialog that a call takes the place of (RFC 3891 §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaces<'a> {
    /// Call-ID.
    pub call_id: &'a str,
    /// Tag of our side, the receiver's.
    pub to_tag: &'a str,
    /// Tag of the other side.
    pub from_tag: &'a str,
    /// Only while that dialog is early.
    pub early_only: bool,
}

impl<'a> Replaces<'a> {
    /// Reads a value, as in the header or decoded from the URI of a Refer-To.
    pub fn parse(text: &'a str) -> Option<Replaces<'a>> {
        let (call_id, params) = with_params(text)?;
        let (to_tag, from_tag) = (params.get("to-tag")?, params.get("from-tag")?);
        (!call_id.is_empty()).then_some(Replaces { call_id, to_tag, from_tag, early_only: params.has("early-only") })
    }
}

/// One value of a Reason header (RFC 3326).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReasonValue<'a> {
    /// `SIP`, `Q.850` or another.
    pub protocol: &'a str,
    /// Status or cause number.
    pub cause: Option<u16>,
    /// For people.
    pub text: Option<&'a str>,
}

impl<'a> ReasonValue<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<ReasonValue<'a>> {
        let (protocol, params) = with_params(text)?;
        let reason = ReasonValue { protocol, cause: params.get("cause").and_then(number), text: params.get("text") };
        is_token(protocol).then_some(reason)
    }
}

/// A token with parameters: Event, Subscription-State, Content-Disposition and their like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// The token; compare without case unless its RFC says otherwise (event packages have case).
    pub token: &'a str,
    /// Parameters.
    pub params: Params<'a>,
}

impl<'a> Token<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Token<'a>> {
        let (token, params) = with_params(text)?;
        is_token(token).then_some(Token { token, params })
    }
}

/// A media type (RFC 3261 §20.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaType<'a> {
    /// Before the slash.
    pub kind: &'a str,
    /// After the slash.
    pub subtype: &'a str,
    /// Parameters.
    pub params: Params<'a>,
}

impl<'a> MediaType<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<MediaType<'a>> {
        let (media_type, params) = with_params(text)?;
        let (kind, subtype) = media_type.split_once('/')?;
        let (kind, subtype) = (trim(kind), trim(subtype));
        (is_token(kind) && is_token(subtype)).then_some(MediaType { kind, subtype, params })
    }

    /// Compares without case.
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
    }
}

/// A value and the parameters after its first `;`.
fn with_params(text: &str) -> Option<(&str, Params<'_>)> {
    let (value, params) = text.split_at_checked(find_byte(text, b';').unwrap_or(text.len()))?;
    Some((trim(value), Params::parse(params)?))
}

/// `delta-seconds`, with the comment and parameters that Retry-After may carry left out (RFC 3261 §20.33).
pub(crate) fn leading_seconds(text: &str) -> Option<u32> {
    let end = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    number(text.get(..end)?)
}

/// `Expires`, `Min-Expires`, `Min-SE`: seconds, parameters of Min-SE left out.
pub(crate) fn seconds(text: &str) -> Option<u32> {
    with_params(text).and_then(|(value, _)| number(value))
}
