//! What callers get when something of the machine runs short, and what they hear while they wait, against the real program.

use std::time::Duration;

use super::rig::{Plan, Rig};
use super::tone::{is_tone, sine};

#[test]
fn when_no_port_is_left_a_call_is_refused_with_a_record_and_the_next_is_taken_when_one_is_free() {
    let media = "quarantine = \"1s\"";
    let mut rig = Rig::open(Plan { phones: 0, ports: "20000-20007", media, ..Plan::default() });
    let long = Duration::from_secs(60);
    let waiting: Vec<_> = (0..4).map(|_| rig.call(long)).collect();
    rig.until("four wait", |rig| waiting.iter().all(|leg| rig.callers[leg].answered.is_some()));
    let fifth = rig.call(long);
    rig.until("the fifth is refused", |rig| rig.callers[&fifth].ended.is_some());
    let (_, cause) = rig.callers[&fifth].ended.unwrap();
    assert!((500..=503).contains(&cause.sip) && rig.callers[&fifth].answered.is_none(), "{cause:?}");
    let number = rig.callers[&fifth].number.clone();
    rig.until("he has a record", |rig| rig.records().contains_key(&number));
    assert!(waiting.iter().all(|leg| rig.callers[leg].ended.is_none()), "those who wait go on waiting");
    rig.hang_up(waiting[0]);
    let mut tries = Vec::new();
    rig.until("somebody is taken again", |rig| {
        if tries.last().is_none_or(|leg| rig.callers[leg].ended.is_some()) {
            tries.push(rig.call(long));
        }
        tries.last().is_some_and(|leg| rig.callers[leg].answered.is_some())
    });
    for leg in waiting.iter().chain(&tries) {
        rig.hang_up(*leg);
    }
    rig.until("everybody has gone", |rig| rig.is_quiet());
    let all = rig.callers.len();
    rig.until("all have one record", |rig| rig.records().values().map(Vec::len).sum::<usize>() == all);
}

#[test]
fn a_caller_hears_the_greeting_once_and_then_music_without_end() {
    let (queue, more) =
        ("greeting = \"hello\"\nmusic = \"waltz\"", "[prompts]\nhello = \"hello.wav\"\nwaltz = \"waltz.wav\"");
    let mut rig = Rig::build(&Plan { phones: 0, queue, more, ..Plan::default() });
    for (name, hertz, seconds) in [("hello", 600.0, 4), ("waltz", 440.0, 1)] {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut file = hound::WavWriter::create(rig.dir.join(format!("{name}.wav")), spec).unwrap();
        for sample in sine(hertz, 8000.0, 8000 * seconds) {
            file.write_sample(sample).unwrap();
        }
        file.finalize().unwrap();
    }
    rig.start();
    let leg = rig.call(Duration::from_secs(60));
    let heard = |rig: &Rig, hertz: f64| {
        let all = rig.carrier.heard(leg);
        // The newest half second, or both would be in what is measured.
        is_tone(&all[all.len().saturating_sub(4000)..], hertz, 8000.0).is_ok()
    };
    rig.until("the greeting is heard", |rig| heard(rig, 600.0));
    rig.until("then the music", |rig| heard(rig, 440.0));
    rig.play(Duration::from_millis(2500));
    assert!(heard(&rig, 440.0), "it goes on past its end, without a gap");
    rig.hang_up(leg);
    rig.until("he has gone", |rig| rig.is_quiet());
}
