//! Customers by REST: the search box from memory, a whole customer from the store.

mod care;
mod cases;
mod entered;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::get};
use serde::Deserialize;
use serde_json::json;
use turno_base::CallId;

use crate::api::AppState;
use crate::shell::store::StoreError;
use crate::shell::store::customers::{Customers, tag};

/// Hits in one answer if the client asks for no number.
const LIMIT_DEFAULT: usize = 20;

#[cfg(test)]
pub(super) use care::IMPORT_BYTES_MAX;
pub(super) use care::import_router;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/customers", get(search))
        .route("/customers/{id}", get(show).patch(care::patch))
        .route("/customer-tasks", get(tasks))
        .route("/calls/{call}/card", get(card))
        .merge(care::router())
        .merge(cases::router())
        .merge(entered::router())
}

/// `?search=&limit=`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    search: String,
    limit: Option<usize>,
}

async fn search(State(state): State<AppState>, Query(asked): Query<Asked>) -> Response {
    // A few milliseconds of computing at most: not worth another thread.
    let hits = state.customers.search(&asked.search, asked.limit.unwrap_or(LIMIT_DEFAULT));
    Json(json!({"customers": hits})).into_response()
}

async fn show(State(state): State<AppState>, Path(id): Path<String>) -> Response {
    let told = read(&state, move |store| {
        Ok(store.get(&id)?.map(|customer| (json!(customer), HeaderValue::from_str(&format!("\"{}\"", tag(&customer))))))
    });
    match told.await {
        Ok((customer, Ok(tag))) => ([(header::ETAG, tag)], Json(customer)).into_response(),
        Ok((customer, Err(_))) => Json(customer).into_response(),
        Err(refused) => refused,
    }
}

/// What is to be put right about customers.
async fn tasks(State(state): State<AppState>) -> Response {
    told(read(&state, |store| store.tasks().map(|tasks| Some(json!({"tasks": tasks})))).await)
}

/// Who calls, as is known by now: also what the CRM said too late for the routing, and what the store knows besides.
async fn card(State(state): State<AppState>, Path(call): Path<String>) -> Response {
    let card = call.parse::<CallId>().ok().and_then(|call| state.callers.card(call));
    let Some(card) = card else { return refused(StatusCode::NOT_FOUND, "there is no card of this call") };
    let Some(id) = card.id.clone() else { return Json(json!({"card": card, "customer": null})).into_response() };
    told(read(&state, move |store| Ok(Some(json!({"card": card, "customer": store.get(&id)?})))).await)
}

fn told(read: Result<serde_json::Value, Response>) -> Response {
    match read {
        Ok(json) => Json(json).into_response(),
        Err(refused) => refused,
    }
}

/// On a thread that may wait for the disk.
async fn read<T: Send + 'static>(
    state: &AppState,
    query: impl FnOnce(&mut Customers) -> Result<Option<T>, StoreError> + Send + 'static,
) -> Result<T, Response> {
    let dir = state.records.clone();
    let query = move || query(&mut Customers::open(&dir)?);
    match tokio::task::spawn_blocking(query).await {
        Ok(Ok(Some(found))) => Ok(found),
        Ok(Ok(None)) => Err(refused(StatusCode::NOT_FOUND, "the store has no such customer")),
        Ok(Err(error)) => {
            tracing::error!(%error, "customers cannot be read");
            Err(refused(StatusCode::SERVICE_UNAVAILABLE, "customers cannot be read now; the log says why"))
        }
        Err(_) => Err(refused(StatusCode::INTERNAL_SERVER_ERROR, "reading the customers failed; the log says why")),
    }
}

fn refused(status: StatusCode, sentence: &str) -> Response {
    (status, Json(json!({"error": sentence}))).into_response()
}

#[cfg(test)]
mod tests;
