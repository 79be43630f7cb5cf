//! `turno call trace`: the whole story of one call.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use turno_base::CallId;

use crate::cli::{JOURNAL_DEFAULT, NOT_FOUND, RECORDS_DEFAULT};
use crate::shell::story::story;

#[derive(Debug, Args)]
pub(super) struct TraceArgs {
    /// Call.
    call: CallId,
    /// Folder of the journal, where the messages are for as long as it reaches back.
    #[arg(long, value_name = "DIR", env = "TURNO_JOURNAL", default_value = JOURNAL_DEFAULT)]
    journal: PathBuf,
    /// Folder of the records, whose log tells the rest.
    #[arg(long, value_name = "DIR", env = "TURNO_RECORDS", default_value = RECORDS_DEFAULT)]
    records: PathBuf,
    /// Print numbers whole.
    #[arg(long)]
    full: bool,
}

/// Prints it.
pub(super) fn trace(args: &TraceArgs, as_json: bool) -> u8 {
    let Some(story) = story(args.call, Some(&args.journal), &args.records) else {
        eprintln!(
            "neither the journal in {} nor the records in {} know call {}; name them with --journal and --records",
            args.journal.display(),
            args.records.display(),
            args.call
        );
        return NOT_FOUND;
    };
    let story = if args.full { story } else { story.without_numbers() };
    match as_json {
        true => println!("{}", json!(story)),
        false => print!("{story}"),
    }
    0
}
