//! Calls out under limits: a script in, what is refused and what is ended out.

use turno_base::number::normalise;
use turno_base::{CallId, Cause, EndedBy};

use super::*;
use crate::decimal::Decimal;
use crate::deck::Way;

const BOOK: &str = "valid_from,payer,b,rate,per_minute,first_s,step_s\n\
    2026-01-01,company,34807,premium,1.20,60,60\n2026-01-01,company,34,spain,0.06,1,1\n";

fn fee(text: &str) -> Option<Price> {
    Price::of_fee(Decimal::new(text).unwrap())
}

fn limit(name: &str) -> Limit {
    Limit {
        name: Name::new(name).unwrap(),
        trunk: None,
        numbers: Vec::new(),
        call_cost_max: None,
        hour_cost_max: None,
        hour_calls_max: None,
        call_longest: None,
    }
}

/// Lines of `second dial|answer|end|to NUMBER LEG`; what the guard says, with the second at which it said it.
fn run(limits: &[Limit], script: &str) -> String {
    let mut deck = Deck::parse_csv(BOOK).unwrap();
    deck.set_limits(limits.to_vec());
    let (mut guard, mut said) = (Guard::default(), Vec::new());
    let start = Now { mono: Mono(0), wall: Wall::from_secs(1_773_140_400) };
    let at = |s: u64| start.after(Duration::from_secs(s));
    let number = |raw: &str| Number { raw: raw.to_owned(), e164: normalise(raw, "34"), withheld: false };
    let (call, trunk) = (CallId(1), TrunkId::new("carrier").unwrap());
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let s: u64 = words[0].parse().unwrap();
        while let Some(due) = guard.deadline().filter(|due| due.0 <= s * 1_000_000) {
            let mut cuts = Vec::new();
            let now = Now { mono: due, wall: start.wall + Duration::from_micros(due.0) };
            guard.on_deadline(&deck, now, &mut cuts);
            for leg in cuts {
                said.push(format!("{} end {leg}", due.0 / 1_000_000));
                let ended = What::LegEnded { call, leg, cause: Cause::NORMAL, by: EndedBy::Us };
                guard.on_fact(&deck, &Fact { at: now, what: ended });
            }
        }
        let leg = |n: &str| LegId::dialled(n.parse().unwrap());
        let what = match words[1] {
            "dial" => {
                let (a, b) = (number("910000001"), number(words[2]));
                let asked = guard.admit(&deck, leg(words[3]), (trunk, &a, Key::from(b.e164)), at(s).wall);
                if let Err(beyond) = asked {
                    said.push(format!("{s} refused by {}", beyond.limit));
                }
                continue;
            }
            "answer" => What::LegAnswered { call, leg: leg(words[2]) },
            "end" => What::LegEnded { call, leg: leg(words[2]), cause: Cause::NORMAL, by: EndedBy::Us },
            _ => continue,
        };
        guard.on_fact(&deck, &Fact { at: at(s), what });
    }
    said.join(", ")
}

#[test]
fn a_call_ends_before_the_increment_that_its_budget_does_not_hold() {
    let cost = |most: &str| [Limit { call_cost_max: fee(most), ..limit("call") }];
    for (limits, number, want) in [
        (cost("0.10"), "912345678", "99 end b1"),            // 0.001 a second
        (cost("3.00"), "807123456", "119 end b1"),           // two blocks of 1.20
        (cost("1.00"), "807123456", "0 refused by call"),    // not even the first
        (cost("0.10"), "+44207946000", "0 refused by call"), // nobody knows what it costs
    ] {
        let script = format!("0 dial {number} 1\n0 answer 1\n4000 look");
        assert_eq!(run(&limits, &script), want, "{number}");
    }
    let longest = [Limit { call_longest: Some(Duration::from_secs(75)), ..limit("long") }];
    assert_eq!(run(&longest, "0 dial 912345678 1\n10 answer 1\n4000 look"), "84 end b1");
    assert_eq!(run(&[], "0 dial 912345678 1\n10 answer 1\n90000 look"), "", "without limits nothing ends");
}

#[test]
fn calls_share_an_hours_budget_and_give_back_what_they_did_not_use() {
    let hour = [Limit { hour_cost_max: fee("0.12"), ..limit("hour") }];
    // 0.001 a second each: two calls have a minute each, whatever one of them held ahead.
    let both = "0 dial 912345678 1\n0 answer 1\n0 dial 912345679 2\n0 answer 2\n3000 look";
    assert_eq!(run(&hour, both), "59 end b1, 59 end b2");
    let one_ends = "0 dial 912345678 1\n0 answer 1\n0 dial 912345679 2\n0 answer 2\n10 end 2\n3000 look";
    assert_eq!(run(&hour, one_ends), "109 end b1");
    let later =
        "0 dial 912345678 1\n0 answer 1\n1000 dial 807123456 2\n3600 dial 912345679 3\n3601 answer 3\n3700 end 3";
    assert_eq!(run(&hour, later), "119 end b1, 1000 refused by hour");
}

#[test]
fn calls_that_ring_at_once_do_not_each_count_on_the_same_budget() {
    // 1.20 for each minute begun: two fit into the hour.
    let hour = [Limit { hour_cost_max: fee("3.00"), ..limit("hour") }];
    let three = "0 dial 807123456 1\n0 dial 807123457 2\n0 dial 807123458 3";
    assert_eq!(run(&hour, three), "0 refused by hour");
    let who_is_not_answered_gives_back = "0 dial 807123456 1\n0 dial 807123457 2\n20 end 2\n21 dial 807123458 3";
    assert_eq!(run(&hour, who_is_not_answered_gives_back), "");
    let answered = "0 dial 807123456 1\n0 dial 807123457 2\n1 answer 1\n1 answer 2\n200 look";
    assert_eq!(run(&hour, answered), "60 end b1, 60 end b2");
}

#[test]
fn an_hour_gets_back_only_what_was_taken_from_it() {
    // The book's hours begin at 0 and 3600. The call of the first hour holds until 3617 s before the second begins, and ends in it
    // unused: the second hour's 0.05 are whole, and no more than whole.
    let hour = [Limit { hour_cost_max: fee("0.05"), ..limit("hour") }];
    let script = "3587 dial 912345678 1\n3587 answer 1\n3601 dial 912345679 2\n3601 answer 2\n3602 end 1\n4000 look";
    assert_eq!(run(&hour, script), "3650 end b2");
    // Dialled in one hour and answered in the next: it costs the next.
    let late = "3590 dial 807123456 1\n3601 answer 1\n3602 dial 807123457 2";
    assert_eq!(run(&[Limit { hour_cost_max: fee("2.00"), ..limit("hour") }], late), "3602 refused by hour");
}

#[test]
fn limits_are_for_a_trunk_and_for_numbers_and_count_calls() {
    let premium = Limit { numbers: vec![Key::new("34807").unwrap()], hour_calls_max: Some(1), ..limit("premium") };
    let script = "0 dial 807123456 1\n1 dial 807123457 2\n2 dial 912345678 3\n3600 dial 807123456 4";
    assert_eq!(run(std::slice::from_ref(&premium), script), "1 refused by premium");
    let elsewhere = Limit { trunk: TrunkId::new("other").ok(), ..premium };
    assert_eq!(run(&[elsewhere], script), "");
}

#[test]
fn amounts_of_different_currencies_are_not_added_up() {
    let book = |currency: &str| {
        let terms = r#""tz":"UTC","scale":4,"tax":"0","versions":[{"valid_from":"2026-01-01T00:00:00Z","revision":0,"rules":[{"b":"34","#;
        let rule =
            r#""party":"company","default":{"setup":"0","slots":[{"at":0,"price":"0.02","per":60000,"inc":1000}]}}]}]"#;
        Deck::parse_json(&format!(r#"{{"currency":"{currency}",{terms}{rule}}}"#)).unwrap()
    };
    let trunk = TrunkId::new("mexico").unwrap();
    let by_cost = Limit { hour_cost_max: fee("1.00"), ..limit("hour") };
    let of_trunk = Limit { trunk: Some(trunk), ..by_cost.clone() };
    let by_count = Limit { hour_calls_max: Some(9), ..limit("count") };
    for (way, currency, limit, odd) in [
        (Way::Out, "MXN", &by_cost, Some(trunk)),
        (Way::Out, "EUR", &by_cost, None),
        (Way::In, "MXN", &by_cost, None),
        (Way::Out, "MXN", &of_trunk, None),
        (Way::Out, "MXN", &by_count, None),
    ] {
        let mut deck = book("EUR");
        deck.set_trunk(trunk, way, book(currency));
        assert_eq!(deck.odd_currency(limit), odd, "{way:?} {currency} {limit:?}");
    }
}
