//! Reading the durable part of the log from a place on, for whoever consumes it: a batch at a time, over the ends of segments.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use turno_base::{CallId, Fact, Wall};
use turno_tariff::cdr::{Kind, Record};

use super::StoreError;
use super::frame::{self, Entry, EntryHead, KindHead};
use super::log::{self, HEADER_BYTES, Place};

/// Bytes of the log read at a time.
const READ_BYTES_MAX: u64 = 4 << 20;

/// What a consumer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wants {
    /// Records of calls that ended.
    pub records: bool,
    /// The event line.
    pub facts: bool,
    /// Proofs of life of a process in which nothing else happens.
    pub beats: bool,
}

/// One thing of the log, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Behind it: where to read on once it was taken.
    pub at: Place,
    /// The frame's body, for what is set aside.
    pub body: Vec<u8>,
    /// What it is.
    pub content: Content,
}

/// What an item is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The record of a call that ended. Key: (call, seq).
    Record {
        /// Of its last row.
        seq: u32,
        /// The record.
        record: Box<Record>,
    },
    /// A piece of the event line, in order. Numbers go up by one, from 1 in a life of the engine that began afresh.
    Facts {
        /// Number of the first.
        first: u64,
        /// At least one.
        facts: Vec<Fact>,
    },
    /// Nothing else happened, and it was so late.
    Beat(Wall),
    /// Whole, but nothing that this build can read.
    Unreadable(postcard::Error),
}

impl Item {
    /// The key of a record.
    pub fn key(&self) -> Option<(CallId, u32)> {
        match &self.content {
            Content::Record { seq, record } => Some((record.call, *seq)),
            Content::Facts { .. } | Content::Beat(_) | Content::Unreadable(_) => None,
        }
    }
}

/// What there is to take.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Everything durable was read.
    Nothing,
    /// These; read on at the place.
    Items(Vec<Item>, Place),
    /// A segment was read to its end: read on at the place.
    Turned(Place),
}

/// The next batch from `at` on, of what is durable.
pub(super) fn next(dir: &Path, at: Place, durable: Place, wants: Wants) -> io::Result<Next> {
    let Some(start) = start(dir, at, durable)? else { return Ok(Next::Nothing) };
    let length = std::fs::metadata(log::path(dir, start.segment))?.len();
    let end = if start.segment == durable.segment { durable.offset.min(length) } else { length };
    let part = end.min(start.offset.saturating_add(READ_BYTES_MAX));
    let header = Place { offset: 0, ..start };
    let format = log::format_of(&log::read_range(dir, header, HEADER_BYTES.min(length))?);
    let (mut items, mut good) = items((start, format), &log::read_range(dir, start, part)?, wants);
    if good == 0 && part < end {
        // One frame is longer than what is read at a time.
        (items, good) = self::items((start, format), &log::read_range(dir, start, end)?, wants);
    }
    if good > 0 {
        return Ok(Next::Items(items, Place { segment: start.segment, offset: start.offset + good as u64 }));
    }
    // What is left of a segment before the last is damage, or room that no row has used.
    let turned = Place { segment: start.segment + 1, offset: HEADER_BYTES };
    Ok(if start.segment < durable.segment { Next::Turned(turned) } else { Next::Nothing })
}

/// The items that end at these places, as far as the log has them still, in its order.
pub(super) fn at(dir: &Path, places: &BTreeSet<Place>) -> io::Result<Vec<Item>> {
    let mut found = Vec::new();
    let segments: BTreeSet<u64> = places.iter().map(|place| place.segment).collect();
    for segment in segments.into_iter().filter(|&segment| log::path(dir, segment).exists()) {
        let all = Wants { records: true, facts: true, beats: false };
        let end = Place { segment, offset: u64::MAX };
        let mut from = Place { segment, offset: HEADER_BYTES };
        while let Next::Items(items, to) = next(dir, from, end, all)? {
            found.extend(items.into_iter().filter(|item| places.contains(&item.at)));
            from = to;
        }
    }
    Ok(found)
}

/// Where to read on; none: everything durable was read.
fn start(dir: &Path, mut at: Place, durable: Place) -> io::Result<Option<Place>> {
    if durable.segment == 0 {
        return Ok(None);
    }
    if at.segment < durable.segment && !log::path(dir, at.segment).exists() {
        let there = log::segments(dir)?.into_iter().find(|&segment| segment >= at.segment);
        let Some(segment) = there else { return Ok(None) };
        at = Place { segment, offset: HEADER_BYTES };
    }
    let there = at < durable && log::path(dir, at.segment).exists();
    Ok(there.then_some(at))
}

/// The frames that somebody wants, and how many bytes all good frames take.
fn items((start, format): (Place, u32), bytes: &[u8], wants: Wants) -> (Vec<Item>, usize) {
    let mut items = Vec::new();
    let good = log::scan(bytes, 0, |body, behind| {
        let wanted = match frame::head(body) {
            Some(EntryHead::Row(_, row) | EntryHead::Recovered(row)) => wants.records && row.kind == KindHead::Close,
            Some(EntryHead::Facts(..)) => wants.facts,
            Some(EntryHead::Beat(_)) => wants.beats,
            None => true,
        };
        if !wanted {
            return;
        }
        let content = match frame::entry(format, body) {
            Ok(Entry::Row(_, row) | Entry::Recovered(row)) => match row.kind {
                Kind::Close(record) => Content::Record { seq: row.seq, record },
                Kind::Open(_) | Kind::Interim(_) => return,
            },
            Ok(Entry::Facts(first, facts)) => Content::Facts { first, facts },
            Ok(Entry::Beat(at)) => Content::Beat(at),
            Err(error) => Content::Unreadable(error),
        };
        let at = Place { segment: start.segment, offset: start.offset + behind as u64 };
        items.push(Item { at, body: body.to_vec(), content });
    });
    (items, good)
}

/// Whether the log of the store in `dir` has records or facts behind a place: a consumer that is there has not taken all.
pub fn has_behind(dir: &Path, mut at: Place) -> Result<bool, StoreError> {
    let dir = dir.join("log");
    let disk = |error| StoreError::Disk { what: "read", path: dir.clone(), error };
    if !dir.is_dir() {
        return Ok(false);
    }
    let Some(last) = log::segments(&dir).map_err(disk)?.pop() else { return Ok(false) };
    let durable = Place { segment: last, offset: u64::MAX };
    let wants = Wants { records: true, facts: true, beats: false };
    loop {
        match next(&dir, at, durable, wants).map_err(disk)? {
            Next::Nothing => return Ok(false),
            Next::Items(items, _) if !items.is_empty() => return Ok(true),
            Next::Items(_, to) | Next::Turned(to) => at = to,
        }
    }
}

/// A read of the whole log as it is kept, beside a running store or without one: how a fold over the event line is made
/// again from the beginning. What happens meanwhile may or may not be seen.
#[derive(Debug)]
pub struct History {
    dir: PathBuf,
}

impl History {
    /// Of the store in `dir`.
    pub fn open(dir: &Path) -> Result<History, StoreError> {
        let records = dir.join("log");
        if !records.is_dir() {
            return Err(StoreError::Missing(dir.to_owned()));
        }
        Ok(History { dir: records })
    }

    /// Calls `on` with each fact that is kept, in order, and its number. Numbers begin again at 1 where a life of the engine
    /// began afresh.
    pub fn each_fact(&self, mut on: impl FnMut(u64, &Fact)) -> Result<(), StoreError> {
        self.each(Wants { records: false, facts: true, beats: false }, |item| match &item.content {
            Content::Facts { first, facts } => (*first..).zip(facts).for_each(|(number, fact)| on(number, fact)),
            Content::Record { .. } | Content::Beat(_) | Content::Unreadable(_) => {}
        })
    }

    /// Calls `on` with each item that is kept, in order.
    pub fn each(&self, wants: Wants, mut on: impl FnMut(&Item)) -> Result<(), StoreError> {
        self.each_since(Wall(i64::MIN), wants, |item| {
            on(item);
            true
        })
    }

    /// The same from the segment on that was written to last before what was written at `since` (a few items may be older), until
    /// `on` says that this is enough.
    pub fn each_since(&self, since: Wall, wants: Wants, mut on: impl FnMut(&Item) -> bool) -> Result<(), StoreError> {
        let disk = |error| StoreError::Disk { what: "read", path: self.dir.clone(), error };
        let mut segments = log::segments(&self.dir).map_err(disk)?;
        let is_older = |segment: &u64| {
            let written = std::fs::metadata(log::path(&self.dir, *segment)).and_then(|file| file.modified()).ok();
            let written = written.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
            written.is_some_and(|at| i64::try_from(at.as_micros()).is_ok_and(|us| us < since.0))
        };
        let older = segments.iter().take_while(|segment| is_older(segment)).count();
        segments.drain(..older.min(segments.len().saturating_sub(1)));
        let Some((&first, &last)) = segments.first().zip(segments.last()) else { return Ok(()) };
        let mut at = Place { segment: first, offset: HEADER_BYTES };
        let durable = Place { segment: last, offset: u64::MAX };
        loop {
            match next(&self.dir, at, durable, wants).map_err(disk)? {
                Next::Nothing => return Ok(()),
                Next::Turned(to) => at = to,
                Next::Items(items, to) => {
                    if !items.iter().all(&mut on) {
                        return Ok(());
                    }
                    at = to;
                }
            }
        }
    }
}
