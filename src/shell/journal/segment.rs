//! One segment file: frames of length, checksum and postcard.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use turno_base::Now;
use turno_engine::Input;

use crate::shell::clock::ClockMark;
use crate::shell::journal::hash64;

/// Largest frame: a snapshot of a full house. A longer length is damage.
const FRAME_BYTES_MAX: u32 = 1 << 30;
pub(super) const HEAD_BYTES: usize = 8;
const READ_BYTES: usize = 1 << 16;
/// How [`Record::State`] begins.
pub(super) const STATE_TAG: u8 = 1;

/// What a frame holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// First frame.
    Begin(Begin),
    /// The serialised engine with which a segment begins: its second frame, or alone in a file beside it.
    State(#[serde(with = "turno_base::bytes")] Vec<u8>),
    /// Every other.
    Turn(Turn),
}

/// Whose segment it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// [`crate::shell::journal::FORMAT`].
    pub format: u32,
    /// Version of the program, whose state only the same version reads for certain.
    pub version: String,
    /// How the next process continues the clock.
    pub mark: ClockMark,
    /// When it began.
    pub now: Now,
    /// The process began with this segment: what precedes it in the ring is another life.
    pub first: bool,
}

/// One input and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// When it was handled.
    pub now: Now,
    /// [`crate::shell::journal::effects_hash`].
    pub hash: u64,
    /// What.
    pub input: Input,
}

/// [`Record`] by reference, with the same layout.
#[derive(Serialize)]
enum RecordRef<'a> {
    #[expect(dead_code, reason = "keeps the variant numbers of Record")]
    Begin,
    #[expect(dead_code, reason = "keeps the variant numbers of Record")]
    State,
    Turn(TurnRef<'a>),
}

#[derive(Serialize)]
struct TurnRef<'a> {
    now: Now,
    hash: u64,
    input: &'a Input,
}

/// Appends the frame of a turn to `out`.
pub fn frame_input(now: Now, hash: u64, input: &Input, out: &mut Vec<u8>) {
    frame(&RecordRef::Turn(TurnRef { now, hash, input }), out);
}

/// Appends the frame of any record to `out`.
pub(super) fn frame<T: Serialize>(record: &T, out: &mut Vec<u8>) {
    let at = out.len();
    out.extend_from_slice(&[0; HEAD_BYTES]);
    let mut grown = postcard::to_extend(record, std::mem::take(out)).expect("plain data in memory always serialises");
    let (head, body) = grown.split_at_mut(at + HEAD_BYTES);
    let length = u32::try_from(body.len()).expect("a frame is far below 4 GiB");
    let head = &mut head[at..];
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..].copy_from_slice(&(hash64(body) as u32).to_le_bytes());
    *out = grown;
}

/// A segment file being read.
pub struct Segment {
    source: Box<dyn Read + Send>,
    total: u64,
    /// End of the last good frame that was given out.
    at: u64,
    /// A frame that was looked at, and its length.
    peeked: Option<(Record, u64)>,
    damaged: bool,
    body: Vec<u8>,
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Segment").field("at", &self.at).field("total", &self.total).finish_non_exhaustive()
    }
}

impl Segment {
    /// Reads what the file holds now; what is appended later is not seen.
    pub fn read(path: &Path) -> io::Result<Segment> {
        let file = File::open(path)?;
        let total = file.metadata()?.len();
        Ok(Segment::new(Box::new(BufReader::with_capacity(READ_BYTES, file)), total))
    }

    /// From bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Segment {
        let total = bytes.len() as u64;
        Segment::new(Box::new(io::Cursor::new(bytes)), total)
    }

    fn new(source: Box<dyn Read + Send>, total: u64) -> Segment {
        Segment { source, total, at: 0, peeked: None, damaged: false, body: Vec::new() }
    }

    /// Offset of the first byte after the last good frame.
    pub fn good_bytes(&self) -> u64 {
        self.at
    }

    /// Bytes after the last good frame: what a crash tore.
    pub fn torn_bytes(&self) -> u64 {
        self.total - self.at
    }

    /// The state, if that is the next frame.
    pub(super) fn state(&mut self) -> Option<Vec<u8>> {
        match self.frame()? {
            (Record::State(state), length) => {
                self.at += length;
                Some(state)
            }
            other => {
                self.peeked = Some(other);
                None
            }
        }
    }

    /// The next good frame and its length; none at the end, at the first damage and after it.
    fn frame(&mut self) -> Option<(Record, u64)> {
        if let Some(peeked) = self.peeked.take() {
            return Some(peeked);
        }
        let frame = if self.damaged { None } else { self.read_frame() };
        self.damaged = frame.is_none();
        frame
    }

    fn read_frame(&mut self) -> Option<(Record, u64)> {
        let mut head = [0; HEAD_BYTES];
        self.source.read_exact(&mut head).ok()?;
        let length = u32::from_le_bytes(head.get(..4)?.try_into().ok()?);
        let sum = u32::from_le_bytes(head.get(4..)?.try_into().ok()?);
        let whole = HEAD_BYTES as u64 + u64::from(length);
        if length > FRAME_BYTES_MAX || whole > self.total - self.at {
            return None;
        }
        self.body.resize(length as usize, 0);
        self.source.read_exact(&mut self.body).ok()?;
        if hash64(&self.body) as u32 != sum {
            return None;
        }
        let (record, left) = postcard::take_from_bytes::<Record>(&self.body).ok()?;
        left.is_empty().then_some((record, whole))
    }
}

impl Iterator for Segment {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let (record, length) = self.frame()?;
        self.at += length;
        Some(record)
    }
}

/// Where the state with which a segment begins is, if it was carried there after the segment was begun.
pub(super) fn state_path(segment: &Path) -> PathBuf {
    segment.with_extension("state")
}

/// The state that was carried to the beginning of this segment.
pub(super) fn carried_state(segment: &Path) -> Option<Vec<u8>> {
    Segment::read(&state_path(segment)).ok()?.state()
}

/// The segment can be read without those before it.
pub(super) fn has_state(segment: &Path) -> bool {
    let begins_with_it = || {
        let mut file = Segment::read(segment).ok()?;
        file.next()?;
        // Only the head: the state itself may be large.
        let mut head = [0; HEAD_BYTES + 1];
        file.source.read_exact(&mut head).ok()?;
        Some(head[HEAD_BYTES] == STATE_TAG)
    };
    state_path(segment).exists() || begins_with_it().unwrap_or(false)
}

/// The segments in `dir`, oldest first, with their numbers; `dir` may also be one segment file.
pub fn segments(dir: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    if dir.is_file() {
        return Ok(vec![(number_of(dir).unwrap_or(0), dir.to_owned())]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if let Some(number) = number_of(&path) {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found)
}

/// Name of segment `number`.
pub(super) fn name_of(number: u64) -> String {
    format!("{number:012}.journal")
}

fn number_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_suffix(".journal")?.parse().ok()
}
