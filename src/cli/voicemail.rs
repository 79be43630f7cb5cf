//! `turno voicemail`: messages straight from their folder, beside a running engine or without one.

use std::io::{self, Write, stdout};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;
use turno_base::{CallId, Name};

use crate::cli::audited::{deed, note, with};
use crate::cli::table::Table;
use crate::cli::{NOT_FOUND, REFUSED};
use crate::shell::audit::Deed;
use crate::shell::voicemail::{Folder, Message};

/// What to do with messages.
#[derive(Debug, Subcommand)]
pub(super) enum VoicemailCommand {
    /// Messages that nobody has dealt with, oldest first.
    List {
        /// Only of this mailbox.
        #[arg(long)]
        mailbox: Option<Name>,
        /// Those that are done as well.
        #[arg(long)]
        all: bool,
    },
    /// Everything about one message.
    Show {
        /// The call that left it.
        call: CallId,
    },
    /// Copy a message's sound, a WAV file.
    Fetch {
        /// The call that left it.
        call: CallId,
        /// File; standard output if absent.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Somebody has dealt with it.
    Done {
        /// The call that left it.
        call: CallId,
        /// Nobody has after all.
        #[arg(long)]
        undo: bool,
    },
}

pub(super) fn voicemail(dir: &Path, as_json: bool, command: &VoicemailCommand) -> u8 {
    match run(dir, as_json, command) {
        Ok(()) => 0,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            eprintln!("there is no such voicemail in {}; --voicemail names another folder", dir.display());
            NOT_FOUND
        }
        Err(error) => {
            eprintln!("voicemail in {}: {error}", dir.display());
            REFUSED
        }
    }
}

fn run(dir: &Path, as_json: bool, command: &VoicemailCommand) -> io::Result<()> {
    let folder = Folder::at(dir);
    match command {
        VoicemailCommand::List { mailbox, all } => {
            let mut messages = folder.list()?;
            messages.retain(|m| (*all || !m.done) && mailbox.is_none_or(|only| only == m.mailbox));
            if as_json {
                return writeln!(stdout(), "{}", json!({"voicemail": messages}));
            }
            let mut table = Table::new(&["call", "mailbox", "from", "customer", "at", "seconds", "done"]);
            for message in messages {
                table.row([
                    message.call.to_string(),
                    message.mailbox.to_string(),
                    message.e164.unwrap_or(message.from),
                    message.customer.unwrap_or_default(),
                    message.at,
                    message.ms.div_ceil(1000).to_string(),
                    if message.done { "yes".to_owned() } else { String::new() },
                ]);
            }
            table.print();
            Ok(())
        }
        VoicemailCommand::Show { call } => shown(&folder.show(*call)?),
        VoicemailCommand::Fetch { call, out } => {
            let sound = folder.sound(*call)?;
            match out {
                Some(path) => std::fs::write(path, sound),
                None => stdout().write_all(&sound),
            }
        }
        VoicemailCommand::Done { call, undo } => {
            let before = json!({"done": folder.show(*call)?.done});
            let message = folder.set_done(*call, !undo)?;
            let told = with(deed("voicemail done", format!("voicemail/{call}"), ""), json!({"done": message.done}));
            note(dir, Deed { before: Some(before), ..told });
            shown(&message)
        }
    }
}

fn shown(message: &Message) -> io::Result<()> {
    writeln!(stdout(), "{}", serde_json::to_string_pretty(message).map_err(io::Error::other)?)
}
