//! Price books over REST: imported, listed, read back.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::Deserialize;
use serde_json::json;
use tower_http::limit::RequestBodyLimitLayer;

use super::{Terms, change, read, tagged};
use crate::api::access::{self, Asking};
use crate::api::{AppState, rest};
use crate::shell::live::decks::DECK_BYTES_MAX;
use crate::shell::reload::change::{Absent, Wanted};
use crate::shell::reload::decks::Import;

/// Routes below `/api/v1`.
pub(super) fn router() -> Router<AppState> {
    Router::new().route("/decks", get(all)).route("/decks/{name}", get(one)).route("/decks/{name}/text", get(text))
}

/// Takes price books, larger than any other body but customers.
pub(in crate::api) fn import_router(state: AppState) -> Router<AppState> {
    Router::new()
        .route("/api/v1/decks/import", post(import))
        .layer(from_fn_with_state(state, access::guard))
        .layer(DefaultBodyLimit::disable())
        .layer(RequestBodyLimitLayer::new(DECK_BYTES_MAX))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    name: String,
    #[serde(default)]
    whole: bool,
    #[serde(default, rename = "use")]
    uses: String,
    #[serde(default)]
    why: String,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    id: Option<String>,
}

async fn all(State(state): State<AppState>) -> Response {
    match read(state, |reloader| Ok(reloader.decks())).await {
        Ok((revision, decks)) => tagged(revision, Json(json!({"revision": revision, "decks": decks}))),
        Err(refused) => refused,
    }
}

async fn one(State(state): State<AppState>, Path(name): Path<String>) -> Response {
    match read(state, move |reloader| reloader.deck(&name)).await {
        Ok((revision, deck)) => tagged(revision, Json(json!({"revision": revision, "deck": deck}))),
        Err(refused) => refused,
    }
}

async fn text(State(state): State<AppState>, Path(name): Path<String>, Query(which): Query<Which>) -> Response {
    match read(state, move |reloader| reloader.deck_text(&name, which.id.as_deref())).await {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response(),
        Err(refused) => refused,
    }
}

async fn import(
    State(state): State<AppState>,
    Query(wish): Query<Wish>,
    Extension(asking): Extension<Asking>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(text) = String::from_utf8(body.to_vec()) else { return rest::bad("the body is CSV or JSON in UTF-8") };
    let Wish { name, whole, uses, why, dry_run } = wish;
    let uses = uses.split(',').filter(|key| !key.is_empty()).map(str::to_owned).collect();
    let wanted = Wanted::Import(Import { name, text, whole, uses });
    change(state, &asking, &headers, Terms { why, dry_run, absent: Absent::Refuse }, wanted).await
}

#[cfg(test)]
mod tests;
