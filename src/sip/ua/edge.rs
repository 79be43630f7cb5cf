//! The seam to the machines beside the legs: registrar, subscriptions, trunks' states, digest both ways. It carries their effects out
//! as requests and tells them what came back.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::{Now, StationId, TrunkId};

use super::write::{ALLOW, Head, place, reply_place};
use super::{Asker, Count, Origin, Owner, SipEffect, SipEvent, Ua};
use crate::auth::{Challenger, Tries};
use crate::config::{Account, Resolved};
use crate::flow::{Destination, Flow};
use crate::message::{Header, Message, Method};
use crate::registrar::{Binding, BindingId, RegisterRequest, RegistrarEffect, refusal_response, register_response};
use crate::subscribe::{Accepted, Notify, notify_request, subscribe_response};
use crate::transaction::{Kind, Outgoing};
use crate::trunk::{TrunkEffect, TrunkView};

/// A REGISTER or OPTIONS of ours at a trunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Errand {
    trunk: TrunkId,
    to: Resolved,
    /// Expires of a REGISTER, seconds; none: it is a probe.
    expires_s: Option<u32>,
    tries: Tries,
}

/// How our registrations at a trunk are numbered (RFC 3261 §10.2: one Call-ID, rising CSeq).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Series {
    call_id: String,
    seq: u32,
}

impl Ua {
    /// REGISTER of a phone.
    pub(super) fn on_register(&mut self, flow: Flow, request: &Message, now: Now, out: &mut Vec<SipEffect>) {
        let record = request.to().ok().map(|to| to.uri.user_decoded().into_owned()).unwrap_or_default();
        let Some((station, _)) = self.authenticated(flow, request, Some(&record), now, out) else { return };
        let mut effects = Vec::new();
        let done = RegisterRequest::read(request).and_then(|register| {
            self.registrar.register(station, &register, flow, &self.config.rules, now, &mut effects)
        });
        let tag = self.stateless_tag(request);
        let (status, response) = match done {
            Ok(()) => (200, register_response(&self.registrar, station, request, flow.peer, &tag, now)),
            Err(refusal) => (refusal.status(), refusal_response(refusal, request, flow.peer, &tag)),
        };
        self.serve(flow, request, status, response, now, out);
        self.on_registrar(effects, now, out);
    }

    /// SUBSCRIBE of a phone, at first or, inside its dialog, again.
    pub(super) fn on_subscribe(&mut self, flow: Flow, request: &Message, now: Now, out: &mut Vec<SipEffect>) {
        let is_again = request.to().is_ok_and(|to| to.tag().is_some());
        let mut notifies = Vec::new();
        let mut result = self
            .notifier
            .admits(flow.peer.ip(), &self.config.rules, now)
            .map(|()| Accepted { tag: String::new(), expires_s: 0 });
        if result.is_err() {
            out.push(SipEffect::Event(SipEvent::Counted(Count::SubscribeRefused)));
        } else {
            // Whoever refreshes names a tag that we made for who was asked before.
            if !is_again && self.origin(flow, request, now, out).is_none() {
                return;
            }
            result = self.notifier.subscribe(request, flow, &self.config.rules, now, &mut notifies);
        }
        let to = reply_place(flow, request);
        let contact = self.contact_uri(&to);
        let response = subscribe_response(&result, request, flow.peer, &contact, &self.stateless_tag(request));
        match result {
            Ok(_) => self.serve(flow, request, 200, response, now, out),
            Err(_) => out.push(SipEffect::Send { to, bytes: response, token: 0 }),
        }
        self.on_notifies(notifies, now, out);
    }

    pub(super) fn on_notifies(&mut self, notifies: Vec<Notify>, now: Now, out: &mut Vec<SipEffect>) {
        for notify in notifies {
            let to = Destination::Flow(notify.flow);
            let branch = self.branch();
            let bytes = notify_request(&notify, &self.via_value(&to, branch), &self.contact_uri(&to));
            let owner = Owner::Notify(notify.subscription);
            self.layer.start(Outgoing { branch, kind: Kind::Plain, bytes, to, owner }, now.mono, out);
        }
    }

    pub(super) fn on_registrar(&mut self, effects: Vec<RegistrarEffect>, now: Now, out: &mut Vec<SipEffect>) {
        for effect in effects {
            match effect {
                RegistrarEffect::Station { station, reachable } => {
                    out.push(SipEffect::Event(SipEvent::Station { station, reachable }));
                }
                RegistrarEffect::Probe(id) => self.probe_binding(id, now, out),
            }
        }
    }

    fn probe_binding(&mut self, id: BindingId, now: Now, out: &mut Vec<SipEffect>) {
        let Some(binding) = self.registrar.binding(id) else { return };
        let (uri, routes, to) = (binding.uri.clone(), binding.path.clone(), binding.destination);
        self.options(&uri, &routes, to, Owner::ProbeBinding(id), now, out);
    }

    /// OPTIONS of ours, to see whether somebody is there.
    fn options(
        &mut self,
        uri: &str,
        routes: &[String],
        to: Destination,
        owner: Owner,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let from = format!("<sip:turno@{}>;tag={}", self.domain(&to), self.seeded.token());
        let call_id = self.seeded.token();
        let value = format!("<{uri}>");
        let head = Head { method: Method::Options, uri, routes, from: &from, to: &value, call_id: &call_id, seq: 1 };
        let branch = self.branch();
        let mut writer = self.begin(&head, &to, branch);
        writer.header(Header::Contact, &self.contact(&to)).header(Header::Accept, "application/sdp");
        self.layer.start(Outgoing { branch, kind: Kind::Once, bytes: writer.finish(), to, owner }, now.mono, out);
    }

    pub(super) fn on_trunks(&mut self, effects: Vec<TrunkEffect>, now: Now, out: &mut Vec<SipEffect>) {
        for effect in effects {
            match effect {
                TrunkEffect::Changed { trunk, up } => out.push(SipEffect::Event(SipEvent::Trunk { trunk, up })),
                TrunkEffect::Resolve { trunk, host } => {
                    let Some(peer) = self.trunk(trunk) else { continue };
                    let Some(name) = peer.hosts.get(usize::from(host)).cloned() else { continue };
                    let transport = peer.transport;
                    let query = self.ask(Asker::Trunk { trunk, host });
                    out.push(SipEffect::Resolve { query, host: name, transport });
                }
                TrunkEffect::Probe { trunk, to } => {
                    let errand = Errand { trunk, to, expires_s: None, tries: Tries::default() };
                    let Some(hop) = self.trunk_hop(trunk, to) else { continue };
                    let uri = format!("sip:{}", self.trunk_host(trunk, to));
                    self.options(&uri, &[], hop, Owner::Errand(Box::new(errand)), now, out);
                }
                TrunkEffect::Register { trunk, to, expires_s } => {
                    let errand = Errand { trunk, to, expires_s: Some(expires_s), tries: Tries::default() };
                    self.register_at(errand, None, now, out);
                }
            }
        }
    }

    fn register_at(
        &mut self,
        errand: Errand,
        authorization: Option<(String, String)>,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let Errand { trunk, to, expires_s, .. } = errand;
        let Some(hop) = self.trunk_hop(trunk, to) else { return };
        let Some(credentials) = self.trunk(trunk).and_then(|t| t.credentials.clone()) else { return };
        let host = self.trunk_host(trunk, to);
        let (uri, record) = (format!("sip:{host}"), format!("<sip:{}@{host}>", credentials.user));
        let ahead = || self.digest_ahead(Origin::Trunk(trunk), Method::Register, &uri);
        let authorization = authorization.or_else(ahead);
        let from = format!("{record};tag={}", self.seeded.token());
        let fresh = self.seeded.token();
        let series = self.series.entry(trunk).or_insert(Series { call_id: fresh, seq: 0 });
        series.seq += 1;
        let Series { call_id, seq } = series.clone();
        let head =
            Head { method: Method::Register, uri: &uri, routes: &[], from: &from, to: &record, call_id: &call_id, seq };
        let branch = self.branch();
        let mut writer = self.begin(&head, &hop, branch);
        writer
            .header(Header::Contact, &self.contact(&hop))
            .header_fmt(Header::Expires, format_args!("{}", expires_s.unwrap_or(0)))
            .header(Header::Allow, ALLOW);
        if let Some((name, value)) = authorization {
            writer.header_named(&name, &value);
        }
        self.layer.start(
            Outgoing {
                branch,
                kind: Kind::Plain,
                bytes: writer.finish(),
                to: hop,
                owner: Owner::Errand(Box::new(errand)),
            },
            now.mono,
            out,
        );
    }

    /// A final response to a REGISTER or OPTIONS of ours at a trunk.
    pub(super) fn on_errand_response(
        &mut self,
        mut errand: Errand,
        flow: Flow,
        response: &Message,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let status = response.status().unwrap_or(0);
        let (trunk, to) = (errand.trunk, errand.to);
        if status < 200 {
            return;
        }
        let mut effects = Vec::new();
        let Some(asked_s) = errand.expires_s else {
            self.trunks.on_probe_answered(trunk, to.peer, status, now, &mut effects);
            return self.on_trunks(effects, now, out);
        };
        if matches!(status, 401 | 407)
            && let Some(hop) = self.trunk_hop(trunk, to)
        {
            let uri = format!("sip:{}", self.trunk_host(trunk, to));
            let asked = (Method::Register, uri.as_str());
            let answer = self.digest_answer(Origin::Trunk(trunk), response, flow, &hop, asked, &mut errand.tries);
            if answer.is_some() {
                return self.register_at(errand, answer, now, out);
            }
        }
        match status {
            200..=299 => {
                let granted = self.granted_to_us(response).unwrap_or(asked_s);
                self.trunks.on_registered(trunk, granted, now, &mut effects);
            }
            _ => {
                let hints = (response.min_expires().ok().flatten(), response.retry_after());
                self.trunks.on_register_refused(trunk, status, hints, now, &mut effects);
            }
        }
        self.on_trunks(effects, now, out);
    }

    /// The expiry that the registrar gave our Contact: its parameter, or the header (RFC 3261 §10.2.4).
    fn granted_to_us(&self, response: &Message) -> Option<u32> {
        let ours = response.contacts().filter_map(Result::ok).find_map(|contact| match contact {
            crate::message::Contact::Address(address) if address.uri.user == Some("turno") => address.expires(),
            crate::message::Contact::Address(_) | crate::message::Contact::Star => None,
        });
        ours.or_else(|| response.expires().ok().flatten())
    }

    /// A REGISTER or OPTIONS of ours was not answered.
    pub(super) fn on_errand_lost(&mut self, errand: Errand, status: u16, now: Now, out: &mut Vec<SipEffect>) {
        let mut effects = Vec::new();
        match errand.expires_s {
            Some(_) => self.trunks.on_register_refused(errand.trunk, status, (None, None), now, &mut effects),
            None if status == 503 => self.trunks.on_failed(errand.trunk, errand.to.peer, None, now, &mut effects),
            // Silence is counted where the probe was asked for.
            None => {}
        }
        self.on_trunks(effects, now, out);
    }

    /// Where requests to an address of a trunk go.
    pub(super) fn trunk_hop(&self, trunk: TrunkId, to: Resolved) -> Option<Destination> {
        let given = self.trunk(trunk)?.listener;
        let listener = self.listener_for(to.transport, given, to.peer)?;
        Some(Destination::Address { transport: to.transport, listener, peer: to.peer })
    }

    /// What a trunk is called in URIs: its host of this address, or its first.
    pub(super) fn trunk_host(&self, trunk: TrunkId, to: Resolved) -> String {
        let hosts = self.trunk(trunk).map_or(&[][..], |t| &t.hosts);
        let is_it = |host: &str| host.parse() == Ok(to.peer.ip());
        let named = |host: &str| if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        match hosts.iter().find(|h| is_it(&h.host)).or(hosts.first()) {
            Some(host) => match host.port {
                Some(port) => format!("{}:{port}", named(&host.host)),
                None => named(&host.host),
            },
            None => to.peer.to_string(),
        }
    }

    /// A digest for a first request, from what the trunk challenged us with before.
    pub(super) fn digest_ahead(&mut self, party: Origin, method: Method, uri: &str) -> Option<(String, String)> {
        let trunk = self.credentials_of(party)?;
        let trunk = self.config.trunks.iter().find(|t| t.id == trunk)?;
        let answer = self.digest.ahead(trunk, method.as_str(), uri, &mut self.seeded)?;
        Some((answer.name.to_owned(), answer.value))
    }

    /// The answer to a challenge, if it is one that we answer (S4).
    pub(super) fn digest_answer(
        &mut self,
        party: Origin,
        response: &Message,
        flow: Flow,
        hop: &Destination,
        (method, uri): (Method, &str),
        tries: &mut Tries,
    ) -> Option<(String, String)> {
        let trunk = self.credentials_of(party)?;
        let trunk = self.config.trunks.iter().find(|t| t.id == trunk)?;
        let status = response.status()?;
        let (_, _, sent_to) = place(hop);
        let challenger = Challenger { status, sent_to, came_from: flow.peer };
        let header = if status == 407 { Header::ProxyAuthenticate } else { Header::WwwAuthenticate };
        let challenges = response.digests(header).filter_map(Result::ok);
        let asked = (method.as_str(), uri);
        let answer = self.digest.answer(trunk, challenger, challenges, asked, tries, &mut self.seeded).ok()?;
        Some((answer.name.to_owned(), answer.value))
    }

    /// The trunk whose credentials a party's challenges are answered with.
    fn credentials_of(&self, party: Origin) -> Option<TrunkId> {
        match party {
            Origin::Trunk(trunk) => Some(trunk),
            Origin::Station(station) => self.account_of(station)?.fixed.as_ref()?.trunk,
        }
    }

    pub(super) fn account_of(&self, station: StationId) -> Option<&Account> {
        let index = *self.stations.get(&station)?;
        self.config.accounts.get(index)
    }

    /// The trunk at an address, and the account that its requests must prove, if any.
    ///
    /// Phones may sit in a trunk's network, in a small office or on one machine: what comes over the flow of a
    /// registered phone is the phone's.
    pub(super) fn trunk_at(&self, flow: Flow) -> Option<(TrunkId, Option<String>)> {
        let trunk = self.trunks.recognise(flow.peer.ip()).filter(|_| !self.registrar.has_flow(flow))?;
        Some((trunk, self.trunk(trunk)?.digest_user.clone()))
    }

    /// A question to the resolver.
    pub(super) fn ask(&mut self, asker: Asker) -> u64 {
        self.asked += 1;
        self.queries.insert(self.asked, asker);
        self.asked
    }

    /// Something went unanswered or was refused for a moment at a trunk's address.
    pub(super) fn on_trunk_failed(
        &mut self,
        trunk: TrunkId,
        hop: &Destination,
        retry_after_s: Option<u32>,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let mut effects = Vec::new();
        let (_, _, peer) = place(hop);
        let retry_after = retry_after_s.map(|s| Duration::from_secs(u64::from(s)));
        self.trunks.on_failed(trunk, peer, retry_after, now, &mut effects);
        self.on_trunks(effects, now, out);
    }

    /// The bindings of all stations, for operators.
    pub fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.registrar.iter()
    }

    /// At least one contact of the station is bound and answers, or it has a fixed one.
    pub fn is_reachable(&self, station: StationId) -> bool {
        self.registrar.is_reachable(station) || self.account_of(station).is_some_and(|a| a.fixed.is_some())
    }

    /// All trunks, for operators.
    pub fn trunk_views(&self) -> impl Iterator<Item = TrunkView> {
        self.trunks.views()
    }

    /// A transaction that asks after somebody has no answer.
    pub(super) fn on_probe_lost(&mut self, id: BindingId, now: Now, out: &mut Vec<SipEffect>) {
        let mut effects = Vec::new();
        self.registrar.on_probe_failed(id, now, &mut effects);
        self.on_registrar(effects, now, out);
    }
}
