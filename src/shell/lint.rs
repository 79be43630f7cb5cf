//! The linter (X2): what a configuration allows and nobody can have meant, and what the past says of it. Each finding names the
//! object and what to change.

mod rings;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use turno_acd::need;
use turno_acd::{AcdConfig, QueueRules};
use turno_base::{AgentId, Name, Need, QueueId, SkillId, Wall};
use turno_call::{Goal, Menu, Plan};
use turno_report::erlang::{Load, erlang_c};
use turno_report::kpi::{Quarter, Tally};
use turno_tariff::Deck;
use turno_tariff::again::gaps;

use crate::shell::config::{Settings, zone_offsets};
use crate::shell::figures::FigureReader;
use crate::shell::store::{Filter, Order, Reader};

/// Spanish numbers that may not be used to serve customers who call about what they have bought: 902 and 901 (shared cost) and
/// 80x (premium).
const NOT_FOR_SERVICE: [&str; 5] = ["34901", "34902", "34803", "34806", "34807"];
/// Clock changes are told this long ahead.
const AHEAD_S: i64 = 30 * 86_400;
/// Numbers without a price that are named.
const GAPS_NAMED_MAX: usize = 10;

/// Something to change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What it is about, by its key in the configuration.
    pub object: String,
    /// What is odd.
    pub what: String,
    /// What to do.
    pub fix: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.object, self.what, self.fix)
    }
}

fn finding(object: impl Into<String>, what: impl Into<String>, fix: impl Into<String>) -> Finding {
    Finding { object: object.into(), what: what.into(), fix: fix.into() }
}

/// Everything that is odd about a configuration, in the order of the objects; `dir` holds the past, if there is one.
pub fn lint(settings: &Settings, dir: &Path, now: Wall, days: i64) -> Vec<Finding> {
    let acd = &settings.engine.acd;
    let mut found = Vec::new();
    numbers(settings, &mut found);
    skills(settings, &mut found);
    for (queue, rules) in &acd.queues {
        rings::rings(acd, &format!("queues.{queue}.rings"), Some(&rules.need), &rules.rings, &mut found);
    }
    rings::rings(acd, "acd.rings", None, &acd.rings, &mut found);
    clocks(settings, now, &mut found);
    let since = Wall(now.0 - days * 86_400_000_000);
    staffing(acd, dir, since, now, &mut found);
    unpriced(&settings.engine.deck, dir, since, days, &mut found);
    found.sort();
    found
}

fn numbers(settings: &Settings, found: &mut Vec<Finding>) {
    for route in &settings.engine.call.routes {
        let forms = with_country(&route.dnis, &settings.engine.country);
        let costs_more = |prefix: &&&str| forms.iter().any(|form| form.starts_with(**prefix));
        let Some(prefix) = NOT_FOR_SERVICE.iter().find(costs_more) else { continue };
        for queue in queues_behind(&route.plan, &settings.engine.call.menus) {
            found.push(finding(
                format!("routes {}", route.dnis),
                format!("a {} number leads to queue {queue}", prefix.trim_start_matches("34")),
                "customers may not be made to pay more than an ordinary call for service: give them a geographic or 900 number",
            ));
        }
    }
}

/// The digits of a route's number, or of the beginning of it, country code first: a carrier may leave that out.
fn with_country(dnis: &str, country: &str) -> [String; 2] {
    let digits = dnis.trim_end_matches('*');
    match digits.strip_prefix('+').or_else(|| digits.strip_prefix("00")) {
        Some(full) => [full.to_owned(), String::new()],
        None => [digits.to_owned(), format!("{country}{digits}")],
    }
}

/// The queues that a caller comes to, by whatever keys he presses or does not press.
fn queues_behind(plan: &Plan, menus: &BTreeMap<Name, Menu>) -> BTreeSet<QueueId> {
    let mut ahead = match plan {
        Plan::Queue { queue, .. } => return BTreeSet::from([*queue]),
        Plan::Menu(menu) => vec![*menu],
        Plan::Station(_) | Plan::Agent(_) | Plan::Prompt(_) | Plan::Voicemail(_) | Plan::Refuse(_) => vec![],
    };
    let (mut queues, mut seen) = (BTreeSet::new(), BTreeSet::new());
    while let Some(name) = ahead.pop() {
        // Menus may lead back to where he came from.
        let Some(menu) = menus.get(&name).filter(|_| seen.insert(name)) else { continue };
        for goal in menu.keys.values().chain([&menu.otherwise]) {
            match goal {
                Goal::Queue(queue) => drop(queues.insert(*queue)),
                Goal::Menu(next) => ahead.push(*next),
                Goal::Voicemail(_) | Goal::Number(_) | Goal::Prompt(_) | Goal::HangUp => {}
            }
        }
    }
    queues
}

/// Skills with their least level that a need asks for, in any of its branches.
fn asked(need: &Need, out: &mut BTreeSet<(SkillId, u8)>) {
    match need {
        Need::Anyone | Need::Not(_) => {}
        Need::AtLeast { skill, level } => drop(out.insert((*skill, *level))),
        Need::All(parts) | Need::Any(parts) => parts.iter().for_each(|part| asked(part, out)),
    }
}

fn serving(acd: &AcdConfig, queue: QueueId) -> impl Iterator<Item = (&AgentId, &BTreeMap<SkillId, u8>)> {
    let agents = acd.agents.iter().filter(move |(_, rules)| rules.queues.contains(&queue));
    agents.map(|(agent, rules)| (agent, &rules.skills))
}

fn skills(settings: &Settings, found: &mut Vec<Finding>) {
    let acd = &settings.engine.acd;
    let routed = settings.engine.call.routes.iter().filter_map(|route| match &route.plan {
        Plan::Queue { queue, need, .. } => Some((format!("routes {}", route.dnis), *queue, need)),
        Plan::Station(_) | Plan::Agent(_) | Plan::Prompt(_) | Plan::Menu(_) | Plan::Voicemail(_) | Plan::Refuse(_) => {
            None
        }
    });
    let own = acd.queues.iter().map(|(queue, rules)| (format!("queues.{queue}.need"), *queue, &rules.need));
    for (object, queue, needed) in own.chain(routed) {
        let mut skills = BTreeSet::new();
        asked(needed, &mut skills);
        let mut missing = false;
        for (skill, level) in skills {
            if !serving(acd, queue).any(|(_, held)| held.get(&skill).is_some_and(|have| *have >= level)) {
                missing = true;
                found.push(finding(
                    object.clone(),
                    format!("no agent of queue {queue} holds {skill} at level {level}"),
                    format!("give an agent of {queue} the skill, or lower the need"),
                ));
            }
        }
        let rules = acd.queues.get(&queue);
        let whole = Need::All(vec![needed.clone(), rules.map_or(Need::Anyone, |rules| rules.need.clone())]);
        if !missing && rules.is_some() && !serving(acd, queue).any(|(_, held)| need::is_met(&whole, held)) {
            found.push(finding(
                object,
                format!("no single agent of queue {queue} meets all of it"),
                "loosen the need, or train one agent in all of it",
            ));
        }
    }
}

fn clocks(settings: &Settings, now: Wall, found: &mut Vec<Finding>) {
    let zone = &settings.node.zone;
    let name = zone.iana_name().unwrap_or("UTC").to_owned();
    let zone = turno_report::kpi::Zone { name, offsets: zone_offsets(zone) };
    for (at, by) in zone.changes(now, Wall(now.0 + AHEAD_S * 1_000_000)) {
        let quarters = if by > 0 { 92 } else { 100 };
        found.push(finding(
            "node.zone",
            format!(
                "the clocks of {} change by {} min at {at}: that day has {quarters} quarters of an hour",
                zone.name,
                by / 60
            ),
            "see that schedules, opening hours and staffing of that day are meant as they are written",
        ));
    }
}

/// By Erlang C, over the busiest hour of each queue: with all who serve it, could the service level be reached at all?
fn staffing(acd: &AcdConfig, dir: &Path, since: Wall, now: Wall, found: &mut Vec<Finding>) {
    let Ok(reader) = FigureReader::open(dir) else { return };
    let mut hours: BTreeMap<(QueueId, i64), Tally> = BTreeMap::new();
    let range = Quarter::of(since)..Quarter::of(now);
    let read = reader.each_tally(&range, |key, tally| {
        if let Some(queue) = key.queue {
            hours.entry((queue, key.quarter.0.div_euclid(4))).or_default().merge(&tally);
        }
    });
    if read.is_err() {
        return;
    }
    for (queue, rules) in &acd.queues {
        let of_queue = hours.iter().filter(|((of, _), _)| of == queue);
        let Some((_, busiest)) = of_queue.max_by_key(|(_, tally)| tally.counts.entered) else { continue };
        let mut whole = Tally::default();
        hours.iter().filter(|((of, _), _)| of == queue).for_each(|(_, tally)| whole.merge(tally));
        out_of_reach(*queue, rules, serving(acd, *queue).count(), busiest.counts.entered, &whole, found);
    }
}

fn out_of_reach(
    queue: QueueId,
    rules: &QueueRules,
    agents: usize,
    entered: u64,
    past: &Tally,
    found: &mut Vec<Finding>,
) {
    let handled = past.counts.handled;
    let handle_ms = past.talk.sum_ms() + past.hold.sum_ms() + past.wrap_up.sum_ms();
    if handled == 0 || entered == 0 {
        return;
    }
    let load = Load { rate: entered as f64 / 3600.0, handle_s: handle_ms as f64 / 1000.0 / handled as f64 };
    let agents_all = u32::try_from(agents).unwrap_or(u32::MAX);
    let threshold = rules.service_level.as_secs_f64();
    let reached = 100.0 * erlang_c(agents_all, load).answered_within(threshold);
    let wanted = f64::from(rules.service_level_target_pct);
    if reached < wanted {
        found.push(finding(
            format!("queues.{queue}.service_level_target"),
            format!(
                "{wanted:.0} % in {threshold:.0} s is out of reach in the busiest hour ({entered} calls, {:.0} s each): all {agents} \
                 agents of the queue would reach {reached:.0} %",
                load.handle_s
            ),
            "have more agents serve the queue, or set a target that can be met",
        ));
    }
}

/// Numbers that were called lately and that no rule of the price books prices: as they are now, whatever they said at the call.
fn unpriced(deck: &Deck, dir: &Path, since: Wall, days: i64, found: &mut Vec<Finding>) {
    let Ok(reader) = Reader::open(dir) else { return };
    let mut numbers: BTreeMap<String, u64> = BTreeMap::new();
    let filter = Filter { since: Some(since), ..Filter::default() };
    let read = reader.each(&filter, Order::OldestFirst, |record| {
        for leg in gaps(record, deck) {
            let number = leg.b.e164.map_or_else(|| leg.b.raw.clone(), |number| number.to_string());
            *numbers.entry(number).or_default() += 1;
        }
    });
    if read.is_err() {
        return;
    }
    let mut most: Vec<(u64, String)> = numbers.into_iter().map(|(number, calls)| (calls, number)).collect();
    most.sort_by(|a, b| b.cmp(a));
    for (calls, number) in most.into_iter().take(GAPS_NAMED_MAX) {
        found.push(finding(
            "tariff.file",
            format!("no rule prices {number}, called {calls} times in {days} days"),
            "add a row for its prefix, then price those calls again",
        ));
    }
}

#[cfg(test)]
mod tests;
