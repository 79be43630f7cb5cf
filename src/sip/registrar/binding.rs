//! One binding: what a phone told about itself, and where calls to it go.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use turno_base::{Mono, StationId};

use super::probe::Reach;
use super::request::{RegisterRequest, Wish};
use crate::flow::{Destination, Flow, Transport};
use crate::message::{NameAddr, Uri};

/// Names a binding, never reused; later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BindingId(pub u64);

/// An account's reachable Contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// Its name.
    pub id: BindingId,
    /// Whose it is.
    pub station: StationId,
    /// The Contact's URI: the Request-URI of calls.
    pub uri: String,
    /// Preference in thousandths.
    pub q: u16,
    /// `+sip.instance`.
    pub instance: Option<String>,
    /// `reg-id`.
    pub reg_id: Option<u32>,
    /// Path: the Route of calls, first hop first (RFC 3327).
    pub path: Vec<String>,
    /// Call-ID of the REGISTER.
    pub call_id: String,
    /// CSeq of the REGISTER.
    pub cseq: u32,
    /// Over which it registered.
    pub flow: Flow,
    /// Where calls go.
    pub destination: Destination,
    /// When it ends.
    pub expires_at: Mono,
    /// What probes know.
    pub reach: Reach,
    pub(super) awaits_answer: bool,
    pub(super) probe_at: Option<Mono>,
}

impl Binding {
    pub(super) fn new(
        id: BindingId,
        station: StationId,
        wish: &Wish<'_>,
        request: &RegisterRequest<'_>,
        flow: Flow,
        expires_at: Mono,
    ) -> Binding {
        Binding {
            id,
            station,
            uri: wish.uri.without_headers().to_owned(),
            q: wish.q,
            instance: wish.instance.map(str::to_owned),
            reg_id: wish.reg_id,
            path: request.path.iter().map(|hop| (*hop).to_owned()).collect(),
            call_id: request.call_id.to_owned(),
            cseq: request.cseq,
            flow,
            destination: destination(wish, request, flow),
            expires_at,
            reach: Reach::default(),
            awaits_answer: false,
            probe_at: None,
        }
    }

    pub(super) fn is_flow_of(&self, instance: &str, reg_id: u32) -> bool {
        self.reg_id == Some(reg_id) && self.instance.as_deref() == Some(instance)
    }

    /// Whole seconds left, at least 1 while it is.
    pub fn seconds_left(&self, now: Mono) -> u64 {
        self.expires_at.since(now).as_secs().max(1)
    }

    /// After the loss of its stream: whether it listens at its Contact, which then is where calls go.
    pub(super) fn leave_stream(&mut self) -> bool {
        let contact = Uri::parse(&self.uri);
        let listens = |at: &SocketAddr| {
            // The port of a connection that the phone opened is nobody's to connect to.
            self.reg_id.is_none() && at.ip() == self.flow.peer.ip().to_canonical() && at.port() != self.flow.peer.port()
        };
        let Some(peer) = contact.as_ref().and_then(literal).filter(listens) else { return false };
        self.destination = Destination::Address { transport: self.flow.transport, listener: self.flow.listener, peer };
        true
    }
}

/// The flow, but for a UDP phone without NAT that wants calls at another port or by TCP, and for a proxy that wants them
/// at another port than it sends from.
fn destination(wish: &Wish<'_>, request: &RegisterRequest<'_>, flow: Flow) -> Destination {
    let by_flow = Destination::Flow(flow);
    if flow.transport.is_reliable() || wish.outbound().is_some() {
        return by_flow;
    }
    let next = match request.path.first() {
        Some(hop) => NameAddr::parse(hop).map(|hop| hop.uri),
        None => Some(wish.uri),
    };
    let Some(next) = next else { return by_flow };
    match literal(&next) {
        Some(peer) if peer.ip() == flow.peer.ip().to_canonical() => {
            let by_tcp = next.param("transport").is_some_and(|transport| transport.eq_ignore_ascii_case("tcp"));
            let transport = if by_tcp { Transport::Tcp } else { Transport::Udp };
            if transport == Transport::Udp && peer.port() == flow.peer.port() {
                return by_flow;
            }
            Destination::Address { transport, listener: flow.listener, peer }
        }
        // NAT in between, or a name: `.invalid` among them.
        Some(_) | None => by_flow,
    }
}

fn literal(uri: &Uri<'_>) -> Option<SocketAddr> {
    let address: IpAddr = uri.host?.address()?;
    Some(SocketAddr::new(address.to_canonical(), uri.port_or_default()))
}
