//! `turno doctor`: what on this machine and in this configuration would keep calls from going through.

use std::io;
use std::path::Path;

use serde_json::json;
use turno_engine::Command;

use crate::api::control::{self, Reply, Request};
use crate::cli::REFUSED;
use crate::cli::table::Table;
use crate::shell::doctor::{Finding, Verdict, examine, is_well, of_problems};
use crate::shell::live;

/// Checks everything and prints a line for each.
pub(super) fn doctor(file: &Path, as_json: bool) -> u8 {
    let checked = live::load(file, None);
    let mut findings = of_problems(&checked.problems);
    if let Some(settings) = &checked.settings {
        findings.push(Finding::new("configuration", Verdict::Fine, format!("{} fits", file.display())));
        let (engine, runs) = engine(&settings.node.socket);
        findings.extend(engine);
        findings.extend(examine(settings, runs));
    }
    let is_well = is_well(&findings);
    if as_json {
        println!("{}", json!({"well": is_well, "findings": findings}));
    } else {
        let mut table = Table::new(&["what", "", "found"]);
        for Finding { about, verdict, sentence } in &findings {
            table.row([about.clone(), verdict.as_str().to_owned(), sentence.clone()]);
        }
        table.print();
    }
    if is_well { 0 } else { REFUSED }
}

/// What is to be said of the engine, and whether one runs with this configuration.
fn engine(socket: &Path) -> (Option<Finding>, bool) {
    let found = |verdict, sentence: String| Some(Finding::new("engine", verdict, sentence));
    match control::ask(socket, &Request::Command(Command::Sizes)) {
        Ok(Reply::Answer(_)) => (found(Verdict::Fine, format!("answers at {}", socket.display())), true),
        Ok(Reply::Done(_) | Reply::Live(_) | Reply::Tool(_)) => (None, true),
        Ok(Reply::Unknown(sentence) | Reply::Unavailable(sentence)) => {
            (found(Verdict::Failed, format!("{sentence}; look at its log")), true)
        }
        Ok(Reply::Refused(sentences)) => (found(Verdict::Failed, sentences.join("; ")), true),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            (found(Verdict::Fine, "does not run; its ports are tried in its place".to_owned()), false)
        }
        Err(error) => {
            let sentence = format!("{}: {error}; run this as the engine's user", socket.display());
            (found(Verdict::Failed, sentence), true)
        }
    }
}
