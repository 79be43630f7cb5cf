//! REGISTER in, bindings out: scripts in invented time.

use std::fmt::Write as _;
use std::net::SocketAddr;

use turno_base::{Mono, Now, StationId};

use super::*;
use crate::flow::{Destination, ListenerId, Transport};
use crate::message::Message;

const PHONE: &str = "192.0.2.7:5060";

fn station(name: &str) -> StationId {
    StationId::new(name).unwrap()
}

fn udp(peer: &str) -> Flow {
    Flow { transport: Transport::Udp, listener: ListenerId(0), peer: peer.parse().unwrap(), connection: 0 }
}

fn tcp(peer: &str, connection: u64) -> Flow {
    Flow { transport: Transport::Tcp, connection, ..udp(peer) }
}

fn register(headers: &str) -> Message {
    let text = format!(
        "REGISTER sip:turno.example SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1;rport\n\
         From: <sip:anna@turno.example>;tag=f\nTo: <sip:anna@turno.example>\n{headers}\nContent-Length: 0\n\n"
    );
    Message::parse(text.replace('\n', "\r\n").into_bytes()).unwrap()
}

#[derive(Default)]
struct Office {
    registrar: Registrar,
    rules: SipRules,
}

impl Office {
    /// Registers `who` over `flow`; the status and the effects, as text.
    fn register(&mut self, who: &str, flow: Flow, ms: u64, headers: &str) -> String {
        let message = register(headers);
        let mut out = Vec::new();
        let done = RegisterRequest::read(&message).and_then(|request| {
            self.registrar.register(station(who), &request, flow, &self.rules, Now::from_ms(ms), &mut out)
        });
        let status = done.map_or_else(|refusal| refusal.status(), |()| 200);
        format!("{status}{}", effects(&out))
    }

    fn at(&mut self, ms: u64) -> String {
        let mut out = Vec::new();
        self.registrar.on_deadline(Now::from_ms(ms), &mut out);
        effects(&out)
    }

    fn list(&self, who: &str, ms: u64) -> String {
        let mut text = String::new();
        for b in self.registrar.targets(station(who)) {
            let to = match b.destination {
                Destination::Flow(flow) => format!("flow {}", flow.peer),
                Destination::Address { transport, peer, .. } => format!("{} {peer}", transport.via()),
            };
            let left = b.seconds_left(Mono::from_ms(ms));
            writeln!(text, "{} {left}s q{} by {to} {:?}", b.uri, b.q, b.reach).unwrap();
        }
        text
    }
}

fn effects(out: &[RegistrarEffect]) -> String {
    out.iter().fold(String::new(), |mut text, effect| {
        match effect {
            RegistrarEffect::Station { station, reachable: true } => write!(text, " +{station}"),
            RegistrarEffect::Station { station, reachable: false } => write!(text, " -{station}"),
            RegistrarEffect::Probe(id) => write!(text, " probe {}", id.0),
        }
        .unwrap();
        text
    })
}

#[test]
fn a_phone_comes_stays_and_goes() {
    let mut office = Office::default();
    let contact = "Call-ID: a\nCSeq: 1 REGISTER\nContact: <sip:anna@192.0.2.7:5060>;expires=120";
    assert_eq!(office.register("anna", udp(PHONE), 0, contact), "200 +anna");
    assert_eq!(office.list("anna", 0), "sip:anna@192.0.2.7:5060 120s q1000 by flow 192.0.2.7:5060 Unproven\n");
    let again = contact.replace("CSeq: 1", "CSeq: 2");
    assert_eq!(office.register("anna", udp(PHONE), 60_000, &again), "200");
    assert_eq!(office.list("anna", 60_000), "sip:anna@192.0.2.7:5060 120s q1000 by flow 192.0.2.7:5060 Unproven\n");
    let query = "Call-ID: q\nCSeq: 1 REGISTER\nExpires: 7";
    assert_eq!(office.register("anna", udp(PHONE), 61_000, query), "200");
    assert_eq!(office.registrar.len(), 1);
    assert!(office.registrar.has_flow(udp(PHONE)) && !office.registrar.has_flow(udp("192.0.2.7:5061")));
    let gone = "Call-ID: a\nCSeq: 3 REGISTER\nContact: <sip:anna@192.0.2.7:5060>;expires=0";
    assert_eq!(office.register("anna", udp(PHONE), 62_000, gone), "200 -anna");
    assert_eq!((office.registrar.len(), office.registrar.stations(), office.registrar.deadline()), (0, 0, None));
}

#[test]
fn an_expired_binding_ends_by_its_deadline() {
    let mut office = Office::default();
    office.rules.expires_min = std::time::Duration::from_secs(1);
    let contact = |n: u32, s: u32| {
        format!("Allow: INVITE, ACK\nCall-ID: a\nCSeq: {n} REGISTER\nContact: <sip:anna@192.0.2.7:{n}>;expires={s}")
    };
    office.register("anna", udp(PHONE), 0, &contact(1, 10));
    office.register("anna", udp(PHONE), 0, &contact(2, 20));
    assert_eq!(office.registrar.deadline(), Some(Mono::from_ms(10_000)));
    assert_eq!(office.at(9_999), "");
    assert_eq!(office.at(10_000), "");
    assert_eq!(office.registrar.len(), 1);
    assert_eq!(office.at(20_000), " -anna");
    assert_eq!(office.registrar.deadline(), None);
}

#[test]
fn times_are_bounded_and_what_is_too_brief_is_told_so() {
    for (asked, expected) in [
        (";expires=30", "423"),
        (";expires=60", "200 60"),
        (";expires=600", "200 600"),
        (";expires=99999999", "200 3600"),
        (";expires=99999999999", "200 3600"), // unreadable
        ("", "200 3600"),
        ("\nExpires: 300", "200 300"),
        (";expires=90\nExpires: 300", "200 90"), // its own before the header's
        ("\nExpires: soon", "200 3600"),
    ] {
        let mut office = Office::default();
        let status = office.register(
            "anna",
            udp(PHONE),
            0,
            &format!("Call-ID: a\nCSeq: 1 REGISTER\nContact: <sip:a@192.0.2.7>{asked}"),
        );
        let seconds = office.registrar.bindings_of(station("anna")).map(|b| format!(" {}", b.seconds_left(Mono(0))));
        assert_eq!(format!("{}{}", &status[..3], seconds.collect::<String>()), expected, "{asked}");
    }
}

#[test]
fn a_register_does_all_or_nothing() {
    let mut office = Office::default();
    let two = "Call-ID: a\nCSeq: 5 REGISTER\nContact: <sip:a@192.0.2.7>;q=0.5, <sip:b@192.0.2.7>;q=0.9";
    assert_eq!(office.register("anna", udp(PHONE), 0, two), "200 +anna");
    let before = office.registrar.clone();
    for (what, headers, expected) in [
        ("overtaken", "Call-ID: a\nCSeq: 5 REGISTER\nContact: <sip:c@192.0.2.7>, <sip:a@192.0.2.7>;expires=0", "400"),
        ("overtaken star", "Call-ID: a\nCSeq: 4 REGISTER\nContact: *\nExpires: 0", "400"),
        (
            "one too brief",
            "Call-ID: a\nCSeq: 6 REGISTER\nContact: <sip:c@192.0.2.7>, <sip:a@192.0.2.7>;expires=1",
            "423",
        ),
        ("star with time", "Call-ID: a\nCSeq: 6 REGISTER\nContact: *\nExpires: 60", "400"),
        ("star without", "Call-ID: a\nCSeq: 6 REGISTER\nContact: *", "400"),
        ("star and more", "Call-ID: a\nCSeq: 6 REGISTER\nContact: *, <sip:c@192.0.2.7>\nExpires: 0", "400"),
        ("no SIP address", "Call-ID: a\nCSeq: 6 REGISTER\nContact: <tel:+34600>", "400"),
        ("unreadable", "Call-ID: a\nCSeq: 6 REGISTER\nContact: <sip:c@192.0.2.7", "400"),
        ("too many", "Call-ID: a\nCSeq: 6 REGISTER\nContact: <sip:1@x>, <sip:2@x>, <sip:3@x>, <sip:4@x>", "403"),
    ] {
        assert_eq!(office.register("anna", udp(PHONE), 1, headers), expected, "{what}");
        assert_eq!(office.registrar, before, "{what}");
    }
    let many: String = (0..40).map(|n| format!(",<sip:{n}@x>")).collect();
    let many = format!("Call-ID: a\nCSeq: 6 REGISTER\nContact: <sip:x@x>{many}");
    assert_eq!(office.register("anna", udp(PHONE), 1, &many), "413");
    let long = format!("Call-ID: a\nCSeq: 6 REGISTER\nContact: <sip:{}@x>", "x".repeat(3000));
    assert_eq!(office.register("anna", udp(PHONE), 1, &long), "413");
    assert_eq!(office.registrar, before);
    // Another Call-ID has an order of its own: the phone started again.
    assert_eq!(
        office.register("anna", udp(PHONE), 1, "Call-ID: z\nCSeq: 1 REGISTER\nContact: *\nExpires: 0"),
        "200 -anna"
    );
}

#[test]
fn the_best_contact_comes_first() {
    let mut office = Office::default();
    let three = "Call-ID: a\nCSeq: 5 REGISTER\nContact: <sip:a@192.0.2.7>;q=0.5, <sip:b@192.0.2.7>;q=0.9, <sip:c@192.0.2.7>;q=0.5";
    office.register("anna", udp(PHONE), 0, three);
    let uris: Vec<_> = office.registrar.targets(station("anna")).iter().map(|b| b.uri.clone()).collect();
    assert_eq!(uris, ["sip:b@192.0.2.7", "sip:c@192.0.2.7", "sip:a@192.0.2.7"]);
}

#[test]
fn a_phone_that_keeps_flows_replaces_its_own() {
    let mut office = Office::default();
    let contact = |cseq: u32, port: u32, reg_id: u32, who: &str| {
        format!(
            "Call-ID: c{port}\nCSeq: {cseq} REGISTER\nSupported: outbound, path\nContact: <sip:anna@k{port}.invalid;transport=tcp>;reg-id={reg_id};+sip.instance=\"<urn:uuid:{who}>\""
        )
    };
    office.register("anna", tcp("192.0.2.7:4001", 1), 0, &contact(1, 1, 1, "x"));
    office.register("anna", tcp("192.0.2.7:4002", 2), 0, &contact(1, 2, 2, "x"));
    office.register("anna", tcp("192.0.2.8:4003", 3), 0, &contact(1, 3, 1, "y"));
    // Restarted: another Contact and Call-ID, the same flow number.
    assert_eq!(office.register("anna", tcp("192.0.2.7:4004", 4), 0, &contact(1, 4, 1, "x")), "200");
    assert_eq!(
        office.list("anna", 0),
        "sip:anna@k3.invalid;transport=tcp 3600s q1000 by flow 192.0.2.8:4003 Unproven\n\
         sip:anna@k2.invalid;transport=tcp 3600s q1000 by flow 192.0.2.7:4002 Unproven\n\
         sip:anna@k4.invalid;transport=tcp 3600s q1000 by flow 192.0.2.7:4004 Unproven\n"
    );
    let mut out = Vec::new();
    office.registrar.on_flow_closed(tcp("192.0.2.7:4001", 1), &mut out);
    assert_eq!(office.registrar.len(), 3, "the old flow of a replaced binding");
    for (peer, connection) in [("192.0.2.7:4002", 2), ("192.0.2.8:4003", 3), ("192.0.2.7:4004", 4)] {
        office.registrar.on_flow_closed(tcp(peer, connection), &mut out);
    }
    assert_eq!(effects(&out), " -anna");
    assert!(office.registrar.is_empty());
}

#[test]
fn calls_go_to_the_address_that_registered_and_no_other() {
    let flow = "flow 192.0.2.7:5060";
    for (contact, path, expected) in [
        ("sip:a@192.0.2.7:5060", "", flow),
        ("sip:a@192.0.2.7", "", flow),
        ("sip:a@192.0.2.7:5070", "", "UDP 192.0.2.7:5070"), // sends from one port, listens at another
        ("sip:a@192.0.2.7;transport=TCP", "", "TCP 192.0.2.7:5060"),
        ("sip:a@10.1.2.3:5060", "", flow),    // behind NAT
        ("sip:a@203.0.113.9:5060", "", flow), // a third party
        ("sip:a@phone.example", "", flow),
        ("sip:a@x.invalid", "", flow),
        ("sip:a@10.1.2.3", "Path: <sip:192.0.2.7:5080;lr>", "UDP 192.0.2.7:5080"),
        ("sip:a@10.1.2.3", "Path: <sip:203.0.113.9;lr>", flow),
        ("sip:a@192.0.2.7:5070", "Path: <sip:proxy.example;lr>", flow),
        ("sip:a@192.0.2.7:5070", "Path: garbage", flow),
    ] {
        let mut office = Office::default();
        let path = if path.is_empty() { "Subject: -" } else { path };
        office.register("anna", udp(PHONE), 0, &format!("{path}\nCall-ID: a\nCSeq: 1 REGISTER\nContact: <{contact}>"));
        let list = office.list("anna", 0);
        assert_eq!(list.split(" by ").nth(1).unwrap(), format!("{expected} Unproven\n"), "{contact} {path}");
    }
}

#[test]
fn a_dead_phone_is_unreachable_within_seconds_and_comes_back() {
    let mut office = Office::default();
    office.register("anna", udp(PHONE), 0, "Call-ID: a\nCSeq: 1 REGISTER\nContact: <sip:a@192.0.2.7>");
    let mut log = String::new();
    let mut out = Vec::new();
    for ms in (0..80_000).step_by(500) {
        // It answers, dies at 20 s, and lives again from 60 s.
        let text = office.at(ms);
        if !text.is_empty() {
            writeln!(log, "{ms}{text}").unwrap();
        }
        if text.contains("probe") && !(20_000..60_000).contains(&ms) {
            office.registrar.on_probe_answered(BindingId(1), Now::from_ms(ms), &mut out);
        }
        if !out.is_empty() {
            writeln!(log, "{ms}{}", effects(&out)).unwrap();
            out.clear();
        }
    }
    expect_test::expect![[r#"
        1000 probe 1
        16000 probe 1
        31000 probe 1
        33000 probe 1
        35000 probe 1
        37000 -anna
        50000 probe 1
        65000 probe 1
        65000 +anna
    "#]]
    .assert_eq(&log);
}

#[test]
fn a_phone_that_knows_no_options_stays_reachable_and_one_that_says_so_is_not_asked() {
    let mut office = Office::default();
    office.register("anna", udp(PHONE), 0, "Call-ID: a\nCSeq: 1 REGISTER\nContact: <sip:a@192.0.2.7>");
    let asked: usize = (0..120_000).step_by(500).filter(|ms| !office.at(*ms).is_empty()).count();
    assert_eq!(asked, 8);
    assert!(office.registrar.is_reachable(station("anna")));
    let mut office = Office::default();
    office.register(
        "anna",
        udp(PHONE),
        0,
        "Allow: INVITE, ACK, BYE, CANCEL\nCall-ID: a\nCSeq: 1 REGISTER\nContact: <sip:a@192.0.2.7>",
    );
    assert_eq!(office.registrar.deadline(), Some(Mono::from_ms(3_600_000)));
}

#[test]
fn at_the_bound_dead_bindings_make_room() {
    let mut office = Office::default();
    let contact = |n: u32| format!("Call-ID: c{n}\nCSeq: 1 REGISTER\nContact: <sip:a@192.0.2.7:{}>", 6000 + n);
    for n in 1..=5 {
        assert_eq!(&office.register("anna", udp(PHONE), 0, &contact(n))[..3], "200");
    }
    assert_eq!(office.register("anna", udp(PHONE), 0, &contact(6)), "403");
    let mut out = Vec::new();
    office.registrar.on_probe_answered(BindingId(2), Now::from_ms(1), &mut out);
    for _ in 0..PROBE_MISSES_MAX {
        office.registrar.on_probe_failed(BindingId(2), Now::from_ms(1), &mut out);
    }
    assert_eq!(office.register("anna", udp(PHONE), 2, &contact(6)), "200");
    let ids: Vec<u64> = office.registrar.bindings_of(station("anna")).map(|b| b.id.0).collect();
    assert_eq!(ids, [1, 3, 4, 5, 6]);
}

#[test]
fn after_a_restart_streams_are_gone_and_who_listens_is_called_there() {
    let mut office = Office::default();
    let contact = |uri: &str| format!("Call-ID: {uri}\nCSeq: 1 REGISTER\nContact: <sip:{uri};transport=tcp>");
    office.register("anna", tcp("192.0.2.7:40001", 1), 0, &contact("a@192.0.2.7:5060"));
    office.register("boris", tcp("192.0.2.7:40002", 2), 0, &contact("b@10.0.0.2:5060"));
    office.register("carla", tcp("192.0.2.7:40003", 3), 0, &contact("c@192.0.2.7:40003"));
    office.register("dora", udp(PHONE), 0, "Call-ID: d\nCSeq: 1 REGISTER\nContact: <sip:d@192.0.2.7>");
    let bytes = postcard::to_stdvec(&office.registrar).unwrap();
    let mut office = Office { registrar: postcard::from_bytes(&bytes).unwrap(), ..Office::default() };
    let mut out = Vec::new();
    office.registrar.on_restart(&mut out);
    assert_eq!(effects(&out), " -boris -carla");
    assert_eq!(
        office.list("anna", 0),
        "sip:a@192.0.2.7:5060;transport=tcp 3600s q1000 by TCP 192.0.2.7:5060 Unproven\n"
    );
    assert_eq!(office.registrar.len(), 2);
}

#[test]
fn the_answer_lists_all_bindings() {
    let mut office = Office::default();
    office.register("anna", udp(PHONE), 0, "Call-ID: b\nCSeq: 1 REGISTER\nContact: <sip:b@192.0.2.7:5070?x=y>;q=0.25");
    let headers = "Path: <sip:192.0.2.7;lr>\nSupported: path, outbound\nCall-ID: a\nCSeq: 1 REGISTER\n\
                   Contact: \"A\" <sip:a@192.0.2.7>;reg-id=1;+sip.instance=\"<urn:uuid:1>\";expires=600";
    office.register("anna", udp(PHONE), 1000, headers);
    let source: SocketAddr = PHONE.parse().unwrap();
    let message = register(headers);
    let bytes = register_response(&office.registrar, station("anna"), &message, source, "t", Now::from_ms(61_000));
    expect_test::expect![[r#"
        SIP/2.0 200 OK
        Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1;rport=5060;received=192.0.2.7
        From: <sip:anna@turno.example>;tag=f
        To: <sip:anna@turno.example>;tag=t
        Call-ID: a
        CSeq: 1 REGISTER
        Contact: <sip:b@192.0.2.7:5070>;expires=3539;q=0.250
        Contact: <sip:a@192.0.2.7>;expires=540;+sip.instance="<urn:uuid:1>";reg-id=1
        Require: outbound
        Path: <sip:192.0.2.7;lr>
        Supported: path, outbound
        Content-Length: 0

    "#]]
    .assert_eq(&String::from_utf8(bytes).unwrap().replace("\r\n", "\n"));
    let least = std::time::Duration::from_secs(60);
    let bytes = refusal_response(Refusal::TooBrief { least }, &message, source, "t");
    assert!(String::from_utf8(bytes).unwrap().contains("SIP/2.0 423 Interval Too Brief\r\n"));
}

#[test]
fn ten_thousand_registrations_come_refresh_and_go() {
    let mut office = Office::default();
    for round in 1..=2_u64 {
        for n in 0..10_000_u32 {
            let flow = udp(&format!("10.0.{}.{}:5060", n / 250, n % 250));
            let headers =
                format!("Call-ID: c{n}\nCSeq: {round} REGISTER\nContact: <sip:u@10.0.{}.{}>", n / 250, n % 250);
            let got = office.register(&format!("u{n}"), flow, round * 1000, &headers);
            assert_eq!(got.len(), if round == 1 { format!("200 +u{n}").len() } else { 3 });
        }
    }
    assert_eq!((office.registrar.len(), office.registrar.stations()), (10_000, 10_000));
    let mut probes = 0;
    let mut now = Now::from_ms(3000);
    while probes < 10_000 {
        let mut out = Vec::new();
        now.mono = now.mono.max(office.registrar.deadline().unwrap());
        office.registrar.on_deadline(now, &mut out);
        assert!(out.len() <= PROBES_PER_SLOT_MAX);
        probes += out.len();
    }
    // All were due at 3 s; the last is asked 625 slots later, long before the first again.
    assert_eq!(now.mono, Mono::from_ms(3000 + 6240));
    while let Some(at) = office.registrar.deadline() {
        now.mono = now.mono.max(at);
        office.registrar.on_deadline(now, &mut Vec::new());
        if at < Mono::from_ms(3_602_000) {
            now.mono = Mono::from_ms(3_602_000);
        }
    }
    assert_eq!((office.registrar.len(), office.registrar.stations()), (0, 0));
}

#[test]
fn every_state_of_reach_meets_every_event() {
    let mut text = String::new();
    let states = [
        Reach::Unproven,
        Reach::Answering { missed: 0 },
        Reach::Answering { missed: 1 },
        Reach::Answering { missed: 2 },
        Reach::Silent,
    ];
    for state in states {
        for (event, next) in
            [("answer", state.on_answer()), ("miss", state.on_miss()), ("register", state.on_register())]
        {
            let word = |reach: Reach| if reach.is_reachable() { "reachable" } else { "unreachable" };
            writeln!(text, "{state:?} ({}) × {event} → {next:?} ({})", word(state), word(next)).unwrap();
        }
    }
    expect_test::expect_file!["../../../tests/golden/sip-registrar-reach.txt"].assert_eq(&text);
}

/// Every index says the same as the bindings.
fn is_whole(registrar: &Registrar) -> bool {
    let bindings = &registrar.bindings;
    let expiries: BTreeSet<_> = bindings.values().map(|b| (b.expires_at, b.id)).collect();
    let probes: BTreeSet<_> = bindings.values().filter_map(|b| Some((b.probe_at?, b.id))).collect();
    let flows: BTreeSet<_> = bindings.values().map(|b| (b.flow, b.id)).collect();
    let stations: usize = registrar.by_station.values().map(Vec::len).sum();
    let listed = registrar.by_station.iter().all(|(station, ids)| {
        !ids.is_empty() && ids.iter().all(|id| bindings.get(id).is_some_and(|b| b.station == *station))
    });
    expiries == registrar.expiries
        && probes == registrar.probes
        && flows == registrar.by_flow
        && stations == bindings.len()
        && listed
}

proptest::proptest! {
    #[test]
    fn whatever_happens_the_indexes_agree_and_every_change_is_told(
        steps in proptest::collection::vec((0_u8..9, 0_u64..3, 0_u64..4, 1_u32..50, 0_u64..40_000), 1..120)
    ) {
        let mut office = Office::default();
        let mut told = std::collections::BTreeMap::new();
        let mut ms = 0;
        for (step, (kind, who, port, cseq, pause)) in steps.into_iter().enumerate() {
            ms += pause;
            let now = Now::from_ms(ms);
            let (name, mut out) = (format!("s{who}"), Vec::new());
            let flow = if port % 2 == 0 { udp(&format!("192.0.2.{who}:{}", 5060 + port)) } else { tcp(&format!("192.0.2.{who}:{}", 5060 + port), port) };
            let id = BindingId(1 + u64::from(cseq) % (step as u64 + 1));
            match kind {
                0..=4 => {
                    let outbound = if kind == 1 { format!(";reg-id={};+sip.instance=\"<urn:u{who}>\"", port % 2 + 1) } else { String::new() };
                    let headers = match kind {
                        3 => "Contact: *\nExpires: 0".to_owned(),
                        _ => format!("Contact: <sip:{name}@192.0.2.{who}:{}>;expires={}{outbound}", 5060 + port, if kind == 2 { 0 } else { 60 + pause / 100 }),
                    };
                    let message = register(&format!("Call-ID: c{port}\nCSeq: {cseq} REGISTER\n{headers}"));
                    let request = RegisterRequest::read(&message).unwrap();
                    let before = office.registrar.clone();
                    if office.registrar.register(station(&name), &request, flow, &office.rules, now, &mut out).is_err() {
                        proptest::prop_assert_eq!(&before, &office.registrar);
                    }
                }
                5 => office.registrar.on_flow_closed(flow, &mut out),
                6 => office.registrar.on_probe_answered(id, now, &mut out),
                7 => office.registrar.on_probe_failed(id, now, &mut out),
                _ => office.registrar.on_deadline(now, &mut out),
            }
            for effect in out {
                if let RegistrarEffect::Station { station, reachable } = effect {
                    proptest::prop_assert_ne!(told.insert(station, reachable), Some(reachable));
                }
            }
            proptest::prop_assert!(is_whole(&office.registrar));
            for who in 0..3 {
                let station = station(&format!("s{who}"));
                proptest::prop_assert!(office.registrar.bindings_of(station).count() <= office.rules.bindings_max as usize);
                proptest::prop_assert_eq!(told.get(&station).copied().unwrap_or(false), office.registrar.is_reachable(station));
            }
        }
        while let Some(at) = office.registrar.deadline() {
            ms = ms.max(at.as_ms() + 1);
            office.registrar.on_deadline(Now::from_ms(ms), &mut Vec::new());
            ms += 60_000;
        }
        proptest::prop_assert!(office.registrar.is_empty());
    }
}

#[test]
fn probes_that_are_due_together_go_out_a_few_at_a_time() {
    let mut office = Office::default();
    for n in 0..40 {
        let contact = format!("Call-ID: c{n}\nCSeq: 1 REGISTER\nContact: <sip:p{n}@192.0.2.7:{}>", 6000 + n);
        assert_eq!(&office.register(&format!("p{n}"), udp(PHONE), 0, &contact)[..3], "200");
    }
    let begun = office.registrar.deadline().unwrap();
    let mut sent = Vec::new();
    while let Some(at) = office.registrar.deadline().filter(|at| *at < begun + PROBE_WAIT) {
        let mut out = Vec::new();
        office.registrar.on_deadline(Now { mono: at, ..Now::default() }, &mut out);
        sent.push((at.since(begun).as_millis(), out.len()));
    }
    assert_eq!(sent, [(0, PROBES_PER_SLOT_MAX), (10, PROBES_PER_SLOT_MAX), (20, 40 - 2 * PROBES_PER_SLOT_MAX)]);
}
