//! By which an item counts as older than it is: a closed list, each with its reason.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::Mono;

/// Why an item counts as older than it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Credit {
    /// Waited before in another queue, a menu or with an agent who is gone.
    WaitedElsewhere,
    /// Called again soon after hanging up.
    Redial,
    /// The call dropped while an agent had it.
    Rescue,
    /// A supervisor said so.
    Bump,
    /// Agents were rung in vain: the caller does not pay for who does not answer.
    Rings,
    /// The agent who looks after this customer is not there.
    OwnerAbsent,
    /// Waited for a callback.
    Callback,
}

impl Credit {
    /// All there are.
    pub const ALL: [Credit; 7] = [
        Credit::WaitedElsewhere,
        Credit::Redial,
        Credit::Rescue,
        Credit::Bump,
        Credit::Rings,
        Credit::OwnerAbsent,
        Credit::Callback,
    ];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Credit::WaitedElsewhere => "waited-elsewhere",
            Credit::Redial => "redial",
            Credit::Rescue => "rescue",
            Credit::Bump => "bump",
            Credit::Rings => "rings",
            Credit::OwnerAbsent => "owner-absent",
            Credit::Callback => "callback",
        }
    }
}

/// How much older an item counts than it is, by reason. Credits only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credits {
    us: [u64; 7],
}

impl Credits {
    /// One credit, ms.
    pub fn of(credit: Credit, ms: u64) -> Credits {
        let mut credits = Credits::default();
        credits.add(credit, Duration::from_millis(ms));
        credits
    }

    /// Adds to one.
    pub fn add(&mut self, credit: Credit, more: Duration) {
        let us = &mut self.us[credit as usize];
        *us = us.saturating_add(u64::try_from(more.as_micros()).unwrap_or(u64::MAX));
    }

    /// Adds so much to one that who enters at `now` counts as having entered at `v`, µs; nothing if he does anyway.
    pub(crate) fn reach(&mut self, credit: Credit, v: i64, now: Mono) {
        let born = i64::try_from(now.0).unwrap_or(i64::MAX);
        let counts = born.saturating_sub(i64::try_from(self.total().as_micros()).unwrap_or(i64::MAX));
        let missing = u64::try_from(counts.saturating_sub(v)).unwrap_or(0);
        self.add(credit, Duration::from_micros(missing));
    }

    /// One of them.
    pub fn get(&self, credit: Credit) -> Duration {
        Duration::from_micros(self.us[credit as usize])
    }

    /// All together.
    pub fn total(&self) -> Duration {
        Duration::from_micros(self.us.iter().fold(0, |sum, us| sum.saturating_add(*us)))
    }

    /// Those that are not zero.
    pub fn list(&self) -> Vec<(Credit, Duration)> {
        Credit::ALL.into_iter().map(|credit| (credit, self.get(credit))).filter(|(_, much)| !much.is_zero()).collect()
    }
}
