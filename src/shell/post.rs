//! The outgoing side: writes each turn's journal frames and only then sends its messages, answers who asked, and hands on
//! its record rows, so that neither a peer nor an operator nor the record log knows of anything that a restart would not.
//!
//! A small turn is posted by the engine's thread itself, because to wake another one costs as much as to send. Under load
//! turns are large: then a thread of its own posts them, beside the engine. Turns leave in the order in which they were
//! given, whoever posts them.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use turno_engine::{Answer, Input, Refusal};
use turno_sip::flow::{Destination, Flow, ListenerId, Transport};
use turno_tariff::cdr::Row;

use crate::shell::asker::Asker;
use crate::shell::inbox::Inbox;
use crate::shell::journal::{Begin, Writer};
use crate::shell::line::{LineIn, LineOut, line};
use crate::shell::metrics::Metrics;
use crate::shell::net::{self, Net};
use crate::shell::store::{Full, Store};

/// Turns that may wait here. Past it the loop waits: its delay grows and new calls are shed.
const PARCELS_MAX: usize = 1024;

/// A turn with at most so many messages is posted by the thread that made it.
const SMALL_TURN_MAX: usize = 8;
/// Posting that takes the engine's thread longer than this means that the disk or the network stands still.
const STALL: Duration = Duration::from_millis(10);
/// So long after a stall everything is left to the other thread.
const STALL_REST: Duration = Duration::from_secs(5);

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
    /// A piece of the event line.
    Facts {
        /// Number of the first.
        first: u64,
        /// How many.
        count: u64,
        /// Their postcards, one behind the other.
        bytes: Vec<u8>,
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

    /// Little enough that to hand it over would cost as much as to post it.
    fn is_small(&self) -> bool {
        let messages = self.outgoing.iter().filter(|outgoing| matches!(outgoing, Outgoing::Send { .. })).count();
        self.segment.is_none() && messages <= SMALL_TURN_MAX
    }
}

/// Where the engine's thread gives its turns.
#[derive(Debug)]
pub struct Mail {
    parcels: LineIn<Parcel>,
    post: Arc<Mutex<Post>>,
    /// Turns given to the thread that it has not posted yet.
    under_way: Arc<AtomicUsize>,
    stalled: Option<Instant>,
}

/// Holds back everything that leaves, for a moment.
#[derive(Clone, Debug)]
pub struct Still(Arc<Mutex<Post>>);

impl Still {
    /// Runs `while_still` between two turns: what it sees of log and journal ends with the same turn.
    pub fn hold<T>(&self, while_still: impl FnOnce() -> T) -> T {
        let _post = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while_still()
    }
}

impl Mail {
    /// What can hold it back.
    pub fn still(&self) -> Still {
        Still(self.post.clone())
    }

    /// Posts a turn, or has it posted behind those before it; waits if too many are under way. Leaves `parcel` empty.
    pub fn send(&mut self, parcel: &mut Parcel) {
        if parcel.is_small() && self.is_mine() {
            let began = Instant::now();
            if self.free().map(|mut post| post.post(parcel)).is_some() {
                self.stalled = (began.elapsed() > STALL).then_some(began);
                return;
            }
        }
        self.under_way.fetch_add(1, Ordering::Relaxed);
        // The thread ends only after this sender.
        let _ = self.parcels.send(std::mem::take(parcel));
    }

    /// While nothing is under way only who holds the node still has it. That one may wait for the very thread that posts here,
    /// which makes records durable: so nobody waits for him but the thread of the post.
    fn free(&self) -> Option<MutexGuard<'_, Post>> {
        match self.post.try_lock() {
            Ok(post) => Some(post),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Whether the thread has nothing to do that would have to leave first, and posting is quick.
    fn is_mine(&self) -> bool {
        self.under_way.load(Ordering::Acquire) == 0 && self.stalled.is_none_or(|at| at.elapsed() > STALL_REST)
    }
}

/// Starts the thread; it ends, with everything written, when the mail is dropped. Join it then.
pub fn start(
    net: Net,
    journal: Option<Writer>,
    store: Arc<Store>,
    asker: Arc<Asker>,
    inbox: Inbox,
    metrics: Arc<Metrics>,
) -> io::Result<(Mail, std::thread::JoinHandle<()>)> {
    let batches = net.udp.iter().map(|_| Batch::default()).collect();
    let post = Arc::new(Mutex::new(Post { net, journal, store, asker, inbox, metrics: metrics.clone(), batches }));
    let (parcels, incoming) = line(PARCELS_MAX);
    let under_way = Arc::new(AtomicUsize::new(0));
    let mail = Mail { parcels, post: post.clone(), under_way: under_way.clone(), stalled: None };
    let thread =
        std::thread::Builder::new().name("post".into()).spawn(move || run(&incoming, &post, &under_way, &metrics))?;
    Ok((mail, thread))
}

fn run(parcels: &LineOut<Parcel>, post: &Mutex<Post>, under_way: &AtomicUsize, metrics: &Metrics) {
    while let Some(mut parcel) = parcels.recv() {
        metrics.journal_lag.set(i64::try_from(parcels.len()).unwrap_or(i64::MAX));
        post.lock().unwrap_or_else(PoisonError::into_inner).post(&mut parcel);
        under_way.fetch_sub(1, Ordering::Release);
    }
}

#[derive(Debug)]
struct Post {
    net: Net,
    journal: Option<Writer>,
    store: Arc<Store>,
    asker: Arc<Asker>,
    inbox: Inbox,
    metrics: Arc<Metrics>,
    /// Datagrams of one turn, by listener.
    batches: Vec<Batch>,
}

#[derive(Debug, Default)]
struct Batch {
    datagrams: Vec<(SocketAddr, Vec<u8>)>,
    tokens: Vec<u64>,
}

impl Post {
    fn post(&mut self, parcel: &mut Parcel) {
        let segment = parcel.segment.take();
        if let Some(journal) = &mut self.journal {
            if let Some((number, begin, state)) = segment {
                journal.begin(number, begin, state);
            }
            if !parcel.frames.is_empty() {
                journal.append(&parcel.frames);
            }
        }
        parcel.frames.clear();
        for outgoing in parcel.outgoing.drain(..) {
            self.take(outgoing);
        }
        self.send_datagrams();
    }

    fn take(&mut self, outgoing: Outgoing) {
        match outgoing {
            Outgoing::Send { to, bytes, token } => {
                self.net.tap.sends(&to, &bytes);
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
            Outgoing::Facts { first, count, bytes } => {
                if !self.store.append_facts(first, count, bytes) {
                    self.metrics.facts_lost.inc_by(count);
                    tracing::error!(first, count, "facts are lost: the store takes nothing and its memory is full");
                }
            }
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
            let (_, is_ipv4) = self.net.udp.get(at)?.as_ref()?;
            (*is_ipv4 == peer.is_ipv4()).then_some(at)
        };
        fits(usize::from(listener.0)).or_else(|| (0..self.net.udp.len()).find_map(fits))
    }

    fn send_datagrams(&mut self) {
        for (batch, socket) in self.batches.iter_mut().zip(&self.net.udp) {
            let Some((socket, _)) = socket else { continue };
            if batch.datagrams.is_empty() {
                continue;
            }
            let (inbox, metrics, tokens) = (&self.inbox, &self.metrics, &batch.tokens);
            net::send(socket, &batch.datagrams, |at| {
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

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use turno_sip::flow::Listener;

    use super::*;
    use crate::shell::clock::Clock;
    use crate::shell::inbox::inbox;
    use crate::shell::net::{Bound, NetSettings, StreamLimits};
    use crate::shell::run::Gate;
    use crate::shell::store::{self, tests::Dir};

    /// A parcel of so many numbered messages.
    fn parcel(to: SocketAddr, numbers: std::ops::Range<u32>) -> Parcel {
        let to = Destination::Address { transport: Transport::Udp, listener: ListenerId(0), peer: to };
        let send = |n: u32| Outgoing::Send { to, bytes: n.to_be_bytes().to_vec(), token: 0 };
        Parcel { outgoing: numbers.map(send).collect(), ..Parcel::default() }
    }

    #[tokio::test]
    async fn turns_leave_in_order_whoever_posts_them() {
        let listener = Listener { transport: Transport::Udp, local: "127.0.0.1:0".parse().unwrap(), external: None };
        let settings = NetSettings { udp_threads: 1, streams: StreamLimits::default(), name_servers: Vec::new() };
        let (inbox, _outlet) = inbox(Clock::begin());
        let (metrics, gate) = (Arc::new(Metrics::new()), Arc::new(Gate::default()));
        let bound = Bound::open(&[listener], &settings).unwrap();
        let runtime = tokio::runtime::Handle::current();
        let net = bound.start(&settings, &inbox, &metrics, &gate, &runtime).unwrap();
        let dir = Dir::new("post");
        let (store, _) = store::Store::open(&dir.0, store::Options::default(), Vec::new(), |_| {}).unwrap();
        let asker = Arc::new(Asker::new(inbox.clone()));
        let (mut mail, thread) = start(net, None, Arc::new(store), asker, inbox, metrics.clone()).unwrap();

        let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
        phone.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let (to, mut sent) = (phone.local_addr().unwrap(), 0);
        let heard = |wanted: std::ops::Range<u32>| {
            for n in wanted {
                let mut buffer = [0; 8];
                let length = phone.recv(&mut buffer).expect("the next message");
                assert_eq!(buffer[..length], n.to_be_bytes());
            }
        };
        for round in 0..200 {
            let first = sent;
            // Large and small in turn, so that a small one often finds the large one before it under way.
            for count in [SMALL_TURN_MAX as u32 + 1 + round % 60, 1, 2, SMALL_TURN_MAX as u32] {
                let mut turn = parcel(to, sent..sent + count);
                mail.send(&mut turn);
                assert!(turn.is_empty());
                sent += count;
            }
            heard(first..sent);
        }
        // Held still, whoever takes a turn goes on, and what he posts leaves afterwards, before what comes later.
        let (still, first) = (mail.still(), sent);
        still.hold(|| mail.send(&mut parcel(to, first..first + 2)));
        mail.send(&mut parcel(to, first + 2..first + 3));
        sent += 3;
        heard(first..sent);
        drop(mail);
        thread.join().unwrap();
        assert_eq!(metrics.sent_udp.get(), u64::from(sent));
        gate.stop();
    }
}
