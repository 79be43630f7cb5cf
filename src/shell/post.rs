//! The outgoing side: one thread writes each turn's journal frames and only then sends its messages, answers who asked, and
//! hands on its record rows, so that neither a peer nor an operator nor the record log knows of anything that a restart
//! would not.
//!
//! System calls for sending are most of a message's cost; here they run beside the engine instead of in its turn.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use turno_engine::{Answer, Input, Refusal};
use turno_sip::flow::{Destination, Flow, ListenerId, Transport};
use turno_tariff::cdr::Row;

use crate::shell::asker::Asker;
use crate::shell::inbox::Inbox;
use crate::shell::journal::{Begin, Writer};
use crate::shell::line::{LineIn, LineOut, line};
use crate::shell::metrics::Metrics;
use crate::shell::net::{Net, UdpSender};
use crate::shell::store::{Full, Store};

/// Turns that may wait here. Past it the loop waits: its delay grows and new calls are shed.
const PARCELS_MAX: usize = 1024;

/// One turn's outcome.
#[derive(Debug, Default)]
pub struct Parcel {
    /// Begins this segment before the frames, with this state if it has none before it.
    pub segment: Option<(u64, Begin, Option<Vec<u8>>)>,
    /// Journal frames.
    pub frames: Vec<u8>,
    /// Messages, in order.
    pub outgoing: Vec<Outgoing>,
}

/// What leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// A message.
    Send {
        /// Where.
        to: Destination,
        /// Whole.
        bytes: Vec<u8>,
        /// Names a failure.
        token: u64,
    },
    /// The end of a connection, after what was sent on it.
    Close(Flow),
    /// The answer to who asked.
    Reply {
        /// Which question.
        id: u64,
        /// The answer.
        answer: Result<Answer, Refusal>,
    },
    /// A row of the record log.
    Store {
        /// Its number.
        seq: u64,
        /// The row.
        row: Box<Row>,
    },
}

impl Parcel {
    /// Nothing in it.
    pub fn is_empty(&self) -> bool {
        self.segment.is_none() && self.frames.is_empty() && self.outgoing.is_empty()
    }
}

/// Starts the thread; it ends, with everything written, when the sender is dropped. Join it then.
pub fn start(
    net: Net,
    journal: Option<Writer>,
    store: Arc<Store>,
    asker: Arc<Asker>,
    inbox: Inbox,
    metrics: Arc<Metrics>,
) -> io::Result<(LineIn<Parcel>, std::thread::JoinHandle<()>)> {
    let (sender, parcels) = line(PARCELS_MAX);
    let thread = std::thread::Builder::new().name("post".into()).spawn(move || {
        let batches = net.udp.iter().map(|_| Batch::default()).collect();
        Post { net, journal, store, asker, inbox, metrics, sender: UdpSender::default(), batches }.run(&parcels);
    })?;
    Ok((sender, thread))
}

struct Post {
    net: Net,
    journal: Option<Writer>,
    store: Arc<Store>,
    asker: Arc<Asker>,
    inbox: Inbox,
    metrics: Arc<Metrics>,
    sender: UdpSender,
    /// Datagrams of one turn, by listener.
    batches: Vec<Batch>,
}

#[derive(Default)]
struct Batch {
    datagrams: Vec<(SocketAddr, Vec<u8>)>,
    tokens: Vec<u64>,
}

impl Post {
    fn run(&mut self, parcels: &LineOut<Parcel>) {
        while let Some(parcel) = parcels.recv() {
            self.metrics.journal_lag.set(i64::try_from(parcels.len()).unwrap_or(i64::MAX));
            if let Some(journal) = &mut self.journal {
                if let Some((number, begin, state)) = parcel.segment {
                    journal.begin(number, begin, state);
                }
                if !parcel.frames.is_empty() {
                    journal.append(&parcel.frames);
                }
            }
            for outgoing in parcel.outgoing {
                self.take(outgoing);
            }
            self.send_datagrams();
        }
    }

    fn take(&mut self, outgoing: Outgoing) {
        match outgoing {
            Outgoing::Send { to, bytes, token } => {
                let (transport, listener, peer) = match to {
                    Destination::Flow(flow) if flow.transport == Transport::Tcp => {
                        return self.net.streams.send_on(flow, bytes, token);
                    }
                    Destination::Flow(flow) => (flow.transport, flow.listener, flow.peer),
                    Destination::Address { transport, listener, peer } => (transport, listener, peer),
                };
                match transport {
                    Transport::Tcp => self.net.streams.send_to(listener, peer, bytes, token),
                    Transport::Udp => match self.socket_for(listener, peer).and_then(|at| self.batches.get_mut(at)) {
                        Some(batch) => {
                            batch.datagrams.push((peer, bytes));
                            batch.tokens.push(token);
                        }
                        None => failed(&self.inbox, &self.metrics, token),
                    },
                }
            }
            Outgoing::Close(flow) => self.net.streams.close(flow),
            Outgoing::Reply { id, answer } => self.asker.answer(id, answer),
            Outgoing::Store { seq, row } => {
                if let Err(Full(row)) = self.store.append(seq, *row) {
                    tracing::error!(call = %row.call, seq, "a record row is lost: the store takes nothing and its memory is full");
                }
            }
        }
    }

    /// The listener's own socket; where that is a stream's or of the other address family, the first UDP socket that
    /// can reach the peer.
    fn socket_for(&self, listener: ListenerId, peer: SocketAddr) -> Option<usize> {
        let fits = |at: usize| {
            let socket = self.net.udp.get(at)?.as_ref()?;
            socket.local_addr().is_ok_and(|local| local.is_ipv4() == peer.is_ipv4()).then_some(at)
        };
        fits(usize::from(listener.0)).or_else(|| (0..self.net.udp.len()).find_map(fits))
    }

    fn send_datagrams(&mut self) {
        for (batch, socket) in self.batches.iter_mut().zip(&self.net.udp) {
            let Some(socket) = socket else { continue };
            if batch.datagrams.is_empty() {
                continue;
            }
            let (inbox, metrics, tokens) = (&self.inbox, &self.metrics, &batch.tokens);
            self.sender.send(socket, &batch.datagrams, |at| {
                failed(inbox, metrics, tokens.get(at).copied().unwrap_or(0));
            });
            metrics.sent_udp.inc_by(batch.datagrams.len() as u64);
            batch.datagrams.clear();
            batch.tokens.clear();
        }
    }
}

/// Tells the engine. Never waits for it: the engine may be waiting for this very thread, and a transaction that does not
/// hear of its failure has a timer.
fn failed(inbox: &Inbox, metrics: &Metrics, token: u64) {
    metrics.send_failed.inc();
    if token != 0 {
        let _ = inbox.house_now(Input::SendFailed(token));
    }
}
