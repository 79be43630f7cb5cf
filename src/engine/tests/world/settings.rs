//! How the engine of the world and its parties are configured.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use turno_acd::{AcdConfig, AgentRules, Overflow, QueueRules, ReasonRules, SegmentRules, TooLong, WrapUp};
use turno_base::{AgentId, Codec, Need, Number, QueueId, SegmentId, SkillId, StationId};
use turno_call::{CallConfig, Codes, Extension, Plan, Route};
use turno_sip::config::{Account, Cidr, Credentials, HostPort, Secret, SipConfig, SipRules, Trunk};
use turno_sip::flow::{Listener, ListenerId, Transport};

use super::{CARRIER, ENGINE, NONCE_KEY};
use crate::{EngineConfig, MediaConfig};

pub(in crate::tests) fn name<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

fn host(ip: &str) -> Cidr {
    Cidr { address: ip.parse().unwrap(), prefix: 32 }
}

pub(super) fn sip_config(local: &str, accounts: Vec<Account>, trunks: Vec<Trunk>) -> SipConfig {
    let local: SocketAddr = local.parse().unwrap();
    SipConfig {
        listeners: vec![Listener { transport: Transport::Udp, local, external: None }],
        local_networks: Vec::new(),
        domains: vec![local.ip().to_string()],
        nonce_key: NONCE_KEY,
        accounts,
        trunks,
        rules: SipRules::default(),
    }
}

pub(super) fn trunk(id: &str, at: &str, account: Option<&str>) -> Trunk {
    let at: SocketAddr = at.parse().unwrap();
    Trunk {
        id: name(id),
        networks: vec![host(&at.ip().to_string())],
        hosts: vec![HostPort { host: at.ip().to_string(), port: Some(at.port()) }],
        transport: Some(Transport::Udp),
        listener: ListenerId(0),
        credentials: account.map(|user| Credentials { user: user.into(), password: "secret".into(), realm: None }),
        register: account.map(|_| Duration::from_secs(600)),
        digest_user: None,
        codecs: vec![Codec::Pcma],
        calls_max: 0,
        calls_per_second_max: 0,
        probe: None,
        trusted: true,
    }
}

fn queue() -> QueueRules {
    QueueRules {
        need: Need::AtLeast { skill: name("faults"), level: 1 },
        length_max: 100,
        ring_limit: Duration::from_secs(15),
        wait_limit: Duration::from_secs(120),
        wrap_up: WrapUp::AtMost(Duration::from_secs(5)),
        on_wait: Overflow::Queue(name("general")),
        ..QueueRules::default()
    }
}

pub(in crate::tests) fn config(phones: usize) -> EngineConfig {
    let mut acd = AcdConfig {
        redial_keeps_place: Duration::from_secs(60),
        rescue_credit: Duration::from_secs(3600),
        ..AcdConfig::default()
    };
    acd.queues.insert(name("faults"), queue());
    acd.queues.insert(name("general"), QueueRules { need: Need::Anyone, ..queue() });
    for (segment, value_pm) in [("platinum", 10_000), ("standard", 1000)] {
        let rules = SegmentRules { value_pm, wait_target: Duration::from_secs(20), wait_max: Duration::from_secs(240) };
        acd.segments.insert(name::<SegmentId>(segment), rules);
    }
    acd.reasons.insert(name("lunch"), ReasonRules { paid: true, longest: Duration::ZERO, then: TooLong::Warn });
    let mut accounts = Vec::new();
    let mut extensions = BTreeMap::new();
    extensions.insert("700".to_owned(), Extension::Queue(name("general")));
    for n in 0..phones {
        let (user, station) = (format!("{}", 1001 + n), format!("desk{n}"));
        let agent = AgentRules {
            shown: format!("Agent {n}"),
            skills: [(name::<SkillId>("faults"), 3)].into(),
            queues: vec![name::<QueueId>("faults"), name("general")],
            code: user.clone(),
            station: Some(name(&station)),
            no_answer_max: 2,
            ..AgentRules::default()
        };
        acd.agents.insert(name::<AgentId>(&format!("agent{n}")), agent);
        extensions.insert(user.clone(), Extension::Station(name(&station)));
        let secret = Secret::Password("secret".into());
        accounts.push(Account {
            user,
            secret,
            station: name::<StationId>(&station),
            fixed: None,
            codecs: vec![],
            auto_answer: vec![],
        });
    }
    let plan = Plan::Queue { queue: name("faults"), need: Need::Anyone, prompts: Vec::new() };
    EngineConfig {
        seed: 1,
        sip: sip_config(ENGINE, accounts, vec![trunk("pstn", CARRIER, None)]),
        media: MediaConfig { external: None, local_networks: Vec::new(), codecs: vec![Codec::Pcma, Codec::Pcmu] },
        call: CallConfig {
            routes: vec![Route { dnis: "*".into(), trunk: None, plan, answer: None }],
            extensions,
            codes: Codes { emergency: "*47".into(), ..Codes::default() },
            callback_shows: Number::default(),
            duration_limit: Duration::from_secs(7200),
            ..CallConfig::default()
        },
        acd,
        segment_default: name("standard"),
        value_default_pm: 1000,
        revision: 0,
        deck: turno_tariff::Deck::default(),
        country: "34".into(),
    }
}
