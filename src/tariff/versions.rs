//! The versions of a deck: what there are, and those of another deck put beside them, so that a price list with a date needs
//! none of the prices before it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use turno_base::Wall;

use crate::code::Code;
use crate::deck::{Deck, Terms, Version};
use crate::prefix::PrefixMap;

/// A version as lists show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionSummary {
    /// In force from then on.
    pub valid_from: Wall,
    /// Of those of one date the highest is in force.
    pub revision: u32,
    /// Price lines.
    pub rules: usize,
    /// Prefixes of called numbers, by payer.
    pub prefixes: usize,
}

/// Why the versions of two decks cannot stand in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Differs {
    /// A setting that holds for a whole deck is another.
    Setting(&'static str),
    /// The holidays of both make two bands of a rule meet.
    Bands(Code),
    /// Together they have more rules than a deck may hold.
    TooMany,
}

impl fmt::Display for Differs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Differs::Setting(name) => write!(f, "its {name} is not that of the versions before it"),
            Differs::Bands(code) => {
                write!(f, "with the holidays of the versions before it, a rule has {}", code.as_str())
            }
            Differs::TooMany => {
                write!(f, "with the versions before it, it would have more than {} rules", Deck::RULES_MAX)
            }
        }
    }
}

impl std::error::Error for Differs {}

impl Deck {
    /// Its versions, the earliest first.
    pub fn versions(&self) -> impl Iterator<Item = VersionSummary> + '_ {
        self.versions.iter().map(|version| VersionSummary {
            valid_from: version.valid_from,
            revision: version.revision,
            rules: version.rules.len(),
            prefixes: version.by_payer.values().map(PrefixMap::len).sum(),
        })
    }

    /// Whether a version is in force at this instant: before the first, nothing has a price.
    pub fn is_in_force(&self, at: Wall) -> bool {
        self.version(at).is_some()
    }

    /// This deck with the versions of `later` too; one of the same date and revision takes the place of what was there. What holds for a
    /// whole deck must be the same in both, but holidays and taxes with a date, which add up.
    ///
    /// # Errors
    /// What differs. Books of trunks and limits are of a configuration: those of `later` are not taken.
    pub fn with_versions(mut self, later: Deck) -> Result<Deck, Differs> {
        let (Some(mine), Some(theirs)) = (&self.terms, &later.terms) else {
            return Ok(if self.terms.is_some() { self } else { later });
        };
        let terms = together(mine, theirs)?;
        let mut versions: BTreeMap<(Wall, u32), Version> = BTreeMap::new();
        for version in self.versions.into_iter().chain(later.versions) {
            versions.insert((version.valid_from, version.revision), version);
        }
        let mut versions: Vec<Version> = versions.into_values().collect();
        for rule in versions.iter_mut().flat_map(|version| &mut version.rules) {
            rule.settle_bands(&terms.holidays).map_err(|(_, code)| Differs::Bands(code))?;
        }
        self.payers = versions.iter().flat_map(|version| version.by_payer.keys().copied()).collect();
        self.versions = versions;
        self.terms = Some(terms);
        if self.size().1 > Deck::RULES_MAX { Err(Differs::TooMany) } else { Ok(self) }
    }
}

fn together(mine: &Terms, theirs: &Terms) -> Result<Terms, Differs> {
    let settings = [
        ("currency", mine.currency == theirs.currency),
        ("scale", mine.scale == theirs.scale),
        ("rounding", mine.rounding == theirs.rounding),
        ("tax inclusion", mine.tax_included == theirs.tax_included),
        ("duration mode", mine.duration == theirs.duration),
        ("band policy", mine.policy == theirs.policy),
        ("time zone", mine.zone == theirs.zone),
    ];
    if let Some((name, _)) = settings.iter().find(|(_, is_same)| !is_same) {
        return Err(Differs::Setting(name));
    }
    let mut taxes = BTreeMap::new();
    for &(from, share) in mine.taxes.iter().chain(&theirs.taxes) {
        if taxes.insert(from, share).is_some_and(|before| before != share) {
            return Err(Differs::Setting("tax"));
        }
    }
    let holidays: BTreeSet<i32> = mine.holidays.iter().chain(&theirs.holidays).copied().collect();
    if holidays.len() > Terms::HOLIDAYS_MAX {
        return Err(Differs::Setting("list of holidays"));
    }
    Ok(Terms { taxes: taxes.into_iter().collect(), holidays: holidays.into_iter().collect(), ..mine.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Call, Key, Payer, rate};

    const OLD: &str = "@tz,Europe/Madrid\n@tax,0.21\n@holidays,2026-12-25\n\
        valid_from,revision,payer,b,rate,per_minute,band,days,from,to\n\
        2026-01-01,0,company,34,any,0.10,,,,\n";

    fn deck(text: &str) -> Deck {
        Deck::parse(text).unwrap()
    }

    /// The net price of a minute that was answered then.
    fn minute(deck: &Deck, answer: &str) -> Option<String> {
        let answer = Wall(crate::civil::instant(answer).unwrap());
        let call =
            Call { a: Key::EMPTY, b: Key::new("34912345678").unwrap(), answer, duration_ms: 60_000, answered: true };
        rate(deck, &call, Payer::company()).net.map(|net| net.to_string())
    }

    #[test]
    fn a_price_list_with_a_date_is_put_beside_those_before_it() {
        let next = OLD.replace("2026-01-01,0,company,34,any,0.10", "2027-01-01,0,company,34,any,0.12");
        let corrected = OLD.replace("2026-01-01,0,company,34,any,0.10", "2026-01-01,0,company,34,any,0.11");
        let both = deck(OLD).with_versions(deck(&next)).unwrap();
        let dates: Vec<u32> = both.versions().map(|version| version.revision).collect();
        assert_eq!(dates, [0, 0]);
        for (answer, net) in [
            ("2025-12-31T23:59:59Z", None),
            ("2026-01-01T00:00:00Z", Some("0.1000")),
            ("2026-12-31T23:59:59Z", Some("0.1000")),
            ("2027-01-01T00:00:00Z", Some("0.1200")),
        ] {
            assert_eq!(minute(&both, answer).as_deref(), net, "{answer}");
        }
        let mended = both.with_versions(deck(&corrected)).unwrap();
        assert_eq!((mended.versions().count(), minute(&mended, "2026-06-01").as_deref()), (2, Some("0.1100")));
        assert!(mended.is_in_force(Wall::from_secs(1_780_000_000)) && !mended.is_in_force(Wall(0)));
    }

    #[test]
    fn what_holds_for_a_whole_deck_must_be_the_same_in_both() {
        let banded = OLD.replace(
            "any,0.10,,,,\n",
            "any,0.10,,,,\n2026-01-01,0,company,34,any,0.05,friday,5,00:00,24:00\n\
             2026-01-01,0,company,34,any,0.01,holiday,H,00:00,24:00\n",
        );
        for (later, differs) in [
            (OLD.replace("@tax,0.21", "@tax,0.10"), Some(Differs::Setting("tax"))),
            (OLD.replace("@tax,0.21", "@tax,0.21\n@tax,2027-01-01,0.22"), None),
            (OLD.replace("Europe/Madrid", "UTC"), Some(Differs::Setting("time zone"))),
            (format!("@currency,USD\n{OLD}"), Some(Differs::Setting("currency"))),
            (format!("@scale,2\n{OLD}"), Some(Differs::Setting("scale"))),
            (format!("@rounding,down\n{OLD}"), Some(Differs::Setting("rounding"))),
            (format!("@tax_included,yes\n{OLD}"), Some(Differs::Setting("tax inclusion"))),
            (format!("@duration,floor\n{OLD}"), Some(Differs::Setting("duration mode"))),
            (format!("@bands,start\n{OLD}"), Some(Differs::Setting("band policy"))),
            (OLD.replace("2026-12-25", "2027-12-25"), None),
            (banded, None),
        ] {
            assert_eq!(deck(OLD).with_versions(deck(&later)).err(), differs, "{later}");
        }
    }

    #[test]
    fn bands_that_meet_only_on_the_other_decks_holidays_are_refused() {
        // Past midnight of a holiday into the small hours of the day behind it, which is a holiday too in the other deck alone.
        let head = "@tz,UTC\n@holidays,2026-12-25\nvalid_from,payer,b,rate,per_minute,band,days,from,to\n";
        let first = format!(
            "{head}2026-01-01,company,34,any,0.10,,,,\n2026-01-01,company,34,any,0.05,late,H,22:00,02:00\n\
             2026-01-01,company,34,any,0.01,early,H,00:00,06:00\n"
        );
        let second = head.replace("2026-12-25", "2026-12-26") + "2027-01-01,company,34,any,0.10,,,,\n";
        assert_eq!(deck(&first).with_versions(deck(&second)).err(), Some(Differs::Bands(Code::BandOverlap)));
    }

    #[test]
    fn a_refused_deck_names_every_faulty_row() {
        let csv = "valid_from,payer,b,rate,per_minute,band,days,from,to\n\
            2026-01-01,company,34,any,0.10,,,,\n\
            2026-13-01,company,35,any,0.10,,,,\n\
            2026-13-01,company,35,any,0.05,night,1-5,22:00,08:00\n\
            2026-01-01,company,36,any,cheap,,,,\n\
            2026-01-01,company,37,any,0.10,,,,\n\
            2026-01-01,company,37,any,0.05,night,1-8,22:00,08:00\n\
            2026-01-01,company,34,any,0.10,,,,\n";
        let said = |text: &str| {
            let faults = Deck::read(text).unwrap_err();
            faults.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            said(csv),
            [
                "tariff row 3, column valid_from: bad_instant",
                "tariff row 5, column per_minute: bad_price",
                "tariff row 7, column days: bad_day",
                "tariff row 8, column b: duplicate_rule",
            ]
        );
        let json = "{\"versions\":[{\"valid_from\":\"2026-01-01\",\"rules\":[\n\
            {\"b\":\"34\",\"default\":{\"slots\":[{\"price\":\"0.1\"}]}},\n\
            {\"b\":\"x\",\"default\":{\"slots\":[{\"price\":\"0.1\"}]}},\n\
            {\"b\":\"35\"}]},\n{\"valid_from\":\"soon\"}]}";
        assert_eq!(
            said(json),
            [
                "tariff row 3, column b: bad_prefix",
                "tariff row 4, column default: column",
                "tariff row 1, column versions[1].valid_from: bad_instant",
            ]
        );
        // Below a faulty setting everything would be wrong, and nothing says so twice.
        assert_eq!(said(&csv.replace("valid_from,payer", "@scale,9\nvalid_from,payer")), ["tariff row 1: setting"]);
        let many = (0..200).fold(csv.to_owned(), |text, _| text + "x,company,34,any,0.10,,,,\n");
        assert_eq!(said(&many).len(), Deck::FAULTS_MAX);
    }
}
