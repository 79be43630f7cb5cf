//! The tool-box by REST, asked from outside.

use serde_json::{Value, json};

use crate::api::access::tests::{bearer, settings};
use crate::api::tests::{Place, place_with};

fn send(place: &Place, method: &str, path: &str, body: &str) -> (u16, Value) {
    let headers = format!("{}Content-Type: application/json\r\n", bearer("the-admin"));
    let (status, said) = place.send(method, &format!("/api/v1/{path}"), &headers, body);
    (status, serde_json::from_str(&said).unwrap_or_default())
}

#[test]
fn what_would_become_of_a_call_is_told_without_one() {
    let place = place_with(settings());
    let (status, told) = send(&place, "GET", "route-test?from=%2B34612045118&to=%2B34910000001", "");
    assert_eq!(status, 200, "{told}");
    assert!(told["route"].is_object(), "{told}");
    assert_eq!(send(&place, "GET", "route-test?from=1", "").0, 400);
    assert_eq!(send(&place, "GET", "route-test?from=1&to=2&at=noon", "").0, 422);
}

#[test]
fn a_trace_writes_below_the_data_folder_and_nowhere_else() {
    let place = place_with(settings());
    for to in ["../x.pcap", "/tmp/x.pcap", ".pcap", ".x.pcap", "x.txt", "terminal", "hep://nowhere", "a b.pcap"] {
        let (status, said) = send(&place, "POST", "sip-trace", &json!({"to": to}).to_string());
        assert_eq!(status, 422, "{to}: {said}");
    }
    let (status, told) = send(&place, "POST", "sip-trace", r#"{"to": "one.pcap", "for_s": 60}"#);
    assert_eq!((status, &told["trace"]["on"]), (200, &json!(true)), "{told}");
    assert!(place.state.folders.data.join("traces/one.pcap").is_file());
    let (status, said) = send(&place, "POST", "sip-trace", r#"{"to": "two.pcap"}"#);
    assert_eq!(status, 409, "one at a time: {said}");
    assert_eq!(send(&place, "DELETE", "sip-trace", "").0, 200);
    assert_eq!(send(&place, "DELETE", "sip-trace", "").0, 409);
    let _ = std::fs::remove_dir_all(&place.state.folders.data);
}

#[test]
fn a_part_of_the_program_speaks_more_for_a_while() {
    let place = place_with(settings());
    // The log is the process's: another test may have lowered it in the same moment.
    let is_raised = (0..20).any(|_| {
        let (status, told) = send(&place, "PUT", "log", r#"{"levels": "media=trace, store=debug", "for_s": 60}"#);
        let raised = told["raised"].to_string();
        assert_eq!(status, 200, "{told}");
        raised.contains("media") && raised.contains("store")
    });
    assert!(is_raised);
    assert_eq!(send(&place, "PUT", "log", r#"{"levels": "media"}"#).0, 422);
    assert_eq!(send(&place, "PUT", "log", r#"{"levels": "media=loud"}"#).0, 422);
    let (_, told) = send(&place, "DELETE", "log", "");
    assert_eq!(told["raised"], json!([]));
}

#[test]
fn trunks_are_shown_and_asked() {
    let place = place_with(settings());
    let (status, told) = send(&place, "GET", "trunks", "");
    let first = told["trunks"][0]["trunk"].as_str().expect("the sample has one").to_owned();
    assert_eq!(status, 200);
    let (_, one) = send(&place, "GET", &format!("trunks/{first}"), "");
    assert_eq!(one["trunks"].as_array().map(Vec::len), Some(1));
    let (status, told) = send(&place, "POST", &format!("trunks/{first}/ping"), "");
    assert!(status == 200 && told["pings"].is_array(), "{status} {told}");
    assert_eq!(send(&place, "GET", "trunks/nowhere", "").0, 404);
    assert_eq!(send(&place, "POST", "trunks/nowhere/ping", "").0, 404);
}

#[test]
fn a_story_and_an_examination_are_told_to_so_many_at_once() {
    let place = place_with(settings());
    let call = "calls/000000000000000000000000000000ff/trace";
    assert_eq!(send(&place, "GET", call, "").0, 404, "nothing is kept of it");
    let (status, told) = send(&place, "GET", "doctor", "");
    let findings = told["findings"].as_array().cloned().unwrap_or_default();
    assert_eq!(status, 200, "{told}");
    assert!(findings.iter().any(|f| f["about"] == "engine" && f["verdict"] == "ok"), "{told}");
    let all = place.state.reading.0.clone().try_acquire_many_owned(super::READING_MAX as u32).unwrap();
    assert_eq!(send(&place, "GET", "doctor", "").0, 503);
    drop(all);
    assert_eq!(send(&place, "GET", "doctor", "").0, 200);
}
