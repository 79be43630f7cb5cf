//! What a reload is told as: which parts of the configuration are different, for whoever asked and for the audit log.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use toml::{Table, Value};

use crate::shell::audit::Deed;
use crate::shell::config::Problem;
use crate::shell::config::source::Sources;
use crate::shell::live::diff::diff;
use crate::shell::live::document::{Document, LIVE};

/// A configuration that was read again and is in force.
#[derive(Debug, Default)]
pub struct Reloaded {
    /// Its revision before.
    pub before: u64,
    /// Its revision; the same if nothing that decides about calls is different.
    pub revision: u64,
    /// What is different: objects such as `queues.averias`, and sections of the node's own such as `http`. Not what a file
    /// holds that is only named there, as a certificate or a price book.
    pub changed: Vec<String>,
    /// What is odd about it, and what waits for the next start.
    pub warnings: Vec<Problem>,
}

/// For the audit log.
pub fn deed(reloaded: &Result<Reloaded, Vec<Problem>>) -> Deed {
    let deed = Deed { what: "reload".to_owned(), about: "config".to_owned(), ..Deed::default() };
    match reloaded {
        Ok(Reloaded { before, revision, changed, warnings: _ }) => Deed {
            more: changed.join(", "),
            before: Some(json!({"revision": before})),
            after: Some(json!({"revision": revision})),
            ..deed
        },
        Err(problems) => {
            let why: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Deed { refused: Some(why.join("; ")), ..deed }
        }
    }
}

/// What is different between two readings: live objects, then static sections by name.
pub(super) fn changed(live: (&Document, &Document), files: (Option<&Sources>, &Sources)) -> Vec<String> {
    let objects = diff(live.0, live.1).into_iter().map(|change| change.object);
    let (before, after) = (files.0.map(statics).unwrap_or_default(), statics(files.1));
    let sections: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differ = sections.into_iter().filter(|section| before.get(*section) != after.get(*section));
    objects.chain(differ.cloned()).collect()
}

/// The sections that are not live, as each file has them.
fn statics(sources: &Sources) -> BTreeMap<String, Vec<Value>> {
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for source in &sources.files {
        // A text that is none was refused before it came here.
        let table: Table = source.text.parse().unwrap_or_default();
        for (section, value) in table.into_iter().filter(|(section, _)| !LIVE.contains(&section.as_str())) {
            found.entry(section).or_default().push(value);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_is_different_is_named_by_object_and_by_section() {
        let read = |text: &str| {
            let sources = Sources::text("turno.toml", text, Path::new("."));
            (Document::parse(text).unwrap().0, sources)
        };
        let (was, old) = read(
            "[http]\nlisten = \"127.0.0.1:1\"\n[log]\nlevel = \"info\"\n[queues.a]\nwrap_up = \"5s\"\n[queues.b]\nwrap_up = \"5s\"\n",
        );
        for (text, expected) in [
            // Comments, order and layout say nothing.
            (
                "# x\n[queues]\nb = { wrap_up = \"5s\" }\na.wrap_up = \"5s\"\n[log]\nlevel = \"info\"\n[http]\nlisten = \"127.0.0.1:1\"\n",
                "",
            ),
            (
                "[http]\nlisten = \"127.0.0.1:2\"\n[queues.a]\nwrap_up = \"6s\"\n[ami]\n",
                "queues.a, queues.b, ami, http, log",
            ),
        ] {
            let (is, new) = read(text);
            assert_eq!(changed((&was, &is), (Some(&old), &new)).join(", "), expected, "{text}");
        }
    }

    #[test]
    fn a_reload_that_was_refused_says_why() {
        let refused = Err(vec![Problem::error("turno.toml", 3, "http.listen", "is no address".to_owned())]);
        let told = deed(&refused);
        assert!(told.refused.as_deref().is_some_and(|why| why.contains("http.listen")), "{told:?}");
        assert_eq!((told.before, told.after), (None, None));
    }
}
