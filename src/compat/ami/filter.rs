//! Filters of a connection (`Action: Filter`): which of the events that it may see it wants.

use regex_lite::{Regex, RegexBuilder};

use super::exchange::Event;

/// Most filters of a connection.
pub(super) const FILTERS_MAX: usize = 32;
/// Longest expression.
const EXPRESSION_BYTES_MAX: usize = 512;
/// Largest compiled expression.
const COMPILED_BYTES_MAX: usize = 64 << 10;

/// What a connection wants: without filters all; with some that include, only what one of them matches; never what one
/// excludes.
#[derive(Debug, Default)]
pub(super) struct Filters(Vec<Filter>);

#[derive(Debug)]
struct Filter {
    excludes: bool,
    /// Of events by this name only.
    name: Option<String>,
    /// In the value of this line; none: in the whole event.
    header: Option<String>,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Any,
    Regex(Regex),
    Exact(String),
    Begins(String),
    Ends(String),
    Contains(String),
}

/// Why a filter is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadFilter {
    /// The expression does not compile, or is too large.
    Expression,
    /// The criteria are none.
    Criteria,
    /// There are [`FILTERS_MAX`] already.
    TooMany,
}

impl Filters {
    /// One more: `criteria` as in `name(Hangup),header(Channel),method(starts_with)`, empty for an expression over the whole
    /// event that a `!` before it makes exclude.
    pub(super) fn add(&mut self, criteria: &str, value: &str) -> Result<(), BadFilter> {
        if self.0.len() >= FILTERS_MAX {
            return Err(BadFilter::TooMany);
        }
        let filter = if criteria.is_empty() {
            let (excludes, value) = value.strip_prefix('!').map_or((false, value), |rest| (true, rest));
            Filter { excludes, name: None, header: None, test: regex(value)? }
        } else {
            advanced(criteria, value)?
        };
        self.0.push(filter);
        Ok(())
    }

    /// Whether the connection wants the event.
    pub(super) fn wants(&self, event: &Event) -> bool {
        let matches = |excludes| self.0.iter().any(move |filter| filter.excludes == excludes && filter.matches(event));
        (self.0.iter().all(|filter| filter.excludes) || matches(false)) && !matches(true)
    }
}

fn regex(expression: &str) -> Result<Test, BadFilter> {
    if expression.is_empty() || expression.len() > EXPRESSION_BYTES_MAX {
        return Err(BadFilter::Expression);
    }
    let built = RegexBuilder::new(expression).size_limit(COMPILED_BYTES_MAX).build();
    built.map(Test::Regex).map_err(|_| BadFilter::Expression)
}

fn advanced(criteria: &str, value: &str) -> Result<Filter, BadFilter> {
    let mut filter = Filter { excludes: false, name: None, header: None, test: Test::Any };
    let mut method = None;
    for part in criteria.split(',') {
        let (word, of) =
            part.trim().strip_suffix(')').and_then(|part| part.split_once('(')).ok_or(BadFilter::Criteria)?;
        let of = of.trim().to_owned();
        match word.trim() {
            "action" => {
                filter.excludes = match of.as_str() {
                    "include" => false,
                    "exclude" => true,
                    _ => return Err(BadFilter::Criteria),
                }
            }
            "name" => filter.name = Some(of),
            "header" => filter.header = Some(of),
            "method" => method = Some(of),
            _ => return Err(BadFilter::Criteria),
        }
    }
    let value = value.to_owned();
    filter.test = match method.as_deref() {
        Some("none") => Test::Any,
        None if value.is_empty() => Test::Any,
        None | Some("regex") => regex(&value)?,
        Some("exact") => Test::Exact(value),
        Some("starts_with") => Test::Begins(value),
        Some("ends_with") => Test::Ends(value),
        Some("contains") => Test::Contains(value),
        Some(_) => return Err(BadFilter::Criteria),
    };
    Ok(filter)
}

impl Filter {
    fn matches(&self, event: &Event) -> bool {
        if self.name.as_ref().is_some_and(|name| name != event.name) {
            return false;
        }
        let Some(header) = &self.header else { return self.test.holds(&event.text) };
        let values = event.text.lines().filter_map(|line| line.split_once(": "));
        values.filter(|(name, _)| name == header).any(|(_, value)| self.test.holds(value))
    }
}

impl Test {
    fn holds(&self, text: &str) -> bool {
        match self {
            Test::Any => true,
            Test::Regex(regex) => regex.is_match(text),
            Test::Exact(value) => text == value,
            Test::Begins(value) => text.starts_with(value),
            Test::Ends(value) => text.ends_with(value),
            Test::Contains(value) => text.contains(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::Block;
    use super::*;
    use crate::shell::config::ami::Classes;

    #[test]
    fn filters_include_and_exclude() {
        let event = |name: &'static str, channel: &str| {
            Event::new(name, Classes::CALL, &Block::new().with("Channel", channel).with("Queue", "averias"))
        };
        let all = [event("Hangup", "PJSIP/1001-1"), event("Newstate", "PJSIP/1001-1"), event("Hangup", "PJSIP/1002-2")];
        for (filters, wanted) in [
            (&[][..], [true, true, true]),
            (&[("", "Event: Hangup")], [true, false, true]),
            (&[("", "!Event: Hangup")], [false, true, false]),
            (&[("", "Event: Hangup"), ("", "!1001-")], [false, false, true]),
            (&[("name(Hangup),header(Channel),method(starts_with)", "PJSIP/1002")], [false, false, true]),
            (&[("action(exclude),header(Channel),method(exact)", "PJSIP/1001-1")], [false, false, true]),
            (&[("name(Newstate)", "")], [false, true, false]),
            (&[("header(Channel),method(ends_with)", "-2")], [false, false, true]),
            (&[("header(Queue),method(contains)", "veria")], [true, true, true]),
        ] {
            let mut of = Filters::default();
            filters.iter().for_each(|(criteria, value)| of.add(criteria, value).unwrap());
            assert_eq!(all.each_ref().map(|event| of.wants(event)), wanted, "{filters:?}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused_and_there_are_so_many_at_most() {
        let long = "x".repeat(EXPRESSION_BYTES_MAX + 1);
        for (criteria, value, why) in [
            ("", "", BadFilter::Expression),
            ("", "(", BadFilter::Expression),
            ("", &long, BadFilter::Expression),
            ("", "((a{99}){99}){99}", BadFilter::Expression),
            ("name", "x", BadFilter::Criteria),
            ("colour(red)", "x", BadFilter::Criteria),
            ("method(guess)", "x", BadFilter::Criteria),
            ("action(perhaps)", "x", BadFilter::Criteria),
        ] {
            assert_eq!(Filters::default().add(criteria, value), Err(why), "{criteria} {value}");
        }
        let mut of = Filters::default();
        (0..FILTERS_MAX).for_each(|_| of.add("", "x").unwrap());
        assert_eq!(of.add("", "x"), Err(BadFilter::TooMany));
    }
}
