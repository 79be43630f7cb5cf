//! Telephone numbers: [`E164`] where canonical, [`Number`] as a party presented it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Canonical number: 3 to 15 digits, printed with `+` (ITU-T E.164 §6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct E164 {
    digits: [u8; 15],
}

/// Not `+` and 3 to 15 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct E164Error;

impl E164 {
    /// Parses `+` followed by 3 to 15 digits, the first of them not 0. Spaces, dots and dashes are for people: the
    /// edge strips them (`sip`, imports) before it comes here.
    pub fn new(text: &str) -> Result<E164, E164Error> {
        let given = text.strip_prefix('+').ok_or(E164Error)?.as_bytes();
        if given.len() < 3 || given.first() == Some(&b'0') || !given.iter().all(u8::is_ascii_digit) {
            return Err(E164Error);
        }
        let mut digits = [0; 15];
        digits.get_mut(..given.len()).ok_or(E164Error)?.copy_from_slice(given);
        Ok(E164 { digits })
    }

    /// The digits without `+`.
    pub fn digits(&self) -> &str {
        let len = self.digits.iter().position(|&b| b == 0).unwrap_or(15);
        std::str::from_utf8(&self.digits[..len]).unwrap_or("")
    }
}

impl FromStr for E164 {
    type Err = E164Error;
    fn from_str(text: &str) -> Result<E164, E164Error> {
        E164::new(text)
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.digits())
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for E164Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number is '+' and 3 to 15 digits, the country code first")
    }
}

impl std::error::Error for E164Error {}

impl Serialize for E164 {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for E164 {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<E164, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A number as a party or the network gave it, with its canonical form where it has one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Number {
    /// The user part as received; empty if withheld.
    pub raw: String,
    /// Canonical form; none for extensions, withheld and unparseable numbers.
    pub e164: Option<E164>,
    /// The network was asked not to show it (RFC 3323, RFC 3325).
    pub withheld: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_numbers_are_e164() {
        for (text, ok) in [
            ("+34912345678", true),
            ("+112", true),
            ("34912345678", false),
            ("+0349123", false),
            ("+1234567890123456", false), // 16 digits
            ("+12", false),
            ("+34 912", false),
            ("", false),
        ] {
            assert_eq!(E164::new(text).is_ok(), ok, "{text}");
        }
        assert_eq!(E164::new("+123456789012345").unwrap().to_string(), "+123456789012345");
    }
}
