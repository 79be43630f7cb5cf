//! Seam: who calls? The question goes out with a deadline; silence means the default.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::{CallId, Mono, Number};
use turno_call::{CallEvent, Customer};

use crate::Rooms;
use crate::boundary::Effect;
use crate::turn::Turn;

/// How long a look-up may take before the default applies (docs/reliability.md C10 allows 500 ms in all).
const LOOK_UP_LIMIT: Duration = Duration::from_millis(400);

/// Questions that are out. All have the same limit, so the oldest is always first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct LookUps {
    open: BTreeSet<CallId>,
    by_deadline: VecDeque<(Mono, CallId)>,
}

impl LookUps {
    pub(crate) fn deadline(&self) -> Option<Mono> {
        self.by_deadline.front().map(|(at, _)| *at)
    }
}

impl Rooms {
    pub(crate) fn look_up(&mut self, call: CallId, ani: &Number, turn: &mut Turn<'_>) {
        match ani.e164 {
            Some(number) => {
                self.look_ups.open.insert(call);
                self.look_ups.by_deadline.push_back((turn.now.mono + LOOK_UP_LIMIT, call));
                turn.out.push(Effect::LookUp { call, number });
            }
            None => self.known(call, None, turn),
        }
    }

    /// A late or doubled answer finds nothing open and is dropped.
    pub(crate) fn on_customer(&mut self, call: CallId, customer: Option<&Customer>, turn: &mut Turn<'_>) {
        if self.look_ups.open.remove(&call) {
            self.known(call, customer.cloned(), turn);
        }
        while let Some((_, first)) = self.look_ups.by_deadline.front() {
            if self.look_ups.open.contains(first) {
                break;
            }
            self.look_ups.by_deadline.pop_front();
        }
    }

    pub(crate) fn on_look_up_deadline(&mut self, turn: &mut Turn<'_>) {
        while let Some(&(at, call)) = self.look_ups.by_deadline.front() {
            if at > turn.now.mono {
                break;
            }
            self.look_ups.by_deadline.pop_front();
            if self.look_ups.open.remove(&call) {
                self.known(call, None, turn);
            }
        }
    }

    fn known(&mut self, call: CallId, customer: Option<Customer>, turn: &mut Turn<'_>) {
        let customer = customer.unwrap_or_else(|| self.stranger());
        self.tell_call(CallEvent::Known { call, customer }, turn);
    }

    /// Whom nobody knows.
    pub(crate) fn stranger(&self) -> Customer {
        Customer {
            id: None,
            shown: String::new(),
            segment: self.config.segment_default,
            value_pm: self.config.value_default_pm,
            language: None,
            owner: None,
        }
    }
}
