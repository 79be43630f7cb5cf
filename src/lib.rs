//! Turno: call routing and ACD engine that stands beside an Asterisk or FreeSWITCH trunk.
//!
//! This package is the shell around the pure [`turno_engine::Engine`]: sockets, clock, dice, disk, HTTP and the command
//! line. What a call may do is decided in the rooms below `src/`; nothing here decides it.

pub mod api;
pub mod cli;
pub mod compat;
pub mod demo;
pub mod node;
pub mod shell;
