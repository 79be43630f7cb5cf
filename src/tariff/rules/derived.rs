//! S9: what is derived from rating.

use serde_json::{Value, json};

use super::{all, ask, band, call, flat, tariff, with};

#[test]
fn a_budget_buys_whole_increments_and_never_a_unit_more() {
    let block = |more: Value| tariff(json!([with(json!({"b": "", "default": flat("0.05", "0.10", 60000)}), more)]));
    let second = |more: Value| tariff(json!([with(json!({"b": "", "default": flat("0", "0.02", 1000)}), more)]));
    for (tariff, budget, cap, want, mistake) in [
        (second(json!({})), "0.50", 86_400_000_u64, 1_500_000, "-"),
        (block(json!({})), "0.50", 86_400_000, 240_000, "setup forgotten, or a part of an increment bought"),
        (block(json!({})), "0.14", 86_400_000, 0, "setup alone lets the call begin"),
        (block(json!({})), "0.04", 86_400_000, 0, "as above"),
        (block(json!({})), "0.15", 86_400_000, 60_000, "the budget itself not spent"),
        (block(json!({})), "100", 90_000, 90_000, "the cap passed"),
        (block(json!({"min_charge": "0.30"})), "0.25", 86_400_000, 0, "minimum charge forgotten"),
        (block(json!({"min_charge": "0.30"})), "0.30", 86_400_000, 120_000, "minimum charge put on top"),
        (block(json!({"min_duration_ms": 180_000})), "0.25", 86_400_000, 0, "minimum duration forgotten"),
        (block(json!({"max_charge": "0.25"})), "0.50", 86_400_000, 86_400_000, "stopped although the rest is free"),
        (
            block(json!({"max_charge": "0.25", "max_charge_strategy": "disconnect"})),
            "0.50",
            86_400_000,
            120_000,
            "goes on beyond the maximum",
        ),
        (
            block(json!({"max_charge": "0.60", "max_charge_strategy": "free"})),
            "0.50",
            86_400_000,
            240_000,
            "a maximum above the budget lets it go on",
        ),
        (
            with(second(json!({})), json!({"scale": 2, "rounding": "up"})),
            "0.01",
            86_400_000,
            30_000,
            "the rounded amount not looked at",
        ),
        (
            with(second(json!({})), json!({"scale": 2})),
            "0.01",
            86_400_000,
            30_000,
            "0.0149 is stored as 0.01 but is more",
        ),
        (with(second(json!({})), json!({"scale": 2})), "0.005", 86_400_000, 14_000, "0.005 is stored as 0.01"),
        (
            with(second(json!({})), json!({"duration_mode": "floor"})),
            "0.50",
            86_400_000,
            1_500_999,
            "the seconds that are not counted",
        ),
        (with(second(json!({})), json!({"duration_mode": "half_up"})), "0.50", 86_400_000, 1_500_499, "as above"),
        (
            with(second(json!({})), json!({"tax": "0.21", "prices_include_tax": true})),
            "1",
            86_400_000_000,
            3_630_000,
            "the budget compared with prices that have tax",
        ),
        (with(second(json!({})), json!({"versions": []})), "1", 1000, 0, "no limit where no rule is"),
        (second(json!({})), "-1", 1000, 0, "a debt spent"),
    ] {
        let got = ask(
            "max_duration",
            &json!({"tariff": tariff, "call": {"a": "1", "b": "2", "answer": "2026-03-10T11:00:00Z"}, "budget": budget, "cap_ms": cap}),
        );
        assert_eq!(got["max_ms"], want, "{budget} {cap} {tariff}; naive: {mistake}");
    }
}

#[test]
fn debits_on_the_way_come_to_the_price_of_the_whole() {
    // 0.0033.. a second, stored at two decimals.
    let thirds = with(tariff(all(flat("0", "0.20", 1000))), json!({"scale": 2}));
    for (cuts, ms, want, total, mistake) in [
        (
            json!([1000, 2000, 3000]),
            3000,
            json!(["0.00", "0.01", "0.00"]),
            "0.01",
            "each part rounded by itself: 0.00 + 0.00 + 0.00",
        ),
        (json!([1000]), 3000, json!(["0.00", "0.01"]), "0.01", "the rest after the last cut not debited"),
        (json!([2000, 9000]), 3000, json!(["0.01", "0.00"]), "0.01", "a cut behind the end charged"),
        (json!([]), 3000, json!(["0.01"]), "0.01", "nothing at all"),
    ] {
        let got = ask("interim", &json!({"tariff": thirds, "call": call(ms), "cuts_ms": cuts}));
        assert_eq!((&got["debits"], &got["total"]), (&want, &json!(total)), "{cuts}; naive: {mistake}");
    }
    let got = ask("interim", &json!({"tariff": {"versions": []}, "call": call(1000), "cuts_ms": [500]}));
    assert_eq!((&got["debits"], &got["total"]), (&json!([null, null]), &Value::Null));
}

#[test]
fn calls_on_one_budget_take_turns_by_the_start_of_their_increments() {
    for (budget, cost, answers, cuts, spent, mistake) in [
        ("0.30", "0.10", json!([0, 5000]), json!([120_000, 65_000]), "0.30", "-"),
        ("0.30", "0.10", json!([5000, 0]), json!([65_000, 120_000]), "0.30", "by place instead of by time"),
        ("0.35", "0.10", json!([0, 5000]), json!([120_000, 65_000]), "0.30", "what is left of the budget spent too"),
        ("0.30", "0.10", json!([0, 60_000]), json!([120_000, 120_000]), "0.30", "a tie to the later answer"),
        ("0.20", "0.10", json!([0, 60_000]), json!([120_000, 60_000]), "0.20", "a tie to the later answer"),
        ("0.10", "0.10", json!([7, 7, 7]), json!([60_007, 7, 7]), "0.10", "all three let in"),
        ("0.05", "0.10", json!([7]), json!([7]), "0.00", "a first increment on credit"),
        ("1", "0.25", json!([]), json!([]), "0.00", "-"),
    ] {
        let got = ask(
            "concurrent",
            &json!({"budget": budget, "increment_ms": 60000, "increment_cost": cost, "answers_ms": answers}),
        );
        assert_eq!((&got["cut_ms"], &got["spent"]), (&cuts, &json!(spent)), "{budget} {answers}; naive: {mistake}");
    }
}

#[test]
fn shares_add_up_and_ties_go_to_the_earlier() {
    for (total, weights, scale, want, mistake) in [
        ("1.00", json!([1, 2]), 2, json!(["0.33", "0.67"]), "-"),
        ("1.00", json!([1, 1, 1]), 2, json!(["0.34", "0.33", "0.33"]), "each rounded: 0.99"),
        ("0.05", json!([1, 1]), 2, json!(["0.03", "0.02"]), "each rounded: 0.06"),
        ("-1.00", json!([1, 1, 1]), 2, json!(["-0.34", "-0.33", "-0.33"]), "a floor towards minus infinity"),
        ("10", json!(["0.5", "1.5"]), 0, json!(["3", "7"]), "2.5 and 7.5: a tie"),
        ("1.00", json!([0, 5]), 2, json!(["0.00", "1.00"]), "something for no time"),
    ] {
        let got = ask("allocate", &json!({"total": total, "weights": weights, "scale": scale}));
        assert_eq!(got["parts"], want, "{total} {weights}; naive: {mistake}");
    }
}

#[test]
fn routes_are_ordered_by_what_the_call_would_cost_and_not_by_their_price_list() {
    let route = |id: &str, prio: u32, rate: Value| json!({"id": id, "prio": prio, "tariff": tariff(all(rate))});
    let cheap_minutes = || route("minutes", 1, flat("0", "0.010", 60000));
    let cheap_seconds = || route("seconds", 1, flat("0", "0.015", 1000));
    for (routes, ms, want, mistake) in [
        (vec![cheap_minutes(), cheap_seconds()], 60_000, json!(["minutes", "seconds"]), "-"),
        (
            vec![cheap_minutes(), cheap_seconds()],
            61_000,
            json!(["seconds", "minutes"]),
            "the price of a minute compared",
        ),
        (
            vec![route("b", 2, flat("0", "1", 1000)), route("a", 1, flat("0", "1", 1000))],
            1000,
            json!(["a", "b"]),
            "the order given",
        ),
        (
            vec![json!({"id": "none", "prio": 0, "tariff": {"versions": []}}), cheap_minutes()],
            1000,
            json!(["minutes"]),
            "unrated taken for free",
        ),
        // Both are stored as 0.0000: only exact amounts tell them apart.
        (
            vec![route("more", 1, flat("0", "0.00002", 1000)), route("less", 2, flat("0", "0.00001", 1000))],
            1000,
            json!(["less", "more"]),
            "rounded amounts compared",
        ),
        (
            vec![
                with(route("dollars", 1, flat("0", "1.00", 1000)), json!({"fx": "0.90"})),
                route("euros", 2, flat("0", "0.95", 1000)),
            ],
            1000,
            json!(["dollars", "euros"]),
            "currencies compared as numbers",
        ),
    ] {
        let got = ask(
            "lcr",
            &json!({"routes": routes, "call": {"a": "1", "b": "2", "answer": "2026-03-10T11:00:00Z"}, "expected_ms": ms}),
        );
        assert_eq!(got["order"], want, "naive: {mistake}");
    }
}

#[test]
fn a_ledger_posts_each_revision_once() {
    let event = |key: &str, net: &str, revision: Option<u32>| match revision {
        None => json!({"key": key, "net": net}),
        Some(revision) => json!({"key": key, "net": net, "revision": revision}),
    };
    for (events, entries, balance, mistake) in [
        (
            json!([event("a", "0.20", None), event("a", "0.20", None)]),
            json!(["0.20"]),
            "0.20",
            "a repeated delivery posted twice",
        ),
        (
            json!([event("a", "0.20", Some(1)), event("a", "0.90", Some(0))]),
            json!(["0.20"]),
            "0.20",
            "an older revision posted",
        ),
        (
            json!([event("a", "0.20", Some(1)), event("a", "0.90", Some(1))]),
            json!(["0.20"]),
            "0.20",
            "the same revision posted again",
        ),
        (
            json!([event("a", "0.25", None), event("a", "0.20", Some(2))]),
            json!(["0.25", "-0.05"]),
            "0.20",
            "a lower amount not given back",
        ),
        (
            json!([event("a", "0.20", None), event("b", "0.20", None)]),
            json!(["0.20", "0.20"]),
            "0.40",
            "amounts compared instead of keys",
        ),
        (
            json!([event("a", "0.20", None), event("a", "0.25", Some(1)), event("a", "0.20", None)]),
            json!(["0.20", "0.05"]),
            "0.25",
            "a late first delivery posted",
        ),
        (
            json!([{"key": "a", "net": null}, event("a", "0.25", Some(1))]),
            json!(["0.25"]),
            "0.25",
            "an unrated leg posted as 0",
        ),
        (
            json!([{"key": "a", "party": "caller", "net": "1.0"}, {"key": "a", "party": "company", "net": "2.0"}]),
            json!(["1.0", "2.0"]),
            "3.0",
            "the party is no part of the key",
        ),
    ] {
        let got = ask("ledger", &json!({"events": events}));
        assert_eq!((&got["entries"], &got["balance"]), (&entries, &json!(balance)), "{events}; naive: {mistake}");
    }
}

#[test]
fn invoices_exchange_and_time_round_once() {
    for (op, input, key, want, mistake) in [
        (
            "invoice",
            json!({"nets": ["0.01", "0.01", "0.01"], "tax": "0.21", "scale": 2}),
            "tax",
            json!("0.01"),
            "tax of each: 0.00",
        ),
        ("invoice", json!({"nets": ["0.01", "0.01", "0.01"], "tax": "0.21", "scale": 2}), "gross", json!("0.04"), "-"),
        (
            "invoice",
            json!({"nets": ["0.1000", null, "0.0049"], "tax": "0", "scale": 2}),
            "net",
            json!("0.10"),
            "an unrated leg refuses the invoice",
        ),
        (
            "fx",
            json!({"tariff": with(tariff(all(flat("0", "0.10", 1000))), json!({"scale": 2})), "call": call(3000), "fx": "10", "scale": 2}),
            "net",
            json!("0.05"),
            "the stored 0.01 converted: 0.10",
        ),
        (
            "fx",
            json!({"tariff": tariff(all(flat("0", "0.10", 60000))), "call": call(3000), "fx": [{"from": "2026-03-11", "rate": "3"}, {"from": "2026-01-01", "rate": "2"}]}),
            "net",
            json!("0.2000"),
            "the last rate",
        ),
        ("fx", json!({"tariff": {"versions": []}, "call": call(3000), "fx": "1"}), "net", Value::Null, "0 for unrated"),
        ("agent_cost", json!({"per_hour": "10", "ms": 1, "scale": 8}), "net", json!("0.00000278"), "a float"),
        (
            "agent_cost",
            json!({"per_hour": "12.00", "ms": 100_000, "scale": 2, "rounding": "up"}),
            "net",
            json!("0.34"),
            "-",
        ),
        (
            "sum_call",
            json!({"legs": [
            {"tariff": with(tariff(all(flat("0", "0.10", 1000))), json!({"scale": 2})), "call": call(3000)},
            {"tariff": with(tariff(all(flat("0", "0.10", 1000))), json!({"scale": 2})), "call": call(3000)}], "scale": 2}),
            "total",
            json!("0.02"),
            "the sum of exact parts: 0.01",
        ),
        (
            "sum_call",
            json!({"legs": [{"tariff": {"versions": []}, "call": call(3000)}], "agent": {"per_hour": "36", "ms": 1000}, "scale": 2}),
            "parts",
            json!([null, "0.01"]),
            "0 for unrated",
        ),
        (
            "sum_call",
            json!({"legs": [{"tariff": {"versions": []}, "call": call(3000)}], "scale": 2}),
            "total",
            Value::Null,
            "0 for unrated",
        ),
    ] {
        assert_eq!(ask(op, &input)[key], want, "{op} {input}; naive: {mistake}");
    }
}

#[test]
fn a_budget_lasts_longer_behind_a_change_of_band() {
    let night = band("night", json!([1, 2, 3, 4, 5, 6, 7]), "22:00", "08:00", 1, "0.06");
    let tariff = tariff(json!([{"b": "", "default": flat("0", "0.60", 1000), "bands": [night]}]));
    // A minute at 0.60, then 0.40 at 0.06 a minute.
    let got = ask(
        "max_duration",
        &json!({"tariff": tariff, "call": {"b": "1", "answer": "2026-03-10T20:59:00Z"}, "budget": "1.00", "cap_ms": 86_400_000}),
    );
    assert_eq!(got["max_ms"], 60_000 + 400_000);
}
