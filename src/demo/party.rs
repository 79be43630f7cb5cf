//! A simulated SIP party with real sockets: a phone that registers, or the carrier that brings callers.
//!
//! It is the SIP room again, from the other side: its one trunk is the engine. Audio is G.711 A-law, a tone or a sound
//! file out, level and pitch measured in.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant, SystemTime};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use turno_base::{Cause, Codec, Direction, LegId, Mono, Now, Number, StreamAgreement, TrunkId, Wall};
use turno_media::g711;
use turno_sip::config::{Cidr, Credentials, HostPort, SipConfig, SipRules, Trunk};
use turno_sip::flow::{Destination, Flow, Listener, ListenerId, Transport};
use turno_sip::message::Message;
use turno_sip::ua::{Dial, LocalMedia, SipEffect, SipEvent, Target, Ua};

/// Samples of one packet: 20 ms at 8 kHz.
const FRAME: usize = 160;
const FRAME_TIME: Duration = Duration::from_millis(20);
/// How much of what was heard is kept for measuring, samples: one second.
const HEARD_MAX: usize = 8000;

/// Keys by their event (RFC 4733 §3.2).
const KEYS: &[u8; 16] = b"0123456789*#ABCD";
/// Packets of a key press before its end.
const KEY_PACKETS: u16 = 5;
/// The flag of a key's last packets.
const KEY_ENDS: u8 = 0x80;

/// Name of the only trunk of a simulated party.
const ENGINE: &str = "engine";

/// What a party sends while a leg is up.
#[derive(Clone, Debug)]
pub enum Voice {
    /// Nothing.
    Silent,
    /// A sine of this pitch in Hz, at a level of -10 dBm0.
    Tone(u32),
    /// A-law samples, looped.
    Samples(std::sync::Arc<[u8]>),
}

/// What happened to a party.
#[derive(Debug)]
pub enum PartyEvent {
    /// It is registered at the engine.
    Registered,
    /// It is called, by this number (empty: withheld).
    Called(LegId, String),
    /// What it called rings.
    Ringing(LegId),
    /// What it called answered.
    Answered(LegId),
    /// A leg is gone.
    Ended(LegId, Cause),
}

/// A simulated party.
#[derive(Debug)]
pub struct Party {
    ua: Ua,
    socket: UdpSocket,
    local: SocketAddr,
    began: Instant,
    began_wall: i64,
    legs: BTreeMap<LegId, Audio>,
    dialled: u64,
    events: VecDeque<PartyEvent>,
    voice: Voice,
    effects: Vec<SipEffect>,
}

#[derive(Debug)]
struct Audio {
    socket: UdpSocket,
    remote: Option<SocketAddr>,
    payload_type: u8,
    sends: bool,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    next_at: Mono,
    position: usize,
    heard: VecDeque<i16>,
    packets: u64,
    /// Payload type of keys as named events (RFC 4733), if agreed.
    key_type: Option<u8>,
    keys_heard: String,
    /// Timestamp of the key that was heard last: its end comes three times.
    key_ended: Option<u32>,
    keys_waiting: VecDeque<u8>,
    pressing: Option<Pressing>,
}

/// A key that is being sent.
#[derive(Clone, Copy, Debug)]
struct Pressing {
    event: u8,
    timestamp: u32,
    packets: u16,
}

impl Party {
    /// A party at `local` that talks to the engine at `engine`; with `account` it registers there.
    pub fn open(
        local: SocketAddr,
        engine: SocketAddr,
        account: Option<(&str, &str)>,
        seed: u64,
        voice: Voice,
    ) -> io::Result<Party> {
        let socket = UdpSocket::bind(local)?;
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        let config = config(local, engine, account);
        let began_wall = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
        let mut party = Party {
            ua: Ua::new(config.clone(), seed),
            socket,
            local,
            began: Instant::now(),
            began_wall,
            legs: BTreeMap::new(),
            dialled: 0,
            events: VecDeque::new(),
            voice,
            effects: Vec::new(),
        };
        let now = party.now();
        party.ua.configure(config, now, &mut party.effects);
        party.perform();
        Ok(party)
    }

    /// Where it listens.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Calls `number`, showing `from`.
    pub fn dial(&mut self, number: &str, from: &str, display: &str) -> io::Result<LegId> {
        self.dialled += 1;
        let leg = LegId::dialled(self.dialled);
        let media = self.open_audio(leg)?;
        let from = Number { raw: from.to_owned(), e164: from.parse().ok(), withheld: from.is_empty() };
        let trunk = TrunkId::new(ENGINE).expect("a constant name is a name");
        let to = Target::Trunk { trunk, number: number.to_owned() };
        let dial =
            Dial { leg, to, from, display: display.to_owned(), media, call_id: String::new(), headers: Vec::new() };
        let now = self.now();
        self.ua.dial(dial, now, &mut self.effects);
        self.perform();
        Ok(leg)
    }

    /// 180 to a call.
    pub fn ring(&mut self, leg: LegId) {
        let now = self.now();
        self.ua.ring(leg, now, &mut self.effects);
        self.perform();
    }

    /// 200 to a call.
    pub fn answer(&mut self, leg: LegId) -> io::Result<()> {
        let media = self.open_audio(leg)?;
        let now = self.now();
        self.ua.answer(leg, media, now, &mut self.effects);
        self.perform();
        Ok(())
    }

    /// Refuses, cancels or hangs up.
    pub fn end(&mut self, leg: LegId, cause: Cause) {
        let now = self.now();
        self.ua.end(leg, cause, now, &mut self.effects);
        self.perform();
    }

    /// Holds (`true`) or resumes by re-INVITE.
    pub fn hold(&mut self, leg: LegId, hold: bool) {
        let Some(audio) = self.legs.get(&leg) else { return };
        let Ok(rtp) = audio.socket.local_addr() else { return };
        let direction = if hold { Direction::SendOnly } else { Direction::SendRecv };
        let media = LocalMedia { rtp, rtcp: rtp, codecs: vec![Codec::Pcma], direction };
        let now = self.now();
        self.ua.reoffer(leg, media, now, &mut self.effects);
        self.perform();
    }

    /// Packets heard on a leg so far.
    pub fn packets(&self, leg: LegId) -> u64 {
        self.legs.get(&leg).map_or(0, |audio| audio.packets)
    }

    /// The newest second of what was heard on a leg, at most, as linear samples at 8 kHz.
    pub fn heard(&self, leg: LegId) -> Vec<i16> {
        self.legs.get(&leg).map(|audio| audio.heard.iter().copied().collect()).unwrap_or_default()
    }

    /// Presses a key, heard by the other side as a named event (RFC 4733).
    pub fn press(&mut self, leg: LegId, key: char) {
        let event = KEYS.iter().position(|&known| char::from(known) == key).and_then(|at| u8::try_from(at).ok());
        if let Some((audio, event)) = self.legs.get_mut(&leg).zip(event) {
            audio.keys_waiting.push_back(event);
        }
    }

    /// Keys heard on a leg so far.
    pub fn keys(&self, leg: LegId) -> &str {
        self.legs.get(&leg).map_or("", |audio| &audio.keys_heard)
    }

    /// Reads what has come, sends what is due, and says what happened.
    pub fn pump(&mut self) -> impl Iterator<Item = PartyEvent> + '_ {
        self.read_signalling();
        let now = self.now();
        if self.ua.deadline().is_some_and(|at| at <= now.mono) {
            self.ua.on_deadline(now, &mut self.effects);
            self.perform();
        }
        for audio in self.legs.values_mut() {
            audio.listen();
            audio.speak(&self.voice, now.mono);
        }
        self.events.drain(..)
    }

    /// How long until something is due.
    pub fn idle_for(&self) -> Duration {
        let now = self.now().mono;
        let audio = self.legs.values().filter(|a| a.remote.is_some()).map(|a| a.next_at).min();
        [self.ua.deadline(), audio].into_iter().flatten().min().map_or(Duration::from_secs(1), |at| at.since(now))
    }

    fn now(&self) -> Now {
        let since = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        Now { mono: Mono(since), wall: Wall(self.began_wall.saturating_add_unsigned(since)) }
    }

    fn read_signalling(&mut self) {
        let mut buffer = [0; 65_536];
        while let Ok((len, peer)) = self.socket.recv_from(&mut buffer) {
            let Some(bytes) = buffer.get(..len) else { continue };
            let Ok(message) = Message::parse(bytes.to_vec()) else { continue };
            let flow = Flow { transport: Transport::Udp, listener: ListenerId(0), peer, connection: 0 };
            let now = self.now();
            self.ua.on_message(flow, &message, now, &mut self.effects);
            self.perform();
        }
    }

    fn perform(&mut self) {
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                SipEffect::Send { to, bytes, token: _ } => {
                    let peer = match to {
                        Destination::Flow(flow) => flow.peer,
                        Destination::Address { peer, .. } => peer,
                    };
                    // A full socket buffer on loopback loses the datagram, as a network would; SIP repeats it.
                    let _ = self.socket.send_to(&bytes, peer);
                }
                SipEffect::Event(event) => self.on_event(event),
                // The engine is given by address and spoken to over UDP.
                SipEffect::Close(_) | SipEffect::Resolve { .. } => {}
            }
        }
    }

    fn on_event(&mut self, event: SipEvent) {
        match event {
            SipEvent::Incoming(incoming) => self.events.push_back(PartyEvent::Called(incoming.leg, incoming.ani.raw)),
            SipEvent::Progress { leg, status: 180 } => self.events.push_back(PartyEvent::Ringing(leg)),
            SipEvent::Answered { leg } => self.events.push_back(PartyEvent::Answered(leg)),
            SipEvent::Agreed { leg, agreement } => self.agree(leg, &agreement),
            SipEvent::Ended { leg, cause, .. } => {
                self.legs.remove(&leg);
                self.events.push_back(PartyEvent::Ended(leg, cause));
            }
            SipEvent::Trunk { up: Some(true), .. } => self.events.push_back(PartyEvent::Registered),
            SipEvent::Named { .. }
            | SipEvent::Progress { .. }
            | SipEvent::Confirmed { .. }
            | SipEvent::Dtmf { .. }
            | SipEvent::TransferAsked { .. }
            | SipEvent::Station { .. }
            | SipEvent::Trunk { .. }
            | SipEvent::Counted(_) => {}
        }
    }

    fn agree(&mut self, leg: LegId, agreement: &StreamAgreement) {
        let now = self.now().mono;
        if let Some(audio) = self.legs.get_mut(&leg) {
            if audio.remote.is_none() {
                audio.next_at = now;
            }
            audio.remote = Some(agreement.remote);
            audio.payload_type = agreement.send.1;
            audio.key_type = agreement.dtmf;
            audio.sends = agreement.direction.sends();
        }
    }

    fn open_audio(&mut self, leg: LegId) -> io::Result<LocalMedia> {
        let socket = UdpSocket::bind(SocketAddr::new(self.local.ip(), 0))?;
        socket.set_nonblocking(true)?;
        let rtp = socket.local_addr()?;
        let ssrc = (leg.0 as u32).wrapping_mul(0x9e37_79b9) ^ u32::from(self.local.port());
        let audio = Audio {
            socket,
            remote: None,
            payload_type: 8,
            sends: true,
            sequence: 0,
            timestamp: 0,
            ssrc,
            next_at: self.now().mono,
            position: 0,
            heard: VecDeque::new(),
            packets: 0,
            key_type: None,
            keys_heard: String::new(),
            key_ended: None,
            keys_waiting: VecDeque::new(),
            pressing: None,
        };
        self.legs.insert(leg, audio);
        Ok(LocalMedia { rtp, rtcp: rtp, codecs: vec![Codec::Pcma], direction: Direction::SendRecv })
    }
}

impl Audio {
    fn listen(&mut self) {
        let mut buffer = [0; 2048];
        while let Ok((len, _)) = self.socket.recv_from(&mut buffer) {
            // RTP version 2, A-law or keys, no extension: what the engine sends to a party that offers A-law only.
            let Some((header, payload)) = buffer.get(..len).and_then(|packet| packet.split_at_checked(12)) else {
                continue;
            };
            let kind = header[1] & 0x7f;
            if header[0] == 0x80 && Some(kind) == self.key_type {
                let timestamp = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
                self.hear_key(timestamp, payload);
            }
            if header[0] != 0x80 || kind != 8 {
                continue;
            }
            self.packets += 1;
            self.heard.extend(payload.iter().map(|&byte| g711::A_TO_LINEAR[usize::from(byte)]));
            let surplus = self.heard.len().saturating_sub(HEARD_MAX);
            self.heard.drain(..surplus);
        }
    }

    fn speak(&mut self, voice: &Voice, now: Mono) {
        let Some(remote) = self.remote else { return };
        while self.next_at <= now {
            self.next_at = self.next_at + FRAME_TIME;
            self.timestamp = self.timestamp.wrapping_add(FRAME as u32);
            if self.send_key(remote) {
                continue;
            }
            if !self.sends || matches!(voice, Voice::Silent) {
                continue;
            }
            let mut packet = [0; 12 + FRAME];
            packet[0] = 0x80;
            packet[1] = self.payload_type | if self.sequence == 0 { 0x80 } else { 0 };
            packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
            packet[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
            packet[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
            for (at, sample) in packet[12..].iter_mut().enumerate() {
                *sample = voice.sample(self.position + at);
            }
            self.position += FRAME;
            self.sequence = self.sequence.wrapping_add(1);
            let _ = self.socket.send_to(&packet, remote);
        }
    }
}

impl Audio {
    fn hear_key(&mut self, timestamp: u32, payload: &[u8]) {
        let &[event, flags, ..] = payload else { return };
        if flags & KEY_ENDS == 0 || self.key_ended == Some(timestamp) {
            return;
        }
        self.key_ended = Some(timestamp);
        self.keys_heard.extend(KEYS.get(usize::from(event)).map(|&key| char::from(key)));
    }

    /// Sends the next packet of a key in place of sound; false if none is pressed.
    fn send_key(&mut self, remote: SocketAddr) -> bool {
        let Some(kind) = self.key_type else { return false };
        if self.pressing.is_none() {
            let next = self.keys_waiting.pop_front();
            self.pressing = next.map(|event| Pressing { event, timestamp: self.timestamp, packets: 0 });
        }
        let Some(pressing) = &mut self.pressing else { return false };
        pressing.packets += 1;
        let Pressing { event, timestamp, packets } = *pressing;
        // 100 ms, and the last packet three times (RFC 4733 §2.5.1.4).
        let duration = packets.min(KEY_PACKETS) * FRAME as u16;
        let [d0, d1] = duration.to_be_bytes();
        let flags = if packets >= KEY_PACKETS { KEY_ENDS | 10 } else { 10 };
        let mut packet = [0; 16];
        packet[0] = 0x80;
        packet[1] = kind | if packets == 1 { 0x80 } else { 0 };
        packet[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
        packet[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        packet[12..].copy_from_slice(&[event, flags, d0, d1]);
        self.sequence = self.sequence.wrapping_add(1);
        let _ = self.socket.send_to(&packet, remote);
        if packets >= KEY_PACKETS + 2 {
            self.pressing = None;
        }
        true
    }
}

impl Voice {
    fn sample(&self, at: usize) -> u8 {
        match self {
            Voice::Silent => g711::a_encode(0),
            Voice::Tone(hertz) => {
                let turn = std::f64::consts::TAU * f64::from(*hertz) * (at % 8000) as f64 / 8000.0;
                g711::a_encode((turn.sin() * 10_000.0) as i16)
            }
            Voice::Samples(samples) if samples.is_empty() => g711::a_encode(0),
            Voice::Samples(samples) => samples[at % samples.len()],
        }
    }
}

fn config(local: SocketAddr, engine: SocketAddr, account: Option<(&str, &str)>) -> SipConfig {
    let bits = if engine.is_ipv4() { 32 } else { 128 };
    let trunk = Trunk {
        id: TrunkId::new(ENGINE).expect("a constant name is a name"),
        networks: vec![Cidr { address: engine.ip(), prefix: bits }],
        hosts: vec![HostPort { host: engine.ip().to_string(), port: Some(engine.port()) }],
        transport: Some(Transport::Udp),
        listener: ListenerId(0),
        credentials: account.map(|(user, password)| Credentials {
            user: user.to_owned(),
            password: password.to_owned(),
            realm: None,
        }),
        register: account.map(|_| Duration::from_secs(300)),
        digest_user: None,
        codecs: vec![Codec::Pcma],
        calls_max: 0,
        calls_per_second_max: 0,
        probe: None,
        trusted: true,
    };
    SipConfig {
        listeners: vec![Listener { transport: Transport::Udp, local, external: None }],
        local_networks: Vec::new(),
        domains: vec![local.ip().to_string()],
        nonce_key: [0; 32],
        accounts: Vec::new(),
        trunks: vec![trunk],
        rules: SipRules::default(),
    }
}

/// Waits until a socket of `parties` has something or something is due, at most `longest`.
pub fn wait<'a>(parties: impl Iterator<Item = &'a Party>, longest: Duration) -> io::Result<()> {
    let mut idle = longest;
    let mut fds = Vec::new();
    for party in parties {
        idle = idle.min(party.idle_for());
        fds.push(PollFd::new(party.socket.as_fd(), PollFlags::POLLIN));
        fds.extend(party.legs.values().map(|audio| PollFd::new(audio.socket.as_fd(), PollFlags::POLLIN)));
    }
    // Rounded up: a wait that ends just before the deadline would spin.
    let millis = u16::try_from(idle.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
    match poll(&mut fds, PollTimeout::from(millis)) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
