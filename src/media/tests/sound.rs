//! What is heard: tones through each codec, prompts for many, and what is taken down.

use turno_base::{Codec, LegId, StreamAgreement, TapeEnd};

use super::{A, B, House, TAPE, address, header, prompt, terms};
use crate::g711::{A_TO_LINEAR, U_TO_LINEAR, a_encode};
use crate::{MediaCommand, MediaEvent, Play, Rules, Slot, Sound};

#[test]
fn music_is_a_clean_tone_in_each_law_and_keeps_time_to_the_packet() {
    for (codec, table) in [(Codec::Pcma, &A_TO_LINEAR), (Codec::Pcmu, &U_TO_LINEAR)] {
        for ptime_ms in [10, 20, 30, 60] {
            let mut house = House::new(Rules::default());
            house.shard.open(A, Slot(0), house.now(), &mut house.out);
            house.order(A, MediaCommand::Agree(StreamAgreement { ptime_ms, ..terms(0, codec) }));
            house.order(A, MediaCommand::Play(Play::Loop(prompt("music")), 7));
            house.run_to(60_000 - 1);
            let sound = house.sound_to(0, table);
            // Not one packet more or less in a minute: the clock does not drift.
            assert_eq!(sound.len(), 60 * 8000, "{codec:?} {ptime_ms}");
            let level = Sound::level_of(&sound[..16_000], 8000, 800.0);
            assert!((level - 8_000.0).abs() < 200.0, "{codec:?} {ptime_ms}: {level}");
        }
    }
}

#[test]
fn a_thousand_listeners_of_one_prompt_cost_one_encoding_a_codec() {
    let mut house = House::new(Rules::default());
    for n in 0..1000 {
        let codec = [Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus, Codec::G729][n as usize % 5];
        house.open(LegId(n), n as u32, codec);
        house.order(LegId(n), MediaCommand::Play(Play::Loop(prompt("music")), 7));
        // They begin at any moment.
        house.run_to(n);
    }
    house.run_to(1500);
    assert_eq!(house.shard.encodings(), 3);
    assert!(house.shard.counts().played > 800 * 25);
    assert_eq!(house.shard.counts().skipped, 0);
}

#[test]
fn a_leg_that_takes_only_opus_or_g729_waits_in_silence_and_its_prompt_still_ends() {
    for (codec, packets) in [(Codec::Opus, 4), (Codec::G729, 0)] {
        let mut house = House::new(Rules::default());
        house.open(A, 0, codec);
        house.order(A, MediaCommand::Play(Play::Once(vec![prompt("welcome")]), 7));
        house.run_to(200);
        assert_eq!(house.out.events, [(A, MediaEvent::PlayEnded(7))], "{codec:?}");
        assert_eq!(house.out.packets.len(), packets);
        for (_, _, packet) in &house.out.packets {
            assert_eq!(packet[12..], [0xf8, 0xff, 0xfe]);
        }
    }
}

#[test]
fn codecs_pass_as_they_are_or_from_law_to_law_or_not_at_all() {
    use Codec::{G722, Opus, Pcma, Pcmu};
    let also = |codec| (codec, Codec::payload_type(codec));
    for (heard, send, receive, expected) in [
        (Pcma, Pcma, vec![also(Pcma)], Some((8, false))),
        (Pcma, Pcmu, vec![also(Pcmu)], Some((0, true))),
        (Pcmu, Pcma, vec![also(Pcma), also(Pcmu)], Some((8, true))), // what was agreed first goes before what is possible
        (G722, G722, vec![also(G722)], Some((9, false))),
        (Opus, Opus, vec![(Opus, 96)], Some((96, false))), // each leg has its own number
        (G722, Pcma, vec![also(Pcma), also(G722)], Some((9, false))),
        (G722, Pcma, vec![also(Pcma)], None),
        (Opus, Pcma, vec![also(Pcma), (Opus, 96)], None), // another clock on the same stream
    ] {
        let mut house = House::new(Rules::default());
        house.open(A, 0, heard);
        house.shard.open(B, Slot(1), house.now(), &mut house.out);
        let number = receive.iter().find(|(codec, _)| *codec == send).map_or(0, |(_, number)| *number);
        house.order(B, MediaCommand::Agree(StreamAgreement { send: (send, number), receive, ..terms(1, send) }));
        house.order(A, MediaCommand::Bridge(B));
        house.say(0, heard, 1);
        let got = house.out.packets.first().map(|(_, _, packet)| (packet[1] & 0x7f, packet[12] != 0x55));
        assert_eq!(got, expected, "{heard:?} to {send:?}");
        assert_eq!(house.shard.counts().no_common_codec, u64::from(expected.is_none()));
    }
}

#[test]
fn a_relayed_tone_keeps_its_frequency_and_level_through_both_laws() {
    let mut house = House::new(Rules::default());
    house.open(A, 0, Codec::Pcma);
    house.open(B, 1, Codec::Pcmu);
    house.order(A, MediaCommand::Bridge(B));
    let tone = Sound::tone(8000, 1004.0, 6_000, 1000).samples;
    for (n, part) in tone.chunks(160).enumerate() {
        let payload: Vec<u8> = part.iter().map(|&s| a_encode(s)).collect();
        house.hear(0, address(0), header(8, n as u16, n as u32 * 160, 70), &payload);
    }
    let heard = house.sound_to(1, &U_TO_LINEAR);
    let level = Sound::level_of(&heard, 8000, 1004.0);
    assert!((level - 6_000.0).abs() < 180.0, "{level}");
    let rest: Vec<f32> = [500.0, 1500.0, 2008.0, 3012.0].map(|hz| Sound::level_of(&heard, 8000, hz)).into();
    assert!(rest.iter().all(|&level| level < 60.0), "{rest:?}");
}

#[test]
fn what_a_peer_says_is_taken_down_until_he_falls_silent_is_told_to_stop_or_hangs_up() {
    let speaks = |house: &mut House, from: u16, packets: u16| {
        let tone = Sound::tone(8000, 1004.0, 6_000, u32::from(packets) * 20).samples;
        for (n, part) in (from..).zip(tone.chunks(160)) {
            let payload: Vec<u8> = part.iter().map(|&s| a_encode(s)).collect();
            house.run_to(u64::from(n) * 20);
            house.hear(0, address(0), header(8, n, u32::from(n) * 160, 70), &payload);
        }
    };
    let taped = |house: &House| -> Vec<(u32, TapeEnd)> {
        let ends = house.out.events.iter().filter_map(|(_, event)| match event {
            MediaEvent::Taped { ms, end } => Some((*ms, *end)),
            _ => None,
        });
        ends.collect()
    };
    for (name, end, expected) in [
        ("falls silent", TapeEnd::Silence, None),
        ("told", TapeEnd::Told, Some(MediaCommand::EndTape)),
        ("hangs up", TapeEnd::Closed, Some(MediaCommand::Close)),
    ] {
        let mut house = House::new(Rules::default());
        house.open(A, 0, Codec::Pcma);
        // Before the tape nothing is taken down.
        speaks(&mut house, 0, 50);
        house.order(A, MediaCommand::Tape(TAPE));
        speaks(&mut house, 50, 75);
        assert_eq!(house.out.samples.len(), 8000, "{name}: a second went out, half a one waits");
        match expected {
            Some(command) => house.order(A, command),
            None => house.run_to(9000),
        }
        assert_eq!(taped(&house), [(1500, end)], "{name}");
        assert_eq!(house.out.samples.len(), 12_000, "{name}");
        let level = Sound::level_of(&house.out.samples, 8000, 1004.0);
        assert!((level - 6_000.0).abs() < 200.0, "{name}: {level}");
        if end != TapeEnd::Closed {
            speaks(&mut house, 500, 10);
            assert_eq!(house.out.samples.len(), 12_000, "{name}: nothing after it");
        }
    }
}
