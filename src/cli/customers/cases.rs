//! Cases of customers, opened and closed on the command line or by whatever handles them.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;
use turno_customers::customer::Case;

use super::Failure;
use super::worth::rules_in;
use crate::cli::audited::{deed, note};
use crate::shell::audit::Deed;
use crate::shell::clock::wall;
use crate::shell::store::customers::Customers;

/// What to do with a case.
#[derive(Debug, Subcommand)]
pub(crate) enum CaseCommand {
    /// The customer waits for something from now on.
    Open {
        /// External id.
        id: String,
        /// Its number where it is handled.
        reference: String,
        /// What about.
        #[arg(required = true)]
        title: Vec<String>,
        /// Renew his value at once, by these rules (as of `turno customers value`).
        #[arg(long, value_name = "FILE")]
        rules: Option<PathBuf>,
    },
    /// He waits for it no longer.
    Close {
        /// External id.
        id: String,
        /// Its number where it is handled.
        reference: String,
        /// Renew his value at once, by these rules (as of `turno customers value`).
        #[arg(long, value_name = "FILE")]
        rules: Option<PathBuf>,
    },
}

pub(super) fn run(dir: &Path, as_json: bool, command: &CaseCommand) -> Result<(), Failure> {
    let mut store = Customers::open_existing(dir)?;
    let (what, id, reference, rules) = match command {
        CaseCommand::Open { id, reference, title, rules } => {
            let case = Case { reference: reference.clone(), title: title.join(" "), opened: wall() };
            store.open_case(id, case).map_err(Failure::Case)?;
            ("customers case open", id, reference, rules)
        }
        CaseCommand::Close { id, reference, rules } => {
            store.close_case(id, reference).map_err(Failure::Case)?;
            ("customers case close", id, reference, rules)
        }
    };
    let told = deed(what, format!("customer/{id}"), reference);
    note(dir, Deed { edit: store.last_edit(), ..told });
    let renewed = match rules {
        Some(path) => store.renew_one(dir, id, &rules_in(path)?, wall())?,
        None => false,
    };
    match (as_json, renewed) {
        (true, _) => println!("{}", json!({"customer": id, "renewed": renewed})),
        (false, true) => println!("done; his value is renewed"),
        (false, false) => println!("done"),
    }
    Ok(())
}
