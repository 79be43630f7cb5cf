//! `turno replay` and `turno journal`.

use std::io::{BufWriter, Write, stdout};
use std::path::Path;

use serde_json::json;

use crate::cli::REFUSED;
use crate::shell::entropy;
use crate::shell::journal;
use crate::shell::redact::Redactor;

/// Runs a journal again.
pub(super) fn replay(path: &Path, full: bool, quiet: bool, as_json: bool) -> u8 {
    // Panics that the engine once contained are contained again; their place is in the log of then.
    std::panic::set_hook(Box::new(|_| {}));
    let mut out = BufWriter::new(stdout().lock());
    let replayed = match journal::replay(path, full, quiet || as_json, &mut out) {
        Ok(replayed) => replayed,
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            return REFUSED;
        }
    };
    let result = match as_json {
        true => json!({
            "inputs": replayed.inputs,
            "effects": replayed.effects,
            "equal": replayed.differs.is_none(),
            "differs_at": replayed.differs.as_ref().map(|(number, _)| number),
            "torn_bytes": replayed.torn,
        })
        .to_string(),
        false => replayed.summary(),
    };
    // A reader that went away (`| head`) has seen what it wanted.
    let _ = writeln!(out, "{result}").and_then(|()| out.flush());
    if replayed.differs.is_none() { 0 } else { REFUSED }
}

/// Copies a journal without numbers and passwords.
pub(super) fn export(from: &Path, to: &Path, as_json: bool) -> u8 {
    std::panic::set_hook(Box::new(|_| {}));
    match journal::export(from, to, Redactor::new(entropy::draw())) {
        Ok(inputs) if as_json => println!("{}", json!({"inputs": inputs, "to": to})),
        Ok(inputs) => println!("{inputs} inputs copied to {} with numbers and passwords replaced", to.display()),
        Err(error) => {
            eprintln!("{} to {}: {error}", from.display(), to.display());
            return REFUSED;
        }
    }
    0
}
