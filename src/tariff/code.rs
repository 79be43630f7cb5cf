//! Why a deck is refused (docs/reference/rating.md, S10).

use std::fmt;

use serde::{Deserialize, Serialize};

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
    /// Not a date (`2026-01-06`).
    BadDate,
    /// Not a whole number.
    BadNumber,
    /// Not a name of `a-z 0-9 - _ .`.
    BadName,
    /// Not 0 to 15 digits; `*` is every number.
    BadPrefix,
    /// Not a price: at most eight decimals, at most 100,000.
    BadPrice,
    /// Not a time of day (`08:00`, at most `24:00`).
    BadTime,
    /// Not a day: 1 for Monday to 7 for Sunday, or H for holidays.
    BadDay,
    /// Not true or false.
    BadFlag,
    /// The zone database has no such time zone.
    UnknownTimeZone,
    /// `@zone` was not defined above.
    UnknownZone,
    /// The first slot does not begin at 0.
    SlotFirstNotZero,
    /// Slots do not ascend.
    SlotOrder,
    /// A slot whose increment or price period is not above 0.
    SlotNonpositive,
    /// The length of a slot is no multiple of its increment.
    SlotMisaligned,
    /// The period of a price does not divide an hour.
    SlotPerNotDivisorOfHour,
    /// A band without days or hours.
    BandEmpty,
    /// Two bands of one rule and rank that hold at the same time.
    BandOverlap,
    /// A band whose rule does not stand above it.
    BandWithoutRule,
    /// The same payer, called and calling prefix twice in one version.
    DuplicateRule,
    /// The minimum charge is above the maximum.
    MinOverMax,
    /// More rules than a deck may hold.
    TooManyRules,
    /// A number or list beyond what a deck may hold.
    OutOfBounds,
}

impl Code {
    /// The code as printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Code::Unreadable => "unreadable",
            Code::Column => "column",
            Code::Setting => "setting",
            Code::BadInstant => "bad_instant",
            Code::BadDate => "bad_date",
            Code::BadNumber => "bad_number",
            Code::BadName => "bad_name",
            Code::BadPrefix => "bad_prefix",
            Code::BadPrice => "bad_price",
            Code::BadTime => "bad_time",
            Code::BadDay => "bad_day",
            Code::BadFlag => "bad_flag",
            Code::UnknownTimeZone => "unknown_time_zone",
            Code::UnknownZone => "unknown_zone",
            Code::SlotFirstNotZero => "slot_first_not_zero",
            Code::SlotOrder => "slot_order",
            Code::SlotNonpositive => "slot_nonpositive",
            Code::SlotMisaligned => "slot_misaligned",
            Code::SlotPerNotDivisorOfHour => "slot_per_not_divisor_of_hour",
            Code::BandEmpty => "band_empty",
            Code::BandOverlap => "band_overlap",
            Code::BandWithoutRule => "band_without_rule",
            Code::DuplicateRule => "duplicate_rule",
            Code::MinOverMax => "min_over_max",
            Code::TooManyRules => "too_many_rules",
            Code::OutOfBounds => "out_of_bounds",
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
