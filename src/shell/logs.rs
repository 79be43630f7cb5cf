//! Logs: one line per fact for the person woken at night, as JSON or as text, with a level that can change while running.

use std::io::IsTerminal;
use std::sync::OnceLock;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

static LEVEL: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a terminal.
    Text,
}

/// Begins to log to stderr. A second call changes only the level.
pub fn start(format: LogFormat, level: &str) {
    let (filter, handle) = reload::Layer::new(filter_of(level));
    if LEVEL.set(handle).is_err() {
        set_level(level);
        return;
    }
    let lines =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let lines = match format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
        LogFormat::Text => lines.with_target(false).boxed(),
    };
    // A test may have its own subscriber: then it keeps it.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
}

/// Changes the level while running.
pub fn set_level(level: &str) {
    if let Some(handle) = LEVEL.get() {
        // The subscriber lives as long as the process.
        let _ = handle.reload(filter_of(level));
    }
}

/// Libraries speak only of what goes wrong.
fn filter_of(level: &str) -> EnvFilter {
    EnvFilter::new(format!("warn,turno={level}"))
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
