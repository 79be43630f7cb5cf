//! Commands to the running engine, over its control socket.

mod answers;

use std::io;
use std::path::Path;

use serde_json::json;
use turno_engine::Command;

use crate::api::control::{self, Reply, Request};
use crate::api::rest::shown;
use crate::cli::{NOT_FOUND, REFUSED, UNREACHABLE, tools};

/// Asks the engine and prints its answer.
pub(super) fn command(socket: &Path, as_json: bool, command: Command) -> u8 {
    request(socket, as_json, &Request::Command(command))
}

/// Asks the node and prints its reply.
pub(super) fn request(socket: &Path, as_json: bool, request: &Request) -> u8 {
    match reply(socket, request) {
        Ok(reply) => show(reply, as_json),
        Err(code) => code,
    }
}

/// Nobody is there.
pub(super) fn unreachable(socket: &Path, error: &io::Error) -> u8 {
    eprintln!("no engine answers at {} ({error}); start it, or name its socket with --socket", socket.display());
    UNREACHABLE
}

/// Prints a reply; the exit code.
pub(super) fn show(reply: Reply, as_json: bool) -> u8 {
    match reply {
        Reply::Tool(reply) if as_json => println!("{}", crate::api::tools::told(&reply)),
        Reply::Tool(reply) => tools::print(&reply),
        Reply::Answer(answer) if as_json => println!("{}", shown(answer)),
        Reply::Answer(answer) => answers::print(answer),
        Reply::Done(warnings) if as_json => println!("{}", json!({"done": true, "warnings": warnings})),
        Reply::Done(warnings) => warnings.iter().for_each(|warning| println!("{warning}")),
        other @ (Reply::Live(_) | Reply::Refused(_) | Reply::Unknown(_) | Reply::Unavailable(_)) => {
            return refused(other);
        }
    }
    0
}

/// The node's reply, or the exit code if there is none.
pub(super) fn reply(socket: &Path, request: &Request) -> Result<Reply, u8> {
    control::ask(socket, request).map_err(|error| unreachable(socket, &error))
}

/// Says why something was not done; the exit code.
pub(super) fn refused(reply: Reply) -> u8 {
    match reply {
        Reply::Refused(sentences) => {
            sentences.iter().for_each(|sentence| eprintln!("{sentence}"));
            REFUSED
        }
        Reply::Unknown(sentence) => {
            eprintln!("{sentence}");
            NOT_FOUND
        }
        Reply::Unavailable(sentence) => {
            eprintln!("{sentence}");
            UNREACHABLE
        }
        // Of no question that was asked.
        Reply::Answer(_) | Reply::Live(_) | Reply::Tool(_) | Reply::Done(_) => REFUSED,
    }
}

/// `1:02:03`, `2:03`.
pub(super) fn clock(ms: u64) -> String {
    let s = ms / 1000;
    match s / 3600 {
        0 => format!("{}:{:02}", s / 60, s % 60),
        hours => format!("{hours}:{:02}:{:02}", s / 60 % 60, s % 60),
    }
}
