//! How long personal data are kept, and what is left of a person who asks to be forgotten.

use serde::{Deserialize, Serialize};
use turno_base::Wall;

use crate::customer::Customer;

/// How long what is kept; none: as long as the customer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// Contacts, days.
    pub contacts_days: Option<u32>,
    /// Notes, days.
    pub notes_days: Option<u32>,
    /// Consents after they expired or were overtaken by a later word, days.
    pub consents_days: Option<u32>,
}

/// Takes out what is older than it may be; true if something was.
pub fn retain(customer: &mut Customer, retention: &Retention, now: Wall) -> bool {
    let before = |days: Option<u32>| days.map(|days| Wall(now.0 - i64::from(days) * 86_400_000_000));
    let count = |of: &Customer| of.contacts.len() + of.notes.len() + of.consents.len();
    let was = count(customer);
    if let Some(oldest) = before(retention.contacts_days) {
        customer.contacts.retain(|contact| contact.at >= oldest);
    }
    if let Some(oldest) = before(retention.notes_days) {
        customer.notes.retain(|note| note.at >= oldest);
    }
    if let Some(oldest) = before(retention.consents_days) {
        // What holds now is the proof that it may be done, however old it is.
        let ended = |at: usize| {
            let consent = customer.consents.get(at)?;
            let rest = customer.consents.get(at + 1..).unwrap_or(&[]);
            let overtaken = rest.iter().find(|later| later.purpose == consent.purpose).map(|later| later.at);
            overtaken.into_iter().chain(consent.expires).min()
        };
        let gone: Vec<bool> = (0..customer.consents.len()).map(|at| ended(at).is_some_and(|at| at < oldest)).collect();
        let mut gone = gone.into_iter();
        customer.consents.retain(|_| !gone.next().unwrap_or(false));
    }
    count(customer) != was
}

/// The name under which bills remember a person who was forgotten: the same for all his calls, and his external id cannot be
/// found from it without `key`, which is thrown away with him.
pub fn pseudonym(key: u128) -> String {
    format!("erased-{key:032x}")
}

/// Whether a customer's name in a record is a pseudonym.
pub fn is_pseudonym(id: &str) -> bool {
    id.strip_prefix("erased-").is_some_and(|key| key.len() == 32 && key.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use turno_base::Name;

    use super::*;
    use crate::customer::{Consent, Contact, Note};

    const DAY: i64 = 86_400_000_000;

    #[test]
    fn what_is_too_old_goes_and_what_holds_stays() {
        let purpose = |text| Name::new(text).unwrap();
        let said = |of, at: i64, expires: Option<i64>| Consent {
            purpose: purpose(of),
            granted: true,
            proof: format!("{of} {at}"),
            at: Wall(at * DAY),
            expires: expires.map(|day| Wall(day * DAY)),
        };
        let mut one = Customer { id: "a".into(), ..Customer::default() };
        for day in [0, 50, 99] {
            one.add_contact(Contact { at: Wall(day * DAY), call: None, agent: None, about: String::new() });
            one.add_note(Note { at: Wall(day * DAY), by: String::new(), text: String::new() });
        }
        one.consents = vec![
            said("x", 0, None),
            said("y", 1, Some(60)),
            said("x", 70, None),
            said("z", 2, Some(95)),
            said("w", 0, None),
        ];
        let all = one.clone();
        assert!(!retain(&mut one, &Retention::default(), Wall(100 * DAY)));
        assert_eq!(one, all);
        let retention = Retention { contacts_days: Some(50), notes_days: Some(10), consents_days: Some(20) };
        assert!(retain(&mut one, &retention, Wall(100 * DAY)));
        assert_eq!((one.contacts.len(), one.notes.len()), (2, 1));
        let proofs: Vec<&str> = one.consents.iter().map(|consent| consent.proof.as_str()).collect();
        assert_eq!(proofs, ["x 70", "z 2", "w 0"], "overtaken 30 days ago and expired 40 days ago went");
        assert!(!retain(&mut one, &retention, Wall(100 * DAY)), "once");
    }

    #[test]
    fn a_pseudonym_is_known_as_one() {
        for (id, want) in [(pseudonym(7).as_str(), true), ("C-1001", false), ("erased-7", false), ("", false)] {
            assert_eq!(is_pseudonym(id), want, "{id}");
        }
    }
}
