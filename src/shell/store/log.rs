//! The log as files: `log/<ordinal>.log`, each a header and frames; the one being written has zeros behind them. Reading
//! back, cutting a torn tail.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use turno_base::{CallId, Fact, Wall};
use turno_tariff::cdr::Recovery;

use super::frame::{self, Entry, EntryHead, KindHead, crc32};

/// Bytes before the first frame: magic, version, ordinal of the oldest segment that a restart needs, checksum.
pub(super) const HEADER_BYTES: u64 = 24;
const MAGIC: &[u8; 8] = b"TURNOREC";
/// Of the frames' content. A build that reads another one says so instead of guessing.
pub(super) const VERSION: u32 = 8;
/// The oldest of the formats before that are read: what they have is laid out as in this one, which has more kinds of facts, but for
/// the records of calls that ended ([`frame::entry`]). Segments of all of them may follow one another.
pub(super) const OLDEST: u32 = 5;

/// A place in the log: what a consumer keeps as its cursor. The default is before everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Segment, from 1.
    pub segment: u64,
    /// Bytes from its beginning.
    pub offset: u64,
}

/// What a start found.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Calls that the log leaves open: `recovery.finish(deck, alive, goes_on)` gives the rows that close them, for
    /// [`super::Store::append_recovered`].
    pub recovery: Recovery,
    /// Last heartbeat, if it is younger than the last row.
    pub alive: Option<Wall>,
    /// Number and call of the last numbered row that is durable.
    pub last: Option<(u64, CallId)>,
    /// Number of the last fact that is durable.
    pub fact_last: Option<u64>,
    /// Rows read back.
    pub rows: u64,
    /// Bytes of a torn tail that were cut.
    pub torn_bytes: u64,
    /// Bytes before the tail that cannot be read: damage, not a crash.
    pub damaged_bytes: u64,
    /// The files, and where the log goes on.
    dir: PathBuf,
    pub(super) end: Place,
    /// The last segment is of a format before: nothing of this one may follow in it.
    pub(super) is_former: bool,
    /// Calls that are open, with their rows' bodies in the order of the log.
    open: BTreeMap<CallId, Vec<Body>>,
    /// Calls that ended in the segments read.
    pub(super) closed: BTreeSet<CallId>,
}

/// Where the body of a row lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Body {
    segment: u64,
    offset: u64,
    length: usize,
}

pub(super) fn path(dir: &Path, segment: u64) -> PathBuf {
    dir.join(format!("{segment:08}.log"))
}

/// Ordinals of the segments there, ascending.
pub(super) fn segments(dir: &Path) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let ordinal: Option<u64> =
            name.to_str().and_then(|name| name.strip_suffix(".log")).and_then(|stem| stem.parse().ok());
        found.extend(ordinal);
    }
    found.sort_unstable();
    Ok(found)
}

/// The header of a new segment.
pub(super) fn header(needed: u64) -> [u8; HEADER_BYTES as usize] {
    let mut bytes = [0; HEADER_BYTES as usize];
    let (head, sum) = bytes.split_at_mut(20);
    head.copy_from_slice(&[&MAGIC[..], &VERSION.to_le_bytes(), &needed.to_le_bytes()].concat());
    sum.copy_from_slice(&crc32(head).to_le_bytes());
    bytes
}

/// What a header says.
enum Header {
    /// Oldest segment needed, and in which of the formats that are read it is.
    Needed { oldest: u64, version: u32 },
    /// Torn or damaged.
    Unreadable,
    /// Written by a build with another format.
    Version(u32),
}

fn read_header(bytes: &[u8]) -> Header {
    let Some((head, sum)) = bytes.get(..HEADER_BYTES as usize).map(|header| header.split_at(20)) else {
        return Header::Unreadable;
    };
    if crc32(head).to_le_bytes() != sum {
        return Header::Unreadable;
    }
    let version = head.get(8..12).and_then(|v| v.try_into().ok()).map_or(0, u32::from_le_bytes);
    let needed = head.get(12..20).and_then(|n| n.try_into().ok()).map_or(0, u64::from_le_bytes);
    match head.starts_with(MAGIC) {
        false => Header::Unreadable,
        true if !(OLDEST..=VERSION).contains(&version) => Header::Version(version),
        true => Header::Needed { oldest: needed, version },
    }
}

/// The format of the segment that begins so; one whose header cannot be read is taken for one of this build.
pub(super) fn format_of(bytes: &[u8]) -> u32 {
    match read_header(bytes) {
        Header::Needed { version, .. } | Header::Version(version) => version,
        Header::Unreadable => VERSION,
    }
}

/// Calls `on` with the body of each good frame and the offset behind it, from `offset` on. Returns the offset behind the last.
pub(super) fn scan(bytes: &[u8], mut offset: usize, mut on: impl FnMut(&[u8], usize)) -> usize {
    while let Some((body, length)) = bytes.get(offset..).and_then(frame::first) {
        offset += length;
        on(body, offset);
    }
    offset
}

/// Reads back what a restart needs and cuts a torn tail. `dir` exists.
pub(super) fn recover(dir: &Path) -> io::Result<Recovered> {
    let mut recovered = Recovered { dir: dir.to_owned(), ..Recovered::default() };
    let mut found = segments(dir)?;
    // A crash right after a segment was created may leave less than a header: nothing was ever in it.
    while let Some(&last) = found.last() {
        let bytes = fs::read(path(dir, last))?;
        match read_header(&bytes) {
            Header::Needed { oldest, version } => {
                found.retain(|&segment| segment >= oldest);
                recovered.is_former = version != VERSION;
                break;
            }
            Header::Version(version) => {
                let sentence = format!(
                    "record log {last:08}.log has format {version}, this build reads {OLDEST} to {VERSION}: start the build that \
                     wrote it, or go by way of builds that each read the format before theirs"
                );
                return Err(io::Error::new(io::ErrorKind::InvalidData, sentence));
            }
            Header::Unreadable if bytes.len() as u64 <= HEADER_BYTES => fs::remove_file(path(dir, last))?,
            Header::Unreadable => {
                fs::rename(path(dir, last), dir.join(format!("{last:08}.damaged")))?;
                recovered.damaged_bytes += bytes.len() as u64;
            }
        }
        found.pop();
    }
    let last = found.last().copied();
    // One room for all segments: fresh pages for each cost as much as to read it.
    let mut bytes = Vec::new();
    for &segment in &found {
        bytes.clear();
        File::open(path(dir, segment))?.read_to_end(&mut bytes)?;
        let good = scan(&bytes, HEADER_BYTES as usize, |body, end| {
            recovered.on_head(Body { segment, offset: (end - body.len()) as u64, length: body.len() }, body);
        });
        let rest = bytes.get(good..).unwrap_or_default();
        // The zeros at the end are room that no row has used.
        let lost = rest.iter().rposition(|&byte| byte != 0).map_or(0, |at| at as u64 + 1);
        if Some(segment) != last {
            recovered.damaged_bytes += lost;
            continue;
        }
        recovered.torn_bytes = lost;
        recovered.end = Place { segment, offset: good as u64 };
        if !rest.is_empty() {
            let file = File::options().write(true).open(path(dir, segment))?;
            file.set_len(good as u64)?;
            file.sync_all()?;
        }
    }
    recovered.read_open()?;
    Ok(recovered)
}

impl Recovered {
    /// Number of the last numbered row that is durable.
    pub fn seq_last(&self) -> Option<u64> {
        self.last.map(|(seq, _)| seq)
    }

    /// The youngest fact of this number, in the segments that are there.
    pub fn fact(&self, number: u64) -> io::Result<Option<Fact>> {
        for segment in segments(&self.dir)?.into_iter().rev() {
            let mut found = None;
            scan(&fs::read(path(&self.dir, segment))?, HEADER_BYTES as usize, |body, _| match frame::head(body) {
                Some(EntryHead::Facts(first, count)) if (first..first.saturating_add(count)).contains(&number) => {
                    if let Ok(Entry::Facts(first, facts)) = postcard::from_bytes(body) {
                        found = facts.into_iter().nth((number - first) as usize);
                    }
                }
                Some(EntryHead::Facts(..) | EntryHead::Row(..) | EntryHead::Recovered(_) | EntryHead::Beat(_))
                | None => {}
            });
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn on_head(&mut self, place: Body, body: &[u8]) {
        let row = match frame::head(body) {
            Some(EntryHead::Row(seq, row)) => {
                // Numbers ascend in one life of the engine and begin again in one that starts afresh.
                self.last = Some((seq, row.call));
                row
            }
            Some(EntryHead::Recovered(row)) => row,
            Some(EntryHead::Beat(wall)) => {
                self.alive = Some(wall);
                return;
            }
            Some(EntryHead::Facts(first, count)) => {
                self.fact_last = (first.saturating_add(count)).checked_sub(1);
                return;
            }
            None => {
                self.damaged_bytes += body.len() as u64;
                return;
            }
        };
        self.rows += 1;
        self.alive = None;
        self.recovery.on_proof(row.at);
        match row.kind {
            // A replay after a crash may append rows a second time: they open nothing again.
            KindHead::Open if !self.closed.contains(&row.call) => self.open.entry(row.call).or_default().push(place),
            KindHead::Open | KindHead::Interim => {
                if let Some(rows) = self.open.get_mut(&row.call) {
                    rows.push(place);
                }
            }
            KindHead::Close => {
                self.open.remove(&row.call);
                self.closed.insert(row.call);
            }
        }
    }

    /// Reads in full the rows of the few calls that are open, in the order of the log.
    fn read_open(&mut self) -> io::Result<()> {
        let mut bodies: Vec<Body> = self.open.values().flatten().copied().collect();
        bodies.sort_unstable();
        let mut bytes = Vec::new();
        for of_segment in bodies.chunk_by(|a, b| a.segment == b.segment) {
            let Some(first) = of_segment.first() else { continue };
            let file = File::open(path(&self.dir, first.segment))?;
            let mut header = [0; HEADER_BYTES as usize];
            file.read_exact_at(&mut header, 0)?;
            let format = format_of(&header);
            for body in of_segment {
                bytes.resize(body.length, 0);
                file.read_exact_at(&mut bytes, body.offset)?;
                match frame::entry(format, &bytes) {
                    Ok(Entry::Row(_, row) | Entry::Recovered(row)) => self.recovery.on_row(&row),
                    Ok(Entry::Beat(_) | Entry::Facts(..)) => {}
                    Err(_) => self.damaged_bytes += bytes.len() as u64,
                }
            }
        }
        Ok(())
    }

    /// Calls that are open, with the segment in which each began.
    pub(super) fn open(&self) -> BTreeMap<CallId, u64> {
        self.open.iter().filter_map(|(&call, rows)| Some((call, rows.first()?.segment))).collect()
    }
}

/// The bytes of a segment from `from` to `to`.
pub(super) fn read_range(dir: &Path, from: Place, to: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path(dir, from.segment))?;
    let mut bytes = vec![0; usize::try_from(to.saturating_sub(from.offset)).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, from.offset)?;
    Ok(bytes)
}
