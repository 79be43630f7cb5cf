//! S10: what is refused, and by which code.

use serde_json::{Value, json};

use super::{all, ask, band, banded, flat, tariff, with};
use crate::deck::Deck;

fn code(tariff: &Value) -> String {
    ask("validate", &json!({"tariff": tariff}))["error"].as_str().unwrap_or("-").to_owned()
}

fn slots(slots: Value) -> Value {
    tariff(all(json!({"slots": slots})))
}

#[test]
fn every_code_of_s10_and_what_lies_just_beside_it() {
    let slot = |at: i64, per: i64, inc: i64| json!({"at": at, "price": "0.1", "per": per, "inc": inc});
    let (week, workdays) = (json!([1, 2, 3, 4, 5, 6, 7]), json!([1, 2, 3, 4, 5]));
    let two = |one: Value, other: Value| tariff(banded(json!([one, other])));
    let rule =
        |b: Value, a: Value, party: &str| json!({"b": b, "a": a, "party": party, "default": flat("0", "1", 1000)});
    for (tariff, want) in [
        (slots(json!([slot(0, 60000, 1000)])), "-"),
        (slots(json!([])), "slot_first_not_zero"),
        (slots(json!([slot(1000, 60000, 1000)])), "slot_first_not_zero"),
        (slots(json!([slot(-1, 60000, 1000)])), "slot_first_not_zero"),
        (slots(json!([slot(0, 60000, 1000), slot(0, 60000, 1000)])), "slot_order"),
        (slots(json!([slot(0, 60000, 1000), slot(9000, 60000, 1000), slot(6000, 60000, 1000)])), "slot_order"),
        (slots(json!([slot(0, 60000, 0)])), "slot_nonpositive"),
        (slots(json!([slot(0, 60000, -5)])), "slot_nonpositive"),
        (slots(json!([slot(0, 0, 1000)])), "slot_nonpositive"),
        (slots(json!([slot(0, 60000, 60000), slot(90000, 60000, 1000)])), "slot_misaligned"),
        (slots(json!([slot(0, 60000, 60000), slot(120000, 60000, 7000)])), "-"), // the last slot has no end
        (slots(json!([slot(0, 7000, 1000)])), "slot_per_not_divisor_of_hour"),
        (slots(json!([slot(0, 7_200_000, 1000)])), "slot_per_not_divisor_of_hour"),
        (slots(json!([slot(0, 3_600_000, 7000)])), "-"),
        (
            two(band("x", week.clone(), "08:00", "08:00", 1, "1"), band("y", week.clone(), "09:00", "10:00", 2, "1")),
            "band_empty",
        ),
        (
            two(band("x", json!([]), "08:00", "09:00", 1, "1"), band("y", week.clone(), "09:00", "10:00", 2, "1")),
            "band_empty",
        ),
        (
            two(band("x", week.clone(), "24:00", "00:00", 1, "1"), band("y", week.clone(), "09:00", "10:00", 2, "1")),
            "band_empty",
        ),
        (
            two(band("x", week.clone(), "08:00", "10:00", 1, "1"), band("y", week.clone(), "09:00", "11:00", 1, "1")),
            "band_overlap",
        ),
        (
            two(band("x", week.clone(), "08:00", "10:00", 1, "1"), band("y", week.clone(), "10:00", "11:00", 1, "1")),
            "-",
        ), // they touch
        (
            two(band("x", week.clone(), "08:00", "10:00", 1, "1"), band("y", week.clone(), "09:00", "11:00", 2, "1")),
            "-",
        ),
        (two(band("x", json!([1]), "08:00", "10:00", 1, "1"), band("y", json!([2]), "09:00", "11:00", 1, "1")), "-"),
        // Friday's night reaches into Saturday: days alone do not show it.
        (
            two(band("x", workdays.clone(), "22:00", "06:00", 1, "1"), band("y", json!([6]), "05:00", "12:00", 1, "1")),
            "band_overlap",
        ),
        (
            two(
                band("x", json!([1, 2, 3, 4]), "22:00", "06:00", 1, "1"),
                band("y", json!([6]), "05:00", "12:00", 1, "1"),
            ),
            "-",
        ),
        // A date has one class: a holiday is not its weekday as well.
        (
            two(band("x", week.clone(), "08:00", "10:00", 1, "1"), band("y", json!(["H"]), "08:00", "10:00", 1, "1")),
            "-",
        ),
        (
            tariff(json!([rule(json!("34"), json!(""), "company"), rule(json!(["33", "34"]), json!(""), "company")])),
            "duplicate_rule",
        ),
        (tariff(json!([rule(json!("34"), json!(""), "company"), rule(json!("34"), json!(""), "caller")])), "-"),
        (tariff(json!([rule(json!("34"), json!(""), "company"), rule(json!("34"), json!("346"), "company")])), "-"),
        (tariff(json!([rule(json!(["34", "34"]), json!(""), "company")])), "-"), // one rule may say a prefix twice
        (
            with(
                tariff(json!([rule(json!("34"), json!(""), "company"), rule(json!("@es"), json!(""), "company")])),
                json!({"zones": {"es": ["34"]}}),
            ),
            "duplicate_rule",
        ),
        (
            tariff(json!([with(
                rule(json!("34"), json!(""), "company"),
                json!({"min_charge": "2", "max_charge": "1"})
            )])),
            "min_over_max",
        ),
        (
            tariff(json!([with(
                rule(json!("34"), json!(""), "company"),
                json!({"min_charge": "1", "max_charge": "1"})
            )])),
            "-",
        ),
        (with(slots(json!([slot(0, 60000, 1000)])), json!({"tz": "Europe/Atlantis"})), "unknown_time_zone"),
        (with(slots(json!([slot(0, 60000, 1000)])), json!({"tz": "CET"})), "-"),
        (tariff(json!([rule(json!("@gone"), json!(""), "company")])), "unknown_zone"),
        (tariff(json!([rule(json!("34"), json!("@gone"), "company")])), "unknown_zone"),
        // Beyond S10: what says nothing is refused as well.
        (tariff(json!([{"b": "34"}])), "column"),
        (tariff(json!([{"b": "34x", "default": flat("0", "1", 1000)}])), "bad_prefix"),
        (tariff(all(flat("0", "0.000000001", 1000))), "bad_price"),
        (tariff(banded(json!([band("x", json!([8]), "08:00", "09:00", 1, "1")]))), "bad_day"),
        (tariff(banded(json!([band("x", json!([1]), "25:00", "09:00", 1, "1")]))), "bad_time"),
        (with(tariff(json!([])), json!({"holidays": ["2026-02-30"]})), "bad_date"),
        (with(tariff(json!([])), json!({"scale": 9})), "setting"),
    ] {
        assert_eq!(code(&tariff), want, "{tariff}");
    }
}

#[test]
fn an_overlap_that_only_holidays_bring_about_is_one_where_there_are_such_days() {
    // A night that begins on a weekday reaches into the holiday after it.
    let rules = banded(json!([
        band("night", json!([1, 2, 3, 4, 5, 6, 7]), "22:00", "06:00", 1, "1"),
        band("feast", json!(["H"]), "00:00", "24:00", 1, "2"),
    ]));
    assert_eq!(code(&tariff(rules.clone())), "-");
    assert_eq!(code(&with(tariff(rules), json!({"holidays": ["2026-12-08"]}))), "band_overlap");
}

#[test]
fn a_refused_deck_names_line_place_and_code() {
    let text = "{\"tz\":\"UTC\",\n\"versions\":[{\"valid_from\":\"2026-01-01\",\"rules\":[\n{\"b\":\"34\",\"default\":{\"slots\":[{\"at\":0,\"price\":\"1\",\"per\":60000,\"inc\":1000}]}},\n\
                {\"b\":\"33\",\"default\":{\"slots\":[{\"at\":0,\"price\":\"x\",\"per\":60000,\"inc\":1000}]}}]}]}";
    let said = |text: &str| Deck::parse_json(text).unwrap_err().to_string();
    assert_eq!(said(text), "tariff row 4, column default.slots[0].price: bad_price");
    assert_eq!(
        said(&text.replace("\"x\"", "\"1\"").replace("\"33\"", "\"34\"")),
        "tariff row 4, column b: duplicate_rule"
    );
    assert_eq!(said(&text.replace("UTC", "Mars")), "tariff row 1, column tz: unknown_time_zone");
    assert_eq!(said(&text.replace("2026-01-01", "soon")), "tariff row 2, column versions[0].valid_from: bad_instant");
    assert_eq!(said("{\n\n"), "tariff row 3: unreadable");
}

#[test]
fn bounds_of_a_deck_are_reached_and_refused() {
    let many = |count: u32| -> Vec<Value> {
        (0..count)
            .map(|n| {
                band(
                    &format!("b{n}"),
                    json!([1]),
                    &format!("{:02}:{:02}", n / 60, n % 60),
                    &format!("{:02}:{:02}", (n + 1) / 60, (n + 1) % 60),
                    1,
                    "1",
                )
            })
            .collect()
    };
    assert_eq!(code(&tariff(banded(json!(many(64))))), "-");
    assert_eq!(code(&tariff(banded(json!(many(65))))), "out_of_bounds");
    let rate_of = |count: u64| -> Value {
        (0..count).map(|n| json!({"at": n * 1000, "price": "1", "per": 60000, "inc": 1000})).collect()
    };
    assert_eq!(code(&slots(rate_of(64))), "-");
    assert_eq!(code(&slots(rate_of(65))), "out_of_bounds");
    assert_eq!(
        code(&slots(json!([{"at": 0, "price": "1", "per": 60000, "inc": 366_u64 * 86_400_000 + 1}]))),
        "out_of_bounds"
    );
    let long =
        with(json!({"b": "1", "default": flat("0", "1", 1000)}), json!({"min_duration_ms": 366_u64 * 86_400_000 + 1}));
    assert_eq!(code(&tariff(json!([long]))), "out_of_bounds");
    let days: Vec<String> =
        (0..10_001).map(|n| format!("{:04}-{:02}-{:02}", 1000 + n / 336, n / 28 % 12 + 1, n % 28 + 1)).collect();
    assert_eq!(code(&with(tariff(json!([])), json!({"holidays": days}))), "out_of_bounds");
}
