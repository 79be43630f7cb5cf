//! One trunk: its hosts and addresses, its capacity, its registration, and whether all that makes it up.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::{Mono, Seeded, TrunkId};

use super::TrunkEffect;
use super::address::{ADDRESSES_MAX, Address, AddressState};
use super::registration::{Registration, can_satisfy, expires_s};
use crate::config::{HostPort, Resolved, Trunk};
use crate::flow::Transport;
use crate::shed::{Meter, Pace};

/// Between resolutions of a host name.
pub const RESOLVE_EVERY: Duration = Duration::from_secs(300);
/// After a resolution that gave nothing, or is not answered.
pub const RESOLVE_RETRY: Duration = Duration::from_secs(10);

/// Why a trunk takes no further call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Full {
    /// Calls at once: refused until one ends.
    Calls,
    /// Calls a second: room again after so long.
    Rate {
        /// How long.
        retry_after: Duration,
    },
    /// No such trunk.
    Unknown,
}

/// A trunk as shown to operators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrunkView {
    /// Name.
    pub trunk: TrunkId,
    /// Probes answered, and registered where we should be; none: no answer has come yet, and no silence was long enough.
    pub up: Option<bool>,
    /// Calls at once, both directions.
    pub calls: u32,
    /// Calls refused for capacity since the start.
    pub refused: u64,
    /// Our registration there.
    pub registration: Registration,
    /// Addresses, best first.
    pub addresses: Vec<AddressView>,
}

/// An address of a trunk as shown to operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressView {
    /// The address.
    pub to: Resolved,
    /// Whether requests go there.
    pub state: AddressState,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Host {
    name: HostPort,
    answers: Vec<Resolved>,
    // None: a literal address.
    resolve_at: Option<Mono>,
    // The first answer about its name is still to come; none came if it is not there by then.
    first_by: Option<Mono>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Peer {
    id: TrunkId,
    transport: Option<Transport>,
    hosts: Vec<Host>,
    addresses: Vec<Address>,
    probe: Option<Duration>,
    register: Option<Duration>,
    // What a 423 taught us to ask for.
    expires_least_s: u32,
    registration: Registration,
    calls: u32,
    calls_max: u32,
    per_second_max: u32,
    meter: Meter,
    refused: u64,
    told: Option<bool>,
    pub(super) indexed_at: Option<Mono>,
}

impl Peer {
    pub(super) fn new(trunk: &Trunk, now: Mono) -> Peer {
        let hosts = trunk.hosts.iter().map(|name| {
            let answers: Vec<Resolved> = literal(name, trunk.transport).into_iter().collect();
            let is_name = answers.is_empty();
            Host {
                name: name.clone(),
                answers,
                resolve_at: is_name.then_some(now),
                first_by: is_name.then_some(now + RESOLVE_RETRY),
            }
        });
        let mut peer = Peer {
            id: trunk.id,
            transport: trunk.transport,
            hosts: hosts.collect(),
            addresses: Vec::new(),
            probe: trunk.probe,
            register: trunk.register,
            expires_least_s: 0,
            registration: if trunk.register.is_some() { Registration::due(now) } else { Registration::Off },
            calls: 0,
            calls_max: trunk.calls_max,
            per_second_max: trunk.calls_per_second_max,
            meter: Meter::default(),
            refused: 0,
            told: None,
            indexed_at: None,
        };
        peer.gather(now);
        peer
    }

    /// Whether what is known of its addresses and registration holds for `trunk` too.
    pub(super) fn is_reached_as(&self, trunk: &Trunk) -> bool {
        self.transport == trunk.transport
            && self.probe == trunk.probe
            && self.register == trunk.register
            && self.hosts.iter().map(|host| &host.name).eq(&trunk.hosts)
    }

    pub(super) fn with_limits(mut self, trunk: &Trunk) -> Peer {
        self.calls_max = trunk.calls_max;
        self.per_second_max = trunk.calls_per_second_max;
        self
    }

    pub(super) fn with_calls_of(mut self, old: &Peer) -> Peer {
        self.calls = old.calls;
        self.refused = old.refused;
        self
    }

    pub(super) fn admit(&mut self, now: Mono) -> Result<(), Full> {
        let full = if self.calls_max > 0 && self.calls >= self.calls_max {
            Some(Full::Calls)
        } else if self.per_second_max > 0 {
            // A whole second's worth may come at once: calls do.
            let pace = Pace::per_second(self.per_second_max, self.per_second_max);
            let retry_after = self.meter.next_room(pace, now).since(now);
            (!self.meter.take(pace, now)).then_some(Full::Rate { retry_after })
        } else {
            None
        };
        match full {
            Some(full) => {
                self.refused += 1;
                Err(full)
            }
            None => {
                self.calls += 1;
                Ok(())
            }
        }
    }

    pub(super) fn release(&mut self) {
        self.calls = self.calls.saturating_sub(1);
    }

    pub(super) fn pick(&self, tried: &[Resolved]) -> Option<Resolved> {
        let untried = || self.addresses.iter().filter(|address| !tried.contains(&address.to));
        let good = untried().find(|address| address.state.is_good());
        let nearest = || {
            let until = |address: &&Address| match address.state {
                AddressState::Untried { .. } | AddressState::Good { .. } => Mono(0),
                AddressState::Quarantined { until, .. } => until,
            };
            untried().min_by_key(until).filter(|_| tried.is_empty())
        };
        good.or_else(nearest).map(|address| address.to)
    }

    pub(super) fn on_failed(&mut self, peer: SocketAddr, retry_after: Option<Duration>, now: Mono) {
        let every = self.probe;
        self.addresses.iter_mut().filter(|a| a.to.peer == peer).for_each(|a| a.on_failed(retry_after, every, now));
        self.resolve_if_lost(now);
    }

    pub(super) fn on_probe_answered(&mut self, peer: SocketAddr, status: u16, now: Mono) {
        let every = self.probe;
        let probed = self.addresses.iter_mut().filter(|a| a.to.peer == peer && every.is_some());
        probed.for_each(|a| a.on_probe_answered(status, every, now));
    }

    pub(super) fn on_resolved(&mut self, host: u16, answers: &[Resolved], now: Mono) {
        let Some(host) = self.hosts.get_mut(usize::from(host)).filter(|host| host.resolve_at.is_some()) else { return };
        host.first_by = None;
        // What resolved before serves better than nothing when DNS is down.
        if answers.is_empty() {
            host.resolve_at = Some(now + RESOLVE_RETRY);
            return;
        }
        host.answers = answers.iter().take(ADDRESSES_MAX).copied().collect();
        host.resolve_at = Some(now + RESOLVE_EVERY);
        self.gather(now);
        // A registration that waited for an address need not wait longer.
        if let Registration::Waiting { status: 0, ref mut retry_at, .. } = self.registration {
            *retry_at = now;
        }
    }

    pub(super) fn on_registered(&mut self, granted_s: u32, now: Mono) {
        if let Some(every) = self.register {
            self.registration = self.registration.on_granted(granted_s, every, now);
        }
    }

    pub(super) fn on_register_refused(
        &mut self,
        status: u16,
        min_expires_s: Option<u32>,
        retry_after_s: Option<u32>,
        now: Mono,
        seeded: &mut Seeded,
    ) {
        let Some(every) = self.register else { return };
        let asked_s = expires_s(every, self.expires_least_s);
        self.registration = match min_expires_s.filter(|least| status == 423 && can_satisfy(*least, asked_s)) {
            Some(least) => {
                self.expires_least_s = least;
                self.registration.on_too_brief(now)
            }
            None => {
                let retry_after = retry_after_s.map(|s| Duration::from_secs(u64::from(s)));
                self.registration.on_refused(status, retry_after, now, seeded)
            }
        };
    }

    pub(super) fn on_deadline(&mut self, now: Mono, seeded: &mut Seeded, out: &mut Vec<TrunkEffect>) {
        for (host, index) in self.hosts.iter_mut().zip(0..) {
            if host.resolve_at.is_some_and(|at| at <= now) {
                host.resolve_at = Some(now + RESOLVE_RETRY);
                out.push(TrunkEffect::Resolve { trunk: self.id, host: index });
            }
        }
        for address in &mut self.addresses {
            if address.on_deadline(self.probe, now) {
                out.push(TrunkEffect::Probe { trunk: self.id, to: address.to });
            }
        }
        if let Registration::Asking { give_up_at, .. } = self.registration
            && give_up_at <= now
        {
            self.registration = self.registration.on_refused(408, None, now, seeded);
        }
        self.register(now, out);
        self.registration = self.registration.on_time(now);
        self.resolve_if_lost(now);
    }

    fn register(&mut self, now: Mono, out: &mut Vec<TrunkEffect>) {
        let Some(every) = self.register.filter(|_| self.registration.is_due(now)) else { return };
        match self.pick(&[]) {
            Some(to) => {
                self.registration = self.registration.on_sent(now);
                let expires_s = expires_s(every, self.expires_least_s);
                out.push(TrunkEffect::Register { trunk: self.id, to, expires_s });
            }
            // No address yet: tried as soon as one is there, and looked after now and then.
            None => match &mut self.registration {
                Registration::Waiting { retry_at: at, .. } | Registration::Bound { refresh_at: at, .. } => {
                    *at = now + RESOLVE_RETRY;
                }
                Registration::Off | Registration::Asking { .. } => {}
            },
        }
    }

    pub(super) fn deadline(&self) -> Option<Mono> {
        let resolving = self.hosts.iter().filter_map(|host| host.resolve_at);
        let addresses = self.addresses.iter().filter_map(Address::deadline);
        resolving.chain(addresses).chain(self.registration.deadline()).min()
    }

    /// The process is new: nobody there knows what was told, and what is known is asked for again.
    pub(super) fn on_restart(&mut self, now: Mono) {
        self.told = None;
        self.addresses.iter_mut().for_each(|address| address.on_restart(now));
    }

    /// Whether to tell that it came or went. What was known holds until the contrary is.
    pub(super) fn tell(&mut self, now: Mono) -> Option<bool> {
        let stands = match (self.answers(now), self.registered(now)) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            (None, None | Some(true)) | (Some(true), None) => self.told,
        };
        (std::mem::replace(&mut self.told, stands) != stands).then_some(stands).flatten()
    }

    /// Whether any of its addresses does; none: nothing has been heard yet.
    fn answers(&self, now: Mono) -> Option<bool> {
        if self.probe.is_none() || self.hosts.is_empty() {
            return Some(true);
        }
        let known = || self.addresses.iter().map(|address| address.state.answers());
        let is_asked = self.hosts.iter().any(|host| host.first_by.is_some_and(|by| now < by));
        let is_awaited = is_asked || known().any(|answers| answers.is_none());
        match known().any(|answers| answers == Some(true)) {
            true => Some(true),
            false if is_awaited => None,
            false => Some(false),
        }
    }

    fn registered(&self, now: Mono) -> Option<bool> {
        let is_bound = self.register.is_none() || self.registration.is_bound(now);
        // Who has had an answer once, of whatever kind, knows.
        (is_bound || self.told.is_some() || self.registration.has_failed()).then_some(is_bound)
    }

    pub(super) fn told(&self) -> Option<bool> {
        self.told
    }

    pub(super) fn view(&self, trunk: TrunkId) -> TrunkView {
        let addresses = self.addresses.iter().map(|address| AddressView { to: address.to, state: address.state });
        TrunkView {
            trunk,
            up: self.told,
            calls: self.calls,
            refused: self.refused,
            registration: self.registration,
            addresses: addresses.collect(),
        }
    }

    /// Takes over the hosts' answers in order; what is known of an address that stays is kept.
    fn gather(&mut self, now: Mono) {
        let old = std::mem::take(&mut self.addresses);
        for to in self.hosts.iter().flat_map(|host| &host.answers) {
            if self.addresses.len() < ADDRESSES_MAX && self.addresses.iter().all(|address| address.to != *to) {
                let known = old.iter().find(|address| address.to == *to).copied();
                self.addresses.push(known.unwrap_or_else(|| Address::new(*to, self.probe.is_some(), now)));
            }
        }
    }

    /// With no good address left, names are asked again soon: the service may have moved.
    fn resolve_if_lost(&mut self, now: Mono) {
        if self.addresses.iter().any(|address| address.state.is_good()) {
            return;
        }
        for at in self.hosts.iter_mut().filter_map(|host| host.resolve_at.as_mut()) {
            *at = (*at).min(now + RESOLVE_RETRY);
        }
    }
}

/// An address given as such needs no resolving (RFC 3263 §4.1, §4.2).
fn literal(host: &HostPort, transport: Option<Transport>) -> Option<Resolved> {
    let address: IpAddr = host.host.parse().ok()?;
    let peer = SocketAddr::new(address.to_canonical(), host.port.unwrap_or(5060));
    Some(Resolved { transport: transport.unwrap_or(Transport::Udp), peer })
}
