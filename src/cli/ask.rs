//! Commands to the running engine, over its control socket.

use std::io;
use std::path::Path;

use serde_json::json;
use turno_engine::{AgentView, Answer, Command};

use crate::api::control::{self, Reply, Request};
use crate::api::rest::shown;
use crate::cli::table::Table;
use crate::cli::{NOT_FOUND, REFUSED, UNREACHABLE, tasks, tools};

/// Asks the engine and prints its answer.
pub(super) fn command(socket: &Path, as_json: bool, command: Command) -> u8 {
    request(socket, as_json, &Request::Command(command))
}

/// Asks the node and prints its reply.
pub(super) fn request(socket: &Path, as_json: bool, request: &Request) -> u8 {
    match reply(socket, request) {
        Ok(reply) => show(reply, as_json),
        Err(code) => code,
    }
}

/// Nobody is there.
pub(super) fn unreachable(socket: &Path, error: &io::Error) -> u8 {
    eprintln!("no engine answers at {} ({error}); start it, or name its socket with --socket", socket.display());
    UNREACHABLE
}

/// Prints a reply; the exit code.
pub(super) fn show(reply: Reply, as_json: bool) -> u8 {
    match reply {
        Reply::Tool(reply) if as_json => println!("{}", crate::api::tools::told(&reply)),
        Reply::Tool(reply) => tools::print(&reply),
        Reply::Answer(answer) if as_json => println!("{}", shown(answer)),
        Reply::Answer(answer) => print(answer),
        Reply::Done(warnings) if as_json => println!("{}", json!({"done": true, "warnings": warnings})),
        Reply::Done(warnings) => warnings.iter().for_each(|warning| println!("{warning}")),
        other @ (Reply::Live(_) | Reply::Refused(_) | Reply::Unknown(_) | Reply::Unavailable(_)) => {
            return refused(other);
        }
    }
    0
}

/// The node's reply, or the exit code if there is none.
pub(super) fn reply(socket: &Path, request: &Request) -> Result<Reply, u8> {
    control::ask(socket, request).map_err(|error| unreachable(socket, &error))
}

/// Says why something was not done; the exit code.
pub(super) fn refused(reply: Reply) -> u8 {
    match reply {
        Reply::Refused(sentences) => {
            sentences.iter().for_each(|sentence| eprintln!("{sentence}"));
            REFUSED
        }
        Reply::Unknown(sentence) => {
            eprintln!("{sentence}");
            NOT_FOUND
        }
        Reply::Unavailable(sentence) => {
            eprintln!("{sentence}");
            UNREACHABLE
        }
        // Of no question that was asked.
        Reply::Answer(_) | Reply::Live(_) | Reply::Tool(_) | Reply::Done(_) => REFUSED,
    }
}

fn print(answer: Answer) {
    match answer {
        Answer::Done => {}
        Answer::Queues(queues) => {
            let mut table =
                Table::new(&["queue", "waiting", "callbacks", "tasks", "longest", "next waits", "agents", "ready"]);
            for queue in &queues {
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
            table.print();
            let mut waiting =
                Table::new(&["queue", "place", "kind", "call", "from", "segment", "waited", "still", "offered to"]);
            for queue in &queues {
                for (at, call) in queue.waiting.iter().enumerate() {
                    waiting.row([
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
            if !waiting.is_empty() {
                println!();
                waiting.print();
            }
        }
        Answer::Expected(expected) => {
            let mut table = Table::new(&["queue", "next waits"]);
            for (queue, ms) in expected {
                table.row([queue.to_string(), clock(ms)]);
            }
            table.print();
        }
        Answer::Agents(agents) => {
            let mut table = Table::new(&["agent", "name", "station", "state", "reason", "for", "call"]);
            let (skills, serves) = match &agents[..] {
                [agent] => (skills(agent), serves(agent)),
                _ => (None, None),
            };
            for agent in agents {
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
            table.print();
            for table in [skills, serves].into_iter().flatten() {
                println!();
                table.print();
            }
        }
        Answer::Tasks(tasks) => tasks::table(tasks).print(),
        Answer::Callbacks(callbacks) => {
            let head = ["number", "queue", "state", "place", "waited", "asked by", "attempts", "last", "not before"];
            let mut table = Table::new(&head);
            for callback in callbacks {
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
            table.print();
        }
        Answer::Calls(calls) => {
            let mut table = Table::new(&["call", "from", "to", "stage", "queue", "agent", "age", "legs"]);
            for call in calls {
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
            table.print();
        }
        Answer::Reachable { stations, trunks } => {
            let mut table = Table::new(&["station", "reachable", "expires", "contacts"]);
            for station in stations {
                table.row([
                    station.station.to_string(),
                    yes(station.reachable),
                    station.expires.map(|e| e.to_string()).unwrap_or_default(),
                    station.contacts.join(" "),
                ]);
            }
            table.print();
            println!();
            let mut table = Table::new(&["trunk", "up", "calls"]);
            for trunk in trunks {
                table.row([trunk.trunk.to_string(), yes(trunk.up), trunk.calls.to_string()]);
            }
            table.print();
        }
        Answer::Calendars(calendars) => {
            let mut table = Table::new(&["calendar", "at", "open", "holiday", "until", "queues"]);
            for row in calendars {
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
            table.print();
        }
        Answer::Explained(explained) => explained.words.iter().for_each(|sentence| println!("{sentence}")),
        Answer::Sizes(sizes) => println!("{}", json!(sizes)),
        Answer::Legs(legs) => println!("{}", json!(legs)),
        Answer::Rehearsed(told) => print!("{told}"),
    }
}

/// `Thu 2026-12-24 09:30`, by the local clock.
fn local(secs: i64, offset_s: i32) -> String {
    let instant = jiff::Timestamp::from_second(secs).ok().zip(jiff::tz::Offset::from_seconds(offset_s).ok());
    instant.map(|(at, offset)| offset.to_datetime(at).strftime("%a %F %H:%M").to_string()).unwrap_or_default()
}

fn yes(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

/// `1:02:03`, `2:03`.
pub(super) fn clock(ms: u64) -> String {
    let s = ms / 1000;
    match s / 3600 {
        0 => format!("{}:{:02}", s / 60, s % 60),
        hours => format!("{hours}:{:02}:{:02}", s / 60 % 60, s % 60),
    }
}

/// Which queues one agent serves; none: none.
fn serves(agent: &AgentView) -> Option<Table> {
    let mut table = Table::new(&["queue", "rank", "until"]);
    for served in &agent.serves {
        let until = if served.is_live { "end of shift".to_owned() } else { String::new() };
        table.row([served.queue.to_string(), served.rank.to_string(), until]);
    }
    (!table.is_empty()).then_some(table)
}

/// What one agent knows; none: nothing.
fn skills(agent: &AgentView) -> Option<Table> {
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
    (!table.is_empty()).then_some(table)
}
