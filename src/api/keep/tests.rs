//! Draining, retention and erasure by REST: what is refused, what goes, and what is written down of it.

use serde_json::{Value, json};

use crate::api::access::tests::{bearer, settings};
use crate::api::control::{Reply, Request, ask};
use crate::api::tests::{Place, place_with};
use crate::api::tools::{Tool, ToolReply};
use crate::shell::audit::Wanted;
use crate::shell::store::tests::{fill, record};
use crate::shell::store::{Filter, Order, Reader};

fn post(place: &Place, path: &str, body: &Value, key: &str) -> (u16, Value) {
    let headers = format!("{}Content-Type: application/json\r\nIdempotency-Key: {key}\r\n", bearer("the-admin"));
    let (status, said) = place.send("POST", &format!("/api/v1/{path}"), &headers, &body.to_string());
    (status, serde_json::from_str(&said).unwrap_or_default())
}

fn told(place: &Place) -> Vec<String> {
    let wanted = Wanted { last: 100, ..Wanted::default() };
    let Reply::Tool(reply) = ask(&place.socket, &Request::Tool(Tool::Audit(wanted))).unwrap() else {
        panic!("no reply")
    };
    let ToolReply::Audit(entries) = *reply else { panic!("{reply:?}") };
    entries.into_iter().rev().map(|entry| format!("{} {} | {}", entry.what, entry.about, entry.more)).collect()
}

#[test]
fn records_go_by_age_and_by_person_once_it_is_said_aloud() {
    let place = place_with(settings());
    assert_eq!(post(&place, "records/retain", &json!({"older_than_days": 1, "yes": true}), "none").0, 404);
    std::fs::create_dir_all(&place.state.records).unwrap();
    fill(&place.state.records, (0..3).map(record)).unwrap();
    let left = || Reader::open(&place.state.records).unwrap().list(&Filter::default(), Order::OldestFirst).unwrap();
    for (path, body, status) in [
        ("records/retain", json!({"older_than_days": 1}), 422),
        ("records/retain", json!({"older_than_days": 0, "yes": true}), 422),
        ("records/retain", json!({"older_than_days": 36_501, "yes": true}), 422),
        ("records/retain", json!({"older_than_days": 1, "purpose": "fun", "yes": true}), 422),
        ("records/erase", json!({"number": "+34612345678", "yes": false}), 422),
        ("records/erase", json!({"yes": true}), 422),
        ("records/erase", json!({"number": "612345678", "yes": true}), 422),
        ("drain", json!({"yes": false}), 422),
        ("drain", json!({}), 422),
    ] {
        assert_eq!(post(&place, path, &body, &format!("{path}{body}")).0, status, "{path} {body}");
    }
    assert_eq!((left().len(), told(&place)), (3, Vec::new()), "nothing is done, and nothing written down");

    let dry = post(&place, "records/retain?dry_run=true", &json!({"older_than_days": 1}), "dry");
    assert_eq!((dry.0, &dry.1["calls"], left().len()), (200, &json!(3), 3), "{}", dry.1);

    let erase = json!({"customer": "X-9", "number": "+34612345678", "yes": true});
    let (status, erased) = post(&place, "records/erase", &erase, "erase");
    assert_eq!((status, &erased["calls"]), (200, &json!(3)), "{erased}");
    assert!(left().iter().all(|record| record.ani.raw != "612345678"), "{:?}", left());
    // Asked for again with its key it is not done again, nor written down.
    assert_eq!(post(&place, "records/erase", &erase, "erase"), (200, erased));

    let none = post(&place, "records/retain", &json!({"older_than_days": 1, "purpose": "internal", "yes": true}), "no");
    assert_eq!((none.0, &none.1["calls"]), (200, &json!(0)));
    let all = post(&place, "records/retain", &json!({"older_than_days": 1, "yes": true}), "all");
    assert_eq!((all.0, &all.1["calls"], left().len()), (200, &json!(3), 0), "{}", all.1);
    assert_eq!(
        told(&place),
        [
            "POST /api/v1/records/erase | X-9 …5678",
            "POST /api/v1/records/retain | older than 1 d, purpose internal: 0 calls",
            "POST /api/v1/records/retain | older than 1 d: 3 calls",
        ]
    );
}

#[test]
fn a_node_is_drained_once_it_is_said_aloud() {
    let place = place_with(settings());
    place.state.gate.set_ready();
    assert_eq!(post(&place, "drain", &json!({"yes": true}), "drain"), (200, json!({"done": true})));
    assert!(place.state.gate.is_draining());
    assert_eq!(told(&place), ["POST /api/v1/drain | "]);
}
