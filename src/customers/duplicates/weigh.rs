//! The weight of evidence (Fellegi and Sunter 1969): for each trait the logarithm of how much likelier its agreement or
//! disagreement is between two records of one customer than between two customers; the sum decides.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::customer::Kind;
use crate::duplicates::compare::{is_one_slip, jaro_winkler_pm};
use crate::duplicates::profile::Profile;
use crate::identity::IdKind;

/// What one trait says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Which.
    pub of: &'static str,
    /// For (positive) or against, millibits.
    pub weight_mb: i32,
}

/// Weights of a trait, millibits. What is missing on either side says nothing.
struct Weights {
    /// Same, if what is shared is rare.
    same: i32,
    /// From this likeness on, per mille, alike.
    alike_pm: u32,
    alike: i32,
    differ: i32,
}

const NAME: Weights = Weights { same: 10_500, alike_pm: 880, alike: 3800, differ: -3200 };
const TOWN: Weights = Weights { same: 8000, alike_pm: 880, alike: 3600, differ: -1200 };
const STREET: Weights = Weights { same: 9500, alike_pm: 860, alike: 6000, differ: -1800 };
const MORE: Weights = Weights { same: 7500, alike_pm: 880, alike: 5000, differ: -600 };
const REGION: Weights = Weights { same: 3000, alike_pm: 990, alike: 600, differ: -1200 };
const POSTCODE: Weights = Weights { same: 8000, alike_pm: 1000, alike: 3500, differ: -1500 };
const BORN: Weights = Weights { same: 11_500, alike_pm: 1000, alike: 7000, differ: -3500 };
const ID: Weights = Weights { same: 16_000, alike_pm: 1000, alike: 10_000, differ: -3000 };
const EMAIL: Weights = Weights { same: 13_000, alike_pm: 940, alike: 4000, differ: -700 };
const NUMBER: Weights = Weights { same: 10_000, alike_pm: 1000, alike: 3000, differ: -400 };
/// A tax id with its check digit right, on both.
const TAX_ID_SAME: i32 = 24_000;
/// What several words of a name weigh at most together.
const WORDS_MB_MAX: i32 = 15_500;
/// As many may have the same trait and it is still rare: they are perhaps one. Of names the number counts from the first.
const RARE_MAX: u32 = 6;
/// How much less a pair of swapped names weighs.
const SWAPPED_MB: i32 = 1000;

/// The weights of one portfolio: how common each name and place is.
#[derive(Debug)]
pub struct Evidence {
    traits: BTreeMap<Box<str>, u32>,
    numbers: BTreeMap<u64, u32>,
    total: u64,
}

impl Evidence {
    /// Counts how common names, places and numbers are.
    pub fn new(profiles: &[Profile]) -> Evidence {
        let mut traits: BTreeMap<Box<str>, u32> = BTreeMap::new();
        let mut numbers = BTreeMap::new();
        let mut count = |text: &str| match traits.get_mut(text) {
            Some(count) => *count += 1,
            None => drop(traits.insert(text.into(), 1)),
        };
        for profile in profiles {
            for name in [&profile.given, &profile.surnames] {
                name.split(' ').for_each(&mut count);
                if name.contains(' ') {
                    count(name);
                }
            }
            for text in
                [&profile.town, &profile.region, &profile.postcode, &profile.street, &profile.more, &profile.born]
            {
                count(text);
            }
            for number in &profile.numbers {
                *numbers.entry(*number).or_insert(0) += 1;
            }
        }
        numbers.retain(|_, count| *count > 2);
        Evidence { traits, numbers, total: profiles.len() as u64 }
    }

    /// The sum of all traits, millibits.
    pub fn weigh(&self, a: &Profile, b: &Profile) -> i32 {
        let mut sum = 0;
        self.each(a, b, |part| sum += part.weight_mb);
        sum
    }

    /// Every trait that both have.
    pub fn parts(&self, a: &Profile, b: &Profile) -> Vec<Part> {
        let mut parts = Vec::new();
        self.each(a, b, |part| parts.push(part));
        parts
    }

    fn each(&self, a: &Profile, b: &Profile, mut on: impl FnMut(Part)) {
        let mut tell = |of, weight: Option<i32>| {
            if let Some(weight_mb) = weight {
                on(Part { of, weight_mb });
            }
        };
        let (given, surnames) = self.names(a, b);
        tell("given name", given);
        tell("surnames", surnames);
        if a.kind != b.kind {
            tell("kind", Some(-2000));
        }
        tell("born", self.exact(&BORN, &a.born, &b.born));
        tell("id", id(a, b));
        tell("number", self.number(a, b));
        tell("e-mail", email(a, b));
        let (street, more) = self.streets(a, b);
        tell("street", street);
        tell("address", more);
        let (town, postcode) = self.place(a, b);
        tell("town", town);
        tell("region", self.rare(&REGION, &a.region, &b.region));
        tell("postcode", postcode);
    }

    /// Given names and surnames, also as if one of the two had them in the wrong columns.
    fn names(&self, a: &Profile, b: &Profile) -> (Option<i32>, Option<i32>) {
        let straight = (self.words(&NAME, &a.given, &b.given), self.words(&NAME, &a.surnames, &b.surnames));
        let sum = |of: (Option<i32>, Option<i32>)| of.0.unwrap_or(0) + of.1.unwrap_or(0);
        if sum(straight) >= NAME.alike * 2 || a.kind == Kind::Company || a.given.is_empty() && b.given.is_empty() {
            return straight;
        }
        let crossed = (self.words(&NAME, &a.given, &b.surnames), self.words(&NAME, &a.surnames, &b.given));
        let crossed = (crossed.0, crossed.1.map(|weight| weight - SWAPPED_MB));
        if sum(crossed) > sum(straight) { crossed } else { straight }
    }

    /// Names of several words: each word of the shorter with the word of the longer that is most like it, in any order. A
    /// second surname that only one of them has says nothing.
    fn words(&self, weights: &Weights, a: &str, b: &str) -> Option<i32> {
        if a.is_empty() || b.is_empty() {
            return None;
        }
        if !a.contains(' ') && !b.contains(' ') || a == b {
            return self.rare(weights, a, b);
        }
        let (short, long) = if a.split(' ').count() <= b.split(' ').count() { (a, b) } else { (b, a) };
        let mut rest: Vec<&str> = long.split(' ').collect();
        // Who has another second surname is another person: where both have as many words, a wrong one weighs twice.
        let as_many = short.split(' ').count() == rest.len();
        let mut sum = 0;
        for word in short.split(' ') {
            let likest = (0..rest.len()).max_by_key(|&at| (jaro_winkler_pm(word, rest[at]), std::cmp::Reverse(at)))?;
            let weight = self.rare(weights, word, rest.swap_remove(likest)).unwrap_or(0);
            sum += if as_many && weight <= weights.differ { 2 * weight } else { weight };
        }
        // Joined or split words: `maria jose` and `mariajose`.
        let joined = jaro_winkler_pm(&a.replace(' ', ""), &b.replace(' ', ""));
        let joined = if joined >= 930 { weights.alike } else { 2 * weights.differ };
        Some(sum.max(joined).clamp(2 * weights.differ, WORDS_MB_MAX))
    }

    fn rare(&self, weights: &Weights, a: &str, b: &str) -> Option<i32> {
        if a.is_empty() || b.is_empty() {
            return None;
        }
        if a != b {
            return likeness(weights, a, b);
        }
        Some(self.rarity(weights, a))
    }

    /// What it says to share `text`: the less, the more others have it.
    fn rarity(&self, weights: &Weights, text: &str) -> i32 {
        let count = self.traits.get(text).copied().unwrap_or(1);
        if count <= RARE_MAX && weights.same != NAME.same {
            return weights.same;
        }
        let rarity = log2_mb(self.total.max(1000)).saturating_sub(log2_mb(u64::from(count)));
        (rarity as i32).min(weights.same)
    }

    /// Digits: one slip of the hand is alike, everything else differs.
    fn exact(&self, weights: &Weights, a: &str, b: &str) -> Option<i32> {
        if a.is_empty() || b.is_empty() {
            return None;
        }
        Some(match a == b {
            true => self.rarity(weights, a),
            false if is_one_slip(a, b) || is_day_and_month_swapped(a, b) => weights.alike,
            false => weights.differ,
        })
    }

    /// Town and postal code say the same thing twice: what the weaker of the two adds is a quarter.
    fn place(&self, a: &Profile, b: &Profile) -> (Option<i32>, Option<i32>) {
        // With another number it is another district.
        let same_district = digits(&a.town) == digits(&b.town);
        let town = self.rare(&TOWN, &a.town, &b.town).map(|town| if same_district { town } else { TOWN.differ });
        let postcode = self.exact(&POSTCODE, &a.postcode, &b.postcode);
        match (town, postcode) {
            (Some(town), Some(postcode)) if town > 0 && postcode > 0 => match town < postcode {
                true => (Some(town / 4), Some(postcode)),
                false => (Some(town), Some(postcode / 4)),
            },
            (town, postcode) => (town, postcode),
        }
    }

    /// Both lines of the address, also as if one of the two had them the other way round.
    fn streets(&self, a: &Profile, b: &Profile) -> (Option<i32>, Option<i32>) {
        let straight = (self.street(&STREET, &a.street, &b.street), self.street(&MORE, &a.more, &b.more));
        let crossed = (self.street(&MORE, &a.street, &b.more), self.street(&MORE, &a.more, &b.street));
        let sum = |of: (Option<i32>, Option<i32>)| of.0.unwrap_or(0) + of.1.unwrap_or(0);
        if sum(crossed) > sum(straight) { crossed } else { straight }
    }

    /// Words in any order, `3 calle mayor` and `calle mayor 3`; the kind of street says nothing, and another house number
    /// is another house.
    fn street(&self, weights: &Weights, a: &str, b: &str) -> Option<i32> {
        if a.is_empty() || b.is_empty() || a == b {
            return self.rare(weights, a, b);
        }
        let ((a, a_number), (b, b_number)) = (street_parts(a), street_parts(b));
        if a.is_empty() || b.is_empty() {
            return Some(0);
        }
        let body = likeness(weights, &a, &b)?;
        if body <= 0 || a_number.is_empty() || b_number.is_empty() {
            return Some(body.min(weights.alike));
        }
        Some(match a_number == b_number {
            true => body,
            false if is_one_slip(&a_number, &b_number) => weights.alike / 2,
            false => 0,
        })
    }

    /// Whether the names speak against one person: members of a family share surnames, address, number and e-mail, but
    /// neither the day of birth nor the id; neighbours may share a day, but no name.
    pub fn is_of_another_name(&self, a: &Profile, b: &Profile) -> bool {
        let (given, surnames) = self.names(a, b);
        let differs = |weight: Option<i32>| weight.is_some_and(|weight| weight <= NAME.differ);
        let born = self.exact(&BORN, &a.born, &b.born).is_some_and(|weight| weight > 0);
        let id = id(a, b).is_some_and(|weight| weight >= ID.alike);
        let shares = self.number(a, b).is_some_and(|weight| weight > 0) || email(a, b).is_some_and(|weight| weight > 0);
        let crossed = jaro_winkler_pm(&a.given, &b.surnames) >= NAME.alike_pm;
        if !id && !shares && !crossed && has_another_surname(&a.surnames, &b.surnames) {
            return true;
        }
        let given_differs = if given.is_some() { differs(given) } else { differs(surnames) };
        !id && given_differs && (!born || differs(surnames))
    }

    /// Whether nothing but names and a town speaks for one person whose days of birth are not the same, and something against
    /// it: in a large house such pairs are namesakes as often as not, and people look at them.
    pub fn is_perhaps_a_namesake(&self, a: &Profile, b: &Profile) -> bool {
        let (mut speaks_for, mut speaks_against) = (false, false);
        self.each(a, b, |part| {
            speaks_for |= part.weight_mb > 0 && matches!(part.of, "id" | "number" | "e-mail" | "street" | "address");
            speaks_against |= part.weight_mb < 0;
        });
        speaks_against && !speaks_for && !a.born.is_empty() && !b.born.is_empty() && a.born != b.born
    }

    fn number(&self, a: &Profile, b: &Profile) -> Option<i32> {
        if a.numbers.is_empty() || b.numbers.is_empty() {
            return None;
        }
        let shared = a.numbers.iter().find(|number| b.numbers.contains(number));
        let Some(shared) = shared else { return Some(NUMBER.differ) };
        // A switchboard's number says little about each who has it.
        let others = self.numbers.get(shared).copied().unwrap_or(2);
        Some((NUMBER.same - log2_mb(u64::from(others / 2).max(1)) as i32 * 2).max(0))
    }
}

fn likeness(weights: &Weights, a: &str, b: &str) -> Option<i32> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    if a == b {
        return Some(weights.same);
    }
    let alike = jaro_winkler_pm(a, b);
    // Half of a beginning: one who writes initials.
    let short = a.len().min(b.len()) == 1 && a.get(..1) == b.get(..1);
    Some(match alike {
        _ if short => 0,
        alike if alike >= weights.alike_pm => weights.alike,
        alike if alike + 100 >= weights.alike_pm => 0,
        _ => weights.differ,
    })
}

fn is_day_and_month_swapped(a: &str, b: &str) -> bool {
    let parts = |of: &'_ str| Some((of.get(..4)?.to_owned(), of.get(4..6)?.to_owned(), of.get(6..8)?.to_owned()));
    match (parts(a), parts(b)) {
        (Some(a), Some(b)) => a.0 == b.0 && a.1 == b.2 && a.2 == b.1,
        (_, None) | (None, _) => false,
    }
}

fn id(a: &Profile, b: &Profile) -> Option<i32> {
    let pairs =
        || a.ids().iter().flat_map(|a| b.ids().iter().map(move |b| (a, b))).filter(|(a, b)| a.kind() == b.kind());
    let best = pairs().map(|(a, b)| match (a.text() == b.text(), a.kind() == IdKind::Other) {
        (true, false) => TAX_ID_SAME,
        (true, true) => ID.same,
        (false, true) if is_one_slip(a.text(), b.text()) => ID.alike,
        (false, true) => ID.differ,
        // Proven different before anything is weighed, unless another id is the same.
        (false, false) => 0,
    });
    best.max()
}

fn email(a: &Profile, b: &Profile) -> Option<i32> {
    let pairs = || a.emails.iter().flat_map(|a| b.emails.iter().map(move |b| (a, b)));
    // Many houses number their customers' addresses: digits must be the same.
    let like = |a: &str, b: &str| if digits(a) == digits(b) { likeness(&EMAIL, a, b) } else { Some(EMAIL.differ) };
    pairs().filter_map(|(a, b)| like(a, b)).max()
}

/// Both have two surnames or more, as many, and one of them has no likeness among the other's.
fn has_another_surname(a: &str, b: &str) -> bool {
    let (ours, theirs): (Vec<&str>, Vec<&str>) = (a.split(' ').collect(), b.split(' ').collect());
    let is_strange = |word: &str| theirs.iter().all(|other| jaro_winkler_pm(word, other) + 100 < NAME.alike_pm);
    ours.len() >= 2 && ours.len() == theirs.len() && ours.iter().any(|word| is_strange(word))
}

fn digits(of: &str) -> String {
    of.chars().filter(char::is_ascii_digit).collect()
}

/// The words that name a street, sorted and joined, and its house numbers.
fn street_parts(text: &str) -> (String, String) {
    const KINDS: [&str; 22] = [
        "calle",
        "c",
        "cl",
        "avenida",
        "avda",
        "av",
        "plaza",
        "pl",
        "paseo",
        "carrera",
        "cra",
        "camino",
        "carretera",
        "street",
        "st",
        "road",
        "rd",
        "place",
        "avenue",
        "drive",
        "crescent",
        "close",
    ];
    let mut words: Vec<&str> = text.split(' ').filter(|word| !KINDS.contains(word)).collect();
    words.sort_unstable();
    let is_number = |word: &str| word.bytes().next().is_some_and(|b| b.is_ascii_digit());
    let (numbers, names): (Vec<&str>, Vec<&str>) = words.into_iter().partition(|word| is_number(word));
    (names.concat(), numbers.concat())
}

/// Binary logarithm, in thousandths, rounded down; 0 for 0 and 1.
pub(super) fn log2_mb(of: u64) -> u32 {
    if of < 2 {
        return 0;
    }
    let whole = of.ilog2();
    // The rest by squaring a fraction of 1..2 with 31 bits: each squaring tells one bit of the logarithm.
    let mut fraction = if whole >= 31 { of >> (whole - 31) } else { of << (31 - whole) };
    let mut bits = 0_u32;
    for _ in 0..12 {
        fraction = (fraction * fraction) >> 31;
        bits <<= 1;
        if fraction >= 1 << 32 {
            fraction >>= 1;
            bits |= 1;
        }
    }
    whole * 1000 + ((bits * 1000) >> 12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_in_thousandths() {
        for (of, want) in
            [(0, 0), (1, 0), (2, 1000), (3, 1584), (10, 3321), (1000, 9965), (1 << 40, 40_000), (u64::MAX, 63_999)]
        {
            assert_eq!(log2_mb(of), want, "{of}");
        }
    }
}
