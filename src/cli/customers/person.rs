//! What the law gives a person: everything that is kept, forgetting, and ages.

use std::path::Path;

use serde_json::{Value, json};
use turno_customers::personal::{Retention, pseudonym};
use turno_tariff::cdr::{Record, format};

use super::Failure;
use crate::shell::clock::wall;
use crate::shell::store::customers::Customers;
use crate::shell::store::pseudonym::pseudonymise;
use crate::shell::store::{Filter, Order, Reader, StoreError};

pub(super) fn export(dir: &Path, id: &str) -> Result<(), Failure> {
    let store = Customers::open_existing(dir)?;
    let customer = store.get(id)?.ok_or_else(|| Failure::NoCustomer(id.to_owned()))?;
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
        Err(error) => return Err(error.into()),
    }
    println!("{}", json!({"exported_at": wall().to_string(), "customer": customer, "tasks": tasks, "calls": calls}));
    Ok(())
}

pub(super) fn erase(dir: &Path, as_json: bool, id: &str, sure: bool) -> Result<(), Failure> {
    if !sure {
        return Err(Failure::NotSure(id.to_owned()));
    }
    let mut key = [0; 16];
    getrandom::fill(&mut key).map_err(|_| Failure::Entropy)?;
    let name = pseudonym(u128::from_le_bytes(key));
    let mut store = Customers::open_existing(dir)?;
    let erased = store.erase(id)?.ok_or_else(|| Failure::NoCustomer(id.to_owned()))?;
    let calls = pseudonymise(dir, &erased, &name)?;
    match as_json {
        true => println!("{}", json!({"erased": id, "pseudonym": name, "calls": calls})),
        false => println!("{id} is forgotten; {calls} calls stay for the bill as {name}"),
    }
    Ok(())
}

pub(super) fn retain(dir: &Path, as_json: bool, retention: &Retention, dry_run: bool) -> Result<(), Failure> {
    let customers = Customers::open_existing(dir)?.retain(retention, wall(), dry_run)?;
    match (as_json, dry_run) {
        (true, _) => println!("{}", json!({"customers": customers, "dry_run": dry_run})),
        (false, true) => println!("{customers} customers have something older; nothing is changed"),
        (false, false) => println!("taken out of {customers} customers"),
    }
    Ok(())
}
