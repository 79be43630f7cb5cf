//! Our registration at a trunk (RFC 3261 §10.2): asked for, refreshed, and asked for again after failures, later each
//! time. A refresh that fails takes nothing away before what was granted has run out.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::{Mono, Seeded};

/// An answer to REGISTER may take so long (Timer F, RFC 3261 §17.1.2.2, with room for a challenge).
pub const ANSWER_WAIT: Duration = Duration::from_secs(40);
/// First pause after no answer or a server's failure; doubles.
pub const RETRY_MIN: Duration = Duration::from_secs(5);
/// First pause after a refusal that a person must mend (401, 403, 404); doubles.
pub const REFUSED_RETRY_MIN: Duration = Duration::from_secs(30);
/// Longest pause: a mended PBX is found again within so long.
pub const RETRY_MAX: Duration = Duration::from_secs(300);
/// Longest Expires that a 423 can make us ask for.
const EXPIRES_MAX_S: u32 = 86_400;

/// Where the registration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Registration {
    /// None is configured.
    Off,
    /// A REGISTER is out.
    Asking {
        /// Until when we are bound all the same.
        bound_until: Option<Mono>,
        /// In a row so far.
        failures: u32,
        /// No answer counts as failed then.
        give_up_at: Mono,
    },
    /// Bound.
    Bound {
        /// When the next REGISTER goes out.
        refresh_at: Mono,
        /// When it ends by itself.
        until: Mono,
    },
    /// Failed; asked again later.
    Waiting {
        /// Until when we are bound all the same.
        bound_until: Option<Mono>,
        /// In a row so far.
        failures: u32,
        /// Status of the last failure; 408 for no answer, 0 for none yet.
        status: u16,
        /// When.
        retry_at: Mono,
    },
}

impl Registration {
    /// The first REGISTER is due at once.
    pub(super) const fn due(now: Mono) -> Registration {
        Registration::Waiting { bound_until: None, failures: 0, status: 0, retry_at: now }
    }

    /// Calls to us by it arrive, as far as we know.
    pub fn is_bound(self, now: Mono) -> bool {
        self.bound_until().is_some_and(|until| now < until)
    }

    /// The last REGISTER was refused, or not answered in time.
    pub(super) const fn has_failed(self) -> bool {
        match self {
            Registration::Off | Registration::Bound { .. } => false,
            Registration::Asking { failures, .. } | Registration::Waiting { failures, .. } => failures > 0,
        }
    }

    const fn bound_until(self) -> Option<Mono> {
        match self {
            Registration::Off => None,
            Registration::Asking { bound_until, .. } | Registration::Waiting { bound_until, .. } => bound_until,
            Registration::Bound { until, .. } => Some(until),
        }
    }

    pub(super) fn deadline(self) -> Option<Mono> {
        let (next, bound_until) = match self {
            Registration::Off => return None,
            Registration::Bound { refresh_at, .. } => return Some(refresh_at),
            Registration::Asking { give_up_at, bound_until, .. } => (give_up_at, bound_until),
            Registration::Waiting { retry_at, bound_until, .. } => (retry_at, bound_until),
        };
        Some(bound_until.map_or(next, |until| until.min(next)))
    }

    /// What was granted may have run out.
    pub(super) fn on_time(mut self, now: Mono) -> Registration {
        match &mut self {
            Registration::Asking { bound_until, .. } | Registration::Waiting { bound_until, .. } => {
                *bound_until = bound_until.filter(|until| now < *until);
            }
            Registration::Off | Registration::Bound { .. } => {}
        }
        self
    }

    /// Whether a REGISTER is due.
    pub(super) fn is_due(self, now: Mono) -> bool {
        match self {
            Registration::Off | Registration::Asking { .. } => false,
            Registration::Bound { refresh_at, .. } => refresh_at <= now,
            Registration::Waiting { retry_at, .. } => retry_at <= now,
        }
    }

    /// A REGISTER goes out.
    pub(super) fn on_sent(self, now: Mono) -> Registration {
        let failures = match self {
            Registration::Off => return self,
            Registration::Asking { failures, .. } | Registration::Waiting { failures, .. } => failures,
            Registration::Bound { .. } => 0,
        };
        Registration::Asking { bound_until: self.bound_until(), failures, give_up_at: now + ANSWER_WAIT }
    }

    /// Granted: refreshed at `every`, or after four fifths of what was granted if that is sooner.
    pub(super) fn on_granted(self, granted_s: u32, every: Duration, now: Mono) -> Registration {
        match self {
            Registration::Off => self,
            Registration::Asking { .. } | Registration::Bound { .. } | Registration::Waiting { .. } => {
                let granted = Duration::from_secs(u64::from(granted_s.max(1)));
                let refresh_at = now + every.min(granted.mul_f64(0.8));
                Registration::Bound { refresh_at, until: now + granted }
            }
        }
    }

    /// Refused with `status`, or unanswered (408).
    pub(super) fn on_refused(
        self,
        status: u16,
        retry_after: Option<Duration>,
        now: Mono,
        seeded: &mut Seeded,
    ) -> Registration {
        let (bound_until, failures) = match self {
            // Late, or a repetition: what it answered is settled.
            Registration::Off | Registration::Bound { .. } | Registration::Waiting { .. } => return self,
            Registration::Asking { bound_until, failures, .. } => (bound_until, failures),
        };
        let least = if matches!(status, 401 | 403 | 404 | 407) { REFUSED_RETRY_MIN } else { RETRY_MIN };
        let pause = least.saturating_mul(1 << failures.min(10)).min(RETRY_MAX);
        // Many engines whose PBX restarts must not come back in one instant.
        let spread = Duration::from_millis(seeded.below(pause.as_millis() as u64 / 4 + 1));
        let pause = retry_after.map_or(pause, |after| after.clamp(RETRY_MIN, RETRY_MAX)) + spread;
        Registration::Waiting { bound_until, failures: failures.saturating_add(1), status, retry_at: now + pause }
    }

    /// A 423 that we can satisfy: asked again at once, and no failure yet.
    pub(super) fn on_too_brief(self, now: Mono) -> Registration {
        match self {
            Registration::Asking { bound_until, failures, .. } => {
                Registration::Waiting { bound_until, failures, status: 423, retry_at: now }
            }
            Registration::Off | Registration::Bound { .. } | Registration::Waiting { .. } => self,
        }
    }
}

/// Expires to ask for so that refreshing at `every` comes in time: a quarter more, or what a 423 asked for.
pub(super) fn expires_s(every: Duration, least_s: u32) -> u32 {
    let asked = every.as_secs().saturating_add(every.as_secs() / 4).max(1);
    u32::try_from(asked).unwrap_or(EXPIRES_MAX_S).max(least_s).min(EXPIRES_MAX_S)
}

/// Whether a Min-Expires is one that we can ask for and did not.
pub(super) fn can_satisfy(min_expires_s: u32, asked_s: u32) -> bool {
    min_expires_s > asked_s && min_expires_s <= EXPIRES_MAX_S
}
