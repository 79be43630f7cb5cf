//! One customer changed by a person or program: some of what is kept about him, if it is still as it was when they looked. What
//! somebody says of him, a note or a consent, is entered beside it ([`super::entered`]).

use std::collections::BTreeMap;

use rusqlite::TransactionBehavior;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use turno_base::Name;
use turno_customers::Customer;
use turno_customers::customer::Unkeepable;

use super::{Customers, bump, edits, known, write};
use crate::shell::store::StoreError;

/// What changes; what is absent stays. An empty text takes a segment, language or owner away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// Name to show.
    pub name: Option<String>,
    /// Given names.
    pub given: Option<String>,
    /// Surnames.
    pub surnames: Option<String>,
    /// Class.
    pub segment: Option<String>,
    /// Language, as a skill name.
    pub language: Option<String>,
    /// Whose customer it is.
    pub owner: Option<String>,
    /// Marks, all of them.
    pub flags: Option<Vec<Name>>,
    /// Fields of the house's own: these change, and those that are null go.
    pub custom: Option<BTreeMap<String, Option<String>>>,
}

/// Why nothing was changed.
#[derive(Debug)]
pub enum EditError {
    /// The store.
    Store(StoreError),
    /// Nobody has this external id.
    NoCustomer(String),
    /// Somebody else has changed him since.
    ChangedSince,
    /// A name is none.
    NoName {
        /// Of which key.
        key: &'static str,
        /// What was given.
        given: String,
    },
    /// He would have too much of something.
    Unkeepable(Unkeepable),
}

impl std::fmt::Display for EditError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            EditError::Store(error) => error.fmt(f),
            EditError::NoCustomer(id) => write!(f, "there is no customer {id:?}"),
            EditError::ChangedSince => f.write_str("the customer was changed since; look at him again"),
            EditError::NoName { key, given } => write!(f, "{key}: {given:?} is no name; a-z, 0-9, - _ ., at most 24"),
            EditError::Unkeepable(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for EditError {}

/// The tables' fault or the person's.
enum Fault {
    Tables(rusqlite::Error),
    Person(EditError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Fault {
        Fault::Tables(error)
    }
}

fn named<T: std::str::FromStr>(key: &'static str, given: &str) -> Result<Option<T>, EditError> {
    match given {
        "" => Ok(None),
        given => given.parse().map(Some).map_err(|_| EditError::NoName { key, given: given.to_owned() }),
    }
}

impl Edit {
    /// The keys that change.
    pub fn keys(&self) -> Vec<String> {
        let keys = [
            ("name", self.name.is_some()),
            ("given", self.given.is_some()),
            ("surnames", self.surnames.is_some()),
            ("segment", self.segment.is_some()),
            ("language", self.language.is_some()),
            ("owner", self.owner.is_some()),
            ("flags", self.flags.is_some()),
        ];
        let custom = self.custom.iter().flatten().map(|(key, _)| format!("custom.{key}"));
        keys.into_iter().filter(|(_, is)| *is).map(|(key, _)| key.to_owned()).chain(custom).collect()
    }

    fn onto(&self, mut customer: Customer) -> Result<Customer, EditError> {
        for (place, given) in [
            (&mut customer.name, &self.name),
            (&mut customer.given, &self.given),
            (&mut customer.surnames, &self.surnames),
        ] {
            if let Some(given) = given {
                place.clone_from(given);
            }
        }
        if let Some(given) = &self.segment {
            customer.segment = named("segment", given)?;
        }
        if let Some(given) = &self.language {
            customer.language = named("language", given)?;
        }
        if let Some(given) = &self.owner {
            customer.owner = named("owner", given)?;
        }
        if let Some(flags) = &self.flags {
            customer.flags.clone_from(flags);
            customer.flags.sort_unstable();
            customer.flags.dedup();
        }
        for (key, given) in self.custom.iter().flatten() {
            match given {
                Some(given) => drop(customer.custom.insert(key.clone(), given.clone())),
                None => drop(customer.custom.remove(key)),
            }
        }
        customer.check().map_err(EditError::Unkeepable)?;
        Ok(customer)
    }
}

/// Changes with what an [`Edit`] may change, not with contacts and values, which calls renew all day, nor with notes.
pub fn tag(customer: &Customer) -> String {
    let Customer { id, name, given, surnames, segment, language, owner, flags, custom, .. } = customer;
    let bytes = postcard::to_allocvec(&((id, name, given, surnames), (segment, language, owner, flags, custom)));
    let digest = Sha256::digest(bytes.expect("plain data always serialises"));
    digest.iter().take(8).fold("c".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

impl Customers {
    /// Changes the customer with this external id, or the one that it was merged into, unless his [`tag`] is another than
    /// `expect`; gives him as he is now.
    pub fn edit(&mut self, id: &str, edit: &Edit, expect: Option<&str>) -> Result<Customer, EditError> {
        let run = |of: &mut Customers| -> Result<Customer, Fault> {
            let transaction = of.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let before = known(&transaction, id)?.ok_or_else(|| Fault::Person(EditError::NoCustomer(id.to_owned())))?;
            if expect.is_some_and(|expect| expect != tag(&before)) {
                return Err(Fault::Person(EditError::ChangedSince));
            }
            let after = edit.onto(before.clone()).map_err(Fault::Person)?;
            write(&transaction, &after)?;
            let told = edits::keep(&transaction, &before, &after, None)?;
            bump(&transaction)?;
            transaction.commit()?;
            of.last_edit = told;
            Ok(after)
        };
        run(self).map_err(|fault| match fault {
            Fault::Tables(error) => EditError::Store(self.fault(error)),
            Fault::Person(error) => error,
        })
    }
}
