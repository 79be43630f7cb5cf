//! The dial plan: which call goes where. `route` decides; this file's types are what the operator configured.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use turno_base::{AgentId, Name, Need, Number, PromptId, QueueId, StationId, TrunkId};

use crate::briefing::Briefing;
use crate::early::{Answering, Answers};

/// Everything the call room needs to know from outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallConfig {
    /// Routes for numbers that arrive by trunks; exact before prefix, longest prefix first.
    pub routes: Vec<Route>,
    /// Extensions that stations may dial and transfers may name.
    pub extensions: BTreeMap<String, Extension>,
    /// Feature codes.
    pub codes: Codes,
    /// Parking.
    pub park: ParkRules,
    /// Who may call outside, by which trunk; nobody who is not named (S1).
    pub outside: BTreeMap<Name, ClassOfService>,
    /// Stations' class of service; a station without one calls nobody outside.
    pub station_class: BTreeMap<StationId, Name>,
    /// Class of service of overflows to a number; none: refused.
    pub overflow_class: Option<Name>,
    /// Class of service of callbacks; none: nobody is called back.
    pub callback_class: Option<Name>,
    /// The number that a customer who is called back sees.
    pub callback_shows: Number,
    /// Mailboxes.
    pub mailboxes: BTreeMap<Name, Mailbox>,
    /// Menus.
    pub menus: BTreeMap<Name, Menu>,
    /// Prompts that the call room says itself.
    pub prompts: SystemPrompts,
    /// Longest ring of a leg that no queue dialled (internal, outside).
    pub ring_limit: Duration,
    /// Longest call.
    pub duration_limit: Duration,
    /// Language skill is added to what a queued call needs.
    pub need_language: bool,
    /// When callers are answered.
    pub answers: Answers,
    /// What agents hear before their callers.
    pub briefing: Briefing,
}

/// Of an operator who has configured nothing: no number leads anywhere.
impl Default for CallConfig {
    fn default() -> CallConfig {
        CallConfig {
            routes: Vec::new(),
            extensions: BTreeMap::new(),
            codes: Codes::default(),
            park: ParkRules::default(),
            outside: BTreeMap::new(),
            station_class: BTreeMap::new(),
            overflow_class: None,
            callback_class: None,
            callback_shows: Number { withheld: true, ..Number::default() },
            mailboxes: BTreeMap::new(),
            menus: BTreeMap::new(),
            prompts: SystemPrompts::default(),
            ring_limit: Duration::from_secs(30),
            duration_limit: Duration::from_secs(4 * 3600),
            need_language: false,
            answers: Answers::default(),
            briefing: Briefing::default(),
        }
    }
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Digits that were dialled; with a trailing `*` a prefix; `*` alone everything.
    pub dnis: String,
    /// Only by this trunk.
    pub trunk: Option<TrunkId>,
    /// What then.
    pub plan: Plan,
    /// When the caller is answered, whatever his number and queue say.
    pub answer: Option<Answering>,
}

/// What happens with a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Plan {
    /// Wait for an agent.
    Queue {
        /// Where.
        queue: QueueId,
        /// Beyond the queue's own.
        need: Need,
        /// Played once after the answer, before the queue's own greeting.
        prompts: Vec<PromptId>,
    },
    /// Ring a station.
    Station(StationId),
    /// Ring the agent, wherever he sits.
    Agent(AgentId),
    /// Say this and hang up.
    Prompt(PromptId),
    /// Let him choose.
    Menu(Name),
    /// Let him leave a message.
    Voicemail(Name),
    /// Refuse with this SIP status, 400..=699.
    Refuse(u16),
}

/// A prompt, and keys that lead on (V1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Menu {
    /// Said once each, in order.
    pub prompts: Vec<PromptId>,
    /// Where each key leads.
    pub keys: BTreeMap<char, Goal>,
    /// After the prompts there is so long for a key.
    pub wait: Duration,
    /// It is said so often, at least once.
    pub times: u8,
    /// Where he goes who presses none.
    pub otherwise: Goal,
}

/// Where callers leave messages (R27).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    /// Said before the tape begins; the last of them is best a tone.
    pub prompts: Vec<PromptId>,
    /// Longest message.
    pub longest: Duration,
    /// So much silence ends it.
    pub silence: Duration,
    /// Shorter messages are not kept.
    pub least: Duration,
}

/// Where a key leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Goal {
    /// A queue.
    Queue(QueueId),
    /// A menu.
    Menu(Name),
    /// A mailbox.
    Voicemail(Name),
    /// A number outside, by the class of service of overflows.
    Number(String),
    /// A prompt, then good-bye.
    Prompt(PromptId),
    /// Good-bye at once.
    HangUp,
}

/// What an extension is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Extension {
    /// A queue.
    Queue(QueueId),
    /// A station.
    Station(StationId),
    /// An agent.
    Agent(AgentId),
}

/// Feature codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Codes {
    /// Log in or out; default `*45`.
    pub in_out: String,
    /// Pause or ready; default `*46`.
    pub pause: String,
    /// Emergency switch; empty: none. Whoever may dial it may switch.
    pub emergency: String,
    /// A transfer to it parks; default `*68`, then the slot or nothing.
    pub park: String,
    /// Takes a call; default `*69`, then a slot, the extension of a queue, or nothing.
    pub pull: String,
}

impl Default for Codes {
    fn default() -> Codes {
        Codes {
            in_out: "*45".to_owned(),
            pause: "*46".to_owned(),
            emergency: String::new(),
            park: "*68".to_owned(),
            pull: "*69".to_owned(),
        }
    }
}

/// Parking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkRules {
    /// Slots, 0..=[`crate::PARK_SLOTS_MAX`].
    pub slots: u32,
    /// A parked call goes back after so long.
    pub limit: Duration,
}

impl Default for ParkRules {
    fn default() -> ParkRules {
        ParkRules { slots: 20, limit: Duration::from_secs(120) }
    }
}

/// Where somebody may call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassOfService {
    /// Prefixes of dialled numbers and the trunk group that carries them, in order of preference; longest prefix wins.
    pub allow: Vec<(String, Vec<TrunkId>)>,
    /// Most outside calls at once per station.
    pub calls_max: u32,
}

/// Prompts that the call room says itself; what is absent is not said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemPrompts {
    /// "You are number …", then a digit prompt.
    pub position: Option<PromptId>,
    /// Numbers 1.. in order, as far as they exist.
    pub digits: Vec<PromptId>,
    /// "The wait is about …", then a digit prompt and `wait_minutes`.
    pub wait: Option<PromptId>,
    /// "… minutes".
    pub wait_minutes: Option<PromptId>,
    /// "The wait is about one minute".
    pub wait_minute: Option<PromptId>,
    /// "We were cut off; the next agent is yours": to a caller whose agent's leg died.
    pub rescued: Option<PromptId>,
    /// A feature code was done.
    pub done: Option<PromptId>,
    /// A feature code was refused.
    pub refused: Option<PromptId>,
    /// Offers a callback to a caller whom his queue does not keep.
    pub callback_offer: Option<PromptId>,
    /// A callback is booked.
    pub callback_taken: Option<PromptId>,
    /// He cannot be called back.
    pub callback_refused: Option<PromptId>,
    /// To a customer who is called back, when he answers before an agent has him.
    pub callback_hello: Option<PromptId>,
    /// To an agent, before he hears the customer being called back.
    pub callback_whisper: Option<PromptId>,
    /// Looped for who is held, unless a queue with its own music gave the call.
    pub hold_music: Option<PromptId>,
}
