//! The engine's answers for people: a table each.

use serde_json::json;
use turno_engine::{AgentView, Answer, CalendarView, CallView, CallbackView, QueueView};
use turno_sip::trunk::TrunkView;
use turno_sip::ua::StationView;

use super::clock;
use crate::cli::table::{Table, known};
use crate::cli::tasks;

/// Prints it.
pub(super) fn print(answer: Answer) {
    match answer {
        Answer::Done => {}
        Answer::Queues(rows) => {
            queues(&rows).print();
            beside(&waiting(&rows));
        }
        Answer::Expected(rows) => {
            let mut table = Table::new(&["queue", "next waits"]);
            rows.into_iter().for_each(|(queue, ms)| table.row([queue.to_string(), clock(ms)]));
            table.print();
        }
        Answer::Agents(rows) => {
            // What somebody knows and serves is asked for by his name.
            let of_one = if let [agent] = &rows[..] { Some([skills(agent), serves(agent)]) } else { None };
            agents(rows).print();
            of_one.iter().flatten().for_each(beside);
        }
        Answer::Tasks(rows) => tasks::table(rows).print(),
        Answer::Callbacks(rows) => callbacks(rows).print(),
        Answer::Calls(rows) => calls(rows).print(),
        Answer::Reachable { stations: phones, trunks: peers } => {
            stations(phones).print();
            println!();
            trunks(peers).print();
        }
        Answer::Calendars(rows) => calendars(rows).print(),
        Answer::Explained(explained) => explained.words.iter().for_each(|sentence| println!("{sentence}")),
        Answer::Sizes(sizes) => println!("{}", json!(sizes)),
        Answer::Legs(legs) => println!("{}", json!(legs)),
        Answer::Rehearsed(told) => print!("{told}"),
    }
}

/// A second table, if it says anything.
fn beside(table: &Table) {
    if !table.is_empty() {
        println!();
        table.print();
    }
}

fn queues(rows: &[QueueView]) -> Table {
    let mut table = Table::new(&["queue", "waiting", "callbacks", "tasks", "longest", "next waits", "agents", "ready"]);
    for queue in rows {
        let longest = queue.waiting.iter().map(|w| w.waited_ms).max();
        table.row([
            queue.queue.to_string(),
            queue.waiting.len().to_string(),
            queue.callbacks.to_string(),
            queue.tasks.to_string(),
            longest.map(clock).unwrap_or_default(),
            queue.expected_ms.map(clock).unwrap_or_default(),
            queue.logged_in.to_string(),
            queue.ready.to_string(),
        ]);
    }
    table
}

/// Who waits in them, in the order of each.
fn waiting(rows: &[QueueView]) -> Table {
    let mut table = Table::new(&["queue", "place", "kind", "call", "from", "segment", "waited", "still", "offered to"]);
    for queue in rows {
        for (at, call) in queue.waiting.iter().enumerate() {
            table.row([
                queue.queue.to_string(),
                (at + 1).to_string(),
                call.kind.clone(),
                call.call.to_string(),
                call.ani.clone(),
                call.segment.clone(),
                clock(call.waited_ms),
                call.expected_ms.map(clock).unwrap_or_default(),
                call.offered_to.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
            ]);
        }
    }
    table
}

fn agents(rows: Vec<AgentView>) -> Table {
    let mut table = Table::new(&["agent", "name", "station", "state", "reason", "for", "call"]);
    for agent in rows {
        table.row([
            agent.agent.to_string(),
            agent.shown,
            agent.station.map(|s| s.to_string()).unwrap_or_default(),
            agent.state,
            agent.reason.unwrap_or_default(),
            clock(agent.since_ms),
            agent.call.map(|c| c.to_string()).unwrap_or_default(),
        ]);
    }
    table
}

/// What one agent knows.
fn skills(agent: &AgentView) -> Table {
    let mut table = Table::new(&["skill", "level", "until", "certified", "expires"]);
    for skill in &agent.skills {
        let until =
            skill.until.clone().unwrap_or_else(|| if skill.is_live { "changed".to_owned() } else { String::new() });
        table.row([
            skill.skill.to_string(),
            skill.level.to_string(),
            until,
            skill.certified.map(|level| level.to_string()).unwrap_or_default(),
            skill.certified_until.clone().unwrap_or_default(),
        ]);
    }
    table
}

/// Which queues one agent serves.
fn serves(agent: &AgentView) -> Table {
    let mut table = Table::new(&["queue", "rank", "until"]);
    for served in &agent.serves {
        let until = if served.is_live { "end of shift".to_owned() } else { String::new() };
        table.row([served.queue.to_string(), served.rank.to_string(), until]);
    }
    table
}

fn callbacks(rows: Vec<CallbackView>) -> Table {
    let head = ["number", "queue", "state", "place", "waited", "asked by", "attempts", "last", "not before"];
    let mut table = Table::new(&head);
    for callback in rows {
        table.row([
            callback.number,
            callback.queue.to_string(),
            callback.state,
            callback.position.map(|place| place.to_string()).unwrap_or_default(),
            clock(callback.waited_ms),
            callback.asked_by,
            callback.attempts.to_string(),
            callback.last.unwrap_or_default(),
            callback.not_before.unwrap_or_default(),
        ]);
    }
    table
}

fn calls(rows: Vec<CallView>) -> Table {
    let mut table = Table::new(&["call", "from", "to", "stage", "queue", "agent", "age", "legs"]);
    for call in rows {
        table.row([
            call.call.to_string(),
            call.ani,
            call.dnis,
            call.stage,
            call.queue.map(|q| q.to_string()).unwrap_or_default(),
            call.agent.map(|a| a.to_string()).unwrap_or_default(),
            clock(call.age_ms),
            call.legs.to_string(),
        ]);
    }
    table
}

fn stations(rows: Vec<StationView>) -> Table {
    let mut table = Table::new(&["station", "reachable", "expires", "contacts"]);
    for station in rows {
        table.row([
            station.station.to_string(),
            yes(station.reachable),
            station.expires.map(|e| e.to_string()).unwrap_or_default(),
            station.contacts.join(" "),
        ]);
    }
    table
}

fn trunks(rows: Vec<TrunkView>) -> Table {
    let mut table = Table::new(&["trunk", "up", "calls"]);
    for trunk in rows {
        table.row([trunk.trunk.to_string(), known(trunk.up), trunk.calls.to_string()]);
    }
    table
}

fn calendars(rows: Vec<CalendarView>) -> Table {
    let mut table = Table::new(&["calendar", "at", "open", "holiday", "until", "queues"]);
    for row in rows {
        let queues: Vec<String> = row.queues.iter().map(ToString::to_string).collect();
        table.row([
            row.calendar.to_string(),
            local(row.at, row.offset_s),
            yes(row.is_open),
            row.holiday.unwrap_or_default(),
            row.until.map_or_else(|| "never".to_owned(), |until| local(until, row.until_offset_s)),
            queues.join(" "),
        ]);
    }
    table
}

/// `Thu 2026-12-24 09:30`, by the local clock.
fn local(secs: i64, offset_s: i32) -> String {
    let instant = jiff::Timestamp::from_second(secs).ok().zip(jiff::tz::Offset::from_seconds(offset_s).ok());
    instant.map(|(at, offset)| offset.to_datetime(at).strftime("%a %F %H:%M").to_string()).unwrap_or_default()
}

fn yes(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}
