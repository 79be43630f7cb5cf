//! Pairs of sockets, RTP on an even port and RTCP on the next, bound ahead of the calls that use them.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Sender, bounded};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use turno_media::Port;

use super::plane_thread::{Mailbox, Order};
use super::{MediaError, MediaOut, MediaPlaneConfig, Tell, home};

/// Receive buffer of a port in use, bytes: about 200 packets, four seconds of a stream.
const RECEIVE_BYTES: usize = 256 * 1024;
/// Receive buffer of a port that waits: what strangers send there costs next to no kernel memory.
const RECEIVE_BYTES_IDLE: usize = 4 * 1024;
/// Requests for ports that may wait; more are answered by those that do.
const REQUESTS_MAX: usize = 16;
/// Ports told at once.
const BATCH: usize = 64;

/// A port with its sockets.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) port: Port,
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
}

impl Pair {
    pub(super) fn bind(address: IpAddr, rtp: u16) -> io::Result<Pair> {
        let port = Port { rtp: SocketAddr::new(address, rtp), rtcp: SocketAddr::new(address, rtp + 1) };
        Ok(Pair { port, rtp: bind(port.rtp)?, rtcp: bind(port.rtcp)? })
    }

    /// Drops what arrived while nobody was here, and makes room for a stream. The buffer of an unused port is small, so
    /// this takes a handful of reads.
    pub(super) fn wake(&self) {
        for socket in [&self.rtp, &self.rtcp] {
            let mut scratch = [0; 1];
            while socket.recv(&mut scratch).is_ok() {}
        }
        self.buffer(RECEIVE_BYTES);
    }

    /// Back to a small buffer.
    pub(super) fn rest(&self) {
        self.buffer(RECEIVE_BYTES_IDLE);
    }

    fn buffer(&self, bytes: usize) {
        // A smaller buffer than wanted still works: the kernel's own limit decides.
        if let Err(error) = SockRef::from(&self.rtp).set_recv_buffer_size(bytes) {
            tracing::debug!(port = %self.port.rtp, %error, "receive buffer not set");
        }
    }
}

fn bind(at: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?;
    if at.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(RECEIVE_BYTES_IDLE)?;
    // Expedited forwarding (RFC 4594 §4.1); a network without classes ignores it.
    let marked = if at.is_ipv6() { socket.set_tclass_v6(0xb8) } else { socket.set_tos_v4(0xb8) };
    if let Err(error) = marked {
        tracing::debug!(%at, %error, "packets are not marked for expedited forwarding");
    }
    socket.bind(&at.into())?;
    Ok(socket.into())
}

/// One address's part of the range.
#[derive(Debug)]
struct Range {
    address: IpAddr,
    /// Next even port; beyond `last` all were tried once.
    next: u32,
    last: u32,
    /// Held by others when they were tried; tried again when the rest is used up.
    busy: Vec<u16>,
}

impl Range {
    /// The next pair that can be bound.
    fn bind_next(&mut self) -> Result<Pair, Option<io::Error>> {
        let mut met = None;
        while self.next < self.last {
            let port = self.next as u16;
            self.next += 2;
            match Pair::bind(self.address, port) {
                Ok(pair) => return Ok(pair),
                Err(error) => {
                    if error.kind() == io::ErrorKind::AddrInUse {
                        self.busy.push(port);
                        met = Some(error);
                    } else {
                        // An address that is not ours, no descriptors: the next port would meet the same.
                        self.next -= 2;
                        return Err(Some(error));
                    }
                }
            }
        }
        for _ in 0..self.busy.len() {
            let port = self.busy.remove(0);
            match Pair::bind(self.address, port) {
                Ok(pair) => return Ok(pair),
                Err(error) => {
                    self.busy.push(port);
                    met = Some(error);
                }
            }
        }
        Err(met)
    }
}

/// Binds ports on a thread of its own, because a hundred of them take longer than a packet may wait.
pub(super) struct Binder {
    requests: Option<Sender<u32>>,
    thread: Option<JoinHandle<()>>,
}

struct Work {
    ranges: Vec<Range>,
    /// The range was said to be used up: every call asks again from then on, and once is enough.
    is_said: bool,
    mailboxes: Vec<Arc<Mailbox>>,
    tell: Tell,
}

impl Binder {
    pub(super) fn start(
        config: &MediaPlaneConfig,
        mailboxes: Vec<Arc<Mailbox>>,
        tell: Tell,
    ) -> Result<Binder, MediaError> {
        let (first, last) = config.ports;
        let even = u32::from(first).div_ceil(2) * 2;
        if even == 0 || even >= u32::from(last) {
            return Err(MediaError::Range { first, last });
        }
        if config.addresses.is_empty() {
            return Err(MediaError::NoAddress);
        }
        let range = |&address| Range { address, next: even, last: last.into(), busy: Vec::new() };
        let mut work = Work { ranges: config.addresses.iter().map(range).collect(), is_said: false, mailboxes, tell };
        work.bind(config.ports_at_start.max(1))?;
        let (requests, asked) = bounded::<u32>(REQUESTS_MAX);
        let thread = std::thread::Builder::new()
            .name("turno-media-ports".into())
            .spawn(move || {
                for count in asked {
                    if let Err(error) = work.bind(count)
                        && !std::mem::replace(&mut work.is_said, true)
                    {
                        tracing::error!(%error, "no more media ports");
                    }
                }
            })
            .map_err(MediaError::System)?;
        Ok(Binder { requests: Some(requests), thread: Some(thread) })
    }

    pub(super) fn want(&self, count: u32) {
        // Full: as many requests are being answered, and the engine asks again while it is short.
        if let Some(requests) = &self.requests {
            let _ = requests.try_send(count);
        }
    }

    pub(super) fn stop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that binds media ports ended by a fault");
        }
    }
}

impl Work {
    /// Binds up to `count` pairs on each address; fails only where not one could be.
    fn bind(&mut self, count: u32) -> Result<(), MediaError> {
        for range in &mut self.ranges {
            let mut bound = 0;
            let mut fresh = Vec::new();
            let mut met = None;
            while bound < count {
                match range.bind_next() {
                    Ok(pair) => {
                        bound += 1;
                        let (port, at) = (pair.port, home(&pair.port, self.mailboxes.len()));
                        // The thread knows the port before the engine does.
                        if let Some(mailbox) = self.mailboxes.get(at) {
                            mailbox.port(pair);
                        }
                        fresh.push(port);
                        if fresh.len() >= BATCH {
                            (self.tell)(MediaOut::Ports(std::mem::take(&mut fresh)));
                        }
                    }
                    Err(error) => {
                        met = error;
                        break;
                    }
                }
            }
            if !fresh.is_empty() {
                (self.tell)(MediaOut::Ports(fresh));
            }
            if bound < count {
                let address = range.address;
                if bound == 0 {
                    let error = met.unwrap_or_else(|| io::Error::other("every port of the range is in use"));
                    return Err(MediaError::Bind { address, error });
                }
                if !std::mem::replace(&mut self.is_said, true) {
                    tracing::warn!(%address, bound, count, "the media port range is used up; widen it for more calls at once");
                }
            } else {
                self.is_said = false;
            }
        }
        Ok(())
    }
}

impl Mailbox {
    fn port(&self, pair: Pair) {
        self.deliver(Order::Port(Box::new(pair)));
    }
}
