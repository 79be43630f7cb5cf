//! One binary for everything that needs the whole program or the whole tree.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without may end it")]

mod config;
mod fuzz;
mod node;
mod tidy;
