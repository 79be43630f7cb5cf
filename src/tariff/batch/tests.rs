//! Lines in, lines out.

use super::*;

/// Runs lines; the answers without their ids.
fn run(lines: &[&str]) -> Vec<String> {
    let (mut batch, mut out) = (Batch::default(), String::new());
    for line in lines {
        batch.line(line, &mut out);
    }
    out.lines().map(str::to_owned).collect()
}

/// 0.02 a minute by the second to all numbers, for the company.
const PLAIN: &str = r#"{"currency":"EUR","tz":"Europe/Madrid","scale":4,"rounding":"half_up","tax":"0.21","versions":[{"valid_from":"2026-01-01T00:00:00Z","revision":0,"rules":[{"b":"34","party":"company","default":{"setup":"0","slots":[{"at":0,"price":"0.02","per":60000,"inc":1000}]}}]}]}"#;

fn one(op: &str, input: &str) -> String {
    let input = input.replace("$T", PLAIN);
    run(&[&format!(r#"{{"id":1,"op":"{op}","input":{input}}}"#)]).pop().unwrap()
}

#[test]
fn the_example_of_every_operation() {
    let call = r#"{"a":"34600111222","b":"34912345678","answer":"2026-03-10T11:00:00Z","duration_ms":90000}"#;
    let minute = call.replace("90000", "60000");
    let unanswered_end = r#"{"a":"34600111222","b":"34912345678","answer":"2026-03-10T11:00:00Z"}"#;
    for (op, input, want) in [
        (
            "rate",
            format!(r#"{{"tariff":$T,"call":{call},"party":"company"}}"#),
            r#"{"id":1,"status":"rated","net":"0.0300","gross":"0.0363","tax":"0.0063","billed_ms":90000,"breakdown":[{"band":"default","slot_at_ms":0,"increments":90}]}"#,
        ),
        ("normalize", r#"{"raw":"912 345 678","country":"34"}"#.to_owned(), r#"{"id":1,"key":"34912345678"}"#),
        ("validate", r#"{"tariff":$T}"#.to_owned(), r#"{"id":1,"error":null}"#),
        (
            "max_duration",
            format!(r#"{{"tariff":$T,"call":{unanswered_end},"party":"company","budget":"0.50","cap_ms":86400000}}"#),
            r#"{"id":1,"max_ms":1500000}"#,
        ),
        (
            "interim",
            format!(r#"{{"tariff":$T,"call":{minute},"party":"company","cuts_ms":[30000,60000]}}"#),
            r#"{"id":1,"debits":["0.0100","0.0100"],"total":"0.0200"}"#,
        ),
        (
            "concurrent",
            r#"{"budget":"0.30","increment_ms":60000,"increment_cost":"0.10","answers_ms":[0,5000]}"#.to_owned(),
            r#"{"id":1,"cut_ms":[120000,65000],"spent":"0.30"}"#,
        ),
        ("allocate", r#"{"total":"1.00","weights":[1,2],"scale":2}"#.to_owned(), r#"{"id":1,"parts":["0.33","0.67"]}"#),
        (
            "lcr",
            format!(
                r#"{{"routes":[{{"id":"B","prio":2,"tariff":$T}},{{"id":"A","prio":1,"tariff":$T}}],"call":{unanswered_end},"party":"company","expected_ms":60000}}"#
            ),
            r#"{"id":1,"order":["A","B"]}"#,
        ),
        (
            "ledger",
            r#"{"events":[{"key":"c9/leg1","net":"0.20"},{"key":"c9/leg1","net":"0.25","revision":1}]}"#.to_owned(),
            r#"{"id":1,"entries":["0.20","0.05"],"balance":"0.25"}"#,
        ),
        (
            "invoice",
            r#"{"nets":["0.10","0.20"],"tax":"0.21","scale":2,"rounding":"half_up"}"#.to_owned(),
            r#"{"id":1,"net":"0.30","tax":"0.06","gross":"0.36"}"#,
        ),
        (
            "fx",
            format!(r#"{{"tariff":$T,"call":{minute},"party":"company","fx":"1.10","scale":4,"rounding":"half_up"}}"#),
            r#"{"id":1,"net":"0.0220"}"#,
        ),
        (
            "agent_cost",
            r#"{"per_hour":"12.00","ms":300000,"scale":4,"rounding":"half_up"}"#.to_owned(),
            r#"{"id":1,"net":"1.0000"}"#,
        ),
        (
            "sum_call",
            format!(
                r#"{{"legs":[{{"tariff":$T,"call":{call}}},{{"tariff":$T,"call":{minute}}}],"agent":{{"per_hour":"12.00","ms":300000}},"scale":4,"rounding":"half_up"}}"#
            ),
            r#"{"id":1,"parts":["0.0300","0.0200","1.0000"],"total":"1.0500"}"#,
        ),
    ] {
        assert_eq!(one(op, &input), want, "{op}");
    }
}

#[test]
fn a_line_that_says_nothing_is_answered_and_the_next_goes_on() {
    let good = r#"{"id":"x","op":"allocate","input":{"total":"1","weights":[1],"scale":0}}"#;
    for (line, want) in [
        ("not json", r#"{"id":null,"error":"malformed"}"#),
        (r#"{"id":7"#, r#"{"id":null,"error":"malformed"}"#),
        (r#"{"id":7}"#, r#"{"id":7,"error":"missing_op"}"#),
        (r#"{"id":"a\"b","op":"rate"}"#, r#"{"id":"a\"b","error":"missing_input"}"#),
        (r#"{"id":7,"op":"juggle","input":{}}"#, r#"{"id":7,"error":"unknown_op"}"#),
        (r#"{"id":7,"op":"rate","input":[]}"#, r#"{"id":7,"error":"malformed"}"#),
        (r#"{"id":7,"op":"rate","input":{}}"#, r#"{"id":7,"error":"missing_tariff"}"#),
        (r#"{"id":7,"op":"rate","input":{"tariff":0}}"#, r#"{"id":7,"error":"malformed"}"#), // no place of one before
        (r#"{"id":7,"op":"rate","input":{"tariff":{"scale":4}}}"#, r#"{"id":7,"error":"missing_call"}"#),
        (r#"{"id":7,"op":"rate","input":{"tariff":{"scale":9},"call":{}}}"#, r#"{"id":7,"error":"setting"}"#),
        (
            r#"{"id":7,"op":"rate","input":{"tariff":{"x":"}"},"call":{"answer":"now"}}}"#,
            r#"{"id":7,"error":"bad_answer"}"#,
        ),
        (r#"{"id":7,"op":"rate","input":{"tariff":{"#, r#"{"id":null,"error":"malformed"}"#),
        (r#"{"id":"\"tariff\":5","op":"x","input":{}}"#, r#"{"id":"\"tariff\":5","error":"unknown_op"}"#),
        (
            r#"{"id":1,"op":"allocate","input":{"total":"1e17","weights":["1e17","1e17"]}}"#,
            r#"{"id":1,"parts":["50000000000000000","50000000000000000"]}"#,
        ),
        (r#"{"id":1,"op":"allocate","input":{"total":"1","weights":[-1]}}"#, r#"{"id":1,"error":"bad_weights"}"#),
    ] {
        let got = run(&[line, good]);
        assert_eq!(got, [want, r#"{"id":"x","parts":["1"]}"#], "{line}");
    }
}

#[test]
fn a_refused_tariff_says_so_by_its_code_and_only_validate_takes_that_for_an_answer() {
    let bad = PLAIN.replace(r#""per":60000"#, r#""per":7000"#);
    let line = |op: &str| {
        format!(
            r#"{{"id":1,"op":"{op}","input":{{"tariff":{bad},"call":{{"a":"1","b":"2","answer":"2026-01-01T00:00:00Z","duration_ms":5}}}}}}"#
        )
    };
    let (mut batch, mut out) = (Batch::default(), String::new());
    assert!(batch.line(&line("validate"), &mut out));
    assert!(!batch.line(&line("rate"), &mut out));
    let error = r#"{"id":1,"error":"slot_per_not_divisor_of_hour"}"#;
    assert_eq!(out.lines().collect::<Vec<_>>(), [error, error]);
}

#[test]
fn tariffs_seen_before_price_as_when_they_were_new_and_are_forgotten_at_the_bound() {
    let line = |price: usize| {
        let tariff = PLAIN.replace("0.02", &format!("0.{:04}", price));
        format!(
            r#"{{"id":{price},"op":"rate","input":{{"call":{{"a":"","b":"34912345678","answer":"2026-03-10T11:00:00Z","duration_ms":60000}},"tariff":{tariff}}}}}"#
        )
    };
    let (mut batch, mut out) = (Batch::default(), String::new());
    for price in (0..KNOWN_MAX + 20).chain([3, 3, 5]) {
        out.clear();
        batch.line(&line(price), &mut out);
        let want = format!("{{\"id\":{price},\"status\":\"rated\",\"net\":\"0.{price:04}\"");
        assert!(out.starts_with(&want), "{out}");
        assert!(batch.known.len() <= KNOWN_MAX + 1);
    }
}

/// Lines as programs write them, and what may be wrong with them; `$T` stands for the tariff.
const LINES: [&str; 9] = [
    r#"{"id":7,"op":"rate","input":{"tariff":$T,"call":{"a":"34600111222","b":"34912345678","answer":"2026-03-10T11:00:00Z","duration_ms":90000},"party":"company"}}"#,
    r#"{ "op" : "rate" , "id" : "x-1" , "input" : { "call" : { "b" : "34912345678", "answer" : "2026-03-10 11:00", "end":"2026-03-10T11:01:30.5Z" }, "tariff" : $T } } "#,
    r#"{"id":-1.50,"op":"rate","input":{"tariff":$T,"call":{"a":"","b":34912345678,"answer":1773140400000,"duration_ms":"61000","answered":true}}}"#,
    r#"{"id":0,"op":"rate","input":{"tariff":$T,"call":{"b":"34912345678","answered":false}}}"#,
    r#"{"id":1e2,"op":"rate","input":{"tariff":$T,"call":{"b":"3491\u0032345678","answer":"2026-03-10T11:00:00Z","duration_ms":1e3}}}"#,
    r#"{"id":null,"op":"rate","input":{"tariff":$T,"call":null,"party":"nobody","extra":[1]}}"#,
    r#"{"id":01,"op":"rate","input":{"tariff":$T,"party":"company"}}"#,
    r#"{"id":"ñ","op":"rate","op":"rate","input":{"tariff":$T,"call":{"b":"34912345678"}}}"#,
    r#"{"id":"\"","op":"rate","input":{"call":{"b":"44","answer":"2026-03-10T11:00:00Z","duration_ms":5},"tariff":$T}}"#,
];

#[test]
fn the_quick_way_answers_as_the_thorough_one_whatever_is_changed_in_a_line() {
    let mut dice = turno_base::Seeded::new(3);
    let (mut batch, mut quickly) = (Batch::default(), 0);
    for round in 0..20_000 {
        let mut line = LINES[round % LINES.len()].to_owned();
        for _ in 0..dice.below(3) {
            let at = dice.below(line.len() as u64 + 1) as usize;
            let put = &r#"{}[]":,\ 0123456789.-eE+tfnull"#[dice.below(28) as usize..][..1];
            let cut = (at + dice.below(2) as usize).min(line.len());
            if line.is_char_boundary(at) && line.is_char_boundary(cut) {
                line.replace_range(at..cut, put);
            }
        }
        let line = line.replace("$T", PLAIN);
        let (mut quick, mut thorough) = (String::new(), String::new());
        let well = batch.line_by(&line, &mut quick, |line, known, last| {
            let found = quick::rate(line, known, last);
            quickly += u64::from(found.is_some());
            found
        });
        assert_eq!(batch.line_by(&line, &mut thorough, |_, _, _| None), well, "{line}");
        assert_eq!(quick, thorough, "{line}");
    }
    // Else the test would show less than it says.
    assert!((3000..17_000).contains(&quickly), "{quickly} of 20,000 lines went the quick way");
}
