//! Life events of calls and agents, for the log: who reads it at night follows one call by its id.

use turno_base::fact::{AgentState, Fact, WaitingChange, What};
use turno_base::{AgentId, CallId, Redacted, StationId};

/// Says it, if it is one of these.
pub(super) fn log_life(fact: &Fact) {
    match &fact.what {
        What::CallArrived { call, ani, dnis, trunk } => {
            let trunk = trunk.map(|t| t.to_string()).unwrap_or_default();
            tracing::info!(%call, from = %Redacted(&ani.raw), to = %Redacted(&dnis.raw), trunk, "call arrived");
        }
        What::LegBegan { call, leg, sip_call_id, .. } => tracing::debug!(%call, %leg, sip_call_id, "leg began"),
        What::LegDialog { call, leg, dialog } => {
            let (local_tag, remote_tag) = (&dialog.local_tag, &dialog.remote_tag);
            tracing::debug!(%call, %leg, sip_call_id = dialog.call_id, local_tag, remote_tag, "names of the leg's dialog");
        }
        What::LegEnded { call, leg, cause, .. } => {
            tracing::debug!(%call, %leg, sip = cause.sip, reason = cause.reason.as_str(), "leg ended");
        }
        What::QueueEntered { call, queue, position } => tracing::info!(%call, %queue, position, "call waits"),
        What::QueueLeft { call, queue, left, wait_ms, .. } => {
            tracing::info!(%call, %queue, outcome = left.as_str(), wait_ms, "call left its queue");
        }
        What::OfferEnded { call, agent, end, ring_ms, .. } => {
            tracing::debug!(%call, %agent, outcome = end.as_str(), ring_ms, "offer ended");
        }
        What::CallEnded { call, outcome, .. } => tracing::info!(%call, outcome = outcome.as_str(), "call ended"),
        What::AgentServes { agent, queue, rank: Some(rank) } => {
            tracing::info!(%agent, %queue, rank, "the agent serves the queue until the shift ends");
        }
        What::AgentServes { agent, queue, rank: None } => {
            tracing::info!(%agent, %queue, "the agent does not serve the queue until the shift ends");
        }
        What::PauseTooLong { agent, reason } => tracing::warn!(%agent, %reason, "agent not ready for too long"),
        What::Task { task, queue, kind, change } => {
            tracing::info!(%task, %queue, kind = kind.as_str(), change = change.as_str(), "task");
        }
        What::Disposed { call, agent, disposition } => tracing::info!(%call, %agent, %disposition, "result said"),
        What::AgentChanged { agent, state, station, .. } => log_agent(*agent, *state, *station),
        What::LeavingByKey { call, queue, key } => tracing::debug!(%call, %queue, %key, "caller leaves by a key"),
        What::CallbackTaken { call, queue, how } => {
            tracing::info!(%call, %queue, how = how.as_str(), "caller will be called back");
        }
        What::CallingBack { call, attempt, first } => {
            let first = first.map(|first| first.to_string()).unwrap_or_default();
            tracing::info!(%call, attempt, first, "calling back");
        }
        What::CallbackEnded { first, queue, end, attempts } => {
            let first = first.map(|first| first.to_string()).unwrap_or_default();
            tracing::info!(first, %queue, end = end.as_str(), attempts, "callback is over");
        }
        What::WaitingChanged { call, change } => log_changed(*call, change),
        What::QueueNoted { queue, note } => tracing::info!(%queue, event = note.event, "noted in queue_log"),
        What::Emergency { queue, on } => {
            let queue = queue.map_or_else(|| "all".to_owned(), |queue| queue.to_string());
            tracing::warn!(queue, on, "emergency switch");
        }
        What::LegSilent { call, leg, heard } => {
            tracing::info!(%call, %leg, since = %heard.wall, "nothing is heard of a leg any more");
        }
        What::Configured { revision } => tracing::info!(revision, "the engine decides by a changed configuration"),
        What::CustomerKnown { .. }
        | What::CallbacksDue { .. }
        | What::LegRinging { .. }
        | What::LegAnswered { .. }
        | What::SegmentBegan { .. }
        | What::LegQuality { .. }
        | What::Offered { .. } => {}
    }
}

fn log_agent(agent: AgentId, state: AgentState, station: Option<StationId>) {
    match state {
        AgentState::LoggedOut => tracing::info!(%agent, "agent logged out"),
        AgentState::Ready | AgentState::Paused(_) => {
            let station = station.map(|s| s.to_string()).unwrap_or_default();
            tracing::info!(%agent, state = state.as_str(), station, "agent changed");
        }
        AgentState::Offered
        | AgentState::Ringing
        | AgentState::Talking
        | AgentState::Holding
        | AgentState::Consulting
        | AgentState::WrapUp
        | AgentState::Outbound
        | AgentState::Task => tracing::debug!(%agent, state = state.as_str(), "agent changed"),
    }
}

fn log_changed(call: CallId, change: &WaitingChange) {
    match change {
        WaitingChange::Bumped(ms) => tracing::info!(%call, older_ms = ms, "waiting call counts as older"),
        WaitingChange::Moved(from, to) => tracing::info!(%call, %from, %to, "waiting call moved"),
        WaitingChange::Needs(need) => {
            tracing::info!(%call, need = turno_acd::need::text(need), "waiting call needs something else");
        }
    }
}
