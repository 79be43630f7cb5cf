//! The tool-box of the control socket: what an operator needs to see and do that is not about queues, agents and calls.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use turno_base::number::normalise;
use turno_base::{TrunkId, Wall};
use turno_engine::{Answer, Command, Rehearsal};

use crate::api::control::{self, Reply};
use crate::api::{AppState, Folders};
use crate::shell::audit::{Author, Entry, Wanted};
use crate::shell::backup::Held;
use crate::shell::logs::{self, Area, LogLevel, Spoken};
use crate::shell::tap::{NotOn, Order, Shown, Standing};

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
    /// Where the node keeps what.
    Folders,
    /// Who did what.
    Audit(Wanted),
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
    /// Where the node keeps what.
    Folders(Folders),
    /// The youngest first.
    Audit(Vec<Entry>),
}

impl Tool {
    /// What it changes: a word and what that is about; none: it only shows something.
    pub(super) fn changes(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Tool::TraceOn(_) => Some(("sip trace on", "node")),
            Tool::TraceOff => Some(("sip trace off", "node")),
            Tool::LogRaise(..) | Tool::LogLower => Some(("log level", "node")),
            Tool::BackupHold => Some(("backup", "node")),
            Tool::TraceShow | Tool::LogShow | Tool::Folders | Tool::Audit(_) | Tool::RouteTest { .. } => None,
        }
    }
}

/// Does it. `lines` is what follows the reply.
pub(super) async fn answer(
    tool: Tool,
    state: &AppState,
    by: &Author,
    lines: &mut Option<mpsc::Receiver<Shown>>,
) -> Reply {
    match tool {
        Tool::TraceOn(order) => match begin_trace(order, state).await {
            Ok(shown) => {
                *lines = shown;
                trace(state)
            }
            Err(error) => Reply::Refused(vec![error.to_string()]),
        },
        Tool::TraceOff => match state.tap.stop() {
            true => trace(state),
            false => Reply::Refused(vec!["no trace is on".to_owned()]),
        },
        Tool::TraceShow => trace(state),
        Tool::LogRaise(areas, lasts_s) => {
            raise(&areas, Duration::from_secs(lasts_s));
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
        Tool::Folders => Reply::Tool(Box::new(ToolReply::Folders((*state.folders).clone()))),
        Tool::Audit(wanted) => match entries(wanted, state).await {
            Ok(entries) => Reply::Tool(Box::new(ToolReply::Audit(entries))),
            Err(sentence) => Reply::Unavailable(sentence),
        },
        Tool::RouteTest { from, to, trunk, at } => {
            let asked = rehearsal(from, to, trunk, at, state);
            control::ask_engine(Command::RouteTest(Box::new(asked)), state, by).await
        }
    }
}

/// Who did what.
pub(super) async fn entries(wanted: Wanted, state: &AppState) -> Result<Vec<Entry>, String> {
    let (audit, records) = (state.audit.clone(), state.records.clone());
    // It reads the disk.
    match tokio::task::spawn_blocking(move || audit.list(&wanted, &records)).await {
        Ok(Ok(entries)) => Ok(entries),
        Ok(Err(error)) => Err(format!("the audit log cannot be read: {error}")),
        Err(_) => Err("the audit log cannot be read".to_owned()),
    }
}

/// Begins to show SIP; what it gives is what follows on a terminal.
pub(super) async fn begin_trace(order: Order, state: &AppState) -> Result<Option<mpsc::Receiver<Shown>>, NotOn> {
    let legs = legs(&order, state).await;
    let (tap, facts) = (state.tap.clone(), state.board.listen());
    let to = order.to.clone();
    // It opens a file or asks for an address.
    let begun = tokio::task::spawn_blocking(move || tap.start(order, legs, facts)).await;
    begun.unwrap_or_else(|error| Err(NotOn::Target(to, std::io::Error::other(error))))
}

/// Gives areas a level of their own for a while.
pub(super) fn raise(areas: &[(Area, LogLevel)], lasts: Duration) {
    let lasts = lasts.min(logs::RAISED_MAX);
    logs::raise(areas, lasts);
    tokio::spawn(async move {
        // A little later, so that it is over then for certain.
        tokio::time::sleep(lasts + Duration::from_millis(10)).await;
        logs::settle();
    });
}

/// What is to be tried, with who calls as the portfolio knows him.
pub(super) fn rehearsal(
    from: String,
    to: String,
    trunk: Option<TrunkId>,
    at: Option<Wall>,
    state: &AppState,
) -> Rehearsal {
    let number = normalise(&from, &state.customers.country());
    let customer = number.and_then(|number| state.customers.look_up(number));
    Rehearsal { from, to, trunk, at, customer }
}

/// What a tool says, for programs.
pub fn told(reply: &ToolReply) -> serde_json::Value {
    match reply {
        ToolReply::Trace(standing) => json!({"trace": standing}),
        ToolReply::Held(held) => json!({"held": held}),
        ToolReply::Folders(folders) => json!({"folders": folders}),
        ToolReply::Audit(entries) => json!({"audit": entries}),
        ToolReply::Log(spoken) => {
            let raised = spoken
                .raised
                .iter()
                .map(|(area, level, left_s)| json!({"area": area, "level": level, "left_s": left_s}));
            json!({"level": spoken.level, "raised": raised.collect::<Vec<_>>()})
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
