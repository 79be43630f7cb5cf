//! Customers by number, by external id and by what people type, packed.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use turno_base::{AgentId, E164, Name, SegmentId, Wall};

use crate::customer::{Customer, Line, Validity, Value, ValueSource};
use crate::search::{Index, IndexBuilder};

/// What a portfolio keeps of a customer, with the numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// External id.
    pub id: String,
    /// Name to show; data, never markup.
    pub name: String,
    /// Canonical numbers that name the customer, ascending.
    pub numbers: Vec<E164>,
    /// Class; none: the configured default.
    pub segment: Option<SegmentId>,
    /// Value, per mille; none: the segment's own.
    pub value_pm: Option<u32>,
    /// Language, as a skill name.
    pub language: Option<Name>,
    /// Whose customer it is.
    pub owner: Option<AgentId>,
}

impl From<Entry> for Customer {
    /// As much of the customer as an entry has; the age of the value is lost.
    fn from(entry: Entry) -> Customer {
        let value = |pm| Value { pm, source: ValueSource::Import, at: Wall::default() };
        Customer {
            id: entry.id,
            name: entry.name,
            lines: entry.numbers.into_iter().map(Line::new).collect(),
            segment: entry.segment,
            value: entry.value_pm.map(value),
            language: entry.language,
            owner: entry.owner,
            ..Customer::default()
        }
    }
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
    /// Whose customer it is.
    pub owner: Option<AgentId>,
}

/// Customers by number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Portfolio {
    /// Ids and names, one after the other.
    text: String,
    /// Ascending by external id.
    customers: Vec<Packed>,
    /// Numbers as [`packed`], ascending, one entry for each customer who has it; `owners` runs along.
    pub(crate) numbers: Vec<u64>,
    pub(crate) owners: Vec<u32>,
    segments: Vec<SegmentId>,
    languages: Vec<Name>,
    agents: Vec<AgentId>,
    pub(crate) index: Index,
}

const NONE: u16 = u16::MAX;
const VALUE_NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Packed {
    text_at: u32,
    value_pm: u32,
    segment: u16,
    language: u16,
    agent: u16,
    id_len: u8,
    name_len: u8,
}

impl Portfolio {
    /// Most customers: places are 32 bits, and the arena holds 4 GiB of text.
    pub const CUSTOMERS_MAX: usize = 5_000_000;

    /// The customer who most likely calls from this number: of several who share it the most valuable one, then the one
    /// with the lower external id.
    pub fn by_number(&self, number: E164) -> Option<Known<'_>> {
        self.by_number_all(number).reduce(|best, other| if other.value_pm > best.value_pm { other } else { best })
    }

    /// All who share this number, ascending by external id.
    pub fn by_number_all(&self, number: E164) -> impl Iterator<Item = Known<'_>> {
        let wanted = packed(number);
        let first = self.numbers.partition_point(|&known| known < wanted);
        let same = self.numbers.iter().skip(first).take_while(move |&&known| known == wanted);
        same.zip(self.owners.iter().skip(first)).filter_map(|(_, &owner)| self.at(owner))
    }

    /// The customer with this external id.
    pub fn by_id(&self, id: &str) -> Option<Known<'_>> {
        let at = self.customers.binary_search_by(|packed| self.id(packed).cmp(id)).ok()?;
        self.known(self.customers.get(at)?)
    }

    /// The customer at this place, 0-based, in the order of external ids.
    pub(crate) fn at(&self, place: u32) -> Option<Known<'_>> {
        self.known(self.customers.get(place as usize)?)
    }

    /// How many customers.
    pub fn len(&self) -> usize {
        self.customers.len()
    }

    /// Nobody is known.
    pub fn is_empty(&self) -> bool {
        self.customers.is_empty()
    }

    /// How many numbers, shared ones once for each customer.
    pub fn numbers_len(&self) -> usize {
        self.numbers.len()
    }

    /// Memory taken: for the look-up, and for the search, bytes.
    pub fn bytes(&self) -> (usize, usize) {
        let look_up = self.text.len()
            + self.customers.len() * size_of::<Packed>()
            + self.numbers.len() * size_of::<u64>()
            + self.owners.len() * size_of::<u32>();
        (look_up, self.index.bytes())
    }

    /// Everybody with all numbers, ascending by external id.
    pub fn iter(&self) -> impl Iterator<Item = Entry> {
        let mut numbers: Vec<(u32, u64)> = self.owners.iter().copied().zip(self.numbers.iter().copied()).collect();
        numbers.sort_unstable();
        let mut rest = 0;
        self.customers.iter().enumerate().filter_map(move |(at, packed)| {
            let known = self.known(packed)?;
            let own = numbers.get(rest..).unwrap_or(&[]).iter().take_while(|(owner, _)| *owner as usize == at);
            let own: Vec<E164> = own.filter_map(|&(_, number)| unpacked(number)).collect();
            rest += own.len();
            Some(Entry {
                id: known.id.to_owned(),
                name: known.name.to_owned(),
                numbers: own,
                segment: known.segment,
                value_pm: known.value_pm,
                language: known.language,
                owner: known.owner,
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
            owner: self.agents.get(usize::from(packed.agent)).copied(),
        })
    }
}

/// A number in 60 bits, its first digit in the highest of them and each digit as itself plus one, so that what follows the
/// last digit is no digit, order is that of the text, and a part of it is found by shifts alone.
pub(crate) fn packed(number: E164) -> u64 {
    let digits = number.digits();
    let sum = digits.bytes().fold(0, |sum: u64, digit| sum << 4 | u64::from(digit - b'0' + 1));
    sum << (4 * (15 - digits.len()))
}

pub(crate) fn unpacked(number: u64) -> Option<E164> {
    let nibbles = (0..15).map(|at| (number >> (56 - 4 * at)) as u8 & 15);
    let digits: Vec<u8> = nibbles.take_while(|&nibble| nibble > 0).map(|nibble| b'0' + nibble - 1).collect();
    E164::from_digits(&digits).ok()
}

/// Packs customers into a [`Portfolio`].
#[derive(Debug, Default)]
pub struct Packer {
    portfolio: Portfolio,
    numbers: Vec<(u64, u32)>,
    index: IndexBuilder,
    segments: BTreeMap<SegmentId, u16>,
    languages: BTreeMap<Name, u16>,
    agents: BTreeMap<AgentId, u16>,
}

/// Why a customer cannot join a portfolio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unpackable {
    /// External ids must ascend, each once.
    Order,
    /// Id or name longer than 255 bytes, too many customers, or too many different segments, languages or owners.
    TooMuch,
}

impl fmt::Display for Unpackable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unpackable::Order => f.write_str("external ids do not ascend"),
            Unpackable::TooMuch => f.write_str("a text, or the portfolio, is too long"),
        }
    }
}

impl std::error::Error for Unpackable {}

impl Packer {
    /// Adds one customer; ids ascend. Refused, nothing of it is added. A number that is known to be wrong names nobody.
    pub fn push(&mut self, customer: &Customer) -> Result<(), Unpackable> {
        let portfolio = &mut self.portfolio;
        let last = portfolio.customers.last().map(|last| portfolio.id(last));
        if last.is_some_and(|last| last >= customer.id.as_str()) {
            return Err(Unpackable::Order);
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
            agent: interned(customer.owner, &mut self.agents, &mut portfolio.agents)?,
            value_pm: customer.value.as_ref().map_or(VALUE_NONE, |value| value.pm),
        };
        portfolio.text.push_str(&customer.id);
        portfolio.text.push_str(&customer.name);
        portfolio.customers.push(packed_customer);
        let naming = customer.lines.iter().filter(|line| line.validity != Validity::Wrong);
        self.numbers.extend(naming.map(|line| (packed(line.number), at as u32)));
        self.index.push(customer);
        Ok(())
    }

    /// The portfolio.
    pub fn finish(mut self) -> Portfolio {
        self.numbers.sort_unstable();
        self.numbers.dedup();
        self.portfolio.numbers = self.numbers.iter().map(|&(number, _)| number).collect();
        self.portfolio.owners = self.numbers.iter().map(|&(_, owner)| owner).collect();
        self.portfolio.text.shrink_to_fit();
        self.portfolio.customers.shrink_to_fit();
        self.portfolio.index = self.index.finish();
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
    use proptest::prelude::*;

    use super::*;

    fn customer(id: &str, numbers: &[&str]) -> Customer {
        let lines = numbers.iter().map(|n| Line::new(E164::new(n).unwrap())).collect();
        Customer { id: id.into(), name: format!("Señora {id}"), lines, ..Customer::default() }
    }

    fn worth(pm: u32) -> Option<Value> {
        Some(Value { pm, source: ValueSource::Import, at: Wall(0) })
    }

    fn entry(of: &Customer) -> Entry {
        let mut numbers: Vec<E164> = of.lines.iter().map(|line| line.number).collect();
        numbers.sort_unstable();
        Entry {
            id: of.id.clone(),
            name: of.name.clone(),
            numbers,
            segment: of.segment,
            value_pm: of.value.as_ref().map(|value| value.pm),
            language: of.language,
            owner: of.owner,
        }
    }

    #[test]
    fn a_customer_is_found_by_each_number_and_by_id() {
        let mut packer = Packer::default();
        let mut vip = customer("c1", &["+34600000001", "+34600000002"]);
        vip.segment = SegmentId::new("platinum").ok();
        vip.value = worth(10_000);
        vip.language = Name::new("catalan").ok();
        vip.owner = AgentId::new("anna").ok();
        packer.push(&vip).unwrap();
        packer.push(&customer("c2", &["+34600000003"])).unwrap();
        assert_eq!(packer.push(&customer("c2", &[])), Err(Unpackable::Order));
        let portfolio = packer.finish();
        let found = portfolio.by_number(E164::new("+34600000002").unwrap()).unwrap();
        assert_eq!((found.id, found.name, found.value_pm), ("c1", "Señora c1", Some(10_000)));
        assert_eq!((found.segment, found.language), (SegmentId::new("platinum").ok(), Name::new("catalan").ok()));
        assert_eq!(found.owner, AgentId::new("anna").ok());
        assert_eq!(portfolio.by_id("c2").unwrap().segment, None);
        assert_eq!(portfolio.by_number(E164::new("+34600000004").unwrap()), None);
        assert_eq!(portfolio.by_id("c3"), None);
        assert_eq!(portfolio.iter().next(), Some(entry(&vip)));
    }

    #[test]
    fn of_those_who_share_a_number_the_most_valuable_calls() {
        let mut packer = Packer::default();
        for (id, pm) in [("a", None), ("b", Some(4000)), ("c", Some(4000)), ("d", Some(1000))] {
            packer.push(&Customer { value: pm.and_then(worth), ..customer(id, &["+34910000001"]) }).unwrap();
        }
        let portfolio = packer.finish();
        let number = E164::new("+34910000001").unwrap();
        assert_eq!(portfolio.by_number(number).unwrap().id, "b");
        assert_eq!(portfolio.by_number_all(number).map(|known| known.id).collect::<String>(), "abcd");
    }

    #[test]
    fn a_wrong_number_names_nobody() {
        let mut one = customer("a", &["+34600000001", "+34600000002"]);
        one.lines[0].validity = Validity::Wrong;
        one.lines[1].validity = Validity::Inactive;
        let mut packer = Packer::default();
        packer.push(&one).unwrap();
        let portfolio = packer.finish();
        assert_eq!(portfolio.by_number(one.lines[0].number), None);
        assert!(portfolio.by_number(one.lines[1].number).is_some());
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
            let mut packer = Packer::default();
            let mut all = Vec::new();
            for (id, numbers) in ids {
                let own: Vec<String> = numbers.into_iter().map(|n| format!("+{n}")).collect();
                let one = customer(&id, &own.iter().map(String::as_str).collect::<Vec<_>>());
                packer.push(&one).unwrap();
                all.push(one);
            }
            let portfolio = packer.finish();
            prop_assert_eq!(portfolio.iter().collect::<Vec<_>>(), all.iter().map(entry).collect::<Vec<_>>());
            for one in &all {
                for line in &one.lines {
                    prop_assert!(portfolio.by_number_all(line.number).any(|known| known.id == one.id));
                }
            }
            let bytes = postcard::to_allocvec(&portfolio).unwrap();
            prop_assert_eq!(postcard::from_bytes::<Portfolio>(&bytes).unwrap(), portfolio);
        }

        #[test]
        fn a_packed_number_is_the_number(a in "[1-9][0-9]{2,14}", b in "[1-9][0-9]{2,14}") {
            let number = |text: &str| E164::from_digits(text.as_bytes()).unwrap();
            prop_assert_eq!(unpacked(packed(number(&a))), Some(number(&a)));
            prop_assert_eq!(packed(number(&a)).cmp(&packed(number(&b))), a.cmp(&b));
        }
    }
}
