//! HTTP: health, readiness, metrics and the REST interface, with bounds on everything a client can be slow or large with
//! (reliability O5).

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;
use turno_engine::{Answer, Command};

use crate::api::access::{Access, Peer};
use crate::api::{AppState, customers, headers, live, rest, wall};

/// Connections at once; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 1024;
/// Of them, from one address: half is left for the others. One more is closed at once.
const CONNECTIONS_OF_ONE_MAX: usize = 512;
/// TLS must be agreed by then.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// A request's head must be whole by then; also how long an idle connection is kept.
const HEAD_LIMIT: Duration = Duration::from_secs(15);
/// A request must be answered by then, its body read included.
const REQUEST_LIMIT: Duration = Duration::from_secs(15);
/// A change of the configuration must be in force by then: all of it is read, checked and brought to the disk, which may be busy.
const CHANGE_LIMIT: Duration = Duration::from_secs(60);
/// A file of customers must be in by then.
const IMPORT_LIMIT: Duration = Duration::from_secs(120);
/// Largest head; more is 431.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Largest body; more is 413.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Everything that HTTP serves. Add routes here: pages that browsers load before they have a token go beside `/healthz`,
/// what shows or changes state goes below `/api` and behind `access::guard`,
/// with a row in `routes`.
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
                .merge(live::import_router(state.clone()))
                .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, CHANGE_LIMIT)),
        )
        .layer(from_fn_with_state(state.clone(), headers::around))
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
    let access = state.access.clone();
    let router = router(state);
    runtime.spawn(async move {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let crowd = Arc::new(Crowd::default());
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, from)) => {
                    let Some(place) = Place::take(place, &crowd, from.ip()) else { continue };
                    let (router, access) = (router.clone(), access.clone());
                    tokio::spawn(async move {
                        open(stream, from.ip(), &access, router).await;
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

/// Connections by address.
#[derive(Debug, Default)]
struct Crowd(Mutex<HashMap<IpAddr, usize>>);

/// The right to one connection; given back when dropped.
struct Place {
    crowd: Arc<Crowd>,
    from: IpAddr,
    _place: OwnedSemaphorePermit,
}

impl Place {
    /// None: too many from there.
    fn take(place: OwnedSemaphorePermit, crowd: &Arc<Crowd>, from: IpAddr) -> Option<Place> {
        let mut all = crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        let his = all.entry(from).or_default();
        if *his >= CONNECTIONS_OF_ONE_MAX {
            return None;
        }
        *his += 1;
        Some(Place { crowd: crowd.clone(), from, _place: place })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(his) = all.get_mut(&self.from) {
            *his -= 1;
            if *his == 0 {
                all.remove(&self.from);
            }
        }
    }
}

async fn open(stream: TcpStream, address: IpAddr, access: &Access, router: Router) {
    let _ = stream.set_nodelay(true);
    let Some(config) = access.tls() else {
        return serve(stream, Peer { address, is_secure: false }, router).await;
    };
    match tokio::time::timeout(HANDSHAKE_LIMIT, TlsAcceptor::from(config).accept(stream)).await {
        Ok(Ok(stream)) => serve(stream, Peer { address, is_secure: true }, router).await,
        Ok(Err(error)) => tracing::debug!(%error, "a TLS connection was not agreed"),
        Err(_) => tracing::debug!("a TLS connection was not agreed in time"),
    }
}

/// The router, told whose requests these are.
struct Told {
    peer: Peer,
    router: TowerToHyperService<Router>,
}

impl Service<Request<Incoming>> for Told {
    type Response = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Response;
    type Error = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Error;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer);
        self.router.call(request)
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Peer, router: Router) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT).max_buf_size(HEAD_BYTES_MAX);
    let service = Told { peer, router: TowerToHyperService::new(router) };
    let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
    // The client's fault or its end; nothing that anybody must act on.
    if let Err(error) = connection.await {
        tracing::debug!(%error, "an HTTP connection ended early");
    }
}
