//! The tool-box of the control socket: what an operator needs to see and do that is not about queues, agents and calls.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use turno_base::number::normalise;
use turno_base::{TrunkId, Wall};
use turno_engine::{Answer, Command, Rehearsal};

use crate::api::AppState;
use crate::api::control::{self, Reply};
use crate::shell::backup::Held;
use crate::shell::logs::{self, Area, LogLevel, Spoken};
use crate::shell::tap::{Order, Shown, Standing};

/// What may be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tool {
    /// Show SIP that passes. To a terminal: the messages follow the reply, a line of JSON each, until the asker goes.
    TraceOn(Order),
    /// Show it no more.
    TraceOff,
    /// Whether it is shown, and how much was.
    TraceShow,
    /// Give areas a level of their own for so many seconds.
    LogRaise(Vec<(Area, LogLevel)>, u64),
    /// Every area speaks as configured.
    LogLower,
    /// What is said now.
    LogShow,
    /// Hold still, so that log and journal can be copied as of one instant.
    BackupHold,
    /// What would become of a call from this number to that, by a trunk, at an instant (µs since 1970).
    RouteTest {
        /// Who calls.
        from: String,
        /// What was dialled.
        to: String,
        /// By which trunk; none: the first that has a route for it.
        trunk: Option<TrunkId>,
        /// None: now.
        at: Option<Wall>,
    },
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToolReply {
    /// How the trace stands.
    Trace(Standing),
    /// What is logged.
    Log(Spoken),
    /// Files as they are at one instant.
    Held(Held),
}

/// Does it. `lines` is what follows the reply.
pub(super) async fn answer(tool: Tool, state: &AppState, lines: &mut Option<mpsc::Receiver<Shown>>) -> Reply {
    match tool {
        Tool::TraceOn(order) => {
            let legs = legs(&order, state).await;
            let (tap, facts) = (state.tap.clone(), state.board.listen());
            // It opens a file or asks for an address.
            match tokio::task::spawn_blocking(move || tap.start(order, legs, facts)).await {
                Ok(Ok(shown)) => {
                    *lines = shown;
                    trace(state)
                }
                Ok(Err(error)) => Reply::Refused(vec![error.to_string()]),
                Err(_) => Reply::Unavailable("the trace could not begin".to_owned()),
            }
        }
        Tool::TraceOff => match state.tap.stop() {
            true => trace(state),
            false => Reply::Refused(vec!["no trace is on".to_owned()]),
        },
        Tool::TraceShow => trace(state),
        Tool::LogRaise(areas, lasts_s) => {
            let lasts = Duration::from_secs(lasts_s).min(logs::RAISED_MAX);
            logs::raise(&areas, lasts);
            tokio::spawn(async move {
                // A little later, so that it is over then for certain.
                tokio::time::sleep(lasts + Duration::from_millis(10)).await;
                logs::settle();
            });
            said()
        }
        Tool::LogLower => {
            logs::lower();
            said()
        }
        Tool::LogShow => said(),
        Tool::BackupHold => {
            let Some(holder) = state.holder.clone() else {
                return Reply::Unavailable("this node keeps nothing".to_owned());
            };
            match tokio::task::spawn_blocking(move || holder.hold()).await {
                Ok(Ok(held)) => Reply::Tool(Box::new(ToolReply::Held(held))),
                Ok(Err(error)) => Reply::Refused(vec![format!("the node cannot hold still: {error}")]),
                Err(_) => Reply::Unavailable("the node cannot hold still".to_owned()),
            }
        }
        Tool::RouteTest { from, to, trunk, at } => {
            let number = normalise(&from, &state.customers.country());
            let customer = number.and_then(|number| state.customers.look_up(number));
            let asked = Rehearsal { from, to, trunk, at, customer };
            control::ask_engine(Command::RouteTest(Box::new(asked)), state).await
        }
    }
}

fn trace(state: &AppState) -> Reply {
    Reply::Tool(Box::new(ToolReply::Trace(state.tap.standing())))
}

fn said() -> Reply {
    Reply::Tool(Box::new(ToolReply::Log(logs::spoken())))
}

/// Call-IDs of the legs that a chosen call has already.
async fn legs(order: &Order, state: &AppState) -> BTreeSet<String> {
    let Some(call) = order.chosen.call else { return BTreeSet::new() };
    match state.asker.ask(Command::CallLegs(call)).await {
        Ok(Answer::Legs(legs)) => legs.into_iter().map(|leg| leg.sip_call_id).collect(),
        // A call that is over has none; one of that id may still come.
        Ok(_) | Err(_) => BTreeSet::new(),
    }
}

/// Passes messages on until there are no more or the asker goes; dropping the receiver ends the trace.
pub(super) async fn pass_on(
    mut lines: mpsc::Receiver<Shown>,
    mut read: BufReader<OwnedReadHalf>,
    mut write: OwnedWriteHalf,
) {
    let mut ignored = [0; 64];
    loop {
        tokio::select! {
            shown = lines.recv() => {
                let Some(shown) = shown else { return };
                let mut text = serde_json::to_vec(&shown).expect("a message is plain data");
                text.push(b'\n');
                if write.write_all(&text).await.is_err() {
                    return;
                }
            }
            got = read.read(&mut ignored) => {
                if matches!(got, Ok(0) | Err(_)) {
                    return;
                }
            }
        }
    }
}
