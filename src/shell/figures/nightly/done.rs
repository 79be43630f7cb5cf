//! The day up to which each job is done: `nightly.json` in the store's directory, written whole or not at all.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use turno_base::Wall;
use turno_report::forecast::Date;

use super::DAYS_BEHIND_MAX;
use crate::shell::report::{day_of, day_text};

#[derive(Debug)]
pub(super) struct Done {
    path: PathBuf,
    /// By the name of the job.
    days: BTreeMap<String, Date>,
    /// Jobs that failed, by when they are tried again.
    retries: BTreeMap<String, Wall>,
}

impl Done {
    /// What was kept of these jobs; what others did is forgotten.
    pub(super) fn open(dir: &Path, jobs: impl Iterator<Item = String>) -> Done {
        let path = dir.join("nightly.json");
        let kept = read(&path).unwrap_or_else(|error| {
            let path = path.display();
            tracing::error!(%path, %error, "how far the nightly jobs are cannot be read; they begin with yesterday");
            BTreeMap::new()
        });
        let days = jobs.filter_map(|job| kept.get(&job).map(|day| (job.clone(), *day))).collect();
        Done { path, days, retries: BTreeMap::new() }
    }

    /// The next day that a job is to do, `last` at most; none: nothing now. One that was never done is taken to be done up to
    /// `before`.
    pub(super) fn next(&mut self, job: &str, before: Date, last: Date, now: Wall) -> Option<Date> {
        if self.retries.get(job).is_some_and(|at| now < *at) {
            return None;
        }
        if !self.days.contains_key(job) {
            self.set(job, before);
        }
        let done = self.days.get(job).copied().unwrap_or(before);
        let oldest = Date(last.0 - DAYS_BEHIND_MAX + 1);
        let next = Date(done.0 + 1);
        if next < oldest {
            let (from, to) = (day_text(next), day_text(Date(oldest.0 - 1)));
            tracing::error!(job, from, to, "these days are too long ago to be made up for");
            self.set(job, Date(oldest.0 - 1));
            return Some(oldest);
        }
        (next <= last).then_some(next)
    }

    /// The last day that a job is done for.
    pub(super) fn day(&self, job: &str) -> Option<Date> {
        self.days.get(job).copied()
    }

    /// A job is done for a day and all before it.
    pub(super) fn set(&mut self, job: &str, day: Date) {
        self.days.insert(job.to_owned(), day);
        self.retries.remove(job);
        if let Err(error) = self.keep() {
            let path = self.path.display();
            tracing::error!(%path, %error, "how far the nightly jobs are cannot be kept; a restart may do them again");
        }
    }

    /// A job failed and is tried again then.
    pub(super) fn retry(&mut self, job: &str, at: Wall) {
        self.retries.insert(job.to_owned(), at);
    }

    fn keep(&self) -> io::Result<()> {
        let days: BTreeMap<&String, String> = self.days.iter().map(|(job, day)| (job, day_text(*day))).collect();
        let next = self.path.with_extension("json.next");
        let mut file = File::create(&next)?;
        writeln!(file, "{}", serde_json::to_string_pretty(&days)?)?;
        file.sync_data()?;
        fs::rename(&next, &self.path)?;
        File::open(self.path.parent().unwrap_or(Path::new(".")))?.sync_data()
    }
}

fn read(path: &Path) -> io::Result<BTreeMap<String, Date>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        read => read?,
    };
    let kept: BTreeMap<String, String> = serde_json::from_str(&text)?;
    kept.into_iter().map(|(job, day)| Ok((job, day_of(&day).map_err(io::Error::other)?))).collect()
}
