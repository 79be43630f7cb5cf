//! What calls out may cost, through the whole engine: a callback to a customer under a limit.

use turno_acd::CallbackRules;
use turno_base::{LegId, Reason};
use turno_tariff::guard::Limit;
use turno_tariff::{Deck, Price};

use super::callbacks::{callbacks, hang_up_agent, press};
use super::world::{Habit, Weather, World, name};

const BOOK: &str = "valid_from,payer,b,rate,per_minute\n2026-01-01,company,34,spain,0.06\n";

/// A caller asks to be called back and is, with the agent rung first and the customer dialled under this limit.
fn called_back(limit: Limit) -> World {
    let mut config = callbacks(1, CallbackRules { agent_first: true, ..CallbackRules::default() });
    config.deck = Deck::parse_csv(BOOK).unwrap();
    config.deck.set_limits(vec![limit]);
    let mut world = World::open_with(config, 1, Habit::Answers(1000), Weather::default(), 1);
    world.parties[0].habit = Habit::Answers(4000);
    world.call("+34612045118");
    world.run(3000);
    world.call("+34612045119");
    world.run(5000);
    press(&mut world, LegId::arrived(1), '1');
    world.run(1000);
    hang_up_agent(&mut world);
    world.run(60_000);
    world
}

fn limit() -> Limit {
    Limit {
        name: name("out"),
        trunk: None,
        numbers: Vec::new(),
        call_cost_max: None,
        hour_cost_max: None,
        hour_calls_max: None,
        call_longest: None,
    }
}

#[test]
fn a_call_out_ends_before_its_budget_is_exceeded_and_its_record_says_so() {
    // 0.001 a second: ten seconds.
    let mut world = called_back(Limit { call_cost_max: Price::fee("0.01"), ..limit() });
    let back = world.records.last().unwrap();
    let outside = back.legs.last().unwrap();
    assert_eq!(
        (outside.cause.reason, outside.charges[0].rated.net.unwrap().to_string()),
        (Reason::DurationLimit, "0.0090".into())
    );
    world.assert_drained();
}

#[test]
fn a_call_out_that_a_limit_forbids_is_not_dialled() {
    let world = called_back(Limit { hour_calls_max: Some(0), ..limit() });
    let back = world.records.last().unwrap();
    let outside = back.legs.last().unwrap();
    assert_eq!((outside.cause.reason, outside.answered), (Reason::Forbidden, None), "{}", world.said);
}
