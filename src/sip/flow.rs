//! Where bytes come from and go to: transports, listeners and flows (RFC 3261 §18, RFC 5626). Data only.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// SIP transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
}

impl Transport {
    /// Messages arrive whole, in order, or the connection ends (RFC 3261 §17: no retransmission timers).
    pub const fn is_reliable(self) -> bool {
        match self {
            Transport::Udp => false,
            Transport::Tcp => true,
        }
    }

    /// As in a Via header.
    pub const fn via(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
        }
    }
}

/// Index of a listener in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ListenerId(pub u16);

/// The 5-tuple or connection over which a peer is reachable; replies go back on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Flow {
    /// Transport.
    pub transport: Transport,
    /// Listener that the bytes came in by (for a connection we opened: whose address we use as our own).
    pub listener: ListenerId,
    /// The peer's address as the socket saw it.
    pub peer: SocketAddr,
    /// Names a stream connection, never reused in a run; 0 on UDP.
    pub connection: u64,
}

/// Where bytes should go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Destination {
    /// Back on this flow, and nowhere else: if a stream is gone, sending fails.
    Flow(Flow),
    /// To this address: on UDP from the listener's socket; on a stream over an open connection to it or a new one.
    Address {
        /// Transport.
        transport: Transport,
        /// Listener whose socket or address family to use.
        listener: ListenerId,
        /// The peer.
        peer: SocketAddr,
    },
}

/// A socket we listen on and what we call ourselves there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Transport.
    pub transport: Transport,
    /// Bound address.
    pub local: SocketAddr,
    /// What goes into Via and Contact towards peers outside `SipConfig::local_networks`; none: `local`.
    pub external: Option<SocketAddr>,
}
