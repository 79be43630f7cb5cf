//! HTTP: health, readiness, metrics and the REST interface, with bounds on everything a client can be slow or large with
//! (reliability O5).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;
use turno_engine::{Answer, Command};

use crate::api::{AppState, customers, live, rest, wall};

/// Connections at once; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 1024;
/// A request's head must be whole by then; also how long an idle connection is kept.
const HEAD_LIMIT: Duration = Duration::from_secs(15);
/// A request must be answered by then, its body read included.
const REQUEST_LIMIT: Duration = Duration::from_secs(15);
/// A file of customers must be in by then.
const IMPORT_LIMIT: Duration = Duration::from_secs(120);
/// Largest head; more is 431.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Largest body; more is 413.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Everything that HTTP serves. Add routes here: pages that browsers load before they have a token go beside `/healthz`,
/// what shows or changes state goes below `/api` and behind [`rest::guard`].
pub fn router(state: AppState) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .merge(wall::router())
        .nest("/api/v1", rest::router(state.clone()))
        .fallback(async || (StatusCode::NOT_FOUND, "there is nothing here\n"))
        .layer(DefaultBodyLimit::disable())
        .layer(RequestBodyLimitLayer::new(BODY_BYTES_MAX))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_LIMIT))
        .merge(
            customers::import_router(state.clone())
                .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, IMPORT_LIMIT)),
        )
        .merge(
            live::apply_router(state.clone())
                .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_LIMIT)),
        )
        .with_state(state)
}

async fn readyz(State(state): State<AppState>) -> Response {
    match state.gate.is_ready() {
        true => (StatusCode::OK, "ready\n").into_response(),
        false if state.gate.is_draining() => (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "starting\n").into_response(),
    }
}

async fn metrics(State(state): State<AppState>) -> Response {
    if let Ok(Answer::Sizes(sizes)) = state.asker.ask(Command::Sizes).await {
        state.metrics.set_sizes(&sizes);
    }
    state.metrics.set_board(&state.board.view().1);
    let page = state.metrics.page(state.gate.is_ready(), state.asker.inbox().dropped());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page).into_response()
}

/// Takes the address; who connects waits until [`start`].
pub fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves whoever connects to `listener` from now on; gives the address it has got.
pub fn start(
    runtime: &tokio::runtime::Handle,
    listener: std::net::TcpListener,
    state: AppState,
) -> io::Result<SocketAddr> {
    let _inside = runtime.enter();
    let listener = TcpListener::from_std(listener)?;
    let address = listener.local_addr()?;
    let router = router(state);
    runtime.spawn(async move {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let router = router.clone();
                    tokio::spawn(async move {
                        serve(stream, router).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "accepting an HTTP connection failed");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    });
    Ok(address)
}

async fn serve(stream: TcpStream, router: Router) {
    let _ = stream.set_nodelay(true);
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT).max_buf_size(HEAD_BYTES_MAX);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).with_upgrades();
    // The client's fault or its end; nothing that anybody must act on.
    if let Err(error) = connection.await {
        tracing::debug!(%error, "an HTTP connection ended early");
    }
}
