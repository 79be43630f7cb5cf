//! What is done with figures each night: the self-audit of the day before, and the reports that the configuration asks for.
//!
//! How far each of these jobs has come is kept in the store's directory: nights that nobody was up for are made up for, day by day and
//! in order, and a restart does nothing twice.

mod done;
mod found;

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use turno_base::Wall;
use turno_report::forecast::Date;
use turno_report::kpi::{Identity, Zone};

use self::done::Done;
use self::found::Found;
use super::audit::audit_day;
use super::reader::FigureReader;
use crate::shell::clock::wall;
use crate::shell::config::{Export, FigureSettings, Settings, Span, zone_offsets};
use crate::shell::host;
use crate::shell::metrics::Metrics;
use crate::shell::report::{Ask, day_text, report};
use crate::shell::store::StoreError;
use crate::shell::store::feed::has_behind;

/// How late the hour may be noticed.
const LOOK_EVERY: Duration = Duration::from_secs(20);
/// Days that a job makes up for at most; it is said of older ones that they were left out.
pub const DAYS_BEHIND_MAX: i64 = 31;
/// A job that failed is tried again after this.
const RETRY_AFTER: Duration = Duration::from_secs(600);

/// The thread; dropping it ends it.
#[derive(Debug)]
pub struct Nightly {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Nightly {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was printed there.
            let _ = thread.join();
        }
    }
}

/// Begins to look at the clock.
pub fn start(settings: &Settings, metrics: Arc<Metrics>) -> io::Result<Nightly> {
    let mut night = Night::new(settings);
    let (stop, stopped) = bounded::<()>(0);
    let thread = std::thread::Builder::new().name("nightly".into()).spawn(move || {
        host::step_back();
        loop {
            night.look(wall(), &metrics);
            match stopped.recv_timeout(LOOK_EVERY) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    })?;
    Ok(Nightly { stop: Some(stop), thread: Some(thread) })
}

/// Something that is done for each day, after it.
#[derive(Clone, Debug)]
enum Job {
    Audit,
    Export(Export),
}

impl Job {
    /// By which it is known from one life to the next: an export that is configured otherwise is another.
    fn name(&self) -> String {
        match self {
            Job::Audit => "audit".to_owned(),
            Job::Export(Export { subject, each, by, split, form, dir, at: _ }) => {
                let (subject, ending, dir) = (subject.word(), form.extension(), dir.display());
                let each = match each {
                    Span::Day => String::new(),
                    Span::Month | Span::Year => format!(" each {each:?}"),
                };
                format!("{subject}{each} by {by:?} and {split:?} as {ending} in {dir}").to_lowercase()
            }
        }
    }

    /// Local time from which on it is due, minutes after midnight.
    fn at(&self, figures: &FigureSettings) -> Option<u16> {
        match self {
            Job::Audit => figures.audit_at,
            Job::Export(export) => Some(export.at),
        }
    }
}

/// What a night needs to know.
#[derive(Debug)]
pub(super) struct Night {
    dir: std::path::PathBuf,
    zone: TimeZone,
    figures: FigureSettings,
    jobs: Vec<Job>,
    done: Done,
    found: Found,
}

impl Night {
    pub(super) fn new(settings: &Settings) -> Night {
        let exports = settings.figures.exports.iter().cloned().map(Job::Export);
        let audit = settings.figures.audit_at.map(|_| Job::Audit);
        let jobs: Vec<Job> = audit.into_iter().chain(exports).collect();
        let done = Done::open(&settings.store.dir, jobs.iter().map(Job::name));
        let (dir, zone) = (settings.store.dir.clone(), settings.node.zone.clone());
        let found = Found::open(&dir);
        Night { dir, zone, figures: settings.figures.clone(), jobs, done, found }
    }

    fn kpi_zone(&self) -> Zone {
        let name = self.zone.iana_name().unwrap_or("UTC").to_owned();
        Zone { name, offsets: zone_offsets(&self.zone) }
    }

    /// Does a day of each job that is due: whoever waits for the end of this thread waits for no more than that.
    pub(super) fn look(&mut self, now: Wall, metrics: &Metrics) {
        let zone = self.kpi_zone();
        let today = zone.date(now);
        let local = Timestamp::from_microsecond(now.0).unwrap_or_default().to_zoned(self.zone.clone());
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        for job in self.jobs.clone() {
            let Some(at) = job.at(&self.figures) else { continue };
            let last = Date(today.0 - if minute >= at { 1 } else { 2 });
            let Some(day) = self.done.next(&job.name(), Date(today.0 - 2), last, now) else { continue };
            match self.is_ready(&zone, day) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) => tracing::warn!(%error, "whether the figures of a day are whole cannot be told"),
            }
            match self.run(&job, &zone, day, now, metrics) {
                Ok(()) => self.done.set(&job.name(), day),
                Err(error) => {
                    tracing::error!(
                        job = job.name(),
                        day = day_text(day),
                        error,
                        "not done for this day; it is tried again"
                    );
                    self.done.retry(&job.name(), now + RETRY_AFTER);
                }
            }
        }
        self.tell(&zone, now, metrics);
    }

    /// Sets the metrics of what audits found and of how far they are.
    fn tell(&mut self, zone: &Zone, now: Wall, metrics: &Metrics) {
        for identity in Identity::ALL {
            let found = self.found.sum(identity, now);
            let found = i64::try_from(found).unwrap_or(i64::MAX);
            metrics.audit_differences.with_label_values(&[identity.as_str()]).set(found);
        }
        if let Some(day) = self.done.day(&Job::Audit.name()) {
            metrics.audited_until.set(zone.begins(Date(day.0 + 1)).as_secs());
        }
    }

    /// Whether the figures have taken everything that happened on the day: after an outage they may be behind the log.
    fn is_ready(&self, zone: &Zone, day: Date) -> Result<bool, StoreError> {
        let reader = match FigureReader::open(&self.dir) {
            // Nothing has happened yet.
            Err(StoreError::Missing(_)) => return Ok(false),
            opened => opened?,
        };
        let is_past = reader.as_of()?.is_some_and(|at| at >= zone.begins(Date(day.0 + 1)));
        Ok(is_past || !has_behind(&self.dir, reader.place()?)?)
    }

    fn run(&mut self, job: &Job, zone: &Zone, day: Date, now: Wall, metrics: &Metrics) -> Result<(), String> {
        match job {
            Job::Audit => self.audit(zone, day, now, metrics),
            // A month and a year are written after the last of their days.
            Job::Export(export) => match first_of(export.each, day) {
                Some(first) => export_days(&self.dir, export, self.ask(export, zone, (first, day))),
                None => Ok(()),
            },
        }
    }

    fn ask(&self, export: &Export, zone: &Zone, (from, to): (Date, Date)) -> Ask {
        Ask {
            subject: export.subject.clone(),
            from,
            to,
            by: export.by,
            zone: zone.clone(),
            split: export.split,
            queue: None,
            segment: None,
            figures: vec!["all".to_owned()],
            with_idle: false,
            agent: None,
            currency: self.figures.currency,
            windows: self.figures.windows,
            settled: self.figures.settled.clone(),
        }
    }

    fn audit(&mut self, zone: &Zone, day: Date, now: Wall, metrics: &Metrics) -> Result<(), String> {
        let audit = audit_day(&self.dir, zone, day, now).map_err(|error| error.to_string())?;
        self.found.set(day, &audit.differences, now);
        metrics.audits.inc();
        for difference in &audit.differences {
            let calls: Vec<String> = difference.calls.iter().map(ToString::to_string).collect();
            tracing::error!(
                day = day_text(day),
                identity = difference.identity.as_str(),
                what = difference.what,
                calls = calls.join(" "),
                "the audit found a difference"
            );
        }
        tracing::info!(
            day = day_text(day),
            calls = audit.calls,
            entries = audit.entries,
            differences = audit.differences.len(),
            "audited"
        );
        Ok(())
    }
}

/// The first day of the time that ends with a day; none: it goes on after it.
fn first_of(span: Span, day: Date) -> Option<Date> {
    let length = match span {
        Span::Day => return Some(day),
        Span::Month => 7,
        Span::Year => 4,
    };
    let label = |day: Date| day_text(day).get(..length).map(str::to_owned);
    let this = label(day);
    (label(Date(day.0 + 1)) != this).then(|| {
        // A year at most.
        let before = (day.0 - 366..=day.0).map(Date).find(|before| label(*before) == this);
        before.unwrap_or(day)
    })
}

/// Writes a report beside its final name first, so that whoever fetches it finds it whole or not at all. One that is there
/// stays as it is.
pub(super) fn export_days(dir: &Path, export: &Export, ask: Ask) -> Result<(), String> {
    let length = match export.each {
        Span::Day => 10,
        Span::Month => 7,
        Span::Year => 4,
    };
    let days = day_text(ask.from);
    let name = format!("{}-{}.{}", export.subject.word(), days.get(..length).unwrap_or(&days), export.form.extension());
    let path = export.dir.join(&name);
    if path.exists() {
        return Ok(());
    }
    let sheet = FigureReader::open(dir).map_err(|error| error.to_string())?;
    let sheet = report(&sheet, &ask).map_err(|error| error.to_string())?;
    let bytes = sheet.render(export.form).map_err(|error| error.to_string())?;
    let part = export.dir.join(format!(".{name}.part"));
    let write = || {
        fs::create_dir_all(&export.dir)?;
        fs::write(&part, &bytes)?;
        fs::rename(&part, &path)
    };
    write().map_err(|error| format!("{}: {error}", path.display()))?;
    tracing::info!(file = %path.display(), "report written");
    Ok(())
}

#[cfg(test)]
mod tests;
