//! Scenario files: those that come with the program, and how one says only what it has other than another.

use std::fmt;

use toml::Table;

use crate::scenario::{Scenario, ScenarioError};

/// Name and text.
pub const SHIPPED: [(&str, &str); 12] = [
    ("mid", include_str!("../../config/sim/mid.toml")),
    ("crosstrained-75", include_str!("../../config/sim/crosstrained-75.toml")),
    ("small", include_str!("../../config/sim/small.toml")),
    ("large", include_str!("../../config/sim/large.toml")),
    ("overload", include_str!("../../config/sim/overload.toml")),
    ("scarce", include_str!("../../config/sim/scarce.toml")),
    ("vip-flood", include_str!("../../config/sim/vip-flood.toml")),
    ("noon-logout", include_str!("../../config/sim/noon-logout.toml")),
    ("no-answer", include_str!("../../config/sim/no-answer.toml")),
    ("redial", include_str!("../../config/sim/redial.toml")),
    ("mm-s", include_str!("../../config/sim/mm-s.toml")),
    ("mm-s-m", include_str!("../../config/sim/mm-s-m.toml")),
];

/// Why a text is no scenario.
#[derive(Clone, Debug, PartialEq)]
pub enum ReadError {
    /// Not the format.
    Format(Box<toml::de::Error>),
    /// `like` names a scenario that does not come with the program.
    Like(String),
    /// It cannot be played.
    Scenario {
        /// Where the text says so, from 1; none: the fault has no place in it.
        line: Option<usize>,
        /// Why.
        error: ScenarioError,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Format(error) => error.fmt(f),
            ReadError::Like(name) => {
                // One that is like another cannot itself be an example.
                let whole = SHIPPED.iter().filter(|(_, text)| !text.lines().any(|line| line.starts_with("like ")));
                let names: Vec<&str> = whole.map(|(name, _)| *name).collect();
                write!(f, "like = {name:?}: there are {}", names.join(", "))
            }
            ReadError::Scenario { line: Some(line), error } => write!(f, "line {line}: {error}"),
            ReadError::Scenario { line: None, error } => error.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {}

impl From<toml::de::Error> for ReadError {
    fn from(error: toml::de::Error) -> ReadError {
        ReadError::Format(Box::new(error))
    }
}

/// A scenario that comes with the program.
pub fn shipped(name: &str) -> Option<&'static str> {
    SHIPPED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// A scenario from its text. `like = "mid"` takes every key that the text does not have from that one, whole tables and lists
/// at a time; one that is like another cannot itself be an example.
pub fn parse(text: &str) -> Result<Scenario, ReadError> {
    let mut table: Table = toml::from_str(text)?;
    if let Some(like) = table.remove("like") {
        let name = like.as_str().unwrap_or_default();
        let base: Table = toml::from_str(shipped(name).ok_or_else(|| ReadError::Like(name.to_owned()))?)?;
        if base.contains_key("like") {
            return Err(ReadError::Like(name.to_owned()));
        }
        // `load` and `calls_per_day` say the same in two ways.
        let says_volume = table.contains_key("load") || table.contains_key("calls_per_day");
        for (key, value) in base {
            if !(says_volume && (key == "load" || key == "calls_per_day")) {
                table.entry(key).or_insert(value);
            }
        }
    }
    let scenario: Scenario = table.try_into().map_err(|fault| placed(text, fault))?;
    match scenario.check() {
        Ok(()) => Ok(scenario),
        Err(error) => Err(ReadError::Scenario { line: error.key().and_then(|key| key.line_in(text)), error }),
    }
}

/// The same fault with its line: what was put together of two texts has none, so the text is read by itself.
fn placed(text: &str, fault: toml::de::Error) -> toml::de::Error {
    let is_like =
        |line: &str| line.trim_start().strip_prefix("like").is_some_and(|rest| rest.trim_start().starts_with('='));
    let alone: Vec<&str> = text.lines().map(|line| if is_like(line) { "" } else { line }).collect();
    match toml::from_str::<Scenario>(&alone.join("\n")) {
        Err(found) if found.message() == fault.message() => found,
        Ok(_) | Err(_) => fault,
    }
}
