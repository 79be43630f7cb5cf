//! The call centre that the engine's target runs: every way a call can go is configured, so that whatever is dialled or
//! pressed leads somewhere.

use std::collections::BTreeMap;
use std::time::Duration;

use turno_acd::{AcdConfig, AgentRules, CallbackRules, Overflow, QueueRules, SegmentRules, WrapUp};
use turno_base::{Codec, Need, Number};
use turno_call::{
    Answering, Answers, Briefing, CallConfig, ClassOfService, Codes, Extension, Goal, Mailbox, Menu, ParkRules, Plan,
    Route, SystemPrompts,
};
use turno_engine::{EngineConfig, MediaConfig};

use crate::peers::sip_config;

/// Numbers that lead into the house, and its feature codes.
pub const DIALLED: [&str; 12] =
    ["900", "901", "902", "903", "904", "600", "1002", "*45", "*46", "*68", "*691", "0034600111222"];

const fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// A name that is one.
pub fn name<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect("a name")
}

/// Two queues, three agents, a menu, a mailbox, callbacks, parking, a way outside.
pub fn config() -> EngineConfig {
    EngineConfig {
        seed: 1,
        sip: sip_config(),
        media: MediaConfig { external: None, local_networks: Vec::new(), codecs: vec![Codec::Pcma, Codec::Pcmu] },
        call: call(),
        acd: acd(),
        segment_default: name("standard"),
        value_default_pm: 1000,
        revision: 0,
        deck: turno_tariff::Deck::default(),
        country: "34".into(),
    }
}

fn acd() -> AcdConfig {
    let mut acd = AcdConfig { redial_keeps_place: seconds(60), rescue_credit: seconds(3600), ..AcdConfig::default() };
    for (queue, on_wait) in [("a", Overflow::Queue(name("b"))), ("b", Overflow::Callback)] {
        let rules = QueueRules {
            length_max: 3,
            ring_limit: seconds(15),
            wait_limit: seconds(40),
            wrap_up: WrapUp::AtMost(seconds(5)),
            on_wait,
            announce_every: seconds(10),
            music: Some(name("music")),
            greeting: Some(name("welcome")),
            keys: [('2', Overflow::Menu(name("menu"))), ('3', Overflow::Voicemail(name("box")))].into(),
            ..QueueRules::default()
        };
        acd.queues.insert(name(queue), rules);
        let rules = CallbackRules { key: Some('1'), agent_first: queue == "a", ..CallbackRules::default() };
        acd.callbacks.insert(name(queue), rules);
    }
    let rules = SegmentRules { value_pm: 1000, wait_target: seconds(20), wait_max: seconds(240) };
    acd.segments.insert(name("standard"), rules);
    for (agent, station) in [("anna", "1001"), ("boris", "1002"), ("carla", "1003")] {
        let rules = AgentRules {
            shown: agent.into(),
            queues: vec![name("a"), name("b")],
            code: station.into(),
            station: Some(name(station)),
            no_answer_max: 2,
            ..AgentRules::default()
        };
        acd.agents.insert(name(agent), rules);
    }
    acd
}

fn call() -> CallConfig {
    let menu = Menu {
        prompts: vec![name("welcome")],
        keys: [('1', Goal::Queue(name("a"))), ('2', Goal::Menu(name("menu"))), ('3', Goal::Number("0600".into()))]
            .into(),
        wait: seconds(5),
        times: 2,
        otherwise: Goal::Voicemail(name("box")),
    };
    let mailbox =
        Mailbox { prompts: vec![name("welcome")], longest: seconds(30), silence: seconds(3), least: seconds(1) };
    let class = ClassOfService { allow: vec![("0".into(), vec![name("carrier")])], calls_max: 2 };
    CallConfig {
        routes: routes(),
        extensions: [
            ("600".to_owned(), Extension::Queue(name("b"))),
            ("1002".to_owned(), Extension::Station(name("1002"))),
        ]
        .into(),
        codes: Codes { emergency: "*47".into(), ..Codes::default() },
        park: ParkRules { slots: 2, limit: seconds(30) },
        outside: [(name("all"), class)].into(),
        station_class: ["1001", "1002", "1003"].map(|station| (name(station), name("all"))).into(),
        overflow_class: Some(name("all")),
        callback_class: Some(name("all")),
        callback_shows: Number::default(),
        mailboxes: [(name("box"), mailbox)].into(),
        menus: [(name("menu"), menu)].into(),
        prompts: SystemPrompts { callback_offer: Some(name("welcome")), ..SystemPrompts::default() },
        ring_limit: seconds(30),
        duration_limit: seconds(7200),
        need_language: false,
        answers: Answers { queues: [(name("b"), Answering::ByAgent)].into(), ..Answers::default() },
        briefing: Briefing {
            hands_free: [name("1002")].into(),
            queues: [name("a")].into(),
            tone: Some(name("welcome")),
            words: [(name("b"), vec![name("welcome")])].into(),
            ..Briefing::default()
        },
    }
}

fn routes() -> Vec<Route> {
    let queue = |queue| Plan::Queue { queue: name(queue), need: Need::Anyone, prompts: Vec::new() };
    let plans = BTreeMap::from([
        ("901", Plan::Menu(name("menu"))),
        ("902", Plan::Voicemail(name("box"))),
        ("903", Plan::Agent(name("anna"))),
        ("904", Plan::Prompt(name("welcome"))),
        ("*", queue("a")),
    ]);
    plans.into_iter().map(|(dnis, plan)| Route { dnis: dnis.into(), trunk: None, plan, answer: None }).collect()
}
