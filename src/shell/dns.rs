//! Names of trunks and targets to addresses. What to ask and in which order to try the answers is the SIP room's to know
//! (RFC 3263, [`Location`]); here DNS is asked, with bounds and a time limit.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use tokio::sync::Semaphore;
use turno_engine::Input;
use turno_sip::config::{HostPort, Resolved};
use turno_sip::flow::Transport;
use turno_sip::locate::{Answer, Location, Naptr, Question, Srv};

use crate::shell::entropy;
use crate::shell::inbox::Inbox;

/// Names resolved at once; more wait.
const NAMES_MAX: usize = 64;
/// Longest time for one name, all its records together; past it the name does not resolve.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Answers the engine's questions about names.
#[derive(Clone)]
pub struct Dns {
    resolver: Option<Arc<TokioResolver>>,
    at_once: Arc<Semaphore>,
    inbox: Inbox,
    runtime: tokio::runtime::Handle,
}

impl std::fmt::Debug for Dns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dns").field("resolver", &self.resolver.is_some()).finish_non_exhaustive()
    }
}

impl Dns {
    /// With these name servers, or the system's if there are none; a machine without any still resolves addresses.
    pub fn new(inbox: Inbox, runtime: tokio::runtime::Handle, name_servers: &[SocketAddr]) -> Dns {
        let _inside = runtime.enter();
        let builder = match name_servers {
            [] => TokioResolver::builder_tokio(),
            own => Ok(TokioResolver::builder_with_config(asking(own), TokioRuntimeProvider::default())),
        };
        let resolver = builder.and_then(|builder| builder.build());
        if let Err(error) = &resolver {
            tracing::warn!(%error, "no name server is configured; only addresses resolve");
        }
        Dns { resolver: resolver.ok().map(Arc::new), at_once: Arc::new(Semaphore::new(NAMES_MAX)), inbox, runtime }
    }

    /// Resolves `host` and tells the engine under the name `query`; an empty answer says that it does not resolve.
    pub fn resolve(&self, query: u64, host: HostPort, transport: Option<Transport>) {
        if let Some(addresses) = Location::new(&host, transport, 0).resolved() {
            return self.tell(query, addresses);
        }
        let dns = self.clone();
        self.runtime.spawn(async move {
            let _turn = dns.at_once.acquire().await;
            let asked = tokio::time::timeout(ANSWER_LIMIT, dns.ask(&host, transport)).await;
            dns.tell(query, asked.unwrap_or_default());
        });
    }

    fn tell(&self, query: u64, addresses: Vec<Resolved>) {
        if let Err(input) = self.inbox.house_now(Input::Resolved { query, addresses }) {
            let inbox = self.inbox.clone();
            self.runtime.spawn_blocking(move || inbox.house(*input));
        }
    }

    async fn ask(&self, host: &HostPort, transport: Option<Transport>) -> Vec<Resolved> {
        let mut location = Location::new(host, transport, entropy::draw());
        loop {
            if let Some(addresses) = location.resolved() {
                return addresses;
            }
            let questions = location.questions();
            if questions.is_empty() {
                return Vec::new();
            }
            for question in questions {
                let answer = self.answer(&question).await;
                location.answer(&question, &answer);
            }
        }
    }

    async fn answer(&self, question: &Question) -> Answer {
        match question {
            Question::Naptr(name) => {
                let records = self.records(name, RecordType::NAPTR).await;
                Answer::Naptr(records.iter().filter_map(naptr).collect())
            }
            Question::Srv(name) => {
                let records = self.records(name, RecordType::SRV).await;
                Answer::Srv(records.iter().filter_map(srv).collect())
            }
            Question::Addresses(name) => Answer::Addresses(self.addresses(name).await),
        }
    }

    /// The system's hosts file counts as well.
    async fn addresses(&self, name: &str) -> Vec<IpAddr> {
        let Some(resolver) = &self.resolver else { return Vec::new() };
        match resolver.lookup_ip(name).await {
            Ok(found) => found.iter().collect(),
            Err(error) => {
                tracing::info!(name, %error, "a name does not resolve");
                Vec::new()
            }
        }
    }

    async fn records(&self, name: &str, kind: RecordType) -> Vec<RData> {
        let Some(resolver) = &self.resolver else { return Vec::new() };
        match resolver.lookup(name, kind).await {
            Ok(found) => found.answers().iter().map(|record| record.data.clone()).collect(),
            // No such record is the usual case: most domains have neither NAPTR nor SRV.
            Err(_) => Vec::new(),
        }
    }
}

/// These and no others, by UDP and for what is too long by TCP.
fn asking(name_servers: &[SocketAddr]) -> ResolverConfig {
    let server = |at: &SocketAddr| {
        let at_its_port = |mut connection: ConnectionConfig| {
            connection.port = at.port();
            connection
        };
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(at_its_port);
        NameServerConfig::new(at.ip(), true, connections.into())
    };
    ResolverConfig::from_name_servers(name_servers.iter().map(server).collect())
}

fn naptr(data: &RData) -> Option<Naptr> {
    let RData::NAPTR(naptr) = data else { return None };
    Some(Naptr {
        order: naptr.order,
        preference: naptr.preference,
        flags: String::from_utf8_lossy(&naptr.flags).into_owned(),
        service: String::from_utf8_lossy(&naptr.services).into_owned(),
        replacement: naptr.replacement.to_utf8(),
    })
}

fn srv(data: &RData) -> Option<Srv> {
    let RData::SRV(srv) = data else { return None };
    Some(Srv { priority: srv.priority, weight: srv.weight, port: srv.port, target: srv.target.to_utf8() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::clock::Clock;
    use crate::shell::inbox::inbox;

    #[test]
    fn addresses_and_the_hosts_file_resolve_without_a_name_server() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (inbox, outlet) = inbox(Clock::begin());
        let dns = Dns::new(inbox, runtime.handle().clone(), &[]);
        for (query, host) in [(1, "127.0.0.1"), (2, "localhost")] {
            dns.resolve(query, HostPort { host: host.into(), port: Some(5062) }, Some(Transport::Tcp));
            match outlet.house.recv_timeout(2 * ANSWER_LIMIT).unwrap().input {
                Input::Resolved { query: answered, addresses } => {
                    assert_eq!(answered, query);
                    assert!(addresses.iter().any(|a| a.transport == Transport::Tcp && a.peer.port() == 5062), "{host}");
                    assert!(addresses.iter().all(|a| a.peer.ip().is_loopback()));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
