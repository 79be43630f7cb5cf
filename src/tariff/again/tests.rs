//! Rating again: what is posted, and that it is posted once.

use std::collections::BTreeMap;

use turno_base::fact::{Fact, What};
use turno_base::number::normalise;
use turno_base::{Cause, EndedBy, LegId, Now, Number, Outcome, TrunkId};

use super::*;
use crate::cdr::{Builder, Kind};
use crate::deck::Way;

fn deck(per_minute: &str, more: &str) -> Deck {
    let head = "valid_from,payer,b,rate,per_minute\n";
    Deck::parse_csv(&format!("{more}{head}2026-01-01,company,34900,freephone,{per_minute}\n")).unwrap()
}

/// A caller at a freephone number who talked for a minute, priced by this deck.
fn record(deck: &Deck, b: &str) -> Record {
    let call = CallId(0x019d_2b8c_1a00_0000_0000_0000_0000_0001);
    let leg = LegId::arrived(1);
    let number = |raw: &str| Number { raw: raw.to_owned(), e164: normalise(raw, "34"), withheld: false };
    let (ani, dnis, trunk) = (number("612345678"), number(b), TrunkId::new("carrier").unwrap());
    let party = Party::Caller(Some(trunk));
    let facts = [
        (0, What::CallArrived { call, ani: ani.clone(), dnis: dnis.clone(), trunk: Some(trunk) }),
        (0, What::LegBegan { call, leg, sip_call_id: "x".into(), a: ani, b: dnis, party }),
        (0, What::LegAnswered { call, leg }),
        (60_000, What::LegEnded { call, leg, cause: Cause::NORMAL, by: EndedBy::Caller }),
        (60_000, What::CallEnded { call, outcome: Outcome::Answered, by: EndedBy::Caller }),
    ];
    let start = Now { mono: turno_base::Mono(0), wall: Wall::from_secs(1_773_140_400) };
    let (mut builder, mut rows) = (Builder::default(), Vec::new());
    for (ms, what) in facts {
        let at = start.after(std::time::Duration::from_millis(ms));
        builder.on_fact(&Fact { at, what }, deck, &mut rows);
    }
    match rows.pop().unwrap().kind {
        Kind::Close(record) => *record,
        Kind::Open(_) | Kind::Interim(_) => panic!("an ended call is closed"),
    }
}

/// A ledger, and what rating again puts into it: `revision: difference = amount`.
fn post(ledger: &mut BTreeMap<LegPayer, Posted>, record: &Record, deck: &Deck) -> (String, Again) {
    let (mut again, mut said, mut new) = (Again::default(), Vec::new(), Vec::new());
    amounts(&Brief::from(record), deck, |amount| new.extend(again.amount(&amount, ledger.get(&amount.of).copied())));
    for posting in new {
        said.push(format!("{}: {} = {}", posting.revision, posting.difference, posting.net));
        ledger.insert(posting.of, Posted { revision: posting.revision, net: posting.net });
    }
    (said.join(", "), again)
}

#[test]
fn a_dearer_book_posts_the_difference_once_and_a_later_one_goes_on_from_there() {
    let record = record(&deck("0.10", ""), "900123456");
    let mut ledger = BTreeMap::new();
    for (per_minute, want) in [
        ("0.10", ""), // as the record says
        ("0.12", "1: 0.0200 = 0.1200"),
        ("0.12", ""), // a second run
        ("0.05", "2: -0.0700 = 0.0500"),
        ("0.10", "3: 0.0500 = 0.1000"), // back at the record's own amount: still a difference to what was posted
        ("0.10", ""),
    ] {
        assert_eq!(post(&mut ledger, &record, &deck(per_minute, "")).0, want, "{per_minute}");
    }
    let posted: Vec<Posted> = ledger.into_values().collect();
    assert_eq!(posted.first().map(|posted| posted.net.to_string()), Some("0.1000".to_owned()));
}

#[test]
fn a_leg_that_no_rule_priced_gets_its_first_amount_and_one_that_none_prices_now_keeps_what_it_has() {
    let unpriced = record(&Deck::default(), "900123456");
    let mut ledger = BTreeMap::new();
    let (said, again) = post(&mut ledger, &unpriced, &deck("0.10", ""));
    assert_eq!((said.as_str(), again.changed, again.first), ("0: 0.1000 = 0.1000", 1, 1));
    let (said, again) = post(&mut ledger, &unpriced, &deck("0.10", ""));
    assert_eq!((said.as_str(), again.same), ("", 1));
    let elsewhere = record(&deck("0.10", ""), "912345678");
    let (said, again) = post(&mut BTreeMap::new(), &elsewhere, &deck("0.10", ""));
    assert_eq!((said.as_str(), again.unrated), ("", 1));
}

#[test]
fn amounts_of_another_currency_or_scale_have_no_difference() {
    let record = record(&deck("0.10", ""), "900123456");
    for more in ["@currency,USD\n", "@scale,2\n"] {
        let (said, again) = post(&mut BTreeMap::new(), &record, &deck("0.10", more));
        assert_eq!((said.as_str(), again.incomparable), ("", 1), "{more}");
    }
}

#[test]
fn a_trunk_with_a_book_of_its_own_prices_by_that_and_only_its_way() {
    let (trunk, other) = (TrunkId::new("carrier").unwrap(), TrunkId::new("other").unwrap());
    for (by, way, want) in [(trunk, Way::In, "0.3000"), (trunk, Way::Out, "0.1000"), (other, Way::In, "0.1000")] {
        let mut deck = deck("0.10", "");
        deck.set_trunk(by, way, self::deck("0.30", ""));
        let record = record(&deck, "900123456");
        assert_eq!(record.legs[0].charges[0].rated.net.unwrap().to_string(), want, "{by} {way:?}");
        assert_eq!(post(&mut BTreeMap::new(), &record, &deck).0, "", "again by the same books");
    }
}

#[test]
fn postings_lead_from_the_records_amount_to_the_last_and_any_that_does_not_is_named() {
    let record = record(&deck("0.10", ""), "900123456");
    let (mut again, mut posted, mut postings) = (Again::default(), BTreeMap::new(), Vec::new());
    for per_minute in ["0.12", "0.05", "0.05", "0.10"] {
        let from = postings.len();
        amounts(&Brief::from(&record), &deck(per_minute, ""), |amount| {
            postings.extend(again.amount(&amount, posted.get(&amount.of).copied()));
        });
        for Posting { of, revision, net, .. } in postings.iter().skip(from) {
            posted.insert(*of, Posted { revision: *revision, net: *net });
        }
    }
    assert_eq!((postings.len(), unbalanced(&record, &postings)), (3, BTreeSet::new()));
    let of = postings[0].of;
    type Change = fn(&mut Vec<Posting>);
    let changes: [(&str, Change); 7] = [
        ("a cent more was posted than leads to the amount", |all| all[1].difference.units += 100),
        ("an amount that no difference leads to", |all| all[2].net.units += 1),
        ("one is missing", |all| all.retain(|posting| posting.revision != 2)),
        ("one is there twice", |all| all.insert(1, all[0])),
        ("as if the record had no amount", |all| all[0].revision = 0),
        ("another currency", |all| all[0].difference.currency = turno_base::Currency::new("USD").unwrap()),
        ("of a leg that the call does not have", |all| all[0].of.leg = LegId::dialled(7)),
    ];
    for (what, change) in changes {
        let mut changed = postings.clone();
        change(&mut changed);
        let off = unbalanced(&record, &changed);
        assert!(off.contains(&of) || off.contains(&changed[0].of), "{what}: {off:?}");
    }
}

#[test]
fn a_gap_is_what_the_deck_at_hand_does_not_price_whatever_the_record_says() {
    let (priced, unpriced) = (record(&deck("0.10", ""), "900123456"), record(&Deck::default(), "900123456"));
    let elsewhere = record(&Deck::default(), "912345678");
    for (what, of, deck, want) in [
        ("the rule is there", &priced, deck("0.10", ""), 0),
        ("the rule came after the call", &unpriced, deck("0.10", ""), 0),
        ("no rule is for it", &elsewhere, deck("0.10", ""), 1),
        ("who has no book asks for no price", &unpriced, Deck::default(), 0),
    ] {
        assert_eq!(gaps(of, &deck).count(), want, "{what}");
    }
    let later =
        Deck::parse_csv("valid_from,payer,b,rate,per_minute\n2026-04-01,company,34900,freephone,0.10\n").unwrap();
    assert_eq!(gaps(&priced, &later).count(), 1, "it was priced, and would not be by the book of today");
}
