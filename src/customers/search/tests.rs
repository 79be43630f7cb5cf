//! Questions as people type them, against a small portfolio and against a slow search that is plainly right.

use proptest::prelude::*;
use turno_base::Wall;

use super::*;
use crate::customer::{Line, Value, ValueSource};
use crate::identity::{IdKind, PersonalId};
use crate::portfolio::{Packer, packed};

fn customer(id: &str, name: &str, number: &str, email: &str, dni: &str, pm: u32) -> Customer {
    Customer {
        id: id.into(),
        name: name.into(),
        lines: E164::new(number).map(Line::new).into_iter().collect(),
        emails: Some(email.to_owned()).filter(|email| !email.is_empty()).into_iter().collect(),
        ids: PersonalId::new(IdKind::Dni, dni).into_iter().collect(),
        value: Some(Value { pm, source: ValueSource::Import, at: Wall(0) }),
        ..Customer::default()
    }
}

fn portfolio() -> Portfolio {
    let mut packer = Packer::default();
    for (id, name, number, email, dni, pm) in [
        ("C-1", "José María Núñez Peña", "+34612045118", "jm.nunez@example.es", "12345678Z", 1000),
        ("C-2", "Begoña Vázquez Llorente", "+34910445118", "bego@example.es", "", 4000),
        ("C-3", "Hernán Giménez de la Fuente", "+34943210884", "", "00000000T", 1000),
        ("C-4", "Jiménez e Hijos, S.L.", "+34688210884", "info@jimenez.example", "", 10_000),
        ("C-5", "María García Cervantes", "+525512345678", "", "", 1000),
        ("C-6", "Mario Garza", "+5491123456789", "", "", 1000),
        ("C-7", "Ana de la Cruz", "", "ana@example.es", "", 1000),
    ] {
        packer.push(&customer(id, name, number, email, dni, pm)).unwrap();
    }
    packer.finish()
}

#[test]
fn a_question_as_typed_finds_whom_it_means() {
    let portfolio = portfolio();
    for (question, want) in [
        ("nuñez", "C-1"),
        ("nunez", "C-1"),
        ("NÚÑEZ PEÑA", "C-1"),
        ("peña nuñez jose", "C-1"), // surnames in any order
        ("jos nun", "C-1"),         // unfinished
        ("basquez", "C-2"),         // sound
        ("basques yorente", "C-2"),
        ("ernan", "C-3"),
        ("jimenez", "C-4 C-3"), // as written before as spoken
        ("gimenez", "C-3 C-4"),
        ("zerbantes", "C-5"),
        ("garcia", "C-5"),
        ("gar", "C-5 C-6"),
        ("maria", "C-1 C-5"),
        ("cruz de la", "C-7"),
        ("de la", "C-3 C-7"), // nothing else is asked
        ("5118", "C-2 C-1"),  // the more valuable first
        ("612 045 118", "C-1"),
        ("+34 612-045", "C-1"),
        ("210884", "C-4 C-3"),
        ("11234", "C-6"),
        ("0884 gimen", "C-3 C-4"),
        ("612045118 garcia", ""),
        ("12345678z", "C-1"),
        ("12.345.678-Z", "C-1"),
        ("12345678", "C-1 C-5 C-6"), // an id's beginning, and part of numbers
        ("c-4", "C-4"),
        ("bego@", "C-2"),
        ("JM.Nunez@example.es", "C-1"),
        ("xyz", ""),
        ("", ""),
        ("  - ", ""),
        ("12", "C-1"), // an id; too short for a part of a number
    ] {
        let hits = portfolio.search(question, 10);
        let got: Vec<&str> = hits.iter().map(|hit| hit.known.id).collect();
        assert_eq!(got.join(" "), want, "{question:?}");
    }
    let hits = portfolio.search("210884", 10);
    assert_eq!(hits[0].number, E164::new("+34688210884").ok());
    assert_eq!(portfolio.search("mari", 1).len(), 1);
}

#[test]
fn a_question_has_bounds() {
    let mut packer = Packer::default();
    for n in 0..300 {
        let number = format!("+3461{n:07}");
        packer.push(&customer(&format!("{n:04}"), "Ana Paz", &number, "", "", n)).unwrap();
    }
    let portfolio = packer.finish();
    let hits = portfolio.search("ana paz", 1000);
    assert_eq!((hits.len(), hits[0].known.id), (HITS_MAX, "0299"));
    assert_eq!(portfolio.search(&"ana ".repeat(1000), 5).len(), 5);
    assert_eq!(portfolio.search(&format!("{} zzz", "ana ".repeat(WORDS_MAX)), 5).len(), 5, "words past the bound");
    assert_eq!(portfolio.search(&format!("{}ñ", "1".repeat(199)), 5).len(), 0, "clipped within a letter");
}

/// Every customer is asked everything.
fn slow(all: &[Customer], question: &str) -> Vec<String> {
    let words: Vec<String> = fold(question).split(' ').filter(|w| !w.is_empty()).map(str::to_owned).collect();
    let kept: Vec<&String> = words.iter().filter(|word| !is_filler(word)).collect();
    let words: Vec<&String> = if kept.is_empty() { words.iter().collect() } else { kept };
    let fits = |name: &str| {
        let own = fold(name);
        words.iter().all(|word| {
            own.split(' ').any(|own| {
                let heard = word.len() >= SOUND_MIN && own.len() >= SOUND_MIN;
                own.starts_with(word.as_str()) || heard && sound(own).starts_with(&sound(word))
            })
        })
    };
    all.iter().filter(|one| !words.is_empty() && fits(&one.name)).map(|one| one.id.clone()).collect()
}

proptest! {
    #[test]
    fn the_index_finds_what_a_slow_search_finds(
        names in prop::collection::vec("[abcghklmnñvyzx]{1,5}( [aehiouvbs]{1,4}){0,2}", 1..30),
        question in "[abcghklvyzx]{1,3}( [aeou]{1,2}){0,1}",
    ) {
        let mut packer = Packer::default();
        let names = names.iter().enumerate();
        let all: Vec<Customer> = names.map(|(n, name)| customer(&format!("Ñ{n:03}"), name, "", "", "", 0)).collect();
        all.iter().for_each(|one| packer.push(one).unwrap());
        let portfolio = packer.finish();
        let mut got: Vec<String> = portfolio.search(&question, 100).iter().map(|hit| hit.known.id.to_owned()).collect();
        got.sort();
        prop_assert_eq!(got, slow(&all, &question));
    }

    #[test]
    fn a_part_of_a_number_is_found_where_it_stands(number in "[1-9][0-9]{2,14}", part in "[0-9]{3,6}") {
        let packed = packed(E164::from_digits(number.as_bytes()).unwrap());
        let wanted: Vec<u64> = part.bytes().map(|digit| u64::from(digit - b'0' + 1)).collect();
        let probe = Probe::new(&wanted);
        prop_assert_eq!(probe.has(packed), number.contains(&part));
        prop_assert!(probe.may_have(packed) || !number.contains(&part));
        let own: Vec<u64> = number.bytes().skip(1).take(5).map(|digit| u64::from(digit - b'0' + 1)).collect();
        prop_assert!(Probe::new(&own).may_have(packed) && Probe::new(&own).has(packed));
    }

    #[test]
    fn no_question_panics(question in "\\PC{0,40}") {
        let _ = portfolio().search(&question, 10);
    }
}
