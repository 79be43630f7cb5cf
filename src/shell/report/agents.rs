//! Sheets over the time of agents.

use std::collections::BTreeMap;

use turno_base::{AgentId, Name, Wall};
use turno_report::forecast::Date;
use turno_report::kpi::{
    AGENT_FIGURES, Adherence, AgentFigure, AgentTally, Due, KpiTerms, Period, Value, adherence, of_hours,
};

use super::sheet::{Cell, Column, Sheet};
use super::{Ask, ReportError, Time};
use crate::shell::figures::FigureReader;

const USUAL: [&str; 11] = [
    "logged_in",
    "paid",
    "ready",
    "not_ready",
    "handled",
    "aht",
    "occupancy",
    "utilisation",
    "availability",
    "offers",
    "no_answer_agent",
];

fn chosen(ask: &Ask) -> Result<Vec<&'static AgentFigure>, ReportError> {
    if ask.figures.iter().any(|name| name == "all") {
        return Ok(AGENT_FIGURES.iter().collect());
    }
    let usual = USUAL.map(str::to_owned);
    let names = if ask.figures.is_empty() { &usual[..] } else { &ask.figures };
    let figure = |name: &String| AGENT_FIGURES.iter().find(|figure| figure.name == name);
    names.iter().map(|name| figure(name).ok_or_else(|| ReportError::NoFigure(name.clone()))).collect()
}

pub(super) fn agents(reader: &FigureReader, ask: &Ask) -> Result<Sheet, ReportError> {
    let figures = chosen(ask)?;
    let mut rows: BTreeMap<(Time, AgentId), AgentTally> = BTreeMap::new();
    // Quarters come in order: their labels are made once for each.
    let (mut last, mut time) = (None, Time::default());
    reader.each_agent(&ask.range(), |quarter, agent, tally| {
        if ask.agent.is_some_and(|only| only != agent) {
            return;
        }
        if last != Some(quarter) {
            (last, time) = (Some(quarter), ask.time(quarter));
        }
        rows.entry((time.clone(), agent)).or_default().merge(&tally);
    })?;
    let reasons: Vec<Name> = {
        let named = rows.values().flat_map(|tally| tally.times.paused.keys().copied());
        named.collect::<std::collections::BTreeSet<Name>>().into_iter().collect()
    };
    let mut columns = vec![Column::plain(ask.time_name()), Column::plain("agent")];
    columns.extend(figures.iter().map(|figure| Column::new(figure.name, figure.formula)));
    columns.extend(reasons.iter().map(|reason| Column::new(&format!("reason:{reason}"), "not ready with this reason")));
    columns.push(Column::new("cost", "time logged in at the agent's cost per hour"));
    let mut sheet = Sheet::new("Agents", columns);
    sheet.notes.push("an agent's time is split where quarters of an hour meet".to_owned());
    let time = |us: u64| Cell::Value(Value::Mean(u128::from(us) / 1000, 1));
    let row = |time_label: String, agent: String, tally: &AgentTally| {
        let mut row = vec![Cell::Text(time_label), Cell::Text(agent)];
        row.extend(figures.iter().map(|figure| Cell::Value((figure.of)(tally))));
        row.extend(reasons.iter().map(|reason| time(tally.times.paused.get(reason).copied().unwrap_or(0))));
        row.push(Cell::Money { units: of_hours(tally.cost), scale: KpiTerms::RATE_SCALE, currency: ask.currency });
        row
    };
    let mut all = AgentTally::default();
    for ((time, agent), tally) in &rows {
        all.merge(tally);
        sheet.rows.push(row(time.label.clone(), agent.to_string(), tally));
    }
    if rows.len() > 1 {
        sheet.rows.push(row("total".to_owned(), "all".to_owned(), &all));
    }
    Ok(sheet)
}

pub(super) fn adhered(reader: &FigureReader, ask: &Ask, due: &[Due]) -> Result<Sheet, ReportError> {
    let columns = vec![
        Column::plain("day"),
        Column::plain("agent"),
        Column::new("due", "scheduled"),
        Column::new("kept", "logged in of that"),
        Column::new("adherence", "kept / due"),
        Column::new("available", "at calls or free for them, of that / due"),
        Column::new("beyond", "logged in outside the schedule"),
    ];
    let mut sheet = Sheet::new("Adherence", columns);
    sheet.notes.push("states that have not ended yet are not in it".to_owned());
    let of_day = |span: &Due, day: i64| ask.zone.date(span.from).0 == day;
    let asked = due.iter().filter(|span| (ask.from..=ask.to).contains(&ask.zone.date(span.from)));
    let last = asked.map(|span| span.until).chain([ask.until()]).max().unwrap_or(ask.until());
    let mut agents: BTreeMap<AgentId, (Vec<Due>, Vec<Period>)> = BTreeMap::new();
    due.iter().for_each(|span| agents.entry(span.agent).or_default().0.push(*span));
    for period in reader.periods(ask.zone.begins(ask.from), last)? {
        agents.entry(period.agent).or_default().1.push(period);
    }
    agents.retain(|agent, _| ask.agent.is_none_or(|only| only == *agent));
    let days = (ask.from.0..=ask.to.0).flat_map(|day| agents.iter().map(move |(agent, known)| (day, agent, known)));
    for (day, agent, (due, periods)) in days {
        let window = ask.zone.begins(Date(day))..ask.zone.begins(Date(day + 1));
        let planned: Vec<Due> =
            due.iter().filter(|span| span.from < window.end && span.until > window.start).copied().collect();
        let due: Vec<Due> = due.iter().filter(|span| of_day(span, day)).copied().collect();
        // A shift over midnight belongs to the day on which it begins, with all that is done in it.
        let until = due.iter().map(|span| span.until).chain([window.end]).max().unwrap_or(window.end);
        let around = |period: &&Period| period.from < until && ends(period) > window.start;
        let periods: Vec<Period> = periods.iter().filter(around).copied().collect();
        let kept = adherence(window, &due, &planned, &periods);
        if kept == Adherence::default() {
            continue;
        }
        let time = |s: u64| Cell::Value(Value::Mean(u128::from(s) * 1000, 1));
        let share = |part: u64| Cell::Value(Value::Share(part.into(), kept.due_s.into()));
        sheet.rows.push(vec![
            Cell::Text(super::day_text(Date(day))),
            Cell::Text(agent.to_string()),
            time(kept.due_s),
            time(kept.kept_s),
            share(kept.kept_s),
            share(kept.available_s),
            time(kept.beyond_s),
        ]);
    }
    Ok(sheet)
}

fn ends(period: &Period) -> Wall {
    Wall(period.from.0.saturating_add(i64::try_from(period.us).unwrap_or(i64::MAX)))
}
