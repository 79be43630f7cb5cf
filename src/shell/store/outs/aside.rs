//! What a consumer keeps in the house: its place, `<name>.place`, what was refused, `<name>.refused.jsonl`, and what of that a person wants
//! taken once more, `<name>.again.jsonl`.
//!
//! The lists are changed by the node and by `turno cdr refused` beside it: each is locked while it is.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use turno_base::CallId;
use turno_tariff::cdr::format;

use crate::shell::store::consumer::Trouble;
use crate::shell::store::feed::{self, Content, Item};
use crate::shell::store::frame::crc32;
use crate::shell::store::log::Place;

/// What is taken once more at a time, so that what is new waits no longer than this.
const AGAIN_MAX: usize = 512;
/// The same, by how long it takes: a peer that hangs holds up what is new for one of its deadlines.
const AGAIN_WITHIN: Duration = Duration::from_secs(1);
const REFUSED: &str = "refused.jsonl";
const AGAIN: &str = "again.jsonl";

/// Something small that is written whole or not at all.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    dir: PathBuf,
    name: String,
}

impl Shelf {
    pub(super) fn new(dir: &Path, name: &str) -> Shelf {
        Shelf { dir: dir.to_owned(), name: name.to_owned() }
    }

    fn path(&self, ending: &str) -> PathBuf {
        self.dir.join(format!("{}.{ending}", self.name))
    }

    /// What was kept last; none: nothing, or by another build. A damaged one is an error, not a beginning.
    pub(super) fn read<T: DeserializeOwned>(&self) -> io::Result<Option<T>> {
        let bytes = match fs::read(self.path("place")) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some((sum, body)) = bytes.split_first_chunk::<4>() else { return Err(damaged(&self.path("place"))) };
        if crc32(body) != u32::from_le_bytes(*sum) {
            return Err(damaged(&self.path("place")));
        }
        postcard::from_bytes(body).map(Some).map_err(|_| damaged(&self.path("place")))
    }

    pub(super) fn keep(&self, kept: &impl Serialize) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let body = postcard::to_allocvec(kept).expect("plain data in memory always serialises");
        let (path, next) = (self.path("place"), self.path("place.next"));
        let mut file = File::create(&next)?;
        file.write_all(&crc32(&body).to_le_bytes())?;
        file.write_all(&body)?;
        file.sync_data()?;
        fs::rename(&next, &path)?;
        File::open(&self.dir)?.sync_data()
    }

    /// Adds an item to what was refused. After a crash it may stand there twice, with the same place.
    pub(super) fn set_aside(&self, item: &Item, reason: &str) -> Result<(), Trouble> {
        self.put_aside(&line(item, reason)).map_err(Trouble::passing)
    }

    fn put_aside(&self, line: &str) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let mut list = locked(&self.path(REFUSED))?;
        list.write_all(line.as_bytes())?;
        list.sync_data()
    }

    /// Takes some of what a person wants taken once more; what is refused again is set aside again. Whether there is more of it.
    pub(super) fn again(
        &self,
        log: &Path,
        mut take: impl FnMut(&Item) -> Result<(), Trouble>,
    ) -> Result<bool, Trouble> {
        let path = self.path(AGAIN);
        if !path.exists() {
            return Ok(false);
        }
        let asked = Line::all(&fs::read_to_string(&path).map_err(Trouble::passing)?, AGAIN_MAX);
        let places: BTreeSet<Place> = asked.iter().map(Line::at).collect();
        let items = feed::at(log, &places).map_err(Trouble::passing)?;
        let (until, mut done, mut trouble) = (Instant::now() + AGAIN_WITHIN, BTreeSet::new(), None);
        for line in &asked {
            // After a crash it may stand there twice.
            if done.contains(&line.at()) {
                continue;
            }
            let taken = match items.iter().find(|item| item.at == line.at()) {
                _ if line.is_forgotten() => Err(Trouble::Refused("it is forgotten".into())),
                None => Err(Trouble::Refused("the log no longer has it (store.kept)".into())),
                Some(Item { content: Content::Unreadable(error), .. }) => {
                    Err(Trouble::Refused(error.to_string().into()))
                }
                Some(item) => take(item),
            };
            match taken {
                Ok(()) => {}
                Err(Trouble::Refused(reason)) => {
                    let line = Line { reason: reason.to_string(), ..line.clone() };
                    self.put_aside(&line.text()).map_err(Trouble::passing)?;
                }
                Err(Trouble::Passing(error)) => {
                    trouble = Some(Trouble::Passing(error));
                    break;
                }
            }
            done.insert(line.at());
            if Instant::now() >= until {
                break;
            }
        }
        let is_left = keep(&path, |line| !done.contains(&line.at())).map_err(Trouble::passing)?;
        trouble.map_or(Ok(is_left), Err)
    }
}

/// Opens a list, and keeps everybody else from changing it for as long as it is open.
fn locked(path: &Path) -> io::Result<File> {
    loop {
        let file = File::options().read(true).append(true).create(true).open(path)?;
        file.lock()?;
        // Whoever had it may have put another in its place.
        if fs::metadata(path).is_ok_and(|now| file.metadata().is_ok_and(|ours| ours.ino() == now.ino())) {
            return Ok(file);
        }
    }
}

/// Keeps those of a list that are to be kept; whether there are any.
fn keep(path: &Path, is_kept: impl Fn(&Line) -> bool) -> io::Result<bool> {
    change(path, |line| Some(line).filter(&is_kept))
}

/// Puts something in the place of each line of a list, or nothing; whether there are any then.
fn change(path: &Path, line: impl Fn(Line) -> Option<Line>) -> io::Result<bool> {
    let (mut list, mut text) = (locked(path)?, String::new());
    list.read_to_string(&mut text)?;
    let lines = Line::all(&text, usize::MAX).into_iter();
    let kept: String = lines.filter_map(line).map(|line| line.text()).collect();
    if kept.is_empty() {
        fs::remove_file(path)?;
        return Ok(false);
    }
    let next = path.with_extension("next");
    let mut file = File::create(&next)?;
    file.write_all(kept.as_bytes())?;
    file.sync_data()?;
    fs::rename(&next, path)?;
    Ok(true)
}

fn damaged(path: &Path) -> io::Error {
    let sentence =
        format!("{} is damaged; remove it to have everything that is kept written once more", path.display());
    io::Error::new(io::ErrorKind::InvalidData, sentence)
}

/// A line of a list.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Line {
    segment: u64,
    offset: u64,
    call: Option<String>,
    seq: Option<u32>,
    reason: String,
    record: serde_json::Value,
}

impl Line {
    /// The first of a list; the last one may be torn.
    fn all(text: &str, most: usize) -> Vec<Line> {
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).take(most).collect()
    }

    fn at(&self) -> Place {
        Place { segment: self.segment, offset: self.offset }
    }

    /// The record was taken out of it ([`forget`]), whatever the log still has.
    fn is_forgotten(&self) -> bool {
        self.call.is_some() && self.record.is_null()
    }

    fn text(&self) -> String {
        json!(self).to_string() + "\n"
    }
}

fn line(item: &Item, reason: &str) -> String {
    let key = item.key();
    let record = match &item.content {
        Content::Record { record, .. } => serde_json::from_str(&format::json(record)).unwrap_or_default(),
        Content::Facts { .. } | Content::Beat(_) | Content::Unreadable(_) => serde_json::Value::Null,
    };
    let Place { segment, offset } = item.at;
    let (call, seq) = (key.map(|(call, _)| call.to_string()), key.map(|(_, seq)| seq));
    Line { segment, offset, call, seq, reason: reason.to_owned(), record }.text()
}

/// A record that a consumer refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Whose list it is on.
    pub consumer: String,
    /// Where it lies in the log.
    pub at: Place,
    /// Which call, if that much could be read.
    pub call: Option<String>,
    /// Why.
    pub reason: String,
    /// It is to be taken once more, and was not yet.
    pub is_asked: bool,
}

/// Whose list it is, and which.
fn named(path: &Path) -> Option<(&str, &str)> {
    let named = path.file_name()?.to_str()?.split_once('.')?;
    matches!(named.1, REFUSED | AGAIN).then_some(named)
}

/// All lists of the store in `dir`.
fn lists(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dir.join("out")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let paths: io::Result<Vec<PathBuf>> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    paths.map(|paths| paths.into_iter().filter(|path| named(path).is_some()).collect())
}

/// What all consumers of the store in `dir` but the tables refused, by consumer, in the order of the log.
pub fn refused(dir: &Path) -> io::Result<Vec<Refused>> {
    let mut found = Vec::new();
    for path in lists(dir)? {
        let Some((stem, kind)) = named(&path) else { continue };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            // The last of it was taken meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for line in Line::all(&text, usize::MAX) {
            let (at, is_asked) = (line.at(), kind == AGAIN);
            found.push(Refused { consumer: stem.to_owned(), at, call: line.call, reason: line.reason, is_asked });
        }
    }
    found.sort_by(|a, b| (&a.consumer, a.at, a.is_asked).cmp(&(&b.consumer, b.at, b.is_asked)));
    found.dedup_by(|a, b| (&a.consumer, a.at) == (&b.consumer, b.at));
    Ok(found)
}

/// Takes the records out of all lists of the store in `dir` for which `is_meant` holds, as JSON tells them. That they were refused, and why,
/// still stands there.
pub fn forget(dir: &Path, is_meant: impl Fn(&serde_json::Value) -> bool) -> io::Result<()> {
    for path in lists(dir)? {
        let text = fs::read_to_string(&path)?;
        if Line::all(&text, usize::MAX).iter().any(|line| is_meant(&line.record)) {
            change(&path, |line| {
                let record = if is_meant(&line.record) { serde_json::Value::Null } else { line.record };
                Some(Line { record, ..line })
            })?;
        }
    }
    Ok(())
}

/// What becomes of records that a consumer refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is given them once more: by the node that writes here, or when it starts.
    Again,
    /// It never gets them.
    Gone,
}

/// Takes those that `consumer` refused off its list, all or those of one call, for this fate. Returns how many; 0: it refused none.
pub fn decide(dir: &Path, consumer: &str, call: Option<CallId>, fate: Fate) -> io::Result<usize> {
    let shelf = Shelf::new(&dir.join("out"), consumer);
    let list = shelf.path(REFUSED);
    // A name that is none leads nowhere else.
    if consumer.contains(['/', '.']) || !list.exists() {
        return Ok(0);
    }
    let call = call.map(|call| call.to_string());
    let is_meant = |line: &Line| call.is_none() || line.call == call;
    let meant: Vec<Line> = Line::all(&fs::read_to_string(&list)?, usize::MAX).into_iter().filter(is_meant).collect();
    let places: BTreeSet<Place> = meant.iter().map(Line::at).collect();
    if fate == Fate::Again && !meant.is_empty() {
        // First here and then away from there: on two lists at worst, on none never.
        let mut again = locked(&shelf.path(AGAIN))?;
        again.write_all(meant.iter().map(Line::text).collect::<String>().as_bytes())?;
        again.sync_data()?;
    }
    keep(&list, |line| !places.contains(&line.at()))?;
    Ok(places.len())
}
