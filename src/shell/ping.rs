//! OPTIONS from a port of its own: whether a peer answers, as anybody else would see it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use turno_base::TrunkId;
use turno_sip::config::Resolved;
use turno_sip::flow::Transport;
use turno_sip::trunk::TrunkView;

/// How long a peer has for an answer to OPTIONS; asked twice, since a datagram may be lost.
const ANSWER_WAIT: Duration = Duration::from_secs(2);
const ASKED: u32 = 2;
/// Asked at the same time.
const TOGETHER: usize = 16;

/// What one address of a trunk said.
#[derive(Debug)]
pub struct Pinged {
    /// Whose.
    pub trunk: TrunkId,
    /// Where.
    pub to: Resolved,
    /// The status of its answer.
    pub answer: io::Result<String>,
    /// How long it took.
    pub took: Duration,
}

impl Serialize for Pinged {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Pinged { trunk, to, answer, took } = self;
        let mut row = serializer.serialize_map(None)?;
        row.serialize_entry("trunk", trunk)?;
        row.serialize_entry("to", &address_words(to))?;
        match answer {
            Ok(status) => {
                row.serialize_entry("answer", status)?;
                row.serialize_entry("ms", &(took.as_millis() as u64))?;
            }
            Err(error) => row.serialize_entry("error", &error.to_string())?,
        }
        row.end()
    }
}

/// `udp:10.0.0.2:5060`.
pub fn address_words(to: &Resolved) -> String {
    format!("{}:{}", to.transport.via().to_lowercase(), to.peer)
}

/// Asks every address of these trunks, several at a time.
pub fn ping(trunks: &[TrunkView]) -> Vec<Pinged> {
    let all = trunks.iter().flat_map(|view| view.addresses.iter().map(|address| (view.trunk, address.to)));
    each(&all.collect::<Vec<_>>(), |(trunk, to)| {
        let began = Instant::now();
        let answer = asked(to.peer, to.transport);
        Pinged { trunk: *trunk, to: *to, answer, took: began.elapsed() }
    })
}

/// Does `work` with each, several at a time; in their order.
pub fn each<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let mut done = Vec::with_capacity(all.len());
    for some in all.chunks(TOGETHER) {
        std::thread::scope(|threads| {
            let running: Vec<_> = some.iter().map(|one| threads.spawn(|| work(one))).collect();
            done.extend(running.into_iter().map(|one| one.join().expect("who asks a peer does not panic")));
        });
    }
    done
}

/// The status with which `peer` answers OPTIONS.
pub fn asked(peer: SocketAddr, by: Transport) -> io::Result<String> {
    match by {
        Transport::Udp => asked_by_datagram(peer),
        Transport::Tcp => asked_by_stream(peer),
    }
}

fn asked_by_datagram(peer: SocketAddr) -> io::Result<String> {
    let socket = UdpSocket::bind(if peer.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" })?;
    socket.connect(peer)?;
    socket.set_read_timeout(Some(ANSWER_WAIT))?;
    let local = socket.local_addr()?;
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    for n in 0..ASKED {
        let mut buffer = [0; 4096];
        let sent = socket.send(options(local, peer, Transport::Udp, n).as_bytes());
        match sent.and_then(|_| socket.recv(&mut buffer)) {
            Ok(length) => return status_of(buffer.get(..length).unwrap_or_default()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn asked_by_stream(peer: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&peer, ANSWER_WAIT)?;
    stream.set_read_timeout(Some(ANSWER_WAIT))?;
    stream.write_all(options(stream.local_addr()?, peer, Transport::Tcp, 0).as_bytes())?;
    let mut buffer = [0; 4096];
    let length = stream.read(&mut buffer)?;
    status_of(buffer.get(..length).unwrap_or_default())
}

fn options(local: SocketAddr, peer: SocketAddr, by: Transport, n: u32) -> String {
    let (pid, host, port) = (std::process::id(), local.ip(), local.port());
    let (cseq, via) = (n + 1, by.via());
    format!(
        "OPTIONS sip:{peer} SIP/2.0\r\nVia: SIP/2.0/{via} {local};branch=z9hG4bKping{pid}n{n};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:turno@{local}>;tag={pid}\r\nTo: <sip:{peer}>\r\nCall-ID: ping-{pid}-{port}@{host}\r\nCSeq: {cseq} OPTIONS\r\n\
         Contact: <sip:turno@{local}>\r\nContent-Length: 0\r\n\r\n"
    )
}

fn status_of(answer: &[u8]) -> io::Result<String> {
    let text = String::from_utf8_lossy(answer);
    let line = text.lines().next().unwrap_or_default();
    let no_sip = || io::Error::new(io::ErrorKind::InvalidData, "it does not speak SIP");
    line.strip_prefix("SIP/2.0 ").map(str::to_owned).ok_or_else(no_sip)
}
