//! Which agent takes an item of a queue with a classic strategy, for those who come from another system and want their
//! queue as they know it. The order of items stays that of the value-rate rule: with one segment, first in, first out.
//!
//! Ranks come before everything else: nobody of rank 1 is rung while somebody of rank 0 may be. The exception is
//! [`Strategy::WeightedRandom`], where a rank makes an agent less likely instead.
//!
//! Each choice compares one agent per profile. Only the random ones count their way to the agent they drew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use turno_base::{AgentId, Mono, Seeded};

use crate::slab::{AgentIx, ProfileIx};

/// How the agent for an item is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The value-rate rule of the product.
    #[default]
    Value,
    /// Who has been ready the longest.
    LongestIdle,
    /// The next in order after the one who was rung last, whoever the caller was.
    RoundRobin,
    /// Everybody at once; the first who answers has the call.
    RingAll,
    /// Who answered the fewest calls of this queue since he logged in; of equals the longest ready.
    FewestCalls,
    /// Who talked the shortest with callers of this queue since he logged in; of equals the longest ready.
    LeastTalk,
    /// The first in order; for a caller whom he did not answer, the next.
    Linear,
    /// Anybody, each as likely.
    Random,
    /// Anybody; rank 1 half as likely as rank 0, rank 2 a third.
    WeightedRandom,
}

impl Strategy {
    /// All, in the order of the documentation.
    pub const ALL: [Strategy; 9] = [
        Strategy::Value,
        Strategy::LongestIdle,
        Strategy::RoundRobin,
        Strategy::RingAll,
        Strategy::FewestCalls,
        Strategy::LeastTalk,
        Strategy::Linear,
        Strategy::Random,
        Strategy::WeightedRandom,
    ];

    /// Its name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Strategy::Value => "value",
            Strategy::LongestIdle => "longest_idle",
            Strategy::RoundRobin => "round_robin",
            Strategy::RingAll => "ring_all",
            Strategy::FewestCalls => "fewest_calls",
            Strategy::LeastTalk => "least_talk",
            Strategy::Linear => "linear",
            Strategy::Random => "random",
            Strategy::WeightedRandom => "weighted_random",
        }
    }

    /// Goes by the order of agents in the queue.
    pub(crate) const fn is_ordered(self) -> bool {
        matches!(self, Strategy::RoundRobin | Strategy::Linear)
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// There is no strategy of this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoStrategy;

impl FromStr for Strategy {
    type Err = NoStrategy;

    fn from_str(text: &str) -> Result<Strategy, NoStrategy> {
        Strategy::ALL.into_iter().find(|strategy| strategy.as_str() == text).ok_or(NoStrategy)
    }
}

/// Ready agents, the longest ready first.
pub(crate) type Ready = BTreeSet<(Mono, AgentId, AgentIx)>;

/// Ready agents by the number that the strategy of a queue goes by.
pub(crate) type Seats = BTreeMap<u64, Ready>;

/// The ready agents of one profile who may take the item.
pub(crate) struct Bench<'a> {
    pub(crate) profile: ProfileIx,
    /// Of these agents in the item's queue.
    pub(crate) rank: u8,
    /// The longest ready first.
    pub(crate) ready: &'a Ready,
    /// By the number that the strategy goes by; none if it goes by none.
    pub(crate) seats: Option<&'a Seats>,
}

/// An agent, the profile he was found in, and since when he is ready.
pub(crate) type Pick = (AgentIx, ProfileIx, Mono);

/// The agent, if there is one. `is_apart` tells who must not be rung for this item; `turn` is the number of the one after
/// whom a strategy that goes by order begins. [`Strategy::Value`] and [`Strategy::RingAll`] choose as longest idle would.
pub(crate) fn choose(
    strategy: Strategy,
    benches: &[Bench<'_>],
    turn: Option<u64>,
    is_apart: impl Fn(AgentIx) -> bool,
    dice: &mut Seeded,
) -> Option<Pick> {
    match strategy {
        Strategy::Value | Strategy::LongestIdle | Strategy::RingAll => {
            let heads = benches.iter().filter_map(|bench| {
                let &(since, id, agent) = bench.ready.iter().find(|(.., agent)| !is_apart(*agent))?;
                Some(((bench.rank, since, id), (agent, bench.profile, since)))
            });
            heads.min_by_key(|(key, _)| *key).map(|(_, pick)| pick)
        }
        Strategy::FewestCalls | Strategy::LeastTalk => first_seat(benches, None, is_apart),
        Strategy::RoundRobin | Strategy::Linear => first_seat(benches, turn, is_apart),
        Strategy::Random => drawn(benches, false, is_apart, dice),
        Strategy::WeightedRandom => drawn(benches, true, is_apart, dice),
    }
}

/// Everybody of the best rank that anybody has who may be rung, the longest ready first.
pub(crate) fn everybody(benches: &[Bench<'_>], is_apart: impl Fn(AgentIx) -> bool) -> Vec<Pick> {
    let mut found = Vec::new();
    for bench in benches {
        let free = bench.ready.iter().filter(|(.., agent)| !is_apart(*agent));
        found.extend(free.map(|&(since, id, agent)| ((bench.rank, since, id), (agent, bench.profile, since))));
    }
    found.sort_by_key(|(key, _)| *key);
    let best = found.first().map(|((rank, ..), _)| *rank);
    found.into_iter().take_while(|((rank, ..), _)| Some(*rank) == best).map(|(_, pick)| pick).collect()
}

/// The least number after `turn`; past the last, the least of all.
fn first_seat(benches: &[Bench<'_>], turn: Option<u64>, is_apart: impl Fn(AgentIx) -> bool) -> Option<Pick> {
    let heads = benches.iter().filter_map(|bench| {
        let first = |from: u64| {
            let mut seated =
                bench.seats?.range(from..).flat_map(|(number, ready)| ready.iter().map(move |seat| (*number, seat)));
            seated.find(|(_, (.., agent))| !is_apart(*agent))
        };
        let after = turn.and_then(|turn| first(turn.saturating_add(1)));
        let wrapped = after.is_none() && turn.is_some();
        let (number, &(since, id, agent)) = after.or_else(|| first(0))?;
        Some(((bench.rank, wrapped, number, since, id), (agent, bench.profile, since)))
    });
    heads.min_by_key(|(key, _)| *key).map(|(_, pick)| pick)
}

/// Shares of a draw: rank 0 has the whole of it, rank n one part in n + 1. Divides evenly up to rank 9.
const WHOLE: u64 = 2520;

fn weight(rank: u8) -> u64 {
    (WHOLE / (u64::from(rank) + 1)).max(1)
}

/// Draws a profile by how many may be rung there and the weight of each, then one of them. With `by_rank` the ranks are
/// weights; without, only the best rank draws.
fn drawn(benches: &[Bench<'_>], by_rank: bool, is_apart: impl Fn(AgentIx) -> bool, dice: &mut Seeded) -> Option<Pick> {
    let free = |bench: &Bench<'_>| bench.ready.iter().filter(|(.., agent)| !is_apart(*agent)).count() as u64;
    let mut shares: Vec<(&Bench<'_>, u64, u64)> = benches
        .iter()
        .map(|bench| (bench, free(bench), if by_rank { weight(bench.rank) } else { 1 }))
        .filter(|(_, free, _)| *free > 0)
        .collect();
    if !by_rank {
        let best = shares.iter().map(|(bench, ..)| bench.rank).min();
        shares.retain(|(bench, ..)| Some(bench.rank) == best);
    }
    // Nobody to choose from: nothing is drawn, so that the dice tell choices only.
    let mut left = match shares.iter().map(|(_, free, weight)| free * weight).sum() {
        0 => return None,
        all => dice.below(all),
    };
    for (bench, free, weight) in shares {
        if left < free * weight {
            let nth = usize::try_from(left / weight).unwrap_or(usize::MAX);
            let mut rest = bench.ready.iter().filter(|(.., agent)| !is_apart(*agent));
            return rest.nth(nth).map(|&(since, _, agent)| (agent, bench.profile, since));
        }
        left -= free * weight;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Agents of ranks 0, 0, 1 and 2, seated 0..4, one profile each.
    fn picked(strategy: Strategy, turn: Option<u64>, apart: &[u32], dice: &mut Seeded) -> Option<u32> {
        let of = |n: u32| {
            let since = Mono::from_ms(1000 - u64::from(n));
            let ready = Ready::from([(since, AgentId::new(&format!("a{n}")).unwrap(), AgentIx(n))]);
            (ready.clone(), Seats::from([(u64::from(n), ready)]))
        };
        let all: Vec<_> = (0..4).map(of).collect();
        let bench = |(n, (ready, seats)): (usize, _)| Bench {
            profile: ProfileIx(n as u32),
            rank: [0, 0, 1, 2][n],
            ready,
            seats: Some(seats),
        };
        let benches: Vec<Bench<'_>> = all.iter().map(|(r, s)| (r, s)).enumerate().map(bench).collect();
        choose(strategy, &benches, turn, |agent| apart.contains(&agent.0), dice).map(|(agent, ..)| agent.0)
    }

    #[test]
    fn each_strategy_has_its_order() {
        let dice = &mut Seeded::new(1);
        // strategy, turn, kept apart, who
        for (strategy, turn, apart, who) in [
            (Strategy::LongestIdle, None, &[][..], Some(1)), // readier since; rank 1 and 2 longer, but they are others' reserve
            (Strategy::LongestIdle, None, &[0, 1], Some(2)),
            (Strategy::RoundRobin, None, &[], Some(0)),
            (Strategy::RoundRobin, Some(0), &[], Some(1)),
            (Strategy::RoundRobin, Some(1), &[], Some(0)), // round, rather than on to the next rank
            (Strategy::RoundRobin, Some(0), &[1], Some(0)),
            (Strategy::Linear, Some(0), &[0], Some(1)),
            (Strategy::Linear, Some(1), &[1], Some(0)),
            (Strategy::FewestCalls, Some(0), &[], Some(0)), // no turn
            (Strategy::Random, None, &[0], Some(1)),
            (Strategy::Random, None, &[0, 1, 2, 3], None),
            (Strategy::WeightedRandom, None, &[0, 1, 2], Some(3)),
        ] {
            assert_eq!(picked(strategy, turn, apart, dice), who, "{strategy} {turn:?} {apart:?}");
        }
    }

    #[test]
    fn chances_are_as_said() {
        let dice = &mut Seeded::new(1);
        let mut times = |strategy| {
            let mut times = [0i32; 4];
            (0..11_000).for_each(|_| times[picked(strategy, None, &[], dice).unwrap() as usize] += 1);
            times
        };
        // strategy, expected of 11,000
        for (strategy, expected) in [
            (Strategy::Random, [5500, 5500, 0, 0]),
            // 1 : 1 : 1/2 : 1/3
            (Strategy::WeightedRandom, [3882, 3882, 1941, 1294]),
        ] {
            let got = times(strategy);
            // Four standard deviations of a share of one half are 210.
            assert!(got.iter().zip(expected).all(|(got, expected)| (got - expected).abs() < 210), "{strategy} {got:?}");
        }
    }

    #[test]
    fn names_read_back() {
        assert!(Strategy::ALL.into_iter().all(|strategy| strategy.as_str().parse() == Ok(strategy)));
        assert_eq!("rrmemory".parse::<Strategy>(), Err(NoStrategy));
    }
}
