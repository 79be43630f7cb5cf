//! What the law gives a person, on the command line: everything that is kept, forgetting, and ages.

use std::path::Path;

use serde_json::json;
use turno_customers::personal::Retention;

use super::Failure;
use crate::cli::audited::{deed, note, with};
use crate::shell::clock::wall;
use crate::shell::customers::person::{self, EraseError};
use crate::shell::store::customers::Customers;

pub(super) fn export(dir: &Path, id: &str) -> Result<(), Failure> {
    println!("{}", person::export(dir, id)?.ok_or_else(|| Failure::NoCustomer(id.to_owned()))?);
    Ok(())
}

pub(super) fn erase(dir: &Path, as_json: bool, id: &str, sure: bool) -> Result<(), Failure> {
    if !sure {
        return Err(Failure::NotSure(id.to_owned()));
    }
    let forgotten = person::erase(dir, id).map_err(|error| match error {
        EraseError::Store(error) => Failure::Store(error),
        EraseError::Entropy => Failure::Entropy,
    });
    let gone = forgotten?.ok_or_else(|| Failure::NoCustomer(id.to_owned()))?;
    note(dir, with(deed("customers erase", format!("customer/{id}"), ""), json!({"calls": gone.calls})));
    match as_json {
        true => println!("{}", json!({"erased": id, "pseudonym": gone.pseudonym, "calls": gone.calls})),
        false => println!("{id} is forgotten; {} calls stay for the bill as {}", gone.calls, gone.pseudonym),
    }
    Ok(())
}

pub(super) fn retain(dir: &Path, as_json: bool, retention: &Retention, dry_run: bool) -> Result<(), Failure> {
    let customers = Customers::open_existing(dir)?.retain(retention, wall(), dry_run)?;
    if !dry_run {
        note(dir, with(deed("customers retain", "customers", ages(retention)), json!({"customers": customers})));
    }
    match (as_json, dry_run) {
        (true, _) => println!("{}", json!({"customers": customers, "dry_run": dry_run})),
        (false, true) => println!("{customers} customers have something older; nothing is changed"),
        (false, false) => println!("taken out of {customers} customers"),
    }
    Ok(())
}

/// `contacts 365 d, notes 90 d`.
fn ages(of: &Retention) -> String {
    let kinds = [("contacts", of.contacts_days), ("notes", of.notes_days), ("consents", of.consents_days)];
    let said: Vec<String> = kinds.iter().filter_map(|(kind, days)| Some(format!("{kind} {} d", (*days)?))).collect();
    said.join(", ")
}
