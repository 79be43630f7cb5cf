//! Where a host name leads: the order of RFC 3263 §4 over NAPTR, SRV and A/AAAA answers that the shell's resolver hands
//! in. What to ask next follows from what was answered; nothing here touches the network.
//!
//! [`Location`] is the whole way; [`by_preference`] and [`by_priority`] are its two orders.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use turno_base::Seeded;

use crate::config::{HostPort, Resolved};
use crate::flow::Transport;

/// Services of one name that are followed; the least preferred of more are left out.
pub const SERVICES_MAX: usize = 8;
/// Targets of all services that are followed.
pub const TARGETS_MAX: usize = 16;
/// Addresses given in the end.
pub const ADDRESSES_MAX: usize = 32;
/// Port of SIP over UDP and TCP.
pub const PORT_DEFAULT: u16 = 5060;

/// A NAPTR record (RFC 3403 §4.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Naptr {
    /// Lower first, and not to be passed over for preference.
    pub order: u16,
    /// Lower first within an order.
    pub preference: u16,
    /// `s`: the replacement is the name of SRV records.
    pub flags: String,
    /// `SIP+D2U`, `SIP+D2T`, …
    pub service: String,
    /// The name to ask next.
    pub replacement: String,
}

/// A SRV record (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Srv {
    /// Lower first.
    pub priority: u16,
    /// Share among those of equal priority.
    pub weight: u16,
    /// Port of the target.
    pub port: u16,
    /// Its name; `.` if the service decidedly does not exist.
    pub target: String,
}

/// What to ask DNS.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Question {
    /// NAPTR records.
    Naptr(String),
    /// SRV records.
    Srv(String),
    /// A and AAAA records.
    Addresses(String),
}

/// What DNS said; an empty list for no such record, a failure or silence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// To [`Question::Naptr`].
    Naptr(Vec<Naptr>),
    /// To [`Question::Srv`].
    Srv(Vec<Srv>),
    /// To [`Question::Addresses`].
    Addresses(Vec<IpAddr>),
}

/// One host on its way to addresses: ask [`Location::questions`], give [`Location::answer`], until [`Location::resolved`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    host: String,
    stage: Stage,
    seeded: Seeded,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    Naptr,
    Services { services: Vec<Service>, fallback: Transport },
    Targets(Vec<Target>),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Service {
    transport: Transport,
    name: String,
    records: Option<Vec<Srv>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Target {
    transport: Transport,
    name: String,
    port: u16,
    addresses: Option<Vec<IpAddr>>,
}

impl Location {
    /// Begins. The seed decides among SRV records of equal priority.
    pub fn new(host: &HostPort, transport: Option<Transport>, seed: u64) -> Location {
        let target = |name: &str, addresses| Target {
            transport: transport.unwrap_or(Transport::Udp),
            name: name.to_owned(),
            port: host.port.unwrap_or(PORT_DEFAULT),
            addresses,
        };
        let stage = match (host.host.parse::<IpAddr>(), host.port, transport) {
            (Ok(address), _, _) => Stage::Targets(vec![target(&host.host, Some(vec![address]))]),
            // A port in the address is meant (RFC 3263 §4.1, §4.2).
            (Err(_), Some(_), _) => Stage::Targets(vec![target(&host.host, None)]),
            (Err(_), None, Some(transport)) => {
                Stage::Services { services: vec![Service::of(transport, &host.host)], fallback: transport }
            }
            (Err(_), None, None) => Stage::Naptr,
        };
        Location { host: host.host.clone(), stage, seeded: Seeded::new(seed) }
    }

    /// What is to be asked now, each once; in any order, all at a time or one by one.
    pub fn questions(&self) -> Vec<Question> {
        let mut questions: Vec<Question> = match &self.stage {
            Stage::Naptr => vec![Question::Naptr(self.host.clone())],
            Stage::Services { services, .. } => {
                let open = services.iter().filter(|service| service.records.is_none());
                open.map(|service| Question::Srv(service.name.clone())).collect()
            }
            Stage::Targets(targets) => {
                let open = targets.iter().filter(|target| target.addresses.is_none());
                open.map(|target| Question::Addresses(target.name.clone())).collect()
            }
        };
        questions.sort();
        questions.dedup();
        questions
    }

    /// Takes an answer; one that nobody asked for changes nothing.
    pub fn answer(&mut self, question: &Question, answer: &Answer) {
        match (&mut self.stage, question, answer) {
            (Stage::Naptr, Question::Naptr(name), Answer::Naptr(records)) if *name == self.host => {
                let services = services(&self.host, records);
                self.stage = Stage::Services { services, fallback: Transport::Udp };
            }
            (Stage::Services { services, .. }, Question::Srv(name), Answer::Srv(records)) => {
                for service in services.iter_mut().filter(|service| service.name == *name) {
                    service.records = Some(by_priority(records, &mut self.seeded));
                }
                self.follow_services();
            }
            (Stage::Targets(targets), Question::Addresses(name), Answer::Addresses(addresses)) => {
                for target in targets.iter_mut().filter(|target| target.name == *name) {
                    target.addresses = Some(addresses.iter().take(ADDRESSES_MAX).copied().collect());
                }
            }
            (Stage::Naptr | Stage::Services { .. } | Stage::Targets(_), _, _) => {}
        }
    }

    /// The addresses, best first, once nothing is left to ask; none of them: the host cannot be reached.
    pub fn resolved(&self) -> Option<Vec<Resolved>> {
        let Stage::Targets(targets) = &self.stage else { return None };
        let mut resolved = Vec::new();
        for target in targets {
            for address in target.addresses.as_ref()? {
                let peer = SocketAddr::new(address.to_canonical(), target.port);
                let next = Resolved { transport: target.transport, peer };
                if !resolved.contains(&next) && resolved.len() < ADDRESSES_MAX {
                    resolved.push(next);
                }
            }
        }
        Some(resolved)
    }

    /// With all SRV answers there, their targets are next; without any record, the host itself (RFC 3263 §4.2).
    fn follow_services(&mut self) {
        let Stage::Services { services, fallback } = &self.stage else { return };
        if services.iter().any(|service| service.records.is_none()) {
            return;
        }
        let found =
            services.iter().flat_map(|service| service.records.iter().flatten().map(|r| (service.transport, r)));
        let is_none_there = found.clone().next().is_none();
        let mut targets: Vec<Target> = found
            // "." says that there is no such service: nothing to fall back to.
            .filter(|(_, record)| !matches!(record.target.as_str(), "." | ""))
            .take(TARGETS_MAX)
            .map(|(transport, record)| {
                let addresses = record.target.parse().ok().map(|address| vec![address]);
                Target { transport, name: record.target.clone(), port: record.port, addresses }
            })
            .collect();
        if is_none_there {
            let name = self.host.clone();
            targets.push(Target { transport: *fallback, name, port: PORT_DEFAULT, addresses: None });
        }
        self.stage = Stage::Targets(targets);
    }
}

impl Service {
    fn of(transport: Transport, host: &str) -> Service {
        let label = match transport {
            Transport::Udp => "_udp",
            Transport::Tcp => "_tcp",
        };
        Service { transport, name: format!("_sip.{label}.{host}"), records: None }
    }
}

/// The services to ask SRV records of: those that NAPTR names, or without any each transport's own.
fn services(host: &str, records: &[Naptr]) -> Vec<Service> {
    let named = by_preference(records).into_iter().take(SERVICES_MAX);
    let named: Vec<Service> = named
        .map(|(transport, record)| Service { transport, name: record.replacement.clone(), records: None })
        .collect();
    if named.is_empty() { vec![Service::of(Transport::Udp, host), Service::of(Transport::Tcp, host)] } else { named }
}

/// NAPTR records that lead to SRV records of a transport that we speak, in order (RFC 3263 §4.1, RFC 3403 §4.1).
pub fn by_preference(records: &[Naptr]) -> Vec<(Transport, &Naptr)> {
    let spoken = |record: &Naptr| match record.service.to_ascii_uppercase().as_str() {
        "SIP+D2U" => Some(Transport::Udp),
        "SIP+D2T" => Some(Transport::Tcp),
        _ => None,
    };
    let usable = records.iter().filter(|r| r.flags.eq_ignore_ascii_case("s") && !r.replacement.is_empty());
    let mut usable: Vec<(Transport, &Naptr)> = usable.filter_map(|r| Some((spoken(r)?, r))).collect();
    usable.sort_by_key(|(_, record)| (record.order, record.preference));
    usable
}

/// SRV records by priority; within one, drawn one after the other with chances as their weights (RFC 2782).
pub fn by_priority(records: &[Srv], seeded: &mut Seeded) -> Vec<Srv> {
    let mut left: Vec<&Srv> = records.iter().take(TARGETS_MAX * 4).collect();
    // Those of weight 0 first in each priority, so that they have their small chance.
    left.sort_by_key(|record| (record.priority, record.weight));
    let mut drawn = Vec::with_capacity(left.len());
    while let Some(first) = left.first() {
        let same = left.iter().take_while(|record| record.priority == first.priority);
        let total: u64 = same.clone().map(|record| u64::from(record.weight)).sum();
        let mark = seeded.below(total + 1);
        let mut running = 0;
        let at = same.into_iter().position(|record| {
            running += u64::from(record.weight);
            running >= mark
        });
        drawn.push(left.remove(at.unwrap_or(0)).clone());
    }
    drawn
}
