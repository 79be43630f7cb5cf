//! Needs as text and against an agent's skills: `billing>=3 and (catalan>=1 or not spanish>=1)`.
//!
//! `or` binds weaker than `and`, `and` weaker than `not`; a bare skill means `>=1`; nothing, or `anyone`, means anybody.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use turno_base::{Need, SkillId};

use crate::limits::{NEED_BYTES_MAX, NEED_DEPTH_MAX, NEED_TERMS_MAX};

/// Highest level of a skill.
pub const LEVEL_MAX: u8 = 10;

/// Where and why a text is not a need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeedError {
    /// Byte offset in the text.
    pub at: usize,
    /// Why.
    pub fault: NeedFault,
}

/// Why a text is not a need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeedFault {
    /// A skill, `not` or `(` belongs here.
    SkillExpected,
    /// The skill's name is no name.
    SkillBad,
    /// A level from 1 to 10 belongs here.
    LevelExpected,
    /// A `)` is missing.
    Unclosed,
    /// The need was complete before this.
    TrailingText,
    /// Longer than [`NEED_BYTES_MAX`].
    TooLong,
    /// Nested deeper than [`NEED_DEPTH_MAX`].
    TooDeep,
    /// More skills than [`NEED_TERMS_MAX`].
    TooMany,
}

impl fmt::Display for NeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            NeedFault::SkillExpected => f.write_str("a skill, 'not' or '(' is missing")?,
            NeedFault::SkillBad => {
                f.write_str("a skill's name takes a-z, 0-9, '-', '_' and '.', at most 24 of them")?
            }
            NeedFault::LevelExpected => write!(f, "a level from 1 to {LEVEL_MAX} is missing after '>='")?,
            NeedFault::Unclosed => f.write_str("a ')' is missing")?,
            NeedFault::TrailingText => f.write_str("'and' or 'or' is missing")?,
            NeedFault::TooLong => write!(f, "a need is longer than {NEED_BYTES_MAX} bytes")?,
            NeedFault::TooDeep => write!(f, "a need is nested deeper than {NEED_DEPTH_MAX}")?,
            NeedFault::TooMany => write!(f, "a need names more than {NEED_TERMS_MAX} skills")?,
        }
        write!(f, " (byte {})", self.at)
    }
}

impl std::error::Error for NeedError {}

/// Parses a need.
pub fn parse(text: &str) -> Result<Need, NeedError> {
    if text.len() > NEED_BYTES_MAX {
        return Err(NeedError { at: NEED_BYTES_MAX, fault: NeedFault::TooLong });
    }
    if text.trim().is_empty() {
        return Ok(Need::Anyone);
    }
    let mut reader = Reader { text, at: 0, terms: 0 };
    let need = reader.any(0)?;
    reader.skip_space();
    if reader.at < text.len() {
        return Err(reader.fault(NeedFault::TrailingText));
    }
    Ok(need)
}

/// Whether an agent with these skills meets the need.
pub fn is_met(need: &Need, skills: &BTreeMap<SkillId, u8>) -> bool {
    match need {
        Need::Anyone => true,
        Need::AtLeast { skill, level } => skills.get(skill).is_some_and(|held| held >= level),
        Need::All(parts) => parts.iter().all(|part| is_met(part, skills)),
        Need::Any(parts) => parts.iter().any(|part| is_met(part, skills)),
        Need::Not(part) => !is_met(part, skills),
    }
}

/// Whether the need names the skill.
pub fn names(need: &Need, skill: SkillId) -> bool {
    match need {
        Need::Anyone => false,
        Need::AtLeast { skill: named, .. } => *named == skill,
        Need::All(parts) | Need::Any(parts) => parts.iter().any(|part| names(part, skill)),
        Need::Not(part) => names(part, skill),
    }
}

/// Skills as small numbers, so that many profiles are judged quickly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Skills {
    number_of: BTreeMap<SkillId, u32>,
}

/// A need in the numbers of one [`Skills`]. A profile's levels are a list by number; 0: does not hold it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Judge {
    Anyone,
    AtLeast { skill: u32, level: u8 },
    All(Vec<Judge>),
    Any(Vec<Judge>),
    Not(Box<Judge>),
}

impl Skills {
    /// All skills, by number.
    pub(crate) fn list(&self) -> Vec<SkillId> {
        let mut skills: Vec<(u32, SkillId)> = self.number_of.iter().map(|(skill, number)| (*number, *skill)).collect();
        skills.sort_unstable();
        skills.into_iter().map(|(_, skill)| skill).collect()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.number_of.len()).unwrap_or(u32::MAX)
    }

    /// The number of one.
    pub(crate) fn number(&self, skill: SkillId) -> Option<u32> {
        self.number_of.get(&skill).copied()
    }

    /// The skill of a number.
    pub(crate) fn name(&self, number: u32) -> Option<SkillId> {
        self.number_of.iter().find(|(_, at)| **at == number).map(|(skill, _)| *skill)
    }

    /// The levels of an agent, by number, no longer than they need be; skills seen first get the next number.
    pub(crate) fn levels(&mut self, skills: &BTreeMap<SkillId, u8>) -> Vec<u8> {
        let mut levels = Vec::new();
        for (skill, level) in skills {
            let next = u32::try_from(self.number_of.len()).unwrap_or(u32::MAX);
            let number = *self.number_of.entry(*skill).or_insert(next) as usize;
            if levels.len() <= number {
                levels.resize(number + 1, 0);
            }
            levels[number] = *level;
        }
        levels
    }

    pub(crate) fn judge(&self, need: &Need) -> Judge {
        match need {
            Need::Anyone => Judge::Anyone,
            // A skill that no agent holds has a number that no list of levels reaches.
            Need::AtLeast { skill, level } => {
                Judge::AtLeast { skill: self.number_of.get(skill).copied().unwrap_or(u32::MAX), level: (*level).max(1) }
            }
            Need::All(parts) => Judge::All(parts.iter().map(|part| self.judge(part)).collect()),
            Need::Any(parts) => Judge::Any(parts.iter().map(|part| self.judge(part)).collect()),
            Need::Not(part) => Judge::Not(Box::new(self.judge(part))),
        }
    }
}

impl Judge {
    pub(crate) fn is_met(&self, levels: &[u8]) -> bool {
        match self {
            Judge::Anyone => true,
            Judge::AtLeast { skill, level } => levels.get(*skill as usize).is_some_and(|held| held >= level),
            Judge::All(parts) => parts.iter().all(|part| part.is_met(levels)),
            Judge::Any(parts) => parts.iter().any(|part| part.is_met(levels)),
            Judge::Not(part) => !part.is_met(levels),
        }
    }

    /// The skills that count for an agent who meets the need, with his levels: all that are needed together, of
    /// alternatives the best that is met.
    pub(crate) fn counting(&self, levels: &[u8], parts: &mut Vec<(u32, u8)>) {
        match self {
            Judge::Anyone | Judge::Not(_) => {}
            Judge::AtLeast { skill, .. } => {
                if let Some(&level) = levels.get(*skill as usize).filter(|&&level| level > 0)
                    && !parts.contains(&(*skill, level))
                {
                    parts.push((*skill, level));
                }
            }
            Judge::All(several) => several.iter().for_each(|part| part.counting(levels, parts)),
            Judge::Any(several) => {
                let met = several.iter().filter(|part| part.is_met(levels));
                // The first of equals.
                if let Some(best) = met.rev().max_by_key(|part| part.level(levels)) {
                    best.counting(levels, parts);
                }
            }
        }
    }

    /// How much of each skill is asked for, of `share` in all: alternatives share it.
    pub(crate) fn asking(&self, share: u64, asked: &mut Vec<(u32, u64)>) {
        match self {
            Judge::Anyone | Judge::Not(_) => {}
            Judge::AtLeast { skill, .. } => match asked.iter_mut().find(|(known, _)| known == skill) {
                Some((_, so_far)) => *so_far = share.max(*so_far),
                None => asked.push((*skill, share)),
            },
            Judge::All(several) => several.iter().for_each(|part| part.asking(share, asked)),
            Judge::Any(several) => {
                several.iter().for_each(|part| part.asking(share / several.len() as u64, asked));
            }
        }
    }

    /// The level that counts: of several needed skills the weakest, of alternatives the best that is met; what must not be
    /// held counts nothing.
    pub(crate) fn level(&self, levels: &[u8]) -> Option<u8> {
        match self {
            Judge::Anyone | Judge::Not(_) => None,
            Judge::AtLeast { skill, .. } => levels.get(*skill as usize).copied().filter(|held| *held > 0),
            Judge::All(parts) => parts.iter().filter_map(|part| part.level(levels)).min(),
            Judge::Any(parts) => {
                parts.iter().filter(|part| part.is_met(levels)).filter_map(|part| part.level(levels)).max()
            }
        }
    }
}

/// The level that counts of an agent who meets both needs of an item, its queue's and its own; none: no skill counts.
pub(crate) fn weakest(queue: &Judge, own: &Judge, levels: &[u8]) -> Option<u8> {
    [queue.level(levels), own.level(levels)].into_iter().flatten().min()
}

/// The need as text; what [`parse`] made reads back to the same need, anything else to one that the same agents meet.
pub fn text(need: &Need) -> String {
    let mut text = String::new();
    write(need, Binds::Or, &mut text);
    text
}

/// How strongly the surroundings of a part bind; a part that binds weaker takes brackets.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Binds {
    Or,
    And,
    Not,
}

fn write(need: &Need, around: Binds, text: &mut String) {
    let (word, parts, own) = match need {
        Need::Any(parts) if parts.is_empty() => return text.push_str("not anyone"),
        Need::All(parts) if parts.is_empty() => return text.push_str("anyone"),
        Need::Anyone => return text.push_str("anyone"),
        Need::AtLeast { skill, level } => return text.push_str(&format!("{skill}>={level}")),
        Need::Not(part) => {
            text.push_str("not ");
            return write(part, Binds::Not, text);
        }
        Need::All(parts) => (" and ", parts, Binds::And),
        Need::Any(parts) => (" or ", parts, Binds::Or),
    };
    // A list inside a list of the same kind keeps its brackets, so that the text reads back to the same tree.
    let bracketed = own < around || parts.len() < 2;
    if bracketed {
        text.push('(');
    }
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            text.push_str(word);
        }
        let inside = if own == Binds::Or { Binds::And } else { Binds::Not };
        write(part, inside, text);
    }
    if bracketed {
        text.push(')');
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    terms: usize,
}

impl<'a> Reader<'a> {
    fn fault(&self, fault: NeedFault) -> NeedError {
        NeedError { at: self.at, fault }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// The word here, without taking it.
    fn word(&mut self) -> &'a str {
        self.skip_space();
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')));
        rest.get(..end.unwrap_or(rest.len())).unwrap_or("")
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.word() == word;
        if found {
            self.at += word.len();
        }
        found
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len();
        }
        found
    }

    fn any(&mut self, depth: usize) -> Result<Need, NeedError> {
        let first = self.all(depth)?;
        let mut parts = vec![first];
        while self.take_word("or") {
            parts.push(self.all(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Need::Any(parts) })
    }

    fn all(&mut self, depth: usize) -> Result<Need, NeedError> {
        let first = self.one(depth)?;
        let mut parts = vec![first];
        while self.take_word("and") {
            parts.push(self.one(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Need::All(parts) })
    }

    fn one(&mut self, depth: usize) -> Result<Need, NeedError> {
        self.skip_space();
        if depth > NEED_DEPTH_MAX {
            return Err(self.fault(NeedFault::TooDeep));
        }
        if self.take_word("not") {
            return Ok(Need::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.take_sign("(") {
            let inside = self.any(depth + 1)?;
            return if self.take_sign(")") { Ok(inside) } else { Err(self.fault(NeedFault::Unclosed)) };
        }
        self.terms += 1;
        if self.terms > NEED_TERMS_MAX {
            return Err(self.fault(NeedFault::TooMany));
        }
        if self.take_word("anyone") {
            return Ok(Need::Anyone);
        }
        let word = self.word();
        if matches!(word, "" | "and" | "or") {
            return Err(self.fault(NeedFault::SkillExpected));
        }
        let skill = SkillId::new(word).map_err(|_| self.fault(NeedFault::SkillBad))?;
        self.at += word.len();
        let level = if self.take_sign(">=") { self.level()? } else { 1 };
        Ok(Need::AtLeast { skill, level })
    }

    fn level(&mut self) -> Result<u8, NeedError> {
        let word = self.word();
        match word.parse::<u8>() {
            Ok(level) if (1..=LEVEL_MAX).contains(&level) && word.bytes().all(|b| b.is_ascii_digit()) => {
                self.at += word.len();
                Ok(level)
            }
            Ok(_) | Err(_) => Err(self.fault(NeedFault::LevelExpected)),
        }
    }
}
