//! Transactions (RFC 3261 §17, RFC 6026): four machines that need no messages, and the [`Layer`] that owns them all.
//!
//! A machine knows statuses and instants; the layer knows branches, bytes and where they go. Neither knows dialogs:
//! a 2xx to INVITE goes up each time it arrives, and its ACK is the user's to write (RFC 3261 §13.2.2.4).

mod invite_client;
mod invite_server;
mod key;
mod layer;
mod plain_client;
mod plain_server;
mod timing;

#[cfg(test)]
mod matrix;
#[cfg(test)]
mod tests;

pub use invite_client::InviteClient;
pub use invite_server::InviteServer;
pub use key::Branch;
pub use layer::{Kind, Layer, Outgoing, Received, Replied, TxId, Up};
pub use plain_client::PlainClient;
pub use plain_server::PlainServer;
pub use timing::Timing;
