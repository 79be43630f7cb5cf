//! What the law gives a person: everything that is kept of him, and being forgotten.

use std::fmt;
use std::path::Path;

use serde_json::{Value, json};
use turno_customers::personal::pseudonym;
use turno_tariff::cdr::{Record, format};

use crate::shell::clock::wall;
use crate::shell::store::customers::{Customers, Erased};
use crate::shell::store::pseudonym::pseudonymise;
use crate::shell::store::{Filter, Order, Reader, StoreError};

/// Why a person is not forgotten.
#[derive(Debug)]
pub enum EraseError {
    /// The store.
    Store(StoreError),
    /// The system gives no random numbers for a pseudonym; nothing was erased.
    Entropy,
}

impl fmt::Display for EraseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EraseError::Store(error) => error.fmt(f),
            EraseError::Entropy => {
                f.write_str("the system gives no random numbers for a pseudonym; nothing was erased")
            }
        }
    }
}

impl std::error::Error for EraseError {}

impl From<StoreError> for EraseError {
    fn from(error: StoreError) -> EraseError {
        EraseError::Store(error)
    }
}

/// Who has been forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// By what his calls go on the bill.
    pub pseudonym: String,
    /// How many calls.
    pub calls: u64,
}

/// Everything kept about a customer in the store at `dir`, his calls included; none: there is nobody with this id.
pub fn export(dir: &Path, id: &str) -> Result<Option<Value>, StoreError> {
    let store = Customers::open_existing(dir)?;
    let Some(customer) = store.get(id)? else { return Ok(None) };
    let tasks: Vec<_> = store.tasks()?.into_iter().filter(|task| task.customer == customer.id).collect();
    let is_his =
        |of: &Record| of.customer.as_ref().is_none_or(|id| *id == customer.id || customer.aliases.contains(id));
    let mut calls: Vec<Value> = Vec::new();
    match Reader::open(dir) {
        Ok(reader) => {
            for line in &customer.lines {
                let filter = Filter { number: Some(line.number.to_string()), ..Filter::default() };
                reader.each(&filter, Order::OldestFirst, |record| {
                    if is_his(record) {
                        calls.extend(serde_json::from_str::<Value>(&format::json(record)));
                    }
                })?;
            }
        }
        Err(StoreError::Missing(_)) => {}
        Err(error) => return Err(error),
    }
    Ok(Some(json!({"exported_at": wall().to_string(), "customer": customer, "tasks": tasks, "calls": calls})))
}

/// Forgets a customer for good; records of his calls stay under a pseudonym. None: there is nobody with this id.
pub fn erase(dir: &Path, id: &str) -> Result<Option<Forgotten>, EraseError> {
    let pseudonym = drawn()?;
    let mut store = Customers::open_existing(dir)?;
    let Some(erased) = store.erase(id)? else { return Ok(None) };
    let calls = pseudonymise(dir, &erased, &pseudonym)?;
    Ok(Some(Forgotten { pseudonym, calls }))
}

/// Forgets in the records in `dir` somebody whom the customers do not know, or not any more.
pub fn erase_calls(dir: &Path, erased: &Erased) -> Result<Forgotten, EraseError> {
    if !dir.join("records.sqlite").exists() {
        return Err(StoreError::Missing(dir.to_owned()).into());
    }
    let pseudonym = drawn()?;
    let calls = pseudonymise(dir, erased, &pseudonym)?;
    Ok(Forgotten { pseudonym, calls })
}

fn drawn() -> Result<String, EraseError> {
    let mut key = [0; 16];
    getrandom::fill(&mut key).map_err(|_| EraseError::Entropy)?;
    Ok(pseudonym(u128::from_le_bytes(key)))
}
