//! Rings that are passed for the expected wait. The estimate is the machine's own, a test of its own holds it, and the witness
//! believes it; what follows from a ring that was passed is the rule's again.

use std::collections::BTreeMap;

use turno_base::ItemId;

use super::{Waiting, Witness};
use crate::{Acd, RingRules};

/// How many rings each item has passed; none: all of them.
pub(super) fn shown(acd: &Acd) -> BTreeMap<ItemId, Option<usize>> {
    let passed = |ring: (u8, Option<turno_base::Mono>)| usize::from(ring.0);
    acd.item_of.iter().map(|(item, at)| (*item, acd.items[*at].ring.map(passed))).collect()
}

impl Witness {
    /// Whether the machine passed a ring that was to begin, as only the expected wait could make it.
    pub(super) fn is_outlasted(&self, item: &Waiting, passed: usize, ring: &RingRules) -> bool {
        let shown = self.shown.get(&item.entry.item);
        let is = ring.widen_if_expected_over.is_some()
            && shown.is_some_and(|shown| shown.is_none_or(|machine| machine > passed));
        self.outlasted.set(self.outlasted.get() + u64::from(is));
        is
    }
}
