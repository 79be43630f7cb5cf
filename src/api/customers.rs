//! Customers by REST: the search box from memory, a whole customer from the store.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::get};
use serde::Deserialize;
use serde_json::json;

use crate::api::AppState;
use crate::shell::store::StoreError;
use crate::shell::store::customers::Customers;

/// Hits in one answer if the client asks for no number.
const LIMIT_DEFAULT: usize = 20;

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/customers", get(search)).route("/customers/{id}", get(show))
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
    read(&state, move |store| Ok(store.get(&id)?.map(|customer| json!(customer)))).await
}

/// On a thread that may wait for the disk.
async fn read(
    state: &AppState,
    query: impl FnOnce(&mut Customers) -> Result<Option<serde_json::Value>, StoreError> + Send + 'static,
) -> Response {
    let dir = state.records.clone();
    let query = move || match Customers::open_existing(&dir) {
        Ok(mut store) => query(&mut store),
        Err(StoreError::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    };
    match tokio::task::spawn_blocking(query).await {
        Ok(Ok(Some(json))) => Json(json).into_response(),
        Ok(Ok(None)) => refused(StatusCode::NOT_FOUND, "the store has no such customer"),
        Ok(Err(error)) => {
            tracing::error!(%error, "customers cannot be read");
            refused(StatusCode::SERVICE_UNAVAILABLE, "customers cannot be read now; the log says why")
        }
        Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "reading the customers failed; the log says why"),
    }
}

fn refused(status: StatusCode, sentence: &str) -> Response {
    (status, Json(json!({"error": sentence}))).into_response()
}
