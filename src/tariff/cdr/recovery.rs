//! A log that ended in a crash: what was open is closed at the last proof of life (docs/records.md).

use std::collections::{BTreeMap, BTreeSet};

use turno_base::fact::What;
use turno_base::{CallId, EndedBy, Now, Outcome, Wall};

use super::builder::{Draft, End, RESTART};
use super::{Kind, Row};
use crate::deck::Deck;

/// Fold over the rows of a log, in their order. Holds the calls that are open so far and the ids of those that are over: a
/// replay after a crash may append rows a second time, and they must open nothing again.
#[derive(Debug, Default)]
pub struct Recovery {
    open: BTreeMap<CallId, Draft>,
    closed: BTreeSet<CallId>,
    /// The youngest row of any call: the process was alive then, so every open call was.
    alive: Now,
}

impl Recovery {
    /// The process was alive then: a row was written, of whichever call. The monotonic clock of a life that began afresh
    /// begins again, and the wall clock may be set back: either going on is a proof.
    pub fn on_proof(&mut self, at: Now) {
        if at.mono >= self.alive.mono || at.wall >= self.alive.wall {
            self.alive = at;
        }
    }

    /// Takes the next row. Rows of calls that are known to be closed may be left out, but for their [`Recovery::on_proof`].
    pub fn on_row(&mut self, row: &Row) {
        self.on_proof(row.at);
        let seen = self.closed.contains(&row.call) || self.open.get(&row.call).is_some_and(|d| row.seq < d.seq);
        let facts = match &row.kind {
            Kind::Open(_) | Kind::Interim(_) if seen => return,
            Kind::Open(facts) | Kind::Interim(facts) => facts,
            Kind::Close(_) => {
                self.open.remove(&row.call);
                self.closed.insert(row.call);
                return;
            }
        };
        for fact in facts {
            if let What::CallArrived { ani, dnis, trunk, .. } = &fact.what {
                let fresh = || Draft::new(fact.at, ani.clone(), dnis.clone(), *trunk);
                self.open.entry(row.call).or_insert_with(fresh);
            } else if let Some(draft) = self.open.get_mut(&row.call) {
                draft.fold(fact);
            }
        }
        if let Some(draft) = self.open.get_mut(&row.call) {
            draft.proof = row.at;
            draft.seq = row.seq.saturating_add(1);
        }
    }

    /// Calls that are open so far.
    pub fn open(&self) -> impl Iterator<Item = CallId> {
        self.open.keys().copied()
    }

    /// Close rows for the calls that do not go on. `alive`: a later proof that the process lived, such as a heartbeat of the
    /// store.
    pub fn finish(self, deck: &Deck, alive: Option<Wall>, goes_on: impl Fn(CallId) -> bool) -> Vec<Row> {
        let later = alive.map_or(0, |wall| wall.0.saturating_sub(self.alive.wall.0).max(0));
        let last = self.alive.after(std::time::Duration::from_micros(later.unsigned_abs()));
        let gone = self.open.into_iter().filter(|(call, _)| !goes_on(*call));
        gone.map(|(call, draft)| closed(call, draft, last, deck)).collect()
    }
}

/// The close rows of all calls that `rows` leaves open.
pub fn recover<'a>(rows: impl IntoIterator<Item = &'a Row>, deck: &Deck) -> Vec<Row> {
    let mut recovery = Recovery::default();
    rows.into_iter().for_each(|row| recovery.on_row(row));
    recovery.finish(deck, None, |_| false)
}

fn closed(call: CallId, mut draft: Draft, last: Now, deck: &Deck) -> Row {
    let outcome = if draft.had_conversation() { Outcome::Answered } else { Outcome::Failed };
    let at = if last.mono >= draft.proof.mono { last } else { draft.proof };
    let end = End { at, outcome, by: EndedBy::Us, cause: Some(RESTART) };
    let seq = draft.seq;
    let mut record = draft.record(call, &end, deck);
    record.recovered = true;
    record.estimated = true;
    Row { call, seq, at, kind: Kind::Close(Box::new(record)) }
}
