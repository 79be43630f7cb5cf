//! What the last process left, and the store, which is brought to where that process was.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use turno_base::{CallId, Fact, Now, Wall};
use turno_engine::{Command, Effect, Engine, Input};
use turno_tariff::cdr::{Kind, Row};

use crate::node::error::{StartError, about};
use crate::shell::board;
use crate::shell::clock::Clock;
use crate::shell::config::Settings;
use crate::shell::customers::Customers;
use crate::shell::figures::{self, Figures, SharedTerms};
use crate::shell::inbox::Inbox;
use crate::shell::journal::{Recovery, recover};
use crate::shell::store::consumer::Consumer;
use crate::shell::store::outs::{self, House};
use crate::shell::store::{self, ReadBack, Store};

/// What the last process left, and who is in the store, who must be known before the first call. Each is read by a thread of its
/// own: with a full house each takes its time, and none needs the others.
pub(super) fn left_behind(settings: &Settings) -> Result<(Past, ReadBack, Customers), StartError> {
    std::thread::scope(|threads| {
        let records = threads.spawn(|| {
            let dir = &settings.store.dir;
            fs::create_dir_all(dir).map_err(about(format!("the folder {}", dir.display())))?;
            figures::opens(dir).and_then(|()| ReadBack::read(dir)).map_err(StartError::Store)
        });
        let customers = threads.spawn(|| {
            let customers = Customers::new(settings);
            customers.read();
            customers
        });
        let past = past(settings);
        let (records, customers) = (records.join(), customers.join());
        let fault = "who reads what was left does not panic";
        Ok((past?, records.expect(fault)?, customers.expect(fault)))
    })
}

/// What the last process left.
pub(super) struct Past {
    pub(super) engine: Engine,
    pub(super) clock: Clock,
    pub(super) next_segment: u64,
    /// When the process whose state goes on is last known to have lived; none: nothing goes on.
    pub(super) alive: Option<Now>,
    /// Rows that it decided on and may not have stored.
    rows: Vec<(u64, Row)>,
    /// Its last facts, which may not all be stored.
    facts: Vec<Fact>,
    /// Today's figures, up to its last fact.
    pub(super) board: turno_report::Board,
}

impl Past {
    /// Whether the row that the log ends with is of this life of the engine: one that began afresh numbers its rows from 1
    /// again, behind rows of the life before it.
    fn wrote(&self, seq: u64, call: CallId) -> bool {
        seq <= self.engine.stored_to() && self.rows.iter().all(|(s, row)| *s != seq || row.call == call)
    }
}

/// Of the last `facts`, the one numbered `told_to` at their end, those that the store does not have, and the number of the
/// first. `last`: the last number that it has; `stored`: what it has of a number.
fn untold(told_to: u64, facts: &[Fact], last: Option<u64>, stored: impl FnOnce(u64) -> Option<Fact>) -> (u64, &[Fact]) {
    let first = (told_to + 1).saturating_sub(facts.len() as u64);
    // The log may be ahead of a journal whose tail was torn off. Numbers begin again in a life that begins afresh: only what
    // says the same is the same.
    let common = last.map_or(0, |last| last.min(told_to));
    let at = common.checked_sub(first).and_then(|at| usize::try_from(at).ok());
    let same = at.filter(|&at| facts.get(at).is_some_and(|fact| stored(common).as_ref() == Some(fact)));
    let has = same.map_or(0, |at| at + 1);
    (first + has as u64, facts.get(has..).unwrap_or_default())
}

/// Opens the store, gives it the rows that the last process did not bring to the disk, and closes the records of calls
/// that the engine does not know any more.
pub(super) fn store(
    settings: &Settings,
    past: &mut Past,
    read_back: ReadBack,
    inbox: &Inbox,
    terms: &SharedTerms,
    house: &Arc<House>,
) -> Result<Store, StartError> {
    let telling = inbox.clone();
    let tell = move |seq| telling.stored(seq);
    let (kept_for, kept_bytes_max) = settings.store.kept;
    let options = store::Options { kept_for, kept_bytes_max, ..store::Options::default() };
    let consumers = consumers(settings, terms, house);
    let (store, left) = read_back.open(options, consumers, tell).map_err(StartError::Store)?;
    let stored = left.last.filter(|(seq, call)| past.wrote(*seq, *call)).map_or(0, |(seq, _)| seq);
    let (mut again, mut known) = (0_u64, BTreeSet::new());
    for (seq, row) in past.rows.drain(..).filter(|(seq, _)| *seq > stored) {
        if matches!(row.kind, Kind::Close(_)) {
            known.insert(row.call);
        }
        again += u64::from(store.append(seq, row).is_ok());
    }
    let fact = |number| left.fact(number).ok().flatten();
    let (first, untold) = untold(past.engine.told_to(), &past.facts, left.fact_last, fact);
    if !untold.is_empty() {
        let bytes = untold.iter().flat_map(|fact| postcard::to_allocvec(fact).expect("plain data always serialises"));
        store.append_facts(first, untold.len() as u64, bytes.collect());
    }
    let now = past.clock.now();
    past.alive = past.alive.map(|last| lived_until(last, left.alive, now));
    let mut effects = Vec::new();
    known.extend(left.recovery.open().filter(|call| is_live(&mut past.engine, *call, now, &mut effects)));
    let closed = left.recovery.finish(&settings.engine.deck, left.alive, |call| known.contains(&call));
    if left.rows > 0 {
        tracing::info!(
            rows = left.rows,
            torn_bytes = left.torn_bytes,
            again,
            closed = closed.len(),
            "record log read back"
        );
    }
    for row in closed {
        if let Err(store::Full(row)) = store.append_recovered(row) {
            tracing::error!(call = %row.call, "the record of a call that the crash ended could not be closed");
        }
    }
    Ok(store)
}

/// When the last process died, as far as is known: at its last input, or when it last said in the log of records that it lived, which
/// it does each second in which nothing else is written. Not later than `now`, even if the wall clock was set in between.
fn lived_until(last: Now, beat: Option<Wall>, now: Now) -> Now {
    let later = beat.map_or(0, |beat| beat.0.saturating_sub(last.wall.0).max(0));
    last.after(Duration::from_micros(later.unsigned_abs()).min(now.mono.since(last.mono)))
}

/// Somebody who takes the log, by name.
type Named = (String, Box<dyn Consumer>);

/// Those who take the log besides the tables of records.
fn consumers(settings: &Settings, terms: &SharedTerms, house: &Arc<House>) -> Vec<Named> {
    let dir = &settings.store.dir;
    let figures = Figures::new(dir, terms.clone(), settings.figures.kept);
    let mut all: Vec<(String, Box<dyn Consumer>)> = vec![("figures".to_owned(), Box::new(figures))];
    all.extend(outs::consumers(settings, house));
    all
}

/// Whether the engine still has the call.
fn is_live(engine: &mut Engine, call: CallId, now: Now, effects: &mut Vec<Effect>) -> bool {
    effects.clear();
    engine.handle(&Input::Command { id: 0, command: Command::CallShow(Some(call)) }, now, effects);
    effects.iter().any(|effect| matches!(effect, Effect::Reply { answer: Ok(_), .. }))
}

fn past(settings: &Settings) -> Result<Past, StartError> {
    let fresh = |next_segment| Past {
        engine: Engine::new(),
        clock: Clock::begin(),
        next_segment,
        alive: None,
        rows: Vec::new(),
        facts: Vec::new(),
        board: turno_report::Board::default(),
    };
    let Some(journal) = &settings.journal else { return Ok(fresh(0)) };
    let recovery = recover(&journal.dir).map_err(about(format!("the journal in {}", journal.dir.display())))?;
    Ok(match recovery {
        Recovery::Fresh => fresh(0),
        Recovery::Unusable { next, why } => {
            tracing::warn!(
                why,
                "the journal's state cannot be continued: starting afresh, without the calls, registrations and places it had"
            );
            fresh(next)
        }
        Recovery::State(past) => {
            tracing::info!(inputs = past.inputs, torn_bytes = past.torn, "recovered the state of the last process");
            if past.differing > 0 {
                tracing::error!(
                    inputs = past.differing,
                    "inputs had other effects than they were recorded with; please report with `turno journal export`"
                );
            }
            let clock = Clock::resume(&past.mark, past.last);
            let mut board = board::kept(&journal.dir, past.segment);
            past.facts.iter().for_each(|fact| board.on_fact(fact));
            Past {
                engine: past.engine,
                clock,
                next_segment: past.next,
                alive: Some(past.last),
                rows: past.rows,
                facts: past.facts,
                board,
            }
        }
    })
}

#[cfg(test)]
mod tests;
