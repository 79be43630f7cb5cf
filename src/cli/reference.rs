//! The reference pages that are made from the code, held against what lies in `docs/reference`. After a change:
//! `UPDATE_EXPECT=1 cargo test --lib cli::reference`.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use clap::{Arg, Command, CommandFactory};
use expect_test::expect_file;
use turno_engine::Sizes;
use turno_tariff::cdr::format::CSV_HEADER;

use super::Cli;
use crate::compat::ami;
use crate::shell::metrics::Metrics;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// First sentence of each page.
fn head(title: &str, about: &str) -> String {
    format!("# {title}\n\n{about}\n\n")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// Calls `on` with each command and its full name, subcommands after it.
fn each(command: &Command, path: &str, on: &mut dyn FnMut(&Command, &str)) {
    on(command, path);
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        each(sub, &format!("{path} {}", sub.get_name()), on);
    }
}

fn arguments(command: &Command) -> Vec<&Arg> {
    let shown = |arg: &&Arg| !arg.is_global_set() && !matches!(arg.get_id().as_str(), "help" | "version");
    command.get_arguments().filter(shown).collect()
}

fn written(arg: &Arg) -> String {
    let values: Vec<String> =
        arg.get_value_names().unwrap_or_default().iter().map(|name| name.to_uppercase()).collect();
    let takes = arg.get_num_args().is_none_or(|range| range.takes_values());
    let value = if takes { values.join(" ") } else { String::new() };
    match arg.get_long() {
        Some(long) if value.is_empty() => format!("--{long}"),
        Some(long) => format!("--{long} {value}"),
        None if arg.is_required_set() => value,
        None => format!("[{value}]"),
    }
}

fn described(arg: &Arg) -> String {
    let mut text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    if !text.ends_with(['.', ':']) {
        text.push('.');
    }
    let choices: Vec<String> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    let takes = arg.get_num_args().is_none_or(|range| range.takes_values());
    if takes && !choices.is_empty() {
        let _ = write!(text, " One of {}.", choices.join(", "));
    }
    let defaults: Vec<String> = arg.get_default_values().iter().map(|d| d.to_string_lossy().into_owned()).collect();
    if takes && !defaults.is_empty() && !defaults.concat().is_empty() {
        let _ = write!(text, " Default: `{}`.", defaults.join(" "));
    }
    if let Some(env) = arg.get_env() {
        let _ = write!(text, " Environment: `{}`.", env.to_string_lossy());
    }
    cell(&text)
}

#[test]
fn the_command_line() {
    let mut cli = Cli::command();
    cli.build();
    let about = "Every command of `turno`. Made from the program; `turno COMMAND --help` says the same.\n\n\
                 Exit codes: 0 done; 1 refused, problems found or a replay differs; 2 wrong usage; 3 not found; 4 the engine cannot be \
                 reached. `NO_COLOR` set to anything keeps colours out of logs.";
    let mut page = head("Command line", about);
    page.push_str("Everywhere:\n\n| option | |\n| --- | --- |\n");
    for arg in cli.get_arguments().filter(|arg| arg.is_global_set()) {
        let _ = writeln!(page, "| `{}` | {} |", written(arg), described(arg));
    }
    each(&cli, "turno", &mut |command, path| {
        let args = arguments(command);
        if path == "turno" || (args.is_empty() && command.has_subcommands()) {
            return;
        }
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(page, "\n## {path}\n\n{}", about.replace('\n', " "));
        if !args.is_empty() {
            page.push_str("\n| argument | |\n| --- | --- |\n");
        }
        for arg in args {
            let _ = writeln!(page, "| `{}` | {} |", cell(&written(arg)), described(arg));
        }
    });
    expect_file!["../../docs/reference/cli.md"].assert_eq(&page);
}

#[test]
fn every_command_and_argument_says_what_it_is_and_takes_help_and_json() {
    let mut cli = Cli::command();
    cli.build();
    let (mut silent, mut paths) = (Vec::new(), Vec::new());
    each(&cli, "turno", &mut |command, path| {
        if command.get_about().is_none() {
            silent.push(path.to_owned());
        }
        silent.extend(
            arguments(command)
                .iter()
                .filter(|arg| arg.get_help().is_none())
                .map(|arg| format!("{path} {}", arg.get_id())),
        );
        paths.push(path.to_owned());
    });
    assert!(silent.is_empty(), "without a word: {silent:?}");
    for path in paths {
        let words = path.split(' ').chain(["--json", "--help"]);
        let asked = Cli::command().try_get_matches_from(words).unwrap_err();
        assert_eq!(asked.kind(), clap::error::ErrorKind::DisplayHelp, "{path}");
    }
}

/// Those of a metric's first sample.
fn labels(page: &str, name: &str) -> String {
    let of = |line: &str| {
        let rest = line.strip_prefix(name)?.trim_start_matches("_bucket").strip_prefix('{')?;
        let pairs = rest.split_once("} ")?.0.split(',').filter_map(|pair| Some(pair.split_once('=')?.0.to_owned()));
        Some(pairs.filter(|label| label != "le").collect::<Vec<_>>())
    };
    let mut labels = page.lines().find_map(of).unwrap_or_default();
    labels.sort_unstable();
    labels.join(" ")
}

#[test]
fn metrics() {
    let metrics = Metrics::new();
    metrics.touch();
    metrics.set_sizes(&Sizes::default());
    ami::Counts::new(&metrics);
    let text = metrics.page(true, 0);
    let mut out = head(
        "Metrics",
        "What `/metrics` says. Made from the program. Labels are queues, segments, outcomes and the like: no agent, no number, no call.",
    );
    out.push_str("| name | kind | labels | what |\n| --- | --- | --- | --- |\n");
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) else { continue };
        let kind = lines.peek().and_then(|next| next.strip_prefix("# TYPE ")).and_then(|rest| rest.split_once(' '));
        let kind = kind.map_or("", |(_, kind)| kind);
        let _ = writeln!(out, "| `{name}` | {kind} | {} | {} |", labels(&text, name), cell(help));
    }
    expect_file!["../../docs/reference/metrics.md"].assert_eq(&out);
}

/// What is in each column of a record.
const COLUMNS: &[(&str, &str)] = &[
    ("call", "id of the call, 32 hexadecimal digits; ordered by time"),
    ("direction", "`inbound`, `outbound` or `internal`"),
    ("purpose", "`queue`, `callback`, `direct` or `internal`"),
    ("from", "who called, without `+`; empty if withheld"),
    ("to", "what was dialled, without `+`"),
    ("trunk", "the trunk that it came or went by"),
    ("customer", "the customer's external id"),
    ("segment", "the customer's segment at the call"),
    ("value_per_mille", "the customer's value at the call, 1000 is the ordinary caller's"),
    ("queue", "the last queue it was in"),
    ("agent", "the last agent who talked"),
    ("arrived", "first INVITE, RFC 3339, UTC"),
    ("ended", "last BYE or final answer, RFC 3339, UTC; if nothing was heard any more, when something was heard last"),
    ("total_ms", "arrived to ended"),
    ("wait_ms", "in queues until an agent answered or it left"),
    ("talk_ms", "in conversation"),
    ("hold_ms", "held, parked or while an agent consulted"),
    ("offers", "how often an agent was rung"),
    ("outcome", "`answered`, `busy`, `no-answer`, `rejected`, `cancelled`, `failed`, `abandoned` or `callback`"),
    ("ended_by", "`caller`, `agent` or `us`"),
    ("sip", "status that ended the caller's leg"),
    ("q850", "the same as Q.850 cause"),
    ("reason", "why, in a word: `peer`, `media-silent`, `restart` and so on"),
    ("codec", "of the caller's leg"),
    ("mos", "mean opinion score of the caller's leg, estimated (ITU-T G.107)"),
    ("company_net", "what the company pays, without tax"),
    ("caller_net", "what the caller pays, without tax"),
    ("currency", "of both"),
    ("unrated", "legs without a price"),
    ("recovered", "ended by a crash, closed by the process after it"),
    ("estimated", "its end is the last proof of life"),
    ("callback_asked", "`key`, `overflow` or `person`, if the caller will be called back"),
    ("callback_of", "the call that asked for this callback"),
    ("callback_attempt", "1 for the first attempt"),
    ("disposition", "what the agent said came of it"),
    ("wrap_ms", "work after the call"),
    ("number_type", "kind of the number dialled: `freephone`, `premium`, `mobile` and so on"),
    ("config_revision", "revision of the configuration in force when it arrived; empty: none was told"),
];

#[test]
fn columns_of_records() {
    let columns: Vec<&str> = CSV_HEADER.trim_end().split(',').collect();
    let about = "A line of `turno cdr export` and of `[[store.out]] to = \"csv\"`. Made from the program. The JSON object of \
                 `turno cdr show --json` has these and every leg, segment, offer and charge; [records](../records.md) says where records go.";
    let mut page = head("Call records: columns", about);
    page.push_str("| column | what |\n| --- | --- |\n");
    for column in &columns {
        let what = COLUMNS.iter().find(|(name, _)| name == column).map(|(_, what)| *what);
        let _ = writeln!(page, "| `{column}` | {} |", what.unwrap_or_else(|| panic!("say above what {column} is")));
    }
    let gone: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).filter(|name| !columns.contains(name)).collect();
    assert!(gone.is_empty(), "no longer there: {gone:?}");
    expect_file!["../../docs/reference/records.md"].assert_eq(&page);
}

#[test]
fn feature_codes() {
    let dir = root().join("config");
    let text = fs::read_to_string(dir.join("turno.toml")).unwrap();
    let checked = crate::shell::config::parse("turno.toml", &text, &dir, Some(std::collections::BTreeMap::new()));
    let turno_call::Codes { in_out, pause, emergency, park, pull } = checked.settings.unwrap().engine.call.codes;
    let or_unset =
        |code: String| if code.is_empty() { "none unless set, such as `*47`".to_owned() } else { format!("`{code}`") };
    let about = "What an agent dials at his phone. Keys of `[codes]`; a code may be any `*` and digits, none the beginning of another.";
    let mut page = head("Feature codes", about);
    page.push_str("| code | key | what |\n| --- | --- | --- |\n");
    for (code, key, what) in [
        (in_out, "in_out", "logs in or out whoever's station it is; with his code behind, whoever has that code"),
        (pause, "pause", "not ready, or ready again; with digits behind, the reason with that code"),
        (park, "park", "transfer a caller to it: he hears music until he is taken; with digits behind, in that slot"),
        (
            pull,
            "pull",
            "takes who has been parked for longest; with a slot behind, who is in it; with the extension of a queue, who waits first",
        ),
        (
            emergency,
            "emergency",
            "the emergency switch: `1` behind for on, `0` for off, then the extension of a queue for that queue alone",
        ),
    ] {
        let _ = writeln!(page, "| {} | `codes.{key}` | {what} |", or_unset(code));
    }
    expect_file!["../../docs/reference/codes.md"].assert_eq(&page);
}
