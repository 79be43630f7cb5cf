//! `turno sip trace` and `turno log level`: look closer for a while, without a restart.

use std::io::{BufRead, Write, stdout};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use turno_base::{TrunkId, Wall};

use crate::api::control::{self, Reply, Request};
use crate::api::tools::{Tool, ToolReply};
use crate::cli::{ask, audit};
use crate::shell::config::{bytes_of, bytes_words, duration_of};
use crate::shell::instant::wall_of;
use crate::shell::logs::{Area, LogLevel, RAISED_MAX, Spoken, raised_of};
use crate::shell::tap::{self, BYTES_DEFAULT, LASTS_MAX, Order, Shown, Standing, Target, Way};

#[derive(Debug, Subcommand)]
pub(super) enum SipCommand {
    /// Show SIP messages as they pass: on a terminal, in a file for tshark and Wireshark, in Homer.
    #[command(subcommand)]
    Trace(TraceCommand),
}

#[derive(Debug, Subcommand)]
pub(super) enum TraceCommand {
    /// Begin; one trace at a time. It ends by itself.
    On(TraceOn),
    /// End.
    Off,
    /// Whether one is on, and how much it has shown.
    Show,
}

#[derive(Debug, Args)]
pub(super) struct TraceOn {
    /// terminal, a new file such as /var/lib/turno/x.pcap, which the engine writes, or hep://HOST:PORT.
    #[arg(long, default_value = "terminal", value_parser = target)]
    to: Target,
    /// Only this call, with all of its legs; or a dialog by its SIP Call-ID.
    #[arg(long, value_name = "ID")]
    call: Option<String>,
    /// Only calls from or to this number, with all of their legs, and registrations that name it.
    #[arg(long, value_name = "NUMBER")]
    from: Option<String>,
    /// End after so long.
    #[arg(long = "for", value_name = "DURATION", default_value = "10m", value_parser = lasts)]
    lasts: Duration,
    /// End after so many bytes of messages.
    #[arg(long, value_name = "SIZE", default_value = "100MB", value_parser = size)]
    size: u64,
    /// Show digest responses and keys of media as they are; they are blanked otherwise.
    #[arg(long)]
    secrets: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum LogCommand {
    /// Give parts of the program a level of their own for a while: `turno log level sip=debug --for 10m`; without any, show them.
    Level {
        /// AREA=LEVEL, comma-separated: all, sip, calls, media, store, customers, api; error, warn, info, debug, trace.
        #[arg(value_delimiter = ',', value_parser = raised_of)]
        levels: Vec<(Area, LogLevel)>,
        /// For so long; then as configured again.
        #[arg(long = "for", value_name = "DURATION", default_value = "10m", value_parser = lasts)]
        lasts: Duration,
        /// As configured, at once.
        #[arg(long, conflicts_with = "levels")]
        reset: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum RouteCommand {
    /// What would become of a call: customer, queue, needs, who would be rung and why, price. Nothing changes.
    Test {
        /// Who calls.
        #[arg(long, value_name = "NUMBER")]
        from: String,
        /// What is dialled.
        #[arg(long, value_name = "NUMBER")]
        to: String,
        /// By which trunk; the first that has a route for it if absent.
        #[arg(long)]
        trunk: Option<TrunkId>,
        /// At this instant, such as 2026-12-24T20:00:00Z, with agents and queues as they are now; now if absent.
        #[arg(long, value_parser = wall_of)]
        at: Option<Wall>,
    },
}

/// Runs a `route` command.
pub(super) fn route(socket: &Path, as_json: bool, command: RouteCommand) -> u8 {
    let RouteCommand::Test { from, to, trunk, at } = command;
    ask::request(socket, as_json, &Request::Tool(Tool::RouteTest { from, to, trunk, at }))
}

fn target(text: &str) -> Result<Target, String> {
    match text.strip_prefix("hep://") {
        Some(address) if address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) => {
            Ok(Target::Hep(address.to_owned()))
        }
        Some(_) => Err("write hep://HOST:PORT, for example hep://10.0.0.9:9060".to_owned()),
        None if text == "terminal" => Ok(Target::Terminal),
        None if text.ends_with(".pcap") => Ok(Target::File(PathBuf::from(text))),
        None => Err("write terminal, a file that ends in .pcap, or hep://HOST:PORT".to_owned()),
    }
}

fn lasts(text: &str) -> Result<Duration, String> {
    let fits = |lasts: &Duration| (Duration::from_secs(1)..=LASTS_MAX.min(RAISED_MAX)).contains(lasts);
    duration_of(text).filter(fits).ok_or_else(|| "write a duration from 1s to 24h, for example 10m".to_owned())
}

fn size(text: &str) -> Result<u64, String> {
    bytes_of(text)
        .filter(|size| *size > 0)
        .ok_or_else(|| format!("write a size, for example {}", bytes_words(BYTES_DEFAULT)))
}

/// Runs a `sip` command.
pub(super) fn sip(socket: &Path, as_json: bool, command: SipCommand) -> u8 {
    let SipCommand::Trace(command) = command;
    match command {
        TraceCommand::On(args) => trace(socket, as_json, args),
        TraceCommand::Off => ask::request(socket, as_json, &Request::Tool(Tool::TraceOff)),
        TraceCommand::Show => ask::request(socket, as_json, &Request::Tool(Tool::TraceShow)),
    }
}

/// Runs a `log` command.
pub(super) fn log(socket: &Path, as_json: bool, command: LogCommand) -> u8 {
    let LogCommand::Level { levels, lasts, reset } = command;
    let tool = match (reset, levels.is_empty()) {
        (true, _) => Tool::LogLower,
        (false, true) => Tool::LogShow,
        (false, false) => Tool::LogRaise(levels, lasts.as_secs()),
    };
    ask::request(socket, as_json, &Request::Tool(tool))
}

fn trace(socket: &Path, as_json: bool, args: TraceOn) -> u8 {
    // The engine runs elsewhere: what is said here is meant from here.
    let to = match args.to {
        Target::File(path) => Target::File(std::path::absolute(&path).unwrap_or(path)),
        Target::Terminal | Target::Hep(_) => args.to,
    };
    let is_here = to == Target::Terminal;
    let order = Order {
        to,
        chosen: tap::chosen(args.call.as_deref(), args.from),
        lasts_s: args.lasts.as_secs(),
        bytes_max: args.size,
        secrets: args.secrets,
    };
    let request = Request::Tool(Tool::TraceOn(order));
    if !is_here {
        return ask::request(socket, as_json, &request);
    }
    let (reply, lines) = match control::open(socket, &request) {
        Ok(opened) => opened,
        Err(error) => return ask::unreachable(socket, &error),
    };
    if !matches!(reply, Reply::Tool(_)) {
        return ask::show(reply, as_json);
    }
    let mut out = stdout().lock();
    for line in lines.lines() {
        let Ok(line) = line else { break };
        let written = match (as_json, serde_json::from_str::<Shown>(&line)) {
            (false, Ok(shown)) => out.write_all(message(&shown).as_bytes()),
            (true, _) | (false, Err(_)) => writeln!(out, "{line}"),
        };
        // A reader that went away (`| head`) has seen what it wanted.
        if written.and_then(|()| out.flush()).is_err() {
            break;
        }
    }
    0
}

/// A heading and the message, with nothing in it that moves the cursor.
fn message(shown: &Shown) -> String {
    let arrow = match shown.way {
        Way::In => "in",
        Way::Out => "out",
    };
    let mut text = format!("{} {arrow} {} {} to {}\n", shown.at, shown.transport.via(), shown.from, shown.to);
    for line in shown.text.trim_end().lines() {
        text.push_str("  ");
        text.extend(line.chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }));
        text.push('\n');
    }
    text.push('\n');
    text
}

/// Prints what a tool says.
pub(super) fn print(reply: &ToolReply) {
    match reply {
        ToolReply::Trace(standing) => println!("{}", standing_words(standing)),
        ToolReply::Log(spoken) => println!("{}", spoken_words(spoken)),
        ToolReply::Held(held) => println!("{} files held", held.files.len()),
        ToolReply::Folders(folders) => println!("{}", folders.data.display()),
        ToolReply::Audit(entries) => audit::print(entries),
    }
}

fn standing_words(standing: &Standing) -> String {
    let Some(to) = &standing.to else { return "no trace was on yet".to_owned() };
    let counts =
        format!("{} messages, {}, {} dropped", standing.messages, bytes_words(standing.bytes), standing.dropped);
    match (standing.on, &standing.ended) {
        (true, _) => format!("on to {to}, for {} s more: {counts}", standing.left_s),
        (false, Some(why)) => format!("off; to {to} until {why}: {counts}"),
        (false, None) => format!("ending; to {to}: {counts}"),
    }
}

fn spoken_words(spoken: &Spoken) -> String {
    let mut words = format!("all={}", spoken.level);
    for (area, level, left_s) in &spoken.raised {
        words.push_str(&format!("\n{}={} for {left_s} s more", area.as_str(), level.as_str()));
    }
    words
}
