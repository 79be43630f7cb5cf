//! What must hold of every run, whatever happened in it.

use std::collections::{BTreeMap, BTreeSet};

use turno_base::fact::{QueueLeft, Segment, What};
use turno_base::{AgentId, CallId, LegId, Now, StationId};

use crate::boundary::{AcdEvent, AcdTell, CallEffect, CallEvent, Elsewhere, LegCommand, LegEvent, Sound, Tape};

/// Follows events and effects and panics at the first that cannot be.
#[derive(Default)]
pub(crate) struct Audit {
    /// Legs that exist for the engine: arrived or dialled, and not ended. True: told to end.
    live: BTreeMap<LegId, bool>,
    /// Legs that ended; their facts may still come.
    ended: BTreeSet<LegId>,
    records: BTreeMap<CallId, Record>,
    acd: BTreeMap<CallId, Acd>,
    stations: BTreeMap<StationId, u32>,
    /// Who talks with whom, so that no bridge has three ends.
    bridges: BTreeMap<LegId, LegId>,
    /// Calls whose message is being taken down.
    taped: BTreeSet<CallId>,
}

#[derive(Default)]
struct Record {
    legs: BTreeMap<LegId, LegRecord>,
    over: bool,
}

#[derive(Default)]
struct LegRecord {
    began: Now,
    segment: Option<Segment>,
    answered: bool,
    silent: bool,
    ended: bool,
    figures: bool,
}

#[derive(Default)]
struct Acd {
    waits: bool,
    /// When the ACD let it go without saying where to.
    out: Option<Now>,
    /// Offers that were accepted and not yet connected.
    accepted: BTreeSet<(AgentId, u64)>,
    /// Who has the conversation.
    with: BTreeSet<AgentId>,
    /// It was offered a callback, and the ACD hears whether it says yes.
    asked: bool,
    /// It calls a customer back whom it has not reached.
    calls_back: bool,
}

impl Audit {
    pub(crate) fn on_event(&mut self, event: &CallEvent, now: Now) {
        match event {
            CallEvent::Arrived(arrived) if !self.ended.contains(&arrived.leg) => {
                self.live.entry(arrived.leg).or_insert(false);
            }
            CallEvent::Leg { leg, event: LegEvent::Ended { .. } } if self.live.remove(leg).is_some() => {
                self.ended.insert(*leg);
            }
            CallEvent::Acd { call, event } => self.on_acd(*call, event, now),
            CallEvent::CallBack(back) => {
                let acd = Acd { waits: back.agent_first, calls_back: true, ..Acd::default() };
                self.acd.insert(back.call, acd);
            }
            _ => {}
        }
    }

    fn on_acd(&mut self, call: CallId, event: &AcdEvent, now: Now) {
        let legs = self.records.get(&call).into_iter().flat_map(|record| record.legs.keys());
        let goes_on = legs.into_iter().any(|leg| self.live.get(leg) == Some(&false));
        let acd = self.acd.entry(call).or_default();
        match event {
            AcdEvent::Connect { agent, epoch } => {
                if acd.waits && acd.accepted.remove(&(*agent, *epoch)) {
                    acd.waits = false;
                    acd.with.insert(*agent);
                }
            }
            AcdEvent::Left { how: QueueLeft::Answered(_), .. } | AcdEvent::Offer { .. } | AcdEvent::Announce { .. } => {
            }
            AcdEvent::Left { .. } => {
                if std::mem::take(&mut acd.waits) {
                    acd.out = Some(now);
                }
            }
            AcdEvent::Overflow(elsewhere) => {
                acd.waits = false;
                acd.out = None;
                acd.asked |= *elsewhere == Elsewhere::Callback;
            }
            AcdEvent::CallbackTaken => {
                acd.waits = false;
                acd.out = None;
            }
            AcdEvent::CallbackRefused => {}
            AcdEvent::Entered { .. } => acd.waits |= acd.out.take() == Some(now) && goes_on,
            AcdEvent::Withdraw { agent, epoch, .. } => {
                acd.accepted.remove(&(*agent, *epoch));
            }
        }
    }

    pub(crate) fn on_effects(&mut self, effects: &[CallEffect], now: Now) {
        for effect in effects {
            self.on_effect(effect, now);
        }
        for (call, record) in &self.records {
            for (leg, row) in &record.legs {
                assert!(row.segment.is_some() || row.ended || row.began != now, "{call} {leg} is in no segment");
            }
        }
    }

    fn on_effect(&mut self, effect: &CallEffect, now: Now) {
        match effect {
            CallEffect::Leg { leg, command: LegCommand::Dial { like, .. } } => {
                assert!(!self.ended.contains(leg), "{leg} dialled twice");
                assert_eq!(self.live.insert(*leg, false), None, "{leg} dialled twice");
                assert!(like.is_none_or(|like| self.live.get(&like) == Some(&false)), "{leg} like a leg that is gone");
            }
            CallEffect::Leg { leg, command } => {
                let ending = self.live.get_mut(leg).unwrap_or_else(|| panic!("{command:?} to unknown {leg}"));
                assert!(!*ending, "{command:?} to {leg} after its end");
                *ending = matches!(command, LegCommand::End(_));
            }
            CallEffect::Sound { leg, sound } => self.on_sound(*leg, sound),
            CallEffect::Acd { call, tell } => self.on_tell(*call, tell),
            CallEffect::StationCalls { station, calls } => {
                let before = self.stations.insert(*station, *calls).unwrap_or(0);
                assert_eq!(before.abs_diff(*calls), 1, "{station} jumps from {before} to {calls}");
            }
            CallEffect::Fact(what) => self.on_fact(what, now),
            CallEffect::Code { leg, .. } => assert_eq!(self.live.get(leg), Some(&false), "code of a leg that is gone"),
            CallEffect::Tape { call, leg, tape } => self.on_tape(*call, *leg, tape),
            CallEffect::LookUp { .. } | CallEffect::Record { .. } => {}
        }
    }

    fn on_tape(&mut self, call: CallId, leg: LegId, tape: &Tape) {
        match tape {
            Tape::Begin(_) => {
                assert_eq!(self.live.get(&leg), Some(&false), "{leg} is gone or going and leaves a message");
                assert!(self.taped.insert(call), "{call} leaves two messages");
            }
            Tape::End => assert_eq!(self.live.get(&leg), Some(&false), "{leg} is gone or going"),
            Tape::Done => assert!(self.taped.remove(&call), "{call} has left a message twice"),
        }
    }

    fn on_sound(&mut self, leg: LegId, sound: &Sound) {
        assert_eq!(self.live.get(&leg), Some(&false), "{sound:?} to {leg}, which is gone or going");
        if let Sound::Bridge(other) = sound {
            assert_eq!(self.live.get(other), Some(&false), "{leg} bridged with {other}, which is gone or going");
            for end in [leg, *other] {
                let before = self.bridges.get(&end).filter(|before| self.live.get(before) == Some(&false));
                assert!(before.is_none(), "{end} bridged while bridged with {before:?}");
            }
            self.bridges.insert(leg, *other);
            self.bridges.insert(*other, leg);
        } else if let Some(other) = self.bridges.remove(&leg) {
            assert_eq!(sound, &Sound::Unbridge, "{leg} leaves its bridge first");
            self.bridges.remove(&other);
        }
    }

    fn on_tell(&mut self, call: CallId, tell: &AcdTell) {
        let acd = self.acd.entry(call).or_default();
        match tell {
            AcdTell::Enter { .. } => {
                assert!(!acd.waits, "{call} enters twice");
                assert!(acd.with.is_empty(), "{call} enters while {:?} has it", acd.with);
                *acd = Acd { waits: true, ..Acd::default() };
            }
            AcdTell::Leave(_) => {
                let was = std::mem::take(&mut acd.waits);
                let asked = std::mem::take(&mut acd.asked);
                let called = std::mem::take(&mut acd.calls_back);
                assert!(was || asked || called, "{call} leaves what it is not in");
                acd.with.clear();
            }
            AcdTell::Key(_) => assert!(acd.waits || acd.asked, "{call}: a key that means nothing"),
            AcdTell::CallbackAnswered => {
                assert!(std::mem::take(&mut acd.calls_back), "{call} reaches its customer twice");
                acd.waits = acd.with.is_empty();
            }
            AcdTell::CallbackFailed(_) => {
                assert!(std::mem::take(&mut acd.calls_back), "{call} fails to reach its customer twice");
                acd.with.clear();
            }
            AcdTell::Ringing(..) | AcdTell::Announced => assert!(acd.waits, "{call}: {tell:?} outside a queue"),
            AcdTell::Accept(agent, epoch) => {
                assert!(acd.waits, "{call}: {tell:?} outside a queue");
                acd.accepted.insert((*agent, *epoch));
            }
            AcdTell::OfferFailed(agent, epoch, _) => {
                assert!(acd.waits, "{call}: {tell:?} outside a queue");
                acd.accepted.remove(&(*agent, *epoch));
            }
            AcdTell::Joined(agent) => {
                // Whoever waited and has an agent now waits no longer.
                acd.waits = false;
                assert!(acd.with.insert(*agent), "{agent} joins {call} twice");
            }
            AcdTell::Phase(agent, _) => assert!(acd.with.contains(agent), "{tell:?} of somebody who is not in {call}"),
            AcdTell::Released(agent) => assert!(acd.with.remove(agent), "{agent} released from {call} twice"),
        }
    }

    fn on_fact(&mut self, what: &What, now: Now) {
        if let What::CallArrived { call, .. } = what {
            assert!(self.records.insert(*call, Record::default()).is_none(), "{call} arrived twice");
            return;
        }
        let call = match what {
            What::CustomerKnown { call, .. }
            | What::CallingBack { call, .. }
            | What::LegBegan { call, .. }
            | What::LegRinging { call, .. }
            | What::LegAnswered { call, .. }
            | What::SegmentBegan { call, .. }
            | What::LegQuality { call, .. }
            | What::LegEnded { call, .. }
            | What::LegSilent { call, .. }
            | What::LegDialog { call, .. }
            | What::CallEnded { call, .. } => *call,
            other => panic!("{other:?} is not this room's to say"),
        };
        let record = self.records.get_mut(&call).unwrap_or_else(|| panic!("{what:?} before the call arrived"));
        assert!(!record.over, "{what:?} after the call ended");
        match what {
            What::LegBegan { leg, .. } => {
                let row = LegRecord { began: now, ..LegRecord::default() };
                assert!(record.legs.insert(*leg, row).is_none(), "{leg} began twice in {call}");
            }
            What::LegRinging { leg, .. } => assert!(!record.live(*leg).answered, "{leg} rings after its answer"),
            What::LegAnswered { leg, .. } => {
                assert!(!std::mem::replace(&mut record.live(*leg).answered, true), "{leg} answered twice");
            }
            What::SegmentBegan { leg, segment, .. } => {
                let row = record.live(*leg);
                assert!(row.segment.is_some() || row.began == now, "{leg} was in no segment at first");
                assert_ne!(row.segment.replace(*segment), Some(*segment), "{leg}: the same segment again");
            }
            What::LegQuality { leg, .. } => {
                let row = record.legs.get_mut(leg).unwrap_or_else(|| panic!("figures of unknown {leg}"));
                assert!(!std::mem::replace(&mut row.figures, true), "figures of {leg} twice");
            }
            What::LegSilent { leg, .. } => {
                let row = record.legs.get_mut(leg).unwrap_or_else(|| panic!("silence of unknown {leg}"));
                assert!(row.answered, "{leg} is silent and was never answered");
                assert!(!std::mem::replace(&mut row.silent, true), "{leg} is silent twice");
            }
            What::LegDialog { leg, .. } => drop(record.live(*leg)),
            What::LegEnded { leg, .. } => record.live(*leg).ended = true,
            What::CallEnded { .. } => {
                assert!(record.legs.values().all(|row| row.ended), "{call} ended before its legs");
                record.over = true;
            }
            _ => {}
        }
    }

    /// Legs whose end the engine still owes, to drive a run to its end.
    pub(crate) fn live(&self) -> Vec<LegId> {
        self.live.keys().copied().collect()
    }

    /// Nothing is left.
    pub(crate) fn assert_over(&self) {
        assert!(self.records.values().all(|record| record.over), "a call without an end");
        assert!(self.taped.is_empty(), "a message that nobody ends: {:?}", self.taped);
        assert!(self.stations.values().all(|calls| *calls == 0), "stations left busy: {:?}", self.stations);
        assert!(self.acd.values().all(|acd| !acd.waits && acd.with.is_empty()), "the ACD still has a call");
        assert!(self.live.values().all(|told| *told), "a leg nobody told to end");
    }
}

impl Record {
    fn live(&mut self, leg: LegId) -> &mut LegRecord {
        let row = self.legs.get_mut(&leg).unwrap_or_else(|| panic!("a fact of {leg} before it began"));
        assert!(!row.ended, "a fact of {leg} after its end");
        row
    }
}
