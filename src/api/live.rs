//! The live configuration over REST and the control socket: what is in force, changes of one object and of the whole, and the
//! log of revisions. Each answer names its revision; over REST it is the `ETag`, and `If-Match` makes a change conditional.

mod decks;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower_http::limit::RequestBodyLimitLayer;

use crate::api::access::{self, Asking};
use crate::api::control::Reply;
use crate::api::{AppState, asked, rest};
use crate::shell::live::Revision;
use crate::shell::live::document::{DOCUMENT_BYTES_MAX, Document, json_of};
use crate::shell::live::edit::{self, Act, Edit, EditError};
use crate::shell::live::kind::Shape;
use crate::shell::reload::Reloader;
use crate::shell::reload::change::{Absent, Asked, Done, Refused, Wanted};
use crate::shell::reload::decks::DeckView;
use crate::shell::reload::told::Reloaded;

/// Revisions that one question shows if it names no number.
const SHOWN: u32 = 20;
/// Most that one question shows.
const SHOWN_MAX: u32 = 1000;

/// What the control socket is asked of the live configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum LiveRequest {
    /// The document.
    Export {
        /// With its secrets.
        secrets: bool,
    },
    /// Change it.
    Change {
        /// What.
        wanted: Wanted,
        /// In words.
        why: String,
        /// Only say what would change.
        dry_run: bool,
        /// Refused if another revision is in force.
        expect: Option<u64>,
    },
    /// The last revisions.
    Log {
        /// How many.
        last: u32,
    },
    /// A revision with its document.
    Show {
        /// Which.
        revision: u64,
    },
    /// The price books that the store holds.
    Decks,
    /// A text of one of them.
    DeckText {
        /// Which deck.
        name: String,
        /// Which text; none: the last.
        id: Option<String>,
    },
}

/// What the control socket answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LiveReply {
    /// The document as TOML.
    Document {
        /// In force.
        revision: u64,
        /// TOML.
        text: String,
    },
    /// Changed, or what would be.
    Changed(Done),
    /// The youngest first.
    Log(Vec<Revision>),
    /// One revision; its document without secrets, if it is still kept.
    Shown(Revision, Option<String>),
    /// By name.
    Decks(Vec<DeckView>),
    /// CSV or JSON, as imported.
    DeckText(String),
}

/// Answers the control socket.
pub(super) async fn answer(request: LiveRequest, state: &AppState, who: &str) -> Reply {
    let (reloader, who) = (state.reloader.clone(), who.to_owned());
    // It reads files, writes the database and may wait for the engine.
    let done = tokio::task::spawn_blocking(move || answer_now(&reloader, request, who)).await;
    match done {
        Ok(Ok(reply)) => Reply::Live(Box::new(reply)),
        Ok(Err(refused)) => match refused {
            Refused::Edit(EditError::Unknown { .. }) | Refused::Revision(_) => Reply::Unknown(refused.to_string()),
            Refused::Problems(problems) => Reply::Refused(problems.iter().map(ToString::to_string).collect()),
            Refused::Moved { .. }
            | Refused::Edit(EditError::Exists { .. } | EditError::Unreadable { .. })
            | Refused::ChangedSince { .. }
            | Refused::Absent { .. }
            | Refused::TooLarge { .. }
            | Refused::Deck(_)
            | Refused::DeckTooLarge { .. }
            | Refused::DeckText(_) => Reply::Refused(vec![refused.to_string()]),
            Refused::DeckUnkept { .. } | Refused::Unkept(_) => Reply::Unavailable(refused.to_string()),
        },
        Err(_) => Reply::Unavailable("changing the configuration failed".to_owned()),
    }
}

fn answer_now(reloader: &Reloader, request: LiveRequest, who: String) -> Result<LiveReply, Refused> {
    match request {
        LiveRequest::Export { secrets } => {
            let (revision, document) = reloader.live();
            let text = if secrets { document.text() } else { document.masked().text() };
            Ok(LiveReply::Document { revision, text })
        }
        LiveRequest::Change { wanted, why, dry_run, expect } => {
            reloader.change(&wanted, &Asked { who, why, dry_run, expect }).map(LiveReply::Changed)
        }
        LiveRequest::Log { last } => reloader.revisions(last.min(SHOWN_MAX)).map(LiveReply::Log),
        LiveRequest::Show { revision } => {
            let (entry, document) = reloader.revision(revision)?;
            Ok(LiveReply::Shown(entry, document.map(|document| document.masked().text())))
        }
        LiveRequest::Decks => Ok(LiveReply::Decks(reloader.decks().1)),
        LiveRequest::DeckText { name, id } => reloader.deck_text(&name, id.as_deref()).map(LiveReply::DeckText),
    }
}

pub(super) use decks::import_router;

/// Routes below `/api/v1`.
pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/config", get(whole))
        .route("/config/export", get(export))
        .route("/config/revisions", get(revisions))
        .route("/config/revisions/{revision}", get(revision))
        .route("/config/revisions/{revision}/undo", post(undo))
        .route("/config/{kind}", get(section).put(put_only).patch(patch_only))
        .route("/config/{kind}/{name}", get(object).put(put).patch(patch).delete(remove))
        .merge(decks::router())
}

/// What changes the whole: it may take longer than other requests, and documents are larger than any other body.
pub(super) fn apply_router(state: AppState) -> Router<AppState> {
    Router::new()
        .route("/api/v1/config/apply", post(apply))
        .route("/api/v1/config/reload", post(reload))
        .layer(from_fn_with_state(state, access::guard))
        .layer(DefaultBodyLimit::disable())
        .layer(RequestBodyLimitLayer::new(DOCUMENT_BYTES_MAX))
}

/// How a change is asked for, beside what.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Terms {
    #[serde(default)]
    why: String,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    absent: Absent,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Last {
    last: Option<u32>,
}

async fn whole(State(state): State<AppState>) -> Response {
    let (revision, document) = state.reloader.live();
    tagged(revision, Json(json!({"revision": revision, "config": document.masked().json()})))
}

async fn export(State(state): State<AppState>) -> Response {
    let (revision, document) = state.reloader.live();
    tagged(revision, ([(header::CONTENT_TYPE, "application/toml; charset=utf-8")], document.masked().text()))
}

async fn section(State(state): State<AppState>, Path(kind): Path<String>) -> Response {
    let kind = match edit::kind_of(&kind) {
        Ok(kind) => kind,
        Err(error) => return refused(Refused::Edit(error)),
    };
    let (revision, document) = state.reloader.live();
    let masked = document.masked();
    let value = masked.section(kind.section).map(json_of);
    let empty = if kind.shape == Shape::Routes { json!([]) } else { json!({}) };
    tagged(revision, Json(json!({"revision": revision, kind.section: value.unwrap_or(empty)})))
}

async fn object(State(state): State<AppState>, Path((kind, name)): Path<(String, String)>) -> Response {
    let (revision, document) = state.reloader.live();
    match found(&document, &kind, &name) {
        Ok(value) => tagged(revision, Json(json!({"revision": revision, "object": value}))),
        Err(error) => refused(Refused::Edit(error)),
    }
}

fn found(document: &Document, kind: &str, name: &str) -> Result<Value, EditError> {
    let kind = edit::kind_of(kind)?;
    let masked = document.masked();
    let object = edit::object(&masked, kind, name).filter(|_| kind.shape != Shape::Whole);
    object.map(json_of).ok_or_else(|| EditError::Unknown { what: kind.word.to_owned(), name: name.to_owned() })
}

type Named = Path<(String, String)>;

async fn put(
    State(state): State<AppState>,
    Path((kind, name)): Named,
    Query(terms): Query<Terms>,
    Extension(asking): Extension<Asking>,
    headers: HeaderMap,
    Json(object): Json<Value>,
) -> Response {
    change(state, &asking, &headers, terms, Wanted::Edit(Edit { kind, name, act: Act::Put(object) })).await
}

async fn patch(
    State(state): State<AppState>,
    Path((kind, name)): Named,
    Query(terms): Query<Terms>,
    Extension(asking): Extension<Asking>,
    headers: HeaderMap,
    Json(keys): Json<Value>,
) -> Response {
    change(state, &asking, &headers, terms, Wanted::Edit(Edit { kind, name, act: Act::Patch(keys) })).await
}

async fn remove(
    State(state): State<AppState>,
    Path((kind, name)): Named,
    Query(terms): Query<Terms>,
    Extension(asking): Extension<Asking>,
    headers: HeaderMap,
) -> Response {
    change(state, &asking, &headers, terms, Wanted::Edit(Edit { kind, name, act: Act::Remove })).await
}

async fn put_only(
    State(state): State<AppState>,
    Path(kind): Path<String>,
    Query(terms): Query<Terms>,
    Extension(asking): Extension<Asking>,
    headers: HeaderMap,
    Json(object): Json<Value>,
) -> Response {
    let edit = Edit { kind, name: String::new(), act: Act::Put(object) };
    change(state, &asking, &headers, terms, Wanted::Edit(edit)).await
}

async fn patch_only(
    State(state): State<AppState>,
    Path(kind): Path<String>,
    Query(terms): Query<Terms>,
    Extension(asking): Extension<Asking>,
    headers: HeaderMap,
    Json(keys): Json<Value>,
) -> Response {
    let edit = Edit { kind, name: String::new(), act: Act::Patch(keys) };
    change(state, &asking, &headers, terms, Wanted::Edit(edit)).await
}

async fn apply(
    State(state): State<AppState>,
    Query(terms): Query<Terms>,
    Extension(asking): Extension<Asking>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(text) = String::from_utf8(body.to_vec()) else { return rest::bad("the body is TOML in UTF-8") };
    let wanted = Wanted::Apply { name: "body".to_owned(), text, absent: terms.absent };
    change(state, &asking, &headers, terms, wanted).await
}

async fn undo(
    State(state): State<AppState>,
    Path(revision): Path<u64>,
    Query(terms): Query<Terms>,
    Extension(asking): Extension<Asking>,
    headers: HeaderMap,
) -> Response {
    change(state, &asking, &headers, terms, Wanted::Undo(revision)).await
}

async fn reload(State(state): State<AppState>, Extension(asking): Extension<Asking>) -> Response {
    let again = move |reloader: &Reloader| reloader.reload(&asking.name).map_err(Refused::Problems);
    match read(state, again).await {
        Ok(Reloaded { before: _, revision, changed, warnings }) => {
            asked::say(changed.join(", "));
            let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
            tagged(revision, Json(json!({"revision": revision, "warnings": warnings})))
        }
        Err(refused) => refused,
    }
}

async fn revisions(State(state): State<AppState>, Query(asked): Query<Last>) -> Response {
    let last = asked.last.unwrap_or(SHOWN).min(SHOWN_MAX);
    match read(state, move |reloader| reloader.revisions(last)).await {
        Ok(all) => Json(json!({"revisions": all.iter().map(shown).collect::<Vec<_>>()})).into_response(),
        Err(refused) => refused,
    }
}

async fn revision(State(state): State<AppState>, Path(revision): Path<u64>) -> Response {
    match read(state, move |reloader| reloader.revision(revision)).await {
        Ok((entry, document)) => {
            let mut view = shown(&entry);
            view["config"] = document.map_or(Value::Null, |document| document.masked().json());
            Json(view).into_response()
        }
        Err(refused) => refused,
    }
}

/// Asks beside the io threads: it reads the database, maybe behind a change.
async fn read<T: Send + 'static>(
    state: AppState,
    ask: impl FnOnce(&Reloader) -> Result<T, Refused> + Send + 'static,
) -> Result<T, Response> {
    match tokio::task::spawn_blocking(move || ask(&state.reloader)).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(refused(error)),
        Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
    }
}

/// A revision as clients see it, also those of `turno --json`.
pub fn shown(revision: &Revision) -> Value {
    json!({
        "revision": revision.revision,
        "at": revision.at.to_string(),
        "who": revision.who,
        "how": revision.how,
        "why": revision.why,
        "changes": revision.changes,
    })
}

async fn change(state: AppState, asking: &Asking, headers: &HeaderMap, terms: Terms, wanted: Wanted) -> Response {
    let expect = match expected(headers) {
        Ok(expect) => expect,
        Err(sentence) => return rest::bad(sentence),
    };
    let asked = Asked { who: asking.name.to_string(), why: terms.why, dry_run: terms.dry_run, expect };
    match read(state, move |reloader| reloader.change(&wanted, &asked)).await {
        Ok(done) => tagged(done.revision, Json(done)),
        Err(refused) => refused,
    }
}

/// The revision of `If-Match`; none: whichever is in force.
fn expected(headers: &HeaderMap) -> Result<Option<u64>, &'static str> {
    let Some(tag) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = tag.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let number = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
    number.map(Some).ok_or("If-Match is a revision in quotes, as ETag was")
}

fn tagged(revision: u64, response: impl IntoResponse) -> Response {
    let mut response = response.into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{revision}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

fn refused(refused: Refused) -> Response {
    let status = match &refused {
        Refused::Moved { .. } => StatusCode::PRECONDITION_FAILED,
        Refused::Edit(EditError::Unknown { .. }) | Refused::Revision(_) => StatusCode::NOT_FOUND,
        Refused::Edit(EditError::Exists { .. }) | Refused::ChangedSince { .. } => StatusCode::CONFLICT,
        Refused::Edit(EditError::Unreadable { .. }) | Refused::Absent { .. } | Refused::Problems(_) => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Refused::Deck(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Refused::TooLarge { .. } | Refused::DeckTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Refused::DeckText(_) | Refused::DeckUnkept { .. } | Refused::Unkept(_) => StatusCode::SERVICE_UNAVAILABLE,
    };
    let body = match &refused {
        Refused::Problems(problems) => {
            let problem = |p: &crate::shell::config::Problem| json!({"file": p.file, "line": p.line, "key": p.key, "sentence": p.sentence, "warning": p.warning});
            let problems: Vec<Value> = problems.iter().map(problem).collect();
            json!({"error": "the configuration would not fit", "problems": problems})
        }
        Refused::Deck(faults) => json!({"error": "the price book is refused", "rows": faults}),
        Refused::Moved { .. }
        | Refused::Edit(_)
        | Refused::Revision(_)
        | Refused::ChangedSince { .. }
        | Refused::Absent { .. }
        | Refused::TooLarge { .. }
        | Refused::DeckTooLarge { .. }
        | Refused::DeckText(_)
        | Refused::DeckUnkept { .. }
        | Refused::Unkept(_) => json!({"error": refused.to_string()}),
    };
    (status, Json(body)).into_response()
}

#[cfg(test)]
mod tests;
