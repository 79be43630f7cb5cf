//! HEP version 3 to a Homer server, over UDP: a head `HEP3` and length, then chunks of vendor, type, length and value, all in
//! network byte order. Addresses, ports, time, protocol (SIP) and the message; the Call-ID is what Homer joins messages by.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};

use turno_sip::flow::Transport;

use super::Seen;
use crate::shell::run::header_of;

/// Longest message that fits a packet of 65,507 bytes with its other chunks; the rest of a longer one is cut off.
pub(super) const MESSAGE_BYTES_MAX: usize = 64_000;
/// Longest Call-ID that is sent apart.
const CALL_ID_BYTES_MAX: usize = 512;
/// The id of this capture agent.
const AGENT: u32 = 2026;
/// The protocol type of SIP.
const SIP: u8 = 1;

#[derive(Debug)]
pub(super) struct Hep {
    socket: UdpSocket,
}

impl Hep {
    /// To `host:port`.
    pub(super) fn open(address: &str) -> io::Result<Hep> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, "it has no address");
        let to = address.to_socket_addrs()?.next().ok_or_else(missing)?;
        let any: SocketAddr = if to.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
        let socket = UdpSocket::bind(any)?;
        socket.connect(to)?;
        socket.set_nonblocking(true)?;
        Ok(Hep { socket })
    }

    /// False if it did not leave. A server that is away answers by ICMP, which is told by the next: that one is not lost for it.
    pub(super) fn send(&self, seen: &Seen) -> bool {
        let packet = packet(seen);
        self.socket.send(&packet).or_else(|_| self.socket.send(&packet)).is_ok()
    }
}

fn packet(seen: &Seen) -> Vec<u8> {
    let mut out = b"HEP3\0\0".to_vec();
    let (from, to) = seen.ends();
    let protocol = match seen.transport {
        Transport::Udp => 17,
        Transport::Tcp => 6,
    };
    let (ours, theirs) = (from.ip().to_canonical(), to.ip().to_canonical());
    match (ours, theirs) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            chunk(&mut out, 1, &[2]);
            chunk(&mut out, 3, &a.octets());
            chunk(&mut out, 4, &b.octets());
        }
        (a, b) => {
            let six = |ip: IpAddr| match ip {
                IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
                IpAddr::V6(ip) => ip.octets(),
            };
            chunk(&mut out, 1, &[10]);
            chunk(&mut out, 5, &six(a));
            chunk(&mut out, 6, &six(b));
        }
    }
    chunk(&mut out, 2, &[protocol]);
    chunk(&mut out, 7, &from.port().to_be_bytes());
    chunk(&mut out, 8, &to.port().to_be_bytes());
    let micros = seen.at.0.max(0);
    chunk(&mut out, 9, &u32::try_from(micros / 1_000_000).unwrap_or(u32::MAX).to_be_bytes());
    chunk(&mut out, 10, &u32::try_from(micros % 1_000_000).unwrap_or(0).to_be_bytes());
    chunk(&mut out, 11, &[SIP]);
    chunk(&mut out, 12, &AGENT.to_be_bytes());
    let call_id = header_of(&seen.bytes, &["call-id", "i"]);
    if !call_id.is_empty() && call_id.len() <= CALL_ID_BYTES_MAX {
        chunk(&mut out, 17, call_id.as_bytes());
    }
    chunk(&mut out, 15, seen.bytes.get(..MESSAGE_BYTES_MAX).unwrap_or(&seen.bytes));
    let length = u16::try_from(out.len()).unwrap_or(u16::MAX).to_be_bytes();
    out[4..6].copy_from_slice(&length);
    out
}

fn chunk(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.extend([0, 0]);
    out.extend(kind.to_be_bytes());
    out.extend(u16::try_from(value.len() + 6).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(value);
}
