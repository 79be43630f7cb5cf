//! Requests outside of dialogs: what is served, to whom, and what is refused before anything is remembered of it
//! (RFC 3261 §8.2, §11; docs/reliability.md O1, A4).

use turno_base::{Now, StationId};

use super::write::{ACCEPT, ALLOW, SUPPORTED};
use super::{Count, Origin, SipEffect, SipEvent, Ua};
use crate::auth::{Asking, Challenged, Verdict, challenge_headers};
use crate::flow::Flow;
use crate::message::{Header, Message, Method, Writer};
use crate::shed::{Class, Room, Welcome, is_emergency};

/// Option tags that a request may require of us (RFC 3261 §8.2.2.3).
const UNDERSTOOD: [&str; 6] = ["100rel", "timer", "replaces", "norefersub", "path", "outbound"];

impl Ua {
    /// A request without To tag that no transaction knows.
    pub(super) fn on_outside(&mut self, flow: Flow, request: &Message, now: Now, out: &mut Vec<SipEffect>) {
        let method = match request.known_method() {
            Ok(method) => method,
            Err(_) => return self.reply_with(flow, request, 501, allow, out),
        };
        if let Err(rejected) = request.target() {
            return self.reply(flow, request, rejected.status(), out);
        }
        if self.refuse_extension(flow, request, out) {
            return;
        }
        match method {
            Method::Options => self.on_options(flow, request, out),
            Method::Invite => self.on_invite(flow, request, now, out),
            Method::Register => {
                let is_over =
                    self.is_ignored(flow, request, now) || self.refuse_pressed(flow, request, Class::Refresh, out);
                if !is_over {
                    self.on_register(flow, request, now, out);
                }
            }
            Method::Subscribe => self.on_subscribe_outside(flow, request, now, out),
            Method::Bye | Method::Prack | Method::Update | Method::Info | Method::Notify => {
                self.reply(flow, request, 481, out);
            }
            // A transfer of nobody's call would be a call that nobody's class of service allows (S1).
            Method::Refer => self.reply(flow, request, 403, out),
            Method::Message | Method::Publish => self.reply_with(flow, request, 405, allow, out),
            Method::Ack | Method::Cancel | Method::Unknown => {}
        }
    }

    /// 420 for what we must understand and do not; true if refused.
    pub(super) fn refuse_extension(&self, flow: Flow, request: &Message, out: &mut Vec<SipEffect>) -> bool {
        let is_known = |tag: &&str| UNDERSTOOD.iter().any(|known| known.eq_ignore_ascii_case(tag));
        let unknown: Vec<&str> = request.require().filter(|tag| !is_known(tag)).collect();
        if unknown.is_empty() {
            return false;
        }
        let list = unknown.join(", ");
        self.reply_with(flow, request, 420, |w| w.header(Header::Unsupported, &list), out);
        true
    }

    /// What we can do, for anyone who asks; while draining nothing new (C6).
    pub(super) fn on_options(&mut self, flow: Flow, request: &Message, out: &mut Vec<SipEffect>) {
        if !self.refuse_pressed(flow, request, Class::Side, out) {
            self.reply_with(flow, request, 200, abilities, out);
        }
    }

    /// 503 before a transaction exists.
    pub(super) fn refuse_for_load(&self, flow: Flow, request: &Message, seconds: u32, out: &mut Vec<SipEffect>) {
        out.push(SipEffect::Event(SipEvent::Counted(Count::Shed)));
        self.reply_with(flow, request, 503, |w| w.header_fmt(Header::RetryAfter, format_args!("{seconds}")), out);
    }

    fn on_subscribe_outside(&mut self, flow: Flow, request: &Message, now: Now, out: &mut Vec<SipEffect>) {
        if !self.refuse_pressed(flow, request, Class::Side, out) {
            self.on_subscribe(flow, request, now, out);
        }
    }

    /// 503 with Retry-After if there is no room for it; true if refused (O3).
    pub(super) fn refuse_pressed(&self, flow: Flow, request: &Message, class: Class, out: &mut Vec<SipEffect>) -> bool {
        let seq = request.cseq_text().map_or(0, |(seq, _)| seq);
        let dialogs = u32::try_from(self.legs.len()).unwrap_or(u32::MAX);
        let room = Room { dialogs, dialogs_max: self.config.rules.dialogs_max };
        let Some(seconds) = self.shedder.refuses(class, room, request.call_id().unwrap_or(""), seq) else {
            return false;
        };
        self.refuse_for_load(flow, request, seconds, out);
        true
    }

    /// What a new call is to us when not all can be served.
    pub(super) fn class_of_call(&self, flow: Flow, request: &Message) -> Class {
        let is_urgent = request.target().is_ok_and(|uri| is_emergency(&uri.user_decoded()));
        match (is_urgent, self.trunk_at(flow)) {
            (true, _) => Class::Emergency,
            (false, Some(_)) => Class::TrunkCall,
            (false, None) => Class::StationCall,
        }
    }

    /// A stranger asks without showing a secret and has asked too often: not even a challenge goes out (O1, A4).
    pub(super) fn is_ignored(&mut self, flow: Flow, request: &Message, now: Now) -> bool {
        let shows_secret = request.header(Header::Authorization).is_some();
        let is_peer = self.trunk_at(flow).is_some() || self.fixed_station(flow, request).is_some();
        !shows_secret && !is_peer && self.strangers.welcome(flow.peer.ip(), now.mono) == Welcome::Silence
    }

    /// Who sent a request that makes a dialog; none: it was challenged or refused.
    pub(super) fn origin(
        &mut self,
        flow: Flow,
        request: &Message,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) -> Option<Origin> {
        if let Some((trunk, digest_user)) = self.trunk_at(flow) {
            if digest_user.is_none() {
                return Some(Origin::Trunk(trunk));
            }
            let user = self.authenticated(flow, request, None, now, out)?;
            let account = self.config.accounts.get(usize::try_from(user.1).ok()?);
            if account.map(|account| &account.user) == digest_user.as_ref() {
                return Some(Origin::Trunk(trunk));
            }
            self.reply(flow, request, 403, out);
            return None;
        }
        if let Some(station) = self.fixed_station(flow, request) {
            return Some(Origin::Station(station));
        }
        let (station, _) = self.authenticated(flow, request, None, now, out)?;
        Some(Origin::Station(station))
    }

    /// The extension that calls from its fixed contact. Behind an address that is a trunk's there is no telling an
    /// extension from a caller who names one, so there it is the trunk's call.
    fn fixed_station(&self, flow: Flow, request: &Message) -> Option<StationId> {
        let there = self.fixed.get(&flow.peer.ip().to_canonical())?;
        let from = request.from().ok()?;
        let is_it = |user: &str| from.uri.user == Some(user);
        let accounts = there.iter().filter_map(|n| self.config.accounts.get(*n));
        let mut named = accounts.filter(|a| is_it(&a.user));
        named.next().map(|account| account.station)
    }

    /// The account whose digest a request carries; none: it was challenged or refused.
    pub(super) fn authenticated(
        &mut self,
        flow: Flow,
        request: &Message,
        record: Option<&str>,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) -> Option<(StationId, u32)> {
        let asking =
            Asking { method: request.method_text(), uri: request.request_uri(), source: flow.peer.ip(), record };
        let presented = request.authorization().filter_map(Result::ok);
        match self.authenticator.judge(&asking, presented, &self.accounts, &self.config, now, out) {
            Verdict::Known { station, account } => {
                self.strangers.on_authenticated(flow.peer.ip(), now.mono);
                return Some((station, account));
            }
            Verdict::Challenge(challenged) => {
                // Wrong answers and made-up nonces count as much as none; those without were counted at the door.
                let is_uncounted = request.header(Header::Authorization).is_some();
                if is_uncounted && self.strangers.welcome(flow.peer.ip(), now.mono) == Welcome::Silence {
                    return None;
                }
                self.challenge(flow, request, &challenged, out);
            }
            Verdict::NotTheirs => self.reply(flow, request, 403, out),
        }
        None
    }

    fn challenge(&self, flow: Flow, request: &Message, challenged: &Challenged, out: &mut Vec<SipEffect>) {
        let tag = self.stateless_tag(request);
        let mut writer = Writer::response(request, Some(flow.peer), 401, &tag);
        let bare = writer.clone().finish().len();
        let digests = &self.config.rules.digests;
        let values = challenge_headers(self.accounts.realm(), challenged, digests, request.bytes().len(), bare);
        // A challenge that does not fit helps nobody (A4).
        if values.is_empty() {
            out.push(SipEffect::Event(SipEvent::Counted(Count::Malformed)));
            return;
        }
        for value in &values {
            writer.header(Header::WwwAuthenticate, value);
        }
        let to = super::write::reply_place(flow, request);
        out.push(SipEffect::Send { to, bytes: writer.finish(), token: 0 });
    }

    /// 406 for a caller that takes no SDP: it could not read our answer (RFC 3261 §20.1, §21.4.7); true if refused.
    pub(super) fn refuse_accept(&self, flow: Flow, request: &Message, out: &mut Vec<SipEffect>) -> bool {
        let mut accepted = request.values(Header::Accept).map(|value| value.split(';').next().unwrap_or("").trim());
        let is_sdp =
            |kind: &str| ["application/sdp", "application/*", "*/*"].iter().any(|k| k.eq_ignore_ascii_case(kind));
        if request.lines(Header::Accept).next().is_none() || accepted.any(is_sdp) {
            return false;
        }
        self.reply_with(flow, request, 406, |w| w.header(Header::Accept, "application/sdp"), out);
        true
    }

    /// 415 for a body that is no SDP; true if refused.
    pub(super) fn refuse_body(&self, flow: Flow, request: &Message, out: &mut Vec<SipEffect>) -> bool {
        if request.body().is_empty() {
            return false;
        }
        let is_sdp = request.content_type().is_ok_and(|t| t.is_some_and(|t| t.is("application", "sdp")));
        let is_plain = request.values(Header::ContentEncoding).all(|coding| coding.eq_ignore_ascii_case("identity"));
        if is_sdp && is_plain {
            return false;
        }
        self.reply_with(
            flow,
            request,
            415,
            |w| w.header(Header::Accept, "application/sdp").header(Header::AcceptEncoding, "identity"),
            out,
        );
        true
    }
}

/// Headers of a refusal for its method.
pub(super) fn allow(writer: &mut Writer) -> &mut Writer {
    writer.header(Header::Allow, ALLOW)
}

/// Headers that say what we can do (RFC 3261 §11.2).
pub(super) fn abilities(writer: &mut Writer) -> &mut Writer {
    writer
        .header(Header::Allow, ALLOW)
        .header(Header::Accept, ACCEPT)
        .header(Header::Supported, SUPPORTED)
        .header(Header::AcceptEncoding, "identity")
        .header(Header::AcceptLanguage, "en")
}
