//! The `[decks]` and `[tariff]` sections: price books that the store holds, the one in force, and those that some trunks have of their own.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use turno_base::{Name, TrunkId};
use turno_tariff::guard::{LIMITS_MAX, Limit};
use turno_tariff::{Deck, Key, Price, Way};

use super::section::Section;
use crate::shell::live::decks::{PREFIX, TEXTS_MAX, Texts, is_id};

/// Decks by name; none: it is refused, and said to be.
type Kept = BTreeMap<String, Option<Deck>>;

/// Reads the price books. One that is refused names row, column and code, and leaves those in force as they are.
pub(super) fn tariff(root: &Section<'_>, dir: &Path, texts: &Texts<'_>, trunks: &[TrunkId]) -> Deck {
    let kept: Kept = root.named("decks").into_iter().map(|(name, section)| kept(name, &section, texts)).collect();
    let section = &root.section("tariff");
    let mut deck = book(section, "file", dir, &kept).unwrap_or_default();
    for (name, own) in section.named("trunks") {
        let books = [("inbound", Way::In), ("outbound", Way::Out)].map(|(key, way)| (way, book(&own, key, dir, &kept)));
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
    for limit in &limits {
        if let Some(odd) = deck.odd_currency(limit) {
            let name = limit.name;
            section.error(
                "limits",
                format!("{name} adds up costs of different currencies: trunk {odd} has a price book in another; give the limit a `trunk`"),
            );
        }
    }
    deck.set_limits(limits);
    section.done();
    deck
}

/// A deck that the store holds.
fn kept(name: String, section: &Section<'_>, texts: &Texts<'_>) -> (String, Option<Deck>) {
    let form = "the id of a text that `turno deck import` has kept";
    let ids = section.list_read("texts", form, |text| is_id(text).then(|| text.to_owned()));
    section.done();
    if let Err(error) = name.parse::<Name>() {
        section.error("", format!("{name:?} is no name: {error}"));
    }
    if ids.len() > TEXTS_MAX {
        section.error("texts", format!("at most {TEXTS_MAX} texts; import the deck as a whole (`--whole`)"));
        return (name, None);
    }
    let deck = texts.deck(&ids).map_err(|error| section.error("texts", error.to_string()));
    (name, deck.ok())
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

fn book(section: &Section<'_>, key: &str, dir: &Path, kept: &Kept) -> Option<Deck> {
    let named = section.text(key)?;
    if let Some(name) = named.strip_prefix(PREFIX) {
        let Some(deck) = kept.get(name) else {
            section.error(key, format!("there is no deck {name:?}; import it with `turno deck import {name} FILE`"));
            return None;
        };
        return deck.clone();
    }
    let path = dir.join(named);
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
