//! What must hold of every record, whatever happened in the call (docs/records.md): `turno cdr verify` checks whole months.

use std::fmt;

use turno_base::LegId;
use turno_base::fact::OfferEnd;

use super::record::{Leg, Record};

/// Something that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The segments of a leg do not begin where it begins.
    SegmentsBegin(LegId),
    /// The segments of a leg are not as long together as the leg, ms.
    SegmentsLength(LegId, u64, u64),
    /// Ringing and conversation are longer together than the leg.
    Halves(LegId),
    /// The shares of a charge are not the charge, in its units.
    Shares(LegId, i64, i64),
    /// A charge without tax and its tax are not the whole.
    Tax(LegId),
    /// A charge has an amount where it must have none, or none where it must have one.
    Amount(LegId),
    /// A leg is longer than the call, ms.
    Longer(LegId, u64, u64),
    /// The costs of the call are not the sum of its legs' charges.
    Costs,
    /// Two legs have the same id.
    LegTwice(LegId),
    /// More offers were taken than agents had the caller.
    Taken,
    /// An end that was estimated belongs to a call that was recovered.
    Estimated,
    /// It waited longer than it lasted, ms.
    Wait(u64, u64),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::SegmentsBegin(leg) => write!(f, "leg {leg}: its first segment does not begin with it"),
            Flaw::SegmentsLength(leg, sum, total) => {
                write!(f, "leg {leg}: its segments last {sum} ms, the leg {total} ms")
            }
            Flaw::Halves(leg) => write!(f, "leg {leg}: it rang and talked longer than it lasted"),
            Flaw::Shares(leg, sum, net) => write!(f, "leg {leg}: its segments bear {sum} of a charge of {net}"),
            Flaw::Tax(leg) => write!(f, "leg {leg}: net and tax are not gross"),
            Flaw::Amount(leg) => write!(f, "leg {leg}: an amount and its status contradict each other"),
            Flaw::Longer(leg, of, total) => write!(f, "leg {leg}: it lasts {of} ms, the call {total} ms"),
            Flaw::Costs => f.write_str("its costs are not the sum of its legs' charges"),
            Flaw::LegTwice(leg) => write!(f, "leg {leg}: there are two of it"),
            Flaw::Taken => f.write_str("an offer was taken twice"),
            Flaw::Estimated => f.write_str("its end is estimated though it was not recovered"),
            Flaw::Wait(wait, total) => write!(f, "it waited {wait} ms and lasted {total} ms"),
        }
    }
}

/// Everything that does not hold of a record; empty for a good one.
pub fn verify(record: &Record) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    for (n, leg) in record.legs.iter().enumerate() {
        verify_leg(leg, &mut flaws);
        if leg.total_ms > record.total_ms {
            flaws.push(Flaw::Longer(leg.leg, leg.total_ms, record.total_ms));
        }
        if record.legs.iter().take(n).any(|other| other.leg == leg.leg) {
            flaws.push(Flaw::LegTwice(leg.leg));
        }
    }
    if record.costs != Record::costs_of(&record.legs) {
        flaws.push(Flaw::Costs);
    }
    let mut taken: Vec<_> = record.offers.iter().filter(|offer| offer.end == Some(OfferEnd::Accepted)).collect();
    taken.sort_by_key(|offer| offer.epoch);
    if taken.windows(2).any(|pair| matches!(pair, [a, b] if a.epoch == b.epoch)) {
        flaws.push(Flaw::Taken);
    }
    if record.estimated && !record.recovered {
        flaws.push(Flaw::Estimated);
    }
    // Who redialled keeps the age of the call before, so only a single stay is bounded by the call.
    flaws.extend(
        record
            .stays
            .iter()
            .filter(|stay| stay.wait_ms > record.total_ms && record.stays.len() == 1 && record.calling_back.is_none())
            .map(|stay| Flaw::Wait(stay.wait_ms, record.total_ms)),
    );
    flaws
}

fn verify_leg(leg: &Leg, flaws: &mut Vec<Flaw>) {
    if leg.stages.first().is_none_or(|stage| stage.at != leg.began) {
        flaws.push(Flaw::SegmentsBegin(leg.leg));
    }
    let sum: u64 = leg.stages.iter().map(|stage| stage.ms).sum();
    if sum != leg.total_ms {
        flaws.push(Flaw::SegmentsLength(leg.leg, sum, leg.total_ms));
    }
    // Each is rounded down by itself.
    if leg.ring_ms.saturating_add(leg.talk_ms) > leg.total_ms {
        flaws.push(Flaw::Halves(leg.leg));
    }
    for (n, charge) in leg.charges.iter().enumerate() {
        let rated = &charge.rated;
        let net = rated.net.map_or(0, |net| net.units);
        let shares = leg.stages.iter().map(|stage| stage.shares.get(n).copied().unwrap_or(0)).sum();
        if net != shares {
            flaws.push(Flaw::Shares(leg.leg, shares, net));
        }
        match (rated.net, rated.tax, rated.gross) {
            (Some(net), Some(tax), Some(gross)) if net.units + tax.units != gross.units => {
                flaws.push(Flaw::Tax(leg.leg));
            }
            (Some(_), Some(_), Some(_)) | (None, None, None) => {}
            _ => flaws.push(Flaw::Amount(leg.leg)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cdr::tests::{a_queued_call, record};

    #[test]
    fn a_good_record_has_no_flaw_and_each_change_of_it_has_its_own() {
        let good = record(&a_queued_call());
        assert_eq!(verify(&good), []);
        let leg = good.legs[0].leg;
        let (total, call_ms) = (good.legs[0].total_ms, good.total_ms);
        let net = good.legs[0].charges[0].rated.net.unwrap().units;
        type Change = fn(&mut Record);
        let cases: [(Change, Vec<Flaw>); 9] = [
            (|r| r.legs[0].stages[0].at.0 += 1, vec![Flaw::SegmentsBegin(leg)]),
            (|r| r.legs[0].stages[1].ms += 1, vec![Flaw::SegmentsLength(leg, total + 1, total)]),
            (|r| drop(r.legs[0].stages.pop()), vec![]),
            (|r| r.legs[0].ring_ms += 2, vec![Flaw::Halves(leg)]),
            (|r| r.legs[0].stages[0].shares[0] += 1, vec![Flaw::Shares(leg, net + 1, net)]),
            (|r| r.costs[0].unrated += 1, vec![Flaw::Costs]),
            (|r| r.estimated = true, vec![Flaw::Estimated]),
            (|r| r.stays[0].wait_ms = r.total_ms + 1, vec![Flaw::Wait(call_ms + 1, call_ms)]),
            (|r| r.total_ms = 0, vec![]),
        ];
        for (change, want) in cases {
            let mut bad = good.clone();
            change(&mut bad);
            let got = verify(&bad);
            assert!(!got.is_empty());
            if !want.is_empty() {
                assert_eq!(got, want);
            }
        }
        let mut bad = good.clone();
        bad.legs[0].charges[0].rated.tax.as_mut().unwrap().units += 1;
        assert_eq!(verify(&bad), [Flaw::Tax(leg)]);
        let mut bad = good.clone();
        bad.legs[0].charges[0].rated.gross = None;
        assert_eq!(verify(&bad), [Flaw::Amount(leg)]);
        let mut bad = good.clone();
        bad.legs.push(good.legs[0].clone());
        assert_eq!(verify(&bad), [Flaw::LegTwice(leg), Flaw::Costs]);
        let mut bad = good.clone();
        bad.offers.push(*good.offers.last().unwrap());
        assert_eq!(verify(&bad), [Flaw::Taken]);
        for flaw in verify(&bad) {
            assert!(!flaw.to_string().is_empty());
        }
    }
}
