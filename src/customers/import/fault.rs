//! What may be wrong with a row, as a sentence that says what to do.

use std::fmt;

use serde::Serialize;

use crate::customer::Unkeepable;
use crate::identity::{IdFault, IdKind};
use crate::portfolio::Portfolio;

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Neither CSV nor text.
    Unreadable,
    /// The header lacks this column.
    ColumnMissing,
    /// Two headers mean this column.
    ColumnTwice,
    /// The cell must not be empty.
    Empty,
    /// Longer than 255 bytes.
    TooLong,
    /// The id is on this line already.
    IdTwice(u64),
    /// No telephone number of this country or with `+`.
    BadNumber(String),
    /// No e-mail address.
    BadEmail(String),
    /// No id of this kind.
    BadId(IdKind, String, IdFault),
    /// No day.
    BadDay(String),
    /// Neither a person nor a company.
    BadKind(String),
    /// Not a name of `a-z 0-9 - _ .`.
    BadName(String),
    /// Not a number from 0 to 1,000,000 with at most three decimals.
    BadValue(String),
    /// More of something than a customer may have.
    Unkeepable(Unkeepable),
    /// More customers than a portfolio holds.
    TooMany,
}

/// A row that was left out, or the reason why the whole file was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowError {
    /// Line of the file, 1-based.
    pub line: u64,
    /// Column; empty if the whole row is meant.
    pub column: String,
    /// What.
    pub code: Code,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if !self.column.is_empty() {
            write!(f, ", column {}", self.column)?;
        }
        f.write_str(": ")?;
        match &self.code {
            Code::Unreadable => f.write_str("this is no CSV; save the sheet as CSV, UTF-8"),
            Code::ColumnMissing => f.write_str("the header lacks this column; add it or map another to it"),
            Code::ColumnTwice => f.write_str("two headers mean this column; rename one"),
            Code::Empty => f.write_str("the cell is empty; fill it in"),
            Code::TooLong => f.write_str("longer than 255 bytes; shorten it"),
            Code::IdTwice(line) => {
                write!(f, "the id is on line {line} already; put all numbers there, with ';' between")
            }
            Code::BadNumber(raw) => write!(f, "{raw:?} is no telephone number; write + and the country code first"),
            Code::BadEmail(raw) => write!(f, "{raw:?} is no e-mail address; write name@host, several with ';' between"),
            Code::BadId(kind, raw, why) => write!(f, "{raw:?} as {} {why}", kind.as_str()),
            Code::BadDay(raw) => write!(f, "{raw:?} is no day; write it as 1980-12-31 or 31/12/1980"),
            Code::BadKind(raw) => write!(f, "{raw:?} is neither; write person or company"),
            Code::BadName(raw) => write!(f, "{raw:?} is no name; use a-z, 0-9, '-', '_' and '.'"),
            Code::BadValue(raw) => write!(f, "{raw:?} is no value; write a number such as 1 or 2.5, at most 1000000"),
            Code::Unkeepable(why) => write!(f, "{why}; leave some out"),
            Code::TooMany => write!(f, "a portfolio holds {} customers; split it", Portfolio::CUSTOMERS_MAX),
        }
    }
}

impl std::error::Error for RowError {}
