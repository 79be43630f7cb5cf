//! Menus, and the keys of waiting callers.

use std::collections::BTreeMap;
use std::time::Duration;

use turno_base::Name;
use turno_call::{Goal, Menu};

use crate::shell::config::section::Section;

const PROMPT_FORM: &str = "name a prompt of [prompts]";
const GOAL_FORM: &str = "write \"queue:NAME\", \"menu:NAME\", \"number:+34…\", \"prompt:NAME\" or \"hangup\"";
const SECOND: Duration = Duration::from_secs(1);

/// The menus below `menus`.
pub(super) fn menus(root: &Section<'_>) -> BTreeMap<Name, Menu> {
    let mut found = BTreeMap::new();
    for (name, section) in root.named("menus") {
        let menu = Menu {
            prompts: section.list("prompts", PROMPT_FORM),
            keys: keys(&section.section("keys"), GOAL_FORM, goal),
            wait: section.duration("wait", 5 * SECOND, SECOND..=60 * SECOND),
            times: section.integer("times", 2, 1..=10),
            otherwise: section.read("otherwise", GOAL_FORM, goal).unwrap_or(Goal::HangUp),
        };
        if menu.prompts.is_empty() {
            section.error("prompts", "names nothing to say");
        }
        if menu.keys.is_empty() {
            section.error("keys", "has no key; for example 1 = \"queue:general\"");
        }
        section.done();
        match name.parse() {
            Ok(name) => drop(found.insert(name, menu)),
            Err(error) => section.error("", format!("{name:?}: {error}")),
        }
    }
    found
}

/// Where a key leads.
pub(super) fn goal(text: &str) -> Option<Goal> {
    if text == "hangup" {
        return Some(Goal::HangUp);
    }
    let (kind, name) = text.split_once(':')?;
    Some(match kind {
        "queue" => Goal::Queue(name.parse().ok()?),
        "menu" => Goal::Menu(name.parse().ok()?),
        "prompt" => Goal::Prompt(name.parse().ok()?),
        "number" => {
            let digits = name.strip_prefix('+').unwrap_or(name);
            let fits = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
            Goal::Number(fits.then(|| name.to_owned())?)
        }
        _ => return None,
    })
}

/// `1 = "queue:general"`.
pub(super) fn keys<T>(section: &Section<'_>, form: &str, read: impl Fn(&str) -> Option<T>) -> BTreeMap<char, T> {
    let mut found = BTreeMap::new();
    for key in section.names() {
        let to = section.read(&key, form, &read);
        let mut letters = key.chars();
        match (letters.next().filter(|key| key.is_ascii_digit() || matches!(key, '*' | '#')), letters.next()) {
            (Some(key), None) => found.extend(to.map(|to| (key, to))),
            (_, _) => section.error(&key, "is no key; write 0 to 9, * or #"),
        }
    }
    section.done();
    found
}
