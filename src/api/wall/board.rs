//! What the page draws, from what the fold knows: names to show, levels of concern, ages as instants.
//!
//! Ages go out as the instant at which they began, so that a board on which nothing happens needs no messages; the page counts.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use turno_acd::{AcdConfig, Overflow};
use turno_base::QueueId;
use turno_report::{BoardView, QueueRow};

use crate::shell::config::WallSettings;

/// A conversation longer than this stands out, ms.
const TALK_LONG_MS: u64 = 10 * 60_000;
/// Wrap-up longer than this stands out, ms.
const WRAP_UP_LONG_MS: u64 = 2 * 60_000;
/// A pause longer than this stands out, ms.
const PAUSE_LONG_MS: u64 = 15 * 60_000;
/// The longest wait alerts at this many times the service-level threshold.
const WAIT_ALERT_TIMES: u64 = 3;
/// A service level this far below its target alerts, per mille.
const LEVEL_ALERT_PM: u32 = 100;
/// Abandonment above this is watched, above twice this alerts, per mille.
const ABANDONED_WATCH_PM: u32 = 50;

/// What the wallboard shows beyond figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faces {
    settings: WallSettings,
    /// Where a queue's calls go when they wait too long.
    then: BTreeMap<QueueId, String>,
    /// Threshold and target of all queues together: those of the queue shown first.
    threshold_s: u64,
    target_pct: u8,
}

impl Faces {
    /// From the configuration.
    pub fn new(settings: &WallSettings, acd: &AcdConfig) -> Faces {
        let then = acd.queues.iter().filter_map(|(queue, rules)| match &rules.on_wait {
            Overflow::Queue(next) if !rules.wait_limit.is_zero() => Some((*queue, settings.shown(next.as_str()))),
            Overflow::Queue(_)
            | Overflow::Number(_)
            | Overflow::Prompt(_)
            | Overflow::Menu(_)
            | Overflow::Callback
            | Overflow::HangUp => None,
        });
        let first = settings.queues.first().and_then(|queue| acd.queues.get(queue)).or(acd.queues.values().next());
        Faces {
            settings: settings.clone(),
            then: then.collect(),
            threshold_s: first.map_or(20, |rules| rules.service_level.as_secs()),
            target_pct: first.map_or(80, |rules| rules.service_level_target_pct),
        }
    }

    fn order(&self, queue: QueueId) -> usize {
        self.settings.queues.iter().position(|q| *q == queue).unwrap_or(usize::MAX >> 12)
    }
}

/// How long the next to enter a queue would wait, ms.
pub(super) type Expected = BTreeMap<QueueId, u64>;

/// The board as the page draws it.
pub(super) fn draw(view: &BoardView, faces: &Faces, expected: &Expected) -> Value {
    let at_ms = view.at.0 / 1000;
    let ready = view.states.iter().find(|(state, _)| state == "ready").map_or(0, |(_, count)| *count);
    let by: Map<String, Value> = view.states.iter().map(|(state, count)| (state.clone(), json!(count))).collect();
    let longest = view.longest.and_then(|longest| {
        let row = view.queues.iter().find(|row| row.queue == longest.queue)?;
        Some((longest.wait_ms, row))
    });
    let target_s = longest.map_or(faces.threshold_s, |(_, row)| u64::from(row.threshold_s)) * WAIT_ALERT_TIMES;
    json!({
        "site": {"title": faces.settings.title, "place": faces.settings.place},
        "notice": notice(view),
        "waiting": {
            "now": view.waiting,
            "peak": view.waiting_peak,
            "spark": view.waiting_minutes,
            "level": waiting_level(view.waiting, ready, view.logged_in),
        },
        "longest": {
            "since": longest.map(|(wait_ms, _)| since(at_ms, wait_ms)),
            "queue": longest.map(|(_, row)| row.shown.clone()),
            "target_s": target_s,
            "level": longest.map_or("ok", |(wait_ms, row)| wait_level(wait_ms, row.threshold_s)),
        },
        "service": {
            "pct": view.level_pm.map(percent),
            "target_pct": faces.target_pct,
            "threshold_s": faces.threshold_s,
            "level": service_level(view.level_pm, faces.target_pct),
        },
        "agents": {"of": view.logged_in, "by": by},
        "queues": view.queues.iter().map(|row| (row.queue.to_string(), queue(row, at_ms, faces, expected))).collect::<Map<_, _>>(),
        "people": people(view, at_ms),
        "totals": {
            "entered": view.totals.entered,
            "answered": view.totals.answered,
            "abandoned": view.totals.abandoned,
            "abandoned_pm": share_pm(view.totals.abandoned, view.totals.entered - view.totals.short_abandoned),
            "wait_mean_ms": view.totals.wait_mean_ms.unwrap_or(0),
            "handle_mean_ms": view.totals.handle_mean_ms.unwrap_or(0),
            "callbacks_due": view.callbacks,
        },
    })
}

fn queue(row: &QueueRow, at_ms: i64, faces: &Faces, expected: &Expected) -> Value {
    let abandoned_pm = row.abandoned_pm.unwrap_or(0);
    json!({
        "order": faces.order(row.queue),
        "shown": row.shown,
        "then": faces.then.get(&row.queue),
        "waiting": row.waiting,
        "callbacks": row.callbacks,
        "expected_ms": expected.get(&row.queue),
        "longest_since": row.longest_ms.map(|ms| since(at_ms, ms)),
        "longest_level": row.longest_ms.map_or("ok", |ms| wait_level(ms, row.threshold_s)),
        "pct": row.level_pm.map(percent),
        "target_pct": row.target_pct,
        "threshold_s": row.threshold_s,
        "service_level": service_level(row.level_pm, row.target_pct),
        "abandoned_pm": abandoned_pm,
        "abandoned_level": abandoned_level(abandoned_pm),
        "free": row.ready,
        "agents": row.logged_in,
    })
}

fn people(view: &BoardView, at_ms: i64) -> Map<String, Value> {
    let rank = |state: &str| match state {
        "ready" => 0,
        "offered" | "ringing" => 1,
        "talking" | "consulting" | "outbound" => 2,
        "holding" => 3,
        "wrap-up" => 4,
        "task" => 5,
        _ => 6,
    };
    let mut rows: Vec<_> = view.agents.iter().collect();
    rows.sort_by_key(|row| (rank(&row.state), std::cmp::Reverse(row.since_ms / 1000), row.agent));
    rows.iter()
        .enumerate()
        .map(|(order, row)| {
            let long = match row.state.as_str() {
                "talking" | "holding" | "consulting" | "outbound" => row.since_ms > TALK_LONG_MS,
                "wrap-up" => row.since_ms > WRAP_UP_LONG_MS,
                "paused" => row.since_ms > PAUSE_LONG_MS,
                _ => false,
            };
            let person = json!({
                "order": order,
                "shown": row.shown,
                "state": row.state,
                "reason": row.reason,
                "since": since(at_ms, row.since_ms),
                "long": long,
            });
            (row.agent.to_string(), person)
        })
        .collect()
}

/// The first queue in which callers wait and nobody is free.
fn notice(view: &BoardView) -> Option<Value> {
    let short = view.queues.iter().filter(|row| row.waiting > 0 && row.ready == 0);
    short.max_by_key(|row| row.longest_ms).map(|row| json!({"skill": row.shown}))
}

/// The instant, ms since the epoch, in steps of a tenth so that re-computing it does not look like a change.
fn since(at_ms: i64, age_ms: u64) -> i64 {
    let exact = at_ms.saturating_sub(i64::try_from(age_ms).unwrap_or(i64::MAX));
    (exact + 50).div_euclid(100) * 100
}

fn percent(pm: u32) -> u32 {
    (pm + 5) / 10
}

fn share_pm(part: u64, whole: u64) -> u64 {
    (part * 1000 + whole / 2).checked_div(whole).unwrap_or(0)
}

fn waiting_level(waiting: u32, ready: u32, logged_in: u32) -> &'static str {
    match waiting {
        0 => "ok",
        _ if waiting > logged_in => "alert",
        _ if waiting > ready => "watch",
        _ => "ok",
    }
}

fn wait_level(wait_ms: u64, threshold_s: u32) -> &'static str {
    let threshold_ms = u64::from(threshold_s) * 1000;
    match wait_ms {
        ms if ms > threshold_ms * WAIT_ALERT_TIMES => "alert",
        ms if ms > threshold_ms => "watch",
        _ => "ok",
    }
}

fn service_level(level_pm: Option<u32>, target_pct: u8) -> &'static str {
    let target_pm = u32::from(target_pct) * 10;
    match level_pm {
        Some(pm) if pm + LEVEL_ALERT_PM < target_pm => "alert",
        Some(pm) if pm < target_pm => "watch",
        Some(_) | None => "ok",
    }
}

fn abandoned_level(pm: u32) -> &'static str {
    match pm {
        pm if pm > ABANDONED_WATCH_PM * 2 => "alert",
        pm if pm > ABANDONED_WATCH_PM => "watch",
        _ => "ok",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concern_grows_with_the_figures() {
        // wait s, threshold s
        for (wait_s, threshold_s, level) in [(20, 20, "ok"), (37, 20, "watch"), (134, 20, "alert"), (6, 10, "ok")] {
            assert_eq!(wait_level(wait_s * 1000, threshold_s), level, "{wait_s}");
        }
        for (pm, target, level) in
            [(Some(780), 80, "watch"), (Some(610), 80, "alert"), (Some(960), 90, "ok"), (None, 80, "ok")]
        {
            assert_eq!(service_level(pm, target), level, "{pm:?}");
        }
        for (pm, level) in [(42, "ok"), (89, "watch"), (101, "alert")] {
            assert_eq!(abandoned_level(pm), level, "{pm}");
        }
        for (waiting, ready, logged_in, level) in
            [(0, 0, 0, "ok"), (7, 2, 24, "watch"), (2, 2, 24, "ok"), (30, 0, 24, "alert")]
        {
            assert_eq!(waiting_level(waiting, ready, logged_in), level, "{waiting}");
        }
    }
}
