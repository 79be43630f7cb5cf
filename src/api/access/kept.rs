//! What a restart must not forget of those who ask: who has signed in, and which commands were done. `access.sqlite` in the data
//! folder. Of a token there is its digest alone, of a key and its body likewise.
//!
//! What cannot be written is said in the log and kept in memory: nobody is refused for it.

use std::fmt;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use turno_base::Wall;

use super::Asking;
use crate::shell::config::{Rights, Scope};

const VERSION: u32 = 1;
const FILE: &str = "access.sqlite";
/// How long another process (a backup) may hold the file.
const BUSY_LIMIT: Duration = Duration::from_secs(2);

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS signed (
  token BLOB PRIMARY KEY, expires_us INTEGER NOT NULL, name TEXT NOT NULL, scope TEXT NOT NULL, agent TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS done (
  command BLOB PRIMARY KEY, body BLOB NOT NULL, at_us INTEGER NOT NULL, status INTEGER, kind BLOB, answer BLOB) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS done_at ON done (at_us);
";

/// A digest.
pub(super) type Digest = [u8; 32];

/// An answer to a command: status, content type, body.
pub(super) type Answer = (u16, Option<Vec<u8>>, Vec<u8>);

/// A command as it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) command: Digest,
    pub(super) body: Digest,
    pub(super) at: Wall,
    /// None: the process ended while it was being done.
    pub(super) answer: Option<Answer>,
}

/// The file; none: memory alone.
#[derive(Clone, Default)]
pub(crate) struct Kept(Option<Arc<Mutex<Connection>>>);

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Kept(access.sqlite)" } else { "Kept(in memory)" })
    }
}

impl Kept {
    /// In `dir`. A file that cannot be used is named in the log, and what it holds is not known.
    pub(crate) fn open(dir: &Path) -> Kept {
        let path = dir.join(FILE);
        match open(&path) {
            Ok(Some(db)) => Kept(Some(Arc::new(Mutex::new(db)))),
            Ok(None) => {
                tracing::warn!(path = %path.display(), "is of another version: who had signed in must sign in again");
                Kept(None)
            }
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "cannot be used: who had signed in must sign in again");
                Kept(None)
            }
        }
    }

    /// Works on the file; what comes of it if there is none, or if it fails.
    fn with<T: Default>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> T {
        let Some(db) = &self.0 else { return T::default() };
        let db = db.lock().unwrap_or_else(PoisonError::into_inner);
        work(&db).unwrap_or_else(|error| {
            tracing::warn!(%error, "sign-ins and answers to commands cannot be kept in access.sqlite");
            T::default()
        })
    }

    /// The same on a thread that may wait for the disk.
    pub(super) async fn write(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static) {
        if self.0.is_none() {
            return;
        }
        let kept = self.clone();
        // Only at the end of the process is there no such thread.
        let _ = tokio::task::spawn_blocking(move || kept.with(work)).await;
    }

    /// Who has signed in and still may; what is over is forgotten.
    pub(super) fn signed(&self, now: Wall) -> Vec<(Digest, Wall, Asking)> {
        self.with(|db| {
            db.execute("DELETE FROM signed WHERE expires_us <= ?", [now.0])?;
            let mut select = db.prepare("SELECT token, expires_us, name, scope, agent FROM signed")?;
            let rows = select.query_map([], |row| {
                let (scope, agent): (String, Option<String>) = (row.get(3)?, row.get(4)?);
                Ok((row.get(0)?, Wall(row.get(1)?), row.get::<_, String>(2)?, scope, agent))
            })?;
            let mut all = Vec::new();
            for row in rows {
                let (token, expires, name, scope, agent) = row?;
                let scope = Scope::ALL.into_iter().find(|known| known.as_str() == scope);
                let agent = agent.map(|agent| agent.parse()).transpose();
                // A scope that is not known any more may nothing.
                if let (Some(scope), Ok(agent)) = (scope, agent) {
                    all.push((token, expires, Asking { name: name.as_str().into(), rights: Rights { scope, agent } }));
                }
            }
            Ok(all)
        })
    }

    /// Only these have signed in.
    pub(super) fn keep_signed(&self, stay: &[Digest]) {
        self.with(|db| {
            let mut select = db.prepare("SELECT token FROM signed")?;
            let known: Vec<Digest> = select.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            for token in known.iter().filter(|token| !stay.contains(token)) {
                db.execute("DELETE FROM signed WHERE token = ?", [token])?;
            }
            Ok(())
        });
    }

    /// Commands of no earlier than `since`, the oldest first and of more than `most` the youngest; others are forgotten.
    pub(super) fn done(&self, since: Wall, most: usize) -> Vec<Done> {
        self.with(|db| {
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            let nth = "SELECT at_us FROM done ORDER BY at_us DESC LIMIT 1 OFFSET ?";
            let cut: Option<i64> = db.query_row(nth, [most], |row| row.get(0)).optional()?;
            let since = since.0.max(cut.map_or(i64::MIN, |cut| cut.saturating_add(1)));
            db.execute("DELETE FROM done WHERE at_us < ?", [since])?;
            let mut select =
                db.prepare("SELECT command, body, at_us, status, kind, answer FROM done ORDER BY at_us")?;
            let rows = select.query_map([], |row| {
                let status: Option<u16> = row.get(3)?;
                let answer = match status {
                    Some(status) => Some((status, row.get(4)?, row.get(5)?)),
                    None => None,
                };
                Ok(Done { command: row.get(0)?, body: row.get(1)?, at: Wall(row.get(2)?), answer })
            })?;
            rows.collect()
        })
    }
}

fn open(path: &Path) -> rusqlite::Result<Option<Connection>> {
    let db = Connection::open(path)?;
    db.busy_timeout(BUSY_LIMIT)?;
    db.pragma_update(None, "journal_mode", "wal")?;
    // A crash of the process loses nothing; one of the machine at most the last moments.
    db.pragma_update(None, "synchronous", "normal")?;
    // Who may not open it is served all the same.
    let _ = std::fs::set_permissions(path, Permissions::from_mode(0o600));
    let version: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match version {
        0 => {
            db.execute_batch(SCHEMA)?;
            db.pragma_update(None, "user_version", VERSION)?;
        }
        VERSION => {}
        _ => return Ok(None),
    }
    Ok(Some(db))
}

/// Somebody has signed in, and `gone` are pushed out for him.
pub(super) fn sign(
    db: &Connection,
    token: Digest,
    expires: Wall,
    who: &Asking,
    gone: &[Digest],
) -> rusqlite::Result<()> {
    for token in gone {
        db.execute("DELETE FROM signed WHERE token = ?", [token])?;
    }
    let agent = who.rights.agent.map(|agent| agent.to_string());
    let row = params![token, expires.0, &*who.name, who.rights.scope.as_str(), agent];
    db.execute("INSERT OR REPLACE INTO signed VALUES (?, ?, ?, ?, ?)", row).map(drop)
}

/// He has signed out.
pub(super) fn unsign(db: &Connection, token: Digest) -> rusqlite::Result<()> {
    db.execute("DELETE FROM signed WHERE token = ?", [token]).map(drop)
}

/// A command is being done.
pub(super) fn begin(db: &Connection, command: Digest, body: Digest, at: Wall) -> rusqlite::Result<()> {
    let row = params![command, body, at.0];
    db.execute("INSERT OR REPLACE INTO done VALUES (?, ?, ?, NULL, NULL, NULL)", row).map(drop)
}

/// It is done, with this answer.
pub(super) fn finish(db: &Connection, command: Digest, (status, kind, body): Answer) -> rusqlite::Result<()> {
    let row = params![status, kind, body, command];
    db.execute("UPDATE done SET status = ?, kind = ?, answer = ? WHERE command = ?", row).map(drop)
}

/// It was not done, and may be tried again; also what makes room.
pub(super) fn forget(db: &Connection, commands: &[Digest]) -> rusqlite::Result<()> {
    for command in commands {
        db.execute("DELETE FROM done WHERE command = ?", [command])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> std::path::PathBuf {
        let dir = std::env::temp_dir().join(format!("turno-kept-{:x}", crate::shell::entropy::draw()));
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn only_the_youngest_commands_of_a_day_come_back() {
        let dir = folder();
        let kept = Kept::open(&dir);
        for n in 0..10u8 {
            kept.with(|db| begin(db, [n; 32], [0; 32], Wall(i64::from(n) * 10)));
        }
        kept.with(|db| finish(db, [9; 32], (200, None, b"x".to_vec())));
        let back =
            |kept: &Kept, since| kept.done(Wall(since), 4).iter().map(|done| done.command[0]).collect::<Vec<_>>();
        let again = Kept::open(&dir);
        assert_eq!(again.done(Wall(0), 100).last().unwrap().answer, Some((200, None, b"x".to_vec())));
        assert_eq!(back(&again, 0), [6, 7, 8, 9]);
        assert_eq!(back(&again, 80), [8, 9]);
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_file_that_is_none_of_ours_stops_nobody() {
        let dir = folder();
        std::fs::write(dir.join(FILE), "no database at all, and long enough to be looked at as one".repeat(40))
            .unwrap();
        let kept = Kept::open(&dir);
        assert!(kept.0.is_none() && kept.signed(Wall(0)).is_empty());
        std::fs::remove_dir_all(dir).unwrap();
    }
}
