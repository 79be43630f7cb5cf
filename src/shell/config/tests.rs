//! Problems as an operator sees them: each case is a change to a small configuration that fits.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use super::*;

/// The smallest configuration with one of everything.
const FITS: &str = r#"
[[sip.listeners]]
address = "127.0.0.1:5060"

[trunks.carrier]
networks = ["10.0.0.0/8"]

[accounts.1001]
password = "x"

[queues.averias]
need = "averias>=3"

[agents.anna]
skills = { averias = 5 }
queues = ["averias"]
station = "1001"

[segments.standard]

[customers]
segment_default = "standard"

[[routes]]
dnis = "*"
to = "queue:averias"
"#;

/// What an operator did, and the text that became of it.
fn cases() -> Vec<(&'static str, String)> {
    let with = |from: &str, to: &str| {
        assert!(FITS.contains(from), "{from}");
        FITS.replacen(from, to, 1)
    };
    let and = |more: &str| format!("{FITS}{more}");
    vec![
        ("nothing wrong", FITS.to_owned()),
        ("an empty file", String::new()),
        ("a CRM by https", and("[customers.crm]\nurl = \"https://crm.example/x\"\n")),
        ("a CRM by something else", and("[customers.crm]\nurl = \"ftp://crm.example/x\"\n")),
        (
            "a CRM's authority that is not there",
            and("[customers.crm]\nurl = \"https://crm.example/x\"\nca_file = \"gone.pem\"\n"),
        ),
}

#[test]
fn every_problem_names_its_line_its_key_and_what_to_write() {
    let mut all = String::new();
    for (what, text) in cases() {
        let checked = parse("turno.toml", &text, Path::new("."), Some(BTreeMap::new()));
        let fits = if checked.settings.is_some() { "fits" } else { "refused" };
        writeln!(all, "# {what}: {fits}").unwrap();
        for problem in &checked.problems {
            writeln!(all, "{problem}").unwrap();
        }
        assert_eq!(checked.settings.is_some(), checked.problems.iter().all(|p| p.warning), "{what}");
    }
    expect_test::expect_file!["../../../tests/golden/shell-config.txt"].assert_eq(&all);
}

#[test]
fn the_environment_stands_above_the_file() {
    let environment = BTreeMap::from([
        ("TURNO_HTTP__LISTEN".to_owned(), "127.0.0.1:9".to_owned()),
        ("TURNO_QUEUES__AVERIAS__LENGTH_MAX".to_owned(), "7".to_owned()),
        ("UNRELATED".to_owned(), "x".to_owned()),
    ]);
    let settings = parse("turno.toml", FITS, Path::new("."), Some(environment)).settings.unwrap();
    assert_eq!(settings.http.listen.map(|a| a.port()), Some(9));
    assert_eq!(settings.engine.acd.queues.values().map(|q| q.length_max).collect::<Vec<_>>(), [7]);
}
