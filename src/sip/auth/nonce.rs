//! Nonces that need no memory until they are answered, and the counts of those that were (RFC 7616 §3.3, §5.4).
//!
//! A nonce says when it was made and proves by a keyed hash that we made it for this source address. Only an answer
//! that was right leaves a trace: its nonce count, in a window that tells reordering from replay. At the bound the
//! oldest window goes, and with it every nonce as old as it (they become stale), so that no replay ever passes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::{Mono, StationId};

use super::digest::{keyed, same_bytes};
use crate::shed::source_of;

/// Answered nonces remembered at once; the nonces as old as the one that has to go become stale.
pub const ANSWERED_NONCES_MAX: usize = 65_536;
/// Characters of a nonce.
pub const NONCE_CHARS: usize = 32;

/// No nonce lives longer, whatever is configured (docs/reliability.md A1).
pub const NONCE_LIFE_MAX: Duration = Duration::from_secs(60);

const STAMP_BYTES: usize = 12;
const NONCE_BYTES: usize = NONCE_CHARS / 4 * 3;
const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// When a nonce was made, and which of that instant; ordered by age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Nonce {
    /// When it was made.
    pub made: Mono,
    /// Tells nonces of one instant apart.
    pub serial: u32,
}

impl Nonce {
    /// The text to send to `source`.
    pub fn text(self, key: &[u8; 32], source: IpAddr) -> String {
        let stamp = self.stamp();
        let proof = proof(key, &stamp, source);
        let mut bytes = [0; NONCE_BYTES];
        for (to, from) in bytes.iter_mut().zip(stamp.iter().chain(&proof)) {
            *to = *from;
        }
        let mut text = String::with_capacity(NONCE_CHARS);
        for group in bytes.chunks_exact(3) {
            let bits = group.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
            for shift in [18, 12, 6, 0] {
                text.push(char::from(BASE64URL[bits >> shift & 63]));
            }
        }
        text
    }

    /// Reads a nonce that came back from `source`; none if we did not make it for that address.
    pub fn read(text: &str, key: &[u8; 32], source: IpAddr) -> Option<Nonce> {
        let digits = text.as_bytes();
        if digits.len() != NONCE_CHARS {
            return None;
        }
        let mut bytes = [0; NONCE_BYTES];
        for (to, from) in bytes.chunks_exact_mut(3).zip(digits.chunks_exact(4)) {
            let bits = from.iter().try_fold(0_u32, |bits, digit| Some(bits << 6 | sextet(*digit)?))?;
            to.copy_from_slice(bits.to_be_bytes().get(1..)?);
        }
        let (stamp, given) = bytes.split_at_checked(STAMP_BYTES)?;
        let (made, serial) = stamp.split_at_checked(8)?;
        let nonce = Nonce {
            made: Mono(u64::from_be_bytes(made.try_into().ok()?)),
            serial: u32::from_be_bytes(serial.try_into().ok()?),
        };
        same_bytes(given, &proof(key, &nonce.stamp(), source)).then_some(nonce)
    }

    fn stamp(self) -> [u8; STAMP_BYTES] {
        let mut stamp = [0; STAMP_BYTES];
        for (to, from) in stamp.iter_mut().zip(self.made.0.to_be_bytes().into_iter().chain(self.serial.to_be_bytes())) {
            *to = from;
        }
        stamp
    }
}

fn proof(key: &[u8; 32], stamp: &[u8; STAMP_BYTES], source: IpAddr) -> [u8; NONCE_BYTES - STAMP_BYTES] {
    let address = match source_of(source) {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    };
    let whole = keyed(key, &[b"nonce", stamp, &address]);
    let mut proof = [0; NONCE_BYTES - STAMP_BYTES];
    for (to, from) in proof.iter_mut().zip(whole) {
        *to = from;
    }
    proof
}

fn sextet(digit: u8) -> Option<u32> {
    Some(u32::from(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    }))
}

/// Counts of one answered nonce: the highest, and which of the 63 below it were seen. UDP may swap two requests; no
/// phone swaps sixty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Window {
    station: StationId,
    highest: u32,
    // Bit n: highest - n was seen.
    seen: u64,
}

impl Window {
    fn is_new(&self, nc: u32) -> bool {
        match self.highest.checked_sub(nc) {
            None => true,
            Some(back) if back < 64 => self.seen >> back & 1 == 0,
            Some(_) => false,
        }
    }

    fn add(&mut self, nc: u32) {
        match nc.checked_sub(self.highest) {
            Some(0) | None => self.seen |= 1_u64.checked_shl(self.highest - nc.min(self.highest)).unwrap_or(0),
            Some(ahead) => {
                self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
                self.highest = nc;
            }
        }
    }
}

/// How an answer's nonce and count stand to those seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Not seen before.
    New,
    /// Too old, made in the future, or answered by another account.
    Stale,
    /// This count was used.
    Replayed,
}

/// The answered nonces that still live.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    windows: BTreeMap<Nonce, Window>,
    // Nonces made until then are stale: their windows may have gone.
    forgotten: Option<Mono>,
}

impl Answered {
    /// Judges an answer before its secret is looked at. `nc` is 1 at least.
    pub fn freshness(&self, nonce: Nonce, nc: u32, life: Duration, now: Mono) -> Freshness {
        if nonce.made > now || now.since(nonce.made) > life || self.forgotten.is_some_and(|until| nonce.made <= until) {
            return Freshness::Stale;
        }
        match self.windows.get(&nonce) {
            Some(window) if !window.is_new(nc) => Freshness::Replayed,
            Some(_) | None => Freshness::New,
        }
    }

    /// Whether another account answered this nonce before.
    pub fn is_of_another(&self, nonce: Nonce, station: StationId) -> bool {
        self.windows.get(&nonce).is_some_and(|window| window.station != station)
    }

    /// Remembers an answer that was right.
    pub fn add(&mut self, nonce: Nonce, nc: u32, station: StationId, life: Duration, now: Mono) {
        while let Some(oldest) = self.windows.first_entry() {
            let made = oldest.key().made;
            if now.since(made) <= life {
                break;
            }
            oldest.remove();
        }
        if let Some(window) = self.windows.get_mut(&nonce) {
            window.add(nc);
            return;
        }
        if self.windows.len() >= ANSWERED_NONCES_MAX
            && let Some((oldest, _)) = self.windows.pop_first()
        {
            self.forgotten = self.forgotten.max(Some(oldest.made));
        }
        self.windows.insert(nonce, Window { station, highest: nc, seen: 1 });
    }

    /// Nonces remembered.
    pub fn len(&self) -> usize {
        self.windows.len()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 32] = [7; 32];
    const LIFE: Duration = Duration::from_secs(60);

    fn station(name: &str) -> StationId {
        StationId::new(name).unwrap()
    }

    #[test]
    fn a_nonce_is_ours_only_for_its_address_key_and_time() {
        let here: IpAddr = "192.0.2.1".parse().unwrap();
        let nonce = Nonce { made: Mono::from_ms(1234), serial: 9 };
        let text = nonce.text(&KEY, here);
        assert_eq!(text.len(), NONCE_CHARS);
        assert_eq!(Nonce::read(&text, &KEY, here), Some(nonce));
        assert_eq!(Nonce::read(&text, &KEY, "::ffff:192.0.2.1".parse().unwrap()), Some(nonce));
        assert_eq!(Nonce::read(&text, &KEY, "192.0.2.2".parse().unwrap()), None);
        assert_eq!(Nonce::read(&text, &[8; 32], here), None);
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(Nonce::read(std::str::from_utf8(&changed).unwrap(), &KEY, here), None, "byte {at}");
        }
        for odd in ["", "x", "ññññññññññññññññ", "================================"] {
            assert_eq!(Nonce::read(odd, &KEY, here), None);
        }
    }

    #[test]
    fn a_nonce_lives_its_time_and_not_longer() {
        let answered = Answered::default();
        let nonce = Nonce { made: Mono::from_ms(1000), serial: 0 };
        for (ms, expected) in
            [(999, Freshness::Stale), (1000, Freshness::New), (61_000, Freshness::New), (61_001, Freshness::Stale)]
        {
            assert_eq!(answered.freshness(nonce, 1, LIFE, Mono::from_ms(ms)), expected, "{ms}");
        }
    }

    #[test]
    fn at_the_bound_the_oldest_go_and_can_still_not_be_replayed() {
        let mut answered = Answered::default();
        let anna = station("anna");
        let nonce = |n: u64| Nonce { made: Mono(n), serial: 0 };
        let now = Mono::from_ms(100);
        for n in 0..(ANSWERED_NONCES_MAX as u64 + 10) {
            answered.add(nonce(n), 1, anna, LIFE, now);
        }
        assert_eq!(answered.len(), ANSWERED_NONCES_MAX);
        assert_eq!(answered.freshness(nonce(5), 1, LIFE, now), Freshness::Stale, "forgotten, so not accepted again");
        assert_eq!(answered.freshness(nonce(50), 1, LIFE, now), Freshness::Replayed);
        assert_eq!(answered.freshness(nonce(50), 2, LIFE, now), Freshness::New);
        answered.add(nonce(61_000_000), 1, anna, LIFE, Mono::from_ms(61_000));
        assert_eq!(answered.len(), 1, "the expired have gone");
        assert!(answered.is_of_another(nonce(61_000_000), station("boris")));
    }

    proptest! {
        #[test]
        fn no_count_passes_twice(counts in prop::collection::vec(1_u32..200, 1..300)) {
            let mut answered = Answered::default();
            let nonce = Nonce { made: Mono(0), serial: 0 };
            let mut used = BTreeSet::new();
            for nc in counts {
                let highest = used.last().copied().unwrap_or(0);
                match answered.freshness(nonce, nc, LIFE, Mono(1)) {
                    Freshness::New => {
                        answered.add(nonce, nc, station("anna"), LIFE, Mono(1));
                        prop_assert!(used.insert(nc), "{} passed twice", nc);
                    }
                    Freshness::Replayed => prop_assert!(used.contains(&nc) || nc + 64 <= highest),
                    Freshness::Stale => prop_assert!(false),
                }
            }
        }
    }
}
