//! Every key that the program reads, as it reads it: kind, default, bounds. Made by reading the documented sample with all
//! that is commented out in it, so that the published schema and the reference cannot say anything else than the code.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use ::config::{File, FileFormat, Source as _};
use serde_json::{Map, Value, json};

use crate::shell::config::problem::Problems;
use crate::shell::config::section::Section;
use crate::shell::config::source::Sources;
use crate::shell::live::document::{Document, LIVE};

const SAMPLE: &str = include_str!("../../../config/turno.toml");

/// How a key is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Text,
    Number,
    Decimal,
    Flag,
    Duration,
    Size,
    List,
    Table,
    Tables,
}

impl Written {
    const fn word(self) -> &'static str {
        match self {
            Written::Text => "text",
            Written::Number => "number",
            Written::Decimal => "decimal number",
            Written::Flag => "true or false",
            Written::Duration => "duration",
            Written::Size => "size",
            Written::List => "list",
            Written::Table => "table",
            Written::Tables => "tables",
        }
    }
}

/// What the program knows of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) written: Written,
    /// As it would be written; none: there is none, or it follows from others.
    pub(super) default: Option<String>,
    /// Least and most.
    pub(super) bounds: Option<(String, String)>,
    /// What belongs there, as problems say it.
    pub(super) form: Option<String>,
}

/// Keys by their paths, with `*` for names and `[]` for the tables of an array.
pub(super) type Catalogue = RefCell<BTreeMap<String, Entry>>;

/// What the program reads.
fn catalogue() -> BTreeMap<String, Entry> {
    let text = whole(SAMPLE);
    let sources = Sources::text("turno.toml", &text, Path::new("config"));
    let problems = Problems::cataloguing(&sources);
    let tree = File::from_str(&text, FileFormat::Toml).collect().unwrap_or_default();
    let root = Section::root(&tree, &problems, &sources.dir);
    // Problems are no matter here: of two keys that exclude each other both are read.
    let _ = super::read(&root, &sources, Document::default());
    problems.catalogue()
}

/// The sample with what is commented out in it: `# key = value` and `# [table]`.
fn whole(sample: &str) -> String {
    let mut text = String::new();
    for line in sample.lines() {
        let bare = line.strip_prefix("# ").filter(|bare| is_header(bare) || is_key(bare));
        text.push_str(bare.unwrap_or(line));
        text.push('\n');
    }
    text
}

fn is_header(line: &str) -> bool {
    let inside = line.trim_start_matches('[').split(']').next().unwrap_or_default();
    let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    line.starts_with('[') && line.contains(']') && !inside.is_empty() && inside.chars().all(is_path)
}

fn is_key(line: &str) -> bool {
    let Some((key, value)) = line.split_once(" = ") else { return false };
    let is_name = !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    is_name && value.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '"' | '[' | '{' | 't' | 'f'))
}

/// What the sample says of each key: the comment behind it, by the path of its table and its name.
fn meanings(sample: &str) -> BTreeMap<(String, String), String> {
    let mut found: BTreeMap<(String, String), String> = BTreeMap::new();
    let (mut table, mut last) = (String::new(), None);
    for line in sample.lines() {
        let bare = line.strip_prefix("# ").filter(|bare| is_header(bare) || is_key(bare)).unwrap_or(line);
        let (code, comment) = split_comment(bare);
        if is_header(code) {
            let inside = code.trim_matches(['[', ']']);
            table = if code.starts_with("[[") { format!("{inside}[]") } else { inside.to_owned() };
            last = Some((table.clone(), String::new()));
        } else if let Some((key, _)) = code.split_once('=') {
            last = Some((table.clone(), key.trim().trim_matches('"').to_owned()));
        } else if !(line.starts_with(' ') || line.starts_with("#  ")) {
            last = None;
        }
        if let (Some(at), Some(comment)) = (&last, comment.or_else(|| continued(line))) {
            let meaning = found.entry(at.clone()).or_default();
            if !meaning.is_empty() {
                meaning.push(' ');
            }
            meaning.push_str(comment.trim());
        }
    }
    found
}

/// A comment that goes on in the next line.
fn continued(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("#  ").or_else(|| line.strip_prefix(' ').map(str::trim_start)?.strip_prefix('#'))?;
    Some(rest.trim_start_matches([' ', '#']))
}

/// A line before and after the `#` that is in no quotes.
fn split_comment(line: &str) -> (&str, Option<&str>) {
    let mut quoted = false;
    for (at, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '#' if !quoted => return (line[..at].trim(), Some(line[at + 1..].trim())),
            _ => {}
        }
    }
    (line.trim(), None)
}

/// Whether a path of the sample is one of a pattern.
fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<&str>, Vec<&str>) = (pattern.split('.').collect(), path.split('.').collect());
    let bare = |part: &str| part.trim_end_matches("[]").to_owned();
    pattern.len() == path.len() && pattern.iter().zip(&path).all(|(p, at)| *p == "*" || bare(p) == bare(at))
}

/// The reference of all keys, as Markdown.
pub fn reference() -> String {
    let (entries, meanings) = (catalogue(), meanings(SAMPLE));
    let meaning = |path: &str| {
        let (table, key) = path.rsplit_once('.').unwrap_or(("", path));
        let of_key = |(t, k): &(String, String)| fits(table, t) && (k == key || key == "*");
        let of_table = |(t, k): &(String, String)| k.is_empty() && fits(path, t);
        let found = meanings.iter().find(|(at, _)| of_key(at)).or_else(|| meanings.iter().find(|(at, _)| of_table(at)));
        found.map(|(_, text)| text.replace('|', "\\|")).unwrap_or_default()
    };
    let mut tables: BTreeMap<&str, Vec<(&str, &Entry)>> = BTreeMap::new();
    for (path, entry) in &entries {
        let (table, key) = path.rsplit_once('.').unwrap_or(("", path));
        if !matches!(entry.written, Written::Table | Written::Tables) {
            tables.entry(table).or_default().push((key, entry));
        }
    }
    let mut text = String::from(
        "# Configuration\n\nEvery key that the program reads, with its default and its bounds as the code has them; made \
         from it and held by a test. How the\nparts work together is in `config/turno.toml`, the commented sample. `NAME` stands \
         for a name of your own.\n\nDurations are written `20s`, `1m30s`, `500ms`, sizes `64MB`; paths are relative to the \
         file. `turno schema` prints all this as JSON Schema.\n\nSections marked **live** may be changed while calls run, \
         by command ([how](../how-to/change.md)); the others are read from the file at the\nstart and, as far as a reload can, \
         at SIGHUP.\n",
    );
    for (table, keys) in tables {
        let section = table.split(['.', '[']).next().unwrap_or_default();
        let live = if LIVE.contains(&section) { " (live)" } else { "" };
        let shown = table.replace('*', "NAME");
        let heading = match shown.strip_suffix("[]") {
            Some(inside) => format!("[[{inside}]]"),
            None => format!("[{shown}]"),
        };
        let _ = write!(
            text,
            "\n## `{heading}`{live}\n\n| key | is | default | bounds | meaning |\n| --- | --- | --- | --- | --- |\n"
        );
        for (key, entry) in keys {
            let path = if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") };
            let default = entry.default.as_ref().map(|default| format!("`{default}`")).unwrap_or_default();
            let bounds = entry.bounds.as_ref().map(|(least, most)| format!("{least} to {most}")).unwrap_or_default();
            let said = meaning(&path);
            let form = entry.form.clone().unwrap_or_default().replace('|', "\\|");
            let said = if said.is_empty() { form } else { said };
            let key = if key == "*" { "NAME" } else { key };
            let _ = writeln!(text, "| `{key}` | {} | {default} | {bounds} | {said} |", entry.written.word());
        }
    }
    text
}

/// JSON Schema (draft 2020-12) of a configuration file.
pub fn schema() -> Value {
    let entries = catalogue();
    let mut root = table_schema();
    for (path, entry) in &entries {
        let mut at = &mut root;
        let mut parts = path.split('.').peekable();
        while let Some(part) = parts.next() {
            let is_array = part.ends_with("[]");
            let name = part.trim_end_matches("[]");
            let own = if parts.peek().is_none() && !is_array { leaf(entry) } else { table_schema() };
            let object = at.as_object_mut().expect("tables are objects");
            let slot = if name == "*" {
                let free = object.entry("additionalProperties").or_insert(Value::Bool(false));
                if *free == Value::Bool(false) {
                    *free = own;
                }
                free
            } else {
                let properties = object.entry("properties").or_insert_with(|| Value::Object(Map::new()));
                let properties = properties.as_object_mut().expect("made above");
                let own = if is_array { json!({"type": "array", "items": own}) } else { own };
                properties.entry(name.to_owned()).or_insert(own)
            };
            at = if is_array { &mut slot["items"] } else { slot };
        }
    }
    let object = root.as_object_mut().expect("a table");
    object.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    object.insert("title".to_owned(), json!("Configuration of turno"));
    root
}

fn table_schema() -> Value {
    json!({"type": "object", "additionalProperties": false, "properties": {}})
}

fn leaf(entry: &Entry) -> Value {
    let mut value = match entry.written {
        // Codes and extensions are often written as numbers: their digits are taken.
        Written::Text => json!({"type": ["string", "integer"]}),
        Written::Number => json!({"type": ["integer", "string"]}),
        Written::Decimal => json!({"type": "number"}),
        Written::Flag => json!({"type": "boolean"}),
        Written::Duration => json!({"type": ["string", "integer"], "pattern": "^(0|([0-9]+(d|h|m|s|ms) ?)+)$"}),
        Written::Size => json!({"type": ["string", "integer"], "pattern": "^[0-9]+ ?([KMGkmg]?[Bb])?$"}),
        Written::List => json!({"type": ["array", "string", "integer"], "items": {"type": ["string", "integer"]}}),
        Written::Table => return table_schema(),
        Written::Tables => return json!({"type": "array", "items": table_schema()}),
    };
    let object = value.as_object_mut().expect("made above");
    if let (Written::Number | Written::Decimal, Some((least, most))) = (entry.written, &entry.bounds) {
        let number = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
        object.insert("minimum".to_owned(), number(least));
        object.insert("maximum".to_owned(), number(most));
    }
    if let Some(form) = &entry.form {
        object.insert("description".to_owned(), json!(form));
    }
    if let Some(default) = &entry.default {
        let default = serde_json::from_str(default).unwrap_or_else(|_| json!(default));
        object.insert("default".to_owned(), default);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_and_the_schema_say_what_the_program_reads() {
        expect_test::expect_file!["../../../docs/reference/config.md"].assert_eq(&reference());
        let schema = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
        expect_test::expect_file!["../../../docs/reference/config.schema.json"].assert_eq(&schema);
    }

    /// Whether a value is one of the schema's, as far as the schema above says anything.
    fn conforms(schema: &Value, value: &toml::Value, path: &str, wrong: &mut Vec<String>) {
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let is = match value {
            toml::Value::String(_) | toml::Value::Datetime(_) => "string",
            toml::Value::Integer(_) => "integer",
            toml::Value::Float(_) => "number",
            toml::Value::Boolean(_) => "boolean",
            toml::Value::Array(_) => "array",
            toml::Value::Table(_) => "object",
        };
        let fits = types.contains(&is) || is == "integer" && types.contains(&"number");
        if !fits {
            wrong.push(format!("{path} is {is}, not {types:?}"));
        }
        match value {
            toml::Value::Table(table) => {
                for (key, value) in table {
                    let below = schema["properties"].get(key).or_else(|| schema.get("additionalProperties"));
                    match below {
                        Some(below) if below.is_object() => conforms(below, value, &format!("{path}.{key}"), wrong),
                        _ => wrong.push(format!("{path}.{key} is not in the schema")),
                    }
                }
            }
            toml::Value::Array(all) if schema.get("items").is_some() => {
                all.iter().for_each(|value| conforms(&schema["items"], value, &format!("{path}[]"), wrong));
            }
            _ => {}
        }
    }

    #[test]
    fn the_sample_conforms_to_the_schema_with_all_that_is_commented_out_in_it() {
        let text = whole(SAMPLE);
        let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("{error}"));
        let mut wrong = Vec::new();
        conforms(&schema(), &toml::Value::Table(table), "", &mut wrong);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let typo: toml::Table = "[queues.a]\nned = \"x\"\nlength_max = true\n".parse().unwrap();
        conforms(&schema(), &toml::Value::Table(typo), "", &mut wrong);
        assert_eq!(wrong.len(), 2, "{wrong:?}");
    }
}
