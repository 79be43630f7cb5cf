//! The file format of libpcap (version 2.4, link type RAW): each message as one UDP datagram between the addresses that it went
//! between, also what went over a stream, so that every reader shows one message a line.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::Seen;

/// Times in µs, of this machine's byte order.
const MAGIC: u32 = 0xa1b2_c3d4;
/// IPv4 or IPv6 without anything before it.
const LINK_RAW: u32 = 101;
const SNAP_BYTES: u32 = 65_535;
/// Longest content that fits a datagram of either family; the rest of a longer message is cut off.
pub(super) const CONTENT_BYTES_MAX: usize = 65_535 - 28;
const UDP: u8 = 17;
const HOPS: u8 = 64;

#[derive(Debug)]
pub(super) struct Pcap {
    file: BufWriter<File>,
}

impl Pcap {
    /// A new file, readable by its owner alone: it holds numbers.
    pub(super) fn create(path: &Path) -> io::Result<Pcap> {
        let file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
        let mut pcap = Pcap { file: BufWriter::new(file) };
        pcap.file.write_all(&head())?;
        pcap.file.flush()?;
        Ok(pcap)
    }

    pub(super) fn write(&mut self, seen: &Seen) -> io::Result<()> {
        self.file.write_all(&record(seen))
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn head() -> Vec<u8> {
    let mut head = MAGIC.to_ne_bytes().to_vec();
    for half in [2_u16, 4] {
        head.extend(half.to_ne_bytes());
    }
    for word in [0, 0, SNAP_BYTES, LINK_RAW] {
        head.extend(word.to_ne_bytes());
    }
    head
}

/// A record: its time and lengths, and the packet.
fn record(seen: &Seen) -> Vec<u8> {
    let packet = packet(seen);
    let length = u32::try_from(packet.len()).unwrap_or(SNAP_BYTES);
    let micros = seen.at.0.max(0);
    let (secs, micros) = (micros / 1_000_000, micros % 1_000_000);
    let mut record = Vec::with_capacity(16 + packet.len());
    for word in [u32::try_from(secs).unwrap_or(u32::MAX), u32::try_from(micros).unwrap_or(0), length, length] {
        record.extend(word.to_ne_bytes());
    }
    record.extend(packet);
    record
}

fn packet(seen: &Seen) -> Vec<u8> {
    let content = seen.bytes.get(..CONTENT_BYTES_MAX).unwrap_or(&seen.bytes);
    let (from, to) = seen.ends();
    let udp_length = u16::try_from(content.len() + 8).unwrap_or(u16::MAX);
    let (mut packet, pseudo) = match (from.ip().to_canonical(), to.ip().to_canonical()) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let mut ip = vec![0x45, 0];
            ip.extend((udp_length + 20).to_be_bytes());
            ip.extend([0, 0, 0x40, 0, HOPS, UDP, 0, 0]);
            ip.extend(a.octets());
            ip.extend(b.octets());
            let sum = checksum([&ip[..]]).to_be_bytes();
            ip[10..12].copy_from_slice(&sum);
            let mut pseudo = [a.octets(), b.octets()].concat();
            pseudo.extend([0, UDP]);
            (ip, pseudo)
        }
        (a, b) => {
            let (a, b) = (six(a), six(b));
            let mut ip = vec![0x60, 0, 0, 0];
            ip.extend(udp_length.to_be_bytes());
            ip.extend([UDP, HOPS]);
            ip.extend(a.octets());
            ip.extend(b.octets());
            let mut pseudo = [a.octets(), b.octets()].concat();
            pseudo.extend([0, UDP]);
            (ip, pseudo)
        }
    };
    packet.extend(udp(from, to, udp_length, &pseudo, content));
    packet
}

fn six(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

fn udp(from: SocketAddr, to: SocketAddr, length: u16, pseudo: &[u8], content: &[u8]) -> Vec<u8> {
    let mut udp = Vec::with_capacity(usize::from(length));
    for half in [from.port(), to.port(), length, 0] {
        udp.extend(half.to_be_bytes());
    }
    udp.extend(content);
    let sum = match checksum([pseudo, &length.to_be_bytes(), &udp]) {
        // RFC 768: 0 would say that there is none.
        0 => u16::MAX,
        sum => sum,
    };
    udp[6..8].copy_from_slice(&sum.to_be_bytes());
    udp
}

/// RFC 1071, over parts of which only the last may be odd.
pub(super) fn checksum<const N: usize>(parts: [&[u8]; N]) -> u16 {
    let mut sum = 0_u64;
    for part in parts {
        let (pairs, rest) = part.as_chunks::<2>();
        sum += pairs.iter().map(|pair| u64::from(u16::from_be_bytes(*pair))).sum::<u64>();
        sum += rest.first().map_or(0, |&last| u64::from(last) << 8);
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(u16::try_from(sum).unwrap_or(0))
}
