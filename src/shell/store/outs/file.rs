//! Lines in files: CSV, JSON lines, Asterisk's Master.csv and queue_log.
//!
//! The place in the log is kept with the length of the file at that place. What a crash left behind that length is cut before
//! anything follows, so every line is there once. The file is opened for each batch: whoever moves it away finds the next
//! lines in a new one, without telling anybody.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::Wall;
use turno_tariff::cdr::format::{self, QueueLog, Serving};

use super::aside::Shelf;
use super::{FILE_RETRY_MAX, FileOut, Lines, Rotate};
use crate::shell::store::consumer::{Consumer, Trouble};
use crate::shell::store::feed::{Content, Item, Wants};
use crate::shell::store::log::Place;

/// What consumers must know of the house, as of the configuration in force.
#[derive(Debug, Default)]
pub struct House {
    now: Mutex<(Serving, u64)>,
}

impl House {
    /// Of agents who serve these queues.
    pub fn new(serving: Serving) -> House {
        House { now: Mutex::new((serving, 0)) }
    }

    /// The configuration was read again.
    pub fn set(&self, serving: Serving) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = (serving, now.1 + 1);
    }

    /// Who serves what, and how often the configuration was read again.
    fn now(&self) -> (Serving, u64) {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What is kept between lives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    segment: u64,
    offset: u64,
    /// The file that the last line is in, which file that is, and how long it is.
    file: PathBuf,
    inode: u64,
    length: u64,
    /// Its date, by which it is rotated.
    label: String,
    fold: QueueLog,
}

/// A file that grows.
#[derive(Debug)]
pub(super) struct Lined {
    settings: FileOut,
    shelf: Shelf,
    house: Arc<House>,
    kept: Option<Kept>,
    /// Lines behind the kept length are those of a batch that was not finished.
    cut: bool,
    /// queue_log says that we started, with the first line of a life.
    told_start: bool,
    reloads: u64,
}

/// Lines for one file, and how far they bring us.
struct Part {
    label: String,
    text: String,
    at: Place,
    fold: QueueLog,
}

impl Lined {
    pub(super) fn new(name: &str, settings: FileOut, dir: &Path, house: Arc<House>) -> Lined {
        let told_start = settings.lines != Lines::QueueLog;
        let shelf = Shelf::new(dir, name);
        Lined { settings, shelf, house, kept: None, cut: true, told_start, reloads: 0 }
    }

    fn kept(&mut self) -> Result<&mut Kept, Trouble> {
        if self.kept.is_none() {
            self.kept = Some(self.shelf.read().map_err(Trouble::passing)?.unwrap_or_default());
        }
        Ok(self.kept.as_mut().expect("read above"))
    }

    fn parts(&mut self, items: &[Item]) -> Result<Vec<Part>, Trouble> {
        let (rotate, zone, lines) = (self.settings.rotate, self.settings.zone.clone(), self.settings.lines);
        let (serving, reloads) = self.house.now();
        let Kept { label, fold, .. } = self.kept()?;
        let (mut label, mut fold) = (label.clone(), fold.clone());
        let mut parts: Vec<Part> = Vec::new();
        for item in items {
            let mut text = String::new();
            if let Some(at) = instant(item) {
                if !std::mem::replace(&mut self.told_start, true) {
                    text.push_str(&format::queue_start(at));
                    self.reloads = reloads;
                }
                if std::mem::replace(&mut self.reloads, reloads) < reloads && lines == Lines::QueueLog {
                    text.push_str(&format::config_reload(at));
                }
                // What is late goes into the file that is open: dates only go on.
                label = label.max(label_of(at, rotate, &zone));
            }
            write(item, lines, &zone, &serving, &mut fold, &mut text);
            match parts.last_mut().filter(|part| part.label == label) {
                Some(part) => {
                    part.text.push_str(&text);
                    (part.at, part.fold) = (item.at, fold.clone());
                }
                None => parts.push(Part { label: label.clone(), text, at: item.at, fold: fold.clone() }),
            }
        }
        Ok(parts)
    }

    fn write(&mut self, part: Part) -> io::Result<()> {
        let path = path_of(&self.settings.path, &part.label);
        let mut kept = self.kept.clone().unwrap_or_default();
        if !part.text.is_empty() {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            let file = File::options().write(true).create(true).truncate(false).open(&path)?;
            let metadata = file.metadata()?;
            let mut end = metadata.len();
            if (&kept.file, kept.inode) != (&path, metadata.ino()) {
                // What is in it already is not ours to cut.
                (kept.file, kept.inode, kept.length) = (path, metadata.ino(), end);
                self.keep(kept.clone())?;
            } else if self.cut && end > kept.length {
                file.set_len(kept.length)?;
                end = kept.length;
            }
            let header = if end == 0 && self.settings.lines == Lines::Csv { format::CSV_HEADER } else { "" };
            let text = [header, &part.text].concat();
            file.write_all_at(text.as_bytes(), end)?;
            file.sync_data()?;
            kept.length = end + text.len() as u64;
        }
        (kept.segment, kept.offset, kept.label, kept.fold) = (part.at.segment, part.at.offset, part.label, part.fold);
        self.keep(kept)?;
        self.cut = false;
        Ok(())
    }

    fn keep(&mut self, kept: Kept) -> io::Result<()> {
        self.shelf.keep(&kept)?;
        self.kept = Some(kept);
        Ok(())
    }

    fn move_to(&mut self, at: Place) -> Result<(), Trouble> {
        let kept = Kept { segment: at.segment, offset: at.offset, ..self.kept()?.clone() };
        self.keep(kept).map_err(Trouble::passing)
    }
}

impl Consumer for Lined {
    fn wants(&self) -> Wants {
        match self.settings.lines {
            Lines::Csv | Lines::Jsonl | Lines::MasterCsv => Wants { records: true, facts: false, beats: false },
            Lines::QueueLog => Wants { records: false, facts: true, beats: false },
        }
    }

    fn place(&mut self) -> Result<Place, Trouble> {
        let kept = self.kept()?;
        Ok(Place { segment: kept.segment, offset: kept.offset })
    }

    /// Refuses nothing: any record has its lines.
    fn take(&mut self, items: &[Item]) -> Result<(), Trouble> {
        for part in self.parts(items)? {
            if let Err(error) = self.write(part) {
                self.cut = true;
                return Err(Trouble::passing(error));
            }
        }
        Ok(())
    }

    fn set_aside(&mut self, item: &Item, reason: &str) -> Result<(), Trouble> {
        self.shelf.set_aside(item, reason)?;
        self.move_to(item.at)
    }

    fn pass(&mut self, to: Place) -> Result<(), Trouble> {
        self.move_to(to)
    }

    /// What a file refused nobody could read, and its lines are in the order of the log.
    fn again(&mut self, log: &Path) -> Result<bool, Trouble> {
        self.shelf.again(log, |_| Err(Trouble::Refused("a file takes nothing out of its order".into())))
    }

    fn retry_max(&self) -> Duration {
        FILE_RETRY_MAX
    }
}

fn instant(item: &Item) -> Option<Wall> {
    match &item.content {
        Content::Record { record, .. } => Some(record.ended),
        Content::Facts { facts, .. } => facts.first().map(|fact| fact.at.wall),
        Content::Beat(_) | Content::Unreadable(_) => None,
    }
}

fn write(
    item: &Item,
    lines: Lines,
    zone: &jiff::tz::TimeZone,
    serving: &Serving,
    fold: &mut QueueLog,
    out: &mut String,
) {
    match &item.content {
        Content::Record { record, .. } => out.push_str(&match lines {
            Lines::Csv => format::csv(record),
            Lines::Jsonl => format::json(record) + "\n",
            Lines::MasterCsv => format::master_csv(record, zone),
            Lines::QueueLog => return,
        }),
        Content::Facts { facts, .. } => facts.iter().for_each(|fact| fold.on_fact(fact, serving, out)),
        Content::Beat(_) | Content::Unreadable(_) => {}
    }
}

/// Sorts as time does.
pub(super) fn label_of(at: Wall, rotate: Rotate, zone: &jiff::tz::TimeZone) -> String {
    let form = match rotate {
        Rotate::Never => return String::new(),
        Rotate::Day => "%Y-%m-%d",
        Rotate::Hour => "%Y-%m-%dT%H",
    };
    let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or_default().to_zoned(zone.clone());
    at.strftime(form).to_string()
}

/// `calls.csv` and `2026-03-10` make `calls-2026-03-10.csv`.
pub(super) fn path_of(path: &Path, label: &str) -> PathBuf {
    if label.is_empty() {
        return path.to_owned();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    match path.extension() {
        Some(ending) => path.with_file_name(format!("{stem}-{label}.{}", ending.to_string_lossy())),
        None => path.with_file_name(format!("{stem}-{label}")),
    }
}
