//! Who calls again: redials within a day, and whether a customer's reason was settled at the first contact.
//!
//! Judged over contacts that are sorted by customer and time, one after the other, so that a year of them needs no memory.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use turno_base::{Name, Wall};

/// One call of a customer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Contact {
    /// Who: the customer's id, else the number.
    pub who: String,
    /// When he called.
    pub at: Wall,
    /// A person answered.
    pub answered: bool,
    /// What came of it, as the agent said.
    pub disposition: Option<Name>,
}

/// How long a further contact counts against the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windows {
    /// For the repeat rate, s.
    pub redial_s: i64,
    /// For first-contact resolution, s.
    pub resolved_s: i64,
}

impl Default for Windows {
    fn default() -> Windows {
        Windows { redial_s: 86_400, resolved_s: 7 * 86_400 }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeats {
    /// Calls.
    pub calls: u64,
    /// Of them, by somebody who had called within the window before.
    pub redials: u64,
    /// Answered contacts whose window has passed.
    pub contacts: u64,
    /// Of them, without a further contact of the same customer and reason family in it.
    pub resolved: u64,
    /// Answered calls of which an agent said what came of them.
    pub said: u64,
    /// Of them, settled by his word.
    pub settled: u64,
}

/// The first part of a reason, `billing` of `billing.invoice.wrong`; a contact without a reason may be about any.
fn family(of: &Contact) -> Option<&str> {
    of.disposition.as_ref().map(|reason| reason.as_str().split('.').next().unwrap_or(""))
}

/// Whether the agent's word says that the matter is settled: one of those that do, or one below it; none: nobody answered, or nobody
/// said anything.
pub fn is_settled(of: &Contact, settled: &[Name]) -> Option<bool> {
    let said = of.disposition.as_ref().filter(|_| of.answered)?.as_str();
    let is_below =
        |name: &Name| said.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    Some(settled.iter().any(is_below))
}

fn is_same_matter(one: &Contact, other: &Contact) -> bool {
    match (family(one), family(other)) {
        (Some(one), Some(other)) => one == other,
        (None, _) | (_, None) => true,
    }
}

/// What is judged of one contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// By somebody who had called within the window before.
    pub is_redial: bool,
    /// Without a further contact of the same customer and reason family in the window; none: it was not answered, or its window
    /// has not passed.
    pub is_resolved: Option<bool>,
}

/// Judges contacts by the group that each belongs to; those of none are there to be compared with. Sorted by customer, then
/// time. What is later than `known` has not happened yet: a window that reaches beyond it is not judged. `settled` are the words by
/// which an agent says that a matter is settled.
pub fn judge<G: Ord>(
    sorted: impl IntoIterator<Item = (Option<G>, Contact)>,
    known: Wall,
    windows: Windows,
    settled: &[Name],
) -> BTreeMap<G, Repeats> {
    let mut repeats: BTreeMap<G, Repeats> = BTreeMap::new();
    let sorted = sorted.into_iter().map(|(group, contact)| ((group, is_settled(&contact, settled)), contact));
    judge_each(sorted, known, windows, |(group, settled), judged| {
        let Some(group) = group else { return };
        let repeats = repeats.entry(group).or_default();
        repeats.said += u64::from(settled.is_some());
        repeats.settled += u64::from(settled == Some(true));
        repeats.calls += 1;
        repeats.redials += u64::from(judged.is_redial);
        repeats.contacts += u64::from(judged.is_resolved.is_some());
        repeats.resolved += u64::from(judged.is_resolved == Some(true));
    });
    repeats
}

/// Judges contacts one by one and hands each verdict over with what came beside the contact.
pub fn judge_each<T>(
    sorted: impl IntoIterator<Item = (T, Contact)>,
    known: Wall,
    windows: Windows,
    mut on: impl FnMut(T, Judged),
) {
    let mut same: Vec<(T, Contact)> = Vec::new();
    for (beside, contact) in sorted {
        if same.first().is_some_and(|(_, first)| first.who != contact.who) {
            judge_one(&mut same, known, windows, &mut on);
        }
        same.push((beside, contact));
    }
    judge_one(&mut same, known, windows, &mut on);
}

/// Contacts of one customer, by time; they are taken out.
fn judge_one<T>(same: &mut Vec<(T, Contact)>, known: Wall, windows: Windows, on: &mut impl FnMut(T, Judged)) {
    let within = |earlier: &Contact, later: &Contact, window_s: i64| later.at.0 - earlier.at.0 <= window_s * 1_000_000;
    let (besides, contacts): (Vec<T>, Vec<Contact>) = same.drain(..).unzip();
    for (n, (beside, contact)) in besides.into_iter().zip(&contacts).enumerate() {
        let before = n.checked_sub(1).and_then(|n| contacts.get(n));
        let is_redial = before.is_some_and(|before| within(before, contact, windows.redial_s));
        let is_judged = contact.answered && contact.at.0 + windows.resolved_s * 1_000_000 <= known.0;
        let later = contacts.iter().skip(n + 1).take_while(|later| within(contact, later, windows.resolved_s));
        let is_resolved = is_judged.then(|| !later.into_iter().any(|later| is_same_matter(contact, later)));
        on(beside, Judged { is_redial, is_resolved });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;

    /// Who, s, answered, reason.
    fn contacts(of: &[(&str, i64, bool, &str)]) -> Vec<Contact> {
        let contact = |&(who, at_s, answered, reason): &(&str, i64, bool, &str)| Contact {
            who: who.to_owned(),
            at: Wall::from_secs(at_s),
            answered,
            disposition: Name::new(reason).ok(),
        };
        of.iter().map(contact).collect()
    }

    fn judged(of: &[(&str, i64, bool, &str)]) -> (u64, u64, u64, u64) {
        let far = Wall::from_secs(400 * DAY);
        let counted = contacts(of).into_iter().map(|contact| (Some(()), contact));
        let got = judge(counted, far, Windows::default(), &[])[&()];
        (got.calls, got.redials, got.contacts, got.resolved)
    }

    #[test]
    fn redials_and_first_contact_resolution() {
        for (what, of, expected) in [
            ("one call, settled", &[("a", 0, true, "billing.wrong")][..], (1, 0, 1, 1)),
            (
                "again within the day, same family",
                &[("a", 0, true, "billing.wrong"), ("a", HOUR, true, "billing.due")],
                (2, 1, 2, 1),
            ),
            ("again about something else", &[("a", 0, true, "billing"), ("a", HOUR, true, "fault.line")], (2, 1, 2, 2)),
            ("again without a reason said", &[("a", 0, true, "billing"), ("a", HOUR, true, "")], (2, 1, 2, 1)),
            ("again after two days", &[("a", 0, true, "billing"), ("a", 2 * DAY, true, "billing")], (2, 0, 2, 1)),
            ("exactly after a day", &[("a", 0, true, "x"), ("a", DAY, true, "y")], (2, 1, 2, 2)),
            ("again after eight days", &[("a", 0, true, "billing"), ("a", 8 * DAY, true, "billing")], (2, 0, 2, 2)),
            ("nobody answered at first", &[("a", 0, false, ""), ("a", 60, true, "billing")], (2, 1, 1, 1)),
            ("he left the second time", &[("a", 0, true, "billing"), ("a", 60, false, "")], (2, 1, 1, 0)),
            ("another customer", &[("a", 0, true, "billing"), ("b", 60, true, "billing")], (2, 0, 2, 2)),
        ] {
            assert_eq!(judged(of), expected, "{what}");
        }
    }

    #[test]
    fn a_matter_is_settled_by_the_word_of_the_agent_who_answered_and_by_nothing_else() {
        let settled = ["billing.ok", "sale"].map(|name| Name::new(name).unwrap());
        for (answered, reason, want) in [
            (true, "sale", Some(true)),
            (true, "billing.ok.at-once", Some(true)), // below one that is
            (true, "billing", Some(false)),
            (true, "sales", Some(false)), // another word
            (true, "", None),
            (false, "sale", None),
        ] {
            assert_eq!(is_settled(&contacts(&[("a", 0, answered, reason)])[0], &settled), want, "{answered} {reason}");
        }
        assert_eq!(is_settled(&contacts(&[("a", 0, true, "sale")])[0], &[]), Some(false));
    }

    #[test]
    fn what_lies_around_the_period_is_compared_with_and_not_counted() {
        let of = contacts(&[("a", 0, true, "x"), ("a", 10 * HOUR, true, "x"), ("a", 20 * HOUR, true, "x")]);
        let group = |contact: &Contact| (contact.at == Wall::from_secs(10 * HOUR)).then_some("in it");
        let grouped = of.clone().into_iter().map(|contact| (group(&contact), contact));
        let got = judge(grouped, Wall::from_secs(400 * DAY), Windows::default(), &[Name::new("x").unwrap()]);
        assert_eq!(
            got.into_iter().collect::<Vec<_>>(),
            [("in it", Repeats { calls: 1, redials: 1, contacts: 1, resolved: 0, said: 1, settled: 1 })]
        );
        let all = of.into_iter().map(|contact| (Some(()), contact));
        let open = judge(all, Wall::from_secs(3 * DAY), Windows::default(), &[]);
        assert_eq!((open[&()].calls, open[&()].contacts), (3, 0), "a window that has not passed is not judged");
    }
}
