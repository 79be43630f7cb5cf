//! Legs that we dial: whom an INVITE goes to, and where next if nothing answers there (RFC 3261 §13.2.1, RFC 3263 §4.3).

use std::collections::VecDeque;
use std::time::Duration;

use turno_base::{Cause, LegId, Now, Reason, StationId};

use super::answering::with_body;
use super::leg::{Branch, Dialling, Known, Leg, Place, Stage};
use super::terms::Terms;
use super::write::{ALLOW, Head, SUPPORTED, untagged};
use super::{Asker, Dial, Origin, Owner, SipEffect, SipEvent, Target, Ua, identity};
use crate::auth::Tries;
use crate::config::{HostPort, Resolved};
use crate::flow::{Destination, ListenerId, Transport};
use crate::message::{Header, Method, Uri};
use crate::registrar::Binding;
use crate::transaction::{Kind, Outgoing};
use crate::trunk::Full;

/// Without any response in this time the next place is tried, if there is one.
const FAIL_OVER_AFTER: Duration = Duration::from_secs(4);
/// Places tried for one dialled leg.
const PLACES_MAX: usize = 16;

/// Headers that an INVITE has from us, whatever the engine wants added.
fn is_ours(name: &str) -> bool {
    let header = Header::named(name);
    let added = [Header::AlertInfo, Header::CallInfo, Header::Subject, Header::Priority, Header::UserToUser];
    header != Header::Unknown && !added.contains(&header)
}

impl Ua {
    /// Dials a leg; its events follow, `Ended` the last of them.
    pub fn dial(&mut self, mut dial: Dial, now: Now, out: &mut Vec<SipEffect>) {
        let (party, at_once, places) = match &dial.to {
            Target::Station(station) => {
                let bound = self.bound_places(*station);
                (Origin::Station(*station), bound, self.fixed_place(*station))
            }
            Target::Trunk { trunk, .. } => {
                if let Err(full) = self.trunks.admit(*trunk, now) {
                    let cause = match full {
                        Full::Calls | Full::Rate { .. } => Cause::new(503, 34, Reason::Overload),
                        Full::Unknown => Cause::new(404, 1, Reason::NotFound),
                    };
                    out.push(SipEffect::Event(SipEvent::Ended { leg: dial.leg, cause, by_peer: false }));
                    return;
                }
                (Origin::Trunk(*trunk), Vec::new(), VecDeque::new())
            }
        };
        if dial.call_id.is_empty() {
            dial.call_id = format!("{}{}", self.seeded.token(), self.seeded.token());
        }
        let id = dial.leg;
        let mut dialling = Dialling {
            dial,
            branches: Vec::new(),
            branches_made: 0,
            places,
            tried: Vec::new(),
            is_refused: false,
            best: None,
            told: 0,
            wanted: None,
            agreed: None,
            ahead: None,
        };
        for place in at_once.into_iter().take(PLACES_MAX) {
            self.invite(party, &mut dialling, place, now, out);
        }
        let leg = Leg { id, party, armed: None, stage: Stage::Dialling(Box::new(dialling)) };
        self.try_next(leg, now, out);
    }

    /// All bindings of a station.
    fn bound_places(&self, station: StationId) -> Vec<Known> {
        let place = |b: &Binding| Known { uri: b.uri.clone(), routes: b.path.clone(), to: b.destination };
        self.registrar.targets(station).into_iter().map(place).collect()
    }

    /// A PBX extension that never registers.
    fn fixed_place(&self, station: StationId) -> VecDeque<Place> {
        let fixed = self.account_of(station).and_then(|account| account.fixed.as_ref());
        let Some(fixed) = fixed else { return VecDeque::new() };
        let Some(uri) = Uri::parse(&fixed.uri) else { return VecDeque::new() };
        let Some(host) = uri.host else { return VecDeque::new() };
        let listener = fixed.trunk.and_then(|id| self.trunk(id)).map_or(ListenerId(0), |t| t.listener);
        let host = HostPort { host: host.to_string().trim_matches(['[', ']']).to_owned(), port: uri.port };
        let place = self.place_at(fixed.uri.clone(), host, Some(fixed.transport), listener);
        place.into_iter().collect()
    }

    /// The next address of a trunk that was not tried yet.
    fn trunk_place(&self, dialling: &Dialling) -> Option<(Resolved, Place)> {
        let Target::Trunk { trunk, number } = &dialling.dial.to else { return None };
        if dialling.is_refused || dialling.tried.len() >= PLACES_MAX {
            return None;
        }
        let next = self.trunks.pick(*trunk, &dialling.tried)?;
        let transport = match next.transport {
            Transport::Tcp => ";transport=tcp",
            Transport::Udp => "",
        };
        let uri = format!("sip:{}@{}{transport}", identity::escaped(number), self.trunk_host(*trunk, next));
        Some((next, Place::At(Known { uri, routes: Vec::new(), to: self.trunk_hop(*trunk, next)? })))
    }

    /// A place by its host: at once if that is an address.
    fn place_at(
        &self,
        uri: String,
        host: HostPort,
        transport: Option<Transport>,
        listener: ListenerId,
    ) -> Option<Place> {
        let Ok(address) = host.host.parse() else {
            return Some(Place::Named { uri, host, transport, listener, query: None });
        };
        let peer = std::net::SocketAddr::new(address, host.port.unwrap_or(5060));
        let transport = transport.unwrap_or(Transport::Udp);
        let listener = self.listener_for(transport, listener, peer)?;
        let to = Destination::Address { transport, listener, peer };
        Some(Place::At(Known { uri, routes: Vec::new(), to }))
    }

    /// Goes to the next place if no branch is left; without one the leg has ended.
    pub(super) fn try_next(&mut self, mut leg: Leg, now: Now, out: &mut Vec<SipEffect>) {
        let (id, party) = (leg.id, leg.party);
        let Stage::Dialling(dialling) = &mut leg.stage else { return self.put(leg) };
        while dialling.branches.is_empty() {
            if let Some((address, place)) = self.trunk_place(dialling) {
                dialling.tried.push(address);
                dialling.places.push_back(place);
            }
            match dialling.places.pop_front() {
                None => {
                    let none = (Cause::new(480, 20, Reason::Unreachable), false);
                    let (cause, by_peer) = dialling.best.unwrap_or(none);
                    return self.ended(leg, cause, by_peer, out);
                }
                Some(Place::At(place)) => self.invite(party, dialling, place, now, out),
                Some(Place::Named { uri, host, transport, listener, query: None }) => {
                    let query = self.ask(Asker::Leg(id));
                    out.push(SipEffect::Resolve { query, host: host.clone(), transport });
                    let named = Place::Named { uri, host, transport, listener, query: Some(query) };
                    dialling.places.push_front(named);
                    break;
                }
                Some(named @ Place::Named { query: Some(_), .. }) => {
                    dialling.places.push_front(named);
                    break;
                }
            }
        }
        for branch in &dialling.branches {
            self.tags.insert(branch.local_tag.clone(), id);
        }
        self.put(leg);
    }

    /// A name has been resolved, or not.
    pub(super) fn on_place_resolved(
        &mut self,
        leg: LegId,
        query: u64,
        addresses: &[Resolved],
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let Some(mut leg) = self.take(leg) else { return };
        let Stage::Dialling(dialling) = &mut leg.stage else { return self.put(leg) };
        let is_it = |place: &Place| matches!(place, Place::Named { query: Some(q), .. } if *q == query);
        if dialling.places.front().is_some_and(is_it)
            && let Some(Place::Named { uri, listener, .. }) = dialling.places.pop_front()
        {
            for address in addresses.iter().take(PLACES_MAX).rev() {
                let Resolved { transport, peer } = *address;
                let Some(listener) = self.listener_for(transport, listener, peer) else { continue };
                let to = Destination::Address { transport, listener, peer };
                dialling.places.push_front(Place::At(Known { uri: uri.clone(), routes: Vec::new(), to }));
            }
        }
        self.try_next(leg, now, out);
    }

    /// Nothing heard from a place in time: it is withdrawn and the next is tried.
    pub(super) fn fail_over(&mut self, mut leg: Leg, now: Now, out: &mut Vec<SipEffect>) {
        let party = leg.party;
        let Stage::Dialling(dialling) = &mut leg.stage else { return self.put(leg) };
        let due = |b: &Branch| b.fail_over_at.is_some_and(|at| now.mono >= at);
        let (silent, others): (Vec<Branch>, Vec<Branch>) = dialling.branches.drain(..).partition(due);
        dialling.branches = others;
        for branch in silent {
            self.tags.remove(&branch.local_tag);
            // Should it answer after all, its 2xx finds a lost race.
            self.layer.cancel(branch.tx, "", now.mono, out);
            if let Origin::Trunk(trunk) = party {
                self.on_trunk_failed(trunk, &branch.hop, None, now, out);
            }
            dialling.best.get_or_insert((Cause::new(408, 102, Reason::Unreachable), false));
        }
        self.try_next(leg, now, out);
    }

    /// Sends an INVITE of a dialled leg as a new branch.
    fn invite(&mut self, party: Origin, dialling: &mut Dialling, place: Known, now: Now, out: &mut Vec<SipEffect>) {
        let Known { uri, routes, to: hop } = place;
        dialling.branches_made = dialling.branches_made.wrapping_add(1);
        let has_further = !dialling.places.is_empty() || self.trunk_place(dialling).is_some();
        let host = self.domain(&hop);
        let from = identity::from_value(&dialling.dial, &host);
        let to = match &dialling.dial.to {
            Target::Station(station) => {
                let user = self.account_of(*station).map_or("", |account| account.user.as_str());
                untagged("", &format!("sip:{}@{host}", identity::escaped(user)))
            }
            Target::Trunk { .. } => untagged("", &uri),
        };
        let mut branch = Branch {
            id: dialling.branches_made,
            tx: crate::transaction::TxId(0),
            uri,
            routes,
            from,
            to,
            call_id: match dialling.branches_made {
                1 => dialling.dial.call_id.clone(),
                further => format!("{}-{further}", dialling.dial.call_id),
            },
            local_tag: self.seeded.token(),
            seq: 0,
            hop,
            fail_over_at: has_further.then(|| now.mono + FAIL_OVER_AFTER),
            tries: Tries::default(),
            authorization: None,
            session_min: None,
            terms: Terms::new(self.seeded.next_u64()),
            early: Vec::new(),
            refused_by: None,
        };
        branch.authorization = self.digest_ahead(party, Method::Invite, &branch.uri);
        self.send_invite(party, &dialling.dial, &mut branch, now, out);
        dialling.branches.push(branch);
    }

    /// Sends a branch's INVITE, at first or again with what a refusal taught us.
    pub(super) fn send_invite(
        &mut self,
        party: Origin,
        dial: &Dial,
        branch: &mut Branch,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        branch.seq += 1;
        let id = self.branch();
        let from = format!("{};tag={}", branch.from, branch.local_tag);
        let head = Head {
            method: Method::Invite,
            uri: &branch.uri,
            routes: &branch.routes,
            from: &from,
            to: &branch.to,
            call_id: &branch.call_id,
            seq: branch.seq,
        };
        let rules = &self.config.rules;
        let min = branch.session_min.unwrap_or(rules.session_min);
        let interval = rules.session_expires.max(min);
        let mut writer = self.begin(&head, &branch.hop, id);
        writer
            .header(Header::Contact, &self.contact(&branch.hop))
            .header(Header::Allow, ALLOW)
            .header(Header::Supported, SUPPORTED)
            .header_fmt(Header::SessionExpires, format_args!("{}", interval.as_secs()))
            .header_fmt(Header::MinSe, format_args!("{}", min.as_secs()));
        if self.is_trusted(party) {
            identity::write_identity(&mut writer, dial, &self.domain(&branch.hop));
        }
        for (name, value) in dial.headers.iter().filter(|(name, _)| !is_ours(name)) {
            writer.header_named(name, value);
        }
        if let Some((name, value)) = &branch.authorization {
            writer.header_named(name, value);
        }
        let offer = branch.terms.offer(&dial.media);
        let bytes = with_body(writer, Some(offer));
        let owner =
            Owner::Dialled { leg: dial.leg, branch: branch.id, party, seq: branch.seq, farewell: Cause::NORMAL };
        branch.tx =
            self.layer.start(Outgoing { branch: id, kind: Kind::Invite, bytes, to: branch.hop, owner }, now.mono, out);
    }

    /// What we call our domain towards a peer.
    pub(super) fn domain(&self, hop: &Destination) -> String {
        if let Some(domain) = self.config.domains.first() {
            return domain.clone();
        }
        let (_, listener, peer) = super::write::place(hop);
        self.here(listener, peer.ip()).to_string()
    }

    /// Withdraws all branches but one.
    pub(super) fn cancel_branches(
        &mut self,
        leg: &mut Leg,
        but: Option<u16>,
        cause: Cause,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let Stage::Dialling(dialling) = &leg.stage else { return };
        let reason = format!("Reason: {}\r\n", super::cause::reason_value(cause));
        for branch in dialling.branches.iter().filter(|b| Some(b.id) != but) {
            self.layer.cancel(branch.tx, &reason, now.mono, out);
            // An answer may have crossed it.
            if let Some(Owner::Dialled { farewell, .. }) = self.layer.client_owner(branch.tx) {
                *farewell = cause;
            }
        }
    }

    /// Progress, told once per status.
    pub(super) fn tell_progress(&self, leg: LegId, dialling: &mut Dialling, status: u16, out: &mut Vec<SipEffect>) {
        if dialling.told != status {
            dialling.told = status;
            out.push(SipEffect::Event(SipEvent::Progress { leg, status }));
        }
    }
}
