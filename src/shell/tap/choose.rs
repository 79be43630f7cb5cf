//! Which messages are wanted: all, those of a call or a dialog, or those of calls from or to a number, with every leg of them.

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};
use turno_base::fact::What;
use turno_base::{CallId, Fact, Number};

use super::Seen;
use crate::shell::run::header_of;

/// Messages that wait for the fact that makes them part of a chosen call.
pub(super) const HELD_MAX: usize = 1000;
/// How long they wait, µs.
const HELD_US: i64 = 2_000_000;
/// Calls and dialogs that are followed; past it no new ones are.
pub(super) const FOLLOWED_MAX: usize = 10_000;
/// A number with at least so many digits is also found with or without its country code.
const SUFFIX_DIGITS_MIN: usize = 6;

/// What is wanted; all absent: everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// A call, with all of its legs.
    pub call: Option<CallId>,
    /// A dialog by its Call-ID, with the call it is of.
    pub sip_call_id: Option<String>,
    /// Calls from or to this number, with all of their legs, and whatever else names it.
    pub number: Option<String>,
}

/// Follows calls and their dialogs.
#[derive(Debug)]
pub(super) struct Chooser {
    everything: bool,
    number: Option<String>,
    calls: BTreeSet<CallId>,
    dialogs: BTreeSet<String>,
    held: VecDeque<(String, Seen)>,
}

impl Chooser {
    pub(super) fn new(chosen: Chosen, mut dialogs: BTreeSet<String>) -> Chooser {
        let everything = chosen == Chosen::default();
        dialogs.extend(chosen.sip_call_id);
        let number = chosen.number.as_deref().map(digits);
        Chooser { everything, number, calls: chosen.call.into_iter().collect(), dialogs, held: VecDeque::new() }
    }

    /// Appends what is to be written to `out`: the message, or nothing yet.
    pub(super) fn on_message(&mut self, seen: Seen, out: &mut Vec<Seen>) {
        if self.everything {
            return out.push(seen);
        }
        let dialog = header_of(&seen.bytes, &["call-id", "i"]);
        if self.dialogs.contains(&dialog) {
            return out.push(seen);
        }
        if self.number.as_deref().is_some_and(|number| names(&seen.bytes, number)) {
            self.follow(&dialog);
            return out.push(seen);
        }
        // The event line tells of a leg after its first message.
        while self.held.len() >= HELD_MAX || self.held.front().is_some_and(|(_, old)| old.at.0 < seen.at.0 - HELD_US) {
            self.held.pop_front();
        }
        self.held.push_back((dialog, seen));
    }

    /// Learns which dialogs belong to a chosen call, and appends what was held of them.
    pub(super) fn on_fact(&mut self, fact: &Fact, out: &mut Vec<Seen>) {
        if self.everything {
            return;
        }
        if let What::CallArrived { call, ani, dnis, .. } = &fact.what
            && (self.is_number(ani) || self.is_number(dnis))
        {
            self.follow_call(*call);
        }
        if let What::LegBegan { call, sip_call_id, a, b, .. } = &fact.what {
            if self.dialogs.contains(sip_call_id) || self.is_number(a) || self.is_number(b) {
                self.follow_call(*call);
            }
            if self.calls.contains(call) {
                self.follow(sip_call_id);
                self.release(sip_call_id, out);
            }
        }
    }

    fn is_number(&self, number: &Number) -> bool {
        self.number.as_deref().is_some_and(|wanted| same(&digits(&number.raw), wanted))
    }

    fn follow(&mut self, dialog: &str) {
        if self.dialogs.len() < FOLLOWED_MAX && !dialog.is_empty() {
            self.dialogs.insert(dialog.to_owned());
        }
    }

    fn follow_call(&mut self, call: CallId) {
        if self.calls.len() < FOLLOWED_MAX {
            self.calls.insert(call);
        }
    }

    fn release(&mut self, dialog: &str, out: &mut Vec<Seen>) {
        let (theirs, others) =
            std::mem::take(&mut self.held).into_iter().partition::<Vec<_>, _>(|(of, _)| of == dialog);
        self.held = others.into();
        out.extend(theirs.into_iter().map(|(_, seen)| seen));
    }
}

/// Whether who calls, who is called or who is asserted has these digits.
fn names(bytes: &[u8], wanted: &str) -> bool {
    let first = bytes.split(|&b| b == b'\n').next().unwrap_or_default();
    let first = String::from_utf8_lossy(first);
    let target = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let headers = [&["from", "f"][..], &["to", "t"], &["p-asserted-identity"]];
    let values = headers.iter().map(|names| header_of(bytes, names)).chain([target]);
    values.into_iter().any(|value| address_digits(&value).is_some_and(|digits| same(&digits, wanted)))
}

/// Digits of the user part of the first address in a header.
fn address_digits(value: &str) -> Option<String> {
    let at = ["sip:", "sips:", "tel:"].iter().find_map(|scheme| Some(value.find(scheme)? + scheme.len()))?;
    let user = value.get(at..)?.split(['@', ';', '>', '?']).next()?;
    let digits = digits(user);
    (!digits.is_empty()).then_some(digits)
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Equal, or both long enough and one the end of the other.
fn same(one: &str, other: &str) -> bool {
    let long = one.len().min(other.len()) >= SUFFIX_DIGITS_MIN;
    one == other || long && (one.ends_with(other) || other.ends_with(one))
}
