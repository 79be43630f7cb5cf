//! Figures, reports and the nightly audit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use turno_base::{AgentId, Currency, Name};
use turno_report::kpi::{By, KpiTerms, Windows};

use crate::shell::config::section::Section;
use crate::shell::report::sheet::Form;
use crate::shell::report::{Split, Subject, subject_of};

const DAY: Duration = Duration::from_secs(86_400);
/// Most scheduled exports.
const EXPORTS_MAX: usize = 100;

/// What the figures need to know, and what is done with them by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FigureSettings {
    /// What an hour of an agent costs, units of [`KpiTerms::RATE_SCALE`] decimals.
    pub cost_per_hour: u64,
    /// Agents for whom that differs.
    pub agent_costs: BTreeMap<AgentId, u64>,
    /// In what.
    pub currency: Currency,
    /// Digits that a dialled number begins with, to its type.
    pub number_types: BTreeMap<String, Name>,
    /// Stays and contacts, which name calls, are kept so long.
    pub kept: Duration,
    /// Within what further contacts count against the one before.
    pub windows: Windows,
    /// What an agent says of a call whose matter is settled, also what is below it.
    pub settled: Vec<Name>,
    /// Local time of the nightly audit, minutes after midnight; none: only on demand.
    pub audit_at: Option<u16>,
    /// Reports written by themselves.
    pub exports: Vec<Export>,
}

/// How much time a file of a scheduled export is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// A local day.
    Day,
    /// A calendar month.
    Month,
    /// A calendar year.
    Year,
}

/// A report that is written in the night after the time that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// What.
    pub subject: Subject,
    /// How much a file is about.
    pub each: Span,
    /// How long a row is.
    pub by: By,
    /// What a row is about.
    pub split: Split,
    /// In which form.
    pub form: Form,
    /// Where; the file is called after subject and day, month or year.
    pub dir: PathBuf,
    /// Local time, minutes after midnight.
    pub at: u16,
}

pub(super) fn figures(section: &Section<'_>, dir: &Path) -> FigureSettings {
    let cost = |section: &Section<'_>, key: &str| {
        section.read(key, "write an amount with at most 4 decimals, such as \"18.50\"", amount)
    };
    let settings = FigureSettings {
        cost_per_hour: cost(section, "cost_per_hour").unwrap_or(0),
        agent_costs: {
            let costs = section.section("agent_costs");
            let agents = costs.names().into_iter().filter_map(|name| {
                let agent = AgentId::new(&name).ok();
                if agent.is_none() {
                    costs.error(&name, "is no name of an agent");
                }
                Some((agent?, cost(&costs, &name)?))
            });
            let agents = agents.collect();
            costs.done();
            agents
        },
        currency: section
            .read("currency", "write three capital letters, such as \"EUR\"", Currency::new)
            .unwrap_or(Currency::EUR),
        number_types: {
            let types = section.section("number_types");
            let pairs = types.names().into_iter().filter_map(|digits| {
                if digits.is_empty() || digits.len() > 15 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    types.error(&digits, "is no prefix: 1 to 15 digits, the country code first");
                }
                Some((digits.clone(), types.parsed(&digits, "name a type, such as \"freephone\"")?))
            });
            let pairs = pairs.collect();
            types.done();
            pairs
        },
        kept: section.duration("kept", 400 * DAY, 8 * DAY..=3660 * DAY),
        windows: Windows {
            resolved_s: {
                let within = section.duration("resolved_within", 7 * DAY, DAY..=90 * DAY);
                i64::try_from(within.as_secs()).unwrap_or(i64::MAX)
            },
            ..Windows::default()
        },
        settled: section.list("settled", "name dispositions of [dispositions], or what is above them"),
        audit_at: match section.text("audit_at").as_deref() {
            None => Some(4 * 60),
            Some("off") => None,
            Some(text) => {
                let at = minute(text);
                if at.is_none() {
                    section.error(
                        "audit_at",
                        format!("{text:?} does not fit; write a local time such as \"04:00\", or off"),
                    );
                }
                at
            }
        },
        exports: exports(section, dir),
    };
    if u64::try_from(settings.windows.resolved_s).is_ok_and(|s| s >= settings.kept.as_secs()) {
        section
            .error("resolved_within", "is not shorter than kept: contacts would be forgotten before they are judged");
    }
    section.done();
    settings
}

fn exports(section: &Section<'_>, dir: &Path) -> Vec<Export> {
    let tables = section.array("exports");
    if tables.len() > EXPORTS_MAX {
        section.error("exports", format!("may be {EXPORTS_MAX} at most"));
    }
    let export = |table: &Section<'_>| {
        let words = "write queues, agents, law, dispositions, repeat, cost or ledger";
        let export = Export {
            subject: table.read("report", words, subject_of).unwrap_or(Subject::Queues),
            each: table.read("each", "write day, month or year", span_of).unwrap_or(Span::Day),
            by: table.read("by", "write interval, day or month", by_of).unwrap_or(By::Day),
            split: table
                .read("split", "write queue, segment, number-type or nothing", split_of)
                .unwrap_or(Split::Queue),
            form: table.read("format", "write table, csv, json, xlsx or svg", form_of).unwrap_or(Form::Csv),
            dir: dir.join(table.text_needed("dir", "reports").unwrap_or_default()),
            at: table.read("at", "write a local time such as \"06:00\"", minute).unwrap_or(6 * 60),
        };
        table.done();
        export
    };
    tables.iter().take(EXPORTS_MAX).map(export).collect()
}

fn by_of(text: &str) -> Option<By> {
    [("interval", By::Interval), ("day", By::Day), ("month", By::Month), ("year", By::Year), ("total", By::Total)]
        .into_iter()
        .find_map(|(word, by)| (word == text).then_some(by))
}

fn span_of(text: &str) -> Option<Span> {
    [("day", Span::Day), ("month", Span::Month), ("year", Span::Year)]
        .into_iter()
        .find_map(|(word, span)| (word == text).then_some(span))
}

fn split_of(text: &str) -> Option<Split> {
    [
        ("queue", Split::Queue),
        ("segment", Split::Segment),
        ("number-type", Split::NumberType),
        ("nothing", Split::Nothing),
    ]
    .into_iter()
    .find_map(|(word, split)| (word == text).then_some(split))
}

fn form_of(text: &str) -> Option<Form> {
    [("table", Form::Table), ("csv", Form::Csv), ("json", Form::Json), ("xlsx", Form::Xlsx), ("svg", Form::Svg)]
        .into_iter()
        .find_map(|(word, form)| (word == text).then_some(form))
}

/// `04:30`.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// `18.50` as units of [`KpiTerms::RATE_SCALE`] decimals.
fn amount(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let scale = usize::from(KpiTerms::RATE_SCALE);
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > scale || !digits(whole) || !digits(part) {
        return None;
    }
    let part: u64 = format!("{part:0<scale$}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(10_u64.pow(u32::from(KpiTerms::RATE_SCALE)))?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_times_read_or_are_refused() {
        for (text, units) in [
            ("18.50", Some(185_000)),
            ("18", Some(180_000)),
            ("0.0001", Some(1)),
            ("18.50001", None),
            ("", None),
            (".5", None),
            ("-1", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(amount(text), units, "{text}");
        }
        for (text, expected) in [("04:30", Some(270)), ("24:00", None), ("4", None), ("00:60", None)] {
            assert_eq!(minute(text), expected, "{text}");
        }
    }
}
