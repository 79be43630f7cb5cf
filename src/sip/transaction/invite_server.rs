//! INVITE server transaction: RFC 3261 §17.2.1 as amended by RFC 6026 §7.1.

use serde::{Deserialize, Serialize};
use turno_base::Mono;

use super::timing::{Resend, Timing, earlier};

/// Where the transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InviteServer {
    /// 100 or another provisional response was sent; the user decides.
    Proceeding,
    /// Refused; the refusal is repeated until the ACK (timers G and H).
    Completed {
        /// Timer G; none on streams.
        resend: Option<Resend>,
        /// Timer H.
        give_up_at: Mono,
    },
    /// The ACK of the refusal came; its repetitions are absorbed (timer I).
    Confirmed {
        /// Timer I.
        forget_at: Mono,
    },
    /// A 2xx was sent; repetitions of the INVITE are absorbed, the user repeats the 2xx (timer L).
    Accepted {
        /// Timer L.
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
    /// Give the ACK to the user.
    AckUp,
    /// Tell the user that no ACK came for the refusal.
    AckMissing,
    /// Tell the user that a response did not leave.
    Failed,
}

impl InviteServer {
    /// The INVITE arrived and 100 goes out.
    pub fn start() -> InviteServer {
        InviteServer::Proceeding
    }

    /// The INVITE arrived again.
    pub fn on_request(&mut self, out: &mut Vec<Want>) {
        match self {
            InviteServer::Proceeding | InviteServer::Completed { .. } => out.push(Want::Repeat),
            InviteServer::Confirmed { .. } | InviteServer::Accepted { .. } | InviteServer::Terminated => {}
        }
    }

    /// The user gives a response.
    pub fn on_respond(&mut self, status: u16, timing: &Timing, now: Mono, out: &mut Vec<Want>) {
        use InviteServer as S;
        *self = match (*self, status / 100) {
            (S::Proceeding, 1) => {
                out.push(Want::Send);
                S::Proceeding
            }
            (S::Proceeding, 2) => {
                out.push(Want::Send);
                S::Accepted { forget_at: now + timing.silence() }
            }
            (S::Proceeding, _) => {
                out.push(Want::Send);
                S::Completed { resend: Resend::first(timing, now), give_up_at: now + timing.silence() }
            }
            (S::Accepted { .. }, 2) => {
                out.push(Want::Send);
                *self
            }
            (S::Accepted { .. } | S::Completed { .. } | S::Confirmed { .. } | S::Terminated, _) => *self,
        };
    }

    /// An ACK with this transaction's branch came.
    pub fn on_ack(&mut self, timing: &Timing, now: Mono, out: &mut Vec<Want>) {
        use InviteServer as S;
        match *self {
            S::Completed { .. } if timing.reliable => *self = S::Terminated,
            S::Completed { .. } => *self = S::Confirmed { forget_at: now + timing.t4 },
            S::Accepted { .. } => out.push(Want::AckUp),
            S::Proceeding | S::Confirmed { .. } | S::Terminated => {}
        }
    }

    /// A response did not leave.
    pub fn on_failed(&mut self, out: &mut Vec<Want>) {
        use InviteServer as S;
        match *self {
            S::Proceeding | S::Completed { .. } => {
                out.push(Want::Failed);
                *self = S::Terminated;
            }
            S::Confirmed { .. } | S::Accepted { .. } | S::Terminated => {}
        }
    }

    /// Time passed; early calls do nothing.
    pub fn on_deadline(&mut self, timing: &Timing, now: Mono, out: &mut Vec<Want>) {
        use InviteServer as S;
        *self = match *self {
            S::Completed { give_up_at, .. } if now >= give_up_at => {
                out.push(Want::AckMissing);
                S::Terminated
            }
            S::Completed { resend: Some(resend), give_up_at } if now >= resend.at => {
                out.push(Want::Repeat);
                S::Completed { resend: Some(resend.doubled_to_t2(timing, now)), give_up_at }
            }
            S::Confirmed { forget_at } | S::Accepted { forget_at } if now >= forget_at => S::Terminated,
            S::Proceeding | S::Completed { .. } | S::Confirmed { .. } | S::Accepted { .. } | S::Terminated => *self,
        };
    }

    /// When to call [`InviteServer::on_deadline`].
    pub fn deadline(&self) -> Option<Mono> {
        match *self {
            InviteServer::Completed { resend, give_up_at } => Some(earlier(resend, give_up_at)),
            InviteServer::Confirmed { forget_at } | InviteServer::Accepted { forget_at } => Some(forget_at),
            InviteServer::Proceeding | InviteServer::Terminated => None,
        }
    }
}
