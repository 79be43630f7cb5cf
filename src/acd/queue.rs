//! Queues, groups of items that the same agents may take, profiles of interchangeable agents: what makes each choice a
//! comparison of a few heads.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::{AgentId, Mono, Need, QueueId};

use crate::config::QueueRules;
use crate::doors::Doors;
use crate::line::Line;
use crate::matching::{Ready, Seats};
use crate::need::Judge;
use crate::slab::{AgentIx, GroupIx, ItemIx, ProfileIx, QueueIx};

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
    /// Profiles that serve it and meet its own need.
    pub(crate) profiles: Vec<ProfileIx>,
    /// Profiles that serve it and have somebody ready, in order.
    pub(crate) seated: Vec<ProfileIx>,
    /// All its rings.
    pub(crate) rings: Vec<Ring>,
    /// Those of them that an item passes through, by number of segment.
    pub(crate) rings_of: Vec<Vec<u8>>,
    /// Numbers of its agents, if its strategy goes by order.
    pub(crate) order: BTreeMap<AgentId, u64>,
    /// Items for which agents are being rung, if its strategy rings all; sorted.
    pub(crate) rung: Vec<ItemIx>,
    /// Who was rung last, if its strategy goes round.
    pub(crate) turn: Option<AgentId>,
}

/// One ring of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ring {
    pub(crate) asks: Asks,
    pub(crate) length: Duration,
    pub(crate) skip_if_none_logged_in: bool,
    pub(crate) widen_if_expected_over: Option<Duration>,
}

/// Whom a ring asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Asks {
    Judge(Judge),
    Level(u8),
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
            profiles: Vec::new(),
            seated: Vec::new(),
            rings: Vec::new(),
            rings_of: Vec::new(),
            doors: Doors::default(),
            order: BTreeMap::new(),
            rung: Vec::new(),
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
    /// Certificates demanded, by number.
    pub(crate) demands: u16,
    /// The ring of the queue in which they are; none: no ring holds them.
    pub(crate) ring: Option<u8>,
    /// Kept for this agent alone.
    pub(crate) only: Option<AgentIx>,
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
    /// Profiles whose agents may take them.
    pub(crate) profiles: Vec<Fit>,
    /// Skills (or the queue) that one of them asks for, millionths of an arrival.
    pub(crate) asks: Vec<(u32, u64)>,
    /// Tells this group from others of the same index before and after it.
    pub(crate) made: u64,
    /// Since when nobody is in it, as a count of groups that emptied; none: somebody is.
    pub(crate) emptied: Option<u64>,
}

impl Group {
    /// How the agents of a profile fit; none: they may not take its items.
    pub(crate) fn fit(&self, profile: ProfileIx) -> Option<&Fit> {
        let at = self.profiles.binary_search_by_key(&profile, |fit| fit.profile);
        at.ok().and_then(|at| self.profiles.get(at))
    }
}

/// How a profile fits a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fit {
    pub(crate) profile: ProfileIx,
    /// µs of idle time, for an item of value 1.
    pub(crate) fit: i64,
    /// What counts of him, in the tables.
    pub(crate) recipe: u32,
}

/// A group that an agent may serve, as his profile (or he himself, for those kept for him) lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub(crate) group: GroupIx,
    /// If the group at this index is another by now, the listing is void.
    pub(crate) made: u64,
    pub(crate) fit: i64,
    pub(crate) recipe: u32,
}

/// Groups in no order. Those that are no more are struck out when they have become many.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listing {
    pub(crate) groups: Vec<Listed>,
    struck: usize,
}

/// Void listings that are kept beyond the number of valid ones.
const STRUCK_KEPT: usize = 32;

impl Listing {
    pub(crate) fn add(&mut self, listed: Listed) {
        self.groups.push(listed);
    }

    /// Empties the list.
    pub(crate) fn take(&mut self) -> Vec<Listed> {
        std::mem::take(self).groups
    }

    /// One of them is no more; `is_valid` tells which still are.
    pub(crate) fn strike(&mut self, is_valid: impl Fn(&Listed) -> bool) {
        self.struck += 1;
        if self.struck * 2 > self.groups.len() + STRUCK_KEPT {
            self.groups.retain(is_valid);
            self.struck = 0;
        }
    }
}

/// Names a profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ProfileKey {
    /// Levels by number of skill; see [`crate::need::Judge`].
    pub(crate) levels: Vec<u8>,
    /// Levels of certificates that are valid, by number of skill.
    pub(crate) certified: Vec<u8>,
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
    /// Groups that they may serve, with and without items in them.
    pub(crate) listing: Listing,
    /// How many they are, logged in or not.
    pub(crate) agents: u32,
    /// Those of them who are logged in.
    pub(crate) logged_in: u32,
    /// What they have, in the tables.
    pub(crate) topics: Vec<u32>,
    /// What they are worth with all that, µs of idle time.
    pub(crate) worth: i64,
    /// Reserves that they belong to.
    pub(crate) reserves: Vec<u32>,
}

impl Profile {
    pub(crate) fn new(key: ProfileKey) -> Profile {
        Profile {
            key,
            ready: BTreeSet::new(),
            seats: BTreeMap::new(),
            listing: Listing::default(),
            agents: 0,
            logged_in: 0,
            topics: Vec::new(),
            worth: 0,
            reserves: Vec::new(),
        }
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
