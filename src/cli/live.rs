//! Changing the live configuration of the running engine: the whole of it by `export` and `apply`, one object by `add`, `set`
//! and `remove`, and the log of all that.

mod deck;

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use crate::api::control::{Reply, Request};
use crate::api::live::{LiveReply, LiveRequest, shown};
use crate::cli::table::Table;
use crate::cli::{REFUSED, ask};
use crate::shell::live::Revision;
use crate::shell::live::document::DOCUMENT_BYTES_MAX;
use crate::shell::live::edit::{Act, Edit};
use crate::shell::reload::change::{Absent, Done, Wanted};

pub(super) use deck::{DeckCommand, deck};

/// `turno export`.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// File; without it standard output.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Write passwords and their hashes too, instead of "(kept)".
    #[arg(long)]
    secrets: bool,
}

/// `turno apply`.
#[derive(Debug, Args)]
pub(super) struct ApplyArgs {
    /// File as `turno export` writes it, or a whole configuration; - for standard input.
    file: PathBuf,
    /// What becomes of sections that have objects in force and that the file does not have.
    #[arg(long, value_enum, default_value_t = AbsentArg::Refuse)]
    absent: AbsentArg,
    #[command(flatten)]
    terms: Terms,
}

/// How any change is asked for.
#[derive(Debug, Args)]
pub(super) struct Terms {
    /// Check it, show what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Change nothing if another revision than this is in force.
    #[arg(long, value_name = "N")]
    expect_revision: Option<u64>,
    /// In words, for the log.
    #[arg(long, default_value = "")]
    why: String,
}

/// [`Absent`] on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AbsentArg {
    /// The change is refused.
    Refuse,
    /// They stay.
    Keep,
    /// They go.
    Remove,
}

impl From<AbsentArg> for Absent {
    fn from(arg: AbsentArg) -> Absent {
        match arg {
            AbsentArg::Refuse => Absent::Refuse,
            AbsentArg::Keep => Absent::Keep,
            AbsentArg::Remove => Absent::Remove,
        }
    }
}

/// Objects of one kind: `turno queue set averias wrap_up=45s`.
#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// Its name.
    name: String,
    /// Keys as in the configuration, dotted where they are in a table: wrap_up=45s callback.key=1.
    #[arg(value_parser = pair)]
    keys: Vec<(String, String)>,
    #[command(flatten)]
    terms: Terms,
}

/// See [`AddArgs`].
#[derive(Debug, Args)]
pub(super) struct SetArgs {
    /// Its name.
    name: String,
    /// Keys as in the configuration, dotted where they are in a table: wrap_up=45s callback.key=1.
    #[arg(value_parser = pair)]
    keys: Vec<(String, String)>,
    /// A key that takes its default again.
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
    #[command(flatten)]
    terms: Terms,
}

/// See [`AddArgs`].
#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// Its name.
    name: String,
    #[command(flatten)]
    terms: Terms,
}

/// What `queue`, `agent` and `skill` have in common.
#[derive(Debug, Subcommand)]
pub(super) enum ObjectCommand {
    /// Configure a new one.
    Add(AddArgs),
    /// Change keys of one.
    Set(SetArgs),
    /// Configure it no more: nobody who waits or talks is cut off.
    Remove(RemoveArgs),
}

impl ObjectCommand {
    fn edit(self, kind: &str) -> (Edit, Terms) {
        let (name, act, terms) = match self {
            ObjectCommand::Add(args) => (args.name, Act::Add(args.keys), args.terms),
            ObjectCommand::Set(args) => (args.name, Act::Set { set: args.keys, unset: args.unset }, args.terms),
            ObjectCommand::Remove(args) => (args.name, Act::Remove, args.terms),
        };
        (Edit { kind: kind.to_owned(), name, act }, terms)
    }
}

/// `turno config`.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// The last changes: when, who, how, why, what.
    Log {
        /// So many.
        #[arg(long, default_value_t = 20)]
        last: u32,
    },
    /// A revision: what it changed, key by key.
    Show {
        /// Which.
        revision: u64,
        /// Write the live configuration as of then instead, for `turno apply`.
        #[arg(long)]
        document: bool,
    },
    /// Take back what a revision changed; later changes of other objects stay.
    Undo {
        /// Which.
        revision: u64,
        #[command(flatten)]
        terms: Terms,
    },
    /// Configure a new object of any kind: account, agent, calendar, class, deck, disposition, mailbox, menu, queue, reason, route,
    /// segment, skill, station.
    Add {
        /// Kind.
        kind: String,
        #[command(flatten)]
        args: AddArgs,
    },
    /// Change keys of an object of any kind; of acd, calls, codes, extensions and tariff there is one each, named "-".
    Set {
        /// Kind.
        kind: String,
        #[command(flatten)]
        args: SetArgs,
    },
    /// Configure an object of any kind no more.
    Remove {
        /// Kind.
        kind: String,
        #[command(flatten)]
        args: RemoveArgs,
    },
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE, for example wrap_up=45s")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

/// Changes one object.
pub(super) fn object(socket: &Path, as_json: bool, kind: &str, command: ObjectCommand) -> u8 {
    let (mut edit, terms) = command.edit(kind);
    // What is one of its kind has no name, and a place on the command line all the same.
    if edit.name == "-" {
        edit.name.clear();
    }
    change(socket, as_json, Wanted::Edit(edit), terms)
}

/// `turno config …`.
pub(super) fn config(socket: &Path, as_json: bool, command: ConfigCommand) -> u8 {
    match command {
        ConfigCommand::Log { last } => show(socket, as_json, LiveRequest::Log { last }, false),
        ConfigCommand::Show { revision, document } => show(socket, as_json, LiveRequest::Show { revision }, document),
        ConfigCommand::Undo { revision, terms } => change(socket, as_json, Wanted::Undo(revision), terms),
        ConfigCommand::Add { kind, args } => object(socket, as_json, &kind, ObjectCommand::Add(args)),
        ConfigCommand::Set { kind, args } => object(socket, as_json, &kind, ObjectCommand::Set(args)),
        ConfigCommand::Remove { kind, args } => object(socket, as_json, &kind, ObjectCommand::Remove(args)),
    }
}

/// `turno export`.
pub(super) fn export(socket: &Path, as_json: bool, args: &ExportArgs) -> u8 {
    let reply = match asked(socket, LiveRequest::Export { secrets: args.secrets }) {
        Ok(reply) => reply,
        Err(code) => return code,
    };
    let LiveReply::Document { revision, text } = reply else { return REFUSED };
    match &args.to {
        Some(path) => {
            if let Err(error) = std::fs::write(path, &text) {
                eprintln!("{}: {error}", path.display());
                return REFUSED;
            }
            match as_json {
                true => println!("{}", json!({"revision": revision, "file": path})),
                false => println!("{} is the live configuration of revision {revision}", path.display()),
            }
        }
        None if as_json => println!("{}", json!({"revision": revision, "text": text})),
        None => print!("{text}"),
    }
    0
}

/// `turno apply`.
pub(super) fn apply(socket: &Path, as_json: bool, args: ApplyArgs) -> u8 {
    let name = args.file.display().to_string();
    let text = match read(&args.file) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("{name}: {error}");
            return REFUSED;
        }
    };
    change(socket, as_json, Wanted::Apply { name, text, absent: args.absent.into() }, args.terms)
}

fn read(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    // A byte more than is taken, so that the engine says that it is too large.
    let most = DOCUMENT_BYTES_MAX as u64 + 1;
    match file.to_str() {
        Some("-") => std::io::stdin().lock().take(most).read_to_string(&mut text)?,
        Some(_) | None => std::fs::File::open(file)?.take(most).read_to_string(&mut text)?,
    };
    Ok(text)
}

fn change(socket: &Path, as_json: bool, wanted: Wanted, terms: Terms) -> u8 {
    let Terms { dry_run, expect_revision: expect, why } = terms;
    match asked(socket, LiveRequest::Change { wanted, why, dry_run, expect }) {
        Ok(LiveReply::Changed(done)) => {
            match as_json {
                true => println!("{}", json!(done)),
                false => print(&done),
            }
            0
        }
        Ok(
            LiveReply::Document { .. }
            | LiveReply::Log(_)
            | LiveReply::Shown(..)
            | LiveReply::Decks(_)
            | LiveReply::DeckText(_),
        ) => REFUSED,
        Err(code) => code,
    }
}

fn print(done: &Done) {
    done.changes.iter().for_each(|change| println!("{change}"));
    done.warnings.iter().for_each(|warning| eprintln!("{warning}"));
    match (done.changes.is_empty(), done.dry_run) {
        (true, _) => println!("no difference; revision {} is in force", done.revision),
        (false, true) => println!("nothing was changed; revision {} is in force", done.revision),
        (false, false) => println!("revision {} is in force", done.revision),
    }
}

fn show(socket: &Path, as_json: bool, request: LiveRequest, wants_document: bool) -> u8 {
    match asked(socket, request) {
        Ok(LiveReply::Log(all)) if as_json => {
            println!("{}", json!({"revisions": all.iter().map(shown).collect::<Vec<_>>()}));
        }
        Ok(LiveReply::Log(all)) => log(&all).print(),
        Ok(LiveReply::Shown(entry, document)) => match (wants_document, document, as_json) {
            (true, Some(text), true) => println!("{}", json!({"revision": entry.revision, "text": text})),
            (true, Some(text), false) => print!("{text}"),
            (true, None, _) => {
                eprintln!("of revision {} only what it changed is kept", entry.revision);
                return REFUSED;
            }
            (false, _, true) => println!("{}", shown(&entry)),
            (false, _, false) => {
                log(std::slice::from_ref(&entry)).print();
                entry.changes.iter().for_each(|change| println!("{change}"));
            }
        },
        Ok(LiveReply::Document { .. } | LiveReply::Changed(_) | LiveReply::Decks(_) | LiveReply::DeckText(_)) => {
            return REFUSED;
        }
        Err(code) => return code,
    }
    0
}

fn log(all: &[Revision]) -> Table {
    let mut table = Table::new(&["revision", "at", "who", "how", "changed", "why"]);
    for entry in all {
        let objects: Vec<&str> = entry.changes.iter().map(|change| change.object.as_str()).collect();
        let changed = match objects.as_slice() {
            [] => "static sections or files".to_owned(),
            [a, b, c, _, more @ ..] if !more.is_empty() => format!("{a} {b} {c} and {} more", more.len() + 1),
            some => some.join(" "),
        };
        let (at, how) = (entry.at.to_string(), entry.how.as_str().to_owned());
        table.row([entry.revision.to_string(), at, entry.who.clone(), how, changed, entry.why.clone()]);
    }
    table
}

fn asked(socket: &Path, request: LiveRequest) -> Result<LiveReply, u8> {
    match ask::reply(socket, &Request::Live(Box::new(request)))? {
        Reply::Live(reply) => Ok(*reply),
        other => Err(ask::refused(other)),
    }
}
