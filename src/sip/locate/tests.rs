//! Names in, addresses out, against a written-down DNS.

use std::collections::BTreeMap;

use super::*;

/// `name type data…` lines.
struct Dns(BTreeMap<Question, Answer>);

impl Dns {
    fn new(zone: &str) -> Dns {
        let mut dns = BTreeMap::new();
        for line in zone.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let name = words[0].to_owned();
            let number = |at: usize| words[at].parse().unwrap();
            match words[1] {
                "NAPTR" => {
                    let record = Naptr {
                        order: number(2),
                        preference: number(3),
                        flags: words[4].into(),
                        service: words[5].into(),
                        replacement: words[6].into(),
                    };
                    match dns.entry(Question::Naptr(name)).or_insert(Answer::Naptr(vec![])) {
                        Answer::Naptr(records) => records.push(record),
                        other => panic!("{other:?}"),
                    }
                }
                "SRV" => {
                    let record =
                        Srv { priority: number(2), weight: number(3), port: number(4), target: words[5].into() };
                    match dns.entry(Question::Srv(name)).or_insert(Answer::Srv(vec![])) {
                        Answer::Srv(records) => records.push(record),
                        other => panic!("{other:?}"),
                    }
                }
                "A" => {
                    match dns.entry(Question::Addresses(name)).or_insert(Answer::Addresses(vec![])) {
                        Answer::Addresses(addresses) => addresses.push(words[2].parse().unwrap()),
                        other => panic!("{other:?}"),
                    };
                }
                other => panic!("{other}"),
            }
        }
        Dns(dns)
    }

    fn ask(&self, question: &Question) -> Answer {
        self.0.get(question).cloned().unwrap_or(match question {
            Question::Naptr(_) => Answer::Naptr(vec![]),
            Question::Srv(_) => Answer::Srv(vec![]),
            Question::Addresses(_) => Answer::Addresses(vec![]),
        })
    }
}

/// What `host` leads to, and how many questions it took.
fn locate(dns: &Dns, host: &str, port: Option<u16>, transport: Option<Transport>) -> (String, usize) {
    let mut location = Location::new(&HostPort { host: host.into(), port }, transport, 1);
    let mut asked = 0;
    loop {
        let questions = location.questions();
        if questions.is_empty() {
            break;
        }
        assert_eq!(location.resolved(), None);
        for question in questions {
            asked += 1;
            location.answer(&question, &dns.ask(&question));
        }
    }
    let resolved = location.resolved().unwrap();
    let words = resolved.iter().map(|to| format!("{} {}", to.transport.via(), to.peer));
    (words.collect::<Vec<_>>().join(", "), asked)
}

const ZONE: &str = "\
carrier.example NAPTR 20 10 s SIP+D2U _sip._udp.carrier.example
carrier.example NAPTR 10 20 s SIP+D2T _sip._tcp.carrier.example
carrier.example NAPTR 10 10 s SIPS+D2T _sips._tcp.carrier.example
carrier.example NAPTR 5 10 u E2U+sip !^.*$!sip:x@y!
_sip._tcp.carrier.example SRV 0 0 5080 a.carrier.example
_sip._udp.carrier.example SRV 2 0 5061 b.carrier.example
_sip._udp.carrier.example SRV 1 0 5060 a.carrier.example
a.carrier.example A 192.0.2.1
a.carrier.example A 2001:db8::1
b.carrier.example A 192.0.2.2
srv.example A 192.0.2.9
_sip._tcp.srv.example SRV 1 1 5070 b.carrier.example
plain.example A 192.0.2.3
gone.example A 192.0.2.4
_sip._udp.gone.example SRV 0 0 0 .
_sip._udp.literal.example SRV 0 0 5090 192.0.2.5
_sip._udp.dead.example SRV 0 0 5060 nowhere.example";

#[test]
fn a_host_leads_where_rfc_3263_says() {
    let dns = Dns::new(ZONE);
    let tcp = Some(Transport::Tcp);
    for (host, port, transport, expected, asked) in [
        ("192.0.2.7", None, None, "UDP 192.0.2.7:5060", 0),
        ("192.0.2.7", Some(5070), tcp, "TCP 192.0.2.7:5070", 0),
        ("2001:db8::7", None, None, "UDP [2001:db8::7]:5060", 0),
        ("plain.example", Some(5070), None, "UDP 192.0.2.3:5070", 1), // a port: no SRV
        ("plain.example", Some(5070), tcp, "TCP 192.0.2.3:5070", 1),
        ("plain.example", None, None, "UDP 192.0.2.3:5060", 4), // NAPTR, two SRV, addresses
        ("plain.example", None, tcp, "TCP 192.0.2.3:5060", 2),
        ("srv.example", None, None, "TCP 192.0.2.2:5070", 4), // only TCP is served
        ("srv.example", None, Some(Transport::Udp), "UDP 192.0.2.9:5060", 2),
        ("gone.example", None, Some(Transport::Udp), "", 1), // decidedly not served
        ("literal.example", None, None, "UDP 192.0.2.5:5090", 3),
        ("dead.example", None, None, "", 4),
        ("unknown.example", None, None, "", 4),
        (
            "carrier.example",
            None,
            None,
            "TCP 192.0.2.1:5080, TCP [2001:db8::1]:5080, UDP 192.0.2.1:5060, UDP [2001:db8::1]:5060, UDP 192.0.2.2:5061",
            5,
        ),
    ] {
        let (got, questions) = locate(&dns, host, port, transport);
        assert_eq!((got.as_str(), questions), (expected, asked), "{host} {port:?} {transport:?}");
    }
}

#[test]
fn answers_are_bounded_and_strays_change_nothing() {
    let mut zone = String::new();
    for n in 0..100 {
        zone.push_str(&format!("big.example NAPTR 1 {n} s SIP+D2U _s{n}.big.example\n"));
        for m in 0..100 {
            zone.push_str(&format!("_s{n}.big.example SRV 1 1 {m} t{m}.big.example\n"));
        }
    }
    for m in 0..100 {
        for n in 0..60 {
            zone.push_str(&format!("t{m}.big.example A 10.0.{m}.{n}\n"));
        }
    }
    let dns = Dns::new(zone.trim_end());
    let (got, questions) = locate(&dns, "big.example", None, None);
    assert_eq!(got.split(", ").count(), ADDRESSES_MAX);
    assert!(questions <= 1 + SERVICES_MAX + TARGETS_MAX, "{questions}");
    let mut location = Location::new(&HostPort { host: "a.example".into(), port: None }, None, 1);
    let before = location.clone();
    location.answer(&Question::Srv("x".into()), &Answer::Srv(vec![]));
    location.answer(&Question::Naptr("b.example".into()), &Answer::Naptr(vec![]));
    location.answer(&Question::Naptr("a.example".into()), &Answer::Srv(vec![]));
    assert_eq!(location, before);
}

#[test]
fn weights_are_chances_and_priorities_are_not() {
    let srv = |priority, weight, target: &str| Srv { priority, weight, port: 5060, target: target.into() };
    let records = [srv(2, 0, "last"), srv(1, 10, "light"), srv(1, 90, "heavy"), srv(1, 0, "zero")];
    let mut seeded = Seeded::new(1);
    let mut first = BTreeMap::<String, u32>::new();
    for _ in 0..10_000 {
        let drawn = by_priority(&records, &mut seeded);
        assert_eq!(drawn.len(), 4);
        assert_eq!(drawn[3].target, "last");
        *first.entry(drawn[0].target.clone()).or_default() += 1;
    }
    assert!((8600..9200).contains(&first["heavy"]), "{first:?}");
    assert!((800..1200).contains(&first["light"]), "{first:?}");
    assert!((20..250).contains(&first["zero"]), "{first:?}"); // a small chance (RFC 2782)
    let once = by_priority(&records, &mut Seeded::new(5));
    assert_eq!(once, by_priority(&records, &mut Seeded::new(5)), "the seed decides");
}
