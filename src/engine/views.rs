//! What people and dashboards see of the state: plain rows, made on demand.

use serde::{Deserialize, Serialize};
use turno_acd::{AgentExplained, AgentRow, ItemExplained, Kind, ServedRow, SkillRow, Why};
use turno_base::{AgentId, CallId, ItemId, LegId, Name, Now, QueueId, SkillId, StationId, Wall};
use turno_call::CallRow;
use turno_sip::trunk::TrunkView;
use turno_sip::ua::StationView;

use crate::Rooms;
use crate::boundary::Refusal;
use crate::commands::{no_agent, no_call, no_queue};
use crate::rehearsal::Rehearsed;

/// Most waiting calls shown of one queue, and most live calls shown at once.
pub(crate) const ROWS_MAX: usize = 1000;

/// Answer to a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Done; nothing to show.
    Done,
    /// Queues.
    Queues(Vec<QueueView>),
    /// How long the next to enter a queue would wait, ms; queues of which nobody is sure are left out.
    Expected(Vec<(QueueId, u64)>),
    /// Agents.
    Agents(Vec<AgentView>),
    /// Live calls.
    Calls(Vec<CallView>),
    /// Callbacks.
    Callbacks(Vec<CallbackView>),
    /// Tasks.
    Tasks(Vec<TaskView>),
    /// Registrations and trunks.
    Reachable {
        /// Stations.
        stations: Vec<StationView>,
        /// Trunks.
        trunks: Vec<TrunkView>,
    },
    /// Why.
    Explained(Box<Explained>),
    /// Calendars.
    Calendars(Vec<CalendarView>),
    /// Sizes.
    Sizes(Sizes),
    /// Legs of a call.
    Legs(Vec<LegView>),
    /// What would become of a call.
    Rehearsed(Box<Rehearsed>),
}

/// One queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueView {
    /// Name.
    pub queue: QueueId,
    /// Who waits, in the order in which an agent for all of them would be given them.
    pub waiting: Vec<WaitingView>,
    /// Callbacks still to be made, those that are not in line now among them.
    pub callbacks: u32,
    /// Tasks that nobody has in hand.
    pub tasks: u32,
    /// Agents who serve it and are logged in.
    pub logged_in: u32,
    /// Of them ready, or at a task that a call interrupts.
    pub ready: u32,
    /// The emergency switch is on, for it or for all: nobody waits here.
    pub is_emergency: bool,
    /// How long the next to enter would wait, ms; none: not sure.
    pub expected_ms: Option<u64>,
    /// How far recent forecasts were off, mean, ms.
    pub forecast_error_ms: u64,
    /// How many recent forecasts came true, per mille: off by at most 30 s or a third; none: none was compared yet.
    pub forecast_within_pm: Option<u32>,
}

/// One waiting call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingView {
    /// The call.
    pub call: CallId,
    /// `call`, or `callback` for the place of somebody who has hung up.
    pub kind: String,
    /// Calling number, or the one that will be called back.
    pub ani: String,
    /// Segment.
    pub segment: String,
    /// So far, ms.
    pub waited_ms: u64,
    /// How long it will wait from now on, ms; none: not sure. For a given call it never grows.
    pub expected_ms: Option<u64>,
    /// Agents it is offered to.
    pub offered_to: Vec<AgentId>,
}

/// Why a call waits or was offered, or what an agent gets: in words, and the parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// Sentences, in English.
    pub words: Vec<String>,
    /// Why a call waits; none: it does not, or an agent was asked about.
    pub waiting: Option<ItemExplained>,
    /// What an agent does.
    pub agent: Option<AgentExplained>,
    /// The last offer of the call, or to the agent.
    pub offer: Option<OfferExplained>,
    /// The revision of the configuration that is in force; an offer has that which decided it.
    pub config_revision: u64,
}

/// One offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferExplained {
    /// The call.
    pub call: CallId,
    /// The agent.
    pub agent: AgentId,
    /// The decision's record.
    pub why: Why,
}

impl OfferExplained {
    /// In a sentence.
    pub fn words(&self) -> String {
        format!("{} was offered to {}: {}; configuration {}", self.call, self.agent, self.why, self.why.revision)
    }
}

/// One callback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackView {
    /// Whom to call.
    pub number: String,
    /// Where his place is.
    pub queue: QueueId,
    /// Segment.
    pub segment: String,
    /// `key`, `overflow` or `person`.
    pub asked_by: String,
    /// The call that asked for it.
    pub first: Option<CallId>,
    /// `offered`, `resting`, `waiting`, `dialling`, `seeking`, `connecting` or `waiting-again`.
    pub state: String,
    /// Place in the queue while it is in line.
    pub position: Option<u32>,
    /// What the order goes by, ms.
    pub waited_ms: u64,
    /// Since it was asked for, ms.
    pub age_ms: u64,
    /// Attempts made.
    pub attempts: u32,
    /// How the last one ended: `busy`, `no-answer`, `failed` or `unsure`.
    pub last: Option<String>,
    /// Not before then; RFC 3339, UTC.
    pub not_before: Option<String>,
}

/// One task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskView {
    /// Its id.
    pub task: CallId,
    /// `admin`, `email`, `fax` or `complaint`.
    pub kind: String,
    /// Its queue.
    pub queue: QueueId,
    /// Segment of the customer it is about.
    pub segment: String,
    /// What it is about; data, never markup.
    pub subject: String,
    /// The customer's external id.
    pub customer: Option<String>,
    /// To be done before then; RFC 3339, UTC.
    pub due: String,
    /// So many seconds from now; less than 0 when it is late.
    pub due_in_s: i64,
    /// That has passed.
    pub is_late: bool,
    /// `waiting`, `held` (in hand, and its agent does something else) or `worked-on`.
    pub state: String,
    /// 1-based place by due date among the tasks of its queue, while it waits.
    pub position: Option<u32>,
    /// Who has it in hand.
    pub agent: Option<AgentId>,
    /// Since it was entered, ms.
    pub age_ms: u64,
    /// How long it was worked on so far, ms.
    pub worked_ms: u64,
}

/// One calendar at an instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarView {
    /// Name.
    pub calendar: Name,
    /// The instant, s since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// How far the local clock is ahead of UTC then, s.
    pub offset_s: i32,
    /// Open then.
    pub is_open: bool,
    /// The holiday it is, if it is one.
    pub holiday: Option<String>,
    /// When it closes next if it is open, or opens if it is not, s since 1970-01-01T00:00:00Z; none: not for over a year.
    pub until: Option<i64>,
    /// How far the local clock is ahead of UTC at that instant, s.
    pub until_offset_s: i32,
    /// Queues that go by it.
    pub queues: Vec<QueueId>,
}

/// One agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentView {
    /// Name.
    pub agent: AgentId,
    /// Shown name.
    pub shown: String,
    /// Where he sits.
    pub station: Option<StationId>,
    /// Label of [`turno_base::fact::AgentState`].
    pub state: String,
    /// Reason if paused.
    pub reason: Option<String>,
    /// For how long, ms.
    pub since_ms: u64,
    /// About which call.
    pub call: Option<CallId>,
    /// What he knows as of now, by name.
    pub skills: Vec<SkillView>,
    /// The queues he serves as of now, by name.
    pub serves: Vec<ServedView>,
}

/// A queue that an agent serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedView {
    /// Which.
    pub queue: QueueId,
    /// His rank in it: nobody of a higher one is rung while one of a lower may be.
    pub rank: u8,
    /// Changed while he works, until his shift ends.
    pub is_live: bool,
}

/// One skill of an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillView {
    /// Name.
    pub skill: SkillId,
    /// 1..=10; 0: taken from him, or he is only certified for it.
    pub level: u8,
    /// Changed while he works, by command.
    pub is_live: bool,
    /// When that change ends by itself; RFC 3339, UTC.
    pub until: Option<String>,
    /// Up to which level he holds a certificate, valid or not.
    pub certified: Option<u8>,
    /// When it expires or expired; RFC 3339, UTC.
    pub certified_until: Option<String>,
}

/// One live call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallView {
    /// The call.
    pub call: CallId,
    /// Calling number.
    pub ani: String,
    /// Dialled number.
    pub dnis: String,
    /// What it does: `arriving`, `waiting`, `offered`, `talking`, `parked`, `announcement`, `ending`.
    pub stage: String,
    /// Queue, if it waits or came from one.
    pub queue: Option<QueueId>,
    /// Agent who talks.
    pub agent: Option<AgentId>,
    /// The slot it is parked in.
    pub slot: Option<u32>,
    /// Since its first INVITE, ms.
    pub age_ms: u64,
    /// Live legs.
    pub legs: u32,
}

/// One leg of a live call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegView {
    /// The leg.
    pub leg: LegId,
    /// Call-ID of its dialog.
    pub sip_call_id: String,
}

/// Sizes of everything that could leak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// Live calls.
    pub calls: u64,
    /// Live legs.
    pub legs: u64,
    /// SIP dialogs.
    pub dialogs: u64,
    /// SIP transactions.
    pub transactions: u64,
    /// Pending deadlines.
    pub timers: u64,
    /// Registered contacts.
    pub bindings: u64,
    /// Waiting items.
    pub waiting: u64,
    /// Free media ports.
    pub ports_free: u64,
    /// Records not yet durable.
    pub records_pending: u64,
}

impl Rooms {
    pub(crate) fn queues(&self, only: Option<QueueId>, now: Now) -> Result<Vec<QueueView>, Refusal> {
        let rows = match only {
            Some(queue) => vec![self.acd.queue(queue, now).ok_or_else(|| no_queue(queue))?],
            None => self.acd.queues(now),
        };
        let view = |row: turno_acd::QueueRow| QueueView {
            queue: row.queue,
            waiting: self.waiting(row.queue, now),
            callbacks: row.callbacks,
            tasks: row.tasks,
            logged_in: row.logged_in,
            ready: row.ready,
            is_emergency: row.is_emergency,
            expected_ms: row.expected_ms,
            forecast_error_ms: row.accuracy.error_mean_ms,
            forecast_within_pm: (row.accuracy.judged > 0).then_some(row.accuracy.within_pm),
        };
        Ok(rows.into_iter().map(view).collect())
    }

    pub(crate) fn expected(&self, now: Now) -> Vec<(QueueId, u64)> {
        let rows = self.acd.queues(now).into_iter();
        rows.filter_map(|row| Some((row.queue, row.expected_ms?))).collect()
    }

    /// Why a live call, a callback or a task waits, or was offered to whom it was.
    pub(crate) fn explain_call(&self, call: CallId, now: Now) -> Result<Box<Explained>, Refusal> {
        let waiting = self.acd.explain_item(ItemId(call), now);
        if waiting.is_none() {
            self.live_calls(Some(call), now)?;
        }
        let offer = self.acd.explain_offer_of(ItemId(call)).map(|(agent, why)| OfferExplained { call, agent, why });
        let mut words: Vec<String> = waiting.iter().map(ToString::to_string).collect();
        words.extend(self.parked_words(call, now));
        words.extend(offer.iter().map(OfferExplained::words));
        if words.is_empty() {
            words.push("it does not wait, and no offer of it is known any more".to_owned());
        }
        Ok(Box::new(Explained { words, waiting, agent: None, offer, config_revision: self.config.revision }))
    }

    /// Why an agent gets what he gets, or nothing.
    pub(crate) fn explain_agent(&self, agent: AgentId, now: Now) -> Result<Box<Explained>, Refusal> {
        let explained = self.acd.explain_agent(agent, now).ok_or_else(|| no_agent(agent))?;
        let offer = self.acd.explain_offer(agent).map(|(item, why)| OfferExplained { call: item.0, agent, why });
        let mut words = vec![explained.to_string()];
        words.extend(offer.iter().map(OfferExplained::words));
        let config_revision = self.config.revision;
        Ok(Box::new(Explained { words, waiting: None, agent: Some(explained), offer, config_revision }))
    }

    fn waiting(&self, queue: QueueId, now: Now) -> Vec<WaitingView> {
        let rows = self.acd.waiting(queue, ROWS_MAX, now);
        rows.into_iter()
            .map(|row| WaitingView {
                call: row.item.0,
                kind: row.kind.as_str().to_owned(),
                ani: match row.callback_to.filter(|_| row.kind == Kind::Callback) {
                    Some(number) => number.to_string(),
                    None => self.calls.row(row.item.0, now).map(|call| call.ani.raw).unwrap_or_default(),
                },
                segment: row.segment.to_string(),
                waited_ms: row.waited_ms,
                expected_ms: row.expected_ms,
                offered_to: row.offered_to,
            })
            .collect()
    }

    pub(crate) fn agents(&self, only: Option<AgentId>, now: Now) -> Result<Vec<AgentView>, Refusal> {
        let rows = match only {
            Some(agent) => vec![self.acd.agent(agent, now).ok_or_else(|| no_agent(agent))?],
            None => self.acd.agents(now),
        };
        Ok(rows.into_iter().map(|row| agent_view(row, now)).collect())
    }

    pub(crate) fn calendars(&self, only: Option<Name>, at: Wall) -> Result<Vec<CalendarView>, Refusal> {
        let acd = &self.config.acd;
        if let Some(name) = only.filter(|name| !acd.calendars.contains_key(name)) {
            return Err(Refusal::Unknown { what: "calendar".to_owned(), name: name.to_string() });
        }
        let shown = acd.calendars.iter().filter(|(name, _)| only.is_none_or(|only| only == **name));
        let view = |(name, calendar): (&Name, &turno_acd::calendar::Calendar)| {
            let hours = calendar.hours(at);
            let goes_by = acd.queues.iter().filter(|(_, rules)| rules.doors.calendar == Some(*name));
            CalendarView {
                calendar: *name,
                at: at.as_secs(),
                offset_s: hours.offset_s,
                is_open: hours.is_open,
                holiday: hours.holiday,
                until: hours.until.map(Wall::as_secs),
                until_offset_s: calendar.offset_s(hours.until.unwrap_or(at)),
                queues: goes_by.map(|(queue, _)| *queue).collect(),
            }
        };
        Ok(shown.map(view).collect())
    }

    pub(crate) fn live_calls(&self, only: Option<CallId>, now: Now) -> Result<Vec<CallView>, Refusal> {
        match only {
            Some(call) => Ok(vec![call_view(self.calls.row(call, now).ok_or_else(|| no_call(call))?)]),
            None => Ok(self.calls.rows(now).take(ROWS_MAX).map(call_view).collect()),
        }
    }

    pub(crate) fn legs(&self, call: CallId, now: Now) -> Result<Vec<LegView>, Refusal> {
        self.live_calls(Some(call), now)?;
        let view = |(leg, sip_call_id): (LegId, &str)| LegView { leg, sip_call_id: sip_call_id.to_owned() };
        Ok(self.cdr.legs(call).map(view).collect())
    }

    pub(crate) fn reachable(&self, now: Now) -> Answer {
        Answer::Reachable { stations: self.ua.station_views(now), trunks: self.ua.trunk_views().collect() }
    }

    pub(crate) fn sizes(&self) -> Sizes {
        let (dialogs, transactions, timers, bindings) = self.ua.sizes();
        let calls = self.calls.sizes();
        let acd = self.acd.sizes();
        Sizes {
            calls: calls.calls,
            legs: calls.legs,
            dialogs: dialogs as u64,
            transactions: transactions as u64,
            timers: timers as u64 + calls.timers + acd.timers,
            bindings: bindings as u64,
            waiting: acd.waiting,
            ports_free: self.audio.free() as u64,
            records_pending: self.records.pending(),
        }
    }
}

fn agent_view(row: AgentRow, now: Now) -> AgentView {
    AgentView {
        agent: row.agent,
        shown: row.shown,
        station: row.station,
        state: row.state.as_str().to_owned(),
        reason: row.state.reason().map(|reason| reason.to_string()),
        since_ms: u64::try_from(now.mono.since(row.since).as_millis()).unwrap_or(u64::MAX),
        call: row.item.map(|item| item.0),
        skills: row.skills.into_iter().map(skill_view).collect(),
        serves: row.serves.into_iter().map(served_view).collect(),
    }
}

fn served_view(row: ServedRow) -> ServedView {
    ServedView { queue: row.queue, rank: row.rank, is_live: row.is_live }
}

fn skill_view(row: SkillRow) -> SkillView {
    SkillView {
        skill: row.skill,
        level: row.level,
        is_live: row.live.is_some(),
        until: row.live.flatten().map(|until| until.to_string()),
        certified: row.certificate.map(|held| held.level),
        certified_until: row.certificate.and_then(|held| held.until).map(|until| until.to_string()),
    }
}

fn call_view(row: CallRow) -> CallView {
    CallView {
        call: row.call,
        ani: row.ani.raw,
        dnis: row.dnis.raw,
        stage: row.stage,
        queue: row.queue,
        agent: row.agent,
        slot: row.parked.map(|(slot, ..)| slot),
        age_ms: u64::try_from(row.age.as_millis()).unwrap_or(u64::MAX),
        legs: row.legs,
    }
}
