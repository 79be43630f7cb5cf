//! What must hold after every input of any day.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use turno_base::fact::{AgentState, OfferEnd, QueueLeft, What};
use turno_base::{AgentId, CallId, LegId, Mono, Outcome, QueueId};
use turno_report::kpi::{Audited, Changes, Fold, KpiTerms, Recorded, audit};
use turno_sip::auth::stateless_tag;
use turno_sip::message::{Message, Method};
use turno_tariff::cdr::{Kind, Record};

use super::world::NONCE_KEY;
use crate::Effect;

/// Follows effects and panics at the first that cannot be.
#[derive(Default)]
pub(super) struct Audit {
    calls: BTreeMap<CallId, Call>,
    agents: BTreeMap<AgentId, Agent>,
    row_seq: u64,
    /// The last final response to each INVITE, by who sent it.
    finals: BTreeMap<(SocketAddr, String, String), Final>,
    /// How often what happened: outcomes of calls, ends of offers and of stays in queues, causes of legs' ends.
    pub(super) seen: BTreeMap<String, u64>,
    figures: Figures,
}

/// A final response to an INVITE.
#[derive(Clone, Copy, Debug)]
struct Final {
    status: u16,
    /// It was given by a transaction, which answers repetitions alike.
    is_remembered: bool,
}

/// The figures of the day, and what its records say of the same.
#[derive(Default)]
struct Figures {
    fold: Fold,
    changes: Changes,
    recorded: BTreeMap<CallId, Recorded>,
    ended: BTreeSet<CallId>,
}

impl Figures {
    fn on_record(&mut self, record: &Record) {
        let recorded = Recorded {
            stays: u32::try_from(record.stays.len()).unwrap(),
            answered: record.stays.iter().any(|stay| matches!(stay.left, QueueLeft::Answered(_))),
            is_partitioned: record
                .legs
                .iter()
                .all(|leg| leg.stages.iter().map(|stage| stage.ms).sum::<u64>() == leg.total_ms),
            adds_up: record.costs == Record::costs_of(&record.legs),
        };
        self.recorded.insert(record.call, recorded);
    }

    /// The self-audit of the day finds nothing: also no call that has ended and no record.
    fn assert_sound(&self) {
        let audited = Audited {
            tallies: self.changes.tallies.clone(),
            entries: self.changes.entries.values().cloned().collect(),
            later: Vec::new(),
            recorded: self.recorded.clone(),
            owing: self.ended.clone(),
        };
        assert_eq!(audit(&audited), [], "the figures differ from what they are made of");
    }
}

#[derive(Default)]
struct Call {
    has_arrived: bool,
    legs: BTreeMap<LegId, Leg>,
    queue: Option<QueueId>,
    offers: BTreeSet<(AgentId, u64)>,
    accepted: BTreeSet<AgentId>,
    rows: u32,
    is_closed: bool,
    outcome: Option<Outcome>,
}

struct Leg {
    began: Mono,
    has_segment: bool,
    has_ended: bool,
}

#[derive(Default)]
struct Agent {
    state: Option<AgentState>,
    offer: Option<(CallId, u64)>,
}

impl Audit {
    pub(super) fn on_effects(&mut self, effects: &[Effect]) {
        // A turn's rows close it, and hold the facts that it tells: all of it leaves together.
        for effect in effects {
            if let Effect::Store { seq, row } = effect {
                self.on_row(*seq, row);
            }
        }
        for effect in effects {
            match effect {
                Effect::Fact(fact) => {
                    self.figures.fold.on_fact(fact, &KpiTerms::default(), &mut self.figures.changes);
                    if let What::CallEnded { call, .. } = fact.what {
                        self.figures.ended.insert(call);
                    }
                    self.on_fact(&fact.what, fact.at.mono);
                }
                Effect::Healed(heal) => panic!("the reconciler had to heal {heal:?}"),
                Effect::Send { bytes, .. } => self.on_sent(super::world::ENGINE.parse().unwrap(), bytes),
                Effect::Close(_)
                | Effect::Store { .. }
                | Effect::Resolve { .. }
                | Effect::Media { .. }
                | Effect::Mail(_)
                | Effect::LookUp { .. }
                | Effect::WantPorts(_)
                | Effect::Reply { .. }
                | Effect::Count(_)
                | Effect::Trunk { .. }
                | Effect::Foreseen { .. }
                | Effect::Why { .. } => {}
            }
        }
        for call in self.calls.values() {
            for (leg, row) in &call.legs {
                assert!(row.has_segment || row.has_ended, "{leg} is in no segment");
            }
        }
        self.calls.retain(|_, call| call.outcome.is_none() || !call.is_closed);
    }

    /// One final response per INVITE, whoever sends it and however often.
    ///
    /// What is refused without a transaction is judged anew when the network repeats it, by the load of that instant: nothing
    /// may be remembered of who has shown no secret (A4), nor of what there is no room for (O1), so that here the same response
    /// as before (RFC 3261 §8.2.7) cannot be had. The client still sees one: its transaction took the first, and any later
    /// refusal it only acknowledges (§17.1.1.2). But who was challenged is not let in by the same request, and nothing else is
    /// ever answered in two ways.
    pub(super) fn on_sent(&mut self, from: SocketAddr, bytes: &[u8]) {
        if !bytes.starts_with(b"SIP/2.0 ") || bytes.starts_with(b"SIP/2.0 1") {
            return;
        }
        let message = Message::parse(bytes.to_vec()).unwrap();
        let (Ok((seq, Method::Invite)), Some(status)) = (message.cseq(), message.status()) else { return };
        let branch = message.top_via().ok().and_then(|via| via.branch().map(str::to_owned)).unwrap_or_default();
        let call_id = message.call_id().unwrap();
        let is_remembered = {
            let (from, to) = (message.from().unwrap(), message.to().unwrap());
            to.tag() != Some(&stateless_tag(&NONCE_KEY, call_id, from.tag().unwrap_or(""), seq))
        };
        let key = (from, format!("{call_id} {seq}"), branch);
        let sent = Final { status, is_remembered };
        let last = self.finals.entry(key.clone()).or_insert(sent);
        let may_follow = match (last.status, last.is_remembered) {
            (401, false) => matches!(status, 401 | 503) && !is_remembered,
            (503, false) => true,
            (before, _) => status == before,
        };
        assert!(may_follow, "{key:?} has two final answers: {last:?}, then {sent:?}");
        *last = sent;
    }

    /// A party begins anew and knows nothing of what it said: it owes nobody the same answer.
    pub(super) fn on_reboot(&mut self, at: SocketAddr) {
        self.finals.retain(|(from, ..), _| *from != at);
    }

    fn on_row(&mut self, seq: u64, row: &turno_tariff::cdr::Row) {
        self.row_seq += 1;
        assert_eq!(seq, self.row_seq, "rows count one by one");
        // The open row goes out in the turn of the fact that it holds.
        if matches!(row.kind, Kind::Open(_)) {
            assert!(self.calls.insert(row.call, Call::default()).is_none(), "{} is opened twice", row.call);
        }
        let call = self.calls.get_mut(&row.call).unwrap_or_else(|| panic!("a row of {} after its end", row.call));
        assert_eq!(row.seq, call.rows, "rows of {} count one by one", row.call);
        call.rows += 1;
        match &row.kind {
            Kind::Open(_) => assert_eq!(row.seq, 0),
            Kind::Interim(_) => assert!(row.seq > 0 && !call.is_closed),
            Kind::Close(record) => {
                assert!(row.seq > 0 && !call.is_closed, "{} is closed twice", row.call);
                call.is_closed = true;
                self.figures.on_record(record);
                self.see("call", record.outcome.as_str());
            }
        }
    }

    fn on_fact(&mut self, what: &What, now: Mono) {
        match what {
            What::CallArrived { call, .. } => {
                let row = self.call(call);
                assert!(!std::mem::replace(&mut row.has_arrived, true), "{call} arrived twice");
            }
            What::CustomerKnown { call, .. } => _ = self.call(call),
            What::LegBegan { call, leg, .. } => {
                let row = Leg { began: now, has_segment: false, has_ended: false };
                assert!(self.call(call).legs.insert(*leg, row).is_none(), "{leg} began twice");
            }
            What::LegRinging { call, leg } | What::LegAnswered { call, leg } | What::LegDialog { call, leg, .. } => {
                _ = self.leg(call, leg);
            }
            What::SegmentBegan { call, leg, .. } => {
                let row = self.leg(call, leg);
                assert!(row.has_segment || row.began == now, "{leg} of {call} has a gap at its beginning");
                row.has_segment = true;
            }
            What::LegQuality { call, leg, .. } => assert!(self.call(call).legs.contains_key(leg)),
            What::LegSilent { call, leg, heard } => {
                assert!(self.call(call).legs.contains_key(leg), "{leg} of {call} is silent and never began");
                assert!(heard.mono <= now, "{leg} was heard before it is");
            }
            What::LegEnded { call, leg, cause, .. } => {
                self.leg(call, leg).has_ended = true;
                self.see("leg", cause.reason.as_str());
            }
            What::QueueEntered { call, queue, .. } => {
                let row = self.call(call);
                assert_eq!(row.queue.replace(*queue), None, "{call} is in two places");
            }
            What::QueueLeft { call, queue, left, .. } => {
                let row = self.call(call);
                assert_eq!(row.queue.take(), Some(*queue), "{call} leaves where it was not");
                if let QueueLeft::Answered(agent) = left {
                    assert!(row.accepted.contains(agent), "{call} answered by {agent} who did not accept");
                }
                self.see("queue", left.as_str());
            }
            What::Offered { call, queue, agent, epoch } => {
                let row = self.call(call);
                assert_eq!(row.queue, Some(*queue), "{call} is offered from where it is not");
                row.offers.insert((*agent, *epoch));
                let agent_row = self.agents.entry(*agent).or_default();
                assert_eq!(agent_row.offer.replace((*call, *epoch)), None, "{agent} has two offers");
                // A call interrupts a task.
                let is_free = matches!(agent_row.state, Some(AgentState::Ready | AgentState::Task));
                assert!(is_free, "{agent} is offered {call}");
            }
            What::OfferEnded { call, agent, epoch, end, .. } => {
                let row = self.call(call);
                assert!(row.offers.remove(&(*agent, *epoch)), "an offer of {call} to {agent} ends that is not open");
                if *end == OfferEnd::Accepted {
                    row.accepted.insert(*agent);
                }
                let agent_row = self.agents.entry(*agent).or_default();
                assert_eq!(agent_row.offer.take(), Some((*call, *epoch)), "{agent} had another offer");
                self.see("offer", end.as_str());
            }
            What::AgentServes { .. } => {}
            What::PauseTooLong { reason, .. } => self.see("too long", reason.as_str()),
            // The call may be long over.
            What::Task { change, .. } => self.see("task", change.as_str()),
            What::Disposed { disposition, .. } => self.see("disposition", disposition.as_str()),
            What::AgentChanged { agent, state, .. } => {
                self.agents.entry(*agent).or_default().state = Some(*state);
                self.see("agent", state.as_str());
            }
            What::LeavingByKey { call, .. } => {
                assert!(self.call(call).queue.is_some(), "{call} does not wait");
                self.see("waiting", "leaves by key");
            }
            What::CallbackTaken { call, .. } => {
                self.see("callback", "taken");
                self.call(call);
            }
            What::CallingBack { call, .. } => {
                self.see("callback", "attempt");
                self.call(call);
            }
            What::CallbackEnded { end, .. } => self.see("callback", end.as_str()),
            What::CallbacksDue { .. } => {}
            What::WaitingChanged { call, .. } => {
                assert!(self.call(call).queue.is_some(), "{call} does not wait");
                self.see("waiting", "changed");
            }
            What::QueueNoted { .. } => {}
            What::Emergency { .. } => self.see("emergency", "switched"),
            What::Configured { .. } => self.see("configuration", "changed"),
            What::CallEnded { call, outcome, .. } => {
                let row = self.call(call);
                assert!(row.legs.values().all(|leg| leg.has_ended), "{call} ends before its legs");
                assert_eq!(row.queue, None, "{call} ends in a queue");
                assert!(row.offers.is_empty(), "{call} ends while offered");
                assert_eq!(row.outcome.replace(*outcome), None, "{call} ends twice");
            }
        }
    }

    fn see(&mut self, what: &str, how: &str) {
        *self.seen.entry(format!("{what} {how}")).or_default() += 1;
    }

    fn call(&mut self, call: &CallId) -> &mut Call {
        let row = self.calls.get_mut(call).unwrap_or_else(|| panic!("{call} is not known or was over"));
        assert!(row.outcome.is_none(), "a fact of {call} after its end");
        row
    }

    fn leg(&mut self, call: &CallId, leg: &LegId) -> &mut Leg {
        let row = self.call(call).legs.get_mut(leg).unwrap_or_else(|| panic!("{leg} of {call} never began"));
        assert!(!row.has_ended, "a fact of {leg} of {call} after its end");
        row
    }

    /// Every call has ended and has its closed record.
    pub(super) fn assert_over(&self) {
        let open: Vec<&CallId> = self.calls.keys().collect();
        assert!(open.is_empty(), "calls without an end or without a closed record: {open:?}");
        for (agent, row) in &self.agents {
            assert_eq!(row.offer, None, "an offer to {agent} never ended");
        }
        self.figures.assert_sound();
    }
}
