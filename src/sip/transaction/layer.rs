//! All transactions: who they are, where their bytes go, when they want to be called (RFC 3261 §17.1.3, §17.2.3).
//!
//! A client transaction is found by the number in the branch that we wrote; a server transaction by branch, sent-by and
//! method, or by the headers of RFC 2543 where a peer writes no magic cookie. Retransmissions are answered from stored
//! bytes. ACKs of 2xx responses are kept with the INVITE that they belong to and repeated for each repeated 2xx.

mod due;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use turno_base::Mono;

use super::key::{self, Branch, Key};
use super::timing::Timing;
use super::{InviteClient, InviteServer, PlainClient, PlainServer};
use super::{invite_client, invite_server, plain_client, plain_server};
use crate::flow::{Destination, Flow};
use crate::message::Message;
use crate::ua::{Count, SipEffect, SipEvent};

/// Forks of one INVITE whose 2xx we acknowledge; a peer that invents more is not listened to.
const ACKS_PER_INVITE_MAX: usize = 16;

/// Names a transaction; also the token of its sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TxId(pub u64);

impl TxId {
    /// A CANCEL has the even number after its INVITE's; nobody above is told how it goes.
    fn is_cancel(self) -> bool {
        self.0.is_multiple_of(2)
    }
}

/// What a transaction tells its user outside of responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Up<O> {
    /// Nobody answered: as if 408 had come.
    TimedOut(TxId, O),
    /// The request or response did not leave: as if 503 had come.
    Failed(TxId, O),
    /// Our refusal was never acknowledged; nothing is left to do but to know it.
    AckMissing(TxId, O),
}

/// What became of a request that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// No transaction knows it.
    New,
    /// A repetition or an ACK of a refusal: done.
    Absorbed,
}

/// Whether a response could be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replied {
    /// It is on its way.
    Sent,
    /// The transaction has its final response already, or is gone.
    TooLate,
}

/// How a request of ours is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// INVITE; its ACK and CANCEL are made of the request's bytes.
    Invite,
    /// Any other.
    Plain,
    /// Any other, sent once: a probe whose sender counts silence itself and sends anew.
    Once,
}

/// A request of ours.
#[derive(Clone, Debug)]
pub struct Outgoing<O> {
    /// In its Via.
    pub branch: Branch,
    /// Which machine carries it.
    pub kind: Kind,
    /// Whole message.
    pub bytes: Vec<u8>,
    /// Where.
    pub to: Destination,
    /// For whom.
    pub owner: O,
}

/// All transactions, with what their users (`O`) want to remember of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer<O> {
    timing: Timing,
    count_max: usize,
    next: u64,
    // Boxed, because a table moves its neighbours at each change.
    clients: BTreeMap<TxId, Box<Client<O>>>,
    servers: BTreeMap<TxId, Box<Server<O>>>,
    by_key: BTreeMap<Key, TxId>,
    by_merge: BTreeMap<Key, TxId>,
    deadlines: BTreeSet<(Mono, TxId)>,
    /// Client transactions whose request went out on a stream, and INVITE server transactions whose request came by one.
    on_streams: BTreeSet<(Flow, TxId)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum ClientMachine {
    Invite(InviteClient),
    Plain(PlainClient),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Client<O> {
    machine: ClientMachine,
    kind: Kind,
    secret: u64,
    to: Destination,
    /// The request; once refused, the ACK; once answered, nothing.
    #[serde(with = "turno_base::bytes")]
    bytes: Vec<u8>,
    /// `Reason` and the like for a CANCEL that is to come.
    cancel_headers: String,
    acks: Vec<Ack>,
    owner: O,
    armed: Option<Mono>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Ack {
    to_tag: String,
    to: Destination,
    #[serde(with = "turno_base::bytes")]
    bytes: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum ServerMachine {
    Invite(InviteServer),
    Plain(PlainServer),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Server<O> {
    machine: ServerMachine,
    key: Key,
    merge: Option<Key>,
    to: Destination,
    /// The last response sent; empty before the first, and after a 2xx to INVITE, which the user repeats.
    #[serde(with = "turno_base::bytes")]
    last: Vec<u8>,
    /// The INVITE, until it has its final response.
    request: Option<Message>,
    owner: O,
    armed: Option<Mono>,
}

impl Timing {
    /// For a request of ours on its way there.
    fn of(self, kind: Kind, to: &Destination) -> Timing {
        Timing { reliable: is_reliable(to) || kind == Kind::Once, ..self }
    }
}

fn is_reliable(to: &Destination) -> bool {
    match to {
        Destination::Flow(flow) => flow.transport.is_reliable(),
        Destination::Address { transport, .. } => transport.is_reliable(),
    }
}

fn stream(to: &Destination) -> Option<Flow> {
    match to {
        Destination::Flow(flow) if flow.transport.is_reliable() => Some(*flow),
        Destination::Flow(_) | Destination::Address { .. } => None,
    }
}

fn send(to: Destination, bytes: &[u8], id: TxId, out: &mut Vec<SipEffect>) {
    out.push(SipEffect::Send { to, bytes: bytes.to_vec(), token: id.0 });
}

/// Sends a message and gives what is kept of it for half a minute: a copy without the room that it was written in.
fn send_kept(to: Destination, bytes: Vec<u8>, id: TxId, out: &mut Vec<SipEffect>) -> Vec<u8> {
    let kept = bytes.clone();
    out.push(SipEffect::Send { to, bytes, token: id.0 });
    kept
}

impl<O: Clone> Layer<O> {
    /// Without transactions; at most `count_max` at once.
    pub fn new(timing: Timing, count_max: usize) -> Layer<O> {
        Layer {
            timing,
            count_max,
            next: 1,
            clients: BTreeMap::new(),
            servers: BTreeMap::new(),
            by_key: BTreeMap::new(),
            by_merge: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            on_streams: BTreeSet::new(),
        }
    }

    /// Takes new timer values; what runs keeps its deadlines.
    pub fn configure(&mut self, timing: Timing) {
        self.timing = timing;
    }

    /// Transactions that exist.
    pub fn len(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    /// No transaction exists.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty() && self.servers.is_empty()
    }

    /// Deadlines that are set.
    pub fn timers(&self) -> usize {
        self.deadlines.len()
    }

    /// No further transaction can be opened by a peer.
    pub fn is_full(&self) -> bool {
        self.len() >= self.count_max
    }

    /// The branch for the next client transaction; `secret` keeps others from guessing it.
    pub fn branch(&mut self, secret: u64) -> Branch {
        let id = self.next;
        // The number after it is its CANCEL's.
        self.next += 2;
        Branch { id, secret }
    }

    /// Sends a request in a transaction of its own. Our own requests are not bounded here: dialogs are.
    pub fn start(&mut self, request: Outgoing<O>, now: Mono, out: &mut Vec<SipEffect>) -> TxId {
        let Outgoing { branch, kind, bytes, to, owner } = request;
        let (id, timing) = (TxId(branch.id), self.timing.of(kind, &to));
        let bytes = send_kept(to, bytes, id, out);
        let machine = match kind {
            Kind::Invite => ClientMachine::Invite(InviteClient::start(&timing, now)),
            Kind::Plain | Kind::Once => ClientMachine::Plain(PlainClient::start(&timing, now)),
        };
        let client = Client {
            machine,
            kind,
            secret: branch.secret,
            to,
            bytes,
            cancel_headers: String::new(),
            acks: Vec::new(),
            owner,
            armed: None,
        };
        if let Some(flow) = stream(&to) {
            self.on_streams.insert((flow, id));
        }
        self.clients.insert(id, Box::new(client));
        self.rearm_client(id);
        id
    }

    /// Who started a client transaction.
    pub fn client_owner(&mut self, id: TxId) -> Option<&mut O> {
        self.clients.get_mut(&id).map(|c| &mut c.owner)
    }

    /// Withdraws an INVITE: CANCEL now, or as soon as a provisional response allows it (RFC 3261 §9.1). `headers` are
    /// whole lines for the CANCEL.
    pub fn cancel(&mut self, id: TxId, headers: &str, now: Mono, out: &mut Vec<SipEffect>) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let timing = self.timing.of(client.kind, &client.to);
        let ClientMachine::Invite(machine) = &mut client.machine else { return };
        let mut wants = Vec::new();
        machine.on_cancel(&timing, now, &mut wants);
        client.cancel_headers = headers.to_owned();
        self.do_invite_wants(id, &wants, None, now, out);
    }

    /// Keeps the ACK of a 2xx and sends it; it is repeated for each repetition of the 2xx with this To tag.
    pub fn ack(&mut self, id: TxId, to_tag: &str, to: Destination, bytes: Vec<u8>, out: &mut Vec<SipEffect>) {
        let bytes = send_kept(to, bytes, TxId(0), out);
        let Some(client) = self.clients.get_mut(&id) else { return };
        // A 2xx that came after a refusal leaves the ACK of the refusal in place: the refusal may be repeated too.
        if let ClientMachine::Invite(InviteClient::Accepted { .. }) = client.machine {
            client.bytes = Vec::new();
        }
        if client.acks.len() < ACKS_PER_INVITE_MAX {
            client.acks.push(Ack { to_tag: to_tag.to_owned(), to, bytes });
        }
    }

    /// A response came. Returns whose it is if the user must see it.
    pub fn on_response(&mut self, response: &Message, now: Mono, out: &mut Vec<SipEffect>) -> Option<(TxId, O)> {
        let Some((id, head)) = self.client_of(response) else {
            out.push(SipEffect::Event(SipEvent::Counted(Count::Stray)));
            return None;
        };
        let client = self.clients.get_mut(&id)?;
        if head.status / 100 == 2 {
            let known = client.acks.iter().find(|a| a.to_tag == head.to_tag);
            if let Some(ack) = known {
                send(ack.to, &ack.bytes, TxId(0), out);
                out.push(SipEffect::Event(SipEvent::Counted(Count::Retransmission)));
                return None;
            }
            if client.acks.len() >= ACKS_PER_INVITE_MAX {
                out.push(SipEffect::Event(SipEvent::Counted(Count::Stray)));
                return None;
            }
        }
        let timing = self.timing.of(client.kind, &client.to);
        let owner = client.owner.clone();
        let is_up = match &mut client.machine {
            ClientMachine::Invite(machine) => {
                let mut wants = Vec::new();
                machine.on_response(head.status, &timing, now, &mut wants);
                self.do_invite_wants(id, &wants, Some(head.to), now, out);
                wants.contains(&invite_client::Want::Up)
            }
            ClientMachine::Plain(machine) => {
                let mut wants = Vec::new();
                machine.on_response(head.status, &timing, now, &mut wants);
                wants.contains(&plain_client::Want::Up)
            }
        };
        self.rearm_client(id);
        if !is_up {
            out.push(SipEffect::Event(SipEvent::Counted(Count::Retransmission)));
            return None;
        }
        (!id.is_cancel()).then_some((id, owner))
    }

    fn client_of<'m>(&self, response: &'m Message) -> Option<(TxId, key::ResponseHead<'m>)> {
        let head = key::response_head(response)?;
        let branch = Branch::parse(head.branch)?;
        let id = TxId(if head.method == "CANCEL" { branch.id + 1 } else { branch.id });
        let client = self.clients.get(&id)?;
        let is_same = match client.machine {
            ClientMachine::Invite(_) => head.method == "INVITE",
            ClientMachine::Plain(_) => head.method != "INVITE",
        };
        (client.secret == branch.secret && is_same).then_some((id, head))
    }

    fn do_invite_wants(
        &mut self,
        id: TxId,
        wants: &[invite_client::Want],
        to_header: Option<&str>,
        now: Mono,
        out: &mut Vec<SipEffect>,
    ) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let mut cancel = None;
        for want in wants {
            match want {
                invite_client::Want::Resend => send(client.to, &client.bytes, id, out),
                invite_client::Want::Ack => {
                    if client.bytes.starts_with(b"INVITE") {
                        client.bytes = key::derived(&client.bytes, "ACK", to_header, "");
                    }
                    send(client.to, &client.bytes, TxId(0), out);
                }
                invite_client::Want::Cancel => {
                    let bytes = key::derived(&client.bytes, "CANCEL", None, &client.cancel_headers);
                    let branch = Branch { id: id.0 + 1, secret: client.secret };
                    cancel = Some((branch, bytes, client.to, client.owner.clone()));
                }
                invite_client::Want::Up | invite_client::Want::TimedOut | invite_client::Want::Failed => {}
            }
        }
        if let Some((branch, bytes, to, owner)) = cancel {
            self.start(Outgoing { branch, kind: Kind::Plain, bytes, to, owner }, now, out);
        }
        self.rearm_client(id);
    }

    /// A request other than ACK came: absorbs it if it is a repetition.
    pub fn on_request(&mut self, request: &Message, out: &mut Vec<SipEffect>) -> Received {
        let Some(&id) = key::server_key(request).and_then(|k| self.by_key.get(&k)) else { return Received::New };
        let Some(server) = self.servers.get_mut(&id) else { return Received::New };
        out.push(SipEffect::Event(SipEvent::Counted(Count::Retransmission)));
        let is_repeated = match &mut server.machine {
            ServerMachine::Invite(machine) => {
                let mut wants = Vec::new();
                machine.on_request(&mut wants);
                wants.contains(&invite_server::Want::Repeat)
            }
            ServerMachine::Plain(machine) => {
                let mut wants = Vec::new();
                machine.on_request(&mut wants);
                wants.contains(&plain_server::Want::Repeat)
            }
        };
        if is_repeated && !server.last.is_empty() {
            send(server.to, &server.last, id, out);
        }
        Received::Absorbed
    }

    /// An ACK came: absorbs it if it acknowledges a refusal.
    pub fn on_ack(&mut self, ack: &Message, now: Mono) -> Received {
        let Some(&id) = key::server_key(ack).and_then(|k| self.by_key.get(&k)) else { return Received::New };
        let Some(server) = self.servers.get_mut(&id) else { return Received::New };
        let timing = Timing { reliable: is_reliable(&server.to), ..self.timing };
        let ServerMachine::Invite(machine) = &mut server.machine else { return Received::New };
        let mut wants = Vec::new();
        machine.on_ack(&timing, now, &mut wants);
        self.rearm_server(id);
        // In Accepted a peer that reuses the branch for the ACK of a 2xx means the dialog (RFC 6026 §7.1).
        if wants.contains(&invite_server::Want::AckUp) { Received::New } else { Received::Absorbed }
    }

    /// The same request came by another path while the first is being served (RFC 3261 §8.2.2.2).
    pub fn is_merged(&self, request: &Message) -> bool {
        key::merge_key(request).is_some_and(|k| self.by_merge.contains_key(&k))
    }

    /// Opens a server transaction for a request that [`Layer::on_request`] called new; INVITE is answered 100 with
    /// the bytes given. None: the bound is reached, or the request names no transaction.
    pub fn open(
        &mut self,
        request: &Message,
        trying: Option<Vec<u8>>,
        reply_to: Destination,
        owner: O,
        out: &mut Vec<SipEffect>,
    ) -> Option<TxId> {
        if self.is_full() {
            return None;
        }
        let key = key::server_key(request)?;
        let id = TxId(self.next);
        self.next += 2;
        let merge = key::merge_key(request);
        self.by_merge.extend(merge.map(|merge| (merge, id)));
        self.by_key.insert(key, id);
        let machine = match trying.is_some() {
            true => ServerMachine::Invite(InviteServer::start()),
            false => ServerMachine::Plain(PlainServer::start()),
        };
        if trying.is_some() {
            self.on_streams.extend(stream(&reply_to).map(|flow| (flow, id)));
        }
        let kept = trying.is_some().then(|| request.clone());
        let last = trying.filter(|bytes| !bytes.is_empty()).map(|bytes| send_kept(reply_to, bytes, id, out));
        let last = last.unwrap_or_default();
        let server = Server { machine, key, merge, to: reply_to, last, request: kept, owner, armed: None };
        self.servers.insert(id, Box::new(server));
        Some(id)
    }

    /// The INVITE of a server transaction that has no final response yet.
    pub fn request_of(&self, id: TxId) -> Option<&Message> {
        self.servers.get(&id)?.request.as_ref()
    }

    /// Who sent the request that a response answers.
    pub fn owner_of_response(&self, response: &Message) -> Option<&O> {
        let (id, _) = self.client_of(response)?;
        self.clients.get(&id).map(|client| &client.owner)
    }

    /// For whom the transaction of a request that came is.
    pub fn owner_of_request(&self, request: &Message) -> Option<&O> {
        self.servers.get(&self.server_of(request)?).map(|server| &server.owner)
    }

    /// The transaction of a request that came.
    pub fn server_of(&self, request: &Message) -> Option<TxId> {
        self.by_key.get(&key::server_key(request)?).copied()
    }

    /// INVITEs of ours whose owner `is_it`. Looks at every transaction: for what happens once in a blue moon.
    pub fn invites_of(&self, is_it: impl Fn(&O) -> bool) -> Vec<TxId> {
        let all = self.clients.iter().filter(|(_, client)| client.kind == Kind::Invite && is_it(&client.owner));
        all.map(|(id, _)| *id).collect()
    }

    /// The INVITE server transaction that a CANCEL is about, also one that has its final response.
    pub fn cancelled_by(&self, cancel: &Message) -> Option<(TxId, O)> {
        let id = *self.by_key.get(&key::cancelled_key(cancel)?)?;
        self.servers.get(&id).map(|s| (id, s.owner.clone()))
    }

    /// Gives a response.
    pub fn respond(&mut self, id: TxId, status: u16, bytes: Vec<u8>, now: Mono, out: &mut Vec<SipEffect>) -> Replied {
        let Some(server) = self.servers.get_mut(&id) else { return Replied::TooLate };
        let timing = Timing { reliable: is_reliable(&server.to), ..self.timing };
        let is_sent = match &mut server.machine {
            ServerMachine::Invite(machine) => {
                let mut wants = Vec::new();
                machine.on_respond(status, &timing, now, &mut wants);
                wants.contains(&invite_server::Want::Send)
            }
            ServerMachine::Plain(machine) => {
                let mut wants = Vec::new();
                machine.on_respond(&timing, now, &mut wants);
                wants.contains(&plain_server::Want::Send)
            }
        };
        if is_sent {
            if status >= 200 {
                server.request = None;
                if let Some(merge) = server.merge.take() {
                    self.by_merge.remove(&merge);
                }
            }
            let is_answer = matches!(server.machine, ServerMachine::Invite(_)) && status / 100 == 2;
            server.last = if is_answer { Vec::new() } else { bytes.clone() };
            out.push(SipEffect::Send { to: server.to, bytes, token: id.0 });
        }
        self.rearm_server(id);
        if is_sent { Replied::Sent } else { Replied::TooLate }
    }

    /// Sends the last response again.
    pub fn repeat(&self, id: TxId, out: &mut Vec<SipEffect>) {
        if let Some(server) = self.servers.get(&id).filter(|s| !s.last.is_empty()) {
            send(server.to, &server.last, id, out);
        }
    }

    /// What was sent with this token did not leave.
    pub fn on_failed(&mut self, id: TxId) -> Option<Up<O>> {
        if let Some(client) = self.clients.get_mut(&id) {
            let is_up = match &mut client.machine {
                ClientMachine::Invite(machine) => {
                    let mut wants = Vec::new();
                    machine.on_failed(&mut wants);
                    !wants.is_empty()
                }
                ClientMachine::Plain(machine) => {
                    let mut wants = Vec::new();
                    machine.on_failed(&mut wants);
                    !wants.is_empty()
                }
            };
            let owner = client.owner.clone();
            self.rearm_client(id);
            return (is_up && !id.is_cancel()).then_some(Up::Failed(id, owner));
        }
        let server = self.servers.get_mut(&id)?;
        let is_up = match &mut server.machine {
            ServerMachine::Invite(machine) => {
                let mut wants = Vec::new();
                machine.on_failed(&mut wants);
                !wants.is_empty()
            }
            ServerMachine::Plain(machine) => {
                machine.on_failed();
                false
            }
        };
        let owner = server.owner.clone();
        self.rearm_server(id);
        is_up.then_some(Up::Failed(id, owner))
    }

    /// A stream is gone: requests that wait on it for a first response fail, and so do calls that came by it and can
    /// no longer be answered. What else was to be answered over it learns so when its response does not leave.
    pub fn on_flow_closed(&mut self, flow: &Flow) -> Vec<Up<O>> {
        let waits = |id: &TxId| match (self.clients.get(id), self.servers.get(id)) {
            (Some(client), _) => match client.machine {
                ClientMachine::Invite(machine) => matches!(machine, InviteClient::Calling { .. }),
                ClientMachine::Plain(machine) => matches!(machine, PlainClient::Trying { .. }),
            },
            (None, Some(server)) => server.machine == ServerMachine::Invite(InviteServer::Proceeding),
            (None, None) => false,
        };
        let on_it = self.on_streams.range((*flow, TxId(0))..=(*flow, TxId(u64::MAX))).map(|(_, id)| *id);
        let failed: Vec<TxId> = on_it.filter(waits).collect();
        failed.into_iter().filter_map(|id| self.on_failed(id)).collect()
    }

    /// Streams that transactions wait on.
    pub fn streams(&self) -> Vec<Flow> {
        let mut flows: Vec<Flow> = self.on_streams.iter().map(|(flow, _)| *flow).collect();
        flows.dedup();
        flows
    }
}
