//! A peer that bends what it says.

use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};

use turno_base::Seeded;
use turno_sip::auth::{Challenger, Tries, TrunkDigest};
use turno_sip::config::{Credentials, HostPort, Trunk};
use turno_sip::flow::ListenerId;
use turno_sip::message::{Header, Message, Writer};
use turno_sip::stream::{Frame, Framer};

use super::options_limit;
use super::said::{METHODS, Names, bend, description, request, uri};

enum Wire {
    Udp(UdpSocket),
    Tcp { from: SocketAddr, to: SocketAddr, open: Option<(TcpStream, Framer)> },
}

/// A phone or a trunk's server that bends what it says.
pub(super) struct Peer {
    wire: Wire,
    address: String,
    engine: SocketAddr,
    /// Its account; none: a trunk's.
    user: Option<String>,
    digest: TrunkDigest,
    /// Call-ID, the engine's tag, last CSeq of dialogs it has had.
    dialogs: VecDeque<(String, String)>,
    seq: u64,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) sent: u64,
    pub(super) with_credentials: u64,
    pub(super) answers: BTreeMap<u16, u64>,
    pub(super) requests: u64,
}

fn client(user: &str, engine: SocketAddr) -> Trunk {
    Trunk {
        id: "engine".parse().unwrap(),
        networks: Vec::new(),
        hosts: vec![HostPort { host: engine.ip().to_string(), port: Some(engine.port()) }],
        transport: None,
        listener: ListenerId(0),
        credentials: Some(Credentials { user: user.into(), password: "secret".into(), realm: None }),
        register: None,
        digest_user: None,
        codecs: Vec::new(),
        calls_max: 0,
        calls_per_second_max: 0,
        probe: None,
        trusted: false,
    }
}

impl Peer {
    pub(super) fn udp(from: &str, engine: SocketAddr, user: Option<&str>) -> Peer {
        let socket = UdpSocket::bind(from).unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap().to_string();
        Peer::of(Wire::Udp(socket), address, engine, user)
    }

    pub(super) fn tcp(from: &str, engine: SocketAddr, user: Option<&str>) -> Peer {
        let from: SocketAddr = from.parse().unwrap();
        Peer::of(Wire::Tcp { from, to: engine, open: None }, from.to_string(), engine, user)
    }

    fn of(wire: Wire, address: String, engine: SocketAddr, user: Option<&str>) -> Peer {
        let (digest, dialogs) = (TrunkDigest::default(), VecDeque::new());
        Peer { wire, address, engine, user: user.map(str::to_owned), digest, dialogs, seq: 0 }
    }

    fn send(&mut self, bytes: &[u8]) {
        match &mut self.wire {
            // Too long for a datagram: not this peer's turn.
            Wire::Udp(socket) => drop(socket.send_to(bytes, self.engine)),
            Wire::Tcp { from, to, open } => {
                if open.is_none() {
                    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
                    socket.set_reuse_address(true).unwrap();
                    socket.bind(&(*from).into()).unwrap();
                    if socket.connect_timeout(&(*to).into(), options_limit()).is_err() {
                        return;
                    }
                    socket.set_nonblocking(true).unwrap();
                    *open = Some((socket.into(), Framer::new()));
                }
                if open.as_mut().is_some_and(|(stream, _)| stream.write_all(bytes).is_err()) {
                    *open = None;
                }
            }
        }
    }

    fn received(&mut self) -> Vec<Message> {
        let mut buffer = [0; 65_536];
        let mut found = Vec::new();
        match &mut self.wire {
            Wire::Udp(socket) => {
                while let Ok(read) = socket.recv(&mut buffer) {
                    found.push(Message::parse(buffer[..read].to_vec()).expect("the engine writes what can be read"));
                }
            }
            Wire::Tcp { open, .. } => {
                let Some((stream, framer)) = open else { return found };
                let alive = loop {
                    match stream.read(&mut buffer) {
                        Ok(0) => break false,
                        Ok(read) => framer.push(&buffer[..read]),
                        Err(error) => break error.kind() == std::io::ErrorKind::WouldBlock,
                    }
                };
                found.extend(std::iter::from_fn(|| framer.next_frame()).filter_map(|frame| match frame {
                    Frame::Message(message) => Some(message),
                    Frame::Ping | Frame::Broken { .. } => None,
                }));
                if !alive {
                    *open = None;
                }
            }
        }
        found
    }

    /// Says something of its own.
    pub(super) fn ask(&mut self, torture: &[Vec<u8>], dice: &mut Seeded, tally: &mut Tally) {
        tally.sent += 1;
        if dice.below(100) < 15 {
            let mut bytes = torture[dice.below(torture.len() as u64) as usize].clone();
            bend(&mut bytes, &mut |bound| dice.below(bound));
            return self.send(&bytes);
        }
        let opens = dice.below(2) == 0;
        let method = METHODS[dice.below(if opens { 3 } else { METHODS.len() as u64 }) as usize];
        let dialog =
            self.dialogs.get(dice.below(self.dialogs.len().max(1) as u64) as usize).filter(|_| !opens).cloned();
        self.seq += 1;
        let (call, tag) = dialog
            .unwrap_or_else(|| (format!("{}x{}", self.address.replace([':', '.'], "-"), self.seq), String::new()));
        self.say(method, &call, &tag, dice, tally);
    }

    fn say(&mut self, method: &str, call: &str, tag: &str, dice: &mut Seeded, tally: &mut Tally) {
        let engine = self.engine.to_string();
        let via = if matches!(self.wire, Wire::Udp(_)) { "UDP" } else { "TCP" };
        let user = self.user.clone().unwrap_or_else(|| "34600000001".into());
        let to = ["900", "600", "1002", "*45"][dice.below(4) as usize];
        let names = Names {
            engine: &engine,
            peer: &self.address,
            via,
            user: &user,
            to,
            to_tag: tag,
            call,
            seq: self.seq,
            authorization: "",
        };
        let mut bytes = request(method, &names);
        let shows_secret = self.user.is_some() && dice.below(100) < 80;
        let answer = self.digest.ahead(&client(&user, self.engine), method, &uri(method, &names), dice);
        // Right credentials stay right: they stand with the request line before what is bent.
        let mut head = Vec::new();
        if let Some(answer) = answer.filter(|_| shows_secret) {
            let end = bytes.iter().position(|&b| b == b'\n').map_or(0, |at| at + 1);
            let rest = bytes.split_off(end);
            head = [bytes, format!("Authorization: {}\r\n", answer.value).into_bytes()].concat();
            bytes = rest;
            tally.with_credentials += 1;
        }
        for _ in 0..dice.below(4) {
            bend(&mut bytes, &mut |bound| dice.below(bound));
        }
        self.send(&[head, bytes].concat());
    }

    /// Takes what came, and reacts.
    pub(super) fn react(&mut self, dice: &mut Seeded, tally: &mut Tally) {
        for message in self.received() {
            match message.status() {
                Some(status) => self.on_answer(&message, status, dice, tally),
                None => {
                    tally.requests += 1;
                    self.on_request(&message, dice);
                }
            }
        }
    }

    fn on_answer(&mut self, answer: &Message, status: u16, dice: &mut Seeded, tally: &mut Tally) {
        *tally.answers.entry(status).or_default() += 1;
        if let (401, Some(user)) = (status, self.user.clone()) {
            let challenger = Challenger { status, sent_to: self.engine, came_from: self.engine };
            let challenges = answer.www_authenticate().filter_map(Result::ok);
            let trunk = client(&user, self.engine);
            let _ = self.digest.answer(&trunk, challenger, challenges, ("X", "sip:x"), &mut Tries::default(), dice);
        }
        let is_call = answer.cseq_text().is_ok_and(|(_, method)| method == "INVITE");
        let (Ok(call), Ok(to)) = (answer.call_id(), answer.to()) else { return };
        if !is_call || !(180..300).contains(&status) {
            return;
        }
        let (call, tag) = (call.to_owned(), to.tag().unwrap_or("").to_owned());
        self.dialogs.push_back((call.clone(), tag.clone()));
        if self.dialogs.len() > 16 {
            self.dialogs.pop_front();
        }
        if status >= 200 {
            tally.sent += 1;
            self.say("ACK", &call, &tag, dice, tally);
        }
    }

    /// Answers in any way but NOTIFY, whose silence ends the subscription.
    fn on_request(&mut self, asked: &Message, dice: &mut Seeded) {
        if matches!(asked.method_text(), "ACK" | "NOTIFY") || dice.below(4) == 0 {
            return;
        }
        let status =
            [100, 180, 183, 200, 200, 200, 302, 401, 407, 422, 481, 486, 491, 500, 503, 603][dice.below(16) as usize];
        let mut writer = Writer::response(asked, None, status, "peer");
        writer.header(Header::Contact, &format!("<sip:x@{}>", self.address));
        let mut bytes = writer.finish_with("application/sdp", description(&self.address).as_bytes());
        for _ in 0..dice.below(3) {
            bend(&mut bytes, &mut |bound| dice.below(bound));
        }
        self.send(&bytes);
    }
}
