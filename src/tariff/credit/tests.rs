//! What S9 promises of budgets and of debits on the way, on random rules, terms and calls.

use serde_json::Value;
use turno_base::{Seeded, Wall};

use super::max_duration_ms;
use crate::amount::{Exact, Price, Rounding, Share};
use crate::batch::Batch;
use crate::civil::Zone;
use crate::decimal::{Decimal, Ratio};
use crate::deck::{AtMaximum, BandPolicy, Deck, DurationMode, Payer, Terms, VersionDraft};
use crate::prefix::Key;
use crate::rating::{Call, Priced, Quote, quote};
use crate::walk::Go;
use crate::witness::{ZONES, rule};

/// Random cases of each property.
const CASES: u64 = 20_000;
/// 2026-01-01.
const YEAR_US: i64 = 1_767_225_600_000_000;

fn one_of<T: Copy>(dice: &mut Seeded, of: &[T]) -> T {
    of[dice.below(of.len() as u64) as usize]
}

fn fee(dice: &mut Seeded) -> Option<Price> {
    let amount = format!("{}.{:02}", dice.below(4), dice.below(100));
    (dice.below(3) == 0).then(|| Price::of_fee(Decimal::new(&amount).unwrap()).unwrap())
}

/// A deck of one rule for all numbers, with terms of every kind.
fn deck(dice: &mut Seeded) -> Deck {
    let zone = one_of(dice, ZONES).0;
    let share = one_of(dice, &["0", "0.21", "0.07", "1"]);
    let terms = Terms {
        scale: dice.below(9) as u8,
        rounding: one_of(dice, &[Rounding::HalfUp, Rounding::HalfEven, Rounding::Up, Rounding::Down]),
        taxes: vec![(i32::MIN, Share::of(Decimal::new(share).unwrap()).unwrap())],
        tax_included: dice.below(2) == 0,
        duration: one_of(dice, &[DurationMode::Exact, DurationMode::Floor, DurationMode::HalfUp]),
        policy: one_of(dice, &[BandPolicy::Split, BandPolicy::Start]),
        zone: Zone::new(zone).unwrap(),
        ..Terms::default()
    };
    let mut draft = VersionDraft::default();
    let mut rule = rule(dice, &mut draft, 1);
    rule.settle_bands(&terms.holidays).unwrap();
    rule.duration_min_ms = if dice.below(4) == 0 { dice.below(200_000) } else { 0 };
    (rule.charge_min, rule.charge_max) = (fee(dice), fee(dice));
    if rule.charge_min.zip(rule.charge_max).is_some_and(|(least, most)| least > most) {
        rule.charge_max = None;
    }
    rule.at_maximum = one_of(dice, &[AtMaximum::Free, AtMaximum::Disconnect]);
    let place = draft.add(rule);
    assert!(draft.bind(Payer::company(), Key::EMPTY, Key::EMPTY, place));
    Deck::new(terms, vec![draft.finish(Wall(0), 0)])
}

fn call(dice: &mut Seeded) -> Call {
    let answer = Wall(YEAR_US + dice.below(31_536_000_000) as i64 * 1000);
    let b = Key::new("34912345678").unwrap();
    Call { a: Key::EMPTY, b, answer, duration_ms: 1 + dice.below(400_000), answered: true }
}

fn priced<'d>(deck: &'d Deck, call: &Call, duration_ms: u64) -> Priced<'d> {
    match quote(deck, &Call { duration_ms, ..*call }, Payer::company(), |_| {}) {
        Quote::Priced(priced) => priced,
        other => panic!("there is a rule for every number: {other:?}"),
    }
}

/// Whether a call that lasted so long is beyond the budget, by its exact or its stored net, or beyond a maximum that ends it.
fn is_beyond(deck: &Deck, call: &Call, duration_ms: u64, budget: Ratio) -> bool {
    let priced = priced(deck, call, duration_ms);
    let stored = Ratio::new(priced.stored().unwrap().0.into(), 10_i128.pow(deck.scale().into())).unwrap();
    let rule = priced.by.rule;
    let ends = rule.charge_max.filter(|_| rule.at_maximum == AtMaximum::Disconnect);
    // What it would come to without the maximum.
    let whole = || {
        let counted = crate::rating::counted_ms(duration_ms, priced.by.terms.duration).max(rule.duration_min_ms);
        let mut total = priced.by.setup();
        priced.by.walk(counted, |step| {
            total.add(step.cost());
            Go::On
        });
        total
    };
    priced.net().unwrap() > budget || stored > budget || ends.is_some_and(|most| whole() > Exact::fee(most))
}

#[test]
fn what_a_budget_buys_is_within_it_and_one_millisecond_more_is_not() {
    let mut dice = Seeded::new(20_261_025);
    let (mut cut, mut none) = (0, 0);
    for case in 0..CASES {
        let (deck, call) = (deck(&mut dice), call(&mut dice));
        let text = format!("{}.{:03}", dice.below(3), dice.below(1000));
        let budget = Decimal::new(&text).unwrap();
        let cap_ms = 1 + dice.below(900_000);
        let most_ms = max_duration_ms(&deck, (call.a, call.b), call.answer, Payer::company(), budget, cap_ms);
        assert!(most_ms <= cap_ms, "case {case}");
        let budget = budget.ratio().unwrap();
        let within: Vec<u64> =
            [1, most_ms / 2, most_ms.saturating_sub(1), most_ms, 1 + dice.below(most_ms.max(1))].into();
        for ms in within.into_iter().filter(|ms| (1..=most_ms).contains(ms)) {
            assert!(!is_beyond(&deck, &call, ms, budget), "case {case}: {ms} of {most_ms} ms is beyond {text}");
        }
        // What is too short to be counted has no first increment, but whose first one does not fit is not let in for that.
        let more_ms = match (most_ms, priced(&deck, &call, 1).by.terms.duration) {
            (0, DurationMode::Floor) => 1000,
            (0, DurationMode::HalfUp) => 500,
            (_, DurationMode::Exact | DurationMode::Floor | DurationMode::HalfUp) => most_ms + 1,
        };
        if most_ms < cap_ms {
            assert!(is_beyond(&deck, &call, more_ms, budget), "case {case}: {most_ms} ms are not all for {text}");
        }
        cut += u64::from(0 < most_ms && most_ms < cap_ms);
        none += u64::from(most_ms == 0);
    }
    // Else the test would show less than it says.
    assert!(cut > CASES / 10 && none > CASES / 100, "{cut} cut, {none} not begun");
}

/// A tariff as a line of the batch interface has it.
fn json_tariff(dice: &mut Seeded) -> String {
    let (mut at, mut slots) = (0, Vec::new());
    for _ in 0..=dice.below(3) {
        let (inc, price) = (one_of(dice, &[1000, 6000, 30_000, 60_000, 1300]), dice.below(1_000_000));
        slots.push(format!(r#"{{"at":{at},"price":"0.{price:06}","per":60000,"inc":{inc}}}"#));
        at += inc * (1 + dice.below(6));
    }
    let bound = |key: &str, cents: u64| format!(r#","{key}":"{}.{:02}""#, cents / 100, cents % 100);
    let least = dice.below(60);
    let mut more = String::new();
    more.push_str(&if dice.below(3) == 0 { bound("min_charge", least) } else { String::new() });
    more.push_str(&if dice.below(3) == 0 { bound("max_charge", least + dice.below(200)) } else { String::new() });
    let rounding = one_of(dice, &["half_up", "half_even", "up", "down"]);
    let (scale, setup, free) = (dice.below(9), dice.below(10), dice.below(5000));
    format!(
        r#"{{"tz":"Europe/Madrid","scale":{scale},"rounding":"{rounding}","tax":"0.21","prices_include_tax":{},"versions":[{{"valid_from":"2026-01-01T00:00:00Z","rules":[{{"b":"34","party":"company"{more},"no_charge_under_ms":{free},"default":{{"setup":"0.0{setup}","slots":[{}]}}}}]}}]}}"#,
        dice.below(2) == 0,
        slots.join(",")
    )
}

#[test]
fn debits_at_any_cuts_come_to_the_price_of_the_whole_and_none_is_below_nothing() {
    let (mut dice, mut batch) = (Seeded::new(20_261_026), Batch::default());
    for case in 0..CASES / 10 {
        let (tariff, lasted) = (json_tariff(&mut dice), 1 + dice.below(400_000));
        // Cuts behind the end of the call are no more than its end.
        let mut cuts: Vec<u64> = (0..dice.below(6)).map(|_| 1 + dice.below(lasted * 5 / 4)).collect();
        cuts.sort_unstable();
        let call = format!(
            r#"{{"a":"34600111222","b":"34912345678","answer":"2026-03-29T00:58:30Z","duration_ms":{lasted}}}"#
        );
        let mut ask = |op: &str, more: &str| -> Value {
            let mut out = String::new();
            let line = format!(r#"{{"id":1,"op":"{op}","input":{{"tariff":{tariff},"call":{call}{more}}}}}"#);
            assert!(batch.line(&line, &mut out), "case {case}: {line} {out}");
            serde_json::from_str(&out).unwrap()
        };
        let whole = ask("rate", "");
        let on_the_way = ask("interim", &format!(r#","cuts_ms":{cuts:?}"#));
        assert_eq!(on_the_way["total"], whole["net"], "case {case}: {tariff} {call} {cuts:?}");
        let units = |amount: &Value| -> i64 { amount.as_str().unwrap().replace('.', "").parse().unwrap() };
        let debits = on_the_way["debits"].as_array().unwrap();
        assert!(debits.iter().all(|debit| units(debit) >= 0), "case {case}: {debits:?}");
        assert_eq!(debits.iter().map(units).sum::<i64>(), units(&whole["net"]), "case {case}: {debits:?}");
        let ends_there = cuts.last().is_some_and(|last| *last >= lasted);
        assert_eq!(debits.len(), cuts.len() + usize::from(!ends_there), "case {case}");
    }
}
