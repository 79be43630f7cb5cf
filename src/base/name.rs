//! [`Name`]: what an operator calls a thing (queue, agent, skill, trunk): short, inline, copied freely.
//!
//! Ids are names, not table indexes, so that a reload, a journal, a transcript and a dashboard speak of the same thing.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// 1 to [`Name::LEN_MAX`] bytes of `a-z 0-9 - _ .`, beginning with a letter or digit.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name {
    // Zero-padded, so that their order is the order of the text.
    bytes: [u8; Name::LEN_MAX],
}

/// Why a text is not a [`Name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// Nothing there.
    Empty,
    /// Longer than [`Name::LEN_MAX`] bytes.
    TooLong,
    /// A byte outside `a-z 0-9 - _ .`, or a first one that is not a letter or digit.
    BadByte {
        /// Its offset.
        at: usize,
    },
}

impl Name {
    /// Longest name, in bytes.
    pub const LEN_MAX: usize = 24;

    /// Parses a name.
    pub fn new(text: &str) -> Result<Name, NameError> {
        let given = text.as_bytes();
        if given.is_empty() {
            return Err(NameError::Empty);
        }
        let mut bytes = [0; Name::LEN_MAX];
        let Some(room) = bytes.get_mut(..given.len()) else { return Err(NameError::TooLong) };
        for (at, (to, &from)) in room.iter_mut().zip(given).enumerate() {
            let word = from.is_ascii_lowercase() || from.is_ascii_digit();
            if !(word || at > 0 && matches!(from, b'-' | b'_' | b'.')) {
                return Err(NameError::BadByte { at });
            }
            *to = from;
        }
        Ok(Name { bytes })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        let len = self.bytes.iter().position(|&b| b == 0).unwrap_or(Name::LEN_MAX);
        // Only ASCII gets in, so the prefix is always valid UTF-8.
        std::str::from_utf8(&self.bytes[..len]).unwrap_or("")
    }
}

impl Ord for Name {
    /// The order of the text, eight bytes a step: names are the keys of nearly every table.
    fn cmp(&self, other: &Name) -> Ordering {
        let words = |name: &Name| {
            let (words, _) = name.bytes.as_chunks::<8>();
            [0, 1, 2].map(|at| words.get(at).map_or(0, |word| u64::from_be_bytes(*word)))
        };
        words(self).cmp(&words(other))
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Name) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for Name {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Name, NameError> {
        Name::new(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameError::Empty => write!(f, "a name is empty"),
            NameError::TooLong => write!(f, "a name is longer than {} bytes", Name::LEN_MAX),
            NameError::BadByte { at } => {
                write!(
                    f,
                    "a name takes a-z, 0-9, '-', '_' and '.', and begins with a letter or digit (byte {at} differs)"
                )
            }
        }
    }
}

impl std::error::Error for NameError {}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Name, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Name;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name of a-z, 0-9, '-', '_', '.'")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Name, E> {
                Name::new(text).map_err(|e| E::custom(format_args!("{text:?}: {e}")))
            }
        }
        from.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_keep_their_text_and_its_order() {
        let mut names: Vec<Name> =
            ["ventas", "a", "averias", "soporte-vip"].iter().map(|t| Name::new(t).unwrap()).collect();
        names.sort();
        assert_eq!(format!("{names:?}"), "[a, averias, soporte-vip, ventas]");
    }

    proptest! {
        #[test]
        fn two_names_are_in_the_order_of_their_texts(a in "a{1,12}[ab0.-]{0,12}", b in "a{1,12}[ab0.-]{0,12}") {
            let (one, other) = (Name::new(&a).unwrap(), Name::new(&b).unwrap());
            prop_assert_eq!(one.cmp(&other), a.cmp(&b));
        }
    }

    #[test]
    fn what_is_not_a_name_is_refused_with_the_place() {
        for (text, error) in [
            ("", NameError::Empty),
            ("Ventas", NameError::BadByte { at: 0 }),
            ("-x", NameError::BadByte { at: 0 }),
            ("a b", NameError::BadByte { at: 1 }),
            ("ñ", NameError::BadByte { at: 0 }),
            ("aaaaaaaaaaaaaaaaaaaaaaaaa", NameError::TooLong),
        ] {
            assert_eq!(Name::new(text), Err(error), "{text}");
        }
    }
}
