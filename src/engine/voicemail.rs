//! Seam: a message that a caller leaves; its sound goes from the media threads to the disk by itself.

use turno_base::{CallId, LegId};
use turno_call::Tape;
use turno_media::{MediaCommand, TapeRules};

use crate::Rooms;
use crate::boundary::{Effect, Mail};
use crate::turn::Turn;

impl Rooms {
    pub(crate) fn tape(&mut self, call: CallId, leg: LegId, tape: Tape, turn: &mut Turn<'_>) {
        match tape {
            Tape::Begin(message) => {
                let rules = TapeRules { longest: message.longest, silence: message.silence };
                // Whoever writes must know of it before the first sound comes.
                turn.out.push(Effect::Mail(Mail::Open { leg, call, message }));
                turn.out.push(Effect::Media { leg, command: MediaCommand::Tape(rules) });
            }
            Tape::End => turn.out.push(Effect::Media { leg, command: MediaCommand::EndTape }),
            Tape::Done => turn.out.push(Effect::Mail(Mail::Done { call })),
        }
    }
}
