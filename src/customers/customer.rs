//! One customer, whole, as kept by the store: what is known, where it came from, and what may be done with it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use turno_base::{AgentId, CallId, E164, Name, SegmentId, Wall};

use crate::identity::PersonalId;
use crate::limits;

/// A person or a company.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A person.
    #[default]
    Person,
    /// A company or public body.
    Company,
}

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Day {
    /// 1800..=2200.
    pub year: u16,
    /// 1..=12.
    pub month: u8,
    /// 1..=31.
    pub day: u8,
}

/// What a number is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// Not known.
    #[default]
    Unknown,
    /// A mobile.
    Mobile,
    /// At home.
    Home,
    /// At work, or a company's.
    Work,
    /// A fax machine.
    Fax,
}

/// What calls have shown of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validity {
    /// Nothing yet.
    #[default]
    Unproven,
    /// The customer called from it or answered on it.
    Good,
    /// Nobody answers, again and again.
    Inactive,
    /// The network says that it does not exist, or somebody else answers: it names nobody.
    Wrong,
}

/// A telephone number of a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Line {
    /// Canonical.
    pub number: E164,
    /// What it is.
    pub kind: LineKind,
    /// What calls have shown.
    pub validity: Validity,
    /// Unanswered or failed calls in a row.
    pub misses: u8,
    /// Since when the validity holds; none: since it is known.
    pub since: Option<Wall>,
}

impl Line {
    /// A number of which nothing is known yet.
    pub fn new(number: E164) -> Line {
        Line { number, kind: LineKind::Unknown, validity: Validity::Unproven, misses: 0, since: None }
    }
}

/// A postal address.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Address {
    /// Street and house number.
    pub street: String,
    /// Flat, farm, estate.
    pub more: String,
    /// Postal code.
    pub postcode: String,
    /// Town.
    pub town: String,
    /// Province or state.
    pub region: String,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueSource {
    /// A file.
    Import,
    /// A person, by name.
    Person(String),
    /// The outside CRM.
    Crm,
    /// The rule of this name.
    Rule(Name),
    /// Recency, frequency and monetary scores, 1..=5 each.
    Rfm(u8, u8, u8),
}

/// A customer value with its source and age.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Value {
    /// Per mille of the ordinary caller's, 0..=[`limits::VALUE_MAX_PM`].
    pub pm: u32,
    /// Where it came from.
    pub source: ValueSource,
    /// When.
    pub at: Wall,
}

/// What a customer agreed to, or not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Consent {
    /// To what: `recording`, `marketing`, `survey`.
    pub purpose: Name,
    /// Given or withdrawn.
    pub granted: bool,
    /// What shows it: a call id, a form's number, a link.
    pub proof: String,
    /// When.
    pub at: Wall,
    /// Not valid from then on; none: until withdrawn.
    pub expires: Option<Wall>,
}

/// A call, message or visit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Contact {
    /// When.
    pub at: Wall,
    /// Its call, if it was one.
    pub call: Option<CallId>,
    /// With whom.
    pub agent: Option<AgentId>,
    /// What about and how it ended.
    pub about: String,
}

/// Something that the customer waits for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Case {
    /// Its number where it is handled.
    pub reference: String,
    /// What about.
    pub title: String,
    /// Since when.
    pub opened: Wall,
}

/// What somebody wrote down.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub at: Wall,
    /// Who.
    pub by: String,
    /// What.
    pub text: String,
}

/// Everything known about one customer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// The operator's key: a re-import of the same id changes this customer.
    pub id: String,
    /// External ids of customers that were merged into this one.
    pub aliases: Vec<String>,
    /// Person or company.
    pub kind: Kind,
    /// Name to show; data, never markup.
    pub name: String,
    /// Given names, where they are known apart.
    pub given: String,
    /// Surnames, both of them where there are two.
    pub surnames: String,
    /// Day of birth, or of a company's foundation.
    pub born: Option<Day>,
    /// Numbers; the first is the one to call.
    pub lines: Vec<Line>,
    /// E-mail addresses, small letters.
    pub emails: Vec<String>,
    /// Official ids.
    pub ids: Vec<PersonalId>,
    /// Postal addresses; the first is the one to write to.
    pub addresses: Vec<Address>,
    /// Class; none: the configured default.
    pub segment: Option<SegmentId>,
    /// Value; none: the segment's own.
    pub value: Option<Value>,
    /// Language, as a skill name.
    pub language: Option<Name>,
    /// Whose customer it is.
    pub owner: Option<AgentId>,
    /// Marks such as `fraud`, `press`, `do-not-call`.
    pub flags: Vec<Name>,
    /// Consents, oldest first; the last of a purpose holds.
    pub consents: Vec<Consent>,
    /// Contacts, oldest first.
    pub contacts: Vec<Contact>,
    /// Open cases.
    pub cases: Vec<Case>,
    /// Notes, oldest first.
    pub notes: Vec<Note>,
    /// The operator's own fields.
    pub custom: BTreeMap<String, String>,
}

/// Why a customer cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unkeepable {
    /// The external id is empty.
    NoId,
    /// A text is longer than its bound.
    TooLong {
        /// Which.
        field: &'static str,
        /// The bound, bytes.
        most: usize,
    },
    /// There are more of something than its bound.
    TooMany {
        /// Of what.
        field: &'static str,
        /// The bound.
        most: usize,
    },
    /// The value is above [`limits::VALUE_MAX_PM`].
    ValueTooHigh,
}

impl fmt::Display for Unkeepable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unkeepable::NoId => f.write_str("the external id is empty"),
            Unkeepable::TooLong { field, most } => write!(f, "{field} is longer than {most} bytes"),
            Unkeepable::TooMany { field, most } => write!(f, "there are more than {most} {field}"),
            Unkeepable::ValueTooHigh => write!(f, "the value is above {}", limits::VALUE_MAX_PM / 1000),
        }
    }
}

impl std::error::Error for Unkeepable {}

impl Day {
    /// `1980-12-31`, `31/12/1980`, `31.12.1980`, `19801231`; none if there is no such day.
    pub fn parse(text: &str) -> Option<Day> {
        let text = text.trim();
        let parts: Vec<&str> = text.split(['-', '/', '.']).collect();
        let (year, month, day) = match parts.as_slice() {
            [all] if all.len() == 8 && all.is_ascii() => (all.get(..4)?, all.get(4..6)?, all.get(6..)?),
            [year, month, day] if year.len() == 4 => (*year, *month, *day),
            [day, month, year] if year.len() == 4 => (*year, *month, *day),
            _ => return None,
        };
        let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u16>().ok()).flatten();
        let (year, month, day) = (number(year)?, number(month)?, number(day)?);
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let longest = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u16::from(leap),
            _ => return None,
        };
        let known = (1800..=2200).contains(&year) && (1..=longest).contains(&day);
        known.then_some(Day { year, month: month as u8, day: day as u8 })
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl Customer {
    /// Whether it is within every bound; the store keeps nothing else.
    pub fn check(&self) -> Result<(), Unkeepable> {
        use limits::{NOTE_BYTES_MAX, TEXT_BYTES_MAX};
        if self.id.is_empty() {
            return Err(Unkeepable::NoId);
        }
        for (field, most, count) in [
            ("earlier ids", limits::ALIASES_MAX, self.aliases.len()),
            ("numbers", limits::NUMBERS_MAX, self.lines.len()),
            ("e-mail addresses", limits::EMAILS_MAX, self.emails.len()),
            ("ids", limits::IDS_MAX, self.ids.len()),
            ("addresses", limits::ADDRESSES_MAX, self.addresses.len()),
            ("flags", limits::FLAGS_MAX, self.flags.len()),
            ("consents", limits::CONSENTS_MAX, self.consents.len()),
            ("contacts", limits::CONTACTS_MAX, self.contacts.len()),
            ("cases", limits::CASES_MAX, self.cases.len()),
            ("notes", limits::NOTES_MAX, self.notes.len()),
            ("custom fields", limits::CUSTOM_MAX, self.custom.len()),
        ] {
            if count > most {
                return Err(Unkeepable::TooMany { field, most });
            }
        }
        let fits = |field: &'static str, most: usize, text: &str| match text.len() > most {
            true => Err(Unkeepable::TooLong { field, most }),
            false => Ok(()),
        };
        for (field, text) in self.texts() {
            fits(field, TEXT_BYTES_MAX, text)?;
        }
        for note in &self.notes {
            fits("note", NOTE_BYTES_MAX, &note.text)?;
        }
        match &self.value {
            Some(value) if value.pm > limits::VALUE_MAX_PM => Err(Unkeepable::ValueTooHigh),
            Some(_) | None => Ok(()),
        }
    }

    /// Every short text with the name of its field.
    fn texts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let named = [("external id", &self.id), ("name", &self.name), ("given name", &self.given)];
        named
            .into_iter()
            .map(|(field, text)| (field, text.as_str()))
            .chain([("surnames", self.surnames.as_str())])
            .chain(self.aliases.iter().map(|text| ("earlier id", text.as_str())))
            .chain(self.emails.iter().map(|text| ("e-mail address", text.as_str())))
            .chain(self.addresses.iter().flat_map(|a| {
                [&a.street, &a.more, &a.postcode, &a.town, &a.region].map(|text| ("address", text.as_str()))
            }))
            .chain(self.consents.iter().map(|consent| ("proof", consent.proof.as_str())))
            .chain(self.contacts.iter().map(|contact| ("contact", contact.about.as_str())))
            .chain(self.cases.iter().flat_map(|c| [("case", c.reference.as_str()), ("case", c.title.as_str())]))
            .chain(self.notes.iter().map(|note| ("author of a note", note.by.as_str())))
            .chain(self.custom.iter().flat_map(|(k, v)| [("custom field", k.as_str()), ("custom field", v.as_str())]))
    }

    /// Whether the customer agrees to `purpose` at `at`; none: never asked, or it has expired.
    pub fn consents_to(&self, purpose: Name, at: Wall) -> Option<bool> {
        let last = self.consents.iter().rev().find(|consent| consent.purpose == purpose && consent.at <= at)?;
        last.expires.is_none_or(|expires| at < expires).then_some(last.granted)
    }

    /// Remembers a contact; the oldest goes when there are too many.
    pub fn add_contact(&mut self, contact: Contact) {
        pushed(&mut self.contacts, contact, limits::CONTACTS_MAX);
    }

    /// Remembers a note; the oldest goes when there are too many.
    pub fn add_note(&mut self, note: Note) {
        pushed(&mut self.notes, note, limits::NOTES_MAX);
    }
}

fn pushed<T>(list: &mut Vec<T>, new: T, most: usize) {
    while list.len() >= most {
        list.remove(0);
    }
    list.push(new);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Customer {
        Customer { id: "c1".into(), ..Customer::default() }
    }

    #[test]
    fn days_as_people_write_them() {
        for (text, want) in [
            ("1980-12-31", Some("1980-12-31")),
            ("31/12/1980", Some("1980-12-31")),
            ("1.2.1980", Some("1980-02-01")),
            ("19801231", Some("1980-12-31")),
            ("2000-02-29", Some("2000-02-29")),
            ("1900-02-29", None),
            ("1980-13-01", None),
            ("12/31/1980", None),
            ("1980-+1-01", None),
            ("", None),
        ] {
            assert_eq!(Day::parse(text).map(|day| day.to_string()).as_deref(), want, "{text:?}");
        }
    }

    #[test]
    fn each_bound_is_reached_and_named() {
        let line = |n: usize| Line::new(E164::new(&format!("+346000000{n:02}")).unwrap());
        let name = Name::new("x").unwrap();
        let consent = Consent { purpose: name, granted: true, proof: String::new(), at: Wall(0), expires: None };
        let case = Case { reference: String::new(), title: String::new(), opened: Wall(0) };
        let contact = Contact { at: Wall(0), call: None, agent: None, about: String::new() };
        let note = Note { at: Wall(0), by: String::new(), text: String::new() };
        let id = PersonalId::new(crate::identity::IdKind::Other, "1").unwrap();
        let long = "x".repeat(256);
        type Fill<'a> = &'a dyn Fn(&mut Customer, usize);
        let cases: [(&str, usize, Fill<'_>); 11] = [
            ("earlier ids", 64, &|c, n| c.aliases = vec![String::new(); n]),
            ("numbers", 32, &|c, n| c.lines = (0..n).map(line).collect()),
            ("e-mail addresses", 16, &|c, n| c.emails = vec![String::new(); n]),
            ("ids", 8, &|c, n| c.ids = vec![id.clone(); n]),
            ("addresses", 8, &|c, n| c.addresses = vec![Address::default(); n]),
            ("flags", 32, &|c, n| c.flags = vec![name; n]),
            ("consents", 64, &|c, n| c.consents = vec![consent.clone(); n]),
            ("contacts", 50, &|c, n| c.contacts = vec![contact.clone(); n]),
            ("cases", 100, &|c, n| c.cases = vec![case.clone(); n]),
            ("notes", 200, &|c, n| c.notes = vec![note.clone(); n]),
            ("custom fields", 64, &|c, n| c.custom = (0..n).map(|n| (n.to_string(), String::new())).collect()),
        ];
        for (field, most, fill) in cases {
            let mut full = sound();
            fill(&mut full, most);
            assert_eq!(full.check(), Ok(()), "{field}");
            fill(&mut full, most + 1);
            assert_eq!(full.check(), Err(Unkeepable::TooMany { field, most }));
        }
        let too_long = |of: Customer| of.check().unwrap_err().to_string();
        assert_eq!(too_long(Customer { name: long.clone(), ..sound() }), "name is longer than 255 bytes");
        assert_eq!(too_long(Customer { id: long.clone(), ..sound() }), "external id is longer than 255 bytes");
        assert_eq!(
            too_long(Customer { emails: vec![long.clone()], ..sound() }),
            "e-mail address is longer than 255 bytes"
        );
        let long_note = Note { text: "x".repeat(4001), ..note };
        assert_eq!(too_long(Customer { notes: vec![long_note], ..sound() }), "note is longer than 4000 bytes");
        assert_eq!(too_long(Customer::default()), "the external id is empty");
        let value = Value { pm: limits::VALUE_MAX_PM + 1, source: ValueSource::Import, at: Wall(0) };
        assert_eq!(too_long(Customer { value: Some(value), ..sound() }), "the value is above 1000000");
    }

    #[test]
    fn the_last_word_on_a_consent_holds_until_it_expires() {
        let purpose = Name::new("marketing").unwrap();
        let said = |at: i64, granted, expires: Option<i64>| Consent {
            purpose,
            granted,
            proof: "form 7".into(),
            at: Wall::from_secs(at),
            expires: expires.map(Wall::from_secs),
        };
        let mut one = sound();
        one.consents = vec![said(100, true, Some(300)), said(400, false, None)];
        for (at, want) in [(99, None), (100, Some(true)), (299, Some(true)), (300, None), (400, Some(false))] {
            assert_eq!(one.consents_to(purpose, Wall::from_secs(at)), want, "{at}");
        }
        assert_eq!(one.consents_to(Name::new("recording").unwrap(), Wall::from_secs(500)), None);
    }

    #[test]
    fn the_oldest_contact_goes_when_there_are_too_many() {
        let mut one = sound();
        for n in 0..60 {
            one.add_contact(Contact { at: Wall(n), call: None, agent: None, about: String::new() });
            one.add_note(Note { at: Wall(n), by: String::new(), text: String::new() });
        }
        assert_eq!((one.contacts.len(), one.contacts[0].at, one.notes.len()), (50, Wall(10), 60));
        assert_eq!(one.check(), Ok(()));
    }
}
