//! The text of a configuration: settings, or problems of one line each that say where.
#![no_main]

use std::collections::BTreeMap;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use turno::shell::config;

fuzz_target!(|data: &str| {
    let checked = config::parse("fuzz.toml", data, Path::new("nowhere"), Some(BTreeMap::new()));
    assert!(checked.settings.is_some() || !checked.problems.is_empty(), "refused without a word");
    for problem in checked.problems {
        assert!(!problem.to_string().is_empty());
    }
});
