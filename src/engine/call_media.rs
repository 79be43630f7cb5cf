//! Seam: legs get ports and terms; what the call room wants a leg to hear becomes commands to the media threads.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use turno_base::{Codec, Direction, LegId, StationId, StreamAgreement, TrunkId};
use turno_call::{LegEvent, Sound};
use turno_media::{MediaCommand, MediaEvent, Play, Port, offerable};
use turno_sip::ua::LocalMedia;

use crate::Rooms;
use crate::boundary::Effect;
use crate::turn::Turn;

/// Below this many free pairs of a family more are asked for.
const PORTS_LOW: usize = 64;
/// How many are asked for at once.
const PORTS_MORE: u32 = 256;

/// Free ports and the audio side of every live leg.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Audio {
    free_v4: VecDeque<Port>,
    free_v6: VecDeque<Port>,
    legs: BTreeMap<LegId, LegAudio>,
    /// Families that ports have come of; of another none will come however often we ask.
    has_v4: bool,
    has_v6: bool,
    /// Asked for and not yet come.
    asked: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct LegAudio {
    /// What we offer or accept, in order of preference.
    codecs: Vec<Codec>,
    /// Where the peer is, as far as known: chooses address family and external address.
    peer: Option<IpAddr>,
    port: Option<Port>,
    agreed: Option<Codec>,
    /// How signalling stands; media is told at each change.
    held: bool,
    /// Sounds commanded so far: an end that belongs to an earlier one is not the present one's.
    sounds: u32,
}

impl Audio {
    pub(crate) fn on_ports(&mut self, ports: &[Port]) {
        self.asked = false;
        for port in ports {
            match port.rtp {
                SocketAddr::V4(_) => {
                    self.has_v4 = true;
                    self.free_v4.push_back(*port);
                }
                SocketAddr::V6(_) => {
                    self.has_v6 = true;
                    self.free_v6.push_back(*port);
                }
            }
        }
    }

    pub(crate) fn expect_leg(&mut self, leg: LegId, codecs: Vec<Codec>, peer: Option<IpAddr>) {
        self.legs.insert(leg, LegAudio { codecs, peer, port: None, agreed: None, held: false, sounds: 0 });
    }

    pub(crate) fn forget(&mut self, leg: LegId) {
        self.legs.remove(&leg);
    }

    /// What may be offered to a leg that will be bridged with `like`: what media can connect with that leg's codec.
    pub(crate) fn codecs_like(&self, like: Option<LegId>, own: &[Codec]) -> Vec<Codec> {
        let Some(peer) = like.and_then(|leg| self.legs.get(&leg)) else { return own.to_vec() };
        offerable(peer.agreed, &peer.codecs, own)
    }

    pub(crate) fn free(&self) -> usize {
        self.free_v4.len() + self.free_v6.len()
    }

    fn is_low(&self) -> bool {
        let low_v4 = self.has_v4 && self.free_v4.len() < PORTS_LOW;
        let low_v6 = self.has_v6 && self.free_v6.len() < PORTS_LOW;
        low_v4 || low_v6 || !(self.has_v4 || self.has_v6)
    }

    fn take(&mut self, peer: Option<IpAddr>) -> Option<Port> {
        match peer.map(|ip| ip.to_canonical()) {
            Some(IpAddr::V6(_)) => self.free_v6.pop_front(),
            Some(IpAddr::V4(_)) => self.free_v4.pop_front(),
            None => self.free_v4.pop_front().or_else(|| self.free_v6.pop_front()),
        }
    }
}

impl Rooms {
    pub(crate) fn trunk_codecs(&self, trunk: TrunkId) -> Vec<Codec> {
        self.config.sip.trunks.iter().find(|t| t.id == trunk).map(|t| t.codecs.clone()).unwrap_or_default()
    }

    pub(crate) fn station_codecs(&self, station: StationId) -> Vec<Codec> {
        self.config.sip.accounts.iter().find(|a| a.station == station).map(|a| a.codecs.clone()).unwrap_or_default()
    }

    /// Our side of a leg's audio, with a port taken for it at the first time; none if there is no port left.
    pub(crate) fn local_media(&mut self, leg: LegId, turn: &mut Turn<'_>) -> Option<LocalMedia> {
        let peer = self.audio.legs.get(&leg)?.peer;
        let port = match self.audio.legs.get(&leg)?.port {
            Some(port) => port,
            None => {
                let taken = self.audio.take(peer);
                self.want_ports(turn);
                let port = taken?;
                turn.out.push(Effect::Media { leg, command: MediaCommand::Open(port) });
                port
            }
        };
        let audio = self.audio.legs.get_mut(&leg)?;
        audio.port = Some(port);
        let shown = |bound: SocketAddr| {
            let outside = peer.is_some_and(|ip| !self.config.media.local_networks.iter().any(|net| net.contains(ip)));
            match self.config.media.external {
                Some(external) if outside && external.is_ipv4() == bound.is_ipv4() => {
                    SocketAddr::new(external, bound.port())
                }
                Some(_) | None => bound,
            }
        };
        Some(LocalMedia {
            rtp: shown(port.rtp),
            rtcp: shown(port.rtcp),
            codecs: audio.codecs.clone(),
            direction: Direction::SendRecv,
        })
    }

    /// Asks for more ports when few are left.
    pub(crate) fn want_ports(&mut self, turn: &mut Turn<'_>) {
        if self.audio.is_low() && !self.audio.asked {
            self.audio.asked = true;
            turn.out.push(Effect::WantPorts(PORTS_MORE));
        }
    }

    pub(crate) fn agree(&mut self, leg: LegId, agreement: StreamAgreement, turn: &mut Turn<'_>) {
        let Some(audio) = self.audio.legs.get_mut(&leg) else { return };
        audio.agreed = Some(agreement.send.0);
        let held = agreement.direction != Direction::SendRecv;
        turn.out.push(Effect::Media { leg, command: MediaCommand::Agree(agreement) });
        if std::mem::replace(&mut audio.held, held) != held {
            turn.out.push(Effect::Media { leg, command: MediaCommand::Held(held) });
        }
    }

    pub(crate) fn close_audio(&mut self, leg: LegId, turn: &mut Turn<'_>) {
        if self.audio.legs.remove(&leg).is_some_and(|audio| audio.port.is_some()) {
            turn.out.push(Effect::Media { leg, command: MediaCommand::Close });
        }
    }

    pub(crate) fn sound(&mut self, leg: LegId, sound: Sound, turn: &mut Turn<'_>) {
        let number = self.audio.legs.get_mut(&leg).map_or(0, |audio| {
            audio.sounds = audio.sounds.wrapping_add(1);
            audio.sounds
        });
        let command = match sound {
            Sound::Once(prompts) => MediaCommand::Play(Play::Once(prompts), number),
            Sound::Loop(prompt) => MediaCommand::Play(Play::Loop(prompt), number),
            Sound::OnceThenLoop(prompts, then) => MediaCommand::Play(Play::OnceThenLoop(prompts, then), number),
            Sound::Ringback => MediaCommand::Play(Play::Ringback, number),
            Sound::Quiet => MediaCommand::Quiet,
            Sound::Bridge(with) => MediaCommand::Bridge(with),
            Sound::Unbridge => MediaCommand::Unbridge,
        };
        turn.out.push(Effect::Media { leg, command });
    }

    pub(crate) fn on_media(&mut self, leg: LegId, event: &MediaEvent, turn: &mut Turn<'_>) {
        let event = match event {
            MediaEvent::Latched(_) => return,
            MediaEvent::Key { key, ms: _ } => LegEvent::Key(*key),
            MediaEvent::PlayEnded(number) if self.audio.legs.get(&leg).is_none_or(|audio| audio.sounds != *number) => {
                return;
            }
            MediaEvent::PlayEnded(_) => LegEvent::PlayEnded,
            MediaEvent::Taped { ms: _, end } => LegEvent::Taped(*end),
            MediaEvent::Silent(silent) => LegEvent::MediaSilent { heard: turn.now.before(*silent) },
            MediaEvent::Closed { quality, silent } => {
                LegEvent::Quality { quality: *quality, heard: turn.now.before(*silent) }
            }
            MediaEvent::Failed => LegEvent::MediaFailed,
        };
        self.tell_leg(leg, event, turn);
    }
}
