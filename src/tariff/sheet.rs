//! Reading a deck from CSV: `config/tariff.csv` is the documented sample.
//!
//! Rows that begin with `#` are comments; rows that begin with `@` are settings, above the header; then the header, then one
//! rule a row, and below it a row for each of its bands. The whole deck is read before anything of it holds.

use std::collections::BTreeMap;

use turno_base::{Currency, Name, Wall};

use crate::amount::{Price, Rounding, Share, decimal};
use crate::band::{Band, Days, Title};
use crate::civil::{DAY_MS, Zone, date};
use crate::code::{Code, DeckError};
use crate::deck::{AtMaximum, BandPolicy, Deck, DurationMode, Payer, Rule, Terms, VersionDraft};
use crate::json::{days, time_of_day};
use crate::prefix::Key;
use crate::rates::{Rate, Slot, Slots};
use crate::rating::CALL_MS_MAX;

const COLUMNS: [&str; 21] = [
    "valid_from",
    "revision",
    "payer",
    "b",
    "a",
    "rate",
    "setup",
    "per_minute",
    "first_s",
    "first_per_minute",
    "step_s",
    "minimum",
    "maximum",
    "at_maximum",
    "minimum_s",
    "free_under_s",
    "band",
    "days",
    "from",
    "to",
    "prio",
];
/// Columns without which a rule says nothing.
const REQUIRED: [&str; 5] = ["valid_from", "payer", "b", "rate", "per_minute"];
const MINUTE_MS: u64 = 60_000;

impl Deck {
    /// Reads a deck of one header and one rule a row. The first fault refuses the whole.
    pub fn parse_csv(text: &str) -> Result<Deck, DeckError> {
        Deck::read_csv(text, 1).map_err(|mut faults| faults.swap_remove(0))
    }

    /// Reads a deck, or says what is wrong with it, `most` faults of rows at most.
    pub(crate) fn read_csv(text: &str, most: usize) -> Result<Deck, Vec<DeckError>> {
        let text = text.trim_start_matches('\u{feff}');
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .comment(Some(b'#'))
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let mut sheet = Sheet::new();
        let mut record = csv::StringRecord::new();
        let mut faults = Vec::new();
        // Of a rule that is faulty: that its bands find no rule says nothing new.
        let mut is_band_of_fault = false;
        loop {
            match reader.read_record(&mut record) {
                Ok(false) if faults.is_empty() => return sheet.finish().map_err(|fault| vec![fault]),
                Ok(false) => return Err(faults),
                Ok(true) => {}
                Err(error) => {
                    let row = error.position().map_or(0, csv::Position::line);
                    faults.push(DeckError { row, column: String::new(), code: Code::Unreadable });
                    return Err(faults);
                }
            }
            let is_band = sheet.is_band(&record);
            if is_band && is_band_of_fault {
                continue;
            }
            is_band_of_fault &= is_band;
            if let Err((column, code)) = sheet.on_record(&record) {
                is_band_of_fault |= !is_band;
                faults.push(DeckError { row: line_of(text, record.position()), column: column.to_owned(), code });
                // Below a faulty setting or header everything would be wrong.
                if faults.len() >= most || sheet.places.is_none() {
                    return Err(faults);
                }
            }
        }
    }
}

/// The line a record stands on: the reader's position lies before the comments and empty lines above it.
fn line_of(text: &str, position: Option<&csv::Position>) -> u64 {
    let Some(position) = position else { return 0 };
    let rest = text.get(position.byte() as usize..).unwrap_or("");
    let above = rest.lines().take_while(|line| line.is_empty() || line.starts_with('#')).count();
    position.line() + above as u64
}

/// Column and code; the row is known where the record is.
type Fault = (&'static str, Code);

struct Sheet {
    terms: Terms,
    zones: BTreeMap<Name, Vec<Key>>,
    /// Where each of `COLUMNS` stands, once the header was read.
    places: Option<[Option<usize>; COLUMNS.len()]>,
    cells_max: usize,
    versions: BTreeMap<(Wall, u32), VersionDraft>,
    bound: usize,
}

impl Sheet {
    fn new() -> Sheet {
        Sheet {
            terms: Terms::default(),
            zones: BTreeMap::new(),
            places: None,
            cells_max: 0,
            versions: BTreeMap::new(),
            bound: 0,
        }
    }

    fn finish(self) -> Result<Deck, DeckError> {
        if self.places.is_none() {
            return Err(DeckError { row: 1, column: String::new(), code: Code::Column });
        }
        let versions = self.versions.into_iter().map(|((from, revision), draft)| draft.finish(from, revision));
        Ok(Deck::new(self.terms, versions.collect()))
    }

    /// Whether it is a row of a band, below the row of its rule.
    fn is_band(&self, record: &csv::StringRecord) -> bool {
        self.places.is_some_and(|places| !Cells { record, places }.at("band").is_empty())
    }

    fn on_record(&mut self, record: &csv::StringRecord) -> Result<(), Fault> {
        let first = record.get(0).unwrap_or("");
        if first.starts_with('@') && self.places.is_none() {
            return self.on_setting(record);
        }
        if record.iter().all(str::is_empty) {
            return Ok(());
        }
        match self.places {
            None => self.on_header(record),
            Some(places) => self.on_rule(&Cells { record, places }),
        }
    }

    fn on_setting(&mut self, record: &csv::StringRecord) -> Result<(), Fault> {
        let (name, value) = (record.get(0).unwrap_or(""), record.get(1).unwrap_or(""));
        const FAULT: Fault = ("", Code::Setting);
        match name {
            "@currency" => self.terms.currency = Currency::new(value).ok_or(FAULT)?,
            "@scale" => self.terms.scale = value.parse().ok().filter(|&scale| scale <= 8).ok_or(FAULT)?,
            "@rounding" => self.terms.rounding = Rounding::new(value).ok_or(FAULT)?,
            "@tax" => {
                let (from, share) = match record.get(2) {
                    Some(share) if !share.is_empty() => (date(value).ok_or(FAULT)?, share),
                    Some(_) | None => (i32::MIN, value),
                };
                self.terms.taxes.push((from, Share::new(share).ok_or(FAULT)?));
                self.terms.taxes.sort_by_key(|&(from, _)| from);
            }
            "@tax_included" => self.terms.tax_included = flag(value).ok_or(FAULT)?,
            "@tz" => self.terms.zone = Zone::new(value).ok_or(("", Code::UnknownTimeZone))?,
            "@bands" => self.terms.policy = BandPolicy::new(value).ok_or(FAULT)?,
            "@holidays" => {
                let days = record.iter().skip(1).flat_map(str::split_whitespace).map(date);
                self.terms.holidays.extend(days.collect::<Option<Vec<i32>>>().ok_or(("", Code::BadDate))?);
                self.terms.settle_holidays().map_err(|code| ("", code))?;
            }
            "@duration" => self.terms.duration = DurationMode::new(value).ok_or(FAULT)?,
            "@zone" => {
                let zone = Name::new(value).map_err(|_| ("", Code::BadName))?;
                let prefixes = record.iter().skip(2).flat_map(str::split_whitespace).map(prefix);
                self.zones.insert(zone, prefixes.collect::<Result<_, _>>().map_err(|code| ("", code))?);
            }
            _ => return Err(FAULT),
        }
        Ok(())
    }

    fn on_header(&mut self, record: &csv::StringRecord) -> Result<(), Fault> {
        let mut places = [None; COLUMNS.len()];
        for (at, cell) in record.iter().enumerate() {
            let known = COLUMNS.iter().position(|name| *name == cell).ok_or(("", Code::Column))?;
            match places.get_mut(known) {
                Some(place @ None) => *place = Some(at),
                Some(Some(_)) | None => return Err(("", Code::Column)),
            }
        }
        for name in REQUIRED {
            if COLUMNS.iter().zip(&places).any(|(column, place)| *column == name && place.is_none()) {
                return Err((name, Code::Column));
            }
        }
        self.places = Some(places);
        self.cells_max = record.len();
        Ok(())
    }

    fn on_rule(&mut self, cells: &Cells<'_>) -> Result<(), Fault> {
        if cells.record.len() > self.cells_max {
            return Err(("", Code::Column));
        }
        let valid_from = instant(cells.at("valid_from")).ok_or(("valid_from", Code::BadInstant))?;
        let revision = match cells.at("revision") {
            "" => 0,
            text => text.parse().map_err(|_| ("revision", Code::BadNumber))?,
        };
        let payer = Payer(Name::new(cells.at("payer")).map_err(|_| ("payer", Code::BadName))?);
        let called = self.prefixes(cells.at("b")).map_err(|code| ("b", code))?;
        let calling = match cells.at("a") {
            "" => vec![Key::EMPTY],
            text => self.prefixes(text).map_err(|code| ("a", code))?,
        };
        let version = self.versions.entry((valid_from, revision)).or_default();
        if !cells.at("band").is_empty() {
            const ALONE: Fault = ("band", Code::BandWithoutRule);
            let (b, a) = called.first().copied().zip(calling.first().copied()).ok_or(ALONE)?;
            version.rule_mut(payer, b, a).ok_or(ALONE)?;
            let band = band(cells, version)?;
            let above = version.rule_mut(payer, b, a).ok_or(ALONE)?;
            above.bands.push(band);
            return above.settle_bands(&self.terms.holidays).map_err(|(_, code)| ("band", code));
        }
        self.bound += called.len() * calling.len();
        if self.bound > Deck::RULES_MAX {
            return Err(("", Code::TooManyRules));
        }
        let rule = rule(cells, version)?;
        let place = version.add(rule);
        for &b in &called {
            for &a in &calling {
                if !version.bind(payer, b, a, place) {
                    return Err(("b", Code::DuplicateRule));
                }
            }
        }
        Ok(())
    }

    /// A list of prefixes and zones, separated by spaces.
    fn prefixes(&self, text: &str) -> Result<Vec<Key>, Code> {
        let mut keys = Vec::new();
        for part in text.split_whitespace() {
            match part.strip_prefix('@') {
                None => keys.push(prefix(part)?),
                Some(zone) => {
                    let zone = Name::new(zone).map_err(|_| Code::UnknownZone)?;
                    keys.extend(self.zones.get(&zone).ok_or(Code::UnknownZone)?);
                }
            }
        }
        if keys.is_empty() { Err(Code::BadPrefix) } else { Ok(keys) }
    }
}

struct Cells<'a> {
    record: &'a csv::StringRecord,
    places: [Option<usize>; COLUMNS.len()],
}

impl<'a> Cells<'a> {
    /// The cell below this header; empty if there is none.
    fn at(&self, column: &'static str) -> &'a str {
        let known = COLUMNS.iter().position(|name| *name == column);
        let place = known.and_then(|known| self.places.get(known).copied().flatten());
        place.and_then(|place| self.record.get(place)).unwrap_or("")
    }

    fn price(&self, column: &'static str) -> Result<Option<Price>, Fault> {
        match self.at(column) {
            "" => Ok(None),
            text => Price::new(text).map(Some).ok_or((column, Code::BadPrice)),
        }
    }

    /// Seconds with up to three decimals, as ms.
    fn span_ms(&self, column: &'static str) -> Result<Option<u64>, Fault> {
        match self.at(column) {
            "" => Ok(None),
            text => decimal(text, 3).map(|ms| Some(ms as u64)).ok_or((column, Code::BadNumber)),
        }
    }
}

fn rule(cells: &Cells<'_>, version: &mut VersionDraft) -> Result<Rule, Fault> {
    let id = Name::new(cells.at("rate")).map_err(|_| ("rate", Code::BadName))?;
    let mut rule = Rule::new(id, version.rate(rate(cells)?));
    (rule.charge_min, rule.charge_max) = (cells.price("minimum")?, cells.price("maximum")?);
    if rule.charge_min.zip(rule.charge_max).is_some_and(|(least, most)| least > most) {
        return Err(("minimum", Code::MinOverMax));
    }
    if !cells.at("at_maximum").is_empty() {
        rule.at_maximum = AtMaximum::new(cells.at("at_maximum")).ok_or(("at_maximum", Code::Setting))?;
    }
    rule.duration_min_ms = cells.span_ms("minimum_s")?.unwrap_or(0);
    rule.free_under_ms = cells.span_ms("free_under_s")?.unwrap_or(0);
    for (column, span_ms) in [("minimum_s", rule.duration_min_ms), ("free_under_s", rule.free_under_ms)] {
        if span_ms > CALL_MS_MAX {
            return Err((column, Code::OutOfBounds));
        }
    }
    Ok(rule)
}

fn rate(cells: &Cells<'_>) -> Result<Rate, Fault> {
    let price = cells.price("per_minute")?.ok_or(("per_minute", Code::BadPrice))?;
    let step_ms = cells.span_ms("step_s")?.unwrap_or(1000);
    let first_ms = cells.span_ms("first_s")?.unwrap_or(step_ms);
    let first_price = cells.price("first_per_minute")?.unwrap_or(price);
    let first = Slot { at_ms: 0, price: first_price, per_ms: MINUTE_MS, inc_ms: first_ms };
    let later = Slot { at_ms: first_ms, price, per_ms: MINUTE_MS, inc_ms: step_ms };
    // Equal slots are one: a minute of per-second billing is one run in the breakdown, not two.
    let one = first_ms == step_ms && first_price == price;
    let slots = if one { Slots::One([first]) } else { Slots::Two([first, later]) };
    let rate = Rate { setup: cells.price("setup")?.unwrap_or_default(), slots };
    if first_ms == 0 || step_ms == 0 {
        return Err((if first_ms == 0 { "first_s" } else { "step_s" }, Code::SlotNonpositive));
    }
    rate.check().map_err(|code| ("first_s", code))?;
    Ok(rate)
}

fn band(cells: &Cells<'_>, version: &mut VersionDraft) -> Result<Band, Fault> {
    let name = Name::new(cells.at("band")).map_err(|_| ("band", Code::BadName))?;
    let time = |column: &'static str, absent: u32| match cells.at(column) {
        "" => Ok(absent),
        text => time_of_day(text).ok_or((column, Code::BadTime)),
    };
    Ok(Band {
        title: version.title(Title { label: name.to_string(), name }),
        days: match cells.at("days") {
            "" => Days::WEEK,
            text => {
                let list = text.split_whitespace().try_fold(Days::default(), |sum, part| days(part, sum));
                list.ok_or(("days", Code::BadDay))?
            }
        },
        from_ms: time("from", 0)?,
        to_ms: time("to", DAY_MS)?,
        prio: match cells.at("prio") {
            "" => 0,
            text => text.parse().map_err(|_| ("prio", Code::BadNumber))?,
        },
        rate: version.rate(rate(cells)?),
    })
}

fn flag(text: &str) -> Option<bool> {
    match text {
        "yes" | "true" => Some(true),
        "no" | "false" => Some(false),
        _ => None,
    }
}

/// Digits with or without `+`; `*` is every number.
fn prefix(text: &str) -> Result<Key, Code> {
    match text {
        "*" => Ok(Key::EMPTY),
        digits => {
            Key::new(digits.strip_prefix('+').unwrap_or(digits)).filter(|key| !key.is_empty()).ok_or(Code::BadPrefix)
        }
    }
}

/// `2026-01-01` (midnight UTC) or an instant with its offset.
fn instant(text: &str) -> Option<Wall> {
    crate::civil::instant(text).map(Wall)
}
