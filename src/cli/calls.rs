//! `turno call`: live calls, and one to place.

use std::path::Path;

use clap::Subcommand;
use turno_base::{AgentId, CallId, QueueId, StationId};
use turno_engine::Command as Ask;

use crate::cli::{ask, trace};

#[derive(Debug, Subcommand)]
pub(super) enum CallCommand {
    /// Why a call waits, or went where it went; of one that has ended, as long as the journal reaches back.
    Explain(trace::ExplainArgs),
    /// All live calls, or one.
    Show {
        /// Call.
        call: Option<CallId>,
    },
    /// The whole story of a call, live or ended, from journal and records: SIP by leg, decisions with reasons, media.
    Trace(trace::TraceArgs),
    /// End a call.
    Hangup {
        /// Call.
        call: CallId,
    },
    /// Make a waiting call count as older than it is.
    Bump {
        /// Call.
        call: CallId,
        /// So many seconds.
        #[arg(long, default_value_t = 600)]
        by_s: u32,
    },
    /// Move a waiting call to another queue; its age stays.
    Move {
        /// Call.
        call: CallId,
        /// Queue.
        queue: QueueId,
    },
    /// Connect a station with a number: the station rings first.
    Place {
        /// Station.
        station: StationId,
        /// What it would have dialled.
        number: String,
    },
    /// Put a conversation into a slot, with music; whoever had it is free.
    Park {
        /// Call.
        call: CallId,
        /// Which; the first that is free if absent.
        #[arg(long)]
        slot: Option<u32>,
    },
    /// Take a waiting or parked call: the agent's phone rings for it.
    Pull {
        /// Call.
        call: CallId,
        /// Agent.
        agent: AgentId,
    },
    /// Change what a waiting call needs beyond what its queue needs; `anyone` for nothing.
    Needs {
        /// Call.
        call: CallId,
        /// Such as `averias>=2 and catalan`.
        #[arg(value_parser = turno_acd::need::parse)]
        need: turno_base::Need,
    },
}

/// A call to place by the demo's carrier.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// A queue of the demo, or a number.
    #[arg(long)]
    pub(super) to: Option<String>,
    /// Number to show.
    #[arg(long, default_value = "+34612045118")]
    pub(super) from: String,
    /// SIP address of the engine.
    #[arg(long, default_value = "127.0.0.1:5060")]
    pub(super) engine: std::net::SocketAddr,
    /// Hang up after so many seconds.
    #[arg(long, default_value_t = 60)]
    pub(super) seconds: u64,
}

/// Asks, or tells what journal and records have of a call.
pub(super) fn call(socket: &Path, as_json: bool, command: CallCommand) -> u8 {
    let command = match command {
        CallCommand::Explain(args) => return trace::explain(socket, &args, as_json),
        CallCommand::Trace(args) => return trace::trace(socket, &args, as_json),
        CallCommand::Show { call } => Ask::CallShow(call),
        CallCommand::Hangup { call } => Ask::CallHangUp(call),
        CallCommand::Bump { call, by_s } => Ask::CallBump(call, by_s),
        CallCommand::Move { call, queue } => Ask::CallMove(call, queue),
        CallCommand::Needs { call, need } => Ask::CallNeeds(call, need),
        CallCommand::Place { station, number } => Ask::CallPlace(station, number),
        CallCommand::Park { call, slot } => Ask::CallPark(call, slot),
        CallCommand::Pull { call, agent } => Ask::CallPull(call, agent),
    };
    ask::command(socket, as_json, command)
}
