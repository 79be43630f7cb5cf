//! Scenario files: those that come along can be played, and what is wrong with others is said.

use crate::scenario::ScenarioError;
use crate::{ReadError, SHIPPED, parse};

const LEAST: &str = "
name = 'least'
title = 'as little as it takes'
hours = 1
days = 1
seed = 1
calls_per_day = 10
[[queue]]
name = 'calls'
share = 1
handle_s = 60
[[segment]]
name = 'all'
share = 1
value = 1
target_s = 20
[[group]]
name = 'a'
agents = 1
skills = { calls = [1] }
";

#[test]
fn every_scenario_that_comes_along_can_be_played() {
    for (name, text) in SHIPPED {
        let scenario = parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(scenario.name.as_str(), name);
    }
    // The reference centre is the specified one.
    let mid = super::named("mid");
    assert_eq!((mid.agents(), mid.days, mid.load), (60, 60, Some(0.88)));
    assert_eq!(super::named("large").agents(), 600);
    assert_eq!(super::named("crosstrained-75").agents(), 75);
}

#[test]
fn a_scenario_says_only_what_it_has_other_than_another() {
    let (mid, busy) = (super::named("mid"), super::named("overload"));
    assert_eq!(busy.load, Some(1.05));
    assert_eq!((&busy.groups, &busy.queues, &busy.segments), (&mid.groups, &mid.queues, &mid.segments));
    let other_volume = parse("like = 'mid'\nname = 'quiet'\ncalls_per_day = 100").unwrap();
    assert_eq!((other_volume.load, other_volume.calls_expected()), (None, 100.0));
    assert_eq!(parse("like = 'nowhere'").unwrap_err(), ReadError::Like("nowhere".to_owned()));
    assert_eq!(parse("like = 'overload'").unwrap_err(), ReadError::Like("overload".to_owned()));
}

#[test]
fn what_is_wrong_is_named() {
    let cases = [
        ("hours = 1", "hours = 1000", "line 4: hours must be 0.1 to 240"),
        ("calls_per_day = 10", "", "give either load or calls_per_day"),
        ("calls_per_day = 10", "calls_per_day = 10\nload = 0.5", "give either load or calls_per_day"),
        ("calls_per_day = 10", "load = 10\nprofile = [0]", "the scenario has no [[profile]]"),
        ("agents = 1", "agents = 5001", "line 19: group.agents must be 1 to 5000 in all"),
        ("agents = 1", "agents = 0", "line 19: group.agents must be 1 to 5000 in all"),
        ("calls = [1]", "calls = [11]", "line 20: group a: calls must be levels of 1 to 10"),
        ("calls = [1]", "other = [1]", "line 20: group a: other names \"other\", which the scenario does not have"),
        ("calls = [1]", "", "no group has the skill of queue calls"),
        ("value = 1", "value = 0", "line 15: segment all: value must be 0.001 to 1000000"),
        (
            "value = 1",
            "value = 1\nring = [{ level = 11, for_s = 2 }]",
            "line 16: segment all: ring.level must be 1 to 10",
        ),
        ("handle_s = 60", "handle_s = 0", "line 11: queue calls: handle_s must be 1 to 86400"),
        ("hours = 1", "hours = 1\nopens = '8'", "line 5: opens must be a time such as 08:30"),
        ("hours = 1", "hours = 1\nring = { answer_max_s = 20 }", "line 5: ring.answer_max_s must be 0 to limit_s"),
        ("hours = 1", "hours = 1\nring = { limit_s = 200 }", "line 5: ring.limit_s must be 1 to 180"),
        ("hours = 1", "hours = 1\nturno = { value_exponent = 3 }", "line 5: turno.value_exponent must be 0 to 2"),
        ("agents = 1", "agents = 1\nto = '8'", "line 20: group a: to must be a time such as 08:30"),
    ];
    for (from, to, says) in cases {
        let error = parse(&LEAST.replacen(from, to, 1)).unwrap_err();
        assert_eq!(error.to_string(), says, "{to}");
    }
    // Of several the one that is wrong, and its table where the key itself is absent.
    let two = format!(
        "{LEAST}[[surge]]\nfrom = '08:10'\nto = '08:20'\nfactor = 2\n[[surge]]\nfrom = '08:10'\nto = '8'\nfactor = 2"
    );
    assert_eq!(parse(&two).unwrap_err().to_string(), "line 27: surge.to must be a time such as 08:30");
    let derived = LEAST.replacen("calls_per_day = 10", "load = 10", 1).replacen("share = 1", "share = 1000000000", 1);
    assert!(parse(&derived).is_ok(), "shares are weights");
    // What a scenario is like is not its text.
    let like = parse("like = 'mid'\nname = 'x'\n\n\n[ring]\nanswer_min_s = 3\n").unwrap_err();
    assert_eq!(like.to_string(), "line 6: ring.answer_min_s must be 0 to answer_max_s");
    assert!(parse(LEAST).is_ok());
    let unknown = parse(&LEAST.replacen("hours = 1", "hours = 1\nminutes = 3", 1)).unwrap_err();
    assert!(unknown.to_string().contains("unknown field `minutes`"), "{unknown}");
    for (text, line) in [("like = 'mid'\n\nminutes = 3\n", 3), ("days = 'x'\nlike='mid'", 1), ("name = 'x'\nlike", 2)] {
        let fault = parse(text).unwrap_err().to_string();
        assert!(fault.contains(&format!("line {line}, column ")), "{fault}");
    }
    let too_many = parse(&LEAST.replacen("calls_per_day = 10", "calls_per_day = 2000000", 1)).unwrap_err();
    let out_of_range =
        matches!(too_many, ReadError::Scenario { line: Some(7), error: ScenarioError::OutOfRange { .. } });
    assert!(out_of_range, "{too_many}");
}
