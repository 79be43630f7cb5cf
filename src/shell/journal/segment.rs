//! One segment file: frames of length, checksum and postcard.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use turno_base::Now;
use turno_engine::Input;

use crate::shell::clock::ClockMark;
use crate::shell::journal::hash64;

/// Largest frame: a snapshot of a full house. A longer length is damage.
const FRAME_BYTES_MAX: u32 = 1 << 30;
const HEAD_BYTES: usize = 8;

/// What a frame holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// First frame.
    Begin(Begin),
    /// Second frame: the serialised engine.
    State(Vec<u8>),
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

/// A segment file read into memory.
#[derive(Debug)]
pub struct Segment {
    bytes: Vec<u8>,
    at: usize,
}

impl Segment {
    /// Reads the whole file.
    pub fn read(path: &Path) -> io::Result<Segment> {
        Ok(Segment { bytes: fs::read(path)?, at: 0 })
    }

    /// From bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Segment {
        Segment { bytes, at: 0 }
    }

    /// Offset of the first byte after the last good frame.
    pub fn good_bytes(&self) -> usize {
        self.at
    }

    /// Bytes after the last good frame: what a crash tore.
    pub fn torn_bytes(&self) -> usize {
        self.bytes.len() - self.at
    }
}

impl Iterator for Segment {
    type Item = Record;

    /// The next good frame; none at the end and at the first damage.
    fn next(&mut self) -> Option<Record> {
        let rest = self.bytes.get(self.at..)?;
        let (head, rest) = rest.split_at_checked(HEAD_BYTES)?;
        let length = u32::from_le_bytes(head.get(..4)?.try_into().ok()?);
        let sum = u32::from_le_bytes(head.get(4..)?.try_into().ok()?);
        if length > FRAME_BYTES_MAX {
            return None;
        }
        let body = rest.get(..length as usize)?;
        if hash64(body) as u32 != sum {
            return None;
        }
        let (record, left) = postcard::take_from_bytes::<Record>(body).ok()?;
        if !left.is_empty() {
            return None;
        }
        self.at += HEAD_BYTES + length as usize;
        Some(record)
    }
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
