//! Queues, groups of items that the same agents may take, profiles of interchangeable agents: what makes each choice a
//! comparison of a few heads.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use turno_base::{AgentId, Mono, Need, QueueId};

use crate::config::QueueRules;
use crate::doors::Doors;
use crate::line::Line;
use crate::matching::{Ready, Seats};
use crate::need::Judge;
use crate::slab::{GroupIx, ProfileIx, QueueIx};

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
    /// Of them callbacks whose customers are not on the line.
    pub(crate) callbacks: u32,
    /// Agents who serve it and are logged in.
    pub(crate) logged_in: u32,
    /// Of them ready.
    pub(crate) ready: u32,
    /// When it sends away the next of those it does not keep.
    pub(crate) drains_at: Option<Mono>,
    pub(crate) doors: Doors,
    /// Numbers of its agents, if its strategy goes by order.
    pub(crate) order: BTreeMap<AgentId, u64>,
    /// Who was rung last, if its strategy goes round.
    pub(crate) turn: Option<AgentId>,
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
            callbacks: 0,
            logged_in: 0,
            ready: 0,
            drains_at: None,
            doors: Doors::default(),
            order: BTreeMap::new(),
            turn: None,
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
    /// How many are held.
    pub(crate) held: u32,
    /// Profiles whose agents may take them, and how well they fit, µs of idle time.
    pub(crate) profiles: Vec<(ProfileIx, i64)>,
    /// Since when nobody is in it, as a count of groups that emptied; none: somebody is.
    pub(crate) emptied: Option<u64>,
}

impl Group {
    /// How well the agents of a profile fit.
    pub(crate) fn fit(&self, profile: ProfileIx) -> i64 {
        let at = self.profiles.binary_search_by_key(&profile, |&(at, _)| at);
        at.ok().and_then(|at| self.profiles.get(at)).map_or(0, |&(_, fit)| fit)
    }
}

/// Names a profile.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ProfileKey {
    /// Levels by number of skill; see [`crate::need::Judge`].
    pub(crate) levels: Vec<u8>,
    pub(crate) queues: BTreeSet<QueueIx>,
    /// Where it is not 0.
    pub(crate) ranks: BTreeMap<QueueIx, u8>,
}

/// Agents who are alike but for their idle time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) key: ProfileKey,
    /// Those who can be rung, the longest idle first.
    pub(crate) ready: Ready,
    /// The same, for each queue whose strategy goes by a number.
    pub(crate) seats: BTreeMap<QueueIx, Seats>,
    /// Groups that they may serve with free items in them, in order of index.
    pub(crate) waiting: Vec<GroupIx>,
}

impl Profile {
    pub(crate) fn new(key: ProfileKey) -> Profile {
        Profile { key, ready: BTreeSet::new(), seats: BTreeMap::new(), waiting: Vec::new() }
    }

    pub(crate) fn rank(&self, queue: QueueIx) -> u8 {
        self.key.ranks.get(&queue).copied().unwrap_or(0)
    }
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
