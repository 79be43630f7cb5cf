//! The REST interface, version 1: lists of what is live, and what an agent or operator may do.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use turno_acd::SkillChange;
use turno_base::{AgentId, CallId, E164, Name, QueueId, StationId};
use turno_engine::{Answer, Command, Refusal};

use crate::api::{
    AppState, access, asked, customers, events, keep, live, records, reports, session, tasks, toolbox, voicemail,
};
use crate::shell::asker::Unanswered;
use crate::shell::instant::wall_of;

/// Routes below `/api/v1`.
pub(super) fn router(state: AppState) -> Router<AppState> {
    Router::new()
        .route("/calls", get(calls).post(place))
        .route("/calls/{call}", get(call))
        .route("/calls/{call}", delete(hang_up))
        .route("/calls/{call}/explain", get(explain_call))
        .route("/calls/{call}/bump", post(bump))
        .route("/calls/{call}/move", post(move_call))
        .route("/calls/{call}/needs", post(needs))
        .route("/calls/{call}/park", post(park))
        .route("/calls/{call}/pull", post(pull))
        .route("/emergency", post(emergency))
        .route("/calendars", get(calendars))
        .route("/queues", get(queues))
        .route("/queues/{queue}", get(queue))
        .route("/agents", get(agents))
        .route("/agents/{agent}", get(agent))
        .route("/agents/{agent}/explain", get(explain_agent))
        .route("/agents/{agent}/login", post(login))
        .route("/agents/{agent}/logout", post(logout))
        .route("/agents/{agent}/pause", post(pause))
        .route("/agents/{agent}/ready", post(ready))
        .route("/agents/{agent}/saved", post(saved))
        .route("/agents/{agent}/extend", post(extend))
        .route("/agents/{agent}/disposition", post(disposition))
        .route("/agents/{agent}/skills/{skill}", put(set_skill).delete(reset_skill))
        .route("/agents/{agent}/queues/{queue}", put(serve).patch(rank).delete(leave))
        .route("/callbacks", get(callbacks).post(add_callback))
        .route("/callbacks/{number}", get(callback).delete(cancel_callback).put(appoint_callback))
        .route("/reachable", get(reachable))
        .route("/board", get(board))
        .route("/events", get(events::events))
        .merge(session::router())
        .merge(tasks::router())
        .merge(keep::router())
        .merge(records::router())
        .merge(reports::router())
        .merge(customers::router())
        .merge(live::router())
        .merge(voicemail::router())
        .merge(toolbox::router())
        .layer(from_fn_with_state(state, access::guard))
}

async fn calls(State(state): State<AppState>) -> Response {
    ask(&state, Command::CallShow(None)).await
}

async fn call(State(state): State<AppState>, Path(call): Path<String>) -> Response {
    match call.parse::<CallId>() {
        Ok(call) => ask(&state, Command::CallShow(Some(call))).await,
        Err(_) => unknown("call", &call),
    }
}

/// A live call by the engine; one that has ended by the journal, as long as that reaches back.
async fn explain_call(State(state): State<AppState>, Path(call): Path<String>) -> Response {
    let Ok(id) = call.parse::<CallId>() else { return unknown("call", &call) };
    match asked::ask(&state, Command::CallExplain(id)).await {
        Err(Unanswered::Refused(Refusal::Unknown { .. })) => toolbox::explain_past(&state, id).await,
        answered => told(answered),
    }
}

async fn hang_up(State(state): State<AppState>, Path(call): Path<String>) -> Response {
    match call.parse::<CallId>() {
        Ok(call) => ask(&state, Command::CallHangUp(call)).await,
        Err(_) => unknown("call", &call),
    }
}

/// A station and whom it is connected with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Placed {
    station: StationId,
    number: String,
}

async fn place(State(state): State<AppState>, Json(placed): Json<Placed>) -> Response {
    ask(&state, Command::CallPlace(placed.station, placed.number)).await
}

/// How much older a waiting call counts from now on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bump {
    by_s: u32,
}

async fn bump(State(state): State<AppState>, Path(call): Path<String>, Json(bump): Json<Bump>) -> Response {
    about_call(&state, &call, |call| Command::CallBump(call, bump.by_s)).await
}

/// Where a waiting call goes on waiting.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    queue: QueueId,
}

async fn move_call(State(state): State<AppState>, Path(call): Path<String>, Json(to): Json<Move>) -> Response {
    about_call(&state, &call, |call| Command::CallMove(call, to.queue)).await
}

/// What a waiting call needs beyond what its queue needs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Needs {
    need: String,
}

async fn needs(State(state): State<AppState>, Path(call): Path<String>, Json(needs): Json<Needs>) -> Response {
    match turno_acd::need::parse(&needs.need) {
        Ok(need) => about_call(&state, &call, |call| Command::CallNeeds(call, need)).await,
        Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"error": error.to_string()}))).into_response(),
    }
}

/// Into which slot; none: the first that is free.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Park {
    slot: Option<u32>,
}

async fn park(State(state): State<AppState>, Path(call): Path<String>, body: Option<Json<Park>>) -> Response {
    let slot = body.and_then(|Json(park)| park.slot);
    about_call(&state, &call, |call| Command::CallPark(call, slot)).await
}

/// For whom.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pull {
    agent: AgentId,
}

async fn pull(State(state): State<AppState>, Path(call): Path<String>, Json(pull): Json<Pull>) -> Response {
    about_call(&state, &call, |call| Command::CallPull(call, pull.agent)).await
}

/// The emergency switch; of all queues without a name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Emergency {
    queue: Option<QueueId>,
    on: bool,
}

async fn emergency(State(state): State<AppState>, Json(switch): Json<Emergency>) -> Response {
    ask(&state, Command::Emergency(switch.queue, switch.on)).await
}

async fn calendars(State(state): State<AppState>) -> Response {
    ask(&state, Command::CalendarShow(None, None)).await
}

async fn about_call(state: &AppState, call: &str, command: impl FnOnce(CallId) -> Command) -> Response {
    match call.parse() {
        Ok(call) => ask(state, command(call)).await,
        Err(_) => unknown("call", call),
    }
}

async fn queues(State(state): State<AppState>) -> Response {
    ask(&state, Command::QueueShow(None)).await
}

async fn queue(State(state): State<AppState>, Path(queue): Path<String>) -> Response {
    match queue.parse::<QueueId>() {
        Ok(queue) => ask(&state, Command::QueueShow(Some(queue))).await,
        Err(_) => unknown("queue", &queue),
    }
}

async fn agents(State(state): State<AppState>) -> Response {
    ask(&state, Command::AgentShow(None)).await
}

async fn agent(State(state): State<AppState>, Path(agent): Path<String>) -> Response {
    about_agent(&state, &agent, |agent| Command::AgentShow(Some(agent))).await
}

async fn explain_agent(State(state): State<AppState>, Path(agent): Path<String>) -> Response {
    about_agent(&state, &agent, Command::AgentExplain).await
}

/// Where an agent sits down; none: his own station.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    station: Option<StationId>,
}

async fn login(State(state): State<AppState>, Path(agent): Path<String>, body: Option<Json<Login>>) -> Response {
    let station = body.and_then(|Json(login)| login.station);
    about_agent(&state, &agent, |agent| Command::AgentLogin(agent, station)).await
}

async fn logout(State(state): State<AppState>, Path(agent): Path<String>) -> Response {
    about_agent(&state, &agent, Command::AgentLogout).await
}

/// Why an agent is not ready.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pause {
    reason: Name,
}

async fn pause(State(state): State<AppState>, Path(agent): Path<String>, Json(pause): Json<Pause>) -> Response {
    about_agent(&state, &agent, |agent| Command::AgentPause(agent, pause.reason)).await
}

async fn ready(State(state): State<AppState>, Path(agent): Path<String>) -> Response {
    about_agent(&state, &agent, Command::AgentReady).await
}

async fn saved(State(state): State<AppState>, Path(agent): Path<String>) -> Response {
    about_agent(&state, &agent, Command::AgentSaved).await
}

async fn extend(State(state): State<AppState>, Path(agent): Path<String>) -> Response {
    about_agent(&state, &agent, Command::AgentExtend).await
}

/// What came of a call.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Disposition {
    disposition: Name,
}

async fn disposition(
    State(state): State<AppState>,
    Path(agent): Path<String>,
    Json(said): Json<Disposition>,
) -> Response {
    about_agent(&state, &agent, |agent| Command::AgentDisposition(agent, said.disposition)).await
}

/// A skill of an agent from now on; level 0: he does not have it; until: RFC 3339, then it is as configured again.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Skill {
    level: u8,
    until: Option<String>,
}

async fn set_skill(
    State(state): State<AppState>,
    Path((agent, skill)): Path<(String, String)>,
    Json(asked): Json<Skill>,
) -> Response {
    let until = match asked.until.as_deref().map(wall_of).transpose() {
        Ok(until) => until,
        Err(sentence) => return bad(&sentence),
    };
    let change = match asked.level {
        0 => SkillChange::Unset { until },
        level => SkillChange::Set { level, until },
    };
    about_skill(&state, &agent, &skill, change).await
}

async fn reset_skill(State(state): State<AppState>, Path((agent, skill)): Path<(String, String)>) -> Response {
    about_skill(&state, &agent, &skill, SkillChange::AsConfigured).await
}

async fn about_skill(state: &AppState, agent: &str, skill: &str, change: SkillChange) -> Response {
    match skill.parse() {
        Ok(skill) => about_agent(state, agent, |agent| Command::AgentSkill(agent, skill, change)).await,
        Err(_) => unknown("skill", skill),
    }
}

/// At which rank an agent serves a queue; `station`: where he sits down if he has not, his own if absent.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Serve {
    #[serde(default)]
    rank: u8,
    station: Option<StationId>,
}

async fn serve(
    State(state): State<AppState>,
    Path((agent, queue)): Path<(String, String)>,
    body: Option<Json<Serve>>,
) -> Response {
    let Serve { rank, station } = body.map(|Json(serve)| serve).unwrap_or_default();
    about_served(&state, &agent, &queue, |agent, queue| Command::AgentServe(agent, queue, rank, station)).await
}

/// His rank in a queue that he serves.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rank {
    rank: u8,
}

async fn rank(
    State(state): State<AppState>,
    Path((agent, queue)): Path<(String, String)>,
    Json(to): Json<Rank>,
) -> Response {
    about_served(&state, &agent, &queue, |agent, queue| Command::AgentRank(agent, queue, to.rank)).await
}

async fn leave(State(state): State<AppState>, Path((agent, queue)): Path<(String, String)>) -> Response {
    about_served(&state, &agent, &queue, Command::AgentLeave).await
}

async fn about_served(
    state: &AppState,
    agent: &str,
    queue: &str,
    command: impl FnOnce(AgentId, QueueId) -> Command,
) -> Response {
    match queue.parse() {
        Ok(queue) => about_agent(state, agent, |agent| command(agent, queue)).await,
        Err(_) => unknown("queue", queue),
    }
}

async fn callbacks(State(state): State<AppState>) -> Response {
    ask(&state, Command::CallbackShow(None)).await
}

async fn callback(State(state): State<AppState>, Path(number): Path<String>) -> Response {
    about_number(&state, &number, |number| Command::CallbackShow(Some(number))).await
}

/// Somebody to call back; `at`: not before then, RFC 3339.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AddCallback {
    number: E164,
    queue: QueueId,
    at: Option<String>,
}

async fn add_callback(State(state): State<AppState>, Json(asked): Json<AddCallback>) -> Response {
    match asked.at.as_deref().map(wall_of).transpose() {
        Ok(at) => ask(&state, Command::CallbackAdd { number: asked.number, queue: asked.queue, at }).await,
        Err(sentence) => bad(&sentence),
    }
}

async fn cancel_callback(State(state): State<AppState>, Path(number): Path<String>) -> Response {
    about_number(&state, &number, Command::CallbackCancel).await
}

/// When somebody wants to be called back, RFC 3339.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Appointment {
    at: String,
}

async fn appoint_callback(
    State(state): State<AppState>,
    Path(number): Path<String>,
    Json(asked): Json<Appointment>,
) -> Response {
    match wall_of(&asked.at) {
        Ok(at) => about_number(&state, &number, |number| Command::CallbackAppoint { number, at }).await,
        Err(sentence) => bad(&sentence),
    }
}

async fn about_number(state: &AppState, number: &str, command: impl FnOnce(E164) -> Command) -> Response {
    match number.parse() {
        Ok(number) => ask(state, command(number)).await,
        Err(_) => unknown("callback", number),
    }
}

pub(super) fn bad(sentence: &str) -> Response {
    refused_by(StatusCode::UNPROCESSABLE_ENTITY, sentence)
}

pub(super) fn refused_by(status: StatusCode, sentence: &str) -> Response {
    (status, Json(json!({"error": sentence}))).into_response()
}

async fn reachable(State(state): State<AppState>) -> Response {
    ask(&state, Command::RegShow).await
}

/// What the wallboard shows, with the number of the last fact in it.
async fn board(State(state): State<AppState>) -> Response {
    let (seq, view) = state.board.view();
    Json(json!({"seq": seq, "board": view})).into_response()
}

async fn about_agent(state: &AppState, agent: &str, command: impl FnOnce(AgentId) -> Command) -> Response {
    match agent.parse() {
        Ok(agent) => ask(state, command(agent)).await,
        Err(_) => unknown("agent", agent),
    }
}

pub(super) async fn ask(state: &AppState, command: Command) -> Response {
    told(asked::ask(state, command).await)
}

/// What the engine says, as an answer to a request.
fn told(answered: Result<Answer, Unanswered>) -> Response {
    match answered {
        Ok(answer) => Json(shown(answer)).into_response(),
        Err(Unanswered::Refused(refusal)) => {
            let status = match refusal {
                Refusal::Unknown { .. } => StatusCode::NOT_FOUND,
                Refusal::Conflict { .. } => StatusCode::CONFLICT,
            };
            (status, Json(json!({"error": refusal.to_string()}))).into_response()
        }
        Err(error @ (Unanswered::Busy | Unanswered::Ending)) => {
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"error": error.to_string()}))).into_response()
        }
    }
}

pub(super) fn unknown(what: &str, name: &str) -> Response {
    let refusal = Refusal::Unknown { what: what.to_owned(), name: name.to_owned() };
    (StatusCode::NOT_FOUND, Json(json!({"error": refusal.to_string()}))).into_response()
}

/// The answer as clients see it, also those of `turno --json`.
pub fn shown(answer: Answer) -> Value {
    match answer {
        Answer::Done => json!({"done": true}),
        Answer::Queues(queues) => json!({"queues": queues}),
        Answer::Expected(expected) => {
            let rows = expected.iter().map(|(queue, ms)| json!({"queue": queue, "expected_ms": ms}));
            json!({"expected": rows.collect::<Vec<_>>()})
        }
        Answer::Agents(agents) => json!({"agents": agents}),
        Answer::Calls(calls) => json!({"calls": calls}),
        Answer::Tasks(tasks) => json!({"tasks": tasks}),
        Answer::Callbacks(callbacks) => json!({"callbacks": callbacks}),
        Answer::Reachable { stations, trunks } => json!({"stations": stations, "trunks": trunks}),
        Answer::Calendars(calendars) => json!({"calendars": calendars}),
        Answer::Explained(explained) => json!({"explained": explained}),
        Answer::Sizes(sizes) => json!({"sizes": sizes}),
        Answer::Legs(legs) => json!({"legs": legs}),
        Answer::Rehearsed(told) => json!({"route": told}),
    }
}
