//! A portfolio from CSV as spreadsheets write it: `config/customers.csv` is the documented sample.
//!
//! Comma, semicolon or tab; UTF-8 or Latin-1; headers in English or Spanish in any order. A row with a fault is left out
//! and named with its line, its column and what to do; the others are taken.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use turno_base::number::normalise;
use turno_base::{E164, Name, SegmentId};

use crate::portfolio::{Customer, Packer, Portfolio};

/// Column, and the headers by which it goes.
const COLUMNS: [(&str, &[&str]); 6] = [
    ("external_id", &["external_id", "external id", "id", "customer_id", "codigo", "código", "id_cliente"]),
    ("name", &["name", "nombre", "cliente", "customer"]),
    (
        "numbers",
        &[
            "numbers",
            "number",
            "phone",
            "phones",
            "telefono",
            "teléfono",
            "telefonos",
            "teléfonos",
            "numeros",
            "números",
        ],
    ),
    ("segment", &["segment", "segmento"]),
    ("value", &["value", "valor"]),
    ("language", &["language", "idioma"]),
];
/// Highest customer value, in units of the segment's.
const VALUE_MAX: u32 = 1_000_000;

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Neither CSV nor text.
    Unreadable,
    /// The header lacks this column.
    ColumnMissing,
    /// Two headers mean this column.
    ColumnTwice,
    /// The cell must not be empty.
    Empty,
    /// Longer than 255 bytes.
    TooLong,
    /// The id is on this line already.
    IdTwice(u64),
    /// No telephone number of this country or with `+`.
    BadNumber(String),
    /// The customer on this line has this number.
    NumberTaken(String, u64),
    /// Not a name of `a-z 0-9 - _ .`.
    BadName(String),
    /// Not a number from 0 to 1,000,000 with at most three decimals.
    BadValue(String),
    /// More customers than a portfolio holds.
    TooMany,
}

/// A row that was left out, or the reason why the whole file was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowError {
    /// Line of the file, 1-based.
    pub line: u64,
    /// Column; empty if the whole row is meant.
    pub column: String,
    /// What.
    pub code: Code,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if !self.column.is_empty() {
            write!(f, ", column {}", self.column)?;
        }
        f.write_str(": ")?;
        match &self.code {
            Code::Unreadable => f.write_str("this is no CSV; save the sheet as CSV, UTF-8"),
            Code::ColumnMissing => f.write_str("the header lacks this column; add it"),
            Code::ColumnTwice => f.write_str("two headers mean this column; rename one"),
            Code::Empty => f.write_str("the cell is empty; fill it in"),
            Code::TooLong => f.write_str("longer than 255 bytes; shorten it"),
            Code::IdTwice(line) => {
                write!(f, "the id is on line {line} already; put all numbers there, with ';' between")
            }
            Code::BadNumber(raw) => write!(f, "{raw:?} is no telephone number; write + and the country code first"),
            Code::NumberTaken(number, line) => write!(f, "{number} belongs to the customer on line {line}; remove one"),
            Code::BadName(raw) => write!(f, "{raw:?} is no name; use a-z, 0-9, '-', '_' and '.'"),
            Code::BadValue(raw) => write!(f, "{raw:?} is no value; write a number such as 1 or 2.5, at most 1000000"),
            Code::TooMany => write!(f, "a portfolio holds {} customers; split it", Portfolio::CUSTOMERS_MAX),
        }
    }
}

impl std::error::Error for RowError {}

impl Portfolio {
    /// Reads customers; `country` (code without `+`) completes national numbers. Changes nothing anywhere, so it is also the
    /// dry run. Idempotent: the order of the rows does not matter, the external id is the key.
    pub fn parse_csv(bytes: &[u8], country: &str) -> (Portfolio, Vec<RowError>) {
        let text = decoded(bytes);
        let text = text.trim_start_matches('\u{feff}');
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .delimiter(delimiter(text))
            .from_reader(text.as_bytes());
        let mut rows = Rows { country, places: [None; 6], taken: BTreeMap::new(), numbers: BTreeMap::new() };
        let mut errors = Vec::new();
        let mut header = true;
        let mut record = csv::StringRecord::new();
        loop {
            match reader.read_record(&mut record) {
                Ok(false) => break,
                Ok(true) => {}
                Err(error) => {
                    let line = error.position().map_or(0, csv::Position::line);
                    errors.push(RowError { line, column: String::new(), code: Code::Unreadable });
                    break;
                }
            }
            let line = line_of(text, record.position());
            let fault = |(column, code): Fault| RowError { line, column: column.to_owned(), code };
            if std::mem::take(&mut header) {
                if let Err(error) = rows.on_header(&record) {
                    return (Portfolio::default(), vec![fault(error)]);
                }
            } else if let Err(error) = rows.on_row(&record, line) {
                errors.push(fault(error));
            }
        }
        if header {
            errors.push(RowError { line: 1, column: "external_id".to_owned(), code: Code::ColumnMissing });
        }
        (rows.pack(), errors)
    }
}

type Fault = (&'static str, Code);

struct Rows<'a> {
    country: &'a str,
    /// Where each of `COLUMNS` stands.
    places: [Option<usize>; 6],
    /// With the line each came from.
    taken: BTreeMap<String, (Customer, u64)>,
    numbers: BTreeMap<E164, u64>,
}

impl Rows<'_> {
    fn on_header(&mut self, record: &csv::StringRecord) -> Result<(), Fault> {
        for (at, cell) in record.iter().enumerate() {
            let cell = cell.to_lowercase();
            for ((column, names), place) in COLUMNS.iter().zip(&mut self.places) {
                if names.contains(&cell.as_str()) && place.replace(at).is_some() {
                    return Err((column, Code::ColumnTwice));
                }
            }
        }
        let [id, _, numbers, ..] = self.places;
        for (place, column) in [(id, "external_id"), (numbers, "numbers")] {
            place.ok_or((column, Code::ColumnMissing))?;
        }
        Ok(())
    }

    fn on_row(&mut self, record: &csv::StringRecord, line: u64) -> Result<(), Fault> {
        if record.iter().all(str::is_empty) {
            return Ok(());
        }
        let [id, name, numbers, segment, value, language] =
            self.places.map(|place| place.and_then(|place| record.get(place)).unwrap_or(""));
        for (column, cell) in [("external_id", id), ("name", name)] {
            if cell.len() > 255 {
                return Err((column, Code::TooLong));
            }
        }
        if id.is_empty() {
            return Err(("external_id", Code::Empty));
        }
        if let Some((_, first)) = self.taken.get(id) {
            return Err(("external_id", Code::IdTwice(*first)));
        }
        if self.taken.len() >= Portfolio::CUSTOMERS_MAX {
            return Err(("", Code::TooMany));
        }
        let numbers = self.numbers_of(numbers)?;
        let segment = named(segment).map_err(|code| ("segment", code))?.map(SegmentId);
        let language = named(language).map_err(|code| ("language", code))?;
        let value_pm = match value {
            "" => None,
            text => Some(per_mille(text).ok_or_else(|| ("value", Code::BadValue(shown(text))))?),
        };
        self.numbers.extend(numbers.iter().map(|&number| (number, line)));
        let customer = Customer { id: id.to_owned(), name: name.to_owned(), numbers, segment, value_pm, language };
        self.taken.insert(id.to_owned(), (customer, line));
        Ok(())
    }

    fn numbers_of(&self, cell: &str) -> Result<Vec<E164>, Fault> {
        let mut numbers = Vec::new();
        for raw in cell.split([';', ',', '|']).map(str::trim).filter(|raw| !raw.is_empty()) {
            let number = normalise(raw, self.country).ok_or_else(|| ("numbers", Code::BadNumber(shown(raw))))?;
            if let Some(&line) = self.numbers.get(&number) {
                return Err(("numbers", Code::NumberTaken(number.to_string(), line)));
            }
            numbers.push(number);
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    fn pack(self) -> Portfolio {
        let mut packer = Packer::default();
        for (customer, _) in self.taken.into_values() {
            packer.push(&customer).expect("rows are ordered, short, few and without a number twice: on_row saw to it");
        }
        packer.finish()
    }
}

fn named(cell: &str) -> Result<Option<Name>, Code> {
    match cell {
        "" => Ok(None),
        text => Name::new(&text.to_lowercase()).map(Some).map_err(|_| Code::BadName(shown(text))),
    }
}

/// `2.5` as 2500.
fn per_mille(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || part.len() > 3 || !digits(whole) || !digits(part) {
        return None;
    }
    let whole: u32 = whole.parse().ok().filter(|&whole| whole <= VALUE_MAX)?;
    let pm = whole * 1000 + format!("{part:0<3}").parse::<u32>().ok()?;
    (pm <= VALUE_MAX * 1000).then_some(pm)
}

/// What an error repeats of a cell.
fn shown(cell: &str) -> String {
    cell.chars().take(40).collect()
}

fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect()),
    }
}

/// The most frequent candidate in the header.
fn delimiter(text: &str) -> u8 {
    let header = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    let count = |of: u8| header.bytes().filter(|&b| b == of).count();
    [b',', b';', b'\t'].into_iter().max_by_key(|&of| (count(of), of == b',')).unwrap_or(b',')
}

/// The reader's position lies before empty lines above the record.
fn line_of(text: &str, position: Option<&csv::Position>) -> u64 {
    let Some(position) = position else { return 0 };
    let rest = text.get(position.byte() as usize..).unwrap_or("");
    position.line() + rest.lines().take_while(|line| line.is_empty()).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(bytes: &[u8]) -> String {
        let (portfolio, errors) = Portfolio::parse_csv(bytes, "34");
        let mut out = String::new();
        for one in portfolio.iter() {
            let numbers: Vec<String> = one.numbers.iter().map(E164::to_string).collect();
            let name = |n: Option<Name>| n.map_or("-".to_owned(), |n| n.to_string());
            out.push_str(&format!(
                "{} {:?} {} {} {:?} {}\n",
                one.id,
                one.name,
                numbers.join(" "),
                name(one.segment.map(|s| s.0)),
                one.value_pm,
                name(one.language)
            ));
        }
        errors.iter().for_each(|error| out.push_str(&format!("{error}\n")));
        out
    }

    #[test]
    fn a_sheet_as_people_write_it() {
        let sheet = "Código;Nombre;Teléfonos;Segmento;Valor;Idioma;Notas\n\
                     7;Ana Núñez;\"612 345 678; 91 234 56 78\";Platinum;10;catalan;x\n\
                     \n\
                     8;\"Pérez; e Hijos\";+33 1 70 18 99 00;;2,5;\n";
        let want = "7 \"Ana Núñez\" +34612345678 +34912345678 platinum Some(10000) catalan\n\
                    8 \"Pérez; e Hijos\" +33170189900 - Some(2500) -\n";
        assert_eq!(report(sheet.as_bytes()), want);
        let latin1: Vec<u8> = sheet.chars().map(|c| c as u8).collect();
        assert_eq!(report(&latin1), want, "Latin-1");
        assert_eq!(
            report(sheet.replace("; ", "| ").replace(';', "\t").as_bytes()),
            want.replace("Pérez;", "Pérez|"),
            "tabs"
        );
    }

    #[test]
    fn a_row_with_a_fault_is_left_out_and_named() {
        let sheet = "external_id,name,numbers,segment,value,language\n\
                     a,Ana,612345678,,,\n\
                     ,Eva,612345679,,,\n\
                     \n\
                     a,Ana,612345670,,,\n\
                     b,Luis,1004,,,\n\
                     c,Mar,612345678,,,\n\
                     d,Leo,612345671,muy vip,,\n\
                     e,Pia,612345672,,mucho,\n\
                     f,Teo,612345673,,1000001,\n\
                     g,Zoe,612345674,,1,\n";
        let want = "a \"Ana\" +34612345678 - None -\n\
             g \"Zoe\" +34612345674 - Some(1000) -\n\
             line 3, column external_id: the cell is empty; fill it in\n\
             line 5, column external_id: the id is on line 2 already; put all numbers there, with ';' between\n\
             line 6, column numbers: \"1004\" is no telephone number; write + and the country code first\n\
             line 7, column numbers: +34612345678 belongs to the customer on line 2; remove one\n\
             line 8, column segment: \"muy vip\" is no name; use a-z, 0-9, '-', '_' and '.'\n\
             line 9, column value: \"mucho\" is no value; write a number such as 1 or 2.5, at most 1000000\n\
             line 10, column value: \"1000001\" is no value; write a number such as 1 or 2.5, at most 1000000\n";
        assert_eq!(report(sheet.as_bytes()), want);
    }

    #[test]
    fn a_file_without_the_columns_gives_nothing() {
        for (text, want) in [
            ("", "line 1, column external_id: the header lacks this column; add it\n"),
            ("name,numbers\nx,1\n", "line 1, column external_id: the header lacks this column; add it\n"),
            ("id,name\nx,1\n", "line 1, column numbers: the header lacks this column; add it\n"),
            ("id,phone,telefono\n", "line 1, column numbers: two headers mean this column; rename one\n"),
        ] {
            assert_eq!(report(text.as_bytes()), want);
        }
    }

    #[test]
    fn the_sample_loads_without_a_fault() {
        let (portfolio, errors) = Portfolio::parse_csv(include_bytes!("../../config/customers.csv"), "34");
        assert_eq!(errors, []);
        assert!(portfolio.len() >= 12);
        let found = portfolio.by_number(E164::new("+34612045118").unwrap()).unwrap();
        assert_eq!((found.id, found.segment), ("C-1001", SegmentId::new("platinum").ok()));
    }
}
