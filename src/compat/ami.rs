//! Asterisk's manager interface, as far as wallboards and CRM connectors use it (docs/reference/ami.md).
//!
//! `exchange` is pure: a fold of the event line into what Asterisk would show, with the events that it would raise. `wire`
//! and `filter` are the text of it, [`actions`] what may be asked; `server` and `connection` own the sockets.
//! Field names and their order are those of Asterisk's `app_queue.c`, `manager.c`, `manager_channels.c` and
//! `manager_bridges.c`, release 20.

pub mod actions;
mod cli;
mod connection;
mod counts;
mod doors;
mod exchange;
mod filter;
mod lists;
mod server;
pub mod wire;

#[cfg(test)]
mod docs_tests;

pub use counts::Counts;
pub use exchange::{Event, Exchange};
pub use server::{Ami, Listeners, Terms, bind, start};

#[cfg(test)]
mod tests;
