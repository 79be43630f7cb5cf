//! Who asks, what he may, and how often: tokens, people who sign in, and the guard before every route of `routes`.
//!
//! A token is known by its SHA-256 alone. What the configuration says of them is replaced whole by a reload.

mod kept;
mod once;
mod pace;
mod password;
mod signed;

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, OriginalUri, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio_rustls::rustls::ServerConfig;
use turno_base::AgentId;
use turno_engine::{Answer, Command};

use crate::api::routes::{self, Route, Whose};
use crate::api::{AppState, asked};
use crate::shell::clock::wall;
use crate::shell::config::{HttpSettings, Rights, Scope, digest};
use kept::Kept;
use once::Once;
use pace::{Pace, Turn};
use password::Passwords;
use signed::Signed;

pub(crate) use password::hash as password_hash;

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A new secret: 256 bits that nobody guesses.
pub(crate) fn draw() -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the kernel's random source does not fail once the system has started");
    format!("tn_{}", hex(&bytes))
}

/// Where a request comes from; every connection says it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// Its address.
    pub(crate) address: IpAddr,
    /// It came by TLS.
    pub(crate) is_secure: bool,
}

impl Peer {
    /// Whom limits are kept for: one line has a whole /64 of IPv6.
    fn source(&self) -> IpAddr {
        match self.address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        }
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asking {
    /// Name of the token or person.
    pub(crate) name: Arc<str>,
    /// What he may.
    pub(crate) rights: Rights,
}

impl Asking {
    fn anybody() -> Asking {
        Asking { name: "anybody".into(), rights: Rights { scope: Scope::Admin, agent: None } }
    }
}

/// The configured part, replaced whole.
#[derive(Debug, Default)]
struct Book {
    settings: HttpSettings,
    token: Option<[u8; 32]>,
}

/// Who may ask for what.
pub struct Access {
    book: RwLock<Arc<Book>>,
    signed: Signed,
    passwords: Passwords,
    by_name: Pace<Arc<str>>,
    by_source: Pace<IpAddr>,
    once: Once,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Access(…)")
    }
}

/// Not served, with a sentence for whoever asked.
pub(crate) fn refused(status: StatusCode, sentence: &str) -> Response {
    (status, axum::Json(json!({"error": sentence}))).into_response()
}

/// Too often: when to come again.
fn later(wait: Duration, sentence: &str) -> Response {
    let mut response = refused(StatusCode::TOO_MANY_REQUESTS, sentence);
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    response
}

impl Access {
    /// As configured, with who has signed in and what was answered as it is kept in `dir`; none: in memory alone.
    pub fn new(settings: &HttpSettings, dir: Option<&Path>) -> Access {
        let kept = dir.map(Kept::open).unwrap_or_default();
        let access = Access {
            book: RwLock::default(),
            signed: Signed::new(kept.clone()),
            passwords: Passwords::new(),
            by_name: Pace::default(),
            by_source: Pace::default(),
            once: Once::new(kept),
        };
        access.set(settings);
        access
    }

    /// The configuration changed. Who signed in and is not configured any more, or otherwise, is out.
    pub fn set(&self, settings: &HttpSettings) {
        let book = Book { token: settings.token.as_deref().map(digest), settings: settings.clone() };
        self.signed.keep(|asking| {
            settings.people.iter().any(|person| *person.name == *asking.name && person.rights == asking.rights)
        });
        *self.book.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(book);
    }

    /// What TLS is opened with; none: plain HTTP.
    pub(crate) fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.book().settings.tls.as_ref().map(|tls| tls.config.clone())
    }

    fn book(&self) -> Arc<Book> {
        self.book.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A request from there may be looked at now.
    pub(crate) fn take_source(&self, peer: Peer) -> Result<(), Box<Response>> {
        match self.by_source.take(peer.source(), Turn::a_second(self.book().settings.source_rate)) {
            Ok(()) => Ok(()),
            Err(wait) => Err(Box::new(later(wait, "too many requests from this address"))),
        }
    }

    fn take_name(&self, asking: &Asking) -> Result<(), Box<Response>> {
        match self.by_name.take(asking.name.clone(), Turn::a_second(self.book().settings.rate)) {
            Ok(()) => Ok(()),
            Err(wait) => Err(Box::new(later(wait, "too many requests with this token"))),
        }
    }

    /// Who asks. A browser cannot set headers for a WebSocket: there the token comes as a subprotocol or `in_query`.
    pub(crate) fn admit(&self, headers: &HeaderMap, in_query: Option<&str>) -> Result<Asking, Box<Response>> {
        let book = self.book();
        if self.is_foreign(headers, &book) {
            return Err(Box::new(refused(StatusCode::FORBIDDEN, "pages of other sites may not ask")));
        }
        if book.settings.is_open() {
            return match is_named_here(headers) {
                true => Ok(Asking::anybody()),
                false => Err(Box::new(refused(
                    StatusCode::FORBIDDEN,
                    "without http.token only an address or localhost may be asked for; set one to use a name",
                ))),
            };
        }
        let sentence = match self.known(&book, given(headers).or(in_query).unwrap_or_default()) {
            Ok(asking) => return Ok(asking),
            Err(sentence) => sentence,
        };
        let mut refused = refused(StatusCode::UNAUTHORIZED, sentence);
        refused.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        Err(Box::new(refused))
    }

    fn known(&self, book: &Book, given: &str) -> Result<Asking, &'static str> {
        let hash = digest(given);
        if let Some(asking) = self.signed.find(&hash) {
            return Ok(asking);
        }
        // Digests of what was guessed say nothing of how much was right: comparing them may take what time it takes.
        if book.token == Some(hash) {
            let rights = Rights { scope: Scope::Admin, agent: None };
            return Ok(Asking { name: "http.token".into(), rights });
        }
        match book.settings.tokens.iter().find(|token| token.hash == hash) {
            Some(token) if token.expires.is_some_and(|end| end <= wall()) => Err("this token has expired"),
            Some(token) => Ok(Asking { name: token.name.as_str().into(), rights: token.rights }),
            None => Err("a bearer token of this node is needed"),
        }
    }

    /// Signs somebody in: the token, and when it ends.
    pub(crate) async fn sign_in(&self, peer: Peer, name: &str, password: &str) -> Result<signed::Fresh, Box<Response>> {
        if let Err(wait) = self.passwords.may_try(peer.source(), name) {
            return Err(Box::new(later(wait, "too many attempts to sign in")));
        }
        let book = self.book();
        let person = book.settings.people.iter().find(|person| person.name == name);
        let is_right = self.passwords.check(person.map(|person| person.password.clone()), password).await;
        match person.filter(|_| is_right) {
            Some(person) => {
                tracing::info!(name, "signed in");
                let asking = Asking { name: person.name.as_str().into(), rights: person.rights };
                Ok(self.signed.begin(asking).await)
            }
            None => {
                tracing::warn!(source = %peer.source(), "an attempt to sign in failed");
                Err(Box::new(refused(StatusCode::UNAUTHORIZED, "name or password is wrong")))
            }
        }
    }

    /// Ends what was signed in with these headers.
    pub(crate) async fn sign_out(&self, headers: &HeaderMap) {
        self.signed.end(digest(given(headers).unwrap_or_default())).await;
    }

    /// A page of another site makes the browser of somebody who may reach this address ask: only browsers send an Origin,
    /// and pages of ours have the one that they were loaded from.
    fn is_foreign(&self, headers: &HeaderMap, book: &Book) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else { return false };
        if is_listed(&book.settings, origin) {
            return false;
        }
        let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        origin.is_none_or(|(_, authority)| host.is_none_or(|host| !host.eq_ignore_ascii_case(authority)))
    }

    /// Its Origin, if a page from there may ask.
    pub(crate) fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        headers.get(header::ORIGIN).filter(|origin| is_listed(&self.book().settings, origin)).cloned()
    }
}

fn is_listed(settings: &HttpSettings, origin: &HeaderValue) -> bool {
    origin.to_str().is_ok_and(|origin| settings.origins.iter().any(|listed| listed.eq_ignore_ascii_case(origin)))
}

/// The token of a request: in `Authorization`, or among the subprotocols of a WebSocket.
fn given(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some(token) = bearer.and_then(|value| value.strip_prefix("Bearer ")) {
        return Some(token);
    }
    let offered = headers.get(header::SEC_WEBSOCKET_PROTOCOL).and_then(|value| value.to_str().ok())?;
    offered.split(',').find_map(|protocol| protocol.trim().strip_prefix("bearer."))
}

/// The request names us by an address or as localhost. The page of a stranger whose name has come to mean 127.0.0.1 is no
/// page of another site to the browser, but it still says that name.
fn is_named_here(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return false };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(address, _)| address),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

/// Before every route below `/api/v1`: lets pass who may, says who it is, and remembers answers to commands.
pub(crate) async fn guard(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()).unwrap_or_default();
    let Some(row) = routes::find(request.method(), &path) else {
        let known = routes::methods(&path);
        let status = if known.is_empty() { StatusCode::NOT_FOUND } else { StatusCode::METHOD_NOT_ALLOWED };
        let mut response = refused(status, "there is nothing of this kind here");
        if let Ok(allow) = HeaderValue::from_str(&known.join(", ")) {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        return response;
    };
    if row.is_open {
        return next.run(request).await;
    }
    let (mut head, body) = request.into_parts();
    let asking = match may(&state, row, &head).await {
        Ok(asking) => asking,
        Err(refused) => return *refused,
    };
    let uri = head.extensions.get::<OriginalUri>().map_or(&head.uri, |uri| &uri.0);
    let (method, where_to, query) = (head.method.clone(), uri.path().to_owned(), uri.query().map(str::to_owned));
    if method != Method::GET {
        tracing::info!(by = %asking.name, %method, path = where_to, "asked by HTTP");
    }
    head.extensions.insert(asking.clone());
    let who = asking.name.clone();
    if method == Method::GET || method == Method::HEAD {
        let served = next.run(Request::from_parts(head, body));
        return asked::serve(&state, who, (method, where_to, query), served).await;
    }
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large or did not come whole");
    };
    let request = Request::from_parts(head, Body::from(body));
    // Such files are larger than what is remembered, and the same file again changes nothing.
    let is_remembered =
        method == Method::POST && ![routes::IMPORT, routes::APPLY, routes::DECK].contains(&path.as_str());
    let carried = async move {
        let served = async {
            match is_remembered {
                true => state.access.once.run(&asking, request, next).await,
                false => next.run(request).await,
            }
        };
        asked::serve(&state, who, (method, where_to, query), served).await
    };
    // Who goes away meanwhile, or is answered that it takes too long, has asked for it all the same: it is done and written down.
    tokio::spawn(carried).await.unwrap_or_else(|error| {
        tracing::error!(%error, path, "a request broke off");
        refused(StatusCode::INTERNAL_SERVER_ERROR, "this broke off; the log says why")
    })
}

/// Whether the request may be served, and who asks.
async fn may(state: &AppState, row: &Route, request: &Parts) -> Result<Asking, Box<Response>> {
    let asking = state.access.admit(&request.headers, None)?;
    state.access.take_name(&asking)?;
    let Rights { scope, agent } = asking.rights;
    if !row.allows(scope) {
        let sentence = format!("a token of scope {} may not do this", scope.as_str());
        return Err(Box::new(refused(StatusCode::FORBIDDEN, &sentence)));
    }
    match agent {
        Some(agent) if !is_his(state, row, request, agent).await => {
            Err(Box::new(refused(StatusCode::FORBIDDEN, "an agent's token acts for this agent alone")))
        }
        Some(_) | None => Ok(asking),
    }
}

/// What the request is about belongs to the agent.
async fn is_his(state: &AppState, row: &Route, request: &Parts, agent: AgentId) -> bool {
    let named = |what: &str| {
        // From the end: what a nested router sees lacks the beginning.
        let (pattern, path) = (row.path.rsplit('/'), request.uri.path().rsplit('/'));
        pattern.zip(path).find(|(part, _)| *part == what).map(|(_, said)| said)
    };
    match row.whose {
        Whose::Anybodys => true,
        Whose::TheAgents => named("{agent}") == Some(agent.as_str()),
        Whose::OfTheAgentAsked => {
            let query = request.uri.query().unwrap_or_default();
            let mut asked = query.split('&').filter_map(|pair| pair.strip_prefix("agent="));
            asked.next() == Some(agent.as_str()) && asked.next().is_none()
        }
        Whose::HisCall => match state.asker.ask(Command::AgentShow(Some(agent))).await {
            Ok(Answer::Agents(agents)) => {
                agents.iter().any(|view| view.call.is_some_and(|call| named("{call}") == Some(&call.to_string())))
            }
            Ok(_) | Err(_) => false,
        },
        Whose::HisTask => match state.asker.ask(Command::TaskShow(None, Some(agent))).await {
            Ok(Answer::Tasks(tasks)) => tasks.iter().any(|view| named("{task}") == Some(&view.task.to_string())),
            Ok(_) | Err(_) => false,
        },
    }
}

#[cfg(test)]
pub(super) mod tests;
