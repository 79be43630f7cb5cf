//! The operator's tool-box against a running engine: what it shows, what it writes, how it ends, and its exit codes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::rig::{Plan, Rig};

fn program() -> Command {
    let mut turno = Command::new(env!("CARGO_BIN_EXE_turno"));
    turno.env("NO_COLOR", "1");
    turno
}

/// Asks while the phones and callers of the rig play on.
fn turno(rig: &mut Rig, args: &[&str]) -> Output {
    let socket = rig.dir.join("data/turno.sock");
    let asking =
        program().arg("--socket").arg(socket).args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let done = std::thread::spawn(move || asking.wait_with_output().unwrap());
    while !done.is_finished() {
        rig.play(Duration::from_millis(5));
    }
    done.join().unwrap()
}

fn said(out: &Output) -> String {
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout.clone()).unwrap()
}

fn json(rig: &mut Rig, args: &[&str]) -> Value {
    let out = turno(rig, &[&["--json"], args].concat());
    let text = said(&out);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"))
}

fn tshark(path: &Path, filter: &str) -> usize {
    let out = Command::new("tshark")
        .arg("-r")
        .arg(path)
        .args(["-Y", filter])
        .output()
        .expect("tshark is installed (scripts/tools)");
    String::from_utf8_lossy(&out.stdout).lines().count()
}

#[test]
fn every_command_that_shows_answers_in_json_and_exit_codes_say_what_happened() {
    let mut rig = Rig::open(Plan::default());
    rig.call(Duration::from_secs(30));
    rig.until("they talk", |rig| rig.taken() == 1);
    for (args, key) in [
        (&["queue", "show"][..], "queues"),
        (&["agent", "show"], "agents"),
        (&["agent", "explain", "agent0"], "explained"),
        (&["call", "show"], "calls"),
        (&["callback", "show"], "callbacks"),
        (&["task", "list"], "tasks"),
        (&["calendar", "show"], "calendars"),
        (&["reg", "show"], "stations"),
        (&["trunk", "show"], "trunks"),
        (&["trunk", "ping"], "pings"),
        (&["sip", "trace", "show"], "trace"),
        (&["log", "level"], "raised"),
        (&["route", "test", "--from", "+34612045118", "--to", "900100101"], "route"),
    ] {
        let told = json(&mut rig, args);
        assert!(told.get(key).is_some(), "{args:?}: {told}");
    }
    for (args, code) in [
        (&["queue", "show", "averias"][..], 0),
        (&["sip", "trace", "off"], 1),
        (&["sip", "trace", "on", "--to", "nowhere.txt"], 2),
        (&["log", "level", "everything=loud"], 2),
        (&["queue", "show", "--watch", "--nonsense"], 2),
        (&["agent", "login", "agent0", "--watch"], 2),
        (&["queue", "show", "nowhere"], 3),
        (&["trunk", "ping", "nowhere"], 3),
        (&["call", "trace", "00000000000000000000000000000001"], 3),
        (&["--socket", "/nowhere", "queue", "show"], 4),
    ] {
        let out = if args[0] == "--socket" { program().args(args).output().unwrap() } else { turno(&mut rig, args) };
        assert_eq!(out.status.code(), Some(code), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        assert!(!out.stdout.contains(&0x1b) && !out.stderr.contains(&0x1b), "{args:?} has colours");
    }
}

#[test]
fn a_route_test_says_what_then_happens_and_changes_nothing() {
    let mut rig = Rig::open(Plan::default());
    let told = json(&mut rig, &["route", "test", "--from", "+34612000001", "--to", "900100101"]);
    let chosen = told.pointer("/route/offers/0/agent").and_then(Value::as_str).unwrap().to_owned();
    assert_eq!(told.pointer("/route/queue"), Some(&Value::from("averias")), "{told:#}");
    assert_eq!(rig.taken(), 0);
    rig.call_as("+34612000001", Duration::from_secs(20));
    rig.until("they talk", |rig| rig.taken() == 1);
    let calls = json(&mut rig, &["call", "show"]);
    assert_eq!(calls.pointer("/calls/0/agent").and_then(Value::as_str), Some(chosen.as_str()), "{calls:#}");
}

/// The folders are those of whichever engine answers at the socket, or lie beside it when none does.
#[test]
fn the_story_of_a_call_is_told_without_naming_a_folder_live_ended_and_after_the_engine() {
    let mut rig = Rig::open(Plan::default());
    let leg = rig.call_as("+34612000001", Duration::from_secs(300));
    rig.until("they talk", |rig| rig.taken() == 1);
    let calls = json(&mut rig, &["call", "show"]);
    let call = calls.pointer("/calls/0/call").and_then(Value::as_str).unwrap().to_owned();
    let agent = calls.pointer("/calls/0/agent").and_then(Value::as_str).unwrap().to_owned();
    let has = |story: &str, all: &[&str]| all.iter().for_each(|part| assert!(story.contains(part), "{part}: {story}"));
    // The journal is a moment behind the call.
    rig.until("the journal has it", |rig| turno(rig, &["call", "trace", &call]).stdout.len() > 500);
    let live = said(&turno(&mut rig, &["call", "trace", &call]));
    has(&live, &["INVITE", "200", "-->", "<--", "averias", &agent]);
    assert!(!live.contains("BYE") && !live.contains("612000001"), "{live}");
    rig.hang_up(leg);
    rig.until("it is over", |rig| rig.sizes().calls == 0 && rig.is_quiet());
    rig.until("and told", |rig| said(&turno(rig, &["call", "trace", &call])).contains("BYE"));
    let whole = said(&turno(&mut rig, &["call", "trace", &call, "--full"]));
    has(&whole, &["INVITE", "BYE", "612000001", &agent]);
    let told = json(&mut rig, &["call", "trace", &call]);
    assert_eq!((told["legs"].as_array().map(Vec::len), &told["without_messages"]), (Some(2), &Value::Null), "{told:#}");
    rig.kill();
    assert_eq!(
        said(&turno(&mut rig, &["call", "trace", &call, "--full"])),
        whole,
        "from the folders beside the socket"
    );
}

#[test]
fn a_trace_in_a_file_has_every_leg_of_the_chosen_calls_and_ends_when_asked() {
    let mut rig = Rig::open(Plan::default());
    let path = rig.dir.join("x.pcap");
    let file = path.to_str().unwrap().to_owned();
    said(&turno(&mut rig, &["sip", "trace", "on", "--to", &file, "--from", "+34612000001"]));
    let calls =
        [rig.call_as("+34612000001", Duration::from_secs(1)), rig.call_as("+34699000002", Duration::from_secs(1))];
    rig.until("both end", |rig| calls.iter().all(|call| rig.callers[call].ended.is_some()));
    said(&turno(&mut rig, &["sip", "trace", "off"]));
    rig.until("it has ended", |rig| {
        json(rig, &["sip", "trace", "show"]).pointer("/trace/ended").is_some_and(Value::is_string)
    });
    let trace = json(&mut rig, &["sip", "trace", "show"]);
    assert_eq!(trace.pointer("/trace/dropped"), Some(&Value::from(0)), "{trace:#}");
    // The caller's leg and the agent's, and nothing of the other call.
    assert_eq!(tshark(&path, "sip.Method == \"INVITE\""), 2);
    assert!(tshark(&path, "sip.Method == \"BYE\"") >= 2);
    assert_eq!(tshark(&path, "sip contains \"699000002\""), 0);
    let again = turno(&mut rig, &["sip", "trace", "on", "--to", &file]);
    assert_eq!(again.status.code(), Some(1), "a file is not written over");
}

#[test]
fn a_trace_at_a_terminal_and_to_homer_ends_by_itself() {
    let mut rig = Rig::open(Plan::default());
    let socket = rig.dir.join("data/turno.sock");
    let mut tracing = program()
        .arg("--socket")
        .arg(&socket)
        .args(["sip", "trace", "on", "--for", "3s"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It is read while it goes on, or it would wait for that.
    let lines = BufReader::new(tracing.stdout.take().unwrap()).lines().map_while(Result::ok);
    let shown = std::thread::spawn(move || lines.filter(|line| line.starts_with("  INVITE sip:900100101@")).count());
    // Calls come as long as it is on.
    (rig.rate, rig.lasts) = (5.0, Duration::from_millis(500));
    rig.until("it ends by itself", |_| tracing.try_wait().unwrap().is_some());
    rig.rate = 0.0;
    rig.until("all calls have ended", |rig| rig.is_quiet());
    assert!(shown.join().unwrap() > 0, "the messages are there");

    let homer = UdpSocket::bind((rig.ip(201), 0)).unwrap();
    homer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let to = format!("hep://{}", homer.local_addr().unwrap());
    said(&turno(&mut rig, &["sip", "trace", "on", "--to", &to]));
    rig.call(Duration::from_millis(200));
    rig.play(Duration::from_millis(500));
    let mut buffer = [0; 65_535];
    let length = homer.recv(&mut buffer).unwrap();
    assert!(buffer[..4] == *b"HEP3" && buffer[..length].windows(6).any(|w| w == b"INVITE"));
    // Who reads is gone: it goes on, and nobody waits.
    drop(homer);
    let call = rig.call(Duration::from_millis(200));
    rig.until("calls go on", |rig| rig.callers[&call].ended.is_some());
}

#[test]
fn the_story_of_a_call_is_whole_while_it_lives_and_after() {
    let mut rig = Rig::open(Plan::default());
    let call = rig.call_as("+34612000007", Duration::from_secs(60));
    rig.until("they talk", |rig| rig.taken() == 1);
    let shown = json(&mut rig, &["call", "show"]);
    let id = shown.pointer("/calls/0/call").and_then(Value::as_str).unwrap().to_owned();
    let (journal, records) = (rig.dir.join("data/journal"), rig.dir.join("data/records"));
    let (journal, records) = (journal.to_str().unwrap().to_owned(), records.to_str().unwrap().to_owned());
    let args = ["call", "trace", &id, "--journal", &journal, "--records", &records];
    // The journal is a moment behind the call.
    let told = |rig: &mut Rig, args: &[&str], parts: &[&str]| {
        let mut story = String::new();
        rig.until(&format!("{parts:?} are told"), |rig| {
            story = String::from_utf8(turno(rig, args).stdout).unwrap();
            parts.iter().all(|part| story.contains(part))
        });
        story
    };
    let parts = ["--> INVITE (", "<-- 200 OK (", "enters averias at place 1", "is chosen: score", " 2 ", "…0007"];
    let living = told(&mut rig, &args, &parts);
    assert!(!living.contains("612000007"), "{living}");
    rig.hang_up(call);
    rig.until("it ends", |rig| rig.callers[&call].ended.is_some());
    let parts = ["--> BYE (", "media ", "ends: answered, by the caller", "+34612000007"];
    told(&mut rig, &[&args[..], &["--full"]].concat(), &parts);
    // Where the journal is gone, the record log tells it without messages.
    let args = ["call", "trace", &id, "--journal", "/nowhere", "--records", &records];
    let mut bare = String::new();
    rig.until("the log has it", |rig| {
        bare = String::from_utf8(turno(rig, &args).stdout).unwrap();
        bare.contains("ends: answered, by the caller")
    });
    assert!(bare.contains("no messages: ") && bare.contains("enters averias") && !bare.contains("INVITE"), "{bare}");
}

#[test]
fn an_area_logs_more_for_a_while_and_then_as_before() {
    let mut rig = Rig::open(Plan::default());
    let log = rig.dir.join("engine.log");
    let lines = || fs::read_to_string(&log).unwrap();
    assert!(!lines().contains("OPTIONS"), "{}", lines());
    let raised = json(&mut rig, &["log", "level", "sip=debug", "--for", "4s"]);
    assert_eq!(raised.pointer("/raised/0/area").and_then(Value::as_str), Some("sip"), "{raised:#}");
    rig.until("messages are logged", |rig| {
        rig.options(Duration::from_secs(1));
        lines().contains("OPTIONS")
    });
    rig.until("it is over", |_| lines().contains("log levels are again as configured"));
    let before = lines().matches("OPTIONS").count();
    rig.options(Duration::from_secs(1));
    rig.play(Duration::from_millis(200));
    assert_eq!(lines().matches("OPTIONS").count(), before);
}

#[test]
fn what_is_watched_is_asked_again_until_it_is_interrupted() {
    let rig = Rig::open(Plan::default());
    let mut watching = program()
        .arg("--socket")
        .arg(rig.dir.join("data/turno.sock"))
        .args(["--json", "queue", "show", "--watch"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    let lines = BufReader::new(watching.stdout.take().unwrap()).lines().map_while(Result::ok);
    let shown: Vec<String> = lines.filter(|line| !line.is_empty()).take(2).collect();
    watching.kill().unwrap();
    watching.wait().unwrap();
    assert!(shown.len() == 2 && shown.iter().all(|line| line.starts_with("{\"queues\":")), "{shown:?}");
    assert!(began.elapsed() >= Duration::from_secs(1), "once a second");
}
