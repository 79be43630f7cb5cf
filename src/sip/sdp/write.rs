//! Writing session descriptions (RFC 8866 §5).

use std::fmt::{self, Write as _};
use std::net::{IpAddr, SocketAddr};

use turno_base::{Codec, Direction};

use super::MediaLine;
use crate::ua::LocalMedia;

/// What is said about our audio.
pub(super) struct Audio<'a> {
    pub(super) media: &'a LocalMedia,
    pub(super) codecs: &'a [(Codec, u8)],
    /// Clock and payload type of telephone-event.
    pub(super) events: &'a [(u32, u8)],
    pub(super) direction: Direction,
    pub(super) ptime_ms: u8,
    pub(super) rtcp_mux: bool,
}

/// `IN IP4 192.0.2.1`
struct Network(IpAddr);

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.to_canonical() {
            IpAddr::V4(ip) => write!(f, "IN IP4 {ip}"),
            IpAddr::V6(ip) => write!(f, "IN IP6 {ip}"),
        }
    }
}

/// The whole description.
pub(super) fn with_origin(id: u64, version: u64, ip: IpAddr, after: &str) -> String {
    format!("v=0\r\no=- {id} {version} {}\r\n{after}", Network(ip))
}

/// Everything behind the o= line: what a change of version is about.
pub(super) fn after_origin(audio: &Audio<'_>, lines: &[MediaLine]) -> String {
    let mut text = String::with_capacity(512);
    write_all(&mut text, audio, lines).expect("a String takes whatever is written");
    text
}

fn write_all(text: &mut String, audio: &Audio<'_>, lines: &[MediaLine]) -> fmt::Result {
    write!(text, "s=-\r\nc={}\r\nt=0 0\r\n", Network(audio.media.rtp.ip()))?;
    for line in lines {
        match line {
            MediaLine::Ours { proto } => write_audio(text, audio, proto)?,
            MediaLine::Refused { kind, proto, format } => write!(text, "m={kind} 0 {proto} {format}\r\n")?,
        }
    }
    Ok(())
}

fn write_audio(text: &mut String, audio: &Audio<'_>, proto: &str) -> fmt::Result {
    write!(text, "m=audio {} {proto}", audio.media.rtp.port())?;
    for payload_type in audio.codecs.iter().map(|(_, pt)| pt).chain(audio.events.iter().map(|(_, pt)| pt)) {
        write!(text, " {payload_type}")?;
    }
    text.push_str("\r\n");
    for (codec, payload_type) in audio.codecs {
        let channels = if *codec == Codec::Opus { "/2" } else { "" };
        write!(text, "a=rtpmap:{payload_type} {}/{}{channels}\r\n", codec.as_str(), codec.clock_hz())?;
        match codec {
            // Silence frames of Annex B would surprise whom we relay to (RFC 4856 §2.1.9: the default is yes).
            Codec::G729 => write!(text, "a=fmtp:{payload_type} annexb=no\r\n")?,
            Codec::Opus => write!(text, "a=fmtp:{payload_type} useinbandfec=1\r\n")?,
            Codec::Pcmu | Codec::Pcma | Codec::G722 => {}
        }
    }
    for (clock_hz, payload_type) in audio.events {
        write!(text, "a=rtpmap:{payload_type} telephone-event/{clock_hz}\r\na=fmtp:{payload_type} 0-15\r\n")?;
    }
    write!(text, "a=ptime:{}\r\na={}\r\n", audio.ptime_ms, name(audio.direction))?;
    if audio.rtcp_mux {
        return text.write_str("a=rtcp-mux\r\n");
    }
    let (rtp, rtcp) = (audio.media.rtp, audio.media.rtcp);
    let usual = SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1));
    match rtcp {
        _ if rtcp == usual => Ok(()),
        _ if rtcp.ip() == rtp.ip() => write!(text, "a=rtcp:{}\r\n", rtcp.port()),
        _ => write!(text, "a=rtcp:{} {}\r\n", rtcp.port(), Network(rtcp.ip())),
    }
}

const fn name(direction: Direction) -> &'static str {
    match direction {
        Direction::SendRecv => "sendrecv",
        Direction::SendOnly => "sendonly",
        Direction::RecvOnly => "recvonly",
        Direction::Inactive => "inactive",
    }
}
