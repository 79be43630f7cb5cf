//! Queues, classes of interchangeable items, profiles of interchangeable agents: what makes each choice a comparison of a
//! few heads.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use turno_base::{AgentId, Mono, Need, QueueId, SegmentId, SkillId};

use crate::config::QueueRules;
use crate::line::Line;
use crate::matching::Urgency;
use crate::slab::{AgentIx, ClassIx, ProfileIx, QueueIx};

/// One queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Queue {
    pub(crate) id: QueueId,
    pub(crate) rules: QueueRules,
    /// No longer configured: sends everybody away and is forgotten when empty.
    pub(crate) is_closing: bool,
    /// Items in it, offered or not.
    pub(crate) waiting: u32,
    /// Agents who serve it and are logged in.
    pub(crate) logged_in: u32,
    /// Classes with items in them, in order of index.
    pub(crate) classes: Vec<ClassIx>,
    /// When it sends away the next of those it does not keep.
    pub(crate) drains_at: Option<Mono>,
}

impl Queue {
    pub(crate) fn new(id: QueueId, rules: QueueRules) -> Queue {
        Queue { id, rules, is_closing: false, waiting: 0, logged_in: 0, classes: Vec::new(), drains_at: None }
    }

    /// Those who wait in it have nobody to wait for.
    pub(crate) fn keeps_nobody(&self) -> bool {
        self.is_closing || self.rules.leave_when_empty && self.logged_in == 0
    }
}

/// Names a class.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ClassKey {
    pub(crate) queue: QueueIx,
    pub(crate) segment: SegmentId,
    /// Beyond the queue's own need.
    pub(crate) need: Need,
}

/// Items that are alike but for their age.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Class {
    pub(crate) key: ClassKey,
    pub(crate) urgency: Urgency,
    /// Those whom any agent may have.
    pub(crate) free: Line,
    /// Those for whom an agent is being rung: they keep their place.
    pub(crate) offered: Line,
    /// Profiles whose agents may take them, and how well they fit, µs of idle time.
    pub(crate) profiles: Vec<(ProfileIx, i64)>,
    /// Since when nobody is in it, as a count of classes that emptied; none: somebody is.
    pub(crate) emptied: Option<u64>,
}

impl Class {
    pub(crate) fn is_empty(&self) -> bool {
        self.free.is_empty() && self.offered.is_empty()
    }
}

/// Names a profile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ProfileKey {
    pub(crate) skills: BTreeMap<SkillId, u8>,
    pub(crate) queues: BTreeSet<QueueIx>,
}

/// Agents who are alike but for their idle time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) key: ProfileKey,
    /// Those who can be rung, the longest idle first.
    pub(crate) ready: BTreeSet<(Mono, AgentId, AgentIx)>,
    /// Classes that they may serve with free items in them, in order of index.
    pub(crate) waiting: Vec<ClassIx>,
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
