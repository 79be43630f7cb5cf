//! Answers that are lists: queues with their members and callers, and channels.

use turno_acd::Strategy;
use turno_base::Wall;

use super::exchange::{Exchange, Leg, Stand, bridge_id};
use super::wire::{Block, Request};

/// A list from its announcement to its end.
struct List<'a> {
    request: &'a Request,
    text: String,
    items: usize,
}

impl<'a> List<'a> {
    fn new(request: &'a Request, sentence: &str) -> List<'a> {
        let text = Block::answer("Success", request).with("EventList", "start").with("Message", sentence).end();
        List { request, text, items: 0 }
    }

    fn add(&mut self, event: &str, body: &Block) {
        self.text.push_str(&Block::item(event).and(body).id(self.request).end());
        self.items += 1;
    }

    fn end(mut self, event: &str) -> String {
        let end = Block::item(event).id(self.request).with("EventList", "Complete").with("ListItems", self.items);
        self.text.push_str(&end.end());
        self.text
    }
}

/// `QueueStatus`: parameters, members and callers of each queue, or of that named.
pub(super) fn queue_status(exchange: &Exchange, request: &Request, now: Wall) -> String {
    let mut list = List::new(request, "Queue status will follow");
    let (only, member) = (request.get("Queue"), request.get("Member"));
    for (queue, stand) in &exchange.queues {
        if !only.is_empty() && !queue.as_str().eq_ignore_ascii_case(only) {
            continue;
        }
        let rules = exchange.config().queues.get(queue);
        let params = Block::new()
            .with("Queue", queue)
            .with("Max", rules.map_or(0, |rules| rules.length_max))
            .with("Strategy", rules.map_or("value", |rules| strategy(rules.strategy)))
            .with("Calls", stand.waiting.len())
            .with("Holdtime", stand.hold_s)
            .with("TalkTime", stand.talk_s)
            .with("Completed", stand.completed)
            .with("Abandoned", stand.abandoned)
            .with("ServiceLevel", exchange.level_s(*queue))
            .with("ServicelevelPerf", percent(stand.level_pm()))
            .with("ServicelevelPerf2", percent(stand.level2_pm()))
            .with("Weight", 0);
        list.add("QueueParams", &params);
        for (agent, seat) in exchange.members(*queue) {
            if member.is_empty() || member == agent.as_str() || member == seat.interface() {
                list.add("QueueMember", &exchange.member(agent, seat, *queue, false));
            }
        }
        for (at, entry) in entries(exchange, stand).enumerate() {
            let unknown = |text: &str| if text.is_empty() { "unknown".to_owned() } else { text.to_owned() };
            let body = Block::new()
                .with("Queue", queue)
                .with("Position", at + 1)
                .with("Channel", &entry.channel)
                .with("Uniqueid", &entry.unique)
                .with("CallerIDNum", unknown(&entry.number))
                .with("CallerIDName", unknown(&entry.name))
                .with("ConnectedLineNum", unknown(&entry.connected_number))
                .with("ConnectedLineName", unknown(&entry.connected_name))
                .with("Wait", seconds(now, entry.since))
                .with("Priority", 0);
            list.add("QueueEntry", &body);
        }
    }
    list.end("QueueStatusComplete")
}

/// `QueueSummary`: one line of figures for each queue.
pub(super) fn queue_summary(exchange: &Exchange, request: &Request, now: Wall) -> String {
    let mut list = List::new(request, "Queue summary will follow");
    let only = request.get("Queue");
    for (queue, stand) in &exchange.queues {
        if !only.is_empty() && !queue.as_str().eq_ignore_ascii_case(only) {
            continue;
        }
        let members = || exchange.members(*queue);
        let longest = entries(exchange, stand).map(|entry| seconds(now, entry.since)).max();
        let body = Block::new()
            .with("Queue", queue)
            .with("LoggedIn", members().count())
            .with("Available", members().filter(|(_, seat)| seat.is_available()).count())
            .with("Callers", stand.waiting.len())
            .with("HoldTime", stand.hold_s)
            .with("TalkTime", stand.talk_s)
            .with("LongestHoldTime", longest.unwrap_or(0));
        list.add("QueueSummary", &body);
    }
    list.end("QueueSummaryComplete")
}

/// `CoreShowChannels`: every leg.
pub(super) fn channels(exchange: &Exchange, request: &Request, now: Wall) -> String {
    let mut list = List::new(request, "Channels will follow");
    for leg in exchange.legs.values() {
        let (application, data) = application(exchange, leg);
        let s = seconds(now, leg.since);
        let body = leg
            .lines("")
            .with("Application", application)
            .with("ApplicationData", data)
            .with("Duration", format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60))
            .with("BridgeId", bridge_of(exchange, leg));
        // The action id stands first here.
        list.text.push_str(&Block::item("CoreShowChannel").id(request).and(&body).end());
        list.items += 1;
    }
    list.end("CoreShowChannelsComplete")
}

/// What Asterisk would say that a leg is in.
pub(super) fn application(exchange: &Exchange, leg: &Leg) -> (&'static str, String) {
    let of = exchange.calls.get(&leg.call);
    let is_caller = of.is_some_and(|of| of.caller.and_then(|id| exchange.legs.get(&id)) == Some(leg));
    match (of.and_then(|of| of.queue), is_caller) {
        (Some(queue), true) => ("Queue", queue.to_string()),
        (Some(_), false) => ("AppQueue", "(Outgoing Line)".to_owned()),
        (None, true) => ("Dial", leg.dialled.clone()),
        (None, false) => ("AppDial", "(Outgoing Line)".to_owned()),
    }
}

/// The bridge that it is in; empty: none.
pub(super) fn bridge_of(exchange: &Exchange, leg: &Leg) -> String {
    let bridged = exchange.calls.get(&leg.call).map(|of| &of.bridged);
    let is_in = bridged.is_some_and(|legs| legs.iter().any(|id| exchange.legs.get(id) == Some(leg)));
    if is_in { bridge_id(leg.call) } else { String::new() }
}

/// Who waits, in the order of places.
pub(super) fn entries<'a>(exchange: &'a Exchange, stand: &'a Stand) -> impl Iterator<Item = Leg> + 'a {
    stand.waiting.iter().filter_map(|call| {
        let of = exchange.calls.get(call)?;
        let leg = of.caller.and_then(|id| exchange.legs.get(&id)).cloned();
        let (_, since) = of.waits?;
        Some(Leg { since, ..leg.unwrap_or_else(|| exchange.place_of(*call, of)) })
    })
}

pub(super) fn seconds(now: Wall, since: Wall) -> i64 {
    (now.0.saturating_sub(since.0)).max(0) / 1_000_000
}

/// With one decimal.
pub(super) fn percent(pm: u64) -> String {
    format!("{}.{}", pm / 10, pm % 10)
}

/// Asterisk's word for it, where there is one.
pub(super) const fn strategy(of: Strategy) -> &'static str {
    match of {
        Strategy::Value => "value",
        Strategy::LongestIdle => "leastrecent",
        Strategy::RoundRobin => "rrmemory",
        Strategy::RingAll => "ringall",
        Strategy::FewestCalls => "fewestcalls",
        Strategy::LeastTalk => "leasttalk",
        Strategy::Linear => "linear",
        Strategy::Random => "random",
        Strategy::WeightedRandom => "wrandom",
    }
}
