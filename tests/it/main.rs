//! One binary for everything that needs the whole program or the whole tree.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without may end it")]

mod baresip;
mod browser;
mod caller;
mod calls;
mod config;
mod house;
mod kamailio;
mod linphone;
mod node;
mod sipp;
mod tidy;
mod tone;
mod wall;
