//! Official ids with check digits: DNI, NIE and CIF (Spain), NIT (Colombia), CUIT (Argentina), RFC (Mexico), RUT (Chile).
//!
//! An id with a wrong digit is refused where it comes in, so that two customers whose ids differ are two customers.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits::TEXT_BYTES_MAX;

/// Who issues an id, and so how it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdKind {
    /// Spain, citizens: eight digits and a letter.
    Dni,
    /// Spain, foreigners: X, Y or Z, seven digits and a letter.
    Nie,
    /// Spain, companies: a letter, seven digits, and a digit or letter.
    Cif,
    /// Colombia: digits, the last one a check digit.
    Nit,
    /// Argentina: eleven digits (CUIT and CUIL).
    Cuit,
    /// Mexico: twelve (company) or thirteen (person) characters.
    Rfc,
    /// Chile: digits and a digit or K.
    Rut,
    /// Anything without a check digit that we know: a passport, a number of another system. Proves nothing.
    Other,
}

impl IdKind {
    /// Every kind.
    pub const ALL: [IdKind; 8] =
        [IdKind::Dni, IdKind::Nie, IdKind::Cif, IdKind::Nit, IdKind::Cuit, IdKind::Rfc, IdKind::Rut, IdKind::Other];

    /// The word in files and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            IdKind::Dni => "dni",
            IdKind::Nie => "nie",
            IdKind::Cif => "cif",
            IdKind::Nit => "nit",
            IdKind::Cuit => "cuit",
            IdKind::Rfc => "rfc",
            IdKind::Rut => "rut",
            IdKind::Other => "other",
        }
    }

    /// Ids of kinds with the same issuer exclude each other: one has a DNI or a NIE or a CIF.
    pub const fn issuer(self) -> Option<&'static str> {
        match self {
            IdKind::Dni | IdKind::Nie | IdKind::Cif => Some("ES"),
            IdKind::Nit => Some("CO"),
            IdKind::Cuit => Some("AR"),
            IdKind::Rfc => Some("MX"),
            IdKind::Rut => Some("CL"),
            IdKind::Other => None,
        }
    }
}

/// An id, checked, without the dots and dashes that people write.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PersonalId {
    kind: IdKind,
    text: String,
}

/// Why a text is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdFault {
    /// It does not look like one of this kind.
    Form,
    /// The check digit should be this one.
    CheckDigit(char),
    /// Shared by everybody without one, such as XAXX010101000: it names nobody.
    Generic,
}

impl fmt::Display for IdFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IdFault::Form => f.write_str("does not look like one"),
            IdFault::CheckDigit(right) => {
                write!(f, "has a wrong digit: with the others as they are it ends in {right}")
            }
            IdFault::Generic => f.write_str("is the one that everybody without an id gets; leave it empty"),
        }
    }
}

impl std::error::Error for IdFault {}

impl PersonalId {
    /// Checks `text`, written with or without dots, dashes and spaces.
    pub fn new(kind: IdKind, text: &str) -> Result<PersonalId, IdFault> {
        let text = plain(text);
        if text.is_empty() || text.len() > TEXT_BYTES_MAX {
            return Err(IdFault::Form);
        }
        match kind {
            IdKind::Dni => ends_in(&text, dni(&text))?,
            IdKind::Nie => ends_in(&text, nie(&text))?,
            IdKind::Cif => cif(&text)?,
            IdKind::Nit => ends_in(&text, nit(&text))?,
            IdKind::Cuit => ends_in(&text, cuit(&text)?)?,
            IdKind::Rfc => {
                if matches!(text.as_str(), "XAXX010101000" | "XEXX010101000") {
                    return Err(IdFault::Generic);
                }
                ends_in(&text, rfc(&text))?;
            }
            IdKind::Rut => ends_in(&text, rut(&text))?,
            IdKind::Other => {}
        }
        Ok(PersonalId { kind, text })
    }

    /// The kind of which `text` is a valid id, if the form says so without doubt: a NIT, CUIT or RUT is digits and could be
    /// another country's, so these must be named.
    pub fn recognise(text: &str) -> Option<PersonalId> {
        [IdKind::Dni, IdKind::Nie, IdKind::Cif, IdKind::Rfc].iter().find_map(|&kind| PersonalId::new(kind, text).ok())
    }

    /// Who issued it.
    pub fn kind(&self) -> IdKind {
        self.kind
    }

    /// Letters and digits, capitals.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for PersonalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether two customers' ids prove that they are two: the same issuer gave both one, and none is the same.
pub fn prove_different(a: &[PersonalId], b: &[PersonalId]) -> bool {
    let checked = |ids: &'_ [PersonalId]| ids.iter().any(|id| id.kind.issuer().is_some());
    if !checked(a) || !checked(b) {
        return false;
    }
    let mut differ = false;
    for one in a.iter().filter(|id| id.kind.issuer().is_some()) {
        for other in b.iter().filter(|id| id.kind.issuer() == one.kind.issuer()) {
            if one.text == other.text {
                return false;
            }
            differ = true;
        }
    }
    differ
}

/// Capitals, without what people put between; `&` and Ñ are part of an RFC.
fn plain(text: &str) -> String {
    text.chars().flat_map(char::to_uppercase).filter(|c| c.is_ascii_alphanumeric() || matches!(c, '&' | 'Ñ')).collect()
}

fn ends_in(text: &str, right: Option<char>) -> Result<(), IdFault> {
    let right = right.ok_or(IdFault::Form)?;
    if text.ends_with(right) { Ok(()) } else { Err(IdFault::CheckDigit(right)) }
}

fn digits(text: &str) -> Option<u64> {
    if text.is_empty() || text.len() > 18 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// `text` without its last character, which is of one byte.
fn body(text: &str) -> Option<&str> {
    text.get(..text.len().checked_sub(1)?)
}

fn letter_of(number: u64) -> Option<char> {
    "TRWAGMYFPDXBNJZSQVHLCKE".chars().nth((number % 23) as usize)
}

fn dni(text: &str) -> Option<char> {
    let body = body(text).filter(|body| body.len() == 8)?;
    letter_of(digits(body)?)
}

fn nie(text: &str) -> Option<char> {
    let body = body(text).filter(|body| body.len() == 8)?;
    let first = match body.as_bytes().first()? {
        b'X' => 0,
        b'Y' => 10_000_000,
        b'Z' => 20_000_000,
        _ => return None,
    };
    letter_of(first + digits(body.get(1..)?)?)
}

/// Public bodies, foundations and foreign companies end in a letter, limited companies in a digit, others in either.
fn cif(text: &str) -> Result<(), IdFault> {
    let kind = text.chars().next().filter(|c| "ABCDEFGHJKLMNPQRSUVW".contains(*c)).ok_or(IdFault::Form)?;
    let middle = text.get(1..8).filter(|_| text.len() == 9).ok_or(IdFault::Form)?;
    digits(middle).ok_or(IdFault::Form)?;
    let sum: u32 = middle.bytes().enumerate().fold(0, |sum, (at, byte)| {
        let digit = u32::from(byte - b'0') * if at % 2 == 0 { 2 } else { 1 };
        sum + digit / 10 + digit % 10
    });
    let check = (10 - sum % 10) % 10;
    let digit = char::from_digit(check, 10).ok_or(IdFault::Form)?;
    let letter = "JABCDEFGHI".chars().nth(check as usize).ok_or(IdFault::Form)?;
    let last = text.chars().last().ok_or(IdFault::Form)?;
    let (right, fits) = match kind {
        'K' | 'P' | 'Q' | 'R' | 'S' | 'N' | 'W' => (letter, last == letter),
        'A' | 'B' | 'E' | 'H' => (digit, last == digit),
        _ => (digit, last == digit || last == letter),
    };
    if fits { Ok(()) } else { Err(IdFault::CheckDigit(right)) }
}

/// Sum of digits times weights, the last digit first.
fn weighted(body: &str, weights: impl Iterator<Item = u64>) -> Option<u64> {
    digits(body)?;
    Some(body.bytes().rev().zip(weights).map(|(byte, weight)| u64::from(byte - b'0') * weight).sum())
}

fn nit(text: &str) -> Option<char> {
    const WEIGHTS: [u64; 15] = [3, 7, 13, 17, 19, 23, 29, 37, 41, 43, 47, 53, 59, 67, 71];
    let body = body(text).filter(|body| (5..=15).contains(&body.len()))?;
    let rest = weighted(body, WEIGHTS.into_iter())? % 11;
    char::from_digit(if rest < 2 { rest as u32 } else { 11 - rest as u32 }, 10)
}

fn cuit(text: &str) -> Result<Option<char>, IdFault> {
    let Some(body) = body(text).filter(|body| body.len() == 10) else { return Ok(None) };
    let known = ["20", "23", "24", "25", "26", "27", "30", "33", "34"];
    if !known.contains(&body.get(..2).unwrap_or("")) {
        return Ok(None);
    }
    let Some(sum) = weighted(body, [2, 3, 4, 5, 6, 7, 2, 3, 4, 5].into_iter()) else { return Ok(None) };
    match 11 - sum % 11 {
        11 => Ok(Some('0')),
        // The office gives such a person another first pair of digits.
        10 => Err(IdFault::Form),
        check => Ok(char::from_digit(check as u32, 10)),
    }
}

fn rfc(text: &str) -> Option<char> {
    const ORDER: &str = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ";
    let chars: Vec<char> = text.chars().collect();
    let letters = match chars.len() {
        12 => 3,
        13 => 4,
        _ => return None,
    };
    let date: String = chars.get(letters..letters + 6)?.iter().collect();
    let (month, day) = (digits(date.get(2..4)?)?, digits(date.get(4..6)?)?);
    let is_letter = |c: &char| c.is_ascii_uppercase() || matches!(c, '&' | 'Ñ');
    if digits(&date).is_none() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    if !chars.get(..letters)?.iter().all(is_letter) {
        return None;
    }
    // A company's id is one shorter: a space stands before it.
    let padded = std::iter::repeat_n(' ', 13 - chars.len()).chain(chars.iter().copied());
    let mut sum = 0;
    for (c, weight) in padded.take(12).zip((2..=13_usize).rev()) {
        sum += ORDER.chars().position(|o| o == c)? * weight;
    }
    match 11 - sum % 11 {
        11 => Some('0'),
        10 => Some('A'),
        check => char::from_digit(check as u32, 10),
    }
}

fn rut(text: &str) -> Option<char> {
    let body = body(text).filter(|body| (6..=8).contains(&body.len()))?;
    match 11 - weighted(body, [2, 3, 4, 5, 6, 7].into_iter().cycle())? % 11 {
        11 => Some('0'),
        10 => Some('K'),
        check => char::from_digit(check as u32, 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Ids that their issuers or the companies themselves publish, and each with one digit changed.
    #[test]
    fn check_digits_of_published_ids() {
        use IdKind::{Cif, Cuit, Dni, Nie, Nit, Other, Rfc, Rut};
        for (kind, text, want) in [
            (Dni, "12345678Z", "12345678Z"),
            (Dni, "12.345.678-z", "12345678Z"),
            (Dni, "00000000T", "00000000T"),
            (Dni, "54362315K", "54362315K"),
            (Dni, "12345678A", "has a wrong digit: with the others as they are it ends in Z"),
            (Dni, "1234567Z", "does not look like one"),
            (Nie, "X-1234567-L", "X1234567L"),
            (Nie, "Y0000000Z", "Y0000000Z"),
            (Nie, "Z8078221M", "Z8078221M"),
            (Nie, "X2482300A", "has a wrong digit: with the others as they are it ends in W"),
            (Nie, "W2482300W", "does not look like one"),
            (Cif, "A-28015865", "A28015865"),
            (Cif, "A58818501", "A58818501"),
            (Cif, "B83705244", "B83705244"),
            (Cif, "J99216582", "J99216582"),
            (Cif, "Q2826000H", "Q2826000H"), // a public body: a letter
            (Cif, "P2807900B", "P2807900B"),
            (Cif, "Q28260008", "has a wrong digit: with the others as they are it ends in H"),
            (Cif, "J99216583", "has a wrong digit: with the others as they are it ends in 2"),
            (Cif, "I28015865", "does not look like one"),
            (Nit, "860.002.964-4", "8600029644"),
            (Nit, "890903938-8", "8909039388"),
            (Nit, "899999068-1", "8999990681"),
            (Nit, "800197268-4", "8001972684"),
            (Nit, "213123432-1", "2131234321"),
            (Nit, "213123432-2", "has a wrong digit: with the others as they are it ends in 1"),
            (Nit, "12-3", "does not look like one"),
            (Cuit, "20-12345678-6", "20123456786"),
            (Cuit, "30-50001091-2", "30500010912"),
            (Cuit, "33-69345023-9", "33693450239"),
            (Cuit, "20-05536168-2", "20055361682"),
            (Cuit, "20-12345678-5", "has a wrong digit: with the others as they are it ends in 6"),
            (Cuit, "21-12345678-6", "does not look like one"),
            (Rfc, "GODE 561231 GR8", "GODE561231GR8"),
            (Rfc, "SAT970701NN3", "SAT970701NN3"), // a company: twelve
            (Rfc, "GODE561231GR7", "has a wrong digit: with the others as they are it ends in 8"),
            (Rfc, "GODE561331GR8", "does not look like one"), // month 13
            (Rfc, "XAXX010101000", "is the one that everybody without an id gets; leave it empty"),
            (Rut, "12.678.579-8", "126785798"),
            (Rut, "76.086.428-5", "760864285"),
            (Rut, "60.803.000-k", "60803000K"),
            (Rut, "12531909-3", "has a wrong digit: with the others as they are it ends in 2"),
            (Other, "AB 12/34", "AB1234"),
            (Other, " - ", "does not look like one"),
        ] {
            let got = PersonalId::new(kind, text).map_or_else(|fault| fault.to_string(), |id| id.to_string());
            assert_eq!(got, want, "{} {text:?}", kind.as_str());
        }
    }

    #[test]
    fn a_form_that_only_one_country_has_is_recognised() {
        for (text, want) in [
            ("12345678Z", Some(IdKind::Dni)),
            ("X1234567L", Some(IdKind::Nie)),
            ("A28015865", Some(IdKind::Cif)),
            ("GODE561231GR8", Some(IdKind::Rfc)),
            ("8600029644", None),
            ("12345678A", None),
        ] {
            assert_eq!(PersonalId::recognise(text).map(|id| id.kind()), want, "{text}");
        }
    }

    #[test]
    fn ids_of_one_issuer_prove_that_two_are_two() {
        let id = |kind, text| PersonalId::new(kind, text).unwrap();
        let (dni, nie) = (id(IdKind::Dni, "12345678Z"), id(IdKind::Nie, "X1234567L"));
        let (rut, pass) = (id(IdKind::Rut, "12678579-8"), id(IdKind::Other, "P1"));
        for (a, b, want) in [
            (vec![dni.clone()], vec![nie.clone()], true),
            (vec![dni.clone()], vec![dni.clone()], false),
            (vec![dni.clone()], vec![nie.clone(), dni.clone()], false), // a foreigner who became a citizen
            (vec![dni.clone()], vec![rut], false),
            (vec![dni.clone()], vec![pass.clone()], false),
            (vec![pass], vec![id(IdKind::Other, "P2")], false),
            (vec![dni], vec![], false),
        ] {
            assert_eq!((prove_different(&a, &b), prove_different(&b, &a)), (want, want), "{a:?} {b:?}");
        }
    }

    proptest! {
        /// What a check digit is for: one wrong digit is always noticed. (Not so in a NIT, where two remainders give 1.)
        #[test]
        fn one_wrong_digit_is_noticed(number in 10_000_000_u64..99_999_999, at in 0_usize..8, other in 1_u8..10) {
            for (kind, text) in [
                (IdKind::Dni, number.to_string() + &letter_of(number).unwrap().to_string()),
                (IdKind::Rut, format!("{number}{}", rut(&format!("{number}0")).unwrap())),
            ] {
                prop_assert!(PersonalId::new(kind, &text).is_ok());
                let mut bytes = text.into_bytes();
                bytes[at] = b'0' + (bytes[at] - b'0' + other) % 10;
                prop_assert!(PersonalId::new(kind, &String::from_utf8(bytes).unwrap()).is_err());
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,20}") {
            IdKind::ALL.iter().for_each(|&kind| drop(PersonalId::new(kind, &text)));
        }
    }
}
