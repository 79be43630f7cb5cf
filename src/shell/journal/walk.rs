//! Goes through a journal and shows what happened, for whoever makes something else of it than a transcript.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use turno_base::{Now, Wall};
use turno_engine::{Effect, Engine, Input};

use crate::shell::journal::recover::{Opening, handle_again, opening};
use crate::shell::journal::segment::{Record, Segment, has_state, segments};

/// What a journal shows.
#[derive(Debug)]
pub enum Shown<'a> {
    /// A stretch without gaps begins: the first of the journal, a new process, or after something that cannot be read.
    Begins {
        /// The state that it begins with.
        engine: &'a Engine,
        /// When.
        now: Now,
    },
    /// An input was handled.
    Turn {
        /// The state after it.
        engine: &'a Engine,
        /// When.
        now: Now,
        /// What.
        input: &'a Input,
        /// What it had for effects.
        effects: &'a [Effect],
    },
}

/// Shows every turn of a segment file or a folder of them, oldest first; gives the engine as it is at the end.
///
/// # Errors
/// If a segment cannot be read, or was written by another version of the program.
pub fn walk(path: &Path, see: &mut dyn FnMut(Shown<'_>)) -> io::Result<Option<Engine>> {
    let found = segments(path)?;
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("no journal segments in {}", path.display())));
    }
    walk_these(found, &mut going_on(see))
}

/// The same from the last segment with a state that was begun before `from`, and without those begun after `until`.
///
/// # Errors
/// As [`walk`].
pub fn walk_between(path: &Path, from: Wall, until: Option<Wall>, see: &mut dyn FnMut(Shown<'_>)) -> io::Result<()> {
    let mut found = segments(path)?;
    if let Some(until) = until {
        found.retain(|(_, file)| began(file).is_none_or(|at| at <= until));
    }
    walk_these(from_state_before(found, from), &mut going_on(see)).map(drop)
}

/// The same from the last segment with a state that was begun before `from`, until `see` has seen enough.
///
/// # Errors
/// As [`walk`].
pub fn walk_until(path: &Path, from: Wall, see: &mut dyn FnMut(Shown<'_>) -> ControlFlow<()>) -> io::Result<()> {
    walk_these(from_state_before(segments(path)?, from), see).map(drop)
}

/// The instant from which on a journal can be run again; none: there is nothing of it.
///
/// # Errors
/// If the folder cannot be read.
pub fn reaches_back_to(path: &Path) -> io::Result<Option<Wall>> {
    Ok(segments(path)?.iter().filter(|(_, file)| has_state(file)).find_map(|(_, file)| began(file)))
}

fn from_state_before(mut found: Vec<(u64, PathBuf)>, from: Wall) -> Vec<(u64, PathBuf)> {
    let first = found.iter().rposition(|(_, file)| began(file).is_some_and(|at| at <= from) && has_state(file));
    found.split_off(first.unwrap_or(0))
}

/// Sees everything.
fn going_on<'a>(see: &'a mut dyn FnMut(Shown<'_>)) -> impl FnMut(Shown<'_>) -> ControlFlow<()> + 'a {
    move |shown| {
        see(shown);
        ControlFlow::Continue(())
    }
}

/// When the segment was begun.
fn began(file: &Path) -> Option<Wall> {
    match Segment::read(file).ok()?.next()? {
        Record::Begin(begin) => Some(begin.now.wall),
        Record::State(_) | Record::Turn(_) => None,
    }
}

fn walk_these(
    found: Vec<(u64, PathBuf)>,
    see: &mut dyn FnMut(Shown<'_>) -> ControlFlow<()>,
) -> io::Result<Option<Engine>> {
    let mut running: Option<Engine> = None;
    let mut last = None;
    let mut effects = Vec::new();
    for (_, file) in found {
        let mut segment = Segment::read(&file)?;
        let before = running.take();
        let mut engine = match (opening(&mut segment, &file), before) {
            (Opening::State(begin, _), Some(before)) if !begin.first => before,
            (Opening::State(begin, engine), _) => {
                if see(Shown::Begins { engine: &engine, now: begin.now }).is_break() {
                    return Ok(Some(*engine));
                }
                *engine
            }
            (Opening::Follows(_), Some(before)) => before,
            (Opening::Follows(_) | Opening::Torn, _) => continue,
            (Opening::Other(why), _) => return Err(io::Error::new(io::ErrorKind::InvalidData, why)),
        };
        for record in segment.by_ref() {
            let Record::Turn(turn) = record else { continue };
            handle_again(&mut engine, &turn.input, turn.now, &mut effects);
            let shown = Shown::Turn { engine: &engine, now: turn.now, input: &turn.input, effects: &effects };
            if see(shown).is_break() {
                return Ok(Some(engine));
            }
            effects.clear();
        }
        // What was written after a tear began with a state of its own.
        if segment.torn_bytes() == 0 {
            running = Some(engine);
        } else {
            last = Some(engine);
        }
    }
    Ok(running.or(last))
}
