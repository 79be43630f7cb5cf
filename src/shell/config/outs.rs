//! `[[store.out]]`: where else records go.

use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::shell::config::peer::{self, Address};
use crate::shell::config::section::Section;
use crate::shell::event::{Filter, KINDS};
use crate::shell::store::outs::{FileOut, HookOut, Lines, OutSettings, Rotate, SheetOut, To};

const SECOND: Duration = Duration::from_secs(1);
const TO_FORM: &str =
    "write \"csv\", \"jsonl\", \"master-csv\", \"queue-log\", \"parquet\", \"web-hook\" or \"postgres\"";
const NAME_FORM: &str = "write letters, digits, - and _, for example \"billing\"";
/// Names that are taken: those of the tables and of the figures.
const TAKEN: [&str; 2] = ["sqlite", "figures"];
/// Most consumers: each is a thread and reads the log.
const OUTS_MAX: usize = 16;

#[derive(Clone, Copy)]
enum Kind {
    Lines(Lines),
    Parquet,
    Hook,
    Postgres,
}

/// All of them; `dir`: what paths are relative to, `zone`: whose dates files have unless they say another.
pub(super) fn outs(section: &Section<'_>, dir: &Path, zone: &TimeZone) -> Vec<OutSettings> {
    let mut found: Vec<OutSettings> = Vec::new();
    let sections = section.array("out");
    if sections.len() > OUTS_MAX {
        section.error("out", format!("there are {} of them; {OUTS_MAX} are enough", sections.len()));
    }
    for one in sections {
        let Some(out) = out(&one, dir, zone) else { continue };
        if TAKEN.contains(&out.name.as_str()) || found.iter().any(|other| other.name == out.name) {
            one.error("name", format!("{:?} is the name of another consumer; write another", out.name));
        }
        if found.iter().any(|other| shares_file(other, &out)) {
            one.error("path", "another consumer writes that file; name another");
        }
        found.push(out);
    }
    found
}

fn shares_file(a: &OutSettings, b: &OutSettings) -> bool {
    path_of(a).is_some_and(|path| Some(path) == path_of(b))
}

fn path_of(out: &OutSettings) -> Option<&Path> {
    match &out.to {
        To::File(FileOut { path, .. }) | To::Parquet(SheetOut { path, .. }) => Some(path),
        To::Hook(_) | To::Postgres(_) => None,
    }
}

fn out(section: &Section<'_>, dir: &Path, zone: &TimeZone) -> Option<OutSettings> {
    section.text_needed("name", "billing");
    let name = section.read("name", NAME_FORM, |text| {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (!text.is_empty() && text.len() <= 32 && text.chars().all(fits)).then(|| text.to_owned())
    });
    section.text_needed("to", "csv");
    let kind = section.read("to", TO_FORM, |text| match text {
        "csv" => Some(Kind::Lines(Lines::Csv)),
        "jsonl" => Some(Kind::Lines(Lines::Jsonl)),
        "master-csv" => Some(Kind::Lines(Lines::MasterCsv)),
        "queue-log" => Some(Kind::Lines(Lines::QueueLog)),
        "parquet" => Some(Kind::Parquet),
        "web-hook" => Some(Kind::Hook),
        "postgres" => Some(Kind::Postgres),
        _ => None,
    });
    let to = match kind {
        Some(Kind::Lines(lines)) => file(section, lines, dir, zone).map(To::File),
        Some(Kind::Parquet) => sheets(section, dir, zone).map(To::Parquet),
        Some(Kind::Hook) => hook(section, dir).map(To::Hook),
        Some(Kind::Postgres) => {
            section.text_needed("connection", "host=db.example user=turno dbname=calls");
            section.tried("connection", |text| text.parse()).map(To::Postgres)
        }
        None => return None,
    };
    section.done();
    Some(OutSettings { name: name?, to: to? })
}

fn file(section: &Section<'_>, lines: Lines, dir: &Path, zone: &TimeZone) -> Option<FileOut> {
    let path = section.text_needed("path", "records/calls.csv");
    let rotate = section.read("rotate", "write \"never\", \"day\" or \"hour\"", |text| match text {
        "never" => Some(Rotate::Never),
        "day" => Some(Rotate::Day),
        "hour" => Some(Rotate::Hour),
        _ => None,
    });
    let zone = self::zone(section, zone);
    Some(FileOut { lines, path: dir.join(path?), rotate: rotate.unwrap_or(Rotate::Never), zone })
}

/// A file that is never closed is one that nobody can read.
fn sheets(section: &Section<'_>, dir: &Path, zone: &TimeZone) -> Option<SheetOut> {
    let path = section.text_needed("path", "records/calls.parquet");
    let rotate = section.read("rotate", "write \"day\" or \"hour\"", |text| match text {
        "day" => Some(Rotate::Day),
        "hour" => Some(Rotate::Hour),
        _ => None,
    });
    let zone = self::zone(section, zone);
    Some(SheetOut { path: dir.join(path?), rotate: rotate.unwrap_or(Rotate::Day), zone })
}

fn zone(section: &Section<'_>, house: &TimeZone) -> TimeZone {
    let form = "write a time zone, for example \"Europe/Madrid\"";
    section.read("zone", form, |text| TimeZone::get(text).ok()).unwrap_or_else(|| house.clone())
}

fn hook(section: &Section<'_>, dir: &Path) -> Option<HookOut> {
    section.text_needed("url", "https://billing.example/calls");
    let url = section.read("url", peer::FORM, peer::address);
    let authorities = peer::authorities(section, dir);
    let secret = section.secret("secret").filter(|secret| !secret.is_empty());
    let deadline = section.duration("deadline", 2 * SECOND, SECOND / 10..=2 * SECOND);
    let tries_max = section.integer("tries_max", 10, 1..=1000);
    let allow_local = section.flag("allow_local", false);
    let events = events(section);
    let Address { host, port, path, is_secure } = url?;
    let secure = authorities.filter(|_| is_secure);
    Some(HookOut { host, port, path, secure, secret, deadline, tries_max, allow_local, events })
}

/// Which events a web hook is told instead of records.
fn events(section: &Section<'_>) -> Option<Filter> {
    let what = section.read("what", "write \"calls\" or \"events\"", |text| match text {
        "calls" => Some(false),
        "events" => Some(true),
        _ => None,
    });
    let kind = |text: &str| KINDS.contains(&text).then(|| text.to_owned());
    let filter = Filter {
        kinds: section.list_read("kinds", "name a kind of event, for example \"queue-left\"", kind),
        queues: section.list("queues", "name a queue of [queues]"),
        agents: section.list("agents", "name an agent of [agents]"),
    };
    let is_events = what.unwrap_or(false);
    if !is_events && filter != Filter::default() {
        section.error("what", "is not \"events\", so that kinds, queues and agents choose nothing");
    }
    is_events.then_some(filter)
}
