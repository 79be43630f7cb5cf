//! The tool-box by REST: the same as `turno route test`, `call trace`, `sip trace`, `log level`, `trunk` and `doctor`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;
use turno_base::{CallId, TrunkId};
use turno_engine::{Answer, Command};
use turno_sip::trunk::TrunkView;

use crate::api::rest::{ask, bad, refused_by, shown, unknown};
use crate::api::tools::{self, ToolReply};
use crate::api::{AppState, Folders};
use crate::shell::audit::Wanted;
use crate::shell::config::Settings;
use crate::shell::doctor::{Finding, Verdict, examine, is_well};
use crate::shell::instant::wall_of;
use crate::shell::logs;
use crate::shell::ping;
use crate::shell::story::{Past, Story, past, story};
use crate::shell::tap::{self, BYTES_DEFAULT, LASTS_MAX, NotOn, Order, Target};

/// Stories and examinations at once; who asks for more is told to try again: each reads files for a while.
const READING_MAX: usize = 2;
/// A trace, or a level of the log, lasts so long if nobody says otherwise.
const LASTS_DEFAULT_S: u64 = 600;
/// Entries of the audit log if nobody says how many.
const AUDITED_DEFAULT: u32 = 50;
/// Longest name of a file for a trace.
const FILE_NAME_MAX: usize = 64;

/// How many may read at once.
#[derive(Clone, Debug)]
pub struct Reading(Arc<Semaphore>);

impl Default for Reading {
    fn default() -> Reading {
        Reading(Arc::new(Semaphore::new(READING_MAX)))
    }
}

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/route-test", get(route_test))
        .route("/calls/{call}/trace", get(call_trace))
        .route("/sip-trace", get(trace_standing).post(trace_on).delete(trace_off))
        .route("/log", get(log_show).put(log_raise).delete(log_lower))
        .route("/trunks", get(trunks))
        .route("/trunks/{trunk}", get(trunk))
        .route("/trunks/{trunk}/ping", post(ping_trunk))
        .route("/doctor", get(doctor))
        .route("/audit", get(audit))
}

/// `?last=&who=&about=`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Audited {
    last: Option<u32>,
    who: Option<String>,
    about: Option<String>,
}

async fn audit(State(state): State<AppState>, Query(Audited { last, who, about }): Query<Audited>) -> Response {
    let wanted = Wanted { last: last.unwrap_or(AUDITED_DEFAULT), who, about };
    match tools::entries(wanted, &state).await {
        Ok(entries) => Json(tools::told(&ToolReply::Audit(entries))).into_response(),
        Err(sentence) => refused_by(StatusCode::SERVICE_UNAVAILABLE, &sentence),
    }
}

/// `?from=&to=&trunk=&at=`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteTest {
    from: String,
    to: String,
    trunk: Option<TrunkId>,
    at: Option<String>,
}

async fn route_test(State(state): State<AppState>, Query(asked): Query<RouteTest>) -> Response {
    let at = match asked.at.as_deref().map(wall_of).transpose() {
        Ok(at) => at,
        Err(sentence) => return bad(&sentence),
    };
    let rehearsal = tools::rehearsal(asked.from, asked.to, asked.trunk, at, &state);
    ask(&state, Command::RouteTest(Box::new(rehearsal))).await
}

/// `?full=`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    #[serde(default)]
    full: bool,
}

async fn call_trace(State(state): State<AppState>, Path(call): Path<String>, Query(asked): Query<Whole>) -> Response {
    let Ok(id) = call.parse::<CallId>() else { return unknown("call", &call) };
    let Folders { journal, records, .. } = (*state.folders).clone();
    let told = reading(&state, move || story(id, journal.as_deref(), &records)).await;
    match told {
        Ok(Some(told)) => Json(if asked.full { told } else { Story::without_numbers(told) }).into_response(),
        Ok(None) => unknown("call", &call),
        Err(response) => response,
    }
}

/// Why a call that is not live went where it went.
pub(super) async fn explain_past(state: &AppState, call: CallId) -> Response {
    let Folders { journal, records, .. } = (*state.folders).clone();
    match reading(state, move || past(call, journal.as_deref(), &records)).await {
        Ok(Past::Told(explained)) => Json(shown(Answer::Explained(explained))).into_response(),
        Ok(Past::Gone(sentence)) => refused_by(StatusCode::NOT_FOUND, &sentence),
        Ok(Past::Unknown) => unknown("call", &call.to_string()),
        Err(response) => response,
    }
}

async fn trace_standing(State(state): State<AppState>) -> Response {
    Json(json!({"trace": state.tap.standing()})).into_response()
}

/// Where to, what of it, and for how long. Secrets are always blanked here.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TraceOn {
    to: String,
    call: Option<String>,
    from: Option<String>,
    for_s: Option<u64>,
    bytes_max: Option<u64>,
}

async fn trace_on(State(state): State<AppState>, Json(asked): Json<TraceOn>) -> Response {
    let to = match target(&asked.to, &state.folders) {
        Ok(to) => to,
        Err(sentence) => return bad(&sentence),
    };
    let order = Order {
        to,
        chosen: tap::chosen(asked.call.as_deref(), asked.from),
        lasts_s: asked.for_s.unwrap_or(LASTS_DEFAULT_S).clamp(1, LASTS_MAX.as_secs()),
        bytes_max: asked.bytes_max.unwrap_or(BYTES_DEFAULT).min(BYTES_DEFAULT),
        secrets: false,
    };
    match tools::begin_trace(order, &state).await {
        Ok(_) => trace_standing(State(state)).await,
        Err(error @ NotOn::Busy(_)) => refused_by(StatusCode::CONFLICT, &error.to_string()),
        Err(error @ NotOn::Target(..)) => bad(&error.to_string()),
    }
}

async fn trace_off(State(state): State<AppState>) -> Response {
    match state.tap.stop() {
        true => trace_standing(State(state)).await,
        false => refused_by(StatusCode::CONFLICT, "no trace is on"),
    }
}

/// Homer, or a file below the data folder: a name alone, so that nothing else can be written to.
fn target(text: &str, folders: &Folders) -> Result<Target, String> {
    if let Some(address) = text.strip_prefix("hep://") {
        let has_port = address.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        return has_port
            .then(|| Target::Hep(address.to_owned()))
            .ok_or_else(|| "write hep://HOST:PORT, for example hep://10.0.0.9:9060".to_owned());
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name = text.strip_suffix(".pcap").filter(|name| !name.is_empty() && !name.starts_with('.'));
    if name.is_none() || !text.chars().all(is_plain) || text.len() > FILE_NAME_MAX {
        return Err("write hep://HOST:PORT, or the name of a file that ends in .pcap and has no folder".to_owned());
    }
    let dir: PathBuf = folders.data.join("traces");
    std::fs::create_dir_all(&dir).map_err(|error| format!("the folder {}: {error}", dir.display()))?;
    Ok(Target::File(dir.join(text)))
}

async fn log_show() -> Response {
    Json(tools::told(&ToolReply::Log(logs::spoken()))).into_response()
}

/// `sip=debug,calls=trace`, for so many seconds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogRaise {
    levels: String,
    for_s: Option<u64>,
}

async fn log_raise(Json(asked): Json<LogRaise>) -> Response {
    let levels: Result<Vec<_>, String> = asked.levels.split(',').map(|one| logs::raised_of(one.trim())).collect();
    match levels {
        Ok(levels) => {
            tools::raise(&levels, Duration::from_secs(asked.for_s.unwrap_or(LASTS_DEFAULT_S).max(1)));
            log_show().await
        }
        Err(sentence) => bad(&sentence),
    }
}

async fn log_lower() -> Response {
    logs::lower();
    log_show().await
}

async fn trunks(State(state): State<AppState>) -> Response {
    match views(&state, None).await {
        Ok(views) => Json(json!({"trunks": views})).into_response(),
        Err(response) => response,
    }
}

async fn trunk(State(state): State<AppState>, Path(trunk): Path<String>) -> Response {
    match views(&state, Some(&trunk)).await {
        Ok(views) => Json(json!({"trunks": views})).into_response(),
        Err(response) => response,
    }
}

async fn ping_trunk(State(state): State<AppState>, Path(trunk): Path<String>) -> Response {
    let views = match views(&state, Some(&trunk)).await {
        Ok(views) => views,
        Err(response) => return response,
    };
    match reading(&state, move || ping::ping(&views)).await {
        Ok(pings) => Json(json!({"pings": pings})).into_response(),
        Err(response) => response,
    }
}

/// All trunks, or the one of that name.
async fn views(state: &AppState, only: Option<&str>) -> Result<Vec<TrunkView>, Response> {
    let only = match (only, only.map(str::parse::<TrunkId>)) {
        (Some(name), Some(Err(_))) => return Err(unknown("trunk", name)),
        (_, parsed) => parsed.and_then(Result::ok),
    };
    match state.asker.ask(Command::RegShow).await {
        Ok(Answer::Reachable { trunks, .. }) => {
            let found: Vec<_> = trunks.into_iter().filter(|view| only.is_none_or(|only| only == view.trunk)).collect();
            match only.filter(|_| found.is_empty()) {
                Some(only) => Err(unknown("trunk", only.as_str())),
                None => Ok(found),
            }
        }
        Ok(_) => Err(refused_by(StatusCode::SERVICE_UNAVAILABLE, "the engine does not say")),
        Err(error) => Err(refused_by(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())),
    }
}

async fn doctor(State(state): State<AppState>) -> Response {
    let settings: Settings = state.reloader.settings();
    let answers = match state.asker.ask(Command::Sizes).await {
        Ok(_) => Finding::new("engine", Verdict::Fine, "answers"),
        Err(error) => Finding::new("engine", Verdict::Failed, error.to_string()),
    };
    match reading(&state, move || examine(&settings, true)).await {
        Ok(found) => {
            let findings: Vec<Finding> = [answers].into_iter().chain(found).collect();
            Json(json!({"well": is_well(&findings), "findings": findings})).into_response()
        }
        Err(response) => response,
    }
}

/// On a thread that may wait for files and peers.
async fn reading<T: Send + 'static>(
    state: &AppState,
    read: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Response> {
    let Ok(place) = state.reading.0.clone().try_acquire_owned() else {
        return Err(refused_by(StatusCode::SERVICE_UNAVAILABLE, "others are reading; try again"));
    };
    let read = tokio::task::spawn_blocking(move || {
        let _place = place;
        read()
    });
    read.await.map_err(|_| refused_by(StatusCode::INTERNAL_SERVER_ERROR, "reading failed"))
}

#[cfg(test)]
mod tests;
