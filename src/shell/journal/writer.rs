//! Appends frames to the ring of segment files; another thread brings them to the platter.
//!
//! Writing goes to the page cache, which survives a killed process; `fdatasync` runs on a thread of its own every
//! [`SYNC_EVERY`] for the case that the machine dies as well, so that a slow disk does not hold up what is being written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::shell::host;
use crate::shell::journal::carry::Carrier;
use crate::shell::journal::segment::{Begin, Record, frame, has_state, name_of, segments, state_path};
use crate::shell::journal::{Wanted, Wish};
use crate::shell::metrics::Metrics;

const SYNC_EVERY: Duration = Duration::from_millis(100);
/// After a failed write, how long until a new segment is tried.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Segments that are kept whatever the bounds say: the one that is written and the one before.
const SEGMENTS_MIN: usize = 2;
/// Segments that may wait for their state. With more, recovery would take too long: the engine writes its state itself then.
pub const SEGMENTS_BEHIND_MAX: u64 = 4;

/// Bounds of the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSettings {
    /// Folder.
    pub dir: PathBuf,
    /// A segment of this many bytes is followed by the next.
    pub segment_bytes_max: u64,
    /// A segment of this age is followed by the next.
    pub segment_age_max: Duration,
    /// All segments together; the oldest are removed.
    pub bytes_max: u64,
    /// Segments last written before this are removed.
    pub age_max: Duration,
}

/// The writing end.
#[derive(Debug)]
pub struct Writer {
    settings: JournalSettings,
    metrics: Arc<Metrics>,
    wanted: Wanted,
    begun: Sender<u64>,
    /// The newest segment that has its state.
    newest: Arc<AtomicU64>,
    open: Option<Open>,
    retry_at: Option<Instant>,
    dirty: Sender<Arc<File>>,
}

#[derive(Debug)]
struct Open {
    file: Arc<File>,
    bytes: u64,
    since: Instant,
}

impl Writer {
    /// A writer that waits for its first [`Writer::begin`]; asks when it is time for the next.
    pub fn new(settings: JournalSettings, wanted: Wanted, metrics: Arc<Metrics>) -> io::Result<Writer> {
        fs::create_dir_all(&settings.dir)?;
        let (dirty, files) = bounded(1);
        let (dir, bytes_max, age_max) = (settings.dir.clone(), settings.bytes_max, settings.age_max);
        std::thread::Builder::new()
            .name("journal-sync".into())
            .spawn(move || sync(&files, &dir, bytes_max, age_max))?;
        let (begun, numbers) = bounded(SEGMENTS_BEHIND_MAX as usize + 1);
        let newest = Arc::new(AtomicU64::new(0));
        let carrier = Carrier {
            dir: settings.dir.clone(),
            begun: numbers,
            newest: newest.clone(),
            wanted: wanted.clone(),
            metrics: metrics.clone(),
        };
        std::thread::Builder::new().name("journal-state".into()).spawn(move || {
            host::step_back();
            carrier.run();
        })?;
        Ok(Writer { settings, metrics, wanted, begun, newest, open: None, retry_at: None, dirty })
    }

    /// Begins segment `number`, which no file has yet; without a state it begins with the one that the segment before it
    /// ends with.
    pub fn begin(&mut self, number: u64, begin: Begin, state: Option<Vec<u8>>) {
        let path = self.settings.dir.join(name_of(number));
        self.open = None;
        let opened = OpenOptions::new().create_new(true).append(true).mode(0o600).open(&path);
        match opened {
            Ok(file) => {
                self.open = Some(Open { file: Arc::new(file), bytes: 0, since: Instant::now() });
                let mut bytes = Vec::with_capacity(state.as_ref().map_or(0, Vec::len) + 256);
                frame(&Record::Begin(begin), &mut bytes);
                match state {
                    Some(state) => {
                        frame(&Record::State(state), &mut bytes);
                        self.newest.store(number, Ordering::Relaxed);
                    }
                    None => self.carry(number),
                }
                self.append(&bytes);
            }
            Err(error) => self.failed(&error),
        }
    }

    fn carry(&self, number: u64) {
        let behind = number.saturating_sub(self.newest.load(Ordering::Relaxed));
        if behind > SEGMENTS_BEHIND_MAX || self.begun.try_send(number).is_err() {
            self.wanted.ask(Wish::Whole);
        }
    }

    /// Appends frames. What cannot be written is lost to the journal, said once, and a new segment is asked for.
    pub fn append(&mut self, frames: &[u8]) {
        if self.retry_at.is_some_and(|at| Instant::now() >= at) {
            self.retry_at = None;
            // What was lost meanwhile leads nowhere.
            self.wanted.ask(Wish::Whole);
        }
        let Some(open) = &mut self.open else { return };
        if let Err(error) = (&*open.file).write_all(frames) {
            self.failed(&error);
            return;
        }
        open.bytes += frames.len() as u64;
        self.metrics.journal_bytes.inc_by(frames.len() as u64);
        let full = open.bytes >= self.settings.segment_bytes_max;
        if full || open.since.elapsed() >= self.settings.segment_age_max {
            // Asked once per segment: the count begins anew while the state is on its way.
            (open.bytes, open.since) = (0, Instant::now());
            self.wanted.ask(Wish::Next);
        }
        // Full: the same file is already waiting to be synced.
        let _ = self.dirty.try_send(open.file.clone());
    }

    fn failed(&mut self, error: &io::Error) {
        self.open = None;
        self.retry_at = Some(Instant::now() + RETRY_AFTER);
        self.metrics.journal_errors.inc();
        tracing::error!(%error, dir = %self.settings.dir.display(), "the journal cannot be written; a restart now would lose calls in progress");
    }
}

fn sync(files: &Receiver<Arc<File>>, dir: &Path, bytes_max: u64, age_max: Duration) {
    let mut pruned = Instant::now();
    while let Ok(file) = files.recv() {
        if let Err(error) = file.sync_data() {
            tracing::error!(%error, "the journal cannot be brought to the disk");
        }
        if pruned.elapsed() > Duration::from_secs(1) {
            prune(dir, bytes_max, age_max, SystemTime::now());
            pruned = Instant::now();
        }
        std::thread::sleep(SYNC_EVERY);
    }
}

/// Removes what exceeds the bounds, oldest first.
pub(super) fn prune(dir: &Path, bytes_max: u64, age_max: Duration, now: SystemTime) {
    let Ok(found) = segments(dir) else { return };
    let facts = |path: &Path| fs::metadata(path).map(|m| (m.len(), m.modified().unwrap_or(now))).unwrap_or((0, now));
    let with_state = |path: &Path| facts(path).0 + fs::metadata(state_path(path)).map_or(0, |m| m.len());
    let mut total: u64 = found.iter().map(|(_, path)| with_state(path)).sum();
    // From the newest state on everything is needed.
    let needed = found.iter().rposition(|(_, path)| has_state(path)).unwrap_or(0);
    let removable = found.len().saturating_sub(SEGMENTS_MIN).min(needed);
    for (_, path) in found.iter().take(removable) {
        let (bytes, (_, modified)) = (with_state(path), facts(path));
        let old = now.duration_since(modified).is_ok_and(|age| age > age_max);
        if total <= bytes_max && !old {
            return;
        }
        if let Err(error) = fs::remove_file(path) {
            tracing::warn!(%error, path = %path.display(), "an old journal segment cannot be removed");
            return;
        }
        // State and figures kept beside it; there may be none.
        let _ = fs::remove_file(state_path(path));
        let _ = fs::remove_file(path.with_extension("board"));
        total -= bytes;
    }
}
