//! A REFER that comes before the 2xx of the call it belongs to. A phone that answers by itself and transfers at once sends
//! both within a few milliseconds, and datagrams overtake each other: whoever refuses the REFER then (481) refuses a
//! transfer that was asked for in order. It waits for the dialog instead. Nothing else of a peer is worth waiting for: what
//! it says of a call that is not answered yet is either a response or an error.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::{Mono, Now};

use super::leg::{Leg, Stage};
use super::{Count, SipEffect, SipEvent, Ua};
use crate::flow::Flow;
use crate::message::Message;

/// Longest that a REFER waits for the 2xx: three repetitions of one that was lost (RFC 3261 §13.3.1.4), and far below the
/// 32 s after which the phone gives up by itself.
pub(super) const REFER_AHEAD_MAX: Duration = Duration::from_secs(4);

/// A REFER that waits. One a leg: a second is told to come later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ahead {
    flow: Flow,
    request: Message,
    pub(super) give_up_at: Mono,
}

impl Ua {
    /// A station's REFER in a call that we dial and that is not answered: kept if it is of one of its INVITEs.
    pub(super) fn on_refer_ahead(
        &mut self,
        mut leg: Leg,
        (flow, request): (Flow, &Message),
        tag: &str,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let Stage::Dialling(dialling) = &mut leg.stage else { return self.put(leg) };
        let call_id = request.call_id().unwrap_or("");
        let is_asked = dialling.branches.iter().any(|b| b.local_tag == tag && b.call_id == call_id);
        let refused = match &dialling.ahead {
            _ if !is_asked => Some(481),
            Some(ahead) if ahead.request.cseq() == request.cseq() => {
                out.push(SipEffect::Event(SipEvent::Counted(Count::Retransmission)));
                None
            }
            Some(_) => Some(491),
            None => {
                let give_up_at = now.mono + REFER_AHEAD_MAX;
                dialling.ahead = Some(Box::new(Ahead { flow, request: request.clone(), give_up_at }));
                None
            }
        };
        self.put(leg);
        if let Some(status) = refused {
            self.reply(flow, request, status, out);
        }
    }

    /// The leg is answered, or that answer was of no use: what waited for it is served as if it came now.
    pub(super) fn on_ahead(&mut self, ahead: Option<Box<Ahead>>, now: Now, out: &mut Vec<SipEffect>) {
        let Some(ahead) = ahead else { return };
        let tag = ahead.request.to().ok().and_then(|to| to.tag()).unwrap_or("");
        self.on_inside(ahead.flow, &ahead.request, tag, now, out);
    }

    /// Nobody answers the call any more, or not in time.
    pub(super) fn refuse_ahead(&self, ahead: Option<Box<Ahead>>, out: &mut Vec<SipEffect>) {
        if let Some(ahead) = ahead {
            self.reply(ahead.flow, &ahead.request, 481, out);
        }
    }
}

impl Leg {
    /// Takes out what waits for the leg's answer.
    pub(super) fn take_ahead(&mut self) -> Option<Box<Ahead>> {
        match &mut self.stage {
            Stage::Dialling(dialling) => dialling.ahead.take(),
            Stage::Arriving(_) | Stage::Up(_) => None,
        }
    }
}
