//! The audit log for commands that change the folders of a node themselves, beside it or without one. They are given the folder of
//! records or of messages, and find the log in the data folder that it belongs to.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User};

use super::log::{Line, Log};
use super::{Author, Deed, Door, Entry, FILE, Wanted, tell_edits};
use crate::shell::clock::wall;

/// In a folder that is configured to lie elsewhere: the data folder that it belongs to.
pub const POINTER: &str = "data-folder";
/// Where folders are in a data folder if nothing says otherwise.
const USUAL: [&str; 2] = ["records", "voicemail"];
/// Longest path that a pointer holds, bytes.
const PATH_BYTES_MAX: usize = 4096;

/// The log of a data folder, for a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    dir: PathBuf,
}

impl Beside {
    /// That of the data folder to which `folder`, of records or messages, belongs; a folder of nobody's has one in itself.
    pub fn of(folder: &Path) -> Beside {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        if let Some(dir) = pointed(&folder) {
            return Beside { dir };
        }
        let is_usual = folder.file_name().is_some_and(|name| USUAL.iter().any(|usual| *usual == name));
        match folder.parent() {
            Some(above) if is_usual || above.join(FILE).exists() => Beside { dir: above.to_owned() },
            Some(_) | None => Beside { dir: folder },
        }
    }

    /// That of this data folder.
    pub fn at(data: &Path) -> Beside {
        Beside { dir: data.to_owned() }
    }

    /// The data folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes down what the account that runs this did; durable when this returns.
    ///
    /// # Errors
    /// If the file cannot be opened or written, or is another program's; the sentence says which.
    pub fn note(&self, deed: Deed) -> rusqlite::Result<()> {
        let by = Author { who: account().into(), door: Door::Cli };
        // The node sees to age, which it alone knows.
        Log::open(&self.dir)?.write(&[Line { by, deed, at: wall() }], None)
    }

    /// The youngest first, what is told by the customers in `records` as well; none if nothing was ever written.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn list(&self, wanted: &Wanted, records: &Path) -> rusqlite::Result<Vec<Entry>> {
        if !self.dir.join(FILE).exists() {
            return Ok(Vec::new());
        }
        let mut entries = Log::open(&self.dir)?.list(wanted)?;
        tell_edits(&mut entries, records);
        Ok(entries)
    }
}

/// Says in `folder` that it belongs to the data folder `data`, where its place does not say so.
///
/// # Errors
/// If it cannot be written.
pub fn point(folder: &Path, data: &Path) -> io::Result<()> {
    let (folder, data) = (std::path::absolute(folder)?, std::path::absolute(data)?);
    let pointer = folder.join(POINTER);
    let is_usual = folder.file_name().is_some_and(|name| USUAL.iter().any(|usual| *usual == name));
    if folder.parent() == Some(&data) && is_usual {
        return match fs::remove_file(&pointer) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        };
    }
    if pointed(&folder).is_some_and(|said| said == data) {
        return Ok(());
    }
    fs::create_dir_all(&folder)?;
    fs::write(pointer, data.as_os_str().as_bytes())
}

fn pointed(folder: &Path) -> Option<PathBuf> {
    let bytes = fs::read(folder.join(POINTER)).ok()?;
    let dir = PathBuf::from(OsStr::from_bytes(bytes.get(..bytes.len().min(PATH_BYTES_MAX))?));
    dir.is_dir().then_some(dir)
}

/// The account of the machine that runs this.
pub fn account() -> String {
    let uid = Uid::current();
    let account = User::from_uid(uid).ok().flatten();
    account.map_or_else(|| format!("uid {uid}"), |account| account.name)
}
