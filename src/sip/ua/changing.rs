//! Changes of established dialogs by us: re-INVITE for the engine's wishes, UPDATE or re-INVITE for the session timer,
//! and what comes back (RFC 3261 §14.1; RFC 4028 §7.2, §10).

use std::time::Duration;

use turno_base::{Cause, LegId, Mono, Now, Reason};

use super::answering::{not_acceptable, tell_agreed, with_body};
use super::arriving::asked;
use super::leg::{CHANGE_DECIDED_WITHIN, Change, Leg, Stage, Up};
use super::repeat::Patience;
use super::session_timer::{Due, Granted, Refresher, SessionTimer, accepted};
use super::write::ALLOW;
use super::{LocalMedia, Origin, Owner, SipEffect, Ua};
use crate::auth::Tries;
use crate::flow::Flow;
use crate::message::{Header, Message, Method};
use crate::transaction::{Kind, Outgoing, TxId};

/// Inside a dialog we want no reliable provisional responses: our changes are answered at once or not at all.
const SUPPORTED_INSIDE: &str = "timer, replaces, norefersub";
/// A refresh that cannot be sent now is tried again so much later.
const REFRESH_AGAIN: Duration = Duration::from_secs(5);
/// Longest wait that a Retry-After can impose on a change.
const RETRY_AFTER_MAX_S: u64 = 10;

impl Ua {
    /// Our side of the audio has changed (hold, resume, another port): re-INVITE as soon as the dialog allows it.
    pub fn reoffer(&mut self, leg: LegId, media: LocalMedia, now: Now, out: &mut Vec<SipEffect>) {
        let Some(mut leg) = self.take(leg) else { return };
        match &mut leg.stage {
            Stage::Arriving(_) => return self.put(leg),
            Stage::Dialling(dialling) => dialling.wanted = Some(media),
            Stage::Up(up) => up.wanted = Some(media),
        }
        self.go_on(leg, now, out);
    }

    /// Does what waits, if nothing is under way.
    pub(super) fn go_on(&mut self, mut leg: Leg, now: Now, out: &mut Vec<SipEffect>) {
        if let Stage::Up(up) = &mut leg.stage {
            let is_free = up.is_confirmed && up.unacked.is_none() && up.farewell.is_none();
            if is_free
                && up.change == Change::None
                && let Some(media) = up.wanted.take()
            {
                self.send_change((leg.id, leg.party), up, Some(&media), (Tries::default(), None), now, out);
            }
        }
        self.put(leg);
    }

    /// Sends re-INVITE with this offer, or a refresh.
    fn send_change(
        &mut self,
        (id, party): (LegId, Origin),
        up: &mut Up,
        media: Option<&LocalMedia>,
        (tries, authorization): (Tries, Option<(String, String)>),
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let is_refresh = media.is_none();
        let is_invite = !is_refresh || !up.peer_has_update;
        let current = up.terms.media().cloned();
        let body = is_invite.then(|| media.or(current.as_ref())).flatten().map(|media| up.terms.offer(media));
        let method = if is_invite { Method::Invite } else { Method::Update };
        let seq = up.dialog.next_seq();
        let branch = self.branch();
        let mut writer = self.begin_inside(method, &up.dialog, seq, &up.hop, branch);
        let Granted { interval, refresher } = up.timer.granted();
        let who = if refresher == Refresher::Us { "uac" } else { "uas" };
        writer
            .header(Header::Contact, &self.contact(&up.hop))
            .header(Header::Allow, ALLOW)
            .header(Header::Supported, SUPPORTED_INSIDE)
            .header_fmt(Header::SessionExpires, format_args!("{};refresher={who}", interval.as_secs()))
            .header_fmt(Header::MinSe, format_args!("{}", self.config.rules.session_min.as_secs()));
        let ahead = || self.digest_ahead(party, method, up.dialog.routing().uri);
        if let Some((name, value)) = authorization.or_else(ahead) {
            writer.header_named(&name, &value);
        }
        let bytes = with_body(writer, body);
        let kind = if is_invite { Kind::Invite } else { Kind::Plain };
        let owner = Owner::Change { leg: id, party };
        let tx = self.layer.start(Outgoing { branch, kind, bytes, to: up.hop, owner }, now.mono, out);
        let decide_by = is_invite.then(|| now.mono + CHANGE_DECIDED_WITHIN);
        up.change = Change::Sent { tx, is_invite, is_refresh, seq, at: now.mono, tries, decide_by };
    }

    /// A response to our re-INVITE or UPDATE.
    pub(super) fn on_change_response(
        &mut self,
        mut leg: Leg,
        tx: TxId,
        flow: Flow,
        response: &Message,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let status = response.status().unwrap_or(0);
        let party = leg.party;
        let sent = match &leg.stage {
            Stage::Up(up) => match &up.change {
                Change::Sent { tx: current, is_invite, is_refresh, seq, at, tries, .. } if *current == tx => {
                    Some((*is_invite, *is_refresh, *seq, *at, *tries))
                }
                Change::Sent { .. } | Change::None | Change::Again { .. } => None,
            },
            Stage::Arriving(_) | Stage::Dialling(_) => None,
        };
        let (Some((is_invite, is_refresh, seq, sent_at, mut tries)), Stage::Up(up)) = (sent, &mut leg.stage) else {
            self.put(leg);
            if status / 100 == 2 && response.cseq().is_ok_and(|(_, method)| method == Method::Invite) {
                self.acknowledge_stray(tx, party, flow, response, out);
            }
            return;
        };
        match status {
            100..=199 => self.put(leg),
            200..=299 => self.change_accepted(leg, (tx, is_invite, seq, sent_at), flow, response, now, out),
            401 | 407 => {
                let uri = up.dialog.routing().uri.to_owned();
                let method = if is_invite { Method::Invite } else { Method::Update };
                let answer = self.digest_answer(party, response, flow, &up.hop, (method, &uri), &mut tries);
                let media = (!is_refresh).then(|| up.terms.media().cloned()).flatten();
                match answer {
                    Some(answer) => {
                        self.send_change((leg.id, party), up, media.as_ref(), (tries, Some(answer)), now, out);
                        self.put(leg);
                    }
                    None => self.change_refused(leg, is_refresh, now, out),
                }
            }
            408 | 481 => self.change_failed(leg, tx, status, now, out),
            422 => {
                let interval = asked(response).min.unwrap_or_default().max(self.config.rules.session_min);
                // Refused for an interval that is as long as it wants: no agreement to be had.
                if up.timer.granted().interval >= interval {
                    return self.change_refused(leg, is_refresh, now, out);
                }
                up.timer = SessionTimer::start(Granted { interval, ..up.timer.granted() }, now.mono);
                up.change = Change::Again { at: now.mono, is_refresh };
                keep_wish(up, is_refresh);
                self.put(leg);
            }
            491 => {
                let is_caller = up.is_caller;
                up.change = Change::Again { at: self.after_glare(is_caller, now.mono), is_refresh };
                keep_wish(up, is_refresh);
                self.put(leg);
            }
            500 | 503 if response.retry_after().is_some() => {
                let wait = response.retry_after().map_or(1, u64::from).clamp(1, RETRY_AFTER_MAX_S);
                up.change = Change::Again { at: now.mono + Duration::from_secs(wait), is_refresh };
                keep_wish(up, is_refresh);
                self.put(leg);
            }
            _ => self.change_refused(leg, is_refresh, now, out),
        }
    }

    fn change_accepted(
        &mut self,
        mut leg: Leg,
        (tx, is_invite, seq, sent_at): (TxId, bool, u32, Mono),
        flow: Flow,
        response: &Message,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let party = leg.party;
        let Stage::Up(up) = &mut leg.stage else { return self.put(leg) };
        let contact = response.contact().ok().flatten();
        up.dialog.refresh_target(contact.map(|c| c.uri.without_headers()));
        up.hop = self.hop(party, &up.dialog, flow);
        up.change = Change::None;
        up.timer = SessionTimer::start(accepted(asked(response), &self.config.rules), sent_at);
        if is_invite {
            self.acknowledge(tx, &up.dialog, seq, up.hop, None, out);
            match up.terms.accept(response.body()) {
                Ok(news) => tell_agreed(leg.id, news, out),
                Err(error) => return self.hang_up(leg, not_acceptable(error.status()), now, out),
            }
        }
        self.go_on(leg, now, out);
    }

    /// The side that wrote the Call-ID waits 2.1-4 s, the other 0-2 s, in steps of 10 ms (RFC 3261 §14.1).
    fn after_glare(&mut self, is_caller: bool, now: Mono) -> Mono {
        let ms = if is_caller { 2100 + 10 * self.seeded.below(191) } else { 10 * self.seeded.below(201) };
        now + Duration::from_millis(ms)
    }

    /// Things stay as they are. Whoever refuses a refresh is alive: that is all we wanted to know.
    fn change_refused(&mut self, mut leg: Leg, is_refresh: bool, now: Now, out: &mut Vec<SipEffect>) {
        if let Stage::Up(up) = &mut leg.stage {
            up.change = Change::None;
            if is_refresh {
                up.timer = SessionTimer::start(up.timer.granted(), now.mono);
            }
        }
        self.go_on(leg, now, out);
    }

    /// No answer, or the peer knows the dialog no more: it is gone (RFC 3261 §12.2.1.2).
    pub(super) fn change_failed(&mut self, leg: Leg, tx: TxId, status: u16, now: Now, out: &mut Vec<SipEffect>) {
        let is_current = matches!(&leg.stage, Stage::Up(up)
            if matches!(&up.change, Change::Sent { tx: current, .. } if *current == tx));
        match (is_current, status) {
            // It ended the dialog, and its BYE is on the way or lost.
            (true, 481) => self.ended(leg, Cause::new(481, 41, Reason::Peer), true, out),
            (true, _) => self.hang_up(leg, Cause::new(status, 102, Reason::Unreachable), now, out),
            (false, _) => self.put(leg),
        }
    }

    /// Something of an established leg is due.
    pub(super) fn on_up_deadline(&mut self, mut leg: Leg, now: Now, out: &mut Vec<SipEffect>) {
        let (id, party) = (leg.id, leg.party);
        let Stage::Up(up) = &mut leg.stage else { return self.put(leg) };
        let patience = up.unacked.as_mut().map(|u| u.repeated.on_deadline(self.config.rules.t2, now.mono, out));
        if patience == Some(Patience::Gone) {
            // No ACK: the dialog is confirmed all the same and ends by BYE (RFC 3261 §13.3.1.4).
            let cause = up.farewell.unwrap_or(Cause::new(408, 102, Reason::Unreachable));
            return self.hang_up(leg, cause, now, out);
        }
        if up.farewell.is_some() {
            return self.put(leg);
        }
        if let Change::Again { at, is_refresh } = up.change
            && now.mono >= at
        {
            up.change = Change::None;
            let media = if is_refresh { None } else { up.wanted.take() };
            if up.unacked.is_some() {
                up.wanted = media;
            } else if is_refresh || media.is_some() {
                self.send_change((id, party), up, media.as_ref(), (Tries::default(), None), now, out);
            }
        }
        if let Change::Sent { tx, decide_by, .. } = &mut up.change
            && decide_by.take_if(|at| now.mono >= *at).is_some()
        {
            // Its 487 leaves things as they are; without one, the peer is gone.
            self.layer.cancel(*tx, "", now.mono, out);
        }
        match up.timer.on_deadline(now.mono) {
            Some(Due::Expired) => {
                return self.hang_up(leg, Cause::new(408, 102, Reason::SessionExpired), now, out);
            }
            Some(Due::Refresh) if up.change == Change::None && up.unacked.is_none() && up.is_confirmed => {
                self.send_change((id, party), up, None, (Tries::default(), None), now, out);
            }
            Some(Due::Refresh) => up.timer.retry_at(now.mono + REFRESH_AGAIN),
            None => {}
        }
        self.put(leg);
    }
}

/// What was refused for a moment is wished again, unless the engine wishes something newer.
fn keep_wish(up: &mut Up, is_refresh: bool) {
    if !is_refresh && up.wanted.is_none() {
        up.wanted = up.terms.media().cloned();
    }
}
