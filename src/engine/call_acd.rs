//! Seam: what a call wants of the ACD, and what the ACD decides about a call; both also feed the event line.

use turno_acd::{Credit, Credits, Decision, Entry, Event, Kind, Overflow};
use turno_base::fact::What;
use turno_base::{CallId, ItemId};
use turno_call::{AcdEvent, AcdTell, CallEffect, CallEvent, Elsewhere};

use crate::Rooms;
use crate::boundary::Effect;
use crate::turn::Turn;

impl Rooms {
    pub(crate) fn on_call(&mut self, effect: CallEffect, turn: &mut Turn<'_>) {
        match effect {
            CallEffect::LookUp { call, ani } => self.look_up(call, &ani, turn),
            CallEffect::Record { call } => self.records.await_durable(call),
            CallEffect::Leg { leg, command } => self.command_leg(leg, command, turn),
            CallEffect::Sound { leg, sound } => self.sound(leg, sound, turn),
            CallEffect::Acd { call, tell } => self.tell_acd(call, tell, turn),
            CallEffect::StationCalls { station, calls } => {
                self.acd.on_event(Event::StationCalls { station, calls }, turn.now, turn.acd());
            }
            CallEffect::Tape { call, leg, tape } => self.tape(call, leg, tape, turn),
            CallEffect::Code { leg, station, code } => self.on_code(leg, station, code, turn),
            // Its stay in a queue may still be about to end.
            CallEffect::Fact(ended @ What::CallEnded { .. }) => turn.end_call(ended),
            CallEffect::Fact(what) => self.fact(what, turn),
        }
    }

    fn tell_acd(&mut self, call: CallId, tell: AcdTell, turn: &mut Turn<'_>) {
        let item = ItemId(call);
        let event = match tell {
            AcdTell::Enter { queue, need, segment, value_pm, caller, credit_ms, rescued, owner, callback_to } => {
                let mut credits = Credits::of(Credit::WaitedElsewhere, credit_ms);
                if rescued {
                    credits.add(Credit::Rescue, self.config.acd.rescue_credit);
                }
                Event::Enter(Entry {
                    item,
                    kind: Kind::Call,
                    queue,
                    need,
                    segment,
                    value_pm,
                    caller,
                    credits,
                    owner,
                    last_agent: None,
                    callback_to,
                })
            }
            AcdTell::Leave(how) => Event::Leave { item, how },
            AcdTell::Ringing(agent, epoch) => Event::Ringing { item, agent, epoch },
            AcdTell::Accept(agent, epoch) => Event::Accept { item, agent, epoch },
            AcdTell::OfferFailed(agent, epoch, end) => Event::OfferFailed { item, agent, epoch, end },
            AcdTell::Released(agent) => Event::Released { item, agent },
            AcdTell::Phase(agent, state) => Event::Phase { item, agent, state },
            AcdTell::Joined(agent) => Event::Joined { item, agent },
            AcdTell::Announced => Event::Announced { item },
            AcdTell::Key(key) => Event::Key { item, key },
            AcdTell::CallbackAnswered => Event::CallbackAnswered { item },
            AcdTell::CallbackFailed(result) => Event::CallbackFailed { item, result },
        };
        self.acd.on_event(event, turn.now, turn.acd());
    }

    pub(crate) fn on_decision(&mut self, decision: Decision, turn: &mut Turn<'_>) {
        match decision {
            Decision::Entered { item, queue, position } => {
                self.fact(What::QueueEntered { call: item.0, queue, position }, turn);
                let rules = self.config.acd.queues.get(&queue);
                let music = rules.and_then(|r| r.music);
                let greeting = rules.and_then(|r| r.greeting);
                self.tell_decided(item, AcdEvent::Entered { queue, position, music, greeting }, turn);
            }
            Decision::Offer { item, queue, agent, station, epoch, why } => {
                turn.out.push(Effect::Why { call: item.0, agent, epoch, why: *why });
                self.fact(What::Offered { call: item.0, queue, agent, epoch }, turn);
                self.tell_decided(item, AcdEvent::Offer { queue, agent, station, epoch }, turn);
            }
            Decision::Withdraw { item, agent, epoch, end } => {
                self.tell_decided(item, AcdEvent::Withdraw { agent, epoch, end }, turn);
            }
            Decision::Connect { item, agent, epoch } => {
                self.tell_decided(item, AcdEvent::Connect { agent, epoch }, turn);
            }
            Decision::OfferEnded { item, agent, epoch, end, ring_ms } => {
                self.fact(What::OfferEnded { call: item.0, agent, epoch, end, ring_ms }, turn);
            }
            Decision::Left { item, queue, how, position, wait_ms } => {
                self.fact(What::QueueLeft { call: item.0, queue, left: how, position, wait_ms }, turn);
                self.tell_decided(item, AcdEvent::Left { queue, how }, turn);
            }
            Decision::Overflow { item, to } => {
                let to = match to {
                    // The ACD has moved it already; `Entered` tells the call.
                    Overflow::Queue(_) => return,
                    Overflow::Number(number) => Elsewhere::Number(number),
                    Overflow::Prompt(prompt) => Elsewhere::Prompt(prompt),
                    Overflow::Callback => Elsewhere::Callback,
                    Overflow::Menu(menu) => Elsewhere::Menu(menu),
                    Overflow::Voicemail(mailbox) => Elsewhere::Voicemail(mailbox),
                    Overflow::HangUp => Elsewhere::HangUp,
                };
                self.tell_decided(item, AcdEvent::Overflow(to), turn);
            }
            Decision::Announce { item, position, expected_ms } => {
                self.tell_decided(item, AcdEvent::Announce { position, expected_ms }, turn);
            }
            Decision::Agent { agent, station, state, item, is_paid } => {
                self.tell_call(CallEvent::Seat { agent, station }, turn);
                let call = item.map(|item| item.0);
                self.fact(What::AgentChanged { agent, station, state, call, is_paid }, turn);
            }
            Decision::LeavingByKey { item, queue, key } => {
                self.fact(What::LeavingByKey { call: item.0, queue, key }, turn);
            }
            Decision::CallbackTaken { item, queue, how } => {
                self.fact(What::CallbackTaken { call: item.0, queue, how }, turn);
                self.tell_decided(item, AcdEvent::CallbackTaken, turn);
            }
            Decision::CallbackRefused { item } => self.tell_decided(item, AcdEvent::CallbackRefused, turn),
            Decision::CallBack { item, back } => self.call_back(item, *back, turn),
            Decision::CallbackStop { item } => self.tell_call(CallEvent::HangUp { call: item.0 }, turn),
            Decision::CallbackEnded { first, queue, end, attempts } => {
                self.fact(What::CallbackEnded { first, queue, end, attempts }, turn);
            }
            Decision::CallbacksDue { queue, due } => self.fact(What::CallbacksDue { queue, due }, turn),
            Decision::Foreseen { item: _, queue, expected_ms, waited_ms } => {
                turn.out.push(Effect::Foreseen { queue, expected_ms, waited_ms });
            }
            Decision::Serves { agent, queue, rank } => self.fact(What::AgentServes { agent, queue, rank }, turn),
            Decision::PauseTooLong { agent, reason } => self.fact(What::PauseTooLong { agent, reason }, turn),
            Decision::Task { item, queue, kind, change } => {
                self.fact(What::Task { task: item.0, queue, kind, change }, turn);
            }
            Decision::Disposed { item, agent, disposition } => {
                self.fact(What::Disposed { call: item.0, agent, disposition }, turn);
            }
            Decision::Changed { item, change } => self.fact(What::WaitingChanged { call: item.0, change }, turn),
            Decision::Emergency { queue, on } => self.fact(What::Emergency { queue, on }, turn),
            Decision::Healed { reason } => turn.out.push(Effect::Healed(reason)),
        }
    }

    fn tell_decided(&mut self, item: ItemId, event: AcdEvent, turn: &mut Turn<'_>) {
        self.tell_call(CallEvent::Acd { call: item.0, event }, turn);
    }
}
