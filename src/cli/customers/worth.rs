//! What customers are worth, renewed on the command line.

use std::path::Path;

use serde_json::json;
use turno_customers::value::Rule;

use super::Failure;
use crate::cli::audited::{deed, note, with};
use crate::shell::clock::wall;
use crate::shell::customers::rules::rules_of;
use crate::shell::store::customers::Customers;

/// The rules of a file.
pub(super) fn rules_in(path: &Path) -> Result<Vec<Rule>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::Rules(path.to_owned(), error.to_string()))?;
    rules_of(&text).map_err(|why| Failure::Rules(path.to_owned(), why))
}

pub(super) fn renew(dir: &Path, as_json: bool, rules_file: Option<&Path>, dry_run: bool) -> Result<(), Failure> {
    let rules = rules_file.map(rules_in).transpose()?.unwrap_or_default();
    let changed = Customers::open_existing(dir)?.renew(dir, &rules, wall(), dry_run)?;
    if !dry_run {
        let file = rules_file.map(|path| path.display().to_string()).unwrap_or_default();
        note(dir, with(deed("customers value", "customers", file), json!({"changed": changed})));
    }
    match (as_json, dry_run) {
        (true, _) => println!("{}", json!({"changed": changed, "dry_run": dry_run})),
        (false, true) => println!("{changed} customers would change"),
        (false, false) => println!("{changed} customers changed"),
    }
    Ok(())
}
