//! `turno task`: work without a caller on the line.

use turno_acd::Priority;
use turno_base::fact::TaskKind;
use turno_base::{AgentId, CallId, Name, Need, QueueId, SegmentId, Wall};
use turno_engine::{Command, TaskEntry, TaskView};

use crate::cli::ask::clock;
use crate::cli::table::Table;
use crate::shell::instant::wall_of;

#[derive(Debug, clap::Subcommand)]
pub(super) enum TaskCommand {
    /// Enter a task; an agent who has room gets it when no call is for him.
    Add {
        /// Queue.
        queue: QueueId,
        /// admin, email, fax or complaint.
        #[arg(long, default_value = "admin", value_parser = kind)]
        kind: TaskKind,
        /// What it is about.
        #[arg(long, default_value = "")]
        subject: String,
        /// To be done before then, for example 2026-03-10T18:00:00Z; absent: by priority.
        #[arg(long, value_parser = wall_of)]
        due: Option<Wall>,
        /// urgent, medium or low; when it is due is said by [acd.tasks].
        #[arg(long, default_value = "medium", value_parser = priority)]
        priority: Priority,
        /// What it needs beyond what the queue needs.
        #[arg(long, value_parser = turno_acd::need::parse)]
        need: Option<Need>,
        /// The customer's id.
        #[arg(long)]
        customer: Option<String>,
        /// The customer's segment.
        #[arg(long)]
        segment: Option<SegmentId>,
        /// The agent who looks after this customer.
        #[arg(long)]
        owner: Option<AgentId>,
    },
    /// Tasks that are not done, by queue and due date.
    List {
        /// Of this queue.
        #[arg(long)]
        queue: Option<QueueId>,
        /// In the hands of this agent.
        #[arg(long)]
        agent: Option<AgentId>,
    },
    /// A task is done.
    Done {
        /// Task.
        task: CallId,
        /// What came of it: a configured disposition.
        #[arg(long)]
        disposition: Option<Name>,
    },
    /// A task is for another queue; its due date stays.
    Move {
        /// Task.
        task: CallId,
        /// Queue.
        queue: QueueId,
    },
}

fn kind(text: &str) -> Result<TaskKind, String> {
    let known = TaskKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    known.ok_or_else(|| "write admin, email, fax or complaint".to_owned())
}

fn priority(text: &str) -> Result<Priority, String> {
    match text {
        "urgent" => Ok(Priority::Urgent),
        "medium" => Ok(Priority::Medium),
        "low" => Ok(Priority::Low),
        _ => Err("write urgent, medium or low".to_owned()),
    }
}

/// What the engine is asked.
pub(super) fn command(command: TaskCommand) -> Command {
    match command {
        TaskCommand::Add { queue, kind, subject, due, priority, need, customer, segment, owner } => {
            let entry = TaskEntry { kind, queue, need, due, priority, subject, customer, segment, owner };
            Command::TaskAdd(Box::new(entry))
        }
        TaskCommand::List { queue, agent } => Command::TaskShow(queue, agent),
        TaskCommand::Done { task, disposition } => Command::TaskDone(task, disposition),
        TaskCommand::Move { task, queue } => Command::TaskMove(task, queue),
    }
}

/// Rows as a table.
pub(super) fn table(tasks: Vec<TaskView>) -> Table {
    let mut table = Table::new(&["task", "queue", "place", "kind", "due in", "state", "agent", "worked", "subject"]);
    for task in tasks {
        let left = clock(task.due_in_s.unsigned_abs().saturating_mul(1000));
        table.row([
            task.task.to_string(),
            task.queue.to_string(),
            task.position.map(|place| place.to_string()).unwrap_or_default(),
            task.kind,
            if task.is_late { format!("-{left}") } else { left },
            task.state,
            task.agent.map(|agent| agent.to_string()).unwrap_or_default(),
            clock(task.worked_ms),
            task.subject,
        ]);
    }
    table
}
