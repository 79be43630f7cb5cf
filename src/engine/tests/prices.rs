//! Price books that come into force while calls are up.

use std::time::Duration;

use turno_base::Wall;
use turno_tariff::Deck;

use crate::Input;

use super::world::{Habit, Weather, World, config};

/// A book of one rule, in force from then on.
fn book(from: Wall, revision: u32, rule: &str) -> Deck {
    let from = from.to_string();
    let text =
        format!("valid_from,revision,payer,b,rate,per_minute\n{}Z,{revision},company,*,{rule},0.06\n", &from[..19]);
    Deck::parse_csv(&text).unwrap()
}

/// The rule by which the first leg of each record was priced.
fn rules(world: &World) -> Vec<String> {
    let rule = |record: &turno_tariff::cdr::Record| match &record.legs[0].charges[0].rated.rate {
        Some(rate) => rate.to_string(),
        None => "none".to_owned(),
    };
    world.records.iter().map(rule).collect()
}

/// A call is up while the book in force becomes another; a second comes after. By which rules are they priced?
fn priced(swap: impl Fn(&Deck, Wall) -> Deck) -> Vec<String> {
    let with = |deck: Deck| {
        let mut config = config(2);
        config.deck = deck;
        config
    };
    let first = book(Wall(0), 0, "first");
    let mut world = World::open_with(with(first.clone()), 2, Habit::Answers(1000), Weather::default(), 1);
    let up = world.call("+34612045118");
    world.run(5000);
    let now = world.now.wall;
    world.input(Input::Configure(Box::new(with(swap(&first, now)))));
    world.run(5000);
    world.hang_up(0, up);
    world.run(1000);
    let after = world.call("+34612045119");
    world.run(5000);
    world.hang_up(0, after);
    world.run(30_000);
    world.assert_drained();
    rules(&world)
}

#[test]
fn a_call_that_is_up_when_a_book_comes_into_force_is_priced_by_the_version_of_its_answer() {
    let from = |now: Wall| Wall(now.0 / 1_000_000 * 1_000_000) + Duration::from_secs(2);
    let added = |first: &Deck, now: Wall| first.clone().with_versions(book(from(now), 0, "next")).unwrap();
    assert_eq!(priced(added), ["first", "next"]);
    // A correction of the version that it began under holds for it too, as rating again would have it.
    let mended = |first: &Deck, _| first.clone().with_versions(book(Wall(0), 1, "mended")).unwrap();
    assert_eq!(priced(mended), ["mended", "mended"]);
    // A book that begins after its answer has no price for it: it is without an amount, and rating again gives it one.
    let bare = |_: &Deck, now: Wall| book(from(now), 0, "next");
    assert_eq!(priced(bare), ["none", "next"]);
}
