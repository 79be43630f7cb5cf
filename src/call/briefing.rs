//! What an agent hears before his caller (E7, S12): a tone where his phone answered by itself, then the words of the queue, of
//! the caller's language and of his segment. The caller hears on what he heard; nobody hears anybody until it is over.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use turno_base::{AgentId, Name, PromptId, QueueId, SegmentId, StationId};

use crate::boundary::Customer;
use crate::call::{Call, Offer};
use crate::turn::Turn;

/// What is said to agents, and whose phones answer by themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Briefing {
    /// Stations whose phones can be told to answer by themselves.
    pub hands_free: BTreeSet<StationId>,
    /// Agents who have it so, or have it not, whatever the queue says.
    pub agents: BTreeMap<AgentId, bool>,
    /// Queues whose calls are answered so.
    pub queues: BTreeSet<QueueId>,
    /// Said first to whoever's phone answered by itself; best a tone.
    pub tone: Option<PromptId>,
    /// By queue.
    pub words: BTreeMap<QueueId, Vec<PromptId>>,
    /// By the customer's language.
    pub languages: BTreeMap<Name, PromptId>,
    /// By the customer's segment.
    pub segments: BTreeMap<SegmentId, PromptId>,
}

impl Briefing {
    /// Whether the agent's phone answers this queue's calls by itself.
    pub(crate) fn by_itself(&self, queue: QueueId, agent: AgentId, station: StationId) -> bool {
        let wanted = self.agents.get(&agent).copied().unwrap_or_else(|| self.queues.contains(&queue));
        wanted && self.hands_free.contains(&station)
    }

    fn words(&self, queue: QueueId, customer: Option<&Customer>) -> impl Iterator<Item = PromptId> {
        let of_queue = self.words.get(&queue).into_iter().flatten();
        let language = customer.and_then(|customer| self.languages.get(&customer.language?));
        let segment = customer.and_then(|customer| self.segments.get(&customer.segment));
        of_queue.chain(language).chain(segment).copied()
    }
}

impl Call {
    /// What the agent of this offer hears first.
    pub(crate) fn briefing(&self, offer: &Offer, t: &Turn<'_>) -> Vec<PromptId> {
        let briefing = &t.config.briefing;
        let tone = briefing.tone.filter(|_| offer.by_itself);
        // He who calls back says first that he does.
        let back = t.config.prompts.callback_whisper.filter(|_| self.is_to_dial());
        let queue = self.came.as_ref().map(|came| came.queue);
        let words = queue.into_iter().flat_map(|queue| briefing.words(queue, self.customer.as_ref()));
        tone.into_iter().chain(back).chain(words).collect()
    }
}
