//! Ends that nobody saw: a session that its peer no longer refreshes, a limit that is reached. The leg ended when it was heard last. Of a
//! session that is asked first: its call goes on without it when media has answered. A limit waits for nobody.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::fact::What;
use turno_base::{Cause, EndedBy, LegId, Mono, Now, Outcome, Reason};

use crate::call::{Agency, Call, FIGURES_WAIT, Stage, Talk, Transferring};
use crate::leg::LegState;
use crate::turn::Turn;

/// Whoever was heard so lately was there until the end that was found.
pub const HEARD_LATELY: Duration = Duration::from_secs(2);
/// The longest call, or the budget of one, is at its end (Q.850 31: normal, unspecified).
const DURATION_LIMIT: Cause = Cause::new(480, 31, Reason::DurationLimit);

/// What a limit ended, until it is known when the caller was heard last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stuck {
    /// Of everybody who was in it.
    legs: Vec<LegId>,
    /// Who had the conversation: he is free when it is known until when he talked, so that the facts come in that order.
    agency: Option<Agency>,
    found: Now,
}

/// Since when nothing was heard of who was found to be gone, if that is long enough to count. Where media has not said, it was until found.
fn silent_since(heard: Option<Now>, found: Now, now: Now) -> Option<Now> {
    let heard = heard.unwrap_or(found);
    (now.mono.since(heard.mono) >= HEARD_LATELY).then_some(heard)
}

impl Call {
    /// Whether the end of a leg waits until it is known when it was heard last.
    pub(crate) fn is_lost_by(&mut self, id: LegId, cause: Cause, by_peer: bool, t: &Turn<'_>) -> bool {
        let Some(leg) = self.legs.get_mut(id) else { return false };
        let is_found = matches!(cause.reason, Reason::SessionExpired | Reason::Unreachable);
        if leg.is_up() && leg.owes_figures && !by_peer && is_found {
            leg.state = LegState::Lost { cause, found: t.now };
        }
        matches!(leg.state, LegState::Lost { .. })
    }

    /// What media says of a lost leg has come, or has not in time: then it ended when that was found, and not as much later.
    pub(crate) fn on_lost(&mut self, id: LegId, heard: Option<Now>, t: &mut Turn<'_>) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        let LegState::Lost { cause, found } = leg.state else { return };
        leg.state = LegState::Up;
        if let Some(heard) = silent_since(heard, found, t.now) {
            let is_over = id == self.caller || !self.goes_on_without(id);
            for leg in self.legs.iter().filter(|leg| leg.is_up() && (is_over || leg.id == id)) {
                t.fact(What::LegSilent { call: self.id, leg: leg.id, heard });
            }
        }
        self.on_over(id, cause, false, t);
    }

    /// Whether the caller is still served when this leg of another is gone.
    fn goes_on_without(&self, id: LegId) -> bool {
        match &self.stage {
            Stage::Talking(talk) if talk.other == id => self.rescuable().is_some(),
            Stage::Talking(_)
            | Stage::Transferring(_)
            | Stage::CallingBack(_)
            | Stage::Waiting(_)
            | Stage::Arriving { .. }
            | Stage::Ringing(_)
            | Stage::Saying { .. }
            | Stage::Coding { .. }
            | Stage::Parked(_)
            | Stage::Choosing(_)
            | Stage::Leaving(_)
            | Stage::Ending => true,
        }
    }

    /// The longest call, or its budget: over for everybody at once, and for what is billed since the caller was heard last. What media says
    /// of him comes with his figures; until then whoever had him is not free.
    pub(crate) fn on_duration_limit(&mut self, t: &mut Turn<'_>) {
        if self.legs.get(self.caller).is_some_and(|leg| leg.is_up() && leg.owes_figures) {
            let agency = match &mut self.stage {
                Stage::Talking(Talk { agency, .. }) | Stage::Transferring(Transferring { agency, .. }) => agency.take(),
                Stage::CallingBack(_)
                | Stage::Waiting(_)
                | Stage::Arriving { .. }
                | Stage::Ringing(_)
                | Stage::Saying { .. }
                | Stage::Coding { .. }
                | Stage::Parked(_)
                | Stage::Choosing(_)
                | Stage::Leaving(_)
                | Stage::Ending => None,
            };
            let legs = self.legs.iter().filter(|leg| leg.is_up()).map(|leg| leg.id).collect();
            self.stuck = Some(Stuck { legs, agency, found: t.now });
        }
        self.finish(Outcome::Cancelled, EndedBy::Us, DURATION_LIMIT, t);
    }

    /// Media has said when the caller was heard last whom a limit ended.
    pub(crate) fn on_stuck(&mut self, id: LegId, heard: Now, t: &mut Turn<'_>) {
        if id == self.caller {
            self.let_go(Some(heard), t);
        }
    }

    /// When a call that a limit ended waits no longer for what media says.
    pub(crate) fn stuck_until(&self) -> Option<Mono> {
        self.stuck.as_ref().map(|stuck| stuck.found.mono + FIGURES_WAIT)
    }

    /// Whoever had the caller whom a limit ended is free. If media has not said when he was heard last he was there until the limit.
    pub(crate) fn let_go(&mut self, heard: Option<Now>, t: &mut Turn<'_>) {
        let Some(Stuck { legs, agency, found }) = self.stuck.take() else { return };
        if let Some(heard) = silent_since(heard, found, t.now) {
            for leg in legs {
                t.fact(What::LegSilent { call: self.id, leg, heard });
            }
        }
        if let Some(agency) = agency {
            t.released(self.id, agency);
        }
    }
}
