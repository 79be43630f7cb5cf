//! `turno replay`: runs a journal again and proves that the same inputs have the same effects.

use std::io::{self, Write};
use std::path::Path;

use turno_engine::{Effect, Engine};

use crate::shell::journal::recover::{Opening, handle_again, opening};
use crate::shell::journal::segment::{Record, Segment, Turn, segments};
use crate::shell::journal::{effect_line, effects_hash, input_line, shorten_numbers};

/// What came of a replay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Inputs run.
    pub inputs: u64,
    /// Effects they had.
    pub effects: u64,
    /// The first difference, if any: the input's number and a sentence.
    pub differs: Option<(u64, String)>,
    /// Bytes at ends of segments that no frame could be read from.
    pub torn: u64,
}

impl Replayed {
    /// The last line of a replay.
    pub fn summary(&self) -> String {
        match &self.differs {
            None => format!("{} inputs, {} effects, equal", self.inputs, self.effects),
            Some((number, sentence)) => format!("input {number} differs: {sentence}"),
        }
    }
}

/// Replays a segment file or a folder of them, writing the transcript to `out` unless `quiet`; stops at the first
/// difference. Numbers are shortened unless `full`.
pub fn replay(path: &Path, full: bool, quiet: bool, out: &mut dyn Write) -> io::Result<Replayed> {
    let found = segments(path)?;
    if found.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("no journal segments in {}", path.display())));
    }
    let mut replayed = Replayed::default();
    let mut scribe = Scribe { full, quiet, out };
    let mut running: Option<Engine> = None;
    for (_, file) in found {
        let mut segment = Segment::read(&file)?;
        let mut engine = match opening(&mut segment, &file) {
            Opening::State(begin, engine) => {
                let process = if begin.first { ", a new process" } else { "" };
                scribe.line(&format!("{} segment {}{process}", begin.now.wall, file.display()))?;
                if let Some(before) = running.take().filter(|_| !begin.first)
                    && state(&before) != state(&engine)
                {
                    replayed.differs = Some((
                        replayed.inputs,
                        format!(
                            "segment {} begins with another state than the one before it ends with",
                            file.display()
                        ),
                    ));
                    return Ok(replayed);
                }
                *engine
            }
            Opening::Follows(begin) => match running.take() {
                Some(engine) => {
                    scribe.line(&format!("{} segment {}", begin.now.wall, file.display()))?;
                    engine
                }
                None => {
                    scribe.line(&format!("segment {} follows one that is gone", file.display()))?;
                    continue;
                }
            },
            Opening::Torn => {
                scribe.line(&format!("segment {} was torn while it was begun", file.display()))?;
                replayed.torn += segment.torn_bytes();
                continue;
            }
            Opening::Other(why) => return Err(io::Error::new(io::ErrorKind::InvalidData, why)),
        };
        for record in segment.by_ref() {
            let Record::Turn(turn) = record else { continue };
            if !again(&mut engine, &turn, &mut replayed, &mut scribe)? {
                return Ok(replayed);
            }
        }
        replayed.torn += segment.torn_bytes();
        // What was written after a tear began with a state of its own.
        running = (segment.torn_bytes() == 0).then_some(engine);
    }
    Ok(replayed)
}

fn state(engine: &Engine) -> Vec<u8> {
    postcard::to_allocvec(engine).expect("plain data in memory always serialises")
}

struct Scribe<'a> {
    full: bool,
    quiet: bool,
    out: &'a mut dyn Write,
}

impl Scribe<'_> {
    fn line(&mut self, line: &str) -> io::Result<()> {
        match (self.quiet, self.full) {
            (true, _) => Ok(()),
            (false, true) => writeln!(self.out, "{line}"),
            (false, false) => writeln!(self.out, "{}", shorten_numbers(line)),
        }
    }
}

/// False if the turn's effects are not the recorded ones.
fn again(engine: &mut Engine, turn: &Turn, replayed: &mut Replayed, scribe: &mut Scribe<'_>) -> io::Result<bool> {
    let (mut effects, mut scratch) = (Vec::<Effect>::new(), Vec::new());
    handle_again(engine, &turn.input, turn.now, &mut effects);
    replayed.inputs += 1;
    replayed.effects += effects.len() as u64;
    scribe.line(&format!("{} > {}", turn.now.wall, input_line(&turn.input)))?;
    for effect in &effects {
        scribe.line(&format!("{} < {}", turn.now.wall, effect_line(effect)))?;
    }
    let hash = effects_hash(&effects, &mut scratch);
    if hash == turn.hash {
        return Ok(true);
    }
    let sentence = format!(
        "its effects were {:016x} and are now {hash:016x}: {} ({} effects)",
        turn.hash,
        input_line(&turn.input),
        effects.len()
    );
    replayed.differs = Some((replayed.inputs, if scribe.full { sentence } else { shorten_numbers(&sentence) }));
    Ok(false)
}
