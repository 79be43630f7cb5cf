//! Pairs joined to groups.

use crate::duplicates::profile::Profile;
use crate::duplicates::{Pair, Verdict};
use crate::identity::{PersonalId, prove_different};

/// Customers who are one, ascending, two or more.
pub type Group = Vec<u32>;

pub(super) fn groups(profiles: &[Profile], pairs: &[Pair]) -> Vec<Group> {
    let mut strongest: Vec<&Pair> = pairs.iter().filter(|pair| pair.verdict == Verdict::Same).collect();
    strongest.sort_unstable_by_key(|pair| (std::cmp::Reverse(pair.weight_mb), pair.a, pair.b));
    let mut roots: Vec<u32> = (0..profiles.len() as u32).collect();
    let mut ids: std::collections::BTreeMap<u32, Vec<PersonalId>> = std::collections::BTreeMap::new();
    let own = |at: u32| profiles.get(at as usize).map(|profile| profile.ids().to_vec()).unwrap_or_default();
    for pair in strongest {
        let (a, b) = (root(&mut roots, pair.a), root(&mut roots, pair.b));
        if a == b {
            continue;
        }
        let (low, high) = (a.min(b), a.max(b));
        let mut held = ids.get(&low).cloned().unwrap_or_else(|| own(low));
        let more = ids.get(&high).cloned().unwrap_or_else(|| own(high));
        if prove_different(&held, &more) {
            continue;
        }
        held.extend(more);
        ids.remove(&high);
        ids.insert(low, held);
        if let Some(root) = roots.get_mut(high as usize) {
            *root = low;
        }
    }
    let mut placed: Vec<(u32, u32)> = (0..profiles.len() as u32).map(|at| (root(&mut roots, at), at)).collect();
    placed.sort_unstable();
    let groups = placed.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1);
    groups.map(|group| group.iter().map(|&(_, at)| at).collect()).collect()
}

fn root(roots: &mut [u32], of: u32) -> u32 {
    let mut at = of;
    while let Some(&above) = roots.get(at as usize) {
        if above == at {
            break;
        }
        let higher = roots.get(above as usize).copied().unwrap_or(above);
        if let Some(own) = roots.get_mut(at as usize) {
            *own = higher;
        }
        at = higher;
    }
    at
}
