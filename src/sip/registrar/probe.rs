//! Whether a bound phone answers: OPTIONS at a pace, quicker when one stays out.
//!
//! A phone that never answered a probe is not judged by them: some know no OPTIONS, and lose nothing by it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Between an answer and the next probe. Short enough to keep a NAT's mapping (RFC 4787 §4.3 asks 2 minutes, many give 30 s).
pub const PROBE_EVERY: Duration = Duration::from_secs(15);
/// From a new binding to its first probe.
pub const PROBE_FIRST: Duration = Duration::from_secs(1);
/// How long an answer may take; then the next probe goes out.
pub const PROBE_WAIT: Duration = Duration::from_secs(2);
/// Probes without an answer, one after the other, that make a phone unreachable: 19 s to 21 s after it died.
pub const PROBE_MISSES_MAX: u8 = 3;

/// Probes handled in one [`PROBE_SLOT`]; the others come in the next. All phones of a house may have registered in the same
/// second, or all be due when the process starts again: their probes must not come in between calls as a burst. At 1,600 a
/// second 24,000 bindings keep their pace; with more it slows down.
pub const PROBES_PER_SLOT_MAX: usize = 16;
/// See [`PROBES_PER_SLOT_MAX`].
pub const PROBE_SLOT: Duration = Duration::from_millis(10);

/// What probes know about a binding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reach {
    /// It never answered one.
    #[default]
    Unproven,
    /// It answers; so many of the last stayed out.
    Answering {
        /// In a row.
        missed: u8,
    },
    /// It answered once and no longer does.
    Silent,
}

impl Reach {
    /// A call may be tried.
    pub const fn is_reachable(self) -> bool {
        match self {
            Reach::Unproven | Reach::Answering { .. } => true,
            Reach::Silent => false,
        }
    }

    /// The next probe decides something.
    pub(super) const fn is_in_doubt(self) -> bool {
        match self {
            Reach::Answering { .. } => true,
            Reach::Unproven | Reach::Silent => false,
        }
    }

    pub(super) const fn on_answer(self) -> Reach {
        match self {
            Reach::Unproven | Reach::Answering { .. } | Reach::Silent => Reach::Answering { missed: 0 },
        }
    }

    pub(super) const fn on_miss(self) -> Reach {
        match self {
            Reach::Unproven => Reach::Unproven,
            Reach::Answering { missed } if missed + 1 < PROBE_MISSES_MAX => Reach::Answering { missed: missed + 1 },
            Reach::Answering { .. } | Reach::Silent => Reach::Silent,
        }
    }

    /// It registered again from the same place: alive, and its answers count again.
    pub(super) const fn on_register(self) -> Reach {
        match self {
            Reach::Unproven => Reach::Unproven,
            Reach::Answering { .. } | Reach::Silent => Reach::Answering { missed: 0 },
        }
    }
}
