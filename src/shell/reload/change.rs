//! Changes of the live configuration by command: planned on the document in force, checked as the whole that would result,
//! kept, and only then brought into the node.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::PoisonError;

use serde::{Deserialize, Serialize};
use turno_tariff::{Deck, DeckError};

use crate::shell::clock;
use crate::shell::config::source::{Held, Source};
use crate::shell::config::{self, Checked, Problem};
use crate::shell::live::archive::ArchiveError;
use crate::shell::live::decks::{self, Broken, DECK_BYTES_MAX};
use crate::shell::live::diff::{Change, diff};
use crate::shell::live::document::{DOCUMENT_BYTES_MAX, Document, KEPT, LIVE};
use crate::shell::live::edit::{self, Act, Edit, EditError};
use crate::shell::live::{self, By, How, Live, Revision};
use crate::shell::reload::decks::{Import, plan as plan_import};
use crate::shell::reload::{Changing, Reloader};

/// What is to change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Wanted {
    /// A text takes the place of the live sections.
    Apply {
        /// What the text is called in problems.
        name: String,
        /// TOML.
        text: String,
        /// What becomes of sections with objects that the text does not have.
        absent: Absent,
    },
    /// One object.
    Edit(Edit),
    /// A price book, kept by the store from now on.
    Import(Import),
    /// What this revision changed is taken back; later changes of other objects stay.
    Undo(u64),
}

impl Wanted {
    /// What it is called in the audit log, and what it is about.
    pub fn words(&self) -> (&'static str, String) {
        match self {
            Wanted::Apply { name, .. } => ("apply", name.clone()),
            Wanted::Edit(Edit { kind, name, act }) => {
                let what = match act {
                    Act::Add(_) => "config add",
                    Act::Set { .. } | Act::Patch(_) => "config set",
                    Act::Put(_) => "config put",
                    Act::Remove => "config remove",
                };
                (what, format!("{kind}/{name}"))
            }
            Wanted::Import(import) => ("deck import", format!("deck/{}", import.name)),
            Wanted::Undo(revision) => ("config undo", format!("revision/{revision}")),
        }
    }
}

/// What becomes of sections that an applied text does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Absent {
    /// The change is refused if there are any.
    #[default]
    Refuse,
    /// They stay as they are.
    Keep,
    /// They go.
    Remove,
}

/// By whom, and under which conditions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// An account of the machine, a token.
    pub who: String,
    /// In words.
    pub why: String,
    /// Nothing changes; what would is told.
    pub dry_run: bool,
    /// Refused if another revision than this is in force.
    pub expect: Option<u64>,
}

/// A change that was made, or would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// In force from now on; at a dry run, now.
    pub revision: u64,
    /// Nothing was changed.
    pub dry_run: bool,
    /// What is different.
    pub changes: Vec<Change>,
    /// What is odd about it.
    pub warnings: Vec<String>,
}

/// Why nothing was changed.
#[derive(Debug)]
pub enum Refused {
    /// Another revision is in force than was expected.
    Moved {
        /// That in force.
        revision: u64,
    },
    /// The edit is none.
    Edit(EditError),
    /// There is no such revision, or it is no longer kept.
    Revision(u64),
    /// What the revision changed has been changed again.
    ChangedSince {
        /// Those objects.
        objects: Vec<String>,
    },
    /// The text does not say what becomes of these sections.
    Absent {
        /// Their names.
        sections: Vec<String>,
    },
    /// The document would be too large.
    TooLarge {
        /// Its size in bytes.
        bytes: usize,
    },
    /// What would result does not fit.
    Problems(Vec<Problem>),
    /// The price book is refused: its faults, by row.
    Deck(Vec<DeckError>),
    /// The price book is too large.
    DeckTooLarge {
        /// Its size in bytes.
        bytes: usize,
    },
    /// A text of a price book cannot be read.
    DeckText(Broken),
    /// The text of a price book cannot be kept, so nothing is changed.
    DeckUnkept {
        /// Of the data folder.
        dir: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It cannot be kept, so it is not done.
    Unkept(ArchiveError),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Moved { revision } => {
                write!(f, "revision {revision} is in force by now; look at what changed and say it again")
            }
            Refused::Edit(error) => error.fmt(f),
            Refused::Revision(revision) => write!(f, "there is no revision {revision}, or it is no longer kept"),
            Refused::ChangedSince { objects } => {
                write!(
                    f,
                    "changed again since then: {}; set them by hand, or undo the later change first",
                    objects.join(", ")
                )
            }
            Refused::Absent { sections } => write!(
                f,
                "the file has no {}, of which there are objects in force; say `--absent keep` to leave them as they are, or \
                 `--absent remove`",
                sections.join(", ")
            ),
            Refused::TooLarge { bytes } => {
                write!(f, "the live configuration would have {bytes} bytes; at most {DOCUMENT_BYTES_MAX} are taken")
            }
            Refused::Problems(problems) => {
                let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            Refused::Deck(faults) => {
                let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))?;
                if faults.len() >= Deck::FAULTS_MAX {
                    write!(f, "\nmaybe more: only so many are named")
                } else {
                    Ok(())
                }
            }
            Refused::DeckTooLarge { bytes } => {
                write!(f, "the price book has {bytes} bytes; at most {DECK_BYTES_MAX} are taken")
            }
            Refused::DeckText(error) => error.fmt(f),
            Refused::DeckUnkept { dir, error } => {
                write!(f, "the price book cannot be kept in {}, so nothing is changed: {error}", dir.display())
            }
            Refused::Unkept(error) => write!(f, "the change cannot be kept, so it is not made: {error}"),
        }
    }
}

impl std::error::Error for Refused {}

impl Reloader {
    /// Changes the live configuration, whole or not at all.
    pub fn change(&self, wanted: &Wanted, asked: &Asked) -> Result<Done, Refused> {
        let mut changing = self.changing();
        let changing = &mut *changing;
        let live = &changing.live;
        if let Some(expected) = asked.expect
            && expected != live.revision()
        {
            return Err(Refused::Moved { revision: live.revision() });
        }
        let Planned { mut document, source, how, mut warnings, text } = plan(live, wanted)?;
        let missing = document.unmask(live.document());
        if !missing.is_empty() {
            return Err(Refused::Problems(unknown_secrets(source.as_ref(), &missing)));
        }
        let bytes = document.text().len();
        if bytes > DOCUMENT_BYTES_MAX {
            return Err(Refused::TooLarge { bytes });
        }
        let checked = self.check(changing, &document, source, text.as_ref());
        let Some(mut settings) = checked.settings else {
            return Err(Refused::Problems(checked.problems));
        };
        let is_of_files = |problem: &Problem| changing.has_file(&problem.file);
        let odd = checked.problems.iter().filter(|problem| is_live(&problem.key) && !is_of_files(problem));
        warnings.extend(odd.map(ToString::to_string));
        if changing.live.held().is_none() {
            let when = if asked.dry_run { "once a change is made" } else { "from now on" };
            warnings.push(format!(
                "{when} the store holds the live sections: what the files say of them is not read any more, and \
                 `turno export` writes them"
            ));
        }
        let live = &mut changing.live;
        let changes = diff(live.document(), &document);
        if asked.dry_run {
            return Ok(Done { revision: live.revision(), dry_run: true, changes, warnings });
        }
        let data_dir = settings.node.data_dir.clone();
        if let Some((id, text)) = &text {
            // Before the revision that names it.
            let unkept = |error| Refused::DeckUnkept { dir: data_dir.clone(), error };
            decks::keep(&data_dir, id, text).map_err(unkept)?;
        }
        let by = By { who: asked.who.clone(), how, why: asked.why.clone() };
        let fingerprint = live::fingerprint(&settings.engine);
        let before = live.revision();
        let revision = live.note(&by, clock::wall(), &document, &fingerprint).map_err(Refused::Unkept)?;
        if revision > before {
            settings.engine.revision = revision;
            // What waits for a start was said when the files were read.
            self.install(settings, &mut Vec::new());
        }
        if text.is_some() {
            // What cannot be looked up counts as named: nothing is lost by a text too many.
            let named = |id: &str| changing.live.mentions(id).unwrap_or(true);
            if let Err(error) = decks::forget(&data_dir, named) {
                tracing::warn!(%error, "texts of price books that no revision names cannot be removed");
            }
        }
        Ok(Done { revision, dry_run: false, changes, warnings })
    }

    fn check(
        &self,
        changing: &Changing,
        document: &Document,
        source: Option<Source>,
        text: Option<&(String, String)>,
    ) -> Checked {
        let Some(files) = &changing.files else {
            let sentence = "this node was started without a file, so that nothing can be checked".to_owned();
            return Checked { settings: None, problems: vec![Problem::error("", 0, "", sentence)] };
        };
        let mut sources = files.clone();
        let since = changing.live.would_hold_since();
        sources.held = Some(Held { document: document.clone(), source, since });
        sources.decks.extend(text.cloned());
        config::check(&sources, None)
    }

    /// The revision in force and the live sections.
    pub fn live(&self) -> (u64, Document) {
        // Not behind a change that is being checked.
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        (now.engine.revision, now.document.clone())
    }

    /// The last revisions, the youngest first.
    pub fn revisions(&self, last: u32) -> Result<Vec<Revision>, Refused> {
        self.changing().live.log(last).map_err(Refused::Unkept)
    }

    /// A revision, and the live sections as of then if they are still kept.
    pub fn revision(&self, number: u64) -> Result<(Revision, Option<Document>), Refused> {
        let changing = self.changing();
        let entry = changing.live.entry(number).map_err(Refused::Unkept)?.ok_or(Refused::Revision(number))?;
        let document = changing.live.as_of(number).map_err(Refused::Unkept)?;
        Ok((entry, document))
    }
}

fn is_live(key: &str) -> bool {
    LIVE.contains(&key.split(['.', '[']).next().unwrap_or_default())
}

/// A change before it is checked.
pub(super) struct Planned {
    pub(super) document: Document,
    pub(super) source: Option<Source>,
    pub(super) how: How,
    pub(super) warnings: Vec<String>,
    /// Of a price book: its id, and itself.
    pub(super) text: Option<(String, String)>,
}

fn plan(live: &Live, wanted: &Wanted) -> Result<Planned, Refused> {
    match wanted {
        Wanted::Apply { name, text, absent } => applied(live.document(), name, text, *absent),
        Wanted::Edit(edit) => {
            let document = edit::edited(live.document(), edit).map_err(Refused::Edit)?;
            Ok(Planned { document, source: None, how: How::Edit, warnings: Vec::new(), text: None })
        }
        Wanted::Import(import) => plan_import(live, import),
        Wanted::Undo(revision) => {
            let document = undone(live, *revision)?;
            Ok(Planned { document, source: None, how: How::Undo, warnings: Vec::new(), text: None })
        }
    }
}

fn applied(before: &Document, name: &str, text: &str, absent: Absent) -> Result<Planned, Refused> {
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(Refused::TooLarge { bytes: text.len() });
    }
    let source = Source { name: name.to_owned(), text: text.to_owned() };
    let Ok((given, others)) = Document::parse(text) else {
        let sources = config::source::Sources::text(name, text, std::path::Path::new("."));
        return Err(Refused::Problems(config::check(&sources, None).problems));
    };
    let lacks = |section: &&str| given.section(section).is_none();
    let lacking: Vec<String> = before.sections().filter(lacks).map(str::to_owned).collect();
    let document = match absent {
        Absent::Refuse if !lacking.is_empty() => {
            let sections = lacking.iter().map(|section| format!("[{section}]")).collect();
            return Err(Refused::Absent { sections });
        }
        Absent::Refuse | Absent::Keep => before.clone().with(given),
        Absent::Remove => Document::default().with(given),
    };
    let static_ones = others.iter().map(|section| {
        let sentence = "is not taken: it belongs to the node's own file".to_owned();
        Problem { warning: true, ..Problem::error(name, 0, section, sentence) }.to_string()
    });
    Ok(Planned { document, how: How::Apply, warnings: static_ones.collect(), source: Some(source), text: None })
}

/// The document without what a revision changed.
fn undone(live: &Live, revision: u64) -> Result<Document, Refused> {
    let as_of = |revision: u64| match revision {
        0 => Ok(Document::default()),
        revision => live.as_of(revision).map_err(Refused::Unkept)?.ok_or(Refused::Revision(revision)),
    };
    let after = as_of(revision)?;
    let before = as_of(revision.saturating_sub(1))?;
    if revision == 0 {
        return Err(Refused::Revision(0));
    }
    let mut document = live.document().clone();
    let mut changed_since = Vec::new();
    for change in diff(&before, &after) {
        let Some((kind, name)) = edit::place_of(&change.object) else { continue };
        let now = edit::object(live.document(), kind, name);
        if now != edit::object(&after, kind, name) {
            changed_since.push(change.object);
            continue;
        }
        edit::put(&mut document, kind, name, edit::object(&before, kind, name).cloned());
    }
    match changed_since.is_empty() {
        true => Ok(document.changed()),
        false => Err(Refused::ChangedSince { objects: changed_since }),
    }
}

fn unknown_secrets(source: Option<&Source>, missing: &[String]) -> Vec<Problem> {
    let file = source.map_or(config::source::HELD, |source| source.name.as_str());
    let problem = |key: &String| {
        let sentence = format!("is {KEPT:?}, and there is none to keep; write it, or export it with --secrets");
        Problem::error(file, 0, key, sentence)
    };
    missing.iter().map(problem).collect()
}
