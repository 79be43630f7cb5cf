//! Seam: what people and programs ask, and what they are answered.

use turno_acd::Command as AcdCommand;
use turno_base::{AgentId, CallId, ItemId, QueueId, StationId};
use turno_call::CallEvent;

use crate::Rooms;
use crate::boundary::{Command, Effect, Refusal};
use crate::turn::Turn;
use crate::views::Answer;

impl Rooms {
    pub(crate) fn on_command(&mut self, id: u64, command: &Command, turn: &mut Turn<'_>) {
        let answer = self.answer(command, turn);
        turn.out.push(Effect::Reply { id, answer });
    }

    fn answer(&mut self, command: &Command, turn: &mut Turn<'_>) -> Result<Answer, Refusal> {
        if let Command::AgentLogin(agent, _)
        | Command::AgentLogout(agent)
        | Command::AgentPause(agent, _)
        | Command::AgentReady(agent)
        | Command::AgentSaved(agent)
        | Command::AgentExtend(agent)
        | Command::AgentDisposition(agent, _)
        | Command::AgentSkill(agent, ..)
        | Command::AgentServe(agent, ..)
        | Command::AgentLeave(agent, _)
        | Command::AgentRank(agent, ..) = command
        {
            self.known_agent(*agent)?;
        }
        match command {
            Command::QueueShow(queue) => self.queues(*queue, turn.now).map(Answer::Queues),
            Command::QueueExpected => Ok(Answer::Expected(self.expected(turn.now))),
            Command::AgentShow(agent) => self.agents(*agent, turn.now).map(Answer::Agents),
            Command::AgentLogin(agent, station) => {
                let station = station.or_else(|| self.own_station(*agent)).ok_or_else(|| no_station(*agent))?;
                self.known_station(station)?;
                self.tell_acd_command(AcdCommand::Login { agent: *agent, station }, turn)
            }
            Command::AgentLogout(agent) => self.tell_acd_command(AcdCommand::Logout { agent: *agent }, turn),
            Command::AgentPause(agent, reason) => {
                self.tell_acd_command(AcdCommand::Pause { agent: *agent, reason: *reason }, turn)
            }
            Command::AgentReady(agent) => self.tell_acd_command(AcdCommand::Ready { agent: *agent }, turn),
            Command::AgentSaved(agent) => self.tell_acd_command(AcdCommand::Saved { agent: *agent }, turn),
            Command::AgentExtend(agent) => self.tell_acd_command(AcdCommand::Extend { agent: *agent }, turn),
            Command::AgentDisposition(agent, disposition) => {
                self.tell_acd_command(AcdCommand::Dispose { agent: *agent, disposition: *disposition }, turn)
            }
            Command::AgentSkill(agent, skill, change) => {
                self.tell_acd_command(AcdCommand::Skill { agent: *agent, skill: *skill, change: *change }, turn)
            }
            Command::AgentServe(agent, queue, rank, station) => self.serve(*agent, *queue, *rank, *station, turn),
            Command::AgentLeave(agent, queue) => {
                self.known_queue(*queue, turn)?;
                self.tell_acd_command(AcdCommand::LeaveQueue { agent: *agent, queue: *queue }, turn)
            }
            Command::AgentRank(agent, queue, rank) => {
                self.known_queue(*queue, turn)?;
                self.tell_acd_command(AcdCommand::Rank { agent: *agent, queue: *queue, rank: *rank }, turn)
            }
            Command::TaskAdd(entry) => self.add_task(entry, turn),
            Command::TaskShow(queue, agent) => self.tasks(*queue, *agent, turn.now).map(Answer::Tasks),
            Command::TaskDone(task, disposition) => {
                let done = AcdCommand::TaskDone { task: ItemId(*task), disposition: *disposition };
                self.tell_task(*task, done, turn)
            }
            Command::TaskMove(task, queue) => {
                self.acd.queue(*queue, turn.now).ok_or_else(|| no_queue(*queue))?;
                self.tell_task(*task, AcdCommand::TaskMove { task: ItemId(*task), queue: *queue }, turn)
            }
            Command::CallShow(call) => self.live_calls(*call, turn.now).map(Answer::Calls),
            Command::CallHangUp(call) => {
                self.live_calls(Some(*call), turn.now)?;
                self.tell_call(CallEvent::HangUp { call: *call }, turn);
                Ok(Answer::Done)
            }
            Command::CallPark(call, slot) => self.park(*call, *slot, turn),
            Command::CallPull(call, agent) => self.pull(*call, *agent, turn),
            Command::QueueNote(queue, note) => self.note(*queue, note, turn),
            Command::CallPlace(station, number) => {
                self.known_station(*station)?;
                self.place(*station, number, turn)
            }
            Command::CallbackShow(number) => self.callbacks(*number, turn.now).map(Answer::Callbacks),
            Command::CallbackAdd { number, queue, at } => self.add_callback(*number, *queue, *at, turn),
            Command::CallbackCancel(number) => {
                self.tell_acd_command(AcdCommand::CallbackCancel { number: *number }, turn)
            }
            Command::CallbackAppoint { number, at } => {
                self.tell_acd_command(AcdCommand::CallbackAppoint { number: *number, at: *at }, turn)
            }
            Command::CallBump(call, by_s) => {
                let by = std::time::Duration::from_secs(u64::from(*by_s));
                self.tell_waiting(*call, AcdCommand::Bump { item: ItemId(*call), by }, turn)
            }
            Command::CallMove(call, queue) => {
                self.acd.queue(*queue, turn.now).ok_or_else(|| no_queue(*queue))?;
                self.tell_waiting(*call, AcdCommand::Move { item: ItemId(*call), queue: *queue }, turn)
            }
            Command::CallExplain(call) => self.explain_call(*call, turn.now).map(Answer::Explained),
            Command::AgentExplain(agent) => self.explain_agent(*agent, turn.now).map(Answer::Explained),
            Command::CallNeeds(call, need) => {
                self.tell_waiting(*call, AcdCommand::Needs { item: ItemId(*call), need: need.clone() }, turn)
            }
            Command::Emergency(queue, on) => {
                if let Some(queue) = queue {
                    self.acd.queue(*queue, turn.now).ok_or_else(|| no_queue(*queue))?;
                }
                self.tell_acd_command(AcdCommand::Emergency { queue: *queue, on: *on }, turn)
            }
            Command::CalendarShow(only, at) => {
                self.calendars(*only, at.unwrap_or(turn.now.wall)).map(Answer::Calendars)
            }
            Command::RegShow => Ok(self.reachable(turn.now)),
            Command::Sizes => Ok(Answer::Sizes(self.sizes())),
            Command::CallLegs(call) => self.legs(*call, turn.now).map(Answer::Legs),
            Command::RouteTest(asked) => self.rehearse(asked, turn.now).map(Answer::Rehearsed),
        }
    }

    fn known_queue(&self, queue: QueueId, turn: &Turn<'_>) -> Result<(), Refusal> {
        self.acd.queue(queue, turn.now).map(|_| ()).ok_or_else(|| no_queue(queue))
    }

    fn serve(
        &mut self,
        agent: AgentId,
        queue: QueueId,
        rank: u8,
        station: Option<StationId>,
        turn: &mut Turn<'_>,
    ) -> Result<Answer, Refusal> {
        self.known_queue(queue, turn)?;
        let at = station.or_else(|| self.own_station(agent));
        if let Some(at) = at {
            self.known_station(at)?;
        }
        self.tell_acd_command(AcdCommand::Serve { agent, queue, rank, at }, turn)
    }

    pub(crate) fn tell_acd_command(&mut self, command: AcdCommand, turn: &mut Turn<'_>) -> Result<Answer, Refusal> {
        let now = turn.now;
        match self.acd.on_command(command, now, turn.acd()) {
            Ok(()) => Ok(Answer::Done),
            Err(turno_acd::Refusal::NoSuchCallback(number)) => {
                Err(Refusal::Unknown { what: "callback".to_owned(), name: number.to_string() })
            }
            Err(refusal) => Err(Refusal::Conflict { sentence: refusal.to_string() }),
        }
    }

    /// About a call that must be live, else the sentence is about that.
    fn tell_waiting(&mut self, call: CallId, command: AcdCommand, turn: &mut Turn<'_>) -> Result<Answer, Refusal> {
        self.live_calls(Some(call), turn.now)?;
        self.tell_acd_command(command, turn)
    }

    fn own_station(&self, agent: AgentId) -> Option<StationId> {
        self.config.acd.agents.get(&agent).and_then(|rules| rules.station)
    }

    pub(crate) fn known_agent(&self, agent: AgentId) -> Result<(), Refusal> {
        match self.config.acd.agents.contains_key(&agent) {
            true => Ok(()),
            false => Err(no_agent(agent)),
        }
    }

    fn known_station(&self, station: StationId) -> Result<(), Refusal> {
        match self.config.sip.accounts.iter().any(|account| account.station == station) {
            true => Ok(()),
            false => Err(Refusal::Unknown { what: "station".to_owned(), name: station.to_string() }),
        }
    }
}

fn no_station(agent: AgentId) -> Refusal {
    Refusal::Conflict { sentence: format!("agent {agent} has no station of his own; name the one where he sits") }
}

pub(crate) fn no_queue(queue: QueueId) -> Refusal {
    Refusal::Unknown { what: "queue".to_owned(), name: queue.to_string() }
}

pub(crate) fn no_agent(agent: AgentId) -> Refusal {
    Refusal::Unknown { what: "agent".to_owned(), name: agent.to_string() }
}

pub(crate) fn no_call(call: CallId) -> Refusal {
    Refusal::Unknown { what: "live call".to_owned(), name: call.to_string() }
}
