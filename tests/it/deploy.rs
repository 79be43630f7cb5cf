//! What ships beside the program: rules and dashboards name metrics that exist, the unit is hardened, the PBX snippets are read by
//! the PBX's own parser, and the service manager is told what it waits for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use turno::shell::store::outs::{FileOut, Rotate, To};

fn deploy(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy").join(path)
}

fn text(path: &str) -> String {
    std::fs::read_to_string(deploy(path)).unwrap()
}

fn run(program: &str, args: &[&str]) -> Output {
    let path = deploy("");
    Command::new(program).args(args).current_dir(path).output().unwrap_or_else(|error| panic!("{program}: {error}"))
}

fn all_of(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

/// The names of metrics in a text of PromQL; those of recording rules begin with their labels and a colon.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    text.split(|c| !is_word(c)).filter(|word| word.starts_with("turno_")).map(str::to_owned).collect()
}

/// Every series the engine shows, histograms with their three forms.
fn shown() -> BTreeSet<String> {
    let golden = std::fs::read_to_string(deploy("../tests/golden/metrics.txt")).unwrap();
    let mut names = BTreeSet::new();
    for line in golden.lines() {
        let Some((name, kind)) = line.split_once(' ') else { continue };
        if kind == "histogram" {
            names.extend(["bucket", "sum", "count"].map(|form| format!("{name}_{form}")));
        } else {
            names.insert(name.to_owned());
        }
    }
    names
}

#[test]
fn prometheus_takes_the_rules_and_they_say_what_they_should() {
    for (what, file) in [("rules", "prometheus/turno.rules.yml"), ("config", "prometheus/prometheus.yml")] {
        let out = run("promtool", &["check", what, file]);
        assert!(out.status.success(), "{}", all_of(&out));
    }
    let out = run("promtool", &["test", "rules", "prometheus/turno.rules.test.yml"]);
    assert!(out.status.success(), "{}", all_of(&out));
}

#[test]
fn rules_and_dashboard_name_only_what_the_engine_shows() {
    let rules = text("prometheus/turno.rules.yml");
    let expressions: String =
        rules.lines().filter(|line| !line.trim_start().starts_with('#') && !line.contains("summary")).collect();
    let board: Value = serde_json::from_str(&text("grafana/turno.json")).unwrap();
    let panels = board["panels"].as_array().unwrap();
    let rows: Vec<&str> = panels.iter().filter(|p| p["type"] == "row").map(|p| p["title"].as_str().unwrap()).collect();
    assert_eq!(rows, ["Service", "People", "Plumbing"]);
    let queries = panels.iter().flat_map(|p| p["targets"].as_array().into_iter().flatten());
    let mut named: BTreeSet<String> = queries.flat_map(|q| metrics_in(q["expr"].as_str().unwrap())).collect();
    named.extend(metrics_in(&expressions).into_iter().filter(|name| !name.starts_with("turno_rules")));
    let shown = shown();
    let unknown: Vec<&String> = named.iter().filter(|name| !shown.contains(*name)).collect();
    assert!(named.len() > 20, "{named:?}");
    assert!(unknown.is_empty(), "{unknown:?}");
    let recorded: BTreeSet<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- record: ")).collect();
    let all = text("grafana/turno.json");
    let used =
        all.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).filter(|w| w.contains(":turno_"));
    for name in used.map(|word| word.trim_matches(':')) {
        assert!(recorded.contains(name), "the dashboard asks for {name}, which no rule records");
    }
}

/// A file that is rotated and never written, or written and never rotated, would be noticed when the disk is full.
#[test]
fn logrotate_turns_the_files_that_its_own_tables_have_written() {
    let text = text("logrotate");
    let (comments, rest): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with('#'));
    let tables =
        comments.iter().map(|line| line.trim_start_matches(['#', ' '])).skip_while(|line| *line != "[[store.out]]");
    let sample = std::fs::read_to_string(deploy("../config/turno.toml")).unwrap();
    let config = format!("{sample}\n{}", tables.collect::<Vec<_>>().join("\n"));
    let checked = turno::shell::config::parse("turno.toml", &config, &deploy("../config"), Some(BTreeMap::new()));
    let problems: Vec<String> = checked.problems.iter().map(|problem| problem.to_string()).collect();
    let settings = checked.settings.unwrap_or_else(|| panic!("{problems:#?}"));
    let written: BTreeSet<String> = settings
        .store
        .outs
        .iter()
        .map(|out| match &out.to {
            To::File(FileOut { path, rotate: Rotate::Never, .. }) => path.to_str().unwrap().to_owned(),
            other => panic!("{}: nobody else turns {other:?}", out.name),
        })
        .collect();
    let turned = rest[0].trim_end_matches(" {").split(' ').map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(turned, written);
    assert!(rest.iter().any(|line| line.contains("--signal=HUP")), "{rest:?}");
}

/// Exposure 2.0 or less by `systemd-analyze security`, whose scale goes to 10.
#[test]
fn the_unit_is_hardened() {
    let out = run("systemd-analyze", &["security", "--offline=true", "systemd/turno.service"]);
    let said = all_of(&out);
    let exposure = said.lines().find_map(|line| line.split_once("exposure level for turno.service: "));
    let exposure: f64 = exposure.unwrap_or_else(|| panic!("{said}")).1.split(' ').next().unwrap().parse().unwrap();
    assert!(exposure <= 2.0, "{exposure}\n{said}");
    assert!(!said.contains("Failed to parse"), "{said}");
}

#[test]
fn kamailio_reads_its_snippet() {
    let out = run("kamailio", &["-c", "-f", "pbx/kamailio/kamailio.turno.cfg"]);
    assert!(out.status.success(), "{}", all_of(&out));
}
