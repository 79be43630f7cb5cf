//! Digest headers read: `Authorization` and `Proxy-Authorization` as presented to us, `WWW-Authenticate` and
//! `Proxy-Authenticate` as sent by trunks (RFC 7616 §3.3, §3.4; RFC 3261 §25.1).
//!
//! A parameter given twice makes the header unreadable: which of the two a peer means is a guess that smugglers win.

use std::borrow::Cow;

/// Parameters looked at in one header; more make it unreadable.
const PARAMETERS_MAX: usize = 32;

/// An answer to a challenge, as presented.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presented<'a> {
    /// `username`.
    pub user: Cow<'a, str>,
    /// `realm`.
    pub realm: Cow<'a, str>,
    /// `nonce`.
    pub nonce: Cow<'a, str>,
    /// `uri`.
    pub uri: Cow<'a, str>,
    /// `response`, hexadecimal digits.
    pub response: Cow<'a, str>,
    /// `algorithm`.
    pub algorithm: Option<Cow<'a, str>>,
    /// `qop`.
    pub qop: Option<Cow<'a, str>>,
    /// `nc` as written: eight hexadecimal digits.
    pub nc: Option<Cow<'a, str>>,
    /// `cnonce`.
    pub cnonce: Option<Cow<'a, str>>,
}

/// A challenge, as sent by a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge<'a> {
    /// `realm`.
    pub realm: Cow<'a, str>,
    /// `nonce`.
    pub nonce: Cow<'a, str>,
    /// `algorithm`.
    pub algorithm: Option<Cow<'a, str>>,
    /// `opaque`, to be returned as it is.
    pub opaque: Option<Cow<'a, str>>,
    /// `qop`: a list.
    pub qop: Option<Cow<'a, str>>,
    /// `stale=true`: the secret was right, the nonce too old.
    pub stale: bool,
}

impl<'a> Presented<'a> {
    /// Reads a header's value; none if it is not a digest with all of user, realm, nonce, uri and response.
    pub fn read(value: &'a str) -> Option<Presented<'a>> {
        let mut found = Found::default();
        read_parameters(value, &mut found)?;
        Some(Presented {
            user: found.take("username")?,
            realm: found.take("realm")?,
            nonce: found.take("nonce")?,
            uri: found.take("uri")?,
            response: found.take("response")?,
            algorithm: found.take("algorithm"),
            qop: found.take("qop"),
            nc: found.take("nc"),
            cnonce: found.take("cnonce"),
        })
    }
}

impl<'a> Challenge<'a> {
    /// Reads a header's value; none if it is not a digest with realm and nonce.
    pub fn read(value: &'a str) -> Option<Challenge<'a>> {
        let mut found = Found::default();
        read_parameters(value, &mut found)?;
        Some(Challenge {
            realm: found.take("realm")?,
            nonce: found.take("nonce")?,
            algorithm: found.take("algorithm"),
            opaque: found.take("opaque"),
            qop: found.take("qop"),
            stale: found.take("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// Whether it offers `qop=auth`.
    pub fn offers_auth(&self) -> bool {
        self.qop.as_deref().is_some_and(|list| list.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth")))
    }
}

#[derive(Default)]
struct Found<'a> {
    parameters: Vec<(&'a str, Cow<'a, str>)>,
}

impl<'a> Found<'a> {
    fn take(&mut self, name: &str) -> Option<Cow<'a, str>> {
        let (_, value) = self.parameters.iter_mut().find(|(given, _)| given.eq_ignore_ascii_case(name))?;
        Some(std::mem::take(value))
    }

    fn add(&mut self, name: &'a str, value: Cow<'a, str>) -> Option<()> {
        let twice = self.parameters.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        if twice || self.parameters.len() >= PARAMETERS_MAX {
            return None;
        }
        self.parameters.push((name, value));
        Some(())
    }
}

fn read_parameters<'a>(value: &'a str, found: &mut Found<'a>) -> Option<()> {
    let (scheme, mut rest) = value.trim_start_matches(is_space).split_once(is_space)?;
    if !scheme.eq_ignore_ascii_case("Digest") {
        return None;
    }
    found.parameters.reserve(10);
    loop {
        rest = rest.trim_start_matches(|c| is_space(c) || c == ',');
        if rest.is_empty() {
            return Some(());
        }
        let (name, after) = rest.split_once('=')?;
        let name = name.trim_end_matches(is_space);
        if name.is_empty() || !name.bytes().all(is_token) {
            return None;
        }
        let (value, after) = read_value(after.trim_start_matches(is_space))?;
        found.add(name, value)?;
        rest = after.trim_start_matches(is_space);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

/// A token, or a quoted string with its escapes taken out; and what follows.
fn read_value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| is_space(c) || c == ',').unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(end)?;
        return (!value.is_empty() && !value.contains('"')).then_some((Cow::Borrowed(value), rest));
    };
    let end = quoted.find(['"', '\\'])?;
    let (plain, rest) = quoted.split_at_checked(end)?;
    if let Some(rest) = rest.strip_prefix('"') {
        return Some((Cow::Borrowed(plain), rest));
    }
    let mut value = plain.to_owned();
    let mut chars = rest.chars();
    loop {
        match chars.next()? {
            '"' => return Some((Cow::Owned(value), chars.as_str())),
            '\\' => value.push(chars.next()?),
            other => value.push(other),
        }
    }
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_answer_is_read_with_its_odd_spacing_and_escapes() {
        let value = "digest\r\n\tusername = \"an\\\"na\" ,realm=\"r, with comma\",nonce=\"n\", uri=\"sip:x\",\
                     response=\"ab\" , algorithm=SHA-256, qop=auth,nc=00000001,, cnonce=\"c\", x-other=1";
        let read = Presented::read(value).unwrap();
        assert_eq!(
            (read.user.as_ref(), read.realm.as_ref(), read.uri.as_ref(), read.nc.as_deref(), read.qop.as_deref()),
            ("an\"na", "r, with comma", "sip:x", Some("00000001"), Some("auth"))
        );
    }

    #[test]
    fn what_is_no_digest_is_none() {
        let whole = "Digest username=\"u\",realm=\"r\",nonce=\"n\",uri=\"sip:x\",response=\"0\"";
        assert!(Presented::read(whole).is_some());
        for value in [
            "",
            "Digest",
            "Basic dTpw",
            "Digest username=\"u\"",                        // the rest is missing
            "Digest username=\"u",                          // no end
            "Digest username=\"u\\",                        // an escape of nothing
            "Digest =\"u\"",                                // no name
            "Digest username=",                             // no value
            "Digest user name=\"u\"",                       // a space in a name
            &format!("{whole} trailing"),                   // no comma
            &format!("{whole},username=\"v\""),             // twice
            &format!("{whole},{}", "a=1,b=2,".repeat(100)), // twice and too many
        ] {
            assert_eq!(Presented::read(value), None, "{value}");
        }
        let many: String = (0..40).map(|n| format!(",p{n}=1")).collect();
        assert_eq!(Presented::read(&format!("{whole}{many}")), None);
    }

    #[test]
    fn a_challenge_is_read() {
        let read = Challenge::read(
            "Digest realm=\"pbx\", nonce=\"a/b==\", algorithm=MD5, qop=\"auth-int, auth\", stale=TRUE, opaque=\"\"",
        )
        .unwrap();
        assert!(read.offers_auth() && read.stale);
        assert_eq!(read.opaque.as_deref(), Some(""));
        assert!(!Challenge::read("Digest realm=\"r\",nonce=\"n\",qop=\"auth-int\"").unwrap().offers_auth());
        assert_eq!(Challenge::read("Digest realm=\"r\""), None);
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd_to_read(text in "(Digest )?[ -~\\r\\n\\t\u{e9}\u{1f600}]{0,200}") {
            let _ = Presented::read(&text);
            let _ = Challenge::read(&text);
        }
    }
}
