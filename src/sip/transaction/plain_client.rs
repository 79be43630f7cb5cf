//! Non-INVITE client transaction: RFC 3261 §17.1.2.

use serde::{Deserialize, Serialize};
use turno_base::Mono;

use super::timing::{Resend, Timing, earlier};

/// Where the transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlainClient {
    /// Sent, nothing heard (timers E and F).
    Trying {
        /// Timer E; none on streams.
        resend: Option<Resend>,
        /// Timer F.
        give_up_at: Mono,
    },
    /// A provisional response came; still repeated, each T2.
    Proceeding {
        /// Timer E; none on streams.
        resend: Option<Resend>,
        /// Timer F.
        give_up_at: Mono,
    },
    /// A final response came; its repetitions are absorbed (timer K).
    Completed {
        /// Timer K.
        forget_at: Mono,
    },
    /// Over.
    Terminated,
}

/// What the machine wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Send the request again.
    Resend,
    /// Give the response to the user.
    Up,
    /// Tell the user that nobody answered.
    TimedOut,
    /// Tell the user that the request did not leave.
    Failed,
}

impl PlainClient {
    /// The request has been sent.
    pub fn start(timing: &Timing, now: Mono) -> PlainClient {
        PlainClient::Trying { resend: Resend::first(timing, now), give_up_at: now + timing.silence() }
    }

    /// A response of this status came.
    pub fn on_response(&mut self, status: u16, timing: &Timing, now: Mono, out: &mut Vec<Want>) {
        use PlainClient as S;
        *self = match (*self, status / 100) {
            (S::Trying { resend, give_up_at }, 1) => {
                out.push(Want::Up);
                S::Proceeding { resend: resend.map(|_| Resend::every_t2(timing, now)), give_up_at }
            }
            (S::Proceeding { .. }, 1) => {
                out.push(Want::Up);
                *self
            }
            (S::Trying { .. } | S::Proceeding { .. }, _) => {
                out.push(Want::Up);
                if timing.reliable { S::Terminated } else { S::Completed { forget_at: now + timing.t4 } }
            }
            (S::Completed { .. } | S::Terminated, _) => *self,
        };
    }

    /// What was sent did not leave.
    pub fn on_failed(&mut self, out: &mut Vec<Want>) {
        match *self {
            PlainClient::Trying { .. } | PlainClient::Proceeding { .. } => {
                out.push(Want::Failed);
                *self = PlainClient::Terminated;
            }
            PlainClient::Completed { .. } | PlainClient::Terminated => {}
        }
    }

    /// Time passed; early calls do nothing.
    pub fn on_deadline(&mut self, timing: &Timing, now: Mono, out: &mut Vec<Want>) {
        use PlainClient as S;
        *self = match *self {
            S::Trying { give_up_at, .. } | S::Proceeding { give_up_at, .. } if now >= give_up_at => {
                out.push(Want::TimedOut);
                S::Terminated
            }
            S::Trying { resend: Some(resend), give_up_at } if now >= resend.at => {
                out.push(Want::Resend);
                S::Trying { resend: Some(resend.doubled_to_t2(timing, now)), give_up_at }
            }
            S::Proceeding { resend: Some(resend), give_up_at } if now >= resend.at => {
                out.push(Want::Resend);
                S::Proceeding { resend: Some(Resend::every_t2(timing, now)), give_up_at }
            }
            S::Completed { forget_at } if now >= forget_at => S::Terminated,
            S::Trying { .. } | S::Proceeding { .. } | S::Completed { .. } | S::Terminated => *self,
        };
    }

    /// When to call [`PlainClient::on_deadline`].
    pub fn deadline(&self) -> Option<Mono> {
        match *self {
            PlainClient::Trying { resend, give_up_at } | PlainClient::Proceeding { resend, give_up_at } => {
                Some(earlier(resend, give_up_at))
            }
            PlainClient::Completed { forget_at } => Some(forget_at),
            PlainClient::Terminated => None,
        }
    }
}
