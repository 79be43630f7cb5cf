//! Queues, groups of items that the same agents may take, profiles of interchangeable agents: what makes each choice a
//! comparison of a few heads.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use turno_base::{AgentId, Mono, Need, QueueId};

use crate::config::QueueRules;
use crate::doors::Doors;
use crate::line::Line;
use crate::need::Judge;
use crate::slab::{AgentIx, GroupIx, ProfileIx, QueueIx};

/// One queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Queue {
    pub(crate) id: QueueId,
    pub(crate) rules: QueueRules,
    /// What its rules need.
    pub(crate) judge: Judge,
    /// No longer configured: sends everybody away and is forgotten when empty.
    pub(crate) is_closing: bool,
    /// All items in it, offered or not, by number of segment: who stands where.
    pub(crate) lines: Vec<Line>,
    /// How many those are.
    pub(crate) waiting: u32,
    /// Agents who serve it and are logged in.
    pub(crate) logged_in: u32,
    /// Of them ready.
    pub(crate) ready: u32,
    /// When it sends away the next of those it does not keep.
    pub(crate) drains_at: Option<Mono>,
    pub(crate) doors: Doors,
}

impl Queue {
    pub(crate) fn new(id: QueueId, rules: QueueRules) -> Queue {
        Queue {
            id,
            rules,
            judge: Judge::Anyone,
            is_closing: false,
            lines: Vec::new(),
            waiting: 0,
            logged_in: 0,
            ready: 0,
            drains_at: None,
            doors: Doors::default(),
        }
    }
}

/// Names a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct GroupKey {
    pub(crate) queue: QueueIx,
    /// Beyond the queue's own need.
    pub(crate) need: Need,
}

/// Items that the same agents may take: the classes of one queue and need, one line for each segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) key: GroupKey,
    /// Those whom any agent may have, by number of segment.
    pub(crate) lines: Vec<Line>,
    /// How many those are.
    pub(crate) free: u32,
    /// For how many an agent is being rung.
    pub(crate) offered: u32,
    /// Profiles whose agents may take them, and how well they fit, µs of idle time.
    pub(crate) profiles: Vec<(ProfileIx, i64)>,
    /// Since when nobody is in it, as a count of groups that emptied; none: somebody is.
    pub(crate) emptied: Option<u64>,
}

/// Names a profile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ProfileKey {
    /// Levels by number of skill; see [`crate::need::Judge`].
    pub(crate) levels: Vec<u8>,
    pub(crate) queues: BTreeSet<QueueIx>,
}

/// Agents who are alike but for their idle time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) key: ProfileKey,
    /// Those who can be rung, the longest idle first.
    pub(crate) ready: BTreeSet<(Mono, AgentId, AgentIx)>,
    /// Groups that they may serve with free items in them, in order of index.
    pub(crate) waiting: Vec<GroupIx>,
}

/// Inserts into a sorted list; nothing if it is there.
pub(crate) fn list<T: Ord>(sorted: &mut Vec<T>, value: T) {
    if let Err(at) = sorted.binary_search(&value) {
        sorted.insert(at, value);
    }
}

/// Removes from a sorted list; nothing if it is not there.
pub(crate) fn unlist<T: Ord>(sorted: &mut Vec<T>, value: &T) {
    if let Ok(at) = sorted.binary_search(value) {
        sorted.remove(at);
    }
}
