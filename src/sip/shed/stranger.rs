//! Strangers: sources that never, or not lately, showed a secret. They get so many challenges a second, each and
//! together, and then silence, so that a flood costs a look-up a packet and cannot be reflected (O1, A4).
//!
//! The peers of trunks that are recognised by address are no strangers; ask nothing here for them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::Mono;

use super::rate::{Meter, Meters, Pace, source_of};

/// Challenges a second for one stranger; twice as many at once.
pub const STRANGERS_PER_SECOND: u32 = 10;
/// Challenges a second for all strangers together.
pub const STRANGERS_TOTAL_PER_SECOND: u32 = 3000;
/// Challenges a second for one source that showed a secret lately: an office of phones behind one address that all
/// come back from a power cut.
pub const FRIENDS_PER_SECOND: u32 = 200;
/// Strangers metered at once; those nearest to recovery make room.
pub const STRANGERS_MAX: u32 = 65_536;
/// Sources remembered for having shown a secret; the one whose last is longest ago makes room.
pub const FRIENDS_MAX: usize = 65_536;
/// How long they are remembered: longer than a registration.
pub const FRIEND_FOR: Duration = Duration::from_secs(7200);

/// How a request without a right answer is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Welcome {
    /// Challenge it.
    Challenge,
    /// Drop it, and say nothing.
    Silence,
}

/// Who is known, and how much the others have asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strangers {
    meters: Meters<IpAddr>,
    friends_meters: Meters<IpAddr>,
    together: Meter,
    friends: BTreeMap<IpAddr, Mono>,
    by_last: BTreeSet<(Mono, IpAddr)>,
    silenced: u64,
}

impl Default for Strangers {
    fn default() -> Strangers {
        Strangers {
            meters: Meters::new(STRANGERS_MAX),
            friends_meters: Meters::new(STRANGERS_MAX),
            together: Meter::default(),
            friends: BTreeMap::new(),
            by_last: BTreeSet::new(),
            silenced: 0,
        }
    }
}

impl Strangers {
    /// Asked for each request that would be challenged, before anything else is done for it.
    pub fn welcome(&mut self, source: IpAddr, now: Mono) -> Welcome {
        let source = source_of(source);
        let admitted = if self.is_friend(source, now) {
            self.friends_meters.take(source, Pace::per_second(FRIENDS_PER_SECOND, 2 * FRIENDS_PER_SECOND), now)
        } else {
            self.meters.take(source, Pace::per_second(STRANGERS_PER_SECOND, 2 * STRANGERS_PER_SECOND), now)
                && self.together.take(Pace::per_second(STRANGERS_TOTAL_PER_SECOND, STRANGERS_TOTAL_PER_SECOND), now)
        };
        if admitted {
            return Welcome::Challenge;
        }
        self.silenced += 1;
        Welcome::Silence
    }

    /// A request from this source had a right answer.
    pub fn on_authenticated(&mut self, source: IpAddr, now: Mono) {
        let source = source_of(source);
        if let Some(before) = self.friends.insert(source, now) {
            self.by_last.remove(&(before, source));
        }
        self.by_last.insert((now, source));
        while let Some((last, oldest)) = self.by_last.first().copied() {
            if self.friends.len() <= FRIENDS_MAX && now.since(last) < FRIEND_FOR {
                return;
            }
            self.by_last.remove(&(last, oldest));
            self.friends.remove(&oldest);
        }
    }

    /// Whether this source showed a secret lately.
    pub fn is_known(&self, source: IpAddr, now: Mono) -> bool {
        self.is_friend(source_of(source), now)
    }

    /// Requests left unanswered so far.
    pub const fn silenced(&self) -> u64 {
        self.silenced
    }

    /// Strangers and friends remembered, for the memory figures.
    pub fn remembered(&self) -> (usize, usize) {
        (self.meters.len(), self.friends.len())
    }

    fn is_friend(&self, source: IpAddr, now: Mono) -> bool {
        self.friends.get(&source).is_some_and(|last| now.since(*last) < FRIEND_FOR)
    }
}
