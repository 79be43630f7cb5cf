//! Journals written, torn, recovered, replayed and exported.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use turno_base::{Mono, Now};
use turno_engine::{Engine, Input};
use turno_sip::flow::{Flow, ListenerId, Transport};
use turno_sip::message::Message;

use super::segment::name_of;
use super::*;
use crate::shell::clock::Clock;
use crate::shell::entropy;
use crate::shell::metrics::Metrics;
use crate::shell::redact::Redactor;
use crate::shell::run::Machine;

/// A folder of its own that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        Folder(std::env::temp_dir().join(format!("turno-journal-{:x}", entropy::draw())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn settings(dir: &Folder) -> JournalSettings {
    JournalSettings {
        dir: dir.0.clone(),
        segment_bytes_max: 1 << 20,
        segment_age_max: Duration::from_secs(3600),
        bytes_max: 1 << 30,
        age_max: Duration::from_secs(3600),
    }
}

fn writer(settings: JournalSettings) -> (Writer, Wanted) {
    let wanted = Wanted::default();
    (Writer::new(settings, wanted.clone(), Arc::new(Metrics::new())).unwrap(), wanted)
}

fn begin(now: Now) -> Begin {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Begin { format: FORMAT, version, mark: Clock::begin().mark(), now, first: true }
}

fn options(n: u64) -> Input {
    let text = format!(
        "OPTIONS sip:34600111222@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK{n}\r\nMax-Forwards: 70\r\n\
         From: <sip:a@b>;tag={n}\r\nTo: <sip:34600111222@127.0.0.1>\r\nCall-ID: {n}@test\r\nCSeq: 1 OPTIONS\r\n\
         Content-Length: 0\r\n\r\n"
    );
    let peer = "127.0.0.1:5099".parse().unwrap();
    let flow = Flow { transport: Transport::Udp, listener: ListenerId(0), peer, connection: 0 };
    Input::Sip { flow, message: Message::parse(text.into_bytes()).unwrap() }
}

/// The frames of `inputs` as an engine that begins with `state` handles them.
fn frames(engine: &mut Engine, inputs: &[Input], mut now: Now) -> Vec<u8> {
    let (mut frames, mut scratch) = (Vec::new(), Vec::new());
    for input in inputs {
        let mut effects = Vec::new();
        engine.handle(input, now, &mut effects);
        frame_input(now, effects_hash(&effects, &mut scratch), input, &mut frames);
        now = now.after(Duration::from_millis(1));
    }
    frames
}

/// One segment with `n` inputs; gives its bytes.
fn written(dir: &Folder, number: u64, n: u64) -> Vec<u8> {
    let mut engine = Engine::new();
    let (mut writer, _) = writer(settings(dir));
    writer.begin(number, begin(Now::from_ms(1000)), Some(Machine::snapshot(&engine)));
    let inputs: Vec<Input> = (0..n).map(options).collect();
    writer.append(&frames(&mut engine, &inputs, Now::from_ms(2000)));
    fs::read(dir.0.join(name_of(number))).unwrap()
}

fn recovered(dir: &Folder) -> Recovered {
    match recover(&dir.0).unwrap() {
        Recovery::State(recovered) => *recovered,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_tail_torn_at_any_byte_loses_only_what_was_torn() {
    let dir = Folder::new();
    let whole = written(&dir, 0, 5);
    let path = dir.0.join(name_of(0));
    let mut frames = Segment::from_bytes(whole.clone());
    let mut ends = Vec::new();
    while frames.next().is_some() {
        ends.push(frames.good_bytes() as usize);
    }
    assert_eq!((ends.len(), frames.torn_bytes()), (7, 0));
    for cut in 0..=whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let good = ends.iter().filter(|end| **end <= cut).count();
        match recover(&dir.0).unwrap() {
            Recovery::State(recovered) => {
                assert_eq!(recovered.inputs as usize + 2, good, "cut at {cut}");
                assert_eq!(fs::metadata(&path).unwrap().len() as usize, ends[good - 1], "the tail is cut");
            }
            // Without its state a segment says nothing.
            Recovery::Unusable { next: 1, .. } => assert!(good < 2, "cut at {cut}"),
            other => panic!("cut at {cut}: {other:?}"),
        }
    }
}

#[test]
fn a_flipped_bit_anywhere_is_never_taken_for_an_input() {
    let dir = Folder::new();
    let whole = written(&dir, 0, 3);
    let count = Segment::from_bytes(whole.clone()).count();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        assert!(Segment::from_bytes(bytes).count() < count, "byte {at}");
    }
}

#[test]
fn a_segment_torn_while_it_was_begun_leaves_the_one_before() {
    let dir = Folder::new();
    written(&dir, 6, 4);
    let next = written(&dir, 7, 1);
    fs::write(dir.0.join(name_of(7)), &next[..9]).unwrap();
    let recovered = recovered(&dir);
    assert_eq!((recovered.inputs, recovered.next, recovered.differing), (4, 8, 0));
    assert_eq!(recovered.last.mono, Mono::from_ms(2003));
}

#[test]
fn nothing_and_what_another_version_wrote_begin_afresh() {
    let dir = Folder::new();
    assert!(matches!(recover(&dir.0).unwrap(), Recovery::Fresh));
    let (mut writer, _) = writer(settings(&dir));
    assert!(matches!(recover(&dir.0).unwrap(), Recovery::Fresh));
    writer.begin(3, Begin { version: "0.0.0".into(), ..begin(Now::default()) }, Some(Vec::new()));
    match recover(&dir.0).unwrap() {
        Recovery::Unusable { next: 4, why } => assert!(why.contains("version 0.0.0"), "{why}"),
        other => panic!("{other:?}"),
    }
    // The same version, but a state that does not decode.
    writer.begin(4, begin(Now::default()), Some(vec![0xff; 100]));
    match recover(&dir.0).unwrap() {
        Recovery::Unusable { next: 5, why } => assert!(why.contains("another build"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_replay_proves_equal_effects_and_names_the_first_difference() {
    let dir = Folder::new();
    written(&dir, 0, 3);
    let mut transcript = Vec::new();
    let replayed = replay(&dir.0, false, false, &mut transcript).unwrap();
    let transcript = String::from_utf8(transcript).unwrap();
    assert!(replayed.summary().starts_with("3 inputs, ") && replayed.summary().ends_with(", equal"), "{transcript}");
    assert!(
        transcript.contains("> sip udp/0 127.0.0.1:5099 OPTIONS sip:…1222@127.0.0.1 (1 OPTIONS) 0@test"),
        "{transcript}"
    );

    let (mut writer, _) = writer(settings(&dir));
    writer.begin(1, begin(Now::default()), Some(Machine::snapshot(&Engine::new())));
    let mut frame = Vec::new();
    frame_input(Now::default(), 12345, &options(9), &mut frame);
    writer.append(&frame);
    let replayed = replay(&dir.0, true, true, &mut Vec::new()).unwrap();
    assert_eq!(replayed.differs.as_ref().map(|(number, _)| *number), Some(4));
    assert!(replayed.summary().contains("34600111222"), "{}", replayed.summary());
}

#[test]
fn an_export_hides_numbers_and_still_replays_to_equal_effects() {
    let dir = Folder::new();
    written(&dir, 0, 3);
    let copy = Folder::new();
    assert_eq!(export(&dir.0, &copy.0, Redactor::new(7)).unwrap(), 3);
    let bytes = fs::read(copy.0.join(name_of(0))).unwrap();
    assert!(!bytes.windows(11).any(|w| w == b"34600111222"));
    let replayed = replay(&copy.0, true, true, &mut Vec::new()).unwrap();
    assert_eq!((replayed.inputs, replayed.differs), (3, None));
    assert!(export(&dir.0, &copy.0, Redactor::new(7)).is_err(), "an export never mixes with another");
}

#[test]
fn the_ring_asks_for_segments_and_removes_the_oldest() {
    let dir = Folder::new();
    let (mut small, wanted) = writer(JournalSettings { segment_bytes_max: 1000, ..settings(&dir) });
    for number in 0..5 {
        small.begin(number, begin(Now::default()), Some(Vec::new()));
        small.append(&[0; 400]);
        assert_eq!(wanted.take(), None);
        small.append(&[0; 600]);
        assert_eq!(wanted.take(), Some(Wish::Next));
    }
    let numbers = || segments(&dir.0).unwrap().iter().map(|(number, _)| *number).collect::<Vec<_>>();
    let (hour, now) = (Duration::from_secs(3600), SystemTime::now());
    super::writer::prune(&dir.0, 1 << 30, hour, now);
    assert_eq!(numbers(), [0, 1, 2, 3, 4]);
    super::writer::prune(&dir.0, 3500, hour, now);
    assert_eq!(numbers(), [2, 3, 4]);
    super::writer::prune(&dir.0, 1 << 30, hour, now + 2 * hour);
    assert_eq!(numbers(), [3, 4], "the last two stay whatever their age");
}

#[test]
fn a_journal_that_cannot_be_written_says_so_and_does_not_stop_anything() {
    let dir = Folder::new();
    let metrics = Arc::new(Metrics::new());
    let mut writer = Writer::new(settings(&dir), Wanted::default(), metrics.clone()).unwrap();
    fs::create_dir_all(dir.0.join(name_of(0))).unwrap();
    writer.begin(0, begin(Now::default()), Some(Vec::new()));
    writer.append(&[0; 100]);
    assert_eq!((metrics.journal_errors.get(), metrics.journal_bytes.get()), (1, 0));
    writer.begin(1, begin(Now::default()), Some(Vec::new()));
    assert!(metrics.journal_bytes.get() > 0);
}

#[test]
fn numbers_are_shortened_in_transcripts_and_nothing_else() {
    for (line, shown) in [
        ("sip:34600111222@127.0.0.1:5060", "sip:…1222@127.0.0.1:5060"),
        ("+34600111222", "+…1222"),
        ("2026-03-10T11:00:00.000000Z", "2026-03-10T11:00:00.000000Z"),
        ("z9hG4bK-1234567", "z9hG4bK-1234567"),
        ("send-failed 17", "send-failed 17"),
        ("ext 1004", "ext 1004"),
        ("ñ \"612345678\" ñ", "ñ \"…5678\" ñ"),
        ("epoch: 311191973390", "epoch: 311191973390"),
    ] {
        assert_eq!(shorten_numbers(line), shown);
    }
}

#[test]
fn the_hash_is_the_same_everywhere() {
    assert_eq!(hash64(b""), hash64(&[]));
    // Written down once: a journal from one machine is compared on another.
    expect_test::expect![[r#"
        [
            "0000000000000000",
            "97b1551a6cccf102",
        ]
    "#]]
    .assert_debug_eq(&[b"".as_slice(), b"turno journal hash"].map(|bytes| format!("{:016x}", hash64(bytes))));
    assert_ne!(hash64(b"a"), hash64(b"a\0"));
}

/// Segments that follow one another without a state of their own, of three inputs each; gives the engine at the end.
fn chain(dir: &Folder, numbers: std::ops::Range<u64>) -> Engine {
    let mut engine = Engine::new();
    let (mut writer, wanted) = writer(settings(dir));
    for number in numbers.clone() {
        let is_first = number == numbers.start;
        let state = is_first.then(|| Machine::snapshot(&engine));
        writer.begin(number, Begin { first: is_first, ..begin(Now::from_ms(1000 * number)) }, state);
        let mut inputs: Vec<Input> = (0..3).map(|n| options(number * 10 + n)).collect();
        if is_first {
            inputs.insert(0, Input::Configure(Box::new(settings_of_engine())));
        }
        writer.append(&frames(&mut engine, &inputs, Now::from_ms(1000 * number + 1)));
    }
    let last = dir.0.join(name_of(numbers.end - 1));
    let begun = std::time::Instant::now();
    while !segment::has_state(&last) {
        assert!(begun.elapsed() < Duration::from_secs(60), "its state never came");
        std::thread::yield_now();
    }
    assert_eq!(wanted.take(), None);
    engine
}

fn settings_of_engine() -> turno_engine::EngineConfig {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/turno.toml");
    let checked = crate::shell::config::load(&file, Some(Default::default()));
    checked.settings.unwrap_or_else(|| panic!("{:?}", checked.problems)).engine
}

#[test]
fn a_state_is_carried_to_the_segments_that_follow_and_is_the_one_the_loop_would_have_written() {
    let dir = Folder::new();
    let engine = chain(&dir, 0..4);
    let replayed = replay(&dir.0, true, true, &mut Vec::new()).unwrap();
    assert_eq!((replayed.inputs, &replayed.differs), (13, &None), "and every state fits what leads to it");
    let found = recovered(&dir);
    assert_eq!((found.segment, found.inputs, found.differing), (3, 3, 0));
    assert_eq!(Machine::snapshot(&found.engine), Machine::snapshot(&engine));

    // Without it recovery begins at the state before, and comes to the same.
    for kept in [vec![1, 2], vec![2], vec![]] {
        for number in 1..4 {
            if !kept.contains(&number) {
                let _ = fs::remove_file(segment::state_path(&dir.0.join(name_of(number))));
            }
        }
        let found = recovered(&dir);
        assert_eq!(found.next, 4);
        assert_eq!(Machine::snapshot(&found.engine), Machine::snapshot(&engine), "with the states of {kept:?}");
    }
    let copy = Folder::new();
    assert_eq!(export(&dir.0, &copy.0, Redactor::new(7)).unwrap(), 13);
    assert_eq!(replay(&copy.0, true, true, &mut Vec::new()).unwrap().differs, None);
}

#[test]
fn a_segment_with_other_effects_is_carried_nowhere_and_the_engine_is_asked_for_its_state() {
    let dir = Folder::new();
    let (mut writer, wanted) = writer(settings(&dir));
    writer.begin(0, begin(Now::default()), Some(Machine::snapshot(&Engine::new())));
    let mut frame = Vec::new();
    frame_input(Now::default(), 12345, &options(9), &mut frame);
    writer.append(&frame);
    writer.begin(1, Begin { first: false, ..begin(Now::default()) }, None);
    let begun = std::time::Instant::now();
    let wish = loop {
        if let Some(wish) = wanted.take() {
            break wish;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody asked");
        std::thread::yield_now();
    };
    assert_eq!(wish, Wish::Whole);
    assert!(!segment::has_state(&dir.0.join(name_of(1))));
}

#[test]
fn a_carrier_that_falls_behind_is_not_waited_for_and_what_leads_to_a_state_is_kept() {
    let dir = Folder::new();
    // Nothing can be carried: the first segment is none.
    let (mut writer, wanted) = writer(settings(&dir));
    fs::create_dir_all(dir.0.join(name_of(0))).unwrap();
    for number in 1..=SEGMENTS_BEHIND_MAX {
        writer.begin(number, Begin { first: false, ..begin(Now::default()) }, None);
    }
    writer.begin(SEGMENTS_BEHIND_MAX + 1, Begin { first: false, ..begin(Now::default()) }, None);
    assert_eq!(wanted.take(), Some(Wish::Whole));
    fs::remove_dir(dir.0.join(name_of(0))).unwrap();
    let (far, hour) = (SystemTime::now() + Duration::from_secs(1 << 30), Duration::from_secs(3600));
    super::writer::prune(&dir.0, 0, hour, far);
    assert_eq!(segments(&dir.0).unwrap().len() as u64, SEGMENTS_BEHIND_MAX + 1, "none has a state: all are needed");
    writer.begin(9, begin(Now::default()), Some(Machine::snapshot(&Engine::new())));
    super::writer::prune(&dir.0, 0, hour, far);
    let left: Vec<u64> = segments(&dir.0).unwrap().iter().map(|(number, _)| *number).collect();
    assert_eq!(left, [SEGMENTS_BEHIND_MAX + 1, 9], "the last two, whatever leads there");
}
