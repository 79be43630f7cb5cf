//! Commands on the folders of a node, and what the audit log has of them: with no node, beside one, and where folders lie elsewhere.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use serde_json::{Value, json};

use crate::cli::{Cli, run};
use crate::shell::asker::Asker;
use crate::shell::audit::{self, Audit, Author, Beside, Deed, Door, Entry, FILE, Wanted, account, point};
use crate::shell::clock::Clock;
use crate::shell::inbox::inbox;
use crate::shell::store::tests::{Dir, fill, record};

const CALL: &str = "019d2b8c1a0000000000000000000001";

/// The exit code of `turno` with these words.
fn turno(words: &[&str]) -> u8 {
    run(Cli::try_parse_from(["turno"].iter().chain(words)).unwrap_or_else(|error| panic!("{words:?}: {error}")))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Oldest first.
fn listed(data: &Path) -> Vec<Entry> {
    let mut entries = Beside::at(data).list(&Wanted { last: 100, ..Wanted::default() }, &data.join("records")).unwrap();
    entries.reverse();
    entries
}

fn lines(data: &Path) -> String {
    let value = |of: &Option<Value>| {
        let of = of.clone().map(|mut of| {
            timeless(&mut of);
            of.to_string()
        });
        of.unwrap_or_else(|| "-".to_owned())
    };
    let mut lines = String::new();
    for entry in listed(data) {
        assert_eq!((entry.who.as_str(), entry.door), (account().as_str(), Door::Cli));
        let (before, after) = (value(&entry.before), value(&entry.after));
        let _ = writeln!(lines, "{} | {} | {} | {before} => {after}", entry.what, entry.about, entry.more);
    }
    lines.replace(text(data), "DATA")
}

/// Without what differs from run to run: instants of now, and who we are.
fn timeless(value: &mut Value) {
    /// Later than all that is said here: 2026-02-01, µs.
    const NOW_MIN: i64 = 1_769_904_000_000_000;
    match value {
        Value::Array(all) => all.iter_mut().for_each(timeless),
        Value::Object(all) => {
            for (key, value) in all {
                match key.as_str() {
                    "at" | "opened" if value.as_i64().is_some_and(|at| at > NOW_MIN) => *value = json!("NOW"),
                    "before" => *value = json!("LONG AGO"),
                    "by" if *value == json!(account()) => *value = json!("US"),
                    _ => timeless(value),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A data folder with customers, records and a message in it.
fn data() -> Dir {
    let dir = Dir::new("audited");
    fs::create_dir_all(dir.0.join("records")).unwrap();
    fs::create_dir_all(dir.0.join("voicemail")).unwrap();
    fill(&dir.0.join("records"), (0..3).map(record)).unwrap();
    fs::write(dir.0.join("a.csv"), "id,name,numbers\na,Ana,612345678\nb,Ana R,612345678\nc,Luis,688000000\n").unwrap();
    let price = "valid_from,payer,b,rate,per_minute\n2026-01-01,company,34900,freephone,0.60\n";
    fs::write(dir.0.join("tariff.csv"), price).unwrap();
    let message = json!({"call": CALL, "mailbox": "night", "from": "", "e164": null, "customer": null, "queue": null,
        "at": "2026-03-10T09:00:00Z", "at_us": 1, "ms": 5000, "done": false});
    fs::write(dir.0.join(format!("voicemail/{CALL}.json")), message.to_string()).unwrap();
    dir
}

/// Each command that changes something without the engine, once; what only shows or only tries leaves nothing.
#[test]
fn what_is_changed_without_a_node_is_told_by_account_before_and_after() {
    let dir = data();
    let (records, voicemail) = (dir.0.join("records"), dir.0.join("voicemail"));
    let (file, deck) = (dir.0.join("a.csv"), dir.0.join("tariff.csv"));
    let of_customers: [&[&str]; 26] = [
        &["import", text(&file), "--dry-run"],
        &["import", text(&file)],
        &["search", "ana"],
        &["show", "a"],
        &["consent", "give", "a", "recording", "--proof", "form 118", "--at", "2026-01-05"],
        &["consent", "withdraw", "a", "recording", "--at", "2026-01-06"],
        &["consent", "undo", "a", "recording"],
        &["note", "add", "a", "asks", "for", "her", "brother"],
        &["note", "undo", "a"],
        &["note", "undo", "nobody"],
        &["case", "open", "a", "R-1", "no", "line"],
        &["case", "close", "a", "R-1"],
        &["merge", "a", "b"],
        &["unmerge", "a"],
        &["different", "a", "b"],
        &["duplicates"],
        &["duplicates", "--merge"],
        &["value", "--dry-run"],
        &["value"],
        &["retain", "--notes-days", "90", "--dry-run"],
        &["retain", "--notes-days", "90", "--contacts-days", "365"],
        &["tasks"],
        &["tasks", "--done", "7"],
        &["undo"],
        &["import", text(&file)],
        &["erase", "c", "--yes"],
    ];
    for words in of_customers {
        let code = turno(&[&["customers", "--records", text(&records)], words].concat());
        let is_nobody = words.contains(&"nobody") || words.contains(&"7");
        assert_eq!(code, if is_nobody { 3 } else { 0 }, "{words:?}");
    }
    let line = |n: u8, call: &str| json!({"segment": 1, "offset": n, "call": call, "seq": 3, "reason": "it answers 422", "record": {}});
    let list = [line(24, CALL), line(90, "019d2b8c1a0000000000000000000002")].map(|line| format!("{line}\n")).concat();
    fs::create_dir_all(records.join("out")).unwrap();
    fs::write(records.join("out/billing.refused.jsonl"), list).unwrap();
    let others: [&[&str]; 12] = [
        &["cdr", "--records", text(&records), "list"],
        &["cdr", "--records", text(&records), "refused"],
        &["cdr", "--records", text(&records), "refused", "retry", "billing", "--call", CALL],
        &["cdr", "--records", text(&records), "refused", "let-go", "billing"],
        &["cdr", "--records", text(&records), "retain", "--older-than", "36500", "--dry-run"],
        &["cdr", "--records", text(&records), "retain", "--older-than", "36500", "--purpose", "queue"],
        &["cdr", "--records", text(&records), "erase", "--customer", "X-9", "--number", "+34612045118"],
        &["voicemail", "--voicemail", text(&voicemail), "done", CALL],
        &["voicemail", "--voicemail", text(&voicemail), "done", CALL, "--undo"],
        &["voicemail", "--voicemail", text(&voicemail), "list"],
        &[
            "rate",
            "again",
            "--records",
            text(&records),
            "--deck",
            text(&deck),
            "--from",
            "2026-01-01",
            "--to",
            "2026-01-02",
        ],
        &["audit", "list", "--data", text(&dir.0)],
    ];
    for words in others {
        assert_eq!(turno(words), 0, "{words:?}");
    }
    let told = lines(&dir.0);
    expect_test::expect_file!["../../../tests/golden/audit_cli.txt"].assert_eq(&told);
}

#[test]
fn what_changed_of_a_customer_is_shown_until_he_is_forgotten_and_the_line_stays() {
    let dir = data();
    let (records, file) = (dir.0.join("records"), dir.0.join("a.csv"));
    let customers = |words: &[&str]| turno(&[&["customers", "--records", text(&records)], words].concat());
    assert_eq!(customers(&["import", text(&file)]), 0);
    assert_eq!(customers(&["note", "add", "c", "asks for Alcibiades"]), 0);
    let told = listed(&dir.0).pop().unwrap();
    assert_eq!(told.after.unwrap()["notes"][0]["text"], json!("asks for Alcibiades"));
    assert_eq!(customers(&["erase", "c", "--yes"]), 0);
    let entries = listed(&dir.0);
    let what: Vec<&str> = entries.iter().map(|entry| entry.what.as_str()).collect();
    assert_eq!(what, ["customers import", "customers note add", "customers erase"]);
    assert_eq!((entries[1].about.as_str(), &entries[1].before, &entries[1].after), ("customer/c", &None, &None));
    let mut files = vec![dir.0.join(FILE)];
    files.extend(fs::read_dir(&records).unwrap().map(|entry| entry.unwrap().path()));
    for path in files {
        let Ok(bytes) = fs::read(&path) else { continue };
        let is_there = bytes.windows(10).any(|window| window == b"Alcibiades");
        assert!(!is_there, "{} remembers", path.display());
    }
}

/// As a node and commands beside it do: each has the file open on its own, and none loses a line.
#[test]
fn a_node_and_commands_write_the_same_file() {
    const EACH: usize = 8;
    let dir = data();
    let (inbox, _outlet) = inbox(Clock::begin());
    let audit = Audit::open(Arc::new(Asker::new(inbox)), &dir.0, Duration::from_secs(86_400));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    std::thread::scope(|threads| {
        for thread in 0..2 {
            let records = dir.0.join("records");
            threads.spawn(move || {
                for n in 0..EACH {
                    super::note(&records, super::deed("customers import", "customers", format!("{thread} {n}")));
                }
            });
        }
        let by = Author { who: "root".into(), door: Door::Socket };
        for n in 0..EACH {
            let deed = Deed { what: "reload".to_owned(), more: n.to_string(), ..Deed::default() };
            runtime.block_on(audit.note(&by, deed));
        }
    });
    let entries = audit.list(&Wanted { last: 100, ..Wanted::default() }, &dir.0).unwrap();
    for (door, thread) in [(Door::Cli, "0 "), (Door::Cli, "1 "), (Door::Socket, "")] {
        let of: Vec<&str> = entries
            .iter()
            .rev()
            .filter(|entry| entry.door == door && entry.more.starts_with(thread))
            .map(|entry| entry.more.trim_start_matches(thread))
            .collect();
        let all: Vec<String> = (0..EACH).map(|n| n.to_string()).collect();
        assert_eq!(of, all, "{door:?} {thread}");
    }
}

#[test]
fn the_log_is_found_from_the_folder_that_a_command_is_given() {
    let dir = Dir::new("audited");
    let (data, elsewhere) = (dir.0.join("data"), dir.0.join("elsewhere/calls"));
    fs::create_dir_all(&data).unwrap();
    fs::create_dir_all(&elsewhere).unwrap();
    let found = |folder: &Path| Beside::of(folder).dir().to_owned();
    assert_eq!(found(&data.join("records")), data, "as usual, also before the first start");
    assert_eq!(found(&data.join("voicemail")), data);
    assert_eq!(found(&elsewhere), elsewhere, "of nobody's: not in the folder above, whatever that is");
    fs::write(data.join(FILE), "").unwrap();
    assert_eq!(found(&data.join("calls")), data, "another name in a data folder");
    point(&elsewhere, &data).unwrap();
    assert_eq!(found(&elsewhere), data, "as the node says at its start");
    fs::write(elsewhere.join(audit::POINTER), text(&dir.0.join("gone"))).unwrap();
    assert_eq!(found(&elsewhere), elsewhere, "the data folder is no more");
    fs::create_dir_all(data.join("records")).unwrap();
    fs::write(data.join("records").join(audit::POINTER), text(&elsewhere)).unwrap();
    point(&data.join("records"), &data).unwrap();
    assert_eq!(found(&data.join("records")), data, "it was moved there");
}

#[test]
fn what_was_done_is_said_when_the_log_cannot_be_written() {
    let dir = data();
    fs::create_dir_all(dir.0.join(FILE)).unwrap();
    let file = dir.0.join("a.csv");
    assert_eq!(turno(&["customers", "--records", text(&dir.0.join("records")), "import", text(&file)]), 0);
    assert_eq!(turno(&["audit", "list", "--data", text(&dir.0)]), 1);
}
