//! Judging who asks: our challenges and the answers to them (RFC 3261 §22, RFC 7616, RFC 8760).

use std::borrow::Cow;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use turno_base::{Now, StationId};

use super::accounts::Accounts;
use super::digest::{Algorithm, Asked, Sum, response};
use super::guesses::Guesses;
use super::header::Presented;
use super::nonce::{Answered, Freshness, Nonce};
use super::uri;
use crate::config::SipConfig;
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
    /// Judges a request by the values of its Authorization headers.
    pub fn judge<'h>(
        &mut self,
        asking: &Asking<'_>,
        authorization: impl Iterator<Item = &'h str>,
        accounts: &Accounts,
        config: &SipConfig,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) -> Verdict {
        let presented =
            authorization.take(ANSWERS_MAX).filter_map(Presented::read).find(|p| p.realm == accounts.realm());
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
        presented: &Presented<'_>,
        accounts: &Accounts,
        config: &SipConfig,
        now: Now,
    ) -> Judged {
        let rules = &config.rules;
        // Without qop there is no count, and whoever overhears one answer may use it for the life of the nonce.
        let Some((algorithm, nc, nc_text, cnonce)) = counted(presented) else { return Judged::Wrong };
        let Some(nonce) = Nonce::read(&presented.nonce, &config.nonce_key, asking.source) else { return Judged::Stale };
        match self.answered.freshness(nonce, nc, rules.nonce_life, now.mono) {
            Freshness::Stale => return Judged::Stale,
            Freshness::Replayed => return Judged::Replayed,
            Freshness::New => {}
        }
        if !uri::agree(&presented.uri, asking.uri, config) {
            return Judged::Wrong;
        }
        if !self.guesses.admits(asking.source, &presented.user, rules.guesses_per_minute, now.mono) {
            return Judged::NotLookedAt;
        }
        let known = accounts.find(&presented.user);
        let asked = Asked {
            method: asking.method,
            uri: &presented.uri,
            nonce: &presented.nonce,
            counted: Some((nc_text, cnonce)),
        };
        let expected = response(accounts.secret(known, algorithm), &asked);
        let right = Sum::from_hex(algorithm, &presented.response).is_some_and(|given| given.same(&expected));
        let Some(known) = known.filter(|_| right) else {
            self.guesses.on_wrong(asking.source, &presented.user, rules.guesses_per_minute, now.mono);
            return Judged::Wrong;
        };
        if self.answered.is_of_another(nonce, known.station) {
            return Judged::Stale;
        }
        self.answered.add(nonce, nc, known.station, rules.nonce_life, now.mono);
        let theirs = asking.record.is_none_or(|record| record == presented.user);
        Judged::Right { station: known.station, account: known.account, theirs }
    }

    /// Nonces and sources remembered, for the memory figures.
    pub fn remembered(&self) -> (usize, usize) {
        (self.answered.len(), self.guesses.len())
    }
}

/// Algorithm, nonce count (as number and text) and client nonce of an answer with `qop=auth`; none if it lacks one of them.
fn counted<'a>(presented: &'a Presented<'_>) -> Option<(Algorithm, u32, &'a str, &'a str)> {
    let algorithm = Algorithm::named(presented.algorithm.as_deref())?;
    let qop = presented.qop.as_deref()?;
    let nc_text = presented.nc.as_deref().filter(|nc| nc.len() == 8 && nc.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let nc = u32::from_str_radix(nc_text, 16).ok().filter(|nc| *nc > 0)?;
    let cnonce = presented.cnonce.as_ref().map(Cow::as_ref).filter(|cnonce| !cnonce.is_empty())?;
    qop.eq_ignore_ascii_case("auth").then_some((algorithm, nc, nc_text, cnonce))
}
