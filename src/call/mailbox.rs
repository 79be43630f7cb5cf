//! Voicemail: a prompt, the tape, good-bye (R27, E4). What is said goes from the media threads to the disk; this room says when
//! it begins and when it is over.

use turno_base::{CallId, EndedBy, LegId, Name, Outcome, TapeEnd};

use crate::boundary::{CallEffect, Message, Tape};
use crate::call::{Call, Leaving, Stage, Taping};
use crate::turn::Turn;
use crate::wait::OVERFLOWED;

impl Call {
    /// To a mailbox; none of that name: good-bye.
    pub(crate) fn go_to_mailbox(&mut self, mailbox: Name, t: &mut Turn<'_>) {
        match t.config.mailboxes.contains_key(&mailbox) {
            true => self.stage = Stage::Leaving(Leaving { mailbox, taping: Taping::Before }),
            false => self.finish(Outcome::NoAnswer, EndedBy::Us, OVERFLOWED, t),
        }
    }

    /// The mailbox has said what it says: now he speaks.
    pub(crate) fn on_mailbox_said(&mut self, t: &mut Turn<'_>) {
        let Stage::Leaving(leaving @ Leaving { taping: Taping::Before, .. }) = &mut self.stage else { return };
        let Some(rules) = t.config.mailboxes.get(&leaving.mailbox) else {
            return self.finish(Outcome::NoAnswer, EndedBy::Us, OVERFLOWED, t);
        };
        leaving.taping = Taping::Now;
        let message = Message {
            mailbox: leaving.mailbox,
            from: self.ani.clone(),
            customer: self.customer.as_ref().and_then(|customer| customer.id.clone()),
            queue: self.came.as_ref().map(|came| came.queue),
            longest: rules.longest,
            silence: rules.silence,
            least: rules.least,
        };
        self.is_taped = true;
        t.tape(self.id, self.caller, Tape::Begin(Box::new(message)));
    }

    /// The pound key ends what he has to say.
    pub(crate) fn on_mailbox_key(&mut self, key: char, t: &mut Turn<'_>) {
        if key == '#' && matches!(self.stage, Stage::Leaving(Leaving { taping: Taping::Now, .. })) {
            t.tape(self.id, self.caller, Tape::End);
        }
    }

    /// The tape has ended, by whatever: the message is as long as it is. Also after its caller hung up.
    pub(crate) fn on_taped(&mut self, end: TapeEnd, t: &mut Turn<'_>) {
        if !std::mem::take(&mut self.is_taped) {
            return t.stale();
        }
        if end == TapeEnd::Failed && self.legs.is_up(self.caller) {
            // Nobody takes down any more what he says.
            t.tape(self.id, self.caller, Tape::End);
        }
        t.tape(self.id, self.caller, Tape::Done);
        let Stage::Leaving(leaving) = &mut self.stage else { return };
        leaving.taping = Taping::After;
        let prompts = &t.config.prompts;
        let said = match end {
            TapeEnd::Failed => prompts.refused,
            TapeEnd::Longest | TapeEnd::Silence | TapeEnd::Told | TapeEnd::Closed => prompts.done,
        };
        let outcome = if end == TapeEnd::Failed { Outcome::Failed } else { Outcome::NoAnswer };
        match said {
            Some(prompt) => {
                self.stage = Stage::Saying { prompt, then: OVERFLOWED, outcome: Some(outcome), asks: false };
            }
            None => self.finish(outcome, EndedBy::Us, OVERFLOWED, t),
        }
    }

    /// The call is over: so is its message, even if the tape never said so.
    pub(crate) fn end_tape(&mut self, out: &mut Vec<CallEffect>) {
        if std::mem::take(&mut self.is_taped) {
            out.push(CallEffect::Tape { call: self.id, leg: self.caller, tape: Tape::Done });
        }
    }
}

impl Turn<'_> {
    fn tape(&mut self, call: CallId, leg: LegId, tape: Tape) {
        self.out.push(CallEffect::Tape { call, leg, tape });
    }
}
