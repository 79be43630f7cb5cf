//! The search box: name prefixes in any order, words that sound alike, part of a number, an id, an e-mail address.
//!
//! One sorted vocabulary holds every word of names, every e-mail address and every id; words lead to customers and customers
//! to their words, so that the rarest word of a question gives the candidates and the others are checked on them. A part of a
//! number is looked for in the packed numbers themselves. All of it is read-only; a change packs anew.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::ops::Range;

use serde::{Deserialize, Serialize};
use turno_base::E164;

use crate::customer::Customer;
use crate::portfolio::{Known, Portfolio, unpacked};
use crate::text::{fold, fold_into, is_filler, sound, sound_into};

/// Most hits in one answer.
pub const HITS_MAX: usize = 100;
/// Longest question, bytes; the rest is not looked at.
pub const QUESTION_BYTES_MAX: usize = 200;
/// Most words of a question; the rest is not looked at.
pub const WORDS_MAX: usize = 8;
/// Candidates among which the best are chosen; past it a question is too broad for an order to matter.
const FOUND_MAX: usize = 2_000;
/// Candidates looked at: bounds the time of the worst question.
const LOOKED_AT_MAX: usize = 200_000;
/// Fewest digits that are looked for within numbers.
const DIGITS_MIN: usize = 3;
/// Fewest letters of a word whose sound counts.
const SOUND_MIN: usize = 3;
/// Most different words that may sound like one of the question.
const SOUNDING_MAX: usize = 4_000;

/// Sorted texts in one arena.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Texts {
    text: String,
    /// Where each begins, and the end of the last.
    starts: Vec<u32>,
}

impl Texts {
    fn new<'a>(sorted: impl Iterator<Item = &'a str>) -> Texts {
        let mut texts = Texts { text: String::new(), starts: vec![0] };
        for one in sorted {
            texts.text.push_str(one);
            texts.starts.push(texts.text.len() as u32);
        }
        texts.text.shrink_to_fit();
        texts.starts.shrink_to_fit();
        texts
    }

    fn len(&self) -> u32 {
        self.starts.len().saturating_sub(1) as u32
    }

    fn at(&self, place: u32) -> &str {
        let place = place as usize;
        match (self.starts.get(place), self.starts.get(place + 1)) {
            (Some(&from), Some(&to)) => self.text.get(from as usize..to as usize).unwrap_or(""),
            (_, None) | (None, _) => "",
        }
    }

    /// Places of the texts that begin with `prefix`.
    fn beginning(&self, prefix: &str) -> Range<u32> {
        let before = |is: &dyn Fn(&str) -> bool| {
            let (mut low, mut high) = (0, self.len());
            while low < high {
                let middle = low + (high - low) / 2;
                if is(self.at(middle)) { low = middle + 1 } else { high = middle }
            }
            low
        };
        let first = before(&|text| text < prefix);
        let end = before(&|text| text < prefix || text.starts_with(prefix));
        first..end
    }

    fn bytes(&self) -> usize {
        self.text.len() + self.starts.len() * size_of::<u32>()
    }
}

/// For each of a row of things its list of others, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Lists {
    starts: Vec<u32>,
    all: Vec<u32>,
}

impl Lists {
    /// From pairs, ascending by the first.
    fn new(count: u32, pairs: &[(u32, u32)]) -> Lists {
        let mut starts = Vec::with_capacity(count as usize + 1);
        let mut at = 0;
        for owner in 0..count {
            starts.push(at as u32);
            at += pairs.get(at..).unwrap_or(&[]).iter().take_while(|pair| pair.0 == owner).count();
        }
        starts.push(at as u32);
        Lists { starts, all: pairs.iter().map(|pair| pair.1).collect() }
    }

    fn of(&self, owner: u32) -> &[u32] {
        let owner = owner as usize;
        match (self.starts.get(owner), self.starts.get(owner + 1)) {
            (Some(&from), Some(&to)) => self.all.get(from as usize..to as usize).unwrap_or(&[]),
            (_, None) | (None, _) => &[],
        }
    }

    /// How many all of `owners` have.
    fn count(&self, owners: &Range<u32>) -> usize {
        match (self.starts.get(owners.start as usize), self.starts.get(owners.end as usize)) {
            (Some(&from), Some(&to)) => (to - from) as usize,
            (_, None) | (None, _) => 0,
        }
    }

    fn bytes(&self) -> usize {
        (self.starts.len() + self.all.len()) * size_of::<u32>()
    }
}

/// Words to customers and back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Index {
    words: Texts,
    /// Customers of a word, ascending.
    customers: Lists,
    /// Words of a customer.
    own: Lists,
    sounds: Texts,
    /// Words with a sound.
    sounding: Lists,
}

impl Index {
    pub(crate) fn bytes(&self) -> usize {
        self.words.bytes() + self.customers.bytes() + self.own.bytes() + self.sounds.bytes() + self.sounding.bytes()
    }
}

// The same in every process: keyed by nothing, and never iterated.
type Places = HashMap<Box<str>, u32, BuildHasherDefault<DefaultHasher>>;

/// Gathers what an [`Index`] is made of.
#[derive(Debug, Default)]
pub(crate) struct IndexBuilder {
    places: Places,
    words: Vec<Box<str>>,
    /// Customer and word, by the order in which words came.
    pairs: Vec<(u32, u32)>,
    customers: u32,
    scratch: String,
}

impl IndexBuilder {
    pub(crate) fn push(&mut self, customer: &Customer) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let from = self.pairs.len();
        for name in [&customer.name, &customer.given, &customer.surnames] {
            scratch.clear();
            fold_into(name, &mut scratch);
            scratch.split(' ').filter(|word| !word.is_empty()).for_each(|word| self.word(word));
        }
        customer.emails.iter().for_each(|email| self.word(&email.to_lowercase()));
        for id in customer.ids.iter().map(|id| id.text()).chain([customer.id.as_str()]) {
            self.word(&squeezed(id));
        }
        customer.aliases.iter().for_each(|id| self.word(&squeezed(id)));
        if let Some(own) = self.pairs.get_mut(from..) {
            own.sort_unstable();
        }
        // A name's words come again in the given name and the surnames.
        let mut kept = from;
        for at in from..self.pairs.len() {
            if at == from || self.pairs[at] != self.pairs[kept - 1] {
                self.pairs[kept] = self.pairs[at];
                kept += 1;
            }
        }
        self.pairs.truncate(kept);
        self.scratch = scratch;
        self.customers += 1;
    }

    fn word(&mut self, word: &str) {
        if word.is_empty() {
            return;
        }
        let place = match self.places.get(word) {
            Some(&place) => place,
            None => {
                let place = self.words.len() as u32;
                self.words.push(word.into());
                self.places.insert(word.into(), place);
                place
            }
        };
        self.pairs.push((self.customers, place));
    }

    pub(crate) fn finish(self) -> Index {
        let mut order: Vec<u32> = (0..self.words.len() as u32).collect();
        drop(self.places);
        order.sort_unstable_by(|&a, &b| self.words[a as usize].cmp(&self.words[b as usize]));
        let mut renamed = vec![0; order.len()];
        order.iter().zip(0..).for_each(|(&old, new)| renamed[old as usize] = new);
        let words = Texts::new(order.iter().map(|&old| &*self.words[old as usize]));
        let mut pairs = self.pairs;
        pairs.iter_mut().for_each(|pair| pair.1 = renamed[pair.1 as usize]);
        let own = Lists::new(self.customers, &pairs);
        pairs.iter_mut().for_each(|pair| *pair = (pair.1, pair.0));
        pairs.sort_unstable();
        let customers = Lists::new(words.len(), &pairs);
        let (sounds, sounding) = sounds_of(&words);
        Index { words, customers, own, sounds, sounding }
    }
}

/// Sounds of the words that are letters alone.
fn sounds_of(words: &Texts) -> (Texts, Lists) {
    let mut arena = String::new();
    let mut spans: Vec<(u32, u32, u32)> = Vec::new();
    for place in 0..words.len() {
        let word = words.at(place);
        if word.len() >= SOUND_MIN && word.bytes().all(|b| b.is_ascii_lowercase()) {
            let from = arena.len() as u32;
            sound_into(word, &mut arena);
            spans.push((from, arena.len() as u32, place));
        }
    }
    let text = |span: &(u32, u32, u32)| arena.get(span.0 as usize..span.1 as usize).unwrap_or("");
    spans.sort_unstable_by(|a, b| text(a).cmp(text(b)).then(a.2.cmp(&b.2)));
    let mut sounds: Vec<&str> = Vec::new();
    let mut pairs = Vec::with_capacity(spans.len());
    for span in &spans {
        if sounds.last() != Some(&text(span)) {
            sounds.push(text(span));
        }
        pairs.push((sounds.len() as u32 - 1, span.2));
    }
    let lists = Lists::new(sounds.len() as u32, &pairs);
    (Texts::new(sounds.into_iter()), lists)
}

/// Small letters and digits alone: an id however it is written.
fn squeezed(id: &str) -> String {
    fold(id).chars().filter(|c| *c != ' ').collect()
}

/// How well a word of the question fits one of the customer's, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Same,
    Begins,
    Sounds,
    BeginsToSound,
}

/// What one word of a question asks for.
#[derive(Debug)]
enum Asked {
    /// Words that begin so, and words that sound so.
    Word { same: Option<u32>, begins: Range<u32>, sounds: Vec<u32>, begins_to_sound: Vec<u32> },
    /// Customers, ascending, each with the number that has this part, or 0 for an id that begins so.
    Number(Vec<(u32, u64)>),
}

/// A customer that a question found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit<'a> {
    /// Who.
    pub known: Known<'a>,
    /// The number that has the part asked for, if the question was about a number.
    pub number: Option<E164>,
}

impl Portfolio {
    /// Who fits every word of the question, best first, at most `limit` and [`HITS_MAX`]. Words of a name may come in any
    /// order and unfinished; whole words rank before beginnings, these before what sounds alike, and value decides the rest.
    pub fn search(&self, question: &str, limit: usize) -> Vec<Hit<'_>> {
        let asked = self.asked(question);
        if asked.is_empty() {
            return Vec::new();
        }
        let mut found = self.candidates(&asked);
        found.sort_unstable();
        found.dedup();
        let key = |&(place, fit): &(u32, u32)| {
            let known = self.at(place);
            let value = known.and_then(|known| known.value_pm).unwrap_or(0);
            (fit, std::cmp::Reverse(value), place)
        };
        found.sort_by_cached_key(key);
        let number = |place| asked.iter().find_map(|asked| asked.number_of(place));
        let hits = found.into_iter().take(limit.min(HITS_MAX));
        hits.filter_map(|(place, _)| Some(Hit { known: self.at(place)?, number: number(place) })).collect()
    }

    fn asked(&self, question: &str) -> Vec<Asked> {
        let question = clipped(question);
        let mut asked = Vec::new();
        let digits = asked_digits(question);
        if let Some(digits) = &digits {
            asked.push(Asked::Number(self.with_digits(digits)));
        }
        let mut fillers = Vec::new();
        for term in question.split_whitespace() {
            if digits.is_some() && is_numeric(term) {
                continue;
            }
            let has_digit = term.bytes().any(|b| b.is_ascii_digit());
            if term.contains('@') || has_digit {
                let word = if term.contains('@') { term.to_lowercase() } else { squeezed(term) };
                asked.push(self.word(&word, false));
                continue;
            }
            for word in fold(term).split(' ').filter(|word| !word.is_empty()) {
                match is_filler(word) {
                    true => fillers.push(word.to_owned()),
                    false => asked.push(self.word(word, true)),
                }
            }
        }
        if asked.is_empty() {
            asked.extend(fillers.iter().map(|word| self.word(word, true)));
        }
        asked.truncate(WORDS_MAX);
        asked
    }

    fn word(&self, word: &str, by_sound: bool) -> Asked {
        let index = &self.index;
        let begins = index.words.beginning(word);
        let same = Some(begins.start).filter(|&first| index.words.at(first) == word);
        let (mut sounds, mut begins_to_sound) = (Vec::new(), Vec::new());
        if by_sound && word.len() >= SOUND_MIN {
            let key = sound(word);
            for place in index.sounds.beginning(&key) {
                if begins_to_sound.len() >= SOUNDING_MAX {
                    break;
                }
                let alike = if index.sounds.at(place) == key { &mut sounds } else { &mut begins_to_sound };
                alike.extend(index.sounding.of(place).iter().filter(|place| !begins.contains(place)));
            }
            sounds.sort_unstable();
            begins_to_sound.sort_unstable();
        }
        Asked::Word { same, begins, sounds, begins_to_sound }
    }

    /// Places and fits of those who fit everything that is asked.
    fn candidates(&self, asked: &[Asked]) -> Vec<(u32, u32)> {
        let index = &self.index;
        let size = |asked: &Asked| match asked {
            Asked::Number(customers) => customers.len(),
            Asked::Word { begins, sounds, begins_to_sound, .. } => {
                let more = sounds.iter().chain(begins_to_sound);
                index.customers.count(begins) + more.map(|&word| index.customers.of(word).len()).sum::<usize>()
            }
        };
        let Some(rarest) = asked.iter().min_by_key(|asked| size(asked)) else { return Vec::new() };
        let mut found = Vec::new();
        let mut looked_at = 0;
        let mut look = |place: u32| {
            looked_at += 1;
            if let Some(fit) = self.fit(place, asked) {
                found.push((place, fit));
            }
            found.len() < FOUND_MAX && looked_at < LOOKED_AT_MAX
        };
        match rarest {
            Asked::Number(customers) => {
                customers.iter().all(|&(place, _)| look(place));
            }
            Asked::Word { same, begins, sounds, begins_to_sound } => {
                let first = same.iter().copied();
                let words =
                    first.chain(begins.clone()).chain(sounds.iter().copied()).chain(begins_to_sound.iter().copied());
                let skip = |at: usize, word: u32| at > 0 && Some(word) == *same;
                let words = words.enumerate().filter(|&(at, word)| !skip(at, word)).map(|(_, word)| word);
                let mut customers = words.flat_map(|word| index.customers.of(word).iter().copied());
                customers.all(&mut look);
            }
        }
        found
    }

    /// The sum of the fits; none if something asked for does not fit at all.
    fn fit(&self, place: u32, asked: &[Asked]) -> Option<u32> {
        let own = self.index.own.of(place);
        asked.iter().try_fold(0, |sum, asked| {
            let fit = match asked {
                Asked::Number(customers) => customers.binary_search_by_key(&place, |of| of.0).ok().map(|_| Fit::Same),
                Asked::Word { same, begins, sounds, begins_to_sound } => own
                    .iter()
                    .filter_map(|word| {
                        if Some(*word) == *same {
                            Some(Fit::Same)
                        } else if begins.contains(word) {
                            Some(Fit::Begins)
                        } else if sounds.binary_search(word).is_ok() {
                            Some(Fit::Sounds)
                        } else {
                            begins_to_sound.binary_search(word).is_ok().then_some(Fit::BeginsToSound)
                        }
                    })
                    .min(),
            };
            fit.map(|fit| sum + fit as u32)
        })
    }

    /// Customers with an id that begins with `digits` or a number that has them, ascending, each once.
    fn with_digits(&self, digits: &str) -> Vec<(u32, u64)> {
        let mut found: Vec<(u32, u64)> = Vec::new();
        for word in self.index.words.beginning(digits) {
            if found.len() >= FOUND_MAX {
                break;
            }
            found.extend(self.index.customers.of(word).iter().map(|&place| (place, 0)));
        }
        let wanted: Vec<u64> = digits.bytes().map(|digit| u64::from(digit - b'0' + 1)).collect();
        if wanted.len() <= 15 {
            found.extend(self.numbers_with(&wanted));
        }
        found.sort_unstable_by_key(|&(place, number)| (place, std::cmp::Reverse(number)));
        found.dedup_by_key(|of| of.0);
        found
    }

    fn numbers_with(&self, wanted: &[u64]) -> Vec<(u32, u64)> {
        let probe = Probe::new(wanted);
        let all = self.numbers.iter().copied().zip(self.owners.iter().copied());
        let fitting = all.filter(|&(number, _)| probe.may_have(number) && probe.has(number));
        fitting.map(|(number, owner)| (owner, number)).take(FOUND_MAX).collect()
    }
}

impl Asked {
    fn number_of(&self, place: u32) -> Option<E164> {
        let Asked::Number(customers) = self else { return None };
        let at = customers.binary_search_by_key(&place, |of| of.0).ok()?;
        customers.get(at).and_then(|&(_, number)| unpacked(number))
    }
}

/// Looks for a row of digits in packed numbers.
struct Probe {
    /// The first digits, each in every nibble.
    spread: Vec<u64>,
    value: u64,
    mask: u64,
    last_shift: u32,
}

impl Probe {
    const ONES: u64 = 0x0111_1111_1111_1111;
    const HIGHS: u64 = 0x0888_8888_8888_8888;

    fn new(wanted: &[u64]) -> Probe {
        let value = wanted.iter().fold(0, |sum, digit| sum << 4 | digit);
        let mask = if wanted.len() >= 15 { (1 << 60) - 1 } else { (1 << (4 * wanted.len())) - 1 };
        let spread = wanted.iter().take(4).map(|digit| digit * Probe::ONES).collect();
        Probe { spread, value, mask, last_shift: 60 - 4 * (wanted.len() as u32).min(15) }
    }

    /// False only if the digits are not there: a nibble is zero where the digit stands, and a borrow may show one too many.
    fn may_have(&self, number: u64) -> bool {
        let mut places = u64::MAX;
        for (at, spread) in self.spread.iter().enumerate() {
            let differing = number ^ spread;
            let zeros = differing.wrapping_sub(Probe::ONES) & !differing & Probe::HIGHS;
            places &= zeros << (4 * at);
        }
        places != 0
    }

    fn has(&self, number: u64) -> bool {
        (0..=self.last_shift / 4).any(|at| (number >> (4 * at)) & self.mask == self.value)
    }
}

/// The question's digits, if it has enough of them and a term of nothing else: `612 04-51` asks for one part of a number.
fn asked_digits(question: &str) -> Option<String> {
    let terms = clipped(question).split_whitespace().filter(|term| is_numeric(term));
    let digits: String = terms.flat_map(|term| term.chars().filter(char::is_ascii_digit)).collect();
    (digits.len() >= DIGITS_MIN).then_some(digits)
}

fn is_numeric(term: &str) -> bool {
    term.bytes().any(|b| b.is_ascii_digit())
        && term.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | '/' | '(' | ')'))
}

fn clipped(question: &str) -> &str {
    let end = (0..=question.len().min(QUESTION_BYTES_MAX)).rev().find(|&at| question.is_char_boundary(at));
    question.get(..end.unwrap_or(0)).unwrap_or("")
}

#[cfg(test)]
mod tests;
