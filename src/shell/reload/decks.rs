//! Price books that the store holds: an import as a change of the live configuration, and what there is.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::json;
use turno_tariff::{Deck, VersionSummary};

use super::Reloader;
use super::change::{Planned, Refused};
use crate::shell::clock;
use crate::shell::live::decks::{self, DECK_BYTES_MAX, PREFIX, Texts};
use crate::shell::live::document::Document;
use crate::shell::live::edit::{self, Act, Edit, EditError};
use crate::shell::live::{How, Live};

/// A price book to import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// Of the deck.
    pub name: String,
    /// CSV or JSON.
    pub text: String,
    /// The text is the whole deck. Else its versions stand beside those that are there.
    pub whole: bool,
    /// Keys of `[tariff]` that name this deck from now on, such as `file` and `trunks.carrier.inbound`.
    pub uses: Vec<String>,
}

/// A deck as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeckView {
    /// Its name.
    pub name: String,
    /// Ids of its texts, oldest first.
    pub texts: Vec<String>,
    /// Its versions, the earliest first.
    pub versions: Vec<VersionSummary>,
    /// Keys of `[tariff]` that name it.
    pub used_by: Vec<String>,
    /// Why it cannot be used.
    pub broken: Option<String>,
}

/// What a deck is in the document.
const KIND: &str = "deck";
/// Where prices are said to be.
const TARIFF: &str = "tariff";

/// The document with the import in it, and the text that is to be kept.
pub(super) fn plan(live: &Live, import: &Import) -> Result<Planned, Refused> {
    if import.text.len() > DECK_BYTES_MAX {
        return Err(Refused::DeckTooLarge { bytes: import.text.len() });
    }
    let read = Deck::read(&import.text).map_err(Refused::Deck)?;
    let id = decks::id_of(&import.text);
    let mut ids = if import.whole { Vec::new() } else { texts_of(live.document(), &import.name) };
    let mut warnings = Vec::new();
    if ids.is_empty() && !read.is_in_force(clock::wall()) {
        warnings
            .push(format!("no version of deck {} is in force yet: calls that it is for have no price", import.name));
    }
    ids.retain(|other| *other != id);
    ids.push(id.clone());
    let put = Edit { kind: KIND.to_owned(), name: import.name.clone(), act: Act::Put(json!({"texts": ids})) };
    let mut document = edit::edited(live.document(), &put).map_err(Refused::Edit)?;
    if !import.uses.is_empty() {
        let set = import.uses.iter().map(|key| (key.clone(), format!("{PREFIX}{}", import.name))).collect();
        let set = Edit { kind: TARIFF.to_owned(), name: String::new(), act: Act::Set { set, unset: Vec::new() } };
        document = edit::edited(&document, &set).map_err(Refused::Edit)?;
    }
    Ok(Planned { document, source: None, how: How::Import, warnings, text: Some((id, import.text.clone())) })
}

/// Ids of the texts of a deck; none if there is no such deck.
fn texts_of(document: &Document, name: &str) -> Vec<String> {
    let object = edit::kind_of(KIND).ok().and_then(|kind| edit::object(document, kind, name));
    let texts = object.and_then(|object| object.get("texts")?.as_array());
    texts.into_iter().flatten().filter_map(|id| id.as_str().map(str::to_owned)).collect()
}

/// Keys below `value` that name this deck.
fn users(value: &toml::Value, name: &str, path: &str, out: &mut Vec<String>) {
    match value {
        toml::Value::String(text) if text.strip_prefix(PREFIX) == Some(name) => out.push(path.to_owned()),
        toml::Value::Table(table) => table.iter().for_each(|(key, value)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            users(value, name, &path, out);
        }),
        _ => {}
    }
}

impl Reloader {
    /// The revision in force and the decks that the store holds, by name.
    pub fn decks(&self) -> (u64, Vec<DeckView>) {
        let (revision, document) = self.live();
        let section = document.section("decks").and_then(toml::Value::as_table);
        let names = section.into_iter().flat_map(|table| table.keys());
        (revision, names.map(|name| self.deck_view(&document, name)).collect())
    }

    /// One of them.
    ///
    /// # Errors
    /// If there is none of this name.
    pub fn deck(&self, name: &str) -> Result<(u64, DeckView), Refused> {
        let (revision, document) = self.live();
        let unknown = || EditError::Unknown { what: KIND.to_owned(), name: name.to_owned() };
        let section = document.section("decks").and_then(toml::Value::as_table);
        section.filter(|table| table.contains_key(name)).ok_or_else(|| Refused::Edit(unknown()))?;
        Ok((revision, self.deck_view(&document, name)))
    }

    /// A text of a deck as it was imported; of none in particular: the last.
    ///
    /// # Errors
    /// If there is no such deck or text, or it cannot be read.
    pub fn deck_text(&self, name: &str, id: Option<&str>) -> Result<String, Refused> {
        let (_, view) = self.deck(name)?;
        let unknown =
            || EditError::Unknown { what: format!("text of {name}"), name: id.unwrap_or_default().to_owned() };
        let found = match id {
            Some(id) => view.texts.iter().find(|known| *known == id),
            None => view.texts.last(),
        };
        let found = found.ok_or_else(|| Refused::Edit(unknown()))?;
        Texts::new(&self.data_dir(), &Default::default()).text(found).map_err(Refused::DeckText)
    }

    fn deck_view(&self, document: &Document, name: &str) -> DeckView {
        let texts = texts_of(document, name);
        let mut used_by = Vec::new();
        if let Some(tariff) = document.section(TARIFF) {
            users(tariff, name, "", &mut used_by);
        }
        let deck = Texts::new(&self.data_dir(), &Default::default()).deck(&texts);
        let broken = deck.as_ref().err().map(ToString::to_string);
        let versions = deck.map(|deck| deck.versions().collect()).unwrap_or_default();
        DeckView { name: name.to_owned(), texts, versions, used_by, broken }
    }

    pub(super) fn data_dir(&self) -> PathBuf {
        let now = self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        now.node.data_dir.clone()
    }
}
