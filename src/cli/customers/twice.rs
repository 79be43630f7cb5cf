//! Customers who are there twice, on the command line.

use std::path::Path;

use serde_json::json;
use turno_customers::duplicates::{Finder, Verdict};

use super::Failure;
use crate::cli::audited::{deed, note, with};
use crate::cli::table::Table;
use crate::shell::audit::{Deed, account};
use crate::shell::clock::wall;
use crate::shell::store::customers::Customers;

/// Lines that a table shows; `--json` has all.
const SHOWN_MAX: usize = 100;

struct Who {
    id: String,
    name: String,
}

pub(super) fn duplicates(dir: &Path, as_json: bool, merges: bool) -> Result<(), Failure> {
    let mut store = Customers::open_existing(dir)?;
    let (mut finder, mut all) = (Finder::default(), Vec::new());
    store.each(|customer| {
        finder.push(&customer);
        all.push(Who { id: customer.id, name: customer.name });
    })?;
    let different = store.different()?;
    let who = |at: u32| all.get(at as usize);
    let is_decided = |a: u32, b: u32| {
        let pair = who(a).zip(who(b)).map(|(a, b)| (a.id.clone(), b.id.clone()));
        pair.is_some_and(|(a, b)| different.contains(&if a < b { (a, b) } else { (b, a) }))
    };
    let mut found = finder.find(|_| ());
    found.pairs.retain(|pair| !is_decided(pair.a, pair.b));
    let groups: Vec<Vec<&Who>> =
        finder.groups(&found).iter().map(|group| group.iter().filter_map(|&at| who(at)).collect()).collect();
    let mut merged = 0;
    if merges {
        let by = account();
        for group in &groups {
            if let Some((first, rest)) = group.split_first() {
                for other in rest {
                    store.merge(&first.id, &other.id, &by, wall()).map_err(Failure::Merge)?;
                    merged += 1;
                }
            }
        }
        note(dir, with(deed("customers duplicates --merge", "customers", ""), json!({"merged": merged})));
    }
    let maybe: Vec<_> = found.pairs.iter().filter(|pair| pair.verdict == Verdict::Maybe).collect();
    if as_json {
        let groups: Vec<Vec<&str>> =
            groups.iter().map(|group| group.iter().map(|who| who.id.as_str()).collect()).collect();
        let evidence = finder.evidence();
        let pair = |pair: &&turno_customers::duplicates::Pair| {
            let (a, b) = who(pair.a).zip(who(pair.b))?;
            Some(
                json!({"a": a.id, "b": b.id, "weight_mb": pair.weight_mb, "why": finder.explain(&evidence, pair.a, pair.b)}),
            )
        };
        let pairs: Vec<_> = maybe.iter().take(SHOWN_MAX).filter_map(pair).collect();
        println!("{}", json!({"groups": groups, "merged": merged, "pairs": pairs, "pairs_count": maybe.len()}));
        return Ok(());
    }
    let mut table = Table::new(&["one customer", "names"]);
    for group in groups.iter().take(SHOWN_MAX) {
        let joined = |of: fn(&Who) -> &str| group.iter().map(|who| of(who)).collect::<Vec<_>>();
        table.row([joined(|who| &who.id).join(" "), joined(|who| &who.name).join(" | ")]);
    }
    table.print();
    let mut table = Table::new(&["for people", "", "bits", "names"]);
    for pair in maybe.iter().take(SHOWN_MAX) {
        if let Some((a, b)) = who(pair.a).zip(who(pair.b)) {
            let bits = (pair.weight_mb / 1000).to_string();
            table.row([a.id.clone(), b.id.clone(), bits, format!("{} | {}", a.name, b.name)]);
        }
    }
    table.print();
    println!("{} groups, {} pairs for people, {merged} merged", groups.len(), maybe.len());
    Ok(())
}

pub(super) fn merge(dir: &Path, as_json: bool, kept: &str, gone: &str) -> Result<(), Failure> {
    let mut store = Customers::open_existing(dir)?;
    let merged = store.merge(kept, gone, &account(), wall()).map_err(Failure::Merge)?;
    let told = deed("customers merge", format!("customer/{kept}"), gone);
    note(dir, Deed { edit: store.last_edit(), ..told });
    match as_json {
        true => println!("{}", json!(merged)),
        false => println!("{gone} is now another id of {kept}; `turno customers unmerge {kept}` takes it back"),
    }
    Ok(())
}

pub(super) fn unmerge(dir: &Path, as_json: bool, kept: &str) -> Result<(), Failure> {
    let mut store = Customers::open_existing(dir)?;
    let (one, other) = store.unmerge(kept, wall()).map_err(Failure::Merge)?;
    let told = deed("customers unmerge", format!("customer/{kept}"), &other.id);
    note(dir, Deed { edit: store.last_edit(), ..told });
    match as_json {
        true => println!("{}", json!({"kept": one, "parted": other})),
        false => println!("{} and {} are two again", one.id, other.id),
    }
    Ok(())
}

pub(super) fn different(dir: &Path, as_json: bool, a: &str, b: &str) -> Result<(), Failure> {
    Customers::open_existing(dir)?.set_different(a, b)?;
    note(dir, deed("customers different", format!("customer/{a}"), b));
    match as_json {
        true => println!("{}", json!({"done": true})),
        false => println!("{a} and {b} stay two"),
    }
    Ok(())
}
