//! The planner's commands as a program and a person read them: the same numbers in JSON and in the table, a picture that any viewer
//! opens, progress on the other stream, and a fault named by its place and what to write instead.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A folder of this test's own.
struct Desk(PathBuf);

impl Desk {
    fn new(name: &str) -> Desk {
        let path = std::env::temp_dir().join(format!("turno-plans-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Desk(path)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn turno(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_turno")).args(words).stdin(Stdio::null()).output().unwrap()
}

/// What is printed, in words and as JSON. Nothing of the progress is among it, nor anywhere where nobody looks.
fn told(words: &[&str]) -> (String, Value) {
    let print = |words: &[&str]| {
        let out = turno(words);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.success() && said.is_empty(), "{words:?}: {said}");
        String::from_utf8(out.stdout).unwrap()
    };
    let table = print(words);
    let json = print(&[&["--json"], words].concat());
    (table, serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}")))
}

/// Refused, and why.
fn refused(words: &[&str]) -> String {
    let out = turno(words);
    assert_eq!((out.status.code(), out.stdout.len()), (Some(1), 0), "{words:?}");
    String::from_utf8(out.stderr).unwrap()
}

/// The texts of a picture whose tags are all closed in order and whose attributes are all quoted.
fn texts_of(path: &Path) -> Vec<String> {
    let svg = fs::read_to_string(path).unwrap();
    let (mut open, mut texts) = (Vec::new(), Vec::new());
    let mut rest = svg.as_str();
    while let Some((text, after)) = rest.split_once('<') {
        let is_plain = text
            .split('&')
            .skip(1)
            .all(|part| ["amp;", "lt;", "gt;", "quot;", "apos;", "#"].iter().any(|entity| part.starts_with(entity)));
        assert!(is_plain && !text.contains('>'), "{text}");
        texts.extend(Some(text.trim().to_owned()).filter(|text| !text.is_empty()));
        let (tag, after) = after.split_once('>').expect("every tag ends");
        assert!(tag.matches('\'').count() % 2 == 0 && tag.matches('"').count() % 2 == 0, "{tag}");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{tag}"),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split(' ').next().unwrap()),
        }
        rest = after;
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest}");
    assert!(svg.starts_with("<svg xmlns='http://www.w3.org/2000/svg' "), "{svg:.80}");
    texts
}

fn number(value: &Value, path: &str) -> f64 {
    value.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {path} in {value:#}"))
}

/// The reference centre with few calls, so that a day is played in no time.
fn few_calls(desk: &Desk) -> String {
    desk.file("few.toml", "like = 'mid'\nname = 'few'\ntitle = 'few & <far> between'\ncalls_per_day = 200\n")
}

#[test]
fn a_comparison_has_one_set_of_numbers_and_a_picture_of_them() {
    let desk = Desk::new("sim");
    let (few, svg) = (few_calls(&desk), desk.path("sim.svg"));
    let (table, json) = told(&["sim", &few, "--policy", "fifo-rr,turno", "--days", "3", "--svg", &svg]);
    assert_eq!(json["policies"].as_array().unwrap().len(), 2);
    for row in json["policies"].as_array().unwrap() {
        let policy = row["policy"].as_str().unwrap();
        assert_eq!(row["measures"].as_array().unwrap().len(), 8, "{row:#}");
        for measure in row["measures"].as_array().unwrap() {
            let shown = format!("  {policy:7}  {:8.2} ", number(measure, "/value/mid"));
            assert!(table.contains(&shown), "{shown:?} of {measure:#} is not in\n{table}");
        }
    }
    let texts = texts_of(Path::new(&svg));
    for name in ["fifo-rr", "turno", "value-weighted wait, s"] {
        assert!(texts.iter().any(|text| text.contains(name.trim_end_matches(", s"))), "{name}: {texts:?}");
    }
    assert!(texts.iter().any(|text| text.contains("few &amp; &lt;far&gt; between")), "{texts:?}");
}

#[test]
fn progress_is_shown_to_whoever_looks_and_never_among_the_answer() {
    let desk = Desk::new("progress");
    let (few, out) = (few_calls(&desk), desk.path("out.json"));
    let line = format!("{} --json sim {few} --days 20 --threads 1 >{out}", env!("CARGO_BIN_EXE_turno"));
    let seen = Command::new("script").args(["-qec", &line, "/dev/null"]).stdin(Stdio::null()).output().unwrap();
    assert!(seen.status.success(), "script (util-linux) gives the command a terminal");
    let seen = String::from_utf8_lossy(&seen.stdout).into_owned();
    assert!(seen.contains("/40 days, "), "{seen:?}");
    let answer: Value = serde_json::from_str(&fs::read_to_string(out).unwrap()).unwrap();
    assert_eq!(number(&answer, "/days"), 20.0);
}

#[test]
fn a_search_tells_what_it_found_tried_and_judged() {
    let desk = Desk::new("tune");
    let (few, svg) = (few_calls(&desk), desk.path("trade.svg"));
    let (table, json) = told(&["sim", "tune", &few, "--train", "2", "--unseen", "2", "--svg", &svg]);
    let tried = json["tried"].as_array().unwrap();
    assert!(table.starts_with(&format!("{} settings tried on 2 days", tried.len())), "{table}");
    for (knob, value) in json["tuned"].as_object().unwrap() {
        assert!(table.contains(&format!("{knob} = {}", value)), "{knob} = {value}\n{table}");
    }
    let judged: Vec<&str> =
        json["unseen"]["policies"].as_array().unwrap().iter().map(|row| row["policy"].as_str().unwrap()).collect();
    assert_eq!(judged, ["turno as it is", "turno tuned", "fifo-rr", "priority"]);
    for row in json["unseen"]["policies"].as_array().unwrap() {
        let shown = format!("{:14}  {:8.2} s", row["policy"].as_str().unwrap(), number(row, "/measures/0/value/mid"));
        assert!(table.contains(&shown), "{shown}\n{table}");
    }
    assert!(texts_of(Path::new(&svg)).iter().any(|text| text.contains("turno tuned")));
}

#[test]
fn a_centre_is_fitted_in_words_that_can_be_played_and_as_json() {
    let desk = Desk::new("fit");
    let mut csv = "direction,segment,value_per_mille,queue,agent,arrived,wait_ms,talk_ms,hold_ms,outcome\n".to_owned();
    for n in 0..60 {
        let (agent, outcome) = if n % 3 > 0 { ("boris", "answered") } else { ("", "abandoned") };
        let talk_ms = n % 3 * 60_000;
        csv += &format!(
            "inbound,gold,4000,averias,{agent},2026-03-1{}T08:{n:02}:00Z,{},{talk_ms},0,{outcome}\n",
            n % 2,
            n * 1000
        );
    }
    let records = desk.file("records.csv", &csv);
    let (text, json) = told(&["sim", "fit", &records]);
    let fitted: toml::Value = toml::from_str(&text).unwrap();
    assert_eq!(fitted["queue"][0]["name"].as_str(), json["scenario"]["queue"][0]["name"].as_str());
    assert_eq!(fitted["queue"][0]["handle_s"].as_float(), json["scenario"]["queue"][0]["handle_s"].as_f64());
    assert_eq!(number(&json, "/days"), 2.0);
    let fitted = desk.file("fitted.toml", &text);
    assert_eq!(told(&["sim", &fitted, "--days", "1"]).1["policies"].as_array().unwrap().len(), 2);
    let said = refused(&["sim", "fit", &desk.file("one.csv", &csv[..csv.find("2026").unwrap()])]);
    assert!(said.contains("one.csv"), "{said}");
}

#[test]
fn agents_needed_are_the_same_in_the_table_in_json_and_in_the_picture() {
    let (table, json) = told(&["staff", "quick", "--calls", "200", "--handle", "180", "--patience", "180"]);
    assert!(table.contains(&format!("; {} agents answer 80 %", json["agents"])), "{table}");
    for row in json["rows"].as_array().unwrap() {
        let shown = format!("{:>6} {:>7.1} %", row["agents"].as_u64().unwrap(), number(row, "/occupancy_pct"));
        assert!(table.contains(&shown), "{shown}\n{table}");
    }

    let desk = Desk::new("staff");
    let (few, svg) = (few_calls(&desk), desk.path("staff.svg"));
    let (table, json) = told(&["staff", "plan", &few, "--interval", "360", "--days", "1", "--svg", &svg]);
    let intervals = json["intervals"].as_array().unwrap();
    assert!(!intervals.is_empty());
    for one in intervals {
        let sum = |path: &str| one[path].as_array().map(|all| all.iter().map(|n| n.as_u64().unwrap()).sum::<u64>());
        let needed = sum("groups").map_or("none".to_owned(), |needed| needed.to_string());
        let (erlang_c, scheduled) = (number(one, "/erlang_c"), sum("scheduled").unwrap());
        let shown = format!("{:>7.1} {erlang_c:>8} {needed:>8} {scheduled:>9}", number(one, "/erlangs"));
        assert!(table.contains(&shown), "{shown}\n{table}");
    }
    assert!(texts_of(Path::new(&svg)).iter().any(|text| text.contains("agents required")));

    let mut history = "arrived,queue\n".to_owned();
    for day in 1..=16 {
        for n in 0..10 + day % 2 {
            history += &format!("2026-03-{day:02}T09:{n:02}:00Z,support\n");
        }
    }
    let history = desk.file("history.csv", &history);
    let (table, json) = told(&["staff", "forecast", "--history", &history, "--date", "2026-03-17", "--interval", "60"]);
    let calls: f64 = json["queues"]["support"].as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).sum();
    let rests_on = json["rests_on"].as_array().unwrap().len();
    assert!(
        table.starts_with(&format!("2026-03-17: {calls:.0} calls expected, resting on {rests_on} days")),
        "{table}"
    );
    let odd = desk.file("odd.csv", "arrived,queue\n2026-03-01T09:00:00Z,support\nyesterday,support\n");
    let said = refused(&["staff", "forecast", "--history", &odd, "--date", "2026-03-17"]);
    assert!(said.contains("odd.csv line 3: arrived is \"yesterday\", not an instant such as 2026-"), "{said}");
}

#[test]
fn a_fault_in_a_scenario_is_named_with_its_place_and_what_to_write() {
    let desk = Desk::new("faults");
    for (name, text, place, remedy) in [
        (
            "key.toml",
            "like = 'mid'\nname = 'x'\nminutes = 3\n",
            "line 3",
            "unknown field `minutes`, expected one of `name`",
        ),
        ("type.toml", "like = 'mid'\nname = 'x'\n\ndays = 'many'\n", "line 4", "expected u32"),
        ("range.toml", "like = 'mid'\nhours = 1000\n", "hours", "must be 0.1 to 240"),
        ("like.toml", "like = 'nowhere'\n", "like = \"nowhere\"", "there are mid"),
    ] {
        let path = desk.file(name, text);
        for words in [vec!["sim", &path], vec!["sim", "tune", &path], vec!["staff", "plan", &path]] {
            let said = refused(&words);
            for part in [&path, place, remedy] {
                assert!(said.contains(part), "{words:?}: {part:?} is not in {said}");
            }
        }
    }
    assert!(refused(&["sim", "nowhere"]).contains("nowhere is no scenario of the program (mid, crosstrained-75"));
}
