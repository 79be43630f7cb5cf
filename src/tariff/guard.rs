//! What calls out may cost: limits by trunk, destination, call and hour, kept while calls last (docs/tariffs.md).
//!
//! A call that a limit is for holds the least that it can cost from the moment it is dialled, so that many that ring at once do not
//! each count on the same budget; once answered, what its next half minute will cost before that begins. When the budget does not hold
//! the next part, the call ends where the part before ends. So several calls share an hour's budget and their sum never exceeds it,
//! whatever the trunk's own bill says later. What a call held and did not use it gives back, within the hour that it took it from.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::fact::{Fact, Party, What};
use turno_base::{LegId, Mono, Name, Now, Number, TrunkId, Wall};

use crate::amount::{Price, Rounding};
use crate::decimal::Ratio;
use crate::deck::{Deck, Payer};
use crate::prefix::Key;
use crate::rating::{CALL_MS_MAX, Call, Quote, quote, ruled};

/// What a call holds ahead, ms.
const PART_MS: u64 = 30_000;
/// A call that is answered at all lasts at least so long, ms: it pays set-up and its first increment.
const LEAST_MS: u64 = 1;
/// A call that must end is hung up so long before the increment that it may not begin, ms.
const AHEAD_MS: u64 = 1000;
const HOUR_US: i64 = 3_600_000_000;
/// Most limits.
pub const LIMITS_MAX: usize = 100;

/// A bound on calls out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// What it is called in refusals.
    pub name: Name,
    /// Calls by this trunk; none: by any.
    pub trunk: Option<TrunkId>,
    /// Calls to numbers that begin so; none: to any.
    pub numbers: Vec<Key>,
    /// A call's cost without tax, in the price book's currency.
    pub call_cost_max: Option<Price>,
    /// The cost of all its calls in an hour of the clock (UTC).
    pub hour_cost_max: Option<Price>,
    /// How many calls in an hour of the clock (UTC).
    pub hour_calls_max: Option<u32>,
    /// How long a call may be answered.
    pub call_longest: Option<Duration>,
}

/// What the limits have let in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    legs: BTreeMap<LegId, Held>,
    hours: BTreeMap<Name, Hour>,
    /// Calls that were not let out, since the beginning.
    refused: u64,
    /// Calls that were ended, since the beginning.
    cut: u64,
}

/// A call out under some limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    trunk: TrunkId,
    a: Key,
    b: Key,
    answered: Option<Now>,
    /// Held of its budgets so far, `10^-8` of the currency.
    cost: i128,
    /// The hour that gave last, and what of `cost` is of it.
    taken: (i64, i128),
    /// Until where, ms after the answer.
    until_ms: u64,
    /// When to look again.
    due: Option<Mono>,
    /// There is no further part.
    last: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Hour {
    hour: i64,
    cost: i128,
    calls: u32,
}

/// Why a call is not let out, for whoever asks what happened to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beyond {
    /// Which limit.
    pub limit: Name,
}

impl Limit {
    fn is_for(&self, trunk: TrunkId, b: Key) -> bool {
        let numbers = self.numbers.is_empty() || self.numbers.iter().any(|prefix| prefix.begins(b));
        self.trunk.is_none_or(|own| own == trunk) && numbers
    }

    /// What is left for a call that has held `cost` so far; none: as much as it likes.
    fn budget(&self, hour: Hour, cost: i128) -> Option<i128> {
        let of_hour = self.hour_cost_max.map(|most| most.units() - hour.cost + cost);
        let of_call = self.call_cost_max.map(Price::units);
        of_hour.into_iter().chain(of_call).min()
    }
}

impl Guard {
    /// Lets a call out be dialled now, or says which limit forbids it: its first increment must fit every limit that is for it. What no
    /// rule prices fits no limit of cost.
    pub fn admit(
        &mut self,
        deck: &Deck,
        leg: LegId,
        (trunk, a, b): (TrunkId, &Number, Key),
        now: Wall,
    ) -> Result<(), Beyond> {
        let a = key(a);
        let mut is_under_some = false;
        for limit in deck.limits().iter().filter(|limit| limit.is_for(trunk, b)) {
            let hour = self.hour(limit.name, now);
            let full = limit.hour_calls_max.is_some_and(|most| hour.calls >= most);
            let budget = limit.budget(hour, 0);
            if full || budget.is_some_and(|budget| longest(deck, (trunk, a, b), now, budget, PART_MS) == 0) {
                self.refused += 1;
                return Err(Beyond { limit: limit.name });
            }
            is_under_some = true;
        }
        if is_under_some {
            let cost = cost(deck, (trunk, a, b), now, LEAST_MS).unwrap_or(0);
            for limit in deck.limits().iter().filter(|limit| limit.is_for(trunk, b)) {
                let hour = self.hour_mut(limit.name, now);
                hour.calls += 1;
                hour.cost += cost;
            }
            let taken = (hour_of(now), cost);
            let held = Held { trunk, a, b, answered: None, cost, taken, until_ms: 0, due: None, last: false };
            self.legs.insert(leg, held);
        }
        Ok(())
    }

    /// Follows the legs that were let out.
    pub fn on_fact(&mut self, deck: &Deck, fact: &Fact) {
        if let What::LegAnswered { leg, .. } = &fact.what {
            let Some(mut held) = self.legs.remove(leg) else { return };
            if held.answered.is_none() {
                held.answered = Some(fact.at);
                if held.taken.0 != hour_of(fact.at.wall) {
                    // Dialled in an hour that is over: it costs the one in which it begins.
                    held.cost = 0;
                }
                self.hold(&mut held, deck, fact.at.wall);
            }
            self.legs.insert(*leg, held);
        } else if let What::LegEnded { leg, .. } = &fact.what
            && let Some(held) = self.legs.remove(leg)
        {
            self.settle(&held, deck, fact.at);
        }
    }

    /// When to call [`Guard::on_deadline`].
    pub fn deadline(&self) -> Option<Mono> {
        self.legs.values().filter_map(|held| held.due).min()
    }

    /// Holds the next parts of calls and names the legs that must end; early calls do nothing.
    pub fn on_deadline(&mut self, deck: &Deck, now: Now, out: &mut Vec<LegId>) {
        let due = |held: &Held| held.due.is_some_and(|at| at <= now.mono);
        let legs: Vec<LegId> = self.legs.iter().filter(|(_, held)| due(held)).map(|(leg, _)| *leg).collect();
        for leg in legs {
            let Some(mut held) = self.legs.remove(&leg) else { continue };
            if held.last {
                out.push(leg);
                self.cut += 1;
                held.due = None;
            } else {
                self.hold(&mut held, deck, now.wall);
            }
            self.legs.insert(leg, held);
        }
    }

    /// Calls refused and calls ended, since the beginning.
    pub fn counts(&self) -> (u64, u64) {
        (self.refused, self.cut)
    }

    /// Takes the cost of the next part out of every budget, or of as much of it as fits.
    fn hold(&mut self, held: &mut Held, deck: &Deck, now: Wall) {
        let Some(answered) = held.answered else { return };
        let want_ms = held.until_ms + PART_MS;
        let mut fits_ms = want_ms;
        for limit in deck.limits().iter().filter(|limit| limit.is_for(held.trunk, held.b)) {
            let budget = limit.budget(self.hour(limit.name, now), held.cost);
            if let Some(budget) = budget {
                let leg = (held.trunk, held.a, held.b);
                fits_ms = fits_ms.min(longest(deck, leg, answered.wall, budget, want_ms));
            }
            let longest_ms =
                limit.call_longest.map_or(u64::MAX, |most| u64::try_from(most.as_millis()).unwrap_or(u64::MAX));
            fits_ms = fits_ms.min(longest_ms);
        }
        held.last = fits_ms < want_ms;
        held.until_ms = fits_ms.max(held.until_ms);
        let cost = cost(deck, (held.trunk, held.a, held.b), answered.wall, held.until_ms).unwrap_or(0).max(held.cost);
        for limit in deck.limits().iter().filter(|limit| limit.is_for(held.trunk, held.b)) {
            self.hour_mut(limit.name, now).cost += cost - held.cost;
        }
        let before = Some(held.taken).filter(|(hour, _)| *hour == hour_of(now)).map_or(0, |(_, taken)| taken);
        held.taken = (hour_of(now), before + cost - held.cost);
        held.cost = cost;
        let ahead_ms = held.until_ms.saturating_sub(AHEAD_MS);
        held.due = Some(answered.mono + Duration::from_millis(ahead_ms));
    }

    /// Gives back what was held and not used; an hour that is over takes nothing back, and the next has no claim to it.
    fn settle(&mut self, held: &Held, deck: &Deck, now: Now) {
        let used = held.answered.map_or(0, |answered| {
            let ms = now.mono.0.saturating_sub(answered.mono.0) / 1000;
            cost(deck, (held.trunk, held.a, held.b), answered.wall, ms).unwrap_or(0)
        });
        let (hour, taken) = held.taken;
        if hour != hour_of(now.wall) {
            return;
        }
        let back = (held.cost - used).clamp(0, taken.max(0));
        for limit in deck.limits().iter().filter(|limit| limit.is_for(held.trunk, held.b)) {
            let account = self.hour_mut(limit.name, now.wall);
            account.cost = (account.cost - back).max(0);
        }
    }

    /// The account of a limit in the hour of `now`.
    fn hour(&self, limit: Name, now: Wall) -> Hour {
        let hour = hour_of(now);
        let fresh = Hour { hour, ..Hour::default() };
        self.hours.get(&limit).copied().filter(|account| account.hour == hour).unwrap_or(fresh)
    }

    fn hour_mut(&mut self, limit: Name, now: Wall) -> &mut Hour {
        let account = self.hour(limit, now);
        let entry = self.hours.entry(limit).or_default();
        *entry = account;
        entry
    }
}

fn hour_of(now: Wall) -> i64 {
    now.0.div_euclid(HOUR_US)
}

fn key(number: &Number) -> Key {
    if number.withheld { Key::EMPTY } else { number.e164.into() }
}

/// How long a call may last on `budget` (`10^-8`), at most `cap_ms`.
fn longest(deck: &Deck, (trunk, a, b): (TrunkId, Key, Key), answer: Wall, budget: i128, cap_ms: u64) -> u64 {
    let deck = deck.of_party(Party::Outside(trunk));
    let budget = Ratio::new(budget, Price::ONE);
    let by = ruled(deck, a, b, answer, Payer::company());
    by.zip(budget).map_or(0, |(by, budget)| by.longest_ms(budget, cap_ms.min(CALL_MS_MAX)))
}

/// What a call of this length costs us, `10^-8`: never less than what is stored.
fn cost(deck: &Deck, (trunk, a, b): (TrunkId, Key, Key), answer: Wall, duration_ms: u64) -> Option<i128> {
    let deck = deck.of_party(Party::Outside(trunk));
    let call = Call { a, b, answer, duration_ms, answered: true };
    match quote(deck, &call, Payer::company(), |_| {}) {
        Quote::Unrated => None,
        Quote::NotChargeable => Some(0),
        Quote::Priced(priced) => {
            let exact = priced.net()?.rounded(8, Rounding::Up)?;
            let stored = i128::from(priced.stored()?.0) * 10_i128.pow(u32::from(8_u8.saturating_sub(deck.scale())));
            Some(exact.max(stored))
        }
    }
}

#[cfg(test)]
mod tests;
