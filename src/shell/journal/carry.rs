//! The state with which a segment begins, made beside the loop: from the state of the segment before, by running its turns.
//!
//! Writing a full house's state takes tenths of a second; the loop would stand still for it at every segment. Here the journal
//! is replayed instead, on a thread of its own, a segment behind: the file that recovery begins from comes a little later, and
//! every segment is proven on the way to have the effects that it was written with.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use turno_engine::Engine;

use crate::shell::journal::recover::{Opening, handle_again, opening};
use crate::shell::journal::segment::{Record, Segment, name_of, segments, state_path};
use crate::shell::journal::state_file::write_state;
use crate::shell::journal::{Wanted, Wish, effects_hash};
use crate::shell::metrics::Metrics;

/// After so much work the thread rests as long as it worked, unless segments wait: nobody but a restart needs it soon.
const STINT: Duration = Duration::from_millis(2);
/// Turns between two looks at the clock.
const TURNS_PER_LOOK: u32 = 16;

/// Carries states forward until the writer is gone.
pub(super) struct Carrier {
    pub(super) dir: PathBuf,
    /// Numbers of segments that were begun without a state.
    pub(super) begun: Receiver<u64>,
    /// The newest segment that has its state.
    pub(super) newest: Arc<AtomicU64>,
    pub(super) wanted: Wanted,
    pub(super) metrics: Arc<Metrics>,
}

/// Why a state cannot be carried forward.
#[derive(Debug)]
pub(super) enum CarryError {
    /// The disk.
    Io(io::Error),
    /// No segment before it has a state that can be read.
    NoState,
    /// A segment on the way is torn.
    Torn(PathBuf),
    /// An input had other effects than it was written with.
    Differs(PathBuf),
}

impl std::fmt::Display for CarryError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CarryError::Io(error) => error.fmt(f),
            CarryError::NoState => f.write_str("no segment before it has a state"),
            CarryError::Torn(path) => write!(f, "{} is torn", path.display()),
            CarryError::Differs(path) => {
                write!(
                    f,
                    "{} has other effects when it is run again; please report with `turno journal export`",
                    path.display()
                )
            }
        }
    }
}

impl From<io::Error> for CarryError {
    fn from(error: io::Error) -> CarryError {
        CarryError::Io(error)
    }
}

impl Carrier {
    pub(super) fn run(&self) {
        while let Ok(mut number) = self.begun.recv() {
            // Of several the last: the others are run on the way to it.
            while let Ok(later) = self.begun.try_recv() {
                number = later;
            }
            match carry(&self.dir, number, || self.begun.is_empty()) {
                // The engine may have written a later one meanwhile.
                Ok(()) => {
                    self.newest.fetch_max(number, Ordering::Relaxed);
                }
                Err(error) => {
                    self.metrics.journal_state_failures.inc();
                    tracing::error!(%error, segment = number, "the state of a journal segment could not be made; the engine writes it itself");
                    self.wanted.ask(Wish::Whole);
                }
            }
        }
    }
}

/// Writes the state with which segment `number` begins beside it.
pub(super) fn carry(dir: &Path, number: u64, may_rest: impl Fn() -> bool) -> Result<(), CarryError> {
    let mut stint = Instant::now();
    let mut rest = || {
        let worked = stint.elapsed();
        if worked >= STINT {
            if may_rest() {
                thread::sleep(worked);
            }
            stint = Instant::now();
        }
    };
    let engine = engine_before(dir, number, &mut rest)?;
    let path = state_path(&dir.join(name_of(number)));
    let half = path.with_extension("state-half");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&half)?;
    write_state(&engine, &mut file)?;
    drop(engine);
    // What precedes the segment may be removed once it has its state: that must outlive the machine.
    file.sync_data()?;
    fs::rename(&half, &path)?;
    Ok(())
}

/// The engine as it was when segment `number` began.
fn engine_before(dir: &Path, number: u64, rest: &mut impl FnMut()) -> Result<Engine, CarryError> {
    let mut found = segments(dir)?;
    found.retain(|(before, _)| *before < number);
    let mut follow = Vec::new();
    let mut engine = loop {
        let (_, path) = found.pop().ok_or(CarryError::NoState)?;
        let mut segment = Segment::read(&path)?;
        match opening(&mut segment, &path) {
            Opening::State(_, engine) => {
                follow.push((segment, path));
                break *engine;
            }
            Opening::Follows(_) => follow.push((segment, path)),
            Opening::Torn | Opening::Other(_) => return Err(CarryError::NoState),
        }
    };
    let (mut effects, mut scratch, mut turns) = (Vec::new(), Vec::new(), 0_u32);
    for (mut segment, path) in follow.into_iter().rev() {
        for record in segment.by_ref() {
            let Record::Turn(turn) = record else { continue };
            handle_again(&mut engine, &turn.input, turn.now, &mut effects);
            if effects_hash(&effects, &mut scratch) != turn.hash {
                return Err(CarryError::Differs(path));
            }
            effects.clear();
            turns = turns.wrapping_add(1);
            if turns.is_multiple_of(TURNS_PER_LOOK) {
                rest();
            }
        }
        if segment.torn_bytes() > 0 {
            return Err(CarryError::Torn(path));
        }
    }
    Ok(engine)
}
