//! Non-INVITE server transaction: RFC 3261 §17.2.2. Without provisional responses (RFC 4320 §4.1), so nothing is
//! said until the final one.

use serde::{Deserialize, Serialize};
use turno_base::Mono;

use super::timing::Timing;

/// Where the transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlainServer {
    /// The user decides.
    Trying,
    /// Answered; a repeated request gets the same answer (timer J).
    Completed {
        /// Timer J.
        forget_at: Mono,
    },
    /// Over.
    Terminated,
}

/// What the machine wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Send the response just given.
    Send,
    /// Send the last response again.
    Repeat,
}

impl PlainServer {
    /// The request arrived.
    pub fn start() -> PlainServer {
        PlainServer::Trying
    }

    /// The request arrived again.
    pub fn on_request(&mut self, out: &mut Vec<Want>) {
        match self {
            PlainServer::Completed { .. } => out.push(Want::Repeat),
            PlainServer::Trying | PlainServer::Terminated => {}
        }
    }

    /// The user gives the final response.
    pub fn on_respond(&mut self, timing: &Timing, now: Mono, out: &mut Vec<Want>) {
        match self {
            PlainServer::Trying => {
                out.push(Want::Send);
                *self = match timing.reliable {
                    true => PlainServer::Terminated,
                    false => PlainServer::Completed { forget_at: now + timing.silence() },
                };
            }
            PlainServer::Completed { .. } | PlainServer::Terminated => {}
        }
    }

    /// The response did not leave.
    pub fn on_failed(&mut self) {
        *self = PlainServer::Terminated;
    }

    /// Time passed; early calls do nothing.
    pub fn on_deadline(&mut self, now: Mono) {
        match *self {
            PlainServer::Completed { forget_at } if now >= forget_at => *self = PlainServer::Terminated,
            PlainServer::Trying | PlainServer::Completed { .. } | PlainServer::Terminated => {}
        }
    }

    /// When to call [`PlainServer::on_deadline`].
    pub fn deadline(&self) -> Option<Mono> {
        match *self {
            PlainServer::Completed { forget_at } => Some(forget_at),
            PlainServer::Trying | PlainServer::Terminated => None,
        }
    }
}
