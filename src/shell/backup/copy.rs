//! The copy: a folder with the configuration, everything below the data folders, and a manifest that is written last.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::shell::audit::POINTER;
use crate::shell::backup::{HELD, Held, HeldFile, at_rest, let_go};
use crate::shell::clock::wall;
use crate::shell::config::source::Sources;
use crate::shell::config::{self, Settings};
use crate::shell::live::decks;
use crate::shell::lock::{LOCK, LockError, lock};
use crate::shell::store::ledger::LOCK as LEDGER_LOCK;

/// The list of what a backup holds.
pub const MANIFEST: &str = "manifest.json";
/// Changes when the layout of a backup does.
const FORMAT: u32 = 1;
/// Most files of a backup.
const FILES_MAX: usize = 1_000_000;
/// Name of the configuration in a backup.
const CONFIG: &str = "config";

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    /// Layout.
    format: u32,
    /// Version of the program that made it.
    version: String,
    /// When; RFC 3339, UTC.
    at: String,
    /// File name of the configuration.
    config: String,
    /// Each file by its path in the backup.
    files: BTreeMap<String, Entry>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// Length.
    bytes: u64,
    /// SHA-256 of its content, hexadecimal.
    sha256: String,
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Files.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// How long a running node held still for it, µs; none: it did not run.
    pub still_us: Option<u64>,
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Files.
    pub files: usize,
    /// Version that made the backup, if it is not this one.
    pub other_version: Option<String>,
    /// The configuration.
    pub config: PathBuf,
    /// The data folder.
    pub data: PathBuf,
}

/// Why there is no backup, or nothing is restored.
#[derive(Debug)]
pub enum Failure {
    /// Files.
    Io {
        /// With what.
        path: PathBuf,
        /// What came of it.
        error: io::Error,
    },
    /// A database.
    Database {
        /// Which.
        path: PathBuf,
        /// What came of it.
        error: rusqlite::Error,
    },
    /// The configuration does not fit.
    Config(String),
    /// A node uses the folder.
    InUse(PathBuf),
    /// No node has ever had this folder for its data.
    NeverRan(PathBuf),
    /// There is something already.
    NotEmpty(PathBuf),
    /// The backup would be part of what it copies.
    Inside(PathBuf),
    /// It is no backup.
    NoBackup(PathBuf),
    /// A backup of a layout that this build does not know.
    Format(u32),
    /// A file is not as it was.
    Damaged(PathBuf),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Io { path, error } => write!(f, "{}: {error}", path.display()),
            Failure::Database { path, error } => write!(f, "{}: {error}", path.display()),
            Failure::Config(sentence) => f.write_str(sentence),
            Failure::InUse(path) => write!(f, "{} is in use by a running node; stop it first", path.display()),
            Failure::NeverRan(path) => write!(
                f,
                "no node has run with its data in {}; is TURNO_NODE__DATA_DIR set where it runs and not here?",
                path.display()
            ),
            Failure::NotEmpty(path) => {
                write!(f, "{} is there already and not empty; name another folder, or use --force", path.display())
            }
            Failure::Inside(path) => {
                write!(f, "{} is below a data folder of the node; name one elsewhere", path.display())
            }
            Failure::NoBackup(path) => write!(f, "{} is no whole backup: it has no {MANIFEST}", path.display()),
            Failure::Format(found) => write!(f, "the backup has layout {found}, this build knows {FORMAT}"),
            Failure::Damaged(path) => write!(f, "{} is not as it was when the backup was made", path.display()),
        }
    }
}

impl std::error::Error for Failure {}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.to_owned();
    move |error| Failure::Io { path, error }
}

/// Folders of a node and their names in a backup; one below another is part of that.
fn roots(settings: &Settings) -> Vec<(&'static str, PathBuf)> {
    let mut all = vec![("data", settings.node.data_dir.clone()), ("records", settings.store.dir.clone())];
    all.extend(settings.journal.iter().map(|journal| ("journal", journal.dir.clone())));
    all.push(("voicemail", settings.voicemail.dir.clone()));
    let mut kept: Vec<(&'static str, PathBuf)> = Vec::new();
    for (name, dir) in all {
        if !kept.iter().any(|(_, other)| dir.starts_with(other)) {
            kept.push((name, dir));
        }
    }
    kept
}

/// `decks` are texts of price books that are not in the data folder yet, by their ids.
fn settings_of(file: &Path, decks: BTreeMap<String, String>) -> Result<Settings, Failure> {
    let sources = Sources::open(file).map_err(|problem| Failure::Config(problem.to_string()))?;
    let checked = config::check(&Sources { decks, ..sources }, None);
    let first = checked.problems.iter().find(|problem| !problem.warning).map(ToString::to_string);
    checked.settings.ok_or_else(|| Failure::Config(first.unwrap_or_else(|| format!("{} does not fit", file.display()))))
}

/// Makes a backup in the new folder `to` of the node whose configuration is `file`. `hold` makes a running node hold still;
/// none: no node answers, and none may begin meanwhile.
///
/// # Errors
/// If there is no data folder, `to` holds something, the configuration does not fit, or something cannot be read or written. What was written is then
/// no backup: it has no manifest.
pub fn backup(file: &Path, to: &Path, hold: impl FnOnce() -> io::Result<Option<Held>>) -> Result<Made, Failure> {
    let settings = settings_of(file, BTreeMap::new())?;
    if !settings.node.data_dir.is_dir() {
        return Err(Failure::NeverRan(settings.node.data_dir));
    }
    if is_filled(to) {
        return Err(Failure::NotEmpty(to.to_owned()));
    }
    let roots = roots(&settings);
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if roots.iter().any(|(_, dir)| absolute(to).starts_with(absolute(dir))) {
        return Err(Failure::Inside(to.to_owned()));
    }
    make_dir(to)?;
    let mut copy = Copy { to: to.to_owned(), files: BTreeMap::new() };
    let mut found = Vec::new();
    for (name, dir) in &roots {
        if dir.is_dir() {
            list(dir, &mut found, name, dir)?;
        }
    }
    // Before log and journal: those lead on from what the tables have taken.
    for (path, name) in found.iter().filter(|(path, _)| is_database(path)) {
        copy.database(path, name)?;
    }
    let (held, lock) = match hold().map_err(io_at(&settings.node.data_dir))? {
        Some(held) => (held, None),
        None => {
            let lock = lock(&settings.node.data_dir).map_err(|error| match error {
                LockError::InUse => Failure::InUse(settings.node.data_dir.clone()),
                LockError::Io(error) => Failure::Io { path: settings.node.data_dir.clone(), error },
            })?;
            (Held { files: resting(&settings)?, still_us: 0 }, Some(lock))
        }
    };
    let still_us = lock.is_none().then_some(held.still_us);
    let mut taken: BTreeSet<PathBuf> = BTreeSet::new();
    for HeldFile { path, link, bytes } in &held.files {
        let Some(name) = roots.iter().find_map(|(root, dir)| named(root, dir, path)) else { continue };
        copy.file(link, &name, Some(*bytes))?;
        taken.insert(path.clone());
    }
    for dir in [Some(settings.store.dir.join("log")), settings.journal.as_ref().map(|j| j.dir.clone())].iter().flatten()
    {
        let_go(&dir.join(HELD));
    }
    let kept = |path: &Path| is_database(path) || is_of_log_or_journal(path, &settings) || is_fleeting(path);
    for (path, name) in found.iter().filter(|(path, _)| !kept(path) && !taken.contains(path)) {
        copy.file(path, name, None)?;
    }
    copy.configuration(file, &roots)?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let made = copy.finish(name, still_us);
    // Nobody may begin before all is copied.
    drop(lock);
    made
}

fn resting(settings: &Settings) -> Result<Vec<HeldFile>, Failure> {
    let mut files = Vec::new();
    let log = settings.store.dir.join("log");
    if log.is_dir() {
        files.extend(at_rest(&log, &["log"]).map_err(io_at(&log))?);
    }
    if let Some(journal) = settings.journal.as_ref().filter(|journal| journal.dir.is_dir()) {
        files.extend(at_rest(&journal.dir, &["journal", "state", "board"]).map_err(io_at(&journal.dir))?);
    }
    Ok(files)
}

struct Copy {
    to: PathBuf,
    files: BTreeMap<String, Entry>,
}

impl Copy {
    /// A database as it is in one transaction, without free pages.
    fn database(&mut self, from: &Path, name: &str) -> Result<(), Failure> {
        let to = self.place(name)?;
        let run = || {
            let db = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            db.busy_timeout(std::time::Duration::from_secs(10))?;
            db.execute("VACUUM INTO ?", [to.to_string_lossy()])
        };
        run().map_err(|error| Failure::Database { path: from.to_owned(), error })?;
        fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).map_err(io_at(&to))?;
        let (bytes, sha256) = digest(&to).map_err(io_at(&to))?;
        self.files.insert(name.to_owned(), Entry { bytes, sha256 });
        Ok(())
    }

    /// A file, or the beginning of it. One that has gone meanwhile is left out.
    fn file(&mut self, from: &Path, name: &str, bytes_max: Option<u64>) -> Result<(), Failure> {
        let source = match File::open(from) {
            Ok(source) => source,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Failure::Io { path: from.to_owned(), error }),
        };
        let to = self.place(name)?;
        let (bytes, sha256) = write(source.take(bytes_max.unwrap_or(u64::MAX)), &to).map_err(io_at(&to))?;
        self.files.insert(name.to_owned(), Entry { bytes, sha256 });
        Ok(())
    }

    fn place(&self, name: &str) -> Result<PathBuf, Failure> {
        let to = self.to.join(name);
        if self.files.len() >= FILES_MAX {
            return Err(Failure::Io { path: to, error: io::Error::other("too many files for a backup") });
        }
        if let Some(dir) = to.parent() {
            make_dir(dir)?;
        }
        Ok(to)
    }

    /// The file, and what it names below its own folder: price books, customers, prompts, further tables.
    fn configuration(&mut self, file: &Path, roots: &[(&str, PathBuf)]) -> Result<(), Failure> {
        let dir = file.parent().unwrap_or(Path::new(""));
        let text = fs::read_to_string(file).map_err(io_at(file))?;
        let mut values = BTreeSet::from(["conf.d".to_owned()]);
        if let Ok(table) = text.parse::<toml::Table>() {
            table.values().for_each(|value| texts(value, &mut values));
        }
        let name = file.file_name().unwrap_or_default();
        self.file(file, &format!("{CONFIG}/{}", name.to_string_lossy()), None)?;
        for value in values {
            let relative = Path::new(&value);
            let path = dir.join(relative);
            let is_below = relative.components().all(|part| matches!(part, Component::Normal(_)));
            let is_kept = roots.iter().any(|(_, root)| path.starts_with(root) || root.starts_with(&path));
            if !is_below || is_kept || value.is_empty() || path == file {
                continue;
            }
            if path.is_dir() {
                let mut found = Vec::new();
                list(&path, &mut found, &format!("{CONFIG}/{value}"), &path)?;
                for (path, name) in found {
                    self.file(&path, &name, None)?;
                }
            } else if path.is_file() {
                self.file(&path, &format!("{CONFIG}/{value}"), None)?;
            }
        }
        Ok(())
    }

    fn finish(self, config: String, still_us: Option<u64>) -> Result<Made, Failure> {
        let made = Made { files: self.files.len(), bytes: self.files.values().map(|e| e.bytes).sum(), still_us };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let manifest = Manifest { format: FORMAT, version, at: wall().to_string(), config, files: self.files };
        let path = self.to.join(MANIFEST);
        let text = serde_json::to_vec_pretty(&manifest).expect("plain data always serialises");
        write(&text[..], &path).map_err(io_at(&path))?;
        Ok(made)
    }
}

/// Every text in it.
fn texts(value: &toml::Value, out: &mut BTreeSet<String>) {
    match value {
        toml::Value::String(text) => {
            out.insert(text.clone());
        }
        toml::Value::Array(values) => values.iter().for_each(|value| texts(value, out)),
        toml::Value::Table(table) => table.values().for_each(|value| texts(value, out)),
        toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Boolean(_) | toml::Value::Datetime(_) => {}
    }
}

/// Puts a backup into the folder `to`, where its configuration will be, and its data where that says.
///
/// # Errors
/// If it is no backup, a file of it is damaged, or there is something already and `force` is not set. Nothing is written before
/// every file has been read and found right.
pub fn restore(from: &Path, to: &Path, force: bool) -> Result<Restored, Failure> {
    let path = from.join(MANIFEST);
    let text = fs::read(&path).map_err(|_| Failure::NoBackup(from.to_owned()))?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|_| Failure::NoBackup(from.to_owned()))?;
    if manifest.format != FORMAT {
        return Err(Failure::Format(manifest.format));
    }
    for (name, entry) in &manifest.files {
        let path = from.join(name);
        let is_plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        let found = digest(&path).map_err(io_at(&path))?;
        if !is_plain || found != (entry.bytes, entry.sha256.clone()) {
            return Err(Failure::Damaged(path));
        }
    }
    let config = to.join(&manifest.config);
    if !force && config.exists() {
        return Err(Failure::NotEmpty(config));
    }
    let in_config = |name: &str| name.strip_prefix(CONFIG).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned);
    for name in manifest.files.keys() {
        if let Some(rest) = in_config(name) {
            put(&from.join(name), &to.join(rest))?;
        }
    }
    let settings = settings_of(&config, decks_of(from, &manifest))?;
    let roots = roots(&settings);
    for (_, dir) in &roots {
        if !force && is_filled(dir) {
            return Err(Failure::NotEmpty(dir.clone()));
        }
    }
    let _lock = lock(&settings.node.data_dir).map_err(|error| match error {
        LockError::InUse => Failure::InUse(settings.node.data_dir.clone()),
        LockError::Io(error) => Failure::Io { path: settings.node.data_dir.clone(), error },
    })?;
    if force {
        // Segments of another life behind those of the backup would be taken for its continuation.
        for (path, _) in everything(&roots)?
            .iter()
            .filter(|(path, _)| is_database(path) || is_wal(path) || is_of_log_or_journal(path, &settings))
        {
            fs::remove_file(path).map_err(io_at(path))?;
        }
    }
    for name in manifest.files.keys() {
        let place = roots.iter().find_map(|(root, dir)| {
            let rest = name.strip_prefix(root)?.strip_prefix('/')?;
            Some(dir.join(rest))
        });
        if let Some(place) = place.filter(|_| in_config(name).is_none()) {
            put(&from.join(name), &place)?;
        }
    }
    let other_version = (manifest.version != env!("CARGO_PKG_VERSION")).then_some(manifest.version);
    Ok(Restored { files: manifest.files.len(), other_version, config, data: settings.node.data_dir })
}

/// Texts of price books in a backup. The configuration may name them, and they are where it looks for them only when all is restored.
fn decks_of(from: &Path, manifest: &Manifest) -> BTreeMap<String, String> {
    let folder = format!("data/{}/", decks::FOLDER);
    let ids = manifest.files.keys().filter_map(|name| Some((name, name.strip_prefix(&folder)?)));
    ids.filter_map(|(name, id)| Some((id.to_owned(), fs::read_to_string(from.join(name)).ok()?))).collect()
}

fn everything(roots: &[(&'static str, PathBuf)]) -> Result<Vec<(PathBuf, String)>, Failure> {
    let mut found = Vec::new();
    for (name, dir) in roots.iter().filter(|(_, dir)| dir.is_dir()) {
        list(dir, &mut found, name, dir)?;
    }
    Ok(found)
}

fn put(from: &Path, to: &Path) -> Result<(), Failure> {
    if let Some(dir) = to.parent() {
        make_dir(dir)?;
    }
    match fs::remove_file(to) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(Failure::Io { path: to.to_owned(), error }),
    }
    let source = File::open(from).map_err(io_at(from))?;
    write(source, to).map(drop).map_err(io_at(to))
}

/// Files below a folder with their names in a backup. Links are not followed: they may lead anywhere.
fn list(dir: &Path, out: &mut Vec<(PathBuf, String)>, name: &str, root: &Path) -> Result<(), Failure> {
    let entries = fs::read_dir(dir).map_err(io_at(dir))?;
    for entry in entries {
        let entry = entry.map_err(io_at(dir))?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(io_at(dir))?);
        if kind.is_dir() && entry.file_name() != HELD {
            list(&path, out, name, root)?;
        } else if kind.is_file()
            && let Some(name) = named(name, root, &path)
        {
            out.push((path, name));
        }
    }
    out.sort();
    Ok(())
}

fn named(root: &str, dir: &Path, path: &Path) -> Option<String> {
    let rest = path.strip_prefix(dir).ok()?.to_str()?;
    Some(format!("{root}/{rest}"))
}

fn is_database(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "sqlite")
}

/// What SQLite keeps beside a database and a copy does not need.
fn is_wal(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.ends_with(".sqlite-wal") || name.ends_with(".sqlite-shm")
}

/// Of this process or this machine alone.
fn is_fleeting(path: &Path) -> bool {
    is_wal(path) || path.file_name().is_some_and(|name| name == LOCK || name == LEDGER_LOCK || name == POINTER)
}

fn is_of_log_or_journal(path: &Path, settings: &Settings) -> bool {
    let is_in = |dir: &Path| path.parent() == Some(dir);
    let kind = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    is_in(&settings.store.dir.join("log")) && kind == "log"
        || settings.journal.as_ref().is_some_and(|j| is_in(&j.dir) && matches!(kind, "journal" | "state" | "board"))
}

fn is_filled(dir: &Path) -> bool {
    // A lock alone is nothing.
    let Ok(entries) = fs::read_dir(dir) else { return dir.exists() };
    entries.flatten().any(|entry| entry.file_name() != LOCK)
}

fn make_dir(dir: &Path) -> Result<(), Failure> {
    // Numbers and passwords lie below.
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io_at(dir))
}

/// Writes a new file, readable by its owner alone, and brings it to the disk; its length and digest.
fn write(mut from: impl Read, to: &Path) -> io::Result<(u64, String)> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(to)?;
    let (mut digest, mut bytes) = (Sha256::new(), 0_u64);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let got = from.read(&mut buffer)?;
        let Some(part) = buffer.get(..got).filter(|part| !part.is_empty()) else { break };
        digest.update(part);
        file.write_all(part)?;
        bytes += part.len() as u64;
    }
    file.sync_all()?;
    Ok((bytes, hex(&digest.finalize())))
}

fn digest(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let bytes = io::copy(&mut file, &mut digest)?;
    Ok((bytes, hex(&digest.finalize())))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
