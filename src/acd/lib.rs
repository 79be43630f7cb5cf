//! Queues, agents, skills, reservations, wrap-up: who serves whom (docs/explanation/routing.md).
//!
//! One pure state machine, the single owner of every (item, agent) pair. Knows no SIP, no media and no call legs.
//!
//! - [`Acd`] (`acd`): the front door. `entering`: doors, overflows, places. `offers`: reservations, offers, conversations.
//!   `shift`: agents and stations. `wrapup`: what follows a conversation, and its result. `codes`: what is dialled at a phone. `configure`: live change. `reconcile`: finds what
//!   nothing backs. `views`: rows.
//! - `skills`: what agents know as of now, and are certified for; `learning`: who knows something else is sorted anew; `holders`: who
//!   holds what, by skill.
//! - `tasks`: work without a caller on the line, beside an agent's one call.
//! - `callback`: places of callers who have hung up. `expected`: how long those who wait will wait.
//! - `doors`: who may come in and who must go, and where to; `calendar`: opening hours.
//! - `live`: what a supervisor may change about somebody who waits.
//! - `expected`: how long those who wait will wait.
//! - `matching`: the rule itself, pure functions; `pairing` brings it its candidates; `standing` keeps the lines.
//!   `tables`: what the rule measures. `rings`, `reserve`, `owner`: who may take whom for how long. `explain`: why.
//! - [`need`]: needs as text. [`limits`]: bounds and pauses.

mod acd;
mod agent;
mod boundary;
pub mod calendar;
mod callback;
mod codes;
mod config;
mod configure;
mod credits;
mod doors;
mod entering;
mod entry;
mod expected;
mod explain;
mod holders;
mod item;
mod learning;
pub mod limits;
mod line;
mod live;
mod matching;
pub mod need;
mod offers;
mod owner;
mod pairing;
mod queue;
mod reconcile;
mod redial;
mod refusal;
mod reserve;
mod ring_all;
mod rings;
mod serving;
mod shift;
mod skills;
mod slab;
mod standing;
mod tables;
mod tasks;
mod timers;
mod views;
mod why;
mod wrapup;

#[cfg(test)]
mod tests;

pub use acd::{Acd, Counts};
pub use agent::Next;
pub use boundary::{Command, Decision, Entry, Event, Heal, Kind, Overflow};
pub use callback::{CallBack, CallbackRow, CallbackRules, Hours, Zone};
pub use config::{
    AcdConfig, AgentRules, BackOff, DispositionRules, QueueRules, ReasonRules, RingNeed, RingRules, Rule, SegmentRules,
    SkillRules, TooLong, WrapUp,
};
pub use credits::{Credit, Credits};
pub use doors::{DoorRules, Ignored, LEVEL_AFTER, LEVEL_OVER, Presence};
pub use expected::{Accuracy, FORECAST_AFTER, SURE_AFTER, SURE_WITHIN_PM, WITHIN_LEAST_MS, came_true};
pub use explain::{Able, AgentExplained, Barred, ItemExplained, QueueForAgent};
pub use limits::Bounds;
pub use matching::{NoStrategy, Strategy};
pub use refusal::Refusal;
pub use serving::ServedRow;
pub use skills::{Certificate, NoCertificate, SkillChange, SkillRow, Uncertified};
pub use tables::{TableRows, Topic, TopicRow};
pub use tasks::{NewTask, Priority, TaskRow, TaskRules, TaskState};
pub use views::{AcdSizes, AgentRow, ItemRow, QueueRow};
pub use why::{AgentTerms, Bar, Blocked, ItemTerms, RunnerUp, Trigger, Why};
