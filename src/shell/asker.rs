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
    /// Held while a command is brought between two looks, so that no other command comes between them.
    between: Mutex<()>,
}

/// A question under way.
struct Question {
    id: u64,
    answer: oneshot::Receiver<Result<Answer, Refusal>>,
}

/// What was seen, what the command was answered, what is seen now.
pub struct Around {
    /// Just before; none: nothing was to be looked at, or it was not there.
    pub before: Option<Answer>,
    /// To the command.
    pub answer: Result<Answer, Unanswered>,
    /// Just after.
    pub after: Option<Answer>,
}

impl Asker {
    /// Where its commands go in.
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// An asker of the engine behind `inbox`.
    pub fn new(inbox: Inbox) -> Asker {
        Asker { inbox, open: Mutex::default(), next: AtomicU64::new(1), between: Mutex::default() }
    }

    /// Asks, and waits for the reply.
    pub async fn ask(&self, command: Command) -> Result<Answer, Unanswered> {
        let question = self.bring(command)?;
        self.reply(question).await
    }

    /// Asks `command`, and `look` just before and just after it.
    pub async fn ask_around(&self, look: Option<Command>, command: Command) -> Around {
        let (before, asked, after) = {
            let _alone = self.between.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            (look.clone().map(|look| self.bring(look)), self.bring(command), look.map(|look| self.bring(look)))
        };
        let before = self.seen(before).await;
        let answer = match asked {
            Ok(question) => self.reply(question).await,
            Err(error) => Err(error),
        };
        Around { before, answer, after: self.seen(after).await }
    }

    async fn seen(&self, look: Option<Result<Question, Unanswered>>) -> Option<Answer> {
        self.reply(look?.ok()?).await.ok()
    }

    fn bring(&self, command: Command) -> Result<Question, Unanswered> {
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
        Ok(Question { id, answer })
    }

    async fn reply(&self, Question { id, answer }: Question) -> Result<Answer, Unanswered> {
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
