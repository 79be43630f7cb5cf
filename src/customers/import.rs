//! Customers from rows, as spreadsheets have them: `config/customers.csv` is the documented sample.
//!
//! Headers in English or Spanish in any order, or mapped by the operator. A row with a fault is left out and named with its
//! line, its column and what to do; the others are taken. A row changes only what the file has a column for, and the external
//! id is the key, so that the same file twice changes nothing. Reading files is not here: CSV comes as text ([`csv_rows`]),
//! sheets as cells.

mod fault;
mod field;

use std::collections::BTreeMap;

use turno_base::number::normalise;
use turno_base::{AgentId, E164, Name, SegmentId, Wall};

pub use fault::{Code, RowError};
pub use field::Field;

use crate::customer::{Address, Customer, Day, Kind, Line, LineKind, Value, ValueSource};
use crate::encoding::Encoding;
use crate::identity::{IdFault, IdKind, PersonalId};
use crate::limits;
use crate::portfolio::{Packer, Portfolio};
use crate::text::fold;

/// How a file is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Country code without `+`: completes national numbers.
    pub country: String,
    /// Headers of this file, as they stand there, and what they are.
    pub columns: Vec<(String, Field)>,
    /// Columns that nothing maps become custom fields; otherwise they are left aside.
    pub keep_others: bool,
}

impl Mapping {
    /// Headers by their usual names, numbers of this country.
    pub fn of_country(country: &str) -> Mapping {
        Mapping { country: country.to_owned(), ..Mapping::default() }
    }
}

/// A customer as a row has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// What the row says.
    pub customer: Customer,
    /// Which fields the file has at all.
    has: u32,
}

/// Turns rows into customers.
#[derive(Debug)]
pub struct Importer {
    mapping: Mapping,
    /// What each column is; none: left aside.
    columns: Vec<Option<Field>>,
    has: u32,
    /// Ids with the line each came from.
    taken: BTreeMap<Box<str>, u64>,
}

type Fault = (String, Code);

impl Importer {
    /// Reads the header; refused if a column is missing or there twice.
    pub fn new(mapping: Mapping, header: &[&str]) -> Result<Importer, RowError> {
        let mut columns = Vec::with_capacity(header.len());
        for cell in header {
            let mapped =
                mapping.columns.iter().find(|(name, _)| fold(name) == fold(cell)).map(|(_, field)| field.clone());
            let other =
                || Some(Field::Custom((*cell).trim().to_owned())).filter(|_| mapping.keep_others && !cell.is_empty());
            columns.push(mapped.or_else(|| Field::of_header(cell)).or_else(other));
        }
        let fault = |column: &str, code| RowError { line: 1, column: column.to_owned(), code };
        for (name, _) in &mapping.columns {
            if !header.iter().any(|cell| fold(cell) == fold(name)) {
                return Err(fault(name, Code::ColumnMissing));
            }
        }
        for (at, field) in columns.iter().enumerate() {
            let Some(field) = field else { continue };
            if !field.may_repeat() && columns.iter().take(at).flatten().any(|other| other == field) {
                return Err(fault(field.as_str(), Code::ColumnTwice));
            }
        }
        if !columns.contains(&Some(Field::ExternalId)) {
            return Err(fault("external_id", Code::ColumnMissing));
        }
        if columns.iter().flatten().count() < 2 {
            return Err(fault("numbers", Code::ColumnMissing));
        }
        let has = columns.iter().flatten().fold(0, |has, field| has | field.bit());
        Ok(Importer { mapping, columns, has, taken: BTreeMap::new() })
    }

    /// What each column of the file is, for people to look at before they import.
    pub fn columns(&self) -> impl Iterator<Item = Option<&Field>> {
        self.columns.iter().map(Option::as_ref)
    }

    /// Reads the row that begins at `line`; none: an empty one.
    pub fn on_row(&mut self, line: u64, cells: &[&str], at: Wall) -> Result<Option<Incoming>, RowError> {
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            return Ok(None);
        }
        let named = |(column, code): Fault| RowError { line, column, code };
        let mut customer = Customer::default();
        for (field, cell) in self.columns.iter().zip(cells) {
            let (Some(field), cell) = (field, cell.trim()) else { continue };
            self.on_cell(field, cell, at, &mut customer).map_err(|code| named((field.as_str().to_owned(), code)))?;
        }
        finish(&mut customer);
        if customer.id.is_empty() {
            return Err(named(("external_id".to_owned(), Code::Empty)));
        }
        customer.check().map_err(|why| named((String::new(), Code::Unkeepable(why))))?;
        if let Some(first) = self.taken.get(customer.id.as_str()) {
            return Err(named(("external_id".to_owned(), Code::IdTwice(*first))));
        }
        if self.taken.len() >= Portfolio::CUSTOMERS_MAX {
            return Err(named((String::new(), Code::TooMany)));
        }
        self.taken.insert(customer.id.as_str().into(), line);
        Ok(Some(Incoming { customer, has: self.has }))
    }

    fn on_cell(&self, field: &Field, cell: &str, at: Wall, to: &mut Customer) -> Result<(), Code> {
        if cell.is_empty() {
            return Ok(());
        }
        if cell.len() > limits::TEXT_BYTES_MAX && !field.may_repeat() {
            return Err(Code::TooLong);
        }
        let text = || cell.to_owned();
        match field {
            Field::ExternalId => to.id = text(),
            Field::Kind => to.kind = kind_of(cell).ok_or_else(|| Code::BadKind(shown(cell)))?,
            Field::Name => to.name = text(),
            Field::Given => to.given = text(),
            Field::Surnames => {
                // Two columns for the two of them.
                let gap = if to.surnames.is_empty() { "" } else { " " };
                to.surnames = format!("{}{gap}{cell}", to.surnames);
            }
            Field::Born => to.born = Some(Day::parse(cell).ok_or_else(|| Code::BadDay(shown(cell)))?),
            Field::Number(kind) => self.numbers(cell, *kind, &mut to.lines)?,
            Field::Email => emails(cell, &mut to.emails)?,
            Field::Id(kind) => {
                let id = match kind {
                    Some(kind) => PersonalId::new(*kind, cell).map_err(|why| Code::BadId(*kind, shown(cell), why))?,
                    None => recognised(cell)?,
                };
                if !to.ids.contains(&id) {
                    to.ids.push(id);
                }
            }
            Field::Street => address(to).street = text(),
            Field::More => address(to).more = text(),
            Field::Postcode => address(to).postcode = text(),
            Field::Town => address(to).town = text(),
            Field::Region => address(to).region = text(),
            Field::Segment => to.segment = Some(SegmentId(named(cell)?)),
            Field::Value => {
                let pm = per_mille(cell).ok_or_else(|| Code::BadValue(shown(cell)))?;
                to.value = Some(Value { pm, source: ValueSource::Import, at });
            }
            Field::Language => to.language = Some(named(cell)?),
            Field::Owner => to.owner = Some(AgentId(named(cell)?)),
            Field::Flags => {
                for flag in cell.split([';', ',', '|', ' ']).filter(|flag| !flag.is_empty()) {
                    to.flags.push(named(flag)?);
                }
                to.flags.sort_unstable();
                to.flags.dedup();
            }
            Field::Custom(name) => drop(to.custom.insert(name.clone(), text())),
        }
        Ok(())
    }

    fn numbers(&self, cell: &str, kind: LineKind, to: &mut Vec<Line>) -> Result<(), Code> {
        for raw in cell.split([';', ',', '|', '\n']).map(str::trim).filter(|raw| !raw.is_empty()) {
            let number = normalise(raw, &self.mapping.country).ok_or_else(|| Code::BadNumber(shown(raw)))?;
            if !to.iter().any(|line| line.number == number) {
                to.push(Line { kind, ..Line::new(number) });
            }
        }
        Ok(())
    }
}

impl Incoming {
    /// The customer after this row: what the file has no column for stays as it was, and so does what calls have shown of a
    /// number that the customer keeps. A row that says the same leaves everything as it is, its ages included.
    pub fn onto(self, known: Option<&Customer>) -> Customer {
        let Incoming { mut customer, has } = self;
        let Some(known) = known else { return customer };
        let lacks = |bit: u32| has & bit == 0;
        let mut next = known.clone();
        macro_rules! take {
            ($($bit:expr => $field:ident),*) => {$(
                if !lacks($bit) { next.$field = std::mem::take(&mut customer.$field); }
            )*};
        }
        take!(
            Field::Kind.bit() => kind, Field::Name.bit() => name, Field::Given.bit() => given,
            Field::Surnames.bit() => surnames, Field::Born.bit() => born, Field::Email.bit() => emails,
            Field::Segment.bit() => segment, Field::Language.bit() => language, Field::Owner.bit() => owner,
            Field::Flags.bit() => flags
        );
        if !lacks(Field::Id(None).bit()) {
            next.ids = std::mem::take(&mut customer.ids);
        }
        if !lacks(Field::Number(LineKind::Unknown).bit()) {
            let old = |line: Line| known.lines.iter().find(|old| old.number == line.number);
            let kept = |line: Line| old(line).map_or(line, |old| Line { kind: line.kind.max(old.kind), ..*old });
            next.lines = customer.lines.iter().map(|&line| kept(line)).collect();
        }
        if !lacks(Field::Value.bit()) {
            let pm = |value: &Option<Value>| value.as_ref().map(|value| value.pm);
            if pm(&known.value) != pm(&customer.value) {
                next.value = customer.value.take();
            }
        }
        if let Some(address) = customer.addresses.pop() {
            match next.addresses.first_mut() {
                Some(first) => overlay(first, address, has),
                None => next.addresses.push(address),
            }
        }
        next.custom.append(&mut customer.custom);
        next
    }
}

/// The parts of an address that the file has.
fn overlay(onto: &mut Address, from: Address, has: u32) {
    let parts = [
        (Field::Street, &mut onto.street, from.street),
        (Field::More, &mut onto.more, from.more),
        (Field::Postcode, &mut onto.postcode, from.postcode),
        (Field::Town, &mut onto.town, from.town),
        (Field::Region, &mut onto.region, from.region),
    ];
    for (field, onto, from) in parts {
        if has & field.bit() != 0 {
            *onto = from;
        }
    }
}

/// What follows from the other cells: a name from its parts, a company from its id or its name's ending.
fn finish(customer: &mut Customer) {
    if customer.name.is_empty() {
        let gap = if customer.given.is_empty() || customer.surnames.is_empty() { "" } else { " " };
        customer.name = format!("{}{gap}{}", customer.given, customer.surnames);
    }
    let folded = fold(&customer.name);
    let company = [" s l", " s a", " sl", " sa", " slu", " s l u", " s a s", " ltda", " s a de c v", " inc", " gmbh"];
    if customer.ids.iter().any(|id| id.kind() == IdKind::Cif) || company.iter().any(|end| folded.ends_with(end)) {
        customer.kind = Kind::Company;
    }
}

fn address(of: &mut Customer) -> &mut Address {
    if of.addresses.is_empty() {
        of.addresses.push(Address::default());
    }
    of.addresses.first_mut().expect("one was pushed above")
}

fn emails(cell: &str, to: &mut Vec<String>) -> Result<(), Code> {
    for raw in cell.split([';', ',', '|', ' ']).filter(|raw| !raw.is_empty()) {
        let parts = raw.split_once('@').filter(|(name, host)| {
            !name.is_empty()
                && host.contains('.')
                && !host.contains('@')
                && !host.starts_with('.')
                && !host.ends_with('.')
        });
        parts.ok_or_else(|| Code::BadEmail(shown(raw)))?;
        let email = raw.to_lowercase();
        if !to.contains(&email) {
            to.push(email);
        }
    }
    Ok(())
}

/// A column of ids of any kind. What looks like none of those with an unmistakable form is kept and proves nothing.
fn recognised(cell: &str) -> Result<PersonalId, Code> {
    if let Some(id) = PersonalId::recognise(cell) {
        return Ok(id);
    }
    for kind in [IdKind::Dni, IdKind::Nie, IdKind::Cif, IdKind::Rfc] {
        if let Err(why @ (IdFault::CheckDigit(_) | IdFault::Generic)) = PersonalId::new(kind, cell)
            && cell.ends_with(|c: char| c.is_ascii_alphabetic())
        {
            return Err(Code::BadId(kind, shown(cell), why));
        }
    }
    PersonalId::new(IdKind::Other, cell).map_err(|why| Code::BadId(IdKind::Other, shown(cell), why))
}

fn kind_of(cell: &str) -> Option<Kind> {
    Some(match fold(cell).as_str() {
        "person" | "persona" | "particular" | "p" | "individual" => Kind::Person,
        "company" | "empresa" | "e" | "c" | "juridica" | "business" => Kind::Company,
        _ => return None,
    })
}

fn named(cell: &str) -> Result<Name, Code> {
    Name::new(&cell.to_lowercase()).map_err(|_| Code::BadName(shown(cell)))
}

/// `2.5` as 2500; none if it is no number from 0 to 1,000,000 with at most three decimals.
pub fn per_mille(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || part.len() > 3 || !digits(whole) || !digits(part) {
        return None;
    }
    let whole: u32 = whole.parse().ok().filter(|&whole| whole <= limits::VALUE_MAX_PM / 1000)?;
    let pm = whole * 1000 + format!("{part:0<3}").parse::<u32>().ok()?;
    (pm <= limits::VALUE_MAX_PM).then_some(pm)
}

/// What an error repeats of a cell.
fn shown(cell: &str) -> String {
    cell.chars().take(40).collect()
}

/// Calls `on` with the line and the cells of each row of a CSV text, the header first; ends early when `on` says false.
/// The fault is the line at which the text is no CSV.
pub fn csv_rows(text: &str, delimiter: u8, mut on: impl FnMut(u64, &[&str]) -> bool) -> Result<(), RowError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) => {}
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                return Err(RowError { line, column: String::new(), code: Code::Unreadable });
            }
        }
        let cells: Vec<&str> = record.iter().collect();
        if !on(line_of(text, record.position()), &cells) {
            return Ok(());
        }
    }
}

/// The delimiter that splits the first lines into the same number of cells, two or more; the most cells win.
pub fn delimiter(text: &str) -> u8 {
    let start: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(20).collect();
    let score = |of: u8| {
        let counts: Vec<usize> = start.iter().map(|line| outside_quotes(line, of)).collect();
        let header = counts.first().copied().unwrap_or(0);
        let same = counts.iter().filter(|count| **count == header).count();
        (header > 0, header.min(1) * same, header)
    };
    [b'~', b'^', b':', b'|', b'\t', b';', b','].into_iter().max_by_key(|&of| score(of)).unwrap_or(b',')
}

fn outside_quotes(line: &str, of: u8) -> usize {
    let mut quoted = false;
    let is_one = |byte: u8| {
        quoted ^= byte == b'"';
        byte == of && !quoted
    };
    line.bytes().map(is_one).filter(|one| *one).count()
}

/// The reader's position lies before empty lines above the record.
fn line_of(text: &str, position: Option<&csv::Position>) -> u64 {
    let Some(position) = position else { return 0 };
    let rest = text.get(position.byte() as usize..).unwrap_or("");
    position.line() + rest.lines().take_while(|line| line.is_empty()).count() as u64
}

impl Portfolio {
    /// Reads a file whole, headers by their usual names; `country` (code without `+`) completes national numbers.
    pub fn parse_csv(bytes: &[u8], country: &str) -> (Portfolio, Vec<RowError>) {
        let (customers, errors) = parse_csv(bytes, Mapping::of_country(country), Wall::default());
        let mut packer = Packer::default();
        for customer in customers.into_values() {
            packer.push(&customer).expect("rows are ordered, short and few: on_row saw to it");
        }
        (packer.finish(), errors)
    }
}

/// Reads a small file whole, delimiter and encoding as they seem: customers by external id, and what was left out.
pub fn parse_csv(bytes: &[u8], mapping: Mapping, at: Wall) -> (BTreeMap<String, Customer>, Vec<RowError>) {
    let text = Encoding::detect(bytes).text(bytes);
    let (mut customers, mut errors) = (BTreeMap::new(), Vec::new());
    let (mut importer, mut mapping) = (None, Some(mapping));
    let read = csv_rows(&text, delimiter(&text), |line, cells| {
        if let Some(mapping) = mapping.take() {
            match Importer::new(mapping, cells) {
                Ok(made) => importer = Some(made),
                Err(error) => errors.push(error),
            }
            return importer.is_some();
        }
        match importer.as_mut().map(|importer| importer.on_row(line, cells, at)) {
            Some(Ok(Some(row))) => drop(customers.insert(row.customer.id.clone(), row.onto(None))),
            Some(Err(error)) => errors.push(error),
            Some(Ok(None)) | None => {}
        }
        true
    });
    errors.extend(read.err());
    if mapping.is_some() && errors.is_empty() {
        errors.push(RowError { line: 1, column: "external_id".to_owned(), code: Code::ColumnMissing });
    }
    (customers, errors)
}

/// The canonical form of a number that a person typed, for look-ups by hand.
pub fn number_of(typed: &str, country: &str) -> Option<E164> {
    normalise(typed, country)
}

#[cfg(test)]
mod tests;
