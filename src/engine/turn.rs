//! One turn of the engine: the instant, what rooms still have to say to each other, and the effects for the shell.

use std::collections::VecDeque;

use turno_acd::Decision;
use turno_base::fact::What;
use turno_base::{LegId, Now};
use turno_call::CallEffect;
use turno_sip::ua::SipEffect;

use crate::boundary::Effect;

/// Something that a room said and nobody has yet taken up.
pub(crate) enum Step {
    Sip(SipEffect),
    Call(CallEffect),
    Acd(Decision),
}

/// One turn. Rooms write into the buffer that [`Turn::sip`], [`Turn::call`] or [`Turn::acd`] lends; the next use of the
/// turn moves it behind what was said before, so order is the order of saying.
pub(crate) struct Turn<'a> {
    pub(crate) now: Now,
    pub(crate) out: &'a mut Vec<Effect>,
    /// While what the death of the process ended is told: when it died, as far as is known.
    pub(crate) died: Option<Now>,
    steps: VecDeque<Step>,
    sip: Vec<SipEffect>,
    call: Vec<CallEffect>,
    acd: Vec<Decision>,
    /// Ends of calls: the last facts of theirs, so they wait until no room has anything more to say.
    endings: VecDeque<What>,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(now: Now, out: &'a mut Vec<Effect>) -> Turn<'a> {
        Turn {
            now,
            out,
            died: None,
            steps: VecDeque::new(),
            sip: Vec::new(),
            call: Vec::new(),
            acd: Vec::new(),
            endings: VecDeque::new(),
        }
    }

    /// Where the SIP room writes.
    pub(crate) fn sip(&mut self) -> &mut Vec<SipEffect> {
        self.collect();
        &mut self.sip
    }

    /// Where the call room writes.
    pub(crate) fn call(&mut self) -> &mut Vec<CallEffect> {
        self.collect();
        &mut self.call
    }

    /// Where the ACD writes.
    pub(crate) fn acd(&mut self) -> &mut Vec<Decision> {
        self.collect();
        &mut self.acd
    }

    /// Takes away what has been said and not yet taken up, so that something else is said before it.
    pub(crate) fn put_aside(&mut self) -> VecDeque<Step> {
        self.collect();
        std::mem::take(&mut self.steps)
    }

    /// Puts what was taken away behind what has been said since.
    pub(crate) fn take_back(&mut self, aside: VecDeque<Step>) {
        self.collect();
        self.steps.extend(aside);
    }

    /// The oldest thing said.
    pub(crate) fn next(&mut self) -> Option<Step> {
        self.collect();
        self.steps.pop_front()
    }

    /// Keeps the end of a call until everything else has been said.
    pub(crate) fn end_call(&mut self, what: What) {
        self.endings.push_back(what);
    }

    /// The end of a call, once nothing else is left to take up.
    pub(crate) fn next_ending(&mut self) -> Option<What> {
        self.endings.pop_front()
    }

    /// A leg that was to be answered is not: the fact that it was has been said in the same breath and is taken back.
    pub(crate) fn unsay_answered(&mut self, answered: LegId) {
        self.collect();
        let said = |step: &Step| matches!(step, Step::Call(CallEffect::Fact(What::LegAnswered { leg, .. })) if *leg == answered);
        if let Some(at) = self.steps.iter().position(said) {
            self.steps.remove(at);
        }
    }

    fn collect(&mut self) {
        // Mostly at most one of them holds anything, and asked for at every step.
        if !self.sip.is_empty() {
            self.steps.extend(self.sip.drain(..).map(Step::Sip));
        }
        if !self.call.is_empty() {
            self.steps.extend(self.call.drain(..).map(Step::Call));
        }
        if !self.acd.is_empty() {
            self.steps.extend(self.acd.drain(..).map(Step::Acd));
        }
    }
}
