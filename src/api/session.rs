//! Signing in and out by REST, and the description of the interface.

use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::api::access::{Asking, Peer};
use crate::api::{AppState, openapi};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/openapi.json", get(async || Json(openapi::document())))
        .route("/session", post(sign_in).get(whose).delete(sign_out))
}

/// Who, and how he shows it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    name: String,
    password: String,
}

async fn sign_in(
    State(state): State<AppState>,
    Extension(peer): Extension<Peer>,
    Json(given): Json<SignIn>,
) -> Response {
    match state.access.sign_in(peer, &given.name, &given.password).await {
        Ok(fresh) => {
            let expires = Timestamp::from_microsecond(fresh.expires.0).map(|at| at.to_string()).unwrap_or_default();
            let mut told = told(&fresh.asking);
            (told["token"], told["expires"]) = (json!(fresh.token), json!(expires));
            Json(told).into_response()
        }
        Err(refused) => *refused,
    }
}

async fn whose(Extension(asking): Extension<Asking>) -> Response {
    Json(told(&asking)).into_response()
}

async fn sign_out(State(state): State<AppState>, headers: HeaderMap) -> Response {
    state.access.sign_out(&headers).await;
    Json(json!({"done": true})).into_response()
}

fn told(asking: &Asking) -> serde_json::Value {
    json!({"name": &*asking.name, "scope": asking.rights.scope.as_str(), "agent": asking.rights.agent})
}
