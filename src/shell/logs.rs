//! Logs: one line per fact for the person woken at night, as JSON or as text, with a level that can change while running, also
//! for one area and a while.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

static LEVEL: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();
static LEVELS: Mutex<Levels> = Mutex::new(Levels { base: String::new(), raised: BTreeMap::new() });

/// Longest that an area may have a level of its own.
pub const RAISED_MAX: Duration = Duration::from_secs(24 * 3600);

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a terminal.
    Text,
}

/// A part of the program that may speak more, or less, than the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Area {
    /// Everything.
    All,
    /// Messages, sockets, names, trunks.
    Sip,
    /// Calls, queues, agents and why an offer was made.
    Calls,
    /// Sessions and ports, voicemail.
    Media,
    /// Records, journal, figures.
    Store,
    /// Customers and the CRM.
    Customers,
    /// HTTP and the control socket.
    Api,
}

impl Area {
    /// The word in commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Area::All => "all",
            Area::Sip => "sip",
            Area::Calls => "calls",
            Area::Media => "media",
            Area::Store => "store",
            Area::Customers => "customers",
            Area::Api => "api",
        }
    }

    /// Where its lines come from.
    const fn targets(self) -> &'static [&'static str] {
        match self {
            Area::All => &["turno"],
            Area::Sip => {
                &["turno::sip", "turno::shell::net", "turno::shell::post", "turno::shell::dns", "turno::shell::tap"]
            }
            Area::Calls => &["turno::shell::board", "turno::shell::outside", "turno::shell::run"],
            Area::Media => &["turno::shell::media", "turno::shell::voicemail"],
            Area::Store => &["turno::shell::store", "turno::shell::journal", "turno::shell::figures"],
            Area::Customers => &["turno::shell::customers"],
            Area::Api => &["turno::api"],
        }
    }
}

/// From which gravity on something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// Somebody must act.
    Error,
    /// Odd, but served.
    Warn,
    /// Life events of calls, agents and trunks.
    Info,
    /// Decisions with their reasons.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The word in commands and in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
            LogLevel::Trace => "trace",
        }
    }
}

/// What is said now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spoken {
    /// As configured.
    pub level: String,
    /// Areas with a level of their own, and for how many seconds still.
    pub raised: Vec<(Area, LogLevel, u64)>,
}

#[derive(Debug)]
struct Levels {
    base: String,
    raised: BTreeMap<Area, (LogLevel, Instant)>,
}

impl Levels {
    /// Libraries speak only of what goes wrong.
    fn filter(&self) -> String {
        let mut filter = format!("warn,turno={}", self.base);
        for (area, (level, _)) in &self.raised {
            for target in area.targets() {
                let _ = write!(filter, ",{target}={}", level.as_str());
            }
        }
        filter
    }

    /// Whether something ended.
    fn expire(&mut self, now: Instant) -> bool {
        let before = self.raised.len();
        self.raised.retain(|_, (_, until)| *until > now);
        self.raised.len() != before
    }

    fn spoken(&self, now: Instant) -> Spoken {
        let left = |(area, (level, until)): (&Area, &(LogLevel, Instant))| {
            (*area, *level, until.saturating_duration_since(now).as_secs())
        };
        Spoken { level: self.base.clone(), raised: self.raised.iter().map(left).collect() }
    }
}

/// Begins to log to stderr. A second call changes only the level.
pub fn start(format: LogFormat, level: &str) {
    level.clone_into(&mut levels().base);
    let (filter, handle) = reload::Layer::new(EnvFilter::new(levels().filter()));
    if LEVEL.set(handle).is_err() {
        set_level(level);
        return;
    }
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(has_colours(std::io::stderr().is_terminal()));
    let lines = match format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
        LogFormat::Text => lines.with_target(false).boxed(),
    };
    // A test may have its own subscriber: then it keeps it.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
}

/// Whether to use colours where they can be seen: not if `NO_COLOR` is set to anything (no-color.org).
pub fn has_colours(is_seen: bool) -> bool {
    is_seen && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Changes the level while running; areas that have one of their own keep it.
pub fn set_level(level: &str) {
    let mut levels = levels();
    level.clone_into(&mut levels.base);
    apply(&levels);
}

/// `sip=debug`.
///
/// # Errors
/// A sentence, if it is nothing of the kind.
pub fn raised_of(text: &str) -> Result<(Area, LogLevel), String> {
    use clap::ValueEnum;
    let (area, level) = text.split_once('=').ok_or("write AREA=LEVEL, for example sip=debug")?;
    Ok((Area::from_str(area, false)?, LogLevel::from_str(level, false)?))
}

/// Gives areas a level of their own for a while, at most [`RAISED_MAX`]; call [`settle`] when it is over.
pub fn raise(areas: &[(Area, LogLevel)], lasts: Duration) {
    let mut levels = levels();
    let until = Instant::now() + lasts.min(RAISED_MAX);
    levels.raised.extend(areas.iter().map(|(area, level)| (*area, (*level, until))));
    apply(&levels);
}

/// Every area speaks as configured.
pub fn lower() {
    let mut levels = levels();
    levels.raised.clear();
    apply(&levels);
}

/// What was for a while ends when that is over.
pub fn settle() {
    let mut levels = levels();
    if levels.expire(Instant::now()) {
        apply(&levels);
        tracing::info!("log levels are again as configured");
    }
}

/// What is said now.
pub fn spoken() -> Spoken {
    levels().spoken(Instant::now())
}

fn levels() -> MutexGuard<'static, Levels> {
    LEVELS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn apply(levels: &Levels) {
    if let Some(handle) = LEVEL.get() {
        // The subscriber lives as long as the process.
        let _ = handle.reload(EnvFilter::new(levels.filter()));
    }
}

/// Logs every panic once, with its place; whoever contains it adds what it was about.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let said = panic.payload_as_str().unwrap_or("(no text)");
        let thread = std::thread::current();
        tracing::error!(place, said, thread = thread.name().unwrap_or(""), "panic");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_area_speaks_for_a_while_and_then_as_configured() {
        let now = Instant::now();
        let (soon, late) = (now + Duration::from_secs(60), now + Duration::from_secs(600));
        let mut levels = Levels { base: "info".to_owned(), raised: BTreeMap::new() };
        assert_eq!(levels.filter(), "warn,turno=info");
        levels.raised.insert(Area::Customers, (LogLevel::Debug, soon));
        levels.raised.insert(Area::Api, (LogLevel::Error, late));
        assert_eq!(levels.filter(), "warn,turno=info,turno::shell::customers=debug,turno::api=error");
        assert_eq!(
            levels.spoken(now).raised,
            [(Area::Customers, LogLevel::Debug, 60), (Area::Api, LogLevel::Error, 600)]
        );
        assert!(!levels.expire(now));
        assert!(levels.expire(soon));
        assert_eq!(levels.filter(), "warn,turno=info,turno::api=error");
    }
}
