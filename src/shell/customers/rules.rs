//! Rules of value as an operator writes them (TOML), for the command line and for a running engine.

use serde::Deserialize;
use turno_base::{Name, SegmentId};
use turno_customers::customer::Kind;
use turno_customers::import::per_mille;
use turno_customers::value::{Rule, When};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rules: Vec<Written>,
}

/// A rule as an operator writes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: Name,
    kind: Option<Kind>,
    flag: Option<Name>,
    segment_now: Option<SegmentId>,
    disposition: Option<Name>,
    #[serde(default)]
    open_cases: usize,
    #[serde(default)]
    recency: u8,
    #[serde(default)]
    frequency: u8,
    #[serde(default)]
    money: u8,
    value: Option<toml::Value>,
    segment: Option<SegmentId>,
}

/// Reads a file of rules; the error is a sentence.
pub fn rules_of(text: &str) -> Result<Vec<Rule>, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    file.rules.into_iter().map(rule).collect()
}

fn rule(of: Written) -> Result<Rule, String> {
    let value = of.value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let value_pm = value.map(|text| {
        per_mille(&text).ok_or_else(|| format!("rule {}: {text} is no value; write a number such as 1 or 2.5", of.name))
    });
    if [of.recency, of.frequency, of.money].iter().any(|score| *score > 5) {
        return Err(format!("rule {}: scores go from 1 to 5", of.name));
    }
    let (recency, frequency, money) = (of.recency, of.frequency, of.money);
    let when = When {
        kind: of.kind,
        flag: of.flag,
        segment: of.segment_now,
        said: of.disposition,
        cases: of.open_cases,
        recency,
        frequency,
        money,
    };
    Ok(Rule { name: of.name, when, value_pm: value_pm.transpose()?, segment: of.segment })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_as_an_operator_writes_them() {
        let text = "[[rules]]\nname = \"press\"\nflag = \"press\"\nvalue = 2.5\n\
                    [[rules]]\nname = \"best\"\nkind = \"company\"\nmoney = 5\nsegment = \"gold\"\n";
        let rules = rules_of(text).unwrap();
        assert_eq!((rules.len(), rules[0].value_pm, rules[1].when.money), (2, Some(2500), 5));
        for (text, want) in [
            ("[[rules]]\nname = \"x\"\nmoney = 6\n", "rule x: scores go from 1 to 5"),
            ("[[rules]]\nname = \"x\"\nvalue = -1\n", "rule x: -1 is no value; write a number such as 1 or 2.5"),
        ] {
            assert_eq!(rules_of(text).unwrap_err(), want);
        }
        assert!(rules_of("[[rules]]\nname = \"x\"\ncolour = 1\n").unwrap_err().contains("colour"));
    }
}
