//! What a call needs of an agent: AND, OR and NOT over skill levels. Parsing and judging it is the ACD's.

use serde::{Deserialize, Serialize};

use crate::id::SkillId;

/// A skill expression, such as `billing>=3 and (catalan>=1 or spanish>=1)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Need {
    /// Anybody will do.
    Anyone,
    /// The agent holds `skill` at `level` or above (1..=10).
    AtLeast {
        /// Which skill.
        skill: SkillId,
        /// Least level, 1..=10.
        level: u8,
    },
    /// Every part holds.
    All(Vec<Need>),
    /// Some part holds.
    Any(Vec<Need>),
    /// The part does not hold.
    Not(Box<Need>),
}
