//! One binary for everything that needs the whole program or the whole tree.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without may end it")]

mod baresip;
mod browser;
mod callbacks;
mod caller;
mod calls;
mod config;
mod crash;
mod drain;
mod fuzz;
mod house;
mod instructions;
mod kamailio;
mod linphone;
mod load;
mod node;
mod rig;
mod sipp;
mod tidy;
mod tone;
mod wall;
