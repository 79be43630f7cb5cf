//! Classes of events and actions: what a login may see and do.

use std::fmt;

/// A set of classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Classes(u32);

/// By name, in the order in which Asterisk writes them.
const NAMES: [(&str, Classes); 13] = [
    ("system", Classes(1)),
    ("call", Classes(1 << 1)),
    ("log", Classes(1 << 2)),
    ("verbose", Classes(1 << 3)),
    ("command", Classes(1 << 4)),
    ("agent", Classes(1 << 5)),
    ("user", Classes(1 << 6)),
    ("config", Classes(1 << 7)),
    ("dtmf", Classes(1 << 8)),
    ("reporting", Classes(1 << 9)),
    ("cdr", Classes(1 << 10)),
    ("dialplan", Classes(1 << 11)),
    ("originate", Classes(1 << 12)),
];

impl Classes {
    /// None: what anybody may who has logged in.
    pub const NONE: Classes = Classes(0);
    /// All.
    pub const ALL: Classes = Classes(0x7fff_ffff);
    /// The process.
    pub const SYSTEM: Classes = Classes(1);
    /// Calls and their legs.
    pub const CALL: Classes = Classes(1 << 1);
    /// Command lines.
    pub const COMMAND: Classes = Classes(1 << 4);
    /// Queues and agents.
    pub const AGENT: Classes = Classes(1 << 5);
    /// Figures of the process.
    pub const REPORTING: Classes = Classes(1 << 9);
    /// New calls.
    pub const ORIGINATE: Classes = Classes(1 << 12);

    /// One class by its name, or `all`.
    pub fn named(name: &str) -> Option<Classes> {
        match name {
            "all" => Some(Classes::ALL),
            name => NAMES.iter().find(|(of, _)| of.eq_ignore_ascii_case(name)).map(|(_, class)| *class),
        }
    }

    /// An event mask as clients write it: `on`, `off`, a number, or names with commas; none: it says nothing.
    pub fn mask(text: &str) -> Option<Classes> {
        let text = text.trim();
        let is = |words: [&str; 6]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
        if text.is_empty() {
            None
        } else if text.bytes().all(|b| b.is_ascii_digit()) {
            Some(text.parse().map_or(Classes::ALL, Classes))
        } else if is(["off", "no", "false", "n", "f", "none"]) {
            Some(Classes::NONE)
        } else if is(["on", "yes", "true", "y", "t", "all"]) {
            Some(Classes::ALL)
        } else {
            // A name that is none is no class, as there.
            let named = text.split(',').filter_map(|name| Classes::named(name.trim()));
            Some(named.fold(Classes::NONE, Classes::and))
        }
    }

    /// Both together.
    #[must_use]
    pub const fn and(self, other: Classes) -> Classes {
        Classes(self.0 | other.0)
    }

    /// All of `other` are among these.
    pub const fn has_all(self, other: Classes) -> bool {
        self.0 & other.0 == other.0
    }

    /// Any of `other` is among these, or `other` is none.
    pub const fn may(self, other: Classes) -> bool {
        other.0 == 0 || self.0 & other.0 != 0
    }

    /// None at all.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// As in `Privilege:`, which ends with `all`.
impl fmt::Display for Classes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_none() {
            return f.write_str("<none>");
        }
        for (name, class) in NAMES {
            if self.has_all(class) {
                write!(f, "{name},")?;
            }
        }
        f.write_str("all")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_read_as_clients_write_them() {
        for (text, mask) in [
            ("", None),
            ("on", Some(Classes::ALL)),
            ("ON", Some(Classes::ALL)),
            ("off", Some(Classes::NONE)),
            ("0", Some(Classes::NONE)),
            ("34", Some(Classes::CALL.and(Classes::AGENT))),
            ("99999999999", Some(Classes::ALL)),
            ("agent", Some(Classes::AGENT)),
            ("call, agent", Some(Classes::CALL.and(Classes::AGENT))),
            ("nonsense", Some(Classes::NONE)),
        ] {
            assert_eq!(Classes::mask(text), mask, "{text:?}");
        }
    }

    #[test]
    fn an_event_needs_all_of_its_classes_and_an_action_any() {
        let both = Classes::SYSTEM.and(Classes::CALL);
        assert!(Classes::ALL.has_all(both) && !Classes::CALL.has_all(both));
        assert!(Classes::CALL.may(both) && !Classes::AGENT.may(both) && Classes::NONE.may(Classes::NONE));
    }

    #[test]
    fn privileges_end_with_all() {
        assert_eq!(Classes::AGENT.to_string(), "agent,all");
        assert_eq!(Classes::SYSTEM.and(Classes::REPORTING).to_string(), "system,reporting,all");
        assert_eq!(Classes::NONE.to_string(), "<none>");
    }
}
