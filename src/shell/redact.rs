//! Numbers in journals that leave the machine: replaced by others of the same length, the same number always by the same.
//!
//! Works on the bytes of messages and of serialised state alike, because lengths stay: a run of 7 to 15 digits that begins
//! like a number (after `:`, `+`, `<`, `"`, or a length byte that fits it) and ends like one is a number. What is part of a
//! word, a nonce, a branch, a tag or an SDP version is not.

use crate::shell::journal::hash64;

/// Shortest run of digits taken for a telephone number; extensions and service numbers stay.
const DIGITS_MIN: usize = 7;
const DIGITS_MAX: usize = 15;

/// Replaces numbers consistently for one export.
#[derive(Clone, Debug)]
pub struct Redactor {
    key: u64,
    secrets: Vec<Vec<u8>>,
}

impl Redactor {
    /// With a key from entropy: the same number gets the same replacement within one export only.
    pub fn new(key: u64) -> Redactor {
        Redactor { key, secrets: Vec::new() }
    }

    /// Also blanks this secret wherever it stands.
    pub fn hide(&mut self, secret: &str) {
        if secret.len() >= 3 && !self.secrets.iter().any(|known| known == secret.as_bytes()) {
            self.secrets.push(secret.as_bytes().to_vec());
        }
    }

    /// Replaces in place; no length changes.
    pub fn redact(&self, bytes: &mut [u8]) {
        let mut at = 0;
        while at < bytes.len() {
            let run = bytes[at..].iter().take_while(|b| b.is_ascii_digit()).count();
            if run == 0 {
                at += 1;
                continue;
            }
            if (DIGITS_MIN..=DIGITS_MAX).contains(&run)
                && begins_like_a_number(bytes, at, run)
                && ends_like_one(bytes, at + run)
            {
                self.replace(&mut bytes[at..at + run]);
            }
            at += run;
        }
        for secret in &self.secrets {
            blank(bytes, secret);
        }
    }

    /// Keeps two leading digits, so that a country is still recognisable, and changes the rest.
    fn replace(&self, digits: &mut [u8]) {
        let mut bits = hash64(digits) ^ self.key;
        for digit in digits.iter_mut().skip(2) {
            bits = hash64(&bits.to_le_bytes());
            *digit = b'0' + (bits % 10) as u8;
        }
    }
}

fn begins_like_a_number(bytes: &[u8], at: usize, run: usize) -> bool {
    match at.checked_sub(1).and_then(|before| bytes.get(before)) {
        Some(b':' | b'+' | b'<' | b'"') => true,
        Some(&length) => usize::from(length) == run,
        None => false,
    }
}

fn ends_like_one(bytes: &[u8], end: usize) -> bool {
    bytes.get(end).is_none_or(|b| !(b.is_ascii_alphabetic() || matches!(b, b'-' | b'.' | b'_')))
}

fn blank(bytes: &mut [u8], secret: &[u8]) {
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(secret.len()).position(|window| window == secret) {
        bytes[at + found..at + found + secret.len()].fill(b'x');
        at += found + secret.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(text: &str) -> String {
        let mut redactor = Redactor::new(1);
        redactor.hide("s3cret");
        let mut bytes = text.as_bytes().to_vec();
        redactor.redact(&mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn numbers_change_and_everything_else_stays() {
        for same in [
            "CSeq: 1234567 INVITE",
            "o=- 1234567890 1234567890 IN IP4 127.0.0.1",
            "branch=z9hG4bK-1234567-1-0",
            "nonce=\"1234567a8901234\"",
            "sip:1004@127.0.0.1",
            "Call-ID: 1-2345678@127.0.0.1",
        ] {
            assert_eq!(redacted(same), same);
        }
        for other in ["sip:34600111222@127.0.0.1", "<tel:+34600111222>", "\"600111222\"", "\u{9}600111222"] {
            let got = redacted(other);
            assert_ne!(got, other);
            assert_eq!(got.len(), other.len());
        }
        assert_eq!(redacted("sip:34600111222@a"), redacted("sip:34600111222@a"));
        assert_eq!(&redacted("sip:34600111222@a")[4..], &redacted("tel:34600111222@a")[4..]);
        assert_eq!(redacted("password s3cret"), "password xxxxxx");
    }
}
