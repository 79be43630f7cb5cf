//! `turno call trace` and `turno call explain`: the whole story of one call, and why it went where it went.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use turno_base::CallId;
use turno_engine::{Answer, Command};

use crate::api::Folders;
use crate::api::control::{self, Reply, Request};
use crate::api::tools::{Tool, ToolReply};
use crate::cli::places::OF_SYSTEM;
use crate::cli::{JOURNAL_DEFAULT, NOT_FOUND, RECORDS_DEFAULT, ask};
use crate::shell::story::{Past, past, story};

#[derive(Debug, Args)]
pub(super) struct TraceArgs {
    /// Call.
    call: CallId,
    /// Folder of the journal, where the messages are for as long as it reaches back; absent: where the engine at the control
    /// socket keeps it, or beside that socket.
    #[arg(long, value_name = "DIR", env = "TURNO_JOURNAL")]
    journal: Option<PathBuf>,
    /// Folder of the records, whose log tells the rest; absent: as for the journal.
    #[arg(long, value_name = "DIR", env = "TURNO_RECORDS")]
    records: Option<PathBuf>,
    /// Print numbers whole.
    #[arg(long)]
    full: bool,
}

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// Call.
    call: CallId,
    /// Folder of the journal that has the decisions about calls that have ended; absent: where the engine at the control socket
    /// keeps it, or beside that socket.
    #[arg(long, value_name = "DIR", env = "TURNO_JOURNAL")]
    journal: Option<PathBuf>,
    /// Folder of the records, which know calls that the journal has forgotten; absent: as for the journal.
    #[arg(long, value_name = "DIR", env = "TURNO_RECORDS")]
    records: Option<PathBuf>,
}

/// Asks the engine about a live call, and the journal about one that has ended: also where no engine answers.
pub(super) fn explain(socket: &Path, args: &ExplainArgs, as_json: bool) -> u8 {
    let asked = control::ask(socket, &Request::Command(Command::CallExplain(args.call)));
    if let Ok(reply) = &asked
        && !matches!(reply, Reply::Unknown(_))
    {
        return ask::show(reply.clone(), as_json);
    }
    let (journal, records) = kept(socket, args.journal.as_deref(), args.records.as_deref());
    match quietly(|| past(args.call, journal.as_deref(), &records)) {
        Past::Told(explained) => ask::show(Reply::Answer(Answer::Explained(explained)), as_json),
        Past::Gone(sentence) => {
            eprintln!("{sentence}");
            NOT_FOUND
        }
        Past::Unknown => match asked {
            Ok(reply) => ask::show(reply, as_json),
            Err(error) => ask::unreachable(socket, &error),
        },
    }
}

/// Folders of the journal and of the records: as named, else where the engine keeps them.
fn kept(socket: &Path, journal: Option<&Path>, records: Option<&Path>) -> (Option<PathBuf>, PathBuf) {
    let found = match (journal, records) {
        (Some(_), Some(_)) => Folders::default(),
        (_, _) => folders(socket),
    };
    (journal.map(Path::to_owned).or(found.journal), records.map_or(found.records, Path::to_owned))
}

/// Panics that the engine once contained are contained again; their place is in the log of then.
fn quietly<T>(read: impl FnOnce() -> T) -> T {
    std::panic::set_hook(Box::new(|_| {}));
    let read = read();
    let _ = std::panic::take_hook();
    read
}

/// Prints it.
pub(super) fn trace(socket: &Path, args: &TraceArgs, as_json: bool) -> u8 {
    let (journal, records) = kept(socket, args.journal.as_deref(), args.records.as_deref());
    let told = quietly(|| story(args.call, journal.as_deref(), &records));
    let Some(told) = told else {
        eprintln!(
            "neither the journal in {} nor the records in {} know call {}; name them with --journal and --records",
            journal.unwrap_or_default().display(),
            records.display(),
            args.call
        );
        return NOT_FOUND;
    };
    let told = if args.full { told } else { told.without_numbers() };
    match as_json {
        true => println!("{}", json!(told)),
        false => print!("{told}"),
    }
    0
}

/// Where the engine at this socket keeps what; where it would by default, if none answers there.
fn folders(socket: &Path) -> Folders {
    if let Ok(Reply::Tool(reply)) = control::ask(socket, &Request::Tool(Tool::Folders))
        && let ToolReply::Folders(folders) = *reply
    {
        return folders;
    }
    let beside = socket.parent().unwrap_or(Path::new("."));
    let or = |name: &str, default: &str| {
        let known = [beside.join(name), Path::new(OF_SYSTEM).join(name)];
        known.into_iter().find(|there| there.is_dir()).unwrap_or_else(|| PathBuf::from(default))
    };
    Folders {
        data: beside.to_owned(),
        journal: Some(or("journal", JOURNAL_DEFAULT)),
        records: or("records", RECORDS_DEFAULT),
    }
}
