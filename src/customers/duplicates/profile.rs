//! What of a customer is compared, folded once.

use crate::customer::{Customer, Kind, Validity};
use crate::identity::PersonalId;
use crate::portfolio::packed;
use crate::text::{fold, is_filler};

/// A customer as comparators see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    pub(super) kind: Kind,
    /// Folded, without fillers.
    pub(super) given: Box<str>,
    pub(super) surnames: Box<str>,
    pub(super) street: Box<str>,
    pub(super) more: Box<str>,
    pub(super) town: Box<str>,
    pub(super) region: Box<str>,
    pub(super) postcode: Box<str>,
    /// As eight digits; empty if unknown.
    pub(super) born: Box<str>,
    pub(super) numbers: Box<[u64]>,
    pub(super) emails: Box<[Box<str>]>,
    ids: Box<[PersonalId]>,
}

impl Profile {
    /// Folds what is compared.
    pub fn new(customer: &Customer) -> Profile {
        let (given, surnames) = names(customer);
        let address = customer.addresses.first();
        let part = |of: Option<&String>| of.map(|text| plain(text)).unwrap_or_default();
        let naming = customer.lines.iter().filter(|line| line.validity != Validity::Wrong);
        Profile {
            kind: customer.kind,
            given,
            surnames,
            street: part(address.map(|a| &a.street)),
            more: part(address.map(|a| &a.more)),
            town: part(address.map(|a| &a.town)),
            region: part(address.map(|a| &a.region)),
            postcode: part(address.map(|a| &a.postcode)),
            born: customer
                .born
                .map(|day| format!("{:04}{:02}{:02}", day.year, day.month, day.day))
                .unwrap_or_default()
                .into(),
            numbers: naming.map(|line| packed(line.number)).collect(),
            emails: customer.emails.iter().map(|email| email.to_lowercase().into()).collect(),
            ids: customer.ids.clone().into(),
        }
    }

    /// Official ids.
    pub fn ids(&self) -> &[PersonalId] {
        &self.ids
    }
}

fn plain(text: &str) -> Box<str> {
    fold(text).into()
}

fn without_fillers(text: &str) -> Box<str> {
    let folded = fold(text);
    let words: Vec<&str> = folded.split(' ').filter(|word| !is_filler(word)).collect();
    if words.is_empty() { folded.into() } else { words.join(" ").into() }
}

/// Given names and surnames, from the whole name where they are not known apart: of three words or more the last two are
/// surnames, of two the last; a company has no given name.
fn names(customer: &Customer) -> (Box<str>, Box<str>) {
    if !customer.given.is_empty() || !customer.surnames.is_empty() {
        return (without_fillers(&customer.given), without_fillers(&customer.surnames));
    }
    let name = without_fillers(&customer.name);
    if customer.kind == Kind::Company {
        return (Box::default(), name);
    }
    let words: Vec<&str> = name.split(' ').collect();
    let given = match words.len() {
        0 | 1 => 0,
        2 => 1,
        count => count - 2,
    };
    let (given, surnames) = words.split_at(given);
    (given.join(" ").into(), surnames.join(" ").into())
}
