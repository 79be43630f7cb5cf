//! Legs as channels: when they come, ring, answer, talk together, are held and go.

use turno_base::fact::{Party, Segment};
use turno_base::{CallId, Cause, LegId, Number, Wall};
use turno_tariff::cdr::format;

use super::super::wire::Block;
use super::{Call, Event, Exchange, peer};
use crate::shell::config::ami::Classes;

/// A leg as Asterisk shows a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Leg {
    pub(in super::super) call: CallId,
    pub(in super::super) channel: String,
    pub(in super::super) unique: String,
    /// That of the call.
    pub(in super::super) linked: String,
    pub(in super::super) party: Party,
    pub(in super::super) state: State,
    pub(in super::super) number: String,
    pub(in super::super) name: String,
    pub(in super::super) connected_number: String,
    pub(in super::super) connected_name: String,
    pub(in super::super) dialled: String,
    pub(in super::super) since: Wall,
    pub(in super::super) is_held: bool,
}

/// Asterisk's states of a channel, as far as there are any here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum State {
    Down,
    Ring,
    Ringing,
    Up,
}

impl State {
    const fn number(self) -> u8 {
        match self {
            State::Down => 0,
            State::Ring => 4,
            State::Ringing => 5,
            State::Up => 6,
        }
    }

    pub(in super::super) const fn word(self) -> &'static str {
        match self {
            State::Down => "Down",
            State::Ring => "Ring",
            State::Ringing => "Ringing",
            State::Up => "Up",
        }
    }
}

impl Leg {
    /// The lines that describe a channel, each name behind `prefix`.
    pub(in super::super) fn lines(&self, prefix: &str) -> Block {
        let known = |text: &str| if text.is_empty() { "<unknown>".to_owned() } else { text.to_owned() };
        let mut block = Block::new();
        block.add(prefix, "Channel", &self.channel);
        block.add(prefix, "ChannelState", self.state.number());
        block.add(prefix, "ChannelStateDesc", self.state.word());
        block.add(prefix, "CallerIDNum", known(&self.number));
        block.add(prefix, "CallerIDName", known(&self.name));
        block.add(prefix, "ConnectedLineNum", known(&self.connected_number));
        block.add(prefix, "ConnectedLineName", known(&self.connected_name));
        block.add(prefix, "Language", "en");
        block.add(prefix, "AccountCode", "");
        block.add(prefix, "Context", "turno");
        block.add(prefix, "Exten", &self.dialled);
        block.add(prefix, "Priority", 1);
        block.add(prefix, "Uniqueid", &self.unique);
        block.add(prefix, "Linkedid", &self.linked);
        block
    }

    fn is_of_agent(&self) -> bool {
        matches!(self.party, Party::Agent(..))
    }
}

impl Exchange {
    pub(super) fn on_leg(&mut self, call: CallId, id: LegId, b: &Number, party: Party, at: Wall, out: &mut Vec<Event>) {
        let Some(of) = self.calls.get_mut(&call) else { return };
        let is_caller = match party {
            Party::Caller(_) => true,
            Party::Outside(_) => of.is_callback,
            Party::Agent(..) | Party::Station(_) => false,
        };
        let is_arrived = matches!(party, Party::Caller(_)) || id.0.is_multiple_of(2);
        let unique = if is_caller { of.unique.clone() } else { format!("{}.{}", at.as_secs(), id.0) };
        let callee = match party {
            Party::Agent(agent, _) => agent.to_string(),
            Party::Caller(_) | Party::Outside(_) | Party::Station(_) => String::new(),
        };
        let (number, name, connected) = match is_caller {
            true => (of.number.clone(), of.name.clone(), (String::new(), String::new())),
            false => (bare(b), callee, (of.number.clone(), of.name.clone())),
        };
        let leg = Leg {
            call,
            channel: format!("{}-{:08x}", peer(party), id.0),
            unique,
            linked: of.unique.clone(),
            party,
            state: if is_arrived { State::Ring } else { State::Down },
            number,
            name,
            connected_number: connected.0,
            connected_name: connected.1,
            dialled: if is_caller { of.dialled.clone() } else { String::new() },
            since: at,
            is_held: false,
        };
        let mut offered = None;
        of.legs.push(id);
        if is_caller {
            of.caller = Some(id);
        } else if let Party::Agent(agent, _) = party
            && let Some(offer) = of.offers.iter_mut().find(|(to, leg)| *to == agent && leg.is_none())
        {
            offer.1 = Some(id);
            offered = of.queue.map(|queue| (queue, agent));
        }
        out.push(Event::new("Newchannel", Classes::CALL, &leg.lines("")));
        let interface = peer(party);
        self.legs.insert(id, leg);
        if let Some((queue, agent)) = offered {
            let body = Block::new().with("Queue", queue).with("Interface", &interface).with("MemberName", agent);
            out.push(Event::new("AgentCalled", Classes::AGENT, &self.pair(call, Some(id)).and(&body)));
        }
        if !is_arrived {
            let body = self.pair(call, Some(id)).with("DialString", interface.trim_start_matches("PJSIP/"));
            out.push(Event::new("DialBegin", Classes::CALL, &body));
        }
    }

    /// The caller's channel and another behind `Dest`.
    pub(super) fn pair(&self, call: CallId, other: Option<LegId>) -> Block {
        let of = self.calls.get(&call);
        let find = |id: LegId| self.legs.get(&id).or_else(|| of?.gone.get(&id).map(|(leg, _)| leg));
        let caller = of.and_then(|of| of.caller).filter(|caller| Some(*caller) != other).and_then(find);
        let caller = match (caller, of) {
            (Some(leg), _) => leg.lines(""),
            (None, Some(of)) if of.caller.is_none() => self.place_of(call, of).lines(""),
            (None, _) => Block::new(),
        };
        let other = other.and_then(find).map_or_else(Block::new, |leg| leg.lines("Dest"));
        caller.and(&other)
    }

    /// A place in a queue without a caller on the line is a channel too, as Asterisk's own would be.
    pub(in super::super) fn place_of(&self, call: CallId, of: &Call) -> Leg {
        Leg {
            call,
            channel: format!("Local/{}@turno-{:08x}", of.number, call.0 & 0xffff_ffff),
            unique: of.unique.clone(),
            linked: of.unique.clone(),
            party: Party::Caller(None),
            state: State::Down,
            number: of.number.clone(),
            name: of.name.clone(),
            connected_number: String::new(),
            connected_name: String::new(),
            dialled: of.dialled.clone(),
            since: Wall::default(),
            is_held: false,
        }
    }

    pub(super) fn on_ringing(&mut self, id: LegId, out: &mut Vec<Event>) {
        self.change(id, State::Ringing, out);
    }

    pub(super) fn on_answered(&mut self, id: LegId, out: &mut Vec<Event>) {
        let Some((call, was)) = self.legs.get(&id).map(|leg| (leg.call, leg.state)) else { return };
        self.change(id, State::Up, out);
        self.tell_originated(call, Some(id), out);
        if matches!(was, State::Down | State::Ringing) {
            self.dial_ended(call, id, "ANSWER", out);
        }
    }

    fn change(&mut self, id: LegId, state: State, out: &mut Vec<Event>) {
        let Some(leg) = self.legs.get_mut(&id).filter(|leg| leg.state != state) else { return };
        leg.state = state;
        out.push(Event::new("Newstate", Classes::CALL, &leg.lines("")));
    }

    fn dial_ended(&self, call: CallId, id: LegId, how: &str, out: &mut Vec<Event>) {
        out.push(Event::new("DialEnd", Classes::CALL, &self.pair(call, Some(id)).with("DialStatus", how)));
    }

    pub(super) fn on_segment(&mut self, id: LegId, segment: Segment, out: &mut Vec<Event>) {
        let Some(leg) = self.legs.get(&id) else { return };
        let (call, of_agent) = (leg.call, leg.is_of_agent());
        let (talks, held) = match segment {
            Segment::Talk(_) | Segment::TalkOutside => (true, false),
            // The customer hears music there too, and is in the bridge all the while.
            Segment::Hold(_) | Segment::Consult(_) => (true, of_agent),
            Segment::Ivr(_) | Segment::Queue(_) | Segment::Ring(_) | Segment::Parked | Segment::Voicemail => {
                (false, false)
            }
        };
        match talks {
            true => self.enter_bridge(call, id, out),
            false => self.leave_bridge(call, id, out),
        }
        if let Some(leg) = self.legs.get_mut(&id)
            && leg.is_held != held
        {
            leg.is_held = held;
            let name = if held { "Hold" } else { "Unhold" };
            out.push(Event::new(name, Classes::CALL, &leg.lines("")));
        }
    }

    fn enter_bridge(&mut self, call: CallId, id: LegId, out: &mut Vec<Event>) {
        let Some(of) = self.calls.get_mut(&call).filter(|of| !of.bridged.contains(&id)) else { return };
        of.bridged.push(id);
        let count = of.bridged.len();
        if let [first, second] = of.bridged[..] {
            self.connect_lines(first, second);
        }
        let Some(leg) = self.legs.get(&id) else { return };
        out.push(Event::new("BridgeEnter", Classes::CALL, &bridge(call, count).and(&leg.lines(""))));
    }

    fn leave_bridge(&mut self, call: CallId, id: LegId, out: &mut Vec<Event>) {
        let Some(of) = self.calls.get_mut(&call) else { return };
        let before = of.bridged.len();
        of.bridged.retain(|leg| *leg != id);
        let count = of.bridged.len();
        if let Some(leg) = self.legs.get(&id)
            && count < before
        {
            out.push(Event::new("BridgeLeave", Classes::CALL, &bridge(call, count).and(&leg.lines(""))));
        }
    }

    /// Two who talk see each other's number.
    fn connect_lines(&mut self, a: LegId, b: LegId) {
        let who = |exchange: &Exchange, id| exchange.legs.get(&id).map(|leg| (leg.number.clone(), leg.name.clone()));
        let (Some(of_a), Some(of_b)) = (who(self, a), who(self, b)) else { return };
        for (id, (number, name)) in [(a, of_b), (b, of_a)] {
            if let Some(leg) = self.legs.get_mut(&id) {
                (leg.connected_number, leg.connected_name) = (number, name);
            }
        }
    }

    pub(super) fn on_leg_ended(&mut self, call: CallId, id: LegId, cause: Cause, out: &mut Vec<Event>) {
        if self.legs.get(&id).is_none_or(|leg| leg.call != call) {
            return;
        }
        self.leave_bridge(call, id, out);
        if self.legs.get(&id).is_some_and(|leg| matches!(leg.state, State::Down | State::Ringing)) {
            self.dial_ended(call, id, dial_status(cause), out);
        }
        let Some(leg) = self.legs.remove(&id) else { return };
        if let Some(of) = self.calls.get_mut(&call) {
            of.legs.retain(|leg| *leg != id);
        }
        let body = leg.lines("").with("Cause", cause.q850).with("Cause-txt", cause_text(cause.q850));
        let event = Event::new("Hangup", Classes::CALL, &body);
        match self.calls.get_mut(&call) {
            Some(of) if of.still_names(id, leg.party) => drop(of.gone.insert(id, (leg, event))),
            Some(_) | None => out.push(event),
        }
    }

    /// Those of whom the queue has said all may be seen to go.
    pub(super) fn part(&mut self, call: CallId, out: &mut Vec<Event>) {
        let Some(of) = self.calls.get_mut(&call) else { return };
        let named: Vec<LegId> =
            of.gone.iter().filter(|(id, (leg, _))| !of.still_names(**id, leg.party)).map(|(id, _)| *id).collect();
        out.extend(named.iter().filter_map(|id| of.gone.remove(id)).map(|(_, hang_up)| hang_up));
    }
}

impl Call {
    /// What the queue will say of a conversation or an offer names this leg, and comes before its hang-up.
    fn still_names(&self, id: LegId, party: Party) -> bool {
        let talks = |agent| matches!(party, Party::Agent(of, _) if of == agent);
        self.caller == Some(id) && (self.waits.is_some() || self.talks.is_some())
            || self.talks.is_some_and(talks)
            || self.offers.iter().any(|(_, leg)| *leg == Some(id))
    }
}

fn bridge(call: CallId, legs: usize) -> Block {
    Block::new()
        .with("BridgeUniqueid", bridge_id(call))
        .with("BridgeType", "basic")
        .with("BridgeTechnology", "simple_bridge")
        .with("BridgeCreator", "<unknown>")
        .with("BridgeName", "<unknown>")
        .with("BridgeNumChannels", legs)
        .with("BridgeVideoSourceMode", "none")
}

/// The call's id in the form that Asterisk gives to bridges.
pub(in super::super) fn bridge_id(call: CallId) -> String {
    let (id, part) = (call.0, |id: u128, from: u32, digits: u32| id >> from & ((1 << (4 * digits)) - 1));
    let (a, b, c) = (part(id, 96, 8), part(id, 80, 4), part(id, 64, 4));
    format!("{a:08x}-{b:04x}-{c:04x}-{:04x}-{:012x}", part(id, 48, 4), part(id, 0, 12))
}

/// A number as it was dialled, without `+`.
pub(super) fn bare(of: &Number) -> String {
    format::number(of).trim_start_matches('+').to_owned()
}

fn dial_status(cause: Cause) -> &'static str {
    match (cause.sip, cause.q850) {
        (486 | 600, _) | (_, 17) => "BUSY",
        (408 | 480, _) | (_, 18 | 19) => "NOANSWER",
        (200 | 487, _) => "CANCEL",
        (404 | 410 | 484 | 604, _) => "CHANUNAVAIL",
        _ => "CONGESTION",
    }
}

/// Q.850 in Asterisk's words.
fn cause_text(q850: u8) -> &'static str {
    match q850 {
        1 => "Unallocated (unassigned) number",
        16 => "Normal Clearing",
        17 => "User busy",
        18 => "No user responding",
        19 => "User alerting, no answer",
        20 => "Subscriber absent",
        21 => "Call Rejected",
        26 => "Answered elsewhere",
        27 => "Destination out of order",
        28 => "Invalid number format",
        31 => "Normal, unspecified",
        34 => "Circuit/channel congestion",
        38 => "Network out of order",
        41 => "Temporary failure",
        42 => "Switching equipment congestion",
        88 => "Incompatible destination",
        102 => "Recover on timer expiry",
        127 => "Interworking, unspecified",
        _ => "Unknown",
    }
}
