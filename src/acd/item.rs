//! A waiting item.

use serde::{Deserialize, Serialize};
use turno_base::{AgentId, E164, ItemId, Mono, QueueId, SegmentId};

use crate::boundary::Kind;
use crate::credits::Credits;
use crate::expected::Promise;
use crate::line::Place;
use crate::slab::{AgentIx, GroupIx, QueueIx};

/// Something that waits, offered or not, until an agent answers or it leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) id: ItemId,
    pub(crate) kind: Kind,
    pub(crate) queue: QueueIx,
    pub(crate) group: GroupIx,
    pub(crate) segment: SegmentId,
    /// Number of the segment, which is the number of its line in group and queue; 0: not configured.
    pub(crate) line: u16,
    /// Virtual entry time, µs; see [`Place`].
    pub(crate) v: i64,
    /// What its virtual entry time is made of, besides the real one.
    pub(crate) credits: Credits,
    pub(crate) value_pm: u32,
    pub(crate) seq: u64,
    /// When this stay in this queue began.
    pub(crate) entered: Mono,
    pub(crate) stands: Stands,
    /// The reservations that hold it: one, or in a queue that rings all as many as are rung.
    pub(crate) offers: Vec<Held>,
    /// The ring time of failed offers is credited up to here; offers that rang together are credited once.
    pub(crate) credited: Mono,
    /// The queue it first asked for, under which a redial finds its place again.
    pub(crate) asked: QueueId,
    pub(crate) caller: Option<Box<str>>,
    /// Where he may be called back.
    pub(crate) callback_to: Option<E164>,
    /// When its wait limit passes; none: no limit, or passed.
    pub(crate) wait_ends: Option<Mono>,
    /// The wait limit passed while an agent was being rung: it goes when that fails.
    pub(crate) is_overdue: bool,
    pub(crate) announce: Announce,
    pub(crate) promise: Promise,
    /// Kept apart from these agents until then; where one is rung at a time, from the last one alone.
    pub(crate) apart: Vec<(AgentIx, Mono)>,
    /// The rings of its queue and segment that it has passed, and when the present one ends; none: through all of them.
    pub(crate) ring: Option<(u8, Option<Mono>)>,
    /// The agent who looks after its customer, or talked to him last.
    pub(crate) own: Option<AgentIx>,
    /// It waits for that agent alone until then.
    pub(crate) only_until: Option<Mono>,
    /// When it may take agents from reserves; none: it may, or there are none.
    pub(crate) reserve_at: Option<Mono>,
    /// Who was rung for it last, in a queue that goes on from him.
    pub(crate) tried: Option<AgentId>,
    /// Queues it has been through, the first and those that sent it on at the door among them.
    pub(crate) hops: u8,
}

/// Where an item stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stands {
    /// In no group's line: about to be placed or to go.
    Nowhere,
    /// Any agent may have it.
    Free,
    /// No agent may have it yet: its customer is not on the line.
    Held,
    /// Agents are being rung for it.
    Offered,
}

/// An agent's reservation of an item, as the item knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) agent: AgentIx,
    pub(crate) epoch: u64,
}

/// Position announcements of one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Announce {
    /// None wanted.
    Off,
    /// The next one.
    At(Mono),
    /// It hears one; the next is counted from its end.
    Saying,
}

impl Item {
    /// Its place among its like. Takes the index, which the item itself does not hold.
    pub(crate) fn place(&self, item: crate::slab::ItemIx) -> Place {
        Place { v: self.v, value_pm: std::cmp::Reverse(self.value_pm), seq: self.seq, item }
    }

    /// Until when it may not go to this agent; none: it may.
    pub(crate) fn apart_until(&self, agent: AgentIx, now: Mono) -> Option<Mono> {
        self.apart.iter().find(|&&(from, until)| from == agent && until > now).map(|&(_, until)| until)
    }

    /// May not go to this agent now.
    pub(crate) fn is_apart_from(&self, agent: AgentIx, now: Mono) -> bool {
        self.apart_until(agent, now).is_some()
    }
}
