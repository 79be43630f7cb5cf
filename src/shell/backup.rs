//! Backups of everything that a node keeps, made while it runs, and their restoration.
//!
//! Databases are copied first, each in one transaction. Then the node holds still for as long as it takes to make the record
//! log durable and to link the files of log and journal elsewhere: nothing leaves it meanwhile, so log and journal end with the
//! same turn, and both are ahead of the databases, which take in the rest when the copy is started. Files are then copied from
//! the links at leisure, up to the lengths that they had.

mod copy;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Weak;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::shell::post::Still;
use crate::shell::store::Store;

pub use copy::{Failure, MANIFEST, Made, Restored, backup, restore};

/// Longest that a node holds still; past it there is no backup.
pub const STILL_MAX: Duration = Duration::from_secs(2);
/// Below the folders of log and journal: links of the files as they were.
const HELD: &str = "held";

/// Files as they were at one instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Each file of the record log and of the journal: its name in the folder it is of, the link, and its length then.
    pub files: Vec<HeldFile>,
    /// How long the node held still, µs.
    pub still_us: u64,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldFile {
    /// The file itself, which may grow or go.
    pub path: PathBuf,
    /// The same content, which stays.
    pub link: PathBuf,
    /// So much of it counts.
    pub bytes: u64,
}

/// Holds a node still.
#[derive(Debug)]
pub struct Holder {
    store: Weak<Store>,
    still: Still,
    log: PathBuf,
    journal: Option<PathBuf>,
}

impl Holder {
    /// Of the node with this store and journal.
    pub fn new(store: Weak<Store>, still: Still, records: &Path, journal: Option<&Path>) -> Holder {
        Holder { store, still, log: records.join("log"), journal: journal.map(Path::to_owned) }
    }

    /// The files of log and journal as they are at one instant. Links of an earlier time are removed.
    ///
    /// # Errors
    /// If the log cannot be made durable in [`STILL_MAX`], or links cannot be made.
    pub fn hold(&self) -> io::Result<Held> {
        let ending = || io::Error::other("the node is ending");
        let store = self.store.upgrade().ok_or_else(ending)?;
        let began = std::time::Instant::now();
        let mut files = self.still.hold(|| {
            if !store.durable(STILL_MAX) {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the record log does not become durable in time"));
            }
            let mut files = linked(&self.log, &["log"])?;
            let (segment, bytes) = store.durable_to();
            // Room that is written already belongs to a later instant.
            for file in files.iter_mut().filter(|file| file.path == segment) {
                file.bytes = bytes;
            }
            files.retain(|file| file.path <= segment);
            if let Some(journal) = &self.journal {
                files.extend(linked(journal, &["journal", "state", "board"])?);
            }
            Ok(files)
        })?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Held { files, still_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX) })
    }
}

/// Files of a folder that nobody writes, without links.
pub(crate) fn at_rest(dir: &Path, kinds: &[&str]) -> io::Result<Vec<HeldFile>> {
    let mut files = Vec::new();
    for path in of_kind(dir, kinds)? {
        let bytes = fs::metadata(&path)?.len();
        files.push(HeldFile { link: path.clone(), path, bytes });
    }
    Ok(files)
}

fn linked(dir: &Path, kinds: &[&str]) -> io::Result<Vec<HeldFile>> {
    let held = dir.join(HELD);
    let_go(&held);
    fs::create_dir(&held)?;
    let mut files = Vec::new();
    for path in of_kind(dir, kinds)? {
        let Some(name) = path.file_name() else { continue };
        let link = held.join(name);
        match fs::hard_link(&path, &link) {
            Ok(()) => {}
            // What is not needed any more may go at any time.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        }
        let bytes = fs::metadata(&link)?.len();
        files.push(HeldFile { path, link, bytes });
    }
    Ok(files)
}

fn of_kind(dir: &Path, kinds: &[&str]) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let is_kind = path.extension().and_then(|e| e.to_str()).is_some_and(|e| kinds.contains(&e));
        if is_kind && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Removes links; there may be none.
fn let_go(held: &Path) {
    let _ = fs::remove_dir_all(held);
}
