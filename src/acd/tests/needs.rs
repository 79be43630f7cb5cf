//! Needs as text.

#![expect(clippy::disallowed_types, reason = "proptest's unions share their parts")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use turno_base::{Need, SkillId};

use crate::holders::{Holders, Profiles};
use crate::need::{NeedError, NeedFault, Skills, is_met, parse, text, weakest};
use crate::slab::{Ix, ProfileIx};

fn skills(list: &str) -> BTreeMap<SkillId, u8> {
    let pairs = list.split_whitespace().map(|skill| skill.split_once(':').unwrap());
    pairs.map(|(name, level)| (SkillId::new(name).unwrap(), level.parse().unwrap())).collect()
}

#[test]
fn a_need_is_judged_against_skills() {
    // need, skills, whether they meet it
    for (need, held, met) in [
        ("", "", true),
        ("anyone", "", true),
        ("billing", "billing:1", true), // bare: at least 1
        ("billing", "", false),
        ("billing>=3", "billing:2", false),
        ("billing >= 3", "billing:3", true),
        ("billing>=3 and (catalan>=1 or not spanish>=1)", "billing:3 catalan:1 spanish:5", true),
        ("billing>=3 and (catalan>=1 or not spanish>=1)", "billing:3 spanish:5", false),
        ("billing>=3 and (catalan>=1 or not spanish>=1)", "billing:3", true),
        ("a or b and c", "a:1", true), // and binds stronger
        ("(a or b) and c", "a:1", false),
        ("not a and b", "b:1", true), // not binds strongest
        ("not (a and b)", "b:1", true),
        ("not not a", "a:1", true),
        ("order and android", "order:1 android:1", true), // words, not prefixes
        ("not-a", "not-a:1", true),
    ] {
        assert_eq!(is_met(&parse(need).unwrap(), &skills(held)), met, "{need} against {held}");
    }
}

#[test]
fn what_is_no_need_is_refused_with_its_place() {
    use NeedFault::*;
    for (need, at, fault) in [
        ("billing>=", 9, LevelExpected),
        ("billing>=0", 9, LevelExpected),
        ("billing>=11", 9, LevelExpected),
        ("billing>=+3", 9, LevelExpected),
        ("billing>=999", 9, LevelExpected),
        ("and billing", 0, SkillExpected),
        ("billing and", 11, SkillExpected),
        ("billing or or x", 11, SkillExpected),
        ("(billing", 8, Unclosed),
        ("billing)", 7, TrailingText),
        ("billing spanish", 8, TrailingText),
        ("Billing", 0, SkillBad),
        ("bílling", 1, TrailingText),
        ("-x", 0, SkillBad),
        ("a-name-of-more-than-24-bytes", 0, SkillBad),
    ] {
        assert_eq!(parse(need), Err(NeedError { at, fault }), "{need}");
    }
    let deep = format!("{}a{}", "(".repeat(9), ")".repeat(9));
    assert_eq!(parse(&deep).map_err(|e| e.fault), Err(TooDeep));
    assert!(parse(&deep[1..deep.len() - 1]).is_ok(), "8 is deep enough");
    let nots = format!("{}a", "not ".repeat(9));
    assert_eq!(parse(&nots).map_err(|e| e.fault), Err(TooDeep));
    assert_eq!(parse(&vec!["a"; 33].join(" or ")).map_err(|e| e.fault), Err(TooMany));
    assert!(parse(&vec!["a"; 32].join(" or ")).is_ok());
    assert_eq!(parse(&" ".repeat(513)).map_err(|e| e.fault), Err(TooLong));
}

#[test]
fn fit_is_the_weakest_needed_skill_or_the_best_alternative() {
    for (queue, own, held, level) in [
        ("", "", "a:5", 0),
        ("a", "", "a:5", 5),
        ("a and b", "", "a:5 b:2", 2),
        ("a", "b", "a:5 b:3", 3), // queue's and item's need together
        ("a or b", "", "a:5 b:2", 5),
        ("a>=6 or b", "", "a:5 b:2", 2), // an alternative that is not met does not count
        ("not a", "", "b:2", 0),
        ("b and not a", "", "b:2", 2),
    ] {
        let mut numbers = Skills::default();
        let levels = numbers.levels(&skills(held));
        let judge = |text| numbers.judge(&parse(text).unwrap());
        let weakest = weakest(&judge(queue), &judge(own), &levels);
        assert_eq!(weakest.unwrap_or(0), level, "{queue} + {own} against {held}");
    }
}

fn needs() -> impl Strategy<Value = Need> {
    let leaf = prop_oneof![
        Just(Need::Anyone),
        ("[a-d]", 1u8..=10).prop_map(|(name, level)| Need::AtLeast { skill: SkillId::new(&name).unwrap(), level }),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Need::All),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Need::Any),
            inner.prop_map(|part| Need::Not(Box::new(part))),
        ]
    })
}

proptest! {
    #[test]
    fn a_need_in_numbers_says_the_same(need in needs(), held in proptest::collection::btree_map("[a-d]", 1u8..=10, 0..4)) {
        let held: BTreeMap<SkillId, u8> = held.iter().map(|(name, level)| (SkillId::new(name).unwrap(), *level)).collect();
        let mut numbers = Skills::default();
        numbers.levels(&skills("zz:1"));
        let levels = numbers.levels(&held);
        prop_assert_eq!(numbers.judge(&need).is_met(&levels), is_met(&need, &held));
    }

    #[test]
    fn whoever_meets_a_need_is_found_by_what_they_hold(
        need in needs(),
        floor in proptest::collection::vec(proptest::collection::btree_map("[a-d]", 1u8..=10, 0..4), 1..150),
        gone in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut numbers = Skills::default();
        let named = |held: &BTreeMap<String, u8>| -> BTreeMap<SkillId, u8> {
            held.iter().map(|(name, level)| (SkillId::new(name).unwrap(), *level)).collect()
        };
        let mut floor: BTreeMap<usize, Vec<u8>> = floor.iter().map(|held| numbers.levels(&named(held))).enumerate().collect();
        let judge = numbers.judge(&need);
        let mut holders = Holders::default();
        floor.iter().for_each(|(at, levels)| holders.add(ProfileIx::of(*at), levels));
        let all = floor.len();
        for at in gone.iter().map(|at| at.index(all)) {
            if let Some(levels) = floor.remove(&at) {
                holders.remove(ProfileIx::of(at), &levels);
            }
        }
        let among = floor.keys().copied().filter(|at| at % 3 > 0).map(ProfileIx::of);
        let found: Vec<usize> = holders.meeting(&judge, &Profiles::of(among)).iter().map(Ix::at).collect();
        let meant: Vec<usize> =
            floor.iter().filter(|(at, levels)| **at % 3 > 0 && judge.is_met(levels)).map(|(at, _)| *at).collect();
        prop_assert_eq!(found, meant);
    }

    #[test]
    fn a_need_written_down_reads_back(need in needs()) {
        prop_assert_eq!(parse(&text(&need)), Ok(need));
    }

    #[test]
    fn no_text_makes_the_parser_fall_over(text in "[a-c(>=) notrd019é]{0,60}") {
        if let Err(error) = parse(&text) {
            prop_assert!(error.at <= text.len());
        }
    }
}
