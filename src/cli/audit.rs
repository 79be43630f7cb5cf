//! `turno audit`: whether figures add up, and who did what.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::api::control::{Reply, Request};
use crate::api::tools::{Tool, ToolReply};
use crate::cli::table::Table;
use crate::cli::{REFUSED, ask, report};
use crate::shell::audit::{Beside, Entry, SHOWN_MAX, Wanted};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Auditing {
    #[command(subcommand)]
    command: Option<AuditCommand>,
    #[command(flatten)]
    day: report::AuditArgs,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Who did what by socket, HTTP, the manager interface or the command line: each command and change, with what it was about before and after.
    List {
        /// The last so many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(SHOWN_MAX)))]
        last: u32,
        /// Only this account, token, person or login.
        #[arg(long)]
        who: Option<String>,
        /// Only what is about this, or what it begins with: agent/anna, queue/.
        #[arg(long)]
        about: Option<String>,
        /// Read it from this data folder, with or without a running engine.
        #[arg(long, value_name = "DIR", env = "TURNO_DATA")]
        data: Option<PathBuf>,
        /// Folder of the records, if it is not in the data folder: customers tell there what changed of them.
        #[arg(long, value_name = "DIR", requires = "data")]
        records: Option<PathBuf>,
    },
}

impl Auditing {
    /// Whether it only shows what a node says now.
    pub(super) fn is_list(&self) -> bool {
        self.command.is_some()
    }
}

/// Runs it.
pub(super) fn audit(socket: &Path, as_json: bool, args: Auditing) -> u8 {
    match args.command {
        None => report::audit(&args.day, as_json),
        Some(AuditCommand::List { last, who, about, data, records }) => {
            let wanted = Wanted { last, who, about };
            let Some(data) = data else {
                return ask::request(socket, as_json, &Request::Tool(Tool::Audit(wanted)));
            };
            let records = records.unwrap_or_else(|| data.join("records"));
            match Beside::at(&data).list(&wanted, &records) {
                Ok(entries) => ask::show(Reply::Tool(Box::new(ToolReply::Audit(entries))), as_json),
                Err(error) => {
                    eprintln!("the audit log in {} cannot be read: {error}", data.display());
                    REFUSED
                }
            }
        }
    }
}

/// The list as a table.
pub(super) fn print(entries: &[Entry]) {
    let mut table = Table::new(&["at", "who", "by", "what", "about", "more", "before", "after", "refused"]);
    for entry in entries {
        table.row([
            entry.at.clone(),
            entry.who.clone(),
            entry.door.as_str().to_owned(),
            entry.what.clone(),
            entry.about.clone(),
            entry.more.clone(),
            seen(entry, &entry.before),
            seen(entry, &entry.after),
            entry.refused.clone().unwrap_or_default(),
        ]);
    }
    table.print();
}

/// What is known of it; of a customer who was forgotten, that he was.
fn seen(entry: &Entry, value: &Option<Value>) -> String {
    match (value, entry.edit) {
        (Some(value), _) => words(value),
        (None, Some(_)) => "(forgotten)".to_owned(),
        (None, None) => String::new(),
    }
}

/// `state=paused reason=pausa`.
fn words(value: &Value) -> String {
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => other.to_string(),
    };
    match value {
        Value::Object(keys) => {
            keys.iter().map(|(key, value)| format!("{key}={}", plain(value))).collect::<Vec<_>>().join(" ")
        }
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => plain(other),
    }
}
