//! The timer values of RFC 3261 §17 (table 4) and the repeated sending that they govern.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::Mono;

/// T1, T2, T4, and whether the transport repeats by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// Round-trip estimate.
    pub t1: Duration,
    /// Longest pause between repetitions.
    pub t2: Duration,
    /// Longest life of a message in the network.
    pub t4: Duration,
    /// The transport is a stream: nothing is repeated, nothing lingers.
    pub reliable: bool,
}

impl Timing {
    /// 64·T1: timers B, F, H, J, L, M, and D on datagrams.
    pub fn silence(&self) -> Duration {
        self.t1.saturating_mul(64)
    }
}

/// When to send again, and how long the pause before it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resend {
    /// When.
    pub(super) at: Mono,
    wait: Duration,
}

impl Resend {
    /// The first repetition, T1 from now; none on a stream.
    pub(super) fn first(timing: &Timing, now: Mono) -> Option<Resend> {
        (!timing.reliable).then(|| Resend { at: now + timing.t1, wait: timing.t1 })
    }

    /// The next repetition: twice the pause, without bound (timer A).
    pub(super) fn doubled(self, now: Mono) -> Resend {
        let wait = self.wait.saturating_mul(2);
        Resend { at: now + wait, wait }
    }

    /// The next repetition: twice the pause, at most T2 (timers E and G).
    pub(super) fn doubled_to_t2(self, timing: &Timing, now: Mono) -> Resend {
        let wait = self.wait.saturating_mul(2).min(timing.t2);
        Resend { at: now + wait, wait }
    }

    /// The next repetition: T2 from now (timer E in Proceeding).
    pub(super) fn every_t2(timing: &Timing, now: Mono) -> Resend {
        Resend { at: now + timing.t2, wait: timing.t2 }
    }
}

/// The earlier of a repetition and an end.
pub(super) fn earlier(resend: Option<Resend>, end: Mono) -> Mono {
    resend.map_or(end, |r| r.at.min(end))
}
