//! What people enter about a customer by hand: what he agreed to, with what shows it, and notes.

use std::fmt;

use turno_base::{Name, Wall};

use crate::customer::{Consent, Customer, Note, Unkeepable};
use crate::limits;

/// Why something is not entered, or not taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Nothing shows that the consent was given.
    NoProof,
    /// The instant is still to come.
    Future,
    /// The consent would have ended before it began.
    NeverValid,
    /// Who withdraws a consent does so until he gives it again.
    WithdrawalExpires,
    /// The text is empty.
    NoText,
    /// A character that no text has: it would move the cursor of whoever reads it.
    Control,
    /// There is no consent to this.
    NoConsent(Name),
    /// There is no note.
    NoNote,
    /// He would have too much of something.
    Unkeepable(Unkeepable),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::NoProof => {
                f.write_str("a consent needs its proof: the id of the call, the number of the form, a link")
            }
            Unfit::Future => f.write_str("that is still to come: say when it was said, or leave it out for now"),
            Unfit::NeverValid => f.write_str("the consent would end before it begins: give a later end, or none"),
            Unfit::WithdrawalExpires => f.write_str(
                "a withdrawal does not end by itself: leave the end out, and enter the consent when it is given",
            ),
            Unfit::NoText => f.write_str("the note is empty"),
            Unfit::Control => f.write_str("there is a control character in the text: take it out"),
            Unfit::NoConsent(purpose) => write!(f, "nothing is entered of his consent to {purpose}"),
            Unfit::NoNote => f.write_str("there is no note of this customer"),
            Unfit::Unkeepable(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for Unfit {}

impl Customer {
    /// Enters what he agreed to, or that he agrees no longer, at its place by age: a form that comes late overtakes no later
    /// word. What has been overtaken goes, the oldest first, where there are too many; a withdrawal always finds its place.
    ///
    /// # Errors
    /// Without proof of a consent that is given, with an instant to come, an end before its beginning or an end of a
    /// withdrawal, and where he has [`limits::CONSENTS_MAX`] that all hold.
    pub fn enter_consent(&mut self, consent: Consent, now: Wall) -> Result<(), Unfit> {
        match consent.granted {
            true if consent.proof.trim().is_empty() => return Err(Unfit::NoProof),
            false if consent.expires.is_some() => return Err(Unfit::WithdrawalExpires),
            true | false => {}
        }
        if consent.at > now {
            return Err(Unfit::Future);
        }
        if consent.expires.is_some_and(|expires| expires <= consent.at) {
            return Err(Unfit::NeverValid);
        }
        if consent.proof.chars().any(char::is_control) {
            return Err(Unfit::Control);
        }
        let mut changed = self.clone();
        let place = changed.consents.partition_point(|known| known.at <= consent.at);
        changed.consents.insert(place, consent);
        if changed.consents.len() > limits::CONSENTS_MAX {
            let is_overtaken = |at: &usize| {
                let rest = changed.consents.get(at + 1..).unwrap_or(&[]);
                changed.consents.get(*at).is_some_and(|old| rest.iter().any(|later| later.purpose == old.purpose))
            };
            if let Some(at) = (0..changed.consents.len()).find(is_overtaken) {
                changed.consents.remove(at);
            }
        }
        changed.check().map_err(Unfit::Unkeepable)?;
        *self = changed;
        Ok(())
    }

    /// Takes back a consent, or a withdrawal, that was entered by mistake: the last word on `purpose`, which it gives. The
    /// word before it holds again.
    ///
    /// # Errors
    /// If there is none.
    pub fn take_back_consent(&mut self, purpose: Name) -> Result<Consent, Unfit> {
        let last = self.consents.iter().rposition(|consent| consent.purpose == purpose);
        last.map(|at| self.consents.remove(at)).ok_or(Unfit::NoConsent(purpose))
    }

    /// Enters a note; the oldest goes where there are [`limits::NOTES_MAX`].
    ///
    /// # Errors
    /// If it is empty, too long, or has control characters other than the ends of its lines.
    pub fn enter_note(&mut self, note: Note) -> Result<(), Unfit> {
        if note.text.trim().is_empty() {
            return Err(Unfit::NoText);
        }
        let is_odd = |c: char| c.is_control() && c != '\n' && c != '\t';
        if note.text.chars().any(is_odd) || note.by.chars().any(char::is_control) {
            return Err(Unfit::Control);
        }
        let mut changed = self.clone();
        changed.add_note(note);
        changed.check().map_err(Unfit::Unkeepable)?;
        *self = changed;
        Ok(())
    }

    /// Takes back the last note, which it gives.
    ///
    /// # Errors
    /// If there is none.
    pub fn take_back_note(&mut self) -> Result<Note, Unfit> {
        self.notes.pop().ok_or(Unfit::NoNote)
    }

    /// This customer as he was at `before`, with what people and calls have said of him since: consents, contacts, cases and
    /// notes come by hand or from calls, never with a file.
    #[must_use]
    pub fn keeping_what_was_said(&self, before: Customer) -> Customer {
        Customer {
            consents: self.consents.clone(),
            contacts: self.contacts.clone(),
            cases: self.cases.clone(),
            notes: self.notes.clone(),
            ..before
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn said(purpose: &str, granted: bool, day: i64, expires: Option<i64>) -> Consent {
        let proof = if granted { format!("form {day}") } else { String::new() };
        let expires = expires.map(|day| Wall(day * DAY));
        Consent { purpose: name(purpose), granted, proof, at: Wall(day * DAY), expires }
    }

    fn one() -> Customer {
        Customer { id: "a".into(), ..Customer::default() }
    }

    #[test]
    fn a_consent_holds_from_its_day_until_it_ends_or_is_withdrawn_and_what_comes_late_overtakes_nothing() {
        let now = Wall(100 * DAY);
        let mut one = one();
        one.enter_consent(said("marketing", true, 10, Some(50)), now).unwrap();
        one.enter_consent(said("marketing", false, 30, None), now).unwrap();
        one.enter_consent(said("marketing", true, 20, None), now).unwrap();
        one.enter_consent(said("recording", true, 5, None), now).unwrap();
        let days: Vec<i64> = one.consents.iter().map(|consent| consent.at.0 / DAY).collect();
        assert_eq!(days, [5, 10, 20, 30], "oldest first");
        let agrees = |of: &Customer, purpose, day| of.consents_to(name(purpose), Wall(day * DAY));
        for (purpose, day, want) in [
            ("marketing", 9, None),
            ("marketing", 10, Some(true)),
            ("marketing", 29, Some(true)),
            ("marketing", 30, Some(false)),
            ("recording", 99, Some(true)),
            ("survey", 99, None),
        ] {
            assert_eq!(agrees(&one, purpose, day), want, "{purpose} on day {day}");
        }
        assert_eq!(one.take_back_consent(name("marketing")).unwrap().at, Wall(30 * DAY));
        assert_eq!(agrees(&one, "marketing", 99), Some(true), "the word before holds again");
        one.take_back_consent(name("marketing")).unwrap();
        assert_eq!((agrees(&one, "marketing", 49), agrees(&one, "marketing", 50)), (Some(true), None), "it has ended");
        one.take_back_consent(name("marketing")).unwrap();
        assert_eq!(one.take_back_consent(name("marketing")), Err(Unfit::NoConsent(name("marketing"))));
        assert_eq!(one.consents.len(), 1, "another purpose is none of it");
    }

    #[test]
    fn what_proves_nothing_is_not_entered_and_says_why() {
        let long = "x".repeat(limits::TEXT_BYTES_MAX + 1);
        let proof = |text: &str| Consent { proof: text.to_owned(), ..said("recording", true, 10, None) };
        for (consent, want) in [
            (proof(" "), "a consent needs its proof: the id of the call, the number of the form, a link"),
            (proof(&long), "proof is longer than 255 bytes"),
            (proof("a\x1b[2Jb"), "there is a control character in the text: take it out"),
            (
                said("recording", true, 101, None),
                "that is still to come: say when it was said, or leave it out for now",
            ),
            (
                said("recording", true, 10, Some(10)),
                "the consent would end before it begins: give a later end, or none",
            ),
            (
                said("recording", false, 10, Some(20)),
                "a withdrawal does not end by itself: leave the end out, and enter the consent when it is given",
            ),
        ] {
            let mut one = one();
            let refused = one.enter_consent(consent, Wall(100 * DAY)).unwrap_err();
            assert_eq!((refused.to_string().as_str(), one), (want, self::one()));
        }
        let note = |text: &str| Note { at: Wall(1), by: "anna".into(), text: text.into() };
        let long = "x".repeat(limits::NOTE_BYTES_MAX + 1);
        for (text, want) in [
            (" \n", "the note is empty"),
            ("a\x07", "there is a control character in the text: take it out"),
            (long.as_str(), "note is longer than 4000 bytes"),
        ] {
            let mut one = one();
            assert_eq!((one.enter_note(note(text)).unwrap_err().to_string().as_str(), one), (want, self::one()));
        }
    }

    #[test]
    fn where_there_are_too_many_what_was_overtaken_goes_and_a_withdrawal_finds_its_place() {
        let now = Wall(1000 * DAY);
        let mut one = one();
        let most = limits::CONSENTS_MAX as i64;
        for day in 0..most {
            one.enter_consent(said(&format!("p{day}"), true, day, None), now).unwrap();
        }
        let full = Unfit::Unkeepable(Unkeepable::TooMany { field: "consents", most: limits::CONSENTS_MAX });
        assert_eq!(one.enter_consent(said("one-more", true, 500, None), now), Err(full), "all of them hold");
        one.enter_consent(said("p7", false, 500, None), now).unwrap();
        assert_eq!((one.consents.len(), one.consents_to(name("p7"), now)), (limits::CONSENTS_MAX, Some(false)));
        assert!(!one.consents.contains(&said("p7", true, 7, None)), "it was overtaken");
    }

    #[test]
    fn notes_are_bounded_and_the_last_is_taken_back() {
        let mut one = one();
        let note = |n: usize| Note { at: Wall(n as i64), by: "anna".into(), text: format!("call {n}\nsecond line") };
        assert_eq!(one.take_back_note(), Err(Unfit::NoNote));
        for n in 0..limits::NOTES_MAX + 2 {
            one.enter_note(note(n)).unwrap();
        }
        assert_eq!((one.notes.len(), &one.notes[0]), (limits::NOTES_MAX, &note(2)));
        assert_eq!(one.take_back_note(), Ok(note(limits::NOTES_MAX + 1)));
        assert_eq!(one.notes.last(), Some(&note(limits::NOTES_MAX)));
    }
}
