//! Seam: a callback that the ACD wants made becomes a call; what people ask about callbacks becomes commands.

use turno_acd::{CallBack, CallbackRow, Command};
use turno_base::{E164, ItemId, Now, QueueId, Wall};
use turno_call::{CallEvent, CallingBack, Customer};

use crate::Rooms;
use crate::boundary::Refusal;
use crate::commands::no_queue;
use crate::turn::Turn;
use crate::views::{Answer, CallbackView, ROWS_MAX};

impl Rooms {
    /// The call's own first facts must stand before whatever the ACD has said next about it, so they are taken up now.
    pub(crate) fn call_back(&mut self, item: ItemId, back: CallBack, turn: &mut Turn<'_>) {
        let CallBack { number, queue, need, first, attempt, agent_first, ring_limit, segment, value_pm, caller } = back;
        let customer = Customer::called_back(caller, segment, value_pm);
        let call = item.0;
        let back = CallingBack { call, number, queue, need, first, attempt, agent_first, ring_limit, customer };
        let said = turn.put_aside();
        self.tell_call(CallEvent::CallBack(Box::new(back)), turn);
        turn.take_back(said);
    }

    pub(crate) fn callbacks(&self, only: Option<E164>, now: Now) -> Result<Vec<CallbackView>, Refusal> {
        let rows = match only {
            Some(number) => vec![self.acd.callback(number, now).ok_or_else(|| no_callback(number))?],
            None => self.acd.callbacks(now),
        };
        Ok(rows.into_iter().take(ROWS_MAX).map(callback_view).collect())
    }

    /// Entered by a person, so he has the segment and value of somebody nobody knows.
    pub(crate) fn add_callback(
        &mut self,
        number: E164,
        queue: QueueId,
        at: Option<Wall>,
        turn: &mut Turn<'_>,
    ) -> Result<Answer, Refusal> {
        if !self.config.acd.queues.contains_key(&queue) {
            return Err(no_queue(queue));
        }
        if !self.calls.may_call_back(number) {
            let sentence = format!("{number} may not be called; allow it in the class that calls.callback_class names");
            return Err(Refusal::Conflict { sentence });
        }
        let (segment, value_pm) = (self.config.segment_default, self.config.value_default_pm);
        self.tell_acd_command(Command::CallbackAdd { number, queue, segment, value_pm, at }, turn)
    }
}

fn no_callback(number: E164) -> Refusal {
    Refusal::Unknown { what: "callback".to_owned(), name: number.to_string() }
}

fn callback_view(row: CallbackRow) -> CallbackView {
    CallbackView {
        number: row.number.to_string(),
        queue: row.queue,
        segment: row.segment.to_string(),
        asked_by: row.how.as_str().to_owned(),
        first: row.first,
        state: row.state,
        position: row.position,
        waited_ms: row.waited_ms,
        age_ms: row.age_ms,
        attempts: row.attempts,
        last: row.last.map(|last| last.as_str().to_owned()),
        not_before: row.not_before.map(|at| at.to_string()),
    }
}
