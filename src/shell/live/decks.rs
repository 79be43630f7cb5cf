//! Price books that the store holds. The live document names the texts of each (`[decks.NAME]`), oldest first; the texts, as they were
//! imported, lie in a folder of the data folder, one file each, named by what is in them. So a revision names its prices exactly, and
//! taking a change back needs nothing that is not there.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use turno_tariff::{Deck, DeckError, Differs};

/// Folder of the texts, below the data folder.
pub const FOLDER: &str = "decks";
/// Largest text; a larger one is refused.
pub const DECK_BYTES_MAX: usize = 32 << 20;
/// Most texts of one deck; then it is imported as a whole.
pub const TEXTS_MAX: usize = 100;
/// Before the name of a deck where a file may stand.
pub const PREFIX: &str = "deck:";

/// Digits of an id.
const ID_LEN: usize = 32;

/// What a text is called: the beginning of its SHA-256.
pub fn id_of(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(ID_LEN / 2).map(|byte| format!("{byte:02x}")).collect()
}

/// Whether it could be the name of a text: nothing else becomes part of a path.
pub fn is_id(text: &str) -> bool {
    text.len() == ID_LEN && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Why a deck cannot be put together.
#[derive(Debug)]
pub enum Broken {
    /// A text is not there, or not to be read.
    Unread {
        /// Its id.
        id: String,
        /// Why.
        error: io::Error,
    },
    /// A text is not what its name says.
    Damaged {
        /// Its id.
        id: String,
    },
    /// A text is refused.
    Refused {
        /// Its id.
        id: String,
        /// The first fault.
        error: DeckError,
    },
    /// Texts do not go together.
    Differs {
        /// Id of the later one.
        id: String,
        /// In what.
        error: Differs,
    },
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Unread { id, error } => {
                write!(f, "text {id} is not kept here ({error}); import it with `turno deck import`")
            }
            Broken::Damaged { id } => {
                write!(f, "text {id} is damaged; bring it back from a backup, or import it again")
            }
            Broken::Refused { id, error } => write!(f, "text {id}: {error}"),
            Broken::Differs { id, error } => {
                write!(f, "text {id}: {error}; import it as the whole deck (`--whole`)")
            }
        }
    }
}

impl std::error::Error for Broken {}

/// Where texts are read from.
#[derive(Clone, Debug)]
pub struct Texts<'a> {
    dir: PathBuf,
    /// About to be kept, by their ids.
    coming: &'a BTreeMap<String, String>,
}

impl<'a> Texts<'a> {
    /// Those of a data folder, and those that are about to be kept there.
    pub fn new(data_dir: &Path, coming: &'a BTreeMap<String, String>) -> Texts<'a> {
        Texts { dir: data_dir.join(FOLDER), coming }
    }

    /// A text.
    ///
    /// # Errors
    /// If it is not there, or damaged.
    pub fn text(&self, id: &str) -> Result<String, Broken> {
        if let Some(text) = self.coming.get(id) {
            return Ok(text.clone());
        }
        let unread = |error| Broken::Unread { id: id.to_owned(), error };
        if !is_id(id) {
            return Err(unread(io::Error::from(io::ErrorKind::InvalidInput)));
        }
        let text = fs::read_to_string(self.dir.join(id)).map_err(unread)?;
        if id_of(&text) == id { Ok(text) } else { Err(Broken::Damaged { id: id.to_owned() }) }
    }

    /// The deck of these texts, oldest first: a version of a later one takes the place of an earlier one's of its date and revision.
    ///
    /// # Errors
    /// The first text that does not fit.
    pub fn deck(&self, ids: &[String]) -> Result<Deck, Broken> {
        let mut deck = Deck::default();
        for id in ids {
            let refused = |error| Broken::Refused { id: id.clone(), error };
            let next = Deck::parse(&self.text(id)?).map_err(refused)?;
            deck = deck.with_versions(next).map_err(|error| Broken::Differs { id: id.clone(), error })?;
        }
        Ok(deck)
    }
}

/// Keeps a text; durable when this returns.
///
/// # Errors
/// If it cannot be written; nothing that was kept is different then.
pub fn keep(data_dir: &Path, id: &str, text: &str) -> io::Result<()> {
    let dir = data_dir.join(FOLDER);
    fs::create_dir_all(&dir)?;
    let path = dir.join(id);
    if fs::read_to_string(&path).is_ok_and(|kept| kept == text) {
        return Ok(());
    }
    let part = dir.join(format!("{id}.part"));
    let mut file = File::create(&part)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&part, &path)?;
    File::open(&dir)?.sync_all()
}

/// Removes the texts that no kept revision names, and what an import left that did not end. Gives how many went.
pub fn forget(data_dir: &Path, mut is_named: impl FnMut(&str) -> bool) -> io::Result<usize> {
    let mut gone = 0;
    for entry in fs::read_dir(data_dir.join(FOLDER))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.strip_suffix(".part").is_some_and(is_id) || is_id(name) && !is_named(name) {
            fs::remove_file(&path)?;
            gone += 1;
        }
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::store::tests::Dir;

    fn book(from: &str, price: &str) -> String {
        format!("valid_from,payer,b,rate,per_minute\n{from},company,34,any,{price}\n")
    }

    #[test]
    fn a_text_is_kept_by_what_is_in_it_and_a_damaged_one_is_said_to_be() {
        let dir = Dir::new("decks");
        let (first, second) = (book("2026-01-01", "0.10"), book("2027-01-01", "0.12"));
        let (a, b) = (id_of(&first), id_of(&second));
        keep(&dir.0, &a, &first).unwrap();
        keep(&dir.0, &a, &first).unwrap();
        let coming = BTreeMap::from([(b.clone(), second)]);
        let texts = Texts::new(&dir.0, &coming);
        assert_eq!(texts.deck(&[a.clone(), b.clone()]).unwrap().versions().count(), 2);
        let nothing = BTreeMap::new();
        let kept = Texts::new(&dir.0, &nothing);
        assert!(matches!(kept.deck(std::slice::from_ref(&b)), Err(Broken::Unread { id, .. }) if id == b));
        assert!(matches!(kept.text("../identity"), Err(Broken::Unread { .. })), "no path from a document");
        fs::write(dir.0.join(FOLDER).join(&a), book("2026-01-01", "0.01")).unwrap();
        assert!(matches!(kept.text(&a), Err(Broken::Damaged { .. })));
        keep(&dir.0, &a, &first).unwrap();
        assert_eq!(kept.text(&a).unwrap(), first, "imported again, it is whole again");
    }

    #[test]
    fn what_no_revision_names_goes_and_all_else_stays() {
        let dir = Dir::new("decks-forget");
        let texts = [book("2026-01-01", "0.10"), book("2026-01-01", "0.11")];
        let ids = texts.each_ref().map(|text| id_of(text));
        for (id, text) in ids.iter().zip(&texts) {
            keep(&dir.0, id, text).unwrap();
        }
        let folder = dir.0.join(FOLDER);
        fs::write(folder.join(format!("{}.part", ids[0])), "half").unwrap();
        fs::write(folder.join("notes"), "somebody's").unwrap();
        assert_eq!(forget(&dir.0, |id| id == ids[1]).unwrap(), 2);
        let nothing = BTreeMap::new();
        let kept = Texts::new(&dir.0, &nothing);
        assert!(kept.text(&ids[1]).is_ok() && kept.text(&ids[0]).is_err() && folder.join("notes").exists());
    }
}
