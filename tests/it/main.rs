//! One binary for everything that needs the whole program or the whole tree.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without may end it")]

mod baresip;
mod browser;
mod caller;
mod calls;
mod config;
<<<<<<< HEAD
mod crash;
mod drain;
mod house;
mod instructions;
mod kamailio;
mod linphone;
mod load;
=======
mod fuzz;
>>>>>>> refs/heads/fuzz
mod node;
mod rig;
mod sipp;
mod tidy;
mod tone;
mod wall;
