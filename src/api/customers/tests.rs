//! A customer changed by two people at once, and what the audit log has of it.

use serde_json::{Value, json};

use crate::api::access::tests::{bearer, settings};
use crate::api::tests::{Place, place_with};

/// Status, `ETag`, body.
fn send(place: &Place, method: &str, path: &str, more: &str, body: &str) -> (u16, String, Value) {
    let length = body.len();
    let (status, head, said) = place.request(&format!(
        "{method} /api/v1/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{}Content-Type: application/json\r\n{more}\
         Content-Length: {length}\r\n\r\n{body}",
        bearer("the-admin")
    ));
    let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap_or_default().to_owned();
    (status, etag, serde_json::from_str(&said).unwrap_or_default())
}

#[test]
fn a_customer_is_changed_as_he_was_seen_or_not_at_all() {
    let place = place_with(settings());
    std::fs::create_dir_all(&*place.state.records).unwrap();
    let rows = "external_id,name,numbers\nC-1,Ana Roca,+34688111222\n";
    assert_eq!(send(&place, "POST", "customers/import", "", rows).0, 200);
    let plan = json!({"custom": {"plan": "fibra"}}).to_string();
    assert_eq!(send(&place, "PATCH", "customers/C-1", "", &plan).2["customer"]["custom"], json!({"plan": "fibra"}));
    let (status, seen, ana) = send(&place, "GET", "customers/C-1", "", "");
    assert!(status == 200 && seen.len() > 10, "{seen}: {ana}");

    let change = json!({"name": "Ana Roca Vidal", "segment": "gold", "flags": ["press", "fraud", "press"],
        "custom": {"plan": null, "terminal": "TX"}});
    let if_seen = format!("If-Match: {seen}\r\n");
    let (status, now, told) = send(&place, "PATCH", "customers/C-1", &if_seen, &change.to_string());
    let customer = &told["customer"];
    assert_eq!(status, 200, "{told}");
    assert_eq!((&customer["name"], &customer["segment"]), (&json!("Ana Roca Vidal"), &json!("gold")));
    assert_eq!((&customer["flags"], &customer["custom"]), (&json!(["fraud", "press"]), &json!({"terminal": "TX"})));
    assert_ne!(now, seen);
    let note = json!({"text": "wants to be called in the morning"}).to_string();
    assert_eq!(send(&place, "POST", "customers/C-1/notes", "", &note).0, 200);
    assert_eq!(
        send(&place, "GET", "customers/C-1", "", "").1,
        now,
        "the answer's tag is that of a new look, whatever was noted"
    );

    let other = json!({"name": "Ana R."}).to_string();
    let (status, _, told) = send(&place, "PATCH", "customers/C-1", &if_seen, &other);
    assert_eq!((status, told["error"].as_str()), (412, Some("the customer was changed since; look at him again")));
    for (path, body, status) in [
        ("customers/C-1", json!({"segment": "No Such!"}), 422),
        ("customers/C-1", json!({"name": "x".repeat(300)}), 422),
        ("customers/C-1", json!({"value": 3}), 422),
        ("customers/C-1", json!({"note": "has a door of its own"}), 422),
        ("customers/C-2", json!({"name": "x"}), 404),
    ] {
        assert_eq!(send(&place, "PATCH", path, "", &body.to_string()).0, status, "{path} {body}");
    }
    assert_eq!(send(&place, "GET", "customers/C-1", "", "").1, now, "what was refused changed nothing");
    let (status, ..) = send(&place, "PATCH", "customers/C-1", "If-Match: *\r\n", &json!({"segment": ""}).to_string());
    assert_eq!(status, 200);
    assert_eq!(send(&place, "GET", "customers/C-1", "", "").2["segment"], Value::Null);

    let (_, _, told) = send(&place, "GET", "audit?about=/api/v1/customers/", "", "");
    let told: Vec<String> =
        told["audit"].as_array().unwrap().iter().map(|e| format!("{} {} {}", e["who"], e["what"], e["more"])).collect();
    assert_eq!(
        told,
        [
            r#""the-admin" "PATCH" "segment""#,
            r#""the-admin" "POST" """#,
            r#""the-admin" "PATCH" "name segment flags custom.plan custom.terminal""#,
            r#""the-admin" "PATCH" "custom.plan""#,
            r#""the-admin" "POST" """#,
        ]
    );
}
