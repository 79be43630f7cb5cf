//! Ids: never bare integers or strings.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::name::{Name, NameError};
use crate::seeded::Seeded;
use crate::time::Wall;

macro_rules! named {
    ($(#[$doc:meta] $id:ident)*) => {$(
        #[$doc]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $id(pub Name);
        impl $id {
            /// Parses the name.
            pub fn new(text: &str) -> Result<Self, NameError> { Name::new(text).map($id) }
            /// The text.
            pub fn as_str(&self) -> &str { self.0.as_str() }
        }
        impl FromStr for $id {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> { $id::new(text) }
        }
        impl fmt::Display for $id { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) } }
        impl fmt::Debug for $id { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Display::fmt(&self.0, f) } }
    )*};
}

named! {
    /// A person who takes calls.
    AgentId
    /// An endpoint that rings: a registered account, or a PBX extension with a fixed contact.
    StationId
    /// An ordered set of waiting calls.
    QueueId
    /// What an agent knows, with a level 1..=10.
    SkillId
    /// A class of customers.
    SegmentId
    /// A configured SIP peer: carrier or PBX.
    TrunkId
    /// A sound file played once or looped.
    PromptId
}

/// One customer's attempt, from first INVITE to last BYE. 128 bits, ordered by time of minting: 48 bits of
/// milliseconds since the epoch, 80 bits from the seed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u128);

impl CallId {
    /// Mints an id at `wall`.
    pub fn mint(wall: Wall, seeded: &mut Seeded) -> CallId {
        let ms = (wall.0.max(0) / 1000) as u128 & 0xffff_ffff_ffff;
        let low = (u128::from(seeded.next_u64()) << 16) | u128::from(seeded.next_u64() & 0xffff);
        CallId(ms << 80 | low)
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Not 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallIdError;

impl fmt::Display for CallIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a call id is 32 hexadecimal digits")
    }
}

impl std::error::Error for CallIdError {}

impl FromStr for CallId {
    type Err = CallIdError;
    fn from_str(text: &str) -> Result<CallId, CallIdError> {
        if text.len() != 32 {
            return Err(CallIdError);
        }
        u128::from_str_radix(text, 16).map(CallId).map_err(|_| CallIdError)
    }
}

impl Serialize for CallId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if to.is_human_readable() { to.collect_str(self) } else { self.0.serialize(to) }
    }
}

impl<'de> Deserialize<'de> for CallId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<CallId, D::Error> {
        if from.is_human_readable() {
            let text = String::deserialize(from)?;
            text.parse().map_err(serde::de::Error::custom)
        } else {
            u128::deserialize(from).map(CallId)
        }
    }
}

/// Something an agent must serve. A call's item has the call's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ItemId(pub CallId);

impl From<CallId> for ItemId {
    fn from(call: CallId) -> ItemId {
        ItemId(call)
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One party's side of a call; exactly one dialog and at most one media session behind it, under the same id.
/// The SIP room mints even ids (legs that arrive), the call room odd ones (legs that we dial), so neither asks the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LegId(pub u64);

impl LegId {
    /// The `n`-th leg that arrived.
    pub const fn arrived(n: u64) -> LegId {
        LegId(n * 2)
    }

    /// The `n`-th leg that we dialled.
    pub const fn dialled(n: u64) -> LegId {
        LegId(n * 2 + 1)
    }
}

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.0.is_multiple_of(2) { 'a' } else { 'b' }, self.0 / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_ids_order_by_time_and_survive_text() {
        let mut seeded = Seeded::new(7);
        let first = CallId::mint(Wall::from_secs(1), &mut seeded);
        let second = CallId::mint(Wall::from_secs(2), &mut seeded);
        assert!(first < second);
        assert_eq!(first.to_string().parse(), Ok(first));
        assert_eq!("zz".parse::<CallId>(), Err(CallIdError));
    }
}
