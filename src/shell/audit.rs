//! Who did what: each command and change that a person or program asked for, with who, when and by which door, and what it was
//! about as it stood just before and just after.
//!
//! `audit.sqlite` in the data folder ([`log`]); whoever has an answer stands in it already. Bounded by number ([`ENTRIES_MAX`]) and by
//! age (`node.audit_kept`). Numbers of callers are shortened to what is recognised, and what a change of a customer says of him lies
//! with the customers ([`Entry::edit`]), so that nothing here has to be forgotten with him. What a change of the configuration changed
//! is in its revision, which is named ([`crate::shell::live`]). What cannot be written is said in the log, with everything that would
//! have been written: nobody is refused for it.

mod beside;
mod log;
mod words;

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::oneshot;
use turno_base::Wall;
use turno_engine::{Answer, Command};

use crate::shell::asker::{Asker, Unanswered};
use crate::shell::clock::wall;
use crate::shell::store::customers::Customers;
use log::{Line, Log};

pub use beside::{Beside, POINTER, account, point};
pub use log::ENTRIES_MAX;

/// Its name in the data folder.
pub const FILE: &str = "audit.sqlite";
/// Entries that one question shows.
pub const SHOWN_MAX: u32 = 1000;
/// Entries that go to the disk together; more wait for the next time.
const TOGETHER_MAX: usize = 256;

/// How somebody came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Door {
    /// The control socket.
    Socket,
    /// HTTP.
    Rest,
    /// The manager interface.
    Ami,
    /// A command on the folders of a node, beside it or without one.
    Cli,
    /// A signal of the machine; who sent it is not known.
    Signal,
}

impl Door {
    const ALL: [Door; 5] = [Door::Socket, Door::Rest, Door::Ami, Door::Cli, Door::Signal];

    /// The word in lists.
    pub const fn as_str(self) -> &'static str {
        match self {
            Door::Socket => "socket",
            Door::Rest => "rest",
            Door::Ami => "ami",
            Door::Cli => "cli",
            Door::Signal => "signal",
        }
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// Account of the machine, token, person or login.
    pub who: Arc<str>,
    /// How he came in.
    pub door: Door,
}

/// What was done, or refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deed {
    /// In words of the command line, or method of HTTP.
    pub what: String,
    /// `agent/anna`, `queue/averias`, or a path.
    pub about: String,
    /// What else was said.
    pub more: String,
    /// Why not; none: it was done.
    pub refused: Option<String>,
    /// What is different, as it was.
    pub before: Option<Value>,
    /// And as it is.
    pub after: Option<Value>,
    /// What is different of a customer, by the number under which his store tells it.
    pub edit: Option<i64>,
}

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts up over the life of the data folder.
    pub number: u64,
    /// RFC 3339, UTC.
    pub at: String,
    /// Account of the machine, token, person or login.
    pub who: String,
    /// How he came in.
    pub door: Door,
    /// In words of the command line, or method of HTTP.
    pub what: String,
    /// `agent/anna`, `queue/averias`, or a path.
    pub about: String,
    /// What else was said.
    pub more: String,
    /// Why not; none: it was done.
    pub refused: Option<String>,
    /// What is different, as it was; none: nothing was looked at.
    pub before: Option<Value>,
    /// And as it is.
    pub after: Option<Value>,
    /// Of a customer: the number under which his store tells before and after, for as long as he is not forgotten.
    pub edit: Option<i64>,
}

/// Which entries are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// The last so many, at most [`SHOWN_MAX`].
    pub last: u32,
    /// Of this account, token, person or login.
    pub who: Option<String>,
    /// About this, or what it begins with: `agent/`.
    pub about: Option<String>,
}

/// Deeds that wait for the disk, each with who waits for it.
#[derive(Default)]
struct Waiting {
    lines: VecDeque<(Line, oneshot::Sender<()>)>,
    /// Somebody is writing, and will look here again.
    is_writing: bool,
}

/// The log; clones write the same.
#[derive(Clone)]
pub struct Audit {
    asker: Arc<Asker>,
    log: Arc<Mutex<Log>>,
    waiting: Arc<Mutex<Waiting>>,
    /// Older entries go, µs.
    kept: i64,
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Audit(…)")
    }
}

impl Audit {
    /// In `dir`, where entries are kept for so long, of commands that `asker` brings to the engine. A file that cannot be used is
    /// named in the log, and entries are in memory then.
    pub fn open(asker: Arc<Asker>, dir: &Path, kept: Duration) -> Audit {
        let log = Log::open(dir).unwrap_or_else(|error| {
            let path = dir.join(FILE);
            tracing::error!(path = %path.display(), %error, "cannot be used: who does what is known until the process ends");
            Log::in_memory()
        });
        let kept = i64::try_from(kept.as_micros()).unwrap_or(i64::MAX);
        Audit { asker, log: Arc::new(Mutex::new(log)), waiting: Arc::default(), kept }
    }

    /// Nothing older is kept, here or elsewhere.
    pub fn kept_since(&self) -> Wall {
        Wall(wall().0.saturating_sub(self.kept))
    }

    /// What brings commands to the engine that change nothing.
    pub fn asker(&self) -> &Asker {
        &self.asker
    }

    /// Asks the engine; what changes something is written down before it is answered.
    pub async fn ask(&self, by: &Author, command: Command) -> Result<Answer, Unanswered> {
        let Some(told) = words::told(&command) else { return self.asker.ask(command).await };
        let around = self.asker.ask_around(told.look.clone(), command).await;
        let refused = around.answer.as_ref().err().map(ToString::to_string);
        let before = around.before.as_ref().map(|answer| words::seen(answer, &told));
        let after = match (&around.after, &around.answer) {
            (Some(answer), _) => Some(words::seen(answer, &told)),
            // What is new was not there to be looked at.
            (None, Ok(answer @ (Answer::Calls(_) | Answer::Tasks(_)))) => Some(words::made(answer)),
            (None, Ok(_) | Err(_)) => None,
        };
        let (before, after) = words::different(before, after);
        let deed =
            Deed { what: told.what.to_owned(), about: told.about, more: told.more, refused, before, after, edit: None };
        self.note(by, deed).await;
        around.answer
    }

    /// Writes down what was done otherwise; durable when this returns. What comes while the disk is at work goes there together
    /// afterwards: a shift that logs in waits for a few syncs, not for one each.
    pub async fn note(&self, by: &Author, deed: Deed) {
        let (done, is_first) = self.queue(Line { by: by.clone(), deed, at: wall() });
        if is_first {
            let audit = self.clone();
            // It waits for the disk.
            tokio::task::spawn_blocking(move || while audit.write_waiting() > 0 {});
        }
        if done.await.is_err() {
            tracing::error!("what was done is not in the audit log");
        }
    }

    /// As [`Audit::note`], on a thread that may wait for the disk itself. If another is writing already, that one brings it there.
    pub fn note_here(&self, by: &Author, deed: Deed) {
        let (_, is_first) = self.queue(Line { by: by.clone(), deed, at: wall() });
        while is_first && self.write_waiting() > 0 {}
    }

    /// Waits for the disk from now on; true: nobody writes yet, so whoever brought it must.
    fn queue(&self, line: Line) -> (oneshot::Receiver<()>, bool) {
        let (tell, done) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.lines.push_back((line, tell));
        (done, !std::mem::replace(&mut waiting.is_writing, true))
    }

    /// Brings what waits to the disk, up to [`TOGETHER_MAX`] in one go, and says so to who waits for it; how many there were. None:
    /// nobody writes any more.
    fn write_waiting(&self) -> usize {
        let taken: Vec<_> = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let many = waiting.lines.len().min(TOGETHER_MAX);
            waiting.is_writing = many > 0;
            waiting.lines.drain(..many).collect()
        };
        let (lines, tell): (Vec<Line>, Vec<_>) = taken.into_iter().unzip();
        if !lines.is_empty() {
            self.write(&lines);
        }
        let many = lines.len();
        for tell in tell {
            // Whoever went away has his line all the same.
            let _ = tell.send(());
        }
        many
    }

    fn write(&self, lines: &[Line]) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = log.write(lines, Some(self.kept)) {
            for Line { by, deed, at } in lines {
                tracing::error!(%error, who = %by.who, door = by.door.as_str(), ?deed, %at, "this is not in the audit log");
            }
        }
    }

    /// The youngest first, what is told by the customers in `records` as well. Reads the disk.
    pub fn list(&self, wanted: &Wanted, records: &Path) -> rusqlite::Result<Vec<Entry>> {
        let mut entries = self.log.lock().unwrap_or_else(PoisonError::into_inner).list(wanted)?;
        tell_edits(&mut entries, records);
        Ok(entries)
    }
}

/// Puts before and after to changes of customers, from their store in `records`; of who is forgotten there is nothing to put.
fn tell_edits(entries: &mut [Entry], records: &Path) {
    if entries.iter().all(|entry| entry.edit.is_none()) {
        return;
    }
    let edits = entries.iter().filter_map(|entry| entry.edit);
    match Customers::open_existing(records).and_then(|store| store.edits(edits)) {
        Ok(mut told) => {
            for entry in entries {
                if let Some((before, after)) = entry.edit.and_then(|edit| told.remove(&edit)) {
                    (entry.before, entry.after) = (Some(before), Some(after));
                }
            }
        }
        Err(error) => tracing::warn!(%error, "what changed of customers cannot be told"),
    }
}

#[cfg(test)]
mod tests;
