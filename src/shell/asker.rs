//! Commands from people and programs: brings them to the engine and its replies back to whoever asked.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;
use turno_engine::{Answer, Command, Input, Refusal};

use crate::shell::inbox::Inbox;

/// Longest wait for the engine's reply; past it the asker is told so.
const REPLY_WAIT_MAX: Duration = Duration::from_secs(5);
/// Most questions under way; more are refused, so that a script in a loop cannot fill the memory.
const QUESTIONS_MAX: usize = 1024;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// The engine refused it, with a sentence.
    Refused(Refusal),
    /// Too much is under way, or the engine did not reply in time.
    Busy,
    /// The engine is ending.
    Ending,
}

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unanswered::Refused(refusal) => refusal.fmt(f),
            Unanswered::Busy => f.write_str("the engine is busy; try again in a moment"),
            Unanswered::Ending => f.write_str("the engine is ending"),
        }
    }
}

impl std::error::Error for Unanswered {}

/// Brings commands to the engine.
#[derive(Debug)]
pub struct Asker {
    inbox: Inbox,
    open: Mutex<HashMap<u64, oneshot::Sender<Result<Answer, Refusal>>>>,
    next: AtomicU64,
}

impl Asker {
    /// Where its commands go in.
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// An asker of the engine behind `inbox`.
    pub fn new(inbox: Inbox) -> Asker {
        Asker { inbox, open: Mutex::default(), next: AtomicU64::new(1) }
    }

    /// Asks, and waits for the reply.
    pub async fn ask(&self, command: Command) -> Result<Answer, Unanswered> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (reply, answer) = oneshot::channel();
        {
            let mut open = self.open();
            if open.len() >= QUESTIONS_MAX {
                return Err(Unanswered::Busy);
            }
            open.insert(id, reply);
        }
        if self.inbox.house_now(Input::Command { id, command }).is_err() {
            self.open().remove(&id);
            return Err(Unanswered::Busy);
        }
        match tokio::time::timeout(REPLY_WAIT_MAX, answer).await {
            Ok(Ok(answer)) => answer.map_err(Unanswered::Refused),
            Ok(Err(_)) => Err(Unanswered::Ending),
            Err(_) => {
                self.open().remove(&id);
                Err(Unanswered::Busy)
            }
        }
    }

    /// The engine's reply to question `id`; nobody may be waiting for it any more.
    pub fn answer(&self, id: u64, answer: Result<Answer, Refusal>) {
        if let Some(reply) = self.open().remove(&id) {
            let _ = reply.send(answer);
        }
    }

    fn open(&self) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<Result<Answer, Refusal>>>> {
        self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
