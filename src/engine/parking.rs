//! Seam: calls that people park and take.

use turno_acd::Kind;
use turno_base::{AgentId, CallId, Now};
use turno_call::{CallEvent, ParkRefusal, Pulled};

use crate::Rooms;
use crate::boundary::Refusal;
use crate::commands::no_call;
use crate::turn::Turn;
use crate::views::{Answer, ROWS_MAX};

impl Rooms {
    pub(crate) fn park(&mut self, call: CallId, slot: Option<u32>, turn: &mut Turn<'_>) -> Result<Answer, Refusal> {
        self.calls.may_park(call, slot).map_err(refusal)?;
        self.tell_call(CallEvent::Park { call, slot }, turn);
        Ok(Answer::Done)
    }

    pub(crate) fn pull(&mut self, call: CallId, agent: AgentId, turn: &mut Turn<'_>) -> Result<Answer, Refusal> {
        self.known_agent(agent)?;
        self.calls.may_pull(call, agent).map_err(refusal)?;
        self.tell_call(CallEvent::Pull { call, agent }, turn);
        Ok(Answer::Done)
    }

    /// The call that is to be taken, if there is one.
    pub(crate) fn pulled(&self, pulled: Pulled, now: Now) -> Option<CallId> {
        match pulled {
            Pulled::Longest => self.calls.parked_in(None),
            Pulled::Slot(slot) => self.calls.parked_in(Some(slot)),
            Pulled::FirstOf(queue) => {
                let waiting = self.acd.waiting(queue, ROWS_MAX, now);
                waiting.into_iter().find(|row| row.kind == Kind::Call).map(|row| row.item.0)
            }
        }
    }

    /// Where a parked call is, and what becomes of it.
    pub(crate) fn parked_words(&self, call: CallId, now: Now) -> Option<String> {
        let row = self.calls.row(call, now)?;
        let (slot, since, left) = row.parked?;
        let back = row.queue.map_or_else(|| "whoever parked it".to_owned(), |queue| queue.to_string());
        Some(format!("parked in slot {slot} for {} s; back to {back} in {} s", since.as_secs(), left.as_secs()))
    }
}

fn refusal(refused: ParkRefusal) -> Refusal {
    match refused {
        ParkRefusal::NoSuchCall(call) => no_call(call),
        ParkRefusal::NotTalking(_)
        | ParkRefusal::NoSuchSlot(_)
        | ParkRefusal::SlotTaken(_)
        | ParkRefusal::Full
        | ParkRefusal::NotToBeTaken(_)
        | ParkRefusal::NotSeated(_)
        | ParkRefusal::Busy(_) => Refusal::Conflict { sentence: refused.to_string() },
    }
}
