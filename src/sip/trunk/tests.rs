//! Trunks through their front door: scripts in invented time, and the state tables.

use std::fmt::Write as _;
use std::time::Duration;

use turno_base::{Mono, Now, Seeded, TrunkId};

use super::*;
use crate::config::{Cidr, HostPort, Resolved, SipConfig, SipRules, Trunk};
use crate::flow::{ListenerId, Transport};

pub(crate) fn trunk(name: &str) -> Trunk {
    Trunk {
        id: TrunkId::new(name).unwrap(),
        networks: vec![],
        hosts: vec![],
        transport: None,
        listener: ListenerId(0),
        credentials: None,
        register: None,
        digest_user: None,
        codecs: vec![],
        calls_max: 0,
        calls_per_second_max: 0,
        probe: None,
        trusted: true,
    }
}

fn config(trunks: Vec<Trunk>) -> SipConfig {
    SipConfig {
        listeners: vec![],
        local_networks: vec![],
        domains: vec![],
        nonce_key: [0; 32],
        accounts: vec![],
        trunks,
        rules: SipRules::default(),
    }
}

fn host(host: &str) -> HostPort {
    HostPort { host: host.into(), port: None }
}

fn at(peer: &str) -> Resolved {
    Resolved { transport: Transport::Udp, peer: peer.parse().unwrap() }
}

fn id(name: &str) -> TrunkId {
    TrunkId::new(name).unwrap()
}

/// Trunks with a log of what they want.
struct Yard {
    trunks: Trunks,
    log: String,
}

impl Yard {
    fn new(trunks: Vec<Trunk>) -> Yard {
        let mut yard = Yard { trunks: Trunks::new(1), log: String::new() };
        yard.when(0, |yard, now, out| yard.configure(&config(trunks), now, out));
        yard
    }

    fn when(&mut self, ms: u64, act: impl FnOnce(&mut Trunks, Now, &mut Vec<TrunkEffect>)) {
        let mut out = Vec::new();
        act(&mut self.trunks, Now::from_ms(ms), &mut out);
        for effect in out {
            match effect {
                TrunkEffect::Changed { trunk, up } => {
                    let word = up.map_or("unknown", |up| if up { "up" } else { "down" });
                    writeln!(self.log, "{ms} {trunk} {word}")
                }
                TrunkEffect::Resolve { trunk, host } => writeln!(self.log, "{ms} {trunk} resolve {host}"),
                TrunkEffect::Probe { trunk, to } => writeln!(self.log, "{ms} {trunk} probe {}", to.peer),
                TrunkEffect::Register { trunk, to, expires_s } => {
                    writeln!(self.log, "{ms} {trunk} register {} for {expires_s}", to.peer)
                }
            }
            .unwrap();
        }
    }

    /// Runs deadlines until `ms`, each at its own instant; after each turn `live` may answer what went out.
    fn run(&mut self, from: u64, until: u64, mut live: impl FnMut(&mut Yard, u64, &str)) {
        let mut last = from;
        while let Some(due) = self.trunks.deadline().filter(|due| due.as_ms() < until) {
            last = last.max(due.0.div_ceil(1000));
            let before = self.log.len();
            self.when(last, |trunks, now, out| trunks.on_deadline(now, out));
            let new = self.log[before..].to_owned();
            live(self, last, &new);
        }
    }

    fn log(&mut self) -> String {
        std::mem::take(&mut self.log)
    }
}

#[test]
fn the_longest_prefix_says_whose_a_request_is() {
    let net = |text: &str, prefix| Cidr { address: text.parse().unwrap(), prefix };
    let a = Trunk { networks: vec![net("10.0.0.0", 8), net("2001:db8::", 32)], ..trunk("wide") };
    let b = Trunk { networks: vec![net("10.1.0.0", 16)], ..trunk("near") };
    let c = Trunk { networks: vec![net("10.1.2.3", 32), net("10.0.0.0", 8)], ..trunk("host") };
    let yard = Yard::new(vec![a, b, c]);
    for (source, expected) in [
        ("10.9.9.9", Some("wide")), // of equals the first
        ("10.1.9.9", Some("near")),
        ("10.1.2.3", Some("host")),
        ("::ffff:10.1.2.3", Some("host")),
        ("2001:db8::7", Some("wide")),
        ("192.0.2.1", None),
    ] {
        assert_eq!(yard.trunks.recognise(source.parse().unwrap()), expected.map(id), "{source}");
    }
}

#[test]
fn a_trunk_takes_no_more_calls_than_it_may() {
    let mut yard = Yard::new(vec![
        Trunk { calls_max: 2, ..trunk("narrow") },
        Trunk { calls_per_second_max: 3, ..trunk("slow") },
        trunk("open"),
    ]);
    let mut admit = |name: &str, ms: u64| yard.trunks.admit(id(name), Now::from_ms(ms));
    assert_eq!([admit("narrow", 0), admit("narrow", 0), admit("narrow", 0)], [Ok(()), Ok(()), Err(Full::Calls)]);
    let quick: Vec<bool> = [0, 0, 0, 0, 100, 334, 400, 2000].map(|ms| admit("slow", ms).is_ok()).into();
    assert_eq!(quick, [true, true, true, false, false, true, false, true]);
    assert!((0..1000).all(|_| admit("open", 0).is_ok()));
    assert_eq!(admit("none", 0), Err(Full::Unknown));
    for _ in 0..2 {
        assert_eq!(admit("narrow", 0), Err(Full::Calls));
    }
    let Err(Full::Rate { retry_after }) = ({
        assert!((0..3).all(|_| admit("slow", 9000).is_ok()));
        admit("slow", 9000)
    }) else {
        panic!()
    };
    assert!((300..=334).contains(&retry_after.as_millis()), "{retry_after:?}");
    yard.trunks.release(id("narrow"));
    assert_eq!(yard.trunks.admit(id("narrow"), Now::from_ms(1)), Ok(()));
    let view = yard.trunks.view(id("narrow")).unwrap();
    assert_eq!((view.calls, view.refused), (2, 3));
}

#[test]
fn a_dead_address_gives_way_to_the_next_and_comes_back() {
    let probe = Some(Duration::from_secs(10));
    let mut yard = Yard::new(vec![Trunk { hosts: vec![host("192.0.2.1"), host("192.0.2.2")], probe, ..trunk("pbx") }]);
    let mut picks = String::new();
    // The first is dead from 15 s to 60 s, both from 80 s.
    yard.run(0, 100_000, |yard, ms, new| {
        for line in new.lines().filter(|line| line.contains("probe")) {
            let first = line.contains("192.0.2.1");
            let is_dead = ms >= 80_000 || first && (15_000..60_000).contains(&ms);
            if !is_dead {
                let peer = at(if first { "192.0.2.1:5060" } else { "192.0.2.2:5060" }).peer;
                yard.when(ms, |trunks, now, out| trunks.on_probe_answered(id("pbx"), peer, 200, now, out));
            }
        }
        let pick = yard.trunks.pick(id("pbx"), &[]).unwrap().peer;
        if !picks.ends_with(&format!("{pick}\n")) {
            writeln!(picks, "{ms} {pick}").unwrap();
        }
    });
    let changes: Vec<&str> = yard.log.lines().filter(|line| !line.contains("probe 192.0.2.2")).collect();
    expect_test::expect![[r#"
        0 pbx probe 192.0.2.1:5060
        3000 pbx probe 192.0.2.1:5060
        3000 pbx up
        13000 pbx probe 192.0.2.1:5060
        23000 pbx probe 192.0.2.1:5060
        26000 pbx probe 192.0.2.1:5060
        38000 pbx probe 192.0.2.1:5060
        50000 pbx probe 192.0.2.1:5060
        62000 pbx probe 192.0.2.1:5060
        63000 pbx probe 192.0.2.1:5060
        73000 pbx probe 192.0.2.1:5060
        83000 pbx probe 192.0.2.1:5060
        86000 pbx probe 192.0.2.1:5060
        88000 pbx down
        98000 pbx probe 192.0.2.1:5060"#]]
    .assert_eq(&changes.join("\n"));
    expect_test::expect![[r#"
        2000 192.0.2.1:5060
        28000 192.0.2.2:5060
        63000 192.0.2.1:5060
    "#]]
    .assert_eq(&picks);
}

#[test]
fn a_trunk_is_neither_up_nor_down_before_the_first_answer_or_enough_silence() {
    let (probe, register) = (Some(Duration::from_secs(10)), Some(Duration::from_secs(60)));
    let (by_address, by_name) = (vec![host("192.0.2.1")], vec![host("pbx.example")]);
    let mut yard = Yard::new(vec![
        Trunk { hosts: by_address.clone(), probe, ..trunk("answers") },
        Trunk { hosts: by_address.clone(), probe, ..trunk("silent") },
        Trunk { hosts: by_address.clone(), probe, register, ..trunk("strict") },
        Trunk { hosts: by_name.clone(), probe, ..trunk("nameless") },
        Trunk { hosts: by_name, probe, ..trunk("unasked") },
        Trunk { hosts: by_address, ..trunk("unprobed") },
    ]);
    let shown = |yard: &Yard| -> String {
        let word = |view: TrunkView| format!("{} {:?}", view.trunk, view.up);
        yard.trunks.views().map(word).collect::<Vec<_>>().join(", ")
    };
    let known = shown(&yard);
    expect_test::expect![["answers None, nameless None, silent None, strict None, unasked None, unprobed Some(true)"]]
        .assert_eq(&known);
    yard.log();
    yard.when(100, |trunks, now, out| {
        trunks.on_resolved(id("nameless"), 0, &[], now, out);
        trunks.on_probe_answered(id("answers"), at("192.0.2.1:5060").peer, 200, now, out);
        trunks.on_probe_answered(id("strict"), at("192.0.2.1:5060").peer, 200, now, out);
    });
    yard.run(100, 11_000, |yard, ms, new| {
        for name in ["answers", "strict"].into_iter().filter(|name| new.contains(&format!("{name} probe"))) {
            let peer = at("192.0.2.1:5060").peer;
            yard.when(ms, |trunks, now, out| trunks.on_probe_answered(id(name), peer, 200, now, out));
        }
    });
    yard.when(11_000, |trunks, now, out| trunks.on_register_refused(id("strict"), 403, (None, None), now, out));
    let changes: Vec<&str> = yard.log.lines().filter(|l| l.ends_with(" up") || l.ends_with(" down")).collect();
    expect_test::expect![[r#"
        100 nameless down
        100 answers up
        5000 silent down
        10000 unasked down
        11000 strict down"#]]
    .assert_eq(&changes.join("\n"));
    // A process that takes over what this one knew tells it anew, and looks again at once.
    yard.log();
    yard.when(12_000, |trunks, now, out| trunks.on_restart(now, out));
    yard.run(12_000, 12_001, |_, _, _| {});
    expect_test::expect![[r#"
        12000 answers up
        12000 nameless down
        12000 silent down
        12000 strict down
        12000 unasked down
        12000 unprobed up
        12000 answers probe 192.0.2.1:5060
        12000 silent probe 192.0.2.1:5060
        12000 strict probe 192.0.2.1:5060
    "#]]
    .assert_eq(&yard.log());
}

#[test]
fn a_failed_request_puts_its_address_aside_and_the_next_is_picked() {
    let hosts = vec![host("192.0.2.1"), host("192.0.2.2")];
    let mut yard = Yard::new(vec![Trunk { hosts, ..trunk("pbx") }]);
    let (a, b) = (at("192.0.2.1:5060"), at("192.0.2.2:5060"));
    assert_eq!(yard.trunks.pick(id("pbx"), &[]), Some(a));
    assert_eq!(yard.trunks.pick(id("pbx"), &[a]), Some(b));
    assert_eq!(yard.trunks.pick(id("pbx"), &[a, b]), None);
    yard.when(0, |trunks, now, out| trunks.on_failed(id("pbx"), a.peer, None, now, out));
    assert_eq!(yard.trunks.pick(id("pbx"), &[]), Some(b));
    assert_eq!(yard.trunks.pick(id("pbx"), &[b]), None, "not to an address that just failed");
    let after = Some(Duration::from_secs(100_000));
    yard.when(1000, |trunks, now, out| trunks.on_failed(id("pbx"), b.peer, after, now, out));
    assert_eq!(yard.trunks.pick(id("pbx"), &[]), Some(a), "nothing better than the one that is free first");
    yard.run(1000, 30_001, |_, _, _| {});
    assert_eq!(yard.trunks.pick(id("pbx"), &[a]), None);
    yard.run(30_001, 302_000, |_, _, _| {});
    assert_eq!(yard.trunks.pick(id("pbx"), &[a]), Some(b), "no Retry-After is longer than its bound");
    assert_eq!(yard.log(), "0 pbx up\n");
}

#[test]
fn names_are_resolved_and_asked_again() {
    let probe = Some(Duration::from_secs(30));
    let mut yard =
        Yard::new(vec![Trunk { hosts: vec![host("pbx.example"), host("192.0.2.9")], probe, ..trunk("pbx") }]);
    let resolved = |yard: &mut Yard, ms, peers: &[&str]| {
        let answers: Vec<Resolved> = peers.iter().map(|peer| at(peer)).collect();
        yard.when(ms, |trunks, now, out| trunks.on_resolved(id("pbx"), 0, &answers, now, out));
    };
    let addresses = |yard: &Yard| -> Vec<String> {
        yard.trunks.view(id("pbx")).unwrap().addresses.iter().map(|a| a.to.peer.ip().to_string()).collect()
    };
    assert_eq!(yard.log(), "0 pbx resolve 0\n0 pbx probe 192.0.2.9:5060\n");
    resolved(&mut yard, 100, &["192.0.2.1:5060", "192.0.2.2:5060"]);
    assert_eq!(addresses(&yard), ["192.0.2.1", "192.0.2.2", "192.0.2.9"]);
    resolved(&mut yard, 200, &[]);
    assert_eq!(addresses(&yard).len(), 3, "what resolved before is kept");
    resolved(&mut yard, 300, &["192.0.2.2:5060", "192.0.2.9:5060"]);
    assert_eq!(addresses(&yard), ["192.0.2.2", "192.0.2.9"]);
    let many: Vec<String> = (1..100).map(|n| format!("198.51.100.{n}:5060")).collect();
    resolved(&mut yard, 400, &many.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(addresses(&yard).len(), ADDRESSES_MAX);
    yard.log();
    yard.run(400, 301_000, |yard, ms, new| {
        for line in new.lines().filter(|line| line.contains("probe")) {
            let peer = line.rsplit(' ').next().unwrap().parse().unwrap();
            yard.when(ms, |trunks, now, out| trunks.on_probe_answered(id("pbx"), peer, 404, now, out));
        }
    });
    let asked: Vec<&str> = yard.log.lines().filter(|line| line.contains("resolve")).collect();
    assert_eq!(asked, ["300400 pbx resolve 0"]);
}

#[test]
fn a_registration_is_refreshed_and_survives_failures_until_it_runs_out() {
    let register = Some(Duration::from_secs(60));
    let mut yard = Yard::new(vec![Trunk { hosts: vec![host("192.0.2.1")], register, ..trunk("pbx") }]);
    yard.run(0, 500_000, |yard, ms, new| {
        if !new.contains("register") {
            return;
        }
        // The first goes unanswered; then granted, refused from 100 s, granted again from 300 s.
        yard.when(ms, |trunks, now, out| match ms {
            100_000..300_000 => trunks.on_register_refused(id("pbx"), 503, (None, None), now, out),
            _ => trunks.on_registered(id("pbx"), 90, now, out),
        });
    });
    expect_test::expect![[r#"
        0 pbx register 192.0.2.1:5060 for 75
        40000 pbx down
        45708 pbx register 192.0.2.1:5060 for 75
        45708 pbx up
        105708 pbx register 192.0.2.1:5060 for 75
        111640 pbx register 192.0.2.1:5060 for 75
        124068 pbx register 192.0.2.1:5060 for 75
        135708 pbx down
        146290 pbx register 192.0.2.1:5060 for 75
        190733 pbx register 192.0.2.1:5060 for 75
        285991 pbx register 192.0.2.1:5060 for 75
        481085 pbx register 192.0.2.1:5060 for 75
        481085 pbx up
    "#]]
    .assert_eq(&yard.log());
}

#[test]
fn the_first_register_goes_out_at_once_and_a_423_is_met_at_once() {
    let register = Some(Duration::from_secs(60));
    let mut yard = Yard::new(vec![Trunk { hosts: vec![host("192.0.2.1")], register, ..trunk("pbx") }]);
    assert_eq!(yard.log(), "0 pbx register 192.0.2.1:5060 for 75\n");
    let brief = |yard: &mut Yard, least| {
        yard.when(10, |trunks, now, out| trunks.on_register_refused(id("pbx"), 423, (Some(least), None), now, out));
    };
    brief(&mut yard, 600);
    assert_eq!(yard.log(), "10 pbx register 192.0.2.1:5060 for 600\n");
    brief(&mut yard, 600);
    assert_eq!(yard.log(), "10 pbx down\n", "a 423 for what was asked for is a refusal");
    assert!(matches!(yard.trunks.view(id("pbx")).unwrap().registration, Registration::Waiting { status: 423, .. }));
}

#[test]
fn retries_come_later_each_time_and_never_stop() {
    let register = Some(Duration::from_secs(60));
    for (status, first, last) in [(408, 5..=7, 300..=375), (403, 30..=38, 300..=375)] {
        let mut yard = Yard::new(vec![Trunk { hosts: vec![host("192.0.2.1")], register, ..trunk("pbx") }]);
        let mut asked = vec![0];
        yard.when(0, |trunks, now, out| trunks.on_register_refused(id("pbx"), status, (None, None), now, out));
        yard.run(0, 4_000_000, |yard, ms, new| {
            if new.contains("register") {
                asked.push(ms);
                yard.when(ms, |trunks, now, out| trunks.on_register_refused(id("pbx"), status, (None, None), now, out));
            }
        });
        let pauses: Vec<u64> = asked.windows(2).map(|pair| (pair[1] - pair[0]) / 1000).collect();
        assert!(first.contains(&pauses[0]), "{pauses:?}");
        assert!(last.contains(pauses.last().unwrap()), "{pauses:?}");
        assert!(pauses.iter().all(|pause| *pause <= 375));
    }
    // The peer's own word counts, within bounds; silence is noticed without being told.
    let mut yard = Yard::new(vec![Trunk { hosts: vec![host("192.0.2.1")], register, ..trunk("pbx") }]);
    yard.when(0, |trunks, now, out| trunks.on_register_refused(id("pbx"), 503, (None, Some(120)), now, out));
    yard.log();
    yard.run(0, 165_000, |_, _, _| {});
    let at: u64 = yard.log().split(' ').next().unwrap().parse().unwrap();
    assert!((120_000..=122_000).contains(&at), "{at}");
    assert!(matches!(
        yard.trunks.view(id("pbx")).unwrap().registration,
        Registration::Waiting { status: 408, failures: 2, .. }
    ));
}

#[test]
fn a_new_configuration_keeps_what_it_does_not_change() {
    let hosts = vec![host("192.0.2.1")];
    let one = Trunk { hosts: hosts.clone(), calls_max: 5, ..trunk("one") };
    let two = Trunk { hosts: hosts.clone(), ..trunk("two") };
    let mut yard = Yard::new(vec![one.clone(), two]);
    assert_eq!(yard.log(), "0 one up\n0 two up\n");
    assert!(yard.trunks.admit(id("one"), Now::from_ms(0)).is_ok());
    yard.when(5, |trunks, now, out| trunks.on_failed(id("one"), at("192.0.2.1:5060").peer, None, now, out));
    let fewer = Trunk { calls_max: 1, ..one.clone() };
    yard.when(10, |trunks, now, out| trunks.configure(&config(vec![fewer]), now, out));
    assert_eq!(yard.log(), "10 two unknown\n");
    assert_eq!(yard.trunks.admit(id("one"), Now::from_ms(20)), Err(Full::Calls));
    let kept = yard.trunks.view(id("one")).unwrap();
    assert!(!kept.addresses[0].state.is_good());
    let moved = Trunk { hosts: vec![host("192.0.2.2")], ..one };
    yard.when(30, |trunks, now, out| trunks.configure(&config(vec![moved]), now, out));
    let moved = yard.trunks.view(id("one")).unwrap();
    assert_eq!((moved.calls, moved.addresses[0].state.is_good()), (1, true));
    assert_eq!(yard.log(), "30 one unknown\n30 one up\n", "what was known was known of another place");
    let bytes = postcard::to_stdvec(&yard.trunks).unwrap();
    assert_eq!(postcard::from_bytes::<Trunks>(&bytes).unwrap(), yard.trunks);
}

#[test]
fn every_state_of_an_address_meets_every_event() {
    let now = Mono::from_ms(100_000);
    let quarantined = |answered, until_ms| AddressState::Quarantined { answered, until: Mono::from_ms(until_ms) };
    let states = [
        AddressState::Untried { missed: 0 },
        AddressState::Untried { missed: 1 },
        AddressState::Good { missed: 0 },
        AddressState::Good { missed: 1 },
        quarantined(0, 110_000),
        quarantined(1, 110_000),
        quarantined(0, 90_000),
    ];
    let mut text = String::from("At 100 s.\n");
    for state in states {
        for (event, next) in [
            ("answer", state.on_answer()),
            ("miss", state.on_miss(now)),
            ("failure", state.on_failure(None, now)),
            ("failure, retry after 60 s", state.on_failure(Some(Duration::from_secs(60)), now)),
            ("time, probed", state.on_time(true, now)),
            ("time, not probed", state.on_time(false, now)),
        ] {
            writeln!(text, "{state:?} × {event} → {next:?}").unwrap();
        }
    }
    expect_test::expect_file!["../../../tests/golden/sip-trunk-address.txt"].assert_eq(&text);
}

#[test]
fn every_state_of_a_registration_meets_every_event() {
    let now = Mono::from_ms(100_000);
    let every = Duration::from_secs(60);
    let s = |secs: u64| Mono::from_ms(secs * 1000);
    let states = [
        Registration::Off,
        Registration::due(now),
        Registration::Asking { bound_until: None, failures: 0, give_up_at: s(140) },
        Registration::Asking { bound_until: Some(s(130)), failures: 3, give_up_at: s(140) },
        Registration::Bound { refresh_at: s(150), until: s(190) },
        Registration::Bound { refresh_at: s(100), until: s(140) },
        Registration::Waiting { bound_until: Some(s(90)), failures: 2, status: 503, retry_at: s(120) },
    ];
    let mut text = String::from("At 100 s; refreshed every 60 s.\n");
    for state in states {
        writeln!(
            text,
            "{state:?}\n  bound {} due {} deadline {:?}",
            state.is_bound(now),
            state.is_due(now),
            state.deadline()
        )
        .unwrap();
        for (event, next) in [
            ("sent", state.on_sent(now)),
            ("granted 90 s", state.on_granted(90, every, now)),
            ("granted 30 s", state.on_granted(30, every, now)),
            ("refused 503", state.on_refused(503, None, now, &mut Seeded::new(1))),
            ("refused 403", state.on_refused(403, None, now, &mut Seeded::new(1))),
            ("no answer", state.on_refused(408, None, now, &mut Seeded::new(1))),
            ("too brief", state.on_too_brief(now)),
            ("time", state.on_time(now)),
        ] {
            writeln!(text, "  {event} → {next:?}").unwrap();
        }
    }
    expect_test::expect_file!["../../../tests/golden/sip-trunk-registration.txt"].assert_eq(&text);
}

proptest::proptest! {
    #[test]
    fn whatever_happens_time_goes_on_and_every_change_is_told(
        steps in proptest::collection::vec((0_u8..8, 0_u8..2, 0_u8..3, 0_u32..700, 0_u64..20_000), 1..150)
    ) {
        let with = |name: &str, probe: Option<u64>, register: Option<u64>| Trunk {
            hosts: vec![host("pbx.example"), host("192.0.2.1"), host("192.0.2.2")],
            probe: probe.map(Duration::from_secs),
            register: register.map(Duration::from_secs),
            calls_max: 5,
            ..trunk(name)
        };
        let mut trunks = Trunks::new(1);
        let mut out = Vec::new();
        trunks.configure(&config(vec![with("t0", Some(10), Some(60)), with("t1", None, Some(30))]), Now::from_ms(0), &mut out);
        let (mut told, mut ms) = (std::collections::BTreeMap::new(), 0);
        for (kind, which, address, number, pause) in steps {
            ms += pause;
            let (trunk, now) = (id(&format!("t{which}")), Now::from_ms(ms));
            let peer = at(&format!("192.0.2.{address}:5060"));
            match kind {
                0 => trunks.on_failed(trunk, peer.peer, (number % 2 == 0).then(|| Duration::from_secs(u64::from(number))), now, &mut out),
                1 => trunks.on_probe_answered(trunk, peer.peer, if number % 3 == 0 { 503 } else { 200 }, now, &mut out),
                2 => trunks.on_resolved(trunk, u16::from(address), if number % 2 == 0 { &[] } else { std::slice::from_ref(&peer) }, now, &mut out),
                3 => trunks.on_registered(trunk, number, now, &mut out),
                4 => trunks.on_register_refused(trunk, [401, 423, 408, 503][number as usize % 4], (Some(number), Some(number)), now, &mut out),
                5 => drop(trunks.admit(trunk, now).is_ok()),
                6 => trunks.release(trunk),
                _ => {}
            }
            trunks.on_deadline(now, &mut out);
            proptest::prop_assert!(trunks.deadline().is_none_or(|due| due > now.mono), "stands still");
            for effect in out.drain(..) {
                if let TrunkEffect::Changed { trunk, up } = effect {
                    // Nothing here makes a trunk another.
                    proptest::prop_assert!(up.is_some());
                    proptest::prop_assert_ne!(told.insert(trunk, up), Some(up));
                }
            }
            for view in trunks.views() {
                proptest::prop_assert_eq!(told.get(&view.trunk).copied().flatten(), view.up);
                proptest::prop_assert!(view.calls <= 5 && view.addresses.len() <= ADDRESSES_MAX);
                proptest::prop_assert_ne!(trunks.pick(view.trunk, &[]).is_some(), view.addresses.is_empty());
            }
        }
    }
}
