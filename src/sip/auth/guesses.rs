//! Guessing made slow (A3): wrong answers are counted per source address, and past the pace a source's answers are no
//! longer looked at for a while that doubles. A right answer costs nothing, and nobody is locked out anywhere else.
//!
//! One phone with an old password must not shut out the office behind the same address, so each account has a smaller
//! allowance of its own within the address's. Entries exist only for answers over a nonce that we sent to that
//! address: whoever forges addresses never sees one, and cannot fill the table.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::Mono;

use crate::shed::{Meter, Meters, Pace, source_of};

/// Addresses remembered for their wrong answers; at the bound the one quiet for longest goes.
pub const GUESSERS_MAX: usize = 16_384;
/// Wrong answers a minute for one account from one address.
pub const GUESSES_PER_ACCOUNT_AND_MINUTE: u32 = 10;
/// First time that an address is closed; doubles each time.
const CLOSED_MIN: Duration = Duration::from_secs(10);
/// Longest time that an address is closed.
const CLOSED_MAX: Duration = Duration::from_secs(320);
/// After so long without a wrong answer an address is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(900);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Guesser {
    meter: Meter,
    last: Mono,
    open_at: Mono,
    closings: u32,
}

/// Wrong answers by source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guesses {
    by_source: BTreeMap<IpAddr, Guesser>,
    by_last: BTreeSet<(Mono, IpAddr)>,
    by_account: Meters<(IpAddr, u64)>,
}

impl Default for Guesses {
    fn default() -> Guesses {
        Guesses { by_source: BTreeMap::new(), by_last: BTreeSet::new(), by_account: Meters::new(GUESSERS_MAX as u32) }
    }
}

impl Guesses {
    /// Whether an answer for `user` from `source` may be looked at. A refusal can close the source, for longer each
    /// time.
    pub fn admits(&mut self, source: IpAddr, user: &str, per_minute: u32, now: Mono) -> bool {
        let source = source_of(source);
        if !self.by_account.has_room((source, name_hash(user)), account_pace(per_minute), now) {
            return false;
        }
        let Some(guesser) = self.by_source.get_mut(&source) else { return true };
        if now < guesser.open_at {
            return false;
        }
        if guesser.meter.has_room(Pace::most_per_minute(per_minute), now) {
            return true;
        }
        guesser.open_at = now + CLOSED_MIN.saturating_mul(1 << guesser.closings.min(16)).min(CLOSED_MAX);
        guesser.closings += 1;
        false
    }

    /// Counts an answer that was looked at and wrong.
    pub fn on_wrong(&mut self, source: IpAddr, user: &str, per_minute: u32, now: Mono) {
        let source = source_of(source);
        self.by_account.take((source, name_hash(user)), account_pace(per_minute), now);
        self.forget(now);
        let guesser = self.by_source.entry(source).or_default();
        self.by_last.remove(&(guesser.last, source));
        guesser.last = now;
        guesser.meter.take(Pace::most_per_minute(per_minute), now);
        self.by_last.insert((now, source));
    }

    /// Addresses remembered.
    pub fn len(&self) -> usize {
        self.by_source.len()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.by_source.is_empty()
    }

    fn forget(&mut self, now: Mono) {
        while let Some((last, source)) = self.by_last.first().copied() {
            if now.since(last) < FORGET_AFTER && self.by_source.len() < GUESSERS_MAX {
                return;
            }
            self.by_last.remove(&(last, source));
            self.by_source.remove(&source);
        }
    }
}

fn account_pace(per_minute: u32) -> Pace {
    Pace::most_per_minute(per_minute.min(GUESSES_PER_ACCOUNT_AND_MINUTE))
}

/// FNV-1a: two names that collide share an allowance, which harms nobody.
fn name_hash(user: &str) -> u64 {
    user.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(guesses: &mut Guesses, source: &str, user: &str, ms: u64) -> bool {
        let source = source.parse().unwrap();
        let looked_at = guesses.admits(source, user, 30, Mono::from_ms(ms));
        if looked_at {
            guesses.on_wrong(source, user, 30, Mono::from_ms(ms));
        }
        looked_at
    }

    #[test]
    fn a_thousand_guesses_a_minute_are_thirty_and_then_few() {
        let mut guesses = Guesses::default();
        let mut looked_at = Vec::new();
        for n in 0..100_000_u64 {
            let ms = n * 60;
            if guess(&mut guesses, "192.0.2.1", &format!("user{n}"), ms) {
                looked_at.push(ms);
            }
        }
        let most =
            looked_at.iter().map(|from| looked_at.iter().filter(|at| (*from..from + 60_000).contains(at)).count());
        assert!(most.max().unwrap() <= 30);
        // 100 minutes at 30 a minute would be 3,000: the back-off leaves a fraction.
        assert!((50..600).contains(&looked_at.len()), "{}", looked_at.len());
        assert_eq!(guesses.len(), 1);
    }

    #[test]
    fn one_phone_with_an_old_password_leaves_room_for_its_neighbours() {
        let mut guesses = Guesses::default();
        let tried = (0..600).filter(|n| guess(&mut guesses, "192.0.2.1", "stuck", n * 1000)).count();
        assert!(tried <= 105, "{tried}");
        assert!(guesses.admits("192.0.2.1".parse().unwrap(), "anna", 30, Mono::from_ms(600_000)));
    }

    #[test]
    fn the_owner_from_elsewhere_is_not_locked_out() {
        let mut guesses = Guesses::default();
        for n in 0..200 {
            guess(&mut guesses, "192.0.2.1", "anna", n);
            guess(&mut guesses, "192.0.2.1", &format!("u{n}"), n);
        }
        assert!(!guesses.admits("192.0.2.1".parse().unwrap(), "anna", 30, Mono::from_ms(300)));
        assert!(guesses.admits("192.0.2.2".parse().unwrap(), "anna", 30, Mono::from_ms(300)));
    }

    #[test]
    fn the_table_is_bounded_and_the_quiet_are_forgotten() {
        let mut guesses = Guesses::default();
        for n in 0..(GUESSERS_MAX as u32 + 500) {
            guess(&mut guesses, &std::net::Ipv4Addr::from_bits(0x0a00_0000 + n).to_string(), "anna", u64::from(n));
            assert!(guesses.len() <= GUESSERS_MAX);
        }
        assert_eq!(guesses.len(), GUESSERS_MAX);
        guess(&mut guesses, "192.0.2.1", "anna", 10_000_000);
        assert_eq!(guesses.len(), 1);
    }
}
