//! SIGTERM drains, a second one ends; SIGINT ends at once; SIGHUP reads the configuration again.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use turno_engine::{Answer, Command};

use crate::shell::asker::Asker;
use crate::shell::run::Gate;
use crate::shell::systemd;

/// How often a drain looks whether calls are left.
const DRAIN_POLL: Duration = Duration::from_millis(200);

/// Takes signals from now on; `reload` is called for each SIGHUP.
pub fn listen(
    runtime: &tokio::runtime::Handle,
    gate: Arc<Gate>,
    asker: Arc<Asker>,
    drain_limit: Duration,
    mut reload: impl FnMut() + Send + 'static,
) -> io::Result<()> {
    let _inside = runtime.enter();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let inside = runtime.clone();
    runtime.spawn(async move {
        // Not the gate: `turno drain` before the first SIGTERM must not make it a second one.
        let mut is_asked = false;
        loop {
            tokio::select! {
                Some(()) = terminate.recv() => {
                    if std::mem::replace(&mut is_asked, true) {
                        tracing::info!("asked to end a second time: ending now");
                        gate.stop();
                        return;
                    }
                    tracing::info!(limit_s = drain_limit.as_secs(), "asked to end: draining");
                    gate.drain();
                    inside.spawn(drain(gate.clone(), asker.clone(), drain_limit));
                }
                Some(()) = interrupt.recv() => {
                    tracing::info!("interrupted: ending now");
                    gate.stop();
                    return;
                }
                Some(()) = hang_up.recv() => systemd::around_reload(&mut reload),
                else => return,
            }
        }
    });
    Ok(())
}

/// Ends the process when no call is left, or at the limit (C6).
pub async fn drain(gate: Arc<Gate>, asker: Arc<Asker>, limit: Duration) {
    systemd::draining(limit);
    let idle = async {
        loop {
            match asker.ask(Command::Sizes).await {
                Ok(Answer::Sizes(sizes)) if sizes.calls > 0 => {}
                // Without calls, or without an engine that answers, there is nothing to wait for.
                Ok(_) => return,
                Err(_) if gate.is_stopped() => return,
                Err(_) => {}
            }
            tokio::time::sleep(DRAIN_POLL).await;
        }
    };
    match tokio::time::timeout(limit, idle).await {
        Ok(()) => tracing::info!("no calls are left: ending"),
        Err(_) => tracing::warn!("the drain limit has passed with calls up: ending"),
    }
    gate.stop();
}
