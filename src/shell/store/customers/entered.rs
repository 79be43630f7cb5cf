//! What people enter about a customer by hand, or take back. Look-ups and searches find nothing of it, so nobody has to read the
//! customers again; a card shows it at once, for it asks here.

use rusqlite::TransactionBehavior;
use turno_customers::Customer;
use turno_customers::entered::Unfit;

use super::{Customers, alias, edits, record, write};
use crate::shell::store::StoreError;

/// Why something is not entered.
#[derive(Debug)]
pub enum EntryError {
    /// The store.
    Store(StoreError),
    /// Nobody has this external id.
    NoCustomer(String),
    /// It makes no sense of this customer.
    Unfit(Unfit),
}

impl From<StoreError> for EntryError {
    fn from(error: StoreError) -> EntryError {
        EntryError::Store(error)
    }
}

impl std::fmt::Display for EntryError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            EntryError::Store(error) => error.fmt(f),
            EntryError::NoCustomer(id) => {
                write!(f, "there is no customer {id:?}; look for one with `turno customers search`")
            }
            EntryError::Unfit(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for EntryError {}

/// The tables' fault or the person's.
enum Fault {
    Tables(rusqlite::Error),
    Person(EntryError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Fault {
        Fault::Tables(error)
    }
}

impl Customers {
    /// Changes one customer, by any id he has had, and nobody changes him meanwhile; gives him as he is now and what `change`
    /// gave. Not for what look-ups or searches find.
    ///
    /// # Errors
    /// If there is nobody with this id, or `change` refuses; then nothing is changed.
    pub fn enter<T>(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut Customer) -> Result<T, Unfit>,
    ) -> Result<(Customer, T), EntryError> {
        let run = |of: &mut Customers| -> Result<(Customer, T), Fault> {
            let transaction = of.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let known = match record(&transaction, id)? {
                Some(known) => Some(known),
                None => alias(&transaction, id)?.map(|id| record(&transaction, &id)).transpose()?.flatten(),
            };
            let mut customer = known.ok_or_else(|| Fault::Person(EntryError::NoCustomer(id.to_owned())))?;
            let before = customer.clone();
            let given = change(&mut customer).map_err(|why| Fault::Person(EntryError::Unfit(why)))?;
            write(&transaction, &customer)?;
            let told = edits::keep(&transaction, &before, &customer, None)?;
            transaction.commit()?;
            of.last_edit = told;
            Ok((customer, given))
        };
        run(self).map_err(|fault| match fault {
            Fault::Tables(error) => EntryError::Store(self.fault(error)),
            Fault::Person(error) => error,
        })
    }
}

#[cfg(test)]
mod tests {
    use turno_base::{Name, Wall};
    use turno_customers::customer::{Case, Consent, Note};

    use super::super::tests::rows;
    use super::*;
    use crate::shell::store::tests::Dir;

    fn consent(day: i64) -> Consent {
        let purpose = Name::new("recording").unwrap();
        Consent { purpose, granted: true, proof: "form 118".into(), at: Wall(day), expires: Some(Wall(900)) }
    }

    fn note(text: &str) -> Note {
        Note { at: Wall(5), by: "anna".into(), text: text.into() }
    }

    #[test]
    fn what_is_entered_outlives_imports_that_are_taken_back_merges_and_nothing_of_it_outlives_forgetting() {
        let dir = Dir::new("customers");
        let mut store = Customers::open(&dir.0).unwrap();
        store.import("x", Wall(1), rows("id,name,numbers\na,Ana,612345678\nb,Ana R,612345678\n"), false).unwrap();
        store.import("y", Wall(2), rows("id,name,numbers\na,Anna,612345678\nc,Luis,688000000\n"), false).unwrap();
        let version = store.version().unwrap();
        let (ana, ()) = store.enter("a", |of| of.enter_consent(consent(10), Wall(20))).unwrap();
        assert_eq!(ana.consents, [consent(10)]);
        store.enter("a", |of| of.enter_note(note("Xanthippe asks for her brother"))).unwrap();
        store.enter("c", |of| of.enter_note(note("calls back in May"))).unwrap();
        assert_eq!(store.version().unwrap(), version, "whoever reads all customers need not read them again");
        let case = Case { reference: "R-1".into(), title: "line".into(), opened: Wall(6) };
        store.open_case("a", case).unwrap();

        let undone = store.undo(None, Wall(30)).unwrap().unwrap();
        assert_eq!((undone.restored, undone.kept), (1, vec!["c".to_owned()]), "somebody wrote of him by hand");
        let ana = store.get("a").unwrap().unwrap();
        assert_eq!((ana.name.as_str(), ana.consents.len(), ana.notes.len(), ana.cases.len()), ("Ana", 1, 1, 1));

        store.merge("b", "a", "clerk", Wall(40)).unwrap();
        let (both, taken) = store.enter("a", Customer::take_back_note).unwrap();
        assert_eq!((both.id.as_str(), taken.by.as_str(), both.notes.len()), ("b", "anna", 0), "by either id");
        store.enter("b", |of| of.enter_note(note("Xanthippe again"))).unwrap();
        store.enter("b", |of| of.enter_consent(consent(8), Wall(50))).unwrap();
        let (one, other) = store.unmerge("b", Wall(60)).unwrap();
        let days = |of: &Customer| of.consents.iter().map(|consent| consent.at.0).collect::<Vec<_>>();
        assert_eq!((days(&one), days(&other)), (vec![8], vec![10]));

        store.erase("a").unwrap();
        store.erase("b").unwrap();
        drop(store);
        for entry in std::fs::read_dir(&dir.0).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            for words in [b"Xanthippe".as_slice(), b"form 118"] {
                assert!(!bytes.windows(words.len()).any(|window| window == words), "the disk remembers");
            }
        }
    }

    #[test]
    fn what_is_refused_changes_nothing() {
        let dir = Dir::new("customers");
        let mut store = Customers::open(&dir.0).unwrap();
        store.import("x", Wall(1), rows("id,name,numbers\na,Ana,612345678\n"), false).unwrap();
        let before = store.get("a").unwrap();
        let refused = store.enter("a", |of| of.enter_consent(consent(30), Wall(20))).unwrap_err();
        assert!(matches!(refused, EntryError::Unfit(Unfit::Future)), "{refused}");
        let refused = store.enter("nobody", |of| of.enter_note(note("x"))).unwrap_err();
        assert!(matches!(refused, EntryError::NoCustomer(_)), "{refused}");
        assert_eq!(store.get("a").unwrap(), before);
    }
}
