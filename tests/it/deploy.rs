//! What ships beside the program: rules and dashboards name metrics that exist, the unit is hardened, the PBX snippets are read by
//! the PBX's own parser, and the service manager is told what it waits for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
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

/// The labels that each metric has, as the reference says.
fn labels() -> BTreeMap<String, BTreeSet<String>> {
    let page = fs::read_to_string(deploy("../docs/reference/metrics.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `turno_"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(" | ").collect();
        (format!("turno_{}", cells[0].trim_end_matches('`')), cells[2].split(' ').map(str::to_owned).collect())
    };
    rows.map(row).collect()
}

/// A label that no sample has finds nothing, and says so to nobody.
#[test]
fn rules_and_dashboard_ask_for_labels_that_there_are() {
    let (labels, mut asked, mut wrong) = (labels(), 0, Vec::new());
    let dashboard = text("grafana/turno.json").replace("\\\"", "\"");
    for file in [text("prometheus/turno.rules.yml"), dashboard] {
        for (at, _) in file.match_indices("turno_") {
            let rest = &file[at..];
            let Some(end) = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) else { continue };
            let (name, selector) = rest.split_at(end);
            let Some(selector) = selector.strip_prefix('{').and_then(|rest| rest.split_once('}')) else { continue };
            let plain = ["_bucket", "_sum", "_count"].iter().find_map(|form| name.strip_suffix(form)).unwrap_or(name);
            let Some(has) = labels.get(plain).or_else(|| labels.get(name)) else { continue };
            for matcher in selector.0.split("\",").filter(|matcher| !matcher.trim().is_empty()) {
                let label = matcher.trim().split(['=', '!']).next().unwrap_or_default();
                asked += 1;
                if !has.contains(label) && !["instance", "job", "le"].contains(&label) {
                    wrong.push(format!("{name} has no label {label:?}"));
                }
            }
        }
    }
    assert!(asked > 30, "{asked}");
    assert!(wrong.is_empty(), "{wrong:#?}");
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

/// The files are turned as its own program does it, and whoever writes them is told.
#[test]
fn logrotate_reads_its_file_and_turns_what_is_written() {
    let dir = std::env::temp_dir().join(format!("turno-logrotate-{}", std::process::id()));
    fs::create_dir_all(dir.join("out")).unwrap();
    let told = dir.join("told");
    let here = text("logrotate")
        .replace("/var/lib/turno/records/out", dir.join("out").to_str().unwrap())
        .replace("systemctl kill --signal=HUP --kill-whom=main turno.service", &format!("touch {}", told.display()));
    let config = dir.join("turno");
    fs::write(&config, here).unwrap();
    let turn = |how: &str| {
        let out = Command::new("logrotate").args([how, "-s"]).arg(dir.join("state")).arg(&config).output();
        let out = out.unwrap_or_else(|error| panic!("logrotate does not start ({error}); scripts/tools installs it"));
        assert!(out.status.success() && !all_of(&out).contains("error:"), "{how}: {}", all_of(&out));
    };
    turn("-d");
    turn("-f");
    assert!(!told.exists(), "nothing is there to be turned yet");
    for file in ["queue_log", "Master.csv"] {
        fs::write(dir.join("out").join(file), "1773140400|NONE|NONE|NONE|QUEUESTART|\n").unwrap();
    }
    turn("-f");
    for file in ["queue_log", "Master.csv"] {
        let (now, before) = (dir.join("out").join(file), dir.join("out").join(format!("{file}.1")));
        assert!(before.exists() && !now.exists(), "{file} is made again by who writes it");
    }
    assert!(told.exists());
    fs::remove_dir_all(dir).unwrap();
}

/// Seconds of a duration in a file of configuration: `330s`, `5m`.
fn seconds(text: &str) -> u64 {
    let number = text.trim_end_matches(char::is_alphabetic).parse::<u64>().unwrap();
    number * if text.ends_with('m') { 60 } else { 1 }
}

/// What stands behind `key` in a file of lines.
fn behind<'a>(text: &'a str, key: &str) -> &'a str {
    let line =
        text.lines().find_map(|line| line.trim().strip_prefix(key)).unwrap_or_else(|| panic!("no {key} in {text}"));
    line.split('#').next().unwrap().trim().trim_matches('"')
}

/// Whoever stops it, by unit, container or cluster, leaves it longer than it may drain: else calls are cut at the end.
#[test]
fn everybody_who_stops_it_waits_longer_than_it_drains() {
    let sample = fs::read_to_string(deploy("../config/turno.toml")).unwrap();
    let drain = seconds(behind(&sample, "drain_limit =").trim_matches('"'));
    for (file, key) in [
        ("systemd/turno.service", "TimeoutStopSec="),
        ("docker/compose.yml", "stop_grace_period:"),
        ("helm/turno/values.yaml", "terminationGracePeriodSeconds:"),
    ] {
        let text = text(file);
        let waits = seconds(behind(&text, key));
        assert!(waits >= drain + 10, "{file} waits {waits} s, a drain may take {drain} s");
    }
}

#[test]
fn the_chart_runs_one_engine_on_the_nodes_own_addresses_from_a_configuration_that_is_read() {
    let (set, values) = (text("helm/turno/templates/statefulset.yaml"), text("helm/turno/values.yaml"));
    for line in [
        "replicas: 1",
        "hostNetwork: true",
        "dnsPolicy: ClusterFirstWithHostNet",
        "runAsNonRoot: true",
        "readOnlyRootFilesystem: true",
        "allowPrivilegeEscalation: false",
        "capabilities: {drop: [ALL]}",
        "terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}",
    ] {
        assert!(set.lines().any(|have| have.trim() == line), "{line}");
    }
    // What the templates ask for is among the values.
    for file in ["statefulset", "configmap", "service"] {
        for name in text(&format!("helm/turno/templates/{file}.yaml")).split(".Values.").skip(1) {
            let name: String = name.chars().take_while(char::is_ascii_alphanumeric).collect();
            assert!(values.lines().any(|line| line.starts_with(&format!("{name}:"))), "{file}: {name}");
        }
    }
    let version = format!("appVersion: \"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(text("helm/turno/Chart.yaml").lines().any(|line| line == version), "the chart is of another version");
    let config = values.split_once("config: |\n").unwrap().1.lines().take_while(|line| line.starts_with("  "));
    let config: String = config.map(|line| format!("{}\n", line.trim())).collect();
    let checked = turno::shell::config::parse("turno.toml", &config, &deploy("../config"), Some(BTreeMap::new()));
    let problems: Vec<String> = checked.problems.iter().map(ToString::to_string).collect();
    assert!(checked.settings.is_some() && problems.is_empty(), "{problems:#?}");
}

#[test]
fn the_image_has_what_it_copies_and_its_account_has_one_number_everywhere() {
    let docker = text("docker/Dockerfile");
    let copied =
        docker.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with("--from"));
    for source in copied.flat_map(|line| line.rsplit_once(' ').unwrap().0.split(' ')) {
        assert!(deploy("..").join(source).exists(), "{source}");
    }
    assert!(docker.lines().any(|line| line == "USER turno"), "it is nobody in particular");
    let compose = text("docker/compose.yml");
    let set = text("helm/turno/templates/statefulset.yaml");
    for (text, says) in [
        (&docker, "groupadd --system --gid 10001"),
        (&docker, "useradd --system --uid 10001"),
        (&compose, "/run/turno:uid=10001,gid=10001,"),
        (&compose, "read_only: true"),
        (&compose, "cap_drop: [ALL]"),
        (&set, "runAsUser: 10001"),
        (&set, "runAsGroup: 10001"),
        (&set, "fsGroup: 10001"),
    ] {
        assert!(text.contains(says), "{says}");
    }
    // Passwords of who tries it from his checkout stay out of the image.
    let ignored = text("docker/Dockerfile.dockerignore");
    assert!(ignored.lines().any(|line| line == "deploy/docker/etc") && compose.contains("- ./etc:/etc/turno:ro"));
}

/// A file that the package names and that is not there would be noticed by who makes the next release.
#[test]
fn the_package_has_what_it_names_and_stops_no_engine() {
    let manifest: toml::Table = fs::read_to_string(deploy("../Cargo.toml")).unwrap().parse().unwrap();
    let deb = &manifest["package"]["metadata"]["deb"];
    let mut to = BTreeSet::new();
    for asset in deb["assets"].as_array().unwrap() {
        let (from, into) = (asset[0].as_str().unwrap(), asset[1].as_str().unwrap());
        to.insert(into);
        if from.starts_with("target/") {
            continue;
        }
        let folder = deploy("..").join(from.split('*').next().unwrap());
        let is_there = if from.contains('*') {
            folder.read_dir().is_ok_and(|mut all| all.next().is_some())
        } else {
            folder.is_file()
        };
        assert!(is_there, "{from}");
    }
    assert!(to.contains("usr/bin/") && to.contains("etc/logrotate.d/turno"), "{to:?}");
    let units = &deb["systemd-units"];
    for key in ["enable", "start", "restart-after-upgrade", "stop-on-upgrade"] {
        assert_eq!(units[key].as_bool(), Some(false), "{key}");
    }
    for script in ["postinst", "postrm"] {
        let out = run("sh", &["-n", &format!("debian/{script}")]);
        assert!(
            out.status.success() && text(&format!("debian/{script}")).ends_with("#DEBHELPER#\n"),
            "{}",
            all_of(&out)
        );
    }
}

#[test]
fn prometheus_takes_the_lines_of_the_page_on_it() {
    let page = text("../docs/how-to/prometheus.md");
    let lines = page.split_once("```yaml\n").unwrap().1.split("```").next().unwrap();
    let dir = std::env::temp_dir().join(format!("turno-prometheus-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    fs::copy(deploy("prometheus/turno.rules.yml"), dir.join("turno.rules.yml")).unwrap();
    fs::write(dir.join("prometheus.yml"), lines).unwrap();
    let out = run("promtool", &["check", "config", dir.join("prometheus.yml").to_str().unwrap()]);
    assert!(out.status.success(), "{}", all_of(&out));
    fs::remove_dir_all(dir).unwrap();
}

/// Debian has no FreeSWITCH to ask (`freeswitch` asks one where there is one): its snippets are XML, and a caller whom Turno does not take stays in the dial plan.
#[test]
fn the_snippets_for_freeswitch_are_xml_and_go_on_when_turno_does_not_take_a_call() {
    for file in ["pbx/freeswitch/turno.xml", "pbx/freeswitch/dialplan.turno.xml"] {
        let out = run("python3", &["-c", "import sys, xml.dom.minidom as x; x.parse(sys.argv[1])", file]);
        assert!(out.status.success(), "{file}: {}", all_of(&out));
    }
    let plan = text("pbx/freeswitch/dialplan.turno.xml");
    let (before, after) = plan.split_once("application=\"bridge\" data=\"sofia/gateway/turno/$1\"").unwrap();
    let causes = before.split_once("continue_on_fail=").unwrap().1.split('"').next().unwrap();
    for cause in ["NORMAL_TEMPORARY_FAILURE", "GATEWAY_DOWN", "RECOVERY_ON_TIMER_EXPIRE", "NO_ANSWER"] {
        assert!(causes.split(',').any(|named| named == cause), "{cause}");
    }
    assert!(after.contains("application=\"callcenter\""), "the PBX's own queue");
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

/// A key that systemd does not know, or a value that it cannot read, would be passed over in silence.
#[test]
fn systemd_reads_the_unit() {
    let dir = std::env::temp_dir().join(format!("turno-unit-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let unit = dir.join("turno.service");
    fs::write(&unit, text("systemd/turno.service").replace("/usr/bin/turno", env!("CARGO_BIN_EXE_turno"))).unwrap();
    let out = run("systemd-analyze", &["verify", "--man=no", "--recursive-errors=no", unit.to_str().unwrap()]);
    assert_eq!((out.status.success(), all_of(&out).as_str()), (true, ""));
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn kamailio_reads_its_snippet() {
    let out = run("kamailio", &["-c", "-f", "pbx/kamailio/kamailio.turno.cfg"]);
    assert!(out.status.success(), "{}", all_of(&out));
}
