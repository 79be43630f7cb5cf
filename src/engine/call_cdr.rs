//! Seam: facts are numbered and become rows of the record log; durability of the open row lets the call be answered.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use turno_base::CallId;
use turno_base::fact::What;
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
        let fact = self.cdr.dated(what, turn.died, turn.now);
        self.cdr.on_fact(&fact, &self.config.deck, &mut self.records.rows);
        self.guard.on_fact(&self.config.deck, &fact);
        self.records.facts += 1;
        turn.out.push(Effect::Fact(fact));
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
