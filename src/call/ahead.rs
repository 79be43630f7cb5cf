//! A transfer that is asked for a moment before its conversation has begun: a phone that answers by itself may ask within
//! milliseconds, while the open record is still on its way to the disk and the caller is not answered for it. It is kept
//! until both are there.

use serde::{Deserialize, Serialize};
use turno_base::{LegId, Mono};

use crate::boundary::LegEvent;
use crate::call::{Call, RECORD_WAIT, Stage};
use crate::turn::Turn;

/// A transfer asked for too early. One a call: a second is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AskedAhead {
    by: LegId,
    to: String,
    replaces: Option<LegId>,
    /// Refused then: without its record the call itself does not live longer.
    pub(crate) give_up_at: Mono,
}

impl Call {
    /// Keeps what `by` asks for if his conversation is about to begin, else refuses it.
    pub(crate) fn transfer_once_talking(&mut self, by: LegId, to: &str, replaces: Option<LegId>, t: &mut Turn<'_>) {
        if self.asked_ahead.is_some() || !self.is_about_to_converse(by) {
            return self.refuse_transfer(by, 481, t);
        }
        let give_up_at = t.now.mono + RECORD_WAIT;
        self.asked_ahead = Some(AskedAhead { by, to: to.to_owned(), replaces, give_up_at });
    }

    /// What was asked for ahead and can be done now; what can be done no more is refused.
    pub(crate) fn transfer_due(&mut self, t: &mut Turn<'_>) -> Option<(LegId, LegEvent)> {
        let by = self.asked_ahead.as_ref()?.by;
        if self.is_conversing(by) {
            let AskedAhead { by, to, replaces, give_up_at: _ } = self.asked_ahead.take()?;
            return Some((by, LegEvent::TransferAsked { to, replaces }));
        }
        if !self.is_about_to_converse(by) {
            self.give_up_ahead(t);
        }
        None
    }

    /// It did not come to the conversation in time.
    pub(crate) fn give_up_ahead(&mut self, t: &mut Turn<'_>) {
        if let Some(asked) = self.asked_ahead.take() {
            self.refuse_transfer(asked.by, 481, t);
        }
    }

    /// He is answered, and whom he is to talk with is on his way.
    fn is_about_to_converse(&self, leg: LegId) -> bool {
        let is_coming = |id: LegId| self.legs.get(id).is_some_and(|leg| !leg.is_ending());
        if !self.legs.is_up(leg) {
            return false;
        }
        match &self.stage {
            Stage::Talking(talk) if leg == self.caller => is_coming(talk.other),
            Stage::Talking(talk) => leg == talk.other && is_coming(self.caller),
            Stage::Waiting(waiting) => waiting.offers.iter().any(|offer| offer.leg == leg && offer.accepted),
            Stage::Arriving { .. }
            | Stage::Ringing(_)
            | Stage::Transferring(_)
            | Stage::CallingBack(_)
            | Stage::Saying { .. }
            | Stage::Coding { .. }
            | Stage::Parked(_)
            | Stage::Choosing(_)
            | Stage::Leaving(_)
            | Stage::Ending => false,
        }
    }
}
