//! Records in Parquet files, one for each day or hour.
//!
//! Such a file can be read only once it is whole. While it grows its name ends in `.part`, and the place that is kept is the
//! one behind the last whole file: a crash costs the unfinished file, whose records are taken from the log once more. A file
//! is closed by the first record or heartbeat of the next hour or day, so that a quiet night holds nothing back.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use parquet::errors::ParquetError;
use serde::{Deserialize, Serialize};
use turno_base::Wall;

use super::aside::Shelf;
use super::file::{label_of, path_of};
use super::{FILE_RETRY_MAX, SheetOut};
use crate::shell::store::consumer::{Consumer, Trouble};
use crate::shell::store::feed::{Content, Item, Wants};
use crate::shell::store::log::Place;
use crate::shell::store::parquet::Sheet;

/// Most files of one name: a second one is there only if records were taken from the log again on somebody's behalf.
const SAME_NAME_MAX: u32 = 1000;

/// What is kept between lives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    segment: u64,
    offset: u64,
    /// Date or hour of what follows: they only go on.
    label: String,
    /// A file that is whole, and is to get this name before anything else happens.
    naming: Option<(PathBuf, PathBuf)>,
}

/// The file in the making.
#[derive(Debug)]
struct Open {
    part: PathBuf,
    sheet: Sheet<File>,
}

/// Files of records.
#[derive(Debug)]
pub(super) struct Sheets {
    settings: SheetOut,
    shelf: Shelf,
    kept: Option<Kept>,
    /// Date or hour of the file in the making, or of the next.
    label: String,
    open: Option<Open>,
    /// Behind the last item, whether it is in a whole file or not.
    at: Place,
}

impl Sheets {
    pub(super) fn new(name: &str, settings: SheetOut, dir: &Path) -> Sheets {
        let shelf = Shelf::new(dir, name);
        Sheets { settings, shelf, kept: None, label: String::new(), open: None, at: Place::default() }
    }

    /// Where it goes on. What was not closed is begun anew; what was closed gets its name.
    fn begin(&mut self) -> io::Result<Place> {
        self.open = None;
        let mut kept: Kept = self.shelf.read()?.unwrap_or_default();
        if let Some((part, path)) = kept.naming.take() {
            give_name(&part, &path)?;
            self.shelf.keep(&kept)?;
        }
        self.label = kept.label.clone();
        self.at = Place { segment: kept.segment, offset: kept.offset };
        self.kept = Some(kept);
        Ok(self.at)
    }

    fn take_one(&mut self, item: &Item) -> Result<(), ParquetError> {
        if let Some(at) = instant(item) {
            let label = label_of(at, self.settings.rotate, &self.settings.zone);
            if label > self.label {
                self.close(label)?;
            }
        }
        if let Content::Record { record, .. } = &item.content {
            if self.open.is_none() {
                self.open = Some(self.open()?);
            }
            if let Some(open) = &mut self.open {
                open.sheet.push((**record).clone())?;
            }
        }
        self.at = item.at;
        Ok(())
    }

    fn open(&self) -> Result<Open, ParquetError> {
        let path = path_of(&self.settings.path, &self.label);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let part = path.with_added_extension("part");
        let sheet = Sheet::begin(File::create(&part)?)?;
        Ok(Open { part, sheet })
    }

    /// Ends the file in the making, if there is one; what comes now is of `label`.
    fn close(&mut self, label: String) -> Result<(), ParquetError> {
        let mut kept = Kept { segment: self.at.segment, offset: self.at.offset, label: label.clone(), naming: None };
        if let Some(Open { part, sheet }) = self.open.take() {
            sheet.close()?.sync_all()?;
            let path = free_name(&path_of(&self.settings.path, &self.label))?;
            // First the promise, then the name: after a crash between the two no record is in two files or in none.
            kept.naming = Some((part.clone(), path.clone()));
            self.shelf.keep(&kept)?;
            give_name(&part, &path)?;
            kept.naming = None;
        }
        self.shelf.keep(&kept)?;
        (self.label, self.kept) = (label, Some(kept));
        Ok(())
    }
}

impl Consumer for Sheets {
    fn wants(&self) -> Wants {
        Wants { records: true, facts: false, beats: true }
    }

    fn place(&mut self) -> Result<Place, Trouble> {
        self.begin().map_err(Trouble::passing)
    }

    /// Refuses nothing: any record has its row.
    fn take(&mut self, items: &[Item]) -> Result<(), Trouble> {
        items.iter().try_for_each(|item| self.take_one(item)).map_err(Trouble::passing)
    }

    fn set_aside(&mut self, item: &Item, reason: &str) -> Result<(), Trouble> {
        self.shelf.set_aside(item, reason)?;
        self.at = item.at;
        Ok(())
    }

    /// While a file is in the making, what it holds may be asked for again.
    fn pass(&mut self, to: Place) -> Result<(), Trouble> {
        self.at = to;
        if self.open.is_none() {
            let label = self.label.clone();
            self.close(label).map_err(Trouble::passing)?;
        }
        Ok(())
    }

    fn needs(&self, at: Place) -> Place {
        self.kept.as_ref().map_or(at, |kept| Place { segment: kept.segment, offset: kept.offset })
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
        Content::Beat(at) => Some(*at),
        Content::Facts { .. } | Content::Unreadable(_) => None,
    }
}

/// `calls-2026-03-10.parquet`, or `calls-2026-03-10-2.parquet` where somebody has that already.
fn free_name(path: &Path) -> io::Result<PathBuf> {
    let numbered = |n: u32| if n == 1 { path.to_owned() } else { path_of(path, &n.to_string()) };
    let free = (1..=SAME_NAME_MAX).map(numbered).find(|path| !path.exists());
    free.ok_or_else(|| io::Error::new(io::ErrorKind::AlreadyExists, format!("too many files like {}", path.display())))
}

/// Done already if the part is not there any more.
fn give_name(part: &Path, path: &Path) -> io::Result<()> {
    match fs::rename(part, path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.exists() => {}
        Err(error) => return Err(error),
    }
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_data(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use jiff::tz::TimeZone;
    use turno_tariff::cdr::{Record, format};

    use super::super::Rotate;
    use super::*;
    use crate::shell::store::parquet::records;
    use crate::shell::store::tests::{Dir, record};

    fn sheets(dir: &Dir) -> Sheets {
        let path = dir.0.join("deep/calls.parquet");
        Sheets::new("sheets", SheetOut { path, rotate: Rotate::Hour, zone: TimeZone::UTC }, &dir.0.join("out"))
    }

    /// The `n`-th call; it ended at so many minutes past 11.
    fn call(n: u64, minute: u64) -> Record {
        Record { ended: Wall::from_secs(1_773_140_400) + Duration::from_secs(minute * 60), ..record(n) }
    }

    fn item(n: u64, minute: u64) -> Item {
        let record = Box::new(call(n, minute));
        Item { at: place(n), body: Vec::new(), content: Content::Record { seq: 3, record } }
    }

    fn beat(n: u64, minute: u64) -> Item {
        Item { at: place(n), body: Vec::new(), content: Content::Beat(call(n, minute).ended) }
    }

    fn place(n: u64) -> Place {
        Place { segment: 7, offset: 100 + n }
    }

    /// The files there, and of those that are whole their calls.
    fn files(dir: &Dir) -> Vec<(String, Option<Vec<String>>)> {
        let Ok(entries) = fs::read_dir(dir.0.join("deep")) else { return Vec::new() };
        let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        found.sort();
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        found.into_iter().map(|path| (name(&path), records(&path).ok())).collect()
    }

    fn whole(name: &str, calls: &[(u64, u64)]) -> (String, Option<Vec<String>>) {
        (name.to_owned(), Some(calls.iter().map(|&(n, minute)| format::json(&call(n, minute))).collect()))
    }

    fn part(name: &str) -> (String, Option<Vec<String>>) {
        (name.to_owned(), None)
    }

    #[test]
    fn a_file_is_closed_by_the_next_hour_and_the_place_moves_with_whole_files_only() {
        let dir = Dir::new("sheets");
        let mut sheets = sheets(&dir);
        assert_eq!(sheets.place().unwrap(), Place::default());
        sheets.take(&[item(1, 0), item(2, 59)]).unwrap();
        assert_eq!(files(&dir), [part("calls-2026-03-10T11.parquet.part")]);
        assert_eq!(sheets.needs(place(2)), Place::default(), "the log keeps what is in no whole file");
        // The last of them is late: hours only go on.
        sheets.take(&[item(3, 60), item(4, 58)]).unwrap();
        let first = whole("calls-2026-03-10T11.parquet", &[(1, 0), (2, 59)]);
        assert_eq!(files(&dir), [first.clone(), part("calls-2026-03-10T12.parquet.part")]);
        assert_eq!(sheets.needs(place(4)), place(2));
        sheets.pass(Place { segment: 8, offset: 24 }).unwrap();
        assert_eq!(sheets.needs(Place { segment: 8, offset: 24 }), place(2));
        // Nobody calls any more, and the file is whole all the same.
        sheets.take(&[beat(5, 119), beat(6, 120)]).unwrap();
        let second = whole("calls-2026-03-10T12.parquet", &[(3, 60), (4, 58)]);
        assert_eq!(files(&dir), [first, second]);
        assert_eq!(sheets.needs(place(6)), place(5));
        sheets.pass(Place { segment: 9, offset: 24 }).unwrap();
        assert_eq!(sheets.needs(place(6)), Place { segment: 9, offset: 24 });
    }

    #[test]
    fn a_crash_at_any_step_leaves_each_call_in_one_whole_file() {
        let first = whole("calls-2026-03-10T11.parquet", &[(1, 0), (2, 59)]);
        let second = whole("calls-2026-03-10T12.parquet", &[(3, 60)]);
        let third = || part("calls-2026-03-10T13.parquet.part");
        let all = [item(1, 0), item(2, 59), item(3, 60), item(4, 125)];
        let go_on = |sheets: &mut Sheets| {
            let from = sheets.place().unwrap();
            let rest: Vec<Item> = all.iter().filter(|item| item.at > from).cloned().collect();
            sheets.take(&rest).unwrap();
        };
        for taken in 1..=all.len() {
            let dir = Dir::new("sheets-crash");
            let mut before = sheets(&dir);
            before.place().unwrap();
            before.take(&all[..taken]).unwrap();
            drop(before);
            go_on(&mut sheets(&dir));
            assert_eq!(files(&dir), [first.clone(), second.clone(), third()], "after {taken}");
        }
        // Between the promise of a name and the name, and between the name and the end of the promise.
        for named in [false, true] {
            let dir = Dir::new("sheets-naming");
            let mut before = sheets(&dir);
            before.place().unwrap();
            before.take(&all[..3]).unwrap();
            let path = dir.0.join("deep/calls-2026-03-10T11.parquet");
            let promised = dir.0.join("deep/calls-2026-03-10T11.parquet.part");
            fs::rename(&path, if named { &path } else { &promised }).unwrap();
            let mut kept = before.kept.clone().unwrap();
            kept.naming = Some((promised, path));
            before.shelf.keep(&kept).unwrap();
            drop(before);
            go_on(&mut sheets(&dir));
            assert_eq!(files(&dir), [first.clone(), second.clone(), third()], "named: {named}");
        }
    }

    #[test]
    fn a_file_of_that_name_is_never_written_over() {
        let dir = Dir::new("sheets-theirs");
        fs::create_dir_all(dir.0.join("deep")).unwrap();
        fs::write(dir.0.join("deep/calls-2026-03-10T11.parquet"), "theirs").unwrap();
        let mut sheets = sheets(&dir);
        sheets.place().unwrap();
        sheets.take(&[item(1, 0), beat(2, 60)]).unwrap();
        assert_eq!(
            files(&dir),
            [whole("calls-2026-03-10T11-2.parquet", &[(1, 0)]), part("calls-2026-03-10T11.parquet")]
        );
        assert_eq!(fs::read_to_string(dir.0.join("deep/calls-2026-03-10T11.parquet")).unwrap(), "theirs");
    }

    #[test]
    fn a_full_disk_is_tried_again_from_the_last_whole_file() {
        let dir = Dir::new("sheets-full");
        fs::create_dir_all(dir.0.join("deep")).unwrap();
        let full = dir.0.join("deep/calls-2026-03-10T12.parquet.part");
        symlink("/dev/full", &full).unwrap();
        let mut sheets = sheets(&dir);
        sheets.place().unwrap();
        sheets.take(&[item(1, 0), item(2, 60)]).unwrap();
        let Err(Trouble::Passing(_)) = sheets.take(&[item(3, 61), item(4, 120)]) else { panic!("the disk is full") };
        assert_eq!(sheets.place().unwrap(), place(1));
        fs::remove_file(&full).unwrap();
        sheets.take(&[item(2, 60), item(3, 61), item(4, 120)]).unwrap();
        let second = whole("calls-2026-03-10T12.parquet", &[(2, 60), (3, 61)]);
        let first = whole("calls-2026-03-10T11.parquet", &[(1, 0)]);
        assert_eq!(files(&dir), [first, second, part("calls-2026-03-10T13.parquet.part")]);
    }
}
