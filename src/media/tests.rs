//! Scripts through the front door: packets, commands and time in, a transcript out.

mod circles;
mod reports;
mod sound;

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use expect_test::expect_file;
use proptest::prelude::*;
use turno_base::{Codec, Direction, LegId, Now, PromptId, Quality, Seeded, StreamAgreement};

use crate::g711::a_encode;
use crate::rtcp::{self, Part};
use crate::rtp::{self, Header};
use crate::{
    Library, Listening, MediaCommand, MediaEvent, Network, Out, Play, Port, Rules, Shard, Slot, Sound, TapeRules,
};

const A: LegId = LegId::arrived(1);
const B: LegId = LegId::dialled(1);
const TAPE: TapeRules = TapeRules { longest: Duration::from_secs(120), silence: Duration::from_secs(4) };

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
            Some((closed, MediaEvent::Closed { quality, .. })) if *closed == leg => *quality,
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
        // As long as that: nothing was heard since the only packet.
        let told =
            house.out.events.iter().filter(|(_, event)| *event == MediaEvent::Silent(Duration::from_millis(at_ms)));
        assert_eq!(told.count(), 1, "{name}: {:?}", house.out.events);
    }
}

#[test]
fn whoever_is_closed_is_told_with_how_long_he_was_silent() {
    for (bridged, said_ms) in [(false, 4000), (true, 4000), (true, 9999)] {
        let mut house = House::new(Rules::default());
        house.open(A, 0, Codec::Pcma);
        house.open(B, 1, Codec::Pcma);
        if bridged {
            house.order(A, MediaCommand::Bridge(B));
        }
        house.run_to(said_ms);
        house.say(0, Codec::Pcma, 1);
        house.run_to(10_000);
        house.order(A, MediaCommand::Close);
        let Some((_, MediaEvent::Closed { silent, .. })) = house.out.events.last() else {
            panic!("{:?}", house.out.events)
        };
        assert_eq!(*silent, Duration::from_millis(10_000 - said_ms), "bridged: {bridged}");
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
