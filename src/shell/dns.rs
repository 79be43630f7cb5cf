//! Names of trunks and targets to addresses: NAPTR, SRV, A and AAAA (RFC 3263). The order to try them in is the SIP
//! room's to know; here only questions are asked, with a time limit.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{RData, RecordType};
use tokio::sync::Semaphore;
use turno_engine::Input;
use turno_sip::config::{HostPort, Resolved};
use turno_sip::flow::Transport;

use crate::shell::inbox::Inbox;

/// Questions at once; more wait.
const QUESTIONS_MAX: usize = 64;
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
    /// With the system's name servers; a machine without any still resolves addresses.
    pub fn new(inbox: Inbox, runtime: tokio::runtime::Handle) -> Dns {
        let _inside = runtime.enter();
        let resolver = TokioResolver::builder_tokio().and_then(|builder| builder.build());
        if let Err(error) = &resolver {
            tracing::warn!(%error, "no name server is configured; only addresses resolve");
        }
        Dns { resolver: resolver.ok().map(Arc::new), at_once: Arc::new(Semaphore::new(QUESTIONS_MAX)), inbox, runtime }
    }

    /// Resolves `host` and tells the engine under the name `query`; an empty answer says that it does not resolve.
    pub fn resolve(&self, query: u64, host: HostPort, transport: Option<Transport>) {
        if let Ok(ip) = host.host.parse::<IpAddr>() {
            let peer = SocketAddr::new(ip, host.port.unwrap_or(5060));
            let addresses = vec![Resolved { transport: transport.unwrap_or(Transport::Udp), peer }];
            self.tell(query, addresses);
            return;
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

    /// RFC 3263 §4.1-4.2: a port given means addresses only; else NAPTR, else SRV of each transport, else addresses.
    async fn ask(&self, host: &HostPort, transport: Option<Transport>) -> Vec<Resolved> {
        if let Some(port) = host.port {
            return self.addresses(&host.host, port, transport.unwrap_or(Transport::Udp)).await;
        }
        for (transport, name) in self.services(&host.host, transport).await {
            let found = self.servers(&name, transport).await;
            if !found.is_empty() {
                return found;
            }
        }
        self.addresses(&host.host, 5060, transport.unwrap_or(Transport::Udp)).await
    }

    /// SRV names to ask, in order.
    async fn services(&self, host: &str, transport: Option<Transport>) -> Vec<(Transport, String)> {
        let wanted = |t: Transport| transport.is_none_or(|fixed| fixed == t);
        let mut found: Vec<(u16, u16, Transport, String)> = Vec::new();
        if transport.is_none() {
            for data in self.records(host, RecordType::NAPTR).await {
                let RData::NAPTR(naptr) = data else { continue };
                let transport = match naptr.services.to_ascii_uppercase().as_slice() {
                    b"SIP+D2U" => Transport::Udp,
                    b"SIP+D2T" => Transport::Tcp,
                    _ => continue,
                };
                if naptr.flags.eq_ignore_ascii_case(b"s") {
                    found.push((naptr.order, naptr.preference, transport, naptr.replacement.to_utf8()));
                }
            }
            found.sort();
        }
        if !found.is_empty() {
            return found.into_iter().map(|(_, _, transport, name)| (transport, name)).collect();
        }
        [(Transport::Udp, "_sip._udp"), (Transport::Tcp, "_sip._tcp")]
            .into_iter()
            .filter(|(t, _)| wanted(*t))
            .map(|(t, prefix)| (t, format!("{prefix}.{host}")))
            .collect()
    }

    async fn servers(&self, name: &str, transport: Transport) -> Vec<Resolved> {
        let mut servers: Vec<(u16, u16, u16, String)> = Vec::new();
        for data in self.records(name, RecordType::SRV).await {
            if let RData::SRV(srv) = data {
                servers.push((srv.priority, u16::MAX - srv.weight, srv.port, srv.target.to_utf8()));
            }
        }
        servers.sort();
        let mut found = Vec::new();
        for (_, _, port, target) in servers {
            found.extend(self.addresses(&target, port, transport).await);
        }
        found
    }

    async fn addresses(&self, host: &str, port: u16, transport: Transport) -> Vec<Resolved> {
        if host == "localhost" {
            return vec![Resolved { transport, peer: SocketAddr::from(([127, 0, 0, 1], port)) }];
        }
        let Some(resolver) = &self.resolver else { return Vec::new() };
        match resolver.lookup_ip(host).await {
            Ok(found) => found.iter().map(|ip| Resolved { transport, peer: SocketAddr::new(ip, port) }).collect(),
            Err(error) => {
                tracing::info!(host, %error, "a name does not resolve");
                Vec::new()
            }
        }
    }

    async fn records(&self, name: &str, kind: RecordType) -> Vec<RData> {
        let Some(resolver) = &self.resolver else { return Vec::new() };
        match resolver.lookup(name, kind).await {
            Ok(found) => found.answers().iter().map(|record| record.data.clone()).collect(),
            Err(_) => Vec::new(),
        }
    }
}
