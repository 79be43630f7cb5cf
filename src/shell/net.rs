//! SIP sockets: UDP on plain threads, streams on the tokio runtime, both IPv4 and IPv6, several listeners.
//!
//! Bytes are parsed where they are read. What comes in carries its flow; what goes out names a flow or an address.

mod streams;
mod udp;

pub use streams::{StreamLimits, Streams};
pub use udp::send;

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};
use turno_sip::flow::{Listener, ListenerId, Transport};

use crate::shell::inbox::Inbox;
use crate::shell::metrics::Metrics;
use crate::shell::run::Gate;
use crate::shell::tap::Tap;

/// Receive buffer that the kernel is asked for: a second of a flood.
const RECEIVE_BUFFER_BYTES: usize = 8 << 20;
const SEND_BUFFER_BYTES: usize = 4 << 20;
const BACKLOG: i32 = 1024;

/// Bounds of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetSettings {
    /// Receive threads per UDP listener; the kernel keeps one source on one of them.
    pub udp_threads: u16,
    /// Bounds of stream connections.
    pub streams: StreamLimits,
    /// Whom to ask for names; none: whom the system asks.
    pub name_servers: Vec<SocketAddr>,
}

/// A listener that could not be opened.
#[derive(Debug)]
pub struct OpenError {
    /// Which.
    pub listener: Listener,
    /// Why.
    pub error: io::Error,
}

impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (via, local) = (self.listener.transport.via(), self.listener.local);
        match self.error.kind() {
            io::ErrorKind::AddrInUse => write!(
                f,
                "{via} {local} is in use by another program; stop it or change [[sip.listeners]] address in the configuration"
            ),
            io::ErrorKind::AddrNotAvailable => {
                write!(
                    f,
                    "{local} is no address of this machine; change [[sip.listeners]] address in the configuration"
                )
            }
            io::ErrorKind::PermissionDenied => {
                write!(f, "{via} {local} needs the right to bind ports below 1024 (CAP_NET_BIND_SERVICE)")
            }
            _ => write!(f, "{via} {local} cannot be opened: {}", self.error),
        }
    }
}

impl std::error::Error for OpenError {}

/// Sockets that are bound but not yet read: the engine is to hear of their addresses first.
#[derive(Debug)]
pub struct Bound {
    listeners: Vec<(Listener, Sockets)>,
}

#[derive(Debug)]
enum Sockets {
    Udp(Vec<Arc<UdpSocket>>),
    Tcp(TcpListener),
}

impl Bound {
    /// Binds every listener.
    pub fn open(listeners: &[Listener], settings: &NetSettings) -> Result<Bound, OpenError> {
        let mut bound = Vec::with_capacity(listeners.len());
        for listener in listeners {
            let failed = |error| OpenError { listener: listener.clone(), error };
            let (sockets, local) = match listener.transport {
                Transport::Udp => {
                    let sockets = bind_udp(listener.local, settings.udp_threads.max(1)).map_err(failed)?;
                    let local = sockets.first().map_or(Ok(listener.local), |s| s.local_addr()).map_err(failed)?;
                    (Sockets::Udp(sockets), local)
                }
                Transport::Tcp => {
                    let socket = bind_tcp(listener.local).map_err(failed)?;
                    let local = socket.local_addr().map_err(failed)?;
                    (Sockets::Tcp(socket), local)
                }
            };
            bound.push((Listener { local, ..listener.clone() }, sockets));
        }
        Ok(Bound { listeners: bound })
    }

    /// The listeners with the addresses they have got: a configured port 0 is a real one here.
    pub fn listeners(&self) -> Vec<Listener> {
        self.listeners.iter().map(|(listener, _)| listener.clone()).collect()
    }

    /// Begins to read. Threads end when the gate stops, tasks with their runtime.
    pub fn start(
        self,
        settings: &NetSettings,
        inbox: &Inbox,
        metrics: &Arc<Metrics>,
        gate: &Arc<Gate>,
        runtime: &tokio::runtime::Handle,
    ) -> io::Result<Net> {
        let locals = self.listeners.iter().map(|(listener, _)| listener.local.ip()).collect();
        let tap = Tap::new(&self.listeners());
        let limits = settings.streams.clone();
        let streams =
            Arc::new(Streams::new(limits, locals, inbox.clone(), metrics.clone(), tap.clone(), runtime.clone()));
        let mut udp = Vec::with_capacity(self.listeners.len());
        for (at, (listener, sockets)) in self.listeners.into_iter().enumerate() {
            let id = ListenerId(u16::try_from(at).unwrap_or(u16::MAX));
            match sockets {
                Sockets::Udp(sockets) => {
                    udp.push(sockets.first().map(|socket| (socket.clone(), listener.local.is_ipv4())));
                    for socket in sockets {
                        udp::receive(socket, id, inbox.clone(), metrics.clone(), tap.clone(), gate.clone())?;
                    }
                }
                Sockets::Tcp(socket) => {
                    udp.push(None);
                    streams.listen(socket, id)?;
                }
            }
        }
        Ok(Net { udp, streams, tap })
    }
}

/// The open sockets.
#[derive(Debug)]
pub struct Net {
    /// UDP sockets by listener, and whether they are of IPv4.
    pub udp: Vec<Option<(Arc<UdpSocket>, bool)>>,
    /// Stream connections.
    pub streams: Arc<Streams>,
    /// Who looks at what passes.
    pub tap: Arc<Tap>,
}

fn bind_udp(local: SocketAddr, threads: u16) -> io::Result<Vec<Arc<UdpSocket>>> {
    let mut local = local;
    let mut sockets = Vec::new();
    for _ in 0..threads {
        let socket = Socket::new(Domain::for_address(local), Type::DGRAM, Some(Protocol::UDP))?;
        if local.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // Only where it is wanted: it would also let a second process take half of the datagrams.
        if threads > 1 {
            socket.set_reuse_port(true)?;
        }
        // The kernel gives what its limits allow; less is no reason not to start.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
        let _ = socket.set_send_buffer_size(SEND_BUFFER_BYTES);
        socket.bind(&local.into())?;
        let socket: UdpSocket = socket.into();
        local = socket.local_addr()?;
        sockets.push(Arc::new(socket));
    }
    Ok(sockets)
}

fn bind_tcp(local: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(local), Type::STREAM, Some(Protocol::TCP))?;
    if local.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&local.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
