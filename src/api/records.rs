//! Records by REST: the same as `turno cdr`, from the same tables.

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::get};
use serde::Deserialize;
use serde_json::json;
use turno_base::{AgentId, CallId, QueueId};
use turno_tariff::cdr::format;

use crate::api::AppState;
use crate::shell::instant::wall_of;
use crate::shell::store::ledger::{self, Ledger};
use crate::shell::store::{Filter, Order, Reader, StoreError};

/// Records in one answer if the client asks for no number, and at most.
const LIMIT_DEFAULT: u32 = 100;
const LIMIT_MAX: u32 = 1000;

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/records", get(list)).route("/records/{call}", get(show))
}

/// `?since=&until=&queue=&agent=&number=&limit=`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    since: Option<String>,
    until: Option<String>,
    queue: Option<QueueId>,
    agent: Option<AgentId>,
    number: Option<String>,
    limit: Option<u32>,
}

async fn list(State(state): State<AppState>, Query(which): Query<Which>) -> Response {
    let instant = |text: &Option<String>| text.as_deref().map(wall_of).transpose();
    let (since, until) = match (instant(&which.since), instant(&which.until)) {
        (Ok(since), Ok(until)) => (since, until),
        (Err(sentence), _) | (_, Err(sentence)) => return refused(StatusCode::BAD_REQUEST, &sentence),
    };
    let limit = Some(which.limit.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX));
    let filter = Filter { since, until, queue: which.queue, agent: which.agent, number: which.number, limit };
    read(&state, move |reader| {
        let records = reader.list(&filter, Order::NewestFirst)?;
        let records: Vec<String> = records.iter().map(format::json).collect();
        Ok(Some(format!("{{\"records\":[{}]}}", records.join(","))))
    })
    .await
}

async fn show(State(state): State<AppState>, Path(call): Path<String>) -> Response {
    let Ok(call) = call.parse::<CallId>() else {
        return refused(StatusCode::NOT_FOUND, "a call id is 32 hexadecimal digits");
    };
    let dir = state.records.clone();
    read(&state, move |reader| {
        let Some(record) = reader.show(call)? else { return Ok(None) };
        let again = Ledger::read(&dir)?.map_or_else(|| Ok(Vec::new()), |ledger| ledger.of_record(&record))?;
        Ok(Some(ledger::json(&record, &again)))
    })
    .await
}

/// On a thread that may wait for the disk.
async fn read(
    state: &AppState,
    query: impl FnOnce(&Reader) -> Result<Option<String>, StoreError> + Send + 'static,
) -> Response {
    let dir = state.records.clone();
    let found = tokio::task::spawn_blocking(move || Reader::open(&dir).and_then(|reader| query(&reader))).await;
    match found {
        Ok(Ok(Some(json))) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Ok(Ok(None)) => refused(StatusCode::NOT_FOUND, "there is no record of this call; it has one when it has ended"),
        Ok(Err(error)) => {
            tracing::error!(%error, "records cannot be read");
            refused(StatusCode::SERVICE_UNAVAILABLE, "records cannot be read now; the log says why")
        }
        Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "reading the records failed; the log says why"),
    }
}

fn refused(status: StatusCode, sentence: &str) -> Response {
    (status, Json(json!({"error": sentence}))).into_response()
}
