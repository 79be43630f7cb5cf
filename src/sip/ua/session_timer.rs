//! Session timers (RFC 4028): who refreshes an established dialog, when, and when it is dead.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::Mono;

use crate::config::SipRules;

/// Which side of a dialog refreshes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Refresher {
    /// We do.
    Us,
    /// The peer does.
    Peer,
}

/// The timer of one dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum SessionTimer {
    /// We refresh at half the interval; unrefreshed, the dialog ends with it.
    Ours {
        /// Session-Expires.
        interval: Duration,
        /// None: the refresh is under way.
        refresh_at: Option<Mono>,
        /// The end.
        ends_at: Mono,
    },
    /// The peer refreshes; we end the dialog a little before the interval does (§10).
    Theirs {
        /// Session-Expires.
        interval: Duration,
        /// The end.
        ends_at: Mono,
    },
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Send a refresh.
    Refresh,
    /// Nobody refreshed: BYE.
    Expired,
}

/// What a request asked for: `Session-Expires`, `Min-SE`, `Supported: timer`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// Session-Expires.
    pub(super) interval: Option<Duration>,
    /// Its refresher parameter: `Some(true)` for `uac`.
    pub(super) refresher_is_uac: Option<bool>,
    /// Min-SE.
    pub(super) min: Option<Duration>,
    /// The sender knows the extension.
    pub(super) supported: bool,
}

/// What a 2xx of ours says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Granted {
    /// Session-Expires.
    pub(super) interval: Duration,
    /// Who refreshes.
    pub(super) refresher: Refresher,
}

impl SessionTimer {
    pub(super) fn start(granted: Granted, now: Mono) -> SessionTimer {
        let interval = granted.interval;
        match granted.refresher {
            Refresher::Us => {
                SessionTimer::Ours { interval, refresh_at: Some(now + interval / 2), ends_at: now + interval }
            }
            Refresher::Peer => {
                let early = (interval / 3).min(Duration::from_secs(32));
                SessionTimer::Theirs { interval, ends_at: now + interval.saturating_sub(early) }
            }
        }
    }

    pub(super) fn granted(&self) -> Granted {
        match *self {
            SessionTimer::Ours { interval, .. } => Granted { interval, refresher: Refresher::Us },
            SessionTimer::Theirs { interval, .. } => Granted { interval, refresher: Refresher::Peer },
        }
    }

    /// The refresh that was due could not be sent now, or was refused for a moment.
    pub(super) fn retry_at(&mut self, at: Mono) {
        match self {
            SessionTimer::Ours { refresh_at, .. } => *refresh_at = Some(at),
            SessionTimer::Theirs { .. } => {}
        }
    }

    pub(super) fn on_deadline(&mut self, now: Mono) -> Option<Due> {
        match self {
            SessionTimer::Ours { ends_at, .. } | SessionTimer::Theirs { ends_at, .. } if now >= *ends_at => {
                Some(Due::Expired)
            }
            SessionTimer::Ours { refresh_at, .. } if refresh_at.is_some_and(|at| now >= at) => {
                *refresh_at = None;
                Some(Due::Refresh)
            }
            SessionTimer::Ours { .. } | SessionTimer::Theirs { .. } => None,
        }
    }

    pub(super) fn deadline(&self) -> Mono {
        match *self {
            SessionTimer::Ours { refresh_at, ends_at, .. } => refresh_at.map_or(ends_at, |at| at.min(ends_at)),
            SessionTimer::Theirs { ends_at, .. } => ends_at,
        }
    }
}

/// We are asked; none: the interval is too small for us and the sender can be told so (422, §5).
pub(super) fn grant(asked: Asked, rules: &SipRules) -> Option<Granted> {
    let Some(interval) = asked.interval else {
        return Some(Granted { interval: rules.session_expires, refresher: Refresher::Us });
    };
    if interval < rules.session_min && asked.supported {
        return None;
    }
    let least = asked.min.unwrap_or(rules.session_min).max(rules.session_min);
    let interval = interval.min(rules.session_expires).max(least);
    let refresher = match asked.refresher_is_uac {
        Some(true) => Refresher::Peer,
        Some(false) => Refresher::Us,
        None if asked.supported => Refresher::Peer,
        // A proxy asked in the name of a peer that would not refresh (§9, table 2).
        None => Refresher::Us,
    };
    Some(Granted { interval, refresher })
}

/// Our request was answered with this; without `Session-Expires` we refresh alone, so that a dead peer is found.
pub(super) fn accepted(answer: Asked, rules: &SipRules) -> Granted {
    match (answer.interval, answer.refresher_is_uac) {
        (Some(interval), Some(false)) => Granted { interval, refresher: Refresher::Peer },
        (Some(interval), Some(true) | None) => Granted { interval, refresher: Refresher::Us },
        (None, _) => Granted { interval: rules.session_expires, refresher: Refresher::Us },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refresher_and_interval_follow_rfc_4028() {
        let rules = SipRules::default();
        let asked = |interval: Option<u64>, uac, min: Option<u64>, supported| Asked {
            interval: interval.map(Duration::from_secs),
            refresher_is_uac: uac,
            min: min.map(Duration::from_secs),
            supported,
        };
        for (ask, granted) in [
            (asked(None, None, None, false), Some((1800, Refresher::Us))),
            (asked(None, None, None, true), Some((1800, Refresher::Us))),
            (asked(Some(600), None, None, true), Some((600, Refresher::Peer))),
            (asked(Some(600), Some(true), None, true), Some((600, Refresher::Peer))),
            (asked(Some(600), Some(false), None, true), Some((600, Refresher::Us))),
            (asked(Some(600), None, None, false), Some((600, Refresher::Us))), // a proxy asked
            (asked(Some(7200), None, None, true), Some((1800, Refresher::Peer))),
            (asked(Some(7200), None, Some(3600), true), Some((3600, Refresher::Peer))), // never below its Min-SE
            (asked(Some(89), None, None, true), None),
            (asked(Some(89), None, None, false), Some((90, Refresher::Us))), // 422 would not be understood
        ] {
            let got = grant(ask, &rules).map(|g| (g.interval.as_secs(), g.refresher));
            assert_eq!(got, granted, "{ask:?}");
        }
    }

    #[test]
    fn a_peer_that_does_not_refresh_is_cleared_before_the_interval_ends() {
        let granted = Granted { interval: Duration::from_secs(90), refresher: Refresher::Peer };
        let mut timer = SessionTimer::start(granted, Mono::from_ms(0));
        assert_eq!(timer.deadline(), Mono::from_ms(60_000));
        assert_eq!(timer.on_deadline(Mono::from_ms(59_999)), None);
        assert_eq!(timer.on_deadline(Mono::from_ms(60_000)), Some(Due::Expired));
        let mut timer = SessionTimer::start(Granted { refresher: Refresher::Us, ..granted }, Mono::from_ms(0));
        assert_eq!(timer.on_deadline(Mono::from_ms(45_000)), Some(Due::Refresh));
        assert_eq!(timer.on_deadline(Mono::from_ms(45_000)), None);
        assert_eq!(timer.on_deadline(Mono::from_ms(90_000)), Some(Due::Expired));
    }
}
