//! Requests of the peer inside dialogs (RFC 3261 §12.2.2, §14.2, §15.1.2; RFC 3311; RFC 4028 §9).

use turno_base::{LegId, Now};

use super::answering::{not_acceptable, tell_agreed, with_body, write_granted};
use super::arriving::asked;
use super::gate::{abilities, allow};
use super::leg::{Change, Leg, Stage, Unacked, Up};
use super::repeat::Repeated;
use super::session_timer::{SessionTimer, grant};
use super::terms::Terms;
use super::write::{ALLOW, SUPPORTED, reply_place};
use super::{Count, Origin, SipEffect, SipEvent, Ua, cause};
use crate::dialog::{Dialog, Order};
use crate::flow::Flow;
use crate::message::{Header, Message, Method, Writer};

/// Longest INFO body that is looked at.
const INFO_BYTES_MAX: usize = 1024;
/// A key without a duration, or with an absurd one.
const KEY_MS_DEFAULT: u32 = 160;
const KEY_MS_MAX: u32 = 10_000;

impl Leg {
    /// The dialog that a request of the peer belongs to.
    fn dialog_between(&mut self, call_id: &str, local_tag: &str, remote_tag: &str) -> Option<&mut Dialog> {
        let dialogs: Vec<&mut Dialog> = match &mut self.stage {
            Stage::Arriving(arriving) => vec![&mut arriving.dialog],
            Stage::Dialling(d) => {
                d.branches.iter_mut().flat_map(|b| &mut b.early).map(|early| &mut early.dialog).collect()
            }
            Stage::Up(up) => vec![&mut up.dialog],
        };
        dialogs.into_iter().find(|dialog| dialog.is_between(call_id, local_tag, remote_tag))
    }
}

impl Ua {
    /// A request with a To tag that no transaction knows.
    pub(super) fn on_inside(&mut self, flow: Flow, request: &Message, tag: &str, now: Now, out: &mut Vec<SipEffect>) {
        let Ok(method) = request.known_method() else { return self.reply_with(flow, request, 501, allow, out) };
        let found = self.tags.get(tag).copied().and_then(|id| self.take(id));
        let Some(mut leg) = found else {
            return match method {
                Method::Subscribe => self.on_subscribe(flow, request, now, out),
                _ => self.reply(flow, request, 481, out),
            };
        };
        if method == Method::Refer && matches!((&leg.stage, leg.party), (Stage::Dialling(_), Origin::Station(_))) {
            return self.on_refer_ahead(leg, (flow, request), tag, now, out);
        }
        let call_id = request.call_id().unwrap_or("");
        let remote_tag = request.from().ok().and_then(|from| from.tag()).unwrap_or("");
        let order = leg.dialog_between(call_id, tag, remote_tag).map(|dialog| {
            let (seq, _) = request.cseq().unwrap_or((0, method));
            dialog.on_request(seq)
        });
        let is_leaving = matches!(&leg.stage, Stage::Up(up) if up.farewell.is_some()) && method != Method::Bye;
        let refused = match order {
            None => Some(481),
            Some(Order::OutOfOrder) => Some(500),
            Some(Order::Next) if is_leaving => Some(481),
            Some(Order::Next) => None,
        };
        if let Some(status) = refused {
            self.put(leg);
            return self.reply_in(flow, request, status, now, out);
        }
        if self.refuse_extension(flow, request, out) {
            return self.put(leg);
        }
        match method {
            Method::Bye => self.on_bye(leg, flow, request, now, out),
            Method::Invite => self.on_reinvite(leg, flow, request, now, out),
            Method::Update => self.on_update(leg, flow, request, now, out),
            Method::Prack => self.on_prack(leg, flow, request, now, out),
            Method::Info => self.on_info(leg, flow, request, now, out),
            Method::Refer => self.on_refer(leg, flow, request, now, out),
            Method::Options => {
                self.put(leg);
                let mut writer = Writer::response(request, Some(flow.peer), 200, "");
                abilities(&mut writer);
                self.serve(flow, request, 200, writer.finish(), now, out);
            }
            Method::Notify | Method::Subscribe => {
                self.put(leg);
                self.reply_in(flow, request, 481, now, out);
            }
            Method::Message | Method::Publish | Method::Register => {
                self.put(leg);
                self.reply_with(flow, request, 405, allow, out);
            }
            Method::Ack | Method::Cancel | Method::Unknown => self.put(leg),
        }
    }

    /// Answers a request inside a dialog with a status alone.
    pub(super) fn reply_in(&mut self, flow: Flow, request: &Message, status: u16, now: Now, out: &mut Vec<SipEffect>) {
        let mut writer = Writer::response(request, Some(flow.peer), status, "");
        if status == 500 {
            let seconds = self.retry_after();
            writer.header_fmt(Header::RetryAfter, format_args!("{seconds}"));
        }
        self.serve(flow, request, status, writer.finish(), now, out);
    }

    fn on_bye(&mut self, leg: Leg, flow: Flow, request: &Message, now: Now, out: &mut Vec<SipEffect>) {
        let reason = cause::joined(request);
        match &leg.stage {
            Stage::Arriving(_) => {
                self.reply_in(flow, request, 200, now, out);
                self.respond_final(&leg, 487, None, now, out);
                self.ended(leg, cause::of_hang_up(487, reason.as_deref()), true, out);
            }
            // The callee refuses an early dialog by its response (RFC 3261 §15).
            Stage::Dialling(_) => {
                self.put(leg);
                self.reply_in(flow, request, 481, now, out);
            }
            Stage::Up(_) => {
                self.reply_in(flow, request, 200, now, out);
                self.withdraw_change(&leg, now, out);
                self.ended(leg, cause::of_hang_up(200, reason.as_deref()), true, out);
            }
        }
    }

    /// ACK of a 2xx of ours.
    pub(super) fn on_ack(&mut self, _flow: Flow, ack: &Message, now: Now, out: &mut Vec<SipEffect>) {
        let tag = ack.to().ok().and_then(|to| to.tag()).unwrap_or("");
        let Some(mut leg) = self.tags.get(tag).copied().and_then(|id| self.take(id)) else { return };
        let call_id = ack.call_id().unwrap_or("");
        let remote_tag = ack.from().ok().and_then(|from| from.tag()).unwrap_or("");
        let is_ours = leg.dialog_between(call_id, tag, remote_tag).is_some();
        let Stage::Up(up) = &mut leg.stage else { return self.put(leg) };
        let seq = ack.cseq().map_or(0, |(seq, _)| seq);
        let Some(unacked) = up.unacked.take_if(|u| is_ours && u.seq == seq) else {
            out.push(SipEffect::Event(SipEvent::Counted(Count::Retransmission)));
            return self.put(leg);
        };
        if let Some(cause) = up.farewell {
            return self.hang_up(leg, cause, now, out);
        }
        // Who asked for an offer within the call and leaves it unanswered leaves things as they were.
        let is_answered = unacked.offered && !(up.is_confirmed && ack.body().is_empty());
        let answer = is_answered.then(|| up.terms.accept(ack.body()));
        let is_first = !std::mem::replace(&mut up.is_confirmed, true);
        match answer {
            Some(Err(error)) => {
                let cause = not_acceptable(error.status());
                return self.hang_up(leg, cause, now, out);
            }
            Some(Ok(news)) => tell_agreed(leg.id, news, out),
            None => {}
        }
        if is_first {
            out.push(SipEffect::Event(SipEvent::Confirmed { leg: leg.id }));
        }
        self.go_on(leg, now, out);
    }

    /// re-INVITE: answered at once with our side as it is, the direction mirrored.
    fn on_reinvite(&mut self, mut leg: Leg, flow: Flow, request: &Message, now: Now, out: &mut Vec<SipEffect>) {
        let party = leg.party;
        let early = match &leg.stage {
            // Theirs is not answered yet, or ours (RFC 3261 §14.2).
            Stage::Arriving(_) => Some(500),
            Stage::Dialling(_) => Some(491),
            Stage::Up(_) => None,
        };
        let (None, Stage::Up(up)) = (early, &mut leg.stage) else {
            self.put(leg);
            return self.reply_in(flow, request, early.unwrap_or(491), now, out);
        };
        let refused = match (&up.change, &up.unacked) {
            // Both at once (RFC 3261 §14.2), and a second before the first is done.
            (Change::Sent { .. }, _) => Some(491),
            (Change::None | Change::Again { .. }, Some(_)) => Some(500),
            (Change::None | Change::Again { .. }, None) => None,
        };
        if let Some(status) = refused {
            self.put(leg);
            return self.reply_in(flow, request, status, now, out);
        }
        if self.refuse_body(flow, request, out) {
            return self.put(leg);
        }
        let Some(granted) = grant(asked(request), &self.config.rules) else {
            self.put(leg);
            return self.refuse_interval(flow, request, out);
        };
        let Some(media) = up.terms.media().cloned() else {
            self.put(leg);
            return self.reply_in(flow, request, 488, now, out);
        };
        let (body, offered) = match request.body() {
            [] => (up.terms.offer(&media), true),
            offer => match up.terms.answer(offer, &media) {
                Ok((answer, news)) => {
                    tell_agreed(leg.id, news, out);
                    (answer, false)
                }
                Err(error) => {
                    self.put(leg);
                    return self.reply_in(flow, request, error.status(), now, out);
                }
            },
        };
        up.timer = SessionTimer::start(granted, now.mono);
        let writer = self.change_answer(party, up, flow, request);
        let bytes = writer.finish_with("application/sdp", &body);
        let repeated = Repeated::new(reply_place(flow, request), bytes.clone(), &self.config.rules, now.mono);
        let seq = request.cseq().map_or(0, |(seq, _)| seq);
        up.unacked = Some(Unacked { seq, offered, repeated });
        self.put(leg);
        self.serve(flow, request, 200, bytes, now, out);
    }

    /// Begins the 200 to a re-INVITE or UPDATE, and takes the peer's new target.
    fn change_answer(&self, party: Origin, up: &mut Up, flow: Flow, request: &Message) -> Writer {
        let contact = request.contact().ok().flatten();
        up.dialog.refresh_target(contact.map(|c| c.uri.without_headers()));
        // A phone that changed networks, or whose stream broke, comes by another flow.
        up.hop = self.hop(party, &up.dialog, flow);
        up.peer_has_timer = request.supports("timer");
        let mut writer = Writer::response(request, Some(flow.peer), 200, "");
        writer
            .header(Header::Contact, &self.contact(&reply_place(flow, request)))
            .header(Header::Allow, ALLOW)
            .header(Header::Supported, SUPPORTED);
        write_granted(&mut writer, up.timer.granted(), up.peer_has_timer);
        writer
    }

    /// UPDATE, early or later (RFC 3311 §5.2).
    fn on_update(&mut self, mut leg: Leg, flow: Flow, request: &Message, now: Now, out: &mut Vec<SipEffect>) {
        if self.refuse_body(flow, request, out) {
            return self.put(leg);
        }
        let Some(granted) = grant(asked(request), &self.config.rules) else {
            self.put(leg);
            return self.refuse_interval(flow, request, out);
        };
        let (id, party) = (leg.id, leg.party);
        let remote_tag = request.from().ok().and_then(|from| from.tag()).unwrap_or("");
        let (busy, terms) = match &mut leg.stage {
            // Our answer to their offer is due, or theirs to ours.
            Stage::Arriving(a) => {
                let busy = match (&a.offer, &a.unacked) {
                    (Some(_), _) => Some(500),
                    (None, Some(unacked)) if unacked.offered => Some(491),
                    (None, Some(_)) => Some(500),
                    (None, None) => None,
                };
                (busy, Some(&mut a.terms))
            }
            Stage::Dialling(d) => {
                let early = d.branches.iter_mut().flat_map(|b| &mut b.early);
                let early = early.into_iter().find(|e| e.dialog.remote_tag == remote_tag);
                let busy = early.as_ref().and_then(|e| (!e.has_answer).then_some(491));
                (busy, early.map(|e| &mut e.terms))
            }
            Stage::Up(up) => {
                let busy = match (&up.change, &up.unacked) {
                    (Change::Sent { .. }, _) => Some(491),
                    (Change::None | Change::Again { .. }, Some(unacked)) if unacked.offered => Some(491),
                    (Change::None | Change::Again { .. }, _) => None,
                };
                (busy, Some(&mut up.terms))
            }
        };
        let busy = busy.filter(|_| !request.body().is_empty());
        let answered = match (busy, terms) {
            (Some(status), _) => Err(status),
            (None, Some(terms)) => {
                answer_offer(id, terms, request.body(), out).map(|body| (body, terms.agreed().cloned()))
            }
            (None, None) => Err(481),
        };
        let (body, agreed) = match answered {
            Ok(answered) => answered,
            Err(status) => {
                self.put(leg);
                return self.reply_in(flow, request, status, now, out);
            }
        };
        if let Stage::Dialling(dialling) = &mut leg.stage
            && agreed.is_some()
        {
            dialling.agreed = agreed;
        }
        let writer = match &mut leg.stage {
            Stage::Up(up) => {
                up.timer = SessionTimer::start(granted, now.mono);
                self.change_answer(party, up, flow, request)
            }
            Stage::Arriving(_) | Stage::Dialling(_) => {
                let mut writer = Writer::response(request, Some(flow.peer), 200, "");
                writer.header(Header::Contact, &self.contact(&reply_place(flow, request)));
                writer
            }
        };
        self.put(leg);
        self.serve(flow, request, 200, with_body(writer, body), now, out);
    }

    /// INFO: keys of phones that know no RFC 4733.
    fn on_info(&mut self, leg: Leg, flow: Flow, request: &Message, now: Now, out: &mut Vec<SipEffect>) {
        let id = leg.id;
        self.put(leg);
        let media_type = request.content_type().ok().flatten();
        let body = String::from_utf8_lossy(request.body().get(..INFO_BYTES_MAX).unwrap_or(request.body()));
        let key = match media_type {
            None if request.body().is_empty() => return self.reply_in(flow, request, 200, now, out),
            Some(t) if t.is("application", "dtmf-relay") => relayed_key(&body),
            Some(t) if t.is("application", "dtmf") => body.trim().chars().next().map(|key| (key, KEY_MS_DEFAULT)),
            None | Some(_) => {
                let accept = "application/dtmf-relay, application/dtmf";
                return self.reply_with(flow, request, 415, |w| w.header(Header::Accept, accept), out);
            }
        };
        if let Some((key, ms)) = key
            && let Some(key) = as_key(key)
        {
            out.push(SipEffect::Event(SipEvent::Dtmf { leg: id, key, ms }));
        }
        self.reply_in(flow, request, 200, now, out);
    }
}

/// The answer to an offer in an UPDATE; none if it carried none.
fn answer_offer(leg: LegId, terms: &mut Terms, offer: &[u8], out: &mut Vec<SipEffect>) -> Result<Option<Vec<u8>>, u16> {
    if offer.is_empty() {
        return Ok(None);
    }
    let media = terms.media().cloned().ok_or(488_u16)?;
    let (answer, news) = terms.answer(offer, &media).map_err(|error| error.status())?;
    tell_agreed(leg, news, out);
    Ok(Some(answer))
}

/// `Signal=5` and `Duration=160` of application/dtmf-relay.
fn relayed_key(body: &str) -> Option<(char, u32)> {
    let value = |name: &str| {
        body.lines().find_map(|line| {
            let (found, value) = line.split_once('=')?;
            found.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let key = value("Signal")?;
    // By its sign, or by the number of its event (RFC 4733 §3.2); 16 is the flash of a hook, and no key.
    let key = match (key, key.parse::<usize>()) {
        (_, Ok(event @ 10..)) => char::from(*b"*#ABCD".get(event.saturating_sub(10))?),
        (key, _) => key.chars().next()?,
    };
    let ms = value("Duration").and_then(|d| d.parse().ok()).filter(|ms| (1..=KEY_MS_MAX).contains(ms));
    Some((key, ms.unwrap_or(KEY_MS_DEFAULT)))
}

fn as_key(key: char) -> Option<char> {
    let key = key.to_ascii_uppercase();
    matches!(key, '0'..='9' | '*' | '#' | 'A'..='D').then_some(key)
}
