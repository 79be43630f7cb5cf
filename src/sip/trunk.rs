//! Trunks: whose requests are whose, how many calls each takes, where calls to it go, whether it lives, and our
//! registration there (RFC 3261 §10.2, RFC 3263 §4.3).
//!
//! Not here: what a call is, digest answers ([`crate::auth::TrunkDigest`]), and name resolution itself, which is asked
//! for as an effect and ordered by [`crate::locate`].

mod address;
mod peer;
mod registration;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::{Mono, Now, Seeded, TrunkId};

use crate::config::{Cidr, Resolved, SipConfig};

pub use address::{
    ADDRESSES_MAX, AddressState, PROBE_AGAIN, PROBE_ANSWERS_MIN, PROBE_MISSES_MAX, PROBE_WAIT, QUARANTINE,
    QUARANTINE_MAX,
};
pub use peer::{AddressView, Full, RESOLVE_EVERY, RESOLVE_RETRY, TrunkView};
pub use registration::{ANSWER_WAIT, REFUSED_RETRY_MIN, RETRY_MAX, RETRY_MIN, Registration};

use peer::Peer;

/// Trunks handled in one turn; what is left is due at once.
pub const PER_TURN_MAX: usize = 256;

/// What the trunks want done or known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrunkEffect {
    /// A trunk came up or went down, or is known no more.
    Changed {
        /// The trunk.
        trunk: TrunkId,
        /// Probes answered, and registered where we should be; none: nothing is known of it any more, because it is gone or
        /// is reached in another way from now on.
        up: Option<bool>,
    },
    /// Resolve its host; the answer goes to [`Trunks::on_resolved`].
    Resolve {
        /// The trunk.
        trunk: TrunkId,
        /// Index in its hosts.
        host: u16,
    },
    /// Send OPTIONS there, once. An answer goes to [`Trunks::on_probe_answered`]; silence needs no report.
    Probe {
        /// The trunk.
        trunk: TrunkId,
        /// Where.
        to: Resolved,
    },
    /// Send REGISTER there; the outcome goes to [`Trunks::on_registered`] or [`Trunks::on_register_refused`].
    Register {
        /// The trunk.
        trunk: TrunkId,
        /// Where.
        to: Resolved,
        /// Expires to ask for, seconds.
        expires_s: u32,
    },
}

/// All trunks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trunks {
    peers: BTreeMap<TrunkId, Peer>,
    // Longest prefix first.
    networks: Vec<(Cidr, TrunkId)>,
    by_deadline: BTreeSet<(Mono, TrunkId)>,
    seeded: Seeded,
}

impl Trunks {
    /// No trunks yet. The seed spreads retries.
    pub const fn new(seed: u64) -> Trunks {
        Trunks { peers: BTreeMap::new(), networks: Vec::new(), by_deadline: BTreeSet::new(), seeded: Seeded::new(seed) }
    }

    /// Takes the trunks of `config`: at the start, and whenever it changes. What is known of a trunk that stays is kept.
    pub fn configure(&mut self, config: &SipConfig, now: Now, out: &mut Vec<TrunkEffect>) {
        let mut old = std::mem::take(&mut self.peers);
        self.by_deadline.clear();
        self.networks = config.trunks.iter().flat_map(|t| t.networks.iter().map(|net| (*net, t.id))).collect();
        self.networks.sort_by_key(|(net, _)| std::cmp::Reverse(net.prefix));
        for trunk in &config.trunks {
            let peer = match old.remove(&trunk.id) {
                Some(peer) if peer.is_reached_as(trunk) => peer.with_limits(trunk),
                Some(peer) => {
                    out.extend(peer.told().map(|_| TrunkEffect::Changed { trunk: trunk.id, up: None }));
                    Peer::new(trunk, now.mono).with_calls_of(&peer)
                }
                None => Peer::new(trunk, now.mono),
            };
            self.peers.insert(trunk.id, peer);
            self.changing(trunk.id, now, out, |peer, seeded, out| peer.on_deadline(now.mono, seeded, out));
        }
        out.extend(
            old.into_iter()
                .filter(|(_, peer)| peer.told().is_some())
                .map(|(trunk, _)| TrunkEffect::Changed { trunk, up: None }),
        );
    }

    /// The process started again with this state: what is known is told again, and asked for at once.
    pub fn on_restart(&mut self, now: Now, out: &mut Vec<TrunkEffect>) {
        let trunks: Vec<TrunkId> = self.peers.keys().copied().collect();
        for trunk in trunks {
            self.changing(trunk, now, out, |peer, _, _| peer.on_restart(now.mono));
        }
    }

    /// Whose request comes from this address: the longest prefix wins, of equals the trunk configured first.
    pub fn recognise(&self, source: IpAddr) -> Option<TrunkId> {
        self.networks.iter().find(|(net, _)| net.contains(source)).map(|(_, trunk)| *trunk)
    }

    /// Counts a new call, in or out, if the trunk takes one more now.
    pub fn admit(&mut self, trunk: TrunkId, now: Now) -> Result<(), Full> {
        self.peers.get_mut(&trunk).ok_or(Full::Unknown)?.admit(now.mono)
    }

    /// A call that was admitted has ended.
    pub fn release(&mut self, trunk: TrunkId) {
        if let Some(peer) = self.peers.get_mut(&trunk) {
            peer.release();
        }
    }

    /// Where to send a request next, given what it was sent to before: the best address that is not in quarantine. With
    /// all of them in quarantine, the one nearest to its end, for a first try only.
    pub fn pick(&self, trunk: TrunkId, tried: &[Resolved]) -> Option<Resolved> {
        self.peers.get(&trunk)?.pick(tried)
    }

    /// A request to this address went unanswered or could not be sent (no `retry_after`), or was answered 503 with
    /// Retry-After.
    pub fn on_failed(
        &mut self,
        trunk: TrunkId,
        peer: SocketAddr,
        retry_after: Option<Duration>,
        now: Now,
        out: &mut Vec<TrunkEffect>,
    ) {
        self.changing(trunk, now, out, |state, _, _| state.on_failed(peer, retry_after, now.mono));
    }

    /// A probe was answered with this final status; 503 counts as no answer (it drains).
    pub fn on_probe_answered(
        &mut self,
        trunk: TrunkId,
        peer: SocketAddr,
        status: u16,
        now: Now,
        out: &mut Vec<TrunkEffect>,
    ) {
        self.changing(trunk, now, out, |state, _, _| state.on_probe_answered(peer, status, now.mono));
    }

    /// A host resolved to these addresses, best first; none if it did not.
    pub fn on_resolved(
        &mut self,
        trunk: TrunkId,
        host: u16,
        answers: &[Resolved],
        now: Now,
        out: &mut Vec<TrunkEffect>,
    ) {
        self.changing(trunk, now, out, |state, seeded, out| {
            state.on_resolved(host, answers, now.mono);
            state.on_deadline(now.mono, seeded, out);
        });
    }

    /// Our REGISTER was answered 200, granted for so many seconds.
    pub fn on_registered(&mut self, trunk: TrunkId, granted_s: u32, now: Now, out: &mut Vec<TrunkEffect>) {
        self.changing(trunk, now, out, |state, _, _| state.on_registered(granted_s, now.mono));
    }

    /// Our REGISTER failed with this final status (408: no answer). `min_expires` of a 423, `retry_after` of any.
    pub fn on_register_refused(
        &mut self,
        trunk: TrunkId,
        status: u16,
        (min_expires_s, retry_after_s): (Option<u32>, Option<u32>),
        now: Now,
        out: &mut Vec<TrunkEffect>,
    ) {
        self.changing(trunk, now, out, |state, seeded, out| {
            state.on_register_refused(status, min_expires_s, retry_after_s, now.mono, seeded);
            state.on_deadline(now.mono, seeded, out);
        });
    }

    /// When to call [`Trunks::on_deadline`].
    pub fn deadline(&self) -> Option<Mono> {
        self.by_deadline.first().map(|(at, _)| *at)
    }

    /// Probes, resolves and registers what is due.
    pub fn on_deadline(&mut self, now: Now, out: &mut Vec<TrunkEffect>) {
        for _ in 0..PER_TURN_MAX {
            let Some((at, trunk)) = self.by_deadline.first().copied() else { return };
            if at > now.mono {
                return;
            }
            self.changing(trunk, now, out, |peer, seeded, out| peer.on_deadline(now.mono, seeded, out));
        }
    }

    /// A trunk as shown to operators.
    pub fn view(&self, trunk: TrunkId) -> Option<TrunkView> {
        self.peers.get(&trunk).map(|peer| peer.view(trunk))
    }

    /// All trunks as shown to operators.
    pub fn views(&self) -> impl Iterator<Item = TrunkView> {
        self.peers.iter().map(|(trunk, peer)| peer.view(*trunk))
    }

    /// Does `change`, keeps the order of deadlines, and tells if the trunk came or went by it.
    fn changing(
        &mut self,
        trunk: TrunkId,
        now: Now,
        out: &mut Vec<TrunkEffect>,
        change: impl FnOnce(&mut Peer, &mut Seeded, &mut Vec<TrunkEffect>),
    ) {
        let Some(peer) = self.peers.get_mut(&trunk) else { return };
        if let Some(before) = peer.indexed_at.take() {
            self.by_deadline.remove(&(before, trunk));
        }
        change(peer, &mut self.seeded, out);
        if let Some(up) = peer.tell(now.mono) {
            out.push(TrunkEffect::Changed { trunk, up: Some(up) });
        }
        peer.indexed_at = peer.deadline();
        if let Some(at) = peer.indexed_at {
            self.by_deadline.insert((at, trunk));
        }
    }
}
