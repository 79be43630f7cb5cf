//! Every stage of a leg against everything that can happen to it, printed to `tests/golden/`.

use std::fmt::Write;

use expect_test::expect_file;

use super::script::run;

/// How a leg gets there: its stage, `LEG` and `CALL` of the events below, the script.
const STAGES: [(&str, &str, &str, &str); 13] = [
    ("arriving", "a0", "c1", "0 carrier INVITE c1 sdp"),
    ("ringing", "a0", "c1", "0 carrier INVITE c1 sdp\n0 turno ring a0"),
    ("arriving without sdp", "a0", "c1", "0 carrier INVITE c1"),
    ("arriving, 183 unpracked", "a0", "c1", "0 carrier INVITE c1 sdp | Supported: 100rel\n0 turno progress a0"),
    (
        "arriving, 183 acknowledged",
        "a0",
        "c1",
        "0 carrier INVITE c1 sdp | Supported: 100rel\n0 turno progress a0\n0 carrier PRACK c1",
    ),
    ("answered, unacked", "a0", "c1", "0 carrier INVITE c1 sdp\n0 turno answer a0"),
    ("answered, our offer unacked", "a0", "c1", "0 carrier INVITE c1\n0 turno answer a0"),
    ("leaving", "a0", "c1", "0 carrier INVITE c1 sdp\n0 turno answer a0\n0 turno end a0 normal"),
    ("up", "a0", "c1", "0 carrier INVITE c1 sdp\n0 turno answer a0\n0 carrier ACK c1"),
    ("up, our change out", "a0", "c1", "0 carrier INVITE c1 sdp\n0 turno answer a0\n0 carrier ACK c1\n0 turno hold a0"),
    (
        "up, our change refused for now",
        "a0",
        "c1",
        "0 carrier INVITE c1 sdp\n0 turno answer a0\n0 carrier ACK c1\n0 turno hold a0\n0 carrier 491 INVITE",
    ),
    ("dialling", "b1", "x1", "0 turno dial b1 carrier 612"),
    (
        "dialling, early",
        "b1",
        "x1",
        "0 turno dial b1 carrier 612\n0 carrier 183 INVITE sdp | Require: 100rel | RSeq: 1",
    ),
];

const EVENTS: [&str; 26] = [
    "turno ring LEG",
    "turno progress LEG",
    "turno answer LEG",
    "turno hold LEG",
    "turno end LEG normal",
    "turno end LEG elsewhere",
    "turno transfer LEG done",
    "turno restart",
    "carrier INVITE CALL sdp=sendonly",
    "carrier INVITE CALL",
    "carrier UPDATE CALL sdp=sendonly",
    "carrier UPDATE CALL",
    "carrier PRACK CALL",
    "carrier ACK CALL",
    "carrier ACK CALL sdp",
    "carrier INFO CALL relay=1",
    "carrier REFER CALL | Refer-To: <sip:1@x>",
    "carrier OPTIONS CALL",
    "carrier NOTIFY CALL",
    "carrier BYE CALL",
    "carrier CANCEL CALL",
    "carrier 180 INVITE",
    "carrier 200 INVITE sdp",
    "carrier 200 INVITE sdp tag=other",
    "carrier 486 INVITE",
    "carrier 503 INVITE",
];

#[test]
fn every_stage_of_a_leg_against_every_event() {
    let mut text = String::new();
    for (stage, leg, call, before) in STAGES {
        writeln!(text, "# {stage}").expect("a string takes all");
        let first = run(before);
        for event in EVENTS {
            let line = event.replace("LEG", leg).replace("CALL", call);
            let whole = run(&format!("{before}\n0 {line}"));
            let after = whole.strip_prefix(&first).expect("the same beginning");
            let what: Vec<&str> = after.lines().map(|line| line.trim_start_matches('0').trim_start()).collect();
            let what = if what.is_empty() { "-".to_owned() } else { what.join("\n    ") };
            writeln!(text, "{event}\n    {what}").expect("a string takes all");
        }
    }
    expect_file!["../../../../tests/golden/sip-legs.txt"].assert_eq(&text);
}
