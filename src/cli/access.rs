//! `turno token`: secrets of the HTTP interface. Prints what goes into the configuration, and the secret once.

use std::io::BufRead;

use clap::Subcommand;
use serde_json::json;

use crate::api::access::{draw, hex, password_hash};
use crate::cli::REFUSED;
use crate::shell::config::{Scope, digest};

/// What to make.
#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Draw a token: prints it once, and the lines for the configuration, which hold only its hash.
    New {
        /// Names it in the log.
        #[arg(long)]
        name: String,
        /// What it may: admin, supervisor, planner, agent or board.
        #[arg(long, value_parser = scope_of)]
        scope: Scope,
        /// Of scope agent: which agent.
        #[arg(long, required_if_eq("scope", "agent"))]
        agent: Option<String>,
        /// Not valid from then on: 2027-01-01 or 2027-01-01T06:00:00Z.
        #[arg(long)]
        expires: Option<String>,
    },
    /// Hash a password, read from standard input, for `[[http.people]]`.
    Password,
}

fn scope_of(word: &str) -> Result<Scope, String> {
    Scope::of(word).ok_or_else(|| "write admin, supervisor, planner, agent or board".to_owned())
}

/// Does it; gives the exit code.
pub(super) fn run(command: TokenCommand, as_json: bool) -> u8 {
    match command {
        TokenCommand::New { name, scope, agent, expires } => {
            let token = draw();
            let hash = format!("sha256:{}", hex(&digest(&token)));
            if as_json {
                let scope = scope.as_str();
                let told = json!({"token": token, "name": name, "hash": hash, "scope": scope, "agent": agent, "expires": expires});
                println!("{told}");
                return 0;
            }
            println!("{token}\n\n[[http.tokens]]\nname = {name:?}\nhash = {hash:?}\nscope = {:?}", scope.as_str());
            for (key, value) in [("agent", agent), ("expires", expires)] {
                if let Some(value) = value {
                    println!("{key} = {value:?}");
                }
            }
            0
        }
        TokenCommand::Password => {
            eprintln!("Password, then Enter:");
            let mut line = String::new();
            let read = std::io::stdin().lock().read_line(&mut line);
            let password = line.trim_end_matches(['\r', '\n']);
            if read.is_err() || password.chars().count() < 8 {
                eprintln!("a password of at least 8 characters is needed");
                return REFUSED;
            }
            match password_hash(password) {
                Ok(hash) if as_json => println!("{}", json!({"password": hash})),
                Ok(hash) => println!("{hash}"),
                Err(sentence) => {
                    eprintln!("{sentence}");
                    return REFUSED;
                }
            }
            0
        }
    }
}
