//! The control socket: one JSON object a line, request and reply, over a unix socket that only its owner may open.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc::Receiver;
use turno_engine::{Answer, Command, Refusal};

use crate::api::AppState;
use crate::api::live::{self, LiveReply, LiveRequest};
use crate::api::tools::{self, Tool, ToolReply};
use crate::shell::asker::Unanswered;
use crate::shell::audit::{Author, Deed, Door};
use crate::shell::config::Problem;
use crate::shell::live::decks::DECK_BYTES_MAX;
use crate::shell::reload::told;
use crate::shell::tap::Shown;

/// Longest request line, a whole price book in it, the largest thing that is sent; more closes the connection.
pub(super) const REQUEST_BYTES_MAX: u64 = 2 * DECK_BYTES_MAX as u64;
/// Longest wait for a reply: a large price book on a machine with other work takes more than ten seconds.
const ASK_LIMIT: Duration = Duration::from_secs(30);
/// A client that says nothing for this long is closed.
const IDLE_LIMIT: Duration = Duration::from_secs(300);

/// What may be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// A command for the engine.
    Command(Command),
    /// Read the configuration again.
    Reload,
    /// About the live configuration.
    Live(Box<LiveRequest>),
    /// Take no new calls; the process goes on until it is told to end.
    Drain,
    /// Something of the tool-box.
    Tool(Tool),
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// The engine's answer.
    Answer(Answer),
    /// About the live configuration.
    Live(Box<LiveReply>),
    /// What a tool says.
    Tool(Box<ToolReply>),
    /// Done, with warnings.
    Done(Vec<String>),
    /// Not done; sentences for a person.
    Refused(Vec<String>),
    /// What was named does not exist.
    Unknown(String),
    /// Nobody could answer now; trying again may help.
    Unavailable(String),
}

/// Listens on `path` from now on.
pub fn start(runtime: &tokio::runtime::Handle, path: &Path, state: AppState) -> io::Result<()> {
    let _inside = runtime.enter();
    match fs::remove_file(path) {
        // The data folder is locked by us: whoever left it is gone.
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    runtime.spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let state = state.clone();
                    tokio::spawn(async move { serve(stream, state).await });
                }
                Err(error) => {
                    tracing::warn!(%error, "accepting on the control socket failed");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    });
    Ok(())
}

async fn serve(stream: UnixStream, state: AppState) {
    let by = Author { who: account(&stream).into(), door: Door::Socket };
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let mut line = String::new();
    loop {
        line.clear();
        let mut limited = (&mut read).take(REQUEST_BYTES_MAX);
        match tokio::time::timeout(IDLE_LIMIT, limited.read_line(&mut line)).await {
            Ok(Ok(got)) if got > 0 && line.ends_with('\n') => {}
            _ => return,
        }
        let mut lines = None;
        let reply = match serde_json::from_str(&line) {
            Ok(request) => answer(request, &state, &by, &mut lines).await,
            Err(error) => Reply::Refused(vec![format!("this is no request: {error}")]),
        };
        let mut text = serde_json::to_vec(&reply).expect("a reply is plain data");
        text.push(b'\n');
        if write.write_all(&text).await.is_err() {
            return;
        }
        if let Some(lines) = lines {
            return tools::pass_on(lines, read, write).await;
        }
    }
}

/// What the engine says to a command.
pub(super) async fn ask_engine(command: Command, state: &AppState, by: &Author) -> Reply {
    match state.audit.ask(by, command).await {
        Ok(answer) => Reply::Answer(answer),
        Err(Unanswered::Refused(refusal @ Refusal::Unknown { .. })) => Reply::Unknown(refusal.to_string()),
        Err(Unanswered::Refused(refusal @ Refusal::Conflict { .. })) => Reply::Refused(vec![refusal.to_string()]),
        Err(error @ (Unanswered::Busy | Unanswered::Ending)) => Reply::Unavailable(error.to_string()),
    }
}

/// The account of whoever is at the other end.
fn account(stream: &UnixStream) -> String {
    let Ok(peer) = stream.peer_cred() else { return "somebody".to_owned() };
    let account = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(peer.uid()));
    account.ok().flatten().map_or_else(|| format!("uid {}", peer.uid()), |account| account.name)
}

/// Does it, and writes down what was done; commands to the engine are written down where they are asked.
async fn answer(request: Request, state: &AppState, by: &Author, lines: &mut Option<Receiver<Shown>>) -> Reply {
    let deed = deed(&request);
    let reply = reply(request, state, by, lines).await;
    let Some(mut deed) = deed else { return reply };
    match &reply {
        Reply::Live(live) => {
            if let LiveReply::Changed(done) = &**live {
                deed.after = Some(json!({"revision": done.revision}));
            }
        }
        Reply::Refused(why) => deed.refused = Some(why.join("; ")),
        Reply::Unknown(why) | Reply::Unavailable(why) => deed.refused = Some(why.clone()),
        Reply::Answer(_) | Reply::Tool(_) | Reply::Done(_) => {}
    }
    state.audit.note(by, deed).await;
    reply
}

/// What is written down of a request that is no command to the engine; none: it only shows something.
fn deed(request: &Request) -> Option<Deed> {
    let what = |what: &str, about: &str| Some(Deed { what: what.into(), about: about.into(), ..Deed::default() });
    match request {
        Request::Drain => what("drain", "node"),
        Request::Live(request) => match &**request {
            LiveRequest::Change { wanted, why, dry_run: false, expect: _ } => {
                let (what, about) = wanted.words();
                Some(Deed { what: what.to_owned(), about, more: why.clone(), ..Deed::default() })
            }
            LiveRequest::Change { dry_run: true, .. }
            | LiveRequest::Export { .. }
            | LiveRequest::Log { .. }
            | LiveRequest::Show { .. }
            | LiveRequest::Decks
            | LiveRequest::DeckText { .. } => None,
        },
        Request::Tool(tool) => tool.changes().and_then(|(of, about)| what(of, about)),
        // They say more of themselves where they are done.
        Request::Command(_) | Request::Reload => None,
    }
}

/// Reads the configuration again, and writes down what that changed.
async fn reload(state: &AppState, by: &Author) -> Reply {
    let (reloader, who) = (state.reloader.clone(), by.who.to_string());
    // It reads files and may wait for the engine.
    let Ok(reloaded) = tokio::task::spawn_blocking(move || reloader.reload(&who)).await else {
        return Reply::Unavailable("reading the configuration failed".to_owned());
    };
    state.audit.note(by, told::deed(&reloaded)).await;
    let words = |problems: Vec<Problem>| problems.iter().map(ToString::to_string).collect();
    match reloaded {
        Ok(reloaded) => Reply::Done(words(reloaded.warnings)),
        Err(problems) => Reply::Refused(words(problems)),
    }
}

async fn reply(request: Request, state: &AppState, by: &Author, lines: &mut Option<Receiver<Shown>>) -> Reply {
    match request {
        Request::Command(command) => ask_engine(command, state, by).await,
        Request::Reload => reload(state, by).await,
        Request::Live(request) => live::answer(*request, state, &by.who).await,
        Request::Drain => {
            state.gate.drain();
            Reply::Done(Vec::new())
        }
        Request::Tool(tool) => tools::answer(tool, state, by, lines).await,
    }
}

/// Asks once, from a program that is not a server.
pub fn ask(path: &Path, request: &Request) -> io::Result<Reply> {
    open(path, request).map(|(reply, _)| reply)
}

/// Asks, and gives what may follow the reply: a line each.
pub fn open(path: &Path, request: &Request) -> io::Result<(Reply, std::io::BufReader<std::os::unix::net::UnixStream>)> {
    use std::io::{BufRead, Write};
    let mut stream = std::os::unix::net::UnixStream::connect(path)?;
    stream.set_read_timeout(Some(ASK_LIMIT))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut reply = String::new();
    let mut stream = std::io::BufReader::new(stream);
    stream.read_line(&mut reply)?;
    stream.get_ref().set_read_timeout(None)?;
    Ok((serde_json::from_str(&reply)?, stream))
}
