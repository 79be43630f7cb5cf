//! What the documents show, held against the program: each command against the command line, each fragment of configuration
//! against what is read, each link against what it leads to; and the two languages of the first page against each other.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use clap::error::ErrorKind;

use super::Cli;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn documents(under: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(under).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            documents(&path, out);
        } else if path.extension().is_some_and(|e| e == "md") {
            out.push(path);
        }
    }
    out.sort();
}

/// Every page for a reader, with its text.
fn all_documents() -> Vec<(PathBuf, String)> {
    let mut found = ["README.md", "LEEME.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(|name| root().join(name)).to_vec();
    documents(&root().join("docs"), &mut found);
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// Fenced blocks of a page, each with the word behind its fence, and the lines between them.
struct Page<'a> {
    blocks: Vec<(&'a str, Vec<&'a str>)>,
    prose: Vec<&'a str>,
}

fn page(text: &str) -> Page<'_> {
    let (mut page, mut inside) = (Page { blocks: Vec::new(), prose: Vec::new() }, false);
    for line in text.lines() {
        if let Some(word) = line.trim_start().strip_prefix("```") {
            inside = !inside;
            if inside {
                page.blocks.push((word, Vec::new()));
            }
        } else if inside {
            page.blocks.last_mut().expect("inside of one").1.push(line);
        } else {
            page.prose.push(line);
        }
    }
    assert!(!inside, "a block has no end: {text}");
    page
}

/// What stands in typewriter letters in a page's sentences.
fn code_in(prose: &str) -> impl Iterator<Item = &str> {
    prose.split('`').skip(1).step_by(2)
}

/// The words of a line as a shell has them, up to where it does more than call a program. None: it would put something in.
fn words(line: &str) -> Option<Vec<String>> {
    let (mut found, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '$' | '\\' | '…') => return None,
            (None, '#') if word.is_none() => break,
            (None, '>' | '<' | '&' | ';') => break,
            (None, c) if c.is_whitespace() => found.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    found.extend(word);
    Some(found)
}

/// The call of the program in a line. Some pages say in a column of its own what it is for.
fn command(line: &str) -> Option<Vec<String>> {
    let line = line.trim();
    let line = line.strip_prefix("sudo -u turno ").or_else(|| line.strip_prefix("sudo ")).unwrap_or(line);
    let line = line.split("  ").next().unwrap_or_default();
    // Alternatives and what may be left out are for people.
    let is_for_people = line.contains("...") || line.contains(['|', '[']) && !line.contains('\'');
    if !line.starts_with("turno ") || line.starts_with("turno COMMAND") || is_for_people { None } else { words(line) }
}

/// Why the command line would not take these words.
fn refusal(words: &[String]) -> Option<clap::Error> {
    let error = Cli::try_parse_from(words).err()?;
    (!matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion)).then_some(error)
}

/// Whoever pastes a command from a document gets what the document says, not a complaint about its usage.
#[test]
fn commands_in_blocks_fit_the_command_line() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (path, text) in all_documents() {
        for line in page(&text).blocks.into_iter().flat_map(|(_, lines)| lines) {
            let Some(words) = command(line) else { continue };
            seen += 1;
            if let Some(error) = refusal(&words) {
                wrong.push(format!("{}: {line}\n  {error}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen >= 70, "{seen}");
}

/// Commands that sentences name: they may leave out what is given with them, but not name what is not there.
#[test]
fn commands_in_sentences_are_there() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (path, text) in all_documents() {
        let prose = page(&text).prose.join("\n");
        for code in code_in(&prose) {
            let Some(words) = command(&code.replace('\n', " ")) else { continue };
            seen += 1;
            let unknown = [ErrorKind::UnknownArgument, ErrorKind::InvalidSubcommand];
            if let Some(error) = refusal(&words).filter(|error| unknown.contains(&error.kind())) {
                wrong.push(format!("{}: {code}\n  {error}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen >= 100, "{seen}");
}

/// Puts a fragment into a configuration: tables into tables, rows of tables after those that are there.
fn merge(into: &mut toml::Table, fragment: toml::Table) {
    for (key, value) in fragment {
        match (into.get_mut(&key), value) {
            (Some(toml::Value::Table(there)), toml::Value::Table(value)) => merge(there, value),
            (Some(toml::Value::Array(there)), toml::Value::Array(more)) if more.iter().all(toml::Value::is_table) => {
                there.extend(more);
            }
            (_, value) => drop(into.insert(key, value)),
        }
    }
}

/// A folder like `config/`, with a certificate where the page on HTTPS has one.
fn folder() -> PathBuf {
    let dir = std::env::temp_dir().join(format!("turno-documents-{}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(dir.join("tls")).unwrap();
    for entry in fs::read_dir(root().join("config")).unwrap() {
        let path = entry.unwrap().path();
        std::os::unix::fs::symlink(&path, dir.join(path.file_name().unwrap())).unwrap();
    }
    let made = rcgen::generate_simple_self_signed(["turno.example".to_owned()]).unwrap();
    fs::write(dir.join("tls/turno.crt"), made.cert.pem()).unwrap();
    fs::write(dir.join("tls/turno.key"), made.signing_key.serialize_pem()).unwrap();
    dir
}

/// The fragments of a page fit beside the sample, one after the other, and nothing in them is a mistake.
#[test]
fn fragments_of_configuration_are_read_as_they_stand() {
    let dir = folder();
    let mut sample: toml::Table = fs::read_to_string(root().join("config/turno.toml")).unwrap().parse().unwrap();
    // What listens with TLS has a certificate in a file of its own or in this one.
    let certificate = "[http.tls]\ncert = \"tls/turno.crt\"\nkey = \"tls/turno.key\"".parse().unwrap();
    merge(&mut sample, certificate);
    let mut seen = 0;
    for (path, text) in all_documents() {
        let mut whole = sample.clone();
        for (_, lines) in page(&text).blocks.into_iter().filter(|(word, _)| *word == "toml") {
            let fragment = lines.join("\n");
            let parsed = fragment.parse().unwrap_or_else(|error| panic!("{}: {error}\n{fragment}", path.display()));
            merge(&mut whole, parsed);
            let text = toml::to_string(&whole).unwrap();
            let checked = crate::shell::config::parse("turno.toml", &text, &dir, Some(BTreeMap::new()));
            let problems: Vec<String> = checked.problems.iter().map(ToString::to_string).collect();
            let is_read = checked.settings.is_some() && problems.is_empty();
            assert!(is_read, "{}: {problems:#?}\n{fragment}", path.display());
            seen += 1;
        }
    }
    fs::remove_dir_all(dir).unwrap();
    assert!(seen >= 7, "{seen}");
}

/// As a reader's browser makes an anchor of a heading.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// A link to a page or a heading that is not there, or a page that the index forgets.
#[test]
fn links_between_documents_lead_somewhere_and_the_index_has_every_page() {
    let index = fs::read_to_string(root().join("docs/README.md")).unwrap();
    let (mut broken, mut forgotten, mut anchors) = (Vec::new(), Vec::new(), 0);
    for (path, text) in all_documents() {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") || target.contains(' ') {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let leads_to = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let has_heading = || {
                let text = fs::read_to_string(&leads_to).unwrap();
                page(&text).prose.into_iter().any(|line| line.starts_with('#') && anchor(line) == heading)
            };
            anchors += usize::from(!heading.is_empty());
            if !leads_to.exists() || !heading.is_empty() && !has_heading() {
                broken.push(format!("{} → {target}", path.display()));
            }
        }
        if let Ok(page) = path.strip_prefix(root().join("docs")) {
            let page = page.to_str().unwrap();
            if page != "README.md" && !page.starts_with("decisions/") && !index.contains(&format!("]({page})")) {
                forgotten.push(page.to_owned());
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(forgotten.is_empty(), "docs/README.md does not name {forgotten:?}");
    assert!(anchors >= 4, "{anchors}");
}

/// Words of the program in a piece of typewriter text, without those in capitals, which stand for the reader's own.
fn own_words(code: &str) -> String {
    let words = code.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().any(char::is_lowercase));
    words.collect::<Vec<_>>().join(" ")
}

/// What of a page does not depend on its language, by kind.
fn bones(text: &str) -> BTreeMap<&'static str, Vec<String>> {
    let Page { blocks, prose } = page(text);
    let commands = blocks.into_iter().flat_map(|(_, lines)| lines).filter_map(|line| {
        let line = format!(" {line}").split(" #").next().unwrap_or_default().trim().to_owned();
        (!line.is_empty()).then_some(line)
    });
    let headings = prose.iter().filter(|line| line.starts_with('#'));
    let rows = prose.iter().filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
    let text = prose.join("\n");
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let links = links.filter(|to| !["README.md", "LEEME.md"].contains(to));
    // Sentences may have another order.
    let mut code: Vec<String> = code_in(&text).map(own_words).collect();
    code.sort();
    let mut links: Vec<String> = links.map(str::to_owned).collect();
    links.sort();
    BTreeMap::from([
        ("commands", commands.collect()),
        ("headings", headings.map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect()),
        ("rows", rows.map(own_words).collect()),
        ("links", links),
        ("code", code),
    ])
}

/// Two pages that drift apart tell two readers two things.
#[test]
fn the_first_page_says_the_same_in_both_languages() {
    let of = |name: &str| bones(&fs::read_to_string(root().join(name)).unwrap());
    let (english, spanish) = (of("README.md"), of("LEEME.md"));
    for (kind, bones) in &english {
        assert_eq!(bones, &spanish[kind], "{kind}");
        assert!(bones.len() > 3, "{kind}");
    }
}
