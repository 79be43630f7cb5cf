//! RTCP: sender and receiver reports, source description, goodbye, in compound packets (RFC 3550 §6).
//!
//! Reading takes any order of parts and any unknown types (RFC 5506 lets reports stand alone); writing makes the
//! compound form that every peer takes: a report, then a CNAME, then perhaps a goodbye.

use crate::rtp::Malformed;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
const CNAME: u8 = 1;

/// What one receiver says about one stream (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The stream it is about.
    pub ssrc: u32,
    /// Lost since the previous report, in 256ths.
    pub fraction_lost: u8,
    /// Lost in all; 24 bits, signed.
    pub lost: i32,
    /// Highest sequence number, extended by its cycles.
    pub highest: u32,
    /// Interarrival jitter in ticks.
    pub jitter: u32,
    /// Middle 32 bits of the last sender report's NTP time; 0: none arrived.
    pub last_report: u32,
    /// Since then, in 65,536ths of a second.
    pub since_last_report: u32,
}

/// When and how much a sender has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// NTP time, 32.32.
    pub ntp: u64,
    /// The same instant in the stream's ticks.
    pub timestamp: u32,
    /// Packets so far.
    pub packets: u32,
    /// Payload bytes so far.
    pub octets: u32,
}

/// One part of a compound packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'p> {
    /// Sender report (with `Sent`) or receiver report.
    Report {
        /// Who reports.
        ssrc: u32,
        /// Of a sender.
        sent: Option<Sent>,
        /// About whom.
        blocks: Blocks<'p>,
    },
    /// Source description; its contents are of no use to us.
    Description,
    /// These streams end.
    Goodbye {
        /// The first of them.
        ssrc: Option<u32>,
    },
    /// A type that we do not read.
    Unknown(u8),
}

/// Report blocks, read one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks<'p>(&'p [u8]);

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|b| b.first_chunk::<4>()).map_or(0, |b| u32::from_be_bytes(*b))
}

impl Iterator for Blocks<'_> {
    type Item = Block;
    fn next(&mut self) -> Option<Block> {
        let (block, rest) = self.0.split_first_chunk::<24>()?;
        self.0 = rest;
        let loss = u32_at(block, 4);
        Some(Block {
            ssrc: u32_at(block, 0),
            fraction_lost: (loss >> 24) as u8,
            lost: ((loss << 8) as i32) >> 8,
            highest: u32_at(block, 8),
            jitter: u32_at(block, 12),
            last_report: u32_at(block, 16),
            since_last_report: u32_at(block, 20),
        })
    }
}

/// Parts of a compound packet whose lengths were all found right.
#[derive(Clone, Copy, Debug)]
pub struct Compound<'p>(&'p [u8]);

/// The first part's count field, type and body, and what follows it.
type Split<'p> = (u8, u8, &'p [u8], &'p [u8]);

fn split(bytes: &[u8]) -> Result<Split<'_>, Malformed> {
    let (lead, _) = bytes.split_first_chunk::<4>().ok_or(Malformed { field: "RTCP length" })?;
    if lead[0] >> 6 != 2 {
        return Err(Malformed { field: "RTCP version" });
    }
    let len = 4 + usize::from(u16::from_be_bytes([lead[2], lead[3]])) * 4;
    let (part, rest) = bytes.split_at_checked(len).ok_or(Malformed { field: "RTCP length" })?;
    let mut body = part.get(4..).unwrap_or_default();
    if lead[0] & 0x20 != 0 {
        // Padding is for block ciphers and stands at the very end (RFC 3550 §6.4.1).
        let padding = usize::from(*body.last().unwrap_or(&0));
        let left = body.len().checked_sub(padding).filter(|_| padding != 0 && rest.is_empty());
        body = left.and_then(|left| body.get(..left)).ok_or(Malformed { field: "RTCP padding" })?;
    }
    Ok((lead[0] & 0x1f, lead[1], body, rest))
}

/// Reads a datagram. All parts must add up to its length (RFC 3550 §A.2), and the first must be RTCP.
pub fn parse(bytes: &[u8]) -> Result<Compound<'_>, Malformed> {
    let mut rest = bytes;
    if !crate::rtp::is_rtcp(bytes) {
        return Err(Malformed { field: "RTCP type" });
    }
    while !rest.is_empty() {
        let (count, kind, body, after) = split(rest)?;
        let least = match kind {
            SENDER_REPORT => 24 + usize::from(count) * 24,
            RECEIVER_REPORT => 4 + usize::from(count) * 24,
            GOODBYE => usize::from(count) * 4,
            _ => 0,
        };
        if body.len() < least {
            return Err(Malformed { field: "RTCP count" });
        }
        rest = after;
    }
    Ok(Compound(bytes))
}

impl<'p> Iterator for Compound<'p> {
    type Item = Part<'p>;
    fn next(&mut self) -> Option<Part<'p>> {
        let (count, kind, body, rest) = split(self.0).ok()?;
        self.0 = rest;
        let blocks = |from: usize| Blocks(body.get(from..from + usize::from(count) * 24).unwrap_or_default());
        Some(match kind {
            SENDER_REPORT => Part::Report {
                ssrc: u32_at(body, 0),
                sent: Some(Sent {
                    ntp: u64::from(u32_at(body, 4)) << 32 | u64::from(u32_at(body, 8)),
                    timestamp: u32_at(body, 12),
                    packets: u32_at(body, 16),
                    octets: u32_at(body, 20),
                }),
                blocks: blocks(24),
            },
            RECEIVER_REPORT => Part::Report { ssrc: u32_at(body, 0), sent: None, blocks: blocks(4) },
            SOURCE_DESCRIPTION => Part::Description,
            GOODBYE => Part::Goodbye { ssrc: (count > 0).then(|| u32_at(body, 0)) },
            unknown => Part::Unknown(unknown),
        })
    }
}

/// What a compound packet of ours says.
#[derive(Clone, Copy, Debug)]
pub struct Report<'r> {
    /// Our stream.
    pub ssrc: u32,
    /// Present once we have sent.
    pub sent: Option<Sent>,
    /// Present once the peer has.
    pub block: Option<Block>,
    /// Canonical name, at most 255 bytes.
    pub cname: &'r str,
    /// Our last packet on this stream.
    pub goodbye: bool,
}

impl Report<'_> {
    /// Appends the compound packet.
    pub fn write(&self, out: &mut Vec<u8>) {
        let words = |n: usize| (n as u16).to_be_bytes();
        let blocks = usize::from(self.block.is_some());
        let (kind, own) = if self.sent.is_some() { (SENDER_REPORT, 6) } else { (RECEIVER_REPORT, 1) };
        out.extend_from_slice(&[0x80 | blocks as u8, kind]);
        out.extend_from_slice(&words(own + blocks * 6));
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        if let Some(sent) = self.sent {
            out.extend_from_slice(&sent.ntp.to_be_bytes());
            for word in [sent.timestamp, sent.packets, sent.octets] {
                out.extend_from_slice(&word.to_be_bytes());
            }
        }
        if let Some(block) = self.block {
            let lost = block.lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
            let loss = u32::from(block.fraction_lost) << 24 | lost;
            for word in [block.ssrc, loss, block.highest, block.jitter, block.last_report, block.since_last_report] {
                out.extend_from_slice(&word.to_be_bytes());
            }
        }
        let name = self.cname.as_bytes().get(..self.cname.len().min(255)).unwrap_or_default();
        // One chunk: source, item, then at least one null, up to the next word (RFC 3550 §6.5).
        let zeros = 4 - (2 + name.len()) % 4;
        out.extend_from_slice(&[0x81, SOURCE_DESCRIPTION]);
        out.extend_from_slice(&words(1 + (2 + name.len() + zeros) / 4));
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        out.extend_from_slice(&[CNAME, name.len() as u8]);
        out.extend_from_slice(name);
        out.extend_from_slice(&[0; 4][..zeros]);
        if self.goodbye {
            out.extend_from_slice(&[0x81, GOODBYE, 0, 1]);
            out.extend_from_slice(&self.ssrc.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BLOCK: Block = Block {
        ssrc: 7,
        fraction_lost: 64,
        lost: -3,
        highest: 0x1_0005,
        jitter: 12,
        last_report: 0xaabb_ccdd,
        since_last_report: 65_536,
    };
    const SENT: Sent = Sent { ntp: 0x0123_4567_89ab_cdef, timestamp: 160, packets: 1, octets: 160 };

    #[test]
    fn what_is_written_reads_back() {
        for (sent, block) in [(Some(SENT), Some(BLOCK)), (Some(SENT), None), (None, Some(BLOCK)), (None, None)] {
            for cname in ["", "a", "ab", "abc", "abcdefgh"] {
                let mut bytes = Vec::new();
                Report { ssrc: 9, sent, block, cname, goodbye: true }.write(&mut bytes);
                assert_eq!(bytes.len() % 4, 0);
                let parts: Vec<Part<'_>> = parse(&bytes).unwrap().collect();
                let [Part::Report { ssrc: 9, sent: read, blocks }, Part::Description, Part::Goodbye { ssrc: Some(9) }] =
                    parts[..]
                else {
                    panic!("{parts:?}")
                };
                assert_eq!((read, blocks.collect::<Vec<_>>()), (sent, block.into_iter().collect()));
            }
        }
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        for (bytes, expected) in [
            (&b"\x80\xc9\0\x01\0\0\0\x09"[..], Ok(1)),
            (b"\x80\xcc\0\x02\0\0\0\x09name\x80\xc9\0\x01\0\0\0\x09", Ok(2)), // APP, which we do not read
            (b"\x80\xcb\0\0", Ok(1)),                                         // goodbye of nobody
            (b"\xa0\xc9\0\x02\0\0\0\x09\0\0\0\x04", Ok(1)),
            (b"\xa0\xc9\0\x02\0\0\0\x09\0\0\0\x08", Err("RTCP count")), // padding eats the report
            (b"\xa0\xc9\0\x02\0\0\0\x09\0\0\0\x09", Err("RTCP padding")),
            (b"\xa0\xc9\0\x01\0\0\0\0", Err("RTCP padding")),
            (b"\xa0\xc9\0\x01\0\0\0\x04\x80\xc9\0\x01\0\0\0\x09", Err("RTCP padding")), // padding before the end
            (b"\x80\xc8\0\x01\0\0\0\x09", Err("RTCP count")),
            (b"\x81\xc9\0\x01\0\0\0\x09", Err("RTCP count")),
            (b"\x9f\xcb\0\x01\0\0\0\x09", Err("RTCP count")),
            (b"\x80\xc9\0\x02\0\0\0\x09", Err("RTCP length")),
            (b"\x80\xc9\0\x01\0\0\0\x09\x80", Err("RTCP length")),
            (b"\x80\xc9\0\x01\0\0\0\x09\x40\xc9\0\0", Err("RTCP version")),
            (b"\x80\x08\0\0", Err("RTCP type")),
            (b"", Err("RTCP type")),
        ] {
            assert_eq!(parse(bytes).map(Iterator::count).map_err(|e| e.field), expected, "{bytes:02x?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), kind in 192u8..=223, lead in 0x80u8..=0xbf) {
            let mut bytes = bytes;
            for (at, byte) in [(0, lead), (1, kind), (2, 0)] {
                if let Some(to) = bytes.get_mut(at) { *to = byte; }
            }
            if let Ok(compound) = parse(&bytes) {
                for part in compound {
                    if let Part::Report { blocks, .. } = part { prop_assert!(blocks.count() <= 31); }
                }
            }
        }
    }
}
