//! The live configuration as clients see it: tags, refusals, undo, and that nothing is half done.

use serde_json::{Value, json};

use super::*;
use crate::api::control::{Request, ask};
use crate::api::tests::{Place, place};

impl Place {
    /// Status, the revision of the answer's tag, and its body.
    fn config(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, Option<u64>, Value) {
        let length = body.len();
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let (status, head, body) = self.request(&format!(
            "{method} /api/v1/config{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{kind}{headers}\
             Content-Length: {length}\r\n\r\n{body}"
        ));
        let tag = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("etag: \"").map(str::to_owned));
        let tag = tag.and_then(|tag| tag.trim_end().trim_end_matches('"').parse().ok());
        (status, tag, serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }

    fn live(&self, request: LiveRequest) -> Reply {
        ask(&self.socket, &Request::Live(Box::new(request))).unwrap()
    }

    fn change(&self, wanted: Wanted, dry_run: bool) -> Reply {
        self.live(LiveRequest::Change { wanted, why: "for a test".into(), dry_run, expect: None })
    }
}

fn changed(reply: Reply) -> Done {
    match reply {
        Reply::Live(reply) => match *reply {
            LiveReply::Changed(done) => done,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn apply(text: &str, absent: Absent) -> Wanted {
    Wanted::Apply { name: "new.toml".to_owned(), text: text.to_owned(), absent }
}

fn export(place: &Place, secrets: bool) -> String {
    match place.live(LiveRequest::Export { secrets }) {
        Reply::Live(reply) => match *reply {
            LiveReply::Document { text, .. } => text,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_object_is_read_changed_and_removed_under_its_tag() {
    let place = place(None);
    let (status, tag, found) = place.config("GET", "/queues/ventas", "", "");
    assert_eq!((status, tag, &found["object"]["strategy"]), (200, Some(1), &json!("round_robin")));
    let (status, tag, done) =
        place.config("PATCH", "/queues/ventas?why=summer", "If-Match: \"1\"\r\n", "{\"wrap_up\": \"45s\"}");
    assert_eq!((status, tag), (200, Some(2)), "{done}");
    assert_eq!(
        done["changes"],
        json!([{"object": "queues.ventas", "sign": "changed", "keys": [
        {"key": "wrap_up", "before": null, "after": "\"45s\""}]}])
    );
    assert_eq!(place.state.reloader.settings().engine.revision, 2);

    // Somebody else was faster.
    let (status, tag, refused) =
        place.config("PATCH", "/queues/ventas", "If-Match: \"1\"\r\n", "{\"wrap_up\": \"50s\"}");
    assert_eq!((status, tag), (412, None), "{refused}");
    assert_eq!(place.config("PATCH", "/queues/ventas", "If-Match: 2\r\n", "{}").0, 422, "a tag has quotes");

    let (status, tag, _) = place.config("PUT", "/queues/nueva?dry_run=true", "", "{\"need\": \"averias>=1\"}");
    assert_eq!((status, tag), (200, Some(2)));
    assert_eq!(place.config("GET", "/queues/nueva", "", "").0, 404, "nothing was changed");
    assert_eq!(place.config("PUT", "/queues/nueva", "", "{\"need\": \"averias>=1\"}").1, Some(3));
    assert_eq!(place.config("GET", "/queues/nueva", "", "").2["object"], json!({"need": "averias>=1"}));
    assert_eq!(place.config("DELETE", "/queues/nueva", "If-Match: \"3\"\r\n", "").1, Some(4));
    assert_eq!(place.config("DELETE", "/queues/nueva", "", "").0, 404);

    let (status, _, rows) = place.config("GET", "/revisions?last=2", "", "");
    assert_eq!(
        (status, &rows["revisions"][0]["revision"], &rows["revisions"][1]["how"]),
        (200, &json!(4), &json!("edit"))
    );
    let (_, _, one) = place.config("GET", "/revisions/2", "", "");
    assert_eq!(
        (&one["why"], &one["who"], &one["config"]["queues"]["ventas"]["wrap_up"]),
        (&json!("summer"), &json!("anybody"), &json!("45s"))
    );
    assert_eq!(place.config("GET", "/revisions/9", "", "").0, 404);
}

#[test]
fn sections_of_one_object_and_the_whole_are_there_without_secrets() {
    let place = place(None);
    let (status, tag, found) = place.config("PATCH", "/acd", "", "{\"redial_keeps_place\": \"90s\"}");
    assert_eq!((status, tag), (200, Some(2)), "{found}");
    assert_eq!(place.config("GET", "/acd", "", "").2["acd"]["redial_keeps_place"], "90s");
    let (status, _, whole) = place.config("GET", "", "", "");
    assert_eq!((status, &whole["config"]["accounts"]["1001"]["password"]), (200, &json!("(kept)")));
    let (status, _, text) = place.config("GET", "/export", "", "");
    assert_eq!(status, 200);
    assert!(text.as_str().unwrap().contains("[queues.averias]") && !text.as_str().unwrap().contains("demo-1001"));
    assert_eq!(place.config("GET", "/accounts/1001", "", "").2["object"]["password"], "(kept)");
    assert_eq!(place.config("GET", "/nothing", "", "").0, 404);
    assert_eq!(place.config("PATCH", "/queues", "", "{}").0, 422, "which one is not said");
    // A secret that is not shown may be sent back as it was shown.
    let account = place.config("GET", "/accounts/1002", "", "").2["object"].to_string();
    let (status, _, done) = place.config("PUT", "/accounts/1002", "", &account);
    assert_eq!((status, &done["changes"]), (200, &json!([])), "{done}");
}

#[test]
fn what_does_not_fit_changes_nothing_and_names_its_lines() {
    let place = place(None);
    let (status, tag, refused) =
        place.config("PATCH", "/queues/averias", "", "{\"need\": \"averias>=\", \"colour\": 1}");
    assert_eq!((status, tag), (422, None));
    let keys: Vec<&str> = refused["problems"].as_array().unwrap().iter().filter_map(|p| p["key"].as_str()).collect();
    assert!(keys.contains(&"queues.averias.need") && keys.contains(&"queues.averias.colour"), "{refused}");
    // Somebody still needs it.
    let (status, _, refused) = place.config("DELETE", "/queues/general", "", "");
    assert_eq!(status, 422);
    assert!(refused["problems"].to_string().contains("routes[1].to"), "{refused}");

    let text = format!("\n\n{}", export(&place, false).replace("length_max = 200", "length_max = \"many\""));
    let line = 1 + text.lines().position(|line| line == "length_max = \"many\"").unwrap();
    match place.change(apply(&text, Absent::Refuse), false) {
        Reply::Refused(sentences) => {
            let expected = format!("new.toml:{line}: queues.averias.length_max: \"many\" does not fit");
            assert!(sentences.iter().any(|sentence| sentence.starts_with(&expected)), "{expected}: {sentences:#?}");
        }
        other => panic!("{other:?}"),
    }
    match place.change(apply("[queues.x\n", Absent::Keep), false) {
        Reply::Refused(sentences) => assert!(sentences[0].starts_with("new.toml:1: this is no TOML"), "{sentences:?}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(place.state.reloader.live().0, 1);
}

#[test]
fn what_is_exported_makes_no_difference_when_it_is_applied() {
    let place = place(None);
    for secrets in [false, true] {
        let done = changed(place.change(apply(&export(&place, secrets), Absent::Refuse), true));
        assert_eq!((done.changes, done.revision), (Vec::new(), 1));
        assert!(done.warnings.iter().any(|said| said.starts_with("once a change is made")), "{:?}", done.warnings);
    }
    // A part of the whole says what becomes of the rest.
    let part = "[skills.spanish]\nreserve = 0\n[sip]\ndomains = [\"x\"]\n";
    match place.change(apply(part, Absent::Refuse), false) {
        Reply::Refused(sentences) => assert!(sentences[0].contains("[accounts], [acd], [agents]"), "{sentences:?}"),
        other => panic!("{other:?}"),
    }
    let done = changed(place.change(apply(part, Absent::Keep), false));
    let words: Vec<String> = done.changes.iter().map(ToString::to_string).collect();
    assert_eq!(words, ["~ skills.spanish\n    - handle = \"6m\"\n    ~ reserve = 1 -> 0"]);
    assert!(done.warnings.iter().any(|warning| warning.contains("sip: is not taken")), "{:?}", done.warnings);
    assert!(done.warnings.iter().any(|warning| warning.contains("from now on the store holds")), "{:?}", done.warnings);
    match place.change(apply(part, Absent::Remove), false) {
        Reply::Refused(sentences) => {
            assert!(sentences.iter().any(|s| s.contains("customers.segment_default")), "{sentences:?}")
        }
        other => panic!("{other:?}"),
    }
    // An account that was never there has no password to keep.
    let stranger = "[accounts.2001]\npassword = \"(kept)\"\n";
    match place.change(apply(stranger, Absent::Keep), false) {
        Reply::Refused(sentences) => assert_eq!(
            sentences,
            [
                "new.toml: accounts.2001.password: is \"(kept)\", and there is none to keep; write it, or export it with --secrets"
            ]
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_undo_takes_back_one_change_and_leaves_the_later_ones() {
    let place = place(None);
    let before = export(&place, true);
    assert_eq!(place.config("PATCH", "/queues/ventas", "", "{\"wrap_up\": \"45s\"}").1, Some(2));
    assert_eq!(place.config("PATCH", "/skills/spanish", "", "{\"reserve\": 0}").1, Some(3));
    let done = changed(place.change(Wanted::Undo(2), false));
    assert_eq!((done.revision, done.changes.len()), (4, 1));
    assert_eq!(place.config("GET", "/skills/spanish", "", "").2["object"]["reserve"], 0);
    let (status, tag, _) = place.config("POST", "/revisions/3/undo", "", "");
    assert_eq!((status, tag), (200, Some(5)));
    assert_eq!(export(&place, true), before);
    // What was changed since is nobody's to take back unseen.
    assert_eq!(place.config("PATCH", "/queues/ventas", "", "{\"wrap_up\": \"50s\"}").1, Some(6));
    let (status, _, refused) = place.config("POST", "/revisions/2/undo", "", "");
    assert_eq!(status, 409);
    assert!(refused["error"].as_str().unwrap().starts_with("changed again since then: queues.ventas"), "{refused}");
    assert_eq!(place.config("POST", "/revisions/99/undo", "", "").0, 404);
    match place.change(Wanted::Undo(99), false) {
        Reply::Unknown(sentence) => assert_eq!(sentence, "there is no revision 99, or it is no longer kept"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_document_beyond_the_bound_is_refused_by_both_doors() {
    let place = place(None);
    let long = format!("# {}\n", "x".repeat(DOCUMENT_BYTES_MAX));
    match place.change(apply(&long, Absent::Keep), false) {
        Reply::Refused(sentences) => assert!(sentences[0].contains("at most 8388608 are taken"), "{sentences:?}"),
        other => panic!("{other:?}"),
    }
    let head = format!(
        "POST /api/v1/config/apply HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        long.len()
    );
    assert_eq!(place.request(&head).0, 413);
    // More than any other body may have is taken.
    let text = format!("# {}\n{}", "x".repeat(100_000), export(&place, false));
    let (status, _, done) = place.config("POST", "/apply?dry_run=true", "", &text);
    assert_eq!((status, &done["changes"]), (200, &json!([])), "{done}");
}

#[test]
fn without_the_token_nothing_is_read_or_changed() {
    let place = place(Some("0123456789abcdef"));
    for (method, path) in [
        ("GET", ""),
        ("GET", "/export"),
        ("PATCH", "/acd"),
        ("POST", "/apply"),
        ("POST", "/reload"),
        ("DELETE", "/queues/averias"),
    ] {
        assert_eq!(place.config(method, path, "", "{}").0, 401, "{method} {path}");
    }
    assert_eq!(place.state.reloader.live().0, 1);
}
