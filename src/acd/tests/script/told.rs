//! How decisions are written down.

use turno_base::ItemId;
use turno_base::fact::{AgentState, TaskChange, WaitingChange};

use crate::{Decision, Overflow, need};

/// A state as people say it.
pub(crate) fn state(state: AgentState) -> String {
    match state {
        AgentState::Paused(reason) => format!("paused {reason}"),
        other => other.as_str().to_owned(),
    }
}

pub(super) fn short(item: &ItemId) -> String {
    format!("c{}", item.0.0)
}

/// A decision as one line.
pub(crate) fn told(decision: &Decision) -> String {
    match decision {
        Decision::Entered { item, queue, position } => format!("{} enters {queue} at {position}", short(item)),
        Decision::Offer { item, agent, station, .. } if station.as_str() == agent.as_str() => {
            format!("offer {} to {agent}", short(item))
        }
        Decision::Offer { item, agent, station, .. } => format!("offer {} to {agent} at {station}", short(item)),
        Decision::Withdraw { item, agent, end, .. } => {
            format!("withdraw {} from {agent}: {}", short(item), end.as_str())
        }
        Decision::Connect { item, agent, .. } => format!("connect {} with {agent}", short(item)),
        Decision::OfferEnded { item, agent, end, ring_ms, .. } => {
            format!("offer of {} to {agent} ended: {} after {ring_ms}", short(item), end.as_str())
        }
        Decision::Left { item, queue, how, position, wait_ms } => {
            format!("{} leaves {queue}: {} at {position} after {wait_ms}", short(item), how.as_str())
        }
        Decision::Overflow { item, to } => match to {
            Overflow::Queue(queue) => format!("{} goes on to {queue}", short(item)),
            Overflow::Number(number) => format!("{} goes on to number {number}", short(item)),
            Overflow::Prompt(prompt) => format!("{} goes on to prompt {prompt}", short(item)),
            Overflow::Callback => format!("{} is offered a callback", short(item)),
            Overflow::Voicemail(mailbox) => format!("{} goes on to voicemail {mailbox}", short(item)),
            Overflow::Menu(menu) => format!("{} goes on to menu {menu}", short(item)),
            Overflow::HangUp => format!("{} is told good-bye", short(item)),
        },
        Decision::Announce { item, position, expected_ms: None } => format!("{} hears place {position}", short(item)),
        Decision::Announce { item, position, expected_ms: Some(ms) } => {
            format!("{} hears place {position}, {} s", short(item), ms / 1000)
        }
        Decision::Foreseen { item, expected_ms, waited_ms, .. } => {
            format!("{} waited {waited_ms}, expected {expected_ms}", short(item))
        }
        Decision::LeavingByKey { item, queue, key } => format!("{} presses {key} to leave {queue}", short(item)),
        Decision::CallbackTaken { item, queue, how } => {
            format!("{} will be called back for {queue}: {}", short(item), how.as_str())
        }
        Decision::CallbackRefused { item } => format!("{} cannot be called back", short(item)),
        Decision::CallBack { item, back } => {
            let first = if back.agent_first { "agent" } else { "customer" };
            format!("call back {} as {}, {first} first, attempt {}", back.number, short(item), back.attempt)
        }
        Decision::CallbackStop { item } => format!("stop {}", short(item)),
        Decision::CallbackEnded { queue, end, attempts, .. } => {
            format!("a callback of {queue} is over: {} after {attempts}", end.as_str())
        }
        Decision::CallbacksDue { queue, due } => format!("{queue} has {due} to call back"),
        Decision::Agent { agent, state: now, item, is_paid, .. } => match item {
            Some(item) => format!("{agent} {} {}", state(*now), short(item)),
            None if !is_paid && *now != AgentState::LoggedOut => format!("{agent} {}, unpaid", state(*now)),
            None => format!("{agent} {}", state(*now)),
        },
        Decision::Serves { agent, queue, rank: Some(rank) } => format!("{agent} serves {queue} at rank {rank}"),
        Decision::Serves { agent, queue, rank: None } => format!("{agent} leaves {queue}"),
        Decision::PauseTooLong { agent, reason } => format!("{agent} too long in {reason}"),
        Decision::Disposed { item, agent, disposition } => format!("{agent} says {disposition} of {}", short(item)),
        Decision::Emergency { queue, on } => {
            let of = queue.map_or_else(|| "all queues".to_owned(), |queue| queue.to_string());
            format!("emergency {} for {of}", if *on { "on" } else { "off" })
        }
        Decision::Changed { item, change } => match change {
            WaitingChange::Bumped(ms) => format!("{} counts {ms} older", short(item)),
            WaitingChange::Moved(from, to) => format!("{} is moved from {from} to {to}", short(item)),
            WaitingChange::Needs(need) => format!("{} needs {}", short(item), need::text(need)),
        },
        Decision::Task { item, queue, kind, change } => {
            let of = format!("{} ({} for {queue})", short(item), kind.as_str());
            match change {
                TaskChange::Added { due } => format!("{of} is entered, due {}", due.as_secs()),
                TaskChange::Given(agent) => format!("{of} is given to {agent}"),
                TaskChange::Begun(agent) => format!("{of} is worked on by {agent}"),
                TaskChange::Held(agent) => format!("{of} is held by {agent}"),
                TaskChange::Returned(agent) => format!("{of} is given back by {agent}"),
                TaskChange::Moved(from) => format!("{of} comes from {from}"),
                TaskChange::Done { agent, disposition, worked_ms, waited_ms, is_late } => {
                    let by = agent.map_or("nobody".to_owned(), |agent| agent.to_string());
                    let said = disposition.map_or(String::new(), |said| format!(", {said}"));
                    let late = if *is_late { ", late" } else { "" };
                    format!("{of} is done by {by}{said}: waited {waited_ms}, worked {worked_ms}{late}")
                }
            }
        }
        Decision::Healed { reason } => format!("HEALED {reason:?}"),
    }
}
