//! The price book as loaded: versions of rules by payer and prefix (docs/reference/rating.md, S3, S4, S10).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use turno_base::fact::Party;
use turno_base::{Currency, Name, TrunkId, Wall};

use crate::amount::{Exact, Price, Rounding, Share, Taxed};
use crate::band::{Band, Title};
use crate::civil::Zone;
use crate::code::{Code, DeckError};
use crate::guard::Limit;
use crate::prefix::{Key, PrefixMap};
use crate::rates::{Once, Rate};
use crate::week::{Week, Weeks};

/// Who pays: `company`, `caller`, or another party that the deck names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Payer(pub Name);

impl Payer {
    /// Us.
    pub fn company() -> Payer {
        Payer(Name::new("company").expect("a name"))
    }

    /// Whoever dials.
    pub fn caller() -> Payer {
        Payer(Name::new("caller").expect("a name"))
    }
}

impl fmt::Display for Payer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How elapsed time becomes billed time before increments (S7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DurationMode {
    /// As it is, in ms.
    #[default]
    Exact,
    /// Down to whole seconds, as Asterisk's billsec.
    Floor,
    /// To the nearest second, the middle up, as Asterisk's initiatedseconds.
    HalfUp,
}

/// A loaded and checked price book. Empty, it leaves every leg unrated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deck {
    pub(crate) terms: Option<Terms>,
    /// Ascending by date, then revision.
    pub(crate) versions: Vec<Version>,
    pub(crate) payers: BTreeSet<Payer>,
    /// Books of their own for legs by some trunks, each without others in it.
    by_trunk: BTreeMap<(TrunkId, Way), Deck>,
    /// What calls out may cost.
    limits: Vec<Limit>,
}

/// Which way a leg by a trunk goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Way {
    /// By the trunk to us.
    In,
    /// By the trunk to the outside.
    Out,
}

/// Whether a call that goes on into another band is priced by both (S6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BandPolicy {
    /// Each increment by the band in force when it begins.
    #[default]
    Split,
    /// The whole call by the band in force at its answer.
    Start,
}

/// What a call may do that reaches the maximum charge of its rule (S9.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtMaximum {
    /// Go on without further cost.
    #[default]
    Free,
    /// End before it would go beyond.
    Disconnect,
}

/// What holds for the whole deck.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Terms {
    pub(crate) currency: Currency,
    /// Decimals of stored amounts, 0..=8.
    pub(crate) scale: u8,
    pub(crate) rounding: Rounding,
    /// Ascending: from which local date on (days since 1970-01-01), how much. Before the first, none.
    pub(crate) taxes: Vec<(i32, Share)>,
    pub(crate) tax_included: bool,
    pub(crate) duration: DurationMode,
    pub(crate) policy: BandPolicy,
    pub(crate) zone: Zone,
    /// Ascending, days since 1970-01-01.
    pub(crate) holidays: Vec<i32>,
}

impl Default for Terms {
    fn default() -> Terms {
        Terms {
            currency: Currency::EUR,
            scale: 4,
            rounding: Rounding::default(),
            taxes: Vec::new(),
            tax_included: false,
            duration: DurationMode::default(),
            policy: BandPolicy::default(),
            zone: Zone::default(),
            holidays: Vec::new(),
        }
    }
}

impl DurationMode {
    /// Parses `exact`, `floor` or `half_up`.
    pub fn new(text: &str) -> Option<DurationMode> {
        Some(match text {
            "exact" => DurationMode::Exact,
            "floor" => DurationMode::Floor,
            "half_up" => DurationMode::HalfUp,
            _ => return None,
        })
    }
}

impl BandPolicy {
    /// Parses `split` or `start`.
    pub fn new(text: &str) -> Option<BandPolicy> {
        Some(match text {
            "split" => BandPolicy::Split,
            "start" => BandPolicy::Start,
            _ => return None,
        })
    }
}

impl AtMaximum {
    /// Parses `free` or `disconnect`.
    pub fn new(text: &str) -> Option<AtMaximum> {
        Some(match text {
            "free" => AtMaximum::Free,
            "disconnect" => AtMaximum::Disconnect,
            _ => return None,
        })
    }
}

impl Terms {
    /// Most holidays of a deck.
    pub(crate) const HOLIDAYS_MAX: usize = 10_000;

    /// Puts the holidays in order.
    pub(crate) fn settle_holidays(&mut self) -> Result<(), Code> {
        self.holidays.sort_unstable();
        self.holidays.dedup();
        if self.holidays.len() > Terms::HOLIDAYS_MAX { Err(Code::OutOfBounds) } else { Ok(()) }
    }

    /// The first holiday that is not before a date.
    pub(crate) fn holiday_from(&self, day: i32) -> Option<i32> {
        self.holidays.get(self.holidays.partition_point(|&holiday| holiday < day)).copied()
    }

    /// The tax on a call answered then.
    pub(crate) fn taxed(&self, answer: Wall) -> Taxed {
        let share = match self.taxes.as_slice() {
            [] => Share::default(),
            [(i32::MIN, always)] => *always,
            taxes => {
                let day = self.zone.day(answer.0);
                let after = taxes.partition_point(|&(from, _)| from <= day);
                after.checked_sub(1).and_then(|at| taxes.get(at)).map_or(Share::default(), |&(_, share)| share)
            }
        };
        Taxed { share, included: self.tax_included }
    }
}

/// The rules from one date on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) valid_from: Wall,
    pub(crate) revision: u32,
    /// Called prefix, then calling prefix, to the place in `rules`.
    pub(crate) by_payer: BTreeMap<Payer, PrefixMap<Calling>>,
    pub(crate) rules: Vec<Rule>,
    /// When which band is in force in a week without holidays, for all rules.
    pub(crate) weeks: Vec<Week>,
    /// Rates of all rules and bands, and what bands are called: thousands of prefixes have few of them, which so stay at hand.
    pub(crate) rates: Vec<Rate>,
    pub(crate) titles: Vec<Title>,
    /// What rules charge, by their default rate first, then by each band. A long call goes through all of it: most of its time would
    /// be that of looking into the bands of one rule among tens of thousands.
    pub(crate) charges: Vec<Vec<Charge>>,
}

/// A rate, and what the band is called that it belongs to, by their places in the version; none: the default rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Charge {
    rate: u32,
    title: Option<u32>,
}

/// The rules of a called prefix by calling one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Calling {
    /// One for all, which is what most called prefixes have.
    Any(u32),
    By(PrefixMap<u32>),
}

impl Calling {
    fn new(rules: BTreeMap<Key, u32>) -> Calling {
        match rules.get(&Key::EMPTY) {
            Some(&rule) if rules.len() == 1 => Calling::Any(rule),
            Some(_) | None => Calling::By(PrefixMap::from_sorted(rules)),
        }
    }

    fn rule(&self, a: Key) -> Option<u32> {
        match self {
            Calling::Any(rule) => Some(*rule),
            Calling::By(rules) => rules.longest_first(a).next().copied(),
        }
    }
}

/// One price line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub(crate) id: Name,
    /// The rate outside every band, by its place in the version.
    pub(crate) default: u32,
    /// The one that wins first (`settle_bands`).
    pub(crate) bands: Vec<Band>,
    /// Some band names holidays, so that they are a class of their own.
    pub(crate) with_holidays: bool,
    /// Place of its week among those of the version.
    pub(crate) week: u32,
    /// Place of what it charges by which band among those of the version.
    pub(crate) charges: u32,
    /// Billed at least.
    pub(crate) duration_min_ms: u64,
    /// What is shorter costs nothing.
    pub(crate) free_under_ms: u64,
    pub(crate) charge_min: Option<Price>,
    pub(crate) charge_max: Option<Price>,
    pub(crate) at_maximum: AtMaximum,
}

impl Rule {
    /// With nothing but its rate.
    pub(crate) fn new(id: Name, default: u32) -> Rule {
        Rule {
            id,
            default,
            bands: Vec::new(),
            with_holidays: false,
            week: 0,
            charges: 0,
            duration_min_ms: 0,
            free_under_ms: 0,
            charge_min: None,
            charge_max: None,
            at_maximum: AtMaximum::default(),
        }
    }

    /// Between the minimum and the maximum charge (S8).
    pub(crate) fn clamped(&self, total: Exact) -> Exact {
        let least = self.charge_min.map_or(total, |least| total.max(Exact::fee(least)));
        self.charge_max.map_or(least, |most| least.min(Exact::fee(most)))
    }
}

impl Deck {
    /// Reads a deck: JSON if it begins with a brace, else CSV.
    pub fn parse(text: &str) -> Result<Deck, DeckError> {
        match is_json(text) {
            true => Deck::parse_json(text),
            false => Deck::parse_csv(text),
        }
    }

    /// Most faults that [`Deck::read`] names.
    pub const FAULTS_MAX: usize = 100;

    /// Reads a deck as [`Deck::parse`] does; a refused one names what is wrong with each row, the first of a row.
    ///
    /// # Errors
    /// At least one fault, at most [`Deck::FAULTS_MAX`], in the order of the rows.
    pub fn read(text: &str) -> Result<Deck, Vec<DeckError>> {
        match is_json(text) {
            true => Deck::read_json(text, Deck::FAULTS_MAX),
            false => Deck::read_csv(text, Deck::FAULTS_MAX),
        }
    }

    /// Gives legs of a trunk and direction a price book of their own, which then holds instead of this one.
    pub fn set_trunk(&mut self, trunk: TrunkId, way: Way, deck: Deck) {
        self.by_trunk.insert((trunk, way), deck);
    }

    /// Bounds what calls out may cost by this book.
    pub fn set_limits(&mut self, limits: Vec<Limit>) {
        self.limits = limits;
    }

    /// The first trunk whose calls out cost in another currency than those of the others that this limit of cost is for; its amounts
    /// mean nothing then.
    pub fn odd_currency(&self, limit: &Limit) -> Option<TrunkId> {
        if limit.trunk.is_some() || (limit.call_cost_max.is_none() && limit.hour_cost_max.is_none()) {
            return None;
        }
        let currency = |book: &Deck| book.terms.as_ref().map(|terms| terms.currency);
        let out = || self.by_trunk.iter().filter(|((_, way), _)| *way == Way::Out);
        let first = currency(self).or_else(|| out().find_map(|(_, book)| currency(book)));
        out().find(|(_, book)| currency(book).is_some_and(|own| Some(own) != first)).map(|((trunk, _), _)| *trunk)
    }

    /// What calls out may cost.
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// The book for a leg to this party: that of its trunk and direction where there is one, else this.
    pub fn of_party(&self, party: Party) -> &Deck {
        let by = match party {
            Party::Caller(trunk) => trunk.map(|trunk| (trunk, Way::In)),
            Party::Outside(trunk) => Some((trunk, Way::Out)),
            Party::Agent(..) | Party::Station(_) => None,
        };
        by.and_then(|by| self.by_trunk.get(&by)).unwrap_or(self)
    }

    /// Most rules, all versions and prefixes counted.
    pub const RULES_MAX: usize = 2_000_000;

    /// Who may be charged by this deck.
    pub fn payers(&self) -> impl Iterator<Item = Payer> {
        self.payers.iter().copied()
    }

    /// How many versions and how many prefixes of called numbers in all of them.
    pub fn size(&self) -> (usize, usize) {
        let prefixes = self.versions.iter().flat_map(|v| v.by_payer.values()).map(PrefixMap::len).sum();
        (self.versions.len(), prefixes)
    }

    /// Decimals of stored amounts.
    pub fn scale(&self) -> u8 {
        self.terms.as_ref().map_or(4, |terms| terms.scale)
    }

    /// How stored amounts are rounded.
    pub(crate) fn rounding(&self) -> Rounding {
        self.terms.as_ref().map_or(Rounding::default(), |terms| terms.rounding)
    }

    /// The local date of an instant, in days since 1970-01-01.
    pub(crate) fn day(&self, at: Wall) -> i32 {
        self.terms.as_ref().map_or(0, |terms| terms.zone.day(at.0))
    }

    /// Which parties a text may name: its name in small letters, other signs as `-`.
    pub(crate) fn party(text: &str) -> Option<Payer> {
        slug(text).map(Payer)
    }

    /// The version in force at `answer`: the latest date not after it, of those the highest revision (S3).
    pub(crate) fn version(&self, answer: Wall) -> Option<&Version> {
        let after = self.versions.partition_point(|version| version.valid_from <= answer);
        after.checked_sub(1).and_then(|at| self.versions.get(at))
    }

    pub(crate) fn new(terms: Terms, versions: Vec<Version>) -> Deck {
        let payers = versions.iter().flat_map(|version| version.by_payer.keys().copied()).collect();
        Deck { terms: Some(terms), versions, payers, by_trunk: BTreeMap::new(), limits: Vec::new() }
    }
}

fn is_json(text: &str) -> bool {
    text.trim_start_matches('\u{feff}').trim_start().starts_with('{')
}

/// A name from any text: small letters and digits stay, capitals become small, all else becomes `-`; cut at the length of
/// a name. None if nothing is left.
pub(crate) fn slug(text: &str) -> Option<Name> {
    let letters = text.trim().chars().map(|c| match c.to_ascii_lowercase() {
        small @ ('a'..='z' | '0'..='9' | '_' | '.') => small,
        _ => '-',
    });
    let cut: String = letters.take(Name::LEN_MAX).collect();
    Name::new(cut.trim_matches(['-', '_', '.'])).ok()
}

impl Version {
    /// The rule for this payer: longest called prefix, then longest calling prefix. Price never decides (S4).
    pub(crate) fn rule(&self, payer: Payer, a: Key, b: Key) -> Option<&Rule> {
        let called = self.by_payer.get(&payer)?;
        let at = called.longest_first(b).find_map(|calling| calling.rule(a))?;
        self.rules.get(at as usize)
    }

    fn charge(&self, rule: &Rule, band: Option<u8>) -> Option<&Charge> {
        self.charges.get(rule.charges as usize)?.get(band.map_or(0, |at| usize::from(at) + 1))
    }

    /// The rate of a rule's band.
    pub(crate) fn rate_of(&self, rule: &Rule, band: Option<u8>) -> Option<&Rate> {
        self.rates.get(self.charge(rule, band)?.rate as usize)
    }

    /// What a rule's band is called; none: the default rate.
    pub(crate) fn title_of(&self, rule: &Rule, band: Option<u8>) -> Option<&Title> {
        self.titles.get(self.charge(rule, band)?.title? as usize)
    }
}

/// A version while its rows are read.
#[derive(Debug, Default)]
pub(crate) struct VersionDraft {
    by_payer: BTreeMap<Payer, BTreeMap<Key, BTreeMap<Key, u32>>>,
    rules: Vec<Rule>,
    rates: Once<Rate>,
    titles: Once<Title>,
}

impl VersionDraft {
    /// Adds a rule; the place is what [`VersionDraft::bind`] takes.
    pub(crate) fn add(&mut self, rule: Rule) -> u32 {
        self.rules.push(rule);
        (self.rules.len() - 1) as u32
    }

    /// The place of a rate.
    pub(crate) fn rate(&mut self, rate: Rate) -> u32 {
        self.rates.place(rate)
    }

    /// The place of what a band is called.
    pub(crate) fn title(&mut self, title: Title) -> u32 {
        self.titles.place(title)
    }

    /// Says for which numbers a rule is. False if they have one already.
    pub(crate) fn bind(&mut self, payer: Payer, b: Key, a: Key, rule: u32) -> bool {
        self.by_payer.entry(payer).or_default().entry(b).or_default().insert(a, rule).is_none()
    }

    /// The rule that these numbers have.
    pub(crate) fn rule_mut(&mut self, payer: Payer, b: Key, a: Key) -> Option<&mut Rule> {
        let place = *self.by_payer.get(&payer)?.get(&b)?.get(&a)?;
        self.rules.get_mut(place as usize)
    }

    pub(crate) fn finish(self, valid_from: Wall, revision: u32) -> Version {
        let by_payer = self.by_payer.into_iter().map(|(payer, called)| {
            let called = called.into_iter().map(|(b, calling)| (b, Calling::new(calling)));
            (payer, PrefixMap::from_sorted(called))
        });
        let (mut rules, mut weeks, mut charges) = (self.rules, Weeks::default(), Once::default());
        for rule in &mut rules {
            rule.week = weeks.place(rule);
            let of_bands = rule.bands.iter().map(|band| Charge { rate: band.rate, title: Some(band.title) });
            let all = std::iter::once(Charge { rate: rule.default, title: None }).chain(of_bands);
            rule.charges = charges.place(all.collect());
            rule.bands.shrink_to_fit();
        }
        Version {
            valid_from,
            revision,
            by_payer: by_payer.collect(),
            rules,
            weeks: weeks.finish(),
            rates: self.rates.finish(),
            titles: self.titles.finish(),
            charges: charges.finish(),
        }
    }
}
