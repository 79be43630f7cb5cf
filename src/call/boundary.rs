//! What the call room is told and what it wants. A leg is events; SIP, media and the ACD are the engine's to reach.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::fact::{AgentState, CallbackResult, DialogId, OfferEnd, QueueLeft, What};
use turno_base::{
    AgentId, CallId, Cause, Direction, E164, LegId, Name, Need, Now, Number, PromptId, Quality, QueueId, SegmentId,
    StationId, TapeEnd, TrunkId,
};

/// What happened to calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallEvent {
    /// A leg arrived.
    Arrived(Arrived),
    /// The answer to [`CallEffect::LookUp`]; the default if the caller is unknown or nobody answered in time.
    Known {
        /// The call.
        call: CallId,
        /// Who calls.
        customer: Customer,
    },
    /// Something happened on a leg.
    Leg {
        /// The leg.
        leg: LegId,
        /// What.
        event: LegEvent,
    },
    /// The ACD decided something about a call.
    Acd {
        /// The call.
        call: CallId,
        /// What.
        event: AcdEvent,
    },
    /// The answer to [`CallEffect::Code`].
    CodeDone {
        /// The leg that dialled the code.
        leg: LegId,
        /// Done, or refused.
        done: bool,
    },
    /// The call's open record is durable: its 200 OK may leave (docs/records.md).
    Recorded {
        /// The call.
        call: CallId,
    },
    /// An agent sat down at a station, or left it; so that a call for him rings where he sits.
    Seat {
        /// The agent.
        agent: AgentId,
        /// Where; none: nowhere.
        station: Option<StationId>,
    },
    /// The ACD wants a customer called back: a new call, of the id that it gave.
    CallBack(Box<CallingBack>),
    /// Somebody at a station is to be connected with a number: his station is called first. A new call, of this id.
    Place(Box<Placed>),
    /// What the call may cost is spent: it ends.
    Spent {
        /// The call.
        call: CallId,
    },
    /// An operator ends the call.
    HangUp {
        /// The call.
        call: CallId,
    },
    /// A person parks a conversation.
    Park {
        /// The call.
        call: CallId,
        /// Where; none: in the first slot that is free.
        slot: Option<u32>,
    },
    /// A person takes a waiting or parked call for an agent, whose station is called.
    Pull {
        /// The call.
        call: CallId,
        /// The agent.
        agent: AgentId,
    },
    /// Whoever dialled a code takes a waiting or parked call; instead of [`CallEvent::CodeDone`].
    Take {
        /// The leg that dialled the code.
        leg: LegId,
        /// The call.
        call: CallId,
    },
    /// The engine started again: media and streams of every call that was up are gone.
    Restarted,
    /// A fault was caught while this call was handled: end what is left of it, with a record (P5).
    Fault {
        /// The call.
        call: CallId,
    },
}

/// A call that somebody places without dialling (O8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// The new call.
    pub call: CallId,
    /// Whose station is called first, and who sits there.
    pub station: StationId,
    /// None: nobody is logged in there.
    pub agent: Option<AgentId>,
    /// As whom he calls.
    pub ani: Number,
    /// What he would have dialled.
    pub dnis: Number,
}

/// A customer who is to be called back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallingBack {
    /// The new call.
    pub call: CallId,
    /// Whom.
    pub number: E164,
    /// For which queue.
    pub queue: QueueId,
    /// Beyond the queue's own need.
    pub need: Need,
    /// The call that asked for it; none: a person did.
    pub first: Option<CallId>,
    /// 1 for the first.
    pub attempt: u32,
    /// An offer follows, and the customer is dialled when an agent is connected; else he is dialled at once.
    pub agent_first: bool,
    /// Longest ring at the customer.
    pub ring_limit: Duration,
    /// Who he is.
    pub customer: Customer,
}

/// A leg that arrived, as the plan sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrived {
    /// The leg.
    pub leg: LegId,
    /// SIP Call-ID, for records.
    pub sip_call_id: String,
    /// Whence.
    pub from: From,
    /// Calling number.
    pub ani: Number,
    /// Display name; data, never markup.
    pub display: String,
    /// Dialled number.
    pub dnis: Number,
    /// What kind of number that is, if a numbering plan has it and [`crate::Answers`] ask.
    pub kind: Option<Name>,
    /// The leg it replaces (attended transfer by INVITE with Replaces).
    pub replaces: Option<LegId>,
}

/// Whence a leg arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum From {
    /// A trunk.
    Trunk(TrunkId),
    /// A station, and the agent who sits there.
    Station(StationId, Option<AgentId>),
}

/// Who calls, as far as routing cares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// External id; none if unknown.
    pub id: Option<String>,
    /// Name to show an agent; data, never markup.
    pub shown: String,
    /// Segment.
    pub segment: SegmentId,
    /// Value, per mille.
    pub value_pm: u32,
    /// Language, as a skill name; adds to what the call needs where the plan says so.
    pub language: Option<Name>,
    /// The agent who looks after him.
    pub owner: Option<AgentId>,
}

/// What the name begins with by which somebody is known whom nobody knows: his number.
const BY_NUMBER: &str = "tel:";

impl Customer {
    /// By what the queues know him: his id, or the number that he calls from; none if he hides that too.
    pub(crate) fn caller(&self, ani: &Number) -> Option<String> {
        let number = || ani.e164.filter(|_| !ani.withheld).map(|number| format!("{BY_NUMBER}{number}"));
        self.id.clone().or_else(number)
    }

    /// Who is called back, of whom the queues have kept `caller` as [`AcdTell::Enter`] said it.
    pub fn called_back(caller: Option<String>, segment: SegmentId, value_pm: u32) -> Customer {
        let id = caller.filter(|caller| !caller.starts_with(BY_NUMBER));
        Customer { id, shown: String::new(), segment, value_pm, language: None, owner: None }
    }
}

/// What happens on a leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LegEvent {
    /// The names of its dialog are known, or are others than those told before; perhaps several times, the last one holds.
    Named(DialogId),
    /// A leg that we dialled rings.
    Ringing,
    /// Audio terms met or changed; a direction that does not receive is the peer holding us.
    Agreed {
        /// From our side.
        direction: Direction,
    },
    /// A leg that we dialled was answered.
    Answered,
    /// The ACK for our answer arrived.
    Confirmed,
    /// The leg is gone; exactly once per leg.
    Ended {
        /// Why.
        cause: Cause,
        /// The peer ended it.
        by_peer: bool,
    },
    /// A key, by RFC 4733, INFO or in-band.
    Key(char),
    /// The peer asks for a transfer.
    TransferAsked {
        /// To this number or extension.
        to: String,
        /// By connecting with this leg of ours (attended).
        replaces: Option<LegId>,
    },
    /// The last prompt played to its end.
    PlayEnded,
    /// No media for the limit.
    MediaSilent {
        /// When something was heard last.
        heard: Now,
    },
    /// The media session could not be opened or broke.
    MediaFailed,
    /// There is no port for its media, so that what was commanded with SDP did not happen: it is not answered.
    NoPorts,
    /// What was taken down of what it says is over; perhaps after `Ended`.
    Taped(TapeEnd),
    /// Its media is over; after `Ended`.
    Quality {
        /// Figures.
        quality: Quality,
        /// When something was heard last.
        heard: Now,
    },
}

/// What the ACD decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AcdEvent {
    /// It waits.
    Entered {
        /// Where.
        queue: QueueId,
        /// 1-based.
        position: u32,
        /// Looped while waiting.
        music: Option<PromptId>,
        /// Played once on entering.
        greeting: Option<PromptId>,
    },
    /// Ring this agent.
    Offer {
        /// From this queue.
        queue: QueueId,
        /// The agent.
        agent: AgentId,
        /// Where he sits.
        station: StationId,
        /// The reservation's epoch.
        epoch: u64,
    },
    /// Stop ringing him.
    Withdraw {
        /// The agent.
        agent: AgentId,
        /// The reservation's epoch.
        epoch: u64,
        /// Why.
        end: OfferEnd,
    },
    /// The accepted pair may talk.
    Connect {
        /// The agent.
        agent: AgentId,
        /// The reservation's epoch.
        epoch: u64,
    },
    /// It no longer waits there.
    Left {
        /// Where.
        queue: QueueId,
        /// How.
        how: QueueLeft,
    },
    /// It goes elsewhere.
    Overflow(Elsewhere),
    /// Say the place.
    Announce {
        /// 1-based.
        position: u32,
        /// How long it will wait, ms; none: nobody is sure, and nothing is said about it.
        expected_ms: Option<u64>,
    },
    /// He is called back: he may hang up.
    CallbackTaken,
    /// He asked for a callback and cannot have one.
    CallbackRefused,
}

/// Where a call goes when its queue does not keep it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Elsewhere {
    /// A number outside, by the dial plan.
    Number(String),
    /// A prompt, then good-bye.
    Prompt(PromptId),
    /// A menu.
    Menu(Name),
    /// A mailbox.
    Voicemail(Name),
    /// The offer of a callback; keys are told to the ACD while it is said.
    Callback,
    /// Good-bye at once.
    HangUp,
}

/// What the call room wants done. Order is part of the contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallEffect {
    /// Who calls? Answered by [`CallEvent::Known`].
    LookUp {
        /// The call.
        call: CallId,
        /// Calling number.
        ani: Number,
    },
    /// Make the call's open record durable; answered by [`CallEvent::Recorded`].
    Record {
        /// The call.
        call: CallId,
    },
    /// Do something with a leg.
    Leg {
        /// The leg.
        leg: LegId,
        /// What.
        command: LegCommand,
    },
    /// Let a leg hear something.
    Sound {
        /// The leg.
        leg: LegId,
        /// What.
        sound: Sound,
    },
    /// Tell the ACD.
    Acd {
        /// The call.
        call: CallId,
        /// What.
        tell: AcdTell,
    },
    /// How many calls a station has that no queue gave it (S10).
    StationCalls {
        /// The station.
        station: StationId,
        /// How many.
        calls: u32,
    },
    /// Somebody at a station dialled a feature code; answered by [`CallEvent::CodeDone`].
    Code {
        /// The leg that dialled.
        leg: LegId,
        /// The station.
        station: StationId,
        /// What he wants.
        code: Code,
    },
    /// Take down a message.
    Tape {
        /// The call that leaves it: its id is the message's.
        call: CallId,
        /// Who speaks.
        leg: LegId,
        /// What.
        tape: Tape,
    },
    /// A fact for the event line.
    Fact(What),
}

/// What is to be done about a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tape {
    /// Take it down from now on; [`LegEvent::Taped`] says that it is over.
    Begin(Box<Message>),
    /// That is enough.
    End,
    /// It is whole: once, after every `Begin`.
    Done,
}

/// A message that a caller is about to leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Where.
    pub mailbox: Name,
    /// Calling number.
    pub from: Number,
    /// Customer's external id.
    pub customer: Option<String>,
    /// The queue that he was in last.
    pub queue: Option<QueueId>,
    /// No longer than this.
    pub longest: Duration,
    /// So much silence ends it.
    pub silence: Duration,
    /// A shorter one is nothing.
    pub least: Duration,
}

/// What may be done with a leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LegCommand {
    /// 180 to a leg that arrived.
    Ring,
    /// 183 with SDP: early media.
    Progress,
    /// 200 with SDP.
    Answer,
    /// BYE, CANCEL or a final refusal, as the leg's state asks; `Ended` follows.
    End(Cause),
    /// Dial; the id was minted by this room.
    Dial {
        /// Whom.
        to: DialTo,
        /// Caller identity to show.
        from: Number,
        /// Display name to show.
        display: String,
        /// SIP Call-ID, as the leg's record has it.
        sip_call_id: String,
        /// The leg it will be bridged with, whose codec comes first in our offer; none: whatever the target has.
        like: Option<LegId>,
        /// The phone is told to answer by itself.
        by_itself: bool,
    },
    /// Hold (`true`) or resume the peer by re-INVITE.
    Hold(bool),
    /// How the transfer that this leg's peer asked for goes on.
    TransferProgress(Transfer),
}

/// Whom to dial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DialTo {
    /// A station, wherever it is bound.
    Station(StationId),
    /// A number by a trunk.
    Trunk(TrunkId, String),
}

/// How a transfer goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transfer {
    /// The new party rings.
    Ringing,
    /// The parties talk.
    Done,
    /// SIP status that ended it, 400..=699.
    Failed(u16),
}

/// What a leg hears.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sound {
    /// Once each, in order; `PlayEnded` follows.
    Once(Vec<PromptId>),
    /// Looped.
    Loop(PromptId),
    /// Once each, then looped; `PlayEnded` follows the first part.
    OnceThenLoop(Vec<PromptId>, PromptId),
    /// Ringback tone.
    Ringback,
    /// Silence.
    Quiet,
    /// The other leg, both ways.
    Bridge(LegId),
    /// No longer the other leg.
    Unbridge,
}

/// What the ACD is told about a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AcdTell {
    /// It wants an agent.
    Enter {
        /// Queue.
        queue: QueueId,
        /// Beyond the queue's own.
        need: Need,
        /// Segment.
        segment: SegmentId,
        /// Value, per mille.
        value_pm: u32,
        /// Who, to regain a place.
        caller: Option<String>,
        /// Waited before, ms.
        credit_ms: u64,
        /// Its agent's leg died: it goes to the front (E10).
        rescued: bool,
        /// The agent who looks after the customer.
        owner: Option<AgentId>,
        /// Where he may be called back.
        callback_to: Option<E164>,
    },
    /// The caller pressed a key.
    Key(char),
    /// The customer called back has answered.
    CallbackAnswered,
    /// He could not be had; none: by no doing of his.
    CallbackFailed(Option<CallbackResult>),
    /// It is gone.
    Leave(QueueLeft),
    /// The agent's station rings.
    Ringing(AgentId, u64),
    /// The agent answered.
    Accept(AgentId, u64),
    /// The offer failed on the wire.
    OfferFailed(AgentId, u64, OfferEnd),
    /// The conversation is over.
    Released(AgentId),
    /// Talking, holding, consulting.
    Phase(AgentId, AgentState),
    /// This agent has the conversation from now on.
    Joined(AgentId),
    /// The announcement ended.
    Announced,
}

/// What somebody at a phone can dial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Code {
    /// Log in if out, out if in; the digits after the code name the agent, none: the station's own.
    InOut(String),
    /// Pause if ready, ready if paused; the digits after the code name the reason, none: the first.
    Pause(String),
    /// The emergency switch, of one queue or of all: after the code 1 for on or 0 for off, then the queue's extension or nothing.
    Emergency {
        /// Of this queue alone.
        queue: Option<QueueId>,
        /// On, or off.
        on: bool,
    },
    /// Take a call: the digits after the code name a slot, the extension of a queue, or nothing.
    Pull(Pulled),
    /// A code with digits behind it that name nothing here.
    Unreadable,
}

/// Which call somebody takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pulled {
    /// The one that has been parked the longest.
    Longest,
    /// The one in this slot, from 1.
    Slot(u32),
    /// The one that waits first in this queue.
    FirstOf(QueueId),
}
