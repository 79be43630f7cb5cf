//! `turno deck`: price books that the store holds.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::{Terms, asked, change};
use crate::api::live::{LiveReply, LiveRequest};
use crate::cli::table::Table;
use crate::cli::{NOT_FOUND, REFUSED};
use crate::shell::live::decks::{DECK_BYTES_MAX, PREFIX};
use crate::shell::live::edit::{Act, Edit};
use crate::shell::reload::change::Wanted;
use crate::shell::reload::decks::{DeckView, Import};

/// `turno deck`.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum DeckCommand {
    /// All of them: versions, prefixes, where they are used.
    List,
    /// One: its versions and texts.
    Show {
        /// Deck.
        name: String,
    },
    /// Take a price book: its versions stand beside those that the deck has, one of the same date and revision in place of what
    /// was there. A refused book names every faulty row, and changes nothing.
    Import(ImportArgs),
    /// Write a text of a deck as it was imported.
    Export {
        /// Deck.
        name: String,
        /// Id of the text, as `turno deck show` has it; without, the last.
        #[arg(long, value_name = "ID")]
        text: Option<String>,
    },
    /// Price calls by this deck from now on.
    Use {
        /// Deck.
        name: String,
        #[command(flatten)]
        whom: Whom,
        #[command(flatten)]
        terms: Terms,
    },
    /// Hold it no more; refused while it is used.
    Remove {
        /// Deck.
        name: String,
        #[command(flatten)]
        terms: Terms,
    },
}

/// `turno deck import`.
#[derive(Debug, Args)]
pub(in crate::cli) struct ImportArgs {
    /// Deck; it need not be there yet.
    name: String,
    /// CSV or JSON (docs/tariffs.md); - for standard input.
    file: PathBuf,
    /// It is the whole deck: versions that it does not have go.
    #[arg(long)]
    whole: bool,
    /// And price calls by this deck from now on.
    #[arg(long = "use")]
    is_used: bool,
    #[command(flatten)]
    whom: Whom,
    #[command(flatten)]
    terms: Terms,
}

/// Which calls.
#[derive(Debug, Args)]
pub(in crate::cli) struct Whom {
    /// Only calls by this trunk.
    #[arg(long, requires = "way")]
    trunk: Option<String>,
    /// Only those that go this way by the trunk.
    #[arg(long, value_enum, requires = "trunk")]
    way: Option<WayArg>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum WayArg {
    /// They arrive.
    Inbound,
    /// They leave.
    Outbound,
}

impl Whom {
    /// The key of `[tariff]`.
    fn key(&self) -> String {
        match (&self.trunk, self.way) {
            (Some(trunk), Some(WayArg::Inbound)) => format!("trunks.{trunk}.inbound"),
            (Some(trunk), Some(WayArg::Outbound)) => format!("trunks.{trunk}.outbound"),
            (Some(_), None) | (None, _) => "file".to_owned(),
        }
    }
}

/// `turno deck …`.
pub(in crate::cli) fn deck(socket: &Path, as_json: bool, command: DeckCommand) -> u8 {
    match command {
        DeckCommand::List => list(socket, as_json, None),
        DeckCommand::Show { name } => list(socket, as_json, Some(&name)),
        DeckCommand::Import(args) => import(socket, as_json, args),
        DeckCommand::Export { name, text: id } => export(socket, as_json, name, id),
        DeckCommand::Use { name, whom, terms } => {
            let set = vec![(whom.key(), format!("{PREFIX}{name}"))];
            let act = Act::Set { set, unset: Vec::new() };
            let edit = Edit { kind: "tariff".to_owned(), name: String::new(), act };
            change(socket, as_json, Wanted::Edit(edit), terms)
        }
        DeckCommand::Remove { name, terms } => {
            let edit = Edit { kind: "deck".to_owned(), name, act: Act::Remove };
            change(socket, as_json, Wanted::Edit(edit), terms)
        }
    }
}

fn import(socket: &Path, as_json: bool, args: ImportArgs) -> u8 {
    let ImportArgs { name, file, whole, is_used, whom, mut terms } = args;
    let is_stdin = file.to_str() == Some("-");
    let mut text = String::new();
    // A byte more than is taken, so that the engine says that it is too large.
    let most = DECK_BYTES_MAX as u64 + 1;
    let read = match is_stdin {
        true => std::io::stdin().lock().take(most).read_to_string(&mut text),
        false => File::open(&file).and_then(|file| file.take(most).read_to_string(&mut text)),
    };
    if let Err(error) = read {
        eprintln!("{}: {error}", file.display());
        return REFUSED;
    }
    if terms.why.is_empty() && !is_stdin {
        terms.why = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    }
    let uses = if is_used || whom.trunk.is_some() { vec![whom.key()] } else { Vec::new() };
    change(socket, as_json, Wanted::Import(Import { name, text, whole, uses }), terms)
}

fn export(socket: &Path, as_json: bool, name: String, id: Option<String>) -> u8 {
    match asked(socket, LiveRequest::DeckText { name, id }) {
        Ok(LiveReply::DeckText(text)) if as_json => println!("{}", json!({"text": text})),
        Ok(LiveReply::DeckText(text)) => print!("{text}"),
        Ok(
            LiveReply::Document { .. }
            | LiveReply::Changed(_)
            | LiveReply::Log(_)
            | LiveReply::Shown(..)
            | LiveReply::Decks(_),
        ) => return REFUSED,
        Err(code) => return code,
    }
    0
}

fn list(socket: &Path, as_json: bool, only: Option<&str>) -> u8 {
    let all = match asked(socket, LiveRequest::Decks) {
        Ok(LiveReply::Decks(all)) => all,
        Ok(
            LiveReply::Document { .. }
            | LiveReply::Changed(_)
            | LiveReply::Log(_)
            | LiveReply::Shown(..)
            | LiveReply::DeckText(_),
        ) => return REFUSED,
        Err(code) => return code,
    };
    match only {
        None if as_json => println!("{}", json!({"decks": all})),
        None => table(&all).print(),
        Some(name) => match all.iter().find(|deck| deck.name == name) {
            Some(deck) if as_json => println!("{}", json!({"deck": deck})),
            Some(deck) => versions(deck),
            None => {
                eprintln!("there is no deck {name:?}");
                return NOT_FOUND;
            }
        },
    }
    0
}

fn table(all: &[DeckView]) -> Table {
    let mut table = Table::new(&["deck", "versions", "last from", "prefixes", "used by"]);
    for deck in all {
        let last = deck.versions.last();
        table.row([
            deck.name.clone(),
            deck.versions.len().to_string(),
            last.map_or_else(|| "-".to_owned(), |version| version.valid_from.to_string()),
            last.map_or(0, |version| version.prefixes).to_string(),
            deck.broken.clone().unwrap_or_else(|| deck.used_by.join(" ")),
        ]);
    }
    table
}

fn versions(deck: &DeckView) {
    let mut table = Table::new(&["from", "revision", "rules", "prefixes"]);
    for version in &deck.versions {
        let (rules, prefixes) = (version.rules.to_string(), version.prefixes.to_string());
        table.row([version.valid_from.to_string(), version.revision.to_string(), rules, prefixes]);
    }
    table.print();
    deck.texts.iter().for_each(|id| println!("text {id}"));
    let used = if deck.used_by.is_empty() { "nothing".to_owned() } else { deck.used_by.join(", ") };
    println!("used by: {used}");
    if let Some(broken) = &deck.broken {
        println!("broken: {broken}");
    }
}
