//! Reading session descriptions: what audio needs, nothing else, and tolerant of everything else (RFC 8866 §5, §6).

use std::net::{IpAddr, Ipv4Addr};

use turno_base::{Codec, Direction};

use super::SdpError;

/// Most m= lines of an offer; more is 488.
pub const STREAMS_MAX: usize = 16;
/// Most formats of an m= line that are looked at, and most rtpmaps of one; more are not seen.
pub const FORMATS_MAX: usize = 32;
/// Longest kind, protocol or format that is kept, bytes: we repeat them for as long as the dialog lives.
const WORD_MAX: usize = 64;

/// A session description as far as it matters.
#[derive(Debug)]
pub(super) struct Description<'a> {
    pub(super) streams: Vec<Stream<'a>>,
}

/// One m= line with what belongs to it; session-level values are filled in.
#[derive(Debug)]
pub(super) struct Stream<'a> {
    pub(super) kind: &'a str,
    pub(super) port: u16,
    pub(super) proto: &'a str,
    formats: &'a str,
    pub(super) address: Address,
    pub(super) direction: Direction,
    pub(super) ptime_ms: Option<u8>,
    pub(super) rtcp: Option<(u16, Option<IpAddr>)>,
    pub(super) rtcp_mux: bool,
    rtpmaps: Vec<(u8, Encoding)>,
}

/// Where a stream goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Ip(IpAddr),
    /// `0.0.0.0`, `::` or a name below `invalid`: nothing may be sent (RFC 3264 §8.4, §5.1).
    Nowhere,
    /// A host name: we do not resolve media addresses.
    Name,
    Missing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Audio(Codec),
    Events { clock_hz: u32 },
    Unknown,
}

impl<'a> Description<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Description<'a>, SdpError> {
        let mut description = Description { streams: Vec::new() };
        let (mut address, mut direction) = (Address::Missing, Direction::SendRecv);
        for (n, line) in text.lines().enumerate() {
            let malformed = SdpError::Malformed { line: u32::try_from(n).unwrap_or(u32::MAX).saturating_add(1) };
            let line = line.trim();
            if n == 0 && !line.starts_with("v=") {
                return Err(malformed);
            }
            let Some((kind, value)) = line.split_once('=') else { continue };
            if kind == "m" {
                if description.streams.len() >= STREAMS_MAX {
                    return Err(SdpError::TooManyStreams);
                }
                description.streams.push(Stream::parse(value, address, direction).ok_or(malformed)?);
                continue;
            }
            match (kind, description.streams.last_mut()) {
                ("c", Some(stream)) => stream.address = Address::parse(value).ok_or(malformed)?,
                ("c", None) => address = Address::parse(value).ok_or(malformed)?,
                ("a", Some(stream)) => stream.attribute(value),
                ("a", None) => direction = direction_named(value).unwrap_or(direction),
                _ => {}
            }
        }
        Ok(description)
    }
}

impl Address {
    /// `IN IP4 192.0.2.1`, with a possible `/ttl`. The address counts, not the type before it.
    fn parse(value: &str) -> Option<Address> {
        let mut words = value.split_ascii_whitespace();
        let host = words.nth(2)?.split('/').next()?;
        Some(match host.parse::<IpAddr>() {
            Ok(ip) if ip.is_unspecified() => Address::Nowhere,
            Ok(ip) => Address::Ip(ip.to_canonical()),
            Err(_) if host == "invalid" || host.ends_with(".invalid") => Address::Nowhere,
            Err(_) => Address::Name,
        })
    }

    /// The address; the unspecified one where there is none.
    pub(super) fn ip(self) -> IpAddr {
        match self {
            Address::Ip(ip) => ip,
            Address::Nowhere | Address::Name | Address::Missing => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        }
    }
}

impl<'a> Stream<'a> {
    fn parse(value: &'a str, address: Address, direction: Direction) -> Option<Stream<'a>> {
        let (kind, rest) = value.trim().split_once(' ')?;
        let (port, rest) = rest.trim_start().split_once(' ')?;
        let rest = rest.trim_start();
        let (proto, formats) = rest.split_once(' ').unwrap_or((rest, ""));
        if !is_word(kind) || !is_word(proto) {
            return None;
        }
        let port = port.split('/').next()?.parse().ok()?;
        Some(Stream {
            kind,
            port,
            proto,
            formats: formats.trim(),
            address,
            direction,
            ptime_ms: None,
            rtcp: None,
            rtcp_mux: false,
            rtpmaps: Vec::new(),
        })
    }

    fn attribute(&mut self, value: &str) {
        if let Some(direction) = direction_named(value) {
            self.direction = direction;
            return;
        }
        if value == "rtcp-mux" {
            self.rtcp_mux = true;
            return;
        }
        let Some((name, value)) = value.split_once(':') else { return };
        match name {
            "rtpmap" if self.rtpmaps.len() < FORMATS_MAX => self.rtpmaps.extend(rtpmap(value)),
            // Some write `20.0`.
            "ptime" => self.ptime_ms = value.split('.').next().and_then(|ms| ms.trim().parse().ok()),
            "rtcp" => self.rtcp = rtcp(value),
            _ => {}
        }
    }

    /// A format to refuse the line with: it needs one (RFC 3264 §6).
    pub(super) fn first_format(&self) -> &'a str {
        self.formats.split_ascii_whitespace().next().filter(|format| is_word(format)).unwrap_or("0")
    }

    /// RTP that we can take: neither keyed nor bundled (RFC 3551, RFC 4585).
    pub(super) fn is_plain_audio(&self) -> bool {
        self.kind == "audio" && self.port != 0 && matches!(self.proto, "RTP/AVP" | "RTP/AVPF")
    }

    /// Codecs that we know, in the order of the m= line, each once per payload type.
    pub(super) fn codecs(&self) -> impl Iterator<Item = (Codec, u8)> {
        self.encodings().filter_map(|(payload_type, encoding)| match encoding {
            Encoding::Audio(codec) => Some((codec, payload_type)),
            Encoding::Events { .. } | Encoding::Unknown => None,
        })
    }

    /// Payload type of telephone-event at this clock (RFC 4733 §2.1: that of the audio beside it).
    pub(super) fn events(&self, clock_hz: u32) -> Option<u8> {
        let wanted = Encoding::Events { clock_hz };
        self.encodings().find(|(_, encoding)| *encoding == wanted).map(|(payload_type, _)| payload_type)
    }

    fn encodings(&self) -> impl Iterator<Item = (u8, Encoding)> {
        let payload_types = self.formats.split_ascii_whitespace().take(FORMATS_MAX);
        payload_types.filter_map(|text| text.parse().ok()).filter(|payload_type| *payload_type < 128).map(
            |payload_type| {
                let mapped = self.rtpmaps.iter().find(|(mapped, _)| *mapped == payload_type);
                (payload_type, mapped.map_or_else(|| fixed(payload_type), |(_, encoding)| *encoding))
            },
        )
    }
}

fn is_word(text: &str) -> bool {
    (1..=WORD_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// `96 opus/48000/2`. Some phones give G.722 its sampling rate instead of the clock of RFC 3551 §4.5.2.
fn rtpmap(value: &str) -> Option<(u8, Encoding)> {
    let (payload_type, encoding) = value.trim().split_once(' ')?;
    let mut parts = encoding.trim().split('/');
    let (name, clock_hz) = (parts.next()?, parts.next().and_then(|clock| clock.trim().parse::<u32>().ok())?);
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    let encoding = match clock_hz {
        8000 if is("PCMU") => Encoding::Audio(Codec::Pcmu),
        8000 if is("PCMA") => Encoding::Audio(Codec::Pcma),
        8000 | 16_000 if is("G722") => Encoding::Audio(Codec::G722),
        8000 if is("G729") || is("G729A") => Encoding::Audio(Codec::G729),
        48_000 if is("opus") => Encoding::Audio(Codec::Opus),
        _ if is("telephone-event") => Encoding::Events { clock_hz },
        _ => Encoding::Unknown,
    };
    Some((payload_type.parse().ok()?, encoding))
}

/// Payload types that need no rtpmap (RFC 3551 §6).
fn fixed(payload_type: u8) -> Encoding {
    let known = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::G729];
    let found = known.into_iter().find(|codec| codec.payload_type() == payload_type);
    found.map_or(Encoding::Unknown, Encoding::Audio)
}

/// `53020` or `53020 IN IP4 192.0.2.1` (RFC 3605 §2.1).
fn rtcp(value: &str) -> Option<(u16, Option<IpAddr>)> {
    let mut words = value.split_ascii_whitespace();
    let port = words.next()?.parse().ok()?;
    Some((port, words.nth(2).and_then(|ip| ip.parse().ok())))
}

fn direction_named(value: &str) -> Option<Direction> {
    Some(match value {
        "sendrecv" => Direction::SendRecv,
        "sendonly" => Direction::SendOnly,
        "recvonly" => Direction::RecvOnly,
        "inactive" => Direction::Inactive,
        _ => return None,
    })
}
