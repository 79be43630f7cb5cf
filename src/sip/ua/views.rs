//! What the engine and people may ask the user agent: where peers are, which stations and trunks are reachable.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use turno_base::{LegId, Now, StationId, Wall};

use super::Ua;
use super::boundary::Target;
use super::leg::Stage;
use crate::config::FixedContact;
use crate::flow::Destination;

/// Where a station can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StationView {
    /// The station.
    pub station: StationId,
    /// Bound contacts, or the fixed one.
    pub contacts: Vec<String>,
    /// When the last binding ends; none without one.
    pub expires: Option<Wall>,
    /// Calls to it have somewhere to go.
    pub reachable: bool,
}

impl Ua {
    /// Address of the peer of a leg that arrived and is not yet answered.
    pub fn caller_address(&self, leg: LegId) -> Option<IpAddr> {
        match &self.legs.get(&leg)?.stage {
            Stage::Arriving(arriving) => Some(arriving.flow.peer.ip()),
            Stage::Dialling(_) | Stage::Up(_) => None,
        }
    }

    /// Address that a call to `target` would go to first; none where a name has to be resolved first.
    pub fn address_of(&self, target: &Target) -> Option<IpAddr> {
        match target {
            Target::Station(station) => match self.registrar.targets(*station).first() {
                Some(binding) => Some(address(&binding.destination)),
                None => self.fixed_of(*station).and_then(|fixed| literal(&fixed.uri)),
            },
            Target::Trunk { trunk, .. } => self.trunks.pick(*trunk, &[]).map(|to| to.peer.ip()),
        }
    }

    /// All stations, in the order of the configuration.
    pub fn station_views(&self, now: Now) -> Vec<StationView> {
        let accounts = self.config.accounts.iter();
        accounts
            .map(|account| {
                let bound: Vec<_> = self.registrar.bindings_of(account.station).collect();
                let last = bound.iter().map(|binding| binding.expires_at).max();
                let fixed = account.fixed.iter().map(|fixed| fixed.uri.clone());
                StationView {
                    station: account.station,
                    contacts: bound.iter().map(|binding| binding.uri.clone()).chain(fixed).collect(),
                    expires: last.map(|at| now.wall + at.since(now.mono)),
                    reachable: account.fixed.is_some() || self.registrar.is_reachable(account.station),
                }
            })
            .collect()
    }

    fn fixed_of(&self, station: StationId) -> Option<&FixedContact> {
        self.account_of(station).and_then(|account| account.fixed.as_ref())
    }
}

fn address(destination: &Destination) -> IpAddr {
    match destination {
        Destination::Flow(flow) => flow.peer.ip(),
        Destination::Address { peer, .. } => peer.ip(),
    }
}

fn literal(uri: &str) -> Option<IpAddr> {
    let host = crate::message::Uri::parse(uri)?.host?;
    host.to_string().trim_matches(['[', ']']).parse().ok()
}
