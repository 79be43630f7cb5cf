//! A call's beginning: who calls, what the plan says, and the door.

use turno_base::fact::{Party, What};
use turno_base::{AgentId, CallId, Cause, EndedBy, LegId, Need, Number, Outcome, Reason, StationId, TrunkId};

use crate::boundary::{Arrived, CallEffect, Code, Customer, From, Pulled};
use crate::call::{Call, KNOWN_WAIT, RECORD_WAIT, Record, Stage, Waiting};
use crate::dial::Callee;
use crate::early::Early;
use crate::leg::{Leg, LegState};
use crate::plan::{CallConfig, Codes, Extension, Goal, Plan};
use crate::turn::Turn;

impl Call {
    /// A new call with its first leg; nothing is decided yet.
    pub(crate) fn begin(arrived: Arrived, t: &mut Turn<'_>) -> Call {
        let Arrived { leg, sip_call_id, from, ani, display, dnis, kind, replaces: _ } = arrived;
        let id = CallId::mint(t.now.wall, &mut t.house.seeded);
        let (trunk, party) = match from {
            From::Trunk(trunk) => (Some(trunk), Party::Caller(Some(trunk))),
            From::Station(station, Some(agent)) => (None, Party::Agent(agent, station)),
            From::Station(station, None) => (None, Party::Station(station)),
        };
        t.fact(What::CallArrived { call: id, ani: ani.clone(), dnis: dnis.clone(), trunk });
        let stage = Stage::Arriving { plan: Plan::Refuse(480), known_by: t.now.mono + KNOWN_WAIT };
        let numbers = (ani.clone(), dnis.clone());
        let early = Early::new(t.config, None, dnis.e164, kind);
        let mut call = Call { display, early, ..Call::new(id, Some(from), numbers, leg, stage, t) };
        call.begin_leg(arrived_leg(leg, sip_call_id, party, ani, dnis), t);
        call
    }

    /// Decides by whence it came and what was dialled.
    pub(crate) fn decide(&mut self, t: &mut Turn<'_>) {
        match self.from {
            Some(From::Trunk(trunk)) => self.decide_trunk(trunk, t),
            Some(From::Station(station, agent)) => self.decide_station(station, agent, t),
            None => self.call_back(t),
        }
    }

    fn decide_trunk(&mut self, trunk: TrunkId, t: &mut Turn<'_>) {
        let route = t.plan.route(&self.dnis, trunk);
        self.early.route = route.and_then(|route| route.answer);
        match route.map(|route| route.plan.clone()) {
            None => self.refuse(NOT_FOUND, t),
            Some(Plan::Refuse(status)) => self.refuse(Cause::new(status, 21, Reason::Forbidden), t),
            Some(
                plan @ (Plan::Queue { .. }
                | Plan::Station(_)
                | Plan::Agent(_)
                | Plan::Prompt(_)
                | Plan::Menu(_)
                | Plan::Voicemail(_)),
            ) => {
                self.stage = Stage::Arriving { plan, known_by: t.now.mono + KNOWN_WAIT };
                t.out.push(CallEffect::LookUp { call: self.id, ani: self.ani.clone() });
                self.ask_record(t);
            }
        }
    }

    fn decide_station(&mut self, station: StationId, agent: Option<AgentId>, t: &mut Turn<'_>) {
        if let Some(code) = code(t.config, &self.dnis.raw) {
            self.stage = Stage::Coding { station, code, asked: false };
            return self.ask_record(t);
        }
        self.consult = agent.filter(|_| t.house.talks.contains_key(&station));
        let dialled = self.dnis.raw.clone();
        match t.callee(&dialled, Some(station)) {
            Err(cause) => self.refuse(cause, t),
            Ok(Callee::Queue(queue)) => {
                self.ask_record(t);
                self.enter(Waiting::new(queue, Need::Anyone, t), t);
            }
            Ok(callee @ (Callee::Station(_) | Callee::Outside { .. })) => {
                self.ask_record(t);
                self.ring(callee, t);
            }
        }
    }

    /// Once: a call that was placed has asked before its caller answered.
    fn ask_record(&mut self, t: &mut Turn<'_>) {
        if self.record != Record::Unasked {
            return;
        }
        self.record = Record::Asked { give_up_at: t.now.mono + RECORD_WAIT };
        t.out.push(CallEffect::Record { call: self.id });
    }

    pub(crate) fn refuse(&mut self, cause: Cause, t: &mut Turn<'_>) {
        self.finish(Outcome::Rejected, EndedBy::Us, cause, t);
    }

    pub(crate) fn on_known(&mut self, customer: Customer, t: &mut Turn<'_>) {
        let asking = matches!(&self.stage, Stage::Arriving { .. })
            || matches!(&self.stage, Stage::Waiting(waiting) if waiting.is_asking());
        if !asking {
            return t.stale();
        }
        t.fact(What::CustomerKnown {
            call: self.id,
            customer: customer.id.clone(),
            segment: customer.segment,
            value_pm: customer.value_pm,
        });
        self.customer = Some(customer);
        match &self.stage {
            Stage::Arriving { plan, .. } => {
                let plan = plan.clone();
                self.follow(plan, t);
            }
            Stage::Waiting(_) => self.tell_enter(t),
            Stage::Ringing(_)
            | Stage::Talking(_)
            | Stage::Transferring(_)
            | Stage::CallingBack(_)
            | Stage::Saying { .. }
            | Stage::Coding { .. }
            | Stage::Parked(_)
            | Stage::Choosing(_)
            | Stage::Leaving(_)
            | Stage::Ending => {}
        }
    }

    fn follow(&mut self, plan: Plan, t: &mut Turn<'_>) {
        match plan {
            Plan::Queue { queue, need, prompts } => {
                self.enter(Waiting { greeting: prompts, ..Waiting::new(queue, need, t) }, t);
            }
            Plan::Station(station) => self.ring(Callee::Station(station), t),
            Plan::Agent(agent) => match t.house.seats.get(&agent) {
                Some(&station) => self.ring(Callee::Station(station), t),
                None => self.finish(Outcome::Failed, EndedBy::Us, NOT_SEATED, t),
            },
            Plan::Prompt(prompt) => {
                self.stage = Stage::Saying { prompt, then: Cause::NORMAL, outcome: None, asks: false }
            }
            Plan::Menu(menu) => self.go(Goal::Menu(menu), t),
            Plan::Voicemail(mailbox) => self.go(Goal::Voicemail(mailbox), t),
            Plan::Refuse(status) => self.refuse(Cause::new(status, 21, Reason::Forbidden), t),
        }
    }

    pub(crate) fn on_recorded(&mut self, t: &mut Turn<'_>) {
        match self.record {
            Record::Asked { .. } => self.record = Record::Durable,
            Record::Unasked | Record::Durable => t.stale(),
        }
    }

    pub(crate) fn on_code_done(&mut self, done: bool, t: &mut Turn<'_>) {
        if !matches!(self.stage, Stage::Coding { asked: true, .. }) {
            return t.stale();
        }
        let outcome = if done { Outcome::Answered } else { Outcome::Rejected };
        let prompts = &t.config.prompts;
        match if done { prompts.done } else { prompts.refused } {
            Some(prompt) => {
                self.stage = Stage::Saying { prompt, then: Cause::NORMAL, outcome: Some(outcome), asks: false }
            }
            None => self.finish(outcome, EndedBy::Us, Cause::NORMAL, t),
        }
    }
}

/// Unallocated number (Q.850 1).
pub(crate) const NOT_FOUND: Cause = Cause::new(404, 1, Reason::NotFound);
/// Nobody there (Q.850 20, subscriber absent).
pub(crate) const NOT_SEATED: Cause = Cause::new(480, 20, Reason::Unreachable);

pub(crate) fn arrived_leg(id: LegId, sip_call_id: String, party: Party, a: Number, b: Number) -> Leg {
    let mut leg = Leg::new(id, party, a, b, LegState::Arrived { ringing: false });
    leg.sip_call_id = sip_call_id;
    leg.private = leg.station();
    leg
}

/// The feature code that was dialled, with the digits after it. The longest is meant where one begins like another.
fn code(config: &CallConfig, dialled: &str) -> Option<Code> {
    let after = |code: &str| dialled.strip_prefix(code).filter(|_| !code.is_empty());
    let Codes { in_out, pause, emergency, park: _, pull } = &config.codes;
    let meant = [
        after(in_out).map(|digits| (in_out.len(), Code::InOut(digits.to_owned()))),
        after(pause).map(|digits| (pause.len(), Code::Pause(digits.to_owned()))),
        after(emergency).map(|digits| (emergency.len(), switched(config, digits).unwrap_or(Code::Unreadable))),
        after(pull).map(|digits| (pull.len(), pulled(config, digits).map_or(Code::Unreadable, Code::Pull))),
    ];
    meant.into_iter().flatten().max_by_key(|&(length, _)| length).map(|(_, code)| code)
}

/// What the digits after the emergency code ask for.
fn switched(config: &CallConfig, digits: &str) -> Option<Code> {
    let (on, extension) = match digits.split_at_checked(1)? {
        ("1", extension) => (true, extension),
        ("0", extension) => (false, extension),
        (_, _) => return None,
    };
    if extension.is_empty() {
        return Some(Code::Emergency { queue: None, on });
    }
    match config.extensions.get(extension)? {
        Extension::Queue(queue) => Some(Code::Emergency { queue: Some(*queue), on }),
        Extension::Station(_) | Extension::Agent(_) => None,
    }
}

/// Whom the digits after the code for taking a call name.
fn pulled(config: &CallConfig, digits: &str) -> Option<Pulled> {
    match config.extensions.get(digits) {
        Some(Extension::Queue(queue)) => Some(Pulled::FirstOf(*queue)),
        Some(Extension::Station(_) | Extension::Agent(_)) | None if digits.is_empty() => Some(Pulled::Longest),
        Some(Extension::Station(_) | Extension::Agent(_)) | None => digits.parse().ok().map(Pulled::Slot),
    }
}

#[cfg(test)]
mod tests {
    use turno_base::QueueId;

    use super::*;

    #[test]
    fn digits_after_a_code_name_a_queue_a_slot_or_nothing() {
        let sales = QueueId::new("sales").unwrap();
        let config = CallConfig {
            extensions: [
                ("600".to_owned(), Extension::Queue(sales)),
                ("1001".to_owned(), Extension::Station(StationId::new("1001").unwrap())),
            ]
            .into(),
            codes: Codes { emergency: "*47".into(), ..Codes::default() },
            ..CallConfig::default()
        };
        let switch = |queue, on| Some(Code::Emergency { queue, on });
        for (dialled, meant) in [
            ("*45", Some(Code::InOut(String::new()))),
            ("*46201", Some(Code::Pause("201".into()))),
            ("*471", switch(None, true)),
            ("*470600", switch(Some(sales), false)),
            ("*47", Some(Code::Unreadable)),
            ("*472", Some(Code::Unreadable)),
            ("*471999", Some(Code::Unreadable)),
            ("*4711001", Some(Code::Unreadable)), // a station has no emergency
            ("*69", Some(Code::Pull(Pulled::Longest))),
            ("*695", Some(Code::Pull(Pulled::Slot(5)))),
            ("*69600", Some(Code::Pull(Pulled::FirstOf(sales)))),
            ("*691001", Some(Code::Pull(Pulled::Slot(1001)))), // of a station nobody waits: a slot that nobody has
            ("*69#", Some(Code::Unreadable)),
            ("*69é", Some(Code::Unreadable)),
            ("*47é", Some(Code::Unreadable)),
            ("*68", None), // parked by a transfer, not by a call
            ("600", None),
        ] {
            assert_eq!(code(&config, dialled), meant, "{dialled}");
        }
        assert_eq!(code(&CallConfig::default(), "*471"), None, "no emergency switch unless one is configured");
    }
}
