//! The arithmetic of digest authentication (RFC 7616 §3.4, RFC 8760) and the keyed hash behind our nonces (RFC 2104).

use md5::Md5;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Hash algorithms that we offer and answer, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// `MD5`, for phones that know nothing else.
    Md5,
    /// `SHA-256`.
    Sha256,
}

impl Algorithm {
    /// As in the header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
        }
    }

    /// From the header; absent means MD5 (RFC 7616 §3.3). The `-sess` forms are neither offered nor answered.
    pub fn named(text: Option<&str>) -> Option<Algorithm> {
        match text {
            None => Some(Algorithm::Md5),
            Some(name) if name.eq_ignore_ascii_case("MD5") => Some(Algorithm::Md5),
            Some(name) if name.eq_ignore_ascii_case("SHA-256") => Some(Algorithm::Sha256),
            Some(_) => None,
        }
    }

    const fn bytes(self) -> usize {
        match self {
            Algorithm::Md5 => 16,
            Algorithm::Sha256 => 32,
        }
    }
}

/// A hash: 16 bytes for MD5, 32 for SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    algorithm: Algorithm,
    // Zeros follow a shorter hash.
    bytes: [u8; 32],
}

impl std::fmt::Debug for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sum({}, …)", self.algorithm.as_str())
    }
}

impl Sum {
    /// The hash of `parts` joined by colons.
    pub fn of(algorithm: Algorithm, parts: &[&[u8]]) -> Sum {
        fn feed(mut update: impl FnMut(&[u8]), parts: &[&[u8]]) {
            for (n, part) in parts.iter().enumerate() {
                if n > 0 {
                    update(b":");
                }
                update(part);
            }
        }
        let mut bytes = [0; 32];
        match algorithm {
            Algorithm::Md5 => {
                let mut hash = Md5::new();
                feed(|part| hash.update(part), parts);
                for (to, from) in bytes.iter_mut().zip(hash.finalize()) {
                    *to = from;
                }
            }
            Algorithm::Sha256 => {
                let mut hash = Sha256::new();
                feed(|part| hash.update(part), parts);
                bytes = hash.finalize().into();
            }
        }
        Sum { algorithm, bytes }
    }

    /// From hexadecimal digits in either case; none if they are not exactly as many as the algorithm has.
    pub fn from_hex(algorithm: Algorithm, text: &str) -> Option<Sum> {
        let digits = text.as_bytes();
        if digits.len() != algorithm.bytes() * 2 {
            return None;
        }
        let mut bytes = [0; 32];
        for (to, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let [high, low] = pair else { return None };
            let value = char::from(*high).to_digit(16)? * 16 + char::from(*low).to_digit(16)?;
            *to = value as u8;
        }
        Some(Sum { algorithm, bytes })
    }

    /// Lower-case hexadecimal digits, as hashed again and sent.
    pub fn hex(&self) -> Hex {
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        let mut text = [b'0'; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.bytes) {
            if let [high, low] = pair {
                *high = DIGITS[usize::from(byte >> 4)];
                *low = DIGITS[usize::from(byte & 15)];
            }
        }
        Hex { text, len: self.algorithm.bytes() * 2 }
    }

    /// Equal, in a time that does not depend on where they differ.
    pub fn same(&self, other: &Sum) -> bool {
        same_bytes(&self.bytes, &other.bytes) && self.algorithm == other.algorithm
    }
}

/// The digits of a [`Sum`], without an allocation.
#[derive(Clone, Copy)]
pub struct Hex {
    text: [u8; 64],
    len: usize,
}

impl Hex {
    /// The digits.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.get(..self.len).unwrap_or(&self.text)
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        // Only ASCII digits get in.
        std::str::from_utf8(self.as_bytes()).unwrap_or("")
    }
}

/// `H(user:realm:password)` (RFC 7616 §3.4.2).
pub fn ha1(algorithm: Algorithm, user: &str, realm: &str, password: &str) -> Sum {
    Sum::of(algorithm, &[user.as_bytes(), realm.as_bytes(), password.as_bytes()])
}

/// What one answer to a challenge is computed over, besides the secret.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Method of the request.
    pub method: &'a str,
    /// `uri` of the answer, as written.
    pub uri: &'a str,
    /// The challenge's nonce.
    pub nonce: &'a str,
    /// Nonce count as written and client nonce, with `qop=auth`; none: the form of RFC 2069.
    pub counted: Option<(&'a str, &'a str)>,
}

/// The `response` of an answer (RFC 7616 §3.4.1).
pub fn response(ha1: &Sum, asked: &Asked<'_>) -> Sum {
    let algorithm = ha1.algorithm;
    let ha2 = Sum::of(algorithm, &[asked.method.as_bytes(), asked.uri.as_bytes()]).hex();
    let ha1 = ha1.hex();
    match asked.counted {
        Some((nc, cnonce)) => {
            let parts =
                [ha1.as_bytes(), asked.nonce.as_bytes(), nc.as_bytes(), cnonce.as_bytes(), b"auth", ha2.as_bytes()];
            Sum::of(algorithm, &parts)
        }
        None => Sum::of(algorithm, &[ha1.as_bytes(), asked.nonce.as_bytes(), ha2.as_bytes()]),
    }
}

/// HMAC-SHA-256 of `parts` one after the other (RFC 2104). Callers make the parts of fixed length or end them themselves.
pub fn keyed(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut inner_pad = [0x36; 64];
    let mut outer_pad = [0x5c; 64];
    for ((inner, outer), k) in inner_pad.iter_mut().zip(outer_pad.iter_mut()).zip(key) {
        *inner ^= k;
        *outer ^= k;
    }
    let mut inner = Sha256::new();
    inner.update(inner_pad);
    for part in parts {
        inner.update(part);
    }
    let mut outer = Sha256::new();
    outer.update(outer_pad);
    outer.update(inner.finalize());
    outer.finalize().into()
}

/// Equal, in a time that depends on the lengths alone.
pub(super) fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    let differing = a.iter().zip(b).fold(0_u8, |so_far, (a, b)| so_far | (a ^ b));
    // Keeps the compiler from leaving the fold at the first difference.
    std::hint::black_box(differing) == 0 && a.len() == b.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_the_rfcs() {
        let vectors = [
            // RFC 2617 §3.5.
            (
                Algorithm::Md5,
                "testrealm@host.com",
                "Circle Of Life",
                "dcd98b7102dd2f0e8b11d0f600bfb0c093",
                Some(("00000001", "0a4f113b")),
                "6629fae49393a05397450978507c4ef1",
            ),
            // RFC 7616 §3.9.1, both algorithms.
            (
                Algorithm::Md5,
                "http-auth@example.org",
                "Circle of Life",
                "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
                Some(("00000001", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")),
                "8ca523f5e9506fed4657c9700eebdbec",
            ),
            (
                Algorithm::Sha256,
                "http-auth@example.org",
                "Circle of Life",
                "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
                Some(("00000001", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")),
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
            // RFC 2069's example as corrected by its erratum 749: no qop.
            (
                Algorithm::Md5,
                "testrealm@host.com",
                "CircleOfLife",
                "dcd98b7102dd2f0e8b11d0f600bfb0c093",
                None,
                "1949323746fe6a43ef61f9606e7febea",
            ),
        ];
        for (algorithm, realm, password, nonce, counted, expected) in vectors {
            let ha1 = ha1(algorithm, "Mufasa", realm, password);
            let asked = Asked { method: "GET", uri: "/dir/index.html", nonce, counted };
            assert_eq!(response(&ha1, &asked).hex().as_str(), expected);
        }
    }

    #[test]
    fn the_keyed_hash_is_hmac() {
        // RFC 4231 §4.2 and §4.3; a shorter key is padded with zeros, as HMAC does itself.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let sum = Sum { algorithm: Algorithm::Sha256, bytes: keyed(&key, &[b"Hi ", b"There"]) };
        assert_eq!(sum.hex().as_str(), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        key.fill(0);
        key[..4].copy_from_slice(b"Jefe");
        let sum = Sum { algorithm: Algorithm::Sha256, bytes: keyed(&key, &[b"what do ya want for nothing?"]) };
        assert_eq!(sum.hex().as_str(), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn hex_reads_back_in_either_case_and_only_at_full_length() {
        let sum = ha1(Algorithm::Md5, "a", "b", "c");
        let text = sum.hex();
        assert!(Sum::from_hex(Algorithm::Md5, &text.as_str().to_uppercase()).unwrap().same(&sum));
        assert_eq!(Sum::from_hex(Algorithm::Sha256, text.as_str()), None);
        assert_eq!(Sum::from_hex(Algorithm::Md5, &text.as_str()[1..]), None);
        assert_eq!(Sum::from_hex(Algorithm::Md5, "zz000000000000000000000000000000"), None);
        assert_eq!(Sum::from_hex(Algorithm::Md5, "ñ00000000000000000000000000000"), None);
        assert_eq!(Sum::from_hex(Algorithm::Md5, "+f000000000000000000000000000000"), None);
    }

    #[test]
    fn equality_needs_every_byte_and_the_length() {
        for (a, b, same) in [("abc", "abc", true), ("abc", "abd", false), ("abc", "ab", false), ("", "", true)] {
            assert_eq!(same_bytes(a.as_bytes(), b.as_bytes()), same, "{a} {b}");
        }
    }
}
