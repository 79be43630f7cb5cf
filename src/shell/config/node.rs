//! The process: folders, logs, journal, store, media threads.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;
use turno_base::{Codec, QueueId};
use turno_engine::MediaConfig;

use crate::shell::config::outs;
use crate::shell::config::section::Section;
use crate::shell::config::values::{CIDR_FORM, CODEC_FORM, cidr_of, codec_of};
use crate::shell::journal::JournalSettings;
use crate::shell::logs::LogFormat;
use crate::shell::store::outs::OutSettings;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const NAMED_LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// The process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSettings {
    /// Everything that is kept.
    pub data_dir: PathBuf,
    /// The control socket.
    pub socket: PathBuf,
    /// Whose midnight begins a day of figures.
    pub zone: TimeZone,
    /// How long a drain waits for calls to end.
    pub drain_limit: Duration,
    /// How long it is kept who did what.
    pub audit_kept: Duration,
}

/// Logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// `error`, `warn`, `info`, `debug`, `trace`.
    pub level: String,
    /// How lines look.
    pub format: LogFormat,
}

/// Record log and database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// Folder.
    pub dir: PathBuf,
    /// How long, and up to which size, the log is kept that everybody has taken.
    pub kept: (Duration, u64),
    /// Where else records go.
    pub outs: Vec<OutSettings>,
}

/// The wallboard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WallSettings {
    /// Heading.
    pub title: String,
    /// Beside it.
    pub place: String,
    /// Queues in the order in which they are shown; the others follow by name.
    pub queues: Vec<QueueId>,
    /// Shown names of queues.
    pub names: BTreeMap<String, String>,
}

impl WallSettings {
    /// The shown name of a queue; its own if it has no other.
    pub fn shown(&self, queue: &str) -> String {
        self.names.get(queue).cloned().unwrap_or_else(|| queue.to_owned())
    }
}

pub(super) fn wall(section: &Section<'_>) -> WallSettings {
    let names = section.section("names");
    let settings = WallSettings {
        title: section.text("title").unwrap_or_else(|| "Turno".to_owned()),
        place: section.text("place").unwrap_or_default(),
        queues: section.list("queues", "name a queue of [queues]"),
        names: names.names().into_iter().filter_map(|queue| names.text(&queue).map(|shown| (queue, shown))).collect(),
    };
    section.done();
    settings
}

/// Media threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaSettings {
    /// Addresses that RTP sockets are bound to; none: those of the SIP listeners.
    pub addresses: Vec<IpAddr>,
    /// First and last port of the range.
    pub ports: (u16, u16),
    /// Threads.
    pub threads: u16,
    /// Neither RTP nor RTCP for this long ends a call.
    pub silence_limit: Duration,
    /// The same while on hold.
    pub silence_limit_held: Duration,
    /// How long a port rests between two calls.
    pub quarantine: Duration,
    /// Listen for keys as tones where telephone-event is not agreed.
    pub inband_keys: bool,
}

/// Everything that is kept.
pub(super) fn data_dir(section: &Section<'_>, dir: &Path) -> PathBuf {
    dir.join(section.text("data_dir").unwrap_or_else(|| "turno-data".to_owned()))
}

pub(super) fn node(section: &Section<'_>, dir: &Path) -> NodeSettings {
    let data_dir = data_dir(section, dir);
    let socket = section.text("socket").map_or_else(|| data_dir.join("turno.sock"), |path| dir.join(path));
    let zone =
        section.read("zone", "write a time zone, for example \"Europe/Madrid\"", |text| TimeZone::get(text).ok());
    let drain_limit = section.duration("drain_limit", 5 * 60 * SECOND, SECOND..=DAY);
    let audit_kept = section.duration("audit_kept", 365 * DAY, DAY..=3650 * DAY);
    section.done();
    NodeSettings { data_dir, socket, zone: zone.unwrap_or(TimeZone::UTC), drain_limit, audit_kept }
}

pub(super) fn log(section: &Section<'_>) -> LogSettings {
    let level = section.read("level", "write error, warn, info, debug or trace", |text| {
        NAMED_LEVELS.contains(&text).then(|| text.to_owned())
    });
    let format = section.read("format", "write \"json\" or \"text\"", |text| match text {
        "json" => Some(LogFormat::Json),
        "text" => Some(LogFormat::Text),
        _ => None,
    });
    section.done();
    LogSettings { level: level.unwrap_or_else(|| "info".to_owned()), format: format.unwrap_or(LogFormat::Json) }
}

/// `dir`: what paths are relative to.
pub(super) fn journal(section: &Section<'_>, dir: &Path, data_dir: &Path) -> Option<JournalSettings> {
    const MB: u64 = 1 << 20;
    let on = section.flag("enabled", true);
    let dir = section.text("dir").map_or_else(|| data_dir.join("journal"), |path| dir.join(path));
    let settings = JournalSettings {
        dir,
        segment_bytes_max: section.bytes("segment_size", 16 * MB, MB..=1024 * MB),
        segment_age_max: section.duration("segment_age", 600 * SECOND, 10 * SECOND..=DAY),
        bytes_max: section.bytes("size", 1024 * MB, 2 * MB..=1024 * 1024 * MB),
        age_max: section.duration("age", 7 * DAY, HOUR..=365 * DAY),
    };
    if settings.bytes_max < 2 * settings.segment_bytes_max {
        section.error("size", "is less than two segments; raise size or lower segment_size");
    }
    if section.is_present() && !on {
        section
            .warn("enabled", "without a journal a restart loses calls in progress, registrations and places in queues");
    }
    section.done();
    on.then_some(settings)
}

pub(super) fn store(section: &Section<'_>, dir: &Path, node: &NodeSettings) -> StoreSettings {
    let outs = outs::outs(section, dir, &node.zone);
    let dir = section.text("dir").map_or_else(|| node.data_dir.join("records"), |path| dir.join(path));
    let kept_for = section.duration("kept", 8 * DAY, Duration::ZERO..=400 * DAY);
    let kept_bytes = section.bytes("kept_size", 2 << 30, 0..=1 << 44);
    section.done();
    StoreSettings { dir, kept: (kept_for, kept_bytes), outs }
}

pub(super) fn media(section: &Section<'_>) -> (MediaSettings, MediaConfig) {
    let local_networks = section.list_read("local_networks", CIDR_FORM, cidr_of);
    let mut codecs = section.list_read("codecs", CODEC_FORM, codec_of);
    if codecs.is_empty() {
        codecs = vec![Codec::Pcma, Codec::Pcmu];
    }
    let engine = MediaConfig {
        external: section
            .parsed("external", "write the address that peers outside reach us at, for example \"203.0.113.7\""),
        local_networks,
        codecs,
    };
    let ports = section.read("ports", "write first and last port, for example \"20000-20999\"", |text| {
        let (first, last) = text.split_once('-')?;
        let (first, last) = (first.trim().parse::<u16>().ok()?, last.trim().parse::<u16>().ok()?);
        (first >= 1024 && first < last).then_some((first, last))
    });
    let media = MediaSettings {
        addresses: section.list("addresses", "write addresses of this machine, for example \"10.0.0.2\""),
        ports: ports.unwrap_or((20_000, 29_999)),
        threads: section.integer("threads", 1, 1..=64),
        silence_limit: section.duration("silence_limit", 30 * SECOND, 5 * SECOND..=HOUR),
        silence_limit_held: section.duration("silence_limit_held", 1800 * SECOND, 30 * SECOND..=DAY),
        quarantine: section.duration("quarantine", 5 * SECOND, Duration::ZERO..=60 * SECOND),
        inband_keys: section.flag("inband_keys", true),
    };
    section.done();
    (media, engine)
}
