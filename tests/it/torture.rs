//! Reliability P1 and P2 over the wire: the torture messages of RFC 4475 and RFC 5118, byte for byte, to the real program, as datagrams and on
//! streams, from a trunk and from a stranger. Each is answered as `tests/torture/table.tsv` allows, and an OPTIONS after each of them is.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use turno_sip::message::Message;
use turno_sip::stream::{Frame, Framer};

use crate::house::{House, Plan, SOON};
use crate::rig::options_from;

/// An OPTIONS that takes longer was not answered.
const OPTIONS_LIMIT: Duration = SOON;
const HOUSE: Plan<'static> = Plan {
    agents: &[("anna", 5)],
    // A trunk's 61 messages come at once, and nobody acknowledges what they are told.
    sip: "[sip.rules]\nt1 = \"50ms\"\nt2 = \"200ms\"",
    queue: "",
    more: "[[routes]]\ndnis = \"*\"\nto = \"refuse:404\"",
};

/// One of the messages, and what may be answered.
struct Torture {
    name: String,
    bytes: Vec<u8>,
    /// To a datagram, and on a stream.
    wire: [String; 2],
}

fn messages() -> Vec<Torture> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture");
    let table = fs::read_to_string(root.join("table.tsv")).unwrap();
    let rows = table.lines().skip(1).map(|row| {
        let [name, section, _, stream, wire, _] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let folder = if section.starts_with("RFC 4475") { "rfc4475" } else { "rfc5118" };
        let on_stream = match stream {
            "waits" => "none",
            "closed after 400" => "400",
            _ => wire,
        };
        Torture {
            name: name.to_owned(),
            bytes: fs::read(root.join(folder).join(format!("{name}.dat"))).unwrap(),
            wire: [wire, on_stream].map(str::to_owned),
        }
    });
    rows.collect()
}

/// Whether a final status is one that the table allows.
fn is_allowed(wire: &str, status: u16) -> bool {
    let numbers = |text: &str| -> Vec<u16> {
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect()
    };
    if !wire.contains("final") {
        return numbers(wire.split(';').next().unwrap_or("")).contains(&status);
    }
    let among = wire.split_once("; ").filter(|(_, rest)| rest.contains("among them"));
    among.is_some_and(|(_, rest)| numbers(rest).contains(&status)) || (status != 400 && !(500..600).contains(&status))
}

/// Ports that the messages say they come from: there the answers go.
fn ports(messages: &[Torture]) -> BTreeSet<u16> {
    let mut ports = BTreeSet::from([5060]);
    for message in messages {
        let text = String::from_utf8_lossy(&message.bytes).to_lowercase();
        for line in text.lines().filter(|line| line.starts_with("via") || line.starts_with("v:")) {
            let digits = line.split([' ', ':', ';', ',']).filter_map(|word| word.parse::<u16>().ok());
            ports.extend(digits.filter(|port| *port >= 1024));
        }
    }
    ports
}

/// Somebody at one address, with a socket at each port that answers may come to.
struct Peer {
    from: IpAddr,
    sockets: Vec<UdpSocket>,
    asker: UdpSocket,
    /// Datagrams seen: what is repeated says nothing new.
    seen: BTreeSet<Vec<u8>>,
}

impl Peer {
    fn at(from: IpAddr, ports: &BTreeSet<u16>) -> Peer {
        let sockets = ports.iter().map(|port| {
            let socket = UdpSocket::bind((from, *port)).unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        });
        Peer { from, sockets: sockets.collect(), asker: UdpSocket::bind((from, 0)).unwrap(), seen: BTreeSet::new() }
    }

    /// Final statuses that have come and are new.
    fn finals(&mut self) -> Vec<u16> {
        let (mut buffer, mut found) = ([0; 65_536], Vec::new());
        for socket in &self.sockets {
            while let Ok(len) = socket.recv(&mut buffer) {
                if self.seen.insert(buffer[..len].to_vec()) {
                    let message = Message::parse(buffer[..len].to_vec()).expect("what the engine says can be read");
                    found.extend(message.status().filter(|status| *status >= 200));
                }
            }
        }
        found
    }

    fn options(&self, engine: SocketAddr) -> Option<u16> {
        options_from(&self.asker, engine, OPTIONS_LIMIT)
    }

    /// The final answers to a datagram: one, or none by the time that an OPTIONS after it has its own.
    fn tell(&mut self, engine: SocketAddr, message: &Torture) -> Vec<u16> {
        self.sockets[0].send_to(&message.bytes, engine).unwrap();
        let asked = self.options(engine);
        assert_eq!(asked, Some(200), "OPTIONS after {} from {}", message.name, self.from);
        let (began, mut found) = (Instant::now(), self.finals());
        while found.is_empty() && !message.wire[0].starts_with("none") && began.elapsed() < SOON {
            sleep(Duration::from_millis(2));
            found = self.finals();
        }
        found
    }

    /// The first final answer on a stream of its own; none if it is closed without one, or says nothing while an OPTIONS gets its answer.
    fn tell_by_stream(&mut self, engine: SocketAddr, message: &Torture) -> Option<u16> {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(self.from, 0).into()).unwrap();
        socket.connect_timeout(&engine.into(), SOON).unwrap();
        let mut stream: TcpStream = socket.into();
        stream.write_all(&message.bytes).unwrap();
        let asked = self.options(engine);
        assert_eq!(asked, Some(200), "OPTIONS after {} from {} on a stream", message.name, self.from);
        let patience = if message.wire[1].starts_with("none") { Duration::from_millis(1) } else { SOON };
        stream.set_read_timeout(Some(patience)).unwrap();
        let (mut framer, mut buffer) = (Framer::new(), [0; 65_536]);
        loop {
            while let Some(frame) = framer.next_frame() {
                let Frame::Message(answer) = frame else { continue };
                if let Some(status) = answer.status().filter(|status| *status >= 200) {
                    return Some(status);
                }
            }
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => return None,
                Ok(len) => framer.push(&buffer[..len]),
            }
        }
    }
}

#[test]
fn every_torture_message_is_answered_over_the_wire_and_an_options_after_it() {
    let (house, messages) = (House::open(&HOUSE), messages());
    assert_eq!(messages.len(), 61);
    let (engine, ports) = (house.sip(), ports(&messages));
    let (mut wrong, mut heard) = (Vec::new(), 0);
    for is_known in [true, false] {
        for (wire, how) in ["datagram", "stream"].into_iter().enumerate() {
            let mut trunk = is_known.then(|| Peer::at(house.ip(2), &ports));
            for (message, host) in messages.iter().zip(77..) {
                // A stranger is challenged ten times a second and hears nothing beyond: each of these is another.
                let mut stranger = None;
                let peer = trunk.as_mut().unwrap_or_else(|| stranger.insert(Peer::at(house.ip(host), &ports)));
                let found = match wire {
                    0 => peer.tell(engine, message),
                    _ => peer.tell_by_stream(engine, message).into_iter().collect(),
                };
                let wire = &message.wire[wire];
                heard += found.len();
                let fits = match found[..] {
                    [] => wire.starts_with("none"),
                    // A stranger who could be served otherwise is asked who he is.
                    [401] if !is_known && !wire.starts_with("none") => true,
                    [status] => !wire.starts_with("none") && is_allowed(wire, status),
                    _ => false,
                };
                if !fits {
                    wrong.push(format!("{} as {how} from {}: {found:?}, not {wire}", message.name, peer.from));
                }
            }
            // The same bytes again would be repetitions of these, to be answered where these came from.
            let left = || house.metric("turno_size{of=\"transactions\"}");
            house.until("what was answered is forgotten", || (left() == 0.0).then_some(()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{heard} final answers to {} messages", messages.len() * 4);
    house.is_clean();
}
