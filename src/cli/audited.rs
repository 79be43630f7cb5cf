//! What commands do to the folders of a node themselves stands in its audit log as well, before it is printed.

use std::path::Path;

use serde_json::Value;

use crate::shell::audit::{Beside, Deed};

/// A deed in words of the command line.
pub(super) fn deed(what: &str, about: impl Into<String>, more: impl Into<String>) -> Deed {
    Deed { what: what.to_owned(), about: about.into(), more: more.into(), ..Deed::default() }
}

/// The same with what came of it.
pub(super) fn with(deed: Deed, after: Value) -> Deed {
    Deed { after: Some(after), ..deed }
}

/// Writes it where the node with this folder of records or messages does. It is done already: what cannot be written is said.
pub(super) fn note(folder: &Path, deed: Deed) {
    write(&Beside::of(folder), deed);
}

/// Writes it in this data folder.
pub(super) fn note_in(data: &Path, deed: Deed) {
    write(&Beside::at(data), deed);
}

fn write(log: &Beside, deed: Deed) {
    if let Err(error) = log.note(deed) {
        eprintln!("this was done, and the audit log in {} does not know: {error}", log.dir().display());
    }
}

#[cfg(test)]
mod tests;
