//! Files and web hooks: every record there once, whatever happens on the way.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

use jiff::tz::TimeZone;
use turno_tariff::cdr::format::{self, Serving};

use super::*;
use crate::shell::customers::signature::hmac_sha256;
use crate::shell::store::outs::{FileOut, HookOut, House, Lines, OutSettings, Rotate, To, consumer, refused};

pub(super) fn file(name: &str, lines: Lines, path: &Path) -> OutSettings {
    let to = To::File(FileOut { lines, path: path.to_owned(), rotate: Rotate::Never, zone: TimeZone::UTC });
    OutSettings { name: name.to_owned(), to }
}

pub(super) fn open_outs(dir: &Dir, outs: &[OutSettings]) -> Store {
    let house = Arc::new(House::new(Serving::new()));
    let consumers = || outs.iter().map(|out| (out.name.clone(), consumer(out, &dir.0.join("out"), &house))).collect();
    open_with(dir, Options::default(), consumers).0
}

pub(super) fn refused_calls(dir: &Dir) -> Vec<Option<String>> {
    refused(&dir.0).unwrap().into_iter().map(|refused| refused.call).collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn lines(calls: std::ops::Range<u64>, of: impl Fn(&Record) -> String) -> String {
    calls.map(|n| of(&record(n))).collect()
}

#[test]
fn files_of_each_kind_have_each_record_once_over_restarts() {
    let dir = Dir::new("files");
    let path = |name: &str| dir.0.join("deep/er").join(name);
    let outs = [
        file("csv", Lines::Csv, &path("calls.csv")),
        file("jsonl", Lines::Jsonl, &path("calls.jsonl")),
        file("master", Lines::MasterCsv, &path("Master.csv")),
    ];
    let mut seq = 1;
    for life in 0..3 {
        let store = open_outs(&dir, &outs);
        // A replay appends rows of the life before a second time.
        append(&store, (life * 7_u64).saturating_sub(2)..life * 7, seq);
        assert!(store.flush(LONG), "what is there already is stored");
        seq = append(&store, life * 7..life * 7 + 7, seq + 20);
        store.close(LONG);
    }
    let all = |of: &dyn Fn(&Record) -> String| lines(0..21, of);
    assert_eq!(read(&path("calls.csv")), format::CSV_HEADER.to_owned() + &all(&format::csv));
    assert_eq!(read(&path("calls.jsonl")), all(&|record| format::json(record) + "\n"));
    assert_eq!(read(&path("Master.csv")), all(&|record| format::master_csv(record, &TimeZone::UTC)));
}

#[test]
fn what_a_crash_left_of_a_batch_is_cut_and_what_others_wrote_before_us_is_not() {
    let dir = Dir::new("cut-file");
    let path = dir.0.join("calls.jsonl");
    let all = |calls| lines(calls, |record| format::json(record) + "\n");
    std::fs::write(&path, "theirs\n").unwrap();
    let outs = [file("jsonl", Lines::Jsonl, &path)];
    let store = open_outs(&dir, &outs);
    let next = append(&store, 0..3, 1);
    store.close(LONG);
    assert_eq!(read(&path), "theirs\n".to_owned() + &all(0..3));
    // Lines of a batch whose place was not kept any more, the last one torn.
    let half = &all(3..5)[..700];
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(half.as_bytes()).unwrap();
    let store = open_outs(&dir, &outs);
    append(&store, 3..5, next);
    store.close(LONG);
    assert_eq!(read(&path), "theirs\n".to_owned() + &all(0..5));
}

#[test]
fn a_file_that_is_moved_away_is_begun_anew_at_once() {
    let dir = Dir::new("moved");
    let (path, moved) = (dir.0.join("calls.csv"), dir.0.join("calls.csv.1"));
    let outs = [file("csv", Lines::Csv, &path)];
    let store = open_outs(&dir, &outs);
    let next = append(&store, 0..3, 1);
    assert!(store.flush_all(LONG));
    std::fs::rename(&path, &moved).unwrap();
    append(&store, 3..5, next);
    store.close(LONG);
    assert_eq!(read(&moved), format::CSV_HEADER.to_owned() + &lines(0..3, format::csv));
    assert_eq!(read(&path), format::CSV_HEADER.to_owned() + &lines(3..5, format::csv));
}

#[test]
fn files_are_rotated_by_the_hour_at_which_calls_ended() {
    let dir = Dir::new("rotated");
    let path = dir.0.join("calls.jsonl");
    let mut out = file("jsonl", Lines::Jsonl, &path);
    let To::File(settings) = &mut out.to else { panic!("a file") };
    (settings.rotate, settings.zone) = (Rotate::Hour, TimeZone::get("Asia/Kolkata").unwrap());
    let store = open_outs(&dir, &[out]);
    // An hour and half an hour begin at 11:00 UTC there.
    let shifted = |n: u64, by: Duration| -> Row {
        let mut row = rows(n).pop().unwrap();
        if let Kind::Close(record) = &mut row.kind {
            record.ended = record.ended + by;
        }
        row
    };
    let minutes = |n: u64| Duration::from_secs(n * 60);
    for (seq, n, by) in [(1, 0, 0), (2, 1, 29), (3, 2, 31), (4, 3, 95), (5, 4, 40)] {
        store.append(seq, shifted(n, minutes(by))).unwrap();
    }
    store.close(LONG);
    let calls = |label: &str| read(&dir.0.join(format!("calls-{label}.jsonl"))).lines().count();
    // The last one came late and is in the file that was open.
    assert_eq!((calls("2026-03-10T16"), calls("2026-03-10T17"), calls("2026-03-10T18")), (2, 1, 2));
}

#[test]
fn a_full_disk_of_one_file_holds_up_nobody_else_and_loses_nothing() {
    let dir = Dir::new("full-file");
    let (full, other) = (dir.0.join("full.jsonl"), dir.0.join("other.jsonl"));
    symlink("/dev/full", &full).unwrap();
    let store = open_outs(&dir, &[file("full", Lines::Jsonl, &full), file("other", Lines::Jsonl, &other)]);
    append(&store, 0..30, 1);
    assert!(store.flush(LONG));
    let all = lines(0..30, |record| format::json(record) + "\n");
    let until = Instant::now() + LONG;
    while read(&other) != all || !store.consumers()[1].failing {
        assert!(Instant::now() < until, "{:?}", store.consumers());
        std::thread::yield_now();
    }
    assert!(!store.health().full, "calls are taken");
    std::fs::remove_file(&full).unwrap();
    assert!(store.flush_all(LONG));
    assert_eq!(read(&full), all);
}

#[test]
fn a_queue_log_is_written_from_the_facts_and_goes_on_after_a_restart_in_the_middle_of_a_call() {
    let dir = Dir::new("queue-log");
    let path = dir.0.join("queue_log");
    let outs = [file("queue_log", Lines::QueueLog, &path)];
    let queue = QueueId::new("averias").unwrap();
    let at = |ms: u64| Now { mono: turno_base::Mono::from_ms(ms), wall: Wall::from_secs(1_773_140_400).plus_ms(ms) };
    let script = [
        (0, What::CallArrived { call: call(1), ani: number("612345678"), dnis: number("900123456"), trunk: None }),
        (5, What::QueueEntered { call: call(1), queue, position: 1 }),
        (
            9000,
            What::QueueLeft {
                call: call(1),
                queue,
                left: turno_base::fact::QueueLeft::Abandoned,
                position: 1,
                wait_ms: 8995,
            },
        ),
        (9000, What::CallEnded { call: call(1), outcome: Outcome::Abandoned, by: EndedBy::Caller }),
    ];
    for (number, (ms, what)) in (1..).zip(script) {
        let store = open_outs(&dir, &outs);
        assert!(store.append_facts(number, 1, postcard::to_allocvec(&Fact { at: at(ms), what }).unwrap()));
        store.close(LONG);
    }
    let start = |s: u64| format!("{}|NONE|NONE|NONE|QUEUESTART|\n", 1_773_140_400 + s);
    let id = format::asterisk_id(call(1));
    let want = [
        start(0),
        start(0),
        format!("1773140400|{id}|NONE|NONE|DID|34900123456\n1773140400|{id}|averias|NONE|ENTERQUEUE||34612345678|1|\n"),
        start(9),
        format!("1773140409|{id}|averias|NONE|ABANDON|1|1|8\n"),
        start(9),
    ];
    assert_eq!(read(&path), want.concat());
}

/// A server that answers each request as it is told; gives what it was asked.
pub(super) fn server(
    mut answer: impl FnMut(usize, &str) -> Option<String> + Send + 'static,
) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (asked, asks) = channel();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for (n, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { return };
            let (mut got, mut bytes) = (String::new(), [0; 65_536]);
            while !is_whole(&got) {
                match std::io::Read::read(&mut stream, &mut bytes) {
                    Ok(n) if n > 0 => got.push_str(&String::from_utf8_lossy(&bytes[..n])),
                    _ => break,
                }
            }
            match answer(n, &got) {
                Some(status) => drop(stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes())),
                None => held.push(stream),
            }
            let _ = asked.send(got);
        }
    });
    (port, asks)
}

pub(super) fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).and_then(|n| n.parse().ok());
    length == Some(body.len())
}

pub(super) fn hook(port: u16) -> OutSettings {
    let to = HookOut {
        host: "127.0.0.1".into(),
        port,
        path: "/calls?x=1".into(),
        secure: None,
        secret: Some("a secret of ours".into()),
        deadline: Duration::from_millis(300),
        tries_max: 3,
        allow_local: true,
        events: None,
    };
    OutSettings { name: "hook".into(), to: To::Hook(to) }
}

pub(super) fn key_of(request: &str) -> &str {
    request.lines().find_map(|line| line.strip_prefix("idempotency-key: ")).unwrap_or_default()
}

pub(super) fn key(n: u64) -> String {
    format!("{}-{}", call(n), rows(n).len() - 1)
}

#[test]
fn a_web_hook_gets_each_record_signed_and_in_order_also_over_restarts() {
    let dir = Dir::new("hook");
    // Each third try meets a busy peer.
    let (port, asks) = server(|n, _| Some(if n % 3 == 1 { "503 Busy" } else { "204 No Content" }.to_owned()));
    let mut seq = 1;
    for life in 0..2 {
        let store = open_outs(&dir, &[hook(port)]);
        seq = append(&store, life * 4..life * 4 + 4, seq);
        store.close(LONG);
    }
    let requests: Vec<String> = asks.try_iter().collect();
    let taken: Vec<&str> = (0..).zip(&requests).filter(|(n, _)| n % 3 != 1).map(|(_, r)| key_of(r)).collect();
    assert_eq!(taken, (0..8).map(key).collect::<Vec<_>>());
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /calls?x=1 HTTP/1.1\r\n"), "{head}");
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("").trim();
    let code = hmac_sha256(b"a secret of ours", &[header("x-turno-timestamp:").as_bytes(), b".", body.as_bytes()]);
    assert_eq!(header("x-turno-signature:"), format!("sha256={code}"));
    assert_eq!(body, format::json(&record(0)));
}

#[test]
fn a_web_hook_for_events_gets_those_that_it_asks_for_in_order() {
    use crate::shell::event::{Filter, event, tests::facts};
    let dir = Dir::new("hook-events");
    let (port, asks) = server(|n, _| Some(if n == 0 { "503 Busy" } else { "200 OK" }.to_owned()));
    let mut out = hook(port);
    let To::Hook(settings) = &mut out.to else { panic!("a hook") };
    let filter = Filter { kinds: vec!["queue-left".into(), "call-ended".into()], ..Filter::default() };
    settings.events = Some(filter.clone());
    let store = open_outs(&dir, &[out]);
    append(&store, 0..2, 1);
    for first in [1, 1 + facts().len() as u64] {
        let bytes = facts().iter().flat_map(|fact| postcard::to_allocvec(fact).unwrap()).collect();
        assert!(store.append_facts(first, facts().len() as u64, bytes));
    }
    assert!(store.flush_all(LONG));
    store.close(LONG);
    let requests: Vec<String> = asks.try_iter().collect();
    assert_eq!(requests.len(), 3, "the first a second time");
    assert_eq!(key_of(&requests[0]), key_of(&requests[1]));
    let wanted = |first: u64| -> Vec<serde_json::Value> {
        let told = facts().into_iter().zip(first..).filter(|(fact, _)| filter.wants(&event(fact)));
        told.map(|(fact, seq)| event(&fact).json(seq, &fact)).collect()
    };
    for (request, first) in requests[1..].iter().zip([1, 1 + facts().len() as u64]) {
        let (_, body) = request.split_once("\r\n\r\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body, serde_json::json!({"events": wanted(first)}));
    }
}

#[test]
fn a_web_hook_that_refuses_or_hangs_costs_that_record_and_delays_nobody() {
    let dir = Dir::new("hook-bad");
    let (refuses, hangs, moved) = (key(1), key(3), key(4));
    let (port, asks) = server(move |_, request| match key_of(request) {
        k if k == refuses => Some("422 No".into()),
        k if k == hangs => None,
        k if k == moved => Some("302 Found\r\nlocation: http://127.0.0.1:1/".into()),
        _ => Some("200 OK".into()),
    });
    let store = open_outs(&dir, &[hook(port)]);
    append(&store, 0..6, 1);
    assert!(store.flush(LONG));
    assert_eq!(all(&dir).len(), 6, "the tables have them while the peer hangs");
    assert!(store.flush_all(LONG));
    assert_eq!(store.consumers()[1].refused, 3);
    store.close(LONG);
    let tries: Vec<String> = asks.try_iter().map(|request| key_of(&request).to_owned()).collect();
    let count = |n: u64| tries.iter().filter(|k| **k == key(n)).count();
    assert_eq!((0..6).map(count).collect::<Vec<_>>(), [1, 1, 1, 3, 1, 1], "{tries:?}");
    let aside: Vec<(Option<String>, String)> =
        refused(&dir.0).unwrap().into_iter().map(|r| (r.call, r.reason)).collect();
    let id = |n: u64| Some(call(n).to_string());
    assert_eq!(aside.len(), 3);
    assert_eq!(aside[0], (id(1), "it answers 422".to_owned()));
    assert!(aside[1].0 == id(3) && aside[1].1.starts_with("it does not answer"), "{aside:?}");
    assert_eq!(aside[2], (id(4), "it answers 302".to_owned()));
}

#[test]
fn a_web_hook_that_cannot_be_reached_is_waited_for_and_never_an_address_of_ours_unless_allowed() {
    let dir = Dir::new("hook-local");
    let (port, asks) = server(|_, _| Some("200 OK".into()));
    let mut shut = hook(port);
    let To::Hook(settings) = &mut shut.to else { panic!("a hook") };
    settings.allow_local = false;
    settings.tries_max = 1;
    let store = open_outs(&dir, &[shut]);
    append(&store, 0..3, 1);
    let until = Instant::now() + LONG;
    while !store.consumers()[1].failing {
        assert!(Instant::now() < until);
        std::thread::yield_now();
    }
    store.close(Duration::from_millis(300));
    assert_eq!(asks.try_iter().count(), 0, "nothing went to loopback");
    assert_eq!(refused(&dir.0).unwrap(), []);
    let store = open_outs(&dir, &[hook(port)]);
    assert!(store.flush_all(LONG));
    store.close(LONG);
    assert_eq!(
        asks.try_iter().map(|request| key_of(&request).to_owned()).collect::<Vec<_>>(),
        [key(0), key(1), key(2)]
    );
}

#[test]
fn an_audit_finds_what_is_missing_doubled_or_changed_anywhere() {
    use crate::shell::store::audit::{audit, audit_file};
    use crate::shell::store::retention::{Old, retain};
    let dir = Dir::new("audit");
    let path = dir.0.join("calls.csv");
    let store = open_outs(&dir, &[file("csv", Lines::Csv, &path)]);
    append(&store, 0..10, 1);
    store.close(LONG);
    let found = || {
        let mut report = audit(&dir.0).unwrap();
        audit_file(&dir.0, &path, format::CSV_HEADER, format::csv, &mut report).unwrap();
        assert_eq!(report.wrong, report.told.len() as u64);
        (report.records, report.logged, report.lines, report.told)
    };
    assert_eq!(found(), (10, 10, 10, vec![]));

    let text = read(&path);
    let lines: Vec<&str> = text.lines().collect();
    let bent = [&lines[..3], &lines[4..], &lines[5..6], &["what is this"]].concat().join("\n") + "\n";
    std::fs::write(&path, bent).unwrap();
    let (.., told) = found();
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(told[0].ends_with("no record says \"what is this\""), "{told:#?}");
    assert!(told[1].starts_with(&call(2).to_string()) && told[1].contains("is not in"), "{told:#?}");
    assert!(told[2].starts_with(&call(4).to_string()) && told[2].contains("2 times"), "{told:#?}");
    std::fs::write(&path, &text).unwrap();

    let change = |sql: &str| {
        let db = rusqlite::Connection::open(dir.0.join("records.sqlite")).unwrap();
        db.execute_batch(sql).unwrap();
    };
    for (sql, back, told) in [
        ("UPDATE segments SET ms = ms + 1 WHERE n = 0", "UPDATE segments SET ms = ms - 1 WHERE n = 0", 10),
        ("UPDATE segment_shares SET net = net + 1", "UPDATE segment_shares SET net = net - 1", 10),
        ("UPDATE charges SET tax = tax + 1 WHERE net > 0", "UPDATE charges SET tax = tax - 1 WHERE net > 0", 10),
        ("UPDATE queue_entries SET wait_ms = wait_ms + 1", "UPDATE queue_entries SET wait_ms = wait_ms - 1", 10),
        ("UPDATE calls SET call = 'x' || call", "UPDATE calls SET call = substr(call, 2)", 31),
    ] {
        change(sql);
        let got = found().3;
        assert!(got.len() >= told, "{sql}: {got:#?}");
        change(back);
        assert_eq!(found().3, [""; 0], "{back}");
    }
    // What was taken out because of its age is not missing.
    let old = Old { before: Wall::from_secs(1_773_140_400).plus_ms(4), purpose: None };
    let other = Old { purpose: Some(turno_tariff::cdr::Purpose::Callback), ..old };
    assert_eq!((retain(&dir.0, old, true).unwrap(), retain(&dir.0, other, false).unwrap()), (4, 0));
    assert_eq!(retain(&dir.0, old, false).unwrap(), 4);
    assert_eq!(all(&dir).len(), 6);
    let report = audit(&dir.0).unwrap();
    assert_eq!((report.records, report.wrong), (6, 0), "{:?}", report.told);
}

#[test]
fn records_of_the_parquet_file_in_the_making_are_on_their_way_and_a_gap_before_it_is_found() {
    use crate::shell::store::audit::{Report, audit_parquet};
    use crate::shell::store::parquet::Sheet;
    let dir = Dir::new("audit-parquet");
    let (store, ..) = open(&dir, Options::default());
    append(&store, 0..6, 1);
    store.close(LONG);
    let path = |name: &str| dir.0.join(name);
    let write = |name: &str, calls: &[u64]| {
        let mut sheet = Sheet::begin(std::fs::File::create(path(name)).unwrap()).unwrap();
        calls.iter().for_each(|&n| sheet.push(record(n)).unwrap());
        sheet.close().unwrap();
    };
    let found = || {
        let mut report = Report::default();
        audit_parquet(&dir.0, &[path("a.parquet"), path("b.parquet")], &mut report).unwrap();
        (report.lines, report.coming, report.told)
    };
    write("a.parquet", &[0, 1]);
    write("b.parquet", &[2, 3]);
    let (lines, coming, told) = found();
    assert_eq!((lines, coming, told.len()), (4, 0, 2), "nothing is in the making: {told:#?}");
    std::fs::write(path("c.parquet.part"), "PAR1").unwrap();
    assert_eq!(found(), (4, 2, vec![]));
    write("a.parquet", &[0]);
    let (_, coming, told) = found();
    assert_eq!((coming, told.len()), (2, 1), "{told:#?}");
    assert!(told[0].starts_with(&call(1).to_string()) && told[0].contains("is not in"), "{told:#?}");
}
