//! The thread that makes rows durable: group commit, a spool while the disk fails, heartbeats while nothing happens.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{RecvTimeoutError, Sender};
use turno_base::{CallId, Wall};
use turno_tariff::cdr::{Kind, Row};

use super::consumer::Bells;
use super::frame::{EntryRef, FactsRef, encode, encode_facts};
use super::log::{self, HEADER_BYTES, Place, Recovered};
use super::{Options, Shared};
use crate::shell::line::LineOut;

/// Least time between two fdatasync: rows that arrive meanwhile share the next one. A row that comes alone waits for
/// nothing but its own. What comes just too late for one is durable within 5 ms (docs/records.md), two syncs of 0.15 ms included.
const SYNC_GAP: Duration = Duration::from_micros(4600);
/// How often the free space is looked at.
const SPACE_EVERY: Duration = Duration::from_secs(1);
/// The alarm of a full disk ends this far below its bound, percent.
const DISK_ALARM_SLACK_PCT: u64 = 2;
/// After a failure of the disk.
const RETRY_EVERY: Duration = Duration::from_millis(200);
/// How often a process that ends tries to write what it holds.
const LAST_TRIES: u32 = 10;
/// Rows of one commit.
const COMMIT_ROWS_MAX: usize = 4096;
/// Room that is written with zeros before it is needed. A sync of bytes over bytes need not wait for the file system's own
/// records of a file that grew (fdatasync(2)).
pub(super) const ROOM_BYTES: usize = 256 << 10;
static ROOM: [u8; ROOM_BYTES] = [0; ROOM_BYTES];

/// What the writer is sent.
#[derive(Debug)]
pub(super) enum Message {
    /// A row of the engine.
    Row(u64, Row),
    /// A row that closes a call after a crash.
    Recovered(Row),
    /// A piece of the event line: the number of its first fact, how many, and their postcards.
    Facts(u64, u64, Vec<u8>),
    /// Answer when everything sent before is durable.
    Flush(Sender<()>),
}

pub(super) struct Writer<F> {
    dir: PathBuf,
    options: Options,
    /// None: to be opened, at the first row or after a failure.
    file: Option<File>,
    /// Behind the last durable byte.
    end: Place,
    /// The next row begins a segment.
    turns: bool,
    /// The file is at least so long: zeros from the end on.
    room_to: u64,
    /// Frames that are not durable yet.
    spool: Vec<u8>,
    spooled: u64,
    spooled_seq: Option<u64>,
    flushes: Vec<Sender<()>>,
    open: BTreeMap<CallId, u64>,
    /// Calls whose record the log had when this process began: whatever a replay says of them again is there already.
    closed: BTreeSet<CallId>,
    shared: Arc<Shared>,
    on_stored: F,
    consumers: Bells,
    synced_at: Instant,
    /// Rows came before the last commit was old enough for the next.
    is_busy: bool,
    space_at: Option<Instant>,
}

impl<F: Fn(u64)> Writer<F> {
    pub(super) fn new(
        dir: PathBuf,
        options: Options,
        recovered: &Recovered,
        shared: Arc<Shared>,
        on_stored: F,
        consumers: Bells,
    ) -> Writer<F> {
        Writer {
            dir,
            options,
            file: None,
            end: recovered.end,
            turns: recovered.is_former,
            room_to: 0,
            spool: Vec::new(),
            spooled: 0,
            spooled_seq: None,
            flushes: Vec::new(),
            open: recovered.open.clone(),
            closed: recovered.closed.clone(),
            shared,
            on_stored,
            consumers,
            synced_at: Instant::now(),
            is_busy: false,
            space_at: None,
        }
    }

    /// Until the other end of `incoming` is gone and everything is durable, or cannot become so.
    pub(super) fn run(mut self, incoming: &LineOut<Message>) {
        loop {
            self.look_at_space();
            match incoming.recv_timeout(if self.is_failing() { RETRY_EVERY } else { self.options.beat_every }) {
                Ok(message) => self.gather(message, incoming),
                Err(RecvTimeoutError::Timeout) if self.is_failing() => {}
                Err(RecvTimeoutError::Timeout) => {
                    encode(EntryRef::Beat(wall_now()), &mut self.spool);
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.commit();
            if self.is_busy {
                // More will be there when the next commit may be made: not woken by the first of it.
                self.rest();
                self.is_busy = !incoming.is_empty();
            }
            while self.spool.len() >= self.options.spool_bytes_max && !self.shared.closing.load(Ordering::Relaxed) {
                // The channel fills up meanwhile, and whoever appends is told.
                std::thread::sleep(RETRY_EVERY);
                self.commit();
            }
        }
        for _ in 0..LAST_TRIES {
            self.commit();
            if !self.is_failing() {
                return self.give_room_back();
            }
            std::thread::sleep(RETRY_EVERY);
        }
        tracing::error!(rows = self.spooled, "records are lost: the process ends and the disk takes nothing");
    }

    /// Takes what is there, and until the next sync may be what comes.
    fn gather(&mut self, first: Message, incoming: &LineOut<Message>) {
        self.take(first);
        self.is_busy |= self.rest();
        (1..COMMIT_ROWS_MAX).map_while(|_| incoming.try_recv().ok()).for_each(|message| self.take(message));
    }

    /// Until the next sync may be made. True: that was not yet.
    fn rest(&self) -> bool {
        let left = SYNC_GAP.saturating_sub(self.synced_at.elapsed());
        if left.is_zero() || self.is_failing() {
            return false;
        }
        std::thread::sleep(left);
        true
    }

    fn take(&mut self, message: Message) {
        let (entry, row) = match &message {
            Message::Row(seq, row) => {
                self.spooled_seq = Some(*seq);
                (EntryRef::Row(*seq, row), row)
            }
            Message::Recovered(row) => (EntryRef::Recovered(row), row),
            Message::Facts(first, count, bytes) => {
                let facts = FactsRef { first: *first, count: *count, bytes };
                if !encode_facts(&facts, &mut self.spool) {
                    tracing::error!(count, "a piece of the event line is larger than a frame may be and is not kept");
                }
                return;
            }
            Message::Flush(done) => {
                self.flushes.push(done.clone());
                return;
            }
        };
        if self.closed.contains(&row.call) {
            return;
        }
        match row.kind {
            Kind::Open(_) => {
                self.open.entry(row.call).or_insert(self.end.segment.max(1));
            }
            Kind::Interim(_) => {}
            Kind::Close(_) => {
                self.open.remove(&row.call);
            }
        }
        if encode(entry, &mut self.spool) {
            self.spooled += 1;
        } else {
            tracing::error!(call = %row.call, seq = row.seq, "a record is larger than a frame may be and is not kept");
            self.shared.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn commit(&mut self) {
        if self.spool.is_empty() {
            self.tell_stored();
            self.answer();
            return;
        }
        let result = self.write();
        self.synced_at = Instant::now();
        self.shared.spooled.store(if result.is_ok() { 0 } else { self.spooled }, Ordering::Relaxed);
        match result {
            Ok(()) => {
                self.shared.failing.store(false, Ordering::Relaxed);
                self.end.offset += self.spool.len() as u64;
                self.spool.clear();
                // A spool that the disk's failure made large gives its memory back.
                self.spool.shrink_to(1 << 20);
                self.spooled = 0;
                self.shared.set_durable(self.end);
                self.tell_stored();
                self.consumers.ring();
                self.answer();
            }
            Err(error) => {
                // Opened anew and written again from the same offset: pages of a failed sync may be gone.
                (self.file, self.room_to) = (None, 0);
                if !self.shared.failing.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, "the record log cannot be written and is tried again; rows wait in memory");
                }
            }
        }
    }

    fn tell_stored(&mut self) {
        if let Some(seq) = self.spooled_seq.take() {
            self.shared.stored.store(seq, Ordering::Relaxed);
            (self.on_stored)(seq);
        }
    }

    fn answer(&mut self) {
        for done in self.flushes.drain(..) {
            let _ = done.send(());
        }
    }

    fn write(&mut self) -> io::Result<()> {
        if self.end.segment == 0 || self.turns || self.end.offset >= self.options.segment_bytes {
            self.begin_segment()?;
        }
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(File::options().write(true).open(log::path(&self.dir, self.end.segment))?),
        };
        file.write_all_at(&self.spool, self.end.offset)?;
        let end = self.end.offset + self.spool.len() as u64;
        // On a disk that has none left rows still get in one by one.
        if end > self.room_to && file.write_all_at(&ROOM, end).is_ok() {
            self.room_to = end + ROOM_BYTES as u64;
        }
        file.sync_data()
    }

    /// Nothing follows the last row in a segment that is complete.
    fn give_room_back(&mut self) {
        self.room_to = 0;
        let Some(file) = &self.file else { return };
        if let Err(error) = file.set_len(self.end.offset) {
            tracing::warn!(%error, "a segment of the record log keeps its spare room");
        }
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        self.give_room_back();
        let segment = self.end.segment + 1;
        // The segment before holds the last number even if a crash leaves the new one empty.
        let needed = self.open.values().copied().min().unwrap_or(segment).min(self.end.segment.max(1));
        let path = log::path(&self.dir, segment);
        let file = File::options().write(true).create(true).truncate(false).open(path)?;
        file.write_all_at(&log::header(needed), 0)?;
        file.sync_all()?;
        File::open(&self.dir)?.sync_all()?;
        self.file = Some(file);
        self.end = Place { segment, offset: HEADER_BYTES };
        self.turns = false;
        self.shared.needed.store(needed, Ordering::Relaxed);
        Ok(())
    }

    fn is_failing(&self) -> bool {
        self.shared.failing.load(Ordering::Relaxed)
    }

    fn look_at_space(&mut self) {
        if self.space_at.is_some_and(|at| at.elapsed() < SPACE_EVERY) {
            return;
        }
        self.space_at = Some(Instant::now());
        let Ok(space) = nix::sys::statvfs::statvfs(&self.dir) else { return };
        let free = space.blocks_available();
        let used_pct = used_pct(space.blocks().saturating_sub(space.blocks_free()), free);
        self.shared.disk_used_pct.store(used_pct, Ordering::Relaxed);
        let free_bytes = free.saturating_mul(space.fragment_size());
        let short = free_bytes < self.options.reserve_bytes;
        if short && !self.shared.short.swap(short, Ordering::Relaxed) {
            // What is kept for convenience goes before a call is refused for long.
            self.shared.sweep(&self.dir);
        }
        self.shared.short.store(short, Ordering::Relaxed);
        // Once raised it stays until there is clearly room again: a use that sways about the bound is one alarm.
        let raised = self.shared.disk_alarm.load(Ordering::Relaxed);
        let slack = if raised { DISK_ALARM_SLACK_PCT } else { 0 };
        let alarm = used_pct >= self.options.disk_alarm_pct.saturating_sub(slack);
        self.shared.disk_alarm.store(alarm, Ordering::Relaxed);
    }
}

/// As `df` counts it: what only root may still fill is neither used nor free. Rounded up.
fn used_pct(used: u64, free: u64) -> u64 {
    let all = (u128::from(used) + u128::from(free)).max(1);
    (u128::from(used) * 100).div_ceil(all) as u64
}

fn wall_now() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::used_pct;

    #[test]
    fn the_use_of_a_disk_is_what_df_says() {
        // blocks used and free for us: a quarter of a disk may be kept for root
        for (used, free, pct) in [(0, 0, 0), (48, 44, 53), (50, 50, 50), (1, 1000, 1), (1000, 0, 100)] {
            assert_eq!(used_pct(used, free), pct, "{used} {free}");
        }
    }
}
