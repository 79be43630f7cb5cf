//! Seam: lines of `queue_log` that programs outside want in it. Which may be is the record's room to say.

use turno_base::QueueId;
use turno_base::fact::{Note, What};
use turno_tariff::cdr::format::may_note;

use crate::Rooms;
use crate::boundary::Refusal;
use crate::commands::no_queue;
use crate::turn::Turn;
use crate::views::Answer;

impl Rooms {
    pub(crate) fn note(&mut self, queue: QueueId, note: &Note, turn: &mut Turn<'_>) -> Result<Answer, Refusal> {
        self.acd.queue(queue, turn.now).ok_or_else(|| no_queue(queue))?;
        may_note(note).map_err(|refused| Refusal::Conflict { sentence: refused.to_string() })?;
        self.fact(What::QueueNoted { queue, note: note.clone() }, turn);
        Ok(Answer::Done)
    }
}
