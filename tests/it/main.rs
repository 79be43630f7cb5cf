//! One binary for everything that needs the whole program or the whole tree.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without may end it")]

mod alike;
mod ami;
mod attack;
mod backup;
mod baresip;
mod browser;
mod callbacks;
mod caller;
mod calls;
mod chosen;
mod config;
mod crash;
mod crowd;
mod deploy;
mod doors;
mod drain;
mod explain;
mod figures;
mod fuzz;
mod gun;
mod house;
mod instructions;
mod kamailio;
mod limits;
mod linphone;
mod live;
mod load;
mod menus;
mod node;
mod operator;
mod overload;
mod parking;
mod records;
mod rig;
mod rolling;
mod sipp;
mod size;
mod tidy;
mod tone;
mod tools;
mod voicemail;
mod wall;
mod whatif;
