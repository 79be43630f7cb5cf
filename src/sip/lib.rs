//! SIP and SDP as pure protocol: messages, transactions, dialogs, digest, registrar, user agent.
//!
//! Bytes and instants in, bytes and events out: no socket, clock or dice. Knows nothing of queues, agents or records;
//! above [`ua`] there are legs, numbers and streams.

pub mod auth;
pub mod config;
pub mod dialog;
pub mod flow;
pub mod locate;
pub mod message;
pub mod registrar;
pub mod sdp;
pub mod shed;
pub mod stream;
pub mod subscribe;
pub mod transaction;
pub mod trunk;
pub mod ua;
