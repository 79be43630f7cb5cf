//! The price book as loaded: versions of rules by payer and prefix (spec/tariff.md, S3, S4, S10).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use turno_base::{Currency, Name, Wall};

use crate::amount::{Price, Rounding, Share};
use crate::prefix::{Key, PrefixMap};

/// Who pays: `company`, `caller`, or another party that the deck names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Payer(pub Name);

impl Payer {
    /// Us.
    pub fn company() -> Payer {
        Payer(Name::new("company").expect("a name"))
    }

    /// Whoever dials.
    pub fn caller() -> Payer {
        Payer(Name::new("caller").expect("a name"))
    }
}

impl fmt::Display for Payer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How elapsed time becomes billed time before increments (S7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DurationMode {
    /// As it is, in ms.
    #[default]
    Exact,
    /// Down to whole seconds, as Asterisk's billsec.
    Floor,
    /// To the nearest second, the middle up, as Asterisk's initiatedseconds.
    HalfUp,
}

/// A loaded and checked price book. Empty, it leaves every leg unrated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deck {
    pub(crate) terms: Option<Terms>,
    /// Ascending by date, then revision.
    pub(crate) versions: Vec<Version>,
    payers: BTreeSet<Payer>,
}

/// What holds for the whole deck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Terms {
    pub(crate) currency: Currency,
    /// Decimals of stored amounts, 0..=8.
    pub(crate) scale: u8,
    pub(crate) rounding: Rounding,
    pub(crate) tax: Share,
    pub(crate) duration: DurationMode,
}

/// The rules from one date on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) valid_from: Wall,
    pub(crate) revision: u32,
    /// Called prefix, then calling prefix, to the place in `rules`.
    by_payer: BTreeMap<Payer, PrefixMap<PrefixMap<u32>>>,
    rules: Vec<Rule>,
}

/// One price line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub(crate) id: Name,
    /// The rate outside every band.
    pub(crate) default: Rate,
    pub(crate) charge_min: Option<Price>,
    pub(crate) charge_max: Option<Price>,
}

/// A fee at the answer, and what time costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rate {
    pub(crate) setup: Price,
    /// Ascending by `at_ms`, the first at 0.
    pub(crate) slots: Vec<Slot>,
}

/// From `at_ms` after the answer on, each begun `inc_ms` costs `price · inc_ms / per_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slot {
    pub(crate) at_ms: u64,
    pub(crate) price: Price,
    pub(crate) per_ms: u64,
    pub(crate) inc_ms: u64,
}

/// What is wrong with a deck, as a code that stays (S10) and a person can look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Not CSV, or not UTF-8.
    Unreadable,
    /// A column that must be there is not, or a row has more cells than the header.
    Column,
    /// An unknown setting or one that has no such value.
    Setting,
    /// Not an instant (`2026-01-01` or `2026-01-01T00:00:00Z`).
    BadInstant,
    /// Not a whole number.
    BadNumber,
    /// Not a name of `a-z 0-9 - _ .`.
    BadName,
    /// Not 0 to 15 digits; `*` is every number.
    BadPrefix,
    /// Not a price: at most eight decimals, at most 100,000.
    BadPrice,
    /// `@zone` was not defined above.
    UnknownZone,
    /// The first slot does not begin at 0.
    SlotFirstNotZero,
    /// Slots do not ascend.
    SlotOrder,
    /// A slot whose increment or price period is 0, or longer than a day.
    SlotNonpositive,
    /// The length of a slot is no multiple of its increment.
    SlotMisaligned,
    /// The period of a price does not divide an hour.
    SlotPerNotDivisorOfHour,
    /// The same payer, called and calling prefix twice in one version.
    DuplicateRule,
    /// The minimum charge is above the maximum.
    MinOverMax,
    /// More rules than a deck may hold.
    TooManyRules,
}

impl Code {
    /// The code as printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Code::Unreadable => "unreadable",
            Code::Column => "column",
            Code::Setting => "setting",
            Code::BadInstant => "bad_instant",
            Code::BadNumber => "bad_number",
            Code::BadName => "bad_name",
            Code::BadPrefix => "bad_prefix",
            Code::BadPrice => "bad_price",
            Code::UnknownZone => "unknown_zone",
            Code::SlotFirstNotZero => "slot_first_not_zero",
            Code::SlotOrder => "slot_order",
            Code::SlotNonpositive => "slot_nonpositive",
            Code::SlotMisaligned => "slot_misaligned",
            Code::SlotPerNotDivisorOfHour => "slot_per_not_divisor_of_hour",
            Code::DuplicateRule => "duplicate_rule",
            Code::MinOverMax => "min_over_max",
            Code::TooManyRules => "too_many_rules",
        }
    }
}

/// Why a deck is refused. The deck in force stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeckError {
    /// Line of the file, 1-based.
    pub row: u64,
    /// Column by its name; empty if the whole row is meant.
    pub column: String,
    /// What.
    pub code: Code,
}

impl fmt::Display for DeckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column.as_str() {
            "" => write!(f, "tariff row {}: {}", self.row, self.code.as_str()),
            column => write!(f, "tariff row {}, column {column}: {}", self.row, self.code.as_str()),
        }
    }
}

impl std::error::Error for DeckError {}

impl Deck {
    /// Most rules, all versions and prefixes counted.
    pub const RULES_MAX: usize = 2_000_000;

    /// Who may be charged by this deck.
    pub fn payers(&self) -> impl Iterator<Item = Payer> {
        self.payers.iter().copied()
    }

    /// How many versions and how many prefixes of called numbers in all of them.
    pub fn size(&self) -> (usize, usize) {
        let prefixes = self.versions.iter().flat_map(|v| v.by_payer.values()).map(PrefixMap::len).sum();
        (self.versions.len(), prefixes)
    }

    /// The version in force at `answer`: the latest date not after it, of those the highest revision (S3).
    pub(crate) fn version(&self, answer: Wall) -> Option<&Version> {
        let after = self.versions.partition_point(|version| version.valid_from <= answer);
        after.checked_sub(1).and_then(|at| self.versions.get(at))
    }

    pub(crate) fn new(terms: Terms, versions: Vec<Version>) -> Deck {
        let payers = versions.iter().flat_map(|version| version.by_payer.keys().copied()).collect();
        Deck { terms: Some(terms), versions, payers }
    }
}

impl Version {
    /// The rule for this payer: longest called prefix, then longest calling prefix. Price never decides (S4).
    pub(crate) fn rule(&self, payer: Payer, a: Key, b: Key) -> Option<&Rule> {
        let called = self.by_payer.get(&payer)?;
        let at = called.longest_first(b).find_map(|calling| calling.longest_first(a).next())?;
        self.rules.get(*at as usize)
    }
}

/// A version while its rows are read.
#[derive(Debug, Default)]
pub(crate) struct VersionDraft {
    by_payer: BTreeMap<Payer, BTreeMap<Key, BTreeMap<Key, u32>>>,
    rules: Vec<Rule>,
}

impl VersionDraft {
    /// Adds a rule; the place is what [`VersionDraft::bind`] takes.
    pub(crate) fn add(&mut self, rule: Rule) -> u32 {
        self.rules.push(rule);
        (self.rules.len() - 1) as u32
    }

    /// Says for which numbers a rule is. False if they have one already.
    pub(crate) fn bind(&mut self, payer: Payer, b: Key, a: Key, rule: u32) -> bool {
        self.by_payer.entry(payer).or_default().entry(b).or_default().insert(a, rule).is_none()
    }

    pub(crate) fn finish(self, valid_from: Wall, revision: u32) -> Version {
        let by_payer = self.by_payer.into_iter().map(|(payer, called)| {
            let called = called.into_iter().map(|(b, calling)| (b, PrefixMap::from_sorted(calling)));
            (payer, PrefixMap::from_sorted(called))
        });
        Version { valid_from, revision, by_payer: by_payer.collect(), rules: self.rules }
    }
}

impl Rate {
    /// Refuses what the walk over increments could not do exactly (S10).
    pub(crate) fn check(&self) -> Result<(), Code> {
        const DAY_MS: u64 = 86_400_000;
        if self.slots.first().is_none_or(|slot| slot.at_ms != 0) {
            return Err(Code::SlotFirstNotZero);
        }
        for (at, slot) in self.slots.iter().enumerate() {
            if slot.inc_ms == 0 || slot.per_ms == 0 || slot.inc_ms > DAY_MS {
                return Err(Code::SlotNonpositive);
            }
            if 3_600_000 % slot.per_ms != 0 {
                return Err(Code::SlotPerNotDivisorOfHour);
            }
            if let Some(next) = self.slots.get(at + 1) {
                if next.at_ms <= slot.at_ms {
                    return Err(Code::SlotOrder);
                }
                if !(next.at_ms - slot.at_ms).is_multiple_of(slot.inc_ms) {
                    return Err(Code::SlotMisaligned);
                }
            }
        }
        Ok(())
    }
}
