//! Customers by number and by external id, packed.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use turno_base::{E164, Name, SegmentId};

/// One customer as imported and stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// The operator's key: a re-import of the same id changes this customer.
    pub id: String,
    /// Name to show; data, never markup.
    pub name: String,
    /// Canonical numbers, ascending.
    pub numbers: Vec<E164>,
    /// Class; none: the configured default.
    pub segment: Option<SegmentId>,
    /// Value, per mille of the segment's unit; none: the segment's own.
    pub value_pm: Option<u32>,
    /// Language, as a skill name.
    pub language: Option<Name>,
}

/// A customer found, without the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known<'a> {
    /// External id.
    pub id: &'a str,
    /// Name to show; data, never markup.
    pub name: &'a str,
    /// Class; none: the configured default.
    pub segment: Option<SegmentId>,
    /// Value, per mille; none: the segment's own.
    pub value_pm: Option<u32>,
    /// Language, as a skill name.
    pub language: Option<Name>,
}

/// Customers by number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Portfolio {
    /// Ids and names, one after the other.
    text: String,
    /// Ascending by external id.
    customers: Vec<Packed>,
    /// Numbers as integers, ascending; `owners` runs along.
    numbers: Vec<u64>,
    owners: Vec<u32>,
    segments: Vec<SegmentId>,
    languages: Vec<Name>,
}

const NONE: u16 = u16::MAX;
const VALUE_NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Packed {
    text_at: u32,
    id_len: u8,
    name_len: u8,
    segment: u16,
    language: u16,
    value_pm: u32,
}

impl Portfolio {
    /// Most customers: places are 32 bits, and the arena holds 4 GiB of text.
    pub const CUSTOMERS_MAX: usize = 5_000_000;

    /// The customer who has this number.
    pub fn by_number(&self, number: E164) -> Option<Known<'_>> {
        let at = self.numbers.binary_search(&packed(number)).ok()?;
        self.known(self.customers.get(*self.owners.get(at)? as usize)?)
    }

    /// The customer with this external id.
    pub fn by_id(&self, id: &str) -> Option<Known<'_>> {
        let at = self.customers.binary_search_by(|packed| self.id(packed).cmp(id)).ok()?;
        self.known(self.customers.get(at)?)
    }

    /// How many customers.
    pub fn len(&self) -> usize {
        self.customers.len()
    }

    /// Nobody is known.
    pub fn is_empty(&self) -> bool {
        self.customers.is_empty()
    }

    /// How many numbers.
    pub fn numbers_len(&self) -> usize {
        self.numbers.len()
    }

    /// Everybody with all numbers, ascending by external id.
    pub fn iter(&self) -> impl Iterator<Item = Customer> {
        let mut numbers: Vec<(u32, u64)> = self.owners.iter().copied().zip(self.numbers.iter().copied()).collect();
        numbers.sort_unstable();
        let mut rest = 0;
        self.customers.iter().enumerate().filter_map(move |(at, packed)| {
            let known = self.known(packed)?;
            let own = numbers.get(rest..).unwrap_or(&[]).iter().take_while(|(owner, _)| *owner as usize == at);
            let own: Vec<E164> = own.filter_map(|&(_, number)| unpacked(number)).collect();
            rest += own.len();
            Some(Customer {
                id: known.id.to_owned(),
                name: known.name.to_owned(),
                numbers: own,
                segment: known.segment,
                value_pm: known.value_pm,
                language: known.language,
            })
        })
    }

    fn id(&self, packed: &Packed) -> &str {
        let at = packed.text_at as usize;
        self.text.get(at..at + usize::from(packed.id_len)).unwrap_or("")
    }

    fn known(&self, packed: &Packed) -> Option<Known<'_>> {
        let name_at = packed.text_at as usize + usize::from(packed.id_len);
        Some(Known {
            id: self.id(packed),
            name: self.text.get(name_at..name_at + usize::from(packed.name_len))?,
            segment: self.segments.get(usize::from(packed.segment)).copied(),
            value_pm: (packed.value_pm != VALUE_NONE).then_some(packed.value_pm),
            language: self.languages.get(usize::from(packed.language)).copied(),
        })
    }
}

/// A canonical number never begins with 0, so its value as an integer is the number.
fn packed(number: E164) -> u64 {
    number.digits().bytes().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'))
}

fn unpacked(number: u64) -> Option<E164> {
    E164::from_digits(number.to_string().as_bytes()).ok()
}

/// Packs customers into a [`Portfolio`].
#[derive(Debug, Default)]
pub struct Packer {
    portfolio: Portfolio,
    owners: BTreeMap<u64, u32>,
    segments: BTreeMap<SegmentId, u16>,
    languages: BTreeMap<Name, u16>,
}

/// Why a customer cannot join a portfolio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unpackable {
    /// External ids must ascend, each once.
    Order,
    /// Another customer has this number.
    NumberTaken {
        /// The number.
        number: E164,
        /// Who has it.
        by: String,
    },
    /// Id or name longer than 255 bytes, too many customers, or too many different segments or languages.
    TooMuch,
}

impl fmt::Display for Unpackable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unpackable::Order => f.write_str("external ids do not ascend"),
            Unpackable::NumberTaken { number, by } => write!(f, "number {number} belongs to customer {by:?}"),
            Unpackable::TooMuch => f.write_str("a text, or the portfolio, is too long"),
        }
    }
}

impl std::error::Error for Unpackable {}

impl Packer {
    /// Adds one customer; ids ascend. Refused, nothing of it is added.
    pub fn push(&mut self, customer: &Customer) -> Result<(), Unpackable> {
        let portfolio = &mut self.portfolio;
        let last = portfolio.customers.last().map(|last| portfolio.id(last));
        if last.is_some_and(|last| last >= customer.id.as_str()) {
            return Err(Unpackable::Order);
        }
        for &number in &customer.numbers {
            if let Some(&owner) = self.owners.get(&packed(number)) {
                let by = portfolio.customers.get(owner as usize).map_or("", |p| portfolio.id(p)).to_owned();
                return Err(Unpackable::NumberTaken { number, by });
            }
        }
        let at = portfolio.customers.len();
        let text_len = |text: &str| u8::try_from(text.len()).map_err(|_| Unpackable::TooMuch);
        if at >= Portfolio::CUSTOMERS_MAX {
            return Err(Unpackable::TooMuch);
        }
        let packed_customer = Packed {
            text_at: u32::try_from(portfolio.text.len()).map_err(|_| Unpackable::TooMuch)?,
            id_len: text_len(&customer.id)?,
            name_len: text_len(&customer.name)?,
            segment: interned(customer.segment, &mut self.segments, &mut portfolio.segments)?,
            language: interned(customer.language, &mut self.languages, &mut portfolio.languages)?,
            value_pm: customer.value_pm.unwrap_or(VALUE_NONE),
        };
        portfolio.text.push_str(&customer.id);
        portfolio.text.push_str(&customer.name);
        portfolio.customers.push(packed_customer);
        self.owners.extend(customer.numbers.iter().map(|&number| (packed(number), at as u32)));
        Ok(())
    }

    /// The portfolio.
    pub fn finish(mut self) -> Portfolio {
        self.portfolio.numbers = self.owners.keys().copied().collect();
        self.portfolio.owners = self.owners.into_values().collect();
        self.portfolio.text.shrink_to_fit();
        self.portfolio.customers.shrink_to_fit();
        self.portfolio
    }
}

/// The place of a repeated value in its table.
fn interned<T: Copy + Ord>(
    value: Option<T>,
    places: &mut BTreeMap<T, u16>,
    table: &mut Vec<T>,
) -> Result<u16, Unpackable> {
    let Some(value) = value else { return Ok(NONE) };
    if let Some(&place) = places.get(&value) {
        return Ok(place);
    }
    let place = u16::try_from(table.len()).ok().filter(|&place| place != NONE).ok_or(Unpackable::TooMuch)?;
    places.insert(value, place);
    table.push(value);
    Ok(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn customer(id: &str, numbers: &[&str]) -> Customer {
        let numbers = numbers.iter().map(|n| E164::new(n).unwrap()).collect();
        Customer { id: id.into(), name: format!("Señora {id}"), numbers, ..Customer::default() }
    }

    #[test]
    fn a_customer_is_found_by_each_number_and_by_id() {
        let mut packer = Packer::default();
        let mut vip = customer("c1", &["+34600000001", "+34600000002"]);
        vip.segment = SegmentId::new("platinum").ok();
        vip.value_pm = Some(10_000);
        vip.language = Name::new("catalan").ok();
        packer.push(&vip).unwrap();
        packer.push(&customer("c2", &["+34600000003"])).unwrap();
        assert_eq!(packer.push(&customer("c2", &[])), Err(Unpackable::Order));
        let taken = packer.push(&customer("c3", &["+34600000004", "+34600000002"]));
        assert_eq!(taken.unwrap_err().to_string(), "number +34600000002 belongs to customer \"c1\"");
        let portfolio = packer.finish();
        let found = portfolio.by_number(E164::new("+34600000002").unwrap()).unwrap();
        assert_eq!((found.id, found.name, found.value_pm), ("c1", "Señora c1", Some(10_000)));
        assert_eq!((found.segment, found.language), (SegmentId::new("platinum").ok(), Name::new("catalan").ok()));
        assert_eq!(portfolio.by_id("c2").unwrap().segment, None);
        assert_eq!(portfolio.by_number(E164::new("+34600000004").unwrap()), None);
        assert_eq!(portfolio.by_id("c3"), None);
        assert_eq!(portfolio.iter().next(), Some(vip));
    }

    #[test]
    fn a_text_that_does_not_fit_is_refused() {
        assert_eq!(Packer::default().push(&customer(&"x".repeat(256), &[])), Err(Unpackable::TooMuch));
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_out(
            ids in prop::collection::btree_map("[a-z]{1,6}", prop::collection::btree_set(1_000..9_999_u64, 0..4), 0..40),
        ) {
            let mut taken = std::collections::BTreeSet::new();
            let mut packer = Packer::default();
            let mut all = Vec::new();
            for (id, numbers) in ids {
                let own: Vec<String> =
                    numbers.into_iter().filter(|n| taken.insert(*n)).map(|n| format!("+{n}")).collect();
                let one = customer(&id, &own.iter().map(String::as_str).collect::<Vec<_>>());
                packer.push(&one).unwrap();
                all.push(one);
            }
            let portfolio = packer.finish();
            prop_assert_eq!(portfolio.iter().collect::<Vec<_>>(), all.clone());
            for one in &all {
                for &number in &one.numbers {
                    prop_assert_eq!(portfolio.by_number(number).map(|known| known.id), Some(one.id.as_str()));
                }
            }
            let bytes = postcard::to_allocvec(&portfolio).unwrap();
            prop_assert_eq!(postcard::from_bytes::<Portfolio>(&bytes).unwrap(), portfolio);
        }
    }
}
