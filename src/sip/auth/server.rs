//! Judging who asks: our challenges and the answers to them (RFC 3261 §22, RFC 7616, RFC 8760).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use turno_base::{Now, StationId};

use super::accounts::Accounts;
use super::digest::{Algorithm, Asked, Sum, response};
use super::guesses::Guesses;
use super::nonce::{Answered, Freshness, NONCE_LIFE_MAX, Nonce};
use super::uri;
use crate::config::SipConfig;
use crate::message::DigestParams;
use crate::ua::{Count, SipEffect, SipEvent};

/// Answers looked at in one request; a peer sends one per algorithm and realm that it met on the way.
const ANSWERS_MAX: usize = 8;

/// A request that needs a sender.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// Method.
    pub method: &'a str,
    /// Request-URI as written.
    pub uri: &'a str,
    /// Where it came from.
    pub source: IpAddr,
    /// REGISTER: user part of the To URI, which the digest's user must be. None elsewhere.
    pub record: Option<&'a str>,
}

/// What to do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is this account's.
    Known {
        /// The station this account is.
        station: StationId,
        /// Index in `SipConfig::accounts`.
        account: u32,
    },
    /// Answer 401 with this challenge; the same whether the user is unknown, the password wrong or nothing presented.
    Challenge(Challenged),
    /// The digest is right, the address of record another's: 403.
    NotTheirs,
}

/// A challenge to write ([`super::challenge_headers`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenged {
    /// The nonce.
    pub nonce: String,
    /// The nonce was too old, not the secret wrong: ask again without asking a person.
    pub stale: bool,
}

/// Server side of digest. Challenges leave no state; right answers do for the life of their nonce, wrong ones by source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authenticator {
    answered: Answered,
    guesses: Guesses,
    serial: u32,
}

enum Judged {
    Right { station: StationId, account: u32, theirs: bool },
    Missing,
    Stale,
    Replayed,
    NotLookedAt,
    Wrong,
}

impl Authenticator {
    /// Judges a request by its Authorization headers (`message.authorization().flatten()`).
    pub fn judge<'h>(
        &mut self,
        asking: &Asking<'_>,
        authorization: impl Iterator<Item = DigestParams<'h>>,
        accounts: &Accounts,
        config: &SipConfig,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) -> Verdict {
        let presented = authorization.take(ANSWERS_MAX).find(|given| given.realm() == Some(accounts.realm()));
        let judged = match &presented {
            None => Judged::Missing,
            Some(presented) => self.weigh(asking, presented, accounts, config, now),
        };
        let (stale, counted) = match judged {
            Judged::Right { station, account, theirs: true } => return Verdict::Known { station, account },
            Judged::Right { theirs: false, .. } => {
                out.push(SipEffect::Event(SipEvent::Counted(Count::AuthFailed)));
                return Verdict::NotTheirs;
            }
            Judged::Missing => (false, None),
            Judged::Stale => (true, None),
            Judged::Replayed => (true, Some(Count::Replayed)),
            Judged::NotLookedAt => (false, Some(Count::GuessRefused)),
            Judged::Wrong => (false, Some(Count::AuthFailed)),
        };
        let counted = counted.into_iter().chain([Count::Challenged]);
        out.extend(counted.map(|count| SipEffect::Event(SipEvent::Counted(count))));
        Verdict::Challenge(self.challenge(asking.source, stale, config, now))
    }

    /// A challenge for `source`.
    pub fn challenge(&mut self, source: IpAddr, stale: bool, config: &SipConfig, now: Now) -> Challenged {
        self.serial = self.serial.wrapping_add(1);
        let nonce = Nonce { made: now.mono, serial: self.serial };
        Challenged { nonce: nonce.text(&config.nonce_key, source), stale }
    }

    fn weigh(
        &mut self,
        asking: &Asking<'_>,
        presented: &DigestParams<'_>,
        accounts: &Accounts,
        config: &SipConfig,
        now: Now,
    ) -> Judged {
        let rules = &config.rules;
        let given = Given::read(presented).filter(|given| rules.digests.contains(&given.algorithm));
        let Some(given) = given else { return Judged::Wrong };
        let Some(nonce) = Nonce::read(given.nonce, &config.nonce_key, asking.source) else { return Judged::Stale };
        let life = rules.nonce_life.min(NONCE_LIFE_MAX);
        match self.answered.freshness(nonce, given.nc, life, now.mono) {
            Freshness::Stale => return Judged::Stale,
            Freshness::Replayed => return Judged::Replayed,
            Freshness::New => {}
        }
        if !uri::agree(given.uri, asking.uri, config) {
            return Judged::Wrong;
        }
        if !self.guesses.admits(asking.source, given.user, rules.guesses_per_minute, now.mono) {
            return Judged::NotLookedAt;
        }
        let known = accounts.find(given.user);
        let counted = Some((given.nc_text, given.cnonce));
        let asked = Asked { method: asking.method, uri: given.uri, nonce: given.nonce, counted };
        let expected = response(accounts.secret(known, given.algorithm), &asked);
        let right = Sum::from_hex(given.algorithm, given.response).is_some_and(|sum| sum.same(&expected));
        let Some(known) = known.filter(|_| right) else {
            self.guesses.on_wrong(asking.source, given.user, rules.guesses_per_minute, now.mono);
            return Judged::Wrong;
        };
        if self.answered.is_of_another(nonce, known.station) {
            return Judged::Stale;
        }
        self.answered.add(nonce, given.nc, known.station, life, now.mono);
        let theirs = asking.record.is_none_or(|record| record == given.user);
        Judged::Right { station: known.station, account: known.account, theirs }
    }

    /// Nonces and sources remembered, for the memory figures.
    pub fn remembered(&self) -> (usize, usize) {
        (self.answered.len(), self.guesses.len())
    }
}

/// What an answer must have to be looked at.
struct Given<'a> {
    user: &'a str,
    uri: &'a str,
    nonce: &'a str,
    response: &'a str,
    algorithm: Algorithm,
    nc: u32,
    nc_text: &'a str,
    cnonce: &'a str,
}

impl<'a> Given<'a> {
    /// Without `qop=auth` there is no count, and whoever overhears one answer may use it for the life of the nonce.
    fn read(presented: &'a DigestParams<'_>) -> Option<Given<'a>> {
        if !presented.qop()?.eq_ignore_ascii_case("auth") {
            return None;
        }
        Some(Given {
            user: presented.username()?,
            uri: presented.uri()?,
            nonce: presented.nonce()?,
            response: presented.response()?,
            algorithm: Algorithm::named(presented.algorithm())?,
            nc: presented.nonce_count().filter(|nc| *nc > 0)?,
            nc_text: presented.nc()?,
            cnonce: presented.cnonce().filter(|cnonce| !cnonce.is_empty())?,
        })
    }
}
