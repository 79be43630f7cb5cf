//! Rating again: a period's legs priced by the book of today, and what that changes as entries to post (docs/tariffs.md).
//!
//! A record is never changed: it says what was known when the call ended. What a later book says differently is posted beside it, as
//! the difference to what was posted last, under the next revision. Done twice, the second time finds no difference.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use turno_base::fact::Party;
use turno_base::{CallId, LegId, Money, Wall};

use crate::cdr::{Brief, BriefCharge, BriefLeg, Leg, Record, Shown};
use crate::deck::{Deck, Payer};
use crate::prefix::Key;
use crate::rating::{Call, Status, rate};

/// Which amount: a leg's, for one payer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LegPayer {
    /// Call.
    pub call: CallId,
    /// Leg of it.
    pub leg: LegId,
    /// Who pays.
    pub payer: Payer,
}

/// What was posted last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// 0 for the record's own amount.
    pub revision: u32,
    /// The amount up to then, without tax.
    pub net: Money,
}

/// A difference to post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// Whose.
    pub of: LegPayer,
    /// Above every one before; 0 for a first amount.
    pub revision: u32,
    /// The difference without tax.
    pub difference: Money,
    /// The amount from now on, without tax.
    pub net: Money,
    /// Date and revision of the version that priced it.
    pub version: Option<(Wall, u32)>,
}

/// What rating a period again came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Again {
    /// Records looked at.
    pub records: u64,
    /// Amounts that are as they were.
    pub same: u64,
    /// Differences to post.
    pub changed: u64,
    /// Among those, legs that had no amount before.
    pub first: u64,
    /// Legs that no rule prices; what was posted for them stays.
    pub unrated: u64,
    /// Amounts in another currency or with other decimals than before: no difference can be told.
    pub incomparable: u64,
}

/// An amount of a record: what it was said to be, and what it is by the book of today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Whose.
    pub of: LegPayer,
    /// The record's own; none: it has none.
    pub own: Option<Money>,
    /// The record has none for want of a rule.
    pub was_unrated: bool,
    /// By the book of today; none: no rule of it is for this.
    pub now: Option<Priced>,
}

/// What a book says of an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Priced {
    /// Without tax.
    pub net: Money,
    /// Date and revision of the version that priced it.
    pub version: Option<(Wall, u32)>,
}

/// Rates a record's legs by `deck` and hands over each amount, also those that are as they were. It needs nothing of what was posted.
pub fn amounts(record: &Brief, deck: &Deck, mut each: impl FnMut(Amount)) {
    for leg in &record.legs {
        let Some((call, own)) = priced(leg) else { continue };
        let deck = deck.of_party(leg.party);
        for payer in deck.payers().filter(|payer| own || *payer != Payer::caller()) {
            let rated = rate(deck, &call, payer);
            let now = match (rated.status, rated.net) {
                (Status::Rated, Some(net)) => Some(Priced { net, version: rated.version }),
                (Status::NotChargeable, _) => continue,
                (Status::Unrated, _) | (Status::Rated, None) => None,
            };
            let charge = leg.charges.iter().find(|charge| charge.payer == payer);
            each(Amount {
                of: LegPayer { call: record.call, leg: leg.leg, payer },
                own: charge.and_then(BriefCharge::amount),
                was_unrated: charge.is_some_and(|charge| charge.status == Status::Unrated),
                now,
            });
        }
    }
}

impl Again {
    /// Counts an amount; what is to be posted for it, if something is. Without a posting the record's own amount is what there is.
    pub fn amount(&mut self, amount: &Amount, posted: Option<Posted>) -> Option<Posting> {
        let Some(Priced { net, version }) = amount.now else {
            self.unrated += 1;
            return None;
        };
        let before = posted.or(amount.own.map(|net| Posted { revision: 0, net }));
        let (revision, had) = match before {
            None => (0, Money { units: 0, ..net }),
            Some(posted) => (posted.revision + 1, posted.net),
        };
        if (had.currency, had.scale) != (net.currency, net.scale) {
            self.incomparable += 1;
            return None;
        }
        if before.is_some() && had.units == net.units {
            self.same += 1;
            return None;
        }
        self.changed += 1;
        self.first += u64::from(before.is_none());
        let difference = Money { units: net.units.saturating_sub(had.units), ..net };
        Some(Posting { of: amount.of, revision, difference, net, version })
    }
}

/// The legs of a record that somebody must pay for and that no rule of `deck` prices: its gaps, whatever the deck of that day said.
pub fn gaps<'r>(record: &'r Record, deck: &Deck) -> impl Iterator<Item = &'r Leg> {
    record.legs.iter().filter(|leg| {
        let Some((call, own)) = priced(&BriefLeg::from(*leg)) else { return false };
        let deck = deck.of_party(leg.party);
        let mut payers = deck.payers().filter(|payer| own || *payer != Payer::caller());
        payers.any(|payer| rate(deck, &call, payer).status == Status::Unrated)
    })
}

/// The amounts of a record whose postings do not lead, revision by revision, from what the record says to what was posted last.
/// `postings` are those of its call in the order of their revisions; empty: all balance.
pub fn unbalanced(record: &Record, postings: &[Posting]) -> BTreeSet<LegPayer> {
    let (mut off, mut last) = (BTreeSet::new(), BTreeMap::new());
    let kind = |money: Money| (money.currency, money.scale);
    for Posting { of, revision, difference, net, .. } in postings {
        let leg = record.legs.iter().find(|leg| leg.leg == of.leg && record.call == of.call);
        let before = last.get(of).copied().or_else(|| own_amount(leg?, of.payer));
        let (due, had) = before.map_or((0, Money { units: 0, ..*net }), |posted| (posted.revision + 1, posted.net));
        let leads = kind(had) == kind(*net)
            && kind(*difference) == kind(*net)
            && had.units.checked_add(difference.units) == Some(net.units);
        if leg.is_none() || *revision != due || !leads {
            off.insert(*of);
        }
        last.insert(*of, Posted { revision: *revision, net: *net });
    }
    off
}

fn own_amount(leg: &Leg, payer: Payer) -> Option<Posted> {
    let charge = leg.charges.iter().find(|charge| charge.payer == payer)?;
    BriefCharge::from(charge).amount().map(|net| Posted { revision: 0, net })
}

impl BriefCharge {
    /// What was stored; none: nothing was, or the payer has not to pay.
    fn amount(&self) -> Option<Money> {
        (self.status == Status::Rated).then_some(self.net).flatten()
    }
}

/// A leg as rating sees it, and whether the caller pays for it too; none for legs inside the house.
fn priced(leg: &BriefLeg) -> Option<(Call, bool)> {
    let own = match leg.party {
        Party::Caller(Some(_)) => true,
        Party::Outside(_) => false,
        Party::Agent(..) | Party::Station(_) if leg.b.e164.is_some() => false,
        Party::Caller(None) | Party::Agent(..) | Party::Station(_) => return None,
    };
    let shown = |number: Shown| if number.withheld { Key::EMPTY } else { number.e164.into() };
    let call = Call {
        a: shown(leg.a),
        b: leg.b.e164.into(),
        answer: leg.answered.unwrap_or(Wall(0)),
        duration_ms: leg.talk_ms,
        answered: leg.answered.is_some(),
    };
    Some((call, own))
}

#[cfg(test)]
mod tests;
