//! `turno cdr` as an operator types it: export, verify, refused, retain, erase, over a store of four calls.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use turno::shell::clock::wall;
use turno::shell::store::{Options, Store};
use turno_base::fact::{Fact, Party, Segment, What};
use turno_base::number::normalise;
use turno_base::{AgentId, CallId, Cause, EndedBy, LegId, Mono, Now, Number, Outcome, TrunkId, Wall};
use turno_tariff::Deck;
use turno_tariff::cdr::{Builder, Kind, Row};

/// Bounds a failure.
const LONG: Duration = Duration::from_secs(60);

struct House {
    dir: PathBuf,
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn call(n: u64) -> CallId {
    CallId((u128::from(1_773_140_400_000 + n) << 80) | u128::from(n))
}

/// A freephone call of ten seconds with anna, by its rows.
fn rows(n: u64, from: &str, arrived: Wall) -> Vec<Row> {
    let deck = Deck::parse_csv(include_str!("../../config/tariff.csv")).unwrap();
    let number = |raw: &str| Number { raw: raw.to_owned(), e164: normalise(raw, "34"), withheld: false };
    let (call, leg, trunk) = (call(n), LegId::arrived(n), TrunkId::new("carrier").ok());
    let (a, b, anna) = (number(from), number("900123456"), AgentId::new("anna").unwrap());
    let party = Party::Caller(trunk);
    let script = [
        (0, What::CallArrived { call, ani: a.clone(), dnis: b.clone(), trunk }),
        (0, What::LegBegan { call, leg, sip_call_id: format!("{n}@test"), a, b, party }),
        (5, What::LegAnswered { call, leg }),
        (5, What::SegmentBegan { call, leg, segment: Segment::Talk(anna) }),
        (10_005, What::LegEnded { call, leg, cause: Cause::NORMAL, by: EndedBy::Caller }),
        (10_005, What::CallEnded { call, outcome: Outcome::Answered, by: EndedBy::Caller }),
    ];
    let (mut builder, mut rows) = (Builder::default(), Vec::new());
    for (ms, what) in script {
        let at = Now { mono: Mono::from_ms(n), wall: arrived }.after(Duration::from_millis(ms));
        builder.on_fact(&Fact { at, what }, &deck, &mut rows);
    }
    rows
}

/// Two calls of long ago and one of now; something else was said of the last one, which the tables refuse.
fn house(name: &str) -> House {
    let dir = std::env::temp_dir().join(format!("turno-records-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    let (store, _) = Store::open(&dir, Options::default(), Vec::new(), |_| {}).unwrap();
    let then = Wall::from_secs(1_583_837_600);
    let mut all = [rows(0, "612345678", then), rows(1, "612345679", then), rows(2, "612345699", wall())].concat();
    let mut other = all.last().unwrap().clone();
    other.seq += 1;
    let Kind::Close(record) = &mut other.kind else { panic!("a call ends with its record") };
    record.by = EndedBy::Agent;
    all.push(other);
    for (seq, row) in (1..).zip(all) {
        store.append(seq, row).unwrap();
    }
    store.close(LONG);
    House { dir }
}

/// What is printed, and the exit code before it.
fn cdr(house: &House, words: &[&str]) -> String {
    let out = Command::new(env!("CARGO_BIN_EXE_turno"))
        .arg("cdr")
        .args(words)
        .arg("--records")
        .arg(&house.dir)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{} {}{}", out.status.code().unwrap(), text(&out.stdout), text(&out.stderr))
}

fn path(house: &House, name: &str) -> String {
    house.dir.join(name).to_str().unwrap().to_owned()
}

#[test]
fn exports_are_what_the_records_say_and_verify_names_what_is_not() {
    let house = house("verify");
    let ok = |lines: u32| {
        format!(
            "0 3 records, 3 of them in the log that is kept, 0 on their way, 1 set aside, 0 postings, {lines} lines of files: all is as it must be\n"
        )
    };
    assert_eq!(cdr(&house, &["verify"]), ok(0));
    let refused = cdr(&house, &["refused"]);
    assert!(refused.starts_with(&format!("0 sqlite  {}  ", call(2))), "{refused}");
    assert_eq!(refused.lines().count(), 1, "{refused}");
    for (format, option) in
        [("csv", "--csv"), ("jsonl", "--jsonl"), ("asterisk", "--master-csv"), ("parquet", "--parquet")]
    {
        let file = path(&house, format);
        assert_eq!(cdr(&house, &["export", "--format", format, "--out", &file]), "0 ");
        assert_eq!(cdr(&house, &["verify", option, &file]), ok(3), "{format}");
    }
    assert_eq!(
        cdr(&house, &["verify", "--parquet", &path(&house, "csv")]).chars().next(),
        Some('1'),
        "that is no Parquet"
    );
    let csv = path(&house, "csv");
    let text = fs::read_to_string(&csv).unwrap();
    let short: Vec<&str> = text.lines().take(3).collect();
    fs::write(&csv, short.join("\n") + "\n").unwrap();
    let said = cdr(&house, &["verify", "--csv", &csv]);
    assert!(said.starts_with(&format!("1 {}: it is not in {csv}\n", call(2))), "{said}");
    let tables = rusqlite::Connection::open(house.dir.join("records.sqlite")).unwrap();
    tables.execute("UPDATE segments SET ms = ms + 1 WHERE call = ?", [call(1).to_string()]).unwrap();
    let said = cdr(&house, &["verify"]);
    assert!(said.starts_with(&format!("1 {}: ", call(1))) && said.ends_with(": 1 differences\n"), "{said}");
    let said = cdr(&House { dir: Path::new("/nowhere").to_owned() }, &["verify"]);
    assert!(said.starts_with("1 there are no records in /nowhere"), "{said}");
}

#[test]
fn old_records_go_when_they_are_told_to_and_a_person_can_be_forgotten_without_the_bill() {
    let house = house("keep");
    let listed = |house: &House| cdr(house, &["list"]).lines().count() - 1;
    let count = |said: String| said.split(' ').nth(1).unwrap().to_owned();
    assert_eq!(listed(&house), 3);
    assert_eq!(count(cdr(&house, &["retain", "--older-than", "30", "--dry-run"])), "2");
    assert_eq!(count(cdr(&house, &["retain", "--older-than", "30", "--purpose", "queue"])), "0");
    assert_eq!(listed(&house), 3, "neither changed anything");
    assert_eq!(count(cdr(&house, &["retain", "--older-than", "30"])), "2");
    assert_eq!(listed(&house), 1);
    assert_eq!(cdr(&house, &["retain", "--older-than", "0"]).chars().next(), Some('2'), "that is everybody");

    let bill = |house: &House| {
        let said = cdr(house, &["show", &call(2).to_string(), "--json"]);
        let record: serde_json::Value = serde_json::from_str(said.split_once(' ').unwrap().1).unwrap();
        (record["costs"].clone(), said.contains("612345699"))
    };
    let (costs, named) = bill(&house);
    assert!(named && costs[0]["net"].is_string(), "{costs}");
    assert_eq!(cdr(&house, &["erase"]).chars().next(), Some('2'), "whom?");
    assert_eq!(count(cdr(&house, &["erase", "--number", "+34600000000"])), "0");
    let said = cdr(&house, &["erase", "--number", "+34612345699"]);
    assert!(said.starts_with("0 1 calls stay for the bill as "), "{said}");
    assert_eq!(bill(&house), (costs, false));
    assert!(cdr(&house, &["verify"]).ends_with(": all is as it must be\n"));
}
