//! What people enter about a customer by hand, on the command line: consents with their proof, and notes.

use std::path::Path;

use clap::Subcommand;
use serde_json::json;
use turno_base::{Name, Wall};
use turno_customers::customer::{Consent, Note};

use super::Failure;
use crate::cli::audited::{self, deed};
use crate::shell::audit::{Deed, account};
use crate::shell::clock::wall;
use crate::shell::instant::wall_of;
use crate::shell::store::customers::Customers;

/// What to do with a consent.
#[derive(Debug, Subcommand)]
pub(crate) enum ConsentCommand {
    /// He agrees.
    Give {
        /// External id.
        id: String,
        /// To what: recording, marketing, survey.
        purpose: Name,
        /// What shows it: the id of the call, the number of the form, a link.
        #[arg(long)]
        proof: String,
        /// When it was said; now if absent.
        #[arg(long, value_name = "WHEN", value_parser = wall_of)]
        at: Option<Wall>,
        /// Not valid from then on; until withdrawn if absent.
        #[arg(long, value_name = "WHEN", value_parser = wall_of)]
        expires: Option<Wall>,
    },
    /// He does not agree, or no longer.
    Withdraw {
        /// External id.
        id: String,
        /// To what.
        purpose: Name,
        /// What shows it, if anything does.
        #[arg(long, default_value = "")]
        proof: String,
        /// When it was said; now if absent.
        #[arg(long, value_name = "WHEN", value_parser = wall_of)]
        at: Option<Wall>,
    },
    /// Take back the last word on a purpose, entered by mistake: the word before it holds again.
    Undo {
        /// External id.
        id: String,
        /// Of which purpose.
        purpose: Name,
    },
}

/// What to do with a note.
#[derive(Debug, Subcommand)]
pub(crate) enum NoteCommand {
    /// Write one; the oldest goes where there are too many.
    Add {
        /// External id.
        id: String,
        /// What.
        #[arg(required = true)]
        text: Vec<String>,
        /// Who writes it; the account of the machine if absent.
        #[arg(long)]
        by: Option<String>,
    },
    /// Take back the last one.
    Undo {
        /// External id.
        id: String,
    },
}

pub(super) fn consent(dir: &Path, as_json: bool, command: &ConsentCommand) -> Result<(), Failure> {
    let now = wall();
    let mut store = Customers::open_existing(dir)?;
    let enter = |store: &mut Customers, id: &str, consent: Consent| {
        let (customer, ()) = store.enter(id, |of| of.enter_consent(consent.clone(), now)).map_err(Failure::Entry)?;
        Ok((customer, consent, "entered"))
    };
    let done: Result<_, Failure> = match command {
        ConsentCommand::Give { id, purpose, proof, at, expires } => {
            let (proof, at) = (proof.clone(), at.unwrap_or(now));
            enter(&mut store, id, Consent { purpose: *purpose, granted: true, proof, at, expires: *expires })
        }
        ConsentCommand::Withdraw { id, purpose, proof, at } => {
            let (proof, at) = (proof.clone(), at.unwrap_or(now));
            enter(&mut store, id, Consent { purpose: *purpose, granted: false, proof, at, expires: None })
        }
        ConsentCommand::Undo { id, purpose } => {
            let taken = store.enter(id, |of| of.take_back_consent(*purpose)).map_err(Failure::Entry)?;
            Ok((taken.0, taken.1, "taken back"))
        }
    };
    let (customer, about, what) = done?;
    let kind = match command {
        ConsentCommand::Give { .. } => "give",
        ConsentCommand::Withdraw { .. } => "withdraw",
        ConsentCommand::Undo { .. } => "undo",
    };
    noted(dir, &store, &format!("customers consent {kind}"), &customer.id, about.purpose.as_str());
    match as_json {
        true => println!("{}", json!({"customer": customer.id, "consents": customer.consents})),
        false => {
            println!("{what}: {}", words(&about));
            let holds = match customer.consents_to(about.purpose, now) {
                Some(true) => "agrees",
                Some(false) => "does not agree",
                None => "was not asked, or it has ended",
            };
            println!("{} {holds}: {}", customer.id, about.purpose);
        }
    }
    Ok(())
}

pub(super) fn note(dir: &Path, as_json: bool, command: &NoteCommand) -> Result<(), Failure> {
    let mut store = Customers::open_existing(dir)?;
    let done = match command {
        NoteCommand::Add { id, text, by } => {
            let note = Note { at: wall(), by: by.clone().unwrap_or_else(account), text: text.join(" ") };
            store.enter(id, |of| of.enter_note(note)).map(|(customer, ())| (customer, None))
        }
        NoteCommand::Undo { id } => {
            store.enter(id, |of| of.take_back_note()).map(|(customer, note)| (customer, Some(note)))
        }
    };
    let (customer, taken) = done.map_err(Failure::Entry)?;
    let what = if taken.is_some() { "customers note undo" } else { "customers note add" };
    noted(dir, &store, what, &customer.id, "");
    match (as_json, taken) {
        (true, _) => println!("{}", json!({"customer": customer.id, "notes": customer.notes})),
        (false, None) => println!("noted; {} notes of {}", customer.notes.len(), customer.id),
        (false, Some(note)) => println!("taken back: the note of {} by {}", note.at, note.by.escape_debug()),
    }
    Ok(())
}

/// Writes down that something of a customer changed.
fn noted(dir: &Path, store: &Customers, what: &str, id: &str, more: &str) {
    let told = deed(what, format!("customer/{id}"), more);
    audited::note(dir, Deed { edit: store.last_edit(), ..told });
}

/// One consent in a line.
pub(super) fn words(of: &Consent) -> String {
    let word = if of.granted { "given" } else { "withdrawn" };
    let until = of.expires.map(|expires| format!(" until {expires}")).unwrap_or_default();
    let proof = if of.proof.is_empty() { String::new() } else { format!(": {}", of.proof) };
    format!("{} {word} {}{until}{proof}", of.purpose, of.at)
}
