//! Recovery: newest state plus the inputs after it give the engine that the last process had (C3, C5, S15).

use std::fs::OpenOptions;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use turno_base::{Fact, Now};
use turno_engine::{Effect, Engine};
use turno_tariff::cdr::Row;

use crate::shell::clock::ClockMark;
use crate::shell::journal::segment::{Begin, Record, Segment, carried_state, segments};
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
    /// The segment whose state it began with.
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
    pub torn: u64,
}

/// Reads the newest state in `dir` and what follows it, and cuts the torn tail.
pub fn recover(dir: &Path) -> io::Result<Recovery> {
    if !dir.exists() {
        return Ok(Recovery::Fresh);
    }
    let found = segments(dir)?;
    let Some(next) = found.last().map(|(number, _)| number + 1) else { return Ok(Recovery::Fresh) };
    let mut why = "the journal holds no state".to_owned();
    let (mut later, mut scratch) = (Vec::new(), Vec::new());
    for (number, path) in found.iter().rev() {
        let mut segment = Segment::read(path)?;
        match opening(&mut segment, path) {
            Opening::State(begin, engine) => {
                let mut recovered = Recovered::from(*engine, &begin);
                recovered.segment = *number;
                recovered.next = next;
                later.push((begin, segment, path));
                for (begin, mut segment, path) in later.into_iter().rev() {
                    recovered.mark = begin.mark;
                    recovered.play(&mut segment, &mut scratch);
                    recovered.torn = segment.torn_bytes();
                    if recovered.torn > 0 {
                        OpenOptions::new().write(true).open(path)?.set_len(segment.good_bytes())?;
                        // What was written after a tear began with a state of its own, or it is lost with what was torn.
                        break;
                    }
                }
                return Ok(Recovery::State(Box::new(recovered)));
            }
            Opening::Follows(begin) => later.push((begin, segment, path)),
            // A crash while a process's first segment was begun: the one before has everything.
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
    /// With the state in which the segment before it ends.
    Follows(Begin),
    /// Not at all.
    Torn,
    /// With a state that this version does not read.
    Other(String),
}

/// Reads what stands before the turns of the segment at `path`.
pub(super) fn opening(segment: &mut Segment, path: &Path) -> Opening {
    let Some(Record::Begin(begin)) = segment.next() else { return Opening::Torn };
    if begin.format != FORMAT || begin.version != env!("CARGO_PKG_VERSION") {
        return Opening::Other(format!(
            "the journal was written by version {} (format {}), this is {} (format {FORMAT})",
            begin.version,
            begin.format,
            env!("CARGO_PKG_VERSION")
        ));
    }
    let state = segment.state().or_else(|| carried_state(path));
    match state.map(|state| engine_of(&state)) {
        Some(Some(engine)) => Opening::State(begin, Box::new(engine)),
        Some(None) => Opening::Other("the state in the journal was written by another build".to_owned()),
        None if begin.first => Opening::Torn,
        None => Opening::Follows(begin),
    }
}

impl Recovered {
    fn from(engine: Engine, begin: &Begin) -> Recovered {
        Recovered {
            engine,
            last: begin.now,
            mark: begin.mark.clone(),
            next: 0,
            segment: 0,
            facts: Vec::new(),
            rows: Vec::new(),
            inputs: 0,
            differing: 0,
            torn: 0,
        }
    }

    /// Runs the turns of a segment.
    fn play(&mut self, segment: &mut Segment, scratch: &mut Vec<u8>) {
        let mut effects = Vec::new();
        for record in segment.by_ref() {
            let Record::Turn(turn) = record else { continue };
            handle_again(&mut self.engine, &turn.input, turn.now, &mut effects);
            self.last = turn.now;
            self.inputs += 1;
            self.differing += u64::from(effects_hash(&effects, scratch) != turn.hash);
            for effect in effects.drain(..) {
                match effect {
                    Effect::Store { seq, row } => self.rows.push((seq, row)),
                    Effect::Fact(fact) => self.facts.push(fact),
                    // Said and done by the process that decided it.
                    _ => {}
                }
            }
        }
    }
}

fn engine_of(state: &[u8]) -> Option<Engine> {
    let (engine, left) = postcard::take_from_bytes::<Engine>(state).ok()?;
    left.is_empty().then_some(engine)
}

/// Handles an input as the loop did, panics included: the journal has the fault that followed.
pub(super) fn handle_again(engine: &mut Engine, input: &turno_engine::Input, now: Now, out: &mut Vec<Effect>) {
    // The fault was logged when it happened; the next record is the Input::Fault that contains it.
    let _ = catch_unwind(AssertUnwindSafe(|| engine.handle(input, now, out)));
}
