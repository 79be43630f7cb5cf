//! What is done with figures each night: the self-audit of the day before, and the reports that the configuration asks for.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use turno_report::forecast::Date;
use turno_report::kpi::{Identity, Zone};

use super::audit::audit_day;
use super::reader::FigureReader;
use crate::shell::clock::wall;
use crate::shell::config::{Export, FigureSettings, Settings, zone_offsets};
use crate::shell::host;
use crate::shell::metrics::Metrics;
use crate::shell::report::{Ask, day_text, report};

/// How late the hour may be noticed.
const LOOK_EVERY: Duration = Duration::from_secs(20);

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
    let night =
        Night { dir: settings.store.dir.clone(), zone: settings.node.zone.clone(), figures: settings.figures.clone() };
    let (stop, stopped) = bounded::<()>(0);
    let thread = std::thread::Builder::new().name("nightly".into()).spawn(move || {
        host::step_back();
        let (mut audited, mut before) = (None, None);
        loop {
            night.look(&mut audited, &mut before, &metrics);
            match stopped.recv_timeout(LOOK_EVERY) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    })?;
    Ok(Nightly { stop: Some(stop), thread: Some(thread) })
}

#[derive(Debug)]
struct Night {
    dir: std::path::PathBuf,
    zone: TimeZone,
    figures: FigureSettings,
}

impl Night {
    fn kpi_zone(&self) -> Zone {
        let name = self.zone.iana_name().unwrap_or("UTC").to_owned();
        Zone { name, offsets: zone_offsets(&self.zone) }
    }

    /// Does what is due and was not done since the start; a report whose file is there was done.
    fn look(&self, audited: &mut Option<Date>, written: &mut Option<(Date, usize)>, metrics: &Metrics) {
        let zone = self.kpi_zone();
        let now = wall();
        let today = zone.date(now);
        let yesterday = Date(today.0 - 1);
        let local = Timestamp::from_microsecond(now.0).unwrap_or_default().to_zoned(self.zone.clone());
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        if self.figures.audit_at.is_some_and(|at| minute >= at) && *audited != Some(yesterday) {
            *audited = Some(yesterday);
            self.audit(&zone, yesterday, metrics);
        }
        let due = self.figures.exports.iter().filter(|export| minute >= export.at).count();
        if *written != Some((yesterday, due)) {
            *written = Some((yesterday, due));
            for export in self.figures.exports.iter().filter(|export| minute >= export.at) {
                if let Err(error) = export_day(&self.dir, export, self.ask(export, &zone, yesterday)) {
                    tracing::error!(report = export.subject.word(), dir = %export.dir.display(), error, "a report could not be written");
                }
            }
        }
    }

    fn ask(&self, export: &Export, zone: &Zone, day: Date) -> Ask {
        Ask {
            subject: export.subject.clone(),
            from: day,
            to: day,
            by: export.by,
            zone: zone.clone(),
            split: export.split,
            queue: None,
            segment: None,
            figures: vec!["all".to_owned()],
            with_idle: false,
            currency: self.figures.currency,
        }
    }

    fn audit(&self, zone: &Zone, day: Date, metrics: &Metrics) {
        match audit_day(&self.dir, zone, day, wall()) {
            Ok(audit) => {
                for identity in Identity::ALL {
                    let found = audit.differences.iter().filter(|difference| difference.identity == identity).count();
                    metrics.audit_differences.with_label_values(&[identity.as_str()]).set(found as i64);
                }
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
            }
            Err(error) => tracing::error!(day = day_text(day), %error, "the day could not be audited"),
        }
    }
}

/// Writes a report beside its final name first, so that whoever fetches it finds it whole or not at all. One that is there
/// stays as it is.
pub(super) fn export_day(dir: &Path, export: &Export, ask: Ask) -> Result<(), String> {
    let name = format!("{}-{}.{}", export.subject.word(), day_text(ask.from), export.form.extension());
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
