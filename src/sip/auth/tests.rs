//! Who gets in and who does not: tables over requests and their answers, in invented time.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use turno_base::{Now, Seeded, StationId, TrunkId};

use super::*;
use crate::config::{Account, Credentials, Secret, SipConfig, SipRules, Trunk};
use crate::flow::{Listener, ListenerId, Transport};
use crate::message::DigestParams;
use crate::ua::{Count, SipEffect, SipEvent};

const PHONE: &str = "192.0.2.7";
const BOTH: &[Algorithm] = &[Algorithm::Sha256, Algorithm::Md5];

fn account(user: &str, secret: Secret) -> Account {
    Account {
        user: user.into(),
        secret,
        station: StationId::new(user).unwrap(),
        fixed: None,
        codecs: vec![],
        auto_answer: vec![],
    }
}

fn config() -> SipConfig {
    let hashes = Secret::Hashes {
        md5: ha1(Algorithm::Md5, "carla", "turno.example", "c-pass").hex().as_str().into(),
        sha256: String::new(),
    };
    SipConfig {
        listeners: vec![Listener {
            transport: Transport::Udp,
            local: "10.0.0.1:5060".parse().unwrap(),
            external: Some("198.51.100.1:5060".parse().unwrap()),
        }],
        local_networks: vec![],
        domains: vec!["turno.example".into(), "old.example".into()],
        nonce_key: [3; 32],
        accounts: vec![
            account("anna", Secret::Password("a-pass".into())),
            account("boris", Secret::Password("b-pass".into())),
            account("carla", hashes),
        ],
        trunks: vec![],
        rules: SipRules::default(),
    }
}

/// A phone's answer, each part of it to be spoilt by a test.
#[derive(Clone)]
struct Phone {
    user: &'static str,
    password: &'static str,
    realm: &'static str,
    algorithm: Algorithm,
    method: &'static str,
    uri: String,
    nc: u32,
    nonce: String,
}

impl Phone {
    fn of(user: &'static str, password: &'static str, nonce: &str) -> Phone {
        Phone {
            user,
            password,
            realm: "turno.example",
            algorithm: Algorithm::Sha256,
            method: "REGISTER",
            uri: "sip:turno.example".into(),
            nc: 1,
            nonce: nonce.into(),
        }
    }

    fn header(&self) -> String {
        let nc = format!("{:08x}", self.nc);
        let secret = ha1(self.algorithm, self.user, self.realm, self.password);
        let asked =
            Asked { method: self.method, uri: &self.uri, nonce: &self.nonce, counted: Some((nc.as_str(), "c0")) };
        format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", response=\"{}\", algorithm={}, \
             qop=auth, nc={nc}, cnonce=\"c0\"",
            self.user,
            self.realm,
            self.nonce,
            self.uri,
            response(&secret, &asked).hex().as_str(),
            self.algorithm.as_str()
        )
    }
}

struct Door {
    config: SipConfig,
    accounts: Accounts,
    authenticator: Authenticator,
}

impl Door {
    fn new() -> Door {
        let config = config();
        Door { accounts: Accounts::of(&config), config, authenticator: Authenticator::default() }
    }

    fn register(&mut self, source: &str, record: &str, headers: &[&str], ms: u64) -> (Verdict, Vec<Count>) {
        let asking = Asking {
            method: "REGISTER",
            uri: "sip:turno.example",
            source: source.parse().unwrap(),
            record: Some(record),
        };
        self.ask(&asking, headers, ms)
    }

    fn ask(&mut self, asking: &Asking<'_>, headers: &[&str], ms: u64) -> (Verdict, Vec<Count>) {
        let mut out = Vec::new();
        let headers = headers.iter().filter_map(|header| DigestParams::parse(header));
        let verdict =
            self.authenticator.judge(asking, headers, &self.accounts, &self.config, Now::from_ms(ms), &mut out);
        let counts = out.into_iter().map(|effect| match effect {
            SipEffect::Event(SipEvent::Counted(count)) => count,
            other => panic!("{other:?}"),
        });
        (verdict, counts.collect())
    }

    fn nonce(&mut self, ms: u64) -> String {
        let source: IpAddr = PHONE.parse().unwrap();
        self.authenticator.challenge(source, false, &self.config, Now::from_ms(ms)).nonce
    }

    /// One word for what happens to `header` at `ms`.
    fn outcome(&mut self, record: &str, header: &str, ms: u64) -> String {
        let (verdict, counts) = self.register(PHONE, record, &[header], ms);
        match verdict {
            Verdict::Known { station, .. } => station.to_string(),
            Verdict::NotTheirs => "403".into(),
            Verdict::Challenge(challenged) => {
                let stale = if challenged.stale { " stale" } else { "" };
                format!("401{stale} {counts:?}")
            }
        }
    }
}

#[test]
fn a_right_answer_gets_in_with_either_algorithm() {
    let mut door = Door::new();
    for (user, password, algorithm, expected) in [
        ("anna", "a-pass", Algorithm::Sha256, "anna"),
        ("anna", "a-pass", Algorithm::Md5, "anna"),
        ("carla", "c-pass", Algorithm::Md5, "carla"),
        // Only an MD5 hash is stored for Carla.
        ("carla", "c-pass", Algorithm::Sha256, "401 [AuthFailed, Challenged]"),
    ] {
        let phone = Phone { algorithm, ..Phone::of(user, password, &door.nonce(0)) };
        assert_eq!(door.outcome(user, &phone.header(), 10), expected);
    }
}

#[test]
fn what_does_not_fit_is_challenged_again() {
    let wrong = "401 [AuthFailed, Challenged]";
    let stale = "401 stale [Challenged]";
    let missing = "401 [Challenged]";
    type Spoil = fn(&mut Phone);
    let spoil: [(&str, Spoil, &str); 9] = [
        ("wrong password", |p| p.password = "b-pass", wrong),
        ("unknown user", |p| p.user = "zoe", wrong),
        ("empty user", |p| p.user = "", wrong),
        ("made for another method", |p| p.method = "INVITE", wrong),
        ("made for another server", |p| p.uri = "sip:elsewhere.example".into(), wrong),
        ("another realm", |p| p.realm = "elsewhere.example", missing),
        ("count zero", |p| p.nc = 0, wrong),
        ("a nonce of their own", |p| p.nonce = "A".repeat(NONCE_CHARS), stale),
        ("nonce cut", |p| p.nonce.truncate(20), stale),
    ];
    for (what, change, expected) in spoil {
        let mut door = Door::new();
        let mut phone = Phone::of("anna", "a-pass", &door.nonce(0));
        change(&mut phone);
        assert_eq!(door.outcome("anna", &phone.header(), 10), expected, "{what}");
    }
    for (what, from, to, expected) in [
        ("auth-int is not offered", "qop=auth", "qop=auth-int", wrong),
        ("no qop (RFC 2069)", ", qop=auth", "", wrong),
        ("no nonce count", "nc=00000001", "x=1", wrong),
        ("short nonce count", "nc=00000001", "nc=1", wrong),
        ("changed nonce count", "nc=00000001", "nc=00000002", wrong),
        ("no client nonce", "cnonce=\"c0\"", "cnonce=\"\"", wrong),
        ("changed client nonce", "c0", "c1", wrong),
        ("session form", "SHA-256", "SHA-256-sess", wrong),
        ("algorithm changed", "SHA-256", "MD5", wrong),
        ("response cut", "response=\"", "response=\"0", wrong),
        ("user twice", "Digest ", "Digest username=\"anna\", ", missing),
        ("another scheme", "Digest ", "Bearer ", missing),
    ] {
        let mut door = Door::new();
        let phone = Phone::of("anna", "a-pass", &door.nonce(0));
        let header = phone.header().replace(from, to);
        assert_ne!(header, phone.header(), "{what}");
        assert_eq!(door.outcome("anna", &header, 10), expected, "{what}");
    }
}

#[test]
fn an_answer_serves_once_and_for_a_minute() {
    let mut door = Door::new();
    let phone = Phone::of("anna", "a-pass", &door.nonce(1000));
    assert_eq!(door.outcome("anna", &phone.header(), 1000), "anna");
    assert_eq!(door.outcome("anna", &phone.header(), 1001), "401 stale [Replayed, Challenged]");
    let third = Phone { nc: 3, ..phone.clone() };
    assert_eq!(door.outcome("anna", &third.header(), 2000), "anna");
    let second = Phone { nc: 2, ..phone.clone() };
    assert_eq!(door.outcome("anna", &second.header(), 2001), "anna", "overtaken on the way, not replayed");
    assert_eq!(door.outcome("anna", &second.header(), 2002), "401 stale [Replayed, Challenged]");
    let fourth = Phone { nc: 4, ..phone };
    assert_eq!(door.outcome("anna", &fourth.header(), 61_001), "401 stale [Challenged]");
}

#[test]
fn no_configuration_lets_a_nonce_live_longer_than_a_minute() {
    for (configured_s, ms, expected) in
        [(3600, 60_000, "anna"), (3600, 60_001, "401 stale [Challenged]"), (10, 10_001, "401 stale [Challenged]")]
    {
        let mut door = Door::new();
        door.config.rules.nonce_life = Duration::from_secs(configured_s);
        let phone = Phone::of("anna", "a-pass", &door.nonce(0));
        assert_eq!(door.outcome("anna", &phone.header(), ms), expected, "{configured_s} {ms}");
    }
}

#[test]
fn a_nonce_serves_nobody_else() {
    let mut door = Door::new();
    let nonce = door.nonce(0);
    assert_eq!(door.outcome("anna", &Phone::of("anna", "a-pass", &nonce).header(), 1), "anna");
    let boris = Phone { nc: 2, ..Phone::of("boris", "b-pass", &nonce) };
    assert_eq!(door.outcome("boris", &boris.header(), 2), "401 stale [Challenged]");
    let anna = Phone { nc: 3, ..Phone::of("anna", "a-pass", &nonce) };
    let (verdict, _) = door.register("192.0.2.8", "anna", &[&anna.header()], 3);
    assert!(matches!(verdict, Verdict::Challenge(Challenged { stale: true, .. })), "sent from another address");
}

#[test]
fn one_may_register_oneself_only() {
    let mut door = Door::new();
    let phone = Phone::of("anna", "a-pass", &door.nonce(0));
    assert_eq!(door.outcome("boris", &phone.header(), 10), "403");
    let wrong = Phone::of("anna", "no", &door.nonce(0));
    assert_eq!(door.outcome("boris", &wrong.header(), 10), "401 [AuthFailed, Challenged]");
}

#[test]
fn the_answer_with_our_realm_is_found_among_others() {
    let mut door = Door::new();
    let phone = Phone::of("anna", "a-pass", &door.nonce(0));
    let other = Phone { realm: "pbx", ..phone.clone() };
    let (verdict, _) = door.register(PHONE, "anna", &["garbage", &other.header(), &phone.header()], 1);
    assert!(matches!(verdict, Verdict::Known { account: 0, .. }));
}

#[test]
fn unknown_users_and_wrong_passwords_get_the_same_bytes() {
    let headers = |user: &'static str| {
        let mut door = Door::new();
        let phone = Phone::of(user, "wrong", &door.nonce(0));
        let (verdict, counts) = door.register(PHONE, user, &[&phone.header()], 10);
        let Verdict::Challenge(challenged) = verdict else { panic!() };
        (challenge_headers(door.accounts.realm(), &challenged, BOTH, 500, 200), counts)
    };
    assert_eq!(headers("anna"), headers("zoe"));
}

#[test]
fn guesses_past_the_pace_are_not_looked_at_even_if_right() {
    let mut door = Door::new();
    let mut looked_at = 0;
    for n in 0..100 {
        // A different account each time, as an attacker with a list does.
        let user: &'static str = ["u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9"][n % 10];
        let phone = Phone::of(user, "guess", &door.nonce(n as u64 * 10));
        let got = door.outcome(user, &phone.header(), n as u64 * 10);
        looked_at += usize::from(got == "401 [AuthFailed, Challenged]");
    }
    assert!(looked_at <= 30, "{looked_at}");
    let right = Phone::of("anna", "a-pass", &door.nonce(1000));
    assert_eq!(door.outcome("anna", &right.header(), 1000), "401 [GuessRefused, Challenged]");
    let elsewhere = "192.0.2.99";
    let source = elsewhere.parse().unwrap();
    let nonce = door.authenticator.challenge(source, false, &door.config, Now::from_ms(1000)).nonce;
    let (verdict, _) = door.register(elsewhere, "anna", &[&Phone::of("anna", "a-pass", &nonce).header()], 1001);
    assert!(matches!(verdict, Verdict::Known { .. }), "the owner from elsewhere");
}

#[test]
fn a_flood_of_strangers_leaves_nothing_behind() {
    let mut door = Door::new();
    for n in 0..20_000_u32 {
        let source = std::net::Ipv4Addr::from_bits(0x0a00_0000 + n).to_string();
        let forged = Phone { nonce: "B".repeat(NONCE_CHARS), ..Phone::of("anna", "x", "") }.header();
        let header: &[&str] = if n % 2 == 0 { &[] } else { &[&forged] };
        let (verdict, _) = door.register(&source, "anna", header, u64::from(n));
        assert!(matches!(verdict, Verdict::Challenge(_)));
    }
    assert_eq!(door.authenticator.remembered(), (0, 0));
}

#[test]
fn the_uri_of_an_answer_may_differ_as_phones_differ() {
    for (presented, requested, agree) in [
        ("sip:turno.example", "sip:turno.example", true),
        ("sip:turno.example", "sip:turno.example;transport=tcp", true),
        ("sip:turno.example:5060", "sip:turno.example", true),
        ("SIP:Turno.Example", "sip:turno.example", true),
        ("sip:100@turno.example", "sip:100@198.51.100.1:5060", true), // both are ours
        ("sip:100@turno.example", "sip:100@OLD.example", true),
        ("sip:100@[2001:db8::1]:5060", "sip:100@[2001:DB8::1]", true),
        ("sip:%31%30%30@turno.example", "sip:100@turno.example", true),
        ("sip:100;phone-context=x@turno.example", "sip:100@turno.example;user=phone", true),
        ("tel:100", "tel:100", true),
        ("sip:100@turno.example", "sip:101@turno.example", false),
        ("sip:100@turno.example", "sip:100@evil.example", false),
        ("sip:100@evil.example", "sip:100@turno.example", false),
        ("sips:100@turno.example", "sip:100@turno.example", false),
        ("sip:100@evil.example:5070", "sip:100@evil.example", false),
        ("tel:100", "tel:101", false),
        ("sip:Anna@turno.example", "sip:anna@turno.example", false), // user parts keep their case
        ("", "sip:turno.example", false),
        ("sip:[::1@x", "sip:turno.example", false),
        ("sip:turno.example:99999", "sip:turno.example", false),
    ] {
        assert_eq!(super::uri::agree(presented, requested, &config()), agree, "{presented} {requested}");
    }
}

#[test]
fn a_challenge_never_makes_three_times_the_request() {
    let challenged = Challenged { nonce: "n".repeat(NONCE_CHARS), stale: true };
    for (request, bare, values) in [(400, 250, 2), (160, 160, 2), (130, 180, 1), (40, 60, 0), (0, 0, 0)] {
        let headers = challenge_headers("turno.example", &challenged, BOTH, request, bare);
        assert_eq!(headers.len(), values, "{request} {bare}");
        let lines: usize = headers.iter().map(|value| value.len() + 20).sum();
        assert!(headers.is_empty() || bare + lines <= 3 * request);
    }
    let both = challenge_headers("turno.example", &challenged, BOTH, 400, 250);
    assert_eq!(
        both,
        [
            "Digest realm=\"turno.example\", nonce=\"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\", algorithm=SHA-256, qop=\"auth\", stale=true",
            "Digest realm=\"turno.example\", nonce=\"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\", algorithm=MD5, qop=\"auth\", stale=true",
        ]
    );
}

#[test]
fn a_stateless_tag_is_the_same_for_a_retransmission_and_no_other() {
    let tag = |call_id, from, cseq| stateless_tag(&[3; 32], call_id, from, cseq);
    assert_eq!(tag("a", "b", 1), tag("a", "b", 1));
    assert_eq!(tag("a", "b", 1).len(), 16);
    for other in [tag("a", "b", 2), tag("ab", "", 1), tag("", "ab", 1), stateless_tag(&[4; 32], "a", "b", 1)] {
        assert_ne!(other, tag("a", "b", 1));
    }
}

#[test]
fn the_state_survives_a_snapshot() {
    let mut door = Door::new();
    let phone = Phone::of("anna", "a-pass", &door.nonce(0));
    assert_eq!(door.outcome("anna", &phone.header(), 10), "anna");
    let bytes = postcard::to_stdvec(&(&door.authenticator, &door.accounts)).unwrap();
    (door.authenticator, door.accounts) = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(door.outcome("anna", &phone.header(), 11), "401 stale [Replayed, Challenged]");
}

// The client side.

const PBX: &str = "203.0.113.5:5060";

fn trunk(realm: Option<&str>) -> Trunk {
    Trunk {
        id: TrunkId::new("pbx").unwrap(),
        networks: vec![],
        hosts: vec![],
        transport: None,
        listener: ListenerId(0),
        credentials: Some(Credentials {
            user: "turno".into(),
            password: "t-\"pass".into(),
            realm: realm.map(str::to_owned),
        }),
        register: Some(Duration::from_secs(300)),
        digest_user: None,
        codecs: vec![],
        calls_max: 0,
        calls_per_second_max: 0,
        probe: None,
        trusted: false,
    }
}

fn params<'a>(values: &'a [&'a str]) -> impl Iterator<Item = DigestParams<'a>> {
    values.iter().filter_map(|value| DigestParams::parse(value))
}

fn challenger(status: u16, from: &str) -> Challenger {
    Challenger { status, sent_to: PBX.parse().unwrap(), came_from: from.parse::<SocketAddr>().unwrap() }
}

fn answer(trunk: &Trunk, from: &str, challenges: &[&str]) -> Result<Answer, Unanswered> {
    let mut digest = TrunkDigest::default();
    let asked = ("REGISTER", "sip:pbx");
    let seeded = &mut Seeded::new(1);
    digest.answer(trunk, challenger(401, from), params(challenges), asked, &mut Tries::default(), seeded)
}

#[test]
fn a_trunks_challenge_is_answered_for_its_realm_and_address_only() {
    let pbx = "Digest realm=\"pbx\", nonce=\"n\"";
    let other = "Digest realm=\"evil\", nonce=\"n\"";
    let here = trunk(Some("pbx"));
    let any = trunk(None);
    let elsewhere = Trunk {
        networks: vec![crate::config::Cidr { address: "198.51.100.0".parse().unwrap(), prefix: 24 }],
        ..trunk(None)
    };
    let poor = Trunk { credentials: None, ..trunk(None) };
    for (what, trunk, from, challenges, expected) in [
        ("its own", &here, PBX, &[pbx][..], None),
        ("another realm", &here, PBX, &[other], Some(Unanswered::OtherRealm)),
        ("its own among others", &here, PBX, &[other, pbx], None),
        ("any realm", &any, PBX, &[other], None),
        ("another address", &any, "203.0.113.6:5060", &[pbx], Some(Unanswered::OtherAddress)),
        ("another port", &any, "203.0.113.5:5061", &[pbx], Some(Unanswered::OtherAddress)),
        ("the trunk's network", &elsewhere, "198.51.100.9:5060", &[pbx], None),
        ("no credentials", &poor, PBX, &[pbx], Some(Unanswered::NoCredentials)),
        ("nothing readable", &any, PBX, &["Basic realm=\"pbx\""], Some(Unanswered::NotUnderstood)),
        (
            "an algorithm unknown to us",
            &any,
            PBX,
            &["Digest realm=\"pbx\",nonce=\"n\",algorithm=SHA-512-256"],
            Some(Unanswered::NotUnderstood),
        ),
        (
            "only auth-int",
            &any,
            PBX,
            &["Digest realm=\"pbx\",nonce=\"n\",qop=\"auth-int\""],
            Some(Unanswered::NotUnderstood),
        ),
        ("a control character", &any, PBX, &["Digest realm=\"pbx\",nonce=\"n\u{1}\""], Some(Unanswered::NotUnderstood)),
    ] {
        assert_eq!(answer(trunk, from, challenges).err(), expected, "{what}");
    }
    let long = format!("Digest realm=\"pbx\",nonce=\"{}\"", "n".repeat(3000));
    assert_eq!(answer(&any, PBX, &[&long]).err(), Some(Unanswered::NotUnderstood));
}

#[test]
fn the_operator_says_which_algorithms_and_in_which_order() {
    use Algorithm::{Md5, Sha256};
    let challenged = Challenged { nonce: "n".repeat(NONCE_CHARS), stale: false };
    let offered = |digests: &[Algorithm], request| {
        let values = challenge_headers("turno.example", &challenged, digests, request, 180);
        let of = |value: &String| if value.contains("algorithm=MD5") { Md5 } else { Sha256 };
        values.iter().map(of).collect::<Vec<_>>()
    };
    for (digests, large, small) in [
        (&[Md5, Sha256][..], &[Md5, Sha256][..], &[Md5][..]),
        (&[Sha256, Md5], &[Sha256, Md5], &[Md5]),
        (&[Sha256], &[Sha256], &[Sha256]),
        (&[Md5], &[Md5], &[Md5]),
    ] {
        assert_eq!((offered(digests, 500), offered(digests, 125)), (large.to_vec(), small.to_vec()), "{digests:?}");
    }
    // What is not offered is not taken either, however right.
    let mut door = Door::new();
    door.config.rules.digests = vec![Sha256];
    let md5 = Phone { algorithm: Md5, ..Phone::of("anna", "a-pass", &door.nonce(0)) };
    assert_eq!(door.outcome("anna", &md5.header(), 1), "401 [AuthFailed, Challenged]");
    let sha256 = Phone { algorithm: Sha256, ..Phone::of("anna", "a-pass", &door.nonce(0)) };
    assert_eq!(door.outcome("anna", &sha256.header(), 1), "anna");
}

#[test]
fn the_strongest_algorithm_is_answered_and_our_own_server_takes_it() {
    let mut door = Door::new();
    door.config.accounts.push(account("turno", Secret::Password("t-\"pass".into())));
    door.accounts = Accounts::of(&door.config);
    let source: IpAddr = PBX.parse::<SocketAddr>().unwrap().ip();
    let challenged = door.authenticator.challenge(source, false, &door.config, Now::from_ms(0));
    let mut values = challenge_headers("turno.example", &challenged, BOTH, 500, 200);
    values.reverse();
    let headers: Vec<&str> = values.iter().map(String::as_str).collect();
    let mut digest = TrunkDigest::default();
    let (trunk, mut seeded) = (trunk(None), Seeded::new(1));
    let asked = ("REGISTER", "sip:turno.example");
    let first = digest
        .answer(&trunk, challenger(407, PBX), params(&headers), asked, &mut Tries::default(), &mut seeded)
        .unwrap();
    assert_eq!(first.name, "Proxy-Authorization");
    assert!(first.value.contains("algorithm=SHA-256"));
    let ahead = digest.ahead(&trunk, "REGISTER", "sip:turno.example", &mut seeded).unwrap();
    assert!(ahead.value.contains("nc=00000002"));
    for answer in [first, ahead] {
        let (verdict, counts) = door.register(&source.to_string(), "turno", &[&answer.value], 5);
        assert!(matches!(verdict, Verdict::Known { account: 3, .. }), "{answer:?} {counts:?}");
    }
}

#[test]
fn an_old_nonce_is_answered_once_more_and_a_wrong_password_not() {
    let fresh = "Digest realm=\"pbx\", nonce=\"a\", qop=\"auth\"";
    let stale = "Digest realm=\"pbx\", nonce=\"b\", qop=\"auth\", stale=true";
    for (second, third, expected) in
        [(fresh, fresh, [false, false]), (stale, stale, [true, false]), (stale, fresh, [true, false])]
    {
        let (trunk, mut seeded, mut digest) = (trunk(None), Seeded::new(1), TrunkDigest::default());
        let mut tries = Tries::default();
        let mut answers = |challenge: &str| {
            let asked = ("INVITE", "sip:9@pbx");
            digest.answer(&trunk, challenger(401, PBX), params(&[challenge]), asked, &mut tries, &mut seeded).is_ok()
        };
        assert!(answers(fresh));
        assert_eq!([answers(second), answers(third)], expected, "{second} {third}");
        if expected == [false, false] {
            assert_eq!(
                digest.ahead(&trunk, "INVITE", "sip:9@pbx", &mut seeded),
                None,
                "a refused answer is not tried again"
            );
        }
    }
}

#[test]
fn a_challenge_without_qop_is_answered_in_the_old_form_and_not_reused() {
    let (trunk, mut seeded, mut digest) = (trunk(None), Seeded::new(1), TrunkDigest::default());
    let challenges = ["Digest realm=\"pbx\", nonce=\"a\", opaque=\"o\\\"p\""];
    let challenges = params(&challenges);
    let asked = ("REGISTER", "sip:pbx");
    let got =
        digest.answer(&trunk, challenger(401, PBX), challenges, asked, &mut Tries::default(), &mut seeded).unwrap();
    let presented = DigestParams::parse(&got.value).unwrap();
    let secret = ha1(Algorithm::Md5, "turno", "pbx", "t-\"pass");
    let expected = response(&secret, &Asked { method: "REGISTER", uri: "sip:pbx", nonce: "a", counted: None });
    assert_eq!((presented.response(), presented.qop()), (Some(expected.hex().as_str()), None));
    assert!(got.value.ends_with("opaque=\"o\\\"p\""), "{}", got.value);
    assert_eq!(digest.ahead(&trunk, "REGISTER", "sip:pbx", &mut seeded), None);
}
