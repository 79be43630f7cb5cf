//! What customers wait for: cases are opened and closed, and their values renewed by it.

use std::path::Path;

use rusqlite::TransactionBehavior;
use turno_base::Wall;
use turno_customers::Customer;
use turno_customers::customer::{Case, Unkeepable};
use turno_customers::value::{Rule, renew};

use super::worth::{RECORDS, history, open_records};
use super::{Customers, bump, edits, write};
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

impl Customers {
    /// A customer waits for something from `case.opened` on.
    pub fn open_case(&mut self, id: &str, case: Case) -> Result<(), CaseError> {
        let mut customer = self.get(id)?.ok_or_else(|| CaseError::NoCustomer(id.to_owned()))?;
        if customer.cases.iter().any(|open| open.reference == case.reference) {
            return Err(CaseError::IsOpen(case.reference));
        }
        let before = customer.clone();
        customer.cases.push(case);
        customer.check().map_err(CaseError::Unkeepable)?;
        Ok(self.put_told(&before, &customer)?)
    }

    /// He waits for it no longer.
    pub fn close_case(&mut self, id: &str, reference: &str) -> Result<(), CaseError> {
        let mut customer = self.get(id)?.ok_or_else(|| CaseError::NoCustomer(id.to_owned()))?;
        let before = customer.clone();
        customer.cases.retain(|open| open.reference != reference);
        if customer.cases.len() == before.cases.len() {
            return Err(CaseError::NotOpen(reference.to_owned()));
        }
        Ok(self.put_told(&before, &customer)?)
    }

    fn put_told(&mut self, before: &Customer, after: &Customer) -> Result<(), StoreError> {
        let put = |of: &mut Customers| {
            let transaction = of.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            write(&transaction, after)?;
            bump(&transaction)?;
            let told = edits::keep(&transaction, before, after, None)?;
            transaction.commit()?;
            of.last_edit = told;
            Ok(())
        };
        put(self).map_err(|error| self.fault(error))
    }

    /// Renews one customer by the records in `dir` and `rules`; whether something changed.
    pub fn renew_one(&mut self, dir: &Path, id: &str, rules: &[Rule], now: Wall) -> Result<bool, StoreError> {
        let Some(mut customer) = self.get(id)? else { return Ok(false) };
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
        if !renew(&mut customer, rules, scores, said, now) {
            return Ok(false);
        }
        let keep = || {
            write(&self.db, &customer)?;
            bump(&self.db)
        };
        keep().map_err(|error| self.fault(error))?;
        Ok(true)
    }
}
