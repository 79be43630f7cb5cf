//! Offer and answer for one audio stream (RFC 3264, RFC 8866; RFC 3605, 4733, 5761, 6337).
//!
//! A [`Negotiation`] is one dialog's side of it: what we said last, and which of the m= lines is ours. It decides codecs, payload
//! types, direction and addresses. Deliberately not here: when an offer may be made (the dialog's business), keyed media,
//! ICE, video: their lines are answered with port 0.

mod parse;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use turno_base::{Codec, Direction, StreamAgreement};

use crate::ua::LocalMedia;

pub use parse::{FORMATS_MAX, STREAMS_MAX};

use parse::{Address, Description, Stream};
use write::Audio;

/// Why an offer or an answer cannot be agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SdpError {
    /// Not a session description: 400.
    Malformed {
        /// Line, from 1.
        line: u32,
    },
    /// More m= lines than [`STREAMS_MAX`]: 488.
    TooManyStreams,
    /// No audio stream in plain RTP, or only refused ones: 488.
    NoAudio,
    /// No codec in common: 488.
    NoCodec,
    /// The audio goes to a host name or to no address: 488.
    NoAddress,
    /// The audio goes to IPv6 and ours comes from IPv4, or the other way round: 488.
    OtherFamily,
    /// An answer came that no offer asked for: 400.
    NotAsked,
}

impl SdpError {
    /// The status to refuse an offer with. For an answer it says why the call ends.
    pub const fn status(self) -> u16 {
        match self {
            SdpError::Malformed { .. } | SdpError::NotAsked => 400,
            SdpError::TooManyStreams
            | SdpError::NoAudio
            | SdpError::NoCodec
            | SdpError::NoAddress
            | SdpError::OtherFamily => 488,
        }
    }
}

impl fmt::Display for SdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SdpError::Malformed { line } => write!(f, "session description is malformed at line {line}"),
            SdpError::TooManyStreams => write!(f, "session description has more than {STREAMS_MAX} streams"),
            SdpError::NoAudio => f.write_str("session description has no plain audio stream"),
            SdpError::NoCodec => f.write_str("audio stream has no codec that we take"),
            SdpError::NoAddress => f.write_str("audio stream has no address"),
            SdpError::OtherFamily => f.write_str("audio stream has an address of another family than ours"),
            SdpError::NotAsked => f.write_str("session description answers no offer"),
        }
    }
}

impl std::error::Error for SdpError {}

/// Whose order of codecs decides when we answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Prefer {
    /// That of [`LocalMedia::codecs`].
    #[default]
    Ours,
    /// That of the offer.
    Theirs,
}

/// One dialog's offers and answers. Clone it for each early dialog of a fork.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Negotiation {
    /// Session id of the o= line.
    id: u64,
    /// Version of the o= line: grows by one whenever what we say changes (RFC 3264 §8).
    version: u64,
    /// What we said last, after the o= line.
    said: String,
    /// The m= lines of the session; their number and order never change (RFC 3264 §8).
    lines: Vec<MediaLine>,
    /// Payload types that the peer gave to codecs; kept in our later offers (RFC 3264 §8.3.2).
    payload_types: Vec<(Codec, u8)>,
    /// Payload types that the peer gave to telephone-event, by clock.
    events: Vec<(u32, u8)>,
    /// What we offered last.
    offered: Option<LocalMedia>,
}

/// One m= line of the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum MediaLine {
    /// The audio we carry.
    Ours { proto: String },
    /// What we refuse, with its first format.
    Refused { kind: String, proto: String, format: String },
}

impl Negotiation {
    /// Nothing said yet. `id` is any number that does not repeat soon.
    pub const fn new(id: u64) -> Negotiation {
        Negotiation {
            id,
            version: 0,
            said: String::new(),
            lines: Vec::new(),
            payload_types: Vec::new(),
            events: Vec::new(),
            offered: None,
        }
    }

    /// Our offer: all codecs of `media` in order, telephone-event for their clocks.
    pub fn offer(&mut self, media: &LocalMedia) -> String {
        if self.lines.is_empty() {
            self.lines.push(MediaLine::Ours { proto: "RTP/AVP".to_owned() });
        }
        self.offered = Some(media.clone());
        let codecs = self.offered_codecs(media);
        let events = self.offered_events(media);
        self.say(&Audio {
            media,
            codecs: &codecs,
            events: &events,
            direction: media.direction,
            ptime_ms: PTIME_MS,
            rtcp_mux: media.rtp == media.rtcp,
        })
    }

    /// Answers an offer: the first audio stream that we can carry, with one codec and telephone-event at its clock, so that the
    /// peer cannot change codecs without asking; every other stream is refused in its place.
    pub fn answer(
        &mut self,
        offer: &[u8],
        media: &LocalMedia,
        prefer: Prefer,
    ) -> Result<(String, StreamAgreement), SdpError> {
        let text = String::from_utf8_lossy(offer);
        let description = Description::parse(&text)?;
        let (at, codec) = choose(&description, media, prefer)?;
        let stream = description.streams.get(at).ok_or(SdpError::NoAudio)?;
        let rtcp_mux = stream.rtcp_mux;
        let agreement = agreement(stream, media, vec![codec], rtcp_mux)?;
        let lines = description.streams.iter().enumerate();
        self.lines = lines.map(|(n, stream)| MediaLine::of(stream, n == at)).collect();
        self.remember(stream);
        self.offered = None;
        let events: Vec<_> =
            agreement.dtmf.map(|payload_type| (codec.0.clock_hz(), payload_type)).into_iter().collect();
        let sdp = self.say(&Audio {
            media,
            codecs: &[codec],
            events: &events,
            direction: agreement.direction,
            ptime_ms: agreement.ptime_ms,
            rtcp_mux,
        });
        Ok((sdp, agreement))
    }

    /// Reads the answer to our last offer. May be asked again for another answer to the same offer (forks, 183 and 200).
    pub fn accept(&mut self, answer: &[u8]) -> Result<StreamAgreement, SdpError> {
        let media = self.offered.clone().ok_or(SdpError::NotAsked)?;
        let text = String::from_utf8_lossy(answer);
        let description = Description::parse(&text)?;
        let at = self.lines.iter().position(|line| matches!(line, MediaLine::Ours { .. })).unwrap_or(0);
        let stream = description.streams.get(at).filter(|stream| stream.is_plain_audio()).ok_or(SdpError::NoAudio)?;
        let offered = self.offered_codecs(&media);
        let known: Vec<_> = stream.codecs().filter(|(codec, _)| media.codecs.contains(codec)).collect();
        let mut agreement = agreement(stream, &media, known, stream.rtcp_mux && media.rtp == media.rtcp)?;
        // The peer should send by our payload types; those who send by their own are understood where no two collide.
        let ours = offered.into_iter().filter(|(codec, _)| agreement.receive.iter().any(|(known, _)| known == codec));
        let mut receive: Vec<_> = ours.collect();
        for (codec, payload_type) in agreement.receive {
            if receive.iter().all(|(_, taken)| *taken != payload_type) {
                receive.push((codec, payload_type));
            }
        }
        agreement.receive = receive;
        let clock_hz = agreement.send.0.clock_hz();
        let ours = self.offered_events(&media).into_iter().find(|(clock, _)| *clock == clock_hz).map(|(_, pt)| pt);
        let is_sound = |pt: u8| agreement.receive.iter().any(|(_, taken)| *taken == pt);
        let news = ours.filter(|pt| agreement.dtmf.is_some_and(|theirs| theirs != *pt) && !is_sound(*pt));
        agreement.dtmf_receive.extend(news);
        self.remember(stream);
        Ok(agreement)
    }

    fn remember(&mut self, stream: &Stream<'_>) {
        for (codec, payload_type) in stream.codecs() {
            self.payload_types.retain(|(known, taken)| *known != codec && *taken != payload_type);
            self.payload_types.push((codec, payload_type));
        }
        for clock_hz in CLOCKS_HZ {
            if let Some(payload_type) = stream.events(clock_hz) {
                self.events.retain(|(known, taken)| *known != clock_hz && *taken != payload_type);
                self.events.push((clock_hz, payload_type));
            }
        }
    }

    fn offered_codecs(&self, media: &LocalMedia) -> Vec<(Codec, u8)> {
        let mut codecs: Vec<(Codec, u8)> = Vec::with_capacity(media.codecs.len());
        for &codec in &media.codecs {
            let known = self.payload_types.iter().find(|(known, _)| *known == codec).map(|(_, pt)| *pt);
            let foreign = |pt: u8| self.payload_types.iter().any(|(other, taken)| *other != codec && *taken == pt);
            let taken = |pt: u8| foreign(pt) || codecs.iter().any(|(_, taken)| *taken == pt);
            let wanted = known.unwrap_or(codec.payload_type());
            let free = if taken(wanted) { (96..=127).rev().find(|pt| !taken(*pt)) } else { Some(wanted) };
            codecs.extend(free.map(|pt| (codec, pt)));
        }
        codecs
    }

    fn offered_events(&self, media: &LocalMedia) -> Vec<(u32, u8)> {
        let codecs = self.offered_codecs(media);
        let mut events: Vec<(u32, u8)> = Vec::new();
        for (clock_hz, usual) in CLOCKS_HZ.into_iter().zip(EVENTS_PAYLOAD_TYPES) {
            if !media.codecs.iter().any(|codec| codec.clock_hz() == clock_hz) {
                continue;
            }
            let known = self.events.iter().find(|(known, _)| *known == clock_hz).map(|(_, payload_type)| *payload_type);
            let taken = |pt: u8| codecs.iter().any(|(_, t)| *t == pt) || events.iter().any(|(_, t)| *t == pt);
            let free = (96..=127).rev().find(|payload_type| !taken(*payload_type));
            let wanted = known.unwrap_or(usual);
            events.extend((if taken(wanted) { free } else { Some(wanted) }).map(|pt| (clock_hz, pt)));
        }
        events
    }

    fn say(&mut self, audio: &Audio<'_>) -> String {
        let said = write::after_origin(audio, &self.lines);
        if said != self.said {
            self.version = self.version.saturating_add(1);
            self.said = said;
        }
        write::with_origin(self.id, self.version, audio.media.rtp.ip(), &self.said)
    }
}

impl MediaLine {
    fn of(stream: &Stream<'_>, ours: bool) -> MediaLine {
        if ours {
            return MediaLine::Ours { proto: stream.proto.to_owned() };
        }
        MediaLine::Refused {
            kind: stream.kind.to_owned(),
            proto: stream.proto.to_owned(),
            format: stream.first_format().to_owned(),
        }
    }
}

/// Packet time we ask for.
const PTIME_MS: u8 = 20;
/// Clocks of our codecs, and the payload types of telephone-event that we offer for them.
const CLOCKS_HZ: [u32; 2] = [8000, 48_000];
const EVENTS_PAYLOAD_TYPES: [u8; 2] = [101, 110];

/// The first stream that has a codec in common with us, and that codec.
fn choose(description: &Description<'_>, media: &LocalMedia, prefer: Prefer) -> Result<(usize, (Codec, u8)), SdpError> {
    let mut refused = SdpError::NoAudio;
    for (n, stream) in description.streams.iter().enumerate().filter(|(_, stream)| stream.is_plain_audio()) {
        let codec = match prefer {
            Prefer::Ours => media.codecs.iter().find_map(|ours| stream.codecs().find(|(codec, _)| codec == ours)),
            Prefer::Theirs => stream.codecs().find(|(codec, _)| media.codecs.contains(codec)),
        };
        match codec {
            Some(codec) => return Ok((n, codec)),
            None => refused = SdpError::NoCodec,
        }
    }
    Err(refused)
}

/// The terms that the peer's stream leaves for ours.
fn agreement(
    stream: &Stream<'_>,
    media: &LocalMedia,
    receive: Vec<(Codec, u8)>,
    rtcp_mux: bool,
) -> Result<StreamAgreement, SdpError> {
    let send = *receive.first().ok_or(SdpError::NoCodec)?;
    let ours = media.direction;
    let nowhere = match stream.address {
        // A 200 to it would be a call in which nobody hears anything.
        Address::Ip(ip) if ip.is_ipv4() != media.rtp.ip().to_canonical().is_ipv4() => {
            return Err(SdpError::OtherFamily);
        }
        Address::Ip(_) => false,
        Address::Nowhere => true,
        Address::Name | Address::Missing => return Err(SdpError::NoAddress),
    };
    let theirs = stream.direction.mirrored();
    let direction = direction(ours.sends() && theirs.sends() && !nowhere, ours.receives() && theirs.receives());
    let remote = SocketAddr::new(stream.address.ip(), stream.port);
    let remote_rtcp = match stream.rtcp {
        _ if rtcp_mux => remote,
        Some((port, ip)) => SocketAddr::new(ip.unwrap_or(remote.ip()), port),
        None => SocketAddr::new(remote.ip(), stream.port.saturating_add(1)),
    };
    let wanted = stream.ptime_ms.filter(|ms| (10..=60).contains(ms) && ms % 10 == 0);
    let dtmf = stream.events(send.0.clock_hz());
    Ok(StreamAgreement {
        remote,
        remote_rtcp,
        send,
        dtmf,
        dtmf_receive: dtmf.into_iter().collect(),
        receive,
        direction,
        ptime_ms: wanted.unwrap_or(PTIME_MS),
    })
}

fn direction(sends: bool, receives: bool) -> Direction {
    match (sends, receives) {
        (true, true) => Direction::SendRecv,
        (true, false) => Direction::SendOnly,
        (false, true) => Direction::RecvOnly,
        (false, false) => Direction::Inactive,
    }
}
