//! Tables of the rules S1 to S10 of docs/reference/rating.md: each row names the mistake that it would show.

use serde_json::{Value, json};

use crate::batch::Batch;

/// One line of the batch interface; the answer as JSON.
fn ask(op: &str, input: &Value) -> Value {
    let mut out = String::new();
    Batch::default().line(&json!({"id": 1, "op": op, "input": input}).to_string(), &mut out);
    serde_json::from_str(&out).unwrap()
}

/// A rate of one slot: `price` a minute by `inc` ms.
fn flat(setup: &str, price: &str, inc: u64) -> Value {
    json!({"setup": setup, "slots": [{"at": 0, "price": price, "per": 60000, "inc": inc}]})
}

/// A tariff of these rules, valid from 2026 on.
fn tariff(rules: Value) -> Value {
    json!({"tz": "Europe/Madrid", "versions": [{"valid_from": "2026-01-01T00:00:00Z", "rules": rules}]})
}

/// One rule for every number.
fn all(rate: Value) -> Value {
    json!([{"b": "", "default": rate}])
}

fn with(mut base: Value, more: Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        base[key] = value.clone();
    }
    base
}

const NOON: &str = "2026-03-10T11:00:00Z";

fn call(ms: u64) -> Value {
    json!({"a": "34600111222", "b": "34912345678", "answer": NOON, "duration_ms": ms})
}

fn rate(tariff: &Value, call: &Value) -> Value {
    ask("rate", &json!({"tariff": tariff, "call": call}))
}

/// `net billed_ms`, or the status where there is no amount.
fn short(answer: &Value) -> String {
    match (answer["net"].as_str(), answer["status"].as_str()) {
        (Some(net), Some("rated")) => format!("{net} {}", answer["billed_ms"]),
        (Some(net), Some(status)) => format!("{net} {status}"),
        (_, Some(status)) => status.to_owned(),
        (_, None) => answer.to_string(),
    }
}

#[test]
fn s1_an_amount_is_rounded_once_and_by_its_magnitude() {
    for (price, inc, ms, scale, rounding, want, mistake) in [
        ("0.01", 1000, 90_000, 4, "half_up", "0.0150", "each increment rounded: 90 x 0.0002"),
        ("0.05", 1000, 90_000, 2, "half_up", "0.08", "half_even taken for granted"),
        ("0.05", 1000, 90_000, 2, "half_even", "0.08", "truncated"),
        ("0.03", 1000, 90_000, 2, "half_even", "0.04", "half_up: 0.045 is a tie and 4 is even"),
        ("0.03", 1000, 90_000, 2, "half_up", "0.05", "half_even"),
        ("0.03", 1000, 61_000, 2, "up", "0.04", "nearest: 0.0305"),
        ("0.03", 1000, 119_000, 2, "down", "0.05", "nearest: 0.0595"),
        ("-0.03", 1000, 90_000, 2, "half_up", "-0.05", "half_up towards plus infinity"),
        ("-0.03", 1000, 61_000, 2, "up", "-0.04", "up towards plus infinity"),
        ("100", 1000, 61_000, 0, "half_up", "102", "a scale of 0 with a point: 101.67 pesos"),
        ("0.00000001", 60_000, 60_000, 8, "half_up", "0.00000001", "a binary float"),
        ("0.1", 1000, 3_000, 8, "half_up", "0.00500000", "0.1 / 60 rounded before it is summed"),
    ] {
        let tariff = with(tariff(all(flat("0", price, inc))), json!({"scale": scale, "rounding": rounding}));
        assert_eq!(rate(&tariff, &call(ms))["net"], want, "{price} {ms} {scale} {rounding}; naive: {mistake}");
    }
}

#[test]
fn s3_the_version_in_force_at_the_answer_holds_for_the_whole_leg() {
    let version = |from: &str, revision: u32, price: &str| json!({"valid_from": from, "revision": revision, "rules": all(flat("0", price, 60000))});
    let tariff = json!({"versions": [
        version("2026-03-10T11:00:00Z", 2, "0.03"),
        version("2026-01-01T00:00:00Z", 9, "0.01"),
        version("2026-03-10T11:00:00Z", 1, "0.02"),
    ]});
    for (answer, want, mistake) in [
        ("2025-12-31T23:59:59.999Z", "unrated", "the first version taken for all that lies before"),
        ("2026-01-01T00:00:00Z", "0.0100 60000", "valid_from exclusive"),
        (
            "2026-03-10T10:59:30Z",
            "0.0100 60000",
            "the version changes within a leg, or the highest revision of all wins",
        ),
        ("2026-03-10T11:00:00Z", "0.0300 60000", "the last one written wins over the highest revision"),
        ("2026-03-10T12:00:00+01:00", "0.0300 60000", "valid_from read as local time"),
    ] {
        let got = short(&rate(&tariff, &json!({"b": "1", "answer": answer, "duration_ms": 60000})));
        assert_eq!(got, want, "{answer}; naive: {mistake}");
    }
}

#[test]
fn s4_the_longest_called_prefix_then_the_longest_calling_one() {
    let rule = |b: Value, a: Value, party: &str, price: &str| json!({"b": b, "a": a, "party": party, "default": flat("0", price, 60000)});
    let tariff = with(
        tariff(json!([
            rule(json!("34"), json!(""), "company", "0.50"),
            rule(json!("34900"), json!(""), "company", "0.06"),
            rule(json!("34900"), json!(["346", "347"]), "company", "0.12"),
            rule(json!("34900123"), json!("33"), "company", "0.01"),
            rule(json!("@shared"), json!(""), "caller", "0.07"),
            rule(json!(["348070", "348071"]), json!(""), "caller", "1.00"),
            rule(json!("34807"), json!(""), "caller", "2.00"),
        ])),
        json!({"zones": {"shared": ["34902", "34901"]}, "parties": ["company", "caller"]}),
    );
    for (a, b, party, want, mistake) in [
        (
            "34612000000",
            "34900123456",
            "company",
            "0.1200 60000",
            "the longest b decides before the a of its rules is looked at",
        ),
        ("33112000000", "34900123456", "company", "0.0100 60000", "the cheapest or the first rule"),
        ("34912000000", "34900123456", "company", "0.0600 60000", "the dearest rule"),
        ("", "34900123456", "company", "0.0600 60000", "an empty caller matches every origin"),
        ("anonymous", "34900123456", "company", "0.0600 60000", "an error for a hidden caller"),
        ("34612000000", "34902000000", "caller", "0.0700 60000", "a zone is not searched"),
        ("34612000000", "34902000000", "company", "0.5000 60000", "another party's rule"),
        ("34612000000", "34807123456", "caller", "1.0000 60000", "the digit behind 807 not looked at"),
        ("34612000000", "34807923456", "caller", "2.0000 60000", "only the digits that are listed"),
        ("34612000000", "44207946000", "company", "unrated", "0 for what no rule prices"),
        ("34612000000", "34912000000", "caller", "unrated", "the company's rule for the caller"),
        ("34612000000", "3", "company", "unrated", "a number shorter than the prefix matches"),
    ] {
        let call = json!({"a": a, "b": b, "answer": NOON, "duration_ms": 60000});
        let got = short(&ask("rate", &json!({"tariff": tariff, "call": call, "party": party})));
        assert_eq!(got, want, "{a} {b} {party}; naive: {mistake}");
    }
}

#[test]
fn s5_increments_are_atomic_and_slots_count_from_the_answer() {
    let blocks = json!({"setup": "0.05", "slots": [
        {"at": 0, "price": "0.10", "per": 60000, "inc": 60000},
        {"at": 60000, "price": "0.08", "per": 60000, "inc": 1000},
        {"at": 300000, "price": "0.60", "per": 3600000, "inc": 30000},
    ]});
    for (ms, want, mistake) in [
        (1, "0.1500 60000", "the first block by the second"),
        (60_000, "0.1500 60000", "a block more at its very end"),
        (60_001, "0.1513 61000", "the begun second free"),
        (90_000, "0.1900 90000", "the first price for all"),
        (300_000, "0.4700 300000", "setup for each slot"),
        (300_001, "0.4750 330000", "the price of an hour taken for that of a minute"),
    ] {
        assert_eq!(short(&rate(&tariff(all(blocks.clone())), &call(ms))), want, "{ms}; naive: {mistake}");
    }
    let answer = rate(&tariff(all(blocks)), &call(300_001));
    assert_eq!(
        answer["breakdown"],
        json!([
            {"band": "default", "slot_at_ms": 0, "increments": 1},
            {"band": "default", "slot_at_ms": 60000, "increments": 240},
            {"band": "default", "slot_at_ms": 300000, "increments": 1},
        ])
    );
}

fn banded(bands: Value) -> Value {
    json!([{"b": "", "default": flat("0.50", "0.60", 1000), "bands": bands}])
}

fn band(name: &str, days: Value, from: &str, to: &str, prio: i32, price: &str) -> Value {
    json!({"name": name, "days": days, "from": from, "to": to, "prio": prio, "rate": flat("0", price, 1000)})
}

#[test]
fn s6_the_band_is_that_of_the_local_instant() {
    // 0.06 a second by default, with a setup of 0.50; bands at 0.01, 0.02 and 0.03 a second.
    let tariff = with(
        tariff(banded(json!([
            band("night", json!([1, 2, 3, 4, 5]), "22:00", "06:00", 1, "0.60"),
            band("sunday", json!([7]), "00:00", "24:00", 2, "1.20"),
            band("feast", json!(["H"]), "08:00", "20:00", 3, "1.80"),
        ]))),
        json!({"holidays": ["2026-01-06", "2026-12-08"], "scale": 4}),
    );
    let tariff = with(
        tariff.clone(),
        json!({"versions": [{"valid_from": "2020-01-01T00:00:00Z", "rules": tariff["versions"][0]["rules"]}]}),
    );
    for (answer, s, want, mistake) in [
        // Tuesday 2026-03-10; Madrid is an hour ahead.
        ("2026-03-10T11:00:00Z", 10, "0.6000 default", "0.01 a second instead of 0.60 a minute"),
        ("2026-03-10T21:30:00Z", 10, "0.1000 night", "bands in UTC"),
        ("2026-03-11T04:59:55Z", 10, "0.1000 night", "the band of the answer forgotten at 6: see the split below"),
        ("2026-03-14T02:00:00Z", 10, "0.1000 night", "the hours after midnight belong to Saturday"),
        ("2026-03-16T02:00:00Z", 10, "0.6000 default", "Monday's small hours belong to Monday, not to Sunday's band"),
        ("2026-03-15T23:30:00Z", 10, "0.6000 default", "24:00 is not an hour of the next day: Monday 00:30"),
        ("2026-03-15T22:59:00Z", 10, "0.2000 sunday", "24:00 not understood"),
        ("2026-12-08T10:00:00Z", 10, "0.3000 feast", "a holiday is still a Tuesday"),
        ("2026-12-08T22:00:00Z", 10, "0.6000 default", "a holiday is also its weekday: Tuesday's night holds"),
        ("2026-12-09T02:00:00Z", 10, "0.6000 default", "the night that would have begun on the holiday"),
        ("2026-12-08T00:00:00Z", 10, "0.1000 night", "the night before a holiday ends at its midnight"),
    ] {
        let start = with(tariff.clone(), json!({"band_policy": "start"}));
        let call = json!({"b": "1", "answer": answer, "duration_ms": s * 1000});
        let got = rate(&start, &call);
        let setup = if got["breakdown"][0]["band"] == "default" { "0.5" } else { "0" };
        let net: i64 = got["net"].as_str().unwrap().replace('.', "").parse().unwrap();
        let net = net - if setup == "0.5" { 5000 } else { 0 };
        let want_units: i64 = want.split(' ').next().unwrap().replace('.', "").parse().unwrap();
        // The default's 0.60 a minute is 0.01 a second: 0.1000 for ten.
        let expected = if setup == "0.5" { 1000 } else { want_units };
        assert_eq!(
            (net, got["breakdown"][0]["band"].as_str().unwrap()),
            (expected, want.split(' ').nth(1).unwrap()),
            "{answer}; naive: {mistake}"
        );
    }
}

#[test]
fn s6_a_leg_over_a_change_is_split_at_the_increment_that_begins_behind_it() {
    let split = tariff(json!([{"b": "", "default": flat("0.50", "0.60", 60000), "bands": [
        {"name": "night", "days": [1,2,3,4,5,6,7], "from": "22:00", "to": "08:00", "prio": 1,
         "rate": {"setup": "0.10", "slots": [
            {"at": 0, "price": "0.06", "per": 60000, "inc": 60000}, {"at": 120000, "price": "0.03", "per": 60000, "inc": 1000}]}},
    ]}]));
    // 22:00 in Madrid is 21:00 UTC in winter.
    for (answer, ms, want, runs, mistake) in [
        (
            "2026-03-10T20:59:30Z",
            61_000,
            "1.1600 120000",
            "default:0x1 night:0x1",
            "the second minute by the band of the answer; setup of both bands",
        ),
        (
            "2026-03-10T20:57:30Z",
            200_000,
            "2.3100 200000",
            "default:0x3 night:120000x20",
            "slots counted from the change of band",
        ),
        ("2026-03-11T06:59:30Z", 61_000, "0.7600 120000", "night:0x1 default:0x1", "the increment split at 8:00"),
        ("2026-03-10T20:59:30.5Z", 29_500, "1.1000 60000", "default:0x1", "an increment cut at the change"),
    ] {
        let got = rate(&split, &json!({"b": "1", "answer": answer, "duration_ms": ms}));
        let shown: Vec<String> = got["breakdown"]
            .as_array()
            .unwrap()
            .iter()
            .map(|run| format!("{}:{}x{}", run["band"].as_str().unwrap(), run["slot_at_ms"], run["increments"]))
            .collect();
        assert_eq!((short(&got).as_str(), shown.join(" ").as_str()), (want, runs), "{answer}; naive: {mistake}");
    }
}

#[test]
fn s6_missing_and_repeated_hours_price_by_elapsed_time() {
    // 0.01 a second within 02:00-03:00, else 0.10 a second.
    let rules = json!([{"b": "", "default": flat("0", "6.00", 1000), "bands": [band("two", json!([1,2,3,4,5,6,7]), "02:00", "03:00", 1, "0.60")]}]);
    for (zone, answer, s, want, mistake) in [
        ("Europe/Madrid", "2026-03-29T00:59:30Z", 60, "6.0000", "02:00-03:00 of a day that has no such hour"),
        ("Europe/Madrid", "2026-10-25T00:30:00Z", 3600, "36.0000", "the repeated hour counted once"),
        ("Europe/Madrid", "2026-10-25T00:00:00Z", 7260, "78.0000", "the second 02:00 taken for 03:00"),
        ("America/Santiago", "2026-09-06T03:59:30Z", 60, "6.0000", "midnight that does not exist"),
        (
            "Australia/Lord_Howe",
            "2026-04-04T14:30:00Z",
            5400,
            "378.0000",
            "a change of half an hour taken for one of an hour",
        ),
        ("America/Bogota", "2026-03-29T07:00:00Z", 60, "0.6000", "clock changes everywhere"),
    ] {
        let tariff = with(tariff(rules.clone()), json!({"tz": zone}));
        let got = rate(&tariff, &json!({"b": "1", "answer": answer, "duration_ms": s * 1000}));
        assert_eq!(got["net"], want, "{zone} {answer}; naive: {mistake}; {got}");
        assert_eq!(got["billed_ms"], s * 1000);
    }
}

#[test]
fn s7_duration_and_status() {
    let base = with(json!({"b": "", "default": flat("0.10", "0.60", 1000)}), json!({}));
    for (more, mode, call, want, mistake) in [
        (json!({}), "exact", json!({"duration_ms": 0}), "0.0000 not_chargeable", "setup of a call without time"),
        (
            json!({}),
            "exact",
            json!({"duration_ms": 5000, "answered": false}),
            "0.0000 not_chargeable",
            "ring time charged",
        ),
        (json!({}), "exact", json!({"end": "2026-03-10T11:00:00Z"}), "0.0000 not_chargeable", "an end at the answer"),
        (
            json!({}),
            "exact",
            json!({"end": "2026-03-10T10:59:59Z"}),
            "0.0000 not_chargeable",
            "an end before the answer pays back",
        ),
        (
            json!({}),
            "exact",
            json!({"end": "2026-03-10T11:00:01.500Z", "hangup_cause": 41}),
            "0.1200 2000",
            "ms dropped, or free for a failure",
        ),
        (json!({}), "exact", json!({"duration_ms": 1001}), "0.1200 2000", "floored before the increment"),
        (json!({}), "floor", json!({"duration_ms": 1999}), "0.1100 1000", "a begun second"),
        (
            json!({}),
            "floor",
            json!({"duration_ms": 999}),
            "0.1000 0",
            "not chargeable although answered: setup remains",
        ),
        (json!({}), "half_up", json!({"duration_ms": 1499}), "0.1100 1000", "rounded up"),
        (json!({}), "half_up", json!({"duration_ms": 1500}), "0.1200 2000", ".5 down"),
        (
            json!({"no_charge_under_ms": 5000}),
            "exact",
            json!({"duration_ms": 4999}),
            "0.0000 0",
            "setup or minimum of a free call",
        ),
        (
            json!({"no_charge_under_ms": 5000, "min_charge": "1"}),
            "exact",
            json!({"duration_ms": 4999}),
            "0.0000 0",
            "the minimum",
        ),
        (
            json!({"no_charge_under_ms": 5000}),
            "exact",
            json!({"duration_ms": 5000}),
            "0.1500 5000",
            "the first five seconds free for all",
        ),
        (
            json!({"no_charge_under_ms": 1000}),
            "half_up",
            json!({"duration_ms": 999}),
            "0.0000 0",
            "compared after rounding",
        ),
        (
            json!({"min_duration_ms": 30000}),
            "exact",
            json!({"duration_ms": 1000}),
            "0.4000 30000",
            "the minimum ignored",
        ),
        (
            json!({"min_duration_ms": 30500}),
            "exact",
            json!({"duration_ms": 1000}),
            "0.4100 31000",
            "increments before the minimum",
        ),
    ] {
        let tariff = with(tariff(json!([with(base.clone(), more.clone())])), json!({"duration_mode": mode}));
        let call = with(json!({"b": "1", "answer": NOON}), call);
        assert_eq!(short(&rate(&tariff, &call)), want, "{more} {mode} {call}; naive: {mistake}");
    }
    // Decided before a rule is looked for.
    assert_eq!(short(&rate(&json!({"versions": []}), &json!({"b": "1", "answered": false}))), "0.0000 not_chargeable");
    assert_eq!(short(&rate(&json!({"versions": []}), &call(1))), "unrated");
    assert_eq!(rate(&json!({"versions": []}), &call(1))["net"], Value::Null);
}

#[test]
fn s8_minimum_maximum_and_tax() {
    for (terms, rule, ms, want, mistake) in [
        (json!({}), json!({"min_charge": "0.20"}), 1000, ["0.2000", "0.2000", "0.0000"], "minimum ignored"),
        (json!({}), json!({"max_charge": "0.20"}), 600_000, ["0.2000", "0.2000", "0.0000"], "maximum ignored"),
        (
            json!({"tax": "0.21", "scale": 2}),
            json!({}),
            10_500,
            ["0.11", "0.13", "0.02"],
            "gross from the rounded net: 0.11 x 1.21 = 0.1331, here 0.11 x 1.21",
        ),
        (
            json!({"tax": "0.21", "scale": 2}),
            json!({}),
            14_000,
            ["0.14", "0.17", "0.03"],
            "tax rounded by itself: 0.0294",
        ),
        (
            json!({"tax": "0.21", "scale": 2, "prices_include_tax": true}),
            json!({}),
            121_000,
            ["1.00", "1.21", "0.21"],
            "tax on top of prices that have it",
        ),
        (
            json!({"tax": "0.21", "scale": 2, "prices_include_tax": true}),
            json!({}),
            100_000,
            ["0.83", "1.00", "0.17"],
            "net x 1.21 from the rounded net: 1.0043",
        ),
        (
            json!({"tax": [{"from": "2026-03-11", "rate": "0.10"}, {"from": "2020-01-01", "rate": "0.21"}]}),
            json!({}),
            10_000,
            ["0.1000", "0.1210", "0.0210"],
            "the last rate listed",
        ),
        (
            json!({"tax": [{"from": "2026-03-11", "rate": "0.10"}]}),
            json!({}),
            10_000,
            ["0.1000", "0.1000", "0.0000"],
            "a rate before it is in force",
        ),
    ] {
        let rule = with(json!({"b": "", "default": flat("0", "0.60", 1000)}), rule);
        let tariff = with(tariff(json!([rule])), terms.clone());
        let got = rate(&tariff, &call(ms));
        let shown = ["net", "gross", "tax"].map(|key| got[key].as_str().unwrap().to_owned());
        assert_eq!(shown, want.map(str::to_owned), "{terms} {rule} {ms}; naive: {mistake}");
    }
    // The local date: 23:30 UTC on the 10th is the 11th in Madrid.
    let taxes = json!([{"from": "2026-03-11", "rate": "0.10"}, {"from": "2020-01-01", "rate": "0.21"}]);
    let late = with(tariff(all(flat("0", "0.60", 1000))), json!({"tax": taxes}));
    let got = rate(&late, &json!({"b": "1", "answer": "2026-03-10T23:30:00Z", "duration_ms": 10_000}));
    assert_eq!(got["tax"], "0.0100");
}

mod derived;
mod refused;
