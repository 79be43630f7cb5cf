//! Writing requests and responses: what we call ourselves, what we can do, where things go.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use turno_base::Now;

use super::{Count, Origin, SipEffect, SipEvent, Ua};
use crate::auth::stateless_tag;
use crate::dialog::Dialog;
use crate::flow::{Destination, Flow, ListenerId, Transport};
use crate::message::{Header, Host, Message, Method, Uri, Writer};
use crate::transaction::Branch;

/// Methods that are served somewhere.
pub(super) const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY, SUBSCRIBE, REGISTER";
/// Extensions that are served.
pub(super) const SUPPORTED: &str = "100rel, timer, replaces, norefersub, path, outbound";
/// Bodies that are read.
pub(super) const ACCEPT: &str = "application/sdp, application/dtmf-relay, application/dtmf";
/// A response to somebody unknown is at most so many times as long as the request (docs/reliability.md A4).
const REFLECTION_MAX: usize = 3;

/// Transport, listener and peer of a destination.
pub(super) fn place(to: &Destination) -> (Transport, ListenerId, SocketAddr) {
    match *to {
        Destination::Flow(flow) => (flow.transport, flow.listener, flow.peer),
        Destination::Address { transport, listener, peer } => (transport, listener, peer),
    }
}

/// Where responses to a request go: back on its stream, or to where its Via and the datagram's source say.
pub(super) fn reply_place(flow: Flow, request: &Message) -> Destination {
    if flow.transport.is_reliable() {
        return Destination::Flow(flow);
    }
    let peer = request.top_via().map_or(flow.peer, |via| via.reply_to(flow.peer));
    Destination::Flow(Flow { peer, ..flow })
}

/// A From or To value without its tag and other parameters.
pub(super) fn untagged(display: &str, uri: &str) -> String {
    if display.is_empty() {
        return format!("<{uri}>");
    }
    let mut text = String::with_capacity(display.len() + uri.len() + 5);
    text.push('"');
    for c in display.chars() {
        if matches!(c, '"' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    write!(text, "\" <{uri}>").expect("a string takes all");
    text
}

/// The parts of a request that stand before what is particular to it.
pub(super) struct Head<'a> {
    pub(super) method: Method,
    pub(super) uri: &'a str,
    pub(super) routes: &'a [String],
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) call_id: &'a str,
    pub(super) seq: u32,
}

/// An address that nobody reaches from outside its network (RFC 1918, 6598, 3927, 4193, 4291).
fn is_inside(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback() || ip.is_unicast_link_local(),
    }
}

impl Ua {
    /// Our address as this peer reaches it.
    pub(super) fn here(&self, listener: ListenerId, peer: IpAddr) -> SocketAddr {
        let Some(listener) = self.config.listeners.get(usize::from(listener.0)) else {
            return SocketAddr::new(peer, 5060);
        };
        let is_local = self.config.local_networks.iter().any(|net| net.contains(peer));
        let here = match listener.external {
            Some(external) if !is_local => external,
            Some(_) | None => listener.local,
        };
        // A wildcard is no address to tell anybody; who reaches us by loopback is told loopback.
        match (here.ip().is_unspecified() && peer.to_canonical().is_loopback(), peer.to_canonical()) {
            (true, IpAddr::V4(_)) => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), here.port()),
            (true, IpAddr::V6(_)) => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), here.port()),
            (false, _) => here,
        }
    }

    /// The value of our Contact towards a peer.
    pub(super) fn contact(&self, to: &Destination) -> String {
        format!("<{}>", self.contact_uri(to))
    }

    /// The URI of our Contact towards a peer.
    pub(super) fn contact_uri(&self, to: &Destination) -> String {
        let (transport, listener, peer) = place(to);
        let here = self.here(listener, peer.ip());
        match transport {
            Transport::Udp => format!("sip:turno@{here}"),
            Transport::Tcp => format!("sip:turno@{here};transport=tcp"),
        }
    }

    /// Begins a request.
    pub(super) fn begin(&self, head: &Head<'_>, hop: &Destination, branch: Branch) -> Writer {
        let mut writer = Writer::request(head.method, head.uri);
        writer.header(Header::Via, &self.via_value(hop, branch));
        for route in head.routes {
            writer.header(Header::Route, route);
        }
        writer
            .header(Header::MaxForwards, "70")
            .header(Header::From, head.from)
            .header(Header::To, head.to)
            .header(Header::CallId, head.call_id)
            .header_fmt(Header::CSeq, format_args!("{} {}", head.seq, head.method));
        writer
    }

    /// Our Via; `rport` on datagrams, so that the way back survives a NAT of ours (RFC 3581).
    pub(super) fn via_value(&self, hop: &Destination, branch: Branch) -> String {
        let (transport, listener, peer) = place(hop);
        let here = self.here(listener, peer.ip());
        let rport = if transport.is_reliable() { "" } else { ";rport" };
        format!("SIP/2.0/{} {here};branch={branch}{rport}", transport.via())
    }

    /// Begins a request inside a dialog, with this sequence number.
    pub(super) fn begin_inside(
        &self,
        method: Method,
        dialog: &Dialog,
        seq: u32,
        hop: &Destination,
        branch: Branch,
    ) -> Writer {
        let routing = dialog.routing();
        let (from, to) = (dialog.local_value(), dialog.remote_value());
        let head = Head {
            method,
            uri: routing.uri,
            routes: &routing.routes,
            from: &from,
            to: &to,
            call_id: &dialog.call_id,
            seq,
        };
        self.begin(&head, hop, branch)
    }

    /// A branch for a request of ours.
    pub(super) fn branch(&mut self) -> Branch {
        let secret = self.seeded.next_u64();
        self.layer.branch(secret)
    }

    /// Where requests of a dialog go that lives on this flow: a stream peer and a phone are reached the way they came;
    /// a trunk or proxy where its Contact or Record-Route says, if that is an address.
    pub(super) fn hop(&self, party: Origin, dialog: &Dialog, flow: Flow) -> Destination {
        let by_flow = Destination::Flow(flow);
        let is_behind_proxy = !dialog.routes.is_empty();
        if matches!(party, Origin::Station(_)) && (!is_behind_proxy || flow.transport.is_reliable()) {
            return by_flow;
        }
        let next_hop = dialog.routing().next_hop;
        let Some(uri) = Uri::parse(next_hop) else { return by_flow };
        let Some(address) = uri.host.and_then(Host::address) else { return by_flow };
        // A peer behind NAT that writes its inside address is reached where it was seen.
        if is_inside(address) && !is_inside(flow.peer.ip()) {
            return by_flow;
        }
        let transport = match uri.param("transport") {
            Some(text) if text.eq_ignore_ascii_case("tcp") => Transport::Tcp,
            Some(text) if text.eq_ignore_ascii_case("udp") => Transport::Udp,
            Some(_) => return by_flow,
            // Many that came by a stream forget to say so.
            None => flow.transport,
        };
        let peer = SocketAddr::new(address, uri.port_or_default());
        let Some(listener) = self.listener_for(transport, flow.listener, peer) else { return by_flow };
        Destination::Address { transport, listener, peer }
    }

    /// The listener to reach a peer by: the one given if it fits, else the first of that transport and family.
    pub(super) fn listener_for(&self, transport: Transport, given: ListenerId, peer: SocketAddr) -> Option<ListenerId> {
        let fits = |id: &ListenerId| {
            let listener = self.config.listeners.get(usize::from(id.0));
            listener.is_some_and(|l| l.transport == transport && l.local.is_ipv4() == peer.is_ipv4())
        };
        let all = (0..self.config.listeners.len()).filter_map(|n| u16::try_from(n).ok()).map(ListenerId);
        std::iter::once(given).chain(all).find(fits)
    }

    /// Answers a request without a transaction; what strangers can make us send is bounded by what they sent.
    pub(super) fn reply(&self, flow: Flow, request: &Message, status: u16, out: &mut Vec<SipEffect>) {
        self.reply_with(flow, request, status, |w| w, out);
    }

    /// As [`Ua::reply`], with more headers where there is room for them.
    pub(super) fn reply_with(
        &self,
        flow: Flow,
        request: &Message,
        status: u16,
        more: impl FnOnce(&mut Writer) -> &mut Writer,
        out: &mut Vec<SipEffect>,
    ) {
        let tag = self.stateless_tag(request);
        let bare = Writer::response(request, Some(flow.peer), status, &tag);
        let mut full = bare.clone();
        more(&mut full);
        let room = request.bytes().len().saturating_mul(REFLECTION_MAX);
        let [full, bare] = [full, bare].map(Writer::finish);
        let fitting = [full, bare].into_iter().find(|bytes| bytes.len() <= room);
        match fitting {
            Some(bytes) => out.push(SipEffect::Send { to: reply_place(flow, request), bytes, token: 0 }),
            None => out.push(SipEffect::Event(SipEvent::Counted(Count::Malformed))),
        }
    }

    pub(super) fn stateless_tag(&self, request: &Message) -> String {
        let from_tag = request.from().ok().and_then(|from| from.tag()).unwrap_or("");
        let seq = request.cseq_text().map_or(0, |(seq, _)| seq);
        stateless_tag(&self.config.nonce_key, request.call_id().unwrap_or(""), from_tag, seq)
    }

    /// Answers a request once and for all in a transaction of its own, so that its repetitions get the same answer.
    pub(super) fn serve(
        &mut self,
        flow: Flow,
        request: &Message,
        status: u16,
        response: Vec<u8>,
        now: Now,
        out: &mut Vec<SipEffect>,
    ) {
        let to = reply_place(flow, request);
        match self.layer.open(request, None, to, super::Owner::Nobody, out) {
            Some(tx) => {
                self.layer.respond(tx, status, response, now.mono, out);
            }
            // At the bound a repetition is served anew: worse than absorbing it, better than silence.
            None => out.push(SipEffect::Send { to, bytes: response, token: 0 }),
        }
    }
}
