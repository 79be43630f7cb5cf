//! Seam: facts are numbered and become rows of the record log; durability of the open row lets the call be answered.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use turno_base::fact::What;
use turno_base::{CallId, Fact};
use turno_call::CallEvent;
use turno_tariff::cdr::Row;

use crate::Rooms;
use crate::boundary::Effect;
use crate::turn::Turn;

/// Numbering of record rows and who waits for which to be durable.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Records {
    seq: u64,
    durable: u64,
    /// Number of the last fact.
    facts: u64,
    waiting: VecDeque<(u64, CallId)>,
    /// Of the turn under way: rows that have no number yet, and calls that go on once those are durable. Not the turn's own,
    /// because a turn that a fault of ours ends leaves them to the next.
    rows: Vec<Row>,
    unrecorded: Vec<CallId>,
}

impl Records {
    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    pub(crate) fn facts(&self) -> u64 {
        self.facts
    }

    pub(crate) fn pending(&self) -> u64 {
        self.seq.saturating_sub(self.durable)
    }

    /// The call waits until every row up to now is durable; its open row is among them.
    pub(crate) fn await_durable(&mut self, call: CallId) {
        self.unrecorded.push(call);
    }

    pub(crate) fn forget_waiting(&mut self) {
        self.waiting.clear();
    }
}

impl Rooms {
    /// Puts a fact on the event line.
    pub(crate) fn fact(&mut self, what: What, turn: &mut Turn<'_>) {
        let fact = self.dated(what, turn);
        self.cdr.on_fact(&fact, &self.config.deck, &mut self.records.rows);
        self.guard.on_fact(&self.config.deck, &fact);
        self.records.facts += 1;
        turn.out.push(Effect::Fact(fact));
    }

    /// A fact of this turn: of now, or of when the process before died, if it is about a call that it had. That call lasted no
    /// longer, in whatever it was.
    fn dated(&self, what: What, turn: &Turn<'_>) -> Fact {
        let Some(died) = turn.died.filter(|died| died.mono <= turn.now.mono) else {
            return Fact { at: turn.now, what };
        };
        let had = |call| self.cdr.arrived(call).is_some_and(|arrived| arrived.mono <= died.mono);
        // Rounded up: no part lasts longer than its call.
        let away_ms = u64::try_from(turn.now.mono.since(died.mono).as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
        let (is_of_then, what) = match what {
            What::AgentChanged { call, .. } => (call.is_none_or(had), what),
            What::QueueLeft { call, queue, left, position, wait_ms } if had(call) => {
                (true, What::QueueLeft { call, queue, left, position, wait_ms: wait_ms.saturating_sub(away_ms) })
            }
            What::OfferEnded { call, agent, epoch, end, ring_ms } if had(call) => {
                (true, What::OfferEnded { call, agent, epoch, end, ring_ms: ring_ms.saturating_sub(away_ms) })
            }
            other => (other.call().is_some_and(had), other),
        };
        Fact { at: if is_of_then { died } else { turn.now }, what }
    }

    pub(crate) fn on_records_deadline(&mut self, turn: &Turn<'_>) {
        self.cdr.on_deadline(turn.now, &mut self.records.rows);
    }

    /// Gives the rows of what was said so far their numbers.
    pub(crate) fn store(&mut self, turn: &mut Turn<'_>) {
        let Records { seq, rows, unrecorded, waiting, .. } = &mut self.records;
        for row in rows.drain(..) {
            *seq += 1;
            turn.out.push(Effect::Store { seq: *seq, row });
        }
        waiting.extend(unrecorded.drain(..).map(|call| (*seq, call)));
    }

    pub(crate) fn on_stored(&mut self, seq: u64, turn: &mut Turn<'_>) {
        self.records.durable = self.records.durable.max(seq);
        while let Some(&(needs, call)) = self.records.waiting.front() {
            if needs > self.records.durable {
                break;
            }
            self.records.waiting.pop_front();
            self.tell_call(CallEvent::Recorded { call }, turn);
        }
    }
}
