//! `turno backup` and `turno restore`.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::api::control::{self, Reply, Request};
use crate::api::tools::{Tool, ToolReply};
use crate::cli::{REFUSED, audited};
use crate::shell::backup::{self, Held};
use crate::shell::config;

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// New folder.
    to: PathBuf,
    /// Configuration of the node.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// Folder of the backup.
    from: PathBuf,
    /// Folder where the configuration will be; data goes where the configuration says.
    to: PathBuf,
    /// Also over what is there.
    #[arg(long)]
    force: bool,
}

/// Makes one.
pub(super) fn backup(args: &BackupArgs, as_json: bool) -> u8 {
    let socket = config::load(&args.config, None).settings.map(|settings| settings.node.socket);
    let made = match backup::backup(&args.config, &args.to, || hold(socket.as_deref())) {
        Ok(made) => made,
        Err(failure) => return refused(&failure),
    };
    if as_json {
        println!("{}", json!({"files": made.files, "bytes": made.bytes, "still_us": made.still_us}));
        return 0;
    }
    let (words, to) = (config::bytes_words(made.bytes >> 20 << 20), args.to.display());
    match made.still_us {
        Some(us) => {
            println!("{} files, about {words}, in {to}; the node held still for {} ms", made.files, us.div_ceil(1000))
        }
        None => println!("{} files, about {words}, in {to}; no node was running", made.files),
    }
    0
}

/// A running node holds still; none: nobody answers.
fn hold(socket: Option<&Path>) -> io::Result<Option<Held>> {
    let Some(socket) = socket else { return Ok(None) };
    match control::ask(socket, &Request::Tool(Tool::BackupHold)) {
        Ok(Reply::Tool(reply)) => match *reply {
            ToolReply::Held(held) => Ok(Some(held)),
            ToolReply::Trace(_) | ToolReply::Log(_) | ToolReply::Folders(_) | ToolReply::Audit(_) => {
                Err(io::Error::other("the node does not know of backups"))
            }
        },
        Ok(Reply::Refused(sentences)) => Err(io::Error::other(sentences.join("; "))),
        Ok(Reply::Unavailable(sentence) | Reply::Unknown(sentence)) => Err(io::Error::other(sentence)),
        Ok(Reply::Answer(_) | Reply::Live(_) | Reply::Done(_)) => {
            Err(io::Error::other("the node does not know of backups"))
        }
        Err(_) => Ok(None),
    }
}

/// Puts one back.
pub(super) fn restore(args: &RestoreArgs, as_json: bool) -> u8 {
    let restored = match backup::restore(&args.from, &args.to, args.force) {
        Ok(restored) => restored,
        Err(failure) => return refused(&failure),
    };
    let told = audited::deed("restore", "node", args.from.display().to_string());
    let came = json!({"files": restored.files, "version": restored.other_version});
    audited::note_in(&restored.data, audited::with(told, came));
    let config = restored.config.display();
    if as_json {
        let told = json!({"files": restored.files, "config": restored.config, "other_version": restored.other_version});
        println!("{told}");
        return 0;
    }
    println!("{} files restored; start it with `turno serve --config {config}`", restored.files);
    if let Some(version) = restored.other_version {
        println!("made by version {version}: registrations, places and agents' states of then are not continued");
    }
    0
}

fn refused(failure: &backup::Failure) -> u8 {
    eprintln!("{failure}");
    REFUSED
}
