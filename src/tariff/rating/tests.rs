//! Prices by a CSV deck, in tables.

use turno_base::E164;

use super::*;

const HEAD: &str = "valid_from,revision,payer,b,a,rate,setup,per_minute,first_s,step_s,minimum,maximum\n";

fn deck(rows: &str) -> Deck {
    Deck::parse_csv(&format!("{HEAD}{rows}")).unwrap()
}

fn payer(name: &str) -> Payer {
    Payer(Name::new(name).unwrap())
}

fn call(a: &str, b: &str, at: &str, duration_ms: u64) -> Call {
    let key = |n: &str| Key::from(E164::new(n).ok());
    let answer = Wall(at.parse::<jiff::Timestamp>().unwrap().as_microsecond());
    Call { a: key(a), b: key(b), answer, duration_ms, answered: true }
}

fn net(deck: &Deck, call: &Call, who: &str) -> String {
    let rated = rate(deck, call, payer(who));
    match rated.net {
        Some(net) => format!("{net} {} {}", rated.billed_ms, rated.rate.map_or("-".into(), |r| r.to_string())),
        None => rated.status.as_str().to_owned(),
    }
}

const AT: &str = "2026-03-10T11:00:00Z";

#[test]
fn billed_time_by_first_block_and_step() {
    for (first_s, step_s, talk_s, billed_s) in [
        // first step talk billed
        (60, 60, 0, 0), // no time passed
        (60, 60, 61, 120),
        (60, 1, 61, 61),
        (60, 1, 5, 60),
        (30, 6, 31, 36),
        (30, 6, 30, 30),
        (1, 1, 90, 90),
        (180, 60, 200, 240),
    ] {
        let deck = deck(&format!("2026-01-01,,company,*,,all,0,0.06,{first_s},{step_s},,\n"));
        let rated = rate(&deck, &call("", "+34912345678", AT, talk_s * 1000), payer("company"));
        assert_eq!(rated.billed_ms, billed_s * 1000, "{first_s}/{step_s} {talk_s}");
    }
}

#[test]
fn the_longest_called_prefix_wins_then_the_longest_calling_one() {
    let deck = deck(
        "2026-01-01,,company,*,,world,0,1,1,1,,
        2026-01-01,,company,34,,spain,0,0.5,1,1,,
        2026-01-01,,company,34900,,free,0,0.06,1,1,,
        2026-01-01,,company,34900,346 347,free-mobile,0,0.12,1,1,,
        2026-01-01,,company,34900123,33,free-france,0,0.30,1,1,,
        2026-01-01,,caller,34902,,shared,0.10,0.06,1,1,,\n",
    );
    for (a, b, who, want) in [
        ("+34912000000", "+34900123456", "company", "0.0600 60000 free"),
        ("+34612000000", "+34900123456", "company", "0.1200 60000 free-mobile"), // 34900123 is longer, but only for 33
        ("+33112000000", "+34900123456", "company", "0.3000 60000 free-france"),
        ("", "+34900123456", "company", "0.0600 60000 free"), // hidden: only rules without origin
        ("", "+34912345678", "company", "0.5000 60000 spain"),
        ("", "+447000000", "company", "1.0000 60000 world"),
        ("", "+34902000000", "caller", "0.1600 60000 shared"),
        ("", "+34912345678", "caller", "unrated"),
    ] {
        assert_eq!(net(&deck, &call(a, b, AT, 60_000), who), want, "{a} {b} {who}");
    }
}

#[test]
fn the_version_is_the_one_in_force_at_the_answer() {
    let deck = deck(
        "2026-01-01,,company,*,,old,0,0.01,1,1,,
        2026-03-10T11:00:00Z,1,company,*,,new,0,0.02,1,1,,
        2026-03-10T11:00:00Z,2,company,*,,corrected,0,0.03,1,1,,\n",
    );
    for (at, want) in [
        ("2025-12-31T23:59:59Z", "unrated"),
        ("2026-03-10T10:59:59.999Z", "0.0100 60000 old"),
        ("2026-03-10T11:00:00Z", "0.0300 60000 corrected"),
    ] {
        assert_eq!(net(&deck, &call("", "+34912345678", at, 60_000), "company"), want, "{at}");
    }
}

#[test]
fn minimum_maximum_and_what_is_not_charged() {
    let deck = deck("2026-01-01,,company,*,,all,0.10,0.60,1,1,0.15,0.50\n");
    for (ms, want) in
        [(1, "0.1500 1000 all"), (10_000, "0.2000 10000 all"), (600_000, "0.5000 600000 all"), (0, "0.0000 0 -")]
    {
        assert_eq!(net(&deck, &call("", "+34912345678", AT, ms), "company"), want, "{ms}");
    }
    let missed = Call { answered: false, ..call("", "+34912345678", AT, 5000) };
    assert_eq!(rate(&deck, &missed, payer("company")).status, Status::NotChargeable);
    assert_eq!(rate(&Deck::default(), &call("", "+34912345678", AT, 1), payer("company")).status, Status::Unrated);
}

#[test]
fn tax_is_the_difference_of_two_amounts_each_rounded_once() {
    let deck = Deck::parse_csv(&format!(
        "@currency,EUR\n@scale,2\n@tax,0.21\n{HEAD}2026-01-01,,company,*,,all,0,0.05,1,1,,\n"
    ));
    let rated = rate(&deck.unwrap(), &call("", "+34912345678", AT, 90_000), payer("company"));
    let text = |m: Option<Money>| m.unwrap().to_string();
    // 0.075 net, 0.09075 gross
    assert_eq!((text(rated.net), text(rated.gross), text(rated.tax)), ("0.08".into(), "0.09".into(), "0.01".into()));
}

#[test]
fn the_dearest_price_for_the_longest_call_still_fits() {
    let deck = Deck::parse_csv(&format!("@scale,8\n@tax,0.50\n{HEAD}2026-01-01,,company,*,,all,100000,100000,1,1,,\n"));
    let rated = rate(&deck.unwrap(), &call("", "+34912345678", AT, u64::MAX), payer("company"));
    assert_eq!((rated.status, rated.billed_ms), (Status::Rated, CALL_MS_MAX));
}

#[test]
fn a_refused_deck_names_row_column_and_code() {
    for (text, want) in [
        ("", "tariff row 1: column"),
        ("payer,b\n", "tariff row 1, column valid_from: column"),
        ("valid_from,payer,b,rate,per_minute,colour\n", "tariff row 1: column"),
        ("@scale,9\n", "tariff row 1: setting"),
        ("@colour,red\n", "tariff row 1: setting"),
        (&format!("{HEAD}2026-13-01,,company,34,,x,0,0.1,1,1,,\n"), "tariff row 2, column valid_from: bad_instant"),
        (&format!("{HEAD}2026-01-01,x,company,34,,x,0,0.1,1,1,,\n"), "tariff row 2, column revision: bad_number"),
        (&format!("{HEAD}2026-01-01,,Company,34,,x,0,0.1,1,1,,\n"), "tariff row 2, column payer: bad_name"),
        (&format!("{HEAD}2026-01-01,,company,3a,,x,0,0.1,1,1,,\n"), "tariff row 2, column b: bad_prefix"),
        (&format!("{HEAD}2026-01-01,,company,,,x,0,0.1,1,1,,\n"), "tariff row 2, column b: bad_prefix"),
        (&format!("{HEAD}2026-01-01,,company,@gone,,x,0,0.1,1,1,,\n"), "tariff row 2, column b: unknown_zone"),
        (&format!("{HEAD}2026-01-01,,company,34,,x,0,-1,1,1,,\n"), "tariff row 2, column per_minute: bad_price"),
        (&format!("{HEAD}2026-01-01,,company,34,,x,0,,1,1,,\n"), "tariff row 2, column per_minute: bad_price"),
        (&format!("{HEAD}2026-01-01,,company,34,,x,0,0.1,1,0,,\n"), "tariff row 2, column step_s: slot_nonpositive"),
        (&format!("{HEAD}2026-01-01,,company,34,,x,0,0.1,0,1,,\n"), "tariff row 2, column first_s: slot_nonpositive"),
        (&format!("{HEAD}2026-01-01,,company,34,,x,0,0.1,1,1,2,1\n"), "tariff row 2, column minimum: min_over_max"),
        (
            &format!(
                "{HEAD}2026-01-01,,company,34,,x,0,0.1,1,1,,\n# again\n2026-01-01,,company,33 34,,y,0,0.1,1,1,,\n"
            ),
            "tariff row 4, column b: duplicate_rule",
        ),
    ] {
        assert_eq!(Deck::parse_csv(text).unwrap_err().to_string(), want, "{text}");
    }
}

#[test]
fn a_sheet_may_have_bands_dated_taxes_and_free_seconds() {
    let head = HEAD.trim_end().to_owned() + ",minimum_s,free_under_s,at_maximum,band,days,from,to,prio\n";
    let settings = "@tz,Europe/Madrid\n@holidays,2026-12-08 2026-12-25\n@tax,0.10\n@tax,2026-03-10,0.21\n@tax_included,yes\n@bands,start\n";
    let rows = "2026-01-01,,company,34,,spain,0,0.60,1,1,,,30,5,free,,,,,
        2026-01-01,,company,34,,,0,0.06,1,1,,,,,,night,1-5,22:00,08:00,1
        2026-01-01,,company,34,,,0,0.12,1,1,,,,,,feast,67H,,,2\n";
    let load = |rows: &str| Deck::parse_csv(&format!("{settings}{head}{rows}"));
    let deck = load(rows).unwrap();
    for (at, ms, want) in [
        (AT, 60_000, "0.4959 60000 spain"),                     // 0.60 with 21 %
        ("2026-03-09T11:00:00Z", 60_000, "0.5455 60000 spain"), // with 10 %
        (AT, 4999, "0.0000 0 spain"),
        (AT, 5000, "0.2479 30000 spain"),
        ("2026-03-10T22:00:00Z", 60_000, "0.0496 60000 spain"),
        ("2026-12-08T11:00:00Z", 60_000, "0.0992 60000 spain"),
    ] {
        assert_eq!(net(&deck, &call("", "+34912345678", at, ms), "company"), want, "{at} {ms}");
    }
    for (from, to, want) in [
        ("free,,,,,", "never,,,,,", "tariff row 8, column at_maximum: setting"),
        ("30,5,free", "99999999,5,free", "tariff row 8, column minimum_s: out_of_bounds"),
        ("1-5", "1-9", "tariff row 9, column days: bad_day"),
        ("22:00,08:00,1", "22:00,25:00,1", "tariff row 9, column to: bad_time"),
        ("22:00,08:00,1", "22:00,22:00,1", "tariff row 9, column band: band_empty"),
        ("22:00,08:00,1", "22:00,08:00,2", "tariff row 10, column band: band_overlap"),
        ("22:00,08:00,1", "22:00,08:00,x", "tariff row 9, column prio: bad_number"),
        ("34,,,0,0.06", "33,,,0,0.06", "tariff row 9, column band: band_without_rule"),
    ] {
        assert_eq!(load(&rows.replacen(from, to, 1)).unwrap_err().to_string(), want, "{to}");
    }
    for (setting, want) in [
        ("@tz,Mars\n", "tariff row 1: unknown_time_zone"),
        ("@holidays,2026-02-30\n", "tariff row 1: bad_date"),
        ("@tax_included,perhaps\n", "tariff row 1: setting"),
        ("@bands,never\n", "tariff row 1: setting"),
    ] {
        assert_eq!(Deck::parse_csv(&format!("{setting}{HEAD}")).unwrap_err().to_string(), want);
    }
}

#[test]
fn the_sample_deck_loads_and_prices_the_demo_numbers() {
    let deck = Deck::parse_csv(include_str!("../../../config/tariff.csv")).unwrap();
    for (a, b, who, want) in [
        ("+34912345678", "+34900123456", "company", "0.0480 60000 freephone"),
        ("+34612345678", "+34900123456", "company", "0.1620 60000 freephone-mobile"),
        ("+34612345678", "+34900123456", "caller", "0.0000 60000 freephone"),
        ("+34612345678", "+34902123456", "caller", "0.3490 60000 shared-902-mobile"),
        ("+34612345678", "+34910020000", "company", "0.0000 60000 own-number"),
        ("+34910020000", "+34612345678", "company", "0.0650 60000 mobile"),
        ("+34910020000", "+34934445566", "company", "0.0120 60000 national"),
        ("+34910020000", "+442079460000", "company", "0.0700 60000 europe"),
        ("+34910020000", "+819012345678", "company", "0.6500 60000 world"),
    ] {
        assert_eq!(net(&deck, &call(a, b, AT, 60_000), who), want, "{a} {b} {who}");
    }
}

#[test]
fn sixty_thousand_prefixes_load_and_every_one_is_found() {
    let mut rows = String::new();
    for n in 0..60_000 {
        rows.push_str(&format!("2026-01-01,,company,3{n:05},,r{},0,0.{:02},1,1,,\n", n % 97, n % 97));
    }
    let deck = deck(&rows);
    assert_eq!(deck.size(), (1, 60_000));
    for n in (0..60_000).step_by(777) {
        let rated = rate(&deck, &call("", &format!("+3{n:05}123"), AT, 1000), payer("company"));
        assert_eq!(rated.rate, Name::new(&format!("r{}", n % 97)).ok());
    }
}
