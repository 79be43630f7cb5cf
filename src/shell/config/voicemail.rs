//! Mailboxes, and where their messages are kept.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use turno_base::Name;
use turno_call::Mailbox;

use crate::shell::config::section::Section;
use crate::shell::voicemail::VoicemailSettings;

const PROMPT_FORM: &str = "name a prompt of [prompts]";
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);
const GIB: u64 = 1 << 30;

/// The store of messages.
pub(super) fn voicemail(section: &Section<'_>, dir: &Path, data_dir: &Path) -> VoicemailSettings {
    let settings = VoicemailSettings {
        dir: section.text("dir").map_or_else(|| data_dir.join("voicemail"), |path| dir.join(path)),
        messages_max: section.integer("messages_max", 10_000, 1..=1_000_000),
        bytes_max: section.bytes("bytes_max", GIB, 1_000_000..=1024 * GIB),
        keep_for: section.duration("keep_for", 30 * DAY, SECOND..=3650 * DAY),
    };
    section.done();
    settings
}

/// The mailboxes below `mailboxes`.
pub(super) fn mailboxes(root: &Section<'_>) -> BTreeMap<Name, Mailbox> {
    let mut found = BTreeMap::new();
    for (name, section) in root.named("mailboxes") {
        let mailbox = Mailbox {
            prompts: section.list("prompts", PROMPT_FORM),
            longest: section.duration("longest", 120 * SECOND, SECOND..=600 * SECOND),
            silence: section.duration("silence", 6 * SECOND, SECOND..=60 * SECOND),
            least: section.duration("least", 2 * SECOND, Duration::ZERO..=60 * SECOND),
        };
        if mailbox.prompts.is_empty() {
            section.error("prompts", "names nothing to say; best a sentence, then a tone");
        }
        section.done();
        match name.parse() {
            Ok(name) => drop(found.insert(name, mailbox)),
            Err(error) => section.error("", format!("{name:?}: {error}")),
        }
    }
    found
}
