//! Real sockets on loopback: what two phones and a stranger see of the plane.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, unbounded};
use turno_base::{Codec, Direction, LegId, Now, PromptId, StreamAgreement};
use turno_media::g711::{A_TO_LINEAR, U_TO_LINEAR, a_encode, u_encode};
use turno_media::rtp::{self, Header};
use turno_media::{MediaCommand, MediaEvent, Play, Port, Sound};

use super::plane_thread::{Mailbox, Order, PlaneThread};
use super::ports::Pair;
use super::{MediaError, MediaOut, MediaPlane, MediaPlaneConfig, Tell};

/// Longest wait for what must come; reached only by a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// Each test has its own ports; pairs that something else holds are passed over.
fn range(ports: u16) -> (u16, u16) {
    static NEXT: AtomicU16 = AtomicU16::new(21_000);
    let first = NEXT.fetch_add(ports + 2, Ordering::Relaxed);
    (first, first + ports)
}

struct House {
    plane: MediaPlane,
    out: Receiver<MediaOut>,
    ports: Vec<Port>,
}

/// The sounds of a test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let name = format!("turno-media-{}-{:?}", std::process::id(), std::thread::current().id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder for prompts");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

thread_local! {
    // Goes when the thread of the test ends, whichever way.
    static SOUNDS: Folder = Folder::new();
}

fn config(prompts: &[(&str, &Sound)]) -> MediaPlaneConfig {
    let mut files = BTreeMap::new();
    for (name, sound) in prompts {
        let path = SOUNDS.with(|folder| folder.0.join(format!("{name}.wav")));
        write_wav(&path, 1, sound.rate_hz, &sound.samples);
        files.insert(PromptId::new(name).unwrap(), path);
    }
    let mut config = MediaPlaneConfig::new(vec![Ipv4Addr::LOCALHOST.into()], range(40), files, 7);
    config.ports_at_start = 4;
    config.quarantine = Duration::ZERO;
    config
}

fn write_wav(path: &PathBuf, channels: u16, sample_rate: u32, samples: &[i16]) {
    let format = hound::SampleFormat::Int;
    let spec = hound::WavSpec { channels, sample_rate, bits_per_sample: 16, sample_format: format };
    let mut writer = hound::WavWriter::create(path, spec).expect("a WAV file");
    samples.iter().for_each(|&sample| writer.write_sample(sample).expect("a sample"));
    writer.finalize().expect("a WAV file");
}

impl House {
    fn start(config: MediaPlaneConfig) -> House {
        let (tell, out) = unbounded();
        let plane = MediaPlane::start(config, move |said| tell.send(said).expect("the test listens")).expect("a plane");
        let mut house = House { plane, out, ports: Vec::new() };
        house.ports = house.next_ports();
        house
    }

    fn next_ports(&mut self) -> Vec<Port> {
        match self.out.recv_timeout(PATIENCE) {
            Ok(MediaOut::Ports(ports)) => ports,
            other => panic!("ports, not {other:?}"),
        }
    }

    fn event(&mut self, of: LegId) -> MediaEvent {
        loop {
            match self.out.recv_timeout(PATIENCE).expect("an event") {
                MediaOut::Event(leg, event) if leg == of => return event,
                MediaOut::Event(..) | MediaOut::Samples(..) => {}
                MediaOut::Ports(ports) => self.ports.extend(ports),
            }
        }
    }

    fn phone(&mut self, leg: LegId, codec: Codec) -> Phone {
        self.phone_on(leg, codec, 0)
    }

    fn phone_on(&mut self, leg: LegId, codec: Codec, port: usize) -> Phone {
        let port = self.ports.remove(port);
        let socket = UdpSocket::bind((port.rtp.ip(), 0)).expect("a phone's socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let agreement = StreamAgreement {
            remote: socket.local_addr().expect("an address"),
            remote_rtcp: socket.local_addr().expect("an address"),
            send: (codec, codec.payload_type()),
            receive: vec![(codec, codec.payload_type())],
            dtmf: Some(101),
            dtmf_receive: vec![101],
            direction: Direction::SendRecv,
            ptime_ms: 20,
        };
        self.plane.command(leg, MediaCommand::Open(port));
        self.plane.command(leg, MediaCommand::Agree(agreement));
        Phone { socket, to: port.rtp, codec, sequence: 100, timestamp: 5000, ssrc: leg.0 as u32 + 50, said: 0 }
    }

    /// A phone that the plane knows already.
    fn known_phone(&mut self, leg: LegId, codec: Codec) -> Phone {
        let mut phone = self.phone(leg, codec);
        self.make_known(leg, &mut phone);
        phone
    }

    /// Speaks until heard: what reaches the port before its session is dropped.
    fn make_known(&mut self, leg: LegId, phone: &mut Phone) {
        let latched = MediaOut::Event(leg, MediaEvent::Latched(phone.socket.local_addr().expect("an address")));
        for _ in 0..1000 {
            phone.say(&[0; 160]);
            if self.out.recv_timeout(Duration::from_millis(10)).is_ok_and(|said| said == latched) {
                return;
            }
        }
        panic!("the phone is not heard");
    }
}

struct Phone {
    socket: UdpSocket,
    to: SocketAddr,
    codec: Codec,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    said: u64,
}

impl Phone {
    fn packet(&mut self, payload_type: u8, marker: bool, payload: &[u8]) {
        let (sequence, timestamp, ssrc) = (self.sequence, self.timestamp, self.ssrc);
        let mut bytes = Header { marker, payload_type, sequence, timestamp, ssrc }.to_bytes().to_vec();
        bytes.extend_from_slice(payload);
        self.socket.send_to(&bytes, self.to).expect("sent");
        self.sequence = self.sequence.wrapping_add(1);
        self.said += 1;
    }

    fn say(&mut self, samples: &[i16]) {
        let encode = if self.codec == Codec::Pcma { a_encode } else { u_encode };
        let payload: Vec<u8> = samples.iter().map(|&s| encode(s)).collect();
        self.packet(self.codec.payload_type(), false, &payload);
        self.timestamp = self.timestamp.wrapping_add(samples.len() as u32);
    }

    /// One RTP packet; reports are passed over.
    fn hear(&self) -> (Header, Vec<u8>) {
        let mut bytes = [0; 1500];
        loop {
            let (len, from) = self.socket.recv_from(&mut bytes).expect("a packet");
            assert_eq!(from, self.to, "media comes from the port that was agreed");
            if !rtp::is_rtcp(&bytes[..len]) {
                let (header, payload) = rtp::parse(&bytes[..len]).expect("RTP");
                return (header, bytes[payload].to_vec());
            }
        }
    }

    fn linear(&self, payload: &[u8]) -> Vec<i16> {
        let table = if self.codec == Codec::Pcma { &A_TO_LINEAR } else { &U_TO_LINEAR };
        payload.iter().map(|&b| table[usize::from(b)]).collect()
    }

    fn nothing_waits(&self) -> bool {
        self.socket.set_nonblocking(true).expect("non-blocking");
        self.socket.recv(&mut [0; 10]).is_err()
    }
}

const A: LegId = LegId::arrived(1);
const B: LegId = LegId::dialled(1);

/// Talks for a second each way; gives the tone's level at the far end and checks the stream.
fn talk(from: &mut Phone, to: &Phone, hz: f32) -> f32 {
    let sound = Sound::tone(8000, hz, 10_000, 1000).samples;
    let (mut heard, mut last): (Vec<i16>, Option<Header>) = (Vec::new(), None);
    for part in sound.chunks(160) {
        from.say(part);
        let (header, payload) = to.hear();
        assert_eq!(header.payload_type, to.codec.payload_type());
        if let Some(last) = last {
            assert_eq!(header.sequence, last.sequence.wrapping_add(1));
            assert_eq!(header.timestamp, last.timestamp.wrapping_add(160));
            assert_eq!(header.ssrc, last.ssrc);
        }
        last = Some(header);
        heard.extend(to.linear(&payload));
    }
    let others = [300.0, 700.0, 1500.0, 2500.0].map(|hz| Sound::level_of(&heard, 8000, hz));
    assert!(others.iter().all(|&level| level < 200.0), "{others:?}");
    Sound::level_of(&heard, 8000, hz)
}

#[test]
fn bridged_phones_hear_each_other_whatever_law_they_speak() {
    for (left, right) in [(Codec::Pcma, Codec::Pcma), (Codec::Pcma, Codec::Pcmu), (Codec::Pcmu, Codec::Pcma)] {
        let mut house = House::start(config(&[]));
        let (mut a, mut b) = (house.known_phone(A, left), house.known_phone(B, right));
        house.plane.command(A, MediaCommand::Bridge(B));
        for level in [talk(&mut a, &b, 1004.0), talk(&mut b, &a, 440.0)] {
            assert!((level - 10_000.0).abs() < 300.0, "{left:?} to {right:?}: {level}");
        }
        house.plane.command(A, MediaCommand::Close);
        let MediaEvent::Closed { quality, .. } = house.event(A) else { panic!("closed") };
        assert_eq!((quality.sent, quality.lost, quality.codec), (50, 0, Some(left)));
        assert!((51..=a.said).contains(&quality.received), "{quality:?}");
        house.plane.stop();
    }
}

#[test]
fn a_stranger_is_not_heard() {
    let mut house = House::start(config(&[]));
    let (mut a, mut b) = (house.known_phone(A, Codec::Pcma), house.known_phone(B, Codec::Pcma));
    house.plane.command(A, MediaCommand::Bridge(B));
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut stranger = Phone { socket, to: a.to, codec: a.codec, sequence: 0, timestamp: 0, ssrc: 0, said: 0 };
    for _ in 0..24 {
        // With the very stream that the peer would send next.
        (stranger.sequence, stranger.timestamp, stranger.ssrc) = (a.sequence, a.timestamp, a.ssrc);
        stranger.say(&[9000; 160]);
    }
    a.say(&[1000; 160]);
    let (_, payload) = b.hear();
    assert_eq!(b.linear(&payload)[0], 1008);
    b.say(&[2000; 160]);
    let (_, payload) = a.hear();
    assert_eq!(a.linear(&payload)[0], 2016);
    house.plane.command(A, MediaCommand::Close);
    let MediaEvent::Closed { quality, .. } = house.event(A) else { panic!("closed") };
    assert!((2..=a.said).contains(&quality.received), "{quality:?}");
    assert!(b.nothing_waits() && stranger.nothing_waits());
    house.plane.command(B, MediaCommand::Close);
    house.event(B);
    let counts = house.plane.counts();
    assert_eq!((counts.counts.stranger, counts.counts.relayed, counts.sessions), (24, 2, 0));
    house.plane.stop();
}

#[test]
fn keys_arrive_once_and_pass_the_bridge() {
    let mut house = House::start(config(&[]));
    let (mut a, b) = (house.known_phone(A, Codec::Pcma), house.known_phone(B, Codec::Pcma));
    house.plane.command(A, MediaCommand::Bridge(B));
    for (n, (duration, end)) in [(160u16, 0), (320, 0), (480, 0x80), (480, 0x80), (480, 0x80)].into_iter().enumerate() {
        let d = duration.to_be_bytes();
        a.packet(101, n == 0, &[5, end | 10, d[0], d[1]]);
    }
    assert_eq!(house.event(A), MediaEvent::Key { key: '5', ms: 60 });
    let passed: Vec<_> = (0..5).map(|_| b.hear()).collect();
    assert!(passed.iter().all(|(header, payload)| header.payload_type == 101 && payload[0] == 5));
    assert!(passed.iter().all(|(header, _)| header.timestamp == passed[0].0.timestamp));
    house.plane.command(A, MediaCommand::Key { key: '#', ms: 60 });
    let mut ends = 0;
    while ends < 3 {
        let (header, payload) = a.hear();
        // Silence that was under way comes before it.
        if header.payload_type == 101 {
            assert_eq!(payload[0], 11);
            ends += u32::from(payload[1] & 0x80 != 0);
        }
    }
    house.plane.stop();
}

#[test]
fn music_bridge_and_music_again_are_one_stream_to_the_caller() {
    let music = Sound::tone(16_000, 800.0, 8_000, 500);
    let mut house = House::start(config(&[("music", &music)]));
    let (a, mut b) = (house.known_phone(A, Codec::Pcma), house.known_phone(B, Codec::Pcmu));
    let play = || MediaCommand::Play(Play::Loop(PromptId::new("music").unwrap()), 7);
    let mut heard = Vec::new();
    house.plane.command(A, play());
    heard.extend((0..60).map(|_| a.hear()));
    house.plane.command(A, MediaCommand::Bridge(B));
    for _ in 0..5 {
        b.say(&[3000; 160]);
    }
    // Music that was under way when the bridge came is over when a level of 3000 is heard.
    while a.linear(&heard.last().unwrap().1)[0] < 2900 || a.linear(&heard.last().unwrap().1)[159] < 2900 {
        heard.push(a.hear());
    }
    heard.extend((0..4).map(|_| a.hear()));
    house.plane.command(A, play());
    heard.extend((0..10).map(|_| a.hear()));
    let mut missing = 0;
    for pair in heard.windows(2) {
        let (last, next) = (&pair[0].0, &pair[1].0);
        assert_eq!(next.sequence, last.sequence.wrapping_add(1));
        assert_eq!((next.ssrc, next.payload_type), (last.ssrc, 8));
        let step = next.timestamp.wrapping_sub(last.timestamp);
        assert!((1..8000 * 20).contains(&step) && (step % 160 == 0 || next.marker), "{last:?} {next:?}");
        missing += if next.marker { 0 } else { u64::from(step / 160 - 1) };
    }
    // What a machine that stalls leaves out is counted.
    let began = Instant::now();
    while house.plane.counts().counts.skipped < missing {
        assert!(began.elapsed() < PATIENCE, "{missing} packets are missing: {:?}", house.plane.counts());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(heard.iter().filter(|(header, _)| header.marker).count(), 3);
    let tone: Vec<i16> = heard[..60].iter().flat_map(|(_, payload)| a.linear(payload)).collect();
    let level = Sound::level_of(&tone, 8000, 800.0);
    assert!((level - 8_000.0).abs() < 300.0, "{level}");
    house.plane.stop();
}

#[test]
fn everybody_who_waits_shares_one_encoding() {
    let music = Sound::tone(8_000, 800.0, 8_000, 200);
    let mut config = config(&[("music", &music)]);
    config.ports = range(100);
    config.ports_at_start = 40;
    let mut house = House::start(config);
    let phones: Vec<Phone> = (0..40).map(|n| house.phone(LegId::arrived(n), Codec::Pcma)).collect();
    for n in 0..40 {
        house.plane.command(LegId::arrived(n), MediaCommand::Play(Play::Loop(PromptId::new("music").unwrap()), 7));
    }
    for phone in &phones {
        (0..3).for_each(|_| drop(phone.hear()));
    }
    assert_eq!(house.plane.counts().encodings, 1);
    house.plane.stop();
}

#[test]
fn a_port_comes_back_and_an_old_call_does_not_bleed_into_the_next() {
    let mut config = config(&[]);
    config.ports_at_start = 1;
    let mut house = House::start(config);
    let port = house.ports[0];
    let mut old = house.known_phone(A, Codec::Pcma);
    house.plane.command(A, MediaCommand::Close);
    assert!(matches!(house.event(A), MediaEvent::Closed { .. }));
    assert_eq!(house.next_ports(), [port]);
    house.ports.push(port);
    // The old phone has not noticed: what it sends before and after the next call begins reaches nobody.
    (0..20).for_each(|_| old.say(&[9000; 160]));
    let mut new = house.phone(B, Codec::Pcma);
    (0..20).for_each(|_| old.say(&[9000; 160]));
    house.make_known(B, &mut new);
    house.plane.command(B, MediaCommand::Close);
    let MediaEvent::Closed { quality, .. } = house.event(B) else { panic!("closed") };
    assert!((1..=new.said).contains(&quality.received), "{quality:?}");
    house.plane.stop();
}

#[test]
fn legs_of_different_threads_come_together_and_their_ports_return() {
    let mut config = config(&[]);
    config.threads = 3;
    let mut house = House::start(config);
    let all = house.ports.clone();
    for round in 0..6 {
        let (a_leg, b_leg) = (LegId::arrived(round), LegId::dialled(round));
        let mut a = house.phone_on(a_leg, Codec::Pcma, (round % 3) as usize);
        let mut b = house.phone_on(b_leg, Codec::Pcmu, (round / 3) as usize);
        house.make_known(a_leg, &mut a);
        house.make_known(b_leg, &mut b);
        house.plane.command(a_leg, MediaCommand::Bridge(b_leg));
        // The move takes a moment: until then nothing is relayed.
        a.socket.set_nonblocking(true).unwrap();
        let mut waits = 0;
        while a.socket.recv(&mut [0; 1500]).is_err() {
            b.say(&[0; 160]);
            std::thread::yield_now();
            waits += 1;
            assert!(waits < 100_000, "the bridge does not come {round} {:?} {:?}", house.plane, house.plane.counts());
        }
        a.socket.set_nonblocking(false).unwrap();
        talk(&mut a, &b, 1004.0);
        for leg in [a_leg, b_leg] {
            house.plane.command(leg, MediaCommand::Close);
            while !matches!(house.event(leg), MediaEvent::Closed { .. }) {}
        }
        while house.ports.len() < all.len() {
            let ports = house.next_ports();
            house.ports.extend(ports);
        }
    }
    house.ports.sort();
    assert_eq!(house.ports, all);
    house.plane.stop();
}

#[test]
fn phones_of_both_families_meet_in_one_bridge() {
    let mut config = config(&[]);
    config.addresses.push(Ipv6Addr::LOCALHOST.into());
    config.ports_at_start = 1;
    let mut house = House::start(config);
    let second = house.next_ports();
    house.ports.extend(second);
    let (mut a, mut b) = (house.known_phone(A, Codec::Pcma), house.known_phone(B, Codec::Pcma));
    assert!(a.to.is_ipv4() && b.to.is_ipv6());
    house.plane.command(A, MediaCommand::Bridge(B));
    for level in [talk(&mut a, &b, 1004.0), talk(&mut b, &a, 440.0)] {
        assert!((level - 10_000.0).abs() < 300.0, "{level}");
    }
    house.plane.stop();
}

#[test]
fn every_prompt_that_ships_can_be_played() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config/prompts");
    let mut files = vec![root.join("music.wav"), root.join("beep.wav")];
    for language in ["es", "en"] {
        let folder = std::fs::read_dir(root.join(language)).expect("a folder of prompts");
        files.extend(folder.map(|entry| entry.expect("a file").path()));
    }
    assert_eq!(files.len(), 2 + 2 * 43);
    for path in files {
        let sound = super::prompts::load(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
        assert!(PromptId::new(&format!("es-{}", path.file_stem().unwrap().to_str().unwrap())).is_ok());
        let loudest = sound.samples.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
        // Heard, and not at the limit where it would crackle.
        assert!((8_000..32_000).contains(&loudest), "{}: {loudest}", path.display());
        let s = sound.samples.len() as f32 / sound.rate_hz as f32;
        assert!((0.2..30.0).contains(&s), "{}: {s} s", path.display());
    }
}

#[test]
fn silence_is_told() {
    let mut config = config(&[]);
    config.rules.silent_limit = Duration::from_millis(50);
    let mut house = House::start(config);
    let _phone = house.phone(A, Codec::Pcma);
    let MediaEvent::Silent(silent) = house.event(A) else { panic!("silence is told") };
    assert!(silent >= Duration::from_millis(50), "{silent:?}");
    house.plane.stop();
}

#[test]
fn ports_are_bound_as_they_are_wanted_until_the_range_ends() {
    let mut config = config(&[]);
    config.ports = range(20);
    let mut house = House::start(config);
    house.plane.want_ports(1000);
    let more = house.next_ports();
    house.ports.extend(more);
    assert!(house.ports.len() <= 11);
    let mut numbers: Vec<_> = house.ports.iter().map(|port| (port.rtp.port(), port.rtcp.port())).collect();
    assert!(numbers.iter().all(|(rtp, rtcp)| rtp % 2 == 0 && *rtcp == rtp + 1));
    numbers.dedup();
    assert_eq!(numbers.len(), house.ports.len());
    // A port that we never bound cannot be opened.
    let stray = Port { rtp: "127.0.0.1:9".parse().unwrap(), rtcp: "127.0.0.1:10".parse().unwrap() };
    house.plane.command(A, MediaCommand::Open(stray));
    assert_eq!(house.event(A), MediaEvent::Failed);
    house.plane.stop();
}

/// The engine heard of a port and orders it, and the thread takes that order before it has seen the port.
#[test]
fn an_order_that_overtakes_its_port_opens_it() {
    let mailbox = Arc::new(Mailbox::new().unwrap());
    let (tell, out) = unbounded();
    let tell: Tell = Arc::new(move |said| tell.send(said).expect("the test listens"));
    let config = config(&[]);
    let mut thread = PlaneThread::new(0, vec![mailbox.clone()], &config, &[], tell, Instant::now()).unwrap();
    let pair = Pair::bind(Ipv4Addr::LOCALHOST.into(), config.ports.0 & !1).expect("a pair of the range is free");
    let port = pair.port;
    mailbox.deliver(Order::Port(Box::new(pair)));
    thread.obey(Order::Command(A, MediaCommand::Open(port)), Now::from_ms(1));
    thread.obey(Order::Command(A, MediaCommand::Close), Now::from_ms(2));
    let said: Vec<MediaOut> = out.try_iter().collect();
    assert!(matches!(said[..], [MediaOut::Event(A, MediaEvent::Closed { .. })]), "{said:?}");
}

/// Calls as fast as the threads take them, without a rest for their ports: every port that is said to be free opens.
#[test]
fn at_any_rate_a_port_that_is_free_opens() {
    for threads in [1, 3] {
        let mut config = config(&[]);
        (config.ports, config.threads) = (range(600), threads);
        let mut house = House::start(config);
        let mut open = VecDeque::new();
        let (mut opened, mut is_asked) = (0_u64, false);
        while opened < 6000 {
            if house.ports.len() < 32 && !std::mem::replace(&mut is_asked, true) {
                house.plane.want_ports(64);
            }
            for port in house.ports.drain(..) {
                let leg = LegId::arrived(opened);
                opened += 1;
                house.plane.gather(leg, MediaCommand::Open(port));
                if let Some(other) = open.back().filter(|_| opened.is_multiple_of(2)) {
                    house.plane.gather(leg, MediaCommand::Bridge(*other));
                }
                open.push_back(leg);
            }
            // Who is closed at once and who after a while.
            while open.len() > (opened % 50) as usize {
                let leg = open.pop_front().expect("more are open");
                house.plane.gather(leg, MediaCommand::Close);
            }
            house.plane.deliver();
            let first = house.out.recv_timeout(Duration::from_millis(5)).into_iter();
            for said in first.chain(house.out.try_iter()) {
                match said {
                    MediaOut::Ports(ports) => {
                        is_asked = false;
                        house.ports.extend(ports);
                    }
                    MediaOut::Event(leg, event) => assert_ne!(event, MediaEvent::Failed, "{leg}, after {opened}"),
                    MediaOut::Samples(..) => {}
                }
            }
        }
        house.plane.stop();
    }
}

#[test]
fn what_cannot_start_says_what_to_do() {
    let silence = Sound::silence(8_000, 20);
    let start = |config: MediaPlaneConfig| match MediaPlane::start(config, |_| {}) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("it starts"),
    };
    let with_wav = |channels, rate_hz, samples: &[i16]| {
        let config = config(&[("odd", &silence)]);
        let path = config.prompts.values().next().unwrap().clone();
        write_wav(&path, channels, rate_hz, samples);
        let said = start(config);
        said.replace(&*path.to_string_lossy(), "odd.wav")
    };
    let convert = "prompts are 1 channel, 8000 or 16000 Hz, 16 bit integer: convert it with \
                   `sox IN.wav -c 1 -r 16000 -b 16 -e signed OUT.wav`";
    for (got, expected) in [
        (
            with_wav(2, 8_000, &[0; 4]),
            format!("prompt odd, file odd.wav: has 2 channel(s), 8000 Hz, 16 bit integer; {convert}"),
        ),
        (
            with_wav(1, 44_100, &[0; 4]),
            format!("prompt odd, file odd.wav: has 1 channel(s), 44100 Hz, 16 bit integer; {convert}"),
        ),
        (with_wav(1, 8_000, &[]), "prompt odd, file odd.wav: is without a single sample".to_owned()),
        (
            start(MediaPlaneConfig { addresses: vec![], ..config(&[]) }),
            "media has no address to bind on; name at least one".to_owned(),
        ),
        (
            start(MediaPlaneConfig { ports: (7001, 7002), ..config(&[]) }),
            "media ports 7001-7002 hold no even port with the odd one after it; widen the range".to_owned(),
        ),
    ] {
        assert_eq!(got, expected);
    }
    let elsewhere: IpAddr = "192.0.2.1".parse().unwrap();
    let error = start(MediaPlaneConfig { addresses: vec![elsewhere], ..config(&[]) });
    assert!(error.starts_with("no media port could be bound on 192.0.2.1:"), "{error}");
    let mut absent = config(&[]);
    absent.prompts.insert(PromptId::new("gone").unwrap(), PathBuf::from("nowhere/gone.wav"));
    let Err(error @ MediaError::Prompt { .. }) = MediaPlane::start(absent, |_| {}) else { panic!("it starts") };
    assert!(error.to_string().starts_with("prompt gone, file nowhere/gone.wav: "), "{error}");
}
