//! INVITE client transaction: RFC 3261 §17.1.1 as amended by RFC 6026 §7.2, with the waiting CANCEL of §9.1.

use serde::{Deserialize, Serialize};
use turno_base::Mono;

use super::timing::{Resend, Timing, earlier};

/// Where the transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InviteClient {
    /// Sent, nothing heard (timers A and B).
    Calling {
        /// Timer A; none on streams.
        resend: Option<Resend>,
        /// Timer B.
        give_up_at: Mono,
        /// A CANCEL waits for the first provisional response (RFC 3261 §9.1).
        cancel: bool,
    },
    /// A provisional response came. A phone may ring for minutes: 64·T1 bounds silence, not ringing (§17.1.1.2).
    Proceeding,
    /// CANCEL is out; without a final response in 64·T1 the peer is considered gone (§9.1).
    Cancelling {
        /// When to stop waiting.
        give_up_at: Mono,
    },
    /// Refused and acknowledged (timer D): repeated refusals get the same ACK.
    Completed {
        /// Timer D.
        forget_at: Mono,
    },
    /// Answered (timer M, RFC 6026): each 2xx goes up, also of another fork.
    Accepted {
        /// Timer M.
        forget_at: Mono,
    },
    /// Over.
    Terminated,
}

/// What the machine wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Send the INVITE again.
    Resend,
    /// Give the response to the user.
    Up,
    /// Acknowledge the refusal (§17.1.1.3).
    Ack,
    /// Send CANCEL in a transaction of its own.
    Cancel,
    /// Tell the user that nobody answered: as if 408 had come.
    TimedOut,
    /// Tell the user that the request did not leave: as if 503 had come.
    Failed,
}

impl InviteClient {
    /// The INVITE has been sent.
    pub fn start(timing: &Timing, now: Mono) -> InviteClient {
        let give_up_at = now + timing.silence();
        InviteClient::Calling { resend: Resend::first(timing, now), give_up_at, cancel: false }
    }

    /// A response of this status came.
    pub fn on_response(&mut self, status: u16, timing: &Timing, now: Mono, out: &mut Vec<Want>) {
        use InviteClient as S;
        let refused = || match timing.reliable {
            true => S::Terminated,
            false => S::Completed { forget_at: now + timing.silence() },
        };
        *self = match (*self, status / 100) {
            (S::Calling { cancel, .. }, 1) => {
                out.push(Want::Up);
                if cancel {
                    out.push(Want::Cancel);
                    S::Cancelling { give_up_at: now + timing.silence() }
                } else {
                    S::Proceeding
                }
            }
            (S::Proceeding | S::Cancelling { .. }, 1) => {
                out.push(Want::Up);
                *self
            }
            (S::Calling { .. } | S::Proceeding | S::Cancelling { .. }, 2) => {
                out.push(Want::Up);
                S::Accepted { forget_at: now + timing.silence() }
            }
            (S::Calling { .. } | S::Proceeding | S::Cancelling { .. }, _) => {
                out.extend([Want::Ack, Want::Up]);
                refused()
            }
            (S::Completed { .. }, 3..) => {
                out.push(Want::Ack);
                *self
            }
            // A proxy may relay a late 2xx after its own refusal (RFC 3261 §16.7 step 5): somebody waits for an ACK.
            (S::Completed { .. } | S::Accepted { .. }, 2) => {
                out.push(Want::Up);
                *self
            }
            (S::Completed { .. } | S::Accepted { .. } | S::Terminated, _) => *self,
        };
    }

    /// The user wants the call withdrawn.
    pub fn on_cancel(&mut self, timing: &Timing, now: Mono, out: &mut Vec<Want>) {
        use InviteClient as S;
        *self = match *self {
            S::Calling { resend, give_up_at, .. } => S::Calling { resend, give_up_at, cancel: true },
            S::Proceeding => {
                out.push(Want::Cancel);
                S::Cancelling { give_up_at: now + timing.silence() }
            }
            S::Cancelling { .. } | S::Completed { .. } | S::Accepted { .. } | S::Terminated => *self,
        };
    }

    /// What was sent did not leave.
    pub fn on_failed(&mut self, out: &mut Vec<Want>) {
        use InviteClient as S;
        match *self {
            S::Calling { .. } | S::Proceeding | S::Cancelling { .. } => {
                out.push(Want::Failed);
                *self = S::Terminated;
            }
            S::Completed { .. } => *self = S::Terminated,
            S::Accepted { .. } | S::Terminated => {}
        }
    }

    /// Time passed; early calls do nothing.
    pub fn on_deadline(&mut self, now: Mono, out: &mut Vec<Want>) {
        use InviteClient as S;
        *self = match *self {
            S::Calling { give_up_at, .. } | S::Cancelling { give_up_at } if now >= give_up_at => {
                out.push(Want::TimedOut);
                S::Terminated
            }
            S::Calling { resend: Some(resend), give_up_at, cancel } if now >= resend.at => {
                out.push(Want::Resend);
                S::Calling { resend: Some(resend.doubled(now)), give_up_at, cancel }
            }
            S::Completed { forget_at } | S::Accepted { forget_at } if now >= forget_at => S::Terminated,
            S::Calling { .. }
            | S::Proceeding
            | S::Cancelling { .. }
            | S::Completed { .. }
            | S::Accepted { .. }
            | S::Terminated => *self,
        };
    }

    /// When to call [`InviteClient::on_deadline`].
    pub fn deadline(&self) -> Option<Mono> {
        match *self {
            InviteClient::Calling { resend, give_up_at, .. } => Some(earlier(resend, give_up_at)),
            InviteClient::Cancelling { give_up_at } => Some(give_up_at),
            InviteClient::Completed { forget_at } | InviteClient::Accepted { forget_at } => Some(forget_at),
            InviteClient::Proceeding | InviteClient::Terminated => None,
        }
    }
}
