//! What may be asked: every action with the classes that it needs, and what those that steer mean for the engine.

use turno_acd::AcdConfig;
use turno_acd::limits::RANK_MAX;
use turno_base::fact::Note;
use turno_base::{AgentId, QueueId, StationId};
use turno_engine::Command;

use super::exchange::Exchange;
use super::wire::Request;
use crate::shell::config::ami::Classes;

/// An action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the action of that name, whose synopsis stands in `TABLE`")]
pub enum Action {
    Challenge,
    Command,
    CoreSettings,
    CoreShowChannels,
    CoreStatus,
    Events,
    Filter,
    Hangup,
    ListCommands,
    Login,
    Logoff,
    Originate,
    Ping,
    QueueAdd,
    QueueLog,
    QueuePause,
    QueuePenalty,
    QueueRemove,
    QueueReset,
    QueueStatus,
    QueueSummary,
}

const PROCESS: Classes = Classes::SYSTEM.and(Classes::REPORTING);
const CALLS: Classes = Classes::SYSTEM.and(Classes::CALL);

/// All, by name, with the classes of which one is needed.
pub const TABLE: [(&str, Action, Classes, &str); 21] = [
    ("Challenge", Action::Challenge, Classes::NONE, "Generate Challenge for MD5 Auth."),
    ("Command", Action::Command, Classes::COMMAND, "Execute one of the command lines that are allowed."),
    ("CoreSettings", Action::CoreSettings, PROCESS, "Show settings of the process."),
    ("CoreShowChannels", Action::CoreShowChannels, PROCESS, "List legs of calls as channels."),
    ("CoreStatus", Action::CoreStatus, PROCESS, "Show status of the process."),
    ("Events", Action::Events, Classes::NONE, "Choose the classes of events."),
    ("Filter", Action::Filter, Classes::NONE, "Add a filter of events for this connection."),
    ("Hangup", Action::Hangup, CALLS, "End the call of a channel."),
    ("ListCommands", Action::ListCommands, Classes::NONE, "List the actions that this login may ask for."),
    ("Login", Action::Login, Classes::NONE, "Log in."),
    ("Logoff", Action::Logoff, Classes::NONE, "Log off."),
    ("Originate", Action::Originate, Classes::ORIGINATE, "Call a station and, when it answers, the number."),
    ("Ping", Action::Ping, Classes::NONE, "Keep the connection alive."),
    ("QueueAdd", Action::QueueAdd, Classes::AGENT, "Have an agent serve a queue until his shift ends."),
    ("QueueLog", Action::QueueLog, Classes::AGENT, "Add a line of one's own to queue_log."),
    ("QueuePause", Action::QueuePause, Classes::AGENT, "Make an agent not ready, or ready."),
    ("QueuePenalty", Action::QueuePenalty, Classes::AGENT, "Set the rank of an agent in queues until his shift ends."),
    ("QueueRemove", Action::QueueRemove, Classes::AGENT, "Take an agent out of a queue until his shift ends."),
    ("QueueReset", Action::QueueReset, Classes::AGENT, "Count from zero."),
    ("QueueStatus", Action::QueueStatus, Classes::NONE, "Show queues, their agents and callers."),
    ("QueueSummary", Action::QueueSummary, Classes::NONE, "Show figures of queues."),
];

impl Action {
    /// By its name, in whatever case, with the classes of which one is needed.
    pub fn named(name: &str) -> Option<(Action, Classes)> {
        let found = TABLE.iter().find(|(of, ..)| of.eq_ignore_ascii_case(name));
        found.map(|(_, action, class, _)| (*action, *class))
    }
}

/// What a steering action comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The engine is asked this, one after the other, and the sentence is said if it did it all.
    Ask(Vec<Command>, &'static str),
    /// It cannot be done.
    Refuse(String),
}

fn refuse(sentence: impl Into<String>) -> Meaning {
    Meaning::Refuse(sentence.into())
}

/// Asterisk's idea of yes.
pub(super) fn is_yes(text: &str) -> bool {
    ["yes", "true", "y", "t", "1", "on"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// `QueueAdd`: an agent serves the queue, whatever he is configured for, until his shift ends; it begins if it had not.
pub(super) fn queue_add(exchange: &Exchange, request: &Request) -> Meaning {
    let (queue, interface) = (request.get("Queue"), request.get("Interface"));
    if queue.is_empty() {
        return refuse("'Queue' not specified.");
    }
    if interface.is_empty() {
        return refuse("'Interface' not specified.");
    }
    let config = exchange.config();
    let Some(queue) = known(config, queue) else { return refuse("Unable to add interface to queue: No such queue") };
    let name = request.get("MemberName");
    let named = name.parse().ok().filter(|agent| config.agents.contains_key(agent));
    let Some(agent) = named.or_else(|| exchange.agent_of(interface)) else {
        return refuse(
            "Unable to add interface: no agent is named so, and none has this station; name one as MemberName",
        );
    };
    if exchange.is_member(agent, queue) {
        return refuse("Unable to add interface: Already there");
    }
    // As there, what is no number counts as none given.
    let rank = request.get("Penalty").trim().parse::<i64>().map_or(0, |given| given.max(0));
    let Some(rank) = u8::try_from(rank).ok().filter(|rank| *rank <= RANK_MAX) else { return refuse(too_high()) };
    let mut asked = vec![Command::AgentServe(agent, queue, rank, extension(interface).parse().ok())];
    if is_yes(request.get("Paused")) {
        match reason(config, request.get("Reason")) {
            Ok(reason) => asked.push(Command::AgentPause(agent, reason)),
            Err(sentence) => return refuse(sentence),
        }
    }
    Meaning::Ask(asked, "Added interface to queue")
}

fn too_high() -> String {
    format!("Invalid interface, queuename or penalty: write 0 to {RANK_MAX}")
}

/// `QueueRemove`: the agent does not serve the queue any more; with his last one the shift ends.
pub(super) fn queue_remove(exchange: &Exchange, request: &Request) -> Meaning {
    let (queue, interface) = (request.get("Queue"), request.get("Interface"));
    if queue.is_empty() || interface.is_empty() {
        return refuse("Need 'Queue' and 'Interface' parameters.");
    }
    let Some(queue) = known(exchange.config(), queue) else {
        return refuse("Unable to remove interface from queue: No such queue");
    };
    match exchange.agent_of(interface).filter(|agent| exchange.is_member(*agent, queue)) {
        Some(agent) => Meaning::Ask(vec![Command::AgentLeave(agent, queue)], "Removed interface from queue"),
        None => refuse("Unable to remove interface: Not there"),
    }
}

/// `QueuePause`: not ready everywhere, with a reason of the house, or ready.
pub(super) fn queue_pause(exchange: &Exchange, request: &Request) -> Meaning {
    let (interface, paused, queue) = (request.get("Interface"), request.get("Paused"), request.get("Queue"));
    if interface.is_empty() || paused.is_empty() {
        return refuse("Need 'Interface' and 'Paused' parameters.");
    }
    let found = exchange.agent_of(interface).filter(|agent| match queue {
        "" => exchange.seats.contains_key(agent),
        queue => known(exchange.config(), queue).is_some_and(|queue| exchange.is_member(*agent, queue)),
    });
    let Some(agent) = found else { return refuse("Interface not found") };
    if !is_yes(paused) {
        return Meaning::Ask(vec![Command::AgentReady(agent)], "Interface unpaused successfully");
    }
    match reason(exchange.config(), request.get("Reason")) {
        Ok(reason) => Meaning::Ask(vec![Command::AgentPause(agent, reason)], "Interface paused successfully"),
        Err(sentence) => refuse(sentence),
    }
}

/// `QueueLog`: a line of a program's own.
pub(super) fn queue_log(exchange: &Exchange, request: &Request) -> Meaning {
    let (queue, event, interface) = (request.get("Queue"), request.get("Event"), request.get("Interface"));
    if queue.is_empty() || event.is_empty() {
        return refuse("Need 'Queue' and 'Event' parameters.");
    }
    let Some(queue) = known(exchange.config(), queue) else { return refuse("No such queue") };
    let or_none = |text: &str| if text.is_empty() { "NONE".to_owned() } else { text.to_owned() };
    let note = Note {
        id: or_none(request.get("UniqueId")),
        agent: exchange.agent_of(interface).map_or_else(|| or_none(interface), |agent| agent.to_string()),
        event: event.to_owned(),
        text: request.get("Message").to_owned(),
    };
    Meaning::Ask(vec![Command::QueueNote(queue, note)], "Event added successfully")
}

/// `QueuePenalty`: the agent's rank in the queue, or in all that he serves, until his shift ends.
pub(super) fn queue_penalty(exchange: &Exchange, request: &Request) -> Meaning {
    let (interface, queue) = (request.get("Interface"), request.get("Queue"));
    if interface.is_empty() || request.get("Penalty").is_empty() {
        return refuse("Need 'Interface' and 'Penalty' parameters.");
    }
    let invalid = || refuse("Invalid interface, queuename or penalty");
    let Some(agent) = exchange.agent_of(interface).filter(|agent| exchange.seats.contains_key(agent)) else {
        return invalid();
    };
    let mut queues = exchange.queues_of(agent);
    if !queue.is_empty() {
        queues.retain(|of| of.as_str().eq_ignore_ascii_case(queue));
    }
    // As there, what is no number counts as 0.
    let rank = request.get("Penalty").trim().parse::<i64>().unwrap_or(0);
    let Some(rank) = u8::try_from(rank).ok().filter(|rank| *rank <= RANK_MAX) else { return refuse(too_high()) };
    if queues.is_empty() {
        return invalid();
    }
    let asked = queues.into_iter().map(|queue| Command::AgentRank(agent, queue, rank)).collect();
    Meaning::Ask(asked, "Interface penalty set successfully")
}

/// `Hangup`: the call of the channel ends.
pub(super) fn hang_up(exchange: &Exchange, request: &Request) -> Meaning {
    let channel = request.get("Channel");
    if channel.is_empty() {
        return refuse("No channel specified");
    }
    let found = exchange.legs.values().find(|leg| leg.channel.eq_ignore_ascii_case(channel) || leg.unique == channel);
    let Some(leg) = found else { return refuse("No such channel") };
    match exchange.calls.get(&leg.call) {
        // The customer waits for whoever answers first: hanging up on one who rings must not cost him his place.
        Some(of) if of.waits.is_some() && of.caller.and_then(|id| exchange.legs.get(&id)) != Some(leg) => {
            refuse("This channel rings for a caller who waits; hang up the caller's channel, or pause the agent")
        }
        Some(_) | None => Meaning::Ask(vec![Command::CallHangUp(leg.call)], "Channel Hungup"),
    }
}

/// `Originate`: the station and the number that it is to be connected with.
pub(super) fn originate(request: &Request) -> Result<(StationId, String), &'static str> {
    let (channel, exten) = (request.get("Channel"), request.get("Exten"));
    if channel.is_empty() {
        return Err("Channel not specified");
    }
    if !channel.contains('/') {
        return Err("Invalid channel");
    }
    if request.has("Application") {
        return Err("Originate Access Forbidden: there are no applications; name an Exten");
    }
    if exten.is_empty() {
        return Err("Originate with 'Exten' requires 'Context' and 'Priority'");
    }
    let station = extension(channel).parse().map_err(|_| "Invalid channel")?;
    Ok((station, exten.to_owned()))
}

/// Whether the event line has told of what the engine did, so that a list that is asked for next shows it.
pub(super) fn is_shown(exchange: &Exchange, done: &Command) -> bool {
    match *done {
        Command::AgentServe(agent, queue, rank, _) => {
            exchange.is_member(agent, queue) && exchange.rank_of(agent, queue) == rank
        }
        Command::AgentLeave(agent, queue) => !exchange.is_member(agent, queue),
        Command::AgentRank(agent, queue, rank) => exchange.rank_of(agent, queue) == rank,
        // A pause may be for later, and the others change nothing that a list shows at once.
        _ => true,
    }
}

fn known(config: &AcdConfig, queue: &str) -> Option<QueueId> {
    config.queues.keys().find(|of| of.as_str().eq_ignore_ascii_case(queue)).copied()
}

/// A reason of the house: the one named, or the first if none is.
fn reason(config: &AcdConfig, given: &str) -> Result<turno_base::Name, String> {
    let found = match given {
        "" => config.reasons.keys().next(),
        given => config.reasons.keys().find(|reason| reason.as_str().eq_ignore_ascii_case(given)),
    };
    found.copied().ok_or_else(|| {
        let known: Vec<&str> = config.reasons.keys().map(turno_base::Name::as_str).collect();
        format!("There is no reason {given:?}; there are: {}", known.join(", "))
    })
}

/// `PJSIP/1001@turno` means 1001.
fn extension(interface: &str) -> &str {
    let of = interface.split_once('/').map_or(interface, |(_, of)| of);
    of.split_once('@').map_or(of, |(of, _)| of)
}

impl Exchange {
    /// Who sits there, else whose station it is, else who is called so.
    fn agent_of(&self, interface: &str) -> Option<AgentId> {
        let of = extension(interface);
        let station: Option<StationId> = of.parse().ok();
        let sits = || self.seats.iter().find(|(_, seat)| seat.station.is_some() && seat.station == station);
        let owns =
            || self.config().agents.iter().find(|(_, rules)| rules.station.is_some() && rules.station == station);
        let named = || of.parse().ok().filter(|agent| self.config().agents.contains_key(agent));
        sits().map(|(agent, _)| *agent).or_else(|| owns().map(|(agent, _)| *agent)).or_else(named)
    }

    fn is_member(&self, agent: AgentId, queue: QueueId) -> bool {
        self.seats.contains_key(&agent) && self.queues_of(agent).contains(&queue)
    }
}
