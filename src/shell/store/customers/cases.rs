//! What customers wait for: cases are opened and closed, and their values renewed by it.

use std::path::Path;

use rusqlite::TransactionBehavior;
use turno_base::Wall;
use turno_customers::customer::{Case, Unkeepable};
use turno_customers::value::{Rule, renew};

use super::worth::{RECORDS, history, open_records};
use super::{Customers, bump, edits, known, write};
use crate::shell::store::StoreError;

/// Why a case is not opened or closed.
#[derive(Debug)]
pub enum CaseError {
    /// The store.
    Store(StoreError),
    /// Nobody has this external id.
    NoCustomer(String),
    /// There is one of this reference already.
    IsOpen(String),
    /// There is none of this reference.
    NotOpen(String),
    /// He has too many, or a text is too long.
    Unkeepable(Unkeepable),
}

impl From<StoreError> for CaseError {
    fn from(error: StoreError) -> CaseError {
        CaseError::Store(error)
    }
}

impl std::fmt::Display for CaseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CaseError::Store(error) => error.fmt(f),
            CaseError::NoCustomer(id) => {
                write!(f, "there is no customer {id:?}; look for one with `turno customers search`")
            }
            CaseError::IsOpen(reference) => write!(f, "case {reference:?} of this customer is open already"),
            CaseError::NotOpen(reference) => write!(f, "this customer has no open case {reference:?}"),
            CaseError::Unkeepable(why) => why.fmt(f),
        }
    }
}

/// The tables' fault or the person's.
enum Fault {
    Tables(rusqlite::Error),
    Person(CaseError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Fault {
        Fault::Tables(error)
    }
}

impl Customers {
    /// A customer waits for something from `case.opened` on. Of two who open the same case at once one is told that it is open.
    pub fn open_case(&mut self, id: &str, case: Case) -> Result<(), CaseError> {
        self.change_cases(id, |cases| {
            if cases.iter().any(|open| open.reference == case.reference) {
                return Err(CaseError::IsOpen(case.reference));
            }
            cases.push(case);
            Ok(())
        })
    }

    /// He waits for it no longer. Of two who close it at once one is told that it is not open.
    pub fn close_case(&mut self, id: &str, reference: &str) -> Result<(), CaseError> {
        self.change_cases(id, |cases| {
            let before = cases.len();
            cases.retain(|open| open.reference != reference);
            if cases.len() == before { Err(CaseError::NotOpen(reference.to_owned())) } else { Ok(()) }
        })
    }

    /// Reads and writes him in one transaction: what another process changes of him meanwhile is not lost.
    fn change_cases(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut Vec<Case>) -> Result<(), CaseError>,
    ) -> Result<(), CaseError> {
        let run = |of: &mut Customers| -> Result<(), Fault> {
            let transaction = of.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let no_customer = || Fault::Person(CaseError::NoCustomer(id.to_owned()));
            let before = known(&transaction, id)?.ok_or_else(no_customer)?;
            let mut after = before.clone();
            change(&mut after.cases).map_err(Fault::Person)?;
            after.check().map_err(|why| Fault::Person(CaseError::Unkeepable(why)))?;
            write(&transaction, &after)?;
            bump(&transaction)?;
            let told = edits::keep(&transaction, &before, &after, None)?;
            transaction.commit()?;
            of.last_edit = told;
            Ok(())
        };
        run(self).map_err(|fault| match fault {
            Fault::Tables(error) => CaseError::Store(self.fault(error)),
            Fault::Person(error) => error,
        })
    }

    /// Renews one customer by the records in `dir` and `rules`; whether something changed.
    pub fn renew_one(&mut self, dir: &Path, id: &str, rules: &[Rule], now: Wall) -> Result<bool, StoreError> {
        let Some(customer) = self.get(id)? else { return Ok(false) };
        let path = dir.join(RECORDS);
        let fault = |error| StoreError::Database { path: path.clone(), error };
        let lived = match path.exists() {
            false => None,
            true => {
                let records = open_records(&path).map_err(fault)?;
                let history = history(Some(&records), &customer, &[]).map_err(fault)?;
                Some(history).filter(|history| history.contacts > 0)
            }
        };
        let scores = match lived {
            None => None,
            Some(history) => Some(self.fifths(dir)?.scores(&history)),
        };
        let said = lived.and_then(|history| history.said);
        let keep = |of: &mut Customers| {
            let transaction = of.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            // His history took a while: of himself what counts is how he is by now.
            let Some(mut customer) = known(&transaction, id)? else { return Ok(false) };
            if !renew(&mut customer, rules, scores, said, now) {
                return Ok(false);
            }
            write(&transaction, &customer)?;
            bump(&transaction)?;
            transaction.commit()?;
            Ok(true)
        };
        keep(self).map_err(|error| self.fault(error))
    }
}
