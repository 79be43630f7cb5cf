//! What the audits of the last days found: `audits.json` in the store's directory. A difference stays an alarm for a week, over the audits of
//! other days and over restarts: nights that are made up for follow one another within seconds.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::Wall;
use turno_report::forecast::Date;
use turno_report::kpi::{Difference, Identity};

use crate::shell::report::day_text;

/// What was found is told for so long.
pub(super) const FOUND_FOR: Duration = Duration::from_secs(7 * 86_400);

/// What one audit found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Day {
    /// When, µs since 1970-01-01T00:00:00Z.
    found_us: i64,
    /// Differences by identity.
    differences: BTreeMap<String, u64>,
}

#[derive(Debug)]
pub(super) struct Found {
    path: PathBuf,
    /// Days with differences, as people write them.
    days: BTreeMap<String, Day>,
}

impl Found {
    /// As it was kept.
    pub(super) fn open(dir: &Path) -> Found {
        let path = dir.join("audits.json");
        let days = read(&path).unwrap_or_else(|error| {
            let path = path.display();
            tracing::error!(%path, %error, "what the last audits found cannot be read; turno audit --day tells it of each day");
            BTreeMap::new()
        });
        Found { path, days }
    }

    /// An audit of a day found these, or nothing.
    pub(super) fn set(&mut self, day: Date, differences: &[Difference], now: Wall) {
        let before = self.days.remove(&day_text(day));
        let mut found: BTreeMap<String, u64> = BTreeMap::new();
        differences.iter().for_each(|one| *found.entry(one.identity.as_str().to_owned()).or_default() += 1);
        if !found.is_empty() {
            self.days.insert(day_text(day), Day { found_us: now.0, differences: found });
        }
        if before.is_some() || !differences.is_empty() {
            self.keep();
        }
    }

    /// How many of an identity the audits found that are not a week ago.
    pub(super) fn sum(&mut self, identity: Identity, now: Wall) -> u64 {
        let length = self.days.len();
        self.days.retain(|_, day| Wall(day.found_us) + FOUND_FOR > now);
        if self.days.len() < length {
            self.keep();
        }
        self.days.values().filter_map(|day| day.differences.get(identity.as_str())).sum()
    }

    fn keep(&self) {
        let write = || {
            let next = self.path.with_extension("json.next");
            let mut file = File::create(&next)?;
            writeln!(file, "{}", serde_json::to_string_pretty(&self.days)?)?;
            file.sync_data()?;
            fs::rename(&next, &self.path)?;
            File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_data()
        };
        if let Err(error) = write() {
            let path = self.path.display();
            tracing::error!(%path, %error, "what the audits found cannot be kept; after a restart their alarm is gone");
        }
    }
}

fn read(path: &Path) -> io::Result<BTreeMap<String, Day>> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        read => Ok(serde_json::from_str(&read?)?),
    }
}
