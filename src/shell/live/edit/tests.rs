//! Edits as they are typed, and what becomes of the document.

use super::*;
use crate::shell::live::diff::diff;

const BEFORE: &str = r#"
[agents.anna]
code = "1001"
queues = ["averias"]
skills = { averias = 5 }
[queues.averias]
wrap_up = "30s"
[queues.averias.callback]
key = "1"
[[routes]]
dnis = "+34910000001"
to = "queue:averias"
[[routes]]
dnis = "+34910000001"
trunk = "carrier"
to = "refuse:404"
[extensions]
600 = "queue:averias"
"#;

fn pairs(text: &str) -> Vec<(String, String)> {
    text.split_whitespace().filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

fn does(kind: &str, name: &str, act: Act) -> String {
    let (before, _) = Document::parse(BEFORE).unwrap();
    match edited(&before, &Edit { kind: kind.to_owned(), name: name.to_owned(), act }) {
        Ok(after) => diff(&before, &after).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        Err(error) => format!("refused: {error}"),
    }
}

fn set(kind: &str, name: &str, keys: &str) -> String {
    does(kind, name, Act::Set { set: pairs(keys), unset: Vec::new() })
}

fn unset(kind: &str, name: &str, key: &str) -> String {
    does(kind, name, Act::Set { set: Vec::new(), unset: vec![key.to_owned()] })
}

#[test]
fn what_is_typed_becomes_the_value_that_is_meant() {
    for (text, before, meant) in [
        ("45s", None, "\"45s\""),
        ("20", None, "20"),
        ("20", Some("\"x\""), "\"20\""), // a code of digits stays a text
        ("0020", None, "\"0020\""),      // a number has no zeros before it
        ("+34910000001", None, "\"+34910000001\""),
        ("-1", None, "-1"),
        ("0.75", None, "0.75"),
        ("1.2.3", None, "\"1.2.3\""),
        ("true", None, "true"),
        ("averias>=2 and spanish", None, "\"averias>=2 and spanish\""),
        ("[\"a\", \"b\"]", None, "[\"a\", \"b\"]"),
        ("{ a = 1 }", None, "{ a = 1 }"),
        ("\"quoted\"", None, "\"quoted\""),
        ("", None, "\"\""),
    ] {
        let before = before.map(|before: &str| format!("v = {before}").parse::<Table>().unwrap()["v"].clone());
        assert_eq!(typed(text, before.as_ref()).unwrap().to_string(), meant, "{text}");
    }
    assert!(typed("[1", None).is_err());
}

#[test]
fn an_edit_changes_its_object_and_no_other() {
    let cases = [
        set("queue", "averias", "wrap_up=45s callback.key=2 callback.first=agent"),
        set("queues", "averias", "wrap_up=30s"),
        unset("queue", "averias", "callback.key"),
        unset("queue", "averias", "music"),
        set("queue", "ventas", "wrap_up=1s"),
        set("agent", "anna", "code=1002 skills.catalan=3 queues=[\"averias\",\"ventas\"]"),
        set("agent", "anna", "code.x=1"),
        does("agent", "boris", Act::Add(pairs("queues=[\"averias\"]"))),
        does("agent", "anna", Act::Add(Vec::new())),
        does("agent", "anna", Act::Remove),
        does("agent", "boris", Act::Remove),
        does("skill", "spanish", Act::Add(pairs("reserve=1"))),
        does("reason", "lunch", Act::Add(Vec::new())),
        set("route", "+34910000001", "to=queue:ventas"),
        set("route", "+34910000001@carrier", "to=queue:ventas"),
        does("route", "*", Act::Add(pairs("to=refuse:404"))),
        does("route", "+34910000001@carrier", Act::Remove),
        set("extensions", "", "601=queue:ventas"),
        set("acd", "", "redial_keeps_place=90s rule.idle_counted=5m"),
        set("acd", "x", "redial_keeps_place=90s"),
        set("queue", "", "wrap_up=1s"),
        set("phone", "anna", "x=1"),
        does(
            "queue",
            "averias",
            Act::Patch(serde_json::json!({"wrap_up": null, "callback": {"first": "agent"}, "length_max": 7})),
        ),
        does("queue", "averias", Act::Put(serde_json::json!({"wrap_up": "1s"}))),
        does("queue", "nueva", Act::Put(serde_json::json!({"need": "averias>=1"}))),
        does("route", "112", Act::Put(serde_json::json!({"to": "refuse:404"}))),
        does("queue", "averias", Act::Put(serde_json::json!(["wrap_up"]))),
        does("queue", "averias", Act::Patch(serde_json::json!(7))),
    ];
    expect_test::expect_file!["../../../../tests/golden/live-edits.txt"].assert_eq(&(cases.join("\n--\n") + "\n"));
}
