//! Who is refused at which load, as tables and as runs in invented time.

use std::time::Duration;

use turno_base::Mono;

use super::*;
use crate::ua::Load;

const CLASSES: [Class; 6] =
    [Class::Side, Class::StationCall, Class::TrunkCall, Class::Refresh, Class::Emergency, Class::InDialog];

fn late(ms: u64) -> Load {
    Load { loop_delay: Duration::from_millis(ms), ..Load::default() }
}

/// After a long time at this load.
fn settled(load: Load, dialogs: u32) -> Shedder {
    let mut shedder = Shedder::new(7);
    shedder.on_load(load, dialogs, 1000, Mono::from_ms(60_000));
    shedder
}

/// Of a thousand different requests so many are refused.
fn refused(shedder: &Shedder, class: Class) -> usize {
    (0..1000).filter(|n| shedder.refuses(class, &format!("call-{n}@host"), 1).is_some()).count()
}

#[test]
fn the_first_to_go_are_those_that_serve_no_call_and_calls_in_progress_never_go() {
    // Loop delay in ms, inputs waiting, dialogs of 1000; about so many refused of 1000 in each class.
    for (ms, waiting, dialogs, expected) in [
        (0, 0, 0, [0, 0, 0, 0, 0, 0]),
        (4, 256, 950, [0, 0, 0, 0, 0, 0]),
        (11, 0, 0, [470, 0, 0, 0, 0, 0]),
        (0, 614, 0, [495, 0, 0, 0, 0, 0]),
        (19, 0, 0, [1000, 464, 0, 0, 0, 0]),
        (29, 0, 0, [1000, 1000, 480, 0, 0, 0]),
        (38, 0, 0, [1000, 1000, 1000, 630, 0, 0]),
        (40, 0, 0, [1000, 1000, 1000, 1000, 0, 0]),
        (5000, 90_000, 0, [1000, 1000, 1000, 1000, 0, 0]),
        (0, 0, 970, [0, 400, 0, 0, 0, 0]), // full of calls: only calls are thinned out
        (0, 0, 985, [0, 1000, 500, 0, 0, 0]),
        (0, 0, 1000, [0, 1000, 1000, 0, 0, 0]),
        (0, 0, 1064, [0, 1000, 1000, 0, 1000, 0]), // the reserve is used up
    ] {
        let load = Load { inputs_waiting: waiting, ..late(ms) };
        let shedder = settled(load, dialogs);
        for (class, expected) in CLASSES.into_iter().zip(expected) {
            let got = refused(&shedder, class);
            let spread = if expected == 0 || expected == 1000 { 0 } else { 60 };
            assert!(got.abs_diff(expected) <= spread, "{ms} ms, {waiting}, {dialogs}: {class:?} {got}, not {expected}");
        }
    }
}

#[test]
fn draining_and_a_full_store_refuse_new_calls_whatever_the_load() {
    let draining = settled(Load { draining: true, ..late(0) }, 0);
    assert_eq!(CLASSES.map(|class| refused(&draining, class)), [1000, 1000, 1000, 0, 0, 0]);
    let store_full = settled(Load { store_full: true, ..late(0) }, 0);
    assert_eq!(CLASSES.map(|class| refused(&store_full, class)), [0, 1000, 1000, 0, 0, 0]);
}

#[test]
fn a_retransmission_gets_what_its_original_got_and_a_new_try_another_chance() {
    let shedder = settled(late(29), 0);
    let ask = |call: usize, cseq| shedder.refuses(Class::TrunkCall, &format!("c{call}"), cseq);
    assert!((0..100).all(|n| ask(n, 1) == ask(n, 1)));
    assert!((0..100).any(|n| ask(n, 1).is_some() && ask(n, 2).is_none()));
}

#[test]
fn retry_after_is_spread() {
    let shedder = settled(late(60), 0);
    let mut seen: Vec<u32> = (0..1000).filter_map(|n| shedder.refuses(Class::TrunkCall, &n.to_string(), 1)).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, (RETRY_AFTER_MIN_S..=RETRY_AFTER_MAX_S).collect::<Vec<_>>());
}

#[test]
fn pressure_rises_in_a_moment_and_falls_in_seconds() {
    let mut shedder = Shedder::new(1);
    let mut levels = Vec::new();
    for (ms, delay) in [(1000, 0), (1040, 40), (1041, 0), (2000, 0), (2100, 90), (2200, 90), (3200, 0), (4200, 0)] {
        shedder.on_load(late(delay), 0, 1000, Mono::from_ms(ms));
        levels.push(shedder.level());
    }
    // One stall of 40 ms sheds no call (300 and more would).
    assert_eq!(levels, [0, 266, 266, 0, 666, 1000, 500, 0]);
}

/// A server that takes 1,000 calls a second, 50 µs a refusal, offered ten times as many: what it serves meanwhile.
#[test]
fn ten_times_the_load_leaves_the_goodput_and_passes_within_seconds() {
    let (call_us, refusal_us) = (1000_u64, 50_u64);
    let mut shedder = Shedder::new(1);
    let mut clock = 0;
    let (mut served, mut worst_late, mut calm_at) = ([0_u64; 40], 0, None);
    // Ten calls a millisecond for 20 s, then one every two.
    let arrivals = (0..200_000_u64).map(|n| n * 100).chain((0..10_000).map(|n| 20_000_000 + n * 2000));
    for (n, arrived) in arrivals.enumerate() {
        clock = clock.max(arrived);
        let delay = clock - arrived;
        if arrived > 1_000_000 && arrived < 20_000_000 {
            worst_late = worst_late.max(delay);
        }
        shedder.on_load(Load { loop_delay: Duration::from_micros(delay), ..Load::default() }, 0, 1000, Mono(clock));
        if shedder.refuses(Class::TrunkCall, &n.to_string(), 1).is_some() {
            clock += refusal_us;
        } else {
            clock += call_us;
            if let Some(second) = served.get_mut((clock / 1_000_000) as usize) {
                *second += 1;
            }
        }
        if arrived >= 20_000_000 && shedder.level() < 550 {
            calm_at.get_or_insert(arrived);
        }
    }
    // Refusing nine thousand a second costs 450 ms of each: 550 calls are what is left to serve.
    for (second, calls) in served.iter().enumerate().take(20).skip(1) {
        assert!((495..=610).contains(calls), "second {second}: {calls}");
    }
    assert!(worst_late < 50_000, "{worst_late} µs late");
    assert!(calm_at.unwrap() < 25_000_000);
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
