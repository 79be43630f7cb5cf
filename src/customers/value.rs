//! What a customer is worth: recency, frequency and money of what he did, in fifths of the portfolio, and rules that turn
//! these and his marks into a value and a segment.
//!
//! A value that a person or the CRM has set stays: rules only fill in and renew what came from them or from a file.

use serde::{Deserialize, Serialize};
use turno_base::{Name, SegmentId, Wall};

use crate::customer::{Customer, Kind, Value, ValueSource};

/// What is known of a customer's calls and payments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Last contact.
    pub last: Wall,
    /// Contacts.
    pub contacts: u32,
    /// Money, integer units at the scale of whoever counts; the same for all.
    pub money: i64,
    /// The last disposition that an agent said of a call of his.
    pub said: Option<Name>,
}

/// Scores, 1..=5 each, 5 best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Scores {
    /// How lately.
    pub recency: u8,
    /// How often.
    pub frequency: u8,
    /// How much.
    pub money: u8,
}

/// Where the fifths of a portfolio end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fifths {
    recency: [i64; 4],
    frequency: [i64; 4],
    money: [i64; 4],
}

impl Fifths {
    /// Of all who have a history.
    pub fn of(all: &[History]) -> Fifths {
        let ends = |of: fn(&History) -> i64| {
            let mut sorted: Vec<i64> = all.iter().map(of).collect();
            sorted.sort_unstable();
            let end = |n: usize| sorted.get(sorted.len() * n / 5).copied().unwrap_or(i64::MAX);
            [end(1), end(2), end(3), end(4)]
        };
        Fifths {
            recency: ends(|history| history.last.0),
            frequency: ends(|history| i64::from(history.contacts)),
            money: ends(|history| history.money),
        }
    }

    /// In which fifths a history lies.
    pub fn scores(&self, of: &History) -> Scores {
        let score = |ends: &[i64; 4], at: i64| 1 + ends.iter().filter(|end| at >= **end).count() as u8;
        Scores {
            recency: score(&self.recency, of.last.0),
            frequency: score(&self.frequency, i64::from(of.contacts)),
            money: score(&self.money, of.money),
        }
    }
}

/// What must hold for a rule; everything that is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct When {
    /// Person or company.
    pub kind: Option<Kind>,
    /// Has this mark.
    pub flag: Option<Name>,
    /// Is in this segment now.
    pub segment: Option<SegmentId>,
    /// The last disposition of his calls.
    pub said: Option<Name>,
    /// Has at least so many open cases.
    pub cases: usize,
    /// Scores at least these, 0: any.
    pub recency: u8,
    /// The same.
    pub frequency: u8,
    /// The same.
    pub money: u8,
}

/// What a customer gets for whom it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Shown as the value's source.
    pub name: Name,
    /// For whom.
    pub when: When,
    /// Value, per mille; none: by the scores.
    pub value_pm: Option<u32>,
    /// Segment; none: as it is.
    pub segment: Option<SegmentId>,
}

impl When {
    fn holds(&self, customer: &Customer, scores: Option<Scores>, said: Option<Name>) -> bool {
        let least = |least: u8, of: fn(Scores) -> u8| least == 0 || scores.is_some_and(|scores| of(scores) >= least);
        self.kind.is_none_or(|kind| kind == customer.kind)
            && self.flag.is_none_or(|flag| customer.flags.contains(&flag))
            && self.segment.is_none_or(|segment| customer.segment == Some(segment))
            && (self.said.is_none() || self.said == said)
            && customer.cases.len() >= self.cases
            && least(self.recency, |scores| scores.recency)
            && least(self.frequency, |scores| scores.frequency)
            && least(self.money, |scores| scores.money)
    }
}

/// Value by the scores alone, per mille: the ordinary customer's 1000 at 3-3-3, money counting as much as the two others.
pub fn by_scores_pm(scores: Scores) -> u32 {
    let sum = u32::from(scores.recency) + u32::from(scores.frequency) + 2 * u32::from(scores.money);
    // 4..=20: doubling every four points, in quarters.
    const QUARTERS_PM: [u32; 4] = [1000, 1189, 1414, 1682];
    let (doublings, rest) = (sum / 4, (sum % 4) as usize);
    QUARTERS_PM[rest] * (1 << doublings) / 8
}

/// Renews value and segment by the first rule that holds for him and for what was `said` of his last call, else by the scores; true if something changed. The age of a value
/// is that of its last change.
pub fn renew(customer: &mut Customer, rules: &[Rule], scores: Option<Scores>, said: Option<Name>, now: Wall) -> bool {
    let rule = rules.iter().find(|rule| rule.when.holds(customer, scores, said));
    let scored = scores.map(|s| (by_scores_pm(s), ValueSource::Rfm(s.recency, s.frequency, s.money)));
    let next = match rule {
        Some(Rule { name, value_pm: Some(pm), .. }) => Some((*pm, ValueSource::Rule(*name))),
        Some(Rule { value_pm: None, .. }) | None => scored,
    };
    let mut changed = false;
    let ours = customer.value.as_ref().is_none_or(|value| match value.source {
        ValueSource::Rule(_) | ValueSource::Rfm(..) => true,
        ValueSource::Import | ValueSource::Person(_) | ValueSource::Crm => false,
    });
    if let Some((pm, source)) = next.filter(|_| ours)
        && customer.value.as_ref().is_none_or(|value| (value.pm, &value.source) != (pm, &source))
    {
        customer.value = Some(Value { pm, source, at: now });
        changed = true;
    }
    if let Some(segment) = rule.and_then(|rule| rule.segment)
        && customer.segment != Some(segment)
    {
        customer.segment = Some(segment);
        changed = true;
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scores(recency: u8, frequency: u8, money: u8) -> Scores {
        Scores { recency, frequency, money }
    }

    #[test]
    fn fifths_of_a_portfolio() {
        let all: Vec<History> = (0..100)
            .map(|n| History { last: Wall(n), contacts: 1 + n as u32 / 50, money: n * n, said: None })
            .collect();
        let fifths = Fifths::of(&all);
        for (at, want) in [(0, (1, 3, 1)), (20, (2, 3, 2)), (59, (3, 5, 3)), (60, (4, 5, 4)), (99, (5, 5, 5))] {
            let got = fifths.scores(&all[at]);
            assert_eq!((got.recency, got.frequency, got.money), want, "{at}");
        }
        assert_eq!(Fifths::of(&[]).scores(&all[5]), scores(1, 1, 1), "nobody has a history");
    }

    #[test]
    fn value_by_the_scores() {
        for (of, want) in [((1, 1, 1), 250), ((3, 3, 3), 1000), ((3, 3, 4), 1414), ((5, 5, 3), 2000), ((5, 5, 5), 4000)]
        {
            assert_eq!(by_scores_pm(scores(of.0, of.1, of.2)), want, "{of:?}");
        }
    }

    #[test]
    fn the_first_rule_that_holds_decides() {
        let name = |text| Name::new(text).unwrap();
        let segment = |text| SegmentId::new(text).unwrap();
        let rules = [
            Rule {
                name: name("press"),
                when: When { flag: Some(name("press")), ..When::default() },
                value_pm: Some(5000),
                segment: None,
            },
            Rule {
                name: name("best"),
                when: When { money: 5, frequency: 4, ..When::default() },
                value_pm: None,
                segment: Some(segment("gold")),
            },
        ];
        let mut one = Customer { id: "a".into(), ..Customer::default() };
        let shown = |of: &Customer| (of.value.as_ref().map(|value| (value.pm, value.at.0)), of.segment);
        assert!(!renew(&mut one, &rules, None, None, Wall(1)), "nothing is known");
        assert!(renew(&mut one, &rules, Some(scores(5, 3, 5)), None, Wall(2)));
        assert_eq!(shown(&one), (Some((2828, 2)), None));
        assert!(!renew(&mut one, &rules, Some(scores(5, 3, 5)), None, Wall(3)), "as it was: it keeps its age");
        assert!(renew(&mut one, &rules, Some(scores(5, 4, 5)), None, Wall(4)));
        assert_eq!(shown(&one), (Some((3364, 4)), Some(segment("gold"))));
        one.flags = vec![name("press")];
        assert!(renew(&mut one, &rules, Some(scores(1, 1, 1)), None, Wall(5)));
        assert_eq!(one.value.as_ref().map(|value| &value.source), Some(&ValueSource::Rule(name("press"))));
        one.value = Some(Value { pm: 1, source: ValueSource::Crm, at: Wall(6) });
        assert!(!renew(&mut one, &rules, Some(scores(1, 1, 1)), None, Wall(7)), "the CRM knows better");
    }

    proptest! {
        #[test]
        fn better_scores_are_never_worth_less(a in 1_u8..=5, b in 1_u8..=5, c in 1_u8..=5) {
            let worth = by_scores_pm(scores(a, b, c));
            for (x, y, z) in [(a.min(4) + 1, b, c), (a, b.min(4) + 1, c), (a, b, c.min(4) + 1)] {
                prop_assert!(by_scores_pm(scores(x.max(a), y.max(b), z.max(c))) >= worth);
            }
        }
    }
}
