//! `turno agent`: who sits where, what he does, what he knows.

use std::path::Path;

use clap::Subcommand;
use turno_acd::SkillChange;
use turno_base::{AgentId, Name, QueueId, SkillId, StationId, Wall};
use turno_engine::Command as Ask;

use crate::cli::{ask, live};
use crate::shell::instant::wall_of;

#[derive(Debug, Subcommand)]
pub(super) enum AgentCommand {
    /// All agents, or one.
    Show {
        /// Agent.
        agent: Option<AgentId>,
    },
    /// Why an agent gets what he gets, or nothing.
    Explain {
        /// Agent.
        agent: AgentId,
    },
    /// Sit down.
    Login {
        /// Agent.
        agent: AgentId,
        /// Station; his own if absent.
        station: Option<StationId>,
    },
    /// End the shift; during a call after it.
    Logout {
        /// Agent.
        agent: AgentId,
    },
    /// Not ready; during a call after it.
    Pause {
        /// Agent.
        agent: AgentId,
        /// A configured reason.
        reason: Name,
    },
    /// Ready; ends wrap-up and pause.
    Ready {
        /// Agent.
        agent: AgentId,
    },
    /// The work after the call is saved; ends a wrap-up, unless its length is fixed.
    Saved {
        /// Agent.
        agent: AgentId,
    },
    /// A longer wrap-up, as often as acd.wrap_up_extensions allows.
    Extend {
        /// Agent.
        agent: AgentId,
    },
    /// What came of the agent's present or last call.
    Disposition {
        /// Agent.
        agent: AgentId,
        /// A configured disposition.
        disposition: Name,
    },
    /// Change what an agent knows, at once and over restarts, or have it as configured again.
    Skill {
        /// Agent.
        agent: AgentId,
        #[command(subcommand)]
        change: SkillCommand,
    },
    /// Have him serve a queue until his shift ends. Who is not logged in sits down, and serves this queue alone.
    Serve {
        /// Agent.
        agent: AgentId,
        /// Queue.
        queue: QueueId,
        /// Nobody of a higher rank is rung while one of a lower may be.
        #[arg(long, default_value_t = 0)]
        rank: u8,
        /// Where he sits down; his own if absent.
        #[arg(long)]
        station: Option<StationId>,
    },
    /// Take him out of a queue until his shift ends; with the last one it does.
    Leave {
        /// Agent.
        agent: AgentId,
        /// Queue.
        queue: QueueId,
    },
    /// Change his rank in a queue that he serves, until his shift ends.
    Rank {
        /// Agent.
        agent: AgentId,
        /// Queue.
        queue: QueueId,
        /// Nobody of a higher rank is rung while one of a lower may be.
        rank: u8,
    },
    #[command(flatten)]
    Object(live::ObjectCommand),
}

#[derive(Debug, Subcommand)]
pub(super) enum SkillCommand {
    /// He has it at this level.
    Set {
        /// A skill that the configuration names.
        skill: SkillId,
        /// 1 to 10.
        level: u8,
        /// As configured again from then on, for example 2026-03-10T18:00:00Z.
        #[arg(long, value_parser = wall_of)]
        until: Option<Wall>,
    },
    /// He does not have it.
    Unset {
        /// A skill that the configuration names.
        skill: SkillId,
        /// As configured again from then on.
        #[arg(long, value_parser = wall_of)]
        until: Option<Wall>,
    },
    /// As configured.
    Reset {
        /// A skill that the configuration names.
        skill: SkillId,
    },
}

/// Asks, or changes the configured agents.
pub(super) fn agent(socket: &Path, as_json: bool, command: AgentCommand) -> u8 {
    let command = match command {
        AgentCommand::Object(command) => return live::object(socket, as_json, "agent", command),
        AgentCommand::Show { agent } => Ask::AgentShow(agent),
        AgentCommand::Explain { agent } => Ask::AgentExplain(agent),
        AgentCommand::Login { agent, station } => Ask::AgentLogin(agent, station),
        AgentCommand::Logout { agent } => Ask::AgentLogout(agent),
        AgentCommand::Pause { agent, reason } => Ask::AgentPause(agent, reason),
        AgentCommand::Ready { agent } => Ask::AgentReady(agent),
        AgentCommand::Saved { agent } => Ask::AgentSaved(agent),
        AgentCommand::Extend { agent } => Ask::AgentExtend(agent),
        AgentCommand::Disposition { agent, disposition } => Ask::AgentDisposition(agent, disposition),
        AgentCommand::Serve { agent, queue, rank, station } => Ask::AgentServe(agent, queue, rank, station),
        AgentCommand::Leave { agent, queue } => Ask::AgentLeave(agent, queue),
        AgentCommand::Rank { agent, queue, rank } => Ask::AgentRank(agent, queue, rank),
        AgentCommand::Skill { agent, change } => {
            let (skill, change) = match change {
                SkillCommand::Set { skill, level, until } => (skill, SkillChange::Set { level, until }),
                SkillCommand::Unset { skill, until } => (skill, SkillChange::Unset { until }),
                SkillCommand::Reset { skill } => (skill, SkillChange::AsConfigured),
            };
            Ask::AgentSkill(agent, skill, change)
        }
    };
    ask::command(socket, as_json, command)
}
