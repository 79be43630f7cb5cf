//! Messages that callers left, by REST: the same as `turno voicemail`.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use std::io;
use turno_base::CallId;

use crate::api::AppState;
use crate::shell::voicemail::Folder;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/voicemail", get(list))
        .route("/voicemail/{call}", get(show).delete(remove))
        .route("/voicemail/{call}/sound", get(sound))
        .route("/voicemail/{call}/done", post(done))
}

async fn list(State(state): State<AppState>) -> Response {
    read(&state, |folder| Ok(Json(json!({"voicemail": folder.list()?})).into_response())).await
}

async fn show(State(state): State<AppState>, Path(call): Path<String>) -> Response {
    about(&state, &call, |folder, call| Ok(Json(folder.show(call)?).into_response())).await
}

async fn sound(State(state): State<AppState>, Path(call): Path<String>) -> Response {
    about(
        &state,
        &call,
        |folder, call| Ok(([(header::CONTENT_TYPE, "audio/wav")], folder.sound(call)?).into_response()),
    )
    .await
}

/// Nobody has dealt with it after all.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Done {
    #[serde(default)]
    undo: bool,
}

async fn done(State(state): State<AppState>, Path(call): Path<String>, body: Option<Json<Done>>) -> Response {
    let undo = body.is_some_and(|Json(done)| done.undo);
    about(&state, &call, move |folder, call| Ok(Json(folder.set_done(call, !undo)?).into_response())).await
}

async fn remove(State(state): State<AppState>, Path(call): Path<String>) -> Response {
    about(&state, &call, |folder, call| {
        folder.remove(call)?;
        Ok(Json(json!({"done": true})).into_response())
    })
    .await
}

async fn about(
    state: &AppState,
    call: &str,
    act: impl FnOnce(&Folder, CallId) -> io::Result<Response> + Send + 'static,
) -> Response {
    // Only an id becomes the name of a file.
    match call.parse::<CallId>() {
        Ok(call) => read(state, move |folder| act(folder, call)).await,
        Err(_) => refused(StatusCode::NOT_FOUND, "there is no such voicemail"),
    }
}

/// On a thread that may wait for the disk.
async fn read(state: &AppState, act: impl FnOnce(&Folder) -> io::Result<Response> + Send + 'static) -> Response {
    let dir = state.voicemail.clone();
    match tokio::task::spawn_blocking(move || act(&Folder::at(&dir))).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
            refused(StatusCode::NOT_FOUND, "there is no such voicemail")
        }
        Ok(Err(error)) => {
            tracing::error!(%error, "voicemail cannot be read");
            refused(StatusCode::SERVICE_UNAVAILABLE, "voicemail cannot be read now; the log says why")
        }
        Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "reading voicemail failed; the log says why"),
    }
}

fn refused(status: StatusCode, sentence: &str) -> Response {
    (status, Json(json!({"error": sentence}))).into_response()
}
