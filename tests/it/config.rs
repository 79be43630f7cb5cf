//! The documented sample loads, and every key that the program reads stands in it.

use std::collections::BTreeMap;
use std::path::Path;

use turno::shell::config::{load, parse};

fn sample() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/turno.toml")
}

#[test]
fn the_sample_fits_without_a_warning() {
    let checked = load(&sample(), Some(BTreeMap::new()));
    let problems: Vec<String> = checked.problems.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    let settings = checked.settings.unwrap();
    assert_eq!(settings.engine.sip.listeners.len(), 3);
    assert!(settings.portfolio.len() > 10);
}

/// A key that is commented out is documentation too, so both count.
#[test]
fn every_key_stands_in_the_sample() {
    let text = std::fs::read_to_string(sample()).unwrap();
    let keys: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim_start_matches("# ").split_once('='))
        .map(|(key, _)| key.trim())
        .collect();
    // An unknown key in each section makes the program list the keys it knows there.
    let sections = [
        "node",
        "log",
        "http",
        "http.tls",
        "ami",
        "ami.logins.x",
        "journal",
        "voicemail",
        "store",
        "sip",
        "sip.streams",
        "sip.rules",
        "media",
        "codes",
        "calls",
        "acd",
        "customers",
        "customers.crm",
        "tariff",
        "tariff.limits.x",
        "tariff.trunks.x",
        "trunks.x",
        "accounts.x",
        "accounts.x.fixed",
        "mailboxes.x",
        "menus.x",
        "queues.x",
        "agents.x",
        "segments.x",
        "reasons.x",
        "outside.x",
        "stations.x",
    ];
    let mut missing = Vec::new();
    for section in sections {
        let probe = format!("[{section}]\nzzzzzzzzzzzzzzzzzzzzzzzzzzzz = 1\n");
        let checked = parse("probe", &probe, Path::new("."), Some(BTreeMap::new()));
        let listed = checked
            .problems
            .iter()
            .find_map(|p| p.sentence.strip_prefix("there is no such key; there are "))
            .unwrap_or_else(|| panic!("[{section}] lists no keys: {:?}", checked.problems));
        for key in listed.split(", ") {
            let table = text.contains(&format!("[sip.{key}]")) || text.contains(&format!("[[sip.{key}]]"));
            let below = text.contains(&format!(".{key}]")) || text.contains(&format!("[{section}.{key}."));
            if !keys.contains(&key) && !table && !below {
                missing.push(format!("{section}.{key}"));
            }
        }
    }
    assert!(missing.is_empty(), "not in config/turno.toml: {missing:?}");
}
