//! Calls that arrive: INVITE outside of dialogs, and the CANCEL that may follow (RFC 3261 §13.3, §9.2).

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use turno_base::fact::DialogId;
use turno_base::{Codec, Direction, LegId, Now, TrunkId};

use super::leg::{Arriving, Leg, Reliability, Stage};
use super::naming::tell_named;
use super::session_timer::{Asked, Granted, grant};
use super::terms::Terms;
use super::write::{reply_place, untagged};
use super::{Count, LocalMedia, Origin, Owner, SipEffect, SipEvent, Ua, cause, identity};
use crate::dialog::{Dialog, route_set};
use crate::flow::Flow;
use crate::message::{Header, Message, Method, NameAddr, Refresher, Replaces, Writer};
use crate::shed::{Class, EMERGENCY_RESERVE, RETRY_AFTER_MIN_S};
use crate::trunk::Full;

/// What a request says of session timers.
pub(super) fn asked(message: &Message) -> Asked {
    let session = message.session_expires().ok().flatten();
    Asked {
        interval: session.map(|s| Duration::from_secs(u64::from(s.seconds))),
        refresher_is_uac: session.and_then(|s| s.refresher).map(|r| r == Refresher::Uac),
        min: message.min_se().ok().flatten().map(|s| Duration::from_secs(u64::from(s))),
        supported: message.supports("timer"),
    }
}

/// The dialog of a request, from its receiver's side; none if it has no usable Contact or too long a route set.
fn dialog_of(request: &Message, local_tag: String) -> Option<Dialog> {
    let (from, to) = (request.from().ok()?, request.to().ok()?);
    let value = |address: &NameAddr<'_>| untagged(&address.display(), address.uri.text);
    Some(Dialog {
        call_id: request.call_id().ok()?.to_owned(),
        local: value(&to),
        local_tag,
        remote: value(&from),
        remote_tag: from.tag().unwrap_or("").to_owned(),
        target: target_of(request, &from)?,
        routes: route_set(request.values(Header::RecordRoute), false)?,
        local_seq: 0,
        remote_seq: request.cseq().ok().map(|(seq, _)| seq),
    })
}

/// Where the peer is called within the dialog: its Contact; peers of RFC 2543 may leave it out, and are called at their
/// From. What came by the newer rules must have one (RFC 3261 §8.1.1.8).
fn target_of(request: &Message, from: &NameAddr<'_>) -> Option<String> {
    let is_old = request.top_via().is_ok_and(|via| via.cookie_branch().is_none());
    match request.contact().ok()? {
        Some(contact) => Some(contact.uri.without_headers().to_owned()),
        None if is_old => Some(from.uri.without_headers().to_owned()),
        None => None,
    }
}

impl Ua {
    /// INVITE that may begin a call.
    pub(super) fn on_invite(&mut self, flow: Flow, request: &Message, now: Now, out: &mut Vec<SipEffect>) {
        if request.max_forwards() == Ok(Some(0)) {
            return self.reply(flow, request, 483, out);
        }
        if self.is_ours_come_back(request) {
            return self.reply(flow, request, 482, out);
        }
        if self.is_ignored(flow, request, now) {
            return;
        }
        let class = self.class_of_call(flow, request);
        if self.refuse_pressed(flow, request, class, out) {
            return;
        }
        let Some(origin) = self.origin(flow, request, now, out) else { return };
        if self.layer.is_merged(request) {
            out.push(SipEffect::Event(SipEvent::Counted(Count::Merged)));
            return self.reply(flow, request, 482, out);
        }
        if self.refuse_body(flow, request, out) || self.refuse_accept(flow, request, out) {
            return;
        }
        let Some(granted) = grant(asked(request), &self.config.rules) else {
            return self.refuse_interval(flow, request, out);
        };
        let Ok(replaces) = self.replaced(request, origin) else {
            return self.reply(flow, request, 481, out);
        };
        self.arrive(flow, request, origin, (granted, replaces), now, out);
    }

    /// 422 with the least interval we take (RFC 4028 §9).
    pub(super) fn refuse_interval(&self, flow: Flow, request: &Message, out: &mut Vec<SipEffect>) {
        let least = self.config.rules.session_min.as_secs();
        self.reply_with(flow, request, 422, |w| w.header_fmt(Header::MinSe, format_args!("{least}")), out);
    }

    /// A request of ours that was routed back to us (RFC 3261 §16.3 step 4 sees it by Via; we write each leg anew, so
    /// its Call-ID and tag tell).
    fn is_ours_come_back(&self, request: &Message) -> bool {
        let from_tag = request.from().ok().and_then(|from| from.tag()).unwrap_or("");
        self.tags.contains_key(from_tag)
    }

    /// The leg that a Replaces header names; an error if it names none of ours (RFC 3891 §3) or comes from a trunk.
    fn replaced(&self, request: &Message, origin: Origin) -> Result<Option<LegId>, ()> {
        match request.replaces() {
            Ok(None) => Ok(None),
            Ok(Some(replaces)) if matches!(origin, Origin::Station(_)) => {
                self.leg_between(&replaces).map(Some).ok_or(())
            }
            Ok(Some(_)) | Err(_) => Err(()),
        }
    }

    /// The leg of the dialog that a Replaces names; its to-tag is ours.
    pub(super) fn leg_between(&self, replaces: &Replaces<'_>) -> Option<LegId> {
        let id = *self.tags.get(replaces.to_tag)?;
        let is_it = |d: &Dialog| d.is_between(replaces.call_id, replaces.to_tag, replaces.from_tag);
        let found = match &self.legs.get(&id)?.stage {
            Stage::Arriving(arriving) => is_it(&arriving.dialog),
            Stage::Dialling(d) => d.branches.iter().flat_map(|b| &b.early).any(|e| is_it(&e.dialog)),
            Stage::Up(up) => is_it(&up.dialog) && !replaces.early_only,
        };
        found.then_some(id)
    }

    fn arrive(
        &mut self,
        flow: Flow,
        request: &Message,
        origin: Origin,
        (granted, replaces): (Granted, Option<LegId>),
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let tag = self.seeded.token();
        let Some(dialog) = dialog_of(request, tag.clone()) else { return self.reply(flow, request, 400, out) };
        let terms = Terms::new(self.seeded.next_u64());
        let offer = (!request.body().is_empty()).then(|| request.body().to_vec());
        if let Some(offer) = &offer
            && let Err(error) = terms.could_answer(offer, &self.sample_media(origin, flow))
        {
            return self.reply(flow, request, error.status(), out);
        }
        if let Err(wait_s) = self.admit(flow, request, origin, now) {
            return self.refuse_for_load(flow, request, wait_s, out);
        }
        let leg = LegId::arrived(self.arrived);
        let trying = Writer::response(request, Some(flow.peer), 100, "").finish();
        let to = reply_place(flow, request);
        let Some(tx) = self.layer.open(request, Some(trying), to, Owner::Arrived { leg }, out) else {
            // Not full and with a key: both were seen to.
            return self.release(origin);
        };
        self.arrived += 1;
        let reliability =
            match (request.require().any(|t| t.eq_ignore_ascii_case("100rel")), request.supports("100rel")) {
                (true, _) => Reliability::Always,
                (false, true) => Reliability::WithSdp,
                (false, false) => Reliability::Never,
            };
        let seq = dialog.remote_seq.unwrap_or(0);
        let rseq = 1 + u32::try_from(self.seeded.below(1 << 16)).unwrap_or(0);
        self.tags.insert(tag, leg);
        let names = DialogId::from(&dialog);
        self.put(Leg {
            id: leg,
            party: origin,
            armed: None,
            stage: Stage::Arriving(Box::new(Arriving {
                tx,
                flow,
                dialog,
                seq,
                offer,
                terms,
                granted,
                peer_has_timer: request.supports("timer"),
                peer_has_update: request.header(Header::Allow).is_some() && request.allows(Method::Update),
                reliability,
                rseq,
                unacked: None,
                remind_at: None,
                waiting: VecDeque::new(),
            })),
        });
        let is_trusted = self.is_trusted(origin);
        let incoming = identity::incoming(leg, origin, is_trusted, request, replaces);
        let incoming = self.known_caller(incoming);
        out.push(SipEffect::Event(SipEvent::Incoming(Box::new(incoming))));
        tell_named(leg, names, out);
    }

    /// Takes one of the places for calls; else after how many seconds it is worth trying again.
    fn admit(&mut self, flow: Flow, request: &Message, origin: Origin, now: Now) -> Result<(), u32> {
        let reserve = if self.class_of_call(flow, request) == Class::Emergency { EMERGENCY_RESERVE } else { 0 };
        let dialogs_max = self.config.rules.dialogs_max.saturating_add(reserve);
        if self.layer.is_full() || self.legs.len() >= usize::try_from(dialogs_max).unwrap_or(usize::MAX) {
            return Err(RETRY_AFTER_MIN_S);
        }
        let Origin::Trunk(trunk) = origin else { return Ok(()) };
        self.trunks.admit(trunk, now).map_err(|full| match full {
            Full::Rate { retry_after } => u32::try_from(retry_after.as_secs()).unwrap_or(u32::MAX).max(1),
            Full::Calls | Full::Unknown => RETRY_AFTER_MIN_S,
        })
    }

    /// A station is known by its account, whatever its From says.
    fn known_caller(&self, mut incoming: super::Incoming) -> super::Incoming {
        if let Origin::Station(station) = incoming.origin
            && let Some(account) = self.account_of(station)
        {
            incoming.ani = turno_base::Number { raw: account.user.clone(), e164: None, withheld: false };
        }
        incoming
    }

    /// Codecs that a party may use, and the family of addresses that it comes by: a stand-in for media that is not open yet.
    fn sample_media(&self, origin: Origin, flow: Flow) -> LocalMedia {
        let codecs: Vec<Codec> = match origin {
            Origin::Trunk(id) => self.trunk(id).map(|t| t.codecs.clone()),
            Origin::Station(id) => self.account_of(id).map(|a| a.codecs.clone()),
        }
        .unwrap_or_default();
        let host = match flow.peer.ip().to_canonical() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let nowhere = SocketAddr::new(host, 9);
        LocalMedia { rtp: nowhere, rtcp: nowhere, codecs, direction: Direction::SendRecv }
    }

    pub(super) fn is_trusted(&self, origin: Origin) -> bool {
        match origin {
            Origin::Trunk(id) => self.trunk(id).is_some_and(|t| t.trusted),
            Origin::Station(_) => false,
        }
    }

    pub(super) fn trunk(&self, id: TrunkId) -> Option<&crate::config::Trunk> {
        self.config.trunks.iter().find(|t| t.id == id)
    }

    /// CANCEL: answered for itself; the INVITE that it is about gets 487, unless its final response is out.
    pub(super) fn on_cancel(&mut self, flow: Flow, cancel: &Message, now: Now, out: &mut Vec<SipEffect>) {
        if self.layer.on_request(cancel, out) == crate::transaction::Received::Absorbed {
            return;
        }
        let Some((tx, owner)) = self.layer.cancelled_by(cancel) else {
            return self.reply(flow, cancel, 481, out);
        };
        let leg = match owner {
            Owner::Arrived { leg } => self.take(leg),
            Owner::Nobody
            | Owner::Dialled { .. }
            | Owner::Change { .. }
            | Owner::Farewell(_)
            | Owner::ProbeBinding(_)
            | Owner::Notify(_)
            | Owner::Errand(_) => None,
        };
        // The To tag is that of the responses to the INVITE (§9.2).
        let tag = match leg.as_ref().map(|leg| &leg.stage) {
            Some(Stage::Arriving(arriving)) => arriving.dialog.local_tag.clone(),
            Some(Stage::Up(up)) => up.dialog.local_tag.clone(),
            Some(Stage::Dialling(_)) | None => self.stateless_tag(cancel),
        };
        let bytes = Writer::response(cancel, Some(flow.peer), 200, &tag).finish();
        self.serve(flow, cancel, 200, bytes, now, out);
        let Some(leg) = leg else { return };
        match &leg.stage {
            Stage::Arriving(arriving) if arriving.tx == tx => {
                self.respond_final(&leg, 487, None, now, out);
                let reason = cause::joined(cancel);
                self.ended(leg, cause::of_hang_up(487, reason.as_deref()), true, out);
            }
            Stage::Arriving(_) | Stage::Dialling(_) | Stage::Up(_) => self.put(leg),
        }
    }
}
