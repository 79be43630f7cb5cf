//! What other programs send that nobody would write: every part of every operation spoilt in every way, and one line answered for each.

use serde_json::Value;

use super::*;

/// A plain tariff, and an input of each operation with every part that it knows.
const TARIFF: &str = r#"{"tz":"Europe/Madrid","tax":"0.21","holidays":["2026-12-25"],"zones":{"es":["34"]},"versions":[{"valid_from":"2026-01-01T00:00:00Z","revision":0,"rules":[{"b":"@es","a":"","party":"company","min_charge":"0.01","max_charge":"9","max_charge_strategy":"free","min_duration_ms":0,"no_charge_under_ms":0,"default":{"setup":"0","slots":[{"at":0,"price":"0.02","per":60000,"inc":1000}]},"bands":[{"name":"night","days":[1,2],"from":"22:00","to":"08:00","prio":1,"rate":{"slots":[{"at":0,"price":"0.01","per":60000,"inc":1000}]}}]}]}]}"#;
const CALL: &str =
    r#"{"a":"34600111222","b":"34912345678","answer":"2026-03-10T11:00:00Z","duration_ms":90000,"answered":true}"#;
const ENDED: &str =
    r#"{"a":"34600111222","b":"34912345678","answer":"2026-03-10T11:00:00Z","end":"2026-03-10T11:01:30Z"}"#;
const OPS: [(&str, &str); 14] = [
    ("rate", r#"{"tariff":$T,"call":$C,"party":"company"}"#),
    ("rate", r#"{"tariff":$T,"call":$E,"party":"company"}"#),
    ("normalize", r#"{"raw":"912 345 678","country":"34"}"#),
    ("validate", r#"{"tariff":$T}"#),
    ("max_duration", r#"{"tariff":$T,"call":$C,"party":"company","budget":"0.50","cap_ms":86400000}"#),
    ("interim", r#"{"tariff":$T,"call":$C,"party":"company","cuts_ms":[30000,60000]}"#),
    ("concurrent", r#"{"budget":"0.30","increment_ms":60000,"increment_cost":"0.10","answers_ms":[0,5000]}"#),
    ("allocate", r#"{"total":"1.00","weights":[1,2],"scale":2,"rounding":"up"}"#),
    (
        "lcr",
        r#"{"routes":[{"id":"A","prio":1,"tariff":$T,"fx":"1.1"},{"id":"B","prio":2,"tariff":$T}],"call":$E,"party":"company","expected_ms":60000}"#,
    ),
    (
        "ledger",
        r#"{"events":[{"key":"a","party":"company","net":"0.20","revision":0},{"key":"a","net":"0.25","revision":1}],"scale":2}"#,
    ),
    ("invoice", r#"{"nets":["0.10","0.20"],"tax":"0.21","scale":2,"rounding":"half_up"}"#),
    (
        "fx",
        r#"{"tariff":$T,"call":$C,"party":"company","fx":[{"from":"2026-01-01","rate":"1.10"}],"scale":4,"rounding":"half_up"}"#,
    ),
    ("agent_cost", r#"{"per_hour":"12.00","ms":300000,"scale":4,"rounding":"half_up"}"#),
    (
        "sum_call",
        r#"{"legs":[{"tariff":$T,"call":$C,"party":"company"}],"agent":{"per_hour":"12.00","ms":300000},"scale":4,"rounding":"half_up"}"#,
    ),
];

/// What stands where a value should, as it is written.
const SPOILT: [&str; 30] = [
    "null",
    "true",
    "\"\"",
    "\"x\"",
    "-1",
    "\"-1\"",
    "0",
    "1",
    "19",
    "0.5",
    "1e400",
    "1e-2147483648",
    "\"1e2147483647\"",
    "9223372036854775807",
    "-9223372036854775808",
    "99999999999999999999999999999999999999999",
    "\"999999999999999999.999999999999999999\"",
    "\"-999999999999999999.999999999999999999\"",
    "1e18",
    "\"NaN\"",
    "\"Infinity\"",
    "[]",
    "{}",
    "[[[[null]]]]",
    r#"{"tariff":{"tariff":3}}"#,
    "\"9999-12-31T23:59:59Z\"",
    "\"-009-01-01\"",
    "\"2026-02-30T25:61:61Z\"",
    "\"\\ud800\"",
    "\"\\u0000\"",
];

/// What every answer has. Numbers of an input, beyond those that programs compute with too, may stand in the others.
#[derive(serde::Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
}

fn written(input: &str) -> String {
    input.replace("$T", TARIFF).replace("$C", CALL).replace("$E", ENDED)
}

/// The places of all values below this one, itself first.
fn places(value: &Value, path: &str, out: &mut Vec<String>) {
    out.push(path.to_owned());
    match value {
        Value::Object(parts) => parts.iter().for_each(|(key, part)| places(part, &format!("{path}/{key}"), out)),
        Value::Array(parts) => {
            parts.iter().enumerate().for_each(|(at, part)| places(part, &format!("{path}/{at}"), out))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The input without the part at a place.
fn without(input: &Value, path: &str) -> Option<Value> {
    let mut input = input.clone();
    let (above, key) = path.rsplit_once('/')?;
    match input.pointer_mut(above)? {
        Value::Object(parts) => drop(parts.remove(key)?),
        Value::Array(parts) => drop(parts.remove(key.parse().ok()?)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
    }
    Some(input)
}

#[test]
fn every_part_of_every_operation_may_be_anything_and_a_line_is_answered_by_a_line() {
    let (mut batch, mut out) = (Batch::default(), String::new());
    let (mut refused, mut answered) = (0, 0);
    let mut ask = |op: &str, input: &str| {
        out.clear();
        let well = batch.line(&format!(r#"{{"id":"n-7","op":"{op}","input":{input}}}"#), &mut out);
        assert!(out.ends_with('\n') && out.matches('\n').count() == 1, "{op} {input}: {out:?}");
        let answer: Answer<'_> =
            serde_json::from_str(&out).unwrap_or_else(|error| panic!("{op} {input}: {out}: {error}"));
        let error = answer.error.map(RawValue::get);
        let said = if well { op == "validate" || error.is_none() } else { error.is_some_and(|said| said != "null") };
        assert!(said, "{op} {input}: {out}");
        // What is no JSON at all has no id either; whatever is, keeps it.
        let id = answer.id.map(RawValue::get);
        assert!(id == Some("\"n-7\"") || (!well && error == Some("\"malformed\"")), "{op} {input}: {out}");
        if well { answered += 1 } else { refused += 1 }
    };
    for (op, input) in OPS {
        let input: Value = serde_json::from_str(&written(input)).unwrap();
        let mut all = Vec::new();
        places(&input, "", &mut all);
        for path in &all {
            for spoilt in SPOILT {
                let mut spoilt_input = input.clone();
                *spoilt_input.pointer_mut(path).unwrap() = Value::from("§");
                ask(op, &spoilt_input.to_string().replace("\"§\"", spoilt));
            }
            if let Some(less) = without(&input, path) {
                ask(op, &less.to_string());
            }
        }
    }
    // Else the test would show less than it says.
    assert!(refused > 2000 && answered > 2000, "{refused} refused, {answered} answered");
}

#[test]
fn what_is_amiss_is_named_and_what_is_only_odd_is_taken() {
    let long = format!(r#"{{"raw":"{}","country":"34"}}"#, "9".repeat(10 << 20));
    let deep = format!(r#"{{"raw":"112","country":"34","more":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    for (op, input, want, mistake) in [
        // Numbers as text, and texts as numbers.
        ("agent_cost", r#"{"per_hour":12,"ms":"300000","scale":"4"}"#, r#""net":"1.0000""#, "only one of them read"),
        (
            "rate",
            r#"{"tariff":$T,"call":{"b":34912345678,"answer":1773140400000,"duration_ms":"90000"}}"#,
            r#""net":"0.0300""#,
            "-",
        ),
        // Clocks that were set back: a call that took no time, never one that pays.
        (
            "rate",
            r#"{"tariff":$T,"call":{"b":"34912345678","answer":"2026-03-10T11:00:00Z","duration_ms":-5}}"#,
            r#""status":"not_chargeable","net":"0.0000""#,
            "the time counted as 2^64 less 5",
        ),
        (
            "rate",
            r#"{"tariff":$T,"call":{"b":"34912345678","answer":"2026-03-10T11:00:00Z","end":"2026-03-10T10:00:00Z"}}"#,
            r#""status":"not_chargeable","net":"0.0000""#,
            "an hour given back",
        ),
        (
            "rate",
            r#"{"tariff":$T,"call":{"b":"34912345678","answer":"2026-03-10T11:00:00Z"}}"#,
            r#""error":"missing_end""#,
            "a call that goes on is free",
        ),
        (
            "rate",
            r#"{"tariff":$T,"call":{"b":"34912345678","answer":"2026-03-10T11:00:00Z","duration_ms":1.5}}"#,
            r#""error":"bad_duration_ms""#,
            "cut to 1",
        ),
        ("rate", r#"{"tariff":$T,"call":null}"#, r#""error":"missing_call""#, "-"),
        ("rate", r#"{"tariff":null,"call":$C}"#, r#""error":"missing_tariff""#, "the tariff of the line before"),
        ("rate", r#"{"tariff":"x","call":$C}"#, r#""error":"malformed""#, "-"),
        ("rate", r#"{"tariff":$T,"call":$C,"party":"¿?"}"#, r#""error":"bad_party""#, "the company's price for nobody"),
        (
            "rate",
            r#"{"tariff":$T,"call":$C,"party":"reseller"}"#,
            r#""status":"unrated","net":null"#,
            "0.0000 for a party without rules",
        ),
        (
            "max_duration",
            r#"{"tariff":$T,"call":$C,"budget":"1e-2147483648"}"#,
            r#""error":"bad_budget""#,
            "a panic over the exponent",
        ),
        ("max_duration", r#"{"tariff":$T,"call":$C,"budget":"0.50","cap_ms":-1}"#, r#""max_ms":0"#, "no cap"),
        ("allocate", r#"{"total":"99999999999999999999","weights":[1]}"#, r#""error":"bad_total""#, "wrapped"),
        ("allocate", r#"{"total":"1","weights":[]}"#, r#""parts":[]"#, "a panic over nothing"),
        ("invoice", r#"{"nets":["0.1","x"]}"#, r#""error":"bad_nets""#, "what is no number passed over"),
        (
            "concurrent",
            r#"{"budget":"1","increment_ms":0,"increment_cost":"0.1","answers_ms":[0]}"#,
            r#""error":"bad_increment_ms""#,
            "a loop without end",
        ),
        (
            "fx",
            r#"{"tariff":$T,"call":$C,"fx":[{"from":"2027-01-01","rate":"1"}]}"#,
            r#""error":"bad_fx""#,
            "a rate before its date",
        ),
        ("sum_call", r#"{"legs":[{"call":$C}]}"#, r#""error":"missing_tariff""#, "-"),
        ("normalize", &long, r#""key":"""#, "the line of ten megabytes stops the rest"),
        ("normalize", &deep, r#""key":"34112""#, "a stack that ends"),
        ("Rate", r#"{"tariff":$T,"call":$C}"#, r#""error":"unknown_op""#, "-"),
    ] {
        let (mut batch, mut out) = (Batch::default(), String::new());
        let line = format!(r#"{{"id":1,"op":"{op}","input":{}}}"#, written(input));
        let well = batch.line(&line, &mut out);
        assert_eq!(well, !want.contains("error"), "{op} {want}");
        assert!(out.starts_with("{\"id\":1,") && out.contains(want), "{op} {want}: {out}; naive: {mistake}");
        // The one behind it is answered as if it were alone.
        out.clear();
        assert!(batch.line(r#"{"id":2,"op":"allocate","input":{"total":"1","weights":[1]}}"#, &mut out));
    }
    // A line is an object, not a list of what one would have.
    let (mut batch, mut out) = (Batch::default(), String::new());
    assert!(!batch.line(r#"[1,"normalize",{"raw":"112","country":"34"}]"#, &mut out));
    assert_eq!(out, "{\"id\":null,\"error\":\"malformed\"}\n");
}
