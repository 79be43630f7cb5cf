//! Seam: what happens in signalling becomes events of legs; what the call room wants of legs becomes signalling.

use turno_base::number::normalise;
use turno_base::{Cause, Direction, LegId, Number, Reason};
use turno_call::{Arrived, CallEvent, DialTo, From, LegCommand, LegEvent, Transfer};
use turno_media::MediaCommand;
use turno_sip::ua::{Dial, Incoming, Origin, SipEffect, SipEvent, Target, TransferProgress};

use crate::Rooms;
use crate::boundary::Effect;
use crate::turn::Turn;

impl Rooms {
    pub(crate) fn on_sip(&mut self, effect: SipEffect, turn: &mut Turn<'_>) {
        match effect {
            SipEffect::Send { to, bytes, token } => turn.out.push(Effect::Send { to, bytes, token }),
            SipEffect::Close(flow) => turn.out.push(Effect::Close(flow)),
            SipEffect::Resolve { query, host, transport } => {
                turn.out.push(Effect::Resolve { query, host, transport });
            }
            SipEffect::Event(event) => self.on_sip_event(event, turn),
        }
    }

    fn on_sip_event(&mut self, event: SipEvent, turn: &mut Turn<'_>) {
        match event {
            SipEvent::Incoming(incoming) => self.on_incoming(*incoming, turn),
            SipEvent::Named { leg, dialog } => self.tell_leg(leg, LegEvent::Named(dialog), turn),
            // 183 and the like say nothing that Agreed does not say better.
            SipEvent::Progress { leg, status: 180 } => self.tell_leg(leg, LegEvent::Ringing, turn),
            SipEvent::Progress { .. } => {}
            SipEvent::Agreed { leg, agreement } => {
                let direction = agreement.direction;
                self.agree(leg, agreement, turn);
                self.tell_leg(leg, LegEvent::Agreed { direction }, turn);
            }
            SipEvent::Answered { leg } => self.tell_leg(leg, LegEvent::Answered, turn),
            SipEvent::Confirmed { leg } => self.tell_leg(leg, LegEvent::Confirmed, turn),
            SipEvent::Ended { leg, cause, by_peer } => {
                self.tell_leg(leg, LegEvent::Ended { cause, by_peer }, turn);
                self.close_audio(leg, turn);
            }
            SipEvent::Dtmf { leg, key, ms } => {
                // In a conversation the other side listens for it too, and only knows of keys in its stream.
                turn.out.push(Effect::Media { leg, command: MediaCommand::Pressed { key, ms } });
                self.tell_leg(leg, LegEvent::Key(key), turn);
            }
            SipEvent::TransferAsked { leg, to, replaces } => {
                self.tell_leg(leg, LegEvent::TransferAsked { to, replaces }, turn);
            }
            SipEvent::Station { station, reachable } => self.on_station(station, reachable, turn),
            SipEvent::Trunk { trunk, up } => turn.out.push(Effect::Trunk { trunk, up }),
            SipEvent::Counted(count) => turn.out.push(Effect::Count(count)),
        }
    }

    fn on_incoming(&mut self, incoming: Incoming, turn: &mut Turn<'_>) {
        let Incoming { leg, origin, ani, display, dnis, sip_call_id, replaces, .. } = incoming;
        let from = match origin {
            Origin::Trunk(trunk) => From::Trunk(trunk),
            Origin::Station(station) => From::Station(station, self.acd.agent_at(station)),
        };
        let codecs = match origin {
            Origin::Trunk(trunk) => self.trunk_codecs(trunk),
            Origin::Station(station) => self.station_codecs(station),
        };
        self.audio.expect_leg(leg, codecs, self.ua.caller_address(leg));
        let e164 = normalise(&dnis, &self.config.country);
        let dnis = Number { raw: dnis, e164, withheld: false };
        let ani = Number { e164: ani.e164.or_else(|| normalise(&ani.raw, &self.config.country)), ..ani };
        let asked = dnis.e164.filter(|_| !self.config.call.answers.types.is_empty());
        let kind = asked.and_then(turno_tariff::number_type).and_then(|kind| kind.as_str().parse().ok());
        self.tell_call(
            CallEvent::Arrived(Arrived { leg, sip_call_id, from, ani, display, dnis, kind, replaces }),
            turn,
        );
    }

    pub(crate) fn tell_leg(&mut self, leg: LegId, event: LegEvent, turn: &mut Turn<'_>) {
        self.tell_call(CallEvent::Leg { leg, event }, turn);
    }

    pub(crate) fn command_leg(&mut self, leg: LegId, command: LegCommand, turn: &mut Turn<'_>) {
        let now = turn.now;
        match command {
            LegCommand::Ring => self.ua.ring(leg, now, turn.sip()),
            LegCommand::Progress => match self.local_media(leg, turn) {
                Some(media) => self.ua.progress(leg, media, now, turn.sip()),
                None => self.tell_leg(leg, LegEvent::NoPorts, turn),
            },
            LegCommand::Answer => match self.local_media(leg, turn) {
                Some(media) => self.ua.answer(leg, media, now, turn.sip()),
                None => {
                    turn.unsay_answered(leg);
                    self.tell_leg(leg, LegEvent::NoPorts, turn);
                }
            },
            LegCommand::End(cause) => self.ua.end(leg, cause, now, turn.sip()),
            LegCommand::Dial { to, from, display, sip_call_id, like, by_itself } => {
                let headers = if by_itself { self.answer_headers(&to) } else { Vec::new() };
                self.dial((leg, sip_call_id), to, (from, display, headers), like, turn);
            }
            LegCommand::Hold(hold) => {
                let Some(mut media) = self.local_media(leg, turn) else { return };
                media.direction = if hold { Direction::SendOnly } else { Direction::SendRecv };
                self.ua.reoffer(leg, media, now, turn.sip());
            }
            LegCommand::TransferProgress(progress) => {
                let progress = match progress {
                    Transfer::Ringing => TransferProgress::Ringing,
                    Transfer::Done => TransferProgress::Done,
                    Transfer::Failed(status) => TransferProgress::Failed(status),
                };
                self.ua.transfer_progress(leg, progress, now, turn.sip());
            }
        }
    }

    /// What makes a station's phone answer by itself, as its account has it.
    fn answer_headers(&self, to: &DialTo) -> Vec<(String, String)> {
        let DialTo::Station(station) = to else { return Vec::new() };
        let account = self.config.sip.accounts.iter().find(|account| account.station == *station);
        let forms = account.into_iter().flat_map(|account| &account.auto_answer);
        forms.map(|form| form.header()).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn dial(
        &mut self,
        (leg, call_id): (LegId, String),
        to: DialTo,
        (from, display, headers): (Number, String, Vec<(String, String)>),
        like: Option<LegId>,
        turn: &mut Turn<'_>,
    ) {
        if let DialTo::Trunk(trunk, number) = &to
            && !self.may_cost(leg, *trunk, &from, number, turn)
        {
            return;
        }
        let (to, codecs) = match to {
            DialTo::Station(station) => (Target::Station(station), self.station_codecs(station)),
            DialTo::Trunk(trunk, number) => (Target::Trunk { trunk, number }, self.trunk_codecs(trunk)),
        };
        let codecs = self.audio.codecs_like(like, &codecs);
        self.audio.expect_leg(leg, codecs, self.ua.address_of(&to));
        let Some(media) = self.local_media(leg, turn) else {
            // The UA never heard of the leg, so its end is ours to tell. Q.850 47: resource unavailable.
            let cause = Cause::new(503, 47, Reason::Unreachable);
            self.tell_leg(leg, LegEvent::Ended { cause, by_peer: false }, turn);
            self.audio.forget(leg);
            return;
        };
        let now = turn.now;
        self.ua.dial(Dial { leg, call_id, to, from, display, media, headers }, now, turn.sip());
    }
}
