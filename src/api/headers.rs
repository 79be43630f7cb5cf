//! Headers that every answer has, and what pages of other origins may see of it.

use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::AppState;
use crate::api::access::Peer;

/// What is no page of ours loads and runs nothing.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'");
const A_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000");
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
const ASKED: HeaderValue = HeaderValue::from_static("authorization, content-type, idempotency-key, if-match");
const TOLD: HeaderValue = HeaderValue::from_static("etag, retry-after, idempotency-replayed");
const PREFLIGHT_KEPT: HeaderValue = HeaderValue::from_static("600");
/// Paths that a load balancer asks as often as it likes.
const HEALTH: [&str; 2] = ["/healthz", "/readyz"];

/// Around everything: counts how often an address asks, answers the questions that browsers ask first, sets the headers.
pub(super) async fn around(
    State(state): State<AppState>,
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let origin = state.access.origin(request.headers());
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let is_api = request.uri().path().starts_with("/api/");
    let taken = match HEALTH.contains(&request.uri().path()) {
        true => Ok(()),
        false => state.access.take_source(peer),
    };
    let mut response = match taken {
        Err(refused) => *refused,
        Ok(()) if is_preflight && origin.is_some() => StatusCode::NO_CONTENT.into_response(),
        Ok(()) => next.run(request).await,
    };
    let headers = response.headers_mut();
    if is_preflight && origin.is_some() {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ASKED);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_KEPT);
    }
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, TOLD);
    }
    harden(headers, peer, is_api);
    response
}

fn harden(headers: &mut HeaderMap, peer: Peer, is_api: bool) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(POLICY);
    if is_api {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        // What one origin was answered is not for another.
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
    if peer.is_secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, A_YEAR);
    }
}
