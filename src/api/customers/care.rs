//! Changes of customers by REST: files in, two made one and taken apart again, everything of a person, and forgetting.

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;
use tower_http::limit::RequestBodyLimitLayer;
use turno_customers::import::Mapping;

use crate::api::{AppState, access, asked};
use crate::shell::clock::wall;
use crate::shell::customers::file::{FileError, Reading, import_text};
use crate::shell::customers::person::{self, EraseError};
use crate::shell::store::StoreError;
use crate::shell::store::customers::{Customers, Edit, EditError, MergeError, tag};

/// Largest file that comes in by HTTP, bytes; larger ones by `turno customers import`.
pub(crate) const IMPORT_BYTES_MAX: usize = 32 * 1024 * 1024;

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/customers/{id}/export", get(export))
        .route("/customers/{id}/erase", post(erase))
        .route("/customers/{id}/merge", post(merge))
        .route("/customers/{id}/unmerge", post(unmerge))
        .route("/customers/{id}/different", post(different))
}

/// Files are larger and take longer than other requests: they have bounds of their own.
pub(crate) fn import_router(state: AppState) -> Router<AppState> {
    Router::new()
        .route("/api/v1/customers/import", post(import))
        .layer(from_fn_with_state(state, access::guard))
        .layer(axum::extract::DefaultBodyLimit::disable())
        .layer(RequestBodyLimitLayer::new(IMPORT_BYTES_MAX))
}

/// `?name=&country=&dry_run=`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    name: Option<String>,
    country: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

/// Two customers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Other {
    other: String,
}

/// What cannot be taken back is said aloud.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sure {
    yes: bool,
}

/// Why a request is not done.
pub(super) enum Not {
    Store(StoreError),
    /// With a sentence for whoever asked.
    Asked(StatusCode, String),
}

impl From<StoreError> for Not {
    fn from(error: StoreError) -> Not {
        match error {
            StoreError::Missing(_) => nobody(),
            error @ (StoreError::InUse(_)
            | StoreError::Posting(_)
            | StoreError::Disk { .. }
            | StoreError::Database { .. }
            | StoreError::DatabaseVersion { .. }) => Not::Store(error),
        }
    }
}

impl From<MergeError> for Not {
    fn from(error: MergeError) -> Not {
        let sentence = error.to_string();
        match error {
            MergeError::Store(error) => error.into(),
            MergeError::NoCustomer(_) => Not::Asked(StatusCode::NOT_FOUND, sentence),
            MergeError::Unmergeable(_) | MergeError::NotMerged(_) => Not::Asked(StatusCode::CONFLICT, sentence),
        }
    }
}

impl From<EditError> for Not {
    fn from(error: EditError) -> Not {
        let sentence = error.to_string();
        match error {
            EditError::Store(error) => error.into(),
            EditError::NoCustomer(_) => nobody(),
            EditError::ChangedSince => Not::Asked(StatusCode::PRECONDITION_FAILED, sentence),
            EditError::NoName { .. } | EditError::Unkeepable(_) => {
                Not::Asked(StatusCode::UNPROCESSABLE_ENTITY, sentence)
            }
        }
    }
}

fn nobody() -> Not {
    Not::Asked(StatusCode::NOT_FOUND, "the store has no such customer".to_owned())
}

async fn import(State(state): State<AppState>, Query(asked): Query<Asked>, body: Bytes) -> Response {
    let country = asked.country.unwrap_or_else(|| state.customers.country());
    let reading = Reading { mapping: Mapping::of_country(&country), ..Reading::default() };
    let name = asked.name.unwrap_or_else(|| "REST".to_owned());
    done(&state, move |dir| {
        let mut store = Customers::open(dir)?;
        let outcome = import_text(&mut store, &name, &body, &reading, wall(), asked.dry_run);
        let outcome = outcome.map_err(|error| match error {
            FileError::Store(error) => error.into(),
            FileError::Header(error) => Not::Asked(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
            error @ (FileError::Io(..) | FileError::TooLarge(_) | FileError::Sheet(..) | FileError::NoSheet(..)) => {
                Not::Asked(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
            }
        })?;
        Ok(json!({"dry_run": asked.dry_run, "outcome": outcome}))
    })
    .await
}

async fn export(State(state): State<AppState>, Path(id): Path<String>) -> Response {
    done(&state, move |dir| person::export(dir, &id)?.ok_or_else(nobody)).await
}

async fn erase(State(state): State<AppState>, Path(id): Path<String>, Json(sure): Json<Sure>) -> Response {
    if !sure.yes {
        let sentence = "this cannot be taken back; say {\"yes\": true}";
        return refused(StatusCode::UNPROCESSABLE_ENTITY, sentence);
    }
    done(&state, move |dir| match person::erase(dir, &id) {
        Ok(Some(gone)) => Ok(json!({"erased": id, "pseudonym": gone.pseudonym, "calls": gone.calls})),
        Ok(None) => Err(nobody()),
        Err(EraseError::Store(error)) => Err(error.into()),
        Err(error @ EraseError::Entropy) => Err(Not::Asked(StatusCode::SERVICE_UNAVAILABLE, error.to_string())),
    })
    .await
}

/// Changes keys of a customer. What is answered is what is kept now; its `ETag` is that of another look.
pub(super) async fn patch(
    State(state): State<AppState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(edit): Json<Edit>,
) -> Response {
    let expect = headers.get(header::IF_MATCH).and_then(|tag| tag.to_str().ok()).map(str::trim);
    let expect = expect.filter(|tag| *tag != "*").map(|tag| tag.trim_matches('"').to_owned());
    // What it says of him is his: the audit log has the keys alone and a number, under which his store tells the rest until he is forgotten.
    asked::say(edit.keys().join(" "));
    let (tell, told) = tokio::sync::oneshot::channel();
    let mut response = changed(&state, move |store| {
        let customer = store.edit(&id, &edit, expect.as_deref())?;
        let _ = tell.send(tag(&customer));
        Ok(json!({"customer": customer}))
    })
    .await;
    if let Some(tag) = told.await.ok().and_then(|tag| HeaderValue::from_str(&format!("\"{tag}\"")).ok()) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

async fn merge(State(state): State<AppState>, Path(id): Path<String>, Json(with): Json<Other>) -> Response {
    let by = asked::who();
    asked::say(with.other.clone());
    changed(&state, move |store| Ok(json!(store.merge(&id, &with.other, &by, wall())?))).await
}

async fn unmerge(State(state): State<AppState>, Path(id): Path<String>) -> Response {
    changed(&state, move |store| {
        let (kept, parted) = store.unmerge(&id, wall())?;
        Ok(json!({"kept": kept, "parted": parted}))
    })
    .await
}

async fn different(State(state): State<AppState>, Path(id): Path<String>, Json(than): Json<Other>) -> Response {
    asked::say(than.other.clone());
    done(&state, move |dir| {
        Customers::open_existing(dir)?.set_different(&id, &than.other)?;
        Ok(json!({"different": [id, than.other]}))
    })
    .await
}

/// A change of one customer, told by his store under a number that the audit log names.
pub(super) async fn changed(
    state: &AppState,
    work: impl FnOnce(&mut Customers) -> Result<serde_json::Value, Not> + Send + 'static,
) -> Response {
    let (tell, told) = tokio::sync::oneshot::channel();
    let oldest = state.audit.kept_since();
    let response = done(state, move |dir| {
        let mut store = Customers::open_existing(dir)?;
        let given = work(&mut store)?;
        let _ = tell.send(store.last_edit());
        // What the audit log names no more need not be told.
        if let Err(error) = store.forget_edits(oldest) {
            tracing::warn!(%error, "old changes of customers are still told");
        }
        Ok(given)
    })
    .await;
    if let Ok(Some(edit)) = told.await {
        asked::edited(edit);
    }
    response
}

/// On a thread that may wait for the disk.
pub(super) async fn done(
    state: &AppState,
    work: impl FnOnce(&std::path::Path) -> Result<serde_json::Value, Not> + Send + 'static,
) -> Response {
    let dir = state.records.clone();
    match tokio::task::spawn_blocking(move || work(&dir)).await {
        Ok(Ok(json)) => Json(json).into_response(),
        Ok(Err(Not::Asked(status, sentence))) => refused(status, &sentence),
        Ok(Err(Not::Store(error))) => {
            tracing::error!(%error, "customers cannot be changed");
            refused(StatusCode::SERVICE_UNAVAILABLE, "customers cannot be changed now; the log says why")
        }
        Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "changing the customers failed; the log says why"),
    }
}

fn refused(status: StatusCode, sentence: &str) -> Response {
    (status, Json(json!({"error": sentence}))).into_response()
}
