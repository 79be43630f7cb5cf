//! Responses that the user agent itself repeats until the peer has them: 2xx to INVITE until its ACK (RFC 3261
//! §13.3.1.4), reliable 1xx until its PRACK (RFC 3262 §3). On streams too: a proxy behind may lose them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::Mono;

use super::SipEffect;
use crate::config::SipRules;
use crate::flow::Destination;

/// A response under repetition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Repeated {
    to: Destination,
    #[serde(with = "turno_base::bytes")]
    bytes: Vec<u8>,
    at: Mono,
    wait: Duration,
    give_up_at: Mono,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// It goes on.
    Left,
    /// 64·T1 have passed.
    Gone,
}

impl Repeated {
    /// The response has been sent once.
    pub(super) fn new(to: Destination, bytes: Vec<u8>, rules: &SipRules, now: Mono) -> Repeated {
        Repeated { to, bytes, at: now + rules.t1, wait: rules.t1, give_up_at: now + rules.t1 * 64 }
    }

    pub(super) fn on_deadline(&mut self, wait_max: Duration, now: Mono, out: &mut Vec<SipEffect>) -> Patience {
        if now >= self.give_up_at {
            return Patience::Gone;
        }
        if now >= self.at {
            out.push(SipEffect::Send { to: self.to, bytes: self.bytes.clone(), token: 0 });
            self.wait = self.wait.saturating_mul(2).min(wait_max);
            self.at = now + self.wait;
        }
        Patience::Left
    }

    pub(super) fn deadline(&self) -> Mono {
        self.at.min(self.give_up_at)
    }
}
