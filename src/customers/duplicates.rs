//! Who is in the portfolio twice: candidates by blocking, comparators in per mille, Fellegi-Sunter weights in millibits, a band
//! in between that people decide, and groups.
//!
//! One fixed setting serves every portfolio. What the weights cannot outvote: two customers to whom the same country gave
//! differing tax ids are two, and so is every group that would join them.

mod block;
mod compare;
mod group;
mod merge;
mod profile;
mod weigh;

use serde::Serialize;

pub use block::BLOCK_MAX;
pub use compare::jaro_winkler_pm;
pub use group::Group;
pub use merge::{Unmergeable, merge, unmerge};
pub use profile::Profile;
pub use weigh::{Evidence, Part};

use crate::customer::Customer;
use crate::identity::prove_different;

/// From this weight on two are the same, millibits: a chance of a million to one against two strangers of equal traits.
pub const SAME_MB: i32 = 15_000;
/// From this weight on people decide, millibits.
pub const MAYBE_MB: i32 = 7_000;

/// Up to so many customers the two thresholds hold as they are; with each doubling chance brings twice as many strangers
/// together, so that the lower one rises by a bit and the upper one by half a bit.
const CUSTOMERS_PLAIN: u64 = 8192;

/// What the weight of a pair says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// People decide.
    Maybe,
    /// The same customer.
    Same,
}

/// Two customers who may be one, as places in the order of [`Finder::push`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Pair {
    /// The earlier one.
    pub a: u32,
    /// The later one.
    pub b: u32,
    /// Sum of the evidence, millibits.
    pub weight_mb: i32,
    /// What it says.
    pub verdict: Verdict,
}

/// Finds duplicates among customers.
#[derive(Debug, Default)]
pub struct Finder {
    profiles: Vec<Profile>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Pairs, ascending by `a` and `b`.
    pub pairs: Vec<Pair>,
    /// How many pairs were compared.
    pub compared: u64,
    /// Keys too common to compare all who have them.
    pub too_common: u64,
}

impl Finder {
    /// Another customer.
    pub fn push(&mut self, customer: &Customer) {
        self.profiles.push(Profile::new(customer));
    }

    /// Compares whoever has something rare in common. `on_progress` hears now and then how much of the whole is done, percent.
    pub fn find(&self, mut on_progress: impl FnMut(u32)) -> Found {
        let evidence = Evidence::new(&self.profiles);
        let mut found = Found::default();
        let mut blocks = block::Blocks::new(&self.profiles);
        for kind in 0..block::KINDS {
            found.too_common += blocks.pairs(kind, |a, b| {
                found.compared += 1;
                found.pairs.extend(self.judge(&evidence, a, b));
            });
            on_progress((kind + 1) as u32 * 100 / block::KINDS as u32);
        }
        found.pairs.sort_unstable();
        found
    }

    fn judge(&self, evidence: &Evidence, a: u32, b: u32) -> Option<Pair> {
        let (one, other) = (self.profiles.get(a as usize)?, self.profiles.get(b as usize)?);
        if prove_different(one.ids(), other.ids()) {
            return None;
        }
        let weight_mb = evidence.weigh(one, other);
        let more = weigh::log2_mb(self.profiles.len() as u64 / CUSTOMERS_PLAIN) as i32;
        let is_same = weight_mb >= SAME_MB + more / 2
            && !evidence.is_of_another_name(one, other)
            && !evidence.is_perhaps_a_namesake(one, other);
        let verdict = match is_same {
            true => Verdict::Same,
            false if weight_mb >= MAYBE_MB + more => Verdict::Maybe,
            false => return None,
        };
        Some(Pair { a, b, weight_mb, verdict })
    }

    /// Groups of the same customer by the pairs that are [`Verdict::Same`], the strongest first; a pair whose groups hold
    /// differing tax ids joins nothing.
    pub fn groups(&self, found: &Found) -> Vec<Group> {
        group::groups(&self.profiles, &found.pairs)
    }

    /// How common each trait is: what [`Finder::explain`] weighs with.
    pub fn evidence(&self) -> Evidence {
        Evidence::new(&self.profiles)
    }

    /// Why: the evidence for and against a pair.
    pub fn explain(&self, evidence: &Evidence, a: u32, b: u32) -> Vec<Part> {
        match (self.profiles.get(a as usize), self.profiles.get(b as usize)) {
            (Some(one), Some(other)) => evidence.parts(one, other),
            (_, None) | (None, _) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
