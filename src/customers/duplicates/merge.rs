//! Two customers made one, and one made two again.

use std::collections::BTreeSet;
use std::fmt;

use crate::customer::{Customer, Line, Unkeepable, Validity, Value};
use crate::identity::prove_different;
use crate::limits;

/// Why two customers stay two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmergeable {
    /// One and the same already.
    Same,
    /// The same country gave them differing tax ids.
    TaxIds,
    /// Together they are more than one customer may have.
    Unkeepable(Unkeepable),
}

impl fmt::Display for Unmergeable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unmergeable::Same => f.write_str("they are the same customer already"),
            Unmergeable::TaxIds => {
                f.write_str("their tax ids differ: they are two; correct the ids first if one is wrong")
            }
            Unmergeable::Unkeepable(why) => write!(f, "together {why}; remove some first"),
        }
    }
}

impl std::error::Error for Unmergeable {}

/// What survives: the kept customer's texts where there are any; numbers, addresses and ids of both; of a number what was
/// shown last; the younger value; every consent by age, so that a later withdrawal holds; the newest contacts and notes.
pub fn merge(kept: &Customer, gone: &Customer) -> Result<Customer, Unmergeable> {
    if kept.id == gone.id {
        return Err(Unmergeable::Same);
    }
    if prove_different(&kept.ids, &gone.ids) {
        return Err(Unmergeable::TaxIds);
    }
    let mut one = kept.clone();
    for (to, from) in [(&mut one.name, &gone.name), (&mut one.given, &gone.given), (&mut one.surnames, &gone.surnames)]
    {
        if to.is_empty() {
            to.clone_from(from);
        }
    }
    one.aliases.push(gone.id.clone());
    join(&mut one.aliases, &gone.aliases);
    one.born = one.born.or(gone.born);
    one.segment = one.segment.or(gone.segment);
    one.language = one.language.or(gone.language);
    one.owner = one.owner.or(gone.owner);
    one.value = younger(kept.value.as_ref(), gone.value.as_ref());
    lines(&mut one.lines, &gone.lines);
    join(&mut one.emails, &gone.emails);
    join(&mut one.ids, &gone.ids);
    join(&mut one.addresses, &gone.addresses);
    join(&mut one.flags, &gone.flags);
    join(&mut one.cases, &gone.cases);
    join(&mut one.consents, &gone.consents);
    one.consents.sort_by_key(|consent| consent.at);
    join(&mut one.contacts, &gone.contacts);
    one.contacts.sort_by_key(|contact| contact.at);
    newest(&mut one.contacts, limits::CONTACTS_MAX);
    join(&mut one.notes, &gone.notes);
    one.notes.sort_by_key(|note| note.at);
    newest(&mut one.notes, limits::NOTES_MAX);
    for (field, text) in &gone.custom {
        one.custom.entry(field.clone()).or_insert_with(|| text.clone());
    }
    one.check().map_err(Unmergeable::Unkeepable)?;
    Ok(one)
}

/// Both as they were before they were merged; what has come since, and what was changed since, belongs to the kept one.
pub fn unmerge(now: &Customer, kept_before: &Customer, gone_before: &Customer) -> (Customer, Customer) {
    let mut kept = kept_before.clone();
    let Ok(merged) = merge(kept_before, gone_before) else { return (kept, gone_before.clone()) };
    macro_rules! changed {
        ($($field:ident),*) => {$(
            if now.$field != merged.$field { kept.$field.clone_from(&now.$field); }
        )*};
    }
    changed!(kind, name, given, surnames, born, segment, value, language, owner);
    since(&mut kept.aliases, &now.aliases, &merged.aliases);
    since(&mut kept.emails, &now.emails, &merged.emails);
    since(&mut kept.ids, &now.ids, &merged.ids);
    since(&mut kept.addresses, &now.addresses, &merged.addresses);
    since(&mut kept.flags, &now.flags, &merged.flags);
    since(&mut kept.cases, &now.cases, &merged.cases);
    since(&mut kept.consents, &now.consents, &merged.consents);
    // One that came since may have been said before others.
    kept.consents.sort_by_key(|consent| consent.at);
    since(&mut kept.contacts, &now.contacts, &merged.contacts);
    since(&mut kept.notes, &now.notes, &merged.notes);
    let numbers: BTreeSet<_> = merged.lines.iter().map(|line| line.number).collect();
    kept.lines.extend(now.lines.iter().filter(|line| !numbers.contains(&line.number)));
    for line in &mut kept.lines {
        *line = now.lines.iter().find(|known| known.number == line.number).copied().unwrap_or(*line);
    }
    for (field, text) in &now.custom {
        if merged.custom.get(field) != Some(text) {
            kept.custom.insert(field.clone(), text.clone());
        }
    }
    newest(&mut kept.contacts, limits::CONTACTS_MAX);
    newest(&mut kept.notes, limits::NOTES_MAX);
    (kept, gone_before.clone())
}

fn join<T: Clone + PartialEq>(to: &mut Vec<T>, from: &[T]) {
    for one in from {
        if !to.contains(one) {
            to.push(one.clone());
        }
    }
}

fn since<T: Clone + PartialEq>(to: &mut Vec<T>, now: &[T], merged: &[T]) {
    to.extend(now.iter().filter(|one| !merged.contains(one)).cloned());
}

fn newest<T>(list: &mut Vec<T>, most: usize) {
    list.drain(..list.len().saturating_sub(most));
}

fn younger(a: Option<&Value>, b: Option<&Value>) -> Option<Value> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.at > a.at { b.clone() } else { a.clone() }),
        (one, None) | (None, one) => one.cloned(),
    }
}

fn lines(to: &mut Vec<Line>, from: &[Line]) {
    for line in from {
        match to.iter_mut().find(|known| known.number == line.number) {
            Some(known) if known.validity == Validity::Unproven || line.since > known.since => {
                *known = Line { kind: known.kind.max(line.kind), ..*line };
            }
            Some(_) => {}
            None => to.push(*line),
        }
    }
}
