//! Who is refused for want of room, as tables, and what strangers get, as runs in invented time.

use turno_base::Mono;

use super::*;
use crate::ua::Load;

const CLASSES: [Class; 6] =
    [Class::Side, Class::StationCall, Class::TrunkCall, Class::Refresh, Class::Emergency, Class::InDialog];

fn told(load: Load) -> Shedder {
    let mut shedder = Shedder::new(7);
    shedder.on_load(load);
    shedder
}

/// With so many dialogs of 1000.
fn filled(dialogs: u32) -> Room {
    Room { dialogs, dialogs_max: 1000 }
}

/// Of a thousand different requests so many are refused.
fn refused(shedder: &Shedder, class: Class, dialogs: u32) -> usize {
    let asked = |n: &u32| shedder.refuses(class, filled(dialogs), &format!("call-{n}@host"), 1).is_some();
    (0..1000).filter(asked).count()
}

#[test]
fn when_dialogs_run_short_only_calls_are_thinned_out_and_emergency_calls_last() {
    // Dialogs of 1000; about so many refused of 1000 in each class.
    for (dialogs, expected) in [
        (0, [0, 0, 0, 0, 0, 0]),
        (950, [0, 0, 0, 0, 0, 0]),
        (970, [0, 400, 0, 0, 0, 0]),
        (985, [0, 1000, 500, 0, 0, 0]),
        (1000, [0, 1000, 1000, 0, 0, 0]),
        (1064, [0, 1000, 1000, 0, 1000, 0]), // the reserve is used up
    ] {
        let shedder = told(Load::default());
        for (class, expected) in CLASSES.into_iter().zip(expected) {
            let got = refused(&shedder, class, dialogs);
            let spread = if expected == 0 || expected == 1000 { 0 } else { 60 };
            assert!(got.abs_diff(expected) <= spread, "{dialogs}: {class:?} {got}, not {expected}");
        }
    }
}

#[test]
fn draining_and_a_full_store_refuse_new_calls_whatever_the_room() {
    let draining = told(Load { draining: true, store_full: false });
    assert_eq!(CLASSES.map(|class| refused(&draining, class, 0)), [1000, 1000, 1000, 0, 0, 0]);
    let mut store_full = told(Load { draining: false, store_full: true });
    assert_eq!(CLASSES.map(|class| refused(&store_full, class, 0)), [0, 1000, 1000, 0, 0, 0]);
    store_full.on_restart();
    assert_eq!(CLASSES.map(|class| refused(&store_full, class, 0)), [0; 6]);
}

#[test]
fn a_retransmission_gets_what_its_original_got_and_a_new_try_another_chance() {
    let shedder = told(Load::default());
    let ask = |call: usize, cseq| shedder.refuses(Class::TrunkCall, filled(985), &format!("c{call}"), cseq);
    assert!((0..100).all(|n| ask(n, 1) == ask(n, 1)));
    assert!((0..100).any(|n| ask(n, 1).is_some() && ask(n, 2).is_none()));
}

#[test]
fn retry_after_is_spread() {
    let shedder = told(Load::default());
    let ask = |n: u32| shedder.refuses(Class::TrunkCall, filled(1000), &n.to_string(), 1);
    let mut seen: Vec<u32> = (0..1000).filter_map(ask).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, (RETRY_AFTER_MIN_S..=RETRY_AFTER_MAX_S).collect::<Vec<_>>());
}

#[test]
fn emergency_numbers_are_whole_numbers() {
    for (number, expected) in [("112", true), ("091", true), ("1120", false), ("+34112", false), ("", false)] {
        assert_eq!(is_emergency(number), expected, "{number}");
    }
}

#[test]
fn six_thousand_strangers_invites_a_second_are_few_challenges_and_phones_still_get_theirs() {
    let mut strangers = Strangers::default();
    let phone = |n: u32| std::net::IpAddr::V4(std::net::Ipv4Addr::from_bits(0xc0a8_0000 + n));
    strangers.on_authenticated(phone(1), Mono(0));
    let (mut flood, mut known, mut newcomer) = (0, 0, 0);
    for n in 0..60_000_u64 {
        let now = Mono(n * 1000 / 6);
        let attacker = std::net::IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0a00_0000 + (n % 200) as u32));
        flood += usize::from(strangers.welcome(attacker, now) == Welcome::Challenge);
        if n % 600 == 0 {
            known += usize::from(strangers.welcome(phone(1), now) == Welcome::Challenge);
            newcomer += usize::from(strangers.welcome(phone(2), now) == Welcome::Challenge);
        }
    }
    assert!(flood <= 200 * (20 + 10 * 10), "{flood}");
    assert_eq!((known, newcomer), (100, 100));
    assert_eq!(strangers.silenced(), 60_000 - flood as u64);
}

#[test]
fn forged_addresses_fill_no_table_and_all_together_get_their_share() {
    let mut strangers = Strangers::default();
    let mut challenged = 0;
    for n in 0..200_000_u32 {
        let forged = std::net::IpAddr::V4(std::net::Ipv4Addr::from_bits(n.wrapping_mul(2_654_435_761)));
        challenged += usize::from(strangers.welcome(forged, Mono(u64::from(n) * 10)) == Welcome::Challenge);
        assert!(strangers.remembered().0 <= STRANGERS_MAX as usize);
    }
    let most = 3 * STRANGERS_TOTAL_PER_SECOND as usize;
    // The meter counts in whole microseconds.
    assert!(challenged <= most + most / 100, "{challenged} in 2 s");
    for n in 0..(FRIENDS_MAX as u32 + 100) {
        strangers.on_authenticated(std::net::IpAddr::V4(std::net::Ipv4Addr::from_bits(n)), Mono(u64::from(n)));
    }
    assert_eq!(strangers.remembered().1, FRIENDS_MAX);
    let later = Mono::from_ms(7_200_000 + 1000);
    assert!(!strangers.is_known(std::net::IpAddr::V4(std::net::Ipv4Addr::from_bits(5000)), later));
    strangers.on_authenticated("192.0.2.1".parse().unwrap(), later);
    assert_eq!(strangers.remembered().1, 1);
}

#[test]
fn a_refusal_says_when_to_come_again() {
    let text = "INVITE sip:1@x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=1\r\n\
                To: <sip:1@x>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n";
    let request = Message::parse(text.as_bytes().to_vec()).unwrap();
    let bytes = shed_response(&request, "192.0.2.1:5060".parse().unwrap(), 7, "t");
    let text = String::from_utf8(bytes).unwrap();
    assert!(
        text.starts_with("SIP/2.0 503 Service Unavailable\r\n") && text.contains("\r\nRetry-After: 7\r\n"),
        "{text}"
    );
}
