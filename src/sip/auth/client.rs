//! Answering a trunk's challenge (RFC 3261 §22.2, §22.3): only for our own request, from the address it went to, in
//! the realm of the trunk's credentials (docs/reliability.md S4).
//!
//! The last challenge of a trunk is kept, so that the next request carries its answer at once, with the next count.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use turno_base::{Seeded, TrunkId};

use super::digest::{Algorithm, Asked, ha1, response};
use crate::config::{Cidr, Credentials, Trunk};
use crate::message::DigestParams;

/// Challenges looked at in one response.
const CHALLENGES_MAX: usize = 8;
/// Bytes of nonce, realm and opaque together that we keep of a challenge; one with more is not answered.
const CHALLENGE_BYTES_MAX: usize = 2048;

/// A response 401 or 407 to a request of ours.
#[derive(Clone, Copy, Debug)]
pub struct Challenger {
    /// 401 or 407.
    pub status: u16,
    /// Where the request went.
    pub sent_to: SocketAddr,
    /// Where the response came from.
    pub came_from: SocketAddr,
}

/// How often one request was answered for; part of the request's state. A new request begins with the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tries {
    answers: u8,
    stale_again: bool,
}

/// A header to send the request again with, under a new branch and the next CSeq.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// `Authorization` or `Proxy-Authorization`.
    pub name: &'static str,
    /// Its value.
    pub value: String,
}

/// Why a challenge is not answered; the request has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Unanswered {
    /// The trunk has no credentials.
    NoCredentials,
    /// It came neither from where the request went nor from the trunk's networks.
    OtherAddress,
    /// Another realm than the credentials'.
    OtherRealm,
    /// No challenge that we can read, of an algorithm that we know, with `qop=auth` or none.
    NotUnderstood,
    /// Answered before: the password is wrong.
    Refused,
}

/// A challenge that we answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    by_proxy: bool,
    algorithm: Algorithm,
    says_algorithm: bool,
    realm: String,
    nonce: String,
    opaque: Option<String>,
    with_qop: bool,
    // Used with `nonce` so far.
    count: u32,
}

/// Client side of digest, by trunk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrunkDigest {
    kept: BTreeMap<TrunkId, Kept>,
}

impl TrunkDigest {
    /// Answers a challenge to our request `method` `uri`, given its challenges
    /// (`message.www_authenticate().flatten()` for a 401, `proxy_authenticate()` for a 407).
    pub fn answer<'h>(
        &mut self,
        trunk: &Trunk,
        challenger: Challenger,
        challenges: impl Iterator<Item = DigestParams<'h>>,
        (method, uri): (&str, &str),
        tries: &mut Tries,
        seeded: &mut Seeded,
    ) -> Result<Answer, Unanswered> {
        let credentials = trunk.credentials.as_ref().ok_or(Unanswered::NoCredentials)?;
        let challenge = choose(trunk, credentials, challenger, challenges)?;
        // A second challenge means a wrong password, unless the nonce was merely old: that once.
        if tries.answers > 0 && (!challenge.is_stale() || tries.stale_again) {
            self.kept.remove(&trunk.id);
            return Err(Unanswered::Refused);
        }
        tries.stale_again = tries.answers > 0;
        tries.answers = tries.answers.saturating_add(1);
        let kept = Kept {
            by_proxy: challenger.status == 407,
            algorithm: Algorithm::named(challenge.algorithm()).ok_or(Unanswered::NotUnderstood)?,
            says_algorithm: challenge.algorithm().is_some(),
            with_qop: challenge.offers_qop("auth"),
            realm: challenge.realm().unwrap_or("").to_owned(),
            nonce: challenge.nonce().unwrap_or("").to_owned(),
            opaque: challenge.opaque().map(str::to_owned),
            count: 0,
        };
        let kept = self.kept.entry(trunk.id).insert_entry(kept).into_mut();
        Ok(kept.answer(credentials, method, uri, seeded))
    }

    /// The answer to put into a first request to the trunk, from the challenge it sent last; none if it sent none.
    pub fn ahead(&mut self, trunk: &Trunk, method: &str, uri: &str, seeded: &mut Seeded) -> Option<Answer> {
        let credentials = trunk.credentials.as_ref()?;
        // Without qop the server cannot tell a second use from a replay, and some refuse it.
        let kept = self.kept.get_mut(&trunk.id).filter(|kept| kept.with_qop)?;
        Some(kept.answer(credentials, method, uri, seeded))
    }
}

impl Kept {
    fn answer(&mut self, credentials: &Credentials, method: &str, uri: &str, seeded: &mut Seeded) -> Answer {
        self.count = self.count.saturating_add(1);
        let nc = format!("{:08x}", self.count);
        let cnonce = seeded.token();
        let secret = ha1(self.algorithm, &credentials.user, &self.realm, &credentials.password);
        let counted = self.with_qop.then_some((nc.as_str(), cnonce.as_str()));
        let sum = response(&secret, &Asked { method, uri, nonce: &self.nonce, counted });
        let mut value = String::with_capacity(256);
        value.push_str("Digest ");
        push_quoted(&mut value, "username", &credentials.user);
        push_quoted(&mut value, ", realm", &self.realm);
        push_quoted(&mut value, ", nonce", &self.nonce);
        push_quoted(&mut value, ", uri", uri);
        push_quoted(&mut value, ", response", sum.hex().as_str());
        if self.says_algorithm {
            value.push_str(", algorithm=");
            value.push_str(self.algorithm.as_str());
        }
        if let Some((nc, cnonce)) = counted {
            value.push_str(", qop=auth, nc=");
            value.push_str(nc);
            push_quoted(&mut value, ", cnonce", cnonce);
        }
        if let Some(opaque) = &self.opaque {
            push_quoted(&mut value, ", opaque", opaque);
        }
        Answer { name: if self.by_proxy { "Proxy-Authorization" } else { "Authorization" }, value }
    }
}

/// The strongest challenge that is for these credentials.
fn choose<'h>(
    trunk: &Trunk,
    credentials: &Credentials,
    challenger: Challenger,
    challenges: impl Iterator<Item = DigestParams<'h>>,
) -> Result<DigestParams<'h>, Unanswered> {
    let from_trunk = |net: &Cidr| net.contains(challenger.came_from.ip());
    if challenger.came_from != challenger.sent_to && !trunk.networks.iter().any(from_trunk) {
        return Err(Unanswered::OtherAddress);
    }
    let mut why_not = Unanswered::NotUnderstood;
    let usable = challenges.take(CHALLENGES_MAX).filter(|challenge| {
        let (Some(realm), Some(nonce)) = (challenge.realm(), challenge.nonce()) else { return false };
        let ours = credentials.realm.as_deref().is_none_or(|wanted| wanted == realm);
        if !ours {
            why_not = Unanswered::OtherRealm;
        }
        let sent_back = [realm, nonce, challenge.opaque().unwrap_or("")];
        let with_qop_or_none = challenge.qop().is_none() || challenge.offers_qop("auth");
        ours && with_qop_or_none
            && sent_back.iter().map(|text| text.len()).sum::<usize>() <= CHALLENGE_BYTES_MAX
            // It must not break out of our header line.
            && !sent_back.iter().any(|text| text.contains(char::is_control))
            && Algorithm::named(challenge.algorithm()).is_some()
    });
    // Of equals the first: the peer's order is its preference (RFC 8760 §2.4).
    let strongest = usable.reduce(|best, next| {
        let strength = |challenge: &DigestParams<'_>| Algorithm::named(challenge.algorithm());
        if strength(&next) > strength(&best) { next } else { best }
    });
    strongest.ok_or(why_not)
}

fn push_quoted(to: &mut String, name: &str, value: &str) {
    to.push_str(name);
    to.push_str("=\"");
    for c in value.chars() {
        if matches!(c, '"' | '\\') {
            to.push('\\');
        }
        to.push(c);
    }
    to.push('"');
}
