//! What calls teach of a customer's numbers: the ones that nobody answers and the ones that name somebody else become tasks
//! for whoever keeps the portfolio clean.

use serde::{Deserialize, Serialize};
use turno_base::{E164, Wall};

use crate::customer::{Customer, Line, Validity};

/// Unanswered calls in a row, after which a number counts as inactive.
pub const MISSES_MAX: u8 = 5;

/// What a call to or from a number showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// The customer called from it, or answered on it.
    Reached,
    /// It rang and nobody answered.
    NoAnswer,
    /// Busy, refused, or a failure of the network: says nothing about the number.
    Nothing,
    /// The network says that there is no such number.
    NoSuchNumber,
    /// Somebody else answered, who does not know the customer.
    SomebodyElse,
}

/// What is to be done by people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Ask for another number: nobody answers on this one.
    InactiveNumber,
    /// Remove or correct the number.
    WrongNumber,
}

impl TaskKind {
    /// The word in tables and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            TaskKind::InactiveNumber => "inactive_number",
            TaskKind::WrongNumber => "wrong_number",
        }
    }

    /// What is to be done.
    pub const fn sentence(self) -> &'static str {
        match self {
            TaskKind::InactiveNumber => "nobody answers there; ask the customer for another number",
            TaskKind::WrongNumber => "the number is not the customer's; remove it or correct it",
        }
    }
}

/// What follows from a call for the tasks about its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// Nothing new.
    Nothing,
    /// The number changed without a task.
    Changed,
    /// Somebody must look at it.
    Task(TaskKind),
    /// The number is good after all: what was asked about it is done.
    Settled,
}

/// Takes in what a call showed of one of the customer's numbers.
pub fn on_call(customer: &mut Customer, number: E164, shown: Shown, at: Wall) -> Learned {
    let Some(line) = customer.lines.iter_mut().find(|line| line.number == number) else { return Learned::Nothing };
    let was = line.validity;
    match (was, shown) {
        (_, Shown::Nothing) | (Validity::Wrong, Shown::NoAnswer) => Learned::Nothing,
        (Validity::Good, Shown::Reached) if line.misses == 0 => Learned::Nothing,
        (Validity::Unproven | Validity::Good, Shown::Reached) => {
            turn(line, at, Validity::Good, 0);
            Learned::Changed
        }
        (Validity::Inactive | Validity::Wrong, Shown::Reached) => {
            turn(line, at, Validity::Good, 0);
            Learned::Settled
        }
        (Validity::Inactive, Shown::NoAnswer) => {
            line.misses = line.misses.saturating_add(1);
            Learned::Changed
        }
        (Validity::Unproven | Validity::Good, Shown::NoAnswer) => {
            let misses = line.misses.saturating_add(1);
            if misses < MISSES_MAX {
                line.misses = misses;
                return Learned::Changed;
            }
            turn(line, at, Validity::Inactive, misses);
            Learned::Task(TaskKind::InactiveNumber)
        }
        (Validity::Wrong, Shown::NoSuchNumber | Shown::SomebodyElse) => Learned::Nothing,
        (Validity::Unproven | Validity::Good | Validity::Inactive, Shown::NoSuchNumber | Shown::SomebodyElse) => {
            turn(line, at, Validity::Wrong, 0);
            Learned::Task(TaskKind::WrongNumber)
        }
    }
}

fn turn(line: &mut Line, at: Wall, validity: Validity, misses: u8) {
    if line.validity != validity {
        line.validity = validity;
        line.since = Some(at);
    }
    line.misses = misses;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A script of what calls showed, to what was learned.
    fn run(script: &str) -> String {
        let number = E164::new("+34612345678").unwrap();
        let mut one = Customer { id: "a".into(), lines: vec![Line::new(number)], ..Customer::default() };
        let mut out = Vec::new();
        for (at, word) in (1..).zip(script.split_whitespace()) {
            let shown = match word {
                "reached" => Shown::Reached,
                "unanswered" => Shown::NoAnswer,
                "busy" => Shown::Nothing,
                "gone" => Shown::NoSuchNumber,
                _ => Shown::SomebodyElse,
            };
            let learned = on_call(&mut one, number, shown, Wall(at));
            let since = one.lines[0].since.map_or(0, |since| since.0);
            out.push(match learned {
                Learned::Nothing => "-".to_owned(),
                Learned::Changed => format!("{:?}/{}", one.lines[0].validity, one.lines[0].misses),
                Learned::Task(kind) => format!("{}@{since}", kind.as_str()),
                Learned::Settled => format!("settled@{since}"),
            });
        }
        out.join(" ")
    }

    #[test]
    fn what_is_learned_from_calls() {
        for (script, want) in [
            ("reached reached busy", "Good/0 - -"),
            (
                "unanswered unanswered unanswered unanswered unanswered unanswered reached",
                "Unproven/1 Unproven/2 Unproven/3 Unproven/4 inactive_number@5 Inactive/6 settled@7",
            ),
            ("unanswered unanswered reached unanswered", "Unproven/1 Unproven/2 Good/0 Good/1"),
            ("gone gone unanswered reached", "wrong_number@1 - - settled@4"),
            ("reached else", "Good/0 wrong_number@2"),
            ("busy busy busy busy busy busy", "- - - - - -"),
        ] {
            assert_eq!(run(script), want, "{script}");
        }
    }

    #[test]
    fn a_number_that_the_customer_does_not_have_teaches_nothing() {
        let mut one = Customer::default();
        let other = E164::new("+34612345679").unwrap();
        assert_eq!(on_call(&mut one, other, Shown::NoSuchNumber, Wall(1)), Learned::Nothing);
    }
}
