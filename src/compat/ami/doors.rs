//! Who may come in: networks, proofs of a secret, addresses that failed too often.

use std::collections::VecDeque;
use std::net::IpAddr;

use md5::{Digest, Md5};
use turno_base::Mono;

use crate::shell::config::ami::{AmiSettings, Login, Network};

/// Failed logins of one address within [`FAILURES_KEPT_US`]; after so many it is not let in.
pub(super) const FAILURES_MAX: usize = 10;
/// How long a failed login counts, µs.
pub(super) const FAILURES_KEPT_US: u64 = 60_000_000;
/// Addresses whose failures are remembered; of more the one that failed first is forgotten.
pub(super) const ADDRESSES_MAX: usize = 1024;

impl Network {
    /// Whether the address is one of it; one of IPv4 written as IPv6 counts as what it is.
    pub fn has(&self, address: IpAddr) -> bool {
        let common = |a: u128, b: u128, bits: u32| {
            let prefix = u32::from(self.prefix).min(bits);
            prefix == 0 || (a ^ b) >> (bits - prefix) == 0
        };
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => common(a.to_bits().into(), b.to_bits().into(), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => common(a.to_bits(), b.to_bits(), 128),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl AmiSettings {
    /// Anybody may log in from there.
    pub fn admits(&self, from: IpAddr) -> bool {
        self.logins.values().any(|login| login.networks.iter().any(|network| network.has(from)))
    }

    /// Who it is that gives this proof from there; whatever is wrong, nobody.
    pub fn who(&self, name: &str, from: IpAddr, proof: &Proof<'_>) -> Option<&Login> {
        let login = self.logins.get(name)?;
        let is_near = login.networks.iter().any(|network| network.has(from));
        (is_near && proof.holds(&login.secret)).then_some(login)
    }
}

/// How somebody shows that he knows the secret.
#[derive(Clone, Copy, Debug)]
pub enum Proof<'a> {
    /// The secret itself.
    Secret(&'a str),
    /// MD5 of challenge and secret, in hexadecimal digits.
    Key {
        /// What we gave him; none: nothing.
        challenge: Option<&'a str>,
        /// His answer.
        key: &'a str,
    },
}

impl Proof<'_> {
    fn holds(&self, secret: &str) -> bool {
        match self {
            Proof::Secret(given) => equal(given.as_bytes(), secret.as_bytes()),
            Proof::Key { challenge: None, .. } => false,
            Proof::Key { challenge: Some(challenge), key } => {
                let digest = Md5::new().chain_update(challenge).chain_update(secret).finalize();
                let right: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                equal(key.to_ascii_lowercase().as_bytes(), right.as_bytes())
            }
        }
    }
}

/// In a time that does not tell how much of it was right.
fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differing, (x, y)| differing | (x ^ y)) == 0
}

/// Logins that failed, by address.
#[derive(Debug, Default)]
pub(super) struct Failures {
    of: VecDeque<(IpAddr, VecDeque<Mono>)>,
}

impl Failures {
    /// One more.
    pub(super) fn add(&mut self, from: IpAddr, now: Mono) {
        let at = self.of.iter().position(|(of, _)| *of == from);
        let mut times = at.and_then(|at| self.of.remove(at)).map(|(_, times)| times).unwrap_or_default();
        times.push_back(now);
        if times.len() > FAILURES_MAX {
            times.pop_front();
        }
        self.of.push_back((from, times));
        if self.of.len() > ADDRESSES_MAX {
            self.of.pop_front();
        }
    }

    /// Too many of late: it is not let in.
    pub(super) fn bars(&self, from: IpAddr, now: Mono) -> bool {
        let times = self.of.iter().find(|(of, _)| *of == from).map(|(_, times)| times);
        let recent = |at: &&Mono| now.0.saturating_sub(at.0) < FAILURES_KEPT_US;
        times.is_some_and(|times| times.iter().filter(recent).count() >= FAILURES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::config::ami::Classes;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn networks_have_their_addresses() {
        for (network, prefix, of, has) in [
            ("127.0.0.1", 8, "127.9.9.9", true),
            ("127.0.0.1", 8, "128.0.0.1", false),
            ("10.1.0.0", 16, "::ffff:10.1.2.3", true),
            ("10.1.0.0", 16, "10.2.0.1", false),
            ("0.0.0.0", 0, "203.0.113.7", true),
            ("0.0.0.0", 0, "::1", false), // every address of IPv4 and none of IPv6
            ("fd00::", 8, "fd12::1", true),
            ("::1", 128, "::2", false),
        ] {
            assert_eq!(
                Network { address: address(network), prefix }.has(address(of)),
                has,
                "{of} in {network}/{prefix}"
            );
        }
    }

    #[test]
    fn secret_and_challenge_open_and_everything_else_does_not() {
        let login = Login {
            secret: "wallboard-secret".into(),
            read: Classes::ALL,
            write: Classes::NONE,
            networks: vec![Network { address: address("127.0.0.0"), prefix: 8 }],
        };
        let settings = AmiSettings { logins: [("wall".to_owned(), login)].into(), ..AmiSettings::default() };
        // printf 12345wallboard-secret | md5sum
        let key = "a7c1f10117fdd13918f5fb4cbb0eb3ab";
        let challenge = Some("12345");
        for (name, from, proof, opens) in [
            ("wall", "127.0.0.1", Proof::Secret("wallboard-secret"), true),
            ("wall", "127.0.0.1", Proof::Secret("wallboard-secreT"), false),
            ("wall", "127.0.0.1", Proof::Secret(""), false),
            ("wall", "10.0.0.1", Proof::Secret("wallboard-secret"), false),
            ("hall", "127.0.0.1", Proof::Secret("wallboard-secret"), false),
            ("wall", "127.0.0.1", Proof::Key { challenge, key }, true),
            ("wall", "127.0.0.1", Proof::Key { challenge: Some("12346"), key }, false),
            ("wall", "127.0.0.1", Proof::Key { challenge: None, key }, false),
            ("wall", "127.0.0.1", Proof::Key { challenge, key: "" }, false),
        ] {
            assert_eq!(settings.who(name, address(from), &proof).is_some(), opens, "{name} {from} {proof:?}");
        }
        assert!(settings.admits(address("127.0.0.9")) && !settings.admits(address("10.0.0.1")));
        assert!(!format!("{settings:?}").contains("secret"));
    }

    #[test]
    fn an_address_that_fails_too_often_is_barred_for_a_while() {
        let (mut failures, from) = (Failures::default(), address("127.0.0.1"));
        for n in 0..FAILURES_MAX {
            assert!(!failures.bars(from, Mono(n as u64)));
            failures.add(from, Mono(n as u64));
        }
        assert!(failures.bars(from, Mono(FAILURES_KEPT_US - 1)));
        assert!(!failures.bars(from, Mono(FAILURES_KEPT_US)), "the first counts no more");
        assert!(!failures.bars(address("127.0.0.2"), Mono(10)));
        for n in 0..ADDRESSES_MAX as u32 {
            failures.add(IpAddr::from(n.to_be_bytes()), Mono(20));
        }
        assert_eq!(failures.of.len(), ADDRESSES_MAX);
        assert!(!failures.bars(from, Mono(30)), "the one that failed first is forgotten");
    }
}
