//! RTP packets (RFC 3550 §5.1), and telling them from RTCP on one port (RFC 5761 §4).
//!
//! Nothing here looks at payloads. A packet is read as its header and the place of its payload, so that a relay can
//! write a new header in front of the payload where it lies.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Bytes of a header without contributing sources and extension; the only form we write.
pub const HEADER_BYTES: usize = 12;

/// What matters of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// First packet of a talk spurt, or of a key.
    pub marker: bool,
    /// 0..=127.
    pub payload_type: u8,
    /// Counts packets.
    pub sequence: u16,
    /// Media time, in ticks of the codec's clock.
    pub timestamp: u32,
    /// Names the sender's stream.
    pub ssrc: u32,
}

/// Not RTP, or lying about its own lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Field that is wrong.
    pub field: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "packet with a wrong {}", self.field)
    }
}

impl std::error::Error for Malformed {}

/// Whether a datagram on a shared port is RTCP: packet types 192..=223 (RFC 5761 §4).
pub fn is_rtcp(packet: &[u8]) -> bool {
    packet.get(1).is_some_and(|&kind| (192..=223).contains(&kind))
}

/// Reads the header and finds the payload, without contributing sources, extension and padding.
pub fn parse(packet: &[u8]) -> Result<(Header, Range<usize>), Malformed> {
    let (fixed, rest) = packet.split_first_chunk::<HEADER_BYTES>().ok_or(Malformed { field: "length" })?;
    let [first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
    if first >> 6 != 2 {
        return Err(Malformed { field: "version" });
    }
    let mut start = HEADER_BYTES + usize::from(first & 0x0f) * 4;
    if first & 0x10 != 0 {
        let lead = packet.get(start..).and_then(|p| p.first_chunk::<4>()).ok_or(Malformed { field: "extension" })?;
        start += 4 + usize::from(u16::from_be_bytes([lead[2], lead[3]])) * 4;
    }
    let mut end = packet.len();
    if first & 0x20 != 0 {
        let padding = usize::from(*rest.last().unwrap_or(&0));
        if padding == 0 {
            return Err(Malformed { field: "padding" });
        }
        end = end.checked_sub(padding).ok_or(Malformed { field: "padding" })?;
    }
    if start > end {
        return Err(Malformed { field: "length" });
    }
    let header = Header {
        marker: second & 0x80 != 0,
        payload_type: second & 0x7f,
        sequence: u16::from_be_bytes([s0, s1]),
        timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
        ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
    };
    Ok((header, start..end))
}

impl Header {
    /// The header's bytes.
    pub fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let (s, t, c) = (self.sequence.to_be_bytes(), self.timestamp.to_be_bytes(), self.ssrc.to_be_bytes());
        let second = self.payload_type & 0x7f | if self.marker { 0x80 } else { 0 };
        [0x80, second, s[0], s[1], t[0], t[1], t[2], t[3], c[0], c[1], c[2], c[3]]
    }

    /// Writes the header right in front of the payload at `payload`, and gives the packet that results. `payload` is
    /// from [`parse`], so there is always room.
    pub fn write_before<'p>(self, packet: &'p mut [u8], payload: &Range<usize>) -> Option<&'p [u8]> {
        let start = payload.start.checked_sub(HEADER_BYTES)?;
        let whole = packet.get_mut(start..payload.end)?;
        whole.first_chunk_mut::<HEADER_BYTES>()?.copy_from_slice(&self.to_bytes());
        Some(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADER: Header =
        Header { marker: true, payload_type: 8, sequence: 0xfffe, timestamp: 0xdead_beef, ssrc: 0x0102_0304 };

    fn packet(first: u8, tail: &[u8]) -> Vec<u8> {
        let mut bytes = HEADER.to_bytes().to_vec();
        bytes[0] = first;
        bytes.extend_from_slice(tail);
        bytes
    }

    #[test]
    fn the_payload_is_what_remains_of_the_packet() {
        let wrong = |field| Err(Malformed { field });
        for (bytes, expected) in [
            (packet(0x80, b"sound"), Ok(12..17)),
            (packet(0x80, b""), Ok(12..12)),
            (packet(0x82, b"csrccsrcsound"), Ok(20..25)),
            (packet(0x90, b"\xbe\xde\0\x01extnsound"), Ok(20..25)),
            (packet(0xa0, b"sound\0\0\x03"), Ok(12..17)),
            (packet(0xa0, b"sound\0\0\x08"), Ok(12..12)), // all of it padding
            (packet(0xa0, b"sound\0\0\x09"), wrong("length")), // padding that reaches into the header
            (packet(0xa0, b"sound\0\0\xff"), wrong("padding")),
            (packet(0xa0, b"sound\0\0\0"), wrong("padding")),
            (packet(0xa0, b""), wrong("padding")),
            (packet(0x8f, b"csrc"), wrong("length")),
            (packet(0x90, b"\xbe\xde\0"), wrong("extension")),
            (packet(0x90, b"\xbe\xde\xff\xff"), wrong("length")),
            (packet(0x40, b"sound"), wrong("version")),
            (b"\x80".to_vec(), wrong("length")),
        ] {
            assert_eq!(parse(&bytes).map(|(_, payload)| payload), expected, "{bytes:02x?}");
        }
    }

    #[test]
    fn rtcp_is_told_from_rtp_by_its_second_byte() {
        for (second, rtcp) in [
            (200, true),
            (201, true),
            (203, true),
            (223, true),
            (191, false),
            (224, false),
            (8, false),
            (0x80 | 8, false),
        ] {
            assert_eq!(is_rtcp(&[0x80, second]), rtcp, "{second}");
        }
        assert!(!is_rtcp(&[0x80]));
    }

    #[test]
    fn a_new_header_fits_before_the_payload_of_any_packet() {
        let mut bytes = packet(0x92, b"csrccsrc\xbe\xde\0\x01extnsound");
        let (_, payload) = parse(&bytes).unwrap();
        let written = HEADER.write_before(&mut bytes, &payload).unwrap().to_vec();
        assert_eq!(parse(&written), Ok((HEADER, 12..17)));
        assert_eq!(&written[12..], b"sound");
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_every_payload_lies_inside(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok((header, payload)) = parse(&bytes) {
                prop_assert!(payload.start >= HEADER_BYTES && payload.end <= bytes.len());
                let mut copy = bytes.clone();
                let written = header.write_before(&mut copy, &payload).unwrap();
                prop_assert_eq!(parse(written), Ok((header, 12..12 + payload.len())));
            }
        }
    }
}
