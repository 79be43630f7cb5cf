//! What kind of number a key is, by the numbering plans that come along (`config/numbers`): data with a date, not code.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use turno_base::{E164, Name};

use crate::code::{Code, DeckError};
use crate::prefix::{Key, PrefixMap};

/// Kinds of numbers, as far as they are priced or regulated differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NumberType {
    /// Of a place, or nomadic.
    Geographic,
    /// Of a mobile phone, where the number tells.
    Mobile,
    /// Whoever is called pays.
    Freephone,
    /// Both pay.
    Shared,
    /// The caller pays for more than the call.
    Premium,
    /// Votes and contests: many short calls at once.
    MassCall,
    /// Emergency and other short codes.
    Short,
    /// Of another country.
    International,
    /// Follows a person.
    Personal,
    /// Of a device.
    MachineToMachine,
}

impl NumberType {
    /// All of them.
    pub const ALL: [NumberType; 10] = [
        NumberType::Geographic,
        NumberType::Mobile,
        NumberType::Freephone,
        NumberType::Shared,
        NumberType::Premium,
        NumberType::MassCall,
        NumberType::Short,
        NumberType::International,
        NumberType::Personal,
        NumberType::MachineToMachine,
    ];

    /// The word in files, answers and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            NumberType::Geographic => "geographic",
            NumberType::Mobile => "mobile",
            NumberType::Freephone => "freephone",
            NumberType::Shared => "shared",
            NumberType::Premium => "premium",
            NumberType::MassCall => "mass-call",
            NumberType::Short => "short",
            NumberType::International => "international",
            NumberType::Personal => "personal",
            NumberType::MachineToMachine => "machine-to-machine",
        }
    }

    fn new(text: &str) -> Option<NumberType> {
        NumberType::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Numbers of one length that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Range {
    country: Name,
    /// Digits with the country code.
    digits: u32,
    kind: NumberType,
}

/// Numbering plans of some countries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbering {
    ranges: PrefixMap<Vec<Range>>,
    /// Country code by country.
    codes: BTreeMap<Name, Key>,
}

/// Those that come along: Spain, Colombia, Argentina, Mexico, Chile.
const SHIPPED: [&str; 5] = [
    include_str!("../../config/numbers/es.csv"),
    include_str!("../../config/numbers/co.csv"),
    include_str!("../../config/numbers/ar.csv"),
    include_str!("../../config/numbers/mx.csv"),
    include_str!("../../config/numbers/cl.csv"),
];

/// The plans that come along, read once: a constant, like the text that they are read from.
static PLANS: LazyLock<Numbering> = LazyLock::new(Numbering::shipped);

/// The type of a canonical number by the plans that come along; none: no plan has it.
pub fn number_type(number: E164) -> Option<NumberType> {
    kind_of(number.into())
}

/// The kind of a number by the plans that come along.
pub(crate) fn kind_of(number: Key) -> Option<NumberType> {
    PLANS.of(number).map(|(_, kind)| kind)
}

impl Numbering {
    /// The plans that come along.
    pub fn shipped() -> Numbering {
        Numbering::parse_csv(&SHIPPED).expect("a test reads them")
    }

    /// Plans from CSV: `@country` and `@code`, then `prefix,digits,type,what` with prefixes and lengths of national numbers.
    pub fn parse_csv(plans: &[&str]) -> Result<Numbering, DeckError> {
        let (mut ranges, mut codes) = (BTreeMap::<Key, Vec<Range>>::new(), BTreeMap::new());
        for text in plans {
            let (mut country, mut code) = (None, "");
            for (at, line) in text.lines().enumerate() {
                let fault =
                    |column: &str, code: Code| DeckError { row: at as u64 + 1, column: column.to_owned(), code };
                let mut cells = line.split(',').map(str::trim);
                let mut cell = || cells.next().unwrap_or("");
                match cell() {
                    "" | "prefix" => {}
                    comment if comment.starts_with('#') => {}
                    "@country" => country = Name::new(cell()).ok(),
                    "@code" => {
                        code = cell();
                        let country = country.ok_or_else(|| fault("@country", Code::Setting))?;
                        let key = Key::new(code).filter(|key| !key.is_empty());
                        codes.insert(country, key.ok_or_else(|| fault("@code", Code::BadPrefix))?);
                    }
                    prefix => {
                        let country = country.ok_or_else(|| fault("@country", Code::Setting))?;
                        let key =
                            Key::new(&format!("{code}{prefix}")).ok_or_else(|| fault("prefix", Code::BadPrefix))?;
                        let digits: u32 = cell().parse().map_err(|_| fault("digits", Code::BadNumber))?;
                        let kind = NumberType::new(cell()).ok_or_else(|| fault("type", Code::Setting))?;
                        let digits = digits.saturating_add(code.len() as u32);
                        ranges.entry(key).or_default().push(Range { country, digits, kind });
                    }
                }
            }
        }
        Ok(Numbering { ranges: PrefixMap::from_sorted(ranges), codes })
    }

    /// The country and kind of a number; none for hidden ones and those that no plan has.
    pub fn of(&self, number: Key) -> Option<(Name, NumberType)> {
        let mut found = self.ranges.longest_first(number).flatten().filter(|range| range.digits == number.len());
        found.next().map(|range| (range.country, range.kind))
    }

    /// All ranges: what numbers begin with, how many digits they have, and their kind.
    pub fn ranges(&self) -> impl Iterator<Item = (Key, u32, NumberType)> {
        self.ranges.iter().flat_map(|(key, ranges)| ranges.iter().map(move |range| (key, range.digits, range.kind)))
    }

    /// The kind as seen from a country (its code without `+`): what is of another country is international.
    pub fn seen_from(&self, number: Key, country_code: &str) -> Option<NumberType> {
        let home = Key::new(country_code).filter(|home| !home.is_empty())?;
        match (number.is_empty(), home.begins(number)) {
            (true, _) => None,
            (false, false) => Some(NumberType::International),
            (false, true) => self.of(number).map(|(_, kind)| kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::key_of;

    #[test]
    fn numbers_of_five_countries_have_their_kind() {
        let plans = Numbering::shipped();
        for (raw, country, want) in [
            ("912 345 678", "34", "geographic"),
            ("612 345 678", "34", "mobile"),
            ("711 345 678", "34", "mobile"),
            ("701 234 567", "34", "personal"),
            ("900 123 456", "34", "freephone"),
            ("902 123 456", "34", "shared"),
            ("807 123 456", "34", "premium"),
            ("905 123 456", "34", "mass-call"),
            ("112", "34", "short"),
            ("11888", "34", "short"),
            ("+34 590 1234567890", "34", "machine-to-machine"),
            ("+44 20 7946 0000", "34", "international"),
            ("601 234 5678", "57", "geographic"),
            ("300 123 4567", "57", "mobile"),
            ("01 8000 123456", "57", "freephone"),
            ("123", "57", "short"),
            ("011 4321 0000", "54", "geographic"),
            ("011 15 4321 0000", "54", "mobile"),
            ("911", "54", "short"), // begins as mobiles of Buenos Aires do
            ("0810 123 4567", "54", "shared"),
            ("0600 123 4567", "54", "premium"),
            ("55 1234 5678", "52", "geographic"),
            ("800 123 4567", "52", "freephone"),
            ("500 123 4567", "52", "personal"),
            ("2 2345 6789", "56", "geographic"),
            ("9 8765 4321", "56", "mobile"),
            ("600 123 456", "56", "shared"),
            ("133", "56", "short"),
            ("anonymous", "34", "-"),
            ("400 123 456", "34", "-"), // nobody's
        ] {
            let kind = plans.seen_from(key_of(raw, country), country).map_or("-", NumberType::as_str);
            assert_eq!(kind, want, "{raw} in {country}");
        }
        assert_eq!(plans.seen_from(key_of("612345678", "34"), "54"), Some(NumberType::International));
        assert_eq!(plans.codes.len(), 5);
    }

    #[test]
    fn a_plan_that_cannot_be_read_names_its_row() {
        let said = |text: &str| Numbering::parse_csv(&[text]).unwrap_err().to_string();
        assert_eq!(said("@country,es\n@code,34\n9,9,flat\n"), "tariff row 3, column type: setting");
        assert_eq!(said("@country,es\n@code,34\n9,nine,mobile\n"), "tariff row 3, column digits: bad_number");
        assert_eq!(said("@country,es\n@code,+34\n"), "tariff row 2, column @code: bad_prefix");
        assert_eq!(said("9,9,mobile\n"), "tariff row 1, column @country: setting");
    }

    #[test]
    fn the_example_price_books_load_and_price_what_their_country_calls() {
        use crate::{Call, Deck, Payer, rate};
        for (text, country, numbers) in [
            (
                include_str!("../../config/tariffs/es.csv"),
                "34",
                &["900123456", "912345678", "612345678", "112", "+4420", "701234567"][..],
            ),
            (include_str!("../../config/tariffs/co.csv"), "57", &["018000123456", "6012345678", "3001234567", "123"]),
            (
                include_str!("../../config/tariffs/ar.csv"),
                "54",
                &["08001234567", "01143210000", "0111543210000", "101"],
            ),
            (include_str!("../../config/tariffs/mx.csv"), "52", &["8001234567", "5512345678", "911"]),
            (include_str!("../../config/tariffs/cl.csv"), "56", &["800123456", "223456789", "987654321", "133"]),
        ] {
            let deck = Deck::parse_csv(text).unwrap();
            for number in numbers {
                let answer = turno_base::Wall(crate::civil::instant("2026-03-10T15:00:00Z").unwrap());
                let call =
                    Call { a: Key::EMPTY, b: key_of(number, country), answer, duration_ms: 61_000, answered: true };
                assert!(rate(&deck, &call, Payer::company()).net.is_some(), "{number} in {country}");
            }
        }
        // The digit behind 807 is the price.
        let deck = Deck::parse_csv(include_str!("../../config/tariffs/es.csv")).unwrap();
        for (digit, want) in [(0, "0.3500"), (4, "0.7500"), (6, "1.2500"), (8, "2.0000"), (9, "3.0000")] {
            let answer = turno_base::Wall(crate::civil::instant("2026-03-10T15:00:00Z").unwrap());
            let b = key_of(&format!("807{digit}12345"), "34");
            let call = Call { a: Key::EMPTY, b, answer, duration_ms: 60_000, answered: true };
            assert_eq!(rate(&deck, &call, Payer::caller()).net.unwrap().to_string(), want, "{digit}");
        }
    }
}
