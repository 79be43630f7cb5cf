//! Events over a WebSocket: a snapshot and then every fact with its number, or what was missed and then every fact.
//!
//! A reader has one message on its way and no queue of its own: who is further behind than the board keeps for all is closed
//! and comes again with `?after=`, which is read from the record log. The engine never waits for anybody here.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, broadcast, mpsc};
use turno_base::{AgentId, CallId, Fact, Wall};
use turno_engine::{Answer, Command};

use crate::api::AppState;
use crate::api::access::{Asking, refused};
use crate::api::rest::shown;
use crate::shell::board::Numbered;
use crate::shell::event::{Event, Filter, KINDS};
use crate::shell::store::since::{Since, oldest};

/// Readers at once.
const READERS_MAX: usize = 128;
/// Readers at once that read from the log: each has a thread meanwhile.
const REPLAYS_MAX: usize = 4;
/// Facts on their way from the log to a reader.
const REPLAYED_MAX: usize = 256;
/// A reader hears something that often even if nothing happens.
const BEAT: Duration = Duration::from_secs(10);
/// A reader that takes longer than this for one message is closed.
const WRITE_LIMIT: Duration = Duration::from_secs(10);
/// What a reader that takes nothing may have waiting, bytes.
const WAITING_BYTES_MAX: usize = 512 * 1024;
/// How often the log is looked at again for facts that are on their way to it, and between.
const LOG_TRIES: u32 = 50;
const LOG_PAUSE: Duration = Duration::from_millis(100);

static READERS: Semaphore = Semaphore::const_new(READERS_MAX);
static REPLAYS: Semaphore = Semaphore::const_new(REPLAYS_MAX);

/// `?after=&kind=&queue=&agent=`; lists are joined by commas.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    after: Option<String>,
    kind: Option<String>,
    queue: Option<String>,
    agent: Option<String>,
    /// Of browsers that cannot set headers; the guard has looked at it.
    #[serde(rename = "token")]
    _token: Option<String>,
}

pub(super) async fn events(
    State(state): State<AppState>,
    Extension(asking): Extension<Asking>,
    Query(asked): Query<Asked>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let (filter, after) = match read(&asked) {
        Ok(read) => read,
        Err(sentence) => return refused(StatusCode::BAD_REQUEST, &sentence),
    };
    let Ok(place) = READERS.try_acquire() else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "too many read events already; try again later");
    };
    let upgrade = upgrade.max_message_size(4096).max_write_buffer_size(WAITING_BYTES_MAX).protocols(["turno"]);
    upgrade.on_upgrade(async move |socket| {
        let _place = place;
        let mut feed =
            Feed { state, socket, view: View { filter, only: asking.rights.agent, his: BTreeSet::new() }, last: 0 };
        // The reader's end, or our own.
        let _ = feed.run(after).await;
    })
}

/// Behind which event: its number and, if it was said, its instant.
type After = (u64, Option<Wall>);

fn read(asked: &Asked) -> Result<(Filter, Option<After>), String> {
    let words = |list: &Option<String>| -> Vec<String> {
        list.iter().flat_map(|list| list.split(',')).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let kinds = words(&asked.kind);
    if let Some(kind) = kinds.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
        return Err(format!("there is no event {kind:?}; there are {}", KINDS.join(", ")));
    }
    let names = |what: &str, list: &Option<String>| {
        let names: Result<Vec<_>, _> = words(list).iter().map(|word| word.parse()).collect();
        names.map_err(|_| format!("{what} is a list of names joined by commas"))
    };
    let queues = names("queue", &asked.queue)?;
    let agents: Result<Vec<AgentId>, _> = words(&asked.agent).iter().map(|word| word.parse()).collect();
    let agents = agents.map_err(|_| "agent is a list of names joined by commas".to_owned())?;
    let after = asked.after.as_deref().map(|text| {
        let (number, at) = text.split_once('.').map_or((text, None), |(number, at)| (number, Some(at)));
        let at = at.map(|at| at.parse().map(Wall)).transpose();
        number.parse::<u64>().ok().zip(at.ok()).ok_or_else(|| "after is the id of an event, or its number".to_owned())
    });
    Ok((Filter { kinds, queues, agents }, after.transpose()?))
}

/// What a reader gets to see.
#[derive(Debug)]
struct View {
    filter: Filter,
    /// An agent's reader: what is about him and the calls that he has.
    only: Option<AgentId>,
    his: BTreeSet<CallId>,
}

impl View {
    /// The message of a fact, if the reader gets one.
    fn message<'a>(&mut self, numbered: &'a Numbered) -> Option<&'a str> {
        let (event, text) = numbered.told();
        let sees = match self.only {
            None => true,
            Some(agent) => self.is_about(agent, event),
        };
        (sees && self.filter.wants(event)).then_some(text)
    }

    fn is_about(&mut self, agent: AgentId, event: &Event) -> bool {
        let names_him = event.agent() == Some(agent.as_str());
        let Some(call) = event.call else { return names_him };
        let was_his = self.his.contains(&call);
        match event.kind {
            "agent-changed" if names_him => {
                // He has one call at a time.
                self.his.clear();
                self.his.insert(call);
            }
            "call-ended" => {
                self.his.remove(&call);
            }
            _ => {}
        }
        names_him || was_his
    }
}

/// Why a feed ends.
struct Over;

struct Feed {
    state: AppState,
    socket: WebSocket,
    view: View,
    /// Number of the last fact that was looked at.
    last: u64,
}

impl Feed {
    async fn run(&mut self, after: Option<After>) -> Result<(), Over> {
        // Before anything is read: what happens meanwhile waits there.
        let mut live = self.state.board.listen();
        match after {
            Some((number, at)) => self.resume(number, at).await?,
            None => self.snapshot().await?,
        }
        loop {
            let told = tokio::select! {
                told = live.recv() => told,
                () = tokio::time::sleep(BEAT) => {
                    let beat = json!({"type": "beat", "seq": self.last});
                    self.send(&beat).await?;
                    continue;
                }
                received = self.socket.recv() => match received {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Over),
                    Some(Ok(_)) => continue,
                },
            };
            match told {
                Ok(numbered) => self.on_fact(numbered).await?,
                Err(broadcast::error::RecvError::Lagged(_)) => return self.behind().await,
                Err(broadcast::error::RecvError::Closed) => return Err(Over),
            }
        }
    }

    async fn on_fact(&mut self, numbered: Arc<Numbered>) -> Result<(), Over> {
        if numbered.seq <= self.last {
            return Ok(());
        }
        if numbered.seq > self.last + 1 && !self.catch_up(numbered.seq - 1, None).await? {
            let gone = json!({"type": "gone", "after": self.last, "oldest": numbered.seq});
            self.send(&gone).await?;
        }
        self.last = numbered.seq;
        match self.view.message(&numbered) {
            Some(message) => self.send_text(message).await,
            None => Ok(()),
        }
    }

    /// Everything as of now.
    async fn snapshot(&mut self) -> Result<(), Over> {
        let (seq, board) = self.state.board.view();
        self.last = seq;
        let mut told = json!({"type": "snapshot", "seq": seq, "id": seq.to_string()});
        match self.view.only {
            Some(agent) => {
                let agents = self.state.asker.ask(Command::AgentShow(Some(agent))).await;
                if let Ok(Answer::Agents(agents)) = agents {
                    self.view.his = agents.iter().filter_map(|view| view.call).collect();
                    told["agents"] = json!(agents);
                }
            }
            None => {
                told["board"] = json!(board);
                if let Ok(calls) = self.state.asker.ask(Command::CallShow(None)).await {
                    told["calls"] = shown(calls)["calls"].clone();
                }
            }
        }
        self.send(&told).await
    }

    /// What happened after event `number`; a snapshot if nobody knows any more.
    async fn resume(&mut self, number: u64, at: Option<Wall>) -> Result<(), Over> {
        let (now, _) = self.state.board.view();
        self.last = number;
        if number > now || !self.catch_up(now, at).await? {
            let dir = self.state.records.clone();
            let oldest = tokio::task::spawn_blocking(move || oldest(&dir)).await.ok().flatten();
            let gone = json!({"type": "gone", "after": number, "oldest": oldest});
            self.send(&gone).await?;
            return self.snapshot().await;
        }
        Ok(())
    }

    /// Sends what the log has behind the last fact, up to number `to`. Facts are a moment on their way to it. False: they are
    /// not there.
    async fn catch_up(&mut self, to: u64, mut at: Option<Wall>) -> Result<bool, Over> {
        let Ok(_place) = REPLAYS.acquire().await else { return Err(Over) };
        for _ in 0..LOG_TRIES {
            let begun = self.last;
            let mut read = replay(&self.state.records, self.last, to, at);
            while let Some((number, fact)) = read.recv().await {
                self.last = number;
                if let Some(message) = self.view.message(&Numbered::new(number, fact)) {
                    self.send_text(message).await?;
                }
            }
            if self.last > begun {
                at = None;
            }
            // Who has heard everything says nothing of the instant: his number may be of another life.
            if self.last >= to && at.is_none() {
                return Ok(true);
            }
            if self.last >= to {
                let (dir, last) = (self.state.records.clone(), self.last);
                let found = tokio::task::spawn_blocking(move || Since::find(&dir, last, at)).await;
                if matches!(found, Ok(Ok(Some(_)))) {
                    return Ok(true);
                }
            }
            tokio::time::sleep(LOG_PAUSE).await;
        }
        Ok(false)
    }

    /// Says so, and is closed: the next one begins behind what this one had.
    async fn behind(&mut self) -> Result<(), Over> {
        let behind = json!({"type": "behind", "seq": self.last});
        self.send(&behind).await?;
        let _ = tokio::time::timeout(WRITE_LIMIT, self.socket.send(Message::Close(None))).await;
        Err(Over)
    }

    async fn send(&mut self, message: &Value) -> Result<(), Over> {
        self.send_text(&message.to_string()).await
    }

    async fn send_text(&mut self, text: &str) -> Result<(), Over> {
        let text = Message::Text(text.into());
        match tokio::time::timeout(WRITE_LIMIT, self.socket.send(text)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Over),
        }
    }
}

/// Facts behind number `after` up to `to`, read on a thread that may wait for the disk and for the reader.
fn replay(dir: &Arc<Path>, after: u64, to: u64, at: Option<Wall>) -> mpsc::Receiver<(u64, Fact)> {
    let (told, read) = mpsc::channel(REPLAYED_MAX);
    let dir = dir.clone();
    if after >= to {
        return read;
    }
    tokio::task::spawn_blocking(move || {
        let followed = Since::find(&dir, after, at).and_then(|since| match since {
            Some(mut since) => since.each(|number, fact| number <= to && told.blocking_send((number, fact)).is_ok()),
            None => Ok(()),
        });
        if let Err(error) = followed {
            tracing::error!(%error, "events cannot be read back from the record log");
        }
    });
    read
}

#[cfg(test)]
pub(super) mod tests;
