//! `turno call trace`: the whole story of one call.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use turno_base::CallId;

use crate::api::Folders;
use crate::api::control::{self, Reply, Request};
use crate::api::tools::{Tool, ToolReply};
use crate::cli::{JOURNAL_DEFAULT, NOT_FOUND, RECORDS_DEFAULT};
use crate::shell::story::story;

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

/// Prints it.
pub(super) fn trace(socket: &Path, args: &TraceArgs, as_json: bool) -> u8 {
    let found = match (&args.journal, &args.records) {
        (Some(_), Some(_)) => Folders::default(),
        (_, _) => folders(socket),
    };
    let journal = args.journal.clone().or(found.journal);
    let records = args.records.clone().unwrap_or(found.records);
    // Panics that the engine once contained are contained again; their place is in the log of then.
    std::panic::set_hook(Box::new(|_| {}));
    let told = story(args.call, journal.as_deref(), &records);
    let _ = std::panic::take_hook();
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
        let there = beside.join(name);
        if there.is_dir() { there } else { PathBuf::from(default) }
    };
    Folders {
        data: beside.to_owned(),
        journal: Some(or("journal", JOURNAL_DEFAULT)),
        records: or("records", RECORDS_DEFAULT),
    }
}
