//! A waiting item as it entered: what another run of the same day has to be told.

use turno_base::ItemId;

use crate::acd::Acd;
use crate::boundary::Entry;

impl Acd {
    /// As whom an item would enter again, with the credits and the owner that it was found to have; none if it does not wait.
    /// An item that is called back was entered by nobody.
    pub fn entry(&self, item: ItemId) -> Option<Entry> {
        let waiting = &self.items[*self.item_of.get(&item)?];
        let own = waiting.own.and_then(|agent| self.agents.get(agent)).map(|agent| agent.id);
        let is_waited_for = waiting.only_until.is_some();
        Some(Entry {
            item,
            kind: waiting.kind,
            queue: self.queues[waiting.queue].id,
            need: self.groups[waiting.group].key.need.clone(),
            segment: waiting.segment,
            value_pm: waiting.value_pm,
            caller: waiting.caller.as_deref().map(str::to_owned),
            credits: waiting.credits,
            owner: own.filter(|_| is_waited_for),
            last_agent: own.filter(|_| !is_waited_for),
            callback_to: waiting.callback_to,
        })
    }
}
