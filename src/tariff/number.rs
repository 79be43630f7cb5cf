//! From a number as it was dialled or presented to the key that rating compares (docs/reference/rating.md, S2).

use turno_base::number::normalise;

use crate::prefix::Key;

/// Countries by their two letters, for those who name one so.
const COUNTRIES: &[(&str, &str)] = &[
    ("AR", "54"),
    ("BR", "55"),
    ("CL", "56"),
    ("CO", "57"),
    ("DE", "49"),
    ("EC", "593"),
    ("ES", "34"),
    ("FR", "33"),
    ("GB", "44"),
    ("IT", "39"),
    ("MX", "52"),
    ("PE", "51"),
    ("PT", "351"),
    ("US", "1"),
    ("UY", "598"),
    ("VE", "58"),
];

/// Countries whose national trunk prefix 0 is no part of the number. Italy's 0 is the subscriber's.
const TRUNK_ZERO: &[&str] = &["33", "44", "49", "51", "54", "55", "57", "58", "593", "598"];

/// The key of a number, `country` being the country code (or its two letters) that a national number lacks. Hidden and unparseable
/// numbers have the empty key; digits that fit no known plan are taken as national, so that a rule may still price them.
pub fn key_of(raw: &str, country: &str) -> Key {
    let country = country.trim().trim_start_matches('+');
    let code =
        COUNTRIES.iter().find(|(letters, _)| letters.eq_ignore_ascii_case(country)).map_or(country, |(_, code)| code);
    let raw = bare(raw);
    match normalise(raw, code) {
        Some(number) => Key::from(number),
        None => as_national(raw, code).unwrap_or(Key::EMPTY),
    }
}

/// Without what a URI has around a number.
fn bare(raw: &str) -> &str {
    let raw = raw.trim();
    let scheme = ["sip:", "sips:", "tel:"]
        .iter()
        .find(|scheme| raw.get(..scheme.len()).is_some_and(|r| r.eq_ignore_ascii_case(scheme)));
    let Some(scheme) = scheme else { return raw };
    let rest = raw.get(scheme.len()..).unwrap_or("");
    rest.split(['@', ';']).next().unwrap_or("")
}

fn as_national(raw: &str, code: &str) -> Option<Key> {
    let separator = |c: char| matches!(c, ' ' | '-' | '.' | '(' | ')' | '/' | '\u{a0}' | '\u{202f}');
    let digits: String = raw.chars().filter(|&c| !separator(c)).collect();
    let international = digits.starts_with("00");
    if digits.is_empty() || international || !digits.bytes().chain(code.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let own = if TRUNK_ZERO.contains(&code) { digits.strip_prefix('0').unwrap_or(&digits) } else { &digits };
    Key::new(&format!("{code}{own}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_dialled_becomes_the_key_that_rules_are_compared_with() {
        for (raw, country, want, mistake) in [
            ("912 345 678", "34", "34912345678", "separators kept"),
            ("+34 912 345 678", "57", "34912345678", "the trunk's country put before an international number"),
            ("0034912345678", "57", "34912345678", "00 kept"),
            ("912345678", "ES", "34912345678", "letters of the country not known"),
            ("06012345678", "57", "576012345678", "Colombia's trunk prefix kept"),
            ("01 8000 123456", "57", "5718000123456", "the 0 taken for a trunk prefix of ten digits"),
            ("018000123456", "57", "5718000123456", "as above, without spaces"),
            ("011 15 2345-6789", "54", "5491123456789", "Argentina's 15 kept, its 9 missing"),
            ("0341 15 555 1234", "54", "5493415551234", "an area of three digits"),
            ("02965 15 12 3456", "54", "5492965123456", "an area of four digits"),
            ("0341 455 1234", "54", "543414551234", "the 9 of mobiles put into a fixed number"),
            ("112", "34", "34112", "a short code without its country"),
            ("123", "57", "57123", "a short code without its country"),
            ("06 6982 1234", "39", "390669821234", "Italy's 0 dropped"),
            ("tel:+34912345678;phone-context=x", "34", "34912345678", "a URI is no number"),
            ("sip:600111222@host", "34", "34600111222", "a URI is no number"),
            ("anonymous", "34", "", "an error"),
            ("", "34", "", "an error"),
            ("600-HELLO", "34", "", "the digits of a word taken for a number"),
            ("*45", "34", "", "a feature code rated"),
            ("7654321", "54", "547654321", "a number without its area dropped: a rule for 54 prices it"),
        ] {
            assert_eq!(key_of(raw, country).to_string(), want, "{raw:?} in {country}; naive: {mistake}");
        }
    }
}
