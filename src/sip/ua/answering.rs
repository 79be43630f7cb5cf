//! What the engine does with a leg that arrived: ring, progress, answer, refuse (RFC 3261 §13.3.1), reliably where the
//! peer wants it so (RFC 3262 §3).

use std::time::Duration;

use turno_base::{Cause, LegId, Now, Reason};

use super::cause::{reason_value, refusal_status};
use super::leg::{Arriving, Change, Leg, Reliability, Stage, Step, Unacked, Unpracked, Up, WAITING_MAX};
use super::repeat::Repeated;
use super::session_timer::{Granted, Refresher, SessionTimer};
use super::write::{ALLOW, SUPPORTED, reply_place};
use super::{LocalMedia, SipEffect, SipEvent, Ua};
use crate::flow::Flow;
use crate::message::{Header, Message, Method, Writer};
use crate::transaction::Replied;

/// A caller that waits hears from us as often (RFC 3261 §13.3.1.1).
pub(super) const REMIND_AFTER: Duration = Duration::from_secs(60);
const SDP: &str = "application/sdp";

/// The body and type of a message, finished.
pub(super) fn with_body(writer: Writer, body: Option<Vec<u8>>) -> Vec<u8> {
    match body {
        Some(body) => writer.finish_with(SDP, &body),
        None => writer.finish(),
    }
}

/// Session-Expires of a 2xx of ours, and Require where the peer must refresh (RFC 4028 §9).
pub(super) fn write_granted(writer: &mut Writer, granted: Granted, peer_has_timer: bool) {
    let seconds = granted.interval.as_secs();
    let (who, is_required) = match granted.refresher {
        Refresher::Us => ("uas", false),
        Refresher::Peer => ("uac", true),
    };
    writer.header_fmt(Header::SessionExpires, format_args!("{seconds};refresher={who}"));
    if is_required && peer_has_timer {
        writer.header(Header::Require, "timer");
    }
}

impl Ua {
    /// 180 to the caller.
    pub fn ring(&mut self, leg: LegId, now: Now, out: &mut Vec<SipEffect>) {
        self.step(leg, Step::Ring, now, out);
    }

    /// 183 with our SDP to the caller: early media.
    pub fn progress(&mut self, leg: LegId, media: LocalMedia, now: Now, out: &mut Vec<SipEffect>) {
        self.step(leg, Step::Progress(media), now, out);
    }

    /// 200 to the caller: our SDP answer, or our offer where the caller made none.
    pub fn answer(&mut self, leg: LegId, media: LocalMedia, now: Now, out: &mut Vec<SipEffect>) {
        self.step(leg, Step::Answer(media), now, out);
    }

    fn step(&mut self, id: LegId, step: Step, now: Now, out: &mut Vec<SipEffect>) {
        let Some(mut leg) = self.take(id) else { return };
        match &mut leg.stage {
            // One reliable response at a time, and no 2xx before its SDP is known to have arrived (RFC 3262 §3).
            Stage::Arriving(arriving) if arriving.unacked.is_some() => {
                let is_answer = matches!(step, Step::Answer(_));
                if arriving.waiting.len() < WAITING_MAX || is_answer {
                    arriving.waiting.push_back(step);
                }
                self.put(leg);
            }
            Stage::Arriving(_) => self.do_step(leg, step, now, out),
            Stage::Dialling(_) | Stage::Up(_) => self.put(leg),
        }
    }

    fn do_step(&mut self, mut leg: Leg, step: Step, now: Now, out: &mut Vec<SipEffect>) {
        let Stage::Arriving(arriving) = &mut leg.stage else { return self.put(leg) };
        match step {
            Step::Ring => {
                self.provisional(arriving, 180, None, false, now, out);
                self.put(leg);
            }
            Step::Progress(media) => {
                let (status, body, offered) = match (&arriving.offer, arriving.reliability) {
                    (Some(offer), _) => match arriving.terms.answer(offer, &media) {
                        Ok((answer, news)) => {
                            tell_agreed(leg.id, news, out);
                            (183, Some(answer), false)
                        }
                        Err(error) => return self.refuse(leg, not_acceptable(error.status()), now, out),
                    },
                    (None, Reliability::Never) => (183, None, false),
                    (None, Reliability::WithSdp | Reliability::Always) if arriving.terms.agreed().is_none() => {
                        (183, Some(arriving.terms.offer(&media)), true)
                    }
                    (None, Reliability::WithSdp | Reliability::Always) => (183, None, false),
                };
                self.provisional(arriving, status, body, offered, now, out);
                self.put(leg);
            }
            Step::Answer(media) => self.accept_call(leg, &media, now, out),
        }
    }

    /// A provisional response, repeated until its PRACK where it is a reliable one.
    fn provisional(
        &mut self,
        arriving: &mut Arriving,
        status: u16,
        body: Option<Vec<u8>>,
        offered: bool,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let Some(request) = self.layer.request_of(arriving.tx) else { return };
        let to = reply_place(arriving.flow, request);
        let mut writer = Writer::response(request, Some(arriving.flow.peer), status, &arriving.dialog.local_tag);
        writer
            .header(Header::Contact, &self.contact(&to))
            .header(Header::Allow, ALLOW)
            .header(Header::Supported, SUPPORTED);
        let is_reliable = match arriving.reliability {
            Reliability::Never => false,
            Reliability::WithSdp => body.is_some(),
            Reliability::Always => true,
        };
        if is_reliable {
            writer.header(Header::Require, "100rel").header_fmt(Header::RSeq, format_args!("{}", arriving.rseq));
            if body.is_some() {
                arriving.offer = None;
            }
        }
        let bytes = with_body(writer, body);
        if is_reliable {
            let repeated = Repeated::new(to, bytes.clone(), &self.config.rules, now.mono);
            arriving.unacked = Some(Unpracked { rseq: arriving.rseq, offered, repeated });
            arriving.rseq = arriving.rseq.wrapping_add(1);
        }
        arriving.remind_at = Some(now.mono + REMIND_AFTER);
        self.layer.respond(arriving.tx, status, bytes, now.mono, out);
    }

    fn accept_call(&mut self, mut leg: Leg, media: &LocalMedia, now: Now, out: &mut Vec<SipEffect>) {
        let Stage::Arriving(arriving) = &mut leg.stage else { return self.put(leg) };
        let (body, offered) = match (arriving.offer.take(), arriving.terms.agreed()) {
            (Some(offer), _) => match arriving.terms.answer(&offer, media) {
                Ok((answer, news)) => {
                    tell_agreed(leg.id, news, out);
                    (Some(answer), false)
                }
                Err(error) => return self.refuse(leg, not_acceptable(error.status()), now, out),
            },
            (None, None) => (Some(arriving.terms.offer(media)), true),
            (None, Some(_)) => (None, false),
        };
        let Some(request) = self.layer.request_of(arriving.tx) else { return self.put(leg) };
        let to = reply_place(arriving.flow, request);
        let mut writer = Writer::response(request, Some(arriving.flow.peer), 200, &arriving.dialog.local_tag);
        writer
            .header(Header::Contact, &self.contact(&to))
            .header(Header::Allow, ALLOW)
            .header(Header::Supported, SUPPORTED);
        write_granted(&mut writer, arriving.granted, arriving.peer_has_timer);
        let bytes = with_body(writer, body);
        let repeated = Repeated::new(to, bytes.clone(), &self.config.rules, now.mono);
        if self.layer.respond(arriving.tx, 200, bytes, now.mono, out) == Replied::TooLate {
            return self.put(leg);
        }
        let differs = arriving.terms.media().is_some_and(|told| told != media);
        let up = Up {
            hop: self.hop(leg.party, &arriving.dialog, arriving.flow),
            dialog: arriving.dialog.clone(),
            terms: arriving.terms.clone(),
            timer: SessionTimer::start(arriving.granted, now.mono),
            peer_has_timer: arriving.peer_has_timer,
            peer_has_update: arriving.peer_has_update,
            is_caller: false,
            unacked: Some(Unacked { seq: arriving.seq, offered, repeated }),
            is_confirmed: false,
            change: Change::None,
            // Agreed in a reliable 183 for another place than the media are now: say so once the ACK is there.
            wanted: differs.then(|| media.clone()),
            farewell: None,
            transfer: None,
        };
        leg.stage = Stage::Up(Box::new(up));
        self.put(leg);
    }

    /// Refuses a leg that arrived and forgets it.
    pub(super) fn refuse(&mut self, leg: Leg, cause: Cause, now: Now, out: &mut Vec<SipEffect>) {
        self.respond_final(&leg, refusal_status(cause), Some(cause), now, out);
        self.ended(leg, cause, false, out);
    }

    /// The final refusal of a leg that arrived.
    pub(super) fn respond_final(
        &mut self,
        leg: &Leg,
        status: u16,
        cause: Option<Cause>,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let Stage::Arriving(arriving) = &leg.stage else { return };
        let retry_after = (status == 503).then(|| self.retry_after());
        let Some(request) = self.layer.request_of(arriving.tx) else { return };
        let mut writer = Writer::response(request, Some(arriving.flow.peer), status, &arriving.dialog.local_tag);
        if let Some(cause) = cause {
            writer.header(Header::Reason, &reason_value(cause));
        }
        if let Some(seconds) = retry_after {
            writer.header_fmt(Header::RetryAfter, format_args!("{seconds}"));
        }
        self.layer.respond(arriving.tx, status, writer.finish(), now.mono, out);
    }

    /// No PRACK in 64·T1: the call is refused (RFC 3262 §3).
    pub(super) fn refuse_unpracked(&mut self, leg: Leg, now: Now, out: &mut Vec<SipEffect>) {
        self.refuse(leg, Cause::new(504, 102, Reason::Unreachable), now, out);
    }

    /// PRACK inside an early dialog.
    pub(super) fn on_prack(&mut self, mut leg: Leg, flow: Flow, request: &Message, now: Now, out: &mut Vec<SipEffect>) {
        let Stage::Arriving(arriving) = &mut leg.stage else {
            self.put(leg);
            return self.reply_in(flow, request, 481, now, out);
        };
        let rack = request.rack().ok().flatten();
        let matches = |u: &Unpracked| {
            rack.is_some_and(|r| r.rseq == u.rseq && r.cseq == arriving.seq && r.method == Method::Invite)
        };
        let Some(unacked) = arriving.unacked.take_if(|u| matches(u)) else {
            self.put(leg);
            return self.reply_in(flow, request, 481, now, out);
        };
        let mut writer = Writer::response(request, Some(flow.peer), 200, &arriving.dialog.local_tag);
        writer.header(Header::Supported, SUPPORTED);
        let mut failed = None;
        let body = match (request.body(), unacked.offered, arriving.terms.media().cloned()) {
            ([], true, _) => {
                failed = Some(not_acceptable(488));
                None
            }
            (answer @ [_, ..], true, _) => {
                match arriving.terms.accept(answer) {
                    Ok(news) => tell_agreed(leg.id, news, out),
                    Err(error) => failed = Some(not_acceptable(error.status())),
                }
                None
            }
            // A further offer in the PRACK (RFC 3262 §5).
            (offer @ [_, ..], false, Some(media)) => match arriving.terms.answer(offer, &media) {
                Ok((answer, news)) => {
                    tell_agreed(leg.id, news, out);
                    Some(answer)
                }
                Err(error) => {
                    failed = Some(not_acceptable(error.status()));
                    None
                }
            },
            (_, false, _) => None,
        };
        self.serve(flow, request, 200, with_body(writer, body), now, out);
        if let Some(cause) = failed {
            return self.refuse(leg, cause, now, out);
        }
        let id = leg.id;
        let Stage::Arriving(arriving) = &mut leg.stage else { return self.put(leg) };
        let waiting = std::mem::take(&mut arriving.waiting);
        self.put(leg);
        for step in waiting {
            self.step(id, step, now, out);
        }
    }
}

pub(super) fn tell_agreed(leg: LegId, news: Option<turno_base::StreamAgreement>, out: &mut Vec<SipEffect>) {
    out.extend(news.map(|agreement| SipEffect::Event(SipEvent::Agreed { leg, agreement })));
}

/// Offer and answer did not meet.
pub(super) fn not_acceptable(status: u16) -> Cause {
    let status = if status == 400 { 488 } else { status };
    Cause::new(status, 88, Reason::NotAcceptable)
}
