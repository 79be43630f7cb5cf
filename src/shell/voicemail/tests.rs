//! Messages on a real disk: kept, too short, too many, cut off by a crash, old.

use std::path::Path;

use turno_base::{Name, Number, Seeded, Wall};

use super::*;
use crate::shell::clock::Clock;
use crate::shell::inbox::{Outlet, inbox};
use crate::shell::store::tests::Dir;

const LEG: LegId = LegId::arrived(1);

fn settings(dir: &Path) -> VoicemailSettings {
    VoicemailSettings {
        dir: dir.join("voicemail"),
        messages_max: 2,
        bytes_max: 1_000_000,
        keep_for: Duration::from_secs(3600),
    }
}

fn message() -> turno_call::Message {
    turno_call::Message {
        mailbox: Name::new("night").unwrap(),
        from: Number { raw: "612045118".into(), e164: "+34612045118".parse().ok(), withheld: false },
        customer: Some("C-1001".into()),
        queue: "averias".parse().ok(),
        longest: Duration::from_secs(60),
        silence: Duration::from_secs(4),
        least: Duration::from_secs(2),
    }
}

fn call(n: u64) -> CallId {
    CallId::mint(wall(), &mut Seeded::new(n))
}

/// A writer, what it tells the engine, and its end.
fn start(settings: VoicemailSettings) -> (Voicemail, Outlet, std::thread::JoinHandle<()>) {
    let (inbox, outlet) = inbox(Clock::begin());
    let (voicemail, thread) = Voicemail::start(settings, inbox).unwrap();
    (voicemail, outlet, thread)
}

fn open(voicemail: &Voicemail, leg: LegId, call: CallId) {
    voicemail.order(Mail::Open { leg, call, message: Box::new(message()) });
}

/// Leaves a message of so many seconds.
fn leave(voicemail: &Voicemail, call: CallId, seconds: usize) {
    open(voicemail, LEG, call);
    for _ in 0..seconds {
        voicemail.samples(LEG, vec![257; 8000]);
    }
    voicemail.order(Mail::Done { call });
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_message_is_a_wav_file_with_a_description_and_can_be_said_to_be_done() {
    let dir = Dir::new("voicemail-kept");
    let (voicemail, _outlet, thread) = start(settings(&dir.0));
    let id = call(1);
    leave(&voicemail, id, 3);
    // What comes from nobody's leg, or after the end, is nobody's.
    voicemail.samples(LEG, vec![1; 8000]);
    voicemail.samples(LegId::arrived(9), vec![1; 8000]);
    voicemail.stop();
    thread.join().unwrap();
    assert_eq!(voicemail.counts(), (1, 0, 0));
    let place = settings(&dir.0).dir;
    assert_eq!(files(&place), [format!("{id}.json"), format!("{id}.wav")]);
    let folder = Folder::at(&place);
    let [kept] = &folder.list().unwrap()[..] else { panic!("one message") };
    assert_eq!((kept.call, kept.ms, kept.done, kept.e164.as_deref()), (id, 3000, false, Some("+34612045118")));
    assert_eq!((kept.mailbox.as_str(), kept.customer.as_deref()), ("night", Some("C-1001")));
    let sound = folder.sound(id).unwrap();
    assert_eq!(sound.len(), 44 + 48_000);
    assert_eq!((&sound[..4], &sound[8..16], &sound[36..40]), (&b"RIFF"[..], &b"WAVEfmt "[..], &b"data"[..]));
    let number = |at: usize| u32::from_le_bytes(sound[at..at + 4].try_into().unwrap());
    assert_eq!((number(4), number(24), number(40)), (48_036, 8000, 48_000));
    assert!(sound[44..].iter().all(|&byte| byte == 1), "257 is 1, 1");
    let loaded = crate::shell::media::load_prompt(&place.join(format!("{id}.wav"))).unwrap();
    assert_eq!((loaded.rate_hz, loaded.samples.len()), (8000, 24_000), "our own player can play it");

    assert!(folder.set_done(id, true).unwrap().done && folder.show(id).unwrap().done);
    assert!(folder.show(call(2)).is_err());
    folder.remove(id).unwrap();
    assert!(files(&place).is_empty());
}

#[test]
fn a_message_shorter_than_its_least_leaves_nothing() {
    let dir = Dir::new("voicemail-short");
    let (voicemail, outlet, thread) = start(settings(&dir.0));
    leave(&voicemail, call(1), 1);
    leave(&voicemail, call(2), 0);
    voicemail.stop();
    thread.join().unwrap();
    assert_eq!((voicemail.counts(), files(&settings(&dir.0).dir).len()), ((0, 0, 0), 0));
    assert!(outlet.house.try_recv().is_err(), "that is no failure");
}

#[test]
fn who_finds_no_room_is_told_and_so_is_who_has_no_disk() {
    let dir = Dir::new("voicemail-room");
    for (what, bytes_max, kept) in [("as many as may be", 1_000_000, 2), ("as many bytes as may be", 40_000, 1)] {
        let _ = std::fs::remove_dir_all(settings(&dir.0).dir);
        let (voicemail, outlet, thread) = start(VoicemailSettings { bytes_max, ..settings(&dir.0) });
        for n in 0..3 {
            leave(&voicemail, call(n), 3);
        }
        voicemail.stop();
        thread.join().unwrap();
        assert_eq!(voicemail.counts(), (kept, 3 - kept, 0), "{what}");
        for _ in kept..3 {
            let told = outlet.house.try_recv().ok().map(|arrival| arrival.input);
            let failed = Input::Media { leg: LEG, event: MediaEvent::Taped { ms: 0, end: TapeEnd::Failed } };
            assert_eq!(told, Some(failed), "{what}");
        }
        assert_eq!(Folder::at(&settings(&dir.0).dir).list().unwrap().len() as u64, kept, "{what}");
    }
    let (voicemail, outlet, thread) = start(settings(&dir.0));
    std::fs::remove_dir_all(settings(&dir.0).dir).unwrap();
    leave(&voicemail, call(9), 3);
    voicemail.stop();
    thread.join().unwrap();
    assert!(outlet.house.try_recv().is_ok(), "the folder is gone");
}

#[test]
fn a_message_that_a_crash_cut_off_is_kept_as_far_as_it_was_written() {
    let dir = Dir::new("voicemail-crash");
    let place = settings(&dir.0).dir;
    let folder = Folder::open(&place).unwrap();
    // A second and a half; too little; nothing but the description; a description that is none; one that was nearly finished.
    for (n, samples) in [(1, 12_000), (2, 500), (5, 16_000)] {
        let mut file = folder.create(&Message::new(call(n), &message(), wall())).unwrap();
        file.write_all(&vec![0; samples * 2]).unwrap();
    }
    folder.create(&Message::new(call(3), &message(), wall())).unwrap();
    std::fs::write(place.join("broken.begun"), "{").unwrap();
    for entry in std::fs::read_dir(&place).unwrap().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|e| e == "part") && entry.metadata().unwrap().len() == 32_044 {
            std::fs::rename(&path, path.with_extension("wav")).unwrap();
        }
    }
    let (voicemail, _outlet, thread) = start(settings(&dir.0));
    voicemail.stop();
    thread.join().unwrap();
    let lengths: Vec<u64> = folder.list().unwrap().iter().map(|message| message.ms).collect();
    assert_eq!((lengths, files(&place).len()), (vec![1500, 2000], 4), "{:?}", files(&place));
}

#[test]
fn what_is_under_way_when_the_process_ends_is_finished() {
    let dir = Dir::new("voicemail-end");
    let (voicemail, _outlet, thread) = start(settings(&dir.0));
    open(&voicemail, LEG, call(1));
    voicemail.samples(LEG, vec![3; 16_000]);
    voicemail.stop();
    thread.join().unwrap();
    assert_eq!(Folder::at(&settings(&dir.0).dir).list().unwrap()[0].ms, 2000);
}

#[test]
fn old_messages_go_and_the_list_is_in_order() {
    let dir = Dir::new("voicemail-old");
    let folder = Folder::open(&dir.0.join("voicemail")).unwrap();
    for (n, at_s) in [(1, 2000), (2, 1000), (3, 3000)] {
        let message = Message::new(call(n), &message(), Wall::from_secs(at_s));
        let file = folder.create(&message).unwrap();
        folder.finish(file, 16_000, &message).unwrap();
    }
    let at = |folder: &Folder| folder.list().unwrap().iter().map(|m| m.at_us / 1_000_000).collect::<Vec<_>>();
    assert_eq!(at(&folder), [1000, 2000, 3000]);
    assert_eq!(folder.sweep(Wall::from_secs(2000)).unwrap(), 1);
    assert_eq!(at(&folder), [2000, 3000]);
}
