//! The wallboard: its files, built into the binary, and its live feed: one snapshot, then merge patches.
//!
//! Every reader has its own last-sent board, so a slow one gets one larger patch instead of a queue (reliability O6).

mod board;
mod patch;

pub use board::Faces;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use rust_embed::RustEmbed;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use turno_engine::{Answer, Command};

use crate::api::AppState;
use crate::api::access::refused;
use crate::api::routes;
use crate::shell::asker::Asker;
use crate::shell::board::Board;
use board::{Expected, draw};

/// How often a reader hears something even if nothing changed; the page calls its data old after 5 s.
const BEAT: Duration = Duration::from_secs(2);
/// How often the board is looked at.
const SHOT_EVERY: Duration = Duration::from_millis(500);
/// How often the engine is asked for expected waits.
const EXPECTED_EVERY: Duration = Duration::from_secs(5);
/// A reader that takes longer than this for one message is closed.
const WRITE_LIMIT: Duration = Duration::from_secs(10);

/// Scripts and styles of our own files only; no frame of another page shows ours.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(RustEmbed)]
#[folder = "src/web/wall"]
struct Files;

/// One state of the board and the instant it was taken, ms since the epoch.
#[derive(Clone, Debug, Default)]
pub struct Shot {
    /// What the page draws.
    pub board: Arc<Value>,
    /// When.
    pub at_ms: i64,
}

/// Takes the board's picture at intervals, for everybody who watches; the names to show come with `faces`.
pub fn watch_board(
    runtime: &tokio::runtime::Handle,
    board: Arc<Board>,
    faces: watch::Receiver<Faces>,
    asker: Arc<Asker>,
) -> watch::Receiver<Shot> {
    let (shots, watched) = watch::channel(Shot::default());
    runtime.spawn(async move {
        let mut pace = tokio::time::interval(SHOT_EVERY);
        let mut expected = Expected::new();
        let mut asked: Option<Instant> = None;
        while !shots.is_closed() {
            pace.tick().await;
            if asked.is_none_or(|at| at.elapsed() >= EXPECTED_EVERY) {
                asked = Some(Instant::now());
                expected = match tokio::time::timeout(SHOT_EVERY, asker.ask(Command::QueueExpected)).await {
                    Ok(Ok(Answer::Expected(rows))) => rows.into_iter().collect(),
                    // What nobody tells is not known.
                    Ok(_) | Err(_) => Expected::new(),
                };
            }
            let (_, view) = board.view();
            let drawn = draw(&view, &faces.borrow(), &expected);
            shots.send_replace(Shot { board: Arc::new(drawn), at_ms: view.at.0 / 1000 });
        }
    });
    watched
}

/// Routes of the wallboard.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/wall", get(async || Redirect::permanent("/wall/")))
        .route("/wall/", get(async || file("index.html")))
        .route("/wall/feed", get(feed))
        .route("/wall/{name}", get(async |Path(name): Path<String>| file(&name)))
}

fn file(name: &str) -> Response {
    let Some(found) = Files::get(name) else { return StatusCode::NOT_FOUND.into_response() };
    let kind = match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some(_) | None => "application/octet-stream",
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
    ];
    (headers, found.data).into_response()
}

/// What may follow `/wall/?` and comes with the feed.
#[derive(Debug, Deserialize)]
struct Asked {
    token: Option<String>,
}

async fn feed(
    upgrade: WebSocketUpgrade,
    State(state): State<AppState>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Response {
    match state.access.admit(&headers, asked.token.as_deref()) {
        Ok(asking) if routes::find(&Method::GET, "/wall/feed").is_some_and(|row| row.allows(asking.rights.scope)) => {}
        Ok(_) => return refused(StatusCode::FORBIDDEN, "this token may not see the wallboard"),
        Err(refused) => return *refused,
    }
    let shots = state.shots;
    // Nothing is expected from a wallboard, so nothing large is accepted from it.
    upgrade.max_message_size(4096).protocols(["turno"]).on_upgrade(|socket| serve(socket, shots, WRITE_LIMIT))
}

async fn serve(mut socket: WebSocket, mut shots: watch::Receiver<Shot>, write_limit: Duration) {
    let mut sent = shots.borrow_and_update().clone();
    let mut seq = 0_u64;
    let first = json!({"type": "snapshot", "seq": seq, "at": sent.at_ms, "board": *sent.board});
    if !send(&mut socket, &first, write_limit).await {
        return;
    }
    loop {
        let beat = tokio::select! {
            changed = shots.changed() => match changed {
                Ok(()) => false,
                Err(_) => return,
            },
            () = tokio::time::sleep(BEAT) => true,
            received = socket.recv() => match received {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
        };
        let next = shots.borrow_and_update().clone();
        let message = match patch::between(&sent.board, &next.board) {
            Some(patch) => {
                seq += 1;
                json!({"type": "patch", "seq": seq, "at": next.at_ms, "patch": patch})
            }
            None if beat => json!({"type": "beat", "seq": seq, "at": next.at_ms}),
            None => continue,
        };
        sent = next;
        if !send(&mut socket, &message, write_limit).await {
            return;
        }
    }
}

async fn send(socket: &mut WebSocket, message: &Value, limit: Duration) -> bool {
    let text = Message::Text(message.to_string().into());
    matches!(tokio::time::timeout(limit, socket.send(text)).await, Ok(Ok(())))
}

#[cfg(test)]
mod page_tests;
#[cfg(test)]
mod tests;
