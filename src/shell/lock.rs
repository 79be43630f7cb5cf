//! The lock of a data folder.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Below the data folder; held by the process that uses the folder.
pub(crate) const LOCK: &str = "lock";

/// Why a data folder cannot be used.
#[derive(Debug)]
pub(crate) enum LockError {
    /// Another process uses it.
    InUse,
    /// The file system.
    Io(io::Error),
}

/// One process per data folder.
pub(crate) fn lock(dir: &Path) -> Result<File, LockError> {
    // Numbers of customers and secrets of phones lie below: a folder that we make is its owner's alone.
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(LockError::Io)?;
    let file = File::options().create(true).truncate(false).write(true).open(dir.join(LOCK)).map_err(LockError::Io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(LockError::InUse),
        Err(TryLockError::Error(error)) => Err(LockError::Io(error)),
    }
}
