//! docs/reference/ami.md names the actions and events that there are, with the classes that they need, and no others.

use std::collections::{BTreeMap, BTreeSet};

use super::actions::TABLE;
use crate::shell::config::ami::Classes;

const PAGE: &str = include_str!("../../../docs/reference/ami.md");
/// What raises events, and what answers with lists.
const RAISES: [&str; 5] = [
    include_str!("exchange/legs.rs"),
    include_str!("exchange/originated.rs"),
    include_str!("exchange/people.rs"),
    include_str!("exchange/queues.rs"),
    include_str!("connection.rs"),
];
const LISTS: &str = include_str!("lists.rs");

/// A part of the page, from its heading to the next.
fn section(heading: &str) -> &'static str {
    let begin = format!("\n## {heading}\n");
    let (_, rest) = PAGE.split_once(&begin).unwrap_or_else(|| panic!("no {heading}"));
    rest.split("\n## ").next().unwrap_or_default()
}

#[test]
fn each_action_is_on_the_page_with_its_classes() {
    let rows = section("Actions").lines().filter(|line| line.starts_with("| ") && !line.starts_with("| action |"));
    let mut told: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in rows.filter(|row| !row.starts_with("| ---")) {
        let cells: Vec<&str> = row.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
        for action in cells[0].split(", ") {
            let classes = cells[1].split(", ").filter(|class| *class != "–").collect();
            assert!(told.insert(action, classes).is_none(), "{action} stands there twice");
        }
    }
    let classes = |classes: Classes| {
        let text = classes.to_string();
        text.split(',')
            .filter(|class| !class.is_empty() && *class != "<none>" && *class != "all")
            .map(str::to_owned)
            .collect::<BTreeSet<_>>()
    };
    let wanted: BTreeMap<&str, BTreeSet<String>> =
        TABLE.iter().map(|(name, _, class, _)| (*name, classes(*class))).collect();
    let told: BTreeMap<&str, BTreeSet<String>> =
        told.into_iter().map(|(name, of)| (name, of.into_iter().map(str::to_owned).collect())).collect();
    assert_eq!(told, wanted);
}

/// The names of events in a source: what stands in quotes behind these.
fn names(code: &'static str) -> impl Iterator<Item = &'static str> {
    let begins = [
        "Event::new(\"",
        "Block::item(\"",
        "list.add(\"",
        "list.end(\"",
        "tell_member(\"",
        "if held { \"",
        "\"Hold\" } else { \"",
    ];
    let behind = move |line: &'static str| {
        begins.into_iter().filter_map(move |begin| line.split_once(begin)?.1.split('"').next())
    };
    code.lines().flat_map(behind).filter(|name| name.starts_with(char::is_uppercase))
}

#[test]
fn each_event_is_on_the_page() {
    let events = section("Events")
        .split("\n\n")
        .find(|part| part.trim_start().starts_with("class `agent`:"))
        .expect("the classes");
    let told: BTreeSet<&str> = events
        .split([',', '.', ' ', '\n', ':', '`'])
        .filter(|word| word.len() > 3 && word.starts_with(char::is_uppercase) && *word != "Class")
        .collect();
    let raised: BTreeSet<&str> = RAISES.into_iter().flat_map(names).collect();
    assert_eq!(told, raised);
    // Items of lists have the names of what is listed, and are where the lists are told of.
    let listed: BTreeSet<&str> = names(LISTS).collect();
    assert!(listed.iter().all(|name| name.starts_with("Queue") || name.starts_with("CoreShowChannel")), "{listed:?}");
}
