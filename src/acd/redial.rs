//! Places kept for callers who hung up, or whom we cut off, until they redial (C4).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use turno_base::{Mono, QueueId};

/// Who keeps a place where.
type Key = (QueueId, Box<str>);

/// Kept places, the first to expire first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Redials {
    kept: BTreeMap<Key, Kept>,
    expiring: BTreeSet<(Mono, Key)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    /// Virtual entry time, µs.
    v: i64,
    until: Mono,
}

impl Redials {
    /// Keeps a place until `until`. What has expired at `now` goes; at `most` places the one nearest its end goes.
    pub(crate) fn keep(&mut self, queue: QueueId, caller: Box<str>, v: i64, until: Mono, now: Mono, most: u32) {
        let key = (queue, caller);
        self.forget(&key);
        while let Some((ends, _)) = self.expiring.first()
            && (*ends < now || self.kept.len() >= most as usize)
            && let Some((_, key)) = self.expiring.pop_first()
        {
            self.kept.remove(&key);
        }
        if most > 0 {
            self.expiring.insert((until, key.clone()));
            self.kept.insert(key, Kept { v, until });
        }
    }

    /// Takes a place back: its virtual entry time.
    pub(crate) fn take(&mut self, queue: QueueId, caller: &str, now: Mono) -> Option<i64> {
        let kept = self.forget(&(queue, caller.into()))?;
        (kept.until >= now).then_some(kept.v)
    }

    fn forget(&mut self, key: &Key) -> Option<Kept> {
        let kept = self.kept.remove(key)?;
        self.expiring.remove(&(kept.until, key.clone()));
        Some(kept)
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }
}
