//! A whole shard: any commands, any packets from anywhere, time that leaps. No panic, only the agreed peer is sent to, and
//! once all is closed nothing wakes.
#![no_main]

use std::net::SocketAddr;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use turno_base::{Codec, Direction, LegId, Now, PromptId, StreamAgreement};
use turno_fuzz::Choices;
use turno_media::{
    Library, Listening, MediaCommand, MediaEvent, Out, Play, Port, Rules, Shard, Slot, Sound, TapeRules, rtcp, rtp,
};

const LEGS: u64 = 4;
/// Samples: a piece, the longest gap that silence fills, the packet after it.
const PIECE_MAX: usize = 8000 + 80_000 + 8000;
const CODECS: [Codec; 5] = [Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus, Codec::G729];

#[derive(Default)]
struct Ears {
    events: Vec<(LegId, MediaEvent)>,
    sent: usize,
}

impl Out for Ears {
    fn rtp(&mut self, _: Slot, to: SocketAddr, packet: &[u8]) {
        assert!(rtp::is_rtcp(packet) || rtp::parse(packet).is_ok());
        assert_ne!(to.ip().to_string(), "203.0.113.9", "a stranger is sent to");
        self.sent += 1;
    }
    fn rtcp(&mut self, _: Slot, to: SocketAddr, packet: &[u8]) {
        assert!(rtcp::parse(packet).is_ok());
        assert_ne!(to.ip().to_string(), "203.0.113.9", "a stranger is sent to");
        self.sent += 1;
    }
    fn samples(&mut self, _: LegId, samples: Vec<i16>) {
        assert!(samples.len() <= PIECE_MAX, "more in one piece than a second, a gap and a packet hold");
    }
    fn event(&mut self, leg: LegId, event: MediaEvent) {
        self.events.push((leg, event));
    }
    fn listen(&mut self, _: Slot, _: Listening) {}
    fn read(&mut self, _: Slot) {}
}

fn address(n: u64, port: u16) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 1 + n as u8], port))
}

fn terms(choices: &mut Choices<'_>) -> StreamAgreement {
    let codec = CODECS[choices.below(5) as usize];
    let other = CODECS[choices.below(5) as usize];
    let directions = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];
    let n = choices.below(LEGS);
    StreamAgreement {
        remote: address(n, 4000),
        remote_rtcp: address(n, 4001),
        send: (codec, codec.payload_type()),
        receive: vec![(codec, codec.payload_type()), (other, other.payload_type())],
        dtmf: [None, Some(101)][choices.below(2) as usize],
        dtmf_receive: (0..choices.below(3)).map(|_| 96 + choices.below(32) as u8).collect(),
        direction: directions[choices.below(4) as usize],
        ptime_ms: 10 + choices.below(51) as u8,
    }
}

fn command(choices: &mut Choices<'_>) -> MediaCommand {
    let prompt = |n: u64| PromptId::new(["welcome", "music", "absent"][n as usize]).expect("name");
    match choices.below(16) {
        0..=3 => MediaCommand::Agree(terms(choices)),
        4 => MediaCommand::Play(Play::Once((0..choices.below(3)).map(|_| prompt(choices.below(3))).collect()), 7),
        5 => MediaCommand::Play(Play::Loop(prompt(choices.below(3))), 7),
        6 => MediaCommand::Play(Play::OnceThenLoop(vec![prompt(choices.below(3))], prompt(choices.below(3))), 7),
        7 => MediaCommand::Play(Play::Ringback, 7),
        8 => MediaCommand::Quiet,
        9 => MediaCommand::Bridge(LegId::arrived(choices.below(LEGS))),
        10 => MediaCommand::Unbridge,
        11 => {
            MediaCommand::Key { key: ['5', '#', 'A', 'x'][choices.below(4) as usize], ms: choices.below(65_536) as u32 }
        }
        12 => MediaCommand::Held(choices.below(2) == 1),
        13 => {
            let [longest, silence] = [choices.below(60), choices.below(20)].map(Duration::from_secs);
            MediaCommand::Tape(TapeRules { longest, silence })
        }
        14 => MediaCommand::EndTape,
        _ => MediaCommand::Close,
    }
}

/// Of an agreed kind in sequence, or any bytes.
fn packet(choices: &mut Choices<'_>, sequence: &mut u16) -> Vec<u8> {
    if choices.below(4) == 0 {
        return choices.bytes(200).to_vec();
    }
    *sequence = sequence.wrapping_add([1, 1, 1, 2, 0, 65_535, 3000, 40_000][choices.below(8) as usize]);
    let kind = [8, 0, 9, 111, 18, 101, 101, 13][choices.below(8) as usize];
    let marker = (choices.below(2) as u8) << 7;
    let [high, low] = sequence.to_be_bytes();
    let stamp = (u32::from(*sequence) * 160).to_be_bytes();
    let mut packet = vec![0x80, kind | marker, high, low];
    packet.extend_from_slice(&stamp);
    packet.extend_from_slice(&[0, 0, 0, choices.below(2) as u8]);
    if kind == 101 {
        packet.extend_from_slice(&[
            choices.below(18) as u8,
            (choices.below(2) as u8) << 7,
            0,
            choices.below(256) as u8,
        ]);
    } else {
        packet.resize(12 + choices.below(400) as usize, 0x55);
    }
    packet
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices::new(data);
    let mut library = Library::new();
    for (name, ms) in [("welcome", 70), ("music", 200)] {
        let sound = Sound::tone(8000, 500.0, 8000, ms);
        library.add(PromptId::new(name).expect("name"), sound).expect("playable");
    }
    let mut shard = Shard::new(Rules::default(), library, 1);
    let (mut ears, mut now, mut sequence) = (Ears::default(), Now::from_ms(5000), 0_u16);
    let port = Port { rtp: address(9, 1), rtcp: address(9, 2) };
    for _ in 0..300 {
        if choices.is_over() {
            break;
        }
        let n = choices.below(LEGS);
        let (leg, slot) = (LegId::arrived(n), Slot(n as u32));
        match choices.below(12) {
            0 => shard.open(leg, slot, now, &mut ears),
            1..=3 => shard.on_command(leg, &command(&mut choices), now, &mut ears),
            4 => shard.on_command(leg, &MediaCommand::Open(port), now, &mut ears),
            5..=8 => {
                let mut bytes = packet(&mut choices, &mut sequence);
                let source = match choices.below(8) {
                    7 => "203.0.113.9:4000".parse().expect("address"),
                    6 => address(choices.below(LEGS), 4001),
                    _ => address(n, 4000),
                };
                match choices.below(4) {
                    0 => shard.on_rtcp(slot, source, &bytes, now.mono),
                    _ => shard.on_rtp(slot, source, &mut bytes, now.mono, &mut ears),
                }
            }
            9 => {
                if let Some(moving) = shard.release(leg, now.mono, &mut ears) {
                    shard.adopt(moving, slot, now.mono, &mut ears);
                }
            }
            10 if choices.below(8) == 0 => drop(shard.fail(now.mono, &mut ears)),
            _ => {
                now = now.after(Duration::from_millis([1, 5, 20, 60, 1000, 40_000][choices.below(6) as usize]));
                shard.on_tick(now, &mut ears);
            }
        }
        assert!(shard.len() <= LEGS as usize && ears.sent < 100_000);
    }
    for n in 0..LEGS {
        shard.on_command(LegId::arrived(n), &MediaCommand::Close, now, &mut ears);
    }
    assert!(shard.is_empty());
    for _ in 0..64 {
        let Some(at) = shard.deadline() else { return };
        now = now.after(at.since(now.mono).max(Duration::from_millis(5)));
        let before = ears.sent;
        shard.on_tick(now, &mut ears);
        assert_eq!(before, ears.sent, "a closed leg is sent to");
    }
    panic!("an empty shard still wakes");
});
