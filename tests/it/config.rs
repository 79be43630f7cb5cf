//! The documented sample loads, and every key that the program reads stands in it; and files that changed are read again by HTTP.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};
use turno::shell::config::{load, parse};

use crate::attack::exchange;
use crate::house::{House, Plan};

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

#[test]
fn a_reload_by_http_takes_what_the_files_say_and_keeps_what_was_if_that_does_not_fit() {
    let house = House::open(&Plan { agents: &[("anna", 5)], sip: "", queue: "ring_limit = \"20s\"", more: "" });
    let address = SocketAddr::new(house.ip(1), 8480);
    let send = |method: &str, path: &str| -> (u16, Value) {
        let text = format!(
            "{method} /api/v1/config{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        );
        let (status, said) = exchange(address, text.as_bytes());
        (status, serde_json::from_str(&said).unwrap())
    };
    let ring_limit = || send("GET", "/queues/averias").1["object"]["ring_limit"].clone();
    let file = house.dir.join("turno.toml");
    let edit = |from: &str, to: &str| {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(&file, text.replace(from, to)).unwrap();
    };
    assert_eq!(send("POST", "/reload"), (200, json!({"revision": 1, "warnings": []})), "nothing has changed");
    edit("ring_limit = \"20s\"", "ring_limit = \"33s\"");
    assert_eq!(ring_limit(), "20s");
    assert_eq!(send("POST", "/reload"), (200, json!({"revision": 2, "warnings": []})));
    assert_eq!(ring_limit(), "33s");
    edit("ring_limit = \"33s\"", "ring_limit = \"44s\"\nmusik = \"x\"");
    let (status, said) = send("POST", "/reload");
    let problem = &said["problems"][0];
    assert_eq!((status, &problem["key"]), (422, &json!("queues.averias.musik")), "{said:#}");
    assert!(problem["line"].as_u64().is_some_and(|line| line > 1) && problem["sentence"].is_string(), "{said:#}");
    assert_eq!(ring_limit(), "33s", "all or nothing");
    edit("musik = \"x\"", "");
    edit("data_dir = \"data\"", "data_dir = \"data\"\nzone = \"Europe/Madrid\"");
    let (status, said) = send("POST", "/reload");
    assert_eq!((status, &said["revision"]), (200, &json!(3)), "{said:#}");
    assert!(said["warnings"][0].as_str().is_some_and(|text| text.contains("at the next start")), "{said:#}");
    assert_eq!(ring_limit(), "44s");
    house.is_clean();
}
