//! Who calls and whom: From, P-Asserted-Identity, Privacy, Diversion, History-Info (RFC 3323, 3325, 5806, 7044), read of
//! those we believe and written for those who believe us.

use turno_base::{E164, LegId, Number};

use super::write::untagged;
use super::{Dial, Incoming, Origin};
use crate::message::{Header, Message, NameAddr, Writer};

/// Diversions that are kept of a call.
const DIVERSIONS_MAX: usize = 10;
/// Characters of a name or number that are kept.
const NAME_CHARS_MAX: usize = 128;

/// What a call says of itself; `is_trusted`: its asserted identity and diversions are believed.
pub(super) fn incoming(
    leg: LegId,
    origin: Origin,
    is_trusted: bool,
    request: &Message,
    replaces: Option<LegId>,
) -> Incoming {
    let asserted = is_trusted.then(|| request.p_asserted_identity().find_map(Result::ok)).flatten();
    let from = request.from().ok();
    let identity = asserted.or(from);
    let ani = identity.map(|who| number(&who, is_withheld(request, from.as_ref()))).unwrap_or_default();
    let named = |who: Option<NameAddr<'_>>| who.map(|who| kept(&who.display())).filter(|name| !name.is_empty());
    let display = if ani.withheld { None } else { named(asserted).or_else(|| named(from)) }.unwrap_or_default();
    Incoming {
        leg,
        origin,
        ani,
        display,
        dnis: dialled(request),
        diverted_from: if is_trusted { diverted(request) } else { Vec::new() },
        sip_call_id: request.call_id().unwrap_or("").to_owned(),
        replaces,
    }
}

fn is_withheld(request: &Message, from: Option<&NameAddr<'_>>) -> bool {
    let is_asked = request.privacy().any(|p| ["id", "user", "header"].iter().any(|k| k.eq_ignore_ascii_case(p)));
    is_asked || from.is_some_and(|from| is_anonymous(from))
}

fn is_anonymous(address: &NameAddr<'_>) -> bool {
    let is_host = address.uri.host.is_some_and(|h| h.to_string().eq_ignore_ascii_case("anonymous.invalid"));
    is_host || address.uri.user.is_some_and(|user| user.eq_ignore_ascii_case("anonymous"))
}

fn number(who: &NameAddr<'_>, withheld: bool) -> Number {
    if withheld {
        return Number { raw: String::new(), e164: None, withheld };
    }
    let raw = user_of(who);
    // Visual separators are for people (RFC 3966 §5.1.1).
    let bare: String = raw.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect();
    Number { e164: E164::new(&bare).ok(), raw, withheld }
}

/// User part without the parameters that some put there (`;phone-context=…`, `;npdi`).
fn user_of(who: &NameAddr<'_>) -> String {
    let user = who.uri.user_decoded();
    kept(user.split(';').next().unwrap_or(""))
}

/// Of what strangers write only so much, and no control characters.
fn kept(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect()
}

/// User part of the Request-URI; that of To where a registrar sends all numbers to our Contact.
fn dialled(request: &Message) -> String {
    let target = request.target().ok().map(|uri| kept(uri.user_decoded().split(';').next().unwrap_or("")));
    match target {
        Some(user) if !user.is_empty() && user != "turno" => user,
        Some(_) | None => request.to().ok().map(|to| user_of(&to)).unwrap_or_default(),
    }
}

fn diverted(request: &Message) -> Vec<String> {
    let by_diversion: Vec<String> =
        request.diversion().filter_map(Result::ok).take(DIVERSIONS_MAX).map(|d| user_of(&d)).collect();
    if !by_diversion.is_empty() {
        return by_diversion;
    }
    let mut history: Vec<String> =
        request.history_info().filter_map(Result::ok).take(DIVERSIONS_MAX + 1).map(|h| user_of(&h)).collect();
    // The newest entry is where the call is now.
    history.pop();
    history.reverse();
    history
}

/// Our From value for a call out, without tag; `is_trusted`: the peer keeps a withheld identity to itself.
pub(super) fn from_value(dial: &Dial, host: &str) -> String {
    // Whose From had no user part has nothing to show either; an empty one is no URI.
    if dial.from.withheld || shown(&dial.from).is_empty() {
        return untagged("Anonymous", "sip:anonymous@anonymous.invalid");
    }
    untagged(&dial.display, &format!("sip:{}@{host}", shown(&dial.from)))
}

/// P-Asserted-Identity and Privacy for a trunk that is trusted with them (RFC 3325 §5).
pub(super) fn write_identity(writer: &mut Writer, dial: &Dial, host: &str) {
    if !dial.from.raw.is_empty() {
        let display = if dial.from.withheld { "" } else { dial.display.as_str() };
        writer.address(Header::PAssertedIdentity, display, &format!("sip:{}@{host}", shown(&dial.from)), "");
    }
    if dial.from.withheld {
        writer.header(Header::Privacy, "id");
    }
}

fn shown(number: &Number) -> String {
    let text = number.e164.map_or_else(|| number.raw.clone(), |e164| e164.to_string());
    escaped(&text)
}

/// A user part: what may not stand there is escaped (RFC 3261 §25.1).
pub(super) fn escaped(user: &str) -> String {
    let mut text = String::with_capacity(user.len());
    for byte in user.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => text.push(char::from(byte)),
            b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' | b'+' | b'&' | b'=' | b'$' | b',' => {
                text.push(char::from(byte));
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Uri;
    use crate::ua::{LocalMedia, Target};
    use turno_base::{Direction, StationId};

    #[test]
    fn whoever_calls_what_we_show_is_an_address() {
        let rtp = "10.0.0.1:4000".parse().unwrap();
        for (raw, withheld, shown) in [
            ("612045118", false, "<sip:612045118@turno.example>"),
            ("+34612045118", false, "<sip:+34612045118@turno.example>"),
            ("+34612045118", true, "\"Anonymous\" <sip:anonymous@anonymous.invalid>"),
            ("", false, "\"Anonymous\" <sip:anonymous@anonymous.invalid>"), // From: <sip:carrier.example>
            ("6 1@2", false, "<sip:6%201%402@turno.example>"),
        ] {
            let dial = Dial {
                leg: LegId::dialled(1),
                to: Target::Station(StationId::new("desk").unwrap()),
                from: Number { raw: raw.into(), e164: raw.parse().ok(), withheld },
                display: String::new(),
                media: LocalMedia { rtp, rtcp: rtp, codecs: Vec::new(), direction: Direction::SendRecv },
                call_id: String::new(),
                headers: Vec::new(),
            };
            let value = from_value(&dial, "turno.example");
            assert_eq!(value, shown);
            let uri = NameAddr::parse(&value).map(|a| a.uri.text.to_owned());
            assert!(uri.is_some_and(|text| Uri::parse(&text).is_some()), "{value}");
        }
    }
}
