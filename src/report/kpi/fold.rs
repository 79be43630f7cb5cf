//! The fold: facts in, changes of the tables out. What it keeps are calls in progress, those that ended lately (an agent may
//! still say what came of them, and their price is yet to come) and what each agent is doing.

mod agents;
mod calls;
mod sleep;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use turno_base::fact::{AgentState, Fact, What};
use turno_base::{AgentId, CallId, Currency, Money, Mono, Name, Now, QueueId, SegmentId, Wall};

use super::contact::{Contact, Windows};
use super::entry::Entry;
use super::law::LAW_WITHIN_MS;
use super::quarter::Quarter;
use super::shift::{AgentTally, Unheard};
use super::tally::{Key, Tally};

/// Calls known at once; beyond it the oldest is forgotten, and what is said of it later is counted as late.
pub const CALLS_MAX: usize = 100_000;
/// Entries of one call that may still change; beyond it the oldest stays as it is.
pub(super) const ENTRIES_MAX: usize = 100;
/// A call that an agent had is known for so long after its end.
pub const KEPT: Duration = Duration::from_secs(600);
/// Of a call that no agent had, only its price is yet to come, with its record.
pub const KEPT_ALONE: Duration = Duration::from_secs(60);

/// Numbers of one length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberRange {
    /// With the country code.
    pub digits: u32,
    /// Their type.
    pub kind: Name,
}

/// What the fold must know of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KpiTerms {
    /// T by queue, ms; others have [`KpiTerms::THRESHOLD_MS`].
    pub thresholds: BTreeMap<QueueId, u64>,
    /// Digits that a dialled number begins with, to its type, however long it is.
    pub number_types: BTreeMap<String, Name>,
    /// Digits that it begins with, to its types by how many digits it has. The longest of both counts, the former before these.
    pub number_plan: BTreeMap<String, Vec<NumberRange>>,
    /// What an hour of an agent costs, units of [`KpiTerms::RATE_SCALE`] decimals.
    pub rates: BTreeMap<AgentId, u64>,
    /// What an hour of every other agent costs, in the same units.
    pub rate: u64,
    /// In what they cost.
    pub currency: Currency,
    /// The law's limit, ms.
    pub law_ms: u64,
    /// How long a further contact counts against the one before.
    pub windows: Windows,
    /// What an agent says of a call whose matter is settled, also what is below it.
    pub settled: Vec<Name>,
    /// Whose days reports are of unless they are told otherwise: an IANA name.
    pub zone: String,
    /// Queues in which an agent is to say what came of each call.
    pub needs_disposition: BTreeSet<QueueId>,
}

impl KpiTerms {
    /// T of a queue that the configuration does not know, ms.
    pub const THRESHOLD_MS: u64 = 20_000;
    /// Decimals of the rates.
    pub const RATE_SCALE: u8 = 4;

    fn threshold_ms(&self, queue: QueueId) -> u64 {
        self.thresholds.get(&queue).copied().unwrap_or(KpiTerms::THRESHOLD_MS)
    }

    /// The type of a number with these digits, country code first.
    pub fn number_type(&self, digits: &str) -> Option<Name> {
        let longest = (1..=digits.len()).rev().filter_map(|len| digits.get(..len));
        longest.into_iter().find_map(|prefix| {
            let planned = || self.number_plan.get(prefix)?.iter().find(|range| range.digits as usize == digits.len());
            self.number_types.get(prefix).copied().or_else(|| planned().map(|range| range.kind))
        })
    }

    fn rate(&self, agent: AgentId) -> u64 {
        self.rates.get(&agent).copied().unwrap_or(self.rate)
    }
}

impl Default for KpiTerms {
    fn default() -> KpiTerms {
        KpiTerms {
            thresholds: BTreeMap::new(),
            number_types: BTreeMap::new(),
            number_plan: BTreeMap::new(),
            rates: BTreeMap::new(),
            rate: 0,
            currency: Currency::EUR,
            law_ms: LAW_WITHIN_MS,
            windows: Windows::default(),
            settled: Vec::new(),
            zone: "UTC".to_owned(),
            needs_disposition: BTreeSet::new(),
        }
    }
}

/// A state of an agent, from its beginning to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// Who.
    pub agent: AgentId,
    /// From.
    pub from: Wall,
    /// How long, µs.
    pub us: u64,
    /// What.
    pub state: AgentState,
}

/// What facts change. Changes of one stretch of facts and of the next merge to those of both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// To be merged.
    pub tallies: BTreeMap<Key, Tally>,
    /// To be merged.
    pub agents: BTreeMap<(Quarter, AgentId), AgentTally>,
    /// To be moved within `agents`, once those are merged.
    pub unheard: BTreeMap<(Quarter, AgentId), Unheard>,
    /// To be replaced.
    pub entries: BTreeMap<(CallId, u32), Entry>,
    /// To be replaced: the call as a contact, with where it is counted.
    pub contacts: BTreeMap<CallId, (Key, Contact)>,
    /// To be added.
    pub periods: Vec<Period>,
}

impl Changes {
    /// Adds what came after.
    pub fn merge(&mut self, later: Changes) {
        for (key, tally) in later.tallies {
            self.tallies.entry(key).or_default().merge(&tally);
        }
        for (key, tally) in later.agents {
            self.agents.entry(key).or_default().merge(&tally);
        }
        for (key, unheard) in later.unheard {
            self.unheard.entry(key).or_default().merge(&unheard);
        }
        self.entries.extend(later.entries);
        self.contacts.extend(later.contacts);
        self.periods.extend(later.periods);
    }

    /// Nothing changed.
    pub fn is_empty(&self) -> bool {
        self == &Changes::default()
    }

    fn tally(&mut self, key: Key) -> &mut Tally {
        self.tallies.entry(key).or_default()
    }
}

/// How much the fold keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// Calls, ended ones too.
    pub calls: usize,
    /// Agents logged in.
    pub agents: usize,
    /// Facts and prices about calls that are not known any more, since the beginning.
    pub late: u64,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fold {
    // Boxed, because a table has room for twice what is in it where ids ascend.
    calls: BTreeMap<CallId, Box<Call>>,
    /// Calls that ended, by when they are forgotten.
    ended: BTreeSet<(Mono, CallId)>,
    /// Of those that an agent had, the ones in memory, by when they may sleep.
    awake: BTreeSet<(Mono, CallId)>,
    /// The others: see [`Fold::sleep`].
    asleep: BTreeSet<CallId>,
    agents: BTreeMap<AgentId, Agent>,
    late: u64,
    /// Calls that are not as [`Fold::take_touched`] told them last.
    touched: BTreeSet<CallId>,
}

/// What the fold keeps of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    arrived: Now,
    ended: Option<Mono>,
    number_type: Option<Name>,
    from_outside: bool,
    ani: String,
    customer: Option<String>,
    segment: Option<SegmentId>,
    value_pm: u32,
    /// Where and when it first entered a queue.
    first: Option<(Key, Mono)>,
    /// The last is where it is or was; numbers ascend.
    entries: Vec<Stay>,
    entered: u32,
    answered: bool,
    /// The last word on it, and where it is counted: a key, and which of its stays; 0: none.
    disposition: Option<(Name, Key, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stay {
    entry: Entry,
    /// Offers under way, and since when there is one.
    offers: u32,
    rung_since: Mono,
    rung_us: u64,
    completed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Agent {
    state: AgentState,
    is_paid: bool,
    since: Now,
    /// His time is counted up to here.
    counted: Mono,
    work: Option<Work>,
    /// The conversation that he has or had last: a call and which of its stays.
    last: Option<(CallId, u32)>,
}

/// The conversation that an agent has or works up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Work {
    call: CallId,
    key: Key,
    /// Which stay; 0: the call entered no queue.
    n: u32,
    talk_us: u64,
    hold_us: u64,
}

impl Fold {
    /// Takes one fact.
    pub fn on_fact(&mut self, fact: &Fact, terms: &KpiTerms, out: &mut Changes) {
        let at = fact.at;
        self.forget(at.mono);
        match &fact.what {
            What::CallArrived { call, ani, dnis, trunk } => self.arrived(*call, ani, dnis, trunk.is_some(), at, terms),
            What::CustomerKnown { call, customer, segment, value_pm } => {
                if let Some(call) = self.call(*call) {
                    call.customer.clone_from(customer);
                    call.segment = Some(*segment);
                    call.value_pm = *value_pm;
                }
            }
            What::QueueEntered { call, queue, .. } => self.entered(*call, *queue, at, out),
            What::QueueLeft { call, left, wait_ms, .. } => self.left(*call, *left, *wait_ms, at, terms, out),
            What::Offered { call, agent, .. } => self.offered(*call, *agent, at, out),
            What::OfferEnded { call, agent, end, .. } => self.offer_ended(*call, *agent, *end, at, out),
            What::CallEnded { call, .. } => self.ended(*call, at, out),
            What::CallbackEnded { queue, end, .. } => {
                let key = Key { quarter: Quarter::of(at.wall), queue: Some(*queue), segment: None, number_type: None };
                out.tally(key).callback_ended(*end);
            }
            What::AgentChanged { agent, state, call, is_paid, .. } => {
                self.agent_changed(*agent, (*state, *is_paid), *call, at, terms, out);
            }
            What::LegSilent { call, heard, .. } => self.unheard(*call, heard.mono, at, terms, out),
            What::Disposed { call, agent, disposition } => self.disposed(*call, *agent, *disposition, out),
            What::AgentServes { .. }
            | What::PauseTooLong { .. }
            | What::Task { .. }
            | What::CallbackTaken { .. }
            | What::LeavingByKey { .. }
            | What::CallingBack { .. }
            | What::CallbacksDue { .. }
            | What::WaitingChanged { .. }
            | What::QueueNoted { .. }
            | What::Emergency { .. }
            | What::Configured { .. }
            | What::LegBegan { .. }
            | What::LegRinging { .. }
            | What::LegAnswered { .. }
            | What::SegmentBegan { .. }
            | What::LegQuality { .. }
            | What::LegDialog { .. }
            | What::LegEnded { .. } => {}
        }
    }

    /// Takes what a call cost: who pays, and how much if it could be priced.
    pub fn on_cost(&mut self, call: CallId, charges: &[(Name, Option<Money>)], out: &mut Changes) {
        let Some(known) = self.calls.get(&call) else {
            self.late += 1;
            return;
        };
        let tally = out.tally(known.key());
        for (payer, money) in charges {
            match money {
                Some(money) => tally.telephony.add(*payer, *money),
                None => tally.counts.unrated += 1,
            }
        }
    }

    /// Counts the time of everybody up to `now`. How often that is done changes no sum.
    pub fn on_time(&mut self, now: Mono, terms: &KpiTerms, out: &mut Changes) {
        for (id, agent) in &mut self.agents {
            agent.count(*id, now, terms.rate(*id), out);
        }
    }

    /// The calls that changed since this was asked last, as they are now; none: known no more. Whoever keeps those beside
    /// [`Fold::head`] has the whole state without writing every call anew.
    pub fn take_touched(&mut self) -> Vec<(CallId, Option<&Call>)> {
        let touched = std::mem::take(&mut self.touched);
        touched.into_iter().map(|id| (id, self.calls.get(&id).map(Box::as_ref))).collect()
    }

    /// The engine began afresh: it knows no call and no agent of the life before.
    pub fn begin_life(&mut self) {
        let late = self.late;
        let gone = std::mem::take(&mut self.calls).into_keys().chain(std::mem::take(&mut self.asleep));
        let touched = std::mem::take(&mut self.touched).into_iter().chain(gone).collect();
        *self = Fold { late, touched, ..Fold::default() };
    }

    /// Everything but the calls.
    pub fn head(&self) -> Fold {
        Fold { agents: self.agents.clone(), late: self.late, ..Fold::default() }
    }

    /// The state again, of a [`Fold::head`] and the calls that were kept beside it.
    pub fn whole(mut head: Fold, calls: impl IntoIterator<Item = (CallId, Call)>) -> Fold {
        head.calls = calls.into_iter().map(|(id, call)| (id, Box::new(call))).collect();
        head.ended = head.calls.iter().filter_map(|(id, call)| Some((call.forgotten_at()?, *id))).collect();
        head.awake = head.calls.iter().filter_map(|(id, call)| Some((call.sleeps_at()?, *id))).collect();
        head
    }

    /// To change it.
    fn call(&mut self, id: CallId) -> Option<&mut Call> {
        let call = self.calls.get_mut(&id)?;
        self.touched.insert(id);
        Some(call)
    }

    /// Stays that there is room for.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.calls.values().map(|call| call.entries.capacity()).sum()
    }

    /// How much there is.
    pub fn sizes(&self) -> Sizes {
        Sizes { calls: self.calls.len() + self.asleep.len(), agents: self.agents.len(), late: self.late }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_beginning_says_the_type_and_what_is_configured_stands_before_the_plan() {
        let name = |text: &str| Name::new(text).unwrap();
        let range = |digits, kind| NumberRange { digits, kind: name(kind) };
        let terms = KpiTerms {
            number_types: [("34902".to_owned(), name("ours")), ("1".to_owned(), name("abroad"))].into(),
            number_plan: [
                ("349".to_owned(), vec![range(11, "geographic")]),
                ("34900".to_owned(), vec![range(11, "freephone")]),
                ("34902".to_owned(), vec![range(11, "shared")]),
                ("54911".to_owned(), vec![range(5, "short"), range(13, "mobile")]),
            ]
            .into(),
            ..KpiTerms::default()
        };
        for (digits, want) in [
            ("34912345678", Some("geographic")),
            ("34900123456", Some("freephone")),
            ("34902123456", Some("ours")),
            ("3490212345", Some("ours")),
            ("3491234567", None),     // too short for a plan
            ("54911", Some("short")), // as mobiles begin, and no mobile
            ("5491143210000", Some("mobile")),
            ("12025550100", Some("abroad")),
            ("", None),
        ] {
            assert_eq!(terms.number_type(digits), want.map(name), "{digits}");
        }
    }
}
