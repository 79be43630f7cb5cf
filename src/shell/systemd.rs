//! What the service manager is told: ready, reloading, draining, alive (sd_notify(3)).
//!
//! A node that was not started by systemd, without `NOTIFY_SOCKET`, tells nobody anything. "Alive" is said only while the engine
//! itself replies: a process whose loop hangs is ended and started again by the watchdog, and continues from its journal.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use turno_engine::Command;

use crate::shell::asker::{Asker, Unanswered};

/// Says each of `states` at once. A manager that cannot be reached is no reason to end a call.
fn say(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager was not told");
    }
}

/// Calls can come.
pub fn ready() {
    say(&[NotifyState::Ready]);
}

/// No new calls; ends when the last one has, within `limit`.
pub fn draining(limit: Duration) {
    // The unit's own stop limit does not know how long calls may last: it is moved out to ours.
    let limit_us = u32::try_from(limit.as_micros()).unwrap_or(u32::MAX);
    say(&[NotifyState::Stopping, NotifyState::Status("draining"), NotifyState::ExtendTimeoutUsec(limit_us)]);
}

/// The configuration is read again by `reload`; the manager waits until it has been.
pub fn around_reload(reload: impl FnOnce()) {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => say(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "the service manager was not told of the reload"),
    }
    reload();
    ready();
}

/// From now on says "alive" twice in each interval that the unit's `WatchdogSec` asks for, as long as the engine replies.
pub fn watch(runtime: &tokio::runtime::Handle, asker: Arc<Asker>) {
    let Some(interval) = sd_notify::watchdog_enabled() else { return };
    runtime.spawn(async move {
        let mut beat = tokio::time::interval(interval / 2);
        loop {
            beat.tick().await;
            match asker.ask(Command::Sizes).await {
                // An engine that refuses is alive.
                Ok(_) | Err(Unanswered::Refused(_) | Unanswered::Ending) => say(&[NotifyState::Watchdog]),
                Err(Unanswered::Busy) => {
                    tracing::warn!("the engine does not reply; the service manager is not told that it lives")
                }
            }
        }
    });
}
