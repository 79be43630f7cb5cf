//! Queues, agents, skills, reservations, wrap-up: who serves whom (spec/routing.md).
//!
//! One pure state machine, the single owner of every (item, agent) pair. Knows no SIP, no media and no call legs.

mod boundary;
mod config;

pub use boundary::{Command, Decision, Entry, Event, Heal, Overflow, Trigger, Why};
pub use config::{AcdConfig, AgentRules, QueueRules, ReasonRules, SegmentRules, WrapUp};
