//! Rating again: a period's legs priced by the book of today, and what that changes as entries to post (docs/tariffs.md).
//!
//! A record is never changed: it says what was known when the call ended. What a later book says differently is posted beside it, as
//! the difference to what was posted last, under the next revision. Done twice, the second time finds no difference.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use turno_base::fact::Party;
use turno_base::{CallId, LegId, Money, Number, Wall};

use crate::cdr::{Leg, Record};
use crate::deck::{Deck, Payer};
use crate::prefix::Key;
use crate::rating::{Call, Rated, Status, rate};

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

impl Again {
    /// Rates a record's legs again and hands over each difference to `posted`'s word of what is there; without one, the record's own
    /// amount is.
    pub fn record(
        &mut self,
        record: &Record,
        deck: &Deck,
        mut posted: impl FnMut(LegPayer) -> Option<Posted>,
        mut post: impl FnMut(Posting),
    ) {
        self.records += 1;
        for leg in &record.legs {
            let Some((call, own)) = priced(leg) else { continue };
            let deck = deck.of_party(leg.party);
            for payer in deck.payers().filter(|payer| own || *payer != Payer::caller()) {
                let of = LegPayer { call: record.call, leg: leg.leg, payer };
                let before = posted(of).or_else(|| own_amount(leg, payer));
                self.amount(of, before, &rate(deck, &call, payer), &mut post);
            }
        }
    }

    fn amount(&mut self, of: LegPayer, before: Option<Posted>, rated: &Rated, post: &mut impl FnMut(Posting)) {
        let net = match (rated.status, rated.net) {
            (Status::Rated, Some(net)) => net,
            (Status::NotChargeable, _) => return,
            (Status::Unrated, _) | (Status::Rated, None) => {
                self.unrated += 1;
                return;
            }
        };
        let (revision, had) = match before {
            None => (0, Money { units: 0, ..net }),
            Some(posted) => (posted.revision + 1, posted.net),
        };
        if (had.currency, had.scale) != (net.currency, net.scale) {
            self.incomparable += 1;
            return;
        }
        if before.is_some() && had.units == net.units {
            self.same += 1;
            return;
        }
        self.changed += 1;
        self.first += u64::from(before.is_none());
        let difference = Money { units: net.units.saturating_sub(had.units), ..net };
        post(Posting { of, revision, difference, net, version: rated.version });
    }
}

/// The legs of a record that somebody must pay for and that no rule of `deck` prices: its gaps, whatever the deck of that day said.
pub fn gaps<'r>(record: &'r Record, deck: &Deck) -> impl Iterator<Item = &'r Leg> {
    record.legs.iter().filter(|leg| {
        let Some((call, own)) = priced(leg) else { return false };
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
    (charge.rated.status == Status::Rated).then_some(())?;
    Some(Posted { revision: 0, net: charge.rated.net? })
}

/// A leg as rating sees it, and whether the caller pays for it too; none for legs inside the house.
fn priced(leg: &Leg) -> Option<(Call, bool)> {
    let own = match leg.party {
        Party::Caller(Some(_)) => true,
        Party::Outside(_) => false,
        Party::Agent(..) | Party::Station(_) if leg.b.e164.is_some() => false,
        Party::Caller(None) | Party::Agent(..) | Party::Station(_) => return None,
    };
    let shown = |number: &Number| if number.withheld { Key::EMPTY } else { number.e164.into() };
    let call = Call {
        a: shown(&leg.a),
        b: leg.b.e164.into(),
        answer: leg.answered.unwrap_or(Wall(0)),
        duration_ms: leg.talk_ms,
        answered: leg.answered.is_some(),
    };
    Some((call, own))
}

#[cfg(test)]
mod tests;
