//! `turno serve` and `turno check`.

use std::path::Path;

use serde_json::json;

use crate::cli::REFUSED;
use crate::node;
use crate::shell::config::{self, Checked};
use crate::shell::{host, live, logs, systemd};

/// Runs the engine until it is told to end.
pub(super) fn serve(file: &Path) -> u8 {
    host::small_pages();
    let Checked { settings, problems } = live::load(file, None);
    for problem in &problems {
        eprintln!("{problem}");
    }
    let Some(settings) = settings else { return REFUSED };
    logs::start(settings.log.format, &settings.log.level);
    logs::log_panics();
    let drain_limit = settings.node.drain_limit;
    let started = node::start(settings, Some(file.to_owned()));
    match started.and_then(|node| node.take_signals(drain_limit).map(|()| node)) {
        Ok(node) => {
            systemd::ready();
            systemd::watch(node.runtime(), node.asker.clone());
            node.wait();
            0
        }
        Err(error) => {
            eprintln!("{error}");
            REFUSED
        }
    }
}

/// Prints every problem of a configuration file.
pub(super) fn check(file: &Path, as_json: bool) -> u8 {
    let Checked { settings, problems } = config::load(file, None);
    if as_json {
        let problems: Vec<_> = problems
            .iter()
            .map(
                |p| json!({"file": p.file, "line": p.line, "key": p.key, "sentence": p.sentence, "warning": p.warning}),
            )
            .collect();
        println!("{}", json!({"fits": settings.is_some(), "problems": problems}));
    } else {
        for problem in &problems {
            println!("{problem}");
        }
        match &settings {
            Some(settings) => {
                let engine = &settings.engine;
                println!(
                    "{} fits: {} listeners, {} trunks, {} accounts, {} routes, {} queues, {} agents, {} customers",
                    file.display(),
                    engine.sip.listeners.len(),
                    engine.sip.trunks.len(),
                    engine.sip.accounts.len(),
                    engine.call.routes.len(),
                    engine.acd.queues.len(),
                    engine.acd.agents.len(),
                    settings.portfolio.len()
                );
            }
            None => println!("{} has errors", file.display()),
        }
    }
    if settings.is_some() { 0 } else { REFUSED }
}

/// Prints the schema.
pub(super) fn schema() -> u8 {
    let schema = serde_json::to_string_pretty(&config::schema()).expect("text keys and no failing serialiser");
    println!("{schema}");
    0
}
