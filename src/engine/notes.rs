//! Seam: lines of `queue_log` that programs outside want in it. Words that stand for what happens in queues are ours alone:
//! readers count by them.

use turno_base::QueueId;
use turno_base::fact::{Note, What};

use crate::Rooms;
use crate::boundary::Refusal;
use crate::commands::no_queue;
use crate::turn::Turn;
use crate::views::Answer;

/// Longest field of a note, bytes.
const FIELD_BYTES_MAX: usize = 256;

/// Asterisk's words for what happens in queues.
const TAKEN: [&str; 27] = [
    "ABANDON",
    "ADDMEMBER",
    "AGENTDUMP",
    "ATTENDEDTRANSFER",
    "BLINDTRANSFER",
    "COMPLETEAGENT",
    "COMPLETECALLER",
    "CONFIGRELOAD",
    "CONNECT",
    "DID",
    "ENTERQUEUE",
    "EXITEMPTY",
    "EXITWITHKEY",
    "EXITWITHTIMEOUT",
    "PAUSE",
    "PAUSEALL",
    "PENALTY",
    "QUEUESTART",
    "REMOVEMEMBER",
    "RINGCANCELED",
    "RINGINUSE",
    "RINGNOANSWER",
    "SYSCOMPAT",
    "TRANSFER",
    "UNPAUSE",
    "UNPAUSEALL",
    "WITHDRAW",
];

impl Rooms {
    pub(crate) fn note(&mut self, queue: QueueId, note: &Note, turn: &mut Turn<'_>) -> Result<Answer, Refusal> {
        self.acd.queue(queue, turn.now).ok_or_else(|| no_queue(queue))?;
        let Note { id, agent, event, text } = note;
        let refuse = |sentence: String| Err(Refusal::Conflict { sentence });
        if [id, agent, event, text].iter().any(|field| field.len() > FIELD_BYTES_MAX) {
            return refuse(format!("a field of a note has at most {FIELD_BYTES_MAX} bytes"));
        }
        if event.is_empty() || TAKEN.iter().any(|taken| taken.eq_ignore_ascii_case(event)) {
            return refuse(format!("{event:?} cannot be noted: that word tells what happens in queues; write another"));
        }
        self.fact(What::QueueNoted { queue, note: note.clone() }, turn);
        Ok(Answer::Done)
    }
}
