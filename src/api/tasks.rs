//! Tasks in the REST interface.

use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use turno_acd::Priority;
use turno_base::fact::TaskKind;
use turno_base::{AgentId, CallId, Name, QueueId, SegmentId};
use turno_engine::{Command, TaskEntry};

use crate::api::AppState;
use crate::api::rest::{ask, bad, unknown};
use crate::shell::instant::wall_of;

/// Routes below `/api/v1`.
pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/tasks", get(tasks).post(add))
        .route("/tasks/{task}/done", post(done))
        .route("/tasks/{task}/move", post(move_on))
}

/// Which tasks; absent: all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    queue: Option<QueueId>,
    agent: Option<AgentId>,
}

async fn tasks(State(state): State<AppState>, Query(which): Query<Which>) -> Response {
    ask(&state, Command::TaskShow(which.queue, which.agent)).await
}

/// A new task; `due`: RFC 3339, else by `priority` (`urgent`, `medium`, `low`).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    kind: TaskKind,
    queue: QueueId,
    #[serde(default)]
    need: String,
    due: Option<String>,
    #[serde(default)]
    priority: Priority,
    #[serde(default)]
    subject: String,
    customer: Option<String>,
    segment: Option<SegmentId>,
    owner: Option<AgentId>,
}

async fn add(State(state): State<AppState>, Json(new): Json<New>) -> Response {
    let due = match new.due.as_deref().map(wall_of).transpose() {
        Ok(due) => due,
        Err(sentence) => return bad(&sentence),
    };
    let need = match turno_acd::need::parse(&new.need) {
        Ok(need) => Some(need),
        Err(error) => return bad(&error.to_string()),
    };
    let New { kind, queue, priority, subject, customer, segment, owner, .. } = new;
    let entry = TaskEntry { kind, queue, need, due, priority, subject, customer, segment, owner };
    ask(&state, Command::TaskAdd(Box::new(entry))).await
}

/// What came of a task.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Done {
    disposition: Option<Name>,
}

async fn done(State(state): State<AppState>, Path(task): Path<String>, body: Option<Json<Done>>) -> Response {
    let disposition = body.and_then(|Json(done)| done.disposition);
    about_task(&state, &task, |task| Command::TaskDone(task, disposition)).await
}

/// Where a task goes on waiting.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    queue: QueueId,
}

async fn move_on(State(state): State<AppState>, Path(task): Path<String>, Json(to): Json<Move>) -> Response {
    about_task(&state, &task, |task| Command::TaskMove(task, to.queue)).await
}

async fn about_task(state: &AppState, task: &str, command: impl FnOnce(CallId) -> Command) -> Response {
    match task.parse() {
        Ok(task) => ask(state, command(task)).await,
        Err(_) => unknown("task", task),
    }
}
