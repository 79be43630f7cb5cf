//! Voicemail over loopback: a caller speaks, and what he said is on the disk.

use std::time::Duration;

use turno_media::Sound;

use crate::caller::{Caller, PEAK};
use crate::calls::{is_sound, kinds, ms, text};
use crate::house::{AVERIAS, House, Plan};
use crate::sipp::caller;

const MORE: &str = r#"
[[routes]]
dnis = "+34900100107"
to = "voicemail:night"
[mailboxes.night]
prompts = ["whisper"]
longest = "3s"
silence = "2s"
least = "1s"
"#;

fn open(queue: &str, more: &str) -> House {
    House::open(&Plan { agents: &[("anna", 5)], sip: "digests = [\"md5\"]", queue, more: &format!("{more}{MORE}") })
}

fn voicemail(house: &House, words: &[&str]) -> serde_json::Value {
    let dir = house.dir.join("data/voicemail");
    let mut all = vec!["voicemail"];
    all.extend(words);
    all.extend(["--voicemail", dir.to_str().unwrap()]);
    house.ask(&all)
}

/// The messages that nobody has dealt with, as soon as there are so many.
fn messages(house: &House, count: usize) -> Vec<serde_json::Value> {
    house.until("the message is there", || {
        let list = voicemail(house, &["list"])["voicemail"].as_array().unwrap().clone();
        (list.len() == count).then_some(list)
    })
}

#[test]
fn what_a_caller_says_after_the_prompt_is_kept_and_sounds_as_he_did() {
    let house = open("", "");
    let mut caller = Caller::at_carrier(&house, 440);
    let leg = caller.call("900100107");
    // He speaks without a pause: the longest length ends it, and the call.
    caller.until("the engine hangs up", |caller| caller.has_ended(leg));
    let message = &messages(&house, 1)[0];
    let record = &house.records(1)[0];
    is_sound(record);
    assert_eq!(text(message, "/call"), text(record, "/call"), "it is found by its call");
    assert_eq!((text(message, "/mailbox"), text(message, "/e164")), ("night", "+34612345678"));
    assert!((1000..=3000).contains(&ms(message, "ms")), "{message:#}");
    assert_eq!(text(record, "/outcome"), "no-answer");
    assert!(kinds(&record["legs"][0]).ends_with("voicemail"), "{}", kinds(&record["legs"][0]));

    let file = house.dir.join("fetched.wav");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_turno"))
        .args(["voicemail", "fetch", text(message, "/call"), "--out"])
        .arg(&file)
        .arg("--voicemail")
        .arg(house.dir.join("data/voicemail"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let bytes = std::fs::read(&file).unwrap();
    let samples: Vec<i16> = bytes[44..].chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
    let middle = &samples[samples.len() / 4..samples.len() * 3 / 4];
    let level = Sound::level_of(middle, 8000, 440.0);
    assert!(f64::from(level) > PEAK / 2.0, "his tone is there: {level}");
    assert!(f64::from(Sound::level_of(middle, 8000, 1200.0)) < PEAK / 20.0, "and nothing else");

    let page = house.get("/api/v1/voicemail").unwrap();
    assert!(page.contains(text(message, "/call")), "{page}");
    voicemail(&house, &["done", text(message, "/call")]);
    assert!(messages(&house, 0).is_empty());
    house.is_clean();
}

#[test]
fn a_queue_that_keeps_nobody_sends_to_the_mailbox_and_silence_leaves_no_message() {
    let house = open("wait_limit = \"1s\"\non_wait = \"voicemail:night\"", "");
    // SIPp sends no sound at all.
    caller(&house, "caller_waits", AVERIAS, Duration::ZERO).done();
    let record = &house.records(1)[0];
    is_sound(record);
    assert_eq!(text(record, "/stays/0/left"), "overflowed");
    let legs = kinds(&record["legs"][0]);
    assert!(legs.contains("queue voicemail"), "{legs}");
    assert!(messages(&house, 0).is_empty(), "nothing was said");
    house.is_clean();
}
