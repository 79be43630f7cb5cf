//! Every command of the program with `--json`, on a node that runs: what it prints is JSON, and its exit code says what happened.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::house::{House, Plan};

/// Those that run until they are told to end, and those whose output is a file of another kind.
const OTHERS: [&str; 8] = ["serve", "demo", "completions", "man", "replay", "token password", "call", "agent skill"];

/// What is asked, and the exit code. `CALL` is the id of none, `DIR` the folder of the house, `SAMPLE` the repository's config.
const ASKED: &[(&str, u8)] = &[
    ("check DIR/turno.toml", 0),
    ("init --pbx freeswitch --pbx-ip 127.0.0.9 --ip 127.0.0.1 --dir DIR/first", 0),
    ("doctor --config DIR/turno.toml", 0),
    ("journal export DIR/data/journal DIR/shown", 0),
    ("queue show", 0),
    ("queue show nowhere", 3),
    ("queue add nueva", 0),
    ("queue set nueva wrap_up=5s", 0),
    ("queue remove nueva", 0),
    ("agent show", 0),
    ("agent show nobody", 3),
    ("agent explain anna", 0),
    ("agent login anna", 0),
    ("agent pause anna pausa", 0),
    ("agent ready anna", 0),
    ("agent leave anna general", 0),
    ("agent serve anna general --rank 2", 0),
    ("agent serve anna nowhere", 3),
    ("agent rank anna general 5", 0),
    ("agent saved anna", 1),
    ("agent extend anna", 1),
    ("agent disposition anna sale", 1),
    ("agent logout anna", 0),
    ("agent skill anna set averias 3", 0),
    ("agent skill anna unset averias", 0),
    ("agent skill anna reset averias", 0),
    ("agent add otro", 0),
    ("agent set otro no_answer_max=2", 0),
    ("agent remove otro", 0),
    ("callback show", 0),
    ("callback add +34600000001 --queue averias", 1),
    ("callback cancel +34600000001", 3),
    ("callback appoint +34600000001 2027-01-01T10:00:00Z", 3),
    ("task add averias", 0),
    ("task list", 0),
    ("task done CALL", 3),
    ("task move CALL averias", 3),
    ("call show", 0),
    ("call explain CALL", 3),
    ("call trace CALL", 3),
    ("call hangup CALL", 3),
    ("call bump CALL", 3),
    ("call move CALL averias", 3),
    ("call place 1001 0", 1),
    ("call park CALL", 3),
    ("call pull CALL anna", 3),
    ("call needs CALL averias>=1", 3),
    ("reg show", 0),
    ("sip trace on --to DIR/one.pcap --for 60s", 0),
    ("sip trace show", 0),
    ("sip trace off", 0),
    ("log level", 0),
    ("route test --from +34612045118 --to 900100101", 0),
    ("trunk show", 0),
    ("trunk ping nowhere", 3),
    ("cdr list --records DIR/data/records", 0),
    ("cdr show CALL --records DIR/data/records", 3),
    ("cdr export --records DIR/data/records", 0),
    ("cdr verify --records DIR/data/records", 0),
    ("cdr refused --records DIR/data/records", 0),
    ("cdr refused retry nobody --records DIR/data/records", 3),
    ("cdr refused let-go nobody --records DIR/data/records", 3),
    ("cdr retain --older-than 365 --dry-run --records DIR/data/records", 0),
    ("cdr erase --customer C-0 --records DIR/data/records", 0),
    ("customers import SAMPLE/customers.csv --dry-run --records DIR/data/records", 0),
    ("customers imports --records DIR/data/records", 0),
    ("customers undo 77 --records DIR/data/records", 3),
    ("customers search nobody --records DIR/data/records", 0),
    ("customers show nobody --records DIR/data/records", 3),
    ("customers export nobody --records DIR/data/records", 3),
    ("customers erase nobody --records DIR/data/records", 1),
    ("customers retain --records DIR/data/records", 0),
    ("customers duplicates --records DIR/data/records", 0),
    ("customers merge nobody no-one --records DIR/data/records", 3),
    ("customers unmerge nobody --records DIR/data/records", 3),
    ("customers different nobody no-one --records DIR/data/records", 0),
    ("customers value --records DIR/data/records", 0),
    ("customers case open nobody R-1 line --records DIR/data/records", 3),
    ("customers case close nobody R-1 --records DIR/data/records", 3),
    ("customers consent give nobody recording --proof form-1 --records DIR/data/records", 3),
    ("customers consent withdraw nobody recording --records DIR/data/records", 3),
    ("customers consent undo nobody recording --records DIR/data/records", 3),
    ("customers note add nobody asks for a bill --records DIR/data/records", 3),
    ("customers note undo nobody --records DIR/data/records", 3),
    ("customers tasks --records DIR/data/records", 0),
    ("voicemail list --voicemail DIR/data/voicemail", 0),
    ("voicemail show CALL --voicemail DIR/data/voicemail", 3),
    ("voicemail fetch CALL --voicemail DIR/data/voicemail", 3),
    ("voicemail done CALL --voicemail DIR/data/voicemail", 3),
    ("report queues --records DIR/data/records", 0),
    ("audit --records DIR/data/records", 0),
    ("audit list --about agent/ --last 5", 0),
    ("audit list --data DIR/data", 0),
    ("lint --config DIR/turno.toml", 0),
    ("sim small --days 1", 0),
    ("calendar show", 0),
    ("calendar check nowhere 2026-12-24T09:30:00Z", 3),
    ("emergency off", 0),
    ("export", 0),
    ("apply DIR/nowhere.toml", 1),
    ("config log", 0),
    ("config show 1", 0),
    ("config add queues otra", 0),
    ("config set queues otra wrap_up=5s", 0),
    ("config remove queues otra", 0),
    ("config remove queues otra", 3),
    ("config undo 77", 3),
    ("deck import main SAMPLE/tariff.csv", 0),
    ("deck import main DIR/nowhere.csv", 1),
    ("deck list", 0),
    ("deck show main", 0),
    ("deck show nowhere", 3),
    ("deck export main", 0),
    ("deck export nowhere", 3),
    ("deck use main", 0),
    ("deck remove main", 1),
    ("deck remove nowhere", 3),
    ("skill add frances", 0),
    ("skill set frances reserve=1", 0),
    ("skill remove frances", 0),
    ("schema", 0),
    ("backup DIR/copy --config DIR/turno.toml", 0),
    ("restore DIR/nowhere DIR/back", 1),
    ("token new --name x --scope board", 0),
    ("reload", 0),
    ("drain", 0),
];

/// Played elsewhere with files of their own, where `--json` is seen as well.
const ELSEWHERE: [&str; 8] =
    ["rate", "rate again", "sim fit", "sim tune", "whatif", "staff quick", "staff forecast", "staff plan"];

#[test]
fn every_command_prints_json_and_its_exit_code_says_what_happened() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let house = House::open(&Plan { agents: &[("anna", 5)], sip: "", queue: "", more: "[dispositions.sale]\n" });
    let dir = house.dir.display().to_string();
    let mut wrong = Vec::new();
    for (asked, code) in ASKED {
        let words: Vec<String> = asked
            .split(' ')
            .map(|word| word.replace("DIR", &dir).replace("CALL", &"0".repeat(32)))
            .map(|word| word.replace("SAMPLE", &repository.join("config").display().to_string()))
            .collect();
        let out = Command::new(env!("CARGO_BIN_EXE_turno"))
            .arg("--socket")
            .arg(house.dir.join("data/turno.sock"))
            .arg("--json")
            .args(&words)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let (told, said) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        let is_json = serde_json::from_str::<Value>(&told).is_ok()
            || told.lines().all(|line| serde_json::from_str::<Value>(line).is_ok());
        // Who is refused reads why on the other stream.
        let says = *code == 0 || !told.is_empty() || !said.is_empty();
        if out.status.code() != Some(i32::from(*code)) || !is_json || !says {
            wrong.push(format!("{asked}: {:?} instead of {code}\n{told}\n{said}", out.status.code()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_command_is_left_out() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/cli.md");
    let page = std::fs::read_to_string(page).unwrap();
    let all: BTreeSet<&str> = page.lines().filter_map(|line| line.strip_prefix("## turno ")).collect();
    let names = |asked: &&str| {
        let is_asked = |of: &str| *of == **asked || asked.starts_with(&format!("{of} "));
        let skill = asked.strip_prefix("agent skill anna ").map(|rest| rest.split(' ').next().unwrap_or_default());
        match skill {
            Some(verb) => all.iter().find(|of| **of == format!("agent skill {verb}")).copied(),
            None => all.iter().filter(|of| is_asked(of)).max_by_key(|of| of.len()).copied(),
        }
    };
    let asked: BTreeSet<&str> = ASKED.iter().filter_map(|(asked, _)| names(asked)).collect();
    let others: BTreeSet<&str> = OTHERS.into_iter().chain(ELSEWHERE).collect();
    let missing: Vec<&&str> = all.iter().filter(|of| !asked.contains(*of) && !others.contains(*of)).collect();
    assert!(missing.is_empty(), "commands whose JSON nobody looks at: {missing:?}");
}
