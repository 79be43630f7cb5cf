//! The house keeps its own rules: who imports whom, words that are banned, a doc on every module, no hub growing unseen.

use std::fs;
use std::path::{Path, PathBuf};

/// Which crates a room may name. The compiler holds the same through Cargo.toml; this table is the reason it may.
const IMPORTS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("sip", &["turno_base"]),
    ("media", &["turno_base"]),
    ("call", &["turno_base"]),
    ("acd", &["turno_base"]),
    ("customers", &["turno_base"]),
    ("tariff", &["turno_base"]),
    ("report", &["turno_base"]),
    ("sim", &["turno_base", "turno_acd", "turno_report"]),
    (
        "engine",
        &[
            "turno_base",
            "turno_sip",
            "turno_media",
            "turno_call",
            "turno_acd",
            "turno_customers",
            "turno_tariff",
            "turno_report",
        ],
    ),
];

/// Which parts of the application a part of it may name. All of it is one crate: nothing but this table holds it.
const APPLICATION: &[(&str, &[&str])] = &[
    ("shell", &[]),
    ("compat", &["shell"]),
    ("api", &["shell"]),
    ("node", &["api", "compat", "shell"]),
    ("demo", &["node", "shell"]),
    ("cli", &["api", "demo", "node", "shell"]),
];

/// Words that mislead in this field, with what to write (glossary).
const BANNED: &[(&str, &str)] = &[
    ("TODO", "a condition under which it matters, or nothing"),
    ("FIXME", "a fix"),
    ("Manager", "what it does"),
    ("Helper", "what it does"),
    ("billsec", "talk_s or billed_s (outside the Asterisk format)"),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(under: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(under).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            if !path.ends_with("target") && !path.ends_with("node_modules") {
                sources(&path, found);
            }
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    sources(&root().join("src"), &mut found);
    found
        .into_iter()
        .map(|p| (p.strip_prefix(root()).unwrap().to_path_buf(), fs::read_to_string(&p).unwrap()))
        .collect()
}

#[test]
fn rooms_import_only_what_lies_to_their_right() {
    let mut wrong = Vec::new();
    for (path, text) in all_sources() {
        let room = path.components().nth(1).unwrap().as_os_str().to_string_lossy().into_owned();
        let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == room) else { continue };
        for (at, line) in text.lines().enumerate() {
            for (start, _) in line.match_indices("turno_") {
                let word: String =
                    line[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                let own = word == format!("turno_{room}");
                let known = IMPORTS.iter().any(|(name, _)| word == format!("turno_{name}"));
                if known && !own && !allowed.contains(&word.as_str()) {
                    wrong.push(format!("{}:{} names {word}", path.display(), at + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "imports against ARCHITECTURE.md:\n{}", wrong.join("\n"));
}

#[test]
fn parts_of_the_application_import_only_what_lies_to_their_right() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (path, text) in all_sources().iter().filter(|(path, _)| !path.to_string_lossy().contains("tests")) {
        let part = Path::new(path.components().nth(1).unwrap().as_os_str()).with_extension("");
        let Some((part, allowed)) = APPLICATION.iter().find(|(name, _)| part.as_os_str() == *name) else { continue };
        for (at, line) in text.lines().enumerate() {
            for (start, before) in line.match_indices("crate::") {
                let word: String =
                    line[start + before.len()..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                let known = APPLICATION.iter().any(|(name, _)| word == *name);
                seen += usize::from(known);
                if known && word != *part && !allowed.contains(&word.as_str()) {
                    wrong.push(format!("{}:{} names {word}", path.display(), at + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "imports against ARCHITECTURE.md:\n{}", wrong.join("\n"));
    assert!(seen > 100, "{seen}");
}

#[test]
fn every_module_says_what_it_owns() {
    let silent: Vec<String> = all_sources()
        .iter()
        .filter(|(_, text)| !text.lines().take(3).any(|l| l.starts_with("//!")))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert!(silent.is_empty(), "modules without a //! line:\n{}", silent.join("\n"));
}

#[test]
fn banned_words_stay_out() {
    let mut wrong = Vec::new();
    for (path, text) in all_sources() {
        for (at, line) in text.lines().enumerate() {
            for (word, instead) in BANNED {
                let whole = line.match_indices(word).any(|(start, _)| {
                    let before = line[..start].chars().next_back();
                    let after = line[start + word.len()..].chars().next();
                    !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
                });
                // Asterisk's own words, where it is named.
                if whole && !(["billsec", "Manager"].contains(word) && line.contains("Asterisk")) {
                    wrong.push(format!("{}:{} has {word:?}; write {instead}", path.display(), at + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_becomes_a_hub() {
    const CODE_LINES_MAX: usize = 600;
    const TEST_LINES_MAX: usize = 620;
    let mut found = Vec::new();
    sources(&root().join("src"), &mut found);
    sources(&root().join("tests"), &mut found);
    let mut sizes: Vec<(usize, bool, String)> = found
        .iter()
        .map(|path| {
            let text = fs::read_to_string(path).unwrap();
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(&text);
            (code.lines().count(), name.contains("tests"), name)
        })
        .collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    for (lines, _, path) in sizes.iter().take(8) {
        println!("{lines:6} {path}");
    }
    let most = |is_test: bool| if is_test { TEST_LINES_MAX } else { CODE_LINES_MAX };
    let hubs: Vec<_> = sizes.iter().filter(|(lines, is_test, _)| *lines > most(*is_test)).collect();
    assert!(hubs.is_empty(), "too long, cut them by subject: {hubs:?}");
}

/// What is asked for is shown by tests that are there, in the room that the table names.
#[test]
fn every_test_that_a_requirement_names_exists_in_its_room() {
    let is_test = |word: &str| {
        word.contains('_') && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    for (table, least) in [("docs/requirements.md", 80), ("docs/reference/sip.md", 150), ("docs/reliability.md", 100)] {
        let text = fs::read_to_string(root().join(table)).unwrap();
        let mut named = 0;
        for row in text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| id ")) {
            let mut tests = String::new();
            for word in row.split('`').skip(1).step_by(2) {
                let room = match word {
                    "live" => "tests/it".to_owned(),
                    word => format!("src/{word}"),
                };
                if is_test(word) {
                    assert!(
                        tests.contains(&format!("fn {word}(")),
                        "{table}: there is no {word} where this row says: {row}"
                    );
                    named += 1;
                } else if root().join(&room).is_dir() {
                    let mut files = Vec::new();
                    sources(&root().join(room), &mut files);
                    tests = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
                }
            }
        }
        assert!(named > least, "{table}: {named}");
    }
}

/// A row whose test was renamed would run nothing and say that it passed.
#[test]
fn every_row_of_scripts_full_names_a_test_that_exists() {
    let script = fs::read_to_string(root().join("scripts/full")).unwrap();
    let named: Vec<(&str, &str)> = script.split_whitespace().filter_map(|word| word.rsplit_once("::")).collect();
    assert!(named.len() >= 10, "{named:?}");
    for (module, test) in named {
        let under = if module.contains("::") { "src" } else { "tests/it" };
        let path = root().join(under).join(module.replace("::", "/"));
        // Tests that have no file of their own are at the end of what they test.
        let own = fs::read_to_string(path.with_extension("rs"));
        let source = own.or_else(|_| fs::read_to_string(path.parent().unwrap().with_extension("rs"))).unwrap();
        let lines: Vec<&str> = source.lines().map(str::trim).collect();
        assert!(lines.join("\n").contains(&format!("#[test]\nfn {test}() {{")), "there is no {module}::{test}");
    }
}

/// Who is sent to a file that was moved loses more time than who is sent nowhere.
#[test]
fn every_source_that_the_architecture_and_the_decisions_name_is_there() {
    let decisions = fs::read_dir(root().join("docs/decisions")).unwrap().map(|entry| entry.unwrap().path());
    let mut named = 0;
    for page in decisions.chain([root().join("ARCHITECTURE.md")]) {
        let text = fs::read_to_string(&page).unwrap();
        let words = text.split('`').skip(1).step_by(2);
        for file in words.filter(|word| word.ends_with(".rs") && word.contains('/')) {
            assert!(root().join("src").join(file).is_file(), "{} names src/{file}, which is not there", page.display());
            named += 1;
        }
    }
    assert!(named > 20, "{named}");
}
