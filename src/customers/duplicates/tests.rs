//! Duplicates as clerks make them, found; namesakes, left alone; merged and unmerged.

use proptest::prelude::*;
use turno_base::{E164, Name, Seeded, Wall};

use super::*;
use crate::customer::{Address, Consent, Contact, Day, Line, Note, Validity, Value, ValueSource};
use crate::identity::{IdKind, PersonalId};

fn person(id: &str, given: &str, surnames: &str) -> Customer {
    Customer {
        id: id.into(),
        name: format!("{given} {surnames}"),
        given: given.into(),
        surnames: surnames.into(),
        ..Customer::default()
    }
}

fn with(mut of: Customer, born: &str, number: &str, street: &str, dni: &str) -> Customer {
    of.born = Day::parse(born);
    of.lines = E164::new(number).map(Line::new).into_iter().collect();
    if !street.is_empty() {
        of.addresses = vec![Address {
            street: street.into(),
            postcode: "48001".into(),
            town: "Bilbao".into(),
            ..Address::default()
        }];
    }
    of.ids = PersonalId::new(IdKind::Dni, dni).into_iter().collect();
    of
}

fn judged(a: Customer, b: Customer) -> Option<Verdict> {
    let mut finder = Finder::default();
    finder.push(&a);
    finder.push(&b);
    finder.find(|_| ()).pairs.first().map(|pair| pair.verdict)
}

#[test]
fn pairs_as_clerks_make_them() {
    use Verdict::{Maybe, Same};
    let ana = || with(person("a", "Ana María", "Núñez Peña"), "1980-05-12", "+34612045118", "Calle Mayor 3", "");
    for (b, want, why) in [
        (with(person("b", "Ana Maria", "Nunez Pena"), "1980-05-12", "", "", ""), Some(Same), "accents"),
        (with(person("b", "Ana", "Peña Núñez"), "1980-05-12", "", "", ""), Some(Same), "surnames the other way round"),
        (
            with(person("b", "Ana María", "Nuñes"), "", "+34612045118", "", ""),
            Some(Same),
            "one surname, a slip, the number",
        ),
        (with(person("b", "Ana María", "Núñez Peña"), "1980-12-05", "", "", ""), Some(Same), "day and month swapped"),
        (
            with(person("b", "Núñez Peña", "Ana María"), "1980-05-12", "", "", ""),
            Some(Same),
            "names in the wrong columns",
        ),
        (with(person("b", "Ana María", "Núñez Peña"), "1955-01-30", "", "", ""), Some(Maybe), "a namesake, or a slip"),
        (
            with(person("b", "Ana María", "Núñez Peña"), "1980-05-13", "+34946000111", "", ""),
            Some(Maybe),
            "a namesake born the day after, or a slip, with another number",
        ),
        (
            with(person("b", "Ana María", "Núñez Peña"), "1955-01-30", "+34946000111", "Plaza Nueva 8", ""),
            Some(Maybe),
            "a namesake of the same town",
        ),
        (
            with(person("b", "Luis", "Núñez Peña"), "1983-07-02", "+34612045118", "", ""),
            Some(Maybe),
            "a brother, one number",
        ),
        (
            with(person("b", "Ana María", "Núñez Roca"), "1980-05-12", "", "", ""),
            Some(Maybe),
            "another second surname, one birthday",
        ),
        (with(person("b", "Juan", "Garay Oña"), "1983-07-02", "+34612045118", "", ""), None, "a number that moved on"),
        (
            with(person("b", "Begoña", "Roca Gil"), "1980-05-12", "", "Calle Mayor 3", ""),
            Some(Maybe),
            "a neighbour's birthday",
        ),
        (with(person("b", "Begoña", "Roca Gil"), "1971-11-02", "", "Calle Mayor 3", ""), None, "a neighbour"),
    ] {
        assert_eq!(judged(ana(), b), want, "{why}");
    }
}

#[test]
fn differing_tax_ids_are_never_outvoted() {
    let ana = |id, dni| with(person(id, "Ana", "Núñez Peña"), "1980-05-12", "+34612045118", "Calle Mayor 3", dni);
    assert_eq!(judged(ana("a", "12345678Z"), ana("b", "")), Some(Verdict::Same));
    assert_eq!(judged(ana("a", "12345678Z"), ana("b", "12345678Z")), Some(Verdict::Same));
    assert_eq!(judged(ana("a", "12345678Z"), ana("b", "00000000T")), None);
    // Nor by way of a third who has none.
    let mut finder = Finder::default();
    [ana("a", "12345678Z"), ana("b", ""), ana("c", "00000000T"), ana("d", "00000000T")]
        .iter()
        .for_each(|one| finder.push(one));
    let found = finder.find(|_| ());
    assert_eq!(finder.groups(&found), [vec![0, 1], vec![2, 3]]);
    assert_eq!(merge(&ana("a", "12345678Z"), &ana("c", "00000000T")), Err(Unmergeable::TaxIds));
}

#[test]
fn a_pair_is_explained_by_its_parts() {
    let mut finder = Finder::default();
    finder.push(&with(person("a", "Ana", "Núñez"), "1980-05-12", "+34612045118", "", ""));
    finder.push(&with(person("b", "Ana", "Núñez"), "1980-05-13", "+34612045119", "", ""));
    let evidence = finder.evidence();
    let parts = finder.explain(&evidence, 0, 1);
    let shown: Vec<String> = parts.iter().map(|part| format!("{} {}", part.of, part.weight_mb)).collect();
    assert_eq!(shown, ["given name 8965", "surnames 8965", "born 7000", "number -400"]);
    let found = finder.find(|_| ());
    assert_eq!(found.pairs[0].weight_mb, parts.iter().map(|part| part.weight_mb).sum::<i32>());
    assert_eq!(finder.explain(&evidence, 0, 9), []);
}

#[test]
fn a_key_that_too_many_have_brings_nobody_together() {
    let many = |count: usize| {
        let mut finder = Finder::default();
        for n in 0..count {
            finder.push(&with(person(&n.to_string(), &format!("N{n}"), &format!("S{n}")), "", "+34910000001", "", ""));
        }
        let found = finder.find(|_| ());
        (found.compared, found.too_common)
    };
    let pairs = (BLOCK_MAX * (BLOCK_MAX - 1) / 2) as u64;
    assert_eq!(many(BLOCK_MAX), (pairs, 0));
    assert_eq!(many(BLOCK_MAX + 1), (0, 1));
}

/// Small random slips, seeded: what a clerk, a form or a scanner does.
fn slipped(seeded: &mut Seeded, text: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    if chars.len() < 3 {
        return text.to_owned();
    }
    let at = seeded.below(chars.len() as u64 - 1) as usize;
    match seeded.below(4) {
        0 => drop(chars.remove(at)),
        1 => chars.swap(at, at + 1),
        2 => chars.insert(at, char::from(b'a' + seeded.below(26) as u8)),
        _ => chars[at] = char::from(b'a' + seeded.below(26) as u8),
    }
    chars.into_iter().collect()
}

/// A portfolio with known duplicates: the share found and the share right, per mille.
fn measured(seed: u64) -> (u64, u64) {
    const GIVEN: [&str; 16] = [
        "María",
        "Carmen",
        "José",
        "Antonio",
        "Manuel",
        "Ana",
        "Laura",
        "Javier",
        "Begoña",
        "Iker",
        "Nerea",
        "Oriol",
        "Jordi",
        "Montserrat",
        "Xavier",
        "Uxía",
    ];
    const SURNAMES: [&str; 24] = [
        "García",
        "González",
        "Rodríguez",
        "Fernández",
        "López",
        "Martínez",
        "Sánchez",
        "Pérez",
        "Gómez",
        "Martín",
        "Jiménez",
        "Ruiz",
        "Hernández",
        "Díaz",
        "Moreno",
        "Vázquez",
        "Llorente",
        "Etxeberria",
        "Puigdemont",
        "Belmonte",
        "Quintana",
        "Casals",
        "Arregui",
        "Prado",
    ];
    let mut seeded = Seeded::new(seed);
    let mut finder = Finder::default();
    let mut owners = Vec::new();
    for n in 0..1500_u32 {
        let mut pick = |of: u64| seeded.below(of);
        let surnames = format!("{} {}", SURNAMES[pick(24) as usize], SURNAMES[pick(24) as usize]);
        let born = format!("{}-{:02}-{:02}", 1940 + pick(65), 1 + pick(12), 1 + pick(28));
        let number = format!("+346{:08}", pick(100_000_000));
        let street = format!("Calle {} {}", SURNAMES[pick(24) as usize], pick(90));
        let one = with(person(&n.to_string(), GIVEN[pick(16) as usize], &surnames), &born, &number, &street, "");
        finder.push(&one);
        owners.push(n);
        for _ in 0..[0, 0, 0, 1, 2][pick(5) as usize] {
            let mut two = one.clone();
            for _ in 0..=seeded.below(3) {
                match seeded.below(6) {
                    0 => two.given = slipped(&mut seeded, &two.given),
                    1 => two.surnames = slipped(&mut seeded, &two.surnames),
                    2 => two.surnames = two.surnames.split(' ').rev().collect::<Vec<_>>().join(" "),
                    3 => two.born = None,
                    4 => two.addresses[0].street = slipped(&mut seeded, &two.addresses[0].street),
                    _ => two.lines.clear(),
                }
            }
            finder.push(&two);
            owners.push(n);
        }
    }
    let found = finder.find(|_| ());
    let (mut right, mut given) = (0, 0);
    for group in finder.groups(&found) {
        for (at, a) in group.iter().enumerate() {
            for b in &group[at + 1..] {
                given += 1;
                right += u64::from(owners[*a as usize] == owners[*b as usize]);
            }
        }
    }
    let all = owners.chunk_by(|a, b| a == b).map(|same| (same.len() * (same.len() - 1) / 2) as u64).sum::<u64>();
    (right * 1000 / all, right * 1000 / given)
}

#[test]
fn known_duplicates_are_found_and_nobody_else() {
    for seed in 1..=3 {
        let (found, right) = measured(seed);
        assert!(found >= 980 && right >= 990, "seed {seed}: {found} of 1000 found, {right} of 1000 right");
    }
}

fn rich(id: &str, at: i64) -> Customer {
    let mut one = with(person(id, "Ana", "Núñez"), "1980-05-12", "+34612045118", "Calle Mayor 3", "");
    let said = |granted, at| Consent {
        purpose: Name::new("marketing").unwrap(),
        granted,
        proof: id.into(),
        at: Wall(at),
        expires: None,
    };
    one.consents = vec![said(at % 2 == 0, at)];
    one.value = Some(Value { pm: at as u32, source: ValueSource::Import, at: Wall(at) });
    one.contacts =
        (0..30).map(|n| Contact { at: Wall(at * 100 + n), call: None, agent: None, about: id.into() }).collect();
    one.notes = vec![Note { at: Wall(at), by: id.into(), text: "x".into() }];
    one.custom = [("plan".to_owned(), id.to_owned()), (id.to_owned(), "x".to_owned())].into();
    one
}

#[test]
fn what_survives_a_merge() {
    let (mut kept, mut gone) = (rich("a", 1), rich("b", 2));
    kept.name = String::new();
    gone.aliases = vec!["old".into()];
    gone.lines.push(Line::new(E164::new("+34912345678").unwrap()));
    gone.lines[0] = Line { validity: Validity::Wrong, since: Some(Wall(9)), ..gone.lines[0] };
    let one = merge(&kept, &gone).unwrap();
    assert_eq!((one.id.as_str(), one.name.as_str()), ("a", "Ana Núñez"));
    assert_eq!(one.aliases, ["b", "old"]);
    assert_eq!((one.lines.len(), one.lines[0].validity), (2, Validity::Wrong), "what was shown last");
    assert_eq!(one.value.as_ref().map(|value| value.pm), Some(2), "the younger one");
    assert_eq!(one.consents_to(Name::new("marketing").unwrap(), Wall(9)), Some(true), "the last word");
    assert_eq!((one.contacts.len(), one.contacts[0].at), (50, Wall(110)), "the newest");
    assert_eq!((one.custom["plan"].as_str(), one.custom.len()), ("a", 3));
    assert_eq!(one.addresses.len(), 1);
    assert_eq!(merge(&one, &one), Err(Unmergeable::Same));
    gone.ids = (0..9).map(|n| PersonalId::new(IdKind::Other, &n.to_string()).unwrap()).collect();
    assert!(matches!(merge(&kept, &gone), Err(Unmergeable::Unkeepable(_))));
}

#[test]
fn what_came_after_the_merge_stays_with_the_kept_one() {
    let (kept, gone) = (rich("a", 1), rich("b", 2));
    let mut now = merge(&kept, &gone).unwrap();
    assert_eq!(unmerge(&now, &kept, &gone), (kept.clone(), gone.clone()), "nothing came");
    now.add_note(Note { at: Wall(7), by: "c".into(), text: "called".into() });
    now.lines[0].validity = Validity::Good;
    now.name = "Ana Núñez Peña".into();
    let (back, other) = unmerge(&now, &kept, &gone);
    assert_eq!((back.notes.len(), back.lines[0].validity, back.name.as_str()), (2, Validity::Good, "Ana Núñez Peña"));
    assert_eq!((back.aliases.len(), other), (0, gone));
}

proptest! {
    #[test]
    fn merging_and_unmerging_is_as_if_nothing_had_been(a in 1_i64..50, b in 1_i64..50, town in "[a-z]{0,5}", name in "[a-z]{0,5}") {
        let (mut kept, mut gone) = (rich("a", a), rich("b", b));
        gone.addresses[0].town = town;
        kept.name = name.clone();
        gone.given = name;
        let merged = merge(&kept, &gone).unwrap();
        prop_assert_eq!(merged.check(), Ok(()));
        prop_assert_eq!(unmerge(&merged, &kept, &gone), (kept, gone));
    }
}
