//! Stream connections: framing, keep-alive, and the bounds that keep slow or greedy peers from costing anybody else.
//!
//! RFC 3261 §18.3 framing by Content-Length, RFC 5626 §4.4.1 ping and pong, connections reused for what goes to the same
//! peer (RFC 3261 §18.1.1). A half-sent message is cut after a limit (reliability O4), a peer that does not read is closed.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use turno_engine::Input;
use turno_sip::flow::{Destination, Flow, ListenerId, Transport};
use turno_sip::shed::Lane;
use turno_sip::stream::{Frame, Framer, PONG};
use turno_sip::ua::Count;

use crate::shell::clock::wall;
use crate::shell::inbox::{Inbox, Outside};
use crate::shell::metrics::Metrics;
use crate::shell::tap::Tap;

/// Messages that wait for one connection's peer to read.
const QUEUE_MESSAGES_MAX: usize = 256;
const READ_BYTES: usize = 4096;
/// How long a connection whose framing is lost stays for its last answer.
const BROKEN_GRACE: Duration = Duration::from_millis(500);
/// What an unreadable message is kept by.
const UNREADABLE_BYTES_MAX: usize = 4096;

/// Bounds of stream connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// All together.
    pub connections_max: usize,
    /// From one address.
    pub connections_per_address_max: usize,
    /// A message must be whole this long after its first byte, and a new connection must have sent one.
    pub message_limit: Duration,
    /// A connection that we open must be open after this.
    pub connect_limit: Duration,
    /// Nothing at all for this long, not even a keep-alive: closed.
    pub idle_limit: Duration,
    /// Bytes that may wait for one peer to read; more closes its connection.
    pub queue_bytes_max: usize,
}

impl Default for StreamLimits {
    fn default() -> StreamLimits {
        StreamLimits {
            connections_max: 10_000,
            connections_per_address_max: 200,
            message_limit: Duration::from_secs(20),
            connect_limit: Duration::from_secs(5),
            idle_limit: Duration::from_secs(7200),
            queue_bytes_max: 256 * 1024,
        }
    }
}

/// All stream connections.
#[derive(Debug)]
pub struct Streams {
    limits: StreamLimits,
    /// Our address per listener, for connections that we open.
    locals: Vec<IpAddr>,
    inbox: Inbox,
    metrics: Arc<Metrics>,
    tap: Arc<Tap>,
    runtime: tokio::runtime::Handle,
    next: AtomicU64,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    open: HashMap<u64, Handle>,
    by_peer: HashMap<SocketAddr, u64>,
    by_address: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Handle {
    peer: SocketAddr,
    queue: mpsc::Sender<Outgoing>,
    queued_bytes: Arc<AtomicUsize>,
    closing: Arc<tokio::sync::Notify>,
}

#[derive(Debug)]
struct Outgoing {
    bytes: Vec<u8>,
    token: u64,
}

/// A connection's own ends.
struct Connection {
    flow: Flow,
    outgoing: mpsc::Receiver<Outgoing>,
    queued_bytes: Arc<AtomicUsize>,
    closing: Arc<tokio::sync::Notify>,
}

impl Streams {
    /// No connections yet.
    pub fn new(
        limits: StreamLimits,
        locals: Vec<IpAddr>,
        inbox: Inbox,
        metrics: Arc<Metrics>,
        tap: Arc<Tap>,
        runtime: tokio::runtime::Handle,
    ) -> Streams {
        // The state may outlive the process and still name connections of the one before: begin far above them.
        let first = wall().0.unsigned_abs();
        Streams { limits, locals, inbox, metrics, tap, runtime, next: AtomicU64::new(first), table: Mutex::default() }
    }

    /// Accepts on `listener` from now on.
    pub(super) fn listen(self: &Arc<Self>, listener: std::net::TcpListener, id: ListenerId) -> io::Result<()> {
        let _inside = self.runtime.enter();
        let listener = TcpListener::from_std(listener)?;
        let streams = self.clone();
        self.runtime.spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, peer)) => streams.accepted(stream, peer, id),
                    Err(error) => {
                        tracing::warn!(%error, "accepting a connection failed");
                        // Out of descriptors: give connections time to end instead of spinning.
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        });
        Ok(())
    }

    fn accepted(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr, listener: ListenerId) {
        let Some(connection) = self.register(peer, listener, true) else {
            self.metrics.streams_refused.inc();
            return;
        };
        let _ = stream.set_nodelay(true);
        let streams = self.clone();
        self.runtime.spawn(async move { streams.serve(stream, connection, false).await });
    }

    /// A place in the table; none at the bounds.
    fn register(&self, peer: SocketAddr, listener: ListenerId, incoming: bool) -> Option<Connection> {
        let mut table = self.table();
        let from_there = table.by_address.get(&peer.ip()).copied().unwrap_or(0);
        if table.open.len() >= self.limits.connections_max
            || incoming && from_there >= self.limits.connections_per_address_max
        {
            return None;
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (queue, outgoing) = mpsc::channel(QUEUE_MESSAGES_MAX);
        let (queued_bytes, closing) = (Arc::new(AtomicUsize::new(0)), Arc::new(tokio::sync::Notify::new()));
        let handle = Handle { peer, queue, queued_bytes: queued_bytes.clone(), closing: closing.clone() };
        table.open.insert(id, handle);
        table.by_peer.insert(peer, id);
        *table.by_address.entry(peer.ip()).or_default() += 1;
        self.metrics.streams_open.set(i64::try_from(table.open.len()).unwrap_or(i64::MAX));
        let flow = Flow { transport: Transport::Tcp, listener, peer, connection: id };
        Some(Connection { flow, outgoing, queued_bytes, closing })
    }

    fn forget(&self, flow: Flow) {
        let mut table = self.table();
        if table.open.remove(&flow.connection).is_none() {
            return;
        }
        if table.by_peer.get(&flow.peer) == Some(&flow.connection) {
            table.by_peer.remove(&flow.peer);
        }
        if let Some(count) = table.by_address.get_mut(&flow.peer.ip()) {
            *count -= 1;
            if *count == 0 {
                table.by_address.remove(&flow.peer.ip());
            }
        }
        self.metrics.streams_open.set(i64::try_from(table.open.len()).unwrap_or(i64::MAX));
    }

    /// Queues a message on the connection of `flow`, and nowhere else.
    pub fn send_on(&self, flow: Flow, bytes: Vec<u8>, token: u64) {
        let table = self.table();
        match table.open.get(&flow.connection).filter(|handle| handle.peer == flow.peer) {
            Some(handle) => self.queue(handle, bytes, token),
            None => {
                drop(table);
                self.failed(token);
            }
        }
    }

    /// Queues a message to `peer`: on an open connection to it, or on a new one.
    pub fn send_to(self: &Arc<Self>, listener: ListenerId, peer: SocketAddr, bytes: Vec<u8>, token: u64) {
        {
            let table = self.table();
            if let Some(handle) = table.by_peer.get(&peer).and_then(|id| table.open.get(id)) {
                return self.queue(handle, bytes, token);
            }
        }
        let Some(connection) = self.register(peer, listener, false) else { return self.failed(token) };
        let flow = connection.flow;
        if let Some(handle) = self.table().open.get(&flow.connection) {
            self.queue(handle, bytes, token);
        }
        let streams = self.clone();
        self.runtime.spawn(async move {
            match tokio::time::timeout(streams.limits.connect_limit, streams.connect(flow)).await {
                Ok(Ok(stream)) => streams.serve(stream, connection, true).await,
                Ok(Err(_)) | Err(_) => streams.never_opened(connection),
            }
        });
    }

    /// Closes the connection of `flow` after what is queued on it.
    pub fn close(&self, flow: Flow) {
        if let Some(handle) = self.table().open.get(&flow.connection) {
            handle.closing.notify_one();
        }
    }

    async fn connect(&self, flow: Flow) -> io::Result<TcpStream> {
        let socket = if flow.peer.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        let local = self.locals.get(usize::from(flow.listener.0)).filter(|ip| ip.is_ipv4() == flow.peer.is_ipv4());
        if let Some(local) = local.filter(|ip| !ip.is_unspecified()) {
            socket.bind(SocketAddr::new(*local, 0))?;
        }
        socket.set_nodelay(true)?;
        socket.connect(flow.peer).await
    }

    fn never_opened(&self, mut connection: Connection) {
        self.forget(connection.flow);
        self.fail_queued(&mut connection);
    }

    /// What was queued and will not leave.
    fn fail_queued(&self, connection: &mut Connection) {
        connection.outgoing.close();
        while let Ok(outgoing) = connection.outgoing.try_recv() {
            self.failed(outgoing.token);
        }
    }

    fn queue(&self, handle: &Handle, bytes: Vec<u8>, token: u64) {
        let length = bytes.len();
        let queued = handle.queued_bytes.fetch_add(length, Ordering::Relaxed) + length;
        if queued > self.limits.queue_bytes_max || handle.queue.try_send(Outgoing { bytes, token }).is_err() {
            // It does not read: what is queued is lost with the connection, and its transactions will hear so.
            self.metrics.streams_slow.inc();
            handle.closing.notify_one();
            handle.queued_bytes.store(usize::MAX / 2, Ordering::Relaxed);
            self.failed(token);
        } else {
            self.metrics.sent_tcp.inc();
        }
    }

    fn failed(&self, token: u64) {
        self.metrics.send_failed.inc();
        if token != 0 {
            let (inbox, input) = (self.inbox.clone(), Input::SendFailed(token));
            // Whoever sends is the engine's own outlet: it must not wait for the engine.
            if let Err(input) = inbox.house_now(input) {
                self.runtime.spawn_blocking(move || inbox.house(*input));
            }
        }
    }

    async fn serve(&self, stream: TcpStream, mut connection: Connection, ours: bool) {
        let flow = connection.flow;
        let (read, write) = stream.into_split();
        let (pong, pings) = mpsc::channel(4);
        tokio::select! {
            () = self.read(read, flow, &pong, ours) => {}
            () = self.write(write, &mut connection, pings) => {}
        }
        self.forget(flow);
        self.fail_queued(&mut connection);
        let _ = self.deliver(Lane::Fresh, Input::FlowClosed(flow)).await;
    }

    /// Until the peer closes, breaks a bound, or sends what is no SIP. Who connects to us has something to say soon; on a
    /// connection of `ours` silence is the peer's right.
    async fn read(&self, mut read: OwnedReadHalf, flow: Flow, pong: &mpsc::Sender<()>, ours: bool) {
        let mut framer = Framer::new();
        let mut buffer = [0; READ_BYTES];
        let mut quiet_is_odd = !ours;
        let mut half_since = (!ours).then(tokio::time::Instant::now);
        loop {
            let limit = match half_since {
                Some(since) => since + self.limits.message_limit,
                None => tokio::time::Instant::now() + self.limits.idle_limit,
            };
            let bytes = match tokio::time::timeout_at(limit, read.read(&mut buffer)).await {
                Ok(Ok(0) | Err(_)) => return,
                Ok(Ok(got)) => buffer.get(..got).unwrap_or_default(),
                Err(_) => {
                    self.metrics.streams_cut.inc();
                    return;
                }
            };
            framer.push(bytes);
            while let Some(frame) = framer.next_frame() {
                match frame {
                    Frame::Message(message) => {
                        half_since = None;
                        quiet_is_odd = false;
                        self.metrics.received_tcp.inc();
                        self.tap.read(&flow, message.bytes());
                        let lane = match self.inbox.admit(flow, &message) {
                            Ok(lane) => lane,
                            Err(Outside::Ignored) => continue,
                            Err(Outside::Refused(answer)) => {
                                self.metrics.count(Count::Shed);
                                self.tap.sends(&Destination::Flow(flow), &answer);
                                self.send_on(flow, answer, 0);
                                continue;
                            }
                        };
                        if !self.deliver(lane, Input::Sip { flow, message }).await {
                            return;
                        }
                    }
                    Frame::Ping => {
                        // A full queue of pongs means that four pings are unanswered: the next pong answers them all.
                        let _ = pong.try_send(());
                    }
                    Frame::Broken { mut bytes, rejected } => {
                        self.tap.read(&flow, &bytes);
                        bytes.truncate(UNREADABLE_BYTES_MAX);
                        let _ = self.deliver(Lane::Fresh, Input::Unreadable { flow, bytes, rejected }).await;
                        // The engine may still answer it.
                        tokio::time::sleep(BROKEN_GRACE).await;
                        return;
                    }
                }
            }
            match framer.is_inside() {
                true => half_since = half_since.or_else(|| Some(tokio::time::Instant::now())),
                false if !quiet_is_odd => half_since = None,
                false => {}
            }
        }
    }

    /// Waits while the engine is far behind: the peer's window fills, which is what windows are for.
    async fn deliver(&self, lane: Lane, mut input: Input) -> bool {
        for _ in 0..2000 {
            match self.inbox.stream(lane, input) {
                Ok(()) => return true,
                Err(back) => input = *back,
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        false
    }

    /// Writes what is queued, in order, until asked to close.
    async fn write(&self, mut write: OwnedWriteHalf, connection: &mut Connection, mut pings: mpsc::Receiver<()>) {
        loop {
            tokio::select! {
                biased;
                outgoing = connection.outgoing.recv() => {
                    let Some(outgoing) = outgoing else { return };
                    let length = outgoing.bytes.len();
                    let written = tokio::select! {
                        written = tokio::time::timeout(self.limits.message_limit, write.write_all(&outgoing.bytes)) => {
                            matches!(written, Ok(Ok(())))
                        }
                        // Being full is noticed while the write hangs.
                        () = self.overfull(connection) => false,
                    };
                    if !written {
                        self.failed(outgoing.token);
                        break;
                    }
                    connection.queued_bytes.fetch_sub(length, Ordering::Relaxed);
                }
                Some(()) = pings.recv() => {
                    if !matches!(tokio::time::timeout(self.limits.message_limit, write.write_all(PONG)).await, Ok(Ok(()))) {
                        break;
                    }
                }
                () = connection.closing.notified() => break,
            }
        }
        let _ = write.shutdown().await;
    }

    async fn overfull(&self, connection: &Connection) {
        loop {
            connection.closing.notified().await;
            if connection.queued_bytes.load(Ordering::Relaxed) > self.limits.queue_bytes_max {
                return;
            }
            // Asked to close after what is queued: remembered for when the write is done.
            connection.closing.notify_one();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
