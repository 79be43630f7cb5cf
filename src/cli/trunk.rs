//! `turno trunk show|ping`.

use std::path::Path;

use clap::Subcommand;
use serde_json::json;
use turno_base::TrunkId;
use turno_engine::{Answer, Command as Ask};
use turno_sip::trunk::{AddressState, Registration, TrunkView};

use crate::api::control::{self, Reply, Request};
use crate::cli::table::{Table, known};
use crate::cli::{NOT_FOUND, REFUSED, ask};
use crate::shell::ping::{self, Pinged, address_words};

#[derive(Debug, Subcommand)]
pub(super) enum TrunkCommand {
    /// All trunks, or one: up, not, or not known yet, calls, our registration there, and each address.
    Show {
        /// Trunk.
        trunk: Option<TrunkId>,
    },
    /// Ask each address of a trunk, or of all, by OPTIONS from a port of its own; exit status 1 if one does not answer.
    Ping {
        /// Trunk.
        trunk: Option<TrunkId>,
    },
}

/// Runs a `trunk` command.
pub(super) fn trunk(socket: &Path, as_json: bool, command: &TrunkCommand) -> u8 {
    let (TrunkCommand::Show { trunk } | TrunkCommand::Ping { trunk }) = command;
    let trunks = match control::ask(socket, &Request::Command(Ask::RegShow)) {
        Ok(Reply::Answer(Answer::Reachable { trunks, .. })) => trunks,
        Ok(other) => return ask::show(other, as_json),
        Err(error) => return ask::unreachable(socket, &error),
    };
    let found: Vec<TrunkView> = trunks.into_iter().filter(|view| trunk.is_none_or(|only| only == view.trunk)).collect();
    if let Some(only) = trunk
        && found.is_empty()
    {
        eprintln!("there is no trunk {:?}", only.to_string());
        return NOT_FOUND;
    }
    match command {
        TrunkCommand::Show { .. } => show(&found, as_json),
        TrunkCommand::Ping { .. } => ping(&found, as_json),
    }
}

fn show(trunks: &[TrunkView], as_json: bool) -> u8 {
    if as_json {
        println!("{}", json!({"trunks": trunks}));
        return 0;
    }
    let mut table = Table::new(&["trunk", "up", "calls", "refused", "registered", "address", "state"]);
    for view in trunks {
        let head = [
            view.trunk.to_string(),
            known(view.up),
            view.calls.to_string(),
            view.refused.to_string(),
            registration_words(&view.registration),
        ];
        if view.addresses.is_empty() {
            let [trunk, up, calls, refused, registered] = head.clone();
            table.row([trunk, up, calls, refused, registered, String::new(), String::new()]);
        }
        for (at, address) in view.addresses.iter().enumerate() {
            let [trunk, up, calls, refused, registered] = if at == 0 { head.clone() } else { Default::default() };
            let state = match address.state {
                AddressState::Untried { missed: 0 } => "not heard of yet".to_owned(),
                AddressState::Untried { missed } => format!("not heard of yet, {missed} probes missed"),
                AddressState::Good { missed: 0 } => "good".to_owned(),
                AddressState::Good { missed } => format!("good, {missed} probes missed"),
                AddressState::Quarantined { answered, .. } => format!("set aside, {answered} probes answered"),
            };
            table.row([trunk, up, calls, refused, registered, address_words(&address.to), state]);
        }
    }
    table.print();
    0
}

fn registration_words(registration: &Registration) -> String {
    match registration {
        Registration::Off => "not wanted",
        Registration::Asking { .. } => "asking",
        Registration::Bound { .. } => "yes",
        Registration::Waiting { .. } => "no, will ask again",
    }
    .to_owned()
}

fn ping(trunks: &[TrunkView], as_json: bool) -> u8 {
    let rows = ping::ping(trunks);
    let all_answer = !rows.is_empty() && rows.iter().all(|row| row.answer.is_ok());
    if as_json {
        println!("{}", json!({"pings": rows}));
    } else {
        let mut table = Table::new(&["trunk", "address", "answer", "ms"]);
        for Pinged { trunk, to, answer, took } in &rows {
            let (said, ms) = match answer {
                Ok(status) => (status.clone(), format!("{}.{}", took.as_millis(), took.as_micros() / 100 % 10)),
                Err(error) => (format!("none: {error}"), String::new()),
            };
            table.row([trunk.to_string(), address_words(to), said, ms]);
        }
        table.print();
        if rows.is_empty() {
            eprintln!("no trunk has an address to ask");
        }
    }
    if all_answer { 0 } else { REFUSED }
}
