//! All calls: finds the call that an event is about, gives it its turn, and keeps deadlines and indexes true.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use turno_base::fact::What;
use turno_base::{CallId, Cause, E164, EndedBy, LegId, Mono, Need, Now, Number, Outcome, Reason, TrunkId};

use crate::boundary::{
    AcdTell, Arrived, CallEffect, CallEvent, CallingBack, Customer, From, LegCommand, LegEvent, Placed,
};
use crate::call::Call;
use crate::dialplan::{self, DialPlan};
use crate::park::take;
use crate::plan::{CallConfig, Plan};
use crate::transfer::{NO_SUCH_DIALOG, attend};
use crate::turn::{House, Turn};
use crate::wait::need_for;

/// Most live calls; more are refused with 503 before they are calls.
pub const CALLS_MAX: usize = 50_000;
/// Most calls given their deadline in one turn; the rest have theirs in the next, so that a flood starves nothing.
pub const DEADLINES_PER_TURN_MAX: usize = 1_000;

/// Every live call and what they share. Serialising it is the room's snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    pub(crate) config: CallConfig,
    plan: DialPlan,
    pub(crate) house: House,
    pub(crate) calls: BTreeMap<CallId, Call>,
    due: BTreeSet<(Mono, CallId)>,
    due_of: BTreeMap<CallId, Mono>,
}

impl Calls {
    /// No calls yet; `seed` names the ids to come.
    pub fn new(config: CallConfig, seed: u64) -> Calls {
        Calls {
            plan: DialPlan::new(&config),
            config,
            house: House::new(seed),
            calls: BTreeMap::new(),
            due: BTreeSet::new(),
            due_of: BTreeMap::new(),
        }
    }

    /// Another configuration: calls that are up keep what they were given, decisions to come follow the new one.
    pub fn configure(&mut self, config: CallConfig) {
        self.plan = DialPlan::new(&config);
        self.config = config;
    }

    /// Takes one event and appends what should be done to `out`, in order.
    pub fn on_event(&mut self, event: CallEvent, now: Now, out: &mut Vec<CallEffect>) {
        match event {
            CallEvent::Arrived(arrived) => self.on_arrived(arrived, now, out),
            CallEvent::Leg { leg, event } => self.on_leg(leg, event, now, out),
            CallEvent::Known { call, customer } => self.turn(call, now, out, |call, t| call.on_known(customer, t)),
            CallEvent::Acd { call, event } => self.turn(call, now, out, |call, t| call.on_acd(event, t)),
            CallEvent::Recorded { call } => self.turn(call, now, out, Call::on_recorded),
            CallEvent::CallBack(back) => self.on_call_back(*back, now, out),
            CallEvent::Place(placed) => self.on_place(*placed, now, out),
            CallEvent::Spent { call } => self.turn(call, now, out, Call::on_duration_limit),
            CallEvent::HangUp { call } => self.turn(call, now, out, |call, t| {
                call.finish(Outcome::Cancelled, EndedBy::Us, Cause::new(480, 31, Reason::Operator), t);
            }),
            CallEvent::Park { call, slot } => self.turn(call, now, out, |call, t| call.on_park(slot, t)),
            CallEvent::Pull { call, agent } => self.turn(call, now, out, |call, t| call.on_pull(agent, t)),
            CallEvent::Take { leg, call } => self.on_take(leg, call, now, out),
            CallEvent::Fault { call } => self.on_fault(call, now, out),
            CallEvent::CodeDone { leg, done } => match self.house.legs.get(&leg) {
                Some(&call) => self.turn(call, now, out, |call, t| call.on_code_done(done, t)),
                None => self.stale(),
            },
            CallEvent::Seat { agent, station } => self.house.seat(agent, station),
            CallEvent::Restarted => {
                let calls: Vec<CallId> = self.calls.keys().copied().collect();
                for call in calls {
                    self.turn(call, now, out, Call::on_restarted);
                }
            }
        }
    }

    /// When the room wants [`Calls::on_deadline`] next.
    pub fn deadline(&self) -> Option<Mono> {
        self.due.first().map(|&(at, _)| at)
    }

    /// Does what is due; early calls do nothing.
    pub fn on_deadline(&mut self, now: Now, out: &mut Vec<CallEffect>) {
        for _ in 0..DEADLINES_PER_TURN_MAX {
            match self.due.first() {
                Some(&(at, call)) if at <= now.mono => self.turn(call, now, out, Call::on_deadline),
                Some(_) | None => return,
            }
        }
    }

    fn on_arrived(&mut self, arrived: Arrived, now: Now, out: &mut Vec<CallEffect>) {
        let leg = arrived.leg;
        if self.house.legs.contains_key(&leg) {
            return self.stale();
        }
        if let Some((call, replaced)) = self.replaceable(&arrived) {
            return self.turn(call, now, out, |call, t| call.on_replaced(arrived, replaced, t));
        }
        let refused = arrived.replaces.is_some();
        if self.calls.len() >= CALLS_MAX {
            let cause = Cause::new(503, 42, Reason::Overload);
            return out.push(CallEffect::Leg { leg, command: LegCommand::End(cause) });
        }
        let mut t = Turn { config: &self.config, plan: &self.plan, house: &mut self.house, now, out };
        let call = Call::begin(arrived, &mut t);
        let id = call.id;
        self.calls.insert(id, call);
        self.turn(id, now, out, |call, t| if refused { call.refuse(NO_SUCH_DIALOG, t) } else { call.decide(t) });
    }

    /// At the bound of calls the ACD is told that it came to nothing, and tries again.
    fn on_call_back(&mut self, back: CallingBack, now: Now, out: &mut Vec<CallEffect>) {
        let id = back.call;
        if self.calls.contains_key(&id) {
            return self.stale();
        }
        if self.calls.len() >= CALLS_MAX {
            return out.push(CallEffect::Acd { call: id, tell: AcdTell::CallbackFailed(None) });
        }
        let mut t = Turn { config: &self.config, plan: &self.plan, house: &mut self.house, now, out };
        let call = Call::begin_back(back, &mut t);
        self.calls.insert(id, call);
        self.turn(id, now, out, Call::call_back);
    }

    /// What the dial plan says of a number that is dialled by this trunk; none: it is refused.
    pub fn plan_for(&self, dnis: &Number, trunk: TrunkId) -> Option<&Plan> {
        self.plan.route(dnis, trunk).map(|route| &route.plan)
    }

    /// What a queued call of this customer needs of an agent, where its route wants `wanted`.
    pub fn need_for(&self, wanted: Need, customer: &Customer) -> Need {
        need_for(&self.config, wanted, customer)
    }

    fn on_place(&mut self, placed: Placed, now: Now, out: &mut Vec<CallEffect>) {
        let id = placed.call;
        if self.calls.contains_key(&id) || self.calls.len() >= CALLS_MAX {
            return self.stale();
        }
        let mut t = Turn { config: &self.config, plan: &self.plan, house: &mut self.house, now, out };
        let call = Call::begin_placed(placed, &mut t);
        self.calls.insert(id, call);
        self.turn(id, now, out, Call::place);
    }

    /// Asks the dial plan without doing anything.
    pub(crate) fn glance<T>(&mut self, now: Now, ask: impl FnOnce(&Turn<'_>) -> T) -> T {
        let mut out = Vec::new();
        ask(&Turn { config: &self.config, plan: &self.plan, house: &mut self.house, now, out: &mut out })
    }

    /// Whether the dial plan lets a person have this number called back.
    pub fn may_call_back(&self, number: E164) -> bool {
        dialplan::may_call_back(&self.config, number)
    }

    /// The conversation whose leg this one may take the place of. Only a station may: its dialog's names are a secret
    /// that it was told (RFC 3891 §8).
    fn replaceable(&self, arrived: &Arrived) -> Option<(CallId, LegId)> {
        let replaced = arrived.replaces.filter(|_| matches!(arrived.from, From::Station(..)))?;
        let call = *self.house.legs.get(&replaced)?;
        self.calls.get(&call)?.is_replaceable(replaced).then_some((call, replaced))
    }

    fn on_leg(&mut self, leg: LegId, event: LegEvent, now: Now, out: &mut Vec<CallEffect>) {
        let Some(&call) = self.house.legs.get(&leg) else { return self.stale() };
        if let LegEvent::TransferAsked { to: _, replaces: Some(named) } = event {
            return self.on_attended(call, leg, named, now, out);
        }
        self.turn(call, now, out, |call, t| call.on_leg(leg, event, t));
    }

    /// An attended transfer concerns two calls.
    fn on_attended(&mut self, asked: CallId, by: LegId, named: LegId, now: Now, out: &mut Vec<CallEffect>) {
        let other = self.house.legs.get(&named).copied().filter(|&other| other != asked);
        let Some(other) = other.filter(|other| self.calls.contains_key(other)) else {
            return self.turn(asked, now, out, |call, t| call.refuse_transfer(by, 481, t));
        };
        self.join(asked, other, now, out, |asked, other, t| attend(asked, by, other, named, t));
    }

    /// Whoever dialled for a call gets it.
    fn on_take(&mut self, leg: LegId, call: CallId, now: Now, out: &mut Vec<CallEffect>) {
        let Some(&his) = self.house.legs.get(&leg) else { return self.stale() };
        if his == call || !self.calls.contains_key(&call) {
            return self.turn(his, now, out, |his, t| his.on_code_done(false, t));
        }
        self.join(call, his, now, out, |call, his, t| take(call, his, leg, t));
    }

    /// Gives two calls a turn together. They are kept in the room and named while both are in hand: a fault of ours on the way
    /// ends both.
    fn join(
        &mut self,
        one: CallId,
        other: CallId,
        now: Now,
        out: &mut Vec<CallEffect>,
        act: impl FnOnce(&mut Call, &mut Call, &mut Turn<'_>),
    ) {
        self.house.joining = Some((one, other));
        if let Some((one, other)) = two(&mut self.calls, one, other) {
            let mut t = Turn { config: &self.config, plan: &self.plan, house: &mut self.house, now, out };
            act(one, other, &mut t);
        }
        self.turn(one, now, out, |_, _| {});
        self.turn(other, now, out, |_, _| {});
        self.house.joining = None;
    }

    /// A fault was caught: the call ends, and the one that it was being joined with.
    fn on_fault(&mut self, call: CallId, now: Now, out: &mut Vec<CallEffect>) {
        let joining = self.house.joining.take().filter(|&(asked, other)| asked == call || other == call);
        let (call, other) = joining.map_or((call, None), |(asked, other)| (asked, Some(other)));
        self.turn(call, now, out, Call::on_fault);
        if let Some(other) = other {
            self.turn(other, now, out, Call::on_fault);
        }
    }

    /// Gives a call its turn, then what follows from it: answers, segments and sounds; its deadline; and its end.
    fn turn(&mut self, id: CallId, now: Now, out: &mut Vec<CallEffect>, act: impl FnOnce(&mut Call, &mut Turn<'_>)) {
        let Some(call) = self.calls.get_mut(&id) else { return self.stale() };
        let mut t = Turn { config: &self.config, plan: &self.plan, house: &mut self.house, now, out };
        act(call, &mut t);
        call.settle(&mut t);
        let due = call.transfer_due(&mut t);
        self.after(id, out);
        while let Some(touched) = self.house.touched.pop() {
            let mut t = Turn { config: &self.config, plan: &self.plan, house: &mut self.house, now, out };
            if let Some(call) = self.calls.get_mut(&touched) {
                call.settle(&mut t);
            }
            self.after(touched, out);
        }
        if let Some((leg, asked)) = due {
            self.on_leg(leg, asked, now, out);
        }
    }

    fn after(&mut self, id: CallId, out: &mut Vec<CallEffect>) {
        let Some(call) = self.calls.get(&id) else { return };
        let due = if call.is_over() { None } else { call.deadline() };
        let before = self.due_of.get(&id).copied();
        if before != due {
            if let Some(at) = before {
                self.due.remove(&(at, id));
            }
            match due {
                Some(at) => {
                    self.due.insert((at, id));
                    self.due_of.insert(id, at);
                }
                None => {
                    self.due_of.remove(&id);
                }
            }
        }
        if call.is_over() {
            if let Some(call) = self.calls.get_mut(&id) {
                call.end_tape(out);
            }
            let Some(call) = self.calls.get(&id) else { return };
            let (outcome, by) = call.verdict.unwrap_or((Outcome::Failed, EndedBy::Us));
            out.push(CallEffect::Fact(What::CallEnded { call: id, outcome, by }));
            self.calls.remove(&id);
        }
    }

    pub(crate) fn timers(&self) -> usize {
        self.due.len()
    }

    fn stale(&mut self) {
        self.house.stale = self.house.stale.saturating_add(1);
    }
}

/// Two calls at once, in the order asked for; none if they are one, or one is not there.
fn two(calls: &mut BTreeMap<CallId, Call>, one: CallId, other: CallId) -> Option<(&mut Call, &mut Call)> {
    let mut between = calls.range_mut(one.min(other)..=one.max(other));
    let (first, last) = (between.next()?, between.next_back()?);
    match (*first.0 == one, *last.0 == other, *first.0 == other, *last.0 == one) {
        (true, true, _, _) => Some((first.1, last.1)),
        (_, _, true, true) => Some((last.1, first.1)),
        (_, _, _, _) => None,
    }
}
