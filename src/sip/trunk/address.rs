//! One address of a trunk: good, or in quarantine until probes or time clear it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::Mono;

use crate::config::Resolved;

/// Addresses of one trunk; the worst of more are left out.
pub const ADDRESSES_MAX: usize = 16;
/// How long an answer to a probe may take.
pub const PROBE_WAIT: Duration = Duration::from_secs(2);
/// From a missed probe, or the first answer of a dead address, to the next probe.
pub const PROBE_AGAIN: Duration = Duration::from_secs(1);
/// Probes without an answer, in a row, that put an address into quarantine.
pub const PROBE_MISSES_MAX: u8 = 2;
/// Answers in a row that take it out again.
pub const PROBE_ANSWERS_MIN: u8 = 2;
/// How long an address that failed a request is left alone, where no probe clears it.
pub const QUARANTINE: Duration = Duration::from_secs(30);
/// Longest quarantine that a Retry-After can ask for.
pub const QUARANTINE_MAX: Duration = Duration::from_secs(300);

/// Whether requests go there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AddressState {
    /// They do, though no probe has been answered yet; so many in a row were missed.
    Untried {
        /// In a row.
        missed: u8,
    },
    /// They do; so many probes in a row were missed.
    Good {
        /// In a row.
        missed: u8,
    },
    /// They do not, unless all addresses are there.
    Quarantined {
        /// Probes answered in a row.
        answered: u8,
        /// Without probes, good again from then on.
        until: Mono,
    },
}

impl AddressState {
    /// Requests go there.
    pub const fn is_good(self) -> bool {
        match self {
            AddressState::Untried { .. } | AddressState::Good { .. } => true,
            AddressState::Quarantined { .. } => false,
        }
    }

    /// Whether it answers; none: it has not been heard of yet.
    pub(super) const fn answers(self) -> Option<bool> {
        match self {
            AddressState::Untried { .. } => None,
            AddressState::Good { .. } => Some(true),
            AddressState::Quarantined { .. } => Some(false),
        }
    }

    pub(super) fn on_answer(self) -> AddressState {
        match self {
            AddressState::Untried { .. } | AddressState::Good { .. } => AddressState::Good { missed: 0 },
            AddressState::Quarantined { answered, .. } if answered + 1 >= PROBE_ANSWERS_MIN => {
                AddressState::Good { missed: 0 }
            }
            AddressState::Quarantined { answered, until } => {
                AddressState::Quarantined { answered: answered + 1, until }
            }
        }
    }

    pub(super) fn on_miss(self, now: Mono) -> AddressState {
        match self {
            AddressState::Untried { missed } if missed + 1 < PROBE_MISSES_MAX => {
                AddressState::Untried { missed: missed + 1 }
            }
            AddressState::Good { missed } if missed + 1 < PROBE_MISSES_MAX => AddressState::Good { missed: missed + 1 },
            AddressState::Untried { .. } | AddressState::Good { .. } | AddressState::Quarantined { .. } => {
                AddressState::Quarantined { answered: 0, until: now + QUARANTINE }
            }
        }
    }

    pub(super) fn on_failure(self, retry_after: Option<Duration>, now: Mono) -> AddressState {
        let until = now + retry_after.unwrap_or(QUARANTINE).min(QUARANTINE_MAX);
        match self {
            AddressState::Untried { .. } | AddressState::Good { .. } | AddressState::Quarantined { .. } => {
                AddressState::Quarantined { answered: 0, until }
            }
        }
    }

    /// Time clears an address that is not probed.
    pub(super) fn on_time(self, is_probed: bool, now: Mono) -> AddressState {
        match self {
            AddressState::Quarantined { until, .. } if !is_probed && until <= now => AddressState::Good { missed: 0 },
            AddressState::Untried { .. } | AddressState::Good { .. } | AddressState::Quarantined { .. } => self,
        }
    }
}

/// An address with its probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Address {
    pub(super) to: Resolved,
    pub(super) state: AddressState,
    pub(super) probing: Probing,
}

/// Where an address is in the round of its probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Probing {
    /// Not probed.
    Off,
    /// The next goes out then.
    Next(Mono),
    /// One is out; missed from then on.
    Awaited(Mono),
}

impl Address {
    pub(super) fn new(to: Resolved, is_probed: bool, now: Mono) -> Address {
        // Of what is not probed nothing else will ever be known.
        let (state, probing) = match is_probed {
            true => (AddressState::Untried { missed: 0 }, Probing::Next(now)),
            false => (AddressState::Good { missed: 0 }, Probing::Off),
        };
        Address { to, state, probing }
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        match (self.probing, self.state) {
            (Probing::Next(at) | Probing::Awaited(at), _) => Some(at),
            (Probing::Off, AddressState::Quarantined { until, .. }) => Some(until),
            (Probing::Off, AddressState::Untried { .. } | AddressState::Good { .. }) => None,
        }
    }

    /// What was known is old: it is asked at once.
    pub(super) fn on_restart(&mut self, now: Mono) {
        self.probing = match self.probing {
            Probing::Off => Probing::Off,
            Probing::Next(_) | Probing::Awaited(_) => Probing::Next(now),
        };
    }

    /// What is due; true: a probe goes out now.
    pub(super) fn on_deadline(&mut self, every: Option<Duration>, now: Mono) -> bool {
        self.state = self.state.on_time(every.is_some(), now);
        match self.probing {
            Probing::Awaited(until) if until <= now => {
                self.state = self.state.on_miss(now);
                self.rest(every, now);
                false
            }
            Probing::Next(at) if at <= now => {
                self.probing = Probing::Awaited(now + PROBE_WAIT);
                true
            }
            Probing::Off | Probing::Next(_) | Probing::Awaited(_) => false,
        }
    }

    pub(super) fn on_probe_answered(&mut self, status: u16, every: Option<Duration>, now: Mono) {
        self.state = if status == 503 { self.state.on_miss(now) } else { self.state.on_answer() };
        self.rest(every, now);
    }

    pub(super) fn on_failed(&mut self, retry_after: Option<Duration>, every: Option<Duration>, now: Mono) {
        self.state = self.state.on_failure(retry_after, now);
        // What a request found is checked soon, but not before the server asked to be left alone.
        if let (Probing::Next(at), Some(_)) = (self.probing, every) {
            let soon = now + retry_after.unwrap_or(PROBE_AGAIN).min(QUARANTINE_MAX);
            self.probing = Probing::Next(if retry_after.is_some() { soon.max(at) } else { soon.min(at) });
        }
    }

    /// Settled states are probed at the operator's interval, doubtful ones at once.
    fn rest(&mut self, every: Option<Duration>, now: Mono) {
        let doubtful = match self.state {
            AddressState::Untried { missed } | AddressState::Good { missed } => missed > 0,
            AddressState::Quarantined { answered, .. } => answered > 0,
        };
        self.probing = match every {
            Some(every) => Probing::Next(now + if doubtful { PROBE_AGAIN.min(every) } else { every }),
            None => Probing::Off,
        };
    }
}
