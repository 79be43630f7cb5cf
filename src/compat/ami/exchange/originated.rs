//! Calls that clients placed (`Originate` with `Async`): whoever asked hears what came of it, by his action id.

use turno_base::{CallId, LegId};

use super::super::wire::{Block, Request};
use super::legs::State;
use super::{Event, Exchange};
use crate::shell::config::ami::Classes;

/// Most calls that are waited for; of more the oldest is not told of.
pub(in super::super) const ORIGINATED_MAX: usize = 1000;

/// Asterisk's numbers for what came of it.
const ANSWERED: u8 = 4;
const FAILED: u8 = 0;

/// Somebody wants to hear what comes of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Originated {
    id: Block,
    channel: String,
    context: String,
    exten: String,
}

impl Originated {
    /// As it was asked for.
    pub(in super::super) fn new(request: &Request) -> Originated {
        Originated {
            id: Block::new().id(request),
            channel: request.get("Channel").to_owned(),
            context: request.get("Context").to_owned(),
            exten: request.get("Exten").to_owned(),
        }
    }
}

impl Exchange {
    /// Tells what comes of the call once that is known: at once if it was answered or has ended before whoever placed it could say
    /// that he waits for it.
    pub(in super::super) fn expect(&mut self, call: CallId, originated: Originated, out: &mut Vec<Event>) {
        self.originated.insert(call, originated);
        if self.originated.len() > ORIGINATED_MAX {
            self.originated.pop_first();
        }
        let is_up = |leg: &&LegId| self.legs.get(leg).is_some_and(|leg| leg.state == State::Up);
        let answered = self.calls.get(&call).and_then(|of| of.legs.iter().find(is_up).copied());
        if answered.is_some() || self.ended.contains(&call) {
            self.tell_originated(call, answered, out);
        }
    }

    /// Remembers that a call has ended, for whoever is about to ask what came of it.
    pub(super) fn note_end(&mut self, call: CallId) {
        self.ended.push_back(call);
        if self.ended.len() > ORIGINATED_MAX {
            self.ended.pop_front();
        }
    }

    #[cfg(test)]
    pub(in super::super) fn originated_len(&self) -> usize {
        self.originated.len()
    }

    /// The first leg that is answered is the station's; none: it has ended without.
    pub(super) fn tell_originated(&mut self, call: CallId, leg: Option<LegId>, out: &mut Vec<Event>) {
        let Some(Originated { id, channel, context, exten }) = self.originated.remove(&call) else { return };
        let leg = leg.and_then(|leg| self.legs.get(&leg));
        let known = |of: Option<&str>| of.filter(|text| !text.is_empty()).unwrap_or("<unknown>").to_owned();
        let body = id
            .with("Response", if leg.is_some() { "Success" } else { "Failure" })
            .with("Channel", leg.map_or(channel.as_str(), |leg| leg.channel.as_str()))
            .with("Context", context)
            .with("Exten", exten)
            .with("Reason", if leg.is_some() { ANSWERED } else { FAILED })
            .with("Uniqueid", known(leg.map(|leg| leg.unique.as_str())))
            .with("CallerIDNum", known(leg.map(|leg| leg.number.as_str())))
            .with("CallerIDName", known(leg.map(|leg| leg.name.as_str())));
        out.push(Event::new("OriginateResponse", Classes::CALL, &body));
    }
}
