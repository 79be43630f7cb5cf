//! Places kept for callers who hung up, or whom we cut off, until they redial (C4).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use turno_base::{Mono, QueueId};

/// Kept places, the first to expire first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Redials {
    /// By caller; of each queue that he asked for at most one.
    kept: BTreeMap<Box<str>, Vec<Kept>>,
    expiring: BTreeSet<(Mono, Box<str>, QueueId)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    queue: QueueId,
    /// Virtual entry time, µs.
    v: i64,
    until: Mono,
}

impl Redials {
    /// Keeps a place until `until`. What has expired at `now` goes; at `most` places the one nearest its end goes.
    pub(crate) fn keep(&mut self, queue: QueueId, caller: Box<str>, v: i64, until: Mono, now: Mono, most: u32) {
        self.forget(&caller, queue);
        while let Some((ends, ..)) = self.expiring.first()
            && (*ends < now || self.expiring.len() >= most as usize)
            && let Some((_, caller, queue)) = self.expiring.first().cloned()
        {
            self.forget(&caller, queue);
        }
        if most > 0 {
            self.expiring.insert((until, caller.clone(), queue));
            self.kept.entry(caller).or_default().push(Kept { queue, v, until });
        }
    }

    /// Takes a place back: its virtual entry time. Who asks for another queue than before finds the oldest of his places: he
    /// has waited, wherever it was.
    pub(crate) fn take(&mut self, queue: QueueId, caller: &str, now: Mono) -> Option<i64> {
        let places = self.kept.get(caller)?.iter().filter(|kept| kept.until >= now);
        let found = *places.min_by_key(|kept| (kept.queue != queue, kept.v, kept.queue))?;
        self.forget(caller, found.queue);
        Some(found.v)
    }

    fn forget(&mut self, caller: &str, queue: QueueId) {
        let Some(places) = self.kept.get_mut(caller) else { return };
        if let Some(at) = places.iter().position(|kept| kept.queue == queue) {
            let gone = places.swap_remove(at);
            self.expiring.remove(&(gone.until, caller.into(), queue));
        }
        if places.is_empty() {
            self.kept.remove(caller);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.expiring.len()
    }
}
