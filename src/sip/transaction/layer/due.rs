//! The layer's deadlines: one ordered set, in which each transaction has at most one place.

use std::time::Duration;

use turno_base::Mono;

use super::{ClientMachine, Layer, ServerMachine, TxId, Up, is_reliable, send, stream};
use crate::transaction::timing::Timing;
use crate::transaction::{InviteClient, InviteServer, PlainClient, PlainServer};
use crate::transaction::{invite_client, invite_server, plain_client};
use crate::ua::SipEffect;

/// Transactions that are only kept for repetitions are forgotten together: each would be a turn of the engine of its own.
const FORGET_EVERY: Duration = Duration::from_millis(250);

fn gathered(forget_at: Mono) -> Mono {
    let every = u64::try_from(FORGET_EVERY.as_micros()).unwrap_or(u64::MAX);
    Mono(forget_at.0.div_ceil(every).saturating_mul(every))
}

impl<O: Clone> Layer<O> {
    /// When to call [`Layer::on_deadline`].
    pub fn deadline(&self) -> Option<Mono> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Time passed.
    pub fn on_deadline(&mut self, now: Mono, out: &mut Vec<SipEffect>, ups: &mut Vec<Up<O>>) {
        while let Some(&(at, id)) = self.deadlines.first() {
            if at > now {
                return;
            }
            if self.clients.contains_key(&id) {
                self.on_client_deadline(id, now, out, ups);
            } else {
                self.on_server_deadline(id, now, out, ups);
            }
            // A machine that sets no later deadline would be called for ever.
            self.deadlines.remove(&(at, id));
        }
    }

    fn on_client_deadline(&mut self, id: TxId, now: Mono, out: &mut Vec<SipEffect>, ups: &mut Vec<Up<O>>) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let timing = self.timing.of(client.kind, &client.to);
        let is_timed_out = match &mut client.machine {
            ClientMachine::Invite(machine) => {
                let mut wants = Vec::new();
                machine.on_deadline(now, &mut wants);
                if wants.contains(&invite_client::Want::Resend) {
                    send(client.to, &client.bytes, id, out);
                }
                wants.contains(&invite_client::Want::TimedOut)
            }
            ClientMachine::Plain(machine) => {
                let mut wants = Vec::new();
                machine.on_deadline(&timing, now, &mut wants);
                if wants.contains(&plain_client::Want::Resend) {
                    send(client.to, &client.bytes, id, out);
                }
                wants.contains(&plain_client::Want::TimedOut)
            }
        };
        if is_timed_out && !id.is_cancel() {
            ups.push(Up::TimedOut(id, client.owner.clone()));
        }
        self.rearm_client(id);
    }

    fn on_server_deadline(&mut self, id: TxId, now: Mono, out: &mut Vec<SipEffect>, ups: &mut Vec<Up<O>>) {
        let Some(server) = self.servers.get_mut(&id) else { return };
        let timing = Timing { reliable: is_reliable(&server.to), ..self.timing };
        match &mut server.machine {
            ServerMachine::Invite(machine) => {
                let mut wants = Vec::new();
                machine.on_deadline(&timing, now, &mut wants);
                for want in wants {
                    match want {
                        invite_server::Want::Repeat => send(server.to, &server.last, id, out),
                        invite_server::Want::AckMissing => ups.push(Up::AckMissing(id, server.owner.clone())),
                        invite_server::Want::Send | invite_server::Want::AckUp | invite_server::Want::Failed => {}
                    }
                }
            }
            ServerMachine::Plain(machine) => machine.on_deadline(now),
        }
        self.rearm_server(id);
    }

    pub(super) fn rearm_client(&mut self, id: TxId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let (deadline, is_over) = match &client.machine {
            ClientMachine::Invite(InviteClient::Completed { forget_at } | InviteClient::Accepted { forget_at })
            | ClientMachine::Plain(PlainClient::Completed { forget_at }) => (Some(gathered(*forget_at)), false),
            ClientMachine::Invite(m) => (m.deadline(), *m == InviteClient::Terminated),
            ClientMachine::Plain(m) => (m.deadline(), *m == PlainClient::Terminated),
        };
        if client.armed != deadline {
            if let Some(at) = client.armed.take() {
                self.deadlines.remove(&(at, id));
            }
            self.deadlines.extend(deadline.map(|at| (at, id)));
            client.armed = deadline;
        }
        let is_settled = matches!(client.machine, ClientMachine::Plain(PlainClient::Completed { .. }));
        if is_over {
            if let Some(flow) = stream(&client.to) {
                self.on_streams.remove(&(flow, id));
            }
            self.clients.remove(&id);
        } else if is_settled {
            client.bytes = Vec::new();
        }
    }

    pub(super) fn rearm_server(&mut self, id: TxId) {
        let Some(server) = self.servers.get_mut(&id) else { return };
        let (deadline, is_over) = match &server.machine {
            ServerMachine::Invite(InviteServer::Confirmed { forget_at } | InviteServer::Accepted { forget_at })
            | ServerMachine::Plain(PlainServer::Completed { forget_at }) => (Some(gathered(*forget_at)), false),
            ServerMachine::Invite(m) => (m.deadline(), *m == InviteServer::Terminated),
            ServerMachine::Plain(m) => (m.deadline(), *m == PlainServer::Terminated),
        };
        if server.armed != deadline {
            if let Some(at) = server.armed.take() {
                self.deadlines.remove(&(at, id));
            }
            self.deadlines.extend(deadline.map(|at| (at, id)));
            server.armed = deadline;
        }
        if is_over && let Some(server) = self.servers.remove(&id) {
            self.by_key.remove(&server.key);
            if let Some(flow) = stream(&server.to) {
                self.on_streams.remove(&(flow, id));
            }
            if let Some(merge) = server.merge {
                self.by_merge.remove(&merge);
            }
        }
    }
}
