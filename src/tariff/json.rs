//! Reading a deck from JSON (docs/tariffs.md, "The form"). Numbers may be JSON numbers or strings; what is absent or
//! null takes its default; keys that mean nothing here are passed over.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::value::RawValue;
use turno_base::{Currency, Name, Wall};

use crate::amount::{Price, Rounding, Share};
use crate::band::{Band, Days, HOLIDAY, Title};
use crate::civil::{DAY_MS, Zone, date, instant};
use crate::code::{Code, DeckError};
use crate::decimal::Decimal;
use crate::deck::{AtMaximum, BandPolicy, Deck, DurationMode, Payer, Rule, Terms, VersionDraft, slug};
use crate::prefix::Key;
use crate::rates::{Rate, Slot};
use crate::rating::CALL_MS_MAX;

/// A JSON string, number, true or false as its text.
#[derive(Clone, Debug)]
pub(crate) struct Scalar<'a>(pub(crate) Cow<'a, str>);

/// One scalar or a list of them.
#[derive(Clone, Debug)]
struct Many<'a>(Vec<Scalar<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Scalar<'a>, D::Error> {
        let raw = <&'de RawValue>::deserialize(from)?.get();
        match raw.as_bytes().first() {
            Some(b'"') if raw.contains('\\') => {
                serde_json::from_str::<String>(raw).map(|text| Scalar(Cow::Owned(text))).map_err(D::Error::custom)
            }
            Some(b'"') => Ok(Scalar(Cow::Borrowed(raw.get(1..raw.len() - 1).unwrap_or("")))),
            Some(b'{' | b'[') => Err(D::Error::custom("a list or object where one value belongs")),
            Some(_) | None => Ok(Scalar(Cow::Borrowed(raw))),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Many<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Many<'a>, D::Error> {
        let raw = <&'de RawValue>::deserialize(from)?.get();
        let list = match raw.starts_with('[') {
            true => serde_json::from_str(raw),
            false => serde_json::from_str(raw).map(|one| vec![one]),
        };
        list.map(Many).map_err(D::Error::custom)
    }
}

impl<'a> Scalar<'a> {
    pub(crate) fn borrowed(text: &'a str) -> Scalar<'a> {
        Scalar(Cow::Borrowed(text))
    }

    pub(crate) fn decimal(&self) -> Option<Decimal> {
        Decimal::new(self.0.trim())
    }

    pub(crate) fn whole(&self) -> Option<i64> {
        i64::try_from(self.decimal()?.at(0)?).ok()
    }

    pub(crate) fn flag(&self) -> Option<bool> {
        match self.0.as_ref() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }
}

#[derive(serde::Deserialize)]
struct JsonDeck<'a> {
    #[serde(borrow)]
    currency: Option<Scalar<'a>>,
    tz: Option<Scalar<'a>>,
    scale: Option<Scalar<'a>>,
    rounding: Option<Scalar<'a>>,
    tax: Option<&'a RawValue>,
    prices_include_tax: Option<Scalar<'a>>,
    duration_mode: Option<Scalar<'a>>,
    band_policy: Option<Scalar<'a>>,
    holidays: Option<Vec<Scalar<'a>>>,
    zones: Option<BTreeMap<String, Many<'a>>>,
    versions: Option<Vec<JsonVersion<'a>>>,
}

#[derive(serde::Deserialize)]
struct JsonTax<'a> {
    #[serde(borrow)]
    from: Option<Scalar<'a>>,
    rate: Scalar<'a>,
}

#[derive(serde::Deserialize)]
struct JsonVersion<'a> {
    #[serde(borrow)]
    valid_from: Option<Scalar<'a>>,
    revision: Option<Scalar<'a>>,
    rules: Option<Vec<&'a RawValue>>,
}

#[derive(serde::Deserialize)]
struct JsonRule<'a> {
    #[serde(borrow)]
    b: Option<Many<'a>>,
    a: Option<Many<'a>>,
    party: Option<Scalar<'a>>,
    rate: Option<Scalar<'a>>,
    default: Option<JsonRate<'a>>,
    bands: Option<Vec<JsonBand<'a>>>,
    min_duration_ms: Option<Scalar<'a>>,
    no_charge_under_ms: Option<Scalar<'a>>,
    min_charge: Option<Scalar<'a>>,
    max_charge: Option<Scalar<'a>>,
    max_charge_strategy: Option<Scalar<'a>>,
}

#[derive(serde::Deserialize)]
struct JsonRate<'a> {
    #[serde(borrow)]
    setup: Option<Scalar<'a>>,
    slots: Option<Vec<JsonSlot<'a>>>,
}

#[derive(serde::Deserialize)]
struct JsonSlot<'a> {
    #[serde(borrow)]
    at: Option<Scalar<'a>>,
    price: Option<Scalar<'a>>,
    per: Option<Scalar<'a>>,
    inc: Option<Scalar<'a>>,
}

#[derive(serde::Deserialize)]
struct JsonBand<'a> {
    #[serde(borrow)]
    name: Option<Scalar<'a>>,
    days: Option<Many<'a>>,
    from: Option<Scalar<'a>>,
    to: Option<Scalar<'a>>,
    prio: Option<Scalar<'a>>,
    rate: JsonRate<'a>,
}

/// Where and what; the line is known where the text is.
type Fault = (String, Code);

impl Deck {
    /// Reads a deck in JSON. The first fault refuses the whole; its row is the line on which the setting or the rule begins.
    pub fn parse_json(text: &str) -> Result<Deck, DeckError> {
        Deck::read_json(text, 1).map_err(|mut faults| faults.swap_remove(0))
    }

    /// Reads a deck, or says what is wrong with it, `most` faults at most: one of the settings, or one of each rule.
    pub(crate) fn read_json(text: &str, most: usize) -> Result<Deck, Vec<DeckError>> {
        let text = text.trim_start_matches('\u{feff}');
        let unreadable = |error: serde_json::Error| DeckError {
            row: error.line() as u64,
            column: String::new(),
            code: Code::Unreadable,
        };
        let json: JsonDeck<'_> = serde_json::from_str(text).map_err(|error| vec![unreadable(error)])?;
        let setting = |(column, code): Fault| DeckError { row: line_of_key(text, &column), column, code };
        let terms = terms(&json).map_err(|fault| vec![setting(fault)])?;
        let zones = zones(&json).map_err(|fault| vec![setting(fault)])?;
        let mut reading = Reading { zones, holidays: &terms.holidays, bound: 0 };
        let mut drafts: BTreeMap<(Wall, u32), VersionDraft> = BTreeMap::new();
        let mut faults = Vec::new();
        for (at, version) in json.versions.iter().flatten().enumerate() {
            let key = match key_of(version) {
                Ok(key) => key,
                Err((key, code)) => {
                    faults.push(setting((format!("versions[{at}].{key}"), code)));
                    continue;
                }
            };
            let draft = drafts.entry(key).or_default();
            for raw in version.rules.iter().flatten() {
                let rule =
                    serde_json::from_str::<JsonRule<'_>>(raw.get()).map_err(|_| (String::new(), Code::Unreadable));
                if let Err((column, code)) = rule.and_then(|rule| reading.rule(&rule, draft)) {
                    faults.push(DeckError { row: line_of(text, raw.get()), column, code });
                }
                if faults.len() >= most {
                    return Err(faults);
                }
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let versions = drafts.into_iter().map(|((from, revision), draft)| draft.finish(from, revision)).collect();
        Ok(Deck::new(terms, versions))
    }
}

/// From when on a version holds, and its revision.
fn key_of(version: &JsonVersion<'_>) -> Result<(Wall, u32), (&'static str, Code)> {
    let valid_from = version.valid_from.as_ref().and_then(|text| instant(&text.0));
    let valid_from = valid_from.ok_or(("valid_from", Code::BadInstant))?;
    let revision = version.revision.as_ref().map_or(Some(0), Scalar::whole).and_then(|r| u32::try_from(r).ok());
    Ok((Wall(valid_from), revision.ok_or(("revision", Code::BadNumber))?))
}

/// The line on which `part` of `text` begins.
fn line_of(text: &str, part: &str) -> u64 {
    let above = (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize).and_then(|at| text.get(..at));
    above.map_or(1, |above| above.matches('\n').count() as u64 + 1)
}

/// The line on which a setting stands.
fn line_of_key(text: &str, column: &str) -> u64 {
    let key = column.rsplit('.').next().unwrap_or("").split('[').next().unwrap_or("");
    text.find(&format!("\"{key}\"")).and_then(|at| text.get(at..)).map_or(1, |part| line_of(text, part))
}

fn terms(json: &JsonDeck<'_>) -> Result<Terms, Fault> {
    let fault = |key: &'static str, code: Code| move || (key.to_owned(), code);
    let mut terms = Terms::default();
    if let Some(tz) = &json.tz {
        terms.zone = Zone::new(&tz.0).ok_or_else(fault("tz", Code::UnknownTimeZone))?;
    }
    if let Some(currency) = &json.currency {
        terms.currency = Currency::new(&currency.0).ok_or_else(fault("currency", Code::Setting))?;
    }
    if let Some(scale) = &json.scale {
        let scale = scale.whole().and_then(|scale| u8::try_from(scale).ok()).filter(|scale| *scale <= 8);
        terms.scale = scale.ok_or_else(fault("scale", Code::Setting))?;
    }
    if let Some(rounding) = &json.rounding {
        terms.rounding = Rounding::new(&rounding.0).ok_or_else(fault("rounding", Code::Setting))?;
    }
    if let Some(flag) = &json.prices_include_tax {
        terms.tax_included = flag.flag().ok_or_else(fault("prices_include_tax", Code::BadFlag))?;
    }
    if let Some(mode) = &json.duration_mode {
        terms.duration = DurationMode::new(&mode.0).ok_or_else(fault("duration_mode", Code::Setting))?;
    }
    if let Some(policy) = &json.band_policy {
        terms.policy = BandPolicy::new(&policy.0).ok_or_else(fault("band_policy", Code::Setting))?;
    }
    if let Some(tax) = json.tax {
        terms.taxes = taxes(tax.get()).ok_or_else(fault("tax", Code::Setting))?;
    }
    for (at, holiday) in json.holidays.iter().flatten().enumerate() {
        let day = date(&holiday.0).filter(|_| holiday.0.len() == 10);
        terms.holidays.push(day.ok_or_else(|| (format!("holidays[{at}]"), Code::BadDate))?);
    }
    terms.settle_holidays().map_err(|code| ("holidays".to_owned(), code))?;
    Ok(terms)
}

fn taxes(raw: &str) -> Option<Vec<(i32, Share)>> {
    let share = |text: &Scalar<'_>| Share::of(text.decimal()?);
    if !raw.starts_with('[') {
        return Some(vec![(i32::MIN, share(&serde_json::from_str(raw).ok()?)?)]);
    }
    let list: Vec<JsonTax<'_>> = serde_json::from_str(raw).ok()?;
    let each = list.iter().map(|tax| {
        let from = tax.from.as_ref().map_or(Some(i32::MIN), |from| date(&from.0))?;
        Some((from, share(&tax.rate)?))
    });
    let mut taxes: Vec<(i32, Share)> = each.collect::<Option<_>>()?;
    taxes.sort_by_key(|&(from, _)| from);
    Some(taxes)
}

fn zones(json: &JsonDeck<'_>) -> Result<BTreeMap<String, Vec<Key>>, Fault> {
    let mut zones = BTreeMap::new();
    for (name, prefixes) in json.zones.iter().flatten() {
        let keys = prefixes.0.iter().map(|text| prefix(&text.0));
        let keys: Result<Vec<Key>, Code> = keys.collect();
        zones.insert(name.clone(), keys.map_err(|code| (format!("zones.{name}"), code))?);
    }
    Ok(zones)
}

/// Digits with or without `+`; nothing is every number.
fn prefix(text: &str) -> Result<Key, Code> {
    let text = text.trim();
    Key::new(text.strip_prefix('+').unwrap_or(text)).ok_or(Code::BadPrefix)
}

struct Reading<'t> {
    zones: BTreeMap<String, Vec<Key>>,
    holidays: &'t [i32],
    /// Rules times prefixes so far.
    bound: usize,
}

impl Reading<'_> {
    fn rule(&mut self, json: &JsonRule<'_>, draft: &mut VersionDraft) -> Result<(), Fault> {
        let fault = |key: &str, code: Code| (key.to_owned(), code);
        let payer = json.party.as_ref().map_or(Some(Payer::company()), |party| Deck::party(&party.0));
        let payer = payer.ok_or_else(|| fault("party", Code::BadName))?;
        let default = json.default.as_ref().ok_or_else(|| fault("default", Code::Column))?;
        let default = draft.rate(rate(default, "default")?);
        let first = json.b.as_ref().and_then(|b| b.0.first()).map_or("", |first| first.0.as_ref());
        let named = json.rate.as_ref().and_then(|rate| slug(&rate.0)).or_else(|| slug(first));
        let mut rule = Rule::new(named.unwrap_or(Name::new("all").expect("a name")), default);
        for (at, each) in json.bands.iter().flatten().enumerate() {
            rule.bands.push(band(each, at, draft)?);
        }
        rule.settle_bands(self.holidays).map_err(|(at, code)| (format!("bands[{at}]"), code))?;
        let span = |text: &Option<Scalar<'_>>, key: &str| match text {
            None => Ok(0),
            Some(text) => match text.whole().and_then(|ms| u64::try_from(ms).ok()) {
                None => Err(fault(key, Code::BadNumber)),
                Some(ms) if ms > CALL_MS_MAX => Err(fault(key, Code::OutOfBounds)),
                Some(ms) => Ok(ms),
            },
        };
        rule.duration_min_ms = span(&json.min_duration_ms, "min_duration_ms")?;
        rule.free_under_ms = span(&json.no_charge_under_ms, "no_charge_under_ms")?;
        rule.charge_min = fee(&json.min_charge, "min_charge")?;
        rule.charge_max = fee(&json.max_charge, "max_charge")?;
        if let Some(strategy) = &json.max_charge_strategy {
            let at_maximum = AtMaximum::new(&strategy.0);
            rule.at_maximum = at_maximum.ok_or_else(|| fault("max_charge_strategy", Code::Setting))?;
        }
        if rule.charge_min.zip(rule.charge_max).is_some_and(|(least, most)| least > most) {
            return Err(fault("min_charge", Code::MinOverMax));
        }
        let called = self.keys(json.b.as_ref()).map_err(|code| fault("b", code))?;
        let calling = self.keys(json.a.as_ref()).map_err(|code| fault("a", code))?;
        self.bound += called.len() * calling.len();
        if self.bound > Deck::RULES_MAX {
            return Err(fault("", Code::TooManyRules));
        }
        let place = draft.add(rule);
        let bound = called.iter().all(|&b| calling.iter().all(|&a| draft.bind(payer, b, a, place)));
        if bound { Ok(()) } else { Err(fault("b", Code::DuplicateRule)) }
    }

    /// Prefixes and zones, each prefix once. None given: every number.
    fn keys(&self, list: Option<&Many<'_>>) -> Result<Vec<Key>, Code> {
        let Some(list) = list else { return Ok(vec![Key::EMPTY]) };
        let mut keys = Vec::new();
        for text in &list.0 {
            match text.0.trim().strip_prefix('@') {
                None => keys.push(prefix(&text.0)?),
                Some(zone) => keys.extend(self.zones.get(zone).ok_or(Code::UnknownZone)?),
            }
        }
        if keys.len() > 1 {
            keys.sort_unstable();
            keys.dedup();
        }
        Ok(keys)
    }
}

fn fee(text: &Option<Scalar<'_>>, key: &str) -> Result<Option<Price>, Fault> {
    match text {
        None => Ok(None),
        Some(text) => match text.decimal().and_then(Price::of_fee) {
            None => Err((key.to_owned(), Code::BadPrice)),
            some => Ok(some),
        },
    }
}

fn rate(json: &JsonRate<'_>, path: &str) -> Result<Rate, Fault> {
    let setup = fee(&json.setup, "setup").map_err(|(key, code)| (format!("{path}.{key}"), code))?.unwrap_or_default();
    let mut slots = Vec::new();
    for (at, slot) in json.slots.iter().flatten().enumerate() {
        let fault = |key: &str, code: Code| (format!("{path}.slots[{at}].{key}"), code);
        let number = |text: &Option<Scalar<'_>>, key: &str, absent: i64| match text {
            None => Ok(absent),
            Some(text) => text.whole().ok_or_else(|| fault(key, Code::BadNumber)),
        };
        // Below 0 fails the same check as what lies wrong: a first slot elsewhere, a later one before it, an increment of 0.
        let at_ms = u64::try_from(number(&slot.at, "at", 0)?).unwrap_or(if at == 0 { u64::MAX } else { 0 });
        let per_ms = u64::try_from(number(&slot.per, "per", 60_000)?).unwrap_or(0);
        let inc_ms = u64::try_from(number(&slot.inc, "inc", 1000)?).unwrap_or(0);
        let price = slot.price.as_ref().and_then(Scalar::decimal).and_then(Price::of_time);
        slots.push(Slot { at_ms, price: price.ok_or_else(|| fault("price", Code::BadPrice))?, per_ms, inc_ms });
    }
    let rate = Rate { setup, slots: slots.into() };
    rate.check().map_err(|code| (format!("{path}.slots"), code))?;
    Ok(rate)
}

fn band(json: &JsonBand<'_>, at: usize, draft: &mut VersionDraft) -> Result<Band, Fault> {
    let path = format!("bands[{at}]");
    let fault = |key: &str, code: Code| (format!("{path}.{key}"), code);
    let label = json.name.as_ref().map_or_else(|| format!("band{}", at + 1), |name| name.0.chars().take(64).collect());
    let name = slug(&label).or_else(|| slug(&format!("band{}", at + 1))).expect("a word and a number are a name");
    let days = match &json.days {
        None => Days::WEEK,
        Some(list) => list
            .0
            .iter()
            .try_fold(Days::default(), |sum, text| days(&text.0, sum))
            .ok_or_else(|| fault("days", Code::BadDay))?,
    };
    let time = |text: &Option<Scalar<'_>>, key: &str, absent: u32| match text {
        None => Ok(absent),
        Some(text) => time_of_day(&text.0).ok_or_else(|| fault(key, Code::BadTime)),
    };
    let prio = json.prio.as_ref().map_or(Some(0), |prio| prio.whole().and_then(|prio| i32::try_from(prio).ok()));
    Ok(Band {
        days,
        from_ms: time(&json.from, "from", 0)?,
        to_ms: time(&json.to, "to", DAY_MS)?,
        prio: prio.ok_or_else(|| fault("prio", Code::BadNumber))?,
        rate: draft.rate(rate(&json.rate, &format!("{path}.rate"))?),
        title: draft.title(Title { label, name }),
    })
}

/// `1`, `1-5`, `67H`: what is named and what is there already.
pub(crate) fn days(text: &str, mut sum: Days) -> Option<Days> {
    let day = |c: char| c.to_digit(10).filter(|day| (1..=7).contains(day)).map(|day| day as u8);
    if let Some((from, to)) = text.split_once('-') {
        let one = |text: &str| text.trim().chars().next().filter(|_| text.trim().len() == 1).and_then(day);
        let (from, to) = (one(from)?, one(to)?);
        // From Friday to Monday is over the weekend.
        let length = (to + 7 - from) % 7;
        return Some((0..=length).fold(sum, |sum, n| sum.and((from - 1 + n) % 7 + 1)));
    }
    for c in text.chars().filter(|c| !matches!(c, ' ' | ',')) {
        sum = sum.and(if matches!(c, 'H' | 'h') { HOLIDAY } else { day(c)? });
    }
    Some(sum)
}

/// `08:00`, `08:00:30`, up to `24:00`, as ms.
pub(crate) fn time_of_day(text: &str) -> Option<u32> {
    let mut parts = text.trim().split(':');
    let mut part = |most: u32| {
        let text = parts.next()?;
        let number = text.parse::<u32>().ok()?;
        (text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit()) && number <= most).then_some(number)
    };
    let (hour, minute) = (part(24)?, part(59)?);
    let second = if text.matches(':').count() == 2 { part(59)? } else { 0 };
    let ms = (hour * 3600 + minute * 60 + second) * 1000;
    (parts.next().is_none() && ms <= DAY_MS).then_some(ms)
}
