//! Scripts through the front door: packets, commands and time in, a transcript out.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use expect_test::expect_file;
use proptest::prelude::*;
use turno_base::{Codec, Direction, LegId, Now, PromptId, Quality, Seeded, StreamAgreement, TapeEnd};

use crate::g711::{A_TO_LINEAR, U_TO_LINEAR, a_encode};
use crate::rtcp::{self, Part};
use crate::rtp::{self, Header};
use crate::{
    Library, Listening, MediaCommand, MediaEvent, Network, Out, Play, Port, Rules, Shard, Slot, Sound, TapeRules,
};

const A: LegId = LegId::arrived(1);
const B: LegId = LegId::dialled(1);

/// Everything that comes out, as lines; packets also whole.
#[derive(Default)]
struct Transcript {
    samples: Vec<i16>,
    now_ms: u64,
    text: String,
    packets: Vec<(Slot, SocketAddr, Vec<u8>)>,
    events: Vec<(LegId, MediaEvent)>,
    reads: usize,
}

impl Transcript {
    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{:>5} {text}", self.now_ms).expect("a string takes all");
    }
}

impl Out for Transcript {
    fn rtp(&mut self, slot: Slot, to: SocketAddr, packet: &[u8]) {
        self.packets.push((slot, to, packet.to_vec()));
        if rtp::is_rtcp(packet) {
            return self.rtcp(slot, to, packet);
        }
        let (header, payload) = rtp::parse(packet).expect("we write RTP");
        let (pt, marker, bytes) = (header.payload_type, if header.marker { " marker" } else { "" }, payload.len());
        self.line(format_args!("{} -> {to} pt {pt}{marker} {bytes} bytes", slot.0));
    }
    fn rtcp(&mut self, slot: Slot, to: SocketAddr, packet: &[u8]) {
        let mut text = String::new();
        for part in rtcp::parse(packet).expect("we write RTCP") {
            match part {
                Part::Report { sent, blocks, .. } => {
                    let sent = sent.map(|s| (s.packets, s.octets));
                    let blocks: Vec<_> = blocks.map(|b| (b.lost, b.fraction_lost)).collect();
                    write!(text, " sent {sent:?} heard {blocks:?}").expect("a string takes all");
                }
                Part::Goodbye { .. } => text.push_str(" goodbye"),
                Part::Description | Part::Unknown(_) => {}
            }
        }
        self.line(format_args!("{} -> {to} rtcp{text}", slot.0));
    }
    fn samples(&mut self, leg: LegId, samples: Vec<i16>) {
        self.line(format_args!("{leg} said {} samples", samples.len()));
        self.samples.extend(samples);
    }
    fn event(&mut self, leg: LegId, event: MediaEvent) {
        self.events.push((leg, event.clone()));
        self.line(format_args!("{leg} {event:?}"));
    }
    fn listen(&mut self, slot: Slot, how: Listening) {
        self.line(format_args!("{} listens {how:?}", slot.0));
    }
    fn read(&mut self, _slot: Slot) {
        self.reads += 1;
    }
}

struct House {
    shard: Shard,
    out: Transcript,
}

fn prompt(name: &str) -> PromptId {
    PromptId::new(name).unwrap()
}

fn library() -> Library {
    let mut library = Library::new();
    library.add(prompt("welcome"), Sound::tone(16_000, 500.0, 8_000, 70)).unwrap();
    library.add(prompt("music"), Sound::tone(8_000, 800.0, 8_000, 1_000)).unwrap();
    library
}

fn address(slot: u32) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 4000 + slot as u16 * 2))
}

fn terms(slot: u32, codec: Codec) -> StreamAgreement {
    StreamAgreement {
        remote: address(slot),
        remote_rtcp: SocketAddr::new(address(slot).ip(), address(slot).port() + 1),
        send: (codec, codec.payload_type()),
        receive: vec![(codec, codec.payload_type())],
        dtmf: Some(101),
        dtmf_receive: vec![101],
        direction: Direction::SendRecv,
        ptime_ms: 20,
    }
}

impl House {
    fn new(rules: Rules) -> House {
        House { shard: Shard::new(rules, library(), 11), out: Transcript::default() }
    }

    fn now(&self) -> Now {
        Now::from_ms(self.out.now_ms)
    }

    fn open(&mut self, leg: LegId, slot: u32, codec: Codec) {
        self.shard.open(leg, Slot(slot), self.now(), &mut self.out);
        self.order(leg, MediaCommand::Agree(terms(slot, codec)));
    }

    fn order(&mut self, leg: LegId, command: MediaCommand) {
        self.shard.on_command(leg, &command, self.now(), &mut self.out);
    }

    fn hear(&mut self, slot: u32, from: SocketAddr, header: Header, payload: &[u8]) {
        let mut packet = header.to_bytes().to_vec();
        packet.extend_from_slice(payload);
        let now = self.now().mono;
        self.shard.on_rtp(Slot(slot), from, &mut packet, now, &mut self.out);
    }

    /// The peer of a slot says 20 ms, its `n`-th packet.
    fn say(&mut self, slot: u32, codec: Codec, n: u16) {
        let header = header(codec.payload_type(), n, u32::from(n) * 160, slot + 70);
        self.hear(slot, address(slot), header, &[0x55; 160]);
    }

    /// Lets time pass, with every deadline met.
    fn run_to(&mut self, ms: u64) {
        while let Some(at) = self.shard.deadline().filter(|at| at.0 <= ms * 1000) {
            self.out.now_ms = self.out.now_ms.max(at.0.div_ceil(1000));
            self.shard.on_tick(self.now(), &mut self.out);
        }
        self.out.now_ms = ms;
    }

    fn close(&mut self, leg: LegId) -> Quality {
        self.order(leg, MediaCommand::Close);
        match self.out.events.last() {
            Some((closed, MediaEvent::Closed(quality))) if *closed == leg => *quality,
            other => panic!("closed, not {other:?}"),
        }
    }

    fn sound_to(&self, slot: u32, table: &[i16; 256]) -> Vec<i16> {
        let to_slot = self.out.packets.iter().filter(|(at, _, packet)| at.0 == slot && !rtp::is_rtcp(packet));
        to_slot.flat_map(|(_, _, packet)| packet[12..].iter().map(|&b| table[usize::from(b)])).collect()
    }
}

fn header(payload_type: u8, sequence: u16, timestamp: u32, ssrc: u32) -> Header {
    Header { marker: false, payload_type, sequence, timestamp, ssrc }
}

#[test]
fn a_call_waits_with_music_is_bridged_held_and_ends() {
    let mut house = House::new(Rules::default());
    house.open(A, 0, Codec::Pcma);
    house.say(0, Codec::Pcma, 1);
    house.order(A, MediaCommand::Play(Play::OnceThenLoop(vec![prompt("welcome")], prompt("music")), 7));
    house.run_to(100);
    house.open(B, 1, Codec::Pcmu);
    house.say(1, Codec::Pcmu, 1);
    house.order(A, MediaCommand::Bridge(B));
    house.run_to(107);
    house.say(0, Codec::Pcma, 2);
    house.say(1, Codec::Pcmu, 2);
    house.run_to(127);
    house.say(1, Codec::Pcmu, 3);
    house.order(A, MediaCommand::Agree(StreamAgreement { direction: Direction::Inactive, ..terms(0, Codec::Pcma) }));
    house.order(A, MediaCommand::Held(true));
    house.say(0, Codec::Pcma, 3);
    house.say(1, Codec::Pcmu, 4);
    house.run_to(140);
    house.order(A, MediaCommand::Agree(terms(0, Codec::Pcma)));
    house.order(A, MediaCommand::Held(false));
    house.say(1, Codec::Pcmu, 5);
    house.order(A, MediaCommand::Key { key: '7', ms: 40 });
    house.run_to(250);
    house.say(1, Codec::Pcmu, 12);
    house.order(A, MediaCommand::Unbridge);
    house.say(0, Codec::Pcma, 4);
    house.order(B, MediaCommand::Play(Play::Ringback, 7));
    house.run_to(300);
    house.order(B, MediaCommand::Quiet);
    house.run_to(400);
    house.close(B);
    house.close(A);
    house.order(A, MediaCommand::Quiet);
    expect_file!["../../tests/golden/media-call.txt"].assert_eq(&house.out.text);
}

/// Each state of a session against each command and packet: the effects, in one line.
#[test]
fn every_state_answers_every_event() {
    type Step = (&'static str, fn(&mut House));
    let states: [Step; 7] = [
        ("open", |h| h.shard.open(A, Slot(0), h.now(), &mut h.out)),
        ("agreed", |h| h.open(A, 0, Codec::Pcma)),
        ("locked", |h| {
            h.open(A, 0, Codec::Pcma);
            h.say(0, Codec::Pcma, 1);
        }),
        ("playing", |h| {
            h.open(A, 0, Codec::Pcma);
            h.say(0, Codec::Pcma, 1);
            h.order(A, MediaCommand::Play(Play::Once(vec![prompt("welcome")]), 7));
            h.run_to(20);
        }),
        ("bridged", |h| {
            h.open(A, 0, Codec::Pcma);
            h.say(0, Codec::Pcma, 1);
            h.order(A, MediaCommand::Bridge(B));
        }),
        ("bridged, playing", |h| {
            h.open(A, 0, Codec::Pcma);
            h.say(0, Codec::Pcma, 1);
            h.order(A, MediaCommand::Bridge(B));
            h.order(A, MediaCommand::Play(Play::Loop(prompt("music")), 7));
            h.run_to(20);
        }),
        ("closed", |h| {
            h.open(A, 0, Codec::Pcma);
            h.order(A, MediaCommand::Close);
        }),
    ];
    let events: [Step; 21] = [
        ("open", |h| h.shard.open(A, Slot(0), h.now(), &mut h.out)),
        ("open by command", |h| h.order(A, MediaCommand::Open(Port { rtp: address(0), rtcp: address(0) }))),
        ("agree", |h| h.order(A, MediaCommand::Agree(terms(0, Codec::Pcma)))),
        ("agree elsewhere", |h| h.order(A, MediaCommand::Agree(terms(5, Codec::Pcma)))),
        ("play", |h| h.order(A, MediaCommand::Play(Play::Once(vec![prompt("welcome")]), 7))),
        ("play unknown", |h| h.order(A, MediaCommand::Play(Play::Once(vec![prompt("unknown")]), 7))),
        ("quiet", |h| h.order(A, MediaCommand::Quiet)),
        ("bridge", |h| h.order(A, MediaCommand::Bridge(B))),
        ("bridge with itself", |h| h.order(A, MediaCommand::Bridge(A))),
        ("bridge with nobody", |h| h.order(A, MediaCommand::Bridge(LegId(99)))),
        ("unbridge", |h| h.order(A, MediaCommand::Unbridge)),
        ("key", |h| h.order(A, MediaCommand::Key { key: '1', ms: 40 })),
        ("pressed", |h| h.order(A, MediaCommand::Pressed { key: '1', ms: 40 })),
        ("hold", |h| h.order(A, MediaCommand::Held(true))),
        ("tape", |h| h.order(A, MediaCommand::Tape(TAPE))),
        ("tape ends", |h| h.order(A, MediaCommand::EndTape)),
        ("close", |h| h.order(A, MediaCommand::Close)),
        ("packet", |h| h.say(0, Codec::Pcma, 2)),
        ("packet of the other", |h| h.say(1, Codec::Pcma, 2)),
        ("stranger's packet", |h| h.hear(0, address(7), header(8, 2, 320, 70), &[0x55; 160])),
        ("31 s", |h| h.run_to(h.out.now_ms + 31_000)),
    ];
    let mut matrix = String::new();
    for (state, enter) in &states {
        for (event, act) in &events {
            let mut house = House::new(Rules::default());
            house.open(B, 1, Codec::Pcma);
            house.say(1, Codec::Pcma, 1);
            enter(&mut house);
            house.out = Transcript { now_ms: house.out.now_ms, ..Transcript::default() };
            let before = *house.shard.counts();
            act(&mut house);
            if *event != "31 s" {
                house.run_to(house.out.now_ms + 100);
            }
            let counted = house.shard.counts().named().zip(before.named()).filter(|(now, then)| now.1 != then.1);
            let counted: Vec<String> =
                counted.map(|((name, now), (_, then))| format!("{name} {}", now - then)).collect();
            // Reports have their own test, and would differ with every change of the dice.
            let lines = house.out.text.lines().filter(|line| !line.contains("rtcp")).map(|line| &line[6..]);
            let mut effects: Vec<(&str, usize)> = Vec::new();
            for line in lines {
                match effects.last_mut().filter(|(last, _)| *last == line) {
                    Some((_, times)) => *times += 1,
                    None => effects.push((line, 1)),
                }
            }
            let effects: Vec<String> = effects
                .into_iter()
                .map(|(line, n)| if n > 1 { format!("{line} x{n}") } else { line.to_owned() })
                .collect();
            let _ = writeln!(matrix, "{state} | {event}: {} [{}]", effects.join("; "), counted.join(", "));
        }
    }
    expect_file!["../../tests/golden/media-matrix.txt"].assert_eq(&matrix);
}

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
fn a_late_thread_neither_drifts_nor_bursts() {
    let mut house = House::new(Rules::default());
    house.open(A, 0, Codec::Pcma);
    house.order(A, MediaCommand::Play(Play::Loop(prompt("music")), 7));
    // Woken up to 7 ms late each time, then stalled for a second, then late again.
    let mut seeded = Seeded::new(1);
    let mut at_ms = 0;
    for stall in [0, 1000] {
        at_ms += stall;
        for _ in 0..500 {
            let due = house.shard.deadline().expect("music plays").as_ms();
            at_ms = due.max(at_ms) + seeded.below(8);
            house.out.now_ms = at_ms;
            house.shard.on_tick(house.now(), &mut house.out);
        }
    }
    let headers: Vec<Header> = house
        .out
        .packets
        .iter()
        .filter(|(_, _, p)| !rtp::is_rtcp(p))
        .map(|(_, _, p)| rtp::parse(p).unwrap().0)
        .collect();
    let passed = headers.last().unwrap().timestamp.wrapping_sub(headers[0].timestamp);
    assert!(passed.abs_diff(at_ms as u32 * 8) < 8 * 50, "{passed} ticks in {at_ms} ms");
    assert!(headers.windows(2).all(|w| w[1].sequence == w[0].sequence.wrapping_add(1)));
    let skipped = house.shard.counts().skipped;
    assert!((45..=50).contains(&skipped), "{skipped}");
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

const TAPE: TapeRules = TapeRules { longest: Duration::from_secs(120), silence: Duration::from_secs(4) };

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

#[test]
fn nobody_is_heard_but_the_peer() {
    let mut house =
        House::new(Rules { direct: vec![Network { address: address(0).ip(), prefix: 8 }], ..Rules::default() });
    house.open(A, 0, Codec::Pcma);
    house.open(B, 1, Codec::Pcma);
    house.order(A, MediaCommand::Bridge(B));
    // 24 packets of a stranger before the peer spoke, and 24 after, the second lot in the peer's own stream.
    for n in 0..24 {
        house.hear(0, address(9), header(8, n, u32::from(n) * 160, 5), &[0; 160]);
    }
    house.say(0, Codec::Pcma, 1);
    for n in 2..26 {
        house.hear(0, address(9), header(8, n, u32::from(n) * 160, 70), &[0; 160]);
    }
    assert_eq!((house.shard.counts().relayed, house.shard.counts().stranger), (1, 48));
    assert_eq!(house.close(A).received, 1);
}

#[test]
fn silence_is_told_once_and_a_hold_is_given_longer() {
    for (name, held, expected_s) in [("talking", false, 30), ("held", true, 1800)] {
        let mut house = House::new(Rules::default());
        house.open(A, 0, Codec::Pcma);
        house.say(0, Codec::Pcma, 1);
        house.order(A, MediaCommand::Held(held));
        house.run_to(4_000_000);
        let told: Vec<&str> = house.out.text.lines().filter(|line| line.contains("Silent")).collect();
        let [line] = told[..] else { panic!("{name}: {told:?}") };
        let at_ms: u64 = line.split_whitespace().next().unwrap().parse().unwrap();
        assert!((expected_s * 1000..=expected_s * 1000 + 1000).contains(&at_ms), "{name}: {line}");
    }
}

#[test]
fn who_was_silent_before_the_answer_is_told_of_again_when_he_stays_so_in_the_conversation() {
    let mut house = House::new(Rules::default());
    house.open(A, 0, Codec::Pcma);
    house.open(B, 1, Codec::Pcma);
    house.run_to(60_000);
    house.order(A, MediaCommand::Bridge(B));
    house.run_to(100_000);
    let told = |leg: &str| house.out.text.lines().filter(|line| line.contains("Silent") && line.contains(leg)).count();
    assert_eq!((told(&format!(" {A} ")), told(&format!(" {B} "))), (2, 2), "{}", house.out.text);
}

#[test]
fn rtcp_alone_keeps_a_session_alive() {
    let mut house = House::new(Rules::default());
    house.open(A, 0, Codec::Pcma);
    let mut report = Vec::new();
    rtcp::Report { ssrc: 70, sent: None, block: None, cname: "peer", goodbye: false }.write(&mut report);
    for n in 1..10 {
        house.run_to(n * 20_000);
        let now = house.now().mono;
        house.shard.on_rtcp(Slot(0), terms(0, Codec::Pcma).remote_rtcp, &report, now);
    }
    assert_eq!(house.out.events, []);
    house.shard.on_rtcp(Slot(0), address(9), &report, house.now().mono);
    assert_eq!(house.shard.counts().stranger, 1);
}

#[test]
fn quality_is_measured_from_both_sides() {
    let mut house = House::new(Rules::default());
    house.open(A, 0, Codec::Pcma);
    house.order(A, MediaCommand::Play(Play::Loop(prompt("music")), 7));
    house.order(A, MediaCommand::Quiet);
    house.order(A, MediaCommand::Bridge(B));
    // One packet in ten is lost, every other one 4 ms late.
    for n in (1..1000u16).filter(|n| n % 10 != 0) {
        house.run_to(u64::from(n) * 20 + u64::from(n % 2) * 4);
        house.say(0, Codec::Pcma, n);
    }
    // The peer answers our last report 30 ms after it had it, over a path of 50 ms there and back.
    house.order(A, MediaCommand::Play(Play::Loop(prompt("music")), 7));
    house.run_to(40_000);
    let last = house.out.packets.iter().rev().find(|(_, _, p)| rtp::is_rtcp(p));
    assert!(last.is_none(), "reports have their own port here");
    let quality = house.close(A);
    assert_eq!((quality.received, quality.lost, quality.codec), (900, 99, Some(Codec::Pcma)));
    assert!((3_000..=4_500).contains(&quality.jitter_us), "{quality:?}");
    assert!((300..=370).contains(&quality.mos_x100), "{quality:?}");
}

/// Keeps the reports.
#[derive(Default)]
struct Reports(Vec<Vec<u8>>);

impl Out for Reports {
    fn rtp(&mut self, _: Slot, _: SocketAddr, _: &[u8]) {}
    fn rtcp(&mut self, _: Slot, _: SocketAddr, packet: &[u8]) {
        self.0.push(packet.to_vec());
    }
    fn samples(&mut self, _: LegId, _: Vec<i16>) {}
    fn event(&mut self, _: LegId, _: MediaEvent) {}
    fn listen(&mut self, _: Slot, _: Listening) {}
    fn read(&mut self, _: Slot) {}
}

#[test]
fn the_round_trip_is_what_the_reports_say_even_if_the_wall_clock_steps() {
    let (mut shard, mut out) = (Shard::new(Rules::default(), library(), 3), Reports::default());
    shard.open(A, Slot(0), Now::from_ms(0), &mut out);
    shard.on_command(A, &MediaCommand::Agree(terms(0, Codec::Pcma)), Now::from_ms(0), &mut out);
    shard.on_command(A, &MediaCommand::Play(Play::Loop(prompt("music")), 7), Now::from_ms(0), &mut out);
    let mut ms = 0;
    while out.0.is_empty() {
        ms += 5;
        let stepped = Now { wall: turno_base::Wall(ms as i64 * 1000 + 3_600_000_000), ..Now::from_ms(ms) };
        shard.on_tick(stepped, &mut out);
    }
    assert!((2_000..=9_000).contains(&ms), "first report after {ms} ms");
    let Some(Part::Report { ssrc, sent: Some(sent), .. }) = rtcp::parse(&out.0[0]).unwrap().next() else {
        panic!("a report")
    };
    let block = rtcp::Block {
        ssrc,
        fraction_lost: 0,
        lost: 0,
        highest: 0,
        jitter: 0,
        last_report: (sent.ntp >> 16) as u32,
        since_last_report: 30 * 65_536 / 1000,
    };
    let mut answer = Vec::new();
    rtcp::Report { ssrc: 70, sent: None, block: Some(block), cname: "peer", goodbye: false }.write(&mut answer);
    shard.on_rtcp(Slot(0), terms(0, Codec::Pcma).remote_rtcp, &answer, Now::from_ms(ms + 80).mono);
    let round_trip_us = shard.quality(A).unwrap().round_trip_us;
    assert!(round_trip_us.abs_diff(50_000) < 100, "{round_trip_us}");
}

#[test]
fn reports_come_about_every_five_seconds_and_the_last_says_goodbye() {
    let mut house = House::new(Rules { silent_limit: Duration::from_secs(9999), ..Rules::default() });
    house.open(A, 0, Codec::Pcma);
    house.say(0, Codec::Pcma, 1);
    house.run_to(100_000);
    house.close(A);
    let reports: Vec<&str> = house.out.text.lines().filter(|line| line.contains("rtcp")).collect();
    assert!((16..=26).contains(&reports.len()), "{}", reports.len());
    assert!(reports.last().unwrap().ends_with("goodbye"));
    assert_eq!(reports.iter().filter(|line| line.contains("goodbye")).count(), 1);
}

#[test]
fn keys_as_tones_are_heard_only_where_no_events_were_agreed_and_nobody_talks() {
    for (dtmf, bridged, expected) in [(None, false, "5"), (Some(101), false, ""), (None, true, "")] {
        let mut house = House::new(Rules::default());
        house.shard.open(A, Slot(0), house.now(), &mut house.out);
        let dtmf_receive = dtmf.into_iter().collect();
        house.order(A, MediaCommand::Agree(StreamAgreement { dtmf, dtmf_receive, ..terms(0, Codec::Pcma) }));
        house.open(B, 1, Codec::Pcma);
        if bridged {
            house.order(A, MediaCommand::Bridge(B));
        }
        let (low, high) = (Sound::tone(8000, 770.0, 6_000, 80), Sound::tone(8000, 1336.0, 6_000, 80));
        let mut both: Vec<u8> = low.samples.iter().zip(&high.samples).map(|(a, b)| a_encode(a + b)).collect();
        both.extend([0xd5; 800]);
        for (n, part) in both.chunks(160).enumerate() {
            house.hear(0, address(0), header(8, n as u16, n as u32 * 160, 70), part);
        }
        let keys: String = house
            .out
            .events
            .iter()
            .filter_map(|(_, e)| if let MediaEvent::Key { key, .. } = e { Some(*key) } else { None })
            .collect();
        assert_eq!(keys, expected, "{dtmf:?} {bridged}");
    }
}

/// A peer that answered our 101 by its own 96 may send its keys by either number; it gets them by its own.
#[test]
fn keys_come_by_our_number_or_the_peers_and_go_by_the_peers() {
    let mut house = House::new(Rules::default());
    house.shard.open(A, Slot(0), house.now(), &mut house.out);
    let agreement = StreamAgreement { dtmf: Some(96), dtmf_receive: vec![96, 101], ..terms(0, Codec::Pcma) };
    house.order(A, MediaCommand::Agree(agreement));
    house.open(B, 1, Codec::Pcma);
    house.order(A, MediaCommand::Bridge(B));
    for (n, number) in [(1, 101), (2, 96), (3, 97)] {
        house.hear(0, address(0), header(number, n, u32::from(n) * 1600, 70), &[n as u8, 0x8a, 0, 160]);
    }
    let keys: Vec<char> = house
        .out
        .events
        .iter()
        .filter_map(|(_, e)| if let MediaEvent::Key { key, .. } = e { Some(*key) } else { None })
        .collect();
    assert_eq!(keys, ['1', '2']);
    house.hear(1, address(1), header(101, 1, 0, 71), &[5, 0x8a, 0, 160]);
    let sent: Vec<(u32, u8)> = house.out.packets.iter().map(|(at, _, packet)| (at.0, packet[1] & 0x7f)).collect();
    assert_eq!(sent, [(1, 101), (1, 101), (0, 96)]);
}

#[test]
fn a_key_that_signalling_told_of_goes_to_whom_the_leg_is_bridged_with_and_nowhere_else() {
    let mut house = House::new(Rules::default());
    house.open(A, 0, Codec::Pcma);
    house.open(B, 1, Codec::Pcma);
    house.order(A, MediaCommand::Pressed { key: '4', ms: 40 });
    house.run_to(500);
    assert_eq!(house.out.packets.iter().filter(|(_, _, packet)| !rtp::is_rtcp(packet)).count(), 0);
    house.order(A, MediaCommand::Bridge(B));
    house.order(A, MediaCommand::Pressed { key: '5', ms: 40 });
    house.run_to(1000);
    let sent: Vec<(u32, u8, u8)> = house
        .out
        .packets
        .iter()
        .filter(|(_, _, packet)| !rtp::is_rtcp(packet))
        .map(|(at, _, p)| (at.0, p[1] & 0x7f, p[12]))
        .collect();
    assert!(sent.len() >= 4 && sent.iter().all(|packet| *packet == (1, 101, 5)), "{sent:?}");
}

#[test]
fn a_key_whose_end_is_lost_is_told_by_time() {
    let mut house = House::new(Rules::default());
    house.open(A, 0, Codec::Pcma);
    house.hear(0, address(0), header(101, 1, 0, 70), &[3, 10, 0, 160]);
    house.run_to(1000);
    assert_eq!(house.out.events.last(), Some(&(A, MediaEvent::Key { key: '3', ms: 20 })));
    assert!(house.out.text.contains("  200 a1 Key"), "{}", house.out.text);
}

#[test]
fn a_listener_nobody_listens_to_is_read_in_batches() {
    let mut house = House::new(Rules::default());
    house.open(A, 0, Codec::Pcma);
    house.order(A, MediaCommand::Play(Play::Loop(prompt("music")), 7));
    house.run_to(1000);
    assert_eq!(house.out.reads, 0, "a peer that is not known yet is heard at once");
    house.say(0, Codec::Pcma, 1);
    house.run_to(2000);
    assert_eq!(house.out.reads, 10);
    house.open(B, 1, Codec::Pcma);
    house.order(A, MediaCommand::Bridge(B));
    let listens: Vec<&str> = house.out.text.lines().filter(|l| l.contains("0 listens")).map(|l| &l[6..]).collect();
    assert_eq!(listens, ["0 listens Prompt", "0 listens Unhurried", "0 listens Prompt"]);
}

#[test]
fn a_faulty_session_is_given_up_and_its_partner_stays() {
    let mut house = House::new(Rules::default());
    house.open(A, 0, Codec::Pcma);
    house.open(B, 1, Codec::Pcma);
    house.order(A, MediaCommand::Bridge(B));
    house.say(0, Codec::Pcma, 1);
    let now = house.now().mono;
    assert_eq!(house.shard.fail(now, &mut house.out), Some(Slot(0)));
    assert_eq!(house.out.events.last(), Some(&(A, MediaEvent::Failed)));
    assert_eq!((house.shard.len(), house.shard.slot_of(A)), (1, None));
    house.say(1, Codec::Pcma, 1);
    assert_eq!(house.shard.fail(now, &mut house.out), Some(Slot(1)));
    assert!(house.shard.is_empty() && house.shard.deadline().is_none());
}

#[test]
fn oversized_datagrams_are_dropped() {
    let mut house = House::new(Rules::default());
    house.open(A, 0, Codec::Pcma);
    house.hear(0, address(0), header(8, 1, 0, 70), &[0; crate::limits::PACKET_BYTES_MAX]);
    assert_eq!((house.shard.counts().malformed, house.out.events.len()), (1, 0));
}

proptest! {
    /// Any bytes from the peer, any commands in any order: nothing panics, what goes out is RTP, and what is closed is gone.
    #[test]
    fn nothing_panics(steps in proptest::collection::vec((0u8..14, 0u8..3, proptest::collection::vec(any::<u8>(), 0..40)), 1..60)) {
        let mut house = House::new(Rules::default());
        for (n, (what, leg, bytes)) in steps.into_iter().enumerate() {
            let (leg, slot) = (LegId(leg.into()), u32::from(leg));
            match what {
                0 => house.open(leg, slot, Codec::Pcma),
                1 => house.open(leg, slot, Codec::Opus),
                2 => house.order(leg, MediaCommand::Bridge(LegId(u64::from(slot + 1) % 3))),
                3 => house.order(leg, MediaCommand::Unbridge),
                4 => house.order(leg, MediaCommand::Play(Play::OnceThenLoop(vec![prompt("welcome")], prompt("music")), 7)),
                5 if n % 2 == 0 => house.order(leg, MediaCommand::Pressed { key: '6', ms: 100 }),
                5 => house.order(leg, MediaCommand::Key { key: '5', ms: 100 }),
                6 => house.order(leg, MediaCommand::Close),
                7 => house.run_to(house.out.now_ms + n as u64 * 37),
                8 => house.say(slot, Codec::Pcma, n as u16),
                9 => house.hear(slot, address(slot), header(101, n as u16, n as u32 * 160, 70), &bytes),
                10 if n % 3 == 0 => house.order(leg, MediaCommand::Tape(TAPE)),
                10 => house.order(leg, MediaCommand::Held(n % 2 == 0)),
                11 => house.order(leg, MediaCommand::Agree(StreamAgreement { direction: Direction::RecvOnly, ptime_ms: bytes.len() as u8, ..terms(slot, Codec::Pcmu) })),
                12 => {
                    let now = house.now().mono;
                    house.shard.on_rtcp(Slot(slot), terms(slot, Codec::Pcma).remote_rtcp, &bytes, now);
                }
                _ => {
                    let (mut bytes, now) = (bytes, house.now().mono);
                    house.shard.on_rtp(Slot(slot), address(slot), &mut bytes, now, &mut house.out);
                }
            }
        }
        for leg in 0..3 {
            house.order(LegId(leg), MediaCommand::Close);
        }
        prop_assert!(house.shard.is_empty());
    }
}

#[test]
fn a_session_is_small() {
    // A waiting caller's share of 16 KB that is media's, beside two sockets.
    assert!(size_of::<crate::session::Session>() <= 1024, "{}", size_of::<crate::session::Session>());
}
