//! The `[tariff]` section: the price book, and those that some trunks have of their own.

use std::path::Path;
use std::time::Duration;

use turno_base::{Name, TrunkId};
use turno_tariff::guard::{LIMITS_MAX, Limit};
use turno_tariff::{Deck, Key, Price, Way};

use super::section::Section;

/// Reads the price books. One that is refused names row, column and code, and leaves those in force as they are.
pub(super) fn tariff(section: &Section<'_>, dir: &Path, trunks: &[TrunkId]) -> Deck {
    let mut deck = book(section, "file", dir).unwrap_or_default();
    for (name, own) in section.named("trunks") {
        let books = [("inbound", Way::In), ("outbound", Way::Out)].map(|(key, way)| (way, book(&own, key, dir)));
        match name.parse::<TrunkId>().ok().filter(|trunk| trunks.contains(trunk)) {
            Some(trunk) => {
                for (way, book) in books {
                    if let Some(book) = book {
                        deck.set_trunk(trunk, way, book);
                    }
                }
            }
            None => section.error("trunks", format!("there is no trunk {name:?}")),
        }
        own.done();
    }
    let limits: Vec<Limit> =
        section.named("limits").iter().filter_map(|(name, section)| limit(name, section, trunks)).collect();
    if limits.len() > LIMITS_MAX {
        section.error("limits", format!("at most {LIMITS_MAX} limits"));
    }
    deck.set_limits(limits);
    section.done();
    deck
}

fn limit(name: &str, section: &Section<'_>, trunks: &[TrunkId]) -> Option<Limit> {
    const AMOUNT: &str = "an amount in the price book's currency such as \"20.00\"";
    let trunk = section.parsed::<TrunkId>("trunk", "the name of a trunk");
    if let Some(unknown) = trunk.filter(|trunk| !trunks.contains(trunk)) {
        section.error("trunk", format!("there is no trunk {unknown:?}"));
    }
    let digits = |text: &str| Key::new(text.trim_start_matches('+')).filter(|key| !key.is_empty());
    let longest = section.duration("call_longest", Duration::ZERO, Duration::ZERO..=Duration::from_secs(7 * 86_400));
    let has_calls = section.has("hour_calls_max");
    let calls = section.integer("hour_calls_max", 0, 0..=1_000_000);
    let limit = Limit {
        name: name.parse::<Name>().map_err(|error| section.error("", format!("{name:?} is no name: {error}"))).ok()?,
        trunk,
        numbers: section.list_read("numbers", "what numbers begin with, country code first", digits),
        call_cost_max: section.read("call_cost_max", AMOUNT, Price::fee),
        hour_cost_max: section.read("hour_cost_max", AMOUNT, Price::fee),
        hour_calls_max: has_calls.then_some(calls),
        call_longest: (longest > Duration::ZERO).then_some(longest),
    };
    section.done();
    Some(limit)
}

fn book(section: &Section<'_>, key: &str, dir: &Path) -> Option<Deck> {
    let path = dir.join(section.text(key)?);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            section.error(key, format!("{} cannot be read: {error}", path.display()));
            return None;
        }
    };
    match Deck::parse(&text) {
        Ok(deck) => Some(deck),
        Err(error) => {
            section.error(key, format!("{}: {error}", path.display()));
            None
        }
    }
}
