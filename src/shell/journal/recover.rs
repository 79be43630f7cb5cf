//! Recovery: newest state plus the inputs after it give the engine that the last process had (C3, C5, S15).

use std::fs::OpenOptions;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use turno_base::{Fact, Now};
use turno_engine::{Effect, Engine};
use turno_tariff::cdr::Row;

use crate::shell::clock::ClockMark;
use crate::shell::journal::segment::{Begin, Record, Segment, segments};
use crate::shell::journal::{FORMAT, effects_hash};

/// What the journal gave.
#[derive(Debug)]
pub enum Recovery {
    /// There was none: the first life.
    Fresh,
    /// There was one that this version cannot continue; the sentence says why.
    Unusable {
        /// Number for the next segment.
        next: u64,
        /// Why, for the log.
        why: String,
    },
    /// The state of the last process.
    State(Box<Recovered>),
}

/// The state of the last process.
#[derive(Debug)]
pub struct Recovered {
    /// As it was after its last journalled input.
    pub engine: Engine,
    /// When that was.
    pub last: Now,
    /// How its clock continues.
    pub mark: ClockMark,
    /// Number for the next segment.
    pub next: u64,
    /// The segment that it was read from.
    pub segment: u64,
    /// Facts among the replayed effects, for the board.
    pub facts: Vec<Fact>,
    /// Record rows among the replayed effects that the store may not have: to be appended again if it has not.
    pub rows: Vec<(u64, Row)>,
    /// Inputs replayed after the state.
    pub inputs: u64,
    /// Of them, those whose effects were not the recorded ones.
    pub differing: u64,
    /// Bytes cut from the torn tail.
    pub torn: usize,
}

/// Reads the newest usable segment of `dir` and cuts its torn tail.
pub fn recover(dir: &Path) -> io::Result<Recovery> {
    if !dir.exists() {
        return Ok(Recovery::Fresh);
    }
    let found = segments(dir)?;
    let Some(next) = found.last().map(|(number, _)| number + 1) else { return Ok(Recovery::Fresh) };
    let mut why = "the journal holds no state".to_owned();
    for (number, path) in found.iter().rev() {
        let mut segment = Segment::read(path)?;
        match opening(&mut segment) {
            Opening::State(begin, engine) => {
                let mut recovered = play(*engine, begin, &mut segment);
                recovered.next = next;
                recovered.segment = *number;
                recovered.torn = segment.torn_bytes();
                if recovered.torn > 0 {
                    OpenOptions::new().write(true).open(path)?.set_len(segment.good_bytes() as u64)?;
                }
                return Ok(Recovery::State(Box::new(recovered)));
            }
            // A crash while a segment was begun: the one before has everything.
            Opening::Torn => {}
            Opening::Other(reason) => {
                why = reason;
                break;
            }
        }
    }
    Ok(Recovery::Unusable { next, why })
}

/// How a segment begins.
pub(super) enum Opening {
    /// With this state.
    State(Begin, Box<Engine>),
    /// Not at all.
    Torn,
    /// With a state that this version does not read.
    Other(String),
}

/// Reads the first two frames.
pub(super) fn opening(segment: &mut Segment) -> Opening {
    let Some(Record::Begin(begin)) = segment.next() else { return Opening::Torn };
    if begin.format != FORMAT || begin.version != env!("CARGO_PKG_VERSION") {
        return Opening::Other(format!(
            "the journal was written by version {} (format {}), this is {} (format {FORMAT})",
            begin.version,
            begin.format,
            env!("CARGO_PKG_VERSION")
        ));
    }
    let Some(Record::State(state)) = segment.next() else { return Opening::Torn };
    match postcard::take_from_bytes::<Engine>(&state) {
        Ok((engine, [])) => Opening::State(begin, Box::new(engine)),
        Ok(_) | Err(_) => Opening::Other("the state in the journal was written by another build".to_owned()),
    }
}

fn play(engine: Engine, begin: Begin, segment: &mut Segment) -> Recovered {
    let mut recovered = Recovered {
        engine,
        last: begin.now,
        mark: begin.mark,
        next: 0,
        segment: 0,
        facts: Vec::new(),
        rows: Vec::new(),
        inputs: 0,
        differing: 0,
        torn: 0,
    };
    let (mut effects, mut scratch) = (Vec::new(), Vec::new());
    for record in segment.by_ref() {
        let Record::Turn(turn) = record else { continue };
        handle_again(&mut recovered.engine, &turn.input, turn.now, &mut effects);
        recovered.last = turn.now;
        recovered.inputs += 1;
        recovered.differing += u64::from(effects_hash(&effects, &mut scratch) != turn.hash);
        for effect in effects.drain(..) {
            match effect {
                Effect::Store { seq, row } => recovered.rows.push((seq, row)),
                Effect::Fact(fact) => recovered.facts.push(fact),
                // Said and done by the process that decided it.
                _ => {}
            }
        }
    }
    recovered
}

/// Handles an input as the loop did, panics included: the journal has the fault that followed.
pub(super) fn handle_again(engine: &mut Engine, input: &turno_engine::Input, now: Now, out: &mut Vec<Effect>) {
    // The fault was logged when it happened; the next record is the Input::Fault that contains it.
    let _ = catch_unwind(AssertUnwindSafe(|| engine.handle(input, now, out)));
}
