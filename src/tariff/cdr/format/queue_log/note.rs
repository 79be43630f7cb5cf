//! Lines of `queue_log` that programs outside want in it. Words that stand for what happens in queues are ours alone: readers
//! count by them.

use std::fmt;

use turno_base::fact::Note;

use super::clean;

/// Longest field of a note, bytes.
pub const NOTE_FIELD_BYTES_MAX: usize = 256;

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

/// Why a note is not taken. The sentence is for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteRefusal<'a> {
    /// A field has more than [`NOTE_FIELD_BYTES_MAX`] bytes.
    TooLong,
    /// This word tells what happens in queues, or is none.
    Taken(&'a str),
}

impl fmt::Display for NoteRefusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoteRefusal::TooLong => write!(f, "a field of a note has at most {NOTE_FIELD_BYTES_MAX} bytes"),
            NoteRefusal::Taken(event) => {
                write!(f, "{event:?} cannot be noted: that word tells what happens in queues; write another")
            }
        }
    }
}

impl std::error::Error for NoteRefusal<'_> {}

/// Whether a program outside may have this line in `queue_log`.
pub fn may_note(note: &Note) -> Result<(), NoteRefusal<'_>> {
    let Note { id, agent, event, text } = note;
    if [id, agent, event, text].iter().any(|field| field.len() > NOTE_FIELD_BYTES_MAX) {
        return Err(NoteRefusal::TooLong);
    }
    // As it will stand there: what a line cannot hold is left out of it, and readers may take blanks away.
    let written = clean(event);
    if written.trim().is_empty() || is_taken(written.trim()) {
        return Err(NoteRefusal::Taken(event));
    }
    Ok(())
}

/// Whether readers count by the word.
pub(super) fn is_taken(event: &str) -> bool {
    TAKEN.iter().any(|taken| taken.eq_ignore_ascii_case(event))
}
