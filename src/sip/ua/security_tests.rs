//! Who gets in, what leaks and what it costs, through the user agent's front door (docs/reliability.md A1-A4, S4, S5).

use std::net::SocketAddr;

use turno_base::{Cause, Codec, Direction, LegId, Mono, Now, Number, Reason, StationId, TrunkId};

use super::{Count, Dial, Incoming, LocalMedia, Origin, SipEffect, SipEvent, Target, Ua};
use crate::auth::{Algorithm, Asked, ha1, response};
use crate::config::{Account, Cidr, Credentials, HostPort, Secret, SipConfig, SipRules, Trunk};
use crate::flow::{Destination, Flow, Listener, ListenerId, Transport};
use crate::message::{Header, Message};

/// An address of the trusted trunk `pbx`.
pub(super) const TRUNK: &str = "203.0.113.5:5060";
/// An address of the trunk `carrier`, which is not believed.
pub(super) const CARRIER: &str = "198.51.100.5:5060";
/// An address that nobody configured.
pub(super) const STRANGER: &str = "192.0.2.66:5060";
/// Anna's phone.
pub(super) const PHONE: &str = "192.0.2.7:5060";

pub(super) fn udp(peer: &str) -> Flow {
    Flow { transport: Transport::Udp, listener: ListenerId(0), peer: peer.parse().unwrap(), connection: 0 }
}

pub(super) fn tcp(peer: &str, connection: u64) -> Flow {
    Flow { transport: Transport::Tcp, listener: ListenerId(1), connection, ..udp(peer) }
}

/// A user agent with two accounts and two trunks.
pub(super) struct House {
    pub(super) ua: Ua,
    calls: u32,
}

fn account(user: &str) -> Account {
    Account {
        user: user.into(),
        secret: Secret::Password(format!("{user}-pass")),
        station: StationId::new(user).unwrap(),
        fixed: None,
        codecs: vec![Codec::Pcma, Codec::Pcmu],
        auto_answer: Vec::new(),
    }
}

fn trunk(name: &str, network: &str, host: &str, trusted: bool) -> Trunk {
    Trunk {
        id: TrunkId::new(name).unwrap(),
        networks: vec![Cidr { address: network.parse().unwrap(), prefix: 24 }],
        hosts: vec![HostPort { host: host.into(), port: None }],
        transport: None,
        listener: ListenerId(0),
        credentials: Some(Credentials {
            user: "turno".into(),
            password: "t-pass".into(),
            realm: Some("pbx.example".into()),
        }),
        register: None,
        digest_user: None,
        codecs: vec![Codec::Pcma, Codec::Pcmu],
        calls_max: 0,
        calls_per_second_max: 0,
        probe: None,
        trusted,
    }
}

impl House {
    pub(super) fn new() -> House {
        let listener = |transport| Listener { transport, local: "10.0.0.1:5060".parse().unwrap(), external: None };
        let config = SipConfig {
            listeners: vec![listener(Transport::Udp), listener(Transport::Tcp)],
            local_networks: vec![],
            domains: vec!["turno.example".into()],
            nonce_key: [9; 32],
            accounts: vec![account("anna"), account("boris")],
            trunks: vec![
                trunk("pbx", "203.0.113.0", "203.0.113.5", true),
                trunk("carrier", "198.51.100.0", "198.51.100.5", false),
            ],
            rules: SipRules::default(),
        };
        let mut ua = Ua::new(config.clone(), 1);
        ua.configure(config, Now::from_ms(0), &mut Vec::new());
        House { ua, calls: 0 }
    }

    pub(super) fn hear(&mut self, peer: &str, text: &str, ms: u64) -> Vec<SipEffect> {
        let mut out = Vec::new();
        let message = Message::parse(text.replace('\n', "\r\n").into_bytes()).expect("a message");
        self.ua.on_message(udp(peer), &message, Now::from_ms(ms), &mut out);
        out
    }

    pub(super) fn run_until(&mut self, ms: u64) -> Vec<SipEffect> {
        let mut out = Vec::new();
        while let Some(at) = self.ua.deadline().filter(|at| *at <= Mono::from_ms(ms)) {
            self.ua.on_deadline(Now { mono: at, ..Now::from_ms(0) }, &mut out);
        }
        out
    }

    /// OPTIONS from anyone gets its 200.
    pub(super) fn options_is_answered(&mut self, flow: Flow) -> bool {
        self.calls += 1;
        let text = request("OPTIONS", "turno", &format!("o{}", self.calls), "");
        let message = Message::parse(text.replace('\n', "\r\n").into_bytes()).unwrap();
        let mut out = Vec::new();
        self.ua.on_message(flow, &message, Now::from_ms(200_000), &mut out);
        statuses(&out) == [200]
    }

    /// The nonce of a fresh challenge to `peer`.
    pub(super) fn nonce(&mut self, peer: &str, ms: u64) -> String {
        self.calls += 1;
        let out = self.hear(peer, &request("REGISTER", "anna", &format!("n{}", self.calls), ""), ms);
        let answer = sent(&out).remove(0);
        let challenge = answer.www_authenticate().next().unwrap().unwrap();
        challenge.nonce().unwrap().to_owned()
    }

    /// Registers with this password over a fresh nonce.
    pub(super) fn register(&mut self, peer: &str, user: &str, password: &str, ms: u64) -> Vec<SipEffect> {
        let nonce = self.nonce(peer, ms);
        self.calls += 1;
        let headers =
            format!("Authorization: {}\nContact: <sip:{user}@{peer}>\n", digest("REGISTER", user, password, &nonce, 1));
        self.hear(peer, &request("REGISTER", user, &format!("r{}", self.calls), &headers), ms)
    }
}

/// A request with a branch of its own.
pub(super) fn request(method: &str, user: &str, call: &str, headers: &str) -> String {
    let uri = if method == "REGISTER" { "sip:turno.example".to_owned() } else { format!("sip:{user}@turno.example") };
    format!(
        "{method} {uri} SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.200:5060;rport;branch=z9hG4bK{call}\nMax-Forwards: 70\n\
         From: <sip:{user}@turno.example>;tag=f{call}\nTo: <sip:{user}@turno.example>\nCall-ID: {call}\n\
         CSeq: 1 {method}\n{headers}Content-Length: 0\n\n"
    )
}

pub(super) fn digest(method: &str, user: &str, password: &str, nonce: &str, nc: u32) -> String {
    let uri = if method == "REGISTER" { "sip:turno.example" } else { "sip:900@turno.example" };
    let nc = format!("{nc:08x}");
    let secret = ha1(Algorithm::Sha256, user, "turno.example", password);
    let asked = Asked { method, uri, nonce, counted: Some((&nc, "cn")) };
    format!(
        "Digest username=\"{user}\", realm=\"turno.example\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{}\", \
         algorithm=SHA-256, qop=auth, nc={nc}, cnonce=\"cn\"",
        response(&secret, &asked).hex().as_str()
    )
}

pub(super) fn sent(out: &[SipEffect]) -> Vec<Message> {
    let bytes = out.iter().filter_map(|effect| match effect {
        SipEffect::Send { bytes, .. } => Some(bytes.clone()),
        SipEffect::Close(_) | SipEffect::Resolve { .. } | SipEffect::Event(_) => None,
    });
    bytes.map(|bytes| Message::parse(bytes).expect("what we send can be read")).collect()
}

pub(super) fn statuses(out: &[SipEffect]) -> Vec<u16> {
    sent(out).iter().filter_map(Message::status).collect()
}

pub(super) fn counts(out: &[SipEffect], wanted: Count) -> usize {
    out.iter().filter(|effect| **effect == SipEffect::Event(SipEvent::Counted(wanted))).count()
}

pub(super) fn incoming(out: &[SipEffect]) -> Option<&Incoming> {
    out.iter().find_map(|effect| match effect {
        SipEffect::Event(SipEvent::Incoming(incoming)) => Some(&**incoming),
        _ => None,
    })
}

/// A message with what is random in it taken out.
fn without_dice(message: &Message) -> String {
    let text = String::from_utf8(message.bytes().to_vec()).unwrap();
    let mut clean = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("nonce=\"") {
        clean.push_str(&rest[..at]);
        let end = rest[at + 7..].find('"').unwrap();
        rest = &rest[at + 7 + end..];
    }
    clean + rest
}

#[test]
fn a_phone_gets_in_by_sha_256_and_its_answer_serves_once() {
    let mut house = House::new();
    let out = house.hear(PHONE, &request("REGISTER", "anna", "a", ""), 0);
    let challenge = sent(&out).remove(0);
    let algorithms: Vec<_> =
        challenge.www_authenticate().map(|d| d.unwrap().algorithm().map(str::to_owned).unwrap()).collect();
    assert_eq!((challenge.status(), algorithms), (Some(401), vec!["SHA-256".to_owned(), "MD5".to_owned()]));
    let nonce = challenge.www_authenticate().next().unwrap().unwrap().nonce().unwrap().to_owned();
    let contact = format!("Contact: <sip:anna@{PHONE}>\n");
    let authorized = |nc| format!("Authorization: {}\n{contact}", digest("REGISTER", "anna", "anna-pass", &nonce, nc));
    let out = house.hear(PHONE, &request("REGISTER", "anna", "b", &authorized(1)), 1000);
    assert_eq!(statuses(&out), [200]);
    let anna = StationId::new("anna").unwrap();
    assert!(out.contains(&SipEffect::Event(SipEvent::Station { station: anna, reachable: true })));
    // The same answer in another request, in a later one, from another address, spoilt, for another account.
    let replayed = house.hear(PHONE, &request("REGISTER", "anna", "c", &authorized(1)), 1001);
    let carried = house.hear(STRANGER, &request("REGISTER", "anna", "e", &authorized(3)), 1002);
    let fresh = house.nonce(PHONE, 2000);
    let mine = digest("REGISTER", "anna", "anna-pass", &fresh, 1);
    let theirs =
        house.hear(PHONE, &request("REGISTER", "boris", "f", &format!("Authorization: {mine}\n{contact}")), 2000);
    assert_eq!(statuses(&theirs), [403]);
    let spoilt = mine.replace("nc=00000001", "nc=00000002");
    let spoilt = house.hear(PHONE, &request("REGISTER", "anna", "g", &format!("Authorization: {spoilt}\n")), 2000);
    assert_eq!(statuses(&spoilt), [401]);
    let aged = house.hear(PHONE, &request("REGISTER", "anna", "d", &authorized(2)), 61_000);
    for (what, out) in [("replayed", replayed), ("aged", aged), ("carried off", carried)] {
        let answer = sent(&out).remove(0);
        let stale = answer.www_authenticate().all(|d| d.unwrap().is_stale());
        assert_eq!((answer.status(), stale), (Some(401), true), "{what}");
    }
}

#[test]
fn known_and_unknown_users_are_answered_alike() {
    for method in ["REGISTER", "INVITE", "OPTIONS", "SUBSCRIBE", "MESSAGE", "REFER", "BYE"] {
        let headers = "Contact: <sip:x@192.0.2.66>\nEvent: dialog\nRefer-To: <sip:1@x>\n";
        let ask = |user: &str| {
            let out = House::new().hear(STRANGER, &request(method, user, "q", headers), 5);
            let answers: Vec<String> = sent(&out).iter().map(without_dice).collect();
            answers.join("\n").replace(user, "USER")
        };
        assert_eq!(ask("anna"), ask("zoey"), "{method}");
    }
    // With an answer that is wrong for the one and for nobody.
    let guess = |user: &str| {
        let out = House::new().register(STRANGER, user, "guess", 5);
        (without_dice(&sent(&out)[0]).replace(user, "USER"), counts(&out, Count::AuthFailed))
    };
    assert_eq!(guess("anna"), guess("zoey"));
    assert_eq!(guess("anna").1, 1);
}

#[test]
fn a_guesser_gets_thirty_looks_a_minute_and_the_owner_comes_in_from_elsewhere() {
    let mut house = House::new();
    let (mut looked_at, mut refused) = (0, 0);
    for n in 0..200_u64 {
        let user: &str = ["anna", "boris", "carla", "dora", "emil"][n as usize % 5];
        let out = house.register(STRANGER, user, &format!("guess{n}"), n * 300);
        looked_at += counts(&out, Count::AuthFailed);
        refused += counts(&out, Count::GuessRefused);
        assert_eq!(statuses(&out), [401]);
    }
    assert!((5..=30).contains(&looked_at), "{looked_at}");
    assert_eq!(looked_at + refused, 200);
    assert_eq!(statuses(&house.register(STRANGER, "anna", "anna-pass", 60_000)), [401], "closed, even if right");
    assert_eq!(statuses(&house.register(PHONE, "anna", "anna-pass", 60_000)), [200]);
}

#[test]
fn nothing_that_a_stranger_sends_comes_back_threefold_or_is_remembered() {
    for method in ["REGISTER", "INVITE", "OPTIONS", "SUBSCRIBE", "MESSAGE", "REFER", "PUBLISH", "BYE", "NOTIFY", "FOO"]
    {
        let long = format!("Subject: {}\n", "x".repeat(4000));
        for headers in ["", "Contact: <sip:x@192.0.2.66>\n", "Require: nothing, at, all\n", "Event: presence\n", &long]
        {
            let mut house = House::new();
            let before = house.ua.sizes();
            let text = request(method, "anna", "s", headers);
            let mut out = house.hear(STRANGER, &text, 0);
            // Retransmissions count.
            out.extend(house.run_until(64_000));
            let back: usize = sent(&out).iter().map(|message| message.bytes().len()).sum();
            let came = text.replace('\n', "\r\n").len();
            assert!(back <= 3 * came, "{method} {headers:.20}: {back} for {came}");
            let (dialogs, transactions, ..) = house.ua.sizes();
            assert_eq!((dialogs, transactions), (before.0, before.1), "{method}");
        }
    }
    // The smallest that can be answered at all.
    let mut house = House::new();
    let tiny =
        "INVITE sip:a SIP/2.0\nv:SIP/2.0/UDP a;branch=z9hG4bKa\nf:<sip:a>;tag=1\nt:<sip:a>\ni:a\nCSeq:1 INVITE\n\n";
    let out = house.hear(STRANGER, tiny, 0);
    let back: usize = sent(&out).iter().map(|message| message.bytes().len()).sum();
    assert!(back <= 3 * tiny.replace('\n', "\r\n").len(), "{back}");
}

pub(super) fn media() -> LocalMedia {
    let rtp: SocketAddr = "10.0.0.1:30000".parse().unwrap();
    LocalMedia { rtp, rtcp: rtp, codecs: vec![Codec::Pcma], direction: Direction::SendRecv }
}

pub(super) fn dial(to: Target) -> Dial {
    Dial {
        leg: LegId::dialled(1),
        to,
        from: Number { raw: "900".into(), e164: None, withheld: false },
        display: "Turno".into(),
        call_id: String::new(),
        media: media(),
        headers: vec![],
    }
}

/// What comes back at `from` with `status` to a request of ours.
pub(super) fn answer(request: &Message, status: u16, headers: &str) -> String {
    let line = |header: Header| request.lines(header).collect::<Vec<_>>().join(", ");
    format!(
        "SIP/2.0 {status} No\nVia: {}\nFrom: {}\nTo: {};tag=them\nCall-ID: {}\nCSeq: {}\n{headers}Content-Length: 0\n\n",
        line(Header::Via),
        line(Header::From),
        line(Header::To),
        line(Header::CallId),
        line(Header::CSeq)
    )
}

fn with_secret(out: &[SipEffect]) -> Vec<String> {
    let messages = sent(out);
    let headers = messages.iter().flat_map(|message| {
        let both = [Header::Authorization, Header::ProxyAuthorization];
        both.into_iter().flat_map(|header| message.lines(header).map(str::to_owned).collect::<Vec<_>>())
    });
    headers.collect()
}

#[test]
fn our_secret_goes_to_the_trunks_own_challenge_and_no_other() {
    let pbx = Target::Trunk { trunk: TrunkId::new("pbx").unwrap(), number: "112233".into() };
    let ours = "WWW-Authenticate: Digest realm=\"pbx.example\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"\n";
    let foreign = "WWW-Authenticate: Digest realm=\"evil.example\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"\n";
    let basic = "WWW-Authenticate: Basic realm=\"pbx.example\"\n";
    for (what, from, status, challenge, answers) in [
        ("its own", TRUNK, 401, ours, 1),
        ("by a proxy", TRUNK, 407, &*ours.replace("WWW", "Proxy"), 1),
        ("another realm", TRUNK, 401, foreign, 0),
        ("another address", STRANGER, 401, ours, 0),
        ("another trunk's address", CARRIER, 401, ours, 0),
        ("no digest", TRUNK, 401, basic, 0),
        ("no challenge", TRUNK, 401, "", 0),
    ] {
        let mut house = House::new();
        let mut out = Vec::new();
        house.ua.dial(dial(pbx.clone()), Now::from_ms(0), &mut out);
        let invite = sent(&out).remove(0);
        assert_eq!(invite.method_text(), "INVITE");
        assert!(with_secret(&out).is_empty(), "nothing before it is asked for");
        let out = house.hear(from, &answer(&invite, status, challenge), 100);
        let headers = with_secret(&out);
        assert_eq!(headers.len(), answers, "{what}: {headers:?}");
        assert!(headers.iter().all(|header| header.contains("realm=\"pbx.example\"") && !header.contains("t-pass")));
        // A second refusal of the same answer ends it: no password is tried twice.
        if let Some(again) = sent(&out).iter().find(|message| message.method_text() == "INVITE") {
            let second = challenge.replace("n1", "n2");
            let out = house.hear(from, &answer(again, status, &second), 200);
            assert!(with_secret(&out).is_empty(), "{what}");
            assert!(out.iter().any(|effect| matches!(effect, SipEffect::Event(SipEvent::Ended { .. }))), "{what}");
        }
    }
}

#[test]
fn a_phone_or_a_stray_that_asks_for_our_secret_gets_nothing() {
    let ours = "WWW-Authenticate: Digest realm=\"pbx.example\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"\n";
    let mut house = House::new();
    house.register(PHONE, "anna", "anna-pass", 0);
    let mut out = Vec::new();
    house.ua.dial(dial(Target::Station(StationId::new("anna").unwrap())), Now::from_ms(1), &mut out);
    let invite = sent(&out).into_iter().find(|message| message.method_text() == "INVITE").expect("rings");
    let out = house.hear(PHONE, &answer(&invite, 401, ours), 100);
    assert!(with_secret(&out).is_empty());
    // Nobody asked.
    let stray = format!(
        "SIP/2.0 401 No\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKstray\nFrom: <sip:turno@pbx.example>;tag=a\n\
         To: <sip:9@pbx.example>;tag=b\nCall-ID: s\nCSeq: 1 INVITE\n{ours}Content-Length: 0\n\n"
    );
    assert!(sent(&house.hear(TRUNK, &stray, 200)).is_empty());
}

#[test]
fn what_strangers_write_into_internal_headers_goes_nowhere() {
    // In every spelling: blanks before the colon, folded, another case, doubled.
    let smuggled = "X-Turno-Queue: smuggled\nx-turno-queue : smuggled\nX-Customer-Value\t:\n smuggled\n\
                    P-Asserted-Identity: <sip:smuggled@turno.example>\np-asserted-identity : <sip:smuggled@turno.example>\n\
                    P-Preferred-Identity: <sip:smuggled@x>\nRemote-Party-ID: <sip:smuggled@x>\n\
                    Diversion: <sip:smuggled@x>\nHistory-Info: <sip:smuggled@x>;index=1\nP-Charging-Vector: smuggled\n\
                    X-A: smuggled\nX-A: smuggled\nPrivacy: smuggled\nUser-to-User: smuggled\nAlert-Info: <smuggled>\n\
                    Call-Info: <smuggled>\nSubject: smuggled\nOrganization: smuggled\n";
    for (peer, is_believed) in [(CARRIER, false), (TRUNK, true)] {
        let mut house = House::new();
        let text = request("INVITE", "900", "smuggle", &format!("Contact: <sip:a@{peer}>\n{smuggled}"))
            .replace("From: <sip:900@", "From: <sip:+34600111222@");
        let out = house.hear(peer, &text, 0);
        let call = incoming(&out).expect("a call").clone();
        if is_believed {
            assert_eq!(call.ani.raw, "smuggled", "a trusted peer's word counts, so the test can fail");
            continue;
        }
        assert!(!format!("{call:?}").contains("smuggled"), "{call:?}");
        assert_eq!(call.ani.raw, "+34600111222");
        // The call goes on to a phone and to the PBX, is answered, and ends: none of it leaves us.
        let mut all = out;
        house.register(PHONE, "anna", "anna-pass", 1);
        let now = Now::from_ms(10);
        let targets = [
            Target::Station(StationId::new("anna").unwrap()),
            Target::Trunk { trunk: TrunkId::new("pbx").unwrap(), number: "1".into() },
        ];
        for (to, n) in targets.into_iter().zip(1..) {
            let again =
                Dial { leg: LegId::dialled(n), from: call.ani.clone(), display: call.display.clone(), ..dial(to) };
            house.ua.dial(again, now, &mut all);
        }
        house.ua.ring(call.leg, now, &mut all);
        house.ua.progress(call.leg, media(), now, &mut all);
        house.ua.answer(call.leg, media(), now, &mut all);
        house.ua.end(call.leg, Cause::new(200, 16, Reason::Normal), now, &mut all);
        all.extend(house.run_until(60_000));
        let messages = sent(&all);
        assert!(messages.iter().filter(|message| message.method_text() == "INVITE").count() >= 2);
        for message in &messages {
            assert!(!String::from_utf8_lossy(message.bytes()).contains("smuggled"), "{message:?}");
        }
    }
}

#[test]
fn headers_that_the_engine_adds_cannot_break_out_of_their_line() {
    let mut house = House::new();
    let mut out = Vec::new();
    let trunk = TrunkId::new("pbx").unwrap();
    let odd = Dial {
        from: Number { raw: "1\r\nX-Evil: 1".into(), e164: None, withheld: false },
        display: "a\"\r\nX-Evil: 1".into(),
        headers: vec![
            ("Alert-Info".into(), "<x>\r\nX-Evil: 1".into()),
            ("X-Evil\r\nY".into(), "1".into()),
            ("Via".into(), "SIP/2.0/UDP evil;branch=z9hG4bKevil".into()),
        ],
        ..dial(Target::Trunk { trunk, number: "1\r\nX-Evil: 1@evil".into() })
    };
    house.ua.dial(odd, Now::from_ms(0), &mut out);
    for message in sent(&out) {
        assert!(message.lines_named("X-Evil").next().is_none(), "{message:?}");
        assert_eq!(message.vias().count(), 1);
    }
    for effect in &out {
        if let SipEffect::Send { to, .. } = effect {
            let Destination::Address { peer, .. } = to else { panic!("{to:?}") };
            assert_eq!(peer.to_string(), TRUNK);
        }
    }
}

#[test]
fn a_registered_phone_within_a_trunks_network_calls_as_itself() {
    let mut house = House::new();
    let phone = "203.0.113.77:5062";
    assert_eq!(statuses(&house.register(phone, "anna", "anna-pass", 0)), [200]);
    let contact = format!("Contact: <sip:anna@{phone}>\n");
    let out = house.hear(phone, &request("INVITE", "900", "i1", &contact), 10);
    assert_eq!(statuses(&out), [401], "not trusted for its address");
    let nonce = sent(&out)[0].www_authenticate().next().unwrap().unwrap().nonce().unwrap().to_owned();
    let headers = format!("{contact}Authorization: {}\n", digest("INVITE", "anna", "anna-pass", &nonce, 1));
    let out = house.hear(phone, &request("INVITE", "900", "i2", &headers), 20);
    assert_eq!(incoming(&out).expect("a call").origin, Origin::Station(StationId::new("anna").unwrap()));
    // Its neighbour at another port is the trunk.
    let out = house.hear("203.0.113.77:5064", &request("INVITE", "900", "i3", &contact), 30);
    assert_eq!(incoming(&out).expect("a call").origin, Origin::Trunk(TrunkId::new("pbx").unwrap()));
}
