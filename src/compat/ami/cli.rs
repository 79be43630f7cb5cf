//! The few command lines that tools send: what is not here does not exist.

use std::fmt::Write;

use turno_base::Wall;
use turno_base::fact::AgentState;

use super::exchange::Exchange;
use super::lists::{application, bridge_of, entries, percent, seconds, strategy};

/// Lines for a command; none: there is no such command. `started` and `reloaded` are of the process.
pub(super) fn lines(
    exchange: &Exchange,
    command: &str,
    now: Wall,
    started: Wall,
    reloaded: Wall,
) -> Option<Vec<String>> {
    let words: Vec<&str> = command.split_whitespace().collect();
    match words[..] {
        ["queue", "show"] => Some(queues(exchange, None, now)),
        ["queue", "show", only] => Some(queues(exchange, Some(only), now)),
        ["core", "show", "channels", "concise"] => Some(concise(exchange, now)),
        ["core", "show", "version"] => Some(vec![version()]),
        ["core", "show", "uptime"] => Some(vec![
            format!("System uptime: {}", span(seconds(now, started))),
            format!("Last reload: {}", span(seconds(now, reloaded))),
        ]),
        _ => None,
    }
}

/// Readers take the number apart; what this is stands behind it.
pub(super) fn version_number() -> String {
    format!("20.0.0-turno-{}", env!("CARGO_PKG_VERSION"))
}

fn version() -> String {
    format!("Asterisk {} (Turno speaks for Asterisk here)", version_number())
}

fn queues(exchange: &Exchange, only: Option<&str>, now: Wall) -> Vec<String> {
    let mut lines = Vec::new();
    for (queue, stand) in exchange.queues.iter().filter(|(queue, _)| only.is_none_or(|only| only == queue.as_str())) {
        let rules = exchange.config().queues.get(queue);
        lines.push(format!(
            "{queue} has {} calls (max {}) in '{}' strategy ({}s holdtime, {}s talktime), W:0, C:{}, A:{}, SL:{}%, SL2:{}% \
             within {}s",
            stand.waiting.len(),
            rules.map_or(0, |rules| rules.length_max),
            rules.map_or("value", |rules| strategy(rules.strategy)),
            stand.hold_s,
            stand.talk_s,
            stand.completed,
            stand.abandoned,
            percent(stand.level_pm()),
            percent(stand.level2_pm()),
            exchange.level_s(*queue),
        ));
        members(exchange, *queue, now, &mut lines);
        let mut callers = entries(exchange, stand).enumerate().peekable();
        lines.push(if callers.peek().is_some() { "   Callers: " } else { "   No Callers" }.to_owned());
        for (at, entry) in callers {
            let s = seconds(now, entry.since);
            lines.push(format!("      {}. {} (wait: {}:{:02}, prio: 0)", at + 1, entry.channel, s / 60, s % 60));
        }
        lines.push(String::new());
    }
    if lines.is_empty() {
        lines.push(only.map_or_else(|| "No queues.".to_owned(), |only| format!("No such queue: {only}.")));
    }
    lines
}

fn members(exchange: &Exchange, queue: turno_base::QueueId, now: Wall, lines: &mut Vec<String>) {
    let mut members = exchange.members(queue).peekable();
    lines.push(if members.peek().is_some() { "   Members: " } else { "   No Members" }.to_owned());
    for (agent, seat) in members {
        let mut line = format!("      {agent} ({}) (ringinuse disabled) (dynamic)", seat.interface());
        if seat.talks_in(queue) {
            line.push_str(" (in call)");
        }
        if let AgentState::Paused(reason) = seat.state {
            // Writing to a text does not fail.
            let _ = write!(line, " (paused:{reason} was {} secs ago)", seconds(now, seat.paused_at()));
        }
        let word = match seat.status() {
            1 => "Not in use",
            2 => "In use",
            3 => "Busy",
            6 => "Ringing",
            8 => "On Hold",
            _ => "Unavailable",
        };
        let _ = write!(line, " ({word})");
        match seat.taken_in(queue) {
            Some((calls, last)) => {
                let _ = write!(line, " has taken {calls} calls (last was {} secs ago)", seconds(now, last));
            }
            None => line.push_str(" has taken no calls yet"),
        }
        let _ = write!(line, " (login was {} secs ago)", seconds(now, seat.login_at()));
        lines.push(line);
    }
}

fn concise(exchange: &Exchange, now: Wall) -> Vec<String> {
    let lines = exchange.legs.values().map(|leg| {
        let (application, data) = application(exchange, leg);
        format!(
            "{}!turno!{}!1!{}!{application}!{data}!{}!!!3!{}!{}!{}",
            leg.channel,
            leg.dialled,
            leg.state.word(),
            leg.number,
            seconds(now, leg.since),
            bridge_of(exchange, leg),
            leg.unique
        )
    });
    lines.collect()
}

/// `2 hours, 1 minute, 5 seconds`.
fn span(s: i64) -> String {
    let parts = [(s / 86_400, "day"), (s / 3600 % 24, "hour"), (s / 60 % 60, "minute"), (s % 60, "second")];
    let words = parts.iter().filter(|(n, _)| *n > 0);
    let words: Vec<String> = words.map(|(n, word)| format!("{n} {word}{}", if *n == 1 { "" } else { "s" })).collect();
    if words.is_empty() { "0 seconds".to_owned() } else { words.join(", ") }
}
