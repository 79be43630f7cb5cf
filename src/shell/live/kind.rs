//! Kinds of objects in the live document: the words of commands and paths, and where they are.

/// How the objects of a kind lie in their section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Tables by name: `[queues.averias]`.
    Named,
    /// `[[routes]]`, named by the number dialled and, behind an @, their trunk.
    Routes,
    /// The section is the only object.
    Whole,
}

/// A kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// In commands.
    pub word: &'static str,
    /// In the document and in paths.
    pub section: &'static str,
    /// How its objects lie there.
    pub shape: Shape,
}

const fn kind(word: &'static str, section: &'static str, shape: Shape) -> Kind {
    Kind { word, section, shape }
}

/// All there are, one for each section.
pub const KINDS: [Kind; 19] = [
    kind("account", "accounts", Shape::Named),
    kind("acd", "acd", Shape::Whole),
    kind("agent", "agents", Shape::Named),
    kind("calendar", "calendars", Shape::Named),
    kind("calls", "calls", Shape::Whole),
    kind("codes", "codes", Shape::Whole),
    kind("deck", "decks", Shape::Named),
    kind("disposition", "dispositions", Shape::Named),
    kind("extensions", "extensions", Shape::Whole),
    kind("mailbox", "mailboxes", Shape::Named),
    kind("menu", "menus", Shape::Named),
    kind("class", "outside", Shape::Named),
    kind("queue", "queues", Shape::Named),
    kind("reason", "reasons", Shape::Named),
    kind("route", "routes", Shape::Routes),
    kind("segment", "segments", Shape::Named),
    kind("skill", "skills", Shape::Named),
    kind("station", "stations", Shape::Named),
    kind("tariff", "tariff", Shape::Whole),
];

/// The kind by its word or its section.
pub fn named(text: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.word == text || kind.section == text)
}

/// The kind whose objects are in a section.
pub fn of_section(section: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.section == section)
}

/// What a route is called: its number and, behind an @, its trunk.
pub(super) fn route_name(route: &toml::Value) -> String {
    let text = |key: &str| match route.get(key) {
        Some(toml::Value::String(text)) => Some(text.clone()),
        Some(toml::Value::Integer(number)) => Some(number.to_string()),
        _ => None,
    };
    let dnis = text("dnis").unwrap_or_default();
    text("trunk").map_or_else(|| dnis.clone(), |trunk| format!("{dnis}@{trunk}"))
}
