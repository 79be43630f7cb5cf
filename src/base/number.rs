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
        E164::from_digits(text.strip_prefix('+').ok_or(E164Error)?.as_bytes())
    }

    /// The same without the `+`: 3 to 15 digits, the first of them not 0.
    pub fn from_digits(given: &[u8]) -> Result<E164, E164Error> {
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
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = E164;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of + and 3 to 15 digits")
            }
            // Records are read by the million: no copy of the text is made.
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<E164, E> {
                E164::new(text).map_err(E::custom)
            }
        }
        from.deserialize_str(Visitor)
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

/// How a country writes its own numbers, as far as it takes to find the canonical form.
struct National {
    country: &'static str,
    /// Dialled before a national number and no part of it; empty: none.
    trunk: &'static str,
    /// Digits of a national number, least and most.
    digits: (usize, usize),
    /// Short codes; `x` is any digit.
    short: &'static [&'static str],
}

/// Numbering plans by country code. Italy's leading 0 belongs to the number and stays.
#[rustfmt::skip]
const NATIONAL: &[National] = &[
    National { country: "1", trunk: "1", digits: (10, 10), short: &["x11", "988"] },
    National { country: "33", trunk: "0", digits: (9, 9), short: &["112", "1x", "116xxx", "118xxx"] },
    National { country: "34", trunk: "", digits: (9, 9), short: &["112", "0xx", "116xxx", "118xx"] },
    National { country: "351", trunk: "", digits: (9, 9), short: &["112", "116xxx"] },
    National { country: "39", trunk: "", digits: (6, 11), short: &["11x", "116xxx"] },
    National { country: "44", trunk: "0", digits: (9, 10), short: &["112", "999", "111", "116xxx", "118xxx"] },
    National { country: "49", trunk: "0", digits: (6, 11), short: &["11x", "116xxx", "118xx"] },
    National { country: "51", trunk: "0", digits: (8, 9), short: &["10x", "11x"] },
    National { country: "52", trunk: "01", digits: (10, 10), short: &["911", "0xx"] },
    National { country: "54", trunk: "0", digits: (10, 11), short: &["10x", "911", "1xx"] },
    National { country: "55", trunk: "0", digits: (10, 11), short: &["1xx"] },
    National { country: "56", trunk: "", digits: (9, 9), short: &["13x", "1xx"] },
    National { country: "57", trunk: "0", digits: (10, 11), short: &["1xx"] },
    National { country: "58", trunk: "0", digits: (10, 10), short: &["171", "911"] },
    National { country: "593", trunk: "0", digits: (8, 9), short: &["911", "10x", "1xx"] },
    National { country: "598", trunk: "0", digits: (8, 8), short: &["911", "10x"] },
];

/// Area codes of Argentina that are neither `11` nor four digits long: where the mobile prefix `15` stands depends on it.
#[rustfmt::skip]
const ARGENTINA_AREA_3: &[&str] = &[
    "220", "221", "223", "230", "236", "237", "249", "260", "261", "263", "264", "266", "280", "291", "294", "297",
    "298", "299", "336", "341", "342", "343", "345", "348", "351", "353", "358", "362", "364", "370", "376", "379",
    "380", "381", "383", "385", "387", "388",
];

/// The canonical form of a number as people write it and trunks deliver it, `country` being the country code (without
/// `+`) that a national number lacks. None for extensions, withheld and unparseable numbers (rating, S2).
///
/// `+` or `00` (`011` in country 1) is international; the national trunk prefix is dropped; Argentina's
/// `0 area 15 local` becomes `54 9 area local`; a short code is country code and code.
pub fn normalise(raw: &str, country: &str) -> Option<E164> {
    let (digits, plus) = strip(raw)?;
    let digits = digits.as_str();
    if plus {
        return E164::from_digits(digits.as_bytes()).ok();
    }
    let abroad = digits.strip_prefix("00").or_else(|| digits.strip_prefix("011").filter(|_| country == "1"));
    if let Some(abroad) = abroad {
        return E164::from_digits(abroad.as_bytes()).ok();
    }
    let Some(plan) = NATIONAL.iter().find(|plan| plan.country == country) else {
        return (digits.len() >= 4).then(|| joined(country, "", digits)).flatten();
    };
    if plan.short.iter().any(|code| is_short(code, digits)) {
        return joined(country, "", digits);
    }
    if let Some((area, local)) = (country == "54").then(|| argentine_mobile(digits)).flatten() {
        return joined("549", area, local);
    }
    let fits = |text: &str| (plan.digits.0..=plan.digits.1).contains(&text.len());
    let bare = digits.strip_prefix(plan.trunk).filter(|bare| !plan.trunk.is_empty() && fits(bare)).unwrap_or(digits);
    if fits(bare) && (plan.trunk.is_empty() || !bare.starts_with('0')) {
        return joined(country, "", bare);
    }
    // Some trunks deliver the international form without any prefix.
    digits.strip_prefix(country).filter(|rest| fits(rest)).and_then(|rest| joined(country, "", rest))
}

/// Digits without what people put between them, and whether a `+` came first. The `(0)` of `+44 (0)20` is for callers
/// at home; Italy keeps its 0.
fn strip(raw: &str) -> Option<(String, bool)> {
    let raw = raw.trim();
    let (mut rest, plus) = match raw.strip_prefix('+') {
        Some(rest) => (rest, true),
        None => (raw, false),
    };
    let mut digits = String::with_capacity(20);
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("(0)")
            && !digits.is_empty()
            && (plus || digits.starts_with("00"))
        {
            if digits.trim_start_matches('0') == "39" {
                digits.push('0');
            }
            rest = after;
            continue;
        }
        match c {
            '0'..='9' if digits.len() < 20 => digits.push(c),
            ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}' | '\u{202f}' => {}
            _ => return None,
        }
        rest = rest.get(c.len_utf8()..).unwrap_or("");
    }
    (!digits.is_empty()).then_some((digits, plus))
}

fn is_short(code: &str, digits: &str) -> bool {
    code.len() == digits.len() && code.bytes().zip(digits.bytes()).all(|(c, d)| c == b'x' || c == d)
}

/// Area and local number of `[0] area 15 local`, which has twelve digits without the 0.
fn argentine_mobile(digits: &str) -> Option<(&str, &str)> {
    let bare = digits.strip_prefix('0').unwrap_or(digits);
    if bare.len() != 12 {
        return None;
    }
    let area = match bare.get(..3)? {
        three if three.starts_with("11") => 2,
        three if ARGENTINA_AREA_3.contains(&three) => 3,
        _ => 4,
    };
    Some((bare.get(..area)?, bare.get(area..)?.strip_prefix("15")?))
}

fn joined(country: &str, area: &str, local: &str) -> Option<E164> {
    let mut digits = String::with_capacity(20);
    digits.push_str(country);
    digits.push_str(area);
    digits.push_str(local);
    E164::from_digits(digits.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_as_written_finds_its_canonical_form() {
        for (raw, country, canonical) in [
            ("912 345 678", "34", "34912345678"),
            ("+34 912-345-678", "34", "34912345678"),
            ("0034912345678", "34", "34912345678"),
            ("34912345678", "34", "34912345678"), // international, but nobody wrote the prefix
            ("(91) 234.56/78", "34", "34912345678"),
            ("900123456", "34", "34900123456"),
            ("112", "34", "34112"),
            ("016", "34", "34016"),
            ("11888", "34", "3411888"),
            ("1004", "34", ""), // an extension
            ("*45", "34", ""),
            ("anonymous", "34", ""),
            ("", "34", ""),
            ("91234567", "34", ""), // a digit is missing
            ("00 44 20 7946 0000", "34", "442079460000"),
            ("+44 (0)20 7946 0000", "34", "442079460000"),
            ("0039 (0)6 6982", "34", "39066982"),
            ("06 6982 1234", "39", "390669821234"), // Italy's 0 is the subscriber's
            ("333 123 4567", "39", "393331234567"),
            ("0 11 15 2345 6789", "54", "5491123456789"),
            ("0 351 15 234 5678", "54", "5493512345678"),
            ("0 2965 15 12 3456", "54", "5492965123456"),
            ("011 4321 0000", "54", "541143210000"),
            ("0800 123 4567", "54", "548001234567"),
            ("911", "54", "54911"),
            ("01 8000 123456", "57", "5718000123456"),
            ("300 123 4567", "57", "573001234567"),
            ("0 601 234 5678", "57", "576012345678"),
            ("123", "57", "57123"),
            ("1 (212) 555-0100", "1", "12125550100"),
            ("011 34 912 345 678", "1", "34912345678"),
            ("020 7946 0000", "44", "442079460000"),
            ("12345", "999", "99912345"), // a country nobody described: the code and the digits
            ("+0349123", "34", ""),
            ("+349123456789012345678901", "34", ""),
        ] {
            let got = normalise(raw, country).map(|n| n.digits().to_owned()).unwrap_or_default();
            assert_eq!(got, canonical, "{raw:?} in {country}");
        }
    }

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
