//! What a command is called in the audit log, what it is about, and which parts of that are worth comparing.

use serde_json::{Map, Value, json};
use turno_acd::SkillChange;
use turno_base::{AgentId, CallId, E164, Redacted, Wall};
use turno_engine::{AgentView, Answer, CallView, CallbackView, Command, TaskView};

/// A command that changes something.
pub(super) struct Told {
    /// In words of the command line.
    pub(super) what: &'static str,
    /// `agent/anna`.
    pub(super) about: String,
    /// What else was said.
    pub(super) more: String,
    /// Shows what it is about; none: there is nothing to be looked at.
    pub(super) look: Option<Command>,
    /// The one among the tasks that are shown.
    task: Option<CallId>,
}

impl Told {
    fn new(what: &'static str, about: impl Into<String>) -> Told {
        Told { what, about: about.into(), more: String::new(), look: None, task: None }
    }

    fn more(self, more: impl ToString) -> Told {
        Told { more: more.to_string(), ..self }
    }
}

fn agent(what: &'static str, agent: AgentId) -> Told {
    Told { look: Some(Command::AgentShow(Some(agent))), ..Told::new(what, format!("agent/{agent}")) }
}

fn call(what: &'static str, call: CallId) -> Told {
    Told { look: Some(Command::CallShow(Some(call))), ..Told::new(what, format!("call/{call}")) }
}

fn task(what: &'static str, task: CallId) -> Told {
    let look = Some(Command::TaskShow(None, None));
    Told { look, task: Some(task), ..Told::new(what, format!("task/{task}")) }
}

fn callback(what: &'static str, number: E164) -> Told {
    let look = Some(Command::CallbackShow(Some(number)));
    Told { look, ..Told::new(what, format!("callback/{}", Redacted(number.to_string()))) }
}

/// None: it only shows something.
pub(super) fn told(command: &Command) -> Option<Told> {
    Some(match command {
        Command::AgentLogin(of, station) => {
            agent("agent login", *of).more(station.map(|station| station.to_string()).unwrap_or_default())
        }
        Command::AgentLogout(of) => agent("agent logout", *of),
        Command::AgentPause(of, reason) => agent("agent pause", *of).more(reason),
        Command::AgentReady(of) => agent("agent ready", *of),
        Command::AgentSaved(of) => agent("agent saved", *of),
        Command::AgentExtend(of) => agent("agent extend", *of),
        Command::AgentDisposition(of, disposition) => agent("agent disposition", *of).more(disposition),
        Command::AgentSkill(of, skill, change) => agent("agent skill", *of).more(match change {
            SkillChange::Set { level, until } => format!("{skill} {level}{}", up_to(*until)),
            SkillChange::Unset { until } => format!("{skill} unset{}", up_to(*until)),
            SkillChange::AsConfigured => format!("{skill} reset"),
        }),
        Command::AgentServe(of, queue, rank, _) => agent("agent serve", *of).more(format!("{queue} rank {rank}")),
        Command::AgentLeave(of, queue) => agent("agent leave", *of).more(queue),
        Command::AgentRank(of, queue, rank) => agent("agent rank", *of).more(format!("{queue} rank {rank}")),
        Command::TaskAdd(entry) => Told::new("task add", format!("queue/{}", entry.queue)),
        Command::TaskDone(of, disposition) => {
            task("task done", *of).more(disposition.map(|said| said.to_string()).unwrap_or_default())
        }
        Command::TaskMove(of, queue) => task("task move", *of).more(queue),
        Command::CallHangUp(of) => call("call hangup", *of),
        Command::CallPark(of, slot) => call("call park", *of).more(slot.map(|n| n.to_string()).unwrap_or_default()),
        Command::CallPull(of, agent) => call("call pull", *of).more(agent),
        Command::CallPlace(station, number) => {
            Told::new("call place", format!("station/{station}")).more(Redacted(number))
        }
        Command::CallBump(of, by_s) => call("call bump", *of).more(format!("{by_s} s")),
        Command::CallMove(of, queue) => call("call move", *of).more(queue),
        Command::CallNeeds(of, need) => call("call needs", *of).more(turno_acd::need::text(need)),
        Command::CallbackAdd { number, queue, at } => {
            callback("callback add", *number).more(format!("{queue}{}", not_before(*at)))
        }
        Command::CallbackCancel(number) => callback("callback cancel", *number),
        Command::CallbackAppoint { number, at } => {
            callback("callback appoint", *number).more(not_before(Some(*at)).trim_start())
        }
        Command::QueueNote(queue, note) => Told::new("queue note", format!("queue/{queue}")).more(&note.event),
        Command::Emergency(queue, on) => {
            let about = queue.map_or_else(|| "queue/".to_owned(), |queue| format!("queue/{queue}"));
            let look = Some(Command::QueueShow(*queue));
            Told { look, ..Told::new("emergency", about) }.more(if *on { "on" } else { "off" })
        }
        Command::QueueShow(_)
        | Command::QueueExpected
        | Command::AgentShow(_)
        | Command::TaskShow(..)
        | Command::CallShow(_)
        | Command::CallbackShow(_)
        | Command::CallExplain(_)
        | Command::AgentExplain(_)
        | Command::CalendarShow(..)
        | Command::RegShow
        | Command::Sizes
        | Command::CallLegs(_)
        | Command::RouteTest(_) => return None,
    })
}

fn instant(at: Wall) -> String {
    jiff::Timestamp::from_microsecond(at.0).map(|at| at.to_string()).unwrap_or_default()
}

fn up_to(until: Option<Wall>) -> String {
    until.map(|until| format!(" until {}", instant(until))).unwrap_or_default()
}

fn not_before(at: Option<Wall>) -> String {
    at.map(|at| format!(" at {}", instant(at))).unwrap_or_default()
}

/// What is compared of an answer to [`Told::look`]; null: it is not there.
pub(super) fn seen(answer: &Answer, told: &Told) -> Value {
    match answer {
        Answer::Agents(agents) => agents.first().map_or(Value::Null, of_agent),
        Answer::Calls(calls) => calls.first().map_or(Value::Null, of_call),
        Answer::Callbacks(callbacks) => callbacks.first().map_or(Value::Null, of_callback),
        Answer::Tasks(tasks) => tasks.iter().find(|task| Some(task.task) == told.task).map_or(Value::Null, of_task),
        Answer::Queues(queues) => {
            let switches = queues.iter().map(|queue| (queue.queue.to_string(), json!(queue.is_emergency)));
            Value::Object(switches.collect())
        }
        Answer::Done
        | Answer::Expected(_)
        | Answer::Reachable { .. }
        | Answer::Explained(_)
        | Answer::Calendars(_)
        | Answer::Sizes(_)
        | Answer::Legs(_)
        | Answer::Rehearsed(_) => Value::Null,
    }
}

/// What a command made, as it answered.
pub(super) fn made(answer: &Answer) -> Value {
    match answer {
        Answer::Calls(calls) => calls.first().map_or(Value::Null, |call| json!({"call": call.call})),
        Answer::Tasks(tasks) => tasks.first().map_or(Value::Null, |task| json!({"task": task.task, "due": task.due})),
        Answer::Done
        | Answer::Queues(_)
        | Answer::Agents(_)
        | Answer::Callbacks(_)
        | Answer::Expected(_)
        | Answer::Reachable { .. }
        | Answer::Explained(_)
        | Answer::Calendars(_)
        | Answer::Sizes(_)
        | Answer::Legs(_)
        | Answer::Rehearsed(_) => Value::Null,
    }
}

fn of_agent(agent: &AgentView) -> Value {
    let skills: Map<String, Value> =
        agent.skills.iter().map(|skill| (skill.skill.to_string(), json!(skill.level))).collect();
    let serves: Map<String, Value> =
        agent.serves.iter().map(|served| (served.queue.to_string(), json!(served.rank))).collect();
    json!({"state": agent.state, "reason": agent.reason, "station": agent.station, "call": agent.call,
        "skills": skills, "serves": serves})
}

fn of_call(call: &CallView) -> Value {
    json!({"stage": call.stage, "queue": call.queue, "agent": call.agent, "slot": call.slot})
}

fn of_callback(callback: &CallbackView) -> Value {
    json!({"state": callback.state, "queue": callback.queue, "not_before": callback.not_before})
}

fn of_task(task: &TaskView) -> Value {
    json!({"state": task.state, "queue": task.queue, "agent": task.agent, "due": task.due})
}

/// Both without what is the same in both, one level down.
pub(super) fn different(before: Option<Value>, after: Option<Value>) -> (Option<Value>, Option<Value>) {
    match (before, after) {
        (Some(Value::Object(mut was)), Some(Value::Object(mut is))) => {
            let same: Vec<String> =
                was.iter().filter(|(key, of)| is.get(*key) == Some(of)).map(|(key, _)| key.clone()).collect();
            for key in same {
                was.remove(&key);
                is.remove(&key);
            }
            (Some(Value::Object(was)), Some(Value::Object(is)))
        }
        other => other,
    }
}
