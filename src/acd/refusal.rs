//! Why a person's command is not done: a sentence for that person.

use std::fmt;

use serde::{Deserialize, Serialize};
use turno_base::{AgentId, E164, ItemId, Name, QueueId, SkillId, StationId, Wall};

use crate::limits::{RANK_MAX, SKILLS_LIVE_MAX};
use crate::need::LEVEL_MAX;

/// Why a command is not done. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// Not configured.
    NoSuchAgent(AgentId),
    /// The shift has not begun.
    NotLoggedIn(AgentId),
    /// Somebody sits there and is at work.
    StationTaken {
        /// The station.
        station: StationId,
        /// Who.
        by: AgentId,
    },
    /// He is at work at another station.
    AtWorkElsewhere {
        /// The agent.
        agent: AgentId,
        /// Where.
        station: StationId,
    },
    /// Not configured.
    NoSuchReason(Name),
    /// This wrap-up cannot be cut short.
    WrapUpFixed {
        /// The agent.
        agent: AgentId,
        /// It ends in so many seconds, rounded up.
        left_s: u64,
    },
    /// What came of the call is to be said, or the call saved, first.
    WrapUpUnsaved(AgentId),
    /// He wraps nothing up.
    NoWrapUp(AgentId),
    /// Made longer as often as it may be.
    WrapUpExtended {
        /// The agent.
        agent: AgentId,
        /// So often.
        most: u8,
    },
    /// Not configured.
    NoSuchDisposition(Name),
    /// It is no result of a conversation of that queue.
    DispositionElsewhere {
        /// What he said.
        disposition: Name,
        /// Where his conversation came from.
        queue: QueueId,
    },
    /// The queue is to be told what came of the conversation before he leaves its wrap-up.
    DispositionDue {
        /// The agent.
        agent: AgentId,
        /// The queue.
        queue: QueueId,
    },
    /// He has had no call since he logged in.
    NoCallYet(AgentId),
    /// The digits name no agent, and nobody sits at or belongs to the station.
    NobodyByCode {
        /// The station.
        station: StationId,
    },
    /// The digits name no not-ready reason.
    NoReasonByCode {
        /// The station.
        station: StationId,
    },
    /// The digits of an emergency code are neither on nor off, or name no queue.
    NothingByCode {
        /// The station.
        station: StationId,
    },
    /// More stations than the ACD keeps.
    TooManyStations,
    /// Nobody is to be called there.
    NoSuchCallback(E164),
    /// The queue calls nobody back.
    NoCallbacks(QueueId),
    /// He is being called, or on the line.
    CallbackLive(E164),
    /// In the past, or further ahead than [`crate::limits::APPOINTMENT_MAX`].
    AppointmentOut(Wall),
    /// Not configured.
    NoSuchQueue(QueueId),
    /// With an agent, or gone.
    NotWaiting(ItemId),
    /// It is there already.
    AlreadyThere(QueueId),
    /// Done, or never entered.
    NoSuchTask(ItemId),
    /// As many tasks are not done as may be.
    TooManyTasks(u32),
    /// A text of a task is too long, bytes.
    TaskTextLong {
        /// The longest.
        most: usize,
    },
    /// Nothing of the configuration names it.
    NoSuchSkill(SkillId),
    /// Not 1..=10.
    LevelOut(u8),
    /// It would have ended before it began.
    UntilPast(Wall),
    /// As many of his skills are changed as may be ([`crate::limits::SKILLS_LIVE_MAX`]).
    TooManySkills {
        /// The agent.
        agent: AgentId,
    },
    /// Above [`RANK_MAX`].
    RankOut(u8),
    /// He serves the queue already.
    AlreadyServes {
        /// The agent.
        agent: AgentId,
        /// The queue.
        queue: QueueId,
    },
    /// He does not serve the queue.
    DoesNotServe {
        /// The agent.
        agent: AgentId,
        /// The queue.
        queue: QueueId,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NoSuchAgent(agent) => write!(f, "there is no agent {agent}"),
            Refusal::NotLoggedIn(agent) => write!(f, "{agent} is not logged in"),
            Refusal::StationTaken { station, by } => write!(f, "{by} is at work at station {station}"),
            Refusal::AtWorkElsewhere { agent, station } => {
                write!(f, "{agent} is at work at station {station}; log in elsewhere when it is over")
            }
            Refusal::NoSuchReason(reason) => write!(f, "there is no not-ready reason {reason}"),
            Refusal::WrapUpFixed { agent, left_s } => {
                write!(f, "the wrap-up of {agent} has a fixed length and ends in {left_s} s")
            }
            Refusal::WrapUpUnsaved(agent) => {
                write!(f, "{agent} has not saved the last call; save it or say what came of it")
            }
            Refusal::NoWrapUp(agent) => write!(f, "{agent} is in no wrap-up"),
            Refusal::WrapUpExtended { agent, most: 0 } => write!(f, "the wrap-up of {agent} cannot be extended"),
            Refusal::WrapUpExtended { agent, most } => {
                write!(f, "the wrap-up of {agent} has been extended {most} times, as often as it may be")
            }
            Refusal::NoSuchDisposition(disposition) => write!(f, "there is no disposition {disposition}"),
            Refusal::DispositionElsewhere { disposition, queue } => {
                write!(
                    f,
                    "{disposition} is no disposition of queue {queue}; queues.{queue}.dispositions names those that are"
                )
            }
            Refusal::DispositionDue { agent, queue } => {
                write!(
                    f,
                    "{agent} has not said what came of the last call, and queue {queue} wants to know; say its disposition"
                )
            }
            Refusal::NoCallYet(agent) => write!(f, "{agent} has had no call since the login"),
            Refusal::NobodyByCode { station } => write!(f, "the code dialled at station {station} names no agent"),
            Refusal::NoReasonByCode { station } => {
                write!(f, "the code dialled at station {station} names no not-ready reason")
            }
            Refusal::NoSuchCallback(number) => write!(f, "there is no callback for {number}"),
            Refusal::NoCallbacks(queue) => {
                write!(f, "queue {queue} calls nobody back; give it [queues.{queue}.callback]")
            }
            Refusal::CallbackLive(number) => write!(f, "{number} is being called back just now"),
            Refusal::AppointmentOut(at) => write!(f, "{at} is past, or more than 31 days ahead"),
            Refusal::NothingByCode { station } => {
                write!(f, "the code dialled at station {station} is neither on nor off, or names no queue")
            }
            Refusal::TooManyStations => f.write_str("the engine knows as many stations as it can"),
            Refusal::NoSuchQueue(queue) => write!(f, "there is no queue {queue}"),
            Refusal::NotWaiting(item) => {
                write!(f, "call {} no longer waits: an agent has it, or it is gone", item.0)
            }
            Refusal::NoSuchTask(task) => write!(f, "there is no task {}; it may be done", task.0),
            Refusal::TooManyTasks(most) => write!(f, "{most} tasks wait to be done; no more are kept"),
            Refusal::TaskTextLong { most } => write!(f, "a text of the task is longer than {most} bytes"),
            Refusal::NoSuchSkill(skill) => {
                write!(f, "no agent, queue or ring names a skill {skill}; add [skills.{skill}] to have it")
            }
            Refusal::LevelOut(level) => write!(f, "{level} is no level of a skill; write 1 to {LEVEL_MAX}"),
            Refusal::UntilPast(until) => write!(f, "{until} is past"),
            Refusal::TooManySkills { agent } => {
                write!(f, "{SKILLS_LIVE_MAX} skills of {agent} are changed already; reset some, or configure them")
            }
            Refusal::RankOut(rank) => write!(f, "{rank} is no rank; write 0 to {RANK_MAX}"),
            Refusal::AlreadyServes { agent, queue } => write!(f, "{agent} serves {queue} already"),
            Refusal::DoesNotServe { agent, queue } => write!(f, "{agent} does not serve {queue}"),
            Refusal::AlreadyThere(queue) => write!(f, "it waits in {queue} already"),
        }
    }
}

impl std::error::Error for Refusal {}
